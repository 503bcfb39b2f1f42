#!/usr/bin/env python3
"""Verify evidence of mcpgate without mcpgate: python3 verify.py KEY PLACE

KEY is a file with the gate's public key; PLACE a bundle, or a directory with journal/ and checkpoints/ in it.
It needs Python 3.10 or later and the package cryptography. README.md says what is checked, and what is not.
"""

import base64
import gzip
import hashlib
import pathlib
import re
import sys
import zipfile
import zlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

# A signed note (c2sp.org/signed-note): text, an empty line, one signature; then an empty line between notes.
NOTE = re.compile(rb"(?P<text>(?:[^\n]+\n)+)\n\xe2\x80\x94 (?P<name>[^ \n]+) (?P<signature>[^ \n]+)\n\n?")
CHECKPOINT = re.compile(
    rb"(?P<origin>[^\n]+)\n(?P<size>\d+)\n(?P<root>[^\n]{44})\ntime [^\n]+\nhead [0-9a-f]{64}\n"
    rb"state (open|closed)\nprevious (?P<previous>[0-9a-f]{64})\n"
)
PLACE_IN_CHAIN = re.compile(rb',"seq":(\d+),"prev":"([0-9a-f]{64})"\}\n\Z')
FILE = re.compile(r"journal-(\d+)-(\d{8})\.(?:jsonl|jsonl\.gz|checkpoints)")
EXPIRED = re.compile(rb'\{"v":2,"type":"expired",.*"worker":(\d+),"segment":(\d+),')


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def read_key(text):
    """A key as it is told, NAME+KEYID+base64(0x01, public key): its name, its id, its 32 bytes."""
    name, _, encoded = text.strip().split("+", 2)
    raw = base64.b64decode(encoded)
    return name, sha256(name.encode(), b"\n", raw)[:4], raw[1:]


def signer(note, keys):
    """Which of the keys has signed a note; None if none has."""
    try:
        signature = base64.b64decode(note["signature"])
        for number, (name, id, key) in enumerate(keys):
            if (note["name"].decode(), signature[:4]) == (name, id):
                Ed25519PublicKey.from_public_bytes(key).verify(signature[4:], note["text"])
                return number
    except (InvalidSignature, ValueError):
        pass  # wrong, or no signature at all
    return None


def successors(keys, raw):
    """The keys with those that they name, each signed by the one before."""
    for note in [note for _ in NOTE.finditer(raw) for note in NOTE.finditer(raw)]:
        if signer(note, keys[-1:]) is not None and (said := re.search(rb"\nsuccessor (.+)\n", note["text"])):
            keys.append(read_key(said[1].decode()))
    return keys


def root(edge):
    """The root of a Merkle tree (RFC 9162 section 2.1.1) from the roots of its whole parts, largest first."""
    top = edge[-1]
    for left in reversed(edge[:-1]):
        top = sha256(b"\x01", left, top)
    return top


def read_checkpoints(files, keys, tell):
    """All checkpoints by worker and segment. Each is signed, and names the one before it of its worker."""
    found, before, youngest = {}, {}, {}
    for file in files:
        worker, segment = map(int, FILE.fullmatch(file.name).groups())
        raw = file.read_bytes()
        if b"".join(note[0] for note in NOTE.finditer(raw)) != raw:
            tell(f"{file.name}: has something that is no checkpoint")
        for note in NOTE.finditer(raw):
            said, key = CHECKPOINT.fullmatch(note["text"]), signer(note, keys)
            if said is None or key is None or key < youngest.get(worker, 0):
                tell(f"{file.name}: has a checkpoint that the key has not signed")
                continue
            if said["origin"].decode() != f"{keys[0][0]}/{worker}/{segment}":
                tell(f"{file.name}: has a checkpoint of {said['origin'].decode()}")
            if said["previous"].decode() != before.get(worker, "0" * 64):
                tell(f"{file.name}: lacks a checkpoint before that of {said['size'].decode()} lines")
            before[worker] = sha256(note[0].rstrip(b"\n"), b"\n").hex()
            youngest[worker] = key
            found.setdefault((worker, segment), []).append(said)
    return found


