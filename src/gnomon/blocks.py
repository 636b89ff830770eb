"""What recipes are written with: blocks of settings, parts by name, constants with an origin.

A constant says where it is written where it comes from: ``learning_rate=paper(1e-6)``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_serializer,
    model_validator,
)

from gnomon.parts import BoundPart, find, part
from gnomon.problems import RecipeError, problems, refuse_truth, show

Origin = Literal["paper", "code", "ours", "user"]
_NUMBER = BeforeValidator(lambda value: refuse_truth(value, float))
Number = Annotated[float, _NUMBER]
Whole = Annotated[int, _NUMBER]
Count = Annotated[int, _NUMBER, Field(ge=1)]


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


def plain(value: Any) -> Any:
    """``value`` as YAML can hold it; a constant with an origin stays one."""
    if isinstance(value, Sourced):
        return Sourced(plain(value.value), value.origin)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


_WHOLE = "{name}: an origin holds for the whole value, as in {name}=paper((0.9, 0.95))"


def _unwrap(values: Mapping[Any, Any]) -> dict[Any, Any]:
    """``values`` without their origins, which are gathered under ``origins``.

    Blocks as mappings unwrap their own; in any other collection an origin has no place.
    """
    bare = dict(values)
    stated = bare.get("origins")
    origins = dict(stated) if isinstance(stated, Mapping) else {}
    for name, value in bare.items():
        if isinstance(value, Sourced):
            bare[name], origins[name] = value.value, value.origin
        elif isinstance(value, tuple | list) and _any_sourced(value):
            raise ValueError(_WHOLE.format(name=name))
    return {**bare, "origins": origins} if origins else bare


def _any_sourced(values: Iterable[Any]) -> bool:
    return any(isinstance(value, Sourced) for value in values)


if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)


class _Spoken(ModelMetaclass):
    """Blocks whose constructor complains in this package's words."""

    def __call__(cls, *args: Any, **values: Any) -> Any:
        try:
            return super().__call__(**cls._by_name(*args), **values)
        except ValidationError as error:
            name = values.get("name")
            place = f"{cls.__name__}({name!r})" if isinstance(name, str) else cls.__name__
            lines = problems(error, cls, values)  # type: ignore[arg-type]
            raise RecipeError("\n".join(f"{place}: {line}" for line in lines)) from None

    def _by_name(cls, *args: Any) -> dict[str, Any]:
        if args:
            raise RecipeError(f"{cls.__name__}({show(args[0])}): write its settings as name=value")
        return {}


class Block(BaseModel, metaclass=_Spoken):
    """A block of settings; ``origins`` says where each constant in it comes from."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )
    origins: dict[str, Origin] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _unwrap_origins(cls, values: Any) -> Any:
        return _unwrap(values) if isinstance(values, Mapping) else values


class _PartFirst(_Spoken):
    """The constructor of `Use`: the part's name stands in front, without its keyword."""

    def _by_name(cls, *args: Any) -> dict[str, Any]:
        if len(args) > 1:
            raise RecipeError(f"Use({args[0]!r}): write the settings as name=value")
        return {"part": args[0]} if args else {}


class Use(BaseModel, metaclass=_PartFirst):
    """A part by name with its settings: ``Use("grpo", epsilon=1e-6)``.

    In YAML it is ``{part: grpo, epsilon: 1e-06}``, or the name alone.
    """

    model_config = ConfigDict(frozen=True)
    part: str
    settings: dict[str, Any] = Field(default_factory=dict)
    origins: dict[str, Origin] = Field(default_factory=dict)

    if TYPE_CHECKING:

        def __init__(self, *part: str, **settings: Any) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, values: Any) -> Any:
        if isinstance(values, str):
            values = {"part": values}
        if not isinstance(values, Mapping):
            raise ValueError("must be a part: its name, or {part: NAME, setting: value, ...}")
        values = _unwrap(values)
        for setting, value in values.items():
            if isinstance(value, Mapping) and _any_sourced(value.values()):
                raise ValueError(_WHOLE.format(name=setting))
        if "part" not in values:
            raise ValueError("a part needs its name, {part: NAME, setting: value, ...}")
        origins = values.pop("origins", {})
        name = values.pop("part")
        return {"part": name, "settings": values, "origins": origins}

    @model_serializer
    def _flat(self) -> dict[str, Any]:
        flat = {"part": self.part, **plain(self.settings)}
        return {**flat, "origins": dict(self.origins)} if self.origins else flat


@dataclass(frozen=True)
class OfKind:
    """Annotation that makes a `Use` one of a kind: it must exist and its settings must fit."""

    kind: str

    def __call__(self, use: Use) -> Use:
        """``use`` with its settings complete; raises `PartError` when they do not fit."""
        settings = find(self.kind, use.part).check(use.settings)
        for name, value in settings.items():
            if isinstance(value, float) and math.isnan(value):
                raise ValueError(f"{self.kind} {use.part!r}: {name}=nan: must be a number")
        return use.model_copy(update={"settings": settings})


def build(kind: str, use: Use) -> BoundPart:
    """The part that ``use`` names, with its settings."""
    return part(kind, use.part, **use.settings)


def _use(kind: str) -> Any:
    return Annotated[Use, AfterValidator(OfKind(kind))]


UseSource = _use("source")
UseFormat = _use("format")
UseGrader = _use("grader")
UseReward = _use("reward")
UseReader = _use("reader")
UseSampler = _use("sampler")
UseCombination = _use("combination")
UseAdvantage = _use("advantage")
UseWeight = _use("weight")
UseResampler = _use("resampler")
UseCorrection = _use("correction")
UseCorruption = _use("corruption")
UseLoss = _use("loss")
UseFocus = _use("focus")
UseAggregation = _use("aggregation")
UseRegulariser = _use("regulariser")
UseSchedule = _use("schedule")
UseCallback = _use("callback")
UseArchitecture = _use("architecture")
UseBenchmark = _use("benchmark")
