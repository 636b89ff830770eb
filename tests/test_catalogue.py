from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gnomon.catalogue import import_file, load_recipe, recipe_from_yaml, recipe_names
from gnomon.parts import forget, load_kind, part
from gnomon.recipe import Recipe, RecipeError, build, override, vary
from published import PUBLISHED

MINE = '''"""My recipes."""
from gnomon import register
from gnomon.recipe import Recipe, Reward, Scale, Use, paper, vary
from gnomon.recipes.revisual_r1 import revisual_r1


@register("reward", "catalogue-test")
def brief(length: int, *, limit: int = {limit}) -> float:
    """1 for a brief response."""
    return float(length <= limit)


def mine(scale: Scale) -> Recipe:
    """A relation."""
    terms = (Reward(part=Use("catalogue-test"), weight=1.0),)
    return vary(
        revisual_r1(scale),
        {{"name": "mine", "stages.multimodal-rl.rewards": terms, "seed": paper(7)}},
    )
'''

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Write]:
    def make(text: str, name: str = "mine.py") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    yield make
    for module in [name for name in sys.modules if name.startswith("gnomon_user_mine_")]:
        forget(module)
        del sys.modules[module]


def complaint(name: str, **arguments: Any) -> str:
    with pytest.raises(RecipeError) as caught:
        load_recipe(name, **arguments)
    told = str(caught.value)
    for inside in ("validation error", "http", "[type=", "function-", "Traceback"):
        assert inside not in told
    return told


def shorter(told: str, path: Path) -> str:
    return told.replace(str(path), path.name)


# -- published recipes ----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "scale"), PUBLISHED)
def test_every_published_recipe_validates_and_has_its_name(name: str, scale: Any) -> None:
    recipe = load_recipe(name, scale)
    assert (recipe.name, recipe.scale, recipe.imports) == (name, scale, ())


def test_every_published_recipe_has_a_one_line_summary() -> None:
    names = recipe_names()
    assert {"gnomon-micro-base", "revisual-r1"} <= set(names)
    assert all(summary.endswith(".") and "\n" not in summary for summary in names.values())


def test_every_published_recipe_is_a_function_of_the_scale_with_a_docstring() -> None:
    for name in recipe_names():
        module = __import__(f"gnomon.recipes.{name.replace('-', '_')}", fromlist=["x"])
        function = getattr(module, name.replace("-", "_"))
        assert inspect.getdoc(function)
        assert list(inspect.signature(function).parameters) == ["scale"]


def test_listing_recipes_does_not_wait_for_torch() -> None:
    code = "import sys\nfrom gnomon.catalogue import recipe_names\nrecipe_names()\n"
    code += "assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_an_unknown_recipe_names_the_nearest_one() -> None:
    assert complaint("revisual-r2") == (
        "there is no recipe named 'revisual-r2'; did you mean 'revisual-r1'?"
    )


def test_a_private_module_is_no_recipe() -> None:
    assert complaint("__init__").startswith("there is no recipe named '__init__'")


def test_an_unknown_scale_is_refused() -> None:
    assert complaint("revisual-r1", scale="mikro") == (
        "there is no scale 'mikro'; did you mean 'micro'?"
    )


# -- a user's file --------------------------------------------------------------------------------


def test_a_function_in_a_file_is_a_recipe_and_its_parts_register(write: Write) -> None:
    path = write(MINE.format(limit=3))
    recipe = load_recipe(f"{path}:mine")
    assert recipe.name == "mine"
    assert recipe.imports == (str(path),)
    assert part("reward", "catalogue-test")(3) == 1.0
    assert recipe.origins == {"seed": "paper"}


def test_a_recipe_of_a_file_gets_the_scale(write: Write) -> None:
    assert load_recipe(f"{write(MINE.format(limit=3))}:mine", "full").scale == "full"


def test_a_changed_file_is_read_again(write: Write) -> None:
    for limit in (3, 4):
        load_recipe(f"{write(MINE.format(limit=limit))}:mine")
        assert part("reward", "catalogue-test").settings == {"limit": limit}


def test_a_part_that_was_renamed_in_its_file_is_gone(write: Write) -> None:
    load_recipe(f"{write(MINE.format(limit=3))}:mine")
    text = MINE.format(limit=3).replace("catalogue-test", "catalogue-other")
    load_recipe(f"{write(text)}:mine")
    assert "catalogue-test" not in load_kind("reward")


def test_an_unchanged_file_is_imported_once(write: Write) -> None:
    path = write(MINE.format(limit=3))
    assert import_file(path) is import_file(path)


