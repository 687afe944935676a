//! Bytes to text, in the encodings that exports really come in.
//!
//! PowerShell's `Out-File` writes UTF-16 with a byte order mark, editors write UTF-8 with or
//! without one. A mark decides; without one, the position of the first zero byte does, which is
//! unambiguous because JSON starts with an ASCII character.

use std::borrow::Cow;

/// The text of a file, without its byte order mark; else what is wrong with it.
pub(crate) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => {
            Err("the file is UTF-32, which no exporter writes".to_owned())
        }
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [first, 0, ..] if *first != 0 => utf16(bytes, u16::from_le_bytes),
        [0, second, ..] if *second != 0 => utf16(bytes, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest),
        _ => utf8(bytes),
    }
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    std::str::from_utf8(bytes)
        .map(Cow::Borrowed)
        .map_err(|error| format!("not UTF-8 from byte {} on", error.valid_up_to()))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'static, str>, String> {
    let (pairs, odd) = bytes.as_chunks::<2>();
    if !odd.is_empty() {
        return Err("UTF-16 with an odd number of bytes: the file is cut short".to_owned());
    }
    char::decode_utf16(pairs.iter().map(|pair| unit(*pair)))
        .collect::<Result<String, _>>()
        .map(Cow::Owned)
        .map_err(|error| {
            format!(
                "not UTF-16: unpaired surrogate {:#06x}",
                error.unpaired_surrogate()
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_reads_the_same() {
        let text = "{\"displayName\": \"Büro 🗝\"}";
        let little = text.encode_utf16().flat_map(u16::to_le_bytes);
        let big = text.encode_utf16().flat_map(u16::to_be_bytes);
        let files: [Vec<u8>; 6] = [
            text.into(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            [0xff, 0xfe].into_iter().chain(little.clone()).collect(),
            [0xfe, 0xff].into_iter().chain(big.clone()).collect(),
            little.collect(),
            big.collect(),
        ];
        for file in files {
            assert_eq!(decode(&file).unwrap(), text);
        }
    }

    #[test]
    fn broken_text_is_refused_with_a_place() {
        assert_eq!(
            decode(b"{\"a\": \"\xff\"}").unwrap_err(),
            "not UTF-8 from byte 7 on"
        );
        assert!(
            decode(&[0xff, 0xfe, b'{', 0, 0])
                .unwrap_err()
                .contains("cut short")
        );
        assert!(
            decode(&[0xff, 0xfe, 0x00, 0xd8])
                .unwrap_err()
                .contains("surrogate")
        );
        assert!(decode(&[0xff, 0xfe, 0, 0]).unwrap_err().contains("UTF-32"));
        assert_eq!(decode(b"").unwrap(), "");
        // Zeros alone are in no order of bytes.
        assert_eq!(decode(&[0, 0]).unwrap(), "\0\0");
    }
}
