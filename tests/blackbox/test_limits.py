"""What strangers may hold of a server: connections, handshakes, threads for hashing, and its patience."""
import base64
import contextlib
import hashlib
import json
import pathlib
import re
import socket
import ssl
import statistics
import sys
import threading
import time

import pytest
import requests

from harness import PASSWORD, ROOT, USER, expect, wait_until
from test_rights import caller_with

sys.path.insert(0, str(ROOT / "bench"))
from flood_bench import KINDS, Flood, session  # noqa: E402

FLOOD = 44


def log_in(server, user, password, source=None):
    """A user looks at itself, on a connection of its own; from another address of this machine when wanted."""
    session = requests.Session()
    session.verify, session.trust_env = False, False
    if source:
        session.mount("https://", SourceAdapter(source))
    with session:
        return session.get(f"{server.url}/api/v3/users/{user}", auth=(user, password), timeout=60)


class SourceAdapter(requests.adapters.HTTPAdapter):
    """Connections that come from a given address."""

    def __init__(self, source):
        self.source = source
        super().__init__()

    def init_poolmanager(self, *arguments, **options):
        super().init_poolmanager(*arguments, source_address=(self.source, 0), **options)


def make_user(server, name, password):
    server.create("users", {"Name": name})
    expect(200, server.call("PUT", f"users/{name}/password", {"Password": password}))


class BadLogins:
    """Wrong logins of ever new names, many at the same time, until the end of the block."""

    def __init__(self, server):
        self.server = server
        self.over = threading.Event()
        self.statuses = []
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(FLOOD)]

    def run(self, number):
        count = 0
        while not self.over.is_set():
            count += 1
            self.statuses.append(log_in(self.server, f"nobody-{number}-{count}", "guess").status_code)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()


@contextlib.contextmanager
def connection(port, address="127.0.0.1"):
    with socket.create_connection((address, port), timeout=20) as opened:
        yield opened


def read_to_end(opened):
    """Everything until the peer closes or cuts."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := opened.recv(65536):
            received += piece
    return received


def pool(server, what, name):
    return server.metrics()[f'mullion_pool_{what}{{pool="{name}"}}']


def test_bad_logins_hold_up_neither_work_nor_other_logins(site):
    server = site.server("a").start()
    make_user(server, "ann", "right")
    with BadLogins(server) as flood:
        wait_until("hashing is busy", lambda: pool(server, "waiting", "password") > 0)
        for i in range(20):
            expect(201, server.call("POST", f"files/limits/{i}", b"content"))
            expect(200, server.call("GET", "pools-active"))
            expect(201, server.call("POST", "machines", {"Name": f"m{i}.limits"}))
        answered = len(flood.statuses)
        expect(200, log_in(server, "ann", "right"))
        wait_until("the flood goes on", lambda: len(flood.statuses) > answered)
    assert set(flood.statuses) <= {401, 429, 503}
    assert 401 in flood.statuses
    assert server.metrics()['mullion_pool_refused_total{pool="disk"}'] == 0
    assert server.metrics()['mullion_pool_wait_seconds_count{pool="password"}'] > 0


def guess_until_refused(server, user):
    """Waits get longer with each guess; where hashing takes as long as the first ones, one of the next is met."""
    answers = []
    while 429 not in answers:
        answers.append(log_in(server, user, "guess").status_code)
        assert len(answers) <= 12, answers
    assert answers[:5] == [401] * 5 and set(answers) == {401, 429}


def test_failures_slow_down_whoever_fails(site):
    server = site.server("a").start()
    make_user(server, "ann", "right")
    for user in range(15):
        guess_until_refused(server, f"user-{user}")

    def right_password_is_refused():
        guess_until_refused(server, USER)
        return log_in(server, USER, PASSWORD).status_code == 429  # a machine may need longer than the wait lasts
    assert any(right_password_is_refused() for _ in range(5))
    expect(200, log_in(server, USER, PASSWORD, source="127.0.0.2"))
    expect(200, log_in(server, "ann", "right"))


def refused_for(server, port, reason):
    return server.metrics()[f'mullion_port_refused_total{{port="{port}",reason="{reason}"}}']


@pytest.mark.parametrize("flag, reason", [("--max-connections-loopback", "address"), ("--max-connections", "port"),
                                          ("--max-handshakes", "handshakes")])
def test_connections_are_refused_before_the_handshake(site, flag, reason):
    server = site.server("a", flags=[flag, "4"]).start()
    server.session.close()
    wait_until("no connection is open", lambda: server.metrics()['mullion_port_connections{port="api"}'] == 0)
    with contextlib.ExitStack() as held:
        for _ in range(4):
            held.enter_context(connection(server.api_port))
        wait_until("they shake hands", lambda: server.metrics()['mullion_port_handshakes{port="api"}'] == 4)
        with connection(server.api_port) as fifth:
            assert read_to_end(fifth) == b""
        assert refused_for(server, "api", reason) == 1
    wait_until("they are gone", lambda: server.metrics()['mullion_port_connections{port="api"}'] == 0)
    server.get("info")


def test_plain_ports_say_why_they_refuse(site):
    server = site.server("a", flags=["--max-connections-loopback", "2"]).start()
    with connection(server.static_port), connection(server.static_port):
        wait_until("both are open", lambda: server.metrics()['mullion_port_connections{port="static"}'] == 2)
        with connection(server.static_port) as third:
            third.sendall(b"GET /files/x HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = read_to_end(third)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: 1\r\n" in answer


def test_a_slow_reader_is_cut(site):
    server = site.server("a").start()
    size = 64 << 20
    expect(201, server.call("POST", "files/large", bytes(size)))
    server.stop()
    server.flags = ["--body-timeout", "1s", "--least-rate", "10MiB"]
    server.start()
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(("127.0.0.1", server.static_port))
        reader.sendall(b"GET /files/large HTTP/1.1\r\nHost: x\r\n\r\n")
        received = []

        def is_cut():
            received.append(len(reader.recv(1024)))
            return server.metrics()['mullion_port_cut_total{port="static"}'] == 1
        wait_until("the reader is cut", is_cut)
        assert sum(received) + len(read_to_end(reader)) < size


MEGABYTE = 1 << 20


def slow_client(server):
    """A connection that takes no more than it is made to."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.connect(("127.0.0.1", server.api_port))
    plain.settimeout(60)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain)


