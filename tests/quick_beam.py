"""Lets Beam remember what it would find out anew many times in each small job.

A job of a few rows costs about two seconds, nearly all of it Beam looking at the same
functions, options and modules again. What is remembered here depends on nothing that a
test changes, so jobs do what they did before.
"""

from __future__ import annotations

import argparse
import functools
import sys
import types
import weakref
from collections.abc import Callable, Sequence
from typing import Any


def make_quick() -> None:
    """Changes Beam where it has been imported; a second call changes nothing."""
    core = sys.modules.get("apache_beam.transforms.core")
    if core is None or hasattr(core.get_function_args_defaults, "__wrapped__"):
        return
    from apache_beam.internal.cloudpickle import cloudpickle
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.transforms import userstate

    core.get_function_args_defaults = _signatures(core.get_function_args_defaults)
    PipelineOptions.__init__ = _options(PipelineOptions.__init__)
    userstate.get_dofn_specs = _states(userstate.get_dofn_specs)
    cloudpickle._find_imported_submodules = _submodules
    traverse = sys.modules.get("objsize.traverse")
    if traverse is not None:  # counts the bytes of what Beam keeps
        traverse._iter_modules_globals = lambda: _globals(len(sys.modules))


def _signatures(look: Callable) -> Callable:
    """Returns `get_function_args_defaults` with a memory: it is asked 1,000 times."""
    memory: weakref.WeakKeyDictionary[Callable, dict[bool, tuple[list, list]]]
    memory = weakref.WeakKeyDictionary()

    @functools.wraps(look)
    def remembered(f: Callable) -> tuple[list, list]:
        is_bound = isinstance(f, types.MethodType)
        function = f.__func__ if is_bound else f
        if not isinstance(function, types.FunctionType):
            return look(f)
        known = memory.setdefault(function, {})
        if is_bound not in known:
            known[is_bound] = look(f)
        names, defaults = known[is_bound]
        return [*names], [*defaults]

    return remembered


def _options(parse: Callable) -> Callable:
    """Returns the constructor of options with a memory.

    Each view of them builds a parser of all flags: a third of what a small job costs.
    """
    memory: dict[tuple[type, tuple[str, ...]], dict[str, Any]] = {}

    @functools.wraps(parse)
    def remembered(self: Any, flags: Sequence[str] | None = None, **given: Any) -> None:
        if flags is None or isinstance(flags, str) or given:
            parse(self, flags, **given)
            return
        key = type(self), tuple(flags)
        if key not in memory:
            parse(self, flags)
            memory[key] = _copy(vars(self))
        else:
            vars(self).update(_copy(memory[key]), _flags=flags)

    return remembered


def _copy(value: Any) -> Any:
    if isinstance(value, argparse.Namespace):
        return argparse.Namespace(**_copy(vars(value)))
    if isinstance(value, dict):
        return {name: _copy(each) for name, each in value.items()}
    return [*value] if isinstance(value, list) else value


def _states(look: Callable) -> Callable:
    """Returns `get_dofn_specs` with a memory: those of a class are those of its DoFns.

    Not so where a DoFn carries methods of others.
    """
    memory: weakref.WeakKeyDictionary[type, tuple[set, set]]
    memory = weakref.WeakKeyDictionary()

    @functools.wraps(look)
    def remembered(dofn: Any) -> tuple[set, set]:
        if any(isinstance(each, types.MethodType) for each in vars(dofn).values()):
            return look(dofn)
        if type(dofn) not in memory:
            memory[type(dofn)] = look(dofn)
        states, timers = memory[type(dofn)]
        return {*states}, {*timers}

    return remembered


def _submodules(code: types.CodeType, modules: Sequence[Any]) -> list[Any]:
    """Returns the imported submodules that a function uses, as cloudpickle does.

    It goes through thousands of modules for each module that a function names.
    """
    known = _by_package(len(sys.modules))
    found = []
    for module in modules:
        if isinstance(module, types.ModuleType) and getattr(module, "__package__", ""):
            for name, words in known.get(module.__name__, ()):
                if words <= set(code.co_names) and name in sys.modules:
                    found.append(sys.modules[name])
    return found


@functools.lru_cache(maxsize=1)
def _by_package(_: int) -> dict[str, list[tuple[str, set[str]]]]:
    """Returns package -> the modules in it and below it, and the words of the rest."""
    packages: dict[str, list[tuple[str, set[str]]]] = {}
    for name in [*sys.modules]:
        words = name.split(".")
        for length in range(1, len(words)):
            inside = packages.setdefault(".".join(words[:length]), [])
            inside.append((name, set(words[length:])))
    return packages


@functools.lru_cache(maxsize=1)
def _globals(_: int) -> list[dict[str, Any]]:
    """Returns the variables of all modules."""
    return [vars(each) for each in [*sys.modules.values()] if hasattr(each, "__dict__")]
