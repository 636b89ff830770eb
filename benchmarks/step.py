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

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks/results/cpu.json"
SIDES = ROOT / "benchmarks/sides"
LEAST_PAIRS = 5
FOREIGN = 0.2
"""Cores that others may use during a pair."""
TRIES = 4
"""Pairs that are tried for each that is wanted."""
WARM_UP = 2
NEVER, RAGGED = -100.0, 3.5
"""What is added to the logit of the end token: no row ends early; about one token in 64 ends its row."""

Setting = dict[str, Any]
Reply = dict[str, float]
Start = Callable[[Setting], "Side"]


def grpo(prompts: int, rollouts: int, tokens: int, side: int, **further: Any) -> Setting:
    return {
        "kind": "grpo", "prompts": prompts, "rollouts": rollouts, "tokens": tokens, "sides": [side],
        "end_bias": NEVER, **further,
    }  # fmt: skip


@dataclass(frozen=True)
class Item:
    """One measurement: ``value`` of the last replies of a process for each of ``settings``.

    ``fresh`` processes are started for each pair and make ``steps`` steps. ``rate``: more is better, and the ratio is ours / theirs; else theirs / ours. ``target`` is the ratio to reach.
    """

    name: str
    says: str
    unit: str
    settings: tuple[Setting, ...]
    value: Callable[[Sequence[Reply]], float]
    target: float | None = None
    rate: bool = False
    fresh: bool = False
    vocabulary: int = 2048
    steps: int = 1


def seconds(replies: Sequence[Reply]) -> float:
    return replies[0]["seconds"]


def speed(replies: Sequence[Reply]) -> float:
    return replies[0]["tokens"] / replies[0]["seconds"]


