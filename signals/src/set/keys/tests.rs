//! Which key may have signed, when it is asked for again, and what is no key at all.

use super::*;

const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"YJ0AaXbOH8wcB1FLXiqXj2zGSfciIb_-x-i9B5Ica7Q","y":"bll4Myk4oui5P8kCzaMzgxlEV9q7tECVcpcVACJzWNU""#;

fn set(members: &[&str]) -> KeySet {
    let keys: Vec<String> = members
        .iter()
        .map(|member| format!("{P256}{member}}}"))
        .collect();
    KeySet::parse(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes()).unwrap()
}

#[test]
fn a_key_is_found_by_name_and_only_for_its_algorithm() {
    let keys = set(&[r#","kid":"a""#, r#","kid":"b","alg":"ES256""#]);
    assert!(matches!(
        keys.find(Some("a"), Algorithm::ES256),
        KeyLookup::Found(_)
    ));
    assert!(matches!(
        keys.find(Some("a"), Algorithm::RS256),
        KeyLookup::Unfit
    ));
    assert!(matches!(
        keys.find(Some("c"), Algorithm::ES256),
        KeyLookup::Unknown
    ));
    assert!(matches!(
        keys.find(None, Algorithm::ES256),
        KeyLookup::Unknown
    ));
    assert!(matches!(
        set(&[""]).find(None, Algorithm::ES256),
        KeyLookup::Found(_)
    ));
    assert!(
        matches!(set(&[""]).find(None, Algorithm::RS256), KeyLookup::Unknown),
        "no key was named that could be unfit"
    );
}

#[test]
fn a_key_is_shown_by_its_name_and_kind() {
    let keys = set(&[r#","kid":"a""#]);
    let shown = format!("{:?}", keys.keys[0]);
    assert_eq!(shown, r#"PublicKey { id: Some("a"), kind: P256, .. }"#);
}

#[test]
fn a_key_is_the_same_only_under_the_same_name() {
    let sets = [
        set(&[r#","kid":"a","issuer":"https://idp.example/{tenantid}""#]),
        set(&[r#","issuer":"https://idp.example/{tenantid}","kid":"a""#]),
        set(&[r#","kid":"b","issuer":"https://idp.example/{tenantid}""#]),
        set(&[r#","kid":"a""#]),
    ];
    let [first, same, renamed, other] = sets.each_ref().map(|set| &set.keys[0]);
    assert_eq!(first.issuer(), Some("https://idp.example/{tenantid}"));
    assert_eq!(first.identity(), same.identity());
    assert_ne!(first.identity(), renamed.identity());
    assert_ne!(first.identity(), other.identity());
}

#[test]
fn keys_for_other_purposes_are_left_out_and_listed() {
    let document = format!(
        r#"{{"keys":[{P256},"use":"enc"}},{P256},"alg":"ES384"}},{{"kty":"oct","k":"c2VjcmV0"}},
            {{"kty":"RSA","n":"AQAB","e":"AQAB"}},{P256},"key_ops":["sign"]}},{P256}}}]}}"#
    );
    let keys = KeySet::parse(document.as_bytes()).unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys.skipped().len(), 5);
    let usable = set(&[r#","kid":"a""#, r#","kid":"b","use":"enc""#, ""]);
    let names: Vec<_> = usable.keys().map(PublicKey::id).collect();
    assert_eq!(names, [Some("a"), None]);
    assert!(KeySet::parse(b"{}").is_err());
    assert!(KeySet::parse(b"[").is_err());
}

#[test]
fn a_modulus_counts_from_its_first_bit() {
    let read = |modulus: &[u8]| {
        let key = serde_json::json!({"keys": [
            {"kty": "RSA", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode(modulus)}]});
        KeySet::parse(key.to_string().as_bytes()).unwrap().len()
    };
    let beginning_with = |first: u8| {
        let mut modulus = [1; 256];
        modulus[0] = first;
        modulus
    };
    assert_eq!(read(&beginning_with(0x80)), 1, "2048 bits");
    assert_eq!(read(&beginning_with(0x7f)), 0, "2047 bits");
    assert_eq!(read(&beginning_with(0)), 0, "zeros in front");
    assert_eq!(read(&[0; 256]), 0, "zeros only");
    let padded = [&[0; 8][..], &beginning_with(0x80)].concat();
    assert_eq!(read(&padded), 1, "zeros in front of enough");
}

#[test]
fn a_key_set_is_read_up_to_its_longest() {
    let mut document = format!(r#"{{"keys":[{P256}}}]}}"#).into_bytes();
    document.resize(1_048_576, b' ');
    assert_eq!(KeySet::parse(&document).unwrap().len(), 1);
    document.push(b' ');
    assert!(matches!(
        KeySet::parse(&document),
        Err(KeyError::TooLong { length }) if length == MAXIMUM_JWKS_BYTES + 1
    ));
}

#[test]
fn an_unknown_key_asks_again_but_not_at_a_strangers_pace() {
    let at = Timestamp::from_seconds;
    let mut keys = Keys::fetched(RefreshPolicy::default());
    assert!(keys.begin(at(0)));
    keys.finish(Err(KeyError::NoKeys), at(1));
    assert_eq!(
        keys.unknown_key(at(0)),
        None,
        "unreachable keys are transient"
    );
    assert!(!keys.begin(at(30)));
    assert!(keys.begin(at(60)));
    assert_eq!(keys.unknown_key(at(60)), None, "the answer is on its way");
    keys.finish(Ok(KeySet::default()), at(61));
    assert_eq!(
        keys.unknown_key(at(60)).unwrap().code,
        ErrorCode::InvalidKey
    );
    assert_eq!(
        keys.unknown_key(at(70)),
        None,
        "the key may have been published since"
    );
    assert_eq!(keys.next_attempt_seconds(at(70)), 50);
    assert!(!keys.is_due(at(200)));
    assert!(keys.is_due(at(61 + 12 * 3600)));
    assert!(!Keys::fixed(KeySet::default()).begin(at(1_000_000)));
}

#[test]
fn keys_are_fetched_as_often_as_the_policy_says() {
    let at = Timestamp::from_seconds;
    let mut keys = Keys::fetched(RefreshPolicy {
        minimum_interval_seconds: 10,
        maximum_age_seconds: 100,
    });
    assert!(keys.begin(at(0)));
    keys.finish(Ok(KeySet::default()), at(0));
    assert_eq!((keys.begin(at(9)), keys.is_due(at(99))), (false, false));
    assert_eq!((keys.is_due(at(100)), keys.begin(at(10))), (true, true));
}

#[test]
fn a_transmitter_is_unreachable_until_its_keys_are_there_and_when_a_fetch_failed() {
    let at = Timestamp::from_seconds;
    let mut keys = Keys::fetched(RefreshPolicy::default());
    assert!(keys.is_unreachable());
    keys.finish(Ok(KeySet::default()), at(0));
    assert!(!keys.is_unreachable());
    keys.finish(Err(KeyError::NoKeys), at(60));
    assert!(keys.is_unreachable());
    assert!(keys.current().is_some(), "what is known is kept");
    keys.finish(Ok(KeySet::default()), at(120));
    assert!(!keys.is_unreachable());
    assert!(!Keys::fixed(KeySet::default()).is_unreachable());
}
