"""C{mcpgate init}: a directory with everything that a first gate needs, and nothing it must hide.

The local CA is there so that the first try already is a verified one; C{docs/operate/run.md} says how
to put certificates of your own in its place.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from shlex import quote
from string import Template

import click

from mcpgate.cli.exits import Stop
from mcpgate.cli.text import Written
from mcpgate.config.endpoint import read_endpoint
from mcpgate.config.load import parse_config
from mcpgate.config.url import HTTPS_PORT, Url, read_host, read_url
from mcpgate.tls.localca import LocalCA, write_pair

#: What the listener's certificate is for, beside the machine's own name and --host.
LOOPBACK = ("localhost", "127.0.0.1", "::1")


#: The dashboard's table: its own certificate would be another one to renew.
ADMIN = """\
[admin]
listen = "{listen}"
certificates = "tls"
"""
#: Where it is by default, beside the usual port of the gate.
DASHBOARD = "tcp:9443:interface=127.0.0.1"
NONE = "none"

#: Where a package puts the schema that editors check the file by, below the prefix.
SCHEMA = Path("share/mcpgate/mcpgate.schema.json")


def _listenable(text: str) -> str:
    """An endpoint description as it was written, once it has proved to be one."""
    read_endpoint(text)
    return text


@click.command(short_help="Write a first configuration, a local CA and a certificate.")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--upstream",
    "url",
    type=Written("URL", read_url),
    default="https://mcp.example.com/mcp",
    show_default=True,
    help="The MCP server behind the gate.",
)
@click.option(
    "--trust",
    default="system",
    show_default=True,
    metavar="system|FILE",
    help="Who vouches for it: the system's authorities, or those of a PEM file.",
)
@click.option(
    "--host",
    "hosts",
    type=Written("NAME", read_host),
    multiple=True,
    help="A further name or address of the gate; the first is the one in its URL.",
)
@click.option(
    "--listen",
    type=Written("ENDPOINT", _listenable),
    default="tcp:8443:interface=127.0.0.1",
    show_default=True,
    help="Where to listen; tcp:8443 is every address.",
)
@click.option(
    "--dashboard",
    type=Written("ENDPOINT", lambda text: text if text == NONE else _listenable(text)),
    default=DASHBOARD,
    show_default=True,
    help="Where the dashboard listens; none for no dashboard.",
)
def command(
    directory: Path, url: Url, trust: str, hosts: tuple[str, ...], listen: str, dashboard: str
) -> None:
    """Write a first configuration, a local CA and a certificate into DIRECTORY.

    Nothing that is there already is overwritten.
    """
    upstream = _name_for(url.host)
    # Without a port (unix, systemd), or with one that the system will choose, there is only a guess.
    endpoint = read_endpoint(listen)
    port = int(endpoint.arguments.get("port", 0)) or HTTPS_PORT
    public_url = str(Url(hosts[0] if hosts else "localhost", port, ""))
    names = tuple(dict.fromkeys((*LOOPBACK, *_machine(), *hosts)))
    text = Template(files("mcpgate").joinpath("data/init.toml").read_text(encoding="utf-8")).substitute(
        editors=_for_editors(Path(sys.prefix)),
        listen=_toml(listen),
        admin=_admin(dashboard),
        public_url=public_url,
        upstream=upstream,
        url=url,
        trust=_toml(trust if trust == "system" else str(Path(trust).absolute())),
    )
    file = directory / "mcpgate.toml"
    # Before anything is written: an option that cannot be used should leave nothing behind.
    parse_config(text.encode(), file.absolute())
    authority, key = directory / "ca.pem", directory / "ca.key"
    tls = directory / "tls"
    _nothing_in_the_way((file, authority, key, tls / "gate.crt", tls / "gate.key"))

    now = datetime.now(UTC)
    ca = LocalCA.create("mcpgate local CA", now)
    pair = ca.server(names, now)
    for made, mode in ((directory, 0o755), (tls, 0o755), (directory / "state", 0o700)):
        made.mkdir(mode=mode, parents=True, exist_ok=True)
    ca.save(authority, key)
    write_pair(pair, tls / "gate.crt", tls / "gate.key")
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w", encoding="utf-8") as new:
        new.write(text)

    config = quote(str(file))
    click.echo(
        f"""\
Wrote {file}, a local CA ({authority}), and a certificate for {", ".join(names)}.

Next:
  mcpgate check --config {config}
  mcpgate run --config {config}
  mcpgate token issue me --config {config}
{"" if dashboard == NONE else f"  mcpgate dashboard --config {config}" + chr(10)}
Then give the client the token, as its bearer token, and the URL {public_url}/{upstream};
and have it trust the CA:
  SSL_CERT_FILE={quote(str(authority.absolute()))} for Python,
  NODE_EXTRA_CA_CERTS=... for Node, --cacert ... for curl."""
    )
    if endpoint.loopback and hosts and hosts[0] not in LOOPBACK:
        click.echo(
            f"""
So far only this machine reaches the gate, whatever its URL says: it listens on {listen}.
For clients elsewhere, write this into {file}, for every address of the machine:
  listen = "tcp:{port}\""""
        )


def _admin(listen: str) -> str:
    table = ADMIN.format(listen=_toml(DASHBOARD if listen == NONE else listen))
    return table if listen != NONE else "".join(f"# {line}\n" for line in table.splitlines())


def _for_editors(prefix: Path) -> str:
    """What tells an editor where the schema is; nothing, where there is none."""
    schema = prefix / SCHEMA
    return f"#:schema {schema.as_uri()}\n" if schema.is_file() else ""


def _nothing_in_the_way(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.exists() or path.is_symlink():
            raise Stop(f"{path} exists and is not overwritten; choose another directory", os.EX_CANTCREAT)


def _machine() -> tuple[str, ...]:
    """The machine's own name, if it is one that a certificate can hold."""
    try:
        return (read_host(socket.gethostname()),)
    except ValueError:
        return ()


def _name_for(host: str) -> str:
    """A short name for an upstream: C{example} for mcp.example.com, C{upstream} for an address."""
    labels = [label for label in host.split(".") if label not in ("mcp", "www", "api")]
    if ":" in host or not labels or labels[-1].isdigit():
        return "upstream"
    return labels[-2] if len(labels) > 1 else labels[0]


def _toml(text: str) -> str:
    """Text for inside the quotes of a basic TOML string."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
