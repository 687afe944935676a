// Opens the shared library and moves texts across its border.
//
// The rule is that of every language here: HIGHWATER_LIBRARY if it is set, else the library that is
// installed on the system. Structs are not described to koffi: they are memory that was allocated
// once, written and read by DataView, so that a call converts nothing (45 ns instead of 1275).
import koffi from 'koffi';

const path = process.env.HIGHWATER_LIBRARY || 'libhighwater.so.0.1';

function open() {
  try {
    return koffi.load(path);
  } catch (error) {
    throw new Error(
      `the library of highwater cannot be loaded from \`${path}\`: ${error.message}; ` +
        'set HIGHWATER_LIBRARY to its path, or install it with ffi/install.sh',
      { cause: error },
    );
  }
}

const library = open();
const declare = (declaration) => library.func(declaration);

/** The functions of the header that are called from here. */
export const c = {
  version: declare('const char *highwater_version()'),
  semanticsVersion: declare('uint32_t highwater_semantics_version()'),
  clockNow: declare('int64_t highwater_clock_now()'),
  statusName: declare('const char *highwater_status_name(int32_t)'),
  outcomeName: declare('const char *highwater_outcome_name(uint32_t)'),
  reasonName: declare('const char *highwater_reason_name(uint32_t)'),
  errorMessage: declare('const char *highwater_error_message()'),
  errorPath: declare('const char *highwater_error_path()'),
  textFree: declare('void highwater_text_free(void *)'),
  engineNew: declare('int32_t highwater_engine_new(void *, size_t, void *)'),
  engineOpen: declare('int32_t highwater_engine_open(void *, size_t, void *, size_t, void *)'),
  engineFree: declare('void highwater_engine_free(void *)'),
  engineForgetExpired: declare('int32_t highwater_engine_forget_expired(void *, int64_t, void *)'),
  engineWatchStream: declare('int32_t highwater_engine_watch_stream(void *, void *, size_t, int64_t, int64_t)'),
  engineObserveStream: declare('int32_t highwater_engine_observe_stream(void *, void *, size_t, int64_t)'),
  engineStatus: declare('int32_t highwater_engine_status(void *, int64_t, void *)'),
  engineReopen: declare('int32_t highwater_engine_reopen(void *)'),
  documentsNew: declare('int32_t highwater_documents_new(uint32_t, void *)'),
  documentsFree: declare('void highwater_documents_free(void *)'),
  documentsAdd: declare('int32_t highwater_documents_add(void *, uint32_t, void *, size_t, void *, size_t)'),
  documentsAddPath: declare('int32_t highwater_documents_add_path(void *, uint32_t, void *, size_t)'),
  documentsCheck: declare('int32_t highwater_documents_check(void *, void *)'),
  enginePublish: declare(
    'int32_t highwater_engine_publish(void *, void *, size_t, void *, void *, size_t, void *, void *)'),
  dangerPublishWithoutRefused: declare(
    'int32_t highwater_danger_publish_without_refused(void *, void *, size_t, void *, void *, size_t, void *, void *)'),
  engineRemove: declare('int32_t highwater_engine_remove(void *, void *, size_t, void *)'),
  enginePolicies: declare('int32_t highwater_engine_policies(void *, void *, size_t, void *)'),
  tokenNew: declare('int32_t highwater_token_new(void *, void *, size_t, void *)'),
  tokenRenew: declare('int32_t highwater_token_renew(void *, void *, void *)'),
  tokenFacts: declare('int32_t highwater_token_facts(void *, void *)'),
  tokenFree: declare('void highwater_token_free(void *)'),
  requestSetAddress: declare('int32_t highwater_request_set_address(void *, void *, size_t)'),
  resourceNew: declare('int32_t highwater_resource_new(void *, size_t, void *)'),
  resourceFree: declare('void highwater_resource_free(void *)'),
  deviceNew: declare('int32_t highwater_device_new(void *, size_t, void *)'),
  deviceFree: declare('void highwater_device_free(void *)'),
  decide: declare('int32_t highwater_engine_decide(void *, void *, void *, void *)'),
  decideBatch: declare('int32_t highwater_engine_decide_batch(void *, void *, void *, void *, size_t)'),
  decisionHeader: declare('int32_t highwater_decision_header(void *, void *, void *, void *, size_t, void *)'),
  decisionHeaderWithClaims: declare(
    'int32_t highwater_decision_header_with_claims(void *, void *, void *, void *, size_t, void *, size_t, void *)'),
  engineAnswer: declare('int32_t highwater_engine_answer(void *, void *, size_t, void *)'),
  engineAnswerAndExplain: declare('int32_t highwater_engine_answer_and_explain(void *, void *, size_t, void *)'),
  engineExplain: declare('int32_t highwater_engine_explain(void *, void *, void *, void *)'),
  engineApply: declare('int32_t highwater_engine_apply(void *, void *, size_t, void *)'),
  engineReceive: declare('int32_t highwater_engine_receive(void *, void *, size_t, int64_t, void *)'),
  engineReceiveTrusted: declare('int32_t highwater_engine_receive_trusted(void *, void *, size_t, int64_t, void *)'),
  engineSetKeys: declare('int32_t highwater_engine_set_keys(void *, void *, size_t, void *, size_t, int64_t)'),
  engineDueKeys: declare('int32_t highwater_engine_due_keys(void *, int64_t, void *)'),
  engineIngest: declare(
    'int32_t highwater_engine_ingest(void *, void *, size_t, void *, size_t, void *, size_t, int64_t, void *)'),
  feedNew: declare('int32_t highwater_feed_new(void *, size_t, void *)'),
  feedNext: declare('int32_t highwater_feed_next(void *, int64_t, void *)'),
  feedRespond: declare(
    'int32_t highwater_feed_respond(void *, void *, uint16_t, int64_t, void *, size_t, int64_t, void *)'),
  feedLost: declare('int32_t highwater_feed_lost(void *, int64_t)'),
  feedState: declare('int32_t highwater_feed_state(void *, void *)'),
  feedFree: declare('void highwater_feed_free(void *)'),
};

