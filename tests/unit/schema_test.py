"""The schema against the facts of the contract, and the generator's own promises."""
import copy
import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FACTS = json.loads((ROOT / "tests/data/models-facts.json").read_text())
GENERATOR = ROOT / "tools/generate_schema.py"

sys.path.insert(0, str(ROOT / "tools"))
import generate_schema as generator  # noqa: E402

SCHEMA = generator.Schema()

# Members of the design that the contract does not have.
OURS = {"endpoints": {"VersionSetsDisabled", "SinglePaneDisabled", "ActionErrorCount", "PlannedFor", "ConnectionState",
                      "ConnectionReason", "ConnectionSince"},
        "machines": {"JobState", "JobExitState"},  # of v4.17, as the next two
        "subnets": {"AllocateStart", "AllocateEnd"}, "reservations": {"Allocated", "Machine", "Parameter"},
        "NodeInfo": {"LogBehind", "FilesMissing"}, "Error": {"Field"}, "Element": {"ReplaceWritable"}, "ElementAction": {"ReplaceWritable"},
        "Info": {"dns_enabled", "dns_port", "ha_consensus_id", "uuid",  # clients of v4.17 require these
                 "certificate_fingerprint"}}
# Indexes of ours: docs/lists.md.
OUR_INDEXES = {"endpoints": {"ConnectionState", "ConnectionReason", "ConnectionSince", "ConnectionStatus", "VersionSets",
                             "ActionErrorCount"},
               "jobs": {"ExitState"}, "machines": {"JobState", "JobExitState"},
               "reservations": {"Allocated", "Machine", "Parameter", "Subnet"},
               "catalog_items": {"ActualVersion", "ContentType", "HotFix", "Name", "Source", "Tip", "Type", "Version"}}
OUR_OBJECTS = {"rollouts", "bulks", "ux_views"}
OUR_TYPES = {"RolloutWaveRule", "RolloutGate", "RolloutLimits", "RolloutWave", "RolloutEndpoint", "RolloutEvent",
             "RolloutBefore", "Baseline", "BaselineRequest", "EndpointPlan", "PlanLine",
             "BulkOperation", "BulkSelection", "BulkCounts", "BulkItem", "BulkItems", "PlanRequest", "FleetPlan", "FleetPlanGroup",
             "FleetPlanProblem", "FleetPlanLink", "ObjectHistory", "HeldUpCollection", "OwnerConnection", "HistoryEntry"}
# Defaults that the contract gives in its notes only.
NOTED_DEFAULTS = {("machines", "Pool"): "default", ("machines", "PoolStatus"): "Free",
                  ("machines", "WorkflowComplete"): True, ("machines", "Runnable"): True, ("jobs", "State"): "created",
                  ("stages", "RunnerWait"): True}
TRAITS = {"hasMeta": "has_meta", "metaApi": "meta_api", "hasValidation": "has_validation",
          "hasReadOnly": "has_read_only", "hasEndpoint": "has_endpoint", "hasBundle": "has_bundle",
          "hasPartial": "has_partial", "hasParamsApi": "has_params", "hasProfiles": "has_profiles",
          "hasBootEnv": "has_boot_env", "hasTasks": "has_tasks", "canHaveActions": "can_have_actions",
          "nameSettable": "name_settable", "clientCreate": "client_create", "clientUpdate": "client_update",
          "clientDelete": "client_delete"}
PLAIN = {"uuid": "string", "ip": "string", "time": "string", "bytes": "string", "version": "string"}


def plain(kind):
    """The JSON kind behind our kinds that are texts of a format."""
    head, separator, word = kind.rpartition(" of ")
    return head + separator + PLAIN.get(word, word)


def compare_fields(where, facts, fields):
    ours = {field["name"]: field for field in fields}
    assert set(ours) - OURS.get(where, set()) == {fact["name"] for fact in facts}, where
    for fact in facts:
        field = ours[fact["name"]]
        name = f"{where}.{fact['name']}"
        assert plain(field["kind"]) == fact["kind"].replace("list of any", plain(field["kind"])), name
        assert bool(field.get("omit_empty")) == bool(fact.get("omit_empty")), name
        assert bool(field.get("read_only")) == bool(fact.get("read_only")), name
        assert bool(field.get("nullable")) == bool(fact.get("nullable")), name
        expected = NOTED_DEFAULTS.get((where, fact["name"]), fact.get("default"))
        assert (field.get("default") or None) == (expected or None), name


@pytest.mark.parametrize("prefix", sorted(FACTS["objects"]))
def test_object_type_has_the_fields_of_the_contract(prefix):
    entry, facts = SCHEMA.objects[prefix], FACTS["objects"][prefix]
    assert (entry["type"], entry["key"]["field"]) == (facts["type"], facts["key"])
    mixin_facts = [fact for mixin in facts["mixins"] for fact in FACTS["mixins"][mixin] if fact["name"] != "Endpoint"]
    compare_fields(prefix, facts["fields"] + mixin_facts, entry["fields"])


@pytest.mark.parametrize("prefix", sorted(FACTS["objects"]))
def test_object_type_has_the_traits_of_the_contract(prefix):
    traits, facts = generator.traits_of(SCHEMA.objects[prefix]), FACTS["objects"][prefix]["traits"]
    for name, ours in TRAITS.items():
        assert (ours in traits) == facts[name], f"{prefix}: {name}"
    assert SCHEMA.objects[prefix].get("actions_path", "") == (facts.get("actionsPath") or "")


