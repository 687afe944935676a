//! Documents become a model, a model becomes a snapshot.
//!
//! Every document compiles or is refused, with file, place, reason and remedy; nothing is
//! skipped, because a policy that is skipped allows what it forbids. What compiles although it
//! cannot be judged here is listed in the [`Report`]. The rules are in `docs/documents.md`.

mod assemble;
mod conditions_from_wire;
mod controls_from_wire;
mod countries;
mod country_database;
mod country_list;
mod coverage;
mod documents;
mod from_synced;
mod from_wire;
mod locations_from_wire;
mod prefix_list;
mod reader;
mod report;
mod scopes_from_wire;
mod signals_from_wire;
mod slots;
mod synced_conditions;
mod to_snapshot;

pub use documents::Documents;
pub use prefix_list::{PrefixError, prefix_list};
pub use report::{NotJudged, PolicyCounts, RangeCounts, Refused, Report, Warning, WarningCode};
pub use to_snapshot::SnapshotError;
