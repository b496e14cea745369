"""A cluster whose lead is switched by hand: started with flags, synchronous, and nobody takes over by itself."""
import hashlib
import json
import ssl
import time

import pytest
import requests

from cluster_history import Load
from harness import PASSWORD, USER, expect, free_port, wait_until
from test_cli import CommandLine
from test_cluster import consensus, full_state, health


class Pair:
    """Servers as an administrator starts them: the first one, and passive ones that join it."""

    def __init__(self, site, home):
        self.site, self.home = site, home
        self.servers = {}

    def first(self, name="one", *flags):
        server = self.site.server(name, flags=[
            "--listen-address", "127.0.0.1", "--ha-enabled", "--ha-id", "site", "--ha-consensus-addr",
            f"127.0.0.1:{free_port()}", *flags])
        self.servers[name] = server.start()
        wait_until("it serves", lambda: health(server, "active") == 200)
        return server

    def passive(self, name, active, ready=True):
        token = active.get("users/rocketskates/token?ttl=3600")["Token"]
        server = self.site.server(name, flags=[
            "--listen-address", "127.0.0.1", "--ha-enabled", "--ha-passive", "--ha-join", active.url,
            "--ha-join-fingerprint", fingerprint(active), "--ha-consensus-addr", f"127.0.0.1:{free_port()}"],
            environment={"RS_HA_TOKEN": token})
        self.servers[name] = server.launch()
        if ready:
            server.wait_ready()
            self.wait_in_step(active, 1)
        return server

    def make(self):
        one = self.first()
        return one, self.passive("two", one)

    def cli(self, server):
        return CommandLine(server, self.home / server.name)

    def wait_in_step(self, active, count):
        wait_until(f"{count} can take over", lambda: sum(1 for node in active.get("info")["ha_passive_state"]
                                                       if node["electable"]) == count and active.get("info")["errors"] == [])


@pytest.fixture
def pair(site, tmp_path):
    return Pair(site, tmp_path)


def fingerprint(server):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert((server.root / "server.crt").read_text())).hexdigest()


def safe(server):
    return expect(200, server.call("POST", "system/consensus/failOverSafe?waitFor=3s")).json()


def test_two_servers_with_flags_are_a_cluster_that_is_switched_by_hand(pair):
    one, two = pair.make()
    for server in (one, two):
        state = consensus(server, "state")
        assert (state["Enabled"], state["ConsensusEnabled"], state["HaID"], state["Token"]) == (True, False, "site", "")
        assert len(consensus(server, "peers")) == 2
    one.create("profiles", {"Name": "first"})
    assert two.get("profiles/first")["Name"] == "first", "a passive one passes requests on"
    two.create("profiles", {"Name": "second"})
    assert safe(one) is True
    for there, here in ((two, one), (one, two)):
        expect(200, here.call("POST", "system/passive")) if there is two else pair.cli(there).json("system", "active")
        wait_until(f"{there.name} serves", lambda: health(there, "active") == 200)
        wait_until(f"{here.name} does not", lambda: health(here, "active") != 200 and health(here, "ready") == 200)
        there.create("profiles", {"Name": f"at-{there.name}"})
        pair.wait_in_step(there, 1)
    assert {profile["Name"] for profile in two.objects("profiles")} >= {"first", "second", "at-two", "at-one"}
    assert sum(node["electable"] for node in one.get("info")["ha_passive_state"]) == 1


def test_a_passive_one_shows_the_certificate_of_the_cluster_from_its_first_answer_on(pair):
    one = pair.first()
    served = (one.root / "server.crt").read_text()
    two = pair.passive("two", one, ready=False)

    def first_shown():
        try:
            return ssl.get_server_certificate(("127.0.0.1", two.api_port))
        except OSError:
            return None
    shown = wait_until("it shows a certificate", first_shown, pause=0.005)
    assert ssl.PEM_cert_to_DER_cert(shown) == ssl.PEM_cert_to_DER_cert(served)


