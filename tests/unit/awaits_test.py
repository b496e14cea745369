"""What GCC 12 compiles wrongly in an expression with co_await is refused (tools/check_layers.py)."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "tools"))
import check_layers  # noqa: E402


@pytest.mark.parametrize("code, refused", [
    ("co_await put(body, {.limit = 1});", 1),
    ("co_return co_await put(\n    body,\n    {.limit = 1});", 1),
    ("co_await put({\n    first, second});", 1),
    ("co_await put({}, [&] { use(); });", 1),
    ("co_await put(body, limits);", 0),
    ("co_await ask(std::exchange(batch, {}));", 0),
    ("co_await run([&] { use({1, 2}); });", 0),
    ("co_await put(uint64_t{1});\nuse({1, 2});", 0),
    ("co_await first(one) ;  // (, {.in a comment", 0),
    ("co_await send(R\"({\"a\":1})\", false);", 0),
    ("if (co_await asked()) return;", 1),
    ("co_await open(link, [login = access.login] { return login->text(); });", 1),
    ("co_await open(\n    link,\n    [&link, login] { return login->text(); });", 1),
    ("co_await run([=] { use(); });", 1),
    ("co_await run([this, &link] { use(link); });", 0),
    ("co_await run([this] { use(); });", 0),
    ("co_await shown[index];", 0),
    ("co_await run(shown);\nrun([login] { use(login); });", 0),
])
def test_awaits_that_are_compiled_wrongly(tmp_path, monkeypatch, code, refused):
    (tmp_path / "src").mkdir()
    (tmp_path / "src/one.cc").write_text(code)
    monkeypatch.setattr(check_layers, "ROOT", tmp_path)
    assert len(list(check_layers.conditional_awaits())) == refused
