//! Transmitter metadata (SSF 1.0 section 7): where everything is.
//!
//! The document is only believed if its `issuer` is the one that was asked for (section 7.2.4):
//! otherwise one transmitter could pass itself off as another.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a transmitter publishes about itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// The issuer of its tokens.
    pub issuer: String,
    /// The version of the framework; absent means `1_0-ID1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec_version: Option<String>,
    /// Where its keys are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// How it delivers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delivery_methods_supported: Vec<String>,
    /// Where streams are created, read, changed and deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration_endpoint: Option<String>,
    /// Where the status of a stream is read and changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_endpoint: Option<String>,
    /// Where subjects are added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add_subject_endpoint: Option<String>,
    /// Where subjects are removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove_subject_endpoint: Option<String>,
    /// Where a verification event is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification_endpoint: Option<String>,
    /// Members of complex subjects that a receiver must be able to process.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub critical_subject_members: Vec<String>,
    /// How management calls are authorised.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_schemes: Vec<Value>,
    /// Whether a new stream has all subjects or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_subjects: Option<String>,
}

/// Push delivery, in SSF 1.0.
pub const PUSH: &str = "urn:ietf:rfc:8935";
/// Poll delivery, in SSF 1.0.
pub const POLL: &str = "urn:ietf:rfc:8936";

/// Whether a delivery method is push, in either spelling.
#[must_use]
pub fn is_push(method: &str) -> bool {
    method == PUSH || method == "https://schemas.openid.net/secevent/risc/delivery-method/push"
}

/// Whether a delivery method is poll, in either spelling.
#[must_use]
pub fn is_poll(method: &str) -> bool {
    method == POLL || method == "https://schemas.openid.net/secevent/risc/delivery-method/poll"
}

/// Why metadata cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Not JSON, or members of the wrong type.
    #[error("the metadata cannot be read: {0}")]
    Json(String),
    /// Another issuer than the one that was asked for.
    #[error("the metadata is that of `{found}`, not of `{expected}`; nothing in it is used")]
    Issuer {
        /// The issuer that was asked for.
        expected: String,
        /// The issuer in the document.
        found: String,
    },
    /// An address that is not protected.
    #[error("`{member}` is `{url}`; only `https` is used")]
    NotHttps {
        /// The member.
        member: &'static str,
        /// The address.
        url: String,
    },
    /// The issuer is no URL with a host.
    #[error("`{0}` is no https URL, so its metadata cannot be found")]
    NotUrl(String),
}

/// Where the metadata of an issuer is: the well-known path goes between host and path.
///
/// # Errors
/// An issuer that is no `https` URL.
pub fn well_known_url(issuer: &str, legacy_risc: bool) -> Result<String, MetadataError> {
    let not_url = || MetadataError::NotUrl(issuer.to_owned());
    let rest = issuer.strip_prefix("https://").ok_or_else(not_url)?;
    if rest.contains(['?', '#']) {
        return Err(not_url());
    }
    let (host, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, ""),
    };
    if host.is_empty() {
        return Err(not_url());
    }
    let document = if legacy_risc {
        "risc-configuration"
    } else {
        "ssf-configuration"
    };
    Ok(format!(
        "https://{host}/.well-known/{document}{}",
        path.trim_end_matches('/')
    ))
}

impl Metadata {
    /// Reads the metadata of `issuer`.
    ///
    /// # Errors
    /// Not JSON, another issuer, or addresses that are not protected.
    pub fn parse(json: &[u8], issuer: &str) -> Result<Metadata, MetadataError> {
        let metadata: Metadata =
            serde_json::from_slice(json).map_err(|error| MetadataError::Json(error.to_string()))?;
        if metadata.issuer != issuer {
            return Err(MetadataError::Issuer {
                expected: issuer.to_owned(),
                found: metadata.issuer,
            });
        }
        for (member, url) in [
            ("jwks_uri", &metadata.jwks_uri),
            ("configuration_endpoint", &metadata.configuration_endpoint),
            ("status_endpoint", &metadata.status_endpoint),
            ("add_subject_endpoint", &metadata.add_subject_endpoint),
            ("remove_subject_endpoint", &metadata.remove_subject_endpoint),
            ("verification_endpoint", &metadata.verification_endpoint),
        ] {
            if let Some(url) = url.as_ref().filter(|url| !is_protected(url)) {
                return Err(MetadataError::NotHttps {
                    member,
                    url: url.clone(),
                });
            }
        }
        Ok(metadata)
    }

