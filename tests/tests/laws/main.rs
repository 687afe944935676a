//! What must hold for every tenant, event, token and request: each law with the paragraph of
//! `docs/semantics.md` that it stands for. Cases come from the same generator as the
//! differential run; a failing seed is one argument to `generate::case`.

use highwater::decision::{Decision, Outcome};
use highwater::engine::Engine;
use highwater::event::{Effect, Event};
use highwater::identifier::TenantId;
use highwater::reason::Reason;
use highwater::settings::EngineSettings;
use highwater::timestamp::Timestamp;
use highwater_tests::generate::{self, Random, names};
use highwater_tests::request_line::RequestLine;
use highwater_tests::surface;
use highwater_tests::vector::{Case, Step, TENANT};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What was decided, and which policies have a violation.
type Judged = (Decision, Vec<String>);

fn laws() -> ProptestConfig {
    ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn events(case: &Case) -> Vec<Event> {
    case.steps
        .iter()
        .filter_map(|step| match step {
            Step::Event(event) => Some(event.clone()),
            Step::Request { .. } => None,
        })
        .collect()
}

fn lines(case: &Case) -> Vec<Value> {
    case.steps
        .iter()
        .filter_map(|step| match step {
            Step::Request { line, .. } => Some(line.clone()),
            Step::Event(_) => None,
        })
        .collect()
}

/// The tenant of the case, without any event.
fn engine(case: &Case) -> Engine {
    let engine = Engine::new(case.engine.clone());
    let tenant = TenantId::new(TENANT).expect("the constant is an identifier");
    engine
        .publish(tenant, &surface::model(case), case.tenant.clone())
        .expect("a case fits a snapshot");
    engine
}

fn engine_with(case: &Case, events: &[Event]) -> Engine {
    let engine = engine(case);
    for event in events {
        engine.apply(event);
    }
    engine
}

/// Judges each line as if it were the first: nothing is remembered.
fn judge(engine: &Engine, case: &Case, lines: &[Value]) -> Vec<Option<Judged>> {
    lines
        .iter()
        .map(|line| {
            let read = RequestLine::read(line, &case.issuer).ok()?;
            let token = engine.token(read.token.clone());
            let explanation = engine.explain(&token, &read.request());
            let violated = explanation
                .policies
                .iter()
                .filter(|policy| policy.result == "failure")
                .map(|policy| policy.display_name.clone())
                .collect();
            Some((explanation.decision, violated))
        })
        .collect()
}

fn is_refused(judged: &Option<Judged>) -> bool {
    judged
        .as_ref()
        .is_some_and(|(decision, _)| decision.outcome() != Outcome::Allow)
}

fn shuffled(events: &[Event], random: &mut Random) -> Vec<Event> {
    let mut events = events.to_vec();
    for index in (1..events.len()).rev() {
        events.swap(index, random.below(index + 1));
    }
    events
}

proptest! {
    #![proptest_config(laws())]

    /// §1: order and repetition of events do not matter.
    #[test]
    fn events_in_any_order_and_number_say_the_same(seed: u64) {
        let case = generate::case(seed);
        let random = &mut Random::new(seed);
        let (events, lines) = (events(&case), lines(&case));
        let twice: Vec<Event> = events.iter().chain(&events).cloned().collect();
        let one = engine_with(&case, &events);
        let other = engine_with(&case, &shuffled(&twice, random));
        prop_assert_eq!(judge(&one, &case, &lines), judge(&other, &case, &lines));
        prop_assert_eq!(one.facts().entries(None), other.facts().entries(None));
    }

    /// §1: the number of nodes does not matter: each event to either of two, which then
    /// exchange registers.
    #[test]
    fn events_split_over_nodes_say_the_same(seed: u64) {
        let case = generate::case(seed);
        let random = &mut Random::new(seed);
        let (events, lines) = (events(&case), lines(&case));
        let (left, right) = (engine(&case), engine(&case));
        for event in &events {
            if random.chance(50) { left.apply(event); } else { right.apply(event); }
        }
        let (from_left, from_right) = (left.facts().entries(None), right.facts().entries(None));
        for entry in from_right {
            left.facts().merge(entry);
        }
        for entry in from_left {
            right.facts().merge(entry);
        }
        let whole = judge(&engine_with(&case, &events), &case, &lines);
        prop_assert_eq!(&judge(&left, &case, &lines), &whole);
        prop_assert_eq!(&judge(&right, &case, &lines), &whole);
    }

    /// §1, retention: forgetting changes no decision about a token within its lifetime.
    #[test]
    fn forgetting_changes_nothing_for_living_tokens(seed: u64, later in 0_i64..20_000) {
        let mut case = generate::case(seed);
        case.engine = EngineSettings {
            longest_token_lifetime: 3901,
            retention_margin: 60,
            ..case.engine
        };
        case.issuer.anchor = highwater::token::Anchor::IssuedAt;
        let now = names::ORIGIN + later;
        let lines: Vec<Value> = lines(&case)
            .into_iter()
            .filter(|line| {
                let claim = |name: &str| line["token"][name].as_i64().unwrap_or(0);
                claim("exp") - claim("iat") <= 3901
            })
            .map(|mut line| {
                line["now"] = json!(now);
                line
            })
            .collect();
        let engine = engine_with(&case, &events(&case));
        let before = judge(&engine, &case, &lines);
        engine.forget_expired(Timestamp::from_seconds(now));
        prop_assert_eq!(judge(&engine, &case, &lines), before);
    }

    /// §4.1: exclusion beats inclusion, so another exclusion never adds a violation. (Locations
    /// only for blocks that exclude one already: a demand also asks where the issuer saw the client,
    /// and a block of all places without exception is the issuer's. Policies that switch
    /// checks off are left alone: excluding someone there switches checks on.)
    #[test]
    fn an_exclusion_never_adds_a_violation(seed: u64) {
        let case = generate::case(seed);
        let random = &mut Random::new(seed);
        let mut excluding = case.clone();
        for policy in &mut excluding.documents.policies {
            let session = &policy["sessionControls"]["continuousAccessEvaluation"]["mode"];
            if session == "disabled" {
                continue;
            }
            let locations = &policy["conditions"]["locations"];
            let is_judged = locations["excludeLocations"]
                .as_array()
                .is_some_and(|list| !list.is_empty());
            let blocks = policy["grantControls"]["builtInControls"][0] == "block" && is_judged;
            let (scope, list, id) = match random.below(4) {
                0 => ("users", "excludeUsers", *random.pick(&names::SUBJECTS)),
                1 => ("users", "excludeGroups", *random.pick(&names::GROUPS)),
                2 => ("applications", "excludeApplications", *random.pick(&names::APPLICATIONS)),
                _ if blocks => ("locations", "excludeLocations", *random.pick(&names::LOCATIONS)),
                _ => continue,
            };
            let condition = &mut policy["conditions"][scope];
            if condition.is_object() {
                let mut entries = condition[list].as_array().cloned().unwrap_or_default();
                if !entries.contains(&json!(id)) {
                    entries.push(json!(id));
                }
                condition[list] = Value::from(entries);
            }
        }
        let (events, lines) = (events(&case), lines(&case));
        let before = judge(&engine_with(&case, &events), &case, &lines);
        let after = judge(&engine_with(&excluding, &events), &excluding, &lines);
        for (before, after) in before.iter().zip(&after) {
            if let (Some((_, before)), Some((_, after))) = (before, after) {
                prop_assert!(after.iter().all(|name| before.contains(name)), "{before:?} {after:?}");
            }
        }
    }

    /// §1 and §3.3: a revoked token stays refused whatever else is reported, until a newer one.
    #[test]
    fn a_revoked_token_stays_refused_until_a_newer_one(seed: u64) {
        let case = generate::case(seed);
        let random = &mut Random::new(seed);
        let (events, lines) = (events(&case), lines(&case));
        for line in lines.iter().take(4) {
            let Ok(read) = RequestLine::read(line, &case.issuer) else { continue };
            let kind = match read.token.kind {
                highwater::token::SubjectKind::User => "user",
                highwater::token::SubjectKind::Workload => "workload",
            };
            let revoke = |time: i64| {
                let mut subject = serde_json::Map::new();
                subject.insert(kind.to_owned(), json!(read.token.subject));
                Event::from_value(&json!({
                    "time": time, "tenant": read.token.tenant, "subject": subject,
                    "effect": "revoke", "source": "law",
                })).expect("a revocation is an event")
            };
            let mut with = events.clone();
            with.push(revoke(read.token.issued));
            let engine = engine_with(&case, &shuffled(&with, random));
            prop_assert!(is_refused(&judge(&engine, &case, std::slice::from_ref(line))[0]));
            // One second earlier it says nothing about this token.
            let mut with = events.clone();
            with.push(revoke(read.token.issued - 1));
            let plain = engine_with(&case, &events);
            let engine = engine_with(&case, &with);
            prop_assert_eq!(
                judge(&engine, &case, std::slice::from_ref(line)),
                judge(&plain, &case, std::slice::from_ref(line))
            );
        }
    }

    /// §1: a fact that restricts never turns a refusal into an allowance.
    #[test]
    fn restricting_events_never_allow(seed: u64) {
        let case = generate::case(seed);
        let (events, lines) = (events(&case), lines(&case));
        let restricts = |event: &Event| matches!(
            event.effect,
            Effect::Revoke | Effect::Refresh | Effect::Deny | Effect::Block | Effect::Purge
        );
        let fewer: Vec<Event> = events.iter().filter(|event| !restricts(event)).cloned().collect();
        // Blocks are lifted by their own source only; without unblocks every block stays.
        let lifts = |event: &&Event| event.effect != Effect::Unblock;
        let all: Vec<Event> = events.iter().filter(lifts).cloned().collect();
        let before = judge(&engine_with(&case, &fewer), &case, &lines);
        let after = judge(&engine_with(&case, &all), &case, &lines);
        for (before, after) in before.iter().zip(&after) {
            prop_assert!(!is_refused(before) || is_refused(after), "{before:?} {after:?}");
        }
    }

    /// §1: what is reported about one tenant says nothing about another.
    #[test]
    fn other_tenants_events_change_nothing(seed: u64) {
        let case = generate::case(seed);
        let (events, lines) = (events(&case), lines(&case));
        // A stream is an instance for all tenants: it stays where it is.
        let foreign: Vec<Event> = events
            .iter()
            .filter(|event| !matches!(event.effect, Effect::Stream(_)))
            .map(|event| {
                let mut event = event.clone();
                event.tenant = TenantId::new("0e1e0000-0000-4000-8000-000000000000")
                    .expect("the text is an identifier");
                event
            })
            .collect();
        prop_assert_eq!(
            judge(&engine_with(&case, &foreign), &case, &lines),
            judge(&engine(&case), &case, &lines)
        );
    }

    /// §4.2: report-only policies are never enforced: all of them decide as none do.
    #[test]
    fn report_only_never_enforces(seed: u64) {
        let case = generate::case(seed);
        let (mut reported, mut none) = (case.clone(), case.clone());
        for policy in &mut reported.documents.policies {
            policy["state"] = json!("enabledForReportingButNotEnforced");
        }
        none.documents.policies.clear();
        let (events, lines) = (events(&case), lines(&case));
        prop_assert_eq!(
            judge(&engine_with(&reported, &events), &case, &lines),
            judge(&engine_with(&none, &events), &case, &lines)
        );
    }

    /// §4.5: strict is never weaker than standard.
    #[test]
    fn strict_is_never_weaker_than_standard(seed: u64) {
        let case = generate::case(seed);
        let mut strict = case.clone();
        strict.documents.policies.push(json!({
            "id": "57121c70-0000-4000-8000-000000000000", "displayName": "Strict",
            "state": "enabled",
            "conditions": {"users": {"includeUsers": ["All"]},
                "clientApplications": {"includeServicePrincipals": ["ServicePrincipalsInMyTenant"]},
                "applications": {"includeApplications": ["All"]}},
            "sessionControls": {"continuousAccessEvaluation": {"mode": "strictLocation"}},
        }));
        let (events, lines) = (events(&case), lines(&case));
        let standard = judge(&engine_with(&case, &events), &case, &lines);
        let strict = judge(&engine_with(&strict, &events), &strict, &lines);
        for (standard, strict) in standard.iter().zip(&strict) {
            prop_assert!(!is_refused(standard) || is_refused(strict), "{standard:?} {strict:?}");
        }
    }

    /// §5: declaring a capability never widens: what a capable client may do, so may an
    /// incapable one, and not for want of cover.
    #[test]
    fn a_capability_never_widens(seed: u64) {
        let case = generate::case(seed);
        let engine = engine_with(&case, &events(&case));
        let with = |capability: &[&str]| -> Vec<Value> {
            let mut lines = lines(&case);
            for line in &mut lines {
                line["token"]["xms_cc"] = json!(capability);
            }
            lines
        };
        let capable = judge(&engine, &case, &with(&["cp1"]));
        let incapable = judge(&engine, &case, &with(&[]));
        for (capable, incapable) in capable.iter().zip(&incapable) {
            if let (Some((capable, _)), Some((incapable, _))) = (capable, incapable)
                && capable.outcome() == Outcome::Allow
                && !capable.is_uncovered()
            {
                prop_assert_eq!(incapable.outcome(), Outcome::Allow);
                prop_assert!(!incapable.is_uncovered());
            }
        }
    }

    /// §2: an address decides the same in every form it is written in.
    #[test]
    fn a_mapped_address_is_the_address(seed: u64) {
        let case = generate::case(seed);
        let engine = engine_with(&case, &events(&case));
        let plain = lines(&case);
        let mapped: Vec<Value> = plain
            .iter()
            .map(|line| {
                let mut line = line.clone();
                if let Some(Ok(address)) =
                    line["ip"].as_str().map(str::parse::<std::net::Ipv4Addr>)
                {
                    line["ip"] = json!(address.to_ipv6_mapped().to_string());
                }
                line
            })
            .collect();
        prop_assert_eq!(judge(&engine, &case, &plain), judge(&engine, &case, &mapped));
    }

    /// §6: within one window no token is challenged more often than its budget says, and a token
    /// without a violation is never held back.
    #[test]
    fn challenges_come_to_an_end(seed: u64) {
        let mut case = generate::case(seed);
        case.engine.loop_budget.per_token = 2;
        let engine = engine_with(&case, &events(&case));
        let lines = lines(&case);
        let Some(Ok(read)) = lines.first().map(|line| RequestLine::read(line, &case.issuer)) else {
            return Ok(());
        };
        let token = engine.token(read.token.clone());
        let decisions: Vec<Decision> =
            (0..8).map(|_| engine.decide(&token, &read.request())).collect();
        let challenges = decisions
            .iter()
            .filter(|decision| decision.outcome() == Outcome::Challenge)
            .count();
        prop_assert!(challenges <= 2);
        for decision in &decisions {
            if decision.reasons().contains(Reason::ChallengeLoop) {
                prop_assert!(decision.reasons().iter().count() > 1);
                prop_assert_eq!(decision.status(), 403);
            }
        }
        // A refusal never wears out.
        let refused = |decision: &Decision| decision.outcome() != Outcome::Allow;
        prop_assert!(decisions.iter().all(refused) || !decisions.iter().any(refused));
    }
}
