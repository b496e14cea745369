"""Hostile and broken peers: endpoints that lie to a manager, and sinks that abuse a source."""
import base64
import contextlib
import json
import os
import socket
import threading
import time

import pytest
import requests
import websocket

import fake_endpoint as fake
import harness
import uuid
from fake_endpoint import at, commit, hello, item, owner, owners, ping, snapshot_begin, snapshot_end
from harness import PASSWORD, USER, expect, wait_equal, wait_until

# The tests that run again with endpoints that are followed by their public API: the others are about the stream, and
# test_existing_servers.py has what is like them there.
FOLLOWED_TOO = ("test_add_endpoint_survives_every_answer",)
MIB = 1 << 20


def rss(server):
    """Resident bytes of a server's process."""
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


class Scene:
    """A manager M above an honest leaf A, and whatever a test puts beside it."""

    def __init__(self, site):
        self.site = site
        self.leaf, self.manager = site.start("A", "M")
        self.manager.become_manager().attach(self.leaf)
        self.machine = self.leaf.create("machines", {"Name": "honest"})
        wait_equal(self.leaf, self.manager)
        self.certificate = fake.make_certificate(site.directory, "fake")
        self.attached = []
        self.count = 0
        self.base = rss(self.manager)

    def endpoint(self, endpoint_id, script):
        made = fake.FakeEndpoint(endpoint_id, script, self.certificate)
        self.site.others.append(made)
        return made

    def attach(self, endpoint_id, script):
        made = self.endpoint(endpoint_id, script)
        self.attached.append(made)
        expect(200, self.manager.add_endpoint(made))
        return made

    def detach(self):
        """Everything that was attached goes."""
        while self.attached:
            endpoint = self.attached.pop()
            endpoint.close()
            assert not endpoint.failures, endpoint.failures
            self.manager.delete(f"endpoints/{endpoint.id}")
        wait_until("they are gone", lambda: self.manager.count("endpoints") == 1)

    def trouble(self, endpoint_id, text="", timeout=harness.PATIENCE):
        """Waits for a failure with these words to be shown; answers the text."""
        seen = []

        def shown():
            assert self.manager.process.poll() is None, f"the manager is gone: {self.manager.process.returncode}"
            status = self.manager.status(endpoint_id)
            seen.append(status)
            return status if status.startswith(("Error: ", "Lost: ")) and text.lower() in status.lower() else None
        try:
            return wait_until(f"{endpoint_id} shows `{text}`", shown, timeout)
        except AssertionError as failure:
            raise AssertionError(f"{failure}; shown: {sorted(set(seen))}") from None

    def unharmed(self, growth=96 * MIB):
        """The manager is up and answers at once; the honest leaf is connected, its changes arrive within a second."""
        assert self.manager.process.poll() is None, "the manager is gone"
        begin = time.monotonic()
        assert self.manager.count("machines", "?Endpoint=A") == 1
        assert time.monotonic() - begin < 1
        assert self.manager.status("A") == "Connected"
        self.count += 1
        text = f"change {self.count}"
        self.leaf.patch(f"machines/{self.machine['Uuid']}", ("add", "/Description", text))
        wait_until("the leaf's change arrives", timeout=1.5, condition=lambda: self.manager.get(
            f"machines/{self.machine['Uuid']}")["Description"] == text)
        assert rss(self.manager) - self.base < growth, "memory of the manager"


class Stage:
    """The scene of all tests, built anew after one that broke it."""

    def __init__(self):
        self.scene = None

    def get(self):
        if self.scene is None:
            self.scene = Scene(harness.Site())
        return self.scene

    def clear(self, keep_logs=False):
        if self.scene is not None:
            self.scene.site.close(keep_logs)
        self.scene = None


@pytest.fixture(scope="module")
def stage():
    made = Stage()
    yield made
    made.clear()


@pytest.fixture
def scene(stage, request):
    made = stage.get()
    made.base = rss(made.manager)
    yield made
    if getattr(request.node, "failed", False):
        stage.clear(keep_logs=True)
    else:
        made.detach()


@pytest.fixture(scope="module", autouse=True)
def slow_scene():
    """What takes long to notice begins at once and is looked at in the end."""
    if harness.FOLLOWING:
        yield None  # nobody looks
        return
    made = Scene(harness.Site())

    def speaks_without_hello(stream):
        stream.send(owners(owner("HELLOLESS")), at(1))
        stream.idle()

    def hangs_up_after_hello(stream):
        stream.send(hello("FICKLE"), owners(owner("FICKLE")), at(1))

    made.hang_ups = [made.attach("BUSY", lambda stream: stream.close()), made.attach("FICKLE", hangs_up_after_hello)]
    made.begin = time.monotonic()
    made.attach("SILENT", lambda stream: time.sleep(120))
    made.attach("HELLOLESS", speaks_without_hello)
    made.attach("HANGS", lambda stream: stream.close()).before_login = lambda: time.sleep(120)
    made.attach("DEAF", lambda stream: stream.close()).before_tls = lambda connection: time.sleep(120) or True
    made.shown = {}
    over = threading.Event()

    def note_what_is_shown():
        session = requests.Session()
        session.auth, session.verify, session.trust_env = (USER, PASSWORD), False, False
        while not over.wait(0.05):
            for row in session.get(made.manager.url + "/api/v3/endpoints?Endpoint=M", timeout=10).json():
                made.shown.setdefault(row["Id"], set()).add(row["ConnectionStatus"])
    watcher = threading.Thread(target=note_what_is_shown, daemon=True)
    watcher.start()
    yield made
    over.set()
    watcher.join()
    made.site.close()


