"""YAML as others read and write it: PyYAML, and yaml.v2 (what drpcli is made with) where Go is installed. No server is
needed: `contents bundle` reads a directory and writes one file, YAML or JSON as its name says."""
import functools
import json
import pathlib
import random
import shutil
import subprocess

import pytest
import yaml

from harness import BINARY

WORDS = ["on", "off", "Yes", "NO", "y", "N", "true", "null", "~", "", "012", "0o14", "0x1F", "0b1", "1_000", "1:20", "1:20.5", "1e3", "1e400", ".5", "1.",
         ".inf", "-.INF", "+.inf", ".nan", "2020-01-01", "2020-01-01 10:00:00", "2020-01-01T00:00:00Z", "=", "<<", "08", "1__0", "-0", "+1", "...", "---",
         "!a", "&a", "*a", "? a", "- a", "a: b", "a #b", "a:", " a", "a ", "{a", "[a", "a]", "%a", "@a", "`a", "|", ">", "'", '"', "\\"]
PIECES = WORDS + ["\u0085", "\u2028", "\u2029", "\ufeff", "\u0007", "\u007f", "\u009f", "\r", "\t", "\n", "\n\n", " ", "é", "☃", "\U0001f600", "x" * 90]
NUMBERS = [0, -1, 1, 2**53 + 1, 2**63 - 1, -2**63, 2**64 - 1, 0.1, -0.5, 1e22, 1e-7, 1.5e300, 123456789.125]


def generated(seed):
    random.seed(seed)

    def text():
        return random.choice([random.choice(WORDS), "".join(random.choice(PIECES) for _ in range(random.randrange(5)))])

    def value(depth):
        kind = random.randrange(8 if depth else 5)
        if kind < 3:
            return text()
        if kind == 3:
            return random.choice(NUMBERS)
        if kind == 4:
            return random.choice([True, False, None, [], {}])
        if kind == 5:
            return [value(depth - 1) for _ in range(random.randrange(4))]
        return {text() + "k" * random.choice([0, 0, 0, 1200]): value(depth - 1) for _ in range(random.randrange(4))}

    return {"texts": WORDS, "keys": {word: 1 for word in WORDS}, "numbers": NUMBERS, "deep": [value(4) for _ in range(300)]}


