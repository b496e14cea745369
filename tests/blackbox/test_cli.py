"""The command line as people use it: real processes against a real server."""
import http.server
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest
import yaml

from harness import BINARY, ROOT, wait_until

REFERENCE = ROOT / "docs" / "reference" / "cli"


class CommandLine:
    """Calls the program in a home of its own."""

    def __init__(self, server, home, url=None):
        self.home = pathlib.Path(home)
        self.home.mkdir(parents=True, exist_ok=True)
        self.environment = {"HOME": str(self.home), "RS_ENDPOINT": url or server.url, "PATH": os.environ["PATH"]}

    def call(self, *words, stdin=None, program=BINARY, **variables):
        return subprocess.run([str(program), *map(str, words)], input=stdin, capture_output=True, timeout=60,
                              text=not isinstance(stdin, bytes), cwd=self.home, check=False,
                              env={**self.environment, **variables})

    def run(self, *words, **options):
        """Output of a command that must succeed."""
        done = self.call(*words, **options)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    def json(self, *words, **options):
        return json.loads(self.run(*words, **options))

    def fails(self, *words, **options):
        """Error text of a command that must fail."""
        done = self.call(*words, **options)
        assert done.returncode == 1, f"{words}: exit {done.returncode}, {done.stdout}"
        assert done.stdout == ""
        return done.stderr


@pytest.fixture(scope="module")
def server(shared_site):
    return shared_site.server("cli", drp_id="cli").start()


@pytest.fixture
def cli(server, tmp_path):
    return CommandLine(server, tmp_path / "home")


def test_an_object_from_birth_to_death(cli):
    made = cli.json("profiles", "create", "-", stdin='{"Name": "cli-life", "Params": {"num": 1}}')
    assert made["Params"] == {"num": 1}
    assert cli.json("profiles", "update", "cli-life", "Description: new")["Description"] == "new"
    patch = '[{"op": "test", "path": "/Description", "value": "new"},' \
            ' {"op": "replace", "path": "/Description", "value": "newer"}]'
    assert cli.json("profiles", "patch", "cli-life", patch)["Description"] == "newer"
    assert "Test op failed" in cli.fails("profiles", "patch", "cli-life", patch)
    assert cli.run("profiles", "exists", "cli-life") == ""
    assert cli.run("profiles", "count", "Name=cli-life") == "1\n"
    before = cli.run("profiles", "etag", "cli-life")
    cli.run("profiles", "set", "cli-life", "param", "a/b", "to", "[1, two]")
    assert cli.json("profiles", "get", "cli-life", "param", "a/b") == [1, "two"]
    assert cli.run("profiles", "etag", "cli-life") != before
    assert cli.run("profiles", "destroy", "cli-life") == "Deleted profile cli-life\n"
    assert cli.fails("profiles", "exists", "cli-life") == "Error: profiles:cli-life does not exist\n"
    assert cli.fails("profiles", "show", "cli-life") == "Error: GET: profiles/cli-life: Not Found\n"


def test_every_format_says_the_same(cli):
    cli.run("machines", "create", '{"Name": "cli-format", "Description": "a | b", "Meta": {"k": "v"}}')
    as_json = cli.json("machines", "list", "Name", "Eq", "cli-format")
    assert yaml.safe_load(cli.run("machines", "list", "Name=cli-format", "-F", "yaml")) == as_json
    assert list(as_json[0]) == sorted(as_json[0])
    table = cli.run("machines", "list", "Name=cli-format", "-F", "table", "-J", "Name,Description,Meta")
    assert table == 'Name        Description  Meta\ncli-format  a | b        {"k":"v"}\n'
    text = cli.run("machines", "list", "Name=cli-format", "-F", "text", "-J", "Name,Meta,None", "-H")
    assert text == "cli-format\tmap[k:v]\t<nil>\n"
    assert cli.run("machines", "show", "Name:cli-format", "-F", "go").startswith("map[")
    assert "\033" not in cli.run("machines", "list")


