"""Verification: whatever is done to a journal is named, once, with its place; and what is sound is sound."""

from __future__ import annotations

import gzip
import json
import shutil
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcpgate.evidence.chain import Tree, leaf, linked
from mcpgate.evidence.checkpoint import Succession, read_checkpoint
from mcpgate.evidence.copies import one_line
from mcpgate.evidence.findings import Severity
from mcpgate.evidence.keyfile import PUBLIC, KeyFile
from mcpgate.evidence.manifest import NAME, SUMS, Manifest, sums_text
from mcpgate.evidence.note import SigningKey, notes_in, read_note
from mcpgate.evidence.places import Place, UnreadableError, find
from mcpgate.evidence.reading import ReadingError, segments
from mcpgate.evidence.reading import lines as segment_lines
from mcpgate.evidence.seals import DIRECTORY
from mcpgate.evidence.verify import AGAIN_MOST, Verification, verify
from tests.evidence.sealed import NOW, Writer, checkpoints, compress, journal, make, process, rechained

#: What a change is expected to be called: kind, place, and a word of what is said.
Expected = tuple[str, str, str]


def found(result: Verification, *severities: Severity) -> list[tuple[str, str]]:
    wanted = severities or (Severity.TAMPERED,)
    return [(one.kind, one.where) for one in result.findings if one.severity in wanted]


def lines(state: Path, segment: int = 1, worker: int = 0) -> list[bytes]:
    return journal(state, worker, segment).read_bytes().splitlines(keepends=True)


def write(state: Path, lines: list[bytes], segment: int = 1, worker: int = 0) -> None:
    journal(state, worker, segment).write_bytes(b"".join(lines))


def notes(state: Path, segment: int = 1) -> list[bytes]:
    return [note for _, note in notes_in(checkpoints(state, 0, segment).read_bytes())]


def write_notes(state: Path, notes: list[bytes], segment: int = 1) -> None:
    checkpoints(state, 0, segment).write_bytes(b"".join(note + b"\n" for note in notes))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once, as every checkpoint waits for the disk."""
    place = tmp_path_factory.mktemp("made")
    make(place / "state")
    make(place / "other", host="elsewhere")
    return place


@pytest.fixture
def state(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "state", tmp_path / "state"))


@pytest.fixture
def other(made: Path) -> Path:
    """Another gate's."""
    return made / "other"


# What is sound.


def test_what_nobody_has_touched_is_sound(tmp_path: Path) -> None:
    """Of two workers, over rotations and restarts, compressed and not."""
    state = tmp_path / "state"
    keys = make(state, workers=2)
    compress(journal(state, 0, 1))
    compress(journal(state, 1, 2))
    result = verify(state)
    assert result.sound and result.findings == () and not result.given
    assert (result.workers, result.segments, result.lines, result.checkpoints) == (2, 6, 126, 18)
    assert (result.unsealed, result.trusted.first) == (0, keys.signing.verifier)
    assert result.first_time == "2027-01-15T08:00:00.000000Z" < str(result.last_time)


def test_it_tells_how_far_it_is(state: Path) -> None:
    """In bytes of the files as they are stored."""
    compress(journal(state, 0, 1))
    size = sum(file.stat().st_size for file in (state / "journal").iterdir())
    steps: list[tuple[int, int]] = []
    verify(state, passed=lambda count, total: steps.append((count, total)))
    assert sum(count for count, _ in steps) == size and {total for _, total in steps} == {size}


