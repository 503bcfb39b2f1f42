// The server of everything.py on the TypeScript SDK: same names, same words.
//
//     NODE_PACKAGES=... node everything.mjs /path/of/the.sock        streamable HTTP, both eras
//     NODE_PACKAGES=... node everything.mjs /path/of/the.sock sse    HTTP+SSE as of 2024-11-05
//
// The second is the SDK's first version, the last that has it; its server does less.

import { randomUUID } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const packages = createRequire(join(process.env.NODE_PACKAGES, "package.json"));

const [, , SOCKET, transport] = process.argv;
const HERE = dirname(SOCKET);
const NOTE = "note://changing";
const QUESTION = "How is the weather?";

// Milliseconds after which a client comes back to a stream that we closed.
const RETRY = 100;

let note = "blank";
// What tells those that watch the note: sessions of the legacy era, and the modern era's own.
const watching = new Set();

const text = (said) => ({ content: [{ type: "text", text: said }] });
const asked = { messages: [{ role: "user", content: { type: "text", text: QUESTION } }], maxTokens: 100 };
const form = {
  message: QUESTION,
  requestedSchema: { type: "object", properties: { answer: { type: "string" } }, required: ["answer"] },
};

async function body(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return pieces.length ? JSON.parse(Buffer.concat(pieces)) : undefined;
}

// What was sent, so that a client which comes back gets the rest of its stream.
class Store {
  sent = [];
  async storeEvent(stream, message) {
    return String(this.sent.push({ stream, message }));
  }
  async getStreamIdForEventId(id) {
    return this.sent[id - 1]?.stream;
  }
  async replayEventsAfter(last, { send }) {
    const { stream } = this.sent[last - 1];
    for (const [place, event] of this.sent.entries())
      // A priming event is an id and nothing to say.
      if (place >= last && event.stream === stream && event.message.jsonrpc)
        await send(String(place + 1), event.message);
    return stream;
  }
}

// --- streamable HTTP ---------------------------------------------------------------------------------

function both() {
  const { McpServer, createMcpHandler, fromJsonSchema, inputRequired, isLegacyRequest } = packages(
    "@modelcontextprotocol/server",
  );
  const { NodeStreamableHTTPServerTransport, toNodeHandler, toWebRequest } = packages("@modelcontextprotocol/node");

  const schema = (...names) =>
    fromJsonSchema({
      type: "object",
      properties: Object.fromEntries(names.map((name) => [name, { type: "string" }])),
      required: names,
    });

  function build({ era }) {
    const server = new McpServer(
      { name: "everything", version: "1" },
      { capabilities: { logging: {}, resources: { subscribe: true } } },
    );
    const tool = (name, takes, run) => server.registerTool(name, { inputSchema: schema(...takes) }, run);
    const progress = async (ctx, done, total) => {
      const progressToken = ctx.mcpReq._meta?.progressToken;
      if (progressToken !== undefined)
        await ctx.mcpReq.notify({
          method: "notifications/progress",
          params: { progressToken, progress: done, total },
        });
    };

    tool("get_weather", ["city"], ({ city }) => text(`sunny in ${city}`));

    tool("slow", ["ticket"], async ({ ticket }, ctx) => {
      await progress(ctx, 0, 100);
      while (!existsSync(join(HERE, ticket))) await pause(10);
      await progress(ctx, 50, 100);
      await progress(ctx, 100, 100);
      return text("done");
    });

    tool("log", [], async (_, ctx) => {
      await ctx.mcpReq.log("info", "one");
      await ctx.mcpReq.log("warning", { two: 2 });
      return text("logged");
    });

    tool("ask_model", [], async (_, ctx) => {
      const said = era === "legacy" ? await ctx.mcpReq.requestSampling(asked) : ctx.mcpReq.inputResponses?.model;
      if (said === undefined)
        return inputRequired({
          inputRequests: { model: inputRequired.createMessage(asked) },
          requestState: "asked",
        });
      return text(`the model says: ${said.content.text}`);
    });

    tool("ask_user", [], async (_, ctx) => {
      const said = era === "legacy" ? await ctx.mcpReq.elicitInput(form) : ctx.mcpReq.inputResponses?.user;
      if (said === undefined)
        return inputRequired({ inputRequests: { user: inputRequired.elicit(form) }, requestState: "asked" });
      return text(`the user says: ${said.action === "accept" ? said.content.answer : said.action}`);
    });

    server.registerResource("changing", NOTE, {}, () => ({ contents: [{ uri: NOTE, text: note }] }));

    tool("write", ["text"], async ({ text: wanted }) => {
      note = wanted;
      await Promise.all([...watching].map((tell) => tell()));
      return text("written");
    });

    tool("linger", ["ticket"], async ({ ticket }, ctx) => {
      await progress(ctx, 0, 1);
      writeFileSync(join(HERE, `${ticket}.begun`), "");
      try {
        await pause(60_000, undefined, { signal: ctx.mcpReq.signal });
      } catch (error) {
        writeFileSync(join(HERE, ticket), "");
        throw error;
      }
      return text("undisturbed");
    });

    tool("part", [], async (_, ctx) => {
      await progress(ctx, 0, 2);
      ctx.http.closeSSE?.();
      await progress(ctx, 1, 2);
      return text("met again");
    });

    if (era === "legacy") {
      const tell = () => server.server.sendResourceUpdated({ uri: NOTE });
      server.server.setRequestHandler("resources/subscribe", () => (watching.add(tell), {}));
      server.server.setRequestHandler("resources/unsubscribe", () => (watching.delete(tell), {}));
      server.server.onclose = () => watching.delete(tell);
    }
    return server;
  }

  const modern = createMcpHandler(build, { legacy: "reject" });
  watching.add(() => modern.notify.resourceUpdated(NOTE));
  const answerModern = toNodeHandler(modern);
  const sessions = new Map();

  return async (request, response) => {
    const message = await body(request);
    if (!(await isLegacyRequest(await toWebRequest(request, message), message)))
      return answerModern(request, response, message);
    let session = sessions.get(request.headers["mcp-session-id"]);
    if (!session) {
      if (message?.method !== "initialize") return response.writeHead(404).end();
      session = new NodeStreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (id) => sessions.set(id, session),
        eventStore: new Store(),
        retryInterval: RETRY,
      });
      await build({ era: "legacy" }).connect(session);
    }
    return session.handleRequest(request, response, message);
  };
}

createServer(both()).listen(SOCKET);
