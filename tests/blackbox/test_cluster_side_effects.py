"""What the active member does to the world, it does alone: plugins, sessions, rollouts (O9)."""
import itertools

import pytest

import provider_scripts as scripts
from harness import expect, wait_until
from test_cluster import Cluster, consensus, full_state
from test_cluster_files import BYTES

SPREAD = True  # no test shares servers with another
FOLLOWED_TOO = ("test_one_member_speaks_with_an_endpoint_and_carries_out_what_is_wanted",)

# A plugin that says every few milliseconds that it is there, and whose it is.
BEAT = r'''
def beat():
    def parent():
        return os.environ["RS_ENDPOINT"]
    while True:
        note("beat %%.6f %%s" %% (time.monotonic(), parent()))
        time.sleep(0.005)
'''


def beating(notes):
    program = scripts.obedient(name="beats", notes=notes)
    program = program.replace("class Handler", (BEAT % ()) + "\nclass Handler", 1)
    return program.replace("with Server(sys.argv[2]", "threading.Thread(target=beat, daemon=True).start()\n"
                           "    with Server(sys.argv[2]", 1)


def beats(notes):
    """(time, whose plugin), in the order of time."""
    lines = notes.read_text().splitlines() if notes.exists() else []
    found = [line.split() for line in lines if line.startswith("beat ") and len(line.split()) == 3]
    return sorted((float(moment), whose) for _, moment, whose in found)


def reigns(notes):
    """Whose plugin was there, one after the other."""
    return [whose for whose, _ in itertools.groupby(beats(notes), key=lambda beat: beat[1])]


@pytest.fixture
def cluster(site, tmp_path):
    return Cluster(site, tmp_path).make()


def test_a_plugin_runs_at_one_member_at_a_time(cluster, tmp_path):
    one = cluster.members["one"]
    notes = tmp_path / "notes"
    expect(201, one.call("POST", "plugin_providers/beats", beating(notes).encode(), headers=BYTES))
    wait_until("the plugin is there", lambda: reigns(notes), 60)
    for ends in ("kill", "hand over", "stop", "kill"):
        active = cluster.active()
        seen = len(reigns(notes))
        if ends == "hand over":
            wait_until("it is handed over", lambda: active.call("POST", "system/passive").status_code == 200, 30)
        else:
            active.kill() if ends == "kill" else active.stop()
        wait_until("another member's plugin is there", lambda: len(reigns(notes)) > seen, 60)
        if active.process.poll() is not None:
            active.start()
        cluster.wait_equal()
    assert len(reigns(notes)) == 5, "none came back once another one had begun"
    assert all(before != after for before, after in itertools.pairwise(reigns(notes)))


def sessions(cluster, leaf):
    """How many members say that they are connected to the leaf."""
    name = f'mullion_endpoint_connected{{endpoint="{leaf.id}"}}'
    return sum(server.metrics().get(name, 0) for server in cluster.running())


def test_one_member_speaks_with_an_endpoint_and_carries_out_what_is_wanted(cluster, site):
    """The manager is the cluster: at each moment one of its members has a session, and every write is made once."""
    leaf, = site.start("leaf")
    leaf.create("profiles", {"Name": "of-the-leaf", "Description": "new"})
    one = cluster.active()
    one.become_manager()
    expect(200, one.add_endpoint(leaf))
    one.wait_status(leaf.id, "Connected")
    for number, ends in enumerate(("kill", "hand over", "kill")):
        active = cluster.active()
        if ends == "kill":
            active.kill()
        else:
            wait_until("it is handed over", lambda: active.call("POST", "system/passive").status_code == 200, 30)
            wait_until("it has let go", lambda: consensus(active, "active") != consensus(active, "id"))
        successor = cluster.active([server for server in cluster.running() if server is not active])
        successor.wait_status(leaf.id, "Connected")
        step = [{"op": "replace", "path": "/Description", "value": f"written-{number}"}]
        wait_until("a write arrives", lambda: successor.call("PATCH", "profiles/of-the-leaf", step).status_code == 200)
        assert leaf.get("profiles/of-the-leaf")["Description"] == f"written-{number}"
        wait_until("one member has a session, and has it alone", lambda: sessions(cluster, leaf) == 1)
        if active.process.poll() is not None:
            active.start()
        cluster.wait_equal()


def terms_heard(leaf, identity, epoch, terms):
    """What the leaf answers to a write that a member of the manager makes by itself, by its term."""
    step = [{"op": "replace", "path": "/Description", "value": "pushed"}]
    return [leaf.call("PATCH", "profiles/of-the-leaf", step, headers={
        "X-Mullion-On-Behalf-Of": f"system@{identity}", "X-Mullion-Lead": f"{epoch} {term}"}).status_code for term in terms]


def test_what_a_member_pushes_after_it_was_succeeded_is_refused(cluster, site):
    """The manager is the cluster. Its successor has asked the leaf for something: whatever of before is still under way is refused."""
    leaf, = site.start("leaf")
    leaf.create("profiles", {"Name": "of-the-leaf", "Description": "new"})
    one = cluster.active()
    one.become_manager()
    identity = one.get("info")["ha_id"]
    expect(200, one.add_endpoint(leaf))
    one.wait_status(leaf.id, "Connected")
    before = full_state(one)["Term"]
    epoch = expect(201, one.call("POST", "profiles", {"Name": "of-the-manager"})).headers["X-Mullion-Commit"].split()[1]
    wait_until("the leaf has heard it", lambda: terms_heard(leaf, identity, epoch, [before - 1]) == [409])
    one.pause()
    successor = cluster.active([server for server in cluster.members.values() if server is not one])
    after = full_state(successor)["Term"]
    wait_until("the leaf has heard the successor", lambda: terms_heard(leaf, identity, epoch, [before]) == [409], 60)
    assert terms_heard(leaf, identity, epoch, [after]) == [200]
    one.resume()
    cluster.wait_equal()
    assert terms_heard(leaf, identity, epoch, [before, after]) == [409, 200]
