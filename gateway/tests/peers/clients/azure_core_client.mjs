// @azure/core-rest-pipeline and @azure/core-client, as every Azure SDK for JavaScript uses them;
// Kiota's adapter with Azure identity, as Microsoft Graph's SDK for JavaScript uses it.

import readline from "node:readline";

import { credential, scope, url } from "./credential.mjs";

async function pipeline(challengeCallbacks) {
  const core = await import("@azure/core-rest-pipeline");
  const pipeline = core.createEmptyPipeline();
  pipeline.addPolicy(
    core.bearerTokenAuthenticationPolicy({ credential, scopes: scope, challengeCallbacks }),
  );
  const client = core.createDefaultHttpClient();
  return async () => {
    const request = core.createPipelineRequest({ url: `${url}/orders` });
    return (await pipeline.sendRequest(client, request)).status;
  };
}

async function kiota() {
  const { AzureIdentityAuthenticationProvider } = await import(
    "@microsoft/kiota-authentication-azure"
  );
  const { FetchRequestAdapter } = await import("@microsoft/kiota-http-fetchlibrary");
  const { HttpMethod, RequestInformation } = await import("@microsoft/kiota-abstractions");
  const provider = new AzureIdentityAuthenticationProvider(
    credential,
    [scope],
    undefined,
    new Set(["localhost"]),
  );
  const adapter = new FetchRequestAdapter(provider);
  return async () => {
    const request = new RequestInformation();
    request.httpMethod = HttpMethod.GET;
    request.URL = `${url}/orders`;
    const body = await adapter.sendPrimitive(request, "ArrayBuffer", undefined);
    const text = new TextDecoder().decode(body);
    return text.includes('"path"') ? 200 : text;
  };
}

const kinds = {
  core: () => pipeline(undefined),
  client: async () => {
    const { authorizeRequestOnClaimChallenge } = await import("@azure/core-client");
    return pipeline({ authorizeRequestOnChallenge: authorizeRequestOnClaimChallenge });
  },
  kiota,
};

const call = await kinds[process.argv[2]]();
for await (const _ of readline.createInterface({ input: process.stdin })) {
  try {
    console.log(JSON.stringify(await call()));
  } catch (error) {
    console.log(JSON.stringify(`${error.name}: ${error.message}`));
  }
}
