//! The reporting streams themselves: what each source says of its stream, and how fresh it is.
//!
//! A stream that went silent is a fact about every decision that relies on it. Whether any
//! stream has is one atomic word, the earliest deadline, so that each decision can say so.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;

use crate::event::StreamState;
use crate::identifier::{Identifier, TenantId};
use crate::timestamp::Timestamp;

/// What is known about the stream of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamStatus {
    /// The source whose stream this is.
    pub source: Identifier,
    /// The worst state that the source reports for any tenant.
    pub state: StreamState,
    /// When that state was reported; `None` if the source never reported one.
    pub since: Option<Timestamp>,
    /// When the source was last heard of: an event, a poll or a verification.
    pub last_activity: Option<Timestamp>,
    /// After how many seconds of silence the stream counts as stale; `None`: never.
    pub stale_after_seconds: Option<i64>,
}

impl StreamStatus {
    /// Whether decisions at `now` have to reckon with events missing from this stream.
    #[must_use]
    pub fn is_degraded(&self, now: Timestamp) -> bool {
        now.milliseconds() > self.deadline()
    }

    /// The last millisecond at which the stream is good: `i64::MAX` without a bound, `i64::MIN`
    /// if it is not enabled.
    fn deadline(&self) -> i64 {
        match (self.state, self.stale_after_seconds) {
            (StreamState::Paused | StreamState::Disabled, _) => i64::MIN,
            (StreamState::Enabled, None) => i64::MAX,
            (StreamState::Enabled, Some(seconds)) => self
                .last_activity
                .map_or(i64::MIN, |last| last.plus_seconds(seconds).milliseconds()),
        }
    }
}

/// Every stream that was configured or heard of.
#[derive(Debug)]
pub(super) struct Streams {
    sources: Mutex<BTreeMap<Identifier, Stream>>,
    /// The earliest deadline of all sources. Written under the lock, read without it.
    deadline: AtomicI64,
}

#[derive(Debug, Default)]
struct Stream {
    reported: BTreeMap<TenantId, (StreamState, Timestamp)>,
    last_activity: Option<Timestamp>,
    stale_after_seconds: Option<i64>,
}

impl Streams {
    pub(super) fn new() -> Streams {
        Streams {
            sources: Mutex::default(),
            deadline: AtomicI64::new(i64::MAX),
        }
    }

    pub(super) fn watch(&self, source: &Identifier, stale_after_seconds: i64, from: Timestamp) {
        self.change(source, |stream| {
            stream.stale_after_seconds = Some(stale_after_seconds);
            stream.last_activity = stream.last_activity.max(Some(from));
        });
    }

    pub(super) fn observe(&self, source: &Identifier, heard: Timestamp) {
        self.change(source, |stream| {
            stream.last_activity = stream.last_activity.max(Some(heard));
        });
    }

    /// Takes over the state of the register (source, tenant), which the ledger has joined.
    pub(super) fn report(
        &self,
        source: &Identifier,
        tenant: &TenantId,
        state: StreamState,
        since: Timestamp,
    ) {
        self.change(source, |stream| {
            stream.reported.insert(tenant.clone(), (state, since));
        });
    }

    pub(super) fn is_degraded(&self, now: Timestamp) -> bool {
        now.milliseconds() > self.deadline.load(Ordering::Acquire)
    }

    pub(super) fn statuses(&self) -> Vec<StreamStatus> {
        let sources = self.sources.lock();
        sources
            .iter()
            .map(|(source, stream)| stream.status(source))
            .collect()
    }

    fn change(&self, source: &Identifier, change: impl FnOnce(&mut Stream)) {
        let mut sources = self.sources.lock();
        match sources.get_mut(source) {
            Some(stream) => change(stream),
            None => change(sources.entry(source.clone()).or_default()),
        }
        let earliest = sources
            .iter()
            .map(|(source, stream)| stream.status(source).deadline())
            .min();
        self.deadline
            .store(earliest.unwrap_or(i64::MAX), Ordering::Release);
    }
}

impl Stream {
    fn status(&self, source: &Identifier) -> StreamStatus {
        let worst = self.reported.values().max();
        StreamStatus {
            source: source.clone(),
            state: worst.map_or(StreamState::Enabled, |(state, _)| *state),
            since: worst.map(|(_, since)| *since),
            last_activity: self.last_activity,
            stale_after_seconds: self.stale_after_seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_degrades_by_silence_and_by_state() {
        let streams = Streams::new();
        let source = Identifier::new("idp").unwrap();
        let tenant = Identifier::new("contoso").unwrap();
        let at = Timestamp::from_seconds;
        assert!(!streams.is_degraded(at(i64::from(u32::MAX))));
        streams.watch(&source, 60, at(100));
        assert!(!streams.is_degraded(at(160)));
        assert!(streams.is_degraded(at(161)));
        streams.observe(&source, at(150));
        streams.observe(&source, at(120));
        assert!(!streams.is_degraded(at(210)));
        streams.report(&source, &tenant, StreamState::Paused, at(151));
        assert!(streams.is_degraded(at(152)));
        assert_eq!(streams.statuses()[0].since, Some(at(151)));
        streams.report(&source, &tenant, StreamState::Enabled, at(153));
        assert!(!streams.is_degraded(at(210)));
        assert!(streams.statuses()[0].is_degraded(at(211)));
    }
}
