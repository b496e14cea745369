"""One server as clients and operators meet it: start and stop, TLS, logins, routes, limits, what survives a crash."""
import base64
import contextlib
import hashlib
import itertools
import json
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
import uuid

import jsonschema
import pytest
import requests
import websocket
import yaml

import harness
from harness import BINARY, PASSWORD, ROOT, USER, expect, free_port, wait_until

SETTINGS = yaml.safe_load((ROOT / "schema" / "settings.yaml").read_text())
ROUTES = yaml.safe_load((ROOT / "schema" / "routes.yaml").read_text())["routes"]
MODELS = ROOT.parent / "shared" / "contract" / "models.json"
REAL_PACKS = ROOT.parent / "shared" / "data" / "content-packs"
DEMO_PACK = json.loads((ROOT / "tests" / "data" / "packs" / "demo-pack.json").read_text())
NOBODY = "5d0f0d7a-0000-4000-8000-000000000000"
ERROR_SHAPE = {
    "type": "object", "additionalProperties": False, "required": ["Model", "Key", "Type", "Messages", "Code"],
    "properties": {"Model": {"type": "string"}, "Key": {"type": "string"}, "Type": {"type": "string"},
                   "Messages": {"type": "array", "items": {"type": "string"}}, "Code": {"type": "integer"},
                   "Field": {"type": "string", "minLength": 1}}}  # ours: where one field is at fault


def name(prefix="n"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def refused(status, answer, messages=None, **members):
    """The Error object of an answer, which must be as errors.md has it."""
    expect(status, answer)
    assert answer.headers["Content-Type"].startswith("application/json")
    error = answer.json()
    jsonschema.validate(error, ERROR_SHAPE)
    assert error["Code"] == status
    assert members.items() <= error.items(), error
    if messages is not None:
        assert error["Messages"] == messages
    return error


def as_user(server, user=None, password=None, token=None):
    """A session of its own; without arguments nobody is logged in."""
    session = requests.Session()
    session.verify, session.trust_env = False, False
    if user:
        session.auth = (user, password)
    if token:
        session.headers["Authorization"] = f"Bearer {token}"
    session.url = server.url + "/api/v3/"
    return session


def add_user(server, *roles):
    """A new user's name and password."""
    user = name("user")
    server.create("users", {"Name": user, "Roles": list(roles)})
    expect(200, server.call("PUT", f"users/{user}/password", {"Password": "first password"}))
    return user, "first password"


def add_role(server, *claims):
    role = name("role")
    server.create("roles", {"Name": role, "Claims": [
        dict(zip(("scope", "action", "specific"), claim)) for claim in claims]})
    return role


def events_of(server, path="/api/v3/ws", login=f"{USER}:{PASSWORD}", **options):
    header = [f"Authorization: Basic {base64.b64encode(login.encode()).decode()}"] if login else []
    return websocket.create_connection(f"wss://127.0.0.1:{server.api_port}{path}", header=header,
                                       sslopt={"cert_reqs": 0}, **{"timeout": harness.PATIENCE, **options})


def tell(events, text):
    """Sends a command and answers its acknowledgement; events in between are lost."""
    events.send(text)
    while True:
        event = json.loads(events.recv())
        if event["Type"] == "websocket":
            return event


def connect(port, tls=True, **limits):
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    if not tls:
        return connection
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for attribute, value in limits.items():
        setattr(context, attribute, value)
    if limits:
        context.set_ciphers("ALL:@SECLEVEL=0")
    return context.wrap_socket(connection)


def talk(connection, data=b"", timeout=10.0):
    """Everything the server says until it hangs up."""
    connection.settimeout(timeout)
    out = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        if data:
            connection.sendall(data)
        while piece := connection.recv(65536):
            out += piece
    return out


LOGIN = b"Authorization: Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()) + b"\r\n"


@pytest.fixture(scope="module")
def server(shared_site):
    return shared_site.server("S").start()


@pytest.fixture(scope="module")
def tight(shared_site):
    """A server with small limits."""
    return shared_site.server("tight", flags=[
        "--max-body", "64KiB", "--max-upload", "1MiB", "--max-header", "8KiB", "--max-json-depth", "16",
        "--max-connections", "12", "--header-timeout", "1s", "--body-timeout", "1s", "--idle-timeout", "2s",
        "--max-websocket-queue", "1MiB"]).start()


# -- flags and variables

def run(*arguments, environment=None, binary=BINARY):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("RS_")}
    return subprocess.run([str(binary), *map(str, arguments)], env={**clean, **(environment or {})}, timeout=5,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)


def test_help_tells_every_setting():
    done = run("serve", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    lines = dict(re.findall(r"^  --(\S+) +(.*)$", done.stdout, re.M))
    assert list(lines) == [setting["name"] for setting in SETTINGS["settings"]]
    for setting in SETTINGS["settings"]:
        assert setting["meaning"] in lines[setting["name"]]
        if setting["default"] != "":
            assert lines[setting["name"]].endswith(f"Default: {setting['default']}.")


@pytest.mark.parametrize("flags,environment,named", [
    (["--api-port", "http"], {}, "--api-port"), (["--api-port", "65536"], {}, "--api-port"),
    (["--api-port", "-1"], {}, "--api-port"), (["--max-body", "64XB"], {}, "--max-body"),
    (["--idle-timeout=soon"], {}, "--idle-timeout"), (["--threads", "-1"], {}, "--threads"),
    (["--no-such-flag"], {}, "--no-such-flag"), (["leftover"], {}, "leftover"), (["--api-port"], {}, "--api-port"),
    (["--drp-id", "a/b"], {}, "--drp-id"), ([], {"RS_MAX_BODY": "lots"}, "RS_MAX_BODY"),
    (["--listen-address", "nowhere"], {}, "nowhere"), (["--log-level", "loud"], {}, "--log-level"),
])
def test_a_wrong_setting_is_named(tmp_path, flags, environment, named):
    ports = [f"--{port}={free_port()}" for port in ("api-port", "static-port", "static-secure-port", "metrics-port")]
    done = run("serve", "--base-root", tmp_path, *ports, *flags, environment=environment)
    assert done.returncode == 1
    assert named in done.stderr.splitlines()[-1] and len(done.stderr) < 500


def test_variables_set_what_flags_do_not(site):
    other_port = free_port()
    made = site.server("V", environment={
        "RS_DRP_ID": "from-variable", "RS_MAX_BODY": "2KiB", "RS_STATIC_PORT": str(other_port),
        "RS_MAX_JSON_DEPTH": "5", "RS_ENDPOINT": "https://elsewhere", "RS_TFTP_PORT": "69"})
    made.id = "from-flag"
    made.start()
    assert made.get("info")["id"] == "from-flag", "a flag wins"
    assert made.get("info")["file_port"] == made.static_port
    assert made.call("POST", "profiles", {"Name": "p", "Description": "x" * 3000}).status_code == 413
    assert made.call("POST", "profiles", '{"Name":"p","Params":{"a":[[[[1]]]]}}').status_code == 400


def test_flags_of_services_not_served_make_one_warning_line(site):
    flags = [f"--{flag}=1" for flag in SETTINGS["ignored"]]
    switches = ["--disable-dhcp", "--fake-pinger", "--dhcp-interfaces", "eth0", "--tftp-port", "69"]
    made = site.server("I", flags=flags + switches).start()
    warnings = [line for line in made.log().splitlines() if "warning" in line.split("server:")[0]]
    assert len(warnings) == 1, warnings
    assert all(flag in warnings[0] for flag in SETTINGS["ignored"])
    assert warnings[0].count("tftp-port") == 1


def test_called_dr_provision_it_serves(site):
    link = site.directory / "dr-provision"
    link.symlink_to(BINARY)
    made = site.server("L")
    command = made.command()
    made.command = lambda: [str(link), *command[2:]]
    assert made.start().get("info")["id"] == "L"
    assert run("--help", binary=link).stdout.startswith("Usage: mullion serve")


def test_the_id_is_made_once_and_kept(site):
    made = site.server("K")
    made.id = ""
    first = made.start().get("info")["id"]
    assert re.fullmatch("02(:[0-9a-f]{2}){5}", first)
    assert made.stop() == 0
    assert made.start().get("info")["id"] == first


# -- one server at a time

def test_a_second_server_on_the_same_folder_is_refused(site, server):
    second = site.server("second")
    second.root = server.root
    second.launch()
    assert second.process.wait(10) == 1
    assert second.log().startswith("mullion: another server runs on --base-root ")
    assert str(server.root) in second.log()
    assert server.get("info")["id"] == "S", "the first one does not care"


@pytest.mark.parametrize("flag", ["api-port", "static-port", "static-secure-port", "metrics-port"])
def test_a_port_in_use_is_named_with_its_flag(site, server, flag):
    second = site.server("second")
    setattr(second, flag.replace("-", "_"), server.api_port)
    second.launch()
    assert second.process.wait(10) == 1
    last = second.log().splitlines()[-1]
    assert last.startswith("mullion: ") and str(server.api_port) in last and f"--{flag}" in last


# -- TLS

def test_key_and_certificate_are_made_once(site):
    made = site.server("T").start()
    key, certificate = made.root / "server.key", made.root / "server.crt"
    assert key.stat().st_mode & 0o777 == 0o600 and certificate.stat().st_mode & 0o777 == 0o600
    shown = ssl.get_server_certificate(("127.0.0.1", made.api_port))
    assert shown.strip() == certificate.read_text().strip()
    before = key.read_bytes(), certificate.read_bytes()
    assert made.stop() == 0
    made.start()
    assert (key.read_bytes(), certificate.read_bytes()) == before
    assert ssl.get_server_certificate(("127.0.0.1", made.static_secure_port)) == shown
    names = subprocess.run(["openssl", "x509", "-in", str(certificate), "-noout", "-ext", "subjectAltName"],
                           stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "DNS:localhost" in names and "127.0.0.1" in names


def test_given_key_and_certificate_are_used(site):
    key, certificate = site.directory / "own.key", site.directory / "own.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=mine", "-days", "1",
                    "-keyout", str(key), "-out", str(certificate)], check=True, stderr=subprocess.DEVNULL)
    made = site.server("O", flags=["--tls-key", str(key), "--tls-cert", str(certificate)]).start()
    assert ssl.get_server_certificate(("127.0.0.1", made.api_port)).strip() == certificate.read_text().strip()
    assert not (made.root / "server.key").exists()
    made.stop()
    other = site.server("wrong", flags=["--tls-key", str(key), "--tls-cert", str(made.root / "drp-id")]).launch()
    assert other.process.wait(10) == 1
    assert "drp-id" in other.log(), "the file that is no certificate is named"


