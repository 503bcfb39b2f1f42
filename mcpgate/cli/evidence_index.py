"""C{mcpgate evidence index}: fill the searchable copy of the journal, or make it anew."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import click

from mcpgate.cli.exits import Stop
from mcpgate.cli.text import config_option, format_option, outline, show
from mcpgate.config.load import load_config
from mcpgate.evidence.reading import ReadingError
from mcpgate.index.filling import Filler, Freshness
from mcpgate.index.opening import to_fill
from mcpgate.index.store import StoreError

#: How long one waits without a word, in seconds.
SILENT = 2.0


@click.command("index", short_help="Fill the searchable copy of the journal, or make it anew.")
@click.option("--rebuild", is_flag=True, help="Take what is there of this gate away first.")
@click.option("--follow/--once", default=False, help="Go on as the journal grows, or end with it (default).")
@config_option
@format_option
def command(rebuild: bool, follow: bool, config: Path, form: str) -> None:
    """Put what the journal says into the index, from where that ends.

    A gate with a dashboard does so by itself, and both may do it at once. Everything in the index is a
    copy: --rebuild loses nothing that the journal still has.
    """
    read = load_config(config)
    opened = to_fill(read.evidence.index, read.gate.state)
    if opened is None:
        raise Stop('there is no index: [evidence] index = "off"', os.EX_CONFIG)
    filler = Filler(read.gate.state / "journal", None, opened, keep=read.evidence.index_keep)
    try:
        if not (read.gate.state / "journal").is_dir():
            raise Stop(f"{read.gate.state}: there is no journal", os.EX_NOINPUT)
        if rebuild:
            filler.rebuild()
        if follow:
            filler.run(threading.Event(), wait=_Waiting(filler))
        else:
            progress = _Progress()
            filler.whole(progress.told)
            progress.end()
            show(_facts(filler.freshness), form, lambda: outline(_facts(filler.freshness)))
    except StoreError as error:
        raise Stop(str(error), os.EX_UNAVAILABLE) from None
    except ReadingError as error:
        raise Stop(str(error), os.EX_NOINPUT) from None
    finally:
        filler.close()


def _facts(fresh: Freshness) -> dict[str, Any]:
    return {"lines": fresh.lines, "faulty_lines": fresh.faulty, "parts_skipped": fresh.skips}


class _Progress:
    """Says how far it is, to somebody who has waited for some time."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._shown = False

    def told(self, fresh: Freshness) -> None:
        """It has come so far."""
        if sys.stderr.isatty() and time.monotonic() - self._began > SILENT:
            self._shown = True
            click.echo(f"\r{fresh.lines:,} lines, {fresh.behind / 1e6:,.0f} MB left   ", err=True, nl=False)

    def end(self) -> None:
        """It is there."""
        if self._shown:
            click.echo(err=True)


class _Waiting:
    """Waits for more, and says when it does not get on, once each time."""

    def __init__(self, filler: Filler) -> None:
        self._filler = filler
        self._told: str | None = None

    def __call__(self, seconds: float) -> None:
        trouble = self._filler.freshness.trouble
        if trouble != self._told:
            click.echo("mcpgate: it gets on again" if trouble is None else f"mcpgate: {trouble}", err=True)
            self._told = trouble
        time.sleep(seconds)
