#!/usr/bin/env python3
"""Makes tables, documents and client types from the object types in schema/.

usage: generate_schema.py OUTPUT_DIRECTORY   write the C++ tables (object_types.inc, openapi.inc)
       generate_schema.py --golden           renew the files that are checked in
       generate_schema.py --check            fail when a checked-in file is not what --golden would write
"""
import json
import pathlib
import re
import sys

import yaml

from arguments import asked_for

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from openapi_document import openapi  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "schema"

SCALARS = {"string": "kString", "uuid": "kString", "ip": "kString", "time": "kString", "bytes": "kString",
           "version": "kString", "integer": "kInteger", "number": "kNumber", "boolean": "kBoolean", "any": "kAny"}
FORMATS = {"uuid": "uuid", "ip": "ip", "time": "rfc3339", "bytes": "bytes"}
INDEX_TEXT = {"string": ("kString", "string"), "boolean": ("kBoolean", "boolean"), "uuid": ("kUuid", "UUID string"),
              "ip": ("kIp", "IP Address"), "cidr": ("kCidr", "CIDR Address"), "time": ("kTime", "dateTime"),
              "expiry": ("kTime", "Date/Time string"), "list": ("kList", "list"), "number": ("kNumber", "number"),
              "version": ("kVersion", "string"), "device": ("kDevice", "string"), "devices": ("kDevices", "list")}
TRAITS = ["has_meta", "meta_api", "has_validation", "has_read_only", "has_endpoint", "has_bundle", "has_partial",
          "has_params", "has_profiles", "has_boot_env", "has_tasks", "can_have_actions", "name_settable",
          "client_create", "client_update", "client_delete", "free_form", "replicated"]
MIXIN_TRAITS = {"Meta": "has_meta", "Validation": "has_validation", "Access": "has_read_only",
                "Owned": "has_endpoint", "Bundled": "has_bundle", "Partialed": "has_partial"}
IN_FRONT = {"Stamped"}  # mixins whose fields come before those of the type


FREE_TRAITS = {"meta_api", "has_params_api", "has_profiles", "has_boot_env", "has_tasks", "runs_tasks",
               "can_have_actions", "name_settable", "client_create", "client_update", "client_delete", "free_form"}
OBJECT_WORDS = {"type", "prefix", "documentation", "note", "key", "mixins", "traits", "actions_path", "replicated",
                "fields", "rules", "indexes", "rights_by", "licence", "creation"}
FIELD_WORDS = {"name", "kind", "format", "width", "default", "fill_empty", "enum", "required", "read_only",
               "omit_empty", "nullable", "secret", "note",
               "kept"}  # by whom, although clients may write it as the contract has it: no form offers it
INDEX_WORDS = {"kind", "path", "unique", "unordered", "regex"}
RULES = {"name": "kName", "entries": "kEntries", "keys": "kKeys", "reference": "kReference",
         "references": "kReferences", "one_of": "kOneOf", "entries_one_of": "kEntriesOneOf",
         "keys_one_of": "kKeysOneOf", "hook": "kHook"}
CREATION_WORDS = {"field", "value", "from", "hook", "always"}
RULE_WORDS = {"check", "field", "rule", "to", "message", "optional", "unique", "unless", "soft", "hook"}


class SchemaError(Exception):
    """The schema says something that means nothing."""


def load(name):
    return yaml.safe_load((SCHEMA / name).read_text())


def refuse_unknown(where, entry, known):
    unknown = set(entry) - known
    if unknown:
        raise SchemaError(f"{where}: unknown word {', '.join(sorted(unknown))}")


