import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Engine, Json } from './index.js';

export interface Options {
  engine: Engine;
  /** Checks signature, algorithm, issuer and audience and gives the claims; throws `InvalidToken` if
   * the token is not good. Whatever else it throws is answered with 500. */
  verify(raw: string, request: IncomingMessage): Json | Promise<Json>;
  /** The client's address; by default that of the connection. Behind a proxy take it from what the
   * proxy says, never from what a client can write. */
  address?(request: IncomingMessage): string | undefined;
  /** How many verified tokens are kept; by default 100,000. */
  capacity?: number;
}

/** What a verifier throws about a token that is not good. */
export class InvalidToken extends Error {}

/** Calls `next` only for requests that are to be served, and answers all others. */
export function continuousAccess(options: Options): (
  request: IncomingMessage,
  response: ServerResponse,
  next: (request: IncomingMessage, response: ServerResponse) => unknown,
) => Promise<unknown>;