def bundle(tmp_path, file_name, text, output):
    directory = tmp_path / "pack"
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "profiles").mkdir(parents=True)
    (directory / "._Name.meta").write_text("round")
    (directory / "profiles" / file_name).write_text(text)
    done = subprocess.run([BINARY, "contents", "bundle", tmp_path / output, "--dir", directory], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return (tmp_path / output).read_text()


def params_of(pack):
    return pack["sections"]["profiles"]["p"]["Params"]


def written(tmp_path, params):
    return bundle(tmp_path, "p.json", json.dumps({"Name": "p", "Params": params}), "out.yaml")


def read(tmp_path, text):
    return params_of(json.loads(bundle(tmp_path, "p.yaml", text, "out.json")))


def same(got, wanted):
    """Equal, and numbers are numbers and booleans booleans."""
    assert json.dumps(got, sort_keys=True) == json.dumps(wanted, sort_keys=True)


@pytest.mark.parametrize("seed", range(4))
def test_pyyaml_reads_what_is_written(tmp_path, seed):
    params = generated(seed)
    same(params_of(yaml.safe_load(written(tmp_path, params))), params)


@pytest.mark.parametrize("style", ['"', "'", "|", ">"])
@pytest.mark.parametrize("flow", [True, False])
def test_what_pyyaml_writes_is_read(tmp_path, style, flow):
    """With a style for scalars PyYAML writes tags where the value is no text: !!int "5"."""
    for seed in range(3):
        params = generated(seed)
        text = yaml.safe_dump({"Name": "p", "Params": params}, default_style=style, default_flow_style=flow, allow_unicode=bool(seed % 2), width=60)
        same(read(tmp_path, text), yaml.safe_load(text)["Params"])  # PyYAML loses some line ends on its own way back


def test_aliases_and_merge_keys_mean_what_they_mean_to_pyyaml(tmp_path):
    text = """Name: p
Params:
  base: &base {a: 1, list: &list [x, *nothing, {b: 2}]}
  more: {<<: *base, a: 3, again: *list}
  both:
    <<: [{c: 1, d: 1}, {d: 2, e: 2}]
    e: 3
""".replace("*nothing", "y z")
    same(read(tmp_path, text), yaml.safe_load(text)["Params"])


GO = """package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"gopkg.in/yaml.v2"
)

func plain(value interface{}) interface{} {
	switch typed := value.(type) {
	case map[interface{}]interface{}:
		out := map[string]interface{}{}
		for key, inner := range typed {
			out[fmt.Sprint(key)] = plain(inner)
		}
		return out
	case []interface{}:
		for i := range typed {
			typed[i] = plain(typed[i])
		}
	}
	return value
}

// Reads JSON texts, a YAML document each, one a line; answers the JSON of each on a line, or null and why.
func main() {
	lines := bufio.NewReaderSize(os.Stdin, 1<<26)
	for {
		line, err := lines.ReadBytes('\\n')
		if err != nil {
			return
		}
		var text string
		var value interface{}
		if err := json.Unmarshal(line, &text); err != nil {
			panic(err)
		}
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			fmt.Printf("{\\"error\\":%q}\\n", err.Error())
			continue
		}
		out, err := json.Marshal(plain(value))
		if err != nil {
			fmt.Printf("{\\"error\\":%q}\\n", err.Error())
			continue
		}
		fmt.Println(string(out))
	}
}
"""


@pytest.fixture(scope="module")
def yaml_v2(tmp_path_factory):
    """A function that reads YAML texts as Go's yaml.v2 does."""
    go = shutil.which("go") or (pathlib.Path("/usr/local/go/bin/go").exists() and "/usr/local/go/bin/go")
    if not go:
        pytest.skip("there is no Go here")
    directory = tmp_path_factory.mktemp("go")
    (directory / "main.go").write_text(GO)
    (directory / "go.mod").write_text("module reader\n\ngo 1.17\n\nrequire gopkg.in/yaml.v2 v2.4.0\n")
    run = functools.partial(subprocess.run, cwd=directory, capture_output=True, text=True, timeout=240)
    if run([go, "mod", "tidy"]).returncode or run([go, "build", "-o", "reader"]).returncode:
        pytest.skip("Go's yaml.v2 cannot be had here")

    def documents(texts):
        answer = run([directory / "reader"], input="".join(json.dumps(text) + "\n" for text in texts))
        assert answer.returncode == 0, answer.stderr
        return [json.loads(line) for line in answer.stdout.split("\n")[:-1]]
    return documents


def test_yaml_v2_reads_what_is_written(tmp_path, yaml_v2):
    for seed in range(4):
        params = generated(seed)
        got = params_of(yaml_v2([written(tmp_path, params)])[0])
        # Go prints numbers in its own way and has no 64-bit floats of 22 digits; the values are equal.
        assert got == params


SCALARS = WORDS + ["yes", "No", "TRUE", "tRUE", "0", "-1", "007", "0X1f", "-0x10", "0b", "0x", "1_", "_1", "+0b1", "18446744073709551615", "18446744073709551616",
                   "-9223372036854775808", "1e-400", "1.5e3", "1.5E+3", "1e", ".e1", ".5e3", "12e03", "0.1", "1.2.3", "10.0.0.1", "00:11:22:33:44:55", "a_1"]


def test_scalars_are_read_as_yaml_v2_reads_them(tmp_path, yaml_v2):
    plain = [word for word in SCALARS if word.strip() == word and not set(word) & set("!&*?{[]%@`|>'\"\\#:") and word not in ("---", "...", "- a")]
    plain += ["1:20", "00:11:22:33:44:55"]
    documents = [f"- {word}\n" for word in plain]
    wanted = {word: value for word, value in zip(plain, yaml_v2(documents)) if isinstance(value, list)}
    assert set(plain) - set(wanted) <= {".inf", "-.INF", "+.inf", ".nan"}, "what JSON cannot say"
    listed = "".join(f"  - {word}\n" for word in wanted)
    got = read(tmp_path, f"Name: p\nParams:\n  all:\n{listed}")["all"]
    def number(value):  # as doubles: Go prints large ones with zeros
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value

    differing = [(word, value, mine) for (word, (value,)), mine in zip(wanted.items(), got)
                 if number(value) != number(mine) or isinstance(value, bool) != isinstance(mine, bool)]
    assert not differing
