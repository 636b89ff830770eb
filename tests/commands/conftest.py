from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gnomon.cli import app

RECIPE = '''"""A user's file: recipes over a tiny model."""
from gnomon.parts import register
from gnomon.recipe import Evaluation, Model, Optimizer, Recipe, Sft, Use
from gnomon.worlds.microworld import microworld

READ = []


class Stops:
    """Raises when it has been read for the ``after``-th time."""

    def __init__(self, samples, after, error):
        self.samples, self.after, self.error = samples, after, error

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        READ.append(index)
        if len(READ) > self.after:
            raise {errors}[self.error]
        return self.samples[index]


@register("source")
def stops(*, after: int, error: str = "interrupt"):
    """Stops the run after some reads."""
    world = microworld(tasks=["arithmetic"], modality="text", answers="worked", size=50)
    return Stops(world, after, error)


def recipe(data, evaluation):
    READ.clear()
    schedule = Use("constant", value=1e-4)
    stage = Sft(
        name="cold-start", data=data, modality="text", format=Use("think-boxed"), steps=2,
        optimizer=Optimizer(learning_rate=schedule), batch_size=2, max_tokens=256,
    )
    return Recipe(
        name="tiny", scale="micro", model=Model(path={model!r}), stages=(stage,),
        evaluation=evaluation,
    )


def tiny(scale):
    """One short stage."""
    world = Use("microworld", tasks=["arithmetic"], modality="text", answers="worked", size=50)
    benchmark = Use("microworld-text", items=2)
    return recipe(world, Evaluation(benchmarks=(benchmark,), max_new_tokens=2))


def interrupted_early(scale):
    """Stops while it is checked."""
    return recipe(Use("stops", after=1), Evaluation())


def interrupted(scale):
    """Stops in its stage."""
    return recipe(Use("stops", after=9), Evaluation())


def faulty(scale):
    """Has a fault."""
    return recipe(Use("stops", after=9, error="fault"), Evaluation())
'''
ERRORS = '{"interrupt": KeyboardInterrupt(), "fault": ZeroDivisionError("a fault")}'


@pytest.fixture(scope="session")
def recipes(tiny_folder: Path) -> Path:
    path = tiny_folder.parent / f"{tiny_folder.name}-recipes.py"
    text = RECIPE.replace("{errors}", ERRORS).replace("{model!r}", repr(str(tiny_folder)))
    path.write_text(text)
    return path


@pytest.fixture(scope="session")
def finished(recipes: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The run folder, stdout and stderr of a whole run."""
    out = tmp_path_factory.mktemp("runs")
    result = CliRunner().invoke(
        app, ["train", f"{recipes}:tiny", "--out", str(out), "--set", "stages.cold-start.steps=1"]
    )
    assert result.exception is None, result.output
    [run] = out.iterdir()
    return run, result.stdout, result.stderr
