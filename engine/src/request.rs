//! What is asked: one request with one token, at one instant, from one address.

use std::net::IpAddr;

use crate::identifier::Identifier;
use crate::model::{ClientAppType, DeviceAttributes, Platform};
use crate::timestamp::Timestamp;

/// The circumstances of a request; the token is passed beside it.
///
/// Everything but the time is optional. What is not given is unknown to policies, never
/// assumed.
#[derive(Clone, Debug)]
#[must_use]
pub struct Request<'a> {
    /// The present, by the host's clock.
    pub now: Timestamp,
    /// The address of the client as the host saw it.
    pub address: Option<IpAddr>,
    /// The application id of the resource. Default: the token's audience.
    pub resource: Option<&'a Identifier>,
    /// The authentication context that this operation needs.
    pub authentication_context: Option<&'a str>,
    /// What else the host knows.
    pub signals: Signals<'a>,
}

impl Request<'_> {
    /// A request at `now` from `address`.
    #[inline]
    pub fn new(now: Timestamp, address: Option<IpAddr>) -> Self {
        Request {
            now,
            address,
            resource: None,
            authentication_context: None,
            signals: Signals::default(),
        }
    }

    /// The observed address with IPv4-mapped IPv6 folded to IPv4.
    #[must_use]
    pub fn canonical_address(&self) -> Option<IpAddr> {
        self.address.map(|address| address.to_canonical())
    }
}

/// Signals that a host may have; each makes a condition judgeable that is unknown without it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signals<'a> {
    /// ISO 3166-1 alpha-2 code of the client's country, in upper case.
    pub country: Option<[u8; 2]>,
    /// The client's platform.
    pub platform: Option<Platform>,
    /// The kind of client application.
    pub client_app_type: Option<ClientAppType>,
    /// Whether the client came through the compliant network.
    pub compliant_network: Option<bool>,
    /// Attributes of the device, by rule name without `device.`.
    pub device: Option<&'a DeviceAttributes>,
}

impl Signals<'_> {
    /// `device.isCompliant`, if the host knows it.
    #[must_use]
    pub fn device_compliant(&self) -> Option<bool> {
        let value = attribute(self.device?, "isCompliant")?;
        if value.eq_ignore_ascii_case("true") {
            Some(true)
        } else if value.eq_ignore_ascii_case("false") {
            Some(false)
        } else {
            None
        }
    }

    /// Whether `device.trustType` says that the device is joined to a domain, if the host knows.
    #[must_use]
    pub fn device_domain_joined(&self) -> Option<bool> {
        Some(attribute(self.device?, "trustType")?.eq_ignore_ascii_case("ServerAD"))
    }
}

fn attribute<'a>(device: &'a DeviceAttributes, name: &str) -> Option<&'a str> {
    device
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}
