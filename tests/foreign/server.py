"""A server that is not Mullion: speaks the public API v3 and knows nothing of the replication stream.

    with ForeignServer(version="4.8") as server:
        server.put("machines", {"Name": "m1"})
        ... attach server.url to a manager ...
        server.faults.set(lose_events=0.2)

By hand: `/usr/bin/python3 tests/foreign/server.py --version 4.8 --port 8092 --id site-1 --machines 100`.
"""
import argparse
import atexit
import base64
import collections
import contextlib
import dataclasses
import email.utils
import http.client
import json
import pathlib
import random
import re
import select
import shutil
import signal
import socket
import ssl
import sys
import tempfile
import threading
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import box  # noqa: E402 (found by the line above, whoever imports this file)
import model  # noqa: E402
import rights  # noqa: E402
import versions  # noqa: E402
from connection import Answer, Connection, Gone  # noqa: E402
from faults import Faults  # noqa: E402
from problem import Problem  # noqa: E402
from routes import Routes  # noqa: E402
from sockets import Closed, EventSocket, accept_text, make_certificate  # noqa: E402
from state import Record, State  # noqa: E402

USER, PASSWORD = "rocketskates", "r0cketsk8ts"
PORTS = range(10000, 12000)  # below those that the blackbox tests give to their servers
PASSED_ON = ("content-type", "accept", "if-none-match", "prefer", "range")
PASSED_BACK = ("etag", "x-drp-sha256sum", "x-drp-list-filter-count", "x-drp-list-total-count", "x-drp-list-count",
               "content-range")
Child = collections.namedtuple("Child", "id url username password server")


@dataclasses.dataclass
class Asked:
    """A request that was asked; see ForeignServer.requests."""
    time: float
    method: str
    path: str
    user: str
    status: int


class _Workshop:
    """Certificates of this process, made once, in a directory that goes with it."""
    lock = threading.Lock()
    directory = None
    made = 0

    @classmethod
    def path(cls):
        with cls.lock:
            if cls.directory is None:
                cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="foreign-"))
                atexit.register(shutil.rmtree, cls.directory, ignore_errors=True)
            return cls.directory

    @classmethod
    def new_certificate(cls):
        directory = cls.path()
        with cls.lock:
            cls.made += 1
            return make_certificate(directory, f"foreign-{cls.made}")

    @classmethod
    def first_certificate(cls):
        directory = cls.path()
        if not (directory / "foreign-1.pem").exists():
            return cls.new_certificate()
        return directory / "foreign-1.pem"


def random_mac(chance=random):
    return "52:54:00:" + ":".join(f"{chance.randrange(256):02x}" for _ in range(3))


