"""What a configuration needs of the world, looked at before anything starts.

Files that are referred to exist and can be read, secrets resolve, the state directory can be used.
What is inside certificate files is judged by C{tls.material}, where they are loaded.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from mcpgate.config.forms import in_vault
from mcpgate.config.problem import Problem
from mcpgate.config.schema import Config
from mcpgate.config.secrets import SecretError, resolve
from mcpgate.config.tables.peer import PeerTable

# Older than this program. A machine without a battery clock starts in 1970 and would find every
# certificate not yet valid, or an expired one fresh.
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)

_KINDS = ("file", "env", "credential")


def inspect(
    config: Config, now: datetime, environ: Mapping[str, str] = os.environ, *, serves: bool = True
) -> tuple[Problem, ...]:
    """
    Everything in the world that keeps this configuration from working, in the file's order.

    @param serves: Whether this process is to be the gate. If not, root may look at a state directory of
        another user's: it looks after that one's gate (C{foreign_owner} says whose).
    """
    problems = [*_clock(now), *_state(config, serves), *_files(config), *_secrets(config, environ)]
    return tuple(sorted(problems, key=lambda problem: problem.line or 0))


def _clock(now: datetime) -> Iterator[Problem]:
    if now < EARLIEST:
        yield Problem("", None, f"the clock says {now:%Y-%m-%d}: no certificate can be judged; set it first")


def _state(config: Config, serves: bool) -> Iterator[Problem]:
    state = config.gate.state
    try:
        found = state.stat()
    except FileNotFoundError:
        above = next((parent for parent in state.parents if parent.exists()), Path("/"))
        if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
            yield config.problem("gate.state", f"{state} does not exist and cannot be created in {above}")
        return
    except OSError as error:
        yield config.problem("gate.state", f"{state}: {error.strerror}")
        return
    if not stat.S_ISDIR(found.st_mode):
        yield config.problem("gate.state", f"{state} is not a directory")
    elif found.st_uid not in (os.geteuid(), 0) and (serves or os.geteuid() != 0):
        whose = _user(found.st_uid)
        yield config.problem("gate.state", f"{state} belongs to another user ({whose}); run this as that one")
    elif found.st_mode & stat.S_IWOTH:
        yield config.problem("gate.state", f"{state} can be written by everybody; chmod 0700 it")
    elif not os.access(state, os.R_OK | os.W_OK | os.X_OK):
        yield config.problem("gate.state", f"{state} cannot be written by this user")


def foreign_owner(config: Config) -> str | None:
    """To whom the state directory belongs, if root looks at one of another user's."""
    try:
        owner = config.gate.state.stat().st_uid
    except OSError:
        return None
    return _user(owner) if os.geteuid() == 0 and owner != 0 else None


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"id {number}"


def _files(config: Config) -> Iterator[Problem]:
    for listener in config.listeners:
        path = f"listener.{listener.name}"
        yield from _readable(config, f"{path}.certificates", listener.certificates, directory=True)
        yield from _readable(config, f"{path}.client_ca", listener.client_ca)
        yield from _readable(config, f"{path}.client_crl", listener.client_crl)
    yield from _readable(config, "admin.certificates", config.admin.certificates, directory=True)
    yield from _readable(config, "admin.client_ca", config.admin.client_ca)
    for upstream in config.upstreams:
        yield from _peer_files(config, f"upstream.{upstream.name}", upstream)
    for credential in config.credentials:
        path = f"credential.{credential.name}"
        yield from _peer_files(config, path, credential)
        yield from _readable(config, f"{path}.assertion_key", credential.assertion_key)
    for vault in config.vaults:
        yield from _peer_files(config, f"vault.{vault.name}", vault)
    for saml in config.samls:
        yield from _readable(config, f"saml.{saml.name}.metadata", saml.metadata)
    for issuer in config.issuers:
        path = f"issuer.{issuer.name}"
        yield from _peer_files(config, path, issuer)
        yield from _readable(config, f"{path}.assertion_key", issuer.assertion_key)


def _peer_files(config: Config, path: str, table: PeerTable) -> Iterator[Problem]:
    """Those of the TLS connection to a server."""
    if table.trust != "system":
        yield from _readable(config, f"{path}.trust", Path(table.trust))
    yield from _readable(config, f"{path}.crl", table.crl)
    yield from _readable(config, f"{path}.client_certificate", table.client_certificate)
    yield from _readable(config, f"{path}.client_key", table.client_key)


def _readable(config: Config, path: str, file: Path | None, *, directory: bool = False) -> Iterator[Problem]:
    if file is None:
        return
    try:
        mode = file.stat().st_mode
    except OSError as error:
        yield config.problem(path, f"{file}: {(error.strerror or str(error)).lower()}")
        return
    if stat.S_ISDIR(mode) and not directory:
        yield config.problem(path, f"{file} is a directory; want a file")
    elif not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        yield config.problem(path, f"{file} is not a regular file")
    elif not os.access(file, os.R_OK | (os.X_OK if stat.S_ISDIR(mode) else 0)):
        yield config.problem(path, f"{file} cannot be read by this user")


def _secrets(config: Config, environ: Mapping[str, str]) -> Iterator[Problem]:
    found: list[tuple[str, str | None]] = []
    for upstream in config.upstreams:
        if upstream.credential is not None:
            path = f"upstream.{upstream.name}.credential"
            found += [(f"{path}.{key}", getattr(upstream.credential, key)) for key in ("bearer", "value")]
    for credential in config.credentials:
        path = f"credential.{credential.name}"
        keys = ("bearer", "value", "client_secret", "actor")
        found += [(f"{path}.{key}", getattr(credential, key)) for key in keys]
    found += [(f"vault.{vault.name}.token", vault.token) for vault in config.vaults]
    found += [(f"issuer.{issuer.name}.client_secret", issuer.client_secret) for issuer in config.issuers]
    found += [(f"admin.{key}", getattr(config.admin, key)) for key in ("client_secret", "metrics_token")]
    found += [(f"alert.{alert.name}.secret", alert.secret) for alert in config.alerts]
    # These may also say it themselves.
    either = [(f"alert.{alert.name}.webhook", alert.webhook) for alert in config.alerts]
    either.append(("evidence.index", config.evidence.index))
    found += [(path, said) for path, said in either if said and said.partition(":")[0] in _KINDS]
    for path, reference in found:
        if reference is None or in_vault(reference) is not None:
            continue
        try:
            resolve(reference, environ)
        except SecretError as error:
            yield config.problem(path, str(error))
