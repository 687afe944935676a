//! The name under which programs that are linked with the library look for it: it changes with
//! every version that is not compatible (before 1.0, the minor one).

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let part = |name: &str| std::env::var(name).unwrap_or_default();
    let (major, minor) = (
        part("CARGO_PKG_VERSION_MAJOR"),
        part("CARGO_PKG_VERSION_MINOR"),
    );
    let version = match major.as_str() {
        "0" => format!("0.{minor}"),
        _ => major,
    };
    if part("CARGO_CFG_TARGET_OS") == "linux" {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libhighwater.so.{version}");
    }
}
