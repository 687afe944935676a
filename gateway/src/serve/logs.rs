//! Structured logs to stderr, and traces to an OpenTelemetry collector.
//!
//! Traces are off unless a collector is named: a request then has a span of its own, with its
//! decision, below the span of whoever sent a `traceparent`.

use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::{FilterExt, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::Configuration;
use crate::config::logs::LogFormat;
use crate::failure::Failure;

/// What spans of requests are called. Logs do not show them.
const TRACE: &str = "highwater::trace";

/// Whether requests have spans: asked by every request, so no more than a load.
static IS_TRACING: AtomicBool = AtomicBool::new(false);

/// What has to be sent before the process ends.
pub(super) struct Logs(Option<SdkTracerProvider>);

/// Starts logging, and tracing if a collector is named. Inside of a runtime.
///
/// # Errors
/// Directives or a collector's address that cannot be read.
pub(super) fn start(configuration: &Configuration) -> Result<Logs, Failure> {
    let section = &configuration.log;
    let filter = match (std::env::var("RUST_LOG"), &section.level) {
        (Ok(directives), _) if !directives.is_empty() => directives,
        (_, Some(level)) => level.clone(),
        _ => "info".to_owned(),
    };
    let filter: EnvFilter = filter
        .parse()
        .map_err(|error| Failure::Input(format!("[log] level `{filter}`: {error}")))?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match section.format {
        LogFormat::Human => lines
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let lines = lines.with_filter(filter.and(filter_fn(|metadata| metadata.target() != TRACE)));
    let provider = provider(configuration)?;
    let traces = provider.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("highwater"))
            .with_filter(Targets::new().with_target(TRACE, tracing::Level::INFO))
    });
    IS_TRACING.store(provider.is_some(), Ordering::Relaxed);
    tracing_subscriber::registry()
        .with(lines)
        .with(traces)
        .try_init()
        .map_err(|error| Failure::Broken(format!("cannot start logging: {error}")))?;
    Ok(Logs(provider))
}

fn provider(configuration: &Configuration) -> Result<Option<SdkTracerProvider>, Failure> {
    let section = &configuration.telemetry;
    let Some(endpoint) = &section.otlp else {
        return Ok(None);
    };
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| Failure::Input(format!("[telemetry] otlp `{endpoint}`: {error}")))?;
    let part = section.sample.unwrap_or(1.0);
    Ok(Some(
        SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(
                part,
            ))))
            .with_resource(Resource::builder().with_service_name("highwater").build())
            .build(),
    ))
}

impl Logs {
    /// Sends what has not been sent yet. Blocks for a few seconds at most.
    pub(super) fn finish(self) {
        if let Some(provider) = self.0
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// The span of a request, below the one that the caller names; nothing unless requests are
/// traced.
pub(super) fn span(headers: &HeaderMap) -> Span {
    if !IS_TRACING.load(Ordering::Relaxed) {
        return Span::none();
    }
    let span = tracing::info_span!(
        target: TRACE,
        "decide",
        otel.kind = "server",
        decision = tracing::field::Empty,
        reason = tracing::field::Empty,
        tenant = tracing::field::Empty,
    );
    let parent = TraceContextPropagator::new().extract(&Carrier(headers));
    // Without a parent it is the first of its trace.
    let _ = span.set_parent(parent);
    span
}

struct Carrier<'a>(&'a HeaderMap);

impl Extractor for Carrier<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