def test_lines_behind_the_last_checkpoint_are_unsealed_and_not_tampered(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.exchanges(3)
    writer.seal()
    writer.exchanges(1)
    result = verify(tmp_path)
    assert result.sound and result.unsealed == 2
    (finding,) = result.findings
    assert (finding.severity, finding.where) == (Severity.UNSEALED, "0/1:7")
    assert "the last 2 lines of worker 0, from seq 7 of segment 1 on, since 2027" in finding.words
    assert "A gate seals within a minute" not in finding.words


def test_lines_that_wait_for_long_are_told_as_what_should_not_be(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.exchanges(1)
    writer.seal()
    writer.exchanges(400)
    result = verify(tmp_path)
    (finding,) = result.findings
    assert "taken away, or could not be written" in finding.words and result.late and result.sound


def test_a_gate_that_had_nothing_to_do_is_not_late(tmp_path: Path) -> None:
    """Its last checkpoint is of yesterday, and so was the last thing that happened."""
    writer = Writer(tmp_path)
    writer.exchanges(1)
    writer.seal()
    writer.made += 2 * 60 * 50
    writer.exchanges(1)
    result = verify(tmp_path)
    assert not result.late and [one.kind for one in result.findings] == ["unsealed"]
    writer.restart(killed=True)
    writer.seal()
    assert verify(tmp_path).findings == ()


def test_a_segment_that_a_kill_left_open_is_sealed_by_the_next(tmp_path: Path) -> None:
    """Its exchanges without an end are named as such, and nothing else is."""
    writer = Writer(tmp_path)
    writer.exchanges(2)
    writer.seal()
    writer.exchanges(1)
    lost = writer.open()
    writer.exchanges(1)
    writer.restart(killed=True)
    writer.exchanges(1)
    assert verify(tmp_path).unsealed == 5 + 3
    writer.seal()
    result = verify(tmp_path)
    assert result.sound and result.unsealed == 0
    (finding,) = result.findings
    assert (finding.severity, finding.exchange, finding.where) == (Severity.UNFINISHED, lost, "0/1:7")
    assert "its worker died" in finding.words


def test_an_exchange_that_goes_on_is_told_as_such(tmp_path: Path) -> None:
    """Over a rotation, too; not if it ended behind that."""
    writer = Writer(tmp_path)
    first, second = writer.open(), writer.open()
    writer.rotate()
    writer.close(first)
    writer.seal()
    (finding,) = verify(tmp_path).findings
    assert finding.exchange == second and "is not over, or" in finding.words
    writer.stop()
    (finding,) = verify(tmp_path).findings
    assert finding.exchange == second and "has no end" in finding.words


def test_what_retention_took_is_expired(tmp_path: Path) -> None:
    """As the journal says, which is sealed; the checkpoints stay, and say the same."""
    make(tmp_path)
    writer = Writer(tmp_path / "more")
    for _ in range(3):
        writer.exchanges(2)
        writer.rotate()
    state = tmp_path / "more"
    writer.expire(1)
    writer.expire(2)
    result = verify(state)
    assert result.sound
    assert found(result, Severity.EXPIRED, Severity.UNSEALED) == [
        ("unsealed", "0/4:0"),
        ("expired", "0/1"),
        ("expired_unsealed", "0/1"),
    ]
    writer.seal()
    result = verify(state)
    assert result.sound and found(result, Severity.EXPIRED) == [("expired", "0/1")]
    assert [one.words for one in result.findings] == [
        "Segments 1 to 2 of worker 0 have expired, as is on record."
    ]
    assert result.lines == 5 + 3


def test_a_segment_that_was_changed_before_it_expired_is_told(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.exchanges(2)
    writer.rotate()
    write(tmp_path, lines(tmp_path)[:-1])
    writer.expire(1)
    writer.seal()
    assert found(verify(tmp_path)) == [("expired_changed", "0/1")]


def test_a_part_of_a_line_at_the_end_is_no_tampering(tmp_path: Path) -> None:
    """While it is the end; and behind it where a repair is on record."""
    writer = Writer(tmp_path)
    writer.exchanges(2)
    writer.seal()
    writer.path.write_bytes(writer.path.read_bytes() + b'{"v":2,"type":"op')
    result = verify(tmp_path)
    assert result.sound and found(result, Severity.NOTE) == [("torn", "0")]
    torn = writer.path.name
    writer.restart(killed=True)
    writer.seal()
    assert found(verify(tmp_path)) == [("torn", "0")]
    writer.line("repair", f'"what":"torn","file":"{torn}","dropped":17')
    writer.seal()
    assert verify(tmp_path).findings == ()


def test_a_segment_that_has_not_begun_is_no_tampering(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.exchanges(1)
    writer.stop()
    journal(tmp_path, 0, 2).touch()
    result = verify(tmp_path)
    assert result.sound and found(result, Severity.NOTE) == [("empty", "0/2")]


def test_a_journal_of_before_the_chain_is_told(state: Path) -> None:
    (state / "journal" / "journal-0.jsonl").write_bytes(b'{"v":1}\n')
    result = verify(state)
    assert result.sound and found(result, Severity.NOTE) == [("unchained", "journal/journal-0.jsonl")]


def test_a_segment_that_is_there_twice_is_taken_as_it_was_written(state: Path) -> None:
    """Compression was interrupted."""
    file = journal(state)
    file.with_name(file.name + ".gz").write_bytes(gzip.compress(file.read_bytes())[:100])
    assert verify(state).findings == ()


def test_what_nobody_has_touched_is_verified_fast(tmp_path: Path) -> None:
    """A hundred thousand lines a second of the processor, at the least; the machine may do much else."""
    writer = Writer(tmp_path)
    prev, size = writer.prev, 40_000
    with writer.path.open("ab") as file:
        for seq in range(1, size):
            kind, id = ("open", "close")[seq % 2], f"x-{process(1)}-{seq // 2:08x}"
            said = b'{"v":2,"type":"%b","id":"%b","facts":"%b"}\n' % (kind.encode(), id.encode(), b"x" * 300)
            line = linked(said, seq, prev)
            hash = leaf(line)
            writer.tree.append(hash)
            prev = hash.hex().encode()
            file.write(line)
    writer.prev, writer.size = prev, size
    writer.stop()
    best = min(_seconds_of(tmp_path, size) for _ in range(3))
    assert size / best > 100_000


def _seconds_of(state: Path, size: int) -> float:
    began = time.process_time()
    result = verify(state)
    assert result.sound and (result.lines, result.unsealed) == (size, 0)
    return time.process_time() - began


# Tamperings.


def edit(state: Path, other: Path) -> None:
    text = lines(state)
    text[5] = text[5].replace(b'"POST"', b'"HEAD"')
    write(state, text)


def edit_two(state: Path, other: Path) -> None:
    text = lines(state)
    for seq in (5, 6, 11):
        text[seq] = text[seq].replace(b"2027", b"2028")
    write(state, text)


def edit_first(state: Path, other: Path) -> None:
    text = lines(state)
    text[0] = text[0].replace(b'"openssl":"0"', b'"openssl":"1"')
    write(state, text)


def edit_gate(state: Path, other: Path) -> None:
    """So that the first line says that it is another gate's."""
    text = lines(state)
    text[0] = text[0].replace(b'"gate":"gate-', b'"gate":"bait-')
    write(state, text)


def edit_last(state: Path, other: Path) -> None:
    text = lines(state)
    text[20] = text[20].replace(b"completed", b"refused")
    write(state, text)


def edit_before_checkpoint(state: Path, other: Path) -> None:
    text = lines(state)
    text[14] = text[14].replace(b"completed", b"refused")
    write(state, text)


def edit_prev(state: Path, other: Path) -> None:
    text = lines(state)
    text[7] = text[7][:-20] + b"0000" + text[7][-16:]
    write(state, text)


def edit_seq(state: Path, other: Path) -> None:
    text = lines(state)
    text[7] = text[7].replace(b'"seq":7,', b'"seq":70,')
    write(state, text)


def edit_first_of_second(state: Path, other: Path) -> None:
    text = lines(state, 2)
    text[0] = text[0].replace(b'"prev":"', b'"prev":"0')[:-4] + b'"}\n'
    write(state, text, 2)


def delete(state: Path, other: Path) -> None:
    text = lines(state)
    del text[5]
    write(state, text)


def delete_many(state: Path, other: Path) -> None:
    text = lines(state)
    del text[5:13]
    write(state, text)


def delete_first(state: Path, other: Path) -> None:
    text = lines(state)
    del text[0]
    write(state, text)


def delete_and_rechain(state: Path, other: Path) -> None:
    text = lines(state)
    del text[5]
    write(state, rechained(text, 5))


def swap(state: Path, other: Path) -> None:
    text = lines(state)
    text[5], text[6] = text[6], text[5]
    write(state, text)


def swap_apart(state: Path, other: Path) -> None:
    text = lines(state)
    text[5], text[12] = text[12], text[5]
    write(state, text)


def duplicate(state: Path, other: Path) -> None:
    text = lines(state)
    text.insert(6, text[5])
    write(state, text)


def replay(state: Path, other: Path) -> None:
    """Old lines once more, much later."""
    text = lines(state)
    text[16:16] = text[3:5]
    write(state, text)


def insert(state: Path, other: Path) -> None:
    text = lines(state)
    text.insert(6, text[5].replace(b'"POST"', b'"HEAD"'))
    write(state, text)


def insert_junk(state: Path, other: Path) -> None:
    text = lines(state)
    text.insert(6, b"\xff\xfe\n")
    write(state, text)


def insert_long(state: Path, other: Path) -> None:
    text = lines(state)
    text.insert(6, b"x" * (3 << 20) + b"\n")
    write(state, text)


def insert_and_rechain(state: Path, other: Path) -> None:
    text = lines(state)
    text.insert(6, text[5])
    write(state, rechained(text, 6))


def bad_utf8(state: Path, other: Path) -> None:
    text = lines(state)
    text[5] = text[5][:40] + b"\xff" + text[5][41:]
    write(state, text)


def break_line(state: Path, other: Path) -> None:
    text = lines(state)
    text[5] = b"\xff" * 40 + b"\n"
    write(state, text)


def splice(state: Path, other: Path) -> None:
    """Lines of another gate in the place of ours."""
    text = lines(state)
    text[10:13] = lines(other)[10:13]
    write(state, text)


def splice_between(state: Path, other: Path) -> None:
    """Lines of another process between ours."""
    text = lines(state)
    text[10:10] = lines(state, 3)[4:7]
    write(state, text)


def splice_tail(state: Path, other: Path) -> None:
    text = lines(state)
    text[10:] = lines(state, 3)[10:]
    write(state, text)


def cut(state: Path, other: Path) -> None:
    """At the end of a line, before the last checkpoint."""
    write(state, lines(state, 3)[:15], 3)


def cut_within(state: Path, other: Path) -> None:
    """Within a line, before the last checkpoint."""
    file = journal(state, 0, 3)
    file.write_bytes(file.read_bytes()[:-30])


def cut_first(state: Path, other: Path) -> None:
    write(state, lines(state)[:10])


def append(state: Path, other: Path) -> None:
    """Behind the end of a segment that was closed."""
    text = lines(state)
    write(state, rechained([*text, text[5], text[6]], 21))


def rewrite(state: Path, other: Path) -> None:
    """A line changed, and the chain made anew from there on."""
    text = lines(state)
    text[11] = text[11].replace(b'"POST"', b'"HEAD"')
    write(state, rechained(text, 11))


def rewrite_partly(state: Path, other: Path) -> None:
    """The same, up to a line that is as it was."""
    text = lines(state)
    changed = text[11].replace(b'"POST"', b'"HEAD"')
    write(state, [*rechained([*text[:11], changed, *text[12:18]], 11), *text[18:]])


def rewrite_first(state: Path, other: Path) -> None:
    text = lines(state)
    text[2] = text[2].replace(b"completed", b"refused")
    write(state, rechained(text, 2))


def rewrite_and_cut(state: Path, other: Path) -> None:
    text = lines(state, 3)
    text[11] = text[11].replace(b'"POST"', b'"HEAD"')
    write(state, rechained(text, 11)[:-2], 3)


def remove_segment(state: Path, other: Path) -> None:
    journal(state, 0, 2).unlink()


def remove_first(state: Path, other: Path) -> None:
    journal(state, 0, 1).unlink()


def remove_last(state: Path, other: Path) -> None:
    journal(state, 0, 3).unlink()


def remove_with_checkpoints(state: Path, other: Path) -> None:
    journal(state, 0, 2).unlink()
    checkpoints(state, 0, 2).unlink()


def swap_files(state: Path, other: Path) -> None:
    first, second = journal(state, 0, 1), journal(state, 0, 2)
    raw = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(raw)


def another_gate_s_file(state: Path, other: Path) -> None:
    journal(state, 0, 2).write_bytes(journal(other, 0, 2).read_bytes())


def empty(state: Path, other: Path) -> None:
    journal(state, 0, 2).write_bytes(b"")


def gz_of_another(state: Path, other: Path) -> None:
    text = journal(state, 0, 1)
    compress(text)
    text.with_name(text.name + ".gz").write_bytes(gzip.compress(journal(state, 0, 2).read_bytes()))


def gz_edited(state: Path, other: Path) -> None:
    edit(state, other)
    compress(journal(state))


def gz_broken(state: Path, other: Path) -> None:
    file = compress(journal(state))
    file.write_bytes(file.read_bytes()[:-20])


def gz_of_nothing(state: Path, other: Path) -> None:
    journal(state).unlink()
    (state / "journal" / "journal-0-00000001.jsonl.gz").write_bytes(b"no gzip")


def forge_checkpoint(state: Path, other: Path) -> None:
    """What it says was changed, the signature not."""
    edited = notes(state)
    edited[1] = edited[1].replace(b"\n15\n", b"\n16\n")
    write_notes(state, edited)


def forge_with_another_key(state: Path, other: Path) -> None:
    """The last lines were made anew, with a checkpoint to them, by somebody who has no key of the gate's."""
    text = lines(state, 3)
    text[16] = text[16].replace(b"completed", b"refused")
    text = rechained(text, 16)
    write(state, text, 3)
    gate = KeyFile(state).load()
    assert gate is not None
    last = read_checkpoint(read_note(notes(state, 3)[2]).text)
    tree = Tree()
    for line in text:
        tree.append(leaf(line))
    said = evolve(last, root=tree.root(), head=leaf(text[-1])).text()
    write_notes(state, [*notes(state, 3)[:2], SigningKey(gate.gate, bytes(32)).sign(said)], 3)


def another_key(state: Path, other: Path) -> None:
    """The public key is another one than what signed."""
    gate = KeyFile(state).load()
    assert gate is not None
    (state / PUBLIC).write_text(f"{SigningKey(gate.gate, bytes(32)).verifier}\n")


def another_gate_s_key(state: Path, other: Path) -> None:
    shutil.copy(other / PUBLIC, state / PUBLIC)


def remove_checkpoint(state: Path, other: Path) -> None:
    write_notes(state, notes(state)[::2])


def remove_first_checkpoints(state: Path, other: Path) -> None:
    checkpoints(state).unlink()


def repeat_checkpoint(state: Path, other: Path) -> None:
    first, second, third = notes(state)
    write_notes(state, [first, second, first, third])


def swap_checkpoints(state: Path, other: Path) -> None:
    first, second, third = notes(state)
    write_notes(state, [second, first, third])


def swap_checkpoint_files(state: Path, other: Path) -> None:
    first, second = notes(state), notes(state, 2)
    write_notes(state, second)
    write_notes(state, first, 2)


def junk_in_checkpoints(state: Path, other: Path) -> None:
    file = checkpoints(state)
    whole = file.read_bytes()
    file.write_bytes(whole[:10] + b"\xff" + whole[11:])


def fork_key(state: Path, other: Path) -> None:
    """Somebody who has the first key has it name another successor."""
    keys = KeyFile(state).load()
    assert keys is not None
    file = KeyFile(state)
    file.rotate(NOW)
    stolen, theirs = keys.signing, SigningKey(keys.gate, bytes(32))
    fork = stolen.sign(Succession(keys.gate, theirs.verifier, "2027-01-15T08:00:00.000000Z").text())
    (state / PUBLIC).write_bytes((state / PUBLIC).read_bytes() + fork + b"\n")


TAMPERINGS: list[tuple[Callable[[Path, Path], None], list[Expected]]] = [
    (edit, [("edited", "0/1:5", "line 6: seq 5 was changed.")]),
    (edit_two, [("edited", "0/1:5-6", "seq 5 to 6 were"), ("edited", "0/1:11", "line 12: seq 11")]),
    (edit_first, [("edited", "0/1:0", "line 1: seq 0 was changed.")]),
    (edit_gate, [("edited", "0/1:0", "line 1: seq 0 was changed.")]),
    (edit_last, [("edited", "0/1:20", "line 21: seq 20 was changed.")]),
    (edit_before_checkpoint, [("edited", "0/1:14", "line 15: seq 14 was changed.")]),
    (edit_prev, [("prev", "0/1:7", "line 8: seq 7 was changed: its `prev`")]),
    (edit_seq, [("edited", "0/1:7", "line 8: seq 7 was changed")]),
    (edit_first_of_second, [("edited", "0/2:0", "line 1: seq 0 was changed")]),
    (delete, [("missing", "0/1:5", "line 6: seq 5 is missing before it.")]),
    (delete_many, [("missing", "0/1:5-12", "line 6: seq 5 to 12 are missing before it.")]),
    (delete_first, [("missing", "0/1:0", "line 1: seq 0 is missing before it.")]),
    (delete_and_rechain, [("rewritten", "0/1:0-20", "there are 20 lines where 21 were signed")]),
    (swap, [("reordered", "0/1:6", "seq 6 is not here, but elsewhere")]),
    (swap_apart, [("reordered", "0/1:6-12", "put in another order")]),
    (duplicate, [("duplicated", "0/1:5", "line 7: 1 line stands here a second time (seq 5)")]),
    (replay, [("duplicated", "0/1:3-4", "line 17: 2 lines stand here a second time (seq 3 to 4)")]),
    (insert, [("inserted", "0/1:5", "line 7: 1 line stands here that belongs nowhere")]),
    (insert_junk, [("inserted", "0/1:0", "line 7: 1 line stands here that belongs nowhere")]),
    (insert_long, [("inserted", "0/1:0", "line 7: 1 line stands here that belongs nowhere")]),
    (insert_and_rechain, [("rewritten", "0/1:0-21", "there are 22 lines where 21 were signed")]),
    (bad_utf8, [("edited", "0/1:5", "line 6: seq 5 was changed")]),
    (break_line, [("edited", "0/1:5", "it is not even UTF-8")]),
    (splice, [("replaced", "0/1:10-12", "line 11: seq 10 to 12 were put in the place of others")]),
    (splice_between, [("foreign", "0/1:4-6", "line 11: 3 lines stand here that another process wrote")]),
    (splice_tail, [("replaced", "0/1:10-20", "line 11: seq 10 to 20 were put")]),
    (cut, [("cut", "0/3:15-20", "line 16: seq 15 to 20 are gone from the end")]),
    (cut_within, [("cut", "0/3:20", "line 21: seq 20 is gone from the end")]),
    (cut_first, [("cut", "0/1:10-20", "seq 10 to 20 are gone from the end")]),
    (append, [("added", "0/1:21-22", "line 22: seq 21 to 22 were added after")]),
    (rewrite, [("rewritten", "0/1:9-20", "line 10: seq 9 to 20 are not what was signed")]),
    (rewrite_partly, [("rewritten", "0/1:9-17", "line 10: seq 9 to 17 are not what was signed")]),
    (rewrite_first, [("rewritten", "0/1:0-20", "line 1: seq 0 to 20")]),
    (rewrite_and_cut, [("rewritten", "0/3:9-20", "there are 19 lines where 21 were signed")]),
    (remove_segment, [("removed", "0/2", "Segment 2 of worker 0 is gone")]),
    (remove_first, [("removed", "0/1", "Segment 1 of worker 0 is gone")]),
    (remove_last, [("removed", "0/3", "Segment 3 of worker 0 is gone")]),
    (
        remove_with_checkpoints,
        [("checkpoint_gone", "0/3", "lacks one or more"), ("removed", "0/2", "Segment 2 of worker 0")],
    ),
    (
        swap_files,
        [
            ("foreign_segment", "0/1", "is another segment: 2 of worker 0"),
            ("foreign_segment", "0/2", "is another segment: 1 of worker 0"),
        ],
    ),
    (another_gate_s_file, [("foreign_segment", "0/2", "is a segment of another gate, 'elsewhere-")]),
    (empty, [("emptied", "0/2", "the file of 21 lines was emptied")]),
    (gz_of_another, [("foreign_segment", "0/1", "is another segment: 2 of worker 0")]),
    (gz_edited, [("edited", "0/1:5", ".jsonl.gz, line 6: seq 5 was changed.")]),
    (gz_broken, [("unreadable", "0/1", "cannot be decompressed")]),
    (gz_of_nothing, [("unreadable", "0/1", "cannot be read after line 0")]),
    (forge_checkpoint, [("checkpoint_forged", "0/1", "line 11: the file has a forged checkpoint")]),
    (
        forge_with_another_key,
        [("checkpoint_key", "0/3", "signed by the key gate-")],
    ),
    (another_key, [("checkpoint_key", "0/1", "has a checkpoint and 8 more signed by the key gate-")]),
    (another_gate_s_key, [("another_gate", "evidence.pub", "and the key is of the gate elsewhere-")]),
    (remove_checkpoint, [("checkpoint_gone", "0/1", "line 11: the file lacks one or more")]),
    (remove_first_checkpoints, [("checkpoint_gone", "0/2", "begins with a checkpoint that names one")]),
    (repeat_checkpoint, [("checkpoint_repeated", "0/1", "has a checkpoint a second time")]),
    (swap_checkpoints, [("checkpoint_order", "0/1", "another order")]),
    (
        swap_checkpoint_files,
        [
            ("checkpoint_foreign", "0/1", "a checkpoint and 2 more of another segment: gate-"),
            ("checkpoint_foreign", "0/2", "a checkpoint and 2 more of another segment: gate-"),
        ],
    ),
    (junk_in_checkpoints, [("checkpoint_damaged", "0/1", "line 1: the file has no checkpoint")]),
    (fork_key, [("succession", "evidence.pub", "two successors")]),
]


@pytest.mark.parametrize(("tamper", "expected"), TAMPERINGS, ids=[one.__name__ for one, _ in TAMPERINGS])
def test_each_tampering_is_named_with_its_place_and_nothing_else_is(
    state: Path, other: Path, tamper: Callable[[Path, Path], None], expected: list[Expected]
) -> None:
    tamper(state, other)
    result = verify(state)
    told = [(one.kind, one.where, one.words) for one in result.findings]
    assert not result.sound
    assert [(kind, where) for kind, where, _ in told] == [(kind, where) for kind, where, _ in expected], told
    for (_, _, words), (_, _, part) in zip(told, expected, strict=True):
        assert part in words


@pytest.mark.parametrize("worker", [0, 1])
def test_a_tampering_of_one_worker_says_nothing_of_another(tmp_path: Path, worker: int) -> None:
    state = tmp_path / "state"
    make(state, workers=2)
    text = lines(state, 2, worker)
    del text[3]
    write(state, text, 2, worker)
    assert found(verify(state)) == [("missing", f"{worker}/2:3")]


def test_another_worker_s_file_is_named(tmp_path: Path) -> None:
    state = tmp_path / "state"
    make(state, workers=2)
    shutil.copy(journal(state, 1, 2), journal(state, 0, 2))
    (finding,) = verify(state).findings
    assert finding.kind == "foreign_segment" and "is another segment: 2 of worker 1" in finding.words


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(st.integers(0, 2**20), st.integers(0, 2**20), st.binary(max_size=40), st.integers(1, 3))
def test_no_change_of_any_bytes_goes_unseen(
    made: Path, state: Path, begin: int, end: int, put: bytes, segment: int
) -> None:
    """Wherever they are, and whatever is put in their place; and no more is said than has happened."""
    whole = journal(made / "state", 0, segment).read_bytes()
    begin %= len(whole)
    end = min(begin + end % 600, len(whole))
    damaged = whole[:begin] + put + whole[end:]
    journal(state, 0, segment).write_bytes(damaged)
    result = verify(state)
    journal(state, 0, segment).write_bytes(whole)
    assert result.sound == (damaged == whole)
    assert len(result.findings) <= 4, result.findings


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(st.integers(0, 2**20), st.integers(0, 2**20), st.binary(max_size=40), st.integers(1, 3))
def test_no_change_of_checkpoints_goes_unseen(
    made: Path, state: Path, begin: int, end: int, put: bytes, segment: int
) -> None:
    whole = checkpoints(made / "state", 0, segment).read_bytes()
    begin %= len(whole)
    end = min(begin + end % 600, len(whole))
    damaged = whole[:begin] + put + whole[end:]
    checkpoints(state, 0, segment).write_bytes(damaged)
    result = verify(state)
    checkpoints(state, 0, segment).write_bytes(whole)
    # The end of the last file is where one is written: what is missing there was not written yet.
    at_the_end = segment == 3 and whole.startswith(damaged[: len(damaged) - len(put)])
    assert result.findings or damaged == whole
    assert not result.sound or damaged == whole or at_the_end


# Keys.


def test_a_key_that_was_kept_elsewhere_is_what_counts(state: Path, tmp_path: Path) -> None:
    """Also in one line, as it was told in the log."""
    key = tmp_path / "kept.pub"
    key.write_text(f"{KeyFile(state).load().signing.verifier}\n")  # type: ignore[union-attr]
    result = verify(state, key=key)
    assert result.sound and result.given
    (state / PUBLIC).unlink()
    assert verify(state, key=key).sound
    with pytest.raises(UnreadableError, match="name a file with the key"):
        verify(state)
    key.write_text("no key")
    with pytest.raises(UnreadableError, match="kept.pub"):
        verify(state, key=key)
    with pytest.raises(UnreadableError, match="No such file"):
        verify(state, key=tmp_path / "nowhere")


def rotated(state: Path) -> Writer:
    """A journal whose key was replaced twice while it was written."""
    writer = Writer(state)
    for _ in range(2):
        writer.exchanges(2)
        writer.seal()
        writer.keys.rotate(NOW)
    writer.exchanges(2)
    writer.stop()
    return writer


def test_successors_of_a_key_are_trusted_like_it(tmp_path: Path) -> None:
    """With the first key one can verify all; the last one vouches for what was before it, by the sequence."""
    rotated(tmp_path / "state")
    public = KeyFile(tmp_path / "state").load().public  # type: ignore[union-attr]
    assert verify(tmp_path / "state").trusted.keys == public
    for index, key in enumerate(public):
        kept = tmp_path / "kept.pub"
        kept.write_text(f"{key}\n")
        result = verify(tmp_path / "state", key=kept)
        assert result.sound and result.trusted.keys == public[index:]
        older = [("older_key", "0")] if index else []
        assert found(result, Severity.NOTE) == older
        assert not index or f"{index} checkpoint" in result.findings[0].words


def test_a_key_that_was_replaced_counts_no_more(tmp_path: Path) -> None:
    """Whoever gets hold of an old key cannot go on with it."""
    state = tmp_path / "state"
    writer = Writer(state)
    old = writer.keys.load()
    assert old is not None
    writer.seal()
    writer.keys.rotate(NOW)
    writer.exchanges(1)
    writer.seal()
    writer.exchanges(1)
    writer.seal()
    three = notes(state)
    text = read_note(three[2]).text
    write_notes(state, [*three[:2], old.signing.sign(text)])
    assert found(verify(state)) == [("checkpoint_old_key", "0/1")]


def test_a_public_key_that_is_damaged_is_told(state: Path, tmp_path: Path) -> None:
    kept = Path(shutil.copy(state / PUBLIC, tmp_path / "kept.pub"))
    (state / PUBLIC).write_bytes(b"\xff")
    assert found(verify(state, key=kept)) == [("public", PUBLIC)]
    with pytest.raises(UnreadableError):
        verify(state)


# Copies, and a thief with the key.


def remade(state: Path, made: Path, *, after: int = 0) -> None:
    """What somebody makes who has the host and its key: another past, chained and signed anew."""
    shutil.rmtree(state / "journal")
    shutil.rmtree(state / DIRECTORY)
    keys = KeyFile(state).load()
    assert keys is not None
    writer = Writer(state, host=keys.gate)
    writer.exchanges(4 + after)
    writer.seal()
    writer.exchanges(5)
    writer.stop()


def test_copies_show_what_a_thief_with_the_key_has_made_anew(state: Path, made: Path, tmp_path: Path) -> None:
    copies = Path(shutil.copytree(state / DIRECTORY, tmp_path / "copies"))
    assert verify(state, checkpoints=[copies]).copies == 9
    remade(state, made)
    assert verify(state).sound
    result = verify(state, checkpoints=[copies])
    assert found(result) == [("copy_differs", "0/1")]
    assert "with 9 lines" in result.findings[-1].words and "(and 8 more)" in result.findings[-1].words


def test_copies_show_what_was_taken_back(state: Path, made: Path, tmp_path: Path) -> None:
    """An older state of journal and checkpoints alike is sound in itself."""
    copies = Path(shutil.copytree(state / DIRECTORY, tmp_path / "copies"))
    checkpoints(state, 0, 3).unlink()
    journal(state, 0, 3).unlink()
    assert verify(state).sound
    (finding,) = verify(state, checkpoints=[copies]).findings
    assert (finding.kind, finding.where) == ("copy_differs", "0/3")
    assert "is not here (and 2 more)" in finding.words


def test_copies_in_a_log_count_as_well(state: Path, made: Path, tmp_path: Path) -> None:
    """Lines of other things between them do not matter."""
    log = tmp_path / "syslog"
    text = ["Jan 15 08:00:00 host cron[1]: something else"]
    text += [f"Jan 15 08:00:00 host mcpgate[77]: {one_line(note)}" for note in notes(state)]
    log.write_text("\n".join([*text, 'Jan 15 mcpgate[77]: {"checkpoint":"cut', ""]))
    assert verify(state, checkpoints=[log]).copies == 3
    remade(state, made)
    assert found(verify(state, checkpoints=[log])) == [("copy_differs", "0/1")]


def test_copies_by_another_key_are_told(state: Path, made: Path, tmp_path: Path) -> None:
    """As when the thief has put a key of their own in the place of the gate's."""
    copies = Path(shutil.copytree(state / DIRECTORY, tmp_path / "copies"))
    gate = KeyFile(state).load()
    assert gate is not None
    theirs = SigningKey(gate.gate, bytes(32))
    for segment in (1, 2, 3):
        write_notes(state, [theirs.sign(read_note(one).text) for one in notes(state, segment)], segment)
    (state / PUBLIC).write_text(f"{theirs.verifier}\n")
    kinds = [kind for kind, _ in found(verify(state, checkpoints=[copies]))]
    assert kinds[-1] == "copy_key"


def test_copies_of_other_gates_are_passed_over(state: Path, other: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shutil.copytree(other / DIRECTORY, shared / "other")
    with pytest.raises(UnreadableError, match="no checkpoint of gate-"):
        verify(state, checkpoints=[shared])
    shutil.copytree(state / DIRECTORY, shared / "ours")
    result = verify(state, checkpoints=[shared])
    assert result.sound and result.copies == 9


def test_copies_that_are_damaged_do_not_count(state: Path, tmp_path: Path) -> None:
    copies = Path(shutil.copytree(state / DIRECTORY, tmp_path / "copies"))
    file = copies / checkpoints(state).name
    file.write_bytes(file.read_bytes().replace(b"\n9\n", b"\n8\n"))
    result = verify(state, checkpoints=[copies])
    assert result.sound and [kind for kind, _ in found(result, Severity.NOTE)] == ["copy_damaged"]


# Places.


def test_a_journal_is_verified_with_its_checkpoints_elsewhere(state: Path, tmp_path: Path) -> None:
    kept = Path(shutil.copy(state / PUBLIC, tmp_path / "kept.pub"))
    result = verify(state / "journal", key=kept, checkpoints=[state / DIRECTORY])
    assert result.sound and (result.checkpoints, result.copies) == (9, 0)
    result = verify(state / "journal", key=kept)
    assert result.sound and result.unsealed == 63


@pytest.mark.parametrize("within", ["", "bundle/"])
def test_a_bundle_is_verified_as_it_is(state: Path, tmp_path: Path, within: str) -> None:
    """Whether or not somebody has put it all into a directory."""
    compress(journal(state, 0, 1))
    bundle = zipped(state, tmp_path, within)
    result = verify(bundle)
    assert result.sound and (result.lines, result.checkpoints) == (63, 9)
    delete_from(state)
    assert found(verify(zipped(state, tmp_path, within))) == [("missing", "0/2:5")]


def delete_from(state: Path) -> None:
    text = lines(state, 2)
    del text[5]
    write(state, text, 2)


def zipped(state: Path, place: Path, within: str = "", without: tuple[str, ...] = ()) -> Path:
    """A bundle, signed as it is."""
    contents = {
        path.relative_to(state).as_posix(): path.read_bytes()
        for path in sorted(state.rglob("*"))
        if path.is_file() and "evidence-key" not in path.name
    }
    contents = {name: raw for name, raw in contents.items() if not name.startswith(without or ("-",))}
    keys = KeyFile(state).load()
    assert keys is not None
    sums = sums_text({name: sha256(raw).hexdigest() for name, raw in contents.items()}).encode()
    time = "2027-01-15T08:00:00.000000Z"
    manifest = Manifest(
        keys.gate, time, time, time, "pci-4.2.1", len(contents), sha256(sums).hexdigest()
    )
    bundle = place / "bundle.zip"
    with ZipFile(bundle, "w") as file:
        for name, raw in {**contents, SUMS: sums, NAME: keys.signing.sign(manifest.text())}.items():
            file.writestr(within + name, raw)
    return bundle


def test_what_is_not_in_a_bundle_need_not_be_gone(state: Path, tmp_path: Path) -> None:
    """It is about a span of time: which segments that needs, its manifest says."""
    for segment in (1, 2, 3):
        result = verify(zipped(state, tmp_path, without=(f"journal/journal-0-0000000{segment}",)))
        assert result.sound and result.findings == () and result.lines == 42


@pytest.mark.parametrize("what", ["nothing", "empty", "file"])
def test_where_there_is_nothing_there_is_nothing_to_verify(tmp_path: Path, what: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_bytes(b"no bundle")
    with pytest.raises(UnreadableError, match=what):
        verify(tmp_path / what)


def test_a_segment_that_is_compressed_meanwhile_is_no_tampering(state: Path) -> None:
    """Nor one that expires: it is all done again, as a gate that runs does that."""
    other = [journal(state, 0, 2)]
    result = verify(state, passed=lambda count, total: compress(other.pop()) if other else None)
    assert result.sound and result.findings == () and result.lines == 63 and not other


def test_files_that_never_stay_cannot_be_verified(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not tried for ever."""
    looked = []

    def vanishing(where: Path) -> Place:
        looked.append(where)
        place = find(where)
        gone = evolve(place.segments[0, 2], open=(where / "gone").open)
        return evolve(place, segments={**place.segments, (0, 2): gone})

    monkeypatch.setattr("mcpgate.evidence.verify.find", vanishing)
    with pytest.raises(UnreadableError, match="come and go"):
        verify(state)
    assert len(looked) == 2 * AGAIN_MOST


def test_findings_beyond_all_bounds_are_counted(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcpgate.evidence.verify.FINDINGS_MOST", 1)
    edit_two(state, state)
    result = verify(state)
    assert not result.sound and (len(result.findings), result.more) == (1, 1)


def test_the_ids_of_a_process_tell_its_lines(state: Path) -> None:
    """What the tests of foreign lines rest on."""
    ids = {json.loads(line)["id"].split("-")[1] for line in lines(state)}
    assert ids == {process(sum(b"gate"))}


# What whoever reads might see, and whoever verifies might not.


@pytest.mark.parametrize(
    "name", ["journal-00-00000001.jsonl", "journal-0-000000001.jsonl", "journal-0-0000000\u0661.jsonl"]
)
def test_nobody_reads_as_a_segment_what_is_not_verified_as_one(state: Path, name: str) -> None:
    """There is one way to write a name, and two would be two journals: one to verify, one to read."""
    forged = journal(state).read_bytes().replace(b"completed", b"forgotten")
    (state / "journal" / name).write_bytes(forged)
    assert verify(state).sound
    read = [line for segment in segments(state) for line in segment_lines(segment)]
    assert len(read) == 63 and b"forgotten" not in b"".join(read)


def test_a_segment_beside_the_journals_directory_is_told_and_not_read(state: Path) -> None:
    """It neither stands for the one that is there, nor is it taken for a part of the journal."""
    original = journal(state)
    shutil.copy(original, state / original.name)
    write(state, [line.replace(b"completed", b"forgotten") for line in lines(state)])
    compress(original)
    result = verify(state)
    assert ("doubled", original.name) in found(result) and ("edited", "0/1:2") in found(result)
    with pytest.raises(ReadingError, match="segments in it and in journal"):
        segments(state)


def test_checkpoints_beside_their_directory_do_not_stand_for_those_in_it(state: Path) -> None:
    file = checkpoints(state)
    shutil.copy(file, state / file.name)
    file.write_bytes(b"")
    assert ("doubled", file.name) in found(verify(state))


def test_a_bundle_with_two_files_of_one_name_is_none(state: Path, tmp_path: Path) -> None:
    """Who opens it takes the first or the last: they need not be the same."""
    bundle = tmp_path / "bundle.zip"
    with ZipFile(bundle, "w") as made, pytest.warns(UserWarning, match="Duplicate"):
        made.write(journal(state), "journal/" + journal(state).name)
        made.writestr("journal/" + journal(state).name, b"{}\n")
    with pytest.raises(UnreadableError, match="two files of the name"):
        verify(bundle)


def test_a_public_key_beside_the_journal_that_was_replaced_is_told(state: Path, other: Path) -> None:
    """Where the right one was brought along, too: the next who verifies may not have it."""
    kept = state.parent / "kept.pub"
    shutil.copy(state / PUBLIC, kept)
    shutil.copy(other / PUBLIC, state / PUBLIC)
    assert found(verify(state, key=kept)) == [("public", PUBLIC)]


def test_a_younger_key_than_the_first_is_led_to_by_the_one_beside_the_journal(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "state")
    writer.exchanges(1)
    writer.keys.rotate(NOW)
    writer.stop()
    young = tmp_path / "young.pub"
    keys = writer.keys.load()
    assert keys is not None
    young.write_text(f"{keys.signing.verifier}\n")
    assert verify(tmp_path / "state", key=young).sound


# What was made anew behind the last checkpoint that was left.


def test_lines_that_a_later_start_found_without_checkpoints_for_long_are_told(tmp_path: Path) -> None:
    """Somebody may have taken checkpoints away while the gate stood still, and made lines for it to find."""
    writer = Writer(tmp_path)
    writer.exchanges(2)
    writer.seal()
    writer.exchanges(400)
    writer.restart(killed=True)
    writer.exchanges(1)
    writer.stop()
    result = verify(tmp_path)
    assert result.sound and result.unsealed == 0
    (finding,) = result.findings
    assert (finding.severity, finding.kind, finding.where) == (Severity.UNSEALED, "sealed_late", "0/1:5")
    assert "800 lines from line 5 of segment 1 on had no checkpoint" in finding.words


def test_a_history_made_anew_with_a_key_that_was_replaced_is_told(tmp_path: Path) -> None:
    """Whoever has stolen a key goes on with it, and leaves out what the next one has signed."""
    state = tmp_path / "state"
    writer = Writer(state)
    writer.exchanges(1)
    writer.seal()
    stolen = (state / "evidence-key.json").read_bytes()
    writer.keys.rotate(writer.time())
    public = (state / PUBLIC).read_bytes()
    (state / "evidence-key.json").write_bytes(stolen)
    writer.exchanges(200)
    writer.stop()
    (state / PUBLIC).write_bytes(public)
    result = verify(state)
    assert found(result) == [("checkpoint_old_key", "0/1")]
    assert "none behind it by the one that signs since" in result.findings[0].words


@pytest.mark.parametrize(
    ("within", "kind"),
    [
        ("journal/journal-0-00000002.jsonl", ("unreadable", "0/2")),
        ("checkpoints/journal-0-00000002.checkpoints", ("checkpoint_unreadable", "0/2")),
        ("evidence.pub", ("public", PUBLIC)),
    ],
)
def test_a_bundle_of_which_a_byte_was_changed_is_judged_all_the_same(
    state: Path, tmp_path: Path, within: str, kind: tuple[str, str]
) -> None:
    """It does not even unpack; that is told of the file, and the rest is looked at."""
    bundle = tmp_path / "bundle.zip"
    with ZipFile(bundle, "w") as made:
        for path in sorted(state.rglob("*")):
            if path.is_file():
                made.write(path, str(path.relative_to(state)))
    raw = bytearray(bundle.read_bytes())
    raw[raw.index(within.encode()) + len(within) + 30] ^= 1
    bundle.write_bytes(raw)
    assert kind in found(verify(bundle, key=state / PUBLIC))


def test_a_file_of_checkpoints_that_unpacks_to_more_than_there_can_be_is_not_read(state: Path) -> None:
    checkpoints(state).write_bytes(b"\n" * 4000)
    file = find(state).sealed[0, 1]
    assert len(file.read(4000)) == 4000
    with pytest.raises(OSError, match="longer than 3999"):
        file.read(3999)


def test_a_worker_of_whom_nothing_is_left_is_missed(tmp_path: Path) -> None:
    """While there is a later one; that there was a last one, nothing here says."""
    make(tmp_path / "state", workers=2)
    for file in (tmp_path / "state").rglob("journal-0-*"):
        file.unlink()
    assert found(verify(tmp_path / "state")) == [("worker", "0")]


def test_a_part_of_a_checkpoint_at_the_end_is_no_tampering_although_the_next_segment_has_begun(
    tmp_path: Path,
) -> None:
    """The checkpoint that closes a segment is written when the next one has its first line."""
    writer = Writer(tmp_path)
    writer.exchanges(1)
    writer.rotate()
    raw = checkpoints(tmp_path).read_bytes()
    checkpoints(tmp_path).write_bytes(raw[: len(raw) // 2])
    result = verify(tmp_path)
    assert result.sound and ("checkpoint_unfinished", "0/1") in found(result, Severity.NOTE)
