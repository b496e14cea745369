"""Members that get another address or another key: nothing is deleted by hand, and the others follow by themselves."""
import json
import shutil

import pytest

import namespaces
from cluster_history import Load
from harness import expect, free_port, wait_until
from test_address import HostedCluster
from test_cluster import Cluster, check, consensus, database_rows, health
from test_cluster_memory import is_whole, number

SPREAD = True  # no test shares servers with another


@pytest.fixture
def cluster(site, tmp_path):
    return Cluster(site, tmp_path).make()


def listed_at(teller, server_id):
    return next(node["ConsensusAddr"] for node in consensus(teller, "peers") if node["ConsensusID"] == server_id)


def roster(server):
    return json.loads(json.loads((server.root / "cluster" / "members.json").read_text())["roster"])


def key(server):
    return next(member["key"] for member in roster(server)["members"] if member["number"] == number(server))


def wait_listed(cluster, server, address):
    moved = consensus(server, "id")
    wait_until(f"everybody knows that {server.name} is at {address}",
               lambda: all(listed_at(one, moved) == address for one in cluster.running()), 60)
    wait_until("all members take part", lambda: is_whole(cluster), 60, 0.1)


def counts(cluster, server):
    """With one of the others gone, nothing goes on without it."""
    other = next(one for one in cluster.running() if one is not server)
    other.kill()
    active = cluster.active()
    active.create("profiles", {"Name": f"with-{server.name}"})
    other.start()
    cluster.wait_equal()


@pytest.mark.parametrize("who", ["a passive one", "the one that serves"])
def test_a_member_listens_elsewhere_when_it_is_told_to(cluster, who):
    one, two, three = cluster.members.values()
    moved = three if who == "a passive one" else cluster.active()
    address = f"127.0.0.2:{free_port()}"
    load = Load([one, two, three])
    load.prepare(one)
    with load:
        answer = cluster.cli(moved).json("system", "ha", "change", "ConsensusAddr", address)
        assert answer["ConsensusAddr"] == address and answer["Token"] == ""
        wait_until(f"{moved.name} is back", lambda: consensus(moved, "state")["ConsensusAddr"] == address
                   and health(moved, "ready") == 200)
        wait_listed(cluster, moved, address)
    check(cluster, load)
    counts(cluster, moved)
    for server in (one, two, three):
        server.kill()
    for server in (one, two, three):
        server.launch()
    cluster.wait_equal()
    wait_listed(cluster, moved, address)


@pytest.mark.parametrize("body, status, says", [
    ({"ConsensusAddr": "192.0.2.77:8093"}, 422, "192.0.2.77 is no address of this machine"),
    ({"ConsensusAddr": "somewhere"}, 422, "ConsensusAddr: is IP:port"),
    ({"ConsensusAddr": 8093}, 422, "ConsensusAddr: is IP:port"),
    ({}, 422, "one of ConsensusAddr, VirtAddr, LoadBalanced, VirtInterface, VirtInterfaceScript is needed"),
    ({"ConsensusAddr": "127.0.0.1:9", "HaID": "another"}, 422, "HaID: cannot be changed"),
    ({"ConsensusAdr": "127.0.0.1:9"}, 422, "ConsensusAdr: the state has no such field"),
    ([], 422, "is an object"),
])
def test_what_cannot_be_is_refused_and_changes_nothing(site, tmp_path, body, status, says):
    one = Cluster(site, tmp_path).found()
    before = (one.root / "ha-state.json").read_text()
    assert says in expect(status, one.call("PUT", "system/consensus/state", body)).text
    assert (one.root / "ha-state.json").read_text() == before


def test_an_address_that_is_taken_is_refused(cluster):
    one, two, three = cluster.members.values()
    taken = listed_at(one, consensus(two, "id"))
    assert consensus(two, "id") in expect(409, three.call("PUT", "system/consensus/state", {"ConsensusAddr": taken})).text
    port = f"127.0.0.1:{one.api_port}"
    assert "ConsensusAddr" in expect(422, three.call("PUT", "system/consensus/state", {"ConsensusAddr": port})).text
    assert "cannot be changed" in cluster.cli(three).fails("system", "ha", "change", "HaID", "another")
    assert "stands alone" in expect(422, cluster.launch("four").call(
        "PUT", "system/consensus/state", {"ConsensusAddr": taken})).text


