//! Documents of one tenant: every condition and control, alone and together.

use serde_json::{Map, Value, json};

use super::address::{Prefix, prefix};
use super::names::{
    APPLICATIONS, CONTEXTS, COUNTRIES, GROUPS, LOCATIONS, ORIGIN, POLICIES, ROLES, SUBJECTS,
};
use super::random::Random;
use crate::vector::Documents;

/// A tenant, and the prefixes that its documents mention.
pub(super) fn documents(random: &mut Random) -> (Documents, Vec<Prefix>) {
    let mut prefixes = Vec::new();
    let locations = (0..random.below(5))
        .map(|index| location(random, index, &mut prefixes))
        .collect();
    let trusted_ips = random.chance(30).then(|| {
        let list: Vec<Prefix> = (0..=random.below(2)).map(|_| prefix(random)).collect();
        prefixes.extend(&list);
        lines(list.iter().map(|prefix| prefix.text()))
    });
    let countries = random.chance(30).then(|| {
        let mut table: Vec<Prefix> = Vec::new();
        for _ in 0..=random.below(4) {
            let prefix = prefix(random);
            if !table.contains(&prefix) {
                table.push(prefix);
            }
        }
        prefixes.extend(&table);
        lines(
            table
                .iter()
                .map(|prefix| format!("{}\t{}", random.pick(&COUNTRIES), prefix.text())),
        )
    });
    let memberships = random.chance(35).then(|| {
        let mut map = Map::new();
        for group in random.some_of(&GROUPS, 50) {
            map.insert((*group).to_owned(), json!(random.some_of(&SUBJECTS, 40)));
        }
        for role in random.some_of(&ROLES, 30) {
            map.insert((*role).to_owned(), json!(random.some_of(&SUBJECTS, 40)));
        }
        Value::Object(map)
    });
    let count = *random.pick(&[0, 1, 1, 1, 2, 2, 3, 4, 6]);
    let policies = (0..count).map(|index| policy(random, index)).collect();
    let documents = Documents {
        policies,
        locations,
        memberships: memberships.filter(|map| map.as_object().is_some_and(|map| !map.is_empty())),
        trusted_ips,
        countries,
    };
    (documents, prefixes)
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("\n")
}

fn location(random: &mut Random, index: usize, prefixes: &mut Vec<Prefix>) -> Value {
    let id = LOCATIONS[index];
    let name = format!("L{index}");
    match random.below(10) {
        0 | 1 => json!({
            "@odata.type": "#microsoft.graph.countryNamedLocation", "id": id, "displayName": name,
            "countriesAndRegions": match random.some_of(&COUNTRIES, 50) {
                some if some.is_empty() => vec![&COUNTRIES[0]],
                some => some,
            },
            "includeUnknownCountriesAndRegions": random.chance(40),
            "countryLookupMethod":
                if random.chance(15) { "authenticatorAppGps" } else { "clientIpAddress" },
        }),
        2 => json!({
            "@odata.type": "#microsoft.graph.compliantNetworkNamedLocation", "id": id,
            "displayName": name, "compliantNetworkType": "allTenantCompliantNetworks",
            "isTrusted": random.chance(50),
        }),
        _ => {
            let list: Vec<Prefix> = (0..=random.below(3)).map(|_| prefix(random)).collect();
            prefixes.extend(&list);
            json!({
                "@odata.type": "#microsoft.graph.ipNamedLocation", "id": id, "displayName": name,
                "isTrusted": random.chance(40),
                "ipRanges": list.iter().map(|prefix| json!({"cidrAddress": prefix.text()}))
                    .collect::<Vec<_>>(),
            })
        }
    }
}

