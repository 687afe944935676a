//! `highwater stream`: look after the streams at a transmitter by hand.
//!
//! The gateway keeps its stream by itself. What it never does is here: pause a stream, take a
//! subject out, delete what nobody needs any more.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use highwater::event::StreamState;
use highwater_signals::delivery::HttpRequest;
use highwater_signals::delivery::stream::{StreamClient, StreamConfig, StreamError};
use highwater_signals::subject::{Spelling, SubjectId};
use serde_json::json;

use super::access::Access;
use super::keys::read_metadata;
use super::outbound::{Answer, Outbound, random_state};
use crate::config::Configuration;
use crate::config::transmitter::TransmitterSection;
use crate::failure::{Exit, Failure};
use crate::output;

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest answer that is read.
const MAXIMUM_ANSWER: usize = 1 << 20;

/// Look after the streams at a transmitter: list, pause, verify, delete
#[derive(Debug, clap::Args)]
pub(crate) struct Stream {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The transmitter [default: the only one]
    #[arg(long, value_name = "NAME")]
    transmitter: Option<String>,
    /// The stream [default: the only one that the transmitter lists]
    #[arg(long, value_name = "ID")]
    stream: Option<String>,
    #[command(subcommand)]
    task: Task,
}

#[derive(Clone, Debug, Subcommand)]
enum Task {
    /// Write every stream that the transmitter has for us, as JSON Lines
    List,
    /// Write the stream's status
    Status,
    /// Let events flow
    Enable,
    /// Hold events back; most transmitters keep them
    Pause {
        /// For the transmitter's operators
        #[arg(long)]
        reason: Option<String>,
    },
    /// Stop the stream. DANGEROUS: events are lost
    Disable {
        /// For the transmitter's operators
        #[arg(long)]
        reason: Option<String>,
    },
    /// Ask for a verification event; a running gateway takes it as a sign of life
    Verify,
    /// Delete the stream. A gateway with `[transmitter.stream]` makes another one
    Delete,
    /// Add a subject to the stream
    AddSubject {
        /// As SSF writes it: {"format": "email", "email": "…"}
        subject: String,
    },
    /// Take a subject out of the stream
    RemoveSubject {
        /// As SSF writes it
        subject: String,
    },
}

impl Stream {
    /// Does what was asked.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let configuration = Configuration::load(&self.config)?;
        let section = self.section(&configuration)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::Broken(format!("cannot start the runtime: {error}")))?;
        let lines = runtime.block_on(self.ask(section, &configuration.folder))?;
        let mut out = output::machine();
        for line in lines {
            serde_json::to_writer(&mut out, &line)?;
            out.write_all(b"\n")?;
        }
        out.flush()?;
        Ok(Exit::Success)
    }

    fn section<'a>(
        &self,
        configuration: &'a Configuration,
    ) -> Result<&'a TransmitterSection, Failure> {
        let sections = &configuration.transmitters;
        let name = |section: &TransmitterSection| section.name().get_ref().to_string();
        match &self.transmitter {
            Some(wanted) => sections.iter().find(|section| name(section) == *wanted),
            None => Some(sections)
                .filter(|all| all.len() == 1)
                .and_then(|all| all.first()),
        }
        .ok_or_else(|| {
            let names: Vec<String> = sections.iter().map(name).collect();
            Failure::Input(format!(
                "say which transmitter with --transmitter; there are: {}",
                names.join(", ")
            ))
        })
    }

    async fn ask(
        &self,
        section: &TransmitterSection,
        folder: &Path,
    ) -> Result<Vec<serde_json::Value>, Failure> {
        let broken = |error: String| Failure::Broken(error);
        let credentials = match &section.credentials {
            None => None,
            Some(section) => Some(section.complete().map_err(Failure::Input)?),
        };
        let outbound = Outbound::new().map_err(|error| broken(error.to_string()))?;
        let metadata = read_metadata(&outbound, section).await.map_err(broken)?;
        let peer = Peer {
            client: StreamClient::new(metadata),
            access: Access::new(credentials, folder),
            outbound,
        };
        if matches!(self.task, Task::List) {
            return Ok(peer.list().await?.into_iter().map(shown).collect());
        }
        let id = match &self.stream {
            Some(id) => id.clone(),
            None => only(&peer.list().await?)?,
        };
        peer.order(&id, &self.task).await.map(|line| vec![line])
    }
}

