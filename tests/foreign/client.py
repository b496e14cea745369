"""A plain client of the public API, for tests: requests and the event stream, over TLS that is not verified."""
import base64
import http.client
import json
import os
import socket
import ssl
import struct
import time
import urllib.parse

from server import PASSWORD, USER


def unverified():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def wait_until(what, condition, timeout=60.0):
    """Waits until `condition()` is true and answers its value; fails naming `what`."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"after {timeout} s still not: {what}")


class Reply:
    """An answer."""

    def __init__(self, status, headers, data):
        self.status, self.headers, self.data = status, headers, data

    def json(self):
        return json.loads(self.data)


class Client:
    """Asks one server. `authorization` is the header's value."""

    def __init__(self, server, user=USER, password=PASSWORD, token=None):
        self.host = server.url.split("//")[1]
        self.authorization = f"Bearer {token}" if token else \
            "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def call(self, method, path, body=None, headers=None, timeout=10):
        """One request on a connection of its own; anything but bytes goes as JSON."""
        path = path if path.startswith("/") else "/api/v3/" + path
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        connection = http.client.HTTPSConnection(self.host, timeout=timeout, context=unverified())
        try:
            connection.request(method, path, body, {"Authorization": self.authorization,
                                                    "Content-Type": "application/json", **(headers or {})})
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            connection.close()

    def expect(self, status, method, path, body=None, **options):
        reply = self.call(method, path, body, **options)
        assert reply.status == status, (reply.status, reply.data[:500])
        return reply

    def get(self, path, **query):
        """The JSON of a GET."""
        if query:
            path += "?" + urllib.parse.urlencode({name.replace("_", "-"): value for name, value in query.items()})
        return self.expect(200, "GET", path).json()

    def error(self, status, method, path, body=None):
        """The Error object of a request that fails."""
        reply = self.expect(status, method, path, body)
        error = reply.json()
        assert set(error) == {"Model", "Key", "Type", "Messages", "Code"}, error
        assert error["Code"] == status
        return error

    def count(self, path):
        return int(self.expect(200, "HEAD", path).headers["X-DRP-LIST-FILTER-COUNT"])


class Refused(Exception):
    """A websocket was not opened; the status is the argument."""


class EventStream:
    """The client's side of a websocket."""

    def __init__(self, client, path="/api/v3/ws"):
        host, port = client.host.split(":")
        self.end = unverified().wrap_socket(socket.create_connection((host, int(port)), timeout=10),
                                            server_hostname=host)
        key = base64.b64encode(os.urandom(16)).decode()
        self.end.sendall((f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                          f"Authorization: {client.authorization}\r\n\r\n").encode())
        self.buffered = b""
        self.frames = 0
        while b"\r\n\r\n" not in self.buffered:
            self._more()
        head, self.buffered = self.buffered.split(b"\r\n\r\n", 1)
        status = int(head.split(b" ", 2)[1])
        if status != 101:
            self.close()
            raise Refused(status)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.end.close()

    def _more(self):
        data = self.end.recv(1 << 16)
        if not data:
            raise ConnectionError("the server closed")
        self.buffered += data

    def _take(self, size):
        while len(self.buffered) < size:
            self._more()
        out, self.buffered = self.buffered[:size], self.buffered[size:]
        return out

    def say(self, text):
        data, mask = text.encode(), os.urandom(4)
        head = bytes([0x81, 0x80 | len(data)]) if len(data) < 126 else struct.pack("!BBH", 0x81, 0xFE, len(data))
        self.end.sendall(head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data)))

    def next(self, timeout=5.0):
        """The next event; None if there is none in time."""
        self.end.settimeout(timeout)
        message, last = b"", False
        try:
            while not last:
                first, size = self._take(2)
                size = struct.unpack("!H", self._take(2))[0] if size == 126 else size
                size = struct.unpack("!Q", self._take(8))[0] if size == 127 else size
                message += self._take(size)
                last = first & 0x80
                self.frames += 1
        except TimeoutError:
            return None
        return json.loads(message)

    def register(self, pattern, command="register"):
        """Says it and answers the acknowledgement."""
        self.say(f"{command} {pattern}")
        return self.next()

    def several(self, count, timeout=5.0):
        """So many events."""
        return [self.next(timeout) for _ in range(count)]

    def until_quiet(self, quiet=0.3):
        """Every event until none comes for a while."""
        out = []
        while (event := self.next(quiet)) is not None:
            out.append(event)
        return out
