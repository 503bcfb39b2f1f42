"""Which room may import what: read top to bottom it is the architecture.

Imports point inward only: values and rules know nothing of sockets, clocks and files; the relay
knows nothing of the process it runs in. The rules are given as data below, judged by reading the
import statements of every source file and the calls that need none, such as C{open}; the judge itself
is tested at the end. What a file does with a value that it is given, such as a clock or a path, is
not seen from here.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "mcpgate").rglob("*.py"))

#: Bytes and values in, values out. A name ending in / is a whole room.
PURE = (
    "mcpgate/reasons.py",
    "mcpgate/_version.py",
    "mcpgate/wire/",
    "mcpgate/policy/",
    "mcpgate/tls/profile.py",
    "mcpgate/tls/handshake.py",
    "mcpgate/tls/pins.py",
    "mcpgate/tls/names.py",
    "mcpgate/tls/hello.py",
    "mcpgate/tls/codepoints.py",
    "mcpgate/tls/certificate.py",
    "mcpgate/identity/principal.py",
    "mcpgate/identity/peer.py",
    "mcpgate/identity/bound.py",
    "mcpgate/identity/denied.py",
    "mcpgate/credentials/form.py",
    "mcpgate/credentials/answer.py",
    "mcpgate/credentials/slot.py",
    "mcpgate/identity/saml/xml.py",
    "mcpgate/identity/document.py",
    "mcpgate/identity/jose.py",
    "mcpgate/identity/jwks.py",
    "mcpgate/identity/terms.py",
    "mcpgate/identity/claims.py",
    "mcpgate/identity/presets.py",
    "mcpgate/identity/bound.py",
    "mcpgate/identity/denied.py",
    "mcpgate/evidence/record.py",
    "mcpgate/evidence/chain.py",
    "mcpgate/evidence/uris.py",
    "mcpgate/evidence/handshakes.py",
    "mcpgate/evidence/exchanges.py",
    "mcpgate/evidence/events.py",
    "mcpgate/evidence/which.py",
    "mcpgate/evidence/bookkeeping.py",
    "mcpgate/evidence/floods.py",
    "mcpgate/evidence/outage.py",
    "mcpgate/alerts/alert.py",
    "mcpgate/alerts/occasions.py",
    "mcpgate/alerts/due.py",
    "mcpgate/alerts/sender.py",
    "mcpgate/evidence/note.py",
    "mcpgate/evidence/checkpoint.py",
    "mcpgate/evidence/trusted.py",
    "mcpgate/evidence/targets.py",
    "mcpgate/evidence/findings.py",
    "mcpgate/evidence/sequence.py",
    "mcpgate/evidence/strays.py",
    "mcpgate/evidence/walk.py",
    "mcpgate/evidence/signed.py",
    "mcpgate/evidence/lineplace.py",
    "mcpgate/evidence/wording.py",
    "mcpgate/evidence/runs.py",
    "mcpgate/evidence/tails.py",
    "mcpgate/metrics/table.py",
    "mcpgate/metrics/names.py",
    "mcpgate/metrics/counting.py",
    "mcpgate/metrics/gauges.py",
    "mcpgate/metrics/certificates.py",
    "mcpgate/admin/wording.py",
    "mcpgate/admin/pages/courses.py",
    "mcpgate/admin/pages/meaning.py",
    "mcpgate/admin/pages/validity.py",
    "mcpgate/evidence/position.py",
    "mcpgate/index/answers.py",
    "mcpgate/index/asking.py",
    "mcpgate/index/lines.py",
    "mcpgate/index/rows.py",
    "mcpgate/index/schema.py",
    "mcpgate/index/sums.py",
    "mcpgate/index/told.py",
    "mcpgate/evidence/manifest.py",
    "mcpgate/report/span.py",
    "mcpgate/report/counts.py",
    "mcpgate/report/lines.py",
    "mcpgate/report/generations.py",
    "mcpgate/report/encryption.py",
    "mcpgate/report/certificates.py",
    "mcpgate/report/refusals.py",
    "mcpgate/report/traffic.py",
    "mcpgate/report/happenings.py",
    "mcpgate/report/summary.py",
    "mcpgate/report/verified.py",
    "mcpgate/report/clause.py",
    "mcpgate/report/frameworks.py",
    "mcpgate/report/profiles.py",
    "mcpgate/report/report.py",
    "mcpgate/report/what_if.py",
    "mcpgate/report/joined.py",
    "mcpgate/report/columns.py",
    "mcpgate/report/ocsf.py",
    "mcpgate/report/checks/",
    "mcpgate/holds/held.py",
    "mcpgate/holds/docket.py",
    "mcpgate/holds/rounds.py",
    "mcpgate/trial/",
    "mcpgate/relay/answer.py",
    "mcpgate/relay/crowd.py",
    "mcpgate/relay/following.py",
    "mcpgate/relay/hearing.py",
    "mcpgate/relay/reply.py",
    "mcpgate/relay/tally.py",
    "mcpgate/relay/throttle.py",
    "mcpgate/config/schema.py",
    "mcpgate/config/tables/",
    "mcpgate/config/forms.py",
    "mcpgate/config/units.py",
    "mcpgate/config/url.py",
    "mcpgate/config/endpoint.py",
    "mcpgate/config/problem.py",
    "mcpgate/config/draft.py",
    "mcpgate/admin/guard.py",
    "mcpgate/admin/page.py",
    "mcpgate/admin/refusal.py",
    "mcpgate/admin/roles.py",
    "mcpgate/config/judge.py",
    "mcpgate/config/judge_admin.py",
    "mcpgate/config/judge_evidence.py",
    "mcpgate/config/judge_saml.py",
    "mcpgate/config/judge_issuers.py",
    "mcpgate/config/judge_alerts.py",
    "mcpgate/config/judge_credentials.py",
    "mcpgate/config/advice.py",
    "mcpgate/config/reference.py",
    "mcpgate/config/shapes.py",
    "mcpgate/reference/",
    "mcpgate/config/locate.py",
    "mcpgate/config/condition.py",
    "mcpgate/config/expression.py",
    "mcpgate/workers/facts.py",
    "mcpgate/cli/notice.py",
    "mcpgate/cli/roff.py",
)
#: What reaches sockets, clocks, files, threads, other processes or chance.
OUTSIDE = frozenset(
    "twisted treq OpenSSL socket ssl select selectors asyncio time os io fcntl mmap shutil tempfile glob "
    "sys signal threading concurrent multiprocessing subprocess secrets random uuid".split()
)
#: What does so without an import of its own: builtins, and methods of what a pure file may name.
CLOCKS = frozenset("datetime.now datetime.utcnow datetime.today date.today".split())
FILES = frozenset(
    "open read_bytes read_text write_bytes write_text exists is_file is_dir is_symlink stat lstat iterdir "
    "absolute expanduser cwd mkdir unlink touch chmod".split()
)
#: Reading a certificate that somebody else loaded is arithmetic on a value.
READS_CERTIFICATES = ("mcpgate/tls/certificate.py", "mcpgate/tls/pins.py", "mcpgate/tls/names.py")
#: Whether a key has signed some bytes is arithmetic, too, and so is signing by Ed25519. Of these, the note
#: needs nobody's word; nobody else takes josepy's for anything.
VERIFIES_SIGNATURES = ("mcpgate/identity/jose.py", "mcpgate/identity/jwks.py", "mcpgate/evidence/note.py")
#: The only maker of C{SSL.Context}: what we demand of TLS is stated in one place.
#: The only file that serves by Twisted's TLS, for protocols that expect it; the contexts are ours.
ENDPOINT = "mcpgate/endpoint.py"
CONTEXTS = "mcpgate/tls/contexts.py"


def imports(source: str) -> Iterator[str]:
    """The dotted name of every module that a source file imports, wherever the statement stands.

    C{from a.b import c} gives both C{a.b} and C{a.b.c}, as c may be a module.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def within(name: str, module: str) -> bool:
    """Whether a dotted name is that module or something inside it."""
    return name == module or name.startswith(module + ".")