def _unverified():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class ForeignServer:
    """One server. Times, objects and faults are the test's; requests come over HTTPS.

    id, version          who it is; `state.version` is the conduct (versions.py)
    faults               see faults.py
    actions              {(prefix or "system", command): value or function(object, parameters)}
    requests             list of Asked: what was asked, by whom, and the status of the answer (0: none was sent)
    max_concurrent       most requests that were worked at, at the same time
    connections          TCP connections so far
    bytes_sent           bytes of answers so far, without TLS and websockets
    upgrade_seconds      for how long an upgrade refuses connections
    upgrade_to           the version after the next upgrade; None: the first version number in what is uploaded
    upgrade_returns      False: the server does not come back by itself after an upgrade
    failures             exceptions of its own threads, which a test may look at
    """

    def __init__(self, server_id=None, version="4.8", port=0, certificate=None, seed=0):
        self.faults = Faults(seed)
        self.id = server_id or random_mac()
        self.local_id = random_mac()
        self.consensus_id = str(uuid.uuid4())
        self.directory = _Workshop.path()
        conduct = version if isinstance(version, versions.Version) else versions.version_of(version)
        self.state = State(conduct, self._clock)
        self._first_objects()
        self.api_port = port
        self.actions = {}
        self.requests = []
        self.failures = []
        self.connections = self.bytes_sent = self.max_concurrent = self._working = 0
        self.upgrade_seconds, self.upgrade_to, self.upgrade_returns = 1.0, None, True
        self.stopping = True
        self.children = {}
        self._by_owner = {}
        self._parents = []
        self._keys = {}
        self._lock = threading.Lock()
        self._ends, self._sockets = set(), set()
        self._listener = None
        self._churned = {}
        self._touched = 0
        self.certificate = certificate or _Workshop.first_certificate()
        self._use_certificate()
        self.routes = Routes(self)
        self.state.listeners.append(self._on_event)

    def _first_objects(self):
        self.state.write("interfaces", {"Name": "eth0", "Index": 2, "Addresses": ["127.0.0.1/8"],
                                        "ActiveAddress": "127.0.0.1/8"}, silent=True)

    def _clock(self):
        return time.time() + self.faults.clock_error()

    def _use_certificate(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        self._context = context

    @property
    def url(self):
        return f"https://127.0.0.1:{self.api_port}"

    @property
    def version(self):
        return self.state.version.text

    # -- life

    def _listen(self):
        if self.api_port:
            return socket.create_server(("127.0.0.1", self.api_port), backlog=128)
        while True:
            port = random.choice(PORTS)
            with contextlib.suppress(OSError):
                listener = socket.create_server(("127.0.0.1", port), backlog=128)
                self.api_port = port
                return listener

    def start(self):
        """Listens; the port stays the same from the first start on."""
        if self._listener is None:
            self._listener = self._listen()
            self.stopping = False
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        return self

    def stop(self):
        """Refuses and drops every connection; the state stays."""
        self.stopping = True
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut_connections()

    close = stop  # as other things of a blackbox test's site

    def restart(self, pause=0.0, reset=False, version=None):
        """Stops, waits `pause` seconds and starts again, as another version if one is given, with the state of a first
        start if `reset`."""
        self.stop()
        time.sleep(pause)
        if version is not None:
            self.state.set_version(versions.version_of(version))
        if reset:
            self._reset()
        self.start()

    def _reset(self):
        self.state.reset(self.state.version)
        self._first_objects()
        self._keys.clear()

    def replace(self, server_id=None, version=None):
        """Another server, with another id, another certificate and nothing stored, at the same address."""
        self.stop()
        self.id, self.local_id = server_id or random_mac(), random_mac()
        self.consensus_id = str(uuid.uuid4())
        if version is not None:
            self.state.set_version(versions.version_of(version))
        self._reset()
        self.change_certificate()
        self.start()

    def change_certificate(self):
        """New connections see another certificate from now on."""
        self.certificate = _Workshop.new_certificate()
        self._use_certificate()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def cut_connections(self):
        """Ends every open connection, websockets too, without a word."""
        with self._lock:
            ends = list(self._ends)
        for end in ends:
            with contextlib.suppress(OSError, ValueError):
                end.shutdown(socket.SHUT_RDWR)

    def cut_websockets(self):
        with self._lock:
            sockets = list(self._sockets)
        for one in sockets:
            one.close()

    def revoke_tokens(self):
        """Every token so far is answered 401; new ones are issued."""
        with self.state.lock:
            self.state.tokens.clear()

    @property
    def websockets(self):
        """How many websockets are open."""
        with self._lock:
            return len(self._sockets)

    def registrations(self):
        """The patterns of every open websocket."""
        with self._lock:
            return [sorted(one.patterns) for one in self._sockets]

    def asked(self, method=None, path=""):
        """The requests so far of this method whose path has `path` in it."""
        return [one for one in list(self.requests) if method in (None, one.method) and path in one.path]

    # -- objects, for tests

    def put(self, prefix, given, silent=False, principal="system"):
        """Creates an object, or changes the members given of the one with its key; answers the object."""
        with self.state.lock:
            key = self.state.key_of(prefix, given)
            now = self.state.get(prefix, key) if key else None
            whole = {**now.body, **given} if now else given
            actions = None if principal == "system" else self.state.version.write_actions
            return json.loads(self.state.write(prefix, whole, principal, actions, silent).text)

    def set_available(self, prefix, key, available):
        """Whether the server itself calls the object available."""
        with self.state.lock:
            (self.state.unavailable.discard if available else self.state.unavailable.add)((prefix, key))
            self.state.write(prefix, self.state.get(prefix, key).body, "system")

    def delete(self, prefix, key, silent=False, principal="system"):
        """Deletes an own object; answers whether there was one."""
        return self.state.remove(prefix, key, principal, silent) is not None

    def objects(self, prefix, own=False):
        """Copies of all objects of a collection by key order; `own`: only those of its own writable layer."""
        rows = self.state.own_writable(prefix) if own else self.state.rows(prefix)
        return [json.loads(record.text) for record in rows]

    def seen_by_manager(self, prefix):
        """What a manager should show of a collection: own writable objects, and those of servers below, each with its
        owner as Endpoint, in order of keys."""
        return [{**json.loads(record.text), "Endpoint": record.owner or self.id}
                for record in self.state.rows(prefix) if not record.layer]

    def load_pack(self, name, version="v1.0.0", sections=None, silent=False, **meta):
        """Loads a content package, in place of the one of this name."""
        return self.state.put_layer({"Name": name, "Version": version, **meta}, sections or {}, False, "system", silent)

    def drop_pack(self, name, silent=False):
        self.state.drop_layer(name, "system", silent)

    def add_user(self, name, password, roles=("superuser",)):
        self.state.add_user(name, password, roles)

    def set_password(self, name, password):
        self.state.set_password(name, password)

    def populate(self, machines=100, seed=1, silent=True):
        """So many machines with the names m00001 and so on; the same seed makes the same ones."""
        chance = random.Random(f"{seed}")
        for number in range(1, machines + 1):
            self.put("machines", {
                "Name": f"m{number:05d}.example.com", "Uuid": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
                "Address": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
                "HardwareAddrs": [random_mac(chance)], "Params": {"rack": f"r{number % 40:02d}", "height": number % 42},
                "Description": f"machine {number}", "OS": chance.choice(["debian-12", "rocky-9", ""])}, silent=silent)

    # -- secure parameters

    def _private_key(self, prefix, key):
        with self._lock:
            return self._keys.setdefault((prefix, key), box.new_key())

    def public_key(self, record):
        return box.public_of(self._private_key(record.prefix, record.key))

    def _is_secure(self, name):
        found = self.state.get("params", name)
        return bool(found and found.body.get("Secure"))

    def sealed_object(self, prefix, key, body):
        """The object with clear values of secure parameters in boxes."""
        params = body.get("Params")
        if not isinstance(params, dict):
            return body
        sealed = {}
        for name, value in params.items():
            boxed = isinstance(value, dict) and set(value) == {"Key", "Nonce", "Payload"}
            if self._is_secure(name) and not boxed:
                parts = box.seal(box.public_of(self._private_key(prefix, key)), json.dumps(value).encode())
                sealed[name] = {word: base64.b64encode(part).decode()
                                for word, part in zip(("Key", "Nonce", "Payload"), parts)}
        return {**body, "Params": {**params, **sealed}} if sealed else body

    def opened(self, record):
        """The object with secure parameters in clear; those that cannot be opened stay as they are."""
        params = dict(record.body.get("Params") or {})
        for name, value in params.items():
            if isinstance(value, dict) and set(value) == {"Key", "Nonce", "Payload"}:
                with contextlib.suppress(ValueError):
                    parts = [base64.b64decode(value[word]) for word in ("Key", "Nonce", "Payload")]
                    params[name] = json.loads(box.open_sealed(self._private_key(record.prefix, record.key), *parts))
        return {**record.body, "Params": params} if params else record.body

    # -- being a manager

    def add_child(self, child, server_id=None, username=USER, password=PASSWORD):
        """Shows the objects of another ForeignServer as a manager does, and forwards to it. `child` may be an address
        (https://HOST:PORT) with `server_id`: then it only forwards. Versions without endpoints are no managers."""
        if self.state.collection("endpoints") is None:
            raise ValueError(f"{self.version} has no endpoints")
        self.put("preferences", {"Name": "manager", "Val": "true"})
        is_server = isinstance(child, ForeignServer)
        known = Child(server_id or child.id, child.url if is_server else child, username, password,
                      child if is_server else None)
        self.children[known.id] = known
        self._by_owner[known.id] = known.id
        if is_server:
            child._attach(self, known.id)
        version = child.version if is_server else ""
        self.put("endpoints", {"Id": known.id, "HaId": known.id, "Arch": "amd64", "Os": "linux", "DRPVersion": version,
                               "ConnectionStatus": "Connected",
                               "Params": {"manager/url": known.url, "manager/username": username,
                                          "manager/password": password}})
        return known

    def remove_child(self, server_id):
        """No longer shows anything that came through this child."""
        child = self.children.pop(server_id, None)
        if child is None:
            return
        if child.server is not None:
            child.server._detach(self)
        for owner in [owner for owner, through in self._by_owner.items() if through == server_id]:
            del self._by_owner[owner]
            self.state.drop_owner(owner)
        self.delete("endpoints", server_id)

    def _attach(self, parent, child_id):
        def listen(event):
            if isinstance(event.record, Record):
                gone = event.action == self.state.version.delete_action
                parent._show(child_id, event.record, None if gone else event.action)
        with self.state.lock:
            self._parents.append((parent, listen))
            self.state.listeners.append(listen)
            for prefix in list(self.state.collections):
                for record in self.state.rows(prefix):
                    parent._show(child_id, record, "create")

    def _detach(self, parent):
        with self.state.lock:
            for known, listen in [entry for entry in self._parents if entry[0] is parent]:
                self._parents.remove((known, listen))
                self.state.listeners.remove(listen)

    def _show(self, child_id, record, action):
        shown = self.state.version.shown_of_children
        if record.layer or (record.prefix in versions.OWN_AFFAIR if shown is None else record.prefix not in shown):
            return
        owner = record.owner or child_id
        self._by_owner[owner] = child_id
        self.state.write_foreign(record.prefix, record.key, owner, None if action is None else record.body, action)

    def _child_of(self, owner):
        return self.children.get(self._by_owner.get(owner, ""))

    def forward(self, request, owner, path=None):
        """The answer of the server that is, or that leads to, `owner`."""
        child = self._child_of(owner)
        if child is None:
            raise Problem(404, request.method, "endpoints", owner, "Not Found")
        login = base64.b64encode(f"{child.username}:{child.password}".encode()).decode()
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        target = (path or request.raw_path) + ("?" + request.query if request.query else "")
        connection = http.client.HTTPSConnection(child.url.split("//")[1], timeout=30, context=_unverified())
        try:
            connection.request(request.method, target, request.body or None,
                               {**headers, "Authorization": f"Basic {login}"})
            response = connection.getresponse()
            data = response.read()
        except (OSError, http.client.HTTPException) as failure:
            raise Problem(502, request.method, "endpoints", owner, f"cannot reach {owner}: {failure}") from failure
        finally:
            connection.close()
        back = {name: text for name, text in response.getheaders() if name.lower() in PASSED_BACK}
        return Answer(response.status, data, back, response.getheader("Content-Type", "application/json"))

    def _forward_prefixed(self, request):
        """/A/B/api/v3/... goes on to A as /B/api/v3/..., or as it is to the child that leads to A."""
        owner = request.parts[0]
        rest = request.raw_path.split("/", 2)[2]
        return self.forward(request, owner, "/" + rest if owner in self.children else None)

    # -- the network

    def _accept(self, listener):
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            with self._lock:
                self._ends.add(plain)
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain):
        end = plain
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.faults.handshake_delay:
                time.sleep(self.faults.handshake_delay)
            if self.faults.refuse_connections or self.stopping:
                return
            end = self._context.wrap_socket(plain, server_side=True)
            with self._lock:
                self._ends.add(end)
            connection = Connection(end, lambda: self.stopping)
            while not self.stopping:
                self._work(connection, connection.read_request())
        except (OSError, ValueError, Gone, Closed):
            pass
        except Exception as failure:  # a fault of the fake itself
            self.failures.append(failure)
            raise
        finally:
            with self._lock:
                self._ends -= {plain, end}
            for step in (lambda: end.shutdown(socket.SHUT_RDWR), end.close):
                with contextlib.suppress(OSError, ValueError):
                    step()

    def _work(self, connection, request):
        with self._lock:
            self._working += 1
            self.max_concurrent = max(self.max_concurrent, self._working)
        try:
            if request.parts[:3] == ["api", "v3", "ws"]:
                self._websocket(connection, request)
                return
            answer = self._answer(request)
            self._send_noted(connection, request, answer)
        finally:
            with self._lock:
                self._working -= 1
        if answer.after:
            answer.after()

    def _send_noted(self, connection, request, answer):
        """Notes the request before its answer is sent: whoever has the answer finds the request in `requests`."""
        noted = self._note(request, answer.status)
        before = connection.sent
        try:
            self._send(connection, request, answer)
        except BaseException:
            noted.status = 0
            raise
        finally:
            self.bytes_sent += connection.sent - before

    def _note(self, request, status):
        noted = Asked(time.time(), request.method, request.target, request.login.name if request.login else "", status)
        self.requests.append(noted)
        return noted

    def _answer(self, request):
        faults = self.faults
        concerned = faults.concerns(request.target)
        if concerned and faults.answer_delay:
            time.sleep(faults.answer_delay)
        if concerned and faults.strikes("fail_share"):
            return self._failure(request)
        try:
            request.login = rights.authenticate(self.state, request, faults)
            if request.login is None:
                return self._unauthorized()
            if request.parts[:2] == ["api", "v3"]:
                return self.routes.answer(request)
            if "api" in request.parts[1:]:
                return self._forward_prefixed(request)
            raise self.routes.no_route(request)
        except Problem as problem:
            return Answer(problem.status, problem.body, problem.headers)
        except Exception as failure:  # a fault of the fake itself: told to the client too
            self.failures.append(failure)
            return Answer(500, {"Model": "", "Key": "", "Type": request.method, "Messages": [repr(failure)],
                                "Code": 500})

    def _failure(self, request):
        faults = self.faults
        headers = {} if faults.retry_after is None else {"Retry-After": str(faults.retry_after)}
        return Answer(faults.fail_status, {"Model": "", "Key": "", "Type": request.method,
                                           "Messages": ["out of order"], "Code": faults.fail_status}, headers)

    def _unauthorized(self):
        headers = {"WWW-Authenticate": "dr-provision"}
        text = self.state.version.errors["no login"]
        if text is None:
            return Answer(401, b"Unauthorized\n", headers, "text/plain")
        return Answer(401, {"Model": "", "Key": "", "Type": "AUTH", "Messages": [text], "Code": 401}, headers)

    def _send(self, connection, request, answer):
        """Sends the answer, or what the faults make of it."""
        faults = self.faults
        answer.headers = {**answer.headers, "Date": email.utils.formatdate(self._clock(), usegmt=True)}
        if request.method == "HEAD":
            if answer.kind != "application/octet-stream":
                answer.data = b""
            connection.answer(answer, with_body=False)
            return
        if answer.data and faults.concerns(request.target):
            if request.page and faults.list_is_cut():
                threading.Thread(target=self.restart, args=(faults.restart_pause,), daemon=True).start()
                connection.answer_half(answer)
            if faults.strikes("invalid_json"):
                answer.data = answer.data[:len(answer.data) // 2] + b'"\\x,}'
            if faults.strikes("cut_body"):
                connection.answer_half(answer)
            if request.reads and faults.strikes("endless"):
                connection.answer_endlessly(answer, lambda: faults.endless)
            if faults.trickle:
                connection.answer_slowly(answer, lambda: faults.trickle)
                self._after_page(request)
                return
        connection.answer(answer)
        self._after_page(request)

    # -- faults of lists

    def grown(self, body):
        size = self.faults.huge_objects
        return {**body, "Description": "x" * size} if size and "Description" in body else body

    def touch(self, prefix):
        """Changes some objects of a collection whose page was just read."""
        if not self.faults.touch_pages:
            return
        for record in self.faults.some(self.state.own_writable(prefix), self.faults.touch_pages):
            self._touched += 1
            self.put(prefix, {self.state.collections[prefix].key: record.body[self.state.collections[prefix].key],
                              "Description": f"touched {self._touched}"})

    def _after_page(self, request):
        if not request.page:
            return
        prefix, offset = request.page
        if self.faults.churn_pages:
            self._churn(prefix)
        if self.faults.between_pages:
            self.faults.between_pages(self, prefix, offset)

    def _churn(self, prefix):
        if prefix in ("leases", "reservations") or not self.state.collections[prefix].writable:
            return
        for key in self._churned.pop(prefix, []):
            self.delete(prefix, key)
        made = []
        for _ in range(self.faults.churn_pages):
            name = f"{random.getrandbits(48):012x}-churn"
            given = {"Name": name} if prefix in model.RANDOM_KEYS else {self.state.collections[prefix].key: name}
            made.append(self.state.key_of(prefix, self.put(prefix, given)))
        self._churned[prefix] = made

    # -- websockets

    def _websocket(self, connection, request):
        """Serves a websocket until it ends."""
        faults = self.faults
        request.login = None if faults.refuse_websocket else rights.authenticate(self.state, request, faults)
        key = request.headers.get("sec-websocket-key", "")
        if request.login is None or not key:
            status = faults.refuse_websocket or (401 if key else 400)
            answer = self._unauthorized() if status == 401 else Answer(status, {
                "Model": "", "Key": "", "Type": "GET", "Messages": ["no websocket"], "Code": status})
            self._note(request, status)
            connection.answer(answer)
            return
        self._note(request, 101)
        with self._lock:  # an open websocket is no work
            self._working -= 1
        try:
            if request.parts[3:]:
                self._tunnel(connection, request)
            else:
                self._events(connection, request, key)
        finally:
            with self._lock:
                self._working += 1
        raise Gone

    def _events(self, connection, request, key):
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        b"Sec-WebSocket-Accept: " + accept_text(key) + b"\r\n\r\n")
        one = EventSocket(self, connection, request.login)
        with self._lock:
            self._sockets.add(one)
        try:
            one.run()
        finally:
            with self._lock:
                self._sockets.discard(one)

    def _tunnel(self, connection, request):
        """/api/v3/ws/ID[/...]: the bytes of that server's websocket."""
        owner, *rest = request.parts[3:]
        child = self._child_of(owner)
        if child is None:
            connection.answer(Answer(404, {"Model": "endpoints", "Key": owner, "Type": "GET",
                                           "Messages": ["Not Found"], "Code": 404}))
            return
        if owner not in self.children:
            rest = [owner, *rest]
        host, port = child.url.split("//")[1].split(":")
        login = base64.b64encode(f"{child.username}:{child.password}".encode()).decode()
        head = (f"GET {'/'.join(['/api/v3/ws', *rest])} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nAuthorization: Basic {login}\r\n"
                f"Sec-WebSocket-Key: {request.headers['sec-websocket-key']}\r\n\r\n")
        with socket.create_connection((host, int(port)), timeout=10) as plain, \
                _unverified().wrap_socket(plain, server_hostname=host) as other:
            other.settimeout(None)
            other.sendall(head.encode() + connection.buffered)
            _pump(connection.end, other)

    def may_see(self, login, event):
        prefix = event.kind
        if prefix in self.faults.hide or prefix in self.faults.forbid:
            return False
        return login.may(prefix, "get", event.key)

    def _on_event(self, event):
        with self._lock:
            sockets = list(self._sockets)
        self._log(event)
        if not sockets:
            return
        bare, stale = self.faults.strikes("bare_events"), self.faults.strikes("stale_events")
        texts = []

        def message():
            if not texts:
                record = event.record
                if self.faults.huge_objects and isinstance(record, Record):
                    event.record = Record(record.prefix, record.key, record.owner, self.grown(record.body),
                                          record.layer, record.revision)
                texts.append(event.message(self.state.version, bare, stale))
                event.record = record
            return texts[0]
        for one in sockets:
            one.offer(event, message)

    def _log(self, event):
        log = self.state.log
        log.append({"Group": len(log), "Seq": len(log), "Time": event.at, "Service": "backend", "Level": "info",
                    "File": "", "Line": 0, "Message": f"{event.kind} {event.action} {event.key}",
                    "Principal": event.principal, "IgnorePublish": True})
        if len(log) > 4000:
            del log[:2000]

    # -- upgrade

    def _upgrade_target(self, package):
        found = re.search(rb"v\d+\.\d+\.\d+[-+.\w]*", package)
        target = self.upgrade_to or (found and found[0].decode())
        if not target:
            raise Problem(422, "POST", "system", "upgrade", "The package is not one of dr-provision")
        return target

    def _upgrading(self, answer, target):
        answer.after = lambda: threading.Thread(target=self._upgrade, args=(target,), daemon=True).start()
        return answer

    def begin_upgrade(self, request):
        """Takes a package, answers, and comes back as the version in it."""
        target = self._upgrade_target(request.body)
        return self._upgrading(Answer(self.state.version.upgrade_answer,
                                      {"Path": "/upgrade.zip", "Size": len(request.body)}), target)

    def staged_upgrade(self, request, step):
        """The upgrade in steps: stage (POST, DELETE), exec, run, status."""
        staged = self.state.binaries.get("staged")
        if step == "stage" and request.method == "DELETE":
            self.state.binaries.pop("staged", None)
            return Answer(204)
        if step == "stage" and request.method == "POST":
            self._upgrade_target(request.body)
            self.state.binaries["staged"] = request.body
            return Answer(201, {"Path": "/upgrade.zip", "Size": len(request.body)})
        if step == "status" and request.reads:
            return Answer(body={"Name": "upgrade", "Params": {"staged": staged is not None}})
        if step in ("exec", "run") and request.method == "POST":
            if staged is None:
                raise Problem(404, "POST", "system", "upgrade", "Nothing is staged")
            target = self._upgrade_target(staged)
            return Answer(204) if target == self.version else self._upgrading(Answer(202, {}), target)
        raise self.routes.no_route(request)

    def _upgrade(self, target):
        self.stop()
        self.state.set_version(versions.version_of(target))
        for child_of, _ in self._parents:
            child_of.put("endpoints", {"Id": self.id, "DRPVersion": self.version})
        time.sleep(self.upgrade_seconds)
        if self.upgrade_returns:
            self.start()


