"""Tests that documents name exist: a table of promises must not tell of what nobody tries."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = ("docs/mirror.md",)


def test_documents_name_tests_that_exist():
    python = "".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    there = set(re.findall(r"^def (test_\w+)\(", python, re.MULTILINE))
    for document in DOCUMENTS:
        named = set(re.findall(r"`(test_\w+)`", (ROOT / document).read_text()))
        assert len(named) > 10 and named <= there, sorted(named - there)
