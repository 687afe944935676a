//! Requests as JSON lines: each is decided or refused with a place, the answer is consistent in
//! itself, and explaining a decision does not change it.

use crate::challenge::parse;
use crate::compile::Documents;
use crate::decision::Outcome;
use crate::engine::Engine;
use crate::event::Event;
use crate::exchange::RequestDocument;
use crate::marks::Keyring;
use crate::settings::{EngineSettings, TenantSettings};
use crate::token::IssuerProfile;

/// Lines of requests and events, for one tenant with a policy of each kind.
pub fn requests(bytes: &[u8]) {
    let (engine, twin) = (engine(1), engine(2));
    let entra = IssuerProfile::entra("https://sts.windows.net/*/");
    let generic = IssuerProfile::generic("https://idp.example");
    for line in String::from_utf8_lossy(bytes).lines().take(16) {
        if let Ok(event) = Event::from_json(line) {
            engine.apply(&event);
            twin.apply(&event);
            continue;
        }
        let profile = |issuer: &str| [&entra, &generic].into_iter().find(|it| it.matches(issuer));
        let document = match RequestDocument::from_json(line, profile) {
            Ok(document) => document,
            Err(error) => {
                assert!(!error.message.is_empty());
                continue;
            }
        };
        let request = document.request();
        let token = engine.token(document.token.clone());
        let answer = engine.answer(document.id.clone(), &token, &request);
        match answer.decision {
            Outcome::Allow => assert_eq!(answer.status, 200),
            Outcome::Challenge => assert_eq!(answer.status, 401),
            Outcome::Deny => assert!(matches!(answer.status, 401 | 403)),
        }
        assert_eq!(answer.www_authenticate.is_some(), answer.status == 401);
        assert_eq!(
            answer.claims.is_some(),
            answer.decision == Outcome::Challenge
        );
        assert!(answer.decision == Outcome::Allow || !answer.reasons.is_empty());
        if let Some(header) = &answer.www_authenticate {
            let read = parse([header]);
            assert_eq!(read.len(), 1);
            let claims = read[0].claims().map(serde_json::Value::Object);
            assert_eq!(claims, answer.claims);
        }
        let token = twin.token(document.token.clone());
        let explained = twin.decide_and_explain(&token, &request);
        let explained = explained.answer(document.id.clone(), &token, &request);
        assert_eq!(
            serde_json::to_value(explained).ok(),
            serde_json::to_value(answer).ok()
        );
    }
}

const POLICIES: &str = r#"[
{"id": "outside", "displayName": "Block outside", "state": "enabled",
 "conditions": {"users": {"includeUsers": ["All"], "excludeUsers": ["aaaaaaaa-0000-4000-8000-00000000000d"]},
  "applications": {"includeApplications": ["All"]},
  "locations": {"includeLocations": ["All"], "excludeLocations": ["office", "DE"]}},
 "grantControls": {"operator": "OR", "builtInControls": ["block"]}},
{"id": "strict", "displayName": "Strict", "state": "enabled",
 "conditions": {"users": {"includeUsers": ["aaaaaaaa-0000-4000-8000-00000000000c"]}, "applications": {"includeApplications": ["All"]}},
 "sessionControls": {"continuousAccessEvaluation": {"mode": "strictLocation"}}},
{"id": "risk", "displayName": "MFA at risk", "state": "enabled", "modifiedDateTime": "2025-11-21T21:00:00Z",
 "conditions": {"users": {"includeGroups": ["aaaaaaaa-0000-4000-8000-000000000001"]}, "applications": {"includeApplications": ["aaaaaaaa-0000-4000-8000-000000000010"]},
  "userRiskLevels": ["medium", "high"]},
 "grantControls": {"operator": "AND", "builtInControls": ["mfa", "compliantDevice"]},
 "sessionControls": {"signInFrequency": {"isEnabled": true, "type": "hours", "value": 4, "frequencyInterval": "timeBased"}}},
{"id": "robots", "displayName": "Robots at home", "state": "enabled",
 "conditions": {"clientApplications": {"includeServicePrincipals": ["ServicePrincipalsInMyTenant"]},
  "applications": {"includeApplications": ["All"]},
  "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
 "grantControls": {"operator": "OR", "builtInControls": ["block"]}},
{"id": "step", "displayName": "Step up", "state": "enabledForReportingButNotEnforced",
 "conditions": {"users": {"includeUsers": ["All"]},
  "applications": {"includeAuthenticationContextClassReferences": ["c1"]},
  "platforms": {"includePlatforms": ["all"], "excludePlatforms": ["windows"]},
  "devices": {"deviceFilter": {"mode": "exclude", "rule": "device.isCompliant -eq True"}}},
 "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}}
]"#;

const LOCATIONS: &str = r##"[
{"@odata.type": "#microsoft.graph.ipNamedLocation", "id": "office", "displayName": "Office", "isTrusted": true,
 "ipRanges": [{"cidrAddress": "203.0.113.0/24"}, {"cidrAddress": "2001:db8::/32"}]},
{"@odata.type": "#microsoft.graph.countryNamedLocation", "id": "DE", "displayName": "Germany",
 "countriesAndRegions": ["DE"], "includeUnknownCountriesAndRegions": false}
]"##;

fn engine(secret: u64) -> Engine {
    let mut documents = Documents::new();
    documents
        .add("policies.json", POLICIES.as_bytes())
        .add("locations.json", LOCATIONS.as_bytes());
    let (model, report) = documents.finish();
    assert!(report.is_ok(), "{report:?}");
    let engine = Engine::with_keyring(EngineSettings::default(), Keyring::from_seed([secret, 9]));
    let tenant = "contoso".parse().expect("a name");
    engine
        .publish(tenant, &model, TenantSettings::default())
        .expect("a small tenant fits");
    engine
}
