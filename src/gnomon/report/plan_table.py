"""A `Plan` as tables for the console."""

from __future__ import annotations

import io
from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from gnomon.plan import BUDGETS, GPU_COUNTS, Plan, StagePlan
from gnomon.scale.columns import ROWS
from gnomon.scale.memory import GIB, MemoryEstimate

SHOWN_TEXT = 60
_SIZES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def plan_view(plan: Plan) -> RenderableType:
    """The whole plan: model, stages, data, memory, constants, notes, problems."""
    parts: list[RenderableType] = [_heading(plan), _parameters(plan), _stages(plan), _data(plan)]
    parts += [_memory(plan, stage) for stage in plan.stages]
    if plan.constants:
        parts.append(_constants(plan))
    parts.append(_lines("Notes", plan.notes, ""))
    parts.append(_problems(plan))
    return Group(*parts)


def plan_text(plan: Plan, width: int = 110) -> str:
    """The plan as plain text, ``width`` columns wide."""
    file = io.StringIO()
    Console(file=file, width=width, no_color=True, highlight=False).print(plan_view(plan))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def amount(value: float) -> str:
    """A count in at most four figures.

    >>> amount(8_292_166_656), amount(20), amount(1234)
    ('8.29 B', '20', '1.23 k')
    """
    for size, letter in _SIZES:
        if abs(value) >= size:
            return f"{value / size:.3g} {letter}" if value < 1e15 else f"{value:.2e}"
    return f"{value:.0f}"


def gibibytes(size: int) -> str:
    """Bytes as GiB; three decimals below one, none of nothing.

    >>> gibibytes(2**30 * 20), gibibytes(2**20), gibibytes(0)
    ('20.0', '0.001', '-')
    """
    value = size / GIB
    return "-" if not size else f"{value:.1f}" if value >= 1 else f"{value:.3f}"


def verdict(plain: MemoryEstimate, checkpointed: MemoryEstimate, budget: float) -> str:
    """Whether a way of training fits ``budget`` bytes, and if not, what would."""
    if plain.fits(budget):
        return "fits"
    if checkpointed.fits(budget):
        return "with checkpointing"
    if checkpointed.update > checkpointed.usable(budget):
        return "no"
    together = checkpointed.responses_that_fit(budget)
    return f"{together} responses at a time" if together else "no: rollouts"


def _heading(plan: Plan) -> Text:
    settings = plan.settings
    ways = [settings.dtype, "LoRA" if settings.lora else "full training"]
    ways += ["gradient checkpointing"] if settings.gradient_checkpointing else []
    return Text(
        f"Dry run of {plan.recipe} at {plan.scale} scale: {plan.model}, {', '.join(ways)}\n"
        f"{plan.media.told}",
        style="bold",
    )


def _parameters(plan: Plan) -> Table:
    table = _table("Parameters", "tower", "connector", "language", "embeddings", "head", "total")
    counts = plan.parameters
    head = "tied" if plan.shape.tied else f"{counts.head:,}"
    table.add_row(
        f"{counts.tower:,}", f"{counts.connector:,}", f"{counts.language:,}",
        f"{counts.embeddings:,}", head, f"{counts.total:,}",
    )  # fmt: skip
    return table


def _stages(plan: Plan) -> Table:
    table = _table("Stages (two numbers: expected, at most)", "", *(s.name for s in plan.stages))
    for label, show in _STAGE_ROWS.items():
        table.add_row(label, *(show(stage) for stage in plan.stages))
    return table


def _data(plan: Plan) -> Table:
    table = _table("Data", "stage", "source", "file", "mapped", "columns (ours = file's)")
    for stage in plan.stages:
        data = stage.data
        file = "made by the source" if data.expected is None else str(data.expected)
        table.add_row(
            stage.name,
            data.part,
            f"{file} (missing: the fixture stood in)" if data.fixture else file,
            f"{data.mapped} of {min(ROWS, data.records)}, {data.records:,} in all",
            ", ".join(
                ours if ours == theirs else f"{ours} = {theirs}" for ours, theirs in data.columns
            )
            or "-",
        )
    return table


