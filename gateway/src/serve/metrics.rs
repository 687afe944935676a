//! What Prometheus reads: counters of decisions kept while they happen, states read when asked.
//!
//! Handles of counters are made once, so that a decision counts with a few atomic additions and
//! without a lock. Tenants have series of their own up to a bound, because their number is
//! chosen by whoever presents tokens.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use highwater::decision::Outcome;
use highwater::identifier::TenantId;
use highwater::reason::Reason;
use metrics::{Counter, counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::Service;
use super::decide::Decided;
use super::latency::Latency;
use crate::failure::Failure;

const DECISIONS: &str = "highwater_decisions_total";
const TENANT_DECISIONS: &str = "highwater_tenant_decisions_total";
const REFUSED_TOKENS: &str = "highwater_refused_tokens_total";
const UNJUDGED: &str = "highwater_unjudged_requests_total";
const UNKNOWN_ADDRESSES: &str = "highwater_unknown_addresses_total";
const OUTCOMES: usize = 3;

/// The metrics of the process.
pub(crate) struct Metrics {
    text: PrometheusHandle,
    /// How long decisions took, from the request's head to its answer.
    latency: Latency,
    /// By outcome and strongest reason; made when first counted.
    decisions: [[OnceLock<Counter>; Reason::ALL.len() + 1]; OUTCOMES],
    /// Decisions without an address: a gateway that does not say where clients are.
    unknown_addresses: Counter,
    tenants: papaya::HashMap<TenantId, Arc<[Counter; OUTCOMES]>>,
    tenant_count: AtomicUsize,
    tenant_bound: usize,
    other_tenants: [Counter; OUTCOMES],
}

impl Metrics {
    /// Installs the process's recorder, so that every part can count, and keeps what is counted
    /// per decision.
    ///
    /// # Errors
    /// Another recorder is installed.
    pub(crate) fn install(tenant_bound: usize) -> Result<Metrics, Failure> {
        let text = PrometheusBuilder::new()
            .install_recorder()
            .map_err(|error| Failure::Broken(format!("cannot keep metrics: {error}")))?;
        describe();
        Ok(Metrics {
            text,
            latency: Latency::default(),
            decisions: Default::default(),
            unknown_addresses: counter!(UNKNOWN_ADDRESSES),
            tenants: papaya::HashMap::new(),
            tenant_count: AtomicUsize::new(0),
            tenant_bound,
            other_tenants: tenant_counters("other"),
        })
    }

    /// Counts a decision and how long it took.
    pub(super) fn decided(&self, decided: &Decided, took: Duration) {
        let decision = &decided.decision;
        if decided.address.is_none() {
            self.unknown_addresses.increment(1);
        }
        let outcome = decision.outcome();
        let row = &self.decisions[index(outcome)];
        // An allowed request may have reasons too; they are in the decision log.
        let reason = match outcome {
            Outcome::Allow => None,
            Outcome::Challenge | Outcome::Deny => decision.reason(),
        };
        let column = reason.map_or(Reason::ALL.len(), |reason| reason as usize);
        if let Some(slot) = row.get(column) {
            slot.get_or_init(|| {
                counter!(DECISIONS, "outcome" => outcome.as_str(),
                    "reason" => reason.map_or("none", Reason::as_str))
            })
            .increment(1);
        }
        self.latency.record(took);
        let tenant = &decided.token.facts().tenant;
        self.tenant(tenant, |counters| counters[index(outcome)].increment(1));
    }

    /// Counts a request whose token was not accepted.
    pub(crate) fn refused_token(&self, why: &'static str) {
        counter!(REFUSED_TOKENS, "reason" => why).increment(1);
    }

    /// Counts a request that nobody could judge.
    pub(crate) fn unjudged(&self, why: &'static str, let_pass: bool) {
        let answer = if let_pass { "open" } else { "closed" };
        counter!(UNJUDGED, "reason" => why, "fail" => answer).increment(1);
    }

    fn tenant(&self, tenant: &TenantId, act: impl Fn(&[Counter; OUTCOMES])) {
        let tenants = self.tenants.pin();
        if let Some(counters) = tenants.get(tenant) {
            return act(counters);
        }
        if self.tenant_count.fetch_add(1, Ordering::Relaxed) >= self.tenant_bound {
            self.tenant_count.fetch_sub(1, Ordering::Relaxed);
            return act(&self.other_tenants);
        }
        let made = || Arc::new(tenant_counters(tenant.as_str()));
        act(tenants.get_or_insert_with(tenant.clone(), made));
    }

    /// The text that Prometheus reads.
    pub(crate) fn render(&self, service: &Service) -> String {
        states(service);
        let mut text = self.text.render();
        self.latency.render(
            "highwater_decision_seconds",
            "Time from the head of a request to its decision.",
            &mut text,
        );
        text
    }
}

fn index(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Allow => 0,
        Outcome::Challenge => 1,
        Outcome::Deny => 2,
    }
}

