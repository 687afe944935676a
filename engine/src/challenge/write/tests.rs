//! Writing: the published form, what a decision puts into it, and the limits.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::decision::{NAMED_POLICIES, PolicyIndex};
use crate::identifier::Identifier;
use crate::reason::ReasonSet;
use crate::timestamp::Timestamp;
use crate::token::IssuerProfile;

const NOW: i64 = 1_763_760_000;

fn decision(outcome: Outcome, status: u16, reasons: &[Reason]) -> Decision {
    Decision {
        outcome,
        status,
        reasons: reasons.iter().copied().collect::<ReasonSet>(),
        uncovered: false,
        degraded: false,
        not_before: NOW,
        named: [PolicyIndex::new(0).unwrap(); NAMED_POLICIES],
        violated: 0,
    }
}

fn token(kind: &str) -> TokenFacts {
    let claims = json!({
        "iss": "https://sts.windows.net/8a0c1f0e-53cb-4d3c-9a6f-0a39c7d8c001/",
        "tid": "8a0c1f0e-53cb-4d3c-9a6f-0a39c7d8c001", "oid": "ada", "idtyp": kind,
        "aud": "api://orders", "iat": NOW - 600, "exp": NOW + 3000, "xms_cc": ["cp1"],
    });
    let profile = IssuerProfile::entra("https://sts.windows.net/*/");
    TokenFacts::from_claims(claims.as_object().unwrap(), &profile).unwrap()
}

fn request(address: &str) -> Request<'static> {
    Request::new(Timestamp::from_seconds(NOW), Some(address.parse().unwrap()))
}

#[test]
fn a_location_challenge_to_the_letter() {
    let token = token("user");
    let decision = decision(
        Outcome::Challenge,
        401,
        &[Reason::LocationBlocked, Reason::TokenStale],
    );
    let request = request("::ffff:203.0.113.7");
    let challenge = Challenge::for_decision(&decision, &token, &request).unwrap();
    assert_eq!(
        challenge.claims().to_json(),
        concat!(
            r#"{ "access_token":{"nbf":{"essential":true,"value":"1763760000"},"#,
            r#""xms_rp_ipaddr":{"value":"203.0.113.7"}}}"#
        )
    );
    assert_eq!(
        challenge.header_value(),
        concat!(
            r#"Bearer realm="", "#,
            r#"authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", "#,
            r#"client_id="api://orders", "#,
            r#"error_description="Access from this network location is blocked by policy", "#,
            r#"error="insufficient_claims", "#,
            r#"claims="eyAiYWNjZXNzX3Rva2VuIjp7Im5iZiI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoi"#,
            r#"MTc2Mzc2MDAwMCJ9LCJ4bXNfcnBfaXBhZGRyIjp7InZhbHVlIjoiMjAzLjAuMTEzLjcifX19""#,
        )
    );
}

