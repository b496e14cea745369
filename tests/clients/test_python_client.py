"""The public Python client does its daily work with every type: at an endpoint, and through a manager."""
import re

import drppy_client
import pytest
import yaml

import harness
from python_client import Client, arguments_of, operations
from samples import NEEDED, key_of

SCHEMA = harness.ROOT / "schema"
TYPES = {entry["prefix"]: entry for entry in
         (yaml.safe_load(path.read_text()) for path in sorted((SCHEMA / "objects").glob("*.yaml")))}
# What the client has no operations for.
OURS = {"preferences", "rollouts", "bulks"}
KNOWN = sorted(set(TYPES) - OURS)
CREATED = [prefix for prefix in KNOWN if "client_create" in TYPES[prefix]["traits"]]
UPDATED = [prefix for prefix in CREATED if "client_update" in TYPES[prefix]["traits"]]
# Types whose HEAD the client has no operation for, or one that wants a name.
UNCOUNTED = {"interfaces", "plugin_providers"}
# The client never fills the name into the path of this one.
BROKEN = {"/users/{name}/token"}
# Operations whose answer is not the client's to decode, or that change the server.
APART = re.compile(r"/(ws|ux|local-ui|swagger|system/upgrade|debug|files/|isos/)")


def path_of(method, prefix):
    """The client's own spelling of the path of one object."""
    found = [path for verb, path in operations() if verb == method and re.fullmatch(rf"/{prefix}/\{{\w+\}}", path)]
    assert len(found) == 1, f"{method} /{prefix}/KEY: {found}"
    return found[0]


class Case:
    """An object of a type, and how the client names it."""

    def __init__(self, prefix, machine):
        self.prefix, self.field = prefix, TYPES[prefix]["key"]["field"]
        self.body = {self.field: key_of(prefix, self.field), **NEEDED.get(prefix, dict)()}
        if "Machine" in self.body:
            self.body["Machine"] = machine
        if prefix == "leases":
            self.body |= {"Token": "t-" + self.body["Addr"], "Strategy": "MAC", "ExpireTime": "2030-01-02T03:04:05Z"}

    def model(self, client):
        """As programs have it: the client's own class, filled in."""
        return client.model(self.body, operations()["POST", f"/{self.prefix}"][2])


@pytest.fixture(scope="module")
def clients(world):
    return {"leaf": Client(world.leaf), "manager": Client(world.manager),
            "through": Client(world.manager, f"/{world.leaf.id}")}


@pytest.fixture(scope="module")
def machine(world):
    return world.leaf.create("machines", {"Name": "of-jobs"})["Uuid"]


def key_in(answer, client, field):
    return client.plain(answer)[field]


def keys(client, prefix, field):
    return [client.plain(item)[field] for item in client.call("GET", f"/{prefix}")]


@pytest.mark.parametrize("prefix", CREATED)
@pytest.mark.parametrize("way", ["leaf", "manager", "through"])
def test_life_of_an_object(clients, machine, prefix, way):
    """List, create, read, patch, replace and delete; what is made below a manager is then worked on from its root."""
    client, case = clients[way], Case(prefix, machine)
    if prefix == "jobs" and way == "manager":
        case.body["Machine"] = key_in(client.call("POST", "/machines", client.model({"Name": "of-jobs-here"}, "Machine")),
                                      client, "Uuid")
    made = client.call("POST", f"/{prefix}", case.model(client))
    key = key_in(made, client, case.field)
    root = clients["manager"] if way == "through" else client
    harness.wait_until(f"{key} is listed", lambda: key in keys(root, prefix, case.field))
    one = path_of("GET", prefix)
    shown = root.call("GET", one, key)
    assert key_in(shown, root, case.field) == key
    patch = [{"op": "add", "path": "/Meta", "value": {"color": "green"}}] if "Meta" in TYPES[prefix]["mixins"] else []
    patched = root.call("PATCH", path_of("PATCH", prefix), patch, key)
    assert not patch or patched.meta["color"] == "green"
    assert way != "through" or root.plain(patched)["Endpoint"], "a change says whose the object is"
    # An object that was read is written back as the client has it.
    put = root.call("PUT", path_of("PUT", prefix), patched, key)
    assert key_in(put, root, case.field) == key
    if prefix == "jobs":
        root.call("PATCH", path_of("PATCH", prefix), [{"op": "replace", "path": "/State", "value": "finished"}], key)
    gone = root.call("DELETE", path_of("DELETE", prefix), key)
    assert key_in(gone, root, case.field) == key
    with pytest.raises(drppy_client.rest.ApiException) as refused:
        clients["leaf" if way == "through" else way].call("GET", one, key)
    assert refused.value.status == 404
    if way == "manager" and "Machine" in case.body:
        root.call("DELETE", path_of("DELETE", "machines"), case.body["Machine"])