/// A stream without what only the transmitter and we should know.
fn shown(mut stream: StreamConfig) -> serde_json::Value {
    stream.delivery.authorization_header = None;
    json!(stream)
}

/// The id of the only stream.
fn only(streams: &[StreamConfig]) -> Result<String, Failure> {
    match streams {
        [stream] => stream
            .stream_id
            .clone()
            .ok_or_else(|| Failure::Broken("the transmitter gives its stream no id".to_owned())),
        [] => Err(Failure::Broken(
            "the transmitter has no stream for us".to_owned(),
        )),
        several => {
            let ids = several
                .iter()
                .filter_map(|stream| stream.stream_id.as_deref());
            Err(Failure::Input(format!(
                "say which stream with --stream; there are: {}",
                ids.collect::<Vec<_>>().join(", ")
            )))
        }
    }
}

struct Peer {
    client: StreamClient,
    access: Access,
    outbound: Outbound,
}

impl Peer {
    async fn list(&self) -> Result<Vec<StreamConfig>, Failure> {
        let answer = self.send(self.client.read(None)).await?;
        match self.client.streams(answer.response()) {
            Err(StreamError::NotFound) => Ok(Vec::new()),
            streams => streams.map_err(failed),
        }
    }

    async fn order(&self, id: &str, task: &Task) -> Result<serde_json::Value, Failure> {
        let client = &self.client;
        let (state, reason) = match task {
            Task::Enable => (StreamState::Enabled, None),
            Task::Pause { reason } => (StreamState::Paused, reason.as_deref()),
            Task::Disable { reason } => (StreamState::Disabled, reason.as_deref()),
            Task::List | Task::Status => {
                let answer = self.send(client.read_status(id)).await?;
                return self.status(id, &answer);
            }
            task => {
                let request = match task {
                    Task::Delete => client.delete(id),
                    Task::AddSubject { subject } => client.add_subject(id, &read(subject)?, true),
                    Task::RemoveSubject { subject } => client.remove_subject(id, &read(subject)?),
                    _ => client.verify(id, &random_state().unwrap_or_default()),
                };
                let answer = self.send(request).await?;
                client.done(answer.response()).map_err(failed)?;
                return Ok(json!({ "stream_id": id, "done": true }));
            }
        };
        let answer = self.send(client.set_status(id, state, reason)).await?;
        self.status(id, &answer)
    }

    fn status(&self, id: &str, answer: &Answer) -> Result<serde_json::Value, Failure> {
        let status = self.client.status(answer.response()).map_err(failed)?;
        Ok(json!({ "stream_id": id, "status": status.status.as_str(), "reason": status.reason }))
    }

    async fn send(&self, request: Result<HttpRequest, StreamError>) -> Result<Answer, Failure> {
        let request = request.map_err(failed)?;
        let token = self
            .access
            .token(&self.outbound)
            .await
            .map_err(|error| Failure::Broken(error.to_string()))?;
        self.outbound
            .send(&request, token.as_ref(), MAXIMUM_ANSWER, TIMEOUT)
            .await
            .map_err(|error| Failure::Broken(format!("`{}`: {error}", request.url)))
    }
}

fn read(subject: &str) -> Result<SubjectId, Failure> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(subject)
        .map_err(|error| Failure::Input(format!("the subject is no JSON object: {error}")))?;
    SubjectId::parse(&object, Spelling::Final)
        .map_err(|error| Failure::Input(format!("the subject cannot be read: {error}")))
}

fn failed(error: StreamError) -> Failure {
    Failure::Broken(error.to_string())
}
