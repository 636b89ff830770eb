"""The page on extending is executed as it stands."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gnomon.catalogue import load_recipe
from gnomon.cli import run_command
from gnomon.parts import INPUTS, forget, part
from gnomon.recipe import RecipeError
from gnomon.run import Run

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
*FILE, SESSION = [text for language, text in BLOCKS if language == "python"]
SHELL = [line for language, text in BLOCKS if language == "sh" for line in text.splitlines()]
RL = "stages.multimodal-rl"
KINDS = ("reward", "advantage", "loss", "regulariser")
SMALL = {
    "stages": "[multimodal-rl]",
    f"{RL}.steps": 2,
    f"{RL}.prompts": 2,
    f"{RL}.rollouts": 4,
    f"{RL}.sampling.max_new_tokens": 12,
    f"{RL}.rewards.word-budget.part.words": 2,
    f"{RL}.log_rollouts_every": 1,
    "evaluation.benchmarks.microworld-reasoning.items": 2,
    "evaluation.max_new_tokens": 4,
}


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that the page describes, in the current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.py"
    path.write_text("\n\n".join(FILE))
    yield path
    for module in [name for name in sys.modules if name.startswith("gnomon_user_mine_")]:
        forget(module)
        del sys.modules[module]


def line_of(command: str) -> list[str]:
    """A command of the page as arguments, once it is sure that the page shows it."""
    assert command in SHELL
    return command.split()[1:]


def test_each_part_takes_at_most_fifteen_lines() -> None:
    parts = [text for text in FILE if "@register" in text]
    assert len(parts) == 4
    assert all(len(text.strip().splitlines()) <= 15 for text in parts)


def test_each_part_registers_one_function_of_the_page() -> None:
    names = [
        node.name
        for text in FILE
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and node.decorator_list
    ]
    assert names == ["word_budget", "above_median", "cut_weight", "free_zone"]


def test_the_recipe_of_the_page_is_complete_and_reloads(mine: Path) -> None:
    for scale in ("micro", "full"):
        recipe = load_recipe("mine.py:my_recipe", scale)
        stage = recipe.stages[1]
        assert stage.loss.settings == {"ceiling": 1.2}
        assert stage.loss.origins == {"ceiling": "ours"}
        [penalty] = stage.regularisers
        assert (penalty.part.part, penalty.part.settings) == ("free-zone", {"width": 0.5})
        Path("recipe.yaml").write_text(recipe.to_yaml())
        assert load_recipe("recipe.yaml") == recipe


def test_the_parts_are_functions_on_plain_values(mine: Path) -> None:
    import torch

    load_recipe("mine.py:my_recipe")
    rewards, groups = torch.tensor([0.0, 0.0, 1.0, torch.nan]), torch.tensor([0, 0, 0, 1])
    advantages = part("advantage", "above-median", scale=2.0)(rewards, groups)
    assert advantages.tolist() == [0.0, 0.0, 2.0, 0.0]
    logp = torch.tensor([[-1.0, -2.0]], requires_grad=True)
    mask, old = torch.tensor([[1.0, 0.0]]), torch.tensor([[-2.0, torch.nan]])
    loss, stats = part("loss", "cut-weight")(logp, old, torch.tensor([3.0]), mask)
    assert loss[0].tolist() == pytest.approx([3.6, 0.0])
    assert stats["cut"].tolist() == [[1.0, 0.0]]
    loss.sum().backward()
    assert logp.grad is not None
    assert logp.grad[0].tolist() == pytest.approx([-3.6, 0.0])


def test_the_regulariser_of_the_page_pulls_back_only_beyond_its_zone(mine: Path) -> None:
    import torch

    load_recipe("mine.py:my_recipe")
    logp = torch.tensor([[-1.0, -2.0, -1.6, torch.nan]], requires_grad=True)
    reference, mask = torch.full((1, 4), -2.0), torch.tensor([[1.0, 1.0, 1.0, 0.0]])
    penalty = part("regulariser", "free-zone", width=0.5)(logp, reference, mask)
    assert penalty[0].tolist() == pytest.approx([0.125, 0.0, 0.0, 0.0])
    penalty.sum().backward()
    assert logp.grad is not None
    assert logp.grad[0, :3].tolist() == pytest.approx([0.5, 0.0, 0.0])


def test_the_lines_for_a_session_work(mine: Path) -> None:
    load_recipe("mine.py:my_recipe")
    exec(compile(SESSION, str(PAGE), "exec"), {})


def test_the_table_shows_every_input_of_the_four_kinds() -> None:
    rows = re.findall(
        r"^\| (reward|advantage|loss|regulariser) \| (.*) \|$", PAGE.read_text(), re.MULTILINE
    )
    shown = {kind: re.findall("`(.*?)`", inputs) for kind, inputs in rows}
    assert shown == {kind: list(INPUTS[kind]) for kind in KINDS}


def test_the_command_of_the_page_trains_with_the_parts(mine: Path, tiny_folder: Path) -> None:
    command = line_of("gnomon train mine.py:my_recipe --scale micro")
    for path, value in SMALL.items():
        command += ["--set", f"{path}={value}"]
    assert run_command([*command, "--model", str(tiny_folder)]) == 0
    run = Run.open(next(Path("runs").iterdir()))
    steps = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert [step["step"] for step in steps] == [1, 2]
    assert all(0.0 <= step["cut"] <= 1.0 for step in steps)
    assert {"reward/accuracy", "reward/word-budget"} <= set(steps[0])
    assert any(step["grad_norm"] > 0 for step in steps)
    assert run.summary()["status"] == "done"
    assert load_recipe(str(run.path / "recipe.yaml")).imports == ("mine.py",)


def test_the_dry_run_of_the_page_checks_it(mine: Path, tiny_folder: Path) -> None:
    command = line_of("gnomon train mine.py:my_recipe --scale micro --dry-run")
    assert run_command([*command, "--model", str(tiny_folder)]) == 0
    assert not Path("runs").exists()


def test_the_change_of_the_page_is_a_change_of_the_recipe(mine: Path, tiny_folder: Path) -> None:
    path = f"{RL}.rewards.word-budget.part.words=40"
    command = line_of(f"gnomon train mine.py:my_recipe --scale micro --set {path}")
    assert run_command([*command, "--dry-run", "--model", str(tiny_folder)]) == 0


def test_the_message_of_the_page_is_the_one_that_appears(mine: Path) -> None:
    mine.write_text(mine.read_text().replace("ceiling=ours", "celing=ours"))
    with pytest.raises(RecipeError) as caught:
        load_recipe("mine.py:my_recipe")
    [shown] = [text for language, text in BLOCKS if language == "text"]
    assert str(caught.value) == shown.strip()
