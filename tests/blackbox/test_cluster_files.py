"""Files of a cluster: what was uploaded is served by whoever serves, whole, whatever member is lost."""
import hashlib
import os
import random
import ssl

import pytest
import requests

import provider_scripts as scripts
from harness import expect, wait_until
from test_cluster import Cluster, consensus, full_state
from test_isos import bootenv, image, wait_files
from test_routes import new_pair, tls_cert

BYTES = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def cluster(site, tmp_path):
    return Cluster(site, tmp_path).make()


def content(size, seed=1):
    return random.Random(seed).randbytes(size)


def upload(server, path, body, status=201, **options):
    return expect(status, server.call("POST", path, body, headers=BYTES, **options))


def download(server, path):
    """As a client does that is told to come again while a file is on its way."""
    answers = []

    def answered():
        answers.append(server.call("GET", path, timeout=10))
        assert answers[-1].status_code != 404, "a file that is known is never absent"
        return answers[-1].status_code == 200
    wait_until(f"{path} is served", answered, 30)
    return answers[-1]


def on_disk(server, name):
    path = server.root / name
    return path.read_bytes() if path.is_file() else None


def everywhere(cluster, name, body):
    wait_until(f"{name} is everywhere", lambda: all(on_disk(server, name) == body for server in cluster.running()), 30)


def files_handled_up_to(active, server):
    """The place in the agreed order up to which `server` has told that it has every file."""
    return next(peer for peer in consensus(active, "peers")
                if peer["ConsensusID"] == consensus(server, "id"))["LastArtifactCommitHandled"]


def lost(cluster, server):
    """Kills the member that serves, and answers its successor."""
    server.kill()
    return cluster.active([other for other in cluster.running() if other is not server])


def given_back(cluster, active, other):
    """Who lacks files that the active one has is not given the lead."""
    wait_until(f"{other.name} has every file",
               lambda: active.call("POST", f"system/passive?to={consensus(other, 'id')}").status_code == 200)
    cluster.wait_active(other)


def test_isos_are_unpacked_again_where_another_member_serves(cluster):
    """What an iso unpacks to is each member's own: it is made where it is missing or of another iso."""
    one, two, three = cluster.members.values()
    bootenv(one, "blue-install", "blue", IsoFile="blue.iso")
    folder = lambda server: server.root / "installs" / "blue" / "install"  # noqa: E731
    upload(one, "isos/blue.iso", image({"vmlinuz": "kernel 1"}))
    wait_files(folder(one), {"vmlinuz": "kernel 1"})
    second = lost(cluster, one)
    wait_files(folder(second), {"vmlinuz": "kernel 1"})
    address = f"http://127.0.0.1:{second.static_port}/blue/install/vmlinuz"
    assert expect(200, requests.get(address, timeout=5)).text == "kernel 1"
    upload(second, "isos/blue.iso", image({"vmlinuz": "kernel 2"}))
    wait_files(folder(second), {"vmlinuz": "kernel 2"})
    one.start()
    cluster.wait_equal()
    given_back(cluster, second, one)
    wait_files(folder(one), {"vmlinuz": "kernel 2"})


def test_an_upload_in_pieces_begins_again_where_another_member_serves(cluster):
    """Nothing of it is taken for something else, and the client is told where to go on: at the beginning."""
    one, two, three = cluster.members.values()
    whole = content(3_000_000)

    def piece(server, first, last):
        return server.call("PUT", "files/in-pieces", whole[first:last], headers={
            **BYTES, "Content-Range": f"bytes {first}-{last - 1}/{len(whole)}"})
    begun = piece(two, 0, 1_000_000)
    assert (begun.status_code, begun.headers["Upload-Offset"]) == (202, "1000000"), begun.text
    second = lost(cluster, one)
    refused = piece(three if second is two else two, 1_000_000, 2_000_000)
    assert (refused.status_code, refused.headers["Upload-Offset"]) == (409, "0"), refused.text
    expect(404, second.call("HEAD", "files/in-pieces?partial=true"))
    expect(404, second.call("GET", "files/in-pieces"))
    one.start()
    cluster.wait_equal()
    given_back(cluster, second, one)
    cluster.wait_equal()  # who gave the lead away starts anew
    expect(404, one.call("HEAD", "files/in-pieces?partial=true"))
    assert piece(two, 0, 2_000_000).headers["Upload-Offset"] == "2000000"
    expect(201, piece(two, 2_000_000, 3_000_000))
    assert download(three, "files/in-pieces").content == whole


