//! Works `policy-10`, `policy-100`, `policy-1000`: general policy engines with the same rule.
//!
//! Building these engines takes longer than everything else here together, so they are a program of
//! their own, `benches/policy-engines`, which races them beside Highwater in one process and prints
//! its rows as JSON. With `--quick` it is run only if it was built before.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Options;
use crate::report::Report;

pub(crate) fn run(
    options: &Options,
    report: &mut Report,
) -> Result<(), Box<dyn std::error::Error>> {
    if !["policy-10", "policy-1000"]
        .iter()
        .any(|work| options.wants(work))
    {
        return Ok(());
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy-engines");
    let manifest = folder.join("Cargo.toml");
    let program = folder.join("target/release/highwater-policy-engines");
    if options.quick && !program.exists() {
        println!(
            "policy-…: the policy engines are not measured; build them first: \
             cargo build --release --manifest-path benches/policy-engines/Cargo.toml"
        );
        return Ok(());
    }
    let mut command = if options.quick {
        Command::new(program)
    } else {
        let mut command = Command::new("cargo");
        command.args(["run", "--release", "--locked", "--manifest-path"]);
        command.arg(manifest);
        command
    };
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("the policy engines ended with {}", output.status).into());
    }
    for line in String::from_utf8(output.stdout)?.lines() {
        let row: Value = serde_json::from_str(line)?;
        let (Some(work), Some(subject), Some(nanoseconds)) = (
            row["work"].as_str(),
            row["subject"].as_str(),
            row["ns"].as_f64(),
        ) else {
            return Err(format!("the policy engines print no row: {line}").into());
        };
        report.add(work, subject, nanoseconds, None);
    }
    Ok(())
}
