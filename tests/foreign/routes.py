"""The routes of the public API over the state of one server."""
import base64
import hashlib
import json
import re
import subprocess
import tempfile
import time

import box
import model
import patch as patches
import query
import rights
from connection import Answer
from problem import Problem
from rights import demand
from state import hex_address

SUB_ROUTES = ("params", "actions", "plugin_actions", "pubkey", "token", "password", "acknowledge", "log", "cleanup",
              "start")
REFERENCES = {
    "machines": (("Stage", "stages", "Stage {name} does not exist"),
                 ("BootEnv", "bootenvs", "Bootenv {name} does not exist"),
                 ("Workflow", "workflows", "Workflow {name} does not exist"),
                 ("Profiles", "profiles", "Profile {name} (at {at}) does not exist"),
                 ("Tasks", "tasks", "Task {name} (at {at}) does not exist")),
    "plugins": (("Provider", "plugin_providers", "Provider {name} does not exist"),),
    "users": (("Roles", "roles", "Role {name} does not exist"),),
}
GENERAL_ACTIONS = ("list", "get", "create", "update", "delete", "actions", "action")
MORE_ACTIONS = {
    "users": ("token", "password"), "jobs": ("log",),
    "machines": ("getSecure", "updateSecure", "updateTaskList", "token", "whoami"),
    "plugins": ("getSecure", "updateSecure"), "profiles": ("getSecure", "updateSecure"),
    "stages": ("getSecure", "updateSecure"),
}
SYSTEM_SCOPES = {"contents": GENERAL_ACTIONS[:5], "files": ("list", "get", "post", "delete"),
                 "isos": ("list", "get", "post", "delete"), "info": ("get",), "objects": ("list",),
                 "preferences": ("list", "post"), "system": ("upgrade", "replicate", "active", "passive")}
ABSENT = object()


