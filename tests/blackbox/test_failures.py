"""What breaks in practice: dead sites, dead servers, cut networks, replaced servers, loops and diamonds."""
import base64
import hashlib
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest
import requests

import harness
from harness import BY_STREAM, FOLLOWING, PASSWORD, USER, by_stream_only, expect, wait_equal, wait_until


def machines_of(server, owner):
    return server.count("machines", f"?Endpoint={owner}")


# -- delta resume

def test_a_cut_is_followed_by_the_difference_alone(site):
    leaf, manager = site.start("A", "M")
    gate = site.gate(leaf)
    manager.become_manager().attach(leaf, url=gate.url)
    for number in range(300):
        leaf.create("machines", {"Name": f"before-{number}", "Description": "x" * 2000})
    wait_equal(leaf, manager)
    snapshots = manager.metrics()['mullion_replication_snapshots_total{endpoint="A"}']
    gate.cut()
    manager.wait_status("A", "Lost", timeout=3)
    for number in range(5):
        leaf.create("machines", {"Name": f"after-{number}"})
    received = manager.metrics()['mullion_replication_received_bytes_total{endpoint="A"}']
    assert machines_of(manager, "A") == 300, "reads go on while the site is dark"
    gate.mend()
    wait_equal(leaf, manager)
    manager.wait_status("A", "Connected")
    samples = manager.metrics()
    assert samples['mullion_replication_snapshots_total{endpoint="A"}'] == snapshots, "no full copy"
    assert samples['mullion_replication_received_bytes_total{endpoint="A"}'] - received < 20_000


@by_stream_only("there is no log to resume from: everything is walked through, and no copy is counted")
@pytest.mark.parametrize("who", ["A", "M"])
def test_restarts_are_followed_by_the_difference_alone(site, who):
    leaf, manager = site.start("A", "M")
    manager.become_manager().attach(leaf)
    for number in range(50):
        leaf.create("machines", {"Name": f"before-{number}"})
    wait_equal(leaf, manager)
    victim = site.servers[who]
    assert victim.stop() == 0
    if who == "M":
        leaf.create("machines", {"Name": "meanwhile"})
    victim.start()
    if who == "A":
        leaf.create("machines", {"Name": "meanwhile"})
    manager.wait_status("A", "Connected")
    wait_equal(leaf, manager)
    copies = manager.metrics()['mullion_replication_snapshots_total{endpoint="A"}']
    assert copies == (1 if who == "A" else 0), "the first copy only; counters begin anew with the process"


@by_stream_only("there is no log, and no copy is counted")
def test_a_log_that_does_not_reach_back_means_a_full_copy(site):
    leaf = site.server("A", flags=["--log-max-bytes", "100000"]).start()
    manager, = site.start("M")
    manager.become_manager().attach(leaf)
    leaf.create("machines", {"Name": "goes-away", "Description": "old"})
    wait_equal(leaf, manager)
    manager.stop()
    leaf.delete("machines/Name:goes-away")
    for number in range(300):
        leaf.create("machines", {"Name": f"new-{number}", "Description": "y" * 2000})
    manager.start()
    manager.wait_status("A", "Connected")
    wait_equal(leaf, manager)
    assert manager.metrics()['mullion_replication_snapshots_total{endpoint="A"}'] == 1


# -- dark sites

