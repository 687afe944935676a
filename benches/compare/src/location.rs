//! Work `location-…`: which locations contain this address? On full routing tables.
//!
//! Every prefix belongs to one of 24 locations at random, and the answer is the set of all
//! locations that cover the address. Peers know only the longest prefix, so they are given, per
//! prefix, the number of the set that holds there: the same answer by the same question.

pub(crate) mod export;
mod family;
mod updates;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Instant;

use highwater::snapshot::prefix_table::{
    LocationIndex, LocationSetIndex, PrefixTable, PrefixTableError,
};
use highwater_benches::Random;
use highwater_benches::inputs::read_gzip;

use self::family::{Family, Ipv4, Ipv6};
use crate::Options;
use crate::allocation::counted;
use crate::floor::Floor;
use crate::measure::{Mode, Subject, check, median, medians};
use crate::report::{HIGHWATER, Report};

/// How many locations the prefixes belong to.
const LOCATIONS: usize = 24;

/// Prefixes, each with the location that it belongs to.
type Located<F> = Vec<(<F as Family>::Prefix, LocationIndex)>;

pub(crate) fn run(
    options: &Options,
    report: &mut Report,
) -> Result<(), Box<dyn std::error::Error>> {
    if options.wants("location-v4") {
        family::<Ipv4>(options, report)?;
    }
    if options.wants("location-v6") {
        family::<Ipv6>(options, report)?;
    }
    if options.wants("location-update") {
        updates::run(options, report)?;
    }
    Ok(())
}

fn family<F: Family>(
    options: &Options,
    report: &mut Report,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut random = Random::new(1);
    let prefixes = routing_table::<F>(&mut random)?;
    let table = Rc::new(compile::<F>(&prefixes, options, report)?);
    let named = named_sets::<F>(&prefixes, &table);

    let mut subjects = vec![ours::<F>(&table), our_batch::<F>(&table)];
    subjects.extend(F::peers(&named));
    let floor = Floor::new(table.lookup_bytes());

    let count = addresses_per_mix(options);
    for mix in Mix::ALL {
        let addresses = mix.addresses::<F>(&prefixes, count, &mut random);
        let sample = &addresses[..count / 4];
        check(&subjects, sample)?;
        for (mode, word) in [(Mode::Throughput, "throughput"), (Mode::Latency, "latency")] {
            let work = format!("location-{}-{word}{}", F::NAME, mix.suffix());
            let times = medians(&subjects, &addresses, mode, options.rounds());
            for (subject, time) in subjects.iter().zip(times) {
                if let Some(time) = time {
                    report.add(&work, subject.name, time, subject.bytes);
                }
            }
            let floor = floor.clone();
            let floor = Subject::single("floor: one line", Some(table.lookup_bytes()), {
                move |address: &F::Address| floor.access(F::spread(*address))
            });
            for time in medians(&[floor], &addresses, mode, options.rounds()) {
                report.add(&work, "floor: one line", time.unwrap_or(0.0), None);
            }
        }
    }
    Ok(())
}

/// The full routing table, every prefix in one of the locations.
fn routing_table<F: Family>(random: &mut Random) -> Result<Located<F>, Box<dyn std::error::Error>> {
    let text = read_gzip(F::ROUTES)?;
    let prefix = |line: &str| {
        let location = LocationIndex::new(random.below(LOCATIONS))?;
        Ok((F::parse(line)?, location))
    };
    text.lines().map(prefix).collect()
}

fn addresses_per_mix(options: &Options) -> usize {
    if options.quick { 200_000 } else { 1_000_000 }
}

/// Builds the table several times; reports the time per table and the memory at the worst moment.
fn compile<F: Family>(
    prefixes: &[(F::Prefix, LocationIndex)],
    options: &Options,
    report: &mut Report,
) -> Result<PrefixTable, Box<dyn std::error::Error>> {
    let work = format!("location-{}-compile", F::NAME);
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..options.rounds() {
        let start = Instant::now();
        let (table, allocated) = counted(|| build::<F>(prefixes));
        times.push(start.elapsed().as_nanos() as f64);
        last = Some((table?, allocated));
    }
    let (table, allocated) = last.ok_or("no round was run")?;
    report.add(
        &work,
        HIGHWATER,
        median(times).unwrap_or(0.0),
        Some(allocated.held),
    );
    report.add(
        &work,
        "highwater: peak, input included",
        0.0,
        Some(allocated.peak),
    );
    report.add(
        &work,
        "highwater: what lookups touch",
        0.0,
        Some(table.lookup_bytes()),
    );
    Ok(table)
}

