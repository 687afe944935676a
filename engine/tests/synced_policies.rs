//! Highwater against Entra: real policies as pushed to a resource provider, real sign-ins of the
//! same tenant, and the result that Entra itself recorded for each policy and sign-in.
//!
//! A case is one policy at one sign-in. Where the inputs decide it, our answer must be Entra's.
//! Where they do not, the case is listed with the reason; none may disagree.

#![allow(clippy::unwrap_used)] // a test may panic in its helpers too

use std::collections::BTreeMap;

use highwater::compile::{Documents, Report, WarningCode};
use highwater::engine::Engine;
use highwater::explain::PolicyExplanation;
use highwater::identifier::Identifier;
use highwater::model::{
    ClientAppType, Control, Grant, GrantOperator, NamedLocationKind, Platform, Policy, TenantModel,
};
use highwater::request::Request;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::timestamp::Timestamp;
use highwater::token::{IssuerProfile, TokenFacts};
use serde_json::{Value, json};

mod shared_data;

const STREAM: &str = "synced-policies/exo-conditional-access-updates.jsonl";
const SIGN_INS: &str = "signin-logs/seccxp-aad-logons.jsonl";

/// Whether a policy applied, in the words that both sides share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Applied,
    NotApplied,
    NotEnabled,
}

/// Why the inputs do not decide a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Undecided {
    /// Entra judges a sign-in for every service that the client depends on. The log names one
    /// resource only, so that a policy does not name *it* says nothing of the others.
    OtherAudiences,
    /// The log names no resource, and the policy names applications.
    NoResource,
}

/// Services of Microsoft that the policies name. Its clients depend on one another's services;
/// none depends on an application of the tenant's own.
const MICROSOFT: [&str; 8] = [
    "00000002-0000-0ff1-ce00-000000000000", // Exchange Online
    "00000003-0000-0ff1-ce00-000000000000", // SharePoint Online
    "00000004-0000-0ff1-ce00-000000000000", // Skype for Business Online
    "00000005-0000-0ff1-ce00-000000000000", // Yammer
    "09abbdfd-ed23-44ee-a2d9-a627aa1c90f3", // Planner
    "94c63fef-13a3-47bc-8074-75af8c65887a", // Delve
    "c9a559d2-7aab-4f13-a6ed-e7e9c52aec87", // Forms
    "cc15fd57-2c6c-4117-a88c-83b1d56b4bbe", // Teams
];

#[test]
fn where_the_inputs_decide_we_say_what_entra_said() {
    let Some(data) = shared_data::shared_data() else {
        return;
    };
    let stream = std::fs::read(data.join(STREAM)).unwrap();
    let sign_ins = std::fs::read_to_string(data.join(SIGN_INS)).unwrap();
    let engine = Engine::new(EngineSettings::default());

    let mut agreed: BTreeMap<Answer, usize> = BTreeMap::new();
    // Per reason and policy: how many, and how many of them Entra applied.
    let mut undecided: BTreeMap<(Undecided, String), (usize, usize)> = BTreeMap::new();
    let mut disagreed = Vec::new();
    let mut models: BTreeMap<Timestamp, TenantModel> = BTreeMap::new();
    for line in sign_ins.lines() {
        let sign_in: Value = serde_json::from_str(line).unwrap();
        let time = text(&sign_in, "TimeGenerated").to_owned() + "Z";
        let now = Timestamp::from_rfc3339(&time).unwrap();
        let model = models
            .entry(now)
            .or_insert_with(|| compiled(&stream, Some(now)).0);
        let ours = evaluate(&engine, model, &sign_in, now);
        for theirs in sign_in["ConditionalAccessPolicies"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let id = text(theirs, "id");
            let policy = model.policies.iter().find(|it| it.id.as_str() == id);
            let explained = ours.iter().find(|policy| policy.id == id).expect(id);
            let expected = recorded(text(theirs, "result"));
            match said(policy.unwrap(), explained) {
                Ok(answer) if answer == expected => *agreed.entry(answer).or_default() += 1,
                Ok(answer) => disagreed.push(format!(
                    "{time} {}: we say {answer:?}, Entra {expected:?}; {explained:?}",
                    explained.display_name
                )),
                Err(reason) => {
                    let name = explained.display_name.clone();
                    let count = undecided.entry((reason, name)).or_default();
                    count.0 += 1;
                    count.1 += usize::from(expected == Answer::Applied);
                }
            }
        }
    }
    assert_eq!(disagreed, [] as [String; 0]);
    assert_eq!(
        agreed.into_iter().collect::<Vec<_>>(),
        [
            (Answer::Applied, 38),
            (Answer::NotApplied, 304),
            (Answer::NotEnabled, 165),
        ]
    );
    // Entra applied 15 of these although the resource is none of the policy's: the reason is real.
    let expected = [
        (Undecided::OtherAudiences, "Form MCAS", (40, 0)),
        (Undecided::OtherAudiences, "GBB demo", (40, 0)),
        (Undecided::OtherAudiences, "MeganB MCAS Proxy", (9, 2)),
        (Undecided::OtherAudiences, "Test Policy", (48, 13)),
        (Undecided::NoResource, "Form MCAS", (4, 0)),
        (Undecided::NoResource, "GBB demo", (4, 0)),
        (
            Undecided::NoResource,
            "On-Prem SharePoint - MeganB proxy",
            (4, 0),
        ),
        (Undecided::NoResource, "Test Policy", (4, 0)),
    ];
    let undecided: Vec<_> = undecided
        .iter()
        .map(|((reason, name), count)| (*reason, name.as_str(), *count))
        .collect();
    assert_eq!(undecided, expected);
}

