//! Real inputs from the shared data; made ones where that is missing, so that a bench still runs.

use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use crate::Random;

/// Prefixes of one family, as (address, length), and whether they are the real ones.
#[derive(Debug, Clone)]
pub struct Routes {
    /// First address and length of each prefix.
    pub prefixes: Vec<(IpAddr, u8)>,
    /// False if the shared data is missing and the prefixes are made up.
    pub real: bool,
}

/// The full IPv4 routing table: 1,042,325 prefixes.
pub fn ipv4_routes() -> Routes {
    let made = |random: &mut Random| {
        (
            Ipv4Addr::from_bits(random.narrow() as u32).into(),
            8 + random.below(17) as u8,
        )
    };
    routes("ip/bgp/ris-20260511-as3333-v4-rib.txt.gz", made)
}

/// The full IPv6 routing table: 246,175 prefixes.
pub fn ipv6_routes() -> Routes {
    let made = |random: &mut Random| {
        let address = random.wide() >> 3 | 1 << 125;
        (
            Ipv6Addr::from_bits(address).into(),
            20 + random.below(29) as u8,
        )
    };
    routes("ip/bgp/ris-20260511-as3333-v6-rib.txt.gz", made)
}

fn routes(name: &str, made: impl Fn(&mut Random) -> (IpAddr, u8)) -> Routes {
    let parsed = read_gzip(name)
        .ok()
        .and_then(|text| text.lines().map(parse).collect());
    match parsed {
        Some(prefixes) => Routes {
            prefixes,
            real: true,
        },
        None => {
            eprintln!("{name} is missing (set HIGHWATER_SHARED): the prefixes are made up");
            let mut random = Random::new(1);
            let prefixes = (0..100_000).map(|_| made(&mut random)).collect();
            Routes {
                prefixes,
                real: false,
            }
        }
    }
}

fn parse(line: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = line.split_once('/')?;
    Some((address.parse().ok()?, length.parse().ok()?))
}

/// The text of a gzip file of the shared data: in the folder that `HIGHWATER_SHARED` names, or
/// beside the workspace.
///
/// # Errors
/// The file cannot be read.
pub fn read_gzip(name: &str) -> io::Result<String> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("HIGHWATER_SHARED").map_or_else(beside, PathBuf::from);
    let path = shared.join("data").join(name);
    let context = |error: io::Error| {
        let remedy = "set HIGHWATER_SHARED to the folder that contains data/ip";
        io::Error::new(
            error.kind(),
            format!("{}: {error}; {remedy}", path.display()),
        )
    };
    let mut text = String::new();
    GzDecoder::new(File::open(&path).map_err(context)?)
        .read_to_string(&mut text)
        .map_err(context)?;
    Ok(text)
}

/// A random address in the prefix of `length` bits around `address`.
pub fn inside(address: IpAddr, length: u8, random: &mut Random) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let host = u32::MAX.checked_shr(length.into()).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() | (random.narrow() as u32 & host)).into()
        }
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(length.into()).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() | (random.wide() & host)).into()
        }
    }
}
