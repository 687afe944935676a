//! The rows of all works: a table for people, JSON Lines for programs.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde_json::json;

use crate::Options;

/// The subject that all others are compared with.
pub(crate) const HIGHWATER: &str = "highwater";

/// All measured rows.
#[derive(Debug)]
pub(crate) struct Report {
    only: String,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    work: String,
    subject: String,
    nanoseconds: f64,
    bytes: Option<usize>,
}

impl Report {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            only: options.only.clone(),
            rows: Vec::new(),
        }
    }

    /// Adds a row: `nanoseconds` per operation, `bytes` that the subject's structure holds.
    pub(crate) fn add(
        &mut self,
        work: &str,
        subject: &str,
        nanoseconds: f64,
        bytes: Option<usize>,
    ) {
        if work.starts_with(&self.only) {
            let (work, subject) = (work.to_owned(), subject.to_owned());
            self.rows.push(Row {
                work,
                subject,
                nanoseconds,
                bytes,
            });
        }
    }

    /// How many times as long as highwater this row took; the batch of ours is a row of its own.
    fn ratio(&self, row: &Row) -> Option<f64> {
        let ours = self
            .rows
            .iter()
            .find(|our| our.work == row.work && our.subject == HIGHWATER)?;
        Some(row.nanoseconds / ours.nanoseconds)
    }

    pub(crate) fn print(&self) {
        println!(
            "{:<34} {:<34} {:>12} {:>8} {:>10}",
            "work", "subject", "ns", "ratio", "MiB"
        );
        let mut before = "";
        for row in &self.rows {
            if !before.is_empty() && before != row.work {
                println!();
            }
            before = &row.work;
            let ratio = self
                .ratio(row)
                .map_or_else(String::new, |ratio| format!("{ratio:.2}"));
            let mebibytes = |bytes: usize| format!("{:.2}", bytes as f64 / f64::from(1 << 20));
            println!(
                "{:<34} {:<34} {:>12.1} {:>8} {:>10}",
                row.work,
                row.subject,
                row.nanoseconds,
                ratio,
                row.bytes.map_or_else(String::new, mebibytes),
            );
        }
    }

    pub(crate) fn write_json(&self, path: &Path) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        for row in &self.rows {
            let line = json!({
                "work": row.work,
                "subject": row.subject,
                "ns": (row.nanoseconds * 1000.0).round() / 1000.0,
                "ratio_to_highwater": self.ratio(row),
                "bytes": row.bytes,
            });
            writeln!(file, "{line}")?;
        }
        file.flush()
    }
}
