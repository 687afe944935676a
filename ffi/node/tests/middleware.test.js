// The middleware on a real socket: served, revoked, challenged, served again with a new token.
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign, verify as verifySignature } from 'node:crypto';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { Engine } from '../src/index.js';
import { InvalidToken, continuousAccess } from '../src/middleware.js';

const ISSUER = 'https://idp.example';
const AUDIENCE = 'api://orders';

// ES256 by hand, to need no library: a real host has one.
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
function issue(changes = {}) {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: ISSUER, aud: AUDIENCE, sub: 'ada', iat: now - 60, exp: now + 3600, xms_cc: ['cp1'], ...changes };
  const signed = `${part({ alg: 'ES256', typ: 'at+jwt' })}.${part(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}
function verify(raw) {
  const [header, payload, signature, ...more] = raw.split('.');
  const key = { key: publicKey, dsaEncoding: 'ieee-p1363' };
  if (signature === undefined || more.length > 0 ||
      !verifySignature('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'))) {
    throw new InvalidToken('signature');
  }
  const claims = JSON.parse(Buffer.from(payload, 'base64url'));
  if (claims.iss !== ISSUER || claims.aud !== AUDIENCE) throw new InvalidToken('for others');
  return claims;
}

test('a revoked client is challenged and comes back', async () => {
  const engine = new Engine({
    settings: { accept_any_tenant: true }, issuers: [{ issuer: ISSUER, answers_challenges: true }] });
  const access = continuousAccess({ engine, verify, capacity: 2 });
  let served = 0;
  const server = createServer((request, response) =>
    access(request, response, () => {
      served += 1;
      response.end('orders');
    }));
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${server.address().port}/`;
  const ask = (authorization) => fetch(url, { headers: authorization === null ? {} : { authorization } });
  try {
    const first = issue();
    assert.equal((await ask(`Bearer ${first}`)).status, 200);
    assert.equal((await ask(`bearer ${first}`)).status, 200);

    const now = Math.floor(Date.now() / 1000);
    engine.apply({ time: now - 5, tenant: ISSUER, source: 'directory', subject: { user: 'ada' }, effect: 'revoke' });
    const refused = await ask(`Bearer ${first}`);
    assert.equal(refused.status, 401);
    const found = /claims="([^"]+)"/.exec(refused.headers.get('www-authenticate'));
    const { nbf } = JSON.parse(Buffer.from(found[1], 'base64')).access_token;
    const renewed = issue({ iat: Math.max(now, Number(nbf.value)) });
    assert.equal((await ask(`Bearer ${renewed}`)).status, 200);
    assert.equal((await ask(`Bearer ${first}`)).status, 401);

    const count = served;
    for (const wrong of [
      null, 'Bearer ', 'Basic YWRhOmFkYQ==', `Bearer ${renewed} ${renewed}`, 'Bearer nonsense',
      `Bearer ${renewed.slice(0, -4)}AAAA`, `Bearer ${issue({ aud: 'api://other' })}`,
      `Bearer ${issue({ xms_cc: 7 })}`, `Bearer ${issue({ exp: now - 3600 })}`]) {
      const answer = await ask(wrong);
      assert.equal(answer.status, 401, wrong);
      assert.match(answer.headers.get('www-authenticate'), /^Bearer/);
    }
    assert.equal(served, count);
    engine.close();
    assert.equal((await ask(`Bearer ${renewed}`)).status, 500);
    assert.equal(served, count);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
