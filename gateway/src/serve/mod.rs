//! `highwater serve`: the engine in front of any API.
//!
//! ```text
//!  gateway (nginx, Envoy, …) ──► decisions ─┐
//!  transmitter (SETs), Graph ──► intake ────┼──► Service: engine, store, documents, clock
//!  operator ───────────────────► admin ─────┘
//! ```
//!
//! Everything that lives as long as the process is in one [`Service`]; listeners and background
//! tasks share it. Nothing here decides: the engine does, and whatever waits (disk, network,
//! documents) waits outside of decisions.

mod accept;
mod admin;
mod connection;
mod decide;
mod decision_log;
mod demo;
mod documents;
mod health;
mod intake;
mod keeping;
mod keys;
mod latency;
mod listener;
mod logs;
mod metrics;
mod problem;
mod routes;
mod service;
mod signals;
mod synchronised;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Builder;

use crate::config::Configuration;
use crate::config::serve::{ListenerKind, ListenerSection};
use crate::failure::{Exit, Failure};
use crate::output::say;
use demo::Demo;
use documents::Source;
pub(crate) use intake::Stream;
use listener::{Bound, Listener};
pub(crate) use service::Service;

/// Answer for gateways in front of an API whether requests are allowed, until told to stop.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["config", "demo"]))]
pub(crate) struct Serve {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A tenant and an issuer of its own instead, to try everything with curl
    #[arg(long)]
    demo: bool,
    /// Where to answer decisions, instead of the first such address of the configuration; port 0
    /// picks one
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Send traces to this OpenTelemetry collector, over gRPC
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
}

/// Where decisions are answered unless something else is said.
const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8181);

impl Serve {
    /// Runs until SIGTERM or SIGINT.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let (path, demo) = match self.config {
            Some(path) => (path, None),
            None => {
                let demo = Demo::prepare()?;
                (demo.configuration(), Some(Arc::new(demo)))
            }
        };
        let mut configuration = Configuration::load(&path)?;
        listen_on(&mut configuration.serve.listeners, self.listen);
        if self.otlp.is_some() {
            configuration.telemetry.otlp = self.otlp;
        }
        let runtime = Builder::new_multi_thread()
            .enable_all()
            .thread_name("highwater")
            .build()
            .map_err(|error| Failure::Broken(format!("cannot start the runtime: {error}")))?;
        runtime.block_on(serve(configuration, Source::File(path), demo))
    }
}

/// The listeners to open: those of the configuration, with `--listen` in the place of the first
/// for decisions.
fn listen_on(listeners: &mut Vec<ListenerSection>, listen: Option<SocketAddr>) {
    let first = listeners
        .iter()
        .position(|listener| listener.kind == ListenerKind::Decisions);
    match (first, listen) {
        (Some(index), Some(address)) => listeners[index].move_to(address),
        (None, address) if listeners.is_empty() || address.is_some() => {
            let address = address.unwrap_or(DEFAULT_ADDRESS);
            listeners.insert(0, ListenerSection::decisions(address));
        }
        _ => {}
    }
}

async fn serve(
    configuration: Configuration,
    source: Source,
    demo: Option<Arc<Demo>>,
) -> Result<Exit, Failure> {
    let logs = logs::start(&configuration)?;
    // Bound before anything is opened: a taken port ends the program at once.
    let listeners = Bound::all(&configuration)?;
    let service = Arc::new(Service::open(configuration, source)?);
    intake::prepare(&service);
    if let Err(error) = service.reload_documents() {
        tracing::error!(%error, "documents cannot be read; requests that need them are not judged");
    }
    let intake = intake::start(&service)?;
    let certificates = listeners.iter().filter_map(Bound::tls).cloned().collect();
    signals::spawn(&service, certificates)?;
    let mut introductions = Vec::new();
    for bound in listeners {
        let mut routes = routes::of(&bound.section, &service, &intake)?;
        if let (Some(demo), ListenerKind::Decisions) = (&demo, bound.kind()) {
            routes = routes.merge(demo::routes(&service, demo));
            introductions.push(demo::introduction(&bound.to_string(), demo.folder()));
        }
        let listener = Listener::new(&service, &bound, routes);
        bound.announce();
        accept::spawn(listener, bound.socket);
    }
    for introduction in introductions {
        say(format_args!("{introduction}"));
    }
    keys::spawn(&service);
    service.run_to_the_end().await;
    drop(service);
    tokio::task::spawn_blocking(|| logs.finish())
        .await
        .unwrap_or_default();
    Ok(Exit::Success)
}
