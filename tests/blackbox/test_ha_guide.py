"""The commands of docs/high-availability, word for word, on machines that have the addresses of the pages."""
import hashlib
import json
import re
import shlex
import shutil
import ssl

import pytest

import namespaces
from harness import BINARY, PASSWORD, ROOT, wait_until
from test_address import HostedCluster
from test_cluster import consensus, health
from test_upgrade import key_pair, programs  # noqa: F401

PAGES = [ROOT / "docs" / "high-availability.md", *(ROOT / "docs" / "high-availability").glob("*.md")]
BASE_ROOT, OTHER_DISK = "/var/lib/mullion", "/mnt/disk-of-another-member"

MAKE_A_CLUSTER = [
    f"mullion serve --base-root {BASE_ROOT} ...",
    "mullion system ha enroll https://192.0.2.1:8092 rocketskates PASSWORD ConsensusAddr 192.0.2.1:8093 HaID site-1",
    "mullion system ha enroll https://192.0.2.2:8092 rocketskates PASSWORD ConsensusAddr 192.0.2.2:8093",
    "mullion system ha enroll https://192.0.2.3:8092 rocketskates PASSWORD ConsensusAddr 192.0.2.3:8093",
]
TRUST = ["mullion trust https://192.0.2.2:8092"]
GIVE_IT_AN_ADDRESS = [
    "mullion system ha enroll https://192.0.2.1:8092 rocketskates PASSWORD ConsensusAddr 192.0.2.1:8093 HaID site-1 "
    "VirtAddr 192.0.2.100/24 VirtInterface eth0",
    "mullion system ha enroll https://192.0.2.2:8092 rocketskates PASSWORD ConsensusAddr 192.0.2.2:8093 VirtInterface eth0",
]
CHANGE_THE_ADDRESS = [
    "mullion system ha change VirtAddr 192.0.2.101/24",
    "mullion system ha change VirtInterface eth0",
    "mullion system ha change VirtInterfaceScript /usr/local/sbin/move-address",
    "mullion system ha change LoadBalanced true VirtAddr 192.0.2.102",
    "mullion system ha change VirtAddr ''",
]
LOOK = ["mullion system ha active", "mullion system ha state", "mullion system ha peers", "mullion system ha failOverSafe 5"]
HAND_OVER = ["mullion system passive", "mullion system active"]
COME_AND_GO = ["mullion system ha remove ID", "mullion system ha introduction FILE", "mullion system ha join FILE"]
MOVE = ["mullion system ha change ConsensusAddr 192.0.2.13:8093", "mullion system ha rekey ID"]
KEEP = ["mullion system backup"]
PACKAGE = "VERSION.ARCH.OS.zip"
UPGRADE = [f"mullion system upgrade {PACKAGE} --member ID", f"mullion system upgrade {PACKAGE}", "mullion system upgradestatus"]
RECOVER = [f"mullion cluster recover --base-root {BASE_ROOT}",
           f"mullion cluster recover --base-root {BASE_ROOT} --compare {OTHER_DISK} --yes"]
BY_HAND = [
    f"mullion serve --base-root {BASE_ROOT} --ha-enabled --ha-id site-1 --ha-consensus-addr 192.0.2.1:8093 "
    "--ha-address 192.0.2.100/24 --ha-interface eth0",
    "mullion users token rocketskates",
    f"mullion serve --base-root {BASE_ROOT} --ha-enabled --ha-passive --ha-consensus-addr 192.0.2.2:8093 --ha-interface eth0 "
    "--ha-join https://192.0.2.1:8092 --ha-join-fingerprint SHA256",
    "mullion system active --force",
]
ALL = BY_HAND + MAKE_A_CLUSTER + TRUST + GIVE_IT_AN_ADDRESS + CHANGE_THE_ADDRESS + LOOK + HAND_OVER + COME_AND_GO + MOVE + KEEP + RECOVER + UPGRADE

needs_line = pytest.mark.skipif(bool(namespaces.why_not()), reason=namespaces.why_not() or "none")


def commands_of_pages():
    text = "\n".join(page.read_text() for page in PAGES)
    blocks = re.findall(r"^ *(mullion .*?)(?: +#.*)?$", text, re.M)
    return set(blocks) | set(re.findall(r"`(mullion [^`]*)`", text))


def test_every_command_of_the_pages_is_run_here():
    assert commands_of_pages() == set(ALL)


class UpgradableMachine(namespaces.HostedServer):
    """One that runs from a program file of its own."""

    def install(self, program):
        self.program = self.root.parent / f"{self.name}-program" / "mullion"
        self.program.parent.mkdir()
        shutil.copy(program, self.program)
        self.flags += ["--trusted-package-keys", key_pair()[1]]

    def command(self):
        return [str(self.program) if word == str(BINARY) else word for word in super().command()]


