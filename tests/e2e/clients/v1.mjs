// The client of @modelcontextprotocol/sdk, which knows the revisions up to 2025-11-25.

import { options, packages, tell, url } from "./story.mjs";

const { Client } = packages("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = packages("@modelcontextprotocol/sdk/client/streamableHttp.js");

await tell(
  new Client({ name: "v1", version: "1" }),
  new StreamableHTTPClientTransport(url, options),
  (client, params, more) => client.callTool(params, undefined, more),
);
