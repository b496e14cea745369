"""./x installs what a command needs, and nothing else."""
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What only looks at the program, or measures it.
NOT_FOR_RUNNING = {"libgtest-dev", "clang-16", "clang-tidy-16", "clang-format-14", "python3-pytest", "libbenchmark-dev", "nginx-light", "wrk", "curl", "jq",
                   "chromium-headless-shell"}


def packages(command):
    done = subprocess.run([ROOT / "x", "packages", command], check=True, capture_output=True, text=True)
    return done.stdout.split()


def written():
    lines = [line.strip() for line in (ROOT / "packages.txt").read_text().splitlines()]
    return [line for line in lines if line and not line.startswith(("#", "["))]


def test_every_package_is_needed_by_something_and_named_once():
    assert len(set(written())) == len(written())
    assert sorted(packages("bench")) == sorted(written())


@pytest.mark.parametrize("small, large", [("build", "run"), ("run", "test"), ("test", "bench")])
def test_a_command_that_does_more_needs_more(small, large):
    assert set(packages(small)) < set(packages(large))


def test_running_installs_nothing_that_only_tests_need():
    assert {"nodejs", "npm"} <= set(packages("build")), "the web interface is a part of the program"
    assert "g++" in packages("run") and "python3-requests" in packages("run")
    assert not NOT_FOR_RUNNING & set(packages("run"))
    assert NOT_FOR_RUNNING <= set(packages("bench"))
