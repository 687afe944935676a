//! The location table: full routing tables and small tenants, IPv4 and IPv6, hit and miss, hot
//! and cold, one by one and in batches; and how long it takes to build and to change a table.
//!
//! `cargo bench -p highwater-benches --bench location`. Peers and the machine's floor run in
//! `highwater-compare --only location`. Answers are checked before anything is timed.

mod sampling;

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use criterion::{BatchSize, Criterion, Throughput};
use highwater::snapshot::prefix_table::{
    LocationIndex, LocationSetIndex, PrefixChange, PrefixTable, PrefixTableBuilder,
};
use highwater_benches::Random;
use highwater_benches::inputs::{self, Routes, inside};

/// How many locations the prefixes belong to.
const LOCATIONS: usize = 24;
/// How many addresses one iteration looks up.
const ADDRESSES: usize = 4_096;

fn main() {
    let mut criterion = sampling::criterion();
    let ipv4 = inputs::ipv4_routes();
    let ipv6 = inputs::ipv6_routes();
    for (name, routes) in [("v4", &ipv4), ("v6", &ipv6)] {
        for count in [10, 1_000, 100_000, routes.prefixes.len()] {
            lookups(&mut criterion, name, &sample(routes, count));
        }
        building(&mut criterion, name, routes);
    }
    criterion.final_summary();
}

/// `count` of the prefixes, evenly spread.
fn sample(routes: &Routes, count: usize) -> Routes {
    let step = routes.prefixes.len() as f64 / count as f64;
    let chosen =
        (0..count.min(routes.prefixes.len())).map(|number| (number as f64 * step) as usize);
    Routes {
        prefixes: chosen.map(|index| routes.prefixes[index]).collect(),
        real: routes.real,
    }
}

/// The location of a prefix: always the same, so that answers can be checked.
fn location(prefix: (IpAddr, u8)) -> LocationIndex {
    let seed = match prefix.0 {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
    };
    let number = Random::new(seed ^ u64::from(prefix.1)).below(LOCATIONS);
    LocationIndex::new(number).expect("a small number is an index")
}

fn builder(routes: &Routes) -> PrefixTableBuilder {
    let mut builder = PrefixTable::builder();
    for &(address, length) in &routes.prefixes {
        let prefix = ipnet::IpNet::new(address, length).expect("lengths come from prefixes");
        builder.insert(prefix, location((address, length)));
    }
    builder
}

fn lookups(criterion: &mut Criterion, family: &str, routes: &Routes) {
    let table = builder(routes).build().expect("few sets");
    let mut random = Random::new(2);
    let hits: Vec<IpAddr> = (0..256 * ADDRESSES)
        .map(|_| {
            let (address, length) = routes.prefixes[random.below(routes.prefixes.len())];
            inside(address, length, &mut random)
        })
        .collect();
    let misses: Vec<IpAddr> = hits
        .iter()
        .map(|&address| outside(address, &mut random))
        .collect();
    check(&table, routes, &hits, &misses);

    let count = routes.prefixes.len();
    let mut group = criterion.benchmark_group(format!("location-{family}-{count}"));
    group.throughput(Throughput::Elements(ADDRESSES as u64));
    for (name, addresses) in [("hit-cold", &hits), ("miss", &misses)] {
        let mut chunks = addresses.chunks(ADDRESSES).cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| sum(&table, chunks.next().unwrap_or_default()));
        });
    }
    group.bench_function("hit-hot", |bencher| {
        bencher.iter(|| sum(&table, black_box(&hits[..ADDRESSES])));
    });
    group.bench_function("latency-hot", |bencher| {
        bencher.iter(|| chain(&table, black_box(&hits[..ADDRESSES])));
    });
    let mut chunks = hits.chunks(ADDRESSES).cycle();
    group.bench_function("latency-cold", |bencher| {
        bencher.iter(|| chain(&table, chunks.next().unwrap_or_default()));
    });
    let mut sets = vec![LocationSetIndex::EMPTY; ADDRESSES];
    for size in [4, 32, 256] {
        let mut chunks = hits.chunks(ADDRESSES).cycle();
        group.bench_function(format!("batch-{size}-cold"), |bencher| {
            bencher.iter(|| {
                let addresses = chunks.next().unwrap_or_default();
                for (addresses, sets) in addresses.chunks(size).zip(sets.chunks_mut(size)) {
                    table.lookup_batch(addresses, sets);
                }
                sets[0]
            });
        });
    }
    group.finish();
}

