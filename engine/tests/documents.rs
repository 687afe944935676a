//! What each rule of `docs/documents.md` makes of a document: by the model, by the report.

#![allow(clippy::unwrap_used)] // a test may panic in its helpers too

use highwater::compile::{Documents, Report, WarningCode};
use highwater::event::RiskLevel;
use highwater::model::{
    ContinuousAccessEvaluation, Control, ExternalTenants, GrantOperator, GuestTypes,
    LocationReference, NamedLocationKind, Platforms, Policy, PolicyState, SignInFrequency,
    TenantModel, WorkloadScope,
};
use serde_json::{Value, json};

const ADA: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const GROUP: &str = "bbbbbbbb-0000-4000-8000-000000000001";
const OFFICE: &str = "cccccccc-0000-4000-8000-000000000001";

/// Compiles one document.
fn read(document: &Value) -> (TenantModel, Report) {
    let mut documents = Documents::new();
    documents.add("file.json", document.to_string().as_bytes());
    documents.finish()
}

/// A policy with these conditions that compiles, and the codes of its warnings.
#[track_caller]
fn with_conditions(conditions: Value) -> (Policy, Vec<WarningCode>) {
    with(json!({"conditions": conditions}))
}

/// A policy that blocks, with these members instead, and the codes of its warnings.
#[track_caller]
fn with(members: Value) -> (Policy, Vec<WarningCode>) {
    let (mut model, report) = read(&policy(members));
    assert_eq!(report.refused, []);
    let codes = report.warnings.iter().map(|warning| warning.code).collect();
    (model.policies.remove(0), codes)
}

fn policy(members: Value) -> Value {
    let mut policy = json!({
        "id": "dddddddd-0000-4000-8000-000000000001",
        "displayName": "Test",
        "state": "enabled",
        "conditions": {
            "users": {"includeUsers": ["All"]},
            "applications": {"includeApplications": ["All"]},
        },
        "grantControls": {"operator": "OR", "builtInControls": ["block"]},
    });
    for (name, value) in members.as_object().unwrap() {
        policy[name] = value.clone();
    }
    policy
}

#[track_caller]
fn refused(document: &Value, path: &str, reason: &str) {
    let (model, report) = read(document);
    assert!(!report.is_ok());
    let refusal = &report.refused[0];
    assert_eq!(refusal.path, path, "{refusal:?}");
    assert!(refusal.reason.contains(reason), "{refusal:?}");
    assert!(!refusal.remedy.is_empty());
    assert_eq!(model.policies.len() + model.locations.len(), 0);
}

#[test]
fn state_is_stated_or_the_policy_is_refused() {
    for (text, state) in [
        ("enabled", PolicyState::Enabled),
        ("Disabled", PolicyState::Disabled),
        ("enabledForReportingButNotEnforced", PolicyState::ReportOnly),
    ] {
        assert_eq!(with(json!({"state": text})).0.state, state);
    }
    let mut missing = policy(json!({}));
    missing.as_object_mut().unwrap().remove("state");
    refused(&missing, "", "without `state`");
    refused(&policy(json!({"state": "maybe"})), "/state", "`maybe`");
    // The same inside a template is no policy in force.
    let (model, report) = read(&json!({"id": "t", "name": "t", "details": missing}));
    assert_eq!(model.policies[0].state, PolicyState::Disabled);
    assert_eq!(report.warnings[0].code, WarningCode::TemplateWithoutState);
    assert_eq!(report.warnings[0].path, "/details");
    let (deleted, codes) = with(json!({"deletedDateTime": "2026-01-01T00:00:00Z"}));
    assert_eq!(
        (deleted.state, codes),
        (PolicyState::Disabled, vec![WarningCode::Deleted])
    );
}

#[test]
fn a_policy_without_id_has_one_from_file_and_place() {
    let mut anonymous = policy(json!({}));
    anonymous.as_object_mut().unwrap().remove("id");
    for id in [Value::Null, json!(""), json!("  ")] {
        anonymous["id"] = id;
        let (model, report) = read(&json!({"value": [anonymous]}));
        assert_eq!(report.refused, []);
        assert_eq!(model.policies[0].id.as_str(), "file.json#/value/0");
    }
}

