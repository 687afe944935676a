//! Keeping a stream (SSF 1.0 section 8.1): found or made, corrected, asked for signs of life.
//!
//! The transmitter's metadata say where its streams are managed. A stream of ours is recognised
//! by the id that was kept, else by how it delivers; only if there is none is one made. What
//! the configuration asks for and the stream lacks is asked for again. After that the stream's
//! status is read and a verification event is asked for, over and over: silence proves nothing.

use std::sync::Arc;
use std::time::Duration;

use highwater_signals::delivery::HttpRequest;
use highwater_signals::delivery::metadata::{is_poll, is_push};
use highwater_signals::delivery::stream::{StreamClient, StreamConfig, StreamError, Wanted};
use highwater_signals::event_type::EventType;
use highwater_signals::subject::{Spelling, SubjectId};
use highwater_store::Batch;
use metrics::counter;
use serde_json::{Map, Value, json};

use super::outbound::{Answer, random_state, spread};
use super::source::Source;
use super::{Intake, keys};
use crate::config::transmitter::StreamSection;

/// How long a management request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest answer that is read.
const MAXIMUM_ANSWER: usize = 1 << 20;

/// The first pause after a failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Why a stream cannot be kept for now.
#[derive(Debug, thiserror::Error)]
enum KeepError {
    /// The metadata.
    #[error("{0}")]
    Metadata(String),
    /// Our secret for pushes.
    #[error(transparent)]
    Secret(#[from] crate::config::secret::SecretError),
    /// Our access.
    #[error(transparent)]
    Access(#[from] super::access::AccessError),
    /// The connection.
    #[error("`{url}`: {error}")]
    Outbound {
        url: String,
        error: super::outbound::OutboundError,
    },
    /// What the transmitter answered.
    #[error("{what}: {error}")]
    Stream {
        what: &'static str,
        error: StreamError,
    },
    /// A stream that cannot be used.
    #[error("the transmitter gave a stream that cannot be used: {0}")]
    Unusable(&'static str),
}

impl KeepError {
    fn retry_after(&self) -> Option<Duration> {
        match self {
            KeepError::Stream {
                error:
                    StreamError::Later {
                        retry_after_seconds,
                        ..
                    },
                ..
            } => u64::try_from(*retry_after_seconds)
                .ok()
                .map(Duration::from_secs),
            _ => None,
        }
    }
}

/// Keeps the stream of `source` until the gateway stops.
pub(super) async fn keep(intake: Arc<Intake>, source: Arc<Source>, section: StreamSection) {
    tokio::select! {
        () = keep_for_ever(&intake, &source, &section) => {}
        () = intake.service.shutdown.cancelled() => {}
    }
}

async fn keep_for_ever(intake: &Intake, source: &Source, section: &StreamSection) {
    let mut pause = FIRST_PAUSE;
    loop {
        let manager = Manager {
            intake,
            source,
            section,
        };
        match manager.establish().await {
            Err(error) => {
                counter!("highwater_stream_requests_total", "transmitter" => source.name().to_string(), "outcome" => "failed").increment(1);
                tracing::warn!(transmitter = %source.name(), %error, "the stream cannot be kept; trying again");
                tokio::time::sleep(spread(
                    error.retry_after().unwrap_or(pause).min(LONGEST_PAUSE),
                ))
                .await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Ok((client, stream)) => {
                pause = FIRST_PAUSE;
                // Ends when the transmitter does not know the stream any more.
                manager.watch(&client, &stream).await;
            }
        }
    }
}

struct Manager<'a> {
    intake: &'a Intake,
    source: &'a Source,
    section: &'a StreamSection,
}

impl Manager<'_> {
    /// A stream as the configuration wants it.
    async fn establish(&self) -> Result<(StreamClient, StreamConfig), KeepError> {
        let metadata = keys::metadata(self.intake, self.source)
            .await
            .map_err(KeepError::Metadata)?;
        let client = StreamClient::new(metadata);
        let wanted = self.wanted()?;
        let stream = match self.existing(&client, &wanted).await? {
            Some(stream) => self.corrected(&client, stream, &wanted).await?,
            None => self.created(&client, &wanted).await?,
        };
        for warning in stream.warnings() {
            tracing::warn!(transmitter = %self.source.name(), warning, "stream");
        }
        if self.source.section.poll.is_some() && self.configured_poll_endpoint().is_none() {
            let url = stream
                .delivery
                .endpoint_url
                .clone()
                .ok_or(KeepError::Unusable(
                    "it is polled and has no `endpoint_url`",
                ))?;
            let from = keys::metadata_url(&self.source.section).map_err(KeepError::Metadata)?;
            if !keys::may_lead_to(&from, &url) {
                return Err(KeepError::Unusable("it is polled on this machine"));
            }
            self.source.poll_endpoint.send_if_modified(|known| {
                let is_new = known.as_ref() != Some(&url);
                *known = Some(url);
                is_new
            });
        }
        {
            let mut memory = self.source.memory.lock();
            memory.stream_id.clone_from(&stream.stream_id);
        }
        self.write_down();
        tracing::info!(transmitter = %self.source.name(), stream = stream.stream_id, "stream kept");
        self.add_subjects(&client, &stream).await?;
        Ok((client, stream))
    }

    fn configured_poll_endpoint(&self) -> Option<&String> {
        let poll = self.source.section.poll.as_ref()?;
        poll.endpoint_url.as_ref()
    }

    fn wanted(&self) -> Result<Wanted, KeepError> {
        let endpoint = self
            .source
            .endpoint(&self.intake.service.configuration.folder)?;
        Ok(match (&self.section.push_url, endpoint) {
            (Some(url), Some(endpoint)) => Wanted::Push {
                endpoint_url: url.clone(),
                authorization_header: endpoint.authorization,
            },
            _ => Wanted::Poll,
        })
    }

    /// Our stream, if the transmitter has it.
    async fn existing(
        &self,
        client: &StreamClient,
        wanted: &Wanted,
    ) -> Result<Option<StreamConfig>, KeepError> {
        let kept = self.source.memory.lock().stream_id.clone();
        let configured = self.section.id.clone();
        if let Some(id) = configured.clone().or(kept) {
            let answer = self.send(client.read(Some(&id))).await?;
            match client.stream(answer.response()) {
                Ok(stream) => return Ok(Some(stream)),
                Err(StreamError::NotFound) if configured.is_none() => {
                    tracing::warn!(transmitter = %self.source.name(), stream = id, "the transmitter has forgotten the stream");
                }
                Err(error) => {
                    return Err(KeepError::Stream {
                        what: "reading the stream",
                        error,
                    });
                }
            }
        }
        let answer = self.send(client.read(None)).await?;
        match client.streams(answer.response()) {
            Ok(streams) => Ok(streams
                .into_iter()
                .find(|stream| self.is_ours(stream, wanted))),
            // Some say so when there is none.
            Err(StreamError::NotFound) => Ok(None),
            Err(error) => Err(KeepError::Stream {
                what: "listing streams",
                error,
            }),
        }
    }

    fn is_ours(&self, stream: &StreamConfig, wanted: &Wanted) -> bool {
        let names: Vec<String> = match &stream.aud {
            Value::String(name) => vec![name.clone()],
            Value::Array(names) => names
                .iter()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
            _ => Vec::new(),
        };
        let is_for_us = names.is_empty()
            || self
                .source
                .receiver
                .lock()
                .transmitters()
                .iter()
                .any(|transmitter| transmitter.is_audience(&names));
        is_for_us
            && match wanted {
                Wanted::Poll => is_poll(&stream.delivery.method),
                Wanted::Push { endpoint_url, .. } => {
                    is_push(&stream.delivery.method)
                        && stream.delivery.endpoint_url.as_ref() == Some(endpoint_url)
                }
            }
    }

    async fn created(
        &self,
        client: &StreamClient,
        wanted: &Wanted,
    ) -> Result<StreamConfig, KeepError> {
        let events = self.events();
        let description = self.section.description.as_deref();
        let answer = self
            .send(client.create(wanted, &events, description))
            .await?;
        let stream = client
            .stream(answer.response())
            .map_err(|error| KeepError::Stream {
                what: "making a stream",
                error,
            })?;
        tracing::info!(transmitter = %self.source.name(), stream = stream.stream_id, "stream made");
        Ok(stream)
    }

    /// The stream with what it lacks. A transmitter that cannot change it keeps it as it is.
    async fn corrected(
        &self,
        client: &StreamClient,
        stream: StreamConfig,
        wanted: &Wanted,
    ) -> Result<StreamConfig, KeepError> {
        let mut members = Map::new();
        let requested = stream.events_requested.clone().unwrap_or_default();
        let events = self.events();
        if events.iter().any(|event| !requested.contains(event)) {
            members.insert("events_requested".to_owned(), json!(events));
        }
        if let Wanted::Push {
            endpoint_url,
            authorization_header,
        } = wanted
        {
            let delivery = &stream.delivery;
            // Many do not tell the secret back: then nothing is known to be wrong.
            let differs = delivery.endpoint_url.as_ref() != Some(endpoint_url)
                || (delivery.authorization_header.is_some()
                    && delivery.authorization_header != *authorization_header);
            if differs {
                let mut delivery =
                    json!({ "method": delivery.method, "endpoint_url": endpoint_url });
                if let Some(header) = authorization_header {
                    delivery["authorization_header"] = json!(header);
                }
                members.insert("delivery".to_owned(), delivery);
            }
        }
        let Some(id) = stream.stream_id.as_deref().filter(|_| !members.is_empty()) else {
            return Ok(stream);
        };
        let answer = self.send(client.update(id, members, false)).await?;
        match client.stream(answer.response()) {
            Ok(changed) => {
                tracing::info!(transmitter = %self.source.name(), stream = id, "stream changed");
                Ok(changed)
            }
            Err(error @ (StreamError::Later { .. } | StreamError::Unauthorized(_))) => {
                Err(KeepError::Stream {
                    what: "changing the stream",
                    error,
                })
            }
            Err(error) => {
                tracing::warn!(transmitter = %self.source.name(), %error, "the stream is not as configured and cannot be changed");
                Ok(stream)
            }
        }
    }

    /// The URIs to ask for: those of the configuration, else of the transmitter's authority,
    /// else all that are known.
    fn events(&self) -> Vec<String> {
        let named = self
            .section
            .events
            .clone()
            .or_else(|| self.source.section.config(None).authority.event_types);
        match named {
            Some(names) => names
                .iter()
                .map(|name| {
                    EventType::from_name(name)
                        .map_or_else(|| name.clone(), |known| known.uri().to_owned())
                })
                .collect(),
            None => EventType::all()
                .filter(|known| !known.is_about_stream())
                .map(|known| known.uri().to_owned())
                .collect(),
        }
    }

    async fn add_subjects(
        &self,
        client: &StreamClient,
        stream: &StreamConfig,
    ) -> Result<(), KeepError> {
        let Some(id) = &stream.stream_id else {
            return Ok(());
        };
        for subject in &self.section.subjects {
            let Some(subject) = subject
                .as_object()
                .and_then(|object| SubjectId::parse(object, Spelling::Final).ok())
            else {
                // Loading has checked it.
                continue;
            };
            let answer = self.send(client.add_subject(id, &subject, true)).await?;
            client
                .done(answer.response())
                .map_err(|error| KeepError::Stream {
                    what: "adding a subject",
                    error,
                })?;
        }
        Ok(())
    }

    /// Asks for signs of life until the transmitter does not know the stream any more.
    async fn watch(&self, client: &StreamClient, stream: &StreamConfig) {
        let Some(id) = stream.stream_id.as_deref() else {
            // Nothing can be asked about a stream without a name; tokens and polls tell.
            return std::future::pending().await;
        };
        let every = self.source.section.liveness().verify_every_seconds;
        let every = every.max(stream.min_verification_interval.unwrap_or(0));
        let every = Duration::from_secs(u64::try_from(every).unwrap_or(300));
        // An answer that was asked for before a restart may still come, and has to find its state.
        if self.source.memory.lock().expected_state.is_some() {
            if let Err(KeepError::Stream {
                error: StreamError::NotFound,
                ..
            }) = self.read_status(client, id).await
            {
                return;
            }
            tokio::time::sleep(spread(every)).await;
        }
        loop {
            for outcome in [
                self.read_status(client, id).await,
                self.verify(client, id).await,
            ] {
                match outcome {
                    Ok(()) => {}
                    Err(KeepError::Stream {
                        error: StreamError::NotFound,
                        ..
                    }) => return,
                    Err(KeepError::Stream {
                        error: StreamError::NoEndpoint(member),
                        ..
                    }) => {
                        tracing::debug!(transmitter = %self.source.name(), member, "cannot be asked for a sign of life this way");
                    }
                    Err(error) => {
                        tracing::warn!(transmitter = %self.source.name(), %error, "no sign of life");
                    }
                }
            }
            tokio::time::sleep(spread(every)).await;
        }
    }

    async fn read_status(&self, client: &StreamClient, id: &str) -> Result<(), KeepError> {
        let answer = self.send(client.read_status(id)).await?;
        let status = client
            .status(answer.response())
            .map_err(|error| KeepError::Stream {
                what: "reading the stream's status",
                error,
            })?;
        let now = self.intake.service.now();
        let mut batch = Batch::new();
        {
            let mut liveness = self.source.liveness.lock();
            let before = liveness.state();
            let gap = liveness.status(status.status, now, now);
            if before != status.status {
                tracing::warn!(
                    transmitter = %self.source.name(), status = ?status.status, reason = status.reason,
                    "the stream's status changed"
                );
                batch = batch.event(&liveness.event(now));
            }
            if let Some(refresh) = gap.and_then(|gap| liveness.gap_event(gap)) {
                batch = batch.event(&refresh);
            }
        }
        drop(self.intake.service.store.commit(batch));
        Ok(())
    }

    async fn verify(&self, client: &StreamClient, id: &str) -> Result<(), KeepError> {
        let Some(state) = random_state() else {
            return Ok(());
        };
        let request = client.verify(id, &state);
        if request.is_ok() {
            // Before the request: the event may be faster than the answer.
            let name = self.source.name().as_str();
            if let Some(transmitter) = self.source.receiver.lock().transmitter_mut(name) {
                transmitter.expected_state = Some(state.clone());
            }
            self.source.memory.lock().expected_state = Some(state);
            self.write_down();
        }
        let answer = self.send(request).await?;
        client
            .done(answer.response())
            .map_err(|error| KeepError::Stream {
                what: "asking for a verification event",
                error,
            })
    }

    fn write_down(&self) {
        drop(
            self.intake
                .service
                .store
                .commit(self.intake.remember(self.source)),
        );
    }

    async fn send(&self, request: Result<HttpRequest, StreamError>) -> Result<Answer, KeepError> {
        let request = request.map_err(|error| KeepError::Stream {
            what: "asking",
            error,
        })?;
        let token = self.source.access.token(&self.intake.outbound).await?;
        let answer = self
            .intake
            .outbound
            .send(&request, token.as_ref(), MAXIMUM_ANSWER, TIMEOUT)
            .await
            .map_err(|error| KeepError::Outbound {
                url: request.url.clone(),
                error,
            })?;
        if answer.status == 401 {
            self.source.access.refused().await;
        }
        let outcome = if answer.status < 400 {
            "answered"
        } else {
            "refused"
        };
        counter!("highwater_stream_requests_total", "transmitter" => self.source.name().to_string(), "outcome" => outcome)
            .increment(1);
        Ok(answer)
    }
}
