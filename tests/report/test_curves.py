from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from gnomon.report.curves import (
    HEIGHT,
    MAX_EXTRA,
    MAX_POINTS,
    WIDTH,
    Panel,
    Segment,
    Series,
    bins,
    draw,
    hover_data,
    make_sections,
    nice_ticks,
    smooth,
    stage_scales,
    summary_line,
    value_scale,
)

finite = st.floats(-1e9, 1e9)


def _line(index: int, step: int, **values: Any) -> dict[str, Any]:
    return {"stage": f"stage-{index}", "index": index, "step": step, **values}


def _panel(values: list[float], from_zero: bool = False, stages: int = 1) -> Panel:
    steps = tuple(range(1, len(values) + 1))
    parts = tuple(Segment(f"stage-{i}", i, steps, tuple(values)) for i in range(1, stages + 1))
    return Panel("Title", "", (Series("one", parts),), from_zero)


def _numbers(panel: Panel) -> list[tuple[float, float]]:
    paths = re.findall(r' d="M([^"Z]+)', draw(panel))
    return [(float(x), float(y)) for path in paths for x, y in map(str.split, path.split("L"))]


def test_stages_with_and_without_a_reward_are_drawn_apart() -> None:
    sections = make_sections([_line(1, 1, loss=2.0), _line(2, 1, loss=0.0, reward=1.0)])
    assert [section.title for section in sections] == [
        "Supervised fine-tuning",
        "Reinforcement learning",
    ]
    assert [panel.title for panel in sections[1].panels] == ["Reward", "Loss"]


def test_several_updates_of_a_step_are_averaged() -> None:
    (section,) = make_sections([_line(1, 1, loss=2.0), _line(1, 1, loss=4.0)])
    assert section.panels[0].series[0].values == [3.0]


def test_values_that_are_no_finite_numbers_leave_no_point() -> None:
    lines = [_line(1, 1, loss=None), _line(1, 2, loss=1.0), _line(1, 3, loss="x", event="stage")]
    (section,) = make_sections(lines)
    assert [panel.series[0].segments[0].steps for panel in section.panels] == [(2,)]


def test_reward_terms_share_a_panel_under_their_own_names() -> None:
    lines = [_line(1, 1, **{"reward": 1.0, "reward/iou": 0.5, "reward/format": 1.0})]
    (section,) = make_sections(lines)
    assert [series.name for series in section.panels[1].series] == ["format", "iou"]


def test_metrics_without_a_panel_get_one_each_up_to_a_limit() -> None:
    (section,) = make_sections([_line(1, 1, **{f"m{i:03d}": 1.0 for i in range(MAX_EXTRA + 3)})])
    assert len(section.panels) == MAX_EXTRA
    assert section.left_out == 3


def test_no_metrics_make_no_sections() -> None:
    assert make_sections([]) == []


@given(finite, st.floats(1e-6, 1e9), st.integers(1, 8))
def test_ticks_lie_in_the_range_and_are_about_as_many_as_asked(
    low: float, width: float, count: int
) -> None:
    high = low + width
    if not high - low > 1e-9 * abs(low):
        return
    ticks = nice_ticks(low, high, count)
    assert all(low - width * 1e-6 <= tick <= high + width * 1e-6 for tick in ticks)
    assert len(ticks) <= 2 * count + 1
    assert ticks == sorted(ticks)


@given(st.lists(finite, min_size=1, max_size=40), st.booleans(), st.integers(1, 3))
def test_every_curve_lies_within_the_picture(
    values: list[float], from_zero: bool, stages: int
) -> None:
    for x, y in _numbers(_panel(values, from_zero, stages)):
        assert 0 <= x <= WIDTH and 0 <= y <= HEIGHT


@given(st.lists(finite, min_size=1, max_size=1000))
def test_bins_are_few_and_hold_the_extremes(values: list[float]) -> None:
    made = bins(range(len(values)), values)
    assert len(made) <= MAX_POINTS
    assert min(low for _, _, low, _ in made) == min(values)
    assert max(high for *_, high in made) == max(values)


@given(st.lists(finite, min_size=1, max_size=60), st.integers(1, 9))
def test_smoothing_stays_within_the_range(values: list[float], window: int) -> None:
    slack = 1e-6 * (1 + max(map(abs, values)))
    smoothed = smooth(values, window)
    assert len(smoothed) == len(values)
    assert all(min(values) - slack <= value <= max(values) + slack for value in smoothed)


def test_a_schedule_is_drawn_exactly_and_noise_is_smoothed() -> None:
    ramp = [float(i) for i in range(60)]
    noise = [float(i % 2) for i in range(60)]
    drawn = {kind: _paths(_panel(values)) for kind, values in (("ramp", ramp), ("noise", noise))}
    assert drawn["ramp"]["raw"] == drawn["ramp"]["mean"]
    assert drawn["noise"]["raw"] != drawn["noise"]["mean"]


def _paths(panel: Panel) -> dict[str, str]:
    return dict(re.findall(r'<path class="(\w+)" d="([^"]+)"', draw(panel)))


def test_long_series_are_drawn_as_mean_and_range() -> None:
    assert set(_paths(_panel([float(i % 7) for i in range(3 * MAX_POINTS)]))) == {"band", "mean"}


def test_a_single_value_is_a_dot() -> None:
    assert "<circle" in draw(_panel([1.0]))


def test_boundaries_and_names_mark_the_stages() -> None:
    picture = draw(_panel([1.0, 2.0], stages=3))
    assert picture.count('class="boundary"') == 2
    assert re.findall(r'class="stage"[^>]*>([^<]+)<', picture) == ["stage-1", "stage-2", "stage-3"]
    assert "boundary" not in draw(_panel([1.0, 2.0]))


def test_a_stage_is_as_wide_as_it_has_steps() -> None:
    long, short = (Segment("s", i, tuple(range(n)), (0.0,) * n) for i, n in ((1, 301), (2, 101)))
    scales = stage_scales(Panel("", "", (Series("a", (long, short)),)))
    assert scales[2].end - scales[2].start == (scales[1].end - scales[1].start) / 3
    assert scales[2].start == scales[1].end


def test_a_panel_from_zero_has_zero_at_its_foot() -> None:
    assert value_scale(_panel([0.5, 0.6], from_zero=True)).low == 0
    assert value_scale(_panel([0.5, 0.6])).low > 0.4


def test_the_summary_line_gives_smallest_largest_and_last() -> None:
    assert summary_line(_panel([2.0, 1.0, 3.0, 1.5])) == "min 1   max 3   last 1.5"


def test_pointer_values_are_where_the_curve_is() -> None:
    panel = _panel([2.0, 1.0])
    (series,) = hover_data(panel)
    assert [point[1:] for point in series["points"]] == [[1, 2.0], [2, 1.0]]
    assert [point[0] for point in series["points"]] == [round(x, 1) for x, _ in _numbers(panel)[:2]]


def test_the_picture_is_well_formed_whatever_names_hold() -> None:
    name = "</svg><script>\x00\"'&\u202e"
    panel = Panel(name, name, (Series(name, (Segment(name, 1, (1, 2), (1.0, 2.0)),)),) * 2)
    ElementTree.fromstring(draw(panel))


def test_values_too_large_to_draw_are_left_out() -> None:
    (section,) = make_sections([_line(1, 1, loss=1e308), _line(1, 2, loss=-1.0)])
    assert section.panels[0].series[0].values == [-1.0]
