"""Values for every field of every collection: some that must be taken, and some that must be refused."""
import itertools

_numbers = itertools.count(1)
UUID = "4c0ffee0-0000-4000-8000-0000000000aa"

# What an object needs besides its key.
NEEDED = {
    "machines": lambda: {"Name": unique("m")},
    "jobs": lambda: {"Machine": "${machine}", "State": "created"},  # without a State it asks for the next task
    "plugins": lambda: {"Provider": "manager"},
    "subnets": lambda: {"Subnet": f"10.{next(_numbers) % 200}.{next(_numbers) % 250}.0/24", "OnlyReservations": True},
    "leases": lambda: {"Token": unique("t"), "Strategy": "MAC", "ExpireTime": "2030-01-02T03:04:05Z"},
    "bulks": lambda: {"What": {"Kind": "set", "Fields": {"Description": "x"}}, "Selection": {"Type": "machines", "Filter": "Name=nobody"}},
    "reservations": lambda: {"Token": unique("t"), "Strategy": "MAC"},
}
# Fields whose texts have a form, refer to something, or belong together: values that must be taken as they are.
TAKEN = {
    ("version_sets", "Components"): [[{"Type": kind, "Name": "pack", "Version": "stable", "ActualVersion": ""}]
                                     for kind in ("CP", "PP", "ContentPackage", "PluginProvider")],
    ("version_sets", "Plugins"): [[{"Name": "p1", "Provider": "pp", "Params": {"a": 1}}]],
    ("version_sets", "Files"): [[{"Path": "files/a", "Sha256Sum": "ab" * 32, "Source": "self://files/b", "Explode": True}]],
    ("machines", "Name"): ["9lives", "a.b-c_d e"], ("machines", "Uuid"): [UUID],
    ("machines", "Address"): ["10.0.0.1", ""], ("machines", "Stage"): ["local"], ("machines", "BootEnv"): ["local"],
    ("machines", "Profiles"): [["${profile}"], ["${profile}", "global"]], ("machines", "Tasks"): [["${task}", "stage:none", "chroot:/x"]],
    ("machines", "CurrentTask"): [-1, 0], ("machines", "HardwareAddrs"): [["00:11:22:33:44:55"], ["00:11:22:33:44:55:66:77"]],
    ("machines", "Workflow"): ["${workflow}"], ("machines", "Arch"): ["arm64", "ppc64le", "s390x"],
    ("machines", "Params"): [{"a": 1, "b/c": [True, None]}], ("machines", "Locked"): [True, False],
    ("machines", "PoolStatus"): ["Joining", "HoldJoin", "Building", "HoldBuild", "InUse", "Destroying", "HoldDestroy", "Leaving", "HoldLeave"],
    ("machines", "Fingerprint"): [{"SSNHash": "QQ==", "CSNHash": "", "CloudInstanceID": "c", "SystemUUID": "s", "MemoryIds": ["bQ=="]}],
    ("machines", "TaskErrorStacks"): [[{"CurrentTask": 1, "TaskList": ["a"]}]], ("machines", "Context"): ["docker"],
    ("jobs", "Uuid"): [UUID], ("jobs", "Previous"): [UUID], ("jobs", "Machine"): ["${machine}"],
    ("jobs", "State"): ["created", "running", "failed", "finished", "incomplete"],
    ("jobs", "ExitState"): ["", "reboot", "poweroff", "stop", "complete", "failed"],
    ("jobs", "StartTime"): ["2024-02-03T04:05:06Z"], ("jobs", "EndTime"): ["2024-02-03T04:05:06.5Z"],
    ("jobs", "ExtraClaims"): [[{"scope": "machines", "action": "get", "specific": "*"}]],
    ("stages", "BootEnv"): ["local", "nowhere"], ("stages", "Tasks"): [["${task}", "action:x:y", "bootenv:local"]],
    ("stages", "Profiles"): [["${profile}"]], ("stages", "RequiredParams"): [["a/b"]], ("stages", "OptionalParams"): [["a/b"]],
    ("workflows", "Stages"): [["local"], ["nowhere"]], ("profiles", "Profiles"): [["global"], ["nowhere"]],
    ("profiles", "Params"): [{"a/b": {"deep": [1, 2.5, "x", None]}}],
    ("tasks", "Prerequisites"): [["${task}"]], ("tasks", "RequiredParams"): [["a/b"]], ("tasks", "OptionalParams"): [["a/b"]],
    ("tasks", "ExtraRoles"): [["superuser"]], ("tasks", "ExtraClaims"): [[{"scope": "*", "action": "*", "specific": "*"}]],
    ("bootenvs", "RequiredParams"): [["a/b"]], ("bootenvs", "OptionalParams"): [["a/b"]],
    ("bootenvs", "Loaders"): [{"amd64-uefi": "a.efi", "386-pcbios": "b.0", "arm64-uefi": "c.efi"}],
    ("bootenvs", "OS"): [{"Name": "o", "Family": "f", "Codename": "c", "Version": "1", "IsoFile": "i", "IsoSha256": "s", "IsoUrl": "u",
                          "SupportedArchitectures": {"amd64": {"IsoFile": "i", "Sha256": "s", "IsoUrl": "u", "Kernel": "k",
                                                               "Initrds": ["r"], "BootParams": "b", "Loader": "l"}}}],
    ("params", "Schema"): [{"type": "string", "default": "x"}, {"type": "array", "items": {"type": "integer"}}, None],
    ("params", "Secure"): [False, True],
    ("subnets", "Subnet"): ["172.16.0.0/12"], ("subnets", "NextServer"): ["", "0.0.0.0", "10.0.0.1"],
    ("subnets", "ActiveStart"): ["10.9.8.7"], ("subnets", "ActiveEnd"): ["10.9.8.7"],
    ("subnets", "ActiveLeaseTime"): [60, 100000], ("subnets", "ReservedLeaseTime"): [7200, 100000],
    ("subnets", "Pickers"): [["none"], ["hint", "nextFree", "mostExpired"]], ("subnets", "Strategy"): ["MAC"],
    ("subnets", "OnlyReservations"): [True],
    ("leases", "NextServer"): ["10.0.0.1", ""], ("leases", "Via"): ["10.0.0.2"], ("leases", "ExpireTime"): ["2030-01-02T03:04:05.5Z"],
    ("reservations", "Addr"): ["10.250.1.1"], ("reservations", "NextServer"): ["10.0.0.1", ""],
    ("reservations", "Strategy"): ["MAC"], ("reservations", "Scoped"): [False], ("reservations", "Token"): ["any text"],
    ("pools", "ParentPool"): ["other"], ("plugins", "Provider"): ["manager"], ("plugins", "Params"): [{"a/b": 1}],
    ("users", "Roles"): [["superuser"], []], ("tenants", "Members"): [{"machines": [UUID], "profiles": []}],
    ("tenants", "Users"): [[]], ("roles", "Claims"): [[{"scope": "machines,jobs", "action": "get,list", "specific": "*"}]],
    ("endpoints", "Params"): [{"a/b": 1}],
}
# Texts and entries that must be refused with 422, besides wrong kinds.
REFUSED = {
    ("machines", "Name"): ["", "-x", "a/b", "a!"], ("machines", "Stage"): ["!", "nowhere"], ("machines", "BootEnv"): ["!", "nowhere", "ignore"],
    ("machines", "Workflow"): ["!", "nowhere"], ("machines", "Arch"): ["z80", "x86_64", "AMD64"],
    ("machines", "Profiles"): [["!"], ["nowhere"], ["global", "global"], [""]],
    ("machines", "Tasks"): [["x:y"], ["nowhere"], ["stage:nowhere"], ["action:"], [""]],
    ("machines", "HardwareAddrs"): [["x"], ["00:11:22:33:44"], ["00:11:22:33:44:5g"]],
    ("machines", "PoolStatus"): ["Nowhere", "free"], ("machines", "CurrentTask"): [1, -2],
    ("jobs", "State"): ["fred", "Created"], ("jobs", "ExitState"): ["fred"], ("jobs", "Machine"): [UUID],
    ("stages", "BootEnv"): ["!"], ("stages", "Tasks"): [["x:y"], [""]], ("stages", "Profiles"): [["!"]],
    ("stages", "RequiredParams"): [["!"]], ("stages", "OptionalParams"): [["!"]],
    ("stages", "Templates"): [[{"Name": "t", "Path": "p"}], [{"Path": "p", "ID": "i"}], [{"Name": "t", "ID": "i"}],
                              [{"Name": "t", "Path": "p", "ID": "i", "Contents": "c"}],
                              [{"Name": "t", "Path": "p", "ID": "i"}, {"Name": "t", "Path": "q", "ID": "i"}]],
    ("workflows", "Stages"): [["!"], [""]], ("profiles", "Profiles"): [["!"]], ("profiles", "Params"): [{"!": 1}],
    ("tasks", "Prerequisites"): [["!"]], ("tasks", "RequiredParams"): [["!"]], ("tasks", "OptionalParams"): [["!"]],
    ("tasks", "Templates"): [[{"Name": "t"}], [{"Name": "t", "Contents": "c", "Meta": {"OS": "beos"}}]],
    ("tasks", "ExtraClaims"): [[{"scope": "x", "action": "*", "specific": "*"}]],
    ("bootenvs", "RequiredParams"): [["!"]], ("bootenvs", "Loaders"): [{"z80": "x"}],
    ("bootenvs", "OS"): [{"SupportedArchitectures": {"z80": {}}}],
    ("bootenvs", "Templates"): [[{"Name": "t", "ID": "i"}]],
    ("params", "Schema"): ["text", {"type": "string", "default": 1}, {"type": "nonsense"}],
    ("subnets", "Subnet"): ["fred", "10.0.0.0", "10.0.0.0/33"], ("subnets", "NextServer"): ["224.0.0.1"],
    ("subnets", "ReservedLeaseTime"): [7199], ("subnets", "Pickers"): [["odd"]],
    ("reservations", "Addr"): ["224.0.0.1", "127.0.0.1", "0.0.0.0"], ("reservations", "Token"): [""], ("reservations", "Strategy"): [""],
    ("reservations", "Scoped"): [True], ("pools", "ParentPool"): ["!"], ("plugins", "Provider"): ["!", ""], ("plugins", "Params"): [{"!": 1}],
    ("tenants", "Members"): [{"cows": []}], ("roles", "Claims"): [[{"scope": "x", "action": "*", "specific": "*"}],
                                                                  [{"scope": "machines", "action": "x", "specific": "*"}], [{}]],
    ("pools", "EnterActions"): [{"Workflow": "!"}, {"AddProfiles": ["!"]}, {"RemoveProfiles": ["!"]}],
}
# Texts of a form that must be refused with 400.
MALFORMED = {("machines", "Uuid"): ["x", "4c0ffee0"], ("machines", "Address"): ["x", "1.2.3", "256.1.1.1"], ("jobs", "Machine"): ["x"],
             ("jobs", "Previous"): ["x"], ("jobs", "StartTime"): ["yesterday"], ("subnets", "NextServer"): ["x"],
             ("subnets", "ActiveStart"): ["x"], ("leases", "Via"): ["x"], ("leases", "ExpireTime"): ["yesterday"], ("reservations", "NextServer"): ["x"], ("reservations", "Addr"): ["x"]}
