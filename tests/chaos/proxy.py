"""TCP lines between servers that can be disturbed. Runs as a process of its own, told what to do by JSON lines.

Each command on standard input is answered by one line on standard output:

    {"open": LINE, "target": PORT}                       -> {"port": PORT}
    {"line": LINE, "fault": NAME, ...}                   -> {}       see Line.FAULTS
    {"line": LINE, "mend": true}                         -> {}

`up` is from the one who connected towards the target, `down` the other way. A line carries TLS: bytes that are changed or
lost break the connection, bytes that wait come later, as after a cable that was out.
"""
import asyncio
import contextlib
import json
import socket
import struct
import subprocess
import sys
import threading

CHUNK = 65536
QUEUE = 64  # chunks under way in one direction before the sender has to wait
RESET = struct.pack("ii", 1, 0)  # linger for no time: closing sends RST


def reset(writer):
    """Ends a connection as a crash of its peer would."""
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


class Connection:
    """Two ends and what travels between them."""

    def __init__(self, line, near_reader, near, far_reader, far):
        self.line, self.near, self.far = line, near, far
        self.incomplete = False  # bytes were lost: it must not go on
        self.severed = False  # one end is gone and the other does not know
        self.tasks = [task for way in (("up", near_reader, far), ("down", far_reader, near))
                      for task in self.carry(*way)]

    def carry(self, direction, reader, writer):
        queue = asyncio.Queue(QUEUE)
        yield asyncio.ensure_future(self.take(reader, queue))
        yield asyncio.ensure_future(self.give(direction, queue, writer))

    async def take(self, reader, queue):
        data = b"first"
        while data:
            try:
                data = await reader.read(CHUNK)
            except OSError:
                data = b""
            await queue.put((asyncio.get_running_loop().time(), data))

    async def give(self, direction, queue, writer):
        while True:
            taken, data = await queue.get()
            await self.line.passage(direction, taken, len(data))
            if self.severed:
                continue
            if not data:
                return self.finish(writer)
            data = self.line.alter(self, direction, data)
            try:
                writer.write(data)
                await writer.drain()
            except OSError:
                return self.end()

    def finish(self, writer):
        """The sender has closed; so does the other side, after what is still on its way."""
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()
        if self.near.is_closing() or self.far.is_closing() or all(task.done() for task in self.tasks[0::2]):
            self.end(close=True)

    def sever(self, side):
        """One end goes; the other stays open and hears nothing."""
        self.severed = True
        reset(self.near if side == "near" else self.far)

    def end(self, close=False):
        self.line.connections.discard(self)
        for writer in (self.near, self.far):
            writer.close() if close else reset(writer)
        for task in self.tasks:
            if task is not asyncio.current_task():
                task.cancel()


class Line:
    """A port that leads to another port, undisturbed until told."""

    FAULTS = ("cut", "reset", "close", "refuse", "hold", "lose", "delay", "throttle", "sever", "corrupt", "drop")

    def __init__(self, target):
        self.target = target
        self.connections = set()
        self.refusing = False
        self.held = ()  # directions in which bytes wait
        self.losing = ()  # directions in which bytes vanish
        self.delay = 0.0  # seconds, each way
        self.rate = 0  # bytes a second and direction; 0: as fast as it goes
        self.spoiled = {}  # direction: what happens to the next bytes, (how, place)
        self.changed = asyncio.Event()

    async def open(self):
        server = await asyncio.start_server(self.accept, "127.0.0.1", 0, limit=CHUNK)
        return server.sockets[0].getsockname()[1]

    async def accept(self, near_reader, near):
        if self.refusing:
            return reset(near)
        try:
            far_reader, far = await asyncio.open_connection("127.0.0.1", self.target, limit=CHUNK)
        except OSError:
            return reset(near)
        self.connections.add(Connection(self, near_reader, near, far_reader, far))

    async def passage(self, direction, taken, size):
        """Returns when bytes that were taken then may go on."""
        while direction in self.held:
            await self.changed.wait()
        wait = taken + self.delay - asyncio.get_running_loop().time()
        if wait > 0 and self.delay:
            await asyncio.sleep(wait)
        if self.rate:
            await asyncio.sleep(size / self.rate)

    def alter(self, connection, direction, data):
        if direction in self.losing:
            connection.incomplete = True
            return b""
        how, place = self.spoiled.pop(direction, ("", 0))
        place %= len(data)
        if how == "corrupt":
            return data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1:]
        return data[:place] + data[place + 1:] if how == "drop" else data

    def disturb(self, fault, direction="", seconds=0.0, rate=0, side="", place=0):
        directions = ("up", "down") if direction == "both" else (direction,)
        if fault in ("cut", "refuse"):
            self.refusing = True
        if fault in ("cut", "reset", "close"):
            for connection in list(self.connections):
                connection.end(close=fault == "close")
        if fault == "hold":
            self.held = directions
        if fault == "lose":
            self.losing = directions
        if fault == "delay":
            self.delay = seconds
        if fault == "throttle":
            self.rate = rate
        if fault == "sever":
            for connection in list(self.connections):
                connection.sever(side)
        if fault in ("corrupt", "drop"):
            self.spoiled = {one: (fault, place) for one in directions}

    def mend(self):
        self.refusing, self.held, self.losing, self.delay, self.rate, self.spoiled = False, (), (), 0.0, 0, {}
        for connection in list(self.connections):
            if connection.incomplete or connection.severed:
                connection.end()
        self.changed.set()
        self.changed = asyncio.Event()


async def obey(lines, command):
    if "open" in command:
        line = lines[command["open"]] = Line(command["target"])
        return {"port": await line.open()}
    line = lines[command.pop("line")]
    line.mend() if command.get("mend") else line.disturb(**command)
    return {}


async def serve():
    lines = {}
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while command := await commands.readline():
        print(json.dumps(await obey(lines, json.loads(command))), flush=True)


class Proxy:
    """The process, as the others see it. Thread-safe."""

    def __init__(self):
        self.lock = threading.Lock()
        self.process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def tell(self, **command):
        with self.lock:
            self.process.stdin.write(json.dumps(command).encode() + b"\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())

    def open(self, line, target):
        """A new line to a port of this machine; the port that leads there."""
        return self.tell(open=line, target=target)["port"]

    def disturb(self, line, fault, **how):
        self.tell(line=line, fault=fault, **how)

    def mend(self, line):
        """The line carries again, and what waited arrives. Connections that lost bytes end."""
        self.tell(line=line, mend=True)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


if __name__ == "__main__":
    asyncio.run(serve())
