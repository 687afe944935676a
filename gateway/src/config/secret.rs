//! Secrets: named in the configuration, never written in it.
//!
//! A configuration is copied, reviewed and committed; a secret must not be. So a secret is the
//! name of a file or of an environment variable, and text in its place is an error. Files are
//! read each time the secret is needed, so that a rotated one is taken without a restart.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

/// How the error about a secret that is written in the configuration begins.
pub(super) const MISPLACED: &str = "a secret does not belong here";

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// The content of a file, without the line end that editors add.
    File(PathBuf),
    /// An environment variable of the gateway.
    Environment(String),
}

/// A secret. Its debug form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// A secret that somebody gave us; `None` if no header could carry it.
    pub(crate) fn received(text: String) -> Option<Secret> {
        let is_sendable = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_sendable.then_some(Secret(text))
    }

    /// The secret itself: for headers and bodies that go to whoever shares it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

/// Why a secret cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// The file.
    #[error("cannot read the secret in `{}`: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The variable.
    #[error("the environment variable `{0}` is not set, or not as text")]
    Environment(String),
    /// Nothing in it.
    #[error("the secret in {0} is empty")]
    Empty(String),
    /// It could not be sent.
    #[error("the secret in {0} has characters that no header can carry")]
    Unsendable(String),
}

impl SecretSource {
    /// Reads the secret. Paths start at `folder`.
    pub(crate) fn read(&self, folder: &Path) -> Result<Secret, SecretError> {
        let (text, place) = match self {
            SecretSource::File(path) => {
                let path = folder.join(path);
                let place = format!("`{}`", path.display());
                let text = std::fs::read_to_string(&path)
                    .map_err(|source| SecretError::File { path, source })?;
                (text, place)
            }
            SecretSource::Environment(name) => (
                std::env::var(name).map_err(|_| SecretError::Environment(name.clone()))?,
                format!("the environment variable `{name}`"),
            ),
        };
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(SecretError::Empty(place));
        }
        if text.chars().any(char::is_control) {
            return Err(SecretError::Unsendable(place));
        }
        Ok(Secret(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SecretSource, D::Error> {
        deserializer.deserialize_any(SourceVisitor)
    }
}

struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = SecretSource;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("{ file = \"…\" } or { env = \"…\" }")
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<SecretSource, E> {
        // The text is not repeated: it is a secret.
        Err(E::custom(format!(
            "{MISPLACED}; name its place with {{ file = \"…\" }} or {{ env = \"…\" }}"
        )))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SecretSource, A::Error> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Place {
            file: Option<PathBuf>,
            env: Option<String>,
        }
        let place = Place::deserialize(MapAccessDeserializer::new(map))?;
        match (place.file, place.env) {
            (Some(path), None) => Ok(SecretSource::File(path)),
            (None, Some(name)) => Ok(SecretSource::Environment(name)),
            _ => Err(de::Error::custom(
                "name one place of the secret: { file = \"…\" } or { env = \"…\" }",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Section {
        secret: SecretSource,
    }

    #[track_caller]
    fn read(text: &str) -> Result<SecretSource, String> {
        toml::from_str::<Section>(text)
            .map(|section| section.secret)
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_secret_is_a_place_and_never_the_text_itself() {
        assert_eq!(
            read(r#"secret = { file = "a" }"#).unwrap(),
            SecretSource::File(PathBuf::from("a"))
        );
        assert_eq!(
            read(r#"secret = { env = "A" }"#).unwrap(),
            SecretSource::Environment("A".to_owned())
        );
        let error = read(r#"secret = "hunter2""#).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(error.contains("file"), "{error}");
        for text in [
            r#"secret = {}"#,
            r#"secret = { fiel = "a" }"#,
            r#"secret = { file = "a", env = "b" }"#,
            "secret = 1",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn files_are_read_without_their_line_end_and_again_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let source = SecretSource::File(PathBuf::from("secret"));
        assert!(source.read(folder.path()).is_err());
        for (content, expected) in [
            ("one\r\n", Some("one")),
            ("two", Some("two")),
            ("\n", None),
            ("a\nb", None),
        ] {
            std::fs::write(&path, content).unwrap();
            let read = source.read(folder.path());
            assert_eq!(read.as_ref().ok().map(Secret::expose), expected, "{read:?}");
        }
    }
}
