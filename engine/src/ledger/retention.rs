//! How long a register can still change a decision, and may therefore not be forgotten.

use super::Entry;
use crate::event::{Dimension, Effect};
use crate::timestamp::Timestamp;

/// When registers may be forgotten.
///
/// The law: forgetting a register changes no decision about a token that is still alive. A
/// watermark at T refuses tokens issued up to T, and the last of those expires one token
/// lifetime later. A denied *token* is such a token: it is denied after its issue, give or take
/// the clocks. A denied *session* also refuses what the
/// issuer hands out in that session later, so it has to be kept as long as sessions last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Longest lifetime of a token, in seconds. Default: 28 hours, the longest that an issuer of
    /// continuously evaluated tokens grants. Hazard: where tokens are measured from the sign-in
    /// (`auth_time`) instead of their issue, this has to be the longest lifetime of a sign-in;
    /// too short a value revives revoked tokens.
    pub token_lifetime_seconds: i64,
    /// Longest lifetime of a session, in seconds. Default: 90 days. Hazard: too short a value
    /// revives denied sessions whose issuer goes on serving them.
    pub session_lifetime_seconds: i64,
    /// How far apart clocks may be, in seconds. Default: one hour.
    pub skew_seconds: i64,
}

impl Default for Retention {
    fn default() -> Self {
        Retention {
            token_lifetime_seconds: 28 * 3600,
            session_lifetime_seconds: 90 * 24 * 3600,
            skew_seconds: 3600,
        }
    }
}

impl Retention {
    /// The instant after which the register refuses no token that is alive; `None` for registers
    /// that stay until superseded.
    #[must_use]
    pub fn last_use(&self, entry: &Entry) -> Option<Timestamp> {
        let lifetime = match entry.effect() {
            Effect::Revoke | Effect::Refresh => self.token_lifetime_seconds,
            Effect::Deny if names_one_token(entry) => self.token_lifetime_seconds,
            Effect::Deny => self
                .session_lifetime_seconds
                .saturating_add(self.token_lifetime_seconds),
            _ => return None,
        };
        Some(
            entry
                .time()
                .plus_seconds(lifetime)
                .plus_seconds(self.skew_seconds),
        )
    }

    /// Whether the register may be forgotten at `now`.
    #[must_use]
    pub fn has_expired(&self, entry: &Entry, now: Timestamp) -> bool {
        self.last_use(entry).is_some_and(|last| now > last)
    }
}

/// Whether every token that the subject concerns carries its token id. Otherwise the subject
/// also means tokens that widening brought in, whenever they are issued.
fn names_one_token(entry: &Entry) -> bool {
    let subject = entry.subject();
    let members = subject.dimensions();
    members.contains(Dimension::Token)
        && (members.len() == 1 || subject.skip().contains(Dimension::Token))
}