fn build<F: Family>(
    prefixes: &[(F::Prefix, LocationIndex)],
) -> Result<PrefixTable, PrefixTableError> {
    let mut builder = PrefixTable::builder();
    for &(prefix, location) in prefixes {
        builder.insert(prefix.into(), location);
    }
    builder.build()
}

/// Per prefix the number of the set that holds where it is the longest match.
fn named_sets<F: Family>(
    prefixes: &[(F::Prefix, LocationIndex)],
    table: &PrefixTable,
) -> Vec<(F::Prefix, u32)> {
    let by_members: HashMap<Vec<LocationIndex>, u32> = table
        .sets()
        .zip(0..)
        .map(|(set, number)| (set.iter().collect(), number))
        .collect();
    let mut sorted = prefixes.to_vec();
    sorted.sort_unstable_by_key(|&(prefix, _)| F::order(prefix));
    let mut open: Vec<(F::Prefix, Vec<LocationIndex>)> = Vec::new();
    let named = sorted.into_iter().filter_map(|(prefix, location)| {
        while open
            .pop_if(|(outer, _)| !F::contains(*outer, prefix))
            .is_some()
        {}
        let mut members = open
            .last()
            .map_or_else(Vec::new, |(_, members)| members.clone());
        if let Err(position) = members.binary_search(&location) {
            members.insert(position, location);
        }
        let number = by_members.get(&members).copied();
        open.push((prefix, members));
        Some((prefix, number?))
    });
    named.collect()
}

fn ours<F: Family>(table: &Rc<PrefixTable>) -> Subject<F::Address> {
    let (table, bytes) = (Rc::clone(table), table.lookup_bytes());
    Subject::single(HIGHWATER, Some(bytes), move |&address| {
        table.lookup(F::address(address)).index() as u32
    })
}

fn our_batch<F: Family>(table: &Rc<PrefixTable>) -> Subject<F::Address> {
    let table = Rc::clone(table);
    Subject::batch(
        "highwater, batches of 32",
        None,
        move |addresses: &[F::Address]| {
            let mut whole = [IpAddr::V4(Ipv4Addr::UNSPECIFIED); 32];
            let mut sets = [LocationSetIndex::EMPTY; 32];
            let mut sum = 0;
            for chunk in addresses.chunks(32) {
                for (whole, &address) in whole.iter_mut().zip(chunk) {
                    *whole = F::address(address);
                }
                table.lookup_batch(&whole[..chunk.len()], &mut sets[..chunk.len()]);
                sum += sets[..chunk.len()]
                    .iter()
                    .map(|set| set.index() as u64)
                    .sum::<u64>();
            }
            sum
        },
    )
}

/// Which addresses come.
#[derive(Debug, Clone, Copy)]
enum Mix {
    /// Inside a prefix chosen evenly: the hardest, everything is touched.
    InTable,
    /// Anywhere (IPv6: anywhere in 2000::/3, mostly in no prefix).
    Uniform,
    /// Of a million clients inside the table, a few of whom come often.
    Zipf,
    /// Of a thousand clients.
    Hot,
}

impl Mix {
    const ALL: [Self; 4] = [Self::InTable, Self::Uniform, Self::Zipf, Self::Hot];

    fn suffix(self) -> &'static str {
        match self {
            Self::InTable => "",
            Self::Uniform => "-uniform",
            Self::Zipf => "-zipf",
            Self::Hot => "-hot",
        }
    }

    fn addresses<F: Family>(
        self,
        prefixes: &[(F::Prefix, LocationIndex)],
        count: usize,
        random: &mut Random,
    ) -> Vec<F::Address> {
        let inside =
            |random: &mut Random| F::inside(prefixes[random.below(prefixes.len())].0, random);
        let clients = |number: usize, random: &mut Random| -> Vec<F::Address> {
            (0..number).map(|_| inside(random)).collect()
        };
        match self {
            Self::InTable => clients(count, random),
            Self::Uniform => (0..count).map(|_| F::anywhere(random)).collect(),
            Self::Zipf => {
                let clients = clients(1_000_000, random);
                (0..count)
                    .map(|_| clients[random.zipf(clients.len())])
                    .collect()
            }
            Self::Hot => {
                let clients = clients(1_000, random);
                (0..count)
                    .map(|_| clients[random.below(clients.len())])
                    .collect()
            }
        }
    }
}
