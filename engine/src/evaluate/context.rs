//! What all policies of one decision share, looked up once.

use super::conditions;
use super::memory::ChallengeMemory;
use super::truth::Truth;
use crate::identifier::Identifier;
use crate::marks::Mark;
use crate::model::ContinuousAccessEvaluation;
use crate::request::Request;
use crate::snapshot::TenantSnapshot;
use crate::snapshot::location_table::{NetworkSignals, Place};
use crate::snapshot::policy_table::CompiledPolicy;
use crate::token::{TokenFacts, VerifiedToken};

/// The longest lifetime, in seconds, of a token that the issuer gives after it heard of another
/// address: one hour, and the five minutes by which it backdates.
const LONGEST_EXEMPT_LIFETIME: i64 = 3900;

pub(super) struct Context<'a> {
    pub(super) tenant: &'a TenantSnapshot,
    pub(super) verified: &'a VerifiedToken,
    pub(super) token: &'a TokenFacts,
    pub(super) request: &'a Request<'a>,
    pub(super) mark: Mark,
    pub(super) resource: Option<&'a Identifier>,
    pub(super) observed: Option<Place>,
    pub(super) issuer_seen: Option<Place>,
    /// A strict location policy covers the token, or might.
    pub(super) strict: bool,
    /// Location checks are switched off, or the issuer has already judged this address.
    pub(super) location_held: bool,
    memory: &'a ChallengeMemory,
}

impl<'a> Context<'a> {
    pub(super) fn new(
        tenant: &'a TenantSnapshot,
        verified: &'a VerifiedToken,
        request: &'a Request<'a>,
        mark: Mark,
        memory: &'a ChallengeMemory,
    ) -> Context<'a> {
        let token = verified.facts();
        let place = |address| tenant.locations.place(address);
        let mut context = Context {
            tenant,
            verified,
            token,
            request,
            mark,
            resource: request.resource.or(token.audience.as_ref()),
            observed: request.address.map(place),
            issuer_seen: token.issuer_seen_address.map(place),
            strict: false,
            location_held: false,
            memory,
        };
        let covered_by = |wanted: ContinuousAccessEvaluation, at_least: Truth| {
            tenant.policies.modes.iter().any(|&(mode, index)| {
                mode == wanted
                    && tenant
                        .policies
                        .get(index)
                        .is_some_and(|policy| conditions::scope(policy, &context) >= at_least)
            })
        };
        // A policy that might be strict counts as strict; one that might switch checks off does
        // not.
        let strict = covered_by(ContinuousAccessEvaluation::StrictLocation, Truth::Unknown);
        let switched_off = covered_by(ContinuousAccessEvaluation::Disabled, Truth::True);
        context.strict = strict;
        context.location_held = !strict && (switched_off || context.is_exempt());
        context
    }

    /// The issuer has heard of the observed address and answered with a short token.
    fn is_exempt(&self) -> bool {
        self.issuer_spoke() && self.token.lifetime() <= LONGEST_EXEMPT_LIFETIME
    }

    /// The token carries the observed address: the issuer has heard of it.
    pub(super) fn issuer_spoke(&self) -> bool {
        self.observed
            .is_some_and(|place| self.token.resource_seen_address == Some(place.address))
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
}
