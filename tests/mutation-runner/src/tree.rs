//! A copy of the sources with all mutants in it that compile side by side.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::mutant::Mutant;
use crate::rewrite::{self, Rewritten};

/// What answers `crate::__mutant`.
const RUNTIME: &str = include_str!("runtime.rs.in");
const FEATURES: &str = "#![feature(core_intrinsics, const_eval_select)]";

/// The copy, and where it is built.
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    pub(crate) build: PathBuf,
    /// The package whose sources are changed, and its folder.
    pub(crate) package: &'static str,
    pub(crate) member: &'static str,
}

/// Why a mutant is not in the build.
#[derive(Clone)]
pub(crate) struct Reason {
    /// Whether it would not compile by itself either.
    pub(crate) certain: bool,
    pub(crate) text: String,
}

/// Mutants that are not in the build.
pub(crate) type LeftOut = BTreeMap<usize, Reason>;

impl Tree {
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("cargo");
        command
            .args(arguments)
            .args(["--message-format", "json"])
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.build)
            .env("RUSTFLAGS", "--cap-lints=allow")
            // One intrinsic tells values needed by the compiler from those needed at run time.
            .env("RUSTC_BOOTSTRAP", self.package.replace('-', "_"))
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
        command
    }

    /// Copies every file of the repository, but for those that mutants are put into. Unless
    /// `slow`, tests of generated cases get an eighth of them.
    pub(crate) fn copy_from(
        &self,
        source: &Path,
        mutated: &BTreeSet<&str>,
        slow: bool,
    ) -> Result<(), String> {
        let listed = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(source)
            .output()
            .map_err(|error| format!("git ls-files: {error}"))?;
        for file in String::from_utf8_lossy(&listed.stdout).split_terminator('\0') {
            if mutated.contains(file) || file == self.library() {
                continue;
            }
            if let Ok(mut content) = std::fs::read(source.join(file)) {
                if file.ends_with(".rs") && !slow {
                    content = fewer_cases(&String::from_utf8_lossy(&content)).into_bytes();
                }
                write(&self.root.join(file), &content)?;
            }
        }
        Ok(())
    }

    fn library(&self) -> String {
        format!("{}/src/lib.rs", self.member)
    }

    /// Puts in every mutant, and takes out what the compiler does not want, until it is content.
    pub(crate) fn plant(
        &self,
        source: &Path,
        mutants: &[Mutant],
        left_out: &mut LeftOut,
    ) -> Result<(), String> {
        for (number, mutant) in mutants.iter().enumerate() {
            // What `impl Trait` is, a body decides alone.
            if mutant.genre == "FnValue" && mutant.key.contains("-> impl ") {
                let text = "returns `impl Trait`".to_owned();
                left_out.insert(
                    number,
                    Reason {
                        certain: false,
                        text,
                    },
                );
            }
        }
        for round in 1.. {
            let mut files = HashMap::new();
            let mut names: BTreeSet<&str> =
                mutants.iter().map(|mutant| mutant.file.as_str()).collect();
            let library = self.library();
            names.insert(&library);
            for file in names {
                let text = read(&source.join(file))?;
                let own: Vec<(usize, &Mutant)> = mutants
                    .iter()
                    .enumerate()
                    .filter(|(number, mutant)| {
                        mutant.file == file && !left_out.contains_key(number)
                    })
                    .collect();
                let mut rewritten =
                    rewrite::rewrite(&text, &own).map_err(|error| format!("{file}: {error}"))?;
                for (number, reason) in rewritten.left_out.drain(..) {
                    let text = reason.to_owned();
                    let certain = reason.starts_with("`let`");
                    left_out.insert(number, Reason { certain, text });
                }
                let mut text = rewritten.text.clone();
                if file == library {
                    text = format!(
                        "{FEATURES} {text}{}",
                        RUNTIME.replace("@COUNT@", &mutants.len().to_string())
                    );
                    rewritten.shift(FEATURES.len() + 1);
                }
                write(&self.root.join(file), text.as_bytes())?;
                files.insert(file.to_owned(), rewritten);
            }
            let taken = self.check(&files, left_out)?;
            println!("round {round}: {taken} more mutants do not compile beside the others");
            if taken == 0 {
                break;
            }
        }
        Ok(())
    }

    /// One round of the compiler: how many mutants its errors are about.
    fn check(
        &self,
        files: &HashMap<String, Rewritten>,
        left_out: &mut LeftOut,
    ) -> Result<usize, String> {
        let output = self
            .cargo(&["check", "--lib", "-p", self.package])
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| error.to_string())?;
        let before = left_out.len();
        let mut unclear = String::new();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let Ok(message) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            let message = &message["message"];
            if message["level"] != "error" {
                continue;
            }
            let spans = message["spans"]
                .as_array()
                .map(Vec::as_slice)
                .unwrap_or_default();
            if spans.is_empty() {
                continue; // "aborting due to"
            }
            let (found, own) = mistaken(files, spans);
            if found.is_empty() {
                unclear.push_str(message["rendered"].as_str().unwrap_or_default());
            }
            for number in found {
                let certain = own;
                let text = message["message"]
                    .as_str()
                    .unwrap_or_default()
                    .replace('\n', " ");
                left_out.entry(number).or_insert(Reason { certain, text });
            }
        }
        match left_out.len() - before {
            0 if !output.status.success() => {
                Err(format!("errors that are no mutant's:\n{unclear}"))
            }
            taken => Ok(taken),
        }
    }
}

