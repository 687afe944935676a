//! Small universes of identifiers, so that everything collides with everything.

/// Users and workloads share these.
pub const SUBJECTS: [&str; 3] = [
    "5abec700-0000-4000-8000-000000000000",
    "5abec700-0000-4000-8000-000000000001",
    "5abec700-0000-4000-8000-000000000002",
];
/// Groups.
pub const GROUPS: [&str; 2] = [
    "62005000-0000-4000-8000-000000000000",
    "62005000-0000-4000-8000-000000000001",
];
/// Roles.
pub const ROLES: [&str; 2] = [
    "201e5000-0000-4000-8000-000000000000",
    "201e5000-0000-4000-8000-000000000001",
];
/// Applications: client and resource alike, one of them part of a suite.
pub const APPLICATIONS: [&str; 3] = [
    "a9950000-0000-4000-8000-000000000000",
    "a9950000-0000-4000-8000-000000000001",
    "00000003-0000-0ff1-ce00-000000000000",
];
/// Devices.
pub const DEVICES: [&str; 2] = [
    "de71ce00-0000-4000-8000-000000000000",
    "de71ce00-0000-4000-8000-000000000001",
];
/// Named locations; the last one is never defined.
pub const LOCATIONS: [&str; 5] = [
    "10ca7100-0000-4000-8000-000000000000",
    "10ca7100-0000-4000-8000-000000000001",
    "10ca7100-0000-4000-8000-000000000002",
    "10ca7100-0000-4000-8000-000000000003",
    "10ca7100-0000-4000-8000-00000000000f",
];
/// Policies.
pub const POLICIES: [&str; 6] = [
    "901c1e50-0000-4000-8000-000000000000",
    "901c1e50-0000-4000-8000-000000000001",
    "901c1e50-0000-4000-8000-000000000002",
    "901c1e50-0000-4000-8000-000000000003",
    "901c1e50-0000-4000-8000-000000000004",
    "901c1e50-0000-4000-8000-000000000005",
];
/// Sessions and tokens, which are no GUIDs.
pub const SESSIONS: [&str; 2] = ["session-a", "Session-a"];
/// Token ids.
pub const TOKENS: [&str; 3] = ["token-a", "token-b", "token-c"];
/// Authentication contexts.
pub const CONTEXTS: [&str; 2] = ["c1", "c2"];
/// Countries.
pub const COUNTRIES: [&str; 3] = ["DE", "FR", "US"];
/// Sources of events.
pub const SOURCES: [&str; 2] = ["idp", "hr"];
/// A tenant that is never configured.
pub const FOREIGN_TENANT: &str = "f02e1600-0000-4000-8000-000000000000";
/// The second around which everything happens.
pub const ORIGIN: i64 = 1_000_000;
