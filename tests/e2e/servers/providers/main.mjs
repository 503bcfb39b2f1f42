// Every provider of shapes.mjs in one process: each on a TLS port of its own, with a certificate of its own CA.
//
//     node main.mjs DIRECTORY < commands > answers
//
// DIRECTORY has NAME.crt and NAME.key of each, and clients.json. The first answer says which port is whose; then
// each line of stdin is a command of ../../providers.py, and has a line for an answer. With the end of stdin
// everything ends.
//
// Clients know the providers by their real names, so there is also a proxy as companies have one: whoever CONNECTs
// to such a name, port 443, is put through to that provider, and to nobody else.

import { readFileSync } from "node:fs";
import { createServer as createProxy } from "node:http";
import { createServer } from "node:https";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

import { genuine } from "./genuine.mjs";
import { mocked } from "./mocked.mjs";
import { SHAPES, now } from "./shapes.mjs";

const directory = process.argv[2];

// Packages give notice on stdout, which is for answers.
console.log = console.info = console.error;

// The packages are installed outside of the sources: NODE_PACKAGES names the directory.
const required = createRequire(join(process.env.NODE_PACKAGES, "package.json"));
const packages = (name) => import(pathToFileURL(required.resolve(name)));

class Served {
  constructor(name, shape, provider) {
    Object.assign(this, { name, shape, provider, port: 0, asked: {}, sockets: new Set() });
  }

  async on() {
    const pair = ["crt", "key"].map((end) => readFileSync(join(directory, `${this.name}.${end}`)));
    // Whoever has a certificate shows it; what it is good for the provider decides.
    const options = { cert: pair[0], key: pair[1], requestCert: true, rejectUnauthorized: false };
    this.server = createServer(options, (request, response) => {
      const { pathname } = new URL(request.url, "https://here");
      this.asked[pathname] = (this.asked[pathname] ?? 0) + 1;
      if (this.slow) setTimeout(() => this.provider.serve(request, response), this.slow);
      else this.provider.serve(request, response);
    });
    this.server.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
    });
    await new Promise((done, failed) => {
      this.server.once("error", failed);
      this.server.listen(this.port, "127.0.0.1", done);
    });
    this.port = this.server.address().port;
  }

  off() {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  // The token of a shape, but for what is changed; null takes away.
  mint({ claims = {}, header = {}, lifetime = this.shape.lifetime }) {
    const issued = now();
    const usual = { iss: this.shape.minted ?? this.shape.issuer, iat: issued, exp: issued + lifetime };
    return this.provider.mint(changed({ ...this.shape.claims(), ...usual }, claims), changed(this.shape.header, header));
  }
}

function changed(usual, changes) {
  return Object.fromEntries(Object.entries({ ...usual, ...changes }).filter(([, value]) => value !== null));
}

const clients = JSON.parse(readFileSync(join(directory, "clients.json"), "utf8"));
const begun = Object.entries(SHAPES).map(async ([name, shape]) => {
  const make = { "oidc-provider": genuine, "oauth2-mock-server": mocked }[shape.real];
  const one = new Served(name, shape, await make(shape, packages, { clients }));
  await one.on();
  return [name, one];
});
const served = Object.fromEntries(await Promise.all(begun));

const proxy = createProxy((request, response) => response.writeHead(405).end());
proxy.on("connect", (request, socket) => {
  const one = Object.values(served).find(({ shape }) => shape.hosts.some((host) => request.url === `${host}:443`));
  if (!one) return socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
  const through = connect(one.port, "127.0.0.1", () => {
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    through.pipe(socket).pipe(through);
  });
  for (const end of [socket, through]) end.on("error", () => [socket, through].forEach((each) => each.destroy()));
});
await new Promise((done) => proxy.listen(0, "127.0.0.1", done));

const COMMANDS = {
  mint: (one, given) => one.mint(given),
  rotate: (one, { keep }) => one.provider.rotate(keep),
  publish: (one, { text }) => one.provider.publish(text),
  off: (one) => one.off(),
  on: (one) => one.on(),
  asked: (one) => one.asked,
  slow: (one, { milliseconds }) => void (one.slow = milliseconds),
};

const answer = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
answer({
  proxy: proxy.address().port,
  providers: Object.fromEntries(
    Object.entries(served).map(([name, { port, shape }]) => [name, { port, issuer: shape.issuer, hosts: shape.hosts }]),
  ),
});
for await (const line of createInterface({ input: process.stdin })) {
  const { command, of, ...given } = JSON.parse(line);
  try {
    answer({ answer: (await COMMANDS[command](served[of], given)) ?? null });
  } catch (error) {
    answer({ failed: String(error.stack) });
  }
}
process.exit(0);
