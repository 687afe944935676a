//! Events and requests: instants one second apart, addresses at the edges, claims that come and
//! go.

use std::net::IpAddr;

use highwater::event::Event;
use serde_json::{Map, Value, json};

use super::address::{Prefix, written};
use super::names::{
    APPLICATIONS, CONTEXTS, COUNTRIES, DEVICES, FOREIGN_TENANT, GROUPS, ORIGIN, POLICIES, ROLES,
    SESSIONS, SOURCES, SUBJECTS, TOKENS,
};
use super::random::Random;
use crate::vector::TENANT;

/// Offsets from [`ORIGIN`] at which tokens are issued; some equal the time of a challenge.
const ISSUED: [i64; 9] = [-300, -1, 0, 1, 99, 100, 101, 599, 600];
/// Offsets at which requests come; the loop window is 600 seconds.
const ASKED: [i64; 9] = [0, 100, 100, 100, 101, 600, 699, 700, 701];

/// What requests of one case have in common.
pub(super) struct Cast {
    addresses: Vec<IpAddr>,
    tokens: Vec<Value>,
}

impl Cast {
    pub(super) fn new(random: &mut Random, prefixes: &[Prefix]) -> Cast {
        let mut edges: Vec<IpAddr> = prefixes.iter().flat_map(|prefix| prefix.edges()).collect();
        edges.push(IpAddr::from([192, 0, 2, 1]));
        let addresses: Vec<IpAddr> = (0..4).map(|_| *random.pick(&edges)).collect();
        let tokens = (0..=random.below(5))
            .map(|_| token(random, &addresses))
            .collect();
        Cast { addresses, tokens }
    }

    /// A line of `highwater decide`.
    pub(super) fn request(&self, random: &mut Random) -> Value {
        let mut token = random.pick(&self.tokens).clone();
        if random.chance(10) {
            change(random, &mut token, &self.addresses);
        }
        let expires = token["exp"].as_i64().unwrap_or(ORIGIN);
        let now = if random.chance(92) {
            ORIGIN + random.pick(&ASKED)
        } else {
            expires + random.pick(&[59, 60, 61])
        };
        let mut line = json!({"id": "r", "now": now, "token": token});
        if random.chance(5) {
            line["now"] = json!(now as f64 + 0.5);
        }
        if random.chance(90) {
            let address = *random.pick(&self.addresses);
            line["ip"] = json!(written(random, address));
        }
        if random.chance(50) {
            line["resource"] = json!(random.pick(&APPLICATIONS));
        }
        if random.chance(20) {
            line["auth_context"] = json!(random.pick(&CONTEXTS));
        }
        let signals = signals(random);
        if !signals.is_empty() {
            line["signals"] = Value::Object(signals);
        }
        line
    }
}

fn signals(random: &mut Random) -> Map<String, Value> {
    let mut signals = Map::new();
    if random.chance(8) {
        signals.insert("country".to_owned(), json!(random.pick(&COUNTRIES)));
    }
    if random.chance(10) {
        signals.insert(
            "platform".to_owned(),
            json!(random.pick(&["windows", "linux"])),
        );
    }
    if random.chance(10) {
        signals.insert(
            "client_app_type".to_owned(),
            json!(random.pick(&["browser", "other"])),
        );
    }
    if random.chance(15) {
        signals.insert("compliant_network".to_owned(), json!(random.chance(50)));
    }
    if random.chance(15) {
        let mut device = Map::new();
        if random.chance(60) {
            let value = random.pick(&["true", "False", "perhaps"]);
            device.insert("isCompliant".to_owned(), json!(value));
        }
        if random.chance(40) {
            device.insert(
                "trustType".to_owned(),
                json!(random.pick(&["ServerAD", "AzureAD"])),
            );
        }
        if random.chance(30) {
            device.insert("colour".to_owned(), json!("red"));
        }
        signals.insert("device".to_owned(), Value::Object(device));
    }
    signals
}

fn token(random: &mut Random, addresses: &[IpAddr]) -> Value {
    let issued = ORIGIN + random.pick(&ISSUED);
    let mut token = json!({
        "iss": "https://idp.example", "tid": TENANT, "sub": "someone", "scp": "all",
        "oid": random.pick(&SUBJECTS), "iat": issued,
        "exp": issued + random.pick(&[3600, 3899, 3900, 3901, 86400]),
    });
    for _ in 0..8 {
        change(random, &mut token, addresses);
    }
    if random.chance(75) {
        token["xms_cc"] = json!("cp1");
    }
    token
}

