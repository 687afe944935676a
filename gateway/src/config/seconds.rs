//! Lengths of time: a number of seconds, or text such as `"28h"`.

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A length of time in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seconds(pub(crate) i64);

impl Seconds {
    /// For timers.
    pub(crate) fn duration(self) -> std::time::Duration {
        // Never negative: see the visitor.
        std::time::Duration::from_secs(self.0.unsigned_abs())
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Seconds, D::Error> {
        deserializer.deserialize_any(SecondsVisitor)
    }
}

struct SecondsVisitor;

impl Visitor<'_> for SecondsVisitor {
    type Value = Seconds;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("seconds, or text such as \"90s\", \"10m\", \"28h\" or \"90d\"")
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Seconds, E> {
        if seconds < 0 {
            return Err(E::invalid_value(de::Unexpected::Signed(seconds), &self));
        }
        Ok(Seconds(seconds))
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Seconds, E> {
        i64::try_from(seconds)
            .map(Seconds)
            .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(seconds), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Seconds, E> {
        parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

fn parse(text: &str) -> Option<Seconds> {
    let text = text.trim();
    let unit = text.trim_start_matches(|character: char| character.is_ascii_digit());
    let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
    let factor = match unit.trim() {
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number.checked_mul(factor).map(Seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_units() {
        for (text, seconds) in [
            ("90", 90),
            ("90s", 90),
            ("10 m", 600),
            ("28h", 100_800),
            ("1d", 86_400),
        ] {
            assert_eq!(parse(text), Some(Seconds(seconds)), "{text}");
        }
        for text in ["", "h", "-5s", "1.5h", "5w", "99999999999999999d"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
