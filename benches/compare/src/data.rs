//! Inputs: the routing tables of the shared data, and addresses in the mixes that tables meet.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

/// The folder of shared data: `HIGHWATER_SHARED`, or beside the workspace.
fn shared() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    std::env::var_os("HIGHWATER_SHARED").map_or_else(beside, PathBuf::from)
}

/// The text of a gzip file of the shared data.
pub(crate) fn read_gzip(name: &str) -> io::Result<String> {
    let path = shared().join("data").join(name);
    let context = |error: io::Error| {
        let remedy = "set HIGHWATER_SHARED to the folder that contains data/ip";
        io::Error::new(
            error.kind(),
            format!("{}: {error}; {remedy}", path.display()),
        )
    };
    let mut text = String::new();
    GzDecoder::new(File::open(&path).map_err(context)?)
        .read_to_string(&mut text)
        .map_err(context)?;
    Ok(text)
}

/// A fixed stream of numbers (splitmix64): the same inputs in every run.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub(crate) fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// A number below `bound`, the number `n` about `n + 1` times rarer than zero.
    pub(crate) fn zipf(&mut self, bound: usize) -> usize {
        // The inverse of the continuous distribution with density 1 / x on 1..=bound.
        let uniform = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        let rank = (bound as f64 + 1.0).powf(uniform);
        (rank as usize - 1).min(bound - 1)
    }
}
