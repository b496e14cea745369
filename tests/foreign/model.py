"""What the collections of the public API look like: their fields, keys and indexes, and how they differ by version.

A field is written NAME:KIND. The kind says what an object has that was not given the field: "" (no kind), 0 (int),
false (bool), [] (list), {} (map), null (any), the zero time (time). NAME? is left out while it is empty.
An index is written NAME:TYPE/FLAGS: u unique, n unordered, r usable with a regular expression.
"""
import copy
import dataclasses

ZERO_TIME = "0001-01-01T00:00:00Z"
EMPTY = {"": "", "int": 0, "bool": False, "list": [], "map": {}, "any": None, "time": ZERO_TIME}

FIELDS = {
    "bootenvs":
        "Name Description Documentation OS:map Templates:list Kernel Initrds:list BootParams RequiredParams:list "
        "OptionalParams:list OnlyUnknown:bool Loaders:map",
    "catalog_items":
        "Id Type Name ActualVersion Version ContentType Source Shasum256:map NOJQSource Tip:bool HotFix:bool",
    "contexts": "Name Image Engine Description Documentation",
    "endpoints":
        "Id Description? Documentation? Params:map? ConnectionStatus? VersionSet? VersionSets:list? Apply:bool? HaId? "
        "Arch? Os? DRPVersion? DRPUXVersion? Components:list? Plugins:list? Prefs:map? Global:map? Actions:list?",
    "interfaces": "Name Index:int Addresses:list ActiveAddress Gateway DnsServers:list DnsDomain",
    "jobs":
        "Uuid Previous Machine Task Stage Context State ExitState StartTime:time EndTime:time Archived:bool "
        "Current:bool CurrentIndex:int NextIndex:int Workflow BootEnv ExtraClaims:list? Token?",
    "leases":
        "Addr NextServer Via Token Duration:int ExpireTime:time Strategy State Options:list ProvidedOptions:list "
        "SkipBoot:bool",
    "machines":
        "Name Description Uuid CurrentJob Address Stage BootEnv Profiles:list Params:map Tasks:list CurrentTask:int "
        "RetryTaskAttempt:int TaskErrorStacks:list Runnable:bool Secret OS HardwareAddrs:list Workflow Arch "
        "Locked:bool Context Fingerprint:map Pool PoolAllocated:bool PoolStatus WorkflowComplete:bool",
    "params": "Name Description Documentation Secure:bool Schema:any",
    "plugin_providers":
        "Name Version PluginVersion:int AutoStart:bool HasPublish:bool AvailableActions:list RequiredParams:list "
        "OptionalParams:list StoreObjects:map Documentation Content",
    "plugins": "Name Description Documentation Params:map Provider PluginErrors:list",
    "pools":
        "Id Description? Documentation? ParentPool? EnterActions:map? ExitActions:map? AllocateActions:map? "
        "ReleaseActions:map? AutoFill:map?",
    "preferences": "Name Val",
    "profiles": "Name Description Documentation Params:map Profiles:list",
    "reservations":
        "Addr Description Documentation Token Subnet NextServer Options:list Strategy Scoped:bool Duration:int",
    "roles": "Name Claims:list Description Documentation",
    "stages":
        "Name Description Documentation Templates:list RequiredParams:list OptionalParams:list Params:map BootEnv "
        "Tasks:list Profiles:list Reboot:bool RunnerWait:bool",
    "subnets":
        "Name Description Documentation Enabled:bool Proxy:bool Unmanaged:bool Subnet NextServer ActiveStart "
        "ActiveEnd ActiveLeaseTime:int ReservedLeaseTime:int OnlyReservations:bool Options:list Strategy Pickers:list",
    "tasks":
        "Name Description Documentation Templates:list RequiredParams:list OptionalParams:list Prerequisites:list "
        "ExtraRoles:list? ExtraClaims:list?",
    "templates": "ID Description Contents",
    "tenants": "Name Description Documentation Members:map Users:list",
    "users": "Name Description PasswordHash? Secret Roles:list",
    "version_sets":
        "Id Documentation Description Apply:bool DRPVersion DRPUXVersion Components:list Plugins:list Prefs:map "
        "Files:list Global:map",
    "workflows": "Name Description Documentation Stages:list",
}

