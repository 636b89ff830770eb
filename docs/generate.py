"""Write the pages that follow from the code and from stored results.

    make docs

Whole pages: those of docs/reference, docs/recipes.md, docs/worlds.md, and docs/replications.md with
its pictures. Between markers: the file tree and the table of stages in README.md, and the tables of
results in docs/micro-runs.md and docs/grading.md. A test compares the pages with what this program
would write, so that none of them can be out of date.
"""

from __future__ import annotations

import ast
import json
import re
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from grading_tables import figures
from reference_tables import blocks_page, parts_page
from run_tables import micro_table, stage_table, table
from world_tables import worlds_page

from gnomon.catalogue import SCALES, load_recipe, recipe_names
from gnomon.parts import load_kind
from gnomon.problems import name_of
from gnomon.recipe import Block, OfKind, Recipe, Use
from gnomon.replication.page import replication_pages

ROOT = Path(__file__).parents[1]
MARKED = ("README.md", "docs/micro-runs.md", "docs/grading.md")
"""Pages of which only what stands between markers is made here."""
QUICKSTART = "docs/results/quickstart.json"
MICRO_RUNS = "docs/results/micro-recipes.json"
MEASURED = "benchmarks/results"
SPEEDS = f"{MEASURED}/worlds.json"
Row = tuple[str, str, str]
"""Place, value and origin of one setting of a recipe."""


def main() -> None:
    """Write every page that is not as it should be."""
    for path, text in pages(ROOT).items():
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def pages(root: Path) -> dict[Path, str]:
    """Every generated page and its text; the pages with markers are read from ``root``."""
    readme, runs, grading = (root / name for name in MARKED)
    costs = [_stored(root / MEASURED / f"{name}.json") for name in ("rewards", "grading")]
    front = fill(readme.read_text(), "stage-table", stage_table(_stored(root / QUICKSTART)))
    micro_runs = _stored(root / MICRO_RUNS)
    return {
        readme: fill(front, "tree", f"```text\n{tree(root)}```\n"),
        runs: fill(runs.read_text(), "micro-runs", micro_table(micro_runs)),
        grading: fill(grading.read_text(), "figures", figures(*costs)),
        root / "docs/reference/parts.md": parts_page(),
        root / "docs/reference/blocks.md": blocks_page(),
        root / "docs/recipes.md": recipes_page(),
        root / "docs/worlds.md": worlds_page(_stored(root / SPEEDS)),
        **replication_pages(root),
    }


