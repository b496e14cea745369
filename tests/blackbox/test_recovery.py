"""A cluster that has lost its majority for good goes on from the one member that is left."""
import json
import pty
import os
import shutil
import subprocess

import pytest

from harness import BINARY, wait_until
from test_cluster import Cluster, consensus, full_state, health


@pytest.fixture
def cluster(site, tmp_path):
    return Cluster(site, tmp_path).make()


def recover(server, *words):
    return subprocess.run([str(BINARY), "cluster", "recover", "--base-root", str(server.root), *words],
                          capture_output=True, text=True, timeout=60)


def profiles(server):
    return {profile["Name"] for profile in server.get("profiles") if profile["Name"].startswith("kept-")}


def test_the_last_member_goes_on_and_those_that_come_back_are_refused(cluster):
    one, two, three = cluster.members.values()
    for number in range(20):
        one.create("profiles", {"Name": f"kept-{number}"})
    name = one.get("info")["ha_id"]
    cluster.wait_equal()
    ids = {server.name: consensus(server, "id") for server in (one, two, three)}

    refused = recover(three, "--yes")
    assert refused.returncode == 1 and "stop it first" in refused.stderr

    for server in (one, two, three):
        server.kill()
    shutil.rmtree(two.root)  # gone for good; one's machine is only away

    # Nothing happens without a yes.
    before = sorted(path.name for path in three.root.iterdir())
    asked = recover(three)
    assert asked.returncode == 1 and "nothing was changed" in asked.stderr
    assert f"({ids['three']})" in asked.stdout and "2 of them cannot be read here" in asked.stdout
    assert "is lost; everything that this member itself has acknowledged is here" in asked.stdout
    assert sorted(path.name for path in three.root.iterdir()) == before

    done = recover(three, "--yes")
    assert done.returncode == 0, done.stderr
    assert "recovered: start this member" in done.stdout
    three.start()
    cluster.wait_active(three)
    assert profiles(three) == {f"kept-{number}" for number in range(20)}
    assert [peer["ConsensusID"] for peer in consensus(three, "peers")] == [ids["three"]]
    assert three.get("info")["ha_id"] == name, "managers know the endpoint by the same id"
    three.create("profiles", {"Name": "kept-after"})
    assert any(path.name.startswith("data.before-cluster-") for path in three.root.iterdir()), "the old one was set aside"

    # The one that was away is told so, also by a process that knows of it from the database only.
    three.stop()
    three.start()
    cluster.wait_active(three)
    one.launch()
    wait_until("one was told", lambda: "no member" in json.dumps(one.get("info")["errors"]), 30)
    assert one.get("info")["ha_is_active"] is False and health(one, "active") == 503

    cluster.enroll(three, one)
    wait_until("one is a member again", lambda: len(consensus(three, "peers")) == 2, 30)
    two.start()
    cluster.enroll(three, two)
    cluster.wait_voters(three, 3)
    cluster.wait_equal()
    for server in (one, two, three):
        assert profiles(server) == {f"kept-{number}" for number in range(20)} | {"kept-after"}
    three.kill()
    active = cluster.active([one, two])
    active.create("profiles", {"Name": "kept-without-three"})


def test_the_member_with_the_longest_log_is_named(cluster):
    one, two, three = cluster.members.values()
    three.kill()
    for number in range(5):
        one.create("profiles", {"Name": f"kept-{number}"})
    for server in (one, two):
        server.kill()
    shutil.rmtree(one.root)
    refused = recover(three, "--compare", str(two.root), "--yes")
    assert refused.returncode == 1
    assert f"nothing was changed: recover {two.root}, whose log is longer" in refused.stderr
    assert "everything that was ever acknowledged is in the longest log" in refused.stdout
    assert recover(two, "--compare", str(two.root), "--yes").returncode == 1
    done = recover(two, "--compare", str(three.root), "--yes")
    assert done.returncode == 0, done.stderr
    two.start()
    cluster.wait_active(two)
    assert profiles(two) == {f"kept-{number}" for number in range(5)}


def test_a_damaged_journal_costs_what_only_it_held(cluster):
    one, two, three = cluster.members.values()
    one.create("profiles", {"Name": "kept-0"})
    cluster.wait_equal()
    for server in (one, two, three):
        server.stop()
    journal = three.root / "cluster" / "journal" / "data.mdb"
    journal.write_bytes(journal.read_bytes()[:4096])
    done = recover(three, "--yes")
    assert done.returncode == 0, done.stderr
    assert "its journal cannot be used" in done.stdout and "3 of them cannot be read here" in done.stdout
    three.start()
    cluster.wait_active(three)
    assert profiles(three) == {"kept-0"}


def test_a_person_is_asked(cluster):
    one, two, three = cluster.members.values()
    for server in (one, two, three):
        server.kill()
    terminal, screen = pty.openpty()
    process = subprocess.Popen([str(BINARY), "cluster", "recover", "--base-root", str(one.root)], stdin=screen,
                               stdout=subprocess.DEVNULL, stderr=screen)
    os.close(screen)
    shown = b""
    while b"Type yes to go on" not in shown:
        shown += os.read(terminal, 1000)
    os.write(terminal, b"yes\n")
    assert process.wait(60) == 0
    os.close(terminal)
    one.start()
    cluster.wait_active(one)
    assert full_state(one)["Nodes"][0]["ConsensusID"] == consensus(one, "id")


def test_a_server_that_stands_alone_has_nothing_to_recover(site):
    server = site.server("alone").start()
    server.stop()
    refused = recover(server, "--yes")
    assert refused.returncode == 1 and "belongs to no member of a cluster" in refused.stderr
