//! Whether the token shows that the controls of a grant are satisfied (semantics §4.3).

use super::context::Context;
use super::truth::Truth;
use crate::event::Compliance;
use crate::model::{Control, Grant, GrantOperator};

/// Satisfied, failed, or not evidenced.
pub(super) fn satisfied(grant: &Grant, context: &Context<'_>) -> Truth {
    let answers = grant
        .controls
        .iter()
        .map(|control| evidence(control, context));
    match grant.operator {
        GrantOperator::And => answers.fold(Truth::True, Truth::and),
        GrantOperator::Or => answers.fold(Truth::False, Truth::or),
    }
}

/// Whether the device's lost compliance is what the policy objects to, the whole grant being
/// `satisfied` or not.
pub(super) fn device_failed(grant: &Grant, context: &Context<'_>, satisfied: Truth) -> bool {
    if !grant.controls.contains(&Control::CompliantDevice) {
        return false;
    }
    match context.mark.compliance {
        Some((Compliance::NotCompliant, since)) => {
            satisfied == Truth::False || context.token.issued <= since
        }
        Some((Compliance::Compliant, _)) => false,
        None => {
            context.request.signals.device_compliant() == Some(false) && satisfied == Truth::False
        }
    }
}

fn evidence(control: &Control, context: &Context<'_>) -> Truth {
    match control {
        Control::Mfa => {
            let shown = |method: &String| method == "mfa" || method == "ngcmfa";
            if context.token.methods.iter().any(shown) {
                Truth::True
            } else {
                Truth::Unknown
            }
        }
        Control::CompliantDevice => match context.mark.compliance {
            Some((state, _)) => (state == Compliance::Compliant).into(),
            None => context.request.signals.device_compliant().into(),
        },
        Control::DomainJoinedDevice => context.request.signals.device_domain_joined().into(),
        // `block` is never satisfied and never gets here: a grant that blocks is not asked.
        Control::Block
        | Control::ApprovedApplication
        | Control::CompliantApplication
        | Control::PasswordChange
        | Control::RiskRemediation
        | Control::AuthenticationStrength(_)
        | Control::TermsOfUse(_)
        | Control::Custom(_)
        | Control::Unknown(_) => Truth::Unknown,
    }
}
