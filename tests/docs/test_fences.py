"""What is a fence of a page, and what is said of it."""

from hypothesis import given
from hypothesis import strategies as st

from tests.docs.fences import Fence, read_page

PAGE = """\
<!-- world: gate -->
# A title

```console
$ echo 1
```

- a list

  ```toml
  # policies/ci.toml
  [[rule]]
  ```

<!-- checked: workflow ci -->
<!-- into: gate.toml -->

~~~yaml
```
~~~

<!-- checked: workflow -->
Words between.

```text
drawing
"""


def test_fences_are_found_with_their_lines_and_what_is_said_of_them() -> None:
    """In lists, of either kind, and at the end of a page that does not close its last one."""
    page = read_page(PAGE)
    assert page.world == "gate"
    assert page.unknown == {}
    assert page.fences == (
        Fence("console", "$ echo 1\n", 5),
        Fence("toml", "# policies/ci.toml\n[[rule]]\n", 11),
        Fence("yaml", "```\n", 19, {"checked": "workflow ci", "into": "gate.toml"}),
        Fence("text", "drawing\n\n", 26),
    )


def test_a_comment_with_another_word_is_told() -> None:
    """It is a misspelling, by which a fence would not be checked."""
    assert read_page("text\n<!-- chekced: workflow -->\n").unknown == {2: "chekced"}


def test_a_first_line_may_name_a_file() -> None:
    """A relative or an absolute path with a suffix; JSON, which has no comments, is written without it."""
    assert Fence("toml", "# policies/ci.toml\na = 1\n", 1).path == "policies/ci.toml"
    assert Fence("toml", "# /etc/mcpgate/mcpgate.toml\na = 1\n", 1).path == "/etc/mcpgate/mcpgate.toml"
    assert Fence("python", "# gates.tac - run it with: twistd\n", 1).path == "gates.tac"
    assert Fence("toml", "# who may call\na = 1\n", 1).path is None
    assert Fence("console", "# a.sh\n", 1).path is None
    assert Fence("json", "# a.json\n{}\n", 1).content == "{}\n"
    assert Fence("toml", "# a.toml\na = 1\n", 1).content == "# a.toml\na = 1\n"


@given(st.text("`~ \n#$<!->:abc", max_size=200))
def test_no_page_is_too_strange(text: str) -> None:
    """Whatever a page is, its lines are in at most one fence each, in order."""
    fences = read_page(text).fences
    lines = [fence.line for fence in fences]
    assert lines == sorted(set(lines))
    assert sum(fence.text.count("\n") for fence in fences) <= text.count("\n") + 1


@given(st.lists(st.text("ab$>#[]= ", max_size=12), max_size=6), st.sampled_from(["```", "~~~~", "````"]))
def test_what_stands_in_a_fence_is_what_it_says(lines: list[str], ticks: str) -> None:
    """Every line of it, as it stands."""
    page = read_page("\n".join(["before", f"{ticks}toml", *lines, ticks, "after"]))
    assert [fence.text.splitlines() for fence in page.fences] == [lines]
