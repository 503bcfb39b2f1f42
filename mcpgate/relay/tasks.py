"""Tasks follow the tool that made them.

A task is a call that goes on (2025-11-25, and an extension of 2026-07-28): its id is what the caller has of
it, and its result is the answer to the call. So to ask for it is judged as the tool is, by the rules of
today, and a task that is not this caller's is answered as one that there is not. Which tool made it is
learnt from the answer to the call (C{sessions.tasks}).

Rules name tools, not tasks: one that allows C{tasks/*} allows nothing. One that blocks a method of tasks
does block it, whatever the tool.
"""

from __future__ import annotations

from attrs import evolve

from mcpgate.evidence.exchanges import call_facts
from mcpgate.policy.asked import Asked
from mcpgate.policy.budgets import about
from mcpgate.policy.decide import UNLISTED, decide, reaches
from mcpgate.policy.rules import ALLOW, BLOCK, Callers, Verdict
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay.admission import Admission
from mcpgate.relay.force import InForce
from mcpgate.relay.judged import Judged
from mcpgate.relay.questions import askable
from mcpgate.sessions.tasks import Tasks
from mcpgate.wire.call import LISTEN, Call, listened_tasks
from mcpgate.wire.jsonrpc import Message
from mcpgate.wire.mcp import Nature, client_request
from mcpgate.wire.splice import kept

TOOL = "tools/call"
LIST = "tasks/list"
#: By these an upstream tells of a task.
TOLD = frozenset({"notifications/tasks/status", "notifications/tasks"})
#: A client tells of tasks that it keeps itself, for what it was asked.
_TOLD_BY_CLIENT = "notifications/tasks/status"
_MAKE_TASKS = frozenset({"sampling/createMessage", "elicitation/create"})

#: Those of one list that are looked for, at some 20 microseconds each; what is beyond is not in the list.
#: Servers list some tens on a page.
LISTED_MOST = 1024


def follow(message: Message, judged: Judged, admission: Admission, force: InForce | None) -> Judged:
    """
    What a request or notification about tasks is judged as.

    @param judged: what rules say of its method.
    """
    tasks = force.tasks if force is not None else None
    revision, known = admission.revision, client_request(judged.call.method)
    if revision.modern and known is not None and revision.text not in known.revisions:
        return _judged(evolve(judged.call, nature=Nature.OTHER), admission, UNLISTED)
    if judged.verdict.action is BLOCK and judged.verdict.rule is not None:
        return judged
    callers, route = admission.callers, admission.route
    method = judged.call.method
    if method == LIST:
        # Whatever it says of them may be of any tool.
        return _judged(evolve(judged.call, nature=Nature.LIST), admission, reaches(callers, route.name))
    if method == _TOLD_BY_CLIENT:
        may = not _MAKE_TASKS.isdisjoint(askable(admission))
        return _judged(judged.call, admission, reaches(callers, route.name) if may else UNLISTED)
    ids = listened_tasks(message.params) if method == LISTEN else (message.params.get("taskId"),)
    tools = [_tool(id, admission, tasks) for id in ids]
    if None in tools:
        # Whoever never made a task for anybody would know no such method.
        has = tasks is not None and tasks.made_at(route.place)
        return _judged(judged.call if has else evolve(judged.call, nature=Nature.OTHER), admission, UNLISTED)
    named = " ".join(dict.fromkeys(str(tool) for tool in tools))
    followed = tuple(dict.fromkeys((TOOL, tool) for tool in tools))
    also = tuple(one for one in judged.call.judged_as if one[1] is not None)
    call = Call(method, named, Nature.FOLLOWS, (*followed, *also))
    verdict = decide(callers, route.name, call)
    # What may not be known of is answered as a task that there is not.
    return _judged(
        call if verdict.action is ALLOW else evolve(call, nature=Nature.TASK), admission, verdict
    )


def _judged(call: Call, admission: Admission, verdict: Verdict) -> Judged:
    budgets = about(admission.callers.budgets, admission.route.name, call)
    return Judged(call, verdict, call_facts(call.method, call.name, verdict), budgets)


def _tool(id: object, admission: Admission, tasks: Tasks | None) -> str | None:
    if type(id) is not str or tasks is None:
        return None
    return tasks.tool(admission.route.place, admission.principal, id)


# What upstreams say of tasks.


def learn(
    asked: Asked | None, message: Message, admission: Admission, tasks: Tasks | None
) -> Refusal | None:
    """Remember which tool made the task that an answer tells of, if it does."""
    result, call = message.result, asked.call if asked is not None else None
    if call is None or call.method != TOOL or call.name is None or tasks is None or type(result) is not dict:
        return None
    for task in (result.get("task"), result if result.get("resultType") == "task" else None):
        id = task.get("taskId") if type(task) is dict else None
        if type(id) is not str:
            continue
        assert task is not None
        ttl = task.get("ttl", task.get("ttlMs"))
        seconds = ttl / 1000 if isinstance(ttl, int | float) else None
        if not tasks.learn(admission.route.place, admission.principal, id, call.name, seconds):
            # Its result would be judged as that of the other one.
            return Refusal(Reason.UPSTREAM_MESSAGE, "a task that another tool has made before")
    return None


def listed(
    message: Message, raw: bytes, admission: Admission, tasks: Tasks | None, callers: Callers
) -> bytes:
    """
    A list of tasks without those that are not the caller's, or of tools that it may not use any more.

    @param callers: to whom it belongs by the rules of today, here as below.
    """
    result = message.result
    found = result.get("tasks") if type(result) is dict else None
    if type(found) is not list:
        return raw
    mine = [
        number < LISTED_MOST and type(one) is dict and is_own(one.get("taskId"), admission, tasks, callers)
        for number, one in enumerate(found)
    ]
    return raw if all(mine) else kept(raw, ("result", "tasks"), mine)


def told(message: Message, admission: Admission, tasks: Tasks | None, callers: Callers) -> Refusal | None:
    """Why what an upstream tells of a task does not reach the caller, if so: it is not the caller's."""
    if is_own(message.params.get("taskId"), admission, tasks, callers):
        return None
    return Refusal(Reason.POLICY_UNLISTED, "of a task that is not the caller's")


def is_own(id: object, admission: Admission, tasks: Tasks | None, callers: Callers) -> bool:
    """Whether a task is this caller's, of a tool that it may use."""
    tool = _tool(id, admission, tasks)
    if tool is None:
        return False
    call = Call(LIST, tool, Nature.FOLLOWS, ((TOOL, tool),))
    return decide(callers, admission.route.name, call).action is ALLOW
