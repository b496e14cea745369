"""Plays scenarios against servers: directly, by the owner's path at a manager, or in the manager's single pane."""
import base64
import json
import re
import time

import requests
import websocket

from conversation import Mismatch, fill, match
from harness import PASSWORD, USER


class Stage:
    """Where a scenario plays: the server asked, and how its requests are addressed there.

    leaf    the endpoint itself
    prefix  a manager two levels up, every path below /OWNER/api/v3
    pane    the same manager; only what creates goes by the owner's path, all else by key in the single pane
    top     the manager itself and its own objects
    """

    def __init__(self, name, server, owner=""):
        self.name, self.server, self.owner = name, server, owner
        self.endpoint = {"leaf": "", "prefix": "", "pane": owner, "top": server.id}[name]

    def path(self, method, path):
        if path.startswith("/../"):
            return path[3:]
        if self.name == "prefix" or (self.name == "pane" and self.is_creation(method, path)):
            return f"/{self.owner}/api/v3{path}"
        return f"/api/v3{path}"

    @staticmethod
    def is_creation(method, path):
        return method == "POST" and re.fullmatch(r"/[a-z_]+(\?.*)?", path) is not None

    def websocket_path(self):
        return f"/api/v3/ws/{self.owner}" if self.name == "prefix" else "/api/v3/ws"


class Player:
    """One run of one scenario."""

    def __init__(self, scenario, stage, run):
        self.scenario, self.stage = scenario, stage
        self.names = {"run": run, "endpoint": stage.endpoint, "user": USER, "password": PASSWORD}
        self.session = requests.Session()
        self.session.verify = self.session.trust_env = False
        self.events = None
        self.checks = 0

    def play(self):
        try:
            for exchange in self.scenario.exchanges:
                self.exchange(exchange)
        finally:
            if self.events is not None:
                self.events.close()
            self.session.close()

    def exchange(self, exchange):
        limit = re.search(r"\(within (\d+) s\)", exchange.answer.first)
        deadline = time.monotonic() + (int(limit[1]) if limit else 0)
        while True:
            try:
                return self.once(exchange)
            except Mismatch as difference:
                if time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                line = (exchange.request or exchange.answer).line
                raise AssertionError(f"{self.scenario.path.name}:{line} [{self.stage.name}] {difference}") from None

    def once(self, exchange):
        if exchange.request is None:
            return self.expect_event(exchange.answer)
        first = fill(exchange.request.first[2:], self.names)
        method, _, path = first.partition(" ")
        if method == "OPEN":
            self.open_events(exchange.request)
            self.checks += 1
            return self.expect_event(exchange.answer) if "EVENT" in exchange.answer.first else None
        if method == "SEND":
            self.events.send(path)
            return self.expect_event(exchange.answer)
        return self.compare(exchange.answer, self.send(method, path, exchange.request))

    # -- sending

    def credentials(self, headers):
        """The pseudo headers `Login: NAME PASSWORD`, `Login: none` and `Token: T`."""
        if "Token" in headers:
            return f"Bearer {headers.pop('Token')}"
        login = headers.pop("Login", f"{USER} {PASSWORD}")
        if login == "none":
            return None
        name, _, password = login.partition(" ")
        return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()

    def send(self, method, path, request):
        headers = {name: fill(value, self.names) for name, value in request.headers.items()}
        if (authorization := self.credentials(headers)) is not None:
            headers["Authorization"] = authorization
        data = None
        if request.raw is not None:
            data = fill(request.raw, self.names).encode()
            headers.setdefault("Content-Type", "application/octet-stream")
        elif request.body is not None:
            data = json.dumps(fill(request.body, self.names)).encode()
            headers.setdefault("Content-Type", "application/json")
        url = self.stage.server.url + self.stage.path(method, path)
        return self.session.request(method, url, data=data, headers=headers, timeout=30)

    # -- answers

    def compare(self, wanted, answer):
        status = int(wanted.first[2:].split()[0])
        if answer.status_code != status:
            raise Mismatch(f"expected {status}, got {answer.status_code} {answer.text[:500]}")
        self.checks += 1
        for name, pattern in wanted.headers.items():
            pattern = fill(pattern, self.names)
            match(None if pattern == "absent" else pattern, answer.headers.get(name), self.names, f"header {name}")
            self.checks += 1
        if wanted.raw is not None:
            match(fill(wanted.raw, self.names), answer.text, self.names)
            self.checks += 1
        elif wanted.body is not None:
            try:
                value = answer.json()
            except ValueError:
                raise Mismatch(f"the answer is no JSON: {answer.text[:300]}") from None
            match(fill(wanted.body, self.names), value, self.names)
            self.checks += 1

    # -- events

    def open_events(self, request):
        headers = {name: fill(value, self.names) for name, value in request.headers.items()}
        authorization = self.credentials(headers)
        url = self.stage.server.url.replace("https", "wss") + self.stage.websocket_path()
        self.events = websocket.create_connection(
            url, header=[f"Authorization: {authorization}"], sslopt={"cert_reqs": 0}, timeout=15)

    def expect_event(self, wanted):
        """The next event must be this one."""
        try:
            event = json.loads(self.events.recv())
        except websocket.WebSocketTimeoutException:
            raise AssertionError(f"{self.scenario.path.name}:{wanted.line}: no event came") from None
        try:
            match(fill(wanted.body, self.names), event, self.names, "event")
        except Mismatch as difference:  # an event cannot be asked for again
            raise AssertionError(f"{self.scenario.path.name}:{wanted.line} [{self.stage.name}] {difference}") from None
        self.checks += 1
