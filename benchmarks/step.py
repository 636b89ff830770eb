"""Our steps against TRL's, in pairs, on the same random weights: what docs/performance.md shows.

    make bench                                            everything, and the table
    python benchmarks/step.py --only grpo-4-8-64-448      some of it
    python benchmarks/step.py --only grpo-4-8-64-448 --pairs 1 --anyway      a look on a busy machine, not stored

Each side is a process of its own (benchmarks/sides), warm where the item allows it. The sides alternate, and so does
which goes first. A pair during which other processes took more than FOREIGN cores is thrown away. Stored are the best
of each side, the ratio of the bests and the median of the ratios of the pairs; fewer than five pairs are not stored.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from items import ITEMS, Item, Reply, Setting

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks/results/cpu.json"
SIDES = ROOT / "benchmarks/sides"
LEAST_PAIRS = 5
FOREIGN = 0.2
"""Cores that others may use during a pair."""
TRIES = 4
"""Pairs that are tried for each that is wanted."""
WARM_UP = 2
"""Steps of a warm process before its first pair."""

Start = Callable[[Setting], "Side"]
Pair = tuple[Reply, Reply]


class Side:
    """A process of one side that makes a step whenever it is asked."""

    def __init__(
        self, python: Path, script: Path, folder: Path, setting: Setting, threads: int
    ) -> None:
        settled = {
            "OMP_NUM_THREADS": str(threads),
            "OMP_WAIT_POLICY": "PASSIVE",
            "TOKENIZERS_PARALLELISM": "false",
        }
        self.since = time.perf_counter()
        self.process = subprocess.Popen(
            [python, script, folder, json.dumps(setting)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **settled},
            stderr=None if os.environ.get("BENCH_VERBOSE") else subprocess.DEVNULL,
        )  # fmt: skip

    def step(self) -> Reply:
        """One more step; ``since_start`` counts from the start of the process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write("step\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the next line says it
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args[1]} stopped; BENCH_VERBOSE=1 shows why")  # type: ignore[index]
        return {**json.loads(line), "since_start": time.perf_counter() - self.since}

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


class Load:
    """Processor time of everything but this benchmark, since it was made."""

    def __init__(self, sides: Sequence[Side]) -> None:
        self.sides = sides
        self.start = time.perf_counter(), _busy(), self._own()

    def _own(self) -> float:
        times = os.times()
        ours = times.user + times.system + times.children_user + times.children_system
        return ours + sum(_process_seconds(side.process.pid) for side in self.sides)

    def foreign(self) -> float:
        """Cores that others kept busy."""
        since, busy, own = self.start
        return max(0.0, (_busy() - busy) - (self._own() - own)) / (time.perf_counter() - since)


def _busy() -> float:
    """Seconds of all cores that were neither idle nor waiting; steal is somebody else's work."""
    user, nice, system, _idle, _wait, irq, soft, steal, *_ = map(
        int, Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    )
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


def _process_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def opened(start: Start, setting: Setting) -> Iterator[Side]:
    side = start(setting)
    try:
        yield side
    finally:
        side.close()


def pairs_of(
    item: Item, setting: Setting, ours: Start, peer: Start, count: int, limit: float
) -> list[Pair]:
    """``count`` undisturbed pairs (ours, peer), or as many as there were in `TRIES` times as many."""
    found: list[Pair] = []
    replies = _fresh_pairs if item.fresh else _warm_pairs
    for (mine, theirs), foreign in replies(item, setting, ours, peer, TRIES * count):
        kept = foreign <= limit
        print(f"{item.name}: {mine['seconds']:.3f} s ours, {theirs['seconds']:.3f} s peer, {foreign:.2f} foreign cores"
              f"{'' if kept else ', thrown away'}", file=sys.stderr)  # fmt: skip
        if kept:
            found.append((mine, theirs))
        if len(found) == count:
            break
    return found


def _fresh_pairs(
    item: Item, setting: Setting, ours: Start, peer: Start, most: int
) -> Iterator[tuple[Pair, float]]:
    """Pairs of processes that live for one pair, and the cores that others took."""
    for number in range(most):
        load, values = Load([]), {}
        for name, start in _alternating(number, ours, peer):
            with opened(start, setting) as side:
                for _ in range(item.steps):
                    values[name] = side.step()
        yield (values["ours"], values["peer"]), load.foreign()


def _warm_pairs(
    item: Item, setting: Setting, ours: Start, peer: Start, most: int
) -> Iterator[tuple[Pair, float]]:
    """Pairs of steps of two processes that have made some, and the cores that others took."""
    with opened(ours, setting) as our_side, opened(peer, setting) as peer_side:
        for side in (our_side, peer_side):
            for _ in range(WARM_UP):
                side.step()
        for number in range(most):
            load = Load([our_side, peer_side])
            values = {name: side.step() for name, side in _alternating(number, our_side, peer_side)}
            yield (values["ours"], values["peer"]), load.foreign()


def _alternating(number: int, ours: Any, peer: Any) -> list[tuple[str, Any]]:
    both = [("ours", ours), ("peer", peer)]
    return both if number % 2 == 0 else both[::-1]


def values_of(item: Item, pairs: Sequence[Sequence[Pair]]) -> list[tuple[float, float]]:
    """The item's values (ours, peer) from the pairs of each of its settings."""
    return [
        (item.value([mine for mine, _ in together]), item.value([theirs for _, theirs in together]))
        for together in zip(*pairs, strict=False)
    ]


@dataclass(frozen=True)
class Result:
    """A line of the results; ``ours`` and ``peer`` are the best of each side."""

    name: str
    ours: float
    peer: float
    ratio_min: float
    ratio_median: float
    pairs: int
    commit: str
    machine: str


