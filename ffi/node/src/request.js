// A request: what a service knows about the call that it is asked to serve. It is the library's own
// struct, written to by setters; what is not said is unknown.
import { Handle, address, c, json, memory, milliseconds, text, word } from './library.js';
import { check } from './errors.js';

export const Platform = Object.freeze(
  { ANDROID: 1, IOS: 2, WINDOWS: 3, WINDOWS_PHONE: 4, MACOS: 5, LINUX: 6, OTHER: 7 });
export const ClientAppType = Object.freeze({
  BROWSER: 1, MOBILE_APPS_AND_DESKTOP_CLIENTS: 2, EXCHANGE_ACTIVE_SYNC: 3, EAS_SUPPORTED: 4, OTHER: 5 });

export const REQUEST_SIZE = 72;

export class Resource {
  #handle;
  constructor(id) {
    const name = text(id);
    const { status, value } = word((out) => c.resourceNew(name, name.length, out));
    check(status);
    this.#handle = new Handle(this, 'resource', value, c.resourceFree);
  }
  get pointer() {
    return this.#handle.pointer;
  }
}

export class Device {
  #handle;
  constructor(attributes) {
    const written = json(attributes);
    const { status, value } = word((out) => c.deviceNew(written, written.length, out));
    check(status);
    this.#handle = new Handle(this, 'device', value, c.deviceFree);
  }
  get pointer() {
    return this.#handle.pointer;
  }
}

const MEMBERS = [
  'now', 'address', 'authenticationContext', 'resource', 'device', 'country', 'platform',
  'clientAppType', 'compliantNetwork'];

export class Request {
  #memory = memory(REQUEST_SIZE);
  #context = null;
  #resource = null;
  #device = null;
  constructor(circumstances = {}) {
    const unknown = Object.keys(circumstances).find((name) => !MEMBERS.includes(name));
    if (unknown !== undefined) throw new TypeError(`\`${unknown}\` is not known of a request`);
    this.#memory.view.setBigUint64(0, BigInt(REQUEST_SIZE), true);
    this.now = circumstances.now;
    for (const name of MEMBERS) {
      if (name !== 'now' && circumstances[name] !== undefined) this[name] = circumstances[name];
    }
  }
  /** The library's struct. */
  get struct() {
    return this.#memory.bytes;
  }
  /** What must stay alive as long as a copy of the struct is in use. */
  get kept() {
    return [this.#context, this.#resource, this.#device];
  }
  set now(time) {
    this.#memory.view.setBigInt64(8, BigInt(milliseconds(time)), true);
  }
  get now() {
    return Number(this.#memory.view.getBigInt64(8, true));
  }
  set address(client) {
    if (client === null) {
      this.#memory.view.setUint8(32, 0);
    } else {
      const name = text(client);
      check(c.requestSetAddress(this.#memory.bytes, name, name.length));
    }
  }
  set authenticationContext(context) {
    const name = context === null ? Buffer.alloc(0) : text(context);
    const copy = memory(Math.max(name.length, 1)).bytes;
    copy.set(name);
    this.#memory.view.setBigUint64(40, name.length === 0 ? 0n : address(copy), true);
    this.#memory.view.setBigUint64(48, BigInt(name.length), true);
    this.#context = copy;
  }
  set resource(resource) {
    this.#memory.view.setBigUint64(56, resource === null ? 0n : BigInt(resource.pointer), true);
    this.#resource = resource;
  }
  set device(device) {
    this.#memory.view.setBigUint64(64, device === null ? 0n : BigInt(device.pointer), true);
    this.#device = device;
  }
  set country(country) {
    if (country !== null && !/^[A-Za-z]{2}$/.test(country)) {
      throw new RangeError(`\`${country}\` is no country code of two letters`);
    }
    this.#memory.view.setUint8(36, country === null ? 0 : country.charCodeAt(0));
    this.#memory.view.setUint8(37, country === null ? 0 : country.charCodeAt(1));
  }
  set platform(platform) {
    this.#memory.view.setUint8(33, platform ?? 0);
  }
  set clientAppType(type) {
    this.#memory.view.setUint8(34, type ?? 0);
  }
  set compliantNetwork(compliant) {
    this.#memory.view.setUint8(35, compliant === null ? 0 : compliant ? 2 : 1);
  }
}
