//! Deciding through the C ABI, single and in batches, and rendering a header touch no heap.
//!
//! In a file of its own: the counting allocator is the whole program's.

#[path = "../../engine/tests/counting/mod.rs"]
mod counting;

use std::ffi::c_char;

use counting::allocations;
use highwater_ffi::caller::{Device, Documents, Engine, Request, Resource};
use highwater_ffi::decide::{highwater_engine_decide, highwater_engine_decide_batch};
use highwater_ffi::decision::{highwater_decision, highwater_decision_init, highwater_outcome};
use highwater_ffi::documents::highwater_document_kind;
use highwater_ffi::header::highwater_decision_header;
use highwater_ffi::status::highwater_status;
use serde_json::json;

const NOW: i64 = 1_763_760_100_000;
const COUNT: usize = 130;

#[test]
fn a_decision_and_its_header_need_no_memory() {
    let engine = Engine::new("").expect("an engine");
    let text = json!([
        {"@odata.type": "#microsoft.graph.ipNamedLocation", "id": "office", "displayName": "Office",
         "isTrusted": true, "ipRanges": [{"cidrAddress": "203.0.113.0/24"}]},
        {"id": "outside", "displayName": "Outside", "state": "enabled",
         "conditions": {"users": {"includeUsers": ["All"]},
            "applications": {"includeApplications": ["All"]},
            "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
         "grantControls": {"operator": "OR", "builtInControls": ["block"]}}]);
    let mut documents = Documents::new(0).expect("a collection");
    documents
        .add(
            highwater_document_kind::Graph,
            "office.json",
            text.to_string().as_bytes(),
        )
        .expect("a document");
    engine
        .publish("contoso", &documents, "")
        .expect("published");
    let claims = json!({"iss": "https://sts.windows.net/contoso/", "tid": "contoso", "oid": "ada",
        "iat": 1_763_760_000, "exp": 1_763_763_600, "xms_cc": ["cp1"]});
    let token = engine.token(&claims.to_string()).expect("a token");
    let resource = Resource::new("api://orders").expect("a resource");
    let device = Device::new(r#"{"isCompliant": true}"#).expect("a device");
    let mut inside = Request::new(NOW);
    inside
        .from_address("203.0.113.7".parse().expect("an address"))
        .expect("an address");
    inside.to(&resource);
    inside.on(&device);
    let mut outside = inside;
    outside.needing("c1");
    outside
        .from_address("198.51.100.9".parse().expect("an address"))
        .expect("an address");

    let mut decision = std::mem::MaybeUninit::<highwater_decision>::uninit();
    // SAFETY: valid for writing, and every field is written.
    let mut decision = unsafe {
        highwater_decision_init(decision.as_mut_ptr());
        decision.assume_init()
    };
    let mut buffer = [0u8; 2048];
    let mut length = 0;
    let before = allocations();
    // SAFETY: everything is alive, and the buffer as large as is said.
    let statuses = unsafe {
        [
            highwater_engine_decide(engine.raw(), token.raw(), outside.raw(), &raw mut decision),
            highwater_decision_header(
                &raw const decision,
                token.raw(),
                outside.raw(),
                buffer.as_mut_ptr().cast::<c_char>(),
                buffer.len(),
                &raw mut length,
            ),
        ]
    };
    let count = allocations() - before;
    assert_eq!(statuses, [highwater_status::Ok; 2]);
    assert_eq!(decision.outcome, highwater_outcome::Challenge as u32);
    assert!(length > 100);
    assert_eq!(count, 0);

    let tokens = [token.raw().cast_const(); COUNT];
    let requests = [*inside.raw(); COUNT];
    let mut decisions = [decision; COUNT];
    let before = allocations();
    // SAFETY: everything is alive, and there are so many of each.
    let status = unsafe {
        highwater_engine_decide_batch(
            engine.raw(),
            tokens.as_ptr(),
            requests.as_ptr(),
            decisions.as_mut_ptr(),
            COUNT,
        )
    };
    let count = allocations() - before;
    assert_eq!(status, highwater_status::Ok);
    let allowed = highwater_outcome::Allow as u32;
    assert!(decisions.iter().all(|decision| decision.outcome == allowed));
    assert_eq!(count, 0);
}
