//! What a policy asks of a request, seen where the quick paths of a decision leave things out.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use highwater::compile::Documents;
use highwater::decision::{Decision, Outcome, PolicyIndex};
use highwater::engine::Engine;
use highwater::event::{Event, RiskLevel};
use highwater::model::{
    ClientAppType, ClientAppTypes, CountryTable, DeviceAttributes, DeviceFilter, FilterMode,
    LocationReference, LocationScope, Platform, Platforms, RiskLevels, TenantModel,
};
use highwater::reason::{Reason, ReasonSet};
use highwater::request::Request;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::timestamp::Timestamp;
use highwater::token::{IssuerProfile, TokenFacts, VerifiedToken};
use serde_json::{Value, json};

const NOW: i64 = 1_763_760_000;
const LOCATION: &str = "10000000-0000-4000-8000-000000000001";

fn model(documents: &[Value]) -> TenantModel {
    let mut read = Documents::new();
    let text = Value::from(documents.to_vec()).to_string();
    read.add("tenant.json", text.as_bytes());
    let (model, report) = read.finish();
    assert!(report.is_ok(), "{report:?}");
    model
}

fn engine(model: &TenantModel) -> Engine {
    let engine = Engine::new(EngineSettings::default());
    engine
        .publish("t".parse().unwrap(), model, TenantSettings::default())
        .unwrap();
    engine
}

fn token(engine: &Engine) -> VerifiedToken {
    let claims = json!({"iss": "https://idp.example", "tid": "t", "oid": "ada", "sub": "s",
        "scp": "read", "aud": "api", "iat": NOW - 60, "exp": NOW + 3600});
    let profile = IssuerProfile::generic("https://idp.example");
    engine.token(TokenFacts::from_claims(claims.as_object().unwrap(), &profile).unwrap())
}

fn request<'a>(address: &str) -> Request<'a> {
    let address = Some(address.parse().unwrap());
    Request::new(Timestamp::from_seconds(NOW), address)
}

/// The location 192.0.2.0/24.
fn inside() -> Value {
    json!({
        "@odata.type": "#microsoft.graph.ipNamedLocation", "displayName": "Inside", "isTrusted": true,
        "id": LOCATION,
        "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "192.0.2.0/24"}],
    })
}

fn policy(conditions: Value) -> Value {
    json!({"id": "20000000-0000-4000-8000-000000000001", "displayName": "Policy",
        "state": "enabled", "conditions": conditions,
        "grantControls": {"operator": "OR", "builtInControls": ["block"]}})
}

/// A decision stops at the first condition that does not match; an explanation does not.
#[test]
fn an_explanation_names_the_conditions_behind_one_that_does_not_match() {
    let policy = policy(json!({
        "users": {"includeUsers": ["60000000-0000-4000-8000-000000000009"]},
        "applications": {"includeApplications": ["All"]}, "clientAppTypes": ["all"],
        "locations": {"includeLocations": [LOCATION]}, "userRiskLevels": ["high"],
    }));
    let engine = engine(&model(&[inside(), policy]));
    let explained = |address: &str| {
        let explanation = engine.explain(&token(&engine), &request(address));
        let policy = &explanation.policies[0];
        assert_eq!((policy.result, policy.note), ("notApplied", ""));
        (
            policy.conditions_satisfied.clone(),
            policy.conditions_not_satisfied.clone(),
        )
    };
    let (satisfied, not_satisfied) = explained("192.0.2.7");
    assert_eq!(
        satisfied,
        ["application", "ipAddressSeenByResourceProvider"]
    );
    assert_eq!(not_satisfied, ["users", "userRisk"]);
    let (satisfied, not_satisfied) = explained("198.51.100.7");
    assert_eq!(satisfied, ["application"]);
    assert_eq!(
        not_satisfied,
        ["users", "ipAddressSeenByResourceProvider", "userRisk"]
    );
}