# Collections of 4.17; clusters and resource brokers look like machines.
FIELDS_417 = {
    "work_orders":
        "Archived:bool Blueprint Context CreateTime:time CurrentJob CurrentTask:int EndTime:time Filter JobExitState "
        "JobResultErrors:list JobState Machine Mode OnFailure Params:map PipelinePhase:list Predecessor Profiles:list "
        "RetryTaskAttempt:int Runnable:bool SchedulingHold:bool Stage StartTime:time State Status "
        "TaskErrorStacks:list Tasks:list Uuid",
    "blueprints": "Context Name Params:map Pipeline Profiles:list Tasks:list Workflow",
    "triggers":
        "AllInFilter:bool Blueprint Enabled:bool Filter FilterCount:int MergeDataIntoParams:bool Name Params:map "
        "Profiles:list QueueMode:bool StoreDataInParameter TriggerProvider WorkOrderParams:map WorkOrderProfiles:list",
    "trigger_providers":
        "Method Name NoURL:bool OptionalParameters:list Params:map Profiles:list RequiredParameters:list",
    "batches":
        "EndTime:time PostWorkOrder PostWorkOrderTemplate:map Predecessor SetupWorkOrder SetupWorkOrderTemplate:map "
        "StartTime:time State Status Uuid WorkOrderCounts:map WorkOrderTemplate:map",
    "alerts":
        "AcknowledgeTime:time AcknowledgeUser Acknowledged:bool Contents Count:int Level Name Note Params:map "
        "Principal Time:time Uuid",
    "filters":
        "Aggregate:bool Decode:bool ExcludeSelf:bool GroupBy:list Id Object ParamSet Params:map Queries:list "
        "RangeOnly:bool Reduced:bool Reverse:bool Slim Sort:list",
    "identity_providers":
        "DefaultRole DenyIfNoGroups:bool DisplayName GroupAttribute GroupToRoles:map LogoPath MetaDataBlob "
        "MetaDataUrl Name UserAttribute",
    "zones": "Continue:bool Filters:list Forwarders:list Name Origin Priority:int Records:list TTL:int",
    "activities":
        "Arch Cloud Context Count:int Deleted:bool Fingerprint Id Identity OS ObjectType Platform Span Type",
    "connections": "CreateTime:time ExpiresAt:time Principal RemoteAddr Type",
    "pipelines": "Name Params:map Pipelines:list Profiles:list",
    "store_objects": "Name Properties:map",
    "ux_options": "Default Global:bool Hidden:bool Id Kind Params:map Role:bool User:bool",
    "ux_settings": "Id Option Params:map Target Value",
    "ux_views":
        "Airgap:bool ApplicableRoles:list BrandingImage BulkTabs:list Classifiers:list Columns:map "
        "HideEditObjects:list Id LandingPage MachineFields:list Menu:list Params:map ParamsRestriction:list "
        "ProfilesRestriction:list ShowActiviation:bool StagesRestriction:list TasksRestriction:list "
        "WorkflowsRestriction:list",
    "content_archives": "Artifacts:map Name Source Version",
}
LIKE_MACHINES = ("clusters", "resource_brokers")
DESCRIBED_417 = ("blueprints", "triggers", "trigger_providers", "filters", "identity_providers", "zones", "pipelines",
                 "store_objects", "ux_options", "ux_settings", "ux_views")

