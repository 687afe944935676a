// What the clients for JavaScript share: where to call, and a credential as an identity library
// has it: ask the issuer once, and again if there are claims.

const { PEERS_URL: url, PEERS_TOKENS: tokens } = process.env;
export { url };
export const scope = "api://orders/.default";

let kept;
export const credential = {
  async getToken(_scopes, options) {
    if (options?.claims || !kept) {
      const query = options?.claims ? `?claims=${encodeURIComponent(options.claims)}` : "";
      const answer = await (await fetch(`${tokens}/token${query}`)).json();
      kept = { token: answer.access_token, expiresOnTimestamp: answer.expires_on * 1000 };
    }
    return kept;
  },
};
