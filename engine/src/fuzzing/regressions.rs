//! Every finding, by name, and every committed seed.

use std::path::Path;

use proptest::prelude::*;

use super::{TARGETS, Target};
use crate::compile::Documents;
use crate::event::Event;
use crate::exchange::RequestDocument;
use crate::model::{DeviceFilter, FilterMode};
use crate::token::IssuerProfile;

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

/// Seeds that are refused at the door would fuzz nothing but the door.
#[test]
fn seeds_are_let_in() {
    let seed = |name: &str| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
        std::fs::read(root.join(name)).unwrap()
    };
    let mut documents = Documents::new();
    documents
        .add("list.json", &seed("documents/list"))
        .add("memberships.json", &seed("documents/memberships"))
        .add_synced("updates", &seed("synced/updates"), None)
        .add_country_database("two.mmdb", &seed("country_database/two_networks"));
    let (model, report) = documents.finish();
    // One line of the updates is cut off on purpose.
    assert_eq!(report.refused.len(), 1, "{report:?}");
    assert_eq!((report.policies.enabled, report.locations), (2, 3));
    assert_eq!(model.countries.unwrap().prefixes.len(), 2);
    for name in ["and_or", "negative"] {
        let rule = String::from_utf8(seed(&format!("device_filter/{name}"))).unwrap();
        DeviceFilter::new(FilterMode::Include, &rule).unwrap();
    }
    for name in ["contoso", "strict"] {
        let lines = String::from_utf8(seed(&format!("requests/{name}"))).unwrap();
        let profile = IssuerProfile::generic("*");
        for line in lines.lines() {
            let request = RequestDocument::from_json(line, |_| Some(&profile));
            assert!(request.is_ok() || Event::from_json(line).is_ok(), "{line}");
        }
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