def test_names_and_atomic_updates(cli):
    assert cli.json("machines", "create", "cli-by-name")["Name"] == "cli-by-name"
    assert cli.fails("subnets", "create", "word") == "Error: Unable to create a new subnets by name\n"
    shown = cli.run("machines", "show", "Name:cli-by-name")
    cli.run("machines", "update", "Name:cli-by-name", "Description: first", "--ref", "-", stdin=shown)
    assert "409" not in cli.fails("machines", "update", "Name:cli-by-name", "Description: second", "--ref", "-",
                                  stdin=shown)
    assert cli.json("machines", "show", "Name:cli-by-name")["Description"] == "first"


def test_secure_parameters_are_sealed_before_they_leave(cli, server):
    cli.run("params", "create", '{"Name": "cli/secret", "Secure": true, "Schema": {"type": "string"}}')
    cli.run("profiles", "create", "cli-secure")
    shown = cli.run("-d", "profiles", "set", "cli-secure", "param", "cli/secret", "to", "-", stdin="open sesame")
    assert set(json.loads(shown)) == {"Key", "Nonce", "Payload"}
    assert set(cli.json("profiles", "get", "cli-secure", "param", "cli/secret")) == {"Key", "Nonce", "Payload"}
    assert cli.json("profiles", "get", "cli-secure", "param", "cli/secret", "--decode") == "open sesame"
    assert cli.json("profiles", "params", "cli-secure", "--decode") == {"cli/secret": "open sesame"}
    # What is sealed is still checked against the schema.
    assert "Invalid type" in cli.fails("profiles", "set", "cli-secure", "param", "cli/secret", "to", "[1]")
    assert "sesame" not in server.log()


def test_a_pack_from_a_directory_to_the_server_and_back(cli):
    source = cli.home / "source"
    for path, text in {"._Name.meta": "cli-pack\n", "._Version.meta": "v1.0.0", "._Documentation.meta": "Read me.\n",
                       "params/cli.pack.yaml": "Name: cli/pack\nSchema:\n  type: string\n",
                       "templates/cli-pack.tmpl": "#!/bin/sh\necho {{ .Machine.Name }}\n",
                       "tasks/cli-pack.json": '{"Name": "cli-pack-task", "Templates": [{"ID": "cli-pack.tmpl",'
                                              ' "Name": "x"}]}',
                       "notes.txt": "not part of it"}.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(text)
    bundled = cli.call("contents", "bundle", cli.home / "pack.yaml", "Author=us", "--dir", source)
    assert bundled.returncode == 0
    assert bundled.stderr == "not part of the pack: notes.txt\n"
    summary = cli.json("contents", "upload", cli.home / "pack.yaml")
    assert summary["Counts"] == {"params": 1, "tasks": 1, "templates": 1}
    assert cli.json("tasks", "show", "cli-pack-task")["Bundle"] == "cli-pack"
    (cli.home / "shown.json").write_text(cli.run("contents", "show", "cli-pack"))
    cli.run("contents", "unbundle", cli.home / "shown.json", "--dir", cli.home / "copy")
    assert (cli.home / "copy/templates/cli-pack.tmpl").read_text() == (source / "templates/cli-pack.tmpl").read_text()
    assert (cli.home / "copy/._Author.meta").read_text() == "us"
    cli.run("contents", "bundle", cli.home / "again.json", "--dir", cli.home / "copy")
    again = json.loads((cli.home / "again.json").read_text())
    assert again["meta"]["Documentation"] == "Read me.\n"
    assert again["sections"]["params"]["cli/pack"]["Schema"] == {"type": "string"}
    cli.run("contents", "update", "cli-pack", cli.home / "again.json")
    assert "cli-pack-task" in cli.run("contents", "document", cli.home / "again.json")
    assert cli.run("contents", "destroy", "cli-pack") == "Deleted content cli-pack"
    assert cli.fails("contents", "exists", "cli-pack") == "Error: content:cli-pack does not exist\n"


def test_live_objects_become_a_pack(cli):
    cli.run("profiles", "create", '{"Name": "cli-bundlize", "Params": {"num": 1}}')
    cli.run("contents", "bundlize", cli.home / "made.json", "Name=cli-made", "profiles:cli-bundlize", "--delete",
            "--reload")
    assert cli.json("profiles", "show", "cli-bundlize")["Bundle"] == "cli-made"
    cli.run("contents", "destroy", "cli-made")
    assert cli.run("contents", "convert", cli.home / "made.json") == "Created profiles:cli-bundlize\n"
    assert cli.json("profiles", "show", "cli-bundlize")["Bundle"] == ""


