"""Rolling back what TFX's nodes have really pushed."""

import errno
import os
import shutil
import signal

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.metadata.pushed_models import PushedModels
from pipeline.output_folder import describe_missing
from pipeline.serving import publish, rollback
from pipeline.serving import pusher as our_pusher
from pipeline.serving.manifest import manifest_path, read_manifest
from pipeline.serving.publish import model_card_path, noted_pushes
from pipeline.serving.rollback import roll_back
from pipeline.serving.versions import ModelError


def test_the_model_before_is_served_again_and_no_run_pushes_the_withdrawn_one(
    output, clock
):
    output.push(1)
    output.push(2)
    before = output.versions()
    pushed = output.open_metadata().pushed
    assert pushed.served_before(f"{output.serving}/{before[1]}") == (
        f"{output.serving}/{before[0]}"
    )
    assert pushed.served_before(f"{output.serving}/{before[0]}") == (
        f"{output.serving}/{before[1]}"
    )
    done = roll_back(output, None, clock=clock)
    assert pushed.served_before(f"{output.serving}/{done.version}") is None
    assert (done.restored, done.withdrawn) == (before[0], (before[1],))
    assert output.served() == "1"
    assert output.versions() == [*before, done.version]
    folder = str(output.serving / str(done.version))
    assert list(read_manifest(manifest_path(folder))) == ["saved_model.pb"]
    output.push(2)  # The same run again does not push the withdrawn model.
    assert output.versions() == [*before, done.version]
    output.push(3)
    assert output.last_baseline() == "1"
    assert output.served() == "3"


def test_who_goes_back_to_an_earlier_run_has_its_model_served(output, clock):
    for seed in (1, 2, 1, 2):
        output.push(seed)
        assert output.served() == str(seed)
    versions = output.versions()
    assert len(versions) == 4
    output.push(2)
    assert output.versions() == versions  # it is served already
    shutil.rmtree(output.serving / str(versions[0]))
    output.push(1)
    assert (output.served(), output.last_baseline()) == ("1", "2")
    output.push(3)
    assert (output.served(), output.last_baseline()) == ("3", "1")
    assert output.open_metadata().pushed.last_blessed() is not None


def test_what_a_rollback_serves_is_not_pushed_again(output, clock):
    for seed in (1, 2):
        output.push(seed)
    roll_back(output, None, clock=clock)
    versions = output.versions()
    for seed in (1, 2):
        output.push(seed)
    assert (output.versions(), output.served()) == (versions, "1")


def test_a_version_put_there_by_hand_is_said_to_be_served_instead(output):
    output.push(1)
    [first] = output.versions()
    path = str(output.serving / str(first))
    pushed = output.open_metadata().pushed
    assert pushed.served_instead(path) is None
    by_hand = output.serving / "99999999999"
    by_hand.mkdir()
    assert pushed.served_instead(path) is None  # not whole
    (by_hand / "saved_model.pb").touch()
    assert pushed.served_instead(path) == str(by_hand)
    assert not pushed.superseded(path)
    output.push(1)
    assert output.versions() == [first, 99999999999]


def test_any_version_can_be_named_and_a_rollback_can_be_rolled_back(output, clock):
    for seed in (1, 2, 3):
        output.push(seed)
    first, second, third = output.versions()
    done = roll_back(output, first, clock=clock)
    assert done.withdrawn == (second, third)
    assert output.served() == "1"
    # Named, a withdrawn one is served again: somebody has thought better of it.
    roll_back(output, third, clock=clock)
    assert output.served() == "3"
    output.push(4)
    assert output.last_baseline() == "3"


def test_a_version_that_does_not_exist_is_refused_with_those_that_do(output, clock):
    with pytest.raises(ModelError, match="no run has written into"):
        roll_back(output, None, clock=clock)
    assert not output.path.exists()
    output.push(1)
    [version] = output.versions()
    with pytest.raises(ModelError, match=f"no earlier model .* Versions: {version}"):
        roll_back(output, None, clock=clock)
    with pytest.raises(ModelError, match=f"^version {version} is served, and no"):
        roll_back(output, None, clock=clock)
    with pytest.raises(ModelError, match=f"no version 7. Versions: {version}"):
        roll_back(output, 7, clock=clock)
    with pytest.raises(ModelError, match="has the model that is served now"):
        roll_back(output, version, clock=clock)


