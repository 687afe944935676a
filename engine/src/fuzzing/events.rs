//! Canonical events: what reads as an event is written as the same event and can be applied.

use crate::event::Event;
use crate::ledger::{Facts, Retention};
use crate::marks::Keyring;

/// Events as JSON, one a line.
pub fn events(bytes: &[u8]) {
    let facts = Facts::new(Keyring::from_seed([1, 2]), Retention::default());
    for line in String::from_utf8_lossy(bytes).lines().take(16) {
        let event = match Event::from_json(line) {
            Ok(event) => event,
            Err(error) => {
                assert!(!error.message.is_empty());
                assert!(error.path.is_empty() || error.path.starts_with('/'));
                continue;
            }
        };
        assert_eq!(event.check(), Ok(()));
        let text = serde_json::to_string(&event).expect("an event is JSON");
        let again = Event::from_json(&text).expect("what was written is read");
        assert_eq!(again, event, "{text}");
        facts.apply(&event);
        assert_eq!(facts.apply(&event).changed, None, "a repeat is harmless");
    }
    for entry in facts.entries(None) {
        let text = serde_json::to_string(&entry).expect("a register is JSON");
        let event = Event::from_json(&text).expect("a register is an event");
        assert_eq!(facts.apply(&event).changed, None, "an export adds nothing");
    }
}
