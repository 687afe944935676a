//! The configuration that the documentation shows is configuration that works.

#![allow(clippy::unwrap_used, reason = "a test")]

use highwater_signals::transmitter::ProfileName;
use highwater_signals::{Receiver, TransmitterConfig};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    transmitter: Vec<TransmitterConfig>,
}

const HEAD: &str = "[[transmitter]]\nname = \"n\"\nissuer = \"i\"\naudience = \"a\"\n";

fn examples() -> Vec<String> {
    let text = include_str!("../../docs/signals.md");
    text.split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_example_can_be_used() {
    let examples = examples();
    assert!(examples.len() >= 3);
    for example in examples {
        let text = if example.contains("[[transmitter]]") {
            example
        } else {
            format!("{HEAD}{example}")
        };
        let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{text}\n{error}"));
        Receiver::new(file.transmitter).unwrap();
    }
}

#[test]
fn every_profile_is_in_the_table() {
    let text = include_str!("../../docs/signals.md");
    for profile in ProfileName::ALL {
        assert!(
            text.contains(&format!("| `{}` |", profile.as_str())),
            "{}",
            profile.as_str()
        );
    }
    for event in highwater_signals::EventType::all() {
        let name = event.name().trim_start_matches("scim-");
        assert!(text.contains(&format!("`{name}`")), "{name}");
    }
}
