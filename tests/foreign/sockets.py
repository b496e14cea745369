"""Websockets of the event stream: registrations, acknowledgements, delivery in order, and the ways it can go wrong.

Frames are those of the blackbox tests' fake endpoint.
"""
import base64
import hashlib
import heapq
import itertools
import json
import pathlib
import select
import struct
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "blackbox"))
from fake_endpoint import Closed, Stream, make_certificate  # noqa: E402,F401 (found by the line above)

MOST_WAITING = 50000
TEXT, CONTINUED = 1, 0
_ESCAPES = (("\\1", "."), ("\\2", ","), ("\\3", "*"))


def accept_text(key):
    """What a server answers to the key of a websocket's handshake."""
    return base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())


def _unescaped(element):
    for written, meant in _ESCAPES:
        element = element.replace(written, meant)
    return element


def parse_pattern(text):
    """TYPE.ACTION.KEY as three sets of values, None for any. Raises ValueError."""
    parts = text.split(".", 2)
    if len(parts) != 3 or not all(parts):
        raise ValueError(f"{text} has not three parts")
    return [None if part.strip() == "*" else {_unescaped(element.strip()) for element in part.split(",")}
            for part in parts]


def matches(pattern, *values):
    return all(part is None or value in part for part, value in zip(pattern, values))


class LockedStream(Stream):
    """A stream that is read and written by two threads: never both at once in the TLS layer, which does not bear it."""

    def _read(self, size):
        poll = select.poll()
        try:
            poll.register(self.connection, select.POLLIN)
            while len(self.buffered) < size:
                if not self.connection.pending() and not poll.poll(1000):
                    continue
                with self.lock:
                    data = self.connection.recv(1 << 16)
                if not data:
                    raise Closed
                self.buffered += data
        except (OSError, ValueError, AttributeError) as failure:  # closed meanwhile, by whomever
            raise Closed from failure
        out, self.buffered = self.buffered[:size], self.buffered[size:]
        return out

    def send_bytes(self, data):
        try:
            super().send_bytes(data)
        except (ValueError, AttributeError) as failure:
            raise Closed from failure


class EventSocket:
    """One websocket; `server` is the ForeignServer, `login` who opened it."""

    def __init__(self, server, connection, login):
        self.server = server
        self.login = login
        self.stream = LockedStream(server, connection.end, connection.buffered, "")
        self.patterns = {}
        self.waiting = []  # heap of (due, number, text)
        self.numbers = itertools.count()
        self.last_due = 0.0
        self.condition = threading.Condition()
        self.closed = False

    def run(self):
        """Reads commands until the connection ends."""
        writer = threading.Thread(target=self._write, daemon=True)
        writer.start()
        try:
            while True:
                while self.server.faults.unread_websocket and not self.closed:
                    time.sleep(0.05)
                self._command(self.stream.receive_frame().decode())
        except (Closed, OSError, ValueError):
            pass
        finally:
            self.close()

    def close(self):
        with self.condition:
            self.closed = True
            self.condition.notify_all()
        self.stream.close()

    def _command(self, text):
        action, _, pattern = text.partition(" ")
        message = ""
        try:
            if action not in ("register", "deregister"):
                raise ValueError(f"{action} is not a command")
            parsed = parse_pattern(pattern)
        except ValueError as failure:
            action, message = "error", str(failure)
        with self.condition:
            if action == "register":
                self.patterns[pattern] = parsed
            elif action == "deregister":
                self.patterns.pop(pattern, None)
            if not self.server.faults.no_acks:
                event = {"Time": self.server.state.now(), "Type": "websocket", "Action": action, "Key": pattern}
                if self.server.state.version.event_principal:
                    event["Principal"] = "system"
                for _ in range(1 + self.server.faults.extra_acks):
                    self._queue(json.dumps({**event, "Object": message, "Original": None}), time.monotonic())

    def _queue(self, text, due):
        heapq.heappush(self.waiting, (due, next(self.numbers), text))
        self.condition.notify_all()

    def offer(self, event, message):
        """Takes an event if somebody registered for it; `message()` is its frame's text."""
        with self.condition:
            if self.closed or not any(matches(pattern, event.kind, event.action, event.key)
                                      for pattern in self.patterns.values()):
                return
        if not self.server.may_see(self.login, event):
            return
        faults = self.server.faults
        if faults.strikes("lose_events"):
            return
        text = message()
        if faults.strikes("invalid_events"):
            text = text[:len(text) // 2]
        with self.condition:
            for _ in range(2 if faults.strikes("duplicate_events") else 1):
                now = time.monotonic()
                if faults.reorder_events:
                    due = now + faults.between(0, faults.reorder_events)
                else:
                    late = faults.between(0, faults.delay_events) if faults.delay_events else 0
                    due = self.last_due = max(self.last_due, now + late)
                self._queue(text, due)
            overflow = len(self.waiting) > MOST_WAITING
        if overflow:
            self.close()

    def _next(self):
        """The next text that is due; None at the end."""
        with self.condition:
            while not self.closed:
                wait = self.waiting[0][0] - time.monotonic() if self.waiting else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self.waiting)[2]
                self.condition.wait(wait)
        return None

    def _send(self, data):
        size = self.server.faults.fragment_events
        if not size or len(data) <= size:
            self.stream.send_frame(data, TEXT)
            return
        for begin in range(0, len(data), size):
            piece = data[begin:begin + size]
            last = 0x80 if begin + size >= len(data) else 0
            length = bytes([len(piece)]) if len(piece) < 126 else struct.pack("!BH", 126, len(piece)) \
                if len(piece) < 65536 else struct.pack("!BQ", 127, len(piece))
            self.stream.send_bytes(bytes([last | (TEXT if begin == 0 else CONTINUED)]) + length + piece)

    def _write(self):
        try:
            while (text := self._next()) is not None:
                if not self.server.faults.silent_websocket:
                    self._send(text.encode())
        except Closed:
            pass
        self.close()
