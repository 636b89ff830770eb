"""Find a recipe: by name, in the user's own file, or in the YAML of an earlier run."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

import gnomon.recipes
from gnomon.parts import nearest
from gnomon.recipe import Recipe, RecipeError, Scale, make_recipe

RecipeFunction = Callable[[Scale], Recipe]


def recipe_names() -> dict[str, str]:
    """Name and one-line summary of every published recipe, without importing torch."""
    names = sorted(info.name for info in pkgutil.iter_modules(gnomon.recipes.__path__))
    summaries = {}
    for module in names:
        if not module.startswith("_"):
            doc = inspect.getdoc(importlib.import_module(f"gnomon.recipes.{module}")) or ""
            summaries[module.replace("_", "-")] = doc.partition("\n")[0]
    return summaries


def load_recipe(name: str, scale: Scale = "micro") -> Recipe:
    """The recipe called ``name``, validated.

    ``name`` is a published recipe ("revisual-r1"), a function in a file ("mine.py:my_recipe"), whose parts
    are registered on the way, or the path of a resolved recipe ("runs/.../recipe.yaml"), which has its own
    scale. Raises `RecipeError` with the nearest name.
    """
    if name.endswith((".yaml", ".yml")):
        return recipe_from_yaml(Path(name))
    if ".py:" in name or name.endswith(".py"):
        file, _, function = name.partition(":")
        return _call(_file_function(Path(file), function), scale, imports=(str(Path(file)),))
    module = name.replace("-", "_")
    if name not in recipe_names():
        raise RecipeError(f"there is no recipe named {name!r}{nearest(name, recipe_names())}")
    return _call(getattr(importlib.import_module(f"gnomon.recipes.{module}"), module), scale)


def recipe_from_yaml(path: Path) -> Recipe:
    """The resolved recipe in a YAML file; the user's files that it names are imported first."""
    try:
        data = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise RecipeError(f"there is no file {path}") from None
    except yaml.YAMLError as error:
        raise RecipeError(f"{path} is not YAML: {error}") from None
    if not isinstance(data, dict):
        raise RecipeError(f"{path} holds no recipe: expected a mapping with name, model and stages")
    for file in data.get("imports") or ():
        import_file(Path(file))
    return make_recipe(data)


def import_file(path: Path) -> ModuleType:
    """Import a user's file once, so that the parts in it register; raises `RecipeError` when it is not there."""
    path = path.resolve()
    if not path.is_file():
        raise RecipeError(f"there is no file {path}: the recipe needs the parts that it defines")
    module_name = f"gnomon_user_{path.stem}_{zlib.crc32(str(path).encode()):x}"
    if module_name not in sys.modules:
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise RecipeError(f"{path} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[module_name]
            raise
    return sys.modules[module_name]


def _file_function(path: Path, name: str) -> RecipeFunction:
    module = import_file(path)
    functions = {
        key: value
        for key, value in inspect.getmembers(module, inspect.isfunction)
        if value.__module__ == module.__name__ and not key.startswith("_")
    }
    if not name:
        raise RecipeError(f"write {path}:FUNCTION; the file has {', '.join(functions) or 'none'}")
    if name not in functions:
        raise RecipeError(f"{path} has no function {name!r}{nearest(name, functions)}")
    function: RecipeFunction = functions[name]
    return function


def _call(function: Any, scale: Scale, imports: tuple[str, ...] = ()) -> Recipe:
    from pydantic import ValidationError

    try:
        recipe = function(scale)
    except ValidationError as error:
        place = f"{inspect.getsourcefile(function)}:{function.__name__}"
        problems = "\n".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()
        )
        raise RecipeError(f"{place}\n{problems}") from None
    if not isinstance(recipe, Recipe):
        raise RecipeError(f"{function.__name__} returned {type(recipe).__name__}, not a Recipe")
    return recipe.model_copy(update={"imports": (*recipe.imports, *imports)}) if imports else recipe
