// Highwater in C: is this access token still good?
//
// The contract is ffi/README.md. In short: every function returns a status or cannot fail;
// `const T *` may be shared by threads, `T *` is for one at a time; texts are pointer and length
// in UTF-8; what the library makes, the library frees; zeroed memory denies.
//
// Generated from the sources by cbindgen; do not edit.

#ifndef HIGHWATER_H
#define HIGHWATER_H

#include <stddef.h>
#include <stdint.h>

// The version that this header is of; `highwater_version` is that of the library.
#define HIGHWATER_VERSION "0.1.0"
#define HIGHWATER_VERSION_MAJOR 0
#define HIGHWATER_VERSION_MINOR 1
#define HIGHWATER_VERSION_PATCH 0
#define HIGHWATER_VERSION_NUMBER \
    (HIGHWATER_VERSION_MAJOR * 1000000 + HIGHWATER_VERSION_MINOR * 1000 + HIGHWATER_VERSION_PATCH)

// What a call came to. `HIGHWATER_STATUS_OK` is zero; everything else is a refusal, and
// `highwater_error_message` says more.
//
// Numbers are never reused. None is retired so far.
enum highwater_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Done.
  HIGHWATER_STATUS_OK = 0,
  // A pointer that is needed is null.
  HIGHWATER_STATUS_NULL_POINTER = 1,
  // A handle is none: of another type, freed, or not made by this library.
  HIGHWATER_STATUS_INVALID_HANDLE = 2,
  // An earlier call panicked inside the library; this handle takes no more work. Free it.
  HIGHWATER_STATUS_POISONED = 3,
  // This call panicked inside the library: a defect, please report it. The handle is
  // poisoned, nothing else is.
  HIGHWATER_STATUS_PANICKED = 4,
  // The handle is exclusive, and another thread is using it.
  HIGHWATER_STATUS_BUSY = 5,
  // The process was forked after the engine was made; make another engine.
  HIGHWATER_STATUS_FORKED = 6,
  // The `size` of a struct is none of this version, or what this version does not know in it
  // is not zero.
  HIGHWATER_STATUS_WRONG_SIZE = 7,
  // A number or a pointer is outside its range.
  HIGHWATER_STATUS_INVALID_ARGUMENT = 8,
  // A length is beyond 2 147 483 647.
  HIGHWATER_STATUS_TOO_LONG = 9,
  // A text is not UTF-8.
  HIGHWATER_STATUS_INVALID_UTF8 = 10,
  // The caller's buffer is too small; the length that it needs was written.
  HIGHWATER_STATUS_BUFFER_TOO_SMALL = 11,
  // A text is not JSON, or not the JSON that is wanted; the path says where.
  HIGHWATER_STATUS_INVALID_JSON = 12,
  // A text is no identifier.
  HIGHWATER_STATUS_INVALID_IDENTIFIER = 13,
  // The options of an engine or the settings of a tenant cannot be used.
  HIGHWATER_STATUS_INVALID_SETTINGS = 20,
  // A claim is missing or malformed; the path names it.
  HIGHWATER_STATUS_INVALID_CLAIMS = 21,
  // No profile is configured for the issuer of the token.
  HIGHWATER_STATUS_UNKNOWN_ISSUER = 22,
  // A request as JSON cannot be read; the path says where.
  HIGHWATER_STATUS_INVALID_REQUEST = 23,
  // An event cannot be read; the path says where. Nothing of the call was applied.
  HIGHWATER_STATUS_INVALID_EVENT = 24,
  // Documents were refused and nothing was published; the report says which and why.
  HIGHWATER_STATUS_DOCUMENTS_REFUSED = 30,
  // The documents are more than a snapshot can number.
  HIGHWATER_STATUS_SNAPSHOT_TOO_LARGE = 31,
  // A file cannot be read; the path names it.
  HIGHWATER_STATUS_UNREADABLE_FILE = 32,
  // A security event token or a page was refused; the report says why, with the code of
  // RFC 8935 for its transmitter.
  HIGHWATER_STATUS_SIGNAL_REFUSED = 40,
  // The key that signed a security event token is not known; the path names the transmitter.
  // Fetch its keys, hand them over, and call again.
  HIGHWATER_STATUS_UNKNOWN_KEY = 41,
  // No transmitter has this name.
  HIGHWATER_STATUS_UNKNOWN_TRANSMITTER = 42,
  // The store's file does not exist, and was not to be made.
  HIGHWATER_STATUS_STORE_MISSING = 50,
  // The store's file exists, and was to be made.
  HIGHWATER_STATUS_STORE_EXISTS = 51,
  // The file is no store.
  HIGHWATER_STATUS_STORE_FOREIGN = 52,
  // The store was written by another version.
  HIGHWATER_STATUS_STORE_VERSION = 53,
  // The store is damaged.
  HIGHWATER_STATUS_STORE_DAMAGED = 54,
  // Another process has the store open.
  HIGHWATER_STATUS_STORE_IN_USE = 55,
  // The disk is full. What was applied is in force and not durable: do not acknowledge it.
  HIGHWATER_STATUS_STORE_FULL = 56,
  // Writing failed. What was applied is in force and not durable: do not acknowledge it.
  HIGHWATER_STATUS_STORE_FAILED = 57,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum highwater_status highwater_status;
#else
typedef int32_t highwater_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How much a message matters.
enum highwater_log_level
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Something is wrong and stays wrong: a store that refuses writes, a panic, a handle freed
  // twice.
  HIGHWATER_LOG_LEVEL_ERROR = 1,
  // Something was refused, and the state before it stays: documents, signals, events.
  HIGHWATER_LOG_LEVEL_WARNING = 2,
  // Something changed: documents were published, a store was opened.
  HIGHWATER_LOG_LEVEL_INFORMATION = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum highwater_log_level highwater_log_level;
