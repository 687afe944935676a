//! One challenge that was read, and the claims that it asks for.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

/// Any padding, and whatever a careless encoder left in the unused bits.
const TOLERANT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// One challenge of a `WWW-Authenticate` header, as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParsedChallenge {
    /// The scheme; empty if parameters came without one.
    pub scheme: String,
    /// What stands behind the scheme instead of parameters.
    pub token68: Option<String>,
    /// Names in lower case, values without quotes and escapes, in the order in which they came.
    pub parameters: Vec<(String, String)>,
}

impl ParsedChallenge {
    /// The first parameter of this name, in any case.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// `error`.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.parameter("error")
    }

    /// `error_description`, which older servers spell `errorDescription`.
    #[must_use]
    pub fn error_description(&self) -> Option<&str> {
        self.parameter("error_description")
            .or_else(|| self.parameter("errorDescription"))
    }

    /// Whether this is a claims challenge as it is specified: `Bearer`, `insufficient_claims`,
    /// and claims that can be read.
    #[must_use]
    pub fn is_claims_challenge(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("Bearer")
            && self
                .error()
                .is_some_and(|error| error.eq_ignore_ascii_case("insufficient_claims"))
            && self.claims().is_some()
    }

    /// The claims document as text; `None` if there is none or its encoding is unknown.
    ///
    /// Understands base64 and base64url with and without padding, JSON as it is or with
    /// escaped quotes, and either of these percent-encoded. The text is not necessarily JSON:
    /// see [`ParsedChallenge::claims`].
    #[must_use]
    pub fn claims_text(&self) -> Option<String> {
        let value = self.parameter("claims")?.trim();
        if value.is_empty() {
            return None;
        }
        let value = percent_decoded(value)?;
        if value.starts_with('{') {
            let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&value).is_ok();
            return Some(match is_json {
                false if value.contains("\\\"") => value.replace("\\\"", "\""),
                _ => value.into_owned(),
            });
        }
        let standard: String = value
            .chars()
            .filter(|character| !character.is_ascii_whitespace())
            .map(|character| match character {
                '-' => '+',
                '_' => '/',
                other => other,
            })
            .collect();
        let decoded = TOLERANT.decode(standard.trim_end_matches('=')).ok()?;
        String::from_utf8(decoded).ok()
    }

    /// The claims document, if it is a JSON object.
    #[must_use]
    pub fn claims(&self) -> Option<Map<String, Value>> {
        serde_json::from_str(&self.claims_text()?).ok()
    }

    pub(super) fn is_bare(&self) -> bool {
        self.token68.is_none() && self.parameters.is_empty()
    }
}

/// `value` with `%XX` decoded; `None` if that is no text.
fn percent_decoded(value: &str) -> Option<Cow<'_, str>> {
    // Raw JSON may well contain a percent sign that means itself.
    if value.starts_with('{') || !value.contains('%') {
        return Some(Cow::Borrowed(value));
    }
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    let bytes = value.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut position = 0;
    while let Some(&byte) = bytes.get(position) {
        let digits = (
            digit(bytes.get(position + 1)),
            digit(bytes.get(position + 2)),
        );
        match (byte, digits) {
            (b'%', (Some(high), Some(low))) => {
                decoded.extend(u8::try_from(high * 16 + low));
                position += 3;
            }
            _ => {
                decoded.push(byte);
                position += 1;
            }
        }
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests;
