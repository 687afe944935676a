//! Lines of `highwater decide`, read a second time: independent of the command's own reader.

use std::net::IpAddr;

use highwater::identifier::Identifier;
use highwater::model::{ClientAppType, DeviceAttributes, Platform};
use highwater::request::{Request, Signals};
use highwater::timestamp::Timestamp;
use highwater::token::{IssuerProfile, TokenFacts};
use serde::Deserialize;
use serde_json::{Map, Value};

/// One request, with its token read.
#[derive(Clone, Debug)]
pub struct RequestLine {
    /// The token's claims in the engine's terms.
    pub token: TokenFacts,
    now: Timestamp,
    address: Option<IpAddr>,
    resource: Option<Identifier>,
    context: Option<String>,
    signals: WireSignals,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(default)]
    #[expect(dead_code, reason = "part of the form, echoed by the command")]
    id: Option<String>,
    now: Timestamp,
    ip: Option<IpAddr>,
    resource: Option<Identifier>,
    auth_context: Option<String>,
    token: Map<String, Value>,
    #[serde(default)]
    signals: WireSignals,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSignals {
    country: Option<String>,
    platform: Option<String>,
    client_app_type: Option<String>,
    compliant_network: Option<bool>,
    device: Option<DeviceAttributes>,
}

impl RequestLine {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(line: &Value, profile: &IssuerProfile) -> Result<RequestLine, String> {
        let wire = Wire::deserialize(line).map_err(|error| error.to_string())?;
        Ok(RequestLine {
            token: TokenFacts::from_claims(&wire.token, profile)
                .map_err(|error| error.to_string())?,
            now: wire.now,
            address: wire.ip,
            resource: wire.resource,
            context: wire.auth_context,
            signals: wire.signals,
        })
    }

    /// The request beside the token.
    pub fn request(&self) -> Request<'_> {
        let mut request = Request::new(self.now, self.address);
        request.resource = self.resource.as_ref();
        request.authentication_context = self.context.as_deref();
        request.signals = Signals {
            country: self
                .signals
                .country
                .as_deref()
                .and_then(|code| <[u8; 2]>::try_from(code.as_bytes()).ok()),
            platform: self.signals.platform.as_deref().map(platform),
            client_app_type: self.signals.client_app_type.as_deref().and_then(client_app),
            compliant_network: self.signals.compliant_network,
            device: self.signals.device.as_ref(),
        };
        request
    }
}

fn platform(name: &str) -> Platform {
    match name {
        "android" => Platform::Android,
        "iOS" | "ios" => Platform::Ios,
        "windows" => Platform::Windows,
        "windowsPhone" => Platform::WindowsPhone,
        "macOS" => Platform::MacOs,
        "linux" => Platform::Linux,
        _ => Platform::Other,
    }
}

fn client_app(name: &str) -> Option<ClientAppType> {
    Some(match name {
        "browser" => ClientAppType::Browser,
        "mobileAppsAndDesktopClients" => ClientAppType::MobileAppsAndDesktopClients,
        "exchangeActiveSync" => ClientAppType::ExchangeActiveSync,
        "easSupported" => ClientAppType::EasSupported,
        "other" => ClientAppType::Other,
        _ => return None,
    })
}
