"""The published recipes at both scales, for several test files."""

from __future__ import annotations

from gnomon.catalogue import SCALES, recipe_names
from gnomon.recipe import Scale

PUBLISHED: list[tuple[str, Scale]] = [(name, scale) for name in recipe_names() for scale in SCALES]
