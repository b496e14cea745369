"""A database that ends the process which reads it: no server ends by it for ever, and none is taken for damaged that is not.

A process that a fault ends is started again here, as systemd does it.
"""
import random
import shutil

import requests

from harness import expect, wait_until
from test_cluster import Cluster
from test_cluster_memory import is_whole, number

PAGE = 4096
FIRST_PAGES = 2  # of each database: they say what it is
READ_FIRST = "is read before it is opened"


def overwrite(file, seed):
    """Noise from some page on to the end, as a broken disk or a careless `dd` leaves it; or in some pages alone."""
    chance = random.Random(seed)
    content = bytearray(file.read_bytes())
    pages = range(FIRST_PAGES, len(content) // PAGE)
    hit = range(chance.choice(pages[:6]), pages[-1] + 1) if seed % 2 == 0 else chance.sample(pages, len(pages) // 2)
    for page in hit:
        content[page * PAGE:(page + 1) * PAGE] = chance.randbytes(PAGE)
    file.write_bytes(content)


def ends_or_serves(server):
    """The exit code, or None: it serves, and everything that it has was asked for."""
    server.launch()

    def settled():
        if server.process.poll() is not None:
            return True
        return server.session.get(server.url + "/api/v3/info", timeout=5).status_code == 200
    wait_until(f"{server.name} ends or serves", settled)
    for collection in ("profiles", "params", "contents", "users"):
        try:
            server.call("GET", collection)
        except requests.RequestException:
            break
    if server.process.poll() is None:
        try:
            server.create("profiles", {"Name": f"later-{random.random()}"})
        except (requests.RequestException, AssertionError):
            pass
    try:
        return server.process.wait(2)
    except Exception:  # it runs
        return None


def fill(server):
    for count in range(150):
        server.create("profiles", {"Name": f"p-{count}", "Description": str(count) * (1500 if count % 5 == 0 else 40)})


def test_a_server_ends_by_its_database_twice_at_most_and_then_says_why(site):
    server, = site.start("A")
    fill(server)
    assert server.stop() == 0
    whole = site.directory / "whole"
    shutil.copytree(server.root, whole)
    faults, refusals = 0, 0
    for seed in range(8):
        shutil.rmtree(server.root)
        shutil.copytree(whole, server.root)
        overwrite(server.root / "data" / "data.mdb", seed)
        ends = [ends_or_serves(server) for _ in range(4)]
        server.kill()
        by_fault = [end for end in ends if end is not None and end < 0]
        assert len(by_fault) <= 2 and by_fault == ends[:len(by_fault)], f"seed {seed}: {ends}"
        faults += len(by_fault)
        if ends[-1] is not None:
            assert ends[-1] == 1, f"seed {seed}: {ends}"
            refusals += 1
            assert "damaged" in server.log()[-3000:], f"seed {seed}: {server.log()[-3000:]}"
    assert faults and refusals, "the damage of this test ends who reads it"
    # What it says is to be done helps.
    shutil.rmtree(server.root)
    shutil.copytree(whole, server.root)
    (server.root / "faults").write_bytes(b"x")
    server.start()
    assert server.get("profiles/p-149")["Name"] == "p-149"


def test_who_is_killed_is_not_suspected_and_a_sound_database_stays(site):
    server, = site.start("A")
    fill(server)
    for _ in range(5):
        server.kill()
        server.start()
    assert READ_FIRST not in server.log()
    server.kill()
    (server.root / "faults").write_bytes(b"\x06")  # something else than the database ended it
    server.start()
    assert READ_FIRST in server.log()
    assert server.get("profiles/p-149")["Name"] == "p-149"
    assert (server.root / "faults").read_bytes() == b"", "it was found sound, and is not suspected any more"
    server.stop()
    server.start()
    assert server.log().count(READ_FIRST) == 1


def repaired(cluster, server, spoiled, seed):
    server.kill()
    overwrite(spoiled, seed)
    deaths = []
    server.launch()

    def whole():
        if server.process.poll() is not None:
            deaths.append(server.process.returncode)
            server.launch()
            return False
        return is_whole(cluster)
    wait_until("all members take part", whole, 120, 0.2)
    assert len(deaths) <= 2, deaths
    return deaths


def test_a_member_comes_back_whatever_its_disk_holds(site, tmp_path):
    cluster = Cluster(site, tmp_path).make()
    one, two, three = cluster.members.values()
    fill(one)
    cluster.wait_equal()
    for seed in (0, 1):
        repaired(cluster, three, three.root / "data" / "data.mdb", seed)
        assert number(three) == 3, "its journal holds what it promised"
        cluster.wait_equal()
        repaired(cluster, two, two.root / "cluster" / "journal" / "data.mdb", seed)
        assert number(two) > 3, "it forgot, and came back as another one"
        cluster.wait_equal()
    expect(200, cluster.active().call("GET", "profiles/p-149"))


def test_a_cluster_of_one_says_what_to_do(site, tmp_path):
    cluster = Cluster(site, tmp_path)
    one = cluster.found()
    fill(one)
    one.kill()
    overwrite(one.root / "data" / "data.mdb", 2)
    ends = [ends_or_serves(one) for _ in range(4)]
    assert ends[-1] == 1 and "restore a backup" in one.log()[-3000:], ends
