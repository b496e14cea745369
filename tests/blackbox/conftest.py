"""Fixtures of the black-box tests. A failed test prints the ends of its servers' logs."""
import pytest

import harness


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if outcome.get_result().failed:
        item.failed = True
        item.parent.failed = True


@pytest.hookimpl(tryfirst=True)  # before groups are read from marks
def pytest_collection_modifyitems(config, items):
    """The tests of a file stay together, since they share servers, where it does not say that none of them does (SPREAD).

    With endpoints that are followed by their public API, of a file that says which of its tests are about managers
    (FOLLOWED_TOO: fixtures, or tests) only those: the others would do the same as before."""
    for item in items:
        if not getattr(item.module, "SPREAD", False):
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))
    if not harness.FOLLOWING:
        return
    left_out = [item for item in items if not {*item.fixturenames, item.originalname}
                & {*getattr(item.module, "FOLLOWED_TOO", [item.originalname])}]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


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
