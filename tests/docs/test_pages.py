"""Every fence of the documentation is one that something runs or checks; C{make docs-test} does so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.checkers import there_is
from tests.docs.fences import FILES, Page, read_page
from tests.docs.pages import ROOT, faults, pages, told
from tests.docs.transcript import read_transcript

#: What a fence may be.
LANGUAGES = FILES | {"console", "text"}
#: What Sphinx reads, and no reader types.
DIRECTIVES = frozenset({"{toctree}"})
#: Of these, what nothing runs unless it is a file, or somebody checks it.
NAMED = frozenset({"yaml", "ini"})
PAGES = pages()


def read(page: str) -> Page:
    """A page of the documentation, taken apart."""
    return read_page((ROOT / page).read_text(encoding="utf-8"))


def complaints(page: Page) -> Iterator[str]:
    """What stands in the page that would not be run, or not as it was meant."""
    for line, word in page.unknown.items():
        yield f"{line}: a comment says {word!r}, and nobody reads that"
    if page.world and not Path(__file__).with_name("worlds").joinpath(f"{page.world}.py").is_file():
        yield f"there is no world {page.world}"
    for line in page.unseen:
        yield f"{line}: looks like a fence or a comment of ours, and is none that would be run or read"
    for fence in page.fences:
        checked = fence.said.get("checked", "").partition(" ")[0]
        if fence.directive:
            if fence.language not in DIRECTIVES:
                yield f"{fence.line}: nothing runs what is in {fence.language}"
            continue
        if not fence.language:
            yield f"{fence.line}: a fence says no language; `text` is for drawings and output"
        elif checked and not there_is(checked):
            yield f"{fence.line}: there is no checker {checked}"
        elif not checked and fence.language not in LANGUAGES:
            yield f"{fence.line}: nothing runs a fence of {fence.language}"
        elif not checked and fence.language in NAMED and fence.path is None:
            yield f"{fence.line}: nothing reads this: name its file in its first line, or who checks it"
        elif not checked and fence.language == "console":
            read_transcript(fence)
        elif fence.language == "text" and re.search(r"^\$ ", fence.text, re.MULTILINE):
            yield f"{fence.line}: a command stands in what is never run"


@pytest.mark.parametrize("page", PAGES)
def test_every_fence_of_a_page_is_run_or_checked(page: str) -> None:
    """A fence has a language, a checker that exists, and nothing in it that nobody runs."""
    assert list(complaints(read(page))) == []


@pytest.mark.parametrize(
    "text",
    [
        "```\nno language\n```",
        "```ruby\nputs 1\n```",
        "<!-- checked: nobody -->\n```yaml\na: 1\n```",
        "```yaml\na: 1\n```",
        "<!-- word: nothing -->",
        "<!-- world: nowhere -->",
        "<!-- Checked: make -->",
        "> ```console\n> $ false\n> ```",
        "- ```console\n  $ false\n  ```",
        "-\n\t```console\n\t$ false\n\t```",
        "As follows:\n\n    $ false",
        "<pre>\n$ false\n</pre>",
        "```{code-block} console\n$ false\n```",
        "```text\n$ false\n```",
        "```text\nnot closed\n\n```console\n$ false\n```",
    ],
)
def test_what_nothing_would_run_is_found(text: str) -> None:
    """The test above sees what it is for."""
    assert list(complaints(read_page(text))) != []


@pytest.mark.docs
@pytest.mark.parametrize("page", PAGES)
def test_page_does_what_it_says(page: str) -> None:
    """Each command, configuration and program of a page, run in their order, come out as the page shows."""
    found = faults(page)
    assert not found, "\n" + told(page, found)
