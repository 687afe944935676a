//! `docs/reason-codes.md` lists every reason as the engine has it.
//!
//! `HIGHWATER_BLESS=1 cargo test -p highwater --test reason_codes` writes the table again.

use std::fmt::Write;
use std::path::Path;

use highwater::reason::{Family, Reason};

const BEGIN: &str = "<!-- table: written by engine/tests/reason_codes.rs -->\n";
const END: &str = "<!-- end of table -->\n";

/// What the client gets, with `cp1` and without, in the default settings.
fn seen_by_client(reason: Reason) -> (&'static str, &'static str) {
    const CHALLENGE: &str = "401 challenge";
    const INVALID: &str = "401 `invalid_token`";
    const DENIED: &str = "403";
    const UNCOVERED: &str = "served, flagged `uncovered`";
    match reason {
        Reason::TokenExpired | Reason::TokenNotYetValid => (INVALID, INVALID),
        Reason::TenantUnknown | Reason::SubjectPurged => (DENIED, DENIED),
        Reason::ChallengeLoop => (DENIED, "never"),
        Reason::SessionDenied
        | Reason::TokenDenied
        | Reason::SubjectBlocked
        | Reason::TokenRevoked
        | Reason::StreamStale
        | Reason::TokenStale => (CHALLENGE, INVALID),
        Reason::LocationBlocked => (
            "401 challenge with `xms_rp_ipaddr`; 403 under strict location once the issuer knows the address",
            DENIED,
        ),
        Reason::LocationChanged => ("401 challenge with `xms_rp_ipaddr`", UNCOVERED),
        Reason::RiskTooHigh => (
            CHALLENGE,
            "403 if a policy blocks, else served, flagged `uncovered`",
        ),
        Reason::AuthContextRequired => (
            "401 challenge with `acrs`",
            "403 if the host asks for the context; from a policy: served, flagged `uncovered`",
        ),
        Reason::DeviceNotCompliant
        | Reason::AssuranceLowered
        | Reason::SignInTooOld
        | Reason::PolicyChanged => (CHALLENGE, DENIED),
        Reason::ConditionsUnknown => (CHALLENGE, UNCOVERED),
    }
}

/// What whoever is on call looks at first.
fn for_operators(reason: Reason) -> &'static str {
    match reason {
        Reason::TokenExpired => "Nothing: the client gets a new token. If all do, compare clocks.",
        Reason::TokenNotYetValid => "Compare the clocks of issuer and host; the skew is a setting.",
        Reason::TenantUnknown => {
            "Add the tenant to the configuration, or find out who sends its tokens here."
        }
        Reason::ChallengeLoop => {
            "`explain` names the address, the policy and the location that the client cannot leave; usually the issuer sees another address than the host."
        }
        Reason::SubjectPurged => "Nothing: the account is gone for good, its identifier too.",
        Reason::SessionDenied => "Nothing: the session was ended. A new sign-in helps.",
        Reason::TokenDenied => "Nothing: this token was named. A new one helps.",
        Reason::SubjectBlocked => {
            "Enable the account, device or application at its source; only the source that blocked it can lift it."
        }
        Reason::TokenRevoked => "Nothing: a new token helps. `explain` names the event.",
        Reason::LocationBlocked => {
            "If the address is legitimate, add its range, of both address families, to the location that `explain` names."
        }
        Reason::LocationChanged => {
            "Nothing: the issuer decides at the new address. If it repeats, issuer and host see different addresses."
        }
        Reason::RiskTooHigh => {
            "Investigate the subject; dismiss the risk at the source that reported it."
        }
        Reason::DeviceNotCompliant => {
            "Make the device compliant, or correct its record at the device manager."
        }
        Reason::AssuranceLowered => "The subject signs in with the stronger method again.",
        Reason::AuthContextRequired => {
            "See that the issuer can grant the context to this subject and puts `acrs` into the token."
        }
        Reason::SignInTooOld => "Nothing: the subject signs in again.",
        Reason::PolicyChanged => {
            "Expected after a change of policy; `policy_change` says how much of it is enforced here."
        }
        Reason::StreamStale => {
            "Repair the event stream; `stale_token_age` says how old a token may be meanwhile."
        }
        Reason::ConditionsUnknown => {
            "Give the engine what it lacks: group membership, country table, signals. `explain` names the condition."
        }
        Reason::TokenStale => "Nothing: a new token carries the new claims.",
    }
}

fn table() -> String {
    let mut table = String::from(
        "| code | family | `error_description` | client with `cp1` | client without | operator |\n\
         |---|---|---|---|---|---|\n",
    );
    for reason in Reason::ALL {
        let family = match reason.family() {
            Family::Revocation => "revocation",
            Family::Policy => "policy",
        };
        let (capable, other) = seen_by_client(reason);
        writeln!(
            table,
            "| `{reason}` | {family} | {} | {capable} | {other} | {} |",
            reason.description(),
            for_operators(reason),
        )
        .expect("writing to a string");
    }
    table
}

#[test]
fn the_published_table_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reason-codes.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has the mark");
    let (published, after) = rest.split_once(END).expect("the page has the end mark");
    if std::env::var_os("HIGHWATER_BLESS").is_some() {
        std::fs::write(&path, [before, BEGIN, &table(), END, after].concat()).unwrap();
        return;
    }
    assert_eq!(
        published,
        table(),
        "run `HIGHWATER_BLESS=1 cargo test -p highwater --test reason_codes`"
    );
}