class Schema:
    """Everything in schema/, with mixins already flattened into their types."""

    def __init__(self):
        self.mixins = load("mixins.yaml")
        self.types = load("types.yaml")
        self.enums = load("enums.yaml")
        self.names = load("names.yaml")
        self.objects = {}
        for path in sorted((SCHEMA / "objects").glob("*.yaml")):
            entry = self.flattened(path.name, yaml.safe_load(path.read_text()))
            if entry["prefix"] != path.stem:
                raise SchemaError(f"{path.name} describes {entry['prefix']}: file name and prefix must agree")
            self.objects[entry["prefix"]] = entry
        self.generic = self.flattened("generic.yaml", load("generic.yaml"))
        self.by_type = {entry["type"]: entry for entry in self.objects.values()}
        self.scopes = load("scopes.yaml")
        self.check()

    def flattened(self, where, entry):
        for mixin in entry["mixins"]:
            if mixin not in IN_FRONT | set(MIXIN_TRAITS):
                raise SchemaError(f"{where}: unknown mixin {mixin}")
            shared = self.mixins.get(mixin, {"fields": []})
            both = [shared["fields"], entry["fields"]] if mixin in IN_FRONT else [entry["fields"], shared["fields"]]
            entry["fields"] = both[0] + both[1]
            if "indexes" in entry:
                entry["indexes"] = entry["indexes"] | shared.get("indexes", {})
        entry["rules"] = entry.get("rules", [])
        entry["creation"] = entry.get("creation", [])
        return entry

    def check(self):
        self.check_object("generic.yaml", self.generic)
        for prefix, entry in self.objects.items():
            self.check_object(f"objects/{prefix}.yaml", entry)
        for name, entry in self.types.items():
            refuse_unknown(f"types.yaml: {name}", entry, {"fields", "embeds", "alias", "note"})
            self.check_fields(f"types.yaml: {name}", self.nested_fields(name))

    def check_object(self, where, entry):
        refuse_unknown(where, entry, OBJECT_WORDS)
        refuse_unknown(f"{where}: traits", entry["traits"], FREE_TRAITS)
        self.check_fields(where, entry["fields"])
        names = {field["name"] for field in entry["fields"]}
        if entry["key"]["field"] not in names:
            raise SchemaError(f"{where}: the key {entry['key']['field']} is no field")
        if entry.get("rights_by", "") not in {"", *entry.get("indexes", {})}:
            raise SchemaError(f"{where}: rights_by {entry['rights_by']} is no index")
        for name, index in entry.get("indexes", {}).items():
            refuse_unknown(f"{where}: index {name}", index, INDEX_WORDS)
            path = index.get("path", name)
            if not path.startswith("@") and path.split(".")[0] not in names:
                raise SchemaError(f"{where}: index {name} reads {path}, which is no field")
            if (index["kind"] == "version") != (self.kind_at(entry["fields"], path) == "version"):
                raise SchemaError(f"{where}: index {name}: versions, and only they, are compared as versions")
        for rule in entry["rules"]:
            self.check_rule(where, rule, names)
        for line in entry["creation"]:
            self.check_creation(where, line, names)

    def kind_at(self, fields, path):
        """The kind of the field that a dotted path leads to; None for what is no field of a known type."""
        head, _, rest = path.partition(".")
        kind = next((field["kind"] for field in fields if field["name"] == head), None)
        if rest == "":
            return kind
        return self.kind_at(self.nested_fields(kind), rest) if self.is_nested(kind) else None

    def check_creation(self, where, line, names):
        refuse_unknown(f"{where}: creation", line, CREATION_WORDS)
        if len({"value", "from", "hook"} & set(line)) != 1:
            raise SchemaError(f"{where}: creation of {line['field']}: needs one of value, from and hook")
        for path in (line["field"], line.get("from", line["field"])):
            if path.split(".")[0] not in names:
                raise SchemaError(f"{where}: creation of {path}, which is no field")

    def check_rule(self, where, rule, names):
        refuse_unknown(f"{where}: rule", rule, RULE_WORDS)
        if rule["check"] not in RULES:
            raise SchemaError(f"{where}: unknown check {rule['check']}")
        if rule["check"] == "hook":
            return
        if rule["field"] not in names:
            raise SchemaError(f"{where}: rule about {rule['field']}, which is no field")
        words = self.enums if rule["check"].endswith("one_of") else self.names
        if "rule" in rule and rule["rule"] not in words:
            raise SchemaError(f"{where}: rule about {rule['field']}: unknown rule {rule['rule']}")
        if "to" in rule and rule["to"] not in self.objects:
            raise SchemaError(f"{where}: rule about {rule['field']}: unknown collection {rule['to']}")

    def check_fields(self, where, fields):
        seen = set()
        for field in fields:
            refuse_unknown(f"{where}: field {field['name']}", field, FIELD_WORDS)
            if field["name"].lower() in seen:
                raise SchemaError(f"{where}: field {field['name']} stands there twice")
            seen.add(field["name"].lower())
            if "enum" in field and field["enum"] not in self.enums:
                raise SchemaError(f"{where}: field {field['name']}: unknown enum {field['enum']}")
            word = field["kind"].rpartition(" of ")[2]
            if word not in SCALARS and word not in self.types and word not in self.by_type:
                raise SchemaError(f"{where}: field {field['name']}: unknown kind {word}")

    def nested_fields(self, name):
        fields = list(self.types[name].get("fields", []))
        for embedded in reversed(self.types[name].get("embeds", [])):
            fields = self.nested_fields(embedded) + fields
        return fields

    def is_nested(self, name):
        return name in self.types


