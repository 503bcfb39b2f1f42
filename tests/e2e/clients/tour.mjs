// The tour of ../tour.py, for both versions of the TypeScript SDK; prints what was seen as one line.

import { randomUUID } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

// The packages are installed outside of the sources: NODE_PACKAGES names the directory.
export const packages = createRequire(join(process.env.NODE_PACKAGES, "package.json"));

export const url = new URL(process.env.URL);
const headers = process.env.TOKEN ? { Authorization: `Bearer ${process.env.TOKEN}` } : {};
export const options = { requestInit: { headers } };

export const info = { name: "tourist", version: "1" };
export const capabilities = { sampling: {}, elicitation: { form: {} } };

export const MODERN = "2026-07-28";
const NOTE = "note://changing";
const FILES = process.env.FILES;
// Milliseconds for one sight.
const PATIENCE = 20_000;

// What the client is told without having asked, and what it answers. `on` differs between the versions.
export function ears(on) {
  const heard = { logged: [], updated: new Set(), model: [], user: [] };
  on.request("sampling/createMessage", ({ params }) => {
    heard.model.push(...params.messages.map(({ content }) => content.text));
    return { role: "assistant", model: "a", content: { type: "text", text: "mild" } };
  });
  on.request("elicitation/create", ({ params }) => {
    heard.user.push(params.message);
    return { action: "accept", content: { answer: "fine" } };
  });
  on.notification("notifications/message", ({ params }) => {
    heard.logged.push([params.level, params.data]);
  });
  on.notification("notifications/resources/updated", ({ params }) => {
    heard.updated.add(params.uri);
  });
  return heard;
}

// `call(params, options)` is the client's, whose form differs between the versions, as does the version.
export async function tour(client, transport, heard, { call, version, sse }) {
  try {
    await client.connect(transport);
  } catch (error) {
    return end({ failed: String(error) });
  }
  const modern = version() === MODERN;
  const tool = async (name, args, more) => (await call({ name, arguments: args }, more)).content[0].text;
  const stops = {
    list: async () => (await client.listTools()).tools.map(({ name }) => name).sort(),

    call: () => tool("get_weather", { city: "Oslo" }),

    async progress() {
      const ticket = randomUUID();
      const heard = [];
      const onprogress = ({ progress }) => {
        heard.push(progress);
        writeFileSync(join(FILES, `${ticket}-${progress}`), "");
      };
      return { answer: await tool("slow", { ticket }, { onprogress }), heard };
    },

    async logging() {
      if (!modern) await client.setLoggingLevel("info");
      return { answer: await tool("log", {}), heard: heard.logged };
    },

    sampling: async () => ({ answer: await tool("ask_model", {}), asked: heard.model }),

    elicitation: async () => ({ answer: await tool("ask_user", {}), asked: heard.user }),

    async subscribe() {
      const listening = modern
        ? await client.listen({ resourceSubscriptions: [NOTE] })
        : await client.subscribeResource({ uri: NOTE });
      // The stream of a legacy session may not be there the first time.
      while (heard.updated.size === 0) {
        await tool("write", { text: "written on" });
        await pause(50);
      }
      if (modern) await listening.close();
      const { contents } = await client.readResource({ uri: NOTE });
      return { updated: [...heard.updated], read: contents[0].text };
    },

    async cancel() {
      const ticket = randomUUID();
      const leaving = new AbortController();
      const onprogress = () => leaving.abort();
      await tool("linger", { ticket }, { onprogress, signal: leaving.signal }).catch((error) => {
        if (!leaving.signal.aborted) throw error;
      });
      while (!existsSync(join(FILES, ticket))) await pause(10);
      return { noticed: true };
    },

    async reconnect() {
      const heard = [];
      const onprogress = ({ progress }) => heard.push(progress);
      return { answer: await tool("part", {}, { onprogress }), heard };
    },
  };
  if (modern || sse) delete stops.reconnect;
  const facts = { version: version() };
  for (const [name, stop] of Object.entries(stops)) {
    const patience = new AbortController();
    const late = pause(PATIENCE, undefined, { signal: patience.signal }).then(() => {
      throw new Error(`not within ${PATIENCE} ms`);
    });
    // What goes wrong is among the facts, so that the rest is seen, too.
    facts[name] = await Promise.race([stop(), late]).catch((error) => ({ failed: String(error) }));
    late.catch(() => {});
    patience.abort();
  }
  await client.close();
  end(facts);
}

function end(facts) {
  process.stdout.write(`${JSON.stringify(facts)}\n`);
  // What was given up may still wait for an answer.
  process.exit(0);
}
