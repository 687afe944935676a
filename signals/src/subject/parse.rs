//! Subject identifiers read from JSON, in the final spelling and in those of earlier drafts.
//!
//! Members that a format does not describe are ignored (SSF 1.0 section 4.2.3 over RFC 9493).
//! A member that it requires and that is missing or empty is an error: a subject that names
//! nothing must not match something.

use serde_json::{Map, Value};

use super::{Name, SubjectId};

/// Which spellings are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// RFC 9493 and SSF 1.0, and `phone`, which SSF's own figures use for `phone_number`.
    Final,
    /// Also `subject_type` for `format`, hyphens for underscores, complex subjects without
    /// `format`, and `id_token_claims`.
    Legacy,
}

/// Why a JSON object is no subject identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at `{path}`)")]
pub struct SubjectError {
    /// JSON Pointer below the subject.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl SubjectError {
    fn at(path: &str, message: impl Into<String>) -> SubjectError {
        SubjectError {
            path: path.to_owned(),
            message: message.into(),
        }
    }
}

/// Names of complex members that earlier drafts and Okta send without `format: "complex"`.
const COMPLEX_MEMBERS: [&str; 7] = [
    "user",
    "device",
    "session",
    "application",
    "tenant",
    "org_unit",
    "group",
];

/// Members of a complex subject that are read; more is no principal but an attack.
const MAXIMUM_MEMBERS: usize = 16;

/// Names in an `aliases` identifier that are read.
const MAXIMUM_ALIASES: usize = 32;

impl SubjectId {
    /// Reads a subject identifier.
    ///
    /// # Errors
    /// No `format`, a required member missing or empty, aliases inside aliases.
    pub fn parse(
        object: &Map<String, Value>,
        spelling: Spelling,
    ) -> Result<SubjectId, SubjectError> {
        match format(object, spelling)? {
            Some("complex") => complex(object, spelling),
            None => complex(object, spelling),
            Some(format) => simple_or_aliases("", object, format, spelling),
        }
    }
}

/// The value of `format`; `None` for a complex subject of the time before it had one.
fn format(object: &Map<String, Value>, spelling: Spelling) -> Result<Option<&str>, SubjectError> {
    let member = match object.get("format") {
        None if spelling == Spelling::Legacy => object.get("subject_type"),
        found => found,
    };
    match member {
        Some(Value::String(format)) if !format.is_empty() => Ok(Some(format)),
        None if spelling == Spelling::Legacy
            && object.iter().any(|(name, value)| {
                COMPLEX_MEMBERS.contains(&name.as_str()) && value.is_object()
            }) =>
        {
            Ok(None)
        }
        _ => Err(SubjectError::at(
            "",
            "a subject identifier needs a `format`",
        )),
    }
}

fn complex(object: &Map<String, Value>, spelling: Spelling) -> Result<SubjectId, SubjectError> {
    let mut members = std::collections::BTreeMap::new();
    for (name, value) in object {
        let path = format!("/{name}");
        let Value::Object(inner) = value else {
            // Not a subject identifier, so not a member: the format, or an unknown field.
            continue;
        };
        let member = match format(inner, spelling)
            .map_err(|error| SubjectError::at(&path, error.message))?
        {
            Some("complex") | None => {
                return Err(SubjectError::at(
                    &path,
                    "a complex subject cannot be inside another",
                ));
            }
            Some(format) => simple_or_aliases(&path, inner, format, spelling)?,
        };
        members.insert(name.clone(), member);
        if members.len() > MAXIMUM_MEMBERS {
            return Err(SubjectError::at(
                "",
                "a complex subject has too many members",
            ));
        }
    }
    if members.is_empty() {
        return Err(SubjectError::at(
            "",
            "a complex subject needs at least one member",
        ));
    }
    Ok(SubjectId::Complex(members))
}

