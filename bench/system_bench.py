#!/usr/bin/env python3
"""Figures of whole servers over real connections, each beside a yardstick measured in the same run.

    ./x bench [--full] [--only attach,list,...] [--endpoints N] [--machines M]

Endpoints are played by build/bench/bench/simulated_fleet; managers are real. docs/performance.md explains the rows.
"""
import argparse
import base64
import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import requests

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "blackbox"), str(ROOT / "tools")]
import fleet  # noqa: E402
import harness  # noqa: E402

PROGRAMS = ROOT / "build" / "bench" / "bench"
CIPHER = "TLS_AES_128_GCM_SHA256"
LOGIN = base64.b64encode(f"{harness.USER}:{harness.PASSWORD}".encode()).decode()
TEMPLATES = 1000
ROUNDS = 3
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
NGINX = """
user root;
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
  access_log off;
  sendfile on;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.3;
    root {folder};
  }}
}}
"""
WRK_SCRIPT = """
local paths, count = {}, 0
for line in io.lines(os.getenv("BENCH_PATHS")) do paths[#paths + 1] = line end
local method, body, mark = os.getenv("BENCH_METHOD"), os.getenv("BENCH_BODY"), os.getenv("BENCH_MARK")
local headers = {["Authorization"] = os.getenv("BENCH_AUTHORIZATION"), ["Content-Type"] = "application/json"}
function request()
  count = count + 1
  local text = nil
  if body ~= "" then text = string.gsub(body, "@", mark .. count) end
  return wrk.format(method, paths[count % #paths + 1], headers, text)
end
function done(summary, latency)
  local errors = summary.errors
  print(string.format("RESULT %d %d %d %d %d", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


# -- the table

class Table:
    WIDTHS = (44, 44, 44, 7, 26)

    def __init__(self):
        self.rows = []

    def head(self):
        self._print(("what", "measured", "yardstick", "ratio", "budget"), "met")

    def add(self, what, measured, yardstick="", ratio=None, budget="", met=None):
        ratio = "" if ratio is None else f"{ratio:.2f}"
        word = "" if met is None else "yes" if met else "NO"
        self.rows.append([what, measured, yardstick, ratio, budget, word])
        self._print((what, measured, yardstick, ratio, budget), word)

    def _print(self, cells, met):
        print(" | ".join(f"{cell:<{width}}" for cell, width in zip(cells, self.WIDTHS)), "|", met, flush=True)


def note(text):
    print(f"# {text}", file=sys.stderr, flush=True)


# -- processes

def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def memory(pid, name="VmRSS"):
    """Bytes; RssAnon is what is the process's own, VmRSS has the database's pages in the page cache as well."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(name)


def settled_memory(pid, name="RssAnon"):
    """What it is after the process went quiet."""
    wait_quiet(pid)
    return memory(pid, name)


