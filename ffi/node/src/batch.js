// Many requests decided in one call, in arrays of the library's own form.
import { memory } from './library.js';
import { DECISION_SIZE, Decision, Outcome } from './decision.js';
import { REQUEST_SIZE } from './request.js';

export class Batch {
  #kept;
  constructor(capacity = 64) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new RangeError(`a batch has room for one request at least, not \`${capacity}\``);
    }
    this.capacity = capacity;
    this.tokens = memory(capacity * 8);
    this.requests = memory(capacity * REQUEST_SIZE);
    this.length = 0;
    this.#kept = new Array(capacity).fill(null);
  }
  /** Copies a request to the end; returns its position. */
  append(token, request) {
    if (this.length === this.capacity) throw new RangeError(`the batch of ${this.capacity} is full`);
    const position = this.length;
    this.tokens.view.setBigUint64(position * 8, BigInt(token.pointer), true);
    this.requests.bytes.set(request.struct, position * REQUEST_SIZE);
    this.#kept[position] = [token, request.kept];
    this.length += 1;
    return position;
  }
  clear() {
    this.#kept.fill(null);
    this.length = 0;
  }
  /** The tokens, for whoever has to know that none was closed. */
  get held() {
    return this.#kept.slice(0, this.length).map(([token]) => token);
  }
}

/** The decisions of a batch. */
export class Decisions {
  #memory;
  constructor(length) {
    this.length = length;
    this.#memory = memory(Math.max(length, 1) * DECISION_SIZE);
    this.#memory.view.setBigUint64(0, BigInt(DECISION_SIZE), true);
  }
  /** The library's array. */
  get struct() {
    return this.#memory.bytes;
  }
  at(position) {
    if (!(position >= 0 && position < this.length)) {
      throw new RangeError(`there is no decision ${position} among ${this.length}`);
    }
    return new Decision(this.#memory.view, position * DECISION_SIZE);
  }
  isAllowed(position) {
    return position >= 0 && position < this.length &&
      this.#memory.view.getUint32(position * DECISION_SIZE + 8, true) === Outcome.ALLOW;
  }
  *[Symbol.iterator]() {
    for (let position = 0; position < this.length; position += 1) yield this.at(position);
  }
}