def split_kind(kind):
    """"list of X" -> (kArray, X); "map of X" -> (kObject, X); scalar -> (kind, None); type name -> (kObject, None)."""
    if kind.startswith("list of "):
        return "kArray", kind[8:]
    if kind.startswith("map of "):
        return "kObject", kind[7:]
    return SCALARS.get(kind, "kObject"), None


def quoted(text):
    return json.dumps(str(text), ensure_ascii=False)


def flag(value):
    return "true" if value else "false"


# --- C++ tables ---------------------------------------------------------------------------------------------------

def cpp_field(field):
    kind, item = split_kind(field["kind"])
    reference = field["kind"] if item is None and field["kind"] not in SCALARS else ""
    item_kind = "kAny" if item is None else split_kind(item)[0]
    is_type = item is not None and item not in SCALARS and " of " not in item
    item_reference = item if is_type else ""
    default = json.dumps(field["default"]) if "default" in field else ""
    return (f'{{{quoted(field["name"])}, FieldKind::{kind}, {quoted(FORMATS.get(field["kind"], field.get("format", "")))}, '
            f'{quoted(reference)}, FieldKind::{item_kind}, {quoted(item_reference)}, {quoted(default)}, '
            f'{quoted(field.get("enum", ""))}, {flag(field.get("read_only"))}, {flag(field.get("omit_empty"))}, '
            f'{flag(field.get("nullable"))}, {flag(field.get("secret"))}, {flag(field.get("fill_empty"))}, '
            f'{flag(field.get("required"))}}}')


def cpp_index(name, index):
    kind, text = INDEX_TEXT[index["kind"]]
    return (f'{{{quoted(name)}, IndexKind::{kind}, {quoted(text)}, {quoted(index.get("path", name))}, '
            f'{flag(index.get("unique"))}, {flag(index.get("unordered"))}, {flag(index.get("regex"))}}}')


def cpp_rule(rule):
    return (f'{{RuleKind::{RULES[rule["check"]]}, {quoted(rule.get("field", ""))}, '
            f'{quoted(rule.get("rule", rule.get("hook", "")))}, '
            f'{quoted(rule.get("to", ""))}, {quoted(rule.get("message", ""))}, {flag(rule.get("optional"))}, '
            f'{flag(rule.get("unique"))}, {quoted(rule.get("unless", ""))}, {flag(rule.get("soft"))}}}')


def cpp_creation(line):
    value = json.dumps(line["value"]) if "value" in line else ""
    return (f'{{{quoted(line["field"])}, {quoted(value)}, {quoted(line.get("from", ""))}, '
            f'{quoted(line.get("hook", ""))}, {flag(line.get("always"))}}}')


