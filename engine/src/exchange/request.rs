//! One request as a JSON document.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::identifier::Identifier;
use crate::model::{ClientAppType, DeviceAttributes, Platform};
use crate::request::{Request, Signals};
use crate::timestamp::Timestamp;
use crate::token::{IssuerProfile, TokenFacts};

/// A request read from JSON, owning what a [`Request`] borrows.
///
/// `{"id": "r1", "now": 1763760000, "ip": "203.0.113.7", "resource": "…", "auth_context": "c1",
/// "token": {decoded claims}, "signals": {"country": "DE", "platform": "windows",
/// "client_app_type": "browser", "compliant_network": true, "device": {…}}}`
#[derive(Clone, Debug)]
pub struct RequestDocument {
    /// The caller's own name for the request, echoed in the answer.
    pub id: Option<String>,
    /// What the token says.
    pub token: TokenFacts,
    now: Timestamp,
    address: Option<IpAddr>,
    resource: Option<Identifier>,
    authentication_context: Option<String>,
    country: Option<[u8; 2]>,
    platform: Option<Platform>,
    client_app_type: Option<ClientAppType>,
    compliant_network: Option<bool>,
    device: Option<DeviceAttributes>,
}

/// Why a document is no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", crate::exchange::place(path))]
pub struct RequestError {
    /// The document's `id`, if that much could be read.
    pub id: Option<String>,
    /// JSON Pointer of the part that is wrong; empty for the whole document.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(default)]
    id: Option<String>,
    now: Timestamp,
    #[serde(default)]
    ip: Option<String>,
    #[serde(default)]
    resource: Option<String>,
    #[serde(default)]
    auth_context: Option<String>,
    token: Map<String, Value>,
    #[serde(default)]
    signals: WireSignals,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct WireSignals {
    country: Option<String>,
    platform: Option<String>,
    client_app_type: Option<String>,
    compliant_network: Option<bool>,
    device: Option<Map<String, Value>>,
}

impl RequestDocument {
    /// Reads a request. `profile_of` finds the profile of an issuer.
    ///
    /// # Errors
    /// The first part that is wrong, by JSON Pointer.
    pub fn from_json<'p>(
        text: &str,
        profile_of: impl FnOnce(&str) -> Option<&'p IssuerProfile>,
    ) -> Result<RequestDocument, RequestError> {
        let value: Value = serde_json::from_str(text).map_err(|error| RequestError {
            id: None,
            path: String::new(),
            message: format!("not JSON: {error}"),
        })?;
        RequestDocument::from_value(value, profile_of)
    }

    /// Reads a request from a JSON value.
    ///
    /// # Errors
    /// As [`RequestDocument::from_json`].
    pub fn from_value<'p>(
        value: Value,
        profile_of: impl FnOnce(&str) -> Option<&'p IssuerProfile>,
    ) -> Result<RequestDocument, RequestError> {
        let id = value.get("id").and_then(Value::as_str).map(str::to_owned);
        let refuse = |path: &str, message: String| RequestError {
            id: id.clone(),
            path: path.to_owned(),
            message,
        };
        let wire: Wire = serde_path_to_error::deserialize(value).map_err(|error| {
            refuse(
                &pointer(error.path()),
                format!("not a request: {}", error.inner()),
            )
        })?;
        let issuer = match wire.token.get("iss") {
            Some(Value::String(issuer)) => issuer.as_str(),
            _ => return Err(refuse("/token/iss", "must be text".to_owned())),
        };
        let profile = profile_of(issuer).ok_or_else(|| {
            refuse(
                "/token/iss",
                format!("no `[[issuer]]` is configured for `{issuer}`"),
            )
        })?;
        let token = TokenFacts::from_claims(&wire.token, profile)
            .map_err(|error| refuse(&format!("/token/{}", escaped(&error.claim)), error.message))?;
        let address = match &wire.ip {
            None => None,
            Some(text) => Some(
                text.parse::<IpAddr>()
                    .map_err(|_| refuse("/ip", format!("`{text}` is no address")))?,
            ),
        };
        let resource = match &wire.resource {
            None => None,
            Some(text) => Some(
                Identifier::new(text).map_err(|error| refuse("/resource", error.to_string()))?,
            ),
        };
        let country = match &wire.signals.country {
            None => None,
            Some(text) => Some(country(text).ok_or_else(|| {
                refuse(
                    "/signals/country",
                    format!("`{text}` is no two-letter country code"),
                )
            })?),
        };
        let client_app_type = match &wire.signals.client_app_type {
            None => None,
            Some(text) => Some(client_app_type(text).ok_or_else(|| {
                refuse(
                    "/signals/client_app_type",
                    format!("`{text}` is no client app type"),
                )
            })?),
        };
        Ok(RequestDocument {
            token,
            now: wire.now,
            address,
            resource,
            authentication_context: wire.auth_context,
            country,
            platform: wire.signals.platform.as_deref().map(platform),
            client_app_type,
            compliant_network: wire.signals.compliant_network,
            device: wire.signals.device.map(device_attributes),
            id: wire.id,
        })
    }

    /// When the request is made.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The circumstances of the request.
    pub fn request(&self) -> Request<'_> {
        Request {
            now: self.now,
            address: self.address,
            resource: self.resource.as_ref(),
            authentication_context: self.authentication_context.as_deref(),
            signals: Signals {
                country: self.country,
                platform: self.platform,
                client_app_type: self.client_app_type,
                compliant_network: self.compliant_network,
                device: self.device.as_ref(),
            },
        }
    }
}

