//! A disk in memory that fails on command and forgets what was not flushed.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;
use redb::StorageBackend;

use super::image::Image;
use crate::StoreError;
use crate::disk::medium::Medium;

/// What is written whole or not at all, in bytes.
pub const SECTOR: u64 = 512;

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing happens, and an error comes back.
    Error,
    /// Half of a write happens, and an error comes back. Other calls just fail.
    Short,
    /// The disk is full: growing and writing fail, reading and flushing work.
    Full,
    /// As `Error`, and then the machine dies: no later call reaches the disk.
    Dies,
}

#[derive(Debug, Default)]
struct State {
    /// What a reader of the running machine sees.
    live: Image,
    /// What a power cut leaves for certain.
    durable: Image,
    /// Sectors written since the last flush. Others may differ all the same: those of a flush
    /// that failed.
    dirty: BTreeSet<u64>,
    calls: u64,
    plan: Option<(u64, Fault)>,
    /// From this call on, for as long as it is set.
    full: bool,
    dead: bool,
    failed: bool,
    /// The kinds of call so far, for messages.
    last: &'static str,
}

impl State {
    fn flush(&mut self) {
        self.durable.resize(self.live.len());
        for sector in std::mem::take(&mut self.dirty) {
            let range = range_of(sector, self.live.len());
            if !range.is_empty() {
                self.durable.copy(&self.live, range);
            }
        }
    }
}

/// A disk shared by everything that opens it, one after another.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    disk: Arc<Mutex<State>>,
}

impl Disk {
    /// An empty store on a disk without faults.
    #[must_use]
    pub fn with_store() -> Disk {
        // Made once: simulations start thousands.
        static EMPTY: LazyLock<Disk> = LazyLock::new(|| {
            let disk = Disk::default();
            let made = crate::disk::initialise(disk.path(), Box::new(disk.clone()));
            debug_assert!(made.is_ok(), "a disk without faults");
            disk
        });
        EMPTY.after_restart()
    }

    fn with_state(state: State) -> Disk {
        Disk {
            disk: Arc::new(Mutex::new(state)),
        }
    }

    /// Makes call number `call` (counted from now) fail.
    pub fn fail_at(&self, call: u64, fault: Fault) {
        let mut disk = self.disk.lock();
        disk.plan = Some((disk.calls + call, fault));
        disk.failed = false;
    }

    /// The process that uses the disk is gone: none of its calls reaches the disk any more.
    pub fn disconnect(&self) {
        self.disk.lock().dead = true;
    }

    /// Whether the disk is full from now on.
    pub fn set_full(&self, full: bool) {
        self.disk.lock().full = full;
    }

    /// Calls since the beginning.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.disk.lock().calls
    }

    /// Whether the planned fault happened.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.disk.lock().failed
    }

    /// The kind of the last call.
    #[must_use]
    pub fn last_call(&self) -> &'static str {
        self.disk.lock().last
    }

    /// What is left after a power cut: the flushed bytes, and of the sectors written since, those
    /// that `survives` says. A sector is written whole or not at all.
    #[must_use]
    pub fn after_power_cut(&self, mut survives: impl FnMut(u64) -> bool) -> Disk {
        let disk = self.disk.lock();
        let mut image = disk.durable.clone();
        // The length is metadata of its own: the longer of the two is always a possible one.
        image.resize(disk.live.len().max(image.len()));
        for &sector in &disk.dirty {
            if survives(sector) {
                let range = range_of(sector, disk.live.len());
                if !range.is_empty() {
                    image.copy(&disk.live, range);
                }
            }
        }
        Disk::with_state(State {
            live: image.clone(),
            durable: image,
            ..State::default()
        })
    }

    /// The same disk without faults, as a process finds it that was started again: the system
    /// still has what was written and not flushed.
    #[must_use]
    pub fn after_restart(&self) -> Disk {
        let disk = self.disk.lock();
        Disk::with_state(State {
            live: disk.live.clone(),
            durable: disk.durable.clone(),
            dirty: disk.dirty.clone(),
            ..State::default()
        })
    }

    fn call(&self, name: &'static str) -> (parking_lot::MutexGuard<'_, State>, Option<Fault>) {
        let mut disk = self.disk.lock();
        let index = disk.calls;
        disk.calls += 1;
        disk.last = name;
        if disk.dead {
            return (disk, Some(Fault::Dies));
        }
        if disk.full && matches!(name, "write" | "set_len") {
            return (disk, Some(Fault::Full));
        }
        let fault = match disk.plan {
            Some((at, fault)) if at == index => Some(fault),
            _ => None,
        };
        if let Some(fault) = fault {
            disk.failed = true;
            disk.dead = fault == Fault::Dies;
            if fault == Fault::Full && !matches!(name, "write" | "set_len") {
                return (disk, None);
            }
        }
        (disk, fault)
    }
}

fn range_of(sector: u64, length: usize) -> std::ops::Range<usize> {
    let start = index(sector * SECTOR).min(length);
    start..(start + index(SECTOR)).min(length)
}

/// Disks of a simulation fit into memory.
fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn error(fault: Fault) -> io::Error {
    match fault {
        Fault::Full => io::Error::new(ErrorKind::StorageFull, "no space left on device"),
        _ => io::Error::other("injected"),
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        match self.call("len") {
            (disk, None) => Ok(disk.live.len() as u64),
            (_, Some(fault)) => Err(error(fault)),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (disk, fault) = self.call("read");
        if let Some(fault) = fault {
            return Err(error(fault));
        }
        disk.live
            .read(index(offset), out)
            .ok_or_else(|| io::Error::from(ErrorKind::UnexpectedEof))
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let (mut disk, fault) = self.call("set_len");
        if let Some(fault) = fault {
            return Err(error(fault));
        }
        disk.live.resize(index(length));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let (mut disk, fault) = self.call("sync_data");
        if let Some(fault) = fault {
            // What a kernel does after a failed flush: the pages count as clean, and never reach
            // the disk unless they are written again.
            disk.dirty.clear();
            return Err(error(fault));
        }
        disk.flush();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let (mut disk, fault) = self.call("write");
        let data = match fault {
            None => data,
            Some(Fault::Short) => &data[..data.len() / 2],
            Some(fault) => return Err(error(fault)),
        };
        disk.live.write(index(offset), data);
        if !data.is_empty() {
            for sector in offset / SECTOR..=(offset + data.len() as u64 - 1) / SECTOR {
                disk.dirty.insert(sector);
            }
        }
        fault.map_or(Ok(()), |fault| Err(error(fault)))
    }
}

impl Medium for Disk {
    fn path(&self) -> &Path {
        Path::new("faulty disk")
    }

    fn open(&self) -> Result<Box<dyn StorageBackend>, StoreError> {
        // As a file is opened: flushed, and then what the system remembers of it is dropped.
        let mut disk = self.disk.lock();
        if !disk.dead {
            disk.flush();
            disk.live = disk.durable.clone();
        }
        drop(disk);
        Ok(Box::new(self.clone()))
    }
}