@pytest.mark.parametrize("prefix", KNOWN)
@pytest.mark.parametrize("way", ["leaf", "manager", "through"])
def test_lists_and_counts(clients, prefix, way):
    listed = clients[way].call("GET", f"/{prefix}")
    assert isinstance(listed, list)
    if prefix in UNCOUNTED:
        return
    api, name, _ = operations()["HEAD", f"/{prefix}"]
    _, status, headers = getattr(api(clients[way].api), name + "_with_http_info")(_return_http_data_only=False)
    assert status == 200
    for count in ("X-DRP-LIST-COUNT", "X-DRP-LIST-TOTAL-COUNT", "X-DRP-LIST-FILTER-COUNT"):
        assert int(headers[count]) == len(listed), count


@pytest.mark.parametrize("way", ["leaf", "through"])
def test_an_address_is_handed_out_and_given_back(world, clients, way):
    client = clients[way]
    client.call("POST", "/subnets", client.model({"Name": "handed", "Subnet": "10.66.0.0/24", "OnlyReservations": True}, "Subnet"))
    given = client.call("POST", "/subnets/{name}/allocate", "handed", client.model({"Token": "52:54:00:66:00:01"}, "Reservation"))
    assert (given.addr, given.token, given.allocated, given.subnet) == ("10.66.0.1", "52:54:00:66:00:01", True, "handed")
    there = client.call("GET", "/reservations", allocated="true", subnet="handed")
    assert given.created_by and [row.addr for row in there] == [given.addr]
    # Not by the client: it sends the address in the body, and the words {ip} in the path.
    gone = world.leaf.call("DELETE", f"subnets/handed/release/{given.addr}").json()
    assert gone["Addr"] == given.addr and client.call("GET", "/reservations", subnet="handed") == []
    client.call("DELETE", "/subnets/{name}", "handed")


def test_catalog_items_are_found_by_version(clients):
    client = clients["leaf"]
    for version in ("v1.9.0", "v1.10.0"):
        client.call("POST", "/catalog_items", client.model({"Id": f"seek-{version}", "Name": "seek", "Version": version}, "CatalogItem"))
    found = client.call("GET", "/catalog_items", name="seek", version="Gt(v1.9.0)")
    assert [item.id for item in found] == ["seek-v1.10.0"]
    for version in ("v1.9.0", "v1.10.0"):
        client.call("DELETE", "/catalog_items/{id}", f"seek-{version}")


def readable():
    """Every path that the client reads without naming anything, of what this server serves."""
    served = {route["path"] for route in yaml.safe_load((SCHEMA / "routes.yaml").read_text())["routes"]
              if "GET" in route["methods"]}
    return sorted(path for method, path in operations()
                  if method == "GET" and not arguments_of(path) and path in served and not APART.search(path))


@pytest.mark.parametrize("path", readable())
def test_what_is_read_without_a_name(clients, path):
    clients["leaf"].call("GET", path)


# Views keep Params as they were written: what is in them means something to user interfaces alone.
NO_PARAMS_ROUTES = {"ux_views"}


def parts():
    """(prefix, path) of every GET of the client about one object of a type: params, actions, keys."""
    return sorted((prefix, path) for method, path in operations() for prefix in KNOWN
                  if method == "GET" and re.fullmatch(rf"/{prefix}/\{{\w+\}}/(params|actions|pubkey|status|token)", path)
                  and prefix in CREATED and path not in BROKEN
                  and not (prefix in NO_PARAMS_ROUTES and path.endswith(("/params", "/pubkey"))))


@pytest.mark.parametrize("prefix,path", parts())
def test_parts_of_objects(clients, machine, prefix, path):
    client, case = clients["leaf"], Case(prefix, machine)
    key = key_in(client.call("POST", f"/{prefix}", case.model(client)), client, case.field)
    try:
        if (prefix, path.rsplit("/", 1)[1]) == ("jobs", "actions"):
            with pytest.raises(drppy_client.rest.ApiException) as refused:
                client.call("GET", path, key)
            assert refused.value.status == 422 and "does not run tasks" in refused.value.body
        else:
            client.call("GET", path, key)
    finally:
        if prefix == "jobs":
            client.call("PATCH", path_of("PATCH", prefix), [{"op": "replace", "path": "/State", "value": "finished"}], key)
        client.call("DELETE", path_of("DELETE", prefix), key)


def test_the_client_was_not_skipped():
    assert len(CREATED) > 20 and len(readable()) > 10 and len(parts()) > 30