#else
typedef uint32_t highwater_log_level;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What a document is.
enum highwater_document_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Policies, named locations or memberships in Graph's JSON, in any form that exporters
  // write.
  HIGHWATER_DOCUMENT_KIND_GRAPH = 1,
  // Policies as the issuer pushes them to a resource provider: one update per line.
  HIGHWATER_DOCUMENT_KIND_SYNCED = 2,
  // The ranges configured as MFA trusted IPs: one prefix per line.
  HIGHWATER_DOCUMENT_KIND_TRUSTED_IPS = 3,
  // A country table as lines of `CC<TAB>prefix`.
  HIGHWATER_DOCUMENT_KIND_COUNTRY_LIST = 4,
  // A country table in MaxMind DB format.
  HIGHWATER_DOCUMENT_KIND_COUNTRY_DATABASE = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum highwater_document_kind highwater_document_kind;
#else
typedef uint32_t highwater_document_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How documents are read, for `highwater_documents_new`; combine them with `|`.
enum highwater_documents_flag
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Refuse what is otherwise corrected with a warning: bits set behind a prefix.
  HIGHWATER_DOCUMENTS_FLAG_STRICT = 1,
  // Let a later document replace an earlier one with the same id; otherwise both are refused
  // if they differ.
  HIGHWATER_DOCUMENTS_FLAG_UPDATES_IN_ORDER = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum highwater_documents_flag highwater_documents_flag;
#else
typedef uint32_t highwater_documents_flag;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Yes, no, or not known.
enum highwater_answer
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Not known.
  HIGHWATER_ANSWER_UNKNOWN = 0,
  // No.
  HIGHWATER_ANSWER_NO = 1,
  // Yes.
  HIGHWATER_ANSWER_YES = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum highwater_answer highwater_answer;
#else
typedef uint8_t highwater_answer;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The client's platform.
enum highwater_platform
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Not known.
  HIGHWATER_PLATFORM_UNKNOWN = 0,
  // `android`.
  HIGHWATER_PLATFORM_ANDROID = 1,
  // `iOS`.
  HIGHWATER_PLATFORM_IOS = 2,
  // `windows`.
  HIGHWATER_PLATFORM_WINDOWS = 3,
  // `windowsPhone`.
  HIGHWATER_PLATFORM_WINDOWS_PHONE = 4,
  // `macOS`.
  HIGHWATER_PLATFORM_MACOS = 5,
  // `linux`.
  HIGHWATER_PLATFORM_LINUX = 6,
  // Known, and none of these.
  HIGHWATER_PLATFORM_OTHER = 7,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum highwater_platform highwater_platform;
#else
typedef uint8_t highwater_platform;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The kind of client application.
enum highwater_client_app_type
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Not known.
  HIGHWATER_CLIENT_APP_TYPE_UNKNOWN = 0,
  // `browser`.
  HIGHWATER_CLIENT_APP_TYPE_BROWSER = 1,
  // `mobileAppsAndDesktopClients`.
  HIGHWATER_CLIENT_APP_TYPE_MOBILE_APPS_AND_DESKTOP_CLIENTS = 2,
  // `exchangeActiveSync`.
  HIGHWATER_CLIENT_APP_TYPE_EXCHANGE_ACTIVE_SYNC = 3,
  // `easSupported`.
  HIGHWATER_CLIENT_APP_TYPE_EAS_SUPPORTED = 4,
  // `other`: legacy authentication.
  HIGHWATER_CLIENT_APP_TYPE_OTHER = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum highwater_client_app_type highwater_client_app_type;
#else
typedef uint8_t highwater_client_app_type;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What to do with a request. The numbers are far apart in bits, and memory that nobody wrote, or
// that was cleared, denies: serve a request if, and only if, its outcome equals
// `HIGHWATER_OUTCOME_ALLOW`.
enum highwater_outcome
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Refuse it.
  HIGHWATER_OUTCOME_DENY = 0,
  // Answer 401 with the header of `highwater_decision_header`.
  HIGHWATER_OUTCOME_CHALLENGE = 1129987237,
  // Serve it.
  HIGHWATER_OUTCOME_ALLOW = 1017496410,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum highwater_outcome highwater_outcome;
#else
typedef uint32_t highwater_outcome;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Why a request was not simply allowed; the strongest has the smallest number. Reason `r` is in
// a decision if bit `r` of its `reasons` is set. `docs/reason-codes.md` explains each.
enum highwater_reason
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // The token's `exp` has passed.
  HIGHWATER_REASON_TOKEN_EXPIRED = 0,
  // The token's `nbf` lies ahead.
  HIGHWATER_REASON_TOKEN_NOT_YET_VALID = 1,
  // The token's tenant is not configured.
  HIGHWATER_REASON_TENANT_UNKNOWN = 2,
  // The client was challenged too often for the same violation.
  HIGHWATER_REASON_CHALLENGE_LOOP = 3,
  // The exact identifier was purged.
  HIGHWATER_REASON_SUBJECT_PURGED = 4,
  // The session is refused for good.
  HIGHWATER_REASON_SESSION_DENIED = 5,
  // The token is refused for good.
  HIGHWATER_REASON_TOKEN_DENIED = 6,
  // The user, workload, device, application or tenant is blocked.
  HIGHWATER_REASON_SUBJECT_BLOCKED = 7,
  // The token was issued at or before a revocation.
  HIGHWATER_REASON_TOKEN_REVOKED = 8,
  // A policy blocks access from the observed address.
  HIGHWATER_REASON_LOCATION_BLOCKED = 9,
  // A policy has demands at the observed address that the issuer did not see.
  HIGHWATER_REASON_LOCATION_CHANGED = 10,
  // A policy applies at the subject's present risk.
  HIGHWATER_REASON_RISK_TOO_HIGH = 11,
  // A policy wants a compliant device and the device is not.
  HIGHWATER_REASON_DEVICE_NOT_COMPLIANT = 12,
  // Authentication was assessed as weaker than the token says.
  HIGHWATER_REASON_ASSURANCE_LOWERED = 13,
  // The operation needs an authentication context that the token lacks.
  HIGHWATER_REASON_AUTH_CONTEXT_REQUIRED = 14,
  // The last sign-in is older than a policy accepts.
  HIGHWATER_REASON_SIGN_IN_TOO_OLD = 15,
  // A policy was changed after the token was issued and now applies.
  HIGHWATER_REASON_POLICY_CHANGED = 16,
  // An event stream is stale and the token is older than the operator accepts meanwhile.
  HIGHWATER_REASON_STREAM_STALE = 17,
  // A policy applies here, and whether it applies in full only the issuer knows.
  HIGHWATER_REASON_CONDITIONS_UNKNOWN = 18,
  // The token's claims are out of date.
  HIGHWATER_REASON_TOKEN_STALE = 19,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum highwater_reason highwater_reason;
