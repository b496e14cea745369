"""Rights of now for what lasts: uploads, downloads, lists and forwarded conversations end with the rights they began with."""
import contextlib
import json
import ssl
import socket

import pytest
import websocket

from harness import expect, wait_until
from test_rights import caller_with, claims, events_of, name, tell

MIB = 1 << 20


@pytest.fixture(scope="module")
def server(shared_site):
    return shared_site.server("LS").start()


def take_roles(server, caller, left=()):
    server.patch(f"users/{caller.user}", ("replace", "/Roles", list(left)))


@contextlib.contextmanager
def connection(server):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        plain.settimeout(60)
        plain.connect(("127.0.0.1", server.api_port))
        with context.wrap_socket(plain) as line:
            yield line


def head(method, path, caller, *headers):
    lines = [f"{method} /api/v3/{path} HTTP/1.1", "Host: x", f"Authorization: Bearer {caller.token}", *headers]
    return "".join(line + "\r\n" for line in lines).encode() + b"\r\n"


def rest_of(line):
    """How much still comes, until the end or the cut."""
    received = 0
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while piece := line.recv(65536):
            received += len(piece)
    return received


def test_an_upload_ends_with_the_right_to_it(server):
    caller = caller_with(server, ("files", "*", "*"))
    piece = b"x" * 65536
    with connection(server) as line:
        line.sendall(head("POST", "files/live/cut", caller, "Transfer-Encoding: chunked"))
        chunk = b"%x\r\n%s\r\n" % (len(piece), piece)
        line.sendall(chunk)
        take_roles(server, caller)
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            for _ in range(64):
                line.sendall(chunk)
            line.sendall(b"0\r\n\r\n")
        answer = b""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            answer = line.recv(65536)
    assert not answer.startswith(b"HTTP/1.1 2"), answer[:200]
    assert server.call("HEAD", "files/live/cut").status_code == 404, "nothing is left of it"


def test_an_upload_ends_with_its_object(server):
    """A tenant hides the job whose log is being written."""
    machine = server.create("machines", {"Name": name()})["Uuid"]
    job = server.create("jobs", {"Machine": machine, "State": "created"})["Uuid"]
    tenant = server.create("tenants", {"Name": name("tenant"), "Members": {"jobs": [job]}})["Name"]
    caller = caller_with(server, roles=["superuser"], tenant=tenant)
    with connection(server) as line:
        line.sendall(head("PUT", f"jobs/{job}/log", caller, "Transfer-Encoding: chunked", "Expect: 100-continue"))
        assert line.recv(1000).startswith(b"HTTP/1.1 100"), "its body is being read"
        line.sendall(b"4\r\nseen\r\n")
        server.patch(f"tenants/{tenant}", ("replace", "/Members/jobs", []))
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            line.sendall(b"6\r\nhidden\r\n0\r\n\r\n")
        answer = b""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            answer = line.recv(65536)
    assert b" 404 " in answer.split(b"\r\n")[0], answer[:200]
    assert server.call("GET", f"jobs/{job}/log").text == ""


@pytest.mark.parametrize("way", ["a file", "a list", "a list with secrets"])
def test_a_download_ends_with_the_right_to_it(server, way):
    roles = []
    if way == "a file":
        caller, path, total = caller_with(server, ("files", "*", "*")), "files/live/large", 32 * MIB
        expect(201, server.call("POST", path, b"x" * total))
    else:
        caller, path = caller_with(server, ("profiles", "list,get", "*")), "profiles"
        if way == "a list with secrets":  # what stays is the right to the list alone
            roles = server.get(f"users/{caller.user}")["Roles"]
            opens = server.create("roles", {"Name": name("role"), "Claims": claims(("profiles", "getSecure", "*"))})["Name"]
            server.patch(f"users/{caller.user}", ("replace", "/Roles", [*roles, opens]))
            path = "profiles?decode=true"
        rows = {f"live-{i}": {"Name": f"live-{i}", "Description": "x" * 8000} for i in range(4000)}
        pack = {"meta": {"Name": "live", "Version": "v1.0.0"}, "sections": {"profiles": rows}}
        loaded = server.call("HEAD", "contents/live").ok
        assert loaded or expect(201, server.call("POST", "contents", pack))
        total = 4000 * 8000
    with connection(server) as line:
        line.sendall(head("GET", path, caller, "Connection: close"))
        assert line.recv(1000).startswith(b"HTTP/1.1 200")
        take_roles(server, caller, roles)
        received = rest_of(line)
    assert received < total // 2, "what the connection held at most"


