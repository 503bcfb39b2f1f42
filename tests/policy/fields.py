"""The field table: every place at which somebody's text may stand, by hand, and what becomes of it.

The registry (C{wire.mcp}) is not asked: it is what is tested. A message is written with C{@@} where
something is planted. White space, numbers and escapes are spelled in odd ways on purpose: nobody who
decodes and encodes a message again yields the same bytes.
"""

# One line a place, however long; braces are JSON's here.
# ruff: noqa: E501, UP031

from __future__ import annotations

from attrs import frozen

ALL = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")
LEGACY = ALL[:4]
SINCE_2025_03 = ALL[1:]
SINCE_2025_06 = ALL[2:]
SINCE_2025_11 = ALL[3:]
ONLY_2025_11 = ALL[3:4]
MODERN = ALL[4:]

#: What becomes of it.
MASKED = "masked"  # [email], [card]
LINK = "link"  # leads nowhere
BASE64 = "base64"  # masked within; the planted text is encoded
WITHHELD = "withheld"  # policy.content
GONE = "gone"  # the item goes
KEPT = "kept"  # passes as it is


@frozen
class Field:
    """
    One place.

    @ivar asked: The method that is answered, C{None} for what is no answer.
    """

    where: str
    revisions: tuple[str, ...]
    sender: str
    asked: str | None
    message: str
    becomes: str = MASKED


def _result(asked: str | None, where: str, result: str, revisions: tuple[str, ...] = ALL, becomes: str = MASKED, sender: str = "server") -> Field:
    message = '{"jsonrpc" :"2.0",\t"id":"a\\u002fb", "result":{"n":[1.10,1e2,-0] , %s} }' % result
    return Field(f"{asked} result {where}", revisions, sender, asked, message, becomes)


def _params(method: str, where: str, params: str, revisions: tuple[str, ...] = ALL, becomes: str = MASKED, sender: str = "client", asks: bool = True) -> Field:
    id = '"id" : 0,' if asks else ""
    message = '{"jsonrpc": "2.0",%s "params" :{"n":[1.10,\n1e2,-0] , %s}, "method":"%s"}' % (id, params, method)
    return Field(f"{method} params {where}", revisions, sender, None, message, becomes)


def _error(
    where: str, error: str, revisions: tuple[str, ...] = ALL, becomes: str = MASKED, code: int = -32602
) -> Field:
    message = '{"jsonrpc":"2.0" ,"id":7,"error":{"code":%d , %s}}' % (code, error)
    return Field(f"error {where}", revisions, "server", "tools/call", message, becomes)


def _block(content: str) -> str:
    return '"content":[ {"type":"text", "text":"\\u00e9\\/" }, %s ]' % content


_ICON = '"icons":[{"src":"https://icons.example/?u=@@", "sizes":["48x48"]}]'
_DATA_ICON = '"icons":[{"src":"data:text/plain;base64,@@"}]'

