//! Every committed seed and every past finding, through the bodies of the fuzz targets.

use std::path::Path;

use highwater_tests::fuzzing::{TARGETS, Target};
use proptest::prelude::*;

fn replay(folder: &str, name: &str, target: Target) -> usize {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let Ok(files) = std::fs::read_dir(root.join(folder).join(name)) else {
        return 0;
    };
    let paths = files.map(|file| file.expect("a file").path());
    paths
        .inspect(|path| target(&std::fs::read(path).expect("a readable file")))
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
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_target_panics_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for (_, target) in TARGETS {
            target(&bytes);
        }
    }
}
