// One call of a TypeScript client that a rule holds: what its user was asked, what it heard, what came of it.
//
//     node held.mjs v1|v2 ERA ACTION TOOL CITY      ACTION: what the user does when asked; or none, without forms

import { options, packages, url } from "./story.mjs";

const [sdk, era, action, name, city] = process.argv.slice(2);
const info = { name: "held", version: "1" };
const capabilities = action === "none" ? {} : { elicitation: { form: {} } };
const asked = [];
const heard = [];
const answer = ({ params }) => {
  asked.push(params.message);
  return action === "accept" ? { action, content: {} } : { action };
};
let client;
let call;
let transport;
if (sdk === "v1") {
  const { Client } = packages("@modelcontextprotocol/sdk/client/index.js");
  const { StreamableHTTPClientTransport } = packages("@modelcontextprotocol/sdk/client/streamableHttp.js");
  client = new Client(info, { capabilities: {} });
  transport = new StreamableHTTPClientTransport(url, options);
  call = (params, more) => client.callTool(params, undefined, more);
} else {
  const { Client, StreamableHTTPClientTransport } = packages("@modelcontextprotocol/client");
  const mode = era === "legacy" ? era : { pin: era };
  client = new Client(info, { capabilities, versionNegotiation: { mode } });
  if (action !== "none") client.setRequestHandler("elicitation/create", answer);
  transport = new StreamableHTTPClientTransport(url, options);
  call = (params, more) => client.callTool(params, more);
}
let told;
try {
  await client.connect(transport);
  const onprogress = ({ progress, message }) => heard.push([progress, message ?? ""]);
  const result = await call({ name, arguments: { city } }, { onprogress });
  told = { text: result.content[0].text, isError: result.isError ?? false };
  await client.close();
} catch (error) {
  told = { failed: String(error) };
}
process.stdout.write(`${JSON.stringify({ ...told, asked, heard })}\n`);
