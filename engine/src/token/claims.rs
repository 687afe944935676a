//! Reading claims: every one that a decision uses, strictly.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::issuer::{Anchor, IssuerProfile};
use crate::event::Dimension;
use crate::identifier::{Identifier, TenantId};
use crate::timestamp::Timestamp;

/// What a token says, in the engine's terms (semantics §2).
#[derive(Clone, Debug, PartialEq)]
pub struct TokenFacts {
    /// `iss`.
    pub issuer: String,
    /// `tid`, else the issuer.
    pub tenant: TenantId,
    /// Whether a person or a program holds the token.
    pub kind: SubjectKind,
    /// `oid`, else `sub`.
    pub subject: Identifier,
    /// `azp`, else `appid`.
    pub app: Option<Identifier>,
    /// `sid`.
    pub session: Option<Identifier>,
    /// `uti`, else `jti`.
    pub id: Option<Identifier>,
    /// `deviceid`.
    pub device: Option<Identifier>,
    /// The first `aud`: the resource, unless the request names another.
    pub audience: Option<Identifier>,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `nbf`.
    pub not_before: Option<Timestamp>,
    /// `exp`.
    pub expires: Timestamp,
    /// `auth_time`.
    pub auth_time: Option<Timestamp>,
    /// The instant that marks are compared with, in whole seconds (semantics §2, *issued*).
    pub issued: i64,
    /// `iat` plus the backdate, in whole seconds: when the issuer last decided.
    pub decided: i64,
    /// Whether the client declared `cp1` and the issuer answers challenges.
    pub capable: bool,
    /// `groups`.
    pub groups: GroupClaim,
    /// `wids`; `None` if the claim is absent.
    pub roles: Option<Vec<Identifier>>,
    /// `acrs`: authentication contexts that the token satisfies.
    pub authentication_contexts: Vec<String>,
    /// `amr`: how the subject authenticated.
    pub methods: Vec<String>,
    /// `acr`: the level of authentication.
    pub level: Option<String>,
    /// `acct`: 1 is a guest, 0 a member.
    pub guest: Option<bool>,
    /// `xms_rp_ipaddr`: the address that a resource provider told the issuer about.
    pub resource_seen_address: Option<IpAddr>,
    /// `ipaddr`, or the configured claim: the address at which the issuer saw the client.
    pub issuer_seen_address: Option<IpAddr>,
    /// The configured policy-id list; `None` if it is not configured or absent.
    pub policy_ids: Option<Vec<Identifier>>,
    /// `authorization_uri` for challenges about this token.
    pub authorization_uri: String,
}

/// Who holds a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubjectKind {
    /// A person, directly or through an application.
    User,
    /// A workload identity on its own behalf.
    Workload,
}

/// The `groups` claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupClaim {
    /// The token does not have the claim.
    Absent,
    /// The token lists the groups, sorted.
    Listed(Vec<Identifier>),
    /// The token says that there were too many to list.
    Overage,
}

/// Why claims cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("claim `{claim}`: {message}")]
pub struct ClaimError {
    /// The claim's name.
    pub claim: String,
    /// What is wrong with it.
    pub message: String,
}

impl ClaimError {
    fn new(claim: &str, message: impl Into<String>) -> ClaimError {
        ClaimError {
            claim: claim.to_owned(),
            message: message.into(),
        }
    }
}

