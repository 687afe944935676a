//! Subject identifiers: RFC 9493, the additions of SSF 1.0, and what the field sends instead.
//!
//! A subject identifier says how something is named, not what kind of thing it is. Which token
//! it means is decided later, with the transmitter's configuration and the directory.

mod matching;
mod parse;

pub use matching::matches;
pub use parse::{Spelling, SubjectError};

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A subject identifier.
#[derive(Clone, Debug, PartialEq)]
pub enum SubjectId {
    /// One name.
    Simple(Name),
    /// Several names of the same thing; any one of them is enough.
    Aliases(Vec<Name>),
    /// One principal, described by every member.
    Complex(BTreeMap<String, SubjectId>),
}

/// One name of one thing, in one of the registered formats.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "format", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Name {
    /// `account`: an `acct:` URI.
    Account {
        /// The URI.
        uri: String,
    },
    /// `email`: an address, its domain in lower case.
    Email {
        /// The address.
        email: String,
    },
    /// `iss_sub`: a subject at an issuer.
    IssSub {
        /// The issuer.
        iss: String,
        /// The subject.
        sub: String,
    },
    /// `opaque`: an agreed name without structure.
    Opaque {
        /// The name.
        id: String,
    },
    /// `phone_number`: in E.164, without the spaces that people put in.
    PhoneNumber {
        /// The number.
        phone_number: String,
    },
    /// `did`: a decentralised identifier URL.
    Did {
        /// The URL.
        url: String,
    },
    /// `uri`: any URI.
    Uri {
        /// The URI.
        uri: String,
    },
    /// `jwt_id`: a token by its issuer and `jti`.
    JwtId {
        /// The issuer.
        iss: String,
        /// The token's `jti`.
        jti: String,
    },
    /// `saml_assertion_id`: an assertion by its issuer and id. The member is `issuer`, not `iss`.
    SamlAssertionId {
        /// The issuer.
        issuer: String,
        /// The assertion's id.
        assertion_id: String,
    },
    /// `ip-addresses`: the addresses at which something was seen.
    #[serde(rename = "ip-addresses")]
    IpAddresses {
        /// The addresses, compared as addresses, not as text.
        #[serde(rename = "ip-addresses")]
        addresses: Vec<IpAddr>,
    },
    /// `scim` (RFC 9967): a SCIM resource.
    Scim {
        /// The resource's URI or path, `/Users/…`.
        uri: String,
        /// The name that the SCIM client gave it.
        #[serde(
            default,
            rename = "externalId",
            skip_serializing_if = "Option::is_none"
        )]
        external_id: Option<String>,
    },
    /// A token known by part of itself or its hash (`oauth_token` of Google's RISC dialect).
    OauthToken {
        /// What kind of token.
        token_type: String,
        /// How `token` was made from the token.
        token_identifier_alg: String,
        /// The prefix, hash or plain token.
        token: String,
    },
    /// A format that was not agreed on: it names nothing that we can find.
    #[serde(skip)]
    Unknown {
        /// The value of `format`.
        format: String,
    },
}

impl Name {
    /// The registered name of the format.
    #[must_use]
    pub fn format(&self) -> &str {
        match self {
            Name::Account { .. } => "account",
            Name::Email { .. } => "email",
            Name::IssSub { .. } => "iss_sub",
            Name::Opaque { .. } => "opaque",
            Name::PhoneNumber { .. } => "phone_number",
            Name::Did { .. } => "did",
            Name::Uri { .. } => "uri",
            Name::JwtId { .. } => "jwt_id",
            Name::SamlAssertionId { .. } => "saml_assertion_id",
            Name::IpAddresses { .. } => "ip-addresses",
            Name::Scim { .. } => "scim",
            Name::OauthToken { .. } => "oauth_token",
            Name::Unknown { format } => format,
        }
    }

    /// An e-mail address in the form in which addresses are compared: the domain does not care
    /// for case, the part before it may.
    #[must_use]
    pub fn email(address: &str) -> Name {
        let email = match address.rsplit_once('@') {
            Some((local, domain)) => format!("{local}@{}", domain.to_ascii_lowercase()),
            None => address.to_owned(),
        };
        Name::Email { email }
    }

    /// A telephone number in E.164 form: what people put between the digits is dropped.
    #[must_use]
    pub fn phone_number(number: &str) -> Name {
        Name::PhoneNumber {
            phone_number: number
                .chars()
                .filter(|character| !matches!(character, ' ' | '-' | '(' | ')' | '.' | '\u{a0}'))
                .collect(),
        }
    }

    /// Whether the name may one day belong to somebody else.
    #[must_use]
    pub fn is_reusable(&self) -> bool {
        matches!(
            self,
            Name::Email { .. }
                | Name::PhoneNumber { .. }
                | Name::Account { .. }
                | Name::IpAddresses { .. }
        )
    }
}

impl SubjectId {
    /// The identifier in the form of RFC 9493 and SSF 1.0, whatever form it was read from.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match self {
            SubjectId::Simple(Name::Unknown { format }) => json!({ "format": format }),
            SubjectId::Simple(name) => serde_json::to_value(name).unwrap_or(Value::Null),
            SubjectId::Aliases(names) => json!({
                "format": "aliases",
                "identifiers": names,
            }),
            SubjectId::Complex(members) => {
                let mut object = Map::new();
                object.insert("format".to_owned(), json!("complex"));
                for (name, member) in members {
                    object.insert(name.clone(), member.to_value());
                }
                Value::Object(object)
            }
        }
    }

    /// A complex subject of the given members.
    #[must_use]
    pub fn complex<const N: usize>(members: [(&str, Name); N]) -> SubjectId {
        SubjectId::Complex(
            members
                .into_iter()
                .map(|(name, member)| (name.to_owned(), SubjectId::Simple(member)))
                .collect(),
        )
    }
}

impl From<Name> for SubjectId {
    fn from(name: Name) -> SubjectId {
        SubjectId::Simple(name)
    }
}
