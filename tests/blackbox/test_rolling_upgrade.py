"""A cluster whose members are all brought to another program by one request: two really different builds."""
import json

import pytest

import harness
from cluster_history import Load
from harness import expect, free_port, wait_until
from test_cluster import NAMES, Cluster, consensus
from test_upgrade import Upgradable, key_pair, package_of, pretender, programs, version_of  # noqa: F401

NEW = "v9.9.9"


class UpgradableCluster(Cluster):
    """Members that run from program files of their own."""

    def __init__(self, site, home, programs):  # noqa: F811
        super().__init__(site, home)
        self.programs = programs
        self.package = programs["package"]

    def launch(self, name):
        server = Upgradable(self.site.directory, name)
        server.flags += ["--listen-address", "127.0.0.1"]
        self.site.servers[name] = self.members[name] = server
        server.install(self.programs)
        server.consensus_port = free_port()
        return server.start()

    def status(self):
        """As the member that serves tells it; nothing while nobody does."""
        for server in self.running():
            try:
                answer = server.call("GET", "system/upgrade", timeout=5)
            except harness.requests.RequestException:
                continue
            if answer.status_code == 200:
                return answer.json()
        return None

    def stages(self):
        status = self.status()
        return {member["ConsensusID"]: member["Stage"] for member in status["Members"]} if status else {}

    def outcome(self, timeout=150):
        def ended():
            status = self.status()
            return status and status["State"] not in ("none", "pending") and status
        return wait_until("the upgrade of the members has ended", ended, timeout, 0.2)

    def wait_versions(self, **versions):
        def all_run_them():
            try:
                return {name: self.members[name].version() for name in versions} == versions
            except (harness.requests.RequestException, AssertionError, KeyError):
                return False
        wait_until(f"the members run {versions}", all_run_them, 60, 0.2)


@pytest.fixture
def made(site, tmp_path, programs):  # noqa: F811
    def make(*names):
        return UpgradableCluster(site, tmp_path, programs).make(names)
    return make


def test_all_members_one_after_the_other_while_writes_run(made):
    cluster = made(*NAMES)
    one, two, three = (cluster.members[name] for name in NAMES)
    old = one.version()
    load = Load([one, two, three], writers=2, readers=1)
    load.prepare(one)
    with load:
        wait_until("writes are acknowledged", lambda: len(load.history.acknowledged()) > 20, 30)
        info = expect(201, two.send(cluster.package)).json()  # a passive member passes it on
        assert info == {"Path": "system/upgrade", "Size": cluster.package.stat().st_size}
        again = expect(409, one.send(cluster.package)).json()["Messages"]
        assert again == [f"The upgrade of the members to {NEW} is under way"]
        ended = cluster.outcome()
        written = len(load.history.acknowledged())
        wait_until("writes go on", lambda: len(load.history.acknowledged()) > written + 20, 30)
    assert ended["State"] == "upgraded" and ended["Text"].startswith(f"upgraded {old} -> {NEW}"), ended
    assert [member["Stage"] for member in ended["Members"]] == ["done"] * 3
    assert [member["Version"] for member in ended["Members"]] == [NEW] * 3
    cluster.wait_versions(one=NEW, two=NEW, three=NEW)
    for server in (one, two, three):
        assert version_of(server.program) == NEW and version_of(server.root / "upgrade" / "previous") == old
        assert server.process.poll() is None, "it is the same process"
    active = cluster.active()
    assert active is not one, "the lead was handed over before the member that had it was upgraded"
    final = {counter: active.get(f"profiles/{counter}")["Params"]["number"] for counter in load.counters}
    print(f"{len(load.history.acknowledged())} acknowledged writes, longest pause {load.history.longest_gap():.2f} s")
    assert load.history.violations(final) == []
    # What the new version brings replicates, and nothing of the package is left.
    active.create("profiles", {"Name": "of-the-new-version"})
    cluster.wait_equal()
    for server in (one, two, three):
        wait_until("the package is gone", lambda server=server: not list(server.root.glob("upgrades/*")))
        assert not (server.root / "upgrade" / "staged.zip").exists()
    expect(422, active.send(cluster.package))
    assert active.get("info")["errors"] == []
    shown = json.loads(cluster.cli(active).run("system", "upgradestatus"))
    assert [member["Stage"] for member in shown["Members"]] == ["done"] * 3


