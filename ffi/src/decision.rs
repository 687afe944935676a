//! A decision as a flat struct: zeroed memory reads as a denial.

use std::ffi::{CStr, c_char};

use highwater::decision::{
    Decision, DecisionParts, NAMED_POLICIES, Outcome as Verdict, PolicyIndex,
};
use highwater::reason::{Reason, ReasonSet};

use crate::error::{Failure, Outcome};
use crate::size::{check_size, fits};
use crate::status::highwater_status;
use crate::text::required;

/// What to do with a request. The numbers are far apart in bits, and memory that nobody wrote, or
/// that was cleared, denies: serve a request if, and only if, its outcome equals
/// `HIGHWATER_OUTCOME_ALLOW`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum highwater_outcome {
    /// Refuse it.
    Deny = 0,
    /// Answer 401 with the header of `highwater_decision_header`.
    Challenge = 0x435a_3ca5,
    /// Serve it.
    Allow = 0x3ca5_c35a,
}

/// Why a request was not simply allowed; the strongest has the smallest number. Reason `r` is in
/// a decision if bit `r` of its `reasons` is set. `docs/reason-codes.md` explains each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum highwater_reason {
    /// The token's `exp` has passed.
    TokenExpired = 0,
    /// The token's `nbf` lies ahead.
    TokenNotYetValid = 1,
    /// The token's tenant is not configured.
    TenantUnknown = 2,
    /// The client was challenged too often for the same violation.
    ChallengeLoop = 3,
    /// The exact identifier was purged.
    SubjectPurged = 4,
    /// The session is refused for good.
    SessionDenied = 5,
    /// The token is refused for good.
    TokenDenied = 6,
    /// The user, workload, device, application or tenant is blocked.
    SubjectBlocked = 7,
    /// The token was issued at or before a revocation.
    TokenRevoked = 8,
    /// A policy blocks access from the observed address.
    LocationBlocked = 9,
    /// A policy has demands at the observed address that the issuer did not see.
    LocationChanged = 10,
    /// A policy applies at the subject's present risk.
    RiskTooHigh = 11,
    /// A policy wants a compliant device and the device is not.
    DeviceNotCompliant = 12,
    /// Authentication was assessed as weaker than the token says.
    AssuranceLowered = 13,
    /// The operation needs an authentication context that the token lacks.
    AuthContextRequired = 14,
    /// The last sign-in is older than a policy accepts.
    SignInTooOld = 15,
    /// A policy was changed after the token was issued and now applies.
    PolicyChanged = 16,
    /// An event stream is stale and the token is older than the operator accepts meanwhile.
    StreamStale = 17,
    /// A policy applies here, and whether it applies in full only the issuer knows.
    ConditionsUnknown = 18,
    /// The token's claims are out of date.
    TokenStale = 19,
}

