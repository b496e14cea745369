"""What the web interface asks of lists: members, counts by value, words, watched views, parts of logs."""
import json
import uuid

import pytest

from harness import USER, expect, wait_until
from test_server import events_of


def name(prefix="m"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="module")
def label(mission):
    """Four machines of three owners, found by their Description."""
    word = name("Label")
    for owner, stage in (("A", "none"), ("A", "none"), ("C", "none"), ("M1", "none")):
        mission[owner].create("machines", {"Name": name(), "Description": word, "Stage": stage,
                                           "Arch": "amd64" if owner != "C" else "arm64"})
    wait_until("four machines", lambda: mission["M1"].count("machines", f"?Description={word}") == 4)
    return word


def test_fields(mission, label):
    top = mission["M1"]
    full = top.get(f"machines?Description={label}&Endpoint=A&sort=Name")
    some = top.get(f"machines?Description={label}&Endpoint=A&sort=Name&fields=Name,Stage,OS.Name,NoSuchMember")
    assert some == [{"Name": row["Name"], "Stage": "none", "Uuid": row["Uuid"], "Partial": True, "Endpoint": "A"} for row in full]
    one = top.get(f"machines/{full[0]['Uuid']}?fields=Stage")
    assert one == {"Stage": "none", "Uuid": full[0]["Uuid"], "Partial": True, "Endpoint": "A"}
    assert top.call("GET", "machines?fields=a..b").status_code == 406
    assert {"ux-fields", "ux-group-by", "ux-search", "ux-watch"} <= set(top.get("info")["features"])


def test_group_by(mission, label):
    top = mission["M1"]
    answer = expect(200, top.call("GET", f"machines?group-by=Endpoint&Description={label}"))
    assert answer.json() == [{"Value": "A", "Count": 2}, {"Value": "C", "Count": 1}, {"Value": "M1", "Count": 1}]
    assert answer.headers["X-DRP-LIST-FILTER-COUNT"] == "4"
    assert top.get(f"machines?group-by=Arch,Endpoint&Description={label}&limit=1") == [
        {"Values": ["amd64", "A"], "Count": 2}, {"Rest": True, "Groups": 2, "Count": 2}]
    assert top.call("GET", "machines?group-by=Meta").status_code == 406


def test_search(mission, label):
    top = mission["M1"]
    assert top.count("machines", f"?search={label.upper()}") == 4
    assert top.count("machines", f"?search={label[3:]}&Endpoint=C") == 1
    assert top.count("machines", f"?search={label}%20nowhere") == 0


def test_connection_indexes(mission):
    top = mission["M1"]
    expected = {row["Id"] for row in top.objects("endpoints") if row.get("ConnectionStatus") == "Connected"}
    assert expected
    for query in ("ConnectionStatus=Connected", "ConnectionState=Connected", "ConnectionState=Connected&ActionErrorCount=0"):
        assert {row["Id"] for row in top.objects("endpoints", f"?{query}")} == expected, query
    row = top.objects("endpoints", "?ConnectionState=Connected&limit=1")[0]
    assert row["ConnectionSince"] and not row.get("ConnectionReason")


def frame(socket, key):
    while True:
        event = json.loads(socket.recv())
        if event["Type"] == "view" and event["Key"] == key:
            return event


def test_watch(mission):
    top, leaf, word = mission["M1"], mission["A"], name("watched")
    socket = events_of(top)
    try:
        socket.send(f"watch mine machines?Description={word}")
        first = frame(socket, "mine")
        assert first["Action"] == "changed"
        assert (first["Object"]["Count"], first["Object"]["Keys"], first["Object"]["More"]) == (0, [], False)
        machine = leaf.create("machines", {"Name": name(), "Description": word})
        told = frame(socket, "mine")["Object"]
        assert (told["Count"], told["Keys"]) == (1, [machine["Uuid"]])
        leaf.patch(f"machines/{machine['Uuid']}", ("replace", "/Description", "elsewhere"))
        told = frame(socket, "mine")["Object"]
        assert (told["Count"], told["Keys"]) == (0, [machine["Uuid"]]), "it left the view"
        socket.send("watch bad machines?Runnable=perhaps")
        refused = frame(socket, "bad")
        assert (refused["Action"], refused["Object"]) == ("error", "Runnable must be true or false")
        socket.send("watch worse nothing")
        assert frame(socket, "worse")["Object"] == "nothing is no collection"
        socket.send("unwatch mine")
        assert frame(socket, "mine")["Action"] == "unwatch"
    finally:
        socket.close()