/// The country that the host names goes before the one in which the address is registered, also
/// where the address alone would rule the policy out.
#[test]
fn a_country_that_the_host_names_goes_before_the_address() {
    let location = json!({
        "@odata.type": "#microsoft.graph.countryNamedLocation", "displayName": "Abroad",
        "id": LOCATION, "countriesAndRegions": ["FR"],
        "includeUnknownCountriesAndRegions": false,
    });
    let policy = policy(json!({
        "users": {"includeUsers": ["All"]},
        "applications": {"includeApplications": ["All"]}, "clientAppTypes": ["all"],
        "locations": {"includeLocations": [LOCATION]},
    }));
    let mut model = model(&[location, policy]);
    model.countries = Some(CountryTable {
        prefixes: vec![
            ("192.0.2.0/24".parse().unwrap(), *b"DE"),
            ("198.51.100.0/24".parse().unwrap(), *b"FR"),
        ],
    });
    let engine = engine(&model);
    let token = token(&engine);
    for (address, named, status) in [
        ("192.0.2.7", None, 200),
        ("192.0.2.7", Some(*b"FR"), 403),
        ("192.0.2.7", Some(*b"DE"), 200),
        ("198.51.100.7", None, 403),
        ("198.51.100.7", Some(*b"DE"), 200),
        ("198.51.100.7", Some(*b"FR"), 403),
    ] {
        let mut request = request(address);
        request.signals.country = named;
        let decision = engine.decide(&token, &request);
        let refused = decision.status() != 200;
        assert_eq!(refused, status != 200, "{address} {named:?}: {decision:?}");
        let explained = engine.explain(&token, &request).decision;
        assert_eq!(explained.outcome(), decision.outcome(), "{address}");
    }
}

/// A model made by hand may refer to a location that it does not have: one more that nobody knows
/// anything of, which may be anywhere where it is included and is nowhere where it is excluded.
#[test]
fn a_location_that_a_model_does_not_have_is_unknown_where_it_is_included() {
    let mut model = model(&[policy(json!({
        "users": {"includeUsers": ["All"]},
        "applications": {"includeApplications": ["All"]}, "clientAppTypes": ["all"],
        "locations": {"includeLocations": ["All"]},
    }))]);
    for absent in [
        LocationReference::Named(7),
        LocationReference::Dangling("elsewhere".to_owned()),
    ] {
        for (include, exclude, is_known) in [
            (absent.clone(), vec![], false),
            (LocationReference::All, vec![absent], true),
        ] {
            model.policies[0].conditions.locations = Some(LocationScope {
                include: vec![include],
                exclude,
            });
            let engine = engine(&model);
            let explanation = engine.explain(&token(&engine), &request("192.0.2.7"));
            let policy = &explanation.policies[0];
            let location = "ipAddressSeenByResourceProvider".to_owned();
            let answers = [&policy.conditions_satisfied, &policy.conditions_unknown];
            assert_eq!(
                answers.map(|names| names.contains(&location)),
                [is_known, !is_known],
                "{policy:?}"
            );
        }
    }
}

/// Of six violated policies four are named and all are counted, also as plain values.
#[test]
fn a_decision_counts_what_it_does_not_name() {
    let mut documents = vec![inside()];
    let policies = (0..6).map(|number| {
        let mut policy = policy(json!({
            "users": {"includeUsers": ["All"]},
            "applications": {"includeApplications": ["All"]}, "clientAppTypes": ["all"],
            "locations": {"includeLocations": ["All"], "excludeLocations": [LOCATION]},
        }));
        policy["id"] = format!("20000000-0000-4000-8000-00000000000{number}").into();
        policy
    });
    documents.extend(policies);
    let engine = engine(&model(&documents));
    let decision = engine.decide(&token(&engine), &request("198.51.100.7"));
    assert_eq!(decision.policy_count(), 6);
    // Found six times and there once.
    assert_eq!(format!("{:?}", decision.reasons()), "{LocationBlocked}");
    let twice = ReasonSet::EMPTY
        .with(Reason::SignInTooOld)
        .with(Reason::SignInTooOld);
    assert!(twice.contains(Reason::SignInTooOld));
    let named: Vec<u32> = decision.policies().map(PolicyIndex::to_u32).collect();
    assert_eq!(named, [0, 1, 2, 3]);
    assert_eq!(Decision::from_parts(decision.parts()), decision);
    assert_ne!(decision, Decision::ALLOWED);
    let words = [Outcome::Allow, Outcome::Challenge, Outcome::Deny].map(|word| word.to_string());
    assert_eq!(words, ["allow", "challenge", "deny"]);
}

