// The server of everything.py on the first version of the TypeScript SDK: same names, same words.
//
//     NODE_PACKAGES=... node everything-v1.mjs /path/of/the.sock        streamable HTTP
//     NODE_PACKAGES=... node everything-v1.mjs /path/of/the.sock sse    HTTP+SSE as of 2024-11-05
//
// It knows the revisions up to 2025-11-25, so it is what a client that may choose must fall back to.

import { randomUUID } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { HERE, NOTE, QUESTION, RETRY, SOCKET, Store, body, packages } from "./parts.mjs";

const { Server } = packages("@modelcontextprotocol/sdk/server/index.js");
const { SSEServerTransport } = packages("@modelcontextprotocol/sdk/server/sse.js");
const { StreamableHTTPServerTransport } = packages("@modelcontextprotocol/sdk/server/streamableHttp.js");
const types = packages("@modelcontextprotocol/sdk/types.js");

let note = "blank";
// What tells those that watch the note.
const watching = new Set();

const text = (said) => ({ content: [{ type: "text", text: said }] });

// Of each tool: the arguments that it takes, and what it does. `session` is the client's.
const TOOLS = {
  get_weather: [["city"], ({ city }) => text(`sunny in ${city}`)],

  slow: [
    ["ticket"],
    async ({ ticket }, session) => {
      for (const done of [0, 50, 100]) {
        await session.progress(done, 100);
        while (!existsSync(join(HERE, `${ticket}-${done}`))) await pause(10);
      }
      return text("done");
    },
  ],

  log: [
    [],
    async (_, session) => {
      await session.notify("notifications/message", { level: "info", data: "one" });
      await session.notify("notifications/message", { level: "warning", data: { two: 2 } });
      return text("logged");
    },
  ],

  ask_model: [
    [],
    async (_, session) => {
      const asked = { role: "user", content: { type: "text", text: QUESTION } };
      const request = { method: "sampling/createMessage", params: { messages: [asked], maxTokens: 100 } };
      const said = await session.ask(request, types.CreateMessageResultSchema);
      return text(`the model says: ${said.content.text}`);
    },
  ],

  ask_user: [
    [],
    async (_, session) => {
      const requestedSchema = {
        type: "object",
        properties: { answer: { type: "string" } },
        required: ["answer"],
      };
      const request = { method: "elicitation/create", params: { message: QUESTION, requestedSchema } };
      const said = await session.ask(request, types.ElicitResultSchema);
      return text(`the user says: ${said.action === "accept" ? said.content.answer : said.action}`);
    },
  ],

  write: [
    ["text"],
    async ({ text: wanted }) => {
      note = wanted;
      await Promise.all([...watching].map((tell) => tell()));
      return text("written");
    },
  ],

  linger: [
    ["ticket"],
    async ({ ticket }, session) => {
      await session.progress(0, 1);
      writeFileSync(join(HERE, `${ticket}.begun`), "");
      try {
        await pause(60_000, undefined, { signal: session.signal });
      } catch (error) {
        writeFileSync(join(HERE, ticket), "");
        throw error;
      }
      return text("undisturbed");
    },
  ],

  part: [
    [],
    async (_, session) => {
      await session.progress(0, 2);
      session.closeStream();
      await session.progress(1, 2);
      return text("met again");
    },
  ],
};

const schema = (names) => ({
  type: "object",
  properties: Object.fromEntries(names.map((name) => [name, { type: "string" }])),
  required: names,
});

function build() {
  const server = new Server(
    { name: "everything", version: "1" },
    { capabilities: { tools: {}, logging: {}, resources: { subscribe: true } } },
  );
  const tell = () => server.sendResourceUpdated({ uri: NOTE });
  server.setRequestHandler(types.ListToolsRequestSchema, () => ({
    tools: Object.entries(TOOLS).map(([name, [takes]]) => ({ name, inputSchema: schema(takes) })),
  }));
  server.setRequestHandler(types.CallToolRequestSchema, ({ params }, extra) => {
    const notify = (method, more) => extra.sendNotification({ method, params: more });
    const progressToken = extra._meta?.progressToken;
    const session = {
      notify,
      ask: extra.sendRequest,
      signal: extra.signal,
      closeStream: () => extra.closeSSEStream?.(),
      progress: async (progress, total) =>
        progressToken === undefined || notify("notifications/progress", { progressToken, progress, total }),
    };
    return TOOLS[params.name][1](params.arguments, session);
  });
  server.setRequestHandler(types.ListResourcesRequestSchema, () => ({
    resources: [{ uri: NOTE, name: "changing" }],
  }));
  server.setRequestHandler(types.ReadResourceRequestSchema, () => ({ contents: [{ uri: NOTE, text: note }] }));
  server.setRequestHandler(types.SubscribeRequestSchema, () => (watching.add(tell), {}));
  server.setRequestHandler(types.UnsubscribeRequestSchema, () => (watching.delete(tell), {}));
  server.onclose = () => watching.delete(tell);
  return server;
}

const sessions = new Map();

async function streamable(request, response) {
  const message = await body(request);
  let session = sessions.get(request.headers["mcp-session-id"]);
  if (!session) {
    session = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => sessions.set(id, session),
      eventStore: new Store(),
      retryInterval: RETRY,
    });
    await build().connect(session);
  }
  // A new one refuses whatever does not begin a session.
  return session.handleRequest(request, response, message);
}

async function sse(request, response) {
  if (request.method === "GET") {
    const session = new SSEServerTransport("/messages", response);
    sessions.set(session.sessionId, session);
    return build().connect(session);
  }
  const { searchParams } = new URL(request.url, "http://localhost");
  const session = sessions.get(searchParams.get("sessionId"));
  return session ? session.handlePostMessage(request, response) : response.writeHead(404).end();
}

createServer(process.argv[3] === "sse" ? sse : streamable).listen(SOCKET);
