//! Whether engine events do what the abstract operations of a case say, and nothing else.

use highwater::event::{Compliance, Dimension, Effect, Event, RiskLevel};
use highwater_signals::directory::DirectoryChange;
use highwater_signals::{Interpretation, Notice};
use serde_json::Value;

/// The identifier that a key of a case names.
fn identifier(key: &Value) -> String {
    let member = |name: &str| key[name].as_str().unwrap_or_default().to_owned();
    match key["format"].as_str().unwrap_or_default() {
        "iss_sub" => member("sub"),
        "email" => member("email"),
        "phone_number" => member("phone_number").replace(' ', ""),
        "opaque" => member("id"),
        "jwt_id" => member("jti"),
        "saml_assertion_id" => member("assertion_id"),
        other => panic!("no identifier for `{other}`"),
    }
}

fn names(event: &Event, expected: &[(Dimension, &Value)]) -> bool {
    event.subject.dimensions().len() == expected.len()
        && expected.iter().all(|(dimension, key)| {
            event
                .subject
                .member(*dimension)
                .is_some_and(|found| found.as_str() == identifier(key))
        })
}

fn at(event: &Event, instant: &Value, claims: &Value) -> bool {
    let instant = if *instant == "iat" {
        &claims["iat"]
    } else {
        instant
    };
    instant
        .as_i64()
        .is_none_or(|seconds| event.time.seconds() == seconds)
}

/// Whether `event` is what `operation` asks for.
fn does(event: &Event, operation: &Value, claims: &Value) -> bool {
    let key = &operation["key"];
    let user = || names(event, &[(Dimension::User, key)]);
    match operation["op"].as_str().unwrap() {
        "raise_watermark" => {
            if !at(event, &operation["not_before"], claims) {
                return false;
            }
            let by_time = if operation["severity"] == "challenge" {
                Effect::Refresh
            } else {
                Effect::Revoke
            };
            match operation["dim"].as_str().unwrap() {
                "user" | "identifier" => event.effect == by_time && user(),
                // A session or token that is named is refused for good: later tokens of it too.
                "session" => {
                    event.effect == Effect::Deny && names(event, &[(Dimension::Session, key)])
                }
                "token" => event.effect == by_time && names(event, &[(Dimension::Token, key)]),
                "conjunction" => {
                    let members = operation["members"].as_object().unwrap();
                    let named: Vec<(Dimension, &Value)> = Dimension::ALL
                        .into_iter()
                        .filter_map(|dimension| {
                            members
                                .get(dimension.as_str())
                                .map(|member| (dimension, member))
                        })
                        .collect();
                    let tenant = members
                        .get("tenant")
                        .is_none_or(|tenant| event.tenant.as_str() == identifier(tenant));
                    let ends = event.effect == Effect::Deny && members.contains_key("session");
                    (event.effect == by_time || ends) && tenant && names(event, &named)
                }
                other => panic!("no dimension `{other}`"),
            }
        }
        "set_block" => {
            let effect = if operation["permanent"] == true {
                Effect::Purge
            } else {
                Effect::Block
            };
            event.effect == effect && user() && at(event, &operation["at"], claims)
        }
        "clear_block" => event.effect == Effect::Unblock && user(),
        "set_device_compliance" => {
            let state = if operation["compliant"] == true {
                Compliance::Compliant
            } else {
                Compliance::NotCompliant
            };
            event.effect == Effect::Compliance(state)
                && names(event, &[(Dimension::Device, &operation["device"])])
                && event.tenant.as_str() == identifier(&operation["tenant"])
                && at(event, &operation["at"], claims)
        }
        "set_risk" => {
            let level = match operation["level"].as_str().unwrap() {
                "LOW" => RiskLevel::Low,
                "HIGH" => RiskLevel::High,
                other => panic!("no level `{other}`"),
            };
            event.effect == Effect::Risk(level)
                && (key.is_null() || user())
                && at(event, &operation["at"], claims)
        }
        "set_assurance" => {
            event.effect
                == Effect::Assurance {
                    namespace: operation["namespace"].as_str().unwrap().to_owned(),
                    level: operation["level"].as_str().unwrap().to_owned(),
                }
                && user()
                && at(event, &operation["at"], claims)
        }
        // The engine reads claims from tokens only: the client fetches a token that has the new
        // ones, and the ledger keeps what was announced.
        "claim_overlay" => {
            event.effect == Effect::Refresh
                && event.provenance.reason.as_ref().is_some_and(|reason| {
                    serde_json::from_str::<Value>(reason).unwrap()["claims"] == operation["claims"]
                })
        }
        "require_credential_change" => event.effect == Effect::Revoke && user(),
        // Old tokens end; the identifier itself is the directory's (checked there).
        "drop_identifier_state" => {
            matches!(
                event.effect,
                Effect::Unblock | Effect::Risk(RiskLevel::None)
            ) && user()
        }
        "stream_verified" => event.effect.register().as_str() == "stream",
        "stream_status" => {
            matches!(event.effect, Effect::Stream(state) if operation["status"] == state.as_str())
        }
        "alias" | "coverage" => false,
        other => panic!("no operation `{other}`"),
    }
}

/// Whether an operation is done besides events.
fn done_elsewhere(found: &Interpretation, operation: &Value) -> Option<bool> {
    Some(match operation["op"].as_str().unwrap() {
        "alias" => found.directory.iter().any(|change| {
            matches!(change, DirectoryChange::Alias { old, new, .. }
                if serde_json::to_value(old).unwrap() == operation["from"]
                    && serde_json::to_value(new).unwrap() == operation["to"])
        }),
        "drop_identifier_state" => found.directory.iter().any(|change| {
            matches!(change, DirectoryChange::Recycle { name, .. }
                if serde_json::to_value(name).unwrap() == operation["key"])
        }),
        "coverage" => found.notices.iter().any(|notice| {
            matches!(notice, Notice::Coverage { monitored, .. }
                if operation["monitored"] == *monitored)
        }),
        "stream_verified" => found.notices.iter().any(|notice| {
            matches!(notice, Notice::StreamVerified { stream, .. }
                if operation["stream_id"] == stream.clone().unwrap_or_default())
        }),
        _ => return None,
    })
}

/// Every operation is done, and every event belongs to an operation.
pub(super) fn check(found: &Interpretation, effect: &Value, claims: &Value) -> Result<(), String> {
    let operations = effect.as_array().unwrap();
    for operation in operations {
        let done = done_elsewhere(found, operation).unwrap_or_else(|| {
            found
                .events
                .iter()
                .any(|event| does(event, operation, claims))
        });
        if !done {
            return Err(format!("not done: {operation}; found {found:?}"));
        }
    }
    for event in &found.events {
        if !operations
            .iter()
            .any(|operation| does(event, operation, claims))
        {
            return Err(format!("not asked for: {event:?}"));
        }
    }
    if operations.is_empty() && !found.directory.is_empty() {
        return Err(format!("the directory changes: {:?}", found.directory));
    }
    Ok(())
}
