//! Prefixes that nest, repeat and touch, and the addresses at their edges.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::random::Random;

const V4_ROOTS: [[u8; 4]; 3] = [[203, 0, 113, 0], [203, 0, 113, 128], [198, 51, 100, 7]];
const V4_LENGTHS: [u8; 9] = [0, 1, 8, 20, 24, 25, 30, 31, 32];
const V6_ROOTS: [u128; 3] = [
    0x2001_0db8_0000_0000_0000_0000_0000_0000,
    0x2001_0db8_8000_0000_0000_0000_0000_0001,
    0xfe80_0000_0000_0000_0000_0000_0000_00ff,
];
const V6_LENGTHS: [u8; 8] = [0, 3, 32, 33, 64, 126, 127, 128];

/// A prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prefix {
    first: u128,
    length: u8,
    is_v4: bool,
}

/// A prefix of a small universe, host bits masked.
pub(super) fn prefix(random: &mut Random) -> Prefix {
    let (root, length, width) = if random.chance(65) {
        let root = u32::from_be_bytes(*random.pick(&V4_ROOTS));
        // A few neighbours, so that prefixes touch.
        let root = root.wrapping_add(u32::try_from(random.below(4)).unwrap_or(0));
        (u128::from(root), *random.pick(&V4_LENGTHS), 32)
    } else {
        let root = random.pick(&V6_ROOTS) + random.below(4) as u128;
        (root, *random.pick(&V6_LENGTHS), 128)
    };
    let host = width - u32::from(length);
    let mask = if host == 128 { 0 } else { u128::MAX << host };
    Prefix {
        first: root & mask,
        length,
        is_v4: width == 32,
    }
}

impl Prefix {
    /// In CIDR notation.
    #[must_use]
    pub(super) fn text(self) -> String {
        format!("{}/{}", address(self.first, self.is_v4), self.length)
    }

    /// First and last address, and their outer neighbours where there are any.
    #[must_use]
    pub(super) fn edges(self) -> Vec<IpAddr> {
        let width = if self.is_v4 { 32 } else { 128 };
        let highest = if self.is_v4 {
            u128::from(u32::MAX)
        } else {
            u128::MAX
        };
        let size = (u128::MAX >> (128 - width)) >> self.length.min(127);
        let size = if u32::from(self.length) == width {
            0
        } else {
            size
        };
        let last = self.first.saturating_add(size).min(highest);
        let mut edges = vec![address(self.first, self.is_v4), address(last, self.is_v4)];
        if self.first > 0 {
            edges.push(address(self.first - 1, self.is_v4));
        }
        if last < highest {
            edges.push(address(last + 1, self.is_v4));
        }
        edges
    }
}

/// The address as a client may write it: IPv4 now and then mapped into IPv6.
pub(super) fn written(random: &mut Random, address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) if random.chance(20) => v4.to_ipv6_mapped().to_string(),
        address => address.to_string(),
    }
}

fn address(bits: u128, is_v4: bool) -> IpAddr {
    if is_v4 {
        Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or(u32::MAX)).into()
    } else {
        Ipv6Addr::from_bits(bits).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_inside_and_outside_of_their_prefix() {
        let mut random = Random::new(7);
        for _ in 0..2000 {
            let prefix = prefix(&mut random);
            let net: ipnet::IpNet = prefix.text().parse().unwrap();
            assert_eq!(net, net.trunc());
            let edges = prefix.edges();
            assert_eq!((edges[0], edges[1]), (net.network(), net.broadcast()));
            for outside in &edges[2..] {
                assert!(!net.contains(outside), "{net} {outside}");
            }
        }
    }
}
