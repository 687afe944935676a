//! Requests and decisions as values.

use std::ffi::{CStr, c_char};
use std::marker::PhantomData;
use std::net::IpAddr;

use super::{Device, Refused, Resource, Token, done, made, text};
use crate::address::highwater_request_set_address;
use crate::decision::{highwater_decision, highwater_decision_init, highwater_reason_name};
use crate::header::{highwater_decision_header, highwater_decision_header_with_claims};
use crate::prepared::{highwater_device_new, highwater_resource_new};
use crate::request::{highwater_request, highwater_request_init};
use crate::status::highwater_status;

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
    pub(super) raw: highwater_request,
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
pub struct Decision(pub(super) highwater_decision);

impl Decision {
    pub(super) fn init() -> Decision {
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