def test_files_go_up_come_down_and_go_on_where_they_stopped(cli, server):
    content = os.urandom(3_000_000)
    (cli.home / "big").write_bytes(content)
    assert cli.json("files", "upload", "big", "as", "cli/dir/big") == {"Path": "/cli/dir/big", "Size": len(content)}
    assert cli.run("files", "exists", "cli/dir/big") == ""
    assert cli.json("files", "list", "cli") == ["dir/"]
    assert cli.json("files", "list", "cli", "--recurse") == ["dir/", "dir/big"]
    (cli.home / "copy.part").write_bytes(content[:1_000_000])
    cli.run("files", "download", "cli/dir/big", "to", "copy")
    assert (cli.home / "copy").read_bytes() == content
    assert "-> 304" in cli.call("-d", "files", "download", "cli/dir/big", "to", "copy").stderr
    (cli.home / "copy.part").write_bytes(b"something else")
    cli.run("files", "download", "cli/dir/big", "to", "copy")
    assert (cli.home / "copy").read_bytes() == content
    assert cli.run("files", "download", "cli/dir/big", stdin=b"") == content
    assert cli.run("files", "static", "cli/dir/big", stdin=b"") == content
    cli.run("files", "upload", f"http://127.0.0.1:{server.static_port}/files/cli/dir/big", "as", "cli/second")
    assert cli.run("files", "download", "cli/second", stdin=b"") == content
    assert cli.run("files", "destroy", "cli/second") == "Deleted cli/second"
    assert cli.fails("files", "download", "cli/second", "to", "none").startswith("Error: GET: files/")
    assert not (cli.home / "none").exists() and not (cli.home / "none.part").exists()


def test_waiting(cli):
    cli.run("machines", "create", "cli-wait")
    assert cli.run("machines", "wait", "Name:cli-wait", "Runnable", "true", 5) == "complete\n"
    assert cli.run("machines", "wait", "Name:cli-wait", "Description", "never", 1) == "timeout\n"
    assert cli.run("machines", "show", "Name:cli-wait", "--wait", "1s") == "Timeout: no change\n"
    waiting = subprocess.Popen([str(BINARY), "machines", "wait", "Name:cli-wait", "Description", "there", "60"],
                               stdout=subprocess.PIPE, text=True, env=cli.environment)
    time.sleep(0.3)  # whether it waits already or not: it must see the change
    cli.run("machines", "update", "Name:cli-wait", "Description: there")
    assert waiting.communicate(timeout=30)[0] == "complete\n"
    assert waiting.returncode == 0


def test_mistakes_are_told_apart(cli):
    assert "Usage:\n  mullion machines show ID" in cli.fails("machines", "show")
    assert "Usage" not in cli.fails("machines", "show", "no-such-machine")
    assert cli.fails("machines", "create", "@nofile") == "Error: there is no file nofile\n"
    assert cli.fails("-P", "wrong", "-x", "machines", "list").startswith("Error: Error creating Session: ")
    refused = cli.fails("-E", "https://127.0.0.1:1", "-x", "machines", "list")
    assert refused.startswith("Error: Error creating Session: ") and "https://127.0.0.1:1" in refused
    invalid = cli.fails("machines", "create", '{"Name": "cli-bad", "Stage": "none such"}')
    assert invalid.startswith("Error: ValidationError: machines/")
    cli.run("profiles", "create", '{"Name": "cli-used"}')
    cli.run("machines", "create", '{"Name": "cli-user", "Profiles": ["cli-used"]}')
    assert cli.fails("profiles", "destroy", "cli-used").startswith("Error: StillInUseError: profiles/cli-used")


