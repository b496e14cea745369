"""What cargo resolved must be what the tree allows (tools/check_crates.py)."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import check_crates  # noqa: E402

CORE = ROOT / "src/cluster/raft_core"
LOCK = """version = 4

[[package]]
name = "raft_core"
version = "0.1.0"
dependencies = [
 "raft",
]

[[package]]
name = "raft"
version = "0.7.0"
source = "registry+somewhere"
checksum = "aa"

[[package]]
name = "slog"
version = "2.7.0"
source = "registry+somewhere"
checksum = "bb"
"""
LIST = "# a comment\nraft 0.7.0 aa\nslog 2.7.0 bb\n"


def test_equal_lists_pass_and_the_tree_itself_is_no_crate():
    assert check_crates.differences(LOCK, LIST) == []


def test_another_version_is_refused_from_both_sides():
    found = check_crates.differences(LOCK.replace("2.7.0", "2.8.0"), LIST)
    assert found == ["not allowed: slog 2.8.0 bb", "missing: slog 2.7.0 bb"]


def test_another_checksum_is_refused():
    assert len(check_crates.differences(LOCK.replace('"aa"', '"ab"'), LIST)) == 2


def test_a_crate_more_or_less_is_refused():
    assert check_crates.differences(LOCK, LIST + "prost 0.11.9 cc\n") == ["missing: prost 0.11.9 cc"]
    assert check_crates.differences(LOCK, "raft 0.7.0 aa\n") == ["not allowed: slog 2.7.0 bb"]


def test_a_crate_without_checksum_is_refused():
    lock = LOCK.replace('checksum = "bb"\n', "")
    assert "not allowed: slog 2.7.0 without-checksum" in check_crates.differences(lock, LIST)


def test_exit_code_and_writing(tmp_path):
    (tmp_path / "lock").write_text(LOCK)
    (tmp_path / "list").write_text("raft 0.7.0 aa\n")
    arguments = [str(tmp_path / "lock"), str(tmp_path / "list")]
    assert check_crates.main(arguments) == 1
    assert check_crates.main([*arguments, "--write"]) == 0
    assert check_crates.main(arguments) == 0


def test_cargo_toml_pins_every_crate_of_the_list_exactly():
    manifest = (CORE / "Cargo.toml").read_text()
    assert not re.findall(r'version = "[0-9^~*>]', manifest.split("[lib]")[1])
    for line in check_crates.allowed((CORE / "crates.sha256").read_text()):
        name, version, checksum = line.split()
        assert f'"={version.split("+")[0]}"' in manifest, name
        assert re.fullmatch("[0-9a-f]{64}", checksum)
