//! Spoofing in every form that we know, and the laws behind them.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::ClientAddressRule;
use super::proxy_protocol::{MAXIMUM_LENGTH, Progress, ProxyProtocolError, Source, parse};

fn rule(text: Value) -> ClientAddressRule {
    serde_json::from_value(text).unwrap()
}

fn address(text: &str) -> Option<IpAddr> {
    (text != "unknown" && text != "unix").then(|| text.parse().unwrap())
}

fn headers(name: &str, lines: &[&str]) -> HeaderMap {
    let name: HeaderName = name.parse().unwrap();
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(&name, HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    headers
}

#[track_caller]
fn check(rule: &ClientAddressRule, peer: &str, lines: &[&str], expected: &str) {
    let headers = headers(rule.header().name().as_str(), lines);
    let found = rule.client_address(address(peer), &headers);
    assert_eq!(found, address(expected), "{peer} {lines:?}");
}

#[test]
fn nobody_is_believed_by_default() {
    let rule = ClientAddressRule::default();
    assert_eq!(rule, serde_json::from_str("{}").unwrap());
    check(&rule, "203.0.113.7", &["198.51.100.9"], "203.0.113.7");
    check(&rule, "unix", &["198.51.100.9"], "unknown");
    check(&rule, "::ffff:203.0.113.7", &[], "203.0.113.7");
}

#[test]
fn trusted_prefixes_are_walked_from_the_right_over_all_lines() {
    let rule = rule(json!({"trusted_proxies": ["10.0.0.0/8", "2001:db8:ffff::/48", "192.0.2.1"]}));
    for (peer, lines, expected) in [
        ("10.0.0.1", &["203.0.113.7"][..], "203.0.113.7"),
        ("10.0.0.1", &["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", &["6.6.6.6", "203.0.113.7"], "203.0.113.7"),
        (
            "10.0.0.1",
            &["6.6.6.6,203.0.113.7 ,10.0.0.2"],
            "203.0.113.7",
        ),
        (
            "10.0.0.1",
            &["203.0.113.7", "10.0.0.3,\t10.0.0.2"],
            "203.0.113.7",
        ),
        (
            "192.0.2.1",
            &["203.0.113.7, 2001:db8:ffff::1"],
            "203.0.113.7",
        ),
        ("10.0.0.1", &["203.0.113.7, ::ffff:10.0.0.2"], "203.0.113.7"),
        ("::ffff:10.0.0.1", &["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", &["2001:db8::5"], "2001:db8::5"),
        ("10.0.0.1", &["[2001:db8::5]:4711"], "2001:db8::5"),
        ("10.0.0.1", &["203.0.113.7:4711"], "203.0.113.7"),
        // Malformed where nobody looks.
        (
            "10.0.0.1",
            &["\"; drop, \u{fc}, 203.0.113.7"],
            "203.0.113.7",
        ),
        // Malformed where it matters.
        ("10.0.0.1", &["203.0.113.7, 10.0.0.300"], "unknown"),
        ("10.0.0.1", &["203.0.113.7, "], "unknown"),
        ("10.0.0.1", &["203.0.113.7, , 10.0.0.2"], "unknown"),
        ("10.0.0.1", &["203.0.113.007"], "unknown"),
        ("10.0.0.1", &["203.0.113.7:port"], "unknown"),
        ("10.0.0.1", &["fe80::1%eth0"], "unknown"),
        ("10.0.0.1", &["203.0.113.7, unknown"], "unknown"),
        ("10.0.0.1", &["203.0.113.7, \u{fc}"], "unknown"),
        // A proxy is never the client: one of them is silent.
        ("10.0.0.1", &[], "unknown"),
        ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "unknown"),
        // Whoever is no proxy speaks for itself only.
        ("203.0.113.7", &["198.51.100.9"], "203.0.113.7"),
        ("unix", &["198.51.100.9"], "unknown"),
    ] {
        check(&rule, peer, lines, expected);
    }
}

#[test]
fn hops_are_counted_from_the_right() {
    let one = rule(json!({"hops": 1}));
    check(
        &one,
        "198.51.100.1",
        &["6.6.6.6, 203.0.113.7"],
        "203.0.113.7",
    );
    check(&one, "unix", &["6.6.6.6", "203.0.113.7"], "203.0.113.7");
    check(&one, "198.51.100.1", &[], "unknown");
    let two = rule(json!({"hops": 2}));
    check(
        &two,
        "198.51.100.1",
        &["6.6.6.6, 203.0.113.7, 9.9.9.9"],
        "203.0.113.7",
    );
    check(
        &two,
        "198.51.100.1",
        &["203.0.113.7, unknown"],
        "203.0.113.7",
    );
    check(&two, "198.51.100.1", &["203.0.113.7, nonsense"], "unknown");
    check(&two, "198.51.100.1", &["203.0.113.7"], "unknown");
}

#[test]
fn a_count_and_prefixes_hold_together() {
    let rule = rule(json!({"trusted_proxies": ["10.0.0.0/8"], "hops": 2}));
    // The client's own address lies in a prefix.
    check(
        &rule,
        "10.0.0.1",
        &["6.6.6.6, 10.7.7.7, 10.0.0.2"],
        "10.7.7.7",
    );
    // Somebody went around the outer proxy, or around both.
    check(&rule, "10.0.0.1", &["6.6.6.6, 203.0.113.7"], "203.0.113.7");
    check(&rule, "203.0.113.7", &["6.6.6.6, 10.0.0.2"], "203.0.113.7");
}

#[test]
fn forwarded_is_read_by_its_grammar_from_the_right() {
    let rule = rule(json!({"header": "Forwarded", "trusted_proxies": ["10.0.0.0/8"]}));
    for (lines, expected) in [
        (&["for=203.0.113.7"][..], "203.0.113.7"),
        (&["For=\"203.0.113.7:4711\";proto=https"], "203.0.113.7"),
        (
            &["proto=http; by=10.0.0.1 ; FOR=203.0.113.7"],
            "203.0.113.7",
        ),
        (&["for=\"[2001:db8::5]\""], "2001:db8::5"),
        (&["for=\"[2001:db8::5]:_x\", for=10.0.0.2"], "2001:db8::5"),
        (
            &["for=6.6.6.6", "for=203.0.113.7,for=10.0.0.2"],
            "203.0.113.7",
        ),
        (&["for=\"203\\.0.113.7\""], "203.0.113.7"),
        // A comma inside quotes parts nothing; an open quote of the client closes nothing.
        (
            &["for=6.6.6.6, host=\"a, for=6.6.6.6\";for=203.0.113.7"],
            "203.0.113.7",
        ),
        (&["for=\"6.6.6.6, for=203.0.113.7"], "203.0.113.7"),
        (&["for=\"6.6.6.6, for=\"[2001:db8::5]\""], "2001:db8::5"),
        (
            &["for=6.6.6.6, host=\"\\\", for=1.1.1.1\";for=203.0.113.7"],
            "203.0.113.7",
        ),
        (&["for=unknown"], "unknown"),
        (&["for=203.0.113.7, for=_hidden"], "unknown"),
        (&["for=203.0.113.7, for=\"unknown:443\""], "unknown"),
        (&["proto=https"], "unknown"),
        (&["for=203.0.113.7, proto=https"], "unknown"),
        (&["for=2001:db8::5"], "unknown"),
        (&["for=\"2001:db8::5\""], "unknown"),
        (&["for=203.0.113.7;for=6.6.6.6"], "unknown"),
        (&["for=203.0.113.7 proto=https"], "unknown"),
        (&["for = 203.0.113.7"], "unknown"),
        (&["for=\"203.0.113.7"], "unknown"),
        (&["for="], "unknown"),
        (&["203.0.113.7"], "unknown"),
        (&[], "unknown"),
    ] {
        check(&rule, "10.0.0.1", lines, expected);
    }
    // The other header is not looked at.
    let other = headers("x-forwarded-for", &["203.0.113.7"]);
    assert_eq!(rule.client_address(address("10.0.0.1"), &other), None);
}

#[test]
fn a_single_address_must_be_single() {
    let rule = rule(json!({"header": "X-Real-IP", "trusted_proxies": ["10.0.0.1"]}));
    check(&rule, "10.0.0.1", &["203.0.113.7"], "203.0.113.7");
    check(&rule, "10.0.0.1", &["6.6.6.6", "203.0.113.7"], "unknown");
    check(
        &rule,
        "10.0.0.1",
        &["203.0.113.7", "203.0.113.7"],
        "unknown",
    );
    check(&rule, "10.0.0.1", &["6.6.6.6, 203.0.113.7"], "unknown");
    check(&rule, "10.0.0.1", &[""], "unknown");
    check(&rule, "10.0.0.1", &[], "unknown");
    check(&rule, "10.0.0.2", &["203.0.113.7"], "10.0.0.2");
}

#[test]
fn configuration_is_checked_and_comes_back() {
    for text in [
        json!({}),
        json!({"header": "forwarded", "hops": 2}),
        json!({"header": "x-real-ip", "trusted_proxies": ["10.0.0.0/8", "::1/128"], "hops": 1}),
    ] {
        let rule = rule(text.clone());
        assert_eq!(serde_json::to_value(&rule).unwrap(), text);
    }
    for (text, message) in [
        (json!({"header": "forwarded"}), "no proxy is trusted"),
        (
            json!({"header": "x forwarded", "hops": 1}),
            "no header name",
        ),
        (json!({"trusted_proxies": ["10.0.0.0/33"]}), "no prefix"),
        (json!({"hops": 0}), "nonzero"),
        (json!({"hop": 1}), "unknown field"),
    ] {
        let error = serde_json::from_value::<ClientAddressRule>(text).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
    let mapped = rule(json!({"trusted_proxies": ["::ffff:10.0.0.0/104"]}));
    check(&mapped, "10.0.0.1", &["203.0.113.7"], "203.0.113.7");
}

#[track_caller]
fn complete(bytes: &[u8], expected_length: usize, expected: Source) {
    let padded = [bytes, b"GET / HTTP/1.1\r\n"].concat();
    for bytes in [bytes, &padded] {
        let progress = parse(bytes);
        let Ok(Progress::Complete { length, source }) = progress else {
            panic!("{progress:?}");
        };
        assert_eq!((length, source), (expected_length, expected));
    }
    for end in 0..expected_length {
        let progress = parse(&bytes[..end]);
        let Ok(Progress::Incomplete(needed)) = progress else {
            panic!("{end} bytes: {progress:?}");
        };
        assert!(
            end < needed && needed <= expected_length.max(16),
            "{end}: {needed}"
        );
    }
}

fn binary(version_command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    bytes.extend([version_command, family, length[0], length[1]]);
    bytes.extend(block);
    bytes
}

const IPV4_BLOCK: [u8; 12] = [203, 0, 113, 7, 10, 0, 0, 1, 0x12, 0x34, 1, 0xbb];

#[test]
fn proxy_lines() {
    let source = |text: &str| Source::Address(text.parse().unwrap());
    for (line, expected) in [
        (
            "PROXY TCP4 203.0.113.7 10.0.0.1 4660 443\r\n",
            source("203.0.113.7:4660"),
        ),
        (
            "PROXY TCP6 2001:db8::5 ::1 0 65535\r\n",
            source("[2001:db8::5]:0"),
        ),
        ("PROXY UNKNOWN\r\n", Source::Unknown),
        (
            "PROXY UNKNOWN ffff::1 a b c d e f g \u{fc}\r\n",
            Source::Unknown,
        ),
    ] {
        complete(line.as_bytes(), line.len(), expected);
    }
    for line in [
        "PROXY TCP4 203.0.113.7 10.0.0.1 4660\r\n",
        "PROXY TCP4 203.0.113.7 10.0.0.1 4660 443 1\r\n",
        "PROXY TCP4  203.0.113.7 10.0.0.1 4660 443\r\n",
        "PROXY TCP4 203.0.113.7 10.0.0.1 04660 443\r\n",
        "PROXY TCP4 203.0.113.7 10.0.0.1 +4660 443\r\n",
        "PROXY TCP4 203.0.113.7 10.0.0.1 65536 443\r\n",
        "PROXY TCP4 2001:db8::5 ::1 1 1\r\n",
        "PROXY TCP6 203.0.113.7 10.0.0.1 1 1\r\n",
        "PROXY UDP4 203.0.113.7 10.0.0.1 1 1\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY TCP4 203.0.113.7\r 10.0.0.1 1 1\r\n",
        "PROXY \u{fc}\r\n",
    ] {
        let error = parse(line.as_bytes()).unwrap_err();
        assert!(matches!(error, ProxyProtocolError::Line(_)), "{line}");
    }
    let endless = format!("PROXY UNKNOWN {}", "x".repeat(200));
    assert!(parse(endless.as_bytes()).is_err());
    for other in [
        "GET / HTTP/1.1\r\n",
        "PROXY\tTCP4",
        "proxy tcp4",
        "\r\n\r\n\0\r\nQUIZ",
    ] {
        assert_eq!(parse(other.as_bytes()), Err(ProxyProtocolError::Signature));
    }
}

#[test]
fn proxy_version_2() {
    let source = Source::Address("203.0.113.7:4660".parse().unwrap());
    complete(&binary(0x21, 0x11, &IPV4_BLOCK), 28, source);
    // TLVs are part of the header and say nothing here.
    let with_tlv = [&IPV4_BLOCK[..], &[0x04, 0, 3, 1, 2, 3]].concat();
    complete(&binary(0x21, 0x11, &with_tlv), 34, source);
    let mut block = [0; 36];
    block[..16].copy_from_slice(
        &"2001:db8::5"
            .parse::<std::net::Ipv6Addr>()
            .unwrap()
            .octets(),
    );
    block[32..34].copy_from_slice(&4660_u16.to_be_bytes());
    let source = Source::Address("[2001:db8::5]:4660".parse().unwrap());
    complete(&binary(0x21, 0x21, &block), 52, source);
    complete(&binary(0x21, 0x31, &[7; 216]), 232, Source::Unknown);
    complete(&binary(0x21, 0x00, &[]), 16, Source::Unknown);
    complete(&binary(0x21, 0x10, &IPV4_BLOCK), 28, Source::Unknown);
    complete(&binary(0x20, 0x00, &[]), 16, Source::Local);
    complete(&binary(0x20, 0x11, &[1, 2]), 18, Source::Local);
    complete(&binary(0x20, 0xff, &IPV4_BLOCK), 28, Source::Local);
    for (bytes, error) in [
        (
            binary(0x11, 0x11, &IPV4_BLOCK),
            ProxyProtocolError::Version(1),
        ),
        (
            binary(0x22, 0x11, &IPV4_BLOCK),
            ProxyProtocolError::Command(2),
        ),
        (
            binary(0x21, 0x41, &IPV4_BLOCK),
            ProxyProtocolError::Family(0x41),
        ),
        (
            binary(0x21, 0x13, &IPV4_BLOCK),
            ProxyProtocolError::Family(0x13),
        ),
        (
            binary(0x21, 0x21, &IPV4_BLOCK),
            ProxyProtocolError::Short {
                length: 12,
                needed: 36,
            },
        ),
        (
            binary(0x21, 0x11, &vec![0; MAXIMUM_LENGTH]),
            ProxyProtocolError::Long {
                length: MAXIMUM_LENGTH + 16,
            },
        ),
    ] {
        assert_eq!(parse(&bytes), Err(error));
    }
}

/// Any bytes that can stand in a header line.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let hostile = prop::sample::select(vec![
        "for=\"",
        "\"",
        "\\",
        ",",
        ";",
        " ",
        "for=10.0.0.1",
        "10.0.0.1",
        "unknown",
        "[::1]",
        "\t",
        "203.0.113.9",
        "_x",
        "\u{fc}",
        "for=",
        "6.6.6.6",
    ]);
    prop::collection::vec(hostile, 0..12)
        .prop_map(|parts| parts.concat().trim().to_owned().into_bytes())
}

