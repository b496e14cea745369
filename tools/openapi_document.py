"""The OpenAPI document: paths from schema/routes.yaml, what they take and answer from schema/answers.yaml, schemas from the types."""
import pathlib

import yaml

SCHEMA = pathlib.Path(__file__).resolve().parent.parent / "schema"
REFUSALS = {400: "malformed request", 401: "missing or wrong credentials", 403: "rights or licence missing", 404: "not found",
            406: "bad filter or undecodable patch", 409: "conflict", 413: "too large", 422: "validation failed", 423: "locked",
            429: "too many requests", 503: "owner unreachable or replica too old", 507: "storage full"}
RARE_REFUSALS = {412: "the file is another than the condition says", 416: "no such range", 502: "peer unreachable", 504: "peer too slow"}
NEEDS = {"create": "client_create", "update": "client_update", "delete": "client_delete", "params": "has_params",
         "meta": "has_meta"}
UNKNOWN_HANDLER = {"answers": {200: "any", 201: "any", 202: "any", 204: "none", 206: "bytes", 304: "none"}}


def json_schema_of_word(word, schema):
    if word.startswith("list of "):
        return {"type": "array", "items": json_schema_of_word(word[8:], schema)}
    if word.startswith("map of "):
        return {"type": "object", "additionalProperties": json_schema_of_word(word[7:], schema)}
    scalars = {"string": {"type": "string"}, "version": {"type": "string"},
               "uuid": {"type": "string", "format": "uuid"},
               "ip": {"type": "string", "format": "ipv4"}, "time": {"type": "string", "format": "date-time"},
               "bytes": {"type": "string", "format": "byte", "nullable": True}, "integer": {"type": "integer"},
               "number": {"type": "number"}, "boolean": {"type": "boolean"}, "any": {}}
    if word in scalars:
        return dict(scalars[word])
    name = schema.by_type[word]["type"] if word in schema.by_type else word
    return {"$ref": f"#/components/schemas/{name}"}


def json_schema_of_field(field, schema):
    word = field["kind"]
    if word.startswith("list of ") and word[8:] in schema.by_type:  # whole objects within one are kept as they came
        word = "list of map of any"
    out = json_schema_of_word(word, schema)
    extra = {}
    if field.get("nullable"):
        extra["nullable"] = True
    if field.get("read_only"):
        extra["readOnly"] = True
    if "default" in field:
        extra["default"] = field["default"]
    if field.get("enum") and isinstance(schema.enums.get(field["enum"]), list):
        extra["enum"] = schema.enums[field["enum"]]
    said = [field["note"]] if "note" in field else []
    said += [f"kept {field['kept']}"] if "kept" in field else []
    if said:
        extra["description"] = "; ".join(said)
    if "$ref" in out and extra:
        return {"allOf": [out], **extra}
    return {**out, **extra}


def component(fields, schema):
    return {"type": "object", "properties": {f["name"]: json_schema_of_field(f, schema) for f in fields}}


def components_of(schema):
    components = {name: json_schema_of_word(entry["alias"], schema) if "alias" in entry
                  else component(schema.nested_fields(name), schema) for name, entry in schema.types.items()}
    owner = {"name": "Endpoint", "kind": "string", "read_only": True}
    for entry in schema.objects.values():
        fields = entry["fields"] + ([owner] if "Owned" in entry["mixins"] else [])
        components[entry["type"]] = {"description": entry["documentation"],
                                     **component([f for f in fields if not f.get("secret")], schema)}
    components["PatchOperation"] = {
        "type": "object", "required": ["op", "path"],
        "properties": {"op": {"type": "string", "enum": ["add", "remove", "replace", "move", "copy", "test"]},
                       "path": {"type": "string"}, "from": {"type": "string"}, "value": {}}}
    return components


def answer(description, schema=None, media="application/json"):
    out = {"description": description}
    if schema is not None:
        out["content"] = {media: {"schema": schema}}
    return out


