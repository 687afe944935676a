//! Work `decide-minimal`: the least that any such check does. Is the user, the session or the device
//! revoked, and is the address in one of the trusted locations?
//!
//! 10,000 marks and 1,000 prefixes, everything in the nearest caches; put together from the parts
//! that the engine is made of, without policies, reasons and windows.

use std::net::IpAddr;
use std::rc::Rc;

use dashmap::DashMap;
use highwater::marks::{Keyring, Mark, MarkKey, Marks};
use highwater::snapshot::prefix_table::{LocationIndex, LocationSetIndex, PrefixTable};
use highwater_benches::Random;
use highwater_benches::tenant::NOW;
use ip_network::IpNetwork;
use ip_network_table::IpNetworkTable;
use ipnet::{IpNet, Ipv4Net};

use crate::Options;
use crate::measure::{Mode, Subject, check, medians};
use crate::report::{HIGHWATER, Report};

/// When every token was issued.
const ISSUED: i64 = NOW - 600;

/// Keys that a token carries.
const KEYS: usize = 3;

const BATCH: usize = 32;

#[derive(Clone, Copy, Debug)]
struct Input {
    keys: [MarkKey; KEYS],
    address: IpAddr,
}

struct Scene {
    marks: Marks,
    table: PrefixTable,
    /// By set: whether one of its locations is trusted.
    trusted: Vec<bool>,
    revoked: DashMap<u128, i64, ahash::RandomState>,
    trusted_networks: IpNetworkTable<bool>,
}

pub(crate) fn run(
    options: &Options,
    report: &mut Report,
) -> Result<(), Box<dyn std::error::Error>> {
    const WORK: &str = "decide-minimal";
    if !options.wants(WORK) {
        return Ok(());
    }
    let (scene, inputs) = scene()?;
    let scene = Rc::new(scene);
    let (ours, theirs, batch) = (scene.clone(), scene.clone(), scene);
    let subjects = [
        Subject::single(HIGHWATER, None, move |input: &Input| ours.single(input)),
        Subject::single("dashmap+ip_network_table", None, move |input: &Input| {
            theirs.afternoon(input)
        }),
        Subject::batch("highwater, batch", None, move |inputs: &[Input]| {
            inputs.chunks(BATCH).map(|inputs| batch.batch(inputs)).sum()
        }),
    ];
    check(&subjects, &inputs)?;
    for (mode, suffix) in [(Mode::Latency, ""), (Mode::Throughput, "-throughput")] {
        let times = medians(&subjects, &inputs, mode, options.rounds());
        for (subject, time) in subjects.iter().zip(times) {
            let Some(time) = time else { continue };
            if subject.name.ends_with("batch") {
                report.add(&format!("{WORK}-batch"), HIGHWATER, time, None);
            } else {
                report.add(&format!("{WORK}{suffix}"), subject.name, time, None);
            }
        }
    }
    Ok(())
}

fn scene() -> Result<(Scene, Vec<Input>), Box<dyn std::error::Error>> {
    let mut random = Random::new(3);
    let marks = Marks::new(Keyring::from_seed([1, 2]));
    let revoked = DashMap::default();
    let known: Vec<u128> = (0..10_000).map(|_| random.wide()).collect();
    for (number, &key) in known.iter().enumerate() {
        // One in twenty of the known ones is to be refused.
        let before = if number % 20 == 0 {
            NOW - 60
        } else {
            NOW - 86_400
        };
        let mark = Mark {
            revoked_before: Some(before),
            ..Mark::NOTHING
        };
        marks.write(MarkKey::from_bits(key), mark);
        revoked.insert(key, before);
    }
    let mut builder = PrefixTable::builder();
    let mut trusted_networks = IpNetworkTable::new();
    let mut networks = Vec::new();
    for number in 0..1_000 {
        let network = Ipv4Net::new((0x0a00_0000 | number << 12).into(), 24)?;
        let location = number as usize % 20;
        builder.insert(IpNet::V4(network), LocationIndex::new(location)?);
        if location.is_multiple_of(2) {
            trusted_networks.insert(IpNetwork::new(network.network(), 24)?, true);
        }
        networks.push(network);
    }
    let table = builder.build()?;
    let is_trusted = |location: LocationIndex| location.index().is_multiple_of(2);
    let trusted = table.sets().map(|set| set.iter().any(is_trusted)).collect();
    let inputs = (0..4_096)
        .map(|_| {
            let keys = std::array::from_fn(|position| match position {
                0 => MarkKey::from_bits(known[random.below(known.len())]),
                _ => MarkKey::from_bits(random.wide()),
            });
            // Nine of ten from a trusted network.
            let network = match random.below(10) {
                0 => networks[random.below(500) * 2 + 1],
                _ => networks[random.below(500) * 2],
            };
            let address = IpAddr::V4(network.network());
            Input { keys, address }
        })
        .collect();
    let scene = Scene {
        marks,
        table,
        trusted,
        revoked,
        trusted_networks,
    };
    Ok((scene, inputs))
}

impl Scene {
    /// 1 to allow, 0 to refuse.
    fn single(&self, input: &Input) -> u32 {
        let is_revoked = self.marks.any_revoked(&input.keys, ISSUED);
        let set = self.table.lookup(input.address);
        u32::from(!is_revoked & self.trusted[set.index()])
    }

    fn batch(&self, inputs: &[Input]) -> u64 {
        let mut keys = [[MarkKey::default(); KEYS]; BATCH];
        let mut addresses = [IpAddr::from([0; 4]); BATCH];
        for ((keys, address), input) in keys.iter_mut().zip(&mut addresses).zip(inputs) {
            *keys = input.keys;
            *address = input.address;
        }
        let mut revoked = [false; BATCH];
        let mut sets = [LocationSetIndex::EMPTY; BATCH];
        let count = inputs.len();
        let revoked = &mut revoked[..count];
        self.marks
            .any_revoked_batch(&keys[..count], ISSUED, revoked);
        self.table
            .lookup_batch(&addresses[..count], &mut sets[..count]);
        let allowed = revoked
            .iter()
            .zip(sets)
            .map(|(&revoked, set)| u64::from(!revoked & self.trusted[set.index()]));
        allowed.sum()
    }

    fn afternoon(&self, input: &Input) -> u32 {
        let is_revoked = input.keys.iter().any(|key| {
            let before = self.revoked.get(&key.bits());
            before.is_some_and(|before| ISSUED <= *before)
        });
        let trusted = match input.address {
            IpAddr::V4(address) => self.trusted_networks.longest_match_ipv4(address),
            IpAddr::V6(_) => None,
        };
        u32::from(!is_revoked && trusted.is_some())
    }
}