#else
typedef uint32_t highwater_reason;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What a host knows of a device, made once and used in any number of requests and threads.
typedef struct highwater_device highwater_device;

// The documents of one tenant: policies, named locations, memberships, country tables, trusted
// addresses. Exclusive while something is added; afterwards threads may publish from it.
typedef struct highwater_documents highwater_documents;

// A continuous access evaluation engine. Made by `highwater_engine_new` or
// `highwater_engine_open`, shared by any number of threads, ended by `highwater_engine_free`.
//
// Decisions never wait: not for a publication, not for an event, not for the disk.
typedef struct highwater_engine highwater_engine;

// One feed of one tenant. Exclusive: one thread at a time.
typedef struct highwater_feed highwater_feed;

// The application id of a resource, made once and used in any number of requests and threads.
typedef struct highwater_resource highwater_resource;

// An access token whose signature, algorithm, issuer and audience the host has verified. Never
// changes, so any number of threads may use it. Keep it for as long as the token is in use:
// deciding needs no parsing, no hashing of identifiers and no allocation then.
typedef struct highwater_token highwater_token;

// A text that the library made: UTF-8, `length` bytes, and a NUL behind them that is not
// counted. Free it with `highwater_text_free`; zeroed memory is an empty one.
typedef struct highwater_text {
  // The text; null in an empty one.
  const char *data;
  // Its length in bytes.
  size_t length;
} highwater_text;

// A function of the host that takes messages: a level of `highwater_log_level`, a text in UTF-8
// with its length and a NUL behind it that is not counted, and the pointer that was registered
// with it. The text is gone when the function returns.
//
// It is called on the thread whose call has something to say, on several threads at once, and
// must not call `highwater_log_set_callback`, `longjmp` or throw. Other functions of the library
// may be called from it; what they have to say is dropped.
typedef void (*highwater_log_callback)(uint32_t level,
                                       const char *message,
                                       size_t message_length,
                                       void *context);

// The circumstances of a request. Set `size` to `sizeof(highwater_request)` and everything else
// to zero (`highwater_request_init` does both), then say what is known: zero means unknown, and
// what is unknown is never assumed. Nothing in it is kept or freed by the library.
typedef struct highwater_request {
  // `sizeof(highwater_request)`: says which version of the struct this is. One that is larger
  // than the library's is taken if everything behind is zero.
  size_t size;
  // The present by the host's clock, in milliseconds since 1970. Must not be zero.
  int64_t now;
  // The address of the client as the host saw it, in network order.
  uint8_t address[16];
  // 4 or 16; 0 if the address is unknown.
  uint8_t address_length;
  // One of `highwater_platform`.
  uint8_t platform;
  // One of `highwater_client_app_type`.
  uint8_t client_app_type;
  // Whether the client came through the compliant network: one of `highwater_answer`.
  uint8_t compliant_network;
  // ISO 3166-1 alpha-2 code of the client's country, in either case; zeros if unknown.
  uint8_t country[2];
  // Zero.
  uint8_t reserved[2];
  // The authentication context that this operation needs, such as `c1`; null if none.
  const char *authentication_context;
  // Its length in bytes.
  size_t authentication_context_length;
  // The application id of the resource; null for the token's audience.
  const struct highwater_resource *resource;
  // What is known of the device; null if nothing is.
  const struct highwater_device *device;
} highwater_request;

// One decision. Set `size` to `sizeof(highwater_decision)` before the call (or use
// `highwater_decision_init`); everything else is written by the library, and is a denial before anything else happens. In an array only the
// `size` of the first element is read; it is the distance from one element to the next.
typedef struct highwater_decision {
  // `sizeof(highwater_decision)`: says which version of the struct this is.
  size_t size;
  // One of `highwater_outcome`.
  uint32_t outcome;
  // The reasons, bit `r` for reason `r` of `highwater_reason`. An allowed request may have
  // reasons too: see `uncovered`.
  uint32_t reasons;
  // The HTTP status to answer with: 200, 401 or 403.
  uint16_t status;
  // 1 if a violation was let pass because the client cannot answer a challenge.
  uint8_t uncovered;
  // 1 if an event stream was stale, paused or disabled.
  uint8_t degraded;
  // How many policies have a violation, named below or not.
  uint32_t policy_count;
  // The first of them, by their position in the snapshot (`highwater_engine_policies`);
  // 4294967295 behind the last one.
  uint32_t policies[4];
  // `nbf` of the challenge, in seconds since 1970; meaningful for challenges.
  int64_t not_before;
} highwater_decision;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of the library, such as `0.1.0`. Static, NUL-terminated, never null. The header
// has the same text in `HIGHWATER_VERSION`.
//
// # Safety
// - Nothing is asked of the caller.
const char *highwater_version(void);

