//! §2, §3 and §5 to §7: from violations to the answer.

use super::*;

proptest! {
    #![proptest_config(laws())]

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

    /// §3.1: outside of its window a token is refused for that alone, whatever else is known.
    #[test]
    fn outside_its_window_nothing_else_is_looked_at(seed: u64) {
        let case = generate::case(seed);
        let with = judge(&engine_with(&case, &events(&case)), &case, &lines(&case));
        let without = judge(&engine(&case), &case, &lines(&case));
        for (with, without) in with.iter().flatten().zip(without.iter().flatten()) {
            let outside = [Reason::TokenExpired, Reason::TokenNotYetValid]
                .into_iter()
                .any(|reason| with.0.reasons().contains(reason));
            if outside {
                prop_assert_eq!(with.0.reasons().iter().count(), 1);
                prop_assert_eq!(with.0.reasons(), without.0.reasons());
                prop_assert_eq!(with.0.status(), 401);
            }
        }
    }

    /// §2, no leak: what is published for other tenants changes nothing here, and a tenant that
    /// is removed leaves nothing behind.
    #[test]
    fn other_tenants_documents_change_nothing(seed: u64, other: u64) {
        let case = generate::case(seed);
        let events = events(&case);
        let (alone, beside) = (engine_with(&case, &events), engine_with(&case, &events));
        let neighbour: TenantId = "0e1e0000-0000-4000-8000-000000000001".parse().expect("an id");
        let foreign = generate::case(other);
        beside
            .publish(neighbour.clone(), &surface::model(&foreign), foreign.tenant.clone())
            .expect("a case fits a snapshot");
        let lines = lines(&case);
        let expected = judge(&alone, &case, &lines);
        prop_assert_eq!(&judge(&beside, &case, &lines), &expected);
        prop_assert!(beside.remove(&neighbour));
        prop_assert_eq!(&judge(&beside, &case, &lines), &expected);
    }

    /// §2, no leak: a token that was vouched for in another engine is never allowed here.
    #[test]
    fn a_token_of_another_engine_is_never_allowed(seed: u64) {
        let case = generate::case(seed);
        let (ours, theirs) = (engine_with(&case, &events(&case)), engine(&case));
        // One register that is about nobody in particular, so that marks are looked at at all.
        ours.apply(&Event::from_value(&json!({
            "time": 5, "tenant": TENANT, "subject": {"user": "nobody"}, "effect": "block", "source": "law",
        })).expect("a block is an event"));
        for line in lines(&case) {
            let Ok(read) = RequestLine::read(&line, &case.issuer) else { continue };
            let token = theirs.token(read.token.clone());
            prop_assert_ne!(ours.decide(&token, &read.request()).outcome(), Outcome::Allow);
        }
    }

    /// §5, fail closed: where what is unknown is denied, nothing is allowed with a reason against
    /// it, and nothing is allowed that was refused before.
    #[test]
    fn denying_what_is_unknown_leaves_nothing_uncovered(seed: u64) {
        let with = |setting| {
            let mut case = generate::case(seed);
            case.tenant.unknown_without_capability = setting;
            judge(&engine_with(&case, &events(&case)), &case, &lines(&case))
        };
        let allowing = with(UnknownWithoutCapability::Allow);
        let denying = with(UnknownWithoutCapability::Deny);
        for (allowing, denying) in allowing.iter().zip(&denying) {
            if let Some((decision, violated)) = denying {
                let allowed = decision.outcome() == Outcome::Allow;
                prop_assert_eq!(allowed, decision.reasons().is_empty());
                prop_assert!(!decision.is_uncovered());
                prop_assert!(!allowed || violated.is_empty());
            }
            // Nothing passes in silence under the other setting either.
            if let Some((decision, _)) = allowing {
                let allowed = decision.outcome() == Outcome::Allow;
                prop_assert_eq!(decision.is_uncovered(), allowed && !decision.reasons().is_empty());
            }
            prop_assert!(!is_refused(allowing) || is_refused(denying), "{allowing:?} {denying:?}");
        }
    }

    /// §6: whatever is forgotten of challenges leads to one more challenge, never to an Allow of
    /// what would have been refused.
    #[test]
    fn forgotten_challenges_never_allow(seed: u64) {
        let case = generate::case(seed);
        let events = events(&case);
        let (remembering, forgetful) = (engine_with(&case, &events), engine_with(&case, &events));
        let lines = lines(&case);
        let fresh = judge(&forgetful, &case, &lines);
        for (line, fresh) in lines.iter().zip(&fresh) {
            let Ok(read) = RequestLine::read(line, &case.issuer) else { continue };
            let token = remembering.token(read.token.clone());
            let decision = remembering.decide(&token, &read.request());
            prop_assert!(decision.outcome() == Outcome::Allow || is_refused(fresh), "{fresh:?}");
        }
    }

    /// §6: within one window a subject at one address is challenged with no more different tokens
    /// than its budget says.
    #[test]
    fn different_tokens_share_a_budget(seed: u64, budget in 1_u32..5) {
        let mut case = generate::case(seed);
        case.engine.loop_budget.per_token = 30;
        case.engine.loop_budget.per_subject = budget;
        let engine = engine_with(&case, &events(&case));
        let Some(line) = lines(&case).into_iter().next() else { return Ok(()) };
        let mut challenged = 0;
        for number in 0..8 {
            let mut line = line.clone();
            line["token"]["uti"] = json!(format!("one-of-many-{number}"));
            let Ok(read) = RequestLine::read(&line, &case.issuer) else { return Ok(()) };
            let decision = engine.decide(&engine.token(read.token.clone()), &read.request());
            challenged += u32::from(decision.outcome() == Outcome::Challenge);
        }
        prop_assert!(challenged <= budget);
    }

    /// §7: a token of the instant that a challenge asks for is past every watermark against the
    /// one that was challenged: the client is never sent round in circles.
    #[test]
    fn a_token_of_the_asked_time_is_past_every_watermark(seed: u64) {
        let mut case = generate::case(seed);
        case.issuer.anchor = highwater::token::Anchor::IssuedAt;
        let engine = engine_with(&case, &events(&case));
        for line in lines(&case) {
            let Ok(read) = RequestLine::read(&line, &case.issuer) else { continue };
            let decision = engine.explain(&engine.token(read.token.clone()), &read.request()).decision;
            // A token from the future is newer than what its challenge asks for.
            if decision.outcome() != Outcome::Challenge || read.token.issued_at > read.request().now {
                continue;
            }
            let asked = decision.challenge_not_before();
            let mut newer = line.clone();
            newer["token"]["iat"] = json!(asked);
            newer["token"]["exp"] = json!(asked + 3600);
            newer["now"] = json!(asked + 1);
            let Ok(read) = RequestLine::read(&newer, &case.issuer) else { continue };
            let again = engine.explain(&engine.token(read.token.clone()), &read.request()).decision;
            for reason in [Reason::TokenRevoked, Reason::TokenStale] {
                prop_assert!(!again.reasons().contains(reason), "{decision:?} {again:?}");
            }
        }
    }
}
