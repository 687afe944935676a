//! The C ABI as a surface: flat structs one at a time, flat structs in batches, and JSON lines.
//!
//! A JSON answer is also compared byte by byte with that of the engine itself, which lives
//! through the same case beside it.

use std::collections::HashMap;

use highwater::engine::Engine;
use highwater::exchange::RequestDocument;
use highwater::identifier::TenantId;
use highwater::model::{ClientAppType, Platform};
use highwater::token::IssuerProfiles;
use highwater_ffi::caller::{Decision, Device, Documents, Request, Resource, Token};
use highwater_ffi::decision::highwater_outcome;
use highwater_ffi::documents::highwater_document_kind;
use highwater_ffi::request::{highwater_client_app_type, highwater_platform};
use highwater_ffi::{caller, status::highwater_status};
use serde_json::{Value, json};

use super::{flags, model, word};
use crate::request_line::RequestLine;
use crate::vector::{Answer, Case, Step, Surface, TENANT};

/// Asks the library as a C program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CSurface {
    /// By `highwater_engine_decide`, tokens kept as hosts keep them.
    Deciding,
    /// By `highwater_engine_decide_batch`, as many requests as come without an event between.
    Batched,
    /// By `highwater_engine_answer`.
    Answering,
    /// By `highwater_engine_answer_and_explain`.
    Explaining,
}

impl Surface for CSurface {
    fn name(&self) -> &'static str {
        match self {
            CSurface::Deciding => "C ABI",
            CSurface::Batched => "C ABI, in batches",
            CSurface::Answering => "C ABI, JSON",
            CSurface::Explaining => "C ABI, explaining",
        }
    }

    fn run(&mut self, case: &Case) -> Vec<Answer> {
        let mut run = Run::start(case);
        for step in &case.steps {
            match step {
                Step::Event(event) => {
                    run.decide_waiting();
                    let json = serde_json::to_string(event).expect("an event is JSON");
                    run.engine.apply(&json).expect("the event is taken");
                    run.twin.apply(event);
                }
                Step::Request { line, .. } => match self {
                    CSurface::Deciding => run.decide(case, line),
                    CSurface::Batched => run.wait(case, line),
                    CSurface::Answering => run.answer(line),
                    CSurface::Explaining => run.explain(line),
                },
            }
        }
        run.decide_waiting();
        run.answers
    }
}

struct Run {
    engine: caller::Engine,
    /// The engine itself, living through the same.
    twin: Engine,
    issuers: IssuerProfiles,
    names: Vec<String>,
    tokens: HashMap<String, Token>,
    waiting: Vec<(Token, Parts)>,
    answers: Vec<Answer>,
}

