//! Client addresses: whatever a client sends before the proxies append, the answer is theirs; and
//! a PROXY protocol header never depends on the bytes behind it.

use std::net::IpAddr;

use highwater_tower::client_address::proxy_protocol::{MAXIMUM_LENGTH, Progress, parse};
use highwater_tower::client_address::{ClientAddressRule, ForwardingHeader, TrustedProxies};
use http::{HeaderMap, HeaderName, HeaderValue};

/// One byte of choices, then header lines of the client, one a line.
pub fn client_address(bytes: &[u8]) {
    let (&choices, sent) = bytes.split_first().unwrap_or((&0, &[]));
    let name = HeaderName::from_static(match choices % 3 {
        0 => "x-forwarded-for",
        1 => "forwarded",
        _ => "x-real-ip",
    });
    let header = ForwardingHeader::from_name(name.clone());
    let proxies = TrustedProxies::new(["10.0.0.0/8".parse().expect("a prefix")]);
    let rule = ClientAddressRule::new(proxies, header);
    let lines: Vec<HeaderValue> = sent
        .split(|&byte| byte == b'\n')
        .filter_map(|line| HeaderValue::from_bytes(line).ok())
        .collect();

    // A stranger connects: nothing in a header counts.
    let stranger: IpAddr = "198.51.100.9".parse().expect("an address");
    let proxy: IpAddr = "10.0.0.1".parse().expect("an address");
    let spoofed = headers(&name, &lines);
    assert_eq!(
        rule.client_address(Some(stranger), &spoofed),
        Some(stranger)
    );

    // A proxy that adds nothing: whatever is found, it is never a proxy.
    let found = rule.client_address(Some(proxy), &spoofed);
    assert!(!rule.proxies().trusts(found), "{found:?} of {spoofed:?}");

    // Proxies that append, to the last line or with a line of their own.
    if choices % 3 == 2 {
        return;
    }
    let written = match choices % 3 {
        0 => "203.0.113.7, 10.0.0.2",
        _ => "for=203.0.113.7;proto=https, for=\"10.0.0.2:443\"",
    };
    let mut appended = lines.clone();
    appended.push(HeaderValue::from_static(written));
    let mut joined = lines;
    let last = joined.pop().map(|line| {
        let line = [line.as_bytes(), b", ", written.as_bytes()].concat();
        HeaderValue::from_bytes(&line).expect("both parts were header values")
    });
    joined.push(last.unwrap_or(HeaderValue::from_static(written)));
    for lines in [appended, joined] {
        let headers = headers(&name, &lines);
        let found = rule.client_address(Some(proxy), &headers);
        assert_eq!(found, "203.0.113.7".parse().ok(), "{headers:?}");
    }
}

fn headers(name: &HeaderName, lines: &[HeaderValue]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(name, line.clone());
    }
    headers
}

/// The bytes at the start of a connection.
pub fn proxy_protocol(bytes: &[u8]) {
    let whole = parse(bytes);
    match whole {
        Ok(Progress::Complete { length, .. }) => {
            assert!(length <= bytes.len() && length <= MAXIMUM_LENGTH);
            assert_eq!(parse(&bytes[..length]), whole, "nothing behind it counts");
            let shorter = parse(&bytes[..length - 1]);
            assert!(matches!(shorter, Ok(Progress::Incomplete(needed)) if needed >= length));
        }
        Ok(Progress::Incomplete(needed)) => {
            assert!(needed > bytes.len() && needed <= MAXIMUM_LENGTH);
            if let Some(shorter) = bytes.len().checked_sub(1) {
                let shorter = parse(&bytes[..shorter]);
                assert!(matches!(shorter, Ok(Progress::Incomplete(_))));
            }
        }
        Err(_) => {
            let more = [bytes, b"\r\n\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"].concat();
            assert!(parse(&more).is_err(), "what is refused stays refused");
        }
    }
}
