//! What most requests get, without asking policy after policy: [`nothing_can_object`] finds those to
//! which nothing can object, [`refused_as_usual`] judges what is usual among the others, a block at
//! a location and a revoked subject, from tables. Whatever is not certain here is left to
//! [`judge`](super::judge), with what was looked up, so that nothing is looked up twice.

use std::net::IpAddr;

use super::World;
use super::context::is_usual;
use super::findings::Findings;
use crate::decision::Decision;
use crate::marks::{Latest, Look};
use crate::reason::Reason;
use crate::request::Request;
use crate::snapshot::TenantSnapshot;
use crate::snapshot::prefix_table::LocationSetIndex;
use crate::token::VerifiedToken;

/// What a quick look at a request found out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LookedUp {
    /// What the marks say of the token.
    pub(crate) latest: Option<Latest>,
    /// What there was to keep before that was looked up, if it was.
    pub(crate) look: Option<Look>,
    /// The enforced policies that may object while no risk is known, by their positions among the
    /// first 64: `None` if there are more, or if the look came to an end before.
    pub(super) candidates: Option<u64>,
    /// The locations of the observed address, in this tenant's table.
    pub(crate) locations: Option<LocationSetIndex>,
}

impl LookedUp {
    /// Whether [`refused_as_usual`] may decide, as far as it can be told without the token.
    #[inline]
    pub(crate) fn is_usual(&self, tenant: &TenantSnapshot) -> bool {
        let blocks = || {
            self.locations
                .map_or(0, |set| tenant.policies.blocks_at(set))
        };
        self.latest != Some(Latest::DETAILED)
            && self
                .candidates
                .is_some_and(|candidates| candidates & blocks() == candidates)
    }
}

/// The decision of most requests, in one quick look: whether the token is within its window, and
/// no mark, no policy and no stream can have anything against the request. If in doubt, no: then
/// [`judge`](super::judge) asks them.
#[inline(always)]
pub(crate) fn nothing_can_object(
    world: &World<'_>,
    tenant: &TenantSnapshot,
    token: &VerifiedToken,
    request: &Request<'_>,
    looked_up: &mut LookedUp,
) -> bool {
    let Some(quiet) = token.quiet_for(tenant) else {
        return false;
    };
    let signals = &request.signals;
    if world.degraded
        || !token.is_in_window(request.now)
        || !is_usual(token, request)
        || signals.country.is_some()
        || signals.compliant_network.is_some()
    {
        return false;
    }
    let marks = world.marks;
    let number = looked_up
        .look
        .map_or_else(|| marks.number(), |look| look.number);
    // Nothing has changed since nothing was found: no need to look.
    let is_as_before = token.was_quiet_at(number) && !looked_up.latest.is_some_and(Latest::matters);
    if !is_as_before && tenant.policies.has_changed_since(token.issued()) {
        return false;
    }
    let candidates = if quiet.is_empty() {
        Some(0)
    } else {
        // Each kind for itself: a copy of either would read more bytes than a host wrote just now
        // for an address of IPv4, and would have to wait for them.
        match &request.address {
            Some(_) if looked_up.locations.is_some() => {}
            Some(IpAddr::V4(at)) => {
                looked_up.locations = Some(tenant.locations.set_of(IpAddr::V4(*at)));
            }
            Some(IpAddr::V6(at)) => {
                looked_up.locations = Some(tenant.locations.set_of(IpAddr::V6(*at)));
            }
            None => {}
        }
        quiet.candidates_at(looked_up.locations)
    };
    // Not `||`: the two wait for different memory, and the wait is to be shared.
    let latest = if is_as_before {
        Latest::NOTHING
    } else {
        let (look, latest) = match (looked_up.look, looked_up.latest) {
            (Some(look), Some(latest)) => (look, latest),
            _ => {
                let (look, is_quiet) = token.look_at_count(number, marks);
                let latest = if is_quiet {
                    Latest::NOTHING
                } else {
                    marks.latest_since(token.keys(), token.issued())
                };
                (look, latest)
            }
        };
        if !latest.matters() {
            token.keep_quiet(look, marks.number());
        }
        latest
    };
    looked_up.latest = Some(latest);
    looked_up.candidates = candidates;
    !((candidates != Some(0)) | latest.matters())
}

/// The decision of a request to which something objects that needs no questions: policies that
/// block at this location whoever they concern, and a watermark. `None` if that is not all, or if
/// the quick look came to an end before it knew.
#[inline(always)]
pub(crate) fn refused_as_usual(
    world: &World<'_>,
    tenant: &TenantSnapshot,
    token: &VerifiedToken,
    request: &Request<'_>,
    looked_up: &LookedUp,
) -> Option<Decision> {
    let mut candidates = looked_up.candidates?;
    let mark = looked_up.latest?.mark()?;
    let mut findings = Findings::default();
    if candidates != 0 {
        let held = token.location_held_at(request.address)?;
        let blocks = tenant.policies.blocks_at(looked_up.locations?) & token.certain_scope();
        if candidates & blocks != candidates {
            return None;
        }
        while candidates != 0 && !held {
            let position = candidates.trailing_zeros() as usize;
            candidates &= candidates - 1;
            findings.add_block(tenant.policies.enforced[position]);
        }
    }
    let issued = token.issued();
    if mark.revoked_before.is_some_and(|second| issued <= second) {
        findings.add(Reason::TokenRevoked);
    }
    let spent = || world.memory.is_spent(token, request.address, request.now);
    Some(findings.conclude(
        world.settings,
        token.is_capable(),
        &mark,
        request.now,
        false,
        spent,
    ))
}
