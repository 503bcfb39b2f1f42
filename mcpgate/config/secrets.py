"""Secrets by reference: read when they are needed, kept out of the configuration, never shown.

A message names the reference (a path, a variable) and what is wrong with it, never a byte of the
value. A secret in a file is refused when everybody on the machine may read it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

# Header values beyond this are refused by every server we know (Node stops at 16 KiB of head).
SECRET_MOST = 16 * 1024

# RFC 9110 5.5: visible ASCII, with spaces or tabs only inside. A secret goes into a header line.
_VALUE = re.compile(rb"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?")


class SecretError(Exception):
    """A secret that cannot be had. The message says which reference and why."""


def resolve(reference: str, environ: Mapping[str, str] = os.environ) -> bytes:
    """The secret that C{file:PATH}, C{env:NAME} or C{credential:NAME} refers to.

    Line ends after it are dropped, as editors and C{echo} leave one.

    @raise SecretError: if it cannot be had, or cannot be sent in a header.
    """
    kind, _, rest = reference.partition(":")
    if kind == "file":
        raw = _from_file(Path(rest), reference)
    elif kind == "credential":
        # systemd.exec(5), LoadCredential=: a directory that only the service can read.
        directory = environ.get("CREDENTIALS_DIRECTORY")
        if not directory:
            raise SecretError(f"{reference}: CREDENTIALS_DIRECTORY is not set (systemd's LoadCredential=)")
        raw = _from_file(Path(directory, rest), reference)
    elif kind == "env":
        if rest not in environ:
            raise SecretError(f"{reference}: there is no such environment variable")
        raw = os.fsencode(environ[rest])
    else:
        # Not a reference, so perhaps a secret: it must not be quoted.
        raise SecretError("a secret is referred to by file:PATH, env:NAME or credential:NAME")
    return sendable(raw, reference)


def sendable(raw: bytes, reference: str) -> bytes:
    """A secret without the line ends after it.

    @raise SecretError: if it cannot be sent in a header. It is not quoted.
    """
    secret = raw.rstrip(b"\r\n")
    if not secret:
        raise SecretError(f"{reference}: it is empty")
    if len(secret) > SECRET_MOST:
        raise SecretError(f"{reference}: it is longer than {SECRET_MOST} bytes")
    if not _VALUE.fullmatch(secret):
        raise SecretError(f"{reference}: it has characters in it that a header cannot carry")
    return secret


def file_of(reference: str, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The file behind a reference, for whoever watches it; C{None} where there is none."""
    kind, _, rest = reference.partition(":")
    if kind == "file":
        return Path(rest)
    directory = environ.get("CREDENTIALS_DIRECTORY")
    return Path(directory, rest) if kind == "credential" and directory else None


def _from_file(path: Path, reference: str) -> bytes:
    try:
        # O_NONBLOCK: a FIFO would wait for a writer before it could be refused.
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise SecretError(f"{reference}: it is not a regular file")
            if mode & stat.S_IRWXO:
                raise SecretError(
                    f"{reference}: everybody on this machine may use it (mode {stat.S_IMODE(mode):04o}); "
                    "chmod o= it, and consider the secret exposed"
                )
            return file.read(SECRET_MOST + 3)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise SecretError(f"{reference}: {reason or error}") from None
