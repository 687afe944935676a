//! Access tokens for what the gateway asks: one that somebody else renews, or our own.
//!
//! A token is asked for once and used until shortly before its end. One that is refused is
//! dropped, so that the next request comes with a new one.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::sync::Mutex;

use super::outbound::{Outbound, OutboundError};
use crate::config::credentials::{Client, ClientAuthentication, Credentials};
use crate::config::secret::{Secret, SecretError};

/// How long asking for a token may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How long before its end a token is not used any more.
const MARGIN: Duration = Duration::from_secs(60);

/// The longest answer to a token request that is read.
const MAXIMUM_ANSWER: usize = 256 * 1024;

/// Access to one peer.
pub(super) struct Access {
    credentials: Option<Credentials>,
    folder: PathBuf,
    /// Held while a token is asked for, so that it is asked for once.
    cached: Mutex<Option<Cached>>,
}

struct Cached {
    token: Secret,
    until: Instant,
}

/// Why there is no access token.
#[derive(Debug, thiserror::Error)]
pub(super) enum AccessError {
    /// A secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// No answer.
    #[error("cannot ask `{url}` for an access token: {error}")]
    Outbound {
        /// Where.
        url: String,
        /// Why.
        error: OutboundError,
    },
    /// An answer without a token.
    #[error("`{url}` gave no access token: {reason}")]
    Refused {
        /// Where.
        url: String,
        /// What it said.
        reason: String,
    },
}

impl Access {
    /// Access with these credentials; none: nothing is sent.
    pub(super) fn new(credentials: Option<Credentials>, folder: &Path) -> Access {
        Access {
            credentials,
            folder: folder.to_owned(),
            cached: Mutex::new(None),
        }
    }

    /// A token to send, if there are credentials.
    pub(super) async fn token(&self, outbound: &Outbound) -> Result<Option<Secret>, AccessError> {
        let client = match &self.credentials {
            None => return Ok(None),
            Some(Credentials::Bearer(source)) => return Ok(Some(source.read(&self.folder)?)),
            Some(Credentials::Client(client)) => client,
        };
        let mut cached = self.cached.lock().await;
        if let Some(known) = cached.as_ref().filter(|known| Instant::now() < known.until) {
            return Ok(Some(known.token.clone()));
        }
        let fresh = self.ask(client, outbound).await?;
        let token = fresh.token.clone();
        *cached = Some(fresh);
        Ok(Some(token))
    }

    /// The last token was refused: another one is asked for next time.
    pub(super) async fn refused(&self) {
        *self.cached.lock().await = None;
    }

    async fn ask(&self, client: &Client, outbound: &Outbound) -> Result<Cached, AccessError> {
        let secret = client.secret.read(&self.folder)?;
        let mut form = vec![("grant_type", "client_credentials")];
        if let Some(scope) = &client.scope {
            form.push(("scope", scope));
        }
        let basic = match client.authentication {
            ClientAuthentication::Basic => Some((client.id.as_str(), &secret)),
            ClientAuthentication::Post => {
                form.push(("client_id", &client.id));
                form.push(("client_secret", secret.expose()));
                None
            }
        };
        let url = &client.token_url;
        let asked = Instant::now();
        let answer = outbound
            .form(url, basic, &form, MAXIMUM_ANSWER, TIMEOUT)
            .await
            .map_err(|error| AccessError::Outbound {
                url: url.clone(),
                error,
            })?;
        let refused = |reason: String| AccessError::Refused {
            url: url.clone(),
            reason,
        };
        if !(200..300).contains(&answer.status) {
            return Err(refused(reason(answer.status, &answer.body)));
        }
        let grant: Grant =
            serde_json::from_slice(&answer.body).map_err(|error| refused(error.to_string()))?;
        if !grant.token_type.eq_ignore_ascii_case("bearer") {
            return Err(refused(format!(
                "its token is of type `{}`, not `Bearer`",
                grant.token_type
            )));
        }
        let token = Secret::received(grant.access_token)
            .ok_or_else(|| refused("its token cannot be sent in a header".to_owned()))?;
        let life = Duration::from_secs(grant.expires_in.unwrap_or(300));
        Ok(Cached {
            token,
            // A short-lived token is used for half of its life at least.
            until: asked + life.saturating_sub(MARGIN).max(life / 2),
        })
    }
}

/// RFC 6749 section 5.1.
#[derive(Deserialize)]
struct Grant {
    access_token: String,
    token_type: String,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<u64>,
}

/// A number, or a number as text, as some issuers write it.
fn seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Number(u64),
        Text(String),
    }
    Ok(match Option::<Form>::deserialize(deserializer)? {
        None => None,
        Some(Form::Number(seconds)) => Some(seconds),
        Some(Form::Text(text)) => text.parse().ok(),
    })
}

/// RFC 6749 section 5.2, as far as it is text. A secret is never part of it.
fn reason(status: u16, body: &[u8]) -> String {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Error {
        error: String,
        error_description: String,
    }
    let error: Error = serde_json::from_slice(body).unwrap_or_default();
    let description: String = error.error_description.chars().take(300).collect();
    match (error.error.as_str(), description.as_str()) {
        ("", _) => format!("status {status}"),
        (code, "") => format!("status {status}, `{code}`"),
        (code, description) => format!("status {status}, `{code}`: {description}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_read_in_the_forms_in_which_issuers_write_them() {
        for (text, expected) in [
            (
                r#"{"access_token":"a","token_type":"Bearer","expires_in":60}"#,
                Some(60),
            ),
            (
                r#"{"access_token":"a","token_type":"bearer","expires_in":"60"}"#,
                Some(60),
            ),
            (
                r#"{"access_token":"a","token_type":"Bearer","expires_in":null}"#,
                None,
            ),
            (
                r#"{"access_token":"a","token_type":"Bearer","scope":"x"}"#,
                None,
            ),
        ] {
            let grant: Grant = serde_json::from_str(text).unwrap();
            assert_eq!(grant.expires_in, expected, "{text}");
        }
        assert!(serde_json::from_str::<Grant>(r#"{"token_type":"Bearer"}"#).is_err());
    }

    #[test]
    fn a_refusal_is_told_in_the_words_of_the_issuer() {
        let body = br#"{"error":"invalid_client","error_description":"AADSTS7000215"}"#;
        assert_eq!(
            reason(401, body),
            "status 401, `invalid_client`: AADSTS7000215"
        );
        assert_eq!(reason(502, b"<html>"), "status 502");
    }
}
