//! A request as a flat struct: what a service knows about the call that it is asked to serve.

use std::ffi::{c_char, c_void};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use highwater::identifier::Identifier;
use highwater::model::{ClientAppType, DeviceAttributes, Platform};
use highwater::request::{Request, Signals};
use highwater::timestamp::Timestamp;
use serde_json::{Map, Value};

use crate::error::{Failure, Outcome};
use crate::handle::{Handle, Kind, borrow, free, give, without};
use crate::options::read_json;
use crate::size::check_size;
use crate::status::highwater_status;
use crate::text::{bytes, identifier, required, text};

/// The circumstances of a request. Set `size` to `sizeof(highwater_request)` and everything else
/// to zero (`highwater_request_init` does both), then say what is known: zero means unknown, and
/// what is unknown is never assumed. Nothing in it is kept or freed by the library.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct highwater_request {
    /// `sizeof(highwater_request)`: says which version of the struct this is. One that is larger
    /// than the library's is taken if everything behind is zero.
    pub size: usize,
    /// The present by the host's clock, in milliseconds since 1970. Must not be zero.
    pub now: i64,
    /// The address of the client as the host saw it, in network order.
    pub address: [u8; 16],
    /// 4 or 16; 0 if the address is unknown.
    pub address_length: u8,
    /// One of `highwater_platform`.
    pub platform: u8,
    /// One of `highwater_client_app_type`.
    pub client_app_type: u8,
    /// Whether the client came through the compliant network: one of `highwater_answer`.
    pub compliant_network: u8,
    /// ISO 3166-1 alpha-2 code of the client's country, in either case; zeros if unknown.
    pub country: [u8; 2],
    /// Zero.
    pub reserved: [u8; 2],
    /// The authentication context that this operation needs, such as `c1`; null if none.
    pub authentication_context: *const c_char,
    /// Its length in bytes.
    pub authentication_context_length: usize,
    /// The application id of the resource; null for the token's audience.
    pub resource: *const highwater_resource,
    /// What is known of the device; null if nothing is.
    pub device: *const highwater_device,
}

/// Yes, no, or not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum highwater_answer {
    /// Not known.
    Unknown = 0,
    /// No.
    No = 1,
    /// Yes.
    Yes = 2,
}

/// The client's platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum highwater_platform {
    /// Not known.
    Unknown = 0,
    /// `android`.
    Android = 1,
    /// `iOS`.
    Ios = 2,
    /// `windows`.
    Windows = 3,
    /// `windowsPhone`.
    WindowsPhone = 4,
    /// `macOS`.
    Macos = 5,
    /// `linux`.
    Linux = 6,
    /// Known, and none of these.
    Other = 7,
}

/// The kind of client application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum highwater_client_app_type {
    /// Not known.
    Unknown = 0,
    /// `browser`.
    Browser = 1,
    /// `mobileAppsAndDesktopClients`.
    MobileAppsAndDesktopClients = 2,
    /// `exchangeActiveSync`.
    ExchangeActiveSync = 3,
    /// `easSupported`.
    EasSupported = 4,
    /// `other`: legacy authentication.
    Other = 5,
}

const _: () = {
    assert!(highwater_answer::Unknown as u8 == 0);
    assert!(highwater_answer::No as u8 == 1);
    assert!(highwater_answer::Yes as u8 == 2);
    assert!(highwater_platform::Unknown as u8 == 0);
    assert!(highwater_platform::Android as u8 == 1);
    assert!(highwater_platform::Ios as u8 == 2);
    assert!(highwater_platform::Windows as u8 == 3);
    assert!(highwater_platform::WindowsPhone as u8 == 4);
    assert!(highwater_platform::Macos as u8 == 5);
    assert!(highwater_platform::Linux as u8 == 6);
    assert!(highwater_platform::Other as u8 == 7);
    assert!(highwater_client_app_type::Unknown as u8 == 0);
    assert!(highwater_client_app_type::Browser as u8 == 1);
    assert!(highwater_client_app_type::MobileAppsAndDesktopClients as u8 == 2);
    assert!(highwater_client_app_type::ExchangeActiveSync as u8 == 3);
    assert!(highwater_client_app_type::EasSupported as u8 == 4);
    assert!(highwater_client_app_type::Other as u8 == 5);
    // The layout of the first version, which every later one begins with.
    assert!(size_of::<highwater_request>() == 72 || size_of::<usize>() != 8);
    assert!(std::mem::offset_of!(highwater_request, address) == 16);
    assert!(std::mem::offset_of!(highwater_request, authentication_context) == 40);
};

