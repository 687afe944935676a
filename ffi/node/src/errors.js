// What can go wrong: one class, with the status by name and where it was.
import { c, written } from './library.js';

/** A call was refused. Nothing of it took effect, unless its status says otherwise. */
export class HighwaterError extends Error {
  constructor(code, report) {
    const path = c.errorPath();
    const message = c.errorMessage();
    super(path ? `${message} (at \`${path}\`)` : message);
    this.name = 'HighwaterError';
    this.status = c.statusName(code);
    this.statusCode = code;
    this.path = path;
    this.detail = message;
    this.report = report ? JSON.parse(report) : null;
  }
}

/** Throws what a status stands for, unless it is OK. */
export function check(status, report) {
  if (status !== 0) throw new HighwaterError(status, report);
}

/** Makes a call that writes a text; the text is the report of the error if it fails. */
export function read(call) {
  const { status, text } = written(call);
  check(status, text);
  return text;
}