def test_who_goes_back_too_far_is_told_what_was_withdrawn(output, clock):
    for seed in (1, 2, 3):
        output.push(seed)
    first, second, third = output.versions()
    again = roll_back(output, None, clock=clock)
    last = roll_back(output, None, clock=clock)
    assert (again.restored, last.restored) == (second, first)
    with pytest.raises(ModelError) as error:
        roll_back(output, None, clock=clock)
    assert str(error.value) == (
        f"version {last.version}, with the model of {first}, is served, and no earlier "
        f"model is there to go back to: {second}, {third}, {again.version} were "
        f"withdrawn by a rollback (hint: --to {again.version} serves that model again)"
    )
    assert roll_back(output, third, clock=clock).restored == third


def test_a_version_whose_files_have_changed_is_not_served_again(output, clock):
    output.push(1)
    output.push(2)
    first = output.versions()[0]
    (output.serving / str(first) / "saved_model.pb").write_text("evil")
    with pytest.raises(ModelError, match="has changed since its manifest"):
        roll_back(output, None, clock=clock)
    assert output.served() == "2"
    output.push(3)
    assert output.last_baseline() == "2"  # nothing was withdrawn


def test_a_push_that_was_killed_later_does_not_cost_the_version_of_a_rollback(
    output, clock
):
    output.push(1)
    output.push(2)
    done = roll_back(output, None, clock=clock)
    output.clean_after_kill()
    assert done.version in output.versions()


def test_a_push_that_is_killed_before_its_record_is_undone_and_no_other(
    output, monkeypatch
):
    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    output.push(1)
    with monkeypatch.context() as patch:
        patch.setattr(our_pusher.Executor, "_MarkPushed", killed)
        with pytest.raises(KeyboardInterrupt):
            output.push(2)
    first, second = output.versions()
    (output.serving / "99999999999" / "assets").mkdir(parents=True)
    assert output.clean_after_kill() == [output.serving / str(second)]
    assert output.versions() == [first, 99999999999]
    assert [each.name for each in output.manifests.iterdir()] == [f"{first}.sha256"]
    output.push(2)
    assert output.versions() == [first, 99999999999, 100000000000]
    assert output.served() == "2"


@pytest.mark.parametrize(
    ("place", "step"),
    [
        (rollback, "publish"),
        (publish, "write_manifest"),
        (PushedModels, "record_rollback"),
        (rollback, "forget_push"),
    ],
)
def test_a_rollback_that_is_killed_has_happened_whole_or_not_at_all(
    output, clock, monkeypatch, place, step
):
    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    output.push(1)
    output.push(2)
    before = output.versions()
    with monkeypatch.context() as patch:
        patch.setattr(place, step, killed)
        with pytest.raises(KeyboardInterrupt):
            roll_back(output, None, clock=clock)
    begun = output.versions()[2:]
    undone = output.clean_after_kill()
    has_happened = step == "forget_push"
    assert undone == [output.serving / str(v) for v in begun if not has_happened]
    assert output.served() == ("1" if has_happened else "2")
    manifests = {int(each.stem) for each in output.manifests.iterdir()}
    assert manifests == set(output.versions())
    if not has_happened:
        assert output.versions() == before
        assert not any(p.withdrawn for p in output.open_metadata().pushed.pushes())
        assert roll_back(output, None, clock=clock).withdrawn == (before[1],)
    assert output.served() == "1"


@pytest.mark.parametrize(
    ("place", "step", "code"),
    [
        (publish, "write_manifest", 143),
        (PushedModels, "record_rollback", 0),
        (rollback, "forget_push", 0),
    ],
)
def test_a_signal_ends_a_rollback_undone_or_lets_it_say_that_it_is_done(
    output, monkeypatch, place, step, code
):
    def signalled(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGTERM)
        return before(*args, **kwargs)

    output.push(1)
    output.push(2)
    before = getattr(place, step)
    monkeypatch.setattr(place, step, signalled)
    done = CliRunner().invoke(main, ["rollback", "--output", str(output.path)])
    assert done.exit_code == code, done.output
    output.clean_after_kill()
    if code:
        assert (done.output, output.served()) == ("error: interrupted\n", "2")
    else:
        assert output.served() == "1"
        assert f"version {output.versions()[-1]} is served" in done.output


@pytest.mark.parametrize(
    ("place", "step"),
    [
        (publish, "write_manifest"),
        (rollback, "write_whole"),
        (PushedModels, "record_rollback"),
    ],
)
def test_a_rollback_without_room_leaves_what_was_served(
    output, clock, monkeypatch, place, step
):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    output.push(1)
    output.push(2)
    before, notes = output.versions(), noted_pushes(output.serving)
    card = model_card_path(output.serving / str(before[0]))
    card.parent.mkdir(exist_ok=True)
    card.write_text("card")
    monkeypatch.setattr(place, step, full)
    args = ["rollback", "--output", str(output.path)]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 1
    assert result.output.startswith("error: OSError: [Errno 28] No space left on dev")
    assert "make room in" in result.output
    assert (output.versions(), output.served()) == (before, "2")
    assert noted_pushes(output.serving).keys() <= notes.keys()
    assert output.clean_after_kill() == []


