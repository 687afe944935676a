//! One token against one issuer: every check, cheapest first, so that floods of nonsense cost
//! little and only the issuer's own signature costs a signature.

use std::sync::Arc;

use highwater::identifier::Identifier;
use highwater::timestamp::Timestamp;
use highwater::token::{IssuerKind, IssuerProfile, TokenFacts};
use highwater_signals::set::keys::PublicKey;
use highwater_signals::set::{Compact, KeyLookup, KeySet};
use serde_json::{Map, Value};

use super::error::TokenErrorKind;
use super::issuer::AcceptedIssuer;

/// The longest token that is read, in bytes. Header limits of servers end near it, and tokens
/// with hundreds of groups stay below.
pub(super) const MAXIMUM_TOKEN_BYTES: usize = 16 * 1024;

/// A token taken apart, nothing of it believed.
pub(super) struct Unverified<'a> {
    compact: Compact<'a>,
    claims: Map<String, Value>,
    issuer: String,
}

/// What a token says, now that its issuer stands for it.
pub(super) struct Verified {
    pub(super) facts: TokenFacts,
    /// The key that signed it.
    pub(super) key: Arc<str>,
}

impl<'a> Unverified<'a> {
    /// Takes a token apart.
    pub(super) fn parse(token: &'a str) -> Result<Unverified<'a>, TokenErrorKind> {
        let malformed = |message: &str| TokenErrorKind::Malformed(message.to_owned());
        if token.len() > MAXIMUM_TOKEN_BYTES {
            return Err(malformed("it is longer than 16 KiB"));
        }
        let compact = Compact::parse(token.as_bytes())
            .map_err(|refusal| TokenErrorKind::Malformed(refusal.description.to_string()))?;
        let claims: Map<String, Value> = serde_json::from_slice(&compact.payload)
            .map_err(|_| malformed("its payload is not a JSON object"))?;
        let issuer = match claims.get("iss") {
            Some(Value::String(issuer)) => issuer.clone(),
            _ => return Err(malformed("it does not name its issuer")),
        };
        Ok(Unverified {
            compact,
            claims,
            issuer,
        })
    }

    /// Whose token it claims to be.
    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What can be checked without a key.
    pub(super) fn check(
        &self,
        accepted: &AcceptedIssuer,
        now: Timestamp,
        skew: i64,
    ) -> Result<TokenFacts, TokenErrorKind> {
        let header = &self.compact.header;
        if !accepted.token_type.accepts(header.media_type.as_deref()) {
            let media_type = header.media_type.as_deref().unwrap_or("no `typ`");
            return Err(TokenErrorKind::Type(shown(media_type)));
        }
        //= https://www.rfc-editor.org/rfc/rfc8417#section-4.5
        // Security events and logout tokens are signed by the same keys.
        if self.claims.contains_key("events") {
            return Err(TokenErrorKind::Type("it states security events".to_owned()));
        }
        //= https://www.rfc-editor.org/rfc/rfc9449#section-7.2
        // Bound to a key that its bearer does not prove to have.
        if self
            .claims
            .get("cnf")
            .is_some_and(|bound| bound.get("jkt").is_some())
        {
            return Err(TokenErrorKind::Type("it is bound to a DPoP key".to_owned()));
        }
        if !accepted.algorithms.contains(&header.algorithm) {
            return Err(TokenErrorKind::Algorithm(header.algorithm));
        }
        self.tenant(&accepted.profile)?;
        let mut facts = TokenFacts::from_claims(&self.claims, &accepted.profile)?;
        facts.audience = Some(self.audience(accepted)?);
        if now >= facts.expires.plus_seconds(skew) {
            return Err(TokenErrorKind::Expired);
        }
        if facts
            .not_before
            .is_some_and(|not_before| now < not_before.plus_seconds(-skew))
        {
            return Err(TokenErrorKind::NotYetValid);
        }
        Ok(facts)
    }

    /// The signature, by the one key that may have made it.
    pub(super) fn verify(
        &self,
        facts: TokenFacts,
        profile: &IssuerProfile,
        keys: &KeySet,
    ) -> Result<Verified, TokenErrorKind> {
        let header = &self.compact.header;
        let name = || shown(header.key_id.as_deref().unwrap_or("(unnamed)"));
        let key = match keys.find(header.key_id.as_deref(), header.algorithm) {
            KeyLookup::Found(key) => key,
            KeyLookup::Unknown => return Err(TokenErrorKind::UnknownKey(name())),
            KeyLookup::Unfit => return Err(TokenErrorKind::UnfitKey(name())),
        };
        if !may_sign(key, profile, &facts) {
            return Err(TokenErrorKind::UnfitKey(name()));
        }
        let Compact {
            signing_input,
            signature,
            ..
        } = self.compact;
        if !key.verifies(header.algorithm, signing_input, signature) {
            return Err(TokenErrorKind::Signature);
        }
        Ok(Verified {
            facts,
            key: Arc::clone(key.identity()),
        })
    }

    /// An issuer with an open place speaks for the tenant that stands there, for no other.
    fn tenant(&self, profile: &IssuerProfile) -> Result<(), TokenErrorKind> {
        let (Some(place), Some(Value::String(tenant))) =
            (profile.tenant_in(&self.issuer), self.claims.get("tid"))
        else {
            return Ok(());
        };
        match (Identifier::new(place), Identifier::new(tenant)) {
            (Ok(place), Ok(tenant)) if place == tenant => Ok(()),
            _ => Err(TokenErrorKind::Issuer(format!(
                "the issuer `{}` does not speak for tenant `{}`",
                shown(&self.issuer),
                shown(tenant)
            ))),
        }
    }

    /// The first audience that is one of ours: the resource of the request.
    fn audience(&self, accepted: &AcceptedIssuer) -> Result<Identifier, TokenErrorKind> {
        let listed = match self.claims.get("aud") {
            Some(Value::String(one)) => std::slice::from_ref(one)
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        listed
            .iter()
            .filter_map(|audience| Identifier::new(audience).ok())
            .find(|audience| accepted.audiences.contains(audience))
            .ok_or_else(|| TokenErrorKind::Audience(shown(&listed.join(" "))))
    }
}

/// What a token says, fit for one line of a log: whoever forges a token writes it.
pub(super) fn shown(text: &str) -> String {
    text.chars()
        .take(128)
        .flat_map(char::escape_debug)
        .collect()
}

/// Whether the key may sign for the token's issuer. Microsoft Entra says at each key whose it is:
/// the keys of personal accounts stand in the same set as those of every organisation.
fn may_sign(key: &PublicKey, profile: &IssuerProfile, facts: &TokenFacts) -> bool {
    let (IssuerKind::Entra, Some(issuer)) = (profile.kind, key.issuer()) else {
        return true;
    };
    // Version 1 tokens have an issuer of another host than their keys; the tenant is the same.
    let tenant = issuer
        .split_once("://")
        .and_then(|(_, rest)| rest.split('/').nth(1));
    tenant.is_some_and(|tenant| {
        tenant == "{tenantid}" || tenant.eq_ignore_ascii_case(facts.tenant.as_str())
    })
}
