//! Paths as an API might read them, for deciding which routes they are on.
//!
//! Between the gateway and the API nobody agrees on what a path is: `/a/../b`, `//b`, `/%62`,
//! `/b;x`, `/B`. Each of these may reach what `/b` protects, so a path is on a route if any of its
//! readings is. That can only ask for more than is needed, never for less.

/// A plain path of the configuration, in the form that readings are compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prefix(String);

/// How often escapes are taken out: some proxies do it once more than others.
const DECODINGS: usize = 4;

impl Prefix {
    /// Everything at and below `path`.
    pub(super) fn new(path: &str) -> Prefix {
        Prefix(simplified(path))
    }

    /// Whether some reading of `path` lies at or below. `path` may have a query.
    pub(super) fn covers(&self, path: &str) -> bool {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        // A URI in absolute form has its path behind the authority.
        let path = match path.split_once("://") {
            Some((_, rest)) if !path.starts_with('/') => {
                rest.find('/').map_or("/", |start| &rest[start..])
            }
            _ => path,
        };
        let mut reading = path.to_owned();
        for _ in 0..DECODINGS {
            if self.is_above(&simplified(&reading)) || self.is_above(&plain(&reading)) {
                return true;
            }
            let decoded = decoded(&reading);
            if decoded == reading {
                return false;
            }
            reading = decoded;
        }
        // Whoever escapes deeper than that wants to be misread.
        true
    }

    fn is_above(&self, path: &str) -> bool {
        let prefix = self.0.trim_end_matches('/');
        path.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Without dot segments, repeated slashes, parameters and case.
fn simplified(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    let lower = path.to_ascii_lowercase().replace('\\', "/");
    for segment in lower.split('/') {
        let name = segment.split(';').next().unwrap_or_default();
        match name.trim() {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    format!("/{}", segments.join("/"))
}

/// As it stands, but for case and repeated slashes: for those who keep dots.
fn plain(path: &str) -> String {
    let lower = path.to_ascii_lowercase();
    let segments: Vec<&str> = lower.split('/').filter(|name| !name.is_empty()).collect();
    format!("/{}", segments.join("/"))
}

/// With escapes taken out once.
fn decoded(path: &str) -> String {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    let bytes = path.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while let Some(&byte) = bytes.get(index) {
        let pair = (digit(bytes.get(index + 1)), digit(bytes.get(index + 2)));
        match (byte, pair) {
            (b'%', (Some(high), Some(low))) => {
                // Two hexadecimal digits fit a byte.
                out.push(u8::try_from(high * 16 + low).unwrap_or_default());
                index += 3;
            }
            _ => {
                out.push(byte);
                index += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reading_of_a_path_is_on_its_route() {
        let payroll = Prefix::new("/payroll/");
        for path in [
            "/payroll",
            "/payroll/",
            "/payroll/2026?x=/public",
            "/PayRoll/x",
            "//payroll/x",
            "/./payroll",
            "/public/../payroll",
            "/public/%2e%2e/payroll",
            "/public/..%2fpayroll",
            "/%70ayroll",
            "/%2570ayroll",
            "/payroll;v=1/x",
            "\\payroll",
            "/%5cpayroll",
            "/payroll/../public",
            "https://api.example/payroll",
            "/%25252525252570ayroll",
        ] {
            assert!(payroll.covers(path), "{path}");
        }
        for path in [
            "/",
            "",
            "/payrolls",
            "/public",
            "/public?next=/payroll",
            "/public/payroll",
        ] {
            assert!(!payroll.covers(path), "{path}");
        }
        assert!(Prefix::new("/").covers("/anything"));
    }
}
