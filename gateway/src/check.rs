//! `highwater check`: what compiles, what is refused and why, what to look at, what cannot be
//! judged here.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use highwater::compile::{Documents, NotJudged, Report};

use crate::arguments::Output;
use crate::config::Configuration;
use crate::deployment::read_tenants;
use crate::failure::{Exit, Failure};
use crate::input::documents::add_paths;
use crate::output::{
    self, BAD, Format, GOOD, HEAD, NAME, QUIET, WARN, count, grouped, pad, paint, wrapped,
};

/// Read policies, locations and memberships; say what compiles, what does not, and why.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Files, or folders with *.json; a *.toml is a configuration with its tenants
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Refuse what is otherwise corrected with a warning
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    output: Output,
}

impl Check {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let report = self.report()?;
        match self.output.format {
            Format::Json => {
                let mut out = output::machine();
                serde_json::to_writer_pretty(&mut out, &report)?;
                writeln!(out)?;
                out.flush()?;
            }
            Format::Human => {
                let mut out = output::human();
                write_human(&mut out, &report)?;
                out.flush()?;
            }
        }
        Ok(if report.is_ok() {
            Exit::Success
        } else {
            Exit::Refused
        })
    }

    /// Configurations tenant by tenant, everything else as the documents of one tenant.
    fn report(&self) -> Result<Report, Failure> {
        let is_configuration = |path: &Path| path.extension().is_some_and(|end| end == "toml");
        let (configurations, paths): (Vec<_>, Vec<_>) = self
            .paths
            .iter()
            .cloned()
            .partition(|path| is_configuration(path));
        let mut reports = Vec::new();
        for path in &configurations {
            let configuration = Configuration::load(path)?;
            for tenant in read_tenants(&configuration, self.strict)? {
                reports.push(tenant.report);
            }
        }
        if !paths.is_empty() {
            let mut documents = Documents::new();
            add_paths(&mut documents, Path::new(""), &paths)?;
            reports.push(documents.strict(self.strict).finish().1);
        }
        Ok(reports.into_iter().reduce(joined).unwrap_or_default())
    }
}

/// Two reports as one.
fn joined(mut one: Report, other: Report) -> Report {
    one.files += other.files;
    one.policies.enabled += other.policies.enabled;
    one.policies.report_only += other.policies.report_only;
    one.policies.disabled += other.policies.disabled;
    one.locations += other.locations;
    one.ranges.ipv4 += other.ranges.ipv4;
    one.ranges.ipv6 += other.ranges.ipv6;
    one.refused.extend(other.refused);
    one.warnings.extend(other.warnings);
    let mut carriers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for part in one.not_judged.into_iter().chain(other.not_judged) {
        carriers
            .entry(part.condition)
            .or_default()
            .extend(part.policies);
    }
    one.not_judged = carriers
        .into_iter()
        .map(|(condition, mut policies)| {
            policies.sort();
            policies.dedup();
            NotJudged {
                condition,
                policies,
            }
        })
        .collect();
    one
}

fn write_human(out: &mut impl Write, report: &Report) -> Result<(), Failure> {
    let policies = &report.policies;
    let total = policies.enabled + policies.report_only + policies.disabled;
    let verdict = if report.is_ok() {
        paint(GOOD, "everything compiles")
    } else {
        paint(BAD, "documents are refused")
    };
    writeln!(out, "{verdict}")?;
    let mut row = |name: &str, number: usize, detail: String| {
        writeln!(
            out,
            "  {} {:>9}   {}",
            pad(name, 9),
            grouped(number),
            paint(QUIET, detail)
        )
    };
    row("files", report.files, "read".to_owned())?;
    row(
        "policies",
        total,
        format!(
            "{} enabled, {} report-only, {} disabled",
            grouped(policies.enabled),
            grouped(policies.report_only),
            grouped(policies.disabled)
        ),
    )?;
    row(
        "locations",
        report.locations,
        format!(
            "{} and {}",
            count(report.ranges.ipv4, "IPv4 range"),
            count(report.ranges.ipv6, "IPv6 range")
        ),
    )?;
    if !report.refused.is_empty() {
        writeln!(
            out,
            "\n{}",
            paint(HEAD, count(report.refused.len(), "refusal"))
        )?;
        for refused in &report.refused {
            place(out, paint(BAD, "✗"), &refused.file, &refused.path, "")?;
            writeln!(out, "{}", wrapped(4, &refused.reason))?;
            let remedy = wrapped(6, &refused.remedy);
            writeln!(out, "    {} {}", paint(QUIET, "→"), remedy.trim_start())?;
        }
    }
    if !report.warnings.is_empty() {
        writeln!(
            out,
            "\n{}",
            paint(HEAD, count(report.warnings.len(), "warning"))
        )?;
        for warning in &report.warnings {
            let code = serde_json::to_value(warning.code)?;
            let code = code.as_str().unwrap_or_default();
            place(out, paint(WARN, "!"), &warning.file, &warning.path, code)?;
            writeln!(out, "{}", wrapped(4, &warning.message))?;
        }
    }
    if !report.not_judged.is_empty() {
        writeln!(
            out,
            "\n{} {}",
            paint(HEAD, "not judged here"),
            paint(QUIET, "(the issuer decides these when it issues a token)")
        )?;
        let width = report
            .not_judged
            .iter()
            .map(|part| part.condition.len())
            .max()
            .unwrap_or(0);
        for part in &report.not_judged {
            writeln!(
                out,
                "  {}  {}",
                pad(&part.condition, width),
                paint(QUIET, some_of(&part.policies))
            )?;
        }
    }
    Ok(())
}

fn place(
    out: &mut impl Write,
    sign: output::Painted<&str>,
    file: &str,
    path: &str,
    code: &str,
) -> Result<(), Failure> {
    write!(out, "  {sign} {}", paint(NAME, file))?;
    if !path.is_empty() {
        write!(out, " {path}")?;
    }
    if !code.is_empty() {
        write!(out, "  {}", paint(QUIET, code))?;
    }
    writeln!(out)?;
    Ok(())
}

/// The policies, but not a screen full of them.
fn some_of(policies: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut text = policies
        .iter()
        .take(SHOWN)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if policies.len() > SHOWN {
        text.push_str(&format!(" and {} more", policies.len() - SHOWN));
    }
    text
}
