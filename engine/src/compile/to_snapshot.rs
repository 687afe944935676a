//! Model to snapshot: resolve, order and precompute what does not depend on a request.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::countries::disjoint_countries;
use crate::decision::PolicyIndex;
use crate::evaluate::{Condition, Truth};
use crate::event::RiskLevel;
use crate::model::{
    Conditions, ContinuousAccessEvaluation, Control, Grant, LocationReference, LocationScope,
    NamedLocationKind, Policy, PolicyState, SignInFrequency, TenantModel,
};
use crate::settings::TenantSettings;
use crate::snapshot::location_table::{
    CountryLocation, LocationCondition, LocationName, LocationSide, LocationTable,
};
use crate::snapshot::policy_table::{
    CompiledPolicy, Judged, PolicyRows, PolicyTable, RISK_ROWS, risk_row,
};
use crate::snapshot::prefix_table::{
    LocationIndex, PrefixTable, PrefixTableBuilder, PrefixTableError,
};
use crate::snapshot::{MembershipTable, TenantSnapshot};
use crate::token::SubjectKind;

/// Why a model cannot become a snapshot. Only sizes can be wrong by now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// More locations or sets of locations than can be numbered.
    #[error(transparent)]
    Locations(#[from] PrefixTableError),
    /// More members of synchronised groups than can be numbered.
    #[error(
        "the synchronised groups of a tenant cannot have more than {} members",
        u32::MAX
    )]
    TooManyMembers,
    /// More policies than can be numbered.
    #[error(
        "a tenant cannot have more than {} policies, this one has {count}",
        u32::MAX
    )]
    TooManyPolicies {
        /// The number found.
        count: usize,
    },
}

impl TenantSnapshot {
    /// Compiles `model` into what decisions read.
    ///
    /// Costs `O(p log p)` in the prefixes of all locations, plus the size of the policies.
    ///
    /// # Errors
    /// Sizes beyond 2^32.
    pub fn compile(
        model: &TenantModel,
        settings: TenantSettings,
        version: u64,
    ) -> Result<TenantSnapshot, SnapshotError> {
        let (locations, compiled) = compile_locations(model)?;
        let mut policies = compile_policies(&model.policies, &compiled)?;
        precompute(&mut policies, &locations);
        Ok(TenantSnapshot {
            version,
            settings,
            policies,
            locations,
            memberships: MembershipTable::compile(&model.memberships)
                .ok_or(SnapshotError::TooManyMembers)?,
        })
    }
}

/// What a reference to a named location means, by its position in the model.
struct CompiledLocations {
    locations: Vec<CompiledLocation>,
    /// The imported MFA trusted IPs; `None` if they were not imported.
    trusted_ips: Option<LocationIndex>,
}

enum CompiledLocation {
    Ranges { index: LocationIndex, trusted: bool },
    Countries(CountryLocation),
    CompliantNetwork { trusted: bool },
    Unknown,
}

fn compile_locations(
    model: &TenantModel,
) -> Result<(LocationTable, CompiledLocations), PrefixTableError> {
    let mut builder = PrefixTable::builder();
    let mut names = Vec::new();
    let mut locations = Vec::new();
    let mut number = |name: Option<LocationName>| {
        let index = LocationIndex::new(names.len());
        names.push(name);
        index
    };
    for location in &model.locations {
        let name = Some(LocationName {
            id: location.id.clone(),
            display_name: location.display_name.clone(),
        });
        locations.push(match &location.kind {
            NamedLocationKind::Ranges { ranges, trusted } => {
                let index = number(name)?;
                insert_all(&mut builder, ranges, index);
                CompiledLocation::Ranges {
                    index,
                    trusted: *trusted,
                }
            }
            NamedLocationKind::Countries {
                countries,
                include_unknown,
                by_gps,
            } => {
                let mut countries = countries.clone();
                countries.sort_unstable();
                countries.dedup();
                CompiledLocation::Countries(CountryLocation {
                    countries,
                    include_unknown: *include_unknown,
                    by_gps: *by_gps,
                    index: number(name)?,
                })
            }
            NamedLocationKind::CompliantNetwork { trusted } => {
                CompiledLocation::CompliantNetwork { trusted: *trusted }
            }
            NamedLocationKind::Unknown { .. } => CompiledLocation::Unknown,
        });
    }
    let trusted_ips = match &model.trusted_ips {
        None => None,
        Some(ranges) => {
            let name = crate::identifier::Identifier::new(crate::model::MFA_TRUSTED_IPS)
                .ok()
                .map(|id| LocationName {
                    id,
                    display_name: "MFA trusted IPs".to_owned(),
                });
            let index = number(name)?;
            insert_all(&mut builder, ranges, index);
            Some(index)
        }
    };
    let known_country = match &model.countries {
        None => None,
        Some(table) => {
            let known = number(None)?;
            let mut by_country: BTreeMap<[u8; 2], Vec<LocationIndex>> = BTreeMap::new();
            for location in &locations {
                if let CompiledLocation::Countries(location) = location
                    && !location.by_gps
                {
                    for country in &location.countries {
                        by_country.entry(*country).or_default().push(location.index);
                    }
                }
            }
            for (prefix, country) in disjoint_countries(&table.prefixes) {
                builder.insert(prefix, known);
                for &index in by_country.get(&country).into_iter().flatten() {
                    builder.insert(prefix, index);
                }
            }
            Some(known)
        }
    };
    let table = LocationTable {
        prefixes: builder.build()?,
        names,
        known_country,
    };
    Ok((
        table,
        CompiledLocations {
            locations,
            trusted_ips,
        },
    ))
}