def test_an_upload_outlives_the_member_that_took_it(cluster):
    one, two, three = cluster.members.values()
    big, small = content(5_000_000), b"small"
    upload(two, "files/d/big", big)
    upload(one, "isos/x.iso", small)
    active = lost(cluster, one)
    answer = download(active, "files/d/big")
    assert answer.content == big
    assert answer.headers["X-DRP-SHA256SUM"] == hashlib.sha256(big).hexdigest()
    assert download(active, "isos/x.iso").content == small
    assert "big" in active.get("files?path=d")
    one.start()
    everywhere(cluster, "files/d/big", big)


def test_a_majority_has_the_bytes_when_an_upload_is_answered(cluster):
    one, two, three = cluster.members.values()
    three.kill()
    body = content(300_000)
    for number in range(3):
        upload(one, f"files/f{number}", body + bytes([number]))
        held = [on_disk(two, f".held/{hashlib.sha256(body + bytes([number])).hexdigest()}"), on_disk(two, f"files/f{number}")]
        assert body + bytes([number]) in held
    one.kill()
    three.start()
    active = cluster.active([two, three])
    for number in range(3):
        assert download(active, f"files/f{number}").content == body + bytes([number])


def test_a_member_that_was_away_catches_up_and_deletions_follow(cluster):
    one, two, three = cluster.members.values()
    upload(one, "files/stays", b"stays")
    upload(one, "files/goes", b"goes")
    everywhere(cluster, "files/goes", b"goes")
    three.kill()
    bodies = {f"files/m{number}": content(200_000, number) for number in range(8)}
    for name, body in bodies.items():
        upload(one, name, body)
    expect(204, one.call("DELETE", "files/goes"))
    upload(one, "files/stays", b"was replaced")
    wait_until("gone", lambda: on_disk(two, "files/goes") is None, 20)
    assert on_disk(three, "files/goes") == b"goes"
    three.start()
    for name, body in {**bodies, "files/stays": b"was replaced"}.items():
        everywhere(cluster, name, body)
    wait_until("gone", lambda: on_disk(three, "files/goes") is None, 20)
    expect(404, one.call("GET", "files/goes"))
    assert "damaged" not in three.log(), "an older version is not damage"


def test_an_upload_without_a_majority_is_refused_and_leaves_nothing(cluster):
    one, two, three = cluster.members.values()
    upload(one, "files/before", b"before")
    two.pause()
    three.pause()
    try:
        answer = one.call("POST", "files/alone", content(100_000), headers=BYTES, timeout=30)
        assert answer.status_code == 503, answer.text
    finally:
        two.resume()
        three.resume()
    active = cluster.active()
    expect(404, active.call("GET", "files/alone"))
    assert "alone" not in active.get("files?path=")
    assert download(active, "files/before").content == b"before"
    assert [server.name for server in cluster.running() if on_disk(server, "files/alone") is not None] == []


def test_where_one_member_is_enough_an_upload_waits_for_nobody(site, tmp_path):
    """What it costs: the bytes are on one disk until another member has fetched them."""
    cluster = Cluster(site, tmp_path)
    for server in (cluster.launch(name) for name in ("one", "two", "three")):
        server.stop()
        server.flags += ["--ha-files", "local", "--ha-catch-up-rate", "64KiB"]
        server.start()
    one, two, three = cluster.members.values()
    cluster.enroll(one, one)
    cluster.wait_active(one)
    for count, server in enumerate((two, three), 2):
        cluster.enroll(one, server)
        cluster.wait_voters(one, count)
    cluster.wait_equal()
    body = content(600_000)  # nine seconds and more on its way
    upload(one, "files/a", body)
    assert [on_disk(server, "files/a") == body for server in (one, two, three)] == [True, False, False]
    everywhere(cluster, "files/a", body)
    assert "--ha-files: 'some' is not accepted; give majority or local" in refused_to_start(site, "--ha-files", "some")


def refused_to_start(site, *flags):
    server = site.server("refused", flags=flags).launch()
    wait_until("it has ended", lambda: server.process.poll() is not None, 30)
    assert server.process.returncode == 1
    return server.log()


def test_damage_on_a_passive_disk_is_repaired(cluster):
    one, two, three = cluster.members.values()
    body = content(400_000)
    upload(one, "files/a", body)
    everywhere(cluster, "files/a", body)
    agreed = full_state(one)["Agreed"]
    # Else it reads at its start what it does not know to have, and fetches what is another file.
    wait_until("it knows that it has the file", lambda: files_handled_up_to(one, two) >= agreed)
    path = two.root / "files/a"
    two.kill()
    times = path.stat()
    with open(path, "r+b") as file:
        file.seek(1000)
        file.write(b"damage")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # the disk did it, nobody wrote
    assert on_disk(two, "files/a") != body
    two.start()
    everywhere(cluster, "files/a", body)
    assert "damaged on this disk" in two.log()


