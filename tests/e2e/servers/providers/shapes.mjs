// What the real providers' tokens and keys look like: their issuers, hosts, paths, headers and claims, as they
// document them. A shape's claims are those of a usual token; whoever mints one changes what a test is about.

// Entra's: the tenant that all tokens are of unless a test says another.
const TENANT = "9f4f1c5e-0d1b-4d0e-9a41-6f3f7f0f7a01";

const microsoft = "https://login.microsoftonline.com";

// Entra's keys name whose tokens they sign, and leave the algorithm to the reader.
const entraKey = ({ alg, ...key }) => ({ ...key, use: "sig", x5t: key.kid, issuer: `${microsoft}/{tenantid}/v2.0` });

const plainKey = (key) => ({ ...key, use: "sig" });

// In each: claims(now) without iss, iat and exp, which are the same for all.
export const SHAPES = {
  // A server as the RFCs have it: RFC 9068 tokens for a resource that the client has named (RFC 8707).
  standard: {
    real: "oidc-provider",
    issuer: "https://id.example.com",
    hosts: ["id.example.com"],
    paths: { token: "/token", jwks: "/jwks" },
    lifetime: 600,
    header: { typ: "at+jwt" },
    claims: () => ({ aud: "https://mcp.example.com/mcp", sub: "ci", client_id: "ci", jti: id() }),
    key: plainKey,
  },

  // A custom authorization server: a path in the issuer, scopes as a list, the client as cid, no typ.
  okta: {
    real: "oidc-provider",
    issuer: "https://acme.okta.com/oauth2/default",
    hosts: ["acme.okta.com"],
    mount: "/oauth2/default",
    paths: { token: "/v1/token", jwks: "/v1/keys", introspection: "/v1/introspect" },
    lifetime: 3600,
    header: {},
    claims: () => ({
      ver: 1,
      jti: `AT.${id()}`,
      aud: "api://mcp",
      cid: "0oa1ci",
      uid: "00u1jane",
      scp: ["mcp", "tools:read"],
      auth_time: now() - 60,
      sub: "jane@acme.example",
      groups: ["Everyone", "engineering"],
    }),
    // What its own token endpoint makes of a client's token.
    shape: (payload) => ({
      ver: 1,
      jti: `AT.${payload.jti}`,
      iss: payload.iss,
      aud: "api://mcp",
      iat: payload.iat,
      exp: payload.exp,
      cid: payload.client_id,
      scp: payload.scope?.split(" ") ?? [],
      sub: payload.client_id,
      ...(payload.cnf && { cnf: payload.cnf }),
    }),
    key: (key) => ({ ...key, use: "sig" }),
  },

  // Version 2 of one tenant.
  "entra-v2": {
    real: "oidc-provider",
    issuer: `${microsoft}/${TENANT}/v2.0`,
    hosts: ["login.microsoftonline.com"],
    // The document is below the issuer, all else is not.
    moved: { [`/${TENANT}/v2.0/.well-known/openid-configuration`]: "/.well-known/openid-configuration" },
    paths: { token: `/${TENANT}/oauth2/v2.0/token`, jwks: `/${TENANT}/discovery/v2.0/keys` },
    lifetime: 4200,
    header: { typ: "JWT" },
    claims: () => ({ ...entra(), ver: "2.0", azp: "11f3b8a4-client", azpacr: "1", scp: "tools.read", aud: AUDIENCE }),
    shape: (payload) => ({
      ...entra(),
      ver: "2.0",
      azp: payload.client_id,
      azpacr: "1",
      aud: AUDIENCE,
      roles: payload.scope?.split(" ") ?? [],
      iss: payload.iss,
      iat: payload.iat,
      nbf: payload.iat,
      exp: payload.exp,
    }),
    key: entraKey,
  },

  // Version 2 for many tenants: one document and one set of keys, and an issuer that is a template in it.
  "entra-common": {
    real: "oauth2-mock-server",
    issuer: `${microsoft}/{tenantid}/v2.0`,
    minted: `${microsoft}/${TENANT}/v2.0`,
    hosts: ["login.microsoftonline.com"],
    paths: {
      document: "/organizations/v2.0/.well-known/openid-configuration",
      token: "/organizations/oauth2/v2.0/token",
      jwks: "/common/discovery/v2.0/keys",
    },
    lifetime: 4200,
    header: { typ: "JWT" },
    claims: () => ({ ...entra(), ver: "2.0", azp: "11f3b8a4-client", azpacr: "1", scp: "tools.read", aud: AUDIENCE }),
    key: entraKey,
  },

  // Version 1: another host, a slash at the end, and the audience as a URI; the keys are elsewhere.
  "entra-v1": {
    real: "oauth2-mock-server",
    issuer: `https://sts.windows.net/${TENANT}/`,
    hosts: ["sts.windows.net", "login.microsoftonline.com"],
    base: microsoft,
    paths: {
      document: `/${TENANT}/.well-known/openid-configuration`,
      token: `/${TENANT}/oauth2/token`,
      jwks: "/common/discovery/keys",
    },
    lifetime: 4200,
    header: { typ: "JWT" },
    claims: () => ({
      ...entra(),
      ver: "1.0",
      appid: "11f3b8a4-client",
      appidacr: "1",
      idp: `https://sts.windows.net/${TENANT}/`,
      scp: "tools.read",
      aud: "api://mcp",
    }),
    key: entraKey,
  },

  // What a service account gets: an ID token, as Google's access tokens are opaque. Keys are on another host.
  google: {
    real: "oauth2-mock-server",
    issuer: "https://accounts.google.com",
    hosts: ["accounts.google.com", "www.googleapis.com", "oauth2.googleapis.com"],
    base: "https://www.googleapis.com",
    paths: { token: "/token", jwks: "/oauth2/v3/certs" },
    lifetime: 3600,
    header: { typ: "JWT" },
    claims: () => ({
      aud: "https://mcp.example.com/mcp",
      azp: "ci@acme-prod.iam.gserviceaccount.com",
      email: "ci@acme-prod.iam.gserviceaccount.com",
      email_verified: true,
      hd: "acme.example",
      sub: "113774264463038321964",
      at_hash: "HK6E_P6Dh8Y93mRNtsDB1Q",
    }),
    key: plainKey,
  },

  "github-actions": {
    real: "oauth2-mock-server",
    issuer: "https://token.actions.githubusercontent.com",
    hosts: ["token.actions.githubusercontent.com"],
    paths: { token: "/token", jwks: "/.well-known/jwks" },
    lifetime: 300,
    header: { typ: "JWT" },
    claims: () => ({
      jti: id(),
      sub: "repo:acme/deploy:ref:refs/heads/main",
      aud: "https://mcp.example.com/mcp",
      ref: "refs/heads/main",
      ref_protected: "true",
      ref_type: "branch",
      sha: "0b3f5d1e5c1d4c9d8e7f60718293a4b5c6d7e8f9",
      repository: "acme/deploy",
      repository_id: "456789",
      repository_owner: "acme",
      repository_owner_id: "123456",
      repository_visibility: "private",
      run_id: "9876543210",
      run_number: "17",
      run_attempt: "1",
      actor: "jane",
      actor_id: "4242",
      workflow: "deploy",
      workflow_ref: "acme/deploy/.github/workflows/deploy.yml@refs/heads/main",
      workflow_sha: "0b3f5d1e5c1d4c9d8e7f60718293a4b5c6d7e8f9",
      job_workflow_ref: "acme/deploy/.github/workflows/deploy.yml@refs/heads/main",
      job_workflow_sha: "0b3f5d1e5c1d4c9d8e7f60718293a4b5c6d7e8f9",
      environment: "production",
      event_name: "push",
      head_ref: "",
      base_ref: "",
      runner_environment: "github-hosted",
    }),
    key: ({ ...key }) => ({ ...key, use: "sig", x5t: key.kid }),
  },

  gitlab: {
    real: "oauth2-mock-server",
    issuer: "https://gitlab.com",
    hosts: ["gitlab.com"],
    paths: { token: "/oauth/token", jwks: "/oauth/discovery/keys" },
    lifetime: 3600,
    header: { typ: "JWT" },
    claims: () => ({
      jti: id(),
      sub: "project_path:acme/deploy:ref_type:branch:ref:main",
      aud: "https://mcp.example.com/mcp",
      namespace_id: "72",
      namespace_path: "acme",
      project_id: "20",
      project_path: "acme/deploy",
      user_id: "1",
      user_login: "jane",
      pipeline_id: "574",
      pipeline_source: "push",
      job_id: "302",
      ref: "main",
      ref_type: "branch",
      ref_path: "refs/heads/main",
      ref_protected: "true",
      environment_protected: "false",
      runner_environment: "gitlab-hosted",
    }),
    key: plainKey,
  },

  // Signs what nobody should: its keys are a test's own.
  foreign: {
    real: "oauth2-mock-server",
    issuer: "https://foreign.example.com",
    hosts: ["foreign.example.com"],
    paths: { token: "/token", jwks: "/jwks" },
    lifetime: 600,
    header: { typ: "at+jwt" },
    claims: () => ({ aud: "https://mcp.example.com/mcp", sub: "ci", client_id: "ci", jti: id() }),
    key: plainKey,
  },
};

// Of Entra's version 2: the application that the token is for.
const AUDIENCE = "5c6e0f3a-7d2b-4c15-9e0a-2f8b1a6d4c03";

function entra() {
  return {
    nbf: now(),
    aio: "E2ZgYNjSt2+L1d8A",
    oid: "d3b0c1a2-4e5f-4a6b-8c7d-9e0f1a2b3c04",
    rh: "0.AXwA",
    sub: "d3b0c1a2-4e5f-4a6b-8c7d-9e0f1a2b3c04",
    tid: TENANT,
    uti: id(),
  };
}

export const now = () => Math.floor(Date.now() / 1000);
export const id = () => crypto.randomUUID();
