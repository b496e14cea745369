"""Every `.scenario` file, everywhere it says it runs."""
import itertools
import pathlib

import pytest

from conversation import Mismatch, Scenario, ScenarioError, match
from player import Player

HERE = pathlib.Path(__file__).resolve().parent
SCENARIOS = [Scenario(path) for path in sorted(HERE.glob("*.scenario"))]
RUNS = [(scenario, stage) for scenario in SCENARIOS for stage in scenario.runs]
_numbers = itertools.count(1)


@pytest.mark.parametrize("scenario,stage", RUNS, ids=lambda value: getattr(value, "path", pathlib.Path(str(value))).stem)
def test_scenario(stages, scenario, stage):
    player = Player(scenario, stages[stage], f"s{next(_numbers)}")
    player.play()
    assert player.checks >= len(scenario.exchanges)


def test_every_section_has_scenarios():
    told = {scenario.path.stem.split("-")[0] for scenario in SCENARIOS}
    assert {"routes", "filters", "validation", "errors", "auth", "secure", "events", "contents", "plugins", "files",
            "session"} <= told


# -- the kit itself

@pytest.mark.parametrize("pattern,value", [
    ("a", "a"), ("$uuid", "0e0f0d7a-0000-4000-8000-000000000000"), ("$/^a+$/", "aaa"), ("$$any", "$any"), (1, 1.0),
    ({"a": 1, "...": True}, {"a": 1, "b": 2}), ([1, "..."], [1, 2, 3]), (["...", 2, "..."], [1, 2, 3]), ([], []),
    (["...", 3], [1, 2, 3]), (None, None), ("$time", "2024-02-03T04:05:06.789Z"), ("$any", None),
])
def test_what_matches(pattern, value):
    match(pattern, value, {})


@pytest.mark.parametrize("pattern,value", [
    ("a", "b"), ("$uuid", "0E0F0D7A-0000-4000-8000-000000000000"), ("$/^a+$/", "aab"), (1, True), (0, False), (1, "1"),
    ({"a": 1}, {"a": 1, "b": 2}), ({"a": 1, "...": True}, {"b": 2}), ([1], [1, 2]), ([2, "..."], [1, 2]),
    (["...", 4, "..."], [1, 2, 3]), (None, ""), ("", None), ({}, []), ([], {}), ("$time", "yesterday"), ("$text", ""),
])
def test_what_does_not_match(pattern, value):
    with pytest.raises(Mismatch):
        match(pattern, value, {})


def test_names_are_kept():
    names = {}
    match({"Uuid": "$string as id", "Tags": ["...", "$/^x/ as tag", "..."]}, {"Uuid": "u1", "Tags": ["a", "x1"]}, names)
    assert names == {"id": "u1", "tag": "x1"}


@pytest.mark.parametrize("text,trouble", [
    ("> GET /info\n", "has no answer"), ("hello\n", "expected a remark"), ("> POST /x\n{\n< 200\n", "no JSON"),
    ("# title only\n", "nothing happens"),
])
def test_files_that_cannot_be_read_say_where(tmp_path, text, trouble):
    path = tmp_path / "broken.scenario"
    path.write_text(text)
    with pytest.raises(ScenarioError, match=trouble):
        Scenario(path)
