//! The judge: one verdict per request, and a trace of it in metrics and the decision log.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use highwater::decision::{Decision, Outcome, PolicyIndex};
use highwater::evaluate::{Observer, Verdict as PolicyVerdict};
use highwater::identifier::Identifier;
use highwater::reason::Reason;
use highwater::request::Request;
use highwater::snapshot::policy_table::CompiledPolicy;
use highwater::timestamp::Timestamp;
use highwater::token::VerifiedToken;
use highwater_tower::token::{Authorization, TokenError, TokenErrorKind, TokenValidator, bearer};
use http::HeaderMap;
use tracing::{Instrument, Span};

use super::target::{Routes, Target};
use super::tokens;
use crate::config::Configuration;
use crate::config::serve::Fail;
use crate::failure::Failure;
use crate::serve::Service;
use crate::serve::decision_log::{DecisionLog, Record};
use crate::serve::logs;

/// What decides about requests, beside the engine: which tokens are accepted, what paths ask for.
pub(crate) struct Judge {
    validator: Option<TokenValidator>,
    /// Where to get tokens while none is accepted.
    nowhere: Authorization,
    routes: Routes,
    log: Option<DecisionLog>,
}

/// What a gateway asks.
pub(super) struct Question<'a> {
    /// The headers of the original request, or what the gateway passes on of them.
    pub(super) headers: &'a HeaderMap,
    /// The address of the client, if it is known.
    pub(super) address: Option<IpAddr>,
    /// What was asked of the API.
    pub(super) target: Target<'a>,
    /// Contexts that the gateway asks for by itself.
    pub(super) contexts: Vec<&'a str>,
}

/// What to answer.
pub(super) enum Verdict {
    /// The engine decided.
    Decided(Box<Decided>),
    /// The token is not accepted.
    Token(TokenError),
    /// Nobody can judge: what the listener says about such requests applies.
    Unjudged {
        /// Why, as a code.
        reason: &'static str,
        /// What becomes of it.
        fail: Fail,
    },
}

/// A decision and what it was about.
pub(crate) struct Decided {
    pub(crate) token: Arc<VerifiedToken>,
    pub(crate) decision: Decision,
    /// Policies with a violation.
    pub(crate) policies: Vec<Identifier>,
    pub(crate) now: Timestamp,
    pub(crate) address: Option<IpAddr>,
    /// The context that was asked for when the decision fell.
    pub(crate) context: Option<String>,
}

impl Decided {
    /// The circumstances that the decision was about.
    pub(super) fn request(&self) -> Request<'_> {
        Request {
            authentication_context: self.context.as_deref(),
            ..Request::new(self.now, self.address)
        }
    }
}

impl Judge {
    /// The judge of a configuration.
    ///
    /// # Errors
    /// Issuers that cannot be accepted, or a decision log that cannot be written.
    pub(in crate::serve) fn new(
        configuration: &Configuration,
        engine: &Arc<highwater::engine::Engine>,
    ) -> Result<Judge, Failure> {
        let log = configuration
            .decision_log
            .as_ref()
            .map(|section| DecisionLog::open(section, &configuration.folder))
            .transpose()?;
        Ok(Judge {
            validator: tokens::validator(configuration, engine)?,
            nowhere: Authorization::default(),
            routes: Routes::new(&configuration.routes),
            log,
        })
    }

    /// What verifies tokens; `None` if none is accepted.
    pub(crate) fn validator(&self) -> Option<&TokenValidator> {
        self.validator.as_ref()
    }

    /// Where clients get tokens, for those who bring none.
    pub(super) fn authorization(&self) -> &Authorization {
        match &self.validator {
            Some(validator) => validator.authorization(),
            None => &self.nowhere,
        }
    }

    /// The decision log, to be opened again.
    pub(in crate::serve) fn log(&self) -> Option<&DecisionLog> {
        self.log.as_ref()
    }