#[test]
fn a_decision_asks_for_what_it_needs_and_no_more() {
    let (token, mut request) = (token("user"), request("2001:db8::7"));
    let context = Some("c7");
    request.authentication_context = context;
    let resource = Identifier::new("00000003-0000-0000-C000-000000000000").unwrap();
    request.resource = Some(&resource);
    let address = request.address;
    for (reason, expected_address, expected_context) in [
        (Reason::TokenRevoked, None, None),
        (Reason::RiskTooHigh, None, None),
        (Reason::LocationBlocked, address, None),
        (Reason::LocationChanged, address, None),
        (Reason::AuthContextRequired, None, context),
    ] {
        let decision = decision(Outcome::Challenge, 401, &[reason]);
        let challenge = Challenge::for_decision(&decision, &token, &request).unwrap();
        let expected = ClaimsDocument {
            not_before: Some(NOW),
            resource_seen_address: expected_address,
            authentication_context: expected_context,
            additional: None,
        };
        assert_eq!(*challenge.claims(), expected, "{reason}");
        let header = challenge.header_value();
        assert!(header.contains(r#"client_id="00000003-0000-0000-c000-000000000000""#));
        assert!(header.contains(reason.description()));
    }
}

#[test]
fn each_outcome_has_its_header() {
    let (token, request) = (token("user"), request("203.0.113.7"));
    for (outcome, status, challenges, denies) in [
        (Outcome::Allow, 200, false, false),
        (Outcome::Challenge, 401, true, false),
        (Outcome::Deny, 401, false, true),
        (Outcome::Deny, 403, false, false),
    ] {
        let decision = decision(outcome, status, &[Reason::TokenRevoked]);
        let challenge = Challenge::for_decision(&decision, &token, &request);
        let denial = InvalidToken::for_decision(&decision, &token, &request);
        assert_eq!(
            (challenge.is_some(), denial.is_some()),
            (challenges, denies)
        );
        if let Some(denial) = denial {
            assert_eq!(
                denial.header_value(),
                concat!(
                    r#"Bearer realm="", authorization_uri="https://login.microsoftonline.com/"#,
                    r#"common/oauth2/authorize", client_id="api://orders", "#,
                    r#"error_description="The access token was issued before a revocation", "#,
                    r#"error="invalid_token""#
                )
            );
        }
    }
}

#[test]
fn a_request_without_a_token_is_told_no_error() {
    assert_eq!(
        TokenRequired::new("https://idp.example/authorize?x", "api://or,ders").header_value(),
        r#"Bearer realm="", authorization_uri="https://idp.example/authorize", client_id="api://orders""#
    );
}

#[test]
fn a_workload_is_not_told_to_sign_in() {
    let request = request("203.0.113.7");
    for reason in Reason::ALL {
        let decision = decision(Outcome::Challenge, 401, &[reason]);
        let user = token("user");
        let user = Challenge::for_decision(&decision, &user, &request).unwrap();
        assert_eq!(user.error_description, reason.description());
        let workload = token("app");
        let workload = Challenge::for_decision(&decision, &workload, &request).unwrap();
        let wording = workload.error_description.to_ascii_lowercase();
        for word in ["sign-in", "sign in", "interact", "stronger", "password"] {
            assert!(!wording.contains(word), "{wording}");
        }
    }
}

#[test]
fn a_slice_is_filled_exactly_or_not_at_all() {
    let (token, request) = (token("user"), request("203.0.113.7"));
    let challenge = decision(Outcome::Challenge, 401, &[Reason::TokenRevoked]);
    let challenge = Challenge::for_decision(&challenge, &token, &request).unwrap();
    let denial = decision(Outcome::Deny, 401, &[Reason::TokenRevoked]);
    let denial = InvalidToken::for_decision(&denial, &token, &request).unwrap();
    type Write<'a> = &'a dyn Fn(&mut [u8]) -> Result<usize, BufferTooSmall>;
    for (text, write) in [
        (
            challenge.header_value(),
            &(|target: &mut [u8]| challenge.write_into(target)) as Write<'_>,
        ),
        (denial.header_value(), &|target| denial.write_into(target)),
    ] {
        let mut buffer = vec![b'#'; text.len() + 1];
        assert_eq!(write(&mut buffer), Ok(text.len()));
        assert_eq!(buffer, [text.as_bytes(), b"#"].concat());
        buffer.fill(b'#');
        let needed = text.len();
        assert_eq!(
            write(&mut buffer[..needed - 1]),
            Err(BufferTooSmall { needed })
        );
        assert!(buffer.iter().all(|&byte| byte == b'#'));
    }
}

#[test]
fn claims_of_the_host_have_a_limit() {
    let challenge = Challenge::new("https://idp.example", "api", ClaimsDocument::default());
    let fits = json!({"step": "x".repeat(2000)});
    let challenge = challenge
        .with_additional_claims(fits.as_object().unwrap())
        .unwrap();
    assert!(challenge.length() <= Challenge::MAXIMUM_LENGTH);
    let bursts = json!({"step": "x".repeat(2300)});
    let error = challenge
        .with_additional_claims(bursts.as_object().unwrap())
        .unwrap_err();
    assert!(error.length > Challenge::MAXIMUM_LENGTH);
    assert!(error.to_string().contains("3072"), "{error}");
}

proptest! {
    #[test]
    fn without_claims_of_the_host_the_header_is_short(
        uri in ".{0,900}",
        client_id in ".{0,900}",
        description in ".{0,900}",
        not_before in any::<i64>(),
        address in any::<std::net::Ipv6Addr>(),
        context in "[ -~]{0,64}",
    ) {
        let claims = ClaimsDocument {
            not_before: Some(not_before),
            resource_seen_address: Some(address.into()),
            authentication_context: Some(&context),
            additional: None,
        };
        let challenge = Challenge::new(&uri, &client_id, claims).with_description(&description);
        let header = challenge.header_value();
        prop_assert_eq!(challenge.length(), header.len());
        prop_assert!(header.len() < Challenge::USUAL_LENGTH);
        prop_assert!(header.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }
}