def summarise(
    item: Item, pairs: Sequence[tuple[float, float]], commit: str, machine: str
) -> Result:
    """Best of each side, their ratio, and the median of the pairs' ratios; above 1 we are better."""
    ours, peer = item.best(pair[0] for pair in pairs), item.best(pair[1] for pair in pairs)

    def ratio(one: float, other: float) -> float:
        return one / other if item.best is max else other / one

    return Result(
        item.name, ours, peer, ratio(ours, peer), statistics.median(ratio(*pair) for pair in pairs), len(pairs),
        commit, machine,
    )  # fmt: skip


def stored() -> dict[str, dict[str, Any]]:
    """The results on the disk by name."""
    return {row["name"]: row for row in json.loads(RESULT.read_text())} if RESULT.exists() else {}


def store(result: Result) -> None:
    """Put a result in the place of the one before, in the order of `ITEMS`."""
    known = stored()
    known[result.name] = asdict(result)
    RESULT.parent.mkdir(exist_ok=True)
    rows = [known[item.name] for item in ITEMS if item.name in known]
    RESULT.write_text(json.dumps(rows, indent=1) + "\n")


def commit_name() -> str:
    """The commit that is measured; what a measurement itself writes is no change of it."""

    def git(*words: str) -> str:
        run = subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True)
        return run.stdout.strip()

    written = (":!benchmarks/results", ":!docs/performance.md", ":!docs/grading.md", ":!docs/worlds.md")
    changed = git("status", "--porcelain", "--", ".", *written)
    return (git("rev-parse", "--short=12", "HEAD") or "unknown") + ("+changes" if changed else "")


def processor_name() -> str:
    """How many cores of which processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )
    return f"{os.cpu_count()} x {model}"


def machine_name(peer: Path) -> str:
    """Cores, processor and the versions that matter."""
    from importlib.metadata import version

    ask = "from importlib.metadata import version as v; print('TRL', v('trl'), 'on torch', v('torch'))"
    theirs = subprocess.run(
        [peer, "-c", ask], capture_output=True, text=True, check=True
    ).stdout.strip()
    return f"{processor_name()}, torch {version('torch')}, {theirs}"


def make_weights(folder: Path, vocabulary: int) -> None:
    """The tiny Qwen2.5-VL of the comparison: text 4 x 128, 4 heads (2 key-value), vision 4 x 64, random."""
    from gnomon.models.load import quiet_transformers
    from gnomon.models.micro import (
        make_model,
        make_processor,
        save_micro,
        train_tokenizer,
        world_text,
    )

    tokenizer = train_tokenizer(world_text(400), vocabulary=vocabulary)
    # The worlds' words make fewer tokens than are asked for; the others only have to be there.
    tokenizer.add_tokens([f"<{number}>" for number in range(vocabulary - len(tokenizer))])
    text = {
        "hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
        "intermediate_size": 256,
    }  # fmt: skip
    model = make_model(tokenizer, seed=0, text=text, vision={"hidden_size": 64, "depth": 4})
    with quiet_transformers():
        save_micro(folder, model, make_processor(tokenizer))


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [item.name for item in ITEMS]
    parser.add_argument(
        "--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names)
    )
    parser.add_argument("--pairs", type=int, default=LEAST_PAIRS)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument(
        "--peer", type=Path, default=ROOT / ".venv-trl/bin/python", help="Python that has TRL"
    )
    parser.add_argument("--anyway", action="store_true", help="keep disturbed pairs, store nothing")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="leave out what this commit has measured on this machine",
    )
    return parser.parse_args()


def todo(chosen: argparse.Namespace, commit: str, machine: str) -> list[Item]:
    """The items that are asked for, with ``--resume`` those without a result of this commit and machine."""
    known = stored() if chosen.resume else {}
    done = {
        name for name, row in known.items() if (row["commit"], row["machine"]) == (commit, machine)
    }
    return [item for item in ITEMS if item.name in chosen.only and item.name not in done]


def starts(folder: Path, chosen: argparse.Namespace) -> tuple[Start, Start]:
    """What starts our side and the peer's with the weights in ``folder``."""

    def ours(setting: Setting) -> Side:
        return Side(Path(sys.executable), SIDES / "ours.py", folder, setting, chosen.threads)

    def peer(setting: Setting) -> Side:
        return Side(chosen.peer, SIDES / "peer.py", folder, setting, chosen.threads)

    return ours, peer


def main() -> None:
    chosen = options()
    if not chosen.peer.exists():
        sys.exit(f"{chosen.peer} is missing: `make bench` installs TRL there")
    commit, machine = commit_name(), machine_name(chosen.peer)
    known: dict[str, list[Pair]] = {}
    with tempfile.TemporaryDirectory() as root:
        for item in todo(chosen, commit, machine):
            folder = Path(root) / str(item.vocabulary)
            if not folder.exists():
                make_weights(folder, item.vocabulary)
            keys = [
                json.dumps([setting, item.fresh, item.vocabulary, item.steps])
                for setting in item.settings
            ]
            for key, setting in zip(keys, item.settings, strict=True):
                if key not in known:
                    limit = math.inf if chosen.anyway else FOREIGN
                    known[key] = pairs_of(
                        item, setting, *starts(folder, chosen), chosen.pairs, limit
                    )
            pairs = values_of(item, [known[key] for key in keys])
            if not pairs:
                print(f"{item.name}: no undisturbed pair, nothing is stored", file=sys.stderr)
                continue
            result = summarise(item, pairs, commit, machine)
            print(json.dumps(asdict(result)), flush=True)
            if len(pairs) >= LEAST_PAIRS and not chosen.anyway:
                store(result)


if __name__ == "__main__":
    main()
