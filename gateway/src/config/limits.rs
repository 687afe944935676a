//! `[serve.limits]`: what one client, or all of them, may ask of the gateway.

use std::time::Duration;

use serde::Deserialize;

use super::seconds::Seconds;

/// `[serve.limits]`. Each bound has a default that a gateway in front of an API does not meet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LimitsSection {
    connections: Option<usize>,
    header_timeout: Option<Seconds>,
    idle_timeout: Option<Seconds>,
    request_timeout: Option<Seconds>,
    header_bytes: Option<usize>,
    headers: Option<usize>,
    body_bytes: Option<usize>,
    streams: Option<u32>,
    tenants_in_metrics: Option<usize>,
}

/// The limits in force.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections per listener at the same time.
    pub(crate) connections: usize,
    /// From the first byte of a request to the end of its head.
    pub(crate) header_timeout: Duration,
    /// Between two requests, or before the first.
    pub(crate) idle_timeout: Duration,
    /// From the head of a request to its answer, and to the end of the writing of it.
    pub(crate) request_timeout: Duration,
    /// Bytes of one head, also of HTTP/2 header lists. At least 8 KiB.
    pub(crate) header_bytes: usize,
    /// Header lines of one head.
    pub(crate) headers: usize,
    /// Bytes of a body.
    pub(crate) body_bytes: usize,
    /// Requests at the same time on one HTTP/2 connection.
    pub(crate) streams: u32,
    /// Tenants with metrics of their own; the others are counted together.
    pub(crate) tenants_in_metrics: usize,
}

impl LimitsSection {
    /// The limits in force.
    pub(crate) fn limits(&self) -> Limits {
        let time = |value: Option<Seconds>, default| {
            value.map_or(Duration::from_secs(default), |value| value.duration())
        };
        Limits {
            connections: self.connections.unwrap_or(20_000),
            header_timeout: time(self.header_timeout, 10),
            idle_timeout: time(self.idle_timeout, 75),
            request_timeout: time(self.request_timeout, 30),
            // Below 8 KiB the parser has no room for one ordinary token.
            header_bytes: self.header_bytes.unwrap_or(64 << 10).max(8 << 10),
            headers: self.headers.unwrap_or(100),
            body_bytes: self.body_bytes.unwrap_or(1 << 20),
            streams: self.streams.unwrap_or(200),
            tenants_in_metrics: self.tenants_in_metrics.unwrap_or(100),
        }
    }
}