// The version of the library as one number, `major * 1000000 + minor * 1000 + patch`: what
// `HIGHWATER_VERSION_NUMBER` is in the header.
//
// # Safety
// - Nothing is asked of the caller.
uint32_t highwater_version_number(void);

// The version of the decision semantics. It counts up when the same documents, facts, token and
// request may be decided otherwise; the version of the library does not.
//
// # Safety
// - Nothing is asked of the caller.
uint32_t highwater_semantics_version(void);

// The system's clock in milliseconds since 1970, for the `now` of requests. The library reads
// no clock by itself.
//
// # Safety
// - Nothing is asked of the caller.
int64_t highwater_clock_now(void);

// The name of a status without its prefix, such as `NULL_POINTER`; `UNKNOWN` for a number that
// is no status of this version. Static, NUL-terminated, never null.
//
// # Safety
// - Nothing is asked of the caller.
const char *highwater_status_name(int32_t status);

// What was wrong with the last call of this thread that did not return `HIGHWATER_STATUS_OK`:
// one sentence in English for people and logs, with the input in backticks. UTF-8,
// NUL-terminated, never null; empty if nothing has failed yet. It belongs to the library and
// stays until another call of this thread fails.
//
// # Safety
// - Nothing is asked of the caller.
const char *highwater_error_message(void);

// Where it was wrong: the JSON Pointer (RFC 6901) inside the input, the file, the claim, or the
// parameter; empty if the whole input is meant. Lives as `highwater_error_message`.
//
// # Safety
// - Nothing is asked of the caller.
const char *highwater_error_path(void);

// Frees a text and empties the struct, so that a second call does nothing. Null is fine.
//
// # Safety
// - `text` is null, or points to a struct that is zeroed or as the library wrote it.
// - No copy of the struct is used afterwards.
void highwater_text_free(struct highwater_text *text);

// Registers the function that takes the messages of the whole process, in the place of the one
// before; null ends it. When this returns, the function before is not running any more and is
// not called again.
//
// # Safety
// - `callback` is null or such a function, callable from any thread until it is replaced.
// - `context` may be used by it on any thread until then.
// - This is not called from inside a callback.
void highwater_log_set_callback(highwater_log_callback callback, void *context);

// Makes an engine that keeps its facts in memory.
//
// `options` is a JSON object, all of it optional; of length zero: every default.
// `settings`: the settings of the engine (`[engine]` of `docs/configuration.md`, lengths of
// time in seconds). `issuers`: profiles of issuers (`[[issuer]]` there); without any, Entra by
// its well-known issuers and every other issuer as generic. `transmitters`: whose security
// events are taken (`docs/signals.md`).
//
// # Safety
// - `options` is valid for reading `options_length` bytes; null if that is zero.
// - `engine` is valid for writing.
highwater_status highwater_engine_new(const char *options,
                                      size_t options_length,
                                      struct highwater_engine **engine);

// Makes an engine whose facts are kept in the file at `path`: what was applied before is in
// force again when this returns. The documents are not in it; publish them again.
//
// `options` as in `highwater_engine_new`, and `store`: `{"creation": "if_missing" (default),
// "never" or "always", "cache_bytes": 67108864, "two_phase_commit": false,
// "retry_milliseconds": 1000, "threads": one per core}`.
//
// A file that is damaged, cut off or foreign is refused, never taken for an empty store. One
// process at a time has a file open.
//
// # Safety
// - `path` is valid for reading `path_length` bytes, `options` for `options_length`; null if
//   that is zero.
// - `engine` is valid for writing.
highwater_status highwater_engine_open(const char *path,
                                       size_t path_length,
                                       const char *options,
                                       size_t options_length,
                                       struct highwater_engine **engine);

// Ends an engine. Null is fine. Writes that wait are finished first. Tokens may be freed before
// or after their engine.
//
// # Safety
// - `engine` is null, or an engine that no thread uses any more.
void highwater_engine_free(struct highwater_engine *engine);

// Forgets the facts that no token alive at `now` (milliseconds since 1970) can be refused by,
// in memory and in the file. `forgotten` receives how many registers went; it may be null.
// Call it every few minutes; decisions are not held up.
//
// # Safety
// - `engine` is an engine.
// - `forgotten` is null or valid for writing.
highwater_status highwater_engine_forget_expired(const struct highwater_engine *engine,
                                                 int64_t now,
                                                 size_t *forgotten);

// Makes the event stream of `source` stale after so many seconds of silence, counted from `now`
// (milliseconds since 1970) at the earliest. While any stream is stale, decisions are flagged
// `degraded`.
//
// # Safety
// - `engine` is an engine.
// - `source` is valid for reading `source_length` bytes.
highwater_status highwater_engine_watch_stream(const struct highwater_engine *engine,
                                               const char *source,
                                               size_t source_length,
                                               int64_t stale_after_seconds,
                                               int64_t now);

// Notes that `source` was heard of at `heard` (milliseconds since 1970): an empty poll, a
// verification. Events that are applied do not do this by themselves.
//
// # Safety
// - `engine` is an engine.
// - `source` is valid for reading `source_length` bytes.
highwater_status highwater_engine_observe_stream(const struct highwater_engine *engine,
                                                 const char *source,
                                                 size_t source_length,
                                                 int64_t heard);

