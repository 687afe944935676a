//! Reading bytes that anybody may have damaged: every length is checked, nothing is assumed.

use highwater::identifier::Identifier;

use super::text::{GUID, PREFIXES, unpack_guid};

/// Why bytes are no register.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {part} of a register makes no sense at byte {position}: {reason}")]
pub struct CodecError {
    part: &'static str,
    position: usize,
    reason: String,
}

impl CodecError {
    #[cold]
    pub(super) fn new(part: &'static str, position: usize, reason: String) -> CodecError {
        CodecError {
            part,
            position,
            reason,
        }
    }
}

pub(super) struct Reader<'a> {
    part: &'static str,
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(part: &'static str, bytes: &'a [u8]) -> Reader<'a> {
        Reader {
            part,
            bytes,
            position: 0,
        }
    }

    pub(super) fn byte(&mut self) -> Result<u8, CodecError> {
        Ok(self.take::<1>()?[0])
    }

    pub(super) fn integer(&mut self) -> Result<i64, CodecError> {
        Ok(i64::from_le_bytes(*self.take::<8>()?))
    }

    pub(super) fn identifier(&mut self) -> Result<Identifier, CodecError> {
        self.with_text(Identifier::new)?
            .map_err(|error| self.error(error.to_string()))
    }

    pub(super) fn text(&mut self) -> Result<String, CodecError> {
        self.with_text(str::to_owned)
    }

    /// Reads a text and hands it to `use_text` without a copy of its own.
    fn with_text<R>(&mut self, use_text: impl FnOnce(&str) -> R) -> Result<R, CodecError> {
        let head = self.varint()?;
        if head == GUID {
            let digits = unpack_guid(self.take::<16>()?);
            let text =
                std::str::from_utf8(&digits).map_err(|error| self.error(error.to_string()))?;
            return Ok(use_text(text));
        }
        let prefix = PREFIXES
            .get((head & 3) as usize)
            .ok_or_else(|| self.error("a text has an unknown form".to_owned()))?;
        let length = usize::try_from(head >> 2).unwrap_or(usize::MAX);
        let end = self.position.saturating_add(length);
        let rest = self
            .bytes
            .get(self.position..end)
            .ok_or_else(|| self.error(format!("a text of {length} bytes is cut off")))?;
        let rest =
            std::str::from_utf8(rest).map_err(|_| self.error("a text is not UTF-8".to_owned()))?;
        self.position = end;
        Ok(match *prefix {
            "" => use_text(rest),
            prefix => use_text(&[prefix, rest].concat()),
        })
    }

    pub(super) fn finish(self) -> Result<(), CodecError> {
        match self.bytes.len() - self.position {
            0 => Ok(()),
            more => Err(self.error(format!("{more} bytes too many"))),
        }
    }

    #[cold]
    pub(super) fn error(&self, reason: String) -> CodecError {
        CodecError::new(self.part, self.position, reason)
    }

    fn varint(&mut self) -> Result<u64, CodecError> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.error("a length has too many bytes".to_owned()))
    }

    fn take<const N: usize>(&mut self) -> Result<&'a [u8; N], CodecError> {
        let (taken, _) = self.bytes[self.position..]
            .split_first_chunk::<N>()
            .ok_or_else(|| self.error(format!("{N} more bytes are missing")))?;
        self.position += N;
        Ok(taken)
    }
}
