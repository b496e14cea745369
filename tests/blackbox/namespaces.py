"""Machines on one line: network namespaces on a bridge, none of which touches the network of this machine."""
import contextlib
import ctypes
import functools
import os
import pathlib
import re
import subprocess

import requests

import harness

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


class Namespace:
    """A network of its own, as long as the process lives that it belongs to."""

    def __init__(self):
        self.process = subprocess.Popen(["unshare", "-n", "sleep", "infinity"])
        self.pid = self.process.pid
        own = os.readlink("/proc/self/ns/net")
        harness.wait_until("the namespace is there", lambda: os.readlink(f"/proc/{self.pid}/ns/net") != own, 5)

    @property
    def path(self):
        return pathlib.Path(f"/proc/{self.pid}/ns/net")

    def ip(self, *words):
        return run("nsenter", f"--net={self.path}", "ip", *words)

    def close(self):
        self.process.kill()
        self.process.wait()

    @contextlib.contextmanager
    def entered(self):
        """This thread, and what it starts, sees this network."""
        with open("/proc/thread-self/ns/net") as before, open(self.path) as here:
            enter(here)
            try:
                yield self
            finally:
                enter(before)


def enter(namespace):
    assert libc.setns(namespace.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())


class Line:
    """Namespaces with addresses NETWORK.N on one bridge."""

    def __init__(self, network="10.77.0"):
        self.network = network
        self.hub = Namespace()
        self.hosts = {}
        self.hub.ip("link", "add", "bridge", "type", "bridge")
        self.hub.ip("link", "set", "bridge", "up")

    def host(self, name, number=None):
        host = self.hosts[name] = Namespace()
        number = number or len(self.hosts)
        host.address = f"{self.network}.{number}"
        self.hub.ip("link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0", "netns", str(host.pid))
        self.hub.ip("link", "set", f"port{number}", "master", "bridge", "up")
        host.ip("link", "set", "lo", "up")
        host.ip("addr", "add", f"{host.address}/24", "dev", "eth0")
        host.ip("link", "set", "eth0", "up")
        host.port = f"port{number}"
        return host

    def close(self):
        for namespace in [*self.hosts.values(), self.hub]:
            namespace.close()


@functools.cache
def why_not():
    """Why this machine cannot have such lines; "" when it can."""
    try:
        line = Line()
    except (OSError, AssertionError) as failure:
        return f"no network namespaces here: {failure}"
    try:
        host = line.host("probe")
        with host.entered():
            return ""
    except (OSError, AssertionError) as failure:
        return f"no network namespaces here: {failure}"
    finally:
        line.close()


class HostedServer(harness.Server):
    """A server in a namespace. Whoever asks it has to be on the line."""

    def __init__(self, directory, name, host, **options):
        super().__init__(directory, name, **options)
        self.host = host
        self.wrapper = []  # what the program is started by
        self.api_port = 8092

    @property
    def url(self):
        return f"https://{self.host.address}:{self.api_port}"

    def command(self):
        return ["nsenter", f"--net={self.host.path}", "--", *self.wrapper, *super().command()]

    def start(self):
        fresh = not (self.root / "data").exists()
        self.launch()
        if fresh:
            self.set_password()
        self.wait_ready()
        return self

    def set_password(self):
        """The one that servers begin with is accepted from their own machine only."""
        def done():
            answer = requests.put(f"https://127.0.0.1:{self.api_port}/api/v3/users/{harness.USER}/password", verify=False,
                                  auth=(harness.USER, harness.PASSWORD), json={"Password": harness.PASSWORD}, timeout=5)
            return answer.status_code == 200
        with self.host.entered():
            harness.wait_until(f"{self.name} has a password of its own", done, 30)

    def addresses(self):
        """Of its interface."""
        return re.findall(r"inet ([0-9.]+/\d+)", self.host.ip("-4", "addr", "show", "dev", "eth0"))

    def hardware_address(self):
        return re.search(r"link/ether ([0-9a-f:]+)", self.host.ip("link", "show", "dev", "eth0"))[1]


