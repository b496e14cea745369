"""A manager follows a cluster through failovers, whichever member it was given the address of."""
import time

import pytest

from harness import by_stream_only, expect, wait_equal, wait_until
from test_cluster import Cluster

pytestmark = by_stream_only("clusters of another make are one endpoint with one address; members are told in the stream")


@pytest.fixture
def cluster(site, tmp_path):
    return Cluster(site, tmp_path).make()


def test_a_manager_follows_a_cluster_whose_members_fail_one_after_the_other(cluster, site):
    manager, = site.start("M")
    manager.become_manager()
    one, two, three = cluster.members.values()
    identity = one.get("info")["ha_id"]
    one.create("profiles", {"Name": "before"})
    expect(200, manager.add_endpoint(one))
    manager.wait_status(identity, "Connected")
    wait_until("the manager knows the members", lambda: len(
        manager.get(f"endpoints/{identity}").get("Meta", {}).get("mullion/members", "").split(",")) == 3)
    full = f'mullion_replication_snapshots_total{{endpoint="{identity}"}}'
    copies = manager.metrics()[full]
    for round_number in range(2):
        active = cluster.active()
        active.kill()
        successor = cluster.active()
        successor.create("profiles", {"Name": f"after-{round_number}"})
        wait_until("the manager sees it", lambda: manager.call(
            "GET", f"profiles/after-{round_number}?Endpoint={identity}").status_code == 200)
        manager.wait_status(identity, "Connected")
        made = wait_until("a write goes through the manager", lambda: manager.call(
            "POST", "profiles", {"Name": f"through-{round_number}-{time.time()}", "Endpoint": identity}).status_code == 201)
        assert made
        active.start()
        cluster.wait_equal()
    assert manager.metrics()[full] == copies, "by what differs, never by a copy"
    # The address that it was given stays dead while the manager itself starts anew.
    one.kill()
    cluster.active()
    assert manager.stop() == 0
    manager.start()
    manager.wait_status(identity, "Connected")
    assert manager.get(f"endpoints/{identity}")["Params"]["manager/url"] == one.url, "what was given is left alone"
