"""Every operator of `metrics/` flipped, one at a time: is there a test that notices?

    python tests/mutants.py [MODULE …] [--minutes N]

Comparisons are made wider, narrower or the opposite, + and -, * and /, `and` and `or` change places, `not` goes. Each
mutant is a fork of this process, which has the libraries loaded, with the one module changed as it is imported. It runs
the tests of `tests/metrics` (`TESTS` narrows them) until the first fails. Prints one JSON document and exits 1 with
survivors; what the time did not allow is in `not_tried`. The property tests, which notice more, are too slow for this.
"""

import argparse
import ast
import importlib
import importlib.abc
import importlib.util
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
LOADED = ("numpy", "xxhash", "events.results", "events.runs", "events.snapshots", "events.heartbeats")
TESTS = {
    "figures.kpis": ["test_kpis.py"], "figures.formula": ["test_kpis.py"],
    "fold.histogram": ["test_histogram.py"], "fold.identity": ["test_identity.py"],
    "fold.subjects": ["test_subjects.py"], "forecast.eta": ["test_eta.py", "test_figures.py"],
    "forecast.projection": ["test_figures.py", "test_operating_figures.py"],
}  # fmt: skip
SLOW = "hundred_thousand or two_thousand or pass_64_bits or large_table or merged_segment or as_often"
A_MUTANT_S = 60
_QUIET = ("-p", "no:cacheprovider", "--rootdir", str(ROOT))
FLIPS: dict[type[Any], type[Any]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv, ast.And: ast.Or,
    ast.Or: ast.And,
}  # fmt: skip


class Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module with another tree."""

    def __init__(self, name: str, tree: ast.Module) -> None:
        self.name, self.tree = name, tree

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Only that one."""
        return importlib.util.spec_from_loader(fullname, self) if fullname == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        """Runs the changed tree."""
        exec(compile(self.tree, self.name, "exec"), module.__dict__)


def mutants(source: str) -> Iterator[tuple[str, ast.Module]]:
    """What was flipped where, and the tree with it; the tree is the same one, changed back afterwards."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in FLIPS:
            yield from _flipped(node, "op", node.op, FLIPS[type(node.op)](), tree)
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in FLIPS:
            yield from _flipped(node, "ops", node.ops, [FLIPS[type(node.ops[0])](), *node.ops[1:]], tree)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield from _flipped(node, "op", node.op, ast.UAdd(), tree)


def _flipped(node: Any, field: str, old: Any, new: Any, tree: ast.Module) -> Iterator[tuple[str, ast.Module]]:
    before = ast.unparse(node)
    setattr(node, field, new)
    yield f"line {node.lineno}: {before} -> {ast.unparse(node)}", tree
    setattr(node, field, old)


def survives(module: str, tree: ast.Module) -> bool:
    """Whether all tests pass with it. A mutant that takes a minute is killed, and counts as noticed."""
    child = os.fork()
    if not child:
        signal.alarm(A_MUTANT_S)
        sys.meta_path.insert(0, Mutated(f"metrics.{module}", tree))
        files = [str(ROOT / "tests/metrics" / name) for name in TESTS.get(module, [""])]
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
            code = pytest.main(["-xq", "--noconftest", "-c", os.devnull, "-k", f"not ({SLOW})", *_QUIET, *files])
        os._exit(int(code))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _modules() -> list[str]:
    """Every module of `metrics/` that computes, by its name below it: `fold.buckets`."""
    below = (path.relative_to(ROOT / "metrics").with_suffix("").parts for path in (ROOT / "metrics").rglob("*.py"))
    return sorted(".".join(parts) for parts in below if parts[-1] != "__init__" and parts[0] != "views")


def main() -> int:
    """Try as many as the time allows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("modules", nargs="*")
    parser.add_argument("--minutes", type=float, default=60)
    options = parser.parse_args()
    names = options.modules or _modules()
    end = time.monotonic() + 60 * options.minutes
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        each = found[name] = {"killed": 0, "survivors": [], "not_tried": 0}
        for what, tree in mutants((ROOT / "metrics" / f"{name.replace('.', '/')}.py").read_text()):
            if time.monotonic() > end:
                each["not_tried"] += 1
            elif survives(name, tree):
                each["survivors"].append(what)
            else:
                each["killed"] += 1
        sys.stderr.write(f"{name}: {json.dumps(each)}\n")
    json.dump(found, sys.stdout, indent=2)
    return 1 if any(each["survivors"] for each in found.values()) else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for library in LOADED:
        importlib.import_module(library)
    sys.exit(main())
