"""Events over real websockets: registrations, order, what triggers them, log lines, slow and many readers."""
import contextlib
import json
import socket
import struct
import threading
import time

import pytest
import websocket

from harness import USER, expect, wait_until
from test_server import events_of, name, refused, tell


@pytest.fixture(scope="module")
def server(shared_site):
    return shared_site.server("E").start()


def until(events, wanted, most=1000):
    """Events up to and including the first one that is `wanted`."""
    seen = []
    for _ in range(most):
        seen.append(json.loads(events.recv()))
        if wanted(seen[-1]):
            return seen
    raise AssertionError(f"not among {most} events")


@contextlib.contextmanager
def listening(server, *patterns):
    events = events_of(server)
    try:
        for pattern in patterns:
            assert tell(events, f"register {pattern}")["Action"] == "register"
        yield events
    finally:
        events.close()


def test_acknowledgements_come_in_order_each_once(server):
    events = events_of(server)
    commands = [f"{verb} a{number}.b.c" for number in range(50) for verb in ("register", "deregister")]
    for command in commands:
        events.send(command)
    seen = [json.loads(events.recv()) for _ in commands]
    assert [f"{event['Action']} {event['Key']}" for event in seen] == commands
    assert all(event["Type"] == "websocket" and event["Object"] == "" for event in seen)
    for wrong, reason in (("register a.b", "expected TYPE.ACTION.KEY"), ("hello", "Expected: register PATTERN")):
        event = tell(events, wrong)
        assert event["Action"] == "error" and reason in event["Object"]
    events.close()


def test_registrations_are_limited(server):
    events = events_of(server)
    for number in range(1001):
        events.send(f"register t{number}.x.y")
    actions = [json.loads(events.recv())["Action"] for _ in range(1001)]
    assert actions == ["register"] * 1000 + ["error"]
    events.close()


def closed_with(events):
    """The code with which the server closes, once it does."""
    operation, data = events.recv_data(control_frame=True)
    return struct.unpack(">H", data[:2])[0] if operation == websocket.ABNF.OPCODE_CLOSE else None


@pytest.mark.parametrize("way", ["here", "forwarded"])
def test_commands_are_limited(site, way):
    """Whoever has a login may open sockets; what is not whole yet is held."""
    leaf, manager = site.start("A", "M")
    manager.become_manager().attach(leaf)
    events = events_of(manager, path="/api/v3/ws" if way == "here" else "/A/api/v3/ws")
    assert tell(events, "register " + "a" * 1_000_000)["Action"] == "error"
    events.send("register " + "a" * 1_100_000)
    code = wait_until("it is closed", lambda: closed_with(events))
    assert code == 1009


def test_overlapping_registrations_tell_an_event_once(server):
    key = name()
    with listening(server, "profiles.*.*", "profiles.create.*", f"*.*.{key}", "*.*.*") as events:
        server.create("profiles", {"Name": key})
        server.create("profiles", {"Name": key + "-2"})
        seen = until(events, lambda event: event["Key"] == key + "-2")
        assert [event["Action"] for event in seen if event["Key"] == key and event["Type"] == "profiles"] == ["create"]


def test_keys_with_dots_commas_and_stars(server):
    keys = ["a.b.c", "a,b", "*", "plain"]
    escape = lambda text: text.replace(".", "\\1").replace(",", "\\2").replace("*", "\\3")
    for key in keys:
        with listening(server, f"odd.made.{escape(key)}") as events:
            for other in keys:
                expect(204, server.call("POST", "events", {"Type": "odd", "Action": "made", "Key": other}))
            assert json.loads(events.recv())["Key"] == key
    # The third part reaches to the end: dots in it need no escape.
    with listening(server, "odd.made.a.b.c, plain") as events:
        for other in keys:
            server.call("POST", "events", {"Type": "odd", "Action": "made", "Key": other})
        assert [json.loads(events.recv())["Key"] for _ in range(2)] == ["a.b.c", "plain"]


