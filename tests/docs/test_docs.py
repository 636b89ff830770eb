"""What the pages say is so: code runs, commands parse, links lead somewhere, tables are current."""

from __future__ import annotations

import ast
import doctest
import importlib
import importlib.util
import json
import re
import shlex
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from typer.main import get_command

from gnomon.catalogue import SCALES, load_recipe, recipe_names
from gnomon.cli import app
from gnomon.parts import INPUTS, find, load_kind
from gnomon.recipe import override, parse_changes

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUNS = "<!-- runs in the tests -->"
GENERATED = (
    "README.md",
    "docs/micro-runs.md",
    "docs/grading.md",
    "docs/worlds.md",
    "docs/reference/parts.md",
    "docs/reference/blocks.md",
    "docs/recipes.md",
    "docs/replications.md",
)


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text without indent, and the line before it."""

    language: str
    text: str
    before: str


def read_page(page: Path) -> tuple[list[Block], str]:
    """The fenced blocks of a page, and what stands outside of them."""
    found: list[Block] = []
    outside: list[str] = [""]
    inside: list[str] | None = None
    fence = ""
    for line in page.read_text().splitlines():
        if inside is None and line.lstrip().startswith("```"):
            fence, inside = line, []
        elif inside is None:
            outside.append(line)
        elif line.strip() == "```":
            text = textwrap.dedent("\n".join(inside)) + "\n"
            found.append(Block(fence.strip().removeprefix("```"), text, outside[-1].strip()))
            inside = None
        else:
            inside.append(line)
    assert inside is None, f"{page_name(page)} has a block that does not end"
    return found, "\n".join(outside)


def blocks(page: Path, language: str) -> list[Block]:
    return [block for block in read_page(page)[0] if block.language == language]


def commands(page: Path) -> list[str]:
    """Every shell line of a page, and every command in running text that is whole."""
    lines = [line for block in blocks(page, "sh") for line in block.text.splitlines()]
    inline = re.findall(r"`((?:gnomon|make) [^`]+)`", read_page(page)[1])
    return [line.strip() for line in [*lines, *inline] if line.strip()]


def python_blocks(*, run: bool = False) -> list[Any]:
    """Every Python block of the pages, or those alone that are marked to run."""
    return [
        pytest.param(block.text, id=f"{page_name(page)}-{number}")
        for page in PAGES
        for number, block in enumerate(blocks(page, "python"))
        if block.before == RUNS or not run
    ]


def lines_starting(word: str) -> list[Any]:
    found = {line: page_name(page) for page in PAGES for line in commands(page)}
    return [pytest.param(line, id=line) for line in found if line.split()[0] == word]


@pytest.fixture(scope="module")
def generate() -> Iterator[ModuleType]:
    """docs/generate.py as a module."""
    sys.path.insert(0, str(ROOT / "docs"))
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(ROOT / "docs"))


# -- code -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", python_blocks())
def test_python_of_the_pages_compiles_and_what_it_imports_exists(text: str) -> None:
    tree = ast.parse(text)
    compile(tree, "page", "exec")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                importlib.import_module(alias.name)
        elif isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            assert all(hasattr(module, alias.name) for alias in node.names)


@pytest.mark.parametrize("text", python_blocks(run=True))
def test_python_that_is_marked_runs(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    exec(compile(text, "page", "exec"), {})


def test_some_python_runs_on_the_front_page() -> None:
    assert any(block.before == RUNS for block in blocks(ROOT / "README.md", "python"))


@pytest.mark.parametrize("kind", INPUTS)
def test_examples_in_the_reference_of_parts_are_true(kind: str) -> None:
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner(verbose=False)
    for made in load_kind(kind).values():
        module = importlib.import_module(made.function.__module__)
        for case in finder.find(made.function, made.name, module=module, globs=vars(module)):
            assert runner.run(case).failed == 0, made.name


# -- commands -------------------------------------------------------------------------------------


def read_command(line: str) -> tuple[str, dict[str, Any]]:
    """The subcommand of a line and its values, as the command line itself reads them."""
    word, *arguments = shlex.split(line)[1:]
    group = get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    command = group.commands[word]
    return word, command.make_context(word, arguments).params


@pytest.mark.parametrize("line", lines_starting("gnomon"))
def test_every_command_of_the_pages_parses(line: str) -> None:
    read_command(line)


@pytest.mark.parametrize(
    "line", [case for case in lines_starting("gnomon") if " train " in case.id]
)
def test_every_change_that_a_page_shows_fits_its_recipe(line: str) -> None:
    _, values = read_command(line)
    name = values["recipe"]
    if name in recipe_names():
        recipe = load_recipe(name, values["scale"])
        override(recipe, parse_changes(values["change"] or []))
    else:  # the recipe of docs/extending.md has a file of tests, a run is the reader's own
        assert name is None or name.startswith(("mine.py:", "runs/"))


@pytest.mark.parametrize("line", lines_starting("gnomon"))
def test_every_name_in_a_command_exists(line: str) -> None:
    word, values = read_command(line)
    if word == "parts" and values["name"] not in (None, "NAME"):
        find(values["kind"], values["name"])
    if word == "evaluate":
        find("benchmark", values["benchmark"])
    if values.get("image") is not None:
        assert (ROOT / values["image"]).is_file()


@pytest.mark.parametrize("line", lines_starting("make"))
def test_every_make_target_exists(line: str) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
    assert set(line.split()[1:]) <= set(targets)


def test_the_front_page_starts_with_the_two_commands() -> None:
    assert commands(ROOT / "README.md")[:2] == ["make quickstart", "make test"]


def test_a_command_that_does_not_parse_would_be_found() -> None:
    with pytest.raises(Exception, match="No such option"):
        read_command("gnomon train revisual-r1 --sett seed=1")


# -- links ----------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", read_page(page)[1], re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_link_and_image_of_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", read_page(page)[1]):
        if re.match(r"https?:", target):
            continue
        file, _, anchor = target.partition("#")
        place = (page.parent / file).resolve() if file else page
        assert place.exists(), f"{page_name(page)} links to {target}, which is not there"
        assert not anchor or anchor in anchors(place), f"{page_name(page)}: no heading for {target}"


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_a_page_has_no_long_dashes(page: Path) -> None:
    assert not re.search("[\u2013\u2014]", page.read_text())


# -- generated pages ------------------------------------------------------------------------------


def test_generated_pages_and_pictures_are_up_to_date(generate: ModuleType) -> None:
    pages = generate.pages(ROOT)
    assert {page_name(path) for path in pages if path.suffix == ".md"} == set(GENERATED)
    old = [page_name(path) for path, text in pages.items() if path.read_text() != text]
    assert not old, f"{', '.join(old)}: run make docs"


def test_a_page_without_its_markers_is_refused(generate: ModuleType) -> None:
    with pytest.raises(ValueError, match="<!-- tree -->"):
        generate.fill("no markers", "tree", "x")


def test_filling_again_changes_nothing(generate: ModuleType) -> None:
    once = generate.fill("a\n<!-- x -->\nold\n<!-- /x -->\nb\n", "x", "new\n")
    assert once == "a\n<!-- x -->\nnew\n<!-- /x -->\nb\n"
    assert generate.fill(once, "x", "new\n") == once


def test_a_file_that_nothing_is_said_about_is_refused(generate: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "thing.bin").write_bytes(b"")
    with pytest.raises(ValueError, match=r"say in NOTES .* what thing\.bin is"):
        generate.about(tmp_path / "thing.bin", tmp_path)


def test_the_reference_names_every_part(generate: ModuleType) -> None:
    text = generate.parts_page()
    for kind in INPUTS:
        for name in sys.modules["reference_tables"].ours(kind):
            assert f"\n### {kind} {name}\n" in text


def test_the_reference_names_every_setting_of_every_block(generate: ModuleType) -> None:
    page = generate.blocks_page()
    blocks = sys.modules["reference_tables"].blocks()
    assert {block.__name__ for block in blocks} >= {"Recipe", "Sft", "Ocr", "Reinforce", "Prefix"}
    for block in blocks:
        _, _, section = page.partition(f"\n## {block.__name__}\n")
        own = set(block.model_fields) - set(block.__base__.model_fields)
        for name in own:
            assert f"\n| `{name}` | " in section.partition("\n## ")[0]


def test_a_setting_of_a_block_stands_with_its_bounds_and_its_default(generate: ModuleType) -> None:
    page = generate.blocks_page()
    assert "| `top_p` | `float` above 0 at most 1 | `1.0` |" in page
    assert "| `fps` | `float` above 0 or `None` | `null` |" in page
    assert "| `filters` | list of [resampler](parts.md#resampler) | `[]` |" in page


def test_angle_brackets_of_docstrings_are_shown_and_not_obeyed(generate: ModuleType) -> None:
    assert sys.modules["reference_tables"].escape("<b> in ``<think>``") == "&lt;b> in `<think>`"


def test_every_constant_with_an_origin_is_in_the_page_of_recipes(generate: ModuleType) -> None:
    from gnomon.plan import constants

    for name in recipe_names():
        for scale in SCALES:
            recipe = load_recipe(name, scale)
            stated = {(place, origin) for place, _, origin in constants(recipe)}
            found = {
                (f"{section}.{row[0]}".removeprefix("recipe."), row[2])
                for section, rows in generate.sections(recipe).items()
                for row in rows.values()
            }
            assert stated <= found


def stage(name: str, accuracy: float) -> dict[str, Any]:
    return {
        "name": name, "accuracy": accuracy, "low": accuracy - 0.04, "high": accuracy + 0.04,
        "n": 512, "mean_length": 40.25, "seconds": 61.4,
    }  # fmt: skip


FIRST = {
    "stages": [stage("base", 0.2), stage("cold-start", 0.4), stage("text-rl", 0.6)],
    "command": "time make quickstart",
    "place": "two CPU cores",
}


def test_the_front_page_shows_one_run_stage_by_stage(generate: ModuleType) -> None:
    lines = generate.stage_table(FIRST).splitlines()
    assert lines[2] == "| base | 20.0 | 16.0 to 24.0 | - | 512 | 40.2 | 61 s |"
    assert lines[4] == "| text-rl | 60.0 | 56.0 to 64.0 | +40.0 | 512 | 40.2 | 61 s |"
    assert lines[-1] == "`time make quickstart`, two CPU cores."


def test_without_results_the_page_says_so(generate: ModuleType) -> None:
    assert generate.stage_table({}) == "Not measured yet.\n"


def test_results_are_read_from_their_file(generate: ModuleType, tmp_path: Path) -> None:
    for name in generate.MARKED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text())
    for name in ("docs", "src", "benchmarks", "tests", ".ci", "Makefile", "pyproject.toml"):
        if not (tmp_path / name).exists():
            (tmp_path / name).symlink_to(ROOT / name)
    stored = tmp_path / generate.QUICKSTART
    stored.parent.mkdir(parents=True, exist_ok=True)
    stored.write_text(json.dumps(FIRST))
    written = generate.pages(tmp_path)
    assert "| text-rl | 60.0 |" in written[tmp_path / "README.md"]


def test_every_stored_micro_run_is_a_row_of_the_page(generate: ModuleType) -> None:
    stage = {"name": "rl", "accuracy": 0.5, "low": 0.4, "high": 0.6, "n": 256, "seconds": 90.0}
    run = {"recipe": "grpo", "stages": [{**stage, "seconds": 0.0}, stage], "commit": "0123456789"}
    text = generate.micro_table({"runs": [run], "machine": "2 cores"})
    assert "| grpo | 50.0 | rl 50.0 | 40.0 to 60.0 | 256 | 1.5 min |" in text
    assert generate.micro_table({}) == "Not measured yet.\n"


REWARDS = {
    "completions": 512, "tokens": 300, "commit": "0123456789ab", "machine": "2 cores",
    "mixes": [
        {"texts": "prose", "mix": "grading", "cpu_ms": 8.04, "wall_ms": 9.0},
        {"texts": "prose", "mix": "with repetition", "cpu_ms": 20.0, "wall_ms": 21.0},
    ],
}  # fmt: skip
GRADING = {
    "speed": {
        "pairs": 5000, "ours_per_second": 90_000, "math_verify_per_second": 450, "times": 200.0,
        "equal_verdicts": 0.9982, "false_accepts": 0, "math_verify_wrong": 9,
        "commit": "0123456789ab", "machine": "2 cores",
    },
    "bombs": {
        "completions": 512, "bombs": 5, "workers": 2, "rounds": 5, "seconds_best": 0.31,
        "seconds_median": 0.42, "commit": "ba9876543210", "machine": "2 cores",
    },
}  # fmt: skip


def test_stored_figures_of_grading_are_rows_beside_what_is_wanted(generate: ModuleType) -> None:
    text = generate.figures(REWARDS, GRADING)
    assert "| 90,000, 450: 200x | 10x |" in text
    assert "| the same verdict as math-verify's | 99.82 % | 99.5 % |" in text
    assert "512 completions with 5 LaTeX bombs, 2 workers" in text
    assert "| 0.31 s, 0.42 s | 1.5 s |" in text
    assert "prose: grading | 8.0 ms, 9.0 ms by the clock |  |" in text
    assert "prose: with repetition | 20.0 ms, 21.0 ms by the clock | 50 ms |" in text
    assert text.count("2 cores, commit ") == 2


def test_figures_that_are_not_stored_are_no_rows(generate: ModuleType) -> None:
    assert generate.figures({}, {}) == "Not measured yet.\n"
    assert "verify's own tests" not in generate.figures(REWARDS, GRADING)
    assert "tokens" not in generate.figures({}, GRADING)
