"""The manual pages: one for the command, one for each verb, one for the configuration file.

Made from the verbs themselves and from the schema, so that none of them can say something else than
C{--help} and C{mcpgate explain} do. C{python -m mcpgate.cli.manual DIRECTORY} writes them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from mcpgate.cli import roff
from mcpgate.cli.tree import Option, Verb, tree
from mcpgate.config.reference import Key, tables

# Verbs that serve, or change what is served, are an administrator's.
SECTION = 8
BOOK = "System administration"
#: When what is written here by hand was last changed; what is generated has no date of its own.
DATE = "2026-11-26"
FILE = "mcpgate.toml"

#: How verbs end; docs/operate/run.md says more.
CODES: Mapping[int, str] = {
    0: "Fine. `run`, after it was told to stop: every exchange could finish.",
    1: "`run`: exchanges were cut off. `policy test`: a case did not come out as it expects. "
    "`evidence verify` and `evidence report`: something was tampered with.",
    64: "The command line cannot be understood.",
    66: "A file cannot be read.",
    69: "An address cannot be listened on, or the gate or an upstream cannot be reached.",
    70: "`demo` did not come out as promised.",
    73: "The journal, the log file or another file cannot be created or would be overwritten, or the state "
    "directory is in use by another gate.",
    75: "`evidence verify` and `evidence report`: lines had no checkpoint for longer than a gate lets them "
    "wait.",
    77: "Permission denied.",
    78: "The configuration, or a certificate or secret that it names, is not good.",
    130: "A verb other than `run` was ended by SIGINT.",
}

#: What a person at a running gate looks for.
SIGNALS: Mapping[str, str] = {
    "SIGHUP": "Reads the configuration again, in all workers. If anything in it is not good, what was in "
    "force stays in force.",
    "SIGTERM, SIGINT": "Accepts no more, lets exchanges finish for *gate.drain*, and stops. A second one "
    "stops at once.",
}

FILES: Mapping[str, str] = {
    "/etc/mcpgate/mcpgate.toml": "The configuration, where `--config` names no other.",
    "/var/lib/mcpgate": "The state: journal, checkpoints, tokens, keys, the control socket.",
    "/usr/share/mcpgate/policies": "Ready policies, and the cases that show what they do.",
}

ENVIRONMENT: Mapping[str, str] = {
    "CREDENTIALS_DIRECTORY": "Where `credential:`*NAME* finds secrets: systemd sets it for a unit with "
    "*LoadCredential=*.",
    "LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID": "The sockets of a socket unit, for listeners with "
    "`systemd:name=`*NAME*.",
    "NOTIFY_SOCKET, WATCHDOG_USEC": "Where `run` tells a service manager that it is ready, reloads, stops, "
    "and is alive.",
}


EACH = "Each has a page of its own, and says what it takes with `--help`."

OF_FILE = (
    "The file is TOML. `mcpgate init` writes a first one, `mcpgate check` judges it and everything that it "
    "names, and tells all problems at once, each with its key and line. An unknown key is a problem.",
    'Durations are written `"30s"` (ms, s, m, h, d), sizes `"64KiB"` (B, KiB, MiB, GiB). Relative paths '
    "start from the directory of the file. Secrets never stand in it: they are referred to by `file:`*PATH*, "
    "`env:`*NAME* or `credential:`*NAME*, the last being one of systemd's.",
    "A running gate reads it again at SIGHUP (`systemctl reload mcpgate`), and takes all of it or nothing. "
    "`mcpgate explain` *KEY* says of a key what stands here.",
)

EXAMPLE = """\
[gate]
state = "/var/lib/mcpgate"

[[listener]]
name = "public"
listen = "tcp:8443"
public_url = "https://gate.example.com:8443"
certificates = "/etc/mcpgate/tls"

[[upstream]]
name = "files"
url = "https://files.example.com/mcp"

[[route]]
path = "/files"
upstream = "files"

