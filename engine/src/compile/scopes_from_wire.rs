//! Who and what a policy is about: users, workload identities, applications.
//!
//! An entry that is no object id (a name, a placeholder, a malformed GUID) is kept as
//! unresolved. In an include nobody can say whom it means, so membership is unknown; in an
//! exclude it excludes nobody. Neither ever makes a policy apply to fewer subjects.

use super::conditions_from_wire::Leftovers;
use super::reader::{Reader, identifier};
use super::report::WarningCode;
use crate::identifier::{Identifier, is_guid};
use crate::model::{
    ApplicationScope, Applications, ExternalTenants, GuestScope, GuestTypes, UserScope, Users,
    WorkloadScope, Workloads,
};
use crate::wire::{Node, Refusal};

/// `conditions.users`.
pub(super) fn users(
    node: &Node<'_>,
    reader: &mut Reader<'_>,
    leftovers: &mut Leftovers,
) -> Result<UserScope, Refusal> {
    leftovers.collect(
        node,
        "users",
        &[
            "includeUsers",
            "includeGroups",
            "includeRoles",
            "includeGuestsOrExternalUsers",
            "excludeUsers",
            "excludeGroups",
            "excludeRoles",
            "excludeGuestsOrExternalUsers",
        ],
    );
    Ok(UserScope {
        include: user_set(
            node,
            [
                "includeUsers",
                "includeGroups",
                "includeRoles",
                "includeGuestsOrExternalUsers",
            ],
            reader,
        )?,
        exclude: user_set(
            node,
            [
                "excludeUsers",
                "excludeGroups",
                "excludeRoles",
                "excludeGuestsOrExternalUsers",
            ],
            reader,
        )?,
    })
}

fn user_set(
    node: &Node<'_>,
    [users, groups, roles, guests]: [&str; 4],
    reader: &mut Reader<'_>,
) -> Result<Users, Refusal> {
    let mut set = Users::default();
    if let Some(list) = node.member(users)? {
        for (text, place) in list.texts()? {
            match text {
                _ if text.eq_ignore_ascii_case("All") => set.all = true,
                _ if text.eq_ignore_ascii_case("None") => {}
                _ if text.eq_ignore_ascii_case("GuestsOrExternalUsers") => {
                    set.guests = Some(GuestScope {
                        types: GuestTypes::ALL,
                        tenants: ExternalTenants::All,
                    });
                }
                _ => object_id(
                    text,
                    &place,
                    "user",
                    reader,
                    &mut set.users,
                    &mut set.unresolved,
                )?,
            }
        }
    }
    for (name, kind, ids) in [
        (groups, "group", &mut set.groups),
        (roles, "role", &mut set.roles),
    ] {
        if let Some(list) = node.member(name)? {
            for (text, place) in list.texts()? {
                if text.eq_ignore_ascii_case("None") {
                    continue;
                }
                object_id(text, &place, kind, reader, ids, &mut set.unresolved)?;
            }
        }
    }
    if let Some(typed) = node.member(guests)?
        && !typed.is_null()
    {
        guest_scope(&typed.object()?, reader, &mut set)?;
    }
    Ok(set)
}

fn guest_scope(node: &Node<'_>, reader: &mut Reader<'_>, set: &mut Users) -> Result<(), Refusal> {
    let mut types = GuestTypes::default();
    if let Some(list) = node.member("guestOrExternalUserTypes")? {
        // One text joined by commas, as OData writes flags; some tools write an array.
        for (text, place) in list.texts()? {
            for name in text
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
            {
                match guest_type(name) {
                    Some(kind) => types = GuestTypes(types.0 | kind.0),
                    None => unresolved(name, &place, "kind of guest", reader, &mut set.unresolved),
                }
            }
        }
    }
    let tenants = match node.member("externalTenants")? {
        Some(tenants) if !tenants.is_null() => external_tenants(&tenants.object()?)?,
        _ => ExternalTenants::All,
    };
    if types != GuestTypes::default() {
        set.guests = Some(GuestScope { types, tenants });
    }
    Ok(())
}

fn guest_type(name: &str) -> Option<GuestTypes> {
    [
        ("none", GuestTypes::default()),
        ("internalGuest", GuestTypes::INTERNAL_GUEST),
        ("b2bCollaborationGuest", GuestTypes::B2B_COLLABORATION_GUEST),
        (
            "b2bCollaborationMember",
            GuestTypes::B2B_COLLABORATION_MEMBER,
        ),
        ("b2bDirectConnectUser", GuestTypes::B2B_DIRECT_CONNECT_USER),
        ("otherExternalUser", GuestTypes::OTHER_EXTERNAL_USER),
        ("serviceProvider", GuestTypes::SERVICE_PROVIDER),
    ]
    .iter()
    .find(|(known, _)| known.eq_ignore_ascii_case(name))
    .map(|(_, kind)| *kind)
}

