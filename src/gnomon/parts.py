"""Parts: documented functions that recipes reach by kind and name.

A part is one plain function. Its positional parameters are *inputs*, values that the caller supplies while a
run goes on; its keyword-only parameters are *settings*, values that a recipe fixes and that are checked before
anything runs::

    @register("reward")
    def iou(prediction: Box, reference: Box, *, threshold: float = 0.0) -> float: ...

    part("reward", "iou", threshold=0.5)(box, other)      # settings checked, inputs given by position or name

Registering makes a part available to recipes, to ``gnomon parts`` and to the generated reference. Nothing
else has to change. Inputs are matched by name, so a part names only what it needs; what a kind can supply is
listed in ``INPUTS``.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

Function = TypeVar("Function", bound=Callable[..., Any])

INPUTS: dict[str, dict[str, str]] = {
    "source": {},
    "format": {},
    "grader": {
        "prediction": "the extracted text, or None when the response holds no answer",
        "reference": "the Answer to compare with",
    },
    "reward": {
        "response": "the text that the model wrote, special tokens removed",
        "length": "its number of tokens",
        "verdict": "the Verdict of the grader",
        "prediction": "the value that the grader read in the response, or None",
        "reference": "the value of the reference answer",
        "sample": "the Sample that was asked",
        "stop": "why the response ended: 'end', 'length' or 'stop'",
        "groups": "every graded group of the batch; the part then returns one list of scores per group",
    },
    "combination": {
        "scores": "[terms, N] scores, NaN where a term does not apply",
        "weights": "[terms] the weights",
    },
    "advantage": {
        "rewards": "[N] combined reward of each rollout",
        "groups": "[N] index of each rollout's group",
        "lengths": "[N] trained tokens of each rollout",
    },
    "resampler": {
        "advantages": "[N] advantage of each rollout",
        "groups": "[N] index of each rollout's group",
        "rewards": "[N] combined reward of each rollout",
        "generator": "torch.Generator of this step",
        "progress": "share of the stage's steps that are done, in [0, 1]",
    },
    "loss": {
        "logp": "[N, T] log-probabilities under the policy",
        "old_logp": "[N, T] log-probabilities at sampling time",
        "advantages": "[N] or [N, T] advantages",
        "mask": "[N, T] 1 on trained tokens",
    },
    "aggregation": {
        "values": "[N, T] per-token values",
        "mask": "[N, T] 1 on trained tokens",
        "totals": "Totals of the whole optimiser batch",
    },
    "regulariser": {
        "logp": "[N, T] log-probabilities under the policy",
        "reference_logp": "[N, T] log-probabilities under the frozen reference",
        "entropy": "[N, T] entropy of the full next-token distribution",
        "mask": "[N, T] 1 on trained tokens",
    },
    "schedule": {"step": "updates done in this stage", "steps": "updates planned in this stage"},
    "architecture": {"seed": "seed of the initial weights"},
    "benchmark": {},
}

_MODULES: dict[str, tuple[str, ...]] = {
    "source": ("gnomon.worlds.microworld", "gnomon.data.sources"),
    "format": ("gnomon.formats.grammar",),
    "grader": ("gnomon.grading.grade",),
    "reward": ("gnomon.rewards.terms", "gnomon.rewards.lexicons", "gnomon.rewards.visual"),
    "combination": ("gnomon.rewards.combine",),
    "advantage": ("gnomon.rl.advantages",),
    "resampler": ("gnomon.rl.resampling",),
    "loss": ("gnomon.rl.losses",),
    "aggregation": ("gnomon.rl.aggregation",),
    "regulariser": ("gnomon.rl.regularisers",),
    "schedule": ("gnomon.rl.schedules",),
    "architecture": ("gnomon.models.micro",),
    "benchmark": ("gnomon.evaluation.benchmarks",),
}


class PartError(ValueError):
    """A part, a kind or a setting that does not exist or does not fit; the message says what would."""


@dataclass(frozen=True)
class Part:
    """One registered function: ``inputs`` are its positional names, ``settings`` the model of its keywords."""

    kind: str
    name: str
    function: Callable[..., Any]
    inputs: tuple[str, ...]
    settings: type[BaseModel]

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def check(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Complete and convert ``settings``; raises `PartError` with place, value, reason and nearest name."""
        known = self.settings.model_fields
        for name in settings:
            if name not in known:
                raise PartError(
                    f"{self.kind} {self.name!r} has no setting {name!r}{nearest(name, known)}"
                )
        try:
            model = self.settings.model_validate(dict(settings))
        except ValidationError as error:
            raise PartError("; ".join(self._explain(item) for item in error.errors())) from None
        return {name: getattr(model, name) for name in known}

    def _explain(self, item: Any) -> str:
        place = ".".join(str(step) for step in item["loc"])
        if item["type"] == "missing":
            return f"{self.kind} {self.name!r} needs a value for {place!r}"
        return f"{self.kind} {self.name!r}: {place}={item['input']!r}: {item['msg']}"