def test_a_dark_site_is_shown_with_its_age_and_refuses_writes_at_once(site):
    servers = harness.mission(site)
    leaf, middle, top = servers["A"], servers["R1"], servers["M1"]
    machine = leaf.create("machines", {"Name": "dark"})
    wait_until("the machine arrives", lambda: top.count("machines", f"?Uuid={machine['Uuid']}") == 1)
    leaf.kill()
    middle.wait_status("A", "Lost", timeout=3)
    wait_until("M1 hears of it", lambda: "X-Mullion-Stale" in top.call("GET", "machines").headers)
    time.sleep(1.1)
    for manager in (middle,) if FOLLOWING else (middle, top):  # events tell no age of what lies behind a hop
        answer = expect(200, manager.call("GET", "machines"))
        assert answer.headers["X-Mullion-Stale"].startswith("A;age=")
        assert int(answer.headers["X-Mullion-Age"]) >= 1
        assert manager.get(f"machines/{machine['Uuid']}")["Name"] == "dark"
        refused = expect(503, manager.call("GET", "machines", headers={"X-Mullion-Max-Age": "1"})).json()
        assert any(text.startswith("A is ") for text in refused["Messages"])
        fine = expect(200, manager.call("GET", "machines?Endpoint=B", headers={"X-Mullion-Max-Age": "6"}))
        assert "X-Mullion-Stale" not in fine.headers, "owners that a filter excludes do not count"
        begin = time.monotonic()
        refused = expect(503, manager.call("PATCH", f"machines/{machine['Uuid']}",
                                           [{"op": "add", "path": "/Description", "value": "?"}])).json()
        assert time.monotonic() - begin < 1
        assert "endpoint A is unreachable" in refused["Messages"][0]
        assert "next hop" in refused["Messages"][0] and "last contact" in refused["Messages"][0]
    leaf.start()
    middle.wait_status("A", "Connected")
    wait_until("M1 is fresh again", lambda: "X-Mullion-Stale" not in top.call("GET", "machines").headers)
    assert top.get(f"machines/{machine['Uuid']}")["Description"] == "", "the refused write was not queued"


def test_the_age_of_a_dark_site_survives_a_restart_of_the_manager(site):
    leaf, manager = site.start("A", "M")
    manager.become_manager().attach(leaf)
    leaf.create("machines", {"Name": "dark"})
    wait_equal(leaf, manager)
    leaf.kill()
    manager.wait_status("A", "Lost", timeout=3)
    time.sleep(2)
    manager.stop()
    manager.start()
    answer = expect(200, manager.call("GET", "machines"))
    assert len(answer.json()) == 1
    assert int(answer.headers["X-Mullion-Age"]) >= 2
    assert "A;age=" in answer.headers["X-Mullion-Stale"]


def test_ages_in_silence_are_never_below_the_truth_at_any_level(site):
    """The line to A is held: nothing breaks, nothing comes. What A does meanwhile is not seen above."""
    leaf, middle, top = site.start("A", "R1", "M1")
    gate = site.gate(leaf)
    middle.become_manager().attach(leaf, url=gate.url)
    top.become_manager().attach(middle, **BY_STREAM)
    machine = leaf.create("machines", {"Name": "quiet", "Description": "old"})
    wait_until("the machine arrives", lambda: top.count("machines", f"?Uuid={machine['Uuid']}") == 1)
    gate.hold()
    leaf.patch(f"machines/{machine['Uuid']}", ("replace", "/Description", "new"))
    written = time.monotonic()
    while time.monotonic() - written < 20:  # over the end of the stream after 15 s
        for manager in (middle, top):
            stale_for = time.monotonic() - written
            answer = expect(200, manager.call("GET", f"machines/{machine['Uuid']}"))
            if answer.json()["Description"] == "new":
                continue  # it was on the way before the line was held
            assert int(answer.headers["X-Mullion-Age"]) >= stale_for, manager.name
            demanding = manager.call("GET", f"machines/{machine['Uuid']}", headers={"X-Mullion-Max-Age": "1"})
            assert demanding.status_code == 503 or stale_for < 1, manager.name
        time.sleep(0.2)
    gate.mend()
    wait_until("M1 hears of it", lambda: top.get(f"machines/{machine['Uuid']}")["Description"] == "new")
    wait_until("M1 is fresh again", lambda: int(top.call("GET", "machines").headers["X-Mullion-Age"]) <= 6)


def test_nothing_goes_the_old_way_once_another_is_given(site):
    """The new address takes connections and says nothing: requests wait or fail, the old one gets none once the manager
    has heard of the new one."""
    leaf, manager = site.start("A", "M")
    manager.become_manager().attach(leaf)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        manager.patch("endpoints/A", ("replace", "/Params/manager~1url", f"https://127.0.0.1:{silent.getsockname()[1]}"))
        wait_until("the old connection ends", lambda: manager.status("A") != "Connected")
        try:
            assert manager.call("POST", "/A/api/v3/profiles", {"Name": "astray"}, timeout=3).status_code >= 400
        except requests.RequestException:
            pass
    assert leaf.call("HEAD", "profiles/astray").status_code == 404