fn policy(random: &mut Random, index: usize) -> Value {
    if random.chance(6) {
        return switched_off(random, index);
    }
    let mut conditions = Map::new();
    if random.chance(90) {
        conditions.insert("users".to_owned(), users(random));
    }
    if random.chance(20) {
        conditions.insert("clientApplications".to_owned(), workloads(random));
    }
    if random.chance(92) {
        conditions.insert("applications".to_owned(), applications(random));
    }
    if random.chance(60) {
        let include = references(random, 60);
        let exclude = references(random, 25);
        conditions.insert(
            "locations".to_owned(),
            json!({"includeLocations": include, "excludeLocations": exclude}),
        );
    }
    let levels = ["none", "low", "medium", "high"];
    if random.chance(20) {
        conditions.insert(
            "userRiskLevels".to_owned(),
            json!(random.some_of(&levels, 60)),
        );
    }
    if random.chance(8) {
        conditions.insert(
            "servicePrincipalRiskLevels".to_owned(),
            json!(random.some_of(&levels, 60)),
        );
    }
    if random.chance(6) {
        conditions.insert("signInRiskLevels".to_owned(), json!(["high"]));
    }
    if random.chance(10) {
        let types = *random.pick(&["all", "browser", "other", "exchangeActiveSync"]);
        conditions.insert("clientAppTypes".to_owned(), json!([types]));
    }
    if random.chance(10) {
        let names = ["all", "windows", "iOS"];
        conditions.insert(
            "platforms".to_owned(),
            json!({
                "includePlatforms": [random.pick(&names)],
                "excludePlatforms": random.some_of(&names[1..], 20),
            }),
        );
    }
    if random.chance(7) {
        conditions.insert(
            "devices".to_owned(),
            json!({"deviceFilter": {
                "mode": random.pick(&["include", "exclude"]),
                "rule": random.pick(&["device.isCompliant -eq True", "device.colour -eq \"red\""]),
            }}),
        );
    }
    let mut policy = json!({
        "id": POLICIES[index], "displayName": format!("P{index}"),
        "state": random.pick(&["enabled", "enabled", "enabled", "enabled", "enabled", "enabled",
            "enabledForReportingButNotEnforced", "disabled"]),
        "conditions": conditions,
    });
    if random.chance(35) {
        let offset = random.pick(&[-301, -300, -299, -1, 0, 1, 100, 301]);
        let fraction = random.pick(&["", ".5", ".999"]);
        policy["modifiedDateTime"] = json!(instant(ORIGIN + offset, fraction));
    }
    let session_only = random.chance(12);
    if !session_only {
        policy["grantControls"] = grant(random);
    }
    if session_only || random.chance(30) {
        policy["sessionControls"] = session(random);
    }
    policy
}

/// A policy that turns location checks off: only valid without any other condition.
fn switched_off(random: &mut Random, index: usize) -> Value {
    let users = if random.chance(50) {
        json!({"includeUsers": ["All"]})
    } else {
        json!({"includeUsers": [random.pick(&SUBJECTS)]})
    };
    json!({
        "id": POLICIES[index], "displayName": format!("P{index}"),
        "state": random.pick(&["enabled", "enabled", "disabled",
            "enabledForReportingButNotEnforced"]),
        "conditions": {"users": users, "applications": {"includeApplications": ["All"]}},
        "sessionControls": {"continuousAccessEvaluation": {"mode": "disabled"}},
    })
}

fn instant(seconds: i64, fraction: &str) -> String {
    let text = highwater::timestamp::Timestamp::from_seconds(seconds).to_string();
    text.replace('Z', &format!("{fraction}Z"))
}

fn users(random: &mut Random) -> Value {
    let mut users = Map::new();
    let ids = |random: &mut Random, percent| {
        let mut list: Vec<&str> = random
            .some_of(&SUBJECTS, percent)
            .into_iter()
            .copied()
            .collect();
        if random.chance(4) {
            list.push("<placeholder>");
        }
        if random.chance(6) {
            list.push("GuestsOrExternalUsers");
        }
        list
    };
    if random.chance(55) {
        users.insert("includeUsers".to_owned(), json!(["All"]));
    } else {
        users.insert("includeUsers".to_owned(), json!(ids(random, 35)));
    }
    users.insert("excludeUsers".to_owned(), json!(ids(random, 12)));
    for (name, list) in [
        ("includeGroups", &GROUPS),
        ("excludeGroups", &GROUPS),
        ("includeRoles", &ROLES),
        ("excludeRoles", &ROLES),
    ] {
        let chosen = random.some_of(list, 12);
        if !chosen.is_empty() {
            users.insert(name.to_owned(), json!(chosen));
        }
    }
    if random.chance(6) {
        let types = random.pick(&[
            "internalGuest",
            "internalGuest,b2bCollaborationGuest",
            "b2bCollaborationMember",
            "serviceProvider,b2bCollaborationGuest",
        ]);
        let name = random.pick(&[
            "includeGuestsOrExternalUsers",
            "excludeGuestsOrExternalUsers",
        ]);
        users.insert(
            (*name).to_owned(),
            json!({"guestOrExternalUserTypes": types}),
        );
    }
    Value::Object(users)
}