def test_the_token_cache(cli):
    cache = cli.home / "tokens"
    cli.run("info", "check", RS_TOKEN_CACHE=str(cache))
    token = (cache / ".rocketskates.token").read_text()
    assert (cache / ".rocketskates.token").stat().st_mode & 0o777 == 0o600
    assert cli.run("info", "check", "-P", "wrong", RS_TOKEN_CACHE=str(cache)) == '{\n  "active": true\n}\n'
    (cache / ".rocketskates.token").write_text("stale")
    cli.run("info", "check", RS_TOKEN_CACHE=str(cache))
    assert (cache / ".rocketskates.token").read_text() not in ("stale", "")
    cli.run("-T", token, "machines", "count")


def test_called_as_drpcli_it_is_the_command_line(cli):
    program = cli.home / "drpcli"
    program.symlink_to(BINARY.resolve())
    assert "Usage:\n  drpcli machines show ID" in cli.fails("machines", "show", program=program)
    assert "serve comes first" in cli.fails("serve", program=program)
    (cli.home / ".drpclirc").write_text("RS_FORMAT=yaml\n")
    assert yaml.safe_load(cli.run("prefs", "list", program=program))["defaultStage"] == "none"


def test_a_local_socket_leads_to_the_server(cli):
    socket = cli.home / "proxy.sock"
    proxy = subprocess.Popen([str(BINARY), "proxy", str(socket)], env=cli.environment, stdout=subprocess.DEVNULL)
    try:
        wait_until("the socket is there", socket.exists)
        through = {"RS_LOCAL_PROXY": str(socket), "RS_ENDPOINT": "https://nowhere.invalid"}
        cli.run("machines", "create", "cli-through-socket", **through)
        assert cli.run("machines", "wait", "Name:cli-through-socket", "Runnable", "true", 10, **through) == "complete\n"
        (cli.home / "x").write_bytes(b"x" * 1_000_000)
        cli.run("files", "upload", "x", "as", "cli/through", **through)
        assert cli.run("files", "download", "cli/through", stdin=b"", **through) == b"x" * 1_000_000
    finally:
        proxy.send_signal(signal.SIGTERM)
        assert proxy.wait(20) == 0
    assert not socket.exists()


def test_colours_and_bars_on_terminals_only(cli):
    """`script` gives the program a terminal."""
    def on_terminal(*words, **variables):
        return subprocess.run(["script", "-qec", " ".join([str(BINARY), *words]), "/dev/null"], capture_output=True,
                              timeout=60, text=True, check=True,
                              env={**cli.environment, "TERM": "xterm", **variables}).stdout
    assert "\033[34;1m\"active\"\033[0m" in on_terminal("info", "check")
    assert "\033" not in on_terminal("info", "check", NO_COLOR="1")
    assert "\033" not in on_terminal("info", "check", TERM="dumb")
    assert "\033[31m" in on_terminal("info", "check", "-C", "1=31")


def test_reference_pages_are_current(cli, tmp_path):
    cli.run("__reference", tmp_path)
    written = {path.name: path.read_text() for path in tmp_path.glob("*.md")}
    kept = {path.name: path.read_text() for path in REFERENCE.glob("*.md")}
    assert sorted(written) == sorted(kept), "./x fix renews docs/reference/cli"
    for name, text in written.items():
        assert kept[name] == text, f"docs/reference/cli/{name} is not what the program would write; ./x fix renews it"


class BreakingServer(http.server.BaseHTTPRequestHandler):
    """Logs everybody in, and breaks the first connections that ask for profiles."""
    protocol_version = "HTTP/1.1"
    breaks = 0

    def log_message(self, *_):
        pass

    def do_GET(self):
        if "/profiles" in self.path and BreakingServer.breaks > 0:
            BreakingServer.breaks -= 1
            self.close_connection = True
            return
        text = b"[]" if "/profiles" in self.path else b'{"Token": "token"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def test_requests_are_repeated_when_the_connection_breaks(tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), BreakingServer) as breaking:
        threading.Thread(target=breaking.serve_forever, daemon=True).start()
        cli = CommandLine(None, tmp_path / "home", url=f"http://127.0.0.1:{breaking.server_port}")
        BreakingServer.breaks = 4
        begun = time.monotonic()
        assert cli.run("profiles", "list") == "[]\n"
        assert BreakingServer.breaks == 0 and time.monotonic() - begun >= 1
        breaking.shutdown()