/// The application id of a resource, made once and used in any number of requests and threads.
pub struct highwater_resource {
    id: Identifier,
}

impl Handle for highwater_resource {
    const KIND: Kind = Kind::Resource;
}

/// What a host knows of a device, made once and used in any number of requests and threads.
pub struct highwater_device {
    attributes: DeviceAttributes,
}

impl Handle for highwater_device {
    const KIND: Kind = Kind::Device;
}

/// Makes a request about which nothing is known but the time, in milliseconds since 1970.
///
/// # Safety
/// - `request` is null or valid for writing `sizeof(highwater_request)` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_request_init(request: *mut highwater_request, now: i64) {
    if !request.is_null() && request.is_aligned() {
        // SAFETY: not null, aligned, and valid by the caller's promise.
        unsafe { request.write(highwater_request { now, ..UNKNOWN }) }
    }
}

const UNKNOWN: highwater_request = highwater_request {
    size: size_of::<highwater_request>(),
    now: 0,
    address: [0; 16],
    address_length: 0,
    platform: 0,
    client_app_type: 0,
    compliant_network: 0,
    country: [0; 2],
    reserved: [0; 2],
    authentication_context: std::ptr::null(),
    authentication_context_length: 0,
    resource: std::ptr::null(),
    device: std::ptr::null(),
};

/// Sets the address of a request from text, such as `203.0.113.7` or `2001:db8::7`: no port, no
/// brackets, no zone.
///
/// # Safety
/// - `request` points to a request.
/// - `address` is valid for reading `address_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_request_set_address(
    request: *mut highwater_request,
    address: *const c_char,
    address_length: usize,
) -> highwater_status {
    without(|| {
        let request = required("request", request)?;
        // SAFETY: the caller's promise.
        let text = unsafe { text("address", address, address_length) }?;
        let address: IpAddr = text.parse().map_err(|_| {
            Failure::at(
                highwater_status::InvalidArgument,
                format!("`address`: `{text}` is no address"),
                "address",
            )
        })?;
        // SAFETY: checked above, and a request by the caller's promise.
        set_address(unsafe { &mut *request }, address);
        Ok(())
    })
}

/// Sets the address of a request from a `struct sockaddr` of the families `AF_INET` and
/// `AF_INET6`, as `accept` and `getpeername` give it.
///
/// # Safety
/// - `request` points to a request.
/// - `socket_address` is valid for reading `socket_address_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_request_set_sockaddr(
    request: *mut highwater_request,
    socket_address: *const c_void,
    socket_address_length: usize,
) -> highwater_status {
    without(|| {
        let request = required("request", request)?;
        // SAFETY: the caller's promise.
        let bytes = unsafe {
            bytes(
                "socket_address",
                socket_address.cast(),
                socket_address_length,
            )
        }?;
        let address = socket_ip(bytes).ok_or_else(|| {
            Failure::at(
                highwater_status::InvalidArgument,
                "`socket_address` is no `struct sockaddr_in` and no `struct sockaddr_in6`",
                "socket_address",
            )
        })?;
        // SAFETY: checked above, and a request by the caller's promise.
        set_address(unsafe { &mut *request }, address);
        Ok(())
    })
}

