// The engine: documents and facts go in, decisions come out.
import { Handle, c, json, memory, milliseconds, text, word } from './library.js';
import { check, read } from './errors.js';
import { DECISION_SIZE, Decision } from './decision.js';
import { Decisions } from './batch.js';

// Where decisions are written before they are copied; a thread makes one call at a time.
const decided = memory(DECISION_SIZE);
decided.view.setBigUint64(0, BigInt(DECISION_SIZE), true);

export class Token {
  #handle;
  constructor(pointer) {
    this.#handle = new Handle(this, 'token', pointer, c.tokenFree);
  }
  get pointer() {
    return this.#handle.pointer;
  }
  facts() {
    return JSON.parse(read((out) => c.tokenFacts(this.pointer, out)));
  }
  close() {
    this.#handle.close();
  }
}

export class Engine {
  #handle;
  constructor(options, path) {
    const chosen = json(options);
    const { status, value } = word((out) => {
      if (path === undefined) return c.engineNew(chosen, chosen.length, out);
      const place = text(path);
      return c.engineOpen(place, place.length, chosen, chosen.length, out);
    });
    check(status);
    this.#handle = new Handle(this, 'engine', value, c.engineFree);
  }
  static open(path, options) {
    return new Engine(options, path);
  }
  get pointer() {
    return this.#handle.pointer;
  }
  close() {
    this.#handle.close();
  }

  publish(tenant, documents, settings) {
    return this.#publish(c.enginePublish, tenant, documents, settings);
  }
  dangerPublishWithoutRefused(tenant, documents, settings) {
    return this.#publish(c.dangerPublishWithoutRefused, tenant, documents, settings);
  }
  #publish(publish, tenant, documents, settings) {
    const [name, chosen, version] = [text(tenant), json(settings), memory(8)];
    const report = read((out) => publish(
      this.pointer, name, name.length, documents.pointer, chosen, chosen.length, out, version.bytes));
    return { version: Number(version.view.getBigUint64(0, true)), report: JSON.parse(report) };
  }
  remove(tenant) {
    const name = text(tenant);
    const { status, value } = word((out) => c.engineRemove(this.pointer, name, name.length, out));
    check(status);
    return value !== 0n;
  }
  policies(tenant) {
    const name = text(tenant);
    return JSON.parse(read((out) => c.enginePolicies(this.pointer, name, name.length, out)));
  }

  token(claims) {
    const payload = json(claims);
    const { status, value } = word((out) => c.tokenNew(this.pointer, payload, payload.length, out));
    check(status);
    return new Token(value);
  }
  renew(token) {
    const { status, value } = word((out) => c.tokenRenew(token.pointer, this.pointer, out));
    check(status);
    return value === 0n ? token : new Token(value);
  }
  decide(token, request) {
    const status = c.decide(this.pointer, token.pointer, request.struct, decided.bytes);
    if (status !== 0) check(status);
    return new Decision(decided.view);
  }
  decideBatch(batch) {
    // A token that was closed since would be a pointer to nothing.
    for (const token of batch.held) void token.pointer;
    const decisions = new Decisions(batch.length);
    check(c.decideBatch(
      this.pointer, batch.tokens.bytes, batch.requests.bytes, decisions.struct, batch.length));
    return decisions;
  }
  explain(token, request) {
    return JSON.parse(read((out) => c.engineExplain(this.pointer, token.pointer, request.struct, out)));
  }
  answer(request) {
    const line = json(request);
    return read((out) => c.engineAnswer(this.pointer, line, line.length, out));
  }
  answerAndExplain(request) {
    const line = json(request);
    return read((out) => c.engineAnswerAndExplain(this.pointer, line, line.length, out));
  }

  apply(events) {
    const facts = json(events);
    const { status, value } = word((out) => c.engineApply(this.pointer, facts, facts.length, out));
    check(status);
    return Number(value);
  }
  receive(token, now) {
    const signed = text(token);
    return JSON.parse(read((out) =>
      c.engineReceive(this.pointer, signed, signed.length, milliseconds(now), out)));
  }
  receiveTrusted(claims, now) {
    const payload = json(claims);
    return JSON.parse(read((out) =>
      c.engineReceiveTrusted(this.pointer, payload, payload.length, milliseconds(now), out)));
  }
  setKeys(transmitter, keys, now) {
    const [name, set] = [text(transmitter), json(keys)];
    check(c.engineSetKeys(this.pointer, name, name.length, set, set.length, milliseconds(now)));
  }
  dueKeys(now) {
    return JSON.parse(read((out) => c.engineDueKeys(this.pointer, milliseconds(now), out)));
  }
  ingest(name, data, expectation, now) {
    const [expected, title, content] = [json(expectation), text(name), text(data)];
    return JSON.parse(read((out) => c.engineIngest(this.pointer, expected, expected.length,
      title, title.length, content, content.length, milliseconds(now), out)));
  }

  status(now) {
    return JSON.parse(read((out) => c.engineStatus(this.pointer, milliseconds(now), out)));
  }
  forgetExpired(now) {
    const { status, value } = word((out) => c.engineForgetExpired(this.pointer, milliseconds(now), out));
    check(status);
    return Number(value);
  }
  watchStream(source, staleAfterSeconds, now) {
    const name = text(source);
    check(c.engineWatchStream(this.pointer, name, name.length, staleAfterSeconds, milliseconds(now)));
  }
  observeStream(source, heard) {
    const name = text(source);
    check(c.engineObserveStream(this.pointer, name, name.length, milliseconds(heard)));
  }
  reopen() {
    check(c.engineReopen(this.pointer));
  }
}
