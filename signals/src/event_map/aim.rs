//! Whom a subject identifier means: the members of engine subjects, resolved.
//!
//! The rule of this file: what cannot be found never becomes something wider. A complex subject
//! none of whose members can be processed means nobody, not the whole tenant.

use highwater::event::{Dimension, Subject};
use highwater::identifier::Identifier;

use super::{Context, Notice, Tenant, identifier};
use crate::directory::Directory;
use crate::refusal::Refusal;
use crate::set::VerifiedSet;
use crate::subject::{Name, SubjectId};
use crate::transmitter::Naming;

/// What a name that stands alone names, for an event type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bare {
    User,
    Device,
    Session,
    Token,
    Tenant,
    Group,
    /// `opaque` does not say which of the two it names; anything else is a user.
    SessionOrUser,
}

/// An engine subject in its tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) tenant: Tenant,
    pub(crate) subject: Subject,
    /// Whether the user's identifier is a name that may be given to somebody else.
    pub(crate) reusable: bool,
}

/// Everybody that a subject identifier means, and what could not be found.
#[derive(Debug, Default)]
pub(crate) struct Aim {
    pub(crate) located: Vec<Located>,
    pub(crate) notices: Vec<Notice>,
}

/// One way in which a member can be met.
#[derive(Clone)]
struct Member {
    tenant: Option<Tenant>,
    dimension: Option<(Dimension, Identifier)>,
    reusable: bool,
}

/// The subjects that one identifier may expand to; aliases multiply.
const MAXIMUM_LOCATED: usize = 4096;

/// The tenant of names that do not bring their own.
pub(crate) fn default_tenant(set: &VerifiedSet) -> Result<Tenant, Refusal> {
    let config = set.transmitter();
    match &config.tenant {
        Some(tenant) => Ok(tenant.clone()),
        None => issuer_tenant(set, &config.issuer),
    }
}

fn issuer_tenant(set: &VerifiedSet, issuer: &str) -> Result<Tenant, Refusal> {
    let config = set.transmitter();
    let same = |known: &str| same_issuer(set, known, issuer);
    if let Some((_, tenant)) = config.issuer_tenants.iter().find(|(known, _)| same(known)) {
        return Ok(tenant.clone());
    }
    match &config.tenant {
        Some(tenant) => Ok(tenant.clone()),
        None if set.profile().ignores_trailing_slash => identifier(issuer.trim_end_matches('/')),
        None => identifier(issuer),
    }
}

fn same_issuer(set: &VerifiedSet, one: &str, other: &str) -> bool {
    one == other
        || (set.profile().ignores_trailing_slash
            && one.trim_end_matches('/') == other.trim_end_matches('/'))
}

impl Aim {
    pub(crate) fn take(
        context: &Context<'_>,
        subject: &SubjectId,
        bare: Bare,
        directory: &dyn Directory,
    ) -> Result<Aim, Refusal> {
        let mut aim = Aim::default();
        let mut finder = Finder {
            context,
            directory,
            tenant: None,
            notices: &mut aim.notices,
        };
        let default = default_tenant(context.set)?;
        match subject {
            SubjectId::Complex(_) => aim.located = finder.complex(subject, &default)?,
            simple => {
                for name in names(simple) {
                    for member in finder.bare(name, bare)? {
                        push(&mut aim.located, &default, std::slice::from_ref(&member));
                    }
                }
            }
        }
        Ok(aim)
    }
}

fn names(subject: &SubjectId) -> &[Name] {
    match subject {
        SubjectId::Simple(name) => std::slice::from_ref(name),
        SubjectId::Aliases(names) => names,
        SubjectId::Complex(_) => &[],
    }
}

fn push(located: &mut Vec<Located>, default: &Tenant, members: &[Member]) {
    // The `tenant` member comes first; of the others, the user's issuer says where it lives.
    let is_user = |member: &&Member| {
        matches!(
            member.dimension,
            None | Some((Dimension::User | Dimension::Workload, _))
        )
    };
    let tenant = members
        .iter()
        .filter(is_user)
        .chain(members)
        .find_map(|member| member.tenant.clone())
        .unwrap_or_else(|| default.clone());
    let subject = members
        .iter()
        .filter_map(|member| member.dimension.clone())
        .fold(Subject::tenant(), |subject, (dimension, id)| {
            subject.with(dimension, id)
        });
    let found = Located {
        tenant,
        subject,
        reusable: members.iter().any(|member| member.reusable),
    };
    if !located.contains(&found) {
        located.push(found);
    }
}

struct Finder<'a, 'n> {
    context: &'a Context<'a>,
    directory: &'a dyn Directory,
    /// The tenant that the `tenant` member of a complex subject names.
    tenant: Option<Tenant>,
    notices: &'n mut Vec<Notice>,
}