    /// What an operator should know: departures that do not keep the metadata from being used.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !meets_interop(self.spec_version.as_deref()) {
            warnings.push(format!(
                "`spec_version` is {}; CAEP Interop needs `1_0` or later",
                self.spec_version
                    .as_deref()
                    .map_or("absent, which means `1_0-ID1`".to_owned(), |version| {
                        format!("`{version}`")
                    })
            ));
        }
        for member in &self.critical_subject_members {
            if matches!(
                member.as_str(),
                "email" | "phone_number" | "iss_sub" | "opaque" | "account" | "uri" | "did"
            ) {
                warnings.push(format!(
                    "`critical_subject_members` has `{member}`, which is a format and no member of a complex subject"
                ));
            }
        }
        if self.jwks_uri.is_none() {
            warnings.push("`jwks_uri` is absent; configure the keys".to_owned());
        }
        warnings
    }
}

/// `https`, or plain `http` to this very machine, as tests and sidecars have it.
fn is_protected(url: &str) -> bool {
    url.starts_with("https://")
        || ["http://127.0.0.1", "http://localhost", "http://[::1]"]
            .iter()
            .any(|local| {
                url.strip_prefix(local)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
            })
}

/// Whether a `spec_version` is recent enough for subjects in `sub_id` and URNs for delivery:
/// `1_0-ID2` and everything after it, in the underscore form.
#[must_use]
pub fn meets_interop(spec_version: Option<&str>) -> bool {
    let Some((major, minor, draft)) = spec_version.and_then(version) else {
        return false;
    };
    (major, minor) > (1, 0) || ((major, minor) == (1, 0) && draft.is_none_or(|draft| draft >= 2))
}

/// `major_minor`, perhaps with `-IDn`.
fn version(text: &str) -> Option<(u32, u32, Option<u32>)> {
    let (number, draft) = match text.split_once("-ID") {
        Some((number, draft)) => (number, Some(draft.parse().ok()?)),
        None => (text, None),
    };
    let (major, minor) = number.split_once('_')?;
    Some((major.parse().ok()?, minor.parse().ok()?, draft))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_path_goes_between_host_and_path() {
        for (issuer, expected) in [
            (
                "https://tr.example.com",
                "https://tr.example.com/.well-known/ssf-configuration",
            ),
            (
                "https://tr.example.com:8443/issuer1/",
                "https://tr.example.com:8443/.well-known/ssf-configuration/issuer1",
            ),
            (
                "https://tr.example.com/a/b",
                "https://tr.example.com/.well-known/ssf-configuration/a/b",
            ),
        ] {
            assert_eq!(well_known_url(issuer, false).unwrap(), expected);
        }
        for issuer in [
            "http://tr.example.com",
            "tr.example.com",
            "https://",
            "https://x?y",
        ] {
            assert!(well_known_url(issuer, false).is_err(), "{issuer}");
        }
    }

    #[test]
    fn addresses_are_protected() {
        let parse = |url: &str| {
            Metadata::parse(
                format!(r#"{{"issuer":"https://i","jwks_uri":"{url}"}}"#).as_bytes(),
                "https://i",
            )
        };
        assert!(parse("https://i/jwks").is_ok());
        assert!(parse("http://127.0.0.1:8080/jwks").is_ok());
        assert!(parse("http://127.0.0.1.evil.example/jwks").is_err());
        assert!(parse("http://i/jwks").is_err());
    }
}
