"""Render-and-compare: how alike two pictures are, and the reward of a written and rendered program.

Source: RRVF, arXiv 2507.20766. Rendering itself is the work of an environment; these terms take its
picture. A judge may replace the similarity, see `gnomon.rewards.judges`.
"""

from __future__ import annotations

import io
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gnomon.media.image import open_image
from gnomon.parts import register
from gnomon.records import BadRecord, Media, Sample
from gnomon.rewards.sections import optional

SIDE = 64
"""Both pictures are compared at this size (ours): layout and colour, not single pixels."""
_WINDOW = 8


def as_picture(value: Any) -> Image.Image:
    """An image from a `Media`, encoded bytes, a Pillow image or an array [H, W, 3], as RGB.

    Raises `BadRecord` for anything that is no image.
    """
    if isinstance(value, Image.Image):
        return value.convert("RGB")
    if isinstance(value, np.ndarray):
        return Image.fromarray(value).convert("RGB")
    if isinstance(value, bytes):
        value = Media("image", data=value)
    if isinstance(value, Media):
        return open_image(value)
    raise BadRecord(f"{type(value).__name__} is no picture; give bytes, a Media or an array")


def _grid(picture: Image.Image) -> NDArray[np.float64]:
    small = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small, np.float64) / 255


def structural_similarity(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Mean SSIM over 8 x 8 windows and channels of two arrays [H, W, C] in [0, 1]; at most 1.

    Uniform windows that do not overlap, C1 = 0.01^2, C2 = 0.03^2, population moments. Source: Wang
    et al. 2004, doi 10.1109/TIP.2003.819861, equation 13.
    """
    height, width, channels = one.shape
    shape = (height // _WINDOW, _WINDOW, width // _WINDOW, _WINDOW, channels)
    a, b = (array.reshape(shape) for array in (one, other))
    axes = (1, 3)
    mean_a, mean_b = a.mean(axes), b.mean(axes)
    both = (a * b).mean(axes) - mean_a * mean_b
    spread = a.var(axes) + b.var(axes)
    low, high = 0.01**2, 0.03**2
    light = (2 * mean_a * mean_b + low) / (mean_a**2 + mean_b**2 + low)
    return float((light * (2 * both + high) / (spread + high)).mean())


def picture_similarity(
    one: Any, other: Any, *, measure: Literal["ssim", "pixels"] = "ssim"
) -> float:
    """How alike two pictures are, in [0, 1]; 1 for equal ones.

    Both are scaled to 64 x 64 first. "ssim": `structural_similarity`, negatives as 0. "pixels":
    1 - mean absolute difference of the channels.

    >>> black = np.zeros((4, 4, 3), np.uint8)
    >>> picture_similarity(black, black), picture_similarity(black, 255 - black, measure="pixels")
    (1.0, 0.0)
    """
    first, second = _grid(as_picture(one)), _grid(as_picture(other))
    if measure == "pixels":
        return float(1 - np.abs(first - second).mean())
    return min(1.0, max(0.0, structural_similarity(first, second)))


def render_total(
    vision: float, well_formed: bool, rendered: bool, tools: int, *, cap: int = 2
) -> float:
    """0.8 R_vision + 0.2 R_format + 0.2 R_tool of RRVF (weights ours).

    R_vision is 0 unless the final answer rendered; R_format is -1 for a malformed turn or a final
    answer that does not render, both together too, else 0; R_tool = min(successes, cap) / cap.

    >>> round(render_total(0.75, True, True, 1), 3), render_total(0.9, True, False, 2)
    (0.7, 0.0)
    """
    seen = vision if rendered else 0.0
    faults = 0.0 if well_formed and rendered else -1.0
    return 0.8 * seen + 0.2 * faults + 0.2 * min(tools, cap) / cap


@register("reward")
def render_match(
    prediction: Any, sample: Sample, *, measure: Literal["ssim", "pixels"] = "ssim"
) -> float:
    """Similarity in [0, 1] of the rendered answer with the sample's first image; 0 without one.

    ``prediction`` is the rendered picture that the grader or environment gives as the value. Only
    the picture counts, never the code. A blank page of the source's background earns the share that
    is background. Raises ValueError for a sample without an image. Source: RRVF, arXiv 2507.20766;
    the measure stands in for its judge.
    """
    if not sample.media:
        raise ValueError(f"sample {sample.id!r} has no image to compare with")
    if prediction is None:
        return 0.0
    return picture_similarity(sample.media[0], prediction, measure=measure)


@register("reward")
def tool_successes(sample: Sample, *, column: str = "renders", cap: int = 2) -> float | None:
    """Distinct successful renders, at most cap, over cap: in [0, 1]; None without the column.

    ``column`` is what the environment recorded for this rollout: the code of each render that
    succeeded. Equal code counts once, so that re-rendering is not farmed. Source: RRVF, arXiv
    2507.20766; the cap and the distinctness are ours.

    >>> tool_successes(Sample("a", (), meta={"renders": ["x", "x"]}))
    0.5
    """
    renders = optional(sample.meta, column, None)
    return None if renders is None else min(len(set(map(str, renders))), cap) / cap


def png_of(array: NDArray[np.uint8]) -> bytes:
    """An array [H, W, 3] as a PNG file."""
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "PNG")
    return stream.getvalue()
