//! What the fuzz target of the configuration runs; never part of a product.
//!
//! As in `highwater::fuzzing`: the target in `fuzz/` is one line, and the test here runs the same
//! function on the committed seeds.

use crate::config::Configuration;

/// Any bytes as `highwater.toml`: an answer, the same each time, and never a key that is ignored.
///
/// # Panics
/// Where that does not hold.
pub fn configuration(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let verdict = Configuration::verdict(text);
    assert_eq!(Configuration::verdict(text), verdict);
    match &verdict {
        // A misspelt key must not keep its default silently.
        Ok(()) => {
            let unknown = format!("no_such_key = 1\n{text}");
            let refused = Configuration::verdict(&unknown);
            assert!(refused.is_err_and(|shown| shown.contains("`no_such_key`")));
        }
        // `file:line:column: what`, or `file: what` where no one place is at fault.
        Err(shown) => {
            let rest = shown.strip_prefix("highwater.toml:").unwrap_or_default();
            assert!(!rest.trim().is_empty(), "{shown}");
            if let Some((line, rest)) = rest.split_once(':')
                && let Ok(line) = line.parse::<usize>()
            {
                assert!(
                    line >= 1 && line <= text.matches('\n').count() + 1,
                    "{shown}"
                );
                assert!(
                    rest.starts_with(|first: char| first.is_ascii_digit()),
                    "{shown}"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::configuration;

    #[test]
    fn every_committed_seed_passes() {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds/configuration");
        let files = std::fs::read_dir(seeds).expect("the seeds are committed");
        let mut count = 0;
        for file in files {
            let path = file.expect("a readable folder").path();
            configuration(&std::fs::read(path).expect("a readable file"));
            count += 1;
        }
        assert!(count > 0);
    }
}
