// A server of the TypeScript SDK (v1: the revisions up to 2025-11-25) with all that the suite asks for then.
//
//     node everything.mjs NODE_MODULES /path/of/the.sock PORT
//
// serves the same server in clear on a unix socket and on a loopback port.

import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";

const [modules, socket, port] = process.argv.slice(2);
const packages = createRequire(join(modules, "..", "package.json"));
const { Server } = packages("@modelcontextprotocol/sdk/server/index.js");
const { StreamableHTTPServerTransport } = packages("@modelcontextprotocol/sdk/server/streamableHttp.js");
const { createMcpExpressApp } = packages("@modelcontextprotocol/sdk/server/express.js");
const sdk = packages("@modelcontextprotocol/sdk/types.js");

// Between two steps of a tool, so that they are seen to arrive one by one.
const STEP = 50;

// --- content

// One red pixel, and a second of nothing without the second.
const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
const WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

const text = (words) => ({ type: "text", text: words });
const image = { type: "image", data: PNG, mimeType: "image/png" };
const audio = { type: "audio", data: WAV, mimeType: "audio/wav" };
const embedded = (uri, mimeType, words) => ({ type: "resource", resource: { uri, mimeType, text: words } });

// --- tools: what each wants, and what it does

const object = (properties = {}, required = Object.keys(properties)) => ({
  type: "object",
  properties,
  required,
});
const string = { type: "string" };

const titled = (...titles) => titles.map((title, i) => ({ const: `value${i + 1}`, title }));

const FORMS = {
  plain: object({ response: { type: "string", description: "User's response" } }),
  defaults: object(
    {
      name: { type: "string", default: "John Doe" },
      age: { type: "integer", default: 30 },
      score: { type: "number", default: 95.5 },
      status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
      verified: { type: "boolean", default: true },
    },
    [],
  ),
  choices: object(
    {
      untitledSingle: { type: "string", enum: ["option1", "option2", "option3"] },
      titledSingle: { type: "string", oneOf: titled("First Option", "Second Option", "Third Option") },
      legacyEnum: {
        type: "string",
        enum: ["opt1", "opt2", "opt3"],
        enumNames: ["Option One", "Option Two", "Option Three"],
      },
      untitledMulti: { type: "array", items: { type: "string", enum: ["option1", "option2", "option3"] } },
      titledMulti: {
        type: "array",
        items: { anyOf: titled("First Choice", "Second Choice", "Third Choice") },
      },
    },
    [],
  ),
};

// The answers to these come on the stream of the call.
async function elicit(extra, message, requestedSchema) {
  const asked = { method: "elicitation/create", params: { message, requestedSchema } };
  const { action, content = {} } = await extra.sendRequest(asked, sdk.ElicitResultSchema);
  return [text(`User response: action=${action}, content=${JSON.stringify(content)}`)];
}

async function sample(extra, prompt) {
  const messages = [{ role: "user", content: text(prompt) }];
  const asked = { method: "sampling/createMessage", params: { messages, maxTokens: 100 } };
  const { content } = await extra.sendRequest(asked, sdk.CreateMessageResultSchema);
  return [text(`LLM response: ${content.text}`)];
}

async function log(extra) {
  for (const data of ["Tool execution started", "Tool processing data", "Tool execution completed"]) {
    await extra.sendNotification({ method: "notifications/message", params: { level: "info", data } });
    await after(STEP);
  }
  return [text("It is all in the log.")];
}

async function progress(extra) {
  const progressToken = extra._meta?.progressToken;
  for (const step of progressToken === undefined ? [] : [0, 50, 100]) {
    const params = { progressToken, progress: step, total: 100, message: `Completed step ${step} of 100` };
    await extra.sendNotification({ method: "notifications/progress", params });
    await after(STEP);
  }
  return [text("All of it is done.")];
}

async function reconnect(extra) {
  // Else the stream would be over before the event that opens it is out.
  await after(STEP);
  sessions.get(extra.sessionId).closeSSEStream(extra.requestId);
  await after(4 * STEP);
  return [text("Reconnection test completed.")];
}

const NEW_WORDS = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  $defs: { address: { $anchor: "addressDef", type: "object", properties: { street: string, city: string } } },
  properties: {
    name: string,
    address: { $ref: "#/$defs/address" },
    contactMethod: { type: "string", enum: ["phone", "email"] },
    phone: string,
    email: string,
  },
  allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
  if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
  then: { required: ["phone"] },
  else: { required: ["email"] },
  additionalProperties: false,
};