// Says how the engine is, as a JSON object: `version`, `semantics`, `facts` (`registers`,
// `changed`, `unchanged`, `forgotten`, `clamped`), `store` (`condition`: `ready`, `full` or
// `failed`, `error`, `is_new`, `waiting`, `commits`, `written`, `failures`), `degraded`, and
// `streams` (`source`, `state`, `since`, `last_activity`, `stale_after_seconds`, `degraded`).
// `now` is in milliseconds since 1970. Counters count since the engine was made.
//
// # Safety
// - `engine` is an engine.
// - `status` is valid for writing; free the text with `highwater_text_free`.
highwater_status highwater_engine_status(const struct highwater_engine *engine,
                                         int64_t now,
                                         struct highwater_text *status);

// Opens the store's file again after writing to it failed, and writes what has not been written.
// In memory there is nothing to do.
//
// # Safety
// - `engine` is an engine.
highwater_status highwater_engine_reopen(const struct highwater_engine *engine);

// Makes an empty collection. `flags` are those of `highwater_documents_flag`, usually zero.
//
// # Safety
// - `documents` is valid for writing.
highwater_status highwater_documents_new(uint32_t flags, struct highwater_documents **documents);

// Ends a collection. Null is fine.
//
// # Safety
// - `documents` is null, or a collection that no thread uses any more.
void highwater_documents_free(struct highwater_documents *documents);

// Adds a document from memory. `kind` is one of `highwater_document_kind`; `name` stands in
// reports, and gives policies without an id theirs. What is wrong with the document is said when
// it is checked or published.
//
// # Safety
// - `documents` is a collection.
// - `name` is valid for reading `name_length` bytes, `data` for `data_length`; null if zero.
highwater_status highwater_documents_add(struct highwater_documents *documents,
                                         uint32_t kind,
                                         const char *name,
                                         size_t name_length,
                                         const uint8_t *data,
                                         size_t data_length);

// Adds a file; for `HIGHWATER_DOCUMENT_KIND_GRAPH` also a folder, with all `*.json` below it in
// the order of their names, and a file `*.jsonl` is read as `HIGHWATER_DOCUMENT_KIND_SYNCED`.
// The path stands in reports as it is given. Nothing is added unless everything can be read.
//
// # Safety
// - `documents` is a collection.
// - `path` is valid for reading `path_length` bytes.
highwater_status highwater_documents_add_path(struct highwater_documents *documents,
                                              uint32_t kind,
                                              const char *path,
                                              size_t path_length);

// Compiles what was added and publishes nothing. `report` receives what became of it, the JSON
// of `highwater check --format json`: `files`, `policies`, `locations`, `ranges`, `refused`,
// `warnings`, `not_judged`. It is written whether or not something was refused, and may be null.
//
// Returns `HIGHWATER_STATUS_OK` if these documents may be published, else
// `HIGHWATER_STATUS_DOCUMENTS_REFUSED`.
//
// # Safety
// - `documents` is a collection.
// - `report` is null or valid for writing; free the text with `highwater_text_free`.
highwater_status highwater_documents_check(const struct highwater_documents *documents,
                                           struct highwater_text *report);

// Publishes documents as the new snapshot of `tenant`, `*` for every tenant that has none of
// its own. Decisions under way finish with the snapshot that they took; if anything is refused,
// the former snapshot stays.
//
// `settings` is a JSON object with the settings of the tenant (`[tenant.settings]` of
// `docs/configuration.md`); of length zero: the defaults. `report` receives what became of the
// documents, as in `highwater_documents_check`, also when they were refused; it may be null.
// `version` receives the version of the snapshot; it may be null.
//
// Costs time in the size of the documents. Threads that decide meanwhile are not held up.
//
// # Safety
// - `engine` is an engine, `documents` a collection.
// - `tenant` is valid for reading `tenant_length` bytes, `settings` for `settings_length`; null
//   if that is zero.
// - `report` and `version` are null or valid for writing; free the text with
//   `highwater_text_free`.
highwater_status highwater_engine_publish(const struct highwater_engine *engine,
                                          const char *tenant,
                                          size_t tenant_length,
                                          const struct highwater_documents *documents,
                                          const char *settings,
                                          size_t settings_length,
                                          struct highwater_text *report,
                                          uint64_t *version);

// DANGER: publishes what compiled and leaves out what was refused; what the refused policies
// forbid is allowed from now on. Otherwise as `highwater_engine_publish`. For operators who have
// read the report.
//
// # Safety
// - As `highwater_engine_publish`.
highwater_status highwater_danger_publish_without_refused(const struct highwater_engine *engine,
                                                          const char *tenant,
                                                          size_t tenant_length,
                                                          const struct highwater_documents *documents,
                                                          const char *settings,
                                                          size_t settings_length,
                                                          struct highwater_text *report,
                                                          uint64_t *version);

// Removes what was published for `tenant`: unless something is published for every tenant, its
// tokens are refused from now on. `removed` receives 1 if there was something, else 0; it may be
// null.
//
// # Safety
// - `engine` is an engine.
// - `tenant` is valid for reading `tenant_length` bytes.
// - `removed` is null or valid for writing.
highwater_status highwater_engine_remove(const struct highwater_engine *engine,
                                         const char *tenant,
                                         size_t tenant_length,
                                         uint8_t *removed);

// Lists the policies of the present snapshot of `tenant` as a JSON array of `{"id", "name",
// "state"}`: the names behind the indices in `highwater_decision.policies`, as long as nothing
// else is published for the tenant. `null` if it has no snapshot.
//
// # Safety
// - `engine` is an engine.
// - `tenant` is valid for reading `tenant_length` bytes.
// - `policies` is valid for writing; free the text with `highwater_text_free`.
highwater_status highwater_engine_policies(const struct highwater_engine *engine,
                                           const char *tenant,
                                           size_t tenant_length,
                                           struct highwater_text *policies);