def asks(method, path, *headers, token=None):
    login = f"Bearer {token}" if token else f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"
    return "\r\n".join([f"{method} /api/v3/{path} HTTP/1.1", "Host: x", f"Authorization: {login}", *headers, "\r\n"]).encode()


def own_megabytes(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"RssAnon:\s*(\d+) kB", status)[1]) / 1024


def test_large_answers_that_nobody_takes_fit_into_memory(site):
    server = site.server("a").start()
    server.create("profiles", {"Name": "large", "Description": "x" * (40 * MEGABYTE)})
    with contextlib.ExitStack() as clients:
        def answers(token=None):
            readers = [clients.enter_context(slow_client(server)) for _ in range(15)]
            for reader in readers:
                reader.sendall(asks("GET", "profiles/large", token=token))
            statuses = [reader.recv(12).split()[1] for reader in readers]
            assert set(statuses) == {b"200", b"503"}
            return statuses.count(b"200")
        other, third = caller_with(server, roles=["superuser"]), caller_with(server, roles=["superuser"])
        assert answers() == 6, "one caller holds half of it"
        assert other.call("GET", "profiles/large").status_code == 200, "and leaves the rest to others"
        assert answers(other.token) == 6
        assert third.call("GET", "profiles/large").status_code == 503
        assert own_megabytes(server) < 900
        lost = server.call("PATCH", "profiles/large", [{"op": "add", "path": "/Meta", "value": {"icon": "x"}}])
        assert lost.status_code == 503 and "it was carried out" in lost.text
        assert lost.headers["X-Mullion-Unreachable"] == "a;ran=maybe"
        assert server.get("profiles?Name=large&fields=Meta")[0]["Meta"]["icon"] == "x"
    wait_until("there is room again", lambda: server.call("GET", "profiles/large").status_code == 200)


