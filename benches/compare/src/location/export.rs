//! The inputs of the works `location-v4` and `location-v6` as files, with the answers, for programs in
//! other languages (`benches/foreign`).
//!
//! ```text
//! v4-prefixes, v6-prefixes            prefixes: first address, length (32 bits), answer (32 bits)
//! v4-addresses, v4-addresses-hot, …   one file per mix: address, answer (32 bits)
//! ```
//!
//! Records follow one another without padding. All numbers are little-endian; an address is a number,
//! of 32 bits for IPv4 and of 128 bits for IPv6. The answer is the number of the set of all locations
//! that hold the address, 0 where none does; a prefix has the answer of the addresses that it is the
//! longest match of.

use std::error::Error;
use std::fs::{File, create_dir_all};
use std::io::{self, BufWriter, Write};
use std::net::IpAddr;
use std::path::Path;

use highwater::snapshot::prefix_table::PrefixTable;
use highwater_benches::Random;
use ipnet::IpNet;

use super::family::{Family, Ipv4, Ipv6};
use super::{Mix, addresses_per_mix, build, named_sets, routing_table};
use crate::Options;

/// Writes the files of both families, or of the one that is wanted, to `folder`.
pub(crate) fn run(options: &Options, folder: &Path) -> Result<(), Box<dyn Error>> {
    create_dir_all(folder)?;
    if options.wants("location-v4") {
        family::<Ipv4>(options, folder)?;
    }
    if options.wants("location-v6") {
        family::<Ipv6>(options, folder)?;
    }
    Ok(())
}

fn family<F: Family>(options: &Options, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut random = Random::new(1);
    let located = routing_table::<F>(&mut random)?;
    let table = build::<F>(&located)?;

    let create = |name: String| File::create(folder.join(name)).map(BufWriter::new);
    let mut file = create(format!("{}-prefixes", F::NAME))?;
    write_prefixes(&mut file, &named_sets::<F>(&located, &table))?;
    file.flush()?;
    for mix in Mix::ALL {
        let addresses = mix.addresses::<F>(&located, addresses_per_mix(options), &mut random);
        let mut file = create(format!("{}-addresses{}", F::NAME, mix.suffix()))?;
        write_addresses(&mut file, addresses.into_iter().map(F::address), &table)?;
        file.flush()?;
    }
    Ok(())
}

fn write_prefixes<P: Copy + Into<IpNet>>(
    out: &mut impl Write,
    prefixes: &[(P, u32)],
) -> io::Result<()> {
    for &(prefix, answer) in prefixes {
        let prefix: IpNet = prefix.into();
        write_address(out, prefix.network())?;
        out.write_all(&u32::from(prefix.prefix_len()).to_le_bytes())?;
        out.write_all(&answer.to_le_bytes())?;
    }
    Ok(())
}

fn write_addresses(
    out: &mut impl Write,
    addresses: impl Iterator<Item = IpAddr>,
    table: &PrefixTable,
) -> io::Result<()> {
    for address in addresses {
        write_address(out, address)?;
        let answer = table.lookup(address).index() as u32;
        out.write_all(&answer.to_le_bytes())?;
    }
    Ok(())
}

fn write_address(out: &mut impl Write, address: IpAddr) -> io::Result<()> {
    match address {
        IpAddr::V4(address) => out.write_all(&address.to_bits().to_le_bytes()),
        IpAddr::V6(address) => out.write_all(&address.to_bits().to_le_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use highwater::snapshot::prefix_table::LocationIndex;
    use ipnet::{Ipv4Net, Ipv6Net};

    use super::*;

    /// A little-endian number of as many bits as all of `bytes`.
    fn number(bytes: &[u8]) -> u128 {
        let bytes = bytes.iter().rev();
        bytes.fold(0, |number, &byte| number << 8 | u128::from(byte))
    }

    /// Exports `located` and addresses in and beside it, reads both as a program in another language
    /// does, and answers every address by its longest prefix alone.
    fn answers_again<F: Family>(
        located: &[(F::Prefix, LocationIndex)],
        address_bytes: usize,
    ) -> Result<(), Box<dyn Error>> {
        let table = build::<F>(located)?;
        let mut random = Random::new(7);
        let mut addresses: Vec<IpAddr> = Vec::new();
        for &(prefix, _) in located {
            addresses.push(F::address(F::inside(prefix, &mut random)));
            addresses.push(F::address(F::anywhere(&mut random)));
        }
        let (mut prefix_file, mut address_file) = (Vec::new(), Vec::new());
        write_prefixes(&mut prefix_file, &named_sets::<F>(located, &table))?;
        write_addresses(&mut address_file, addresses.iter().copied(), &table)?;

        let prefixes: Vec<(u128, u32, u128)> = prefix_file
            .chunks(address_bytes + 8)
            .map(|record| {
                let (first, rest) = record.split_at(address_bytes);
                (number(first), number(&rest[..4]) as u32, number(&rest[4..]))
            })
            .collect();
        assert!(prefixes.len() > located.len() / 2);
        let bits = 8 * address_bytes as u32;
        let records = address_file.chunks(address_bytes + 4);
        assert_eq!(records.len(), addresses.len());
        for (record, address) in records.zip(addresses) {
            let (number_of_address, answer) = record.split_at(address_bytes);
            let number_of_address = number(number_of_address);
            let covers = |&&(first, length, _): &&(u128, u32, u128)| {
                (number_of_address ^ first)
                    .checked_shr(bits - length)
                    .unwrap_or(0)
                    == 0
            };
            let longest = prefixes
                .iter()
                .filter(covers)
                .max_by_key(|prefix| prefix.1)
                .map_or(0, |prefix| prefix.2);
            assert_eq!(longest, table.lookup(address).index() as u128, "{address}");
            assert_eq!(longest, number(answer), "{address}");
        }
        Ok(())
    }

    #[test]
    fn exported_ipv4_answers_like_the_table() -> Result<(), Box<dyn Error>> {
        let mut random = Random::new(5);
        let mut located = vec![(
            Ipv4Net::new(Ipv4Addr::UNSPECIFIED, 1)?,
            LocationIndex::new(3)?,
        )];
        for _ in 0..500 {
            let address = Ipv4Addr::from_bits(random.narrow() as u32 >> 2);
            let prefix = Ipv4Net::new(address, 4 + random.below(29) as u8)?.trunc();
            located.push((prefix, LocationIndex::new(random.below(8))?));
        }
        answers_again::<Ipv4>(&located, 4)
    }

    #[test]
    fn exported_ipv6_answers_like_the_table() -> Result<(), Box<dyn Error>> {
        let mut random = Random::new(6);
        let mut located = Vec::new();
        for _ in 0..500 {
            let address = Ipv6Addr::from_bits(random.wide() >> 3 | 1 << 125);
            let prefix = Ipv6Net::new(address, 3 + random.below(126) as u8)?.trunc();
            located.push((prefix, LocationIndex::new(random.below(8))?));
        }
        answers_again::<Ipv6>(&located, 16)
    }
}
