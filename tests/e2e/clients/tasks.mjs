// Makes tasks, and asks for those that TASKS names, with the client of the TypeScript SDK v1. Prints what it
// got, or which error, as one line.

import { createRequire } from "node:module";
import { join } from "node:path";

// The packages are installed outside of the sources: NODE_PACKAGES names the directory.
const packages = createRequire(join(process.env.NODE_PACKAGES, "package.json"));

const { Client } = packages("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = packages("@modelcontextprotocol/sdk/client/streamableHttp.js");
const { CallToolResultSchema } = packages("@modelcontextprotocol/sdk/types.js");

const url = new URL(process.env.URL);
const options = { requestInit: { headers: { Authorization: `Bearer ${process.env.TOKEN}` } } };
const client = new Client({ name: "tasks", version: "1" });
await client.connect(new StreamableHTTPClientTransport(url, options));
await client.listTools();
const { tasks } = client.experimental;

const tried = async (what) => {
  try {
    return await what();
  } catch (error) {
    return { code: error.code, message: error.message };
  }
};

const made = {};
for (const name of JSON.parse(process.env.TOOLS)) {
  const events = [];
  for await (const event of tasks.callToolStream({ name, arguments: {} }, undefined, { task: { ttl: 60000 } })) {
    events.push(event.type);
    if (event.type === "taskCreated") {
      made[name] = { id: event.task.taskId };
      // Such a task has no end that could be waited for.
      if (name === "endless") break;
    }
    if (event.type === "result") made[name].text = event.result.content[0].text;
    if (event.type === "error") made[name] = { error: event.error.message };
  }
  made[name].events = events;
}

const asked = {};
for (const id of JSON.parse(process.env.TASKS))
  asked[id] = {
    get: await tried(async () => (await tasks.getTask(id)).status),
    result: await tried(async () => (await tasks.getTaskResult(id, CallToolResultSchema)).content[0].text),
    cancel: await tried(async () => (await tasks.cancelTask(id)).status),
  };

if (made.endless) made.endless.cancelled = await tried(async () => (await tasks.cancelTask(made.endless.id)).status);
const listed = await tried(async () => (await tasks.listTasks()).tasks.map(({ taskId }) => taskId));
await client.close();
process.stdout.write(`${JSON.stringify({ made, asked, listed })}\n`);