def wait_quiet(pid, share=0.15, timeout=60):
    """Waits until a process uses little of a core."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        before = cpu_seconds(pid)
        time.sleep(1)
        if cpu_seconds(pid) - before < share:
            return


class SimulatedFleet:
    """Many endpoints in one process."""

    def __init__(self, folder, endpoints, machines, name="S", rate=0):
        self.first_port = self._free_ports(endpoints)
        self.ids = [f"{name}{n:04}" for n in range(endpoints)]
        self.machines = machines
        self.process = subprocess.Popen(
            [PROGRAMS / "simulated_fleet", "--templates", templates(folder), "--directory", folder,
             "--endpoints", str(endpoints), "--machines", str(machines), "--name", name,
             "--port-base", str(self.first_port), "--changes-per-second", str(rate)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.facts = self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("simulated_fleet ended")
        return json.loads(line)

    @staticmethod
    def _free_ports(count):
        for base in range(21000, 32000, 50):
            with contextlib.ExitStack() as stack:
                try:
                    for port in range(base, base + count):
                        probe = stack.enter_context(socket.socket())
                        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                        probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
                return base
        raise RuntimeError("no free ports")

    def set_rate(self, changes_per_second):
        """Answers how many changes there were until now."""
        self.process.stdin.write(f"rate {changes_per_second}\n")
        self.process.stdin.flush()
        return self._answer()["changes"]

    def url(self, number):
        return f"https://127.0.0.1:{self.first_port + number}"

    def attach_to(self, manager, clients=4):
        """addEndpoint of all, then waits until every one is connected."""
        def add(number):
            harness.expect(200, manager.add_endpoint(None, self.url(number)))
        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            list(pool.map(add, range(len(self.ids))))
        wait_connected(manager, len(self.ids))

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)


def templates(folder):
    path = pathlib.Path(folder) / "templates.jsonl"
    if not path.exists():
        machines = (item for kind, item in fleet.make_fleet("bench", "A", TEMPLATES) if kind == "machines")
        path.write_text("".join(json.dumps(machine) + "\n" for machine in machines))
    return path


def connected(manager):
    return sum(value for name, value in manager.metrics().items() if name.startswith("mullion_endpoint_connected{"))


def wait_connected(manager, count, timeout=300):
    return harness.wait_until(f"{count} endpoints are connected", lambda: statuses(manager) >= count, timeout, 0.2)


def statuses(manager):
    """How many endpoints say Connected: their replicas are current."""
    return sum(endpoint.get("ConnectionStatus") == "Connected" for endpoint in manager.get("endpoints"))


def stream_totals(manager):
    totals = {}
    for name, value in manager.metrics().items():
        kind = name.partition("{")[0]
        totals[kind] = totals.get(kind, 0) + value
    return totals


# -- clients

def token(server):
    return server.get(f"users/{harness.USER}/token?ttl=36000")["Token"]


class Load:
    """wrk with the same headers for all; paths are used in turn."""

    def __init__(self, folder):
        self.script = pathlib.Path(folder) / "load.lua"
        self.script.write_text(WRK_SCRIPT)
        self.paths = pathlib.Path(folder) / "paths"
        self.runs = 0

    def __call__(self, url, paths, seconds, clients, bearer="", method="GET", body="", allow_errors=False):
        self.runs += 1
        self.paths.write_text("\n".join(paths) + "\n")
        done = subprocess.run(
            ["wrk", "-t1", f"-c{clients}", f"-d{seconds}", "--timeout", "20", "-s", str(self.script), url],
            stdout=subprocess.PIPE, text=True, check=True,
            env={**os.environ, "BENCH_PATHS": str(self.paths), "BENCH_METHOD": method, "BENCH_BODY": body,
                 "BENCH_MARK": f"{self.runs}-", "BENCH_AUTHORIZATION": f"Bearer {bearer}"})
        line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
        requests, duration, p50, p99, errors = map(int, line.split()[1:])
        if errors and not allow_errors:
            raise RuntimeError(f"{errors} of {requests} requests failed: {method} {paths[0]}")
        return {"rate": requests / (duration / 1e6), "p50": p50 / 1e3, "p99": p99 / 1e3, "requests": requests}


def fetch(server, path, bearer, timeout=2):
    """Status and body over a connection of its own: what a client does that knows nothing yet."""
    context = ssl._create_unverified_context()
    connection = http.client.HTTPSConnection("127.0.0.1", server.api_port, timeout=timeout, context=context)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {bearer}"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def download(url, bearer=""):
    """Bytes per second of one client that discards what it gets."""
    done = subprocess.run(["curl", "-sk", "--tlsv1.3", "--tls13-ciphers", CIPHER, "-o", "/dev/null", "-H",
                           f"Authorization: Bearer {bearer}", "-w", "%{http_code} %{size_download} %{time_total}", url],
                          stdout=subprocess.PIPE, text=True, check=True)
    status, size, seconds = done.stdout.split()
    if status != "200":
        raise RuntimeError(f"{url}: {status}")
    return int(size), float(seconds)


def sync_seconds(folder):
    """Median and 99th percentile of writing 4 KB and waiting for the disk."""
    times = []
    descriptor = os.open(pathlib.Path(folder) / "sync", os.O_CREAT | os.O_WRONLY)
    for number in range(500):
        begin = time.perf_counter()
        os.pwrite(descriptor, os.urandom(4096), 4096 * (number % 64))
        os.fdatasync(descriptor)
        times.append(time.perf_counter() - begin)
    os.close(descriptor)
    times.sort()
    return statistics.median(times), times[int(len(times) * 0.99)]


# -- what is measured

class Bench:
    def __init__(self, options):
        self.options = options
        self.table = Table()
        self.site = harness.Site()
        self.folder = self.site.directory
        self.load = Load(self.folder)
        self.fleets = []
        self.big = None  # the manager of the big fleet
        self.big_fleet = None
        self.empty_memory = 0  # of the manager before it had endpoints

    def close(self):
        for one in self.fleets:
            with contextlib.suppress(Exception):
                one.close()
        self.site.close()

    def simulated(self, *arguments, **options):
        made = SimulatedFleet(self.folder, *arguments, **options)
        self.fleets.append(made)
        return made

    def end(self, *servers):
        """Ends servers and their folders."""
        for server in servers:
            server.kill()
            shutil.rmtree(server.root, ignore_errors=True)

    @property
    def seconds(self):
        return 10 if self.options.full else 4

    def run(self):
        print(f"# {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} before the first measurement")
        self.table.head()
        for name in SECTIONS:
            if self.options.only and name not in self.options.only:
                continue
            begin = time.monotonic()
            getattr(self, name)()
            note(f"{name}: {time.monotonic() - begin:.0f} s")

    # (h)
    def start(self):
        stripped = self.folder / "stripped"
        subprocess.run(["strip", "-o", stripped, harness.BINARY], check=True)
        size, whole = stripped.stat().st_size / 1e6, harness.BINARY.stat().st_size / 1e6
        stripped.unlink()
        self.table.add("size of the program", f"{size:.1f} MB stripped", f"{whole:.0f} MB with debug information",
                       budget="<= 40 MB", met=size <= 40)
        server = self.site.server("E")
        times = []
        for _ in range(6):
            begin = time.perf_counter()
            server.launch()
            self._first_answer(server, "/api/v3/info", "")
            times.append((time.perf_counter() - begin) * 1e3)
            time.sleep(1)
            resident, own = memory(server.process.pid) / 1e6, memory(server.process.pid, "RssAnon") / 1e6
            server.stop()
        again = statistics.median(times[1:])
        self.table.add("empty server: start to first answer", f"{times[0]:.0f} ms new, {again:.0f} ms again",
                       budget="<= 200 ms", met=max(times[0], again) <= 200)
        self.table.add("empty server: resident memory", f"{resident:.1f} MB ({own:.1f} MB its own)",
                       budget="<= 40 MB", met=resident <= 40)
        self.end(server)

    @staticmethod
    def _first_answer(server, path, bearer, good=(200, 401, 403), timeout=60):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, body = fetch(server, path, bearer)
                if status in good:
                    return body
            time.sleep(0.002)
        raise RuntimeError(f"{server.name}: no answer for {path}")

    # (a)
    def attach(self):
        endpoints, machines = self.options.endpoints, self.options.machines
        self.big_fleet = self.simulated(endpoints, machines)
        self.big = self.site.server("M", flags=["--log-level", "warn"]).start().become_manager()
        pid = self.big.process.pid
        self.empty_memory = settled_memory(pid)
        cpu, begin = cpu_seconds(pid), time.monotonic()
        self.big_fleet.attach_to(self.big)
        elapsed, cpu = time.monotonic() - begin, cpu_seconds(pid) - cpu
        total = endpoints * machines
        self.table.add(f"attach {endpoints} endpoints x {machines} machines", f"{elapsed:.1f} s, {total / elapsed:,.0f} objects/s",
                       f"{self.big_fleet.facts['bytes']} bytes a machine")
        self.table.add("  copies per core of the manager", f"{total / cpu:,.0f} objects per CPU second",
                       budget=">= 100,000 /s per core", met=total / cpu >= 100_000)
        if self.big.count("machines") != total:
            raise RuntimeError("machines are missing")
        self.big.get("machines?Pool=storage&sort=Name&limit=1", timeout=120)
        grown = (settled_memory(pid) - self.empty_memory) / total
        resident = memory(pid) / total
        index = stream_totals(self.big)["mullion_store_index_bytes"] / total
        self.table.add("memory per replicated machine", f"{grown:.0f} B own, of it index {index:.0f} B",
                       f"{resident:.0f} B with mapped pages of the database", budget="<= 1.5 KB", met=grown <= 1536)

    def _need_big(self):
        if self.big is None:
            self.attach()

    def _machine_paths(self, count):
        keys = [machine["Uuid"] for machine in self.big.get(f"machines?limit={count}&slim=Params,Meta")]
        return [f"/api/v3/machines/{key}" for key in keys]

    # (b)
    def page(self):
        self._need_big()
        bearer = token(self.big)
        mixes = {
            "pool, by name": [f"Pool=storage&sort=Name&offset={n * 100}" for n in range(20)],
            "two filters, by address": [f"Runnable=true&Arch=arm64&sort=Address&reverse=true&offset={n * 100}"
                                        for n in range(20)],
            "one endpoint, by name": [f"Endpoint={owner}&sort=Name" for owner in self.big_fleet.ids[:50]],
            "name range, by address": ["Name=Between(node-10-,node-12-)&sort=Address"],
        }
        for name, queries in mixes.items():
            paths = [f"/api/v3/machines?limit=100&{query}" for query in queries]
            for path in paths:
                self.big.get(path)
            page = self.load(self.big.url, paths, self.seconds, 1, bearer)
            hello = self.load(self.big.url, ["/api/v3/stages/none"], 2, 1, bearer)
            self.table.add(f"page of 100: {name}", f"p50 {page['p50']:.2f} ms, p99 {page['p99']:.2f} ms",
                           f"tiny object p50 {hello['p50']:.2f} ms, p99 {hello['p99']:.2f} ms",
                           page["p50"] / hello["p50"], "p99 <= 5 ms", page["p99"] <= 5)

        self._tenant_page()

    def _tenant_page(self):
        """The same page for somebody of a tenant of a tenth of the machines, and for an administrator."""
        rows = self.big.get(f"machines?limit={self.big.count('machines') // 10}&slim=Params,Meta")
        members = [f"/{row['Endpoint']}/{row['Uuid']}" for row in rows]  # a bare key names an object of this server
        self.big.create("users", {"Name": "limited", "Roles": ["superuser"]})
        self.big.create("tenants", {"Name": "tenth", "Members": {"machines": members}, "Users": ["limited"]})
        self.big.call("PUT", "users/limited/password", {"Password": "limited"})
        limited = requests.get(f"{self.big.url}/api/v3/users/limited/token?ttl=36000", auth=("limited", "limited"), verify=False,
                               timeout=30).json()["Token"]
        for name, query in (("by key", ""), ("by name", "&sort=Name"),
                            ("filtered, by address", "&Runnable=true&Arch=arm64&sort=Address")):
            path, best = [f"/api/v3/machines?limit=100{query}"], {}
            for _ in range(ROUNDS):
                for who, bearer in (("administrator", token(self.big)), ("tenant", limited)):
                    one = self.load(self.big.url, path, 2, 1, bearer)
                    best[who] = min(best.get(who, one), one, key=lambda figure: figure["p50"])
            ratio = best["tenant"]["p50"] / best["administrator"]["p50"]
            self.table.add(f"page of 100 of a tenant: {name}", f"p50 {best['tenant']['p50']:.2f} ms",
                           f"administrator p50 {best['administrator']['p50']:.2f} ms", ratio, "<= 1.10 x", ratio <= 1.1)

    # point GET
    def get(self):
        self._need_big()
        bearer, paths = token(self.big), self._machine_paths(1000)
        port = harness.free_port()
        hello = subprocess.Popen([PROGRAMS / "net_bench", "serve", str(port)], stdout=subprocess.DEVNULL)
        try:
            time.sleep(0.5)
            rates = {"hello": 0, "machine": 0, "tiny": 0}
            for _ in range(ROUNDS):
                for name, url, which in (("hello", f"https://127.0.0.1:{port}", ["/"]),
                                         ("tiny", self.big.url, ["/api/v3/stages/none"]),
                                         ("machine", self.big.url, paths)):
                    rates[name] = max(rates[name], self.load(url, which, self.seconds // 2, 32, bearer)["rate"])
        finally:
            hello.kill()
            hello.wait()
        for name, what in (("tiny", "point GET of a stage"), ("machine", "point GET of 4 KB machines")):
            ratio = rates[name] / rates["hello"]
            self.table.add(what, f"{rates[name]:,.0f} /s", f"hello of the bare HTTP room {rates['hello']:,.0f} /s", ratio,
                           ">= 0.7 x", ratio >= 0.7)

    # (c)
    def list(self):
        self._need_big()
        self.big.stop(30)
        usual = self.big.flags
        self.big.flags = [*usual, "--threads", "1"]
        self.big.start()
        wait_connected(self.big, len(self.big_fleet.ids))
        self._settle()
        bearer = token(self.big)
        file = self.folder / "list.json"
        subprocess.run(["curl", "-sk", "-o", file, "-H", f"Authorization: Bearer {bearer}",
                        self.big.url + "/api/v3/machines"], check=True)
        with self._nginx() as (port, pid):
            best = {}
            for _ in range(ROUNDS):
                for name, url, which in (("nginx", f"https://127.0.0.1:{port}/list.json", pid),
                                         ("list", self.big.url + "/api/v3/machines", self.big.process.pid)):
                    cpu = cpu_seconds(which)
                    size, seconds = download(url, bearer)
                    speed = size / seconds / 1e6
                    if speed > best.get(name, (0,))[0]:
                        best[name] = (speed, cpu_seconds(which) - cpu, seconds)
        ratio = best["list"][0] / best["nginx"][0]
        text = "{0:,.0f} MB/s ({2:.2f} s, server CPU {1:.2f} s)"
        self.table.add(f"list of all {file.stat().st_size / 1e6:,.0f} MB, TLS, one thread", text.format(*best["list"]),
                       "nginx " + text.format(*best["nginx"]), ratio, ">= 0.8 x", ratio >= 0.8)
        file.unlink()
        self.big.stop(30)
        self.big.flags = usual
        self.big.start()
        wait_connected(self.big, len(self.big_fleet.ids))
        self._settle()

    def _settle(self):
        """Indexes are there and the manager has nothing left to do."""
        self.big.get("machines?Pool=storage&sort=Name&limit=1", timeout=120)
        wait_quiet(self.big.process.pid)

    @contextlib.contextmanager
    def _nginx(self):
        port = harness.free_port()
        config = self.folder / "nginx.conf"
        config.write_text(NGINX.format(folder=self.folder, port=port, certificate=self.big.root / "server.crt",
                                       key=self.big.root / "server.key"))
        process = subprocess.Popen(["nginx", "-c", str(config)])
        try:
            time.sleep(0.5)
            worker = subprocess.run(["pgrep", "-P", str(process.pid)], stdout=subprocess.PIPE, text=True, check=True)
            yield port, int(worker.stdout.split()[0])
        finally:
            process.terminate()
            process.wait()

    # (f)
    def restart(self):
        self._need_big()
        bearer, path = token(self.big), self._machine_paths(1)[0]
        count = len(self.big_fleet.ids)
        self.big.kill()
        self.big_fleet.set_rate(1000)
        time.sleep(2)
        self.big_fleet.set_rate(0)
        begin = time.perf_counter()
        self.big.launch()
        self._first_answer(self.big, path, bearer, (200,))
        first = time.perf_counter() - begin
        self._first_answer(self.big, "/api/v3/machines?limit=100", bearer, (200,))
        plain = time.perf_counter() - begin
        filtered = []

        def ask_filtered():
            status, _ = fetch(self.big, "/api/v3/machines?Pool=storage&sort=Name&limit=100", bearer, 120)
            if status == 200:
                filtered.append(time.perf_counter() - begin)

        asking = threading.Thread(target=ask_filtered)
        asking.start()
        harness.wait_until("all endpoints are in touch", lambda: connected(self.big) >= count, 120, 0.05)
        touch = time.perf_counter() - begin
        wait_connected(self.big, count)
        caught_up = time.perf_counter() - begin
        asking.join()
        totals = stream_totals(self.big)
        machines = count * self.options.machines
        self.table.add(f"restart with {machines:,} machines: first object", f"{first * 1e3:.0f} ms",
                       f"list of 100 {plain * 1e3:.0f} ms, filtered {filtered[0] * 1e3:,.0f} ms" if filtered else "no list",
                       budget="<= 1 s", met=first <= 1)
        self.table.add(f"restart: {count} endpoints caught up", f"{caught_up:.1f} s (all in touch {touch:.1f} s)",
                       f"{totals['mullion_replication_received_bytes_total'] / 1e6:.1f} MB received, "
                       f"{totals['mullion_replication_snapshots_total']:.0f} copies", budget="<= 10 s by delta",
                       met=caught_up <= 10 and totals["mullion_replication_snapshots_total"] == 0)
        self._settle()
        grown = (memory(self.big.process.pid, "RssAnon") - self.empty_memory) / machines
        resident = memory(self.big.process.pid) / machines
        self.table.add("memory per machine after a restart", f"{grown:.0f} B own",
                       f"{resident:.0f} B with mapped pages of the database", budget="<= 1.5 KB", met=grown <= 1536)

    # (d)
    def propagation(self):
        self._end_big()
        leaf = self.simulated(1, 1000, name="P")
        regional, top = self.site.start("R", "T", flags=["--log-level", "warn"])
        for manager in (regional, top):
            manager.become_manager()
        leaf.attach_to(regional)
        top.attach(regional)
        harness.wait_until("the top has the machines", lambda: top.count("machines") == 1000, 60)
        some = [machine["Uuid"] for machine in top.get("machines?limit=50&slim=Params,Meta")]
        for rate, pattern, what in ((1000, f"machines.*.{','.join(some)}", "seen by a reader of 50 machines"),
                                    (5000, f"machines.*.{','.join(some)}", "seen by a reader of 50 machines"),
                                    (1000, "machines.*.*", "by a reader of everything")):
            before, begin = leaf.set_rate(rate), time.monotonic()
            cpus = {server.name: cpu_seconds(server.process.pid) for server in (regional, top)}
            seen = subprocess.run([PROGRAMS / "watch_changes", top.url, LOGIN, pattern, str(self.seconds * 2)],
                                  stdout=subprocess.PIPE, text=True, check=False)
            after, elapsed = leaf.set_rate(0), time.monotonic() - begin
            cores = ", ".join(f"{server.name} {(cpu_seconds(server.process.pid) - cpus[server.name]) / elapsed:.2f}"
                              for server in (regional, top))
            result = json.loads(seen.stdout)
            if result["failure"]:
                note(f"watch_changes: {result['failure']}")
            self.table.add(f"leaf to top at {(after - before) / elapsed:,.0f} changes/s",
                           f"p50 {result['p50']:.1f} ms, p99 {result['p99']:.1f} ms",
                           f"{result['events']} events {what}; cores {cores}", budget="p99 <= 50 ms",
                           met=result["p99"] <= 50 and not result["failure"])
            harness.wait_until("the top is current", lambda: self._same_count(regional, top), 60)
            wait_quiet(top.process.pid)
        self.end(regional, top)
        leaf.close()

    @staticmethod
    def _same_count(regional, top):
        lags = [value for server in (regional, top) for name, value in server.metrics().items()
                if name.startswith("mullion_endpoint_lag_commits{")]
        return lags and max(lags) == 0

    # (e)
    def forward(self):
        self._end_big()
        owner, regional, top = self.site.start("A", "R1", "M1", flags=["--log-level", "warn"])
        for manager in (regional, top):
            manager.become_manager()
        machine = owner.create("machines", {"Name": "forwarded"})["Uuid"]
        regional.attach(owner)
        top.attach(regional)
        path = f"/api/v3/machines/{machine}"
        harness.wait_until("the top has the machine", lambda: top.call("GET", path).status_code == 200)
        bearers = {server.name: token(server) for server in (owner, top)}
        body = '[{"op":"replace","path":"/Description","value":"@"}]'
        best = {"A": {"p50": 1e9}, "M1": {"p50": 1e9}}
        for _ in range(ROUNDS):
            for server in (owner, top):
                one = self.load(server.url, [path], self.seconds // 2, 1, bearers[server.name], "PATCH", body)
                best[server.name] = min(best[server.name], one, key=lambda figure: figure["p50"])
        direct, forwarded = best["A"], best["M1"]
        middle, _ = sync_seconds(self.folder)
        ratio = forwarded["p50"] / direct["p50"]
        self.table.add("PATCH forwarded through two hops", f"p50 {forwarded['p50']:.2f} ms, p99 {forwarded['p99']:.2f} ms",
                       f"direct p50 {direct['p50']:.2f} ms, p99 {direct['p99']:.2f}; a sync {middle * 1e3:.2f} ms", ratio, "p50 <= 2 x", ratio <= 2)
        self.end(owner, regional, top)

    # (g)
    def idle(self):
        self._end_big()
        count = self.options.idle_endpoints
        many = self.simulated(count, 1, name="I")
        manager = self.site.server("N", flags=["--log-level", "warn"]).start().become_manager()
        pid = manager.process.pid
        manager.get("machines?Pool=none&sort=Name")
        empty, resident, cpu = settled_memory(pid), memory(pid), cpu_seconds(pid)
        begin = time.monotonic()
        many.attach_to(manager)
        elapsed, cpu = time.monotonic() - begin, cpu_seconds(pid) - cpu
        own, now = (settled_memory(pid) - empty) / count, (memory(pid) - resident) / count
        before, begin = cpu_seconds(pid), time.monotonic()
        time.sleep(5)
        cores = (cpu_seconds(pid) - before) / (time.monotonic() - begin)
        self.table.add(f"{count} idle endpoints: memory of each", f"{own / 1024:.1f} KB own",
                       f"{now / 1024:.1f} KB with mapped pages; {cores:.2f} cores when idle", budget="<= 64 KB",
                       met=own <= 65536)
        self.table.add(f"  attaching {count} endpoints", f"{elapsed:.1f} s", f"manager CPU {cpu:.1f} s")
        self.end(manager)
        many.close()

    # (h)
    def apply(self):
        """Ten preferences and ten parameters for each of many endpoints at once."""
        self._end_big()
        count, settings = 200, 10
        many = self.simulated(count, 1, name="P")
        manager = self.site.server("L", flags=["--log-level", "warn"]).start().become_manager()
        many.attach_to(manager)
        wait_connected(manager, count)
        names = [row["Id"] for row in manager.get("endpoints?slim=Params,Meta")]
        manager.create("version_sets", {"Id": "many", "Apply": True,
                                        "Prefs": {f"pref{n}": str(n) for n in range(settings)},
                                        "Global": {f"bench/value-{n}": n for n in range(settings)}})
        bearer, pid = token(manager), manager.process.pid
        one = self.load(many.url(0), ["/api/v3/prefs"], self.seconds, 32, bearer)
        cpu, begin = cpu_seconds(pid), time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda endpoint: manager.patch(f"endpoints/{endpoint}", ("add", "/VersionSets", ["many"]),
                                                         ("add", "/Apply", True)), names))
        total = count * settings * 2
        harness.wait_until("all actions are carried out", timeout=300, pause=0.1, condition=lambda: manager.metrics()[
            'mullion_apply_actions_total{result="done"}'] >= total and manager.metrics()[
            'mullion_plan_endpoints{state="open"}'] == 0)
        elapsed, cpu = time.monotonic() - begin, cpu_seconds(pid) - cpu
        # An action looks, acts and looks again: three requests.
        self.table.add(f"apply: {total} actions at {count} endpoints", f"{total / elapsed:,.0f} actions/s, manager CPU {cpu:.1f} s",
                       f"GET of a setting, 32 clients: {one['rate']:,.0f} /s", total * 3 / elapsed / one["rate"])
        self.end(manager)
        many.close()

    # (i)
    def writes(self):
        self._end_big()
        server = self.site.server("W", flags=["--log-level", "warn"]).start()
        middle, slow = sync_seconds(self.folder)
        body = '{"Name":"p-@","Description":"written by a benchmark"}'
        one = self.load(server.url, ["/api/v3/profiles"], self.seconds, 64, token(server), "POST", body)
        samples = stream_totals(server)
        together = samples["mullion_store_commits_total"] / max(samples["mullion_store_groups_total"], 1)
        self.table.add("durable POST, 64 clients, TLS", f"{one['rate']:,.0f} /s, p50 {one['p50']:.1f} ms, p99 {one['p99']:.1f} ms",
                       f"4 KB and sync: p50 {middle * 1e3:.2f} ms, p99 {slow * 1e3:.2f} ms; {together:.0f} a group",
                       budget=">= 10,000 /s, p99 <= 20 ms", met=one["rate"] >= 10_000 and one["p99"] <= 20)
        self.end(server)

    # (j)
    def mixed(self):
        """Reads and writes at once, by one client program that is no bottleneck."""
        self._end_big()
        server = self.site.server("X", flags=["--log-level", "warn"]).start()
        clients, seconds = 64, max(30, self.seconds * 3)
        done = subprocess.run([PROGRAMS / "mixed_load", server.url, LOGIN, str(clients), str(seconds)],
                              stdout=subprocess.PIPE, text=True, check=False)
        result = json.loads(done.stdout)
        if result["failure"]:
            note(f"mixed_load: {result['failure']}")
        for kind, figure in sorted(result["kinds"].items()):
            text = f"p50 {figure['p50']:.1f} ms, p99 {figure['p99']:.1f} ms"
            if kind == "all":
                text = f"{result['rate']:,.0f} /s, {text}"
            self.table.add(f"mixed load, {clients} clients, {seconds} s: {kind}", text, f"{figure['count']:,} requests",
                           budget="no error" if kind == "all" else "",
                           met=result["errors"] == 0 if kind == "all" else None)
        self.end(server)

    def _end_big(self):
        if self.big is None:
            return
        self.end(self.big)
        self.big_fleet.close()
        self.big = self.big_fleet = None

    # rooms by themselves
    def rooms(self):
        objects = "1000000" if self.options.full else "100000"
        for program in (["net_bench"], ["store_bench", "--objects", objects, "--directory", str(self.folder / "rooms")],
                        ["plan_bench"]):
            print(f"\n{program[0]}", flush=True)
            subprocess.run([PROGRAMS / program[0], *program[1:]], check=True)


# In this order: those on the big fleet stand together.
SECTIONS = ["start", "attach", "get", "page", "restart", "list", "propagation", "forward", "idle", "apply", "writes", "mixed", "rooms"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="longer, with 1000 idle endpoints and a million objects")
    parser.add_argument("--only", type=lambda text: text.split(","), help="some of: " + ",".join(SECTIONS))
    parser.add_argument("--endpoints", type=int, default=100, help="of the big fleet")
    parser.add_argument("--machines", type=int, default=1000, help="of each endpoint of the big fleet")
    parser.add_argument("--idle-endpoints", type=int, help="default 300, with --full 1000")
    options = parser.parse_args()
    for name in options.only or []:
        if name not in SECTIONS:
            parser.error(f"no section {name}")
    if options.idle_endpoints is None:
        options.idle_endpoints = 1000 if options.full else 300
    bench = Bench(options)
    try:
        bench.run()
    finally:
        bench.close()


if __name__ == "__main__":
    main()
