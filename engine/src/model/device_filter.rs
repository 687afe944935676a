//! Device filters: `conditions.devices.deviceFilter`, judged where the host knows the device.
//!
//! A rule is compiled once, when its document is read. Judging it against a device allocates
//! nothing: attribute names and values are compared in place, without regard to ASCII case.

use std::collections::BTreeMap;

mod rule;

pub use rule::DeviceRuleError;
use rule::{Comparison, Operator, Rule, Value};

/// A device filter: legal by construction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceFilter {
    mode: FilterMode,
    text: String,
    rule: Rule,
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
/// `device.` prefix. Names and values are compared without regard to ASCII case; lists such as
/// `systemLabels` are written with commas between their entries.
///
/// A host that supplies attributes speaks for the whole device: an attribute that Graph defines
/// and that is missing here is null, as all are for an unregistered device.
pub type DeviceAttributes = BTreeMap<String, String>;

impl DeviceFilter {
    /// Compiles a filter from its mode and rule.
    ///
    /// # Errors
    /// A rule that does not follow the grammar, with the character where it departs.
    ///
    /// ```
    /// use highwater::model::{DeviceAttributes, DeviceFilter, FilterMode};
    ///
    /// let filter = DeviceFilter::new(
    ///     FilterMode::Exclude,
    ///     r#"device.isCompliant -eq True -and device.trustType -in ["AzureAD", "ServerAD"]"#,
    /// )
    /// .unwrap();
    /// let managed = DeviceAttributes::from([
    ///     ("isCompliant".to_owned(), "true".to_owned()),
    ///     ("trustType".to_owned(), "AzureAD".to_owned()),
    /// ]);
    /// assert_eq!(filter.matches(&managed), Some(false));
    /// assert_eq!(filter.matches(&DeviceAttributes::new()), Some(true));
    /// ```
    pub fn new(mode: FilterMode, rule: &str) -> Result<DeviceFilter, DeviceRuleError> {
        Ok(DeviceFilter {
            mode,
            text: rule.to_owned(),
            rule: rule::parse(rule)?,
        })
    }

    /// Whether devices that satisfy the rule are in or out.
    #[must_use]
    pub fn mode(&self) -> FilterMode {
        self.mode
    }

    /// The rule as written.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.text
    }

    /// Whether the condition matches a device with these attributes.
    ///
    /// `None`: it hangs on an attribute that Graph does not define and the host did not supply.
    /// A null attribute satisfies the negative operators and none of the positive ones.
    #[must_use]
    pub fn matches(&self, device: &DeviceAttributes) -> Option<bool> {
        let satisfied = judge(&self.rule, device)?;
        Some(match self.mode {
            FilterMode::Include => satisfied,
            FilterMode::Exclude => !satisfied,
        })
    }
}

/// Kleene: an unknown part leaves the whole unknown unless the other part decides it.
fn judge(rule: &Rule, device: &DeviceAttributes) -> Option<bool> {
    match rule {
        Rule::Not(inner) => judge(inner, device).map(|value| !value),
        Rule::And(parts) => fold(parts, device, false),
        Rule::Or(parts) => fold(parts, device, true),
        Rule::Comparison(comparison) => compare(comparison, device),
    }
}

