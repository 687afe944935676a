//! What is written, read by parsers that are as strict as those of real clients.
//!
//! Each parser below is the splitting rule of one family of clients, at its strictest, in our
//! own words. They disagree about nearly everything, so a header that all of them read alike
//! is one that no client misreads. The law: all of them find the same claims.

use std::collections::HashMap;
use std::net::IpAddr;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use highwater::challenge::{Challenge, ClaimsDocument};
use proptest::prelude::*;
use serde_json::{Map, Value};

/// Standard alphabet, padding demanded: .NET, Java, Kiota.
fn standard(text: &str) -> Option<Vec<u8>> {
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

/// URL alphabet, whatever the padding: Go.
fn url_safe(text: &str) -> Option<Vec<u8>> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&alphabet::URL_SAFE, config)
        .decode(text)
        .ok()
}

/// Standard alphabet to bytes that become characters one by one, as in a browser.
fn browser(text: &str) -> Option<Vec<u8>> {
    let latin: String = standard(text)?.into_iter().map(char::from).collect();
    Some(latin.into_bytes())
}

/// Go: `", "` separates, `name="value"` with a name of word characters or nothing.
fn go(header: &str) -> Option<Vec<u8>> {
    let mut error = None;
    let mut claims = None;
    for part in header.strip_prefix("Bearer ")?.split(", ") {
        let (name, value) = part.split_once('=')?;
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let value = value.strip_prefix('"')?.strip_suffix('"')?;
        if !name.chars().all(word) || value.contains('"') {
            return None;
        }
        match name {
            "error" => error = Some(value),
            "claims" => claims = Some(value),
            _ => {}
        }
    }
    (error == Some("insufficient_claims")).then(|| url_safe(claims?))?
}

/// JavaScript: cut at every `Bearer `, then at `", `; every value quoted.
fn javascript(header: &str) -> Option<Vec<u8>> {
    let mut pieces = header.split("Bearer ");
    if pieces.next() != Some("") {
        return None;
    }
    let challenge = format!("{}, ", pieces.next()?);
    if pieces.next().is_some() {
        return None;
    }
    let mut values = HashMap::new();
    for part in challenge
        .split("\", ")
        .filter(|part| !part.trim().is_empty())
    {
        let (name, value) = part.split_once("=\"")?;
        values.insert(name, value);
    }
    (*values.get("error")? == "insufficient_claims").then(|| browser(values["claims"]))?
}

/// The samples of the documentation: cut at every comma, then at `=`.
fn sample(header: &str) -> Option<Vec<u8>> {
    let (_, parameters) = header.split_once(' ')?;
    let mut claims = None;
    for part in parameters.split(',') {
        let pieces: Vec<&str> = part.split('=').collect();
        let [name, value] = pieces[..] else {
            return None;
        };
        if name.trim() == "claims" {
            claims = Some(value.trim_matches('"'));
        }
    }
    browser(claims?)
}

/// MSAL for .NET: parameters end at blanks outside quotes, a name twice is an exception, and
/// claims are decoded only if their length is a multiple of four.
fn blanks(header: &str) -> Option<Vec<u8>> {
    let mut values: HashMap<String, String> = HashMap::new();
    let (mut part, mut quoted) = (String::new(), false);
    for character in header.strip_prefix("Bearer ")?.chars().chain([' ']) {
        match character {
            '"' => quoted = !quoted,
            ' ' if !quoted => {
                let (name, value) = part.trim_end_matches(',').split_once('=')?;
                if values.insert(name.to_owned(), value.to_owned()).is_some() {
                    return None;
                }
                part.clear();
                continue;
            }
            _ => {}
        }
        part.push(character);
    }
    let value = |name: &str| Some(values.get(name)?.trim_matches('"'));
    let claims = value("claims")?;
    let decodable = claims.len() % 4 == 0 && !claims.contains(char::is_whitespace);
    (value("error")? == "insufficient_claims" && decodable).then(|| standard(claims))?
}

