//! Work `location-update-…`: the routing table changes while two threads' worth of readers look
//! up addresses in whatever table was published last.

use std::error::Error;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, RwLock};
use std::time::Instant;

use highwater::snapshot::prefix_table::{LocationIndex, PrefixChange, PrefixTable};
use highwater_benches::Random;
use highwater_benches::inputs::read_gzip;
use ipnet::IpNet;

use super::LOCATIONS;
use crate::Options;
use crate::report::{HIGHWATER, Report};

/// The recorded changes that follow the routing tables, applied in order.
const STREAMS: [(&str, &str, &str); 2] = [
    (
        "v4",
        "ip/bgp/ris-20260511-as3333-v4-rib.txt.gz",
        "ip/bgp/ris-20260511-as3333-v4-updates-part1.txt.gz",
    ),
    (
        "v6",
        "ip/bgp/ris-20260511-as3333-v6-rib.txt.gz",
        "ip/bgp/ris-20260511-as3333-v6-updates-part1.txt.gz",
    ),
];

pub(super) fn run(options: &Options, report: &mut Report) -> Result<(), Box<dyn Error>> {
    for (family, routes, updates) in STREAMS {
        let routes = read_gzip(routes)?;
        let updates = read_gzip(updates)?;
        let changes: Vec<PrefixChange> = updates.lines().map(change).collect::<Result<_, _>>()?;
        for batch in [1, 100] {
            let count = if options.quick { 10_000 } else { 100_000 };
            let (nanoseconds, lookups) = replay(&routes, &changes[..count], batch)?;
            let work = format!("location-update-{family}-publish-per-{batch}");
            report.add(&work, HIGHWATER, nanoseconds, None);
            report.add(&work, "highwater: a lookup meanwhile", lookups, None);
        }
    }
    Ok(())
}

/// Always the same location for the same prefix, so that a withdrawal meets its announcement.
fn location(prefix: IpNet) -> Result<LocationIndex, Box<dyn Error>> {
    let seed = match prefix {
        IpNet::V4(prefix) => u64::from(prefix.network().to_bits()),
        IpNet::V6(prefix) => (prefix.network().to_bits() >> 64) as u64,
    };
    let number = Random::new(seed ^ u64::from(prefix.prefix_len())).below(LOCATIONS);
    Ok(LocationIndex::new(number)?)
}

fn change(line: &str) -> Result<PrefixChange, Box<dyn Error>> {
    let (kind, prefix) = line.split_once(' ').ok_or("a change without a prefix")?;
    let prefix: IpNet = prefix.parse()?;
    Ok(match kind {
        "A" => PrefixChange::Insert(prefix, location(prefix)?),
        _ => PrefixChange::Remove(prefix, location(prefix)?),
    })
}

/// Nanoseconds per change, and per lookup on another thread meanwhile.
fn replay(
    routes: &str,
    changes: &[PrefixChange],
    batch: usize,
) -> Result<(f64, f64), Box<dyn Error>> {
    let mut builder = PrefixTable::builder();
    let mut addresses: Vec<IpAddr> = Vec::new();
    for line in routes.lines() {
        let prefix: IpNet = line.parse()?;
        builder.insert(prefix, location(prefix)?);
        addresses.push(prefix.network());
    }
    let mut editor = builder.build_editor()?;
    let published = RwLock::new(Arc::new(editor.publish()));
    let (stop, lookups) = (AtomicBool::new(false), AtomicU64::new(0));

    let elapsed = std::thread::scope(|scope| -> Result<_, Box<dyn Error>> {
        scope.spawn(|| {
            let mut random = Random::new(3);
            while !stop.load(Relaxed) {
                let Ok(table) = published.read().map(|table| Arc::clone(&table)) else {
                    return;
                };
                for _ in 0..1_000 {
                    let address = addresses[random.below(addresses.len())];
                    std::hint::black_box(table.lookup(address));
                }
                lookups.fetch_add(1_000, Relaxed);
            }
        });
        let start = Instant::now();
        let result = changes.chunks(batch).try_for_each(|changes| {
            editor.apply(changes.iter().copied())?;
            let table = Arc::new(editor.publish());
            *published.write().map_err(|_| "a reader failed")? = table;
            Ok::<_, Box<dyn Error>>(())
        });
        let elapsed = start.elapsed().as_nanos() as f64;
        stop.store(true, Relaxed);
        result.map(|()| elapsed)
    })?;
    let lookups = lookups.load(Relaxed).max(1) as f64;
    Ok((elapsed / changes.len() as f64, elapsed / lookups))
}