@dataclass(frozen=True)
class BoundPart:
    """A part with its settings fixed: call it with its inputs, by position or by name."""

    part: Part
    settings: dict[str, Any] = field(default_factory=dict)

    def __call__(self, *args: Any, **inputs: Any) -> Any:
        return self.part.function(*args, **inputs, **self.settings)

    def supply(self, available: Mapping[str, Any]) -> Any:
        """Call the part with those of the ``available`` values that it names."""
        return self.part.function(
            **{name: available[name] for name in self.part.inputs}, **self.settings
        )


_REGISTRY: dict[str, dict[str, Part]] = {kind: {} for kind in INPUTS}


def register(kind: str, name: str | None = None) -> Callable[[Function], Function]:
    """Register a function as a part of ``kind``; the name defaults to the function's, with hyphens.

    Raises `PartError` for an unknown kind, an input that the kind cannot supply, a setting without a type
    hint, or a name that another module has taken.
    """

    def decorate(function: Function) -> Function:
        _inputs_of(kind)
        made = _make_part(kind, name or function.__name__.replace("_", "-"), function)
        other = _REGISTRY[kind].get(made.name)
        if other is not None and not _same_definition(other.function, function):
            raise PartError(f"{kind} {made.name!r} is already defined in {other.function.__module__}")
        _REGISTRY[kind][made.name] = made
        return function

    return decorate


def part(kind: str, name: str, **settings: Any) -> BoundPart:
    """The registered part with its settings checked and completed.

    >>> part("reward", "length-ramp", budget=1000)(950)
    0.75
    """
    found = find(kind, name)
    return BoundPart(found, found.check(settings))


def find(kind: str, name: str) -> Part:
    """Look a part up; raises `PartError` with the nearest name when there is none."""
    known = load_kind(kind)
    if name not in known:
        raise PartError(f"there is no {kind} named {name!r}{nearest(name, known)}")
    return known[name]


def kinds() -> tuple[str, ...]:
    """All kinds of part."""
    return tuple(INPUTS)


@functools.cache
def _import_kind(kind: str) -> None:
    for module in _MODULES.get(kind, ()):
        importlib.import_module(module)


def load_kind(kind: str) -> dict[str, Part]:
    """All parts of one kind by name, importing the modules that define the built-in ones."""
    _inputs_of(kind)
    _import_kind(kind)
    return _REGISTRY[kind]


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of an error message: the nearest known name, or all of them when none is near.

    >>> nearest("gpro", ["grpo", "rloo"])
    "; did you mean 'grpo'?"
    """
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(known)}" if known else "; none is known"


def _inputs_of(kind: str) -> dict[str, str]:
    if kind not in INPUTS:
        raise PartError(f"there is no kind of part named {kind!r}{nearest(kind, INPUTS)}")
    return INPUTS[kind]


def _make_part(kind: str, name: str, function: Callable[..., Any]) -> Part:
    place = f"{kind} {name!r}"
    hints = typing.get_type_hints(function)
    inputs: list[str] = []
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            if parameter.name not in hints:
                raise PartError(f"{place}: setting {parameter.name!r} needs a type hint")
            default = ... if parameter.default is parameter.empty else parameter.default
            fields[parameter.name] = (hints[parameter.name], default)
        elif parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            raise PartError(f"{place}: a part names its parameters, it takes no *{parameter.name}")
        elif parameter.name not in INPUTS[kind]:
            raise PartError(
                f"{place}: a {kind} cannot be given {parameter.name!r}"
                f"{nearest(parameter.name, INPUTS[kind])} (settings are keyword-only, after a '*')"
            )
        else:
            inputs.append(parameter.name)
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    settings = create_model(f"{name} settings", __config__=config, **fields)
    return Part(kind, name, function, tuple(inputs), settings)


def _same_definition(one: Callable[..., Any], other: Callable[..., Any]) -> bool:
    return (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)
