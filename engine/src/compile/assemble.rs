//! One compilation: all files of a tenant, put together.
//!
//! Locations come first, because policies refer to them by id, across files and in any order;
//! then policies; then the tables; then what only shows when everything is there.

use super::coverage::not_judged;
use super::documents::{Content, Documents, Source};
use super::from_synced::{SyncedChange, synced_policy};
use super::from_wire::policy;
use super::locations_from_wire::location;
use super::reader::{LocationIndex, Reader, identifier};
use super::report::{PolicyCounts, RangeCounts, Refused, Report, Warning, WarningCode};
use super::slots::{Again, Slots};
use super::{country_database, country_list, prefix_list};
use crate::model::{
    ContinuousAccessEvaluation, LocationReference, NamedLocation, NamedLocationKind, Policy,
    PolicyState, TenantModel,
};
use crate::wire::{Found, Json, Kind, Node, Refusal, find};

/// The state of one compilation.
pub(super) struct Assembly<'run> {
    documents: &'run Documents,
    found: Vec<Found<'run>>,
    model: TenantModel,
    index: LocationIndex,
    warnings: Vec<Warning>,
    refused: Vec<Refused>,
}

impl<'run> Assembly<'run> {
    pub(super) fn new(documents: &'run Documents) -> Assembly<'run> {
        let found = documents
            .sources
            .iter()
            .map(|source| match &source.content {
                Content::Json(json) => find(json),
                _ => Found::default(),
            })
            .collect();
        Assembly {
            documents,
            found,
            model: TenantModel::default(),
            index: LocationIndex::default(),
            warnings: Vec::new(),
            refused: Vec::new(),
        }
    }

    pub(super) fn run(mut self) -> (TenantModel, Report) {
        self.locations();
        self.policies();
        self.tables();
        self.cross_checks();
        self.finish()
    }

    fn again(&self) -> Again {
        if self.documents.updates {
            Again::Replace
        } else {
            Again::Refuse
        }
    }

    fn locations(&mut self) {
        let again = self.again();
        let mut slots = Slots::new();
        for (source, found) in self.documents.sources.iter().zip(&self.found) {
            let mut reader = reader(
                source,
                self.documents,
                &mut self.warnings,
                &mut self.refused,
            );
            for (kind, node) in &found.documents {
                if *kind != Kind::Location {
                    continue;
                }
                let deleted = matches!(node.member("deletedDateTime"), Ok(Some(_)));
                match location(node, &mut reader) {
                    Ok(location) if deleted => {
                        reader.warn(
                            node,
                            WarningCode::Deleted,
                            "the location is soft-deleted: references to it dangle",
                        );
                        slots.delete(&location.id, again);
                    }
                    Ok(location) => slots.put(location, node, again, &mut reader),
                    Err(refusal) => reader.refuse(refusal),
                }
            }
            if let Content::Synced { updates, .. } = &source.content {
                for update in updates {
                    let SyncedChange::Networks(json) = &update.change else {
                        continue;
                    };
                    let node = Node::root(json);
                    reader.update = Some(update);
                    match location(&node, &mut reader) {
                        Ok(location) => slots.put(location, &node, Again::Replace, &mut reader),
                        Err(refusal) => reader.refuse(update.locate(refusal)),
                    }
                }
            }
        }
        self.model.locations = slots.into_items();
        for (position, location) in self.model.locations.iter().enumerate() {
            let reference = match location.kind {
                NamedLocationKind::CompliantNetwork { .. } => LocationReference::CompliantNetwork,
                _ => LocationReference::Named(position),
            };
            self.index.by_id.insert(location.id.clone(), reference);
        }
    }

    fn policies(&mut self) {
        let again = self.again();
        let mut slots = Slots::new();
        for (source, found) in self.documents.sources.iter().zip(&self.found) {
            let mut reader = reader(
                source,
                self.documents,
                &mut self.warnings,
                &mut self.refused,
            );
            for refusal in &found.refused {
                reader.refuse(refusal.clone());
            }
            for (kind, node) in &found.documents {
                if !matches!(kind, Kind::Policy | Kind::Template) {
                    continue;
                }
                match policy(node, *kind, &self.index, &mut reader) {
                    Ok(policy) => slots.put(policy, node, again, &mut reader),
                    Err(refusal) => reader.refuse(refusal),
                }
            }
            if let Content::Synced { updates, refused } = &source.content {
                for refusal in refused {
                    reader.refuse(refusal.clone());
                }
                for update in updates {
                    reader.update = Some(update);
                    let read = match &update.change {
                        SyncedChange::Policy(json) => {
                            synced_policy(update, json, &self.index, &mut reader)
                        }
                        SyncedChange::Networks(_) => continue,
                        SyncedChange::Nothing => {
                            reader.warn_at(
                                &update.place,
                                WarningCode::NoContent,
                                "an update without policy details: nothing changes",
                            );
                            continue;
                        }
                    };
                    match read {
                        Ok(policy) => {
                            let nowhere = Node::root(&Json::Null);
                            slots.put(policy, &nowhere, Again::Replace, &mut reader);
                        }
                        Err(refusal) => reader.refuse(update.locate(refusal)),
                    }
                }
            }
        }
        self.model.policies = slots.into_items();
    }

    /// Memberships, trusted ranges, countries, and the files that cannot be read at all.
    fn tables(&mut self) {
        for (source, found) in self.documents.sources.iter().zip(&self.found) {
            let mut reader = reader(
                source,
                self.documents,
                &mut self.warnings,
                &mut self.refused,
            );
            let model = &mut self.model;
            let result = match &source.content {
                Content::Json(_) => {
                    if found.documents.is_empty() && found.refused.is_empty() {
                        reader.warn_at("", WarningCode::EmptyFile, "holds an empty list");
                    }
                    found
                        .documents
                        .iter()
                        .filter(|(kind, _)| *kind == Kind::Memberships)
                        .try_for_each(|(_, node)| memberships(node, model))
                }
                Content::Synced { .. } => Ok(()),
                Content::TrustedIps(list) => prefix_list(list)
                    .map(|prefixes| {
                        model.trusted_ips.get_or_insert_default().extend(prefixes);
                    })
                    .map_err(|error| Refusal {
                        path: format!("line {}", error.line),
                        reason: error.to_string(),
                        remedy: "write one prefix to a line, such as 192.0.2.0/24".to_owned(),
                    }),
                Content::CountryList(list) => {
                    country_list::add_list(list, model.countries.get_or_insert_default()).map_err(
                        |(line, reason)| Refusal {
                            path: format!("line {line}"),
                            reason,
                            remedy: "write a country code, a tab and a prefix to a line".to_owned(),
                        },
                    )
                }
                Content::CountryDatabase(bytes) => {
                    country_database::add(bytes, model.countries.get_or_insert_default()).map_err(
                        |reason| Refusal {
                            path: String::new(),
                            reason: format!("not a country database: {reason}"),
                            remedy: "use a MaxMind DB file whose records name countries".to_owned(),
                        },
                    )
                }
                Content::Unreadable { reason, remedy } => Err(Refusal {
                    path: String::new(),
                    reason: reason.clone(),
                    remedy: (*remedy).to_owned(),
                }),
            };
            if let Err(refusal) = result {
                reader.refuse(refusal);
            }
        }
    }

    fn cross_checks(&mut self) {
        let mut warnings = Vec::new();
        let mut warn = |origin: &crate::model::Origin, code, message: &str| {
            warnings.push(Warning {
                file: origin.file.clone(),
                path: origin.pointer.clone(),
                code,
                message: message.to_owned(),
            });
        };
        let model = &self.model;
        let in_force = |policy: &&Policy| policy.state != PolicyState::Disabled;
        let ranges_in_use = model
            .policies
            .iter()
            .filter(in_force)
            .flat_map(references)
            .any(|reference| lists_ranges(reference, model));
        for policy in model.policies.iter().filter(in_force) {
            let strict = policy.session.continuous_access_evaluation
                == Some(ContinuousAccessEvaluation::StrictLocation);
            if strict && !ranges_in_use {
                warn(
                    &policy.origin,
                    WarningCode::StrictWithoutRanges,
                    "strict location enforcement, but no policy in force refers to a location \
                     that lists ranges: there is nothing to be strict about",
                );
            }
            if model.trusted_ips.is_none()
                && references(policy).any(|it| *it == LocationReference::MfaTrustedIps)
            {
                warn(
                    &policy.origin,
                    WarningCode::NoTrustedIps,
                    "refers to the MFA trusted IPs, whose ranges are not loaded: unknown",
                );
            }
        }
        if model.countries.is_none() {
            for location in &model.locations {
                if let NamedLocationKind::Countries { by_gps: false, .. } = location.kind {
                    warn(
                        &location.origin,
                        WarningCode::NoCountryTable,
                        "a country location, and no country table is loaded: unknown unless the \
                         host names the country",
                    );
                }
            }
        }
        self.warnings.extend(warnings);
    }

    fn finish(self) -> (TenantModel, Report) {
        let mut policies = PolicyCounts::default();
        for policy in &self.model.policies {
            match policy.state {
                PolicyState::Enabled => policies.enabled += 1,
                PolicyState::ReportOnly => policies.report_only += 1,
                PolicyState::Disabled => policies.disabled += 1,
            }
        }
        let mut ranges = RangeCounts::default();
        for location in &self.model.locations {
            if let NamedLocationKind::Ranges { ranges: nets, .. } = &location.kind {
                let ipv4 = nets.iter().filter(|net| net.addr().is_ipv4()).count();
                ranges.ipv4 += ipv4;
                ranges.ipv6 += nets.len() - ipv4;
            }
        }
        let report = Report {
            files: self.documents.sources.len(),
            policies,
            locations: self.model.locations.len(),
            ranges,
            refused: self.refused,
            warnings: self.warnings,
            not_judged: not_judged(&self.model),
        };
        (self.model, report)
    }
}

fn reader<'run>(
    source: &'run Source,
    documents: &Documents,
    warnings: &'run mut Vec<Warning>,
    refused: &'run mut Vec<Refused>,
) -> Reader<'run> {
    Reader::new(&source.file, documents.strict, warnings, refused)
}