def _memory(plan: Plan, stage: StagePlan) -> Table:
    load = stage.load
    title = f"Memory of {stage.name}, GiB per GPU: {load.rows} x {load.tokens:,} tokens are trained"
    if load.shared:
        title += f" after prompts of {load.shared:,}"
    if load.decoding:
        title += f", {load.decoding} x {load.response:,} written at a time"
    own = plan.settings.lora is not None
    ways = [(lora, gpus) for lora in (False, True) for gpus in GPU_COUNTS]
    table = _table(title + " (* the recipe's way)", "", *(_way(*way, own) for way in ways))
    pairs = [
        (
            stage.estimate(lora=lora, gpus=gpus, checkpointing=False),
            stage.estimate(lora=lora, gpus=gpus, checkpointing=True),
        )
        for lora, gpus in ways
    ]
    for label, show in _MEMORY_ROWS.items():
        table.add_row(label, *(gibibytes(show(plain, less)) for plain, less in pairs))
    for budget in BUDGETS:
        table.add_row(f"{budget} GB", *(verdict(*pair, budget * GIB) for pair in pairs))
    return table


def _way(lora: bool, gpus: int, own: bool) -> str:
    return f"{'LoRA' if lora else 'full'}, {gpus} GPU{'s' * (gpus > 1)}{' *' * (lora == own)}"


def _constants(plan: Plan) -> Table:
    table = _table("Constants", "place", "value", "origin")
    for place, value, origin in plan.constants:
        shown = str(value)
        short = shown if len(shown) <= SHOWN_TEXT else f"{shown[: SHOWN_TEXT - 3]}..."
        table.add_row(place, short, origin)
    return table


def _problems(plan: Plan) -> RenderableType:
    if not plan.problems:
        return Text("No problems found.", style="green")
    return _lines(f"Problems ({len(plan.problems)})", plan.problems, "red")


def _lines(title: str, lines: tuple[str, ...], style: str) -> Text:
    return Text("\n".join([title, *(f"- {line}" for line in lines)]), style=style)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _powers(expected: float, most: float) -> str:
    return f"{expected:.1e}, {most:.1e}" if most else "-"


def _two(expected: float, most: float) -> str:
    numbers = [amount(value) for value in (expected, most) if value]
    return ", ".join(numbers) or "-"


_STAGE_ROWS: dict[str, Callable[[StagePlan], str]] = {
    "kind": lambda stage: stage.kind,
    "steps": lambda stage: f"{stage.steps:,}",
    "samples": lambda stage: f"{stage.samples:,}",
    "rollouts of each": lambda stage: str(stage.rollouts or "-"),
    "share trained on": lambda stage: f"{stage.kept:.0%}" if stage.rollouts else "-",
    "updates": lambda stage: f"{stage.steps * stage.updates:,}",
    "trained parameters": lambda stage: amount(stage.trained),
    "prompt tokens": lambda stage: _two(stage.expected.prompt, stage.longest.prompt),
    "of which media": lambda stage: _two(stage.expected.media, stage.longest.media),
    "response tokens": lambda stage: _two(stage.expected.response, stage.longest.response),
    "tokens trained": lambda stage: _two(stage.work.trained, stage.most_work.trained),
    "tokens sampled": lambda stage: _two(stage.work.sampled, stage.most_work.sampled),
    "FLOPs of updates": lambda stage: _powers(stage.work.update, stage.most_work.update),
    "FLOPs of sampling": lambda stage: _powers(stage.work.sampling, stage.most_work.sampling),
    "FLOPs of reference": lambda stage: _powers(stage.work.reference, stage.most_work.reference),
    "model FLOPs": lambda stage: _powers(stage.work.flops, stage.most_work.flops),
}
_MEMORY_ROWS: dict[str, Callable[[MemoryEstimate, MemoryEstimate], int]] = {
    "weights": lambda plain, less: plain.weights,
    "gradients": lambda plain, less: plain.gradients,
    "optimiser": lambda plain, less: plain.optimizer,
    "reference": lambda plain, less: plain.reference,
    "bfloat16 copies": lambda plain, less: plain.copies,
    "gathered layers": lambda plain, less: plain.gathered,
    "activations": lambda plain, less: plain.activations,
    "activations, checkpointed": lambda plain, less: less.activations,
    "logits": lambda plain, less: plain.logits,
    "KV cache of rollouts": lambda plain, less: plain.kv_cache,
    "prefill of rollouts": lambda plain, less: plain.prefill,
    "peak": lambda plain, less: plain.peak,
    "peak, checkpointed": lambda plain, less: less.peak,
}
