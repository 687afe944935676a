//! Instants, as whole milliseconds since 1970-01-01T00:00:00Z.
//!
//! The engine has no clock: every instant comes in with an event, a token or a request.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant with millisecond resolution. Negative before 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// Numbers at or above this are milliseconds, below it seconds (year 5138 in seconds).
const MILLISECONDS_FROM: f64 = 1e11;

impl Timestamp {
    /// The earliest instant.
    pub const MINIMUM: Timestamp = Timestamp(i64::MIN);

    /// From whole milliseconds since 1970.
    #[must_use]
    pub const fn from_milliseconds(milliseconds: i64) -> Timestamp {
        Timestamp(milliseconds)
    }

    /// From whole seconds since 1970. Saturates.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Timestamp {
        Timestamp(seconds.saturating_mul(1000))
    }

    /// From a JSON number: seconds with an optional fraction, or milliseconds from 1e11 up, as
    /// several transmitters send them. Fractions are kept to the millisecond.
    ///
    /// Returns `None` for numbers that are not finite or lie outside the years 0 to 9999.
    #[must_use]
    pub fn from_number(number: f64) -> Option<Timestamp> {
        if !number.is_finite() {
            return None;
        }
        let milliseconds = if number.abs() >= MILLISECONDS_FROM {
            number
        } else {
            number * 1000.0
        }
        .round();
        // Years 0 to 9999, the range of RFC 3339.
        if !(-62_167_219_200_000.0..=253_402_300_799_999.0).contains(&milliseconds) {
            return None;
        }
        Some(Timestamp(milliseconds as i64))
    }

    /// From RFC 3339 text such as `2026-05-11T08:00:00.123Z`.
    ///
    /// # Errors
    /// Text that is no RFC 3339 instant.
    pub fn from_rfc3339(text: &str) -> Result<Timestamp, TimestampError> {
        let instant: jiff::Timestamp = text.parse().map_err(|_| TimestampError {
            text: text.chars().take(64).collect(),
        })?;
        Ok(Timestamp(instant.as_millisecond()))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn milliseconds(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This instant moved by `seconds`. Saturates.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(seconds.saturating_mul(1000)))
    }
}

impl From<SystemTime> for Timestamp {
    /// Rounded down to the millisecond. Saturates.
    fn from(instant: SystemTime) -> Timestamp {
        let whole = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Timestamp(match instant.duration_since(UNIX_EPOCH) {
            Ok(since) => whole(since),
            Err(until) => {
                let until = until.duration();
                let is_between = !until.subsec_nanos().is_multiple_of(1_000_000);
                -whole(until) - i64::from(is_between)
            }
        })
    }
}

/// The present as somebody said it last, for the [`now`](crate::request::Request::now) of requests.
///
/// Asking the system costs about as much as half a decision; this is one load, and costs nothing to
/// share. Whoever moves it, a thread or an event loop every few milliseconds, decides how late everything is
/// noticed that depends on time: that a token has expired, or that a stream has gone stale.
///
/// ```
/// use std::sync::Arc;
/// use std::time::{Duration, SystemTime};
/// use highwater::timestamp::CoarseClock;
///
/// let clock = Arc::new(CoarseClock::new(SystemTime::now().into()));
/// let moved = Arc::downgrade(&clock);
/// std::thread::spawn(move || {
///     // Until nobody reads it any more.
///     while let Some(clock) = moved.upgrade() {
///         clock.set(SystemTime::now().into());
///         std::thread::sleep(Duration::from_millis(5));
///     }
/// });
/// assert!(clock.now().seconds() > 0);
/// ```
#[derive(Debug)]
pub struct CoarseClock(AtomicI64);

impl CoarseClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub const fn new(now: Timestamp) -> CoarseClock {
        CoarseClock(AtomicI64::new(now.0))
    }

    /// The present.
    #[inline]
    #[must_use]
    pub fn now(&self) -> Timestamp {
        // Relaxed: an instant says nothing about other memory.
        Timestamp(self.0.load(Ordering::Relaxed))
    }

    /// Makes `now` the present, also where the system's clock was put back.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::Relaxed);
    }
}

/// Text that is no RFC 3339 instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an RFC 3339 instant such as `2026-05-11T08:00:00Z`")]
pub struct TimestampError {
    text: String,
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => fmt::Display::fmt(&instant, formatter),
            Err(_) => write!(formatter, "{} ms", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for Timestamp {
    /// Writes seconds; a fraction only where there is one. Instants after the year 5138 are
    /// written in milliseconds, which is how such numbers are read.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.unsigned_abs() >= 100_000_000_000_000 {
            serializer.serialize_i64(self.0)
        } else if self.0 % 1000 == 0 {
            serializer.serialize_i64(self.0 / 1000)
        } else {
            serializer.serialize_f64(self.0 as f64 / 1000.0)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    /// Reads seconds, milliseconds (from 1e11 up) or RFC 3339 text.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "seconds since 1970 or RFC 3339 text")]
        enum Form {
            Number(f64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(number) => Timestamp::from_number(number).ok_or_else(|| {
                serde::de::Error::custom(format_args!(
                    "`{number}` is no instant of years 0 to 9999"
                ))
            }),
            Form::Text(text) => Timestamp::from_rfc3339(&text).map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_clock_in_whole_milliseconds() {
        let at = |microseconds: i64| {
            let distance = Duration::from_micros(microseconds.unsigned_abs());
            Timestamp::from(if microseconds < 0 {
                UNIX_EPOCH - distance
            } else {
                UNIX_EPOCH + distance
            })
        };
        let cases = [
            (0, 0),
            (999, 0),
            (1_000, 1),
            (-1, -1),
            (-1_000, -1),
            (-1_001, -2),
        ];
        for (microseconds, milliseconds) in cases {
            assert_eq!(
                at(microseconds).milliseconds(),
                milliseconds,
                "{microseconds} µs"
            );
        }
    }

    #[test]
    fn a_coarse_clock_is_what_it_was_set_to() {
        let clock = CoarseClock::new(Timestamp::from_seconds(7));
        assert_eq!(clock.now(), Timestamp::from_seconds(7));
        for second in [9, 8] {
            clock.set(Timestamp::from_seconds(second));
            assert_eq!(clock.now(), Timestamp::from_seconds(second));
        }
    }

    #[test]
    fn seconds_fractions_and_milliseconds() {
        assert_eq!(
            Timestamp::from_number(1_763_760_000.5)
                .unwrap()
                .milliseconds(),
            1_763_760_000_500
        );
        assert_eq!(
            Timestamp::from_number(1_763_760_000_500.0)
                .unwrap()
                .milliseconds(),
            1_763_760_000_500
        );
        assert_eq!(Timestamp::from_number(f64::NAN), None);
        assert_eq!(Timestamp::from_number(1e20), None);
        assert_eq!(Timestamp::from_milliseconds(-1).seconds(), -1);
    }

    #[test]
    fn json_forms_agree() {
        let number: Timestamp = serde_json::from_str("1763760000.5").unwrap();
        let text: Timestamp = serde_json::from_str("\"2025-11-21T21:20:00.5Z\"").unwrap();
        assert_eq!(number, text);
        assert_eq!(serde_json::to_string(&number).unwrap(), "1763760000.5");
        assert!(serde_json::from_str::<Timestamp>("\"yesterday\"").is_err());
        let far: Timestamp = serde_json::from_str("\"9999-01-01T00:00:00Z\"").unwrap();
        let back = serde_json::from_str(&serde_json::to_string(&far).unwrap()).unwrap();
        assert_eq!(far, back);
    }
}
