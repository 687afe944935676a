//! A page of a Graph collection, or a single object: what is in it and where to go on.

use serde_json::{Map, Value};

/// What kind of objects a page has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ResourceKind {
    /// Users.
    User,
    /// Workload identities.
    ServicePrincipal,
    /// Groups and directory roles, with their members.
    Group,
    /// Devices.
    Device,
    /// Users with their assessed risk.
    RiskyUser,
    /// Workload identities with their assessed risk.
    RiskyServicePrincipal,
    /// Conditional access policies.
    Policy,
    /// Named locations.
    NamedLocation,
    /// Who has which directory role.
    RoleAssignment,
    /// Directory objects of several kinds; each says its own.
    DirectoryObject,
}

impl ResourceKind {
    fn from_context(context: &str) -> Option<ResourceKind> {
        let (_, set) = context.split_once("$metadata#")?;
        let set = set.strip_suffix("/$entity").unwrap_or(set);
        let last = set.rsplit('/').next().unwrap_or(set);
        // The selected properties follow in parentheses.
        let last = last.split('(').next().unwrap_or(last);
        Some(match last {
            "users" => ResourceKind::User,
            "servicePrincipals" => ResourceKind::ServicePrincipal,
            "groups" | "directoryRoles" => ResourceKind::Group,
            "devices" => ResourceKind::Device,
            "riskyUsers" => ResourceKind::RiskyUser,
            "riskyServicePrincipals" => ResourceKind::RiskyServicePrincipal,
            "policies" if set.contains("conditionalAccess/policies") => ResourceKind::Policy,
            "namedLocations" => ResourceKind::NamedLocation,
            "roleAssignments" => ResourceKind::RoleAssignment,
            "directoryObjects" => ResourceKind::DirectoryObject,
            _ => return None,
        })
    }

    /// Reads an `@odata.type`.
    #[must_use]
    pub fn from_type(name: &str) -> Option<ResourceKind> {
        Some(match name.strip_prefix("#microsoft.graph.")? {
            "user" => ResourceKind::User,
            "servicePrincipal" => ResourceKind::ServicePrincipal,
            "group" | "directoryRole" => ResourceKind::Group,
            "device" => ResourceKind::Device,
            "riskyUser" => ResourceKind::RiskyUser,
            "riskyServicePrincipal" => ResourceKind::RiskyServicePrincipal,
            "conditionalAccessPolicy" => ResourceKind::Policy,
            "unifiedRoleAssignment" => ResourceKind::RoleAssignment,
            "ipNamedLocation" | "countryNamedLocation" | "compliantNetworkNamedLocation" => {
                ResourceKind::NamedLocation
            }
            _ => return None,
        })
    }

    /// The path of the collection below `/v1.0/`, with what this crate reads of it.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            ResourceKind::User => {
                "users/delta?$select=id,accountEnabled,deletedDateTime,mail,userPrincipalName,proxyAddresses,identities,signInSessionsValidFromDateTime,lastPasswordChangeDateTime"
            }
            ResourceKind::ServicePrincipal => {
                "servicePrincipals/delta?$select=id,appId,accountEnabled,deletedDateTime,disabledByMicrosoftStatus"
            }
            ResourceKind::Group => "groups/delta?$select=id,members,deletedDateTime",
            ResourceKind::Device => {
                "devices/delta?$select=id,deviceId,accountEnabled,isCompliant,deletedDateTime"
            }
            ResourceKind::RiskyUser => "identityProtection/riskyUsers",
            ResourceKind::RiskyServicePrincipal => "identityProtection/riskyServicePrincipals",
            ResourceKind::Policy => "identity/conditionalAccess/policies",
            ResourceKind::NamedLocation => "identity/conditionalAccess/namedLocations",
            ResourceKind::RoleAssignment => "roleManagement/directory/roleAssignments",
            ResourceKind::DirectoryObject => "directoryObjects/delta",
        }
    }
}

/// One page, or one object as a page of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// What kind of objects it has; `None` if neither the page nor the objects say so.
    pub kind: Option<ResourceKind>,
    /// The objects.
    pub objects: Vec<Map<String, Value>>,
    /// Where the next page is.
    pub next_link: Option<String>,
    /// Where to ask for changes later.
    pub delta_link: Option<String>,
    /// Whether it was a page of a collection.
    pub is_collection: bool,
}

/// Why a document is no page of Graph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// Not a JSON object.
    #[error("the page is not a JSON object: {0}")]
    Json(String),
    /// Graph answered with an error.
    #[error("Graph answered with `{code}`: {message}")]
    Graph {
        /// The error code.
        code: String,
        /// The text.
        message: String,
    },
    /// A member of `value` is no object.
    #[error("`/value/{0}` is not an object")]
    NotObject(usize),
}

impl Page {
    /// Reads a page.
    ///
    /// # Errors
    /// Not JSON, or an error response.
    pub fn parse(json: &[u8]) -> Result<Page, PageError> {
        let value: Value =
            serde_json::from_slice(json).map_err(|error| PageError::Json(error.to_string()))?;
        Page::from_value(value)
    }

