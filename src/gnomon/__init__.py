"""Gnomon: published recipes of multimodal reasoning as short compositions of the same tested parts.

The names below are the public door. Each is imported from its module when it is first used, so that
``import gnomon`` is instant::

    from gnomon import load_recipe, train
    run = train(load_recipe("revisual-r1", scale="micro"))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnomon.catalogue import load_recipe, recipe_names
    from gnomon.evaluation.evaluate import evaluate
    from gnomon.models.generate import generate
    from gnomon.parts import PartError, part, register
    from gnomon.recipe import Recipe, RecipeError, Use, override
    from gnomon.records import (
        Answer,
        BadRecord,
        Graded,
        Group,
        Media,
        Message,
        Outcome,
        Rollout,
        Sample,
        Verdict,
    )
    from gnomon.run import Run
    from gnomon.training import resume, train
    from gnomon.watch import Watcher

__all__ = [
    "Answer",
    "BadRecord",
    "Graded",
    "Group",
    "Media",
    "Message",
    "Outcome",
    "PartError",
    "Recipe",
    "RecipeError",
    "Rollout",
    "Run",
    "Sample",
    "Use",
    "Verdict",
    "Watcher",
    "evaluate",
    "generate",
    "load_recipe",
    "override",
    "part",
    "recipe_names",
    "register",
    "resume",
    "train",
]

_HOMES = {
    "gnomon.catalogue": ("load_recipe", "recipe_names"),
    "gnomon.evaluation.evaluate": ("evaluate",),
    "gnomon.models.generate": ("generate",),
    "gnomon.parts": ("PartError", "part", "register"),
    "gnomon.recipe": ("Recipe", "RecipeError", "Use", "override"),
    "gnomon.records": (
        "Answer", "BadRecord", "Graded", "Group", "Media", "Message", "Outcome", "Rollout",
        "Sample", "Verdict",
    ),
    "gnomon.run": ("Run",),
    "gnomon.training": ("resume", "train"),
    "gnomon.watch": ("Watcher",),
}  # fmt: skip
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name from its module; any other name is an `AttributeError`."""
    if name == "__version__":
        from importlib import metadata

        value: Any = metadata.version("gnomon")
    elif name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
    else:
        raise AttributeError(f"module 'gnomon' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
