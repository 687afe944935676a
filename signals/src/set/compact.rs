//! The outside of a token: three parts, a header, a payload, nothing believed yet.
//!
//! Everything that can be refused without a key is refused here, in the order of cost.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::Algorithm;
use crate::refusal::{ErrorCode, Refusal};

/// The longest token accepted, in bytes. Real ones have about one thousand.
pub const MAXIMUM_SET_BYTES: usize = 64 * 1024;

/// A compact JWS, taken apart.
#[derive(Clone, Debug)]
pub struct Compact<'a> {
    /// What the signature covers: the first two parts and the dot between them.
    pub signing_input: &'a str,
    /// The third part, still in base64url.
    pub signature: &'a str,
    /// The protected header.
    pub header: Header,
    /// The payload: the bytes of a claims set, not yet read.
    pub payload: Vec<u8>,
}

/// The members of the protected header that matter to a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The signature algorithm.
    pub algorithm: Algorithm,
    /// The name of the key.
    pub key_id: Option<String>,
    /// The media type, as written.
    pub media_type: Option<String>,
}

#[derive(Deserialize)]
struct WireHeader {
    alg: Option<String>,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<serde_json::Value>,
    // A nested token is not a SET; `b64: false` is covered by `crit`.
    cty: Option<String>,
}

impl Header {
    /// Reads the JSON of a protected header.
    ///
    /// # Errors
    /// No JSON object, an `alg` that no asymmetric signature has, extensions that must be
    /// understood and are not.
    pub fn parse(json: &[u8]) -> Result<Header, Refusal> {
        let wire: WireHeader = serde_json::from_slice(json)
            .map_err(|_| Refusal::invalid_request("the token's header is not a JSON object"))?;
        if wire.crit.is_some() {
            return Err(Refusal::invalid_request(
                "the header marks an extension as critical that this receiver does not know",
            ));
        }
        if wire
            .cty
            .is_some_and(|media_type| media_type.eq_ignore_ascii_case("jwt"))
        {
            return Err(Refusal::invalid_request("nested tokens are not accepted"));
        }
        let algorithm = wire
            .alg
            .as_deref()
            .and_then(Algorithm::from_name)
            .ok_or_else(|| {
                Refusal::invalid_request("the token is not signed with an accepted algorithm")
            })?;
        Ok(Header {
            algorithm,
            key_id: wire.kid.filter(|kid| !kid.is_empty()),
            media_type: wire.typ,
        })
    }

    /// Whether `typ` says that this is a Security Event Token. The `application/` prefix is
    /// optional and media types do not care for case.
    #[must_use]
    pub fn says_security_event(&self) -> bool {
        self.media_type.as_deref().is_some_and(is_security_event)
    }
}

/// Whether a `typ` or a content type (without parameters) is that of a Security Event Token.
///
/// An access-token validator refuses what this accepts (RFC 8417 section 4.2).
#[must_use]
pub fn is_security_event(media_type: &str) -> bool {
    let media_type = media_type.trim();
    let bare = match media_type.get(..12) {
        Some(prefix) if prefix.eq_ignore_ascii_case("application/") => &media_type[12..],
        _ => media_type,
    };
    bare.eq_ignore_ascii_case("secevent+jwt")
}

impl<'a> Compact<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// Too long, not three parts, not base64url, no usable header.
    pub fn parse(body: &'a [u8]) -> Result<Compact<'a>, Refusal> {
        if body.len() > MAXIMUM_SET_BYTES {
            return Err(Refusal::invalid_request(format!(
                "the token is longer than {MAXIMUM_SET_BYTES} bytes"
            )));
        }
        let not_compact = || Refusal::invalid_request("the body is not a compact JWS");
        let text = std::str::from_utf8(body).map_err(|_| not_compact())?;
        // A line end after the token is harmless and common; anything else is not.
        let text = text.trim_end_matches(['\r', '\n']);
        let (signing_input, signature) = text.rsplit_once('.').ok_or_else(not_compact)?;
        let (header, payload) = signing_input.split_once('.').ok_or_else(not_compact)?;
        if payload.contains('.') {
            return Err(Refusal::invalid_request(
                "the body is not a compact JWS of three parts; encrypted tokens are not accepted",
            ));
        }
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| not_compact())?;
        let header = Header::parse(&header)?;
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| not_compact())?;
        if signature.is_empty() {
            return Err(Refusal::new(
                ErrorCode::AuthenticationFailed,
                "the token is not signed",
            ));
        }
        Ok(Compact {
            signing_input,
            signature,
            header,
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str) -> String {
        format!(
            "{}.{}.c2ln",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode("{}")
        )
    }

    #[track_caller]
    fn refused(header: &str) -> Refusal {
        Compact::parse(token(header).as_bytes()).unwrap_err()
    }

    #[test]
    fn a_signed_event_token_is_taken_apart() {
        let text = token(r#"{"alg":"ES256","kid":"k","typ":"application/SecEvent+JWT","x":1}"#);
        let compact = Compact::parse(text.as_bytes()).unwrap();
        assert_eq!(compact.header.algorithm, Algorithm::ES256);
        assert!(compact.header.says_security_event());
        assert_eq!(compact.signature, "c2ln");
        assert!(Compact::parse(format!("{text}\n").as_bytes()).is_ok());
        assert!(Compact::parse(format!(" {text}").as_bytes()).is_err());
    }

    #[test]
    fn symmetric_and_absent_signatures_have_no_name_here() {
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"NONE"}"#,
            r#"{"alg":"HS256"}"#,
            r#"{"alg":"rs256"}"#,
            r#"{"alg":null}"#,
            r"{}",
            r"[]",
            r#"{"alg":"RS256","crit":["b64"],"b64":false}"#,
            r#"{"alg":"RS256","alg":"none"}"#,
        ] {
            assert_eq!(refused(header).code, ErrorCode::InvalidRequest, "{header}");
        }
    }

    #[test]
    fn size_parts_and_alphabet_are_checked() {
        let long = vec![b'a'; MAXIMUM_SET_BYTES + 1];
        for body in [
            long.as_slice(),
            b"",
            b"a.b",
            b"a.b.c.d",
            b"a.b.c.d.e",
            b"?.e30.x",
            b"\xff.e30.x",
        ] {
            assert!(Compact::parse(body).is_err());
        }
    }

    #[test]
    fn a_token_is_read_up_to_its_longest() {
        let mut longest = token(r#"{"alg":"ES256"}"#);
        longest.extend(std::iter::repeat_n('a', 65_536 - longest.len()));
        assert!(Compact::parse(longest.as_bytes()).is_ok());
        longest.push('a');
        let refusal = Compact::parse(longest.as_bytes()).unwrap_err();
        assert!(refusal.description.contains("longer than"), "{refusal}");
    }

    #[test]
    fn other_media_types_are_told_apart() {
        for other in ["at+jwt", "JWT", "logout+jwt", "application/jwt", ""] {
            assert!(!is_security_event(other), "{other}");
        }
    }
}
