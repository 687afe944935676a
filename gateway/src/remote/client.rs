//! How to reach a gateway: over HTTP with a token, or over its Unix socket.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::Value;

use crate::failure::Failure;
use crate::input::read_text;

/// Where the gateway's admin listener is.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Server {
    /// The gateway's admin listener: http://…, https://…, or unix:PATH
    #[arg(long, value_name = "URL")]
    server: String,
    /// The file with the admin token; a Unix socket needs none
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Server {
    /// Asks, and reads the answer. Problems become failures in the gateway's own words.
    pub(super) fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::Broken(format!("cannot start the runtime: {error}")))?
            .block_on(self.ask_async(method, path, query, body))
    }

    async fn ask_async(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let unreachable = |error: &dyn std::fmt::Display| {
            Failure::Broken(format!("`{}` does not answer: {error}", self.server))
        };
        let (client, base) = self.client()?;
        let mut url = reqwest::Url::parse(&base)
            .and_then(|base| base.join(path))
            .map_err(|error| {
                Failure::Input(format!(
                    "`{}` is no server: {error}; use http://…, https://… or unix:PATH",
                    self.server
                ))
            })?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = client.request(method, url);
        if let Some(file) = &self.token_file {
            request = request.bearer_auth(read_text(file)?.trim());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|error| unreachable(&error))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| unreachable(&error))?;
        let value: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        if status.is_success() {
            return Ok(value);
        }
        let detail = match value.pointer("/detail").and_then(Value::as_str) {
            Some(detail) => detail.to_owned(),
            None => value.as_str().unwrap_or_default().trim().to_owned(),
        };
        let failure = format!("the gateway answers {status}: {detail}");
        Err(if status.is_client_error() {
            Failure::Input(failure)
        } else {
            Failure::Broken(failure)
        })
    }

    fn client(&self) -> Result<(Client, String), Failure> {
        let builder = Client::builder()
            .timeout(Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none());
        let build = |builder: reqwest::ClientBuilder| {
            builder
                .build()
                .map_err(|error| Failure::Broken(format!("cannot speak HTTP: {error}")))
        };
        match self.server.strip_prefix("unix:") {
            None => Ok((build(builder)?, self.server.clone())),
            #[cfg(unix)]
            Some(path) => {
                let client = build(builder.unix_socket(PathBuf::from(path)))?;
                Ok((client, "http://gateway".to_owned()))
            }
            #[cfg(not(unix))]
            Some(_) => Err(Failure::Input(
                "there are no Unix sockets on this system".to_owned(),
            )),
        }
    }
}
