#!/usr/bin/env python3
"""Seven servers on this computer, as ./x run shows them: managers M1 over R1 and R2, R1 over A and B, R2 over C and D.

Leaves and managers get content packs and an invented fleet; the managers are switched on and attach what is below
them; then the whole is shown through the command line and stays until Ctrl-C. With --cluster R1 is three servers that
act as one, and the one of them that serves is killed while clients write.
"""
import argparse
import concurrent.futures
import ctypes
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import requests
import urllib3

import demo_cluster
import fleet

ROOT = pathlib.Path(__file__).resolve().parent.parent
MULLION = pathlib.Path(os.environ.get("MULLION_BINARY", ROOT / "build" / "mullion"))
DEMO = ROOT / "build" / "demo"
SHARED_PACKS = ROOT.parent / "shared" / "data" / "content-packs"
OWN_PACKS = ROOT / "tests" / "data" / "packs"

HIERARCHY = {"M1": ["R1", "R2"], "R1": ["A", "B"], "R2": ["C", "D"]}
LEAVES = ["A", "B", "C", "D"]
NAMES = LEAVES + ["R1", "R2", "M1"]
USER, PASSWORD = "rocketskates", "r0cketsk8ts"
FIRST_PORT = 19000  # server n uses FIRST_PORT + 10 n and the three ports behind it
PORT_FLAGS = ["--api-port", "--static-port", "--static-secure-port", "--metrics-port"]
MACHINES_OF_A_MANAGER = 10
CLUSTER = "R1"  # with --cluster
FURTHER_MEMBERS = ["R1-2", "R1-3"]
SEED = "demo"
WORKERS = 8
START_SECONDS, STOP_SECONDS, SYNC_SECONDS = 60, 5, 120
# What only the version set of M1 brings to the leaves.
SITE_PACK = {"meta": {"Name": "site-notes", "Version": "v1.0.0", "Description": "What every site should know"},
             "sections": {"profiles": {"site-notes": {"Name": "site-notes", "Description": "Comes from M1",
                                                      "Params": {"site/contact": "operations"}}}}}
SITE_MESSAGE = b"This site is configured from M1.\n"


class DemoError(Exception):
    """What the demonstration cannot go on from, in words for people."""


class Progress:
    """The present step: one line that is redrawn on a terminal, a line per step elsewhere."""

    def __init__(self):
        self.terminal = sys.stdout.isatty()
        self.text = ""

    def step(self, text):
        self.finish()
        self.text = text
        self.draw("") if self.terminal else print(f"{text} ...", flush=True)

    def detail(self, text):
        if self.terminal:
            self.draw(text)

    def draw(self, detail):
        print(f"\r\033[K{self.text} ... {detail}", end="", flush=True)

    def finish(self):
        if self.terminal and self.text:
            print("\r\033[K", end="", flush=True)
        self.text = ""