fn tenant_counters(tenant: &str) -> [Counter; OUTCOMES] {
    [Outcome::Allow, Outcome::Challenge, Outcome::Deny].map(|outcome| {
        counter!(TENANT_DECISIONS, "tenant" => tenant.to_owned(), "outcome" => outcome.as_str())
    })
}

fn describe() {
    describe_counter!(DECISIONS, "Decisions by outcome and strongest reason.");
    describe_counter!(
        TENANT_DECISIONS,
        "Decisions by tenant; beyond the bound of the limits, `other`."
    );
    describe_counter!(
        UNKNOWN_ADDRESSES,
        "Decisions about clients whose address nobody named: conditions on it were unknown."
    );
    describe_counter!(REFUSED_TOKENS, "Requests whose token was not accepted.");
    describe_counter!(
        UNJUDGED,
        "Requests that nobody could judge, and whether the listener let them pass."
    );
    for (name, what) in [
        ("highwater_ready", "1 if the gateway is ready."),
        ("highwater_store_up", "1 if the store writes."),
        (
            "highwater_store_waiting",
            "Writes in force that are not durable yet.",
        ),
        (
            "highwater_store_failures",
            "Commits that failed since the start.",
        ),
        ("highwater_registers", "Registers in the ledger."),
        (
            "highwater_events",
            "Events since the start, by what they did: changed, unchanged, clamped, forgotten.",
        ),
        (
            "highwater_stream_age_seconds",
            "Time since the source of events was last heard of.",
        ),
        (
            "highwater_stream_degraded",
            "1 if the source's stream is stale, paused or disabled.",
        ),
        (
            "highwater_snapshot_age_seconds",
            "Time since the tenant's documents were published.",
        ),
        (
            "highwater_documents_up",
            "1 if what was read last for the tenant is in force.",
        ),
        (
            "highwater_node_lag_seconds",
            "Age of this node's knowledge of the other nodes.",
        ),
        (
            "highwater_node_outbox",
            "Changes here that the other nodes do not have yet.",
        ),
    ] {
        describe_gauge!(name, what);
    }
}

/// Brings gauges in step with what they are about.
fn states(service: &Service) {
    let now = service.now();
    let flag = |is_so: bool| if is_so { 1.0 } else { 0.0 };
    let age = |since: highwater::timestamp::Timestamp| {
        (now.milliseconds().saturating_sub(since.milliseconds())).max(0) as f64 / 1000.0
    };
    let status = service.store.status();
    gauge!("highwater_ready").set(flag(service.readiness().is_ready()));
    gauge!("highwater_store_up").set(flag(status.condition.error().is_none()));
    gauge!("highwater_store_waiting").set(status.waiting as f64);
    gauge!("highwater_store_failures").set(status.failures as f64);
    let facts = service.engine.facts();
    gauge!("highwater_registers").set(facts.len() as f64);
    let counters = facts.counters();
    for (what, count) in [
        ("changed", counters.changed),
        ("unchanged", counters.unchanged),
        ("clamped", counters.clamped),
        ("forgotten", counters.forgotten),
    ] {
        gauge!("highwater_events", "effect" => what).set(count as f64);
    }
    for stream in facts.streams() {
        let source = stream.source.to_string();
        if let Some(last) = stream.last_activity {
            gauge!("highwater_stream_age_seconds", "source" => source.clone()).set(age(last));
        }
        let degraded = flag(stream.is_degraded(now));
        gauge!("highwater_stream_degraded", "source" => source).set(degraded);
    }
    let bound = service.limits.tenants_in_metrics;
    for (tenant, documents) in service.documents.tenants().into_iter().take(bound) {
        let tenant = tenant.map_or_else(|| "*".to_owned(), |tenant| tenant.to_string());
        if let Some(published) = documents.published {
            gauge!("highwater_snapshot_age_seconds", "tenant" => tenant.clone())
                .set(age(published.at));
        }
        gauge!("highwater_documents_up", "tenant" => tenant).set(flag(documents.error.is_none()));
    }
    if let Some(mesh) = service.mesh_status() {
        if let Some(lag) = mesh.lag_milliseconds(now) {
            gauge!("highwater_node_lag_seconds").set(lag as f64 / 1000.0);
        }
        gauge!("highwater_node_outbox").set(mesh.outbox as f64);
    }
}
