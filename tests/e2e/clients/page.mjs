// What a page may do with a gate: tries it, and tells its own server what came of it.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const { gate, token } = await (await fetch("/settings")).json();
const proof = { Authorization: `Bearer ${token}` };
const initialize = {
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "page", version: "1" } },
};

// What the page can see of an answer, or how its browser says that it can see nothing.
async function seen(headers) {
  try {
    const answer = await fetch(gate, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json, text/event-stream", ...headers },
      body: JSON.stringify(initialize),
    });
    return {
      status: answer.status,
      session: answer.headers.get("mcp-session-id"),
      challenge: answer.headers.get("www-authenticate"),
      date: answer.headers.get("date"),
      body: await answer.text(),
    };
  } catch (error) {
    return { failed: String(error) };
  }
}

// The same with the SDK, as an application would use it.
async function used(mode) {
  try {
    const client = new Client({ name: "page", version: "1" }, mode && { versionNegotiation: { mode } });
    await client.connect(new StreamableHTTPClientTransport(new URL(gate), { requestInit: { headers: proof } }));
    const { tools } = await client.listTools();
    const answer = await client.callTool({ name: "get_weather", arguments: { city: "Oslo" } });
    await client.close();
    return { tools: tools.map((tool) => tool.name), answer: answer.content[0].text };
  } catch (error) {
    return { failed: String(error) };
  }
}

const told = {
  proved: await seen(proof),
  unproved: await seen({}),
  mirrored: await seen({ ...proof, "Mcp-Param-City": "Oslo" }),
  unnamed: await seen({ ...proof, "X-Unnamed": "1" }),
  unread: await fetch(gate, { mode: "no-cors" }).then((answer) => ({ type: answer.type })),
  legacy: await used(),
  modern: await used({ pin: "2026-07-28" }),
};
await fetch("/told", { method: "POST", body: JSON.stringify(told) });
