// A provider whose server is oidc-provider: client credentials for a resource (RFC 8707), JWT access tokens
// (RFC 9068) or opaque ones, certificate-bound ones (RFC 8705), private_key_jwt (RFC 7523), introspection (RFC
// 7662); and people, who log in by saying who they are: /interaction/UID?as=NAME is their password.

import { X509Certificate } from "node:crypto";

import { id } from "./shapes.mjs";

const SCOPES = "mcp tools:read tools:write";

// What is known of people: whose e-mail address nobody has verified, and who is in which groups.
const UNVERIFIED = "mallory";
const GROUPS = { otto: ["oncall"], vera: ["auditors"] };

const person = (sub) => ({
  sub,
  email: `${sub}@example.com`,
  email_verified: sub !== UNVERIFIED,
  groups: GROUPS[sub] ?? [],
});

export async function genuine(shape, packages, { clients }) {
  const { default: Provider } = await packages("oidc-provider");
  const { SignJWT, exportJWK, generateKeyPair, importJWK } = await packages("jose");

  let keys = [];
  let serve;
  let latest;

  async function rotate(keep) {
    const { privateKey } = await generateKeyPair("RS256", { extractable: true });
    const fresh = { ...(await exportJWK(privateKey)), kid: id(), alg: "RS256", use: "sig" };
    keys = [fresh, ...(keep ? keys : [])];
    latest = made();
    serve = latest.callback();
    return fresh.kid;
  }

  function made() {
    const provider = new Provider(shape.issuer, {
      jwks: { keys },
      clients,
      scopes: ["openid", "offline_access", "email", "profile", ...SCOPES.split(" ")],
      claims: { openid: ["sub", "groups"], email: ["email", "email_verified"], profile: [] },
      // What a client asks for by its scopes stands in the ID token, as with most providers.
      conformIdTokenClaims: false,
      findAccount: (ctx, sub) => ({ accountId: sub, claims: () => person(sub) }),
      interactions: { url: (ctx, { uid }) => `/interaction/${uid}` },
      // Nobody is asked whether a client may know who they are.
      async loadExistingGrant(ctx) {
        const { client, session } = ctx.oidc;
        const grant = new ctx.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
        grant.addOIDCScope("openid email profile");
        await grant.save();
        return grant;
      },
      routes: shape.paths,
      cookies: { keys: [id()] },
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        introspection: { enabled: true, allowedPolicy: () => true },
        mTLS: {
          enabled: true,
          certificateBoundAccessTokens: true,
          getCertificate: (ctx) => {
            const { raw } = ctx.socket.getPeerCertificate();
            return raw && new X509Certificate(raw);
          },
        },
        resourceIndicators: {
          enabled: true,
          // A client that names none gets an opaque token, unless the shape has one audience for all.
          defaultResource: () => shape.shape && "urn:default",
          getResourceServerInfo: (ctx, resource, client) => ({
            scope: SCOPES,
            audience: resource,
            accessTokenTTL: shape.lifetime,
            accessTokenFormat: client.clientId === "opaque" ? "opaque" : "jwt",
            jwt: { sign: { alg: "RS256" } },
          }),
        },
      },
      // Of a client's own token it would say in its JWTs alone whose it is.
      extraTokenClaims: (ctx, token) => ({ sub: token.clientId }),
      ttl: { ClientCredentials: (ctx, token) => token.resourceServer?.accessTokenTTL ?? 600 },
      formats: {
        customizers: {
          jwt: (ctx, token, parts) => {
            if (!shape.shape) return;
            parts.header = { typ: shape.header.typ };
            const payload = shape.shape(parts.payload);
            for (const name of Object.keys(parts.payload)) delete parts.payload[name];
            Object.assign(parts.payload, payload);
          },
        },
      },
    });
    provider.use(async (ctx, next) => {
      await next();
      if (ctx.oidc?.route === "jwks") ctx.body = { keys: ctx.body.keys.map((key) => tidy(shape.key(key))) };
    });
    provider.on("server_error", (ctx, error) => console.error(shape.issuer, error));
    return provider;
  }

  await rotate(false);
  return {
    rotate,
    serve(request, response) {
      const { pathname, searchParams } = new URL(request.url, "https://here");
      if (pathname.startsWith("/interaction/")) {
        latest.interactionFinished(request, response, { login: { accountId: searchParams.get("as") } });
        return;
      }
      const moved = shape.moved?.[request.url];
      if (moved) {
        request.url = moved;
      } else if (shape.mount && request.url.startsWith(`${shape.mount}/`)) {
        // As Express does it, so that the provider's own URLs have the path in them.
        request.originalUrl = request.url;
        request.url = request.url.slice(shape.mount.length);
      } else if (shape.mount) {
        response.writeHead(404).end();
        return;
      }
      serve(request, response);
    },
    async mint(claims, header) {
      const key = keys.find(({ kid }) => !header.kid || kid === header.kid) ?? keys[0];
      return new SignJWT(claims)
        .setProtectedHeader({ alg: "RS256", kid: key.kid, ...header })
        .sign(await importJWK(key, "RS256"));
    },
  };
}

function tidy(key) {
  return Object.fromEntries(Object.entries(key).filter(([, value]) => value !== undefined));
}
