//! `highwater serve --demo`: a tenant, an issuer and its key, made at start, so that a newcomer
//! can `curl` every outcome. Nothing is special about it but the routes that hand out tokens.

mod issuer;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::{get, post};
use highwater::event::{Dimension, Effect, Event, Provenance, Subject};
use highwater::identifier::Identifier;
use serde::Deserialize;

use self::issuer::{Holder, Issuer};
use super::Service;
use super::problem::Problem;
use crate::failure::Failure;
use crate::story::{Names, effect_of};

const CONFIGURATION: &str = include_str!("highwater.toml");
const DOCUMENTS: &str = include_str!("documents.json");

/// A demonstration: its folder, which goes away with it, and who signs its tokens.
pub(super) struct Demo {
    folder: PathBuf,
    issuer: Issuer,
}

impl Demo {
    /// Makes the folder with a configuration, documents and the key of the issuer.
    ///
    /// # Errors
    /// The folder cannot be written, or no key can be made.
    pub(super) fn prepare() -> Result<Demo, Failure> {
        let folder = std::env::temp_dir().join(format!("highwater-demo-{}", std::process::id()));
        let issuer = Issuer::new()?;
        let failed = |error: std::io::Error| {
            Failure::Broken(format!("cannot write `{}`: {error}", folder.display()))
        };
        // Not one that somebody else has put there.
        fs::create_dir(&folder).map_err(failed)?;
        let demo = Demo {
            folder: folder.clone(),
            issuer,
        };
        for (name, content) in [
            ("highwater.toml", CONFIGURATION),
            ("documents.json", DOCUMENTS),
            ("keys.json", &demo.issuer.key_set()),
        ] {
            fs::write(folder.join(name), content).map_err(failed)?;
        }
        Ok(demo)
    }

    /// Its configuration.
    pub(super) fn configuration(&self) -> PathBuf {
        self.folder.join("highwater.toml")
    }

    /// Its folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Left behind at worst.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[derive(Clone)]
struct Stage {
    service: Arc<Service>,
    demo: Arc<Demo>,
}

/// The routes of the demonstration.
pub(super) fn routes(service: &Arc<Service>, demo: &Arc<Demo>) -> Router {
    Router::new()
        .route("/demo/token", get(token))
        .route("/demo/revoke", post(revoke))
        .with_state(Stage {
            service: Arc::clone(service),
            demo: Arc::clone(demo),
        })
}

/// Whose token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Who {
    user: Option<String>,
    workload: Option<String>,
    /// Whether the client answers claims challenges; any value.
    cp1: Option<String>,
}

impl Who {
    fn holder(&self) -> Result<Holder, Problem> {
        let identifier = |text: &str| Identifier::new(text).map_err(Problem::bad_request);
        match (&self.user, &self.workload) {
            (Some(user), None) => Ok(Holder::User(identifier(user)?)),
            (None, Some(workload)) => Ok(Holder::Workload(identifier(workload)?)),
            _ => Err(Problem::bad_request("say `user=NAME` or `workload=NAME`")),
        }
    }
}

/// `GET /demo/token?user=ada&cp1`: a token, as text.
async fn token(State(stage): State<Stage>, Query(who): Query<Who>) -> Result<String, Problem> {
    let now = stage.service.now();
    stage
        .demo
        .issuer
        .token(&who.holder()?, who.cp1.is_some(), now)
        .map_err(Problem::unavailable)
}

/// `POST /demo/revoke?user=ada`: what an identity provider reports after a lost laptop.
async fn revoke(State(stage): State<Stage>, Query(who): Query<Who>) -> Result<String, Problem> {
    let (dimension, identifier) = match who.holder()? {
        Holder::User(user) => (Dimension::User, user),
        Holder::Workload(workload) => (Dimension::Workload, workload),
    };
    let identify = |text: &str| Identifier::new(text).map_err(Problem::unavailable);
    let event = Event {
        time: stage.service.now(),
        tenant: identify(issuer::TENANT)?,
        subject: Subject::of(dimension, identifier),
        effect: Effect::Revoke,
        provenance: Provenance::from_source(identify("demo")?),
    };
    stage
        .service
        .store
        .apply(&event)
        .await
        .map_err(Problem::unavailable)?;
    Ok(format!("{}\n", effect_of(&event, &Names::default())))
}

/// What to try, for the terminal.
pub(super) fn introduction(url: &str, folder: &Path) -> String {
    format!(
        "
A demonstration: one tenant, users only from the office (203.0.113.0/24). Try, in another terminal:

  # allowed: from the office
  TOKEN=$(curl -s '{url}/demo/token?user=ada&cp1')
  curl -i {url}/decide -H \"Authorization: Bearer $TOKEN\" -H 'X-Forwarded-For: 203.0.113.7'

  # challenged: the same token from elsewhere; the client understands challenges (cp1)
  curl -i {url}/decide -H \"Authorization: Bearer $TOKEN\" -H 'X-Forwarded-For: 198.51.100.9'

  # denied: from elsewhere, by a client that does not
  PLAIN=$(curl -s '{url}/demo/token?user=bob')
  curl -i {url}/decide -H \"Authorization: Bearer $PLAIN\" -H 'X-Forwarded-For: 198.51.100.9'

  # revoked: in the office, but her tokens were taken back; a new one is good a second later
  curl -X POST '{url}/demo/revoke?user=ada'
  curl -i {url}/decide -H \"Authorization: Bearer $TOKEN\" -H 'X-Forwarded-For: 203.0.113.7'

What it decides by lies in {}; change it and send SIGHUP. Ctrl-C ends it.
",
        folder.display()
    )
}
