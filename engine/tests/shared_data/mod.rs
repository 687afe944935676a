//! Where the real input lies: `HIGHWATER_SHARED`, else `shared` beside the repository.
//!
//! Without it tests skip, loudly; under `CI` they fail.

use std::path::{Path, PathBuf};

/// The folder of shared data, if it is there.
pub(crate) fn shared_data() -> Option<PathBuf> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let data = std::env::var_os("HIGHWATER_SHARED")
        .map_or_else(default, PathBuf::from)
        .join("data");
    if data.is_dir() {
        return Some(data);
    }
    let missing = format!("{} is missing: set HIGHWATER_SHARED", data.display());
    assert!(std::env::var_os("CI").is_none(), "{missing}");
    eprintln!("SKIPPED: {missing}");
    None
}