def test_who_lacks_files_takes_over_only_when_nobody_else_can(cluster):
    one, two, three = cluster.members.values()
    upload(one, "files/a", b"hello")
    everywhere(cluster, "files/a", b"hello")
    wait_until("it is safe", lambda: one.call("POST", "system/consensus/failOverSafe?waitFor=1s").text.strip() == "true", 20)
    # A folder with something in it in the place of a file cannot be replaced: both passive members lack the file.
    for server in (two, three):
        (server.root / "files/b").mkdir()
        (server.root / "files/b/in-the-way").write_text("x")
    upload(one, "files/b", b"in the way there")

    def lacking(server):
        return files_handled_up_to(one, server) < full_state(one)["Agreed"]
    one.create("profiles", {"Name": "later"})
    wait_until("both lack it", lambda: lacking(two) and lacking(three), 20)
    assert one.call("POST", "system/consensus/failOverSafe").text.strip() == "false"
    (two.root / "files/b/in-the-way").unlink()
    everywhere_but = [one, two]
    wait_until("two has it", lambda: all(on_disk(server, "files/b") == b"in the way there" for server in everywhere_but), 40)
    wait_until("it is safe", lambda: one.call("POST", "system/consensus/failOverSafe?waitFor=1s").text.strip() == "true", 20)
    refused = three.call("POST", "system/active")
    assert refused.status_code == 409 and "lacks files" in refused.text, refused.text
    expect(200, one.call("POST", "system/passive"))
    cluster.wait_active(two)


def test_the_first_members_files_become_everybodys(site, tmp_path):
    cluster = Cluster(site, tmp_path)
    one, two = cluster.launch("one"), cluster.launch("two")
    upload(one, "files/d/old", b"of the first")
    upload(two, "files/d/old", b"of another life")
    upload(two, "files/more", b"of another life")
    cluster.enroll(one, one)
    cluster.wait_active(one)
    cluster.enroll(one, two)
    cluster.wait_voters(one, 2)
    wait_until("two has it", lambda: on_disk(two, "files/d/old") == b"of the first", 30)
    wait_until("what two had is set aside", lambda: on_disk(two, "files/more") is None, 20)
    aside = sorted(path.read_bytes() for path in two.root.glob("files.before-cluster-*/**/*") if path.is_file())
    assert aside == [b"of another life", b"of another life"]


def test_logs_of_jobs_outlive_the_member_that_took_them(cluster):
    one = cluster.members["one"]
    machine = one.create("machines", {"Name": "m1"})
    job = one.create("jobs", {"Machine": machine["Uuid"], "State": "running"})
    path = f"jobs/{job['Uuid']}/log"
    lines = [f"line {number} {'x' * (number * 50)}\n" for number in range(60)]
    for line in lines[:40]:
        expect(204, one.call("PUT", path, line.encode(), headers=BYTES))
    active = lost(cluster, one)
    assert active.call("GET", path).text == "".join(lines[:40])
    for line in lines[40:]:
        expect(204, active.call("PUT", path, line.encode(), headers=BYTES))
    assert active.call("GET", path).text == "".join(lines)
    part = active.call("GET", path, headers={"Range": "bytes=100-2099"})
    assert part.text == "".join(lines)[100:2100]


def test_plugins_run_at_the_member_that_takes_over(cluster, tmp_path):
    one = cluster.members["one"]
    program = scripts.obedient(name="moves", notes=str(tmp_path / "notes"))
    upload(one, "plugin_providers/moves", program.encode())
    wait_until("the plugin runs", lambda: one.get("plugins/moves")["Available"], 30)
    everywhere(cluster, "plugins/moves", program.encode())
    active = lost(cluster, one)
    wait_until("the plugin runs", lambda: active.get("plugins/moves")["Available"], 60)
    expect(200, active.call("DELETE", "plugin_providers/moves"))
    wait_until("gone", lambda: all(on_disk(server, "plugins/moves") is None for server in cluster.running()), 20)


def shown_certificate(server):
    return ssl.get_server_certificate(("127.0.0.1", server.api_port))


def test_all_members_show_one_certificate(cluster):
    one = cluster.members["one"]

    def same():
        return len({shown_certificate(server) for server in cluster.running()}) == 1
    wait_until("all show the certificate of the first", same, 20)
    before = shown_certificate(one)
    expect(200, one.call("POST", "system/cert", tls_cert(*new_pair(cluster.home, "cluster"))))
    wait_until("all show the new one", lambda: same() and shown_certificate(one) != before, 20)
    after = shown_certificate(one)
    two = cluster.members["two"]
    assert two.create("profiles", {"Name": "through-two"})["Name"] == "through-two"
    active = lost(cluster, one)
    assert shown_certificate(active) == after
