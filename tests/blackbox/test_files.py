"""Files, isos and content packs of real servers: pieces, memory, full disks, secure values."""
import contextlib
import gzip
import hashlib
import io
import json
import os
import pathlib
import socket
import ssl
import subprocess
import tarfile
import threading
import zipfile

import pytest
import requests

from harness import PASSWORD, PATIENCE, USER, expect, wait_until

MIB = 1 << 20
SECRET = "hush-7f3a91"
# About managers, so again with endpoints that are followed by their public API.
FOLLOWED_TOO = ("test_secure_values_of_packs_are_nowhere_in_clear",)


@pytest.fixture(scope="module")
def server(shared_site):
    return shared_site.server("S", flags=["--max-archive-entries", "5", "--max-unpacked", "1MiB"]).start()


def rss(server):
    """Memory of the process that is not shared with files, bytes."""
    for line in pathlib.Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no RssAnon")


def piece(server, path, content, first, total):
    return server.call("POST", path, content, headers={
        "Content-Range": f"bytes {first}-{first + len(content) - 1}/{total}"})


def zip_of(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in files.items():
            archive.writestr(file.replace("__", "/"), content)
    return out.getvalue()


def tar_of(mode, *entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{mode}") as archive:
        for file, content, kind, link in entries:
            entry = tarfile.TarInfo(file)
            entry.type, entry.linkname, entry.size = kind, link, len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def start_upload(server, path, *lines):
    """A connection on which an upload has begun."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = context.wrap_socket(socket.create_connection(("127.0.0.1", server.api_port), timeout=10))
    login = requests.auth._basic_auth_str(USER, PASSWORD)
    head = "\r\n".join([f"POST /api/v3/{path} HTTP/1.1", "Host: x", f"Authorization: {login}", *lines])
    connection.sendall(head.encode() + b"\r\n\r\n")
    return connection


# -- uploads in pieces

def test_an_upload_goes_on_after_a_cut_and_a_crash(site):
    made = site.server("S").start()
    content = os.urandom(3 * MIB)
    path = "isos/os/big.iso"
    with start_upload(made, path, f"Content-Length: {len(content)}",
                      f"Content-Range: bytes 0-{len(content) - 1}/{len(content)}") as cut:
        cut.sendall(content[:2 * MIB])

    def offset():
        return int(expect(200, made.call("HEAD", f"{path}?partial=true")).headers["Upload-Offset"])
    wait_until("the server noticed", lambda: f"POST /api/v3/{path} status=" in made.log())
    arrived = offset()
    assert 0 < arrived <= 2 * MIB, "what arrived before the cut is there; a reset may lose what was on its way"
    assert made.call("GET", path).status_code == 404, "nobody sees half a file"
    made.kill()
    made.start()
    assert offset() == arrived
    wrong = piece(made, path, b"x", 5, len(content))
    assert (wrong.status_code, wrong.headers["Upload-Offset"]) == (409, str(arrived))
    assert wrong.json()["Messages"] == [f"The upload stands at {arrived} bytes, not at 5"]
    step = expect(202, piece(made, path, content[arrived:2 * MIB + 1], arrived, "*"))
    assert step.json() == {"Path": "os/big.iso", "Size": 2 * MIB + 1}
    done = expect(201, piece(made, path, content[2 * MIB + 1:], 2 * MIB + 1, len(content)))
    assert done.json() == {"Path": "os/big.iso", "Size": len(content)}
    shown = expect(200, made.call("GET", path))
    assert shown.content == content
    assert shown.headers["X-DRP-SHA256SUM"] == hashlib.sha256(content).hexdigest()
    assert made.call("HEAD", f"{path}?partial=true").status_code == 404


def test_two_who_send_pieces_of_one_file(server):
    with start_upload(server, "files/twice", "Content-Length: 10", "Content-Range: bytes 0-9/10") as first:
        first.sendall(b"hello")
        wait_until("the first is under way",
                   lambda: server.call("HEAD", "files/twice?partial=true").status_code == 200)
        second = piece(server, "files/twice", b"x" * 10, 0, 10)
        assert second.status_code == 409
        assert second.json()["Messages"] == ["Another request is sending a piece of this file"]
        first.sendall(b"world")
        assert b" 201 " in first.recv(200)
    assert server.call("GET", "files/twice").content == b"helloworld"


# -- conditions and kinds

def test_conditions_of_downloads(server):
    expect(201, server.call("POST", "files/c.txt", b"0123456789"))
    head = server.call("HEAD", "files/c.txt").headers
    assert server.call("GET", "files/c.txt", headers={"If-Modified-Since": head["Last-Modified"]}).status_code == 304
    old = "Sun, 06 Nov 1994 08:49:37 GMT"
    assert server.call("GET", "files/c.txt", headers={"If-Modified-Since": old}).status_code == 200
    refused = server.call("GET", "files/c.txt", headers={"If-Unmodified-Since": old})
    assert (refused.status_code, refused.json()["Code"]) == (412, 412)
    some = {"Range": "bytes=2-4"}
    assert server.call("GET", "files/c.txt", headers={**some, "If-Range": head["ETag"]}).content == b"234"
    whole = server.call("GET", "files/c.txt", headers={**some, "If-Range": '"SHA256:other"'})
    assert (whole.status_code, whole.content) == (200, b"0123456789"), "a part of another file would not fit"
    assert server.call("GET", "files/c.txt", headers={"Range": "bytes=0-1,4-5"}).content == b"0123456789"
    beyond = server.call("GET", "files/c.txt", headers={"Range": "bytes=10-"})
    assert (beyond.status_code, beyond.headers["Content-Range"], beyond.json()["Code"]) == (416, "bytes */10", 416)


def test_static_servers_show_files_only(server):
    expect(201, server.call("POST", "files/web.zip?explode=true",
                            zip_of(web__index_html="<p>", web__app="code", web__data_json="{}")))
    for name in ("index_html", "app", "data_json"):
        expect(201, server.call("POST", f"files/web/{name.replace('_', '.')}", b"{}"))
    expect(201, server.call("POST", "isos/x.iso", b"iso"))
    kinds = {"files/web/index.html": "text/html; charset=utf-8", "files/web/data.json": "application/json",
             "files/web/app": "application/octet-stream", "isos/x.iso": "application/x-iso9660-image"}
    for base in (f"http://127.0.0.1:{server.static_port}", f"https://127.0.0.1:{server.static_secure_port}"):
        for path, kind in kinds.items():
            answer = requests.get(f"{base}/{path}", verify=False, timeout=10)
            assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind), path
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert requests.head(f"{base}/{path}", verify=False, timeout=10).headers["ETag"] == answer.headers["ETag"]
        for path in ("", "files", "files/", "files/web", ".sums", ".uploads", ".unfinished", "files/.sums", "drp-id",
                     "data/data.mdb", "server.key", "api/v3/info", "machines/x"):
            assert requests.get(f"{base}/{path}", verify=False, timeout=10).status_code == 404, path
        assert requests.get(f"{base}/files/%2e%2e/server.key", verify=False, timeout=10).status_code == 400
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert requests.request(method, f"{base}/files/web/app", data=b"x", verify=False,
                                    timeout=10).status_code == 403


# -- archives

def test_archives_of_every_kind(server):
    expect(201, server.call("POST", "files/z/a.zip?explode=true", zip_of(d__f="zip")))
    for mode in ("gz", "bz2", "xz", ""):
        made = tar_of(mode, ("t" + mode, mode.encode(), tarfile.REGTYPE, ""))
        expect(201, server.call("POST", f"files/z/a.tar.{mode}?explode=true", made))
        assert server.call("GET", f"files/z/t{mode}").content == mode.encode()
    assert server.call("GET", "files/z/d/f").content == b"zip"


@pytest.mark.parametrize("method, status", [(zipfile.ZIP_DEFLATED, 201), (zipfile.ZIP_BZIP2, 201), (zipfile.ZIP_LZMA, 422)])
def test_who_makes_a_zip_does_not_choose_the_memory_it_takes(server, method, status):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("methods/f", b"x" * 1000)
    answer = server.call("POST", "files/z/method.zip?explode=true", packed.getvalue())
    assert answer.status_code == status, answer.text
    if status == 422:
        assert answer.json()["Messages"] == ["Cannot explode: entry number 1 is compressed as lzma"]


FILE, LINK, HARD, PIPE = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE


@pytest.mark.parametrize("status,entries", [
    (422, [("../out", b"x", FILE, "")]),
    (422, [("/out", b"x", FILE, "")]),
    (422, [("ok", b"x", FILE, ""), ("l", b"", LINK, "/etc"), ("l/passwd", b"x", FILE, "")]),
    (422, [("ok", b"x", FILE, ""), ("h", b"", HARD, "ok")]),
    (422, [("p", b"", PIPE, "")]),
    (413, [(f"f{i}", b"x", FILE, "") for i in range(6)]),
    (413, [("zeros", bytes(2 * MIB), FILE, "")]),
])
def test_hostile_archives_change_nothing(server, status, entries):
    answer = server.call("POST", "files/evil/a.tgz?explode=true", tar_of("gz", *entries))
    assert answer.status_code == status, answer.text
    assert answer.json()["Messages"][0].startswith("Cannot explode: ")
    assert server.call("GET", "files?path=evil").status_code == 404
    assert not (server.root / "out").exists() and not pathlib.Path("/out").exists()


# -- memory and disk

@pytest.fixture(scope="module")
def long_archive():
    """What takes many seconds to unpack."""
    return gzip.compress(tarfile.TarInfo("many/one").tobuf() * 190_000, compresslevel=1)


def unpacking(server):
    """Archives that are being unpacked."""
    return len(list((server.root / ".uploads").glob("*/many")))


@contextlib.contextmanager
def uploads_of(server, archive, count, login=(USER, PASSWORD)):
    """That many at once; the answers that came so far."""
    answers = []

    def send(number):
        with contextlib.suppress(requests.RequestException):
            answers.append(requests.post(f"{server.url}/api/v3/files/up{number}/many.tgz?explode=true", archive, auth=login, verify=False,
                                         timeout=PATIENCE * 2))
    threads = [threading.Thread(target=send, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        server.kill()
        for thread in threads:
            thread.join()


def test_a_stop_waits_for_no_archive(site, long_archive):
    made = site.server("S").start()
    with uploads_of(made, long_archive, 1):
        wait_until("it is being unpacked", lambda: unpacking(made))
        assert made.stop() == 0
        assert not list((made.root / ".uploads").iterdir()), "nothing of it is left"


def test_archives_of_one_user_hold_up_those_of_no_other(site, long_archive):
    made = site.server("S").start()
    made.create("users", {"Name": "flood", "Roles": ["superuser"]})
    expect(200, made.call("PUT", "users/flood/password", {"Password": "flood"}))
    with uploads_of(made, long_archive, 4, ("flood", "flood")) as answers:
        wait_until("as many are unpacked as may be", lambda: unpacking(made) == 2)
        expect(201, made.call("POST", "files/small/a.zip?explode=true", zip_of(a="1")))
        assert not answers, "it did not wait for them"


def test_large_files_cost_no_memory(server):
    """Memory after 256 MiB is what it was after 16 MiB; a file of 4 GiB would be no other."""
    block = os.urandom(MIB)

    def upload(blocks):
        expect(201, server.session.post(server.url + "/api/v3/files/large", data=(block for _ in range(blocks)),
                                        timeout=120))

    def download():
        with server.session.get(server.url + "/api/v3/files/large", stream=True, timeout=120) as answer:
            return sum(len(data) for data in answer.iter_content(MIB))
    upload(16)
    download()
    before = rss(server)
    upload(256)
    assert download() == 256 * MIB
    grown = rss(server) - before
    assert grown < 16 * MIB, f"grew by {grown / MIB:.1f} MiB"
    server.call("DELETE", "files/large")


def test_the_end_of_a_large_sparse_file(server):
    """A sparse file put there by hand: only its size is large, so that hashing it is all the work."""
    size = 256 * MIB
    (server.root / "files").mkdir(exist_ok=True)
    with open(server.root / "files" / "sparse", "wb") as file:
        file.truncate(size - 1)
        file.seek(0, 2)
        file.write(b"e")
    before = rss(server)
    answer = server.call("GET", "files/sparse", headers={"Range": "bytes=-2"}, timeout=120)
    assert (answer.status_code, answer.content) == (206, b"\0e")
    assert answer.headers["Content-Range"] == f"bytes {size - 2}-{size - 1}/{size}"
    assert rss(server) - before < 16 * MIB
    (server.root / "files" / "sparse").unlink()


def may_mount():
    return subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
                          capture_output=True).returncode == 0


@pytest.mark.skipif(not may_mount(), reason="this machine lets nobody mount a small disk")
def test_a_full_disk(site):
    """The server's folder on a disk of 48 MiB, mounted where only the server sees it."""
    made = site.server("S")
    made.root.mkdir(parents=True)
    script = 'mount -t tmpfs -o size=48m tmpfs "$0" && exec "$@"'
    plain = made.command
    made.command = lambda: ["unshare", "-rm", "sh", "-c", script, str(made.root), *plain()]
    made.start()
    expect(201, made.call("POST", "files/kept", b"kept"))
    with start_upload(made, "files/announced", f"Content-Length: {64 * MIB}") as announced:
        answer = announced.recv(2000)
        assert b" 507 " in answer and b"are free" in answer, "before a byte of it is sent"
    with contextlib.suppress(requests.ConnectionError):  # the answer comes while we still send
        requests.post(made.url + "/api/v3/files/surprise", data=(bytes(MIB) for _ in range(64)), auth=(USER, PASSWORD),
                      verify=False, timeout=60)
    wait_until("it is refused", lambda: "POST /api/v3/files/surprise status=507" in made.log())
    assert made.get("files?all=true") == ["kept"], "nothing is left of it"
    expect(201, made.call("POST", "files/after", bytes(MIB)))
    made.create("profiles", {"Name": "after"})


def test_uploads_of_one_path_at_the_same_time(server):
    contents = {bytes([65 + i]) * (200_000 + i) for i in range(6)}
    answers = []
    threads = [threading.Thread(target=lambda data=data: answers.append(requests.post(
        server.url + "/api/v3/files/same", data=data, auth=(USER, PASSWORD), verify=False, timeout=30)))
        for data in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [201] * len(contents)
    left = server.call("GET", "files/same")
    assert left.content in contents
    assert left.headers["X-DRP-SHA256SUM"] == hashlib.sha256(left.content).hexdigest()


# -- secure values in packs

def secure_pack(value, name="secrets"):
    return {"meta": {"Name": name, "Version": "v1.0.0", "RequiredFeatures": "secure-params-in-content-packs"},
            "sections": {"params": {"pw": {"Name": "pw", "Secure": True, "Schema": {"type": "string"}}},
                         "profiles": {"holder": {"Name": "holder", "Params": {"pw": value, "plain": 1}}}}}


def test_secure_values_in_packs(site):
    server, = site.start("S")
    expect(201, server.call("POST", "contents", secure_pack(SECRET)))
    shown = server.get("contents/secrets")
    assert shown["sections"]["profiles"]["holder"]["Params"] == {"pw": SECRET, "plain": 1}
    assert set(server.get("profiles/holder")["Params"]["pw"]) == {"Key", "Nonce", "Payload"}
    assert server.get("profiles/holder/params?decode=true")["pw"] == SECRET
    assert [row["Name"] for row in server.get("params?Secure=Eq(true)")] == ["manager/password", "pw"]
    reader = {"Name": "reader", "Claims": [{"scope": "contents,profiles", "action": "get", "specific": "*"}]}
    server.create("roles", reader)
    server.create("users", {"Name": "bob", "Roles": ["reader"]})
    expect(200, server.call("PUT", "users/bob/password", {"Password": "bob's password"}))
    bob = requests.get(server.url + "/api/v3/contents/secrets", auth=("bob", "bob's password"), verify=False, timeout=10)
    sealed = expect(200, bob).json()
    assert set(sealed["sections"]["profiles"]["holder"]["Params"]["pw"]) == {"Key", "Nonce", "Payload"}
    for content in (sealed, shown):
        expect(200, server.call("PUT", "contents/secrets", content))
        assert server.get("profiles/holder/params?decode=true")["pw"] == SECRET, "what is shown can be loaded again"
    changed = SECRET + "-new"
    expect(200, server.call("PUT", "contents/secrets", secure_pack(changed)))
    assert server.get("profiles/holder/params?decode=true")["pw"] == changed
    assert server.call("PUT", "contents/secrets", {**secure_pack("x"), "sections": {"profiles": {"a": 5}}}).status_code == 422
    assert server.get("contents/secrets")["sections"]["profiles"]["holder"]["Params"]["pw"] == changed, "the old stays"


def test_secure_values_of_packs_are_nowhere_in_clear(site):
    site_a, manager = site.start("A", "M")
    manager.become_manager().attach(site_a)
    expect(201, site_a.call("POST", "contents", secure_pack(SECRET)))
    own = site_a.create("profiles", {"Name": "own", "Params": {"pw": SECRET}})
    assert own["Params"]["pw"] != SECRET
    wait_until("the manager has it", lambda: manager.call("GET", "profiles/own").status_code == 200)
    assert site_a.get("contents/secrets")["sections"]["profiles"]["holder"]["Params"]["pw"] == SECRET
    through = expect(200, manager.call("GET", "/A/api/v3/contents/secrets")).json()
    assert through["sections"]["profiles"]["holder"]["Params"]["pw"] == SECRET, "through a manager as at the owner"
    for made in (site_a, manager):
        assert SECRET not in json.dumps(made.get("logs")) and SECRET not in made.log()
        made.stop()
        for file in made.root.rglob("*"):
            with contextlib.suppress(OSError):
                if file.is_file():
                    assert SECRET.encode() not in file.read_bytes(), file


def test_five_thousand_objects_load(server):
    rows = {f"p-{i}": {"Name": f"p-{i}", "Description": "x" * 100, "Params": {"a": i}} for i in range(5000)}
    content = json.dumps({"meta": {"Name": "large", "Version": "v1.0.0"}, "sections": {"profiles": rows}})
    expect(201, server.call("POST", "contents", content, headers={"Content-Type": "application/json"}))
    assert server.count("profiles", "?Bundle=large") == 5000 or len(server.get("contents/large")["sections"]["profiles"]) == 5000
    expect(204, server.call("DELETE", "contents/large"))
