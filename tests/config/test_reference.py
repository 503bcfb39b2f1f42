"""The reference of keys and reasons."""

import tomllib
from pathlib import Path

import pytest
from attrs import fields

from mcpgate.config.draft import key_of
from mcpgate.config.reference import explain, reference_page, suggestion, topics
from mcpgate.config.schema import REPEATED, SINGLE
from mcpgate.reasons import Reason
from mcpgate.reference.words import plain


@pytest.mark.parametrize("topic", topics())
def test_every_topic_is_explained(topic: str) -> None:
    """In lines that fit a terminal, except where a list of keys is long."""
    text = explain(topic)
    assert text is not None
    assert topic in text.splitlines()[0]
    assert text.replace("\n", "").isprintable()


def test_a_key_is_explained_with_its_form_default_and_an_example() -> None:
    """All that is needed to write it."""
    assert explain("gate.drain") == (
        "gate.drain\n"
        "  How long in-flight exchanges may take to finish at shutdown.\n"
        "\n"
        '  want:     a duration such as "30s", from 0s to 1h\n'
        '  default:  "30s"\n'
        '  example:  drain = "2m"'
    )


def test_a_reason_is_explained_with_what_to_do_and_what_callers_see() -> None:
    """Operators hear more than callers do."""
    text = explain("auth.expired")
    assert text is not None
    assert "mcpgate token issue NAME" in text
    assert "HTTP 401, JSON-RPC error -31401" in text


@pytest.mark.parametrize(
    ("path", "topic"),
    [
        ("upstream.git.pins[0]", "upstream.pins"),
        ("listener[0].profile", "listener.profile"),
        ("rule.read.on.route[1]", "rule.on.route"),
        ("upstream.git.credential.bearer", "upstream.credential.bearer"),
        ('rule.read.who."claim.repository"', "rule.who.claim.NAME"),
        ('rule.read.where."arguments.path"', "rule.where.PATH"),
        ('rule.read.require."inbound.version"', "rule.require.inbound.version"),
        ("  TLS.PIN ", "tls.pin"),
    ],
)
def test_a_path_as_messages_write_it_is_understood(path: str, topic: str) -> None:
    """People paste what they were shown."""
    assert explain(path) == explain(topic)


def test_what_reasons_begin_with_lists_them() -> None:
    """Each with one sentence."""
    text = explain("auth")
    assert text is not None
    head, _, *lines = text.splitlines()
    assert head == "Reasons that begin with auth."
    assert [line.split()[0] for line in lines] == [reason for reason in Reason if reason.startswith("auth.")]
    assert all(line.endswith(".") for line in lines)


def test_a_word_that_is_both_a_table_and_a_kind_of_reasons_is_explained_as_both() -> None:
    """C{upstream} is one."""
    both = explain("upstream")
    assert both is not None and "[[upstream]]" in both and "upstream.unreachable" in both


def test_clear_text_is_answered_on_the_leg_that_it_is_about() -> None:
    """The one reason of a handshake that the caller itself can be told."""
    text = explain("tls.plaintext")
    assert text is not None and "HTTP 400" in text and "HTTP 502" not in text


def test_who_is_closed_before_there_is_tls_is_told_nothing() -> None:
    """A status that nobody will ever see would send operators the wrong way."""
    text = explain("limit.connections")
    assert text is not None and "is told nothing" in text and "HTTP" not in text
    text = explain("limit.failures")
    assert text is not None and "HTTP 429" in text


@pytest.mark.parametrize("word", ["", "nonsense", "upstream.nonsense", "[]", "upstream..", "tls.", "a.b.c.d"])
def test_an_unknown_word_is_not_explained(word: str) -> None:
    """The caller of C{explain} says so, perhaps with a suggestion."""
    assert explain(word) is None


def test_an_unknown_word_gets_the_nearest_one() -> None:
    """Among keys and reasons alike."""
    assert suggestion("upstream.pin") == "upstream.pins"
    assert suggestion("tls.pinn") == "tls.pin"


@pytest.mark.parametrize(
    "option",
    [option for cls in (*SINGLE.values(), *REPEATED.values()) for option in fields(cls)],
    ids=lambda option: option.name,
)
def test_every_example_is_good_and_not_the_default(option: object) -> None:
    """An example that could not stand in the file would be worse than none."""
    metadata, default = option.metadata, option.default  # type: ignore[attr-defined]
    raw = tomllib.loads(f"key = {metadata['example']}")["key"]
    if "form" in metadata:
        form = metadata["form"]
        if form.many:
            for item in [raw] if isinstance(raw, str) else raw:
                form.read(item, Path("/"))
        else:
            assert form.read(raw, Path("/")) != default
    else:
        assert isinstance(raw, dict)


def test_the_page_has_every_key() -> None:
    """It is made from the same sources as everything else."""
    page = reference_page()
    for cls in (*SINGLE.values(), *REPEATED.values()):
        for option in fields(cls):
            assert f"| `{key_of(option)}` | {plain(option.metadata['help'])} |" in page
