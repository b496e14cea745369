"""Real server processes for black-box tests: start, kill, cut off, ask over HTTPS.

Nothing here knows the inside of the server. Every wait has an end, and says what it waited for.
"""
import contextlib
import functools
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest
import requests
import urllib3

urllib3.disable_warnings()

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("MULLION_BINARY", ROOT / "build" / "mullion"))
USER, PASSWORD = "rocketskates", "r0cketsk8ts"
# Seconds to wait for what must come: far above what anything takes on a busy machine, so that only a real fault meets it.
PATIENCE = 60.0
# How managers follow what they attach: "events" for the tests that run a second time as if endpoints were of another make.
FOLLOWING = {"manager/follow": "events"} if os.environ.get("MULLION_FOLLOW") == "events" else {}
# Between two servers of ours, where only what lies below is to be followed by its public API.
BY_STREAM = {"manager/follow": "auto"}


def by_stream_only(reason):
    """Not again with endpoints that are followed by their public API, because of this: what they do not promise."""
    return pytest.mark.skipif(bool(FOLLOWING), reason=reason)


def slowness():
    """How many times longer a busy machine takes for everything: what wants a processor, by processors."""
    return max(1.0, os.getloadavg()[0] / os.cpu_count())


def wait_until(what, condition, timeout=PATIENCE, pause=0.02):
    """Waits until `condition()` is true and answers its value; fails naming `what`. `timeout`: of a machine that is not busy."""
    timeout *= slowness()
    deadline = time.monotonic() + timeout
    last = None
    while time.monotonic() < deadline:
        try:
            last = condition()
        except requests.RequestException as failure:
            last = failure
        else:
            if last:
                return last
        time.sleep(pause)
    raise AssertionError(f"after {timeout:.0f} s still not: {what}; last seen: {last!r}")


_taken_ports = set()
# The demonstration, which a test runs beside the others, takes these by itself.
PORTS_OF_DEMONSTRATION = range(19000, 19100)


def port_range(worker):
    """The ports of one of several processes that run tests side by side, "gw0" and so on: each has its own, because a
    server that is killed and started again must find its ports free. They lie below those of outgoing connections."""
    first, last, most_workers = 12000, 32000, 8
    share = (last - first) // most_workers
    number = int(worker.removeprefix("gw")) % most_workers
    return range(first + number * share, first + (number + 1) * share)


_ports = port_range(os.environ.get("PYTEST_XDIST_WORKER", "gw0"))


def free_port():
    """A port that nobody listens on and that no test of this process was given."""
    while True:
        port = random.choice(_ports)
        if port in _taken_ports or port in PORTS_OF_DEMONSTRATION:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
        _taken_ports.add(port)
        return port


