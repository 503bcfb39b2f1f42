"""The facts of several workers as those of one gate."""

from __future__ import annotations

from typing import Any

from mcpgate.workers.facts import counted, together


def facts(process: int, connections: int, **more: Any) -> dict[str, Any]:
    """What a worker says of itself."""
    return {
        "running": True,
        "process": process,
        "generation": 3,
        "journal": {"failure": None, "dropped": 1},
        "limits": {"head_size": 32768, "idle_timeout": 75.0},
        "listeners": [
            {
                "name": "public",
                "profile": "modern",
                "require_pq": False,
                "certificates": [{"serial": "1f", "names": ["localhost"]}],
                "connections": connections,
            }
        ],
        "upstreams": [
            {"name": "a", "pins": 2, "connections": {"idle": 1, "leased": 0}, "last_handshake": None},
        ],
        **more,
    }


def test_counts_are_added_up_and_the_rest_is_told_once() -> None:
    """By the names of listeners and upstreams; what the configuration says is no count."""
    whole = together([facts(1, 2), facts(2, 3)])
    assert whole["process"] == 1 and whole["generation"] == 3
    assert whole["limits"] == {"head_size": 32768, "idle_timeout": 75.0}
    assert whole["journal"] == {"failure": None, "dropped": 2}
    (listener,) = whole["listeners"]
    assert listener["connections"] == 5
    assert (listener["profile"], listener["require_pq"]) == ("modern", False)
    assert listener["certificates"] == [{"serial": "1f", "names": ["localhost"]}]
    (upstream,) = whole["upstreams"]
    assert (upstream["pins"], upstream["connections"]) == (2, {"idle": 2, "leased": 0})


def test_what_one_of_them_has_to_say_is_not_lost() -> None:
    """A failed journal, a handshake, a listener that only one has yet, a refusal that one counted."""
    first, second = facts(1, 2), facts(2, 3, refused={"tls.pin": 4})
    second["journal"] = {"failure": "the disk is full", "dropped": 0}
    second["upstreams"][0]["last_handshake"] = {"version": "TLSv1.3"}
    second["listeners"].append({"name": "new", "connections": 1})
    whole = together([first, second])
    assert whole["journal"] == {"failure": "the disk is full", "dropped": 1}
    assert whole["upstreams"][0]["last_handshake"] == {"version": "TLSv1.3"}
    assert [listener["name"] for listener in whole["listeners"]] == ["public", "new"]
    assert whole["refused"] == {"tls.pin": 4}


def test_what_they_count_together_is_told_once() -> None:
    """The keys of a budget are in one file; what each refused is added up."""
    several = [{"budgets": [{"name": "few", "keys": 2, "refused": refused}]} for refused in (3, 4)]
    assert together(several) == {"budgets": [{"name": "few", "keys": 2, "refused": 7}]}


def test_of_some_numbers_the_largest_counts() -> None:
    """The most connections of one address are not those of two addresses."""
    assert together([{"most_of_one_address": 3}, {"most_of_one_address": 7}]) == {"most_of_one_address": 7}


def test_one_worker_alone_is_told_as_it_is() -> None:
    """Nothing is lost or changed on the way."""
    assert together([facts(1, 2)]) == facts(1, 2)
    assert together([]) == {}


def test_of_each_worker_only_its_counts_are_told_again() -> None:
    """The rest would be the same for each, many times."""
    assert counted(facts(1, 2)) == {
        "journal": {"dropped": 1},
        "listeners": [{"name": "public", "connections": 2}],
        "upstreams": [{"name": "a", "connections": {"idle": 1, "leased": 0}}],
    }
