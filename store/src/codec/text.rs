//! Texts and identifiers, shorter where they have a form that everyone uses.
//!
//! ```text
//! text   varint(length × 4 + form) | bytes     form: 0 plain, 1 CAEP type, 2 RISC type
//!        3 (length 0)              | 16 bytes  form: 3 GUID in lower case
//! ```

use highwater::identifier::{Identifier, is_guid};

pub(super) const PREFIXES: [&str; 3] = [
    "",
    "https://schemas.openid.net/secevent/caep/event-type/",
    "https://schemas.openid.net/secevent/risc/event-type/",
];
pub(super) const GUID: u64 = 3;

pub(super) fn write_identifier(out: &mut Vec<u8>, identifier: &Identifier) {
    write_text(out, identifier.as_str());
}

pub(super) fn write_text(out: &mut Vec<u8>, text: &str) {
    if let Some(guid) = pack_guid(text) {
        write_varint(out, GUID);
        out.extend_from_slice(&guid);
        return;
    }
    let form = (1..PREFIXES.len())
        .find(|&form| text.starts_with(PREFIXES[form]))
        .unwrap_or(0);
    let rest = &text.as_bytes()[PREFIXES[form].len()..];
    write_varint(out, (rest.len() as u64) << 2 | form as u64);
    out.extend_from_slice(rest);
}

fn write_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The 16 bytes of a GUID in lower case; other texts, and GUIDs in upper case, are kept as text
/// because they have to come back as they were.
fn pack_guid(text: &str) -> Option<[u8; 16]> {
    if !is_guid(text) || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut packed = [0; 16];
    let digits = text.bytes().filter(|&byte| byte != b'-');
    for (index, digit) in digits.enumerate() {
        let nibble = match digit {
            b'0'..=b'9' => digit - b'0',
            _ => digit - b'a' + 10,
        };
        packed[index / 2] |= nibble << (4 * (1 - index % 2));
    }
    Some(packed)
}

pub(super) fn unpack_guid(packed: &[u8; 16]) -> [u8; 36] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'-'; 36];
    let mut position = 0;
    for (index, byte) in packed.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            position += 1;
        }
        text[position] = DIGITS[usize::from(byte >> 4)];
        text[position + 1] = DIGITS[usize::from(byte & 15)];
        position += 2;
    }
    text
}