class Server:
    """One `mullion serve` with a base root of its own."""

    def __init__(self, name, ports):
        self.name = name
        self.ports = ports
        self.url = f"https://127.0.0.1:{ports[0]}"
        self.base = DEMO / name
        self.log = self.base / "server.log"
        self.process = None
        self.token = None
        self.sessions = threading.local()

    def start(self):
        """On an empty base root."""
        shutil.rmtree(self.base, ignore_errors=True)
        self.base.mkdir(parents=True)
        self.launch()

    def launch(self):
        """On what there is."""
        command = [str(MULLION), "serve", "--drp-id", self.name, "--base-root", str(self.base),
                   "--listen-address", "127.0.0.1"]
        for flag, port in zip(PORT_FLAGS, self.ports):
            command += [flag, str(port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=clean_environment(), start_new_session=True, preexec_fn=die_with_parent)

    def kill(self):
        """As a power cut would: no word to the process."""
        self.process.kill()
        self.process.wait()

    def stopped(self):
        return self.process is not None and self.process.poll() is not None

    def tail(self, lines=25):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def call(self, method, path, body=None, timeout=60, raw=None):
        """The answer to a request below /api/v3; DemoError unless it went well."""
        session = getattr(self.sessions, "session", None)
        if session is None:
            session = self.sessions.session = requests.Session()
            session.trust_env = False
            session.verify = False
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        login = None if self.token else (USER, PASSWORD)
        answer = session.request(method, f"{self.url}/api/v3/{path}", json=body, data=raw, headers=headers,
                                 auth=login, timeout=timeout)
        if answer.status_code >= 400:
            raise DemoError(f"{self.name} refused {method} {path}: {answer.status_code} {answer.text.strip()[:600]}")
        return answer

    def log_in(self):
        """Waits until the server answers, then keeps a token: hashing a password for each request would take long."""
        deadline = time.monotonic() + START_SECONDS
        while not self.stopped():
            try:
                self.token = self.call("GET", f"users/{USER}/token?ttl=86400", timeout=10).json()["Token"]
                return
            except requests.RequestException as failure:
                if time.monotonic() > deadline:
                    raise DemoError(f"{self.name} does not answer on {self.url}: {failure}") from failure
                time.sleep(0.05)

    def count(self, owner):
        answer = self.call("HEAD", f"machines?Endpoint=Eq({owner})")
        return int(answer.headers["X-DRP-LIST-FILTER-COUNT"])


def clean_environment():
    """What a person has set for other servers stays outside."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RS_")}


def die_with_parent():
    """In the child: SIGTERM when this program ends in a way that leaves no time to stop it."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def usual_ports(servers):
    return [[FIRST_PORT + 10 * n + k for k in range(len(PORT_FLAGS))] for n in range(servers)]


def choose_ports(servers):
    """For each server its four ports: the usual ones, or free ones when one of them is taken."""
    probes = [socket.socket() for _ in range(servers * len(PORT_FLAGS))]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    spare = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    groups = []
    for n, usual in enumerate(usual_ports(servers)):
        own_spare = spare[n * len(PORT_FLAGS):(n + 1) * len(PORT_FLAGS)]
        groups.append(usual if all(is_free(port) for port in usual) else own_spare)
    return groups


def below(name):
    """The server itself and all servers under it."""
    return [name] + [owner for child in HIERARCHY.get(name, []) for owner in below(child)]


def with_meta_as_text(pack):
    """Meta holds texts; a few objects of published packs have true or false there."""
    for section in pack["sections"].values():
        for item in section.values():
            meta = item.get("Meta") or {}
            meta.update({key: json.dumps(value) for key, value in meta.items() if not isinstance(value, str)})
    return pack


def content_packs():
    folder = SHARED_PACKS if SHARED_PACKS.is_dir() else OWN_PACKS
    packs = [with_meta_as_text(json.loads(path.read_text())) for path in sorted(folder.glob("*.json"))]
    names = {pack["meta"]["Name"] for pack in packs}

    def needs(pack):
        wanted = [word.split(":")[0].strip() for word in pack["meta"].get("Prerequisites", "").split(",")]
        return len(names.intersection(wanted))

    return sorted(packs, key=needs)


class Demo:
    """The seven servers, from start to stop; those that make a cluster of R1 are more of them."""

    def __init__(self, machines, with_cluster):
        self.sizes = {name: machines if name in LEAVES else MACHINES_OF_A_MANAGER for name in NAMES}
        further = FURTHER_MEMBERS if with_cluster else []
        ports = choose_ports(len(NAMES) + len(further))
        self.servers = {name: Server(name, ports[n]) for n, name in enumerate(NAMES)}
        self.further = [Server(name, ports[len(NAMES) + n]) for n, name in enumerate(further)]
        self.cluster = demo_cluster.Cluster(CLUSTER, [self.servers[CLUSTER], *self.further], (USER, PASSWORD)) \
            if with_cluster else None
        self.progress = Progress()
        self.pool = concurrent.futures.ThreadPoolExecutor(WORKERS)
        self.example = ""  # name of a machine at the far end

    def everywhere(self, function, items):
        """Runs function(*item) for all, in parallel; looks after the servers meanwhile."""
        waiting = {self.pool.submit(function, *item) for item in items}
        total = len(waiting)
        try:
            while waiting:
                done, waiting = concurrent.futures.wait(waiting, 0.3, concurrent.futures.FIRST_EXCEPTION)
                self.check()
                for future in done:
                    future.result()
                if total > len(NAMES):
                    self.progress.detail(f"{total - len(waiting)} of {total}")
        except requests.RequestException:
            time.sleep(0.3)  # a server that dies breaks its connections first
            self.check()
            raise
        finally:
            for future in waiting:
                future.cancel()

    def running(self):
        return [*self.servers.values(), *self.further]

    def check(self):
        for server in self.running():
            if server.stopped():
                raise DemoError(f"{server.name} ended with code {server.process.returncode}. The end of {server.log}:\n"
                                f"{server.tail()}")

    def set_up(self):
        begun = time.monotonic()
        self.progress.step("starting seven servers" + (f", {CLUSTER} as three" if self.cluster else ""))
        for server in self.running():
            server.start()
        self.everywhere(Server.log_in, [(server,) for server in self.running()])
        if self.cluster:
            self.progress.step(f"making a cluster of {', '.join(member.name for member in self.cluster.members)}")
            self.cluster.form(self.enroll)
        packs = content_packs()
        self.progress.step("loading content packs: " + ", ".join(pack["meta"]["Name"] for pack in packs))
        self.everywhere(self.load_packs, [(server, packs) for server in self.servers.values()])
        self.create_fleets()
        self.progress.step("switching the managers on")
        self.everywhere(lambda name: self.servers[name].call("POST", "prefs", {"manager": "true"}),
                        [(name,) for name in HIERARCHY])
        for manager in ("R1", "R2", "M1"):
            self.progress.step(f"attaching {' and '.join(HIERARCHY[manager])} to {manager}")
            self.everywhere(self.attach, [(manager, name) for name in HIERARCHY[manager]])
            self.progress.step(f"waiting until {manager} shows every machine")
            self.await_counts(manager)
        self.progress.finish()
        return time.monotonic() - begun

    @staticmethod
    def load_packs(server, packs):
        for pack in packs:
            server.call("POST", "contents", pack)

    def create_fleets(self):
        """Pools and profiles first, then all machines, those of different servers mixed."""
        fleets = {name: [] for name in NAMES}
        for name, server in self.servers.items():
            world = fleet.world_of(*(server.call("GET", kind + "?slim=Meta,Params").json()
                                     for kind in ("stages", "bootenvs", "workflows")))
            fleets[name] = list(fleet.make_fleet(SEED, name, self.sizes[name], world))
            if fleets[name][-1][0] == "machines":
                self.example = self.example or fleets[name][-1][1]["Name"]
        create = [(self.servers[name], collection, item) for name in NAMES for collection, item in fleets[name]]
        order = {id(item): place for items in fleets.values() for place, (_, item) in enumerate(items)}
        create.sort(key=lambda entry: (entry[1] == "machines", order[id(entry[2])]))
        first = [entry for entry in create if entry[1] != "machines"]
        machines = create[len(first):]
        for what, entries in (("pools and profiles", first), ("machines", machines)):
            self.progress.step(f"creating {len(entries)} {what}")
            self.everywhere(lambda server, collection, item: server.call("POST", collection, item), entries)

    def configure(self):
        """M1 declares what the leaves should be; R1 and R2 make them so. Returns the plan of one leaf before and after."""
        top = self.servers["M1"]
        packs = content_packs() + [SITE_PACK]
        self.progress.step("filling M1's catalog")
        for pack in packs:
            name, version = pack["meta"]["Name"], pack["meta"].get("Version") or "v0.0.0"
            top.call("POST", f"files/rebar-catalog/{name}/{version}.json", pack)
        top.call("POST", "files/site/motd.txt", raw=SITE_MESSAGE)
        self.command_line("catalog", "build")
        self.progress.step("declaring the version set site-base at M1")
        top.call("POST", "version_sets", {
            "Id": "site-base", "Apply": True, "Description": "What every site has",
            "Components": [{"Type": "ContentPackage", "Name": pack["meta"]["Name"],
                            "Version": pack["meta"].get("Version") or "v0.0.0"} for pack in packs],
            "Prefs": {"debugRenderer": "warn"},
            "Global": {"site/ntp-servers": ["10.0.0.1", "10.0.0.2"]},
            "Files": [{"Path": "files/site/motd.txt", "Source": "self://files/site/motd.txt",
                       "Sha256Sum": hashlib.sha256(SITE_MESSAGE).hexdigest()}]})
        for name in LEAVES:
            top.call("PATCH", f"endpoints/{name}", [{"op": "add", "path": "/VersionSets", "value": ["site-base"]}])
        self.progress.step("waiting for the plans of the leaves")
        self.await_endpoints("has a plan", lambda leaf: leaf.get("Actions"))
        before = self.command_line("endpoints", "plan", LEAVES[0])
        self.progress.step("applying site-base to " + ", ".join(LEAVES))
        for name in LEAVES:
            top.call("PATCH", f"endpoints/{name}", [{"op": "add", "path": "/Apply", "value": True}])
        self.await_endpoints("is as declared", lambda leaf: leaf.get("Apply") and not leaf.get("Actions"))
        after = self.command_line("endpoints", "plan", LEAVES[0])
        self.progress.finish()
        return before, after

    def await_endpoints(self, what, condition):
        """Until every leaf fulfils it, as M1 sees them."""
        deadline = time.monotonic() + SYNC_SECONDS
        while True:
            self.check()
            leaves = [self.servers["M1"].call("GET", f"endpoints/{name}").json() for name in LEAVES]
            ready = [leaf for leaf in leaves if condition(leaf)]
            if len(ready) == len(leaves):
                return
            if time.monotonic() > deadline:
                late = next(leaf for leaf in leaves if leaf not in ready)
                raise DemoError(f"{late['Id']} still not {what} after {SYNC_SECONDS} s: {late.get('Errors')}; "
                                f"left to do: {json.dumps(late.get('Actions'))[:1000]}")
            self.progress.detail(f"{len(ready)} of {len(leaves)}")
            time.sleep(0.1)

    def attach(self, manager, name):
        self.servers[manager].call("POST", "plugins/manager/actions/addEndpoint", {
            "manager/url": self.door(name).url, "manager/username": USER, "manager/password": PASSWORD})

    def door(self, name):
        """The server by which others reach an endpoint: of a cluster a member that passes on, as a balancer would."""
        return self.further[0] if self.cluster and name == CLUSTER else self.servers[name]

    def enroll(self, active, member, pairs):
        address = f"127.0.0.1:{free_port()}"
        self.command_line("system", "ha", "enroll", member.url, USER, PASSWORD, "ConsensusAddr", address, *pairs,
                          at=active)

    def kill_active(self):
        """The cluster's act: what clients saw, and that nothing is missing."""
        self.progress.step(f"killing the active member of {CLUSTER} while clients write")
        report = self.cluster.kill_while_writing(self.servers[CLUSTER].token)
        self.progress.step(f"waiting until M1 shows what was written at {CLUSTER}")
        report.present["M1"] = demo_cluster.await_fact("M1 shows every acknowledged write", lambda: self.all_at_top(report))
        self.progress.finish()
        print(f"\n{CLUSTER} is a cluster of three.\n")
        print("\n".join(report.lines()), flush=True)
        if report.lost():
            raise DemoError(f"acknowledged writes are missing: {', '.join(report.lost()[:10])}")

    def all_at_top(self, report):
        """The writes at M1, once none is missing there."""
        names = self.cluster.names_in(self.servers["M1"].call("GET", f"profiles?slim=Params,Meta&Endpoint={CLUSTER}").json())
        return names if all(write.name in names for write in report.writes if write.fate == "acknowledged") else None

    def await_counts(self, manager):
        """Until `manager` shows all machines of its own and of everything below it."""
        server, owners = self.servers[manager], below(manager)
        wanted = {name: self.sizes[name] for name in owners}
        deadline = time.monotonic() + SYNC_SECONDS
        while True:
            self.check()
            counts = {name: server.count(name) for name in owners}
            if counts == wanted:
                return
            if time.monotonic() > deadline:
                missing = ", ".join(f"{n}: {counts[n]} of {wanted[n]}" for n in owners if counts[n] != wanted[n])
                raise DemoError(f"{manager} does not show every machine after {SYNC_SECONDS} s ({missing}). "
                                f"The end of its log:\n{server.tail()}")
            self.progress.detail(f"{sum(counts.values())} of {sum(wanted.values())}")
            time.sleep(0.1)

    def command_line(self, *arguments, at=None):
        """Output of the project's own command line at a server, M1 without another one."""
        environment = clean_environment()
        environment.update(HOME=str(DEMO), RS_TOKEN_CACHE=str(DEMO / "tokens"), RS_KEY=f"{USER}:{PASSWORD}",
                           COLUMNS=str(shutil.get_terminal_size((120, 24)).columns))
        done = subprocess.run([str(MULLION), "-E", (at or self.servers["M1"]).url, *arguments], env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
        if done.returncode != 0:
            raise DemoError(f"mullion {' '.join(arguments)} failed:\n{done.stderr.strip()}")
        return done.stdout.rstrip()

    def interface(self):
        """Where people look first."""
        top = self.servers["M1"].url
        page = requests.get(f"{top}/ux/", verify=False, allow_redirects=False, timeout=10)
        if page.status_code != 200:
            return "The web interface is not built into this program; see docs/ux.md."
        return f"Web interface: {top}/ux/   login {USER} / {PASSWORD}"

    def show(self, seconds, plans):
        total = sum(self.sizes.values())
        program = os.path.relpath(MULLION)
        top = f"{program} -E {self.servers['M1'].url}"
        changed = json.dumps({"Description": "changed from the top"})
        print(f"\nReady after {seconds:.1f} s.\n\n{self.interface()}\n\nThe hierarchy, as M1 sees it:\n")
        print(self.command_line("endpoints", "tree"))
        print(f"\nTen of the {total} machines at M1:\n")
        print(self.command_line("machines", "list", "--limit", "10", "--format", "table"))
        print(f"\nThe plan of {LEAVES[0]} after M1 gave its leaves the version set site-base:\n")
        print(plans[0])
        print("\nAnd once it was applied, by R1 and R2 with what came from M1's catalog:\n")
        print(plans[1])
        print("\nAddresses:\n")
        for server in reversed(self.running()):
            name = server.name
            print(f"  {name:<4} {server.url}/   metrics http://127.0.0.1:{server.ports[3]}/metrics   "
                  f"log {os.path.relpath(server.log)}")
        print(f"\nLogin: {USER} / {PASSWORD}\n\nTo try:\n")
        print(f"  {top} machines list Endpoint=A Runnable=true --format table")
        print(f"  {top} machines update Name:{self.example} '{changed}'")
        print(f"  {top} -u R1/A info get", flush=True)

    def stay(self):
        print("\nRunning until Ctrl-C.", flush=True)
        while True:
            self.check()
            time.sleep(0.5)

    def stop(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave servers behind
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.pool.shutdown(wait=False, cancel_futures=True)
        running = [server for server in self.running() if server.process is not None and not server.stopped()]
        for server in running:
            server.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for server in running:
            try:
                server.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                print(f"{server.name} did not stop within {STOP_SECONDS} s and is killed", file=sys.stderr)
                server.process.kill()
                server.process.wait()


def interrupt(_signal, _frame):
    raise KeyboardInterrupt


def positive(text):
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number


def main():
    parser = argparse.ArgumentParser(prog="./x run", description="Starts the seven servers of the mission's example.")
    parser.add_argument("--once", action="store_true", help="show everything, then stop")
    parser.add_argument("--cluster", action="store_true",
                        help="R1 is a cluster of three, whose active member is killed while clients write")
    parser.add_argument("--machines", type=positive, default=250, metavar="N", help="machines per leaf (default 250)")
    arguments = parser.parse_args()
    if not MULLION.exists():
        sys.exit("build/mullion is missing: run ./x build first")
    urllib3.disable_warnings()
    signal.signal(signal.SIGINT, interrupt)  # shells start background programs with it ignored
    signal.signal(signal.SIGTERM, interrupt)
    demo = Demo(arguments.machines, arguments.cluster)
    code = 0
    try:
        seconds = demo.set_up()
        demo.show(seconds, demo.configure())
        if arguments.cluster:
            demo.kill_active()
        if not arguments.once:
            demo.stay()
    except KeyboardInterrupt:
        demo.progress.finish()
        print("\nStopping.", flush=True)
    except (DemoError, demo_cluster.ClusterError, requests.RequestException) as failure:
        demo.progress.finish()
        print(f"Error: {failure}", file=sys.stderr, flush=True)
        code = 1
    finally:
        demo.stop()
    sys.exit(code)


if __name__ == "__main__":
    main()
