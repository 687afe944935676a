//! Calls of the C ABI in any order, with arguments right and wrong: every call does what it says
//! or is refused with a status that is the caller's fault, and what is decided in one way is
//! decided in every way.

use std::net::IpAddr;

use highwater_ffi::caller::{
    Decision, Device, Documents, Engine, Feed, Refused, Request, Resource, Token,
};
use highwater_ffi::decision::highwater_outcome;
use highwater_ffi::documents::highwater_document_kind;
use highwater_ffi::status::highwater_status;
use serde_json::Value;

/// The most calls of one case: enough for a token that outlives publications.
const CALLS: usize = 48;

/// Any bytes as a program: one byte chooses the call, the next ones its arguments; when they are
/// used up, the program ends.
pub fn c_calls(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let mut program = Program::start();
    for _ in 0..CALLS {
        if choices.0.is_empty() {
            break;
        }
        program.call(&mut choices);
    }
}

struct Program {
    engine: Engine,
    documents: Documents,
    tokens: Vec<Token>,
    resource: Option<Resource>,
    device: Option<Device>,
    feed: Option<Feed>,
    now: i64,
}

impl Program {
    fn start() -> Program {
        Program {
            engine: Engine::new(OPTIONS).expect("the options are right"),
            documents: Documents::new(2).expect("a collection"),
            tokens: Vec::new(),
            resource: None,
            device: None,
            feed: None,
            now: 1_763_760_100_000,
        }
    }

