//! Files of events, whatever they hold: what a command line or a replay reads.
//!
//! A file may be one JSON document, an array of them, or one per line; a document may be a claims
//! set, a compact token, a poll response, a Graph page or an engine event. Which it is shows in
//! its members, so nobody has to say it.

use highwater::event::Event;
use highwater::identifier::{Identifier, TenantId};
use highwater::timestamp::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::directory::Directory;
use crate::event_map::{Interpretation, Notice};
use crate::graph::{FeedState, GraphConfig, GraphFacts, Page};
use crate::receiver::Receiver;
use crate::refusal::{ErrorCode, Refusal};
use crate::set::verify::VerifyError;
use crate::set::{Claims, Compact, KeySet, Voucher};
use crate::transmitter::{Authority, Naming, ProfileName, Scope, SubjectPolicy, TransmitterConfig};

/// What became of one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It changes or confirms something.
    Accepted,
    /// It is acknowledged and changes nothing.
    Ignored,
    /// It is refused.
    Refused,
}

/// One input and what became of it; as JSON, one line of the report.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The file, and the line or element where it has several.
    pub input: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The code of RFC 8935, if it was refused.
    pub err: Option<ErrorCode>,
    /// Why it was refused or ignored.
    pub description: Option<String>,
    /// The engine events.
    pub events: Vec<Event>,
    /// What else an operator may want to know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Value>,
    /// What a Graph page says besides events.
    #[serde(skip)]
    pub graph: GraphFacts,
}

/// What is expected of the tokens in the files.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// The issuer. `None`: whichever the token names.
    pub issuer: Option<String>,
    /// The audience. `None`: whichever the token names, but it must name one.
    pub audience: Option<String>,
    /// The profile.
    pub profile: ProfileName,
    /// The keys that signed tokens are verified with.
    pub jwks: Option<Value>,
    /// Whether claims sets without a signature are taken.
    pub trust_unsigned: bool,
    /// The tenant of Graph pages, and of subjects that do not bring their own.
    pub tenant: Option<TenantId>,
    /// The name under which the facts are kept.
    pub source: Identifier,
    /// The current time.
    pub now: Timestamp,
}

impl Expectation {
    /// Nothing in particular is expected, and nothing unsigned is trusted.
    #[must_use]
    pub fn new(source: Identifier, now: Timestamp) -> Expectation {
        Expectation {
            issuer: None,
            audience: None,
            profile: ProfileName::default(),
            jwks: None,
            trust_unsigned: false,
            tenant: None,
            source,
            now,
        }
    }
}

/// Reads files of events.
pub struct Intake<'a> {
    expectation: Expectation,
    /// Transmitters that are configured in full; asked first.
    configured: Option<&'a Receiver>,
    directory: &'a dyn Directory,
    graph: FeedState,
}

impl std::fmt::Debug for Intake<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Intake")
            .field("expectation", &self.expectation)
            .finish_non_exhaustive()
    }
}

impl<'a> Intake<'a> {
    /// An intake with these expectations.
    #[must_use]
    pub fn new(expectation: Expectation, directory: &'a dyn Directory) -> Intake<'a> {
        Intake {
            expectation,
            configured: None,
            directory,
            graph: FeedState::default(),
        }
    }

    /// Also knows transmitters that are configured in full.
    #[must_use]
    pub fn with_receiver(mut self, receiver: &'a Receiver) -> Intake<'a> {
        self.configured = Some(receiver);
        self
    }

    /// Reads one file.
    pub fn file(&mut self, name: &str, content: &[u8]) -> Vec<Report> {
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        let Ok(text) = std::str::from_utf8(content) else {
            return vec![refused(
                name.to_owned(),
                &Refusal::invalid_request("the file is not UTF-8"),
            )];
        };
        let text = text.trim();
        if text.is_empty() {
            return Vec::new();
        }
        match serde_json::from_str::<Value>(text) {
            Ok(Value::Array(elements)) => elements
                .into_iter()
                .enumerate()
                .flat_map(|(index, element)| {
                    let input = format!("{name}#/{index}");
                    match element {
                        Value::String(token) => self.text(input, &token),
                        value => self.value(input, value),
                    }
                })
                .collect(),
            Ok(value) => self.value(name.to_owned(), value),
            Err(error) => self.lines(name, text, &error),
        }
    }

    fn lines(&mut self, name: &str, text: &str, whole: &serde_json::Error) -> Vec<Report> {
        let lines: Vec<(usize, &str)> = text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line.trim()))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .collect();
        let looks_alone =
            |line: &str| is_compact(line) || serde_json::from_str::<Value>(line).is_ok();
        if lines.len() > 1 && !lines.iter().any(|(_, line)| looks_alone(line)) {
            // One document over many lines, with a mistake in it.
            return vec![refused(
                name.to_owned(),
                &Refusal::invalid_request(format!("the file is not JSON: {whole}")),
            )];
        }
        let single = lines.len() == 1;
        lines
            .into_iter()
            .flat_map(|(number, line)| {
                let input = if single {
                    name.to_owned()
                } else {
                    format!("{name}:{number}")
                };
                self.text(input, line)
            })
            .collect()
    }

