"""Drive one stage: load what it starts from, repeat its step, save, and resume exactly.

A checkpoint is a Hugging Face folder (``model``) or the adapters alone, the optimiser's state, a
few integers, what stateful estimators remember, and the heads that are trained beside it. All
randomness is derived from (seed, stage, step), so nothing else has to be saved.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from gnomon.checkpoint import (
    load_tensors,
    newest_valid,
    optimizer_tensors,
    prune,
    remove_stale,
    restore_optimizer,
    save_tensors,
    write_checkpoint,
)
from gnomon.data.stream import Stream
from gnomon.machine import peak_memory
from gnomon.models.counters import counting
from gnomon.models.encode import Encoder
from gnomon.models.load import add_lora, load_policy, move_towards, save_policy
from gnomon.models.policy import Policy
from gnomon.recipe import AnyStage, Model, Recipe, Reinforce, Sft, Stage, build
from gnomon.rl.callbacks import call_back, kept_steps
from gnomon.rl.critic import open_critic
from gnomon.rl.demonstrations import encode_checked
from gnomon.rl.loop import prepare_reinforce
from gnomon.run import Run
from gnomon.stages.context import Clock, Prepare, StageContext, StepFunction
from gnomon.stages.ocr import open_letters, prepare_ocr
from gnomon.stages.sft import prepare_sft
from gnomon.stages.updates import Diverged, Updater
from gnomon.watch import Watcher, pick

PREPARE: dict[str, Callable[[Any, StageContext], StepFunction]] = {
    "sft": prepare_sft,
    "ocr": prepare_ocr,
    "reinforce": prepare_reinforce,
}
MODEL, ADAPTERS, OPTIMIZER, STATE = (
    "model",
    "adapters.safetensors",
    "optimizer.safetensors",
    "state.json",
)
SHOWN = ("reward", "loss", "accuracy", "length", "useful", "reuse")


def run_stage(recipe: Recipe, index: int, run: Run, parent: str, watcher: Watcher) -> Path:
    """Run stage number ``index`` (from 1) from the model at ``parent``; returns the final model.

    A stage that has checkpoints goes on from the newest whole one, and anything that was logged
    after it is removed first. A finished stage returns at once.
    """
    stage = recipe.stages[index - 1]
    folder = run.checkpoint_folder(index, stage.name)
    saved = _resume_point(folder, watcher)
    done = _read_state(saved)["step"] if saved else 0
    if saved and done == stage.steps:
        return saved / MODEL
    watcher.started(stage.name, stage.steps, done)
    run.rewind(index, done)
    context = _open_context(recipe, stage, index, run, parent, watcher, saved)
    step_function = PREPARE[stage.kind](stage, context)
    for number in range(done + 1, stage.steps + 1):
        context.step = number
        try:
            with counting(context.policy) as context.counts:
                result = step_function(number)
        except Diverged as error:
            context.skip("gradient", f"step {number}", str(error))
            raise
        values = result.values
        saved_now = number % stage.save_every == 0 or number == stage.steps
        if saved_now:
            values = values | call_back(stage, context, values)
        run.log(stage.name, index, number, values)
        if saved_now:
            with context.clock.phase("save"):
                _save(context, recipe.model, stage, number)
        seconds = context.clock.restart()
        speed = result.tokens / sum(seconds.values())
        spent = {"tokens_per_second": speed, "memory": peak_memory()}
        run.time(stage.name, index, number, seconds, **spent)
        watcher.advanced(number, {**pick(values, *SHOWN), **seconds, **spent})
    watcher.finished()
    return run.checkpoint_path(index, stage.name, stage.steps) / MODEL


def _resume_point(folder: Path, watcher: Watcher) -> Path | None:
    if not folder.is_dir():
        return None
    remove_stale(folder)
    saved, problems = newest_valid(folder)
    for problem in problems:
        watcher.note(f"passed over a damaged checkpoint: {problem}")
    return saved


def _open_context(
    recipe: Recipe,
    stage: AnyStage,
    index: int,
    run: Run,
    parent: str,
    watcher: Watcher,
    saved: Path | None,
) -> StageContext:
    start = str(saved / MODEL) if saved and (saved / MODEL).is_dir() else parent
    policy = open_policy(recipe.model, stage, start, seed=recipe.seed)
    updater = Updater(policy, stage.optimizer, planned_updates(stage))
    critic, letters = open_critic(stage, policy, updater), open_letters(stage, policy, updater)
    position = _restore(saved, policy, updater, recipe.model) if saved else 0
    for head in (critic, letters):
        if saved and head is not None:
            head.restore(saved)
    encoder = policy.encoder(max_tokens=stage.max_tokens, root=recipe.data_root)
    stream = open_stream(stage, encoder, recipe.seed + index, position)
    context = StageContext(
        run,
        stage.name,
        index,
        recipe.seed,
        policy,
        parent,
        encoder,
        updater,
        stream,
        Clock(watcher),
        critic=critic,
        letters=letters,
    )
    context.memory = _read_state(saved).get("memory", {}) if saved else {}
    stream.on_skip = lambda id, reason: context.skip("source", id, reason)
    return context


def open_policy(model: Model, stage: Stage, start: str, *, seed: int) -> Policy:
    """The policy of a stage as it is trained: adapters, frozen parts and checkpointing applied."""
    policy = load_start(model, start)
    if model.lora is not None:
        lora = model.lora
        policy = add_lora(policy, rank=lora.rank, alpha=lora.alpha, targets=lora.targets, seed=seed)
    policy.freeze(stage.freeze)
    policy.model.train()
    if model.gradient_checkpointing:
        policy.checkpoint_activations()
    return policy


def load_start(model: Model, start: str) -> Policy:
    """The model at ``start``, loaded as ``model`` says, without adapters."""
    policy = load_policy(start, dtype=model.dtype, attention=model.attention, device=device())
    if model.image_pixels is not None:
        least, most = model.image_pixels
        policy.processor.image_processor.size = {"shortest_edge": least, "longest_edge": most}
    policy.video = model.video
    return policy


def device() -> str:
    """Where models run: the first GPU if there is one."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def open_stream(stage: AnyStage, encoder: Encoder, seed: int, position: int) -> Stream:
    """The stage's samples in their order from ``position`` on, each with its encoding.

    One whose demonstrations have log-probabilities that do not fit is a bad record.
    """
    style = build("format", stage.format)()
    encode = partial(encoder.example if isinstance(stage, Sft) else encoder.prompt, style=style)
    shown = stage.demonstrations if isinstance(stage, Reinforce) else None
    if shown is not None:
        encode = partial(encode_checked, encode, shown.key, encoder.tokenizer)
    source = Prepare(build("source", stage.data)(), encode)
    return Stream(
        source, seed=seed, position=position, shuffle=stage.shuffle, workers=stage.workers
    )