impl TokenFacts {
    /// Reads decoded claims by the rules of `profile`.
    ///
    /// # Errors
    /// The first claim that is missing or malformed. `null` counts as absent.
    pub fn from_claims(
        claims: &Map<String, Value>,
        profile: &IssuerProfile,
    ) -> Result<TokenFacts, ClaimError> {
        let claims = Claims(claims);
        let issuer = claims
            .text("iss")?
            .ok_or_else(|| ClaimError::new("iss", "is missing"))?
            .to_owned();
        let tenant = match claims.identifier("tid")? {
            Some(tenant) => tenant,
            None => Identifier::new(&issuer)
                .map_err(|error| ClaimError::new("iss", error.to_string()))?,
        };
        let oid = claims.identifier("oid")?;
        let sub = claims.identifier("sub")?;
        let kind = match claims.text("idtyp")? {
            Some(kind) if kind.eq_ignore_ascii_case("app") => SubjectKind::Workload,
            Some(_) => SubjectKind::User,
            None if claims.value("scp").is_none() && oid.is_some() && oid == sub => {
                SubjectKind::Workload
            }
            None => SubjectKind::User,
        };
        let subject = oid
            .or(sub)
            .ok_or_else(|| ClaimError::new("sub", "neither `oid` nor `sub` is there"))?;
        let issued_at = claims
            .instant("iat")?
            .ok_or_else(|| ClaimError::new("iat", "is missing"))?;
        let expires = claims
            .instant("exp")?
            .ok_or_else(|| ClaimError::new("exp", "is missing"))?;
        let auth_time = claims.instant("auth_time")?;
        let decided = issued_at.seconds().saturating_add(profile.backdate());
        let issued = match (profile.anchor, auth_time) {
            (Anchor::AuthTime, Some(auth_time)) => auth_time.seconds(),
            _ => decided,
        };
        let names = &profile.claims;
        let groups = claims.identifiers("groups")?;
        let overage = claims
            .value("_claim_names")
            .and_then(Value::as_object)
            .is_some_and(|names| names.contains_key("groups"))
            || matches!(claims.value("hasgroups"), Some(Value::Bool(true)));
        let policy_ids = match &names.policy_ids {
            Some(name) => claims.identifiers(name)?,
            None => None,
        };
        Ok(TokenFacts {
            tenant: tenant.clone(),
            kind,
            subject,
            app: match claims.identifier("azp")? {
                Some(app) => Some(app),
                None => claims.identifier("appid")?,
            },
            session: claims.identifier(names.session.as_deref().unwrap_or("sid"))?,
            id: match claims.identifier("uti")? {
                Some(id) => Some(id),
                None => claims.identifier("jti")?,
            },
            device: claims.identifier(names.device.as_deref().unwrap_or("deviceid"))?,
            audience: claims.audience()?,
            issued_at,
            not_before: claims.instant("nbf")?,
            expires,
            auth_time,
            issued,
            decided,
            capable: profile.answers_challenges() && claims.declares_cp1()?,
            groups: match groups {
                Some(groups) => GroupClaim::Listed(groups),
                None if overage => GroupClaim::Overage,
                None => GroupClaim::Absent,
            },
            roles: claims.identifiers("wids")?,
            authentication_contexts: claims.texts("acrs")?.unwrap_or_default(),
            methods: claims.texts("amr")?.unwrap_or_default(),
            level: claims.text_or_number("acr")?,
            guest: claims.guest()?,
            resource_seen_address: claims.address("xms_rp_ipaddr", Malformed::Refused)?,
            issuer_seen_address: claims.address(
                names.issuer_seen_address.as_deref().unwrap_or("ipaddr"),
                Malformed::Unknown,
            )?,
            policy_ids,
            authorization_uri: profile.authorization_uri(&issuer, tenant.as_str()),
            issuer,
        })
    }

    /// What the token carries in `dimension`, for matching subjects of events.
    #[must_use]
    pub fn carried(&self, dimension: Dimension) -> Option<&str> {
        let identifier = match (dimension, self.kind) {
            (Dimension::User, SubjectKind::User) | (Dimension::Workload, SubjectKind::Workload) => {
                Some(&self.subject)
            }
            (Dimension::User | Dimension::Workload, _) => None,
            (Dimension::Session, _) => self.session.as_ref(),
            (Dimension::Token, _) => self.id.as_ref(),
            (Dimension::Device, _) => self.device.as_ref(),
            (Dimension::App, _) => self.app.as_ref(),
        };
        identifier.map(Identifier::as_str)
    }

    /// How long the token lives, in seconds.
    #[must_use]
    pub fn lifetime(&self) -> i64 {
        self.expires
            .seconds()
            .saturating_sub(self.issued_at.seconds())
    }

