//! When the thing itself happened.
//!
//! T decides which tokens die, so a wrong T is either a hole or an outage. The transmitter may
//! name it in three places and in two units, and its clock may run ahead; a T in the far future
//! would refuse every token for ever, so T never lies beyond what both clocks allow.

use highwater::timestamp::Timestamp;

/// The instant of an event, and whether it had to be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTime {
    /// T of every register that the event touches.
    pub time: Timestamp,
    /// What the transmitter claimed, if it lay too far in the future.
    pub clamped_from: Option<Timestamp>,
}

/// T = `event_timestamp`, else `toe`, else `iat`, never later than min(`iat`, `now`) + `skew`.
///
/// Without `event_timestamp` and `toe`, `iat` errs on the safe side: the event cannot have
/// happened later.
#[must_use]
pub fn event_time(
    event_timestamp: Option<Timestamp>,
    time_of_event: Option<Timestamp>,
    issued_at: Timestamp,
    now: Timestamp,
    skew_seconds: i64,
) -> EventTime {
    let claimed = event_timestamp.or(time_of_event).unwrap_or(issued_at);
    let latest = issued_at.min(now).plus_seconds(skew_seconds);
    if claimed > latest {
        EventTime {
            time: latest,
            clamped_from: Some(claimed),
        }
    } else {
        EventTime {
            time: claimed,
            clamped_from: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IAT: Timestamp = Timestamp::from_seconds(1_700_000_000);

    #[track_caller]
    fn check(event_timestamp: Option<i64>, toe: Option<i64>, now: i64, expected: i64) {
        let seconds = |offset: i64| IAT.plus_seconds(offset);
        let found = event_time(
            event_timestamp.map(seconds),
            toe.map(seconds),
            IAT,
            seconds(now),
            60,
        );
        assert_eq!(found.time, seconds(expected));
    }

    #[test]
    fn the_most_precise_claim_wins() {
        check(Some(-30), Some(-20), 5, -30);
        check(None, Some(-20), 5, -20);
        check(None, None, 5, 0);
    }

    #[test]
    fn the_future_is_cut_off_by_both_clocks() {
        check(Some(3_600), None, 10_000, 60);
        check(Some(50), None, 10_000, 50);
        check(None, None, -100, -40);
    }

    #[test]
    fn only_what_is_moved_is_said_to_be_moved() {
        let clamped = |claimed: i64| {
            let claimed = IAT.plus_seconds(claimed);
            event_time(Some(claimed), None, IAT, IAT, 60).clamped_from
        };
        assert_eq!(clamped(60), None);
        assert_eq!(clamped(61), Some(IAT.plus_seconds(61)));
    }
}
