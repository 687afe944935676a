//! `grantControls` and `sessionControls`: wire to model.

use super::conditions_from_wire::first_lower;
use super::reader::{Reader, identifier};
use super::report::WarningCode;
use crate::model::{
    Conditions, ContinuousAccessEvaluation, Control, Grant, GrantOperator, SessionControls,
    SignInFrequency,
};
use crate::wire::{Json, Node, Refusal};

/// Reads `grantControls`; `None` where it demands nothing.
pub(super) fn grant(node: &Node<'_>, reader: &mut Reader<'_>) -> Result<Option<Grant>, Refusal> {
    if node.is_null() {
        return Ok(None);
    }
    let node = node.clone().object()?;
    reader.repeated_members(&node);
    let mut controls = Vec::new();
    if let Some(list) = node.member("builtInControls")? {
        for (text, _) in list.texts()? {
            controls.push(built_in(text));
        }
    }
    if let Some(list) = node.member("customAuthenticationFactors")? {
        for (text, place) in list.texts()? {
            controls.push(Control::Custom(identifier(&place, text)?));
        }
    }
    if let Some(list) = node.member("termsOfUse")? {
        for (text, place) in list.texts()? {
            controls.push(Control::TermsOfUse(identifier(&place, text)?));
        }
    }
    if let Some(strength) = node.member("authenticationStrength")? {
        controls.extend(authentication_strength(&strength)?);
    }
    for (name, member) in node.members() {
        // It may demand something: never dropped.
        if !GRANT_MEMBERS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
            && !member.is_unset()
        {
            controls.push(Control::Unknown(first_lower(name)));
        }
    }
    if controls.is_empty() {
        return Ok(None);
    }
    Ok(Some(Grant {
        operator: operator(&node, controls.len(), reader)?,
        controls,
    }))
}

const GRANT_MEMBERS: [&str; 5] = [
    "operator",
    "builtInControls",
    "customAuthenticationFactors",
    "termsOfUse",
    "authenticationStrength",
];

fn built_in(text: &str) -> Control {
    [
        Control::Block,
        Control::Mfa,
        Control::CompliantDevice,
        Control::DomainJoinedDevice,
        Control::ApprovedApplication,
        Control::CompliantApplication,
        Control::PasswordChange,
        Control::RiskRemediation,
    ]
    .into_iter()
    .find(|control| control.as_str().eq_ignore_ascii_case(text))
    .unwrap_or_else(|| Control::Unknown(text.chars().take(256).collect()))
}

fn authentication_strength(node: &Node<'_>) -> Result<Option<Control>, Refusal> {
    if node.is_unset() {
        return Ok(None);
    }
    let node = match node.value {
        Json::Text(text) => {
            return Ok(Some(Control::AuthenticationStrength(identifier(
                node, text,
            )?)));
        }
        _ => node.clone().object()?,
    };
    for name in ["id", "displayName"] {
        if let Some(member) = node.member(name)? {
            let id = identifier(&member, member.text()?)?;
            return Ok(Some(Control::AuthenticationStrength(id)));
        }
    }
    Ok(Some(Control::Unknown("authenticationStrength".to_owned())))
}

fn operator(
    node: &Node<'_>,
    controls: usize,
    reader: &mut Reader<'_>,
) -> Result<GrantOperator, Refusal> {
    match node.member("operator")? {
        Some(operator) => match operator.text()? {
            text if text.eq_ignore_ascii_case("and") => Ok(GrantOperator::And),
            text if text.eq_ignore_ascii_case("or") => Ok(GrantOperator::Or),
            text => Err(operator.refuse(
                format!(
                    "`{}` is no operator",
                    text.chars().take(64).collect::<String>()
                ),
                "write AND or OR",
            )),
        },
        None => {
            if controls > 1 {
                reader.warn(
                    node,
                    WarningCode::OperatorMissing,
                    "several controls and no `operator`: all of them are required",
                );
            }
            Ok(GrantOperator::And)
        }
    }
}

/// Reads `sessionControls`.
pub(super) fn session(
    node: &Node<'_>,
    conditions: &Conditions,
    reader: &mut Reader<'_>,
) -> Result<SessionControls, Refusal> {
    let mut session = SessionControls::default();
    if node.is_null() && !node.has("continuousAccessEvaluation") {
        return Ok(session);
    }
    let node = node.clone().object()?;
    reader.repeated_members(&node);
    if let Some(control) = node.member("signInFrequency")? {
        session.sign_in_frequency = sign_in_frequency(&control)?;
    }
    if let Some(control) = node.member("continuousAccessEvaluation")? {
        session.continuous_access_evaluation =
            continuous_access_evaluation(&control, conditions, reader)?;
    }
    for (name, member) in node.members() {
        let read = name.eq_ignore_ascii_case("signInFrequency")
            || name.eq_ignore_ascii_case("continuousAccessEvaluation");
        let name = first_lower(name);
        if !read && is_enabled(&member)? && !session.issuer_controls.contains(&name) {
            session.issuer_controls.push(name);
        }
    }
    Ok(session)
}

