"""HTTP/1.1 over one TLS connection: requests as they come, answers as they, or a fault, shall be."""
import json
import socket
import time
import urllib.parse

from problem import Problem

REASONS = {101: "Switching Protocols", 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content",
           206: "Partial Content", 304: "Not Modified", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
           404: "Not Found", 406: "Not Acceptable", 409: "Conflict", 422: "Unprocessable Entity",
           429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable"}
LARGEST_HEAD = 1 << 16
LARGEST_BODY = 1 << 30


class Gone(Exception):
    """The connection is over."""


class Request:
    """One request. `parts` are those of the decoded path; `items` the (name, text) pairs of the query."""

    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        path, _, query = target.partition("?")
        self.raw_path = path
        self.path = urllib.parse.unquote(path)
        self.query = query
        self.items = urllib.parse.parse_qsl(query, keep_blank_values=True)
        self.parts = [part for part in self.path.split("/") if part]
        self.login = None
        self.page = None  # (collection, offset) of a list

    def option(self, name, otherwise=""):
        return next((text for word, text in self.items if word == name), otherwise)

    def truth(self, name):
        return any(word == name and text.lower() in ("true", "") for word, text in self.items)

    @property
    def reads(self):
        return self.method in ("GET", "HEAD")

    def json(self, model=""):
        """The body as JSON; an empty one is None. Raises Problem 400."""
        if not self.body.strip():
            return None
        try:
            return json.loads(self.body)
        except ValueError as failure:
            raise Problem(400, self.method, model, "", str(failure)) from failure


class Answer:
    """What is sent back. `body` is bytes, text, or any value that goes as JSON; `text` is ready JSON."""

    def __init__(self, status=200, body=None, headers=None, kind="application/json", text=None):
        self.status = status
        self.headers = dict(headers or {})
        self.kind = kind
        self.after = None  # called once the answer is sent
        if text is not None:
            self.data = text.encode()
        elif isinstance(body, bytes):
            self.data = body
        elif status in (204, 304):
            self.data = b""
        else:
            self.data = json.dumps(body, separators=(",", ":")).encode()

    def head(self, length):
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Other')}", f"Content-Type: {self.kind}"]
        if self.status != 304:
            lines.append("Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}")
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Connection:
    """One connection after its TLS handshake."""

    def __init__(self, end, stopping):
        self.end = end
        self.buffered = b""
        self.stopping = stopping  # a function: the server is about to end
        self.sent = 0

    def _more(self):
        try:
            data = self.end.recv(1 << 16)
        except (OSError, ValueError) as failure:
            raise Gone from failure
        if not data:
            raise Gone
        self.buffered += data

    def _line(self):
        while b"\r\n" not in self.buffered:
            self._more()
        line, self.buffered = self.buffered.split(b"\r\n", 1)
        return line

    def _take(self, size):
        pieces, have = [self.buffered], len(self.buffered)
        while have < size:
            try:
                data = self.end.recv(min(1 << 20, size - have))
            except (OSError, ValueError) as failure:
                raise Gone from failure
            if not data:
                raise Gone
            pieces.append(data)
            have += len(data)
        whole = b"".join(pieces)
        self.buffered = whole[size:]
        return whole[:size]

    def _body(self, headers):
        if headers.get("expect", "").lower() == "100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if headers.get("transfer-encoding", "").lower() != "chunked":
            size = int(headers.get("content-length", 0))
            if size > LARGEST_BODY:
                raise Gone
            return self._take(size)
        pieces = []
        while True:
            size = int(self._line().split(b";")[0], 16)
            pieces.append(self._take(size))
            self._line()
            if size == 0:
                return b"".join(pieces)

    def read_request(self):
        """The next request. Raises Gone."""
        while b"\r\n\r\n" not in self.buffered:
            if len(self.buffered) > LARGEST_HEAD:
                raise Gone
            self._more()
        head, self.buffered = self.buffered.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        try:
            method, target, _ = first.split(" ", 2)
            pairs = [line.split(":", 1) for line in lines]
            headers = {name.strip().lower(): value.strip() for name, value in pairs}
            return Request(method, target, headers, self._body(headers))
        except ValueError as failure:
            raise Gone from failure

    def send(self, data):
        try:
            self.end.sendall(data)
        except (OSError, ValueError) as failure:
            raise Gone from failure
        self.sent += len(data)

    def answer(self, answer, with_body=True):
        self.send(answer.head(len(answer.data)) + (answer.data if with_body else b""))

    # -- answers that go wrong

    def answer_half(self, answer):
        """Announces the whole body, sends half of it and ends."""
        self.send(answer.head(len(answer.data)) + answer.data[:len(answer.data) // 2])
        raise Gone

    def answer_slowly(self, answer, rate):
        """`rate()` bytes a second, as long as that is more than 0."""
        self.send(answer.head(len(answer.data)))
        at = 0
        while at < len(answer.data):
            if self.stopping():
                raise Gone
            now = rate()
            step = max(1, int(now / 10)) if now else len(answer.data)
            self.send(answer.data[at:at + step])
            at += step
            if now:
                time.sleep(step / now)

    def answer_endlessly(self, answer, still):
        """The body but for its last byte, then blanks as long as `still()` says; then the connection ends."""
        self.send(answer.head(None))
        piece = answer.data[:-1] or b" "
        while still() and not self.stopping():
            self.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            piece = b" " * 64
            time.sleep(0.02)
        raise Gone

    def close(self):
        for step in (lambda: self.end.shutdown(socket.SHUT_RDWR), self.end.close):
            try:
                step()
            except (OSError, ValueError):
                pass
