"""One server for the tables of the contract."""
import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "blackbox"), str(TESTS / "scenarios")]

import harness  # noqa: E402


@pytest.fixture(scope="session")
def server():
    """A fresh endpoint; tests choose names of their own."""
    site = harness.Site()
    try:
        yield site.start("S")[0]
    finally:
        site.close()
