// What obtains.py does, with the client of @modelcontextprotocol/client.

import { createRequire } from "node:module";
import { join } from "node:path";

// The packages are installed outside of the sources: NODE_PACKAGES names the directory.
const packages = createRequire(join(process.env.NODE_PACKAGES, "package.json"));
const { Client, ClientCredentialsProvider, StreamableHTTPClientTransport } = packages("@modelcontextprotocol/client");

const { GATE_URL, ERA, CLIENT_ID, CLIENT_SECRET, ISSUER, CALLS } = process.env;

const authProvider = new ClientCredentialsProvider({
  clientId: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
  expectedIssuer: ISSUER,
});
const scopes = [];
const save = authProvider.saveTokens.bind(authProvider);
authProvider.saveTokens = (tokens) => {
  scopes.push(tokens.scope ?? null);
  save(tokens);
};

const mode = ERA === "auto" || ERA === "legacy" ? ERA : { pin: ERA };
const client = new Client({ name: "obtains", version: "1" }, { versionNegotiation: { mode } });
await client.connect(new StreamableHTTPClientTransport(new URL(GATE_URL), { authProvider }));
const { tools } = await client.listTools();
const answers = [];
for (const [name, args] of JSON.parse(CALLS)) {
  const { content } = await client.callTool({ name, arguments: args });
  answers.push(content.map(({ text }) => text).join(""));
}
await client.close();
process.stdout.write(`${JSON.stringify({ tools: tools.map(({ name }) => name), answers, scopes })}\n`);
