//! What the engine remembers of its own challenges: enough to end loops, never enough to grow.
//!
//! Three small tables of fixed size, four places per key. When all four are taken, the one that
//! was touched longest ago goes. Whatever is forgotten, or cannot be read without waiting, leads
//! to one more challenge: a token that should be refused is refused either way (semantics §6).

use std::net::IpAddr;
use std::ops::RangeInclusive;

use parking_lot::Mutex;

use crate::identifier::Identifier;
use crate::marks::Keyring;
use crate::settings::LoopBudget;
use crate::timestamp::Timestamp;
use crate::token::{VerifiedToken, mix};

/// Remembered challenges.
#[derive(Debug)]
pub struct ChallengeMemory {
    keyring: Keyring,
    budget: LoopBudget,
    /// By token: how often it was challenged in its window.
    tokens: Table<Window>,
    /// By tenant, subject and address: how many tokens were challenged in its window.
    holders: Table<Window>,
    /// By tenant, subject, address and token: which tokens those were.
    counted: Table<i64>,
    /// By tenant, subject, address and policy: the first challenge, and for which token.
    answers: Table<FirstChallenge>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    start: i64,
    count: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct FirstChallenge {
    second: i64,
    token: u128,
}

impl ChallengeMemory {
    /// A memory of `capacity` entries per table, rounded up to a power of two, 4 at least and
    /// 2^24 at most.
    #[must_use]
    pub fn new(keyring: Keyring, budget: LoopBudget, capacity: usize) -> ChallengeMemory {
        ChallengeMemory {
            keyring,
            budget,
            tokens: Table::new(capacity),
            holders: Table::new(capacity),
            counted: Table::new(capacity),
            answers: Table::new(capacity),
        }
    }

    /// Whether another challenge would be one too many.
    pub(super) fn is_spent(
        &self,
        token: &VerifiedToken,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> bool {
        let now = now.seconds();
        let open = |window: &Window| now < window.start.saturating_add(self.budget.window);
        let challenged = self.tokens.get(token.fingerprint()).filter(open);
        if challenged.map_or(0, |window| window.count) >= self.budget.per_token {
            return true;
        }
        let holder = token.holder_at(address);
        let Some(window) = self.holders.get(holder).filter(open) else {
            return self.budget.per_subject == 0;
        };
        window.count >= self.budget.per_subject
            && self.counted.get(pair(holder, token.fingerprint())) != Some(window.start)
    }

    /// Notes that `token` was challenged at `address`.
    pub(crate) fn record(&self, token: &VerifiedToken, address: Option<IpAddr>, now: Timestamp) {
        let now = now.seconds();
        let length = self.budget.window;
        let renew = |window: Option<Window>| match window {
            Some(window) if now < window.start.saturating_add(length) => window,
            _ => Window {
                start: now,
                count: 0,
            },
        };
        self.tokens.update(token.fingerprint(), now, |window| {
            let window = renew(window);
            Window {
                count: window.count.saturating_add(1),
                ..window
            }
        });
        let holder = token.holder_at(address);
        let member = pair(holder, token.fingerprint());
        self.holders.update(holder, now, |window| {
            let window = renew(window);
            let is_new = self.counted.get(member) != Some(window.start);
            Window {
                count: window.count.saturating_add(u32::from(is_new)),
                ..window
            }
        });
        if let Some(window) = self.holders.get(holder) {
            self.counted.update(member, now, |_| window.start);
        }
    }

    /// Notes that the challenge was about `policy`.
    pub(crate) fn record_policy(
        &self,
        token: &VerifiedToken,
        address: Option<IpAddr>,
        policy: &Identifier,
        now: Timestamp,
    ) {
        let first = FirstChallenge {
            second: now.seconds(),
            token: token.fingerprint(),
        };
        self.answers.update(
            self.policy_key(token, address, policy),
            first.second,
            |known| known.unwrap_or(first),
        );
    }

    /// Whether `token` is the issuer's answer to a challenge about `policy` at `address`.
    pub(super) fn is_answered(
        &self,
        token: &VerifiedToken,
        address: Option<IpAddr>,
        policy: &Identifier,
    ) -> bool {
        // Without an address the issuer was told nothing that it could have answered, and a client that
        // does not carry challenges to it has told it nothing.
        address.is_some()
            && token.is_capable()
            && self
                .answers
                .get(self.policy_key(token, address, policy))
                .is_some_and(|first| {
                    first.token != token.fingerprint() && token.facts().decided >= first.second
                })
    }

    fn policy_key(
        &self,
        token: &VerifiedToken,
        address: Option<IpAddr>,
        policy: &Identifier,
    ) -> u128 {
        pair(token.holder_at(address), self.keyring.policy(policy))
    }
}

fn pair(a: u128, b: u128) -> u128 {
    mix(mix(a).wrapping_add(b))
}

const WAYS: usize = 4;

/// Fewer entries than a set has are no table, and more than 4 GiB of challenges are a mistake.
const CAPACITIES: RangeInclusive<usize> = WAYS..=1 << 24;

fn sets_for(capacity: usize) -> usize {
    let capacity = capacity.clamp(*CAPACITIES.start(), *CAPACITIES.end());
    capacity.div_ceil(WAYS).next_power_of_two()
}

/// A cache of fixed size. Neither reading nor writing waits or allocates.
#[derive(Debug)]
struct Table<V> {
    sets: Box<[Mutex<[Slot<V>; WAYS]>]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot<V> {
    key: u128,
    touched: i64,
    value: Option<V>,
}

impl<V: Copy + Default> Table<V> {
    fn new(capacity: usize) -> Table<V> {
        Table {
            sets: (0..sets_for(capacity))
                .map(|_| Mutex::new([Slot::default(); WAYS]))
                .collect(),
        }
    }

