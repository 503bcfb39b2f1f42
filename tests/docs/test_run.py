"""A page that does not do what it says is told, with the line and what happened instead."""

from pathlib import Path

import pytest

from tests.docs.machine import NoMachine, on_a_machine
from tests.docs.pages import faults

PAGE = """\
# What is right

<!-- world: gate -->
```console
$ cd /etc/mcpgate && name=$(hostname)
$ echo $name "$(getent hosts files.example.com)"; ls -d tls mcpgate.toml
gate 127.0.1.1 files.example.com
mcpgate.toml
tls
$ cat <<END
> it is 2026-11-26T03:50:00Z
> END
it is 2020-01-01T00:00:00Z
$ python3 -m http.server 8000 &
$ python3 -c 'import socket; socket.create_connection(("localhost", 8000))'
```

```toml
[[listener]]
name = "public"
profile = "intermediate"
```

```python
# say.py
print("written")
```

```console
$ python3 ~/say.py
written
```

# What is wrong

```console
$ (exit 3)
$ echo one
two
```

```toml
[[listener]]
name = "public"
profle = "intermediate"
```

```json
{"a": }
```
"""


@pytest.mark.docs
def test_a_page_is_run_and_what_is_wrong_in_it_is_told(tmp_path: Path) -> None:
    """In one shell, on a machine of its own; each fault at its line, and nothing else."""
    page = tmp_path / "page.md"
    page.write_text(PAGE, encoding="utf-8")
    found = faults(str(page))
    assert [fault.line for fault in found] == [37, 38, 43, 49], found
    ended, printed, piece, _ = (fault.what for fault in found)
    assert "ended with 3, not 0" in ended
    assert "    two\nand printed\n    one" in printed
    assert 'no key is named "profle"' in piece
    assert not Path("/etc/mcpgate/piece.toml").exists()


def test_without_namespaces_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than that a page is wrong."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoMachine, match="unshare"):
        on_a_machine("tests.docs.inside")
