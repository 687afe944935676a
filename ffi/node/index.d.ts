/** JSON: text and bytes as they are, everything else written as JSON. */
export type Json = string | Uint8Array | { readonly [name: string]: unknown } | readonly unknown[];
/** Whole milliseconds since 1970, or a `Date`; the present where it is left out. */
export type Time = number | Date;

export const version: () => string;
export const semanticsVersion: () => number;

/** A call was refused. Nothing of it took effect, unless its status says otherwise. */
export class HighwaterError extends Error {
  /** The status by name, such as `INVALID_CLAIMS`. */
  readonly status: string;
  readonly statusCode: number;
  /** Where: a JSON Pointer into the input, a file, a claim, a parameter; a transmitter. */
  readonly path: string;
  /** The message without the path. */
  readonly detail: string;
  /** What the library reported of it; null where it reports nothing. */
  readonly report: unknown;
}
/** Something was used after `close`. */
export class ClosedError extends Error {}

export const Outcome: { readonly DENY: 0; readonly CHALLENGE: number; readonly ALLOW: number };
/** The codes of reasons, the strongest first. */
export const reasons: readonly string[];

/** One decision. */
export class Decision {
  private constructor();
  /** Whether the request is to be served; everything else is to be refused. */
  readonly allowed: boolean;
  readonly outcome: 'allow' | 'challenge' | 'deny';
  /** The HTTP status to answer with: 200, 401 or 403. */
  readonly status: number;
  /** Why, the strongest first; an allowed request may have reasons too, see `uncovered`. */
  readonly reasons: string[];
  /** A violation was let pass because the client cannot answer a challenge. */
  readonly uncovered: boolean;
  /** An event stream was stale, paused or disabled. */
  readonly degraded: boolean;
  readonly policyCount: number;
  /** The first four policies with a violation, by their position in `Engine.policies`. */
  readonly policies: number[];
  /** For challenges: tokens issued before this second since 1970 will not do. */
  readonly notBefore: number;
  /** `WWW-Authenticate` for this decision on the token and request that were decided; null if there
   * is none. `claims` asks for more under `access_token`. */
  header(token: Token, request: Request, claims?: Json): string | null;
  toJSON(): object;
}

export class Decisions implements Iterable<Decision> {
  private constructor();
  readonly length: number;
  at(position: number): Decision;
  /** Without an object for the decision. */
  isAllowed(position: number): boolean;
  [Symbol.iterator](): Iterator<Decision>;
}

export const Platform: {
  readonly ANDROID: 1; readonly IOS: 2; readonly WINDOWS: 3; readonly WINDOWS_PHONE: 4;
  readonly MACOS: 5; readonly LINUX: 6; readonly OTHER: 7;
};
export const ClientAppType: {
  readonly BROWSER: 1; readonly MOBILE_APPS_AND_DESKTOP_CLIENTS: 2; readonly EXCHANGE_ACTIVE_SYNC: 3;
  readonly EAS_SUPPORTED: 4; readonly OTHER: 5;
};

/** The application id of a resource, made once and used in any number of requests. */
export class Resource {
  constructor(id: string);
}
/** What a host knows of a device, by rule name without `device.`. It speaks for all of it. */
export class Device {
  constructor(attributes: Json);
}

export interface Circumstances {
  now?: Time | undefined;
  /** The client's address as the host saw it. */
  address?: string | null | undefined;
  authenticationContext?: string | null;
  resource?: Resource | null;
  device?: Device | null;
  /** ISO 3166-1 alpha-2. */
  country?: string | null;
  platform?: number | null;
  clientAppType?: number | null;
  compliantNetwork?: boolean | null;
}
/** What a service knows about a call. Unknown unless said; may be used again with other values. */
export class Request {
  constructor(circumstances?: Circumstances);
  get now(): number;
  set now(time: Time | undefined);
  set address(client: string | null);
  set authenticationContext(context: string | null);
  set resource(resource: Resource | null);
  set device(device: Device | null);
  set country(country: string | null);
  set platform(platform: number | null);
  set clientAppType(type: number | null);
  set compliantNetwork(compliant: boolean | null);
}

export const DocumentKind: {
  readonly GRAPH: 1; readonly SYNCED: 2; readonly TRUSTED_IPS: 3; readonly COUNTRY_LIST: 4;
  readonly COUNTRY_DATABASE: 5;
};
/** The documents of one tenant. */
export class Documents {
  constructor(options?: { strict?: boolean; updatesInOrder?: boolean });
  add(name: string, data: Json, kind?: number): this;
  /** A file, or a folder with all `*.json` below it. */
  addPath(path: string, kind?: number): this;
  /** Compiles, publishes nothing, and reports as `highwater check` does. */
  check(): { refused: unknown[]; [name: string]: unknown };
}

/** Tokens and requests in the library's own form; `append` copies. Used again after `clear`. */
export class Batch {
  constructor(capacity?: number);
  readonly capacity: number;
  readonly length: number;
  append(token: Token, request: Request): number;
  clear(): void;
}

/** One verified token of one engine. */
export class Token {
  private constructor();
  facts(): { issuer: string; tenant: string; kind: string; subject: string; [name: string]: unknown };
  close(): void;
}

export interface Publication {
  version: number;
  report: { refused: unknown[]; [name: string]: unknown };
}

/** A continuous access evaluation engine. */
export class Engine {
  /** Facts in memory. `settings`, `issuers`, `transmitters`, `store`: all optional. */
  constructor(options?: Json);
  /** Facts in a file. */
  static open(path: string, options?: Json): Engine;
  close(): void;
  publish(tenant: string, documents: Documents, settings?: Json): Publication;
  /** DANGER: what the refused policies forbid is allowed from now on. */
  dangerPublishWithoutRefused(tenant: string, documents: Documents, settings?: Json): Publication;
  remove(tenant: string): boolean;
  policies(tenant: string): { id: string; name: string; state: string }[] | null;
  /** The host asserts that it has verified signature, algorithm, issuer and audience. */
  token(claims: Json): Token;
  renew(token: Token): Token;
  decide(token: Token, request: Request): Decision;
  /** All are decided or none. */
  decideBatch(batch: Batch): Decisions;
  explain(token: Token, request: Request): Record<string, unknown>;
  /** A line of `highwater decide`, as text. */
  answer(request: Json): string;
  /** A line of `highwater explain`, as text. */
  answerAndExplain(request: Json): string;
  /** Returns how many registers changed. */
  apply(events: Json): number;
  receive(token: string | Uint8Array, now?: Time): Record<string, unknown>;
  receiveTrusted(claims: Json, now?: Time): Record<string, unknown>;
  /** null: the keys could not be fetched. */
  setKeys(transmitter: string, keys: Json | null, now?: Time): void;
  dueKeys(now?: Time): string[];
  ingest(name: string, data: string | Uint8Array, expectation: Json, now?: Time): Record<string, unknown>[];
  status(now?: Time): Record<string, unknown>;
  forgetExpired(now?: Time): number;
  watchStream(source: string, staleAfterSeconds: number, now?: Time): void;
  observeStream(source: string, heard?: Time): void;
  reopen(): void;
}

/** A feed of Microsoft Graph; the host sends what `next` says. */
export class Feed {
  constructor(options: Json);
  next(now?: Time): Record<string, unknown>;
  respond(engine: Engine, httpStatus: number, body: string | Uint8Array,
    more?: { retryAfterSeconds?: number; now?: Time }): Record<string, unknown>;
  lost(now?: Time): void;
  state(): string;
  close(): void;
}
