//! `conditions`: wire to model.
//!
//! A condition that is configured is either judged or named as unjudged; no member inside
//! `conditions` is ever ignored, known or not. A value that this version does not know, inside a
//! condition that it does, makes that whole condition unjudged: dropping the value would judge a
//! condition that nobody wrote.

use super::reader::{LocationIndex, Reader};
use super::report::WarningCode;
use super::scopes_from_wire::{applications, users, workloads};
use super::signals_from_wire::{client_app_types, devices, platforms};
use crate::event::RiskLevel;
use crate::identifier::Identifier;
use crate::model::{
    COMPLIANT_NETWORK, Conditions, LocationReference, LocationScope, MFA_TRUSTED_IPS, RiskLevels,
    Unjudged,
};
use crate::wire::{Json, Node, Refusal};

/// Conditions that are configured and judged by nobody here, in the order found.
#[derive(Debug, Default)]
pub(super) struct Leftovers(Vec<Unjudged>);

impl Leftovers {
    pub(super) fn add(&mut self, name: impl Into<String>) {
        let name = name.into();
        if !self.0.iter().any(|known| known.name == name) {
            self.0.push(Unjudged { name });
        }
    }

    /// All of them.
    pub(super) fn into_unjudged(self) -> Vec<Unjudged> {
        self.0
    }

    /// Adds every member of `node` that is configured and not among the `judged`; whether there
    /// was one.
    pub(super) fn collect(&mut self, node: &Node<'_>, prefix: &str, judged: &[&str]) -> bool {
        let before = self.0.len();
        for (name, member) in node.members() {
            let known = judged
                .iter()
                .any(|judged| judged.eq_ignore_ascii_case(name));
            if !known && !member.is_unset() {
                self.add(if prefix.is_empty() {
                    first_lower(name)
                } else {
                    format!("{prefix}.{}", first_lower(name))
                });
            }
        }
        self.0.len() > before
    }
}

/// Graph's own spelling of a name that PowerShell wrote with a capital.
pub(super) fn first_lower(name: &str) -> String {
    let mut characters = name.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}

/// Reads `conditions`.
pub(super) fn conditions(
    node: &Node<'_>,
    locations: &LocationIndex,
    reader: &mut Reader<'_>,
) -> Result<Conditions, Refusal> {
    reader.repeated_members(node);
    let mut leftovers = Leftovers::default();
    leftovers.collect(
        node,
        "",
        &[
            "users",
            "clientApplications",
            "applications",
            "locations",
            "userRiskLevels",
            "servicePrincipalRiskLevels",
            "clientAppTypes",
            "platforms",
            "devices",
            "authenticationFlows",
        ],
    );
    let mut conditions = Conditions::default();
    if let Some(node) = part(node, "users")? {
        conditions.users = Some(users(&node, reader, &mut leftovers)?);
    }
    if let Some(node) = part(node, "clientApplications")? {
        conditions.workloads = Some(workloads(&node, reader, &mut leftovers)?);
    }
    if let Some(node) = part(node, "applications")? {
        conditions.applications = Some(applications(&node, reader, &mut leftovers)?);
    }
    if let Some(node) = part(node, "locations")? {
        conditions.locations = Some(location_scope(&node, locations, reader, &mut leftovers)?);
    }
    conditions.user_risk = risk(node, "userRiskLevels", reader, &mut leftovers)?;
    conditions.service_principal_risk =
        risk(node, "servicePrincipalRiskLevels", reader, &mut leftovers)?;
    conditions.client_app_types = client_app_types(node, reader, &mut leftovers)?;
    if let Some(node) = part(node, "platforms")? {
        conditions.platforms = platforms(&node, reader, &mut leftovers)?;
    }
    if let Some(node) = part(node, "devices")? {
        conditions.devices = devices(&node, reader, &mut leftovers)?;
    }
    if let Some(node) = part(node, "authenticationFlows")? {
        authentication_flows(&node, &mut leftovers)?;
    }
    conditions.unjudged = leftovers.into_unjudged();
    warn_of_empty_includes(node, &conditions, reader);
    Ok(conditions)
}

/// A condition that is an object, if it is configured at all.
fn part<'doc>(node: &Node<'doc>, name: &str) -> Result<Option<Node<'doc>>, Refusal> {
    match node.member(name)? {
        Some(node) if !node.is_null() => node.object().map(Some),
        _ => Ok(None),
    }
}

fn location_scope(
    node: &Node<'_>,
    locations: &LocationIndex,
    reader: &mut Reader<'_>,
    leftovers: &mut Leftovers,
) -> Result<LocationScope, Refusal> {
    leftovers.collect(node, "locations", &["includeLocations", "excludeLocations"]);
    let mut list = |name: &str| -> Result<Vec<LocationReference>, Refusal> {
        let Some(list) = node.member(name)? else {
            return Ok(Vec::new());
        };
        list.texts()?
            .into_iter()
            .filter(|(text, _)| !text.eq_ignore_ascii_case("None"))
            .map(|(text, place)| Ok(location_reference(text, &place, locations, reader)))
            .collect()
    };
    Ok(LocationScope {
        include: list("includeLocations")?,
        exclude: list("excludeLocations")?,
    })
}