// Makes a token of decoded claims. By calling this the host asserts that it has verified the
// token that they are from: signature, algorithm, issuer and audience. For `engine` alone;
// another one refuses it.
//
// `claims` is the JSON object of the token's payload. It is read by the profile of its issuer,
// strictly: what is malformed is refused here, so that deciding cannot fail.
//
// # Safety
// - `engine` is an engine.
// - `claims` is valid for reading `claims_length` bytes.
// - `token` is valid for writing.
highwater_status highwater_token_new(const struct highwater_engine *engine,
                                     const char *claims,
                                     size_t claims_length,
                                     struct highwater_token **token);

// Makes a second handle of the same token that knows the present snapshot of its tenant. Only
// for speed: after a publication a token is decided rightly all the same, but every policy is
// asked until somebody renews it. `renewed` receives null if `token` is as good as new.
//
// # Safety
// - `token` is a token, `engine` the engine that it was made for.
// - `renewed` is valid for writing.
highwater_status highwater_token_renew(const struct highwater_token *token,
                                       const struct highwater_engine *engine,
                                       struct highwater_token **renewed);

// Says what was read from the claims, as a JSON object: `issuer`, `tenant`, `kind` (`user` or
// `workload`), `subject`, `app`, `session`, `id`, `device`, `audience`, `issued_at`, `expires`
// (seconds since 1970) and `capable` (whether its client can answer a challenge).
//
// # Safety
// - `token` is a token.
// - `facts` is valid for writing; free the text with `highwater_text_free`.
highwater_status highwater_token_facts(const struct highwater_token *token,
                                       struct highwater_text *facts);

// Ends a token. Null is fine.
//
// # Safety
// - `token` is null, or a token that no thread uses any more.
void highwater_token_free(struct highwater_token *token);

// Makes a resource of its application id, or whatever the policies call it.
//
// # Safety
// - `id` is valid for reading `id_length` bytes.
// - `resource` is valid for writing.
highwater_status highwater_resource_new(const char *id,
                                        size_t id_length,
                                        struct highwater_resource **resource);

// Ends a resource. Null is fine.
//
// # Safety
// - `resource` is null, or a resource that no thread and no request uses any more.
void highwater_resource_free(struct highwater_resource *resource);

// Makes a device of its attributes, a JSON object by rule name without `device.`, such as
// `{"isCompliant": true, "trustType": "AzureAD"}`. Whoever supplies one speaks for the whole
// device: an attribute that Graph defines and that is missing counts as null.
//
// # Safety
// - `attributes` is valid for reading `attributes_length` bytes.
// - `device` is valid for writing.
highwater_status highwater_device_new(const char *attributes,
                                      size_t attributes_length,
                                      struct highwater_device **device);

// Ends a device. Null is fine.
//
// # Safety
// - `device` is null, or a device that no thread and no request uses any more.
void highwater_device_free(struct highwater_device *device);

// Makes a request about which nothing is known but the time, in milliseconds since 1970.
//
// # Safety
// - `request` is null or valid for writing `sizeof(highwater_request)` bytes.
void highwater_request_init(struct highwater_request *request, int64_t now);

// Sets the address of a request from text, such as `203.0.113.7` or `2001:db8::7`: no port, no
// brackets, no zone.
//
// # Safety
// - `request` points to a request.
// - `address` is valid for reading `address_length` bytes.
highwater_status highwater_request_set_address(struct highwater_request *request,
                                               const char *address,
                                               size_t address_length);

// Sets the address of a request from a `struct sockaddr` of the families `AF_INET` and
// `AF_INET6`, as `accept` and `getpeername` give it.
//
// # Safety
// - `request` points to a request.
// - `socket_address` is valid for reading `socket_address_length` bytes.
highwater_status highwater_request_set_sockaddr(struct highwater_request *request,
                                                const void *socket_address,
                                                size_t socket_address_length);

// Makes a place for a decision: `size` is set, and it denies.
//
// # Safety
// - `decision` is null or valid for writing `sizeof(highwater_decision)` bytes.
void highwater_decision_init(struct highwater_decision *decision);

// The word for an outcome: `allow`, `challenge`, or `deny` for every other number. Static,
// NUL-terminated, never null.
//
// # Safety
// - Nothing is asked of the caller.
const char *highwater_outcome_name(uint32_t outcome);

// The published code of a reason, such as `token_revoked`; null if no reason of this version has
// the number. Static, NUL-terminated.
//
// # Safety
// - Nothing is asked of the caller.
const char *highwater_reason_name(uint32_t reason);

// Decides a request, and remembers a challenge so that it is not repeated without end.
//
// `decision` denies before anything else happens and unless this returns
// `HIGHWATER_STATUS_OK`: a host that looks at nothing but
// `decision.outcome == HIGHWATER_OUTCOME_ALLOW` is safe. Neither allocates nor waits.
//
// # Safety
// - `engine` is an engine, `token` a token.
// - `request` points to a request of the size that it says, and what it points to is alive.
// - `decision` points to a decision of the size that it says.
highwater_status highwater_engine_decide(const struct highwater_engine *engine,
                                         const struct highwater_token *token,
                                         const struct highwater_request *request,
                                         struct highwater_decision *decision);

// Decides `count` requests in their order: `decisions[i]` becomes what `highwater_engine_decide`
// would say of `tokens[i]` and `requests[i]`, with the waiting for memory overlapped.
//
// Either every request is decided or none is: if one cannot be read, the path of the error is
// its index (`/17`), and every decision denies. The `size` of the first request and of the first
// decision is that of all; the other decisions need not be initialised. Allocates nothing.
//
// # Safety
// - `engine` is an engine; `tokens` points to `count` tokens.
// - `requests` points to `count` requests of the size that the first one says, `decisions` to
//   `count` decisions likewise. They may be null if `count` is zero.
highwater_status highwater_engine_decide_batch(const struct highwater_engine *engine,
                                               const struct highwater_token *const *tokens,
                                               const struct highwater_request *requests,
                                               struct highwater_decision *decisions,
                                               size_t count);

