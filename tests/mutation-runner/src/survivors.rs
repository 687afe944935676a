//! Outcomes kept between runs, and the list of the mutants that nothing notices, with reasons.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::suite::Outcome;
use crate::tree::read;

impl Outcome {
    pub(crate) fn noticed(&self) -> bool {
        matches!(self, Outcome::Noticed(..) | Outcome::Endless)
    }

    fn to_text(&self) -> String {
        match self {
            Outcome::Noticed(stage, by) => format!("noticed\t{stage}\t{by}"),
            Outcome::Endless => "endless".to_owned(),
            Outcome::Survived => "survived".to_owned(),
            Outcome::Unreached => "unreached".to_owned(),
        }
    }

    fn from_text(text: &str) -> Option<Outcome> {
        let mut parts = text.split('\t');
        match parts.next()? {
            "noticed" => {
                let stage = parts.next()?.parse().ok()?;
                Some(Outcome::Noticed(stage, parts.next()?.to_owned()))
            }
            "endless" => Some(Outcome::Endless),
            "survived" => Some(Outcome::Survived),
            "unreached" => Some(Outcome::Unreached),
            _ => None,
        }
    }
}

/// Outcomes by the key of the mutant.
pub(crate) type Outcomes = BTreeMap<String, Outcome>;

pub(crate) fn read_outcomes(path: &Path) -> Outcomes {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    lines
        .filter_map(|(key, outcome)| Some((key.to_owned(), Outcome::from_text(outcome)?)))
        .collect()
}

pub(crate) fn to_text(outcomes: &Outcomes) -> String {
    let lines = outcomes.iter();
    lines
        .map(|(key, outcome)| format!("{key}\t{}\n", outcome.to_text()))
        .collect()
}

/// Reads a list of mutants that may survive. A line that starts with `#` is the reason of those
/// below it, up to the next empty line.
pub(crate) fn read_list(path: &Path) -> Result<BTreeSet<String>, String> {
    if !path.exists() {
        return Ok(BTreeSet::new());
    }
    let text = read(path)?;
    let mut listed = BTreeSet::new();
    let mut reason = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            reason = false;
        } else if line.starts_with('#') {
            reason = true;
        } else if !reason {
            return Err(format!("{}:{}: no reason", path.display(), index + 1));
        } else if !listed.insert(line.to_owned()) {
            return Err(format!("{}:{}: twice", path.display(), index + 1));
        }
    }
    Ok(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_read_as_they_were_written() {
        let outcomes = Outcomes::from([
            ("a".to_owned(), Outcome::Noticed(1, "a::test".to_owned())),
            ("b".to_owned(), Outcome::Endless),
            ("c".to_owned(), Outcome::Survived),
            ("d".to_owned(), Outcome::Unreached),
        ]);
        let path = std::env::temp_dir().join(format!("outcomes-{}", std::process::id()));
        std::fs::write(&path, to_text(&outcomes)).unwrap();
        assert_eq!(read_outcomes(&path), outcomes);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn every_survivor_has_a_reason() {
        let path = std::env::temp_dir().join(format!("survivors-{}", std::process::id()));
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read_list(&path)
        };
        let listed = read("# why\n# and more\na\nb\n\n# else\nc\n").unwrap();
        assert_eq!(listed.len(), 3);
        assert!(read("# why\na\n\nb\n").is_err());
        assert!(read("# why\na\na\n").is_err());
        for member in ["engine", "signals"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("survivors");
            read_list(&folder.join(format!("{member}.txt"))).unwrap();
        }
        std::fs::remove_file(path).unwrap();
    }
}
