#!/usr/bin/env python3
"""Turns schema/routes.yaml into the C++ route table and the declarations of its handlers, and schema/metrics.yaml
into the table of metrics.

Refuses a route without a declared right, with a right no role could give (schema/scopes.yaml), with an unknown word,
or with an argument its path does not have.
Usage: generate_routes.py OUTPUT_DIRECTORY  (writes routes.inc, handlers.inc and metrics.inc)
"""
import pathlib
import re
import sys

import yaml

from arguments import asked_for

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEYS = {"handler", "methods", "path", "root", "collection", "right", "denied", "needs", "object", "remote", "body", "limit",
        "summary", "since", "mixed", "whole", "asks"}
DENIED = {"forbidden": "kForbidden", "not_found": "kNotFound", "filter": "kFilter", "fields": "kFields",
          "always": "kAlways", "created": "kCreated"}
REMOTE = {"local": "kLocal", "forward": "kForward", "decode": "kForwardDecode"}
BODY = {"none": "kNone", "json": "kJson", "stream": "kStream"}
NEEDS = {"": "kNothing", "meta": "kMeta", "params": "kParams", "actions": "kActions",
         "plugin_actions": "kPluginActions", "create": "kCreate", "update": "kUpdate", "delete": "kDelete"}
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}


def refuse(route, reason):
    sys.exit(f"routes.yaml: {route.get('methods')} {route.get('path')}: {reason}")


def arguments_of(path):
    return {name.rstrip(".") for name in re.findall(r"\{([a-z.]+)\}", path)}


def check(route):
    unknown = set(route) - KEYS
    if unknown:
        refuse(route, f"unknown keys {sorted(unknown)}")
    for key in ("handler", "methods", "path", "right", "summary", "since"):
        if not route.get(key):
            refuse(route, f"{key} is missing")
    if not set(route["methods"]) <= METHODS:
        refuse(route, "unknown method")
    if route.get("object") and not (route.get("collection") or "{prefix}" in route["path"]):
        refuse(route, "an object needs a {prefix} or a collection")
    known = arguments_of(route["path"]) | ({"key"} if route.get("object") else set())
    for name in re.findall(r"\{([a-z]+)\}", route["right"]):
        if name not in known:
            refuse(route, f"the right uses {{{name}}}, which the path does not have")
    for key, table in (("denied", DENIED), ("remote", REMOTE), ("body", BODY), ("needs", NEEDS)):
        if key in route and route[key] not in table:
            refuse(route, f"{key}: {route[key]} is none of {sorted(table)}")
    if route["right"] not in ("public", "authenticated") and len(route["right"].split()) not in (2, 3):
        refuse(route, "a right is public, authenticated or SCOPE ACTION [SPECIFIC]")


def check_asks(route, scopes):
    """What is asked beyond the right is a right that roles can give, too."""
    for asked in route.get("asks", []):
        words = asked.split()
        if len(words) not in (2, 3) or (len(words) == 3 and not words[2].startswith("?")):
            refuse(route, f"asks: {asked} is not SCOPE ACTION [?NAME]")
        if words[0] != "*":
            check_right({**route, "right": " ".join(words[:2])}, scopes)


def check_right(route, scopes):
    """A right that no claim can name could be given by the claim of everything alone."""
    if len(route["right"].split()) < 2:
        return
    scope, action = route["right"].split()[:2]
    general = scopes["general"]
    more = scopes["more"].get(scope, [])
    known = scopes["scopes"].get(scope, general + more)
    if scope == "{prefix}":
        known = general + [word for words in scopes["more"].values() for word in words]
    if action.split(":")[0] not in known:
        refuse(route, f"{scope} has no action {action}")


def row(route):
    right = route["right"]
    access = {"public": "kPublic", "authenticated": "kAuthenticated"}.get(right, "kRight")
    parts = (right.split() if access == "kRight" else []) + ["", "", ""]
    path = route["path"] if route.get("root") else "/api/v3" + route["path"]
    methods = " ".join(route["methods"])
    return (f'    {{"{methods}", "{path}", "{route.get("collection", "")}", "{route["handler"]}", Access::{access}, '
            f'"{parts[0]}", "{parts[1]}", "{parts[2]}", Denied::{DENIED[route.get("denied", "forbidden")]}, '
            f'Needs::{NEEDS[route.get("needs", "")]}, {"true" if route.get("object") else "false"}, '
            f'{"true" if route.get("mixed") else "false"}, {"true" if route.get("whole") else "false"}, "{";".join(route.get("asks", []))}", '
            f'Remote::{REMOTE[route.get("remote", "local")]}, BodyKind::{BODY[route.get("body", "none")]}, '
            f'{route.get("limit", 0)}, "{route["summary"]}", "{route["since"]}", &handlers::{route["handler"]}}},')


def metric_rows():
    kinds = {"counter": "Counter", "gauge": "Gauge", "histogram": "Histogram"}
    rows = []
    for metric in yaml.safe_load((ROOT / "schema" / "metrics.yaml").read_text())["metrics"]:
        kind = kinds[metric["kind"]]
        if (kind == "Counter") != metric["name"].endswith("_total"):
            sys.exit(f"metrics.yaml: {metric['name']}: counters, and only they, end in _total")
        rows.append(f'    {{"{metric["name"]}", prometheus::MetricType::{kind}, "{metric["help"]}"}},')
    return rows


def main():
    schema = yaml.safe_load((ROOT / "schema" / "routes.yaml").read_text())
    routes = schema["routes"]
    scopes = yaml.safe_load((ROOT / "schema" / "scopes.yaml").read_text())
    for route in routes:
        check(route)
        check_right(route, scopes)
        check_asks(route, scopes)
    output = pathlib.Path(asked_for(__doc__))
    output.mkdir(parents=True, exist_ok=True)
    handlers = sorted({route["handler"] for route in routes})
    (output / "routes.inc").write_text("\n".join(row(route) for route in routes) + "\n")
    (output / "metrics.inc").write_text("\n".join(metric_rows()) + "\n")
    (output / "handlers.inc").write_text(
        "".join(f"env::Task<Result<net::Response>> {name}(Call& call);\n" for name in handlers))


if __name__ == "__main__":
    main()
