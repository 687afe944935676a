//! Security Event Tokens: any claims are refused with a code or become events that make sense,
//! and nothing that is not signed is ever believed.

use highwater::event::Event;
use highwater::ledger::{Facts, Retention};
use highwater::marks::Keyring;
use highwater::timestamp::Timestamp;
use highwater_signals::directory::{DirectoryMap, NoDirectory};
use highwater_signals::set::{KeySet, Voucher};
use highwater_signals::transmitter::ProfileName;
use highwater_signals::{Receiver, TransmitterConfig};
use serde_json::json;

const NOW: Timestamp = Timestamp::from_seconds(1_763_760_000);
const SKEW: i64 = 60;

/// A claims set that somebody vouched for, from an issuer of any profile.
pub fn sets(bytes: &[u8]) {
    let receiver = receiver();
    let set = match receiver.vouch(bytes, NOW, Voucher::host("fuzzing")) {
        Ok(set) => set,
        Err(refusal) => {
            assert!(!refusal.description.is_empty());
            return;
        }
    };
    let Ok(found) = receiver.interpret(&set, &NoDirectory) else {
        return;
    };
    let again = receiver.interpret(&set, &NoDirectory);
    assert_eq!(again.as_ref(), Ok(&found), "the same token means the same");
    let facts = Facts::new(Keyring::from_seed([1, 2]), Retention::default());
    for event in &found.events {
        assert_eq!(event.check(), Ok(()), "{event:?}");
        assert!(event.time <= NOW.plus_seconds(SKEW), "{event:?}");
        let source = event.provenance.source.as_str();
        let known = ProfileName::ALL
            .iter()
            .any(|name| source.starts_with(name.as_str()));
        assert!(known, "{source}");
        let text = serde_json::to_string(event).expect("an event is JSON");
        assert_eq!(Event::from_json(&text).as_ref(), Ok(event), "{text}");
        facts.apply(event);
        assert_eq!(facts.apply(event).changed, None, "a repeat is harmless");
    }
    // A directory that knows nobody is no reason to fail either.
    let _ = receiver.interpret(&set, &DirectoryMap::default());
}

/// A compact token as it is pushed: without a key of ours nothing gets in.
pub fn compact_tokens(bytes: &[u8]) {
    let mut receiver = receiver();
    assert!(receiver.verify(bytes, NOW).is_err(), "no keys are known");
    for name in ProfileName::ALL {
        let transmitter = receiver
            .transmitter_mut(name.as_str())
            .expect("every profile has a transmitter");
        assert!(transmitter.keys.begin(NOW));
        transmitter.finish_keys(KeySet::from_value(&keys()), NOW);
    }
    assert!(receiver.verify(bytes, NOW).is_err(), "nobody has the keys");
}

/// Public keys whose private halves were thrown away.
fn keys() -> serde_json::Value {
    json!({"keys": [
        {"kty": "EC", "crv": "P-256", "kid": "ec", "use": "sig", "x": "8BwwT8rpx01AkrttaNbNu6L00BMbsr8aXoyTCZE-16w", "y": "BdlohSAf13AUsoB7AZdCDh0gxkLUqVJw_WokQgxwVtI"},
        {"kty": "RSA", "kid": "rsa", "use": "sig", "e": "AQAB", "n": "sVgduJxCLeeGEtEc06ZIIyPCejISXnybK8KJHMohFojpzuaOztlYyhFrKJQmB3EX1U9TIUpwGM-UIxVxxmADBCpUnz5vW_iaoly7BbVjm1WN8XtTnpoOM1XHTCt_M3H6T31z94sftgqnwJlXwLLUjlqsUssmanaj_INyYWNyDA64cFMlv8DlwjEvwkbeYbnHbLZX6PSsHFwP0--kYQ5NIp_PlkkcscaiMECfO4mRJAHBhcLMkKtLd9lyiqiWIxldI28U-k4Do0NTxUbaPPA6vrnDpZkEIu19xteDRautUvklHn3AJG7gDYm8x_lIe982eQ2767iqjXuWwjLHOmaVOw"},
    ]})
}

fn receiver() -> Receiver {
    let configs = ProfileName::ALL.map(|name| {
        let config = json!({
            "name": name.as_str(),
            "issuer": format!("https://{}.example", name.as_str()),
            "audience": "https://rp.example",
            "profile": name.as_str(),
            "authority": {
                "subject_issuers": ["*"], "tenants": ["*"], "scope": "tenant",
                "may_unblock": true, "may_change_identifiers": true,
            },
            "subjects": {
                "email": "itself", "phone_number": "itself", "account": "itself", "scim": "itself",
            },
            "clock_skew_seconds": SKEW,
        });
        serde_json::from_value::<TransmitterConfig>(config).expect("a configuration")
    });
    Receiver::new(configs).expect("eight transmitters")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seeds that are refused at the door would fuzz nothing but the door.
    #[test]
    fn seeds_are_let_in() {
        assert_eq!(
            KeySet::from_value(&keys()).map(|keys| keys.len()).ok(),
            Some(2)
        );
        let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds/sets");
        let (mut tokens, mut events) = (0, 0);
        for file in std::fs::read_dir(seeds).unwrap() {
            let path = file.unwrap().path();
            let set = receiver().vouch(&std::fs::read(&path).unwrap(), NOW, Voucher::host("test"));
            let found = receiver().interpret(&set.unwrap(), &NoDirectory);
            events += found
                .unwrap_or_else(|error| panic!("{path:?}: {error:?}"))
                .events
                .len();
            tokens += 1;
        }
        assert!(events >= tokens - 1, "{events} events of {tokens} tokens");
    }
}
