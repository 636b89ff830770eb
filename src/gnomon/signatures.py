"""How a function is a part: its positional parameters are inputs, its keywords checked settings."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    create_model,
    field_validator,
)

from gnomon.problems import nearest, place_of, reason_of, refuse_truth, show


class PartError(ValueError):
    """A part, a kind or a setting that does not exist or fit; the message says what would."""


class Settings(BaseModel):
    """The keywords of one part, with their types and defaults."""

    # Defaults are converted too, so that 0 for a float is written as 0.0 the first time already.
    model_config = ConfigDict(
        extra="forbid",
        arbitrary_types_allowed=True,
        validate_default=True,
        protected_namespaces=(),
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        return refuse_truth(value, cls.model_fields[str(info.field_name)].annotation)


RESERVED = ("part", "origins", "settings")
"""What a recipe writes beside the settings of a part, so that no setting can have these names."""


@dataclass(frozen=True)
class Part:
    """One registered function.

    ``inputs`` are its positional names, ``settings`` the model of its keywords.
    """

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
        """Complete and convert ``settings``.

        Raises `PartError` with every problem: setting, value, reason, nearest name.
        """
        try:
            model = self.settings.model_validate(dict(settings))
        except ValidationError as error:
            raise PartError("; ".join(self._problems(error, settings))) from None
        return {name: getattr(model, name) for name in self.settings.model_fields}

    def _problems(self, error: ValidationError, settings: Mapping[str, Any]) -> list[str]:
        """One text for each setting that is wrong; the members of a union each give a reason."""
        reasons: dict[str, list[str]] = {}
        for item in error.errors(include_url=False):
            place = place_of(item, settings)
            if item["type"] == "extra_forbidden":
                known = nearest(place, self.settings.model_fields)
                reasons[f"{self.kind} {self.name!r} has no setting {place!r}{known}"] = []
            elif item["type"] == "missing":
                reasons[f"{self.kind} {self.name!r} needs a value for {place!r}"] = []
            else:
                head = f"{self.kind} {self.name!r}: {place}={show(item['input'])}: "
                reasons.setdefault(head, []).append(reason_of(item))
        return [head + " or ".join(dict.fromkeys(each)) for head, each in reasons.items()]


@dataclass(frozen=True)
class BoundPart:
    """A part with its settings fixed: call it with its inputs, by position or by name."""

    part: Part
    settings: dict[str, Any] = field(default_factory=dict)

    def __call__(self, *args: Any, **inputs: Any) -> Any:
        """Call the part on plain values."""
        return self.part.function(*args, **inputs, **self.settings)

    def supply(self, available: Mapping[str, Any]) -> Any:
        """Call the part with those of the ``available`` values that it names."""
        return self.part.function(
            **{name: available[name] for name in self.part.inputs}, **self.settings
        )


def make_part(kind: str, name: str, function: Callable[..., Any], known: Mapping[str, str]) -> Part:
    """The part that ``function`` is, from its signature; ``known`` are the inputs of its kind.

    Raises `PartError` for an input that is not known, and for a setting without a type hint or with
    a reserved name.
    """
    place = f"{kind} {name!r}"
    hints = _type_hints(place, function)
    inputs: list[str] = []
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            default = ... if parameter.default is parameter.empty else parameter.default
            fields[parameter.name] = (_setting_type(place, parameter.name, hints), default)
        else:
            inputs.append(_input_name(place, kind, parameter, known))
    settings = create_model(f"{name} settings", __base__=Settings, **fields)
    return Part(kind, name, function, tuple(inputs), settings)


def _type_hints(place: str, function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except NameError as error:
        raise PartError(
            f"{place}: a type hint cannot be read: {error}; import it at the top of the file, "
            "outside of 'if TYPE_CHECKING'"
        ) from None


def _setting_type(place: str, name: str, hints: Mapping[str, Any]) -> Any:
    if name in RESERVED or name.startswith("_") or hasattr(BaseModel, name):
        raise PartError(f"{place}: {name!r} cannot be a setting's name; choose another")
    if name not in hints:
        raise PartError(f"{place}: setting {name!r} needs a type hint, such as {name}: float")
    return hints[name]


def _input_name(
    place: str, kind: str, parameter: inspect.Parameter, known: Mapping[str, str]
) -> str:
    name = parameter.name
    if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
        raise PartError(f"{place}: a part names its parameters; replace *{name} by those it takes")
    if parameter.kind is parameter.POSITIONAL_ONLY:
        raise PartError(f"{place}: inputs are given by name; remove the '/' after {name!r}")
    if name not in known:
        raise PartError(
            f"{place}: a {kind} cannot be given {name!r}{nearest(name, known)} "
            "(settings are keyword-only, after a '*')"
        )
    return name
