//! Many decisions at once, with the waiting for memory overlapped.
//!
//! A single decision on cold memory waits for one line after another. A batch first asks for
//! everything that its requests are going to touch, then looks up all addresses, and only then
//! decides, in order. Each request is decided exactly as it would be alone.

use crate::decision::Decision;
use crate::engine::Engine;
use crate::evaluate::{Unobserved, World};
use crate::request::Request;
use crate::snapshot::location_table::Place;
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
        let marks = self.facts().marks();
        for (token, _) in requests {
            marks.prefetch(token.keys());
        }
        let mut snapshots = [None; CHUNK];
        let mut places: [Option<Place>; CHUNK] = [None; CHUNK];
        for (index, (token, request)) in requests.iter().enumerate() {
            snapshots[index] = self.remembered_snapshot(token);
            if let (Some(snapshot), Some(address)) = (snapshots[index], request.address) {
                places[index] = Some(snapshot.locations().place(address));
            }
        }
        for (index, (token, request)) in requests.iter().enumerate() {
            let Some(snapshot) = snapshots[index] else {
                decisions[index] = self.decide(token, request);
                continue;
            };
            let world = World {
                looked_up: places[index],
                ..self.world(Some(snapshot), request)
            };
            decisions[index] = self.decide_in(&world, token, request, &mut Unobserved);
        }
    }
}
