//! Many decisions at once, with the waiting for memory overlapped.
//!
//! A single decision on cold memory waits for one line after another. A batch goes in stages, each
//! over all its requests: ask for the tokens; ask for the lines of their marks and locations; look
//! these up; settle the requests that nothing can object to, which are nearly all, and ask for what
//! the others need; judge the others in order. Each request is decided exactly as it would be alone:
//! only judging depends on earlier decisions, and that keeps their order.

use crate::decision::Decision;
use crate::engine::Engine;
use crate::evaluate::{LookedUp, Unobserved, at_once, judge};
use crate::request::Request;
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
        for (requests, decisions) in requests.chunks(CHUNK).zip(decisions.chunks_mut(CHUNK)) {
            self.decide_chunk(requests, decisions);
        }
    }

    fn decide_chunk(&self, requests: &[(&VerifiedToken, Request<'_>)], decisions: &mut [Decision]) {
        for (token, _) in requests {
            token.prefetch();
        }
        let mut snapshots = [None; CHUNK];
        for (snapshot, (token, request)) in snapshots.iter_mut().zip(requests) {
            *snapshot = self.remembered_snapshot(token);
            if let (Some(snapshot), Some(address)) = (*snapshot, request.address) {
                snapshot.locations().expect(address);
            }
        }
        let keys = requests
            .iter()
            .map(|(token, _)| (token.keys(), token.issued()));
        let matter = self.facts().marks().matter_batch(keys);
        let mut looked_up = [LookedUp::default(); CHUNK];
        // The requests that are not settled at once.
        let mut left = 0_u64;
        for (index, ((token, request), decision)) in
            requests.iter().zip(&mut *decisions).enumerate()
        {
            let Some(snapshot) = snapshots[index] else {
                left |= 1 << index;
                continue;
            };
            let world = self.world(Some(snapshot), request);
            looked_up[index].marks_matter = Some(matter >> index & 1 == 1);
            match at_once::<Unobserved>(&world, token, request, &mut looked_up[index]) {
                Some(settled) => *decision = settled,
                None => {
                    token.prefetch_rest();
                    left |= 1 << index;
                }
            }
        }
        while left != 0 {
            let index = left.trailing_zeros() as usize;
            left &= left - 1;
            let (token, request) = &requests[index];
            let Some(snapshot) = snapshots[index] else {
                decisions[index] = self.decide(token, request);
                continue;
            };
            let world = self.world(Some(snapshot), request);
            let decision = judge(&world, looked_up[index], token, request, &mut Unobserved);
            self.remember_challenge(&world, token, request, &decision);
            decisions[index] = decision;
        }
    }
}
