//! The PROXY protocol, versions 1 and 2: what a proxy says before the first byte of HTTP.
//!
//! A pure function over the bytes received so far. Our own, because the reader must follow the
//! specification where it protects: `LOCAL` counts whatever its family says, `UNKNOWN` whatever
//! follows it, and a wrong first byte is refused at once instead of waiting for more. Header
//! lengths are bounded. Whoever is no trusted proxy must not be asked
//! ([`TrustedProxies::trusts`](super::TrustedProxies::trusts)): anybody can write these bytes.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest header that is read, in bytes. Version 1 ends at 107; version 2 could have 65,551,
/// and what proxies send stays far below this.
pub const MAXIMUM_LENGTH: usize = 16 * 1024;

/// What the bytes so far come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A beginning. Read on until there are at least this many bytes, and ask again.
    Incomplete(usize),
    /// A header.
    Complete {
        /// How many bytes it takes; HTTP begins behind them.
        length: usize,
        /// Whom the connection serves.
        source: Source,
    },
}

/// Whom a connection serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody but the proxy itself, such as its health check: the address of the connection
    /// stays.
    Local,
    /// Somebody whose address the proxy does not know, or who has none.
    Unknown,
    /// This client.
    Address(SocketAddr),
}

/// Bytes that are no PROXY protocol header. The connection is to be closed: what follows cannot
/// be told from a client's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyProtocolError {
    /// Neither signature.
    #[error("the connection does not begin with a PROXY protocol header")]
    Signature,
    /// A line that version 1 does not allow.
    #[error("the PROXY line is malformed: {0}")]
    Line(&'static str),
    /// A version in the binary form that is not 2.
    #[error("PROXY protocol version {0} is not known; send version 1 or 2")]
    Version(u8),
    /// A command that is neither `LOCAL` nor `PROXY`.
    #[error("PROXY protocol command {0} is not known")]
    Command(u8),
    /// An address family or transport that does not exist.
    #[error("PROXY protocol family {0:#04x} is not known")]
    Family(u8),
    /// The stated length has no room for the addresses.
    #[error("the PROXY protocol header states {length} bytes, its addresses need {needed}")]
    Short {
        /// The length stated.
        length: usize,
        /// The length that the family needs.
        needed: usize,
    },
    /// Longer than [`MAXIMUM_LENGTH`].
    #[error("the PROXY protocol header has {length} bytes, at most {MAXIMUM_LENGTH} are read")]
    Long {
        /// The length stated.
        length: usize,
    },
}

/// Reads the header at the beginning of `bytes`.
///
/// # Errors
/// What can never become a header, whatever follows.
pub fn parse(bytes: &[u8]) -> Result<Progress, ProxyProtocolError> {
    if starts(bytes, SIGNATURE) {
        binary(bytes)
    } else if starts(bytes, LINE) {
        line(bytes)
    } else {
        Err(ProxyProtocolError::Signature)
    }
}

const LINE: &[u8] = b"PROXY ";
const LONGEST_LINE: usize = 107;
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const FIXED: usize = 16;

/// Whether `bytes` and `start` agree as far as both go.
fn starts(bytes: &[u8], start: &[u8]) -> bool {
    let common = bytes.len().min(start.len());
    bytes[..common] == start[..common]
}

