//! Bytes as a source of choices: how a fuzzer steers something structured.

/// Bytes that are read from the front; when they are used up, everything is zero.
///
/// Zero is always the plainest choice, so that shorter inputs mean simpler cases and a fuzzer
/// that minimises bytes minimises the case.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    /// Choices from `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Input<'a> {
        Input { bytes }
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        let (&byte, rest) = self.bytes.split_first().unwrap_or((&0, &[]));
        self.bytes = rest;
        byte
    }

    /// A number below `limit`; zero if there is none.
    pub fn below(&mut self, limit: usize) -> usize {
        match limit {
            0 | 1 => 0,
            _ => usize::from(self.byte()) % limit,
        }
    }

    /// Yes or no.
    pub fn chance(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// One of the choices, the first one when nothing is left.
    ///
    /// # Panics
    /// There are no choices.
    pub fn choose<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    /// Sixteen bytes as a number.
    pub fn wide(&mut self) -> u128 {
        (0..16).fold(0, |bits, _| bits << 8 | u128::from(self.byte()))
    }

    /// A short text: a length byte and so many bytes, damage replaced.
    pub fn text(&mut self) -> String {
        let length = usize::from(self.byte()).min(self.bytes.len());
        let (text, rest) = self.bytes.split_at(length);
        self.bytes = rest;
        String::from_utf8_lossy(text).into_owned()
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.bytes)
    }
}
