package highwater

// #include <highwater.h>
import "C"

import (
	"runtime"
	"time"
	"unsafe"
)

// Outcome is what to do with a request. The numbers are far apart in bits; zero denies.
type Outcome uint32

// The outcomes.
const (
	Deny      Outcome = C.HIGHWATER_OUTCOME_DENY
	Challenge Outcome = C.HIGHWATER_OUTCOME_CHALLENGE
	Allow     Outcome = C.HIGHWATER_OUTCOME_ALLOW
)

// String is "allow", "challenge" or "deny".
func (o Outcome) String() string { return C.GoString(C.highwater_outcome_name(C.uint32_t(o))) }

// Reason is why a request was not simply allowed; the strongest has the smallest number.
type Reason uint32

// The reasons.
const (
	TokenExpired        Reason = C.HIGHWATER_REASON_TOKEN_EXPIRED
	TokenNotYetValid    Reason = C.HIGHWATER_REASON_TOKEN_NOT_YET_VALID
	TenantUnknown       Reason = C.HIGHWATER_REASON_TENANT_UNKNOWN
	ChallengeLoop       Reason = C.HIGHWATER_REASON_CHALLENGE_LOOP
	SubjectPurged       Reason = C.HIGHWATER_REASON_SUBJECT_PURGED
	SessionDenied       Reason = C.HIGHWATER_REASON_SESSION_DENIED
	TokenDenied         Reason = C.HIGHWATER_REASON_TOKEN_DENIED
	SubjectBlocked      Reason = C.HIGHWATER_REASON_SUBJECT_BLOCKED
	TokenRevoked        Reason = C.HIGHWATER_REASON_TOKEN_REVOKED
	LocationBlocked     Reason = C.HIGHWATER_REASON_LOCATION_BLOCKED
	LocationChanged     Reason = C.HIGHWATER_REASON_LOCATION_CHANGED
	RiskTooHigh         Reason = C.HIGHWATER_REASON_RISK_TOO_HIGH
	DeviceNotCompliant  Reason = C.HIGHWATER_REASON_DEVICE_NOT_COMPLIANT
	AssuranceLowered    Reason = C.HIGHWATER_REASON_ASSURANCE_LOWERED
	AuthContextRequired Reason = C.HIGHWATER_REASON_AUTH_CONTEXT_REQUIRED
	SignInTooOld        Reason = C.HIGHWATER_REASON_SIGN_IN_TOO_OLD
	PolicyChanged       Reason = C.HIGHWATER_REASON_POLICY_CHANGED
	StreamStale         Reason = C.HIGHWATER_REASON_STREAM_STALE
	ConditionsUnknown   Reason = C.HIGHWATER_REASON_CONDITIONS_UNKNOWN
	TokenStale          Reason = C.HIGHWATER_REASON_TOKEN_STALE
)

// String is the published code of the reason, such as "token_revoked".
func (r Reason) String() string {
	name := C.highwater_reason_name(C.uint32_t(r))
	if name == nil {
		return "unknown_reason"
	}
	return C.GoString(name)
}

// Decision is what was decided. The zero value denies.
type Decision struct{ raw C.highwater_decision }

// Allowed says whether the request is to be served; everything else is to be refused.
func (d *Decision) Allowed() bool { return Outcome(d.raw.outcome) == Allow }

// Outcome says what to do; a number that is not known denies.
func (d *Decision) Outcome() Outcome {
	if outcome := Outcome(d.raw.outcome); outcome == Allow || outcome == Challenge {
		return outcome
	}
	return Deny
}

// Status is the HTTP status to answer with: 200, 401 or 403.
func (d *Decision) Status() int {
	if d.raw.status == 0 { // nothing was decided
		return 403
	}
	return int(d.raw.status)
}

// Reasons says why, the strongest first. An allowed request may have reasons too, see Uncovered.
func (d *Decision) Reasons() []Reason {
	var reasons []Reason
	for bits, reason := uint32(d.raw.reasons), Reason(0); bits != 0; bits, reason = bits>>1, reason+1 {
		if bits&1 != 0 {
			reasons = append(reasons, reason)
		}
	}
	return reasons
}

// Uncovered says whether a violation was let pass because the client cannot answer a challenge.
func (d *Decision) Uncovered() bool { return d.raw.uncovered != 0 }

// Degraded says whether an event stream was stale, paused or disabled.
func (d *Decision) Degraded() bool { return d.raw.degraded != 0 }

// PolicyCount is how many policies have a violation.
func (d *Decision) PolicyCount() int { return int(d.raw.policy_count) }

// Policies are the first four of them, by their position in [Engine.Policies].
func (d *Decision) Policies() []int {
	count := min(int(d.raw.policy_count), len(d.raw.policies))
	policies := make([]int, count)
	for index := range policies {
		policies[index] = int(d.raw.policies[index])
	}
	return policies
}

// NotBefore is for challenges: tokens that were issued earlier will not do.
func (d *Decision) NotBefore() time.Time { return time.Unix(int64(d.raw.not_before), 0) }

// Header is the value of WWW-Authenticate for this decision on token and request, which must be
// those that were decided: the claims challenge, or the plain invalid_token of a denial with
// status 401. Every other decision has none: it is empty then.
func (d *Decision) Header(token *Token, request *Request) (string, error) {
	return d.header(token, request, nil)
}

// HeaderWithClaims is Header with further claims of the host, a JSON object that stands under
// access_token.
func (d *Decision) HeaderWithClaims(token *Token, request *Request, claims any) (string, error) {
	encoded, err := encode(claims)
	if err != nil {
		return "", err
	}
	return d.header(token, request, encoded)
}

func (d *Decision) header(token *Token, request *Request, claims []byte) (string, error) {
	written, err := request.write()
	if err != nil {
		return "", err
	}
	var pinner runtime.Pinner
	defer pinner.Unpin()
	request.pin(&written, &pinner)
	defer runtime.KeepAlive(token)
	defer request.keep()

	text, textLength := characters(claims)
	buffer := make([]byte, 2048)
	for {
		var length C.size_t
		err := call(func() C.highwater_status {
			out := (*C.char)(unsafe.Pointer(&buffer[0]))
			capacity := C.size_t(len(buffer))
			if textLength > 0 {
				return C.highwater_decision_header_with_claims(
					&d.raw, token.pointer, &written, text, textLength, out, capacity, &length)
			}
			return C.highwater_decision_header(
				&d.raw, token.pointer, &written, out, capacity, &length)
		})
		switch {
		case err == nil:
			return string(buffer[:length]), nil
		case err.(*Error).Status != StatusBufferTooSmall:
			return "", err
		}
		buffer = make([]byte, length+1)
	}
}
