"""The published recipes at the scales that they have, for several test files."""

from __future__ import annotations

from gnomon.catalogue import recipe_names, recipe_scales
from gnomon.recipe import Scale

PUBLISHED: list[tuple[str, Scale]] = [
    (name, scale) for name in recipe_names() for scale in recipe_scales(name)
]
