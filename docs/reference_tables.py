"""The reference of what a recipe is made of: its blocks with their settings, and all parts."""

from __future__ import annotations

import inspect
import json
import re
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from run_tables import table

from gnomon.blocks import Block, OfKind, Use
from gnomon.parts import INPUTS, Part, load_kind
from gnomon.recipe import Recipe
from gnomon.report.console import readable_type

Row = tuple[str, str, str]
"""Name, type and default of one setting."""

# -- parts -----------------------------------------------------------------------------------------

PARTS_INTRODUCTION = """# Parts

Every part that a recipe can name, by kind. *Inputs* are what the run supplies while it goes on;
*settings* are what a recipe fixes, with the defaults shown. `gnomon parts loss ppo-clip` shows the
same on the console, and `gnomon.part("loss", "ppo-clip", clip_high=0.28)` returns the function with
its settings checked. [Your own](../extending.md) parts work the same way.

This page is made from the code by `make docs`.
"""


def parts_page() -> str:
    """The whole reference."""
    known = {kind: ours(kind) for kind in INPUTS}
    contents = [
        f"- {kind}: " + ", ".join(f"[{name}](#{kind}-{name})" for name in parts) + "\n"
        for kind, parts in known.items()
    ]
    blocks = [PARTS_INTRODUCTION, "".join(contents)]
    for kind, parts in known.items():
        blocks.append(f"## {kind}\n")
        if INPUTS[kind]:
            blocks.append(table(("input", "what it is"), _meanings(kind)))
        blocks += [part_section(made) for made in parts.values()]
    return "\n".join(blocks)


def ours(kind: str) -> dict[str, Part]:
    """The package's own parts of a kind, by name; a user's file may have registered others."""
    parts = load_kind(kind)
    return {
        n: parts[n] for n in sorted(parts) if parts[n].function.__module__.startswith("gnomon.")
    }


def part_section(made: Part) -> str:
    """Signature, docstring and settings of one part."""
    hints = typing.get_type_hints(made.function)
    settings = list(made.settings.model_fields)
    arguments = ", ".join([*made.inputs, *(["*"] if settings else []), *settings])
    returns = readable_type(hints["return"]) if "return" in hints else "Any"
    module = made.function.__module__
    source = f"../../src/{module.replace('.', '/')}.py"
    blocks = [
        f"### {made.kind} {made.name}\n",
        f"`{made.function.__name__}({arguments}) -> {returns}` in [{module}]({source})\n",
        markdown(inspect.getdoc(made.function) or ""),
    ]
    if settings:
        blocks.append(table(("setting", "type", "default"), list(_settings(made, hints))))
    return "\n".join(blocks)


def _meanings(kind: str) -> list[tuple[str, str]]:
    return [(f"`{name}`", escape(meaning)) for name, meaning in INPUTS[kind].items()]