fn set_address(request: &mut highwater_request, address: IpAddr) {
    request.address = [0; 16];
    match address {
        IpAddr::V4(address) => {
            request.address[..4].copy_from_slice(&address.octets());
            request.address_length = 4;
        }
        IpAddr::V6(address) => {
            request.address = address.octets();
            request.address_length = 16;
        }
    }
}

/// The address in a socket address: family, port, then the address, after the flow for IPv6.
fn socket_ip(bytes: &[u8]) -> Option<IpAddr> {
    #[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "openbsd"))]
    let family = u16::from(*bytes.get(1)?); // their first byte is the length
    #[cfg(not(any(target_vendor = "apple", target_os = "freebsd", target_os = "openbsd")))]
    let family = u16::from_ne_bytes(*bytes.first_chunk()?);
    match i32::from(family) {
        AF_INET => Some(IpAddr::from(*bytes.get(4..)?.first_chunk::<4>()?)),
        AF_INET6 => Some(IpAddr::from(*bytes.get(8..)?.first_chunk::<16>()?)),
        _ => None,
    }
}

const AF_INET: i32 = 2;
#[cfg(target_os = "linux")]
const AF_INET6: i32 = 10;
#[cfg(windows)]
const AF_INET6: i32 = 23;
#[cfg(target_vendor = "apple")]
const AF_INET6: i32 = 30;
#[cfg(not(any(target_os = "linux", windows, target_vendor = "apple")))]
const AF_INET6: i32 = 28;

/// Makes a resource of its application id, or whatever the policies call it.
///
/// # Safety
/// - `id` is valid for reading `id_length` bytes.
/// - `resource` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_resource_new(
    id: *const c_char,
    id_length: usize,
    resource: *mut *mut highwater_resource,
) -> highwater_status {
    without(|| {
        let place = required("resource", resource)?;
        let resource = highwater_resource {
            // SAFETY: the caller's promise.
            id: unsafe { identifier("id", id, id_length) }?,
        };
        // SAFETY: checked above, and valid by the caller's promise.
        unsafe { give(place, resource) };
        Ok(())
    })
}

/// Ends a resource. Null is fine.
///
/// # Safety
/// - `resource` is null, or a resource that no thread and no request uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_resource_free(resource: *mut highwater_resource) {
    // SAFETY: the caller's promise.
    unsafe { free(resource) }
}

/// Makes a device of its attributes, a JSON object by rule name without `device.`, such as
/// `{"isCompliant": true, "trustType": "AzureAD"}`. Whoever supplies one speaks for the whole
/// device: an attribute that Graph defines and that is missing counts as null.
///
/// # Safety
/// - `attributes` is valid for reading `attributes_length` bytes.
/// - `device` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_device_new(
    attributes: *const c_char,
    attributes_length: usize,
    device: *mut *mut highwater_device,
) -> highwater_status {
    without(|| {
        let place = required("device", device)?;
        // SAFETY: the caller's promise.
        let attributes = unsafe { text("attributes", attributes, attributes_length) }?;
        let attributes: Map<String, Value> =
            read_json("attributes", attributes, highwater_status::InvalidArgument)?;
        let device = highwater_device {
            attributes: highwater::exchange::device_attributes(attributes),
        };
        // SAFETY: checked above, and valid by the caller's promise.
        unsafe { give(place, device) };
        Ok(())
    })
}

/// Ends a device. Null is fine.
///
/// # Safety
/// - `device` is null, or a device that no thread and no request uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_device_free(device: *mut highwater_device) {
    // SAFETY: the caller's promise.
    unsafe { free(device) }
}

