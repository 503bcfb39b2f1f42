"""A file of cases: what somebody asks, by which connections, what the upstream says, and what is expected.

    route = "files"

    [[case]]
    name = "reads pass, and what they read is masked"
    who = { token = "ci" }
    call = { method = "tools/call", name = "read_text_file", arguments = { path = "/srv/notes.txt" } }
    answer = '{"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "a@example.com"}]}}'
    expect = { verdict = "allow", rule = "files-read", masked = { email = 1 }, answer_lacks = "a@" }

It is TOML, read as strictly as a configuration, with every problem at once. C{policy}, C{route}, C{who},
C{revision} and C{transport} may stand before the first case, for all that do not say otherwise.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from attrs import Factory, evolve, fields_dict, frozen

from mcpgate.config import forms
from mcpgate.config.draft import Draft, Place, Sheet
from mcpgate.config.forms import Form, kind_of
from mcpgate.config.locate import locate
from mcpgate.config.problem import ConfigError, Problem, quoted
from mcpgate.config.tables.option import option, table
from mcpgate.reasons import Reason
from mcpgate.wire.revision import Revision

#: A thousand cases take 500 KiB; the bound is for a path that names something else.
FILE_MOST = 1 << 20

REVISIONS = tuple(revision.text for revision in Revision)


def _mapping(said: str) -> Form:
    """A table of anything, kept as it is."""

    def read(raw: object, base: Path) -> Mapping[str, object]:
        if not isinstance(raw, dict):
            raise ValueError(f"is {kind_of(raw)}; want {said}")
        return raw

    return Form(said, read)


def _counts() -> Form:
    said = "a table of detectors and how many values each masks, such as { email = 2 }"

    def read(raw: object, base: Path) -> Mapping[str, int]:
        if not isinstance(raw, dict) or not all(type(count) is int and count >= 0 for count in raw.values()):
            raise ValueError(f"is not {said}")
        return raw

    return Form(said, read)


def _json() -> Form:
    said = "JSON in a string"

    def read(raw: object, base: Path) -> bytes:
        # It may have several lines, which other strings of a configuration may not.
        if not isinstance(raw, str) or not raw.strip():
            raise ValueError(f"is no {said}")
        return raw.strip().encode("utf-8", "surrogatepass")

    return Form(said, read)


_TEXTS = forms.many(forms.text("a text"), lone=True)


@frozen
class WhoTable:
    """C{who}: who calls. Without any proof it is somebody on a listener that asks for none."""

    token: str | None = option("The name of an issued token.", forms.text("a token's name"), default=None)
    certificate: str | None = option(
        "The identity of a client certificate.", forms.text("a SPIFFE ID or DNS name"), default=None
    )
    issuer: str | None = option("The issuer of a token.", forms.text("an issuer"), default=None)
    subject: str | None = option("Its subject.", forms.text("a subject"), default=None)
    group: tuple[str, ...] = option("Its groups.", _TEXTS, default=())
    scope: tuple[str, ...] = option("Its scopes.", _TEXTS, default=())
    claims: Mapping[str, object] = option("Its other claims.", _mapping("a table of claims"), default={})
    address: str | None = option("The caller's address.", forms.text("an IP address"), default=None)


@frozen
class CallTable:
    """C{call}: what is asked for."""

    method: str = option("The MCP method.", forms.text("a method"))
    name: str | None = option("The tool, prompt or resource URI.", forms.text("a name or URI"), default=None)
    arguments: Mapping[str, object] = option("The arguments.", _mapping("a table of arguments"), default={})


@frozen
class LegTable:
    """One leg of C{transport}; what is left out is as between a gate and a client or server of today."""

    version: str = option(
        "TLSv1.3 or TLSv1.2.", forms.word("version", ("TLSv1.3", "TLSv1.2")), default="TLSv1.3"
    )
    cipher: str = option(
        "The suite, as OpenSSL names it.", forms.text("a suite"), default="TLS_AES_256_GCM_SHA384"
    )
    group: str = option("The group, as OpenSSL names it.", forms.text("a group"), default="X25519MLKEM768")
    pinned: bool = option("Whether a pin was matched (outbound).", forms.switch(), default=False)
    client_certificate: bool = option(
        "Whether the caller showed a certificate (inbound; where who has one, it did), or the gate.",
        forms.switch(),
        default=False,
    )


@frozen
class TransportTable:
    """C{transport}: what both legs negotiated."""

    inbound: LegTable = table("From the caller.", LegTable, default=Factory(LegTable))
    outbound: LegTable = table("To the upstream.", LegTable, default=Factory(LegTable))


@frozen
class ExpectTable:
    """C{expect}: what should come of it; what is left out may be anything."""

    verdict: str = option(
        "allow, block or hold: block also where the answer may not pass.",
        forms.word("verdict", ("allow", "block", "hold")),
    )
    rule: str | None = option("The rule that decides.", forms.name(), default=None)
    reason: str | None = option(
        "The reason of a block.", forms.word("reason", tuple(reason.value for reason in Reason)), default=None
    )
    masked: Mapping[str, int] | None = option(
        "How many values each detector masks, of question and answer together; {} is none.",
        _counts(),
        default=None,
    )
    shadow: tuple[str, ...] | None = option("Shadow rules that would have had a say.", _TEXTS, default=None)
    answer_has: tuple[str, ...] = option("Texts that the caller's answer holds.", _TEXTS, default=())
    answer_lacks: tuple[str, ...] = option("Texts that it does not hold.", _TEXTS, default=())
    asked_has: tuple[str, ...] = option("Texts in what the upstream gets.", _TEXTS, default=())
    asked_lacks: tuple[str, ...] = option("Texts that are not in it.", _TEXTS, default=())


@frozen
class CaseTable:
    """C{[[case]]}."""

    name: str = option("What it shows, in words.", forms.text("a few words"))
    expect: ExpectTable = table("What should come of it.", ExpectTable)
    who: WhoTable = table("Who calls.", WhoTable, default=Factory(WhoTable))
    route: str = option("The route's name.", forms.name(), default="any")
    revision: str = option("The revision of MCP.", forms.word("revision", REVISIONS), default="2025-11-25")
    call: CallTable | None = table("What is asked for.", CallTable, default=None)
    message: bytes | None = option("The whole request or notification, instead.", _json(), default=None)
    transport: TransportTable = table(
        "What both legs negotiated.", TransportTable, default=Factory(TransportTable)
    )
    answer: bytes | None = option(
        "What the upstream says then: an answer, a notification, or a request of its own.",
        _json(),
        default=None,
    )
    output_schema: bytes | None = option(
        "The output schema of the tool, as JSON, where it has promised one.", _json(), default=None
    )


@frozen
class _Whole:
    """What may stand before the first case."""

    policy: str | None = option(
        "The file with the rules, from this file's directory.", forms.text("a path"), default=None
    )
    who: WhoTable | None = table("Who calls.", WhoTable, default=None)
    route: str | None = option("The route's name.", forms.name(), default=None)
    revision: str | None = option("The revision.", forms.word("revision", REVISIONS), default=None)
    transport: TransportTable | None = table("Both legs.", TransportTable, default=None)


@frozen
class Cases:
    """
    A file of cases.

    @ivar policy: The rules that they are about, where the file says so.
    @ivar lines: On which line each begins, by position.
    """

    source: Path
    policy: Path | None
    cases: tuple[CaseTable, ...]
    lines: tuple[int | None, ...]


def parse_cases(text: bytes, source: Path) -> Cases:
    """
    The cases in the bytes of a file.

    @raise ConfigError: with every problem in it.
    """
    try:
        if len(text) > FILE_MOST:
            raise ValueError("the file is larger than 1 MiB")
        decoded = text.decode("utf-8")
        raw = tomllib.loads(decoded)
        sheet = Sheet(source.parent, locate(decoded))
    except (ValueError, RecursionError) as error:
        # UnicodeDecodeError and TOMLDecodeError are ValueErrors.
        raise ConfigError([Problem("", None, f"this is no file of cases: {error}")], source) from None
    root = Place((), "", "")
    listed = raw.pop("case", [])
    head = Draft(sheet, root, _Whole).read(raw)
    drafts: list[Draft] = []
    if not isinstance(listed, list) or not listed:
        sheet.report(root.key("case"), "there is none; add [[case]]", "")
        listed = []
    for index, one in enumerate(listed):
        place = root.key("case").item(index)
        if not isinstance(one, dict):
            sheet.report(place, f"is {kind_of(one)}; want a table", "")
            continue
        draft = Draft(sheet, Place(place.position, _shown(one, place), ""), CaseTable)
        drafts.append(draft.read(_completed(one, raw, head)))
        _judge(draft)
    if sheet.problems:
        plain = [evolve(problem, topic="") for problem in sheet.problems]
        raise ConfigError(sorted(plain, key=lambda problem: problem.line or 0), source)
    whole = cast(_Whole, head.build())
    return Cases(
        source,
        source.parent / whole.policy if whole.policy is not None else None,
        tuple(cast(CaseTable, draft.build()) for draft in drafts),
        tuple(sheet.line(draft.place) for draft in drafts),
    )


def read_case(raw: Mapping[str, object]) -> CaseTable:
    """
    One case from elsewhere than a file, such as a command line.

    @raise ConfigError: with every problem in it.
    """
    sheet = Sheet(Path(), {})
    draft = Draft(sheet, Place((), "", ""), CaseTable).read(raw)
    _judge(draft)
    if sheet.problems:
        raise ConfigError([evolve(problem, topic="") for problem in sheet.problems], None)
    return cast(CaseTable, draft.build())


def _shown(one: Mapping[str, object], place: Place) -> str:
    name = one.get("name")
    return f"case {quoted(name)}" if isinstance(name, str) and name else place.path


def _completed(one: Mapping[str, object], raw: Mapping[str, object], head: Draft) -> Mapping[str, object]:
    """A case with what stands before the first one and that it does not say itself."""
    usual = fields_dict(_Whole).keys() & fields_dict(CaseTable).keys()
    # What is wrong there is told once.
    return {key: raw[key] for key in usual if key in raw and head.sound(key)} | dict(one)


def _judge(draft: Draft) -> None:
    """What must hold between the keys of a case."""
    called = "call" in draft.inner
    if called == ("message" in draft.values) and draft.sound("call", "message"):
        draft.report(
            "call", "needs either call or message" if not called else "is there, and message as well"
        )
    expect = draft.inner.get("expect")
    if expect is not None and expect.sound("verdict", "reason"):
        if expect.get("reason") is not None and expect.get("verdict") != "block":
            expect.report("reason", "only a block has a reason")
    if expect is not None and draft.get("answer") is None:
        for key in ("answer_has", "answer_lacks"):
            if expect.get(key) and expect.get("verdict") == "allow":
                expect.report(key, "says something of an answer, and the case has none")
    who = draft.inner.get("who")
    if who is not None:
        if who.get("token") is not None and who.get("subject") is not None:
            who.report("subject", "is there, and token as well: a caller has one token")
