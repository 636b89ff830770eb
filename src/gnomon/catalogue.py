"""Find a recipe: by name, in the user's own file, or in the YAML of an earlier run."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import pkgutil
import sys
import traceback
import typing
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

import gnomon.recipes
from gnomon.parts import forget
from gnomon.problems import RecipeError, nearest
from gnomon.recipe import Recipe, Scale, make_recipe
from gnomon.yaml_text import read_yaml_file

RecipeFunction = Callable[[Scale], Recipe]
SCALES: tuple[Scale, ...] = typing.get_args(Scale)
"""The scales that every published recipe has."""


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

    ``name`` is a published recipe ("revisual-r1"), a function in a file ("mine.py:my_recipe"),
    whose parts are registered on the way, or the path of a resolved recipe
    ("runs/.../recipe.yaml"), which has its own scale. Raises `RecipeError` with the nearest name,
    or with file, line and reason.
    """
    if scale not in SCALES:
        raise RecipeError(f"there is no scale {scale!r}{nearest(scale, SCALES)}")
    if name.endswith((".yaml", ".yml")):
        return recipe_from_yaml(Path(name))
    if ".py:" in name or name.endswith(".py"):
        file, _, function = name.partition(".py")
        path = Path(f"{file}.py")
        recipe = _call(_file_function(path, function.removeprefix(":")), scale, path)
        return recipe.model_copy(update={"imports": (*recipe.imports, str(path))})
    published = recipe_names()
    if name not in published:
        raise RecipeError(f"there is no recipe named {name!r}{nearest(name, published)}")
    make, home = _published(name)
    return _call(make, scale, home)


def _published(name: str) -> tuple[RecipeFunction, Path]:
    """The function of a published recipe and its file."""
    module = importlib.import_module(f"gnomon.recipes.{name.replace('-', '_')}")
    return getattr(module, name.replace("-", "_")), Path(str(module.__file__))


def recipe_from_yaml(path: Path) -> Recipe:
    """The resolved recipe in a YAML file; the user's files that it names are imported first.

    Raises `RecipeError` for a file that is missing, no YAML or no recipe.
    """
    data = read_yaml_file(path)
    if not isinstance(data, dict):
        raise RecipeError(f"{path} holds no recipe: expected a mapping with name, model and stages")
    imports = data.get("imports") or []
    if not isinstance(imports, list) or not all(isinstance(file, str) for file in imports):
        raise RecipeError(f"imports: {imports!r}: must be a list of Python files")
    for file in imports:
        import_file(Path(file))
    return make_recipe(data)


class _Loader(SourceFileLoader):
    """Reads the source each time: a cached compilation can be older than the file."""

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def import_file(path: Path) -> ModuleType:
    """Import a user's file, so that the parts in it register; again only when its text has changed.

    Raises `RecipeError` when it is not there, and with line and reason when it cannot be imported.
    """
    path = path.resolve()
    if not path.is_file():
        raise RecipeError(
            f"there is no file {path}, which would define the recipe or parts of it"
            f"{nearest(path.name, _python_files(path))}"
        )
    module_name = f"gnomon_user_{path.stem}_{_digest(str(path).encode())}"
    version = _digest(path.read_bytes())
    known = sys.modules.get(module_name)
    if known is not None and known.__dict__.get("__gnomon_version__") == version:
        return known
    forget(module_name)
    return _execute(module_name, path, version)


def _execute(module_name: str, path: Path, version: str) -> ModuleType:
    loader = _Loader(module_name, str(path))
    spec = importlib.util.spec_from_file_location(module_name, path, loader=loader)
    assert spec is not None  # as a loader is given
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        loader.exec_module(module)
    except BaseException as error:  # a half-run file must not stay, whatever ended it
        del sys.modules[module_name]
        forget(module_name)
        if not isinstance(error, Exception):
            raise
        raise _complaint(error, path, "importing it") from error
    module.__dict__["__gnomon_version__"] = version
    return module


def _python_files(path: Path) -> list[str]:
    return [item.name for item in path.parent.glob("*.py")]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


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


def _call(function: RecipeFunction, scale: Scale, path: Path) -> Recipe:
    """Make the recipe; whatever goes wrong names the line of ``path``, the function's file."""
    name = getattr(function, "__name__", "recipe")
    try:
        inspect.signature(function).bind(scale)
    except TypeError as error:
        raise RecipeError(f"{path}: {name}: {error}; write def {name}(scale)") from None
    try:
        recipe = function(scale)
    except Exception as error:  # a user's function can raise anything
        raise _complaint(error, path, f"{name}({scale!r})") from error
    if not isinstance(recipe, Recipe):
        raise RecipeError(f"{path}: {name} returned {type(recipe).__name__}, not a Recipe")
    return recipe


def _complaint(error: Exception, path: Path, doing: str) -> RecipeError:
    """What a user's file raised, with its line; our own errors speak for themselves."""
    place = f"{path.name}, line {_line(error, path)}"
    own = isinstance(error, ValueError) and type(error).__module__.startswith("gnomon.")
    reason = str(error) if own else f"{doing}: {type(error).__name__}: {_text(error)}"
    problems = reason.splitlines()
    return RecipeError("\n".join(f"{place}: {problem}" for problem in problems))


def _line(error: Exception, path: Path) -> int | str:
    """The line of the file that the error came through last."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).name == path.name:
        return error.lineno or "?"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).name == path.name]
    return (lines[-1] if lines else None) or "?"


def _text(error: Exception) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return " ".join(str(text).split())