_CALL = "tools/call"
CALLED = (
    _result(_CALL, "text", _block('{"type":"text","text":"caf\\u00e9: @@ !"}')),
    _result(_CALL, "text, isError", _block('{"type":"text","text":"no: @@"}') + ', "isError":true'),
    _result(_CALL, "text annotations", _block('{"type":"text","text":"x","annotations":{"audience":["user"],"note":"@@"}}')),
    _result(_CALL, "text _meta", _block('{"type":"text","text":"x","_meta":{"example.com/of":"by @@"}}'), SINCE_2025_06),
    _result(_CALL, "image data", _block('{"type":"image","mimeType":"image/svg+xml","data":"@@"}'), ALL, BASE64),
    _result(_CALL, "audio data", _block('{"type":"audio","mimeType":"audio/wav","data":"@@"}'), SINCE_2025_03, BASE64),
    _result(_CALL, "resource text", _block('{"type":"resource","resource":{"uri":"file:///x","text":"of @@"}}')),
    _result(_CALL, "resource blob", _block('{"type":"resource","resource":{"uri":"file:///x","blob":"@@"}}'), ALL, BASE64),
    _result(_CALL, "resource _meta", _block('{"type":"resource","resource":{"uri":"file:///x","text":"","_meta":{"k":"@@ "}}}'), SINCE_2025_06),
    _result(_CALL, "resource uri", _block('{"type":"resource","resource":{"uri":"file:///@@","text":"x"}}'), ALL, WITHHELD),
    _result(_CALL, "resource mimeType", _block('{"type":"resource","resource":{"uri":"file:///","text":"","mimeType":"x/@@"}}'), ALL, WITHHELD),
    _result(_CALL, "link name", _block('{"type":"resource_link","uri":"file:///x","name":"by @@"}'), SINCE_2025_06),
    _result(_CALL, "link title", _block('{"type":"resource_link","uri":"file:///x","name":"x","title":"by @@"}'), SINCE_2025_06),
    _result(_CALL, "link description", _block('{"type":"resource_link","uri":"file:///x","name":"x","description":"by @@"}'), SINCE_2025_06),
    _result(_CALL, "link icons", _block('{"type":"resource_link","uri":"file:///x","name":"x",%s}' % _ICON), SINCE_2025_11, LINK),
    _result(_CALL, "link data icons", _block('{"type":"resource_link","uri":"file:///x","name":"x",%s}' % _DATA_ICON), SINCE_2025_11, LINK),
    _result(_CALL, "link uri", _block('{"type":"audio"} <<, {"type":"resource_link","uri":"file:///@@","name":"x"}>>'), SINCE_2025_06, GONE),
    _result(_CALL, "structuredContent", '"structuredContent":{"a":[{"b":"of @@ and"}], "c" : 1.50}', SINCE_2025_06),
    _result(_CALL, "structuredContent name", '"structuredContent":{"a":{"for @@": 1 }}', SINCE_2025_06),
    _result(_CALL, "structuredContent id", '"structuredContent":{"id":"of @@","name":"x"}', SINCE_2025_06),
    _result(_CALL, "structuredContent array", '"structuredContent":[ [ "of @@ and" ] ]', MODERN),
    _result(_CALL, "structuredContent string", '"structuredContent":"of @@ and"', MODERN),
    _result(_CALL, "copy of structuredContent", _block('{"type":"text","text":"{\\"a\\": [\\"of @@ and\\"]}"}')),
    _result(_CALL, "_meta", '"_meta":{"example.com/x":{"y":["of @@"]}}'),
    _result(_CALL, "_meta name", '"_meta":{"of @@":0}'),
    _result(_CALL, "what no schema knows", '"unheard":{"of":"of @@"}'),
    _result(_CALL, "a name that no schema knows", '"un @@":true'),
    _result(_CALL, "block of no known type", _block('{"type":"hologram","beam":{"x":"of @@"}}')),
    _result(_CALL, "content that is no array", '"content":{"type":"text","text":"of @@"}'),
    _result(_CALL, "content of strings", '"content":["of @@"]'),
    _result(_CALL, "task", '"task":{"taskId":"t","statusMessage":"of @@"}', ONLY_2025_11),
    _result(_CALL, "task of the extension", '"resultType":"task","taskId":"t","statusMessage":"of @@"', MODERN),
)
_REQUESTS = '"resultType":"input_required","inputRequests":{"k":{"method":"%s","params":{%s}}}'
QUESTIONS = tuple(
    _result(_CALL, f"inputRequests {where}", _REQUESTS % (method, params), MODERN, becomes)
    for method, where, params, becomes in (
        ("elicitation/create", "message", '"message":"who is @@?"', MASKED),
        ("elicitation/create", "schema", '"requestedSchema":{"type":"object","properties":{"a":{"type":"string","default":"of @@"}}}', MASKED),
        ("elicitation/create", "schema enum", '"requestedSchema":{"properties":{"a":{"enum":["of @@","b"]}}}', MASKED),
        ("elicitation/create", "schema grammar", '"requestedSchema":{"properties":{"of @@":{}}}', WITHHELD),
        ("elicitation/create", "url", '"mode":"url","url":"https://x.example/@@"', LINK),
        ("sampling/createMessage", "text", '"messages":[{"role":"user","content":{"type":"text","text":"of @@"}}]', MASKED),
        ("sampling/createMessage", "systemPrompt", '"systemPrompt":"of @@"', MASKED),
        ("sampling/createMessage", "metadata", '"metadata":{"a":"of @@"}', MASKED),
        ("sampling/createMessage", "tool description", '"tools":[{"name":"t","description":"of @@"}]', MASKED),
        ("sampling/createMessage", "tool name", '"tools":[<<{"name":"t @@"}, >>{"name":"a"}]', GONE),
        ("roots/list", "_meta", '"_meta":{"a":"of @@"}', MASKED),
        ("next/year", "anything", '"any":{"thing":"of @@"}', MASKED),
    )
)
READ = (
    _result("resources/read", "text", '"contents":[{"uri":"file:///x","text":"of @@"}]'),
    _result("resources/read", "blob", '"contents":[{"uri":"file:///x","blob":"@@","mimeType":"text/plain"}]', ALL, BASE64),
    _result("resources/read", "uri", '"contents":[{"uri":"file:///@@","text":"x"}]', ALL, WITHHELD),
    _result("resources/read", "_meta", '"contents":[{"uri":"file:///x","text":"","_meta":{"a":"@@"}}]', SINCE_2025_06),
)
PROMPTED = tuple(
    _result("prompts/get", where, result, revisions, becomes)
    for where, result, revisions, becomes in (
        ("description", '"description":"of @@"', ALL, MASKED),
        ("text", '"messages":[{"role":"user","content":{"type":"text","text":"of @@"}}]', ALL, MASKED),
        ("resource text", '"messages":[{"role":"user","content":{"type":"resource","resource":{"uri":"a:b","text":"@@"}}}]', ALL, MASKED),
        ("resource blob", '"messages":[{"role":"user","content":{"type":"resource","resource":{"uri":"a:b","blob":"@@"}}}]', ALL, BASE64),
        ("blocks in an array", '"messages":[{"role":"user","content":[{"type":"text","text":"of @@"}]}]', ALL, MASKED),
    )
)
LISTED = (
    _result("completion/complete", "values", '"completion":{"values":["a", "of @@"],"total":2}'),
    _result("initialize", "instructions", '"instructions":"ask @@"', LEGACY),
    _result("initialize", "serverInfo title", '"serverInfo":{"name":"x","version":"1","title":"by @@"}', SINCE_2025_06[:2]),
    _result("initialize", "serverInfo name", '"serverInfo":{"name":"by @@","version":"1"}', LEGACY, WITHHELD),
    _result("initialize", "serverInfo websiteUrl", '"serverInfo":{"name":"x","websiteUrl":"mailto:@@"}', ONLY_2025_11, LINK),
    _result("initialize", "capabilities", '"capabilities":{"experimental":{"a":"of @@"}}', LEGACY, WITHHELD),
    _result("server/discover", "instructions", '"instructions":"ask @@"', MODERN),
    _result("server/discover", "serverInfo", '"_meta":{"io.modelcontextprotocol/serverInfo":{"title":"by @@"}}', MODERN),
    *(
        _result("tools/list", f"tool {where}", '"tools":[{"name":"a"} <<, {"name":"%s",%s}>> ]' % (name, rest), revisions, becomes)
        for where, name, rest, revisions, becomes in (
            ("title", "t", '"title":"of @@"', SINCE_2025_06, MASKED),
            ("description", "t", '"description":"of @@"', ALL, MASKED),
            ("annotations title", "t", '"annotations":{"title":"of @@","readOnlyHint":true}', SINCE_2025_03, MASKED),
            ("inputSchema description", "t", '"inputSchema":{"type":"object","properties":{"description":{"description":"of @@"}}}', ALL, MASKED),
            ("inputSchema default", "t", '"inputSchema":{"properties":{"a":{"default":{"b":["of @@"]}}}}', ALL, MASKED),
            ("inputSchema enum", "t", '"inputSchema":{"properties":{"a":{"enum":["of @@"]}}}', ALL, MASKED),
            ("inputSchema examples", "t", '"inputSchema":{"$defs":{"a":{"examples":["of @@"]}}}', ALL, MASKED),
            ("inputSchema const", "t", '"inputSchema":{"anyOf":[{"const":"of @@"}]}', ALL, MASKED),
            ("inputSchema pattern", "t", '"inputSchema":{"properties":{"a":{"pattern":"@@"}}}', ALL, GONE),
            ("inputSchema property", "t", '"inputSchema":{"properties":{"@@":{"type":"string"}}}', ALL, GONE),
            ("outputSchema title", "t", '"outputSchema":{"title":"of @@"}', SINCE_2025_06, MASKED),
            ("icons", "t", _ICON, SINCE_2025_11, LINK),
            ("_meta", "t", '"_meta":{"a":"of @@"}', SINCE_2025_06, MASKED),
            ("name", "t @@", '"description":"x"', ALL, GONE),
        )
    ),
    _result("prompts/list", "title", '"prompts":[{"name":"p","title":"of @@"}]', SINCE_2025_06),
    _result("prompts/list", "description", '"prompts":[{"name":"p","description":"of @@"}]'),
    _result("prompts/list", "argument", '"prompts":[{"name":"p","arguments":[{"name":"a","description":"of @@"}]}]'),
    _result("prompts/list", "name", '"prompts":[<<{"name":"p @@"}>>]', ALL, GONE),
    _result("prompts/list", "argument name", '"prompts":[{"name":"a"}<<,{"name":"p","arguments":[{"name":"@@"}]}>>]', ALL, GONE),
    _result("resources/list", "name", '"resources":[{"uri":"a:b","name":"of @@"}]'),
    _result("resources/list", "description", '"resources":[{"uri":"a:b","name":"x","description":"of @@"}]'),
    _result("resources/list", "uri", '"resources":[<<{"uri":"a:/@@","name":"{[\\"}]"} ,\n>>{"uri":"a:b","name":"x"}]', ALL, GONE),
    _result("resources/templates/list", "description", '"resourceTemplates":[{"uriTemplate":"a:{b}","name":"x","description":"of @@"}]'),
    _result("resources/templates/list", "uriTemplate", '"resourceTemplates":[{"uriTemplate":"a:b","name":"x"}<<,{"uriTemplate":"a:/@@{b}","name":"x"}>>,{"uriTemplate":"b"}]', ALL, GONE),
)
TASKS = (
    _result("tasks/get", "statusMessage", '"taskId":"t","statusMessage":"of @@"', SINCE_2025_11),
    _result("tasks/get", "result", '"result":{"content":[{"type":"text","text":"of @@"}]}', MODERN),
    _result("tasks/get", "result structuredContent", '"result":{"structuredContent":{"a":"of @@"}}', MODERN),
    _result("tasks/get", "error", '"error":{"code":1,"message":"of @@"}', MODERN),
    _result("tasks/get", "error data", '"error":{"code":1,"message":"x","data":{"a":"of @@"}}', MODERN),
    _result("tasks/get", "inputRequests", '"inputRequests":{"k":{"method":"elicitation/create","params":{"message":"of @@"}}}', MODERN),
    _result("tasks/cancel", "statusMessage", '"statusMessage":"of @@"', SINCE_2025_11),
    _result("tasks/list", "statusMessage", '"tasks":[{"taskId":"t","statusMessage":"of @@"}]', ONLY_2025_11),
    _result("tasks/result", "text", '"content":[{"type":"text","text":"of @@"}]', ONLY_2025_11),
    _result("tasks/result", "blob", '"content":[{"type":"resource","resource":{"uri":"a:b","blob":"@@"}}]', ONLY_2025_11, BASE64),
    _params("notifications/tasks/status", "statusMessage", '"taskId":"t","statusMessage":"of @@"', ONLY_2025_11, sender="server", asks=False),
    _params("notifications/tasks", "result", '"taskId":"t","result":{"content":[{"type":"text","text":"of @@"}]}', MODERN, sender="server", asks=False),
    _params("notifications/tasks", "error", '"taskId":"t","error":{"code":1,"message":"of @@"}', MODERN, sender="server", asks=False),
    _params("notifications/tasks", "inputRequests", '"inputRequests":{"k":{"method":"elicitation/create","params":{"message":"of @@"}}}', MODERN, sender="server", asks=False),
)
ERRORS = (
    _error("message", '"message":"no @@"'),
    _error("data", '"message":"x","data":{"a":[{"b":"of @@"}]}'),
    _error("data name", '"message":"x","data":{"a":{"of @@":1}}'),
    _error("data string", '"message":"x","data":"of @@"'),
    _error("data uri", '"message":"Resource not found","data":{"uri":"file:///@@"}'),
    _error("data url", '"message":"x","data":{"elicitations":[{"mode":"url","url":"https://a.example/@@","elicitationId":"e"}]}', ONLY_2025_11, LINK),
    _error("what no schema knows", '"message":"x","cause":"of @@"'),
)
TOLD = (
    _params("notifications/progress", "message", '"progressToken":1,"progress":0.5,"message":"of @@"', SINCE_2025_03, sender="server", asks=False),
    _params("notifications/message", "data", '"level":"info","data":{"a":["of @@"]}', sender="server", asks=False),
    _params("notifications/message", "data string", '"level":"info","data":"of @@"', sender="server", asks=False),
    _params("notifications/message", "logger", '"level":"info","logger":"of @@","data":1', sender="server", asks=False),
    _params("notifications/cancelled", "reason", '"requestId":1,"reason":"of @@"', sender="server", asks=False),
    _params("notifications/resources/updated", "uri", '"uri":"file:///@@"', becomes=WITHHELD, sender="server", asks=False),
    _params("notifications/next/year", "anything", '"a":{"b":"of @@"}', sender="server", asks=False),
)
SAMPLED = tuple(
    _params("sampling/createMessage", where, params, revisions, becomes, sender="server")
    for where, params, revisions, becomes in (
        ("text", '"messages":[{"role":"user","content":{"type":"text","text":"of @@"}}]', LEGACY, MASKED),
        ("blocks", '"messages":[{"role":"user","content":[{"type":"text","text":"of @@"}]}]', ONLY_2025_11, MASKED),
        ("tool use", '"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"t","input":{"a":"of @@"}}]}]', ONLY_2025_11, MASKED),
        ("tool use name", '"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"t @@","input":{}}]}]', ONLY_2025_11, WITHHELD),
        ("tool result text", '"messages":[{"role":"user","content":[{"type":"tool_result","toolUseId":"1","content":[{"type":"text","text":"of @@"}]}]}]', ONLY_2025_11, MASKED),
        ("tool result structured", '"messages":[{"role":"user","content":[{"type":"tool_result","toolUseId":"1","structuredContent":{"a":"of @@"}}]}]', ONLY_2025_11, MASKED),
        ("systemPrompt", '"systemPrompt":"of @@"', LEGACY, MASKED),
        ("stopSequences", '"stopSequences":["of @@"]', LEGACY, MASKED),
        ("metadata", '"metadata":{"a":"of @@"}', LEGACY, MASKED),
        ("tools", '"tools":[{"name":"t","description":"of @@"}]', ONLY_2025_11, MASKED),
        ("image data", '"messages":[{"role":"user","content":{"type":"image","data":"@@","mimeType":"a/b"}}]', LEGACY, BASE64),
    )
)
ELICITED = (
    _params("elicitation/create", "message", '"message":"who is @@?"', SINCE_2025_06[:2], sender="server"),
    _params("elicitation/create", "schema", '"message":"x","requestedSchema":{"type":"object","properties":{"a":{"type":"string","title":"of @@"}}}', SINCE_2025_06[:2], sender="server"),
    _params("elicitation/create", "schema enumNames", '"requestedSchema":{"properties":{"a":{"enum":["a"],"enumNames":["of @@"]}}}', SINCE_2025_06[:2], sender="server"),
    _params("elicitation/create", "url", '"mode":"url","elicitationId":"e","url":"https://a.example/@@"', ONLY_2025_11, LINK, sender="server"),
)
ANSWERED = (
    _result("sampling/createMessage", "text", '"role":"assistant","model":"m","content":{"type":"text","text":"of @@"}', LEGACY, sender="client"),
    _result("elicitation/create", "content", '"action":"accept","content":{"mail":"of @@"}', SINCE_2025_06[:2], sender="client"),
    _result("roots/list", "name", '"roots":[{"uri":"file:///x","name":"of @@"}]', LEGACY, sender="client"),
    _result("roots/list", "uri", '"roots":[{"uri":"file:///@@"}]', LEGACY, LINK, sender="client"),
    _result(None, "of who knows what", '"role":"assistant","model":"m","content":[{"type":"text","text":"of @@"}]', LEGACY, sender="client"),
    *(
        _params(method, f"inputResponses {where}", '"inputResponses":{"k":{%s}}' % result, MODERN, becomes)
        for method in ("tools/call", "prompts/get", "resources/read", "tasks/update")
        for where, result, becomes in (
            ("content", '"action":"accept","content":{"a":"of @@"}', MASKED),
            ("text", '"role":"assistant","model":"m","content":{"type":"text","text":"of @@"}', MASKED),
            ("roots", '"roots":[{"uri":"file:///@@","name":"x"}]', LINK),
        )
    ),
)
ASKED = (
    _params("tools/call", "arguments", '"name":"t","arguments":{"a":{"b":["of @@"]}}'),
    _params("tools/call", "arguments name", '"name":"t","arguments":{"a":{"of @@":1}}'),
    _params("tools/call", "name", '"name":"t @@"', becomes=WITHHELD),
    _params("prompts/get", "arguments", '"name":"p","arguments":{"a":"of @@"}'),
    _params("resources/read", "uri", '"uri":"file:///@@"', becomes=WITHHELD),
    _params("completion/complete", "argument", '"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"a","value":"of @@"}'),
    _params("completion/complete", "context", '"context":{"arguments":{"a":"of @@"}}', SINCE_2025_06),
    _params("initialize", "clientInfo", '"clientInfo":{"name":"x","version":"1","title":"of @@"}', SINCE_2025_06[:2]),
    _params("tools/call", "_meta", '"name":"t","_meta":{"a":"of @@"}'),
    _params("next/year", "anything", '"a":[{"b":"of @@"}]'),
    _params("notifications/progress", "message", '"message":"of @@","progress":1,"progressToken":1', ALL[1:4], asks=False),
    _params("notifications/cancelled", "reason", '"reason":"of @@","requestId":1', asks=False),
)
#: What must arrive as it was sent, whatever it holds.
NEVER = (
    _result("tools/list", "nextCursor", '"tools":[],"nextCursor":"@@"', ALL, KEPT),
    _result("tools/list", "ttlMs, cacheScope", '"tools":[],"ttlMs":4111111111111111,"cacheScope":"@@"', MODERN, KEPT),
    _result(_CALL, "requestState", '"resultType":"input_required","requestState":"@@"', MODERN, KEPT),
    _result(_CALL, "resultType", '"resultType":"@@"', MODERN, KEPT),
    _result(_CALL, "inputRequests key", '"inputRequests":{"@@":{"method":"roots/list"}}', MODERN, KEPT),
    _result(_CALL, "taskId", '"resultType":"task","taskId":"@@"', MODERN, KEPT),
    _result(_CALL, "task.taskId", '"task":{"taskId":"@@"}', ONLY_2025_11, KEPT),
    _result(_CALL, "subscriptionId", '"_meta":{"io.modelcontextprotocol/subscriptionId":"@@"}', MODERN, KEPT),
    _result("tasks/list", "taskId", '"tasks":[{"taskId":"@@"}]', ONLY_2025_11, KEPT),
    _result("initialize", "protocolVersion", '"protocolVersion":"@@"', LEGACY, KEPT),
    _result("server/discover", "supportedVersions", '"supportedVersions":["@@"]', MODERN, KEPT),
    Field("id of an answer", ALL, "server", "tools/call", '{"jsonrpc":"2.0","id":"@@","result":{}}', KEPT),
    Field("id of an error", ALL, "server", "tools/call", '{"jsonrpc":"2.0","id":"@@","error":{"code":1,"message":"x"}}', KEPT),
    Field("id of a request", ALL, "client", None, '{"jsonrpc":"2.0","id":"@@","method":"tools/call","params":{"name":"x"}}', KEPT),
    _params("tools/list", "cursor", '"cursor":"@@"', becomes=KEPT),
    _params("tools/call", "progressToken", '"name":"x","_meta":{"progressToken":"@@"}', becomes=KEPT),
    _params("tools/call", "requestState", '"name":"x","requestState":"@@"', MODERN, KEPT),
    _params("tools/call", "inputResponses key", '"name":"x","inputResponses":{"@@":{"action":"cancel"}}', MODERN, KEPT),
    _params("tasks/get", "taskId", '"taskId":"@@"', SINCE_2025_11, KEPT),
    _params("tools/call", "tracing", '"name":"x","_meta":{"traceparent":"@@","tracestate":"@@","baggage":"@@"}', MODERN, KEPT),
    _params("notifications/progress", "progressToken", '"progressToken":"@@","progress":1', becomes=KEPT, sender="server", asks=False),
    _params("notifications/cancelled", "requestId", '"requestId":"@@"', becomes=KEPT, sender="server", asks=False),
    _params("notifications/elicitation/complete", "elicitationId", '"elicitationId":"@@"', ONLY_2025_11, KEPT, sender="server", asks=False),
    _params("elicitation/create", "elicitationId", '"mode":"url","url":"https://a.example/","elicitationId":"@@"', ONLY_2025_11, KEPT, sender="server"),
    _error("data elicitationId", '"message":"x","data":{"elicitations":[{"elicitationId":"@@"}]}', ONLY_2025_11, KEPT),
    _error("data supported", '"message":"x","data":{"supported":["@@"],"requested":"@@"}', MODERN, KEPT, -32022),
    _error("data that is called like it", '"message":"x","data":{"supported":["1"],"requested":"@@"}'),
)

FIELDS = (*CALLED, *QUESTIONS, *READ, *PROMPTED, *LISTED, *TASKS, *ERRORS, *TOLD, *SAMPLED, *ELICITED, *ANSWERED, *ASKED, *NEVER)
