//! Conditions that are judged by a signal of the host: client app types, platforms, devices.

use super::conditions_from_wire::{Leftovers, unknown_value};
use super::reader::Reader;
use super::report::WarningCode;
use crate::model::{
    ClientAppType, ClientAppTypes, DeviceFilter, FilterMode, Platform, PlatformScope, Platforms,
};
use crate::wire::{Node, Refusal};

/// `conditions.clientAppTypes`, unless it is unjudged.
pub(super) fn client_app_types(
    node: &Node<'_>,
    reader: &mut Reader<'_>,
    leftovers: &mut Leftovers,
) -> Result<Option<ClientAppTypes>, Refusal> {
    let Some(list) = node.member("clientAppTypes")? else {
        return Ok(None);
    };
    let mut kinds = ClientAppTypes::default();
    let mut all = false;
    for (text, place) in list.texts()? {
        match client_app_type(text) {
            Some(kind) => kinds = kinds.with(kind),
            None if text.eq_ignore_ascii_case("all") => all = true,
            None => {
                unknown_value(text, &place, "clientAppTypes", reader, leftovers);
                return Ok(None);
            }
        }
    }
    Ok((!all && !kinds.is_empty()).then_some(kinds))
}

fn client_app_type(text: &str) -> Option<ClientAppType> {
    [
        ("browser", ClientAppType::Browser),
        (
            "mobileAppsAndDesktopClients",
            ClientAppType::MobileAppsAndDesktopClients,
        ),
        ("exchangeActiveSync", ClientAppType::ExchangeActiveSync),
        ("easSupported", ClientAppType::EasSupported),
        ("other", ClientAppType::Other),
    ]
    .iter()
    .find(|(name, _)| name.eq_ignore_ascii_case(text))
    .map(|(_, kind)| *kind)
}

/// `conditions.platforms`, unless it is unjudged.
pub(super) fn platforms(
    node: &Node<'_>,
    reader: &mut Reader<'_>,
    leftovers: &mut Leftovers,
) -> Result<Option<PlatformScope>, Refusal> {
    leftovers.collect(node, "platforms", &["includePlatforms", "excludePlatforms"]);
    let mut scope = PlatformScope::default();
    for (name, set) in [
        ("includePlatforms", &mut scope.include),
        ("excludePlatforms", &mut scope.exclude),
    ] {
        let Some(list) = node.member(name)? else {
            continue;
        };
        for (text, place) in list.texts()? {
            match platform(text) {
                Some(platform) => *set = set.with(platform),
                None if text.eq_ignore_ascii_case("all") => *set = Platforms::ALL,
                None => {
                    unknown_value(text, &place, "platforms", reader, leftovers);
                    return Ok(None);
                }
            }
        }
    }
    Ok(Some(scope))
}

/// A platform by Graph's name.
pub(super) fn platform(text: &str) -> Option<Platform> {
    [
        ("android", Platform::Android),
        ("iOS", Platform::Ios),
        ("windows", Platform::Windows),
        ("windowsPhone", Platform::WindowsPhone),
        ("macOS", Platform::MacOs),
        ("linux", Platform::Linux),
    ]
    .iter()
    .find(|(name, _)| name.eq_ignore_ascii_case(text))
    .map(|(_, platform)| *platform)
}

/// `conditions.devices`, unless it is unjudged.
pub(super) fn devices(
    node: &Node<'_>,
    reader: &mut Reader<'_>,
    leftovers: &mut Leftovers,
) -> Result<Option<DeviceFilter>, Refusal> {
    // includeDevices, includeDeviceStates and the like: withdrawn forms that name states of a
    // device which only the issuer knew.
    leftovers.collect(node, "devices", &["deviceFilter"]);
    let Some(filter) = node.member("deviceFilter")? else {
        return Ok(None);
    };
    if filter.is_unset() {
        return Ok(None);
    }
    let filter = filter.object()?;
    let mode = match filter.member("mode")? {
        Some(mode) if mode.text()?.eq_ignore_ascii_case("include") => Some(FilterMode::Include),
        Some(mode) if mode.text()?.eq_ignore_ascii_case("exclude") => Some(FilterMode::Exclude),
        _ => None,
    };
    let rule = match filter.member("rule")? {
        Some(rule) => rule.text()?,
        None => "",
    };
    let problem = match mode.map(|mode| DeviceFilter::new(mode, rule)) {
        Some(Ok(filter)) => return Ok(Some(filter)),
        Some(Err(error)) => error.to_string(),
        None => "`mode` is neither include nor exclude".to_owned(),
    };
    reader.warn(
        &filter,
        WarningCode::DeviceRule,
        format!("the device filter cannot be read, so the condition is unknown: {problem}"),
    );
    leftovers.add("devices");
    Ok(None)
}
