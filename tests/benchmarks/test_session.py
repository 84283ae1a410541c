from __future__ import annotations

import pytest

from benchmarks import session
from benchmarks.session import Session


class _Interrupted(Exception):
    pass


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _interrupt(settings, **measurements):
    with pytest.raises(_Interrupted), Session("toy", settings) as started:
        for key, value in measurements.items():
            assert started.measure(key, lambda value=value: value) == value
        raise _Interrupted


def _not_again():
    raise AssertionError("measured again")


def test_an_interrupted_session_goes_on_and_says_how_much_was_kept(capsys):
    _interrupt({"rows": 3}, one=[1.5, None], two={"a": 1})
    with Session("toy", {"rows": 3}) as resumed:
        assert resumed.measure("one", _not_again) == [1.5, None]
        assert resumed.measure("two", _not_again) == {"a": 1}
        assert resumed.measure("three", lambda: 3) == 3
    assert resumed.conditions()["kept"] == 2
    assert "going on from 2 measurements" in capsys.readouterr().err


def test_a_whole_session_leaves_nothing_behind(folder):
    _interrupt({}, one=1)
    with Session("toy", {}) as resumed:
        resumed.measure("one", _not_again)
    assert list((folder / ".bench").iterdir()) == []
    with Session("toy", {}) as anew:
        assert anew.measure("one", lambda: 2) == 2


@pytest.mark.parametrize("change", ["name", "settings", "code", "processor"])
def test_what_was_measured_otherwise_is_not_taken(change, monkeypatch):
    _interrupt({"rows": 3}, one=1)
    name, settings = "toy", {"rows": 3}
    if change == "name":
        name = "other"
    elif change == "settings":
        settings = {"rows": 4}
    elif change == "code":
        monkeypatch.setattr(session, "_MEASURED", ("keras_elmo",))
    else:
        monkeypatch.setattr(session, "_cpu_name", lambda: "another")
    with Session(name, settings) as anew:
        assert anew.measure("one", lambda: 2) == 2


def test_a_kept_session_is_taken_by_the_next_until_it_is_wanted_anew():
    with Session("toy", {}, is_kept=True) as first:
        first.measure("one", lambda: 1)
    with Session("toy", {}, is_kept=True) as second:
        assert second.measure("one", _not_again) == 1
    with Session("toy", {}, is_kept=True, is_anew=True) as third:
        assert third.measure("one", lambda: 2) == 2
    with Session("toy", {}, is_kept=True) as fourth:
        assert fourth.measure("one", _not_again) == 2


def test_what_depends_on_a_few_files_outlives_changes_of_others(monkeypatch, tmp_path):
    monkeypatch.setattr(session, "_ROOT", tmp_path)
    (tmp_path / "folder").mkdir()
    for name in ("list.txt", "folder/code.py", "other.py"):
        (tmp_path / name).write_text("1")
    asked = {"sources": ["list.txt", "folder"], "is_kept": True}
    for changed, value in {
        "": 1,
        "other.py": 1,
        "list.txt": 2,
        "folder/code.py": 3,
    }.items():
        if changed:
            (tmp_path / changed).write_text("2")
        with Session("toy", {}, **asked) as started:
            assert started.measure("one", lambda value=value: value) == value


def test_a_measurement_that_fails_is_made_again():
    with Session("toy", {}) as started:
        with pytest.raises(_Interrupted):
            started.measure("one", _raise)
        assert started.measure("one", lambda: 2) == 2


def _raise():
    raise _Interrupted


def test_the_conditions_name_the_machine_and_the_packages():
    with Session("toy", {}) as started:
        facts = started.conditions("pytest")
    assert facts["versions"] == {"pytest": pytest.__version__}
    assert facts["cpu"] and facts["cores"] >= 1
