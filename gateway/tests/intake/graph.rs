//! Graph: documents, facts and names, over paging, throttling, lost links and outages.

use std::sync::Arc;

use highwater::ledger::{Facts, Retention};
use highwater::marks::Keyring;
use highwater_store::{DiskOptions, DiskStore, Store};
use serde_json::{Value, json};

use crate::fake_graph::FakeGraph;
use crate::gateway::{Deployment, Gateway, policy};
use crate::transmitter::{Transmitter, emitter, session_revoked};

const POLICIES: &str = "identity/conditionalAccess/policies";
const LOCATIONS: &str = "identity/conditionalAccess/namedLocations";

/// A tenant of which everything comes from Graph.
fn deployment(graph: &FakeGraph, below: &str, more: &str) -> Deployment {
    let sections = format!(
        "{}\n[[tenant]]\nid = \"contoso\"\ndocuments = []\n{}\n{more}",
        Deployment::listeners(),
        graph.section(below),
    );
    let deployment = Deployment::bare(&sections);
    deployment.write("graph.secret", "graph secret\n");
    deployment
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn user(id: &str, enabled: bool) -> Value {
    json!({ "id": id, "accountEnabled": enabled, "mail": format!("{id}@example.com") })
}

async fn documents(gateway: &Gateway) -> (bool, String) {
    gateway.part("documents", "contoso").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_lives_from_graph_and_outlives_it() {
    let graph = FakeGraph::start().await;
    graph.directory().is_down = true;
    let deployment = deployment(&graph, "", "");
    let gateway = deployment.start();
    // A tenant without policies would forbid nothing: it is not published.
    let (ready, condition) = documents(&gateway).await;
    assert!(!ready && condition.contains("Graph"), "{condition}");
    let names = ["a", "bb", "ccc", "dddd", "eeeee"];
    {
        let mut directory = graph.directory();
        let policies = names.iter().map(|name| parsed(&policy(name, "enabled")));
        directory.objects.insert(POLICIES, policies.collect());
        let office = json!({
            "@odata.type": "#microsoft.graph.ipNamedLocation",
            "id": "3f0d6c6e-9a1b-4a57-8f6e-5d2f6a1b0c01", "displayName": "Office", "isTrusted": true,
            "ipRanges": [{ "@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.0/24" }],
        });
        directory.objects.insert(LOCATIONS, vec![office]);
        directory.is_down = false;
    }
    gateway
        .eventually("the tenant is published", || async {
            let (ready, condition) = documents(&gateway).await;
            ready && condition.contains("with 5 policies and 1 locations")
        })
        .await;
    assert_eq!(
        graph.directory().token_requests,
        [
            "grant_type=client_credentials&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default\
          &client_id=highwater&client_secret=graph+secret"
        ]
    );
    // One that cannot be read takes the load with it; the old snapshot stays.
    graph
        .directory()
        .objects
        .get_mut(POLICIES)
        .unwrap()
        .push(json!({ "id": "x", "displayName": "broken", "state": "perhaps", "conditions": {} }));
    gateway
        .eventually("it is refused", || async { !documents(&gateway).await.0 })
        .await;
    gateway
        .eventually_logged(&["documents from Graph refused"])
        .await;
    assert!(documents(&gateway).await.1.contains("stays in force"));
    gateway.kill();
    // Graph is away when the gateway starts again: the last good documents are used.
    graph.directory().is_down = true;
    let gateway = deployment.start();
    let (ready, condition) = documents(&gateway).await;
    assert!(
        ready && condition.contains("with 5 policies and 1 locations"),
        "{condition}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_come_over_delta_links_that_survive_a_restart_and_may_expire() {
    let graph = FakeGraph::start().await;
    graph.directory().objects.insert(
        "users",
        (0..5)
            .map(|number| user(&format!("user-{number}"), number != 3))
            .collect(),
    );
    let deployment = deployment(&graph, "read = [\"users\"]", "");
    let gateway = deployment.start();
    gateway
        .eventually("the disabled user is blocked", || async {
            gateway.has("user-3", "block").await
        })
        .await;
    let has_delta = |graph: &FakeGraph| {
        graph
            .directory()
            .requests
            .iter()
            .any(|request| request.contains("deltatoken"))
    };
    gateway
        .eventually("changes are asked for", || async { has_delta(&graph) })
        .await;
    gateway.kill();
    graph.directory().requests.clear();
    graph
        .directory()
        .changes
        .insert("users", vec![user("user-1", false), user("user-3", true)]);
    let gateway = deployment.start();
    gateway
        .eventually("the changes are in force", || async {
            gateway.has("user-1", "block").await && gateway.has("user-3", "unblock").await
        })
        .await;
    let all_deltas = |graph: &FakeGraph| {
        graph
            .directory()
            .requests
            .iter()
            .all(|request| request.contains("deltatoken"))
    };
    assert!(
        all_deltas(&graph),
        "nothing is read twice: {:?}",
        graph.directory().requests
    );
    gateway.kill();
    // While nobody asks, a user vanishes and the links become too old.
    {
        let mut directory = graph.directory();
        directory
            .objects
            .get_mut("users")
            .unwrap()
            .retain(|user| user["id"] != "user-4");
        directory.expire_links();
    }
    let gateway = deployment.start();
    gateway
        .eventually("whoever is not listed any more is blocked", || async {
            gateway.has("user-4", "block").await
        })
        .await;
    assert_eq!(
        gateway
            .metric(&["highwater_graph_pages_total", "resync"])
            .await,
        1.0
    );
    assert!(!gateway.has("user-0", "block").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn graph_sets_the_pace() {
    let graph = FakeGraph::start().await;
    {
        let mut directory = graph.directory();
        directory.objects.insert("users", vec![user("ada", false)]);
        directory
            .failures
            .extend([(429, Some("1")), (503, Some("1")), (500, None)]);
    }
    let deployment = deployment(&graph, "read = [\"users\"]\nstale_after = \"1h\"", "");
    let gateway = deployment.start();
    gateway
        .eventually("it is read all the same", || async {
            gateway.has("ada", "block").await
        })
        .await;
    assert_eq!(
        gateway.metric(&["highwater_graph_throttled_total"]).await,
        2.0
    );
    let (ready, condition) = gateway.part("stream", "graph").await;
    assert!(ready, "{condition}");
}

#[tokio::test(flavor = "multi_thread")]
async fn risk_and_memberships_are_facts_and_documents() {
    let graph = FakeGraph::start().await;
    let seen = "2026-01-02T03:04:05Z";
    {
        let mut directory = graph.directory();
        let objects = &mut directory.objects;
        objects.insert(POLICIES, vec![parsed(&policy("a", "enabled"))]);
        objects.insert(
            "identityProtection/riskyUsers",
            vec![json!({
                "id": "ada", "riskState": "atRisk", "riskLevel": "high", "riskLastUpdatedDateTime": seen,
            })],
        );
        objects.insert(
            "groups",
            vec![
                json!({ "id": "outer", "members@delta": [{ "id": "inner" }, { "id": "ada" }] }),
                json!({ "id": "inner", "members@delta": [{ "id": "bob" }] }),
            ],
        );
        let bot = json!({ "id": "bot", "appId": "app", "accountEnabled": false });
        objects.insert("servicePrincipals", vec![bot]);
    }
    let deployment = deployment(&graph, "", "");
    let gateway = deployment.start();
    gateway
        .eventually(
            "risk, a disabled workload and the groups are known",
            || async {
                let registers = gateway.registers().await;
                let has = |subject: Value, effect: Value| {
                    registers.iter().any(|register| {
                        register["subject"] == subject && register["effect"] == effect
                    })
                };
                has(json!({ "user": "ada" }), json!({ "risk": "high" }))
                    && has(json!({ "workload": "bot" }), json!("block"))
                    && gateway.metric(&["highwater_graph_objects", "groups"]).await == 2.0
            },
        )
        .await;
    gateway
        .eventually_logged(&["documents kept for the next start"])
        .await;
    gateway.stop().await;
    // The members of groups in groups are in the documents that are kept for the next start.
    let path = deployment.path("highwater.ledger");
    let facts = Arc::new(Facts::new(Keyring::random(), Retention::default()));
    let store = DiskStore::open(&path, facts, &DiskOptions::default()).unwrap();
    let document = store.document(&"contoso".parse().unwrap()).unwrap();
    let kept: Value = serde_json::from_slice(document.bytes()).unwrap();
    assert_eq!(
        kept["memberships"],
        json!({ "outer": ["ada", "bob"], "inner": ["bob"] })
    );
    assert_eq!(kept["policies"]["value"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_users_let_a_waiting_token_take_effect() {
    let key = emitter("k");
    let transmitter = Transmitter::start(key.jwks().unwrap()).await;
    let graph = FakeGraph::start().await;
    let deployment = deployment(
        &graph,
        "read = [\"users\"]",
        &transmitter.section("push = {}"),
    );
    let gateway = deployment.start();
    let token = |id: &str, address: &str| {
        let name = highwater_signals::subject::Name::email(address);
        key.sign(&session_revoked(id, name)).unwrap()
    };
    assert_eq!(
        gateway
            .push("idp", token("1", "ada@example.com"))
            .await
            .status,
        202
    );
    assert!(!gateway.has("ada", "revoke").await);
    gateway.kill();
    let gateway = deployment.start();
    let new = vec![user("ada", true)];
    graph.directory().changes.insert("users", new.clone());
    graph.directory().objects.insert("users", new);
    gateway
        .eventually("the token takes effect", || async {
            gateway.has("ada", "revoke").await
        })
        .await;
    gateway
        .eventually("nothing waits any more", || async {
            gateway.metric(&["highwater_waiting_sets "]).await == 0.0
        })
        .await;
    // The name is known after a restart, though Graph does not say it again.
    gateway.kill();
    graph.directory().is_down = true;
    let gateway = deployment.start();
    let before = gateway.registers().await;
    assert_eq!(
        gateway
            .push("idp", token("2", "Ada@Example.com"))
            .await
            .status,
        202
    );
    assert_ne!(
        gateway.registers().await,
        before,
        "the later token is in force"
    );
    assert_eq!(gateway.metric(&["highwater_waiting_sets "]).await, 0.0);
}
