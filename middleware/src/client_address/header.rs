//! The header in which proxies say whom they serve: exactly one, so that the two ways of writing
//! it cannot be played off against each other.

use std::fmt;

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};

use super::forwarded;
use super::node::Node;

/// The one header that is read for a client's address.
///
/// In configuration a header name: `x-forwarded-for` and `forwarded` are read as the lists that
/// they are, every other one as a single address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ForwardingHeader {
    /// `X-Forwarded-For`: addresses, the nearest one last.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// A header that a proxy overwrites with one address, such as `x-real-ip`,
    /// `x-envoy-external-address` or `cf-connecting-ip`. Twice, or with a list, it says nothing.
    Single(HeaderName),
}

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static FORWARDED: HeaderName = header::FORWARDED;

impl ForwardingHeader {
    /// The header of this name.
    #[must_use]
    pub fn from_name(name: HeaderName) -> ForwardingHeader {
        if name == X_FORWARDED_FOR {
            ForwardingHeader::XForwardedFor
        } else if name == FORWARDED {
            ForwardingHeader::Forwarded
        } else {
            ForwardingHeader::Single(name)
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &HeaderName {
        match self {
            ForwardingHeader::XForwardedFor => &X_FORWARDED_FOR,
            ForwardingHeader::Forwarded => &FORWARDED,
            ForwardingHeader::Single(name) => name,
        }
    }

    /// What proxies wrote, the nearest one first: lines from the last to the first, each from
    /// right to left, read only as far as the caller asks.
    pub(super) fn nodes<'a>(&self, headers: &'a HeaderMap) -> Nodes<'a> {
        let lines = headers.get_all(self.name()).iter();
        match self {
            ForwardingHeader::XForwardedFor => Nodes::List {
                lines,
                rest: None,
                split: comma,
                read: Node::from_list_item,
            },
            ForwardingHeader::Forwarded => Nodes::List {
                lines,
                rest: None,
                split: forwarded::split_last,
                read: forwarded::node,
            },
            ForwardingHeader::Single(_) => Nodes::Single(lines),
        }
    }
}

/// Takes the last item off a list: what is left of it, and the item.
type Split = fn(&[u8]) -> (Option<&[u8]>, &[u8]);

fn comma(list: &[u8]) -> (Option<&[u8]>, &[u8]) {
    match list.iter().rposition(|&byte| byte == b',') {
        Some(place) => (Some(&list[..place]), &list[place + 1..]),
        None => (None, list),
    }
}

/// The nodes of a request, the nearest one first.
pub(super) enum Nodes<'a> {
    List {
        lines: http::header::ValueIter<'a, HeaderValue>,
        /// What is left of the present line.
        rest: Option<&'a [u8]>,
        split: Split,
        read: fn(&[u8]) -> Node,
    },
    Single(http::header::ValueIter<'a, HeaderValue>),
}

impl Iterator for Nodes<'_> {
    type Item = Node;

    fn next(&mut self) -> Option<Node> {
        match self {
            Nodes::List {
                lines,
                rest,
                split,
                read,
            } => {
                let list = match rest.take() {
                    Some(list) => list,
                    None => lines.next_back()?.as_bytes(),
                };
                let (left, item) = split(list);
                *rest = left;
                Some(read(item.trim_ascii()))
            }
            Nodes::Single(lines) => {
                let line = lines.next_back()?;
                if lines.next_back().is_some() {
                    return Some(Node::Malformed);
                }
                Some(Node::from_list_item(line.as_bytes().trim_ascii()))
            }
        }
    }
}

impl fmt::Display for ForwardingHeader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name().as_str())
    }
}

impl From<ForwardingHeader> for String {
    fn from(header: ForwardingHeader) -> String {
        header.to_string()
    }
}

impl TryFrom<String> for ForwardingHeader {
    type Error = String;

    fn try_from(text: String) -> Result<ForwardingHeader, String> {
        HeaderName::from_bytes(text.as_bytes())
            .map(ForwardingHeader::from_name)
            .map_err(|_| format!("`{text}` is no header name"))
    }
}