class Routes:
    """Answers requests to one ForeignServer. Every method takes the request and the rest of its path."""

    def __init__(self, server):
        self.server = server
        self.faults = server.faults

    @property
    def state(self):
        return self.server.state

    def answer(self, request):
        """The answer to an authenticated request below /api/v3. Raises Problem."""
        parts = request.parts[2:]
        first = parts[0].replace("-", "_") if parts else ""
        if parts and parts[0] in self.faults.forbid:
            raise Problem(403, "AUTH", "", "", f"Cannot access {request.target}", f"Requires: {parts[0]} list ")
        own = getattr(self, "route_" + first, None)
        if own is not None:
            return own(request, parts[1:])
        if self.state.collection(first) is not None:
            return self.collection_route(request, first, parts[1:])
        raise self.no_route(request)

    @staticmethod
    def no_route(request):
        return Problem(404, request.method, request.path, "", "No route")

    @staticmethod
    def not_found(request, model_name, key):
        return Problem(404, request.method, model_name, key, "Not Found")

    # -- collections

    def collection_route(self, request, prefix, rest):
        if not rest:
            return self.list_route(request, prefix)
        ident, sub, more = self._split(prefix, rest)
        record = self.state.find(prefix, ident)
        if record is None or prefix in self.faults.hide:
            raise self.not_found(request, prefix, hex_address(ident) if prefix in ("leases", "reservations") else ident)
        foreign = record.owner and (not request.reads or sub == "pubkey" or request.truth("decode"))
        if foreign:
            self._demand_for(request, record, sub)
            return self.server.forward(request, record.owner)
        if not sub:
            return self.object_route(request, record)
        return getattr(self, "sub_" + sub)(request, record, more)

    @staticmethod
    def _split(prefix, rest):
        """Key, sub-route and its rest; a key may hold slashes."""
        for at, part in enumerate(rest[1:], 1):
            if part in SUB_ROUTES and prefix not in ("params", "templates"):
                return "/".join(rest[:at]), part, rest[at + 1:]
        return "/".join(rest), "", []

    def _demand_for(self, request, record, sub):
        wanted = {"GET": "get", "HEAD": "get", "DELETE": "delete", "POST": "update"}.get(request.method, "update")
        if sub in ("actions", "plugin_actions") and request.method == "POST":
            wanted = "action"
        demand(request, record.prefix, wanted, record.key)

    def visible(self, request, prefix):
        if prefix in self.faults.hide:
            return []
        rows = self.state.rows(prefix)
        if request.login.may(prefix, "get", "*"):
            return rows
        return [record for record in rows if request.login.may(prefix, "get", record.key)]

    def list_route(self, request, prefix):
        if request.method == "POST":
            return self.create_route(request, prefix)
        if not request.reads:
            raise self.no_route(request)
        if request.truth("decode"):
            demand(request, prefix, "getSecure")
        version, faults = self.state.version, self.faults.for_lists_of(request.login.name)
        wanted = query.ListQuery(version, self.state.collections[prefix], self._expanded(request, prefix),
                                 faults.ignore_filters, faults.ignore_sort)
        records = self.visible(request, prefix)
        rows = wanted.matching([(record.key, record.body, record) for record in records])
        if faults.wrong_order:
            rows = faults.shuffled(rows)
        page = faults.spoiled(wanted.page(rows))
        numbers = dict(zip(("X-DRP-LIST-TOTAL-COUNT", "X-DRP-LIST-FILTER-COUNT", "X-DRP-LIST-COUNT"),
                           (len(records), len(rows), len(page))))
        shown = version.count_headers if request.method == "HEAD" else version.list_headers
        error = faults.count_error if request.method == "HEAD" else 0
        headers = {name: str(max(0, numbers[name] + error)) for name in shown}
        if request.method == "HEAD":
            return Answer(headers=headers, body=b"")
        request.page = (prefix, wanted.offset)
        self.server.touch(prefix)
        return Answer(headers=headers, text=self._page_text(request, wanted, [row[2] for row in page], faults))

    def _expanded(self, request, prefix):
        """The items of the query, with those that a named filter or raw text stands for."""
        out = list(request.items)
        if "filter" not in self.state.version.list_queries:
            return out
        for name, text in request.items:
            if name == "raw":
                out += [tuple(part.split("=", 1)) for part in text.split("&") if "=" in part]
            elif name == "filter":
                record = self.state.find("filters", text)
                if record is None:
                    raise query.refuse(prefix, f"Filter {text} does not exist")
                out += [(one["Name"], f"{one['Op']}({one['Value']})") for one in record.body["Queries"]]
        return out

    def _page_text(self, request, wanted, records, faults):
        slim, params = wanted.words("slim"), wanted.words("params")
        decode = request.truth("decode")
        grouped = wanted.words("group-by") if "group-by" in self.state.version.list_queries else []
        if grouped:
            return json.dumps(self._grouped([record.body for record in records], grouped, wanted.truth("range-only")))
        aggregate = request.truth("aggregate")
        if slim or params or decode or aggregate or self.faults.huge_objects:
            texts = [json.dumps(self._shown(record, slim, params, decode, aggregate)) for record in records]
        else:
            texts = [record.text for record in records]
        return "[" + ",".join(faults.odd(texts)) + "]"

    def _shown(self, record, slim, params, decode, aggregate):
        """The object as an answer has it."""
        body = self._decoded(record, decode)
        if aggregate and "Params" in body:
            body = {**body, "Params": self._aggregate(record, decode)}
        return self.server.grown(query.reduced(self.state.collections[record.prefix], body, slim, params))

    def _grouped(self, bodies, names, count_only):
        if not names:
            return len(bodies) if count_only else bodies
        groups = {}
        for body in bodies:
            value = body.get(names[0], "")
            groups.setdefault(value if isinstance(value, str) else json.dumps(value), []).append(body)
        return {value: self._grouped(group, names[1:], count_only) for value, group in groups.items()}

    def _decoded(self, record, decode):
        return self.server.opened(record) if decode else record.body

    def create_route(self, request, prefix):
        demand(request, prefix, "create")
        if not self.state.collections[prefix].writable:
            raise self.no_route(request)
        given = request.json(prefix)
        if not isinstance(given, dict):
            raise Problem(400, "POST", prefix, "", "an object is needed")
        with self.state.lock:
            key = self.state.key_of(prefix, given)
            if key and self.state.get(prefix, key) is not None and not self._is_overwritable(prefix, key):
                raise Problem(409, "CREATE", prefix, key, "already exists")
            if not key and prefix not in model.RANDOM_KEYS:
                raise Problem(422, "CREATE", prefix, "", "Empty key not allowed")
            given = self.server.sealed_object(prefix, key, given)
            self._validate(prefix, key, {**self.state.collections[prefix].new(given)})
            record = self.state.write(prefix, given, request.login.principal)
        return Answer(201, text=record.text)

    def _is_overwritable(self, prefix, key):
        record = self.state.get(prefix, key)
        layer = self.state.layer(record.layer) if record.layer else None
        return layer is not None and layer.overwritable

    def _validate(self, prefix, key, body):
        messages = []
        for field, target, text in REFERENCES.get(prefix, ()):
            value = body.get(field)
            for at, name in enumerate(value if isinstance(value, list) else [value]):
                if name and ":" not in name and self.state.collection(target) and self.state.find(target, name) is None:
                    messages.append(text.format(name=name, at=at))
        if messages:
            form = self.state.version.errors["validation"]
            raise Problem(422, "ValidationError", prefix, key,
                          *(form.format(key=key, message=text) if "(at " in text else text for text in messages))

    # -- one object

    def object_route(self, request, record):
        if request.reads:
            return self.read_route(request, record)
        if request.method == "DELETE":
            return self.delete_route(request, record)
        if request.method in ("PUT", "PATCH"):
            return self.change_route(request, record)
        raise self.no_route(request)

    def read_route(self, request, record):
        prefix, key = record.prefix, record.key
        if not request.login.may(prefix, "get", key):
            raise self.not_found(request, prefix, key)
        if request.truth("decode"):
            demand(request, prefix, "getSecure", key)
        record = self._awaited(request, record)
        if record is None:
            return Answer(304)
        slim = [word for name, text in request.items if name == "slim" for word in text.split(",")]
        params = [word for name, text in request.items if name == "params" for word in text.split(",")]
        record = self._mistaken(record)
        body = self._shown(record, slim, params, request.truth("decode"), request.truth("aggregate"))
        return Answer(body=body, headers={"ETag": self.state.etag(record)})

    def _mistaken(self, record):
        """The record, or another one of its collection in its place."""
        others = [one for one in self.state.rows(record.prefix) if one.key != record.key]
        if others and self.faults.strikes("other_objects"):
            return self.faults.some(others, 1)[0]
        return record

    def _awaited(self, request, record):
        """The record once it differs from If-None-Match; None if it does not within the time to wait."""
        known = request.headers.get("if-none-match")
        if not known:
            return record
        wait = re.fullmatch(r"wait=(\d+)([smh]?)", request.headers.get("prefer", ""))
        end = time.monotonic() + (rights.seconds_of(wait[1] + wait[2]) if wait else 0)
        with self.state.lock:
            while True:
                now = self.state.get(record.prefix, record.key, record.owner)
                if now is None:
                    raise self.not_found(request, record.prefix, record.key)
                if self.state.etag(now) != known:
                    return now
                left = end - time.monotonic()
                if left <= 0 or self.server.stopping:
                    return None
                self.state.changed.wait(min(left, 0.5))

    def _writable(self, request, record):
        """Raises the Problem of a change to an object of a layer that cannot be overridden."""
        if record.layer and not self._is_overwritable(record.prefix, record.key):
            messages = [text.format(key=record.key) for text in self.state.version.errors["read only"]]
            if request.method == "DELETE":
                raise Problem(422, "DELETE", "", "", *messages)
            raise Problem(422, request.method, record.prefix, record.key, *messages)

    def delete_route(self, request, record):
        demand(request, record.prefix, "delete", record.key)
        if not self.state.collections[record.prefix].writable:
            return self._delete_special(request, record)
        with self.state.lock:
            if record.layer:
                raise Problem(422, "DELETE", "", "", f"readonly: {record.key}")
            if record.body.get("Locked"):
                raise Problem(422, "DELETE", record.prefix, record.key, "Locked")
            if self.state.remove(record.prefix, record.key, request.login.principal) is None:
                raise self.not_found(request, record.prefix, record.key)
        if record.prefix == "endpoints":
            self.server.remove_child(record.key)
        return Answer(text=record.text)

    def _delete_special(self, request, record):
        if record.prefix == "preferences":
            raise self.no_route(request)
        self.state.remove(record.prefix, record.key, request.login.principal)
        return Answer(text=record.text)

    def change_route(self, request, record):
        given = request.json(record.prefix)
        with self.state.lock:
            record = self.state.get(record.prefix, record.key) or record
            self._writable(request, record)
            if request.method == "PATCH":
                body = self._patched(request, record, record.body, given)
            elif isinstance(given, dict):
                if self.state.key_of(record.prefix, given) not in ("", record.key):
                    raise Problem(400, "PUT", record.prefix, record.key, "Key change not allowed")
                body = {**self.state.collections[record.prefix].complete(given),
                        self.state.collections[record.prefix].key: record.body[
                            self.state.collections[record.prefix].key]}
            else:
                raise Problem(400, "PUT", record.prefix, record.key, "an object is needed")
            return Answer(text=self._changed(request, record, body, self.state.version.write_actions).text)

    def _patched(self, request, record, document, operations):
        errors = self.state.version.errors
        line, path = 0, ""
        try:
            return patches.apply(document, operations)
        except patches.Undecodable as failure:
            raise Problem(406, request.method, record.prefix, record.key, str(failure)) from failure
        except patches.TestFailed as failure:
            line, form = failure.line, errors["patch test"]
        except patches.PathMissing as failure:
            line, path, form = failure.line, failure.path, errors["patch path"]
        shown = json.dumps(operations, indent=2)
        raise Problem(409, "PATCH", record.prefix, record.key,
                      *(text.format(line=line, path=path, patch=shown) for text in form))

    def _changed(self, request, record, body, actions):
        """Stores the changed object if it is allowed, valid and different; answers its record."""
        if record.body.get("Locked") and body.get("Locked"):
            raise Problem(422, request.method, record.prefix, record.key, "Locked")
        if self.state.key_of(record.prefix, body) != record.key:
            raise Problem(422, request.method, record.prefix, record.key, "Key change not allowed")
        body = self.server.sealed_object(record.prefix, record.key, body)
        for name in _differing(record.body, body):
            demand(request, record.prefix, f"update:{name}", record.key)
        if body == record.body:
            return record
        self._validate(record.prefix, record.key, body)
        return self.state.write(record.prefix, body, request.login.principal, actions)

    # -- params and meta

    def _map_route(self, request, record, field, rest):
        """Params or Meta of an object: the whole map or one member."""
        if field not in record.body and field not in self.state.collections[record.prefix].empty:
            raise self.no_route(request)
        key = "/".join(rest)
        if request.reads:
            return self._read_map(request, record, field, key)
        with self.state.lock:
            record = self.state.get(record.prefix, record.key) or record
            self._writable(request, record)
            now = dict(record.body.get(field) or {})
            removed = self._change_map(request, record, now, key)
            self._changed(request, record, {**record.body, field: now}, self.state.version.part_actions)
            stored = self.state.get(record.prefix, record.key).body.get(field) or {}
            return Answer(body=removed if removed is not ABSENT else stored.get(key) if key else stored)

    def _change_map(self, request, record, now, key):
        given = request.json(record.prefix)
        if request.method == "DELETE" and key:
            if key not in now:
                raise Problem(404, "DELETE", "params", key, "Not Found")
            return now.pop(key)
        if request.method == "PATCH" and not key:
            changed = self._patched(request, record, dict(now), given)
            now.clear()
            now.update(changed)
        elif request.method in ("POST", "PUT") and key:
            self._check_value(request, record, key, given)
            now[key] = given
        elif request.method in ("POST", "PUT") and isinstance(given, dict):
            now.clear()
            now.update(given)
        else:
            raise Problem(400, request.method, record.prefix, record.key, "a map is needed")
        return ABSENT

    def _check_value(self, request, record, key, value):
        """The type that a Param's schema wants is all that is checked."""
        found = self.state.find("params", key)
        schema = (found.body.get("Schema") if found else None) or {}
        wanted = schema.get("type") if isinstance(schema, dict) else None
        kinds = {"string": str, "boolean": bool, "integer": int, "array": list, "object": dict}
        if found and found.body.get("Secure") or wanted not in kinds:
            return
        fits = isinstance(value, kinds[wanted]) and not (wanted == "integer" and isinstance(value, bool))
        if not fits:
            names = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
            raise Problem(422, request.method, record.prefix, record.key,
                          f"Key '{key}': invalid val '{json.dumps(value)}': : (root): Invalid type. "
                          f"Expected: {wanted}, given: {names.get(type(value), 'null')}")

    def _read_map(self, request, record, field, key):
        if not request.login.may(record.prefix, "get", record.key):
            raise self.not_found(request, record.prefix, record.key)
        if request.truth("decode"):
            demand(request, record.prefix, "getSecure", record.key)
        values = dict(self._decoded(record, request.truth("decode")).get(field) or {})
        if field == "Params" and request.truth("aggregate"):
            values = self._aggregate(record, request.truth("decode"), key)
        wanted = [word for name, text in request.items if name == "params" for word in text.split(",")]
        if wanted:
            values = {name: value for name, value in values.items() if name in wanted}
        return Answer(body=values.get(key) if key else values)

    def _aggregate(self, record, decode=False, wanted=None):
        """Own Params over those of its profiles, stage, the global profile and, for one name, the default."""
        layers = [record]
        layers += [self.state.find("profiles", name) for name in record.body.get("Profiles") or []]
        stage = self.state.find("stages", record.body.get("Stage") or "") if record.prefix == "machines" else None
        if stage:
            layers += [stage, *(self.state.find("profiles", name) for name in stage.body["Profiles"])]
        layers.append(self.state.find("profiles", "global"))
        out = {}
        for layer in reversed([layer for layer in layers if layer]):
            out.update(self._decoded(layer, decode).get("Params") or {})
        found = self.state.find("params", wanted) if wanted and wanted not in out else None
        if found and isinstance(found.body.get("Schema"), dict) and "default" in found.body["Schema"]:
            out[wanted] = found.body["Schema"]["default"]
        return out

    def sub_params(self, request, record, rest):
        if not self.state.collections[record.prefix].has_params:
            raise self.no_route(request)
        return self._map_route(request, record, "Params", rest)

    def route_meta(self, request, rest):
        if len(rest) < 2 or self.state.collection(rest[0]) is None:
            raise self.no_route(request)
        record = self.state.find(rest[0], "/".join(rest[1:]))
        if record is None:
            raise self.not_found(request, rest[0], "/".join(rest[1:]))
        if record.owner and not request.reads:
            return self.server.forward(request, record.owner)
        return self._map_route(request, record, "Meta", [])

    # -- other routes of an object

    def sub_pubkey(self, request, record, rest):
        demand(request, record.prefix, "updateSecure", record.key)
        return Answer(body=base64.b64encode(self.server.public_key(record)).decode())

    def sub_actions(self, request, record, rest):
        offered = {command: entry for (prefix, command), entry in self.server.actions.items()
                   if prefix == record.prefix}
        return self._action_route(request, offered, record.prefix, record.key, rest, record)

    sub_plugin_actions = sub_actions

    def _action_route(self, request, offered, prefix, key, rest, record):
        described = {command: {"Provider": "fake", "Model": "" if prefix == "system" else prefix, "Command": command,
                               "RequiredParams": [], "OptionalParams": []} for command in offered}
        if request.reads:
            if not rest:
                return Answer(body=list(described.values()))
            if rest[0] not in offered:
                raise Problem(404, "GET", prefix, key, f"{rest[0]}: Not Found")
            return Answer(body=described[rest[0]])
        command = "/".join(rest)
        demand(request, prefix, f"action:{command}", key)
        if command not in offered:
            raise Problem(404, "INVOKE", prefix, key, f"Action {command} on {prefix}: Not Found")
        effect = offered[command]
        if not callable(effect):
            return Answer(body=effect)
        return Answer(body=effect(record.body if record else None, request.json(prefix) or {}))

    def sub_token(self, request, record, rest):
        demand(request, record.prefix, "token", record.key)
        try:
            ttl = rights.seconds_of(request.option("ttl") or str(self.state.version.default_ttl))
        except ValueError as failure:
            raise Problem(400, "GET", record.prefix, record.key,
                          f'strconv.ParseInt: parsing "{failure}": invalid syntax') from failure
        roles = request.option("roles").split(",") if request.option("roles") else None
        token = rights.issue(self.state, record.prefix, record.key, ttl, roles)
        return Answer(body={"Token": token, "Info": self.info()})

    def sub_password(self, request, record, rest):
        demand(request, "users", "password", record.key)
        given = request.json("users") or {}
        return Answer(text=self.state.set_password(record.key, given.get("Password", ""), request.login.principal).text)

    def sub_acknowledge(self, request, record, rest):
        demand(request, record.prefix, "update", record.key)
        body = {**record.body, "Acknowledged": True, "AcknowledgeTime": self.state.now(),
                "AcknowledgeUser": request.login.name}
        return Answer(text=self.state.write(record.prefix, body, request.login.principal,
                                            self.state.version.write_actions).text)

    def sub_log(self, request, record, rest):
        if request.reads:
            return Answer(body=self.state.binaries.get(("log", record.key), b""), kind="application/octet-stream")
        self.state.binaries["log", record.key] = self.state.binaries.get(("log", record.key), b"") + request.body
        return Answer(204)

    def sub_cleanup(self, request, record, rest):
        return self.delete_route(request, record)

    def sub_start(self, request, record, rest):
        body = {**record.body, "Workflow": "", "Runnable": True}
        body = self._patched(request, record, body, request.json(record.prefix) or [])
        return Answer(text=self._changed(request, record, body, self.state.version.write_actions).text)

    # -- the server as a whole

    def info(self):
        state, server = self.state, self.server
        counts = [{"name": f"{prefix}.count", "count": len(state.own_writable(prefix))}
                  for prefix in ("machines", "subnets", "contexts") if state.collection(prefix)]
        scopes = {prefix: {action: {} for action in GENERAL_ACTIONS + MORE_ACTIONS.get(prefix, ())}
                  for prefix in state.collections if prefix != "preferences"}
        scopes.update({scope: {action: {} for action in actions} for scope, actions in SYSTEM_SCOPES.items()})
        extra = dict(state.version.info_extra)
        if extra:
            extra.update({"ha_consensus_id": server.consensus_id, "uuid": server.consensus_id})
        return {
            "arch": "amd64", "os": "linux", "version": state.version.text, "id": server.id, "local_id": server.local_id,
            "ha_id": server.id, "api_port": server.api_port, "file_port": 8091, "secure_file_port": 8090,
            "dhcp_port": 67, "binl_port": 4011, "tftp_port": 69, "tftp_enabled": True, "dhcp_enabled": True,
            "binl_enabled": True, "prov_enabled": True, "secure_prov_enabled": True, "address": "127.0.0.1",
            "server_hostname": "", "manager": state.preferences().get("manager") == "true", "stats": counts,
            "features": list(state.version.features), "scopes": scopes, "License": {"Licenses": []}, "errors": [],
            "ha_enabled": False, "ha_virtual_address": "", "ha_is_active": True, "ha_status": "Up",
            "ha_active_id": server.id, "ha_passive_state": [],
            "ClusterState": {**self._consensus(), "Nodes": [self._node()]}, **extra, **self.faults.info_lies}

    def route_info(self, request, rest):
        return Answer(body=self.info())

    def route_objects(self, request, rest):
        demand(request, "objects", "list")
        return Answer(body=sorted(prefix for prefix in self.state.collections if prefix not in model.UNLISTED))

    def route_indexes(self, request, rest):
        members = self.state.version.index_members

        def described(prefix):
            collection = self.state.collection(prefix)
            return {name: index.described(members) for name, index in collection.indexes.items()} if collection else {}
        if not rest:
            return Answer(body={prefix: described(prefix) for prefix in self.state.collections
                                if prefix not in model.UNLISTED})
        if len(rest) == 1:
            return Answer(body=described(rest[0]))
        empty = {name: "" if name == "Type" else False for name in members}
        return Answer(body=described(rest[0]).get(rest[1], empty))

    def route_logs(self, request, rest):
        with self.state.lock:
            return Answer(body=list(self.state.log[-1000:]))

    def route_events(self, request, rest):
        if request.method != "POST":
            raise self.no_route(request)
        demand(request, "events", "post")
        given = request.json("events") or {}
        self.state.emit(str(given.get("Type", "")), str(given.get("Action", "")), str(given.get("Key", "")),
                        request.login.principal, given.get("Object"), given.get("Original"))
        return Answer(204)

    def route_prefs(self, request, rest):
        if request.method == "POST":
            demand(request, "preferences", "post")
            return self._set_preferences(request, request.json("prefs") or {})
        demand(request, "preferences", "list")
        return Answer(body=self.state.preferences())

    def _set_preferences(self, request, given):
        targets = {"defaultBootEnv": ("bootenvs", "Bootenv"), "unknownBootEnv": ("bootenvs", "Bootenv"),
                   "defaultStage": ("stages", "Stage"), "defaultWorkflow": ("workflows", "Workflow")}
        messages = []
        with self.state.lock:
            known = self.state.preferences()
            for name, value in given.items():
                prefix, word = targets.get(name, ("", ""))
                if name not in known:
                    messages.append(f"Unknown Preference {name}")
                elif prefix and value and self.state.find(prefix, value) is None:
                    messages.append(f"{name}: {word} {value} does not exist")
                elif name == "baseTokenSecret" and len(value) != 32:
                    messages.append("baseTokenSecret: Must be 32 bytes long")
            if messages:
                raise Problem(422, "POST", "prefs", "", *messages)
            for name, value in given.items():
                if known[name] != str(value):
                    self.state.write("preferences", {"Name": name, "Val": str(value)}, request.login.principal,
                                     ("save",))
            return Answer(201, self.state.preferences())

    # -- contents

    def route_contents(self, request, rest):
        name = "/".join(rest)
        if request.reads:
            if not name:
                demand(request, "contents", "list")
                return Answer(body=self.state.summaries())
            content = self.state.content(name)
            if content is None:
                raise Problem(404, request.method, "contents", name, "No such content store")
            return Answer(body=content)
        if request.method == "DELETE":
            return self._delete_content(request, name)
        return self._put_content(request, name)

    def _delete_content(self, request, name):
        demand(request, "contents", "delete", name)
        with self.state.lock:
            layer = self.state.layer(name)
            if layer is None:
                raise Problem(404, "DELETE", "contents", name, "No such content store")
            if layer.meta["Type"] in ("basic", "plugin"):
                raise Problem(422, "DELETE", "contents", name, f"readonly: {name}")
            self.state.drop_layer(name, request.login.principal)
        return Answer(204)

    def _put_content(self, request, name):
        given = request.json("contents") or {}
        meta, sections = given.get("meta") or {}, given.get("sections") or {}
        own_name = str(meta.get("Name") or "")
        errors = self.state.version.errors
        with self.state.lock:
            if not own_name:
                raise Problem(422, request.method, "contents", "", *errors["no name"])
            exists = self.state.layer(own_name) is not None
            if request.method == "POST":
                demand(request, "contents", "create")
                if exists:
                    raise Problem(409, "POST", "contents", own_name, f"Content {own_name} already exists")
            else:
                demand(request, "contents", "update", name)
                if not exists or name != own_name:
                    raise Problem(404, "PUT", "contents", name, "No such content store")
            lacking = [word for word in re.split(r"[ ,]+", str(meta.get("RequiredFeatures") or "")) if word and
                       word not in self.state.version.features]
            if lacking:
                raise Problem(422, request.method, "contents", own_name,
                              f"Content layer {own_name} requires feature {lacking[0]}, "
                              "but dr-provision does not provide it")
            for word in [part.split(":")[0].strip() for part in str(meta.get("Prerequisites") or "").split(",")]:
                if word and self.state.layer(word) is None:
                    raise Problem(422, request.method, "contents", own_name,
                                  f"Layer {own_name} has {word} as a prerequisite, but {word} does not exist!")
            layer = self.state.put_layer(meta, sections, request.truth("replaceWritable"), request.login.principal)
            return Answer(201 if request.method == "POST" else 200, self.state.summary(layer))

    # -- plugin providers

    def route_plugin_providers(self, request, rest):
        if request.method == "POST" and rest:
            return self._upload_provider(request, rest[0])
        if request.reads and rest[1:] == ["binary"]:
            return Answer(body=self.state.binaries.get(("provider", rest[0]), b""), kind="application/octet-stream")
        if request.method == "DELETE" and rest:
            return self._delete_provider(request, rest[0])
        return self.collection_route(request, "plugin_providers", rest)

    def _definition(self, name, data):
        """What an uploaded provider is: what it prints when it is a script, what it says when it is JSON, or else
        nothing but its name and the first version number in it."""
        text = data.decode("latin-1")
        if data.startswith(b"#!"):
            with tempfile.NamedTemporaryFile(dir=self.server.directory, delete=False) as file:
                file.write(data)
            command = [*text[2:].split("\n", 1)[0].split(), file.name, "define"]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20, check=False,
                                  env={"RS_TOKEN": "catalog", "PATH": "/usr/bin:/bin"})
            text = done.stdout.decode("utf-8", "replace")
        try:
            given = json.loads(text)
        except ValueError:
            found = re.search(r"v\d+\.\d+\.\d+[-+.\w]*", text)
            given = {"Version": found[0] if found else "v1.0.0"}
        return {"PluginVersion": 4, **given, "Name": given.get("Name") or name}

    def _upload_provider(self, request, name):
        demand(request, "plugin_providers", "create")
        definition = self._definition(name, request.body)
        if definition["Name"] != name:
            raise Problem(422, "POST", "plugin_providers", name, f"The provider calls itself {definition['Name']}")
        content = definition.get("Content") or ""
        try:
            sections = json.loads(content).get("sections", {}) if content else {}
        except ValueError:
            sections = {}
        with self.state.lock:
            self.state.put_layer({"Name": name, "Version": definition.get("Version"), "Type": "plugin",
                                  "Description": f"Content layer for {name} plugin provider",
                                  "Source": "FromPluginProvider"}, sections, True, silent=True)
            for prefix, properties in (definition.get("StoreObjects") or {}).items():
                self.state.add_collection(prefix, tuple(properties or ()))
            self.state.binaries["provider", name] = request.body
            new = self.state.get("plugin_providers", name) is None
            self.state.write("plugin_providers", definition, request.login.principal,
                             None if new else ("update",))
            if definition.get("AutoStart") and self.state.get("plugins", name) is None:
                self.state.write("plugins", {"Name": name, "Provider": name})
        return Answer(201, {"path": name, "size": len(request.body)})

    def _delete_provider(self, request, name):
        demand(request, "plugin_providers", "delete", name)
        with self.state.lock:
            record = self.state.remove("plugin_providers", name, request.login.principal)
            if record is None:
                raise self.not_found(request, "plugin_providers", name)
            if self.state.layer(name):
                self.state.drop_layer(name, silent=True)
            self.state.binaries.pop(("provider", name), None)
        return Answer(text=record.text)

    # -- files

    def route_files(self, request, rest):
        return self._blob_route(request, "files", "/".join(rest))

    def route_isos(self, request, rest):
        return self._blob_route(request, "isos", "/".join(rest))

    def _blob_route(self, request, kind, path):
        blobs = self.state.files[kind]
        shown = self.state.version.errors["blob key"].format(path=path)
        if request.method == "POST":
            demand(request, kind, "post", path)
            blobs[path] = request.body
            self.state.emit(kind, "save", path, request.login.principal, {"Path": path, "Size": len(request.body)})
            return Answer(201, {"Path": ("/" if kind == "files" else "") + path, "Size": len(request.body)})
        if request.method == "DELETE":
            demand(request, kind, "delete", path)
            if blobs.pop(path, None) is None:
                raise Problem(404, "DELETE", kind, shown, "Unable to delete")
            self.state.emit(kind, self.state.version.delete_action, path, request.login.principal, {"Path": path})
            return Answer(204)
        if not path:
            return self._blob_list(request, kind, blobs)
        if path not in blobs:
            raise Problem(404, "GET", kind, shown, "Not a regular file")
        return self._blob_answer(request, blobs[path])

    def _blob_list(self, request, kind, blobs):
        base = request.option("path").strip("/")
        base = base + "/" if base not in ("", ".") else ""
        names = [path[len(base):] for path in list(blobs) if path.startswith(base)]
        if not names and base:
            raise Problem(404, "GET", kind, "/" + base.rstrip("/"), "Not Found")
        if not request.truth("all"):
            names = [name.split("/", 1)[0] + "/" if "/" in name else name for name in names]
        return Answer(body=sorted(set(names)))

    @staticmethod
    def _blob_answer(request, data):
        digest = hashlib.sha256(data).hexdigest()
        headers = {"ETag": f'"SHA256:{digest}"', "X-DRP-SHA256SUM": digest, "Accept-Ranges": "bytes"}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Answer(304, headers=headers)
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        if span and request.method == "GET":
            first, last = int(span[1]), int(span[2] or len(data) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            return Answer(206, data[first:last + 1], headers, "application/octet-stream")
        return Answer(body=data, headers=headers, kind="application/octet-stream")

    # -- system

    def _consensus(self):
        return {"LoadBalanced": False, "Enabled": False, "ConsensusEnabled": False, "ConsensusJoin": "", "VirtAddr": "",
                "ServerHostname": "", "ActiveUri": "", "Token": "", "HaID": self.server.id, "Valid": True, "Roots": []}

    def _node(self):
        return {"ConsensusID": self.server.consensus_id, "VirtInterface": "", "VirtInterfaceScript": "",
                "ConsensusAddr": "", "ApiUrl": self.server.url, "Passive": False, "Observer": False}

    def route_system(self, request, rest):
        if rest[:1] == ["actions"]:
            offered = {command: entry for (prefix, command), entry in self.server.actions.items() if prefix == "system"}
            return self._action_route(request, offered, "system", "global", rest[1:], None)
        if rest == ["upgrade"] and request.method == "POST":
            demand(request, "system", "upgrade")
            return self.server.begin_upgrade(request)
        if rest[:1] == ["upgrade"] and len(rest) == 2 and self.state.version.staged_upgrade:
            demand(request, "system", "upgrade")
            return self.server.staged_upgrade(request, rest[1])
        answers = {"id": self.server.consensus_id, "leader": self.server.consensus_id,
                   "active": self.server.consensus_id, "peers": [{**self._node(), "Offline": False,
                                                                  "LastArtifactCommitHandled": 0}],
                   "state": {**self._consensus(), **self._node()}, "fullstate": {}, "introduction": self._consensus()}
        if rest[:1] == ["consensus"] and request.reads and len(rest) == 2 and rest[1] in answers:
            return Answer(body=answers[rest[1]])
        if rest in (["active"], ["passive"]) and request.method == "POST":
            demand(request, "system", rest[0])
            return Answer(body={})
        raise self.no_route(request)

    def route_interfaces(self, request, rest):
        if rest and self.state.find("interfaces", "/".join(rest)) is None:
            raise Problem(404, "GET", "interfaces", "/".join(rest), "No interface")
        return self.collection_route(request, "interfaces", rest)


def _differing(old, new):
    """JSON pointers of the fields that differ; members of maps one by one."""
    out = []
    for name in set(old) | set(new):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            keys = [key for key in set(before) | set(after) if before.get(key, ABSENT) != after.get(key, ABSENT)]
            out += [f"/{name}/" + key.replace("~", "~0").replace("/", "~1") for key in keys]
        else:
            out.append("/" + name)
    return out
