"""The cluster's address: three servers on one line, a client that knows nothing but the address."""
import json
import re
import time

import pytest
import requests

import namespaces
from cluster_history import Load
from harness import PASSWORD, USER, expect, wait_until
from test_cluster import Cluster, consensus, health

VIRTUAL, OTHER, THIRD = "10.77.0.100", "10.77.0.101", "10.77.0.102"

pytestmark = pytest.mark.skipif(bool(namespaces.why_not()), reason=namespaces.why_not() or "none")


class HostedCluster(Cluster):
    """Members that are machines of their own."""

    def __init__(self, site, home, line):
        super().__init__(site, home)
        self.line = line

    def launch(self, name, wrapper=(), flags=()):
        server = namespaces.HostedServer(self.site.directory, name, self.line.host(name), flags=flags)
        server.wrapper = list(wrapper)
        server.consensus_port = 8093
        self.site.servers[name] = self.members[name] = server
        return server.start()

    def enroll(self, active, server, *pairs):
        return self.cli(active).json("system", "ha", "enroll", server.url, USER, PASSWORD,
                                     "ConsensusAddr", f"{server.host.address}:8093", *pairs)

    def found_at_address(self, *pairs):
        one = self.launch("one")
        self.enroll(one, one, "VirtAddr", f"{VIRTUAL}/24", "VirtInterface", "eth0", *pairs)
        self.wait_active(one)
        return one

    def make_at_address(self):
        one = self.found_at_address()
        for count, name in enumerate(("two", "three"), 2):
            self.enroll(one, self.launch(name), "VirtInterface", "eth0")
            self.wait_voters(one, count)
        self.wait_equal()
        return self

    def holders(self, address=VIRTUAL):
        return [name for name, server in self.members.items() if f"{address}/24" in server.addresses()]

    def change(self, at, *pairs):
        return self.cli(at).json("system", "ha", "change", *pairs)

    def wait_address(self, wanted):
        wait_until(f"all members know that the address is {wanted}", lambda: all(
            server.get("info")["ha_virtual_address"] == wanted for server in self.running()), 30)


@pytest.fixture
def line():
    line = namespaces.Line()
    client = line.host("client")
    with client.entered():
        yield line
    line.close()


@pytest.fixture
def cluster(line, site, tmp_path):
    return HostedCluster(site, tmp_path, line)


class AtAddress:
    """What a client sees that knows the address only; in place of a server for Load."""
    name = "address"
    url = f"https://{VIRTUAL}:8092"


def serves_at_address(address=VIRTUAL):
    try:
        return requests.get(f"https://{address}:8092/healthz/active", verify=False, timeout=2).status_code == 200
    except requests.RequestException:
        return False


def neighbour(line):
    """The hardware address behind the cluster's, as the client knows it."""
    found = re.search(rf"{VIRTUAL} dev eth0 lladdr ([0-9a-f:]+)", line.hosts["client"].ip("neigh", "show"))
    return found and found[1]


def test_the_address_is_where_the_active_member_is(cluster, line):
    cluster.make_at_address()
    one, two, three = cluster.members.values()
    assert cluster.holders() == ["one"]
    wait_until("the address serves", serves_at_address)
    for server in (one, two, three):
        info = server.get("info")
        assert info["ha_virtual_address"] == f"{VIRTUAL}/24" and info["errors"] == []
        assert consensus(server, "state")["ActiveUri"] == f"{AtAddress.url}"

    # Killed: the kernel takes the address away there, and the next one has it.
    load = Load([AtAddress()])
    load.prepare(one)
    with load:
        time.sleep(1)
        assert neighbour(line) == one.hardware_address()
        one.kill()
        killed = time.monotonic()
        wait_until("the dead one's address is gone", lambda: f"{VIRTUAL}/24" not in one.addresses(), 10, 0.05)
        gone = time.monotonic() - killed
        wait_until("writes go on at the address", lambda: load.history.recovery(killed) < 30, 30)
        time.sleep(1)
    print(f"address gone after {gone:.2f} s, next acknowledged write after {load.history.recovery(killed):.2f} s")
    assert gone < 3.5, "two seconds after the last renewal"
    active = cluster.active([two, three])
    assert cluster.holders() == [active.name]
    assert neighbour(line) == active.hardware_address()
    final = {counter: active.get(f"profiles/{counter}/params/number") for counter in load.counters}
    assert load.history.violations(final) == []

    # Planned: from the active one to the other that lives.
    one.start()
    cluster.wait_equal()
    other = two if active is three else three
    expect(200, other.call("POST", "system/active"))
    cluster.wait_active(other)
    wait_until("the address followed", lambda: cluster.holders() == [other.name], 10)
    wait_until("the address serves", serves_at_address)
    assert neighbour(line) == other.hardware_address()

    # Stopped: nobody holds it any more there.
    other.stop()
    assert f"{VIRTUAL}/24" not in other.addresses()
    wait_until("the address serves", serves_at_address, 30)


