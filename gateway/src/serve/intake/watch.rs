//! Documents on disk, read again when they change.
//!
//! What changed is not taken from the operating system's events, which differ between systems,
//! get lost, and do not see through the symbolic links that Kubernetes swaps. An event only says
//! when to look; what is compared is a print of every file (its target, length and time). Where
//! there are no events, or they do not come, looking now and then is enough.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use metrics::counter;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use crate::config::watch::{WatchMode, WatchSection};
use crate::serve::Service;

/// Files are read when nothing has changed for so long: a writer is between two files.
const QUIET: Duration = Duration::from_millis(250);

/// They are read after this time even if something changes all the while.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often files are looked at although the operating system tells about changes: network
/// file systems do not.
const DOUBT: Duration = Duration::from_secs(60);

/// Starts watching, if the configuration wants it.
pub(super) fn start(service: &Arc<Service>) {
    let section = service.configuration.watch;
    let paths: Vec<PathBuf> = service
        .configuration
        .document_paths()
        // Absolute, so that what the system reports can be compared.
        .filter_map(|path| std::path::absolute(service.path(path)).ok())
        .collect();
    if section.mode == WatchMode::Off || paths.is_empty() {
        return;
    }
    let service = Arc::clone(service);
    let tasks = service.tasks.clone();
    tasks.spawn(async move {
        let shutdown = service.shutdown.clone();
        tokio::select! {
            () = watch(&service, section, paths) => {}
            () = shutdown.cancelled() => {}
        }
    });
}

async fn watch(service: &Arc<Service>, section: WatchSection, paths: Vec<PathBuf>) {
    // What happens between the first reading and the first look is not missed: it is compared
    // with nothing, so at worst the same files are read twice.
    let mut known = look(&paths).await;
    let (sender, mut events) = mpsc::channel(1);
    let mut watched = match section.mode {
        WatchMode::Auto => Watched::start(&paths, &sender),
        WatchMode::Poll | WatchMode::Off => None,
    };
    loop {
        let every = if watched.is_some() {
            DOUBT
        } else {
            section.interval()
        };
        tokio::select! {
            _ = events.recv() => settle(&mut events).await,
            () = tokio::time::sleep(every) => {}
        }
        let seen = look(&paths).await;
        if seen == known {
            continue;
        }
        let changed = difference(&known, &seen);
        tracing::info!(files = changed.len(), first = %changed.first().map_or("", |first| first.as_str()), "documents changed on disk");
        reload(service).await;
        // New folders may have come, and old ones been replaced by others of the same name.
        if watched.is_some() {
            watched = Watched::start(&paths, &sender);
        }
        known = seen;
    }
}

async fn reload(service: &Arc<Service>) {
    let reloading = Arc::clone(service);
    let outcome = match tokio::task::spawn_blocking(move || reloading.reload_documents()).await {
        Ok(Ok(())) => "published",
        Ok(Err(error)) => {
            tracing::error!(%error, "documents refused; what was in force stays");
            "refused"
        }
        Err(error) => {
            tracing::error!(%error, "reading documents ended early");
            "refused"
        }
    };
    counter!("highwater_document_reloads_total", "trigger" => "folder", "outcome" => outcome)
        .increment(1);
}

/// Waits until nothing has happened for a moment.
async fn settle(events: &mut mpsc::Receiver<()>) {
    let quiet = async { while tokio::time::timeout(QUIET, events.recv()).await.is_ok() {} };
    // Whoever never stops writing is read all the same.
    let _ = tokio::time::timeout(PATIENCE, quiet).await;
}

/// The operating system's own watching.
struct Watched {
    _watcher: RecommendedWatcher,
}

impl Watched {
    /// Watches the folders of `paths`; `None`, with a warning, where that cannot be done.
    fn start(paths: &[PathBuf], sender: &mpsc::Sender<()>) -> Option<Watched> {
        let sender = sender.clone();
        let documents = paths.to_vec();
        let tell = move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !concerns(&event, &documents)) {
                return;
            }
            // A full channel means that somebody will look anyway.
            let _ = sender.try_send(());
        };
        let watching = notify::recommended_watcher(tell).and_then(|mut watcher| {
            for path in paths {
                if path.is_dir() {
                    watcher.watch(path, RecursiveMode::Recursive)?;
                }
                // A file is replaced by renaming another one over it, a mounted folder by turning
                // its link: both happen in the folder above.
                if let Some(above) = path.parent().filter(|above| above.is_dir()) {
                    watcher.watch(above, RecursiveMode::NonRecursive)?;
                }
            }
            Ok(watcher)
        });
        match watching {
            Ok(watcher) => Some(Watched { _watcher: watcher }),
            Err(error) => {
                tracing::warn!(%error, "the system cannot tell about changed documents; files are looked at instead");
                None
            }
        }
    }
}

