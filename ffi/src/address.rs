//! The address of a request, from text or from a socket.

use std::ffi::{c_char, c_void};
use std::net::IpAddr;

use crate::error::Failure;
use crate::handle::without;
use crate::request::highwater_request;
use crate::status::highwater_status;
use crate::text::{bytes, required, text};

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
