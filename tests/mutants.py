"""Every operator of `metrics/` flipped, one at a time: is there a test that notices?

    python tests/mutants.py [MODULE …] [--tests FILE …] [--minutes N]

Comparisons are made wider, narrower or the opposite, + and -, * and /, `and` and `or`, & and |, << and >> change
places, a power becomes a product; `not`, ~ and the sign go. What stands in SQL is not flipped: the properties ask SQL
for the same figures, and a ratio's SQL is made of its formula. One pytest session collects `tests/metrics` and the
properties of the fold (few examples beside the long log of each), and runs it once to see which functions of `metrics/`
each test calls. A mutant is then a fork of that session, with the code of its live functions exchanged, which runs the
tests that call them, the quickest first, until one fails. What none notices of code that was run while its module was
imported is tried again with all modules imported anew.

Prints one JSON document and exits 1 with survivors; what the time did not allow is in `not_tried`. What became of
modules that were tried to their end is kept in `benchmarks/results/mutants.json`. Flips that make no difference to what
anybody sees are in `equivalent_mutants.toml`, each with its reason. Which test noticed a flip is kept in
`.mutants.json`, and that test is asked first the next time.
"""

import argparse
import ast
import gc
import importlib
import importlib.abc
import importlib.util
import itertools
import json
import os
import resource
import signal
import sys
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import Phase, settings

ROOT = Path(__file__).parents[1]
METRICS = ROOT / "metrics"
TESTS = ["tests/metrics", "tests/properties/test_fold_parity.py", "tests/properties/test_refold.py"]
SLOW = "hundred_thousand or two_thousand or pass_64_bits or large_table or merged_segment or often or than_twenty"
A_MUTANT_S = 25
"""So many seconds of tests may notice a flip; those that noticed most so far and the quickest come first."""
A_MUTANT_BYTES = 2 << 30
"""A flip may ask for all the memory there is."""
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.toml")
KEPT = ROOT / "benchmarks" / "results" / "mutants.json"
"""Module → what its flips came to when all of them were tried last."""
NOTICED = ROOT / ".mutants.json"
"""Module → flip → the test that noticed it last time; not in the repository."""
_ALONE = (
    *("-p", "no:cacheprovider", "--noconftest", "-c", os.devnull, "--rootdir", str(ROOT), "-k", f"not ({SLOW})"),
    *("--assert=plain", "--tb=native"),  # nobody reads why a test failed
)
FLIPS: dict[type[Any], type[Any]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv, ast.And: ast.Or,
    ast.Or: ast.And, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr, ast.LShift: ast.RShift,
    ast.RShift: ast.LShift, ast.Pow: ast.Mult, ast.Not: ast.UAdd, ast.Invert: ast.UAdd, ast.USub: ast.UAdd,
}  # fmt: skip
_Flip = tuple[str, int, ast.Module]
"""What was flipped, in which line, and the tree with it."""


def flips(source: str) -> Iterator[_Flip]:
    """Each flip of a module; the tree is the same one, changed back afterwards."""
    tree = ast.parse(source)
    types = {id(part) for node in ast.walk(tree) for said in _annotations(node) for part in ast.walk(said)}
    for node in ast.walk(tree):
        if id(node) in types:
            continue
        if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign | ast.UnaryOp) and type(node.op) in FLIPS:
            yield from _flipped(node, "op", node.op, FLIPS[type(node.op)](), tree)
        elif isinstance(node, ast.Compare):
            for at, op in enumerate(node.ops):
                if type(op) in FLIPS:
                    ops = [*node.ops[:at], FLIPS[type(op)](), *node.ops[at + 1 :]]
                    yield from _flipped(node, "ops", node.ops, ops, tree)


def _annotations(node: ast.AST) -> list[ast.AST]:
    """What says types: a | there computes nothing."""
    said = (getattr(node, field, None) for field in ("annotation", "returns"))
    return [one for one in said if isinstance(one, ast.AST)]


def _flipped(node: Any, field: str, old: Any, new: Any, tree: ast.Module) -> Iterator[_Flip]:
    before = ast.unparse(node)
    setattr(node, field, new)
    yield f"{before} -> {ast.unparse(node)}", node.lineno, tree
    setattr(node, field, old)


