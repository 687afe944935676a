//! A case as a vector file, ready to be committed once its answers have been checked by hand.

use std::fmt::Write;

use serde_json::Value;

use crate::vector::{Answer, Case, Step, TENANT};

/// The case as TOML, with the given answers.
#[must_use]
pub fn to_toml(case: &Case, answers: &[Answer]) -> String {
    let mut text = String::from("section = \"found by generation\"\n\n[base]\nrequest = '{}'\n\n");
    // Writing to a `String` cannot fail.
    let _ = write_case(&mut text, case, answers);
    text
}

fn write_case(text: &mut String, case: &Case, answers: &[Answer]) -> std::fmt::Result {
    writeln!(text, "[[case]]\nname = {:?}", case.name)?;
    let documents = &case.documents;
    write_list(text, "policies", &documents.policies)?;
    write_list(text, "locations", &documents.locations)?;
    if let Some(memberships) = &documents.memberships {
        writeln!(text, "memberships = '{memberships}'")?;
    }
    for (name, list) in [
        ("trusted_ips", &documents.trusted_ips),
        ("countries", &documents.countries),
    ] {
        if let Some(list) = list {
            let lines: Vec<String> = list.lines().map(|line| line.replace('\t', " ")).collect();
            writeln!(text, "{name} = {lines:?}")?;
        }
    }
    for (name, settings) in [
        ("engine", toml::Value::try_from(&case.engine)),
        ("tenant", toml::Value::try_from(&case.tenant)),
        ("issuer", toml::Value::try_from(&case.issuer)),
    ] {
        if let Ok(settings) = settings {
            writeln!(text, "{name} = {settings}")?;
        }
    }
    writeln!(text, "steps = [")?;
    let mut answers = answers.iter();
    for step in &case.steps {
        match step {
            Step::Event(event) => {
                let json = serde_json::to_string(event).unwrap_or_default();
                writeln!(
                    text,
                    "  {{ event = '{}' }},",
                    json.replace(TENANT, "$tenant")
                )?;
            }
            Step::Request { line, .. } => {
                let line = line.to_string().replace(TENANT, "$tenant");
                write!(text, "  {{ request = '{line}'")?;
                if let Some(answer) = answers.next() {
                    write!(
                        text,
                        ", expect = {:?}, because = {:?}, by = {:?}, flags = {:?}",
                        answer.decision,
                        answer.reasons,
                        answer.policies,
                        answer.flags.clone().unwrap_or_default()
                    )?;
                }
                writeln!(text, " }},")?;
            }
        }
    }
    writeln!(text, "]")
}

fn write_list(text: &mut String, name: &str, values: &[Value]) -> std::fmt::Result {
    if values.is_empty() {
        return Ok(());
    }
    writeln!(text, "{name} = [")?;
    for value in values {
        writeln!(text, "  '{value}',")?;
    }
    writeln!(text, "]")
}