# Fields that 4.17 has in addition; the stamps are in every collection but NO_STAMPS.
ADDED_417 = {
    "bootenvs": "EndDelimiter StartDelimiter",
    "endpoints": "ActionErrorCount:int ActionErrors:list SinglePaneDisabled:bool VersionSetsDisabled:bool",
    "jobs": "Action:map Independent:bool Pipeline ResultErrors:list TargetKey TargetPrefix WorkOrder",
    "leases": "MachineUuid",
    "machines":
        "JobExitState JobResultErrors:list JobState PendingWorkOrders:int Pipeline RunningWorkOrders:int "
        "WorkOrderMode:bool",
    "plugin_providers": "IgnoreEvents:bool",
    "reservations": "Allocated:bool Machine Parameter Params:map PrefixParameter Profiles:list SkipDAD:bool",
    "stages": "OutputParams:list",
    "subnets": "AllocateEnd AllocateStart Params:map PrefixParameter Profiles:list SkipDAD:bool",
    "tasks": "ExtraDuration:int OutputParams:list",
    "templates": "EndDelimiter StartDelimiter",
}
STAMPS = "CreatedAt:time CreatedBy LastModifiedAt:time LastModifiedBy"
NO_STAMPS = ("preferences", "plugin_providers", "connections", "content_archives")

# Fields that 3.13 does not have yet.
LACKING_313 = {
    "machines": "Context Fingerprint Pool PoolAllocated PoolStatus RetryTaskAttempt WorkflowComplete",
    "jobs": "Context ExtraClaims Token",
    "tasks": "ExtraRoles ExtraClaims",
    "bootenvs": "Loaders",
}

# Values of fields that an object is created with, where they are not those of its kind.
CREATED_WITH = {
    "machines": {"Arch": "amd64", "Pool": "default", "PoolStatus": "Free", "BootEnv": "local", "Stage": "none",
                 "Runnable": True, "WorkflowComplete": True},
    "catalog_items": {"Type": "catalog_items"},
    "subnets": {"ActiveLeaseTime": 60, "ReservedLeaseTime": 7200, "Strategy": "MAC",
                "Pickers": ["hint", "nextFree", "mostExpired"]},
    "jobs": {"State": "created", "Current": True},
    "work_orders": {"State": "created"},
}

KEYS = {
    "catalog_items": "Id", "endpoints": "Id", "jobs": "Uuid", "leases": "Addr", "machines": "Uuid", "pools": "Id",
    "reservations": "Addr", "templates": "ID", "version_sets": "Id", "work_orders": "Uuid", "clusters": "Uuid",
    "resource_brokers": "Uuid", "batches": "Uuid", "alerts": "Uuid", "filters": "Id", "activities": "Id",
    "connections": "RemoteAddr", "ux_options": "Id", "ux_settings": "Id", "ux_views": "Id",
}
RANDOM_KEYS = ("machines", "jobs", "work_orders", "clusters", "resource_brokers", "batches", "alerts")

