//! Every finding, by name, and every committed seed.

use std::path::Path;

use proptest::prelude::*;

use super::{TARGETS, Target};

/// Runs a target on every file of its folder; how many there were.
fn replay(folder: &str, name: &str, target: Target) -> usize {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let Ok(files) = std::fs::read_dir(root.join(folder).join(name)) else {
        return 0;
    };
    let paths = files.map(|file| file.unwrap().path());
    paths
        .inspect(|path| target(&std::fs::read(path).unwrap()))
        .count()
}

#[test]
fn every_target_has_seeds_that_pass() {
    for (name, target) in TARGETS {
        assert!(replay("seeds", name, *target) > 0, "{name} has no seeds");
        replay("regressions", name, *target);
    }
}

proptest! {
    #[test]
    fn no_target_panics_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for (_, target) in TARGETS {
            target(&bytes);
        }
    }
}
