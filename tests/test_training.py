"""A run from its first check to its report, on a real, tiny model."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gnomon.catalogue import import_file
from gnomon.logs import RunError
from gnomon.models.load import load_policy
from gnomon.parts import forget
from gnomon.recipe import (
    Evaluation,
    Lora,
    Model,
    Optimizer,
    Recipe,
    RecipeError,
    Reinforce,
    Reward,
    Sampling,
    Sft,
    Use,
    build,
    override,
)
from gnomon.rewards.score import RewardError
from gnomon.run import Run
from gnomon.stages.drive import open_stream
from gnomon.tensors import load_tensors
from gnomon.training import check, resume, train
from gnomon.watch import Watcher

OPTIMIZER = Optimizer(learning_rate=Use("constant", value=1e-3))
COUNT = Use("microworld", tasks=["count"], modality="text")


def cold_start(**changes: Any) -> Sft:
    settings: dict[str, Any] = {
        "name": "cold-start",
        "data": COUNT,
        "format": Use("think-boxed"),
        "steps": 2,
        "batch_size": 2,
        "micro_batch_tokens": 512,
        "optimizer": OPTIMIZER,
    }
    return Sft(**settings | changes)


def text_rl(**changes: Any) -> Reinforce:
    settings: dict[str, Any] = {
        "name": "text-rl",
        "data": COUNT,
        "format": Use("think-boxed"),
        "sampling": Sampling(max_new_tokens=4),
        "rewards": (Reward(part=Use("length-ramp", budget=3), weight=1.0),),
        "prompts": 1,
        "rollouts": 2,
        "steps": 1,
        "optimizer": OPTIMIZER,
    }
    return Reinforce(**settings | changes)


def recipe_of(model: Path | str, *stages: Sft | Reinforce, **changes: Any) -> Recipe:
    benchmark = Use("microworld-text", items=2)
    settings: dict[str, Any] = {
        "name": "small",
        "scale": "micro",
        "seed": 5,
        "model": Model(path=str(model)),
        "stages": stages or (cold_start(),),
        "evaluation": Evaluation(benchmarks=(benchmark,), max_new_tokens=3),
    }
    return Recipe(**settings | changes)


def state_of(run: Run, index: int, stage: str, step: int) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(
        (run.checkpoint_path(index, stage, step) / "state.json").read_text()
    )
    return state


Imported = Callable[[str], str]


@pytest.fixture
def imported(tmp_path: Path) -> Iterator[Imported]:
    """Writes and imports a user's file; its parts are forgotten afterwards."""

    def write(text: str) -> str:
        path = tmp_path / "mine.py"
        path.write_text(f"from gnomon import register\n\n{text}")
        import_file(path)
        return str(path)

    yield write
    for module in [name for name in sys.modules if name.startswith("gnomon_user_mine_")]:
        forget(module)
        del sys.modules[module]


class Log(Watcher):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def started(self, name: str, total: int, done: int = 0) -> None:
        self.events.append(f"{name} {done}/{total}")

    def note(self, text: str) -> None:
        self.events.append(text)


# -- the whole run --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of two stages; tests that change it work on a copy."""
    recipe = recipe_of(tiny_folder, cold_start(), text_rl())
    return train(recipe, root=tmp_path_factory.mktemp("runs"))


@pytest.fixture
def copied(whole: Run, tmp_path: Path) -> Run:
    return Run(Path(shutil.copytree(whole.path, tmp_path / whole.path.name)))


def test_a_run_leaves_everything_in_its_folder(whole: Run) -> None:
    found = {
        path.relative_to(whole.path).as_posix() for path in whole.path.rglob("*") if path.is_file()
    }
    assert found >= {
        "recipe.yaml", "environment.json", "metrics.jsonl", "timings.jsonl", "summary.json",
        "report.html", "rollouts/2-text-rl/000001.parquet",
        "evaluations/0-base.json", "evaluations/1-cold-start.json", "evaluations/2-text-rl.json",
        "checkpoints/1-cold-start/step-000002/manifest.json",
        "checkpoints/2-text-rl/step-000001/model/model.safetensors",
    }  # fmt: skip
    assert not [name for name in found if ".tmp-" in name]
    assert [(line["stage"], line["step"]) for line in whole.metrics()] == [
        ("cold-start", 1), ("cold-start", 2), ("text-rl", 1),
    ]  # fmt: skip


