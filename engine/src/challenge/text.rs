//! Values that no client can misread.
//!
//! Some clients split at every comma, some at every `=`, some at `Bearer ` wherever it stands,
//! and none agree on escapes. So nothing that would need an escape, or could be taken for
//! structure, is ever inside a value.

use std::fmt::{self, Write};

/// The longest `authorization_uri` written; a longer one is left empty.
const MAXIMUM_URI: usize = 512;
/// The longest `client_id` written; a longer one is left empty.
const MAXIMUM_CLIENT_ID: usize = 256;
/// Where a description is cut.
const MAXIMUM_DESCRIPTION: usize = 256;

fn is_safe(character: char) -> bool {
    matches!(character, '!'..='~') && !matches!(character, ',' | '"' | '\\' | '=')
}

/// The URI without query and fragment; characters that are unsafe or no part of a URI are
/// percent-encoded, which does not change what it names.
pub(super) fn write_uri(target: &mut impl Write, uri: &str) -> fmt::Result {
    let uri = uri.split(['?', '#']).next().unwrap_or_default();
    let length: usize = uri.chars().map(encoded_length).sum();
    if length > MAXIMUM_URI {
        // A shortened URI would be another URI.
        return Ok(());
    }
    for character in uri.chars() {
        if is_safe(character) {
            target.write_char(character)?;
        } else {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                write!(target, "%{byte:02X}")?;
            }
        }
    }
    Ok(())
}

fn encoded_length(character: char) -> usize {
    if is_safe(character) {
        1
    } else {
        3 * character.len_utf8()
    }
}

/// The safe characters of a client id, which may be a URI.
pub(super) fn write_client_id(target: &mut impl Write, client_id: &str) -> fmt::Result {
    let safe = || client_id.chars().filter(|&character| is_safe(character));
    if safe().count() > MAXIMUM_CLIENT_ID {
        return Ok(());
    }
    safe().try_for_each(|character| target.write_char(character))
}

/// The safe characters and blanks of a description; `Bearer` is never followed by a blank.
pub(super) fn write_description(target: &mut impl Write, text: &str) -> fmt::Result {
    const SCHEME: &[u8; 6] = b"bearer";
    let mut recent = [0; SCHEME.len()];
    let characters = text
        .chars()
        .filter(|&character| character == ' ' || is_safe(character));
    for character in characters.take(MAXIMUM_DESCRIPTION) {
        let character = match character {
            ' ' if recent == *SCHEME => '-',
            other => other,
        };
        target.write_char(character)?;
        recent.rotate_left(1);
        // INVARIANT: safe characters and blanks are ASCII.
        recent[SCHEME.len() - 1] = (character as u8).to_ascii_lowercase();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
        let mut text = String::new();
        write(&mut text).unwrap();
        text
    }

    #[test]
    fn what_would_be_too_long_is_left_out() {
        let uri = |text: &str| written(|target| write_uri(target, text));
        // An umlaut is two bytes, and each of them three characters.
        let umlauts = "\u{fc}".repeat(MAXIMUM_URI / 6);
        let rest = "a".repeat(MAXIMUM_URI % 6);
        assert_eq!(uri(&format!("{umlauts}{rest}")).len(), MAXIMUM_URI);
        assert_eq!(uri(&format!("{umlauts}{rest}a")), "");
        let client = |length: usize| {
            let id = "a".repeat(length);
            written(|target| write_client_id(target, &id)).len()
        };
        assert_eq!(client(MAXIMUM_CLIENT_ID), MAXIMUM_CLIENT_ID);
        assert_eq!(client(MAXIMUM_CLIENT_ID + 1), 0);
    }

    #[test]
    fn a_uri_loses_its_query_and_keeps_its_meaning() {
        for (uri, expected) in [
            (
                "https://idp.example/a?b=c,d",
                "https://idp.example/a".to_owned(),
            ),
            ("https://idp.example/#x", "https://idp.example/".to_owned()),
            (
                "https://idp.example/a,b \"ü\n",
                "https://idp.example/a%2Cb%20%22%C3%BC%0A".to_owned(),
            ),
            (&"a".repeat(512), "a".repeat(512)),
            (&"a".repeat(513), String::new()),
        ] {
            assert_eq!(written(|target| write_uri(target, uri)), expected);
        }
    }

    #[test]
    fn a_client_id_keeps_only_safe_characters() {
        for (client_id, expected) in [
            ("api://a1b2/x,y\"\\ =", "api://a1b2/xy".to_owned()),
            (&"a".repeat(257), String::new()),
        ] {
            assert_eq!(
                written(|target| write_client_id(target, client_id)),
                expected
            );
        }
    }

    #[test]
    fn a_description_cannot_look_like_a_challenge() {
        for (text, expected) in [
            ("Too old", "Too old"),
            (
                "no, \"really\\\" Bea,rer claims=\r\nx",
                "no really Bearer-claimsx",
            ),
            ("BEARER  x", "BEARER- x"),
        ] {
            assert_eq!(written(|target| write_description(target, text)), expected);
        }
    }
}