/// Sets or removes one claim.
fn change(random: &mut Random, token: &mut Value, addresses: &[IpAddr]) {
    let (name, value) = match random.below(24) {
        0 => ("oid", json!(random.pick(&SUBJECTS))),
        1 => ("idtyp", json!("app")),
        2 => ("azp", json!(random.pick(&APPLICATIONS))),
        3 => ("sid", json!(random.pick(&SESSIONS))),
        4 | 5 => ("uti", json!(random.pick(&TOKENS))),
        6 | 7 => ("deviceid", json!(random.pick(&DEVICES))),
        8 => ("nbf", json!(ORIGIN + random.pick(&[0, 160, 161]))),
        9 => (
            "auth_time",
            json!(ORIGIN + random.pick(&[-3500, -3501, -3000, -1, 0, 1])),
        ),
        10 => ("groups", json!(random.some_of(&GROUPS, 50))),
        11 => ("hasgroups", json!(true)),
        12 => ("wids", json!(random.some_of(&ROLES, 50))),
        13 => ("acrs", json!(random.some_of(&CONTEXTS, 50))),
        14 => (
            "amr",
            json!(random.pick(&[["pwd", "mfa"], ["pwd", "ngcmfa"], ["pwd", "x"]])),
        ),
        15 => ("acr", json!(random.pick(&["1", "aal2", "gold"]))),
        16 => ("acct", json!(random.below(2))),
        17 | 18 => {
            let address = *random.pick(addresses);
            ("xms_rp_ipaddr", json!(written(random, address)))
        }
        19 | 20 => {
            let address = *random.pick(addresses);
            ("ipaddr", json!(written(random, address)))
        }
        21 => ("aud", json!(random.pick(&APPLICATIONS))),
        22 => ("pol", json!(random.some_of(&POLICIES, 50))),
        _ if random.chance(20) => ("tid", json!(FOREIGN_TENANT)),
        _ => ("iat", json!(ORIGIN + random.pick(&ISSUED))),
    };
    token[name] = value;
    if random.chance(15)
        && !matches!(name, "iat" | "oid" | "tid")
        && let Some(claims) = token.as_object_mut()
    {
        claims.remove(name);
    }
}

/// An event that says something sensible of its subject.
pub(super) fn event(random: &mut Random) -> Event {
    loop {
        let mut subject = Map::new();
        for _ in 0..random.below(4) {
            let (name, id) = match random.below(6) {
                0 | 1 => (
                    if random.chance(75) {
                        "user"
                    } else {
                        "workload"
                    },
                    random.pick(&SUBJECTS),
                ),
                2 => ("session", random.pick(&SESSIONS)),
                3 => ("token", random.pick(&TOKENS)),
                4 => ("device", random.pick(&DEVICES)),
                _ => ("app", random.pick(&APPLICATIONS)),
            };
            subject.insert(name.to_owned(), json!(id));
        }
        let members: Vec<String> = subject.keys().cloned().collect();
        let skip = random.some_of(&members, 15);
        if !skip.is_empty() {
            subject.insert("skip".to_owned(), json!(skip));
        }
        let effect = match random.below(14) {
            0 | 1 => json!("revoke"),
            2 => json!("refresh"),
            3 => json!("deny"),
            4 => json!("block"),
            5 => json!("unblock"),
            6 if random.chance(30) => json!("purge"),
            6..9 => json!({"risk": random.pick(&["none", "low", "medium", "high"])}),
            9..11 => json!({"compliance": random.pick(&["compliant", "not_compliant"])}),
            11 => json!({"assurance": {"namespace": random.pick(&["n", "m"]),
                "level": random.pick(&["0", "aal1", "2", "gold"])}}),
            12 if random.chance(30) => {
                subject.clear();
                json!({"stream": random.pick(&["enabled", "paused", "disabled"])})
            }
            _ => json!("revoke"),
        };
        let offset = random.pick(&[-301, -1, 0, 1, 100]);
        let fraction = random.pick(&[0.0, 0.5, 0.999]);
        let value = json!({
            "time": (ORIGIN + offset) as f64 + fraction,
            "tenant": if random.chance(95) { TENANT } else { FOREIGN_TENANT },
            "subject": subject, "effect": effect, "source": random.pick(&SOURCES),
        });
        if let Ok(event) = Event::from_value(&value) {
            return event;
        }
    }
}
