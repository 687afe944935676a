//! A challenge is written without touching the heap, so refusing costs no more than allowing.
//!
//! In a file of its own: the counting allocator is the whole program's.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use highwater::challenge::{Challenge, ClaimsDocument, InvalidToken};
use serde_json::json;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator unchanged; the counter is a
// thread-local without destructor and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's obligations are those of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn writing_allocates_nothing() {
    let additional = json!({"step": ["é>", 1.5, {"a": null}]});
    let claims = ClaimsDocument {
        not_before: Some(1_763_760_000),
        resource_seen_address: Some("2001:db8::7".parse().unwrap()),
        authentication_context: Some("c1"),
        additional: additional.as_object(),
    };
    let challenge = Challenge::new("https://idp.example/ü", "api://orders", claims)
        .with_description("The claims of the access token are out of date");
    let denial = InvalidToken::new("https://idp.example", "api://orders", "It has expired");
    let mut buffer = [0; Challenge::MAXIMUM_LENGTH];
    let expected = challenge.header_value();

    let before = ALLOCATIONS.with(Cell::get);
    let length = challenge.write_into(&mut buffer);
    let allocations = ALLOCATIONS.with(Cell::get) - before;
    assert_eq!(&buffer[..length.unwrap()], expected.as_bytes());
    assert_eq!(allocations, 0);

    let before = ALLOCATIONS.with(Cell::get);
    let length = denial.write_into(&mut buffer);
    let allocations = ALLOCATIONS.with(Cell::get) - before;
    assert!(length.is_ok());
    assert_eq!(allocations, 0);

    // The allocator does count.
    let before = ALLOCATIONS.with(Cell::get);
    drop(challenge.header_value());
    assert!(ALLOCATIONS.with(Cell::get) > before);
}