def changed(before: CodeType, after: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """The code objects of two versions of a module that differ, each with its successor."""
    if before != after:
        yield before, after
        for one, other in zip(before.co_consts, after.co_consts, strict=False):
            if isinstance(one, CodeType) and isinstance(other, CodeType):
                yield from changed(one, other)


@contextmanager
def calls(seen: set[CodeType]) -> Iterator[None]:
    """Notes what is called."""

    def note(frame: FrameType, _event: str, _: Any) -> None:
        seen.add(frame.f_code)  # tells nothing back, and so is called for calls alone

    sys.settrace(note)
    try:
        yield
    finally:
        sys.settrace(None)


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


class _First:
    """A pytest plugin: notes the first test that fails, or that there was no collecting any."""

    failed = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test passed or failed."""
        if report.failed:
            self.failed = self.failed or report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A module was imported, or failed to be."""
        if report.failed:
            self.failed = "?"


class Trial:
    """A pytest plugin: instead of running the tests once, it tries the flips of modules."""

    def __init__(self, names: Sequence[str], minutes: float) -> None:
        self.found: dict[str, dict[str, Any]] = {}
        self._names = names
        self._end = time.monotonic() + 60 * minutes
        self._callers: defaultdict[CodeType, list[pytest.Item]] = defaultdict(list)
        self._at_import: set[CodeType] = set()
        self._seconds: dict[pytest.Item, float] = {}
        self._caches: list[Any] = []
        self._kills: Counter[str] = Counter()  # in the module that is being tried
        noticed = json.loads(NOTICED.read_text()) if NOTICED.exists() else {}
        self._noticed: defaultdict[str, dict[str, str]] = defaultdict(dict, noticed)

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        """Sees what is called while the modules are imported."""
        with calls(self._at_import):
            return (yield)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Sees what the tests call, then tries."""
        for item in session.items:
            self._watch(item)
        live: defaultdict[CodeType, list[FunctionType]] = defaultdict(list)
        everything = gc.get_objects()
        self._caches = [one for one in everything if hasattr(type(one), "cache_clear")]
        for one in everything:
            if isinstance(one, FunctionType) and one.__code__.co_filename.startswith(f"{METRICS}/"):
                live[one.__code__].append(one)
        del everything
        gc.collect()
        gc.freeze()  # forks would copy what a collection looks at
        known = tomllib.loads(EQUIVALENT.read_text()) if EQUIVALENT.exists() else {}
        for name in self._names:
            self._try(name, live, known.get(name, {}))
            _say(f"{name}: {json.dumps(self.found[name])}")
            _keep(name, self.found[name])
            NOTICED.write_text(json.dumps(self._noticed, indent=1, sort_keys=True))
        return True

    def _watch(self, item: pytest.Item) -> None:
        called: set[CodeType] = set()
        began = time.process_time()
        with calls(called):
            reports = runtestprotocol(item, log=False, nextitem=None)
        if any(report.failed for report in reports):
            raise SystemExit(f"{item.nodeid} fails without any flip")
        self._seconds[item] = time.process_time() - began
        for code in called:
            if code.co_filename.startswith(f"{METRICS}/"):
                self._callers[code].append(item)

    def _try(self, name: str, live: dict[CodeType, list[FunctionType]], equivalent: dict[str, str]) -> None:
        each = self.found[name] = {"killed": 0, "equivalent": 0, "survivors": [], "not_tried": 0}
        path = _path(name)
        source, unused = path.read_text(), set(equivalent)
        self._kills.clear()
        original = compile(source, str(path), "exec")
        for what, line, tree in flips(source):
            unused.discard(what)
            if what in equivalent:
                each["equivalent"] += 1
            elif time.monotonic() > self._end:
                each["not_tried"] += 1
            elif killer := self._killer(
                name, what, list(changed(original, compile(tree, str(path), "exec"))), live, tree
            ):
                each["killed"] += 1
                self._kills[killer] += 1
                self._noticed[name][what] = killer
            else:
                each["survivors"].append(f"line {line}: {what}")
                _say(f"{name}: survived: {each['survivors'][-1]}")
        each["survivors"] += [f"equivalent_mutants.toml lists what there is not: {what}" for what in sorted(unused)]

    def _killer(
        self,
        name: str,
        what: str,
        codes: list[tuple[CodeType, CodeType]],
        live: dict[CodeType, list[FunctionType]],
        tree: ast.Module,
    ) -> str:
        """The test that notices a flip, "?" where none can be run with it; empty where it survives."""
        innermost = codes[-1][0]
        called = self._callers.get(innermost, [])
        spent = innermost in self._at_import and not called  # nobody calls it any more, but what it made is used
        functions = [] if spent else [(function, after) for before, after in codes for function in live.get(before, ())]
        items = self._in_order(called or self._callers_of(name), self._noticed[name].get(what, ""))

        def exchanged() -> str:
            for function, after in functions:
                function.__code__ = after
            for cache in self._caches:
                cache.cache_clear()
            for item, following in zip(items, [*items[1:], None], strict=True):
                _allow(5 + 4 * self._seconds[item])
                if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
                    return item.nodeid
            return ""

        def anew() -> str:
            for module in [*sys.modules.values()]:
                if (getattr(module, "__file__", None) or "").startswith((f"{METRICS}/", f"{ROOT}/tests/")):
                    sys.modules.pop(module.__name__, None)
            sys.meta_path.insert(0, Mutated(f"metrics.{name}", tree))
            _allow(10)
            importlib.import_module(f"metrics.{name}")  # with some flips that never ends
            first = _First()
            # One file is collected sooner than all of them; and a table may be used by who calls nothing of its module.
            for some in (items[:1], items, self._in_order(list(self._seconds), "")):
                _allow(10 + 4 * sum(self._seconds[item] for item in some))
                tests = dict.fromkeys(
                    item.nodeid.partition("[")[0] for item in some
                )  # a flip may change what is in [ ]
                ended = pytest.main(["-xq", *_ALONE, *(str(ROOT / test) for test in tests)], plugins=[first])
                if first.failed or ended != pytest.ExitCode.OK:
                    return first.failed or "?"
            return ""

        killer = self._fork(exchanged) if functions else ""
        if not killer and (not functions or innermost in self._at_import):
            killer = self._fork(anew)
        return killer

    def _callers_of(self, name: str) -> list[pytest.Item]:
        """The tests that call anything of a module, or all."""
        path = str(_path(name))
        found = [item for code, items in self._callers.items() if code.co_filename == path for item in items]
        return found or list(self._seconds)

    def _in_order(self, items: list[pytest.Item], noticed: str) -> list[pytest.Item]:
        """The one that noticed last time, those that noticed most so far, then the quickest, as long as time lasts."""

        def rank(item: pytest.Item) -> tuple[bool, float]:
            return item.nodeid != noticed, self._seconds[item] / (1 + self._kills[item.nodeid])

        ordered = sorted(set(items), key=rank)
        spent = itertools.accumulate((self._seconds[item] for item in ordered), initial=0.0)
        return [item for item, before in zip(ordered, spent, strict=False) if before < A_MUTANT_S]

    @staticmethod
    def _fork(attempt: Callable[[], str]) -> str:
        """What an attempt says, made in a fork of this process; one that dies or takes too long is noticed."""
        reads, writes = os.pipe()
        child = os.fork()
        if not child:
            resource.setrlimit(resource.RLIMIT_AS, (A_MUTANT_BYTES, A_MUTANT_BYTES))
            try:
                with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
                    os.write(writes, attempt().encode())
                os._exit(0)
            finally:
                os._exit(1)
        os.close(writes)
        with os.fdopen(reads) as said_by:
            said = said_by.read()
        return said if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0 else "?"


def _allow(seconds: float) -> None:
    """Ends this process after so much of its own processor time: the machine may be busy."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _say(line: str) -> None:
    print(line, file=sys.__stderr__, flush=True)


def _modules() -> list[str]:
    """Every module of `metrics/` that computes, by its name below it: `fold.buckets`."""
    below = (path.relative_to(METRICS).with_suffix("").parts for path in METRICS.rglob("*.py"))
    return sorted(".".join(parts) for parts in below if parts[-1] != "__init__" and parts[0] != "views")


def _keep(name: str, each: dict[str, Any]) -> None:
    """Writes down what became of a module that was tried to its end; forgets those that have other flips by now."""
    kept = json.loads(KEPT.read_text())["modules"] if KEPT.exists() else {}
    if not each["not_tried"]:
        kept[name] = {kind: each[kind] for kind in ("killed", "equivalent")} | {"survived": len(each["survivors"])}
    flips_of = {one: sum(1 for _ in flips(_path(one).read_text())) for one in _modules()}
    kept = {one: kept[one] for one, count in flips_of.items() if sum(kept.get(one, {}).values()) == count > 0}
    sums = {kind: sum(one[kind] for one in kept.values()) for kind in ("killed", "equivalent", "survived")}
    total = sum(flips_of.values())
    sums = {"flips": total} | sums | {"not_tried": total - sum(sums.values())}
    KEPT.write_text(json.dumps(sums | {"modules": kept}, indent=1) + "\n")


def _path(name: str) -> Path:
    return METRICS / f"{name.replace('.', '/')}.py"


def main() -> int:
    """Try as many as the time allows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("modules", nargs="*")
    parser.add_argument("--tests", nargs="+", default=TESTS, help="files of tests; a few make it quick")
    parser.add_argument("--minutes", type=float, default=60)
    options = parser.parse_args()
    # The same examples every time, and no time spent on making them small.
    phases = [Phase.explicit, Phase.generate]
    settings.register_profile("mutants", derandomize=True, database=None, deadline=None, max_examples=5, phases=phases)
    settings.load_profile("mutants")
    trial = Trial(options.modules or _modules(), options.minutes)
    with redirect_stdout(sys.stderr):
        pytest.main(["-q", *_ALONE, *(str(ROOT / one) for one in options.tests)], plugins=[trial])
    json.dump(trial.found, sys.stdout, indent=2)
    _say(", ".join(f"{count:,} {kind}" for kind, count in json.loads(KEPT.read_text()).items() if kind != "modules"))
    return 1 if not trial.found or any(each["survivors"] for each in trial.found.values()) else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.exit(main())