    /// The observed address that the issuer has heard of and answered with a short token: location
    /// checks there are its own (semantics §4.4).
    #[must_use]
    pub fn exempt_address(&self) -> Option<IpAddr> {
        self.resource_seen_address
            .filter(|_| self.lifetime() <= LONGEST_EXEMPT_LIFETIME)
    }
}

/// The longest lifetime, in seconds, of a token that the issuer gives after it heard of another
/// address: one hour, and the five minutes by which it backdates.
const LONGEST_EXEMPT_LIFETIME: i64 = 3900;

/// What to do with an address claim that is no address.
#[derive(Clone, Copy)]
enum Malformed {
    /// A claim that loosens a check must be right.
    Refused,
    /// Entra writes opaque text into `ipaddr` in some tokens: not known, which loosens nothing.
    Unknown,
}

struct Claims<'a>(&'a Map<String, Value>);

impl<'a> Claims<'a> {
    fn value(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, ClaimError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(ClaimError::new(name, "must be text")),
        }
    }

    fn text_or_number(&self, name: &str) -> Result<Option<String>, ClaimError> {
        match self.value(name) {
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            _ => Ok(self.text(name)?.map(str::to_owned)),
        }
    }

    fn identifier(&self, name: &str) -> Result<Option<Identifier>, ClaimError> {
        match self.text(name)? {
            None => Ok(None),
            Some(text) => Identifier::new(text)
                .map(Some)
                .map_err(|error| ClaimError::new(name, error.to_string())),
        }
    }

    /// Text or a list of texts.
    fn texts(&self, name: &str) -> Result<Option<Vec<String>>, ClaimError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(vec![text.clone()])),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| match item {
                    Value::String(text) => Ok(text.clone()),
                    _ => Err(ClaimError::new(name, "must be a list of texts")),
                })
                .collect::<Result<Vec<_>, _>>()
                .map(Some),
            Some(_) => Err(ClaimError::new(name, "must be text or a list of texts")),
        }
    }

    fn identifiers(&self, name: &str) -> Result<Option<Vec<Identifier>>, ClaimError> {
        let Some(texts) = self.texts(name)? else {
            return Ok(None);
        };
        let mut identifiers = texts
            .iter()
            .map(|text| {
                Identifier::new(text).map_err(|error| ClaimError::new(name, error.to_string()))
            })
            .collect::<Result<Vec<_>, _>>()?;
        identifiers.sort_unstable();
        identifiers.dedup();
        Ok(Some(identifiers))
    }

    fn instant(&self, name: &str) -> Result<Option<Timestamp>, ClaimError> {
        let number = match self.value(name) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_f64(),
            // Some logs and gateways write numbers as text.
            Some(Value::String(text)) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().ok()
            }
            Some(_) => None,
        };
        match number.and_then(Timestamp::from_number) {
            Some(instant) if instant.milliseconds() >= 0 => Ok(Some(instant)),
            _ => Err(ClaimError::new(name, "must be seconds since 1970")),
        }
    }

    fn audience(&self) -> Result<Option<Identifier>, ClaimError> {
        let Some(audiences) = self.texts("aud")? else {
            return Ok(None);
        };
        match audiences.first() {
            None => Ok(None),
            Some(first) => Identifier::new(first)
                .map(Some)
                .map_err(|error| ClaimError::new("aud", error.to_string())),
        }
    }

    fn declares_cp1(&self) -> Result<bool, ClaimError> {
        let values = self.texts("xms_cc")?.unwrap_or_default();
        Ok(values.iter().any(|value| value.eq_ignore_ascii_case("cp1")))
    }

    fn guest(&self) -> Result<Option<bool>, ClaimError> {
        match self.value("acct") {
            None => Ok(None),
            Some(Value::Number(number)) if number.as_u64() == Some(0) => Ok(Some(false)),
            Some(Value::Number(number)) if number.as_u64() == Some(1) => Ok(Some(true)),
            Some(Value::String(text)) if text == "0" => Ok(Some(false)),
            Some(Value::String(text)) if text == "1" => Ok(Some(true)),
            Some(_) => Err(ClaimError::new("acct", "must be 0 or 1")),
        }
    }

    fn address(&self, name: &str, malformed: Malformed) -> Result<Option<IpAddr>, ClaimError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        match (text.parse::<IpAddr>(), malformed) {
            (Ok(address), _) => Ok(Some(address.to_canonical())),
            (Err(_), Malformed::Unknown) => Ok(None),
            (Err(_), Malformed::Refused) => Err(ClaimError::new(name, "must be an address")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn read(claims: Value) -> Result<TokenFacts, ClaimError> {
        let profile = IssuerProfile::entra("https://sts.windows.net/*/");
        TokenFacts::from_claims(claims.as_object().unwrap(), &profile)
    }

    fn minimal() -> Value {
        json!({"iss": "https://sts.windows.net/t/", "oid": "A", "sub": "b", "iat": 1000, "exp": 4900})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = minimal();
        claims[name] = value;
        claims
    }

    #[test]
    fn minimal_claims_and_defaults() {
        let facts = read(minimal()).unwrap();
        assert_eq!(facts.tenant.as_str(), "https://sts.windows.net/t/");
        assert_eq!(
            (facts.kind, facts.subject.as_str()),
            (SubjectKind::User, "A")
        );
        assert_eq!((facts.issued, facts.lifetime()), (1300, 3900));
        assert!(!facts.capable);
        assert_eq!(facts.groups, GroupClaim::Absent);
    }

    #[test]
    fn capabilities_are_text_or_list_in_any_case() {
        for value in [json!("cp1"), json!(["CP1"]), json!(["cp2", "Cp1"])] {
            assert!(read(with("xms_cc", value)).unwrap().capable);
        }
        assert!(!read(with("xms_cc", json!(["cp2"]))).unwrap().capable);
        assert!(read(with("xms_cc", json!(1))).is_err());
    }

    #[test]
    fn workloads_are_told_from_users() {
        assert_eq!(
            read(with("idtyp", json!("app"))).unwrap().kind,
            SubjectKind::Workload
        );
        let mut claims = with("sub", json!("A"));
        assert_eq!(read(claims.clone()).unwrap().kind, SubjectKind::Workload);
        claims["scp"] = json!("Files.Read");
        assert_eq!(read(claims).unwrap().kind, SubjectKind::User);
    }

    #[test]
    fn malformed_claims_are_errors_that_name_the_claim() {
        for (name, value) in [
            ("iat", json!("yesterday")),
            ("iat", json!(-5)),
            ("exp", json!(true)),
            ("oid", json!(7)),
            ("sid", json!("")),
            ("groups", json!([1])),
            ("acct", json!(2)),
            ("xms_rp_ipaddr", json!("not an address")),
            ("aud", json!({})),
        ] {
            assert_eq!(read(with(name, value)).unwrap_err().claim, name);
        }
        for name in ["iss", "iat", "exp"] {
            assert_eq!(read(with(name, Value::Null)).unwrap_err().claim, name);
        }
    }

    #[test]
    fn mapped_addresses_are_folded_and_an_opaque_ipaddr_is_not_known() {
        let facts = read(with("ipaddr", json!("::ffff:203.0.113.7"))).unwrap();
        assert_eq!(
            facts.issuer_seen_address,
            Some("203.0.113.7".parse().unwrap())
        );
        assert_eq!(
            read(with("ipaddr", json!("opaque")))
                .unwrap()
                .issuer_seen_address,
            None
        );
    }

    #[test]
    fn group_overage_is_not_an_empty_list() {
        let overage = read(with("_claim_names", json!({"groups": "src1"}))).unwrap();
        assert_eq!(overage.groups, GroupClaim::Overage);
        assert_eq!(
            read(with("groups", json!([]))).unwrap().groups,
            GroupClaim::Listed(vec![])
        );
    }
}