    fn call(&mut self, choices: &mut Choices<'_>) {
        match choices.byte() % 16 {
            0 => {
                if let Some(engine) = taken(Engine::new(&choices.text(&[OPTIONS, ""]))) {
                    self.engine = engine;
                }
            }
            1 => {
                let kind = choices.one(&[
                    highwater_document_kind::Graph,
                    highwater_document_kind::Synced,
                    highwater_document_kind::TrustedIps,
                    highwater_document_kind::CountryList,
                    highwater_document_kind::CountryDatabase,
                ]);
                let data = choices.text(&DOCUMENTS);
                taken(self.documents.add(kind, "file", data.as_bytes()));
            }
            2 => {
                let settings = choices.text(&["", r#"{"policy_change": "all"}"#]);
                let tenant = choices.one(&["contoso", "*", ""]);
                let checked = taken(self.documents.check()).is_some();
                let published = taken(self.engine.publish(tenant, &self.documents, &settings));
                assert!(checked || published.is_none(), "refused documents stay out");
                if !checked {
                    self.documents = Documents::new(0).expect("a collection");
                }
            }
            3 => {
                let claims = choices.text(&CLAIMS);
                if let Some(token) = taken(self.engine.token(&claims)) {
                    taken(token.facts()).expect("what was read can be shown");
                    self.tokens.push(token);
                }
            }
            4 | 5 => self.decide(choices),
            6 => self.decide_batch(choices),
            7 => {
                let events = choices.text(&EVENTS);
                taken(self.engine.apply(&events));
            }
            8 => {
                let request = choices.text(&REQUESTS);
                let answered = taken(self.engine.answer(&request)).is_some();
                let explained = taken(self.engine.answer_and_explain(&request)).is_some();
                assert_eq!(answered, explained, "one reader for both");
            }
            9 => {
                let claims = choices.text(&SETS);
                taken(self.engine.receive_trusted(&claims, self.now));
                taken(self.engine.receive(&claims, self.now));
            }
            10 => {
                let expectation = choices.text(&[
                    r#"{"source": "file", "trust_unsigned": true, "tenant": "contoso"}"#,
                    r#"{"source": "file"}"#,
                ]);
                let data = choices.text(&SETS);
                taken(
                    self.engine
                        .ingest(&expectation, "file", data.as_bytes(), self.now),
                );
            }
            11 => self.feed(choices),
            12 => {
                self.resource = taken(Resource::new(&choices.text(&["api://orders", ""])));
                self.device = taken(Device::new(&choices.text(&[r#"{"isCompliant": true}"#])));
            }
            13 => {
                if let Some(token) = self.tokens.pop()
                    && let Some(Some(renewed)) = taken(self.engine.renew(&token))
                {
                    self.tokens.push(renewed);
                }
            }
            14 => {
                taken(self.engine.forget_expired(self.now)).expect("nothing to refuse");
                for text in [
                    self.engine.status(self.now),
                    self.engine.due_keys(self.now),
                    self.engine.policies("contoso"),
                ] {
                    let text = taken(text).expect("nothing to refuse");
                    serde_json::from_str::<Value>(&text).expect("a report is JSON");
                }
                let keys = choices.text(&[r#"{"keys": []}"#, ""]);
                taken(self.engine.set_keys("idp", &keys, self.now));
            }
            _ => {
                self.now += i64::from(choices.byte()) * 1000;
                taken(self.engine.remove("contoso"));
            }
        }
    }

    fn request<'a>(&'a self, context: &'a str, choices: &mut Choices<'_>) -> Request<'a> {
        let mut request = Request::new(self.now);
        if !choices.byte().is_multiple_of(4) {
            let address: IpAddr = choices
                .one(&[
                    "203.0.113.7",
                    "198.51.100.9",
                    "2001:db8::7",
                    "::ffff:203.0.113.7",
                ])
                .parse()
                .expect("an address");
            request.from_address(address).expect("an address");
        }
        if let Some(resource) = &self.resource {
            request.to(resource);
        }
        if let Some(device) = &self.device {
            request.on(device);
        }
        if choices.byte().is_multiple_of(4) {
            request.needing(context);
        }
        if choices.byte().is_multiple_of(4) {
            let country = [choices.byte(), choices.byte()];
            request.numbers(
                choices.byte() % 9,
                choices.byte() % 7,
                choices.byte() % 4,
                country,
            );
        }
        if choices.byte() % 16 == 1 {
            request.claim_address_length(choices.byte());
        }
        request
    }

    fn decide(&self, choices: &mut Choices<'_>) {
        let Some(token) = self.tokens.last() else {
            return;
        };
        let context = choices.text(&["c1", "c2"]);
        let request = self.request(&context, choices);
        let explained = taken(self.engine.explain(token, &request));
        let decided = taken(self.engine.decide(token, &request));
        assert_eq!(explained.is_some(), decided.is_some());
        let (Some(explained), Some(decided)) = (explained, decided) else {
            return;
        };
        let explained: Value = serde_json::from_str(&explained).expect("JSON");
        assert_eq!(explained["decision"], outcome(&decided));
        assert_eq!(explained["status"], decided.raw().status);
        assert_eq!(explained["reasons"], Value::from(decided.reasons()));
        let header = taken(decided.header(token, &request)).expect("a header or none");
        assert_eq!(header.is_some(), decided.raw().status == 401);
        assert_eq!(explained["www_authenticate"], Value::from(header));
        let claims = choices.text(&[r#"{"xms_extra": {"essential": true}}"#, "[]"]);
        taken(decided.header_with_claims(token, &request, &claims));
    }

    fn decide_batch(&self, choices: &mut Choices<'_>) {
        let Some(token) = self.tokens.last() else {
            return;
        };
        let count = usize::from(choices.byte()) % 70;
        let context = choices.text(&["c1"]);
        let requests: Vec<_> = (0..count)
            .map(|_| self.request(&context, choices))
            .collect();
        let tokens = vec![token; count];
        let Some(decisions) = taken(self.engine.decide_batch(&tokens, &requests)) else {
            return;
        };
        for (decision, request) in decisions.iter().zip(&requests) {
            let header = taken(decision.header(token, request)).expect("a header or none");
            assert_eq!(header.is_some(), decision.raw().status == 401);
        }
    }

    fn feed(&mut self, choices: &mut Choices<'_>) {
        let kind = choices.one(&[
            "users",
            "groups",
            "devices",
            "policies",
            "riskyUsers",
            "cats",
        ]);
        let options = format!(r#"{{"kind": "{kind}", "graph": {{"tenant": "contoso"}}}}"#);
        if self.feed.is_none() || choices.byte().is_multiple_of(4) {
            self.feed = taken(Feed::new(&choices.text(&[&options])));
        }
        let Some(feed) = &mut self.feed else { return };
        taken(feed.next(self.now)).expect("always an action");
        let status = choices.one(&[200, 410, 429, 500]);
        let page = choices.text(&PAGES);
        taken(feed.respond(&self.engine, status, page.as_bytes(), self.now));
        let state = taken(feed.state()).expect("always a state");
        serde_json::from_str::<Value>(&state).expect("a state is JSON");
    }
}

/// What was done; a refusal must say something, and must be the caller's fault.
fn taken<T>(result: Result<T, Refused>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(refused) => {
            assert!(!refused.message.is_empty());
            assert!(
                !matches!(
                    refused.status,
                    highwater_status::Panicked
                        | highwater_status::Poisoned
                        | highwater_status::InvalidHandle
                        | highwater_status::NullPointer
                        | highwater_status::Busy
                        | highwater_status::Forked
                        | highwater_status::WrongSize
                        | highwater_status::InvalidUtf8
                        | highwater_status::StoreFailed
                ) || refused.path == "data"
                    || refused.message.contains("not UTF-8"),
                "{refused:?}"
            );
            None
        }
    }
}

fn outcome(decision: &Decision) -> &'static str {
    match decision.raw().outcome {
        outcome if outcome == highwater_outcome::Allow as u32 => "allow",
        outcome if outcome == highwater_outcome::Challenge as u32 => "challenge",
        _ => "deny",
    }
}

/// Bytes from the front; zeros when they are used up.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        let (&byte, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        byte
    }

    fn one<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    /// One of the texts, whole, or with some bytes of it replaced, or the bytes themselves.
    fn text(&mut self, choices: &[&str]) -> String {
        let text = self.one(choices);
        match self.byte() % 8 {
            0 => {
                let length = usize::from(self.byte()).min(self.0.len());
                let (own, rest) = self.0.split_at(length);
                self.0 = rest;
                String::from_utf8_lossy(own).into_owned()
            }
            1 => {
                let mut bytes = text.as_bytes().to_owned();
                for _ in 0..1 + self.byte() % 4 {
                    let place = usize::from(self.byte()) * 7 % bytes.len().max(1);
                    let byte = self.byte();
                    if let Some(place) = bytes.get_mut(place) {
                        *place = byte;
                    }
                }
                String::from_utf8_lossy(&bytes).into_owned()
            }
            _ => text.to_owned(),
        }
    }
}

const OPTIONS: &str = r#"{"settings": {"accept_any_tenant": true}, "transmitters": [{"name": "idp",
"issuer": "https://idp.example", "audience": "https://rs.example", "tenant": "contoso"}]}"#;

const DOCUMENTS: [&str; 5] = [
    r##"[{"@odata.type": "#microsoft.graph.ipNamedLocation", "id": "office", "displayName": "Office",
"isTrusted": true, "ipRanges": [{"cidrAddress": "203.0.113.0/24"}, {"cidrAddress": "2001:db8::/32"}]}]"##,
    r#"[{"id": "outside", "displayName": "Outside", "state": "enabled",
"conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]},
"locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
"grantControls": {"operator": "OR", "builtInControls": ["block"]}}]"#,
    r#"[{"id": "step", "displayName": "Step up", "state": "enabled",
