// What the tests share: a tenant with a policy, a user's claims, the present.
import { Documents, Engine, Request } from '../src/index.js';

export const TENANT = 'contoso';
/** Milliseconds since 1970. */
export const NOW = 1_763_760_100_000;

export const OFFICE_ONLY = [
  {
    '@odata.type': '#microsoft.graph.ipNamedLocation',
    id: '0ff1ce00-0000-4000-8000-000000000001', displayName: 'Office', isTrusted: true,
    ipRanges: [{ '@odata.type': '#microsoft.graph.iPv4CidrRange', cidrAddress: '203.0.113.0/24' }],
  },
  {
    id: 'b10c0000-0000-4000-8000-000000000001', displayName: 'Block outside the office', state: 'enabled',
    conditions: {
      users: { includeUsers: ['All'] }, applications: { includeApplications: ['All'] },
      locations: { includeLocations: ['All'], excludeLocations: ['AllTrusted'] },
    },
    grantControls: { operator: 'OR', builtInControls: ['block'] },
  },
];

export const claims = (changes = {}) => ({
  iss: 'https://sts.windows.net/contoso/', tid: TENANT, oid: 'ada', aud: 'api://orders',
  iat: 1_763_759_000, exp: 1_763_762_900, xms_cc: ['cp1'], ...changes });

export const event = (effect) => ({
  time: 1_763_760_070, tenant: TENANT, subject: { user: 'ada' }, effect, source: 'directory' });

export const office = () => new Request({ now: NOW, address: '203.0.113.7' });
export const elsewhere = () => new Request({ now: NOW, address: '198.51.100.9' });

export function started() {
  const engine = new Engine();
  engine.publish(TENANT, new Documents().add('office.json', OFFICE_ONLY));
  return engine;
}