impl Finder<'_, '_> {
    fn complex(&mut self, subject: &SubjectId, default: &Tenant) -> Result<Vec<Located>, Refusal> {
        let SubjectId::Complex(members) = subject else {
            return Ok(Vec::new());
        };
        let config = self.context.set.transmitter();
        if let Some(member) = members.get("tenant") {
            self.tenant = Some(self.tenant_member(member)?);
        }
        let has_user = members.contains_key("user");
        // Every combination of the ways in which each member can be met.
        let mut rows: Vec<Vec<Member>> = vec![Vec::new()];
        for (name, member) in members.iter().filter(|(name, _)| *name != "tenant") {
            let dimension = match name.as_str() {
                "user" => Some(Dimension::User),
                "device" => Some(Dimension::Device),
                "session" => Some(Dimension::Session),
                "application" => Some(Dimension::App),
                _ => None,
            };
            let unsupported = config.unsupported_members.contains(name);
            let ways = match (name.as_str(), dimension) {
                (_, Some(dimension)) if !unsupported => {
                    if self.is_all_sessions(dimension, member, has_user) {
                        continue;
                    }
                    let mut ways = Vec::new();
                    for name in names(member) {
                        ways.extend(self.named(name, dimension)?);
                    }
                    ways
                }
                // Groups are looked up only where no user is named: a user is narrower.
                ("group" | "org_unit", None) if !unsupported && !has_user => self.group(member)?,
                _ => {
                    //= https://openid.net/specs/openid-sharedsignals-framework-1_0-final.html#section-3.6
                    // A critical member that cannot be processed takes the whole event with it.
                    if config.critical_subject_members.contains(name) {
                        return Err(Refusal::invalid_request(
                            "a critical member of the subject cannot be processed here",
                        )
                        .with_detail(name.clone()));
                    }
                    self.notices.push(Notice::UnsupportedMember {
                        member: name.clone(),
                    });
                    continue;
                }
            };
            if rows.len().saturating_mul(ways.len()) > MAXIMUM_LOCATED {
                return Err(Refusal::invalid_request(
                    "the subject names too many combinations",
                ));
            }
            rows = rows
                .iter()
                .flat_map(|row| {
                    ways.iter().map(|way| {
                        let mut row = row.clone();
                        row.push(way.clone());
                        row
                    })
                })
                .collect();
        }
        let only_tenant = members.len() == 1 && self.tenant.is_some();
        let tenant = self.tenant.clone();
        let mut located = Vec::new();
        for mut row in rows {
            // None of the members could be processed.
            if row.is_empty() && !only_tenant {
                continue;
            }
            if let Some(tenant) = &tenant {
                row.insert(
                    0,
                    Member {
                        tenant: Some(tenant.clone()),
                        dimension: None,
                        reusable: false,
                    },
                );
            }
            push(&mut located, default, &row);
        }
        Ok(located)
    }

    /// Keycloak names all sessions of a user by a session called `ALL`.
    fn is_all_sessions(&self, dimension: Dimension, member: &SubjectId, has_user: bool) -> bool {
        dimension == Dimension::Session
            && has_user
            && self.context.set.profile().session_all
            && matches!(member, SubjectId::Simple(Name::Opaque { id }) if id == "ALL")
    }

    /// A name that stands alone.
    fn bare(&mut self, name: &Name, bare: Bare) -> Result<Vec<Member>, Refusal> {
        match (bare, name) {
            (_, Name::JwtId { iss, jti }) => {
                let tenant = self.issuer(iss)?;
                Ok(vec![Member {
                    tenant: Some(tenant),
                    dimension: Some((Dimension::Token, identifier(jti)?)),
                    reusable: false,
                }])
            }
            (
                _,
                Name::SamlAssertionId {
                    issuer,
                    assertion_id,
                },
            ) => {
                let tenant = self.issuer(issuer)?;
                Ok(vec![Member {
                    tenant: Some(tenant),
                    dimension: Some((Dimension::Token, identifier(assertion_id)?)),
                    reusable: false,
                }])
            }
            (Bare::SessionOrUser, Name::Opaque { .. }) => {
                let mut found = self.named(name, Dimension::Session)?;
                found.extend(self.named(name, Dimension::User)?);
                Ok(found)
            }
            (Bare::Token, Name::Opaque { .. }) => self.named(name, Dimension::Token),
            // The prefix or hash of a refresh token, or its owner: no token that comes here.
            (Bare::Token, other) => {
                self.notices.push(Notice::UnknownFormat {
                    format: other.format().to_owned(),
                });
                Ok(Vec::new())
            }
            (Bare::Device, _) => self.named(name, Dimension::Device),
            (Bare::Session, _) => self.named(name, Dimension::Session),
            (Bare::Tenant, _) => {
                let tenant = self.tenant_member(&SubjectId::Simple(name.clone()))?;
                Ok(vec![Member {
                    tenant: Some(tenant),
                    dimension: None,
                    reusable: false,
                }])
            }
            (Bare::Group, _) => self.group(&SubjectId::Simple(name.clone())),
            (Bare::User | Bare::SessionOrUser, _) => self.named(name, Dimension::User),
        }
    }