def test_two_files_of_one_name_are_two_modules(write: Write, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    one, two = write("A = 1"), write("A = 2", "other/mine.py")
    assert (import_file(one).A, import_file(two).A) == (1, 2)


def test_reading_a_file_leaves_nothing_beside_it(write: Write) -> None:
    path = write(MINE.format(limit=3))
    load_recipe(f"{path}:mine")
    assert os.listdir(path.parent) == ["mine.py"]


def test_a_relative_path_works(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(MINE.format(limit=3))
    monkeypatch.chdir(path.parent)
    assert load_recipe("mine.py:mine").imports == ("mine.py",)


def test_a_file_that_is_missing_names_the_nearest_one(write: Write) -> None:
    path = write("")
    told = complaint(f"{path.with_name('mime.py')}:mine")
    assert shorter(told, path.with_name("mime.py")) == (
        "there is no file mime.py, which would define the recipe or parts of it; "
        "did you mean 'mine.py'?"
    )


def test_a_function_that_is_missing_names_the_nearest_one(write: Write) -> None:
    path = write(MINE.format(limit=3))
    assert shorter(complaint(f"{path}:mein"), path) == (
        "mine.py has no function 'mein'; did you mean 'mine'?"
    )


def test_what_a_file_imports_is_no_recipe_of_it(write: Write) -> None:
    path = write(MINE.format(limit=3))
    assert "has no function 'revisual_r1'" in complaint(f"{path}:revisual_r1")


@pytest.mark.parametrize("end", ["", ":"])
def test_a_file_without_a_function_lists_its_functions(write: Write, end: str) -> None:
    path = write("def mine(scale): ...\ndef other(scale): ...\ndef _not(scale): ...\n")
    assert shorter(complaint(f"{path}{end}"), path) == (
        "write mine.py:FUNCTION; the file has mine, other"
    )


def test_a_file_with_no_functions_says_so(write: Write) -> None:
    path = write("")
    assert complaint(str(path)).endswith("the file has none")


BROKEN = {
    "syntax": ("\ndef mine(:\n", "mine.py, line 2: importing it: SyntaxError: "),
    "name": (
        "x = 1\ny = undefined\n",
        "mine.py, line 2: importing it: NameError: name 'undefined' is not defined",
    ),
    "module": (
        "import no_such_module_at_all\n",
        "mine.py, line 1: importing it: ModuleNotFoundError: "
        "No module named 'no_such_module_at_all'",
    ),
    "null byte": ("x = '\0'\n", "mine.py, line ?: importing it: SyntaxError: source code string"),
    "part": (
        'from gnomon import register\n\n\n@register("reward")\ndef bad(words): ...\n',
        "mine.py, line 4: reward 'bad': a reward cannot be given 'words'; known: ",
    ),
    "part of ours": (
        'from gnomon import register\n\n\n@register("reward")\ndef accuracy(verdict): ...\n',
        "mine.py, line 4: reward 'accuracy' is already defined in gnomon.rewards.terms: give yours",
    ),
    "fault in the function": (
        "def mine(scale):\n    return {}[scale]\n",
        "mine.py, line 2: mine('micro'): KeyError: 'micro'",
    ),
    "no scale": (
        "def mine():\n    return None\n",
        "mine.py: mine: too many positional arguments; write def mine(scale)",
    ),
    "too much": (
        "def mine(scale, other):\n    return None\n",
        "mine.py: mine: missing a required argument: 'other'; write def mine(scale)",
    ),
    "no recipe": (
        "def mine(scale):\n    return {'name': 'mine'}\n",
        "mine.py: mine returned dict, not a Recipe",
    ),
    "bad block": (
        "from gnomon.recipe import Sampling\ndef mine(scale):\n    x = 1\n"
        "    return Sampling(max_new_tokens='ten', top_q=1)\n",
        "mine.py, line 4: Sampling: max_new_tokens: 'ten': must be a valid integer\n"
        "mine.py, line 4: Sampling: top_q: there is no such setting; did you mean 'top_p'?",
    ),
    "bad part of a block": (
        "from gnomon.recipe import Reward, Use\ndef mine(scale):\n"
        "    return Reward(part=Use('acuracy'), weight=1)\n",
        "mine.py, line 3: Reward: part: there is no reward named 'acuracy'; "
        "did you mean 'accuracy'?",
    ),
    "bad relation": (
        "from gnomon.recipe import vary\nfrom gnomon.recipes.revisual_r1 import revisual_r1\n"
        "def mine(scale):\n    return vary(revisual_r1(scale), {'stages.rl.steps': 3})\n",
        "mine.py, line 4: stages.rl.steps: there is no 'rl'; "
        "known: cold-start, multimodal-rl, text-rl",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_told_with_its_line(write: Write, case: str) -> None:
    text, expected = BROKEN[case]
    path = write(text)
    assert shorter(complaint(f"{path}:mine"), path).startswith(expected)


def test_a_broken_file_leaves_no_parts_and_no_module_behind(write: Write) -> None:
    path = write(MINE.format(limit=3) + "\nraise ValueError('broken')\n")
    modules = set(sys.modules)
    complaint(f"{path}:mine")
    assert "catalogue-test" not in load_kind("reward")
    assert not [name for name in set(sys.modules) - modules if name.startswith("gnomon_user")]


def test_the_cause_of_a_broken_file_is_kept_for_debugging(write: Write) -> None:
    path = write("x = 1 / 0\n")
    with pytest.raises(RecipeError) as caught:
        import_file(path)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_an_interrupt_while_a_file_is_imported_passes_through(write: Write) -> None:
    path = write("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        import_file(path)
    assert not [name for name in sys.modules if name.startswith("gnomon_user_mine_")]


# -- the YAML of a run ----------------------------------------------------------------------------


def test_a_resolved_recipe_of_a_users_file_loads_in_a_fresh_process(
    write: Write, tmp_path: Path
) -> None:
    mine = write(MINE.format(limit=3))
    recipe = load_recipe(f"{mine}:mine")
    path = write(recipe.to_yaml(), "recipe.yaml")
    code = "import sys\nfrom gnomon.catalogue import load_recipe\n"
    code += f"sys.stdout.write(load_recipe({str(path)!r}).to_yaml())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == recipe.to_yaml()


def test_a_resolved_recipe_keeps_its_own_scale(write: Write) -> None:
    path = write(load_recipe("revisual-r1", "full").to_yaml(), "recipe.yaml")
    assert load_recipe(str(path), "micro").scale == "full"


@pytest.mark.parametrize("ending", ["yaml", "yml"])
def test_the_yaml_of_a_changed_recipe_loads_to_the_same(write: Write, ending: str) -> None:
    recipe = override(load_recipe("revisual-r1"), {"seed": 4, "stages": ["text-rl"]})
    path = write(recipe.to_yaml(), f"recipe.{ending}")
    assert recipe_from_yaml(path) == load_recipe(str(path)) == recipe


@pytest.mark.parametrize("text", ["", "5", "[1, 2]", "just text"])
def test_yaml_that_is_no_mapping_is_refused(write: Write, text: str) -> None:
    path = write(text, "recipe.yaml")
    assert shorter(complaint(str(path)), path) == (
        "recipe.yaml holds no recipe: expected a mapping with name, model and stages"
    )


def test_yaml_that_would_make_objects_is_refused(write: Write, tmp_path: Path) -> None:
    path = write(f"name: !!python/object/apply:os.mkdir ['{tmp_path}/made']", "recipe.yaml")
    assert "could not determine a constructor for the tag" in complaint(str(path))
    assert not (tmp_path / "made").exists()


def test_yaml_that_is_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    assert complaint(str(path)) == f"there is no file {path}"


def test_a_problem_in_the_yaml_is_named_by_its_place(write: Write) -> None:
    recipe = vary(load_recipe("revisual-r1"), {"stages.multimodal-rl.steps": 12345})
    text = recipe.to_yaml().replace("  steps: 12345", "  stepz: 12345")
    lines = complaint(str(write(text, "recipe.yaml"))).splitlines()
    assert lines == [
        "stages.multimodal-rl.steps: a value is needed",
        "stages.multimodal-rl.stepz: there is no such setting; did you mean 'steps'?",
    ]


@pytest.mark.parametrize("imports", ["mine.py", [1], {"a": 1}])
def test_imports_that_are_no_list_of_files_are_refused(write: Write, imports: Any) -> None:
    path = write(f"imports: {imports!r}", "recipe.yaml")
    assert complaint(str(path)) == f"imports: {imports!r}: must be a list of Python files"


def test_a_file_of_parts_that_is_missing_is_named(write: Write, tmp_path: Path) -> None:
    recipe: Recipe = vary(load_recipe("revisual-r1"), {"imports": [str(tmp_path / "gone.py")]})
    told = complaint(str(write(recipe.to_yaml(), "recipe.yaml")))
    assert told.startswith(f"there is no file {tmp_path / 'gone.py'}, which would define the ")


@pytest.mark.parametrize("name", recipe_names())
def test_every_stage_at_micro_scale_reads_from_a_source_that_can_be_made(name: str) -> None:
    for stage in load_recipe(name, "micro").stages:
        assert len(build("source", stage.data)()) > 0
