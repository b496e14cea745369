"""Fixtures of the black-box tests. A failed test prints the ends of its servers' logs."""
import pytest

import harness


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if outcome.get_result().failed:
        item.failed = True
        item.parent.failed = True


def _site(request):
    site = harness.Site()
    yield site
    site.close(keep_logs=getattr(request.node, "failed", False))


@pytest.fixture
def site(request):
    """Servers for one test."""
    yield from _site(request)


@pytest.fixture(scope="module")
def shared_site(request):
    """Servers for all tests of a file that do no harm."""
    yield from _site(request)


@pytest.fixture(scope="module")
def mission(shared_site):
    """The seven servers by name, for tests that leave them as they were."""
    return harness.mission(shared_site)