const _: () = {
    assert!(highwater_outcome::Deny as u32 == 0);
    assert!(highwater_outcome::Challenge as u32 == 0x435a_3ca5);
    assert!(highwater_outcome::Allow as u32 == 0x3ca5_c35a);
    let (challenge, allow) = (
        highwater_outcome::Challenge as u32,
        highwater_outcome::Allow as u32,
    );
    assert!(challenge.count_ones() >= 15);
    assert!(allow.count_ones() >= 15);
    assert!((challenge ^ allow).count_ones() >= 15);
    assert!(Reason::ALL.len() == 20);
    assert!(highwater_reason::TokenExpired as u32 == Reason::TokenExpired as u32);
    assert!(highwater_reason::TokenNotYetValid as u32 == Reason::TokenNotYetValid as u32);
    assert!(highwater_reason::TenantUnknown as u32 == Reason::TenantUnknown as u32);
    assert!(highwater_reason::ChallengeLoop as u32 == Reason::ChallengeLoop as u32);
    assert!(highwater_reason::SubjectPurged as u32 == Reason::SubjectPurged as u32);
    assert!(highwater_reason::SessionDenied as u32 == Reason::SessionDenied as u32);
    assert!(highwater_reason::TokenDenied as u32 == Reason::TokenDenied as u32);
    assert!(highwater_reason::SubjectBlocked as u32 == Reason::SubjectBlocked as u32);
    assert!(highwater_reason::TokenRevoked as u32 == Reason::TokenRevoked as u32);
    assert!(highwater_reason::LocationBlocked as u32 == Reason::LocationBlocked as u32);
    assert!(highwater_reason::LocationChanged as u32 == Reason::LocationChanged as u32);
    assert!(highwater_reason::RiskTooHigh as u32 == Reason::RiskTooHigh as u32);
    assert!(highwater_reason::DeviceNotCompliant as u32 == Reason::DeviceNotCompliant as u32);
    assert!(highwater_reason::AssuranceLowered as u32 == Reason::AssuranceLowered as u32);
    assert!(highwater_reason::AuthContextRequired as u32 == Reason::AuthContextRequired as u32);
    assert!(highwater_reason::SignInTooOld as u32 == Reason::SignInTooOld as u32);
    assert!(highwater_reason::PolicyChanged as u32 == Reason::PolicyChanged as u32);
    assert!(highwater_reason::StreamStale as u32 == Reason::StreamStale as u32);
    assert!(highwater_reason::ConditionsUnknown as u32 == Reason::ConditionsUnknown as u32);
    assert!(highwater_reason::TokenStale as u32 == Reason::TokenStale as u32);
    // The layout of the first version, which every later one begins with.
    assert!(size_of::<highwater_decision>() == 48 || size_of::<usize>() != 8);
    assert!(std::mem::offset_of!(highwater_decision, outcome) == 8 || size_of::<usize>() != 8);
    assert!(NAMED_POLICIES == 4);
};

/// One decision. Set `size` to `sizeof(highwater_decision)` before the call (or use
/// `highwater_decision_init`); everything else is written by the library, and is a denial before anything else happens. In an array only the
/// `size` of the first element is read; it is the distance from one element to the next.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct highwater_decision {
    /// `sizeof(highwater_decision)`: says which version of the struct this is.
    pub size: usize,
    /// One of `highwater_outcome`.
    pub outcome: u32,
    /// The reasons, bit `r` for reason `r` of `highwater_reason`. An allowed request may have
    /// reasons too: see `uncovered`.
    pub reasons: u32,
    /// The HTTP status to answer with: 200, 401 or 403.
    pub status: u16,
    /// 1 if a violation was let pass because the client cannot answer a challenge.
    pub uncovered: u8,
    /// 1 if an event stream was stale, paused or disabled.
    pub degraded: u8,
    /// How many policies have a violation, named below or not.
    pub policy_count: u32,
    /// The first of them, by their position in the snapshot (`highwater_engine_policies`);
    /// 4294967295 behind the last one.
    pub policies: [u32; 4],
    /// `nbf` of the challenge, in seconds since 1970; meaningful for challenges.
    pub not_before: i64,
}

/// What a decision holds before there is one.
const DENIED: highwater_decision = highwater_decision {
    size: 0,
    outcome: highwater_outcome::Deny as u32,
    reasons: 0,
    status: 403,
    uncovered: 0,
    degraded: 0,
    policy_count: 0,
    policies: [u32::MAX; NAMED_POLICIES],
    not_before: 0,
};

/// Places for decisions that C provided, each of them denying until it is written.
pub(crate) struct Places {
    first: *mut u8,
    stride: usize,
}

impl Places {
    /// Denies in every place.
    ///
    /// # Safety
    /// - `first` is null or valid for writing `count` decisions of the size that the first one
    ///   says.
    #[inline(always)]
    pub(crate) unsafe fn deny(first: *mut highwater_decision, count: usize) -> Outcome<Places> {
        let first = required("decision", first)?;
        // SAFETY: checked above, and valid by the caller's promise.
        let stride = unsafe { (*first).size };
        let places = Places {
            first: first.cast(),
            stride,
        };
        let denied = highwater_decision {
            size: stride,
            ..DENIED
        };
        // SAFETY: whatever the size says, the first element is at least of the first version.
        unsafe { first.write(denied) };
        if stride != size_of::<highwater_decision>() {
            fits::<highwater_decision>("decision", stride)?;
            // SAFETY: the caller's promise, now that the size is one.
            unsafe { places.write(0, &DENIED) };
        }
        for index in 1..count {
            // SAFETY: the caller's promise.
            unsafe { places.write(index, &DENIED) };
        }
        Ok(places)
    }

