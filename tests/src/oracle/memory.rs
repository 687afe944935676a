//! Section 6, and *answered* of section 4.5: every challenge that was given, in order.

use std::net::IpAddr;

use highwater::identifier::{Identifier, TenantId};
use highwater::settings::LoopBudget;
use highwater::timestamp::Timestamp;
use highwater::token::{SubjectKind, TokenFacts};

/// All challenges, the oldest first. Nothing is ever forgotten here.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    challenges: Vec<Given>,
}

/// Which token: its id inside the tenant, else what tells the issuer's tokens apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenKey(String);

/// Who was seen where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    tenant: TenantId,
    kind: SubjectKind,
    subject: Identifier,
    address: Option<IpAddr>,
}

#[derive(Clone, Debug)]
struct Given {
    at: Timestamp,
    token: TokenKey,
    place: Place,
    policies: Vec<Identifier>,
}

impl TokenKey {
    /// The key of a token.
    #[must_use]
    pub fn of(token: &TokenFacts) -> TokenKey {
        TokenKey(match &token.id {
            Some(id) => format!("{} {id}", token.tenant),
            None => format!(
                "{} {:?} {} {} {:?} {:?} {:?} {:?}",
                token.tenant,
                token.kind,
                token.subject,
                token.issuer,
                token.issued_at,
                token.expires,
                token.session,
                token.app
            ),
        })
    }
}

impl Place {
    /// The subject of the token at the observed address.
    #[must_use]
    pub fn of(token: &TokenFacts, address: Option<IpAddr>) -> Place {
        Place {
            tenant: token.tenant.clone(),
            kind: token.kind,
            subject: token.subject.clone(),
            address,
        }
    }
}

impl Memory {
    /// Takes note of a challenge, with every policy that has a violation.
    pub fn challenged(
        &mut self,
        at: Timestamp,
        token: TokenKey,
        place: Place,
        policies: Vec<Identifier>,
    ) {
        self.challenges.push(Given {
            at,
            token,
            place,
            policies,
        });
    }

    /// Whether one more challenge would be one too many.
    #[must_use]
    pub fn spent(
        &self,
        now: Timestamp,
        token: &TokenKey,
        place: &Place,
        budget: LoopBudget,
    ) -> bool {
        let same_token = self.challenges.iter().filter(|given| given.token == *token);
        if within_window(same_token, now, budget).len() >= budget.per_token as usize {
            return true;
        }
        let same_place = self.challenges.iter().filter(|given| given.place == *place);
        let mut tokens: Vec<&TokenKey> = Vec::new();
        for given in within_window(same_place, now, budget) {
            if !tokens.contains(&&given.token) {
                tokens.push(&given.token);
            }
        }
        !tokens.contains(&token) && tokens.len() >= budget.per_subject as usize
    }

    /// Whether the issuer decided after the first challenge for the same subject, address and
    /// policy, which another token got, for a client that carries challenges to it.
    #[must_use]
    pub fn answered(&self, token: &TokenFacts, place: &Place, policy: &Identifier) -> bool {
        if place.address.is_none() || !token.capable {
            return false;
        }
        self.challenges
            .iter()
            .find(|given| given.place == *place && given.policies.contains(policy))
            .is_some_and(|first| {
                first.token != TokenKey::of(token) && token.decided >= first.at.seconds()
            })
    }
}

/// Those of the window that is open at `now`: it starts with the first challenge that no
/// earlier window holds.
fn within_window<'a>(
    challenges: impl Iterator<Item = &'a Given>,
    now: Timestamp,
    budget: LoopBudget,
) -> Vec<&'a Given> {
    let mut open: Vec<&Given> = Vec::new();
    for given in challenges {
        if ended(&open, given.at, budget) {
            open.clear();
        }
        open.push(given);
    }
    if ended(&open, now, budget) {
        open.clear();
    }
    open
}

fn ended(open: &[&Given], now: Timestamp, budget: LoopBudget) -> bool {
    open.first()
        .is_some_and(|first| now.seconds() >= first.at.seconds() + budget.window)
}