fn simple_or_aliases(
    path: &str,
    object: &Map<String, Value>,
    format: &str,
    spelling: Spelling,
) -> Result<SubjectId, SubjectError> {
    if format != "aliases" {
        return simple(path, object, format, spelling).map(SubjectId::Simple);
    }
    let listed = object
        .get("identifiers")
        .and_then(Value::as_array)
        .filter(|listed| !listed.is_empty() && listed.len() <= MAXIMUM_ALIASES)
        .ok_or_else(|| {
            SubjectError::at(
                &format!("{path}/identifiers"),
                format!("`identifiers` is an array of 1 to {MAXIMUM_ALIASES} subject identifiers"),
            )
        })?;
    let mut names = Vec::with_capacity(listed.len());
    for (index, value) in listed.iter().enumerate() {
        let path = format!("{path}/identifiers/{index}");
        let inner = value
            .as_object()
            .ok_or_else(|| SubjectError::at(&path, "not a subject identifier"))?;
        match super::parse::format(inner, spelling)
            .map_err(|error| SubjectError::at(&path, error.message))?
        {
            Some("aliases" | "complex") | None => {
                return Err(SubjectError::at(&path, "aliases cannot be nested"));
            }
            Some(format) => names.push(simple(&path, inner, format, spelling)?),
        }
    }
    Ok(SubjectId::Aliases(names))
}

fn simple(
    path: &str,
    object: &Map<String, Value>,
    format: &str,
    spelling: Spelling,
) -> Result<Name, SubjectError> {
    let optional = |name: &str| {
        object
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let required = |name: &str| {
        optional(name).ok_or_else(|| {
            SubjectError::at(
                &format!("{path}/{name}"),
                format!("`{format}` needs a text `{name}`"),
            )
        })
    };
    let legacy = spelling == Spelling::Legacy;
    Ok(match format {
        "account" => Name::Account {
            uri: required("uri")?,
        },
        "email" => Name::email(&required("email")?),
        "iss_sub" => Name::IssSub {
            iss: required("iss")?,
            sub: required("sub")?,
        },
        "iss-sub" if legacy => Name::IssSub {
            iss: required("iss")?,
            sub: required("sub")?,
        },
        "opaque" => Name::Opaque {
            id: required("id")?,
        },
        // The figures of SSF and the text of RISC say `phone`; nothing else is called that.
        "phone_number" | "phone" => Name::phone_number(&optional("phone_number").map_or_else(
            || {
                if format == "phone" || legacy {
                    required("phone")
                } else {
                    required("phone_number")
                }
            },
            Ok,
        )?),
        "phone-number" if legacy => Name::phone_number(&required("phone_number")?),
        "did" => Name::Did {
            url: required("url")?,
        },
        "uri" => Name::Uri {
            uri: required("uri")?,
        },
        "jwt_id" => Name::JwtId {
            iss: required("iss")?,
            jti: required("jti")?,
        },
        "jwt-id" if legacy => Name::JwtId {
            iss: required("iss")?,
            jti: required("jti")?,
        },
        "saml_assertion_id" => Name::SamlAssertionId {
            issuer: required("issuer")?,
            assertion_id: required("assertion_id")?,
        },
        "saml-assertion-id" if legacy => Name::SamlAssertionId {
            issuer: required("issuer")?,
            assertion_id: required("assertion_id")?,
        },
        "ip-addresses" => addresses(path, object, "ip-addresses")?,
        "ip_addresses" if legacy => addresses(path, object, "ip_addresses")?,
        "scim" => Name::Scim {
            uri: required("uri")?,
            external_id: optional("externalId"),
        },
        // Google: the claims of an ID token; issuer and subject name the user for good.
        "id_token_claims" | "id-token-claims" if legacy => {
            match (optional("iss"), optional("sub"), optional("email")) {
                (Some(iss), Some(sub), _) => Name::IssSub { iss, sub },
                (_, _, Some(email)) => Name::email(&email),
                _ => {
                    return Err(SubjectError::at(
                        path,
                        "`id_token_claims` needs `iss` and `sub`, or `email`",
                    ));
                }
            }
        }
        "oauth_token" if legacy => Name::OauthToken {
            token_type: required("token_type")?,
            token_identifier_alg: required("token_identifier_alg")?,
            token: required("token")?,
        },
        other => Name::Unknown {
            format: other.chars().take(64).collect(),
        },
    })
}

fn addresses(path: &str, object: &Map<String, Value>, member: &str) -> Result<Name, SubjectError> {
    let path = format!("{path}/{member}");
    let wrong = || {
        SubjectError::at(
            &path,
            "`ip-addresses` is an array of IP addresses, at least one",
        )
    };
    let listed = object
        .get(member)
        .and_then(Value::as_array)
        .filter(|listed| !listed.is_empty())
        .ok_or_else(wrong)?;
    let addresses = listed
        .iter()
        .map(|value| {
            value
                .as_str()
                .and_then(|text| text.parse().ok())
                .ok_or_else(wrong)
        })
        .collect::<Result<_, _>>()?;
    Ok(Name::IpAddresses { addresses })
}

#[cfg(test)]
mod tests;