class Paths:
    """Collects operations; the first route of a path and method wins, as in the server."""

    def __init__(self, schema, traits_of):
        self.schema, self.traits_of = schema, traits_of
        told = yaml.safe_load((SCHEMA / "answers.yaml").read_text())
        self.handlers, self.query = told["handlers"], told["query"]
        self.paths = {}

    def check(self):
        """Unknown words of the query are named rather than left out."""
        for handler, told in self.handlers.items():
            unknown = set(told.get("query", [])) - set(self.query)
            if unknown or set(told) - {"answers", "body", "query", "errors"}:
                raise ValueError(f"answers.yaml: {handler}: unknown words {sorted(unknown) or sorted(told)}")

    def add_all(self):
        self.check()
        for route in yaml.safe_load((SCHEMA / "routes.yaml").read_text())["routes"]:
            if route.get("root"):
                continue  # beside the API: the server of the document is /api/v3
            if "{prefix}" not in route["path"]:
                self.add(route, route["path"], self.schema.objects.get(route.get("collection")))
                continue
            for entry in self.schema.objects.values():
                if self.exists(route.get("needs", ""), entry):
                    self.add(route, route["path"].replace("{prefix}", entry["prefix"]), entry)
        return dict(sorted(self.paths.items()))

    def exists(self, needs, entry):
        if needs in ("actions", "plugin_actions"):
            return "can_have_actions" in self.traits_of(entry) and entry["actions_path"] == needs
        return needs not in NEEDS or NEEDS[needs] in self.traits_of(entry)

    def add(self, route, path, entry):
        rest = "id" if route["path"].endswith("{prefix}/{rest...}") else "key" if "/params/" in path else "path"
        path = path.replace("{rest...}", f"{{{rest}}}")
        for method in route["methods"]:
            self.paths.setdefault(path, {}).setdefault(method.lower(), self.operation(route, method, path, entry))

    def operation(self, route, method, path, entry):
        told = self.handlers.get(route["handler"], UNKNOWN_HANDLER)
        refusals = [*REFUSALS, *told.get("errors", [])]
        out = {"summary": route["summary"], "tags": [entry["prefix"] if entry else path.split("/")[1] or "server"],
               "responses": {**{str(status): self.good(status, kind, method, entry) for status, kind in told["answers"].items()},
                             **{str(code): {"$ref": f"#/components/responses/Refused{code}"} for code in sorted(refusals)}}}
        parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                      for name in (part[1:-1] for part in path.split("/") if part.startswith("{"))]
        parameters += [{"name": name, "in": "query", "description": self.query[name]["says"],
                        "schema": {"type": self.query[name]["kind"]}} for name in told.get("query", [])]
        if parameters:
            out["parameters"] = parameters
        if "body" in told and method in ("POST", "PUT", "PATCH", "DELETE"):
            out["requestBody"] = {"content": self.content(told["body"], entry)}
        if route["right"] == "public":
            out["security"] = []
        elif route["right"] != "authenticated":
            out["x-right"] = route["right"].replace("{prefix}", entry["prefix"]) if entry else route["right"]
        return out

    def content(self, kind, entry):
        if kind == "bytes":
            return {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        if kind == "patch":
            return {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/PatchOperation"}}}}
        word = kind.replace("{type}", entry["type"]) if entry else kind
        return {"application/json": {"schema": json_schema_of_word(word, self.schema)}}

    def good(self, status, kind, method, entry):
        text = {101: "a websocket", 201: "created", 204: "done", 206: "a part", 304: "not changed"}.get(status, "done")
        if kind == "none" or method == "HEAD":
            return answer(text)
        return {"description": text, "content": self.content(kind, entry)}


def openapi(schema, traits_of):
    """The whole document. `traits_of` tells the traits of an object type."""
    error = {"$ref": "#/components/schemas/Error"}
    return {"openapi": "3.0.3", "info": {"title": "Mullion API", "version": "v3"},
            "servers": [{"url": "/api/v3"}], "paths": Paths(schema, traits_of).add_all(),
            "components": {"schemas": dict(sorted(components_of(schema).items())),
                           "responses": {f"Refused{code}": answer(text, error)
                                         for code, text in sorted({**REFUSALS, **RARE_REFUSALS}.items())},
                           "securitySchemes": {"basic": {"type": "http", "scheme": "basic"},
                                               "bearer": {"type": "http", "scheme": "bearer"}}},
            "security": [{"basic": []}, {"bearer": []}]}
