"""Where the time of one of our GRPO steps goes: seconds of the processor, and the operations that take them.

    OMP_NUM_THREADS=1 python benchmarks/profile_step.py                          4 x 8, 256 tokens, 224 px
    OMP_NUM_THREADS=1 python benchmarks/profile_step.py --only grpo-4-8-64-448

Seconds are those of the process, not of the clock, so that other work disturbs them less; they are the least of
STEPS steps. Shares are of the time inside operations, from one more step under PyTorch's profiler.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from items import ITEMS
from step import make_weights

sys.path.insert(0, str(Path(__file__).parent / "sides"))

STEPS = 3
KINDS = {
    "products with weights": ("mm", "addmm", "mkldnn_convolution", "convolution_backward"),
    "attention": ("bmm", "baddbmm", "_scaled_dot_product_flash_attention_for_cpu",
                  "_scaled_dot_product_flash_attention_for_cpu_backward", "_softmax"),
    "over the vocabulary": ("_log_softmax", "_log_softmax_backward_data", "exp", "cumsum", "searchsorted", "sum"),
    "copies": ("copy_", "cat", "index_select", "index", "index_put_", "_index_put_impl_", "index_add_", "clone"),
}  # fmt: skip
"""Kinds of operations by their names; every other one is 'element by element, and the rest'."""
REST = "element by element, and the rest"


def measured(
    folder: Path, setting: dict[str, Any]
) -> tuple[dict[str, float], dict[str, Counter[str]]]:
    """Least processor seconds of each phase, and microseconds of each kind of operation in it."""
    import ours
    from torch.profiler import ProfilerActivity, profile

    import gnomon.rl.loop as loop
    from gnomon.models.load import load_policy
    from gnomon.stages.updates import Updater

    policy = load_policy(str(folder))
    seconds: dict[str, list[float]] = {"rollout": [], "update": []}
    shares: dict[str, Counter[str]] = {}
    profiling = False

    def watched(phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            since = time.process_time()
            if not profiling:
                result = function(*args, **kwargs)
                seconds[phase].append(time.process_time() - since)
                return result
            with profile(activities=[ProfilerActivity.CPU]) as seen:
                result = function(*args, **kwargs)
            shares[phase] = kinds_of(seen.key_averages())
            return result

        return run

    roll_out, update = loop.roll_out, Updater.step
    loop.roll_out, Updater.step = watched("rollout", roll_out), watched("update", update)  # type: ignore[method-assign]
    step = ours.stage_step(policy, str(folder), setting)
    for number in range(STEPS + 1):
        step(number)
    profiling = True
    step(STEPS + 1)
    return {phase: min(found[1:]) for phase, found in seconds.items()}, shares


def kinds_of(averages: Any) -> Counter[str]:
    """Microseconds inside operations, by kind."""
    kind_of = {f"aten::{name}": kind for kind, names in KINDS.items() for name in names}
    found: Counter[str] = Counter()
    for operation in averages:
        found[kind_of.get(operation.key, REST)] += operation.self_cpu_time_total
    return found


def table(seconds: dict[str, float], shares: dict[str, Counter[str]]) -> str:
    """The table of docs/performance.md."""
    lines = ["| | " + " | ".join(seconds) + " |", "|---|" + "---|" * len(seconds)]
    lines.append("| processor seconds | " + " | ".join(f"{s:.2f}" for s in seconds.values()) + " |")
    for kind in (*KINDS, REST):
        row = [f"{shares[phase][kind] / shares[phase].total():.0%}" for phase in seconds]
        lines.append(f"| {kind} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [item.name for item in ITEMS if item.name.startswith("grpo-")]
    parser.add_argument("--only", choices=names, default="grpo-4-8-256-224")
    chosen = parser.parse_args()
    item = next(item for item in ITEMS if item.name == chosen.only)
    with tempfile.TemporaryDirectory() as folder:
        make_weights(Path(folder), item.vocabulary)
        found = measured(Path(folder), item.settings[0])
    import ours

    print(f"{item.says}\n\n{table(*found)}", file=ours.LINE.out)


if __name__ == "__main__":
    main()
