//! A Graph of our own: it pages, throttles, forgets delta links, and asks for access tokens.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

/// How many objects a page has.
const PAGE: usize = 2;

/// What the directory has, and what it was asked.
#[derive(Default)]
pub(crate) struct Directory {
    /// The objects of each collection, by its path.
    pub(crate) objects: BTreeMap<&'static str, Vec<Value>>,
    /// What changes next in each collection, for whoever has a delta link.
    pub(crate) changes: BTreeMap<&'static str, Vec<Value>>,
    /// What has changed: a link is a number, and shows everything from that number on.
    history: BTreeMap<&'static str, Vec<Vec<Value>>>,
    /// Links below this number are too old.
    oldest: usize,
    /// Answers to give instead: a status, and a `Retry-After`.
    pub(crate) failures: VecDeque<(u16, Option<&'static str>)>,
    /// Everything is refused.
    pub(crate) is_down: bool,
    /// The address of every request.
    pub(crate) requests: Vec<String>,
    /// Bodies of token requests.
    pub(crate) token_requests: Vec<String>,
}

impl Directory {
    /// Delta links that were given out so far are too old from now on.
    pub(crate) fn expire_links(&mut self) {
        self.changes.clear();
        for history in self.history.values_mut() {
            history.push(Vec::new());
            self.oldest = self.oldest.max(history.len());
        }
    }
}

/// A Graph that runs as long as the test.
#[derive(Clone)]
pub(crate) struct FakeGraph {
    directory: Arc<Mutex<Directory>>,
    pub(crate) url: String,
}

const DELTAS: [&str; 3] = ["users", "servicePrincipals", "groups"];
const LISTINGS: [&str; 5] = [
    "roleManagement/directory/roleAssignments",
    "identity/conditionalAccess/policies",
    "identity/conditionalAccess/namedLocations",
    "identityProtection/riskyUsers",
    "identityProtection/riskyServicePrincipals",
];

impl FakeGraph {
    pub(crate) async fn start() -> FakeGraph {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let graph = FakeGraph {
            directory: Arc::default(),
            url: format!("http://{}", listener.local_addr().unwrap()),
        };
        let routes = Router::new()
            .route("/token", post(token))
            .route("/v1.0/{*path}", get(collection))
            .with_state(graph.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        graph
    }

    pub(crate) fn directory(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap()
    }

    /// A section for tenant `contoso`.
    pub(crate) fn section(&self, below: &str) -> String {
        format!(
            "[graph]\ntenant = \"contoso\"\nbase_url = \"{0}/v1.0\"\ninterval = \"1s\"\n\
             credentials = {{ token_url = \"{0}/token\", client_id = \"highwater\", \
             client_secret = {{ file = \"graph.secret\" }}, scope = \"https://graph.microsoft.com/.default\" }}\n\
             {below}\n",
            self.url
        )
    }
}

async fn token(State(graph): State<FakeGraph>, body: String) -> Json<Value> {
    graph.directory().token_requests.push(body);
    Json(json!({ "access_token": "graph-token", "token_type": "Bearer", "expires_in": "3599" }))
}

async fn collection(
    State(graph): State<FakeGraph>,
    Path(path): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    uri: http::Uri,
) -> Response {
    let mut directory = graph.directory();
    directory.requests.push(uri.to_string());
    if headers
        .get("authorization")
        .is_none_or(|value| value != "Bearer graph-token")
    {
        return error(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken");
    }
    if directory.is_down {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    if let Some((status, retry_after)) = directory.failures.pop_front() {
        let mut response = error(StatusCode::from_u16(status).unwrap(), "TooManyRequests");
        if let Some(seconds) = retry_after {
            response
                .headers_mut()
                .insert("retry-after", seconds.parse().unwrap());
        }
        return response;
    }
    if let Some(name) = LISTINGS.into_iter().find(|name| *name == path) {
        return page(&graph, &directory, name, &path, &query, None);
    }
    let Some(name) = path
        .strip_suffix("/delta")
        .and_then(|path| DELTAS.into_iter().find(|name| *name == path))
    else {
        return error(StatusCode::NOT_FOUND, "ResourceNotFound");
    };
    let changed = directory.changes.remove(name);
    let history = directory.history.entry(name).or_default();
    history.extend(changed);
    let latest = history.len();
    let Some(link) = query.get("$deltatoken") else {
        return page(&graph, &directory, name, &path, &query, Some(latest));
    };
    let link: usize = link.parse().unwrap();
    if link < directory.oldest {
        return error(StatusCode::GONE, "syncStateNotFound");
    }
    let changed: Vec<&Value> = directory.history[name][link..].iter().flatten().collect();
    Json(json!({
        "@odata.context": format!("{}/v1.0/$metadata#{name}", graph.url),
        "value": changed,
        "@odata.deltaLink": format!("{}/v1.0/{path}?$deltatoken={latest}", graph.url),
    }))
    .into_response()
}

fn page(
    graph: &FakeGraph,
    directory: &Directory,
    name: &str,
    path: &str,
    query: &BTreeMap<String, String>,
    latest: Option<usize>,
) -> Response {
    let none = Vec::new();
    let objects = directory.objects.get(name).unwrap_or(&none);
    let from: usize = query
        .get("$skiptoken")
        .map_or(0, |from| from.parse().unwrap());
    let until = (from + PAGE).min(objects.len());
    let mut body = json!({
        "@odata.context": format!("{}/v1.0/$metadata#{name}", graph.url),
        "value": objects[from..until],
    });
    if until < objects.len() {
        body["@odata.nextLink"] = json!(format!("{}/v1.0/{path}?$skiptoken={until}", graph.url));
    } else if let Some(latest) = latest {
        body["@odata.deltaLink"] = json!(format!("{}/v1.0/{path}?$deltatoken={latest}", graph.url));
    }
    Json(body).into_response()
}

fn error(status: StatusCode, code: &str) -> Response {
    let body = json!({ "error": { "code": code, "message": "as the test wants it" } });
    (status, Json(body)).into_response()
}