def test_requests_outlive_the_stream_of_replicas(site):
    """A stream that breaks says nothing about the endpoint: what is forwarded meanwhile is answered as ever."""
    leaf, manager = site.start("A", "M")
    gate = site.gate(leaf)
    manager.become_manager()
    manager.add_endpoint(leaf, gate.url)
    manager.wait_status("A", "Connected")
    leaf.create("profiles", {"Name": "polled"})
    etag = leaf.call("HEAD", "profiles/polled").headers["ETag"]
    answers = []

    def poll():
        session = requests.Session()
        answers.append(session.get(f"{manager.url}/A/api/v3/profiles/polled", auth=(USER, PASSWORD), verify=False,
                                   timeout=20, headers={"If-None-Match": etag, "Prefer": "wait=15"}))

    stream = gate.newest
    polling = threading.Thread(target=poll)
    polling.start()
    time.sleep(0.3)
    assert gate.newest is stream, "the poll uses a connection that was there"
    gate.cut_newest()
    for number in range(20):
        expect(201, manager.call("POST", "/A/api/v3/profiles", {"Name": f"during-{number}"}))
        time.sleep(0.02)
    wait_until("the stream is there again",
               lambda: manager.metrics()['mullion_replication_reconnects_total{endpoint="A"}'] == 2)
    leaf.patch("profiles/polled", ("replace", "/Description", "seen"))
    polling.join(20)
    assert [answer.status_code for answer in answers] == [200] and answers[0].json()["Description"] == "seen"


def test_a_silent_network_is_noticed(site):
    leaf, manager = site.start("A", "M")
    gate = site.gate(leaf)
    manager.become_manager().attach(leaf, url=gate.url)
    leaf.create("machines", {"Name": "here"})
    wait_equal(leaf, manager)
    gate.hold()
    manager.wait_status("A", "Lost", timeout=17)
    gate.mend()
    manager.wait_status("A", "Connected")


def test_a_manager_stops_in_time_whatever_its_endpoints_do(site):
    leaf, other, manager = site.start("A", "B", "M")
    gate = site.gate(leaf)
    manager.become_manager().attach(leaf, url=gate.url).attach(other)
    gate.hold()
    begin = time.monotonic()
    assert manager.stop() == 0, "connected to a silent endpoint"
    assert time.monotonic() - begin < 2
    manager.start()
    time.sleep(0.3)
    begin = time.monotonic()
    assert manager.stop() == 0, "waiting for the answer to its login"
    assert time.monotonic() - begin < 2


# -- kill -9 while writes run

def test_kill_each_server_while_writes_run(site):
    """Nothing acknowledged is lost, and all levels end equal."""
    servers = harness.mission(site)
    acknowledged, stop = {"A": set(), "C": set()}, threading.Event()

    def write(entry, owner):
        session = requests.Session()
        session.auth, session.verify, session.trust_env = (USER, PASSWORD), False, False
        number = 0
        while not stop.is_set():
            number += 1
            key = f"{entry.name}-{owner}-{number}"
            try:
                answer = session.post(f"{entry.url}/{owner}/api/v3/profiles", json={"Name": key}, timeout=10)
            except requests.RequestException:
                time.sleep(0.05)
                continue
            if answer.status_code == 201:
                acknowledged[owner].add(key)
            else:
                assert answer.status_code in (502, 503), answer.text
                time.sleep(0.05)

    writers = [threading.Thread(target=write, args=(servers[entry], owner))
               for entry, owner in (("A", "A"), ("R1", "A"), ("M1", "A"), ("M1", "C"))]
    for writer in writers:
        writer.start()
    for victim in ("A", "R1", "M1", "C", "R2"):
        time.sleep(0.7)
        servers[victim].kill()
        time.sleep(0.3)
        servers[victim].start()
    time.sleep(1)
    stop.set()
    for writer in writers:
        writer.join()
    for owner in ("A", "C"):
        there = {row["Name"] for row in servers[owner].objects("profiles")}
        assert acknowledged[owner] and acknowledged[owner] <= there
    wait_equal(servers["A"], servers["R1"], servers["M1"])
    wait_equal(servers["C"], servers["R2"], servers["M1"])
    for manager in ("R1", "R2", "M1"):
        mismatches = [value for name, value in servers[manager].metrics().items() if "digest_mismatches" in name]
        assert mismatches and sum(mismatches) == 0, f"{manager}: digests agreed at every commit"


