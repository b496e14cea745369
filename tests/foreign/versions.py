"""What foreign servers of several versions do differently, one entry per version: data that server.py goes by.

Where the contract leaves a choice, versions take different ones on purpose: whoever attaches such a server must bear
all of them. A test makes a further one with `dataclasses.replace(VERSIONS["4.8"], limit_zero_is_all=True)`.
"""
import dataclasses
import re

import model

FEATURES_313 = (
    "api-v3 sane-exit-codes common-blob-size change-stage-map job-exit-states package-repository-handling "
    "profileless-machine threaded-log-levels plugin-v2 fsm-runner plugin-v2-safe-config workflows default-workflow "
    "http-range-header roles tenants secure-params separate-meta-api slim-objects secure-param-upgrade sprig multiarch "
    "actions-in-task-list endpoint-refs endpoint-proxy inline-upgrade bundle-objects secure-params-in-content-packs "
    "task-prerequisites content-prerequisite-version-checking stage-paramer").split()
FEATURES_4 = FEATURES_313 + ["selective-job-purge", "auto-boot-target", "agent-auto-update"]

NEW_IN_4 = ("catalog_items", "contexts", "endpoints", "pools", "version_sets")
OF_4 = tuple(model.FIELDS)
OF_313 = tuple(prefix for prefix in OF_4 if prefix not in NEW_IN_4)
OF_417 = OF_4 + tuple(model.FIELDS_417) + model.LIKE_MACHINES

# How an answer to a list says how much there is.
TOTAL, MATCHING, ON_PAGE = "X-DRP-LIST-TOTAL-COUNT", "X-DRP-LIST-FILTER-COUNT", "X-DRP-LIST-COUNT"

# Error texts that differ between versions.
ERRORS_313 = {
    "patch test": ("Patch failed to apply at line {line}", "Test op failed."),
    "patch path": ("Patch failed to apply at line {line}", "`{path}` does not point to an existing location"),
    "read only": ("readonly: {key}",),
    "no name": ("Content Store must have a name",),
    "no login": None,
    "validation": "{message}",
    "blob key": "{path}",
}
ERRORS_4 = {
    "patch test": ("Patch error at line {line}: Test op failed.", "Patch: {patch}"),
    "patch path": ("Patch error at line {line}: `{path}` does not point to an existing location",),
    "read only": ("readonly: {key}",),
    "no name": ("Store at content- has no Name metadata",),
    "no login": "Authentication failed",
    "validation": "{key}: {message}",
    "blob key": "/{path}",
}

SHOWN_FEW = ("machines", "jobs", "leases", "reservations", "subnets", "pools", "endpoints")


@dataclasses.dataclass(frozen=True)
class Version:
    """The conduct of one version.

    text                  Info.version
    features              Info.features; never the replication stream of Mullion
    info_extra            further members of Info
    prefixes              collections that exist
    plugin_types          collections that installed plugins define, with their fields
    fields_added          fields in addition to those of 4.8, by collection
    fields_lacking        fields of 4.8 that do not exist, by collection
    stamps                objects say when and by whom they were created and last changed
    params_too            collections with parameters in addition
    index_members         what /indexes says of an index
    no_preferences        preferences of others that do not exist
    errors                texts (see ERRORS_4); "no login" None: the body of a 401 is no JSON
    event_principal       events say who
    event_original        events of changes carry the earlier object
    write_actions         events of a PATCH or PUT
    part_actions          events of a change through params or meta
    server_actions        events of what the server does itself
    delete_action         the event of a deletion
    layer_events          objects of a content package have events of their own when it comes or goes
    limit_zero_is_all     limit=0: everything; otherwise nothing
    count_headers         headers of HEAD of a collection
    list_headers          headers of GET of a collection
    list_queries          words of the query that are no filters
    default_ttl           seconds that a token lives
    shown_of_children     a manager shows these collections of its endpoints; None: all but OWN_AFFAIR
    upgrade_answer        status of /system/upgrade
    staged_upgrade        /system/upgrade/stage and its like exist
    """
    text: str
    features: tuple
    info_extra: dict
    prefixes: tuple
    plugin_types: dict
    fields_added: dict
    fields_lacking: dict
    stamps: bool
    params_too: tuple
    index_members: tuple
    no_preferences: tuple
    errors: dict
    event_principal: bool
    event_original: bool
    write_actions: tuple
    part_actions: tuple
    server_actions: tuple
    delete_action: str
    layer_events: bool
    limit_zero_is_all: bool
    count_headers: tuple
    list_headers: tuple
    list_queries: frozenset
    default_ttl: int
    shown_of_children: tuple
    upgrade_answer: int
    staged_upgrade: bool

    def collections(self):
        """The collections by prefix, those of plugins too."""
        out = model.collections(self.prefixes, self.fields_added, self.fields_lacking, self.stamps, self.params_too)
        for prefix, fields in self.plugin_types.items():
            out[prefix] = model.plugin_collection(prefix, self.stamps, fields)
        return out


