//! How soon an event bites: the first refusal that each one caused.

use std::collections::HashMap;

use highwater::event::{Dimension, Effect, Event};
use highwater::identifier::Identifier;
use highwater::reason::Reason;
use highwater::timestamp::Timestamp;
use serde::Serialize;

use super::tally::Decided;
use crate::story::{Names, effect_of};

/// An event and the first request that it refused.
#[derive(Debug, Serialize)]
pub(super) struct FirstRefusal {
    /// The event.
    pub(super) event: Event,
    /// The event in words.
    #[serde(skip)]
    pub(super) words: String,
    /// The request, if one was refused because of it.
    pub(super) refusal: Option<Refusal>,
}

/// A refused request.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Refusal {
    pub(super) id: Option<String>,
    pub(super) now: Timestamp,
    /// From the event to the request.
    pub(super) after_seconds: f64,
    pub(super) reason: &'static str,
}

/// A tenant and one member of a subject; no member is the whole tenant.
type Member = (Identifier, Option<(Dimension, Identifier)>);

/// Events that were applied and have refused nothing yet, found by any member of their subject.
pub(super) struct FirstRefusals<'a> {
    events: &'a [Event],
    pending: HashMap<Member, Vec<usize>>,
    found: HashMap<usize, Refusal>,
}

impl<'a> FirstRefusals<'a> {
    pub(super) fn new(events: &'a [Event]) -> FirstRefusals<'a> {
        FirstRefusals {
            events,
            pending: HashMap::new(),
            found: HashMap::new(),
        }
    }

    /// An event was applied.
    pub(super) fn applied(&mut self, index: usize, event: &Event) {
        if caused_by(&event.effect).is_empty() {
            return;
        }
        let members: Vec<_> = event
            .subject
            .iter()
            .map(|(dimension, id)| Some((dimension, id.clone())))
            .collect();
        let keys = if members.is_empty() {
            vec![None]
        } else {
            members
        };
        for key in keys {
            self.pending
                .entry((event.tenant.clone(), key))
                .or_default()
                .push(index);
        }
    }

    /// A request was refused.
    pub(super) fn refused(&mut self, decided: &Decided<'_>) {
        let facts = decided.facts();
        let carried = |dimension| facts.carried(dimension);
        let mut keys = vec![None];
        keys.extend(Dimension::ALL.into_iter().filter_map(|dimension| {
            let id = Identifier::new(carried(dimension)?).ok()?;
            Some(Some((dimension, id)))
        }));
        for key in keys {
            let key = (facts.tenant.clone(), key);
            let Some(waiting) = self.pending.get_mut(&key) else {
                continue;
            };
            let (events, found) = (self.events, &mut self.found);
            waiting.retain(|&index| {
                if found.contains_key(&index) {
                    return false;
                }
                let Some(event) = events.get(index) else {
                    return false;
                };
                let reason = caused_by(&event.effect)
                    .iter()
                    .find(|reason| decided.decision.reasons().contains(**reason));
                let Some(reason) = reason.filter(|_| event.subject.concerns(carried)) else {
                    return true;
                };
                let now = decided.document.now();
                let after = now.milliseconds().saturating_sub(event.time.milliseconds());
                found.insert(
                    index,
                    Refusal {
                        id: decided.document.id.clone(),
                        now,
                        after_seconds: after as f64 / 1000.0,
                        reason: reason.as_str(),
                    },
                );
                false
            });
            if waiting.is_empty() {
                self.pending.remove(&key);
            }
        }
    }

    /// Every event that can refuse, in the order of time.
    pub(super) fn finish(mut self, names: &Names) -> Vec<FirstRefusal> {
        let mut refusals: Vec<FirstRefusal> = self
            .events
            .iter()
            .enumerate()
            .filter(|(_, event)| !caused_by(&event.effect).is_empty())
            .map(|(index, event)| FirstRefusal {
                event: event.clone(),
                words: effect_of(event, names),
                refusal: self.found.remove(&index),
            })
            .collect();
        refusals.sort_by_key(|refusal| refusal.event.time);
        refusals
    }
}

/// What an effect can be a reason for.
fn caused_by(effect: &Effect) -> &'static [Reason] {
    match effect {
        Effect::Revoke => &[Reason::TokenRevoked],
        Effect::Refresh => &[Reason::TokenStale],
        Effect::Deny => &[Reason::SessionDenied, Reason::TokenDenied],
        Effect::Block => &[Reason::SubjectBlocked],
        Effect::Purge => &[Reason::SubjectPurged],
        Effect::Risk(_) => &[Reason::RiskTooHigh],
        Effect::Compliance(_) => &[Reason::DeviceNotCompliant],
        Effect::Assurance { .. } => &[Reason::AssuranceLowered],
        Effect::Unblock | Effect::Stream(_) => &[],
    }
}