def _stored(path: Path) -> dict[str, Any]:
    """A stored result; nothing when there is none yet."""
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def fill(text: str, name: str, content: str) -> str:
    """``text`` with ``content`` between the markers called ``name``; ValueError without them."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if text.count(start) != 1 or text.count(end) != 1:
        raise ValueError(f"the page needs the lines {start} and {end} once each")
    before, _, rest = text.partition(start)
    return f"{before}{start}\n{content}{end}{rest.partition(end)[2]}"


# -- the file tree --------------------------------------------------------------------------------

NOTES = {
    ".ci/run": "what a change must pass: make check and make test",
    "Makefile": "quickstart, test, coverage, check, docs, bench, peers, mutations, golden, fuzz",
    "pyproject.toml": "the package, its dependencies, the settings of its tools",
    "benchmarks/results": "what was measured: tables of docs/performance.md, grading.md and worlds.md are made from it",
    "benchmarks/sides": "the processes that benchmarks/step.py compares, and what they share",
    "docs/images": "pictures of these pages",
    "docs/results": "stored results, from which the tables are made",
    "replications": "stored results of `gnomon replicate`, from which docs/replications.md is made",
    "tests": "mirrors src/gnomon: one file of tests for each module",
    "src/gnomon/data/fixtures": "stand-ins for the data of published recipes, in the real format",
    "src/gnomon/models/configs": "configurations of real models, for dry runs without a network",
    "src/gnomon/models/gnomon-micro": "the bundled base model, an ordinary Hugging Face folder",
    "src/gnomon/models/gnomon-micro-audio": "the bundled model that hears, an ordinary Hugging Face folder",
    "src/gnomon/py.typed": "tells type checkers that the package is typed",
    "src/gnomon/replication/experiments": "what is tested, declared beforehand: one file a system",
    "src/gnomon/report/page.css": "how the report looks",
    "src/gnomon/report/page.html": "the template of the report",
    "src/gnomon/report/page.js": "what can be clicked in the report",
    "src/gnomon/report/worlds.html": "the template of the gallery of worlds",
    "src/gnomon/worlds/pages.css": "how the pages of the world of pages look",
    "src/gnomon/worlds/pages.js": "what such a page tells about itself in a browser",
}
"""What has no docstring and no heading of its own."""


def tree(root: Path) -> str:
    """Every file and folder that a reader may want, with the first sentence about it."""
    places = [root / name for name in (".ci/run", "Makefile", "pyproject.toml")]
    lines = [(str(place.relative_to(root)), about(place, root)) for place in places]
    for folder in ("benchmarks", "docs"):
        lines += list(_branch(root / folder, root, 0))
    lines.append(("replications/", about(root / "replications", root)))
    lines += [("src/gnomon/", about(root / "src/gnomon", root))]
    lines += list(_children(root / "src/gnomon", root, 1))
    lines.append(("tests/", about(root / "tests", root)))
    width = max(len(name) for name, _ in lines)
    return "".join(f"{name:<{width}}  {text}".rstrip() + "\n" for name, text in lines)


def about(place: Path, root: Path) -> str:
    """The first sentence of a docstring, a page's title, or a note; ValueError without one."""
    name = str(place.relative_to(root))
    if name in NOTES:
        return NOTES[name]
    module = place / "__init__.py" if place.is_dir() else place
    if module.suffix == ".py" and module.exists():
        doc = ast.get_docstring(ast.parse(module.read_text())) or ""
        return first_sentence(doc)
    if place.suffix == ".md":
        return place.read_text().partition("\n")[0].lstrip("# ")
    if place.is_dir():
        return ""
    raise ValueError(f"say in NOTES of docs/generate.py what {name} is")


def first_sentence(doc: str) -> str:
    """The first sentence of a docstring, on one line.

    >>> first_sentence("One thing: a\\nb. More.")
    'One thing: a b.'
    """
    paragraph = " ".join(doc.split("\n\n")[0].replace("``", "").split())
    return re.split(r"(?<=[.!?])\s", paragraph)[0]


def _branch(place: Path, root: Path, depth: int) -> Iterator[tuple[str, str]]:
    ending = "/" if place.is_dir() else ""
    yield f"{'  ' * depth}{place.name}{ending}", about(place, root)
    if place.is_dir() and str(place.relative_to(root)) not in NOTES:
        yield from _children(place, root, depth + 1)


def _children(folder: Path, root: Path, depth: int) -> Iterator[tuple[str, str]]:
    """Files, then folders that hold any; the package's own docstring stands at its folder."""
    inside = [place for place in folder.iterdir() if place.name != "__init__.py" and _shown(place)]
    for place in sorted(inside, key=lambda place: (place.is_dir(), place.name)):
        yield from _branch(place, root, depth)


def _shown(place: Path) -> bool:
    """Whether a place is more than what Python or an editor left behind."""
    if place.name == "__pycache__" or place.name.startswith("."):
        return False
    return place.is_file() or any(map(_shown, place.iterdir()))


# -- the recipes ----------------------------------------------------------------------------------

RECIPES_INTRODUCTION = """# Recipes

Every published recipe with its stages and what it sets. *From* says where a constant comes from:
`paper`, `code` (the released one) or `ours`; nothing stands there for what is no constant of the
method. What is not listed has the default of its [part](reference/parts.md) or
[block](reference/blocks.md). A place is written as `--set` takes it, after the name of its section:
in the section `stages.cold-start` the setting `steps` is `stages.cold-start.steps`. The
`recipe.yaml` that every run writes holds all settings.

This page is made from the code by `make docs`.
"""