    /// Denies in every place again.
    ///
    /// # Safety
    /// - `count` is at most that which was promised to [`Places::deny`].
    #[cold]
    pub(crate) unsafe fn deny_all(&self, count: usize) {
        for index in 0..count {
            // SAFETY: the caller's promise.
            unsafe { self.write(index, &DENIED) };
        }
    }

    /// Writes the decision of a request, where nothing but a denial was written before.
    ///
    /// # Safety
    /// - `index` is below the count that was promised to [`Places::deny`].
    #[inline(always)]
    pub(crate) unsafe fn decide(&self, index: usize, decision: &Decision) {
        if *decision == Decision::ALLOWED {
            // In nothing else it differs from the denial that is there.
            // SAFETY: inside the array by the caller's promise.
            let place = unsafe { self.first.add(index * self.stride) }.cast::<highwater_decision>();
            // SAFETY: inside the element, and aligned as its first field is.
            unsafe {
                (&raw mut (*place).outcome).write(highwater_outcome::Allow as u32);
                (&raw mut (*place).status).write(Decision::ALLOWED.status());
            }
            return;
        }
        // SAFETY: the caller's promise.
        unsafe { self.write(index, &highwater_decision::from(decision)) };
    }

    /// Writes one decision.
    ///
    /// # Safety
    /// - `index` is below the count that was promised to [`Places::deny`].
    #[inline(always)]
    pub(crate) unsafe fn write(&self, index: usize, decision: &highwater_decision) {
        // SAFETY: inside the array by the caller's promise.
        let place = unsafe { self.first.add(index * self.stride) }.cast::<highwater_decision>();
        let decision = highwater_decision {
            size: self.stride,
            ..*decision
        };
        // SAFETY: inside the array, and aligned as its first element and the stride are.
        unsafe { place.write(decision) };
        let behind = self.stride - size_of::<highwater_decision>();
        if behind > 0 {
            // SAFETY: inside the element, whose size is the stride.
            unsafe { place.add(1).cast::<u8>().write_bytes(0, behind) };
        }
    }
}

impl From<&Decision> for highwater_decision {
    #[inline]
    fn from(decision: &Decision) -> highwater_decision {
        let parts = decision.parts();
        highwater_decision {
            size: size_of::<highwater_decision>(),
            outcome: match parts.outcome {
                Verdict::Deny => highwater_outcome::Deny,
                Verdict::Challenge => highwater_outcome::Challenge,
                Verdict::Allow => highwater_outcome::Allow,
            } as u32,
            reasons: parts.reasons.bits(),
            status: parts.status,
            uncovered: u8::from(parts.uncovered),
            degraded: u8::from(parts.degraded),
            policy_count: parts.violated,
            policies: parts.named.map(PolicyIndex::to_u32),
            not_before: parts.not_before,
        }
    }
}

/// Reads a decision that the library wrote.
///
/// # Safety
/// - `decision` is null or points to a decision of the size that it says.
pub(crate) unsafe fn read(decision: *const highwater_decision) -> Outcome<Decision> {
    let decision = required("decision", decision.cast_mut())?;
    // SAFETY: checked above, and at least of the first version by the caller's promise.
    let decision = unsafe { &*decision };
    if decision.size != size_of::<highwater_decision>() {
        // SAFETY: the caller's promise.
        unsafe { check_size("decision", decision, decision.size) }?;
    }
    let changed = |path: &str| {
        Failure::at(
            highwater_status::InvalidArgument,
            format!("`decision{path}` is not as the library wrote it"),
            path,
        )
    };
    let outcome = match decision.outcome {
        outcome if outcome == highwater_outcome::Deny as u32 => Verdict::Deny,
        outcome if outcome == highwater_outcome::Challenge as u32 => Verdict::Challenge,
        outcome if outcome == highwater_outcome::Allow as u32 => Verdict::Allow,
        _ => return Err(changed(".outcome")),
    };
    Ok(Decision::from_parts(DecisionParts {
        outcome,
        status: decision.status,
        reasons: ReasonSet::from_bits(decision.reasons).ok_or_else(|| changed(".reasons"))?,
        uncovered: decision.uncovered != 0,
        degraded: decision.degraded != 0,
        not_before: decision.not_before,
        named: decision.policies.map(PolicyIndex::from_u32),
        violated: decision.policy_count,
    }))
}

