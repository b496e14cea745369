"""The schedule of a cluster's round is its seed's, holds faults of every kind, and tools do what it says."""
import os
import re
import subprocess
import time

import pytest

import cluster
from hierarchy import ROOT, WallClock, build_library


def test_a_seed_is_its_schedule():
    assert cluster.schedule(5, 60) == cluster.schedule(5, 60) != cluster.schedule(6, 60)


def test_every_kind_comes_before_any_comes_twice():
    kinds = [fault.kind for fault in cluster.schedule(3, 1000)]
    for begin in range(0, len(kinds) - len(cluster.KINDS), len(cluster.KINDS)):
        assert sorted(kinds[begin:begin + len(cluster.KINDS)]) == sorted(cluster.KINDS)
    assert {fault.how for fault in cluster.schedule(3, 2000)} == {"", *cluster.FORGETS}


def test_a_round_of_the_tests_makes_a_member_forget_and_kills_one():
    seed, seconds = map(int, re.search(r"cluster.py --rounds 1 --seed (\d+) --seconds (\d+)",
                                       (ROOT / "tools" / "x.sh").read_text()).groups())
    assert {"forget", "kill", "stop"} <= {fault.kind for fault in cluster.schedule(seed, seconds)}


def test_a_disk_is_slow_when_it_is_told_to_be(tmp_path):
    slowness = WallClock(tmp_path / "disk")
    library = build_library(tmp_path, "disk_shim")
    script = f"import os, time; file = os.open({str(tmp_path / 'file')!r}, os.O_CREAT | os.O_WRONLY); " \
             "begun = time.monotonic(); os.fsync(file); os.fdatasync(file); print(time.monotonic() - begun)"

    def took():
        return float(subprocess.run(["/usr/bin/python3", "-c", script], capture_output=True, text=True, check=True,
                                    env={**os.environ, "LD_PRELOAD": str(library),
                                         "CHAOS_DISK": str(slowness.path)}).stdout)
    slowness.move(300)
    assert took() >= 0.6
    begun = time.monotonic()
    slowness.move(0)
    assert took() < 0.6 + time.monotonic() - begun


@pytest.mark.parametrize("how", cluster.FORGETS)
def test_a_member_is_spoilt_as_it_is_said(tmp_path, how):
    for name in ("data", "cluster/journal"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "data.mdb").write_bytes(b"old" * 10_000)
    (tmp_path / "cluster" / "key.pem").write_text("key")
    cluster.keep(tmp_path, tmp_path / "older")
    for name in ("data", "cluster/journal"):
        (tmp_path / name / "data.mdb").write_bytes(b"new" * 10_000)
    cluster.spoil(tmp_path, tmp_path / "older", how)

    def state(name):
        file = tmp_path / name / "data.mdb"
        return "gone" if not file.exists() else {b"new" * 10_000: "new", b"old" * 10_000: "old"}.get(file.read_bytes(), "damaged")
    assert (state("data"), state("cluster/journal")) == {
        "journal-gone": ("new", "gone"), "journal-flipped": ("new", "damaged"), "put-back": ("old", "old"),
        "database-gone": ("gone", "new"), "database-flipped": ("damaged", "new"), "database-old": ("old", "new")}[how]
    assert (tmp_path / "cluster" / "key.pem").read_text() == "key"
    assert not (tmp_path / "older").exists()