def test_each_object_changes_in_order_and_is_visible_before_it_is_told(server):
    keys = [server.create("profiles", {"Name": name()})["Name"] for _ in range(4)]
    with listening(server, "profiles.*." + ",".join(keys)) as events:
        def write(key):
            for number in range(25):
                expect(200, server.call("POST", f"profiles/{key}/params/count", str(number)))
        writers = [threading.Thread(target=write, args=(key,)) for key in keys]
        for writer in writers:
            writer.start()
        last = {}
        for _ in range(25 * len(keys)):
            event = json.loads(events.recv())
            number = event["Object"]["Params"]["count"]
            assert event["Original"]["Params"].get("count", -1) == number - 1 == last.get(event["Key"], -1)
            last[event["Key"]] = number
            if number % 10 == 0:
                assert server.get(f"profiles/{event['Key']}")["Params"]["count"] >= number
        for writer in writers:
            writer.join()


def test_what_triggers_events(server):
    key = name()
    with listening(server, "*.*.*") as events:
        def told(kind, action, which, do):
            do()
            return until(events, lambda event: (event["Type"], event["Action"], event["Key"]) == (kind, action, which))[-1]
        made = server.create("machines", {"Name": key})
        told("machines", "create", made["Uuid"], lambda: None)
        event = told("machines", "save", made["Uuid"],
                     lambda: expect(200, server.call("PATCH", f"meta/machines/{made['Uuid']}",
                                                     [{"op": "add", "path": "/x", "value": "1"}])))
        assert event["Object"]["Meta"]["x"] == "1" and "x" not in event["Original"]["Meta"]
        job = server.create("jobs", {"Machine": made["Uuid"], "State": "finished"})
        told("jobs", "create", job["Uuid"], lambda: None)
        event = told("jobs", "delete", job["Uuid"], lambda: server.delete(f"jobs/{job['Uuid']}"))
        assert event["Object"]["Uuid"] == job["Uuid"] and event["Principal"] == f"user:{USER}"
        told("preferences", "save", "jobsToKeep", lambda: server.set_preference("jobsToKeep", "9"))
        told("preferences", "save", "jobsToKeep", lambda: server.set_preference("jobsToKeep", "0"))
        told("files", "save", key, lambda: expect(201, server.call("POST", f"files/{key}", b"x")))
        told("files", "delete", key, lambda: server.call("DELETE", f"files/{key}"))
        pack = {"meta": {"Name": key, "Version": "v1.0.0"}, "sections": {}}
        told("contents", "create", key, lambda: expect(201, server.call("POST", "contents", pack)))
        told("contents", "delete", key, lambda: server.call("DELETE", f"contents/{key}"))


def test_a_reader_that_comes_back_gets_what_it_missed(server):
    profile, other = name("resumed"), name("resumed")
    patterns = "profiles.*.*\nmachines.create.*"
    first, stayed = events_of(server), events_of(server)
    began = [tell(events, f"resume\n{patterns}") for events in (first, stayed)]
    assert all(event["Action"] == "resume" and event["Object"]["Missed"] == 0 for event in began)
    server.create("profiles", {"Name": profile})
    place = json.loads(first.recv())["Cursor"]
    first.sock.close()  # cut, without a word
    server.patch(f"profiles/{profile}", ("add", "/Description", "new"))
    server.create("profiles", {"Name": other})
    server.delete(f"profiles/{profile}")
    back = events_of(server)
    back.send(f"resume {place}\n{patterns}")
    missed = until(back, lambda event: event["Type"] == "websocket")
    assert missed.pop()["Object"]["Missed"] == 3
    assert missed == until(stayed, lambda event: event["Action"] == "delete")[1:]
    assert [(event["Action"], event["Key"]) for event in missed] == [
        ("update", profile), ("create", other), ("delete", profile)]
    assert missed[0]["Original"]["Description"] == "" and missed[0]["Principal"] == f"user:{USER}"
    server.delete(f"profiles/{other}")
    assert json.loads(back.recv())["Key"] == other
    assert tell(back, "cursor")["Object"]["Cursor"] != place
    for events in (back, stayed):
        events.close()


def test_a_reader_that_cannot_come_back_is_told(server):
    events = events_of(server)
    for place, reason in (("1-1", "another server"), ("then", "not the Cursor of an event")):
        refusal = tell(events, f"resume {place}\nprofiles.*.*")
        assert refusal["Action"] == "error" and reason in refusal["Object"] and refusal["Key"] == f"resume {place}"
    assert tell(events, "resume\nprofiles.*.*")["Action"] == "resume", "a refusal registers nothing"
    assert "registrations already" in tell(events, "resume\nprofiles.*.*")["Object"]
    events.close()


