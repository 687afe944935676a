// Highwater for Node: is this access token still good? See README.md.
import { c } from './library.js';

export { Batch, Decisions } from './batch.js';
export { Decision, Outcome, reasons } from './decision.js';
export { DocumentKind, Documents } from './documents.js';
export { Engine, Token } from './engine.js';
export { HighwaterError } from './errors.js';
export { Feed } from './feed.js';
export { ClosedError } from './library.js';
export { ClientAppType, Device, Platform, Request, Resource } from './request.js';

export const version = () => c.version();
export const semanticsVersion = () => c.semanticsVersion();
