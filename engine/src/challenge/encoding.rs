//! Writers that wrap writers: base64 on the fly, a length without a text, a slice as target.

use std::fmt::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Encodes ASCII text as base64 while it is written. Whole groups only: the caller pads the
/// text to a multiple of three bytes, so that no `=` is ever needed.
pub(super) struct Base64Writer<'a, W> {
    target: &'a mut W,
    group: [u8; 3],
    filled: usize,
}

impl<'a, W: Write> Base64Writer<'a, W> {
    pub(super) fn new(target: &'a mut W) -> Self {
        Base64Writer {
            target,
            group: [0; 3],
            filled: 0,
        }
    }
}

impl<W: Write> Write for Base64Writer<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.group[self.filled] = byte;
            self.filled += 1;
            if self.filled == self.group.len() {
                self.filled = 0;
                let mut encoded = [0; 4];
                STANDARD
                    .encode_slice(self.group, &mut encoded)
                    .map_err(|_| fmt::Error)?;
                self.target
                    .write_str(std::str::from_utf8(&encoded).map_err(|_| fmt::Error)?)?;
            }
        }
        Ok(())
    }
}

/// Counts bytes and keeps none.
#[derive(Default)]
pub(super) struct Counter(pub(super) usize);

impl Write for Counter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

/// Fills a slice from the front; an error if the text is longer.
pub(super) struct SliceWriter<'a> {
    rest: &'a mut [u8],
}

impl<'a> SliceWriter<'a> {
    pub(super) fn new(target: &'a mut [u8]) -> Self {
        SliceWriter { rest: target }
    }
}

impl Write for SliceWriter<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let (target, rest) = std::mem::take(&mut self.rest)
            .split_at_mut_checked(text.len())
            .ok_or(fmt::Error)?;
        target.copy_from_slice(text.as_bytes());
        self.rest = rest;
        Ok(())
    }
}
