// Compiled, never run: what users write has to be accepted, and what is wrong has to be refused.
import { createServer } from 'node:http';
import { Batch, Documents, Engine, Platform, Request } from 'highwater';
import { InvalidToken, continuousAccess } from 'highwater/middleware';

const engine = new Engine({ settings: { accept_any_tenant: true } });
const version: number = engine.publish('contoso', new Documents().add('a.json', [])).version;
const token = engine.token({ iss: 'https://idp.example' });
const request = new Request({ now: new Date(), address: '203.0.113.7', platform: Platform.LINUX });
request.address = null;
const batch = new Batch(64);
batch.append(token, request);
for (const decision of engine.decideBatch(batch)) {
  const outcome: 'allow' | 'challenge' | 'deny' = decision.outcome;
  const header: string | null = decision.header(token, request, { acrs: { value: 'c1' } });
  console.log(outcome, header, version);
}
const access = continuousAccess({
  engine,
  verify: async (raw) => {
    if (raw === '') throw new InvalidToken();
    return { iss: raw };
  },
});
createServer((incoming, outgoing) => void access(incoming, outgoing, () => outgoing.end()));

// @ts-expect-error a request has no such member
new Request({ planet: 'mars' });
// @ts-expect-error a token is made by an engine
engine.decide({}, request);
// @ts-expect-error a decision is not changed
engine.decide(token, request).allowed = true;
