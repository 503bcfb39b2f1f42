// The client of @modelcontextprotocol/sdk, which knows the revisions up to 2025-11-25. Its argument is
// the transport: http, which streams, or sse, as of 2024-11-05.

import { capabilities, ears, info, options, packages, tour, url } from "./tour.mjs";

const { Client } = packages("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = packages("@modelcontextprotocol/sdk/client/streamableHttp.js");
const { SSEClientTransport } = packages("@modelcontextprotocol/sdk/client/sse.js");
const types = packages("@modelcontextprotocol/sdk/types.js");

const schemas = {
  "sampling/createMessage": types.CreateMessageRequestSchema,
  "elicitation/create": types.ElicitRequestSchema,
  "notifications/message": types.LoggingMessageNotificationSchema,
  "notifications/resources/updated": types.ResourceUpdatedNotificationSchema,
};

const sse = process.argv[2] === "sse";
const client = new Client(info, { capabilities });
const heard = ears({
  request: (method, answer) => client.setRequestHandler(schemas[method], answer),
  notification: (method, hear) => client.setNotificationHandler(schemas[method], hear),
});

let version;
const transport = sse
  ? new SSEClientTransport(url, options)
  : new StreamableHTTPClientTransport(url, options);
// The only place where this SDK tells its transport, and nobody else, what was agreed.
const tell = transport.setProtocolVersion?.bind(transport);
transport.setProtocolVersion = (agreed) => {
  version = agreed;
  tell?.(agreed);
};

await tour(client, transport, heard, {
  call: (params, more) => client.callTool(params, undefined, more),
  version: () => version,
  sse,
});
