// The server of everything.py on the TypeScript SDK: same names, same words.
//
//     NODE_PACKAGES=... node everything.mjs /path/of/the.sock
//
// It speaks both eras. everything-v1.mjs is on the SDK's first version, which knows one.

import { randomUUID } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { HERE, NOTE, QUESTION, RETRY, SOCKET, Store, body, packages } from "./parts.mjs";

const { McpServer, createMcpHandler, fromJsonSchema, inputRequired, isLegacyRequest } = packages(
  "@modelcontextprotocol/server",
);
const { NodeStreamableHTTPServerTransport, toNodeHandler, toWebRequest } = packages("@modelcontextprotocol/node");

let note = "blank";
// What tells those that watch the note: sessions of the legacy era, and the modern era's own.
const watching = new Set();

const text = (said) => ({ content: [{ type: "text", text: said }] });
const asked = { messages: [{ role: "user", content: { type: "text", text: QUESTION } }], maxTokens: 100 };
const form = {
  message: QUESTION,
  requestedSchema: { type: "object", properties: { answer: { type: "string" } }, required: ["answer"] },
};

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
    for (const done of [0, 50, 100]) {
      await progress(ctx, done, 100);
      while (!existsSync(join(HERE, `${ticket}-${done}`))) await pause(10);
    }
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

createServer(async (request, response) => {
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
}).listen(SOCKET);