    fn text(&mut self, input: String, text: &str) -> Vec<Report> {
        match serde_json::from_str::<Value>(text) {
            Ok(Value::String(_)) => {}
            Ok(value) => return self.value(input, value),
            Err(error) if text.starts_with(['{', '[']) => {
                let refusal = Refusal::invalid_request(format!("not JSON: {error}"));
                return vec![refused(input, &refusal)];
            }
            // A token, as it is sent.
            Err(_) => {}
        }
        let text = text.trim_matches('"');
        vec![match self.token(text) {
            Ok(interpretation) => interpreted(input, interpretation),
            Err(refusal) => refused(input, &refusal),
        }]
    }

    fn value(&mut self, input: String, value: Value) -> Vec<Report> {
        let has = |name: &str| value.get(name).is_some();
        if let Some(sets) = value.get("sets").and_then(Value::as_object) {
            return sets
                .iter()
                .flat_map(|(id, token)| {
                    self.text(
                        format!("{input}#/sets/{id}"),
                        token.as_str().unwrap_or_default(),
                    )
                })
                .collect();
        }
        if has("effect") && has("source") {
            return vec![match Event::from_value(&value) {
                Ok(event) => Report {
                    events: vec![event],
                    ..report(input, Outcome::Accepted)
                },
                Err(error) => refused(input, &Refusal::invalid_request(error.to_string())),
            }];
        }
        if has("events") {
            return vec![match self.claims(&value) {
                Ok(interpretation) => interpreted(input, interpretation),
                Err(refusal) => refused(input, &refusal),
            }];
        }
        vec![self.graph(input, value)]
    }

    fn claims(&self, value: &Value) -> Result<Interpretation, Refusal> {
        let json = value.to_string();
        if !self.expectation.trust_unsigned {
            // What is wrong with the claims is said first: it would stay wrong when signed.
            Claims::parse(json.as_bytes())?;
            return Err(Refusal::new(
                ErrorCode::AuthenticationFailed,
                "the claims are not signed; trust them explicitly, or give the token and its keys",
            ));
        }
        let voucher = Voucher::host("trusted unsigned, as the operator says");
        let claims = Claims::parse(json.as_bytes())?;
        if let Some(receiver) = self.known(&claims.issuer) {
            let set = receiver.vouch(json.as_bytes(), self.expectation.now, voucher)?;
            return receiver.interpret(&set, self.directory);
        }
        let receiver = self.expected(&claims)?;
        let set = receiver.vouch(json.as_bytes(), self.expectation.now, voucher)?;
        receiver.interpret(&set, self.directory)
    }

    fn token(&self, token: &str) -> Result<Interpretation, Refusal> {
        let compact = Compact::parse(token.as_bytes())?;
        crate::set::verify::media_type(&compact)?;
        let claims = Claims::parse(&compact.payload)?;
        let now = self.expectation.now;
        let expected;
        let receiver = match self.known(&claims.issuer) {
            Some(receiver) => receiver,
            None => {
                expected = self.expected(&claims)?;
                &expected
            }
        };
        let set = receiver
            .verify(token.as_bytes(), now)
            .map_err(|error| match error {
                VerifyError::Refused(refusal) => refusal,
                VerifyError::UnknownKey { key_id, .. } => Refusal::new(
                    ErrorCode::InvalidKey,
                    format!(
                        "the key `{}` is not among the given keys",
                        key_id.as_deref().unwrap_or("(unnamed)")
                    ),
                ),
            })?;
        receiver.interpret(&set, self.directory)
    }

