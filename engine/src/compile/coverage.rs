//! What this engine cannot judge, and which policies carry it.
//!
//! Nothing of it is skipped: such a condition is unknown when a decision is made, and such a
//! control is left to the issuer. This list is how an operator learns of it beforehand.

use std::collections::{BTreeMap, BTreeSet};

use super::report::NotJudged;
use crate::model::{
    Control, ExternalTenants, LocationReference, NamedLocationKind, Policy, SignInFrequency,
    TenantModel, Users,
};

/// Lists the conditions and controls that cannot be judged here, sorted by name.
pub(super) fn not_judged(model: &TenantModel) -> Vec<NotJudged> {
    let mut carriers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for policy in &model.policies {
        for name in names(policy, model) {
            carriers
                .entry(name)
                .or_default()
                .insert(policy.id.to_string());
        }
    }
    carriers
        .into_iter()
        .map(|(condition, policies)| NotJudged {
            condition,
            policies: policies.into_iter().collect(),
        })
        .collect()
}

fn names(policy: &Policy, model: &TenantModel) -> Vec<String> {
    let mut names = Vec::new();
    let conditions = &policy.conditions;
    let mut add = |name: &str| names.push(name.to_owned());
    if let Some(users) = &conditions.users {
        if !users.include.unresolved.is_empty() {
            add("users");
        }
        if enumerates_tenants(&users.include) || enumerates_tenants(&users.exclude) {
            add("users.externalTenants");
        }
    }
    if let Some(workloads) = &conditions.workloads
        && !workloads.include.unresolved.is_empty()
    {
        add("clientApplications");
    }
    if let Some(applications) = &conditions.applications {
        if !applications.include.unresolved.is_empty() {
            add("applications");
        }
        if !applications.user_actions.is_empty() {
            add("applications.includeUserActions");
        }
    }
    if let Some(locations) = &conditions.locations
        && locations
            .include
            .iter()
            .chain(&locations.exclude)
            .any(|reference| is_unknown(reference, model))
    {
        add("locations");
    }
    for (name, present) in [
        ("clientAppTypes", conditions.client_app_types.is_some()),
        ("platforms", conditions.platforms.is_some()),
        ("devices.deviceFilter", conditions.devices.is_some()),
    ] {
        if present {
            add(name);
        }
    }
    for unjudged in &conditions.unjudged {
        add(&unjudged.name);
    }
    for control in policy.grant.iter().flat_map(|grant| &grant.controls) {
        match control {
            // Judged: by the decision itself, the token's `amr`, the compliance register.
            Control::Block | Control::Mfa | Control::CompliantDevice => {}
            other => add(&format!("grantControls.{}", other.as_str())),
        }
    }
    if policy.session.sign_in_frequency == Some(SignInFrequency::EveryTime) {
        add("sessionControls.signInFrequency");
    }
    for name in &policy.session.issuer_controls {
        add(&format!("sessionControls.{name}"));
    }
    names
}

fn enumerates_tenants(users: &Users) -> bool {
    users
        .guests
        .as_ref()
        .is_some_and(|guests| guests.tenants != ExternalTenants::All)
}

/// Whether some address, or every one, is neither known to be in nor out of the location.
fn is_unknown(reference: &LocationReference, model: &TenantModel) -> bool {
    match reference {
        LocationReference::All => false,
        LocationReference::AllTrusted => false,
        LocationReference::MfaTrustedIps => model.trusted_ips.is_none(),
        LocationReference::CompliantNetwork | LocationReference::Dangling(_) => true,
        LocationReference::Named(index) => match model.locations.get(*index).map(|it| &it.kind) {
            Some(NamedLocationKind::Ranges { .. }) => false,
            Some(NamedLocationKind::Countries { by_gps, .. }) => {
                *by_gps || model.countries.is_none()
            }
            Some(
                NamedLocationKind::CompliantNetwork { .. } | NamedLocationKind::Unknown { .. },
            )
            | None => true,
        },
    }
}
