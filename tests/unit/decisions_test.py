"""What tools/decisions.py finds wrong with decisions."""
import importlib.util
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location("decisions", ROOT / "tools/decisions.py")
decisions = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(decisions)

GOOD = """# 0001. What is asked

2026-11-23 · Rights

## Context

Somebody asks.

## Decision

Yes.

## Alternatives

* No.

## Reason

Because.
"""


def faults(folder, **files):
    for name, text in files.items():
        (folder / (name + ".md")).write_text(text)
    return decisions.read_all(folder)[1]


def test_a_whole_one_is_read_and_listed(tmp_path):
    (tmp_path / "0001-what-is-asked.md").write_text(GOOD)
    found, wrong = decisions.read_all(tmp_path)
    assert not wrong
    assert decisions.listed(found) == "\n## Rights\n\n* [0001](0001-what-is-asked.md) What is asked (2026-11-23)\n"


@pytest.mark.parametrize("name, text, fault", [
    ("1-what-is-asked", GOOD, "expected NNNN-title.md"),
    ("0002-what-is-asked", GOOD, "expected NNNN-title.md"),
    ("0001-what-is-asked", GOOD.replace("2026-11-23", "lately"), "a date"),
    ("0001-what-is-asked", GOOD.replace("## Reason\n", ""), "expected the parts"),
    ("0001-what-is-asked", GOOD.replace("Because.\n", ""), "Reason says nothing"),
])
def test_what_lacks_something_is_found(tmp_path, name, text, fault):
    wrong = faults(tmp_path, **{name: text})
    assert len(wrong) == 1 and fault in wrong[0]


def test_a_number_is_given_once(tmp_path):
    wrong = faults(tmp_path, **{"0001-a": GOOD, "0001-b": GOOD})
    assert len(wrong) == 1 and "given twice" in wrong[0]


def test_every_link_of_a_decision_leads_somewhere():
    for path in (ROOT / "docs" / "decisions").glob("*.md"):
        for target in decisions.re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
            assert target.startswith("http") or (path.parent / target).exists(), f"{path.name}: {target}"
