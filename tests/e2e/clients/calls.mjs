// Lists tools and makes the calls that CALLS names, with the client of either version of the SDK: its argument
// is v1 or v2. Prints what it got, or why it would not take it, as one line.

import { createRequire } from "node:module";
import { join } from "node:path";

// The packages are installed outside of the sources: NODE_PACKAGES names the directory.
const packages = createRequire(join(process.env.NODE_PACKAGES, "package.json"));

const url = new URL(process.env.GATE_URL);
const options = { requestInit: { headers: { Authorization: `Bearer ${process.env.GATE_TOKEN}` } } };
const info = { name: "calls", version: "1" };

function made(version) {
  if (version === "v1") {
    const { Client } = packages("@modelcontextprotocol/sdk/client/index.js");
    const { StreamableHTTPClientTransport } = packages("@modelcontextprotocol/sdk/client/streamableHttp.js");
    const client = new Client(info);
    return [client, new StreamableHTTPClientTransport(url, options), (params) => client.callTool(params)];
  }
  const { Client, StreamableHTTPClientTransport } = packages("@modelcontextprotocol/client");
  const client = new Client(info, { versionNegotiation: { mode: "auto" } });
  return [client, new StreamableHTTPClientTransport(url, options), (params) => client.callTool(params)];
}

const [client, transport, call] = made(process.argv[2]);
await client.connect(transport);
// The client checks results by the output schemas that it finds here.
const { tools } = await client.listTools();
const results = [];
for (const [name, args] of JSON.parse(process.env.CALLS)) {
  try {
    results.push(await call({ name, arguments: args }));
  } catch (error) {
    results.push({ failed: String(error) });
  }
}
await client.close();
process.stdout.write(`${JSON.stringify({ tools: tools.map(({ name }) => name), results })}\n`);
