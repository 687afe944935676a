//! `Forwarded` (RFC 7239), read from its end.
//!
//! Its values may be quoted and quotes may hide commas, so a reader that starts at the left can
//! be led astray by a client that opens a quote and never closes it. Reading backwards, every
//! quote belongs to whoever wrote the end of the line.

use std::borrow::Cow;

use super::node::{Node, is_port};

/// Takes the last element off the list: what is left of it, and the element.
///
/// A quote without a partner runs to the start of the line, and its element is malformed.
pub(super) fn split_last(list: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let mut quoted = false;
    for (place, &byte) in list.iter().enumerate().rev() {
        match byte {
            b'"' if !(quoted && is_escaped(list, place)) => quoted = !quoted,
            b',' if !quoted => return (Some(&list[..place]), &list[place + 1..]),
            _ => {}
        }
    }
    (None, list)
}

/// Whether an odd number of backslashes stands before `place`.
fn is_escaped(list: &[u8], place: usize) -> bool {
    let before = list[..place].iter().rev();
    before.take_while(|&&byte| byte == b'\\').count() % 2 == 1
}

/// The `for` parameter of one element.
pub(super) fn node(element: &[u8]) -> Node {
    parse(element).unwrap_or(Node::Malformed)
}

//= https://www.rfc-editor.org/rfc/rfc7239#section-4
// forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] )
fn parse(element: &[u8]) -> Option<Node> {
    let mut rest = str::from_utf8(element).ok()?;
    let mut found = None;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(';') {
            let (name, behind) = rest.split_once('=')?;
            let (value, behind) = value(behind)?;
            if name.is_empty() || !name.bytes().all(is_token) {
                return None;
            }
            // Each parameter at most once: two readers must not see two clients.
            if name.eq_ignore_ascii_case("for") && found.replace(read(&value)?).is_some() {
                return None;
            }
            rest = behind.trim_start_matches([' ', '\t']);
        }
        match rest.strip_prefix(';') {
            Some(next) => rest = next,
            None if rest.is_empty() => return Some(found.unwrap_or(Node::Hidden)),
            None => return None,
        }
    }
}

/// A token or a quoted string, and what stands behind it.
fn value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text
            .bytes()
            .position(|byte| !is_token(byte))
            .unwrap_or(text.len());
        let (token, rest) = text.split_at(end);
        return (!token.is_empty()).then_some((Cow::Borrowed(token), rest));
    };
    let end = quoted.find(['"', '\\'])?;
    if quoted[end..].starts_with('"') {
        return Some((Cow::Borrowed(&quoted[..end]), &quoted[end + 1..]));
    }
    let mut unescaped = String::new();
    let mut characters = quoted.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '"' => return Some((Cow::Owned(unescaped), &quoted[place + 1..])),
            '\\' => unescaped.push(characters.next()?.1),
            plain => unescaped.push(plain),
        }
    }
    None
}

//= https://www.rfc-editor.org/rfc/rfc7239#section-6
// node = nodename [ ":" node-port ]; IPv6 in brackets; `unknown` and `_…` hide the address.
fn read(value: &str) -> Option<Node> {
    if let Some(node) = Node::with_port(value, is_node_port) {
        return Some(node);
    }
    let (name, port) = match value.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (value, None),
    };
    let hidden = name.eq_ignore_ascii_case("unknown") || is_obfuscated(name);
    (hidden && port.is_none_or(is_node_port)).then_some(Node::Hidden)
}

fn is_node_port(text: &str) -> bool {
    is_port(text) || is_obfuscated(text)
}

fn is_obfuscated(text: &str) -> bool {
    text.strip_prefix('_').is_some_and(|name| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    })
}

/// The characters of a token (RFC 9110 section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
