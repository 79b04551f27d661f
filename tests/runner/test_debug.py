"""`--debug` shows where an error came from; without it, every error of a run is a line or two."""

from pathlib import Path

import pytest
from runner_support import numbers, run_faulty, write_suite

import fortifai
from fortifai.cli import main
from fortifai.errors import RunFailed

pytestmark = pytest.mark.usefixtures("plugged")

TRACEBACK = "Traceback (most recent call last):"


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def call(*words: object) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["fortifai", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), capsys.readouterr().err

    return call


def chain_words(folder: Path, *words: str) -> tuple[object, ...]:
    """Return a command that runs two chains of the adapter that fails on demand, in this process."""
    suite = write_suite(folder, "faulty", ("ce", "focal:gamma=1,scale=relative"), ("replace", "control"))
    return ("run", suite, "--out", folder, "--seeds", 1, "--strategy", "replace", "--executor", "in-process", *words)


def test_the_traceback_of_a_chain_that_failed_is_shown(call, tmp_path, monkeypatch):
    monkeypatch.setenv("FAULTY", "1")
    monkeypatch.setattr("traceback.print_exc", lambda: None)  # what workers write into their log, here by this process
    code, plain = call(*chain_words(tmp_path))
    assert (code, TRACEBACK in plain) == (1, False)
    code, shown = call(*chain_words(tmp_path, "--debug"))
    assert code == 1
    assert TRACEBACK in shown
    assert "in fit" in shown
    assert 'raise RuntimeError("the model fell over")' in shown
    assert shown.endswith("the same command resumes it\n")


def test_python_shows_it_too(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FAULTY", "1")
    monkeypatch.setattr("traceback.print_exc", lambda: None)
    with pytest.raises(RunFailed):
        run_faulty(tmp_path, "focal:gamma=1,scale=relative", debug=True)
    assert "in fit" in capsys.readouterr().err


def test_the_traceback_of_a_null_that_was_not_measured_is_shown(call, tmp_path, monkeypatch):
    def fall_over(*_: object) -> None:
        raise RuntimeError("no null\x1b[2J")

    monkeypatch.setattr("fortifai.runner.worker.measure_nulls", fall_over)
    monkeypatch.setattr("traceback.print_exc", lambda: None)
    message = "fortifai: the null of regime 'small' was not measured: RuntimeError: no null\\x1b[2J\n"
    assert call(*chain_words(tmp_path)) == (1, message)
    code, shown = call(*chain_words(tmp_path, "--debug"))
    assert code == 1
    assert "in fall_over" in shown
    assert shown.endswith(message)
    assert "\x1b" not in shown


def test_the_cause_of_a_refusal_is_shown(call, tmp_path, plugin, monkeypatch):
    (plugin / "broken_adapter.py").write_text("def load():\n    raise OSError('no such device')\nload()\n")
    (plugin / "broken_declaration.py").write_text(
        "from dataclasses import replace\nfrom fortifai.modalities.tabular import declaration as tabular\n"
        'declaration = replace(tabular, name="broken", adapter="broken_adapter:Adapter")\n'
    )
    from fortifai.contract.declaration import modalities

    monkeypatch.setitem(modalities._entries, "broken", "broken_declaration:declaration")
    suite = write_suite(tmp_path, "broken")
    code, plain = call("plan", suite)
    assert (code, plain.count("\n")) == (2, 1)
    code, shown = call("plan", suite, "--debug")
    assert code == 2
    assert "in load" in shown
    assert shown.endswith(plain)


def test_an_error_that_nobody_expected_is_a_line_and_with_debug_a_traceback(call, tmp_path, monkeypatch):
    def fall_over(*_: object) -> None:
        raise RuntimeError("out of\nluck")

    monkeypatch.setattr("faulty_adapter.Faulty.__init__", fall_over)
    suite = write_suite(tmp_path, "faulty")
    for command in ("plan", "run"):
        message = "fortifai: RuntimeError: out of\n  luck\n  a fault of fortifai or of an adapter"
        assert call(command, suite, "--out", tmp_path / "runs") == (1, f"{message}; --debug shows where\n")
        code, shown = call(command, suite, "--out", tmp_path / "runs", "--debug")
        assert code == 1
        assert "in fall_over" in shown
        assert shown.endswith(f"{message}\n")
    assert not (tmp_path / "runs").exists()


def test_debug_changes_nothing_where_nothing_fails(tmp_path, suite, undisturbed):
    assert numbers(fortifai.run(suite, tmp_path, quiet=True, executor="in-process", debug=True).path) == numbers(undisturbed)
