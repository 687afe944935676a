//! Users, workload identities, devices and groups: what their properties mean for tokens.

use highwater::event::{Compliance, Dimension, Effect, Event, Provenance, Subject};
use highwater::identifier::Identifier;
use highwater::timestamp::Timestamp;
use serde_json::{Map, Value};

use super::page::own_kind;
use super::state::FeedState;
use super::{GraphConfig, GraphFacts, GraphNotice, MembershipChange, ResourceKind};
use crate::directory::Principal;
use crate::subject::Name;

/// Seconds that Graph's clock may be ahead of ours.
const SKEW_SECONDS: i64 = 60;

/// Reads one object and reports what differs from what was known.
pub(super) struct Reader<'a> {
    pub(super) config: &'a GraphConfig,
    pub(super) state: &'a mut FeedState,
    pub(super) now: Timestamp,
    pub(super) facts: GraphFacts,
}

impl Reader<'_> {
    /// Reads one object of a page.
    pub(super) fn object(
        &mut self,
        kind: ResourceKind,
        path: &str,
        object: &Map<String, Value>,
    ) -> Result<(), String> {
        let id = object
            .get("id")
            .and_then(Value::as_str)
            .ok_or("the object has no `id`")?;
        let id = Identifier::new(id).map_err(|error| error.to_string())?;
        let kind = match kind {
            ResourceKind::DirectoryObject => match own_kind(object) {
                Some(kind) => kind,
                // A contact, an application: nothing that holds a token.
                None => return Ok(()),
            },
            kind => kind,
        };
        self.state.objects.entry(id.clone()).or_default().seen = true;
        match kind {
            ResourceKind::User => self.principal(Dimension::User, &id, object),
            ResourceKind::ServicePrincipal => self.principal(Dimension::Workload, &id, object),
            ResourceKind::Device => self.device(&id, object),
            ResourceKind::Group => self.group(&id, path, object),
            ResourceKind::RiskyUser => self.risk(Dimension::User, &id, object),
            ResourceKind::RiskyServicePrincipal => self.risk(Dimension::Workload, &id, object),
            ResourceKind::Policy
            | ResourceKind::NamedLocation
            | ResourceKind::RoleAssignment
            | ResourceKind::DirectoryObject => Ok(()),
        }
    }

    fn principal(
        &mut self,
        dimension: Dimension,
        id: &Identifier,
        object: &Map<String, Value>,
    ) -> Result<(), String> {
        let subject = Subject::of(dimension, id.clone());
        if self.removed(id, &subject, object)? {
            return Ok(());
        }
        self.switch(id, &subject, object)?;
        for (name, revokes) in [
            ("signInSessionsValidFromDateTime", true),
            (
                "lastPasswordChangeDateTime",
                self.config.password_change_revokes,
            ),
        ] {
            if let Some(at) = instant(object, name)?.filter(|_| revokes) {
                self.cut_off(id, &subject, at, name);
            }
        }
        if dimension == Dimension::User {
            self.names(id, object);
        }
        Ok(())
    }

    /// `@removed` and `deletedDateTime`. `true`: the object is gone, nothing else matters.
    fn removed(
        &mut self,
        id: &Identifier,
        subject: &Subject,
        object: &Map<String, Value>,
    ) -> Result<bool, String> {
        let deleted = instant(object, "deletedDateTime")?;
        let reason = object
            .get("@removed")
            .map(|removed| removed.get("reason").and_then(Value::as_str));
        match (reason, deleted) {
            (None, None) => Ok(false),
            // Gone for good: the id is never given to anybody else.
            (Some(Some("deleted")), _) => {
                let time = deleted.unwrap_or_else(|| self.state.tick(self.now));
                self.emit(time, subject, Effect::Purge, "@removed deleted");
                self.emit(time, subject, Effect::Revoke, "@removed deleted");
                self.known(id).blocked = true;
                Ok(true)
            }
            // In the recycle bin, or no longer in the scope of the question.
            _ => {
                if !self.known(id).blocked {
                    self.block(id, subject, "@removed changed");
                }
                Ok(true)
            }
        }
    }

    /// `accountEnabled` and Microsoft's own switch.
    fn switch(
        &mut self,
        id: &Identifier,
        subject: &Subject,
        object: &Map<String, Value>,
    ) -> Result<(), String> {
        let enabled = boolean(object, "accountEnabled")?;
        let by_microsoft = object
            .get("disabledByMicrosoftStatus")
            .and_then(Value::as_str)
            .is_some_and(|status| status.starts_with("Disabled"))
            || boolean(object, "isDisabled")? == Some(true);
        let was = self.known(id).blocked;
        match (enabled, by_microsoft) {
            (Some(false), _) | (_, true) if !was => self.block(id, subject, "accountEnabled"),
            (Some(true), false) if was => {
                let time = self.state.tick(self.now);
                self.emit(time, subject, Effect::Unblock, "accountEnabled");
                self.known(id).blocked = false;
            }
            // Unchanged, or back from the recycle bin on a page that does not say whether it is
            // enabled: it stays blocked until one says so.
            _ => {}
        }
        Ok(())
    }

    pub(super) fn block(&mut self, id: &Identifier, subject: &Subject, why: &str) {
        let time = self.state.tick(self.now);
        self.emit(time, subject, Effect::Block, why);
        self.emit(time, subject, Effect::Revoke, why);
        self.known(id).blocked = true;
    }

    /// Tokens issued at or before `at` end.
    pub(super) fn cut_off(&mut self, id: &Identifier, subject: &Subject, at: Timestamp, why: &str) {
        let at = self.clamped(id, at);
        let too_old = at.plus_seconds(self.config.horizon_seconds) < self.now;
        let known = self.known(id);
        if too_old || known.revoked.is_some_and(|revoked| revoked >= at) {
            return;
        }
        known.revoked = Some(at);
        self.emit(at, subject, Effect::Revoke, why);
    }

    pub(super) fn clamped(&mut self, id: &Identifier, at: Timestamp) -> Timestamp {
        let latest = self.now.plus_seconds(SKEW_SECONDS);
        if at <= latest {
            return at;
        }
        self.facts
            .notices
            .push(GraphNotice::TimeClamped { id: id.clone() });
        latest
    }

    fn device(&mut self, id: &Identifier, object: &Map<String, Value>) -> Result<(), String> {
        if let Some(device) = object.get("deviceId").and_then(Value::as_str) {
            self.known(id).token_id =
                Some(Identifier::new(device).map_err(|error| error.to_string())?);
        }
        let Some(device) = self.known(id).token_id.clone() else {
            self.facts
                .notices
                .push(GraphNotice::UnknownDevice { id: id.clone() });
            return Ok(());
        };
        let subject = Subject::of(Dimension::Device, device);
        if self.removed(id, &subject, object)? {
            return Ok(());
        }
        self.switch(id, &subject, object)?;
        if let Some(compliant) = boolean(object, "isCompliant")?
            && self.known(id).compliant != Some(compliant)
        {
            self.known(id).compliant = Some(compliant);
            let state = if compliant {
                Compliance::Compliant
            } else {
                Compliance::NotCompliant
            };
            let time = self.state.tick(self.now);
            self.emit(time, &subject, Effect::Compliance(state), "isCompliant");
        }
        Ok(())
    }

    fn group(
        &mut self,
        group: &Identifier,
        path: &str,
        object: &Map<String, Value>,
    ) -> Result<(), String> {
        if object.contains_key("@removed") || instant(object, "deletedDateTime")?.is_some() {
            self.group_gone(group);
            return Ok(());
        }
        let listed = object
            .get("members@delta")
            .or_else(|| object.get("members"))
            .and_then(Value::as_array);
        for (index, member) in listed.into_iter().flatten().enumerate() {
            let id = member
                .get("id")
                .and_then(Value::as_str)
                .and_then(|id| Identifier::new(id).ok());
            let Some(id) = id else {
                self.facts.notices.push(GraphNotice::Unreadable {
                    path: format!("{path}/members@delta/{index}"),
                    reason: "the member has no `id`".to_owned(),
                });
                continue;
            };
            let members = &mut self.known(group).members;
            let group = group.clone();
            if member.get("@removed").is_some() {
                if members.remove(&id) {
                    self.facts
                        .memberships
                        .push(MembershipChange::Left { group, member: id });
                }
            } else if members.insert(id.clone()) {
                self.facts
                    .memberships
                    .push(MembershipChange::Joined { group, member: id });
            }
        }
        Ok(())
    }

    pub(super) fn group_gone(&mut self, group: &Identifier) {
        self.state.objects.remove(group);
        self.facts.memberships.push(MembershipChange::Gone {
            group: group.clone(),
        });
    }

    /// The names by which transmitters may call a user.
    fn names(&mut self, id: &Identifier, object: &Map<String, Value>) {
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        let mut names: Vec<Name> = ["mail", "userPrincipalName"]
            .into_iter()
            .filter_map(text)
            .map(Name::email)
            .collect();
        for address in list(object, "proxyAddresses") {
            if let Some(address) = address
                .as_str()
                .and_then(|address| address.get(..5).map(|kind| (kind, &address[5..])))
                .filter(|(kind, _)| kind.eq_ignore_ascii_case("smtp:"))
                .map(|(_, address)| address)
            {
                names.push(Name::email(address));
            }
        }
        for identity in list(object, "identities") {
            let member = |name: &str| identity.get(name).and_then(Value::as_str);
            if let (Some(issuer), Some(assigned)) = (member("issuer"), member("issuerAssignedId")) {
                names.push(Name::IssSub {
                    iss: issuer.to_owned(),
                    sub: assigned.to_owned(),
                });
            }
        }
        names.sort();
        names.dedup();
        for name in names {
            self.facts
                .names
                .push((name, Principal::user(id.clone()), self.now));
        }
    }

    pub(super) fn known(&mut self, id: &Identifier) -> &mut super::Known {
        self.state.objects.entry(id.clone()).or_default()
    }

    pub(super) fn emit(&mut self, time: Timestamp, subject: &Subject, effect: Effect, why: &str) {
        self.facts.events.push(Event {
            time,
            tenant: self.config.tenant.clone(),
            subject: subject.clone(),
            effect,
            provenance: Provenance {
                event_type: Some(format!("microsoft.graph/{why}")),
                ..Provenance::from_source(self.config.source.clone())
            },
        });
    }
}

fn list<'a>(object: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a Value> {
    object
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// A DateTimeOffset; `None` if absent, null, or Graph's way of saying never.
pub(super) fn instant(
    object: &Map<String, Value>,
    name: &str,
) -> Result<Option<Timestamp>, String> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.starts_with("0001-01-01") => Ok(None),
        Some(Value::String(text)) => Timestamp::from_rfc3339(text)
            .map(Some)
            .map_err(|error| format!("`{name}`: {error}")),
        Some(_) => Err(format!("`{name}` is not an instant")),
    }
}

fn boolean(object: &Map<String, Value>, name: &str) -> Result<Option<bool>, String> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(_) => Err(format!("`{name}` is neither true nor false")),
    }
}
