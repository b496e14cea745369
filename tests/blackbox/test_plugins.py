"""Plugin providers and plugins: the protocol, actions, replacement, crashes and hangs, collections that plugins declare."""
import hashlib
import json
import os
import pathlib
import time

import pytest
import requests
import websocket

import provider_scripts as scripts
from harness import BINARY, PASSWORD, PATIENCE, USER, expect, wait_until

# The tests that run again with endpoints that are followed by their public API.
FOLLOWED_TOO = ("test_managers_forward_actions_and_keep_events_apart",)
EXAMPLE = BINARY.resolve().parent / "examples" / "incrementer"
FLAGS = ["--plugin-start-timeout", "10s", "--plugin-action-timeout", "2s"]


@pytest.fixture(scope="module")
def server(shared_site):
    return shared_site.server("plugins", flags=FLAGS).start()


@pytest.fixture
def notes(tmp_path):
    """A file into which a scripted plugin writes what it is asked."""
    path = tmp_path / "notes"
    path.touch()
    return path


def upload(server, name, program, query=""):
    body = program if isinstance(program, bytes) else program.encode()
    return server.call("POST", f"plugin_providers/{name}{query}", body,
                       headers={"Content-Type": "application/octet-stream"})


def install(server, name, program):
    size = len(program if isinstance(program, bytes) else program.encode())
    assert expect(201, upload(server, name, program)).json() == {"path": name, "size": size}


def wait_available(server, plugin, available=True, timeout=20.0):
    return wait_until(f"plugin {plugin} has Available {available}",
                      lambda: (seen := server.get(f"plugins/{plugin}"))["Available"] is available and seen, timeout)


def messages(answer, status):
    return expect(status, answer).json()["Messages"]


def lines_of(notes, what):
    return [json.loads(line.partition(" ")[2]) for line in notes.read_text().splitlines() if line.startswith(what + " ")]


def machine(server, name, **more):
    return server.create("machines", {"Name": name, **more})


def run(server, path, body=None):
    return server.call("POST", path, {} if body is None else body)


