"""Curves of a run as small SVG panels: one per quantity, the stages of a kind side by side."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markupsafe import Markup, escape

from gnomon.report.text import finite, number, visible

WIDTH, HEIGHT = 360.0, 178.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 10.0, 20.0, 30.0
MAX_EXTRA = 24
MAX_POINTS = 240
"""Longer series of one stage are drawn as the mean and the range of this many bins (ours)."""
COLOURS = 6
SMALLEST, LARGEST = 1e-100, 1e100
"""Values beyond these cannot be drawn (ours)."""

# Title, unit or explanation, metric names (one ending in '/': all that start with it), from zero.
PANELS: tuple[tuple[str, str, tuple[str, ...], bool], ...] = (
    ("Reward", "mean of all rollouts", ("reward",), False),
    ("Reward terms", "mean of each term", ("reward/",), False),
    ("Accuracy", "share of right answers", ("accuracy",), True),
    ("Length", "tokens", ("length",), True),
    ("Truncated", "share of rollouts", ("truncated",), True),
    ("Entropy", "nats per token", ("entropy",), True),
    ("Groups without a signal", "equal rewards", ("zero_variance",), True),
    ("Kept", "share after resampling", ("kept",), True),
    ("Clipped", "share of tokens", ("clip_high", "clip_low", "dual_clip"), True),
    ("KL", "nats per token", ("kl",), True),
    ("Spread of reward terms", "std", ("reward_std/",), True),
    ("Loss", "", ("loss",), False),
    ("Gradient norm", "before clipping", ("grad_norm",), True),
    ("Learning rate", "", ("lr",), True),
    ("Tokens", "trained per step", ("tokens",), True),
    ("Mismatch", "largest gap of log p", ("mismatch",), True),
)
_NOT_METRICS = frozenset({"index", "step"})


@dataclass(frozen=True)
class Segment:
    """One quantity over the ascending steps of one stage, a finite value for each."""

    stage: str
    index: int
    steps: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Series:
    """One curve: its name and its segments in the order of stages."""

    name: str
    segments: tuple[Segment, ...]

    @property
    def values(self) -> list[float]:
        """All values, in order."""
        return [value for segment in self.segments for value in segment.values]


@dataclass(frozen=True)
class Panel:
    """One small chart of one or more series; ``from_zero`` keeps zero in view."""

    title: str
    unit: str
    series: tuple[Series, ...]
    from_zero: bool = False

    @property
    def stages(self) -> list[tuple[int, str, int]]:
        """Index, name and last step of each stage that the panel shows."""
        found: dict[int, tuple[str, int]] = {}
        for segment in (part for series in self.series for part in series.segments):
            last = max(segment.steps[-1], found.get(segment.index, ("", 0))[1])
            found[segment.index] = (segment.stage, last)
        return [(index, *found[index]) for index in sorted(found)]


@dataclass(frozen=True)
class Section:
    """The panels of one kind of stage; ``left_out`` counts metrics that found no place."""

    title: str
    panels: tuple[Panel, ...]
    left_out: int = 0


@dataclass(frozen=True)
class Scale:
    """Linear map of values from ``low`` .. ``high`` to pixels from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.start + share * (self.end - self.start)


def make_sections(metrics: Sequence[Mapping[str, Any]]) -> list[Section]:
    """Panels from the lines of ``metrics.jsonl``, in one section per kind of stage (ours).

    Stages with a reward and stages without are drawn apart, because their losses have different
    scales. Several lines of one step are averaged. Values that are not finite numbers are left out,
    and so is a panel without values. Metrics that no panel names get one each, at most `MAX_EXTRA`.
    """
    rewarded = {line.get("index") for line in metrics if finite(line.get("reward")) is not None}
    kinds = {
        "Reinforcement learning": [line for line in metrics if line.get("index") in rewarded],
        "Supervised fine-tuning": [line for line in metrics if line.get("index") not in rewarded],
    }
    made = [_section(title, lines) for title, lines in kinds.items()]
    filled = [section for section in made if section.panels]
    return sorted(filled, key=lambda section: section.panels[0].stages[0][0])


def _section(title: str, lines: Sequence[Mapping[str, Any]]) -> Section:
    series = _collect(lines)
    panels = []
    for name, unit, metrics, from_zero in PANELS:
        chosen = [metric for wanted in metrics for metric in _matching(series, wanted)]
        curves = tuple(_named(series.pop(metric)) for metric in chosen)
        if curves:
            panels.append(Panel(name, unit, curves, from_zero))
    extra = [Panel(name, "", (curve,)) for name, curve in sorted(series.items())]
    return Section(title, (*panels, *extra[:MAX_EXTRA]), len(extra[MAX_EXTRA:]))


