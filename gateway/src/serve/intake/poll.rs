//! Poll delivery (RFC 8936): asking a transmitter, for as long as the gateway runs.
//!
//! The protocol is in [`highwater_signals::delivery::poll`]; here it meets a network that fails.
//! A transmitter that is away costs nothing but freshness: pauses grow and are spread, and no
//! decision waits.

use std::sync::Arc;
use std::time::Duration;

use highwater::timestamp::Timestamp;
use highwater_signals::delivery::HttpRequest;
use highwater_signals::delivery::poll::{
    PollAction, PollClient, PollConfig, PollOutcome, PollRequest,
};
use metrics::counter;

use super::admission::Via;
use super::outbound::{Answer, OutboundError, spread};
use super::source::Source;
use super::{Intake, keys};
use crate::config::transmitter::PollSection;

/// How long a transmitter may hold a request unless the configuration says otherwise.
const LONG_POLL: Duration = Duration::from_secs(120);

/// How long an answer may take that is to come at once.
const SHORT_POLL: Duration = Duration::from_secs(30);

/// How long acknowledgements may take when the gateway stops.
const GOODBYE: Duration = Duration::from_secs(3);

/// The longest answer that is read.
const MAXIMUM_ANSWER: usize = 16 << 20;

/// The pause after events that could not be made durable.
const NOT_DURABLE: Duration = Duration::from_secs(5);

/// Polls `source` until the gateway stops. Where to poll may become known later, and change.
pub(super) async fn run(intake: Arc<Intake>, source: Arc<Source>, section: PollSection) {
    let mut endpoint = source.poll_endpoint.subscribe();
    let mut client: Option<PollClient> = None;
    loop {
        if client.is_none() || endpoint.has_changed().unwrap_or(false) {
            let url = endpoint.borrow_and_update().clone();
            client = url.map(|url| PollClient::new(config(&section, url)));
        }
        let Some(client) = &mut client else {
            tokio::select! {
                _ = endpoint.changed() => continue,
                () = intake.service.shutdown.cancelled() => return,
            }
        };
        tokio::select! {
            () = step(&intake, &source, &section, client) => {}
            () = intake.service.shutdown.cancelled() => {
                goodbye(&intake, &source, client).await;
                return;
            }
        }
    }
}

fn config(section: &PollSection, endpoint_url: String) -> PollConfig {
    PollConfig {
        endpoint_url,
        max_events: section.max_events.unwrap_or(100),
        long_poll: section.long_poll.unwrap_or(true),
        interval_seconds: section.interval.map_or(5, |interval| interval.0.max(1)),
    }
}

/// One question and its answer, or one pause. May be dropped at any point: whatever was not
/// acknowledged comes again.
async fn step(
    intake: &Arc<Intake>,
    source: &Arc<Source>,
    section: &PollSection,
    client: &mut PollClient,
) {
    let now = intake.service.now();
    let request = match client.next(now) {
        PollAction::Wait(until) => return pause(now, until).await,
        PollAction::Send(request) => request,
    };
    let is_long = is_long(&request);
    let timeout = match (is_long, section.timeout) {
        (true, Some(timeout)) => timeout.duration(),
        (true, None) => LONG_POLL,
        (false, _) => SHORT_POLL,
    };
    let outcome = match ask(intake, source, &request, timeout).await {
        Ok(answer) => respond(intake, source, client, &answer),
        // The transmitter had nothing to say for longer than we listen.
        Err(Asked::Outbound(OutboundError::Timeout(_))) if is_long => {
            let nothing = Answer {
                status: 200,
                retry_after_seconds: None,
                body: Vec::new(),
            };
            respond(intake, source, client, &nothing)
        }
        Err(error) => {
            client.lost(intake.service.now());
            PollOutcome {
                failure: Some(error.to_string()),
                ..PollOutcome::default()
            }
        }
    };
    let result = if outcome.failure.is_some() {
        "failed"
    } else {
        "answered"
    };
    counter!("highwater_polls_total", "transmitter" => source.name().to_string(), "outcome" => result)
        .increment(1);
    if let Some(reason) = &outcome.failure {
        tracing::warn!(transmitter = %source.name(), url = request.url, reason, "the poll failed");
        return;
    }
    intake.heard(source, intake.service.now());
    if !outcome.fetch_keys.is_empty() {
        keys::fetch(intake, source);
        source.settled().await;
    }
    let taken = outcome.deliveries.iter().map(|delivery| async {
        let durable = intake.admit(source, delivery, Via::Poll).await;
        durable.then_some(delivery.set.claims().id.as_str())
    });
    // All at once, so that they share a transaction.
    let durable = futures_util::future::join_all(taken).await;
    let mut is_whole = true;
    for id in durable {
        match id {
            Some(id) => client.durable(id),
            None => is_whole = false,
        }
    }
    if !is_whole {
        tokio::time::sleep(spread(NOT_DURABLE)).await;
    }
}

/// Whether the transmitter may hold a request. Such a one carries no acknowledgements, so none
/// is lost if it is given up.
fn is_long(request: &HttpRequest) -> bool {
    let body = request.body.as_deref().unwrap_or_default();
    serde_json::from_slice::<PollRequest>(body).is_ok_and(|body| {
        body.return_immediately == Some(false) && body.ack.is_empty() && body.errors.is_empty()
    })
}

fn respond(
    intake: &Intake,
    source: &Source,
    client: &mut PollClient,
    answer: &Answer,
) -> PollOutcome {
    let outcome = client.respond(
        answer.response(),
        &mut source.receiver.lock(),
        &*intake.directory.read(),
        intake.service.now(),
    );
    if outcome.failure.is_some() {
        return outcome;
    }
    for (id, error) in &client.ready().errors {
        intake.count(source, Via::Poll, "refused");
        counter!(
            "highwater_set_refusals_total",
            "transmitter" => source.name().to_string(),
            "code" => error.err.as_str(),
        )
        .increment(1);
        tracing::warn!(
            transmitter = %source.name(), id, code = error.err.as_str(),
            description = error.description, "a polled token was refused"
        );
    }
    outcome
}

/// Why a poll was not answered.
#[derive(Debug, thiserror::Error)]
enum Asked {
    #[error(transparent)]
    Access(#[from] super::access::AccessError),
    #[error(transparent)]
    Outbound(#[from] OutboundError),
}

async fn ask(
    intake: &Intake,
    source: &Source,
    request: &HttpRequest,
    timeout: Duration,
) -> Result<Answer, Asked> {
    let token = source.access.token(&intake.outbound).await?;
    let answer = intake
        .outbound
        .send(request, token.as_ref(), MAXIMUM_ANSWER, timeout)
        .await?;
    if answer.status == 401 {
        source.access.refused().await;
    }
    Ok(answer)
}

async fn goodbye(intake: &Intake, source: &Source, client: &mut PollClient) {
    if let Some(request) = client.acknowledge_only()
        && let Err(error) = ask(intake, source, &request, GOODBYE).await
    {
        tracing::debug!(transmitter = %source.name(), %error, "acknowledgements will be sent after the restart");
    }
}

async fn pause(now: Timestamp, until: Timestamp) {
    let milliseconds = until.milliseconds().saturating_sub(now.milliseconds());
    let whole = Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0));
    tokio::time::sleep(spread(whole)).await;
}
