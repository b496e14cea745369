"""What tools/check_views.py finds: views of the database that are held while something is waited for."""
import importlib.util
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location("check_views", ROOT / "tools/check_views.py")
checker = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(checker)

HELD = [
    "{ const std::shared_ptr<const store::Snapshot> view = store.snapshot(); co_await send(); }",
    "{ auto view = store_.snapshot(); if (x) { co_await send(); } }",
    "{ std::shared_ptr<const store::Snapshot> view; view = store_.snapshot(); co_await send(); }",
    "{ Result<View> view = co_await current_view(); co_await flush(); }",
    "{ auto view = store.snapshot(); other.reset(); co_await send(); }",
]
LET_GO = [
    "{ { auto view = store.snapshot(); use(*view); } co_await send(); }",
    "{ auto view = store.snapshot(); view.reset(); co_await send(); }",
    "{ auto view = store.snapshot(); co_await env::run_blocking([&] { use(*view); }); }",
    "{ const int n = count(*store.snapshot()); co_await send(n); }",
    "{ auto view = store.snapshot(); // co_await send();\n }",
]


@pytest.mark.parametrize("code", HELD)
def test_a_view_that_is_held_is_found(code):
    assert list(checker.held(checker.without_comments(code)))


@pytest.mark.parametrize("code", LET_GO)
def test_a_view_that_was_let_go_is_not(code):
    assert not list(checker.held(checker.without_comments(code)))


def test_members_and_statements_are_found():
    assert checker.MEMBER.search("  std::shared_ptr<const store::Snapshot> snapshot_;")
    assert checker.IN_STATEMENT.search("co_await send(*store.snapshot(), 1);")
    assert not checker.IN_STATEMENT.search("co_await env::run_blocking([&] { use(*store.snapshot()); });")


def test_nothing_is_found_in_the_sources():
    assert list(checker.breaches()) == []


LOCK_HELD = [
    "{ Lock lock(mutex_); co_await send(); }",
    "{ const WriteLock lock(state->mutex); if (x) { co_await send(); } }",
    "{ auto f = [&]() REQUIRES(mutex_) { return x; }; Lock lock(mutex_); co_await send(); }",
    "{ spawn([this]() -> Task<void> { Lock lock(mutex_); co_await send(); }); }",
    "{ Lock lock(mutex_); for (auto& one : all) { co_await send(one); } }",
]
LOCK_LET_GO = [
    "{ { Lock lock(mutex_); use(); } co_await send(); }",
    "{ Lock lock(mutex_); lock.unlock(); co_await send(); }",
    "{ Lock lock(mutex_); spawn([this, id]() -> Task<void> { co_await send(); }); }",
    "{ Lock lock(mutex_); spawn([runner = place] { return send(); }); }",
    "{ auto f = [&] { Lock lock(mutex_); ++n; }; co_await send(); }",
]


@pytest.mark.parametrize("code", LOCK_HELD)
def test_a_lock_that_is_held_is_found(code):
    assert list(checker.held_locks(code))


@pytest.mark.parametrize("code", LOCK_LET_GO)
def test_a_lock_that_was_given_back_is_not(code):
    assert not list(checker.held_locks(code))