/** Memory that does not move, with a view for its numbers. */
export function memory(size) {
  const bytes = new Uint8Array(new ArrayBuffer(size));
  return { bytes, view: new DataView(bytes.buffer) };
}

/** The address of such memory, for a pointer inside a struct. */
export const address = (bytes) => BigInt(koffi.address(bytes));

// One place for whatever a call writes; a thread makes one call at a time.
const out = memory(16);

/** A text of UTF-8 for the library. */
export function text(value) {
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`a text or bytes are needed, not ${typeof value}`);
}

/** JSON for the library: texts and bytes as they are, everything else written as JSON. */
export function json(value) {
  if (value === undefined || value === null) return Buffer.alloc(0);
  if (typeof value === 'string' || value instanceof Uint8Array) return text(value);
  return Buffer.from(JSON.stringify(value), 'utf8');
}

/** A point in time in milliseconds: the present for undefined. */
export function milliseconds(time) {
  if (time === undefined || time === null) return Date.now();
  const number = time instanceof Date ? time.getTime() : time;
  if (!Number.isSafeInteger(number)) {
    throw new TypeError(`a time is a Date or whole milliseconds since 1970, not \`${String(time)}\``);
  }
  return number;
}

/** Makes a call that writes a pointer or a number of 64 bits. */
export function word(call) {
  out.view.setBigUint64(0, 0n, true);
  const status = call(out.bytes);
  return { status, value: out.view.getBigUint64(0, true) };
}

/** Makes a call that writes a text, copies it and frees it. */
export function written(call) {
  out.view.setBigUint64(0, 0n, true);
  out.view.setBigUint64(8, 0n, true);
  const status = call(out.bytes);
  const length = Number(out.view.getBigUint64(8, true));
  let taken = '';
  try {
    if (length > 0) {
      const data = out.view.getBigUint64(0, true);
      taken = Buffer.from(koffi.view(data, length)).toString('utf8');
    }
  } finally {
    c.textFree(out.bytes);
  }
  return { status, text: taken };
}

const finalization = new FinalizationRegistry(({ pointer, free }) => free(pointer));

/** A pointer of the library that is freed by close, or when nothing refers to its owner. */
export class Handle {
  #pointer;
  #free;
  #what;
  constructor(owner, what, pointer, free) {
    this.#pointer = pointer;
    this.#free = free;
    this.#what = what;
    finalization.register(owner, { pointer, free }, this);
  }
  /** The pointer; throws if it was closed. */
  get pointer() {
    if (this.#pointer === null) throw new ClosedError(this.#what);
    return this.#pointer;
  }
  close() {
    if (this.#pointer === null) return;
    const pointer = this.#pointer;
    this.#pointer = null;
    finalization.unregister(this);
    this.#free(pointer);
  }
}

/** An engine, token or feed was used after `close`. */
export class ClosedError extends Error {
  constructor(what) {
    super(`the ${what} is closed`);
    this.name = 'ClosedError';
  }
}