def _matching(names: Iterable[str], wanted: str) -> list[str]:
    if wanted.endswith("/"):
        return sorted(name for name in names if name.startswith(wanted))
    return [wanted] if wanted in names else []


def _named(series: Series) -> Series:
    return Series(series.name.partition("/")[2] or series.name.replace("_", " "), series.segments)


def _collect(lines: Sequence[Mapping[str, Any]]) -> dict[str, Series]:
    found: dict[str, dict[tuple[int, str], dict[int, list[float]]]] = {}
    for line in lines:
        stage = (int(line.get("index") or 0), str(line.get("stage")))
        for name, value in line.items():
            known = finite(value)
            if name not in _NOT_METRICS and known is not None and abs(known) < LARGEST / 4:
                steps = found.setdefault(name, {}).setdefault(stage, {})
                steps.setdefault(int(line.get("step") or 0), []).append(known)
    return {
        name: Series(name, tuple(_segment(*stage, stages[stage]) for stage in sorted(stages)))
        for name, stages in found.items()
    }


def _segment(index: int, stage: str, values: Mapping[int, Sequence[float]]) -> Segment:
    steps = tuple(sorted(values))
    return Segment(stage, index, steps, tuple(sum(values[s]) / len(values[s]) for s in steps))


def nice_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """About ``count`` round values within ``low`` .. ``high``; ``low`` alone when they are equal.

    Steps are 1, 2 or 5 times a power of ten (ours).

    >>> nice_ticks(0.0, 0.97, 4)
    [0.0, 0.2, 0.4, 0.6, 0.8]
    """
    if not SMALLEST < high - low < LARGEST:
        return [low]
    rough = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    width = next(power * unit for unit in (1, 2, 5, 10) if power * unit >= 0.7 * rough)
    first, last = math.ceil(low / width - 1e-9), math.floor(high / width + 1e-9)
    digits = max(0, -math.floor(math.log10(width)))
    return [round(index * width, digits) + 0.0 for index in range(first, last + 1)]


def bins(steps: Sequence[int], values: Sequence[float]) -> list[tuple[float, float, float, float]]:
    """Step, mean, lowest and highest value of each of at most `MAX_POINTS` bins of equal counts."""
    size = math.ceil(len(steps) / MAX_POINTS) or 1
    made = []
    for start in range(0, len(steps), size):
        some = values[start : start + size]
        at = sum(steps[start : start + size]) / len(some)
        made.append((at, sum(some) / len(some), min(some), max(some)))
    return made


def smooth(values: Sequence[float], window: int) -> list[float]:
    """Centred running mean over ``window`` values; shorter at both ends."""
    half = window // 2
    parts = (values[max(0, i - half) : i + half + 1] for i in range(len(values)))
    return [sum(part) / len(part) for part in parts]


def is_noisy(values: Sequence[float]) -> bool:
    """Whether more than a tenth of the steps turn around; a schedule is not noisy (ours)."""
    moves = [after - before for before, after in pairwise(values)]
    turns = sum(one * other < 0 for one, other in pairwise(moves))
    return turns > len(values) / 10


def value_scale(panel: Panel) -> Scale:
    """The vertical scale: the range of all values with a margin, never empty."""
    values = [value for series in panel.series for value in series.values]
    low, high = min(values), max(values)
    if panel.from_zero:
        low, high = min(0.0, low), max(0.0, high)
    margin = 0.06 * (high - low) or abs(high) * 0.1 or 0.5
    floor = low if panel.from_zero and low == 0 else low - margin
    return Scale(floor, high + margin, HEIGHT - BOTTOM, TOP)


def stage_scales(panel: Panel) -> dict[int, Scale]:
    """The horizontal scale of each stage by its index: widths follow the numbers of steps."""
    total = sum(max(last, 1) for _, _, last in panel.stages)
    scales, at = {}, LEFT
    for index, _, last in panel.stages:
        width = (WIDTH - LEFT - RIGHT) * max(last, 1) / total
        scales[index] = Scale(0.0, float(max(last, 1)), at, at + width)
        at += width
    return scales


def summary_line(panel: Panel) -> str:
    """Smallest, largest and last value, of the first series when there are several."""
    values = panel.series[0].values
    return f"min {number(min(values))}   max {number(max(values))}   last {number(values[-1])}"


