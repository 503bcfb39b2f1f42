// A provider whose server is oauth2-mock-server: it signs what it is told to, with the keys that it is given.

import { id, now } from "./shapes.mjs";

export async function mocked(shape, packages) {
  const { Events, OAuth2Issuer, OAuth2Service } = await packages("oauth2-mock-server");
  const base = shape.base ?? new URL(shape.issuer.replace("{tenantid}", "common")).origin;

  let issuer, published, service;

  async function rotate(keep) {
    const old = keep ? issuer.keys.toJSON(true) : [];
    issuer = new OAuth2Issuer();
    issuer.url = shape.issuer;
    const { kid } = await issuer.keys.generate("RS256", { kid: id() });
    for (const key of old) await issuer.keys.add(key);
    service = made();
    service.current = kid;
    return kid;
  }

  function made() {
    const { document, token, jwks } = { document: "/.well-known/openid-configuration", ...shape.paths };
    // Its own document of keys has no place for what real ones say of a key.
    const service = new OAuth2Service(issuer, { wellKnownDocument: document, token, jwks: "/unused" });
    service.addRoute("GET", jwks, (request, response) => {
      response.setHeader("Content-Type", "application/json");
      response.setHeader("Cache-Control", "public, max-age=3600");
      response.end(published ?? JSON.stringify({ keys: issuer.keys.toJSON().map(shape.key) }));
    });
    service.on(Events.BeforeWellKnownOpenIdConfiguration, ({ body }) => {
      Object.assign(body, { jwks_uri: `${base}${jwks}`, token_endpoint: `${base}${token}` });
    });
    service.on(Events.BeforeTokenSigning, ({ header, payload }) => {
      Object.assign(header, shape.header);
      const lasts = { iss: shape.minted ?? shape.issuer, iat: now(), exp: now() + shape.lifetime };
      Object.assign(payload, shape.claims(), lasts);
    });
    return service;
  }

  await rotate(false);
  return {
    rotate,
    serve(request, response) {
      service.requestHandler(request, response);
    },
    mint(claims, header) {
      return issuer.buildToken({
        kid: header.kid ?? service.current,
        scopesOrTransform(given, payload) {
          for (const name of Object.keys(payload)) delete payload[name];
          Object.assign(payload, claims);
          Object.assign(given, { typ: undefined }, header);
        },
      });
    },
    publish(text) {
      published = text;
    },
  };
}
