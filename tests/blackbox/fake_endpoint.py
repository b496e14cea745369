"""An endpoint that is none: speaks the replication stream as a test's script tells it, truthfully or not.

Frames are zstd frames with content size, written here by hand (raw and run-length blocks), so that tests can lie in
every field of them; received ones are unpacked by the `zstd` tool.
"""
import base64
import contextlib
import hashlib
import json
import pathlib
import socket
import ssl
import struct
import subprocess
import threading
import time

ZSTD_MAGIC = 0xFD2FB528
BLOCK = 128 << 10


# -- frames

def _zstd_header(claimed):
    return struct.pack("<IBQ", ZSTD_MAGIC, 0xE0, claimed)  # one segment, content size of 8 bytes


def _zstd_block(kind, size, last):
    return ((size << 3) | (kind << 1) | last).to_bytes(3, "little")


def zstd_frame(content, claimed=None):
    """`content` as a zstd frame that claims to hold `claimed` bytes."""
    out = [_zstd_header(len(content) if claimed is None else claimed)]
    for begin in range(0, max(len(content), 1), BLOCK):
        piece = content[begin:begin + BLOCK]
        out += [_zstd_block(0, len(piece), begin + BLOCK >= len(content)), piece]
    return b"".join(out)


def zstd_bomb(size, claimed=None):
    """`size` blanks in a frame of a few bytes for every 128 KiB."""
    out = [_zstd_header(size if claimed is None else claimed)]
    for begin in range(0, size, BLOCK):
        out.append(_zstd_block(1, min(BLOCK, size - begin), begin + BLOCK >= size) + b" ")
    return b"".join(out)


def pack(*records):
    """Records (dicts, or ready lines) as one frame."""
    lines = [record if isinstance(record, str) else json.dumps(record, separators=(",", ":")) for record in records]
    return zstd_frame(("\n".join(lines) + "\n").encode())


def unpack_lines(frame):
    done = subprocess.run(["zstd", "-dcq"], input=frame, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().splitlines()


def unpack(frame):
    return [json.loads(line) for line in unpack_lines(frame)]


# -- records

EPOCH = "00000000000000aa"


def hello(endpoint_id, **changes):
    return {"t": "hello", "protocol": 1, "id": endpoint_id, "version": "v0", "epoch": EPOCH, "newest": 1,
            "features": [], **changes}


def owner(name, *via):
    return {"owner": name, "via": list(via), "in_touch": True, "age": 0, "reason": ""}


def owners(*announced):
    return {"t": "owners", "owners": list(announced)}


def at(seq, restart=True):
    return {"t": "at", "seq": seq, "restart": restart}


def snapshot_begin(name, origin=1):
    return {"t": "snapshot-begin", "owner": name, "epoch": EPOCH, "origin": origin}


def snapshot_end(name, seq=1, digests=()):
    return {"t": "snapshot-end", "owner": name, "seq": seq, "digests": list(digests)}


def item(kind, collection, key, body=None):
    """A record `object` or `change`; `body` is a dict or the text that stands in its place, and stands last."""
    head = json.dumps({"t": kind, "type": collection, "key": key}, separators=(",", ":"))
    if body is None:
        return head
    return head[:-1] + ',"body":' + (body if isinstance(body, str) else json.dumps(body)) + "}"


def commit(name, seq, digests=()):
    return {"t": "commit", "seq": seq, "owner": name, "epoch": EPOCH, "origin": seq, "digests": list(digests)}


def ping(newest=1):
    return {"t": "ping", "newest": newest, "clock": time.time_ns()}


# -- the endpoint

def make_certificate(directory, name):
    """A self-signed certificate and its key in one file."""
    path = pathlib.Path(directory) / f"{name}.pem"
    key, certificate = path.with_suffix(".key"), path.with_suffix(".crt")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(certificate)],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    path.write_text(key.read_text() + certificate.read_text())
    return path


def fingerprint(certificate):
    text = pathlib.Path(certificate).read_text()
    begin = text.index("-----BEGIN CERTIFICATE-----")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text[begin:])).hexdigest()


class Closed(Exception):
    """The other side is gone."""