def cpp_array(kind, name, items):
    if not items:
        return f"constexpr std::span<const {kind}> {name};\n"
    return f"constexpr {kind} {name}[] = {{\n  " + ",\n  ".join(items) + "};\n"


def identifier(text):
    return "k" + re.sub(r"[^A-Za-z0-9]", "", text.title())


def traits_of(entry):
    wanted = set(entry["traits"]) | {MIXIN_TRAITS[mixin] for mixin in entry["mixins"] if mixin in MIXIN_TRAITS}
    if "has_params_api" in wanted:
        wanted.add("has_params")
    if entry["replicated"]:
        wanted.add("replicated")
    return wanted


def cpp_object_type(base, entry):
    """The arrays of one type, and its row in the table of types."""
    fields = [cpp_field(f) for f in entry["fields"]]
    indexes = [cpp_index(name, index) for name, index in sorted(entry.get("indexes", {}).items())]
    arrays = (cpp_array("Field", f"{base}Fields", fields) + cpp_array("Index", f"{base}Indexes", indexes)
              + cpp_array("Rule", f"{base}Rules", [cpp_rule(rule) for rule in entry["rules"]])
              + cpp_array("Creation", f"{base}Creation", [cpp_creation(line) for line in entry["creation"]]))
    wanted = traits_of(entry)
    traits = ", ".join(flag(trait in wanted) for trait in TRAITS)
    return arrays, (f'{{{quoted(entry["type"])}, {quoted(entry["prefix"])}, {quoted(entry["key"]["field"])}, '
                    f'{quoted(entry["key"]["kind"])}, {quoted(entry["key"].get("rule", ""))}, '
                    f'{quoted(entry["documentation"])}, {{{traits}, {quoted(entry.get("actions_path", ""))}}}, '
                    f'{base}Fields, {base}Indexes, {base}Rules, {quoted(entry.get("rights_by", ""))}, '
                    f'{quoted(entry.get("licence", ""))}, {base}Creation}}')


def cpp_tables(schema):
    out = ["// Made by tools/generate_schema.py from schema/.\n"]
    for name in sorted(schema.types):
        out.append(cpp_array("Field", f"kNested{name}Fields", [cpp_field(f) for f in schema.nested_fields(name)]))
    out.append(cpp_array("NestedType", "kNestedTypes", [
        f"{{{quoted(name)}, kNested{name}Fields}}" for name in sorted(schema.types)]))
    rows = []
    for prefix, entry in schema.objects.items():
        arrays, row = cpp_object_type(identifier(prefix), entry)
        out.append(arrays)
        rows.append(row)
    out.append(cpp_array("ObjectType", "kObjectTypes", rows))
    arrays, row = cpp_object_type("kGeneric", schema.generic)
    out.append(f"{arrays}constexpr ObjectType kGenericType = {row};\n")
    kept = [f["name"] for mixin in schema.mixins.values() for f in mixin["fields"] if f.get("read_only")]
    out.append(cpp_array("std::string_view", "kBookkeeping", [quoted(name) for name in kept]))
    out.append(cpp_array("NameRule", "kNameRules", [
        f"{{{quoted(name)}, {quoted(regex)}}}" for name, regex in sorted(schema.names.items())]))
    words = []
    for name, values in sorted(schema.enums.items()):
        if isinstance(values, dict):
            words += [f"{{{quoted(name)}, {quoted(alias)}, {quoted(canonical)}}}"
                      for canonical, aliases in values.items() for alias in aliases]
        else:
            words += [f'{{{quoted(name)}, {quoted(value)}, {quoted(value)}}}' for value in values]
    out.append(cpp_array("EnumWord", "kEnumWords", words))
    out.append(cpp_scopes(schema))
    return "".join(out)


