// A feed of Microsoft Graph: which request to send next, and what its response changes.
import { Handle, c, json, milliseconds, text, word } from './library.js';
import { check, read } from './errors.js';

export class Feed {
  #handle;
  constructor(options) {
    const chosen = json(options);
    const { status, value } = word((out) => c.feedNew(chosen, chosen.length, out));
    check(status);
    this.#handle = new Handle(this, 'feed', value, c.feedFree);
  }
  next(now) {
    return JSON.parse(read((out) => c.feedNext(this.#handle.pointer, milliseconds(now), out)));
  }
  respond(engine, httpStatus, body, { retryAfterSeconds = -1, now } = {}) {
    if (!Number.isInteger(httpStatus) || httpStatus < 0 || httpStatus > 0xffff) {
      throw new RangeError(`\`${httpStatus}\` is no status of HTTP`);
    }
    const data = text(body);
    return JSON.parse(read((out) => c.feedRespond(this.#handle.pointer, engine.pointer, httpStatus,
      retryAfterSeconds, data, data.length, milliseconds(now), out)));
  }
  lost(now) {
    check(c.feedLost(this.#handle.pointer, milliseconds(now)));
  }
  state() {
    return read((out) => c.feedState(this.#handle.pointer, out));
  }
  close() {
    this.#handle.close();
  }
}