/// AND where `decisive` is false, OR where it is true.
fn fold(parts: &[Rule], device: &DeviceAttributes, decisive: bool) -> Option<bool> {
    let mut result = Some(!decisive);
    for part in parts {
        match judge(part, device) {
            Some(value) if value == decisive => return Some(decisive),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}

fn compare(comparison: &Comparison, device: &DeviceAttributes) -> Option<bool> {
    let actual = device
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(&comparison.attribute))
        .map(|(_, value)| value.as_str());
    if actual.is_none() && !is_defined(&comparison.attribute) {
        return None;
    }
    let any = |matches: fn(&str, &str) -> bool| {
        comparison.values.iter().any(|value| match (actual, value) {
            (Some(actual), Value::Text(wanted)) => matches(actual, wanted),
            (None, Value::Null) => true,
            (Some(_), Value::Null) | (None, Value::Text(_)) => false,
        })
    };
    Some(match comparison.operator {
        Operator::Equal | Operator::In => any(|actual, wanted| actual.eq_ignore_ascii_case(wanted)),
        Operator::NotEqual | Operator::NotIn => {
            !any(|actual, wanted| actual.eq_ignore_ascii_case(wanted))
        }
        Operator::StartsWith => any(starts_with),
        Operator::NotStartsWith => !any(starts_with),
        Operator::EndsWith => any(ends_with),
        Operator::NotEndsWith => !any(ends_with),
        Operator::Contains => any(contains),
        Operator::NotContains => !any(contains),
    })
}

fn starts_with(actual: &str, wanted: &str) -> bool {
    actual
        .as_bytes()
        .get(..wanted.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(wanted.as_bytes()))
}

fn ends_with(actual: &str, wanted: &str) -> bool {
    actual
        .len()
        .checked_sub(wanted.len())
        .and_then(|from| actual.as_bytes().get(from..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(wanted.as_bytes()))
}

fn contains(actual: &str, wanted: &str) -> bool {
    wanted.is_empty()
        || actual
            .as_bytes()
            .windows(wanted.len())
            .any(|window| window.eq_ignore_ascii_case(wanted.as_bytes()))
}

/// Whether Graph defines the attribute for device filters.
fn is_defined(attribute: &str) -> bool {
    const DEFINED: [&str; 16] = [
        "deviceId",
        "displayName",
        "deviceOwnership",
        "enrollmentProfileName",
        "isCompliant",
        "manufacturer",
        "mdmAppId",
        "mdmApplicationId",
        "model",
        "operatingSystem",
        "operatingSystemVersion",
        "osVersion",
        "physicalIds",
        "profileType",
        "systemLabels",
        "trustType",
    ];
    DEFINED
        .iter()
        .any(|name| name.eq_ignore_ascii_case(attribute))
        || attribute
            .get(..18)
            .filter(|head| head.eq_ignore_ascii_case("extensionAttribute"))
            .and_then(|_| attribute.get(18..)?.parse::<u8>().ok())
            .is_some_and(|number| (1..=15).contains(&number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: &str, device: &[(&str, &str)], expected: Option<bool>) {
        let attributes: DeviceAttributes = device
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let include = DeviceFilter::new(FilterMode::Include, rule).unwrap();
        assert_eq!(include.matches(&attributes), expected, "{rule} {device:?}");
        let exclude = DeviceFilter::new(FilterMode::Exclude, rule).unwrap();
        assert_eq!(
            exclude.matches(&attributes),
            expected.map(|value| !value),
            "{rule} {device:?}"
        );
    }

    #[test]
    fn every_operator_on_a_value_and_on_null() {
        let laptop = [("displayName", "LAPTOP-Ada-7")];
        for (comparison, on_value, on_null) in [
            ("-eq \"laptop-ada-7\"", true, false),
            ("-eq \"other\"", false, false),
            ("-ne \"other\"", true, true),
            ("-ne \"LAPTOP-ADA-7\"", false, true),
            ("-startsWith \"laptop\"", true, false),
            ("-notStartsWith \"laptop\"", false, true),
            ("-endsWith \"ADA-7\"", true, false),
            ("-notEndsWith \"ada-7\"", false, true),
            ("-contains \"-ada-\"", true, false),
            ("-notContains \"-ada-\"", false, true),
            ("-in [\"x\", \"laptop-ada-7\"]", true, false),
            ("-notIn [\"x\", \"laptop-ada-7\"]", false, true),
            ("-eq null", false, true),
            ("-ne null", true, false),
        ] {
            let rule = format!("device.displayName {comparison}");
            check(&rule, &laptop, Some(on_value));
            check(&rule, &[], Some(on_null));
        }
    }

    #[test]
    fn connectives_bind_and_tighter_than_or() {
        let device = [("model", "m"), ("trustType", "AzureAD")];
        let yes = "device.model -eq \"m\"";
        let no = "device.trustType -eq \"x\"";
        check(&format!("{yes} -or {no} -and {no}"), &device, Some(true));
        check(&format!("({yes} -or {no}) -and {no}"), &device, Some(false));
        check(&format!("-not ({no}) -and {yes}"), &device, Some(true));
        check(&format!("({yes}) or ({no})"), &device, Some(true));
        check(&format!("NOT {yes} AND {yes}"), &device, Some(false));
    }

    #[test]
    fn an_attribute_that_nobody_knows_is_unknown_unless_the_rest_decides() {
        check("device.colour -eq \"red\"", &[], None);
        check(
            "device.colour -eq \"red\"",
            &[("Colour", "RED")],
            Some(true),
        );
        check(
            "device.colour -eq \"red\" -or device.model -eq null",
            &[],
            Some(true),
        );
        check(
            "device.colour -eq \"red\" -and device.model -ne null",
            &[],
            Some(false),
        );
        check("device.extensionAttribute15 -ne \"x\"", &[], Some(true));
        check("device.extensionAttribute16 -ne \"x\"", &[], None);
    }
}