/// One entry of a location list.
pub(super) fn location_reference(
    text: &str,
    place: &Node<'_>,
    locations: &LocationIndex,
    reader: &mut Reader<'_>,
) -> LocationReference {
    let text = text.trim();
    if text.eq_ignore_ascii_case("All") {
        return LocationReference::All;
    }
    if text.eq_ignore_ascii_case("AllTrusted") {
        return LocationReference::AllTrusted;
    }
    if text == MFA_TRUSTED_IPS {
        return LocationReference::MfaTrustedIps;
    }
    if let Some(reference) = Identifier::new(text)
        .ok()
        .and_then(|id| locations.by_id.get(&id))
    {
        return reference.clone();
    }
    if text.eq_ignore_ascii_case(COMPLIANT_NETWORK) {
        return LocationReference::CompliantNetwork;
    }
    let shown: String = text.chars().take(256).collect();
    reader.warn(
        place,
        WarningCode::DanglingLocation,
        format!(
            "no document defines the location `{shown}`: unknown in an include, nothing in an \
             exclude"
        ),
    );
    LocationReference::Dangling(shown)
}

fn risk(
    node: &Node<'_>,
    name: &str,
    reader: &mut Reader<'_>,
    leftovers: &mut Leftovers,
) -> Result<Option<RiskLevels>, Refusal> {
    let Some(list) = node.member(name)? else {
        return Ok(None);
    };
    let mut levels = RiskLevels::default();
    for (text, place) in list.texts()? {
        for text in text.split(',').map(str::trim) {
            match RiskLevel::ALL
                .into_iter()
                .find(|level| level.as_str().eq_ignore_ascii_case(text))
            {
                Some(level) => levels = levels.with(level),
                None => {
                    unknown_value(text, &place, name, reader, leftovers);
                    return Ok(None);
                }
            }
        }
    }
    // Graph writes an empty list where the condition is not configured.
    Ok((!levels.is_empty()).then_some(levels))
}

fn authentication_flows(node: &Node<'_>, leftovers: &mut Leftovers) -> Result<(), Refusal> {
    let other = leftovers.collect(node, "authenticationFlows", &["transferMethods"]);
    let Some(methods) = node.member("transferMethods")? else {
        return Ok(());
    };
    let any = methods
        .texts()?
        .iter()
        .any(|(text, _)| !text.eq_ignore_ascii_case("none"));
    if any && !other {
        leftovers.add("authenticationFlows");
    }
    Ok(())
}

/// Says that a value is unknown and leaves its condition unjudged.
pub(super) fn unknown_value(
    text: &str,
    place: &Node<'_>,
    condition: &str,
    reader: &mut Reader<'_>,
    leftovers: &mut Leftovers,
) {
    let shown: String = text.chars().take(64).collect();
    reader.warn(
        place,
        WarningCode::UnknownValue,
        format!("`{shown}` is unknown to this version, so the whole condition is unknown"),
    );
    leftovers.add(condition);
}

/// A condition that is present and includes nothing never matches. Whether that was meant, only
/// its author knows.
fn warn_of_empty_includes(node: &Node<'_>, conditions: &Conditions, reader: &mut Reader<'_>) {
    let users = conditions
        .users
        .as_ref()
        .is_some_and(|users| users.include.is_empty());
    let workloads = conditions.workloads.as_ref().is_some_and(|workloads| {
        let include = &workloads.include;
        !include.all
            && include.ids.is_empty()
            && include.unresolved.is_empty()
            && !workloads.filtered
    });
    let applications = conditions
        .applications
        .as_ref()
        .is_some_and(|applications| {
            applications.include == crate::model::Applications::default()
                && applications.user_actions.is_empty()
                && applications.authentication_contexts.is_empty()
                && !applications.filtered
        });
    let locations = conditions
        .locations
        .as_ref()
        .is_some_and(|locations| locations.include.is_empty());
    let platforms = conditions
        .platforms
        .is_some_and(|platforms| platforms.include.is_empty());
    // A policy about workloads has no users, and the other way round.
    let other_subject = |present: bool| present || !conditions.unjudged.is_empty();
    for (name, empty) in [
        (
            "users",
            users && !other_subject(conditions.workloads.is_some()),
        ),
        (
            "clientApplications",
            workloads && !other_subject(conditions.users.is_some() && !users),
        ),
        ("applications", applications),
        ("locations", locations),
        ("platforms", platforms),
    ] {
        let Ok(Some(condition)) = node.member(name) else {
            continue;
        };
        if empty && !says_none(&condition) {
            reader.warn(
                &condition,
                WarningCode::InvalidCondition,
                format!("`{name}` is configured and includes nothing: the policy never applies"),
            );
        }
    }
}

/// Whether a condition includes the keyword `None`: nobody and nothing, on purpose.
fn says_none(condition: &Node<'_>) -> bool {
    condition
        .members()
        .iter()
        .any(|(_, list)| match list.value {
            Json::Text(text) => text.eq_ignore_ascii_case("none"),
            Json::Array(items) => items
                .iter()
                .any(|item| matches!(item, Json::Text(text) if text.eq_ignore_ascii_case("none"))),
            _ => false,
        })
}