def cpp_scopes(schema):
    """Scope of claims -> its actions; "" stands for types that plugins declare."""
    general, more = schema.scopes["general"], schema.scopes["more"]
    table = {prefix: general + more.get(prefix, []) for prefix in schema.objects} | schema.scopes["scopes"]
    table[""] = general + more["generic"]
    out, rows = "", []
    for number, (scope, actions) in enumerate(sorted(table.items())):
        out += cpp_array("std::string_view", f"kScopeActions{number}", [quoted(action) for action in actions])
        rows.append(f"{{{quoted(scope)}, kScopeActions{number}}}")
    return out + cpp_array("ClaimScope", "kClaimScopes", rows)


def cpp_text(text):
    """A long text as C++ string literals, kept below the compiler's limit for one literal."""
    pieces = [text[i:i + 8000] for i in range(0, len(text), 8000)]
    return "\n".join(f'R"mullion({piece})mullion"' for piece in pieces) + "\n"


# --- OpenAPI ------------------------------------------------------------------------------------------------------

# --- TypeScript and reference -------------------------------------------------------------------------------------

def typescript_word(word, schema):
    scalars = {"string": "string", "uuid": "string", "ip": "string", "time": "string", "bytes": "string",
               "version": "string", "integer": "number", "number": "number", "boolean": "boolean", "any": "unknown"}
    if word in scalars:
        return scalars[word]
    if word.startswith("list of "):
        return f"{typescript_word(word[8:], schema)}[]"
    if word.startswith("map of "):
        return f"Record<string, {typescript_word(word[7:], schema)}>"
    return word if word in schema.types or word in schema.by_type else "unknown"


def typescript(schema):
    out = ["// Made by tools/generate_schema.py from schema/: do not edit.\n"]

    def interface(name, fields, doc=""):
        lines = [f"/** {doc} */"] if doc else []
        lines.append(f"export interface {name} {{")
        for field in fields:
            word = typescript_word(field["kind"], schema) + (" | null" if field.get("nullable") else "")
            mark = "?" if field.get("omit_empty") else ""
            readonly = "readonly " if field.get("read_only") else ""
            if "note" in field:
                lines.append(f"  /** {field['note']} */")
            lines.append(f"  {readonly}{field['name']}{mark}: {word};")
        lines.append("}\n")
        out.append("\n".join(lines))

    for name in sorted(schema.types):
        if "alias" in schema.types[name]:
            out.append(f"export type {name} = {typescript_word(schema.types[name]['alias'], schema)};\n")
        else:
            interface(name, schema.nested_fields(name))
    owner = {"name": "Endpoint", "kind": "string", "read_only": True}
    for prefix, entry in schema.objects.items():
        fields = entry["fields"] + ([owner] if "Owned" in entry["mixins"] else [])
        shown = [f for f in fields if not f.get("secret")]
        interface(entry["type"], shown, f"{entry['documentation']} Collection `{prefix}`.")
    pairs = "\n".join(f"  {prefix}: {entry['type']};" for prefix, entry in schema.objects.items())
    out.append(f"/** Collection prefix to object type. */\nexport interface Collections {{\n{pairs}\n}}\n")
    return "\n".join(out)


# --- what the web interface knows of types and routes --------------------------------------------------------------

def interface_field(field, schema):
    """One field as the interface needs it; what is false or empty is left out."""
    shown = {"name": field["name"], "kind": field["kind"]}
    shown |= {"readOnly": True} if field.get("read_only") or field.get("kept") else {}
    shown |= {"kept": field["kept"]} if field.get("kept") else {}
    shown |= {"required": True} if field.get("required") else {}
    shown |= {"secret": True} if field.get("secret") else {}
    enum = schema.enums.get(field.get("enum"))
    shown |= {"enum": list(enum)} if enum else {}
    return shown | ({"note": field["note"]} if "note" in field else {})


def interface_references(entry):
    """Field -> collection whose keys it holds."""
    return {rule["field"]: rule["to"] for rule in entry["rules"] if rule["check"] in ("reference", "references")}