fn references(policy: &Policy) -> impl Iterator<Item = &LocationReference> {
    policy
        .conditions
        .locations
        .iter()
        .flat_map(|scope| scope.include.iter().chain(&scope.exclude))
}

fn lists_ranges(reference: &LocationReference, model: &TenantModel) -> bool {
    let lists = |location: &NamedLocation, trusted_only: bool| match &location.kind {
        NamedLocationKind::Ranges { ranges, trusted } => {
            !ranges.is_empty() && (*trusted || !trusted_only)
        }
        _ => false,
    };
    match reference {
        LocationReference::Named(index) => model
            .locations
            .get(*index)
            .is_some_and(|location| lists(location, false)),
        LocationReference::AllTrusted => {
            model.trusted_ips.is_some()
                || model.locations.iter().any(|location| lists(location, true))
        }
        LocationReference::MfaTrustedIps => model.trusted_ips.is_some(),
        _ => false,
    }
}

fn memberships(node: &Node<'_>, model: &mut TenantModel) -> Result<(), Refusal> {
    // A group that occurs twice adds up: two pages of one list.
    for (group, members) in node.raw_members() {
        let ids = members
            .texts()?
            .into_iter()
            .map(|(text, place)| identifier(&place, text))
            .collect::<Result<Vec<_>, _>>()?;
        model.memberships.add(identifier(&members, group)?, ids);
    }
    Ok(())
}
