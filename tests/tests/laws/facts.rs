//! §1: registers are joins, and what follows for decisions.

use super::*;

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
        forgetting_changes_nothing(seed, later)?;
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

    /// §1, time: what the clock says changes no verdict of a mark. Within the lifetime of a
    /// token, the marks against it are the same at every instant, earlier or later.
    #[test]
    fn the_clock_changes_no_mark(seed: u64, step in -7200_i64..7200) {
        let case = generate::case(seed);
        let engine = engine_with(&case, &events(&case));
        let lines = lines(&case);
        let moved: Vec<Value> = lines
            .iter()
            .map(|line| {
                let mut line = line.clone();
                line["now"] = json!(line["now"].as_f64().unwrap_or(0.0) + step as f64);
                line
            })
            .collect();
        for (at, then) in judge(&engine, &case, &lines).iter().zip(&judge(&engine, &case, &moved)) {
            if let (Some(at), Some(then)) = (marks_of(at), marks_of(then)) {
                prop_assert_eq!(at, then);
            }
        }
    }

    /// §5, degraded: a stream that is paused or disabled is told by every decision that comes
    /// after, and by none before.
    #[test]
    fn a_broken_stream_is_told_by_every_decision(seed: u64) {
        let case = generate::case(seed);
        let events: Vec<Event> = events(&case)
            .into_iter()
            .filter(|event| !matches!(event.effect, Effect::Stream(_)))
            .collect();
        let lines = lines(&case);
        let engine = engine_with(&case, &events);
        for (decision, _) in judge(&engine, &case, &lines).iter().flatten() {
            prop_assert!(!decision.is_degraded());
        }
        engine.apply(&Event::from_value(&json!({
            "time": 5, "tenant": TENANT, "subject": {}, "effect": {"stream": "paused"}, "source": "law",
        })).expect("a state of a stream is an event"));
        for (decision, _) in judge(&engine, &case, &lines).iter().flatten() {
            prop_assert!(decision.is_degraded());
        }
    }
}

/// A token denied before it was issued: the denial is forgotten first, which the law excludes.
#[test]
fn a_denial_older_than_its_token_is_outside_the_law_of_retention() {
    forgetting_changes_nothing(2_775_627_729_952_903_199, 3661).expect("the law holds");
}

fn forgetting_changes_nothing(seed: u64, later: i64) -> Result<(), TestCaseError> {
    const LIFETIME: i64 = 3901;
    const MARGIN: i64 = 60;
    let mut case = generate::case(seed);
    case.engine = EngineSettings {
        longest_token_lifetime: LIFETIME,
        retention_margin: MARGIN,
        ..case.engine
    };
    case.issuer.anchor = highwater::token::Anchor::IssuedAt;
    let now = names::ORIGIN + later;
    let events = events(&case);
    // A token is denied after its issue, give or take the clocks.
    let denied_before_issue = |token: &Value| {
        let issued = Timestamp::from_seconds(token["iat"].as_i64().unwrap_or(0));
        let identifier = token["uti"].as_str().or_else(|| token["jti"].as_str());
        events.iter().any(|event| {
            event.effect == Effect::Deny
                && event.time.plus_seconds(MARGIN) < issued
                && event
                    .subject
                    .member(Dimension::Token)
                    .map(Identifier::as_str)
                    == identifier
                && identifier.is_some()
        })
    };
    let lines: Vec<Value> = lines(&case)
        .into_iter()
        .filter(|line| {
            let claim = |name: &str| line["token"][name].as_i64().unwrap_or(0);
            claim("exp") - claim("iat") <= LIFETIME && !denied_before_issue(&line["token"])
        })
        .map(|mut line| {
            line["now"] = json!(now);
            line
        })
        .collect();
    let engine = engine_with(&case, &events);
    let before = judge(&engine, &case, &lines);
    engine.forget_expired(Timestamp::from_seconds(now));
    prop_assert_eq!(judge(&engine, &case, &lines), before);
    Ok(())
}
