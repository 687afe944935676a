//! The proof that a token was verified, and what is computed once per token because of it.
//!
//! A decision that finds nothing reads one cache line of it, if it found nothing the last time and
//! no mark has changed since; otherwise the keys too, all or the first half of them. The last line is
//! what a usual refusal reads, the rest what takes questions:
//!
//! ```text
//! line 0   what the tenant's policies say │ valid from, until │ quiet at │ keyring
//! line 1   keys of the marks: tenant, user, workload
//! line 2   keys of the marks: session, token, device, application
//! line 3   issued │ quiet at │ ► the rest │ what refuses it as usual
//!          the rest, elsewhere: claims, policies in scope, names for the challenge memory
//! ```

use std::net::IpAddr;
use std::sync::Arc;

use super::claims::TokenFacts;
use crate::hint;
use crate::identifier::Identifier;
use crate::marks::{Keyring, LastQuiet, Look, Marks, SubjectKeys};
use crate::reason::Reason;
use crate::snapshot::TenantSnapshot;
use crate::snapshot::policy_table::{Quiet, ScopeMask};
use crate::snapshot::slot::Prepared;
use crate::timestamp::Timestamp;

/// A token whose signature, issuer, audience and algorithm somebody has checked.
///
/// Made once per token and kept as long as the host likes: evaluating it needs no parsing, no
/// hashing of identifiers and no allocation.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct VerifiedToken {
    /// What the tenant's policies say about the token alone, if it was asked.
    prepared: Option<Prepared>,
    /// When the token is good, give or take what the engine allows clocks to differ: from the first
    /// instant up to but not including the second. Never without `prepared`.
    window: [Timestamp; 2],
    /// When no mark mattered to the token, and no policy of the prepared snapshot had changed.
    quiet_number: LastQuiet,
    /// As that of the keys.
    keyring_id: u64,
    keys: SubjectKeys,
    /// As [`TokenFacts::issued`].
    issued: i64,
    /// As `quiet_number`.
    quiet_count: LastQuiet,
    rest: Box<Rest>,
    refusal: Refusal,
}

#[cfg(not(shuttle))] // whose atomics are larger
const _: () = assert!(
    size_of::<VerifiedToken>() == 4 * 64
        && std::mem::offset_of!(VerifiedToken, keys) == 64
        && std::mem::offset_of!(VerifiedToken, issued) == 3 * 64,
    "a token is four cache lines"
);

/// A window without an instant.
const NEVER: [Timestamp; 2] = [Timestamp::MINIMUM; 2];

/// From which instant on the token is good and from which on no more, give or take `skew` seconds.
fn window(facts: &TokenFacts, skew: i64) -> [Timestamp; 2] {
    let from = facts.not_before.unwrap_or(Timestamp::MINIMUM);
    [
        from.plus_seconds(skew.saturating_neg()),
        facts.expires.plus_seconds(skew),
    ]
}

/// What decides about a block at a location.
#[derive(Clone, Debug)]
struct Refusal {
    /// Word 0 of [`ScopeMask::certain`].
    certain: u64,
    /// As [`TokenFacts::exempt_address`].
    exempt_address: Option<IpAddr>,
    /// As [`TokenFacts::capable`].
    capable: bool,
    /// As [`ScopeMask::strict`].
    strict: bool,
    /// As [`ScopeMask::switched_off`].
    switched_off: bool,
}

/// What only decisions read that have to ask policies.
#[derive(Clone, Debug)]
struct Rest {
    facts: TokenFacts,
    /// Names the token: its id, or else everything that tells it apart.
    fingerprint: u128,
    /// Names the tenant and subject.
    holder: u128,
    /// Which of the prepared snapshot's policies concern the token, for its own audience.
    mask: ScopeMask,
}

