//! What requests point to, made once: application ids of resources, and what is known of devices.
//!
//! Both need memory, and deciding must not.

use std::ffi::c_char;

use highwater::identifier::Identifier;
use highwater::model::DeviceAttributes;
use serde_json::{Map, Value};

use crate::handle::{Handle, Kind, free, give, without};
use crate::options::read_json;
use crate::status::highwater_status;
use crate::text::{identifier, required, text};

/// The application id of a resource, made once and used in any number of requests and threads.
pub struct highwater_resource {
    pub(crate) id: Identifier,
}

impl Handle for highwater_resource {
    const KIND: Kind = Kind::Resource;
}

/// What a host knows of a device, made once and used in any number of requests and threads.
pub struct highwater_device {
    pub(crate) attributes: DeviceAttributes,
}

impl Handle for highwater_device {
    const KIND: Kind = Kind::Device;
}

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
