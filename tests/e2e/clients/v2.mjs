// The client of @modelcontextprotocol/client. Its argument is the era: legacy, auto, or a revision.

import { options, packages, tell, url } from "./story.mjs";

const { Client, StreamableHTTPClientTransport } = packages("@modelcontextprotocol/client");

const era = process.argv[2];
const mode = era === "auto" || era === "legacy" ? era : { pin: era };

await tell(
  new Client({ name: "v2", version: "1" }, mode === "legacy" ? {} : { versionNegotiation: { mode } }),
  new StreamableHTTPClientTransport(url, options),
  (client, params, more) => client.callTool(params, more),
);