# -- endpoints that break the protocol

def says(*records):
    """Says its hello and these records when it is asked for its objects."""
    def script(stream):
        name = stream.endpoint.id
        stream.send(hello(name), owners(owner(name)))
        stream.await_record("subscribe")
        stream.send(*records)
        stream.idle()
    return script


def frames(*data, opcode=2):
    def script(stream):
        for piece in data:
            stream.send_frame(piece, opcode)
        stream.idle()
    return script


def copies(*objects):
    return says(at(1), snapshot_begin("FAKE"), *objects, snapshot_end("FAKE"))


BROKEN = {
    "garbage": (frames(os.urandom(5000)), "replication stream"),
    "empty message": (frames(b""), "replication stream"),
    "text of garbage": (frames(b"good morning", opcode=1), "replication stream"),
    "zstd of garbage": (frames(fake.zstd_frame(os.urandom(5000))), "replication stream"),
    "zstd of blanks": (frames(fake.zstd_bomb(100_000)), "replication stream"),
    "claims more than the limit": (frames(fake.zstd_bomb(65 * MIB)), "too large"),
    "claims an exabyte": (frames(fake.zstd_bomb(MIB, claimed=1 << 60)), "too large"),
    "holds more than it claims": (frames(fake.zstd_bomb(600 * MIB, claimed=1000)), "damaged"),
    "holds less than it claims": (frames(fake.zstd_frame(b"{}\n", claimed=60 * MIB)), "damaged"),
    "cut frame": (frames(fake.pack(hello("FAKE"))[:-9]), "damaged"),
    "deep nesting": (frames(fake.zstd_frame(b"[" * 5 * MIB)), "replication stream"),
    "unknown websocket opcode": (frames(b"x", opcode=5), ""),
    "hello with a wrong member": (frames(fake.pack(hello("FAKE", protocol="one"))), "protocol"),
    "hello of an old protocol": (frames(fake.pack(hello("FAKE", protocol=0))), "protocol 0"),
    "hello with another id": (frames(fake.pack(hello("SOMEBODY"))), "calls itself SOMEBODY"),
    "commit without its place": (says(at(1), '{"t":"commit","owner":"FAKE"}'), "commit"),
    "negative number": (says(at(-1)), "seq"),
    "copy without an owner": (says(at(1), '{"t":"snapshot-begin","epoch":"aa","origin":1}'), "owner"),
    "body that is not JSON": (copies(item("object", "machines", "m", "nonsense")), "replication stream"),
    "body that is a list": (copies(item("object", "machines", "m", "[]")), "body"),
    "body that is absent": (copies(item("object", "machines", "m")), "body"),
    "body that is not last": (copies('{"t":"object","body":{"a":1},"type":"machines","key":"m"}'), "body"),
    "body within the key": (copies('{"t":"object","type":"machines","key":"\\"body\\":{","x":1}'), "body"),
    "body with its own Endpoint": (copies(item("object", "machines", "m", {"Uuid": "m", "Endpoint": "A"})), "Endpoint"),
    "keys out of order": (copies(item("object", "machines", "n", {}), item("object", "machines", "m", {})),
                          "out of order"),
    "same key twice": (copies(item("object", "machines", "m", {}), item("object", "machines", "m", {})),
                       "out of order"),
    "types out of order": (copies(item("object", "stages", "m", {}), item("object", "machines", "m", {})),
                           "out of order"),
    "object outside of a copy": (says(at(1), item("object", "machines", "m", {})), "outside of a copy"),
    "end of a copy that never began": (says(at(1), snapshot_end("FAKE")), "did not begin"),
    "owner without a name": (says(owners(owner("FAKE"), owner("", "FAKE"))), "wrong way"),
    "owner on a way of others": (says(owners(owner("FAKE"), owner("X", "OTHER"))), "wrong way"),
    "itself on a way": (says(owners(owner("FAKE", "A"))), "wrong way"),
    "key of a megabyte": (copies(item("object", "machines", "k" * MIB, {})), ""),
    "type of a megabyte": (copies(item("object", "t" * MIB, "k", {})), ""),
    "type that is malformed": (copies(item("object", "machines\x01\n", "k", {})), ""),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_breaks_the_protocol_ends_the_session_alone(scene, case):
    script, text = BROKEN[case]
    endpoint = scene.attach("FAKE", script)
    scene.trouble("FAKE", text)
    scene.unharmed()


@pytest.mark.parametrize("victim", ["A", "M", "", "\u0001layers", "NOBODY"])
@pytest.mark.parametrize("means", ["copy", "large copy", "range", "commit"])
def test_nobody_speaks_for_others(scene, victim, means):
    """Objects that an endpoint sends as another owner's (the manager's own among them) come to nothing."""
    intruder = {"Name": "intruder", "Available": True, "Validated": True, "Roles": ["superuser"]}
    user = item("object", "users", "intruder", intruder)
    bulk = [item("object", "templates", f"bulk-{n:03}", {"ID": f"bulk-{n:03}", "Contents": "x" * 20_000})
            for n in range(60 if means == "large copy" else 0)]
    span = {"owner": victim, "type": "users"}
    records = {
        "commit": [item("change", "users", "intruder", intruder), commit(victim, 5)],
        "range": [{"t": "range-begin", **span, "from": "", "to": ""}, user,
                  {"t": "range-end", **span, "seq": 5, "digests": []}],
    }.get(means, [snapshot_begin(victim), *bulk, user, snapshot_end(victim)])

    def script(stream):
        stream.begin()
        time.sleep(0.1)
        stream.send(*records)
        stream.send(ping())
        stream.idle()
    before = scene.manager.objects("users"), scene.manager.count("machines"), scene.manager.count("templates")
    endpoint = scene.attach("FAKE", script)
    wait_until("the stream begins", lambda: endpoint.streams)
    if means == "commit":  # may be on its way when an owner is given up: passed over
        time.sleep(0.4)
    else:
        scene.trouble("FAKE", "speaks for")
    after = scene.manager.objects("users"), scene.manager.count("machines"), scene.manager.count("templates")
    assert after == before
    scene.unharmed()


def test_owners_that_would_make_a_loop_are_not_followed(scene):
    """The manager's own id, and ways through the manager, are what every loop announces: refused, no error."""
    def script(stream):
        stream.begin(owner("M", "FAKE"), owner("FAR", "M", "FAKE"), owner("A", "M", "FAKE"))
        stream.idle()
    before = scene.manager.objects("machines")
    endpoint = scene.attach("FAKE", script)
    scene.manager.wait_status("FAKE", "Connected")
    wait_until("a subscription", lambda: [record for record in endpoint.heard if record["t"] == "subscribe"])
    time.sleep(0.3)
    asked = {wanted["owner"] for record in endpoint.heard if record["t"] == "subscribe" for wanted in record["owners"]}
    assert asked == {"FAKE"}
    log = scene.manager.log()
    assert "owner refused owner=M through=FAKE" in log and "owner refused owner=FAR through=FAKE" in log
    assert scene.manager.objects("machines") == before
    expect(404, scene.manager.call("GET", "/FAR/api/v3/info"))
    scene.unharmed()


def test_an_owner_that_is_back_is_believed_again(scene):
    """While a leaf is down another way to it may be taken, and may lie; the leaf's own word counts once it is back."""
    def script(stream):
        stream.begin(owner("A", "FAKE"))
        while True:
            for record in stream.receive():
                if record["t"] == "subscribe" and "A" in [wanted["owner"] for wanted in record["owners"]]:
                    stream.send(snapshot_begin("A", 9), item("object", "machines", "forged", {"Name": "forged"}),
                                snapshot_end("A", 9))
                stream.send(ping())
    scene.attach("FAKE", script)
    scene.manager.wait_status("FAKE", "Connected")
    scene.leaf.kill()
    wait_until("the other way is taken", lambda: scene.manager.count("machines", "?Name=forged") == 1)
    scene.leaf.start()
    scene.manager.wait_status("A", "Connected")
    wait_equal(scene.leaf, scene.manager, collections=["machines"], timeout=4)
    scene.unharmed()


# -- endpoints that give too much

def flood(make_frame, seconds=1.2):
    def script(stream):
        stream.begin()
        end = time.monotonic() + seconds
        number = 0
        while time.monotonic() < end:
            number += 1
            stream.send_frame(make_frame(number))
        stream.send_frame(b"that was all")
        stream.idle()
    return script


FLOOD_MEMORY = 512 * MIB  # a commit of 256 MiB may be under way, with what holds it
BLANK_CHANGE = item("change", "machines", "m", {"Description": "x" * 1000})
FLOODS = {
    "pings": flood(lambda number: fake.pack(*[ping()] * 1000)),
    "unknown records": flood(lambda number: fake.pack(*['{"t":"fresh","x":"' + "x" * 1000 + '"}'] * 1000)),
    "changes that never become a commit": flood(lambda number: fake.pack(*[BLANK_CHANGE] * 1000)),
    "large states": flood(lambda number: fake.pack('{"t":"state","body":{"n":%d,"x":"%s"}}' % (number, "x" * 500_000))),
    "owners by the thousand": flood(lambda number: fake.pack(
        owners(owner("FAKE"), *[owner(f"o-{number}-{n}", "FAKE") for n in range(3000)]))),
    "commits of one machine": flood(lambda number: fake.pack(
        *[line for n in range(300) for line in (BLANK_CHANGE, commit("FAKE", number * 300 + n))])),
}


@pytest.mark.parametrize("what", FLOODS)
def test_a_flood_drowns_nobody(scene, what):
    endpoint = scene.attach("FAKE", FLOODS[what])
    wait_until("the flood begins", lambda: endpoint.streams)
    end = time.monotonic() + 1.2
    while time.monotonic() < end:
        scene.unharmed(growth=FLOOD_MEMORY)
        time.sleep(0.2)
    scene.trouble("FAKE")
    scene.unharmed(growth=FLOOD_MEMORY)


def test_a_message_without_end_is_refused(scene):
    """A websocket message that is announced with 2^62 bytes is not waited for."""
    def script(stream):
        stream.send_bytes(bytes([0x82, 127]) + (1 << 62).to_bytes(8, "big") + b"x" * 1000)
        stream.idle()
    endpoint = scene.attach("FAKE", script)
    scene.trouble("FAKE")
    scene.unharmed()


# -- endpoints that are not there

def test_another_certificate_is_refused_until_its_fingerprint_is_given(scene):
    def script(stream):
        stream.begin()
        stream.idle()
    endpoint = scene.attach("FAKE", script)
    scene.manager.wait_status("FAKE", "Connected")
    params = scene.manager.get("endpoints/FAKE")["Params"]
    assert params["manager/fingerprint"] == fake.fingerprint(scene.certificate), "the first one is kept"
    other = fake.make_certificate(scene.site.directory, "other")
    streams = endpoint.streams
    endpoint.use_certificate(other)
    endpoint.cut()
    assert scene.trouble("FAKE", "fingerprint").startswith("Error: ")
    time.sleep(1)
    assert scene.trouble("FAKE", "fingerprint") and endpoint.streams == streams, "no login is sent to a stranger"
    scene.unharmed()
    expect(200, scene.manager.call("POST", "endpoints/FAKE/params/manager/fingerprint",
                                   json.dumps(fake.fingerprint(other)), headers={"Content-Type": "application/json"}))
    scene.manager.wait_status("FAKE", "Connected", timeout=10)


def test_another_server_in_its_place_is_refused(scene):
    def script(stream):
        stream.begin()
        stream.idle()
    endpoint = scene.attach("FAKE", script)
    scene.manager.wait_status("FAKE", "Connected")
    endpoint.id = "IMPOSTOR"
    endpoint.cut()
    scene.trouble("FAKE", "IMPOSTOR")
    endpoint.id = "FAKE"
    scene.manager.wait_status("FAKE", "Connected")
    endpoint.features = []
    endpoint.cut()
    scene.trouble("FAKE", "instead of opening a WebSocket")
    scene.unharmed()


# -- endpoints that answer wrongly

def http(body, length=None, status="200 OK", more=""):
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n{more}\r\n{body}".encode()


def info(**changes):
    return http(json.dumps({"id": "FAKE", "ha_id": "FAKE", "features": ["replication-stream"], **changes}))


LOGIN_ANSWERS = {
    "garbage": b"\x00\x01\x02 what?\r\n\r\n", "nothing": b"", "half a header": b"HTTP/1.1 200 OK\r\nContent-",
    "endless header": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000,
    "less than promised": http("{}", length=5000), "more than anybody has": http("{}", length=1 << 60),
    "too much": http('{"Token":"' + "x" * (17 * MIB) + '"}'), "no JSON": http("<html>"), "a list": http("[]"),
    "no token": http("{}"), "a token of another kind": http('{"Token":7}'), "deep": http("[" * 100_000),
    "a token with a line break": http('{"Token":"a\\r\\nX-Evil: 1"}'), "elsewhere": http("", status="302 Found"),
    "failure": http("{}", status="500 Oops"), "a strange status": http("{}", status="999 What"),
}
INFO_ANSWERS = {
    "no JSON": http("x"), "no id": http("{}"), "id of another kind": info(id=7, ha_id=7),
    "empty id": info(id="", ha_id=""),
    "id of the manager": info(ha_id="M"), "id of another endpoint": info(ha_id="A"),
    "id with a slash": info(ha_id="../A"),
    "id with a control character": info(ha_id="a\u0001layers"),
    "id of ten thousand characters": info(ha_id="x" * 10_000), "id of bad text": info(ha_id="\ud800"),
}


@pytest.mark.parametrize("where,what", [*(("/api/v3/users/", what) for what in LOGIN_ANSWERS),
                                        *(("/api/v3/info", what) for what in INFO_ANSWERS)])
def test_add_endpoint_survives_every_answer(scene, where, what):
    endpoint = scene.endpoint("FAKE", lambda stream: stream.close())
    endpoint.said_instead[where] = (LOGIN_ANSWERS if "users" in where else INFO_ANSWERS)[what]
    before = scene.manager.objects("endpoints")
    begin = time.monotonic()
    answer = scene.manager.add_endpoint(endpoint)
    assert 400 <= answer.status_code < 600 and answer.status_code != 500, answer.text
    assert answer.json()["Messages"][0] and len(answer.text) < 2000
    assert time.monotonic() - begin < 11
    assert scene.manager.objects("endpoints") == before
    endpoint.close()
    scene.unharmed()


@pytest.mark.parametrize("what", ["garbage", "nothing", "half a header", "endless header", "no JSON",
                                  "a strange status"])
def test_what_is_forwarded_to_a_broken_endpoint_fails_alone(scene, what):
    def script(stream):
        stream.begin(objects=[item("object", "profiles", "far-away", {"Name": "far-away"})])
        stream.idle()
    endpoint = scene.attach("FAKE", script)
    scene.manager.wait_status("FAKE", "Connected")
    wait_until("the replica is there", lambda: scene.manager.count("profiles", "?Endpoint=FAKE") == 1)
    endpoint.said_instead["/api/v3/profiles"] = LOGIN_ANSWERS[what]
    begin = time.monotonic()
    for method, path in (("GET", "/FAKE/api/v3/profiles"), ("PATCH", "profiles/far-away"),
                         ("DELETE", "profiles/far-away")):
        answer = scene.manager.call(method, path, [] if method == "PATCH" else None)
        if what in ("no JSON", "a strange status"):
            assert answer.status_code in (200, 502, 503, 999), "passes unchanged, or is refused"
        else:
            assert answer.status_code == 503 and "FAKE" in answer.json()["Messages"][0]
    assert time.monotonic() - begin < 5
    assert scene.manager.get("profiles/far-away")["Endpoint"] == "FAKE", "reads go on"
    scene.unharmed()


# -- replicas that differ

class Relay:
    """Passes the stream of a real server on; `bend(lines)` may change what the manager gets of each frame."""

    def __init__(self, server):
        self.server = server
        self.bend = lambda lines: lines
        self.asked = []

    def __call__(self, stream):
        far = open_stream(self.server, stream.target)
        stop = threading.Event()

        def down():
            with contextlib.suppress(fake.Closed, websocket.WebSocketException, OSError):
                while not stop.is_set():
                    frame = far.recv()
                    lines = self.bend(fake.unpack_lines(frame))
                    if lines:
                        stream.send(*lines)
            stream.close()
        threading.Thread(target=down, daemon=True).start()
        try:
            while True:
                frame = stream.receive_frame()
                self.asked += fake.unpack(frame)
                far.send_binary(frame)
        finally:
            stop.set()
            far.close()


@pytest.mark.parametrize("loss", ["a change", "a deletion", "a forged body", "an object of the copy"])
def test_a_replica_that_differs_is_compared_and_repaired(scene, loss):
    real = scene.site.server("REAL-" + loss.replace(" ", "-")).start()
    for number in range(20):
        real.create("machines", {"Name": f"real-{number}"})
    victim = real.create("machines", {"Name": "victim"})["Uuid"]
    relay = Relay(real)
    bent = []

    def bend(lines):
        out = []
        for line in lines:
            about = victim in line and line.startswith(('{"t":"change"', '{"t":"object"'))
            copied = line.startswith('{"t":"object"')
            if bent or not about or copied != (loss == "an object of the copy"):
                out.append(line)
                continue
            bent.append(line)
            if loss == "a forged body":
                out.append(line.replace('"Description":"changed"', '"Description":"forged!"'))
        return out

    if loss == "an object of the copy":
        relay.bend = bend
    endpoint = scene.attach(real.id, relay)
    if loss != "an object of the copy":
        scene.manager.wait_status(real.id, "Connected")
        wait_equal(real, scene.manager, collections=["machines"])
        relay.bend = bend
        if loss == "a deletion":
            real.delete(f"machines/{victim}")
        else:
            real.patch(f"machines/{victim}", ("add", "/Description", "changed"))
    wait_until("something is lost on the way", lambda: bent)
    if loss != "a change":  # without a word of the owner, the next ping shows it
        real.create("profiles", {"Name": "next-word"})
    wait_equal(real, scene.manager, collections=["machines"], timeout=10)
    scene.manager.wait_status(real.id, "Connected")
    asked = [record["t"] for record in relay.asked]
    assert "compare" in asked and "fetch" in asked, asked
    samples = scene.manager.metrics()
    assert samples[f'mullion_replication_digest_mismatches_total{{endpoint="{real.id}"}}'] == 1
    assert samples[f'mullion_replication_snapshots_total{{endpoint="{real.id}"}}'] == 1, "no second copy"
    scene.unharmed()
    real.kill()


def test_digests_that_are_never_right_do_not_make_a_storm(scene):
    """A source whose digests are wrong for ever is asked and asked again, but not without pause."""
    wrong = [{"type": "machines", "digest": "1" * 32, "count": 1}]

    def script(stream):
        stream.begin(objects=[item("object", "machines", "m", {"Uuid": "m", "Name": "m"})])
        stream.send(commit("FAKE", 2, wrong))
        while True:
            for record in stream.receive():
                stream.endpoint.heard.append(record)
                stream.send(ping())
                if record["t"] == "compare":
                    stream.send({"t": "ranges", "owner": "FAKE", "type": "machines",
                                 "ranges": [{"from": "", "to": "", "digest": "2" * 32}]})
                if record["t"] == "fetch":
                    span = {"owner": "FAKE", "type": "machines"}
                    stream.send({"t": "range-begin", **span, "from": "", "to": ""},
                                {"t": "range-end", **span, "seq": 2, "digests": wrong})
                if record["t"] == "subscribe" and len(record["owners"]) == 1:
                    stream.send(snapshot_begin("FAKE"), snapshot_end("FAKE", 2, wrong))
    endpoint = scene.attach("FAKE", script)
    wait_until("it is compared", lambda: [record for record in endpoint.heard if record["t"] == "compare"])
    before = len(endpoint.heard)
    time.sleep(1)
    rounds = len(endpoint.heard) - before
    scene.unharmed()
    assert rounds < 200, f"{rounds} records asked in 1 s"


# -- sinks that abuse a source

def open_stream(server, target="/api/v3/replication/stream", user=USER, password=PASSWORD, **options):
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    return websocket.create_connection(f"wss://127.0.0.1:{server.api_port}{target}", sslopt={"cert_reqs": 0},
                                       header=[f"Authorization: Basic {login}"],
                                       **{"timeout": harness.PATIENCE, **options})


def subscribe(*names, **more):
    return {"t": "subscribe", "owners": [{"owner": name, "follows": False, **more} for name in names]}


def read_until(sink, kind, timeout=10):
    """All records up to the first of this kind."""
    out = []
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        for record in fake.unpack(sink.recv()):
            out.append(record)
            if record["t"] == kind:
                return out
    raise AssertionError(f"no record {kind}; seen: {[record['t'] for record in out]}")


def wait_cut(sink, timeout):
    """Reads until the source ends the conversation; answers how long that took and what was said last."""
    begin = time.monotonic()
    sink.settimeout(timeout)
    reason = ""
    try:
        while time.monotonic() - begin < timeout:
            opcode, data = sink.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                reason = data[2:].decode()
                return time.monotonic() - begin, reason
    except (websocket.WebSocketConnectionClosedException, OSError) as failure:
        if "timed out" in str(failure):
            raise AssertionError(f"not cut within {timeout} s") from None
    assert time.monotonic() - begin < timeout, f"not cut within {timeout} s"
    return time.monotonic() - begin, reason


@pytest.fixture(scope="module")
def whole_source(shared_site):
    server = shared_site.server("S").start()
    server.create("machines", {"Name": "first"})
    return server


@pytest.fixture
def source(whole_source):
    if whole_source.process.poll() is not None:  # one crash is one failed test
        whole_source.start()
    return whole_source


def alive(server):
    assert server.process.poll() is None, f"the source is gone: {server.process.returncode}"
    begin = time.monotonic()
    server.create("profiles", {"Name": f"alive-{time.time_ns()}"})
    assert time.monotonic() - begin < 2


def test_the_stream_needs_its_right(source):
    source.create("roles", {"Name": "reader", "Claims": [{"scope": "*", "action": "list,get", "specific": "*"}]})
    source.create("roles", {"Name": "follower",
                            "Claims": [{"scope": "system", "action": "replicate", "specific": "*"}]})
    for user, role in (("reader", "reader"), ("follower", "follower")):
        source.create("users", {"Name": user, "Roles": [role]})
        expect(200, source.call("PUT", f"users/{user}/password", {"Password": "a good long password"}))
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        open_stream(source, user="reader", password="a good long password")
    assert refused.value.status_code == 403
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        open_stream(source, password="wrong")
    assert refused.value.status_code == 401
    open_stream(source, user="follower", password="a good long password").close()
    expect(400, source.call("GET", "replication/stream"))
    for query in ("?epoch=xyz", "?seq=-1", "?seq=99999999999999999999"):
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            open_stream(source, "/api/v3/replication/stream" + query)
        assert refused.value.status_code == 400


def test_an_honest_sink_gets_a_copy_and_what_follows(source):
    sink = open_stream(source)
    opening = read_until(sink, "owners")
    assert opening[0]["t"] == "hello" and opening[0]["id"] == "S"
    sink.send_binary(fake.pack(hello("python"), subscribe("S")))
    copy = read_until(sink, "snapshot-end")
    kinds = [record["t"] for record in copy]
    assert kinds.index("at") < kinds.index("snapshot-begin") < kinds.index("object")
    assert not [record for record in copy if record.get("type") == "users" and "PasswordHash" in json.dumps(record)]
    machine = source.create("machines", {"Name": f"later-{time.time_ns()}"})
    news = read_until(sink, "commit")
    assert [record["key"] for record in news if record["t"] == "change"] == [machine["Uuid"]]
    sink.close()


@pytest.mark.parametrize("cursor", ["epoch=1&seq=5", "epoch=ffffffffffffffff&seq=18446744073709551615", "seq=1"])
def test_a_cursor_of_nowhere_means_a_copy(source, cursor):
    sink = open_stream(source, "/api/v3/replication/stream?" + cursor)
    sink.send_binary(fake.pack(hello("python"), subscribe("S", follows=True)))
    records = read_until(sink, "snapshot-end")
    assert next(record for record in records if record["t"] == "at")["restart"] is True
    sink.close()


SINK_GARBAGE = {
    "random bytes": os.urandom(3000),
    "empty message": b"",
    "zstd of garbage": fake.zstd_frame(os.urandom(3000)),
    "a bomb": fake.zstd_bomb(65 * MIB),
    "more than claimed": fake.zstd_bomb(600 * MIB, claimed=100),
    "old protocol": fake.pack(hello("python", protocol=0)),
    "subscribe without owners": fake.pack({"t": "subscribe"}),
    "subscribe to a number": fake.pack({"t": "subscribe", "owners": [7]}),
    "too many owners": fake.pack(subscribe(*map(str, range(100_001)))),
}


@pytest.mark.parametrize("what", SINK_GARBAGE)
def test_a_sink_that_breaks_the_protocol_is_cut(source, what):
    sink = open_stream(source)
    read_until(sink, "owners")
    sink.send_binary(SINK_GARBAGE[what])
    wait_cut(sink, 5)
    alive(source)


def test_what_a_sink_asks_for_twice_or_wrongly_does_no_harm(source):
    sink = open_stream(source)
    sink.send_binary(fake.pack(hello("python"), subscribe("S")))
    read_until(sink, "snapshot-end")
    strange = [subscribe("S"), subscribe("S", "NOBODY", "", "\u0001layers"), subscribe("S", "S"),
               *[{"t": "compare", "owner": who, "type": what}
                 for who in ("S", "NOBODY", "") for what in ("machines", "nonsense", "", "users\u0000")],
               {"t": "fetch", "owner": "NOBODY", "type": "machines", "from": "", "to": ""},
               {"t": "fetch", "owner": "S", "type": "machines", "from": "z", "to": "a"},
               {"t": "fetch", "owner": "S", "type": "nonsense", "from": "", "to": ""},
               {"t": "brand-new", "member": 1}, {"t": "ack", "seq": 1 << 63}, ping()]
    for record in strange:
        sink.send_binary(fake.pack(record))
    machine = source.create("machines", {"Name": f"after-{time.time_ns()}"})
    seen = []
    wait_until("the stream goes on", lambda: seen.extend(read_until(sink, "commit")) or
               any(record.get("key") == machine["Uuid"] and record["t"] == "change" for record in seen))
    copied = [record["owner"] for record in seen if record["t"] == "snapshot-begin"]
    assert not {"", "\u0001layers", "NOBODY"} & set(copied), "only owners that are announced are given away"
    sink.send_binary(fake.pack({"t": "subscribe", "owners": []}))
    sink.send_binary(fake.pack({"t": "compare", "owner": "S", "type": "machines"}))
    sink.close()
    alive(source)


def test_secrets_and_layers_never_travel(source):
    sink = open_stream(source)
    sink.send_binary(fake.pack(hello("python"), subscribe("S", "", "\u0001layers")))
    time.sleep(0.3)
    records = read_until(sink, "snapshot-end")
    text = json.dumps(records)
    assert "argon2" not in text and "PasswordHash\": \"$" not in text
    assert not [record for record in records if record["t"] == "snapshot-begin" and record["owner"] != "S"]
    sink.close()


def test_a_sink_that_asks_without_reading_costs_little(source):
    sink = open_stream(source)
    sink.send_binary(fake.pack(hello("greedy"), subscribe("S")))
    read_until(sink, "snapshot-end")
    source.create("templates", {"ID": f"bulk-{time.time_ns()}", "Contents": os.urandom(MIB).hex()})
    before = rss(source)
    everything = {"t": "fetch", "owner": "S", "type": "templates", "from": "", "to": ""}
    with contextlib.suppress(OSError, websocket.WebSocketException):  # may be cut for it
        for _ in range(10):
            sink.send_binary(fake.pack(*[everything] * 900))
    for _ in range(5):
        alive(source)
        time.sleep(0.2)
    assert rss(source) - before < 128 * MIB
    sink.close()


@pytest.fixture
def short_log(shared_site):
    server = shared_site.server("SHORT", flags=["--log-max-bytes", "300KB"]).start()
    yield server
    server.stop()


def fill(server, megabytes, label):
    """Commits that much which no compressor can shrink, half a megabyte each."""
    for number in range(2 * megabytes):
        server.create("templates", {"ID": f"{label}-{number % 10}-{time.time_ns()}",
                                    "Contents": base64.b64encode(os.urandom(380_000)).decode()})


@pytest.mark.parametrize("features", [[], ["changes-in-copies"]])
def test_a_sink_that_falls_behind_the_log_gets_a_copy(short_log, features):
    sink = open_stream(short_log, sockopt=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)])
    sink.send_binary(fake.pack(hello("slow", features=features), subscribe("SHORT")))
    read_until(sink, "snapshot-end")
    fill(short_log, 16, "behind")
    last = short_log.create("machines", {"Name": f"last-{uuid.uuid4().hex[:8]}"})["Uuid"]
    seen = []
    while last not in [record.get("key") for record in seen]:
        seen += [{**record, "body": None} for record in fake.unpack(sink.recv())]
    begin = next(number for number, record in enumerate(seen) if record["t"] == "at" and record["restart"])
    assert "snapshot-begin" in [record["t"] for record in seen[begin:]], "a copy follows the restart"
    sink.close()


