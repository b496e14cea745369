"""The servers of all scenarios: M1 above R1 above A, started once."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "blackbox"))

import harness  # noqa: E402
from player import Stage  # noqa: E402


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    if outcome.get_result().failed:
        item.session.some_failed = True


@pytest.fixture(scope="session")
def stages(request):
    """Where scenarios play, by name."""
    site = harness.Site()
    try:
        leaf, middle, top = site.start("A", "R1", "M1")
        middle.become_manager().attach(leaf)
        top.become_manager().attach(middle)
        harness.wait_until("M1 sees A", lambda: top.count("endpoints", "?Id=A") == 1)
        yield {"leaf": Stage("leaf", leaf), "prefix": Stage("prefix", top, "A"), "pane": Stage("pane", top, "A"),
               "top": Stage("top", top)}
    finally:
        site.close(keep_logs=getattr(request.session, "some_failed", False))
