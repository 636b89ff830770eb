"""Whether `torch.compile` pays for writing responses on a CPU: ragged decoding with and without it.

    OMP_NUM_THREADS=1 python benchmarks/compiled.py
    OMP_NUM_THREADS=1 python benchmarks/compiled.py --only "around attention" --limit 600

Each form writes the same responses (4 prompts x 8, ragged lengths up to 256) in a process of its own with an empty
cache of compiled code: plain; all of a step but attention compiled; every step compiled whole, attention included.
Seconds are those of the processor, compiler included, so that other work disturbs them less; a form that needs more
than ``--limit`` of them for its rounds is ended. Nothing is stored.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from items import ITEMS
from step import make_weights

sys.path.insert(0, str(Path(__file__).parent / "sides"))

WARM_UP, ROUNDS = 4, 7
"""Rounds in which code is compiled, and rounds that are compared."""


def plain() -> None:
    """Nothing is compiled."""


def whole() -> None:
    """Every step of writing is one compiled function, with the cache and attention in it."""
    import torch

    from gnomon.models import sampler

    made = sampler.writer
    sampler.writer = lambda *given: torch.compile(made(*given), dynamic=True)


def around_attention() -> None:
    """Norms, products and activations are compiled, attention runs as it is."""
    import torch

    from gnomon.models import fused
    from gnomon.models.cache import GridCache

    GridCache.attend = torch.compiler.disable(GridCache.attend)  # type: ignore[method-assign]
    fused._run = torch.compile(fused._run, dynamic=True)


FORMS: dict[str, Callable[[], None]] = {
    "plain": plain, "around attention": around_attention, "whole step": whole,
}  # fmt: skip


def processor() -> float:
    """Seconds of this process and of the compilers that it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def measured(folder: str, form: str) -> dict[str, Any]:
    """Seconds of each round, its tokens, and how many graphs were compiled."""
    import ours
    import torch

    from gnomon.models.load import load_policy

    torch._dynamo.config.recompile_limit = 64
    FORMS[form]()
    policy = load_policy(folder)
    setting = next(item for item in ITEMS if item.name == "rollout-ragged").settings[0]
    step = ours.writing_step(policy, folder, setting)
    rounds = []
    for number in range(WARM_UP + ROUNDS):
        since, clock = processor(), time.perf_counter()
        tokens = step(number % ROUNDS)["tokens"]
        rounds.append((tokens, processor() - since, time.perf_counter() - clock))
    graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    return {"form": form, "rounds": rounds, "graphs": graphs}


def summary(found: dict[str, Any]) -> str:
    """One line: what a warm round takes, and what the first ones took beyond that."""
    warm = found["rounds"][WARM_UP:]
    speed = max(tokens / seconds for tokens, seconds, _ in warm)
    middle = statistics.median(tokens / seconds for tokens, seconds, _ in warm)
    typical = statistics.median(seconds for _, seconds, _ in warm)
    extra = sum(seconds - typical for _, seconds, _ in found["rounds"][:WARM_UP])
    return (
        f"{found['form']:18} {speed:7.0f} tokens/s best, {middle:7.0f} median; {typical:.2f} s a rollout; "
        f"{extra:6.1f} s to compile {found['graphs']} graphs"
    )


def measure_apart(form: str, folder: str, limit: int) -> str:
    """What a fresh process finds; it is ended at ``limit`` seconds of the processor."""
    with tempfile.TemporaryDirectory() as cache:
        settled = {"TORCHINDUCTOR_CACHE_DIR": cache, "TORCHINDUCTOR_COMPILE_THREADS": "1"}
        run = subprocess.run(
            [sys.executable, __file__, "--form", form, "--folder", folder],
            env={**os.environ, **settled}, stdout=subprocess.PIPE, text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (limit, limit)),
        )  # fmt: skip
    if run.returncode:
        return f"{form:18} ended with {run.returncode}; its limit was {limit} s"
    return summary(json.loads(run.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument(
        "--limit", type=int, default=300, help="seconds of the processor for a form"
    )
    parser.add_argument("--form", choices=FORMS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.form:
        out = os.fdopen(os.dup(1), "w")
        print(json.dumps(measured(chosen.folder, chosen.form)), file=out, flush=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        make_weights(Path(folder), 2048)
        for form in chosen.only:
            print(measure_apart(form, folder, chosen.limit), flush=True)


if __name__ == "__main__":
    main()
