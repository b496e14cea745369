"""What every generator does with a word that it does not know."""
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("generator", sorted((ROOT / "tools").glob("generate_*.py")), ids=lambda path: path.stem)
@pytest.mark.parametrize("words", [["--help"], ["--gold"], [], ["out", "more"]], ids=" ".join)
def test_a_word_that_means_nothing_writes_nothing(generator, words, tmp_path):
    done = subprocess.run([sys.executable, generator, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "usage" in done.stderr.lower()
    assert list(tmp_path.iterdir()) == []
