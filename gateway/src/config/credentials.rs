//! `[….credentials]`: how the gateway proves who it is when it asks a transmitter or Graph.

use serde::Deserialize;

use super::secret::SecretSource;

/// `credentials`: a token that somebody else renews, or a client that asks for its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CredentialsSection {
    /// A bearer token.
    pub(crate) bearer: Option<SecretSource>,
    /// Where a client asks for access tokens (RFC 6749 section 4.4).
    pub(crate) token_url: Option<String>,
    /// The client.
    pub(crate) client_id: Option<String>,
    /// Its secret.
    pub(crate) client_secret: Option<SecretSource>,
    /// What the access token is for.
    pub(crate) scope: Option<String>,
    /// Where the client's secret goes. Default: `post`.
    pub(crate) client_authentication: ClientAuthentication,
}

/// Where a client's secret goes (RFC 6749 section 2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientAuthentication {
    /// Into the body of the request.
    #[default]
    Post,
    /// Into the `Authorization` header.
    Basic,
}

/// Credentials that are complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// A bearer token.
    Bearer(SecretSource),
    /// A client that asks for access tokens.
    Client(Client),
}

/// A client that asks for access tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) token_url: String,
    pub(crate) id: String,
    pub(crate) secret: SecretSource,
    pub(crate) scope: Option<String>,
    pub(crate) authentication: ClientAuthentication,
}

impl CredentialsSection {
    /// The credentials, or what is missing.
    pub(crate) fn complete(&self) -> Result<Credentials, String> {
        let client = (&self.token_url, &self.client_id, &self.client_secret);
        match (&self.bearer, client) {
            (Some(bearer), (None, None, None)) if self.scope.is_none() => {
                Ok(Credentials::Bearer(bearer.clone()))
            }
            (None, (Some(token_url), Some(id), Some(secret))) => {
                if !is_protected(token_url) {
                    return Err(format!(
                        "`token_url` is `{token_url}`; only `https` is used"
                    ));
                }
                Ok(Credentials::Client(Client {
                    token_url: token_url.clone(),
                    id: id.clone(),
                    secret: secret.clone(),
                    scope: self.scope.clone(),
                    authentication: self.client_authentication,
                }))
            }
            _ => Err(
                "credentials are either `bearer`, or `token_url`, `client_id` and `client_secret`"
                    .to_owned(),
            ),
        }
    }
}

/// `https`, or plain `http` to this very machine: sidecars, and tests.
pub(crate) fn is_protected(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else {
        return false;
    };
    let host = url.host_str().unwrap_or_default();
    let is_here = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => !host.is_empty(),
        "http" => is_here,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_only_over_protected_connections() {
        for url in [
            "https://idp.example/token",
            "http://127.0.0.1:1/t",
            "http://[::1]/",
            "http://localhost:8/x",
        ] {
            assert!(is_protected(url), "{url}");
        }
        for url in [
            "http://idp.example/",
            "http://localhost.example/",
            "http://127.0.0.1.example/",
            "http://localhost@evil.example/",
            "ftp://localhost/",
            "idp.example",
            "",
        ] {
            assert!(!is_protected(url), "{url}");
        }
    }

    #[test]
    fn half_of_a_client_is_refused() {
        let bearer = SecretSource::Environment("T".to_owned());
        let whole = CredentialsSection {
            token_url: Some("https://idp.example/token".to_owned()),
            client_id: Some("highwater".to_owned()),
            client_secret: Some(bearer.clone()),
            ..CredentialsSection::default()
        };
        assert!(matches!(whole.complete(), Ok(Credentials::Client(_))));
        let mut half = whole.clone();
        half.client_id = None;
        assert!(half.complete().is_err());
        let mut both = whole.clone();
        both.bearer = Some(bearer);
        assert!(both.complete().is_err());
        let mut open = whole;
        open.token_url = Some("http://idp.example/token".to_owned());
        assert!(open.complete().is_err());
        assert!(CredentialsSection::default().complete().is_err());
    }
}
