"""What a foreign server stores: objects in collections, content layers below them, users, and the events of changes.

Every object's body is never changed once it is stored: a change stores another one. All of it is guarded by one lock;
events reach the listeners in the order of the changes, with the lock held.
"""
import copy
import datetime
import json
import secrets
import threading
import time
import uuid

import model
from problem import Problem

WRITABLE = "BackingStore"
BASIC = "BasicStore"
NO_TIME = model.ZERO_TIME

BASIC_SECTIONS = {
    "bootenvs": {"ignore": {"Name": "ignore", "Description": "For machines that nobody knows", "OnlyUnknown": True,
                            "OS": {"Name": "ignore"}},
                 "local": {"Name": "local", "Description": "Boot from the local disk", "OS": {"Name": "local"}}},
    "stages": {"none": {"Name": "none", "Description": "Nothing to do"},
               "local": {"Name": "local", "Description": "Boot from the local disk", "BootEnv": "local"}},
    "params": {"pxelinux-local-boot": {"Name": "pxelinux-local-boot",
                                       "Schema": {"type": "string", "default": "localboot 0"}}},
    "roles": {"superuser": {"Name": "superuser", "Claims": [{"scope": "*", "action": "*", "specific": "*"}]}},
}

PREFERENCES = {
    "defaultBootEnv": "local", "unknownBootEnv": "ignore", "defaultStage": "none", "defaultWorkflow": "",
    "knownTokenTimeout": "3600", "unknownTokenTimeout": "600", "logLevel": "warn", "debugBootEnv": "warn",
    "debugDhcp": "warn", "debugFrontend": "warn", "debugPlugins": "warn", "debugRenderer": "warn", "manager": "false",
}

META_FIELDS = ("Name", "Version", "Description", "Source", "Documentation", "RequiredFeatures", "Prerequisites",
               "Color", "Icon", "Author", "DisplayName", "License", "Copyright", "CodeSource", "Order", "Tags",
               "DocUrl", "Type")


def stamp(seconds):
    """A time in seconds since 1970 as RFC 3339 with nanoseconds."""
    whole = int(seconds // 1)
    text = (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=whole)).isoformat()
    return f"{text}.{int((seconds - whole) * 1e9):09d}Z"


def hex_address(text):
    """A dotted address as 8 hexadecimal digits; other text as it is."""
    parts = text.split(".")
    if len(parts) == 4 and all(part.isdigit() and int(part) < 256 for part in parts):
        return "".join(f"{int(part):02X}" for part in parts)
    return text.upper() if len(text) == 8 else text


BY_ADDRESS = ("leases", "reservations")


class Record:
    """One stored object."""
    __slots__ = ("prefix", "key", "owner", "body", "layer", "revision", "_text")

    def __init__(self, prefix, key, owner, body, layer, revision):
        self.prefix, self.key, self.owner = prefix, key, owner
        self.body, self.layer, self.revision = body, layer, revision
        self._text = None

    @property
    def text(self):
        if self._text is None:
            self._text = json.dumps(self.body, separators=(",", ":"))
        return self._text


class Event:
    """A change as listeners see it: `record` and `earlier` are records, or None, or plain JSON values for events that
    somebody posted."""

    def __init__(self, kind, action, key, principal, record, earlier, at):
        self.kind, self.action, self.key, self.principal = kind, action, key, principal
        self.record, self.earlier, self.at = record, earlier, at

    def message(self, version, bare=False, stale=False):
        """The frame's text as this version sends it; `bare`: without objects, `stale`: with the earlier object."""
        def text(value):
            return value.text if isinstance(value, Record) else json.dumps(value)
        shown = self.earlier if stale and self.earlier is not None else self.record
        head = {"Time": self.at, "Type": self.kind, "Action": self.action, "Key": self.key}
        if version.event_principal:
            head["Principal"] = self.principal
        tail = ',"Object":' + ("null" if bare else text(shown))
        if version.event_original:
            tail += ',"Original":' + ("null" if bare else text(self.earlier))
        return json.dumps(head, separators=(",", ":"))[:-1] + tail + "}"


class Layer:
    """Objects that lie below the writable ones."""

    def __init__(self, meta, sections):
        self.meta = meta
        self.sections = sections  # as they were uploaded

    @property
    def name(self):
        return self.meta["Name"]

    @property
    def full_name(self):
        return f"{self.meta['Type']}-{self.name}"

    @property
    def overwritable(self):
        return self.meta["Overwritable"]