/// Makes a place for a decision: `size` is set, and it denies.
///
/// # Safety
/// - `decision` is null or valid for writing `sizeof(highwater_decision)` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_decision_init(decision: *mut highwater_decision) {
    if !decision.is_null() && decision.is_aligned() {
        let denied = highwater_decision {
            size: size_of::<highwater_decision>(),
            ..DENIED
        };
        // SAFETY: not null, aligned, and valid by the caller's promise.
        unsafe { decision.write(denied) }
    }
}

/// The word for an outcome: `allow`, `challenge`, or `deny` for every other number. Static,
/// NUL-terminated, never null.
///
/// # Safety
/// - Nothing is asked of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_outcome_name(outcome: u32) -> *const c_char {
    let name = match outcome {
        outcome if outcome == highwater_outcome::Allow as u32 => c"allow",
        outcome if outcome == highwater_outcome::Challenge as u32 => c"challenge",
        _ => c"deny",
    };
    name.as_ptr()
}

/// The published code of a reason, such as `token_revoked`; null if no reason of this version has
/// the number. Static, NUL-terminated.
///
/// # Safety
/// - Nothing is asked of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_reason_name(reason: u32) -> *const c_char {
    NAMES
        .get(reason as usize)
        .map_or(std::ptr::null(), |name| name.as_ptr())
}

const NAMES: [&CStr; Reason::ALL.len()] = [
    c"token_expired",
    c"token_not_yet_valid",
    c"tenant_unknown",
    c"challenge_loop",
    c"subject_purged",
    c"session_denied",
    c"token_denied",
    c"subject_blocked",
    c"token_revoked",
    c"location_blocked",
    c"location_changed",
    c"risk_too_high",
    c"device_not_compliant",
    c"assurance_lowered",
    c"auth_context_required",
    c"sign_in_too_old",
    c"policy_changed",
    c"stream_stale",
    c"conditions_unknown",
    c"token_stale",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_published_codes() {
        for (name, reason) in NAMES.iter().zip(Reason::ALL) {
            assert_eq!(name.to_str().unwrap(), reason.as_str());
        }
    }

    #[test]
    fn a_decision_survives_the_way_through_c() {
        let decision = Decision::from_parts(DecisionParts {
            outcome: Verdict::Challenge,
            status: 401,
            reasons: [Reason::TokenRevoked, Reason::LocationChanged]
                .into_iter()
                .collect(),
            uncovered: true,
            degraded: true,
            not_before: -7,
            named: [1, 2, u32::MAX, u32::MAX].map(PolicyIndex::from_u32),
            violated: 2,
        });
        let flat = highwater_decision::from(&decision);
        // SAFETY: the pointer is to a local.
        unsafe {
            assert_eq!(read(&raw const flat).ok(), Some(decision));
            let forged = highwater_decision { outcome: 1, ..flat };
            assert!(read(&raw const forged).is_err());
            let forged = highwater_decision {
                reasons: 1 << 20,
                ..flat
            };
            assert!(read(&raw const forged).is_err());
            assert!(read(std::ptr::null()).is_err());
        }
    }

    #[test]
    fn a_plain_allow_differs_from_a_denial_in_two_fields() {
        let mut place = highwater_decision {
            size: size_of::<highwater_decision>(),
            ..DENIED
        };
        // SAFETY: the place is a local.
        unsafe {
            let Ok(places) = Places::deny(&raw mut place, 1) else {
                panic!("a place");
            };
            places.decide(0, &Decision::ALLOWED);
            assert_eq!(read(&raw const place).ok(), Some(Decision::ALLOWED));
            let flat = highwater_decision::from(&Decision::ALLOWED);
            assert_eq!(format!("{place:?}"), format!("{flat:?}"));
        }
    }

    #[test]
    fn zeroed_memory_denies() {
        // SAFETY: every field takes any bits.
        let zeroed: highwater_decision = unsafe { std::mem::zeroed() };
        assert_eq!(zeroed.outcome, highwater_outcome::Deny as u32);
        assert_eq!(DENIED.outcome, zeroed.outcome);
    }
}
