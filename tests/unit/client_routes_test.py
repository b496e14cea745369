"""Each route of the schema has a function in src/client, and no other source writes a path of the API by hand."""
import pathlib
import re
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import check_layers  # noqa: E402
import generate_client  # noqa: E402


@pytest.mark.parametrize("method, path, name", [
    ("GET", "/users/{id}/token", "get_users_token"),
    ("POST", "/{prefix}", "post_collection"),
    ("PATCH", "/{prefix}/{rest...}", "patch_object"),
    ("GET", "/meta/{prefix}/{rest...}", "get_meta_object"),
    ("POST", "/system/consensus/failOverSafe", "post_system_consensus_fail_over_safe"),
    ("GET", "/pools-active", "get_pools_active"),
])
def test_functions_are_named_by_method_and_words(method, path, name):
    assert generate_client.name_of(method, generate_client.pieces_of(path)) == name


def test_every_route_and_method_has_a_function():
    routes = yaml.safe_load((ROOT / "schema" / "routes.yaml").read_text())["routes"]
    wanted = sum(len(route["methods"]) for route in routes if not route.get("root"))
    made = [(signature, body) for _, signature, body in generate_client.functions()]
    assert len(made) == wanted
    assert len({signature for signature, _ in made}) == wanted


def test_arguments_are_encoded_as_their_place_asks():
    bodies = {re.match(r"Request (\w+)\(", signature).group(1) + str(signature.count("string_view")): body
              for _, signature, body in generate_client.functions()}
    assert bodies["get_users_token1"] == 'Maker::make("GET", {"/api/v3/users/", encoded_segment(id), "/token"})'
    assert bodies["put_files1"] == 'Maker::make("PUT", {"/api/v3/files/", encoded_rest(rest)})'
    assert bodies["get_info0"] == 'Maker::make("GET", {"/api/v3/info"})'


def test_two_routes_of_one_name_are_refused(monkeypatch):
    route = {"handler": "x", "methods": ["GET"], "summary": "s", "since": "0.1.0"}
    tables = {"routes.yaml": {"routes": [route | {"path": "/a/{id}"}, route | {"path": "/{what}/a"}]},
              "answers.yaml": {"handlers": {}}}
    monkeypatch.setattr(generate_client, "load", tables.__getitem__)
    with pytest.raises(SystemExit, match="would both be get_a"):
        list(generate_client.functions())


@pytest.mark.parametrize("line, refused", [
    ('request.target = "/api/v3/info";', True),
    ('fmt::format("/{}/api/v3/plans", owner);', True),
    ("request.target = client::get_info().target();", False),
    ('f();  // "/api/v3/info"', False),
])
def test_paths_by_hand_are_found(line, refused, tmp_path, monkeypatch):
    source = tmp_path / "src" / "room" / "file.cc"
    source.parent.mkdir(parents=True)
    source.write_text(line + "\n")
    monkeypatch.setattr(check_layers, "ROOT", tmp_path)
    monkeypatch.setattr(check_layers, "MAY_WRITE_PATHS", {})
    assert len(list(check_layers.paths_by_hand())) == refused