def planned_updates(stage: AnyStage) -> int:
    """Optimiser updates of a stage when none is left out."""
    if isinstance(stage, Reinforce):
        return stage.steps * stage.updates * stage.epochs
    return stage.steps


def _save(context: StageContext, model: Model, stage: Stage, number: int) -> None:
    """Write the checkpoint of step ``number``; all but it, the one before, and the best go."""
    adapters = context.policy.model is not context.policy.core

    def fill(folder: Path) -> None:
        tensors, optimizer = optimizer_tensors(
            context.updater.optimizer, context.updater.parameters
        )
        save_tensors(folder / OPTIMIZER, tensors)
        if adapters:
            save_tensors(folder / ADAPTERS, context.updater.parameters)
        for head in (context.critic, context.letters):
            if head is not None:
                head.save(folder)
        if number == stage.steps and stage.wise_ft < 1:
            left = load_start(model, context.parent)
            move_towards(left, context.policy, stage.wise_ft)
            _save_model(left, folder / MODEL)
        elif not adapters or number == stage.steps:
            _save_model(context.policy, folder / MODEL)
        state = {
            "stage": context.name,
            "index": context.index,
            "step": number,
            "position": context.stream.position,
            "updates": context.updater.done,
            "skipped_in_a_row": context.updater.skipped_in_a_row,
            "parent": context.parent,
            "optimizer": optimizer,
            "memory": context.memory,
        }
        (folder / STATE).write_text(json.dumps(state))

    write_checkpoint(context.run.checkpoint_path(context.index, context.name, number), fill)
    best = {
        context.run.checkpoint_path(context.index, context.name, step)
        for step in kept_steps(stage, context.memory)
    }
    prune(context.run.checkpoint_folder(context.index, context.name), keep=2, also=best)


def _save_model(policy: Policy, folder: Path) -> None:
    """`save_policy`, with the errors of the disk as such, which `write_checkpoint` explains."""
    from safetensors import SafetensorError

    try:
        save_policy(policy, folder)
    except SafetensorError as error:
        raise OSError(f"{folder} could not be written: {error}") from error


def _restore(saved: Path, policy: Policy, updater: Updater, model: Model) -> int:
    """Put the saved state back; returns the position in the stream."""
    import torch

    state = _read_state(saved)
    if model.lora is not None:
        tensors = load_tensors(saved / ADAPTERS, updater.parameters)
        with torch.no_grad():
            for name, parameter in updater.parameters.items():
                parameter.copy_(tensors[name])
    restore_optimizer(
        updater.optimizer, load_tensors(saved / OPTIMIZER), state["optimizer"], updater.parameters
    )
    updater.done = state["updates"]
    updater.skipped_in_a_row = state["skipped_in_a_row"]
    return int(state["position"])


def _read_state(saved: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((saved / STATE).read_text())
    return state
