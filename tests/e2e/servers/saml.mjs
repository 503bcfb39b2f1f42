// A SAML identity provider (samlp, of Auth0) on TLS, as a house runs one: metadata, and single sign-on whose answer
// is a page with a form, which a browser would carry on.
//
//     node saml.mjs DIRECTORY
//
// DIRECTORY has tls.crt and tls.key, and NAME.crt and NAME.key of each key that it may sign with. It says its port in
// one line, and ends with its stdin.
//
//     GET /metadata?key=NAME
//     GET /sso?key=NAME&user=...&groups=a,b&audience=...&recipient=...&seconds=240

import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { createRequire } from "node:module";
import { join } from "node:path";

// The packages are installed outside of the sources: NODE_PACKAGES names the directory.
const packages = createRequire(join(process.env.NODE_PACKAGES, "package.json"));
const samlp = packages("samlp");

const ISSUER = "https://idp.example.org/saml";
const MAIL = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
const GROUPS = "http://schemas.xmlsoap.org/claims/Group";

const file = (name) => readFileSync(join(process.argv[2], name), "utf8");

// What the package makes of the people who log in, in its own form.
class Person {
  constructor(query) {
    this.query = query;
  }
  getClaims() {
    return { [MAIL]: this.query.user, [GROUPS]: (this.query.groups ?? "").split(",") };
  }
  getNameIdentifier() {
    const nameIdentifierFormat = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
    return { nameIdentifier: this.query.user, nameIdentifierFormat };
  }
}
Person.prototype.metadata = [];

function signsOn({ key, audience, recipient, seconds }) {
  return samlp.auth({
    issuer: ISSUER,
    cert: file(`${key}.crt`),
    key: file(`${key}.key`),
    audience,
    recipient,
    lifetimeInSeconds: Number(seconds ?? 240),
    profileMapper: (user) => new Person(user),
    getUserFromRequest: (request) => request.query,
    getPostURL: (to, document, request, done) => done(null, recipient),
  });
}

function shows({ key }) {
  return samlp.metadata({ issuer: ISSUER, cert: file(`${key}.crt`), profileMapper: Person, redirectEndpointPath: "/sso", postEndpointPath: "/sso" });
}

const server = createServer({ cert: file("tls.crt"), key: file("tls.key") }, (request, response) => {
  const url = new URL(request.url, "https://here");
  // As much of express as the package needs.
  Object.assign(request, { query: Object.fromEntries(url.searchParams), protocol: "https", originalUrl: request.url });
  Object.assign(response, { set: (name, value) => response.setHeader(name, value), send: (text) => response.end(text) });
  const answers = { "/sso": signsOn, "/metadata": shows }[url.pathname];
  answers(request.query)(request, response, (error) => response.writeHead(500).end(String(error)));
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));
process.stdin.on("end", () => process.exit(0)).resume();
