"""The table of errors (errors.yaml) against a real server: every refusal says what, which key and why."""
import itertools
import pathlib

import pytest
import yaml

from conversation import fill, match

TABLE = yaml.safe_load((pathlib.Path(__file__).parent / "errors.yaml").read_text())
_runs = itertools.count(1)


class Entry:
    """One entry of the table at work."""

    def __init__(self, server, entry):
        self.server, self.entry = server, entry
        self.names = {"run": f"e{next(_runs)}x"}

    def ask(self, line, body=None, **options):
        method, path, *rest = fill(line, self.names).split(" ", 2)
        path = path[3:] if path.startswith("/../") else "/api/v3" + path
        if rest:
            body = rest[0]
            options["headers"] = {"Content-Type": "application/json", **(options.get("headers") or {})}
        return self.server.call(method, path, body, **options)

    def prepare(self, lines):
        for line in lines:
            answer = self.ask(line)
            assert answer.status_code < 300, f"{line}: {answer.status_code} {answer.text}"
            if answer.text.startswith("{") and "Uuid" in answer.json():
                self.names["uuid"] = answer.json()["Uuid"]

    def login(self):
        """What stands in for the first account; see `login` in the table."""
        if "login" not in self.entry:
            return {}
        if self.entry["login"] == "none":
            return {"auth": lambda request: request}
        return {"auth": tuple(fill(self.entry["login"], self.names).split(" "))}

    def headers(self):
        headers = self.entry.get("headers")
        if headers and "Authorization" in headers:  # the session's login would win otherwise
            return {"auth": lambda request: request.headers.update(headers) or request}
        return {"headers": headers}

    def expected(self):
        error = fill(self.entry["error"], self.names)
        return {"Type": error["type"], "Model": error["model"], "Key": error["key"], "Messages": error["messages"],
                "Code": self.entry["status"]}


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry["row"])
def test_error(server, entry):
    at_work = Entry(server, entry)
    at_work.prepare(entry.get("setup", []))
    try:
        answer = at_work.ask(entry["request"], entry.get("body"), **at_work.login(), **at_work.headers())
        assert answer.status_code == entry["status"], answer.text
        assert answer.headers["Content-Type"] == "application/json"
        refused = answer.json()
        refused.pop("Field", None)  # ours: which field is at fault
        match(at_work.expected(), refused, at_work.names)
        again = at_work.ask(entry["request"], entry.get("body"), **at_work.login(), **at_work.headers())
        assert again.status_code == entry["status"], "a refused request changes nothing"
    finally:
        at_work.prepare(entry.get("cleanup", []))


def test_rows_are_told_apart():
    rows = [entry["row"] for entry in TABLE]
    assert len(rows) == len(set(rows)) and len(rows) > 100


@pytest.mark.parametrize("method,path", [("HEAD", "/machines/john"), ("HEAD", "/john"), ("HEAD", "/machines?limit=-1")])
def test_refusals_of_head_have_no_body(server, method, path):
    answer = server.call(method, "/api/v3" + path)
    assert answer.status_code in (404, 406) and answer.content == b""