@pytest.mark.parametrize("contents", [["saved_model.pb"], []])
def test_what_another_program_puts_there_meanwhile_stays(
    output, clock, monkeypatch, contents
):
    def flush(folder):
        version = folder.parent / folder.name.split(".")[1]
        version.mkdir()
        for name in contents:
            (version / name).write_text("theirs")
        theirs.append(version)

    output.push(1)
    output.push(2)
    theirs = []
    monkeypatch.setattr(publish, "_flush", flush)
    with pytest.raises(FileExistsError, match="another program has put it there"):
        roll_back(output, None, clock=clock)
    with pytest.raises(FileExistsError, match="another program has put it there"):
        output.push(3)
    assert output.clean_after_kill() == []
    for version in theirs:
        assert sorted(path.name for path in version.iterdir()) == contents


def test_the_run_of_a_push_is_known_and_a_rollback_is_none(output, clock):
    """One that looks for the run of each push fails over no rollback."""
    output.push(1)
    output.push(2)
    roll_back(output, None, clock=clock)
    pushed = output.open_metadata().pushed
    runs = [pushed.run_of(push) for push in pushed.pushes()]
    assert runs[2] is None and None not in runs[:2]
    assert set(pushed.runs().values()) == set(runs[:2])


def test_what_is_served_is_pushed_again_if_all_of_it_is_gone(output):
    for seed in (1, 2):
        output.push(seed)
    first, second = output.versions()
    assert output.missing_results() == []
    shutil.rmtree(output.serving / str(first))
    assert output.missing_results() == []  # somebody may remove an old one
    (output.serving / str(second) / "saved_model.pb").unlink()
    [missing] = output.missing_results()
    assert describe_missing([missing], output) == (
        f"gone, so that their nodes run again: serving/{second} (lacks saved_model.pb)"
    )
    shutil.rmtree(output.serving)
    missing = output.missing_results()
    assert {each.path for each in missing} == {
        f"{output.serving}/{version}" for version in (first, second)
    }
    output.push(2)
    assert output.versions() == []  # unchanged, as TFX sees it
    output.open_metadata().inventory.count_as_not_made(missing)
    output.push(2)
    assert output.served() == "2"
    assert output.missing_results() == []


def test_what_a_rollback_took_out_of_service_may_be_gone(output, clock):
    output.push(1)
    output.push(2)
    served = roll_back(output, None, clock=clock).version
    for version in output.versions()[:2]:
        shutil.rmtree(output.serving / str(version))
    assert output.missing_results() == []
    shutil.rmtree(output.serving / str(served))
    assert len(output.missing_results()) == 2  # two names for the first model


def test_versions_rise_when_the_clock_is_put_back(output, clock, monkeypatch):
    output.push(1)
    output.push(2)
    first, second = output.versions()
    monkeypatch.setattr(our_pusher, "clock", lambda: 5.0)
    output.push(3)
    assert output.versions() == [first, second, second + 1]
    assert output.served() == "3"
    assert output.last_baseline() == "2"
    done = roll_back(output, None, clock=lambda: 5.0)
    assert (done.restored, done.version) == (second, second + 2)
    assert output.served() == "2"


def test_a_version_put_there_by_hand_can_be_left_by_a_rollback(output, clock):
    output.push(1)
    [first] = output.versions()
    (output.serving / "99999999999").mkdir()
    (output.serving / "99999999999" / "saved_model.pb").write_text("by hand")
    done = roll_back(output, None, clock=clock)
    assert (done.restored, done.version) == (first, 100000000000)
    assert done.withdrawn == ()
    assert output.served() == "1"
    output.push(2)
    assert output.served() == "2"


def test_what_is_not_a_note_on_a_push_is_left_alone(output):
    output.push(1)
    for name, content in (("5", b"\xff"), ("6", b"9" * 30), ("7", b"soon")):
        (output.manifests / f".{name}.push").write_bytes(content)
    (output.manifests / ".8.push").mkdir()
    assert output.clean_after_kill() == []
    assert len(list(output.manifests.glob(".*.push"))) == 4


def test_a_version_that_is_now_a_link_is_copied_and_what_it_points_to_stays(
    output, clock, tmp_path
):
    output.push(1)
    output.push(2)
    first = output.serving / str(output.versions()[0])
    elsewhere = first.rename(tmp_path / "elsewhere")
    first.symlink_to(elsewhere)
    done = roll_back(output, None, clock=clock)
    assert not (output.serving / str(done.version)).is_symlink()
    assert output.served() == "1"
    assert (elsewhere / "saved_model.pb").exists()