def test_who_is_switched_off_comes_back_as_what_it_was(pair):
    one, two = pair.make()
    one.create("profiles", {"Name": "before"})
    assert one.stop() == 0
    begun = time.monotonic()
    while time.monotonic() < begun + 5:  # ten times as long as an election takes
        assert health(two, "active") != 200
        time.sleep(0.2)
    expect(503, two.call("GET", "profiles/before", timeout=20))
    expect(503, two.call("POST", "system/active"))
    one.start()
    wait_until("one serves again", lambda: health(one, "active") == 200)
    assert two.get("profiles/before")["Name"] == "before"


def test_a_passive_one_that_is_gone_is_waited_for_and_left_behind_with_a_word(pair):
    one, two = pair.make()
    two.kill()
    begun = time.monotonic()
    one.create("profiles", {"Name": "while-it-was-gone"})
    assert 2 < time.monotonic() - begun < 20, "it was waited for, 5 s without a word of it"
    wait_until("it says so", lambda: any("not in step" in error for error in one.get("info")["errors"]))
    assert safe(one) is False
    assert "mullion_cluster_in_step" in requests.get(f"http://127.0.0.1:{one.metrics_port}/metrics", timeout=9).text
    expect(409, one.call("POST", "system/passive"))
    begun = time.monotonic()
    one.create("profiles", {"Name": "alone"})
    assert time.monotonic() - begun < 2
    two.start()
    pair.wait_in_step(one, 1)
    assert safe(one) is True


def test_the_active_one_is_gone_and_somebody_orders_the_passive_one_to_go_on(pair):
    one, two = pair.make()
    load = Load([one])
    load.prepare(one)
    with load:
        wait_until("there is enough to check", load._enough)
        expect(409, two.call("POST", "system/active?force=true"))  # the active one can be reached
        assert health(one, "active") == 200
        one.create("profiles", {"Name": "last"})
        expect(201, one.call("POST", "files/kept.bin", b"x" * 300_000))
        one.kill()
    refused = expect(503, two.call("POST", "system/active"))
    assert refused.headers["Retry-After"]
    text = json.dumps(pair.cli(two).json("system", "active", "--force"))
    assert "is lost" in text and "at least entry" in text
    wait_until("two serves", lambda: health(two, "active") == 200)
    assert two.get("profiles/last")["Name"] == "last"
    assert expect(200, two.call("GET", "files/kept.bin")).content == b"x" * 300_000
    final = {counter: two.get(f"profiles/{counter}/params/number") for counter in load.counters}
    assert load.history.violations(final) == [] 
    one.launch()
    wait_until("one knows that it is none any more",
               lambda: any("is no member of the cluster" in error or "was removed" in error for error in one.get("info")["errors"]))
    assert health(one, "active") != 200
    pair.cli(two).json("system", "ha", "enroll", one.url, USER, PASSWORD, "ConsensusAddr", f"127.0.0.1:{free_port()}")
    pair.wait_in_step(two, 1)
    assert one.get("profiles/last")["Name"] == "last"
    assert full_state(one)["Enabled"] is True


def test_an_uploaded_file_is_on_both_disks_when_it_is_answered(pair):
    one, two = pair.make()
    expect(201, one.call("POST", "files/a.bin", b"y" * 1_000_000))
    held = [path for path in (two.root / "files").rglob("*")] + [path for path in (two.root / ".held").rglob("*")]
    assert any(path.is_file() and path.stat().st_size == 1_000_000 for path in held)


@pytest.mark.parametrize("flags, missing", [
    (["--ha-passive"], "--ha-join"),
    (["--ha-passive", "--ha-join", "https://127.0.0.1:1"], "--ha-token"),
    (["--ha-passive", "--ha-join", "ftp://127.0.0.1:1", "--ha-token", "x"], "--ha-join is"),
    (["--ha-consensus-addr", "nowhere"], "ConsensusAddr"),
    (["--ha-address", "192.0.2.77/24"], "VirtInterface"),
])
def test_flags_that_do_not_fit_are_told_and_the_server_starts(site, flags, missing):
    server = site.server("A", flags=["--listen-address", "127.0.0.1", "--ha-enabled", *flags]).start()
    assert any(missing in error for error in server.get("info")["errors"])
    assert server.get("info")["ha_enabled"] is False