def read_segment(file, before, marks, tell):
    """Walk along the chain of a segment, and compare its roots. Returns the hash of its last line, if all is
    well, how many lines it has, how many of them are signed, and which segments it says have expired."""
    edge, size, sealed, expired = [], 0, 0, set()
    roots = {int(said["size"]): base64.b64decode(said["root"]) for said in marks}
    with file.open("rb") as raw, (gzip.open(raw) if file.name.endswith(".gz") else raw) as lines:
        for line in lines:
            place = PLACE_IN_CHAIN.search(line)
            if place is None or int(place[1]) != size or before not in (None, place[2].decode()):
                tell(f"{file.name}: line {size + 1} does not go on from the one before it")
                return None, size, sealed, expired
            if said := EXPIRED.match(line):
                expired.add((int(said[1]), int(said[2])))
            leaf, number = sha256(b"\x00", line), size
            before, size = leaf.hex(), size + 1
            while number & 1:
                leaf, number = sha256(b"\x01", edge.pop(), leaf), number >> 1
            edge.append(leaf)
            if size in roots:
                if root(edge) != roots[size]:
                    tell(f"{file.name}: the first {size} lines are not those that were signed")
                    return None, size, sealed, expired
                sealed = size
    if size < max(roots, default=0):
        tell(f"{file.name}: ends after {size} lines, and {max(roots)} were signed")
        return None, size, sealed, expired
    return before, size, sealed, expired


def verify(key, place, tell=print):
    """Whether all is as it was signed; what is not is told."""
    bad = []

    def complain(what):
        bad.append(what)
        tell(what)

    keys = successors([read_key(key.read_text().split("\n")[0])], key.read_bytes())
    if (place / "evidence.pub").exists():
        keys = successors(keys, (place / "evidence.pub").read_bytes())
    files = [file for room in ("checkpoints", "journal") for file in (place / room).iterdir()]
    files = sorted((file for file in files if FILE.fullmatch(file.name)), key=lambda file: file.name)
    marks = read_checkpoints([file for file in files if file.name.endswith(".checkpoints")], keys, complain)
    ends, sizes, unsealed, expired = {}, {}, {}, set()
    for file in [file for file in files if ".jsonl" in file.name]:
        worker, segment = at = tuple(map(int, FILE.fullmatch(file.name).groups()))
        before = ends.get((worker, segment - 1), "0" * 64 if segment == 1 else None)
        try:
            ends[at], sizes[at], sealed, gone = read_segment(file, before, marks.get(at, []), complain)
        except (OSError, EOFError, zlib.error) as error:
            complain(f"{file.name}: cannot be read: {error}")
            continue
        expired |= gone
        if sealed:
            unsealed[worker] = 0
        unsealed[worker] = unsealed.get(worker, 0) + sizes[at] - sealed
    if (place / "manifest").exists():
        sums, note = (place / "SHA256SUMS").read_bytes(), NOTE.fullmatch((place / "manifest").read_bytes())
        stands = f"sums {sha256(sums).hex()}\n".encode()
        if note is None or signer(note, keys) is None or not note["text"].endswith(stands):
            complain("manifest: the key has not signed it, or not for these files")
        for digest, name in (line.split("  ", 1) for line in sums.decode().splitlines()):
            if not (place / name).exists() or sha256((place / name).read_bytes()).hex() != digest:
                complain(f"{name}: is not what the manifest says")
    else:
        last = {worker: max(segment for of, segment in expired if of == worker) for worker, _ in expired}
        for worker, segment in sorted(marks.keys() - sizes.keys()):
            if segment > last.get(worker, 0):
                complain(f"segment {segment} of worker {worker} is gone")
    tell(f"{sum(sizes.values())} lines, {sum(unsealed.values())} of them not signed yet")
    tell("BAD" if bad else "good")
    return not bad


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    key, place = map(pathlib.Path, sys.argv[1:])
    sys.exit(not verify(key, place if place.is_dir() else zipfile.Path(place)))
