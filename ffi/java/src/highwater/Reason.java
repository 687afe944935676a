package highwater;

import java.util.Locale;

/** Why a request was not simply allowed, the strongest first; {@code docs/reason-codes.md}. */
public enum Reason {
  TOKEN_EXPIRED,
  TOKEN_NOT_YET_VALID,
  TENANT_UNKNOWN,
  CHALLENGE_LOOP,
  SUBJECT_PURGED,
  SESSION_DENIED,
  TOKEN_DENIED,
  SUBJECT_BLOCKED,
  TOKEN_REVOKED,
  LOCATION_BLOCKED,
  LOCATION_CHANGED,
  RISK_TOO_HIGH,
  DEVICE_NOT_COMPLIANT,
  ASSURANCE_LOWERED,
  AUTH_CONTEXT_REQUIRED,
  SIGN_IN_TOO_OLD,
  POLICY_CHANGED,
  STREAM_STALE,
  CONDITIONS_UNKNOWN,
  TOKEN_STALE;

  /** The published code, such as {@code token_revoked}. */
  public String code() {
    return name().toLowerCase(Locale.ROOT);
  }
}
