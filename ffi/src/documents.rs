//! Documents on their way to a tenant: collected from memory or files, checked, then published.

use std::collections::HashSet;
use std::ffi::c_char;
use std::fs;
use std::path::{Path, PathBuf};

use highwater::compile::Documents;
use highwater::timestamp::Timestamp;
use parking_lot::RwLock;

use crate::error::{Failure, Outcome};
use crate::handle::{Handle, Kind, exclusive, free, give, shared, with, without};
use crate::options::shown;
use crate::status::highwater_status;
use crate::text::{bytes, highwater_text, json, path, required, text, write_text};

/// The documents of one tenant: policies, named locations, memberships, country tables, trusted
/// addresses. Exclusive while something is added; afterwards threads may publish from it.
pub struct highwater_documents {
    documents: RwLock<Documents>,
}

impl Handle for highwater_documents {
    const KIND: Kind = Kind::Documents;
}

impl highwater_documents {
    /// What was added so far, to be read.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Documents) -> T) -> Outcome<T> {
        shared(Kind::Documents, &self.documents).map(|documents| read(&documents))
    }
}

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum highwater_document_kind {
    /// Policies, named locations or memberships in Graph's JSON, in any form that exporters
    /// write.
    Graph = 1,
    /// Policies as the issuer pushes them to a resource provider: one update per line.
    Synced = 2,
    /// The ranges configured as MFA trusted IPs: one prefix per line.
    TrustedIps = 3,
    /// A country table as lines of `CC<TAB>prefix`.
    CountryList = 4,
    /// A country table in MaxMind DB format.
    CountryDatabase = 5,
}

const _: () = {
    assert!(highwater_document_kind::Graph as u32 == 1);
    assert!(highwater_document_kind::Synced as u32 == 2);
    assert!(highwater_document_kind::TrustedIps as u32 == 3);
    assert!(highwater_document_kind::CountryList as u32 == 4);
    assert!(highwater_document_kind::CountryDatabase as u32 == 5);
};

impl highwater_document_kind {
    fn read(kind: u32) -> Outcome<highwater_document_kind> {
        [
            highwater_document_kind::Graph,
            highwater_document_kind::Synced,
            highwater_document_kind::TrustedIps,
            highwater_document_kind::CountryList,
            highwater_document_kind::CountryDatabase,
        ]
        .into_iter()
        .find(|known| *known as u32 == kind)
        .ok_or_else(|| {
            Failure::at(
                highwater_status::InvalidArgument,
                format!("`kind` is {kind}, which is no kind of document"),
                "kind",
            )
        })
    }
}

/// How documents are read, for `highwater_documents_new`; combine them with `|`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum highwater_documents_flag {
    /// Refuse what is otherwise corrected with a warning: bits set behind a prefix.
    Strict = 1,
    /// Let a later document replace an earlier one with the same id; otherwise both are refused
    /// if they differ.
    UpdatesInOrder = 2,
}

const _: () = {
    assert!(highwater_documents_flag::Strict as u32 == 1);
    assert!(highwater_documents_flag::UpdatesInOrder as u32 == 2);
};

/// Makes an empty collection. `flags` are those of `highwater_documents_flag`, usually zero.
///
/// # Safety
/// - `documents` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_documents_new(
    flags: u32,
    documents: *mut *mut highwater_documents,
) -> highwater_status {
    without(|| {
        let place = required("documents", documents)?;
        let (strict, updates) = (
            highwater_documents_flag::Strict as u32,
            highwater_documents_flag::UpdatesInOrder as u32,
        );
        if flags & !(strict | updates) != 0 {
            return Err(Failure::at(
                highwater_status::InvalidArgument,
                format!("`flags` is {flags:#x}, of which this version does not know every bit"),
                "flags",
            ));
        }
        let mut made = Documents::new();
        made.strict(flags & strict != 0)
            .updates_in_order(flags & updates != 0);
        let made = highwater_documents {
            documents: RwLock::new(made),
        };
        // SAFETY: checked above, and valid by the caller's promise.
        unsafe { give(place, made) };
        Ok(())
    })
}

/// Ends a collection. Null is fine.
///
/// # Safety
/// - `documents` is null, or a collection that no thread uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_documents_free(documents: *mut highwater_documents) {
    // SAFETY: the caller's promise.
    unsafe { free(documents) }
}

/// Adds a document from memory. `kind` is one of `highwater_document_kind`; `name` stands in
/// reports, and gives policies without an id theirs. What is wrong with the document is said when
/// it is checked or published.
///
/// # Safety
/// - `documents` is a collection.
/// - `name` is valid for reading `name_length` bytes, `data` for `data_length`; null if zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_documents_add(
    documents: *mut highwater_documents,
    kind: u32,
    name: *const c_char,
    name_length: usize,
    data: *const u8,
    data_length: usize,
) -> highwater_status {
    let body = |handle: &highwater_documents| {
        let kind = highwater_document_kind::read(kind)?;
        // SAFETY: the caller's promise.
        let name = unsafe { text("name", name, name_length) }?;
        // SAFETY: the caller's promise.
        let data = unsafe { bytes("data", data, data_length) }?;
        let mut documents = exclusive(Kind::Documents, &handle.documents)?;
        add(&mut documents, kind, name, data)
    };
    // SAFETY: the caller's promise.
    unsafe { with(documents.cast_const(), body) }
}