# What a manager never shows of its endpoints, whatever the version.
OWN_AFFAIR = ("preferences", "users", "roles", "tenants", "plugins", "plugin_providers", "interfaces", "connections",
              "content_archives", "catalog_items", "version_sets")

LIST_QUERIES = frozenset("limit offset sort reverse slim params decode token Token aggregate".split())
LIST_QUERIES_417 = LIST_QUERIES | frozenset(
    "filter raw group-by range-only expand reduced commented exclude-self".split())

V3_13 = Version(
    text="v3.13.6",
    features=tuple(FEATURES_313),
    info_extra={},
    prefixes=OF_313,
    plugin_types={},
    fields_added={},
    fields_lacking=model.LACKING_313,
    stamps=False,
    params_too=(),
    index_members=("Type", "Unique"),
    no_preferences=("manager",),
    errors=ERRORS_313,
    event_principal=False,
    event_original=True,
    write_actions=("save",),
    part_actions=("save",),
    server_actions=("save",),
    delete_action="delete",
    layer_events=False,
    limit_zero_is_all=False,
    count_headers=(TOTAL, MATCHING),
    list_headers=(),
    list_queries=LIST_QUERIES,
    default_ttl=600,
    shown_of_children=SHOWN_FEW,
    upgrade_answer=201,
    staged_upgrade=False,
)

V4_8 = dataclasses.replace(
    V3_13,
    text="v4.8.0",
    features=tuple(FEATURES_4),
    prefixes=OF_4,
    plugin_types={"racks": ("Name", "Height:int")},
    fields_lacking={},
    index_members=("Type", "Unique", "Unordered", "Regex"),
    no_preferences=(),
    errors=ERRORS_4,
    event_principal=True,
    write_actions=("update",),
)

V4_17 = dataclasses.replace(
    V4_8,
    text="v4.17.0",
    info_extra={"dns_enabled": False, "dns_port": 53, "extra_api_ports": [], "extra_file_ports": [],
                "extra_secure_file_ports": []},
    prefixes=OF_417,
    plugin_types={"racks": ("Name", "Height:int"), "cmdb_records": ("Owner",)},
    fields_added=model.ADDED_417,
    stamps=True,
    params_too=model.WITH_PARAMS_417,
    write_actions=("update", "save"),
    part_actions=("update",),
    delete_action="destroy",
    layer_events=True,
    limit_zero_is_all=True,
    count_headers=(TOTAL, MATCHING, ON_PAGE),
    list_headers=(TOTAL, MATCHING, ON_PAGE),
    list_queries=LIST_QUERIES_417,
    shown_of_children=None,
    upgrade_answer=200,
    staged_upgrade=True,
)

VERSIONS = {"3.13": V3_13, "4.8": V4_8, "4.17": V4_17}


def _numbers(text):
    return [int(part) for part in re.findall(r"\d+", text)[:3]]


def version_of(text):
    """The conduct of a server that calls itself `text` ("4.8", "v4.9.3-beta"): that of the newest known version which
    is not newer, with `text` as its version if it is a whole one."""
    if text in VERSIONS:
        return VERSIONS[text]
    known = [entry for entry in VERSIONS.values() if _numbers(entry.text)[:2] <= _numbers(text)[:2]]
    entry = known[-1] if known else V3_13
    return dataclasses.replace(entry, text=text if text.startswith("v") else "v" + text)
