//! Token claims: any JSON object is read the same way twice, or refused with a claim's name.

use serde_json::{Map, Value};

use crate::token::{Anchor, ClaimNames, IssuerProfile, SubjectKind, TokenFacts};

/// Claims as JSON text, under three issuer profiles.
pub fn claims(bytes: &[u8]) {
    let Ok(claims) = serde_json::from_slice::<Map<String, Value>>(bytes) else {
        return;
    };
    let entra = IssuerProfile::entra("https://sts.windows.net/*/");
    let generic = IssuerProfile::generic("https://idp.example");
    let configured = IssuerProfile {
        backdate: Some(i64::MAX),
        anchor: Anchor::AuthTime,
        claims: ClaimNames {
            policy_ids: Some("capolids".to_owned()),
            device: Some("device".to_owned()),
            ..ClaimNames::default()
        },
        ..generic.clone()
    };
    for profile in [entra, generic, configured] {
        let facts = match TokenFacts::from_claims(&claims, &profile) {
            Ok(facts) => facts,
            Err(error) => {
                assert!(!error.claim.is_empty() && !error.message.is_empty());
                continue;
            }
        };
        assert_eq!(
            Ok(&facts),
            TokenFacts::from_claims(&claims, &profile).as_ref()
        );
        assert!(facts.issued_at.milliseconds() >= 0 && facts.expires.milliseconds() >= 0);
        assert!(facts.decided >= facts.issued_at.seconds());
        assert!(!facts.capable || profile.answers_challenges());
        assert!(!facts.tenant.as_str().is_empty() && !facts.subject.as_str().is_empty());
        for address in [facts.issuer_seen_address, facts.resource_seen_address] {
            assert_eq!(address, address.map(|address| address.to_canonical()));
        }
        let _ = facts.lifetime();

        // A claim that nobody reads changes nothing, and an app-only token stays one.
        let mut more = claims.clone();
        if more
            .insert("x_unread".to_owned(), Value::from("?"))
            .is_none()
        {
            assert_eq!(
                Ok(&facts),
                TokenFacts::from_claims(&more, &profile).as_ref()
            );
        }
        more.insert("idtyp".to_owned(), Value::from("app"));
        let workload = TokenFacts::from_claims(&more, &profile).map(|facts| facts.kind);
        assert_eq!(workload, Ok(SubjectKind::Workload));
    }
}