def test_a_program_that_fails_at_one_member_is_taken_back_and_ends_the_upgrade(made):
    cluster = made(*NAMES)
    one, two, three = (cluster.members[name] for name in NAMES)
    old = one.version()
    serve = f'case "$*" in */three*) exit 1;; esac\nexec {cluster.programs["new"]} "$@"'
    expect(201, one.send(package_of(pretender(serve))))
    ended = cluster.outcome()
    assert ended["State"] == "rolled back"
    assert f"127.0.0.1:{three.consensus_port}: rolled back from {NEW} to {old}: it ended with exit code 1" in ended["Text"]
    stages = {member["ConsensusAddr"]: (member["Stage"], member["Version"]) for member in ended["Members"]}
    assert stages == {f"127.0.0.1:{one.consensus_port}": ("waits", old), f"127.0.0.1:{two.consensus_port}": ("done", NEW),
                      f"127.0.0.1:{three.consensus_port}": ("failed", old)}
    assert cluster.active() is one, "it was not touched"
    assert version_of(three.program) == old and three.process.poll() is None
    wait_until("info tells of it", lambda: ended["Text"] in one.get("info")["errors"])
    one.create("profiles", {"Name": "with-both-versions"})
    cluster.wait_equal()
    # Nothing is tried again unasked; the next package goes on from there.
    expect(204, one.call("DELETE", "system/upgrade"))
    assert cluster.status()["State"] == "none" and one.get("info")["errors"] == []
    expect(201, one.send(cluster.package))
    ended = cluster.outcome()
    assert ended["State"] == "upgraded", ended
    cluster.wait_versions(one=NEW, two=NEW, three=NEW)


def test_the_death_of_the_active_member_in_the_middle(made):
    cluster = made(*NAMES)
    one, two, three = (cluster.members[name] for name in NAMES)
    first = consensus(two, "id")
    one.create("profiles", {"Name": "kept"})
    expect(201, one.send(cluster.package))
    wait_until("the first member is done", lambda: cluster.stages().get(first) == "done", 60, 0.05)
    one.kill()
    cluster.active([two, three])
    told = wait_until("the others know of it", cluster.status, 30)
    assert (told["State"], told["To"]) == ("pending", NEW)
    one.start()
    ended = cluster.outcome()
    assert ended["State"] == "upgraded", ended
    cluster.wait_versions(one=NEW, two=NEW, three=NEW)
    assert cluster.active().get("profiles/kept")["Name"] == "kept"
    cluster.wait_equal()


def test_a_member_that_is_away(made):
    cluster = made(*NAMES)
    one, two, three = (cluster.members[name] for name in NAMES)
    three.kill()
    gone = [node["ConsensusID"] for node in consensus(one, "peers") if node["ConsensusAddr"].endswith(str(three.consensus_port))]
    wait_until("its absence is noticed", lambda: [node["ConsensusID"] for node in consensus(one, "peers")
                                                  if node["Offline"]] == gone, 30)
    refused = expect(409, one.send(cluster.package)).json()["Messages"]
    assert refused == [f"member {gone[0]} is not there: with skipOffline it is left out"]
    assert cluster.status()["State"] == "none" and not list(one.root.glob("upgrades/*"))
    # Without it nobody can be spared; that is waited for.
    cluster.cli(one).run("system", "upgrade", cluster.package, "--skip-offline")
    wait_until("the sum is told", lambda: "2 of 3 must stay, and 1 would" in cluster.status()["Text"], 30)
    expect(204, one.call("DELETE", "system/upgrade"))
    ended = cluster.outcome()
    assert "was stopped" in ended["Text"] and one.version() == two.version() != NEW
    three.start()
    cluster.wait_equal()
    # One member alone, by its id.
    cluster.cli(one).run("system", "upgrade", cluster.package, "--member", gone[0])
    ended = cluster.outcome()
    cluster.wait_versions(one=one.version(), two=two.version(), three=NEW)
    assert [member["Stage"] for member in ended["Members"]] == ["skipped", "skipped", "done"]
    assert one.version() == two.version() != NEW


@pytest.mark.parametrize("names", [("one",), ("one", "two")], ids=["one", "two"])
def test_small_clusters(made, names):
    cluster = made(*names)
    one = cluster.members["one"]
    expect(201, one.call("POST", "system/upgrade/stage", cluster.package.read_bytes()))
    assert cluster.status()["Staged"] == NEW and cluster.status()["State"] == "none"
    expect(202, one.call("POST", "system/upgrade/run"))
    assert cluster.outcome()["State"] == "upgraded"
    cluster.wait_versions(**{name: NEW for name in names})
    cluster.active().create("profiles", {"Name": "afterwards"})
    cluster.wait_equal()
