// @microsoft/microsoft-graph-client, the Microsoft Graph SDK for JavaScript. It shows its
// application the 401. `handed` is what an application can do about it: take the claims out of
// the raw response, and ask again with a provider that passes them to the credential.

import readline from "node:readline";
import { AuthenticationHandlerOptions, Client, ResponseType } from "@microsoft/microsoft-graph-client";
import { TokenCredentialAuthenticationProvider } from "@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials/index.js";

import { credential, scope, url } from "./credential.mjs";

const provider = (getTokenOptions) =>
  new TokenCredentialAuthenticationProvider(credential, { scopes: [scope], getTokenOptions });
const client = Client.initWithMiddleware({
  authProvider: provider(undefined),
  baseUrl: url,
  customHosts: new Set(["localhost"]),
});

async function me() {
  const user = await client.api("/me").get();
  return user.path === "/v1.0/me" ? 200 : JSON.stringify(user);
}

// Errors have the headers only where the body is Graph's; the raw response always has them.
async function handed() {
  const ask = (...options) =>
    client.api("/me").middlewareOptions(options).responseType(ResponseType.RAW).get();
  const answer = await ask();
  const challenge = answer.headers.get("www-authenticate") ?? "";
  const found = challenge.match(/error="insufficient_claims".* claims="([^"]+)"/);
  if (answer.status !== 401 || !found) return answer.status;
  const claims = Buffer.from(found[1], "base64").toString();
  return (await ask(new AuthenticationHandlerOptions(provider({ claims })))).status;
}

const call = { plain: me, handed }[process.argv[2]];
for await (const _ of readline.createInterface({ input: process.stdin })) {
  try {
    console.log(JSON.stringify(await call()));
  } catch (error) {
    console.log(JSON.stringify(error.statusCode ?? `${error.name}: ${error.message}`));
  }
}
