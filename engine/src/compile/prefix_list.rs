//! Prefixes as text: one at a time, or as the lists that providers publish.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Reads a plain list of prefixes: one to a line, as address or prefix; `#` and `;` begin a
/// comment; columns after the first comma, tab or blank are ignored, so geofeed files (RFC 8805)
/// and scored lists read as well.
///
/// Host bits are masked, IPv4-mapped IPv6 prefixes become IPv4.
///
/// # Errors
/// The first line that holds no prefix.
///
/// ```
/// let list = "# egress\n192.0.2.0/24 ; office\n2001:db8::1\n198.51.100.0/25,DE,,Berlin,\n";
/// let prefixes = highwater::compile::prefix_list(list).unwrap();
/// assert_eq!(prefixes.len(), 3);
/// assert_eq!(prefixes[1].to_string(), "2001:db8::1/128");
/// ```
pub fn prefix_list(text: &str) -> Result<Vec<IpNet>, PrefixError> {
    let mut prefixes = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split(['#', ';']).next().unwrap_or_default();
        let mut columns = line.split([',', '\t', ' ', '\r', '\u{feff}']);
        let Some(first) = columns.find(|column| !column.is_empty()) else {
            continue;
        };
        let prefix = read_prefix(first).map_err(|problem| PrefixError {
            line: index + 1,
            text: first.chars().take(64).collect(),
            problem,
        })?;
        prefixes.push(prefix.net);
    }
    Ok(prefixes)
}

/// A line that holds no prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: `{text}` {problem}")]
pub struct PrefixError {
    /// The line, from 1.
    pub line: usize,
    /// What stands there.
    pub text: String,
    problem: &'static str,
}

/// A prefix as read, and what had to be done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReadPrefix {
    /// The prefix: host bits masked, mapped prefixes as IPv4.
    pub(super) net: IpNet,
    /// Bits behind the prefix were set.
    pub(super) host_bits: bool,
    /// There was no prefix length.
    pub(super) bare: bool,
    /// It was written as an IPv4-mapped IPv6 prefix.
    pub(super) mapped: bool,
}

/// Reads one prefix; the error completes the sentence "`text` …".
pub(super) fn read_prefix(text: &str) -> Result<ReadPrefix, &'static str> {
    let text = text.trim();
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address
        .parse()
        .map_err(|_| "is no IPv4 or IPv6 address or prefix")?;
    let full = if address.is_ipv4() { 32 } else { 128 };
    let written = match length {
        None => full,
        // `+8` and the empty text parse as numbers or fail in ways that say less.
        Some(digits) if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            return Err("has a prefix length that is no number");
        }
        Some(digits) => digits
            .parse::<u8>()
            .ok()
            .filter(|length| *length <= full)
            .ok_or("has a prefix length that is too long for its address family")?,
    };
    let net = IpNet::new(address, written)
        .map_err(|_| "has a prefix length that is too long for its address family")?;
    let masked = net.trunc();
    let mapped = match masked {
        IpNet::V6(net) => mapped(net),
        IpNet::V4(_) => None,
    };
    Ok(ReadPrefix {
        net: mapped.map_or(masked, IpNet::V4),
        host_bits: masked != net,
        bare: length.is_none(),
        mapped: mapped.is_some(),
    })
}

/// The IPv4 prefix that an IPv4-mapped IPv6 prefix stands for. A shorter one than `::ffff:0:0/96`
/// stands for other addresses as well.
fn mapped(net: Ipv6Net) -> Option<Ipv4Net> {
    let length = net.prefix_len().checked_sub(96)?;
    Ipv4Net::new(net.addr().to_ipv4_mapped()?, length).ok()
}

/// Whether no prefix of the public internet lies in `net`.
pub(super) fn is_private(net: &IpNet) -> bool {
    const PRIVATE: [&str; 10] = [
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "::1/128",
    ];
    PRIVATE.iter().any(|private| {
        private
            .parse::<IpNet>()
            .is_ok_and(|private| private.contains(net))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_prefix_in_every_form() {
        for (text, net, host_bits, bare, mapped) in [
            ("192.0.2.0/24", "192.0.2.0/24", false, false, false),
            ("192.0.2.7/24", "192.0.2.0/24", true, false, false),
            (" 192.0.2.7 ", "192.0.2.7/32", false, true, false),
            ("2001:DB8::/32", "2001:db8::/32", false, false, false),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24", false, false, true),
            ("::ffff:192.0.2.7", "192.0.2.7/32", false, true, true),
            ("::192.0.2.0/120", "::c000:200/120", false, false, false),
            ("::ffff:0:0/96", "0.0.0.0/0", false, false, true),
            ("::fffe:0:0/95", "::fffe:0:0/95", false, false, false),
            ("::ffff:0:0/95", "::fffe:0:0/95", true, false, false),
            ("0.0.0.0/0", "0.0.0.0/0", false, false, false),
        ] {
            let expected = ReadPrefix {
                net: net.parse().unwrap(),
                host_bits,
                bare,
                mapped,
            };
            assert_eq!(read_prefix(text), Ok(expected), "{text}");
        }
        for text in [
            "xx.xx.xxx.xx/32",
            "",
            "/",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0/8",
            "010.0.0.0/8",
            "fe80::1%eth0",
            "10.0.0.0/8/8",
        ] {
            assert!(read_prefix(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = prefix_list("# head\n\n10.0.0.0/8\nexample.com\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 4: `example.com` is no IPv4 or IPv6 address or prefix"
        );
        assert_eq!(prefix_list("").unwrap(), []);
    }

    #[test]
    fn private_means_private_as_a_whole() {
        let private = |text: &str| is_private(&text.parse().unwrap());
        assert!(private("10.1.0.0/16") && private("fd00::/8") && private("100.64.0.0/10"));
        assert!(!private("0.0.0.0/0") && !private("11.0.0.0/8") && !private("2001:db8::/32"));
    }
}
