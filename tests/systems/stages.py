"""The stages of a system that its tests look at."""

from __future__ import annotations

from typing import Any

from gnomon.catalogue import load_recipe
from gnomon.recipe import Reinforce


def reinforce(name: str, scale: Any, place: int = -1) -> Reinforce:
    """The stage of reinforcement learning at ``place`` of the recipe, by default the last one."""
    found = load_recipe(name, scale).stages[place]
    assert isinstance(found, Reinforce)
    return found
