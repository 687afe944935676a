//! The vectors as JSON Lines with the engine's own answers, for tests in languages that have no
//! reader for the files: `vectors` writes one case a line to standard output.
//!
//! | member | content |
//! |---|---|
//! | `name` | the file and the case's name in it |
//! | `options` | for `highwater_engine_new` |
//! | `tenant`, `settings` | for `highwater_engine_publish` |
//! | `documents` | `{"kind", "name", "text"}`, `kind` as in `highwater_document_kind` |
//! | `steps` | `{"event"}`: an engine event as JSON text; or a request, below |
//!
//! | member of a request | content |
//! |---|---|
//! | `request` | the line of `highwater decide`, as text |
//! | `expect` | `allow`, `challenge`, `deny 401`, `deny 403` or `error`, as recorded |
//! | `answer` | what the engine answers, as text, byte for byte; null for an error |
//! | `explanation` | what it explains in place of the answer; null for an error |
//! | `error` | `{"message", "path"}` of a request that cannot be read; else null |
//! | `parts` | the request as a host that fills in structs has it, numbers as in the header: `claims` and `device` as text, `now` in milliseconds, `address`, `resource`, `authentication_context`, `country`, `platform`, `client_app_type`, `compliant_network`; null for an error |
//!
//! Nothing is written unless every answer is the recorded one, so that a language cannot agree
//! with an engine that is wrong.

use std::io::Write;

use highwater::decision::Outcome;
use highwater::engine::Engine;
use highwater::exchange::{ExplainedAnswer, RequestDocument};
use highwater::identifier::TenantId;
use highwater::model::{ClientAppType, Platform};
use highwater::token::IssuerProfiles;
use serde_json::{Value, json};

use highwater_tests::surface::model;
use highwater_tests::vector::{Case, Expected, Step, TENANT, corpus};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut lines = String::new();
    for case in corpus()? {
        lines.push_str(&line(&case)?.to_string());
        lines.push('\n');
    }
    std::io::stdout().lock().write_all(lines.as_bytes())?;
    Ok(())
}

/// A case with its answers.
fn line(case: &Case) -> Result<Value, Box<dyn std::error::Error>> {
    // What a challenge leaves behind counts for the next request, so each way of asking has an
    // engine of its own.
    let (answering, explaining) = (Asked::start(case)?, Asked::start(case)?);
    let mut steps = Vec::new();
    for step in &case.steps {
        steps.push(match step {
            Step::Event(event) => {
                answering.engine.apply(event);
                explaining.engine.apply(event);
                json!({ "event": serde_json::to_string(event)? })
            }
            Step::Request { line, expected } => {
                let line = line.to_string();
                let mut written = match answering.answer(&line, expected, &case.name)? {
                    Ok(answer) => json!({
                        "answer": answer,
                        "explanation": explaining.explanation(&line)?,
                        "error": null,
                        "parts": explaining.parts(&line)?,
                    }),
                    Err(error) => json!({
                        "answer": null, "explanation": null, "error": error, "parts": null,
                    }),
                };
                written["request"] = line.into();
                written["expect"] = expected.answer.decision.clone().into();
                written
            }
        });
    }
    Ok(json!({
        "name": case.name,
        "options": { "settings": case.engine, "issuers": [case.issuer] },
        "tenant": TENANT,
        "settings": case.tenant,
        "documents": documents(case),
        "steps": steps,
    }))
}

fn documents(case: &Case) -> Vec<Value> {
    let documents = &case.documents;
    let graph =
        |name: String, value: &Value| json!({"kind": 1, "name": name, "text": value.to_string()});
    let numbered = |word: &str, values: &[Value]| -> Vec<Value> {
        let named = |(index, value)| graph(format!("{word}-{index}.json"), value);
        values.iter().enumerate().map(named).collect()
    };
    let mut all = numbered("policy", &documents.policies);
    all.extend(numbered("location", &documents.locations));
    if let Some(memberships) = &documents.memberships {
        all.push(graph("memberships.json".to_owned(), memberships));
    }
    if let Some(list) = &documents.trusted_ips {
        all.push(json!({"kind": 3, "name": "trusted-ips.txt", "text": list}));
    }
    if let Some(list) = &documents.countries {
        all.push(json!({"kind": 4, "name": "countries.txt", "text": list}));
    }
    all
}