class Guide(HostedCluster):
    """An operator who copies from the page."""

    def tries(self, at, command):
        """Whether a command without names was carried out: one that may be refused for a while."""
        assert command in ALL
        return self.cli(at).call(*shlex.split(command)[1:]).returncode == 0

    def type(self, at, command, **words):
        """Output of a command, typed with RS_ENDPOINT at a server; names in capitals stand for something."""
        assert command in ALL
        for name, value in {"PASSWORD": PASSWORD, **words}.items():
            command = re.sub(rf"\b{re.escape(name)}\b", str(value), command)
        return self.cli(at).run(*shlex.split(command)[1:])

    def make_a_cluster(self, first, size):
        """Types at the first machine what enrols so many; each answers as a member then."""
        for count, command in enumerate(MAKE_A_CLUSTER[1:1 + size], 1):
            self.type(first, command)
            self.wait_active(first)
            self.wait_voters(first, count)
        self.wait_equal()

    def machine(self, number, program=None, **options):
        """One that serves, as the page has it: with the ports that the page names."""
        name = f"machine-{number}"
        make = namespaces.HostedServer if program is None else UpgradableMachine
        server = make(self.site.directory, name, self.line.host(name, number), **options)
        if program is not None:
            server.install(program)
        self.site.servers[name] = self.members[name] = server
        return server.start()


@pytest.fixture
def line():
    line = namespaces.Line("192.0.2")
    client = line.host("client", 250)
    with client.entered():
        yield line
    line.close()


@pytest.fixture
def guide(line, site, tmp_path):
    return Guide(site, tmp_path, line)


@needs_line
def test_from_three_machines_to_a_cluster_that_comes_through_everything(guide, tmp_path):
    one, two, three = (guide.machine(number) for number in (1, 2, 3))
    one.create("profiles", {"Name": "kept"})
    guide.make_a_cluster(one, 3)
    assert all(server.get("info")["ha_id"] == "site-1" for server in (one, two, three))

    assert json.loads(guide.type(two, "mullion system ha active")) == consensus(one, "id")
    assert len(json.loads(guide.type(two, "mullion system ha peers"))) == 3
    assert guide.type(one, "mullion system ha failOverSafe 5").strip() == "true"

    guide.type(two, "mullion system active")
    guide.wait_active(two)
    guide.wait_equal()
    guide.type(two, "mullion system passive")
    active = wait_until("another one serves", lambda: next(
        (server for server in (one, three) if health(server, "active") == 200), None), 30)
    guide.wait_equal()

    # A failover, with nothing to be done.
    active.kill()
    active = guide.active([server for server in (one, two, three) if server is not active])
    assert active.get("profiles/kept")["Name"] == "kept"
    for server in (one, two, three):
        if server.process.poll() is not None:
            server.start()
    guide.wait_equal()

    # A lost member: removed, and another one in its place.
    lost = next(server for server in (three, two) if server is not active)
    gone = consensus(lost, "id")
    lost.kill()
    shutil.rmtree(lost.root)
    guide.type(active, "mullion system ha remove ID", ID=gone)
    lost.start()
    file = tmp_path / "introduction.json"
    guide.type(active, "mullion system ha introduction FILE", FILE=file)
    guide.type(lost, "mullion system ha join FILE", FILE=file)
    guide.wait_voters(active, 3)
    guide.wait_equal()

    backup = json.loads(guide.type(active, "mullion system backup"))
    assert backup

    # A majority is lost for good.
    left, other = active, next(server for server in (one, two, three) if server not in (active, lost))
    for server in (one, two, three):
        server.kill()
    refused = guide.cli(left).call("cluster", "recover", "--base-root", left.root)
    assert refused.returncode == 1 and "nothing was changed" in refused.stderr
    told = guide.cli(left).call(*shlex.split(RECOVER[1].replace(BASE_ROOT, str(left.root))
                                             .replace(OTHER_DISK, str(other.root)))[1:])
    if "log is longer" in told.stderr:  # it was ahead by what the last moment brought
        left, other = other, left
        told = guide.cli(left).call(*shlex.split(RECOVER[1].replace(BASE_ROOT, str(left.root))
                                                 .replace(OTHER_DISK, str(other.root)))[1:])
    assert told.returncode == 0, told.stderr
    assert "everything that was ever acknowledged is in the longest log" in told.stdout
    left.start()
    guide.wait_active(left)
    assert left.get("profiles/kept")["Name"] == "kept"


@needs_line
def test_a_member_that_moves_and_gets_another_key(guide):
    one, two, three = (guide.machine(number) for number in (1, 2, 3))
    guide.make_a_cluster(one, 3)
    identity = consensus(three, "id")
    three.host.ip("addr", "add", "192.0.2.13/24", "dev", "eth0")
    guide.type(three, MOVE[0])
    wait_until("everybody knows", lambda: all("192.0.2.13:8093" in json.dumps(consensus(server, "peers"))
                                              for server in (one, two, three)))
    guide.wait_equal()
    guide.type(one, MOVE[1], ID=identity)
    wait_until("it is back", lambda: len(consensus(one, "peers")) == 3 and one.get("info")["errors"] == []
               and three.get("info")["errors"] == [])
    assert consensus(three, "id") == identity
    guide.wait_equal()