    fn set(&self, key: u128) -> &Mutex<[Slot<V>; WAYS]> {
        let index = key as usize & (self.sets.len() - 1);
        &self.sets[index]
    }

    fn get(&self, key: u128) -> Option<V> {
        let set = self.set(key).try_lock()?;
        set.iter()
            .find(|slot| slot.key == key)
            .and_then(|slot| slot.value)
    }

    fn update(&self, key: u128, now: i64, change: impl FnOnce(Option<V>) -> V) {
        let Some(mut set) = self.set(key).try_lock() else {
            return;
        };
        let place = set
            .iter()
            .position(|slot| slot.value.is_some() && slot.key == key)
            .or_else(|| set.iter().position(|slot| slot.value.is_none()))
            .or_else(|| (0..WAYS).min_by_key(|&way| set[way].touched))
            .unwrap_or(0);
        let slot = &mut set[place];
        let known = slot.value.filter(|_| slot.key == key);
        *slot = Slot {
            key,
            touched: now,
            value: Some(change(known)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_set_forgets_what_was_touched_longest_ago() {
        let table = Table::<i64>::new(WAYS);
        for key in 1..=4 {
            table.update(key, key as i64, |known| known.unwrap_or(key as i64 * 10));
        }
        table.update(1, 9, |known| known.unwrap_or(0));
        table.update(5, 10, |known| known.unwrap_or(50));
        assert_eq!(table.get(1), Some(10));
        assert_eq!(table.get(2), None);
        assert_eq!(
            (table.get(3), table.get(4), table.get(5)),
            (Some(30), Some(40), Some(50))
        );
    }

    #[test]
    fn any_number_of_entries_is_a_table() {
        assert_eq!([0, 4, 5, 1 << 14].map(sets_for), [1, 1, 2, 1 << 12]);
        assert_eq!(sets_for(usize::MAX), 1 << 22);
        let table = Table::<i64>::new(0);
        table.update(1, 0, |_| 7);
        assert_eq!(table.get(1), Some(7));
    }

    #[test]
    fn a_table_that_is_being_written_reads_as_forgotten() {
        let table = Table::<i64>::new(WAYS);
        table.update(1, 0, |_| 7);
        let held = table.sets[0].lock();
        assert_eq!(table.get(1), None);
        table.update(2, 0, |_| 8);
        drop(held);
        assert_eq!((table.get(1), table.get(2)), (Some(7), None));
    }
}
