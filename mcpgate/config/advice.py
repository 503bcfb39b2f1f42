"""What each reason means to the person who runs the gate, and what they can do about it.

The words for callers are in L{mcpgate.reasons.ANSWERS} and say little on purpose; these are for
C{mcpgate explain} and the reference page, and say where to look.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcpgate.reasons import Reason

ADVICE: Mapping[Reason, str] = {
    Reason.TLS_PLAINTEXT: (
        "A client spoke HTTP in clear text to a TLS port. Give it an https:// URL. If the record says "
        "that a credential was exposed, revoke it: it crossed the network readable."
    ),
    Reason.TLS_NOT_TLS: (
        "What arrived was neither TLS nor HTTP: a port scan, a health check that only opens the port, "
        "or a load balancer that sends the PROXY protocol. Nothing was processed."
    ),
    Reason.TLS_TIMEOUT: (
        "The handshake did not finish in time (limits.handshake_timeout inbound, "
        "upstream.handshake_timeout outbound). Look for a mute peer, packet loss, or a firewall that "
        "swallows large first packets."
    ),
    Reason.TLS_HELLO: (
        "The client's first message was malformed or larger than any honest client sends. The record "
        "has its address; if it is a client of yours, its TLS library is broken."
    ),
    Reason.TLS_VERSION: (
        "The two sides have no protocol version in common that the profile allows. Upgrade the peer; "
        'or, where TLS 1.2 with modern ciphers is acceptable, set profile = "intermediate" on that leg.'
    ),
    Reason.TLS_CIPHER: (
        "The two sides have no cipher suite in common that the profile allows. The record lists what "
        "the client offered; a peer that has only CBC or RSA key exchange has to be upgraded."
    ),
    Reason.TLS_GROUP: (
        "The two sides have no key exchange group in common, or none that is post-quantum while "
        "require_pq is set. Upgrade the peer's TLS library (X25519MLKEM768 needs OpenSSL 3.5 or its "
        "like)."
    ),
    Reason.TLS_KEY: (
        "The peer's certificate has a key below the profile's floor, such as RSA of 1024 bits. Reissue "
        "it with RSA of 2048 bits or more, or ECDSA P-256."
    ),
    Reason.TLS_ALPN: (
        "The peer insists on another protocol than HTTP/1.1 (ALPN), most often on h2 alone. Allow "
        "HTTP/1.1 in it."
    ),
    Reason.TLS_CHAIN: (
        "The peer's certificate chain does not verify. The detail has OpenSSL's words; a server that "
        "does not send its intermediate certificates is the usual cause, and it is mended at that "
        "server."
    ),
    Reason.TLS_UNKNOWN_CA: (
        "The peer's chain ends at a CA that is not trusted on this leg. Point upstream.trust (or "
        "listener.client_ca) at the right CA file, once you know why the peer shows this chain."
    ),
    Reason.TLS_EXPIRED: (
        "A certificate of the peer's chain has expired. Renew it there; if it looks valid to you, "
        "compare clocks."
    ),
    Reason.TLS_NOT_YET_VALID: (
        "A certificate of the peer's chain is not valid yet. Compare the clocks of both machines first."
    ),
    Reason.TLS_REVOKED: (
        "A certificate of the peer's chain is on the revocation list that you configured. Treat its key "
        "as lost and find out who uses it."
    ),
    Reason.TLS_CRL: (
        "Revocation could not be decided: the list is missing for one of the issuers, expired, or not "
        "signed by it. Fetch fresh lists for every CA of the chain; until then the leg stays closed."
    ),
    Reason.TLS_NAME: (
        "The certificate is valid, but for other names than the one in the upstream's URL. Correct the "
        "URL, or the certificate; use upstream.address when only the place to dial differs from the "
        "name."
    ),
    Reason.TLS_NO_SAN: (
        "The certificate has no subject alternative names; a common name alone is not looked at (RFC "
        "9525). Reissue it with a SAN."
    ),
    Reason.TLS_BAD_SAN: (
        "The certificate's subject alternative names cannot be read or hold only kinds that cannot be "
        "matched, such as urn:. Reissue it with the DNS name or address that callers use."
    ),
    Reason.TLS_PIN: (
        "The chain and name are right, but no certificate in the chain has a pinned key. Either the key "
        "was rotated (compare 'mcpgate probe URL' from another network, then change upstream.pins) or "
        "somebody else holds a valid certificate for that name: find out before you change the pin."
    ),
    Reason.TLS_RESUMED: (
        "The leg resumed an earlier session, so the peer's certificate was not shown again. The gate "
        "never does; seeing this means that something between changed the handshake. Report it."
    ),
    Reason.TLS_UNOBSERVED: (
        "A request reached mcpgate.resource over a connection whose handshake the gate cannot see: HTTP/2, "
        "or a transport that is not Twisted's TLS. What somebody in front says of it is not believed. Let "
        "the application end TLS itself, and speak HTTP/1.1 there (endpoint mcptls:)."
    ),
    Reason.TLS_CLIENT_CERTIFICATE: (
        "One side wanted a client certificate and got none that it accepts. Inbound: the caller has to "
        "present one of listener.client_ca. Outbound: set upstream.client_certificate to one that the "
        "upstream accepts."
    ),
    Reason.TLS_ALERT: (
        "The peer broke off the handshake with the alert in the detail. Its own log says why; 'unknown "
        "ca' and 'bad certificate' mean that it does not accept our certificate."
    ),
    Reason.TLS_CLOSED: (
        "The peer closed the connection during the handshake without a word. Health checks do that; "
        "from an upstream it means an overloaded or wrongly configured server, or a firewall."
    ),
    Reason.TLS_FAILED: (
        "The handshake failed in a way that has no code of its own; the detail has OpenSSL's words. If "
        "it comes back, report it with the record, so that it gets one."
    ),
    Reason.FRAME_HEAD: (
        "The request head breaks HTTP/1.1's grammar. Proxies disagree about such requests, which is how "
        "smuggling works, so it is refused rather than repaired. The detail names the line's fault."
    ),
    Reason.FRAME_HEAD_SIZE: (
        "The request head is larger than limits.head_size or has over 100 headers. A growing cookie or "
        "token is the usual cause."
    ),
    Reason.FRAME_VERSION: (
        "The request was not HTTP/1.1: HTTP/1.0 from an old health check, or HTTP/2 without ALPN."
    ),
    Reason.FRAME_TARGET: (
        "The request target is not a plain path. The gate is no forward proxy: clients must not use it "
        "as one."
    ),
    Reason.FRAME_HOST: (
        "The Host header is missing, repeated or not a host name. Every HTTP/1.1 client sends exactly one."
    ),
    Reason.FRAME_MISDIRECTED: (
        "The Host header names another host than the one the TLS connection was opened for, or one that "
        "this listener does not serve. Add it to listener.hosts (and to a certificate) if callers "
        "should use it."
    ),
    Reason.FRAME_DUPLICATE_HEADER: (
        "A header that decides something (Host, Authorization, Mcp-Session-Id, ...) was there twice. "
        "Gate and upstream might each believe another one, so neither gets to. Two Mcp-Param-* whose names "
        "differ only in - and _ count as one, as many servers read them so."
    ),
    Reason.FRAME_LENGTH: (
        "The body's length was stated twice, wrongly, or both as Content-Length and as chunked. This is "
        "what request smuggling looks like; look at what stands between the caller and the gate."
    ),
    Reason.FRAME_LENGTH_REQUIRED: (
        "A POST came without Content-Length or chunked encoding. The client is not an MCP client."
    ),
    Reason.FRAME_CHUNK: (
        "The chunked encoding was malformed, or used extensions or trailers, which no MCP client needs. "
        "Look for a proxy between the client and the gate that adds them."
    ),
    Reason.FRAME_CHUNK_COUNT: (
        "The body came in more chunks than limits.chunks and its size allow: each costs work whatever "
        "its size. Look for a client or proxy that writes a chunk for every few bytes."
    ),
    Reason.FRAME_BODY_SIZE: (
        "The body is larger than limits.body_size. It was refused by its head, before the body was read."
    ),
    Reason.FRAME_BODY_RATE: (
        "The body came more slowly than limits.body_rate, beyond limits.body_grace: a very bad network, "
        "or somebody who tries to hold connections open. Raise the grace for clients that pause while "
        "they send; many of these from one place are an attack."
    ),
    Reason.FRAME_TIMEOUT: (
        "The request arrived more slowly than limits.head_timeout or limits.body_timeout allow: a bad "
        "network, or somebody who tries to hold connections open."
    ),
    Reason.FRAME_EXPECT: (
        "The Expect header asked for something other than 100-continue, the only expectation that "
        "HTTP/1.1 defines. Have the client leave it out."
    ),
    Reason.FRAME_METHOD: (
        "MCP over HTTP uses POST, GET and DELETE. A browser's preflight (OPTIONS) ends here too."
    ),
    Reason.FRAME_CONTENT_TYPE: (
        "The body was not declared as application/json in UTF-8. MCP demands that of every POST."
    ),
    Reason.FRAME_CONTENT_ENCODING: (
        "The body was compressed. MCP servers read it as it is, so it would be judged as one thing and "
        "understood as another; switch request compression off in the client."
    ),
    Reason.FRAME_JSON: "The body was not valid JSON in UTF-8. The detail says where; the body is not kept.",
    Reason.FRAME_DUPLICATE_KEY: (
        "A JSON object had two members of the same name, or one that looks like a protocol key to a "
        "careless parser. Parsers differ in which they believe, so policy could be passed by one and "
        "read by the other."
    ),
    Reason.FRAME_DEPTH: (
        "The body was nested more than 64 deep, where parsers begin to fail. No tool needs it."
    ),
    Reason.FRAME_NUMBER: (
        "A number in the body was too large to mean the same to every parser. Have the client send it "
        "as a string."
    ),
    Reason.FRAME_BATCH: (
        "The body was a list of messages. MCP has batches in 2025-03-26 only; update the client. There, one "
        "has 1 to 100 messages, no two with the same id, and no initialize; the detail says what was wrong."
    ),
    Reason.FRAME_ENVELOPE: (
        "The body was JSON, but not exactly one JSON-RPC 2.0 request, notification or response. Check "
        "that the client speaks MCP over Streamable HTTP, and that nothing wraps its messages."
    ),
    Reason.FRAME_ID: (
        "The message's id was null, a fraction, out of range or very long. Answers could not be told "
        "apart by it."
    ),
    Reason.FRAME_PARAMS: (
        "The method needs a name or a URI in its params, and there was none that is a string; what "
        "cannot be named cannot be judged."
    ),
    Reason.MCP_ORIGIN: (
        "A page in a browser called the gate, from an origin that is neither the listener's own nor in "
        "listener.origins; the detail names it where its browser did. If the page is an MCP client of "
        "yours, add the origin exactly as it stands there. If not, a website tried to use the browser of "
        "one of your users."
    ),
    Reason.MCP_STATELESS: (
        "A client that says 2026-07-28 sent a GET or DELETE. That revision has neither: what a server wants "
        "to say comes on the stream of subscriptions/listen. The headers and the client's code are of two "
        "revisions."
    ),
    Reason.MCP_METHOD: (
        "A client that says 2026-07-28 sent a request of an older revision that is not whole either. The "
        "headers and the client's code are of two revisions."
    ),
    Reason.MCP_REVISION: (
        "MCP-Protocol-Version names a revision of MCP that the gate does not know and so cannot inspect; "
        "the answer lists those to fall back to. Update the gate, or have the client ask for a known one."
    ),
    Reason.MCP_HEADER: (
        "From 2026-07-28 on, MCP-Protocol-Version, Mcp-Method, Mcp-Name and Mcp-Param-* repeat what the body "
        "says, and one was missing, malformed or said something else; or a body named a protocolVersion "
        "that the request's headers do not. Update the client; look for something on the way that changes "
        "headers. For Mcp-Param-*, the client should call tools/list again, as the tool may have changed."
    ),
    Reason.MCP_META: (
        "From 2026-07-28 on, each request carries its version and the client's capabilities in params._meta, "
        "and this one did not, although MCP-Protocol-Version says that it is of that revision. "
        "Update the client; its headers and its code are of two revisions."
    ),
    Reason.MCP_RESPONSE: (
        "A client POSTed a JSON-RPC response. From 2026-07-28 on there are none: what a server asks for is "
        "answered by a new request (inputResponses). The headers and the client's code are of two revisions."
    ),
    Reason.ROUTE_UNKNOWN: (
        "No [[route]] has this path and host. Paths are compared exactly, byte by byte: a slash at the "
        "end, or upper case, makes another path."
    ),
    Reason.AUTH_MISSING: (
        "The caller showed neither a bearer token nor a client certificate that this listener accepts, or "
        "only one of them where it demands both (certificate_and_token). Issue one: mcpgate token issue NAME."
    ),
    Reason.AUTH_INVALID: (
        "The token is none that this gate issued: mistyped, cut off, of another gate, or guessed. Many "
        "of these from one address are an attack."
    ),
    Reason.AUTH_EXPIRED: "The token was right but is over. Issue a new one: mcpgate token issue NAME.",
    Reason.AUTH_REVOKED: (
        "The token, or what its issuer has given the subject, was revoked here and somebody still uses it; "
        "or it was revoked while a call or a stream of it was open, which this has ended. Find out who: the "
        "record has the address. mcpgate token list shows what is revoked and denied."
    ),
    Reason.AUTH_CERTIFICATE: (
        "The client certificate verifies, but has neither exactly one spiffe:// URI nor a DNS name that "
        "could be the caller's name, or none (or several) of those in listener.client_names. Reissue it with "
        "one, or list its name."
    ),
    Reason.AUTH_HEADER: (
        "The Authorization header says Bearer, and what follows is no token (RFC 6750 section 2.1): nothing, "
        "several words, or characters that no token has. The client puts something else into it."
    ),
    Reason.AUTH_MALFORMED: (
        "What was sent as a bearer token is neither one that this gate issued nor a JSON Web Token that "
        "can be read without doubt: too long, not in canonical base64url, members twice, headers that "
        "would name a key. The detail says which. A client that sends it mixes up tokens, or somebody "
        "tries the door."
    ),
    Reason.AUTH_ALGORITHM: (
        "The token's signature algorithm is not in issuer.algorithms. Never add none or HS256: look at "
        "what the issuer documents, and at its keys."
    ),
    Reason.AUTH_KEY: (
        "The token's key id is not among the issuer's keys, also after they were fetched again, or the "
        "key is not fit for its algorithm. After a rotation it takes up to a minute; if it stays, the "
        "token is of another issuer, or issuer.jwks is wrong."
    ),
    Reason.AUTH_SIGNATURE: (
        "The token's signature does not hold by the issuer's key: it was altered, or made by somebody "
        "else. If many callers meet it at once, compare the issuer's keys with what status shows."
    ),
    Reason.AUTH_TYPE: (
        "The token is no access token, such as an ID token, which is for the client and not for us. Have "
        "the client send its access token; only if its issuer has no others, set issuer.id_tokens."
    ),
    Reason.AUTH_ISSUER: (
        "No issuer of this listener is spelled exactly like the token's iss (the detail has it, bounded): "
        "a slash at the end, another tenant, http for https count. Compare with issuer.issuer."
    ),
    Reason.AUTH_AUDIENCE: (
        "The token was made for somebody else. Its aud must be the route's public URL, or in "
        "issuer.audience. Have the client ask for it (resource=), or add what the identity provider puts "
        "in."
    ),
    Reason.AUTH_EARLY: "The token's nbf or iat is in the future by more than issuer.skew. Compare clocks.",
    Reason.AUTH_LIFETIME: (
        "The token is valid for longer than issuer.max_lifetime. Have the identity provider make shorter "
        "ones; raise the limit only if you can live with a stolen token for so long."
    ),
    Reason.AUTH_CLAIM: (
        "A claim that is demanded of the issuer's tokens is missing or says something else; the detail "
        "names it. Look at the issuer's table: its claims, parties, tenants."
    ),
    Reason.AUTH_INACTIVE: (
        "The issuer was asked about the token (RFC 7662) and said that it is not active: over, revoked, "
        "or not its own."
    ),
    Reason.AUTH_BINDING: (
        "The token is bound to a client certificate or key (cnf), or its route demands that it is, and "
        "the request does not prove it. Have the client present the certificate that it got the token "
        "with."
    ),
    Reason.AUTH_PLACE: (
        "The token was issued for other routes or addresses than this request's (mcpgate token list shows "
        "them). It may have been stolen: find out who used it."
    ),
    Reason.AUTH_REPLAYED: (
        "An assertion or proof that may be used once came a second time: a client that repeats itself, or "
        "somebody who copied it."
    ),
    Reason.AUTH_SCOPE: (
        "The caller is known, but its token's scopes are not those that route.scopes or the rule ask for. "
        "Clients that can will get another token by the challenge; else grant the scopes at the issuer."
    ),
    Reason.AUTH_UNAVAILABLE: (
        "The issuer's keys could not be fetched for longer than issuer.stale, or it could not be asked "
        "about an opaque token. mcpgate status shows each issuer's last error; its legs are in the "
        "journal. At the token endpoint: the use of an assertion could not be noted in the state "
        "directory, as the detail says."
    ),
    Reason.AUTH_REQUEST: (
        "What came to the token endpoint is no request for a token: form-encoded, each parameter once, "
        "with a grant type that the gate has (RFC 6749 section 3.2, RFC 7522)."
    ),
    Reason.AUTH_ASSERTION: (
        "The SAML assertion is not accepted; the detail says why. Common: the audience or recipient is "
        "not the gate's, it is over, or the identity provider's certificate has changed and its metadata "
        "here has not."
    ),
    Reason.SESSION_EVENT: (
        "A client wanted to resume a stream from an event that it did not get in this session, or that is "
        "more than 256 events ago. Servers may number the events of all sessions together, so it might get "
        "what is somebody else's. The client should open a new stream, or a new session."
    ),
    Reason.SESSION_UNKNOWN: (
        "The session id is none of this caller on this route: it is over (limits.session_lifetime), was "
        "sealed with a key that is gone (mcpgate session rotate --now) or by another gate, belongs to "
        "somebody else, or was made up. The caller is not told which; its client opens another session "
        "by itself. Replicas behind one balancer need the same session-keys.json."
    ),
    Reason.POLICY_UNLISTED: (
        'No rule with verdict = "allow" matches this call; what no rule allows is blocked. Add one if '
        "it should be allowed; the record has the route, method and name."
    ),
    Reason.POLICY_BLOCKED: (
        'A rule with verdict = "block" matches this call; the record names it. Block wins over every allow.'
    ),
    Reason.POLICY_ARGUMENTS: (
        "The caller may use this, but not with these arguments: a condition (where) of a rule that allows it "
        "does not hold, or one of a rule that blocks it does. The record names the rule, never the arguments."
    ),
    Reason.POLICY_TRANSPORT: (
        "The rules that allow this demand more of a connection (require) than one leg has: look at both "
        "handshakes of the exchange, and at the rule in its record."
    ),
    Reason.POLICY_CONTENT: (
        "A detector of a rule's block list found something, or one of its mask list did in a place that "
        "must not be changed (a URI, a name, bytes that are no text). The detail names rule and detector."
    ),
    Reason.POLICY_SCHEMA: (
        "A masked value would not fit the tool's outputSchema (an enum, a pattern, a length), and clients "
        "refuse such a result. Ask the server's developers for a looser schema, or do not mask this tool."
    ),
    Reason.POLICY_DENIED: "A held call was denied (mcpgate policy deny). The record says by whom.",
    Reason.POLICY_UNDECIDED: (
        "A held call was not approved before its deadline, or before its gate ended. Approve the next one "
        "with mcpgate policy approve, or give people more time (the rule's wait)."
    ),
    Reason.POLICY_BUDGET: (
        "The caller, route or tool has used up a [[budget]]; the answer says when there is more. If it is "
        "honest use, raise the budget."
    ),
    Reason.POLICY_CONCURRENT: (
        "As many such calls as a [[budget]] permits are running. Calls that never end hold their place: "
        "look for them in the upstream."
    ),
    Reason.POLICY_RESULT_SIZE: (
        "The answer was larger than a [[budget]] permits. Ask for less at a time, or raise its result_size."
    ),
    Reason.POLICY_DEFINITION: (
        "The upstream lists a tool otherwise than when it was accepted. Read the difference (mcpgate policy "
        "definitions), and accept it (mcpgate policy accept) or ask its developers."
    ),
    Reason.POLICY_LIST: (
        "A list of the upstream has one name twice, or names that could be taken for one another, so nobody "
        "could know which one is called. Its developers must rename one."
    ),
    Reason.POLICY_QUESTION: (
        "The upstream asked its caller for something (sampling, elicitation, roots) that no rule allows, or "
        "for too much at once; or a caller answered what it was not asked. If the upstream should ask, add a "
        "rule that names the method."
    ),
    Reason.UPSTREAM_UNREACHABLE: (
        "The upstream's name did not resolve, or nothing answered at its address within "
        "upstream.connect_timeout. Try mcpgate check --online from this machine."
    ),
    Reason.UPSTREAM_BUSY: (
        "All upstream.connections were in use. Each open stream holds one: raise the number, or find "
        "out which callers keep streams open."
    ),
    Reason.UPSTREAM_QUEUE: (
        "All upstream.connections were in use and upstream.queue callers were waiting for one already. "
        "Raise upstream.connections if the upstream can bear it; a longer queue only makes callers wait."
    ),
    Reason.UPSTREAM_TIMEOUT: (
        "The upstream took the request and did not begin to answer within upstream.answer_timeout. It "
        "may still be working: the call was perhaps carried out."
    ),
    Reason.UPSTREAM_QUIET: (
        "A stream carried no byte for upstream.quiet_timeout and was ended; clients open another. Have "
        "the upstream send heartbeats (most SDKs do, every 15 s or so), or raise the time."
    ),
    Reason.UPSTREAM_EVENT_SIZE: (
        "The upstream sent a single event larger than limits.event_size, so its stream was cut: clients "
        "hold an event in memory until its end. Raise the limit if your clients can take it, or have the "
        "tool return a link to what is large."
    ),
    Reason.UPSTREAM_CLOSED: (
        "The upstream closed the connection before it answered; its own log says why. If it closes idle "
        "connections early, lower upstream.keepalive below its time."
    ),
    Reason.UPSTREAM_FRAMING: (
        "The upstream's answer was not well-formed HTTP/1.1, or compressed although asked not to be. "
        "Nothing of it was passed on."
    ),
    Reason.UPSTREAM_TRUNCATED: (
        "The upstream's answer broke off before its end. The caller was told by a broken connection, "
        "never by an answer that looks complete."
    ),
    Reason.UPSTREAM_UNAUTHORIZED: (
        "The upstream answered 401 to the gate's own credential: it has expired or was revoked there. "
        "Replace what upstream.credential refers to; callers cannot mend this."
    ),
    Reason.UPSTREAM_CREDENTIAL: (
        "The gate needs a credential for the upstream and has none: nobody is mapped to this caller, or the "
        "token endpoint refused or could not be reached. The detail and mcpgate status say which. Callers "
        "can do nothing about it."
    ),
    Reason.UPSTREAM_ECHO: (
        "The upstream's answer held the credential that the gate showed it. It was masked or withheld. Treat "
        "the upstream as leaking: rotate the credential, and find out who could read it."
    ),
    Reason.UPSTREAM_REDIRECT: (
        "The upstream answered with a 3xx status. Redirects are not followed: what was judged for one "
        "address is not sent to another. Put the final address into upstream.url; a missing slash at its "
        "end is the usual cause."
    ),
    Reason.UPSTREAM_CONTENT: (
        "An answer was compressed, in another charset than UTF-8, or neither application/json nor "
        "text/event-stream. The gate passes on only what it can read. Look at what stands before the "
        "server."
    ),
    Reason.UPSTREAM_MESSAGE: (
        "What the upstream answered is no JSON-RPC message that everybody reads alike, or none that "
        "answers the request; the detail says what is wrong. It is a fault of the server, or an attempt "
        "to deceive its callers."
    ),
    Reason.UPSTREAM_ANSWER_SIZE: (
        "An answer is held until it is whole, as it is judged whole, and this one was larger than "
        "limits.answer_size. Raise that if such answers are meant."
    ),
    Reason.UPSTREAM_REVISION: (
        "The server's answer to initialize names a revision of MCP that the gate cannot inspect, though "
        "none such was asked for. Update the gate, or have the server offer an older one."
    ),
    Reason.UPSTREAM_ENDPOINT: (
        "A server of the old HTTP+SSE transport told its client to POST to another origin, or to a "
        "malformed address. Behind a proxy, such servers must be told their own public address."
    ),
    Reason.UPSTREAM_UNASKED: (
        "The upstream sent an answer to a request that nobody who reads this stream has made. It was kept "
        "from the caller. Servers that mix up their callers do this, and so do those that try to deceive "
        "them."
    ),
    Reason.UPSTREAM_REPEATED: (
        "The upstream answered one request twice; the second answer was kept from the caller, whoever it "
        "was for."
    ),
    Reason.UPSTREAM_ASKS: (
        "The upstream sent a request of its own in 2026-07-28, which does not have them. It was kept from "
        "the caller."
    ),
    Reason.UPSTREAM_EVENT: (
        "The upstream sent an event of a type that MCP does not have, and clients ignore. It was kept "
        "from the caller."
    ),
    Reason.PROXY_HEADER: (
        "A connection from an address of listener.proxy_from did not begin with a PROXY protocol header "
        "of version 2. Switch it on there (HAProxy: send-proxy-v2, AWS: proxy protocol v2 of the target "
        "group), or take the address out of proxy_from. In an application that embeds the gate, behind an "
        "endpoint haproxy:, the header gave an address that is none."
    ),
    Reason.PROXY_UNTRUSTED: (
        "Somebody who is not in listener.proxy_from sent a PROXY protocol header, and could have claimed "
        "any address by it. If it is your balancer, name it there; else somebody is trying."
    ),
    Reason.LIMIT_CONNECTIONS: (
        "The worker had as many callers' connections as it may have, so newcomers were closed at once. "
        "mcpgate status shows the bound in effect: the lower of limits.connections and of what the "
        "process's descriptor limit leaves (LimitNOFILE of the unit, ulimit -n). Raise the lower one, or "
        "run more workers."
    ),
    Reason.LIMIT_ADDRESS: (
        "One address (of IPv6, one /64) had limits.connections_per_address connections to this worker. A "
        "proxy or NAT with many callers behind it needs a higher number, or listener.proxy_from if it is "
        "a balancer of yours; anybody else leaks connections or means harm."
    ),
    Reason.LIMIT_HANDSHAKES: (
        "More than limits.handshakes connections had not finished their handshake; those that had shown "
        "least were closed. It is a flood, or a machine too busy for its callers. Clients that reconnect "
        "all at once (after an outage) settle by themselves."
    ),
    Reason.LIMIT_FAILURES: (
        "An address (of IPv6, one /64) presented more bad tokens, or plaintext, than limits.failures in "
        "limits.failures_period; its failures are cut short until it stops. Good tokens from it are "
        "served as ever. The records before this one say what it tried: mostly it is a client whose "
        "token ran out."
    ),
    Reason.LIMIT_DESCRIPTORS: (
        "The process, or the machine, had no file descriptor left. Raise the process's limit "
        "(LimitNOFILE of the unit, ulimit -n) or lower limits.connections and upstream.connections; "
        "service comes back by itself as soon as descriptors are free."
    ),
    Reason.CLIENT_GONE: (
        "The caller closed its connection before the answer was complete; the upstream was told to stop."
    ),
    Reason.GATE_DRAINING: (
        "The gate was shutting down and took no new requests. Seen by callers that a load balancer "
        "still sends here."
    ),
    Reason.GATE_JOURNAL: (
        "The journal could not be written, and nothing is forwarded off the record. Look at the disk "
        "that holds gate.state: space, quota, permissions."
    ),
    Reason.GATE_ERROR: (
        "A fault in the gate itself; its log has a traceback with the exchange's id. The request was "
        "not completed. Please report it."
    ),
}
