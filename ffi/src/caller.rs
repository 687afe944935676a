//! The functions as a careful C program calls them, in safe Rust: for the vectors, the fuzz target
//! and the benchmark, which look at the library from outside. No part of what is installed.

use std::ffi::{CStr, c_char};
use std::marker::PhantomData;
use std::net::IpAddr;

use crate::decide::{highwater_engine_decide, highwater_engine_decide_batch};
use crate::decision::{highwater_decision, highwater_decision_init, highwater_reason_name};
use crate::documents::{
    highwater_document_kind, highwater_documents, highwater_documents_add,
    highwater_documents_add_path, highwater_documents_check, highwater_documents_free,
    highwater_documents_new,
};
use crate::engine::{
    highwater_engine, highwater_engine_forget_expired, highwater_engine_free, highwater_engine_new,
    highwater_engine_observe_stream, highwater_engine_open, highwater_engine_reopen,
    highwater_engine_status, highwater_engine_watch_stream,
};
use crate::error::{highwater_error_message, highwater_error_path};
use crate::events::highwater_engine_apply;
use crate::exchange::{
    highwater_engine_answer, highwater_engine_answer_and_explain, highwater_engine_explain,
};
use crate::feed::{
    highwater_feed, highwater_feed_free, highwater_feed_lost, highwater_feed_new,
    highwater_feed_next, highwater_feed_respond, highwater_feed_state,
};
use crate::header::{highwater_decision_header, highwater_decision_header_with_claims};
use crate::publish::{
    highwater_danger_publish_without_refused, highwater_engine_policies, highwater_engine_publish,
    highwater_engine_remove,
};
use crate::request::{
    highwater_device, highwater_device_free, highwater_device_new, highwater_request,
    highwater_request_init, highwater_request_set_address, highwater_resource,
    highwater_resource_free, highwater_resource_new,
};
use crate::signals::{
    highwater_engine_due_keys, highwater_engine_ingest, highwater_engine_receive,
    highwater_engine_receive_trusted, highwater_engine_set_keys,
};
use crate::status::highwater_status;
use crate::text::{highwater_text, highwater_text_free};
use crate::token::{
    highwater_token, highwater_token_facts, highwater_token_free, highwater_token_new,
    highwater_token_renew,
};

/// A call that did not return `HIGHWATER_STATUS_OK`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The status.
    pub status: highwater_status,
    /// `highwater_error_message`.
    pub message: String,
    /// `highwater_error_path`.
    pub path: String,
    /// The report, where the function writes one all the same.
    pub report: String,
}

fn done(status: highwater_status) -> Result<(), Refused> {
    if status == highwater_status::Ok {
        return Ok(());
    }
    let text = |data| {
        // SAFETY: both are NUL-terminated and stay until the next failure of this thread.
        let text = unsafe { CStr::from_ptr(data) };
        text.to_string_lossy().into_owned()
    };
    Err(Refused {
        status,
        // SAFETY: nothing is asked of the caller.
        message: text(unsafe { highwater_error_message() }),
        // SAFETY: nothing is asked of the caller.
        path: text(unsafe { highwater_error_path() }),
        report: String::new(),
    })
}

/// Calls a function that writes a text, and takes the text.
fn written(call: impl FnOnce(*mut highwater_text) -> highwater_status) -> Result<String, Refused> {
    let mut place = highwater_text {
        data: std::ptr::null(),
        length: 0,
    };
    let status = call(&raw mut place);
    let text = if place.data.is_null() {
        String::new()
    } else {
        // SAFETY: so many bytes and a NUL, as the library wrote it.
        let bytes =
            unsafe { std::slice::from_raw_parts(place.data.cast::<u8>(), place.length + 1) };
        assert_eq!(bytes.last(), Some(&0), "a text ends with a NUL");
        String::from_utf8(bytes[..place.length].to_owned()).expect("a text is UTF-8")
    };
    // SAFETY: as the library wrote it, or zeroed.
    unsafe { highwater_text_free(&raw mut place) };
    match done(status) {
        Ok(()) => Ok(text),
        Err(refused) => Err(Refused {
            report: text,
            ..refused
        }),
    }
}

