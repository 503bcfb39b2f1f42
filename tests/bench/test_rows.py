"""What is told of turns: medians, ratios within a round, and errors that nobody can overlook."""

from __future__ import annotations

from tests.bench.rows import Turn, errors_of, rows, table

RPS = {"post-32": "rps", "idle": "mb_per_1000"}


def turn(peer: str, number: int, rps: float, **other: object) -> Turn:
    """A turn of post-32."""
    return Turn(peer, "post-32", number, {"rps": rps, "cpu_us": 1e6 / rps}, **other)  # type: ignore[arg-type]


def test_a_row_is_the_median_of_a_peers_turns() -> None:
    """Neither the best nor the mean."""
    made = rows([turn("nginx", number, rps) for number, rps in enumerate((100.0, 400.0, 200.0))], RPS)
    assert made == [{"peer": "nginx", "load": "post-32", "rps": 200.0, "cpu_us": 5000.0, "vs_nginx": 1.0}]


def test_the_ratio_is_taken_within_each_round() -> None:
    """A machine that was slow for a round was so for both; the ratio of the medians would be 1."""
    turns = [
        *(turn("nginx", number, rps) for number, rps in enumerate((100.0, 1000.0, 500.0))),
        *(turn("mcpgate", number, rps) for number, rps in enumerate((50.0, 500.0, 600.0))),
    ]
    (row,) = (row for row in rows(turns, RPS) if row["peer"] == "mcpgate")
    assert row["vs_nginx"] == 0.5


def test_a_peer_that_sat_out_is_compared_in_its_own_rounds() -> None:
    """The slow ones take part in some rounds only."""
    turns = [turn("nginx", number, 100.0 * (number + 1)) for number in range(4)]
    turns.append(turn("fastmcp", 3, 4.0))
    (row,) = (row for row in rows(turns, RPS) if row["peer"] == "fastmcp")
    assert row["vs_nginx"] == 0.01


def test_each_load_is_compared_by_its_own_figure() -> None:
    """Memory for idle connections, though there is nothing else."""
    turns = [Turn("nginx", "idle", 0, {"mb_per_1000": 16.0}), Turn("envoy", "idle", 0, {"mb_per_1000": 24.0})]
    assert rows(turns, RPS)[1] == {"peer": "envoy", "load": "idle", "mb_per_1000": 24.0, "vs_nginx": 1.5}


def test_without_nginx_there_is_no_ratio() -> None:
    """Nor is there one to an nginx that failed in that round."""
    assert "vs_nginx" not in rows([turn("mcpgate", 0, 10.0)], RPS)[0]
    failed = Turn("nginx", "post-32", 0, {}, {"failed": 1}, "it ended with 1")
    made = rows([failed, turn("mcpgate", 0, 10.0)], RPS)
    assert [("vs_nginx" in row, row.get("errors")) for row in made] == [(False, 1), (False, None)]


def test_gates_are_compared_with_a_gate_by_what_they_take_more() -> None:
    """Within each round, in microseconds; the gate itself takes nothing more."""
    took = {"1-rule": (50.0, 80.0, 60.0), "200-rules": (52.0, 79.0, 63.0)}
    turns = [
        Turn(peer, "policy", number, {"cpu_us": cost})
        for peer, costs in took.items()
        for number, cost in enumerate(costs)
    ]
    made = rows(turns, {"policy": "cpu_us"}, {"policy": "1-rule"})
    assert [row["more_us"] for row in made] == [0.0, 2.0]
    assert "vs_nginx" not in made[1]
    assert "+2.0" in table(made, turns)


def test_errors_are_in_the_row_the_table_and_the_lines() -> None:
    """And they are added up over the rounds."""
    turns = [
        turn("nginx", 0, 10.0),
        turn("nginx", 1, 10.0, errors={"status": 2, "tls": 1}, first_error="status: 502"),
    ]
    made = rows(turns, RPS)
    assert made[0]["errors"] == 3
    assert "3 ERRORS" in table(made, turns)
    assert errors_of(turns) == ["nginx, post-32, round 2: 2 status, 1 tls (first: status: 502)"]


def test_the_table_says_each_load_once_and_aligns_the_numbers() -> None:
    """It is read by people."""
    turns = [turn("nginx", 0, 20000.0, busy=0.5), turn("mcpgate", 0, 10000.0, busy=1.0)]
    lines = table(rows(turns, RPS), turns).splitlines()
    assert lines[0].split()[:3] == ["load", "peer", "req/s"]
    assert lines[1].split()[:3] == ["post-32", "nginx", "20,000"]
    assert lines[2].split()[:2] == ["mcpgate", "10,000"]
    assert lines[1].index("20,000") == lines[2].index("10,000")
    assert "50%" in lines[1] and "100%" in lines[2]