    /// Judges one request; a listener that fails says what becomes of it.
    pub(super) async fn judge(
        &self,
        service: &Service,
        question: Question<'_>,
        fail: Fail,
    ) -> Verdict {
        let started = Instant::now();
        let span = logs::span(question.headers);
        let verdict = self
            .verdict(service, &question, fail)
            .instrument(span.clone())
            .await;
        tell(&span, &verdict);
        match &verdict {
            Verdict::Decided(decided) => {
                let took = started.elapsed();
                service.metrics.decided(decided, took);
                if let Some(log) = &self.log {
                    let is_allowed = decided.decision.outcome() == Outcome::Allow;
                    log.write(is_allowed, || {
                        Record::new(decided, question.target.told(), took)
                    });
                }
            }
            Verdict::Token(error) => service.metrics.refused_token(error.reason()),
            Verdict::Unjudged { reason, fail } => {
                service.metrics.unjudged(reason, *fail == Fail::Open);
                tracing::warn!(reason, ?fail, "a request that nobody can judge");
            }
        }
        verdict
    }

    async fn verdict(&self, service: &Service, question: &Question<'_>, fail: Fail) -> Verdict {
        let text = match bearer::token(question.headers, None) {
            Ok(text) => text,
            Err(error) => return Verdict::Token(error),
        };
        let Some(validator) = &self.validator else {
            let nobody = "no audience is configured".to_owned();
            return Verdict::Token(TokenErrorKind::Audience(nobody).into());
        };
        let now = service.now();
        let token = match validator.validate(text, now).await {
            Ok(token) => token,
            Err(error) if matches!(error.kind(), TokenErrorKind::KeysUnavailable) => {
                let reason = error.reason();
                return Verdict::Unjudged { reason, fail };
            }
            Err(error) => return Verdict::Token(error),
        };
        if service.documents.is_missing(&token.facts().tenant) {
            return Verdict::Unjudged {
                reason: "documents_unavailable",
                fail,
            };
        }
        let Some(mut contexts) = self.routes.contexts(&question.target) else {
            return Verdict::Unjudged {
                reason: "target_unknown",
                fail,
            };
        };
        contexts.extend(&question.contexts);
        Verdict::Decided(Box::new(decide(
            service,
            token,
            question.address,
            now,
            &contexts,
        )))
    }
}

/// Decides under every context that is asked for; the first that is missing decides.
fn decide(
    service: &Service,
    token: Arc<VerifiedToken>,
    address: Option<IpAddr>,
    now: Timestamp,
    contexts: &[&str],
) -> Decided {
    let mut rest = contexts.iter();
    let mut context = rest.next().copied();
    loop {
        let mut policies = Violated(Vec::new());
        let request = Request {
            authentication_context: context,
            ..Request::new(now, address)
        };
        let (decision, _) = service
            .engine
            .decide_observed(&token, &request, &mut policies);
        match (decision.outcome(), rest.next()) {
            (Outcome::Allow, Some(next)) => context = Some(next),
            _ => {
                return Decided {
                    decision,
                    policies: policies.0,
                    now,
                    address,
                    context: context.map(str::to_owned),
                    token,
                };
            }
        }
    }
}

/// Brings a verdict into the span of its request.
fn tell(span: &Span, verdict: &Verdict) {
    if span.is_disabled() {
        return;
    }
    let (decision, reason) = match verdict {
        Verdict::Decided(decided) => {
            span.record("tenant", decided.token.facts().tenant.as_str());
            let reason = decided.decision.reason().map(Reason::as_str);
            (decided.decision.outcome().as_str(), reason)
        }
        Verdict::Token(error) => ("deny", Some(error.reason())),
        Verdict::Unjudged { reason, .. } => ("unjudged", Some(*reason)),
    };
    span.record("decision", decision);
    span.record("reason", reason.unwrap_or("none"));
}

/// Notes the policies that object.
struct Violated(Vec<Identifier>);

impl Observer for Violated {
    const THOROUGH: bool = false;

    fn policy(&mut self, _: PolicyIndex, policy: &CompiledPolicy, verdict: &PolicyVerdict) {
        if verdict.is_enforced_in(policy.state) {
            self.0.push(policy.id.clone());
        }
    }
}
