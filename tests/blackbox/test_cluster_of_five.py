"""Five members: two may die, three may not; observers vote and never serve."""
import time

import pytest
import requests

from cluster_history import Load
from harness import expect, wait_until
from test_cluster import Cluster, check, consensus, full_state, health

SPREAD = True  # no test shares servers with another
NAMES = ("one", "two", "three", "four", "five")


def safe(server):
    return expect(200, server.call("POST", "system/consensus/failOverSafe?waitFor=3s")).json()


def all_back(cluster):
    for server in cluster.members.values():
        if server.process.poll() is not None:
            server.launch()
    active = cluster.active()
    wait_until("nobody is missed", lambda: not any(node["Offline"] for node in full_state(cluster.active())["Nodes"]), 60)
    cluster.wait_equal()
    return active


@pytest.fixture
def five(site, tmp_path):
    return Cluster(site, tmp_path).make(NAMES)


def test_two_of_five_die_and_writes_go_on_and_of_three_that_die_nothing_is_lost(five):
    members = list(five.members.values())
    assert five.active().get("info")["errors"] == []
    load = Load(members)
    load.prepare(members[0])
    with load:
        time.sleep(0.5)
        active = five.active()
        passive = next(server for server in members if server is not active)
        killed = time.monotonic()
        active.kill()
        passive.kill()
        successor = five.active()
        wait_until("writes go on", lambda: load.history.recovery(killed) < 30, 30)
        print(f"the active one and another died: next acknowledged write after {load.history.recovery(killed):.2f} s")
        third = next(server for server in five.running() if server is not successor)
        third.kill()
        left = five.running()
        assert len(left) == 2
        wait_until("nobody serves", lambda: all(health(server, "active") != 200 for server in left), 30)

        def refused():
            try:
                return left[0].call("POST", "profiles", {"Name": "by-two-of-five"}, timeout=30).status_code == 503
            except requests.RequestException:  # it starts anew at this moment
                return False
        wait_until("two of five refuse", refused, 30)
        back = time.monotonic()
        third.launch()
        wait_until("writes go on with three", lambda: load.history.recovery(back) < 30, 60)
    all_back(five)
    check(five, load)


def test_the_lead_goes_to_the_one_that_is_asked_for(five):
    members = list(five.members.values())
    load = Load(members)
    load.prepare(members[0])
    with load:
        for name in ("four", "two", "five"):
            there = five.members[name]
            wait_until("it is safe", lambda: safe(five.active()), 30)
            begun = time.monotonic()
            wait_until(f"{name} is given the lead", lambda: there.call("POST", "system/active").status_code == 200, 30)
            five.wait_active(there)
            wait_until("writes go on", lambda: load.history.recovery(begun) < 30, 30)
            print(f"handed over to {name}: next acknowledged write after {load.history.recovery(begun):.2f} s")
            assert {consensus(server, "active") for server in members if server is not there
                    and health(server, "ready") == 200} <= {consensus(there, "id"), ""}
    all_back(five)
    check(five, load)


def test_observers_vote_and_never_serve(site, tmp_path):
    """Three members that may serve, two that may not: with two of the three dead, the votes are those of observers."""
    cluster = Cluster(site, tmp_path)
    one = cluster.found()
    for name in ("two", "three"):
        cluster.add(one, name)
    for count, name in enumerate(("observer-a", "observer-b"), 4):
        cluster.enroll(one, cluster.launch(name), "Observer", "true")
        cluster.wait_voters(one, count)
    cluster.wait_equal()
    members = list(cluster.members.values())
    servants, observers = members[:3], members[3:]
    load = Load(servants)
    load.prepare(one)
    with load:
        for _ in range(2):
            killed = time.monotonic()
            cluster.active().kill()
            successor = cluster.active()
            wait_until("writes go on", lambda: load.history.recovery(killed) < 30, 30)
        assert cluster.running() == [successor, *observers]
        assert safe(successor) is False, "nobody else could serve"
        for observer in observers:
            assert health(observer, "active") == 503 and health(observer, "ready") == 200
            expect(409, observer.call("POST", "system/active"))
        successor.kill()
        begun = time.monotonic()
        while time.monotonic() < begun + 5:  # ten times as long as an election takes
            assert not any(health(observer, "active") == 200 for observer in observers)
            time.sleep(0.1)
    all_back(cluster)
    check(cluster, load)