# -- what takes long to notice

class LazySinks:
    """Two sinks that do not what they should, and after how many seconds each was cut."""

    def __init__(self, server):
        self.server = server
        self.mute = open_stream(server, timeout=30)
        self.mute_cut = self.mute_reason = self.deaf_cut = None
        self.begin = time.monotonic()
        threading.Thread(target=self._watch_mute, daemon=True).start()
        self.deaf = open_stream(server, sockopt=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)])
        self.deaf.send_binary(fake.pack(hello("deaf"), subscribe(server.id)))
        fill(server, 12, "unread")
        self.base = rss(server)
        fill(server, 12, "unread")
        server.session.close()
        threading.Thread(target=self._watch_deaf, daemon=True).start()

    def _watch_mute(self):
        self.mute_cut, self.mute_reason = wait_cut(self.mute, 30)

    def _watch_deaf(self):
        """It speaks all the time, but does not read; no other connection than its own is left in the end."""
        while self.server.metrics()["mullion_api_connections"] != 0:
            with contextlib.suppress(OSError, websocket.WebSocketException):
                self.deaf.send_binary(fake.pack(ping()))
            time.sleep(0.5)
        self.deaf_cut = time.monotonic() - self.begin


@pytest.fixture(scope="module", autouse=True)
def lazy_sinks():
    if harness.FOLLOWING:
        yield None
        return
    site = harness.Site()
    yield LazySinks(site.server("LAZY").start())
    site.close()


