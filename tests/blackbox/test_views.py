"""Nothing scarce in the database is held for as long as a peer likes: slow readers, slow managers, full disks, space."""
import base64
import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest

from harness import BINARY, FOLLOWING, PASSWORD, USER, Server, expect, wait_equal, wait_until

LOGIN = b"Authorization: Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()) + b"\r\n"
MEGABYTE = 1 << 20
# About managers, so again with endpoints that are followed by their public API.
FOLLOWED_TOO = ("test_a_slow_manager_does_not_fill_its_endpoint",
                "test_a_copy_while_the_endpoint_writes_on_is_one_copy")


def text_of(size):
    """Text that does not compress."""
    return base64.b64encode(os.urandom(size * 3 // 4)).decode()


def load_profiles(server, count, size):
    """Profiles in a content pack: thousands at once."""
    profiles = {f"pack-{number:05}": {"Name": f"pack-{number:05}", "Description": text_of(size)}
                for number in range(count)}
    pack = {"meta": {"Name": "many", "Version": "v1.0.0"}, "sections": {"profiles": profiles}}
    expect(201, server.call("POST", "contents", pack))


def connection_to(server, receive_bytes=None):
    raw = socket.socket()
    if receive_bytes is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    raw.settimeout(30)
    raw.connect(("127.0.0.1", server.api_port))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(raw)


def slow_reader(server, path="profiles", small=True):
    """A client that has asked for a list and reads nothing on its own."""
    connection = connection_to(server, 4096 if small else None)
    connection.sendall(f"GET /api/v3/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode() + LOGIN + b"\r\n")
    return connection


def unchunked(body):
    out = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        if not int(size, 16):
            return out
        out += body[:int(size, 16)]
        body = body[int(size, 16) + 2:]


def read_list(connection, begun=b""):
    data = begun
    with contextlib.suppress(ssl.SSLError):
        while piece := connection.recv(65536):
            data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0], head
    return json.loads(unchunked(body))


def database_bytes(server):
    return (server.root / "data" / "data.mdb").stat().st_size


def test_more_slow_downloads_than_views_are_all_served_and_nobody_waits(site):
    server = site.server("S", flags=["--max-views", "8"]).start()
    load_profiles(server, 800, 10_000)
    readers = [slow_reader(server) for _ in range(60)]
    begun = [reader.recv(2000) for reader in readers]
    assert all(b" 200 " in begin for begin in begun), "each download has begun"
    for number in range(20):
        server.get("info")
        server.create("profiles", {"Name": f"beside-{number}"})
    metrics = server.metrics()
    assert metrics["mullion_store_views"] <= 2, "downloads that stand still hold no view"
    assert metrics["mullion_store_oldest_view_seconds"] < 5
    names = [profile["Name"] for profile in read_list(readers[0], begun[0])]
    assert [name for name in names if name.startswith("pack-")] == [f"pack-{number:05}" for number in range(800)]
    assert server.process.poll() is None


def test_a_slow_list_shows_what_is_there_when_a_piece_is_made(site):
    server = site.server("S").start()
    for number in range(300):
        server.create("profiles", {"Name": f"p-{number:03}", "Description": text_of(40_000)})
    reader = slow_reader(server)
    begun = reader.recv(2000)
    server.patch("profiles/p-299", ("replace", "/Description", "now"))
    server.delete("profiles/p-298")
    server.create("profiles", {"Name": "p-300"})
    shown = {profile["Name"]: profile["Description"] for profile in read_list(reader, begun)}
    assert shown["p-299"] == "now", "changed meanwhile"
    assert "p-298" not in shown, "deleted meanwhile"
    assert "p-300" not in shown, "which objects are shown was decided at the beginning"
    assert len([name for name in shown if name.startswith("p-")]) == 299


def test_a_slow_download_does_not_fill_the_database(site):
    server = site.server("S", flags=["--map-size", "64MiB", "--log-max-bytes", "4MiB"]).start()
    load_profiles(server, 800, 10_000)
    server.create("profiles", {"Name": "changing"})
    reader = slow_reader(server)
    begun = reader.recv(2000)
    for number in range(200):
        server.patch("profiles/changing", ("replace", "/Description", text_of(MEGABYTE)))
    server.delete("profiles/changing")
    assert database_bytes(server) < 64 * MEGABYTE
    assert len([1 for profile in read_list(reader, begun) if profile["Name"].startswith("pack-")]) == 800


def test_a_slow_manager_does_not_fill_its_endpoint(site):
    leaf = site.server("A", flags=["--map-size", "96MiB", "--log-max-bytes", "8MiB"]).start()
    manager = site.server("M").start().become_manager()
    for number in range(200):
        leaf.create("profiles", {"Name": f"p-{number:03}", "Description": text_of(100_000)})
    gate = site.gate(leaf)
    gate.rate = 2 * MEGABYTE
    expect(200, manager.add_endpoint(leaf, gate.url))
    wait_until("the copy has begun", lambda: gate.bytes > MEGABYTE)
    gate.hold()
    for number in range(150):
        leaf.patch(f"profiles/p-{number:03}", ("replace", "/Description", text_of(MEGABYTE // 8)))
        leaf.patch("profiles/p-000", ("replace", "/Description", text_of(MEGABYTE)))
    assert database_bytes(leaf) < 96 * MEGABYTE
    assert leaf.metrics()["mullion_store_views"] <= 2
    gate.rate = None
    gate.cut()
    gate.mend()
    wait_equal(leaf, manager, collections=("profiles",), timeout=60)


def test_a_copy_while_the_endpoint_writes_on_is_one_copy(site):
    leaf = site.server("A").start()
    manager = site.server("M").start().become_manager()
    for number in range(150):
        leaf.create("profiles", {"Name": f"p-{number:03}", "Description": text_of(60_000)})
    gate = site.gate(leaf)
    gate.rate = 4 * MEGABYTE
    over = threading.Event()
    rounds = []

    def churn():
        number = 0
        while not over.is_set():
            rounds.append(number)
            number += 1
            leaf.patch(f"profiles/p-{number * 37 % 150:03}",
                       ("replace", "/Meta", {"round": str(number)}))
            time.sleep(0.05)  # less than the line can take, or nobody could ever keep up

    writer = threading.Thread(target=churn)
    writer.start()
    try:
        expect(200, manager.add_endpoint(leaf, gate.url))
        manager.wait_status("A", "Connected", timeout=60)
        wait_until("all of it is copied", lambda: manager.count("profiles", "?Endpoint=A") == leaf.count("profiles", "?Endpoint=A"),
                   timeout=60)
    finally:
        over.set()
        writer.join()
    assert len(rounds) > 20, "it wrote on meanwhile"
    wait_equal(leaf, manager, collections=("profiles",))
    metrics = manager.metrics()
    if FOLLOWING:
        assert "connection ended" not in manager.log(), "one walk through everything, on one connection"
        assert metrics['mullion_mirror_corrections_total{endpoint="A"}'] == 0
        return
    assert metrics['mullion_replication_snapshots_total{endpoint="A"}'] == 1
    assert metrics['mullion_replication_digest_mismatches_total{endpoint="A"}'] == 0


# -- space

def grow_and_empty(server, megabytes):
    for number in range(megabytes):
        server.create("profiles", {"Name": f"large-{number}", "Description": text_of(MEGABYTE)})
    for number in range(megabytes):
        server.delete(f"profiles/large-{number}")


def compact(root):
    return subprocess.run([str(BINARY), "system", "compact", str(root)], capture_output=True, text=True, timeout=60)


def test_compaction_gives_space_back_by_command_and_at_the_start(site):
    server = site.server("S", flags=["--log-max-bytes", "1MiB"]).start()
    server.create("profiles", {"Name": "kept", "Description": "still here"})
    grow_and_empty(server, 8)
    refused = compact(server.root)
    assert refused.returncode == 1 and "stop it first" in refused.stderr, refused
    server.stop()
    before = database_bytes(server)
    done = compact(server.root)
    assert done.returncode == 0, done
    assert database_bytes(server) < before / 2
    server.start()
    assert server.get("profiles/kept")["Description"] == "still here"
    grow_and_empty(server, 40)
    before = database_bytes(server)
    server.stop()
    server.start()
    assert database_bytes(server) < before / 2
    assert server.get("profiles/kept")["Description"] == "still here"
    assert compact(site.directory / "nowhere").returncode == 1


@contextlib.contextmanager
def disk(path, kind, megabytes):
    """A small file system at `path`; skips where none can be mounted."""
    path.mkdir(parents=True)
    image = path.with_suffix(".image")
    if kind == "tmpfs":
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(path)]
    else:
        image.write_bytes(b"")
        os.truncate(image, megabytes * MEGABYTE)
        if shutil.which("mkfs.ext4") is None or subprocess.run(
                ["mkfs.ext4", "-q", "-F", str(image)], capture_output=True).returncode:
            pytest.skip("no ext4 can be made here")
        command = ["mount", "-o", "loop", str(image), str(path)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip(f"no {kind} can be mounted here")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=False)


def fill(path, leave=0):
    with open(path, "wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while ballast.write(bytes(65536)):
            pass
    os.truncate(path, max(0, path.stat().st_size - leave))


@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_a_full_disk_is_507_and_a_partial_backup_is_removed(site, kind):
    server = site.server("S")
    with disk(server.root, kind, 64):
        server.start()
        for number in range(8):
            server.create("profiles", {"Name": f"before-{number}", "Description": text_of(MEGABYTE)})
        fill(server.root / "ballast", leave=3 * MEGABYTE)
        assert server.call("POST", "system/backup").status_code == 507
        assert list((server.root / "backups").iterdir()) == []
        fill(server.root / "more")
        seen = {server.call("POST", "profiles", {"Name": f"full-{number}", "Description": text_of(20_000)}).status_code
                for number in range(150)}
        assert 507 in seen and seen <= {201, 507}
        assert server.get("profiles/before-0")["Name"] == "before-0"
        (server.root / "ballast").unlink()
        (server.root / "more").unlink()
        wait_until("writes again", lambda: server.call("POST", "profiles", {"Name": f"after-{time.time_ns()}"}).status_code == 201)
        server.stop()


def test_backups_leave_the_server_room(site):
    server = site.server("S")
    with disk(server.root, "tmpfs", 200):
        server.start()
        for number in range(8):
            server.create("profiles", {"Name": f"before-{number}", "Description": text_of(MEGABYTE)})
        paths = []
        for _ in range(40):
            answer = server.call("POST", "system/backup")
            if answer.status_code != 200:
                break
            paths.append(answer.json()["Path"])
        assert paths and answer.status_code == 507 and "remove old ones" in answer.text, answer.text
        assert len(list((server.root / "backups").iterdir())) == len(paths)
        for number in range(30):
            server.create("profiles", {"Name": f"after-{number}", "Description": text_of(MEGABYTE)})
        server.stop()


def test_a_backup_that_a_crash_cut_is_removed_at_the_start(site):
    server = site.server("S").start()
    whole = server.call("POST", "system/backup").json()["Path"]
    left = server.root / "backups" / "20260101T000000-0000.partial"
    left.mkdir()
    (left / "data.mdb").write_bytes(b"half")
    server.kill()
    server.start()
    assert not left.exists()
    assert os.path.exists(os.path.join(whole, "data.mdb"))


@pytest.mark.parametrize("who", ["client", "server"])
def test_a_backup_that_is_left_is_whole_or_not_there(site, who):
    """The client that asked for it leaves while it is made, or the server is told to stop."""
    server = site.server("S").start()
    for number in range(100):
        server.create("profiles", {"Name": f"large-{number}", "Description": text_of(MEGABYTE)})
    backups = server.root / "backups"
    asked = connection_to(server)
    asked.sendall(b"POST /api/v3/system/backup HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n" + LOGIN + b"\r\n")
    wait_until("the backup is being made", lambda: list(backups.glob("*")), pause=0.001)
    asked.close()
    if who == "server":
        assert server.stop() == 0
        assert not list(backups.glob("*.partial")), "what is not whole is removed"
        server.start()
    wait_until("nothing is half there", lambda: not list(backups.glob("*.partial")))
    expect(200, server.call("POST", "system/backup"))
    server.stop()
    for whole in backups.iterdir():
        shutil.rmtree(server.root / "data")
        shutil.copytree(whole, server.root / "data")
        server.start()
        assert len(server.objects("profiles?fields=Name&Name=Re(large-.*)")) == 100
        server.stop()


# -- readers of what is no object, and clients that say nothing

def job_with_log(server, size):
    machine = server.create("machines", {"Name": "slow-machine"})["Uuid"]
    job = server.create("jobs", {"Machine": machine, "State": "created"})["Uuid"]
    for _ in range(size // MEGABYTE):
        expect(204, server.call("PUT", f"jobs/{job}/log", os.urandom(MEGABYTE)))
    return job


def memory_of(server):
    lines = (line.split() for line in open(f"/proc/{server.process.pid}/status"))
    return next(int(line[1]) for line in lines if line[0] == "RssAnon:") << 10


def test_slow_readers_of_logs_and_of_the_support_file_hold_little(site):
    server = site.server("S").start()
    job = job_with_log(server, 24 * MEGABYTE)
    before = memory_of(server)
    readers = [slow_reader(server, path) for path in (f"jobs/{job}/log", "debug/support") for _ in range(100)]
    assert all(reader.recv(12).endswith(b" 200") for reader in readers), "each has begun"
    assert memory_of(server) - before < 100 * MEGABYTE, "of 2.4 GB that were asked for"
    assert server.metrics()["mullion_store_views"] <= 2
    expect(204, server.call("PUT", f"jobs/{job}/log", b"more"))
    expect(200, server.call("GET", "info"))
    for reader in readers:
        reader.close()


def test_a_thousand_slow_sockets_hold_up_nobody(site):
    """Half of them say nothing at all, half begin a request and go on byte by byte. None is cut for its slowness meanwhile."""
    server = site.server("S", flags=["--header-timeout", "600"]).start()
    before, context = memory_of(server), ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.create_connection(("127.0.0.1", server.api_port), 30)) for _ in range(500)]
        lines = [open_sockets.enter_context(context.wrap_socket(socket.create_connection(("127.0.0.1", server.api_port), 30)))
                 for _ in range(500)]
        for line in lines:
            line.sendall(b"GET /api/v3/info HTTP/1.1\r\nHost: x\r\nX")
        wait_until("all are connected", lambda: server.metrics()["mullion_api_connections"] >= 1000)
        for number in range(20):
            for line in lines[number::20]:
                line.sendall(b"y")
            server.get("info")
            server.create("profiles", {"Name": f"beside-{number}"})
        assert memory_of(server) - before < 150 * MEGABYTE
        assert server.metrics()["mullion_api_connections"] >= len(sockets) + len(lines) == 1000


class FewFiles(Server):
    """Where the system lets it have only so many open files."""
    def command(self):
        return ["bash", "-c", 'ulimit -n 1024; exec "$@"', "mullion", *super().command()]


def test_open_files_do_not_run_out(site):
    """Each reader of a log is a connection and a file. What does not fit is sent away; who is served goes on being served."""
    server = FewFiles(site.directory, "F").start()
    site.servers["F"] = server
    job = job_with_log(server, 24 * MEGABYTE)
    with contextlib.ExitStack() as readers:
        served = 0
        for _ in range(600):
            with contextlib.suppress(OSError):
                reader = readers.enter_context(slow_reader(server, f"jobs/{job}/log"))
                served += reader.recv(12).endswith(b" 200")
        assert 100 < served < 300
        expect(204, server.call("PUT", f"jobs/{job}/log", b"more"))  # over a connection that was kept
        server.create("profiles", {"Name": "beside"})
        assert len(os.listdir(f"/proc/{server.process.pid}/fd")) < 1024 - 100
    assert "accept failed" not in server.log() and "few open files limit=1024" in server.log()