fn made<T>(call: impl FnOnce(*mut *mut T) -> highwater_status) -> Result<*mut T, Refused> {
    let mut place = std::ptr::null_mut();
    let status = call(&raw mut place);
    assert_eq!(
        status == highwater_status::Ok,
        !place.is_null(),
        "untouched on failure"
    );
    done(status).map(|()| place)
}

macro_rules! handle {
    ($(#[$documentation:meta])* $name:ident, $raw:ty, $free:path) => {
        $(#[$documentation])*
        #[derive(Debug)]
        pub struct $name(*mut $raw);

        impl $name {
            /// The handle.
            #[must_use]
            pub const fn raw(&self) -> *mut $raw {
                self.0
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: made by the library, owned by this value, and not used any more.
                unsafe { $free(self.0) }
            }
        }
    };
}

handle!(
    /// An engine.
    Engine,
    highwater_engine,
    highwater_engine_free
);
handle!(
    /// A token.
    Token,
    highwater_token,
    highwater_token_free
);
handle!(
    /// A resource.
    Resource,
    highwater_resource,
    highwater_resource_free
);
handle!(
    /// A device.
    Device,
    highwater_device,
    highwater_device_free
);
handle!(
    /// A collection of documents.
    Documents,
    highwater_documents,
    highwater_documents_free
);
handle!(
    /// A feed.
    Feed,
    highwater_feed,
    highwater_feed_free
);

// SAFETY: the library lets any number of threads use an engine.
unsafe impl Send for Engine {}
// SAFETY: as above.
unsafe impl Sync for Engine {}
// SAFETY: a token never changes.
unsafe impl Send for Token {}
// SAFETY: as above.
unsafe impl Sync for Token {}

fn text(text: &str) -> (*const c_char, usize) {
    (text.as_ptr().cast(), text.len())
}

impl Resource {
    /// `highwater_resource_new`.
    pub fn new(id: &str) -> Result<Resource, Refused> {
        let (data, length) = text(id);
        // SAFETY: the text is alive, the place is a local.
        made(|place| unsafe { highwater_resource_new(data, length, place) }).map(Resource)
    }
}

impl Device {
    /// `highwater_device_new`.
    pub fn new(attributes: &str) -> Result<Device, Refused> {
        let (data, length) = text(attributes);
        // SAFETY: the text is alive, the place is a local.
        made(|place| unsafe { highwater_device_new(data, length, place) }).map(Device)
    }
}

/// A request whose pointers are alive.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    raw: highwater_request,
    alive: PhantomData<&'a ()>,
}

impl<'a> Request<'a> {
    /// `highwater_request_init`.
    #[must_use]
    pub fn new(now: i64) -> Request<'a> {
        let mut raw = std::mem::MaybeUninit::uninit();
        // SAFETY: valid for writing; afterwards every field is written.
        let raw = unsafe {
            highwater_request_init(raw.as_mut_ptr(), now);
            raw.assume_init()
        };
        Request {
            raw,
            alive: PhantomData,
        }
    }

    /// `highwater_request_set_address`.
    pub fn from_address(&mut self, address: IpAddr) -> Result<(), Refused> {
        let address = address.to_string();
        let (data, length) = text(&address);
        // SAFETY: the text and the request are alive.
        done(unsafe { highwater_request_set_address(&raw mut self.raw, data, length) })
    }

    /// Names the resource.
    pub fn to(&mut self, resource: &'a Resource) {
        self.raw.resource = resource.0;
    }

    /// Says what is known of the device.
    pub fn on(&mut self, device: &'a Device) {
        self.raw.device = device.0;
    }

    /// Names the authentication context.
    pub fn needing(&mut self, context: &'a str) {
        (
            self.raw.authentication_context,
            self.raw.authentication_context_length,
        ) = text(context);
    }

    /// The fields that are numbers.
    pub fn numbers(&mut self, platform: u8, client_app_type: u8, network: u8, country: [u8; 2]) {
        self.raw.platform = platform;
        self.raw.client_app_type = client_app_type;
        self.raw.compliant_network = network;
        self.raw.country = country;
    }

    /// The length of the address, which may be wrong.
    pub fn claim_address_length(&mut self, length: u8) {
        self.raw.address_length = length;
    }

    /// The struct.
    #[must_use]
    pub const fn raw(&self) -> &highwater_request {
        &self.raw
    }
}

