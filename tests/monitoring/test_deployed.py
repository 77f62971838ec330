"""Dashboards, alert rules and the manual, as they are in `deploy/` and `docs/`: they fit each other and the program."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring.health.watched import OWN
from tests.services import ALERTS

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/operate.md").read_text()
BOARDS = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
UNITS = {"bytes", "ops", "percentunit", "reqps", "s", "short"}  # of Grafana's words, those that fit our figures
BY_UNIT = {"_seconds": "s", "_bytes": "bytes", "_ratio": "percentunit"}
COLUMNS = 24


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


@pytest.fixture(params=BOARDS, ids=lambda file: file.stem)
def board(request) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(request.param.read_text())
    return read


def test_panels_have_ids_places_and_letters_of_their_own(board):
    panels = board["panels"]
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x, y in itertools.product(
            range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        )
    ]

    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    assert len(set(cells)) == len(cells)
    assert max(x for x, _y in cells) < COLUMNS
    for panel in panels:
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters) > 0


def test_every_query_asks_the_prometheus_that_is_chosen_on_the_page(board):
    (variable,) = board["templating"]["list"]
    asked = {
        each["datasource"]["uid"] for panel in board["panels"] for each in (panel, *panel["targets"])
    }  # of the panel and of each of its queries

    provisioned = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text())
    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")
    assert variable["current"]["value"] == provisioned["datasources"][0]["uid"]
    assert asked == {"${datasource}"}


def test_units_fit_what_is_shown(board):
    units = {panel["title"]: panel["fieldConfig"]["defaults"]["unit"] for panel in board["panels"]}

    assert set(units.values()) <= UNITS
    for panel in board["panels"]:
        for target in panel["targets"]:
            plain = re.fullmatch(r"dietintel_\w+?(_seconds|_bytes|_ratio)", target["expr"])
            if plain and len(panel["targets"]) == 1:
                assert units[panel["title"]] == BY_UNIT[plain[1]], panel["title"]
            if target["expr"].startswith("histogram_quantile"):
                assert "le" in re.findall(r"sum by \(([^)]*)\)", target["expr"])[0].split(", ")
                assert units[panel["title"]] == "s"


def test_the_manual_has_a_section_for_each_alert_and_for_nothing_else():
    severity = {rule["alert"]: rule["labels"]["severity"] for rule in rules()}
    sections = re.findall(r"^### (\w+)\n\*(Page|Look)\.\*", GUIDE, re.MULTILINE)

    assert {name: word.lower() for name, word in sections} == severity
    assert all(rule["annotations"]["summary"] for rule in rules())


def test_the_manual_lists_every_check_dashboard_and_setting():
    listed = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.+?) \|", GUIDE, re.MULTILINE))))

    assert {each.name for each in OWN} <= listed
    assert [board for board in BOARDS if json.loads(board.read_text())["title"] not in GUIDE] == []


def test_prometheus_and_grafana_find_what_they_are_given():
    compose = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
    config = yaml.safe_load(ALERTS.with_name("prometheus.yml").read_text())
    mounted = {volume.split(":")[0] for name in ("prometheus", "grafana") for volume in compose[name]["volumes"]}

    assert config["rule_files"] == [ALERTS.name]
    assert all((ROOT / "deploy" / place).exists() for place in mounted if place.startswith("."))
    assert any("grafana/dashboards" in place for place in mounted)
    assert any("grafana/provisioning" in place for place in mounted)
