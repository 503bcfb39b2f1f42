"""Signed notes: the form of C2SP, read in one way, and trusted for nothing but a key that we know."""

from __future__ import annotations

from base64 import b64decode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcpgate.evidence.note import (
    NOTE_MOST,
    Note,
    NoteError,
    Signature,
    SigningKey,
    VerifierKey,
    notes_in,
    read_key,
    read_note,
)

KEY = SigningKey("gate.example-0001", bytes(range(32)))
OTHER = SigningKey("gate.example-0001", bytes(32))
TEXT = "gate.example-0001/0/1\n2\nthe rest\n"

# Published with golang.org/x/mod/sumdb/note, whose form this is (its documentation, "PeterNeumann").
PUBLISHED_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED_SECRET = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PUBLISHED_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
PUBLISHED = PUBLISHED_TEXT + (
    "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6Ryy"
    "BwJnAM=\n"
)


def test_what_others_have_signed_is_read_and_signed_alike() -> None:
    """The example of the implementation that the specification came from."""
    key = read_key(PUBLISHED_KEY)
    note = read_note(PUBLISHED.encode())
    assert note.text.startswith("If you think") and note.text.endswith("is.\n")
    assert note.signer([key]) == key
    assert SigningKey(key.name, b64decode(PUBLISHED_SECRET)[1:]).sign(PUBLISHED_TEXT) == PUBLISHED.encode()
    with pytest.raises(NoteError, match="is wrong"):
        read_note(PUBLISHED.replace("answer", "anser").encode()).signer([key])


def test_a_note_is_signed_by_its_key_and_by_no_other() -> None:
    raw = KEY.sign(TEXT)
    note = read_note(raw)
    assert note.text == TEXT
    assert note.signer([OTHER.verifier, KEY.verifier]) == KEY.verifier
    assert note.signer([OTHER.verifier]) is None


def test_a_wrong_signature_by_a_known_key_condemns_the_note() -> None:
    """Even if another one on it is good; one by a key that is not known says nothing."""
    good = read_note(KEY.sign(TEXT)).signatures[0]
    bad = Signature(good.name, good.id, bytes(64))
    stranger = Signature(good.name, b"\0\0\0\0", bytes(64))
    with pytest.raises(NoteError, match="is wrong"):
        Note(TEXT, (good, bad)).signer([KEY.verifier])
    with pytest.raises(NoteError, match="is wrong"):
        Note(TEXT, (Signature(good.name, good.id, b"x"),)).signer([KEY.verifier])
    assert Note(TEXT, (stranger, good)).signer([KEY.verifier]) == KEY.verifier


@given(st.binary(min_size=32, max_size=32), st.sampled_from(["gate", "gäte.example-1", "a/b"]))
def test_a_key_is_told_and_read_again(secret: bytes, name: str) -> None:
    key = SigningKey(name, secret).verifier
    assert read_key(str(key)) == key
    assert read_note(SigningKey(name, secret).sign(TEXT)).signer([key]) == key


def test_the_secret_is_in_no_representation() -> None:
    assert "\\x01\\x02" not in repr(KEY) and str(KEY.verifier) in repr(KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gate",
        "gate+00000000+",
        "gate+00000000+!!!!",
        str(KEY.verifier).replace("gate", "gaet"),
        str(KEY.verifier) + "\n",
        " " + str(KEY.verifier),
        str(KEY.verifier).replace("gate", "ga te"),
        str(KEY.verifier)[:-4],
        # The signature type of ECDSA.
        "gate+00000000+AhpcZQcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        read_key(text)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n\n",
        TEXT.encode(),
        KEY.sign(TEXT)[:-1],
        KEY.sign(TEXT) + b"\n",
        KEY.sign(TEXT).replace("—".encode(), b"-"),
        KEY.sign(TEXT).replace(b"the rest", b"the\trest"),
        KEY.sign(TEXT).replace(b"the rest", b"the\xffrest"),
        KEY.sign(TEXT).replace(b"\n\n", b"\n"),
        b"text\n\n" + "— gate\n".encode(),
        b"text\n\n" + "— gate AAAA\n".encode(),
        b"text\n\n" + "— gate AAAA=AAA\n".encode(),
        b"text\n\n" + "— ga+te AAAAAAAAAAAA\n".encode(),
        b"text\n\n" + "— gate AAAAAAAAAAAA\n".encode() * 101,
        b"x" * NOTE_MOST + KEY.sign(TEXT),
    ],
)
def test_what_is_no_note_is_refused(raw: bytes) -> None:
    with pytest.raises(NoteError):
        read_note(raw)


@pytest.mark.parametrize("text", ["", "no line feed", "a\tb\n"])
def test_what_would_be_no_note_is_not_signed(text: str) -> None:
    with pytest.raises(NoteError):
        KEY.sign(text)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@example(KEY.sign(TEXT))
@example(PUBLISHED.encode())
def test_whatever_comes_is_read_or_refused(raw: bytes) -> None:
    """And what is read is what was written: there is one way to write it."""
    try:
        note = read_note(raw)
    except NoteError:
        return
    assert raw.startswith(note.text.encode() + b"\n")


@given(st.binary(max_size=60), st.integers(min_value=0), st.integers(min_value=0))
def test_a_file_of_notes_is_cut_where_they_end(junk: bytes, begin: int, end: int) -> None:
    """Whatever becomes of the text of one, those beside it are found, at their lines."""
    notes = [KEY.sign(f"number {number}\n") for number in range(3)]
    places = list(zip((1, 5, 9), notes, strict=True))
    assert list(notes_in(b"".join(note + b"\n" for note in notes))) == places
    most = notes[1].index("—".encode())
    begin, end = sorted((begin % most, end % most))
    damaged = notes[1][:begin] + junk + notes[1][end:]
    found = list(notes_in(notes[0] + b"\n" + damaged + b"\n" + notes[2] + b"\n"))
    assert found[0] == (1, notes[0])
    assert found[-1][1] == notes[2] and found[-1][0] == 9 + damaged.count(b"\n") - notes[1].count(b"\n")


def test_keys_of_one_name_are_told_apart_by_their_ids() -> None:
    assert KEY.verifier.id != OTHER.verifier.id
    assert VerifierKey("other", KEY.verifier.public).id != KEY.verifier.id
