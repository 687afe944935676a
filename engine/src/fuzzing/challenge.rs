//! Challenges: reading never fails or grows, and what is written is read back.

use serde_json::{Map, Value};

use super::Input;
use crate::challenge::{Challenge, ClaimsDocument, parse};

/// Any header lines, separated by NUL.
pub fn challenge_parse(bytes: &[u8]) {
    let challenges = parse(bytes.split(|&byte| byte == 0));
    let mut read = 0;
    for challenge in &challenges {
        read += challenge.scheme.len() + challenge.token68.as_ref().map_or(0, String::len);
        for (name, value) in &challenge.parameters {
            read += name.len() + value.len();
            assert!(!name.bytes().any(|byte| byte.is_ascii_uppercase()));
            assert!(challenge.parameter(&name.to_ascii_uppercase()).is_some());
        }
        let _ = (challenge.claims_text(), challenge.error_description());
        let Some(claims) = challenge.claims() else {
            assert!(!challenge.is_claims_challenge());
            continue;
        };
        // Whatever was asked for can be asked for again in the one form.
        if let Some(Value::Object(members)) = claims.get("access_token") {
            round_trip("https://idp.example", "api", "again", members);
        }
    }
    // A byte that is no UTF-8 becomes three, and nothing else grows.
    assert!(read <= 3 * bytes.len());
}

/// Any values for a challenge.
pub fn challenge_round_trip(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (uri, client_id, description) = (input.text(), input.text(), input.text());
    let mut members = Map::new();
    while !input.is_empty() {
        let (name, value) = (input.text(), input.text());
        let value = serde_json::from_str(&value).unwrap_or(Value::from(value));
        members.insert(name, value);
    }
    round_trip(&uri, &client_id, &description, &members);
}

fn round_trip(uri: &str, client_id: &str, description: &str, members: &Map<String, Value>) {
    let claims = ClaimsDocument {
        additional: Some(members),
        ..ClaimsDocument::default()
    };
    let challenge = Challenge::new(uri, client_id, claims).with_description(description);
    let header = challenge.header_value();
    assert!(header.bytes().all(|byte| matches!(byte, b' '..=b'~')));
    assert_eq!(header.matches("Bearer ").count(), 1);
    assert_eq!(header.matches(", ").count(), 5);

    let mut buffer = vec![0; header.len()];
    assert_eq!(challenge.write_into(&mut buffer), Ok(header.len()));
    assert_eq!(buffer, header.as_bytes());

    let read = parse([&header]);
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].parameters.len(), 6);
    let json = claims.to_json();
    assert_eq!(read[0].claims_text().as_deref(), Some(json.as_str()));
    // Numbers beyond 64 bits are read as the nearest floating-point number: compare as read.
    let expected: Option<Map<String, Value>> = serde_json::from_str(&json).ok();
    assert_eq!(read[0].claims(), expected);
}