/// What was published is what a snapshot says of itself.
#[test]
fn a_snapshot_keeps_the_settings_of_its_tenant() {
    let settings = TenantSettings {
        answered_challenge: false,
        ..TenantSettings::default()
    };
    let engine = Engine::new(EngineSettings::default());
    let tenant = "t".parse().unwrap();
    engine
        .publish("t".parse().unwrap(), &TenantModel::default(), settings)
        .unwrap();
    let snapshot = engine.snapshot(&tenant).unwrap();
    assert!(!snapshot.settings().answered_challenge);
}

/// More policies than one word has bits: each concerns one user at one network, and what is found
/// by their bits is what is found by asking every one of them. One user has none in the first words.
#[test]
fn every_policy_of_many_is_found() {
    const COUNT: usize = 150;
    let location = |number: usize| format!("10000000-0000-4000-8000-{number:012}");
    let holder = |number: usize| if number < 140 { number % 5 } else { 5 };
    let user = |number: usize| format!("60000000-0000-4000-8000-{number:012}");
    let mut documents = Vec::new();
    for number in 0..COUNT {
        documents.push(json!({
            "@odata.type": "#microsoft.graph.ipNamedLocation", "displayName": "L",
            "isTrusted": false, "id": location(number),
            "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange",
                "cidrAddress": format!("10.0.{number}.0/24")}],
        }));
        let mut policy = policy(json!({
            "users": {"includeUsers": [user(holder(number))]},
            "applications": {"includeApplications": ["All"]}, "clientAppTypes": ["all"],
            "locations": {"includeLocations": [location(number)]},
        }));
        policy["id"] = format!("20000000-0000-4000-8000-{number:012}").into();
        documents.push(policy);
    }
    let engine = engine(&model(&documents));
    let snapshot = engine.snapshot(&"t".parse().unwrap()).unwrap();
    assert_eq!(snapshot.policies().len(), COUNT);
    assert!(!snapshot.policies().is_empty());
    let decided = |holder: usize, address: &str| {
        let claims = json!({"iss": "https://idp.example", "tid": "t", "oid": user(holder),
            "sub": "s", "scp": "read", "aud": "api", "iat": NOW - 60, "exp": NOW + 3600});
        let profile = IssuerProfile::generic("https://idp.example");
        let facts = TokenFacts::from_claims(claims.as_object().unwrap(), &profile).unwrap();
        let token = engine.token(facts);
        let mut request = request(address);
        let explained = engine.explain(&token, &request).decision;
        let decision = engine.decide(&token, &request);
        assert_eq!(explained.reasons(), decision.reasons());
        // A batch, and a request that the quick look leaves alone.
        let mut batch = [Decision::UNDECIDED; 2];
        engine.decide_batch(
            &[(&token, request.clone()), (&token, request.clone())],
            &mut batch,
        );
        assert_eq!(batch[1].reasons(), decision.reasons());
        let other = "other".parse().unwrap();
        request.resource = Some(&other);
        let unusual = engine.decide(&token, &request);
        assert_eq!(unusual.reasons(), decision.reasons());
        decision
            .policies()
            .map(PolicyIndex::index)
            .collect::<Vec<_>>()
    };
    for number in 0..COUNT {
        let address = format!("10.0.{number}.7");
        assert_eq!(decided(holder(number), &address), [number], "{number}");
        assert!(
            decided((holder(number) + 1) % 6, &address).is_empty(),
            "{number}"
        );
    }
    assert!(decided(0, "192.0.2.7").is_empty());
}

/// What is enforced here: policies in force of which something can be judged here.
#[test]
fn a_policy_is_enforced_here_if_it_is_enabled_and_judged_here() {
    let with = |state: &str, locations: Value| {
        let mut policy = policy(json!({
            "users": {"includeUsers": ["All"]}, "clientAppTypes": ["all"],
            "applications": {"includeApplications": ["All"]}, "locations": locations,
        }));
        policy["state"] = state.into();
        let engine = engine(&model(&[inside(), policy]));
        let snapshot = engine.snapshot(&"t".parse().unwrap()).unwrap();
        let (_, policy) = snapshot.policies().iter().next().unwrap();
        policy.is_enforced_here()
    };
    let judged = || json!({"includeLocations": ["All"], "excludeLocations": [LOCATION]});
    assert!(with("enabled", judged()));
    assert!(!with("enabledForReportingButNotEnforced", judged()));
    assert!(!with("enabled", json!({"includeLocations": ["All"]})));
    assert!(!with("disabled", Value::Null));
    let engine = engine(&TenantModel::default());
    let snapshot = engine.snapshot(&"t".parse().unwrap()).unwrap();
    assert!(snapshot.policies().is_empty());
}