# -- replaced servers, other ways

@by_stream_only("objects are read one by one: not in one visible step")
def test_a_replaced_leaf_is_taken_over_in_one_step(site):
    servers = harness.mission(site)
    leaf, top = servers["A"], servers["M1"]
    for number in range(30):
        leaf.create("machines", {"Name": f"old-{number}"})
    wait_equal(leaf, servers["R1"], top)
    leaf.kill()
    keep = {name: (leaf.root / name).read_bytes() for name in ("server.key", "server.crt")}
    shutil.rmtree(leaf.root)
    leaf.root.mkdir()
    for name, content in keep.items():
        (leaf.root / name).write_bytes(content)
        (leaf.root / name).chmod(0o600)
    leaf.launch()
    seen = set()

    def replaced():
        seen.add(machines_of(top, "A"))
        return machines_of(top, "A") == 0
    wait_until("the old machines are gone", replaced, pause=0)
    assert seen <= {30, 0}, f"in one visible step, not {seen}"
    leaf.wait_ready()
    leaf.create("machines", {"Name": "new"})
    wait_equal(leaf, servers["R1"], top)


def test_a_changed_certificate_stops_the_session_until_accepted(site):
    leaf, manager = site.start("A", "M")
    manager.become_manager().attach(leaf)
    leaf.create("machines", {"Name": "known"})
    wait_equal(leaf, manager)
    leaf.stop()
    (leaf.root / "server.key").unlink()
    (leaf.root / "server.crt").unlink()
    leaf.start()
    leaf.create("machines", {"Name": "unseen"})
    text = manager.wait_status("A", "Error")
    assert "certificate" in text
    assert machines_of(manager, "A") == 1
    certificate = ssl.get_server_certificate(("127.0.0.1", leaf.api_port))
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest()
    assert fingerprint in text, "the text names the certificate that is there"
    expect(200, manager.call("POST", "endpoints/A/params/manager%2Ffingerprint", f'"{fingerprint}"'))
    manager.wait_status("A", "Connected")
    wait_equal(leaf, manager)


def test_a_diamond_is_followed_once_and_has_a_stand_by(site):
    leaf, left, right, top = site.start("A", "R1", "R2", "M1")
    for manager in (left, right, top):
        manager.become_manager()
    left.attach(leaf)
    right.attach(leaf)
    top.attach(left, right)
    machine = leaf.create("machines", {"Name": "reached-twice"})
    wait_until("it arrives", lambda: top.count("machines", f"?Uuid={machine['Uuid']}") == 1)
    assert len(top.objects("machines", f"?Uuid={machine['Uuid']}")) == 1
    left.kill()
    def through_the_other():
        answer = top.call("PATCH", f"machines/{machine['Uuid']}",
                          [{"op": "add", "path": "/Description", "value": "through the stand-by"}])
        return answer.status_code == 200
    wait_until("the stand-by takes over", through_the_other, timeout=5)
    assert leaf.get(f"machines/{machine['Uuid']}")["Description"] == "through the stand-by"
    wait_equal(leaf, right, top)
    left.start()
    leaf.create("machines", {"Name": "later"})
    wait_equal(leaf, left, right, top)