def layer_meta(given):
    meta = {name: str(given.get(name) or "").strip() for name in META_FIELDS}
    meta["Type"] = {WRITABLE: "writable", BASIC: "basic"}.get(meta["Name"], meta["Type"] or "dynamic")
    meta["Writable"] = meta["Name"] == WRITABLE
    meta["Overwritable"] = meta["Type"] in ("basic", "default", "local")
    return meta


class State:
    """The objects of one server."""

    def __init__(self, version, clock=time.time):
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.clock = clock
        self.unavailable = set()  # (prefix, key) of what a test calls broken
        self.listeners = []
        self.reset(version)

    def reset(self, version):
        """Everything as at the first start."""
        with self.lock:
            self.epoch = secrets.token_hex(4)
            self.revision = 0
            self.layers = []
            self.defined = {}  # properties of the collections that packages and plugin providers brought
            self.records = {}
            self._orders = {}  # sorted names of a collection's records, as long as they stay the same
            self.passwords = {}
            self.tokens = {}
            self.files = {"files": {}, "isos": {}}
            self.binaries = {}
            self.log = []
            self.set_version(version)
            self._push(Layer(layer_meta({"Name": BASIC, "Description": "Default objects that must be present"}),
                             BASIC_SECTIONS))
            self._first_preferences()
            self.write("profiles", {"Name": "global", "Bundle": WRITABLE}, silent=True)
            self.add_user("rocketskates", "r0cketsk8ts", ["superuser"], silent=True)

    def set_version(self, version):
        """Another version's conduct over the same objects; objects of collections it does not know stay unseen."""
        with self.lock:
            self.version = version
            self.collections = version.collections()
            for prefix, properties in self.defined.items():
                self.collections.setdefault(prefix, model.plugin_collection(prefix, version.stamps, properties))
            for prefix, collection in self.collections.items():
                rows = self.records.setdefault(prefix, {})
                for name, record in list(rows.items()):
                    self.revision += 1
                    rows[name] = Record(prefix, record.key, record.owner, collection.complete(record.body),
                                        record.layer, self.revision)
            if self.layers:
                self._first_preferences()

    def _first_preferences(self):
        """Those that the version has and nobody has set."""
        first = {**PREFERENCES, "baseTokenSecret": secrets.token_hex(16), "systemGrantorSecret": secrets.token_hex(16)}
        for name, value in first.items():
            if name not in self.version.no_preferences and self.get("preferences", name) is None:
                self.write("preferences", {"Name": name, "Val": value}, silent=True)

    # -- looking up

    def collection(self, prefix):
        return self.collections.get(prefix)

    def key_of(self, prefix, body):
        key = str(body.get(self.collections[prefix].key) or "")
        if prefix in BY_ADDRESS:
            return hex_address(key)
        return key.lower() if prefix in model.RANDOM_KEYS else key

    def rows(self, prefix):
        """All records of a collection in order of their keys; equal keys in order of their owners."""
        with self.lock:
            order = self._orders.get(prefix)
            if order is None:
                order = self._orders[prefix] = sorted(self.records[prefix], key=lambda name: name[::-1])
            rows = self.records[prefix]
            return [rows[name] for name in order]

    def get(self, prefix, key, owner=""):
        return self.records.get(prefix, {}).get((owner, key))

    def find(self, prefix, ident):
        """The record of a key, or of INDEX:VALUE with a unique index: own ones first; None."""
        with self.lock:
            rows = self.records.get(prefix, {})
            key = hex_address(ident) if prefix in BY_ADDRESS else ident
            key = key.lower() if prefix in model.RANDOM_KEYS else key
            if ("", key) in rows:
                return rows["", key]
            foreign = sorted(owner for owner, other in rows if other == key)
            if foreign:
                return rows[foreign[0], key]
            name, colon, value = ident.partition(":")
            index = self.collections[prefix].indexes.get(name) if colon else None
            if index is None or not index.unique:
                return None
            if name == "Key":
                return self.find(prefix, value) if ":" not in value else None
            found = [record for record in self.rows(prefix) if str(record.body.get(index.path[0])) == value]
            return sorted(found, key=lambda record: record.owner)[0] if found else None

    def preferences(self):
        return {record.key: record.body["Val"] for record in self.rows("preferences")}

    def etag(self, record):
        return f'"{self.epoch}-{record.revision}"'

    # -- changing

    def now(self):
        return stamp(self.clock())

    def _finished(self, prefix, body, owner, layer, earlier, principal):
        collection = self.collections[prefix]
        body = collection.complete(body)
        available = (prefix, self.key_of(prefix, body)) not in self.unavailable
        fixed = {"Validated": True, "Available": available, "Errors": [], "ReadOnly": bool(layer), "Endpoint": owner,
                 "Bundle": layer or (body.get("Bundle") if body.get("Bundle") == WRITABLE else "")}
        body.update({name: value for name, value in fixed.items() if name in collection.empty})
        if "Partial" in body:
            body["Partial"] = False
        if "CreatedAt" in collection.empty and not layer:
            who = principal[5:] if principal.startswith("user:") else ""
            old = earlier.body if earlier else {}
            now = self.now()
            body["CreatedAt"] = old.get("CreatedAt", now)
            body["CreatedBy"] = old.get("CreatedBy", who)
            body["LastModifiedAt"] = now
            body["LastModifiedBy"] = who or old.get("LastModifiedBy", "")
        return body

    def _store(self, prefix, key, owner, body, layer):
        self.revision += 1
        record = Record(prefix, key, owner, body, layer, self.revision)
        if (owner, key) not in self.records[prefix]:
            self._orders.pop(prefix, None)
        self.records[prefix][owner, key] = record
        self.changed.notify_all()
        return record

    def _forget(self, prefix, key, owner=""):
        del self.records[prefix][owner, key]
        self._orders.pop(prefix, None)
        self.revision += 1
        self.changed.notify_all()

    def write(self, prefix, given, principal="system", actions=None, silent=False):
        """Creates an own object or takes this one in its place; answers its record. `actions`: events of a change."""
        with self.lock:
            if prefix in model.RANDOM_KEYS and not given.get("Uuid"):
                given = {**given, "Uuid": str(uuid.uuid4())}
            if prefix in ("machines", "users", *model.LIKE_MACHINES) and not given.get("Secret"):
                given = {**given, "Secret": secrets.token_hex(8)}
            key = self.key_of(prefix, given)
            if not key:
                raise Problem(422, "CREATE", prefix, "", "Empty key not allowed")
            earlier = self.get(prefix, key)
            new = earlier is None or bool(earlier.layer)
            body = self.collections[prefix].new(given) if earlier is None else given
            body = self._finished(prefix, body, "", "", None if new else earlier, principal)
            record = self._store(prefix, key, "", body, "")
            if not silent:
                happened = ("create",) if earlier is None else actions or self.version.server_actions
                for action in happened:
                    self.emit(prefix, action, key, principal, record, earlier)
            return record

    def remove(self, prefix, key, principal="system", silent=False):
        """Deletes an own writable object; what lay below it is seen again. Answers what was deleted, or None."""
        with self.lock:
            record = self.get(prefix, key)
            if record is None or record.layer:
                return None
            self._forget(prefix, key)
            if not silent:
                self.emit(prefix, self.version.delete_action, key, principal, record, record)
            self._uncover(prefix, key, silent)
            return record

    def emit(self, kind, action, key, principal, record, earlier=None):
        with self.lock:
            original = earlier if action in ("update", "save") else None
            event = Event(kind, action, key, principal, record, original, self.now())
            for listener in list(self.listeners):
                listener(event)

    def write_foreign(self, prefix, key, owner, given, action, principal="system"):
        """Shows an object of another server, or no longer shows it (`given` None)."""
        with self.lock:
            if prefix not in self.collections:
                return
            earlier = self.get(prefix, key, owner)
            if given is None:
                if earlier is None:
                    return
                self._forget(prefix, key, owner)
                self.emit(prefix, self.version.delete_action, key, principal, earlier, earlier)
                return
            body = {**self.collections[prefix].complete(given), "Endpoint": owner}
            record = self._store(prefix, key, owner, body, "")
            if earlier is None or action == "create":
                action = "create"
            self.emit(prefix, action, key, principal, record, earlier)

    def drop_owner(self, owner):
        """No longer shows anything of this owner."""
        with self.lock:
            for prefix, rows in self.records.items():
                for name, key in [row for row in rows if row[0] == owner]:
                    self.write_foreign(prefix, key, name, None, self.version.delete_action)

    def add_user(self, name, password, roles=("superuser",), silent=False):
        with self.lock:
            self.write("users", {"Name": name, "Roles": list(roles)}, silent=silent)
            self.passwords[name] = password

    def set_password(self, name, password, principal="system"):
        """Another password; tokens of the user end."""
        with self.lock:
            record = self.get("users", name)
            self.passwords[name] = password
            return self.write("users", {**record.body, "Secret": secrets.token_hex(8)}, principal)

    # -- layers

    def layer(self, name):
        return next((layer for layer in self.layers if layer.name == name), None)

    def _rank(self, layer):
        return {"plugin": 1, "default": 2, "basic": 3}.get(layer.meta["Type"], 0)

    def _below(self, prefix, key):
        """The topmost layer that holds this key, and its object."""
        for layer in sorted(self.layers, key=self._rank):
            if key in layer.sections.get(prefix, {}):
                return layer, layer.sections[prefix][key]
        return None, None

    def _uncover(self, prefix, key, silent):
        """Shows the layered object of this key, or none, where no writable one stands before it."""
        earlier = self.get(prefix, key)
        if prefix not in self.collections or (earlier is not None and not earlier.layer):
            return
        layer, given = self._below(prefix, key)
        if layer is None:
            if earlier is not None:
                self._forget(prefix, key)
                if not silent:
                    self.emit(prefix, self.version.delete_action, key, "system", earlier, earlier)
            return
        body = self._finished(prefix, self.collections[prefix].new(given), "", layer.name, None, "system")
        if earlier is not None and earlier.body == body:
            return
        record = self._store(prefix, key, "", body, layer.name)
        if not silent:
            actions = ("create",) if earlier is None else self.version.server_actions
            for action in actions:
                self.emit(prefix, action, key, "system", record, earlier)

    def _push(self, layer):
        self.layers.append(layer)
        self._show(layer.sections, True)

    def _show(self, sections, silent):
        for prefix, objects in sections.items():
            for key in objects:
                self._uncover(prefix, key, silent)

    def clashes(self, layer, replace_writable):
        """What the layer would override or be overridden by, as text; of the writable layer only without
        `replace_writable`."""
        for prefix, objects in layer.sections.items():
            for key in objects:
                record = self.get(prefix, key)
                if record is not None and not record.layer and not replace_writable:
                    return f"{prefix}:{key} in layer {layer.full_name} would override layer writable-{WRITABLE}"
                for other in self.layers:
                    if other.name != layer.name and not other.overwritable and key in other.sections.get(prefix, {}):
                        return f"{prefix}:{key} in layer {layer.full_name} would override layer {other.full_name}"
        return None

    def put_layer(self, meta, sections, replace_writable=False, principal="system", silent=False):
        """Loads a content package, in place of the one with its name. Raises Problem 422 for a clash."""
        with self.lock:
            layer = Layer(layer_meta(meta), copy.deepcopy(sections))
            clash = self.clashes(layer, replace_writable)
            if clash:
                raise Problem(422, "POST", "contents", layer.name, clash)
            for prefix in sections:  # unknown sections become collections of their own
                if prefix not in self.collections:
                    self.add_collection(prefix)
            earlier = self.layer(layer.name)
            if replace_writable:
                for prefix, objects in sections.items():
                    for key in objects:
                        self.remove(prefix, key, principal, silent=silent)
            self.layers = [other for other in self.layers if other is not earlier] + [layer]
            quiet = silent or not self.version.layer_events
            if earlier is not None:
                self._show(earlier.sections, quiet)
            self._show(sections, quiet)
            if not silent:
                self.emit("contents", "update" if earlier else "create", layer.name, principal, self.summary(layer))
            return layer

    def drop_layer(self, name, principal="system", silent=False):
        with self.lock:
            layer = self.layer(name)
            self.layers.remove(layer)
            self._show(layer.sections, silent or not self.version.layer_events)
            if not silent:
                self.emit("contents", self.version.delete_action, name, principal, self.summary(layer))
            return layer

    def add_collection(self, prefix, properties=()):
        """A collection that a package or plugin provider defines."""
        with self.lock:
            if prefix not in self.collections:
                self.defined[prefix] = properties
                self.collections[prefix] = model.plugin_collection(prefix, self.version.stamps, properties)
                self.records.setdefault(prefix, {})

    def own_writable(self, prefix):
        return [record for record in self.rows(prefix) if not record.layer and not record.owner]

    def summary(self, layer):
        return {"meta": layer.meta, "Counts": {prefix: len(objects) for prefix, objects in layer.sections.items()},
                "Warnings": []}

    def summaries(self):
        """Every layer, topmost first."""
        with self.lock:
            meta = layer_meta({"Name": WRITABLE, "Description": "Writable backing store"})
            counts = {prefix: len(self.own_writable(prefix)) for prefix in sorted(self.collections)
                      if prefix not in model.UNLISTED}
            return [{"meta": meta, "Counts": counts, "Warnings": []},
                    *(self.summary(layer) for layer in sorted(self.layers, key=self._rank))]

    def content(self, name):
        """A layer as a content document, or None."""
        with self.lock:
            if name == WRITABLE:
                sections = {prefix: {record.key: record.body for record in self.own_writable(prefix)}
                            for prefix in self.collections}
                return {"meta": layer_meta({"Name": WRITABLE}),
                        "sections": {prefix: objects for prefix, objects in sections.items() if objects}}
            layer = self.layer(name)
            return None if layer is None else {"meta": layer.meta, "sections": layer.sections}