const TOOLS = {
  test_simple_text: [object(), () => [text("This is a simple text response for testing.")]],
  test_image_content: [object(), () => [image]],
  test_audio_content: [object(), () => [audio]],
  test_embedded_resource: [
    object(),
    () => [embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")],
  ],
  test_multiple_content_types: [
    object(),
    () => [
      text("Multiple content types test:"),
      image,
      embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
    ],
  ],
  test_tool_with_logging: [object(), (_, extra) => log(extra)],
  test_tool_with_progress: [object(), (_, extra) => progress(extra)],
  test_reconnection: [object(), (_, extra) => reconnect(extra)],
  test_sampling: [object({ prompt: string }), ({ prompt }, extra) => sample(extra, prompt)],
  test_elicitation: [object({ message: string }), ({ message }, extra) => elicit(extra, message, FORMS.plain)],
  test_elicitation_sep1034_defaults: [
    object(),
    (_, extra) => elicit(extra, "Please review the form", FORMS.defaults),
  ],
  test_elicitation_sep1330_enums: [object(), (_, extra) => elicit(extra, "Please choose", FORMS.choices)],
  json_schema_2020_12_tool: [NEW_WORDS, () => [text("It is the schema that matters.")]],
  test_error_handling: [
    object(),
    () => {
      throw new Error("This tool intentionally returns an error for testing");
    },
  ],
};

async function call({ params }, extra) {
  if (!Object.hasOwn(TOOLS, params.name)) {
    throw new sdk.McpError(sdk.ErrorCode.InvalidParams, `Unknown tool: ${params.name}`);
  }
  try {
    return { content: await TOOLS[params.name][1](params.arguments ?? {}, extra) };
  } catch (error) {
    return { content: [text(error.message)], isError: true };
  }
}

// --- resources

const RESOURCES = {
  "test://static-text": ["text/plain", { text: "This is the content of the static text resource." }],
  "test://static-binary": ["image/png", { blob: PNG }],
  "test://watched-resource": ["text/plain", { text: "Watched resource content" }],
};
const TEMPLATE = { name: "template", uriTemplate: "test://template/{id}/data", mimeType: "application/json" };

function read({ params: { uri } }) {
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (id !== undefined) {
    const found = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` });
    return { contents: [{ uri, mimeType: TEMPLATE.mimeType, text: found }] };
  }
  if (!Object.hasOwn(RESOURCES, uri)) {
    throw new sdk.McpError(-32002, "Resource not found", { uri });
  }
  const [mimeType, content] = RESOURCES[uri];
  return { contents: [{ uri, mimeType, ...content }] };
}

// --- prompts: the names of their arguments, and what they say

const PROMPTS = {
  test_simple_prompt: [[], () => [text("This is a simple prompt for testing.")]],
  test_prompt_with_arguments: [
    ["arg1", "arg2"],
    ({ arg1, arg2 }) => [text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
  ],
  test_prompt_with_embedded_resource: [
    ["resourceUri"],
    ({ resourceUri }) => [
      embedded(resourceUri, "text/plain", "Embedded resource content for testing."),
      text("Please process the embedded resource above."),
    ],
  ],
  test_prompt_with_image: [[], () => [image, text("Please analyze the image above.")]],
};

function prompt({ params }) {
  if (!Object.hasOwn(PROMPTS, params.name)) {
    throw new sdk.McpError(sdk.ErrorCode.InvalidParams, `Unknown prompt: ${params.name}`);
  }
  const contents = PROMPTS[params.name][1](params.arguments ?? {});
  return { messages: contents.map((content) => ({ role: "user", content })) };
}

// --- the protocol

function described(name) {
  return { name, description: name.replaceAll("_", " ") };
}

function makeServer() {
  const capabilities = {
    tools: {},
    resources: { subscribe: true },
    prompts: {},
    logging: {},
    completions: {},
  };
  const server = new Server({ name: "everything", version: "1" }, { capabilities });
  const answers = new Map([
    [
      sdk.ListToolsRequestSchema,
      () => ({
        tools: Object.entries(TOOLS).map(([name, [inputSchema]]) => ({ ...described(name), inputSchema })),
      }),
    ],
    [sdk.CallToolRequestSchema, call],
    [
      sdk.ListResourcesRequestSchema,
      () => ({
        resources: Object.entries(RESOURCES).map(([uri, [mimeType]]) => ({ uri, name: uri, mimeType })),
      }),
    ],
    [sdk.ListResourceTemplatesRequestSchema, () => ({ resourceTemplates: [TEMPLATE] })],
    [sdk.ReadResourceRequestSchema, read],
    [sdk.SubscribeRequestSchema, () => ({})],
    [sdk.UnsubscribeRequestSchema, () => ({})],
    [
      sdk.ListPromptsRequestSchema,
      () => ({
        prompts: Object.entries(PROMPTS).map(([name, [names]]) => ({
          ...described(name),
          arguments: names.map((one) => ({ name: one, required: true })),
        })),
      }),
    ],
    [sdk.GetPromptRequestSchema, prompt],
    [sdk.CompleteRequestSchema, () => ({ completion: { values: [], total: 0, hasMore: false } })],
  ]);
  for (const [schema, answer] of answers) server.setRequestHandler(schema, answer);
  return server;
}

// --- HTTP

const sessions = new Map();

// Every event of one session, for those who come back for it.
function makeMemory() {
  const kept = [];
  return {
    async storeEvent(stream, message) {
      kept.push([stream, message]);
      return String(kept.length);
    },
    async replayEventsAfter(last, { send }) {
      const [stream] = kept[Number(last) - 1];
      for (let i = Number(last); i < kept.length; i += 1) {
        const [of, message] = kept[i];
        // What only opened the stream is an empty message.
        if (of === stream && Object.keys(message).length > 0) await send(String(i + 1), message);
      }
      return stream;
    },
  };
}

async function open() {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    eventStore: makeMemory(),
    retryInterval: 100,
    onsessioninitialized: (id) => sessions.set(id, transport),
    onsessionclosed: (id) => sessions.delete(id),
  });
  await makeServer().connect(transport);
  return transport;
}

// It looks at Host by itself.
const app = createMcpExpressApp();
app.all("/mcp", async (request, response) => {
  const id = request.headers["mcp-session-id"];
  // Without a session there is only initialize: the transport refuses what is not.
  const transport = id === undefined ? await open() : sessions.get(id);
  if (transport === undefined) {
    const error = { code: -32001, message: "Session not found" };
    response.status(404).json({ jsonrpc: "2.0", id: null, error });
  } else {
    await transport.handleRequest(request, response, request.body);
  }
});
app.listen(socket);
app.listen(Number(port), "127.0.0.1");