/// Reads a request of any version.
///
/// # Safety
/// - `request` is null or points to a request of the size that it says.
#[inline]
pub(crate) unsafe fn read<'a>(request: *const highwater_request) -> Outcome<Request<'a>> {
    if request.is_null() {
        return Err(Failure::null("request"));
    }
    if !request.is_aligned() {
        return Err(misfit("`request` is not aligned", "request"));
    }
    // SAFETY: not null, aligned, and at least as large as the first version.
    let size = unsafe { (*request).size };
    if size != size_of::<highwater_request>() {
        // SAFETY: the caller's promise.
        unsafe { check_size("request", request, size) }?;
    }
    // SAFETY: not null, aligned, and of a size that this version knows; every field takes any
    // bits.
    let request = unsafe { &*request };
    if request.now == 0 {
        return Err(misfit("`request.now` is not set", "/now"));
    }
    if request.reserved != [0; 2] {
        return Err(misfit("`request.reserved` is not zero", "/reserved"));
    }
    let [a, b, c, d, ..] = request.address;
    let address = match request.address_length {
        0 => None,
        4 => Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d))),
        16 => Some(IpAddr::V6(Ipv6Addr::from(request.address))),
        _ => {
            return Err(misfit(
                "`request.address_length` is none of 0, 4 and 16",
                "/address_length",
            ));
        }
    };
    let resource = match request.resource.is_null() {
        true => None,
        // SAFETY: not null, and a resource by the caller's promise.
        false => Some(&unsafe { borrow(request.resource) }?.id),
    };
    let device = match request.device.is_null() {
        true => None,
        // SAFETY: not null, and a device by the caller's promise.
        false => Some(&unsafe { borrow(request.device) }?.attributes),
    };
    // SAFETY: readable by the caller's promise.
    let context = unsafe {
        text(
            "authentication_context",
            request.authentication_context,
            request.authentication_context_length,
        )
    }?;
    Ok(Request {
        now: Timestamp::from_milliseconds(request.now),
        address,
        resource,
        authentication_context: (!context.is_empty()).then_some(context),
        signals: Signals {
            country: country(request.country)?,
            platform: platform(request.platform)?,
            client_app_type: client_app_type(request.client_app_type)?,
            compliant_network: match request.compliant_network {
                0 => None,
                1 => Some(false),
                2 => Some(true),
                _ => {
                    return Err(misfit(
                        "`request.compliant_network` is no `highwater_answer`",
                        "/compliant_network",
                    ));
                }
            },
            device,
        },
    })
}

fn country(code: [u8; 2]) -> Outcome<Option<[u8; 2]>> {
    if code == [0; 2] {
        return Ok(None);
    }
    if code.iter().all(u8::is_ascii_alphabetic) {
        return Ok(Some(code.map(|letter| letter.to_ascii_uppercase())));
    }
    Err(misfit(
        "`request.country` is no two-letter country code",
        "/country",
    ))
}

fn platform(platform: u8) -> Outcome<Option<Platform>> {
    Ok(Some(match platform {
        0 => return Ok(None),
        1 => Platform::Android,
        2 => Platform::Ios,
        3 => Platform::Windows,
        4 => Platform::WindowsPhone,
        5 => Platform::MacOs,
        6 => Platform::Linux,
        7 => Platform::Other,
        _ => {
            return Err(misfit(
                "`request.platform` is no `highwater_platform`",
                "/platform",
            ));
        }
    }))
}

fn client_app_type(kind: u8) -> Outcome<Option<ClientAppType>> {
    Ok(Some(match kind {
        0 => return Ok(None),
        1 => ClientAppType::Browser,
        2 => ClientAppType::MobileAppsAndDesktopClients,
        3 => ClientAppType::ExchangeActiveSync,
        4 => ClientAppType::EasSupported,
        5 => ClientAppType::Other,
        _ => {
            return Err(misfit(
                "`request.client_app_type` is no `highwater_client_app_type`",
                "/client_app_type",
            ));
        }
    }))
}

#[cold]
fn misfit(message: &str, path: &str) -> Failure {
    Failure::at(highwater_status::InvalidArgument, message, path)
}