/// The JSON Pointer (RFC 6901) of where reading stopped.
#[must_use]
pub fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&escaped(key));
            }
            Segment::Seq { index } => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// The JSON Pointer (RFC 6901) of a member of the whole document.
#[must_use]
pub fn member(name: &str) -> String {
    format!("/{}", escaped(name))
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn country(text: &str) -> Option<[u8; 2]> {
    match *text.as_bytes() {
        [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
            Some([a.to_ascii_uppercase(), b.to_ascii_uppercase()])
        }
        _ => None,
    }
}

/// A platform that we have no name for is still not any of the named ones.
fn platform(text: &str) -> Platform {
    match text.to_ascii_lowercase().as_str() {
        "android" => Platform::Android,
        "ios" => Platform::Ios,
        "windows" => Platform::Windows,
        "windowsphone" => Platform::WindowsPhone,
        "macos" => Platform::MacOs,
        "linux" => Platform::Linux,
        _ => Platform::Other,
    }
}

fn client_app_type(text: &str) -> Option<ClientAppType> {
    Some(match text.to_ascii_lowercase().replace('_', "").as_str() {
        "browser" => ClientAppType::Browser,
        "mobileappsanddesktopclients" => ClientAppType::MobileAppsAndDesktopClients,
        "exchangeactivesync" => ClientAppType::ExchangeActiveSync,
        "eassupported" => ClientAppType::EasSupported,
        "other" => ClientAppType::Other,
        _ => return None,
    })
}

/// The attributes of a device as text, because rules compare text. `null` is left out.
#[must_use]
pub fn device_attributes(device: Map<String, Value>) -> DeviceAttributes {
    device
        .into_iter()
        .filter_map(|(name, value)| match value {
            Value::Null => None,
            Value::String(text) => Some((name, text)),
            value => Some((name, value.to_string())),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(request: &str, path: &str, message: &str) {
        let profile = IssuerProfile::generic("https://idp.example");
        let error = RequestDocument::from_json(request, |issuer| {
            (issuer == profile.issuer).then_some(&profile)
        })
        .unwrap_err();
        assert_eq!(error.path, path, "{error}");
        assert!(error.message.contains(message), "{error}");
    }

    #[test]
    fn mistakes_are_named_by_pointer() {
        let token = r#""token": {"iss": "https://idp.example", "sub": "ada", "iat": 1, "exp": 2}"#;
        for (rest, path, message) in [
            (r#""now": "noon""#, "/now", "not a request"),
            (
                r#""now": 1, "signals": {"compliant_network": 1}"#,
                "/signals/compliant_network",
                "boolean",
            ),
            (
                r#""now": 1, "signals": {"contry": "DE"}"#,
                "/signals/contry",
                "unknown field",
            ),
            (
                r#""now": 1, "signals": {"country": "DEU"}"#,
                "/signals/country",
                "country code",
            ),
            (r#""now": 1, "ip": "10.0.0"#.trim(), "", "not JSON"),
            (r#""now": 1, "ip": "10.0.0""#, "/ip", "no address"),
            (r#""now": 1, "id": 7"#, "/id", "expected a string"),
        ] {
            check(&format!("{{{rest}, {token}}}"), path, message);
        }
        check(r#"{"now": 1}"#, "", "missing field `token`");
        check(r#"{"now": 1, "token": {}}"#, "/token/iss", "must be text");
        check(
            r#"{"now": 1, "token": {"iss": "https://other.example"}}"#,
            "/token/iss",
            "no `[[issuer]]` is configured",
        );
        check(
            r#"{"now": 1, "token": {"iss": "https://idp.example", "sub": "ada", "exp": 2}}"#,
            "/token/iat",
            "is missing",
        );
    }
}
