"""Reward functions written for other trainers, accepted as they are: TRL's and verl's.

``function`` names a user's file and a function in it, ``rewards.py:score_all``. The file is
imported once, as a user's own recipe is.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gnomon.catalogue import import_file
from gnomon.grading.grade import reference_text, validate_reference
from gnomon.parts import nearest, register
from gnomon.records import Group, Sample
from gnomon.rewards.asking import Table


def load_function(path: str) -> Callable[..., Any]:
    """The function that ``file.py:name`` names; ValueError when there is none.

    `gnomon.problems.RecipeError`, which is a ValueError, when the file cannot be imported.
    """
    file, _, name = path.rpartition(":")
    if not file or not name:
        raise ValueError(f"function={path!r}: write the file and the function, rewards.py:score")
    module = import_file(Path(file).expanduser())
    function = getattr(module, name, None)
    if not callable(function):
        known = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        raise ValueError(f"{file} defines no function {name!r}{nearest(name, known)}")
    return function  # type: ignore[no-any-return]


def columns_of(samples: Sequence[Sample]) -> dict[str, list[Any]]:
    """Every column of the records as one list, None where a record lacks it.

    The reference answer's text is the column ``answer`` and ``solution``, where the records have no
    columns of these names.
    """
    names = dict.fromkeys(name for sample in samples for name in sample.meta)
    columns = {str(name): [sample.meta.get(name) for sample in samples] for name in names}
    for name in ("answer", "solution"):
        columns.setdefault(name, [_reference(sample) for sample in samples])
    return columns


def _reference(sample: Sample) -> str | None:
    if sample.answer is None or validate_reference(sample.answer) is not None:
        return None
    return reference_text(sample.answer)


def _accepted(function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
        return dict(given)
    return {name: value for name, value in given.items() if name in parameters}


@register("reward")
def trl(groups: Sequence[Group], *, function: str, conversational: bool = False) -> Table:
    """A reward function of TRL: ``f(completions, **columns) -> list[float | None]``.

    Called once with all rollouts of the batch: ``prompts``, ``completions``, ``completion_ids`` and
    every column of the records by name, lists of one length. ``conversational``: prompts and
    completions are lists of messages instead of texts. A coroutine function is run to its end. None
    where the term does not apply. ValueError for another number of scores. Whether it can be gamed
    is up to the function. Source: TRL's GRPO trainer, custom reward functions.
    """
    call = _function(function)
    members = [(group.sample, member.rollout) for group in groups for member in group.members]
    samples = [sample for sample, _ in members]
    given = columns_of(samples) | {
        "prompts": [_prompt(sample, conversational) for sample in samples],
        "completions": [_completion(rollout.text, conversational) for _, rollout in members],
        "completion_ids": [list(rollout.token_ids) for _, rollout in members],
    }
    scores = call(**_accepted(call, given))
    if inspect.iscoroutine(scores):
        scores = asyncio.run(scores)
    scores = list(scores)
    if len(scores) != len(members):
        raise ValueError(f"{function} gave {len(scores)} scores for {len(members)} completions")
    remaining = iter(scores)
    return [[next(remaining) for _ in group.members] for group in groups]


def _prompt(sample: Sample, conversational: bool) -> Any:
    if conversational:
        return [{"role": turn.role, "content": turn.text} for turn in sample.messages]
    return "\n\n".join(turn.text for turn in sample.messages)


def _completion(text: str, conversational: bool) -> Any:
    return [{"role": "assistant", "content": text}] if conversational else text


@functools.cache
def _function(path: str) -> Callable[..., Any]:
    return load_function(path)


@register("reward")
def verl(response: str, sample: Sample, *, function: str) -> float | None:
    """A verl ``compute_score(data_source, solution_str, ground_truth, extra_info) -> float``.

    Also one that returns a mapping with "score". ``data_source`` is the column of that name or the
    sample's task; ``ground_truth`` that of the column ``reward_model``, or the text of the
    reference; ``extra_info`` the column of that name, or all columns. Called once per rollout.
    Whether it can be gamed is up to the function. Source: verl, custom reward functions.
    """
    call, meta = _function(function), sample.meta
    model = meta.get("reward_model")
    truth = model.get("ground_truth") if isinstance(model, Mapping) else _reference(sample)
    extra = meta.get("extra_info")
    given = {
        "data_source": meta.get("data_source", sample.task),
        "solution_str": response,
        "ground_truth": truth,
        "extra_info": dict(meta) if extra is None else extra,
    }
    result = call(**_accepted(call, given))
    score = result.get("score") if isinstance(result, Mapping) else result
    return score  # type: ignore[no-any-return]