def test_views_of_others_are_asked_for_here(mission):
    socket = events_of(mission["M1"], "/api/v3/ws/A")
    try:
        socket.send("watch far machines?")
        socket.send("register none.none.none")
        seen = json.loads(socket.recv())
        assert seen["Type"] == "websocket", "no counts with rights that are not the reader's"
    finally:
        socket.close()


def test_parts_of_job_logs(mission):
    leaf, top = mission["A"], mission["M1"]
    machine = leaf.create("machines", {"Name": name()})
    job = leaf.create("jobs", {"Machine": machine["Uuid"], "State": "running"})
    path = f"jobs/{job['Uuid']}/log"
    wait_until("the job arrives", lambda: top.call("GET", f"jobs/{job['Uuid']}").status_code == 200)
    socket = events_of(leaf)
    socket.send("register job_logs.*.*")
    assert json.loads(socket.recv())["Action"] == "register"
    for _ in range(3):
        expect(204, leaf.call("PUT", path, b"0123456789"))
    grown = json.loads(socket.recv())
    assert (grown["Type"], grown["Action"], grown["Key"]) == ("job_logs", "append", job["Uuid"])
    assert grown["Object"]["Size"] in (10, 20, 30)
    socket.close()
    for server in (leaf, top):
        tail = server.call("GET", path, headers={"Range": "bytes=-4"})
        assert (tail.status_code, tail.content, tail.headers["Content-Range"]) == (206, b"6789", "bytes 26-29/30")
        assert server.call("GET", path, headers={"Range": "bytes=28-"}).content == b"89"
        beyond = server.call("GET", path, headers={"Range": "bytes=30-"})
        assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */30")
        assert len(server.call("GET", path).content) == 30


def test_pages_that_stay(mission, label):
    top = mission["M1"]
    met, path = [], f"machines?Description={label}&sort=Arch&limit=1&fields=Uuid"
    cursor = None
    while True:
        answer = expect(200, top.call("GET", path + (f"&cursor={cursor}" if cursor else "")))
        met += [row["Uuid"] for row in answer.json()]
        assert answer.headers["X-DRP-LIST-FILTER-COUNT"] == "4"
        cursor = answer.headers.get("X-Mullion-Cursor")
        if cursor is None:
            break
        wrong = top.call("GET", f"machines?sort=Name&limit=1&cursor={cursor}")
        assert wrong.status_code == 406
    assert met == [row["Uuid"] for row in top.objects("machines", f"?Description={label}&sort=Arch")]


def test_connections(mission):
    top = mission["M1"]
    known = {row["Endpoint"]: row for row in top.get("connections")}
    assert known["R1"]["NextHop"] == "R1" and known["R1"]["Hops"] == [] and known["R1"]["InTouch"]
    assert known["A"]["NextHop"] == "R1" and known["A"]["Hops"] == ["R1"]
    assert 0 < known["A"]["Age"] < 60 and "Lag" in known["R1"] and "Lag" not in known["A"]
    assert [row["Endpoint"] for row in top.get("connections?Id=A")] == ["A"]


def test_history(mission):
    leaf, top = mission["A"], mission["M1"]
    machine = leaf.create("machines", {"Name": name()})
    path = f"machines/{machine['Uuid']}"
    leaf.patch(path, ("replace", "/Description", "second"))
    wait_until("it travels", lambda: top.call("GET", path).status_code == 200 and top.get(path)["Description"] == "second")
    for server in (leaf, top):
        history = server.get(f"{path}/history")
        assert [entry["Action"] for entry in history["Entries"]] == ["save", "create"]
        assert history["Complete"] and not history["More"]
        assert {"Path": "/Description", "From": "", "To": "second"} in history["Entries"][0]["Changes"]
        assert history["Entries"][0]["By"] == USER
    assert top.call("GET", "machines/nobody/history").status_code == 404

