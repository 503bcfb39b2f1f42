"""The C{twist} command without what Twisted says of itself.

That a reactor starts, or which factory a port has, are facts of the inside. The gate says in its own
words what it listens on and when it stops; warnings and errors of Twisted's are kept, and with
C{--log-level debug} everything is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Private, but in the same place since Twisted 16.0; it is what the twist command itself calls.
from twisted.application.twist._options import TwistOptions
from twisted.application.twist._twist import Twist
from twisted.logger import FilteringLogObserver, ILogFilterPredicate, LogEvent, LogLevel, PredicateResult
from zope.interface import provider


class QuietTwist(Twist):
    """As L{Twist}, which is a namespace of class methods."""

    @staticmethod
    def options(argv: Sequence[str]) -> TwistOptions:
        """The options that C{twist} reads, with the log filtered on its way to the file."""
        options = Twist.options(argv)
        if options["logLevel"] > LogLevel.debug:
            write = options["fileLogObserverFactory"]
            options["fileLogObserverFactory"] = lambda file: FilteringLogObserver(write(file), [worth_saying])
        return options


@provider(ILogFilterPredicate)
def worth_saying(event: LogEvent) -> Any:
    """Drop what Twisted says that is neither a warning nor an error; C{twisted.python.log} is its too."""
    namespace = str(event.get("log_namespace", ""))
    inside = namespace == "log_legacy" or namespace.startswith("twisted.")
    level = event.get("log_level") or LogLevel.info
    return PredicateResult.no if inside and level < LogLevel.warn else PredicateResult.maybe