fn external_tenants(node: &Node<'_>) -> Result<ExternalTenants, Refusal> {
    let enumerated = match node.member("membershipKind")? {
        Some(kind) => kind.text()?.eq_ignore_ascii_case("enumerated"),
        None => node
            .member("members")?
            .is_some_and(|members| !members.is_unset()),
    };
    if !enumerated {
        return Ok(ExternalTenants::All);
    }
    let mut tenants = Vec::new();
    if let Some(members) = node.member("members")? {
        for (text, place) in members.texts()? {
            tenants.push(identifier(&place, text)?);
        }
    }
    Ok(ExternalTenants::Enumerated(tenants))
}

/// `conditions.clientApplications`.
pub(super) fn workloads(
    node: &Node<'_>,
    reader: &mut Reader<'_>,
    leftovers: &mut Leftovers,
) -> Result<WorkloadScope, Refusal> {
    // Filters and agents decide which workloads are meant, and nobody here can say.
    let filtered = leftovers.collect(
        node,
        "clientApplications",
        &["includeServicePrincipals", "excludeServicePrincipals"],
    );
    Ok(WorkloadScope {
        include: workload_set(node, "includeServicePrincipals", reader)?,
        exclude: workload_set(node, "excludeServicePrincipals", reader)?,
        filtered,
    })
}

fn workload_set(
    node: &Node<'_>,
    name: &str,
    reader: &mut Reader<'_>,
) -> Result<Workloads, Refusal> {
    let mut set = Workloads::default();
    if let Some(list) = node.member(name)? {
        for (text, place) in list.texts()? {
            match text {
                _ if text.eq_ignore_ascii_case("ServicePrincipalsInMyTenant") => set.all = true,
                _ if text.eq_ignore_ascii_case("None") => {}
                _ => object_id(
                    text,
                    &place,
                    "service principal",
                    reader,
                    &mut set.ids,
                    &mut set.unresolved,
                )?,
            }
        }
    }
    Ok(set)
}

/// `conditions.applications`.
pub(super) fn applications(
    node: &Node<'_>,
    reader: &mut Reader<'_>,
    leftovers: &mut Leftovers,
) -> Result<ApplicationScope, Refusal> {
    let filtered = leftovers.collect(
        node,
        "applications",
        &[
            "includeApplications",
            "excludeApplications",
            "includeUserActions",
            "includeAuthenticationContextClassReferences",
        ],
    );
    let texts = |name: &str| -> Result<Vec<String>, Refusal> {
        match node.member(name)? {
            Some(list) => Ok(list
                .texts()?
                .into_iter()
                .map(|(text, _)| text.to_owned())
                .collect()),
            None => Ok(Vec::new()),
        }
    };
    Ok(ApplicationScope {
        include: application_set(node, "includeApplications", reader)?,
        exclude: application_set(node, "excludeApplications", reader)?,
        user_actions: texts("includeUserActions")?,
        authentication_contexts: texts("includeAuthenticationContextClassReferences")?,
        filtered,
    })
}

fn application_set(
    node: &Node<'_>,
    name: &str,
    reader: &mut Reader<'_>,
) -> Result<Applications, Refusal> {
    let mut set = Applications::default();
    if let Some(list) = node.member(name)? {
        for (text, place) in list.texts()? {
            match text {
                _ if text.eq_ignore_ascii_case("All") => set.all = true,
                _ if text.eq_ignore_ascii_case("None") => {}
                _ if text.eq_ignore_ascii_case("Office365") => set.office365 = true,
                _ if text.eq_ignore_ascii_case("MicrosoftAdminPortals") => {
                    set.admin_portals = true;
                }
                _ => object_id(
                    text,
                    &place,
                    "application",
                    reader,
                    &mut set.ids,
                    &mut set.unresolved,
                )?,
            }
        }
    }
    Ok(set)
}

/// Puts an entry among the ids if it is one, else among the unresolved.
pub(super) fn object_id(
    text: &str,
    place: &Node<'_>,
    kind: &str,
    reader: &mut Reader<'_>,
    ids: &mut Vec<Identifier>,
    unresolved_entries: &mut Vec<String>,
) -> Result<(), Refusal> {
    let trimmed = text.trim();
    if is_guid(trimmed) {
        ids.push(identifier(place, trimmed)?);
    } else {
        unresolved(text, place, kind, reader, unresolved_entries);
    }
    Ok(())
}

fn unresolved(
    text: &str,
    place: &Node<'_>,
    kind: &str,
    reader: &mut Reader<'_>,
    entries: &mut Vec<String>,
) {
    let shown: String = text.chars().take(256).collect();
    reader.warn(
        place,
        WarningCode::UnresolvedReference,
        format!(
            "`{shown}` is no object id of a {kind}: unknown in an include, nobody in an exclude"
        ),
    );
    entries.push(shown);
}
