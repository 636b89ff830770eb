"""YAML that is safe to read, and that gives back what was written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from gnomon.problems import RecipeError, nearest

MAX_YAML_BYTES = 2**20


class _Loader(yaml.SafeLoader):
    """YAML with 1e-4 as a number, keys once, and no aliases, with which a small file grows huge."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(
                problem="write the block out, '*' is not read", problem_mark=mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"{key.value!r} stands there twice", problem_mark=key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


# YAML 1.1 reads 1e-4 as text; a person who writes it means the number.
_FLOAT = (
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)
_Loader.add_implicit_resolver(*_FLOAT)


def read_yaml(text: str, place: str) -> Any:
    """The plain data in ``text``; raises `RecipeError` with ``place`` and line.

    Tags that make objects, aliases, and keys that stand twice are refused.
    """
    if len(text) > MAX_YAML_BYTES:
        raise RecipeError(f"{place}: more than {MAX_YAML_BYTES} characters are no recipe")
    try:
        return yaml.load(text, _Loader)  # a safe loader with fewer rights
    except yaml.YAMLError as error:
        raise RecipeError(f"{place}{_yaml_problem(error)}") from None
    except RecursionError:
        raise RecipeError(f"{place}: too deeply nested to be a recipe") from None
    except ValueError as error:  # such as a month of 13 in a date
        raise RecipeError(f"{place}: cannot be read: {error}") from None


def _yaml_problem(error: yaml.YAMLError) -> str:
    if not isinstance(error, yaml.MarkedYAMLError):
        return f": cannot be read as YAML: {' '.join(str(error).split())}"
    mark = error.problem_mark
    line = f", line {mark.line + 1}" if mark is not None else ""
    return f"{line}: cannot be read as YAML: {error.problem}"


def read_yaml_file(path: Path) -> Any:
    """The plain data in a file, as `read_yaml`; raises `RecipeError` too when there is none."""
    try:
        if path.stat().st_size > MAX_YAML_BYTES:
            raise RecipeError(f"{path}: more than {MAX_YAML_BYTES} bytes are no recipe")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        beside = [item.name for item in path.parent.glob("*.y*ml")]
        raise RecipeError(f"there is no file {path}{nearest(path.name, beside)}") from None
    except OSError as error:
        raise RecipeError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RecipeError(f"{path} is not a text file") from None
    return read_yaml(text, str(path))


class _Dumper(yaml.SafeDumper):
    """Quotes line ends other than the usual one, which YAML would read as spaces."""

    def represent_text(self, text: str) -> Any:
        style = '"' if re.search("[\r\x85\u2028\u2029]", text) else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_implicit_resolver(*_FLOAT)
_Dumper.add_representer(str, _Dumper.represent_text)


def write_yaml(data: Any) -> str:
    """Plain data as YAML, in their order, without aliases; `read_yaml` gives the same back."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return text
