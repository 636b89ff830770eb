"""Mutations of every formula of an objective: a sign, an epsilon, a bias, a denominator, a bound.

    python tests/mutations.py [--jobs 2] [--only NAME] [--write]                  (make mutations)

Each is made in a copy of the formulas and must be caught by the tests of its module, in a process
of its own. ``--write`` stores the results in docs/objectives-mutations.md, beside those of what was
not made this time. A mutation that survives names a formula that its tests do not pin down.
"""

from __future__ import annotations

import argparse
import contextlib
import html
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[1] / "src")]

from mutated_formulas import MUTATIONS, PACKAGE, PACKAGES, ROOT, Mutation  # noqa: E402

TABLE = ROOT / "docs" / "objectives-mutations.md"
SECONDS = 600
QUIETLY = ["-x", "-q", "-p", "no:cacheprovider", "--assert=plain"]


def main() -> int:
    """Make every mutation that is asked for; 1 when one of them survives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", default="", help="a pattern in module, formula and kind")
    parser.add_argument("--write", action="store_true", help=f"store the table in {TABLE}")
    options = parser.parse_args()
    chosen = [m for m in MUTATIONS if re.search(options.only, f"{m.module} {m.formula} {m.kind}")]
    _preload()
    results: dict[Mutation, str] = {}
    for mutation, result in _all(chosen, options.jobs):
        results[mutation] = result
        print(f"{result}: {mutation.formula} ({mutation.kind})", flush=True)
        if options.write:  # at once, so that a run that is stopped is not lost
            store(results)
    survived = [m for m in chosen if results[m] != "caught"]
    for m in survived:
        print(f"{results[m]}: {m.module} {m.formula} ({m.kind}): {m.old!r} -> {m.new!r}")
    print(f"{len(chosen) - len(survived)} of {len(chosen)} mutations are caught")
    return 1 if survived else 0


def store(results: Mapping[Mutation, str]) -> None:
    """Write the table, with what it says already of other mutations."""
    known = stored()
    TABLE.write_text(table([(m, results.get(m) or known.get(row(m), "-")) for m in MUTATIONS]))


def table(results: Iterable[tuple[Mutation, str]]) -> str:
    """The page of the documentation."""
    lines = [
        "# Mutations of the objectives", "",
        "Each line is a change of one formula, made in a copy of its module, and what the tests of",
        "the module said of it. `make mutations` makes them all anew and writes this page.", "",
        "| formula | what is flipped | was | becomes | tests | result |",
        "| --- | --- | --- | --- | --- | --- |",
        *(f"{row(m)} {result} |" for m, result in results),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def row(m: Mutation) -> str:
    """The line of a mutation in the table, up to its result."""
    tests = " ".join(f"`{path.name}`" for path in m.tests)
    return f"| {m.formula} | {m.kind} | {_cell(m.old)} | {_cell(m.new)} | {tests} |"


def stored() -> dict[str, str]:
    """The results in the stored table, by `row`."""
    text = TABLE.read_text() if TABLE.is_file() else ""
    lines = (line.removesuffix(" |").rpartition(" ") for line in text.splitlines())
    return {before: result for before, _, result in lines}


def _cell(text: str) -> str:
    """Code in a table, where a bar would end the cell and "](" would be a link."""
    shown = html.escape(" ".join(text.split()), quote=False)
    return f"<code>{shown.replace('|', '&#124;').replace('](', ']&#40;')}</code>" if shown else "-"


def _preload() -> None:
    """Import what is not mutated once, so that a process for each mutation is cheap."""
    import hypothesis.strategies  # noqa: F401
    import pytest
    import torch
    import transformers.models.qwen2_5_vl.modeling_qwen2_5_vl  # noqa: F401

    import gnomon.models.load
    import gnomon.recipe
    import gnomon.tensors  # noqa: F401

    torch.set_num_threads(1)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    torch.testing.assert_close(torch.ones(1), torch.ones(1))  # imports much the first time
    with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
        pytest.main([*QUIETLY, "--fixtures", str(ROOT / "tests" / "columns.py")])
    mutable = tuple(f"gnomon.{package}" for package in PACKAGES)
    early = {name for name in sys.modules if name.startswith(mutable)}
    assert not early, f"{early} would be tested as they are"


def _all(chosen: list[Mutation], jobs: int) -> Iterator[tuple[Mutation, str]]:
    """Every mutation with what came of it, so many at a time."""
    running: dict[int, tuple[Mutation, Path]] = {}
    waiting = list(chosen)
    with tempfile.TemporaryDirectory() as folder:
        free = [_copy(Path(folder) / str(number)) for number in range(jobs)]
        while waiting or running:
            while waiting and free:
                mutation, copy = waiting.pop(0), free.pop()
                running[_start(mutation, copy)] = (mutation, copy)
            process, status = os.wait()
            mutation, copy = running.pop(process)
            shutil.copy(PACKAGE / mutation.path, copy / mutation.path)
            free.append(copy)
            code = os.waitstatus_to_exitcode(status)
            named = {0: "survived", 1: "caught", -signal.SIGALRM: "timed out"}
            yield mutation, named.get(code, "broken")


def _copy(folder: Path) -> Path:
    """A folder with the formulas alone, which stand before the rest of the package."""
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PACKAGE / package, folder / package, ignore=ignored)
    return folder


def mutated(mutation: Mutation) -> str:
    """The module with the mutation made. Raises ValueError unless it fits in just one place."""
    text = (PACKAGE / mutation.path).read_text()
    if text.count(mutation.old) != 1:
        raise ValueError(
            f"{mutation.path}: {mutation.old!r} stands there {text.count(mutation.old)} times"
        )
    return text.replace(mutation.old, mutation.new)


def _start(mutation: Mutation, copy: Path) -> int:
    """Fork a process that runs the tests on the copy; its exit status is that of pytest."""
    (copy / mutation.path).write_text(mutated(mutation))
    process = os.fork()
    if process:
        return process
    code = 3
    try:
        signal.alarm(SECONDS)
        code = _run(mutation, copy)
    finally:
        os._exit(code)


def _run(mutation: Mutation, copy: Path) -> int:
    import pytest

    import gnomon

    # A cached compilation would be read in the place of a source that is as old and as long.
    sys.dont_write_bytecode = True
    gnomon.__path__.insert(0, str(copy))
    os.chdir(ROOT)
    with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
        return int(pytest.main([*QUIETLY, *map(str, mutation.tests)]))


if __name__ == "__main__":
    start = time.monotonic()
    status = main()
    print(f"{time.monotonic() - start:.0f} s")
    sys.exit(status)
