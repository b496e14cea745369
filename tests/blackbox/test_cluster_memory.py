"""A member that lost what it promised, all or in part, casts no vote and is repaired by itself; nothing is lost.

Its files are changed while it is dead, as a broken disk, a careless restore or a snapshot of a machine does it.
"""
import json
import os
import re
import shutil
import time

import pytest

from cluster_history import Load
from harness import expect, wait_until
from test_cluster import Cluster, check, consensus, full_state, health


@pytest.fixture
def cluster(site, tmp_path):
    return Cluster(site, tmp_path).make()


def number(server):
    """By which the members know it: another one once it had to come back as another one."""
    return json.loads((server.root / "cluster" / "members.json").read_text())["own"]


def spoil(file):
    """No page says what the file is any more. Noise in other pages alone may end the process that reads them."""
    file.write_bytes(os.urandom(file.stat().st_size))


def keep(server):
    older = server.root.parent / "older"
    for part in ("data", "cluster"):
        shutil.copytree(server.root / part, older / part)
    return older


def put_back(server, older, *parts):
    for part in parts:
        shutil.rmtree(server.root / part)
        shutil.copytree(older / part, server.root / part)


def a_database_that_is_gone(server, _):
    shutil.rmtree(server.root / "data")


def a_damaged_database(server, _):
    spoil(server.root / "data" / "data.mdb")


def an_older_database(server, older):
    put_back(server, older, "data")


def a_journal_that_is_gone(server, _):
    shutil.rmtree(server.root / "cluster" / "journal")


def a_damaged_journal(server, _):
    spoil(server.root / "cluster" / "journal" / "data.mdb")


def an_older_journal(server, older):
    put_back(server, older, "cluster")


def an_older_machine(server, older):
    put_back(server, older, "data", "cluster")


# What happens to a member, and whether it has lost what it promised.
LOSSES = [(a_database_that_is_gone, False), (a_damaged_database, False), (an_older_database, False),
          (a_journal_that_is_gone, True), (a_damaged_journal, True), (an_older_journal, True), (an_older_machine, True)]


def is_whole(cluster):
    active = [server for server in cluster.running() if health(server, "active") == 200]
    states = [full_state(server) for server in cluster.members.values()]
    return active and all(states) and all(server.get("info")["errors"] == [] for server in cluster.running()) and \
        not any(node["Offline"] for node in full_state(active[0])["Nodes"])


@pytest.mark.parametrize("loss, forgets", LOSSES, ids=lambda value: getattr(value, "__name__", None))
def test_a_member_is_repaired_by_itself(cluster, loss, forgets):
    one, two, three = cluster.members.values()
    identity = consensus(three, "id")
    load = Load([one, two, three])
    load.prepare(one)
    with load:
        time.sleep(0.5)
        three.kill()
        older = keep(three)
        three.start()
        wait_until("three holds more than before", lambda: is_whole(cluster), 60)
        time.sleep(0.5)
        three.kill()
        loss(three, older)
        three.start()
        wait_until("all members take part", lambda: is_whole(cluster), 90, 0.2)
        assert (number(three) != 3) == forgets
        assert consensus(three, "id") == identity, "to clients it is who it was"
        assert len(consensus(one, "peers")) == 3
        # It counts again: with one of the others gone, nothing goes on without it.
        cluster.active().kill()
        cluster.active()
        time.sleep(1)
    for server in (one, two, three):
        if server.process.poll() is not None:
            server.start()
    check(cluster, load)


def test_who_forgot_casts_no_vote(cluster):
    """The only one that has an acknowledged write, beside the one that forgot it, is dead: there is no majority."""
    one, two, three = cluster.members.values()
    three.kill()
    one.create("profiles", {"Name": "by-one-and-two"})
    one.kill()
    two.kill()
    shutil.rmtree(two.root / "cluster" / "journal")
    three.launch()
    two.launch()
    wait_until("two says what is wrong", lambda: "comes back by itself" in json.dumps(two.get("info")["errors"]), 60)
    begun = time.monotonic()
    while time.monotonic() < begun + 6:  # ten times as long as an election takes
        assert health(two, "active") != 200 and health(three, "active") != 200
        time.sleep(0.1)
    expect(503, three.call("GET", "profiles/by-one-and-two", timeout=20))
    one.launch()
    wait_until("all members take part", lambda: is_whole(cluster), 90, 0.2)
    assert cluster.active().get("profiles/by-one-and-two")["Name"] == "by-one-and-two"
    cluster.wait_equal()


def test_a_member_that_was_put_back_is_known_by_those_that_restarted(cluster):
    """Everything is switched off, one disk is put back to an older state, everything is switched on."""
    one, two, three = cluster.members.values()
    three.kill()
    older = keep(three)
    three.start()
    for count in range(20):
        one.create("profiles", {"Name": f"later-{count}"})
    cluster.wait_equal()
    time.sleep(3)  # the others write down what they have seen of it every 2 s
    for server in (one, two, three):
        server.kill()
    put_back(three, older, "data", "cluster")
    for server in (one, two, three):
        server.launch()
    wait_until("all members take part", lambda: is_whole(cluster), 90, 0.2)
    assert number(three) == 4
    assert re.search(r"has seen more of this server|does not have", three.log())
    cluster.wait_equal()
    assert three.get("profiles/later-19")["Name"] == "later-19"