impl Run {
    fn start(case: &Case) -> Run {
        let options = json!({"settings": case.engine, "issuers": [case.issuer]}).to_string();
        let engine = caller::Engine::new(&options).expect("the options of a vector are taken");
        let settings = serde_json::to_string(&case.tenant).expect("settings are JSON");
        engine
            .publish(TENANT, &documents(case), &settings)
            .expect("the documents of a vector are published");
        let policies: Value = serde_json::from_str(&engine.policies(TENANT).expect("a snapshot"))
            .expect("policies are JSON");
        let twin = Engine::new(case.engine.clone());
        let tenant = TenantId::new(TENANT).expect("the constant is an identifier");
        twin.publish(tenant, &model(case), case.tenant.clone())
            .expect("a vector fits a snapshot");
        Run {
            engine,
            twin,
            issuers: IssuerProfiles::new(vec![case.issuer.clone()]),
            names: policies
                .as_array()
                .expect("policies are an array")
                .iter()
                .map(|policy| policy["name"].as_str().expect("a name").to_owned())
                .collect(),
            tokens: HashMap::new(),
            waiting: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// The token and the rest of a line; nothing if it cannot be read.
    fn parts(&self, case: &Case, line: &Value) -> Option<(Token, Parts)> {
        let token = self.engine.token(&line["token"].to_string());
        let Ok(read) = RequestLine::read(line, &case.issuer) else {
            // What an independent reader refuses is refused at the token, or in JSON.
            assert!(token.is_err() || self.engine.answer(&line.to_string()).is_err());
            return None;
        };
        Some((token.expect("the claims are taken"), Parts::new(&read)))
    }

    fn decide(&mut self, case: &Case, line: &Value) {
        let Some((fresh, parts)) = self.parts(case, line) else {
            return self.answers.push(Answer::error());
        };
        let request = parts.request();
        let token = self
            .tokens
            .entry(line["token"].to_string())
            .or_insert(fresh);
        let decision = self.engine.decide(token, &request).expect("a decision");
        let answer = answer(&self.names, &decision, token, &request);
        self.answers.push(answer);
    }

    fn wait(&mut self, case: &Case, line: &Value) {
        match self.parts(case, line) {
            Some(parts) => self.waiting.push(parts),
            None => {
                self.decide_waiting();
                self.answers.push(Answer::error());
            }
        }
    }

    fn decide_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let tokens: Vec<&Token> = waiting.iter().map(|(token, _)| token).collect();
        let requests: Vec<Request<'_>> = waiting.iter().map(|(_, parts)| parts.request()).collect();
        let decisions = self
            .engine
            .decide_batch(&tokens, &requests)
            .expect("decisions");
        for ((decision, token), request) in decisions.iter().zip(tokens).zip(&requests) {
            self.answers
                .push(answer(&self.names, decision, token, request));
        }
    }

    fn answer(&mut self, line: &Value) {
        let line = line.to_string();
        let document = RequestDocument::from_json(&line, |issuer| self.issuers.find(issuer));
        let answered = self.engine.answer(&line);
        self.answers.push(match (document, answered) {
            (Ok(document), Ok(answered)) => {
                let token = self.twin.token(document.token.clone());
                let id = document.id.clone();
                let expected = self.twin.answer(id, &token, &document.request());
                let expected = serde_json::to_string(&expected).expect("an answer is JSON");
                assert_eq!(answered, expected, "byte for byte");
                super::command::answer(&serde_json::from_str(&answered).expect("JSON"))
            }
            (Err(_), Err(refused)) => {
                assert_eq!(refused.status, highwater_status::InvalidRequest);
                Answer::error()
            }
            (document, answered) => panic!("{document:?} and {answered:?}"),
        });
    }

    fn explain(&mut self, line: &Value) {
        let Ok(explained) = self.engine.answer_and_explain(&line.to_string()) else {
            return self.answers.push(Answer::error());
        };
        let explained: Value = serde_json::from_str(&explained).expect("an explanation is JSON");
        let policies = explained["policies"].as_array().expect("policies");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let results = policies
            .iter()
            .map(|policy| (text(&policy["displayName"]), text(&policy["result"])))
            .collect();
        // An explanation lists every policy; an answer those that object.
        let mut answer = explained.clone();
        answer["policies"] = policies
            .iter()
            .filter(|policy| policy["result"] == "failure")
            .map(|policy| json!({"name": policy["displayName"]}))
            .collect();
        self.answers.push(Answer {
            results: Some(results),
            ..super::command::answer(&answer)
        });
    }
}

/// What a request points to.
struct Parts {
    read: RequestLine,
    resource: Option<Resource>,
    device: Option<Device>,
}

impl Parts {
    fn new(read: &RequestLine) -> Parts {
        let read = read.clone();
        let request = read.request();
        let resource = request
            .resource
            .map(|id| Resource::new(id.as_str()).expect("a resource"));
        let device = request.signals.device.map(|attributes| {
            Device::new(&json!(attributes).to_string()).expect("attributes of a device")
        });
        Parts {
            read,
            resource,
            device,
        }
    }

