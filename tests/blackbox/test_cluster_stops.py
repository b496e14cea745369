"""SIGTERM is heard by a member in whatever it waits for: a copy, its admission, those that it comes back by."""
import json
import random
import shutil

import pytest

from harness import free_port, wait_until
from test_by_hand import fingerprint
from test_cluster import Cluster, health

SPREAD = True  # no test shares servers with another
DEADLINE = 15  # seconds; what is promised is 5, for what cannot be broken off


@pytest.fixture
def cluster(site, tmp_path):
    return Cluster(site, tmp_path).make()


def kill_all(cluster):
    for server in cluster.members.values():
        server.kill()


def stops(server):
    assert server.stop(DEADLINE) == 0
    assert "stopped" in server.log().splitlines()[-1]


def launched_until_it_waits_for_a_copy(server):
    before = server.log().count("fetches a copy")  # when it joined
    server.launch()
    wait_until("it waits for a copy", lambda: server.log().count("fetches a copy") > before)


def all_serve(cluster):
    for server in cluster.members.values():
        server.launch()
    cluster.wait_equal()


def test_while_it_waits_for_somebody_to_give_it_a_copy(cluster):
    *others, three = cluster.members.values()
    kill_all(cluster)
    shutil.rmtree(three.root / "data")
    launched_until_it_waits_for_a_copy(three)
    stops(three)
    all_serve(cluster)


def test_while_a_copy_comes(site, tmp_path):
    cluster = Cluster(site, tmp_path)
    one = cluster.found()
    one.stop()
    one.flags += ["--ha-catch-up-rate", "64KiB"]
    one.start()
    cluster.wait_active(one)
    noise = random.Random(1).randbytes(2_000_000).hex()
    one.create("profiles", {"Name": "large", "Meta": {"noise": noise}})
    two = cluster.launch("two")
    cluster.enroll(one, two)
    part = two.root / "data.new" / "data.mdb"
    wait_until("a part of the copy is there", lambda: part.exists() and part.stat().st_size > 0, 60)
    stops(two)
    assert not (two.root / "data.new" / "complete").exists(), "it did not wait for the whole"


def test_while_it_is_to_come_back_and_nobody_serves(cluster):
    *others, three = cluster.members.values()
    kill_all(cluster)
    shutil.rmtree(three.root / "cluster" / "journal")
    three.start()
    wait_until("it says what is wrong", lambda: "comes back by itself" in json.dumps(three.get("info")["errors"]))
    stops(three)
    all_serve(cluster)


def test_while_it_has_neither_database_nor_journal_and_nobody_serves(cluster):
    *others, three = cluster.members.values()
    kill_all(cluster)
    shutil.rmtree(three.root / "cluster" / "journal")
    shutil.rmtree(three.root / "data")
    launched_until_it_waits_for_a_copy(three)
    stops(three)
    all_serve(cluster)


def test_while_it_waits_for_its_admission_where_the_lead_is_switched_by_hand(site):
    one = site.server("one", flags=["--listen-address", "127.0.0.1", "--ha-enabled", "--ha-id", "site",
                                    "--ha-consensus-addr", f"127.0.0.1:{free_port()}"]).start()
    wait_until("it serves", lambda: health(one, "active") == 200)
    token = one.get("users/rocketskates/token?ttl=3600")["Token"]
    two = site.server("two", flags=["--listen-address", "127.0.0.1", "--ha-enabled", "--ha-passive", "--ha-join", one.url,
                                    "--ha-join-fingerprint", fingerprint(one), "--ha-consensus-addr",
                                    f"127.0.0.1:{free_port()}"], environment={"RS_HA_TOKEN": token})
    one.pause()  # it takes connections, and answers nothing
    try:
        two.launch()
        wait_until("it has begun", lambda: (two.root / "mullion.lock").exists(), 30)
        stops(two)
    finally:
        one.resume()
    two.start()
    wait_until("it is in step", lambda: one.get("info")["errors"] == [])
