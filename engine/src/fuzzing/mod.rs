//! What the fuzz targets run. Not part of the product: only tests and the feature `fuzzing`
//! compile it.
//!
//! Each function takes any bytes and asserts laws about them. The targets in `fuzz/` are one
//! line each, and the tests here run the same functions on the committed seeds and on every
//! input that was ever a finding, so that a finding stays fixed without a fuzzer at hand.

mod addresses;
mod challenge;
mod claims;
mod device_filter;
mod documents;
mod events;
mod input;
mod ledger;
#[cfg(test)]
mod regressions;
mod requests;

pub use addresses::addresses;
pub use challenge::{challenge_parse, challenge_round_trip};
pub use claims::claims;
pub use device_filter::device_filter;
pub use documents::{country_database, documents, lists, synced};
pub use events::events;
pub use input::Input;
pub use ledger::ledger;
pub use requests::requests;

/// One target: any bytes in, a panic if a law is broken.
pub type Target = fn(&[u8]);

/// Every target by the name of its folder of seeds.
pub const TARGETS: &[(&str, Target)] = &[
    ("addresses", addresses),
    ("challenge_parse", challenge_parse),
    ("challenge_round_trip", challenge_round_trip),
    ("claims", claims),
    ("country_database", country_database),
    ("device_filter", device_filter),
    ("documents", documents),
    ("events", events),
    ("ledger", ledger),
    ("lists", lists),
    ("requests", requests),
    ("synced", synced),
];
