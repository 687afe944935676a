//! `[watch]`: whether documents on disk are read again when they change.

use std::time::Duration;

use serde::Deserialize;

use super::seconds::Seconds;

/// `[watch]`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WatchSection {
    /// How changes are noticed.
    pub(crate) mode: WatchMode,
    interval: Option<Seconds>,
}

/// How changes of documents are noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WatchMode {
    /// The operating system tells; where it cannot, as `poll`.
    #[default]
    Auto,
    /// Files are looked at every `interval`.
    Poll,
    /// Only SIGHUP reads documents again.
    Off,
}

impl WatchSection {
    /// How often files are looked at where the operating system does not tell.
    pub(crate) fn interval(&self) -> Duration {
        self.interval.map_or(Duration::from_secs(5), |interval| {
            interval.duration().max(Duration::from_secs(1))
        })
    }
}
