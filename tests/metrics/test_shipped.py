"""What is shipped for Prometheus and Grafana asks for metrics and labels that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcpgate.metrics.counting import LEGS, OUTCOMES, WORDS
from mcpgate.metrics.names import REASONS
from mcpgate.metrics.table import METRICS

ROOT = Path(__file__).resolve().parents[2]
RULES = (ROOT / "etc" / "prometheus" / "mcpgate.rules.yml").read_text(encoding="utf-8")
DASHBOARD: dict[str, Any] = json.loads((ROOT / "etc" / "grafana" / "mcpgate.json").read_bytes())

LABELS = {name: set(metric.labels) for metric in METRICS for name in metric.queried}
#: What Prometheus adds, and what the buckets of a histogram have.
ADDED = {"instance", "job", "le"}
#: Values of labels by which something is chosen.
VALUES = REASONS | LEGS | OUTCOMES | {word for words in WORDS.values() for word in words}
VALUES |= {"ok", "TLSv1.3", ".*MLKEM.*", "sent", "$instance", "$route"}


def rules() -> Iterator[tuple[str, str]]:
    """The name and the expression of each."""
    for block in re.split(r"(?m)^ {6}- alert: ", RULES)[1:]:
        found = re.search(r"(?ms)^ {8}expr: (?:\|\n(.*?)(?=^ {8}\w)|([^\n]*)$)", block)
        assert found is not None, block
        yield block.partition("\n")[0], found[1] or found[2]


def panels() -> Iterator[dict[str, Any]]:
    """Those that show something."""
    return (panel for panel in DASHBOARD["panels"] if panel["type"] != "row")


QUERIES = [expression for _, expression in rules()]
QUERIES += [target["expr"] for panel in panels() for target in panel["targets"]]
QUERIES += [each["definition"] for each in DASHBOARD["templating"]["list"] if "definition" in each]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_is_about_what_there_is(query: str) -> None:
    """Metrics, labels and the values that are looked for; and its brackets are in order."""
    named = re.findall(r"\bmcpgate_\w+", query)
    assert named and set(named) <= LABELS.keys()
    known = set.union(*(LABELS[name] for name in named)) | ADDED
    for grouped in re.findall(r"by \(([^)]*)\)", query):
        assert {label.strip() for label in grouped.split(",")} <= known
    for name, matchers in re.findall(r"\b(mcpgate_\w+)\{([^}]*)\}", query):
        for label, value in re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"', matchers):
            assert label in LABELS[name] | ADDED
            assert {value} <= VALUES or set(value.split("|")) <= VALUES
    for opening, closing in ("()", "{}", "[]"):
        assert query.count(opening) == query.count(closing)


def test_every_rule_is_explained() -> None:
    """By its name, for whoever is woken by it."""
    page = (ROOT / "docs" / "operate" / "alerts.md").read_text(encoding="utf-8")
    names = [name for name, _ in rules()]
    assert len(names) == len(set(names)) == RULES.count("- alert:") > 20
    assert [name for name in names if f"`{name}`" not in page] == []


def test_what_rules_say_names_labels_that_are_there() -> None:
    """A template that does not would be an empty place in a message at night."""
    for block, (_, expression) in zip(re.split(r"- alert: ", RULES)[1:], rules(), strict=True):
        named = set.union(*(LABELS[name] for name in re.findall(r"\bmcpgate_\w+", expression)))
        assert set(re.findall(r"\$labels\.(\w+)", block)) <= named | ADDED


def test_the_dashboard_can_be_imported() -> None:
    """What Grafana wants of one: places that do not overlap, ids of their own, a data source to choose."""
    assert DASHBOARD["uid"] == "mcpgate" and DASHBOARD["schemaVersion"] >= 36
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids)) > 30
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not cells & taken
        taken |= cells
    for panel in panels():
        assert panel["title"] and panel["datasource"]["uid"] == "${datasource}"
        assert [target["refId"] for target in panel["targets"]] == list("ABC"[: len(panel["targets"])])
    assert {variable["name"] for variable in DASHBOARD["templating"]["list"]} == {
        "datasource",
        "instance",
        "route",
    }
