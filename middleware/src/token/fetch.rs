//! Key sets over HTTP: from a URL, or by way of the issuer's metadata.
//!
//! Bounded in time and bytes, without redirects: an answer from elsewhere is not the issuer's.

use std::net::IpAddr;
use std::time::Duration;

use highwater::token::{IssuerKind, IssuerProfile};
use highwater_signals::set::KeySet;
use highwater_signals::set::keys::{KeyError, MAXIMUM_JWKS_BYTES};
use reqwest::{Client, Url};
use serde::Deserialize;

/// How long one document may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Fetches the keys of one issuer.
#[derive(Debug)]
pub(super) struct Fetcher {
    client: Client,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Jwks(Url),
    Metadata { url: Url, issuer: IssuerProfile },
}

/// The members of the metadata that matter (OpenID Connect Discovery 1.0 section 3, RFC 8414).
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// Why keys could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFetchError {
    /// No answer.
    #[error("`{url}` does not answer: {reason}")]
    NoAnswer {
        /// The URL asked.
        url: String,
        /// Why.
        reason: String,
    },
    /// Another status than 200. Redirects are not followed.
    #[error("`{url}` answers {status}")]
    Status {
        /// The URL asked.
        url: String,
        /// The status.
        status: u16,
    },
    /// More than is read.
    #[error("`{url}` answers with more than {MAXIMUM_JWKS_BYTES} bytes")]
    TooLong {
        /// The URL asked.
        url: String,
    },
    /// Metadata that is none.
    #[error("`{url}` is no issuer metadata: {reason}")]
    Metadata {
        /// The URL asked.
        url: String,
        /// Why.
        reason: String,
    },
    /// Metadata of another issuer.
    #[error("`{url}` is the metadata of `{found}`, not of `{expected}`")]
    Issuer {
        /// The URL asked.
        url: String,
        /// The issuer that is configured.
        expected: String,
        /// The issuer found.
        found: String,
    },
    /// A key set that is none, or without any key that could verify a token.
    #[error("`{url}`: {reason}")]
    Keys {
        /// The URL asked.
        url: String,
        /// Why.
        reason: String,
    },
}

/// The client for all fetches of a validator.
pub(super) fn client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("highwater/", env!("CARGO_PKG_VERSION")))
        .build()
}

impl Fetcher {
    pub(super) fn jwks(client: &Client, url: &str) -> Result<Fetcher, String> {
        Ok(Fetcher {
            client: client.clone(),
            place: Place::Jwks(secure(url)?),
        })
    }

    pub(super) fn discovery(
        client: &Client,
        url: Option<&str>,
        issuer: &IssuerProfile,
    ) -> Result<Fetcher, String> {
        let url = match url {
            Some(url) => secure(url)?,
            None => secure(&well_known(issuer)?)?,
        };
        Ok(Fetcher {
            client: client.clone(),
            place: Place::Metadata {
                url,
                issuer: issuer.clone(),
            },
        })
    }

    pub(super) async fn fetch(&self) -> Result<KeySet, KeyFetchError> {
        let found;
        let url = match &self.place {
            Place::Jwks(url) => url,
            Place::Metadata { url, issuer } => {
                found = self.jwks_uri(url, issuer).await?;
                &found
            }
        };
        let keys = |reason: String| KeyFetchError::Keys {
            url: url.to_string(),
            reason,
        };
        let set = KeySet::parse(&self.document(url).await?)
            .map_err(|error: KeyError| keys(error.to_string()))?;
        if set.is_empty() {
            // More likely a mistake than a withdrawal of everything.
            return Err(keys("it has no key that could verify a token".to_owned()));
        }
        Ok(set)
    }

    async fn jwks_uri(&self, url: &Url, issuer: &IssuerProfile) -> Result<Url, KeyFetchError> {
        let wrong = |reason: String| KeyFetchError::Metadata {
            url: url.to_string(),
            reason,
        };
        let document = self.document(url).await?;
        let metadata: Metadata =
            serde_json::from_slice(&document).map_err(|error| wrong(error.to_string()))?;
        //= https://openid.net/specs/openid-connect-discovery-1_0.html#section-4.3
        // The issuer in the metadata is the issuer whose keys we want.
        let is_theirs = issuer.matches(&metadata.issuer)
            || open_place(&issuer.issuer) == open_place(&metadata.issuer);
        if !is_theirs {
            return Err(KeyFetchError::Issuer {
                url: url.to_string(),
                expected: issuer.issuer.clone(),
                found: metadata.issuer,
            });
        }
        secure(&metadata.jwks_uri).map_err(wrong)
    }

    async fn document(&self, url: &Url) -> Result<Vec<u8>, KeyFetchError> {
        let no_answer = |error: reqwest::Error| KeyFetchError::NoAnswer {
            url: url.to_string(),
            reason: chain(&error.without_url()),
        };
        let mut response = self
            .client
            .get(url.clone())
            .header(http::header::ACCEPT, "application/json")
            .send()
            .await
            .map_err(no_answer)?;
        if response.status() != http::StatusCode::OK {
            return Err(KeyFetchError::Status {
                url: url.to_string(),
                status: response.status().as_u16(),
            });
        }
        let mut document = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(no_answer)? {
            if document.len() + chunk.len() > MAXIMUM_JWKS_BYTES {
                return Err(KeyFetchError::TooLong {
                    url: url.to_string(),
                });
            }
            document.extend_from_slice(&chunk);
        }
        Ok(document)
    }
}

/// What `error` and everything behind it say.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut behind = error.source();
    while let Some(error) = behind {
        text.push_str(": ");
        text.push_str(&error.to_string());
        behind = error.source();
    }
    text
}

/// Keys decide who is let in, so they come over TLS, or from this machine.
fn secure(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|_| format!("`{text}` is no URL"))?;
    let host = url.host_str().unwrap_or_default();
    let is_loopback = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback => Ok(url),
        _ => Err(format!(
            "`{text}` is not `https`; keys that travel in the open can be replaced"
        )),
    }
}

/// Where an issuer publishes its metadata.
fn well_known(issuer: &IssuerProfile) -> Result<String, String> {
    let text = &issuer.issuer;
    let text = match (open_place(text), issuer.kind) {
        (open, IssuerKind::Entra) => open.replace('*', "common"),
        (open, IssuerKind::Generic) if open.contains('*') => {
            return Err(
                "an issuer with an open place has no metadata of its own; give the URL".to_owned(),
            );
        }
        (open, IssuerKind::Generic) => open,
    };
    Ok(format!(
        "{}/.well-known/openid-configuration",
        text.trim_end_matches('/')
    ))
}

/// The issuer with `*` where it leaves a place open.
fn open_place(issuer: &str) -> String {
    issuer.replacen("{tenantid}", "*", 1)
}
