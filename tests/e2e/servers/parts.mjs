// What the servers of both versions of the TypeScript SDK have in common.

import { createRequire } from "node:module";
import { dirname, join } from "node:path";

// The packages are installed outside of the sources: NODE_PACKAGES names the directory.
export const packages = createRequire(join(process.env.NODE_PACKAGES, "package.json"));

export const SOCKET = process.argv[2];
// Where files are left to be seen, and looked for.
export const HERE = dirname(SOCKET);

export const NOTE = "note://changing";
export const QUESTION = "How is the weather?";

// Milliseconds after which a client comes back to a stream that we closed.
export const RETRY = 100;

// The message that a request carries, if any.
export async function body(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return pieces.length ? JSON.parse(Buffer.concat(pieces)) : undefined;
}

// What was sent, so that a client which comes back gets the rest of its stream.
export class Store {
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
