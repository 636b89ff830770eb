from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gnomon.records import BadRecord, Media, Message, Sample
from gnomon.rewards.rendering import (
    as_picture,
    picture_similarity,
    png_of,
    render_match,
    render_total,
    structural_similarity,
    tool_successes,
)


@pytest.mark.parametrize(
    ("vision", "well_formed", "rendered", "tools", "total"),
    [
        (0.75, True, True, 1, 0.70),
        (0.6, True, True, 3, 0.68),
        (0.9, True, False, 2, 0.0),
        (0.5, False, True, 0, 0.2),
        (0.9, False, False, 2, 0.0),
    ],
)
def test_the_worked_totals_of_rrvf(
    vision: float, well_formed: bool, rendered: bool, tools: int, total: float
) -> None:
    assert render_total(vision, well_formed, rendered, tools) == pytest.approx(total)


@pytest.mark.parametrize("measure", ["ssim", "pixels"])
def test_equal_pictures_score_one_and_near_ones_more_than_far_ones(
    measure: str, paint: Callable[..., Media]
) -> None:
    red, dark, blue = paint("red"), paint("darkred"), paint("blue")
    same, near, far = (
        picture_similarity(red, other, measure=measure)  # type: ignore[arg-type]
        for other in (red, dark, blue)
    )
    assert same == pytest.approx(1.0)
    assert 1 > near > far >= 0


def test_the_similarity_is_symmetric_and_pictures_may_have_any_size(
    paint: Callable[..., Media],
) -> None:
    one, other = paint("red", 30, 90), paint("blue", 200, 40)
    assert picture_similarity(one, other) == pytest.approx(picture_similarity(other, one))


def test_opposite_pictures_have_a_negative_structure() -> None:
    stripes = np.tile([0.0, 1.0], (8, 4))[..., None]
    assert structural_similarity(stripes, 1 - stripes) < 0
    image = (np.tile([0, 255], (64, 32))[..., None] * np.ones(3)).astype(np.uint8)
    assert picture_similarity(image, 255 - image) == 0.0


def test_the_rendered_picture_is_compared_with_the_first_image(
    paint: Callable[..., Media],
) -> None:
    sample = Sample("s", (Message("user", "<image>"),), (paint("red"),))
    red = sample.media[0]
    assert red.data is not None
    assert render_match(red.data, sample) == pytest.approx(1.0)
    assert render_match(None, sample) == 0.0
    with pytest.raises(ValueError, match="no image"):
        render_match(red, Sample("s", ()))


def test_code_is_no_picture() -> None:
    with pytest.raises(BadRecord, match="str is no picture"):
        as_picture("print()")
    array = np.zeros((4, 4, 3), np.uint8)
    assert as_picture(png_of(array)).size == as_picture(array).size == (4, 4)


def test_rendering_the_same_code_again_is_not_paid() -> None:
    def worth(*renders: str) -> float | None:
        return tool_successes(Sample("s", (), meta={"renders": list(renders)}))

    assert [worth(), worth("a"), worth("a", "a"), worth("a", "b", "c")] == [0, 0.5, 0.5, 1]
    assert tool_successes(Sample("s", ())) is None