fn workloads(random: &mut Random) -> Value {
    let include = if random.chance(50) {
        json!(["ServicePrincipalsInMyTenant"])
    } else {
        json!(random.some_of(&SUBJECTS, 40))
    };
    let mut scope = json!({
        "includeServicePrincipals": include,
        "excludeServicePrincipals": random.some_of(&SUBJECTS, 15),
    });
    if random.chance(10) {
        scope["servicePrincipalFilter"] =
            json!({"mode": "include", "rule": "CustomSecurityAttribute.A_B -eq \"1\""});
    }
    scope
}

fn applications(random: &mut Random) -> Value {
    let mut scope = Map::new();
    if random.chance(15) {
        scope.insert("includeApplications".to_owned(), json!([]));
        scope.insert(
            "includeAuthenticationContextClassReferences".to_owned(),
            json!(random.some_of(&CONTEXTS, 60)),
        );
        return Value::Object(scope);
    }
    let include = match random.below(10) {
        0..6 => json!(["All"]),
        6 => json!(["Office365"]),
        7 => json!(["None"]),
        _ => json!(random.some_of(&APPLICATIONS, 40)),
    };
    scope.insert("includeApplications".to_owned(), include);
    scope.insert(
        "excludeApplications".to_owned(),
        json!(random.some_of(&APPLICATIONS, 10)),
    );
    if random.chance(5) {
        scope.insert(
            "applicationFilter".to_owned(),
            json!({"mode": "include", "rule": "CustomSecurityAttribute.A_B -eq \"1\""}),
        );
    }
    Value::Object(scope)
}

fn references(random: &mut Random, percent: usize) -> Vec<&'static str> {
    if !random.chance(percent + 20) {
        return Vec::new();
    }
    if random.chance(percent / 2) {
        return vec!["All"];
    }
    let mut list: Vec<&str> = random
        .some_of(&LOCATIONS, percent / 2)
        .into_iter()
        .copied()
        .collect();
    if random.chance(25) {
        list.push("AllTrusted");
    }
    if random.chance(10) {
        list.push(highwater::model::MFA_TRUSTED_IPS);
    }
    if random.chance(8) {
        list.push(highwater::model::COMPLIANT_NETWORK);
    }
    list
}

fn grant(random: &mut Random) -> Value {
    if random.chance(45) {
        return json!({"operator": "OR", "builtInControls": ["block"]});
    }
    let mut controls = random.some_of(
        &[
            "mfa",
            "compliantDevice",
            "domainJoinedDevice",
            "passwordChange",
        ],
        40,
    );
    if controls.is_empty() {
        controls.push(&"mfa");
    }
    json!({"operator": random.pick(&["AND", "OR"]), "builtInControls": controls})
}

fn session(random: &mut Random) -> Value {
    let mut controls = Map::new();
    if random.chance(60) {
        controls.insert(
            "continuousAccessEvaluation".to_owned(),
            json!({"mode": "strictLocation"}),
        );
    }
    if controls.is_empty() || random.chance(40) {
        let frequency = if random.chance(80) {
            json!({"isEnabled": true, "type": "hours", "value": 1, "frequencyInterval": "timeBased"})
        } else {
            json!({"isEnabled": true, "frequencyInterval": "everyTime"})
        };
        controls.insert("signInFrequency".to_owned(), frequency);
    }
    Value::Object(controls)
}
