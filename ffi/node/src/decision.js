// A decision: what to do with a request, why, and the header to answer with.
import { c, json, memory } from './library.js';
import { check } from './errors.js';

/** What to do with a request; zero denies. */
export const Outcome = Object.freeze({ DENY: 0, CHALLENGE: 0x435a3ca5, ALLOW: 0x3ca5c35a });

export const DECISION_SIZE = 48;
const BUFFER_TOO_SMALL = 11;
const NO_POLICY = 0xffffffff;
const POLICIES = [24, 28, 32, 36];

const length = memory(8);
let buffer = memory(2048).bytes;

/** The codes of reasons by their number, the strongest first. */
export const reasons = Object.freeze(
  Array.from({ length: 32 }, (_, number) => c.reasonName(number)).filter((name) => name !== null),
);

/** The struct of a decision whose header is wanted. */
const again = memory(DECISION_SIZE);

export class Decision {
  #outcome;
  #bits;
  #status;
  #flags;
  #count;
  #policies;
  #low;
  #high;
  /** Copies a struct: plain numbers cost less than memory for each decision. */
  constructor(view, offset = 0) {
    this.#outcome = view.getUint32(offset + 8, true);
    this.#bits = view.getUint32(offset + 12, true);
    this.#status = view.getUint16(offset + 16, true);
    this.#flags = view.getUint16(offset + 18, true);
    this.#count = view.getUint32(offset + 20, true);
    this.#policies = this.#count === 0 ? null : POLICIES.map((at) => view.getUint32(offset + at, true));
    this.#low = view.getUint32(offset + 40, true);
    this.#high = view.getInt32(offset + 44, true);
  }
  get allowed() {
    return this.#outcome === Outcome.ALLOW;
  }
  get outcome() {
    if (this.#outcome === Outcome.ALLOW) return 'allow';
    return this.#outcome === Outcome.CHALLENGE ? 'challenge' : 'deny';
  }
  get reasons() {
    return reasons.filter((_, number) => (this.#bits >>> number) & 1);
  }
  get status() {
    return this.#status;
  }
  get uncovered() {
    return (this.#flags & 0xff) !== 0;
  }
  get degraded() {
    return this.#flags >>> 8 !== 0;
  }
  get policyCount() {
    return this.#count;
  }
  get policies() {
    return this.#policies === null ? [] : this.#policies.filter((index) => index !== NO_POLICY);
  }
  get notBefore() {
    return this.#high * 2 ** 32 + this.#low;
  }
  header(token, request, claims) {
    const { bytes: struct, view } = again;
    view.setBigUint64(0, BigInt(DECISION_SIZE), true);
    view.setUint32(8, this.#outcome, true);
    view.setUint32(12, this.#bits, true);
    view.setUint16(16, this.#status, true);
    view.setUint16(18, this.#flags, true);
    view.setUint32(20, this.#count, true);
    POLICIES.forEach((at, index) => view.setUint32(at, this.#policies?.[index] ?? NO_POLICY, true));
    view.setUint32(40, this.#low, true);
    view.setInt32(44, this.#high, true);
    const wanted = claims === undefined ? null : json(claims);
    const write = () =>
      wanted === null
        ? c.decisionHeader(struct, token.pointer, request.struct, buffer, buffer.length, length.bytes)
        : c.decisionHeaderWithClaims(struct, token.pointer, request.struct, wanted, wanted.length,
            buffer, buffer.length, length.bytes);
    let status = write();
    if (status === BUFFER_TOO_SMALL) {
      buffer = memory(Number(length.view.getBigUint64(0, true)) + 1).bytes;
      status = write();
    }
    check(status);
    const written = Number(length.view.getBigUint64(0, true));
    return written === 0 ? null : Buffer.from(buffer.buffer, 0, written).toString('utf8');
  }
  toJSON() {
    const { outcome, status, reasons, uncovered, degraded, policyCount, policies, notBefore } = this;
    return { outcome, status, reasons, uncovered, degraded, policyCount, policies, notBefore };
  }
}