class Server:
    """One `mullion serve` on a base root of its own. Ports stay the same over restarts."""

    def __init__(self, directory, name, drp_id=None, flags=(), environment=None):
        self.name = name
        self.id = drp_id or name
        self.root = pathlib.Path(directory) / name
        self.flags = list(flags)
        self.environment = environment or {}
        self.log_path = pathlib.Path(directory) / f"{name}.log"
        self.api_port, self.static_port, self.static_secure_port, self.metrics_port = (free_port() for _ in range(4))
        self.process = None
        self.session = requests.Session()
        self.session.auth = (USER, PASSWORD)
        self.session.verify = False
        self.session.trust_env = False  # no proxies, no certificates of the machine

    @property
    def url(self):
        return f"https://127.0.0.1:{self.api_port}"

    def command(self):
        return [str(BINARY), "serve", "--base-root", str(self.root), "--drp-id", self.id,
                "--api-port", str(self.api_port), "--static-port", str(self.static_port),
                "--static-secure-port", str(self.static_secure_port), "--metrics-port", str(self.metrics_port),
                *self.flags]

    def launch(self):
        """Starts the process without waiting."""
        self.root.mkdir(parents=True, exist_ok=True)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log,
                                            env={**os.environ, **self.environment})
        return self

    def start(self):
        self.launch()
        self.wait_ready()
        return self

    def wait_ready(self, timeout=PATIENCE):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.log()[-2000:]}")
            return self.session.get(self.url + "/api/v3/info", timeout=PATIENCE).status_code == 200
        wait_until(f"{self.name} answers", ready, timeout)

    def stop(self, timeout=PATIENCE):
        if self.process is None or self.process.poll() is not None:
            return None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop in {timeout} s")

    def kill(self):
        """As a power cut would: no word to the process."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.session.close()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    # -- asking

    def call(self, method, path, body=None, headers=None, timeout=2 * PATIENCE, **options):
        """One request; a dict or list as `body` goes as JSON."""
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers = {"Content-Type": "application/json", **(headers or {})}
        path = path if path.startswith("/") else "/api/v3/" + path
        send = functools.partial(self.session.request, method, self.url + path, data=body, headers=headers,
                                 timeout=timeout, **options)
        try:
            return send()
        except requests.ConnectionError:
            # A kept connection may be closed for idleness at any moment: like other clients, read once more.
            if method not in ("GET", "HEAD") or self.process is None or self.process.poll() is not None:
                raise
            return send()

    def get(self, path, **options):
        return expect(200, self.call("GET", path, **options)).json()

    def create(self, collection, body, **options):
        return expect(201, self.call("POST", collection, body, **options)).json()

    def patch(self, path, *operations, **options):
        steps = [dict(zip(("op", "path", "value"), operation)) for operation in operations]
        return expect(200, self.call("PATCH", path, steps, **options)).json()

    def delete(self, path, **options):
        return expect(200, self.call("DELETE", path, **options))

    def set_preference(self, name, value):
        expect(201, self.call("POST", "prefs", {name: value}))

    def objects(self, collection, query=""):
        return self.get(f"{collection}{query}")

    def count(self, collection, query=""):
        answer = expect(200, self.call("HEAD", f"{collection}{query}"))
        return int(answer.headers["X-DRP-LIST-FILTER-COUNT"])

    def fingerprint(self, collection, owner):
        """A hash of everything that `owner` has of a collection, as seen here."""
        seen = hashlib.sha256()
        query = f"?Endpoint={owner}"
        rows = [dict(row, Endpoint=owner) for row in self.objects(collection, query) if row.get("Bundle") in (None, "", "BackingStore")]
        for row in sorted(json.dumps(row, sort_keys=True) for row in rows):
            seen.update(row.encode())
        return f"{len(rows)}:{seen.hexdigest()}"

    def metrics(self):
        """Samples of the metrics page: {'name{labels}': value}."""
        text = requests.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=PATIENCE).text
        samples = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                samples[name] = float(value)
        return samples

    # -- as a manager

    def become_manager(self):
        self.set_preference("manager", "true")
        return self

    def add_endpoint(self, endpoint, url=None, user=USER, password=PASSWORD, **more):
        params = {"manager/url": url or endpoint.url, "manager/username": user, "manager/password": password,
                  **FOLLOWING, **more}
        return self.call("POST", "plugins/manager/actions/addEndpoint", params)

    def attach(self, *endpoints, url=None, **more):
        for endpoint in endpoints:
            expect(200, self.add_endpoint(endpoint, url, **more))
        for endpoint in endpoints:
            self.wait_status(endpoint.id, "Connected")
        return self

    def status(self, endpoint_id):
        return self.get(f"endpoints/{endpoint_id}").get("ConnectionStatus", "")

    def wait_status(self, endpoint_id, prefix, timeout=PATIENCE):
        return wait_until(f"{self.name} shows {endpoint_id} as {prefix}",
                          lambda: self.status(endpoint_id).startswith(prefix) and self.status(endpoint_id), timeout)


def expect(status, answer):
    """`answer`, which must have this status."""
    assert answer.status_code == status, \
        f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:500]}"
    return answer


def wait_equal(owner, *managers, collections=("machines", "profiles", "pools"), timeout=PATIENCE):
    """Waits until every manager shows of `owner` what the owner itself shows."""
    for collection in collections:
        wait_until(f"{[manager.name for manager in managers]} equal {owner.name} in {collection}",
                   lambda: len({server.fingerprint(collection, owner.id) for server in (owner, *managers)}) == 1,
                   timeout)


class Site:
    """Servers of one test below one folder; all are gone at the end."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="mullion-test-"))
        self.servers = {}
        self.others = []

    def server(self, name, **options):
        made = Server(self.directory, name, **options)
        self.servers[name] = made
        return made

    def start(self, *names, **options):
        """Starts servers side by side."""
        made = [self.server(name, **options).launch() for name in names]
        for server in made:
            server.wait_ready()
        return made

    def gate(self, server):
        gate = Gate(server.api_port)
        self.others.append(gate)
        return gate

    def close(self, keep_logs=False):
        for other in self.others:
            other.close()
        for server in self.servers.values():
            if server.process is not None and server.process.poll() is None:
                server.process.send_signal(signal.SIGCONT)
                server.process.kill()
        for server in self.servers.values():
            if server.process is not None:
                server.process.wait()
        if keep_logs:
            for server in self.servers.values():
                print(f"---- log of {server.name}\n{server.log()[-3000:]}")
        shutil.rmtree(self.directory, ignore_errors=True)


def mission(site):
    """The mission's example: A, B below R1, C, D below R2, both below M1."""
    a, b, c, d, r1, r2, m1 = site.start("A", "B", "C", "D", "R1", "R2", "M1")
    for manager in (r1, r2, m1):
        manager.become_manager()
    r1.attach(a, b)
    r2.attach(c, d)
    m1.attach(r1, r2)
    wait_until("M1 sees all endpoints", lambda: m1.count("endpoints") == 6)
    return site.servers


class Gate:
    """A TCP proxy in front of a server that can be cut, held, or opened again."""

    def __init__(self, port):
        self.target = port
        self.open = True
        self.holding = False
        self.rate = None  # bytes a second and direction; None: as fast as it goes
        self.bytes = 0  # that passed, in both directions
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self.lock = threading.Lock()
        self.sockets = set()
        self.newest = None
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if not self.open:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.target), timeout=PATIENCE)
                far.settimeout(None)  # an answer may take its time on a busy machine
            except OSError:
                near.close()
                continue
            with self.lock:
                self.sockets |= {near, far}
                self.newest = near
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                while self.holding:
                    time.sleep(0.02)
                if self.rate:
                    time.sleep(len(data) / self.rate)
                sink.sendall(data)
                with self.lock:
                    self.bytes += len(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        with self.lock:
            self.sockets -= {source, sink}

    def cut_newest(self):
        """The connection that was opened last breaks, and no other."""
        self.newest.shutdown(socket.SHUT_RDWR)

    def cut(self):
        """Connections break at once; new ones are refused."""
        self.open = False
        with self.lock:
            ends = list(self.sockets)
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def hold(self):
        """Bytes are swallowed without a word, as by a broken cable."""
        self.holding = True

    def mend(self):
        self.open = True
        self.holding = False

    def close(self):
        self.cut()
        self.holding = False
        self.listener.close()
