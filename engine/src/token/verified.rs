//! The proof that a token was verified, and what is computed once per token because of it.

use std::net::IpAddr;
use std::sync::Arc;

use super::claims::TokenFacts;
use crate::marks::{Keyring, SubjectKeys};
use crate::snapshot::TenantSnapshot;
use crate::snapshot::policy_table::ScopeMask;
use crate::snapshot::slot::Prepared;

/// A token whose signature, issuer, audience and algorithm somebody has checked.
///
/// Made once per token and kept as long as the host likes: evaluating it needs no parsing, no
/// hashing of identifiers and no allocation.
#[derive(Clone, Debug)]
pub struct VerifiedToken {
    facts: TokenFacts,
    keys: SubjectKeys,
    /// Names the token: its id, or else everything that tells it apart.
    fingerprint: u128,
    /// Names the tenant and subject.
    holder: u128,
    /// What the tenant's policies say about the token alone, if it was asked.
    prepared: Option<Prepared>,
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
            facts,
            keys,
            fingerprint,
            holder,
            prepared: None,
        }
    }

    /// What the token says.
    #[must_use]
    pub fn facts(&self) -> &TokenFacts {
        &self.facts
    }

    /// The keys under which marks about the token are found.
    #[must_use]
    pub fn keys(&self) -> &SubjectKeys {
        &self.keys
    }

    /// Remembers what the tenant's policies say about the token.
    pub(crate) fn set_prepared(&mut self, prepared: Option<Prepared>) {
        self.prepared = prepared;
    }

    /// The tenant's snapshot as the token remembers it, if nothing newer was published.
    pub(crate) fn current_snapshot(&self) -> Option<&Arc<TenantSnapshot>> {
        self.prepared.as_ref()?.current()
    }

    /// What the token remembers of `tenant`'s policies.
    pub(crate) fn mask_for(&self, tenant: &TenantSnapshot) -> Option<&ScopeMask> {
        self.prepared
            .as_ref()
            .and_then(|prepared| prepared.mask_of(tenant))
    }

    pub(crate) fn fingerprint(&self) -> u128 {
        self.fingerprint
    }

    /// Names the tenant, the subject and where it was seen.
    pub(crate) fn holder_at(&self, address: Option<IpAddr>) -> u128 {
        // Mixed, not hashed: the holder is already 128 secret bits. IPv4 takes the place of the
        // mapped addresses, which canonical IPv6 leaves free, so no two places are the same.
        let place = match address.map(|address| address.to_canonical()) {
            None => return mix(mix(self.holder ^ 1)),
            Some(IpAddr::V4(address)) => u128::from(address.to_ipv6_mapped()),
            Some(IpAddr::V6(address)) => u128::from(address),
        };
        mix(self.holder ^ mix(place))
    }
}

/// A bijection of 128 bits that spreads every bit over all others.
pub(crate) fn mix(value: u128) -> u128 {
    const ODD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    let value = (value ^ value >> 67).wrapping_mul(ODD);
    let value = (value ^ value >> 59).wrapping_mul(ODD);
    value ^ value >> 65
}
