//! `[log]`, `[decision_log]` and `[telemetry]`: what the gateway writes down, and where.

use std::path::PathBuf;

use serde::Deserialize;

/// `[log]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogSection {
    /// Lines for people, or for machines.
    pub(crate) format: LogFormat,
    /// A level, or directives such as `info,highwater=debug`. Default `info`; `RUST_LOG` wins.
    pub(crate) level: Option<String>,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object per line.
    Json,
}

/// `[decision_log]`. None: no decision is written down.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecisionLogSection {
    /// The file; `-` is stdout. Opened again on SIGHUP, for rotation.
    pub(crate) path: PathBuf,
    /// Which part of the allowed requests is written, 0 to 1. Default 1.
    #[serde(default = "everything")]
    pub(crate) allowed: f64,
    /// Which part of the others is written, 0 to 1. Default 1.
    #[serde(default = "everything")]
    pub(crate) refused: f64,
}

fn everything() -> f64 {
    1.0
}

impl DecisionLogSection {
    /// What types alone cannot say.
    pub(super) fn mistake(&self) -> Option<String> {
        [("allowed", self.allowed), ("refused", self.refused)]
            .into_iter()
            .find(|(_, part)| !(0.0..=1.0).contains(part))
            .map(|(name, part)| {
                format!("[decision_log] `{name}` is a part from 0 to 1, not {part}")
            })
    }
}

/// `[telemetry]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TelemetrySection {
    /// Where an OpenTelemetry collector takes traces over gRPC, such as
    /// `http://127.0.0.1:4317`. None: no traces. `--otlp` wins.
    pub(crate) otlp: Option<String>,
    /// Which part of the requests is traced, 0 to 1. Default 1; a caller's decision wins.
    pub(crate) sample: Option<f64>,
}
