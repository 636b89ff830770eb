"""Stored results of an ablation as tables in Markdown, next to what the paper reports."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

NOT_MEASURED = "Not measured yet."
PAPER = {
    ("pad", "cold-start"): 47.1,
    ("pad", "multimodal-rl"): 47.7,
    ("pad", "text-rl"): 49.6,
    ("pad-off", "cold-start"): 47.1,
    ("pad-off", "multimodal-rl"): 45.1,
    ("reversed", "cold-start"): 47.1,
    ("reversed", "text-rl"): 44.9,
    ("reversed", "multimodal-rl"): 45.5,
}
"""The paper's averages over six multimodal sets, by arm and the stage they were taken after."""
PAPER_EFFECTS = {
    "pad-off": "-2.6 (45.1 against 47.7, after multimodal RL)",
    "reversed": "-4.1 (45.5 against 49.6)",
    "sft-only": "not measured (cold start alone 47.1, the whole 49.6)",
}
CHANGES = {
    "pad": "the recipe as it is",
    "pad-off": "no resampling in either RL stage (plain GRPO)",
    "reversed": "text RL before multimodal RL",
    "sft-only": "as many updates of supervised training alone",
}


def stage_table(run: Mapping[str, Any]) -> str:
    """Accuracy after each stage of one run, with its command and where it ran."""
    if not run:
        return f"{NOT_MEASURED}\n"
    stages = run["stages"]
    base = stages[0]["accuracy"]
    lines = [
        (
            stage["name"], percent(stage["accuracy"]), interval(stage),
            f"{100 * (stage['accuracy'] - base):+.1f}" if index else "-",
            str(stage["n"]), f"{stage['mean_length']:.1f}", f"{stage['seconds']:.0f} s",
        )
        for index, stage in enumerate(stages)
    ]  # fmt: skip
    head = ("stage", "accuracy", "95 % interval", "change", "items", "mean length", "training")
    return f"{table(head, lines)}\n`{run['command']}`, {run['place']}.\n"


def result_tables(results: Mapping[str, Any]) -> str:
    """The arms with their seeds, what each stage did, and the command of each arm."""
    if not results.get("runs"):
        return f"{NOT_MEASURED}\n"
    seeds = sorted({run["seed"] for run in results["runs"]})
    head = ("arm", *(f"seed {s}" for s in seeds), "mean", "difference", "paper's difference")
    arms = [arm for arm in CHANGES if _runs(results, arm)]
    final = table(head, [_arm_row(results, arm, seeds) for arm in arms])
    stages = table(
        ("arm", "after", "mean accuracy", "mean length", "paper"),
        [row for arm in arms for row in _stage_rows(results, arm)],
    )
    commands = [
        f"- **{arm}**, {CHANGES[arm]}: `{command}`\n"
        for arm, command in results.get("commands", {}).items()
    ]
    commits = ", ".join(sorted({run["commit"][:8] for run in results["runs"]}))
    return "\n".join(
        [
            "Final accuracy in per cent with its 95 % interval, by seed:\n",
            final,
            "Accuracy in per cent after each stage, the mean over the seeds:\n",
            stages,
            "The commands; each seed adds `--seed` and its number:\n",
            "".join(commands),
            f"Machine: {results.get('machine', 'not recorded')}. Commit: {commits}.\n",
        ]
    )


def micro_table(results: Mapping[str, Any]) -> str:
    """What each stage of every recipe came to in its one stored run."""
    runs = results.get("runs", ())
    if not runs:
        return f"{NOT_MEASURED}\n"
    rows = [
        [
            run["recipe"],
            percent(run["stages"][0]["accuracy"]),
            ", ".join(f"{s['name']} {percent(s['accuracy'])}" for s in run["stages"][1:]),
            interval(run["stages"][-1]),
            str(run["stages"][-1]["n"]),
            f"{sum(s['seconds'] for s in run['stages']) / 60:.1f} min",
        ]
        for run in runs
    ]
    head = ("recipe", "base", "after each stage", "95 % interval of the last", "items", "training")
    commits = ", ".join(sorted({run["commit"][:8] for run in runs}))
    return f"{table(head, rows)}\nAccuracy in per cent. Machine: {results['machine']}. Commit: {commits}.\n"


def percent(value: float) -> str:
    """A share in per cent with one decimal.

    >>> percent(0.4567)
    '45.7'
    """
    return f"{100 * value:.1f}"


def interval(stage: Mapping[str, Any]) -> str:
    """The ends of a stage's interval."""
    return f"{percent(stage['low'])} to {percent(stage['high'])}"


def _runs(results: Mapping[str, Any], arm: str) -> list[dict[str, Any]]:
    return [run for run in results.get("runs", ()) if run["arm"] == arm]


def _final(run: Mapping[str, Any]) -> Mapping[str, Any]:
    last: Mapping[str, Any] = run["stages"][-1]
    return last


def _arm_row(results: Mapping[str, Any], arm: str, seeds: Sequence[int]) -> list[str]:
    """One arm; the difference is to the recipe, over the seeds that both arms have."""
    mine = {run["seed"]: _final(run) for run in _runs(results, arm)}
    recipe = {run["seed"]: _final(run) for run in _runs(results, "pad")}
    cells = [
        f"{percent(mine[seed]['accuracy'])} ({interval(mine[seed])})" if seed in mine else "-"
        for seed in seeds
    ]
    mean = statistics.fmean(stage["accuracy"] for stage in mine.values())
    gaps = [
        100 * (mine[s]["accuracy"] - recipe[s]["accuracy"])
        for s in seeds
        if s in mine.keys() & recipe
    ]
    shown = "-"
    if arm != "pad" and gaps:
        shown = f"{statistics.fmean(gaps):+.1f} ({', '.join(f'{gap:+.1f}' for gap in gaps)})"
    return [arm, *cells, percent(mean), shown, PAPER_EFFECTS.get(arm, "")]


def _stage_rows(results: Mapping[str, Any], arm: str) -> Iterator[list[str]]:
    by_stage = zip(*(run["stages"] for run in _runs(results, arm)), strict=True)
    for stages in by_stage:
        name = stages[0]["name"]
        accuracy = statistics.fmean(stage["accuracy"] for stage in stages)
        length = statistics.fmean(stage["mean_length"] for stage in stages)
        yield [arm, name, percent(accuracy), f"{length:.1f}", str(PAPER.get((arm, name), "-"))]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; bars within cells are escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(
        f"| {' | '.join(c.replace('|', chr(92) + '|') for c in row)} |\n" for row in lines
    )