def test_the_summary_has_every_stage_in_order(whole: Run) -> None:
    summary = whole.summary()
    assert {key: summary[key] for key in ("recipe", "scale", "seed", "status", "message")} == {
        "recipe": "small", "scale": "micro", "seed": 5, "status": "done", "message": "",
    }  # fmt: skip
    assert [(s["index"], s["name"]) for s in summary["stages"]] == [
        (0, "base"), (1, "cold-start"), (2, "text-rl"),
    ]  # fmt: skip
    for stage in summary["stages"]:
        assert 0 <= stage["low"] <= stage["accuracy"] <= stage["high"] <= 1
        assert (stage["n"], stage["skipped"]) == (2, 0)
        assert 0 < stage["mean_length"] <= 3
    assert [stage["seconds"] > 0 for stage in summary["stages"]] == [False, True, True]
    assert Path(summary["model"]).is_dir()
    assert "text-rl" in (whole.path / summary["report"]).read_text()


def test_the_base_is_asked_in_its_own_form_and_the_stages_in_theirs(whole: Run) -> None:
    asked = [
        whole.evaluation_rows(index, name)[0]["prompt"]
        for index, name in enumerate(("base", "cold-start", "text-rl"))
    ]
    assert ["boxed" in prompt for prompt in asked] == [False, True, True]


def test_each_stage_starts_from_the_model_before(whole: Run, tiny_folder: Path) -> None:
    first, second = state_of(whole, 1, "cold-start", 2), state_of(whole, 2, "text-rl", 1)
    assert first["parent"] == str(tiny_folder)
    assert second["parent"] == str(whole.checkpoint_path(1, "cold-start", 2) / "model")
    before, after = (
        load_tensors(folder / "model.safetensors")
        for folder in (tiny_folder, Path(second["parent"]))
    )
    assert before.keys() == after.keys()
    assert any(not value.equal(after[name]) for name, value in before.items())


def test_resuming_a_finished_run_changes_no_number(copied: Run) -> None:
    before = {
        name: (copied.path / name).read_bytes() for name in ("metrics.jsonl", "timings.jsonl")
    }
    stages = copied.summary()["stages"]
    log = Log()
    run = resume(copied.path, watcher=log)
    assert log.events == []
    assert {name: (run.path / name).read_bytes() for name in before} == before
    assert run.summary()["stages"] == stages
    assert run.summary()["status"] == "done"


def test_a_lost_evaluation_is_made_again(copied: Run) -> None:
    place = copied.path / "evaluations" / "1-cold-start.json"
    before = json.loads(place.read_text())["benchmarks"]["microworld-text"]
    place.unlink()
    log = Log()
    resume(copied.path, watcher=log)
    after = json.loads(place.read_text())["benchmarks"]["microworld-text"]
    assert [event for event in log.events if "/" in event] == ["evaluate microworld-text 0/2"]
    assert {**after, "seconds": 0} == {**before, "seconds": 0}


def test_a_damaged_checkpoint_is_passed_over_with_a_note(copied: Run) -> None:
    shutil.rmtree(copied.path / "evaluations")
    weights = copied.checkpoint_path(2, "text-rl", 1) / "model" / "model.safetensors"
    good = weights.read_bytes()
    weights.write_bytes(good[:-1])
    log = Log()
    resume(copied.path, watcher=log)
    assert any("passed over a damaged checkpoint" in event for event in log.events)
    assert "text-rl 0/1" in log.events
    assert weights.read_bytes() == good


def test_resuming_what_is_no_run_names_the_runs_nearby(whole: Run) -> None:
    with pytest.raises(RunError, match=f"it holds runs, name one of them: {whole.path.name}"):
        resume(whole.path.parent)


