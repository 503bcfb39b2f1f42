"""Where copies go: what the configuration may say."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.evidence.targets import Directory, LocalSyslog, RemoteSyslog, Target, read_target


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("syslog", LocalSyslog()),
        ("syslog:logs.example.com:5140", RemoteSyslog("logs.example.com", 5140)),
        ("syslog:logs.example.com", RemoteSyslog("logs.example.com", 514)),
        ("syslog:192.0.2.1", RemoteSyslog("192.0.2.1", 514)),
        ("syslog:[2001:db8::1]:515", RemoteSyslog("2001:db8::1", 515)),
        ("syslog:[2001:db8::1]", RemoteSyslog("2001:db8::1", 514)),
        ("/mnt/witness", Directory(Path("/mnt/witness"))),
    ],
)
def test_a_target_is_read(text: str, target: Target) -> None:
    assert read_target(text) == target
    assert read_target(str(target)) == target


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "neither"),
        ("witness", "neither"),
        ("Syslog", "neither"),
        ("syslog:", "no host"),
        ("syslog::514", "no host"),
        ("syslog:[::1", "no host"),
        ("syslog:a b:1", "no host"),
        ("syslog:2001:db8::1:514", "no host"),
        ("syslog:host:0", "no port"),
        ("syslog:host:65536", "no port"),
        ("syslog:host:", "no port"),
        ("syslog:host:99999999999999999999", "no port"),
        ("syslog:[::1]x", "no port"),
    ],
)
def test_what_is_none_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_target(text)


@given(st.text(max_size=40) | st.text("[]:1ab", max_size=20).map("syslog:".__add__))
def test_whatever_comes_is_read_or_refused(text: str) -> None:
    try:
        target = read_target(text)
    except ValueError:
        return
    assert read_target(str(target)) == target