def encodings(setting: Setting) -> Callable[[Sequence[Reply]], float]:
    """Patches encoded in a step / unique patches."""
    unique = setting["prompts"] * (setting["sides"][0] // 14) ** 2
    return lambda replies: replies[0]["patches"] / unique


def forwarded(replies: Sequence[Reply]) -> float:
    """Tokens forwarded in training / unique tokens."""
    return replies[0]["trained"] / replies[0]["unique"]


def exponent(sizes: Sequence[float]) -> Callable[[Sequence[Reply]], float]:
    """Slope of log seconds over log size, by least squares: 1 is cost in proportion, 0 is none."""

    def value(replies: Sequence[Reply]) -> float:
        x = [math.log(size) for size in sizes]
        y = [math.log(reply["seconds"]) for reply in replies]
        return statistics.linear_regression(x, y).slope

    return value


def growth(name: str, says: str, sizes: Sequence[int], settings: Sequence[Setting]) -> Item:
    return Item(
        f"growth-{name}", f"cost growth with {says}", "exponent", tuple(settings), exponent(sizes)
    )


STEP = grpo(4, 8, 64, 448)
MIXED = {"sides": [112, 224, 336, 448], "words": (4, 60)}
ITEMS = (
    Item("grpo-4-8-64-448", "GRPO step, 4 prompts x 8, 64 tokens, 448 px", "s", (STEP,), seconds, 3.0),
    Item("grpo-4-8-256-224", "GRPO step, 4 x 8, 256 tokens, 224 px", "s", (grpo(4, 8, 256, 224),), seconds, 2.0),
    Item("grpo-2-16-128-448", "GRPO step, 2 x 16, 128 tokens, 448 px", "s", (grpo(2, 16, 128, 448),), seconds, 4.0),
    Item("patches-4-8-64-448", "image patches encoded in a step / unique (ours: 1 to write, 1 to train)", "x",
         (STEP,), encodings(STEP), 8.0),
    Item("tokens-4-8-64-448", "tokens forwarded in training / unique", "x", (STEP,), forwarded, 3.3),
    Item("rollout-ragged", "rollout, 4 x 8, ragged prompts and lengths up to 256, against `generate`", "tokens/s",
         ({"kind": "generate", "prompts": 4, "rollouts": 8, "tokens": 256, "end_bias": RAGGED, **MIXED},),
         speed, 2.0, rate=True),
    Item("memory-32768", "peak memory, vocabulary 32,768, 4 x 8, 256 tokens, with a KL reference", "GB",
         (grpo(4, 8, 256, 224, beta=0.04, checkpointing=True),), lambda replies: replies[0]["peak"], 3.5,
         fresh=True, vocabulary=32768, steps=2),
    Item("cold-start", "start of Python to the end of the first GRPO step, 4 x 4, 64 tokens, 224 px", "s",
         (grpo(4, 4, 64, 224),), lambda replies: replies[0]["since_start"], 2.45, fresh=True),
    Item("sft-mixed", "SFT on mixed lengths, 32 examples an update, padding not counted", "tokens/s",
         ({"kind": "sft", "batch": 32, "answer_words": (8, 200), **MIXED},), speed, 1.5, rate=True),
    growth("rollouts", "rollouts per prompt (4, 8, 16)", (4, 8, 16), [grpo(4, g, 64, 224) for g in (4, 8, 16)]),
    growth("tokens", "response length (32, 64, 128)", (32, 64, 128), [grpo(4, 8, t, 224) for t in (32, 64, 128)]),
    growth("image", "patches of an image (112, 224, 448 px)", (64, 256, 1024),
           [grpo(4, 8, 64, px) for px in (112, 224, 448)]),
    growth("prompts", "prompts (2, 4, 8)", (2, 4, 8), [grpo(p, 8, 64, 224) for p in (2, 4, 8)]),
)  # fmt: skip


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


def measured(item: Item, sides: Sequence[Side]) -> float:
    """The item's value on one side, whose processes are those of the item's settings."""
    replies = []
    for side in sides:
        for _ in range(item.steps):
            reply = side.step()
        replies.append(reply)
    return item.value(replies)


@contextmanager
def opened(start: Start, item: Item) -> Iterator[list[Side]]:
    """A process for each setting of the item."""
    sides: list[Side] = []
    try:
        for setting in item.settings:
            sides.append(start(setting))  # noqa: PERF401 - so that those before a failure are closed
        yield sides
    finally:
        for side in sides:
            side.close()


def pairs_of(
    item: Item, ours: Start, peer: Start, count: int, limit: float
) -> list[tuple[float, float]]:
    """``count`` undisturbed pairs (ours, peer), or as many as there were in `TRIES` times as many."""
    found: list[tuple[float, float]] = []

    def note(number: int, pair: tuple[float, float], load: Load) -> None:
        foreign = load.foreign()
        kept = foreign <= limit
        print(f"{item.name}: {pair[0]:.3f} ours, {pair[1]:.3f} peer, {foreign:.2f} foreign cores"
              f"{'' if kept else ', thrown away'}", file=sys.stderr)  # fmt: skip
        if kept:
            found.append(pair)

    if item.fresh:
        for number in range(TRIES * count):
            load = Load([])
            values = {}
            for name, start in _alternating(number, ours, peer):
                with opened(start, item) as sides:
                    values[name] = measured(item, sides)
            note(number, (values["ours"], values["peer"]), load)
            if len(found) == count:
                break
        return found
    with opened(ours, item) as our_sides, opened(peer, item) as peer_sides:
        for side in (*our_sides, *peer_sides):
            for _ in range(WARM_UP):
                side.step()
        for number in range(TRIES * count):
            load = Load([*our_sides, *peer_sides])
            values = {
                name: measured(item, sides)
                for name, sides in _alternating(number, our_sides, peer_sides)
            }
            note(number, (values["ours"], values["peer"]), load)
            if len(found) == count:
                break
    return found


def _alternating(number: int, ours: Any, peer: Any) -> list[tuple[str, Any]]:
    both = [("ours", ours), ("peer", peer)]
    return both if number % 2 == 0 else both[::-1]


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
    best = max if item.rate else min
    ours, peer = best(pair[0] for pair in pairs), best(pair[1] for pair in pairs)

    def ratio(one: float, other: float) -> float:
        return one / other if item.rate else other / one

    return Result(
        item.name, ours, peer, ratio(ours, peer), statistics.median(ratio(*pair) for pair in pairs), len(pairs),
        commit, machine,
    )  # fmt: skip


def store(result: Result) -> None:
    """Put a result in the place of the one before, in the order of `ITEMS`."""
    known = {row["name"]: row for row in json.loads(RESULT.read_text())} if RESULT.exists() else {}
    known[result.name] = asdict(result)
    RESULT.parent.mkdir(exist_ok=True)
    rows = [known[item.name] for item in ITEMS if item.name in known]
    RESULT.write_text(json.dumps(rows, indent=1) + "\n")


def machine_name(peer: Path) -> str:
    """Cores, processor and the versions that matter."""
    from importlib.metadata import version

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )
    ask = "from importlib.metadata import version as v; print('TRL', v('trl'), 'on torch', v('torch'))"
    theirs = subprocess.run(
        [peer, "-c", ask], capture_output=True, text=True, check=True
    ).stdout.strip()
    return f"{os.cpu_count()} x {model}, torch {version('torch')}, {theirs}"


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
    return parser.parse_args()


def main() -> None:
    from gnomon.machine import git_state

    chosen = options()
    if not chosen.peer.exists():
        sys.exit(f"{chosen.peer} is missing: `make bench` installs TRL there")
    state = git_state(ROOT) or {"commit": "unknown", "dirty": False}
    commit = state["commit"][:12] + ("+changes" if state["dirty"] else "")
    machine = machine_name(chosen.peer)
    with tempfile.TemporaryDirectory() as root:
        for item in (item for item in ITEMS if item.name in chosen.only):
            folder = Path(root) / str(item.vocabulary)
            if not folder.exists():
                make_weights(folder, item.vocabulary)

            def start(python: Path, script: str, setting: Setting, folder: Path = folder) -> Side:
                return Side(python, SIDES / script, folder, setting, chosen.threads)

            pairs = pairs_of(
                item,
                lambda setting: start(Path(sys.executable), "ours.py", setting),
                lambda setting: start(chosen.peer, "peer.py", setting),
                chosen.pairs,
                math.inf if chosen.anyway else FOREIGN,
            )
            if not pairs:
                print(f"{item.name}: no undisturbed pair, nothing is stored", file=sys.stderr)
                continue
            result = summarise(item, pairs, commit, machine)
            print(json.dumps(asdict(result)))
            if len(pairs) >= LEAST_PAIRS and not chosen.anyway:
                store(result)


if __name__ == "__main__":
    main()
