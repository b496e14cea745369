"""A member that takes over shows that all of them hold the same, and finds the one that does not."""
import ctypes
import re

import pytest

from harness import expect, wait_until
from test_cluster import Cluster, consensus, database_rows, full_state
from test_cluster_memory import is_whole

SPREAD = True  # no test shares servers with another


@pytest.fixture
def cluster(site, tmp_path):
    return Cluster(site, tmp_path).make()


def hand_over(cluster, server):
    wait_until(f"{server.name} is given the lead", lambda: server.call("POST", "system/active").status_code == 200)
    cluster.wait_active(server)


def shown(server):
    return full_state(server)["TakeOver"]


def test_who_takes_over_shows_that_nothing_is_missing(cluster):
    one, two, three = cluster.members.values()
    one.create("profiles", {"Name": "before"})
    cluster.wait_equal()
    terms = []
    everybody = {consensus(member, "id") for member in (one, two, three)}
    for server, former in ((two, one), (three, two)):
        hand_over(cluster, server)
        wait_until("all have compared", lambda: set(shown(server)["Equal"]) == everybody, 60)
        told = shown(server)
        assert re.fullmatch("[0-9a-f]{32}", told["Digest"]) and told["Seq"] > 0
        terms.append(told["Term"])
        assert f"this member has taken over term={told['Term']}" in server.log()
        assert "3 of 3 members hold the same" in server.log()
        wait_until("the former one is back", lambda: full_state(former) is not None)
        assert shown(former)["Term"] == 0, "who does not serve says nothing"
    assert terms == sorted(set(terms))


def change_rows(path, wanted):
    """Makes the rows of a database that nobody has open those of `wanted`, where a row may also be None."""
    lmdb = ctypes.CDLL("liblmdb.so.0")

    class Value(ctypes.Structure):
        _fields_ = [("size", ctypes.c_size_t), ("data", ctypes.c_char_p)]

    def check(code):
        assert code == 0, f"LMDB: {code}"
    environment, transaction = ctypes.c_void_p(), ctypes.c_void_p()
    check(lmdb.mdb_env_create(ctypes.byref(environment)))
    check(lmdb.mdb_env_set_maxdbs(environment, 16))
    check(lmdb.mdb_env_set_mapsize(environment, ctypes.c_size_t(1 << 36)))
    check(lmdb.mdb_env_open(environment, str(path).encode(), 0, 0o600))
    check(lmdb.mdb_txn_begin(environment, None, 0, ctypes.byref(transaction)))
    for (table, key), value in wanted.items():
        handle = ctypes.c_uint()
        check(lmdb.mdb_dbi_open(transaction, table.encode(), 0, ctypes.byref(handle)))
        row = Value(len(key), key)
        if value is None:
            check(lmdb.mdb_del(transaction, handle, ctypes.byref(row), None))
        else:
            check(lmdb.mdb_put(transaction, handle, ctypes.byref(row), ctypes.byref(Value(len(value), value)), 0))
    check(lmdb.mdb_txn_commit(transaction))
    lmdb.mdb_env_close(environment)


def test_an_object_that_is_missing_where_nobody_has_written_since_is_found(cluster):
    """Planted: a row is gone, and the sum over its collection fits, as after a fault in whatever writes databases. No
    commit would show it before somebody writes to that collection."""
    one, two, three = cluster.members.values()
    assert three.stop() == 0
    before = database_rows(three.root / "data")
    three.start()
    one.create("params", {"Name": "lonely", "Schema": {"type": "string"}})
    cluster.wait_equal()
    assert three.stop() == 0
    after = database_rows(three.root / "data")
    differing = {row: before.get(row) for row, value in after.items()
                 if row[0] in ("objects", "owned", "digests") and before.get(row) != value}
    assert any(b"lonely" in key for _, key in differing) and any(table == "digests" for table, _ in differing)
    change_rows(three.root / "data", differing)
    three.start()
    one.create("profiles", {"Name": "another-collection"})
    wait_until("it follows", lambda: full_state(three)["Seq"] == full_state(one)["Seq"], 60)
    assert full_state(three)["Digests"] != full_state(one)["Digests"], "and nobody has noticed"
    assert is_whole(cluster)
    hand_over(cluster, two)
    wait_until("it was noticed", lambda: re.search(
        "what this member holds at commit [0-9]+ is not what the member holds that has taken over", three.log()), 60)
    wait_until("all members take part", lambda: is_whole(cluster), 90, 0.1)
    cluster.wait_equal()
    assert expect(200, three.call("GET", "params/lonely")).json()["Name"] == "lonely"