def is_in(path: str, places: tuple[str, ...]) -> bool:
    """Whether a file is one of the places, or inside one that ends in /."""
    return any(path == place or (place.endswith("/") and path.startswith(place)) for place in places)


def file_of(name: str) -> str | None:
    """Which of our files a dotted name stands for or in: C{mcpgate.reasons.Reason} is in reasons.py."""
    while name:
        path = name.replace(".", "/") + ".py"
        if path in SOURCES:
            return path
        name = name.rpartition(".")[0]
    return None


def faults(path: str, source: str) -> list[str]:
    """What is wrong with one file: each import that points outward, and each context it makes."""
    found = []
    pure = is_in(path, PURE)
    process = is_in(path, ("mcpgate/cli/", "mcpgate/__main__.py"))
    for name in sorted(set(imports(source))):
        ours = file_of(name)
        if name.startswith("."):
            found.append(f"{name}: imports are absolute")
        if pure and name.partition(".")[0] in OUTSIDE:
            found.append(f"{name}: the file is pure")
        if pure and within(name, "cryptography") and path not in (*READS_CERTIFICATES, *VERIFIES_SIGNATURES):
            found.append(f"{name}: the file is pure and reads no certificates")
        if pure and within(name, "josepy") and path not in VERIFIES_SIGNATURES:
            found.append(f"{name}: the file is pure and verifies no signatures")
        if pure and ours is not None and not is_in(ours, PURE):
            found.append(f"{name}: the file is pure and that one is not")
        if within(name, "mcpgate.cli") and not process:
            found.append(f"{name}: only the process knows its command line")
        if within(name, "twisted.internet.reactor") and not process:
            found.append(f"{name}: the reactor is a parameter")
        if within(name, "twisted.protocols.tls") and path == ENDPOINT:
            continue
        if any(within(name, lax) for lax in ("ssl", "twisted.internet.ssl", "twisted.protocols.tls")):
            found.append(f"{name}: TLS is pyOpenSSL's, on the transport of mcpgate/tls/stream.py")
        if within(name, "signal") and not process:
            found.append(f"{name}: signals belong to the process")
    calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)}
    for call in sorted(calls) if pure else ():
        if call in CLOCKS or call.removeprefix("datetime.") in CLOCKS:
            found.append(f"{call}(): the file is pure, and now is a parameter")
        if call.rpartition(".")[2] in FILES:
            found.append(f"{call}(): the file is pure")
    if path != CONTEXTS and not {"Context", "SSL.Context", "OpenSSL.SSL.Context"}.isdisjoint(calls):
        found.append(f"SSL.Context(): contexts are made in {CONTEXTS}")
    return found


