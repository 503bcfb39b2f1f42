"""A gate whose issuer C{login} cannot be asked for its keys any more, as the gate has just found out."""

from __future__ import annotations

from tests.docs import running
from tests.docs.issuers import Issuer
from tests.docs.place import Place
from tests.docs.running import CONFIG
from tests.waiting import eventually

ISSUER = 'name = "login"\nissuer = "https://login.example.com"\n'


def build(place: Place) -> None:
    """Build it."""
    login = Issuer("https://login.example.com")
    host = login.serve(place)
    running.stage(place, config=f"{CONFIG}\n[[issuer]]\n{ISSUER}")
    running.start(place)
    eventually(_keys, "the gate has the issuer's keys")
    host.stop()
    # A key that the gate does not know is asked for at once.
    claims = {"sub": "ada", "aud": f"https://{running.GATE}:8443/files"}
    running.call(login.token(kid="next", **claims), path="plan.txt")
    eventually(lambda: running.status()["issuers"][0]["last_error"], "the issuer could not be asked")


def _keys() -> bool:
    found = running.status().get("issuers") or [{}]
    return bool(found[0].get("fetched"))