    fn known(&self, issuer: &str) -> Option<&'a Receiver> {
        self.configured.filter(|receiver| {
            receiver
                .transmitters()
                .iter()
                .any(|transmitter| transmitter.config().issuer == issuer)
        })
    }

    /// A receiver for one token, as the operator expects it: whoever reads a file by hand may
    /// read all of it.
    fn expected(&self, claims: &Claims) -> Result<Receiver, Refusal> {
        let expectation = &self.expectation;
        let issuer = expectation
            .issuer
            .clone()
            .unwrap_or_else(|| claims.issuer.clone());
        let audience = match &expectation.audience {
            Some(audience) => vec![audience.clone()],
            None if claims.audience.is_empty() => vec!["(none)".to_owned()],
            None => claims.audience.clone(),
        };
        let config = TransmitterConfig {
            profile: expectation.profile,
            tenant: expectation.tenant.clone(),
            authority: Authority {
                subject_issuers: vec!["*".to_owned()],
                tenants: vec!["*".to_owned()],
                scope: Scope::Tenant,
                may_unblock: true,
                may_change_identifiers: true,
                event_types: None,
            },
            subjects: SubjectPolicy {
                email: Naming::Either,
                phone_number: Naming::Either,
                account: Naming::Either,
                scim: Naming::Either,
                ..SubjectPolicy::default()
            },
            ..TransmitterConfig::new(expectation.source.clone(), issuer, audience)
        };
        let mut receiver =
            Receiver::new([config]).map_err(|error| Refusal::invalid_request(error.to_string()))?;
        if let Some(jwks) = &expectation.jwks
            && let Some(transmitter) = receiver.transmitter_mut(expectation.source.as_str())
        {
            transmitter.finish_keys(KeySet::from_value(jwks), expectation.now);
        }
        Ok(receiver)
    }

    fn graph(&mut self, input: String, value: Value) -> Report {
        let unknown = || {
            Refusal::invalid_request(
                "neither a Security Event Token, a Graph page nor an engine event",
            )
        };
        let page = match Page::from_value(value) {
            Ok(page) => page,
            Err(error) => return refused(input, &Refusal::invalid_request(error.to_string())),
        };
        let Some(kind) = page.kind else {
            return refused(input, &unknown());
        };
        let tenant = self.expectation.tenant.clone();
        let Some(tenant) = tenant else {
            return refused(
                input,
                &Refusal::invalid_request("a Graph page does not name its tenant; give it"),
            );
        };
        let config = GraphConfig {
            source: self.expectation.source.clone(),
            ..GraphConfig::new(tenant)
        };
        let facts =
            crate::graph::read_page(kind, page, &config, &mut self.graph, self.expectation.now);
        let outcome = if facts.is_empty() {
            Outcome::Ignored
        } else {
            Outcome::Accepted
        };
        Report {
            description: (outcome == Outcome::Ignored)
                .then(|| "the page changes nothing".to_owned()),
            events: facts.events.clone(),
            notices: facts.notices.iter().map(|notice| json!(notice)).collect(),
            graph: facts,
            ..report(input, outcome)
        }
    }
}

/// Three parts of the base64url alphabet.
fn is_compact(text: &str) -> bool {
    text.split('.').count() == 3
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

fn report(input: String, outcome: Outcome) -> Report {
    Report {
        input,
        outcome,
        err: None,
        description: None,
        events: Vec::new(),
        notices: Vec::new(),
        graph: GraphFacts::default(),
    }
}

fn refused(input: String, refusal: &Refusal) -> Report {
    Report {
        err: Some(refusal.code),
        description: Some(match &refusal.detail {
            Some(detail) => format!("{}: {detail}", refusal.description),
            None => refusal.description.clone().into_owned(),
        }),
        ..report(input, Outcome::Refused)
    }
}

fn interpreted(input: String, interpretation: Interpretation) -> Report {
    let outcome = if interpretation.has_effect() {
        Outcome::Accepted
    } else {
        Outcome::Ignored
    };
    let description = (outcome == Outcome::Ignored).then(|| {
        interpretation
            .notices
            .iter()
            .map(|notice| match notice {
                Notice::UnknownEventType { uri } => format!("the event type `{uri}` is not known"),
                Notice::NoEffect { reason, .. } => reason.clone(),
                Notice::UnknownFormat { format } => {
                    format!("the subject format `{format}` names nothing here")
                }
                other => other.label().to_owned(),
            })
            .collect::<Vec<_>>()
            .join("; ")
    });
    Report {
        description,
        events: interpretation.events,
        notices: interpretation
            .notices
            .iter()
            .map(|notice| json!(notice))
            .collect(),
        ..report(input, outcome)
    }
}