def test_a_member_that_stands_still_and_comes_back_does_not_keep_the_address(cluster, line):
    cluster.make_at_address()
    one, two, three = cluster.members.values()
    one.pause()
    active = cluster.active([two, three])
    wait_until("one's address is gone", lambda: cluster.holders() == [active.name], 10, 0.05)
    one.resume()
    for _ in range(50):
        assert cluster.holders() == [active.name]
        time.sleep(0.02)
    assert serves_at_address() and neighbour(line) == active.hardware_address()


def test_a_member_without_a_majority_gives_the_address_away(cluster, line):
    cluster.make_at_address()
    one, two, three = cluster.members.values()
    line.hub.ip("link", "set", one.host.port, "down")
    active = cluster.active([two, three])
    wait_until("the address is with the majority", lambda: cluster.holders() == [active.name], 10, 0.05)
    line.hub.ip("link", "set", one.host.port, "up")
    wait_until("one is back", lambda: consensus(one, "active") == consensus(active, "id"), 30)
    assert cluster.holders() == [active.name]
    wait_until("the address serves", serves_at_address)


def test_a_script_moves_the_address(cluster, line, tmp_path):
    calls, script = tmp_path / "calls", tmp_path / "move"
    script.write_text(f'#!/bin/sh\necho "$*" >> {calls}\n[ "$1" = add ] && exec ip addr add "$3" dev "$2"\n'
                      'exec ip addr del "$3" dev "$2"\n')
    script.chmod(0o755)
    one = cluster.found_at_address("VirtInterfaceScript", str(script))
    wait_until("the address is there", lambda: cluster.holders() == ["one"], 10)
    assert calls.read_text().splitlines()[-1] == f"add eth0 {VIRTUAL}/24"
    assert one.get("info")["errors"][0].startswith("1 of the cluster's members")

    # What was left behind is taken away at the next start, before this member serves again.
    one.kill()
    assert cluster.holders() == ["one"], "a script's address stays where nobody takes it away"
    calls.unlink()
    one.start()
    cluster.wait_active(one)
    wait_until("it was taken away and put back", lambda: calls.exists() and calls.read_text().splitlines() in (
        [f"remove eth0 {VIRTUAL}/24", f"add eth0 {VIRTUAL}/24"],), 10)
    one.stop()
    assert cluster.holders() == [] and calls.read_text().splitlines()[-1] == f"remove eth0 {VIRTUAL}/24"

    # One that fails is said, and tried again.
    script.write_text("#!/bin/sh\necho no such line >&2\nexit 3\n")
    one.start()
    cluster.wait_active(one)
    wait_until("it is told", lambda: any("was not taken" in error and "exit code 3: no such line" in error
                                         for error in one.get("info")["errors"]), 20)
    script.write_text('#!/bin/sh\nexec ip addr add "$3" dev "$2"\n')
    wait_until("it works again", lambda: cluster.holders() == ["one"] and
               not any("address" in error for error in one.get("info")["errors"]), 20)