@pytest.mark.parametrize("path", SOURCES)
def test_imports_point_inward(path: str) -> None:
    """Each file imports only what its ring may know."""
    assert faults(path, (ROOT / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("place", PURE)
def test_every_rule_is_about_a_file_that_exists(place: str) -> None:
    """A file that was renamed does not slip out of the rules."""
    assert any(is_in(path, (place,)) for path in SOURCES)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("mcpgate/wire/http.py", "import time"),
        ("mcpgate/wire/http.py", "import os.path"),
        ("mcpgate/evidence/record.py", "import fcntl"),
        ("mcpgate/identity/principal.py", "from secrets import token_hex"),
        ("mcpgate/policy/decide.py", "from datetime import datetime\nnow = datetime.now()"),
        ("mcpgate/policy/decide.py", "import datetime\nnow = datetime.datetime.now(datetime.UTC)"),
        ("mcpgate/policy/decide.py", "import datetime\ntoday = datetime.date.today()"),
        ("mcpgate/config/judge.py", "text = open('/etc/mcpgate/mcpgate.toml').read()"),
        ("mcpgate/config/judge.py", "from pathlib import Path\ntext = Path('x').read_text()"),
        ("mcpgate/relay/exchange.py", "import signal"),
        ("mcpgate/gate.py", "from signal import SIGHUP"),
        ("mcpgate/workers/seat.py", "from signal import SIGKILL"),
        ("mcpgate/workers/supervisor.py", "from twisted.internet import reactor"),
        ("mcpgate/wire/http.py", "def late():\n    from twisted.internet.defer import Deferred"),
        ("mcpgate/wire/http.py", "from mcpgate.evidence.journal import Journal"),
        ("mcpgate/policy/decide.py", "from cryptography import x509"),
        ("mcpgate/policy/decide.py", "from josepy import jws"),
        ("mcpgate/policy/decide.py", "from . import rules"),
        ("mcpgate/tls/pins.py", "from OpenSSL import SSL"),
        ("mcpgate/relay/exchange.py", "from mcpgate import cli"),
        ("mcpgate/relay/exchange.py", "from mcpgate.cli.text import table"),
        ("mcpgate/relay/exchange.py", "from twisted.internet import reactor"),
        ("mcpgate/upstream/pool.py", "from twisted.internet import ssl"),
        ("mcpgate/upstream/pool.py", "import ssl"),
        ("mcpgate/web.py", "from twisted.protocols.tls import TLSMemoryBIOFactory"),
        ("mcpgate/endpoint.py", "from twisted.internet.ssl import CertificateOptions"),
        ("mcpgate/upstream/pool.py", "from OpenSSL import SSL\ncontext = SSL.Context(SSL.TLS_METHOD)"),
    ],
)
def test_an_offender_is_caught(path: str, source: str) -> None:
    """The judge itself works: one of each kind of offence is named."""
    assert faults(path, source) != []


def test_what_is_allowed_passes() -> None:
    """The judge is not merely strict: what the rings allow is not an offence."""
    assert faults("mcpgate/tls/pins.py", "from cryptography import x509") == []
    assert faults("mcpgate/relay/exchange.py", "from twisted.internet.defer import Deferred") == []
    assert faults("mcpgate/cli/tap.py", "from twisted.internet import reactor") == []
    assert faults("mcpgate/cli/process.py", "import signal") == []
    assert (
        faults("mcpgate/policy/decide.py", "from datetime import datetime\nat = datetime(2026, 1, 1)") == []
    )
    assert faults("mcpgate/evidence/journal.py", "import fcntl\nopen('journal')") == []
    assert faults(ENDPOINT, "from twisted.protocols.tls import TLSMemoryBIOFactory") == []
    assert faults(CONTEXTS, "from OpenSSL import SSL\ncontext = SSL.Context(SSL.TLS_METHOD)") == []
