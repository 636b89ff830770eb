"""Recipes: a run as plain, validated data.

A recipe is a typed function ``(scale) -> Recipe``, at most a screen long. Its resolved form is YAML
that is complete, diffable and can be run again. Every choice is a *part* by name (`Use`) or a
number; everything is checked before a run starts, and an error names place, value, reason and the
nearest right name.

A variant is a relation: call another recipe's function and `vary` what differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from gnomon.blocks import (
    Block,
    Count,
    Number,
    OfKind,
    Origin,
    Sourced,
    Use,
    UseArchitecture,
    UseBenchmark,
    UseFormat,
    UseGrader,
    Whole,
    build,
    code,
    ours,
    paper,
)
from gnomon.media.frames import Video
from gnomon.overrides import change, parse_changes
from gnomon.problems import RecipeError, problems
from gnomon.recipe_stages import (
    AnyStage,
    Demonstrations,
    Freezable,
    Ocr,
    Optimizer,
    Prefix,
    Regulariser,
    Reinforce,
    Reward,
    RewardKl,
    Sampling,
    Scope,
    Sft,
    Stage,
    Value,
    Verification,
)
from gnomon.yaml_text import write_yaml

__all__ = [
    "AnyStage",
    "Block",
    "Demonstrations",
    "Evaluation",
    "Freezable",
    "Lora",
    "Model",
    "Ocr",
    "OfKind",
    "Optimizer",
    "Origin",
    "Prefix",
    "Recipe",
    "RecipeError",
    "Regulariser",
    "Reinforce",
    "Reward",
    "RewardKl",
    "Sampling",
    "Scale",
    "Scope",
    "Sft",
    "Sourced",
    "Stage",
    "Use",
    "Value",
    "Verification",
    "Video",
    "build",
    "code",
    "make_recipe",
    "ours",
    "override",
    "paper",
    "parse_changes",
    "vary",
]

Scale = Literal["micro", "full"]


class Lora(Block):
    """Low-rank adapters (arXiv 2106.09685) on the modules whose names match ``targets``."""

    rank: Count = 16
    alpha: Number = 32.0
    targets: str = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"


NEW = "new"
"""Path of a model that is made from an architecture."""


class Model(Block):
    """The model to start from: a folder, a hub id, or a ``new`` one of an ``architecture``.

    ``dtype`` is that of the weights in training and in sampling, ``attention`` the implementation
    of it. ``gradient_checkpointing`` computes the layers again in the backward pass, for memory.
    With ``lora`` the adapters alone are trained. ``image_pixels`` are the least and the most pixels
    that an image is resized to; None keeps the processor's. ``video`` says which frames of a video
    are shown, each resized as an image.
    """

    path: str
    architecture: UseArchitecture | None = None  # type: ignore[valid-type]
    dtype: Literal["float32", "bfloat16"] = "float32"
    attention: Literal["sdpa", "eager"] = "sdpa"
    gradient_checkpointing: bool = False
    lora: Lora | None = None
    image_pixels: tuple[Count, Count] | None = None
    video: Video = Field(default_factory=lambda: Video())

    @model_validator(mode="after")
    def _check_new(self) -> Model:
        if self.architecture is not None and self.path != NEW:
            raise ValueError(
                f"path={self.path!r} and an architecture: a model that is made has the path 'new'; "
                "set architecture to null to start from a folder"
            )
        return self


class Evaluation(Block):
    """What is measured before the first stage and after each.

    ``base_format`` asks the untrained model in the form that it knows, ``format`` asks in the form
    that the stages teach; ``base_grader`` and ``grader`` read their answers. Each item gets
    ``samples`` responses of up to ``max_new_tokens``, greedy ones at temperature 0; ``top_k`` 0
    keeps all tokens. An item of more than ``max_tokens``, pictures included, is skipped and named.
    """

    benchmarks: tuple[UseBenchmark, ...] = ()  # type: ignore[valid-type]
    format: UseFormat = Use("think-boxed")  # type: ignore[valid-type]
    grader: UseGrader = Use("strict")  # type: ignore[valid-type]
    base_format: UseFormat = Use("direct")  # type: ignore[valid-type]
    base_grader: UseGrader = Use("lenient")  # type: ignore[valid-type]
    max_new_tokens: Count = 128
    max_tokens: Count = 2048
    samples: Count = 1
    temperature: Number = Field(0.0, ge=0)
    top_p: Number = Field(1.0, gt=0, le=1)
    top_k: Whole = Field(0, ge=0)

    @model_validator(mode="after")
    def _check_samples(self) -> Evaluation:
        if self.samples > 1 and self.temperature == 0:
            raise ValueError(
                f"samples={self.samples} at temperature=0 are copies of one response; "
                "set a temperature such as 1.0"
            )
        return self


class Recipe(Block):
    """A whole run: the stages in turn, each going on from the model of the one before.

    ``seed`` decides everything that is drawn: the same recipe and seed give the same run on one
    machine. ``data_root`` is the folder in which relative paths of pictures begin. ``imports`` are
    the user's files whose parts the recipe names.
    """

    name: str
    description: str = ""
    scale: Scale
    seed: Whole = 0
    model: Model
    stages: tuple[AnyStage, ...]
    evaluation: Evaluation = Field(default_factory=lambda: Evaluation())
    data_root: Path | None = None
    imports: tuple[str, ...] = ()

    @field_validator("stages")
    @classmethod
    def _check_names(cls, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        names = [stage.name for stage in stages]
        if not names:
            raise ValueError("at least one stage is needed")
        if len(set(names)) < len(names):
            raise ValueError(f"two stages have one name, rename one of them: {', '.join(names)}")
        return stages

    def to_yaml(self) -> str:
        """The resolved recipe, complete: every default written out."""
        return write_yaml(self.model_dump(mode="json"))


def make_recipe(data: Mapping[str, Any]) -> Recipe:
    """Validate plain data as a recipe; `RecipeError` lists every problem, one a line."""
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise RecipeError("\n".join(problems(error, Recipe, data))) from None


def override(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """``recipe`` with leaves or whole blocks replaced, as ``--set`` does.

    A path names blocks by field, stages by name and terms by their part:
    ``stages.cold-start.steps``, ``stages.rl.rewards.accuracy.weight``. Naming another ``part``
    starts from that part's defaults. ``stages=[a, b]`` keeps the named stages in that order; a
    block among the names is a further stage. The origin of what is set becomes "user", unless the
    value carries another, ``ours(0.28)``. Raises `RecipeError` with the nearest name for a path,
    and for a value that does not fit.
    """
    return _changed(recipe, changes, "user")


def vary(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """A variant of ``recipe``, for recipes that are relations to others.

    As `override`, but a value has the origin that ``changes`` state, or none::

        vary(grpo(scale), {"name": "dapo", "stages.rl.loss.clip_high": paper(0.28)})
    """
    return _changed(recipe, changes, None)


def _changed(recipe: Recipe, changes: Mapping[str, Any], origin: Origin | None) -> Recipe:
    data = recipe.model_dump(mode="json")
    for path, value in changes.items():
        try:
            change(data, path, value, origin)
        except RecipeError:
            # A block that was just set whole lacks the settings that it takes by default.
            data = make_recipe(data).model_dump(mode="json")
            change(data, path, value, origin)
    return make_recipe(data)
