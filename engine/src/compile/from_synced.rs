//! The resource-provider form: policies as the issuer pushes them, one update per line.
//!
//! ```text
//! {"time": …, "operation": …, "parameters": {"Identity": "tenant\policy id", "DisplayName": …,
//!  "TenantDefaultPolicy": "" | "18" | "6"}, "policyDetails": {"State": …, "Conditions": {
//!    "Users": {"Include": [{"Users": […]}], "Exclude": […]}, …},
//!  "Controls": [{"Control": […]}], "SessionControls": […]}}
//! ```
//!
//! It is another document with the same meaning, so it becomes the same model. The outer list of
//! controls is AND, the inner ones are OR. Type 18 is the tenant's default policy, type 6 the
//! list of known networks.

use super::reader::{LocationIndex, Reader, identifier};
use super::synced_conditions::synced_conditions;
use crate::model::{
    Conditions, Control, Grant, GrantOperator, Policy, PolicyState, SessionControls,
};
use crate::timestamp::Timestamp;
use crate::wire::{Json, Node, Refusal, parse};

/// One update.
#[derive(Clone, Debug)]
pub(super) struct Synced {
    /// The line of the file, as `line n`.
    pub(super) place: String,
    pub(super) id: String,
    pub(super) display_name: String,
    pub(super) time: Timestamp,
    pub(super) change: SyncedChange,
}

/// What an update brings.
#[derive(Clone, Debug)]
pub(super) enum SyncedChange {
    /// `policyDetails` of a policy.
    Policy(Json),
    /// Known networks, rewritten as the named location that they are.
    Networks(Json),
    /// No details.
    Nothing,
}

impl Synced {
    /// A refusal inside this update's details.
    pub(super) fn locate(&self, refusal: Refusal) -> Refusal {
        Refusal {
            path: self.path(&refusal.path),
            ..refusal
        }
    }

    /// Where in the file something in this update's details stands.
    pub(super) fn path(&self, pointer: &str) -> String {
        let place = &self.place;
        let SyncedChange::Networks(_) = self.change else {
            return format!("{place}: /policyDetails{pointer}");
        };
        let pushed = NETWORK_MEMBERS.iter().find_map(|(pushed, ours)| {
            let below = pointer.strip_prefix('/')?.strip_prefix(ours)?;
            Some(format!("/{pushed}{below}"))
        });
        let pointer = pushed.as_deref().unwrap_or(pointer);
        format!("{place}: /policyDetails/KnownNetworkPolicies{pointer}")
    }
}

/// Members of known networks, and those of the named location that they become.
const NETWORK_MEMBERS: [(&str, &str); 5] = [
    ("NetworkId", "id"),
    ("NetworkName", "displayName"),
    ("CountryIsoCodes", "countriesAndRegions"),
    ("ApplyToUnknownCountry", "includeUnknownCountriesAndRegions"),
    ("CidrIpRanges", "ipRanges"),
];

/// Reads the updates of a file up to an instant.
pub(super) fn synced_updates(text: &str, until: Option<Timestamp>) -> (Vec<Synced>, Vec<Refusal>) {
    let mut updates = Vec::new();
    let mut refused = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let place = format!("line {}", index + 1);
        let read = parse(line)
            .map_err(|reason| Refusal {
                path: String::new(),
                reason: format!("not JSON: {reason}"),
                remedy: "write one update to a line".to_owned(),
            })
            .and_then(|json| update(&json, place.clone()));
        match read {
            Ok(update) if until.is_none_or(|until| update.time <= until) => updates.push(update),
            Ok(_) => {}
            Err(refusal) => refused.push(Refusal {
                path: format!("{place}: {}", refusal.path),
                ..refusal
            }),
        }
    }
    (updates, refused)
}

fn update(json: &Json, place: String) -> Result<Synced, Refusal> {
    let node = Node::root(json).object()?;
    let remedy = "export the update with its time, parameters and policyDetails";
    let time = match node.member("time")? {
        Some(time) => Timestamp::from_rfc3339(time.text()?)
            .map_err(|error| time.refuse(error.to_string(), "write an RFC 3339 instant"))?,
        None => return Err(node.refuse("an update without `time`", remedy)),
    };
    let parameters = match node.member("parameters")? {
        Some(parameters) => parameters.object()?,
        None => return Err(node.refuse("an update without `parameters`", remedy)),
    };
    let parameter = |name: &str| -> Result<&str, Refusal> {
        match parameters.member(name)? {
            Some(value) => value.text(),
            None => Ok(""),
        }
    };
    let identity = parameter("Identity")?;
    let id = identity.rsplit('\\').next().unwrap_or_default();
    let change = match node.member("policyDetails")? {
        None => SyncedChange::Nothing,
        Some(details) if id.is_empty() => {
            return Err(details.refuse("policy details without `Identity`", remedy));
        }
        Some(details) => {
            let details = details.object()?;
            match details.member("KnownNetworkPolicies")? {
                Some(networks) => SyncedChange::Networks(named_location(&networks.object()?)?),
                None => SyncedChange::Policy(details.value.clone()),
            }
        }
    };
    Ok(Synced {
        place,
        id: id.to_owned(),
        display_name: parameter("DisplayName")?.to_owned(),
        time,
        change,
    })
}