/// The mutants an error is about: the one whose changed code it points at, or else all of the
/// smallest place around it.
fn mistaken(files: &HashMap<String, Rewritten>, spans: &[Value]) -> (Vec<usize>, bool) {
    let mut spans: Vec<&Value> = spans.iter().collect();
    spans.sort_by_key(|span| span["is_primary"] != true);
    let mut located = Vec::new();
    for span in spans {
        let offset = |name: &str| span[name].as_u64().unwrap_or(0) as usize;
        let range = offset("byte_start")..offset("byte_end");
        if let Some(file) = span["file_name"].as_str().and_then(|name| files.get(name)) {
            located.push((file, range));
        }
    }
    let around = |range: &std::ops::Range<usize>, at: &std::ops::Range<usize>| {
        range.start <= at.start && at.end <= range.end
    };
    for (file, at) in &located {
        let changed = file.changed.iter().filter(|(range, _)| around(range, at));
        if let Some((_, number)) = changed.min_by_key(|(range, _)| range.len()) {
            return (vec![*number], true);
        }
    }
    for (file, at) in &located {
        let places = file.places.iter().filter(|(range, _)| around(range, at));
        if let Some((_, numbers)) = places.min_by_key(|(range, _)| range.len()) {
            return (numbers.clone(), false);
        }
    }
    // The other way round: what an error about a whole function has in it.
    for (file, at) in &located {
        let places = file.places.iter().filter(|(range, _)| around(at, range));
        let numbers: Vec<usize> = places.flat_map(|(_, numbers)| numbers.clone()).collect();
        if !numbers.is_empty() {
            return (numbers, false);
        }
    }
    (Vec::new(), false)
}

/// The text with every `with_cases(N)` an eighth of that.
fn fewer_cases(text: &str) -> String {
    const CALL: &str = "ProptestConfig::with_cases(";
    let mut parts = text.split(CALL);
    let mut fewer = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = part.split_at(digits);
        fewer.push_str(&format!("{CALL}{number} / 8{rest}"));
    }
    fewer
}

pub(crate) fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes a file; what has not changed keeps its time, and cargo its work.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), String> {
    if std::fs::read(path).ok().as_deref() == Some(content) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    }
    std::fs::write(path, content).map_err(|error| format!("{}: {error}", path.display()))?;
    // Scripts are run by some tests.
    #[cfg(unix)]
    if content.starts_with(b"#!/") {
        use std::os::unix::fs::PermissionsExt;
        let permissions = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(path, permissions).map_err(|error| error.to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::fewer_cases;

    #[test]
    fn generated_tests_get_an_eighth_of_their_cases() {
        assert_eq!(
            fewer_cases("a(ProptestConfig::with_cases(128)) b(ProptestConfig::with_cases(64))"),
            "a(ProptestConfig::with_cases(128 / 8)) b(ProptestConfig::with_cases(64 / 8))"
        );
        assert_eq!(fewer_cases("nothing"), "nothing");
    }
}
