//! Files as the commands need them: folders of documents, JSON Lines, events.

pub(crate) mod documents;
pub(crate) mod events;
pub(crate) mod lines;

use std::fs;
use std::io::Read;
use std::path::Path;

use crate::failure::Failure;

/// The bytes of a file, or why not.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| unreadable(path, &error))
}

/// Everything that comes on stdin.
pub(crate) fn read_stdin() -> Result<Vec<u8>, Failure> {
    let mut content = Vec::new();
    std::io::stdin()
        .read_to_end(&mut content)
        .map_err(|error| unreadable(Path::new("-"), &error))?;
    Ok(content)
}

/// The text of a file, or why not.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read(path)?).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count()
            + 1;
        Failure::Input(format!("{}:{line}: not UTF-8 text", path.display()))
    })
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Input(format!("cannot read `{}`: {error}", path.display()))
}