def _settings(made: Part, hints: Mapping[str, Any]) -> Iterator[Row]:
    for parameter in inspect.signature(made.function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            needed = parameter.default is parameter.empty
            default = "needed" if needed else f"`{parameter.default!r}`"
            yield f"`{parameter.name}`", f"`{readable_type(hints[parameter.name])}`", default


# -- blocks of a recipe ----------------------------------------------------------------------------

BLOCKS_INTRODUCTION = """# Blocks of a recipe

What can be set in a recipe, block by block, from the recipe itself down. Where a setting takes a
part, its kind is named; the reference of [parts](parts.md) has those of each kind. `--set` takes
the place of a setting from the recipe down: `stages.rl.sampling.temperature=0.9` for the stage
called `rl`. What does not fit is refused with the reason, also by a dry run (`--dry-run`).

This page is made from the code by `make docs`.
"""
SIGNS = {Ge: ("ge", "at least"), Gt: ("gt", "above"), Le: ("le", "at most"), Lt: ("lt", "below")}
OR_NONE = " or `None`"


def blocks_page() -> str:
    """The recipe and all its blocks."""
    return "\n".join([BLOCKS_INTRODUCTION, *map(block_section, blocks())])


def blocks() -> list[type[Block]]:
    """The recipe and every block within it, each after the one that it is first met in."""
    found: list[type[Block]] = []
    waiting: list[type[Block]] = [Recipe]
    while waiting:
        block = waiting.pop(0)
        if block not in found:
            found.append(block)
            waiting = [*_inside(block), *waiting]
    return found


def block_section(block: type[Block]) -> str:
    """The settings of one block; those of its parent are told there."""
    (parent,) = block.__bases__
    own = {name: field for name, field in block.model_fields.items() if name != "origins"}
    told = [f"## {block.__name__}\n", markdown(inspect.getdoc(block) or "")]
    if parent is not Block:
        own = {n: f for n, f in own.items() if n not in parent.model_fields}
        told.append(f"All of [{parent.__name__}](#{parent.__name__.lower()}), and:\n")
    rows = [(f"`{name}`", _type(field), _default(field)) for name, field in own.items()]
    return "\n".join([*told, table(("setting", "takes", "default"), rows)])


def _inside(block: type[Block]) -> Iterator[type[Block]]:
    """The blocks that a block's settings take, parents before their children."""
    for field in block.model_fields.values():
        for kind in _classes(field.annotation):
            yield from (
                parent
                for parent in reversed(kind.__mro__)
                if issubclass(parent, Block) and parent is not Block
            )


def _classes(hint: Any) -> Iterator[type[Block]]:
    if inspect.isclass(hint) and issubclass(hint, Block):
        yield hint
    for item in typing.get_args(hint):
        yield from _classes(item)


def _type(field: FieldInfo) -> str:
    """What a setting takes, with its bounds and links to blocks and kinds of parts."""
    hint = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    return _written(hint)


def _written(hint: Any) -> str:
    if typing.get_origin(hint) is Annotated:
        inner, *marks = typing.get_args(hint)
        return _marked(_written(inner), marks)
    if inspect.isclass(hint) and issubclass(hint, BaseModel):
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    arguments = [item for item in typing.get_args(hint) if item is not Ellipsis]
    if typing.get_origin(hint) is tuple:
        inner = [_written(item) for item in arguments]
        return f"list of {inner[0]}" if Ellipsis in typing.get_args(hint) else f"({', '.join(inner)})"
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(_written(item) for item in arguments)
    return f"`{readable_type(hint)}`"


def _marked(text: str, marks: list[Any]) -> str:
    """A type with what is asked of it: a kind of part, or bounds."""
    for mark in marks:
        if isinstance(getattr(mark, "func", None), OfKind):
            return f"[{mark.func.kind}](parts.md#{mark.func.kind})"
        if isinstance(mark, FieldInfo):
            text = _marked(text, mark.metadata)
        if type(mark) in SIGNS:
            name, words = SIGNS[type(mark)]
            bare = text.removesuffix(OR_NONE)
            text = f"{bare} {words} {getattr(mark, name):g}{text[len(bare) :]}"
    return text


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Use):
        return f"`{value.part}`"
    if isinstance(value, Block):
        return "its own"
    return f"`{json.dumps(value)}`"


# -- docstrings ------------------------------------------------------------------------------------


def markdown(doc: str) -> str:
    """A docstring as Markdown: examples and ruled tables in fences, names as code.

    >>> markdown("Keeps ``x``.\\n\\n>>> 1\\n1")
    'Keeps `x`.\\n\\n```pycon\\n>>> 1\\n1\\n```\\n'
    """
    blocks = []
    for paragraph in re.split(r"\n{2,}", doc.strip()):
        if paragraph.startswith(">>>"):
            blocks.append(f"```pycon\n{paragraph}\n```\n")
        elif paragraph.startswith("==="):
            blocks.append(f"```text\n{paragraph}\n```\n")
        else:
            blocks.append(f"{escape(paragraph)}\n")
    return "\n".join(blocks)


def escape(text: str) -> str:
    """Text of a docstring for Markdown: ``name`` and `name` as code, angle brackets as written."""
    pieces = re.split(r"(``.*?``|`[^`]*`)", text, flags=re.DOTALL)
    return "".join(
        f"`{piece.strip('`')}`" if index % 2 else piece.replace("<", "&lt;")
        for index, piece in enumerate(pieces)
    )