GOOD_NAMES = ["ab", "a1", "a-b", "a_b", "a.b", "a b", "Éa", "äöü", "Машина1", "x" * 200]
NAMES = {  # rule -> taken, refused
    "name": (GOOD_NAMES, ["a", "1a", "-a", "a/b", "a:b", "a@b", "a!", "é", "a\nb"]),
    "machine": (GOOD_NAMES + ["1a", "12"], ["a", "-a", "a/b", "a:b", "a@b", "a!"]),
    "number": (GOOD_NAMES + ["1a", "12"], ["a", "-a", "a/b", "a@b", "a!"]),
    "endpoint": (GOOD_NAMES + ["1a", "a:b", "52:54:00:12:34:56", "a"], ["-a", "a/b", "a@b", "a!"]),
    "user": (GOOD_NAMES + ["a@b.c"], ["a", "1a", "-a", "a/b", "a:b", "a!"]),
    "param": (GOOD_NAMES + ["a/b", "a/b/c-d.e"], ["a", "1a", "/a", "a:b", "a@b", "a!"]),
}
KEY_RULE = {"bootenvs": "name", "contexts": None, "catalog_items": None, "endpoints": "endpoint", "params": "param", "plugins": "name",
            "pools": "name", "profiles": "name", "roles": "name", "stages": "name", "subnets": "name", "tasks": "name",
            "templates": "number", "tenants": "name", "users": "user", "version_sets": None, "workflows": "name"}