@pytest.mark.skipif(bool(namespaces.why_not()), reason=namespaces.why_not() or "none")
def test_a_machine_that_got_another_ip_is_found_again(site, tmp_path):
    line = namespaces.Line()
    try:
        with line.host("client").entered():
            cluster = HostedCluster(site, tmp_path, line)
            one = cluster.found("one")
            for name in ("two", "three"):
                cluster.add(one, name)
            cluster.wait_equal()
            three = cluster.members["three"]
            three.kill()
            three.host.ip("addr", "del", f"{three.host.address}/24", "dev", "eth0")
            three.host.address = "10.77.0.77"
            three.host.ip("addr", "add", "10.77.0.77/24", "dev", "eth0")
            one.create("profiles", {"Name": "while-it-moved"})
            three.start()
            wait_listed(cluster, three, "10.77.0.77:8093")
            cluster.wait_equal()
            assert "is no address of this machine any more" in three.log()
            counts(cluster, three)
    finally:
        line.close()


def test_a_member_gets_another_key_by_order(cluster):
    one, two, three = cluster.members.values()
    identity, former = consensus(three, "id"), key(three)
    load = Load([one, two, three])
    load.prepare(one)
    with load:
        assert "hand the lead over first" in cluster.cli(two).fails("system", "ha", "rekey", consensus(one, "id"))
        assert "no member" in cluster.cli(two).fails("system", "ha", "rekey", "nobody")
        answer = cluster.cli(two).json("system", "ha", "rekey", identity)
        assert answer["ConsensusID"] == identity
        wait_until("all members take part", lambda: is_whole(cluster) and number(three) == 4, 90, 0.1)
    check(cluster, load)
    assert consensus(three, "id") == identity, "to clients it is who it was"
    assert key(three) != former
    for server in (one, two, three):
        known = roster(server)
        assert former not in [member["key"] for member in known["members"]]
        assert [member.get("returns", False) for member in known["former"]] == [False], "nobody comes back with it"
    counts(cluster, three)


def test_who_has_a_former_key_is_told_that_it_is_no_member(cluster):
    """A copy of the whole disk from before the order: what a thief would have."""
    one, two, three = cluster.members.values()
    three.stop()
    shutil.copytree(three.root, three.root.parent / "stolen")
    three.start()
    wait_until("all members take part", lambda: is_whole(cluster), 60, 0.1)
    expect(200, one.call("POST", f"system/consensus/node/{consensus(three, 'id')}/key"))
    wait_until("all members take part", lambda: is_whole(cluster) and number(three) == 4, 90, 0.1)
    three.kill()
    thief = cluster.site.server("stolen", drp_id=three.id, flags=["--listen-address", "127.0.0.1"])
    one.create("profiles", {"Name": "not-for-thieves"})
    thief.start()
    wait_until("it is told", lambda: "no member" in json.dumps(thief.get("info")["errors"]), 60)
    thief.kill()
    rows = database_rows(thief.root / "data")
    assert rows and not any(b"not-for-thieves" in key for _, key in rows), "it is passed on to who serves, and kept from it"
    three.start()
    wait_until("all members take part", lambda: is_whole(cluster), 60, 0.1)


def lose(file):
    file.unlink()


def spoil(file):
    file.write_text("no key")


def swap(file):
    shutil.copy(file.parents[2] / "two" / "cluster" / "key.pem", file)


@pytest.mark.parametrize("happens", [lose, spoil, swap])
def test_a_member_whose_key_is_lost_is_enrolled_again(cluster, happens):
    one, two, three = cluster.members.values()
    identity, former = consensus(three, "id"), key(three)
    three.kill()
    happens(three.root / "cluster" / "key.pem")
    three.start()
    assert "enroll this server again" in json.dumps(three.get("info")["errors"])
    assert health(three, "active") == 503
    one.create("profiles", {"Name": "without-three"})
    wait_until("it is missed", lambda: any(node["Offline"] for node in consensus(one, "peers")), 30)
    cluster.enroll(one, three)
    wait_until("all members take part", lambda: is_whole(cluster) and number(three) == 4, 90, 0.1)
    assert consensus(three, "id") == identity and key(three) != former
    assert len(consensus(one, "peers")) == 3
    cluster.wait_equal()
    counts(cluster, three)


def test_who_is_there_is_not_replaced_by_a_token(cluster):
    one, two, three = cluster.members.values()
    token = one.get("system/consensus/introduction")["Token"]
    body = {"Token": token, "ConsensusID": consensus(three, "id"), "Key": "c" * 64, "ConsensusAddr": "127.0.0.1:9"}
    assert "already" in expect(409, one.call("POST", "system/consensus/admit", body)).text
    assert number(three) == 3 and is_whole(cluster)