/// Adds a file; for `HIGHWATER_DOCUMENT_KIND_GRAPH` also a folder, with all `*.json` below it in
/// the order of their names, and a file `*.jsonl` is read as `HIGHWATER_DOCUMENT_KIND_SYNCED`.
/// The path stands in reports as it is given. Nothing is added unless everything can be read.
///
/// # Safety
/// - `documents` is a collection.
/// - `path` is valid for reading `path_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_documents_add_path(
    documents: *mut highwater_documents,
    kind: u32,
    path: *const c_char,
    path_length: usize,
) -> highwater_status {
    let body = |handle: &highwater_documents| {
        let kind = highwater_document_kind::read(kind)?;
        // SAFETY: the caller's promise.
        let path = unsafe { self::path("path", path, path_length) }?;
        let mut files = Vec::new();
        if kind == highwater_document_kind::Graph && path.is_dir() {
            walk(path, &mut HashSet::new(), &mut files)?;
            if files.is_empty() {
                return Err(Failure::at(
                    highwater_status::UnreadableFile,
                    format!("there is no `*.json` file below `{}`", path.display()),
                    shown(path),
                ));
            }
        } else {
            files.push(path.to_owned());
        }
        let mut read = Vec::new();
        for file in files {
            let content = fs::read(&file).map_err(|error| unreadable(&file, &error))?;
            read.push((file, content));
        }
        let mut documents = exclusive(Kind::Documents, &handle.documents)?;
        for (file, content) in read {
            let kind = match kind {
                highwater_document_kind::Graph if has_extension(&file, "jsonl") => {
                    highwater_document_kind::Synced
                }
                kind => kind,
            };
            add(&mut documents, kind, &shown(&file), &content)?;
        }
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(documents.cast_const(), body) }
}

/// Compiles what was added and publishes nothing. `report` receives what became of it, the JSON
/// of `highwater check --format json`: `files`, `policies`, `locations`, `ranges`, `refused`,
/// `warnings`, `not_judged`. It is written whether or not something was refused, and may be null.
///
/// Returns `HIGHWATER_STATUS_OK` if these documents may be published, else
/// `HIGHWATER_STATUS_DOCUMENTS_REFUSED`.
///
/// # Safety
/// - `documents` is a collection.
/// - `report` is null or valid for writing; free the text with `highwater_text_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_documents_check(
    documents: *const highwater_documents,
    report: *mut highwater_text,
) -> highwater_status {
    let body = |handle: &highwater_documents| {
        let (_, made) = handle.read(Documents::finish)?;
        // SAFETY: null or valid by the caller's promise.
        unsafe { write_text(report, json(&made)?) };
        refusal(&made)
    };
    // SAFETY: the caller's promise.
    unsafe { with(documents, body) }
}

/// Whether documents may be published; if not, the first reason.
pub(crate) fn refusal(report: &highwater::compile::Report) -> Outcome {
    let Some(first) = report.refused.first() else {
        return Ok(());
    };
    let place = [first.file.as_str(), &first.path].join(" ");
    Err(Failure::at(
        highwater_status::DocumentsRefused,
        format!(
            "{} refused; the first: {}: {}; {}",
            match report.refused.len() {
                1 => "one part".to_owned(),
                count => format!("{count} parts"),
            },
            place.trim_end(),
            first.reason,
            first.remedy
        ),
        place.trim_end(),
    ))
}

fn add(
    documents: &mut Documents,
    kind: highwater_document_kind,
    name: &str,
    data: &[u8],
) -> Outcome {
    let list = || {
        std::str::from_utf8(data).map_err(|_| {
            Failure::at(
                highwater_status::InvalidUtf8,
                format!("`{name}` is not UTF-8"),
                name,
            )
        })
    };
    match kind {
        highwater_document_kind::Graph => documents.add(name, data),
        highwater_document_kind::Synced => documents.add_synced(name, data, None::<Timestamp>),
        highwater_document_kind::TrustedIps => documents.add_trusted_ips(name, list()?),
        highwater_document_kind::CountryList => documents.add_country_list(name, list()?),
        highwater_document_kind::CountryDatabase => documents.add_country_database(name, data),
    };
    Ok(())
}

/// Every `*.json` below `folder`, in the order of names. `seen` holds the folders above, so that
/// a link upwards is not followed for ever.
fn walk(folder: &Path, seen: &mut HashSet<PathBuf>, files: &mut Vec<PathBuf>) -> Outcome {
    let failed = |error| unreadable(folder, &error);
    if !seen.insert(folder.canonicalize().map_err(failed)?) {
        return Ok(());
    }
    let mut entries = fs::read_dir(folder)
        .map_err(failed)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            walk(&path, seen, files)?;
        } else if has_extension(&path, "json") {
            files.push(path);
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::at(
        highwater_status::UnreadableFile,
        format!("cannot read `{}`: {error}", path.display()),
        shown(path),
    )
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}
