//! Many decisions at once, with the waiting for memory overlapped.
//!
//! A single decision on cold memory waits for one line after another. A batch goes in stages, each
//! over all its requests: ask for the tokens; ask for the snapshots of their tenants, if there are
//! several; look up locations and marks, each asked for before it is waited for; settle the requests that
//! nothing can object to, which are nearly all, and ask for what the others need; judge the others
//! in order. Where there is nothing to wait for, because all of it is near, one request is decided after
//! the other. Each request is decided exactly as it would be alone: only judging depends on earlier
//! decisions, and that keeps their order.

use std::net::{IpAddr, Ipv4Addr};

use crate::decision::Decision;
use crate::engine::Engine;
use crate::evaluate::{LookedUp, nothing_can_object};
use crate::marks::{Latest, Look};
use crate::request::Request;
use crate::snapshot::prefix_table::LocationSetIndex;
use crate::token::VerifiedToken;

/// How many requests are under way at once: more than the processor can overlap, few enough for
/// the first cache.
const CHUNK: usize = 32;

impl Engine {
    /// Decides `requests` in order; `decisions[i]` becomes the decision of `requests[i]`.
    ///
    /// The same answers as [`Engine::decide`] for one after the other, whatever their tenants.
    /// Allocates nothing.
    ///
    /// # Panics
    /// Slices of different lengths.
    pub fn decide_batch(
        &self,
        requests: &[(&VerifiedToken, Request<'_>)],
        decisions: &mut [Decision],
    ) {
        assert_eq!(
            requests.len(),
            decisions.len(),
            "a batch needs a place for every decision"
        );
        self.decide_batch_with(requests, |index, decision| decisions[index] = decision);
    }

    /// As [`Engine::decide_batch`], for hosts that keep decisions in a form of their own: `decided`
    /// is given each decision with the index of its request, once, as soon as it is made and not
    /// in the order of the requests.
    #[inline]
    pub fn decide_batch_with(
        &self,
        requests: &[(&VerifiedToken, Request<'_>)],
        mut decided: impl FnMut(usize, Decision),
    ) {
        for (chunk, requests) in requests.chunks(CHUNK).enumerate() {
            self.decide_chunk(requests, |index, decision| {
                decided(chunk * CHUNK + index, decision);
            });
        }
    }

    #[inline]
    fn decide_chunk(
        &self,
        requests: &[(&VerifiedToken, Request<'_>)],
        mut decided: impl FnMut(usize, Decision),
    ) {
        for (token, _) in requests {
            token.prefetch();
        }
        if self.are_near(requests) {
            return self.decide_near(requests, decided);
        }
        let is_mixed = prefetch_snapshots(requests);
        let mut snapshots = [None; CHUNK];
        let marks = self.facts().marks();
        let number = marks.number();
        // Whose marks have to be looked up.
        let mut unsure = 0_u64;
        for (index, (snapshot, (token, request))) in snapshots.iter_mut().zip(requests).enumerate()
        {
            *snapshot = self.remembered_snapshot(token);
            if !token.was_quiet_at(number) {
                token.prefetch_keys();
                unsure |= 1 << index;
            }
            if is_mixed && let (Some(snapshot), Some(address)) = (*snapshot, request.address) {
                snapshot.locations().expect(address);
            }
        }
        let mut sets = [LocationSetIndex::EMPTY; CHUNK];
        if is_mixed {
            for (snapshot, (_, request)) in snapshots.iter().zip(requests) {
                if let (Some(snapshot), Some(address)) = (snapshot, request.address) {
                    snapshot.expect_small(address);
                }
            }
        } else if let Some(snapshot) = snapshots.iter().flatten().next() {
            // All of one tenant: they go down its table together.
            let mut addresses = [IpAddr::V4(Ipv4Addr::UNSPECIFIED); CHUNK];
            for (address, (_, request)) in addresses.iter_mut().zip(requests) {
                *address = request.address.unwrap_or(*address);
            }
            let count = requests.len();
            let addresses = &addresses[..count];
            snapshot.locations().sets_of(addresses, &mut sets[..count]);
            for &set in &sets[..count] {
                snapshot.policies.expect_at(set);
            }
        }
        let keys = |index: usize| (requests[index].0.keys(), requests[index].0.issued());
        let mut looked_up = [LookedUp::default(); CHUNK];
        // Of those, the ones of which something may have changed.
        let mut wanted = 0_u64;
        for (index, (token, _)) in requests.iter().enumerate() {
            let mut look = Look {
                number,
                count: None,
            };
            if unsure >> index & 1 == 1 {
                let is_quiet;
                (look, is_quiet) = token.look_at_count(number, marks);
                wanted |= u64::from(!is_quiet) << index;
            }
            looked_up[index].look = Some(look);
        }
        let mut latest = [Latest::NOTHING; CHUNK];
        marks.latest_since_batch(wanted, keys, &mut latest);
        // The requests that are not settled at once.
        let mut left = 0_u64;
        for (index, (token, request)) in requests.iter().enumerate() {
            let Some(snapshot) = snapshots[index] else {
                left |= 1 << index;
                continue;
            };
            let world = self.world(Some(snapshot), request);
            looked_up[index].latest = Some(latest[index]);
            if !is_mixed && request.address.is_some() {
                looked_up[index].locations = Some(sets[index]);
            }
            if nothing_can_object(&world, snapshot, token, request, &mut looked_up[index]) {
                decided(index, Decision::ALLOWED);
            } else {
                token.prefetch_refusal();
                if !looked_up[index].is_usual(snapshot) {
                    token.prefetch_rest();
                }
                left |= 1 << index;
            }
        }
        while left != 0 {
            let index = left.trailing_zeros() as usize;
            left &= left - 1;
            let (token, request) = &requests[index];
            let decision = match snapshots[index] {
                Some(snapshot) => {
                    self.decide_thoroughly(snapshot, looked_up[index], token, request)
                }
                None => self.decide_afresh(token, request),
            };
            decided(index, decision);
        }
    }

    /// Decides one after the other. A function of its own, in which nothing else needs registers.
    #[inline(never)]
    fn decide_near(
        &self,
        requests: &[(&VerifiedToken, Request<'_>)],
        mut decided: impl FnMut(usize, Decision),
    ) {
        for (index, (token, request)) in requests.iter().enumerate() {
            self.decide_with(token, request, |decision| decided(index, decision));
        }
    }

    /// Whether all that decisions of one tenant read is in a near cache, once it was read: then
    /// there is nothing to wait for, and asking early only costs instructions. That they are of one
    /// tenant is guessed from the first and the last of them. A single one waits for nobody.
    #[inline]
    fn are_near(&self, requests: &[(&VerifiedToken, Request<'_>)]) -> bool {
        let [(first, _), .., (last, _)] = requests else {
            return true;
        };
        std::ptr::eq(first.last_snapshot(), last.last_snapshot())
            && self
                .remembered_snapshot(first)
                .is_some_and(|snapshot| snapshot.locations().is_near())
            && !self.facts().marks().is_far()
    }
}

/// Asks for the snapshots of requests of different tenants; whether there are such requests. The
/// tables of one tenant that is asked about again and again are near anyway.
fn prefetch_snapshots(requests: &[(&VerifiedToken, Request<'_>)]) -> bool {
    let mut last = std::ptr::null();
    let mut changes = 0;
    for (token, _) in requests {
        let snapshot = token.last_snapshot();
        if !std::ptr::eq(snapshot, last) {
            token.prefetch_snapshot();
            last = snapshot;
            changes += 1;
        }
    }
    changes > 1
}
