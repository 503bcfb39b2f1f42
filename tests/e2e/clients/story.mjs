// The story of ../story.py, told by a client of the TypeScript SDK; prints what it saw as one line.

import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";

// The packages are installed outside of the sources: NODE_PACKAGES names the directory.
export const packages = createRequire(join(process.env.NODE_PACKAGES, "package.json"));

export const url = new URL(process.env.GATE_URL);
export const options = process.env.GATE_TOKEN
  ? { requestInit: { headers: { Authorization: `Bearer ${process.env.GATE_TOKEN}` } } }
  : {};

// call(client, params, options): the one call whose form differs between the SDK's versions.
export async function tell(client, transport, call) {
  try {
    await client.connect(transport);
    const { tools } = await client.listTools();
    const answer = await call(client, { name: "get_weather", arguments: { city: "Oslo" } });
    const ticket = process.env.TICKET;
    const heard = [];
    const onprogress = ({ progress }) => {
      heard.push(progress);
      writeFileSync(ticket, "");
    };
    const slow = await call(client, { name: "slow", arguments: { ticket: basename(ticket) } }, { onprogress });
    const resource = await client.readResource({ uri: "note://hello" });
    const blocked = await call(client, { name: "delete_all", arguments: {} }).catch((error) => error);
    await client.close();
    print({
      tools: tools.map((tool) => tool.name),
      answer: answer.content[0].text,
      heard,
      slow: slow.content[0].text,
      resource: resource.contents[0].text,
      blocked: String(blocked.message),
    });
  } catch (error) {
    // Where the SDK has words of its own, what the server said is kept in the error's data.
    print({ failed: `${error} ${error.data?.text ?? ""}` });
    process.exit(1);
  }
}

function print(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