def test_forwarded_events_end_with_the_login(shared_site):
    leaf, manager = shared_site.start("LE", "LF")
    manager.become_manager().attach(leaf)
    profile = leaf.create("profiles", {"Name": name()})["Name"]
    wait_until("the replica is there", lambda: manager.call("GET", f"profiles/{profile}").status_code == 200)
    for path in ("/api/v3/ws/LE", "/LE/api/v3/ws"):
        reader = caller_with(manager, ("profiles", "get", "*"))
        events = events_of(manager, reader.token, path)
        tell(events, "register profiles.*.*")
        leaf.patch(f"profiles/{profile}", ("add", "/Description", "seen"))
        assert json.loads(events.recv())["Object"]["Description"] == "seen"
        manager.patch(f"users/{reader.user}", ("add", "/Secret", "another"))
        leaf.patch(f"profiles/{profile}", ("add", "/Description", "never"))
        rest = []
        with contextlib.suppress(websocket.WebSocketConnectionClosedException, ConnectionError):
            while text := events.recv():  # nothing is the end; a silence too long fails
                rest.append(text)
        assert not any("never" in text for text in rest), path


def test_a_stream_ends_when_its_user_joins_a_tenant(server):
    """It holds everything, which is not for users of tenants."""
    reader = caller_with(server, roles=["superuser"])
    stream = events_of(server, reader.token, "/api/v3/replication/stream")
    stream.recv()
    server.create("tenants", {"Name": name("tenant"), "Members": {"profiles": []}, "Users": [reader.user]})
    kind, said = None, b""
    while kind != websocket.ABNF.OPCODE_CLOSE:  # a server that hears nothing of its peer ends a stream too, without this word
        kind, said = stream.recv_data(control_frame=True)
    assert said[2:] == b"The login ended", said
    expect(403, reader.call("GET", "replication/stream"))


def test_a_rollout_goes_on_with_the_rights_of_now(site):
    """Whoever has set it going loses the role, then the account: nothing more is put until somebody who may goes on."""
    manager = site.server("M").start().become_manager()
    manager.create("version_sets", {"Id": "new-set", "Prefs": {"defaultStage": "none"}})
    for endpoint in ("site-a", "site-b"):
        manager.create("endpoints", {"Id": endpoint})  # nobody connects to it, so its turn does not end
    starter = caller_with(manager, roles=["superuser"])
    manager.create("rollouts", {"Id": "roll", "VersionSets": ["new-set"], "TargetEndpoints": ["site-a", "site-b"], "Concurrency": 1,
                                "StopWhen": {"EndpointLimit": "1h"}})
    expect(200, starter.call("POST", "rollouts/roll/actions/start", {}))

    def sets(endpoint):
        return manager.get(f"endpoints/{endpoint}").get("VersionSets", [])

    def is_paused():
        rollout = manager.get("rollouts/roll")
        return rollout["State"] == "paused" and rollout["Reason"]
    wait_until("the first has its turn", lambda: sets("site-a") == ["new-set"])
    manager.patch(f"users/{starter.user}", ("replace", "/Roles", []))
    assert f"user:{starter.user} may not change" in wait_until("the rollout is paused", is_paused)
    expect(404, starter.call("POST", "rollouts/roll/actions/resume", {}))
    manager.patch(f"users/{starter.user}", ("replace", "/Roles", ["superuser"]))
    expect(200, starter.call("POST", "rollouts/roll/actions/resume", {}))
    manager.delete(f"users/{starter.user}")
    assert f"the login of user:{starter.user} ended" in wait_until("the rollout is paused", is_paused)
    assert sets("site-b") == []
    manager.stop()
    manager.start()
    assert manager.get("rollouts/roll")["State"] == "paused"
    expect(200, manager.call("POST", "rollouts/roll/actions/resume", {}))
    assert manager.get("rollouts/roll")["State"] == "running"
