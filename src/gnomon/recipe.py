"""Recipes: a run as plain, validated data.

A recipe is a typed function ``(scale) -> Recipe``, at most a screen long. Its resolved form is YAML that is
complete, diffable and can be run again. Every choice is a *part* by name (`Use`) or a number; everything is
checked before a run starts, and an error names place, value, reason and the nearest right name.

Where a constant comes from is said where it is written: ``learning_rate=paper(1e-6)``.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PositiveInt,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from gnomon.parts import BoundPart, find, nearest, part

Origin = Literal["paper", "code", "ours", "user"]
Scale = Literal["micro", "full"]


class RecipeError(ValueError):
    """A recipe that cannot be run: each line names place, value, reason and remedy."""


@dataclass(frozen=True)
class Sourced:
    """A constant with its origin; recipes unwrap it and remember the origin."""

    value: Any
    origin: Origin


def paper(value: Any) -> Any:
    """``value``, as printed in the paper."""
    return Sourced(value, "paper")


def code(value: Any) -> Any:
    """``value``, as set in the released code or configuration."""
    return Sourced(value, "code")


def ours(value: Any) -> Any:
    """``value``, chosen here because the source leaves it open or another scale needs it."""
    return Sourced(value, "ours")


def _unwrap_sourced(values: Mapping[str, Any]) -> dict[str, Any]:
    plain = dict(values)
    origins = dict(plain.get("origins") or {})
    for name, value in plain.items():
        if isinstance(value, Sourced):
            plain[name], origins[name] = value.value, value.origin
    if origins:
        plain["origins"] = origins
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


class Block(BaseModel):
    """A block of settings; ``origins`` says where each constant in it comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
    origins: dict[str, Origin] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _unwrap(cls, values: Any) -> Any:
        return _unwrap_sourced(values) if isinstance(values, Mapping) else values


class Use(BaseModel):
    """A part by name with its settings: ``Use("grpo", epsilon=1e-6)``; in YAML ``{part: grpo, epsilon: 1e-06}``."""

    model_config = ConfigDict(frozen=True)
    part: str
    settings: dict[str, Any] = Field(default_factory=dict)
    origins: dict[str, Origin] = Field(default_factory=dict)

    def __init__(self, *part: str, **settings: Any) -> None:
        # Validation calls this with everything by keyword, a recipe with the part's name in front.
        super().__init__(**({"part": part[0]} if part else {}), **settings)

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, values: Any) -> Any:
        if isinstance(values, str):
            values = {"part": values}
        if not isinstance(values, Mapping):
            raise ValueError("expected a part: its name, or {part: NAME, setting: value, ...}")
        values = _unwrap_sourced(values)
        if "part" not in values:
            raise ValueError("a part needs its name: {part: NAME, ...}")
        origins = values.pop("origins", {})
        name = values.pop("part")
        if set(values) == {"settings"} and isinstance(values["settings"], dict):
            values = values["settings"]
        return {"part": name, "settings": values, "origins": origins}

    @model_serializer
    def _flat(self) -> dict[str, Any]:
        flat = {"part": self.part, **_plain(self.settings)}
        return {**flat, "origins": dict(self.origins)} if self.origins else flat


@dataclass(frozen=True)
class OfKind:
    """Annotation that makes a `Use` one of a kind: it must exist and its settings must fit."""

    kind: str

    def __call__(self, use: Use) -> Use:
        settings = find(self.kind, use.part).check(use.settings)
        return use.model_copy(update={"settings": settings})


def _use(kind: str) -> Any:
    return Annotated[Use, AfterValidator(OfKind(kind))]


UseSource = _use("source")
UseFormat = _use("format")
UseGrader = _use("grader")
UseReward = _use("reward")
UseCombination = _use("combination")
UseAdvantage = _use("advantage")
UseResampler = _use("resampler")
UseLoss = _use("loss")
UseAggregation = _use("aggregation")
UseRegulariser = _use("regulariser")
UseSchedule = _use("schedule")
UseArchitecture = _use("architecture")
UseBenchmark = _use("benchmark")


class Lora(Block):
    """Low-rank adapters (arXiv 2106.09685) on the modules whose names match ``targets``."""

    rank: PositiveInt = 16
    alpha: float = 32.0
    targets: str = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"


class Model(Block):
    """The model to start from: a folder, a hub id, or a new one of an ``architecture``."""

    path: str
    architecture: UseArchitecture | None = None  # type: ignore[valid-type]
    dtype: Literal["float32", "bfloat16"] = "float32"
    attention: Literal["sdpa", "eager", "flash_attention_2"] = "sdpa"
    gradient_checkpointing: bool = False
    lora: Lora | None = None


