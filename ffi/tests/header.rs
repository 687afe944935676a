//! The committed header is what the sources say. `HIGHWATER_WRITE_HEADER=1 cargo test -p
//! highwater-ffi --test header` writes it anew.

use std::path::Path;

use cbindgen::{Builder, Config};

/// The order of the header: what everything needs first, then the way of the data.
const SOURCES: [&str; 19] = [
    "version",
    "status",
    "error",
    "text",
    "log",
    "engine",
    "documents",
    "publish",
    "token",
    "prepared",
    "request",
    "address",
    "decision",
    "decide",
    "header",
    "exchange",
    "events",
    "signals",
    "feed",
];

#[test]
fn the_header_is_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = folder.join("include/highwater.h");
    let generated = generate(folder);
    if std::env::var_os("HIGHWATER_WRITE_HEADER").is_some() {
        std::fs::write(&file, &generated).expect("the folder can be written");
    }
    let committed = std::fs::read_to_string(&file).expect("the header is there");
    assert!(
        committed == generated,
        "include/highwater.h is not what the sources say; write it anew with \
         HIGHWATER_WRITE_HEADER=1 cargo test -p highwater-ffi --test header"
    );
}

fn generate(folder: &Path) -> String {
    let mut config =
        Config::from_file(folder.join("cbindgen.toml")).expect("the configuration can be read");
    config.header = Some(PREAMBLE.to_owned());
    config.after_includes = Some(version());
    let builder = SOURCES
        .iter()
        .fold(Builder::new().with_config(config), |builder, source| {
            builder.with_src(folder.join("src").join(source).with_extension("rs"))
        });
    let mut written = Vec::new();
    builder
        .generate()
        .expect("the sources can be read")
        .write(&mut written);
    String::from_utf8(written).expect("the header is text")
}

/// The version has one source, the manifest of the workspace.
fn version() -> String {
    let (major, minor, patch) = (
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    );
    format!(
        r#"
// The version that this header is of; `highwater_version` is that of the library.
#define HIGHWATER_VERSION "{}"
#define HIGHWATER_VERSION_MAJOR {major}
#define HIGHWATER_VERSION_MINOR {minor}
#define HIGHWATER_VERSION_PATCH {patch}
#define HIGHWATER_VERSION_NUMBER \
    (HIGHWATER_VERSION_MAJOR * 1000000 + HIGHWATER_VERSION_MINOR * 1000 + HIGHWATER_VERSION_PATCH)"#,
        env!("CARGO_PKG_VERSION"),
    )
}

const PREAMBLE: &str = "\
// Highwater in C: is this access token still good?
//
// The contract is ffi/README.md. In short: every function returns a status or cannot fail;
// `const T *` may be shared by threads, `T *` is for one at a time; texts are pointer and length
// in UTF-8; what the library makes, the library frees; zeroed memory denies.
//
// Generated from the sources by cbindgen; do not edit.";
