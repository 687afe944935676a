//! §4: what policies may and may not bring about.

use super::*;

proptest! {
    #![proptest_config(laws())]

    /// §4.1: exclusion beats inclusion, so another exclusion never adds a violation. (Locations
    /// only for blocks that exclude one already: a demand also asks where the issuer saw the client,
    /// and a block of all places without exception is the issuer's. A block that cannot be judged
    /// here asks where the issuer saw the client as well: another location may leave open whether
    /// it was enforced there, and what is open is `conditions_unknown`. Policies that switch checks
    /// off are left alone: excluding someone there switches checks on.)
    #[test]
    fn an_exclusion_never_adds_a_violation(seed: u64) {
        let case = generate::case(seed);
        let random = &mut Random::new(seed);
        let mut excluding = case.clone();
        let mut of_locations = Vec::new();
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
            if scope == "locations" {
                of_locations.push(policy["id"].clone());
            }
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
        let before = explain(&engine_with(&case, &events), &case, &lines);
        let after = explain(&engine_with(&excluding, &events), &excluding, &lines);
        for (before, after) in before.iter().flatten().zip(after.iter().flatten()) {
            for (before, after) in before.policies.iter().zip(&after.policies) {
                let is_left_open = before.result == "unknown"
                    && after.reasons == ["conditions_unknown"]
                    && of_locations.contains(&json!(after.id));
                prop_assert!(
                    after.result != "failure" || before.result == "failure" || is_left_open,
                    "{before:?} {after:?}"
                );
            }
        }
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

    /// §4: neither the order of policies nor their number matters: each may be there again under
    /// another id. (Where tokens list policy ids, an id is more than a name.)
    #[test]
    fn order_and_repetition_of_policies_do_not_matter(seed: u64) {
        let mut case = generate::case(seed);
        case.issuer.claims.policy_ids = None;
        let random = &mut Random::new(seed);
        let mut other = case.clone();
        let policies = &mut other.documents.policies;
        for index in 0..policies.len() {
            let mut again = policies[index].clone();
            again["id"] = json!(format!("d0b1e000-0000-4000-8000-{index:012}"));
            policies.push(again);
        }
        for index in (1..policies.len()).rev() {
            policies.swap(index, random.below(index + 1));
        }
        let (events, lines) = (events(&case), lines(&case));
        let names = |judged: &Option<Judged>| judged.as_ref().map(|(decision, violated)| {
            let mut violated = violated.clone();
            violated.sort();
            violated.dedup();
            (decision.status(), decision.reasons(), decision.is_uncovered(), violated)
        });
        let before = judge(&engine_with(&case, &events), &case, &lines);
        let after = judge(&engine_with(&other, &events), &other, &lines);
        for (before, after) in before.iter().zip(&after) {
            prop_assert_eq!(names(before), names(after));
        }
    }

    /// §4.4, monotonicity: another policy never turns a refusal into an allowance, whatever it
    /// says, unless it switches location checks off.
    #[test]
    fn another_policy_never_allows(seed: u64, other: u64) {
        let case = generate::case(seed);
        let mut more = case.clone();
        for (index, mut policy) in generate::case(other).documents.policies.into_iter().enumerate() {
            if policy["sessionControls"]["continuousAccessEvaluation"]["mode"] != "disabled" {
                policy["id"] = json!(format!("ad0e0000-0000-4000-8000-{index:012}"));
                more.documents.policies.push(policy);
            }
        }
        let (events, lines) = (events(&case), lines(&case));
        let before = judge(&engine_with(&case, &events), &case, &lines);
        let after = judge(&engine_with(&more, &events), &more, &lines);
        for (before, after) in before.iter().zip(&after) {
            prop_assert!(!is_refused(before) || is_refused(after), "{before:?} {after:?}");
        }
    }

    /// §4.1: what no document defines excludes nobody and no place: in exclude lists that are
    /// not empty, another such entry changes nothing. (An empty list is left alone: an exclusion,
    /// even of nothing, makes a condition one that is judged here.)
    #[test]
    fn what_is_not_defined_excludes_nothing(seed: u64) {
        let case = generate::case(seed);
        let mut more = case.clone();
        for policy in &mut more.documents.policies {
            for (scope, list, entry) in [
                ("locations", "excludeLocations", "0ddba110-0000-4000-8000-000000000000"),
                ("users", "excludeUsers", "<nobody>"),
            ] {
                let entries = &mut policy["conditions"][scope][list];
                if let Some(entries) = entries.as_array_mut().filter(|entries| !entries.is_empty()) {
                    entries.push(json!(entry));
                }
            }
        }
        // Indexing made members that were not there.
        for policy in &mut more.documents.policies {
            for scope in ["locations", "users"] {
                let list = if scope == "users" { "excludeUsers" } else { "excludeLocations" };
                let condition = &mut policy["conditions"][scope];
                if condition[list].is_null() {
                    condition.as_object_mut().map(|members| members.remove(list));
                }
                if condition.as_object().is_none_or(|members| members.is_empty()) {
                    policy["conditions"].as_object_mut().map(|members| members.remove(scope));
                }
            }
        }
        let (events, lines) = (events(&case), lines(&case));
        prop_assert_eq!(
            judge(&engine_with(&case, &events), &case, &lines),
            judge(&engine_with(&more, &events), &more, &lines)
        );
    }

    /// §4.2: a disabled policy is as good as none.
    #[test]
    fn disabled_policies_change_nothing(seed: u64) {
        let case = generate::case(seed);
        let (mut disabled, mut none) = (case.clone(), case.clone());
        for policy in &mut disabled.documents.policies {
            policy["state"] = json!("disabled");
        }
        none.documents.policies.clear();
        let (events, lines) = (events(&case), lines(&case));
        prop_assert_eq!(
            judge(&engine_with(&disabled, &events), &case, &lines),
            judge(&engine_with(&none, &events), &case, &lines)
        );
    }

    /// §4.5: where location checks are switched off, and where the issuer has judged the address,
    /// the marks stay on.
    #[test]
    fn marks_stay_on_where_locations_are_held(seed: u64) {
        let case = generate::case(seed);
        let mut off = case.clone();
        off.documents.policies.push(json!({
            "id": "0ff00000-0000-4000-8000-000000000000", "displayName": "Off", "state": "enabled",
            "conditions": {"users": {"includeUsers": ["All"]},
                "applications": {"includeApplications": ["All"]}},
            "sessionControls": {"continuousAccessEvaluation": {"mode": "disabled"}},
        }));
        let (events, lines) = (events(&case), lines(&case));
        let exempt: Vec<Value> = lines
            .iter()
            .map(|line| {
                let mut line = line.clone();
                if line["ip"].is_string() {
                    line["token"]["xms_rp_ipaddr"] = line["ip"].clone();
                }
                line
            })
            .collect();
        let plain = judge(&engine_with(&case, &events), &case, &lines);
        let exempt = judge(&engine_with(&case, &events), &case, &exempt);
        let off = judge(&engine_with(&off, &events), &off, &lines);
        for ((plain, off), exempt) in plain.iter().zip(&off).zip(&exempt) {
            prop_assert_eq!(marks_of(plain), marks_of(off));
            prop_assert_eq!(marks_of(plain), marks_of(exempt));
        }
    }
}