def test_endpoints_that_hang_up_are_left_alone_longer_and_longer(slow_scene):
    """Pauses double from 0.2 s to 15 s, half of each by chance."""
    wait_until("they had time", lambda: time.monotonic() - slow_scene.begin > 6)
    passed = time.monotonic() - slow_scene.begin
    most = 9 if passed < 12 else 9 + passed / 7
    for endpoint in slow_scene.hang_ups:
        assert 3 <= endpoint.streams <= most, f"{endpoint.id}: {endpoint.streams} streams in {passed:.0f} s"
        assert any(status.startswith("Lost: ") for status in slow_scene.shown[endpoint.id])
    slow_scene.unharmed()


def json_answer(body):
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


@pytest.fixture
def planner(scene):
    """`ask(answer)`: a fleet plan of 600 endpoints, whose manager answers with that."""
    ids = [f"P{number:03}" for number in range(600)]

    def tells(stream):
        stream.begin(objects=[item("object", "endpoints", key, {"Id": key}) for key in ids])
        stream.idle()

    endpoint = scene.attach("PLANS", tells)
    wait_until("its endpoints are here", lambda: scene.manager.count("endpoints", "?Endpoint=PLANS") == len(ids))
    wanted = scene.manager.create("version_sets", {"Id": f"set-{uuid.uuid4().hex[:8]}"})["Id"]

    def ask(actions):
        body = {"Groups": [{"Endpoints": ids, "Actions": actions}]}
        endpoint.said_instead["/api/v3/plans"] = json_answer(json.dumps(body, separators=(",", ":")))
        targets = ["A", *ids]
        return expect(200, scene.manager.call("POST", "plans", {"Sets": [wanted], "Targets": targets})).json()
    yield ask
    scene.manager.delete(f"version_sets/{wanted}")