INDEXES = {
    "bootenvs": "Description/r Documentation/r Name/ur OnlyUnknown:bool/n OsName/r",
    "catalog_items": "Id/ur",
    "contexts": "Engine/r Image/r Name/ur",
    "endpoints":
        "Apply:bool/n Arch/r DRPUXVersion/r DRPVersion/r Description/r HaId/r Id/ur Os/r Params:list/n",
    "jobs":
        "Archived:bool/n BootEnv/r Context/r Current:bool Elevated:bool/n EndTime:time Machine:uuid Previous:uuid "
        "Stage/r StartTime:time State/r Task/r Uuid:uuid/u Workflow/r",
    "leases": "Addr:ip/u ExpireTime:time2 State/r Strategy/r Token/r",
    "machines":
        "Address:ip Arch/r BootEnv/r Context/r CurrentJob:uuid Description/r HardwareAddr:list/n HardwareAddrs:list/n "
        "Locked:bool/n Name/ur OS/r Params:list/n Pool/r PoolAllocated:bool/n PoolStatus/r Profiles:list/n "
        "Runnable:bool/n Stage/r Tasks:list/n Uuid:uuid/u Workflow/r WorkflowComplete:bool/n",
    "params": "Description/r Documentation/r Name/ur Secure:bool/n",
    "plugins": "Description/r Documentation/r Name/ur Params:list/n Provider/r",
    "pools": "Description/r Documentation/r Id/ur ParentPool/r",
    "profiles": "Description/r Documentation/r Name/ur Params:list/n Profiles:list/n",
    "reservations": "Addr:ip/u Description/r Documentation/r NextServer:ip Strategy/r Token/r",
    "roles": "Description/r Documentation/r Name/ur",
    "stages":
        "BootEnv/r Description/r Documentation/r Name/ur Params:list/n Profiles:list/n Reboot:bool/n Tasks:list/n",
    "subnets":
        "ActiveAddress:ip/n Address:ip/n Description/r Documentation/r Enabled:bool/n Name/ur NextServer:ip "
        "Proxy:bool Strategy/r Subnet:cidr/u",
    "tasks": "Description/r Documentation/r Elevated:bool/n ExtraRoles:list/n Name/ur",
    "templates": "Description/r ID/ur",
    "tenants": "Description/r Documentation/r Name/ur",
    "users": "Description/r Name/ur Roles:list/n",
    "version_sets": "Description/r Documentation/r Id/ur",
    "workflows": "Description/r Documentation/r Name/ur Stages:list/n",
}
COMMON_INDEXES = "Key/ur Available:bool/n ReadOnly:bool/n Valid:bool/n Bundle/r Endpoint/r"
STAMP_INDEXES = "CreatedAt:time CreatedBy/r LastModifiedAt:time LastModifiedBy/r"
INDEX_TYPES = {"": "string", "bool": "boolean", "uuid": "UUID string", "ip": "IP Address", "cidr": "CIDR Address",
               "time": "dateTime", "time2": "Date/Time string", "list": "list"}
INDEX_OF_KIND = {"": "/r", "int": ":int", "bool": ":bool/n", "list": ":list/n", "time": ":time"}
INDEX_TYPES["int"] = "integer"

# What an index looks at where it is not the field of the same name.
INDEX_PATHS = {"OsName": ("OS", "Name"), "HardwareAddr": ("HardwareAddrs",), "Valid": ("Validated",)}

NO_VALIDATION = ("interfaces", "plugin_providers", "preferences", "connections", "content_archives")
NO_ACCESS = ("plugin_providers", "preferences", "connections", "content_archives")
NO_OWNER = NO_VALIDATION
NO_META = ("alerts", "activities", "connections")
NO_BUNDLE = ("catalog_items", "interfaces", "plugin_providers", "preferences", "alerts", "connections",
             "content_archives")
PARTIAL = ("machines", "plugins", "profiles", "stages", "clusters", "resource_brokers")
WITH_PARAMS = ("endpoints", "machines", "plugins", "profiles", "stages", "work_orders", "blueprints", "triggers",
               "trigger_providers", "clusters", "resource_brokers", "alerts", "filters", "pipelines", "ux_options",
               "ux_settings", "ux_views")
WITH_PARAMS_417 = ("reservations", "subnets")

# Not among the collections that /objects lists.
UNLISTED = ("interfaces", "plugin_providers", "connections", "content_archives")
NOT_WRITABLE = ("interfaces", "plugin_providers", "preferences", "connections", "content_archives")


@dataclasses.dataclass
class Index:
    """How a field can be asked for."""
    name: str
    kind: str = ""
    unique: bool = False
    unordered: bool = False
    regex: bool = False

    @property
    def path(self):
        return INDEX_PATHS.get(self.name, (self.name,))

    def described(self, members):
        """The index as /indexes shows it; `members` are those that the version prints."""
        every = {"Type": INDEX_TYPES[self.kind], "Unique": self.unique, "Unordered": self.unordered,
                 "Regex": self.regex}
        return {name: every[name] for name in members}