@by_stream_only("the public API of a manager tells no certificate of what lies behind it")
def test_another_server_of_the_same_id_is_no_stand_by(site):
    leaf, left, right, top = site.start("A", "R1", "R2", "M1")
    clone = site.server("A-clone", drp_id="A").start()
    for manager in (left, right, top):
        manager.become_manager()
    left.attach(leaf)
    right.attach(clone)
    machine = leaf.create("machines", {"Name": "real"})
    top.attach(left)
    wait_equal(leaf, top)
    top.attach(right)
    wait_until("M1 refuses the other way", lambda: "another server has this id there" in top.log())
    left.kill()
    wait_until("M1 lost R1", lambda: top.status("R1").startswith("Lost"))
    answer = top.call("POST", "/A/api/v3/machines", {"Name": "lost-its-way"})
    assert answer.status_code == 503, answer.text
    answer = top.call("PATCH", f"machines/{machine['Uuid']}", [{"op": "add", "path": "/Description", "value": "x"}])
    assert answer.status_code == 503, answer.text
    assert clone.objects("machines") == [], "nothing reached the clone"
    assert [row["Name"] for row in top.objects("machines", "?Endpoint=A")] == ["real"], "the replica stays"
    left.start()
    wait_until("the way is there again", lambda: top.call(
        "POST", "/A/api/v3/machines", {"Name": "on-its-way"}).status_code == 201)
    wait_equal(leaf, left, top)


def test_a_loop_is_refused_and_nothing_goes_round(site):
    one, two, leaf = site.start("R1", "R2", "A")
    one.become_manager()
    two.become_manager()
    one.attach(leaf)
    one.attach(two)
    two.attach(one)
    machine = leaf.create("machines", {"Name": "once"})
    wait_until("R2 sees it", lambda: two.count("machines", f"?Uuid={machine['Uuid']}") == 1)
    wait_equal(leaf, one, two)
    assert machines_of(one, "R1") == machines_of(two, "R2") == 0
    if not FOLLOWING:
        assert "owner refused" in one.log() and "owner refused" in two.log()
    time.sleep(1)
    before = [server.metrics()["mullion_store_sequence"] for server in (one, two)]
    time.sleep(2)
    after = [server.metrics()["mullion_store_sequence"] for server in (one, two)]
    assert after == before, "at rest, nothing is written"


# -- switching

def test_manager_off_hides_replicas_and_on_resumes(site):
    leaf, manager = site.start("A", "M")
    manager.become_manager().attach(leaf)
    machine = leaf.create("machines", {"Name": "seen"})
    manager.create("version_sets", {"Id": "wanted"})
    wait_equal(leaf, manager)
    assert manager.create("machines", {"Name": "own"})["Endpoint"] == "M"
    manager.set_preference("manager", "false")
    wait_until("replicas are hidden", lambda: manager.count("machines") == 1)
    assert manager.get("machines/Name:own")["Endpoint"] == ""
    assert manager.get("info")["manager"] is False
    manager.wait_status("A", "Disabled")
    assert manager.count("endpoints") == 1 and manager.count("version_sets") == 1
    expect(404, manager.call("GET", f"machines/{machine['Uuid']}"))
    expect(404, manager.call("GET", "/A/api/v3/info"))
    leaf.create("machines", {"Name": "unseen"})
    time.sleep(0.5)
    snapshots = manager.metrics().get('mullion_replication_snapshots_total{endpoint="A"}', 0)
    manager.set_preference("manager", "true")
    manager.wait_status("A", "Connected")
    wait_equal(leaf, manager)
    assert machines_of(manager, "A") == 2
    assert manager.metrics()['mullion_replication_snapshots_total{endpoint="A"}'] == snapshots, "by delta"


def test_a_deleted_endpoint_takes_its_replica_along(site):
    servers = harness.mission(site)
    for number in range(20):
        servers["A"].create("machines", {"Name": f"m-{number}"})
    wait_equal(servers["A"], servers["R1"], servers["M1"])
    servers["R1"].delete("endpoints/A")
    for manager in ("R1", "M1"):
        wait_until(f"{manager} forgets A", lambda: machines_of(servers[manager], "A") == 0)
        expect(404, servers[manager].call("GET", "/A/api/v3/info"))
    servers["R1"].attach(servers["A"])
    wait_equal(servers["A"], servers["R1"], servers["M1"])


