"""The single pane of glass: lists, forwarding, freshness and routes over the mission's seven servers."""
import io
import json
import threading
import uuid

import pytest
import websocket

from harness import PASSWORD, PATIENCE, USER, by_stream_only, expect, wait_equal, wait_until


def name(prefix="m"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


# -- aggregated reads

def test_every_object_is_seen_at_every_level(mission):
    leaf, middle, top = mission["A"], mission["R1"], mission["M1"]
    machine = leaf.create("machines", {"Name": name(), "Description": "seen from above"})
    for manager in (middle, top):
        seen = wait_until("the machine arrives",
                          lambda: manager.objects("machines", f"?Uuid={machine['Uuid']}"))
        assert seen == [dict(machine, Endpoint="A")], "the owner's bytes, with the owner's name"
        assert manager.get(f"machines/{machine['Uuid']}")["Endpoint"] == "A"
        assert manager.get(f"machines/Name:{machine['Name']}")["Uuid"] == machine["Uuid"]


def test_counts_and_filters_span_endpoints(mission):
    label = name("pool")
    for owner in ("A", "C", "M1"):
        mission[owner].create("machines", {"Name": name(), "Description": label})
    top = mission["M1"]
    wait_until("three machines", lambda: top.count("machines", f"?Description={label}") == 3)
    assert top.count("machines", f"?Description={label}&Endpoint=A") == 1
    assert top.count("machines", f"?Description={label}&Endpoint=M1") == 1
    assert top.count("machines", f"?Description={label}&Endpoint=") == 1, "own objects by the empty word too"
    assert top.count("machines", f"?Description={label}&Endpoint=In(A,C)") == 2
    page = top.objects("machines", f"?Description={label}&sort=Name&limit=2&offset=1")
    assert len(page) == 2 and page[0]["Name"] < page[1]["Name"]


@pytest.mark.parametrize("collection,body", [
    ("profiles", {"Description": "p"}), ("params", {"Description": "q"}), ("pools", {"Id": None}),
    ("stages", {"Description": "s"}), ("workflows", {}), ("tasks", {}), ("templates", {"ID": None, "Contents": "x"}),
    ("users", {}), ("roles", {}), ("tenants", {}), ("version_sets", {"Id": None}), ("rollouts", {"Id": None}),
    ("bulks", {"Id": None, "What": {"Kind": "delete"}, "Selection": {"Type": "machines"}}), ("ux_views", {"Id": None}),
    ("contexts", {"Engine": "docker"}),
])
def test_all_types_travel(mission, collection, body):
    key = name("obj")
    field = next((known for known in body if known in ("Id", "ID")), "Name")
    mission["D"].create(collection, {**body, field: key})
    seen = wait_until(f"{collection} arrive",
                      lambda: [row for row in mission["M1"].objects(collection, "?Endpoint=D") if row[field] == key])
    assert seen[0]["Endpoint"] == "D"
    expect(200, mission["D"].call("DELETE", f"{collection}/{key}"))
    wait_until(f"{collection} leave",
               lambda: not [row for row in mission["M1"].objects(collection, "?Endpoint=D") if row[field] == key])


def test_users_travel_without_what_opens_doors(mission):
    user = name("user")
    mission["B"].create("users", {"Name": user})
    expect(200, mission["B"].call("PUT", f"users/{user}/password", {"Password": "a long enough secret"}))
    seen = wait_until("the user arrives",
                      lambda: [row for row in mission["M1"].objects("users", "?Endpoint=B") if row["Name"] == user])
    assert not seen[0].get("PasswordHash") and not seen[0].get("Secret")


def test_own_object_wins_then_the_only_remote_one_then_nobody(mission):
    key = name("shared")
    mission["A"].create("profiles", {"Name": key, "Description": "of A"})
    top = mission["M1"]
    wait_until("A's profile", lambda: top.count("profiles", f"?Name={key}") == 1)
    assert top.get(f"profiles/{key}")["Description"] == "of A"
    mission["C"].create("profiles", {"Name": key, "Description": "of C"})
    wait_until("both profiles", lambda: top.count("profiles", f"?Name={key}") == 2)
    refused = expect(409, top.call("GET", f"profiles/{key}")).json()
    assert any("/A/api/v3/profiles/" in text for text in refused["Messages"])
    assert any("/C/api/v3/profiles/" in text for text in refused["Messages"])
    assert top.get(f"/C/api/v3/profiles/{key}")["Description"] == "of C"
    top.create("profiles", {"Name": key, "Description": "of M1"})
    assert top.get(f"profiles/{key}")["Description"] == "of M1"


# -- forwarding

def test_writes_reach_the_owner_and_are_read_back_at_once(mission):
    leaf, middle, top = mission["B"], mission["R1"], mission["M1"]
    machine = leaf.create("machines", {"Name": name()})
    wait_until("the machine arrives", lambda: top.count("machines", f"?Uuid={machine['Uuid']}") == 1)
    for round_number in range(20):
        text = f"change {round_number}"
        answer = expect(200, top.call("PATCH", f"machines/{machine['Uuid']}",
                                      [{"op": "replace", "path": "/Description", "value": text}]))
        assert answer.json()["Description"] == text
        assert answer.json()["Endpoint"] == "B", "as reads show it"
        assert answer.headers["X-Mullion-Commit"].startswith("B ")
        assert "X-Mullion-Pending" not in answer.headers
        for server in (top, middle, leaf):
            assert server.get(f"machines/{machine['Uuid']}")["Description"] == text, server.name
    expect(200, top.call("DELETE", f"machines/{machine['Uuid']}"))
    for server in (top, middle, leaf):
        expect(404, server.call("GET", f"machines/{machine['Uuid']}"))


def test_params_meta_and_put_are_forwarded(mission):
    machine = mission["A"].create("machines", {"Name": name()})
    top = mission["M1"]
    wait_until("the machine arrives", lambda: top.count("machines", f"?Uuid={machine['Uuid']}") == 1)
    path = f"machines/{machine['Uuid']}"
    expect(200, top.call("POST", f"{path}/params/test-param", '{"deep":[1,2]}'))
    assert top.get(f"{path}/params/test-param") == {"deep": [1, 2]}
    assert mission["A"].get(f"{path}/params")["test-param"] == {"deep": [1, 2]}
    expect(200, top.call("PATCH", f"meta/{path}", [{"op": "add", "path": "/color", "value": "blue"}]))
    assert mission["A"].get(path)["Meta"]["color"] == "blue"
    changed = dict(top.get(path), Description="by PUT")
    assert expect(200, top.call("PUT", path, changed)).json()["Description"] == "by PUT"
    assert mission["A"].get(path)["Description"] == "by PUT"


def test_the_owners_refusal_passes_unchanged(mission):
    machine = mission["C"].create("machines", {"Name": name()})
    top = mission["M1"]
    wait_until("the machine arrives", lambda: top.count("machines", f"?Uuid={machine['Uuid']}") == 1)
    patch = [{"op": "test", "path": "/Description", "value": "something else"}]
    direct = expect(409, mission["C"].call("PATCH", f"machines/{machine['Uuid']}", patch))
    through = expect(409, top.call("PATCH", f"machines/{machine['Uuid']}", patch))
    assert through.json() == direct.json()


def test_prefix_reaches_any_depth_and_creates_there(mission):
    top = mission["M1"]
    created = top.create("/D/api/v3/machines", {"Name": name()})
    assert mission["D"].get(f"machines/{created['Uuid']}")["Uuid"] == created["Uuid"]
    assert top.get(f"machines/{created['Uuid']}")["Endpoint"] == "D", "read your writes"
    assert top.get("/R2/D/api/v3/info")["ha_id"] == "D"
    assert top.get("/M1/R2/D/api/v3/info")["ha_id"] == "D"
    refused = expect(404, top.call("GET", "/NOBODY/api/v3/machines")).json()
    assert "NOBODY" in refused["Messages"][0] and "R1" in refused["Messages"][0]


def test_uploads_stream_through(mission):
    content = bytes(range(256)) * 40_000  # 10 MB
    path = f"files/test/{name()}.bin"
    answer = mission["M1"].session.post(mission["M1"].url + f"/D/api/v3/{path}", data=io.BytesIO(content), timeout=60,
                                        headers={"Content-Type": "application/octet-stream"})
    expect(201, answer)
    assert answer.json()["Size"] == len(content)
    back = mission["M1"].session.get(mission["M1"].url + f"/D/api/v3/{path}", timeout=60)
    assert back.content == content


def test_the_owner_knows_who_asked(mission):
    machine = mission["A"].create("machines", {"Name": name()})
    top = mission["M1"]
    wait_until("the machine arrives", lambda: top.count("machines", f"?Uuid={machine['Uuid']}") == 1)
    request_id = uuid.uuid4().hex
    expect(200, top.call("PATCH", f"machines/{machine['Uuid']}", [{"op": "add", "path": "/Description", "value": "x"}],
                         headers={"X-Request-Id": request_id}))
    for server in ("M1", "R1", "A"):
        lines = [line for line in mission[server].log().splitlines() if request_id in line]
        assert lines, f"{server} logs the request under its id"
    assert f"user:{USER}@M1" in lines[-1], "A names the person and the manager"


def test_actions_are_forwarded(mission):
    known = mission["R1"].get("plugins/manager/actions")
    assert mission["M1"].get("/R1/api/v3/plugins/manager/actions") == known
    refused = expect(409, mission["M1"].call(
        "POST", "/R1/api/v3/plugins/manager/actions/addEndpoint",
        {"manager/url": mission["A"].url, "manager/username": USER, "manager/password": PASSWORD}))
    assert "already known" in refused.json()["Messages"][0]


# -- websockets

def open_websocket(server, path="/api/v3/ws"):
    import base64
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    return websocket.create_connection(f"wss://127.0.0.1:{server.api_port}{path}", timeout=PATIENCE,
                                       header=[f"Authorization: Basic {login}"], sslopt={"cert_reqs": 0})


def next_event(connection, key):
    while True:
        event = json.loads(connection.recv())
        if event.get("Key") == key:
            return event


def test_addresses_of_subnets_below_are_handed_out(mission):
    leaf, top = mission["A"], mission["M1"]
    leaf.create("subnets", {"Name": "below", "Subnet": "10.77.0.0/24", "OnlyReservations": True})
    wait_until("the subnet is seen above", lambda: top.count("subnets", "?Name=below") == 1)
    given = expect(200, top.call("POST", "subnets/below/allocate", {"Token": "52:54:00:77:00:01"})).json()
    assert (given["Addr"], given["Endpoint"], given["Allocated"]) == ("10.77.0.1", "A", True)
    assert top.get("reservations/10.77.0.1") == given, "the replica has it before the answer"
    assert leaf.get("reservations/10.77.0.1")["CreatedBy"] != ""
    expect(409, top.call("POST", "subnets/below/allocate", {"Addr": "10.77.0.1"}))
    gone = expect(200, top.call("DELETE", "subnets/below/release/10.77.0.1")).json()
    assert (gone["Addr"], gone["Endpoint"]) == ("10.77.0.1", "A")
    expect(404, top.call("GET", "reservations/10.77.0.1"))
    expect(200, leaf.call("DELETE", "subnets/below"))


def test_events_of_replicas_are_published(mission):
    connection = open_websocket(mission["M1"])
    connection.send("register machines.*.*")
    machine = mission["A"].create("machines", {"Name": name()})
    event = next_event(connection, machine["Uuid"])
    assert (event["Type"], event["Action"], event["Object"]["Endpoint"]) == ("machines", "create", "A")
    mission["A"].delete(f"machines/{machine['Uuid']}")
    while event["Action"] != "delete":
        event = next_event(connection, machine["Uuid"])
    connection.close()


def test_websocket_of_an_owner_at_depth(mission):
    connection = open_websocket(mission["M1"], "/api/v3/ws/D")
    connection.send("register machines.create.*")
    machine = mission["D"].create("machines", {"Name": name()})
    assert next_event(connection, machine["Uuid"])["Action"] == "create"
    connection.close()


# -- Endpoint objects

def test_endpoint_objects_tell_what_is_there(mission):
    for manager, endpoint in (("R1", "A"), ("M1", "R2")):
        shown = mission[manager].get(f"endpoints/{endpoint}")
        info = mission[endpoint].get("info")
        assert shown["ConnectionStatus"] == "Connected"
        assert (shown["HaId"], shown["Arch"], shown["Os"]) == (info["ha_id"], info["arch"], info["os"])
        assert shown["DRPVersion"] == info["version"]
        assert PASSWORD not in json.dumps(shown)
    mission["A"].set_preference("debugFrontend", "info")
    wait_until("the preference is shown two levels up",
               lambda: mission["M1"].get("endpoints/A")["Prefs"].get("debugFrontend") == "info")
    pack = {"meta": {"Name": name("pack"), "Version": "v1.2.3"}, "sections": {}}
    expect(201, mission["A"].call("POST", "contents", pack))
    def component():
        return [part for part in mission["M1"].get("endpoints/A").get("Components", [])
                if part["Name"] == pack["meta"]["Name"]]
    assert wait_until("the pack is shown", component)[0]["Version"] == "v1.2.3"
    mission["A"].call("POST", "profiles/global/params/test-global", '"value"')
    wait_until("the global parameter is shown",
               lambda: mission["M1"].get("endpoints/A").get("Global", {}).get("test-global") == "value")


def test_operating_an_endpoint_object_from_the_top(mission):
    mission["M1"].patch("endpoints/B", ("add", "/Description", "edge site"))
    assert mission["R1"].get("endpoints/B")["Description"] == "edge site"


# -- addEndpoint

def test_add_endpoint_errors_are_distinct_and_leave_nothing(mission, shared_site):
    manager = mission["M1"]
    stranger = shared_site.server("stranger").start()
    before = manager.objects("endpoints")

    def refusal(**changes):
        params = {"manager/url": stranger.url, "manager/username": USER, "manager/password": PASSWORD, **changes}
        answer = manager.call("POST", "plugins/manager/actions/addEndpoint",
                              {key: value for key, value in params.items() if value is not None})
        assert answer.status_code >= 400, answer.text
        assert manager.objects("endpoints") == before
        return answer.json()["Messages"][0]

    for name in ("manager/url", "manager/username", "manager/password"):
        assert refusal(**{name: None}) == f"Action addEndpoint Missing Parameter {name}"
    texts = {
        "no url": refusal(**{"manager/url": None}),
        "bad url": refusal(**{"manager/url": "not a url"}),
        "plain http": refusal(**{"manager/url": "http://127.0.0.1:1"}),
        "nobody there": refusal(**{"manager/url": "https://127.0.0.1:1"}),
        "wrong password": refusal(**{"manager/password": "wrong"}),
        "not an endpoint": refusal(**{"manager/url": f"https://127.0.0.1:{stranger.static_secure_port}"}),
        "own address": refusal(**{"manager/url": manager.url}),
        "already known": refusal(**{"manager/url": mission["R1"].url}),
        "other certificate": refusal(**{"manager/fingerprint": "00" * 32}),
    }
    assert len(set(texts.values())) == len(texts), texts
    assert "fingerprint" in texts["other certificate"]
    assert "own address" in texts["own address"]
    assert "already known" in texts["already known"]
    assert "refused" in texts["wrong password"]
    stranger.stop()


def test_a_plain_server_is_no_manager(mission):
    refused = expect(409, mission["A"].add_endpoint(mission["B"]))
    assert "manager" in refused.json()["Messages"][0]


# -- freshness

@by_stream_only("M1 is told no ages behind R1: test_every_version_is_shown_as_it_is, test_ages_behind_another_makes_manager_are_said_to_be_unknown")
def test_answers_state_their_age(mission):
    answer = mission["M1"].call("GET", "machines?limit=1")
    assert 1 <= int(answer.headers["X-Mullion-Age"]) <= 6, "3 s for each level, and never 0"
    assert "X-Mullion-Stale" not in answer.headers
    expect(200, mission["M1"].call("GET", "machines?limit=1", headers={"X-Mullion-Max-Age": "6"}))
    assert "X-Mullion-Age" not in mission["A"].call("GET", "machines?limit=1").headers


@by_stream_only("M1 is told no ages behind R1: test_a_demand_finer_than_what_can_be_known_is_refused_by_every_level")
def test_a_demand_finer_than_what_can_be_known_is_refused_with_that_reason(mission):
    for name, smallest in (("R1", 3), ("M1", 6)):
        refused = expect(503, mission[name].call("GET", "machines?Endpoint=A", headers={"X-Mullion-Max-Age": "0"}))
        assert f"X-Mullion-Max-Age below {smallest} is finer than what can be known" in refused.json()["Messages"][0]


def test_metrics_of_endpoints(mission):
    samples = mission["M1"].metrics()
    assert samples['mullion_endpoint_connected{endpoint="A"}'] == 1
    assert samples['mullion_endpoint_lag_commits{endpoint="R1"}'] == 0
    assert samples['mullion_replication_received_bytes_total{endpoint="R1"}'] > 0
    assert samples['mullion_replication_commits_total{endpoint="R1"}'] > 0
    assert samples['mullion_replication_digest_mismatches_total{endpoint="R1"}'] == 0
    assert samples['mullion_forward_seconds_count{endpoint="R1"}'] > 0


def test_many_writers_at_all_levels_converge(mission):
    servers = [mission[key] for key in ("A", "C", "R1", "M1")]
    prefix = name("load")

    def write(server, target):
        import requests
        session = requests.Session()
        session.auth, session.verify, session.trust_env = (USER, PASSWORD), False, False
        for number in range(40):
            answer = session.post(f"{server.url}/{target}/api/v3/machines", timeout=30,
                                  json={"Name": f"{prefix}-{server.name}-{target}-{number}"})
            assert answer.status_code == 201, answer.text

    jobs = [threading.Thread(target=write, args=(server, target))
            for server, target in ((servers[0], "A"), (servers[2], "A"), (servers[3], "A"), (servers[3], "C"))]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert mission["A"].count("machines", f"?Name=Re({prefix}.*)") == 120
    wait_equal(mission["A"], mission["R1"], mission["M1"])
    wait_equal(mission["C"], mission["R2"], mission["M1"])


def test_names_and_versions_that_are_no_utf8_cut_nobody_off(site):
    leaf, manager = site.start("A", "M1")
    manager.become_manager().attach(leaf)
    refused = expect(400, leaf.call("POST", "files/%FF", b"x")).json()
    assert refused["Messages"] == ["The request's path is not UTF-8"], refused
    expect(201, leaf.call("POST", "files/ux/version", b"v1-caf\xe9"))
    expect(201, leaf.call("POST", "files/good", b"x"))
    leaf.create("machines", {"Name": "after"})
    wait_until("the machine arrives", lambda: manager.objects("machines", "?Name=after"))
    expect(201, leaf.call("POST", "files/ux/version", b"v2"))
    wait_until("the manager goes on hearing of the leaf",
               lambda: manager.get("endpoints/A").get("DRPUXVersion") == "v2")
    manager.wait_status("A", "Connected")
