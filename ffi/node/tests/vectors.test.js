// Every vector through Node: as JSON byte for byte, and through tokens, requests and batches.
// HIGHWATER_VECTORS names what `cargo run -p highwater-tests --bin vectors` wrote.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Batch, Device, Documents, Engine, Request, Resource } from '../src/index.js';

const cases = readFileSync(process.env.HIGHWATER_VECTORS, 'utf8').trim().split('\n').map((line) => JSON.parse(line));

function start(vector) {
  const documents = new Documents();
  for (const { kind, name, text } of vector.documents) documents.add(name, text, kind);
  const engine = new Engine(vector.options);
  engine.publish(vector.tenant, documents, vector.settings);
  return engine;
}

const request = (parts) => new Request({
  now: parts.now, address: parts.address, authenticationContext: parts.authentication_context,
  resource: parts.resource === null ? null : new Resource(parts.resource),
  device: parts.device === null ? null : new Device(parts.device),
  country: parts.country, platform: parts.platform, clientAppType: parts.client_app_type,
  compliantNetwork: [null, false, true][parts.compliant_network] });

function check(step, decision, token) {
  const answer = JSON.parse(step.answer);
  assert.equal(decision.outcome, answer.decision);
  assert.equal(decision.allowed, answer.decision === 'allow');
  assert.equal(decision.status, answer.status);
  assert.deepEqual(decision.reasons, answer.reasons);
  assert.equal(decision.policyCount, answer.policies.length);
  assert.equal(decision.uncovered, answer.uncovered ?? false);
  assert.equal(decision.degraded, answer.degraded ?? false);
  assert.equal(decision.header(token, request(step.parts)), answer.www_authenticate ?? null);
}

test('the corpus is there', () => assert.ok(cases.length >= 100, `${cases.length} cases`));

for (const vector of cases) {
  test(vector.name, () => {
    const [answering, explaining, single, batched] = [0, 1, 2, 3].map(() => start(vector));
    const batch = new Batch(vector.steps.length);
    let waiting = [];
    const decide = () => {
      const decisions = engineDecisions();
      waiting.forEach(([step, token], index) => check(step, decisions.at(index), token));
      batch.clear();
      waiting = [];
    };
    const engineDecisions = () => batched.decideBatch(batch);
    for (const step of vector.steps) {
      if (step.event !== undefined) {
        decide();
        for (const engine of [answering, explaining, single, batched]) engine.apply(step.event);
      } else if (step.error !== null) {
        assert.throws(() => answering.answer(step.request), (error) => {
          assert.deepEqual({ message: error.detail, path: error.path }, step.error);
          return true;
        });
      } else {
        assert.equal(answering.answer(step.request), step.answer);
        assert.equal(explaining.answerAndExplain(step.request), step.explanation);
        const token = single.token(step.parts.claims);
        check(step, single.decide(token, request(step.parts)), token);
        const other = batched.token(step.parts.claims);
        batch.append(other, request(step.parts));
        waiting.push([step, other]);
      }
    }
    decide();
  });
}
