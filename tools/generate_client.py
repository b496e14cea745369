#!/usr/bin/env python3
"""Turns schema/routes.yaml into one C++ function for each route and method, which makes the request for it: what src/client
offers to everything that speaks to a server. schema/answers.yaml says what bodies hold.

The name is the method and the plain words of the path: GET /users/{id}/token is get_users_token(id). {prefix} reads
`collection` at the end of a path and `object` before more. Refuses two routes that would get the same name and arguments.
Usage: generate_client.py OUTPUT_DIRECTORY  (writes declarations.inc and definitions.inc)
"""
import pathlib
import re
import sys

import yaml

from arguments import asked_for

ROOT = pathlib.Path(__file__).resolve().parent.parent


def load(name):
    return yaml.safe_load((ROOT / "schema" / name).read_text())


def word(text):
    """failOverSafe -> fail_over_safe, pools-active -> pools_active"""
    return re.sub(r"[^a-z0-9]", "_", re.sub(r"([a-z])([A-Z])", r"\1_\2", text).lower())


def pieces_of(path):
    """[("word", text) or ("segment" or "rest", argument)]"""
    pieces = []
    for part in path.strip("/").split("/"):
        argument = re.fullmatch(r"\{([a-z]+)(\.\.\.)?\}", part)
        kind = "word" if not argument else "rest" if argument.group(2) else "segment"
        pieces.append((kind, argument.group(1) if argument else part))
    return pieces


def name_of(method, pieces):
    words = []
    for number, (kind, text) in enumerate(pieces):
        if kind == "word":
            words.append(word(text))
        elif text == "prefix":
            words.append("object" if number + 1 < len(pieces) else "collection")
    return "_".join([method.lower(), *words]).rstrip("_")


def bodies(handler, answers):
    """What the request and its answer hold, in words of the schema."""
    known = answers.get(handler, {})
    told = [f"Takes {known['body']}."] if "body" in known else []
    shown = {kind for status, kind in known.get("answers", {}).items() if 200 <= status < 300 and kind != "none"}
    return " ".join(told + [f"Answers {' or '.join(sorted(shown))}."] if shown else told)


def functions():
    """(comment, signature, body) of each."""
    answers = load("answers.yaml")["handlers"]
    seen = {}
    for route in load("routes.yaml")["routes"]:
        if route.get("root"):
            continue  # for browsers and load balancers
        pieces = pieces_of(route["path"])
        arguments = [text for kind, text in pieces if kind != "word"]
        written = "/api/v3"
        parts = []
        for kind, text in pieces:
            written += "/" + (text if kind == "word" else "")
            if kind != "word":
                parts += [f'"{written}"', f"encoded_{kind}({text})"]
                written = ""
        if written:
            parts.append(f'"{written}"')
        for method in route["methods"]:
            name = name_of(method, pieces)
            if seen.setdefault((name, len(arguments)), route["path"]) != route["path"]:
                sys.exit(f"routes.yaml: {method} {route['path']} and {seen[name, len(arguments)]} would both be {name}()")
            comment = f"{method} {route['path']}: {route['summary']}. {bodies(route['handler'], answers)}".strip()
            signature = f"Request {name}({', '.join(f'std::string_view {argument}' for argument in arguments)})"
            yield comment, signature, f'Maker::make("{method}", {{{", ".join(parts)}}})'


def main():
    output = pathlib.Path(asked_for(__doc__))
    output.mkdir(parents=True, exist_ok=True)
    made = list(functions())
    (output / "declarations.inc").write_text("".join(f"/// {comment}\n{signature};\n" for comment, signature, _ in made))
    (output / "definitions.inc").write_text("".join(f"{signature} {{ return {body}; }}\n" for _, signature, body in made))


if __name__ == "__main__":
    main()