/// Why a policy that matches has nothing to say.
#[test]
fn an_explanation_notes_what_a_token_shows() {
    let mut policy = policy(json!({
        "users": {"includeUsers": ["All"]}, "clientAppTypes": ["all"],
        "applications": {"includeApplications": ["All"]},
        "locations": {"includeLocations": ["All"], "excludeLocations": [LOCATION]},
    }));
    policy["grantControls"]["builtInControls"] = json!(["mfa"]);
    let engine = engine(&model(&[inside(), policy]));
    let claims = json!({"iss": "https://idp.example", "tid": "t", "oid": "ada", "sub": "s",
        "scp": "read", "aud": "api", "iat": NOW - 60, "exp": NOW + 3600, "amr": ["mfa"]});
    let profile = IssuerProfile::generic("https://idp.example");
    let facts = TokenFacts::from_claims(claims.as_object().unwrap(), &profile).unwrap();
    let explanation = engine.explain(&engine.token(facts), &request("198.51.100.7"));
    let policy = &explanation.policies[0];
    assert_eq!(policy.result, "success");
    assert_eq!(
        policy.note,
        "the token shows that the controls are satisfied"
    );
}

/// Where the address was found, and what is known of the token: for people who ask why.
#[test]
fn an_explanation_names_locations_and_marks() {
    let engine = engine(&model(&[inside()]));
    for (subject, effect) in [
        (json!({}), "revoke"),
        (json!({"user": "ada"}), "revoke"),
        (json!({"user": "ada", "app": "app"}), "revoke"),
    ] {
        let event = json!({"time": NOW - 3600, "tenant": "t", "subject": subject,
            "effect": effect, "source": "idp", "id": "e-1", "reason": {"en": "left"}});
        engine.apply(&Event::from_json(&event.to_string()).unwrap());
    }
    let claims = json!({"iss": "https://idp.example", "tid": "t", "oid": "ada", "sub": "s",
        "azp": "app", "scp": "read", "aud": "api", "iat": NOW - 60,
        "exp": NOW + 3600});
    let profile = IssuerProfile::generic("https://idp.example");
    let facts = TokenFacts::from_claims(claims.as_object().unwrap(), &profile).unwrap();
    let token = engine.token(facts);
    let explanation = engine.decide_and_explain(&token, &request("192.0.2.7"));
    let [location] = &explanation.locations[..] else {
        panic!("{explanation:?}")
    };
    assert_eq!(
        (&*location.id, &*location.display_name),
        (LOCATION, "Inside")
    );
    assert_eq!(location.prefix.as_deref(), Some("192.0.2.0/24"));
    assert_eq!(explanation.address.observed, request("192.0.2.7").address);
    assert!(
        engine
            .explain(&token, &request("192.0.3.7"))
            .locations
            .is_empty()
    );
    let dimensions = explanation.marks.iter().map(|mark| &*mark.dimension);
    let mut dimensions: Vec<&str> = dimensions.collect();
    dimensions.sort_unstable();
    assert_eq!(dimensions, ["tenant", "user", "user+app"]);
    for mark in &explanation.marks {
        assert_eq!(mark.since.seconds(), NOW - 3600);
        assert_eq!((&*mark.source, mark.event.as_deref()), ("idp", Some("e-1")));
        assert_eq!(mark.reason, Some(json!({"en": "left"})));
    }
}

/// Conditions that only the issuer can judge go by the names that the document gives them.
#[test]
fn an_explanation_names_what_only_the_issuer_knows() {
    let policy = policy(json!({
        "users": {"includeUsers": ["All"]}, "clientAppTypes": ["all"],
        "applications": {"includeApplications": ["All"]}, "signInRiskLevels": ["high"],
    }));
    let engine = engine(&model(&[policy]));
    let explanation = engine.explain(&token(&engine), &request("192.0.2.7"));
    let policy = &explanation.policies[0];
    assert_eq!(policy.conditions_unknown, ["signInRiskLevels"]);
    assert_eq!(policy.result, "unknown");
    assert_eq!(
        policy.note,
        "only the issuer can tell whether the policy applies"
    );
}