@needs_line
def test_an_address_that_moves_with_the_member_that_serves(guide):
    one, two = guide.machine(1), guide.machine(2)
    guide.type(one, GIVE_IT_AN_ADDRESS[0])
    guide.wait_active(one)
    guide.type(one, GIVE_IT_AN_ADDRESS[1])
    guide.wait_voters(one, 2)
    wait_until("the address is at one", lambda: "192.0.2.100/24" in one.addresses(), 10)
    # It shows the certificate of the cluster soon, and then has everything and may take over.
    wait_until("two takes over", lambda: guide.tries(two, TRUST[0]) and guide.tries(two, "mullion system active"))
    guide.wait_active(two)
    wait_until("the address is at two", lambda: "192.0.2.100/24" in two.addresses() and
               "192.0.2.100/24" not in one.addresses(), 10)


@needs_line
def test_the_address_of_a_running_cluster(guide, tmp_path):
    one, two = guide.machine(1), guide.machine(2)
    guide.make_a_cluster(one, 2)
    for server in (one, two):
        guide.type(server, CHANGE_THE_ADDRESS[1])
    guide.type(two, CHANGE_THE_ADDRESS[0])
    assert "192.0.2.101/24" in one.addresses()
    script = tmp_path / "move-address"
    script.write_text('#!/bin/sh\n[ "$1" = add ] && exec ip addr add "$3" dev "$2"\nexec ip addr del "$3" dev "$2"\n')
    script.chmod(0o755)
    guide.type(one, CHANGE_THE_ADDRESS[2], **{"usr/local/sbin/move-address": str(script)[1:]})
    assert "192.0.2.101/24" in one.addresses()
    guide.type(one, CHANGE_THE_ADDRESS[3])
    wait_until("the balancer has it", lambda: "192.0.2.101/24" not in one.addresses(), 10)
    assert consensus(two, "state")["ActiveUri"] == "https://192.0.2.102:8092"
    guide.type(one, CHANGE_THE_ADDRESS[4])
    assert json.loads(guide.type(one, "mullion system ha state"))["VirtAddr"] == ""


def flags_of(command, **words):
    """Of a command of the page that starts a server: all but its base root."""
    for name, value in words.items():
        command = command.replace(name, value)
    return shlex.split(command)[4:]


@needs_line
def test_two_servers_that_are_switched_by_hand(guide):
    one = guide.machine(1, flags=flags_of(BY_HAND[0]))
    guide.wait_active(one)
    wait_until("the address is at one", lambda: "192.0.2.100/24" in one.addresses(), 10)
    one.create("profiles", {"Name": "kept"})
    token = json.loads(guide.type(one, BY_HAND[1]))["Token"]
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert((one.root / "server.crt").read_text())).hexdigest()
    two = guide.machine(2, flags=flags_of(BY_HAND[2], SHA256=fingerprint), environment={"RS_HA_TOKEN": token})
    wait_until("two could take over", lambda: guide.tries(one, "mullion system passive"))
    guide.wait_active(two)
    wait_until("the address is at two", lambda: "192.0.2.100/24" in two.addresses() and
               "192.0.2.100/24" not in one.addresses(), 10)
    wait_until("one could take over", lambda: guide.tries(one, TRUST[0]) and guide.tries(one, "mullion system active"))
    guide.wait_active(one)
    wait_until("two has everything", lambda: one.get("info")["errors"] == [])
    one.kill()
    wait_until("two goes on alone", lambda: guide.tries(two, BY_HAND[3]))
    guide.wait_active(two)
    wait_until("the address is at two", lambda: "192.0.2.100/24" in two.addresses(), 10)
    assert two.get("profiles/kept")["Name"] == "kept"


@needs_line
def test_a_new_version_of_the_program(guide, programs):  # noqa: F811
    one, two, three = (guide.machine(number, programs["old"]) for number in (1, 2, 3))
    guide.make_a_cluster(one, 3)
    old = one.get("info")["version"]

    def versions():
        told = guide.cli(two).call(*shlex.split(UPGRADE[2])[1:])
        if told.returncode != 0:
            return None  # it is the one that restarts
        status = json.loads(told.stdout)
        return status["State"] == "upgraded" and [member["Version"] for member in status["Members"]]
    words = {PACKAGE: programs["package"], "ID": consensus(three, "id")}
    guide.type(two, UPGRADE[0], **words)
    wait_until("one member runs the new version", lambda: versions() == [old, old, "v9.9.9"], 120, 0.5)
    guide.type(two, UPGRADE[1], **words)
    wait_until("all members run the new version", lambda: versions() == ["v9.9.9"] * 3, 180, 0.5)
    guide.wait_equal()