@pytest.mark.parametrize("prefix", sorted(FACTS["objects"]))
def test_object_type_has_the_indexes_of_the_contract(prefix):
    ours, facts = SCHEMA.objects[prefix].get("indexes", {}), FACTS["objects"][prefix]["indexes"]
    assert set(ours) - OUR_INDEXES.get(prefix, set()) == set(facts)
    for name, fact in facts.items():
        index = ours[name]
        assert generator.INDEX_TEXT[index["kind"]][1] == fact["Type"], name
        for flag in ("Unique", "Unordered", "Regex"):
            assert bool(index.get(flag.lower())) == fact[flag], f"{name}: {flag}"


def test_nothing_beside_the_contract():
    assert set(SCHEMA.objects) == set(FACTS["objects"]) | OUR_OBJECTS
    assert set(SCHEMA.types) == set(FACTS["types"]) | OUR_TYPES
    assert set(SCHEMA.names) == set(FACTS["nameRules"])


@pytest.mark.parametrize("name", sorted(FACTS["types"]))
def test_nested_type_has_the_fields_of_the_contract(name):
    if "alias" in SCHEMA.types[name]:
        return
    compare_fields(name, FACTS["types"][name], SCHEMA.nested_fields(name))


def test_name_rules_and_words():
    # Decided otherwise (docs/decisions/0044-ids-of-endpoints.md): ids of endpoints may be one letter long.
    rules = FACTS["nameRules"] | {"endpoint": r"^(\pL|\pN)+([- _.:]+|\pN+|\pL+)*$"}
    assert SCHEMA.names == rules
    for name in ("PoolStatus", "taskOS", "archAliases", "subnetPickers"):
        assert SCHEMA.enums[name] == FACTS["enums"][name]


def test_secrets_are_marked():
    secret = {(prefix, field["name"]) for prefix, entry in SCHEMA.objects.items() for field in entry["fields"]
              if field.get("secret")}
    assert secret == {("users", "PasswordHash"), ("users", "Secret"), ("machines", "Secret")}


def test_what_is_not_replicated():
    kept = {prefix for prefix, entry in SCHEMA.objects.items() if not entry["replicated"]}
    assert kept == {"interfaces", "plugin_providers", "preferences"}


# ---------------------------------------------------------------- the generator

def test_golden_files_are_up_to_date():
    done = subprocess.run([sys.executable, str(GENERATOR), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_tables_are_the_same_every_time(tmp_path):
    for name in ("first", "second"):
        subprocess.run([sys.executable, str(GENERATOR), str(tmp_path / name)], check=True)
    for file in (tmp_path / "first").iterdir():
        assert file.read_text() == (tmp_path / "second" / file.name).read_text()


@pytest.mark.parametrize("change, complaint", [
    (lambda entry: entry["fields"][0].update(colour="red"), "unknown word colour"),
    (lambda entry: entry["fields"][0].update(kind="list of Nonsense"), "unknown kind Nonsense"),
    (lambda entry: entry["fields"].append({"name": "name", "kind": "string"}), "stands there twice"),
    (lambda entry: entry["indexes"].update(Other={"kind": "string"}), "which is no field"),
    (lambda entry: [entry["fields"].append({"name": "Release", "kind": "version"}),
                    entry["indexes"].update(Release={"kind": "string"})], "compared as versions"),
    (lambda entry: entry["indexes"]["Name"].update(kind="version"), "compared as versions"),
    (lambda entry: entry["rules"].append({"check": "guess", "field": "Name"}), "unknown check guess"),
    (lambda entry: entry["rules"].append({"check": "name", "field": "Nome"}), "which is no field"),
    (lambda entry: entry["rules"].append({"check": "name", "field": "Name", "rule": "x"}), "unknown rule x"),
    (lambda entry: entry["creation"].append({"field": "Name", "values": 1}), "unknown word values"),
    (lambda entry: entry["creation"].append({"field": "Name", "value": 1, "from": "Name"}), "needs one of"),
    (lambda entry: entry["creation"].append({"field": "Meta.x", "from": "Mete.y"}), "Mete.y, which is no field"),
    (lambda entry: entry["rules"].append({"check": "reference", "field": "Name", "to": "x"}), "unknown collection x"),
    (lambda entry: entry["traits"].append("shiny"), "unknown word shiny"),
    (lambda entry: entry.update(owner="me"), "unknown word owner"),
])
def test_mistakes_in_the_schema_are_named(change, complaint):
    broken = copy.deepcopy(SCHEMA)
    change(broken.objects["machines"])
    with pytest.raises(generator.SchemaError, match=complaint):
        broken.check()


def test_openapi_document_is_sound():
    document = json.loads((ROOT / "schema/generated/openapi.json").read_text())
    known = set(document["components"]["schemas"])
    assert {entry["type"] for entry in SCHEMA.objects.values()} <= known
    assert set(SCHEMA.types) <= known
    references = set()

    def visit(node):
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                references.add(node["$ref"])
            for value in node.values():
                visit(value)
        elif isinstance(node, list):
            for value in node:
                visit(value)

    visit(document)
    for reference in references:
        target = document
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
    for prefix in SCHEMA.objects:
        assert {"get", "head"} <= set(document["paths"][f"/{prefix}"])
        assert {"get", "head"} <= set(document["paths"][f"/{prefix}/{{id}}"])
    text = json.dumps(document["components"]["schemas"]["User"])
    assert "PasswordHash" not in text and "Secret" not in text
