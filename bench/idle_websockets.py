#!/usr/bin/env python3
"""Thousands of idle event websockets against one server: memory per socket, and what they cost a write.

Usage: idle_websockets.py [--sockets N] [--writes N] [--binary PATH]. Prints ratios; changes nothing outside a
folder of its own.
"""
import argparse
import base64
import os
import pathlib
import resource
import socket
import ssl
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "blackbox"))


def resident_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError("no VmRSS")


def frame(text):
    data = text.encode()
    assert len(data) < 126
    return bytes([0x81, 0x80 | len(data)]) + b"\0\0\0\0" + data  # masked with zeros


def open_socket(context, port, login, pattern):
    connection = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=30))
    connection.sendall((f"GET /api/v3/ws HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {login}\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n").encode())
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(4096)
    assert b" 101 " in received.split(b"\r\n")[0], received
    connection.sendall(frame(f"register {pattern}"))
    assert connection.recv(4096)
    return connection


def mean_write(server, count):
    begin = time.perf_counter()
    for number in range(count):
        answer = server.call("POST", "profiles/bench/params/count", str(number))
        assert answer.status_code == 200, answer.text
    return (time.perf_counter() - begin) / count * 1000


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--sockets", type=int, default=5000)
    arguments.add_argument("--writes", type=int, default=1000)
    arguments.add_argument("--binary", default=str(ROOT / "build" / "mullion"))
    chosen = arguments.parse_args()
    os.environ["MULLION_BINARY"] = chosen.binary
    import harness  # reads MULLION_BINARY

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    login = base64.b64encode(f"{harness.USER}:{harness.PASSWORD}".encode()).decode()
    site = harness.Site()
    try:
        server = site.server("bench").start()
        server.create("profiles", {"Name": "bench"})
        mean_write(server, chosen.writes // 10 + 1)
        before = resident_kib(server.process.pid)
        alone = mean_write(server, chosen.writes)
        begin = time.perf_counter()
        sockets = [open_socket(context, server.api_port, login, f"machines.update,save.machine-{number}")
                   for number in range(chosen.sockets)]
        opened = time.perf_counter() - begin
        after = resident_kib(server.process.pid)
        crowded = mean_write(server, chosen.writes)
        print(f"sockets               {len(sockets)}, opened at {len(sockets) / opened:.0f}/s")
        print(f"resident              {before / 1024:.1f} MiB alone, {after / 1024:.1f} MiB with them")
        print(f"memory per socket     {(after - before) / len(sockets):.1f} KiB")
        print(f"write                 {alone:.2f} ms alone, {crowded:.2f} ms with them: {crowded / alone:.2f}x")
        for connection in sockets:
            connection.close()
        harness.wait_until("all sockets are gone", lambda: server.metrics()["mullion_api_websockets"] == 0, 60)
        print(f"resident afterwards   {resident_kib(server.process.pid) / 1024:.1f} MiB")
    finally:
        site.close()


if __name__ == "__main__":
    main()