@pytest.mark.parametrize("wrapper, flags, pairs, says", [
    (["setpriv", "--bounding-set=-net_admin"], [], [], "CAP_NET_ADMIN"),
    (["setpriv", "--bounding-set=-net_raw"], [], [], "CAP_NET_RAW"),
    ([], ["--listen-address", "10.77.0.2"], [], "--listen-address"),
    ([], [], ["VirtInterface", "eth7"], "there is no interface eth7"),
    ([], [], ["VirtAddr", "10.77.0.2/24"], "ConsensusAddr"),
    ([], [], ["VirtAddr", VIRTUAL], "VirtAddr"),
    ([], [], ["VirtInterfaceScript", "/no/such/program"], "VirtInterfaceScript"),
])
def test_what_could_not_hold_the_address_is_refused_and_changes_nothing(cluster, wrapper, flags, pairs, says):
    one = cluster.launch("one", wrapper)
    if flags:
        one.stop()
        one.flags += flags
        one.start()
    words = ["VirtAddr", f"{VIRTUAL}/24", "VirtInterface", "eth0", *pairs]
    refused = cluster.cli(one).fails("system", "ha", "enroll", one.url, USER, PASSWORD,
                                     "ConsensusAddr", f"{one.host.address}:8093", *words)
    assert says in refused
    assert one.get("info")["ha_enabled"] is False and not (one.root / "ha-state.json").exists()


def test_the_flags_say_what_an_enrolment_leaves_out(cluster):
    one = cluster.launch("one", flags=["--ha-address", f"{VIRTUAL}/24", "--ha-interface", "eth0",
                                       "--ha-consensus-addr", "10.77.0.2:9093"])
    answer = cluster.cli(one).json("system", "ha", "enroll", one.url, USER, PASSWORD)
    assert answer["VirtAddr"] == f"{VIRTUAL}/24" and answer["ConsensusAddr"] == "10.77.0.2:9093"
    cluster.wait_active(one)
    wait_until("the address is there", lambda: cluster.holders() == ["one"], 10)
    assert "accepted without effect" not in one.log()
    assert json.dumps(consensus(one, "state")["VirtInterface"]) == '"eth0"'
    assert health(one, "active") == 200


def test_the_address_is_changed_while_the_cluster_runs(cluster, line):
    """By a request to a passive member: nobody starts anew, and a parent manager that knows the former address goes on."""
    cluster.make_at_address()
    one, two, three = cluster.members.values()
    processes = {name: server.process.pid for name, server in cluster.members.items()}
    manager = namespaces.HostedServer(cluster.site.directory, "M", line.host("M"))
    cluster.site.servers["M"] = manager
    manager.start().become_manager()
    identity = one.get("info")["ha_id"]
    expect(200, manager.add_endpoint(one, url=AtAddress.url))
    manager.wait_status(identity, "Connected")
    wait_until("the manager knows the members", lambda: len(
        manager.get(f"endpoints/{identity}").get("Meta", {}).get("mullion/members", "").split(",")) == 3)

    answer = cluster.change(two, "VirtAddr", f"{OTHER}/24")
    assert answer["VirtAddr"] == f"{OTHER}/24" and answer["ConsensusID"] == consensus(two, "id")
    assert cluster.holders(OTHER) == ["one"], "it is there when the request is answered"
    assert serves_at_address(OTHER)
    wait_until("the former one is gone", lambda: cluster.holders() == [], 10, 0.05)
    cluster.wait_address(f"{OTHER}/24")
    for server in (one, two, three):
        assert consensus(server, "state")["ActiveUri"] == f"https://{OTHER}:8092" and server.get("info")["errors"] == []
    assert processes == {name: server.process.pid for name, server in cluster.members.items()}
    one.create("profiles", {"Name": "after-the-change"})
    wait_until("the manager sees it", lambda: manager.call(
        "GET", f"profiles/after-the-change?Endpoint={identity}").status_code == 200)
    manager.wait_status(identity, "Connected")

    # Over a failover, and over a start of everybody.
    one.kill()
    active = cluster.active([two, three])
    wait_until("the next one has it", lambda: cluster.holders(OTHER) == [active.name], 10)
    one.start()
    cluster.wait_equal()
    cluster.wait_address(f"{OTHER}/24")
    for server in cluster.members.values():
        server.kill()
    for server in cluster.members.values():
        server.launch()
    active = cluster.active()
    wait_until("it is where the active member is", lambda: cluster.holders(OTHER) == [active.name], 10)
    assert cluster.holders() == []