/// An engine that is asked the requests of a case.
struct Asked {
    engine: Engine,
    issuers: IssuerProfiles,
}

impl Asked {
    fn start(case: &Case) -> Result<Asked, Box<dyn std::error::Error>> {
        let engine = Engine::new(case.engine.clone());
        engine.publish(TenantId::new(TENANT)?, &model(case), case.tenant.clone())?;
        Ok(Asked {
            engine,
            issuers: IssuerProfiles::new(vec![case.issuer.clone()]),
        })
    }

    /// The answer, or the error as JSON; fails if it is not the recorded one.
    fn answer(
        &self,
        line: &str,
        expected: &Expected,
        case: &str,
    ) -> Result<Result<String, Value>, Box<dyn std::error::Error>> {
        let recorded = &expected.answer.decision;
        let document = match RequestDocument::from_json(line, |issuer| self.issuers.find(issuer)) {
            Ok(document) => document,
            Err(error) if recorded == "error" => {
                return Ok(Err(
                    json!({"message": error.to_string(), "path": error.path}),
                ));
            }
            Err(error) => return Err(format!("{case}: {error}").into()),
        };
        let token = self.engine.token(document.token.clone());
        let answer = self
            .engine
            .answer(document.id.clone(), &token, &document.request());
        let word = match answer.decision {
            Outcome::Deny => format!("deny {}", answer.status),
            outcome => outcome.as_str().to_owned(),
        };
        let reasons = answer.reasons.iter().map(|reason| reason.as_str());
        if word != *recorded || !reasons.eq(&expected.answer.reasons) {
            return Err(format!("{case}: expected `{recorded}`, got `{word}`").into());
        }
        Ok(Ok(serde_json::to_string(&answer)?))
    }

    fn explanation(&self, line: &str) -> Result<String, Box<dyn std::error::Error>> {
        let document = RequestDocument::from_json(line, |issuer| self.issuers.find(issuer))?;
        let token = self.engine.token(document.token.clone());
        let request = document.request();
        let explained = self.engine.decide_and_explain(&token, &request);
        let answer = explained.answer(document.id.clone(), &token, &request);
        Ok(serde_json::to_string(&ExplainedAnswer::new(
            &answer, &explained,
        ))?)
    }
    /// The request taken apart.
    fn parts(&self, line: &str) -> Result<Value, Box<dyn std::error::Error>> {
        let document = RequestDocument::from_json(line, |issuer| self.issuers.find(issuer))?;
        let request = document.request();
        let written: Value = serde_json::from_str(line)?;
        let text = |value: &Value| match value {
            Value::Null => Value::Null,
            value => value.to_string().into(),
        };
        Ok(json!({
            "claims": text(&written["token"]),
            "now": request.now.milliseconds(),
            "address": request.address,
            "resource": request.resource,
            "authentication_context": request.authentication_context,
            "country": request.signals.country.map(|code| String::from_utf8_lossy(&code).into_owned()),
            "platform": request.signals.platform.map_or(0, platform),
            "client_app_type": request.signals.client_app_type.map_or(0, client_app_type),
            "compliant_network": request.signals.compliant_network.map_or(0, |yes| 1 + u8::from(yes)),
            "device": text(&written["signals"]["device"]),
        }))
    }
}

fn platform(platform: Platform) -> u8 {
    match platform {
        Platform::Android => 1,
        Platform::Ios => 2,
        Platform::Windows => 3,
        Platform::WindowsPhone => 4,
        Platform::MacOs => 5,
        Platform::Linux => 6,
        Platform::Other => 7,
    }
}

fn client_app_type(client_app_type: ClientAppType) -> u8 {
    match client_app_type {
        ClientAppType::Browser => 1,
        ClientAppType::MobileAppsAndDesktopClients => 2,
        ClientAppType::ExchangeActiveSync => 3,
        ClientAppType::EasSupported => 4,
        ClientAppType::Other => 5,
    }
}
