//! `Conditions` of the resource-provider form: pushed details to model.
//!
//! Each condition is `{"Include": [{"List": […]}], "Exclude": […]}`. What is not known, a condition
//! or a list inside one, is unjudged.

use super::conditions_from_wire::{Leftovers, location_reference};
use super::reader::{LocationIndex, Reader};
use super::scopes_from_wire::object_id;
use super::signals_from_wire::platform;
use crate::model::{
    ApplicationScope, Applications, ClientAppType, ClientAppTypes, Conditions, ExternalTenants,
    GuestScope, GuestTypes, LocationScope, PlatformScope, Platforms, UserScope, Users,
};
use crate::wire::{Node, Refusal};

/// Reads `Conditions`.
pub(super) fn synced_conditions(
    node: &Node<'_>,
    locations: &LocationIndex,
    reader: &mut Reader<'_>,
) -> Result<Conditions, Refusal> {
    let mut conditions = Conditions::default();
    let mut leftovers = Leftovers::default();
    for (name, condition) in node.members() {
        if condition.is_null() {
            continue;
        }
        let condition = condition.object()?;
        leftovers.collect(&condition, name, &["Include", "Exclude"]);
        match name {
            "Users" => {
                conditions.users = Some(UserScope {
                    include: users(&condition, "Include", reader, &mut leftovers)?,
                    exclude: users(&condition, "Exclude", reader, &mut leftovers)?,
                });
            }
            "Applications" => {
                let mut contexts = Vec::new();
                conditions.applications = Some(ApplicationScope {
                    include: applications(
                        &condition,
                        "Include",
                        reader,
                        &mut contexts,
                        &mut leftovers,
                    )?,
                    exclude: applications(
                        &condition,
                        "Exclude",
                        reader,
                        &mut Vec::new(),
                        &mut leftovers,
                    )?,
                    authentication_contexts: contexts,
                    ..ApplicationScope::default()
                });
            }
            "Locations" => {
                let mut list = |side: &str| -> Result<Vec<_>, Refusal> {
                    let mut references = Vec::new();
                    for (_, text, place) in
                        entries(&condition, side, &["Locations"], &mut leftovers)?
                    {
                        references.push(location_reference(text, &place, locations, reader));
                    }
                    Ok(references)
                };
                conditions.locations = Some(LocationScope {
                    include: list("Include")?,
                    exclude: list("Exclude")?,
                });
            }
            "DevicePlatforms" => {
                let include = platforms(&condition, "Include", &mut leftovers)?;
                let exclude = platforms(&condition, "Exclude", &mut leftovers)?;
                conditions.platforms = match (include, exclude) {
                    (Some(include), Some(exclude)) => Some(PlatformScope { include, exclude }),
                    _ => None,
                };
            }
            "ClientTypes" => {
                conditions.client_app_types = client_types(&condition, &mut leftovers)?;
            }
            // Sign-in risk, and whatever else the issuer judges.
            other => leftovers.add(other),
        }
    }
    conditions.unjudged = leftovers.into_unjudged();
    Ok(conditions)
}

/// The entries on one side of a condition, with the name of the list they stand in. A list
/// that is not among the `known` ones leaves the condition unjudged.
fn entries<'doc>(
    condition: &Node<'doc>,
    side: &str,
    known: &[&str],
    leftovers: &mut Leftovers,
) -> Result<Vec<(&'doc str, &'doc str, Node<'doc>)>, Refusal> {
    let mut found = Vec::new();
    let Some(groups) = condition.member(side)? else {
        return Ok(found);
    };
    for group in groups.elements() {
        for (name, list) in group.object()?.members() {
            if known.contains(&name) {
                found.extend(
                    list.texts()?
                        .into_iter()
                        .map(|(text, place)| (name, text, place)),
                );
            } else if !list.is_unset() {
                leftovers.add(format!("{}.{name}", condition.name().unwrap_or_default()));
            }
        }
    }
    Ok(found)
}

fn users(
    condition: &Node<'_>,
    side: &str,
    reader: &mut Reader<'_>,
    leftovers: &mut Leftovers,
) -> Result<Users, Refusal> {
    let mut set = Users::default();
    for (list, text, place) in entries(condition, side, &["Users", "Groups", "Roles"], leftovers)? {
        match (list, text) {
            (_, "None") => {}
            ("Users", "All") => set.all = true,
            ("Users", "Guests") => {
                set.guests = Some(GuestScope {
                    types: GuestTypes::ALL,
                    tenants: ExternalTenants::All,
                });
            }
            ("Users", _) => {
                object_id(
                    text,
                    &place,
                    "user",
                    reader,
                    &mut set.users,
                    &mut set.unresolved,
                )?;
            }
            ("Groups", _) => {
                object_id(
                    text,
                    &place,
                    "group",
                    reader,
                    &mut set.groups,
                    &mut set.unresolved,
                )?;
            }
            _ => object_id(
                text,
                &place,
                "role",
                reader,
                &mut set.roles,
                &mut set.unresolved,
            )?,
        }
    }
    Ok(set)
}

fn applications(
    condition: &Node<'_>,
    side: &str,
    reader: &mut Reader<'_>,
    contexts: &mut Vec<String>,
    leftovers: &mut Leftovers,
) -> Result<Applications, Refusal> {
    let mut set = Applications::default();
    for (list, text, place) in entries(condition, side, &["Applications", "Acrs"], leftovers)? {
        match (list, text) {
            ("Acrs", context) => contexts.push(context.to_owned()),
            (_, "All") => set.all = true,
            (_, "None") => {}
            (_, "Office365") => set.office365 = true,
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
    Ok(set)
}

/// `None`: a platform that this version does not know, so the condition is unjudged.
fn platforms(
    condition: &Node<'_>,
    side: &str,
    leftovers: &mut Leftovers,
) -> Result<Option<Platforms>, Refusal> {
    let mut set = Platforms::default();
    for (_, text, _) in entries(condition, side, &["DevicePlatforms"], leftovers)? {
        match platform(text) {
            Some(platform) => set = set.with(platform),
            None if text.eq_ignore_ascii_case("All") => set = Platforms::ALL,
            None => {
                leftovers.add("DevicePlatforms");
                return Ok(None);
            }
        }
    }
    Ok(Some(set))
}

fn client_types(
    condition: &Node<'_>,
    leftovers: &mut Leftovers,
) -> Result<Option<ClientAppTypes>, Refusal> {
    let mut set = ClientAppTypes::default();
    for (_, text, _) in entries(condition, "Include", &["ClientTypes"], leftovers)? {
        set = match text {
            "Browser" => set.with(ClientAppType::Browser),
            "Native" => set.with(ClientAppType::MobileAppsAndDesktopClients),
            _ => {
                leftovers.add("ClientTypes");
                return Ok(None);
            }
        };
    }
    if condition
        .member("Exclude")?
        .is_some_and(|node| !node.is_unset())
    {
        leftovers.add("ClientTypes");
        return Ok(None);
    }
    Ok(Some(set))
}
