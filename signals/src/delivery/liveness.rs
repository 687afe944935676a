//! Whether a stream still works, and whether something may have been lost.
//!
//! SSF has no heartbeat and no sequence numbers: silence looks like peace. The only proof of
//! life is a token, a verification event, a successful poll or a status read; the only proof of
//! loss is a stream that was disabled, or paused with events dropped, and came back.

use highwater::event::{Effect, Event, Provenance, StreamState, Subject};
use highwater::identifier::{Identifier, TenantId};
use highwater::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// How a stream is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LivenessConfig {
    /// How long a stream may be silent before it counts as stale, in seconds.
    pub stale_after_seconds: i64,
    /// How often a verification event is asked for, in seconds. Keep it well below
    /// `stale_after_seconds`, and not below the stream's `min_verification_interval`.
    pub verify_every_seconds: i64,
    /// What a possible loss does: everything issued before the stream came back is to be
    /// exchanged (`refresh`), or it is only reported (`report`).
    pub on_gap: OnGap,
}

/// What a possible loss does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnGap {
    /// It is reported.
    #[default]
    Report,
    /// Every token of the tenant that was issued before must be exchanged.
    Refresh,
}

impl Default for LivenessConfig {
    fn default() -> LivenessConfig {
        LivenessConfig {
            stale_after_seconds: 900,
            verify_every_seconds: 300,
            on_gap: OnGap::Report,
        }
    }
}

/// A time during which events may have been lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// When events stopped.
    pub since: Timestamp,
    /// When they came again.
    pub until: Timestamp,
}

/// What is known about one stream.
#[derive(Clone, Debug)]
pub struct Liveness {
    config: LivenessConfig,
    source: Identifier,
    tenant: TenantId,
    state: StreamState,
    state_since: Timestamp,
    stopped: Option<Timestamp>,
    heard: Option<Timestamp>,
    asked: Option<Timestamp>,
}

impl Liveness {
    /// A stream of which nothing has been heard yet.
    #[must_use]
    pub fn new(source: Identifier, tenant: TenantId, config: LivenessConfig) -> Liveness {
        Liveness {
            config,
            source,
            tenant,
            state: StreamState::Enabled,
            state_since: Timestamp::MINIMUM,
            stopped: None,
            heard: None,
            asked: None,
        }
    }

    /// A sign of life: a token, a verification event, a successful poll.
    pub fn heard(&mut self, now: Timestamp) {
        self.heard = Some(self.heard.map_or(now, |before| before.max(now)));
    }

    /// The transmitter said that the stream has this status since `time`. Returns the gap that
    /// ends with it, if events may have been lost: a stream that was disabled keeps nothing, a
    /// paused one may drop.
    pub fn status(&mut self, status: StreamState, time: Timestamp, now: Timestamp) -> Option<Gap> {
        self.heard(now);
        // Last writer by T; the worse one on a tie. A late message changes nothing.
        if (time, status) < (self.state_since, self.state) {
            return None;
        }
        self.state = status;
        self.state_since = time;
        if status == StreamState::Enabled {
            return self.stopped.take().map(|since| Gap { since, until: time });
        }
        self.stopped = Some(self.stopped.map_or(time, |before| before.min(time)));
        None
    }

    /// Whether the stream is to be asked for a verification event now. Asking is noted.
    pub fn ask(&mut self, now: Timestamp) -> bool {
        let due = self
            .asked
            .is_none_or(|asked| asked.plus_seconds(self.config.verify_every_seconds) <= now);
        if due {
            self.asked = Some(now);
        }
        due
    }

    /// Whether nothing has been heard for too long.
    #[must_use]
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.heard
            .is_none_or(|heard| heard.plus_seconds(self.config.stale_after_seconds) < now)
    }

    /// When something was last heard.
    #[must_use]
    pub fn last_heard(&self) -> Option<Timestamp> {
        self.heard
    }

    /// The status that the transmitter last named.
    #[must_use]
    pub fn state(&self) -> StreamState {
        self.state
    }

    /// The stream's register as an event: the status, heard at `now`.
    #[must_use]
    pub fn event(&self, now: Timestamp) -> Event {
        self.make(Effect::Stream(self.state), now, None)
    }

    /// What a gap does, as the configuration says.
    #[must_use]
    pub fn gap_event(&self, gap: Gap) -> Option<Event> {
        match self.config.on_gap {
            OnGap::Report => None,
            OnGap::Refresh => Some(self.make(
                Effect::Refresh,
                gap.until,
                Some(format!(
                    r#"{{"stream_gap":{{"since":"{}","until":"{}"}}}}"#,
                    gap.since, gap.until
                )),
            )),
        }
    }

    fn make(&self, effect: Effect, time: Timestamp, reason: Option<String>) -> Event {
        Event {
            time,
            tenant: self.tenant.clone(),
            subject: Subject::tenant(),
            effect,
            provenance: Provenance {
                reason,
                ..Provenance::from_source(self.source.clone())
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn stream(on_gap: OnGap) -> Liveness {
        let id = |text| Identifier::new(text).unwrap();
        Liveness::new(
            id("idp"),
            id("t"),
            LivenessConfig {
                on_gap,
                ..LivenessConfig::default()
            },
        )
    }

    #[test]
    fn silence_becomes_stale_and_any_sign_of_life_ends_it() {
        let mut stream = stream(OnGap::Report);
        assert!(stream.is_stale(at(0)));
        assert_eq!(stream.last_heard(), None);
        stream.heard(at(0));
        assert!(!stream.is_stale(at(900)));
        assert!(stream.is_stale(at(901)));
        stream.heard(at(950));
        stream.heard(at(940));
        assert_eq!(stream.last_heard(), Some(at(950)), "the latest");
        assert!(!stream.is_stale(at(1000)));
        assert!(stream.ask(at(0)));
        assert!(!stream.ask(at(299)));
        assert!(stream.ask(at(300)));
    }

    #[test]
    fn coming_back_after_a_stop_is_a_possible_loss() {
        let mut stream = stream(OnGap::Refresh);
        assert_eq!(stream.status(StreamState::Paused, at(10), at(10)), None);
        assert_eq!(stream.status(StreamState::Disabled, at(20), at(20)), None);
        assert_eq!(
            stream.status(StreamState::Enabled, at(5), at(25)),
            None,
            "a late message does not enable"
        );
        let gap = stream.status(StreamState::Enabled, at(30), at(30)).unwrap();
        assert_eq!((gap.since, gap.until), (at(10), at(30)));
        let event = stream.gap_event(gap).unwrap();
        assert_eq!(event.effect, Effect::Refresh);
        assert_eq!(event.time, at(30));
        let reason: serde_json::Value =
            serde_json::from_str(event.provenance.reason.as_deref().unwrap()).unwrap();
        let (since, until) = (at(10).to_string(), at(30).to_string());
        assert_eq!(
            reason,
            serde_json::json!({ "stream_gap": { "since": since, "until": until } })
        );
        event.check().unwrap();
        assert_eq!(stream.status(StreamState::Enabled, at(40), at(40)), None);
    }
}
