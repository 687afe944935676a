//! From what others report to what a client is answered.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::fake_graph::FakeGraph;
use crate::gateway::{Deployment, Gateway};
use crate::transmitter::{Transmitter, emitter, now, session_revoked, user};

/// Whose access tokens the gateway takes.
struct Issuer(EcdsaKeyPair);

impl Issuer {
    fn new() -> Issuer {
        Issuer(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    /// A deployment that takes its tokens, with this tenant and these sections.
    fn deployment(&self, sections: &str) -> Deployment {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        let text = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        let keys = json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "k", "x": text(x), "y": text(y),
        }]});
        let deployment = Deployment::bare(&format!(
            "{}\n[token]\naudiences = [\"api\"]\n[[issuer]]\nissuer = \"https://login.example\"\n\
             answers_challenges = true\njwks_file = \"keys.json\"\n{sections}",
            Deployment::listeners()
        ));
        deployment.write("keys.json", &keys.to_string());
        deployment
    }

    /// An access token of `subject`, issued a while ago.
    fn token(&self, subject: &str) -> String {
        let claims = json!({
            "iss": "https://login.example", "aud": "api", "tid": "contoso", "oid": subject,
            "sub": subject, "idtyp": "user", "azp": "app", "jti": format!("token of {subject}"),
            "iat": now().seconds() - 60, "exp": now().seconds() + 3600,
        });
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some("k".to_owned());
        let der = self.0.to_pkcs8v1().unwrap();
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ec_der(der.as_ref())).unwrap()
    }
}

/// The status of a decision about a request from this address.
async fn decided(gateway: &Gateway, token: &str, address: &str) -> u16 {
    let request = gateway
        .client
        .get(format!("{}/decide", gateway.decisions))
        .bearer_auth(token)
        .header("x-forwarded-for", address);
    request.send().await.unwrap().status().as_u16()
}

const OFFICE: &str = "203.0.113.7";
const ELSEWHERE: &str = "198.51.100.9";

fn office() -> Value {
    json!({
        "@odata.type": "#microsoft.graph.ipNamedLocation",
        "id": "3f0d6c6e-9a1b-4a57-8f6e-5d2f6a1b0c01", "displayName": "Office", "isTrusted": true,
        "ipRanges": [{ "@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.0/24" }],
    })
}

fn office_only() -> Value {
    json!({
        "id": "77c1f1a2-50a4-4a55-9d8a-3c2a1f0b0d02", "displayName": "Block outside the office",
        "state": "enabled",
        "conditions": {
            "users": { "includeUsers": ["All"] },
            "applications": { "includeApplications": ["All"] },
            "clientAppTypes": ["all"],
            "locations": { "includeLocations": ["All"], "excludeLocations": ["AllTrusted"] },
        },
        "grantControls": { "operator": "OR", "builtInControls": ["block"] },
    })
}

const TENANT: &str = "[[tenant]]\nid = \"contoso\"\ndocuments = [\"documents.json\"]\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_request_after_the_acknowledgement_is_refused() {
    let (issuer, key) = (Issuer::new(), emitter("k"));
    let transmitter = Transmitter::start(key.jwks().unwrap()).await;
    let deployment = issuer.deployment(&format!("{TENANT}{}", transmitter.section("push = {}")));
    deployment.write(
        "documents.json",
        &json!([office(), office_only()]).to_string(),
    );
    let gateway = deployment.start();
    let (ada, bob) = (issuer.token("ada"), issuer.token("bob"));
    assert_eq!(decided(&gateway, &ada, OFFICE).await, 200);
    assert_eq!(decided(&gateway, &bob, OFFICE).await, 200);
    let revoked = key.sign(&session_revoked("1", user("ada"))).unwrap();
    assert_eq!(gateway.push("idp", revoked).await.status, 202);
    assert_eq!(decided(&gateway, &ada, OFFICE).await, 401);
    assert_eq!(decided(&gateway, &bob, OFFICE).await, 200);
    gateway.kill();
    let gateway = deployment.start();
    assert_eq!(decided(&gateway, &ada, OFFICE).await, 401);
    assert_eq!(decided(&gateway, &bob, OFFICE).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_decided_by_what_graph_says() {
    let issuer = Issuer::new();
    let graph = FakeGraph::start().await;
    graph.directory().is_down = true;
    let deployment = issuer.deployment(&format!(
        "[[tenant]]\nid = \"contoso\"\ndocuments = []\n{}",
        graph.section("read = [\"policies\", \"named_locations\", \"users\"]")
    ));
    deployment.write("graph.secret", "secret");
    let gateway = deployment.start();
    let ada = issuer.token("ada");
    // No policies are not the same as policies that are not known.
    assert_eq!(decided(&gateway, &ada, OFFICE).await, 503);
    {
        let mut directory = graph.directory();
        let objects = &mut directory.objects;
        objects.insert("identity/conditionalAccess/policies", vec![office_only()]);
        objects.insert("identity/conditionalAccess/namedLocations", vec![office()]);
        objects.insert(
            "users",
            vec![json!({ "id": "ada", "accountEnabled": true })],
        );
        directory.is_down = false;
    }
    gateway
        .eventually("the office is known", || async {
            decided(&gateway, &ada, OFFICE).await == 200
        })
        .await;
    assert_ne!(decided(&gateway, &ada, ELSEWHERE).await, 200);
    let disabled = vec![json!({ "id": "ada", "accountEnabled": false })];
    graph.directory().objects.insert("users", disabled.clone());
    graph.directory().changes.insert("users", disabled);
    gateway
        .eventually("a disabled user is refused", || async {
            decided(&gateway, &ada, OFFICE).await != 200
        })
        .await;
    // The location moves; the next listing is decided by.
    let bob = issuer.token("bob");
    assert_eq!(decided(&gateway, &bob, OFFICE).await, 200);
    let mut moved = office();
    moved["ipRanges"][0]["cidrAddress"] = json!("198.51.100.0/24");
    let place = "identity/conditionalAccess/namedLocations";
    graph.directory().objects.insert(place, vec![moved]);
    gateway
        .eventually("the new office is known", || async {
            decided(&gateway, &bob, ELSEWHERE).await == 200
                && decided(&gateway, &bob, OFFICE).await != 200
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transmitter_and_a_graph_that_never_answer_hold_no_decision_up() {
    let issuer = Issuer::new();
    // Connections are taken and nothing is ever said.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let silence = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = silent.accept().await {
            held.push(connection);
        }
    });
    let deployment = issuer.deployment(&format!(
        "{TENANT}[[transmitter]]\nname = \"idp\"\nissuer = \"https://idp.example\"\naudience = \"a\"\n\
         tenant = \"contoso\"\njwks_uri = \"{url}/jwks\"\nmetadata_url = \"{url}/metadata\"\npoll = {{}}\n\
         stream = {{}}\n[graph]\ntenant = \"contoso\"\nbase_url = \"{url}/v1.0\"\nread = [\"users\"]\n\
         credentials = {{ bearer = {{ env = \"HIGHWATER_TEST_SECRET\" }} }}\n",
    ));
    deployment.write(
        "documents.json",
        &json!([office(), office_only()]).to_string(),
    );
    let gateway = deployment.start();
    let ada = issuer.token("ada");
    for _ in 0..50 {
        assert_eq!(decided(&gateway, &ada, OFFICE).await, 200);
        assert_ne!(decided(&gateway, &ada, ELSEWHERE).await, 200);
    }
    gateway.stop().await;
    silence.abort();
}
