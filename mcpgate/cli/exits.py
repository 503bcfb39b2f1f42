"""How the process ends: which exit code, and which words, for what a person can mend.

The codes are those of sysexits.h, the ones that service managers and scripts know: 64 usage, 66
cannot read, 69 cannot listen or reach, 70 a demonstration that failed, 73 cannot create (also a state
directory that is in use), 77 no permission, 78 configuration. An error that is not listed here is a
defect of ours and keeps its traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from mcpgate.config.problem import ConfigError, ConfigUnreadable
from mcpgate.evidence.journal import JournalError
from mcpgate.ops.control import ControlError


class Stop(Exception):
    """The verb cannot go on: C{message} for the person, C{code} for the shell."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def stop_for(error: BaseException) -> Stop | None:
    """The words and the code for an error that somebody can mend; None if it is a bug of ours."""
    match error:
        case Stop():
            return error
        case ConfigUnreadable():
            return Stop(str(error), os.EX_NOINPUT)
        case ConfigError():
            return Stop(str(error), os.EX_CONFIG)
        case ControlError():
            return Stop(str(error), os.EX_UNAVAILABLE)
        case JournalError():
            return Stop(str(error), os.EX_CANTCREAT)
        case PermissionError(filename=str() as name):
            return Stop(f"{name}: permission denied", os.EX_NOPERM)
        case FileExistsError(filename=str() as name):
            return Stop(f"{name} exists and is not overwritten", os.EX_CANTCREAT)
        case OSError(filename=str() as name):
            return Stop(f"{name}: {error.strerror}", os.EX_NOINPUT)
    # Here and not above: most verbs end without having to load the gate.
    from mcpgate.gate import ListenError

    return Stop(str(error), os.EX_UNAVAILABLE) if isinstance(error, ListenError) else None


def complain(message: str) -> None:
    """Tell the person, on stderr, under our own name."""
    print(f"mcpgate: {message}", file=sys.stderr)


@contextmanager
def ends_well() -> Iterator[None]:
    """Turn whatever a person can mend into a message and C{SystemExit}; nobody sees a traceback for it."""
    try:
        yield
    except click.UsageError as error:
        error.show()
        raise SystemExit(os.EX_USAGE) from None
    except click.ClickException as error:
        complain(error.format_message())
        raise SystemExit(os.EX_USAGE) from None
    except (click.Abort, KeyboardInterrupt):
        # What a shell reports for a command that SIGINT ended.
        raise SystemExit(130) from None
    except BrokenPipeError:
        # The reader (head, less) has seen enough. Python flushes stdout once more at exit, so give
        # it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(os.EX_OK) from None
    except Exception as error:
        stop = stop_for(error)
        if stop is None:
            raise
        complain(stop.message)
        raise SystemExit(stop.code) from None
