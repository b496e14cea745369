"""Isos become installation files of the boot environments that name them."""
import hashlib
import io
import json
import tarfile

import pytest
import requests
import websocket

from harness import PASSWORD, PATIENCE, USER, expect, wait_until


@pytest.fixture(scope="module")
def server(shared_site):
    return shared_site.server("isos", flags=["--max-archive-entries", "50"]).start()


def image(files, links=()):
    """An archive; what it is called does not matter for unpacking."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
        for name, target in links:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    return out.getvalue()


def bootenv(server, name, system, **more):
    return server.create("bootenvs", {"Name": name, "OS": {"Name": system, **more}, "Kernel": "vmlinuz"})


def upload(server, name, data):
    expect(201, server.call("POST", f"isos/{name}", data))


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def wait_files(folder, wanted):
    wait_until(f"{folder} holds {wanted}", lambda: folder.exists() and files_of(folder) == wanted)


def test_an_upload_is_unpacked_for_every_environment_that_names_it(server):
    installs = server.root / "installs"
    bootenv(server, "blue-install", "blue", IsoFile="blue.iso")
    bootenv(server, "blue-rescue", "blue", IsoFile="blue.iso")
    bootenv(server, "red-install", "red", SupportedArchitectures={
        "x86_64": {"IsoFile": "red-amd.iso", "Kernel": "k"}, "aarch64": {"IsoFile": "blue.iso", "Kernel": "k"}})
    upload(server, "blue.iso", image({"boot/vmlinuz": "kernel 1", "readme": "hello"}, [("stable", "boot")]))
    for folder in (installs / "blue" / "install", installs / "red" / "arm64" / "install"):
        wait_files(folder, {"boot/vmlinuz": "kernel 1", "readme": "hello"})
    assert not (installs / "red" / "install").exists()
    # Machines that install fetch it from the static ports, without a login.
    static = f"http://127.0.0.1:{server.static_port}"
    assert expect(200, requests.get(f"{static}/blue/install/boot/vmlinuz", timeout=5)).text == "kernel 1"
    shown = requests.get(f"{static}/blue/install/boot/vmlinuz", timeout=5)
    assert "X-DRP-SHA256SUM" not in shown.headers, "nobody computes sums of thousands of files"
    expect(304, requests.get(f"{static}/blue/install/boot/vmlinuz", timeout=5,
                             headers={"If-None-Match": shown.headers["ETag"]}))
    assert expect(200, requests.get(f"{static}/red/arm64/install/readme", timeout=5)).text == "hello"
    for path in ("blue/install/none", "blue/install", "none/install/readme", ".unpacking/x", "data/data.mdb"):
        expect(404, requests.get(f"{static}/{path}", timeout=5))
    expect(400, requests.get(f"{static}/blue/%2e%2e/%2e%2e/server.key", timeout=5))
    # Another image replaces all of it, also when its name is written with detours.
    upload(server, "/blue.iso", image({"boot/vmlinuz": "kernel 2"}))
    wait_files(installs / "blue" / "install", {"boot/vmlinuz": "kernel 2"})
    wait_until("nothing is left", lambda: list((installs / ".unpacking").iterdir()) == [])


def test_purged_installs_come_back_when_asked(server):
    folder = server.root / "installs" / "green" / "install"
    bootenv(server, "green-install", "green", IsoFile="green.iso")
    upload(server, "green.iso", image({"a": "1"}))
    wait_files(folder, {"a": "1"})
    expect(204, server.call("DELETE", "bootenvs/green-install/purgeLocal", ["amd64"]))
    assert not folder.exists()
    expect(204, server.call("DELETE", "bootenvs/green-install/purgeLocal?reexplodeIsos=true", ["amd64"]))
    wait_files(folder, {"a": "1"})


@pytest.mark.parametrize("kind, data, reason", [
    ("sum", image({"a": "1"}), "the boot environment wants 00"),
    ("many", image({f"f{i}": "x" for i in range(60)}), "more than 50 entries"),
    ("evil", image({"../../evil": "x"}), "leaves its directory"),
    ("junk", b"this is no image" * 1000, "Cannot explode"),
], ids=lambda value: value if isinstance(value, str) and value.isalpha() else "")
def test_what_cannot_be_unpacked_says_so_and_leaves_the_old_files(server, kind, data, reason):
    folder = server.root / "installs" / kind / "install"
    good = image({"good": "1"})
    bootenv(server, f"{kind}-install", kind, IsoFile=f"{kind}.iso")
    upload(server, f"{kind}.iso", good)
    wait_files(folder, {"good": "1"})
    if kind == "sum":
        server.patch(f"bootenvs/{kind}-install", ("add", "/OS/IsoSha256", "00" * 32))
    socket = websocket.create_connection(f"wss://127.0.0.1:{server.api_port}/api/v3/ws?token={USER}:{PASSWORD}",
                                         timeout=PATIENCE, sslopt={"cert_reqs": 0})
    socket.send(f"register isos.explode.{kind}\\1iso")
    assert json.loads(socket.recv())["Type"] == "websocket"
    upload(server, f"{kind}.iso", data)
    told = json.loads(socket.recv())["Object"]
    if "Files" in told:  # of the upload before
        told = json.loads(socket.recv())["Object"]
    assert told["OS"] == kind and reason in told["Error"]
    assert files_of(folder) == {"good": "1"} and not (server.root / "evil").exists()
    assert reason in server.log()
    assert hashlib.sha256(expect(200, server.call("GET", f"isos/{kind}.iso")).content).digest() == \
        hashlib.sha256(data).digest(), "the upload itself stays"
    wait_until("nothing is left", lambda: list((server.root / "installs" / ".unpacking").iterdir()) == [])