/// A control without `isEnabled` is enabled by being configured.
fn is_enabled(node: &Node<'_>) -> Result<bool, Refusal> {
    if node.is_unset() {
        return Ok(false);
    }
    match node.value {
        Json::Bool(enabled) => Ok(*enabled),
        Json::Object(_) => match node.member("isEnabled")? {
            Some(enabled) => enabled.boolean(),
            None => Ok(true),
        },
        _ => Ok(true),
    }
}

fn sign_in_frequency(node: &Node<'_>) -> Result<Option<SignInFrequency>, Refusal> {
    if node.is_null() || !is_enabled(node)? {
        return Ok(None);
    }
    let node = node.clone().object()?;
    if let Some(interval) = node.member("frequencyInterval")?
        && interval.text()?.eq_ignore_ascii_case("everyTime")
    {
        return Ok(Some(SignInFrequency::EveryTime));
    }
    let remedy = "write a whole number from 1 up as `value`, and hours or days as `type`";
    let hours = match node.member("type")? {
        Some(unit) if unit.text()?.eq_ignore_ascii_case("hours") => 1,
        Some(unit) if unit.text()?.eq_ignore_ascii_case("days") => 24,
        _ => return Err(node.refuse("a sign-in frequency whose `type` is unknown", remedy)),
    };
    let value = match node.member("value")? {
        Some(member) => match member.value {
            Json::Number(number) => Some(*number),
            Json::Text(text) => text.trim().parse().ok(),
            _ => None,
        },
        None => None,
    };
    match value {
        #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
        Some(value) if value.fract() == 0.0 && (1.0..=100_000.0).contains(&value) => {
            Ok(Some(SignInFrequency::Every {
                seconds: value as i64 * hours * 3600,
            }))
        }
        _ => Err(node.refuse("a sign-in frequency whose `value` is no period", remedy)),
    }
}

fn continuous_access_evaluation(
    node: &Node<'_>,
    conditions: &Conditions,
    reader: &mut Reader<'_>,
) -> Result<Option<ContinuousAccessEvaluation>, Refusal> {
    if *node.value == Json::Null {
        return Ok(None);
    }
    let node = node.clone().object()?;
    let Some(mode) = node.member("mode")? else {
        // A `null` is how PowerShell writes a control that is not configured.
        if !node.has("mode") {
            reader.warn(
                &node,
                WarningCode::ContinuousAccessEvaluationMode,
                "no `mode`: the control has no effect",
            );
        }
        return Ok(None);
    };
    match mode.text()? {
        text if text.eq_ignore_ascii_case("strictLocation") => {
            Ok(Some(ContinuousAccessEvaluation::StrictLocation))
        }
        text if text.eq_ignore_ascii_case("strictEnforcement") => {
            reader.warn(
                &mode,
                WarningCode::StrictEnforcement,
                "`strictEnforcement` was withdrawn; read as `strictLocation`",
            );
            Ok(Some(ContinuousAccessEvaluation::StrictLocation))
        }
        // Graph hides strictLocation behind this value from clients that did not ask for it.
        text if text.eq_ignore_ascii_case("unknownFutureValue") => {
            reader.warn(
                &mode,
                WarningCode::ContinuousAccessEvaluationMode,
                "`unknownFutureValue` hides the mode; read as `strictLocation`. Export with \
                 `Prefer: include-unknown-enum-members`",
            );
            Ok(Some(ContinuousAccessEvaluation::StrictLocation))
        }
        text if text.eq_ignore_ascii_case("disabled") => {
            if is_unconditional(conditions) {
                return Ok(Some(ContinuousAccessEvaluation::Disabled));
            }
            Err(mode.refuse(
                "continuous access evaluation can only be disabled for all applications and \
                 without further conditions",
                "include all applications, exclude none and remove the other conditions",
            ))
        }
        text => {
            let shown: String = text.chars().take(64).collect();
            reader.warn(
                &mode,
                WarningCode::ContinuousAccessEvaluationMode,
                format!("`{shown}` is unknown to this version: the control has no effect"),
            );
            Ok(None)
        }
    }
}

/// All applications, and no condition but users.
fn is_unconditional(conditions: &Conditions) -> bool {
    let applications = conditions.applications.as_ref().is_none_or(|scope| {
        scope.include.all
            && scope.exclude == crate::model::Applications::default()
            && !scope.filtered
    });
    applications
        && conditions.locations.is_none()
        && conditions.user_risk.is_none()
        && conditions.service_principal_risk.is_none()
        && conditions.client_app_types.is_none()
        && conditions.platforms.is_none()
        && conditions.devices.is_none()
        && conditions.unjudged.is_empty()
}