#[test]
fn null_missing_and_all_null_are_unconfigured() {
    let (policy, codes) = with_conditions(json!({
        "Users": {"IncludeUsers": ["All"], "ExcludeGuestsOrExternalUsers":
            {"ExternalTenants": {"MembershipKind": null}, "GuestOrExternalUserTypes": null}},
        "Applications": {"IncludeApplications": ["All"],
            "ApplicationFilter": {"Mode": null, "Rule": null}},
        "Locations": {"IncludeLocations": null, "ExcludeLocations": null},
        "Platforms": [],
        "ClientApplications": null,
        "Devices": {"DeviceFilter": {"Mode": null, "Rule": null}},
        "ClientAppTypes": ["all"],
        "UserRiskLevels": [],
        "SignInRiskLevels": [],
        "AuthenticationFlows": {"TransferMethods": "none"},
        "Times": null,
    }));
    assert_eq!(codes, []);
    let conditions = policy.conditions;
    assert!(conditions.users.unwrap().exclude.is_empty());
    assert!(!conditions.applications.unwrap().filtered);
    assert_eq!(conditions.locations, None);
    assert_eq!(conditions.platforms, None);
    assert_eq!(conditions.workloads, None);
    assert_eq!(conditions.devices, None);
    assert_eq!(conditions.client_app_types, None);
    assert_eq!(conditions.user_risk, None);
    assert_eq!(conditions.unjudged, []);
}

#[test]
fn what_includes_nothing_is_kept_and_flagged() {
    let (policy, codes) = with_conditions(json!({
        "users": {"includeUsers": [], "excludeUsers": [ADA]},
        "applications": {"includeApplications": []},
        "locations": {"includeLocations": [], "excludeLocations": ["AllTrusted"]},
        "platforms": {"includePlatforms": []},
    }));
    assert!(policy.conditions.locations.unwrap().include.is_empty());
    assert_eq!(codes, [WarningCode::InvalidCondition; 4]);
    // The place is named as it is written.
    let (_, report) = read(&self::policy(
        json!({"Conditions": {"Users": {"IncludeUsers": []}},
        "conditions": null}),
    ));
    assert_eq!(report.warnings[1].path, "/Conditions/Users");
    // On purpose: no warning.
    let (_, codes) = with_conditions(json!({"users": {"includeUsers": ["None"]}}));
    assert_eq!(codes, []);
    let (policy, codes) = with_conditions(json!({
        "clientApplications": {"includeServicePrincipals": ["none"]},
    }));
    assert_eq!(policy.conditions.workloads, Some(WorkloadScope::default()));
    assert_eq!(codes, []);
    // A policy about workloads has no users.
    let (policy, codes) = with_conditions(json!({
        "users": {"includeUsers": []},
        "clientApplications": {"includeServicePrincipals": ["ServicePrincipalsInMyTenant"]},
    }));
    assert!(policy.conditions.workloads.unwrap().include.all);
    assert_eq!(codes, []);
}