/// A decision.
#[derive(Clone, Copy, Debug)]
pub struct Decision(highwater_decision);

impl Decision {
    fn init() -> Decision {
        let mut raw = std::mem::MaybeUninit::uninit();
        // SAFETY: valid for writing; afterwards every field is written.
        Decision(unsafe {
            highwater_decision_init(raw.as_mut_ptr());
            raw.assume_init()
        })
    }

    /// The struct.
    #[must_use]
    pub const fn raw(&self) -> &highwater_decision {
        &self.0
    }

    /// The published codes of the reasons, the strongest first.
    #[must_use]
    pub fn reasons(&self) -> Vec<&'static str> {
        (0..32)
            .filter(|reason| self.0.reasons >> reason & 1 == 1)
            .filter_map(|reason| {
                // SAFETY: nothing is asked of the caller.
                let name = unsafe { highwater_reason_name(reason) };
                // SAFETY: not null, then NUL-terminated and static.
                (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) })
            })
            .filter_map(|name| name.to_str().ok())
            .collect()
    }

    /// `highwater_decision_header`: asks for the length first.
    pub fn header(&self, token: &Token, request: &Request<'_>) -> Result<Option<String>, Refused> {
        header(|buffer, capacity, length| {
            // SAFETY: everything is alive, and the buffer as large as is said.
            unsafe {
                highwater_decision_header(
                    &raw const self.0,
                    token.0,
                    &raw const request.raw,
                    buffer,
                    capacity,
                    length,
                )
            }
        })
    }

    /// `highwater_decision_header_with_claims`.
    pub fn header_with_claims(
        &self,
        token: &Token,
        request: &Request<'_>,
        claims: &str,
    ) -> Result<Option<String>, Refused> {
        let (data, size) = text(claims);
        header(|buffer, capacity, length| {
            // SAFETY: everything is alive, and the buffer as large as is said.
            unsafe {
                highwater_decision_header_with_claims(
                    &raw const self.0,
                    token.0,
                    &raw const request.raw,
                    data,
                    size,
                    buffer,
                    capacity,
                    length,
                )
            }
        })
    }
}

fn header(
    call: impl Fn(*mut c_char, usize, *mut usize) -> highwater_status,
) -> Result<Option<String>, Refused> {
    let mut length = usize::MAX;
    done(call(std::ptr::null_mut(), 0, &raw mut length))?;
    if length == 0 {
        return Ok(None);
    }
    let mut buffer = vec![0xff_u8; length + 1];
    let mut again = usize::MAX;
    if length > 1 {
        // One byte less than it needs: nothing is written.
        let status = call(buffer.as_mut_ptr().cast(), length, &raw mut again);
        assert_eq!(status, highwater_status::BufferTooSmall);
        assert_eq!((again, buffer[0]), (length, 0xff));
    }
    done(call(
        buffer.as_mut_ptr().cast(),
        buffer.len(),
        &raw mut again,
    ))?;
    assert_eq!((again, buffer.pop()), (length, Some(0)));
    Ok(Some(String::from_utf8(buffer).expect("a header is ASCII")))
}

impl Documents {
    /// `highwater_documents_new`.
    pub fn new(flags: u32) -> Result<Documents, Refused> {
        // SAFETY: the place is a local.
        made(|place| unsafe { highwater_documents_new(flags, place) }).map(Documents)
    }

