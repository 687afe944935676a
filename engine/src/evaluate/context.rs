//! What all policies of one decision share, looked up once.

use super::World;
use super::memory::ChallengeMemory;
use super::scope::Scope;
use crate::marks::Mark;
use crate::request::Request;
use crate::snapshot::TenantSnapshot;
use crate::snapshot::location_table::{NetworkSignals, Place};
use crate::snapshot::policy_table::{CompiledPolicy, ScopeMask, risk_row};
use crate::snapshot::prefix_table::LocationSetIndex;
use crate::token::{TokenFacts, VerifiedToken};

pub(super) struct Context<'a> {
    pub(super) tenant: &'a TenantSnapshot,
    pub(super) token: &'a TokenFacts,
    pub(super) request: &'a Request<'a>,
    pub(super) mark: &'a Mark,
    pub(super) scope: Scope<'a>,
    pub(super) observed: Option<Place>,
    /// A strict location policy covers the token, or might.
    pub(super) strict: bool,
    /// Location checks are switched off, or the issuer has already judged this address.
    pub(super) location_held: bool,
    /// The scope of enforced policies, where it was found out before and still holds.
    pub(super) mask: Option<&'a ScopeMask>,
    verified: &'a VerifiedToken,
    memory: &'a ChallengeMemory,
}

/// Whether the request is about the token's own audience and no particular operation: what the
/// token remembers of its tenant's policies is for such requests.
#[inline(always)]
pub(super) fn is_usual(token: &VerifiedToken, request: &Request<'_>) -> bool {
    request.authentication_context.is_none()
        && request
            .resource
            .is_none_or(|resource| token.is_for(resource))
}

impl<'a> Context<'a> {
    #[inline(always)]
    pub(super) fn new(
        world: &World<'a>,
        tenant: &'a TenantSnapshot,
        verified: &'a VerifiedToken,
        request: &'a Request<'a>,
        mark: &'a Mark,
        locations: Option<LocationSetIndex>,
    ) -> Context<'a> {
        let token = verified.facts();
        let scope = Scope {
            tenant,
            token,
            resource: request.resource.or(token.audience.as_ref()),
            required_context: request.authentication_context,
        };
        let mask = verified
            .mask_for(tenant)
            .filter(|_| is_usual(verified, request));
        let (strict, switched_off) = match mask {
            Some(mask) => (mask.strict, mask.switched_off),
            None => (scope.is_strict(), scope.is_switched_off()),
        };
        let mut context = Context {
            tenant,
            token,
            request,
            mark,
            scope,
            observed: request.address.map(|address| match locations {
                Some(set) => Place::new(address, set),
                None => tenant.locations.place(address),
            }),
            strict,
            location_held: false,
            mask,
            verified,
            memory: world.memory,
        };
        context.location_held = !strict && (switched_off || context.is_exempt());
        context
    }

    /// The issuer has heard of the observed address and answered with a short token.
    fn is_exempt(&self) -> bool {
        self.observed
            .is_some_and(|place| self.token.exempt_address() == Some(place.address))
    }

    /// The token carries the observed address: the issuer has heard of it.
    pub(super) fn issuer_spoke(&self) -> bool {
        self.observed
            .is_some_and(|place| self.token.resource_seen_address == Some(place.address))
    }

    /// Where the issuer saw the client.
    pub(super) fn issuer_seen(&self) -> Option<Place> {
        self.token
            .issuer_seen_address
            .map(|address| self.tenant.locations.place(address))
    }

    /// The token is the issuer's answer to a challenge of ours about this policy here.
    pub(super) fn answered(&self, policy: &CompiledPolicy) -> bool {
        self.memory
            .is_answered(self.verified, self.request.address, &policy.id)
    }

    pub(super) fn network(&self) -> NetworkSignals {
        NetworkSignals {
            country: self.request.signals.country,
            compliant_network: self.request.signals.compliant_network,
        }
    }

    /// Which enforced policies may concern the token, may match at the address and at the risk:
    /// sets that hold every policy whose conditions are not certainly "no match".
    pub(super) fn filters(&self) -> [Option<&'a [u64]>; 3] {
        let policies = &self.tenant.policies;
        let signals = self.network();
        let location = match self.observed {
            Some(place) if signals.country.is_none() && signals.compliant_network.is_none() => {
                policies.at_location.row(place.set.index())
            }
            _ => None,
        };
        let risk = policies
            .at_risk
            .row(risk_row(self.token.kind, self.mark.risk));
        [self.mask.map(|mask| &*mask.possible), location, risk]
    }
}