proptest! {
    /// Proxies append to what a client sends; what it sends changes nothing.
    #[test]
    fn whatever_a_client_sends_first_changes_nothing(
        sent in prop::collection::vec(line(), 0..4),
        same_line in any::<bool>(),
        proxies in prop::collection::vec(1..255_u8, 0..3),
        client in any::<u32>(),
        kind in 0..2_usize,
        counted in any::<bool>(),
    ) {
        let client = IpAddr::from(std::net::Ipv4Addr::from_bits(client));
        prop_assume!(!client.to_string().starts_with("10."));
        let (name, prefix) = [("x-forwarded-for", ""), ("forwarded", "for=")][kind];
        let mut text = json!({"header": name, "trusted_proxies": ["10.0.0.0/8"]});
        if counted {
            text = json!({"header": name, "hops": proxies.len() + 1});
        }
        let rule = rule(text);
        // What the proxies write: the client, then each proxy but the last, which connects.
        let mut written = vec![format!("{prefix}{client}")];
        written.extend(proxies.iter().map(|octet| format!("{prefix}10.0.0.{octet}")));
        let written = written.join(", ").into_bytes();
        let mut lines = sent;
        match lines.last_mut() {
            Some(last) if same_line => {
                last.extend(b", ");
                last.extend(&written);
            }
            _ => lines.push(written),
        }
        let mut headers = HeaderMap::new();
        for line in &lines {
            headers.append(name, HeaderValue::from_bytes(line).unwrap());
        }
        let peer = Some("10.9.9.9".parse().unwrap());
        prop_assert_eq!(rule.client_address(peer, &headers), Some(client), "{:?}", headers);
    }

    /// By prefixes alone, a proxy is never taken for the client.
    #[test]
    fn a_proxy_is_never_the_client(lines in prop::collection::vec(line(), 0..4), kind in 0..3_usize) {
        let name = ["x-forwarded-for", "forwarded", "x-real-ip"][kind];
        let rule = rule(json!({"header": name, "trusted_proxies": ["10.0.0.0/8"]}));
        let mut headers = HeaderMap::new();
        for line in &lines {
            headers.append(name, HeaderValue::from_bytes(line).unwrap());
        }
        let found = rule.client_address(address("10.0.0.1"), &headers);
        prop_assert!(!rule.proxies().trusts(found), "{found:?}");
    }

    /// Bytes that arrive later never change what was said about those that came before.
    #[test]
    fn a_proxy_header_does_not_depend_on_what_follows(
        family in any::<u8>(), command in 0x1f..0x23_u8, block in prop::collection::vec(any::<u8>(), 0..300),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = binary(command, family, &block);
        let short = &bytes[..cut.index(bytes.len())];
        match parse(short) {
            Ok(Progress::Complete { length, source }) => {
                prop_assert_eq!(parse(&bytes), Ok(Progress::Complete { length, source }));
            }
            Ok(Progress::Incomplete(needed)) => prop_assert!(needed > short.len()),
            Err(error) => prop_assert_eq!(parse(&bytes), Err(error)),
        }
    }
}
