//! Operators: who may ask, what they are told, and that orders last.

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::gateway::{Gateway, OFFICE_ONLY};

const TOKEN: &str = "correct horse battery staple";
const CONFIGURATION: &str = "[[tenant]]\nid = \"contoso\"\ndocuments = [\"office.json\"]\n\
    [[serve.listener]]\nkind = \"admin\"\naddress = \"127.0.0.1:0\"\ntoken_file = \"token\"\n";

fn gateway() -> Gateway {
    Gateway::start(
        CONFIGURATION,
        &[("office.json", OFFICE_ONLY), ("token", TOKEN)],
    )
}

async fn why(gateway: &Gateway, query: &str) -> Value {
    let answer = Client::new()
        .get(gateway.url("admin", &format!("/admin/why?tenant=contoso&{query}")))
        .bearer_auth(TOKEN)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.json().await.unwrap()
}

async fn order(gateway: &Gateway, body: Value) -> (StatusCode, Value) {
    let answer = Client::new()
        .post(gateway.url("admin", "/admin/revoke"))
        .bearer_auth(TOKEN)
        .json(&body)
        .send()
        .await
        .unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[tokio::test]
async fn nobody_asks_without_the_token() {
    let gateway = gateway();
    for path in ["/admin/why?tenant=contoso", "/admin/export", "/metrics"] {
        let url = gateway.url("admin", path);
        let answer = reqwest::get(&url).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
        let wrong = Client::new().get(&url).bearer_auth("wrong");
        let answer = wrong.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
        let right = Client::new().get(&url).bearer_auth(TOKEN);
        assert_eq!(
            right.send().await.unwrap().status(),
            StatusCode::OK,
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_order_is_in_force_explained_exported_and_survives_a_crash() {
    let gateway = gateway();
    assert_eq!(why(&gateway, "user=ada").await["refused"], "none");
    let (status, done) = order(
        &gateway,
        json!({"tenant": "contoso", "subject": {"user": "ada"}, "reason": "lost laptop"}),
    )
    .await;
    assert_eq!(status, StatusCode::OK, "{done}");
    assert_eq!(
        (&done["changed"], &done["durable"]),
        (&json!(true), &json!(true))
    );
    let (_, blocked) = order(
        &gateway,
        json!({"tenant": "contoso", "subject": {"app": "robot"}, "effect": "block"}),
    )
    .await;
    assert_eq!(blocked["changed"], true);

    let gateway = Gateway::start_in(gateway.kill());
    let ada = why(&gateway, "user=ada").await;
    assert_eq!(ada["refused"], "older");
    let text = ada["registers"][0]["text"].as_str().unwrap();
    assert!(
        text.contains("user ada loses all tokens issued so far, says operator (lost laptop)"),
        "{text}"
    );
    assert_eq!(why(&gateway, "user=bob&app=robot").await["refused"], "all");
    assert_eq!(why(&gateway, "user=bob").await["refused"], "none");

    let export = Client::new()
        .get(gateway.url("admin", "/admin/export"))
        .bearer_auth(TOKEN)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let lines: Vec<Value> = export
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "{export}");
    assert!(
        lines.iter().any(|line| line["subject"]["user"] == "ada"),
        "{export}"
    );
}

#[tokio::test]
async fn orders_that_make_no_sense_are_refused_with_the_reason() {
    let gateway = gateway();
    for (body, words) in [
        (
            json!({"tenant": "contoso", "subject": {"user": "ada"}, "effect": "deny"}),
            "use `block`",
        ),
        (json!({"tenant": "", "subject": {"user": "ada"}}), "empty"),
        (
            json!({"tenant": "contoso", "subject": {"usr": "ada"}}),
            "usr",
        ),
    ] {
        let (status, problem) = order(&gateway, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains(words),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn what_if_says_which_policies_apply_and_changes_nothing() {
    let gateway = gateway();
    let ask = async |conditions: Value| -> Value {
        Client::new()
            .post(gateway.url("admin", "/admin/what-if"))
            .bearer_auth(TOKEN)
            .json(&json!({
                "tenant": "contoso",
                "signInIdentity": {"@odata.type": "#microsoft.graph.userSignIn", "userId": "ada"},
                "signInContext": {"@odata.type": "#microsoft.graph.applicationContext",
                                  "includeApplications": ["api"]},
                "signInConditions": conditions,
            }))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    };
    let office = ask(json!({"ipAddress": "203.0.113.7"})).await;
    assert_eq!(office["value"][0]["policyApplies"], false, "{office}");
    assert_eq!(
        office["value"][0]["analysisReasons"], "location",
        "{office}"
    );
    assert_eq!(office["decision"]["decision"], "allow", "{office}");
    let elsewhere = ask(json!({"ipAddress": "198.51.100.9", "userRiskLevel": "high"})).await;
    assert_eq!(elsewhere["value"][0]["policyApplies"], true, "{elsewhere}");
    assert_eq!(elsewhere["decision"]["decision"], "deny", "{elsewhere}");
    assert_eq!(why(&gateway, "user=ada").await["registers"], json!([]));
    let unknown = ask(json!({})).await;
    assert_eq!(
        unknown["value"][0]["analysisReasons"], "notEnoughInformation",
        "{unknown}"
    );
}

#[cfg(unix)]
#[test]
fn the_command_orders_and_asks_over_the_unix_socket() {
    let configuration = "[[tenant]]\nid = \"contoso\"\ndocuments = [\"office.json\"]\n\
        [[serve.listener]]\nkind = \"admin\"\nsocket = \"admin.socket\"\n";
    let gateway = Gateway::start(configuration, &[("office.json", OFFICE_ONLY)]);
    let run = |arguments: &str| {
        let ended = gateway
            .command()
            .args(arguments.split(' '))
            .args(["--server", "unix:admin.socket"])
            .output()
            .unwrap();
        let text = [ended.stdout, ended.stderr].concat();
        (
            ended.status.code(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    };
    let (code, text) = run("why --tenant contoso --session s1");
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = run("revoke --tenant contoso --session s1 --effect deny --reason stolen");
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("durable: session s1 is ended for good"),
        "{text}"
    );
    let (code, text) = run("why --tenant contoso --session s1");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("every token is refused"), "{text}");
    assert!(text.contains("says operator (stolen)"), "{text}");
    let (code, text) = run("revoke --tenant contoso --user ada --effect deny");
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("use `block`"), "{text}");
}
