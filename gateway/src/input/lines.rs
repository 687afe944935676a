//! JSON Lines: one document per line, from a file or from stdin.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::unreadable;
use crate::failure::Failure;

/// The lines of one input that hold anything.
pub(crate) struct Lines {
    name: PathBuf,
    reader: BufReader<Box<dyn Read>>,
    buffer: Vec<u8>,
    number: usize,
}

impl Lines {
    /// Opens `path`; `-` is stdin.
    pub(crate) fn open(path: &Path) -> Result<Lines, Failure> {
        let source: Box<dyn Read> = if path == Path::new("-") {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(path).map_err(|error| unreadable(path, &error))?)
        };
        Ok(Lines {
            name: path.to_owned(),
            reader: BufReader::with_capacity(64 * 1024, source),
            buffer: Vec::new(),
            number: 0,
        })
    }

    /// The next line that is not blank, with its number from 1.
    ///
    /// Text that is no UTF-8 is passed on with replacement characters, for the reader of the
    /// line to refuse in its place.
    pub(crate) fn next(&mut self) -> Result<Option<(usize, std::borrow::Cow<'_, str>)>, Failure> {
        loop {
            self.buffer.clear();
            let read = self
                .reader
                .read_until(b'\n', &mut self.buffer)
                .map_err(|error| unreadable(&self.name, &error))?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.number == 1 && self.buffer.starts_with(b"\xef\xbb\xbf") {
                self.buffer.drain(..3);
            }
            if !self.buffer.iter().all(u8::is_ascii_whitespace) {
                break;
            }
        }
        Ok(Some((
            self.number,
            String::from_utf8_lossy(self.buffer.trim_ascii()),
        )))
    }

    /// Whether the next line may have to be waited for: whoever feeds us may be waiting for the
    /// answers so far.
    pub(crate) fn may_wait(&self) -> bool {
        !self.reader.buffer().contains(&b'\n')
    }
}
