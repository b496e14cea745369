"""The servers of all scenarios: M1 above R1 above A, started once."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "blackbox"))

import harness  # noqa: E402
from player import Stage  # noqa: E402


SITES = []


def troubles(server):
    """What its log says besides the requests that went well."""
    lines = [line for line in server.log().splitlines() if " info api: " not in line and " audit " not in line]
    return "\n".join(lines[-40:])


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for server in (server for site in SITES for server in site.servers.values()):
            report.sections.append((f"log of {server.name}", troubles(server)))


@pytest.fixture(scope="session")
def stages():
    """Where scenarios play, by name."""
    site = harness.Site()
    SITES.append(site)
    try:
        leaf, middle, top = site.start("A", "R1", "M1")
        middle.become_manager().attach(leaf)
        top.become_manager().attach(middle)
        harness.wait_until("M1 sees A", lambda: top.count("endpoints", "?Id=A") == 1)
        yield {"leaf": Stage("leaf", leaf), "prefix": Stage("prefix", top, "A"), "pane": Stage("pane", top, "A"),
               "top": Stage("top", top)}
    finally:
        site.close()