"conditions": {"users": {"includeUsers": ["All"]},
"applications": {"includeAuthenticationContextClassReferences": ["c1"]},
"devices": {"deviceFilter": {"mode": "exclude", "rule": "device.isCompliant -eq True"}}},
"grantControls": {"operator": "OR", "builtInControls": ["mfa", "compliantDevice"]}}]"#,
    "DE\t198.51.100.0/24\nUS\t2001:db8::/32\n",
    "203.0.113.0/24\n",
];

const CLAIMS: [&str; 3] = [
    r#"{"iss": "https://sts.windows.net/contoso/", "tid": "contoso", "oid": "ada", "aud": "api://orders",
"iat": 1763760000, "exp": 1763763900, "xms_cc": ["cp1"], "sid": "s1", "uti": "t1"}"#,
    r#"{"iss": "https://idp.example", "tid": "contoso", "sub": "ada", "iat": 1763760000, "exp": 1763763600}"#,
    r#"{"iss": "https://sts.windows.net/contoso/", "tid": "contoso", "oid": "robot", "sub": "robot",
"idtyp": "app", "azp": "tool", "iat": 1763760000, "exp": 1763763900}"#,
];

const EVENTS: [&str; 4] = [
    r#"{"time": 1763760050, "tenant": "contoso", "subject": {"user": "ada"}, "effect": "revoke", "source": "idp"}"#,
    r#"[{"time": 1763760060, "tenant": "contoso", "subject": {"user": "ada"}, "effect": "block", "source": "idp"},
{"time": 1763760070, "tenant": "contoso", "subject": {"user": "ada"}, "effect": "unblock", "source": "idp"}]"#,
    r#"{"time": 1763760050, "tenant": "contoso", "subject": {"session": "s1"}, "effect": "deny", "source": "idp"}"#,
    r#"{"time": 1763760050, "tenant": "contoso", "subject": {}, "effect": "revoke", "source": "idp"}"#,
];

const REQUESTS: [&str; 2] = [
    r#"{"id": "r", "now": 1763760100, "ip": "203.0.113.7", "token": {"iss": "https://idp.example",
"tid": "contoso", "sub": "ada", "iat": 1763760000, "exp": 1763763600}}"#,
    r#"{"now": 1763760100, "auth_context": "c1", "signals": {"country": "DE", "device": {"isCompliant": false}},
"token": {"iss": "https://sts.windows.net/contoso/", "tid": "contoso", "oid": "ada", "iat": 1763760000,
"exp": 1763763900, "xms_cc": ["cp1"]}}"#,
];

const SETS: [&str; 3] = [
    r#"{"iss": "https://idp.example", "aud": "https://rs.example", "iat": 1763760090, "jti": "j1",
"sub_id": {"format": "iss_sub", "iss": "https://idp.example", "sub": "ada"},
"events": {"https://schemas.openid.net/secevent/caep/event-type/session-revoked": {"event_timestamp": 1763760080}}}"#,
    r#"{"time": 1763760050, "tenant": "contoso", "subject": {"user": "ada"}, "effect": "revoke", "source": "idp"}"#,
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIn0.AAAA",
];

const PAGES: [&str; 3] = [
    r##"{"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users", "value": [{"id": "ada",
"accountEnabled": false, "mail": "ada@contoso.example"}],
"@odata.deltaLink": "https://graph.microsoft.com/v1.0/users/delta?$deltatoken=x"}"##,
    r#"{"value": []}"#,
    r#"{"error": {"code": "resyncRequired", "message": "again"}}"#,
];
