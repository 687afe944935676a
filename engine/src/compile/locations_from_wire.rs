//! Named locations: wire to model.

use ipnet::IpNet;

use super::country_list;
use super::prefix_list::{is_private, read_prefix};
use super::reader::Reader;
use super::report::WarningCode;
use crate::model::{NamedLocation, NamedLocationKind};
use crate::wire::{Json, Node, Refusal};

/// Reads a `namedLocation`.
pub(super) fn location(node: &Node<'_>, reader: &mut Reader<'_>) -> Result<NamedLocation, Refusal> {
    let node = node.clone().object()?;
    reader.repeated_members(&node);
    Ok(NamedLocation {
        id: reader.identifier(&node)?,
        display_name: Reader::display_name(&node)?,
        kind: kind(&node, reader)?,
        modified: reader.modified(&node)?,
        origin: reader.origin(&node),
    })
}

fn kind(node: &Node<'_>, reader: &mut Reader<'_>) -> Result<NamedLocationKind, Refusal> {
    let declared = node.raw_text("@odata.type").unwrap_or_default();
    let is = |name: &str| {
        declared
            .strip_prefix("#microsoft.graph.")
            .is_some_and(|found| found.eq_ignore_ascii_case(name))
    };
    if is("ipNamedLocation") || (declared.is_empty() && node.has("ipRanges")) {
        return Ok(NamedLocationKind::Ranges {
            ranges: ranges(node, reader)?,
            trusted: flag(node, "isTrusted")?,
        });
    }
    if is("countryNamedLocation") || (declared.is_empty() && node.has("countriesAndRegions")) {
        return countries(node, reader);
    }
    if is("compliantNetworkNamedLocation") || declared.is_empty() {
        return Ok(NamedLocationKind::CompliantNetwork {
            trusted: flag(node, "isTrusted")?,
        });
    }
    reader.warn(
        node,
        WarningCode::UnknownLocationKind,
        format!("`{declared}` is unknown to this version: no address is known to be in it or not"),
    );
    Ok(NamedLocationKind::Unknown {
        odata_type: declared.to_owned(),
    })
}

fn ranges(node: &Node<'_>, reader: &mut Reader<'_>) -> Result<Vec<IpNet>, Refusal> {
    let mut ranges = Vec::new();
    if let Some(list) = node.member("ipRanges")? {
        let items: Vec<Node<'_>> = match list.value {
            Json::Array(_) => list.elements().collect(),
            // PowerShell unrolls an array of one.
            Json::Object(_) | Json::Text(_) => vec![list.clone()],
            other => {
                return Err(list.refuse(
                    format!("expected an array of ranges, found {}", other.kind()),
                    "write an array of {\"cidrAddress\": \"…\"}",
                ));
            }
        };
        for item in items {
            ranges.push(range(&item, reader)?);
        }
    }
    let ipv4 = ranges.iter().filter(|net| net.addr().is_ipv4()).count();
    if ranges.is_empty() {
        reader.warn(
            node,
            WarningCode::EmptyLocation,
            "lists no range: no address is in it",
        );
    } else if ipv4 == 0 || ipv4 == ranges.len() {
        let (only, other) = if ipv4 == 0 {
            ("IPv6", "IPv4")
        } else {
            ("IPv4", "IPv6")
        };
        reader.warn(
            node,
            WarningCode::SingleAddressFamily,
            format!("lists {only} ranges only: a client that arrives over {other} is never in it"),
        );
    }
    Ok(ranges)
}

fn range(item: &Node<'_>, reader: &mut Reader<'_>) -> Result<IpNet, Refusal> {
    let cidr = match item.value {
        Json::Text(_) => item.clone(),
        _ => match item.clone().object()?.member("cidrAddress")? {
            Some(cidr) => cidr,
            None => {
                return Err(item.refuse(
                    "a range without `cidrAddress`",
                    "write {\"cidrAddress\": \"192.0.2.0/24\"}",
                ));
            }
        },
    };
    let text = cidr.text()?;
    let read = read_prefix(text).map_err(|problem| {
        let shown: String = text.chars().take(64).collect();
        cidr.refuse(
            format!("`{shown}` {problem}"),
            "write an address with its prefix length, such as 192.0.2.0/24 or 2001:db8::/32",
        )
    })?;
    if read.host_bits {
        if reader.strict {
            return Err(cidr.refuse(
                format!("`{text}` has bits set behind its prefix"),
                format!("write {}, or read without strictness", read.net),
            ));
        }
        reader.warn(
            &cidr,
            WarningCode::HostBits,
            format!(
                "`{text}` has bits set behind its prefix; read as {}",
                read.net
            ),
        );
    }
    if read.bare {
        reader.warn(
            &cidr,
            WarningCode::BareAddress,
            format!("`{text}` has no prefix length; read as {}", read.net),
        );
    }
    if read.mapped {
        reader.warn(
            &cidr,
            WarningCode::MappedRange,
            format!("`{text}` is an IPv4-mapped range; read as {}", read.net),
        );
    }
    if read.net.prefix_len() <= 8 && !is_private(&read.net) {
        reader.warn(
            &cidr,
            WarningCode::WideRange,
            format!("`{text}` is as wide as a /8 or wider"),
        );
    }
    if is_private(&read.net) {
        reader.warn(
            &cidr,
            WarningCode::PrivateRange,
            format!("`{text}` is private: it matches only where clients are not behind NAT"),
        );
    }
    Ok(read.net)
}

fn countries(node: &Node<'_>, reader: &mut Reader<'_>) -> Result<NamedLocationKind, Refusal> {
    let mut countries = Vec::new();
    if let Some(list) = node.member("countriesAndRegions")? {
        for (text, place) in list.texts()? {
            let Some(code) = country_list::code(text) else {
                return Err(place.refuse(
                    format!(
                        "`{}` is no country code",
                        text.chars().take(64).collect::<String>()
                    ),
                    "write two letters of ISO 3166-1, such as DE",
                ));
            };
            if !country_list::is_assigned(code) {
                reader.warn(
                    &place,
                    WarningCode::UnknownCountry,
                    format!("ISO 3166-1 does not assign `{text}`: no address is ever in it"),
                );
            }
            countries.push(code);
        }
    }
    let include_unknown = flag(node, "includeUnknownCountriesAndRegions")?;
    if countries.is_empty() && !include_unknown {
        reader.warn(
            node,
            WarningCode::EmptyLocation,
            "lists no country: no address is in it",
        );
    }
    let by_gps = match node.member("countryLookupMethod")? {
        None => false,
        Some(method) => match method.text()? {
            text if text.eq_ignore_ascii_case("clientIpAddress") => false,
            text if text.eq_ignore_ascii_case("authenticatorAppGps") => true,
            text => {
                reader.warn(
                    &method,
                    WarningCode::UnknownValue,
                    format!("`{text}` is unknown to this version: never judged by address"),
                );
                true
            }
        },
    };
    Ok(NamedLocationKind::Countries {
        countries,
        include_unknown,
        by_gps,
    })
}

fn flag(node: &Node<'_>, name: &str) -> Result<bool, Refusal> {
    match node.member(name)? {
        Some(value) => value.boolean(),
        None => Ok(false),
    }
}