//= https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
// 2.1: `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n`, at most 107 bytes.
fn line(bytes: &[u8]) -> Result<Progress, ProxyProtocolError> {
    let window = &bytes[..bytes.len().min(LONGEST_LINE)];
    let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
        if bytes.len() >= LONGEST_LINE {
            return Err(ProxyProtocolError::Line("it has no end in 107 bytes"));
        }
        return Ok(Progress::Incomplete((bytes.len() + 1).max(LINE.len() + 9)));
    };
    let length = end + 2;
    let rest = &bytes[LINE.len()..end];
    // What follows UNKNOWN is to be ignored, whatever it is.
    if rest == b"UNKNOWN" || rest.starts_with(b"UNKNOWN ") {
        let source = Source::Unknown;
        return Ok(Progress::Complete { length, source });
    }
    let text = str::from_utf8(rest).map_err(|_| ProxyProtocolError::Line("it is not text"))?;
    let fields: Vec<&str> = text.split(' ').collect();
    let &[family, source, destination, source_port, destination_port] = fields.as_slice() else {
        return Err(ProxyProtocolError::Line("it does not have six fields"));
    };
    let port = port(source_port)?;
    self::port(destination_port)?;
    let source = match family {
        "TCP4" => {
            let [source, _] = both::<Ipv4Addr>(source, destination)?;
            SocketAddr::from((source, port))
        }
        "TCP6" => {
            let [source, _] = both::<Ipv6Addr>(source, destination)?;
            SocketAddr::from((source, port))
        }
        _ => return Err(ProxyProtocolError::Line("its family is not known")),
    };
    let source = Source::Address(source);
    Ok(Progress::Complete { length, source })
}

fn both<A: std::str::FromStr>(one: &str, other: &str) -> Result<[A; 2], ProxyProtocolError> {
    match (one.parse(), other.parse()) {
        (Ok(one), Ok(other)) => Ok([one, other]),
        _ => Err(ProxyProtocolError::Line(
            "an address is not one of its family",
        )),
    }
}

/// Digits without a leading zero, at most 65535.
fn port(text: &str) -> Result<u16, ProxyProtocolError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && (text.len() == 1 || !text.starts_with('0'));
    text.parse()
        .ok()
        .filter(|_| plain)
        .ok_or(ProxyProtocolError::Line("a port is not one"))
}

//= https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
// 2.2: signature, version and command, family and transport, length; addresses; TLVs.
fn binary(bytes: &[u8]) -> Result<Progress, ProxyProtocolError> {
    if let Some(&version_command) = bytes.get(12) {
        match (version_command >> 4, version_command & 0x0f) {
            (2, 0 | 1) => {}
            (2, command) => return Err(ProxyProtocolError::Command(command)),
            (version, _) => return Err(ProxyProtocolError::Version(version)),
        }
    }
    let Some(&[version_command, family, high, low]) = bytes.get(12..FIXED) else {
        return Ok(Progress::Incomplete(FIXED));
    };
    let stated = usize::from(u16::from_be_bytes([high, low]));
    let length = FIXED + stated;
    if length > MAXIMUM_LENGTH {
        return Err(ProxyProtocolError::Long { length });
    }
    let is_local = version_command & 0x0f == 0;
    let needed = match (family >> 4, family & 0x0f) {
        // The family of LOCAL is to be ignored.
        _ if is_local => 0,
        (0, 0..=2) => 0,
        (1, 0..=2) => 12,
        (2, 0..=2) => 36,
        (3, 0..=2) => 216,
        _ => return Err(ProxyProtocolError::Family(family)),
    };
    if stated < needed {
        return Err(ProxyProtocolError::Short {
            length: stated,
            needed,
        });
    }
    let Some(block) = bytes.get(FIXED..length) else {
        return Ok(Progress::Incomplete(length));
    };
    let source = match (is_local, family, block) {
        (true, ..) => Source::Local,
        (_, 0x11 | 0x12, &[a, b, c, d, _, _, _, _, high, low, ..]) => {
            Source::Address((Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])).into())
        }
        (_, 0x21 | 0x22, block) => ipv6(block).map_or(Source::Unknown, Source::Address),
        // Unspecified, and Unix sockets: somebody, but no address.
        _ => Source::Unknown,
    };
    Ok(Progress::Complete { length, source })
}

fn ipv6(block: &[u8]) -> Option<SocketAddr> {
    let address: [u8; 16] = *block.first_chunk()?;
    let port: [u8; 2] = *block.get(32..)?.first_chunk()?;
    Some((Ipv6Addr::from(address), u16::from_be_bytes(port)).into())
}