def test_the_address_is_left_to_a_balancer_and_taken_back(cluster):
    cluster.make_at_address()
    one, two, three = cluster.members.values()
    answer = cluster.change(one, "LoadBalanced", "true", "VirtAddr", THIRD)
    assert answer["LoadBalanced"] is True and answer["ActiveUri"] == f"https://{THIRD}:8092"
    cluster.wait_address(THIRD)
    wait_until("no member has an address", lambda: cluster.holders() + cluster.holders(THIRD) == [], 10)
    cluster.change(two, "LoadBalanced", "false", "VirtAddr", f"{OTHER}/24")
    assert cluster.holders(OTHER) == ["one"] and serves_at_address(OTHER)
    cluster.change(three, "VirtAddr", "")
    cluster.wait_address("")
    wait_until("no member has an address", lambda: cluster.holders(OTHER) == [], 10)
    assert consensus(two, "state")["ActiveUri"] == one.url


def test_a_cluster_without_an_address_gets_one_that_a_script_moves(cluster, tmp_path):
    one = cluster.launch("one")
    cluster.enroll(one, one)
    cluster.wait_active(one)
    script, broken = tmp_path / "move", tmp_path / "broken"
    script.write_text(f'#!/bin/sh\n[ -e {broken} ] && [ "$1" = add ] && {{ echo no such line >&2; exit 3; }}\n'
                      '[ "$1" = add ] && exec ip addr add "$3" dev "$2"\nexec ip addr del "$3" dev "$2"\n')
    script.chmod(0o755)
    assert "VirtInterface: is needed" in cluster.cli(one).fails("system", "ha", "change", "VirtAddr", f"{VIRTUAL}/24")
    cluster.change(one, "VirtInterface", "eth0", "VirtInterfaceScript", str(script))
    assert cluster.holders() == []
    cluster.change(one, "VirtAddr", f"{VIRTUAL}/24")
    assert cluster.holders() == ["one"] and "valid_lft forever" in one.host.ip("addr", "show", "dev", "eth0")

    # The script fails: what is there stays there.
    broken.touch()
    refused = cluster.cli(one).fails("system", "ha", "change", "VirtAddr", f"{OTHER}/24")
    assert "cannot be held here" in refused and "no such line" in refused
    wait_until("it is as before", lambda: cluster.holders() == ["one"] and cluster.holders(OTHER) == [], 10)
    assert one.get("info")["ha_virtual_address"] == f"{VIRTUAL}/24"
    broken.unlink()
    cluster.change(one, "VirtAddr", f"{OTHER}/24")
    wait_until("the former one is let go of", lambda: cluster.holders() == [] and cluster.holders(OTHER) == ["one"], 10)

    # By the kernel from now on: the same address, by another way.
    cluster.change(one, "VirtInterfaceScript", "")
    assert cluster.holders(OTHER) == ["one"] and "valid_lft 2sec" in one.host.ip("addr", "show", "dev", "eth0")


def test_an_address_that_a_member_could_not_hold_is_refused_and_changes_nothing(cluster):
    cluster.make_at_address()
    one, two, three = cluster.members.values()
    three.host.ip("addr", "add", f"{OTHER}/24", "dev", "eth0")
    before = {name: (server.root / "ha-state.json").read_text() for name, server in cluster.members.items()}
    for pairs, says in (
            (("VirtAddr", f"{OTHER}/24"), f"this machine has the address already: take it away, the cluster puts it where it serves "
                                          f"(member {consensus(three, 'id')}"),
            (("VirtAddr", "10.77.0.2/24"), "VirtAddr: is the address of ConsensusAddr"),
            (("VirtAddr", OTHER), "VirtAddr: is an address with its prefix"),
            (("VirtAddr", f"{OTHER}/24", "LoadBalanced", "true"), "VirtAddr: with LoadBalanced it is the plain address"),
            (("VirtAddr", f"{THIRD}/24", "VirtInterface", "eth7"), "VirtInterface: there is no interface eth7"),
            (("VirtInterfaceScript", "/no/such/program"), "VirtInterfaceScript: is the absolute path of a program"),
            (("ConsensusAddr", "10.77.0.2:9093", "VirtAddr", ""), "ConsensusAddr: is changed by a request of its own")):
        for at in (one, two):
            if says.startswith("VirtAddr: is the address") and at is not one:
                continue  # of two it is what another machine has
            assert says in cluster.cli(at).fails("system", "ha", "change", *pairs), at.name
    assert cluster.holders() == ["one"] and serves_at_address()
    for name, server in cluster.members.items():
        assert (server.root / "ha-state.json").read_text() == before[name], name