/// Known networks in the form of a Graph named location.
fn named_location(node: &Node<'_>) -> Result<Json, Refusal> {
    let member = |name: &str| -> Result<Json, Refusal> {
        Ok(node
            .member(name)?
            .map_or(Json::Null, |member| member.value.clone()))
    };
    let text = |text: &str| Json::Text(text.to_owned());
    // Without one no policy can name it, and no later update take its place.
    let id = match node.member("NetworkId")? {
        Some(id) if !id.text()?.trim().is_empty() => id.value.clone(),
        _ => {
            return Err(node.refuse(
                "known networks without `NetworkId`",
                "export the update again, with the id by which policies name the networks",
            ));
        }
    };
    let countries = member("CountryIsoCodes")?;
    let mut members = vec![
        ("id".to_owned(), id),
        ("displayName".to_owned(), member("NetworkName")?),
    ];
    if matches!(&countries, Json::Array(items) if !items.is_empty()) {
        members.push((
            "@odata.type".to_owned(),
            text("#microsoft.graph.countryNamedLocation"),
        ));
        members.push(("countriesAndRegions".to_owned(), countries));
        members.push((
            "includeUnknownCountriesAndRegions".to_owned(),
            member("ApplyToUnknownCountry")?,
        ));
    } else {
        let trusted = node.member("Categories")?.map_or(Ok(false), |list| {
            let texts = list.texts()?;
            Ok(texts
                .iter()
                .any(|(text, _)| text.eq_ignore_ascii_case("trusted")))
        })?;
        members.push((
            "@odata.type".to_owned(),
            text("#microsoft.graph.ipNamedLocation"),
        ));
        members.push(("ipRanges".to_owned(), member("CidrIpRanges")?));
        members.push(("isTrusted".to_owned(), Json::Bool(trusted)));
    }
    Ok(Json::Object(members))
}

/// Reads a policy's details.
pub(super) fn synced_policy(
    update: &Synced,
    details: &Json,
    locations: &LocationIndex,
    reader: &mut Reader<'_>,
) -> Result<Policy, Refusal> {
    let node = Node::root(details);
    let state = match node.member("State")? {
        Some(state) => match state.text()? {
            text if text.eq_ignore_ascii_case("Enabled") => PolicyState::Enabled,
            text if text.eq_ignore_ascii_case("Disabled") => PolicyState::Disabled,
            text if text.eq_ignore_ascii_case("Reporting") => PolicyState::ReportOnly,
            text => {
                return Err(state.refuse(
                    format!(
                        "`{}` is no state",
                        text.chars().take(64).collect::<String>()
                    ),
                    "write Enabled, Disabled or Reporting",
                ));
            }
        },
        None => return Err(node.refuse("details without `State`", "export the update again")),
    };
    let conditions = match node.member("Conditions")? {
        Some(conditions) => synced_conditions(&conditions.object()?, locations, reader)?,
        None => Conditions::default(),
    };
    let mut modified = Some(update.time);
    for name in [
        "ModifiedDateTime",
        "LastUpdatedTimestamp",
        "CreatedDateTime",
    ] {
        if let Some(time) = node.member(name)? {
            modified = Timestamp::from_rfc3339(time.text()?).ok().or(modified);
            break;
        }
    }
    Ok(Policy {
        id: identifier(&node, &update.id)?,
        display_name: update.display_name.clone(),
        state,
        modified,
        conditions,
        grant: grant(&node)?,
        session: session(&node)?,
        origin: reader.origin(&node),
    })
}

fn grant(node: &Node<'_>) -> Result<Option<Grant>, Refusal> {
    let Some(outer) = node.member("Controls")? else {
        return Ok(None);
    };
    let mut groups = Vec::new();
    for group in outer.elements() {
        if let Some(inner) = group.object()?.member("Control")? {
            let group: Vec<Control> = inner
                .texts()?
                .into_iter()
                .map(|(text, _)| control(text))
                .collect();
            if !group.is_empty() {
                groups.push(group);
            }
        }
    }
    Ok(match groups.len() {
        0 => None,
        1 => Some(Grant {
            operator: GrantOperator::Or,
            controls: groups.swap_remove(0),
        }),
        // One level is all that a grant has: a choice inside a conjunction is the issuer's.
        _ => Some(Grant {
            operator: GrantOperator::And,
            controls: groups
                .into_iter()
                .map(|mut group| match group.len() {
                    1 => group.swap_remove(0),
                    _ => Control::Unknown(
                        group
                            .iter()
                            .map(Control::as_str)
                            .collect::<Vec<_>>()
                            .join(" or "),
                    ),
                })
                .collect(),
        }),
    })
}

fn control(text: &str) -> Control {
    match text {
        "Block" => Control::Block,
        "Mfa" => Control::Mfa,
        "RequireCompliantDevice" => Control::CompliantDevice,
        "RequireDomainJoinedDevice" => Control::DomainJoinedDevice,
        "RequireApprovedApp" => Control::ApprovedApplication,
        "RequireCompliantApp" => Control::CompliantApplication,
        other => Control::Unknown(other.chars().take(256).collect()),
    }
}

fn session(node: &Node<'_>) -> Result<SessionControls, Refusal> {
    let mut session = SessionControls::default();
    if let Some(list) = node.member("SessionControls")? {
        session.issuer_controls = list
            .texts()?
            .into_iter()
            .map(|(text, _)| text.to_owned())
            .collect();
    }
    for name in ["SignInFrequency", "PersistentBrowserSessionMode"] {
        let set = node
            .member(name)?
            .is_some_and(|member| *member.value != Json::Text("NotSet".to_owned()));
        if set {
            session.issuer_controls.push(name.to_owned());
        }
    }
    Ok(session)
}