/// An address that no real route covers: class E, or outside 2000::/3.
fn outside(address: IpAddr, random: &mut Random) -> IpAddr {
    match address {
        IpAddr::V4(_) => Ipv4Addr::from_bits(0xf000_0000 | random.narrow() as u32 >> 5).into(),
        IpAddr::V6(_) => Ipv6Addr::from_bits(random.wide() >> 3 | 1 << 127).into(),
    }
}

/// Every hit is in a location and equals a scan (for some), no miss is, batches agree.
fn check(table: &PrefixTable, routes: &Routes, hits: &[IpAddr], misses: &[IpAddr]) {
    for (number, &address) in hits.iter().enumerate().step_by(97) {
        let set = table.set(table.lookup(address));
        assert!(!set.is_empty(), "{address} is in a prefix");
        if number % (97 * 1_000) == 0 {
            let covering = routes.prefixes.iter().filter(|&&(network, length)| {
                let network = ipnet::IpNet::new(network, length);
                network.is_ok_and(|network| network.contains(&address))
            });
            let mut expected: Vec<_> = covering.copied().map(location).collect();
            expected.sort_unstable();
            expected.dedup();
            assert!(set.iter().eq(expected), "{address}");
        }
    }
    if routes.real {
        assert!(
            misses
                .iter()
                .all(|&address| table.set(table.lookup(address)).is_empty())
        );
    }
    let mut sets = vec![LocationSetIndex::EMPTY; hits.len()];
    table.lookup_batch(hits, &mut sets);
    assert!(
        hits.iter()
            .zip(sets)
            .all(|(&address, set)| table.lookup(address) == set)
    );
}

fn sum(table: &PrefixTable, addresses: &[IpAddr]) -> usize {
    addresses
        .iter()
        .map(|&address| table.lookup(address).index())
        .sum()
}

/// Each address is chosen by the answer before it; that the choice is always the next one is
/// hidden from compiler and processor.
fn chain(table: &PrefixTable, addresses: &[IpAddr]) -> usize {
    let (mut position, mut sum) = (0, 0);
    while let Some(&address) = addresses.get(position) {
        let answer = table.lookup(address).index();
        sum += answer;
        position += 1 + (black_box(answer) >> 48);
    }
    sum
}

fn building(criterion: &mut Criterion, family: &str, routes: &Routes) {
    let mut group = criterion.benchmark_group(format!("location-{family}-build"));
    group.sample_size(10);
    group.throughput(Throughput::Elements(routes.prefixes.len() as u64));
    group.bench_function("compile", |bencher| {
        bencher.iter_batched(
            || builder(routes),
            PrefixTableBuilder::build,
            BatchSize::PerIteration,
        );
    });
    group.throughput(Throughput::Elements(1));
    let mut editor = builder(routes).build_editor().expect("few sets");
    let mut random = Random::new(5);
    let mut published = editor.publish();
    group.bench_function("change-and-publish", |bencher| {
        bencher.iter(|| {
            let (address, length) = routes.prefixes[random.below(routes.prefixes.len())];
            let prefix = ipnet::IpNet::new(address, length).expect("lengths come from prefixes");
            let other = location((address, length.wrapping_add(1)));
            editor
                .apply([PrefixChange::Insert(prefix, other)])
                .expect("few sets");
            published = editor.publish();
            editor
                .apply([PrefixChange::Remove(prefix, other)])
                .expect("few sets");
            published = editor.publish();
        });
    });
    group.finish();
}