impl VerifiedToken {
    /// The caller asserts that the token these facts were read from has been verified:
    /// signature, algorithm, issuer and audience.
    ///
    /// `keyring` is that of the engine that will evaluate it ([`crate::engine::Engine::keyring`]);
    /// another engine refuses the token.
    #[must_use]
    pub fn assertion(facts: TokenFacts, keyring: &Keyring) -> VerifiedToken {
        let keys = SubjectKeys::new(keyring, &facts.tenant, |dimension| facts.carried(dimension));
        let kind = [facts.kind as u8];
        let holder = keyring.fingerprint(
            "holder",
            &[
                facts.tenant.as_str().as_bytes(),
                &kind,
                facts.subject.as_str().as_bytes(),
            ],
        );
        let fingerprint = match &facts.id {
            Some(id) => keyring.fingerprint(
                "token",
                &[facts.tenant.as_str().as_bytes(), id.as_str().as_bytes()],
            ),
            None => keyring.fingerprint(
                "unnamed token",
                &[
                    &holder.to_le_bytes(),
                    facts.issuer.as_bytes(),
                    &facts.issued_at.milliseconds().to_le_bytes(),
                    &facts.expires.milliseconds().to_le_bytes(),
                    facts
                        .session
                        .as_ref()
                        .map_or(&[][..], |id| id.as_str().as_bytes()),
                    facts
                        .app
                        .as_ref()
                        .map_or(&[][..], |id| id.as_str().as_bytes()),
                ],
            ),
        };
        VerifiedToken {
            prepared: None,
            window: NEVER,
            quiet_number: LastQuiet::without_number(),
            quiet_count: LastQuiet::without_count(),
            keyring_id: keys.keyring_id(),
            issued: facts.issued,
            refusal: Refusal {
                certain: 0,
                exempt_address: facts.exempt_address(),
                capable: facts.capable,
                strict: false,
                switched_off: false,
            },
            rest: Box::new(Rest {
                facts,
                fingerprint,
                holder,
                mask: ScopeMask::default(),
            }),
            keys,
        }
    }

    /// What the token says.
    #[must_use]
    pub fn facts(&self) -> &TokenFacts {
        &self.rest.facts
    }

    /// The keys under which marks about the token are found.
    #[must_use]
    pub fn keys(&self) -> &SubjectKeys {
        &self.keys
    }

    /// As [`TokenFacts::issued`], without a look at the claims.
    #[inline]
    pub(crate) fn issued(&self) -> i64 {
        self.issued
    }

    /// Which engine's secret the keys are made with, without a look at them.
    #[inline(always)]
    pub(crate) fn keyring_id(&self) -> u64 {
        self.keyring_id
    }

    /// Whether nothing mattered to the token in the state of the marks of this number.
    #[inline(always)]
    pub(crate) fn was_quiet_at(&self, number: u64) -> bool {
        self.quiet_number.is(number)
    }

    /// A look at the count of changes, for which the number was read before; whether it is the count
    /// at which nothing mattered to the token, so that its marks need not be looked up.
    #[inline(always)]
    pub(crate) fn look_at_count(&self, number: u64, marks: &Marks) -> (Look, bool) {
        let count = marks.count(&self.keys);
        let is_quiet = count.is_some_and(|count| self.quiet_count.is(count));
        (Look { number, count }, is_quiet)
    }

    /// Nothing mattered to the token, neither a mark nor a policy newer than it.
    #[inline(always)]
    pub(crate) fn keep_quiet(&self, look: Look, number_after: u64) {
        look.keep(number_after, &self.quiet_number, &self.quiet_count);
    }

    /// Whether the token is good at `now`, give or take the `skew` with which it was prepared.
    #[inline(always)]
    pub(crate) fn is_in_window(&self, now: Timestamp) -> bool {
        let [from, before] = self.window;
        (from <= now) & (now < before)
    }

    /// Why the token is not good at `now`, give or take `skew` seconds.
    pub(crate) fn outside_window(&self, now: Timestamp, skew: i64) -> Option<Reason> {
        let [from, before] = window(&self.rest.facts, skew);
        if now >= before {
            return Some(Reason::TokenExpired);
        }
        (now < from).then_some(Reason::TokenNotYetValid)
    }

    /// Asks for the memory that every decision reads.
    #[inline]
    pub(crate) fn prefetch(&self) {
        hint::prefetch(&self.prepared);
    }

    /// Asks for the memory that a decision reads for which marks have to be looked up.
    #[inline]
    pub(crate) fn prefetch_keys(&self) {
        hint::prefetch(&self.keys);
        hint::prefetch(&self.issued);
    }

    /// Where the snapshot is that the token remembers, old or new; null without one.
    #[inline]
    pub(crate) fn last_snapshot(&self) -> *const TenantSnapshot {
        let prepared = self.prepared.as_ref();
        prepared.map_or(std::ptr::null(), Prepared::address)
    }

    /// Asks for the tenant's snapshot, as far as the token remembers it.
    #[inline]
    pub(crate) fn prefetch_snapshot(&self) {
        if let Some(prepared) = &self.prepared {
            prepared.prefetch();
        }
    }

    /// Of the first 64 policies of the snapshot that the token remembers, those that certainly concern
    /// it.
    #[inline(always)]
    pub(crate) fn certain_scope(&self) -> u64 {
        self.refusal.certain
    }

    /// Whether a block at the locations of `address` is held back, because the issuer has heard of
    /// the address or location checks are off for the token. `None` where the policies are asked one by
    /// one, because a strict one may concern it.
    #[inline(always)]
    pub(crate) fn location_held_at(&self, address: Option<IpAddr>) -> Option<bool> {
        if self.refusal.strict {
            return None;
        }
        let exempt = self.refusal.exempt_address;
        let is_exempt = exempt.is_some() && exempt == address.map(|address| address.to_canonical());
        Some(self.refusal.switched_off || is_exempt)
    }

