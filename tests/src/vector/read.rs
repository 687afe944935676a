//! Reading vector files: names, bases and shared documents resolved, expectations checked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use highwater::event::Event;
use highwater::reason::Reason;
use highwater::token::IssuerProfile;
use serde_json::Value;

use super::merge::{merged, with_names};
use super::schema;
use super::{Answer, Case, Documents, Expected, Step, TENANT};

/// What is wrong with a vector file.
#[derive(Clone, Debug)]
pub struct VectorError(String);

impl std::fmt::Display for VectorError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for VectorError {}

/// Every case of `tests/vectors`, file by file.
///
/// # Errors
/// The first file that is wrong.
pub fn corpus() -> Result<Vec<Case>, VectorError> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .map_err(|error| VectorError(format!("{}: {error}", folder.display())))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    files.sort();
    let mut cases = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path)
            .map_err(|error| VectorError(format!("{}: {error}", path.display())))?;
        let file = path
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        cases.extend(read(&file, &text)?);
    }
    Ok(cases)
}

/// The cases of one file.
///
/// # Errors
/// Text that is no vector file, naming file and case.
pub fn read(file: &str, text: &str) -> Result<Vec<Case>, VectorError> {
    let wire: schema::File =
        toml::from_str(text).map_err(|error| VectorError(format!("{file}: {error}")))?;
    let mut names = wire.names.clone();
    names.insert("tenant".to_owned(), TENANT.to_owned());
    let reader = Reader {
        names,
        file: wire.clone(),
    };
    wire.case
        .iter()
        .map(|case| {
            let name = format!("{file}: {}", case.name);
            reader
                .case(&name, case)
                .map_err(|message| VectorError(format!("{name}: {message}")))
        })
        .collect()
}

struct Reader {
    names: BTreeMap<String, String>,
    file: schema::File,
}

impl Reader {
    fn json(&self, text: &str) -> Result<Value, String> {
        let text = with_names(text, &self.names)?;
        serde_json::from_str(&text).map_err(|error| format!("{error} in {text}"))
    }

    fn case(&self, name: &str, case: &schema::Case) -> Result<Case, String> {
        let mut request = self.json(&self.file.base.request)?;
        if let Some(patch) = &case.base {
            request = merged(request, self.json(patch)?);
        }
        Ok(Case {
            name: name.to_owned(),
            section: self.file.section.clone(),
            documents: self.documents(case)?,
            engine: case
                .engine
                .clone()
                .or_else(|| self.file.base.engine.clone())
                .unwrap_or_default(),
            tenant: case.tenant.clone(),
            issuer: case
                .issuer
                .clone()
                .or_else(|| self.file.base.issuer.clone())
                .unwrap_or_else(|| IssuerProfile {
                    answers_challenges: Some(true),
                    ..IssuerProfile::generic("https://idp.example")
                }),
            steps: case
                .steps
                .iter()
                .enumerate()
                .map(|(index, step)| {
                    self.step(&request, step)
                        .map_err(|message| format!("step {}: {message}", index + 1))
                })
                .collect::<Result<_, _>>()?,
        })
    }

    fn documents(&self, case: &schema::Case) -> Result<Documents, String> {
        let shared = match &case.documents {
            None => schema::Documents::default(),
            Some(name) => self
                .file
                .documents
                .get(name)
                .cloned()
                .ok_or_else(|| format!("the file has no [documents.{name}]"))?,
        };
        let base = match &self.file.base.policy {
            None => Value::Null,
            Some(text) => self.json(text)?,
        };
        let all = |shared: &[String], own: &[String], base: &Value| {
            shared
                .iter()
                .chain(own)
                .map(|text| Ok(merged(base.clone(), self.json(text)?)))
                .collect::<Result<Vec<Value>, String>>()
        };
        let lines = |own: &Option<Vec<String>>, shared: &Option<Vec<String>>| {
            own.as_ref()
                .or(shared.as_ref())
                .map(|lines| lines.join("\n"))
        };
        Ok(Documents {
            policies: all(&shared.policies, &case.policies, &base)?,
            locations: all(&shared.locations, &case.locations, &Value::Null)?,
            memberships: match case.memberships.as_ref().or(shared.memberships.as_ref()) {
                None => None,
                Some(text) => Some(self.json(text)?),
            },
            trusted_ips: lines(&case.trusted_ips, &shared.trusted_ips),
            countries: lines(&case.countries, &shared.countries)
                .map(|list| list.replace(' ', "\t")),
        })
    }

    fn step(&self, base: &Value, step: &schema::Step) -> Result<Step, String> {
        match (&step.event, &step.request, &step.expect) {
            (Some(event), None, None) => {
                let event = merged(
                    serde_json::json!({"tenant": TENANT, "source": "idp"}),
                    self.json(event)?,
                );
                let event = Event::from_value(&event).map_err(|error| error.to_string())?;
                Ok(Step::Event(event))
            }
            (None, Some(request), Some(expect)) => Ok(Step::Request {
                line: merged(base.clone(), self.json(request)?),
                expected: Expected {
                    answer: self.answer(step, expect)?,
                },
            }),
            _ => Err("a step has `event`, or `request` and `expect`".to_owned()),
        }
    }

    fn answer(&self, step: &schema::Step, expect: &str) -> Result<Answer, String> {
        if !["allow", "challenge", "deny 401", "deny 403", "error"].contains(&expect) {
            return Err(format!("`{expect}` is no decision"));
        }
        for code in &step.because {
            Reason::from_code(code).ok_or_else(|| format!("`{code}` is no reason"))?;
        }
        if let Some(flag) = step
            .flags
            .iter()
            .find(|flag| !["uncovered", "degraded"].contains(&flag.as_str()))
        {
            return Err(format!("`{flag}` is no flag"));
        }
        Ok(Answer {
            decision: expect.to_owned(),
            reasons: step.because.clone(),
            policies: step.by.clone(),
            flags: Some(step.flags.clone()),
            claims: match &step.claims {
                None => None,
                Some(text) => Some(self.json(text)?),
            },
            header: match &step.header {
                None => None,
                Some(text) => Some(with_names(text, &self.names)?),
            },
            results: Some(step.results.clone()),
        })
    }
}