#[test]
fn what_no_one_judges_is_named() {
    let (policy, codes) = with_conditions(json!({
        "users": {"includeUsers": ["All"], "includeShadows": ["x"]},
        "applications": {"includeApplications": ["None"], "networkAccess": {"x": "internet"}},
        "clientApplications": {"includeAgentIdServicePrincipals": ["All"]},
        "signInRiskLevels": ["high"],
        "insiderRiskLevels": "elevated",
        "authenticationFlows": {"transferMethods": "deviceCodeFlow"},
        "devices": {"includeDevices": ["All"], "excludeDevices": ["Compliant"]},
        "deviceStates": {"includeStates": ["All"]},
        "times": {"includeAllTimes": false},
        "moonPhases": ["full"],
        "users@odata.context": "ignored",
    }));
    let names: Vec<_> = policy
        .conditions
        .unjudged
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    for name in [
        "users.includeShadows",
        "applications.networkAccess",
        "clientApplications.includeAgentIdServicePrincipals",
        "signInRiskLevels",
        "insiderRiskLevels",
        "authenticationFlows",
        "devices.includeDevices",
        "devices.excludeDevices",
        "deviceStates",
        "times",
        "moonPhases",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert_eq!(names.len(), 11, "{names:?}");
    assert!(policy.conditions.applications.unwrap().filtered);
    assert!(policy.conditions.workloads.unwrap().filtered);
    assert_eq!(codes, []);
}

#[test]
fn an_unknown_value_makes_its_whole_condition_unjudged() {
    for (name, conditions) in [
        (
            "userRiskLevels",
            json!({"userRiskLevels": ["high", "hidden"]}),
        ),
        (
            "clientAppTypes",
            json!({"clientAppTypes": ["browser", "hologram"]}),
        ),
        (
            "platforms",
            json!({"platforms": {"includePlatforms": ["all", "toaster"]}}),
        ),
        (
            "platforms",
            json!({"platforms": {"includePlatforms": ["all"], "excludePlatforms": ["toaster"]}}),
        ),
    ] {
        let (policy, codes) = with_conditions(conditions);
        assert_eq!(codes, [WarningCode::UnknownValue]);
        assert_eq!(policy.conditions.unjudged[0].name, name);
        assert_eq!(policy.conditions.user_risk, None);
        assert_eq!(policy.conditions.client_app_types, None);
        assert_eq!(policy.conditions.platforms, None);
    }
    let (policy, codes) = with_conditions(json!({
        "devices": {"deviceFilter": {"mode": "exclude", "rule": "device.isCompliant = True"}},
    }));
    assert_eq!(codes, [WarningCode::DeviceRule]);
    assert_eq!(policy.conditions.unjudged[0].name, "devices");
}

#[test]
fn judged_conditions_arrive() {
    let (policy, codes) = with_conditions(json!({
        "users": {
            "includeUsers": ["all", ADA.to_uppercase()],
            "includeGroups": [GROUP],
            "excludeUsers": ["GuestsOrExternalUsers"],
            "includeGuestsOrExternalUsers": {
                "guestOrExternalUserTypes": "b2bCollaborationGuest,serviceProvider",
                "externalTenants": {"membershipKind": "enumerated", "members": [GROUP]},
            },
        },
        "userRiskLevels": ["High", "medium"],
        "platforms": {"includePlatforms": ["All"], "excludePlatforms": ["iOS"]},
    }));
    assert_eq!(codes, []);
    let users = policy.conditions.users.unwrap();
    assert!(users.include.all);
    assert_eq!(users.include.users[0].as_str(), ADA);
    assert_eq!(users.include.groups[0].as_str(), GROUP);
    assert_eq!(users.exclude.guests.unwrap().types, GuestTypes::ALL);
    let guests = users.include.guests.unwrap();
    assert!(guests.types.contains(GuestTypes::SERVICE_PROVIDER));
    assert!(!guests.types.contains(GuestTypes::INTERNAL_GUEST));
    assert!(
        matches!(guests.tenants, ExternalTenants::Enumerated(ref tenants) if tenants.len() == 1)
    );
    let risk = policy.conditions.user_risk.unwrap();
    assert!(risk.contains(RiskLevel::High) && !risk.contains(RiskLevel::Low));
    assert_eq!(policy.conditions.platforms.unwrap().include, Platforms::ALL);
}

#[test]
fn placeholders_are_unresolved_on_their_side() {
    let (policy, codes) = with_conditions(json!({
        "users": {
            "includeUsers": ["ada@contoso.example"],
            "includeGroups": ["<RING>"],
            "excludeGroups": ["7b8330d01-95cb-4673-8240-adc6a65b7578"],
        },
        "applications": {"includeApplications": ["%App%"]},
        "locations": {"includeLocations": ["All"], "excludeLocations": [OFFICE]},
    }));
    let users = policy.conditions.users.unwrap();
    assert_eq!(users.include.unresolved, ["ada@contoso.example", "<RING>"]);
    assert_eq!(users.exclude.unresolved.len(), 1);
    assert_eq!(
        policy.conditions.applications.unwrap().include.unresolved,
        ["%App%"]
    );
    assert_eq!(
        policy.conditions.locations.unwrap().exclude,
        [LocationReference::Dangling(OFFICE.to_owned())]
    );
    assert_eq!(
        codes
            .iter()
            .filter(|it| **it == WarningCode::UnresolvedReference)
            .count(),
        4
    );
    assert_eq!(
        codes
            .iter()
            .filter(|it| **it == WarningCode::DanglingLocation)
            .count(),
        1
    );
}

#[test]
fn controls_are_never_dropped() {
    let (policy, _) = with(json!({"grantControls": {
        "operator": "or",
        "builtInControls": ["MFA", "verifiedID"],
        "termsOfUse": ["tou"],
        "customAuthenticationFactors": ["factor"],
        "authenticationStrength": {"id": "strength"},
        "authenticationStrength@odata.context": "ignored",
        "somethingNew": {"x": 1},
    }}));
    let grant = policy.grant.unwrap();
    assert_eq!(grant.operator, GrantOperator::Or);
    assert_eq!(
        grant.controls,
        [
            Control::Mfa,
            Control::Unknown("verifiedID".into()),
            Control::Custom("factor".parse().unwrap()),
            Control::TermsOfUse("tou".parse().unwrap()),
            Control::AuthenticationStrength("strength".parse().unwrap()),
            Control::Unknown("somethingNew".into()),
        ]
    );
    let (policy, codes) =
        with(json!({"grantControls": {"builtInControls": ["mfa", "compliantDevice"]}}));
    assert_eq!(policy.grant.unwrap().operator, GrantOperator::And);
    assert_eq!(codes, [WarningCode::OperatorMissing]);
    let (policy, codes) = with(json!({"grantControls": {"operator": "OR", "builtInControls": []}}));
    assert_eq!(
        (policy.grant, codes),
        (None, vec![WarningCode::EmptyPolicy])
    );
    refused(
        &self::policy(json!({"grantControls": {"operator": "XOR", "builtInControls": ["mfa"]}})),
        "/grantControls/operator",
        "`XOR`",
    );
}

#[test]
fn session_controls() {
    let frequency = |control: Value| {
        with(json!({"sessionControls": {"signInFrequency": control}}))
            .0
            .session
            .sign_in_frequency
    };
    let every = |seconds| Some(SignInFrequency::Every { seconds });
    assert_eq!(
        frequency(json!({"isEnabled": true, "type": "hours", "value": 4})),
        every(14_400)
    );
    assert_eq!(
        frequency(json!({"isEnabled": true, "type": "days", "value": 2})),
        every(172_800)
    );
    assert_eq!(
        frequency(json!({"isEnabled": false, "type": "days", "value": 2})),
        None
    );
    assert_eq!(
        frequency(json!({"IsEnabled": null, "Type": null, "Value": null})),
        None
    );
    assert_eq!(
        frequency(json!({"isEnabled": true, "frequencyInterval": "everyTime", "value": null})),
        Some(SignInFrequency::EveryTime)
    );
    for broken in [
        json!({"isEnabled": true, "type": "hours", "value": 0}),
        json!({"isEnabled": true, "type": "fortnights", "value": 1}),
        json!({"isEnabled": true, "type": "hours", "value": 1e300}),
        json!({"isEnabled": true, "type": "hours"}),
    ] {
        let document = policy(json!({"sessionControls": {"signInFrequency": broken}}));
        refused(
            &document,
            "/sessionControls/signInFrequency",
            "sign-in frequency",
        );
    }
    let (policy, _) = with(json!({"sessionControls": {
        "persistentBrowser": {"isEnabled": true, "mode": "never"},
        "cloudAppSecurity": {"isEnabled": false},
        "disableResilienceDefaults": false,
        "secureSignInSession": {"isEnabled": null},
    }}));
    assert_eq!(policy.session.issuer_controls, ["persistentBrowser"]);
}

#[test]
fn modes_of_continuous_access_evaluation() {
    let mode = |control: Value| {
        let (policy, codes) =
            with(json!({"sessionControls": {"continuousAccessEvaluation": control}}));
        (policy.session.continuous_access_evaluation, codes)
    };
    let strict = Some(ContinuousAccessEvaluation::StrictLocation);
    let no_ranges = WarningCode::StrictWithoutRanges;
    let mode_warning = WarningCode::ContinuousAccessEvaluationMode;
    assert_eq!(
        mode(json!({"mode": "strictLocation"})),
        (strict, vec![no_ranges])
    );
    assert_eq!(
        mode(json!({"mode": "strictEnforcement"})),
        (strict, vec![WarningCode::StrictEnforcement, no_ranges])
    );
    assert_eq!(
        mode(json!({"mode": "unknownFutureValue"})),
        (strict, vec![mode_warning, no_ranges])
    );
    assert_eq!(
        mode(json!({"@odata.type": "x"})),
        (None, vec![mode_warning])
    );
    assert_eq!(
        mode(json!({"mode": "enforced"})),
        (None, vec![mode_warning])
    );
    let disabled = json!({"continuousAccessEvaluation": {"mode": "disabled"}});
    let (valid, _) = with(json!({"sessionControls": disabled}));
    assert_eq!(
        valid.session.continuous_access_evaluation,
        Some(ContinuousAccessEvaluation::Disabled)
    );
    refused(
        &policy(json!({"sessionControls": disabled, "conditions": {
            "users": {"includeUsers": ["All"]},
            "applications": {"includeApplications": ["All"]},
            "clientAppTypes": ["browser"],
        }})),
        "/sessionControls/continuousAccessEvaluation/mode",
        "can only be disabled",
    );
}

#[test]
fn locations_of_every_kind() {
    let document = json!([
        {"id": OFFICE, "displayName": "Office", "isTrusted": true, "ipRanges": [
            {"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "198.51.100.77/24"},
            {"cidrAddress": "::ffff:203.0.113.0/120"},
            "192.0.2.1",
            {"cidrAddress": "2001:db8::/32"},
            {"cidrAddress": "10.0.0.0/8"},
            {"cidrAddress": "0.0.0.0/1"},
        ]},
        {"Id": "countries", "AdditionalProperties": {
            "@odata.type": "#microsoft.graph.countryNamedLocation",
            "countriesAndRegions": ["de", "UK"], "countryLookupMethod": "authenticatorAppGps"}},
        {"@odata.type": "#microsoft.graph.compliantNetworkNamedLocation", "id": "network"},
        {"@odata.type": "#microsoft.graph.orbitalNamedLocation", "id": "orbit"},
        policy(json!({"conditions": {"locations": {
            "includeLocations": ["all", OFFICE.to_uppercase(), "countries", "network"],
            "excludeLocations": ["AllTrusted", "00000000-0000-0000-0000-000000000000",
                "3D46DBDA-8382-466A-856D-EB00CBC6B910"],
        }}})),
    ]);
    let (model, report) = read(&document);
    assert_eq!(report.refused, []);
    let NamedLocationKind::Ranges { ranges, trusted } = &model.locations[0].kind else {
        panic!("ranges");
    };
    let ranges: Vec<_> = ranges.iter().map(ToString::to_string).collect();
    assert!(trusted);
    assert_eq!(
        ranges,
        [
            "198.51.100.0/24",
            "203.0.113.0/24",
            "192.0.2.1/32",
            "2001:db8::/32",
            "10.0.0.0/8",
            "0.0.0.0/1"
        ]
    );
    assert_eq!((report.ranges.ipv4, report.ranges.ipv6), (5, 1));
    assert_eq!(
        model.locations[1].kind,
        NamedLocationKind::Countries {
            countries: vec![*b"DE", *b"UK"],
            include_unknown: false,
            by_gps: true,
        }
    );
    let scope = model.policies[0].conditions.locations.clone().unwrap();
    assert_eq!(
        scope.include,
        [
            LocationReference::All,
            LocationReference::Named(0),
            LocationReference::Named(1),
            LocationReference::CompliantNetwork,
        ]
    );
    assert_eq!(
        scope.exclude,
        [
            LocationReference::AllTrusted,
            LocationReference::MfaTrustedIps,
            LocationReference::CompliantNetwork,
        ]
    );
    let warnings: Vec<_> = report
        .warnings
        .iter()
        .map(|warning| (warning.code, warning.path.as_str()))
        .collect();
    for expected in [
        (WarningCode::HostBits, "/0/ipRanges/0/cidrAddress"),
        (WarningCode::MappedRange, "/0/ipRanges/1/cidrAddress"),
        (WarningCode::BareAddress, "/0/ipRanges/2"),
        (WarningCode::PrivateRange, "/0/ipRanges/4/cidrAddress"),
        (WarningCode::WideRange, "/0/ipRanges/5/cidrAddress"),
        (
            WarningCode::UnknownCountry,
            "/1/AdditionalProperties/countriesAndRegions/1",
        ),
        (WarningCode::UnknownLocationKind, "/3"),
        (WarningCode::NoTrustedIps, "/4"),
    ] {
        assert!(warnings.contains(&expected), "{expected:?} in {warnings:?}");
    }
    assert_eq!(warnings.len(), 8, "{warnings:?}");
}

#[test]
fn a_location_that_cannot_be_read_is_refused() {
    let location = |cidr: Value| json!({"id": OFFICE, "ipRanges": [{"cidrAddress": cidr}]});
    for cidr in [json!("xx.xx.xxx.xx/32"), json!("10.0.0.0/33"), json!(7)] {
        let place = "/ipRanges/0/cidrAddress";
        refused(&location(cidr), place, "");
    }
    refused(
        &json!({"ipRanges": [{}]}),
        "/ipRanges/0",
        "without `cidrAddress`",
    );
    refused(
        &json!({"countriesAndRegions": ["Germany"]}),
        "/countriesAndRegions/0",
        "no country code",
    );
    // Under strictness, so are bits behind the prefix.
    let mut documents = Documents::new();
    documents.strict(true);
    documents.add("x", location(json!("10.0.0.1/8")).to_string().as_bytes());
    assert_eq!(
        documents.finish().1.refused[0].remedy,
        "write 10.0.0.0/8, or read without strictness"
    );
}

#[test]
fn one_id_one_content() {
    let first = policy(json!({}));
    let second = policy(json!({"state": "disabled"}));
    let same = read(&json!([first, first]));
    assert_eq!(
        (same.0.policies.len(), same.1.warnings[0].code),
        (1, WarningCode::DuplicateDocument)
    );
    let (_, report) = read(&json!([first, second]));
    assert_eq!(report.refused[0].path, "/1");
    let mut documents = Documents::new();
    documents.updates_in_order(true);
    documents.add("a", first.to_string().as_bytes());
    documents.add("b", second.to_string().as_bytes());
    let (model, report) = documents.finish();
    assert!(report.is_ok());
    assert_eq!(model.policies[0].state, PolicyState::Disabled);
    // A location that is deleted later takes its references with it.
    let location = json!({"id": OFFICE, "ipRanges": []});
    let deleted = json!({"id": OFFICE, "ipRanges": [], "deletedDateTime": "2026-01-01T00:00:00Z"});
    documents.add("c", location.to_string().as_bytes());
    documents.add("d", deleted.to_string().as_bytes());
    assert_eq!(documents.finish().0.locations, []);
}

#[test]
fn members_named_twice_agree_or_the_document_is_refused() {
    let text = policy(json!({})).to_string();
    let twice = |state: &str| text.replacen('{', &format!("{{\"State\":\"{state}\","), 1);
    let mut documents = Documents::new();
    documents.add("same", twice("enabled").as_bytes());
    let (_, report) = documents.finish();
    assert_eq!(report.warnings[0].code, WarningCode::DuplicateMember);
    let mut documents = Documents::new();
    documents.add("different", twice("disabled").as_bytes());
    let (_, report) = documents.finish();
    assert!(
        report.refused[0]
            .reason
            .contains("twice with different values")
    );
}

#[test]
fn memberships_trusted_ips_and_countries() {
    let mut documents = Documents::new();
    documents.add(
        "groups.json",
        json!({GROUP.to_uppercase(): [ADA], "a@b": []})
            .to_string()
            .as_bytes(),
    );
    documents.add_trusted_ips("trusted.txt", "# head office\n192.0.2.0/24\n");
    documents.add_country_list("countries.tsv", "DE\t198.51.100.0/24\n");
    let (model, report) = documents.finish();
    assert!(report.is_ok(), "{report:?}");
    assert_eq!(report.files, 3);
    assert_eq!(model.memberships.contains(GROUP, ADA), Some(true));
    assert_eq!(model.memberships.contains("a@b", ADA), Some(false));
    assert_eq!(model.trusted_ips.unwrap().len(), 1);
    assert_eq!(model.countries.unwrap().prefixes[0].1, *b"DE");
    let mut broken = Documents::new();
    broken.add_trusted_ips("trusted.txt", "192.0.2.0/24\nhome\n");
    broken.add_country_list("countries.tsv", "Germany 198.51.100.0/24");
    broken.add_country_database("countries.mmdb", b"nonsense");
    let paths: Vec<_> = broken
        .finish()
        .1
        .refused
        .into_iter()
        .map(|it| it.path)
        .collect();
    assert_eq!(paths, ["line 2", "line 1", ""]);
}

#[test]
fn the_report_has_the_published_shape() {
    let (_, report) = read(&json!([
        policy(json!({"conditions": {"signInRiskLevels": ["high"]}})),
        {"ipRanges": [{"cidrAddress": "192.0.2.7/24"}]},
        7,
    ]));
    assert_eq!(
        serde_json::to_value(&report).unwrap(),
        json!({
            "files": 1,
            "policies": {"enabled": 1, "report_only": 0, "disabled": 0},
            "locations": 1,
            "ranges": {"ipv4": 1, "ipv6": 0},
            "refused": [{"file": "file.json", "path": "/2",
                "reason": "a number that is no conditional access policy, named location or \
                    membership list",
                "remedy": "remove it, or export the policies and named locations from Microsoft \
                    Graph"}],
            "warnings": [
                {"file": "file.json", "path": "/1/ipRanges/0/cidrAddress", "code": "host_bits",
                    "message": "`192.0.2.7/24` has bits set behind its prefix; read as 192.0.2.0/24"},
                {"file": "file.json", "path": "/1", "code": "single_address_family",
                    "message": "lists IPv4 ranges only: a client that arrives over IPv6 is never \
                        in it"},
            ],
            "not_judged": [{"condition": "signInRiskLevels",
                "policies": ["dddddddd-0000-4000-8000-000000000001"]}],
        })
    );
}

#[test]
fn deep_and_huge_documents_end_in_a_refusal() {
    for text in [
        "[".repeat(1 << 20),
        "{\"a\":".repeat(1 << 18),
        "[[],".repeat(1 << 18),
    ] {
        let mut documents = Documents::new();
        documents.add("deep", text.as_bytes());
        let (_, report) = documents.finish();
        assert_eq!(report.refused.len(), 1);
    }
    // Many complaints are cut short, and the cut is said.
    let (_, report) = read(&Value::Array(vec![json!(1); 5_000]));
    assert_eq!(report.refused.len(), 1_000);
    assert!(report.refused[999].reason.contains("more than 1000"));
}