def _pump(one, other):
    """Bytes from each of two TLS connections to the other, until one ends."""
    poll = select.poll()
    ways = {one.fileno(): (one, other), other.fileno(): (other, one)}
    for number in ways:
        poll.register(number, select.POLLIN)
    while True:
        waiting = [number for number, (source, _) in ways.items() if source.pending()]
        for number in waiting or [number for number, _ in poll.poll(1000)]:
            source, target = ways[number]
            data = source.recv(1 << 16)
            if not data:
                return
            target.sendall(data)


# -- by hand

def _arguments(words):
    parser = argparse.ArgumentParser(description="Runs a server that is not Mullion, to be attached to a manager.")
    parser.add_argument("--version", default="4.8", help="3.13, 4.8, 4.17 or a whole version such as v4.9.2")
    parser.add_argument("--port", type=int, default=0, help="otherwise a free one")
    parser.add_argument("--id", default=None, help="otherwise a MAC address by chance")
    parser.add_argument("--machines", type=int, default=100)
    parser.add_argument("--changes", type=float, default=0.0, help="changes of machines per second")
    parser.add_argument("--seed", type=int, default=0, help="of chance in faults")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME=JSON", help="see faults.py; repeatable")
    return parser.parse_args(words)


def main(words=None):
    """Runs one server until it is interrupted or terminated."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # leaves nothing behind
    wanted = _arguments(words)
    server = ForeignServer(wanted.id, wanted.version, wanted.port, seed=wanted.seed)
    server.populate(wanted.machines)
    for fault in wanted.fault:
        name, _, text = fault.partition("=")
        server.faults.set(**{name: json.loads(text)})
    with server:
        print(f"{server.id} {server.version} at {server.url}, login {USER} {PASSWORD}, {wanted.machines} machines",
              flush=True)
        chance = random.Random(wanted.seed)
        keys = [record.key for record in server.state.rows("machines")]
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(1 / wanted.changes if wanted.changes else 3600)
                if keys:
                    server.put("machines", {"Uuid": chance.choice(keys), "Description": f"at {time.time()}"})


if __name__ == "__main__":
    main()
