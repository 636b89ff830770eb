"""A run that is killed and resumed ends bit for bit like one that was never stopped."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import random
import time
from pathlib import Path

import pytest

from child import held_elsewhere, run_recipe
from gnomon.disk import Busy
from gnomon.recipe import (
    Evaluation,
    Lora,
    Model,
    Ocr,
    Optimizer,
    Recipe,
    Regulariser,
    Reinforce,
    Reward,
    Sampling,
    Sft,
    Use,
    Value,
    override,
)
from gnomon.run import Run
from gnomon.training import resume

# Children fork from a server that has imported everything and run nothing: quick, no threads.
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    ["gnomon.training", "transformers.models.qwen2_5_vl.modeling_qwen2_5_vl", "pyarrow.parquet"]
)
UPDATES = 4 + 4 + 3


def small_recipe(model: Path, **changes: object) -> Recipe:
    """One stage of each kind, and two borders between stages."""
    optimizer = Optimizer(learning_rate=Use("cosine", peak=1e-3, warmup=1))
    rl = {
        "format": Use("think-boxed"),
        "sampling": Sampling(max_new_tokens=12, top_p=0.9),
        "rewards": (
            Reward(part=Use("length-ramp", budget=8, alpha=0.05), weight=0.5),
            Reward(part=Use("accuracy"), weight=0.5),
        ),
        "prompts": 2,
        "rollouts": 4,
        "updates": 2,
        "optimizer": optimizer,
        "save_every": 2,
    }
    return Recipe(
        name="small",
        scale="micro",
        seed=3,
        model=Model(path=str(model), **changes),
        stages=(
            Sft(
                name="cold-start",
                data=Use("microworld", tasks=["count"], modality="text"),
                format=Use("think-boxed"),
                steps=4,
                batch_size=3,
                micro_batch_tokens=512,
                optimizer=optimizer,
                save_every=1,
            ),
            Reinforce(
                name="image-rl",
                data=Use("microworld", tasks=["count", "compare"]),
                modality="image",
                steps=4,
                resample=Use("pad", mode="released", low=0.0, high=9.0),
                **rl,
            ),
            Reinforce(
                name="text-rl",
                data=Use("microworld", tasks=["arithmetic"], modality="text"),
                steps=3,
                freeze=("vision",),
                regularisers=(
                    Regulariser(part=Use("kl"), coefficient=Use("constant", value=0.1)),
                    Regulariser(
                        part=Use("entropy-bonus"), coefficient=Use("delayed-decay", warmup=1)
                    ),
                ),
                **rl,
            ),
        ),
        evaluation=Evaluation(benchmarks=(Use("microworld-reasoning", items=4),), max_new_tokens=8),
    )


def start(recipe: Recipe, root: Path, resumed: Path | None = None):
    process = SERVER.Process(target=run_recipe, args=(recipe.model_dump(), root, resumed))
    process.start()
    return process


def only_run(root: Path) -> Path:
    (run,) = root.iterdir()
    return run


def fingerprint(run: Path) -> dict[str, str]:
    """Hashes of all that must not depend on interruptions: weights, metrics, rollouts, results."""
    weights = sorted(run.glob("checkpoints/3-text-rl/step-000003/model/model.safetensors"))
    files = [*weights, run / "metrics.jsonl", run / "skipped.jsonl"]
    files += sorted(run.glob("rollouts/*/*.parquet"))
    found = {
        str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.exists()
    }
    for path in sorted(run.glob("evaluations/*.json")):
        result = json.loads(path.read_text())
        for benchmark in result["benchmarks"].values():
            benchmark.pop("seconds")
        found[path.name] = json.dumps(result, sort_keys=True)
    return found


@pytest.fixture(scope="module")
def unbroken(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("unbroken")
    process = start(small_recipe(tiny_folder), root)
    process.join(120)
    assert process.exitcode == 0
    return fingerprint(only_run(root))


def metric_lines(root: Path) -> int:
    found = list(root.glob("*/metrics.jsonl"))
    return found[0].read_bytes().count(b"\n") if found else 0


def kill_after(recipe: Recipe, root: Path, lines: int, seconds: float) -> None:
    """Start the run and kill it ``seconds`` after it has logged so many steps."""
    process = start(recipe, root)
    deadline = time.monotonic() + 120
    while metric_lines(root) < lines and process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(seconds)
    process.kill()
    process.join()


def test_a_run_on_which_another_process_works_is_left_alone(
    tiny_folder: Path, tmp_path: Path
) -> None:
    run = Run.create(tmp_path, "held", "micro", small_recipe(tiny_folder).to_yaml())
    before = sorted(run.path.iterdir())
    process = held_elsewhere(run.path)
    with pytest.raises(Busy, match=run.path.name):
        resume(run.path)
    process.kill()
    process.join()
    assert [path for path in sorted(run.path.iterdir()) if path.name != ".lock"] == before


@pytest.mark.parametrize("seed", range(10))
def test_a_killed_run_resumes_to_the_same_bits(
    seed: int, unbroken: dict[str, str], tiny_folder: Path, tmp_path: Path
) -> None:
    draw = random.Random(seed)
    recipe = small_recipe(tiny_folder)
    # The first seeds visit each stage and both borders, the others go anywhere.
    lines = [1, 4, 6, 8, 10, UPDATES][seed] if seed < 6 else draw.randrange(UPDATES + 1)
    kill_after(recipe, tmp_path, lines, draw.uniform(0, 0.3))
    process = start(recipe, tmp_path, only_run(tmp_path))
    process.join(120)
    assert process.exitcode == 0
    assert fingerprint(only_run(tmp_path)) == unbroken


def test_a_run_killed_again_and_again_still_ends_the_same(
    unbroken: dict[str, str], tiny_folder: Path, tmp_path: Path
) -> None:
    recipe = small_recipe(tiny_folder)
    kill_after(recipe, tmp_path, 2, 0.05)
    for lines in (5, 9):
        process = start(recipe, tmp_path, only_run(tmp_path))
        while metric_lines(tmp_path) < lines and process.is_alive():
            time.sleep(0.002)
        process.kill()
        process.join()
    process = start(recipe, tmp_path, only_run(tmp_path))
    process.join(120)
    assert fingerprint(only_run(tmp_path)) == unbroken


def test_a_run_with_adapters_resumes_to_the_same_bits(tiny_folder: Path, tmp_path: Path) -> None:
    recipe = small_recipe(tiny_folder, lora=Lora(rank=2, alpha=4))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    process = start(recipe, whole)
    process.join(120)
    kill_after(recipe, broken, 7, 0.02)
    process = start(recipe, broken, only_run(broken))
    process.join(120)
    assert fingerprint(only_run(broken)) == fingerprint(only_run(whole))


def test_a_run_with_a_critic_resumes_to_the_same_bits(tiny_folder: Path, tmp_path: Path) -> None:
    rate = Optimizer(learning_rate=Use("constant", value=1e-2))
    base = small_recipe(tiny_folder)
    changes = {"advantage": Use("gae"), "value": Value(optimizer=rate), "resample": None}
    stage = Reinforce(**{**base.stages[1].model_dump(), **changes})
    recipe = base.model_copy(update={"stages": (stage,), "evaluation": Evaluation()})
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    start(recipe, whole).join(120)
    kill_after(recipe, broken, 3, 0.02)
    start(recipe, broken, only_run(broken)).join(120)
    ends = [
        [path.read_bytes() for path in sorted(only_run(root).glob("checkpoints/*/*/critic*"))]
        for root in (whole, broken)
    ]
    assert len(ends[0]) == 6  # three files of each of the last two checkpoints
    assert ends[0] == ends[1]
    assert fingerprint(only_run(broken)) == fingerprint(only_run(whole))


def test_a_run_that_learns_to_read_resumes_to_the_same_bits(
    tiny_folder: Path, tmp_path: Path
) -> None:
    stage = Ocr(
        name="letters", data=Use("inscriptions", world="exams"), format=Use("direct"), steps=5,
        batch_size=4, save_every=2, freeze=("language",),
        optimizer=Optimizer(learning_rate=Use("constant", value=1e-3)),
    )  # fmt: skip
    recipe = small_recipe(tiny_folder).model_copy(
        update={"stages": (stage,), "evaluation": Evaluation()}
    )
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    start(recipe, whole).join(120)
    kill_after(recipe, broken, 3, 0.02)
    start(recipe, broken, only_run(broken)).join(120)
    ends = [
        [path.read_bytes() for path in sorted(only_run(root).glob("checkpoints/*/*/letters*"))]
        for root in (whole, broken)
    ]
    assert len(ends[0]) == 6  # three files of each of the last two checkpoints
    assert ends[0] == ends[1]
    assert fingerprint(only_run(broken)) == fingerprint(only_run(whole))


def test_a_run_of_a_model_that_hears_resumes_to_the_same_bits(
    tiny_hearing_folder: Path, tmp_path: Path
) -> None:
    heard = {"world": "sound", "tasks": ["count", "what"], "difficulty": (1, 1)}
    recipe = override(
        small_recipe(tiny_hearing_folder),
        {
            "stages.cold-start.data": Use("sound-chat", sounds=(1, 2)),
            "stages.cold-start.format": Use("direct"),
            "stages.image-rl.data": Use("world", **heard),
            "stages.text-rl.freeze": ("audio",),
            "evaluation.benchmarks": (Use("world", **heard, items=4),),
        },
    )
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    start(recipe, whole).join(120)
    kill_after(recipe, broken, 6, 0.02)
    start(recipe, broken, only_run(broken)).join(120)
    assert len(fingerprint(only_run(whole))) > 3
    assert fingerprint(only_run(broken)) == fingerprint(only_run(whole))