def test_a_plan_of_many_endpoints_takes_no_more_memory_than_it_has(scene, planner):
    """What it says once of all its endpoints is not kept for each of them."""
    lines = 60000
    answer = planner([{"Sha256Sum": str(line), "Bytes": 1} for line in range(lines)])
    assert sorted(group["Count"] for group in answer["Groups"]) == [1, 600]
    assert {link["Artifacts"] for link in answer["Links"]} == {lines}
    scene.unharmed(growth=256 * MIB)


@pytest.mark.parametrize("size", [-1, 1.5, 1e300, "7", None, [], 2**64 - 1])
def test_what_a_site_says_of_sizes_spoils_no_plan_of_others(scene, planner, size):
    answer = planner([{"Name": "x", "Bytes": size}])
    assert sorted(group["Count"] for group in answer["Groups"]) == [1, 600]
    scene.unharmed()


def test_a_sink_that_never_subscribes_is_cut(lazy_sinks):
    wait_until("it is cut", lambda: lazy_sinks.mute_cut, timeout=15)
    assert 8 < lazy_sinks.mute_cut < 13 and "does not subscribe" in lazy_sinks.mute_reason


@pytest.mark.parametrize("endpoint,text", [
    ("HANGS", "did not answer"), ("DEAF", "no connection"), ("SILENT", "no word for 15 seconds"), ("HELLOLESS", "hello")])
def test_an_endpoint_that_leaves_one_waiting_is_given_up(slow_scene, endpoint, text):
    wait_until(f"{endpoint} shows `{text}`", timeout=25, condition=lambda: any(
        text in status and status.startswith(("Error: ", "Lost: ")) for status in slow_scene.shown[endpoint]))
    slow_scene.unharmed()


def test_a_sink_that_never_reads_is_cut(lazy_sinks):
    """The source waits 30 s for it; before and after it serves others, and holds little for it."""
    wait_until("it is cut", lambda: lazy_sinks.deaf_cut, timeout=42)
    assert 28 < lazy_sinks.deaf_cut < 42
    alive(lazy_sinks.server)
    assert rss(lazy_sinks.server) - lazy_sinks.base < 96 * MIB