/// Sets of kinds hold what was put in, and nothing beside it.
#[test]
fn sets_of_kinds_hold_what_was_put_in() {
    let types = [
        ClientAppType::Browser,
        ClientAppType::MobileAppsAndDesktopClients,
        ClientAppType::ExchangeActiveSync,
        ClientAppType::EasSupported,
        ClientAppType::Other,
    ];
    let platforms = [
        Platform::Android,
        Platform::Ios,
        Platform::Windows,
        Platform::WindowsPhone,
        Platform::MacOs,
        Platform::Linux,
        Platform::Other,
    ];
    for one in types {
        let set = ClientAppTypes::default().with(one);
        assert!(!set.is_empty());
        for other in types {
            assert_eq!(set.contains(other), one == other);
            assert_eq!(set.with(one).contains(other), one == other);
        }
    }
    assert!(ClientAppTypes::default().is_empty() && Platforms::default().is_empty());
    for one in RiskLevel::ALL {
        let set = RiskLevels::default().with(one);
        assert!(!set.is_empty());
        for other in RiskLevel::ALL {
            assert_eq!(set.contains(other), one == other);
            assert_eq!(set.with(one).contains(other), one == other);
        }
    }
    for one in platforms {
        let set = Platforms::default().with(one);
        assert!(!set.is_empty());
        for other in platforms {
            assert_eq!(set.contains(other), one == other);
            assert_eq!(set.with(one).contains(other), one == other);
        }
    }
}

/// Every operator of device rules, where it holds and where it does not.
#[test]
fn every_operator_of_device_rules_can_fail() {
    let device = DeviceAttributes::from([("displayName".to_owned(), "Kiosk-7".to_owned())]);
    for (comparison, expected) in [
        ("-eq \"kiosk-7\"", true),
        ("-eq \"kiosk\"", false),
        ("-ne \"kiosk\"", true),
        ("-ne \"KIOSK-7\"", false),
        ("-startsWith \"KIOSK\"", true),
        ("-startsWith \"iosk\"", false),
        ("-startsWith \"kiosk-77\"", false),
        ("-notStartsWith \"iosk\"", true),
        ("-notStartsWith \"kiosk\"", false),
        ("-endsWith \"SK-7\"", true),
        ("-endsWith \"sk-\"", false),
        ("-endsWith \"xkiosk-7\"", false),
        ("-notEndsWith \"sk-\"", true),
        ("-notEndsWith \"-7\"", false),
        ("-contains \"SK-\"", true),
        ("-contains \"sx\"", false),
        ("-contains \"kiosk-77\"", false),
        ("-notContains \"sx\"", true),
        ("-notContains \"osk\"", false),
        ("-in [\"a\", \"kiosk-7\"]", true),
        ("-in [\"a\", \"b\"]", false),
        ("-notIn [\"a\", \"b\"]", true),
        ("-notIn [\"a\", \"kiosk-7\"]", false),
    ] {
        let rule = format!("device.displayName {comparison}");
        for (mode, expected) in [
            (FilterMode::Include, expected),
            (FilterMode::Exclude, !expected),
        ] {
            let filter = DeviceFilter::new(mode, &rule).unwrap();
            assert_eq!(filter.matches(&device), Some(expected), "{rule} {mode:?}");
        }
    }
}

/// A rule may be as long as it likes, and as deep as it says.
#[test]
fn a_device_rule_is_bounded_in_depth_and_not_in_length() {
    const DEEPEST: usize = 64;
    let part = "device.isCompliant -eq True";
    let read = |rule: &str| DeviceFilter::new(FilterMode::Include, rule);
    let long = vec![part; 10 * DEEPEST].join(" -and ");
    assert!(read(&long).is_ok());
    let deep = |levels: usize| format!("{}{part}{}", "(".repeat(levels), ")".repeat(levels));
    assert!(read(&deep(DEEPEST - 1)).is_ok());
    assert!(read(&deep(DEEPEST)).is_err());
    let negated = |levels: usize| format!("{}{part}", "-not ".repeat(levels));
    assert!(read(&negated(DEEPEST - 1)).is_ok());
    assert!(read(&negated(DEEPEST)).is_err());
}
