//! Device filter rules: any text is a rule or is refused with a place, and the two modes are
//! opposites for every device.

use super::Input;
use crate::model::{DeviceAttributes, DeviceFilter, FilterMode};

/// A rule.
pub fn device_filter(bytes: &[u8]) {
    let rule = String::from_utf8_lossy(bytes);
    let filter = match DeviceFilter::new(FilterMode::Include, &rule) {
        Ok(filter) => filter,
        Err(error) => {
            assert!(error.position <= rule.chars().count(), "{error}");
            assert!(!error.message.is_empty());
            assert!(DeviceFilter::new(FilterMode::Exclude, &rule).is_err());
            return;
        }
    };
    assert_eq!(filter.rule(), rule);
    let exclude = DeviceFilter::new(FilterMode::Exclude, &rule).expect("a mode changes no rule");
    let negated = DeviceFilter::new(FilterMode::Include, &format!("-not ({rule})"));
    for device in devices(bytes) {
        let satisfied = filter.matches(&device);
        assert_eq!(exclude.matches(&device), satisfied.map(|value| !value));
        if let Ok(negated) = &negated {
            assert_eq!(negated.matches(&device), satisfied.map(|value| !value));
        }
        // Names and values are compared without regard to case.
        let shouted: DeviceAttributes = device
            .iter()
            .map(|(name, value)| (name.to_ascii_uppercase(), value.to_ascii_uppercase()))
            .collect();
        assert_eq!(filter.matches(&shouted), satisfied);
    }
}

/// An unregistered device, and two with attributes that rules ask about.
fn devices(bytes: &[u8]) -> [DeviceAttributes; 3] {
    let mut input = Input::new(bytes);
    let mut device = || {
        [
            "isCompliant",
            "trustType",
            "displayName",
            "systemLabels",
            "extensionAttribute1",
        ]
        .into_iter()
        .filter_map(|name| {
            let value = input.choose(&["", "True", "false", "AzureAD", "a,b", "SAW"]);
            (!value.is_empty()).then(|| (name.to_owned(), value.to_owned()))
        })
        .collect()
    };
    [DeviceAttributes::new(), device(), device()]
}