    /// As [`TokenFacts::capable`].
    #[inline(always)]
    pub(crate) fn is_capable(&self) -> bool {
        self.refusal.capable
    }

    /// Asks for the memory that a usual refusal reads.
    #[inline]
    pub(crate) fn prefetch_refusal(&self) {
        hint::prefetch(&self.issued);
    }

    /// Asks for the memory that a decision reads which found something: all of it at once, where
    /// the questions one after the other would wait for one line at a time.
    #[inline]
    pub(crate) fn prefetch_rest(&self) {
        hint::prefetch_all(&*self.rest);
    }

    /// Remembers what the tenant's policies say about the token, and when it is good, give or take
    /// `skew` seconds.
    pub(crate) fn set_prepared(&mut self, prepared: Option<(Prepared, ScopeMask)>, skew: i64) {
        let (prepared, mask) = prepared.unzip();
        self.window = match prepared {
            Some(_) => window(&self.rest.facts, skew),
            None => NEVER,
        };
        self.prepared = prepared;
        self.quiet_number = LastQuiet::without_number();
        self.quiet_count = LastQuiet::without_count();
        let mask = mask.unwrap_or_default();
        self.refusal.certain = mask.certain.first().copied().unwrap_or_default();
        self.refusal.strict = mask.strict;
        self.refusal.switched_off = mask.switched_off;
        self.rest.mask = mask;
    }

    /// The tenant's snapshot as the token remembers it, if nothing newer was published.
    #[inline]
    pub(crate) fn current_snapshot(&self) -> Option<&Arc<TenantSnapshot>> {
        self.prepared.as_ref()?.current()
    }

    /// What the token remembers of `tenant`'s policies.
    pub(crate) fn mask_for(&self, tenant: &TenantSnapshot) -> Option<&ScopeMask> {
        let prepared = self.prepared.as_ref()?;
        prepared.is_of(tenant).then_some(&self.rest.mask)
    }

    /// The policies of `tenant` that may object while nothing is known about the token; `None` if
    /// the token remembers another snapshot or none.
    #[inline]
    pub(crate) fn quiet_for<'a>(&'a self, tenant: &'a TenantSnapshot) -> Option<Quiet<'a>> {
        let prepared = self.prepared.as_ref()?;
        let quiet = || Quiet::new(&tenant.policies, prepared.quiet(), &self.rest.mask);
        prepared.is_of(tenant).then(quiet)
    }

    /// Whether `resource` is the one that the token was issued for.
    pub(crate) fn is_for(&self, resource: &Identifier) -> bool {
        self.rest.facts.audience.as_ref() == Some(resource)
    }

    pub(crate) fn fingerprint(&self) -> u128 {
        self.rest.fingerprint
    }

    /// Names the tenant, the subject and where it was seen.
    pub(crate) fn holder_at(&self, address: Option<IpAddr>) -> u128 {
        // Mixed, not hashed: the holder is already 128 secret bits. IPv4 takes the place of the
        // mapped addresses, which canonical IPv6 leaves free, so no two places are the same.
        let place = match address.map(|address| address.to_canonical()) {
            None => return mix(mix(self.rest.holder ^ 1)),
            Some(IpAddr::V4(address)) => u128::from(address.to_ipv6_mapped()),
            Some(IpAddr::V6(address)) => u128::from(address),
        };
        mix(self.rest.holder ^ mix(place))
    }
}

/// A bijection of 128 bits that spreads every bit over all others.
pub(crate) fn mix(value: u128) -> u128 {
    const ODD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    let value = (value ^ value >> 67).wrapping_mul(ODD);
    let value = (value ^ value >> 59).wrapping_mul(ODD);
    value ^ value >> 65
}

#[cfg(test)]
mod tests {
    use super::mix;

    /// Whatever bit of a number changes, every bit of the mixed one does so now and then.
    #[test]
    fn every_bit_is_spread_over_all_others() {
        const SAMPLES: u128 = 256;
        for input in 0..128 {
            let mut flips = [0_u32; 128];
            for sample in 0..SAMPLES {
                let value = mix(sample << 64 | sample);
                let changed = mix(value) ^ mix(value ^ 1 << input);
                for (output, flips) in flips.iter_mut().enumerate() {
                    *flips += (changed >> output & 1) as u32;
                }
            }
            let bounds = SAMPLES as u32 / 10..SAMPLES as u32 / 10 * 9;
            assert!(
                flips.iter().all(|flips| bounds.contains(flips)),
                "{input}: {flips:?}"
            );
        }
    }
}
