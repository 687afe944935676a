// What a service does with the package, and what it gets when something is wrong.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import * as highwater from '../src/index.js';
import { c } from '../src/library.js';
import { NOW, OFFICE_ONLY, TENANT, claims, elsewhere, event, office, started } from './tenant.js';

const { Batch, ClosedError, Device, Documents, Engine, Feed, HighwaterError, Outcome, Request, Resource } = highwater;

const refused = (status, path) => (error) => {
  assert.ok(error instanceof HighwaterError, String(error));
  assert.equal(error.status, status);
  if (path !== undefined) assert.equal(error.path, path);
  return true;
};
const wanted = (header) =>
  JSON.parse(Buffer.from(/claims="([^"]+)"/.exec(header)[1], 'base64')).access_token;

test('a request is allowed until its user is revoked', () => {
  const engine = started();
  const token = engine.token(claims());
  assert.equal(engine.decide(token, office()).allowed, true);
  assert.equal(engine.decide(token, office()).header(token, office()), null);
  assert.equal(engine.apply(event('revoke')), 1);
  const decision = engine.decide(token, office());
  assert.equal(decision.allowed, false);
  assert.equal(decision.outcome, 'challenge');
  assert.equal(decision.status, 401);
  assert.deepEqual(decision.reasons, ['token_revoked']);
  assert.equal(wanted(decision.header(token, office())).nbf.value, String(decision.notBefore));
  assert.equal(wanted(decision.header(token, office(), { acrs: { value: 'c9' } })).acrs.value, 'c9');
  assert.equal(engine.apply([event('revoke')]), 0);
});

test('policies are named and explained', () => {
  const engine = started();
  const token = engine.token(claims());
  const decision = engine.decide(token, elsewhere());
  assert.equal(engine.policies(TENANT)[decision.policies[0]].name, 'Block outside the office');
  assert.equal(decision.policyCount, 1);
  assert.equal(engine.explain(token, elsewhere()).policies[0].result, 'failure');
  assert.equal(engine.policies('nobody'), null);
  assert.equal(engine.remove(TENANT), true);
  assert.equal(engine.remove(TENANT), false);
  assert.deepEqual(engine.decide(token, office()).reasons, ['tenant_unknown']);
});

test('a long authentication context is passed and asked for', () => {
  const engine = started();
  const token = engine.token(claims());
  const request = new Request({
    now: new Date(NOW), address: '203.0.113.7', authenticationContext: 'c'.repeat(3000),
    resource: new Resource('api://orders'), device: new Device({ isCompliant: true }) });
  const decision = engine.decide(token, request);
  assert.deepEqual(decision.reasons, ['auth_context_required']);
  assert.equal(wanted(decision.header(token, request)).acrs.value, 'c'.repeat(3000));
  request.authenticationContext = request.resource = request.device = null;
  assert.equal(engine.decide(token, request).allowed, true);
});

test('a token is renewed after a publication', () => {
  const engine = started();
  const token = engine.token(claims());
  assert.equal(engine.renew(token), token);
  assert.ok(engine.publish(TENANT, new Documents().add('none.json', []), { policy_change: 'off' }).version > 0);
  const renewed = engine.renew(token);
  assert.notEqual(renewed, token);
  assert.equal(engine.decide(renewed, elsewhere()).allowed, true);
  assert.equal(renewed.facts().subject, 'ada');
});

test('a batch decides as single requests, whole or not at all', () => {
  const engine = started();
  const token = engine.token(claims());
  const batch = new Batch(200);
  const request = office();
  for (let index = 0; index < 200; index += 1) {
    request.address = `${index % 3 ? '203.0.113' : '198.51.100'}.${index}`;
    batch.append(token, request);
  }
  assert.throws(() => batch.append(token, request), RangeError);
  const decisions = engine.decideBatch(batch);
  assert.equal(decisions.length, 200);
  [...decisions].forEach((decision, index) => {
    assert.equal(decision.allowed, index % 3 !== 0);
    assert.equal(decisions.isAllowed(index), decision.allowed);
  });
  assert.throws(() => decisions.at(200), RangeError);
  assert.equal(decisions.isAllowed(200), false);
  batch.clear();
  assert.equal(engine.decideBatch(batch).length, 0);
  batch.append(token, office());
  batch.append(token, new Request({ now: 0 }));
  assert.throws(() => engine.decideBatch(batch), (error) => error.path.startsWith('/1'));
  assert.throws(() => new Batch(0), RangeError);
});

