"""Clang refuses what touches a guarded member without its mutex, and no lock escapes that check."""
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import check_layers  # noqa: E402

SOURCE = """
#include "base/mutex.h"
using mullion::Lock;
struct Counter {
  mullion::Mutex mutex;
  mullion::ConditionVariable changed;
  int value GUARDED_BY(mutex) = 0;
%s
};
"""
FLAGS = re.search(r"-Wthread-safety -Werror=thread-safety", (ROOT / "CMakeLists.txt").read_text()).group(0).split()
HELD = [
    "Lock lock(mutex); return value;",
    "Lock lock(mutex); changed.wait(lock, [this]() REQUIRES(mutex) { return value > 0; }); return value;",
]
NOT_HELD = [
    "return value;",
    "{ Lock lock(mutex); } return value;",
    "Lock lock(mutex); lock.unlock(); return value;",
    "Lock lock(mutex); Lock again(mutex); return value;",
    "Lock lock(mutex); changed.wait(lock, [this] { return value > 0; }); return 0;",
]


def refused(bodies):
    """Which of these function bodies clang refuses for their locks."""
    source = SOURCE % "\n".join(f"#line {n} \"body\"\nint f{n}() {{ {body} }}" for n, body in enumerate(bodies))
    done = subprocess.run(["clang++-16", "-std=c++20", "-fsyntax-only", *FLAGS, "-I", str(ROOT / "src"), "-x", "c++", "-"],
                          input=source, capture_output=True, text=True)
    assert (done.returncode == 0) == ("error:" not in done.stderr), done.stderr
    return {int(n) for n in re.findall(r"^body:(\d+):\d+: error: .*-Wthread-safety", done.stderr, re.M)}


def test_clang_refuses_what_does_not_hold_the_mutex():
    assert refused(HELD + NOT_HELD) == set(range(len(HELD), len(HELD + NOT_HELD)))


@pytest.mark.parametrize("line, finding", [
    ("  std::mutex mutex_;", "lock of the standard library"),
    ("  mutable std::shared_mutex mutex_;", "lock of the standard library"),
    ("  const std::lock_guard lock(mutex_);", "lock of the standard library"),
    ("  std::condition_variable changed_;", "lock of the standard library"),
    ("  void grow() NO_THREAD_SAFETY_ANALYSIS;", "say beside it why"),
    ("  mutex_.assume_held();", "say beside it why"),
    ("  mutable Mutex mutex_;", "no member is GUARDED_BY(mutex_)"),
])
def test_the_layer_check_finds_what_clang_does_not_see(tmp_path, monkeypatch, line, finding):
    monkeypatch.setattr(check_layers, "ROOT", tmp_path)
    source = tmp_path / "src" / "net" / "some.h"
    source.parent.mkdir(parents=True)
    source.write_text(line + "\n")
    found = list(check_layers.unchecked_locks())
    assert len(found) == 1 and found[0].startswith("src/net/some.h:1: ") and finding in found[0]


@pytest.mark.parametrize("line", [
    "  mutable Mutex mutex_;  // one at a time",
    "  mutex_.assume_held();  // by whoever calls the library that calls this",
    "  Mutex mutex_;\n  int size_ GUARDED_BY(mutex_) = 0;",
    "  // not a std::mutex",
])
def test_the_layer_check_accepts_what_is_said(tmp_path, monkeypatch, line):
    monkeypatch.setattr(check_layers, "ROOT", tmp_path)
    source = tmp_path / "src" / "net" / "some.h"
    source.parent.mkdir(parents=True)
    source.write_text(line + "\n")
    assert list(check_layers.unchecked_locks()) == []
