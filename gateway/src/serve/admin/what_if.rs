//! `POST /admin/what-if`: the inputs of Graph's `conditionalAccess/evaluate`, judged by the
//! documents in force.
//!
//! Asked of an engine made for the question: with the tenant's model and the registers of the
//! subject, but without the memory of challenges, which a question must not change. A risk level
//! that is given takes the place of what is known.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use highwater::engine::Engine;
use highwater::event::{Event, RegisterKind};
use highwater::exchange::{Answer, RequestDocument};
use highwater::explain::{Explanation, PolicyExplanation};
use highwater::identifier::TenantId;
use highwater::timestamp::Timestamp;
use highwater::token::IssuerProfile;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::deployment::ReadTenant;
use crate::serve::Service;
use crate::serve::problem::Problem;

/// The question, as Graph takes it, and the tenant that Graph knows from the caller.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Question {
    tenant: String,
    sign_in_identity: Identity,
    #[serde(default)]
    sign_in_context: Context,
    #[serde(default)]
    sign_in_conditions: Conditions,
    #[serde(default)]
    applied_policies_only: bool,
}

/// `signInIdentity`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    user_id: Option<String>,
    service_principal_id: Option<String>,
    external_user_type: Option<String>,
}

/// `signInContext`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Context {
    include_applications: Vec<String>,
    authentication_context_value: Option<String>,
}

/// `signInConditions`. What only the issuer sees is taken and stays unknown.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Conditions {
    ip_address: Option<String>,
    country: Option<String>,
    device_platform: Option<String>,
    client_app_type: Option<String>,
    device_info: Option<serde_json::Map<String, Value>>,
    user_risk_level: Option<String>,
    service_principal_risk_level: Option<String>,
    #[serde(rename = "signInRiskLevel")]
    _sign_in_risk_level: Option<Value>,
    #[serde(rename = "insiderRiskLevel")]
    _insider_risk_level: Option<Value>,
    #[serde(rename = "authenticationFlow")]
    _authentication_flow: Option<Value>,
}

/// The answer: Graph's results, and what would be decided about a token issued now.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    value: Vec<WhatIf>,
    decision: Answer,
    marks: Value,
}

/// `whatIfAnalysisResult`, as far as it is about policies, and our own words.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WhatIf {
    policy_applies: bool,
    analysis_reasons: &'static str,
    #[serde(flatten)]
    policy: PolicyExplanation,
}

/// Answers.
pub(super) async fn what_if(
    State(service): State<Arc<Service>>,
    Json(question): Json<Question>,
) -> Result<Json<Results>, Problem> {
    tokio::task::spawn_blocking(move || question.answer(&service))
        .await
        .map_err(Problem::unavailable)?
        .map(Json)
}

impl Question {
    fn answer(&self, service: &Service) -> Result<Results, Problem> {
        let tenant: TenantId = self
            .tenant
            .parse()
            .map_err(|error| Problem::bad_request(format!("`tenant`: {error}")))?;
        let read = service.documents.read(&tenant).ok_or_else(|| {
            Problem::bad_request(format!("nothing is published for tenant `{tenant}`"))
        })?;
        let now = service.now();
        let profile = IssuerProfile::generic("what-if");
        let document = RequestDocument::from_value(self.request(now)?, |_| Some(&profile))
            .map_err(Problem::bad_request)?;
        let engine = self.engine(service, &tenant, &read, &document, now)?;
        let token = engine.token(document.token.clone());
        let request = document.request();
        let explanation = engine.explain(&token, &request);
        let decision = explanation.answer(None, &token, &request);
        let Explanation {
            policies, marks, ..
        } = explanation;
        let value = policies
            .into_iter()
            .map(WhatIf::new)
            .filter(|result| result.policy_applies || !self.applied_policies_only)
            .collect();
        Ok(Results {
            value,
            decision,
            marks: json!(marks),
        })
    }

    /// The question as a request with a token that is issued now.
    fn request(&self, now: Timestamp) -> Result<Value, Problem> {
        let identity = &self.sign_in_identity;
        let (subject, kind) = match (&identity.user_id, &identity.service_principal_id) {
            (Some(user), None) => (user, "user"),
            (None, Some(workload)) => (workload, "app"),
            _ => {
                return Err(Problem::bad_request(
                    "`signInIdentity` needs a `userId` or a `servicePrincipalId`",
                ));
            }
        };
        let context = &self.sign_in_context;
        let resource = match context.include_applications.as_slice() {
            [] => None,
            [one] => Some(one),
            _ => {
                return Err(Problem::bad_request(
                    "`includeApplications`: ask about one application at a time",
                ));
            }
        };
        let conditions = &self.sign_in_conditions;
        let is_guest = identity.external_user_type.as_deref();
        Ok(json!({
            "now": now,
            "ip": conditions.ip_address,
            "resource": resource,
            "auth_context": context.authentication_context_value,
            "token": {
                "iss": "what-if", "tid": self.tenant, "oid": subject, "idtyp": kind,
                "iat": now.seconds(), "exp": now.plus_seconds(3600).seconds(),
                "acct": is_guest.map(|kind| u8::from(kind != "none")),
            },
            "signals": {
                "country": conditions.country,
                "platform": conditions.device_platform,
                "client_app_type": conditions.client_app_type,
                "device": conditions.device_info,
            },
        }))
    }

    /// An engine for this question alone.
    fn engine(
        &self,
        service: &Service,
        tenant: &TenantId,
        read: &ReadTenant,
        document: &RequestDocument,
        now: Timestamp,
    ) -> Result<Engine, Problem> {
        let engine = Engine::new(service.engine.settings().clone());
        read.publish_as(&engine, tenant)
            .map_err(Problem::unavailable)?;
        let conditions = &self.sign_in_conditions;
        let given = [
            ("user", &conditions.user_risk_level),
            ("workload", &conditions.service_principal_risk_level),
        ]
        .into_iter()
        .find_map(|(dimension, level)| Some((dimension, level.as_deref()?)));
        let token = &document.token;
        let known = service
            .engine
            .facts()
            .concerning(tenant, |dimension| token.carried(dimension));
        for entry in known {
            if given.is_none() || entry.register() != RegisterKind::Risk {
                engine.facts().merge(entry);
            }
        }
        if let Some((dimension, level)) = given {
            let event = Event::from_value(&json!({
                "time": now, "tenant": tenant, "subject": {dimension: token.subject},
                "effect": {"risk": level}, "source": "what-if",
            }))
            .map_err(Problem::bad_request)?;
            engine.apply(&event);
        }
        Ok(engine)
    }
}

impl WhatIf {
    fn new(policy: PolicyExplanation) -> WhatIf {
        let reasons = if policy.state == "disabled" {
            "policyNotEnabled"
        } else if let Some(condition) = policy.conditions_not_satisfied.first() {
            analysis_reason(condition)
        } else if !policy.conditions_unknown.is_empty() {
            "notEnoughInformation"
        } else {
            "notSet"
        };
        WhatIf {
            policy_applies: reasons == "notSet",
            analysis_reasons: reasons,
            policy,
        }
    }
}

/// `analysisReasons` for a condition by its `conditionalAccessConditions` name.
fn analysis_reason(condition: &str) -> &'static str {
    match condition {
        "users" => "users",
        "servicePrincipals" | "servicePrincipalRisk" => "workloadIdentities",
        "application" => "application",
        "ipAddressSeenByResourceProvider" => "location",
        "userRisk" => "userRisk",
        "clientType" => "clientApps",
        "devicePlatform" => "devicePlatform",
        "deviceState" => "devices",
        _ => "invalidCondition",
    }
}