def recipes_page() -> str:
    """Every recipe at both scales."""
    blocks = [RECIPES_INTRODUCTION]
    for name in recipe_names():
        recipes = {scale: load_recipe(name, scale) for scale in SCALES}
        first = recipes["micro"]
        stages = ", ".join(f"`{stage.name}` ({stage.kind})" for stage in first.stages)
        blocks += [f"## {name}\n", f"{first.description}\n\nStages: {stages}.\n"]
        blocks += _recipe_tables(name, {scale: sections(one) for scale, one in recipes.items()})
    return "\n".join(blocks)


def sections(recipe: Recipe) -> dict[str, dict[str, Row]]:
    """The rows of a recipe by section: the recipe itself, its model, each stage, the evaluation."""
    found: dict[str, dict[str, Row]] = {}
    for place, value, origin in rows(recipe, ""):
        if place in ("name", "description", "scale"):
            continue
        head = re.match(r"stages\.[^.]+|model|evaluation", place)
        section = head.group() if head else "recipe"
        short = place.removeprefix(f"{section}.")
        if short == "name":  # which the section's heading tells
            continue
        found.setdefault(section, {})[short] = (short, value, origin)
    return found


def rows(block: Block, path: str) -> Iterator[Row]:
    """What a block says: origins, parts, and every value that is not the default."""
    for name, field in type(block).model_fields.items():
        if name != "origins":
            kind = _kind(field)
            yield from _value(
                getattr(block, name), f"{path}{name}", kind, field.default, block.origins.get(name)
            )


def _value(value: Any, place: str, kind: str, default: Any, origin: str | None) -> Iterator[Row]:
    items = value if isinstance(value, tuple) else ()
    if isinstance(value, Use):
        yield from _part_rows(value, place, kind)
    elif isinstance(value, Block):
        yield from rows(value, f"{place}.")
    elif any(isinstance(item, Block | Use) for item in items):
        for index, item in enumerate(items):
            name = item.part if isinstance(item, Use) else name_of(item.model_dump(), index)
            yield from _value(item, f"{place}.{name}", kind, None, None)
    elif origin or value != default:
        yield place, f"`{written(value)}`", origin or ""


def _part_rows(use: Use, place: str, kind: str) -> Iterator[Row]:
    yield place, f"[{use.part}](reference/parts.md#{kind}-{use.part})", ""
    defaults = load_kind(kind)[use.part].settings.model_fields
    for name, value in use.settings.items():
        origin = use.origins.get(name, "")
        if origin or value != defaults[name].default:
            yield f"{place}.{name}", f"`{written(value)}`", origin


def _kind(hint: Any) -> str:
    """The kind of part that a field of a block takes, or nothing."""
    for item in (*getattr(hint, "metadata", ()), *getattr(hint, "__metadata__", ())):
        if isinstance(getattr(item, "func", None), OfKind):
            return str(item.func.kind)
    inner = getattr(hint, "annotation", None)
    return next(filter(None, map(_kind, (*typing.get_args(hint), *([inner] if inner else ())))), "")


def written(value: Any) -> str:
    """A value as ``--set`` takes it."""
    if isinstance(value, Path):
        return str(value)
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _recipe_tables(name: str, found: Mapping[str, dict[str, dict[str, Row]]]) -> Iterator[str]:
    """One table for each section; two scales that do not differ share their columns."""
    micro, full = found["micro"], found["full"]
    if micro == full:
        yield "The two scales do not differ.\n"
    for section in dict.fromkeys([*micro, *full]):
        yield f"### {name}: {section}\n"
        one, other = micro.get(section, {}), full.get(section, {})
        if micro == full:
            yield table(("setting", "value", "from"), [_code(row) for row in one.values()])
            continue
        lines = [
            (f"`{place}`", *one.get(place, ("", "", ""))[1:], *other.get(place, ("", "", ""))[1:])
            for place in _merged(list(one), list(other))
        ]
        yield table(("setting", "micro", "from", "full", "from"), lines)


def _code(row: Row) -> Row:
    return f"`{row[0]}`", *row[1:]


def _merged(one: list[str], other: list[str]) -> list[str]:
    """The places of both scales; one that only the second has follows its predecessor there."""
    merged = list(one)
    for index, place in enumerate(other):
        if place not in merged:
            before = other[index - 1] if index else None
            merged.insert(merged.index(before) + 1 if before else 0, place)
    return merged


if __name__ == "__main__":
    main()