// Writes the value of the `WWW-Authenticate` header that goes with a decision: the claims
// challenge, or the plain `invalid_token` of a denial with status 401. Every other decision has
// none: `length` is zero then.
//
// As `snprintf`: `length` receives the length of the value in bytes, without the NUL that is
// written behind it. With a `capacity` of zero nothing is written; with one that is too small
// nothing but `length`, and `HIGHWATER_STATUS_BUFFER_TOO_SMALL` is returned. 2048 bytes are
// enough unless the authentication context has more than 64 characters. Allocates nothing.
//
// # Safety
// - `token` and `request` are those that were decided, and `decision` is as it was written.
// - `buffer` is valid for writing `capacity` bytes; it may be null if that is zero.
// - `length` is valid for writing.
highwater_status highwater_decision_header(const struct highwater_decision *decision,
                                           const struct highwater_token *token,
                                           const struct highwater_request *request,
                                           char *buffer,
                                           size_t capacity,
                                           size_t *length);

// As `highwater_decision_header`, and asks for further claims of the host: `claims` is a JSON
// object whose members stand under `access_token`. They are added to challenges only. A value
// of more than 3072 bytes is refused with `HIGHWATER_STATUS_TOO_LONG`. Allocates.
//
// # Safety
// - As `highwater_decision_header`.
// - `claims` is valid for reading `claims_length` bytes.
highwater_status highwater_decision_header_with_claims(const struct highwater_decision *decision,
                                                       const struct highwater_token *token,
                                                       const struct highwater_request *request,
                                                       const char *claims,
                                                       size_t claims_length,
                                                       char *buffer,
                                                       size_t capacity,
                                                       size_t *length);

// Decides a request in JSON and writes the answer in JSON: the lines of `highwater decide`
// (`docs/cli.md`), with policies by name and the header to send. The host asserts that it has
// verified the token whose claims are in it. The token is read anew each time; keep
// `highwater_token` handles where that matters.
//
// # Safety
// - `engine` is an engine.
// - `request` is valid for reading `request_length` bytes.
// - `answer` is valid for writing; free the text with `highwater_text_free`.
highwater_status highwater_engine_answer(const struct highwater_engine *engine,
                                         const char *request,
                                         size_t request_length,
                                         struct highwater_text *answer);

// Decides a request in JSON and says why, in JSON: the lines of `highwater explain`
// (`docs/cli.md`). As `highwater_engine_answer`, it remembers a challenge.
//
// Takes time in the number of policies and registers; not for every request.
//
// # Safety
// - `engine` is an engine.
// - `request` is valid for reading `request_length` bytes.
// - `explanation` is valid for writing; free the text with `highwater_text_free`.
highwater_status highwater_engine_answer_and_explain(const struct highwater_engine *engine,
                                                     const char *request,
                                                     size_t request_length,
                                                     struct highwater_text *explanation);

// Says what `highwater_engine_decide` would decide now and why, in JSON (the form of
// `highwater explain`), without remembering a challenge.
//
// Takes time in the number of policies and registers; not for every request.
//
// # Safety
// - As `highwater_engine_decide`.
// - `explanation` is valid for writing; free the text with `highwater_text_free`.
highwater_status highwater_engine_explain(const struct highwater_engine *engine,
                                          const struct highwater_token *token,
                                          const struct highwater_request *request,
                                          struct highwater_text *explanation);

// Applies engine events: one JSON object, or an array of them (`docs/signals.md` has the form),
// all or none. When this returns they are in force for every decision that starts afterwards,
// and durable if the engine has a file. `changed` receives how many registers changed, 0 if
// everything was known already; it may be null.
//
// `HIGHWATER_STATUS_STORE_FULL` and `HIGHWATER_STATUS_STORE_FAILED` mean that they are in force
// and will be written later, but must not be acknowledged.
//
// # Safety
// - `engine` is an engine.
// - `events` is valid for reading `events_length` bytes.
// - `changed` is null or valid for writing.
highwater_status highwater_engine_apply(const struct highwater_engine *engine,
                                        const char *events,
                                        size_t events_length,
                                        size_t *changed);

// Takes a signed security event token (RFC 8417) of one of the engine's transmitters: verifies
// it, applies what it says, and notes that its stream is alive. `token` is the compact form, as
// it is posted (RFC 8935) or polled (RFC 8936); `now` is when it arrived, in milliseconds since
// 1970. When this returns `HIGHWATER_STATUS_OK`, its events are in force and durable: answer 202.
//
// `report` receives a JSON object and may be null: `outcome` (`accepted` or `ignored`),
// `events`, `notices`, `changed` (registers), and `incomplete` (a subject is not known yet: keep
// the token and hand it over again later). With `HIGHWATER_STATUS_SIGNAL_REFUSED` it is `{"err",
// "description"}`, the body of the answer 400; the error message has more, for the operator
// alone. With `HIGHWATER_STATUS_UNKNOWN_KEY` nothing is written: if the path of the error names
// a transmitter, fetch its keys, hand them to `highwater_engine_set_keys` and call again
// with the same `now`; else answer 503.
//
// # Safety
// - `engine` is an engine.
// - `token` is valid for reading `token_length` bytes.
// - `report` is null or valid for writing; free the text with `highwater_text_free`.
highwater_status highwater_engine_receive(const struct highwater_engine *engine,
                                          const char *token,
                                          size_t token_length,
                                          int64_t now,
                                          struct highwater_text *report);