#[test]
fn the_whole_stream_compiles() {
    let Some(data) = shared_data::shared_data() else {
        return;
    };
    let stream = std::fs::read(data.join(STREAM)).unwrap();
    let (model, report) = compiled(&stream, None);
    // 18 policies and the tenant's default one; a deletion is never pushed.
    let states = (
        report.policies.enabled,
        report.policies.report_only,
        report.policies.disabled,
    );
    assert_eq!(states, (12, 3, 4));
    assert_eq!(report.not_judged[0].condition, "SignInRisks");

    // One known network, pushed 46 times, always with bits behind the prefix.
    assert_eq!(model.locations.len(), 1);
    let office = &model.locations[0];
    assert_eq!(office.display_name, "BE-Office");
    assert_eq!(
        office.kind,
        NamedLocationKind::Ranges {
            ranges: vec!["109.88.218.96/28".parse().unwrap()],
            trusted: false,
        }
    );
    let warned = |code| report.warnings.iter().filter(|it| it.code == code).count();
    assert_eq!(warned(WarningCode::HostBits), 46);
    assert_eq!(warned(WarningCode::NoContent), 11);

    // Two alternatives in one inner list, two demands in two of them.
    let either = grant(&model, "3b13ea3c-c733-4eb8-bd19-67d308b2ea04");
    assert_eq!(either.operator, GrantOperator::Or);
    assert_eq!(either.controls, [Control::Mfa, Control::CompliantDevice]);
    let until = Timestamp::from_rfc3339("2020-04-06T08:42:00Z").unwrap();
    let both = grant(
        &compiled(&stream, Some(until)).0,
        "ba36f0a4-6d73-4ba4-9282-3b3c14575e36",
    );
    assert_eq!(both.operator, GrantOperator::And);
    assert_eq!(
        both.controls,
        [Control::CompliantDevice, Control::DomainJoinedDevice]
    );
}

fn grant(model: &TenantModel, id: &str) -> Grant {
    let policy = model.policies.iter().find(|it| it.id.as_str() == id);
    policy.unwrap().grant.clone().unwrap()
}

fn compiled(stream: &[u8], until: Option<Timestamp>) -> (TenantModel, Report) {
    let mut documents = Documents::new();
    documents.add_synced(STREAM, stream, until);
    let (model, report) = documents.finish();
    assert!(report.is_ok(), "{:?}", report.refused);
    (model, report)
}

/// What we say of every policy of the tenant at a sign-in.
fn evaluate(
    engine: &Engine,
    model: &TenantModel,
    sign_in: &Value,
    now: Timestamp,
) -> Vec<PolicyExplanation> {
    let tenant = text(sign_in, "AADTenantId");
    engine
        .publish(tenant.parse().unwrap(), model, TenantSettings::default())
        .unwrap();
    let claims = json!({
        "iss": format!("https://sts.windows.net/{tenant}/"),
        "tid": tenant,
        "oid": text(sign_in, "UserId"),
        "sub": text(sign_in, "UserId"),
        "appid": text(sign_in, "AppId"),
        "scp": "user_impersonation",
        "iat": now.seconds(),
        "exp": now.seconds() + 3600,
        "acct": 0,
    });
    let profile = IssuerProfile::entra("https://sts.windows.net/*");
    let facts = TokenFacts::from_claims(claims.as_object().unwrap(), &profile).unwrap();
    let resource = Identifier::new(text(sign_in, "ResourceIdentity")).ok();
    let mut request = Request::new(now, text(sign_in, "IPAddress").parse().ok());
    request.resource = resource.as_ref();
    request.signals.client_app_type = match text(sign_in, "ClientAppUsed") {
        "Browser" => Some(ClientAppType::Browser),
        _ => None,
    };
    let system = text(&sign_in["DeviceDetail"], "operatingSystem");
    request.signals.platform = system.starts_with("Windows").then_some(Platform::Windows);
    engine.explain(&engine.token(facts), &request).policies
}

/// What Entra recorded.
fn recorded(result: &str) -> Answer {
    match result {
        "success"
        | "failure"
        | "reportOnlySuccess"
        | "reportOnlyFailure"
        | "reportOnlyInterrupted" => Answer::Applied,
        "notApplied" | "reportOnlyNotApplied" => Answer::NotApplied,
        "notEnabled" => Answer::NotEnabled,
        other => panic!("`{other}` is no result in these logs"),
    }
}

/// What we say, if the inputs decide it.
fn said(policy: &Policy, explained: &PolicyExplanation) -> Result<Answer, Undecided> {
    let failing = &explained.conditions_not_satisfied;
    if explained.state == "disabled" {
        return Ok(Answer::NotEnabled);
    }
    if failing.len() == 1 && failing[0] == "application" {
        let names_a_service = policy.conditions.applications.iter().any(|scope| {
            let mut named = scope.include.ids.iter();
            named.any(|id| MICROSOFT.contains(&id.as_str()))
        });
        if names_a_service {
            return Err(Undecided::OtherAudiences);
        }
    }
    if !failing.is_empty() {
        return Ok(Answer::NotApplied);
    }
    if explained.conditions_unknown.is_empty() {
        return Ok(Answer::Applied);
    }
    Err(Undecided::NoResource)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
