//! The JSON forms in which requests come in and answers go out.
//!
//! One reader and one writer for the command line, the C ABI, the gateway and the tests, so
//! that the same line means the same everywhere.

mod answer;
mod explained;
mod request;

pub use answer::{Answer, AnsweredPolicy};
pub use explained::ExplainedAnswer;
pub use request::{RequestDocument, RequestError, device_attributes, member, pointer};

/// Where a mistake is, behind its message; nothing for the whole document.
fn place(path: &str) -> String {
    if path.is_empty() {
        String::new()
    } else {
        format!(" (at `{path}`)")
    }
}
