//! Documents from files and folders.
//!
//! Files are named as the caller named them, because policies without an id get one from the
//! name of their file: the same command reads the same ids.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use highwater::compile::Documents;

use super::{read, read_text, unreadable};
use crate::failure::Failure;
use crate::output::Progress;

/// Adds every file of `paths`: files as they are, folders with all `*.json` below them. Relative
/// paths start at `base`; names in reports do not show it.
pub(crate) fn add_paths(
    documents: &mut Documents,
    base: &Path,
    paths: &[PathBuf],
) -> Result<(), Failure> {
    let mut files = Vec::new();
    for path in paths {
        collect(base, path, &mut files)?;
    }
    let mut progress = Progress::new("reading", files.len());
    for file in &files {
        let bytes = read(&base.join(file))?;
        let name = name(file);
        if has_extension(file, "jsonl") {
            documents.add_synced(&name, &bytes, None);
        } else {
            documents.add(&name, &bytes);
        }
        progress.advance(1);
    }
    Ok(())
}

/// Adds a country table: a MaxMind DB file, or lines of `CC<TAB>prefix`.
pub(crate) fn add_country_table(
    documents: &mut Documents,
    base: &Path,
    path: &Path,
) -> Result<(), Failure> {
    let file = base.join(path);
    if has_extension(path, "mmdb") {
        documents.add_country_database(&name(path), &read(&file)?);
    } else {
        documents.add_country_list(&name(path), &read_text(&file)?);
    }
    Ok(())
}

/// Adds the ranges of the MFA trusted IPs: one prefix to a line.
pub(crate) fn add_trusted_ips(
    documents: &mut Documents,
    base: &Path,
    path: &Path,
) -> Result<(), Failure> {
    documents.add_trusted_ips(&name(path), &read_text(&base.join(path))?);
    Ok(())
}

/// The name of a file in reports and ids: the same on every system.
fn name(path: &Path) -> String {
    let mut name = path.to_string_lossy().replace('\\', "/");
    while let Some(rest) = name.strip_prefix("./") {
        name = rest.to_owned();
    }
    name
}

fn collect(base: &Path, path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let full = base.join(path);
    let metadata = fs::metadata(&full).map_err(|error| unreadable(&full, &error))?;
    if metadata.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    let before = files.len();
    walk(base, path, &mut HashSet::new(), files)?;
    if files.len() == before {
        return Err(Failure::Input(format!(
            "there is no `*.json` file below `{}`",
            full.display()
        )));
    }
    Ok(())
}

/// In the order of names, without hidden ones, so that two runs read the same documents in the same order. `seen`
/// holds the folders above, so that a link upwards is not followed for ever.
fn walk(
    base: &Path,
    folder: &Path,
    seen: &mut HashSet<PathBuf>,
    files: &mut Vec<PathBuf>,
) -> Result<(), Failure> {
    let full = base.join(folder);
    let failed = |error| unreadable(&full, &error);
    let canonical = full.canonicalize().map_err(failed)?;
    if !seen.insert(canonical) {
        return Ok(());
    }
    let mut entries = fs::read_dir(&full)
        .map_err(failed)?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    entries.sort();
    for entry in entries {
        if is_hidden(&entry) {
            continue;
        }
        let path = folder.join(entry);
        let full = base.join(&path);
        let metadata = fs::metadata(&full).map_err(|error| unreadable(&full, &error))?;
        if metadata.is_dir() {
            walk(base, &path, seen, files)?;
        } else if has_extension(&path, "json") {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether a name says that it is not meant: editors, version control and Kubernetes, which keeps
/// every version of a mounted folder beside the links to it, put a dot in front.
pub(crate) fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension()
        .and_then(OsStr::to_str)
        .is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}