    fn request(&self) -> Request<'_> {
        let read = self.read.request();
        let mut request = Request::new(read.now.milliseconds());
        if let Some(address) = read.address {
            request.from_address(address).expect("an address");
        }
        if let Some(resource) = &self.resource {
            request.to(resource);
        }
        if let Some(device) = &self.device {
            request.on(device);
        }
        if let Some(context) = read.authentication_context {
            request.needing(context);
        }
        let signals = read.signals;
        request.numbers(
            signals.platform.map_or(0, platform),
            signals.client_app_type.map_or(0, client_app_type),
            signals.compliant_network.map_or(0, |yes| 1 + u8::from(yes)),
            signals.country.unwrap_or_default(),
        );
        request
    }
}

fn platform(platform: Platform) -> u8 {
    (match platform {
        Platform::Android => highwater_platform::Android,
        Platform::Ios => highwater_platform::Ios,
        Platform::Windows => highwater_platform::Windows,
        Platform::WindowsPhone => highwater_platform::WindowsPhone,
        Platform::MacOs => highwater_platform::Macos,
        Platform::Linux => highwater_platform::Linux,
        Platform::Other => highwater_platform::Other,
    }) as u8
}

fn client_app_type(kind: ClientAppType) -> u8 {
    (match kind {
        ClientAppType::Browser => highwater_client_app_type::Browser,
        ClientAppType::MobileAppsAndDesktopClients => {
            highwater_client_app_type::MobileAppsAndDesktopClients
        }
        ClientAppType::ExchangeActiveSync => highwater_client_app_type::ExchangeActiveSync,
        ClientAppType::EasSupported => highwater_client_app_type::EasSupported,
        ClientAppType::Other => highwater_client_app_type::Other,
    }) as u8
}

/// The documents of a case, handed over one by one.
fn documents(case: &Case) -> Documents {
    let mut documents = Documents::new(0).expect("a collection");
    let mut add = |kind, name: &str, data: &str| {
        documents
            .add(kind, name, data.as_bytes())
            .expect("a document is taken");
    };
    let graph = highwater_document_kind::Graph;
    for (index, policy) in case.documents.policies.iter().enumerate() {
        add(graph, &format!("policy-{index}.json"), &policy.to_string());
    }
    for (index, location) in case.documents.locations.iter().enumerate() {
        add(
            graph,
            &format!("location-{index}.json"),
            &location.to_string(),
        );
    }
    if let Some(memberships) = &case.documents.memberships {
        add(graph, "memberships.json", &memberships.to_string());
    }
    if let Some(list) = &case.documents.trusted_ips {
        add(highwater_document_kind::TrustedIps, "trusted-ips.txt", list);
    }
    if let Some(list) = &case.documents.countries {
        add(highwater_document_kind::CountryList, "countries.txt", list);
    }
    documents
}

fn answer(names: &[String], decision: &Decision, token: &Token, request: &Request<'_>) -> Answer {
    let raw = decision.raw();
    let header = decision.header(token, request).expect("a header or none");
    let outcome = match raw.outcome {
        outcome if outcome == highwater_outcome::Allow as u32 => {
            highwater::decision::Outcome::Allow
        }
        outcome if outcome == highwater_outcome::Challenge as u32 => {
            highwater::decision::Outcome::Challenge
        }
        outcome => {
            assert_eq!(outcome, highwater_outcome::Deny as u32);
            highwater::decision::Outcome::Deny
        }
    };
    Answer {
        decision: word(outcome, raw.status),
        reasons: decision.reasons().into_iter().map(str::to_owned).collect(),
        policies: raw
            .policies
            .iter()
            .take(raw.policy_count as usize)
            .map(|&index| names[index as usize].clone())
            .collect(),
        flags: Some(flags(raw.uncovered == 1, raw.degraded == 1)),
        claims: header
            .as_deref()
            .and_then(|header| highwater::challenge::parse([header]).first()?.claims())
            .map(Value::Object),
        header,
        results: None,
    }
}
