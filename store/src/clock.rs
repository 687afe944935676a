//! The time of day, and when to believe it.
//!
//! What is forgotten cannot be called back, and a clock that is ahead by a day would forget
//! revocations of tokens that live. So the time of day counts only if it advanced since the last
//! look as much as the steady clock did.

use std::time::{Instant, SystemTime};

use highwater::timestamp::Timestamp;

/// The time of day.
pub(crate) fn wall_clock() -> Timestamp {
    SystemTime::now().into()
}

/// How far the time of day and the steady clock may drift apart between two looks.
const TOLERANCE_MILLISECONDS: i64 = 60_000;

/// The time of day, believed once it has kept pace with the steady clock for a whole pause.
pub(crate) struct AgreedClock {
    wall: Timestamp,
    steady: Instant,
}

impl AgreedClock {
    pub(crate) fn new(wall: Timestamp, steady: Instant) -> AgreedClock {
        AgreedClock { wall, steady }
    }

    /// Whether `wall` can be believed. If not, it may be the next time.
    pub(crate) fn agrees(&mut self, wall: Timestamp, steady: Instant) -> bool {
        let steadily = steady.saturating_duration_since(self.steady).as_millis();
        let expected = self
            .wall
            .milliseconds()
            .saturating_add(i64::try_from(steadily).unwrap_or(i64::MAX));
        *self = AgreedClock { wall, steady };
        wall.milliseconds().saturating_sub(expected) <= TOLERANCE_MILLISECONDS
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_leaps_ahead_is_not_believed_before_it_has_kept_pace() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let at = Timestamp::from_seconds;
        let mut clock = AgreedClock::new(at(1000), start);
        assert!(clock.agrees(at(1600), after(600)));
        assert!(!clock.agrees(at(1_000_000), after(1200)), "a leap ahead");
        assert!(!clock.agrees(at(2_000_000), after(1800)), "another one");
        assert!(clock.agrees(at(2_000_600), after(2400)), "it kept pace");
        // Backwards forgets less than it could: never wrong.
        assert!(clock.agrees(at(3000), after(3000)));
        assert!(
            !clock.agrees(at(2_000_600), after(3600)),
            "and forward again"
        );
    }
}
