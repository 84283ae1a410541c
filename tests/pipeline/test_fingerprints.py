"""Tests of code_version: which edits make a node run again."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pipeline import fingerprints as module
from pipeline.batch.embedding import Embedder
from pipeline.batch.predicting import Predictor
from pipeline.config import load_config
from pipeline.pipeline import create_pipeline

_OURS = ("pipeline", "components", "keras_elmo")


@pytest.fixture
def package(tmp_path, monkeypatch):
    package = tmp_path / "made_for_test"
    (package / "program").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "top.py").write_text("from made_for_test.middle import x\n")
    (package / "middle.py").write_text(
        "from . import low\nfrom made_for_test import program\nx = low.y\n"
    )
    (package / "low.py").write_text("def f():\n    import made_for_test.late\n")
    (package / "late.py").write_text("y = 1\nimport os\n")
    (package / "apart.py").write_text("z = 1\n")
    (package / "program" / "__init__.py").write_text("")
    (package / "program" / "__main__.py").write_text("import by_bare_name\n")
    (package / "program" / "by_bare_name.py").write_text("y = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(module, "_PACKAGES", ("made_for_test",))
    module.code_version.cache_clear()
    yield package
    module.code_version.cache_clear()


def _version_after(edit=None) -> str:
    if edit is not None:
        edit.write_text(edit.read_text() + "# edited\n")
    module.code_version.cache_clear()
    return module.code_version("made_for_test.top")


def test_unchanged_code_keeps_its_version(package):
    assert _version_after() == _version_after()


@pytest.mark.parametrize(
    "file",
    [
        "top.py",
        "middle.py",
        "low.py",
        "late.py",
        "__init__.py",
        "program/__main__.py",
        "program/by_bare_name.py",
    ],
)
def test_an_edit_of_the_module_or_of_what_it_imports_changes_the_version(package, file):
    assert _version_after() != _version_after(package / file)


def test_an_edit_of_another_module_changes_nothing(package):
    assert _version_after() == _version_after(package / "apart.py")


def test_a_module_that_does_not_exist_is_refused():
    with pytest.raises(ModuleNotFoundError, match="pipeline.no_such_module"):
        module.code_version("pipeline.no_such_module")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wiring")
    pattern = "{SPAN}/*.csv"  # with spans, so that DriftCheck is among the nodes
    overrides = [
        f"output={folder}/out",
        f"data.pattern={folder}/{pattern}",
        "data.window_spans=2",
        "train.tune=5m",
        "data.span=1",
    ]
    (folder / "1").mkdir()
    (folder / "1" / "texts.csv").write_text("text,label\ngood,1\nbad,0\n")
    definition = create_pipeline(load_config(None, overrides))
    return {node.id: node for node in definition.components}


# What each node is told by an import path.
_NAMED = {
    "Transform": ["pipeline.preprocessing"],
    "Tuner": ["pipeline.training.tuning"],
    "Trainer": ["pipeline.training.trainer"],
    "Evaluator": ["pipeline.evaluation.tfma_metrics"],
}
_MARKED = [
    "TextExampleGen",
    "DriftCheck",
    "AnomalyGate",
    "Transform",
    "Tuner",
    "Trainer",
    "Evaluator",
    "ServingCheck",
    "Pusher",
]


def _modules_of(node) -> list[str]:
    classes = [node.executor_spec.executor_class, node.driver_class]
    modules = {each.__module__ for each in classes} | set(_NAMED.get(node.id, []))
    return sorted(each for each in modules if each.split(".")[0] in _OURS)


_IMPORT = f"""
import importlib, json, sys
loaded = []
for modules in json.loads(sys.argv[1]):
    for name in [m for m in sys.modules if m.split(".")[0] in {_OURS}]:
        del sys.modules[name]
    for name in modules:
        importlib.import_module(name)
    loaded.append([m for m in sys.modules if m.split(".")[0] in {_OURS}])
print(json.dumps(loaded))
"""


_BATCH_JOBS = [
    ["pipeline.batch.run_job", scorer.__module__] for scorer in (Predictor, Embedder)
]


@pytest.fixture(scope="module")
def loaded_modules(nodes) -> list[set[str]]:
    """Our modules that each of `_MARKED`, then each of `_BATCH_JOBS`, loads."""
    groups = [*(_modules_of(nodes[name]) for name in _MARKED), *_BATCH_JOBS]
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT, json.dumps(groups)],
        capture_output=True,
        text=True,
        check=True,
    )
    return [set(names) for names in json.loads(done.stdout.splitlines()[-1])]


def test_the_fingerprint_of_a_node_covers_every_module_that_it_loads(
    nodes, loaded_modules
):
    for name, loaded in zip(_MARKED, loaded_modules, strict=False):
        modules = _modules_of(nodes[name])
        expected = module.code_version(*modules)
        assert nodes[name].exec_properties[module.CODE] == expected, name
        assert loaded and loaded <= set(module.sources_of(*modules)), name


def test_no_other_node_executes_code_of_ours(nodes):
    assert {
        name
        for name, node in nodes.items()
        if hasattr(node, "executor_spec") and _modules_of(node)
    } == set(_MARKED)


def test_the_trainer_runs_again_when_the_layer_was_edited():
    sources = set(module.sources_of("pipeline.training.trainer"))
    assert {
        "keras_elmo.layer",
        "keras_elmo.runtime.native",
        "keras_elmo.runtime.packed_lstm",
    } < sources


def test_the_serving_check_runs_again_when_the_replay_program_was_edited():
    sources = set(module.sources_of("components.serving_check.executor"))
    replay = "components.serving_check.replay"
    assert {f"{replay}.__main__", f"{replay}.checks"} < sources


@pytest.mark.parametrize("name", _MARKED)
def test_no_node_runs_again_when_a_help_text_was_edited(nodes, name):
    sources = module.sources_of(*_modules_of(nodes[name]))
    with_help = ("pipeline.cli", "pipeline.config", "pipeline.runs.summary")
    assert not [each for each in sources if each.startswith(with_help)]


def test_a_batch_job_begins_anew_when_its_scorer_was_edited(loaded_modules):
    of_jobs = loaded_modules[len(_MARKED) :]
    for modules, loaded in zip(_BATCH_JOBS, of_jobs, strict=True):
        assert loaded and loaded <= set(module.sources_of(*modules))


@pytest.mark.parametrize("form", ["folder", "pair", "archive"])
def test_the_version_of_an_elmo_changes_with_its_content(tmp_path, form):
    folder = tmp_path / "elmo"
    folder.mkdir()
    options, weights = folder / "options.json", folder / "weights.hdf5"
    options.write_text("{}")
    weights.write_bytes(b"one")
    source = {
        "folder": str(folder),
        "pair": f"{options},{weights}",
        "archive": str(weights),  # any file by itself
    }[form]
    before = module.elmo_version(source)
    assert module.elmo_version(source) == before
    weights.write_bytes(b"two")
    assert module.elmo_version(source) != before
