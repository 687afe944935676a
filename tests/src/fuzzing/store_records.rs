//! Stored registers: what was written is read back, and what was damaged is an error or exactly
//! what the writer would have written for it. Otherwise one register could have two keys.

use highwater::event::Event;
use highwater::ledger::Entry;
use highwater_store::codec::{decode, encode};

/// An event as JSON, a line feed, and damage: pairs of a position and the bits to flip there;
/// a pair with position 255 cuts the value there.
pub fn store_records(bytes: &[u8]) {
    let (line, damage) = match bytes.iter().position(|&byte| byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[][..]),
    };
    let Some(event) = std::str::from_utf8(line)
        .ok()
        .and_then(|line| Event::from_json(line).ok())
    else {
        // No event: then the bytes themselves are a key and a value.
        check(line, damage);
        return;
    };
    let entry = Entry::from_event(&event);
    let encoded = encode(&entry);
    assert_eq!(decode(&encoded.key, &encoded.value), Ok(entry));

    let split = encoded.key.len();
    let mut all = [encoded.key, encoded.value].concat();
    for pair in damage.chunks_exact(2).take(16) {
        match usize::from(pair[0]) {
            255 => all.truncate(split + usize::from(pair[1])),
            position => {
                let length = all.len();
                all[position % length] ^= pair[1];
            }
        }
    }
    check(&all[..split], &all[split..]);
}

fn check(key: &[u8], value: &[u8]) {
    if let Ok(entry) = decode(key, value) {
        let again = encode(&entry);
        assert_eq!(
            (&again.key[..], &again.value[..]),
            (key, value),
            "{entry:?}"
        );
    }
}
