"""What ./x run --cluster shows, as a person sees it."""
import os
import re
import subprocess
import sys

import pytest
import requests

import harness
from harness import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import demo  # noqa: E402
import demo_cluster  # noqa: E402


def test_the_demonstration_of_a_cluster_loses_nothing():
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "demo.py"), "--cluster", "--once", "--machines", "3"],
                          capture_output=True, text=True, timeout=540,
                          env={**os.environ, "MULLION_BINARY": str(harness.BINARY)})
    print(done.stdout[-3000:])
    assert done.returncode == 0, done.stderr[-3000:]
    told = done.stdout.partition("R1 is a cluster of three.")[2]
    assert "was killed (kill -9) while 4 clients wrote" in told
    assert float(re.search(r"next acknowledged write +([0-9.]+) s after the kill", told)[1]) < 20
    acknowledged, writes = map(int, re.search(r"acknowledged +(\d+) of (\d+) writes", told).groups())
    assert 20 < acknowledged <= writes
    assert re.search(r"outcome unknown +\d+, of which \d+ turned out to have been carried out", told)
    for place in ("R1", "R1-2", "R1-3", "M1"):
        read = re.search(rf"read back at {place} +(\d+) of (\d+) acknowledged writes: none is missing", told)
        assert read and read.groups() == (str(acknowledged), str(acknowledged)), place
    assert "Running until" not in done.stdout


def test_the_ports_of_the_demonstration_are_left_to_it():
    ports = [port for group in demo.usual_ports(len(demo.NAMES + demo.FURTHER_MEMBERS)) for port in group]
    assert set(ports) <= set(harness.PORTS_OF_DEMONSTRATION)


def test_the_demonstration_would_notice_a_lost_write():
    writes = [demo_cluster.Write("a", 1.0, 2.0, "acknowledged"), demo_cluster.Write("b", 1.0, 2.0, "unknown"),
              demo_cluster.Write("c", 1.0, 2.0, "acknowledged", refused=2)]
    report = demo_cluster.Report("R1", "R1-2", 0.5, writes, {"R1": {"a", "b", "c"}, "M1": {"a"}})
    assert report.lost() == ["c"]
    text = "\n".join(report.lines())
    assert "read back at R1           2 of 2 acknowledged writes: none is missing" in text
    assert "read back at M1           1 of 2 acknowledged writes: MISSING c" in text
    assert "refused and retried       1, of which 1 were acknowledged then" in text
    assert "outcome unknown           1, of which 0 turned out" in text


@pytest.mark.parametrize("status, text, fate", [
    (201, "", "acknowledged"),
    (503, "No member of the cluster serves now; try again", "refused"),
    (503, "The member that served was lost meanwhile: the request may have been carried out", "unknown"),
    (502, "", "refused"),
])
def test_the_demonstration_takes_answers_for_what_they_are(status, text, fate):
    assert demo_cluster.fate_of(status, text) == fate
    with pytest.raises(demo_cluster.ClusterError):
        demo_cluster.fate_of(409, "exists")


def test_the_demonstration_repeats_only_what_was_certainly_not_done():
    with pytest.raises(requests.ConnectionError) as closed:
        requests.get(f"http://127.0.0.1:{harness.free_port()}", timeout=2)
    assert demo_cluster.fate_of_failure(closed.value) == "refused"
    assert demo_cluster.fate_of_failure(requests.ConnectionError("Connection aborted.")) == "unknown"
    assert demo_cluster.fate_of_failure(requests.ReadTimeout()) == "unknown"
