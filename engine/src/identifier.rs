//! Identifiers of tenants and of everything inside them.
//!
//! Directory identifiers are GUIDs, and GUIDs are written in either case by the same service on
//! the same day. They are folded once, here, so that no later comparison has to remember it.
//! Everything else (`uti`, `sid`, foreign subjects) is compared byte for byte, as its
//! specification says.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The name of one thing: a user, a session, a tenant, a policy, an application.
///
/// GUIDs are folded to lower case; any other text is kept exactly. Never empty, never longer
/// than [`Identifier::MAXIMUM_LENGTH`] bytes, free of control characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identifier(Arc<str>);

/// The tenant that a subject, a document or a token belongs to: `tid`, or the issuer itself.
pub type TenantId = Identifier;

impl Identifier {
    /// The longest identifier accepted, in bytes.
    pub const MAXIMUM_LENGTH: usize = 2048;

    /// Reads an identifier.
    ///
    /// # Errors
    /// Empty text, text longer than [`Self::MAXIMUM_LENGTH`] and control characters are refused.
    pub fn new(text: &str) -> Result<Identifier, IdentifierError> {
        if text.is_empty() {
            return Err(IdentifierError::Empty);
        }
        if text.len() > Self::MAXIMUM_LENGTH {
            return Err(IdentifierError::TooLong { length: text.len() });
        }
        if text.chars().any(char::is_control) {
            return Err(IdentifierError::ControlCharacter);
        }
        if is_guid(text) && text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Ok(Identifier(text.to_ascii_lowercase().into()));
        }
        Ok(Identifier(text.into()))
    }

    /// The identifier as text, GUIDs in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the text has the form of a GUID, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
    #[must_use]
    pub fn is_guid(&self) -> bool {
        is_guid(&self.0)
    }
}

/// Whether `text` is a GUID in the dashed form of 36 characters.
#[must_use]
pub fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Why a text is no identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentifierError {
    /// The text has no characters.
    #[error("an identifier must not be empty")]
    Empty,
    /// The text is longer than [`Identifier::MAXIMUM_LENGTH`].
    #[error(
        "an identifier must not be longer than {} bytes, this one has {length}",
        Identifier::MAXIMUM_LENGTH
    )]
    TooLong {
        /// The length found, in bytes.
        length: usize,
    },
    /// The text has a control character.
    #[error("an identifier must not contain control characters")]
    ControlCharacter,
}

impl fmt::Display for Identifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, formatter)
    }
}

impl Borrow<str> for Identifier {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Identifier {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Identifier {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Identifier::new(text)
    }
}

impl Serialize for Identifier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Identifier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Identifier::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_are_folded_and_other_text_is_not() {
        let guid = Identifier::new("A1B2C3D4-0000-4000-8000-ABCDEFABCDEF").unwrap();
        assert_eq!(guid.as_str(), "a1b2c3d4-0000-4000-8000-abcdefabcdef");
        assert_eq!(AsRef::<str>::as_ref(&guid), guid.as_str());
        assert!(guid.is_guid());
        let token = Identifier::new("AbC_dEf-1").unwrap();
        assert_eq!(token.as_str(), "AbC_dEf-1");
        assert!(!token.is_guid());
    }

    #[test]
    fn empty_oversized_and_control_text_is_refused() {
        assert_eq!(Identifier::new(""), Err(IdentifierError::Empty));
        assert_eq!(
            Identifier::new("a\nb"),
            Err(IdentifierError::ControlCharacter)
        );
        let long = "x".repeat(Identifier::MAXIMUM_LENGTH + 1);
        assert_eq!(
            Identifier::new(&long),
            Err(IdentifierError::TooLong {
                length: Identifier::MAXIMUM_LENGTH + 1
            })
        );
        assert!(Identifier::new(&long[1..]).is_ok());
    }
}