def test_large_requests_of_slow_senders_fit_into_memory(site):
    server = site.server("a").start()
    with contextlib.ExitStack() as clients:
        senders = [clients.enter_context(slow_client(server)) for _ in range(12)]
        for sender in senders:
            sender.sendall(asks("POST", "profiles", f"Content-Length: {60 * MEGABYTE}"))
            with contextlib.suppress(OSError):  # refused while it was sent
                sender.sendall(b"x" * (50 * MEGABYTE))
        wait_until("some are refused", lambda: server.log().count("POST /api/v3/profiles status=503") >= 2)
        server.create("profiles", {"Name": "small"})
        refused = server.call("POST", "profiles", {"Name": "large", "Description": "x" * (50 * MEGABYTE)})
        assert refused.status_code == 503 and "Too many large requests" in refused.text
        other = caller_with(server, roles=["superuser"])
        expect(201, other.call("POST", "profiles", {"Name": "of-another", "Description": "x" * (50 * MEGABYTE)}))
        assert own_megabytes(server) < 1500
    wait_until("there is room again", lambda: server.call(
        "POST", "profiles", {"Name": "large", "Description": "x" * (50 * MEGABYTE)}).status_code in (201, 409))


def unread_bytes(server):
    """What lies in the system's buffers for the API port, sent and not read yet."""
    rows = [line.split() for table in ("tcp", "tcp6") for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    return sum(int(row[4].split(":")[1], 16) for row in rows if row[1].endswith(f":{server.api_port:04X}") and row[3] == "01")


@contextlib.contextmanager
def stalled(server, callers, count, path, size):
    """So many senders of each caller who announce a large body and stop in its middle."""
    with contextlib.ExitStack() as clients:
        for caller, token in enumerate(callers):
            for number in range(count):
                sender = clients.enter_context(slow_client(server))
                sender.sendall(asks("POST" if "files" in path else "PUT", path.format(f"{caller}-{number}"),
                                    f"Content-Length: {size + MEGABYTE}", token=token))
                with contextlib.suppress(OSError):  # refused while it was sent
                    sender.sendall(b"x" * size)
        wait_until("everything that was sent was read", lambda: unread_bytes(server) == 0)
        yield


def held(server, use):
    return server.metrics()[f'mullion_memory_taken_bytes{{use="{use}"}}'] / MEGABYTE


def test_stalled_uploads_hold_little_memory_together(site):
    """Each of them held 600 KB: what had come of it, and a buffer to read more."""
    server = site.server("a").start()
    tokens = [caller_with(server, roles=["superuser"]).token for _ in range(3)]
    with stalled(server, tokens, 2, "files/before/{}", 480_000):
        before = own_megabytes(server)
    with stalled(server, tokens, 100, "files/stalled/{}", 480_000):
        more = own_megabytes(server) - before
        assert 15 < held(server, "uploads") <= 32
        assert more < 70, "32 MB that are shared, and little for each connection"
        expect(201, server.call("POST", "files/whole", b"x" * (5 * MEGABYTE)))
        assert server.call("GET", "files/whole").content == b"x" * (5 * MEGABYTE), "the others need not wait for room"
    wait_until("it was given back", lambda: held(server, "uploads") == 0)


def test_stalled_logs_of_jobs_hold_little_memory_together(site):
    server = site.server("a").start()
    machine = server.create("machines", {"Name": "m.limits"})
    job = server.create("jobs", {"Machine": machine["Uuid"], "State": "created"})
    token = caller_with(server, roles=["superuser"]).token
    with stalled(server, [token], 40, f"jobs/{job['Uuid']}/log", 12 * MEGABYTE):
        assert held(server, "requests") <= 256
        assert own_megabytes(server) < 340
        assert server.log().count("/log status=503") >= 5
        expect(204, server.call("PUT", f"jobs/{job['Uuid']}/log", b"of somebody else"))
    wait_until("there is room again", lambda: held(server, "requests") == 0)


def test_files_whose_checksums_nobody_knows_hold_nobody_up(site):
    """They are read whole for the header of a first answer. No header is worth that to who has no login."""
    server = site.server("a").start()
    other = caller_with(server, roles=["superuser"])
    names = [f"unknown/{i}" for i in range(40)]
    expect(201, server.call("POST", "files/unknown/known", b"content"))
    for name in names:
        with open(server.root / "files" / name, "wb") as file:
            file.truncate(2 << 30)
    for name in names:
        shown = requests.head(f"http://127.0.0.1:{server.static_port}/files/{name}", timeout=60)
        assert shown.status_code == 200 and "X-DRP-SHA256SUM" not in shown.headers and shown.headers["ETag"]
    assert pool(server, "run_seconds_count", "long") < len(names) / 2, "they were not read"
    known = requests.head(f"http://127.0.0.1:{server.static_port}/files/unknown/known", timeout=60)
    assert known.headers["X-DRP-SHA256SUM"] == hashlib.sha256(b"content").hexdigest()
    statuses = []

    def ask(name):
        with contextlib.suppress(requests.RequestException):  # the server ends before the last is read
            statuses.append(session(login=(USER, PASSWORD)).head(f"{server.url}/api/v3/files/{name}", timeout=60).status_code)
    threads = [threading.Thread(target=ask, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    try:
        wait_until("files wait to be read", lambda: pool(server, "waiting", "long") > 10)
        began = pool(server, "run_seconds_count", "long")
        for number in range(10):
            expect(201, other.call("POST", f"files/small/{number}", b"content"))
            assert other.call("GET", f"files/small/{number}").content == b"content"
            assert other.call("GET", "info").status_code == 200
        assert pool(server, "waiting", "long") > 0, "nobody waited for the end of the flood"
        assert pool(server, "run_seconds_count", "long") - began < len(names) / 2
    finally:
        assert server.stop() == 0, "and it ends with a stop"
        for thread in threads:
            thread.join()
    assert statuses.count(503) >= 1 and set(statuses) <= {200, 503}, "one caller has so many places"


def test_a_slow_sender_is_told_so(site):
    server = site.server("a", flags=["--body-timeout", "1s", "--least-rate", "1MiB"]).start()
    upload = requests.Session()
    upload.auth, upload.verify, upload.trust_env = (USER, PASSWORD), False, False
    cut = threading.Event()

    def trickle():
        while not cut.wait(0.05):
            yield b"x"
    answers = []

    def send():
        with contextlib.suppress(requests.ConnectionError):
            answers.append(upload.post(server.url + "/api/v3/files/trickled", data=trickle(), timeout=30))
    sending = threading.Thread(target=send)
    sending.start()
    try:
        wait_until("it is cut", lambda: server.metrics()['mullion_port_cut_total{port="api"}'] == 1)
    finally:
        cut.set()
        sending.join()
    assert all(answer.status_code == 504 for answer in answers)
    expect(404, server.call("GET", "files/trickled"))


def refusal_of(server, head):
    """The head of the answer to a request to the static port whose body never comes."""
    with connection(server.static_port) as client:
        client.sendall(head.encode() + b"\r\n\r\n")
        received = b""
        while b"\r\n\r\n" not in received:
            received += client.recv(4096)
        return received.partition(b"\r\n\r\n")[0]


def test_a_refusal_says_whether_a_request_may_follow(server):
    request = "POST /files/x HTTP/1.1\r\nHost: x\r\n"
    assert b"Connection: close" not in refusal_of(server, request + "Content-Length: 1000")
    assert b"Connection: close" in refusal_of(server, request + "Content-Length: 10000000")
    assert b"Connection: close" in refusal_of(server, request + "Transfer-Encoding: chunked")


@pytest.fixture(scope="module")
def server(shared_site):
    """One for tests that leave it as it was."""
    return shared_site.server("shared").start()


@pytest.mark.parametrize("path", ["machines/%ff%fe", "no-such-%ff", "machines?%ff=%fe", "machines?Uuid=%ff",
                                  "machines/%c3%28/params", "ws/%ff"])
def test_errors_are_utf8(server, path):
    answer = server.call("GET", path)
    json.loads(answer.content.decode("utf-8", errors="strict"))


def test_ports_have_addresses_of_their_own(site):
    server = site.server("a", flags=["--listen-address", "127.0.0.1", "--metrics-address", "127.0.0.2",
                                     "--static-address", "127.0.0.3"]).start()
    for port, address in ((server.metrics_port, "127.0.0.2"), (server.static_port, "127.0.0.3"),
                          (server.static_secure_port, "127.0.0.3"), (server.api_port, "127.0.0.1")):
        with connection(port, address):
            pass
        for other in {"127.0.0.1", "127.0.0.2", "127.0.0.3"} - {address}:
            with pytest.raises(ConnectionRefusedError), connection(port, other):
                pass


def test_a_stop_under_a_flood_ends_in_time(site):
    server = site.server("a").start()
    over = threading.Event()

    def flood():
        session = requests.Session()
        session.auth, session.verify, session.trust_env = (USER, PASSWORD), False, False
        while not over.is_set():
            with contextlib.suppress(requests.RequestException):
                session.get(server.url + "/api/v3/pools-active", timeout=30)
    threads = [threading.Thread(target=flood) for _ in range(16)]
    for thread in threads:
        thread.start()
    try:
        wait_until("scans run", lambda: server.metrics()['mullion_pool_run_seconds_count{pool="processor"}'] > 50)
        assert server.stop() == 0
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_large_documents_hold_no_thread_that_serves(site):
    """As above: one of them alone is the measure. Where they held the threads that serve, somebody would wait as long."""
    server = site.server("a", flags=["--threads", "2"]).start()
    make_user(server, "flood", "flood")
    server.patch("users/flood", ("add", "/Roles", ["superuser"]))
    server.create("profiles", {"Name": "documents"})
    document = '{"Name": "documents", "Params": {"large/list": [' + ",".join("1" * 5_000_000) + "]}}"

    def write(http):
        begin = time.monotonic()
        answer = http.post(f"{server.url}/api/v3/profiles", document, headers={"Content-Type": "application/json"}, timeout=120)
        assert answer.status_code == 409, answer.text
        return time.monotonic() - begin
    with session(login=("flood", "flood")) as http:
        alone = min(write(http) for _ in range(3))
    waited = []
    with Flood(write, ("flood", "flood"), 4) as flood:
        while flood.sent.value < 4:
            begin = time.monotonic()
            server.get("info")
            waited.append(time.monotonic() - begin)
    assert max(waited) < alone / 2, (alone, sorted(waited)[-5:])


def test_facts_for_a_support_file_are_gathered_beside_the_threads_that_serve(site):
    """They are as many as there are owners, collections and routes."""
    server = site.server("a").start()
    for path in ("debug/support", "debug/store", "debug/routes", "drp_debug/index/machines"):
        runs = pool(server, "run_seconds_count", "processor")
        server.get(path)
        wait_until(path, lambda: pool(server, "run_seconds_count", "processor") > runs)


@pytest.mark.parametrize("kind", ["searches", "groups", "histories", "plans", "previews", "allocations"])
def test_a_flood_of_heavy_work_holds_nobody_else_up(site, kind):
    """Sixteen at once of one caller wait for each other; another caller's small requests wait for none of them. How long
    either takes depends on the machine, so they are compared: one of the flood lasts as long as the sixteen in a row."""
    server = site.server("a").start()
    server.create("profiles", {"Name": "small"})
    make_user(server, "flood", "flood")
    server.patch("users/flood", ("add", "/Roles", ["superuser"]))
    other = requests.Session()
    other.headers["Authorization"] = "Bearer " + server.get(f"users/{USER}/token?ttl=1h")["Token"]
    other.verify, other.trust_env = False, False

    def seconds(method, path, body=None):
        begin = time.monotonic()
        assert other.request(method, f"{server.url}/api/v3/{path}", json=body, timeout=60).ok
        return time.monotonic() - begin
    request = KINDS[kind](server)
    with session(login=("flood", "flood")) as http:
        runs = pool(server, "run_seconds_count", "processor")
        assert request(http).status_code in (200, 406), kind  # 406: too many groups
        wait_until("it is done beside the threads that serve", lambda: pool(server, "run_seconds_count", "processor") > runs)
    with Flood(request, ("flood", "flood"), 16) as flood:
        wait_until("work of the flood waits for its turn", lambda: pool(server, "waiting", "processor") > 0)
        begin, sent = time.monotonic(), flood.sent.value
        reads, writes = [], []
        for number in range(20):
            reads.append(seconds("GET", "info"))
            writes.append(seconds("POST", "profiles/small/params/number", number))
        wait_until("the flood goes on", lambda: flood.sent.value > sent + 16)
        one_of_the_flood = 16 * (time.monotonic() - begin) / (flood.sent.value - sent)
    assert statistics.median(reads) < one_of_the_flood / 2
    assert statistics.median(writes) < one_of_the_flood
