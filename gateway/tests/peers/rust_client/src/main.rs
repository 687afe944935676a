//! Azure Core for Rust: its pipeline and its bearer token policy, as its service clients set them up.
//!
//! `plain` is what every service client does: nobody handles challenges. `handed` is what an application
//! can do with the means of the crate: a callback takes the claims out of the challenge and hands
//! them to the credential in the context, since token requests have no member for them.
//! Steered like the other clients: a line in, a line with the status or the error out.

use std::fmt::Display;
use std::io::{BufRead, Write};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::http::headers::{Headers, WWW_AUTHENTICATE};
use azure_core::http::policies::auth::{Authorizer, BearerTokenAuthorizationPolicy, OnChallenge};
use azure_core::http::{
    ClientMethodOptions, ClientOptions, Context, Method, Pipeline, Request, Url,
};
use azure_core::time::{Duration, OffsetDateTime};
use azure_core::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const SCOPE: &str = "api://orders/.default";

/// The decoded claims of a challenge, on their way to the credential.
#[derive(Debug)]
struct Claims(String);

/// As an identity library: asks the issuer once, and again if there are claims.
#[derive(Debug)]
struct Credential {
    issuer: Url,
    pipeline: Pipeline,
    kept: Mutex<Option<AccessToken>>,
}

#[async_trait]
impl TokenCredential for Credential {
    async fn get_token(
        &self,
        _scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> Result<AccessToken> {
        let options = options.unwrap_or_default();
        let claims = options.method_options.context.value::<Claims>();
        let kept = self.kept.lock().map_err(credential)?.clone();
        if let (None, Some(kept)) = (claims, kept) {
            return Ok(kept);
        }
        let mut url = self.issuer.clone();
        if let Some(Claims(claims)) = claims {
            url.query_pairs_mut().append_pair("claims", claims);
        }
        let mut request = Request::new(url, Method::Get);
        let answer = self
            .pipeline
            .send(&Context::new(), &mut request, None)
            .await?;
        let answer: serde_json::Value =
            serde_json::from_slice(answer.body().as_ref()).map_err(credential)?;
        let token = answer["access_token"]
            .as_str()
            .ok_or_else(|| credential("the issuer's answer has no token"))?;
        let token = AccessToken::new(
            token.to_owned(),
            OffsetDateTime::now_utc() + Duration::hours(1),
        );
        *self.kept.lock().map_err(credential)? = Some(token.clone());
        Ok(token)
    }
}

fn credential(reason: impl Display) -> Error {
    Error::with_message(ErrorKind::Credential, reason.to_string())
}

/// What an application adds.
#[derive(Debug)]
struct HandClaims;

#[async_trait]
impl OnChallenge for HandClaims {
    async fn on_challenge(
        &self,
        context: &Context,
        request: &mut Request,
        authorizer: &dyn Authorizer,
        headers: &Headers,
    ) -> Result<()> {
        let challenge = headers.get_str(&WWW_AUTHENTICATE)?;
        let claims = challenge
            .split_once("claims=\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .ok_or_else(|| credential("a challenge without claims"))?
            .0;
        let claims = STANDARD.decode(claims).map_err(credential)?;
        let claims = String::from_utf8(claims).map_err(credential)?;
        let options = TokenRequestOptions {
            method_options: ClientMethodOptions {
                context: context.to_borrowed().with_value(Claims(claims)),
            },
        };
        authorizer.authorize(request, &[SCOPE], options).await
    }
}

async fn call(pipeline: &Pipeline, url: &Url) -> serde_json::Value {
    let mut request = Request::new(url.clone(), Method::Get);
    match pipeline.send(&Context::new(), &mut request, None).await {
        Ok(response) => u16::from(response.status()).into(),
        Err(error) => match error.http_status() {
            Some(status) => u16::from(status).into(),
            None => format!("{error:?}").into(),
        },
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let url: Url = format!("{}/orders", std::env::var("PEERS_URL")?).parse()?;
    let issuer: Url = format!("{}/token", std::env::var("PEERS_TOKENS")?).parse()?;
    let pipeline = |policies| {
        let (name, version) = (
            option_env!("CARGO_PKG_NAME"),
            option_env!("CARGO_PKG_VERSION"),
        );
        let options = ClientOptions::default();
        Pipeline::new(name, version, options, Vec::new(), policies, None)
    };
    let credential = Credential {
        issuer,
        pipeline: pipeline(Vec::new()),
        kept: Mutex::default(),
    };
    let mut policy = BearerTokenAuthorizationPolicy::new(Arc::new(credential), [SCOPE]);
    if std::env::args().nth(1).as_deref() == Some("handed") {
        policy = policy.with_on_challenge(Arc::new(HandClaims));
    }
    let pipeline = pipeline(vec![Arc::new(policy)]);
    for line in std::io::stdin().lock().lines() {
        line?;
        println!("{}", call(&pipeline, &url).await);
        std::io::stdout().flush()?;
    }
    Ok(())
}
