"""One endpoint whose id looks like a hardware address, and a manager over it."""
import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "blackbox"), str(TESTS / "contract"), str(TESTS.parent / "build" / "clients" / "site")]

import harness  # noqa: E402

LEAF = "fe:ed:00:11:22:33"


class World:
    """Servers that clients talk to."""

    def __init__(self, site):
        self.leaf = site.server("leaf", drp_id=LEAF)
        self.manager = site.server("manager", drp_id="M")
        for server in (self.leaf, self.manager):
            server.start()
        self.manager.become_manager()
        self.manager.attach(self.leaf)


@pytest.fixture(scope="session")
def world():
    site = harness.Site()
    try:
        yield World(site)
    finally:
        site.close()
