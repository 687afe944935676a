//! Device filters: `conditions.devices.deviceFilter`, judged where the host knows the device.

use std::collections::BTreeMap;

/// A device filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceFilter {
    /// Whether devices that satisfy the rule are in or out.
    pub mode: FilterMode,
    /// The rule as written.
    pub rule: String,
}

/// `filterMode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FilterMode {
    /// The condition matches devices that satisfy the rule.
    Include,
    /// The condition matches devices that do not.
    Exclude,
}

/// What the host knows of the calling device, by attribute name as in rules, without the
/// `device.` prefix. Values are compared without regard to ASCII case.
pub type DeviceAttributes = BTreeMap<String, String>;

/// Why a rule cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at character {position})")]
pub struct DeviceRuleError {
    /// Offset in characters.
    pub position: usize,
    /// What was expected there.
    pub message: String,
}
