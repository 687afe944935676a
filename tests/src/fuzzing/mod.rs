//! Bodies of the fuzz targets that look at more than the engine.
//!
//! As in `highwater::fuzzing`: a target in `fuzz/` is one line, and `tests/fuzzing.rs` runs the
//! same functions on the committed seeds and on every past finding.

mod c_calls;
mod client_address;
mod decisions;
mod sets;
mod store_records;

pub use c_calls::c_calls;
pub use client_address::{client_address, proxy_protocol};
pub use decisions::decisions;
pub use sets::{compact_tokens, sets};
pub use store_records::store_records;

/// One target: any bytes in, a panic if a law is broken.
pub type Target = fn(&[u8]);

/// Every target by the name of its folder of seeds.
pub const TARGETS: &[(&str, Target)] = &[
    ("c_calls", c_calls),
    ("client_address", client_address),
    ("compact_tokens", compact_tokens),
    ("decisions", decisions),
    ("proxy_protocol", proxy_protocol),
    ("sets", sets),
    ("store_records", store_records),
];