def test_tls_versions(server):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with connect(server.api_port, minimum_version=version, maximum_version=version) as connection:
            assert connection.version() == version.name.replace("_", ".")
    with pytest.warns(DeprecationWarning), pytest.raises((ssl.SSLError, ConnectionError)):
        connect(server.api_port, minimum_version=ssl.TLSVersion.TLSv1_1, maximum_version=ssl.TLSVersion.TLSv1_1)


# -- stop and crash

def writer(server, label, stop, acknowledged, attempted):
    """Creates machines one after the other until the server is gone."""
    session = as_user(server, USER, PASSWORD)
    for number in itertools.count():
        if stop.is_set():
            return
        key = f"{label}-{number}"
        body = {"Name": key, "Description": key * 20, "Meta": {"of": label}}
        attempted[key] = body
        try:
            answer = session.post(session.url + "machines", json=body, timeout=10)
        except requests.RequestException:
            return
        if answer.status_code == 201:
            acknowledged[key] = answer.json()
        elif answer.status_code < 500:
            raise AssertionError(answer.text)


class Writers:
    def __init__(self, server, label, count=4):
        self.acknowledged, self.attempted, self.stop = {}, {}, threading.Event()
        self.threads = [threading.Thread(target=writer, daemon=True, args=(
            server, f"{label}-{number}", self.stop, self.acknowledged, self.attempted)) for number in range(count)]
        for thread in self.threads:
            thread.start()

    def join(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(15)
            assert not thread.is_alive()


def check_survivors(server, acknowledged, attempted):
    rows = {row["Name"]: row for row in server.objects("machines")}
    lost = acknowledged.keys() - rows.keys()
    assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged machines are lost"
    for key, row in rows.items():
        wanted = attempted[key]
        assert row["Description"] == wanted["Description"] and row["Meta"]["of"] == wanted["Meta"]["of"]
        assert key not in acknowledged or row == acknowledged[key]
    assert server.count("machines") == len(rows)
    for key in random.sample(sorted(rows), min(20, len(rows))):
        assert server.get(f"machines/Name:{key}") == rows[key] == server.get(f"machines/{rows[key]['Uuid']}")


def test_sigterm_stops_in_two_seconds_whatever_clients_do(site):
    made, = site.start("E")
    idle = [connect(made.api_port) for _ in range(5)]
    half = connect(made.api_port)
    half.sendall(b"POST /api/v3/machines HTTP/1.1\r\nHost: x\r\n" + LOGIN + b"Content-Length: 1000\r\n\r\n{")
    bare = connect(made.api_port, tls=False)
    listeners = [events_of(made) for _ in range(3)]
    for events in listeners:
        tell(events, "register *.*.*")
    deaf = events_of(made)
    tell(deaf, "register *.*.*")
    stream = events_of(made, "/api/v3/replication/stream")
    etag = made.call("GET", "profiles/global").headers["ETag"]
    long_poll = connect(made.api_port)
    long_poll.sendall(b"GET /api/v3/profiles/global HTTP/1.1\r\nHost: x\r\nPrefer: wait=60\r\n" + LOGIN +
                      f"If-None-Match: {etag}\r\n\r\n".encode())
    writers = Writers(made, "stop")
    wait_until("machines are made", lambda: len(writers.acknowledged) > 50)
    begin = time.monotonic()
    made.process.send_signal(signal.SIGTERM)
    assert made.process.wait(10) == 0
    assert time.monotonic() - begin < 2
    writers.join()
    for connection in (*idle, half, long_poll, bare, *listeners, deaf, stream):
        connection.close()
    made.start()
    check_survivors(made, writers.acknowledged, writers.attempted)


def test_sigint_stops_too(site):
    made, = site.start("C")
    made.process.send_signal(signal.SIGINT)
    assert made.process.wait(5) == 0


def test_kill_9_loses_nothing_that_was_acknowledged(site):
    made, = site.start("X")
    acknowledged, attempted = {}, {}
    for number in range(5):
        writers = Writers(made, f"round{number}")
        time.sleep(random.uniform(0.1, 0.9))
        made.kill()
        writers.join()
        acknowledged |= writers.acknowledged
        attempted |= writers.attempted
        made.start()
        check_survivors(made, acknowledged, attempted)
    assert len(acknowledged) > 50


# -- logins

def own_address():
    """An address of this host that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = probe.getsockname()[0]
    return None if address.startswith("127.") else address


def test_the_default_account_is_for_loopback_only(server):
    assert server.get("users/rocketskates")["Roles"] == ["superuser"]
    address = own_address()
    if address is None:
        pytest.skip("this host has loopback only")
    url = f"https://{address}:{server.api_port}/api/v3/info"
    session = as_user(server, USER, PASSWORD)
    error = refused(401, session.get(url), Type="AUTH")
    assert "from this host only" in error["Messages"][0]
    token = server.get(f"users/{USER}/token")["Token"]
    refused(401, as_user(server, token=token).get(url), Type="AUTH")
    expect(200, as_user(server, *add_user(server, "superuser")).get(url))


def test_a_password_change_ends_password_and_tokens(server):
    user, password = add_user(server, "superuser")
    session = as_user(server, user, password)
    token = expect(200, session.get(session.url + f"users/{user}/token?ttl=1h")).json()["Token"]
    with_token = as_user(server, token=token)
    expect(200, with_token.get(with_token.url + "info"))
    changed = session.put(session.url + f"users/{user}/password", json={"Password": "second password"})
    assert expect(200, changed).json()["Name"] == user and "second" not in changed.text
    refused(401, session.get(session.url + "info"), ["Access Denied"], Type="", Model="users", Key="")
    refused(401, with_token.get(with_token.url + "info"), Type="AUTH")
    session.auth = (user, "second password")
    expect(200, session.get(session.url + "info"))
    server.delete(f"users/{user}")
    refused(401, session.get(session.url + "info"))


def test_token_login(server):
    answer = server.get(f"users/{USER}/token?ttl=600")
    assert answer["Info"] == server.get("info")
    session = as_user(server)
    for scheme in ("Bearer", "bearer", "Basic"):
        session.headers["Authorization"] = f"{scheme} {answer['Token']}"
        assert expect(200, session.get(session.url + "info")).json()["id"] == "S"
    refused(404, server.call("GET", "users/nobody-at-all/token"), Type="GET", Model="users", Key="nobody-at-all")
    refused(400, server.call("GET", f"users/{USER}/token?ttl=cow"), Model="users", Key=USER)


def test_tokens_expire_and_are_limited(server):
    user, password = add_user(server, "superuser")
    session = as_user(server, user, password)

    def token(query):
        answer = expect(200, session.get(session.url + f"users/{user}/token{query}"))
        return as_user(server, token=answer.json()["Token"])
    short = token("?ttl=3")
    expect(200, short.get(short.url + "info"))
    forever, days, narrow = token("?ttl=never"), token("?ttl=3d"), token("?scope=machines&action=list,get")
    for held in (forever, days):
        expect(200, held.get(held.url + "info"))
    expect(200, narrow.get(narrow.url + "machines"))
    refused(403, narrow.post(narrow.url + "machines", json={"Name": name()}), Type="AUTH")
    refused(403, narrow.get(narrow.url + f"users/{user}/token"), Type="AUTH")
    wait_until("the token expires", lambda: short.get(short.url + "info").status_code != 200, timeout=10)
    assert "expired" in refused(401, short.get(short.url + "info"), Type="AUTH")["Messages"][0]


@pytest.mark.parametrize("value", [
    "", "Bearer", "Bearer ", "Bearer nonsense", "Bearer a.b.c", "Bearer " + "x" * 5000, "Basic !!!", "Basic Og==",
    "Digest abc", "Basic " + base64.b64encode(b"nobody:" + b"x" * 2000).decode(), "Basic \xff\xfe"])
def test_bad_credentials_are_401(server, value):
    session = as_user(server)
    answer = session.get(session.url + "info", headers={"Authorization": value.encode("latin-1")})
    error = refused(401, answer, Key="")
    assert (error["Type"], error["Model"]) in [("AUTH", ""), ("", "users")]
    assert answer.headers["WWW-Authenticate"]


def test_a_forged_token_is_refused(server):
    token = server.get(f"users/{USER}/token")["Token"]
    for place in range(0, len(token), max(1, len(token) // 25)):
        forged = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1:]
        refused(401, as_user(server, token=forged).get(server.url + "/api/v3/info"), Type="AUTH")


def test_guessing_passwords_is_slowed_down(tight):
    answers = []
    for number in range(40):
        session = as_user(tight, "rocketskates", f"guess {number}")
        answers.append(session.get(session.url + "info").status_code)
        session.close()
        if answers[-1] == 429:
            break
    assert set(answers[:-1]) == {401} and answers[-1] == 429
    wait_until("the right password is taken again", timeout=20, pause=0.2,
               condition=lambda: tight.call("GET", "info").status_code == 200)


def concrete(route):
    path = route["path"]
    prefix = "jobs" if "plugin_actions" in path else "machines"
    arguments = {"prefix": prefix, "id": NOBODY, "rest...": NOBODY, "collection": "machines", "name": "Key",
                 "what": "id", "command": "nothing"}
    return ("" if route.get("root") else "/api/v3") + re.sub(
        r"\{([^}]+)\}", lambda match: arguments[match.group(1)], path)


@pytest.fixture(scope="module")
def strangers(server):
    """Sessions of nobody, and of a user without roles."""
    return as_user(server), as_user(server, *add_user(server))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route['handler']} {route['path']}")
def test_every_route_asks_who_you_are(server, strangers, route):
    stranger, powerless = strangers
    for method in route["methods"]:
        call = {"method": method, "url": server.url + concrete(route), "data": "{}" if route.get("body") else None,
                "headers": {"Content-Type": "application/json"}}
        answer = stranger.request(**call)
        if route["right"] == "public":
            # What lets a server into a cluster asks for its token, and here is no cluster.
            expect(422 if route["handler"] == "admit_member" else 200, answer)
            continue
        assert answer.status_code in (401, 403), f"{method} {answer.url}: {answer.status_code}"
        if method != "HEAD":
            refused(401, answer, Type="AUTH")
        if route["right"] == "authenticated":
            continue
        status = powerless.request(**call).status_code
        # Who sees nothing is shown nothing, and told what is wrong with the request.
        filtered = {200, 422} if route.get("body") else {200}
        allowed = {"filter": filtered, "not_found": {404}}.get(route.get("denied"), {403})
        assert status in allowed | ({404} if route.get("object") else set()), f"{method} {answer.url}: {status}"


def test_unknown_routes(server):
    refused(404, server.call("GET", "john"), ["No route"], Type="GET", Model="/api/v3/john", Key="")
    refused(404, server.call("DELETE", "john/doe"), ["No route"], Type="DELETE", Model="/api/v3/john/doe")
    assert as_user(server).get(server.url + "/api/v3/john").status_code == 401, "strangers learn no routes"


# -- objects

def test_life_of_an_object(server):
    machine = server.create("machines", {"Name": name(), "Unknown": 1, "Meta": {"color": "red"}})
    path = f"machines/{machine['Uuid']}"
    assert "Unknown" not in machine and machine["Available"] is True and machine["Validated"] is True
    assert machine["Bundle"] == "" and machine["ReadOnly"] is False
    assert server.get(path) == machine == server.get(f"machines/Name:{machine['Name']}")
    refused(409, server.call("POST", "machines", machine), ["already exists"], Type="CREATE", Model="machines",
            Key=machine["Uuid"])
    changed = server.patch(path, ("test", "/Name", machine["Name"]), ("replace", "/Description", "changed"))
    assert changed == dict(machine, Description="changed", LastModifiedAt=changed["LastModifiedAt"])
    assert server.patch(path) == changed, "an empty patch changes nothing"
    put = expect(200, server.call("PUT", path, dict(changed, Description="put"))).json()
    assert put["Description"] == "put"
    assert expect(200, server.call("DELETE", path)).json() == put
    for method in ("GET", "DELETE", "PATCH", "PUT"):
        refused(404, server.call(method, path, [] if method == "PATCH" else {} if method == "PUT" else None),
                ["Not Found"], Type=method, Model="machines", Key=machine["Uuid"])
    assert server.call("HEAD", path).status_code == 404
    refused(404, server.call("GET", "machines/Runnable:true"), ["Not Found"], Key="Runnable:true")


def test_refusals_of_writes(server):
    profile = server.create("profiles", {"Name": name()})
    path = f"profiles/{profile['Name']}"
    patch = [{"op": "test", "from": "", "path": "/Description", "value": "other"}]
    error = refused(409, server.call("PATCH", path, patch), Type="PATCH", Model="profiles", Key=profile["Name"])
    assert error["Messages"][0] == "Patch error at line 0: Test op failed."
    assert error["Messages"][1].startswith("Patch: [\n  {\n    \"op\": \"test\",\n    \"path\": \"/Description\"")
    for body in ("", "{", "nonsense", "[]x", '"text"', "7"):
        assert server.call("POST", "profiles", body).status_code == 400, body
        assert server.call("PATCH", path, body).status_code in (400, 406), body
    refused(400, server.call("POST", "profiles", "<a/>", headers={"Content-Type": "text/xml"}),
            ["Invalid content type: text/xml"], Type="POST")
    assert server.call("PATCH", path, [{"op": "replace", "path": "/Missing", "value": 1}]).status_code in (406, 409)
    assert server.call("PATCH", path, [{"op": "explode", "path": "/Name"}]).status_code in (400, 406)
    refused(400, server.call("PUT", path, dict(profile, Name="other")), Model="profiles", Key=profile["Name"])
    assert server.call("POST", "profiles", {"Name": ""}).status_code in (400, 422)
    refused(422, server.call("POST", "profiles", {"Name": "a b/../c"}), Type="ValidationError")
    refused(400, server.call("POST", "profiles", '{"Name":7}'), Type="POST", Model="profiles")
    refused(422, server.call("POST", "machines", {"Name": name(), "Stage": "baz", "BootEnv": "bar"}),
            ["Stage baz does not exist", "Bootenv bar does not exist"], Type="ValidationError", Model="machines")
    refused(422, server.call("DELETE", "params/pxelinux-local-boot"), ["readonly: pxelinux-local-boot"], Type="DELETE")
    role = add_role(server, ("*", "list", "*"))
    user, _ = add_user(server, role)
    refused(409, server.call("DELETE", f"roles/{role}"), [f"In use by User {user}"], Type="StillInUseError", Key=role)
    assert server.get(path) == profile


def test_locked_machines(server):
    machine = server.create("machines", {"Name": name(), "Locked": True})
    path = f"machines/{machine['Uuid']}"
    assert server.call("PATCH", path, [{"op": "add", "path": "/Description", "value": "x"}]).status_code in (422, 423)
    refused(server.call("DELETE", path).status_code, server.call("DELETE", path), ["Locked"], Key=machine["Uuid"])
    server.patch(path, ("replace", "/Locked", False))
    server.delete(path)


def side_by_side(count, work):
    """Runs work(number) in threads; answers the results."""
    results = [None] * count

    def run_one(number):
        results[number] = work(number)
    threads = [threading.Thread(target=run_one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("collection", ["profiles", "machines"])
def test_of_many_who_create_the_same_one_wins(server, collection):
    for _ in range(3):
        key = name()
        answers = side_by_side(8, lambda number: as_user(server, USER, PASSWORD).post(
            f"{server.url}/api/v3/{collection}", json={"Name": key, "Description": str(number)}))
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
        assert server.count(collection, f"?Name={key}") == 1
        winner = next(answer.json() for answer in answers if answer.status_code == 201)
        assert server.get(f"{collection}/Name:{key}") == winner


def test_patches_with_tests_lose_no_update(server):
    key = server.create("profiles", {"Name": name(), "Params": {"count/er": 0}})["Name"]

    def count_up(_):
        session = as_user(server, USER, PASSWORD)
        url = f"{server.url}/api/v3/profiles/{key}/params"
        for _ in range(20):
            while True:
                seen = session.get(url).json()["count/er"]
                answer = session.patch(url, json=[{"op": "test", "path": "/count~1er", "value": seen},
                                                  {"op": "replace", "path": "/count~1er", "value": seen + 1}])
                if answer.status_code == 200:
                    break
                assert answer.status_code == 409, answer.text
    side_by_side(4, count_up)
    assert server.get(f"profiles/{key}/params") == {"count/er": 80}


@pytest.mark.skipif(not MODELS.exists(), reason="the contract is not beside the repository")
def test_every_collection_answers(server):
    prefixes = server.get("objects")
    assert prefixes == sorted(prefixes)
    for prefix in prefixes:
        rows = server.get(prefix) if prefix != "preferences" else []
        assert isinstance(rows, list)
        expect(200, server.call("HEAD", prefix if prefix != "preferences" else "prefs"))
    known = json.loads(MODELS.read_text())["objects"]
    assert {prefix for prefix in known if prefix not in ("interfaces", "plugin_providers")} - set(prefixes) == set()


def test_etags_and_conditions(server):
    profile = server.create("profiles", {"Name": name()})
    path = f"profiles/{profile['Name']}"
    etag = server.call("GET", path).headers["ETag"]
    assert re.fullmatch('"[^"]+"', etag) and server.call("HEAD", path).headers["ETag"] == etag
    unchanged = server.call("GET", path, headers={"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.content, unchanged.headers["ETag"]) == (304, b"", etag)
    assert server.call("HEAD", path, headers={"If-None-Match": etag}).status_code == 304
    server.patch(path, ("replace", "/Description", "new"))
    fresh = expect(200, server.call("GET", path, headers={"If-None-Match": etag}))
    assert fresh.headers["ETag"] != etag


def test_long_poll(server):
    profile = server.create("profiles", {"Name": name()})
    path = f"profiles/{profile['Name']}"

    def poll(wait, method="GET"):
        etag = server.call("HEAD", path).headers["ETag"]
        session = as_user(server, USER, PASSWORD)
        begin = time.monotonic()
        answer = session.request(method, session.url + path, timeout=20,
                                 headers={"If-None-Match": etag, "Prefer": f"wait={wait}"})
        return answer, time.monotonic() - begin

    def later(action):
        timer = threading.Timer(0.3, action)
        timer.start()
        return timer
    answer, took = poll("1")
    assert answer.status_code == 304 and took > 0.9
    answer, took = poll("500ms", "HEAD")
    assert answer.status_code == 304 and took > 0.4
    later(lambda: server.patch(path, ("replace", "/Description", "woken")))
    answer, took = poll("10s")
    assert answer.json()["Description"] == "woken" and took > 0.2
    later(lambda: server.delete(path))
    answer, _ = poll("10")
    assert answer.status_code == 404, "not the 304 of a wait that ended"


# -- lists

@pytest.fixture(scope="module")
def herd(server):
    """30 machines told apart by Description, with one parameter each."""
    label = name("herd")
    for number in range(30):
        made = server.create("machines", {
            "Name": f"{label}-{number:02}", "Description": label, "Address": f"10.0.{number % 3}.{number + 1}",
            "Params": {"herd/number": number, "herd/word": f"w{number % 5}"}, "Meta": {"m": "x"}})
        if number % 2 == 1:
            server.patch(f"machines/{made['Uuid']}", ("replace", "/Runnable", False))  # new machines are runnable
    return label


def numbers(rows):
    return [row["Params"]["herd/number"] for row in rows]


@pytest.mark.parametrize("query,wanted", [
    ("Name={L}-07", [7]), ("Name=Eq({L}-07)", [7]), ("Name=In({L}-03,{L}-05)", [3, 5]),
    ("Name=Between({L}-03,{L}-05)", [3, 4, 5]), ("Name=Except({L}-02,{L}-28)", [0, 1, 29]),
    ("Name=Lt({L}-02)", [0, 1]), ("Name=Gte({L}-28)", [28, 29]), ("Name=Re(-2[78]$)", [27, 28]),
    ("Name=eq({L}-07)", [7]), ("Runnable=true&Name=Lte({L}-04)", [0, 2, 4]),
    ("Address=10.0.1.2", [1]), ("Address=Between(10.0.0.1,10.0.0.9)", [0, 3, 6]),
    ("herd/word=w3", [3, 8, 13, 18, 23, 28]), ("herd/number=Gt(27)", [28, 29]), ("herd/number=In(4,2)", [2, 4]),
    ("herd/number=Between(8,10)", [8, 9, 10]), ("sort=Name&reverse=true&limit=2", [29, 28]),
    ("sort=Name&offset=28", [28, 29]), ("sort=Name&offset=5&limit=3", [5, 6, 7]),
    ("sort=Address&limit=3", [0, 3, 6]), ("limit=0", []), ("offset=1000", []), ("herd/nothing=1", []),
    ("Name=Nin({N})", []),
])
def test_filters(server, herd, query, wanted):
    every = ",".join(f"{herd}-{number:02}" for number in range(30))
    query = query.replace("{L}", herd).replace("{N}", every)
    rows = server.objects("machines", f"?Description={herd}&{query}")
    assert (numbers(rows) if "sort" in query else sorted(numbers(rows))) == wanted
    if not re.search("limit|offset", query):
        assert server.count("machines", f"?Description={herd}&{query}") == len(wanted)


@pytest.mark.parametrize("query,message", [
    ("limit=-1", "Limit cannot be negative"), ("offset=-1", "Offset cannot be negative"),
    ("Runnable=maybe", "Runnable must be true or false"), ("Uuid=false", "Invalid UUID: false"),
    ("Address=fred", "Invalid address: fred"), ("limit=many", None), ("sort=Nothing", None), ("sort=Runnable", None),
    ("Name=Re(()", None), ("Name=Between(a)", None), ("Profiles=Lt(a)", None)])
def test_bad_filters_are_406(server, query, message):
    error = refused(406, server.call("GET", f"machines?{query}"), Type="GET", Model="machines", Key="")
    assert len(error["Messages"]) == 1
    if message:
        assert error["Messages"] == [message]
    assert server.call("HEAD", f"machines?{query}").status_code == 406


def test_counts_slim_and_params(server, herd):
    head = expect(200, server.call("HEAD", f"machines?Description={herd}&Runnable=true&limit=3"))
    assert head.headers["X-DRP-LIST-FILTER-COUNT"] == "15"
    assert int(head.headers["X-DRP-LIST-TOTAL-COUNT"]) >= 30
    page = server.call("GET", f"machines?Description={herd}&limit=3")
    assert len(page.json()) == 3 and page.headers["X-DRP-LIST-FILTER-COUNT"] == "30"
    slim = server.objects("machines", f"?Description={herd}&slim=Params,Meta&limit=1")[0]
    assert (slim["Params"], slim["Meta"], slim["Partial"]) == ({}, {}, True)
    some = server.objects("machines", f"?Description={herd}&params=herd/word&sort=Name&limit=1")[0]
    assert some["Params"] == {"herd/word": "w0"}
    one = server.get(f"machines/Name:{herd}-01?slim=Meta&params=herd/number")
    assert one["Meta"] == {} and one["Params"] == {"herd/number": 1}


def test_lists_leave_out_what_may_not_be_seen(server, herd):
    visible = server.get(f"machines/Name:{herd}-04")["Uuid"]
    role = add_role(server, ("machines", "list", "*"), ("machines", "get", visible))
    session = as_user(server, *add_user(server, role))
    assert [row["Uuid"] for row in session.get(session.url + "machines").json()] == [visible]
    assert session.head(session.url + "machines").headers["X-DRP-LIST-FILTER-COUNT"] == "1"
    expect(200, session.get(session.url + f"machines/{visible}"))
    other = server.get(f"machines/Name:{herd}-05")["Uuid"]
    refused(404, session.get(session.url + f"machines/{other}"), ["Not Found"], Type="GET", Key=other)
    error = refused(403, session.delete(session.url + f"machines/{visible}"), Type="AUTH", Model="", Key="")
    assert error["Messages"] == [f"Cannot access /api/v3/machines/{visible}", f"Requires: machines delete {visible}"]


# -- parameters and meta

def test_params(server):
    checked = name("param")
    server.create("params", {"Name": f"{checked}/list", "Schema": {"type": "array", "default": ["d"]}})
    profile = server.create("profiles", {"Name": name(), "Params": {"from/profile": 1}})
    machine = server.create("machines", {"Name": name(), "Profiles": [profile["Name"]], "Params": {"own": {"a": 1}}})
    path = f"machines/{machine['Uuid']}/params"
    assert server.get(path) == {"own": {"a": 1}}
    assert server.get(f"{path}?aggregate=true") == {"from/profile": 1, "own": {"a": 1}}
    assert server.get(f"{path}/from/profile") is None, "unset is null"
    assert server.get(f"{path}/from/profile?aggregate=true") == 1
    assert server.get(f"{path}/{checked}/list?aggregate=true") == ["d"]
    assert expect(200, server.call("POST", f"{path}/a/b/c", "[1,2]")).json() == [1, 2]
    patched = expect(200, server.call("PATCH", path, [{"op": "add", "path": "/n~1m", "value": None}])).json()
    assert patched == {"own": {"a": 1}, "a/b/c": [1, 2], "n/m": None}
    error = refused(422, server.call("POST", f"{path}/{checked}/list", '"text"'), Type="POST", Model="machines",
                    Key=machine["Uuid"])
    assert f"Key '{checked}/list': invalid val" in error["Messages"][0]
    assert expect(200, server.call("DELETE", f"{path}/a/b/c")).json() == [1, 2]
    refused(404, server.call("DELETE", f"{path}/a/b/c"), ["Not Found"], Type="DELETE", Model="params", Key="a/b/c")
    assert expect(200, server.call("POST", path, {"only": 1})).json() == {"only": 1} == server.get(path)
    refused(409, server.call("PATCH", path, [{"op": "test", "path": "/only", "value": 2}]), Type="PATCH",
            Model="machines", Key=machine["Uuid"])
    key = server.get(f"machines/{machine['Uuid']}/pubkey")
    assert len(base64.b64decode(key)) == 32


def test_meta(server):
    profile = server.create("profiles", {"Name": name(), "Meta": {"color": "red"}})
    path = f"meta/profiles/{profile['Name']}"
    assert server.get(path)["color"] == "red"
    assert server.patch(path, ("replace", "/color", "blue"))["color"] == "blue"
    assert server.get(f"profiles/{profile['Name']}")["Meta"]["color"] == "blue"
    refused(409, server.call("PATCH", path, [{"op": "test", "path": "/color", "value": "red"}]), Type="PATCH",
            Model="profiles", Key=profile["Name"])


def test_preferences(server):
    before = server.get("prefs")
    assert all(isinstance(value, str) for value in before.values())
    assert expect(201, server.call("POST", "prefs", {"knownTokenTimeout": "1234"})).json() == dict(
        before, knownTokenTimeout="1234")
    for wrong, text in (({"greg": "x"}, "Unknown Preference greg"), ({"defaultBootEnv": "illegal"}, "illegal"),
                        ({"baseTokenSecret": "short"}, "baseTokenSecret: Must be 32 bytes long"),
                        ({"knownTokenTimeout": "7", "unknownTokenTimeout": "illegal"}, "unknownTokenTimeout")):
        error = refused(422, server.call("POST", "prefs", wrong))
        assert text in error["Messages"][0]
    assert server.get("prefs")["knownTokenTimeout"] == "1234", "all or nothing"
    expect(201, server.call("POST", "prefs", {"knownTokenTimeout": before["knownTokenTimeout"]}))


# -- contents

def pack(pack_name, meta=None, **sections):
    return {"meta": {"Name": pack_name, "Version": "v1.0.0", **(meta or {})}, "sections": sections}


@pytest.fixture
def clean_packs(server):
    """No uploaded pack is left behind."""
    yield
    for _ in range(3):  # those that others need go later
        for summary in server.get("contents"):
            if summary["meta"]["Type"] == "dynamic":
                server.call("DELETE", f"contents/{summary['meta']['Name']}")


def check_pack(server, content):
    """Loads, compares, replaces and removes one pack."""
    key = content["meta"]["Name"]
    before = [summary["meta"]["Name"] for summary in server.get("contents")]
    summary = expect(201, server.call("POST", "contents", content)).json()
    assert summary["Counts"] == {section: len(rows) for section, rows in content["sections"].items()}
    assert summary["Warnings"] == []
    shown = server.get(f"contents/{key}")
    assert {section: set(rows) for section, rows in shown["sections"].items()} == {
        section: set(rows) for section, rows in content["sections"].items()}
    assert shown["meta"]["Version"] == content["meta"]["Version"]
    for section, rows in content["sections"].items():
        for row in list(rows)[:3]:
            served = server.get(f"{section}/{row}")
            assert (served["Bundle"], served["ReadOnly"]) == (key, True)
    refused(409, server.call("POST", "contents", content), [f"Content {key} already exists"])
    assert expect(200, server.call("PUT", f"contents/{key}", shown)).json()["Counts"] == summary["Counts"]
    return before


def test_the_demonstration_pack(server, clean_packs):
    before = check_pack(server, DEMO_PACK)
    key = DEMO_PACK["meta"]["Name"]
    profile = next(iter(DEMO_PACK["sections"]["profiles"]))
    refused(422, server.call("POST", f"profiles/{profile}/params/x", "1"))
    smaller = json.loads(json.dumps(DEMO_PACK))
    del smaller["sections"]["profiles"][profile]
    answer = server.call("PUT", f"contents/{key}", smaller)
    if answer.status_code == 200:
        refused(404, server.call("GET", f"profiles/{profile}"))
    assert server.call("DELETE", f"contents/{key}").status_code in (200, 204)
    assert [summary["meta"]["Name"] for summary in server.get("contents")] == before
    refused(404, server.call("GET", f"contents/{key}"), ["No such content store"], Model="contents", Key=key)
    refused(404, server.call("DELETE", f"contents/{key}"), ["No such content store"], Type="DELETE")


@pytest.mark.skipif(not REAL_PACKS.exists(), reason="the real packs are not beside the repository")
def test_the_real_packs(server, clean_packs):
    names = ("drp-community-content", "task-library", "classify", "flexiflow")
    packs = {file: json.loads((REAL_PACKS / f"{file}.json").read_text()) for file in names}
    for content in packs.values():
        check_pack(server, content)
    assert {"drp-community-content", "classify"} <= {row["meta"]["Name"] for row in server.get("contents")}
    machine = server.create("machines", {"Name": name(), "Workflow": "discover-base"})
    assert machine["Workflow"] == "discover-base"
    assert server.call("DELETE", "contents/drp-community-content").status_code in (409, 422), "its workflow is in use"
    server.delete(f"machines/{machine['Uuid']}")
    for file in reversed(names):
        assert server.call("DELETE", f"contents/{file}").status_code in (200, 204)
    refused(404, server.call("GET", "workflows/discover-base"))


def test_prerequisites_and_conflicts(server, clean_packs):
    base, upper = name("base"), name("upper")
    needs = pack(upper, {"Prerequisites": f"{base}: >=1.2.0"}, profiles={})
    refused(422, server.call("POST", "contents", needs))
    expect(201, server.call("POST", "contents", pack(base, {"Version": "v1.1.0"}, profiles={})))
    refused(422, server.call("POST", "contents", needs))
    expect(200, server.call("PUT", f"contents/{base}", pack(base, {"Version": "v1.2.3"}, profiles={})))
    expect(201, server.call("POST", "contents", needs))
    assert server.call("DELETE", f"contents/{base}").status_code in (409, 422), "another pack needs it"
    assert server.call("PUT", f"contents/{base}", pack(base, {"Version": "v1.0.0"})).status_code == 422
    error = refused(422, server.call("POST", "contents", pack(name("f"), {"RequiredFeatures": "time-travel"})))
    assert "requires feature time-travel, but dr-provision does not provide it" in error["Messages"][0]
    key = name("profile")
    mine = {key: {"Name": key, "Description": "of the pack"}}
    own = server.create("profiles", {"Name": key, "Description": "own"})
    clash = pack(name("clash"), profiles=mine)
    error = refused(422, server.call("POST", "contents", clash), Model="contents", Key=clash["meta"]["Name"])
    assert error["Messages"] == [f"profiles:{key} in layer dynamic-{clash['meta']['Name']} would override layer "
                                 "writable-BackingStore"]
    assert server.get(f"profiles/{key}") == own
    expect(201, server.call("POST", "contents?replaceWritable=true", clash))
    assert server.get(f"profiles/{key}")["Description"] == "of the pack"
    second = pack(name("second"), profiles=mine)
    refused(422, server.call("POST", "contents", second))
    refused(404, server.call("GET", f"contents/{second['meta']['Name']}"))
    for broken in (pack(""), pack("a/b"), pack(name(), profiles={"x": {"Name": "y"}}), pack(name(), profiles={"x": 7}),
                   pack(name(), {"Version": "1.2.foo"}), {"meta": {"Name": name()}, "sections": []}, [], {"meta": 1}):
        assert server.call("POST", "contents", broken).status_code in (400, 422), broken


def test_packs_survive_a_crash(site):
    made, = site.start("P")
    expect(201, made.call("POST", "contents", DEMO_PACK))
    before = {prefix: made.objects(prefix) for prefix in ("profiles", "params", "stages", "contents")}
    made.kill()
    made.start()
    assert {prefix: made.objects(prefix) for prefix in before} == before


# -- files

def test_files(server):
    content = os.urandom(300_000)
    digest = hashlib.sha256(content).hexdigest()
    path = f"files/{name()}/deep/blob.bin"
    made = expect(201, server.call("POST", path, content, headers={"Content-Type": "application/octet-stream"}))
    assert made.json() == {"Path": path.removeprefix("files"), "Size": len(content)}
    head = expect(200, server.call("HEAD", path))
    assert head.headers["X-DRP-SHA256SUM"] == digest and head.headers["Content-Length"] == str(len(content))
    assert head.headers["ETag"] == f'"SHA256:{digest}"'
    assert expect(200, server.call("GET", path)).content == content
    assert server.call("GET", path, headers={"If-None-Match": f'"SHA256:{digest}"'}).status_code == 304
    for spec, piece in (("0-9", content[:10]), ("100000-", content[100000:]), ("-5", content[-5:]),
                        ("299999-400000", content[299999:])):
        part = expect(206, server.call("GET", path, headers={"Range": f"bytes={spec}"}))
        assert part.content == piece
        assert re.fullmatch(rf"bytes \d+-\d+/{len(content)}", part.headers["Content-Range"])
    assert server.call("GET", path, headers={"Range": "bytes=300000-"}).status_code == 416
    for url in (f"http://127.0.0.1:{server.static_port}", f"https://127.0.0.1:{server.static_secure_port}"):
        assert requests.get(f"{url}/{path}", verify=False, timeout=10).content == content, "no login needed"
        assert requests.get(f"{url}/data/data.mdb", verify=False, timeout=10).status_code == 404
        assert requests.post(f"{url}/{path}", b"x", verify=False, timeout=10).status_code in (403, 404, 405)
    folder = path.split("/")[1]
    assert server.get(f"files?path={folder}") == ["deep/"]
    assert "deep/blob.bin" in server.get(f"files?path={folder}&all=true")
    refused(404, server.call("GET", f"files/{folder}"), ["Not a regular file"], Model="files", Key=f"/{folder}")
    refused(404, server.call("DELETE", f"files/{folder}"), ["Unable to delete"], Key=f"/{folder}")
    refused(409, server.call("POST", f"{path}/below", b"x"), ["Failed to ensure final directory for below exists"])
    expect(201, server.call("POST", path, b"short"))
    assert server.call("GET", path).content == b"short", "replaced"
    assert server.call("DELETE", path).status_code in (200, 204)
    refused(404, server.call("GET", path), ["Not a regular file"], Key=path.removeprefix("files"))


def test_uploads_without_length_and_cut_uploads(server):
    path = f"isos/{name()}.iso"
    made = server.call("POST", path, b"a" * 140_000)
    assert made.json() == {"Path": path.removeprefix("isos/"), "Size": 140_000}
    chunks = server.session.post(server.url + "/api/v3/" + path, data=(b"c" * 1000 for _ in range(50)), timeout=10)
    assert expect(201, chunks).json()["Size"] == 50_000
    with connect(server.api_port) as cut:
        cut.sendall(f"POST /api/v3/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n".encode() + LOGIN +
                    b"\r\nhalf")
    time.sleep(0.2)
    assert server.call("GET", path).content == b"c" * 50_000, "a cut upload replaces nothing"
    assert not [file for file in server.get("isos") if file != path.removeprefix("isos/")], "and leaves nothing"


@pytest.mark.parametrize("path", ["files/../drp-id", "files/%2e%2e/drp-id", "files/a/%2e%2e/%2e%2e/server.key",
                                  "files/..%2f..%2fserver.key", "files//etc/passwd", "files/%00", "files/a%00b",
                                  "files/" + "x" * 5000])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_files_stay_in_their_folder(server, path, method):
    request = (f"{method} /api/v3/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n".encode()
               + LOGIN + b"\r\nx")
    with connect(server.api_port) as connection:
        answer = talk(connection, request)
    status = int(answer.split(b" ")[1])
    inside = path == "files//etc/passwd"
    assert (200 <= status < 500) if inside else (400 <= status < 500), answer[:200]
    assert b"PRIVATE" not in answer and b"root:" not in answer
    assert (server.root / "drp-id").read_text().strip() == "S"
    assert not (server.root.parent / "drp-id").exists()


# -- events

def test_events(server):
    events = events_of(server)
    ack = tell(events, "register profiles.*.*")
    assert (ack["Type"], ack["Action"], ack["Key"]) == ("websocket", "register", "profiles.*.*")
    key = name()
    server.create("profiles", {"Name": key})
    server.patch(f"profiles/{key}", ("add", "/Description", "x"))
    expect(200, server.call("POST", f"profiles/{key}/params/count", "1"))
    server.delete(f"profiles/{key}")
    seen = [json.loads(events.recv()) for _ in range(4)]
    assert [event["Action"] for event in seen] == ["create", "update", "save", "delete"]
    assert all((event["Type"], event["Key"], event["Object"]["Name"]) == ("profiles", key, key) for event in seen)
    assert seen[0]["Original"] is None and seen[1]["Original"]["Description"] == ""
    assert seen[0]["Principal"] == f"user:{USER}" and re.match(r"20\d\d-\d\d-\d\dT", seen[0]["Time"])
    tell(events, "register profiles.create,delete.*")
    assert tell(events, "deregister profiles.*.*")["Action"] == "deregister"
    server.create("profiles", {"Name": key})
    server.patch(f"profiles/{key}", ("add", "/Description", "y"))
    server.delete(f"profiles/{key}")
    assert [json.loads(events.recv())["Action"] for _ in range(2)] == ["create", "delete"]
    for wrong in ("register", "register x", "register a.b", "nonsense", "register " + "x" * 100_000, ""):
        ack = tell(events, wrong)
        assert ack["Type"] == "websocket", "errors are acknowledged too"
    dotted = f"{key}.with,dots"
    tell(events, "register custom.made." + dotted.replace(".", "\\1").replace(",", "\\2"))
    posted = server.call("POST", "events", {"Type": "custom", "Action": "made", "Key": dotted, "Object": {"a": [1]}})
    assert posted.status_code in (200, 204)
    event = json.loads(events.recv())
    assert (event["Key"], event["Object"]) == (dotted, {"a": [1]})
    events.close()


def test_event_logins_and_rights(server):
    for login in (None, f"{USER}:wrong"):
        with pytest.raises(websocket.WebSocketBadStatusException) as stopped:
            events_of(server, login=login)
        assert stopped.value.status_code == 401
    token = server.get(f"users/{USER}/token")["Token"]
    for query in (f"token={token}", f"Token={token}", f"token={USER}:{PASSWORD}"):
        events_of(server, f"/api/v3/ws?{query}", login=None).close()
    assert as_user(server).get(server.url + f"/api/v3/info?token={token}").status_code == 401, "websockets only"
    profile = server.create("profiles", {"Name": name()})
    hidden = server.create("profiles", {"Name": name()})
    user, password = add_user(server, add_role(server, ("profiles", "get", profile["Name"])))
    events = events_of(server, login=f"{user}:{password}")
    tell(events, "register *.*.*")
    server.patch(f"profiles/{hidden['Name']}", ("add", "/Description", "x"))
    server.create("machines", {"Name": name()})
    server.patch(f"profiles/{profile['Name']}", ("add", "/Description", "x"))
    assert json.loads(events.recv())["Key"] == profile["Name"]
    events.close()


def test_a_slow_reader_is_dropped_alone(site):
    """Unsent bytes are limited by --max-websocket-queue, however few the events are."""
    made = site.server("W", flags=["--max-websocket-queue", "1MiB"]).start()
    slow = events_of(made, sockopt=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)])
    healthy = events_of(made)
    seen = []

    def listen():
        with contextlib.suppress(websocket.WebSocketException, OSError):
            while text := healthy.recv():  # nothing: it was closed
                seen.append(json.loads(text)["Key"])
    for events in (slow, healthy):
        tell(events, "register templates.*.*")
    threading.Thread(target=listen, daemon=True).start()
    keys = []
    for number in range(40):
        keys.append(made.create("templates", {"ID": f"t-{number:03}", "Contents": "x" * 500_000})["ID"])
        wait_until("the healthy reader has every event", lambda: seen == keys)
    wait_until("the slow one is dropped", timeout=5,
               condition=lambda: made.metrics()["mullion_api_websockets_dropped_total"] == 1)
    healthy.close()
    slow.close()


# -- limits

def test_bodies_that_are_too_large(tight):
    body = json.dumps({"Name": "big", "Description": "x" * 70_000})
    refused(413, tight.call("POST", "profiles", body, headers={"Content-Type": "application/json"}))
    chunks = tight.session.post(tight.url + "/api/v3/profiles", data=(b" " * 1000 for _ in range(100)), timeout=10)
    assert chunks.status_code == 413
    refused(413, tight.call("POST", "files/big", b"x" * (1 << 20 | 1)))
    refused(404, tight.call("GET", "files/big"))
    expect(201, tight.call("POST", "files/fits", b"x" * (1 << 20)))
    with connect(tight.api_port) as connection:
        connection.sendall(b"POST /api/v3/profiles HTTP/1.1\r\nHost: x\r\n" + LOGIN)
        answer = talk(connection, b"Content-Length: 18446744073709551615\r\n\r\n{}")
    assert answer.split(b" ")[1] in (b"413", b"400")
    assert tight.get("info")


def test_headers_that_are_too_large(tight):
    assert tight.call("GET", "info", headers={"X-Much": "x" * 9000}).status_code == 431
    assert tight.call("GET", "info", headers={f"X-{number}": "x" for number in range(2000)}).status_code == 431
    with connect(tight.api_port) as connection:
        assert talk(connection, b"GET /" + b"x" * 10_000).split(b" ")[1] == b"431"


def test_json_that_nests_too_deep(tight, server):
    for levels, status in ((20, 400), (10, 201)):
        value = "[" * levels + "]" * levels
        expect(status, tight.call("POST", "profiles", '{"Name":"deep","Params":{"deep":' + value + "}}"))
    for text in ("[" * 1_000_000, '{"a":' * 1_000_000, "[" * 100 + "]" * 100):
        refused(400, server.call("POST", "profiles", text))
        refused(400, server.call("PATCH", "profiles/global", text))


def test_connections_have_a_limit(tight):
    wait_until("earlier connections end", lambda: tight.metrics()["mullion_api_connections"] == 0, timeout=8)
    held = [connect(tight.api_port) for _ in range(12)]
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connect(tight.api_port)  # closed before the handshake
    assert requests.get(f"http://127.0.0.1:{tight.metrics_port}/metrics", timeout=5).ok, "each port has its own"
    for connection in held:
        connection.close()
    wait_until("there is room again", lambda: tight.call("GET", "info").status_code == 200, timeout=5)


@pytest.mark.parametrize("kind,seconds", [
    ("nothing", 2), ("half a handshake", 1), ("handshake only", 2), ("header drop by drop", 1), ("half a body", 1)])
def test_slow_clients_are_cut(tight, kind, seconds):
    connection = connect(tight.api_port, tls=kind not in ("nothing", "half a handshake"))
    begin = time.monotonic()
    if kind == "half a handshake":
        connection.sendall(bytes.fromhex("16030100f0"))
    if kind == "half a body":
        connection.sendall(b"POST /api/v3/profiles HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n" + LOGIN + b"\r\n{")
    if kind == "header drop by drop":
        with contextlib.suppress(OSError):
            connection.sendall(b"GET /api/v3/info HTTP/1.1\r\n")
            for number in range(40):
                connection.sendall(f"X-{number}: x\r\n".encode())
                time.sleep(0.1)
    talk(connection, timeout=8)
    assert time.monotonic() - begin < seconds + 3
    connection.close()


def test_a_reader_that_stops_is_cut(tight):
    """An answer that is not taken holds its connection for --body-timeout only."""
    expect(201, tight.call("POST", "files/large", os.urandom(1 << 20)))
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.connect(("127.0.0.1", tight.static_port))
    plain.sendall(b"GET /files/large HTTP/1.1\r\nHost: x\r\n\r\n" * 12)
    time.sleep(2.5)
    taken = len(talk(plain, timeout=5))
    assert taken < 12 * (1 << 20), "cut before everything was sent"


def test_a_half_open_connection_is_answered(tight):
    """A client that closes its sending side after its request gets its answer."""
    plain = connect(tight.static_port, tls=False)
    expect(201, tight.call("POST", "files/small", b"content"))
    plain.sendall(b"GET /files/small HTTP/1.1\r\nHost: x\r\n\r\n")
    plain.shutdown(socket.SHUT_WR)
    assert talk(plain).endswith(b"content")


GARBAGE = {
    "random": os.urandom(3000), "zeros": bytes(5000), "a blank": b" ", "line ends": b"\r\n" * 1000,
    "quit": b"QUIT\r\n\r\n",
    "tls hello to plain": bytes.fromhex("1603010200010001fc0303") + os.urandom(512),
    "http/9": b"GET / HTTP/9.9\r\n\r\n", "no version": b"GET /\r\n\r\n",
    "bad header": b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    "two lengths": b"POST /api/v3/profiles HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": b"POST /x HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "negative length": b"POST /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "bad chunk": b"POST /api/v3/profiles HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + LOGIN + b"\r\nzz\r\n",
    "folded header": b"GET / HTTP/1.1\r\nA: b\r\n c: d\r\n\r\n", "nul in header": b"GET / HTTP/1.1\r\nA: \0\r\n\r\n",
}


@pytest.mark.parametrize("what", GARBAGE)
@pytest.mark.parametrize("port,tls", [("api_port", False), ("api_port", True), ("static_port", False),
                                      ("static_secure_port", True), ("metrics_port", False)])
def test_garbage_is_survived(tight, what, port, tls):
    connection = connect(getattr(tight, port), tls=tls)
    with contextlib.suppress(OSError):
        connection.sendall(GARBAGE[what])
        connection.shutdown(socket.SHUT_WR)
    answer = talk(connection, timeout=6)
    connection.close()
    if answer.startswith(b"HTTP/1.1 ") and what not in ("no version",):
        assert 200 <= int(answer.split(b" ")[1]) < 500, answer[:200]
    assert tight.process.poll() is None


def test_the_tight_server_is_still_well(tight):
    wait_until("it answers", lambda: tight.call("GET", "info").status_code == 200, timeout=5)
    tight.create("machines", {"Name": name()})


# -- full

def test_a_full_database_refuses_writes_alone(site):
    made = site.server("F", flags=["--map-size", "8MiB", "--log-max-bytes", "1MiB"]).start()
    session = as_user(made, USER, PASSWORD)
    keys, status = [], 201
    while status == 201 and len(keys) < 2000:
        key = f"t-{len(keys):04}"
        answer = session.post(session.url + "templates", timeout=10,
                              json={"ID": key, "Contents": os.urandom(50_000).hex()})
        status = answer.status_code
        if status == 201:
            keys.append(key)
    refused(507, answer)
    assert len(keys) > 20
    rows = made.objects("templates", "?slim=Params&Bundle=")
    assert {row["ID"] for row in rows if row["ID"].startswith("t-")} == set(keys)
    assert made.get(f"templates/{keys[0]}")["ID"] == keys[0]
    # What a view that was open kept from being used again may make room once more.
    wait_until("it is full for good", timeout=10, condition=lambda: made.call(
        "POST", "templates", {"ID": name(), "Contents": os.urandom(50_000).hex()}).status_code == 507)
    assert made.metrics()["mullion_store_objects"] > len(keys)
    for key in keys[:len(keys) // 2]:
        made.delete(f"templates/{key}")
    wait_until("what was deleted makes room", timeout=10, pause=0.2, condition=lambda: made.call(
        "POST", "templates", {"ID": name(), "Contents": os.urandom(50_000).hex()}).status_code == 201)
    made.kill()
    made.start()
    assert made.get(f"templates/{keys[-1]}")["ID"] == keys[-1]


# -- metrics

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*\})? '
                    r'([-+]?(?:Inf|NaN|[0-9.]+(?:[eE][-+]?[0-9]+)?))( -?[0-9]+)?$')


def test_metrics_are_prometheus_text(server):
    server.get("machines")
    answer = requests.get(f"http://127.0.0.1:{server.metrics_port}/metrics", timeout=5)
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4") and answer.text.endswith("\n")
    kinds, helped, seen, closed, family = {}, set(), {}, set(), None
    for line in answer.text.splitlines():
        if line.startswith("# HELP "):
            assert line.split(" ")[2] not in helped
            helped.add(line.split(" ")[2])
            continue
        if line.startswith("# TYPE "):
            _, _, current, kind = line.split(" ")
            assert kind in ("counter", "gauge", "histogram") and current not in kinds
            kinds[current] = kind
            continue
        match = SAMPLE.match(line)
        assert match, line
        sample, labels, value, _ = match.groups()
        base = re.sub("_(bucket|sum|count)$", "", sample) if sample not in kinds else sample
        assert base in kinds and base in helped, line
        if base != family:
            assert base not in closed, f"{base} is not in one piece"
            closed.add(family)
            family = base
        assert (sample, labels) not in seen, line
        seen[sample, labels] = float(value)
        assert kinds[base] != "counter" or sample.endswith("_total")
    buckets = {}
    for (sample, labels), value in seen.items():
        if sample.endswith("_bucket"):
            rest, bound = re.match(r'^\{(.*?),?le="([^"]*)"\}$', labels).groups()
            buckets.setdefault((sample.removesuffix("_bucket"), rest), []).append((float(bound), value))
    assert buckets
    for (base, rest), steps in buckets.items():
        assert steps == sorted(steps) and [count for _, count in steps] == sorted(count for _, count in steps)
        assert steps[-1] == (float("inf"), seen[f"{base}_count", f"{{{rest}}}" if rest else None])
    assert seen["mullion_api_websockets", None] >= 0
    expected = yaml.safe_load((ROOT / "schema" / "metrics.yaml").read_text())["metrics"]
    documented = {metric["name"] for metric in expected}
    assert set(kinds) <= documented
    assert requests.get(f"http://127.0.0.1:{server.metrics_port}/other", timeout=5).status_code == 404