// Takes the claims of a security event token without a signature, on the word of the host: it
// asserts that they come from where they say, over a channel that it has authenticated. `claims`
// is the JSON of the payload. Otherwise as `highwater_engine_receive`.
//
// # Safety
// - As `highwater_engine_receive`.
highwater_status highwater_engine_receive_trusted(const struct highwater_engine *engine,
                                                  const char *claims,
                                                  size_t claims_length,
                                                  int64_t now,
                                                  struct highwater_text *report);

// Hands over the keys of a transmitter, a JWK Set as it was fetched; of length zero: the fetch
// failed, and the keys that are known stay.
//
// # Safety
// - `engine` is an engine.
// - `transmitter` is valid for reading `transmitter_length` bytes, `keys` for `keys_length`;
//   null if that is zero.
highwater_status highwater_engine_set_keys(const struct highwater_engine *engine,
                                           const char *transmitter,
                                           size_t transmitter_length,
                                           const char *keys,
                                           size_t keys_length,
                                           int64_t now);

// Lists the names of the transmitters whose keys are due for a fetch, as a JSON array. Ask every
// few minutes, so that a withdrawn key is not trusted for long.
//
// # Safety
// - `engine` is an engine.
// - `transmitters` is valid for writing; free the text with `highwater_text_free`.
highwater_status highwater_engine_due_keys(const struct highwater_engine *engine,
                                           int64_t now,
                                           struct highwater_text *transmitters);

// Reads a file of events, whatever it holds, as `highwater events` does: one JSON document, an
// array, or one per line; security event tokens signed or not, poll responses, pages of Microsoft
// Graph, engine events. Applies all of it, or nothing if some input is refused
// (`HIGHWATER_STATUS_SIGNAL_REFUSED`).
//
// `expectation` is a JSON object: `source` (required, the name under which the facts are kept),
// `issuer`, `audience`, `profile`, `jwks`, `trust_unsigned` (DANGER: anyone could have written
// claims without a signature), and `tenant` (of Graph pages). A token of one of the engine's
// transmitters is judged by its configuration instead. `name` stands in the report: a JSON array
// with what became of each input, written also when something was refused; it may be null. For
// pages that follow one another use `highwater_feed`, which remembers.
//
// # Safety
// - `engine` is an engine.
// - `expectation`, `name` and `data` are valid for reading as many bytes as is said.
// - `report` is null or valid for writing; free the text with `highwater_text_free`.
highwater_status highwater_engine_ingest(const struct highwater_engine *engine,
                                         const char *expectation,
                                         size_t expectation_length,
                                         const char *name,
                                         size_t name_length,
                                         const uint8_t *data,
                                         size_t data_length,
                                         int64_t now,
                                         struct highwater_text *report);

// Makes a feed. `options` is a JSON object: `kind` (`users`, `servicePrincipals`, `groups`,
// `devices`, `riskyUsers`, `riskyServicePrincipals`, `policies`, `namedLocations`,
// `directoryObjects`), `graph` (`{"tenant": …}`, and what differs from the defaults of
// `docs/signals.md`), `endpoint` (default `https://graph.microsoft.com/v1.0`),
// `interval_seconds` (default 60), and `state` (what `highwater_feed_state` wrote earlier).
//
// # Safety
// - `options` is valid for reading `options_length` bytes.
// - `feed` is valid for writing.
highwater_status highwater_feed_new(const char *options,
                                    size_t options_length,
                                    struct highwater_feed **feed);

// Says what to do next, as a JSON object: `{"send": {"method", "url", "headers": [[name,
// value], …], "body"}}`, to which the host adds its access token, or `{"wait": milliseconds
// since 1970}`. `now` is in milliseconds since 1970.
//
// # Safety
// - `feed` is a feed.
// - `action` is valid for writing; free the text with `highwater_text_free`.
highwater_status highwater_feed_next(const struct highwater_feed *feed,
                                     int64_t now,
                                     struct highwater_text *action);

// Takes a response and applies what has changed to `engine`. `http_status` is its status code,
// `retry_after_seconds` its `Retry-After` or a negative number without one, `data` its body.
//
// `outcome` receives a JSON object and may be null: `events`, `changed` (registers), `documents`
// (policies and locations that changed: publish them), `memberships`, `notices`, `complete` (the
// round is over: keep `highwater_feed_state`), `resync` and `failure`. When this returns
// `HIGHWATER_STATUS_OK`, the events are in force and durable.
//
// # Safety
// - `feed` is a feed, `engine` an engine.
// - `data` is valid for reading `data_length` bytes; null if that is zero.
// - `outcome` is null or valid for writing; free the text with `highwater_text_free`.
highwater_status highwater_feed_respond(struct highwater_feed *feed,
                                        const struct highwater_engine *engine,
                                        uint16_t http_status,
                                        int64_t retry_after_seconds,
                                        const uint8_t *data,
                                        size_t data_length,
                                        int64_t now,
                                        struct highwater_text *outcome);

// Notes that no response came.
//
// # Safety
// - `feed` is a feed.
highwater_status highwater_feed_lost(struct highwater_feed *feed, int64_t now);

// Writes what the feed remembers, as JSON for the `state` of a later one. Losing it costs one
// full round, never a wrong decision.
//
// # Safety
// - `feed` is a feed.
// - `state` is valid for writing; free the text with `highwater_text_free`.
highwater_status highwater_feed_state(const struct highwater_feed *feed,
                                      struct highwater_text *state);

// Ends a feed. Null is fine.
//
// # Safety
// - `feed` is null, or a feed that no thread uses any more.
void highwater_feed_free(struct highwater_feed *feed);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* HIGHWATER_H */
