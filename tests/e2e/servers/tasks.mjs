// An MCP server of the TypeScript SDK v1 whose tools make tasks (2025-11-25), in clear on a unix socket.
//
//     NODE_PACKAGES=... node tasks.mjs /path/of/the.sock
//
// All sessions see all tasks, as of one caller: behind a gate an upstream has no other.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";

import { SOCKET, body, packages } from "./parts.mjs";

const { McpServer } = packages("@modelcontextprotocol/sdk/server/mcp.js");
const { StreamableHTTPServerTransport } = packages("@modelcontextprotocol/sdk/server/streamableHttp.js");
const { InMemoryTaskStore, InMemoryTaskMessageQueue } = packages(
  "@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js",
);

class Shared extends InMemoryTaskStore {
  createTask(params, request, message) {
    return super.createTask(params, request, message);
  }
}

const taskStore = new Shared();

// Of each tool: what becomes of its task; null: it goes on until it is cancelled.
const TOOLS = { report: "the report of ann@example.com", secrets: "the secrets", endless: null };

function build() {
  const requests = { tools: { call: {} } };
  const server = new McpServer(
    { name: "tasks", version: "1" },
    {
      capabilities: { tools: {}, tasks: { list: {}, cancel: {}, requests } },
      taskStore,
      taskMessageQueue: new InMemoryTaskMessageQueue(),
    },
  );
  for (const [name, said] of Object.entries(TOOLS)) {
    server.experimental.tasks.registerToolTask(
      name,
      { description: `Makes ${name}.`, execution: { taskSupport: "required" } },
      {
        async createTask({ taskStore: store, taskRequestedTtl }) {
          const task = await store.createTask({ ttl: taskRequestedTtl, pollInterval: 50 });
          if (said !== null)
            await store.storeTaskResult(task.taskId, "completed", {
              content: [{ type: "text", text: said }],
            });
          return { task };
        },
        getTask: ({ taskId, taskStore: store }) => store.getTask(taskId),
        getTaskResult: ({ taskId, taskStore: store }) => store.getTaskResult(taskId),
      },
    );
  }
  return server;
}

const sessions = new Map();

createServer(async (request, response) => {
  const message = await body(request);
  let session = sessions.get(request.headers["mcp-session-id"]);
  if (!session) {
    session = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => sessions.set(id, session),
    });
    await build().connect(session);
  }
  return session.handleRequest(request, response, message);
}).listen(SOCKET);
