// Prints `node<TAB>nanoseconds per decision, single<TAB>the same in batches of 64`. The answers are
// checked before anything is measured; each figure is the best of several rounds. The request is
// that of ffi/benches/cost.h.
import assert from 'node:assert/strict';

import { Batch, Documents, Engine, Request } from './src/index.js';
import { NOW, OFFICE_ONLY, TENANT, claims } from './tests/tenant.js';

const [ROUNDS, CALLS, SIZE] = [7, 200_000, 64];

const engine = new Engine();
engine.publish(TENANT, new Documents().add('policies.json', OFFICE_ONLY));
const token = engine.token(claims());
const request = new Request({ now: NOW, address: '203.0.113.7' });
const batch = new Batch(SIZE);
for (let index = 0; index < SIZE; index += 1) batch.append(token, request);
assert.equal(engine.decide(token, request).allowed, true);
assert.equal(engine.decide(token, new Request({ now: NOW, address: '198.51.100.9' })).allowed, false);

/** Nanoseconds per decision in the best round. */
function best(calls, perCall, decide) {
  let fastest = Infinity;
  for (let round = 0; round < ROUNDS; round += 1) {
    const started = process.hrtime.bigint();
    let allowed = 0;
    for (let call = 0; call < calls; call += 1) allowed += decide();
    const taken = Number(process.hrtime.bigint() - started);
    assert.equal(allowed, calls * perCall);
    fastest = Math.min(fastest, taken / (calls * perCall));
  }
  return fastest.toFixed(1);
}

const single = best(CALLS, 1, () => (engine.decide(token, request).allowed ? 1 : 0));
const batched = best(Math.floor(CALLS / SIZE), SIZE, () => {
  const decisions = engine.decideBatch(batch);
  let allowed = 0;
  for (let index = 0; index < SIZE; index += 1) allowed += decisions.isAllowed(index) ? 1 : 0;
  return allowed;
});
console.log(`node\t${single}\t${batched}`);
