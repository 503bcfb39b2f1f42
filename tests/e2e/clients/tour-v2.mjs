// The client of @modelcontextprotocol/client. Its argument is the era: legacy, auto, or a revision; or sse,
// the transport as of 2024-11-05, which is legacy.

import { capabilities, ears, info, options, packages, tour, url } from "./tour.mjs";

const { Client, SSEClientTransport, StreamableHTTPClientTransport, LOG_LEVEL_META_KEY } = packages(
  "@modelcontextprotocol/client",
);

const sse = process.argv[2] === "sse";
const era = sse ? "legacy" : process.argv[2];
const mode = era === "auto" || era === "legacy" ? era : { pin: era };
const client = new Client(info, { capabilities, versionNegotiation: { mode } });
const heard = ears({
  request: (method, answer) => client.setRequestHandler(method, answer),
  notification: (method, hear) => client.setNotificationHandler(method, hear),
});

const transport = sse ? new SSEClientTransport(url, options) : new StreamableHTTPClientTransport(url, options);

await tour(client, transport, heard, {
  // In the modern era whoever wants to be told of logs says so with each request.
  call: (params, more) => client.callTool({ ...params, _meta: { [LOG_LEVEL_META_KEY]: "info" } }, more),
  version: () => client.getNegotiatedProtocolVersion(),
  sse,
});