def interface_type(entry, schema):
    references = interface_references(entry)
    fields = [interface_field(field, schema) | ({"to": references[field["name"]]} if field["name"] in references else {})
              for field in entry["fields"]]
    indexes = {name: {"kind": index["kind"]} | ({"path": index["path"]} if "path" in index else {})
               | ({"unordered": True} if index.get("unordered") else {}) | ({"regex": True} if index.get("regex") else {})
               | ({"unique": True} if index.get("unique") else {}) for name, index in sorted(entry.get("indexes", {}).items())}
    traits = [trait for trait in TRAITS if trait in traits_of(entry)]
    return {"type": entry["type"], "prefix": entry["prefix"], "key": entry["key"]["field"],
            "documentation": entry["documentation"], "rightsBy": entry.get("rights_by", ""), "traits": traits,
            "fields": fields, "indexes": indexes}


def interface_routes():
    return [{"methods": route["methods"], "path": route["path"], "right": route["right"],
             "root": bool(route.get("root"))} for route in load("routes.yaml")["routes"]]


def interface_table(schema):
    """ux/src/api/schema.ts: one line for each type and route, so that a change is seen where it is."""
    def line(value):
        return json.dumps(value, ensure_ascii=False)
    types = "\n".join(f"  {line(prefix)}: {line(interface_type(entry, schema))},"
                      for prefix, entry in schema.objects.items())
    routes = "\n".join(f"  {line(route)}," for route in interface_routes())
    return f"""// Made by tools/generate_schema.py from schema/: do not edit.

export interface FieldInfo {{
  name: string;
  /** "string", "list of string", "map of any", a nested type, ... */
  kind: string;
  /** no form offers it */
  readOnly?: boolean;
  /** who keeps it: what clients write is accepted, and replaced or of no use */
  kept?: string;
  required?: boolean;
  secret?: boolean;
  /** the words it may hold */
  enum?: string[];
  /** the collection whose keys it holds */
  to?: string;
  note?: string;
}}

export interface IndexInfo {{
  kind: string;
  /** where the value is in the object, when that is not the index's own name; @ stands for what no field holds */
  path?: string;
  unordered?: boolean;
  regex?: boolean;
  unique?: boolean;
}}

export interface TypeInfo {{
  type: string;
  prefix: string;
  key: string;
  documentation: string;
  /** the index that rights name objects by, when it is not the key */
  rightsBy: string;
  traits: string[];
  fields: FieldInfo[];
  indexes: Record<string, IndexInfo>;
}}

export interface RouteInfo {{
  methods: string[];
  path: string;
  right: string;
  root: boolean;
}}

export const TYPES: Record<string, TypeInfo> = {{
{types}
}};

/** What every type that plugins declare has. */
export const GENERIC: TypeInfo = {line(interface_type(schema.generic, schema))};

/** In order of precedence; paths are below /api/v3 unless `root`. */
export const ROUTES: RouteInfo[] = [
{routes}
];
"""


def rule_text(rule):
    if rule["check"] == "hook":
        return rule["hook"].replace("_", " ")
    words = {"name": "is a name like", "entries": "entries are names like", "keys": "keys are names like",
             "reference": "exists in", "references": "all exist in", "one_of": "is one of",
             "entries_one_of": "entries are of", "keys_one_of": "keys are of"}
    return f"{rule['field']} {words[rule['check']]} {rule.get('rule') or rule.get('to')}"


def creation_text(line):
    what = line["hook"].replace("_", " ") if "hook" in line else \
        f"`{line['from']}`" if "from" in line else f"`{json.dumps(line['value'])}`"
    return f"{line['field']} becomes {what}" + ("" if line.get("always") else " when it is empty")


def reference_head(entry):
    verbs = ", ".join(verb for verb in ("create", "update", "delete") if f"client_{verb}" in entry["traits"])
    return [f"Clients may: {verbs or 'read only'}. Replicated to managers: {'yes' if entry['replicated'] else 'no'}.", "",
            "| field | kind | notes |", "|---|---|---|"]


