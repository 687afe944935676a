//! A country table flattened, so that an address is in exactly one country.
//!
//! In a country table the longest prefix decides; in the location table an address belongs to
//! every prefix that covers it. Cutting the nested prefixes out of the wider ones first lets the
//! one table serve both.

use ipnet::{IpNet, Ipv4Net, Ipv4Subnets, Ipv6Net, Ipv6Subnets};

/// The same table with prefixes that do not overlap. A prefix given twice keeps the country it
/// was given last.
pub(super) fn disjoint_countries(prefixes: &[(IpNet, [u8; 2])]) -> Vec<(IpNet, [u8; 2])> {
    let mut ipv4: Vec<(u128, u128, u8, [u8; 2])> = Vec::new();
    let mut ipv6 = Vec::new();
    for (prefix, country) in prefixes {
        match prefix.trunc() {
            IpNet::V4(prefix) => ipv4.push((
                u128::from(u32::from(prefix.network())),
                u128::from(u32::from(prefix.broadcast())),
                prefix.prefix_len(),
                *country,
            )),
            IpNet::V6(prefix) => ipv6.push((
                u128::from(prefix.network()),
                u128::from(prefix.broadcast()),
                prefix.prefix_len(),
                *country,
            )),
        }
    }
    let mut disjoint = Vec::with_capacity(prefixes.len());
    for (first, last, country) in flatten(ipv4) {
        // Both ends come from IPv4 prefixes, so they fit.
        let (Ok(first), Ok(last)) = (u32::try_from(first), u32::try_from(last)) else {
            continue;
        };
        disjoint.extend(
            Ipv4Subnets::new(first.into(), last.into(), 0)
                .map(|prefix: Ipv4Net| (IpNet::V4(prefix), country)),
        );
    }
    for (first, last, country) in flatten(ipv6) {
        disjoint.extend(
            Ipv6Subnets::new(first.into(), last.into(), 0)
                .map(|prefix: Ipv6Net| (IpNet::V6(prefix), country)),
        );
    }
    disjoint
}

/// Ranges from nested prefixes: a stack of the prefixes that are open at the present address.
fn flatten(mut prefixes: Vec<(u128, u128, u8, [u8; 2])>) -> Vec<(u128, u128, [u8; 2])> {
    // Stable, so that of equal prefixes the last one given ends up innermost.
    prefixes.sort_by_key(|&(first, _, length, _)| (first, length));
    let mut ranges: Vec<(u128, u128, [u8; 2])> = Vec::with_capacity(prefixes.len());
    let mut open: Vec<(u128, [u8; 2])> = Vec::new();
    // The first address that no range has yet; `None` past the last address.
    let mut next = Some(0u128);
    let close = |open: &mut Vec<(u128, [u8; 2])>,
                 next: &mut Option<u128>,
                 ranges: &mut Vec<(u128, u128, [u8; 2])>| {
        if let Some((last, country)) = open.pop()
            && let Some(first) = *next
            && first <= last
        {
            ranges.push((first, last, country));
            *next = last.checked_add(1);
        }
    };
    for (first, last, _, country) in prefixes {
        while open.last().is_some_and(|&(open_last, _)| open_last < first) {
            close(&mut open, &mut next, &mut ranges);
        }
        if let (Some(&(_, outer)), Some(from)) = (open.last(), next)
            && from < first
        {
            ranges.push((from, first - 1, outer));
        }
        next = Some(first);
        open.push((last, country));
    }
    while !open.is_empty() {
        close(&mut open, &mut next, &mut ranges);
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_decides_and_nothing_overlaps() {
        let table: Vec<(IpNet, [u8; 2])> = [
            ("10.0.0.0/8", *b"AA"),
            ("10.1.0.0/16", *b"BB"),
            ("10.1.2.0/24", *b"CC"),
            ("10.255.255.255/32", *b"DD"),
            ("10.1.2.0/24", *b"EE"),
            ("2001:db8::/32", *b"AA"),
            ("2001:db8:1::/48", *b"BB"),
            ("ffff::/16", *b"ZZ"),
        ]
        .into_iter()
        .map(|(prefix, country)| (prefix.parse().unwrap(), country))
        .collect();
        let disjoint = disjoint_countries(&table);
        let countries = |address: &str| {
            let address: std::net::IpAddr = address.parse().unwrap();
            disjoint
                .iter()
                .filter(|(prefix, _)| prefix.contains(&address))
                .map(|(_, country)| std::str::from_utf8(country).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(countries("10.0.0.0"), ["AA"]);
        assert_eq!(countries("10.1.1.255"), ["BB"]);
        assert_eq!(countries("10.1.2.7"), ["EE"]);
        assert_eq!(countries("10.1.3.0"), ["BB"]);
        assert_eq!(countries("10.255.255.254"), ["AA"]);
        assert_eq!(countries("10.255.255.255"), ["DD"]);
        assert_eq!(countries("11.0.0.0"), Vec::<&str>::new());
        assert_eq!(countries("2001:db8:1::5"), ["BB"]);
        assert_eq!(countries("2001:db8:2::5"), ["AA"]);
        assert_eq!(countries("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), ["ZZ"]);
    }

    /// Nothing is left of the wider prefix before the narrower one: not even a range that ends
    /// before the first address of all.
    #[test]
    fn prefixes_that_begin_at_the_same_address_are_nested_too() {
        let flat = |table: &[(&str, &[u8; 2])]| {
            let table: Vec<_> = table
                .iter()
                .map(|(prefix, country)| (prefix.parse().unwrap(), **country))
                .collect();
            disjoint_countries(&table)
                .iter()
                .map(|(prefix, country)| {
                    format!("{prefix} {}", std::str::from_utf8(country).unwrap())
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(
            flat(&[("0.0.0.0/0", b"AA"), ("0.0.0.0/1", b"BB")]),
            ["0.0.0.0/1 BB", "128.0.0.0/1 AA"]
        );
        assert_eq!(
            flat(&[("::/0", b"AA"), ("::/1", b"BB")]),
            ["::/1 BB", "8000::/1 AA"]
        );
        assert_eq!(
            flat(&[("10.0.0.0/8", b"AA"), ("10.0.0.0/9", b"BB")]),
            ["10.0.0.0/9 BB", "10.128.0.0/9 AA"]
        );
    }
}
