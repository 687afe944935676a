//! A small scope, all of it: every set of at most three prefixes of a universe of eight
//! addresses, in IPv4 and in IPv6, against every policy shape of at most three conditions, from
//! every address.

use serde_json::{Value, json};

use super::names::{ORIGIN, SUBJECTS};
use super::plain_case;
use crate::vector::{Answer, Case, Documents, Expected, Step, TENANT};
use highwater::event::Event;

/// How many cases there are: one for every set of prefixes, in both families.
pub const CASES: usize = 2 * (1 + 15 + 105 + 455);

/// Eight addresses that share all but their last three bits. The families are looked up in
/// different tables, so both are enumerated.
#[derive(Clone, Copy, Debug)]
struct Family {
    /// Everything before the last number.
    stem: &'static str,
    width: u32,
    /// A prefix outside of the universe.
    elsewhere: &'static str,
}

const FAMILIES: [Family; 2] = [
    Family {
        stem: "192.0.2.",
        width: 32,
        elsewhere: "203.0.113.0/24",
    },
    Family {
        stem: "2001:db8::",
        width: 128,
        elsewhere: "2001:db9::/32",
    },
];

impl Family {
    fn address(self, last: u32) -> String {
        format!("{}{last}", self.stem)
    }

    /// The 15 prefixes of the universe.
    fn universe(self) -> Vec<String> {
        let mut prefixes = Vec::new();
        for length in self.width - 3..=self.width {
            for first in (0..8).step_by(1 << (self.width - length)) {
                prefixes.push(format!("{}/{length}", self.address(first)));
            }
        }
        prefixes
    }
}

/// Every case, one for each set of at most three prefixes.
pub fn cases() -> impl Iterator<Item = Case> {
    FAMILIES.into_iter().flat_map(|family| {
        let universe = family.universe();
        let count = universe.len();
        let mut sets: Vec<Vec<usize>> = vec![Vec::new()];
        for a in 0..count {
            sets.push(vec![a]);
            for b in a + 1..count {
                sets.push(vec![a, b]);
                for c in b + 1..count {
                    sets.push(vec![a, b, c]);
                }
            }
        }
        sets.into_iter().map(move |set| {
            let prefixes: Vec<&str> = set.iter().map(|&index| universe[index].as_str()).collect();
            case(family, &prefixes)
        })
    })
}

fn case(family: Family, prefixes: &[&str]) -> Case {
    // A location needs a range: one outside the universe stands for the empty set.
    let ranges: Vec<Value> = prefixes
        .iter()
        .chain(prefixes.is_empty().then_some(&family.elsewhere))
        .map(|prefix| json!({"cidrAddress": prefix}))
        .collect();
    let documents = Documents {
        policies: policies(),
        locations: vec![json!({
            "@odata.type": "#microsoft.graph.ipNamedLocation", "id": LOCATION,
            "displayName": "L", "isTrusted": true, "ipRanges": ranges,
        })],
        ..Documents::default()
    };
    let mut steps = vec![Step::Event(high_risk())];
    for line in requests(family) {
        steps.push(Step::Request {
            line,
            expected: Expected {
                answer: Answer::error(),
            },
        });
    }
    Case {
        documents,
        steps,
        ..plain_case(&format!("prefixes {prefixes:?}"))
    }
}

const LOCATION: &str = "10ca7100-0000-4000-8000-000000000000";

/// Every shape: users × location × risk × grant.
fn policies() -> Vec<Value> {
    let users = [
        json!({"includeUsers": ["All"]}),
        json!({"includeUsers": [SUBJECTS[2]]}),
        json!({"includeGroups": ["62005000-0000-4000-8000-000000000000"]}),
    ];
    let locations = [
        Value::Null,
        json!({"includeLocations": ["All"]}),
        json!({"includeLocations": [LOCATION]}),
        json!({"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}),
    ];
    let risks = [Value::Null, json!(["high"]), json!(["low"])];
    let grants = ["block", "mfa", "compliantDevice"];
    let mut policies = Vec::new();
    for users in &users {
        for location in &locations {
            for risk in &risks {
                for grant in grants {
                    let number = policies.len();
                    policies.push(json!({
                        "id": format!("901c1e50-0000-4000-8000-{number:012}"),
                        "displayName": format!("P{number}"), "state": "enabled",
                        "conditions": {"users": users, "locations": location,
                            "userRiskLevels": risk,
                            "applications": {"includeApplications": ["All"]}},
                        "grantControls": {"operator": "OR", "builtInControls": [grant]},
                    }));
                }
            }
        }
    }
    policies
}

/// Every address and none × where the issuer saw the client × who × capability.
fn requests(family: Family) -> Vec<Value> {
    let addresses: Vec<Option<String>> = (0..8)
        .map(|last| Some(family.address(last)))
        .chain([None])
        .collect();
    let mut lines = Vec::new();
    for observed in &addresses {
        for seen in [None, Some(family.address(0)), Some(family.address(7))] {
            for subject in &SUBJECTS[..2] {
                for capabilities in [json!([]), json!(["cp1"])] {
                    lines.push(json!({
                        "id": "r", "now": ORIGIN + 100, "ip": observed,
                        "token": {"iss": "https://idp.example", "tid": TENANT, "oid": subject,
                            "sub": "someone", "scp": "all", "uti": format!("t{}", lines.len()),
                            "iat": ORIGIN, "exp": ORIGIN + 3600, "ipaddr": seen,
                            "xms_cc": capabilities},
                    }));
                }
            }
        }
    }
    lines
}

fn high_risk() -> Event {
    Event::from_value(&json!({
        "time": ORIGIN + 50, "tenant": TENANT, "subject": {"user": SUBJECTS[1]},
        "effect": {"risk": "high"}, "source": "idp",
    }))
    .expect("the event is one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_is_what_it_says() {
        for family in FAMILIES {
            assert_eq!(family.universe().len(), 15);
            assert_eq!(requests(family).len(), 108);
        }
        assert_eq!(cases().count(), CASES);
        assert_eq!(policies().len(), 108);
    }
}
