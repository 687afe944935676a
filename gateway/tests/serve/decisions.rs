//! What gateways ask, and what they are to do.

use highwater::challenge::parse;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::gateway::{Gateway, until};
use crate::issuer::{Issuer, now};

const OFFICE: &str = "203.0.113.7";
const ELSEWHERE: &str = "198.51.100.9";

async fn ask(gateway: &Gateway, token: &str, headers: &[(&str, &str)]) -> Response {
    ask_at(gateway, "/decide", token, headers).await
}

async fn ask_at(gateway: &Gateway, path: &str, token: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Client::new()
        .request(Method::POST, gateway.url("decisions", path))
        .bearer_auth(token);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

fn reason(problem: &Value) -> &str {
    problem["reason"].as_str().unwrap()
}

#[tokio::test]
async fn allowed_challenged_denied_and_who_it_is() {
    let issuer = Issuer::new();
    let gateway = issuer.gateway("");
    let plain = issuer.token(json!({}));
    let capable = issuer.token(json!({"xms_cc": "cp1", "jti": "token-2"}));

    let answer = ask(&gateway, &plain, &[("x-forwarded-for", OFFICE)]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    for (name, value) in [
        ("x-highwater-decision", "allow"),
        ("x-highwater-tenant", "contoso"),
        ("x-highwater-subject", "ada"),
        ("x-highwater-subject-kind", "user"),
        ("x-highwater-app", "app"),
    ] {
        assert_eq!(header(&answer, name), value, "{name}");
    }

    let answer = ask(&gateway, &capable, &[("x-forwarded-for", ELSEWHERE)]).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(header(&answer, "x-highwater-decision"), "challenge");
    let challenge = &parse([header(&answer, "www-authenticate")])[0];
    assert!(challenge.is_claims_challenge());
    let claims = Value::from(challenge.claims().unwrap());
    assert_eq!(claims["access_token"]["xms_rp_ipaddr"]["value"], ELSEWHERE);
    assert_eq!(header(&answer, "content-type"), "application/problem+json");
    assert_eq!(reason(&answer.json().await.unwrap()), "location_blocked");

    let answer = ask(&gateway, &plain, &[("x-forwarded-for", ELSEWHERE)]).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert_eq!(header(&answer, "x-highwater-decision"), "deny");
    assert_eq!(header(&answer, "www-authenticate"), "");
    assert_eq!(header(&answer, "x-highwater-subject"), "");
}

#[tokio::test]
async fn tokens_that_are_not_accepted_get_the_answers_of_rfc_6750() {
    let issuer = Issuer::new();
    let gateway = issuer.gateway("");
    let stranger = Issuer::new();
    for (token, code) in [
        (issuer.token(json!({"aud": "other"})), "token_audience"),
        (
            issuer.token(json!({"iss": "https://other.example"})),
            "token_issuer",
        ),
        (issuer.token(json!({"exp": now() - 600})), "token_expired"),
        (stranger.token(json!({})), "token_signature"),
        ("a.b.c".to_owned(), "token_malformed"),
        ("abc".to_owned(), "token_malformed"),
    ] {
        let answer = ask(&gateway, &token, &[("x-forwarded-for", OFFICE)]).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{code}");
        let challenge = &parse([header(&answer, "www-authenticate")])[0];
        assert_eq!(challenge.error(), Some("invalid_token"), "{code}");
        assert_eq!(reason(&answer.json().await.unwrap()), code);
    }
    let url = gateway.url("decisions", "/decide");
    let missing = reqwest::get(&url).await.unwrap();
    assert_eq!(missing.status(), StatusCode::UNAUTHORIZED);
    let challenge = &parse([header(&missing, "www-authenticate")])[0];
    assert_eq!(
        (challenge.scheme.as_str(), challenge.error()),
        ("Bearer", None)
    );
    let token = issuer.token(json!({}));
    let twice = Client::new()
        .get(&url)
        .bearer_auth(&token)
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    let challenge = &parse([header(&twice, "www-authenticate")])[0];
    assert_eq!(challenge.error(), Some("invalid_request"));
}

#[tokio::test]
async fn a_wrong_path_is_no_verdict() {
    let issuer = Issuer::new();
    let gateway = issuer.gateway("");
    let token = issuer.token(json!({}));
    for path in [
        "/",
        "/auth",
        "/decided",
        "/Decide",
        "//decide",
        "/envoy.service.auth.v3.X/Check",
    ] {
        let answer = ask_at(&gateway, path, &token, &[("x-forwarded-for", OFFICE)]).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn nothing_that_a_client_sends_makes_it_an_insider() {
    let issuer = Issuer::new();
    let gateway = issuer.gateway("");
    let token = issuer.token(json!({}));
    for headers in [
        // Left of what the proxy appended.
        &[("x-forwarded-for", "203.0.113.7, 198.51.100.9")][..],
        &[("x-forwarded-for", OFFICE), ("x-forwarded-for", ELSEWHERE)],
        &[
            ("forwarded", "for=203.0.113.7"),
            ("x-forwarded-for", ELSEWHERE),
        ],
        &[("x-real-ip", OFFICE), ("x-forwarded-for", ELSEWHERE)],
        &[
            ("x-highwater-decision", "allow"),
            ("x-forwarded-for", ELSEWHERE),
        ],
    ] {
        let answer = ask(&gateway, &token, headers).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{headers:?}");
        assert_eq!(header(&answer, "x-highwater-decision"), "deny");
    }
}

#[tokio::test]
async fn an_address_that_nobody_trusted_names_is_unknown() {
    let issuer = Issuer::new();
    let token = issuer.token(json!({}));
    for (trusted, headers) in [
        ("127.0.0.0/8", &[][..]),
        ("127.0.0.0/8", &[("x-forwarded-for", "garbage")]),
        ("127.0.0.0/8", &[("x-forwarded-for", "127.0.0.1")]),
        // A gateway that is not trusted is not believed, and its own address is nobody's.
        ("192.0.2.1", &[("x-forwarded-for", OFFICE)]),
    ] {
        let gateway = issuer.gateway(&format!(
            "[decision_log]\npath = \"decisions.jsonl\"\n[[serve.listener]]\n\
             kind = \"decisions\"\naddress = \"127.0.0.1:0\"\nfail = \"closed\"\n\
             client_address = {{ trusted_proxies = [\"{trusted}\"] }}\n"
        ));
        ask(&gateway, &token, headers).await;
        let (folder, _) = gateway.stop();
        let text = std::fs::read_to_string(folder.path().join("decisions.jsonl")).unwrap();
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["address"], Value::Null, "{trusted} {headers:?}");
    }
}

#[tokio::test]
async fn the_proxy_protocol_is_read_from_trusted_proxies_alone() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let issuer = Issuer::new();
    let token = issuer.token(json!({}));
    let exchange = async |trusted: &str, first: &str| {
        let gateway = issuer.gateway(&format!(
            "[[serve.listener]]\nkind = \"decisions\"\naddress = \"127.0.0.1:0\"\n\
             fail = \"closed\"\nproxy_protocol = true\n\
             client_address = {{ trusted_proxies = [{trusted}] }}\n"
        ));
        let mut stream = tokio::net::TcpStream::connect(gateway.address("decisions"))
            .await
            .unwrap();
        let request = format!(
            "{first}GET /decide HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
             x-forwarded-for: {OFFICE}\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let proxy = "PROXY TCP4 192.0.2.1 192.0.2.2 1234 443\r\n";
    // The proxy speaks for a gateway that is trusted, and that one for the client.
    let both = "\"127.0.0.0/8\", \"192.0.2.1\"";
    assert!(exchange(both, proxy).await.starts_with("HTTP/1.1 200 "));
    assert!(exchange(both, "").await.starts_with("HTTP/1.1 400 "));
    // Somebody else's words are no HTTP.
    assert!(
        exchange("\"192.0.2.9\"", proxy)
            .await
            .starts_with("HTTP/1.1 400 ")
    );
}

#[tokio::test]
async fn routes_ask_for_an_authentication_context() {
    let issuer = Issuer::new();
    let gateway =
        issuer.gateway("[[route]]\npath = \"/payroll\"\nauthentication_context = \"c1\"\n");
    let office = ("x-forwarded-for", OFFICE);
    let (plain, strong) = (json!({"xms_cc": ["cp1"]}), json!({"acrs": ["c1"]}));
    for (index, (path, headers, claims, status)) in [
        (
            "/decide",
            &[office, ("x-original-uri", "/public")][..],
            &plain,
            200,
        ),
        (
            "/decide",
            &[office, ("x-original-uri", "/payroll/2026")],
            &plain,
            401,
        ),
        (
            "/decide",
            &[office, ("x-original-uri", "/payroll/2026")],
            &strong,
            200,
        ),
        (
            "/decide",
            &[office, ("x-forwarded-uri", "/x/..%2Fpayroll")],
            &plain,
            401,
        ),
        (
            "/decide/payroll",
            &[office, ("x-original-uri", "/public")],
            &plain,
            401,
        ),
        ("/decide/public", &[office], &plain, 200),
        (
            "/decide?authentication_context=c1",
            &[office, ("x-original-uri", "/x")],
            &plain,
            401,
        ),
        (
            "/decide?authentication_context=c1",
            &[office, ("x-original-uri", "/x")],
            &strong,
            200,
        ),
        // Nobody says what was asked for.
        ("/decide", &[office], &strong, 503),
    ]
    .into_iter()
    .enumerate()
    {
        // Another person each time: nobody is challenged too often.
        let mut claims = claims.clone();
        claims["oid"] = json!(format!("user-{index}"));
        claims["jti"] = json!(format!("token-{index}"));
        let token = issuer.token(claims);
        let answer = ask_at(&gateway, path, &token, headers).await;
        assert_eq!(answer.status(), status, "{path} {headers:?}");
        if status == 401 {
            let challenge = &parse([header(&answer, "www-authenticate")])[0];
            let claims = Value::from(challenge.claims().unwrap());
            assert_eq!(claims["access_token"]["acrs"]["value"], "c1");
        }
    }
}

#[tokio::test]
async fn without_documents_a_closed_listener_lets_nobody_in_and_an_open_one_says_so() {
    let issuer = Issuer::new();
    let token = issuer.token(json!({}));
    for (fail, status) in [("closed", 503), ("open", 200)] {
        // `accept_any_tenant` must not make of missing documents a tenant without policies.
        let gateway = issuer.gateway_with(
            &format!(
                "[engine]\naccept_any_tenant = true\n[[serve.listener]]\nkind = \"decisions\"\n\
                 address = \"127.0.0.1:0\"\nfail = \"{fail}\"\n"
            ),
            &[("office.json", "[{\"conditions\":")],
        );
        let answer = ask(&gateway, &token, &[("x-forwarded-for", OFFICE)]).await;
        assert_eq!(answer.status(), status);
        assert_eq!(header(&answer, "x-highwater-decision"), "unjudged");
        assert_eq!(
            header(&answer, "x-highwater-reasons"),
            "documents_unavailable"
        );
        assert_eq!(header(&answer, "x-highwater-subject"), "");
        let forged = Issuer::new().token(json!({}));
        let answer = ask(&gateway, &forged, &[("x-forwarded-for", OFFICE)]).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "fail = {fail}");
    }
}

#[tokio::test]
async fn known_tokens_go_on_while_the_keys_of_their_issuer_are_away() {
    let issuer = Issuer::new();
    let keys = issuer.key_set();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = axum::Router::new().route("/jwks", axum::routing::get(move || async { keys }));
    let server = tokio::spawn(async move { axum::serve(listener, routes).await });
    let configuration = crate::issuer::CONFIGURATION.replace(
        "jwks_file = \"keys.json\"",
        &format!("jwks = \"http://{address}/jwks\""),
    );
    let gateway = Gateway::start(
        &configuration,
        &[("office.json", crate::gateway::OFFICE_ONLY)],
    );
    let token = issuer.token(json!({}));
    let answer = ask(&gateway, &token, &[("x-forwarded-for", OFFICE)]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    server.abort();
    let _ = server.await;
    for jti in ["token-1", "token-2"] {
        let token = issuer.token(json!({"jti": jti}));
        let answer = ask(&gateway, &token, &[("x-forwarded-for", OFFICE)]).await;
        assert_eq!(answer.status(), StatusCode::OK, "{jti}");
    }
    // Never known: the gateway starts, and lets nobody in.
    let gateway = Gateway::start(
        &configuration,
        &[("office.json", crate::gateway::OFFICE_ONLY)],
    );
    let answer = ask(&gateway, &token, &[("x-forwarded-for", OFFICE)]).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header(&answer, "x-highwater-reasons"), "keys_unavailable");
}

#[tokio::test]
async fn decisions_are_written_down_without_secrets_and_counted() {
    let issuer = Issuer::new();
    let gateway = issuer.gateway("[decision_log]\npath = \"decisions.jsonl\"\nallowed = 0\n");
    let token = issuer.token(json!({}));
    for address in [OFFICE, ELSEWHERE] {
        ask(
            &gateway,
            &token,
            &[
                ("x-forwarded-for", address),
                ("x-original-method", "PUT"),
                ("x-original-uri", "/files/7?secret=hush"),
            ],
        )
        .await;
    }
    let metrics = reqwest::get(gateway.url("decisions", "/metrics"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    for line in [
        "highwater_decisions_total{outcome=\"allow\",reason=\"none\"} 1",
        "highwater_decisions_total{outcome=\"deny\",reason=\"location_blocked\"} 1",
        "highwater_tenant_decisions_total{tenant=\"contoso\",outcome=\"allow\"} 1",
        "highwater_decision_seconds_count 2",
    ] {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }
    let (folder, _) = gateway.stop();
    let text = std::fs::read_to_string(folder.path().join("decisions.jsonl")).unwrap();
    assert_eq!(
        text.lines().count(),
        1,
        "the allowed one is not sampled:\n{text}"
    );
    assert!(!text.contains("hush") && !text.contains(&token), "{text}");
    let line: Value = serde_json::from_str(&text).unwrap();
    for (name, value) in [
        ("decision", json!("deny")),
        ("status", json!(403)),
        ("reasons", json!(["location_blocked"])),
        ("policies", json!(["77c1f1a2-50a4-4a55-9d8a-3c2a1f0b0d02"])),
        ("tenant", json!("contoso")),
        ("subject", json!("ada")),
        ("token", json!("token-1")),
        ("session", json!("session")),
        ("address", json!(ELSEWHERE)),
        ("method", json!("PUT")),
        ("path", json!("/files/7")),
    ] {
        assert_eq!(line[name], value, "{name} in {text}");
    }
}

#[tokio::test]
async fn a_policy_that_changes_on_disk_is_in_force_after_a_signal() {
    let issuer = Issuer::new();
    let gateway = issuer.gateway("");
    let token = issuer.token(json!({}));
    let status = async || {
        ask(&gateway, &token, &[("x-forwarded-for", ELSEWHERE)])
            .await
            .status()
    };
    assert_eq!(status().await, StatusCode::FORBIDDEN);
    let relaxed = crate::gateway::OFFICE_ONLY.replace("\"enabled\"", "\"disabled\"");
    std::fs::write(gateway.path("office.json"), relaxed).unwrap();
    gateway.signal(rustix::process::Signal::HUP);
    until(async || status().await == StatusCode::OK).await;
}

#[tokio::test]
async fn a_tenant_that_is_taken_out_of_the_configuration_is_refused_after_a_signal() {
    for id in ["contoso", "*"] {
        let issuer = Issuer::new();
        let keys = issuer.key_set();
        let configuration = crate::issuer::CONFIGURATION.replace("contoso", id);
        let files = [
            ("office.json", crate::gateway::OFFICE_ONLY),
            ("keys.json", keys.as_str()),
        ];
        let gateway = Gateway::start(&configuration, &files);
        let token = issuer.token(json!({}));
        let status = async || {
            ask(&gateway, &token, &[("x-forwarded-for", OFFICE)])
                .await
                .status()
        };
        assert_eq!(status().await, StatusCode::OK, "{id}");
        let (without, _) = configuration.split_once("[[tenant]]").unwrap();
        std::fs::write(gateway.path("highwater.toml"), without).unwrap();
        gateway.signal(rustix::process::Signal::HUP);
        until(async || status().await == StatusCode::FORBIDDEN).await;
    }
}

#[tokio::test]
async fn the_demonstration_shows_the_four_outcomes() {
    let gateway = Gateway::demonstration();
    let token = async |query: &str| {
        reqwest::get(gateway.url("decisions", &format!("/demo/token?{query}")))
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    };
    let ada = token("user=ada&cp1").await;
    let bob = token("user=bob").await;
    for (token, address, status) in [
        (&ada, OFFICE, 200),
        (&ada, ELSEWHERE, 401),
        (&bob, OFFICE, 200),
        (&bob, ELSEWHERE, 403),
    ] {
        let answer = ask(&gateway, token, &[("x-forwarded-for", address)]).await;
        assert_eq!(answer.status(), status);
    }
    let revoked = Client::new()
        .post(gateway.url("decisions", "/demo/revoke?user=ada"))
        .send()
        .await
        .unwrap();
    assert_eq!(revoked.status(), StatusCode::OK);
    let answer = ask(&gateway, &ada, &[("x-forwarded-for", OFFICE)]).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(header(&answer, "x-highwater-reasons"), "token_revoked");
    // A token of the same second is refused, a later one is good.
    until(async || {
        let token = token("user=ada&cp1").await;
        let answer = ask(&gateway, &token, &[("x-forwarded-for", OFFICE)]).await;
        answer.status() == StatusCode::OK
    })
    .await;
}