fn insert_all(builder: &mut PrefixTableBuilder, ranges: &[IpNet], index: LocationIndex) {
    for &range in ranges {
        builder.insert(range, index);
    }
}

impl CompiledLocations {
    fn side(&self, references: &[LocationReference], is_include: bool) -> LocationSide {
        let mut side = LocationSide::default();
        for reference in references {
            match reference {
                LocationReference::All => side.all = true,
                LocationReference::AllTrusted => self.add_trusted(&mut side),
                LocationReference::MfaTrustedIps => match self.trusted_ips {
                    Some(index) => side.ranges.push(index),
                    None => side.unknown = true,
                },
                LocationReference::CompliantNetwork => side.compliant_network = true,
                LocationReference::Named(position) => match self.locations.get(*position) {
                    Some(CompiledLocation::Ranges { index, .. }) => side.ranges.push(*index),
                    Some(CompiledLocation::Countries(location)) => {
                        side.countries.push(location.clone());
                    }
                    Some(CompiledLocation::CompliantNetwork { .. }) => {
                        side.compliant_network = true;
                    }
                    Some(CompiledLocation::Unknown) => side.unknown = true,
                    // The model's own reader never makes one; a hand-made model may.
                    None => side.unknown |= is_include,
                },
                LocationReference::Dangling(_) => side.unknown |= is_include,
            }
        }
        side.ranges.sort_unstable();
        side.ranges.dedup();
        side
    }

    fn add_trusted(&self, side: &mut LocationSide) {
        for location in &self.locations {
            match location {
                CompiledLocation::Ranges {
                    index,
                    trusted: true,
                } => side.ranges.push(*index),
                CompiledLocation::CompliantNetwork { trusted: true } => {
                    side.compliant_network = true;
                }
                _ => {}
            }
        }
        side.ranges.extend(self.trusted_ips);
    }
}

fn compile_policies(
    policies: &[Policy],
    locations: &CompiledLocations,
) -> Result<PolicyTable, SnapshotError> {
    let mut table = PolicyTable::default();
    for policy in policies {
        let index =
            PolicyIndex::new(table.policies.len()).ok_or(SnapshotError::TooManyPolicies {
                count: policies.len(),
            })?;
        let compiled = compile_policy(policy, locations);
        if compiled.state == PolicyState::Enabled {
            if compiled.judged.any() {
                table.enforced.push(index);
            } else if let Some(modified) = compiled.modified {
                table.by_modification.push((modified, index));
            }
            if let Some(mode) = policy.session.continuous_access_evaluation {
                table.modes.push((mode, index));
            }
        }
        table.policies.push(compiled);
    }
    table.by_modification.sort_unstable_by(|a, b| b.cmp(a));
    // Strict beats everything, so it is looked for first.
    table
        .modes
        .sort_by_key(|(mode, _)| *mode != ContinuousAccessEvaluation::StrictLocation);
    Ok(table)
}