WRONG_KINDS = {"string": [7, True, [], {}], "boolean": ["true", 1, [], {}], "integer": ["1", True, 1.5, [], {}],
               "number": ["1", True, []], "list": ["x", 7, {}, True], "map": ["x", 7, [], True], "object": ["x", 7, [], True]}


def unique(prefix):
    return f"{prefix}{next(_numbers)}x"


def key_of(prefix, field):
    """A fresh value for the key field."""
    if field == "Uuid":
        return f"5eed0000-0000-4000-8000-{next(_numbers):012x}"
    if field == "Addr":
        number = next(_numbers)
        return f"10.200.{number // 250}.{number % 250 + 1}"
    return unique("k" + prefix[:3])


def head_of(kind):
    """The JSON kind of a field, whatever its items are."""
    head = kind.split(" ")[0]
    return head if head in WRONG_KINDS or head == "any" else "object"


def value_of(kind, types):
    """A value that is not the default."""
    if kind.startswith("list of "):
        return [value_of(kind[8:], types)]
    if kind.startswith("map of "):
        return {"key": value_of(kind[7:], types)}
    plain = {"string": "some text", "integer": 3, "number": 2.5, "boolean": True, "any": {"any": ["thing", 1]}, "bytes": "QQ=="}
    if kind in plain:
        return plain[kind]
    return {field["name"]: value_of(field["kind"], types) for field in types.get(kind, []) if not field.get("read_only")}
