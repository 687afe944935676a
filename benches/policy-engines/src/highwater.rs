//! Highwater: one policy that blocks outside one trusted location, and a mark per user.

use std::error::Error;

use highwater::compile::Documents;
use highwater::engine::Engine;
use highwater::event::Event;
use highwater::request::Request;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::timestamp::Timestamp;
use highwater::token::{IssuerProfile, TokenFacts, VerifiedToken};
use serde_json::{Value, json};

use crate::{ISSUED, NOW, Question, USERS, range, revoked_before};

pub(crate) fn prepare(
    ranges: usize,
    questions: &[Question],
) -> Result<impl FnMut(usize) -> bool, Box<dyn Error>> {
    let ranges: Vec<Value> = (0..ranges)
        .map(|number| {
            json!({"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": range(number)})
        })
        .collect();
    let policies = json!([
        {"@odata.type": "#microsoft.graph.ipNamedLocation", "displayName": "Inside",
         "id": "30000000-0000-4000-8000-000000000001", "isTrusted": true, "ipRanges": ranges},
        {"id": "50000000-0000-4000-8000-000000000001", "displayName": "Outside", "state": "enabled",
         "conditions": {"users": {"includeUsers": ["All"]}, "clientAppTypes": ["all"],
            "applications": {"includeApplications": ["All"]},
            "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
         "grantControls": {"operator": "OR", "builtInControls": ["block"]}},
    ]);
    let mut documents = Documents::new();
    documents.add("policies.json", policies.to_string().as_bytes());
    let (model, report) = documents.finish();
    if !report.is_ok() {
        return Err(format!("the policy does not compile: {:?}", report.refused).into());
    }
    let engine = Engine::new(EngineSettings::default());
    engine.publish("contoso".parse()?, &model, TenantSettings::default())?;
    for user in 0..USERS {
        engine.apply(&Event::from_value(
            &json!({"time": revoked_before(user), "tenant": "contoso",
            "subject": {"user": format!("user-{user}")}, "effect": "revoke", "source": "idp"}),
        )?);
    }
    let profile = IssuerProfile::generic("https://idp.example");
    let tokens = (0..USERS)
        .map(|user| {
            let claims = json!({"iss": "https://idp.example", "tid": "contoso", "scp": "read",
                "oid": format!("user-{user}"), "sub": "s", "iat": ISSUED, "exp": NOW + 3_000});
            let claims = claims.as_object().ok_or("claims are an object")?;
            Ok(engine.token(TokenFacts::from_claims(claims, &profile)?))
        })
        .collect::<Result<Vec<VerifiedToken>, Box<dyn Error>>>()?;
    let questions = questions.to_vec();
    let now = Timestamp::from_seconds(NOW);
    Ok(move |index: usize| {
        let question = questions[index];
        let request = Request::new(now, Some(question.address));
        engine.decide(&tokens[question.user], &request).status() == 200
    })
}