    /// A name that names something in `dimension`.
    fn named(&mut self, name: &Name, dimension: Dimension) -> Result<Vec<Member>, Refusal> {
        if dimension == Dimension::User {
            return self.principal(name);
        }
        let (tenant, text) = match name {
            Name::IssSub { iss, sub } => (Some(self.issuer(iss)?), sub.as_str()),
            Name::Opaque { id } => (None, id.as_str()),
            Name::Uri { uri } => (None, uri.as_str()),
            Name::Did { url } => (None, url.as_str()),
            other => {
                self.notices.push(Notice::UnknownFormat {
                    format: other.format().to_owned(),
                });
                return Ok(Vec::new());
            }
        };
        Ok(vec![Member {
            tenant,
            dimension: Some((dimension, identifier(text)?)),
            reusable: false,
        }])
    }

    /// A user or workload identity.
    fn principal(&mut self, name: &Name) -> Result<Vec<Member>, Refusal> {
        let policy = self.context.set.transmitter().subjects;
        let (own_tenant, text, naming) = match name {
            Name::IssSub { iss, sub } => (Some(self.issuer(iss)?), sub.as_str(), policy.iss_sub),
            Name::Opaque { id } => (None, id.as_str(), policy.opaque),
            Name::Email { email } => (None, email.as_str(), policy.email),
            Name::PhoneNumber { phone_number } => {
                (None, phone_number.as_str(), policy.phone_number)
            }
            Name::Account { uri } => (None, uri.as_str(), policy.account),
            Name::Did { url } => (None, url.as_str(), policy.uri),
            Name::Uri { uri } => (None, uri.as_str(), policy.uri),
            Name::Scim { uri, .. } => (
                None,
                uri.rsplit('/').next().unwrap_or(uri.as_str()),
                policy.scim,
            ),
            other => {
                self.notices.push(Notice::UnknownFormat {
                    format: other.format().to_owned(),
                });
                return Ok(Vec::new());
            }
        };
        let tenant = match self.tenant.clone().or_else(|| own_tenant.clone()) {
            Some(tenant) => tenant,
            None => default_tenant(self.context.set)?,
        };
        if naming != Naming::Itself
            && let Some(found) = self.directory.resolve(&tenant, name, self.context.time)
        {
            return Ok(vec![Member {
                tenant: own_tenant,
                dimension: Some((found.kind, found.id)),
                reusable: false,
            }]);
        }
        if naming == Naming::Directory {
            self.notices.push(Notice::Unresolved {
                name: SubjectId::Simple(name.clone()).to_value().to_string(),
            });
            return Ok(Vec::new());
        }
        Ok(vec![Member {
            tenant: own_tenant,
            dimension: Some((Dimension::User, identifier(text)?)),
            reusable: name.is_reusable(),
        }])
    }

    fn group(&mut self, member: &SubjectId) -> Result<Vec<Member>, Refusal> {
        let tenant = match self.tenant.clone() {
            Some(tenant) => tenant,
            None => default_tenant(self.context.set)?,
        };
        let mut found = Vec::new();
        for name in names(member) {
            match self.directory.members(&tenant, name) {
                Some(principals) => {
                    found.extend(principals.into_iter().map(|principal| Member {
                        tenant: None,
                        dimension: Some((principal.kind, principal.id)),
                        reusable: false,
                    }));
                }
                None => self.notices.push(Notice::Unresolved {
                    name: SubjectId::Simple(name.clone()).to_value().to_string(),
                }),
            }
        }
        Ok(found)
    }

    /// The tenant of a subject issuer, if the transmitter may speak of its subjects.
    fn issuer(&self, issuer: &str) -> Result<Tenant, Refusal> {
        let set = self.context.set;
        let config = set.transmitter();
        let allowed = same_issuer(set, &config.issuer, issuer)
            || config
                .authority
                .subject_issuers
                .iter()
                .any(|known| known == "*" || same_issuer(set, known, issuer))
            || config
                .issuer_tenants
                .keys()
                .any(|known| same_issuer(set, known, issuer));
        if !allowed {
            return Err(Refusal::access_denied(
                "this transmitter may not speak about subjects of that issuer",
            )
            .with_detail(issuer.to_owned()));
        }
        issuer_tenant(set, issuer)
    }

    /// The tenant that a `tenant` member names, if the transmitter may speak of it.
    fn tenant_member(&self, member: &SubjectId) -> Result<Tenant, Refusal> {
        let config = self.context.set.transmitter();
        let text = match member {
            SubjectId::Simple(Name::Opaque { id }) => id,
            SubjectId::Simple(Name::IssSub { sub, .. }) => sub,
            SubjectId::Simple(Name::Uri { uri }) => uri,
            SubjectId::Simple(Name::Did { url }) => url,
            _ => {
                return Err(Refusal::invalid_request(
                    "the `tenant` of the subject cannot be read; use `opaque`",
                ));
            }
        };
        if let Some(tenant) = config.tenants.get(text) {
            return Ok(tenant.clone());
        }
        let tenant = identifier(text)?;
        let known = config.tenant.as_ref() == Some(&tenant)
            || config
                .authority
                .tenants
                .iter()
                .any(|allowed| allowed == "*" || allowed == text);
        if !known {
            return Err(
                Refusal::access_denied("this transmitter may not speak about that tenant")
                    .with_detail(text.clone()),
            );
        }
        Ok(tenant)
    }
}
