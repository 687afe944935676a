//! A `conditionalAccessPolicy`: wire to model.

use super::conditions_from_wire::conditions;
use super::controls_from_wire::{grant, session};
use super::reader::{LocationIndex, Reader};
use super::report::WarningCode;
use crate::model::{Policy, PolicyState, SessionControls};
use crate::wire::{Kind, Node, Refusal};

/// Reads a policy, or the policy inside a template.
pub(super) fn policy(
    node: &Node<'_>,
    kind: Kind,
    locations: &LocationIndex,
    reader: &mut Reader<'_>,
) -> Result<Policy, Refusal> {
    let node = node.clone().object()?;
    reader.repeated_members(&node);
    let id = reader.identifier(&node)?;
    let display_name = Reader::display_name(&node)?;
    let state = state(&node, kind, reader)?;
    let modified = reader.modified(&node)?;
    let Some(conditions_node) = node.member("conditions")? else {
        return Err(node.refuse(
            "a policy without `conditions`",
            "export the policy with its conditions; Graph always has them",
        ));
    };
    let conditions = conditions(&conditions_node.object()?, locations, reader)?;
    let grant = match node.member("grantControls")? {
        Some(controls) => grant(&controls, reader)?,
        None => None,
    };
    let session = match node.member("sessionControls")? {
        Some(controls) => session(&controls, &conditions, reader)?,
        None => SessionControls::default(),
    };
    if state != PolicyState::Disabled && grant.is_none() && session == SessionControls::default() {
        reader.warn(
            &node,
            WarningCode::EmptyPolicy,
            "the policy has no grant control and no enabled session control: it demands nothing",
        );
    }
    Ok(Policy {
        id,
        display_name,
        state,
        modified,
        conditions,
        grant,
        session,
        origin: reader.origin(&node),
    })
}

fn state(node: &Node<'_>, kind: Kind, reader: &mut Reader<'_>) -> Result<PolicyState, Refusal> {
    let remedy = "write enabled, disabled or enabledForReportingButNotEnforced";
    let state = match node.member("state")? {
        Some(state) => match state.text()? {
            text if text.eq_ignore_ascii_case("enabled") => PolicyState::Enabled,
            text if text.eq_ignore_ascii_case("disabled") => PolicyState::Disabled,
            text if text.eq_ignore_ascii_case("enabledForReportingButNotEnforced") => {
                PolicyState::ReportOnly
            }
            text => {
                let shown: String = text.chars().take(64).collect();
                return Err(state.refuse(format!("`{shown}` is no state of a policy"), remedy));
            }
        },
        None if kind == Kind::Template => {
            reader.warn(
                node,
                WarningCode::TemplateWithoutState,
                "a policy template, not a policy in force: compiled as disabled",
            );
            PolicyState::Disabled
        }
        None => return Err(node.refuse("a policy without `state`", remedy)),
    };
    if let Some(deleted) = node.member("deletedDateTime")? {
        reader.warn(
            &deleted,
            WarningCode::Deleted,
            "the policy is soft-deleted: compiled as disabled",
        );
        return Ok(PolicyState::Disabled);
    }
    Ok(state)
}
