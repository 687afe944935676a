//! A request as a flat struct: what a service knows about the call that it is asked to serve.

use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use highwater::model::{ClientAppType, Platform};
use highwater::request::{Request, Signals};
use highwater::timestamp::Timestamp;

use crate::error::{Failure, Outcome};
use crate::handle::borrow;
use crate::prepared::{highwater_device, highwater_resource};
use crate::size::check_size;
use crate::status::highwater_status;
use crate::text::text;

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

/// Reads a request of any version.
///
/// # Safety
/// - `request` is null or points to a request of the size that it says.
pub(crate) unsafe fn read<'a>(request: *const highwater_request) -> Outcome<Request<'a>> {
    let mut place = MaybeUninit::uninit();
    // SAFETY: the caller's promise; the place is written unless this fails.
    unsafe {
        read_into(request, &mut place)?;
        Ok(place.assume_init())
    }
}

/// As [`read`], into a place, which is written unless this fails.
///
/// Most requests say an address and nothing else, which is told by one comparison of what all the
/// small fields hold. They are written where the engine reads them: a request that is returned is
/// written in pieces and copied whole, and the processor waits for such a copy.
///
/// # Safety
/// - As [`read`].
#[inline(always)]
pub(crate) unsafe fn read_into<'a>(
    request: *const highwater_request,
    place: &mut MaybeUninit<Request<'a>>,
) -> Outcome {
    if request.is_null() {
        return Err(Failure::null("request"));
    }
    if !request.is_aligned() {
        return Err(misfit("`request` is not aligned", "request"));
    }
    // SAFETY: not null, aligned, and at least as large as the first version; every field takes
    // any bits.
    let first = unsafe { &*request };
    let points_nowhere = first.resource.is_null()
        && first.device.is_null()
        && first.authentication_context_length == 0;
    if first.size == size_of::<highwater_request>() && first.now != 0 && points_nowhere {
        let now = Timestamp::from_milliseconds(first.now);
        let [a, b, c, d, ..] = first.address;
        let [country, of_country] = first.country;
        let [reserved, and_reserved] = first.reserved;
        let small = u64::from_le_bytes([
            first.address_length,
            first.platform,
            first.client_app_type,
            first.compliant_network,
            country,
            of_country,
            reserved,
            and_reserved,
        ]);
        if small == 4 {
            place.write(Request::new(now, Some(IpAddr::from([a, b, c, d]))));
            return Ok(());
        }
        if small == 16 {
            place.write(Request::new(now, Some(IpAddr::from(first.address))));
            return Ok(());
        }
    }
    // SAFETY: not null, aligned, and a request by the caller's promise.
    unsafe { read_all(request, place) }
}

/// Reads every field.
///
/// # Safety
/// - `request` is not null, aligned, and points to a request of the size that it says.
#[inline(never)]
unsafe fn read_all<'a>(
    request: *const highwater_request,
    place: &mut MaybeUninit<Request<'a>>,
) -> Outcome {
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
        4 => Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d))),
        16 => Some(IpAddr::V6(Ipv6Addr::from(request.address))),
        0 => None,
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
    let authentication_context = match request.authentication_context_length {
        0 => None,
        // SAFETY: readable by the caller's promise.
        length => Some(unsafe {
            text(
                "authentication_context",
                request.authentication_context,
                length,
            )
        }?),
    };
    place.write(Request {
        now: Timestamp::from_milliseconds(request.now),
        address,
        resource,
        authentication_context,
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
    });
    Ok(())
}

#[inline]
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

#[inline]
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

#[inline]
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
#[inline(never)]
fn misfit(message: &str, path: &str) -> Failure {
    Failure::at(highwater_status::InvalidArgument, message, path)
}