def hover_data(panel: Panel) -> list[dict[str, Any]]:
    """Values for the pointer: of each series its name and ``[x, step, value]`` of its points."""
    scales = stage_scales(panel)
    return [
        {"name": visible(series.name), "points": _hover_points(series, scales)}
        for series in panel.series
    ]


def _hover_points(series: Series, scales: Mapping[int, Scale]) -> list[list[float]]:
    return [
        [round(scales[part.index](at), 1), round(at), float(f"{mean:.4g}")]
        for part in series.segments
        for at, mean, _, _ in bins(part.steps, part.values)
    ]


def draw(panel: Panel) -> Markup:
    """The panel as an SVG element that takes its colours from the page's style sheet."""
    across, up = stage_scales(panel), value_scale(panel)
    label = visible(f"{panel.title}: {summary_line(panel)}")
    body = [
        *(_draw_value_tick(tick, up) for tick in nice_ticks(up.low, up.high)),
        *_draw_stages(panel, across),
        *(_draw_series(series, i, across, up) for i, series in enumerate(panel.series)),
    ]
    start = Markup('<svg class="chart" viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">')
    return start.format(WIDTH, HEIGHT, label) + Markup("").join(body) + Markup("</svg>")


def _draw_value_tick(value: float, up: Scale) -> Markup:
    line = '<line class="grid" x1="{:.1f}" x2="{:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
    text = '<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>'
    y = up(value)
    made = Markup(line).format(LEFT, WIDTH - RIGHT, y=y)
    return made + Markup(text).format(LEFT - 6, y + 3.5, number(value))


def _draw_stages(panel: Panel, across: Mapping[int, Scale]) -> list[Markup]:
    """Step ticks, the name of the axis, and with several stages their boundaries and names."""
    text = Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
    rule = Markup('<line class="boundary" x1="{x:.1f}" x2="{x:.1f}" y1="{:.1f}" y2="{:.1f}"/>')
    bottom = HEIGHT - BOTTOM
    count = len(panel.stages)
    made = [text.format("axis", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 3, "middle", "step")]
    for place, (index, name, last) in enumerate(panel.stages):
        scale = across[index]
        first = 1 if place else 0  # the step 0 of a later stage is the end of the one before
        made += [
            text.format("tick", scale(tick), bottom + 14, "middle", number(tick))
            for tick in nice_ticks(0, last, max(1, 5 // count))
            if tick % 1 == 0 and tick >= first
        ]
        if place:
            made.append(rule.format(TOP - 8, bottom, x=scale.start))
        if count > 1:
            shown = _fit(visible(name), scale.end - scale.start)
            made.append(text.format("stage", scale.start + 3, TOP - 9, "start", shown))
    return made


def _fit(text: str, width: float) -> str:
    room = max(1, int(width / 6.2))
    return text if len(text) <= room else text[: room - 1] + "…"


def _draw_series(series: Series, place: int, across: Mapping[int, Scale], up: Scale) -> Markup:
    parts = (_draw_segment(segment, across[segment.index], up) for segment in series.segments)
    body = Markup("").join(parts)
    return Markup('<g class="series c{}"><title>{}</title>{}</g>').format(
        place % COLOURS, visible(series.name), body
    )


def _draw_segment(segment: Segment, across: Scale, up: Scale) -> Markup:
    """Few points as they are, with a running mean on top; many as mean and range of bins."""
    points = bins(segment.steps, segment.values)
    xs = [across(at) for at, *_ in points]
    means = [mean for _, mean, _, _ in points]
    if len(xs) == 1:
        dot = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="2.6"/>')
        return dot.format(xs[0], up(means[0]))
    if len(segment.steps) > MAX_POINTS:
        edge = [*zip(xs, (high for *_, high in points), strict=True)]
        back = [*zip(xs, (low for _, _, low, _ in points), strict=True)][::-1]
        ground = _path([(x, up(y)) for x, y in edge + back], "band", close=True)
    else:
        ground = _path([(x, up(y)) for x, y in zip(xs, means, strict=True)], "raw")
    window = len(means) // 12
    line = smooth(means, window) if window > 1 and is_noisy(means) else means
    return ground + _path([(x, up(y)) for x, y in zip(xs, line, strict=True)], "mean")


def _path(points: Sequence[tuple[float, float]], kind: str, close: bool = False) -> Markup:
    steps = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return Markup('<path class="{}" d="M{}{}"/>').format(kind, escape(steps), "Z" if close else "")