@dataclasses.dataclass
class Collection:
    """One collection of one version."""
    prefix: str
    key: str
    empty: dict
    optional: set
    indexes: dict
    has_params: bool
    writable: bool

    def complete(self, given):
        """An object with every field of the collection, in order; unknown ones are dropped."""
        out = {}
        for name, empty in self.empty.items():
            value = given.get(name)
            if value is None:
                value = copy.copy(empty)
            if name not in self.optional or value not in ("", 0, False, [], {}, None):
                out[name] = value
        return out

    def new(self, given):
        """An object as it is created from what was given."""
        return self.complete({**CREATED_WITH.get(self.prefix, {}), **given})


def _parse_field(word):
    optional = word.endswith("?")
    name, _, kind = word.rstrip("?").partition(":")
    return name, kind, optional


def _parse_index(word):
    head, _, flags = word.partition("/")
    name, _, kind = head.partition(":")
    return Index(name, kind, "u" in flags, "n" in flags, "r" in flags)


def _mixin_words(prefix, stamps):
    mixins = ((NO_VALIDATION, "Validated:bool Available:bool Errors:list"), (NO_ACCESS, "ReadOnly:bool"),
              (NO_META, "Meta:map"), (NO_OWNER, "Endpoint"), (NO_BUNDLE, "Bundle"))
    words = [words for without, words in mixins if prefix not in without]
    if prefix in PARTIAL:
        words.append("Partial:bool")
    if stamps and prefix not in NO_STAMPS:
        words.append(STAMPS)
    return " ".join(words)


def _derived_indexes(field_words):
    """An index for every field that can be compared."""
    fields = [_parse_field(word) for word in field_words.split()]
    return " ".join(name + INDEX_OF_KIND[kind] for name, kind, _ in fields if kind in INDEX_OF_KIND)


def _index_words(prefix, own_words, additions, stamps):
    """Observed indexes; where none were observed, those that its fields suggest."""
    words = INDEXES.get("machines" if prefix in LIKE_MACHINES else prefix, "")
    if not words and prefix not in UNLISTED and prefix != "preferences":
        words = _derived_indexes(own_words)
    words += " " + _derived_indexes(additions)
    common = [] if prefix in UNLISTED or prefix == "preferences" else COMMON_INDEXES.split()
    if prefix in NO_BUNDLE:
        common = [word for word in common if not word.startswith("Bundle")]
    return words.split() + common + (STAMP_INDEXES.split() if stamps and prefix not in NO_STAMPS else [])


def _collection(prefix, own_words, additions, lacking, stamps, params_too, key=None):
    words = f"{own_words} {additions} {_mixin_words(prefix, stamps)}"
    fields = [_parse_field(word) for word in words.split()]
    fields = [field for field in fields if field[0] not in lacking.split()]
    names = {name for name, _, _ in fields} | {"Key", "Valid", "OsName", "HardwareAddr", "Elevated", "Address",
                                               "ActiveAddress"}
    indexes = [_parse_index(word) for word in _index_words(prefix, own_words, additions, stamps)]
    return Collection(prefix, key or KEYS.get(prefix, "Name"), {name: EMPTY[kind] for name, kind, _ in fields},
                      {name for name, _, optional in fields if optional},
                      {index.name: index for index in indexes if index.name in names},
                      prefix in WITH_PARAMS or prefix in params_too, prefix not in NOT_WRITABLE)


def plugin_collection(prefix, stamps, properties=()):
    """A collection that a plugin provider defines: objects with an Id, a Type and Params."""
    return _collection(prefix, "Id Type Params:map " + " ".join(properties), "", "", stamps, (prefix,), "Id")


def collections(names, additions, lacking, stamps, params_too):
    """The collections of a version by prefix: `names` of them, with these more fields and without those."""
    every = {**FIELDS, **{prefix: words + (" Description Documentation" if prefix in DESCRIBED_417 else "")
                          for prefix, words in FIELDS_417.items()}}
    every.update({prefix: FIELDS["machines"] for prefix in LIKE_MACHINES})
    return {prefix: _collection(prefix, every[prefix],
                                additions.get("machines" if prefix in LIKE_MACHINES else prefix, ""),
                                lacking.get(prefix, ""), stamps, params_too)
            for prefix in names}