/// Whether an event may be about documents. The folders above are full of other things: the
/// store, which is written with every event.
fn concerns(event: &notify::Event, documents: &[PathBuf]) -> bool {
    let is_below = |path: &PathBuf| documents.iter().any(|document| path.starts_with(document));
    !event.kind.is_access() && (event.paths.is_empty() || event.paths.iter().any(is_below))
}

/// What one file is, without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Print {
    target: PathBuf,
    length: u64,
    modified: Option<SystemTime>,
}

type Prints = BTreeMap<PathBuf, Print>;

async fn look(paths: &[PathBuf]) -> Prints {
    let paths = paths.to_vec();
    tokio::task::spawn_blocking(move || {
        let mut prints = Prints::new();
        for path in &paths {
            print(path, 0, &mut prints);
        }
        prints
    })
    .await
    .unwrap_or_default()
}

/// Folders nest; links in a circle do not end.
const DEEPEST: usize = 32;

fn print(path: &Path, depth: usize, prints: &mut Prints) {
    // What cannot be looked at is not there; reading it will say why.
    let (Ok(metadata), Ok(target)) = (std::fs::metadata(path), path.canonicalize()) else {
        return;
    };
    if metadata.is_dir() {
        if depth >= DEEPEST {
            return;
        }
        let Ok(entries) = std::fs::read_dir(path) else {
            return;
        };
        for entry in entries.flatten() {
            if !crate::input::documents::is_hidden(&entry.file_name()) {
                print(&entry.path(), depth + 1, prints);
            }
        }
        return;
    }
    prints.insert(
        path.to_owned(),
        Print {
            target,
            length: metadata.len(),
            modified: metadata.modified().ok(),
        },
    );
}

fn difference(before: &Prints, after: &Prints) -> Vec<String> {
    let changed = after
        .iter()
        .filter(|(path, print)| before.get(*path) != Some(*print));
    let removed = before.keys().filter(|path| !after.contains_key(*path));
    changed
        .map(|(path, _)| path)
        .chain(removed)
        .map(|path| path.display().to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prints(folder: &Path) -> Prints {
        let mut prints = Prints::new();
        print(folder, 0, &mut prints);
        prints
    }

    #[test]
    fn a_file_that_was_replaced_added_or_removed_shows() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.json");
        std::fs::write(&file, "1").unwrap();
        let first = prints(folder.path());
        std::fs::write(folder.path().join("new"), "22").unwrap();
        std::fs::rename(folder.path().join("new"), &file).unwrap();
        let second = prints(folder.path());
        assert_eq!(difference(&first, &second), [file.display().to_string()]);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(difference(&second, &prints(folder.path())).len(), 1);
    }

    #[test]
    fn other_files_beside_the_documents_are_no_reason_to_look() {
        use notify::event::{AccessKind, CreateKind, EventKind, ModifyKind};

        let documents = [PathBuf::from("/etc/highwater/policies")];
        let event = |kind, path: &str| notify::Event::new(kind).add_path(PathBuf::from(path));
        let modified = EventKind::Modify(ModifyKind::Any);
        for (event, expected) in [
            (event(modified, "/etc/highwater/policies/a.json"), true),
            (
                event(
                    EventKind::Create(CreateKind::Any),
                    "/etc/highwater/policies",
                ),
                true,
            ),
            (event(modified, "/etc/highwater/highwater.ledger"), false),
            (event(modified, "/etc/highwater/policies.old"), false),
            (
                event(
                    EventKind::Access(AccessKind::Any),
                    "/etc/highwater/policies/a.json",
                ),
                false,
            ),
            (notify::Event::new(EventKind::Other), true),
        ] {
            assert_eq!(concerns(&event, &documents), expected, "{event:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_was_turned_shows_though_the_files_look_alike() {
        use std::os::unix::fs::symlink;

        // As Kubernetes mounts a configuration.
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for version in ["..1", "..2"] {
            std::fs::create_dir(at(version)).unwrap();
            std::fs::write(at(version).join("a.json"), "same").unwrap();
        }
        symlink("..1", at("..data")).unwrap();
        symlink("..data/a.json", at("a.json")).unwrap();
        let first = prints(folder.path());
        assert_eq!(first.len(), 1, "{first:?}");
        symlink("..2", at("..new")).unwrap();
        std::fs::rename(at("..new"), at("..data")).unwrap();
        assert_eq!(difference(&first, &prints(folder.path())).len(), 1);
        symlink(".", at("circle")).unwrap();
        prints(folder.path());
    }
}