def test_posted_events(server):
    with listening(server, "beeblebrox.created.foo") as events:
        expect(204, server.call("POST", "events", {"Type": "beeblebrox", "Action": "created", "Key": "foo",
                                                   "Principal": "user:somebody", "Object": {"heads": 2}}))
        event = json.loads(events.recv())
        assert (event["Principal"], event["Object"]) == (f"user:{USER}", {"heads": 2})
        assert set(event) == {"Time", "Type", "Action", "Key", "Principal", "Object", "Original"}
    for wrong, message in (({"Type": "a"}, "Type and Action must not be empty"), ([], "The body is not a JSON object"),
                           ({"Type": "websocket", "Action": "x"}, "Type websocket belongs to the server"),
                           ({"Type": "a", "Action": "b", "Time": "soon"}, "Time: soon is not a time")):
        refused(400, server.call("POST", "events", wrong), [message], Model="events")


def test_log_lines_are_events_but_make_none_themselves(server):
    with listening(server, "log.*.*") as events:
        token = name("find")
        server.get("objects", headers={"X-Log-Request": "error", "X-Log-Token": token})
        event = until(events, lambda event: token in event["Object"]["Message"])[-1]
        assert (event["Type"], event["Action"], event["Key"]) == ("log", "error", "api")
        assert event["Object"]["Level"] == "error" and event["Object"]["Service"] == "api"
        events.settimeout(1)
        with pytest.raises(websocket.WebSocketTimeoutException):
            while True:  # what other lines are on their way ends: telling lines writes no lines
                events.recv()
    with listening(server, "log.audit.*") as events:
        server.get("objects", headers={"X-Log-Request": "warn", "X-Log-Token": name()})
        server.get(f"users/{USER}/token")
        assert "token made" in json.loads(events.recv())["Object"]["Message"]


def close_code(events):
    """Reads to the end; the code of the server's close frame, or None when the connection was cut."""
    with contextlib.suppress(OSError, websocket.WebSocketException):
        while True:
            frame = events.recv_frame()
            if frame.opcode == websocket.ABNF.OPCODE_CLOSE:
                return struct.unpack("!H", frame.data[:2])[0]
    return None


def test_a_slow_reader_is_told_why_it_is_sent_away(site):
    made = site.server("W", flags=["--max-websocket-queue", "1MiB"]).start()
    codes = []
    for attempt in range(3):  # it has three seconds to read on; a loaded machine may need longer once
        slow = events_of(made, sockopt=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)])
        tell(slow, "register templates.*.*")
        for number in range(40):
            made.create("templates", {"ID": f"t-{attempt}-{number}", "Contents": "x" * 500_000})
            if made.metrics()["mullion_api_websockets_dropped_total"] > attempt:
                break
        codes.append(close_code(slow))
        slow.close()
        if codes[-1] is not None:
            break
    assert codes[-1] == 1008, codes


def test_stopping_says_goodbye(site):
    made = site.server("G").start()
    events = events_of(made)
    tell(events, "register *.*.*")
    threading.Thread(target=made.stop, daemon=True).start()
    assert close_code(events) == 1001


def test_many_subscribers_hear_their_own(server):
    keys = [server.create("profiles", {"Name": name()})["Name"] for _ in range(200)]
    sockets = []
    for key in keys:
        sockets.append(events_of(server))
        tell(sockets[-1], f"register profiles.update,save.{key}")
    wait_until("all are counted", lambda: server.metrics()["mullion_api_websockets"] >= len(keys))
    for key in keys:
        expect(200, server.call("POST", f"profiles/{key}/params/count", "1"))
    for key, events in zip(keys, sockets):
        assert json.loads(events.recv())["Key"] == key
    for events in sockets:
        events.settimeout(0.01)
        with pytest.raises(websocket.WebSocketTimeoutException):
            events.recv()
        events.shutdown()
    wait_until("all are gone", lambda: server.metrics()["mullion_api_websockets"] < 10)