class Stream:
    """The server's side of one websocket."""

    def __init__(self, endpoint, connection, buffered, target):
        self.endpoint = endpoint
        self.connection = connection
        self.buffered = buffered
        self.target = target
        self.lock = threading.Lock()

    def _read(self, size):
        while len(self.buffered) < size:
            try:
                data = self.connection.recv(65536)
            except OSError as failure:
                raise Closed from failure
            if not data:
                raise Closed
            self.buffered += data
        out, self.buffered = self.buffered[:size], self.buffered[size:]
        return out

    def send_frame(self, data, opcode=2):
        """One websocket message with these bytes."""
        if len(data) < 126:
            head = struct.pack("!BB", 0x80 | opcode, len(data))
        elif len(data) < 65536:
            head = struct.pack("!BBH", 0x80 | opcode, 126, len(data))
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 127, len(data))
        self.send_bytes(head + data)

    def send_bytes(self, data):
        with self.lock:
            try:
                self.connection.sendall(data)
            except OSError as failure:
                raise Closed from failure

    def send(self, *records):
        self.send_frame(pack(*records))

    def receive_frame(self):
        """The next binary message; answers pings meanwhile."""
        while True:
            first, second = self._read(2)
            size = second & 0x7F
            if size == 126:
                size, = struct.unpack("!H", self._read(2))
            elif size == 127:
                size, = struct.unpack("!Q", self._read(8))
            mask = self._read(4) if second & 0x80 else b"\0\0\0\0"
            data = self._read(size)
            data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
            opcode = first & 0x0F
            if opcode == 8:
                raise Closed
            if opcode == 9:
                self.send_frame(data, opcode=10)
            if opcode in (1, 2):
                return data

    def receive(self):
        return unpack(self.receive_frame())

    def await_record(self, kind):
        """The next record of this kind; others are noted at the endpoint and passed over."""
        while True:
            records = self.receive()
            self.endpoint.heard += records
            for record in records:
                if record["t"] == kind:
                    return record

    def begin(self, *more, objects=()):
        """What an honest endpoint says first: hello, its owners, and a copy once it is asked for one."""
        name = self.endpoint.id
        self.send(hello(name), owners(owner(name), *more))
        self.await_record("subscribe")
        self.send(at(1), snapshot_begin(name), *objects, snapshot_end(name))

    def idle(self, seconds=3600.0):
        """Reads and speaks as an honest endpoint does that has nothing to say."""
        end = time.monotonic() + seconds
        stop = threading.Event()

        def speak():
            with contextlib.suppress(Closed):
                while not stop.wait(1):
                    self.send(ping())
        threading.Thread(target=speak, daemon=True).start()
        try:
            while time.monotonic() < end:
                self.endpoint.heard += self.receive()
        finally:
            stop.set()

    def close(self):
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()


class FakeEndpoint:
    """Answers login and info; every stream is handed to `script(stream)`, in a thread of its own.

    connections    TCP connections so far
    streams        streams so far
    heard          records that the scripts read
    before_tls     called with each TCP connection first; True: the connection is dealt with
    before_login   called before a login is answered
    said_instead   by beginning of the target: bytes that are sent in place of the honest answer; the connection ends
    """

    def __init__(self, endpoint_id, script, certificate):
        self.id = endpoint_id
        self.script = script
        self.connections = 0
        self.streams = 0
        self.heard = []
        self.failures = []
        self.before_tls = lambda connection: False
        self.before_login = lambda: None
        self.said_instead = {}
        self.features = ["replication-stream"]
        self.closed = False
        self.lock = threading.Lock()
        self.open = set()
        self.use_certificate(certificate)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.api_port = self.listener.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.api_port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def use_certificate(self, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.context = context

    def cut(self):
        with self.lock:
            ends = list(self.open)
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.closed = True
        self.listener.close()
        self.cut()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with self.lock:
                self.open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain):
        connection = plain
        try:
            if self.before_tls(plain):
                return
            connection = self.context.wrap_socket(plain, server_side=True)
            with self.lock:
                self.open.add(connection)
            buffered = b""
            while True:
                while b"\r\n\r\n" not in buffered:
                    data = connection.recv(65536)
                    if not data:
                        return
                    buffered += data
                head, buffered = buffered.split(b"\r\n\r\n", 1)
                target = head.split(b" ", 2)[1].decode()
                if target.startswith("/api/v3/replication/stream"):
                    self._upgrade(connection, head, buffered, target)
                    return
                instead = [said for begin, said in self.said_instead.items() if target.startswith(begin)]
                if instead:
                    connection.sendall(instead[0])
                    return
                connection.sendall(self._answer(target))
        except (OSError, Closed):
            pass
        except Exception as failure:  # a broken script must be seen by its test
            self.failures.append(failure)
            raise
        finally:
            with self.lock:
                self.open -= {plain, connection}
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _answer(self, target):
        info = {"id": self.id, "ha_id": self.id, "version": "v4.0.0", "arch": "amd64", "os": "linux",
                "features": self.features}
        status, body = "404 Not Found", {}
        if target.startswith("/api/v3/users/"):
            self.before_login()
            status, body = "200 OK", {"Token": "a-token", "Info": info}
        elif target.startswith("/api/v3/info"):
            status, body = "200 OK", info
        text = json.dumps(body).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
        return head.encode() + text

    def _upgrade(self, connection, head, buffered, target):
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        key = {name.lower(): value for name, value in headers.items()}["sec-websocket-key"]
        digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n")
        self.streams += 1
        self.script(Stream(self, connection, buffered, target))
