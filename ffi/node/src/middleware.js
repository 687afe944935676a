// Serves an HTTP request only if Highwater says that its token is still good. For node:http, and for
// whatever takes a function of request, response and next.
import { createHash } from 'node:crypto';

import { HighwaterError } from './errors.js';
import { Request } from './request.js';

/** Makes the middleware; see middleware.d.ts. */
export function continuousAccess({ engine, verify, address = connection, capacity = 100_000 }) {
  // Verified tokens by a digest of the raw one, the longest unused first. The engine judges
  // lifetimes anew with every request, so an expired one may lie here.
  const kept = new Map();

  async function token(request, raw) {
    const digest = createHash('sha256').update(raw).digest('base64');
    let token = kept.get(digest);
    if (token === undefined) {
      token = engine.token(await verify(raw, request));
    } else {
      kept.delete(digest);
    }
    kept.set(digest, token);
    if (kept.size > capacity) kept.delete(kept.keys().next().value);
    return token;
  }

  return async function middleware(request, response, next) {
    const raw = bearer(request);
    if (raw === null) return refuse(response, 401, 'Bearer');
    let verified;
    try {
      verified = await token(request, raw);
    } catch (error) {
      const claims = ['INVALID_CLAIMS', 'UNKNOWN_ISSUER'];
      const isRefusal = error instanceof InvalidToken ||
        (error instanceof HighwaterError && claims.includes(error.status));
      return isRefusal
        ? refuse(response, 401, 'Bearer error="invalid_token"')
        : refuse(response, 500, null);
    }
    let decision;
    let header;
    try {
      const circumstances = new Request({ address: address(request) });
      decision = engine.decide(verified, circumstances);
      header = decision.allowed ? null : decision.header(verified, circumstances);
    } catch {
      return refuse(response, 500, null);
    }
    return decision.allowed ? next(request, response) : refuse(response, decision.status, header);
  };
}

/** What a verifier throws about a token that is not good. */
export class InvalidToken extends Error {}

function bearer(request) {
  const [scheme, raw, ...more] = (request.headers.authorization ?? '').trim().split(/ +/);
  return scheme.toLowerCase() === 'bearer' && raw && more.length === 0 ? raw : null;
}

/** The address of the connection, without the zone of a link-local one. */
function connection(request) {
  return request.socket.remoteAddress?.replace(/%.*$/, '');
}

function refuse(response, status, header) {
  if (header !== null) response.setHeader('www-authenticate', header);
  response.setHeader('cache-control', 'no-store');
  response.statusCode = status;
  response.end();
}
