//! `POST /admin/revoke`: an operator's own word, in force at once and durable when answered.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use highwater::event::Event;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::serve::Service;
use crate::serve::problem::Problem;
use crate::story::{Names, effect_of};

/// What is ordered. The time is now, and the source is the operator.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    tenant: String,
    /// As in events; none: the whole tenant.
    #[serde(default)]
    subject: Map<String, Value>,
    /// As in events. Default: `revoke`, the tokens issued so far.
    #[serde(default = "revoke_effect")]
    effect: Value,
    /// Why, for those who ask later.
    #[serde(default)]
    reason: Option<String>,
    /// Who. Last-writer registers exist once per source, so unblocking takes the same source.
    #[serde(default = "operator")]
    source: String,
}

fn revoke_effect() -> Value {
    Value::from("revoke")
}

fn operator() -> String {
    "operator".to_owned()
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(super) struct Done {
    /// In words.
    text: String,
    /// Whether it changed anything: it may have been known already.
    changed: bool,
    /// Always true: otherwise the answer is a problem.
    durable: bool,
    /// The event.
    event: Event,
}

/// Orders.
pub(super) async fn revoke(
    State(service): State<Arc<Service>>,
    Json(order): Json<Order>,
) -> Result<Json<Done>, Problem> {
    let now = service.now();
    let event = Event::from_value(&json!({
        "time": now,
        "tenant": order.tenant,
        "subject": order.subject,
        "effect": order.effect,
        "source": order.source,
        "event_type": "operator",
        "reason": order.reason,
    }))
    .map_err(Problem::bad_request)?;
    event.check().map_err(Problem::bad_request)?;
    let text = effect_of(&event, &Names::default());
    tracing::warn!(order = %text, tenant = %event.tenant, "ordered by an operator");
    let pending = service.store.apply(&event);
    let changed = pending.changed() > 0;
    pending.await.map_err(|error| {
        Problem::unavailable(format!(
            "in force on this node, but not durable: {error}; order it again"
        ))
    })?;
    Ok(Json(Done {
        text,
        changed,
        durable: true,
        event,
    }))
}
