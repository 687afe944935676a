// The documents of one tenant: policies, named locations, memberships, tables of countries.
import { Handle, c, json, text, word, written } from './library.js';
import { HighwaterError, check } from './errors.js';

export const DocumentKind = Object.freeze(
  { GRAPH: 1, SYNCED: 2, TRUSTED_IPS: 3, COUNTRY_LIST: 4, COUNTRY_DATABASE: 5 });

const DOCUMENTS_REFUSED = 30;

export class Documents {
  #handle;
  constructor({ strict = false, updatesInOrder = false } = {}) {
    const flags = (strict ? 1 : 0) | (updatesInOrder ? 2 : 0);
    const { status, value } = word((out) => c.documentsNew(flags, out));
    check(status);
    this.#handle = new Handle(this, 'collection of documents', value, c.documentsFree);
  }
  get pointer() {
    return this.#handle.pointer;
  }
  add(name, data, kind = DocumentKind.GRAPH) {
    const [title, content] = [text(name), json(data)];
    check(c.documentsAdd(this.pointer, kind, title, title.length, content, content.length));
    return this;
  }
  addPath(path, kind = DocumentKind.GRAPH) {
    const place = text(path);
    check(c.documentsAddPath(this.pointer, kind, place, place.length));
    return this;
  }
  check() {
    const { status, text: report } = written((out) => c.documentsCheck(this.pointer, out));
    if (status !== 0 && status !== DOCUMENTS_REFUSED) throw new HighwaterError(status, report);
    return JSON.parse(report);
  }
}
