//! The way in: hand over files, receive a model and a report.

use super::assemble::Assembly;
use super::from_synced::{Synced, synced_updates};
use super::report::Report;
use crate::model::TenantModel;
use crate::timestamp::Timestamp;
use crate::wire::{Json, Refusal, decode, parse};

/// The documents of one tenant.
///
/// ```
/// use highwater::compile::Documents;
///
/// let mut documents = Documents::new();
/// documents.add("office.json", br##"{"@odata.type": "#microsoft.graph.ipNamedLocation",
///     "id": "office", "displayName": "Office", "isTrusted": true,
///     "ipRanges": [{"cidrAddress": "192.0.2.0/24"}, {"cidrAddress": "2001:db8::/32"}]}"##);
/// documents.add("block.json", br#"{"displayName": "Block outside", "state": "enabled",
///     "conditions": {"users": {"includeUsers": ["All"]},
///         "applications": {"includeApplications": ["All"]},
///         "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
///     "grantControls": {"operator": "OR", "builtInControls": ["block"]}}"#);
/// let (model, report) = documents.finish();
/// assert!(report.is_ok(), "{report:?}");
/// assert_eq!(model.policies[0].id.as_str(), "block.json#");
/// assert_eq!(report.ranges.ipv6, 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Documents {
    pub(super) sources: Vec<Source>,
    pub(super) strict: bool,
    pub(super) updates: bool,
}

/// One file.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) file: String,
    pub(super) content: Content,
}

/// What a file was handed over as.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Json(Json),
    Synced {
        updates: Vec<Synced>,
        refused: Vec<Refusal>,
    },
    TrustedIps(String),
    CountryList(String),
    CountryDatabase(Vec<u8>),
    Unreadable {
        reason: String,
        remedy: &'static str,
    },
}

impl Documents {
    /// No documents yet.
    #[must_use]
    pub fn new() -> Documents {
        Documents::default()
    }

    /// Refuse what is otherwise corrected with a warning: bits set behind a prefix. Default: off.
    pub fn strict(&mut self, strict: bool) -> &mut Documents {
        self.strict = strict;
        self
    }

    /// Let a later document replace an earlier one with the same id. Default: off, two documents
    /// with one id and different content are refused, because which one counts is anyone's guess.
    pub fn updates_in_order(&mut self, updates: bool) -> &mut Documents {
        self.updates = updates;
        self
    }

    /// Adds a file of policies, named locations or memberships, in any form that exporters write.
    pub fn add(&mut self, file: &str, bytes: &[u8]) -> &mut Documents {
        let content = match decode(bytes).and_then(|text| parse(&text)) {
            Ok(json) => Content::Json(json),
            Err(reason) => Content::Unreadable {
                reason: format!("not JSON: {reason}"),
                remedy: "export the file again, or correct it at the place named",
            },
        };
        self.push(file, content)
    }

    /// Adds policies in the form in which the issuer pushes them to a resource provider: one
    /// update per line, oldest first; the last one of each policy up to `until` counts.
    pub fn add_synced(
        &mut self,
        file: &str,
        bytes: &[u8],
        until: Option<Timestamp>,
    ) -> &mut Documents {
        let content = match decode(bytes) {
            Ok(text) => {
                let (updates, refused) = synced_updates(&text, until);
                Content::Synced { updates, refused }
            }
            Err(reason) => Content::Unreadable {
                reason,
                remedy: "export the file again as UTF-8",
            },
        };
        self.push(file, content)
    }

    /// Adds the ranges that the tenant configured as MFA trusted IPs, as a plain list.
    pub fn add_trusted_ips(&mut self, file: &str, list: &str) -> &mut Documents {
        self.push(file, Content::TrustedIps(list.to_owned()))
    }

    /// Adds a country table as lines of `CC<TAB>prefix`.
    pub fn add_country_list(&mut self, file: &str, list: &str) -> &mut Documents {
        self.push(file, Content::CountryList(list.to_owned()))
    }

    /// Adds a country table in MaxMind DB format.
    pub fn add_country_database(&mut self, file: &str, bytes: &[u8]) -> &mut Documents {
        self.push(file, Content::CountryDatabase(bytes.to_owned()))
    }

    /// Compiles what was added.
    ///
    /// The model holds what compiled. Publish it only if [`Report::is_ok`]: a policy that was
    /// refused would be missing from it, and a missing policy forbids nothing.
    #[must_use]
    pub fn finish(&self) -> (TenantModel, Report) {
        Assembly::new(self).run()
    }

    fn push(&mut self, file: &str, content: Content) -> &mut Documents {
        self.sources.push(Source {
            file: file.to_owned(),
            content,
        });
        self
    }
}