class Optimizer(Block):
    """AdamW with a clipped gradient norm; ``learning_rate`` is a schedule over the stage's updates.

    ``max_skipped`` updates in a row with a non-finite loss or gradient stop the run.
    """

    learning_rate: UseSchedule  # type: ignore[valid-type]
    weight_decay: float = Field(0.01, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    grad_clip: float = Field(1.0, gt=0)
    max_skipped: PositiveInt = 5


class Sampling(Block):
    """How rollouts are sampled; ``top_k`` 0 keeps all tokens."""

    max_new_tokens: PositiveInt
    temperature: float = Field(1.0, ge=0)
    top_p: float = Field(1.0, gt=0, le=1)
    top_k: int = Field(0, ge=0)
    stop: tuple[str, ...] = ()


class Reward(Block):
    """One reward term: its part, its weight, and the tasks that it applies to (None: all)."""

    part: UseReward  # type: ignore[valid-type]
    weight: float
    tasks: tuple[str, ...] | None = None


class Regulariser(Block):
    """A penalty that is aggregated like the loss, times a coefficient that follows a schedule."""

    part: UseRegulariser  # type: ignore[valid-type]
    coefficient: UseSchedule  # type: ignore[valid-type]


Freezable = Literal["vision", "connector", "language", "embeddings", "head"]


class Stage(Block):
    """What every stage has. ``modality`` 'image' demands that every sample brings a picture.

    ``workers`` processes prepare samples ahead; 0 prepares them in the run's own process.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    data: UseSource  # type: ignore[valid-type]
    modality: Literal["image", "text", "any"] = "any"
    format: UseFormat  # type: ignore[valid-type]
    steps: int = Field(ge=1)
    optimizer: Optimizer
    freeze: tuple[Freezable, ...] = ()
    max_tokens: PositiveInt = 2048
    save_every: PositiveInt = 50
    workers: int = Field(0, ge=0)
    evaluate: bool = True


class Sft(Stage):
    """Supervised fine-tuning on the assistant's tokens, packed into rows of ``pack_tokens``."""

    kind: Literal["sft"] = "sft"
    batch_size: PositiveInt
    pack_tokens: PositiveInt
    micro_batch_rows: PositiveInt = 16


class Reinforce(Stage):
    """Reinforcement learning with verifiable rewards.

    A step samples ``rollouts`` responses to each of ``prompts`` questions and makes ``updates`` optimiser
    steps over them, ``epochs`` times. One formula serves all objectives:
    A = centre / scale x weights, then an optional resampler, then
    loss = aggregate(bound(ratio) x A) + regularisers.
    """

    kind: Literal["reinforce"] = "reinforce"
    prompts: PositiveInt
    rollouts: PositiveInt
    sampling: Sampling
    grader: UseGrader = Use("strict")  # type: ignore[valid-type]
    rewards: tuple[Reward, ...] = Field(min_length=1)
    combine: UseCombination = Use("sum")  # type: ignore[valid-type]
    advantage: UseAdvantage = Use("grpo")  # type: ignore[valid-type]
    resample: UseResampler | None = None  # type: ignore[valid-type]
    loss: UseLoss = Use("ppo-clip")  # type: ignore[valid-type]
    aggregate: UseAggregation = Use("token-mean")  # type: ignore[valid-type]
    regularisers: tuple[Regulariser, ...] = ()
    updates: PositiveInt = 1
    epochs: PositiveInt = 1
    micro_batch_rows: PositiveInt = 64
    log_rollouts_every: PositiveInt = 5

    @model_validator(mode="after")
    def _check_updates(self) -> Reinforce:
        if self.updates > self.prompts * self.rollouts:
            raise ValueError(
                f"updates={self.updates} needs at least as many rollouts, there are "
                f"{self.prompts} x {self.rollouts}"
            )
        return self


AnyStage = Annotated[Sft | Reinforce, Discriminator("kind")]


class Evaluation(Block):
    """What is measured before the first stage and after each: ``base_format`` asks the untrained model in the
    form that it knows, ``format`` asks in the form that the stages teach."""

    benchmarks: tuple[UseBenchmark, ...] = ()  # type: ignore[valid-type]
    format: UseFormat = Use("think-boxed")  # type: ignore[valid-type]
    grader: UseGrader = Use("strict")  # type: ignore[valid-type]
    base_format: UseFormat = Use("direct")  # type: ignore[valid-type]
    base_grader: UseGrader = Use("lenient")  # type: ignore[valid-type]
    max_new_tokens: PositiveInt = 128
    max_tokens: PositiveInt = 2048
    samples: PositiveInt = 1
    temperature: float = Field(0.0, ge=0)
    top_p: float = Field(1.0, gt=0, le=1)
    top_k: int = Field(0, ge=0)


class Recipe(Block):
    """A whole run. ``imports`` are the user's files whose parts it names."""

    name: str
    description: str = ""
    scale: Scale
    seed: int = 0
    model: Model
    stages: tuple[AnyStage, ...] = Field(min_length=1)
    evaluation: Evaluation = Field(default_factory=lambda: Evaluation())
    data_root: Path | None = None
    imports: tuple[str, ...] = ()

    @field_validator("stages")
    @classmethod
    def _unique_names(cls, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        names = [stage.name for stage in stages]
        if "base" in names or len(set(names)) < len(names):
            raise ValueError(f"stage names must differ and not be 'base': {names}")
        return stages

    def to_yaml(self) -> str:
        """The resolved recipe, complete: every default written out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def build(kind: str, use: Use) -> BoundPart:
    """The part that ``use`` names, with its settings."""
    return part(kind, use.part, **use.settings)


def make_recipe(data: Mapping[str, Any]) -> Recipe:
    """Validate plain data as a recipe; `RecipeError` lists every problem, one a line."""
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise RecipeError("\n".join(_explain(item, data) for item in error.errors())) from None


def override(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """``recipe`` with leaves replaced, as ``--set`` does.

    A path names blocks by field and stages by name: ``stages.cold-start.steps``. Naming another ``part`` starts
    from that part's defaults. ``stages=[a, b]`` keeps the named stages in that order.
    """
    data = recipe.model_dump(mode="json")
    for path, value in changes.items():
        _set_leaf(data, path, value)
    return make_recipe(data)


def parse_changes(assignments: list[str]) -> dict[str, Any]:
    """``["seed=1", "stages.rl.steps=5"]`` as a mapping; values are YAML."""
    changes: dict[str, Any] = {}
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals or not path:
            raise RecipeError(f"--set {assignment!r}: write path=value, such as seed=1")
        try:
            changes[path] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise RecipeError(f"--set {assignment!r}: the value is not YAML: {error}") from None
        if isinstance(changes[path], str):
            changes[path] = _number_or_text(changes[path])
    return changes


def _number_or_text(text: str) -> Any:
    """YAML 1.1 reads 1e-4 as text; a person who writes it means the number."""
    try:
        return float(text)
    except ValueError:
        return text


def _set_leaf(data: dict[str, Any], path: str, value: Any) -> None:
    if path == "stages":
        data["stages"] = _choose_stages(data["stages"], value)
        return
    *parents, leaf = path.split(".")
    place: Any = data
    for depth, step in enumerate(parents):
        place = _descend(place, step, ".".join(parents[: depth + 1]))
    if isinstance(place, list):
        place[_list_index(place, leaf, path)] = value
    elif not isinstance(place, dict):
        raise RecipeError(f"{path}: {'.'.join(parents)} is a single value, it has no {leaf!r}")
    elif leaf == "part" and "part" in place:
        place.clear()
        place["part"] = value
    elif leaf not in place:
        raise RecipeError(f"{path}: there is no {leaf!r}{nearest(leaf, place)}")
    else:
        place[leaf] = value
        place.setdefault("origins", {})[leaf] = "user"


def _descend(place: Any, step: str, path: str) -> Any:
    if isinstance(place, list):
        return place[_list_index(place, step, path)]
    if not isinstance(place, dict) or step not in place:
        known = place if isinstance(place, dict) else ()
        raise RecipeError(f"{path}: there is no {step!r}{nearest(step, known)}")
    return place[step]


def _list_index(items: list[Any], step: str, path: str) -> int:
    names = [_item_name(item, index) for index, item in enumerate(items)]
    if step in names:
        return names.index(step)
    if step.isdigit() and int(step) < len(items):
        return int(step)
    raise RecipeError(f"{path}: there is no {step!r}{nearest(step, names)}")


def _item_name(item: Any, index: int) -> str:
    """What a path calls an item of a list: a stage by its name, a term by its part."""
    while isinstance(item, dict):
        item = item.get("name", item.get("part"))
    return str(item) if item is not None else str(index)


def _choose_stages(stages: list[Any], names: Any) -> list[Any]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RecipeError(f"stages={names!r}: write a list of stage names in the order to run")
    return [copy.deepcopy(stages[_list_index(stages, name, "stages")]) for name in names]


def _explain(item: Any, data: Mapping[str, Any]) -> str:
    """One validation error as: place: value: reason; remedy."""
    place = _readable_place(item["loc"], data)
    if item["type"] == "extra_forbidden":
        return f"{place}: there is no such setting{_nearest_field(item, data)}"
    if item["type"] == "missing":
        return f"{place}: a value is needed"
    reason = str(item["msg"]).removeprefix("Value error, ")
    value = item["input"]
    shown = "" if isinstance(value, Mapping | list | tuple | BaseModel) else f"{value!r}: "
    return f"{place}: {shown}{reason}"


def _readable_place(location: tuple[Any, ...], data: Mapping[str, Any]) -> str:
    steps: list[str] = []
    place: Any = data
    for step in location:
        if isinstance(place, list | tuple) and isinstance(step, int):
            place = place[step]
            name = _item_name(place, step) if isinstance(place, dict) else str(step)
            steps.append(name)
        elif isinstance(place, Mapping) and step in place:
            place = place[step]
            steps.append(str(step))
        elif step not in ("sft", "reinforce"):
            steps.append(str(step))
    return ".".join(steps)


def _nearest_field(item: Any, data: Mapping[str, Any]) -> str:
    blocks: dict[str, type[Block]] = {
        "sft": Sft, "reinforce": Reinforce, "model": Model, "optimizer": Optimizer,
        "sampling": Sampling, "evaluation": Evaluation, "lora": Lora, "rewards": Reward,
        "regularisers": Regulariser,
    }  # fmt: skip
    owner: type[Block] = Recipe
    for step in item["loc"][:-1]:
        owner = blocks.get(str(step), owner)
    return nearest(str(item["loc"][-1]), owner.model_fields)