def test_single_pane_disabled_keeps_calls_but_no_replica(site):
    leaf, manager = site.start("A", "M")
    manager.become_manager().attach(leaf)
    leaf.create("machines", {"Name": "hidden"})
    wait_equal(leaf, manager)
    manager.patch("endpoints/A", ("add", "/SinglePaneDisabled", True))
    wait_until("the replica is gone", lambda: machines_of(manager, "A") == 0)
    assert manager.get("/A/api/v3/info")["ha_id"] == "A"
    manager.patch("endpoints/A", ("replace", "/SinglePaneDisabled", False))
    wait_equal(leaf, manager)


class Licensor:
    """Signs licence packs as docs/operations.md says."""

    def __init__(self, directory):
        self.key = directory / "licence-key.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.key], check=True)
        public = subprocess.run(["openssl", "pkey", "-in", self.key, "-pubout", "-outform", "DER"],
                                check=True, capture_output=True).stdout
        self.public = base64.b64encode(public[-32:]).decode()

    def pack(self, *features):
        bundle = json.dumps({"Owner": "Tests", "Licenses": [{"Name": feature} for feature in features]}).encode()
        message = self.key.with_suffix(".json")
        message.write_bytes(bundle)
        signature = subprocess.run(["openssl", "pkeyutl", "-sign", "-inkey", self.key, "-rawin", "-in", message],
                                   check=True, capture_output=True).stdout
        text = base64.b64encode(bundle).decode() + "." + base64.b64encode(signature).decode()
        profile = {"Name": "rackn-license", "Params": {"rackn/license": text}}
        return {"meta": {"Name": "rackn-license", "Version": "v1.0.0"},
                "sections": {"profiles": {"rackn-license": profile}}}


def test_a_licence_without_manager_refuses_and_stops_it(site):
    licensor = Licensor(site.directory)
    leaf, = site.start("A")
    manager = site.server("M", flags=["--trusted-licence-keys", licensor.public]).start()
    manager.become_manager().attach(leaf)
    leaf.create("machines", {"Name": "seen"})
    wait_equal(leaf, manager)
    expect(201, manager.call("POST", "contents", licensor.pack("rbac")))
    manager.wait_status("A", "Disabled")
    assert manager.count("machines") == 0
    manager.set_preference("manager", "false")
    refused = manager.call("POST", "prefs", {"manager": "true"})
    assert refused.status_code == 403
    assert "licence" in " ".join(refused.json()["Messages"])
    expect(200, manager.call("PUT", "contents/rackn-license", licensor.pack("manager")))
    manager.become_manager()
    manager.wait_status("A", "Connected")
    wait_equal(leaf, manager)


def test_a_backup_restores_what_was_there_and_managers_notice(site):
    leaf, manager = site.start("A", "M")
    manager.become_manager().attach(leaf)
    leaf.create("machines", {"Name": "in-the-backup"})
    copy = expect(200, leaf.call("POST", "system/backup")).json()["Path"]
    leaf.create("machines", {"Name": "after-the-backup"})
    wait_equal(leaf, manager)
    leaf.stop()
    shutil.rmtree(leaf.root / "data")
    shutil.copytree(copy, leaf.root / "data")
    leaf.start()
    assert [row["Name"] for row in leaf.objects("machines")] == ["in-the-backup"]
    leaf.create("machines", {"Name": "another-history"})
    wait_equal(leaf, manager)
    assert manager.count("machines") == 2


# -- a damaged database

FRAME = bytes.fromhex("28b52ffd")  # how compressed bodies begin


def test_a_server_whose_tenants_cannot_be_read_says_so_and_does_not_start(site):
    server = site.server("A").start()
    server.create("tenants", {"Name": "t1", "Description": base64.b64encode(os.urandom(200_000)).decode()})
    assert server.stop() == 0
    database = server.root / "data" / "data.mdb"
    content = bytearray(database.read_bytes())
    # The one body of this size: a long way behind its begin no other begins.
    begins = [match.start() for match in re.finditer(re.escape(FRAME), content)]
    large = [begin for begin, end in zip(begins, [*begins[1:], len(content)]) if end - begin > 100_000]
    assert large
    for begin in large:
        content[begin + 50_000] ^= 1
    database.write_bytes(content)
    server.launch()
    assert server.process.wait(20) == 1, "an error, and not the end of the process by a signal"
    assert "tenants/t1" in server.log().splitlines()[-1]
