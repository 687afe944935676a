//! Application ids behind the keywords of application conditions.
//!
//! The issuer's own lists are longer and change without notice; these are the services behind
//! them that serve resources. An application of one's own is never in either.

/// Applications that `Office365` stands for.
pub const OFFICE_365: [&str; 10] = [
    "00000002-0000-0ff1-ce00-000000000000", // Exchange Online
    "00000003-0000-0ff1-ce00-000000000000", // SharePoint Online
    "00000004-0000-0ff1-ce00-000000000000", // Skype for Business Online
    "00000005-0000-0ff1-ce00-000000000000", // Yammer
    "00000006-0000-0ff1-ce00-000000000000", // Microsoft 365 portal
    "09abbdfd-ed23-44ee-a2d9-a627aa1c90f3", // Planner
    "1fec8e78-bce4-4aaf-ab1b-5451cc387264", // Teams
    "2d4d3d8e-2be3-4bef-9f87-7875a61c29de", // OneNote
    "cc15fd57-2c6c-4117-a88c-83b1d56b4bbe", // Teams services
    "c9a559d2-7aab-4f13-a6ed-e7e9c52aec87", // Forms
];

/// Applications that `MicrosoftAdminPortals` stands for.
pub const ADMIN_PORTALS: [&str; 5] = [
    "00000006-0000-0ff1-ce00-000000000000", // Microsoft 365 admin center
    "497effe9-df71-4043-a8bb-14cf78c4b63b", // Exchange admin center
    "618dd325-23f6-4b6f-8380-4df78026e39b", // Defender portal
    "80ccca67-54bd-44ab-8625-4b79c4dc7775", // Security and compliance center
    "c44b4083-3bb0-49c1-b47d-974e53cbdf3c", // Azure portal
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_lower_case_guids() {
        for id in OFFICE_365.iter().chain(&ADMIN_PORTALS) {
            assert!(crate::identifier::is_guid(id), "{id}");
            assert_eq!(*id, id.to_ascii_lowercase());
        }
    }
}