/// Kiota: cut at commas, take what starts with `claims="`, drop a prefix and the last quote.
fn kiota(header: &str) -> Option<Vec<u8>> {
    let parameters = header.strip_prefix("Bearer ")?;
    let claims = parameters
        .split(',')
        .map(str::trim)
        .find_map(|part| part.strip_prefix("claims=\""))?;
    standard(claims.strip_suffix('"')?)
}

/// C++ and Python: search for `name="` wherever it stands and read up to the next quote.
fn search(header: &str) -> Option<Vec<u8>> {
    let value = |name: &str| {
        let start = header.find(&format!("{name}=\""))? + name.len() + 2;
        Some(&header[start..start + header[start..].find('"')?])
    };
    (value("error")? == "insufficient_claims").then(|| standard(value("claims")?))?
}

type Client = fn(&str) -> Option<Vec<u8>>;
const CLIENTS: [(&str, Client); 7] = [
    ("go", go),
    ("javascript", javascript),
    ("sample", sample),
    ("blanks", blanks),
    ("kiota", kiota),
    ("search", search),
    ("ours", |header| {
        let challenges = highwater::challenge::parse([header]);
        Some(challenges.first()?.claims_text()?.into_bytes())
    }),
];

/// The parsers above are strict enough to be worth something: each refuses a form that the
/// client it stands for is known to refuse.
#[test]
fn the_strict_parsers_are_strict() {
    const CLAIMS: &str = "eyJhY2Nlc3NfdG9rZW4iOnt9fX0g";
    for (client, header) in [
        (
            "go",
            format!(r#"Bearer error="insufficient_claims",claims="{CLAIMS}""#),
        ),
        (
            "go",
            r#"Bearer error="insufficient_claims", claims="/+//""#.to_owned(),
        ),
        (
            "javascript",
            format!(r#"Bearer error=insufficient_claims, claims="{CLAIMS}""#),
        ),
        (
            "sample",
            format!(r#"Bearer error_description="a,b", claims="{CLAIMS}""#),
        ),
        (
            "sample",
            r#"Bearer error="insufficient_claims", claims="eyJ9fQ==""#.to_owned(),
        ),
        (
            "blanks",
            r#"Bearer error="insufficient_claims", claims="eyJ9fQ""#.to_owned(),
        ),
        (
            "blanks",
            format!(r#"Bearer a="", a="", error="insufficient_claims", claims="{CLAIMS}""#),
        ),
        (
            "kiota",
            format!("Bearer error=\"insufficient_claims\", claims={CLAIMS}"),
        ),
        (
            "kiota",
            r#"Bearer error="insufficient_claims", claims="eyJ9fQ""#.to_owned(),
        ),
        (
            "search",
            format!(r#"Bearer error="invalid_token", claims="{CLAIMS}""#),
        ),
    ] {
        let (_, parser) = CLIENTS.iter().find(|(name, _)| *name == client).unwrap();
        assert_eq!(parser(&header), None, "{client}: {header}");
    }
}

proptest! {
    #[test]
    fn every_client_finds_the_same_claims(
        uri in prop_oneof![Just("https://idp.example/authorize?x=1".to_owned()), any::<String>()],
        client_id in prop_oneof![Just("api://a, Bearer claims=\"".to_owned()), any::<String>()],
        description in prop_oneof![
            Just("Bearer error=\"x\", claims=\"y\", Bearer ".to_owned()),
            "(Bearer|error|claims|=|\"|,| |\\PC){0,12}",
        ],
        not_before in any::<i64>(),
        address in any::<Option<IpAddr>>(),
        context in any::<Option<String>>(),
        name in any::<String>(),
        value in "[ -\u{ff}>?~]{0,40}",
    ) {
        let additional: Map<String, Value> = [(name, Value::from(value))].into_iter().collect();
        let claims = ClaimsDocument {
            not_before: Some(not_before),
            resource_seen_address: address,
            authentication_context: context.as_deref(),
            additional: Some(&additional),
        };
        let header = Challenge::new(&uri, &client_id, claims)
            .with_description(&description)
            .header_value();
        for (client, parser) in CLIENTS {
            prop_assert_eq!(
                parser(&header).map(String::from_utf8),
                Some(Ok(claims.to_json())),
                "{}: {}", client, header
            );
        }
    }
}