def reference(schema):
    lines = ["# Object types", "", "Made from `schema/objects/`; renew with `./x fix`.", ""]
    for prefix, entry in schema.objects.items():
        lines += [f"## {prefix}", "", f"{entry['documentation']} Type {entry['type']}, key `{entry['key']['field']}`"
                  + (f"; {entry['note']}." if entry.get("note") else "."), ""] + reference_head(entry)
        for field in entry["fields"]:
            notes = [word for word, given in [
                ("read only", field.get("read_only")), (f"kept {field.get('kept')}", field.get("kept")), ("left out when empty", field.get("omit_empty")),
                ("secret: never shown", field.get("secret")), ("may be null", field.get("nullable"))] if given]
            if "default" in field:
                notes.append(f"default `{json.dumps(field['default'])}`"
                             + (", also for an empty value" if field.get("fill_empty") else ""))
            if field.get("enum"):
                notes.append(f"one of {field['enum']}")
            if "note" in field:
                notes.append(field["note"].replace("|", "\\|"))
            lines.append(f"| {field['name']} | {field['kind']} | {', '.join(notes)} |")
        if entry.get("indexes"):
            names = []
            for name, index in sorted(entry["indexes"].items()):
                names.append(f"{name} ({index['kind']}{', unique' if index.get('unique') else ''})")
            lines += ["", "Indexes: " + ", ".join(names) + "."]
        if entry["rules"]:
            lines += ["", "Rules: " + "; ".join(rule_text(rule) for rule in entry["rules"]) + "."]
        if entry["creation"]:
            lines += ["", "At creation: " + "; ".join(creation_text(line) for line in entry["creation"]) + "."]
        lines.append("")
    lines += ["## Words", "", "| name | words |", "|---|---|"]
    lines += [f"| {name} | {', '.join(words)} |" for name, words in schema.enums.items()]
    lines += ["", "## Names", "", "| rule | expression |", "|---|---|"]
    lines += [f"| {name} | `{rule}` |".replace("+|", "+\\|").replace("L|", "L\\|") for name, rule in schema.names.items()]
    lines.append("")
    return "\n".join(lines)


def document_text(document):
    """JSON with one line for each operation and schema: short, and a change is seen where it is."""
    def section(name, members, indent):
        lines = ",\n".join(f"{indent} {json.dumps(key)}: {json.dumps(value)}" for key, value in members.items())
        return f"{indent}{json.dumps(name)}: {{\n{lines}\n{indent}}}"

    paths = ",\n".join(section(path, operations, "  ") for path, operations in document["paths"].items())
    components = ",\n".join(section(name, members, "  ") for name, members in document["components"].items())
    rest = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in document.items()
                      if key not in ("paths", "components"))
    return f'{{\n{rest},\n "paths": {{\n{paths}\n }},\n "components": {{\n{components}\n }}\n}}\n'


def golden(schema):
    return {"schema/generated/openapi.json": document_text(openapi(schema, traits_of)),
            "ux/src/api/types.ts": typescript(schema),
            "ux/src/api/schema.ts": interface_table(schema),
            "docs/reference/objects.md": reference(schema)}


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main():
    wanted = asked_for(__doc__, "--golden", "--check")
    try:
        schema = Schema()
    except SchemaError as error:
        sys.exit(f"schema: {error}")
    if wanted == "--golden":
        for name, text in golden(schema).items():
            write(ROOT / name, text)
    elif wanted == "--check":
        stale = [name for name, text in golden(schema).items()
                 if not (ROOT / name).exists() or (ROOT / name).read_text() != text]
        if stale:
            sys.exit("not up to date, run ./x fix: " + ", ".join(stale))
    else:
        output = pathlib.Path(wanted)
        write(output / "object_types.inc", cpp_tables(schema))
        write(output / "openapi.inc", cpp_text(json.dumps(openapi(schema, traits_of), separators=(",", ":"))))


if __name__ == "__main__":
    main()
