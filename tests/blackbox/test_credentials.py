"""What a manager holds and says: passwords of endpoints, logins of hops, on whose behalf, lines of the log."""
import json
import re
import socket
import ssl
import threading
import time
import uuid

import pytest
import requests

import fake_endpoint as fake
from harness import FOLLOWING, PASSWORD, USER, expect, wait_equal, wait_until
from test_cli import CommandLine

HOP_USER = "mgr-login"


def name(prefix="m"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def make_account(server, user=HOP_USER, password="first", roles=("superuser",)):
    server.create("users", {"Name": user, "Roles": list(roles)})
    set_password(server, password, user)


def set_password(server, password, user=HOP_USER):
    expect(200, server.call("PUT", f"users/{user}/password", {"Password": password}))


def bytes_on_disk(server):
    """Everything below the server's base root, its log as well."""
    files = [path for path in server.root.rglob("*") if path.is_file()] + [server.log_path]
    return b"\0".join(path.read_bytes() for path in files)


def describe(server, machine):
    return server.call("PATCH", f"machines/{machine['Uuid']}",
                       [{"op": "add", "path": "/Description", "value": uuid.uuid4().hex}])


# -- passwords of endpoints

def test_a_password_given_by_hand_is_nowhere_in_clear(site):
    lower, upper = site.start("R1", "M1")
    lower.become_manager()
    upper.become_manager().attach(lower)
    clear = [f"geheim-{number}-{uuid.uuid4().hex}" for number in range(6)]
    path = "endpoints/by-hand"
    lower.create("endpoints", {"Id": "by-hand", "Params": {
        "manager/url": "https://127.0.0.1:1", "manager/username": "x", "manager/password": clear[0]}})
    lower.patch(path, ("add", "/Params/manager~1password", clear[1]))
    expect(200, lower.call("PUT", path, {"Id": "by-hand", "Params": {"manager/password": clear[2]}}))
    expect(200, lower.call("POST", f"{path}/params/manager%2Fpassword", json.dumps(clear[3])))
    expect(200, upper.call("POST", f"/R1/api/v3/{path}/params/manager%2Fpassword", json.dumps(clear[4])))
    expect(201, lower.call("POST", "contents", {"meta": {"Name": "packed", "Version": "v1.0.0"}, "sections": {
        "endpoints": {"packed": {"Id": "packed", "Params": {"manager/password": clear[5]}}}}}))
    assert "Payload" in lower.get(f"{path}/params/manager%2Fpassword?decode=true"), "nobody is shown it"
    lower.create("roles", {"Name": "reader", "Claims": [
        {"scope": "contents,endpoints", "action": "list,get", "specific": "*"},
        {"scope": "logs", "action": "get", "specific": "*"}]})
    make_account(lower, "reader", "pw", ["reader"])
    reading = requests.Session()
    reading.auth, reading.verify, reading.trust_env = ("reader", "pw"), False, False
    wait_until("the upper manager has it", lambda: upper.count("endpoints", "?Id=by-hand") == 1)
    wait_until("both are equal", lambda: [row for row in upper.objects("endpoints") if row["Id"] == "by-hand"]
               == [dict(row, Endpoint="R1") for row in lower.objects("endpoints") if row["Id"] == "by-hand"])
    expect(200, lower.call("POST", "system/backup"))
    for server in (lower, upper):
        seen = json.dumps([server.objects("endpoints"), server.objects("logs"),
                           *(reading.get(f"{lower.url}/api/v3/{what}").text
                             for what in ("contents/packed", "endpoints?decode=true", "logs"))])
        for text in clear:
            assert text not in seen, server.name
            assert text.encode() not in bytes_on_disk(server), f"{server.name}: database, log or backup"


@pytest.mark.parametrize("url", ["https://ann:geheim@127.0.0.1:1", "https://geheim@127.0.0.1:1",
                                 "ftp://ann:geheim@127.0.0.1", "file:///etc/geheim"])
def test_urls_with_a_login_or_another_scheme_are_refused_everywhere(shared_manager, url):
    manager = shared_manager
    answers = {
        "created": manager.call("POST", "endpoints", {"Id": name(), "Params": {"manager/url": url}}),
        "addEndpoint": manager.call("POST", "plugins/manager/actions/addEndpoint",
                                    {"manager/url": url, "manager/username": "x", "manager/password": "y"}),
        "catalog": manager.call("POST", "profiles/global/params/manager_catalog_urls", [url]),
        "catalog text": manager.call("POST", "profiles/global/params/manager_catalog_urls", json.dumps(url)),
        "pack": manager.call("POST", "contents", {"meta": {"Name": name(), "Version": "v1.0.0"}, "sections": {
            "profiles": {"x": {"Name": "x", "Params": {"manager_catalog_urls": [url]}}}}}),
        "set": manager.call("POST", "version_sets", {"Id": name(), "Global": {"manager_catalog_urls": [url]}}),
        "catalog item": manager.call("POST", "catalog_items", {"Id": name(), "Name": "x", "Version": "v1", "Source": url})
        if "@" in url else None,
        "iso": manager.call("POST", "bootenvs", {"Name": name(), "OS": {"Name": "x", "IsoUrl": url}})
        if "@" in url else None,
    }
    for way, answer in answers.items():
        if answer is None:  # sources may have other schemes
            continue
        assert answer.status_code in (400, 422), f"{way}: {answer.status_code} {answer.text}"
        assert "geheim" not in answer.text, way
    assert "geheim" not in manager.log()


@pytest.fixture(scope="module")
def shared_manager(shared_site):
    manager, = shared_site.start("shared-manager")
    return manager.become_manager()


# -- logins of hops

def test_a_write_with_a_revoked_token_is_repeated_with_a_new_login(site):
    leaf, manager = site.start("A", "M")
    make_account(leaf)
    manager.become_manager()
    expect(200, manager.add_endpoint(leaf, user=HOP_USER, password="first"))
    manager.wait_status("A", "Connected")
    machine = leaf.create("machines", {"Name": name()})
    wait_equal(leaf, manager)
    set_password(leaf, "first")  # every token ends, the login stays good
    expect(200, describe(manager, machine))
    for content in (b"x" * 1000, b"y" * 1000):
        set_password(leaf, "first")
        assert manager.call("POST", "/A/api/v3/files/small.bin", content).status_code in (200, 201)
    assert leaf.call("GET", "files/small.bin").content == b"y" * 1000


def test_a_refused_login_is_the_hops_affair_and_shown(site):
    leaf, lower, upper = site.start("A", "R1", "M1")
    make_account(leaf)
    lower.become_manager()
    expect(200, lower.add_endpoint(leaf, user=HOP_USER, password="first"))
    lower.wait_status("A", "Connected")
    upper.become_manager().attach(lower)
    machine = leaf.create("machines", {"Name": name()})
    wait_equal(leaf, lower, upper)

    set_password(leaf, "second")
    for server in (lower, upper):
        answer = expect(503, describe(server, machine))
        assert "A" in answer.text, answer.text
    lower.wait_status("A", "Error: login refused")
    leaf.create("machines", {"Name": name("unseen")})
    expect(200, lower.call("POST", "endpoints/A/params/manager%2Fpassword", json.dumps("second")))
    lower.wait_status("A", "Connected")
    wait_equal(leaf, lower, upper)
    expect(200, describe(upper, machine))

    # Without roles: the login is good, and good for nothing. By the public API such an account is shown empty lists.
    if FOLLOWING:
        return
    leaf.patch(f"users/{HOP_USER}", ("add", "/Roles", []))
    lower.wait_status("A", "Error: login refused")
    for server in (lower, upper):
        assert expect(503, describe(server, machine)).json()["Key"] == "A"
    leaf.patch(f"users/{HOP_USER}", ("add", "/Roles", ["superuser"]))
    lower.wait_status("A", "Connected")
    expect(200, describe(upper, machine))


def test_a_stream_ends_with_its_login(site):
    leaf, manager = site.start("A", "M")
    make_account(leaf)
    manager.become_manager()
    expect(200, manager.add_endpoint(leaf, user=HOP_USER, password="first"))
    manager.wait_status("A", "Connected")
    expect(200, leaf.call("DELETE", f"users/{HOP_USER}"))
    manager.wait_status("A", "Error: login refused")


def test_a_starting_manager_says_503_for_what_it_knows(site):
    leaf, lower, upper = site.start("A", "R1", "M1")
    lower.become_manager().attach(leaf)
    upper.become_manager().attach(lower)
    machine = leaf.create("machines", {"Name": name()})
    wait_equal(leaf, lower, upper)
    for _ in range(3):
        lower.kill()
        lower.launch()
        seen = []

        def written():
            for server, path in ((lower, "/A/api/v3/machines"), (upper, "/api/v3/machines")):
                answer = server.call("PATCH", f"{path}/{machine['Uuid']}",
                                     [{"op": "add", "path": "/Description", "value": "x"}])
                seen.append((server.name, answer.status_code, answer.text[:200]))
            return seen[-2][1] == 200 and seen[-1][1] == 200
        wait_until("both write again", written, pause=0)
        assert not [answer for answer in seen if answer[1] not in (200, 503)], seen


# -- on whose behalf

def test_claims_of_managers_are_marked_at_every_level(site):
    leaf, lower, upper = site.start("A", "R1", "M1")
    lower.become_manager().attach(leaf)
    upper.become_manager().attach(lower)
    machine = leaf.create("machines", {"Name": name()})
    wait_equal(leaf, lower, upper)
    expect(200, describe(upper, machine))
    assert f"principal=user:{USER}@M1@R1 (claimed by user:{USER})" in leaf.log()
    make_account(leaf, "plain", "pw", [])
    header = {"X-Mullion-On-Behalf-Of": "user:boss@HQ (claimed by user:nobody)" + "x" * 5000}
    leaf.call("PUT", "users/plain/password", {"Password": "pw2"}, headers=header)
    line = [line for line in leaf.log().splitlines() if "user:boss@HQ" in line][-1]
    assert "user:boss@HQ%20%28claimed%20by%20user:nobody%29" in line and line.count("claimed by user:rocketskates") == 1
    assert len(line) < 1000
    leaf.session.auth = ("plain", "pw2")
    leaf.call("DELETE", "profiles/none", headers={"X-Mullion-On-Behalf-Of": "user:nobodys-boss@HQ"})
    assert "nobodys-boss" not in leaf.log(), "an account that is no manager's claims nothing"


# -- an account with less than everything

def test_the_granted_role_suffices(site, tmp_path):
    leaf, manager = site.start("A", "M")
    at_leaf = CommandLine(leaf, tmp_path / "home")
    shown = at_leaf.json("endpoints", "grant")
    assert shown["Name"] == "manager" and leaf.call("GET", "roles/manager").status_code == 404, "only printed"
    for _ in range(2):  # again: the same
        made = at_leaf.json("endpoints", "grant", HOP_USER, "--make", "--password", "-", stdin="geheim\n")
    assert made["Claims"] == shown["Claims"] and leaf.get(f"users/{HOP_USER}")["Roles"] == [HOP_USER]
    assert all(claim["scope"] != "*" and claim["action"] != "*" for claim in made["Claims"])

    manager.become_manager()
    expect(200, manager.add_endpoint(leaf, user=HOP_USER, password="geheim"))
    manager.wait_status("A", "Connected")
    # Forwarded work on objects, files and packs.
    machine = expect(201, manager.call("POST", "/A/api/v3/machines", {"Name": name()})).json()
    wait_equal(leaf, manager)
    expect(200, describe(manager, machine))
    expect(200, manager.call("POST", f"machines/{machine['Uuid']}/params/x", "1"))
    expect(200, manager.call("GET", f"/A/api/v3/machines/{machine['Uuid']}/actions"))
    for collection in leaf.get("objects"):
        assert manager.call("GET", f"/A/api/v3/{collection}").status_code in (200, 404), collection
    expect(201, manager.call("POST", "/A/api/v3/files/f.txt", b"bytes"))
    expect(200, manager.call("GET", "/A/api/v3/files/f.txt"))
    expect(201, manager.call("POST", "/A/api/v3/contents",
                             {"meta": {"Name": "p1", "Version": "v1.0.0"}, "sections": {}}))
    expect(200, manager.call("GET", "/A/api/v3/system/upgrade"))
    refused = manager.call("POST", "/A/api/v3/system/upgrade", b"no package")
    assert 400 <= refused.status_code < 500, refused.text
    expect(200, manager.call("DELETE", f"machines/{machine['Uuid']}"))
    # A version set with preferences, parameters in clear and sealed, and a plugin-free rest.
    leaf.create("params", {"Name": "pw", "Secure": True, "Schema": {"type": "string"}})
    manager.create("params", {"Name": "pw", "Secure": True, "Schema": {"type": "string"}})
    manager.create("version_sets", {"Id": "base", "Apply": True, "Prefs": {"unknownTokenTimeout": "777"},
                                    "Global": {"site": "west", "pw": "geheim"}})
    manager.patch("endpoints/A", ("add", "/VersionSets", ["base"]), ("add", "/Apply", True))
    wait_until("it is as declared", lambda: leaf.get("prefs")["unknownTokenTimeout"] == "777"
               and leaf.get("profiles/global/params/site") == "west"
               and leaf.get("profiles/global/params/pw?decode=true") == "geheim", 30)
    wait_until("nothing is left to do", lambda: not manager.get("endpoints/A").get("Actions"))
    # What it cannot do is the login's fault, not the client's.
    for method, path, body in (("POST", "users", {"Name": "evil", "Roles": ["superuser"]}),
                               ("PATCH", f"roles/{HOP_USER}", [{"op": "add", "path": "/Claims", "value": [
                                   {"scope": "*", "action": "*", "specific": "*"}]}]),
                               ("GET", f"users/{USER}/token", None), ("POST", "system/backup", None)):
        answer = expect(503, manager.call(method, f"/A/api/v3/{path}", body))
        assert "login refused" in answer.text and "Requires" in answer.text, answer.text
    assert leaf.call("GET", "users/evil").status_code == 404


def test_another_certificate_is_accepted_by_a_command(site, tmp_path):
    leaf, manager = site.start("A", "M")
    manager.become_manager().attach(leaf)
    known = manager.get("endpoints/A")["Params"]["manager/fingerprint"]
    manager.patch("endpoints/A", ("add", "/Params/manager~1fingerprint", "0" * 64))
    wait_until("the certificate is refused", lambda: "certificate fingerprint changed" in manager.status("A"))
    assert "mullion endpoints accept A" in manager.status("A")
    cli = CommandLine(manager, tmp_path / "home")
    assert "not " + "1" * 64 in cli.fails("endpoints", "accept", "A", "1" * 64)
    spelled = ":".join(known[at:at + 2] for at in range(0, 64, 2)).upper()
    assert cli.json("endpoints", "accept", "A", spelled)["Accepted"] == known
    manager.wait_status("A", "Connected")
    manager.patch("endpoints/A", ("add", "/Params/manager~1fingerprint", "0" * 64))
    wait_until("the certificate is refused", lambda: "certificate fingerprint changed" in manager.status("A"))
    assert cli.json("endpoints", "accept", "A") == {"Id": "A", "Was": "0" * 64, "Accepted": known}
    manager.wait_status("A", "Connected")
    assert "shows no other certificate" in cli.fails("endpoints", "accept", "A")


# -- the folder of authorities

def test_authorities_come_from_their_folder_only(site):
    leaf, manager = site.start("A", "M")
    manager.become_manager()
    folder = manager.root / "trust"
    folder.mkdir()
    (folder / "site.pem").write_bytes((leaf.root / "server.crt").read_bytes())
    (folder / "not.pem").write_text("no certificate")

    def refusal(ca_file):
        answer = expect(422, manager.add_endpoint(leaf, **{"manager/ca-file": ca_file}))
        return answer.json()["Messages"]
    outside = {json.dumps(refusal(path)) for path in
               ("/etc/passwd", "/does/not/exist", "../server.key", "/root", str(manager.root / "server.key"))}
    assert len(outside) == 1, outside
    assert refusal("absent.pem") == refusal("not.pem")
    expect(200, manager.add_endpoint(leaf, **{"manager/ca-file": "site.pem"}))
    manager.wait_status("A", "Connected")


# -- addresses that trickle

class Trickle:
    """Answers every request with one byte of a header at a time, without an end."""

    def __init__(self, certificate):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._trickle, args=(near,), daemon=True).start()

    def _trickle(self, near):
        try:
            with self.context.wrap_socket(near, server_side=True) as client:
                client.recv(65536)
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{")
                while True:
                    client.sendall(b" ")
                    time.sleep(0.2)
        except OSError:
            return

    def close(self):
        self.listener.close()


def test_an_address_that_trickles_is_given_up(site):
    manager, = site.start("M")
    manager.become_manager()
    slow = Trickle(fake.make_certificate(site.directory, "slow"))
    site.others.append(slow)
    begin = time.monotonic()
    answer = manager.call("POST", "plugins/manager/actions/addEndpoint",
                          {"manager/url": slow.url, "manager/username": "x", "manager/password": "y"}, timeout=60)
    assert answer.status_code >= 400 and time.monotonic() - begin < 20, answer.text
    assert "in time" in answer.text


# -- the log

EVIL = ["%0a", "%0d%0a", "%00", "%1b%5b2J", "%7f", "%c2%85", "%e2%80%a8", "%e2%80%ae", "%e2%81%a6", "%ff"]
FORGED = "2026-01-01T00:00:00.000000Z audit auth: login user=forged"


def raw_request(server, head):
    """The first line of the answer to these bytes; the connection is closed."""
    context = ssl._create_unverified_context()  # pylint: disable=protected-access
    with context.wrap_socket(socket.create_connection(("127.0.0.1", server.api_port), timeout=10)) as client:
        client.sendall(head)
        return client.recv(4096)


def test_nobody_writes_lines_of_the_log(site):
    server, = site.start("A")
    forged = FORGED.replace(" ", "%20")
    for mark in EVIL:
        server.call("GET", f"/api/v3/x{mark}{forged}")
        server.call("DELETE", f"/x{mark}{forged}/api/v3/machines/y")
        server.call("DELETE", f"machines/x{mark}{forged}")
    for raw in (b"\r", b"\x0b", b"\x85", b"\xe2\x80\xa8", b"\xe2\x80\xae", b"\x1b[2J", b"\xff"):
        path = b"/x" + raw + FORGED.replace(" ", "").encode()
        raw_request(server, b"GET " + path + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        for header in (b"X-Request-Id", b"User-Agent", b"X-Log-Token", b"X-Mullion-On-Behalf-Of"):
            raw_request(server, b"DELETE /api/v3/machines/x HTTP/1.1\r\nHost: a\r\nX-Log-Request: warn\r\n"
                                b"Connection: close\r\n" + header + b": a" + raw + FORGED.encode() + b"\r\n\r\n")
    server.session.auth = (f"x\n{FORGED}\u202e".encode(), b"wrong")
    server.call("GET", "info")
    server.session.auth = (USER, PASSWORD)
    text = server.log_path.read_bytes()
    for line in text.decode().split("\n"):
        assert not line or re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z (trace|debug|info|warning|error|audit) [a-z-]+: ", line), line
        assert not line.startswith(FORGED[:27]), line
        assert not re.search("[\x00-\x1f\x7f\x80-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]", line), ascii(line)
    shown = json.dumps([row["Message"] for row in server.objects("logs")], ensure_ascii=False)
    assert not re.search("[\x7f\x80-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]", shown)
    assert r"\n" not in shown