/// Answers the conditions that have few possible inputs for all of them at once.
fn precompute(table: &mut PolicyTable, locations: &LocationTable) {
    let enforced: Vec<&CompiledPolicy> = table
        .enforced
        .iter()
        .filter_map(|&index| table.policies.get(index.index()))
        .collect();
    let sets: Vec<_> = locations.prefixes.sets().collect();
    let at_location = PolicyRows::build(sets.len(), enforced.len(), |set, position| {
        let condition = enforced[position].locations.as_ref();
        condition.is_none_or(|condition| locations.matches_in(condition, sets[set]) != Truth::False)
    });
    let blocks_at = PolicyRows::build(sets.len(), enforced.len(), |set, position| {
        let policy = enforced[position];
        let matches = |condition| locations.matches_in(condition, sets[set]);
        policy.only_blocks_locations()
            && policy.locations.as_ref().map(matches) == Some(Truth::True)
    });
    let at_risk = PolicyRows::build(RISK_ROWS, enforced.len(), |row, position| {
        let policy = enforced[position];
        [SubjectKind::User, SubjectKind::Workload]
            .into_iter()
            .any(|kind| {
                RiskLevel::ALL.into_iter().any(|level| {
                    risk_row(kind, level) == row
                        && policy.user_risk.is_none_or(|levels| {
                            kind == SubjectKind::User && levels.contains(level)
                        })
                        && policy.service_principal_risk.is_none_or(|levels| {
                            kind == SubjectKind::Workload && levels.contains(level)
                        })
                })
            })
    });
    table.at_location = at_location;
    table.blocks_at = blocks_at;
    table.at_risk = at_risk;
}

/// Whether the condition says more than `All` (semantics §4.2). Decided by what the document says,
/// not by what it comes to: an exclusion that names nothing today is still one to be judged here.
fn is_judged(scope: &LocationScope) -> bool {
    !(scope.exclude.is_empty() && scope.include.contains(&LocationReference::All))
}

/// The conditions that may have an answer; those of scope depend on the token too.
fn configured(conditions: &Conditions) -> u16 {
    [
        (Condition::Users, true),
        (Condition::ServicePrincipals, true),
        (Condition::Application, true),
        (Condition::Location, conditions.locations.is_some()),
        (Condition::UserRisk, conditions.user_risk.is_some()),
        (
            Condition::ServicePrincipalRisk,
            conditions.service_principal_risk.is_some(),
        ),
        (Condition::ClientType, conditions.client_app_types.is_some()),
        (Condition::DevicePlatform, conditions.platforms.is_some()),
        (Condition::DeviceState, conditions.devices.is_some()),
        (Condition::IssuerDecided, !conditions.unjudged.is_empty()),
    ]
    .into_iter()
    .filter(|(_, is_configured)| *is_configured)
    .fold(0, |all, (condition, _)| all | 1 << condition as u16)
}

fn compile_policy(policy: &Policy, locations: &CompiledLocations) -> CompiledPolicy {
    let conditions = &policy.conditions;
    let location_condition = conditions
        .locations
        .as_ref()
        .map(|scope| LocationCondition {
            include: locations.side(&scope.include, true),
            exclude: locations.side(&scope.exclude, false),
        });
    let sign_in_period = match policy.session.sign_in_frequency {
        Some(SignInFrequency::Every { seconds }) => Some(seconds),
        Some(SignInFrequency::EveryTime) | None => None,
    };
    let controls = policy
        .grant
        .as_ref()
        .map_or(&[][..], |grant| &grant.controls);
    CompiledPolicy {
        id: policy.id.clone(),
        display_name: policy.display_name.clone(),
        state: policy.state,
        modified: policy.modified.map(|modified| modified.seconds()),
        users: conditions.users.clone(),
        workloads: conditions.workloads.clone(),
        applications: conditions.applications.clone(),
        user_risk: conditions.user_risk,
        service_principal_risk: conditions.service_principal_risk,
        client_app_types: conditions.client_app_types,
        platforms: conditions.platforms,
        devices: conditions.devices.clone(),
        unjudged: conditions
            .unjudged
            .iter()
            .map(|unjudged| unjudged.name.clone())
            .collect(),
        blocks: policy.grant.as_ref().is_some_and(Grant::blocks),
        configured: configured(conditions),
        grant: policy.grant.clone(),
        sign_in_period,
        judged: Judged {
            location: conditions.locations.as_ref().is_some_and(is_judged),
            risk: conditions.user_risk.is_some() || conditions.service_principal_risk.is_some(),
            authentication_context: conditions
                .applications
                .as_ref()
                .is_some_and(|scope| !scope.authentication_contexts.is_empty()),
            compliant_device: controls.contains(&Control::CompliantDevice),
            sign_in_frequency: sign_in_period.is_some(),
        },
        locations: location_condition,
    }
}