def gone(pid):
    """No such process, or one that only waits for somebody to read its end."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


class Listener:
    """Events that match a pattern, from the moment of creation."""

    def __init__(self, server, pattern):
        self.socket = websocket.create_connection(
            f"wss://127.0.0.1:{server.api_port}/api/v3/ws?token={USER}:{PASSWORD}", timeout=PATIENCE,
            sslopt={"cert_reqs": 0})
        self.socket.send(f"register {pattern}")
        assert json.loads(self.socket.recv())["Type"] == "websocket"

    def next(self):
        return json.loads(self.socket.recv())


# -- what a program may do, and what becomes of what it starts


def probe(server):
    """What the obedient plugin tells of itself."""
    return expect(200, run(server, f"{server.machine}/actions/look")).json()


def with_machine(server, name):
    server.machine = "machines/" + machine(server, name)["Uuid"]
    return server


def test_whatever_a_plugin_started_ends_with_it(server, notes):
    install(server, "fertile", scripts.obedient("fertile", notes, strays=30))
    wait_available(server, "fertile")
    strays = wait_until("all were started", lambda: len(found := lines_of(notes, "stray")) == 30 and found)
    assert not any(gone(pid) for pid in strays)
    expect(200, server.call("DELETE", "plugin_providers/fertile"))
    wait_until("none is left", lambda: all(gone(pid) for pid in strays))
    wait_until("all are collected", lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in strays))


def test_plugins_do_not_end_each_others_processes(server, notes):
    for name in ("left", "right"):
        install(server, name, scripts.obedient(name, notes.with_name(name), strays=2))
        wait_available(server, name)
    left, right = (wait_until("they were started", lambda: len(found := lines_of(notes.with_name(name), "stray")) == 2 and found)
                   for name in ("left", "right"))
    listening = [int(line.split()[1]) for line in notes.with_name("right").read_text().splitlines() if line.startswith("listening")]
    expect(200, server.call("DELETE", "plugin_providers/left"))
    wait_until("its processes end", lambda: all(gone(pid) for pid in left))
    assert not any(gone(pid) for pid in listening), "the other one still runs"
    expect(200, server.call("DELETE", "plugin_providers/right"))
    wait_until("the other's end with it", lambda: all(gone(pid) for pid in right + listening))


def test_programs_are_confined(site, notes):
    server = with_machine(site.server("confined", flags=[*FLAGS, "--plugin-max-files", "200", "--plugin-max-memory", "4GiB"]).start(), "mach")
    install(server, "modest", scripts.obedient("modest", notes, actions=[["machines", "look"]]))
    wait_available(server, "modest")
    seen = probe(server)
    status = pathlib.Path(f"/proc/{seen['pid']}/status").read_text()
    assert "NoNewPrivs:\t1\n" in status and os.getsid(seen["pid"]) == seen["pid"]
    limits = {line[:26].strip(): line[26:].split()[:2] for line in pathlib.Path(f"/proc/{seen['pid']}/limits").read_text().splitlines()}
    assert limits["Max core file size"] == ["0", "0"] and limits["Max open files"] == ["200", "200"]
    assert limits["Max address space"] == [str(4 << 30)] * 2
    temporary = pathlib.Path(seen["env"]["TMPDIR"])
    assert temporary.parent == server.root / "plugin-tmp" and temporary.stat().st_mode & 0o777 == 0o700
    (temporary / "file").write_text("x")
    assert list(temporary.parent.iterdir()) == [temporary], "those of define and unpack are gone"
    server.kill()
    assert temporary.exists()
    server.start()
    wait_available(server, "modest")
    assert not temporary.exists()
    later = pathlib.Path(probe(server)["env"]["TMPDIR"])
    expect(200, server.call("DELETE", "plugin_providers/modest"))
    wait_until("its folder is gone", lambda: not later.exists())


def test_a_token_is_for_what_its_provider_declares(site, notes):
    server = with_machine(site.server("scoped", flags=FLAGS).start(), "mach")
    install(server, "narrow", scripts.obedient("narrow", notes, actions=[["machines", "look"]],
                                               meta={"token-scope": "profiles,params", "token-action": "list,get"}))

    def check():
        wait_available(server, "narrow")
        token = probe(server)["env"]["RS_TOKEN"]

        def ask(method, path, body=None):
            return requests.request(method, f"{server.url}/api/v3/{path}", json=body, verify=False, timeout=10,
                                    headers={"Authorization": "Bearer " + token}).status_code
        assert ask("GET", "profiles") == ask("GET", "params") == ask("GET", "profiles/global") == 200
        assert ask("POST", "profiles", {"Name": "made"}) == 403
        assert ask("GET", "machines/Name:mach") == ask("GET", f"users/{USER}") == 404
        assert ask("GET", f"users/{USER}/token") == 403
    check()
    server.stop()
    server.start()
    check()
    refused = upload(server, "odd", scripts.obedient("odd", notes, meta={"token-scope": ""}))
    assert "token-scope is no text, or empty" in messages(refused, 422)[0]


# -- the example


@pytest.fixture(scope="module")
def example(server):
    assert EXAMPLE.exists(), "build the target example_provider"
    install(server, "incrementer", EXAMPLE.read_bytes())
    wait_available(server, "incrementer")
    return server


def test_example_brings_plugin_content_files_and_program(example):
    provider = example.get("plugin_providers/incrementer")
    assert provider["Version"] == "v1.0.0" and provider["PluginVersion"] == 4 and provider["Content"] == ""
    assert {action["Provider"] for action in provider["AvailableActions"]} == {"incrementer"}
    assert "incrementer" in [each["Name"] for each in example.get("plugin_providers")]
    layer = next(each for each in example.get("contents") if each["meta"]["Name"] == "incrementer")
    assert layer["meta"]["Type"] == "plugin" and layer["meta"]["Source"] == "FromPluginProvider"
    assert layer["meta"]["Description"] == "Content layer for incrementer plugin provider"
    param = example.get("params/incrementer/step")
    assert param["ReadOnly"] is True and param["Bundle"] == "incrementer"
    assert expect(200, example.call("GET", "files/plugin_providers/incrementer/readme.txt")).text == "Counts.\n"
    assert expect(200, example.call("GET", "plugin_providers/incrementer/binary")).content == EXAMPLE.read_bytes()
    assert (example.root / "plugins" / "incrementer").stat().st_mode & 0o777 == 0o700
    plugin = example.get("plugins/incrementer")
    assert plugin["Provider"] == "incrementer" and plugin["PluginErrors"] == []


def test_layer_of_a_provider_is_changed_by_its_provider_only(example):
    assert messages(example.call("DELETE", "contents/incrementer"), 409) == ["In use by plugin_providers incrementer"]
    document = example.get("contents/incrementer")
    expect(409, example.call("PUT", "contents/incrementer", document))


def test_actions_are_offered_when_their_parameters_are_there(example):
    uuid = machine(example, "offered")["Uuid"]
    commands = lambda: {each["Command"] for each in example.get(f"machines/{uuid}/actions")}
    assert commands() == {"increment"}
    assert messages(example.call("GET", f"machines/{uuid}/actions/reset_count"), 422) == \
        ["Action reset_count Missing Parameter incrementer/count"]
    assert messages(run(example, f"machines/{uuid}/actions/reset_count"), 422) == \
        ["Action reset_count Missing Parameter incrementer/count"]
    expect(200, example.call("POST", f"machines/{uuid}/params/incrementer/count", 3))
    assert commands() == {"increment", "reset_count"}
    assert example.get(f"machines/{uuid}/actions?plugin=other") == []
    assert messages(example.call("GET", f"machines/{uuid}/actions/command"), 404) == ["command: Not Found"]


def test_actions_run_with_parameters_of_call_object_and_default(example):
    uuid = machine(example, "counted")["Uuid"]
    path = f"machines/{uuid}/actions/increment"
    heard = Listener(example, f"incrementer,machines.counted,action.{uuid}")
    assert expect(200, run(example, path)).json() == {"incrementer/count": 1}
    first, second = heard.next(), heard.next()
    assert first["Type"] == "incrementer" and first["Object"] == 1 and first["Principal"] == "plugin:incrementer"
    assert second["Type"] == "machines" and second["Action"] == "action"
    assert second["Object"] == {"Plugin": "incrementer", "Command": "increment"}
    expect(200, example.call("POST", f"machines/{uuid}/params/incrementer/count", 10))
    assert expect(200, run(example, path)).json() == {"incrementer/count": 11}
    assert expect(200, run(example, path, {"incrementer/step": 5})).json() == {"incrementer/count": 15}
    assert messages(run(example, path, {"incrementer/step": "x"}), 422) == \
        ["Action increment: Invalid Parameter: incrementer/step: : (root): Invalid type. Expected: integer, given: string"]
    refused = expect(409, run(example, path, {"incrementer/step": 5000})).json()
    assert refused["Messages"] == ["The limit is reached"] and refused["Type"] == "INVOKE"


def test_actions_of_the_system(example):
    assert [each["Command"] for each in example.get("system/actions")] == ["count_machines"]
    assert example.get("system/actions/count_machines")["Model"] == ""
    expected = example.count("machines")
    assert expect(200, run(example, "system/actions/count_machines")).json() == {"machines": expected}
    refused = expect(404, run(example, "system/actions/command")).json()
    assert refused["Messages"] == ["Action command on system: Not Found"]
    assert (refused["Model"], refused["Key"]) == ("system", "global")


def test_actions_need_their_right(example):
    uuid = machine(example, "guarded")["Uuid"]
    example.create("roles", {"Name": "incrementing", "Claims": [
        {"scope": "machines", "action": "get,actions,action:increment", "specific": "*"}]})
    example.create("users", {"Name": "incrementing-user", "Roles": ["incrementing"]})
    expect(200, example.call("PUT", "users/incrementing-user/password", {"Password": "secret-words"}))
    ask = lambda path: requests.post(f"{example.url}/api/v3/{path}", json={}, verify=False,
                                     auth=("incrementing-user", "secret-words"), timeout=20)
    expect(200, ask(f"machines/{uuid}/actions/increment"))
    expect(403, ask(f"machines/{uuid}/actions/reset_count"))
    expect(403, ask("system/actions/count_machines"))


def test_configuration_is_checked_by_the_plugin(example):
    expect(200, example.call("POST", "plugins/incrementer/params/incrementer/limit", -1))
    seen = wait_available(example, "incrementer", False)
    assert seen["PluginErrors"] == ["Configuration refused: incrementer/limit must not be negative"]
    assert seen["Errors"] == seen["PluginErrors"]
    assert example.get("system/actions") == []
    expect(200, example.call("DELETE", "plugins/incrementer/params/incrementer/limit"))
    assert wait_available(example, "incrementer")["PluginErrors"] == []
    wait_until("its log line is in the log", lambda: "configured with limit 1000" in example.log())


def test_collection_of_the_example(example):
    assert "counters" in example.get("objects")
    assert messages(example.call("POST", "counters", {"Id": "a"}), 422) == ["Error in value: (root): Value is required"]
    assert messages(example.call("POST", "counters", {"Id": "a", "Value": 1, "Hot": "x"}), 422) == \
        ["Error in value: Hot: Invalid type. Expected: boolean, given: string"]
    made = example.create("counters", {"Id": "a", "Value": 10, "Hot": True, "More": {"x": 1}})
    example.create("counters", {"Id": "b", "Value": 9})
    assert made["Type"] == "counters" and made["Available"] is False and made["More"] == {"x": 1}
    assert [each["Id"] for each in example.objects("counters", "?Value=Gt(9)")] == ["a"]
    assert [each["Id"] for each in example.objects("counters", "?sort=Value")] == ["b", "a"]
    indexes = example.get("indexes/counters")
    assert indexes["Value"]["Type"] == "integer" and indexes["Hot"]["Type"] == "boolean"
    assert indexes["Key"]["Unique"] is True and indexes["Id"]["Unique"] is False
    assert "updateSecure" in example.get("info")["scopes"]["counters"]
    example.patch("counters/a", ("replace", "/Value", 11))
    expect(200, example.call("POST", "counters/a/params/note", '"words"'))
    assert example.get("counters/a/params") == {"note": "words"}
    assert example.get("counters/a/actions") == []
    example.delete("counters/a")
    expect(404, example.call("GET", "counters/a"))


# -- what programs find around them


def test_environment_token_and_working_directory(server, notes):
    install(server, "surroundings", scripts.obedient("surroundings", notes, actions=[["", "look"]]))
    wait_available(server, "surroundings")
    seen = expect(200, run(server, "system/actions/look")).json()
    environment = {name: value for name, value in seen["env"].items() if name not in ("LC_CTYPE", "PWD")}
    assert set(environment) == {"PATH", "RS_ENDPOINT", "RS_TOKEN", "RS_FILESERVER", "RS_WEBROOT", "TMPDIR", "MULLION_FAMILY"}
    assert environment["RS_ENDPOINT"] == server.url and environment["RS_WEBROOT"] == str(server.root)
    assert environment["RS_FILESERVER"] == f"http://127.0.0.1:{server.static_port}"
    assert pathlib.Path(seen["cwd"]).is_relative_to(server.root)
    ask = lambda: requests.get(f"{server.url}/api/v3/users", verify=False, timeout=20,
                               headers={"Authorization": "Bearer " + environment["RS_TOKEN"]})
    expect(200, ask())
    assert environment["RS_TOKEN"] not in server.log()
    wait_until("output is in the log", lambda: "a line of the plugin with ********" in server.log())
    # A rotated secret ends the token; the plugin gets another.
    server.set_preference("systemGrantorSecret", "fresh")
    expect(401, ask())
    again = wait_until("the plugin has a fresh token", lambda: (
        (answer := run(server, "system/actions/look")).status_code == 200 and
        answer.json()["env"]["RS_TOKEN"] != environment["RS_TOKEN"] and answer.json()))
    assert again["pid"] != seen["pid"]
    server.delete("plugin_providers/surroundings")


def test_secure_parameters_reach_the_plugin_in_clear_and_nobody_else(server, notes):
    server.create("params", {"Name": "locked/word", "Secure": True, "Schema": {"type": "string"}})
    server.create("params", {"Name": "locked/size", "Schema": {"type": "integer", "default": 4}})
    install(server, "locked", scripts.obedient("locked", notes, actions=[["machines", "look"]], required=["locked/word"],
                                               optional=["locked/size"]))
    seen = wait_until("the missing parameter is told", lambda: (
        (plugin := server.get("plugins/locked"))["PluginErrors"] == ["Missing required parameter locked/word"] and plugin))
    assert seen["Available"] is False
    expect(200, server.call("POST", "plugins/locked/params/locked/word", '"xyzzy"'))
    wait_available(server, "locked")
    assert lines_of(notes, "config")[-1] == {"locked/word": "xyzzy", "locked/size": 4}
    uuid = machine(server, "with-secret", Params={"locked/word": "plugh"})["Uuid"]
    looked = expect(200, run(server, f"machines/{uuid}/actions/look")).json()["action"]
    assert looked["Model"]["Params"]["locked/word"] == "plugh" and looked["Model"]["Name"] == "with-secret"
    assert "plugh" not in json.dumps(server.get(f"machines/{uuid}")) and "xyzzy" not in server.log()
    server.delete("plugin_providers/locked")


# -- uploads that are refused


REFUSED = {
    "no program": ("this is no program", 422, "define: "),
    "prints garbage": (scripts.shell("echo hello"), 422, "define did not print a JSON object but: hello"),
    "ends badly": (scripts.shell("exit 3"), 422, "define: ended with exit code 3"),
    "another name": (scripts.shell(scripts.definition("other")), 422, "the program calls itself `other`, not `refused`"),
    "old protocol": (scripts.shell(scripts.definition("refused", PluginVersion=2)), 422, "PluginVersion must be 4"),
    "endless output": (scripts.shell("exec yes"), 413, "define: printed more than"),
    "hangs": (scripts.shell("exec sleep 600"), 504, "define: did not end within 10 s"),
    "bad content": (scripts.shell(scripts.definition("refused", Content="sections: []")), 400, "sections: expected an object"),
    "taken collection": (scripts.shell(scripts.definition("refused", StoreObjects={"machines": {}})), 422, "taken by the server"),
    "unpack fails": (scripts.shell(scripts.definition("refused"), unpack="exit 4"), 422, "unpack: ended with exit code 4"),
    "empty": ("", 400, "The body is empty"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_bad_uploads_are_refused_whole(server, what):
    program, status, text = REFUSED[what]
    answer = upload(server, "refused", program)
    assert text in messages(answer, status)[0]
    assert answer.json()["Model"] == "plugin_providers" and answer.json()["Key"] == "refused"
    expect(404, server.call("GET", "plugin_providers/refused"))
    expect(404, server.call("GET", "plugins/refused"))
    expect(404, server.call("GET", "contents/refused"))
    assert [each for each in os.listdir(server.root / "plugins") if "refused" in each] == []


def test_names_are_checked_before_anything_is_read(server):
    expect(422, upload(server, "a%5Cb", "x"))
    expect(422, upload(server, ".hidden", "x"))


def test_content_conflicts_leave_the_old_provider_in_service(server, notes):
    server.create("profiles", {"Name": "mine"})
    old = scripts.obedient("steady", notes, actions=[["", "steady"]], files={"a": "old"})
    install(server, "steady", old)
    wait_available(server, "steady")
    pid = expect(200, run(server, "system/actions/steady")).json()["pid"]
    clash = scripts.obedient("steady", notes, version="v2.0.0", files={"a": "new"},
                             content="sections: {profiles: {mine: {Name: mine}}}")
    assert messages(upload(server, "steady", clash), 422) == \
        ["profiles:mine in layer plugin-steady would override layer writable-BackingStore"]
    assert server.get("plugin_providers/steady")["Version"] == "v1.0.0"
    assert expect(200, server.call("GET", "plugin_providers/steady/binary")).text == old
    assert expect(200, server.call("GET", "files/plugin_providers/steady/a")).text == "old"
    assert expect(200, run(server, "system/actions/steady")).json()["pid"] == pid, "it never stopped"
    expect(201, upload(server, "steady", clash, "?replaceWritable=true"))
    assert server.get("profiles/mine")["Bundle"] == "steady"
    server.delete("plugin_providers/steady")


def test_replacement_while_in_service(server, notes):
    one = scripts.obedient("swap", notes, actions=[["", "swap"]], files={"one": "1"}, store={"swaps": {}})
    two = scripts.obedient("swap", notes, version="v2.0.0", actions=[["", "swap"], ["", "new"]], files={"two": "2"})
    install(server, "swap", one)
    wait_available(server, "swap")
    first = expect(200, run(server, "system/actions/swap")).json()
    server.create("swaps", {"Id": "kept"})
    install(server, "swap", two)
    second = wait_until("the new program is in service", lambda: (
        (answer := run(server, "system/actions/swap")).status_code == 200 and
        answer.json()["version"] == "v2.0.0" and answer.json()))
    assert second["pid"] != first["pid"]
    wait_until("the old one is gone", lambda: gone(first["pid"]))
    assert lines_of(notes, "stop"), "it was asked to stop"
    assert server.get("files?path=plugin_providers/swap") == ["two"]
    expect(404, server.call("POST", "swaps", {"Id": "more"}))
    assert server.get("swaps/kept")["Id"] == "kept", "objects outlive their declaration"
    server.delete("swaps/kept")
    server.delete("plugin_providers/swap")


def test_two_providers_may_not_declare_one_collection(server, notes):
    install(server, "owner", scripts.obedient("owner", notes, auto_start=False, store={"shared-things": {}}))
    other = scripts.obedient("rival", notes, auto_start=False, store={"shared-things": {"A": {"type": "string"}}})
    assert messages(upload(server, "rival", other), 409) == \
        ["StoreObjects shared-things: declared by plugin provider owner already"]
    expect(404, server.call("GET", "plugins/owner"))
    server.delete("plugin_providers/owner")
    install(server, "rival", other)
    server.delete("plugin_providers/rival")


# -- several plugins, removal


def test_several_plugins_of_one_provider(server, notes):
    install(server, "many", scripts.obedient("many", notes, actions=[["profiles", "which"]], auto_start=False))
    for plugin in ("many-a", "many-b"):
        made = server.create("plugins", {"Name": plugin, "Provider": "many"})
        assert made["Available"] is True and made["PluginErrors"] == [], "answered when it can be used"
    for plugin in ("many-a", "many-b"):
        wait_available(server, plugin)
    assert len(server.get("profiles/global/actions")) == 2
    which = lambda query: expect(200, run(server, "profiles/global/actions/which" + query)).json()["action"]["Plugin"]
    assert which("") == "many-a" and which("?plugin=many-b") == "many-b"
    server.delete("plugins/many-a")
    wait_until("its actions are gone", lambda: len(server.get("profiles/global/actions")) == 1)
    # Without its provider a plugin says so.
    pid = expect(200, run(server, "profiles/global/actions/which")).json()["pid"]
    assert server.delete("plugin_providers/many").json()["Name"] == "many"
    seen = wait_available(server, "many-b", False)
    assert seen["PluginErrors"] == ["Plugin provider many does not exist"]
    wait_until("its process is gone", lambda: gone(pid))
    expect(404, server.call("GET", "plugin_providers/many"))
    expect(404, server.call("GET", "plugin_providers/many/binary"))
    expect(404, server.call("DELETE", "plugin_providers/many"))
    expect(404, server.call("GET", "contents/many"))
    assert not (server.root / "plugins" / "many").exists()
    server.delete("plugins/many-b")


# -- crashes and hangs


def test_a_crash_is_told_and_mended(server, notes):
    install(server, "fragile", scripts.obedient("fragile", notes, child=True, actions=[
        ["", "work"], ["", "crash"], ["", "garbage"], ["", "fail"]]))
    wait_available(server, "fragile")
    pid = expect(200, run(server, "system/actions/work")).json()["pid"]
    failed = expect(418, run(server, "system/actions/fail")).json()
    assert failed["Messages"] == ["short and stout"] and failed["Type"] == "PLUGIN"
    assert "broke off" in messages(run(server, "system/actions/garbage"), 502)[0]
    children = [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    assert children
    assert "broke off" in messages(run(server, "system/actions/crash"), 502)[0]
    wait_until("its end is told", lambda: "plugin=fragile reason=The plugin ended unexpectedly: exit code 7" in server.log())
    wait_until("its children ended with it", lambda: all(gone(child) for child in children))
    wait_until("another took over", lambda: (
        (answer := run(server, "system/actions/work")).status_code == 200 and answer.json()["pid"] != pid))
    server.delete("plugin_providers/fragile")


@pytest.mark.parametrize("prefix", ["api-server-plugin", "api-plugin-server"])
def test_a_plugin_that_leaves_says_why_and_is_started_anew(server, notes, prefix):
    """POST leaving under both prefixes that authors know."""
    name = "leaver-" + prefix.split("-")[1]
    install(server, name, scripts.obedient(name, notes, actions=[["machines", "leave"]],
                                           farewell=f"{name} is out of ink", prefix=prefix))
    wait_available(server, name)
    uuid = machine(server, name)["Uuid"]
    first = wait_until("it listens", lambda: [line.split()[1] for line in notes.read_text().splitlines()
                                             if line.startswith("listening ")])
    expect(200, run(server, f"machines/{uuid}/actions/leave?plugin={name}"))
    wait_until("the reason is in the log", lambda: f"The plugin left: {name} is out of ink" in server.log())
    wait_until("another process serves", lambda: len([line for line in notes.read_text().splitlines()
                                                      if line.startswith("listening ")]) > len(first))
    wait_until("the first one is gone", lambda: gone(first[0]))
    assert wait_available(server, name)["PluginErrors"] == []
    expect(200, server.call("DELETE", f"plugin_providers/{name}"))
    expect(200, server.call("DELETE", f"plugins/{name}"))


def test_actions_of_jobs_are_plugin_actions(server, notes):
    install(server, "jobber", scripts.obedient("jobber", notes, actions=[["jobs", "retry"], ["jobs", "fail"]]))
    wait_available(server, "jobber")
    server.create("tasks", {"Name": "jobber-task"})
    uuid = machine(server, "jobber", Tasks=["jobber-task"], Runnable=True)["Uuid"]
    job = server.create("jobs", {"Machine": uuid})
    path = f"jobs/{job['Uuid']}/plugin_actions"
    assert {each["Command"] for each in server.get(path)} == {"retry", "fail"}
    shown = server.get(path + "/retry")
    assert shown["Provider"] == "jobber" and shown["Model"] == "jobs"
    answer = expect(200, run(server, path + "/retry", {"speed": 3})).json()["action"]
    assert answer["Command"] == "retry" and answer["Params"] == {"speed": 3}
    assert answer["Model"]["Uuid"] == job["Uuid"] and answer["Plugin"] == "jobber"
    assert messages(run(server, path + "/fail"), 418) == ["short and stout"]
    expect(404, run(server, path + "/nothing"))
    # The plain path is the list of the job's rendered scripts, whatever plugins offer.
    assert "retry" not in server.call("GET", f"jobs/{job['Uuid']}/actions").text


def test_no_provider_takes_the_place_of_the_manager(server):
    refusal = expect(422, upload(server, "manager", scripts.shell(scripts.definition("manager")))).json()
    assert refusal["Messages"] == ["Invalid Name `manager`: the manager's own actions are called by it"]
    assert "manager" not in [each["Name"] for each in server.get("plugin_providers")]


def test_a_program_is_downloaded_in_pieces(server, example):
    """Its size is known beforehand, and memory does not grow with it."""
    answer = expect(200, server.call("GET", "plugin_providers/incrementer/binary", stream=True))
    assert int(answer.headers["Content-Length"]) == EXAMPLE.stat().st_size
    assert hashlib.sha256(b"".join(answer.iter_content(65536))).digest() == hashlib.sha256(EXAMPLE.read_bytes()).digest()
    head = expect(200, server.call("HEAD", "plugin_providers/incrementer/binary"))
    assert int(head.headers["Content-Length"]) == EXAMPLE.stat().st_size


def test_events_of_packs_name_who_did_it(server):
    heard = Listener(server, "contents.*.signed")
    expect(201, server.call("POST", "contents", {"meta": {"Name": "signed"}, "sections": {}}))
    expect(204, server.call("DELETE", "contents/signed"))
    assert [(event["Action"], event["Principal"]) for event in (heard.next(), heard.next())] == \
        [("create", f"user:{USER}"), ("delete", f"user:{USER}")]


def test_a_hang_is_cut_and_mended(server, notes):
    install(server, "sleepy", scripts.obedient("sleepy", notes, actions=[["", "work"], ["", "hang"]]))
    wait_available(server, "sleepy")
    pid = expect(200, run(server, "system/actions/work")).json()["pid"]
    begun = time.monotonic()
    answer = run(server, "system/actions/hang")
    assert messages(answer, 504) == ["The plugin did not answer /api-plugin/v4/action within 2 s"]
    assert time.monotonic() - begun < 10
    wait_until("the hanging process is gone", lambda: gone(pid))
    wait_until("another took over", lambda: run(server, "system/actions/work").status_code == 200)
    server.delete("plugin_providers/sleepy")


NEVER_READY = {
    "ends at once": ("exit 5", "The plugin ended unexpectedly: exit code 5"),
    "says why": ("for i in 1 2 3 4; do echo \"line $i\" >&2; done; exit 3",
                 "The plugin ended unexpectedly: exit code 3; it said: line 2 / line 3 / line 4"),
    "tells the token": ("echo \"no luck with $RS_TOKEN\" >&2; exit 4",
                        "The plugin ended unexpectedly: exit code 4; it said: no luck with ********"),
    "only complains": ("printf 'no disk \\342\\200\\256\\n' >&2; exec sleep 600",
                       "The plugin did not say READY! within 10 s; it said: no disk \\u202e"),
    "says something else": ("echo hello; exec sleep 600", "The plugin did not say READY! within 10 s"),
}


@pytest.mark.parametrize("what", NEVER_READY)
def test_a_plugin_that_never_gets_ready_says_so(server, what):
    listen, text = NEVER_READY[what]
    install(server, "stuck", scripts.shell(scripts.definition("stuck"), listen=listen))
    wait_until("the reason is shown", lambda: server.get("plugins/stuck")["PluginErrors"] == [text])
    server.delete("plugin_providers/stuck")
    server.delete("plugins/stuck")


def test_output_without_end_does_not_fill_the_log(server):
    begin = time.monotonic()
    install(server, "chatty", scripts.shell(scripts.definition("chatty"), listen="exec yes chatter"))
    wait_until("its words are in the log", lambda: "chatter" in server.log())
    time.sleep(1)
    periods = int((time.monotonic() - begin) / 10) + 2  # of ten seconds; it began within the first
    assert server.log().count("chatter") <= 500 * periods
    server.delete("plugin_providers/chatty")
    server.delete("plugins/chatty")


# -- stop, start, power cut


def test_stop_is_quick_and_start_brings_them_back(site, notes):
    server = site.server("stopping", flags=FLAGS).start()
    for name, behaviour in (("polite", {}), ("rude", {"deaf": True})):
        install(server, name, scripts.obedient(name, notes, actions=[["", name]], **behaviour))
    pids = []
    for name in ("polite", "rude"):
        wait_available(server, name)
        pids.append(expect(200, run(server, f"system/actions/{name}")).json()["pid"])
    begun = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - begun < 2.5
    assert all(gone(pid) for pid in pids)
    assert not any((server.root / "plugin-comm").iterdir())
    server.start()
    for name in ("polite", "rude"):
        wait_until(f"{name} is back", lambda: run(server, f"system/actions/{name}").status_code == 200)
    pids = [expect(200, run(server, f"system/actions/{name}")).json()["pid"] for name in ("polite", "rude")]
    server.kill()
    wait_until("no plugin outlives its server", lambda: all(gone(pid) for pid in pids))
    # What a power cut left: a program that was committed but not renamed, and one that was not committed.
    programs = server.root / "plugins"
    sha = hashlib.sha256((programs / "polite").read_bytes()).hexdigest()
    (programs / "polite").rename(programs / f".polite.{sha}")
    (programs / (".rude." + "0" * 64)).write_text("half")
    server.start()
    wait_until("polite is back", lambda: run(server, "system/actions/polite").status_code == 200)
    assert sorted(os.listdir(programs)) == ["polite", "rude"]


# -- managers


def test_managers_forward_actions_and_keep_events_apart(site, notes):
    manager, endpoint = site.start("M", "E", flags=FLAGS)
    manager.become_manager().attach(endpoint)
    far_notes = notes.with_name("far-notes")
    far_notes.touch()
    install(endpoint, "probe", scripts.obedient("probe", far_notes, has_publish=True, actions=[["machines", "where"]],
                                                store={"things": {"Size": {"type": "integer"}}}))
    install(manager, "probe", scripts.obedient("probe", notes, has_publish=True))
    wait_available(endpoint, "probe")
    wait_available(manager, "probe")
    uuid = machine(endpoint, "far")["Uuid"]
    thing = endpoint.create("things", {"Id": "t1", "Size": 3})
    wait_until("the machine is at the manager", lambda: manager.call("GET", f"machines/{uuid}").status_code == 200)
    assert expect(200, run(manager, f"machines/{uuid}/actions/where")).json()["action"]["Model"]["Name"] == "far"
    seen = wait_until("the thing is at the manager",
                      lambda: (answer := manager.call("GET", "things/t1")).status_code == 200 and answer.json())
    assert seen == dict(thing, Endpoint="E")
    near = machine(manager, "near")["Uuid"]
    keys = lambda path: {event["Key"] for event in lines_of(path, "publish") if event["Type"] == "machines"}
    wait_until("the endpoint's plugin heard of its machine", lambda: uuid in keys(far_notes))
    wait_until("the manager's plugin heard of its machine", lambda: near in keys(notes))
    assert uuid not in keys(notes), "a plugin hears of own objects only"