def test_a_new_model_is_made_once_and_kept(tmp_path: Path) -> None:
    small = Use(
        "gnomon-micro", vocabulary=300, texts=20, hidden=32, layers=1, heads=2, key_value_heads=1,
        intermediate=32, vision_hidden=32, vision_layers=1,
    )  # fmt: skip
    recipe = recipe_of("new", evaluation=Evaluation())
    recipe = recipe.model_copy(update={"model": Model(path="new", architecture=small)})
    run = train(recipe, root=tmp_path)
    made = run.checkpoint_path(0, "base", 0) / "model"
    written = (made / "model.safetensors").stat().st_mtime_ns
    assert state_of(run, 1, "cold-start", 2)["parent"] == str(made)
    assert resume(run.path).summary()["status"] == "done"
    assert (made / "model.safetensors").stat().st_mtime_ns == written


def test_a_stage_can_go_without_its_evaluation(tiny_folder: Path, tmp_path: Path) -> None:
    recipe = recipe_of(tiny_folder, cold_start(evaluate=False, steps=1), text_rl())
    run = train(recipe, root=tmp_path)
    assert [result["index"] for result in run.evaluations()] == [0, 2]


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_stage_keeps_the_order_of_its_source_when_it_is_not_to_shuffle(
    tiny_folder: Path, shuffle: bool
) -> None:
    stage = cold_start(data=Use("microworld", **COUNT.settings, answers="worked"), shuffle=shuffle)
    encoder = load_policy(str(tiny_folder)).encoder(max_tokens=2048)
    taken = [sample.id for sample, _ in open_stream(stage, encoder, 0, 0).take(6)]
    source = build("source", stage.data)()
    assert (taken == [source[index].id for index in range(6)]) is not shuffle


@pytest.mark.parametrize("lora", [None, Lora(rank=2, alpha=4)], ids=["full", "lora"])
def test_a_stage_with_wise_ft_ends_between_its_start_and_what_it_trained(
    tiny_folder: Path, tmp_path: Path, lora: Lora | None
) -> None:
    def left(share: float) -> dict[str, Tensor]:
        model = Model(path=str(tiny_folder), lora=lora)
        stage = cold_start(evaluate=False, wise_ft=share)
        recipe = recipe_of("", stage, evaluation=Evaluation())
        recipe = recipe.model_copy(update={"model": model})
        run = train(recipe, root=tmp_path / str(share))
        return load_tensors(run.checkpoint_path(1, "cold-start", 2) / "model/model.safetensors")

    start = load_tensors(tiny_folder / "model.safetensors")
    trained, mixed = left(1.0), left(0.25)
    assert any(not torch.equal(trained[name], start[name]) for name in start)
    for name in start:
        torch.testing.assert_close(mixed[name], 0.75 * start[name] + 0.25 * trained[name])


# -- a run that fails -----------------------------------------------------------------------------

STUMBLING = """
from pathlib import Path
from gnomon.parts import part
from gnomon.evaluation.benchmarks import Benchmark
from gnomon.records import BadRecord


class Stumbling:
    def __init__(self, samples, flag, interrupt):
        self.samples, self.flag, self.interrupt = samples, flag, interrupt

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        if index == 0 and self.interrupt and not self.flag.exists():
            self.flag.touch()
            raise KeyboardInterrupt
        if index == 1:
            raise BadRecord("the second record is always bad")
        return self.samples[index]


@register("benchmark")
def bad_second(*, flag: Path, interrupt: bool = False) -> Benchmark:
    world = part("benchmark", "microworld-text", items=2)()
    return Benchmark(f"bad-{interrupt}", Stumbling(world.samples, flag, interrupt), "two items")
"""