    /// `highwater_documents_add`.
    pub fn add(
        &mut self,
        kind: highwater_document_kind,
        name: &str,
        data: &[u8],
    ) -> Result<(), Refused> {
        let (name, length) = text(name);
        // SAFETY: name and data are alive.
        done(unsafe {
            highwater_documents_add(self.0, kind as u32, name, length, data.as_ptr(), data.len())
        })
    }

    /// `highwater_documents_add_path`.
    pub fn add_path(&mut self, kind: highwater_document_kind, path: &str) -> Result<(), Refused> {
        let (path, length) = text(path);
        // SAFETY: the path is alive.
        done(unsafe { highwater_documents_add_path(self.0, kind as u32, path, length) })
    }

    /// `highwater_documents_check`.
    pub fn check(&self) -> Result<String, Refused> {
        // SAFETY: the place is a local.
        written(|place| unsafe { highwater_documents_check(self.0, place) })
    }
}

impl Engine {
    /// `highwater_engine_new`.
    pub fn new(options: &str) -> Result<Engine, Refused> {
        let (data, length) = text(options);
        // SAFETY: the text is alive, the place is a local.
        made(|place| unsafe { highwater_engine_new(data, length, place) }).map(Engine)
    }

    /// `highwater_engine_open`.
    pub fn open(path: &str, options: &str) -> Result<Engine, Refused> {
        let ((path, path_length), (data, length)) = (text(path), text(options));
        // SAFETY: the texts are alive, the place is a local.
        made(|place| unsafe { highwater_engine_open(path, path_length, data, length, place) })
            .map(Engine)
    }

    /// `highwater_engine_publish`: the report.
    pub fn publish(
        &self,
        tenant: &str,
        documents: &Documents,
        settings: &str,
    ) -> Result<String, Refused> {
        let ((tenant, tenant_length), (settings, length)) = (text(tenant), text(settings));
        // SAFETY: the texts are alive, the places are null or locals.
        written(|place| unsafe {
            highwater_engine_publish(
                self.0,
                tenant,
                tenant_length,
                documents.0,
                settings,
                length,
                place,
                std::ptr::null_mut(),
            )
        })
    }

    /// `highwater_danger_publish_without_refused`: the report.
    pub fn publish_without_refused(
        &self,
        tenant: &str,
        documents: &Documents,
    ) -> Result<String, Refused> {
        let (tenant, length) = text(tenant);
        // SAFETY: the text is alive, the places are null or locals.
        written(|place| unsafe {
            highwater_danger_publish_without_refused(
                self.0,
                tenant,
                length,
                documents.0,
                std::ptr::null(),
                0,
                place,
                std::ptr::null_mut(),
            )
        })
    }

    /// `highwater_engine_reopen`.
    pub fn reopen(&self) -> Result<(), Refused> {
        // SAFETY: the engine is alive.
        done(unsafe { highwater_engine_reopen(self.0) })
    }

    /// `highwater_engine_remove`.
    pub fn remove(&self, tenant: &str) -> Result<bool, Refused> {
        let (tenant, length) = text(tenant);
        let mut removed = 0;
        // SAFETY: the text is alive, the place is a local.
        done(unsafe { highwater_engine_remove(self.0, tenant, length, &raw mut removed) })?;
        Ok(removed == 1)
    }

    /// `highwater_engine_policies`.
    pub fn policies(&self, tenant: &str) -> Result<String, Refused> {
        let (tenant, length) = text(tenant);
        // SAFETY: the text is alive, the place is a local.
        written(|place| unsafe { highwater_engine_policies(self.0, tenant, length, place) })
    }

    /// `highwater_token_new`.
    pub fn token(&self, claims: &str) -> Result<Token, Refused> {
        let (claims, length) = text(claims);
        // SAFETY: the text is alive, the place is a local.
        made(|place| unsafe { highwater_token_new(self.0, claims, length, place) }).map(Token)
    }