    /// Reads a page from a JSON value.
    ///
    /// # Errors
    /// As [`Page::parse`].
    pub fn from_value(value: Value) -> Result<Page, PageError> {
        let Value::Object(mut document) = value else {
            return Err(PageError::Json("expected an object".to_owned()));
        };
        if let Some(error) = document.get("error").and_then(Value::as_object) {
            let text = |name: &str| {
                error
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .chars()
                    .take(256)
                    .collect()
            };
            return Err(PageError::Graph {
                code: text("code"),
                message: text("message"),
            });
        }
        let mut link = |name: &str| match document.remove(name) {
            Some(Value::String(link)) => Some(link),
            _ => None,
        };
        let next_link = link("@odata.nextLink");
        let delta_link = link("@odata.deltaLink");
        let context = link("@odata.context");
        let mut kind = context.as_deref().and_then(ResourceKind::from_context);
        let (objects, is_collection) = match document.remove("value") {
            Some(Value::Array(listed)) => {
                let mut objects = Vec::with_capacity(listed.len());
                for (index, value) in listed.into_iter().enumerate() {
                    match value {
                        Value::Object(object) => objects.push(object),
                        _ => return Err(PageError::NotObject(index)),
                    }
                }
                (objects, true)
            }
            // Some single objects are wrapped as well.
            Some(Value::Object(object)) => (vec![object], false),
            _ => (vec![document], false),
        };
        if kind.is_none() {
            kind = objects.first().and_then(own_kind);
        }
        Ok(Page {
            kind,
            objects,
            next_link,
            delta_link,
            is_collection,
        })
    }
}

/// The kind that an object states, or that its members give away.
pub(crate) fn own_kind(object: &Map<String, Value>) -> Option<ResourceKind> {
    if let Some(name) = object.get("@odata.type").and_then(Value::as_str) {
        return ResourceKind::from_type(name);
    }
    let has = |name: &str| object.contains_key(name);
    if has("riskState") && has("riskLevel") && has("id") && !has("activity") {
        return Some(if has("servicePrincipalType") || has("appId") {
            ResourceKind::RiskyServicePrincipal
        } else {
            ResourceKind::RiskyUser
        });
    }
    if has("id") && (has("signInSessionsValidFromDateTime") || has("userPrincipalName")) {
        return Some(ResourceKind::User);
    }
    if has("id") && has("members@delta") {
        return Some(ResourceKind::Group);
    }
    if has("id") && has("deviceId") && !has("appId") {
        return Some(ResourceKind::Device);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_says_what_a_page_has() {
        for (set, kind) in [
            ("users(displayName,id)", Some(ResourceKind::User)),
            ("users/$entity", Some(ResourceKind::User)),
            (
                "identityProtection/riskyUsers",
                Some(ResourceKind::RiskyUser),
            ),
            ("servicePrincipals", Some(ResourceKind::ServicePrincipal)),
            ("groups(id)", Some(ResourceKind::Group)),
            ("directoryRoles", Some(ResourceKind::Group)),
            ("devices", Some(ResourceKind::Device)),
            (
                "identityProtection/riskyServicePrincipals/$entity",
                Some(ResourceKind::RiskyServicePrincipal),
            ),
            (
                "roleManagement/directory/roleAssignments",
                Some(ResourceKind::RoleAssignment),
            ),
            ("directoryObjects", Some(ResourceKind::DirectoryObject)),
            ("conditionalAccess/policies", Some(ResourceKind::Policy)),
            (
                "identity/conditionalAccess/policies(id,state)",
                Some(ResourceKind::Policy),
            ),
            // Other policies, even those that policies of conditional access refer to.
            (
                "identity/conditionalAccess/authenticationStrength/policies",
                None,
            ),
            ("security/labels/policies", None),
            (
                "identity/conditionalAccess/namedLocations",
                Some(ResourceKind::NamedLocation),
            ),
            ("users('x')/mailboxSettings", None),
            ("applications", None),
        ] {
            let context = format!("https://graph.microsoft.com/v1.0/$metadata#{set}");
            assert_eq!(ResourceKind::from_context(&context), kind, "{set}");
        }
    }

    #[test]
    fn an_object_without_context_is_known_by_its_members() {
        for (members, kind) in [
            (
                &["id", "riskState", "riskLevel"][..],
                Some(ResourceKind::RiskyUser),
            ),
            (
                &["id", "riskState", "riskLevel", "appId"],
                Some(ResourceKind::RiskyServicePrincipal),
            ),
            (
                &["id", "riskState", "riskLevel", "servicePrincipalType"],
                Some(ResourceKind::RiskyServicePrincipal),
            ),
            // A single detection, not what it adds up to.
            (&["id", "riskState", "riskLevel", "activity"], None),
            (&["riskState", "riskLevel"], None),
            (&["id", "riskState"], None),
            (&["id", "riskLevel"], None),
            (&["id", "userPrincipalName"], Some(ResourceKind::User)),
            (
                &["id", "signInSessionsValidFromDateTime"],
                Some(ResourceKind::User),
            ),
            (&["userPrincipalName"], None),
            (&["signInSessionsValidFromDateTime"], None),
            (&["id", "members@delta"], Some(ResourceKind::Group)),
            (&["members@delta"], None),
            (&["id", "deviceId"], Some(ResourceKind::Device)),
            // The use of an application on a device.
            (&["id", "deviceId", "appId"], None),
            (&["deviceId"], None),
            (&["id"], None),
            (&[], None),
        ] {
            let object = members
                .iter()
                .map(|name| ((*name).to_owned(), Value::from("x")))
                .collect();
            assert_eq!(own_kind(&object), kind, "{members:?}");
        }
    }

    #[test]
    fn an_error_is_no_page() {
        let error = Page::parse(br#"{"error":{"code":"resyncRequired","message":"m"}}"#);
        assert!(matches!(error, Err(PageError::Graph { code, .. }) if code == "resyncRequired"));
        assert!(Page::parse(b"[]").is_err());
        assert!(Page::parse(br#"{"value":[1]}"#).is_err());
    }
}