def test_an_interrupted_evaluation_names_what_it_skipped_once(
    imported: Imported, tiny_folder: Path, tmp_path: Path
) -> None:
    file = imported(STUMBLING)
    flag = tmp_path / "interrupted"
    benchmarks = (Use("bad-second", flag=flag), Use("bad-second", flag=flag, interrupt=True))
    recipe = recipe_of(
        tiny_folder,
        cold_start(steps=1),
        imports=(file,),
        evaluation=Evaluation(benchmarks=benchmarks, max_new_tokens=2),
    )
    with pytest.raises(KeyboardInterrupt):
        train(recipe, root=tmp_path / "runs")
    [path] = (tmp_path / "runs").iterdir()
    run = resume(path)
    assert [(line["index"], line["id"]) for line in run.skipped()] == [
        (0, "bad-False[1]"), (0, "bad-True[1]"), (1, "bad-False[1]"), (1, "bad-True[1]"),
    ]  # fmt: skip
    assert [stage["skipped"] for stage in run.summary()["stages"]] == [2, 2]


FAILING = """
@register("reward")
def failing(response: str) -> float:
    raise ValueError("no such word list")
"""


def test_a_failed_run_says_why_and_shows_how_far_it_came(
    imported: Imported, tiny_folder: Path, tmp_path: Path
) -> None:
    file = imported(FAILING)
    rewards = (Reward(part=Use("failing"), weight=1.0),)
    recipe = recipe_of(
        tiny_folder, cold_start(evaluate=False), text_rl(rewards=rewards), imports=(file,)
    )
    with pytest.raises(RewardError, match="reward term 'failing' failed on sample"):
        train(recipe, root=tmp_path / "runs")
    run = Run.open(next((tmp_path / "runs").iterdir()))
    summary = run.summary()
    assert summary["status"] == "failed"
    assert summary["message"].startswith("RewardError: reward term 'failing' failed on sample")
    assert [stage["name"] for stage in summary["stages"]] == ["base"]
    report = (run.path / "report.html").read_text()
    assert "no such word list" in report
    assert "cold-start" in report


# -- the check before a run -----------------------------------------------------------------------


def problems_of(recipe: Recipe, root: Path) -> str:
    """What stops ``recipe``, which leaves no run behind."""
    with pytest.raises(RecipeError) as caught:
        train(recipe, root=root)
    assert not root.exists() or not list(root.iterdir())
    return str(caught.value)


def test_a_recipe_that_fits_passes_the_check(tiny_folder: Path) -> None:
    check(recipe_of(tiny_folder))


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    recipe = recipe_of(
        "nowhere",
        cold_start(modality="image"),
        data_root=tmp_path / "none",
        evaluation=Evaluation(benchmarks=(Use("records", path=tmp_path / "none.jsonl"),)),
    )
    lines = problems_of(recipe, tmp_path / "runs").splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        "model.path", "data_root", "stages.cold-start.data", "evaluation.benchmarks.records",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("modality", "source", "reason"),
    [
        ("image", COUNT, "needs an image with every sample and this source yields text alone"),
        ("text", Use("microworld", tasks=["count"]), "text-only and this source yields images"),
        ("any", Use("microworld", tasks=["count"], size=0), "the source is empty"),
    ],
)
def test_a_source_that_does_not_suit_its_stage_is_refused(
    modality: str, source: Use, reason: str, tiny_folder: Path, tmp_path: Path
) -> None:
    recipe = recipe_of(tiny_folder, cold_start(modality=modality, data=source))
    assert reason in problems_of(recipe, tmp_path / "runs")


def test_a_source_without_a_usable_record_is_refused_with_the_first_reason(
    tiny_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"problem": "1+1?", "answer": ""}\n' * 9)
    recipe = recipe_of(tiny_folder, text_rl(data=Use("jsonl", path=path)))
    message = problems_of(recipe, tmp_path / "runs")
    assert (
        "none of the first records can be used; bad.jsonl, line 1: the answer is empty" in message
    )


def test_a_formula_that_refuses_its_settings_stops_the_run_before_it_starts(
    tiny_folder: Path, tmp_path: Path
) -> None:
    recipe = override(
        recipe_of(tiny_folder),
        {"stages.cold-start.optimizer.learning_rate": {"part": "cosine", "peak": 1, "warmup": 1.5}},
    )
    message = problems_of(recipe, tmp_path / "runs")
    assert message.startswith("stages.cold-start.optimizer.learning_rate: schedule 'cosine': ")