    /// `highwater_token_renew`.
    pub fn renew(&self, token: &Token) -> Result<Option<Token>, Refused> {
        let mut place = std::ptr::null_mut();
        // SAFETY: the place is a local.
        done(unsafe { highwater_token_renew(token.0, self.0, &raw mut place) })?;
        Ok((!place.is_null()).then_some(Token(place)))
    }

    /// `highwater_engine_decide`.
    pub fn decide(&self, token: &Token, request: &Request<'_>) -> Result<Decision, Refused> {
        let mut decision = Decision::init();
        // SAFETY: everything is alive.
        done(unsafe {
            highwater_engine_decide(self.0, token.0, &raw const request.raw, &raw mut decision.0)
        })?;
        Ok(decision)
    }

    /// `highwater_engine_decide_batch`.
    pub fn decide_batch(
        &self,
        tokens: &[&Token],
        requests: &[Request<'_>],
    ) -> Result<Vec<Decision>, Refused> {
        assert_eq!(tokens.len(), requests.len(), "a token for every request");
        let tokens: Vec<_> = tokens.iter().map(|token| token.0.cast_const()).collect();
        let requests: Vec<_> = requests.iter().map(|request| request.raw).collect();
        let mut decisions = vec![Decision::init().0; requests.len()];
        // SAFETY: everything is alive, and there are so many of each.
        let status = unsafe {
            highwater_engine_decide_batch(
                self.0,
                tokens.as_ptr(),
                requests.as_ptr(),
                decisions.as_mut_ptr(),
                decisions.len(),
            )
        };
        if status != highwater_status::Ok {
            let denies = |decision: &highwater_decision| decision.outcome == 0;
            assert!(decisions.iter().all(denies), "a batch that failed denies");
        }
        done(status)?;
        Ok(decisions.into_iter().map(Decision).collect())
    }

    /// `highwater_engine_answer`.
    pub fn answer(&self, request: &str) -> Result<String, Refused> {
        let (data, length) = text(request);
        // SAFETY: the text is alive, the place is a local.
        written(|place| unsafe { highwater_engine_answer(self.0, data, length, place) })
    }

    /// `highwater_engine_answer_and_explain`.
    pub fn answer_and_explain(&self, request: &str) -> Result<String, Refused> {
        let (data, length) = text(request);
        // SAFETY: the text is alive, the place is a local.
        written(|place| unsafe { highwater_engine_answer_and_explain(self.0, data, length, place) })
    }

    /// `highwater_engine_explain`.
    pub fn explain(&self, token: &Token, request: &Request<'_>) -> Result<String, Refused> {
        // SAFETY: everything is alive, the place is a local.
        written(|place| unsafe {
            highwater_engine_explain(self.0, token.0, &raw const request.raw, place)
        })
    }

    /// `highwater_engine_apply`.
    pub fn apply(&self, events: &str) -> Result<usize, Refused> {
        let (data, length) = text(events);
        let mut changed = 0;
        // SAFETY: the text is alive, the place is a local.
        done(unsafe { highwater_engine_apply(self.0, data, length, &raw mut changed) })?;
        Ok(changed)
    }

    /// `highwater_engine_receive`.
    pub fn receive(&self, token: &str, now: i64) -> Result<String, Refused> {
        let (data, length) = text(token);
        // SAFETY: the text is alive, the place is a local.
        written(|place| unsafe { highwater_engine_receive(self.0, data, length, now, place) })
    }

    /// `highwater_engine_receive_trusted`.
    pub fn receive_trusted(&self, claims: &str, now: i64) -> Result<String, Refused> {
        let (data, length) = text(claims);
        // SAFETY: the text is alive, the place is a local.
        written(|place| unsafe {
            highwater_engine_receive_trusted(self.0, data, length, now, place)
        })
    }

    /// `highwater_engine_ingest`.
    pub fn ingest(
        &self,
        expectation: &str,
        name: &str,
        data: &[u8],
        now: i64,
    ) -> Result<String, Refused> {
        let ((expectation, length), (name, name_length)) = (text(expectation), text(name));
        // SAFETY: texts and data are alive, the place is a local.
        written(|place| unsafe {
            highwater_engine_ingest(
                self.0,
                expectation,
                length,
                name,
                name_length,
                data.as_ptr(),
                data.len(),
                now,
                place,
            )
        })
    }

    /// `highwater_engine_set_keys`.
    pub fn set_keys(&self, transmitter: &str, keys: &str, now: i64) -> Result<(), Refused> {
        let ((name, name_length), (keys, length)) = (text(transmitter), text(keys));
        // SAFETY: the texts are alive.
        done(unsafe { highwater_engine_set_keys(self.0, name, name_length, keys, length, now) })
    }

    /// `highwater_engine_due_keys`.
    pub fn due_keys(&self, now: i64) -> Result<String, Refused> {
        // SAFETY: the place is a local.
        written(|place| unsafe { highwater_engine_due_keys(self.0, now, place) })
    }

    /// `highwater_engine_watch_stream`.
    pub fn watch_stream(&self, source: &str, seconds: i64, now: i64) -> Result<(), Refused> {
        let (source, length) = text(source);
        // SAFETY: the text is alive.
        done(unsafe { highwater_engine_watch_stream(self.0, source, length, seconds, now) })
    }

    /// `highwater_engine_observe_stream`.
    pub fn observe_stream(&self, source: &str, heard: i64) -> Result<(), Refused> {
        let (source, length) = text(source);
        // SAFETY: the text is alive.
        done(unsafe { highwater_engine_observe_stream(self.0, source, length, heard) })
    }

    /// `highwater_engine_forget_expired`.
    pub fn forget_expired(&self, now: i64) -> Result<usize, Refused> {
        let mut forgotten = 0;
        // SAFETY: the place is a local.
        done(unsafe { highwater_engine_forget_expired(self.0, now, &raw mut forgotten) })?;
        Ok(forgotten)
    }

    /// `highwater_engine_status`.
    pub fn status(&self, now: i64) -> Result<String, Refused> {
        // SAFETY: the place is a local.
        written(|place| unsafe { highwater_engine_status(self.0, now, place) })
    }
}

impl Token {
    /// `highwater_token_facts`.
    pub fn facts(&self) -> Result<String, Refused> {
        // SAFETY: the place is a local.
        written(|place| unsafe { highwater_token_facts(self.0, place) })
    }
}

impl Feed {
    /// `highwater_feed_new`.
    pub fn new(options: &str) -> Result<Feed, Refused> {
        let (data, length) = text(options);
        // SAFETY: the text is alive, the place is a local.
        made(|place| unsafe { highwater_feed_new(data, length, place) }).map(Feed)
    }

    /// `highwater_feed_next`.
    pub fn next(&self, now: i64) -> Result<String, Refused> {
        // SAFETY: the place is a local.
        written(|place| unsafe { highwater_feed_next(self.0, now, place) })
    }

    /// `highwater_feed_respond`, without `Retry-After`.
    pub fn respond(
        &mut self,
        engine: &Engine,
        http_status: u16,
        data: &[u8],
        now: i64,
    ) -> Result<String, Refused> {
        // SAFETY: the data is alive, the place is a local.
        written(|place| unsafe {
            highwater_feed_respond(
                self.0,
                engine.0,
                http_status,
                -1,
                data.as_ptr(),
                data.len(),
                now,
                place,
            )
        })
    }

    /// `highwater_feed_lost`.
    pub fn lost(&mut self, now: i64) -> Result<(), Refused> {
        // SAFETY: the feed is alive.
        done(unsafe { highwater_feed_lost(self.0, now) })
    }

    /// `highwater_feed_state`.
    pub fn state(&self) -> Result<String, Refused> {
        // SAFETY: the place is a local.
        written(|place| unsafe { highwater_feed_state(self.0, place) })
    }
}
