"""C{mcpgate demo}: the whole encrypted path on this machine, tried out and told.

The tale is told from what C{mcpgate.demo.story} brings back; a promise that was not kept ends it with
one line and exit code 70.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from itertools import zip_longest
from pathlib import Path
from shlex import quote
from string import Template
from textwrap import indent, wrap

import click

from mcpgate.cli.exits import Stop
from mcpgate.cli.text import cell, table
from mcpgate.demo import story
from mcpgate.demo.direct import MARKER, Reply
from mcpgate.demo.promise import DemoFailed
from mcpgate.demo.records import Exchange, Shake
from mcpgate.demo.scene import Scene, set_up
from mcpgate.demo.story import Told

#: The oldest official SDK that speaks both eras.
SDK = (2, 3)

# A path of a unix socket has 107 bytes (unix(7)); ours stand below the directory.
_DIRECTORY_MOST = 107 - len("/state/control.sock")


@click.command(short_help="Show the whole encrypted path on this machine.")
@click.option(
    "--state",
    "kept",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep journal, configuration and certificates in this empty directory.",
)
@click.option("--keep", "serve", is_flag=True, help="Go on serving, and show how to connect a client.")
def command(kept: Path | None, serve: bool) -> None:
    """Show the whole encrypted path: a local CA, a real MCP server, the gate, a real client.

    Everything happens on this machine's loopback and ends with the command.
    """
    _have_the_sdk()
    # So that SIGTERM, or a terminal that is closed, takes the children along as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, signal.default_int_handler)
    with _directory(kept) as directory:
        began = time.monotonic()
        try:
            with set_up(directory) as scene:
                _tell(scene, kept is not None)
                _good(f"Everything came out as promised, in {time.monotonic() - began:.0f} s.")
                if serve:
                    _serve(scene)
        except DemoFailed as error:
            raise Stop(f"the demonstration failed: {error}", os.EX_SOFTWARE) from error
    if kept is not None:
        click.echo(f"Journal, configuration and certificates are in {kept}.")
    click.echo("Nothing is left running.")


def _tell(scene: Scene, kept: bool) -> None:
    _title(1, "What stands on this machine")
    _rows(
        ("CA", f"made just now; {scene.ca_file}" if kept else "made just now, and gone afterwards"),
        ("server", f"the official Python SDK's, mcp {version('mcp')}, process {scene.server.pid}"),
        ("", "on a unix socket: a connection in clear, behind its own TLS front and never on a network"),
        ("front", f"TLS for that server, https://localhost:{scene.front.port}"),
        ("gate", f"mcpgate run, process {scene.gate.pid}, {scene.url}"),
        ("", f"pins the server's key: {scene.pin}"),
    )

    visits: list[Told] = []
    for era in story.ERAS:
        told = story.visit(scene, era)
        visits.append(told)
        _title(len(visits) + 1, f"The official client, MCP {told.visit.protocol}")
        heard = ", ".join(f"{percent:g} %" for percent in told.visit.progress)
        _rows(
            ("tools", ", ".join(told.visit.tools)),
            ("get_weather", f'"{told.visit.answer}"'),
            ("slow", f'{heard}, "{told.visit.last}"'),
        )
        _legs(told.call("get_weather"))

    _title(4, "Our own client: post-quantum key exchange on both legs")
    tried = story.post_quantum(scene)
    _rows(("get_weather", _words(tried.reply)))
    _legs(tried.exchange)

    _title(5, "A tool that a rule blocks")
    for told in visits:
        exchange = story.block(scene, told)
        code, words = told.visit.refused
        _rows(
            (told.visit.protocol, f"delete_all is there, but in no list; it is answered {code} {words}"),
            ("record", f"{_short(exchange.opened.id)}: {_verdict(exchange)}, {exchange.closed.reason}"),
        )
    _rows(("server", f"has run {', '.join(story.ran(scene))}"))

    _title(6, "HTTP in clear to the TLS port")
    clear = story.in_clear(scene)
    exposed = (clear.shake.extra or {}).get("credential_exposed")
    _rows(
        ("sent", f"GET /{MARKER}"),
        ("answer", f"{clear.reply.status} {_words(clear.reply)}"),
        ("record", f"{_short(clear.shake.id)}: {clear.shake.outcome}, {clear.shake.reason}"),
        ("", f"a credential was exposed: {'yes' if exposed else 'no'}"),
    )

    _title(7, "A server with the right name and CA, but not the pinned key")
    pinned = story.wrong_pin(scene)
    refused = pinned.exchange.outbound
    _rows(
        ("answer", f"{pinned.reply.status} {_words(pinned.reply)}"),
        ("record", f"{_short(refused.id)}: {refused.outcome}, {refused.reason}" if refused else "-"),
        ("", refused.detail or "-" if refused else "-"),
        (
            "that server",
            f"connections {scene.impostor.accepted}, finished handshakes {len(scene.impostor.groups)}, "
            f"bytes received {scene.impostor.received}",
        ),
    )

    _title(8, "A CI job with a token of its issuer, and one whose token is over")
    job = story.ci_job(scene)
    good, late = job.good.exchange, job.late.exchange
    _rows(
        ("issuer", f"{scene.issuer.url}, which signs with a key made just now; the gate has fetched it over"),
        ("", f"verified TLS ({_short(job.issuer.id)})"),
        ("token", f"good for {story.JOB_LIFE / 60:g} minutes and for {scene.url} alone; not for the server"),
        ("answer", _words(job.good.reply)),
        ("record", f"{_short(good.opened.id)}: {good.opened.principal}, {_verdict(good)}"),
        ("late", f"{job.late.reply.status} {_words(job.late.reply)}"),
        ("record", f"{_short(late.opened.id)}: {late.closed.outcome}, {late.closed.reason}"),
        ("server", f"has been shown {len(job.shown)} credential, whoever called: {_begun(*job.shown)}"),
        ("", f"which is the gate's, from {scene.directory / 'weather.secret' if kept else 'a file'}"),
    )

    _title(9, "The records of all of it")
    exchanges = story.evidence(scene, job)
    click.echo(indent(table(map(_shake_row, scene.records.shakes()), heads=_SHAKE_HEADS), "  "))
    click.echo()
    click.echo(indent(table(map(_exchange_row, exchanges), heads=_EXCHANGE_HEADS), "  "))
    click.echo("\n  Ids are shortened to their ends. No token, credential or answer is in the journal.")
    if any(one.closed.reason == "client.gone" for one in exchanges):
        click.echo("  client.gone: the client hung up once it had what it wanted, as the official one does.")
    click.echo()


def _serve(scene: Scene) -> None:
    template = Template(files("mcpgate").joinpath("data/demo-client.txt").read_text(encoding="utf-8"))
    snippet = template.substitute(ca=repr(str(scene.ca_file)), token=scene.token, url=scene.url)
    click.echo(f"\nThe gate goes on serving. A client for it, to run with {sys.executable}:\n")
    click.echo(snippet)
    another = f"{quote(sys.executable)} -m mcpgate dashboard --config {quote(str(scene.config))}"
    click.echo(f"Its dashboard, by a link that is good once and for five minutes:\n\n{scene.dashboard()}\n")
    click.echo(f"Browsers ask about its certificate, which is of {quote(str(scene.ca_file))}.")
    click.echo(f"Another link: {another}")
    click.echo(f"Its records: tail -f {quote(str(scene.records.file))}")
    click.echo("Ctrl-C ends everything.")
    try:
        scene.gate.wait()
    except KeyboardInterrupt:
        click.echo()
    else:
        scene.gate.alive()


def _have_the_sdk() -> None:
    try:
        version("uvicorn")
        numbers = tuple(int(number) for number in version("mcp").split(".")[:2])
    except (PackageNotFoundError, ValueError):
        numbers = ()
    if numbers < SDK:
        raise Stop(
            "the official MCP SDK is not installed; mcpgate's extra [demo] brings it", os.EX_UNAVAILABLE
        )


@contextmanager
def _directory(kept: Path | None) -> Iterator[Path]:
    """The directory to work in: the one that is wanted, if it is empty, or one for the time being."""
    if kept is None:
        with tempfile.TemporaryDirectory(prefix="mcpgate-demo-") as name:
            yield _short_enough(Path(name))
        return
    try:
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        empty = not any(kept.iterdir())
    except OSError as error:
        raise Stop(f"{kept}: {error.strerror}", os.EX_CANTCREAT) from error
    if not empty:
        raise Stop(f"{kept} is not empty; nothing in it is overwritten", os.EX_CANTCREAT)
    yield _short_enough(kept.absolute())


def _short_enough(directory: Path) -> Path:
    if len(os.fsencode(directory)) > _DIRECTORY_MOST:
        message = f"{directory}: the path is too long for a unix socket in it; choose a shorter --state"
        raise Stop(message, os.EX_CANTCREAT)
    return directory


# How it looks.

_WIDTH = 95

_SHAKE_HEADS = ("handshake", "leg", "with", "version", "cipher", "group", "pinned", "outcome")
_EXCHANGE_HEADS = ("exchange", "inbound", "outbound", "http", "method", "name", "verdict", "status", "reason")


def _shake_row(shake: Shake) -> Sequence[object]:
    seen = shake.handshake
    facts = (seen.version, seen.cipher, seen.group, seen.pinned) if seen else (None,) * 4
    return (_short(shake.id), shake.leg, shake.where, *facts, shake.reason or shake.outcome)


def _exchange_row(exchange: Exchange) -> Sequence[object]:
    opened, closed = exchange.opened, exchange.closed
    return (
        _short(opened.id),
        _short(opened.inbound),
        _short(closed.outbound),
        opened.http,
        opened.method,
        opened.name,
        _verdict(exchange),
        closed.status,
        closed.reason,
    )


def _legs(exchange: Exchange) -> None:
    """Both handshakes of an exchange, as the journal has them."""
    for leg, shake in (("inbound", exchange.inbound), ("outbound", exchange.outbound)):
        seen = shake.handshake if shake else None
        if shake is not None and seen is not None:
            pinned = {True: ", pinned", False: ", not the pinned key", None: ""}[seen.pinned]
            told = f"{seen.version}, {seen.cipher}, {seen.group}{pinned}  ({_short(shake.id)})"
            _rows((leg, told))


def _verdict(exchange: Exchange) -> str | None:
    verdict, rule = exchange.opened.verdict, exchange.opened.rule
    return f"{verdict} by {rule}" if rule else verdict


def _words(reply: Reply) -> str:
    """What an answer says: the text of a result, or the words of an error."""
    match reply.message:
        case {"result": {"content": [{"text": str(text)}, *_]}}:
            return f'"{text}"'
        case {"error": {"message": str(text)}}:
            return text
    return "(nothing that can be shown)"


def _short(id: str | None) -> str | None:
    """C{h-01a2...-0000001f} as C{h..1f}: within one journal the end is enough."""
    return f"{id[0]}..{id[-2:]}" if id else None


def _begun(credential: str) -> str:
    """How a credential begins: enough to tell which one it is."""
    return f'"{credential[:24]}..."'


def _title(number: int, words: str) -> None:
    if number > 1:
        click.echo()
    click.echo(_styled(f"{number}. {words}", bold=True))


def _good(words: str) -> None:
    click.echo(_styled(words, fg="green"))


def _styled(words: str, *, bold: bool | None = None, fg: str | None = None) -> str:
    # click takes colours away where stdout is no terminal, but does not know NO_COLOR (no-color.org).
    return words if os.environ.get("NO_COLOR") else click.style(words, bold=bold, fg=fg)


def _rows(*rows: tuple[str, str]) -> None:
    for head, text in rows:
        # A pin or a URL is longer than some lines, and of use only in one piece.
        lines = wrap(cell(text), _WIDTH, break_long_words=False, break_on_hyphens=False)
        for label, line in zip_longest([head], lines, fillvalue=""):
            click.echo(f"  {label.ljust(11)}  {line}")