[[rule]]
name = "reading"
verdict = "allow"
on = { route = "files", method = "tools/call", name = ["read_*", "list_*"] }
"""


def pages(root: Verb) -> dict[str, str]:
    """All pages by the names of their files."""
    every = {f"{root.name}.{SECTION}": _command(root)}
    for verb in root.verbs:
        every[f"{_name(verb)}.{SECTION}"] = _verb(verb)
    every[f"{FILE}.5"] = _file()
    return every


def _name(verb: Verb) -> str:
    return "-".join(verb.path)


def _title(name: str, section: int) -> str:
    return roff.title(name.upper(), section, DATE, "mcpgate", BOOK)


def _command(root: Verb) -> str:
    """The page of the command itself."""
    return "".join(
        (
            _title(root.name, SECTION),
            roff.heading("NAME"),
            f"{root.name} \\- gateway for the Model Context Protocol over verified TLS\n",
            roff.heading("SYNOPSIS"),
            f"{roff.bold(root.name)} {roff.italic('VERB')} [{roff.italic('OPTION')}]...\n.br\n",
            f"{roff.bold('twist mcpgate')} [{roff.bold('--config')} {roff.italic('FILE')}]\n",
            roff.heading("DESCRIPTION"),
            roff.paragraphs(map(roff.text, root.paragraphs)),
            roff.heading("VERBS"),
            roff.paragraphs([roff.marked(EACH)]),
            *map(_listed, root.verbs),
            _terms("EXIT STATUS", {str(code): words for code, words in CODES.items()}),
            _terms("SIGNALS", SIGNALS, of="`mcpgate run` and `twist mcpgate` take them."),
            _terms("FILES", FILES),
            _terms("ENVIRONMENT", ENVIRONMENT),
            _see(["mcpgate-init", "mcpgate-run", "mcpgate-check"]),
        )
    )


def _listed(verb: Verb) -> str:
    return roff.entry(f"{roff.bold(_name(verb))}({SECTION})", [roff.text(verb.brief)])


def _terms(name: str, terms: Mapping[str, str], of: str = "") -> str:
    lines = (roff.entry(roff.bold(term), [roff.marked(words)]) for term, words in terms.items())
    return "".join((roff.heading(name), roff.paragraphs([roff.marked(of)]) if of else "", *lines))


def _see(names: list[str]) -> str:
    others = [f"{roff.bold(name)}({SECTION})" for name in names]
    return roff.heading("SEE ALSO") + ",\n".join((*others, f"{roff.bold(FILE)}(5)")) + "\n"


def _verb(verb: Verb) -> str:
    """The page of a verb; what is below a group of verbs is in the same page."""
    parts = [
        _title(_name(verb), SECTION),
        roff.heading("NAME"),
        f"{roff.text(_name(verb))} \\- {roff.text(_small(verb.brief))}\n",
        roff.heading("SYNOPSIS"),
        "\n.br\n".join(_synopsis(one) for one in verb.all() if not one.verbs) + "\n",
        roff.heading("DESCRIPTION"),
        roff.paragraphs(map(roff.text, verb.paragraphs)),
    ]
    if verb.options:
        parts += [roff.heading("OPTIONS"), *map(_option, verb.options)]
    below = [one for one in verb.all() if one is not verb and not one.verbs]
    if below:
        parts.append(roff.heading("VERBS"))
        for one in below:
            parts.append(roff.subheading(" ".join(one.path[1:])))
            parts.append(roff.paragraphs(map(roff.text, one.paragraphs)))
            parts += map(_option, one.options)
    parts.append(_see([verb.path[0]]))
    return "".join(parts)


def _small(brief: str) -> str:
    """A sentence as the name line wants it."""
    return brief[:1].lower() + brief[1:].rstrip(".")


def _synopsis(verb: Verb) -> str:
    words = [roff.bold(" ".join(verb.path))]
    for option in verb.options:
        if option.required:
            words.append(f"{roff.bold(option.names[-1])} {roff.italic(option.value)}")
    if any(not option.required for option in verb.options):
        words.append(f"[{roff.italic('OPTION')}]...")
    words += (roff.italic(argument.value) for argument in verb.arguments)
    return " ".join(words)


def _option(option: Option) -> str:
    tag = ", ".join(map(roff.bold, option.names))
    if option.value:
        tag += f" {roff.italic(option.value)}"
    notes = [
        "It must be given." if option.required else "",
        "It may be given several times." if option.multiple and "several times" not in option.help else "",
        f"Default: {option.default}." if option.default else "",
    ]
    return roff.entry(tag, [roff.text(" ".join(filter(None, (option.help, *notes))))])


def _file() -> str:
    """The page of the configuration file."""
    parts = [
        _title(FILE, 5),
        roff.heading("NAME"),
        f"{FILE} \\- what a gate serves, to whom, and by which rules\n",
        roff.heading("DESCRIPTION"),
        roff.paragraphs(map(roff.marked, OF_FILE)),
        roff.example(EXAMPLE),
        roff.heading("TABLES"),
    ]
    for heading, sentence, keys in tables():
        parts.append(roff.subheading(heading or "Before the first table"))
        parts.append(roff.paragraphs([roff.text(sentence)]))
        parts += map(_key, keys)
    others = [f"{roff.bold(name)}({SECTION})" for name in ("mcpgate", "mcpgate-check", "mcpgate-explain")]
    parts.append(roff.heading("SEE ALSO") + ",\n".join(others) + "\n")
    return "".join(parts)


def _key(key: Key) -> str:
    facts = f"Want: {key.want}. Default: {key.default}. For example: "
    return roff.entry(
        roff.bold(key.name),
        [roff.text(key.help), roff.text(facts) + " " + roff.bold(f"{key.name} = {key.example}")],
    )


def main(directory: str) -> None:
    """Write all pages into a directory, and take away what is no page any more."""
    # Here and not above: the verbs themselves do not need it.
    from mcpgate.cli import cli

    place = Path(directory)
    place.mkdir(parents=True, exist_ok=True)
    made = pages(tree(cli))
    for old in place.glob("*.[1-9]"):
        if old.name not in made:
            old.unlink()
    for name, page in made.items():
        (place / name).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