test('refused documents change nothing and are reported', () => {
  const engine = started();
  const wrong = new Documents().add('wrong.json', [{ id: 'x', displayName: 'X', state: 'maybe' }]);
  assert.throws(() => engine.publish(TENANT, wrong), (error) =>
    refused('DOCUMENTS_REFUSED')(error) && error.report.refused[0].file === 'wrong.json');
  assert.equal(wrong.check().refused.length, 1);
  const token = engine.token(claims());
  assert.equal(engine.decide(token, elsewhere()).allowed, false);
  engine.dangerPublishWithoutRefused(TENANT, wrong);
  assert.equal(engine.decide(token, elsewhere()).allowed, true);
  assert.throws(() => new Documents().addPath('/nowhere/missing.json'), refused('UNREADABLE_FILE'));
});

test('wrong input is named by its place', () => {
  const engine = started();
  assert.throws(() => engine.token(claims({ iat: 'yesterday' })), refused('INVALID_CLAIMS', '/iat'));
  assert.throws(() => engine.token('{'), refused('INVALID_JSON', ''));
  assert.throws(() => engine.token(Buffer.from([0x7b, 0xff])), refused('INVALID_UTF8', 'claims'));
  assert.throws(() => new Engine({ settings: { skews: 1 } }), refused('INVALID_SETTINGS', '/settings/skews'));
  assert.throws(() => engine.apply([event('revoke'), event('explode')]), refused('INVALID_EVENT'));
  assert.throws(() => new Request({ address: '203.0.113.700' }), refused('INVALID_ARGUMENT', 'address'));
  assert.throws(() => new Request({ now: 1.5 }), TypeError);
  assert.throws(() => new Request({ planet: 'mars' }), TypeError);
  assert.throws(() => new Request({ country: 'DEU' }), RangeError);
  assert.throws(() => engine.token(7n), TypeError);
  const token = engine.token(claims());
  assert.throws(() => engine.decide(token, new Request({ now: 0 })), HighwaterError);
  assert.throws(() => engine.decide({}, office()));
  assert.throws(() => engine.decide(token, {}));
  assert.equal(engine.decide(token, office()).allowed, true);
});

test('what is closed refuses', () => {
  const engine = new Engine({ settings: { accept_any_tenant: true } });
  const token = engine.token(claims());
  assert.equal(started().decide(token, office()).allowed, false, 'a token of another engine');
  const batch = new Batch(2);
  batch.append(token, office());
  assert.equal(engine.decideBatch(batch).at(0).allowed, true);
  token.close();
  token.close();
  assert.throws(() => engine.decide(token, office()), ClosedError);
  assert.throws(() => engine.decideBatch(batch), ClosedError);
  assert.throws(() => batch.append(token, office()), ClosedError);
  const other = engine.token(claims());
  engine.close();
  engine.close();
  for (const use of [
    () => engine.decide(other, office()), () => engine.token(claims()), () => engine.apply(event('revoke')),
    () => engine.status(), () => engine.publish(TENANT, new Documents())]) {
    assert.throws(use, ClosedError);
  }
});

