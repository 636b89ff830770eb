"""Learning curves of the arms as one SVG: the mean over the seeds, with their range as a band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from gnomon.replication.statistics import Point
from gnomon.report.curves import Scale, nice_ticks

WIDTH, HEIGHT = 760.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 190.0, 28.0, 40.0
COLOURS = ("#4c566a", "#2f6fb0", "#c2571a", "#3c8d40", "#8e4a9e", "#b03052", "#777700")
"""The reference is grey; the others can be told apart in print and with weak colour vision."""
Band = Sequence[Point]


def chart(title: str, bands: Mapping[str, Band], *, from_zero: bool = True) -> str:
    """An SVG of one quantity: x are training steps, a band is (x, mean, least, most).

    An arm without points is left out; without any there is an empty text. Source: ours.
    """
    drawn = {name: points for name, points in bands.items() if points}
    if not drawn:
        return ""
    everything = [point for points in drawn.values() for point in points]
    lowest = min(point[2] for point in everything)
    highest = max(point[3] for point in everything)
    across = Scale(0.0, max(point[0] for point in everything), LEFT, WIDTH - RIGHT)
    up = Scale(min(0.0, lowest) if from_zero else lowest, highest, HEIGHT - BOTTOM, TOP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" '
        f'role="img" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH:g}" height="{HEIGHT:g}" fill="#ffffff"/>',
        f'<text x="{LEFT:g}" y="16" font-weight="bold">{escape(title)}</text>',
        *_axes(across, up),
    ]
    for number, (name, points) in enumerate(drawn.items()):
        lines += _arm(name, points, COLOURS[number % len(COLOURS)], number, across, up)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _axes(across: Scale, up: Scale) -> list[str]:
    ground = HEIGHT - BOTTOM
    values, steps = nice_ticks(up.low, up.high), nice_ticks(across.low, across.high)
    return [
        _line(LEFT, ground, WIDTH - RIGHT, ground),
        _line(LEFT, TOP, LEFT, ground),
        *(_text(LEFT - 6, up(value) + 4, f"{value:g}", "end") for value in values),
        *(
            _text(across(step), ground + 16, f"{step:g}", "middle")
            for step in steps
            if step % 1 == 0
        ),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "training steps", "middle"),
    ]


def _arm(name: str, points: Band, colour: str, number: int, across: Scale, up: Scale) -> list[str]:
    there = [f"{across(x):.1f},{up(most):.1f}" for x, _, _, most in points]
    back = [f"{across(x):.1f},{up(least):.1f}" for x, _, least, _ in reversed(points)]
    mean = [f"{across(x):.1f},{up(value):.1f}" for x, value, _, _ in points]
    y = TOP + 8 + 18 * number
    left = WIDTH - RIGHT + 14
    return [
        f'<polygon points="{" ".join([*there, *back])}" fill="{colour}" fill-opacity="0.15"/>',
        f'<polyline points="{" ".join(mean)}" fill="none" stroke="{colour}" stroke-width="2"/>',
        _line(left, y, left + 18, y, colour, 2.0),
        _text(left + 24, y + 4, name, "start"),
    ]


def _line(
    x1: float, y1: float, x2: float, y2: float, colour: str = "#999999", width: float = 1.0
) -> str:
    return (
        f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{colour}" '
        f'stroke-width="{width:g}"/>'
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