test('facts survive in a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'highwater-'));
  try {
    const path = join(folder, 'revocations.redb');
    const engine = Engine.open(path);
    engine.apply(event('revoke'));
    assert.throws(() => Engine.open(path), refused('STORE_IN_USE'));
    engine.close();
    const again = Engine.open(path, { settings: { accept_any_tenant: true }, store: { creation: 'never' } });
    const token = again.token(claims());
    assert.deepEqual(again.decide(token, office()).reasons, ['token_revoked']);
    assert.equal(again.status(NOW).facts.registers, 1);
    assert.equal(again.forgetExpired(NOW + 40 * 3600 * 1000), 1);
    again.reopen();
    again.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('security events are taken or refused', () => {
  const issuer = 'https://idp.example';
  const engine = new Engine({
    settings: { accept_any_tenant: true },
    transmitters: [{ name: 'idp', issuer, audience: 'https://rs.example', jwks_uri: `${issuer}/keys` }] });
  const token = engine.token({ iss: issuer, sub: 'ada', iat: 1763760000, exp: 1763763600 });
  const uri = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';
  const set = {
    iss: issuer, aud: 'https://rs.example', jti: '1', iat: 1763760080,
    sub_id: { format: 'iss_sub', iss: issuer, sub: 'ada' },
    events: { [uri]: { event_timestamp: 1763760070 } } };
  assert.equal(engine.decide(token, office()).allowed, true);
  assert.equal(engine.receiveTrusted(set, NOW).outcome, 'accepted');
  assert.deepEqual(engine.decide(token, office()).reasons, ['token_revoked']);
  assert.throws(() => engine.receiveTrusted({ ...set, aud: 'https://other.example' }, NOW), (error) =>
    refused('SIGNAL_REFUSED')(error) && error.report.err === 'invalid_audience');
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ typ: 'secevent+jwt', alg: 'ES256', kid: 'k' })}.${part(set)}.AAAA`;
  assert.throws(() => engine.receive(signed, NOW), refused('UNKNOWN_KEY', 'idp'));
  engine.setKeys('idp', { keys: [] }, NOW);
  assert.throws(() => engine.setKeys('nobody', null, NOW), refused('UNKNOWN_TRANSMITTER'));
  assert.deepEqual(engine.dueKeys(NOW + 24 * 3600 * 1000), ['idp']);
  engine.watchStream('directory', 60, NOW);
  const late = new Request({ now: NOW + 61_000 });
  assert.equal(engine.decide(token, late).degraded, true);
  engine.observeStream('directory', NOW + 60_000);
  assert.equal(engine.decide(token, late).degraded, false);
  assert.equal(engine.ingest('a.jsonl', JSON.stringify(event('block')), { source: 'x' }, NOW)[0].outcome, 'accepted');
});

test('a feed says what to send and applies what comes', () => {
  const engine = started();
  const feed = new Feed({ kind: 'users', graph: { tenant: TENANT } });
  assert.equal(feed.next(NOW).send.method, 'GET');
  const page = {
    value: [{ id: 'ada', accountEnabled: false }],
    '@odata.deltaLink': 'https://graph.microsoft.com/v1.0/users/delta?$deltatoken=x' };
  assert.equal(feed.respond(engine, 200, JSON.stringify(page), { now: NOW }).complete, true);
  assert.throws(() => feed.respond(engine, 70_000, ''), RangeError);
  feed.lost(NOW);
  assert.match(feed.state(), /deltatoken/);
  feed.close();
  assert.throws(() => feed.next(NOW), ClosedError);
  assert.ok(engine.decide(engine.token(claims()), office()).reasons.includes('subject_blocked'));
});

test('memory comes back', { skip: globalThis.gc === undefined && 'needs --expose-gc' }, async () => {
  const engine = started();
  const work = async () => {
    for (let round = 0; round < 3000; round += 1) {
      const token = engine.token(claims({ groups: Array(20).fill('g'.repeat(36)) }));
      const request = new Request({ now: NOW, authenticationContext: 'c'.repeat(500), device: new Device({}) });
      engine.decide(token, request).header(token, request);
      if (round % 500 === 0) {
        globalThis.gc();
        await new Promise((resume) => setImmediate(resume));
      }
    }
    globalThis.gc();
    await new Promise((resume) => setTimeout(resume, 50));
  };
  await work();
  await work();
  const before = process.memoryUsage.rss();
  await work();
  await work();
  // Leaked tokens alone would be tens of megabytes.
  assert.ok(process.memoryUsage.rss() - before < 8 << 20, `${process.memoryUsage.rss() - before} bytes more`);
});

test('words, numbers and types agree with the library', () => {
  assert.equal(c.outcomeName(Outcome.ALLOW), 'allow');
  assert.equal(c.outcomeName(Outcome.CHALLENGE), 'challenge');
  assert.equal(c.outcomeName(Outcome.DENY), 'deny');
  assert.equal(highwater.reasons.length, 20);
  assert.equal(highwater.version(), '0.1.0');
  assert.equal(highwater.semanticsVersion(), 1);
  const header = readFileSync(new URL('../../include/highwater.h', import.meta.url), 'utf8');
  for (const [prefix, numbers] of [
    ['OUTCOME', Outcome], ['PLATFORM', highwater.Platform], ['CLIENT_APP_TYPE', highwater.ClientAppType],
    ['DOCUMENT_KIND', highwater.DocumentKind]]) {
    const declared = [...header.matchAll(new RegExp(`  HIGHWATER_${prefix}_([A-Z_0-9]+) = (\\d+)`, 'g'))]
      .filter(([, name]) => name !== 'UNKNOWN').map(([, name, number]) => [name, Number(number)]);
    assert.deepEqual({ ...numbers }, Object.fromEntries(declared));
  }
  // Every name that the types declare is there, and no other.
  const types = readFileSync(new URL('../index.d.ts', import.meta.url), 'utf8');
  const declared = [...types.matchAll(/^export (?:class|const) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(Object.keys(highwater).sort(), declared.sort());
});
