"""Parts: documented functions that recipes reach by kind and name.

A part is one plain function. Its positional parameters are *inputs*, values that the caller
supplies while a run goes on; its keyword-only parameters are *settings*, values that a recipe fixes
and that are checked before anything runs::

    @register("reward")
    def iou(prediction: Box, reference: Box, *, threshold: float = 0.0) -> float: ...

    part("reward", "iou", threshold=0.5)(box, other)    # inputs by position or by name

Registering makes a part available to recipes, to ``gnomon parts`` and to the generated reference.
Nothing else has to change. Inputs are matched by name, so a part names only what it needs; what a
kind can supply is listed in ``INPUTS``.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from gnomon.problems import nearest
from gnomon.signatures import BoundPart, Part, PartError, make_part

__all__ = [
    "INPUTS",
    "BoundPart",
    "Part",
    "PartError",
    "find",
    "forget",
    "kinds",
    "load_kind",
    "nearest",
    "part",
    "register",
]

Function = TypeVar("Function", bound=Callable[..., Any])

INPUTS: dict[str, dict[str, str]] = {
    "source": {},
    "format": {},
    "grader": {
        "prediction": "the extracted text, or None when the response holds no answer",
        "reference": "the Answer to compare with",
        "response": "the whole text that the model wrote, None where only its answer is known",
    },
    "reward": {
        "response": "the text that the model wrote, special tokens removed",
        "length": "its number of tokens",
        "verdict": "the Verdict of the grader",
        "prediction": "the value that the grader read in the response, or None",
        "reference": "the value of the reference answer",
        "sample": "the Sample that was asked",
        "stop": "why the response ended: 'end', 'length' or 'stop'",
        "groups": "every graded group of the batch; the part then returns a list for each group",
        "ask": "the term's reader: from a list of requests to a list of replies, with groups only",
    },
    "reader": {
        "policy": "the Policy that is being trained",
        "parent": "the folder of the model that the stage started from",
        "root": "the folder that image paths may not leave, or None",
    },
    "sampler": {
        "policy": "the Policy that is being trained",
        "parent": "the folder of the model that the stage started from",
        "root": "the folder that image paths may not leave, or None",
    },
    "combination": {
        "scores": "[terms, N] scores, NaN where a term does not apply",
        "weights": "[terms] the weights",
        "groups": "[N] index of each rollout's group",
    },
    "advantage": {
        "rewards": "[N] combined reward of each rollout",
        "groups": "[N] index of each rollout's group",
        "lengths": "[N] trained tokens of each rollout",
        "scores": "[terms, N] score of each reward term, NaN where it does not apply",
        "weights": "[terms] the weights of the reward terms",
        "tasks": "task of each rollout's sample",
        "greedy": "[N] reward of the greedy response to each rollout's question",
        "off_policy": "[N] 1 on demonstrations, 0 on rollouts of the policy",
        "mask": "[N, T] 1 on trained tokens",
        "penalties": "[N, T] cost of each token beside the reward: the KL in the reward",
        "values": "[N, T] value of each token by a critic",
        "memory": "dict of JSON values that this part keeps from step to step",
    },
    "weight": {
        "advantages": "[N] advantage of each rollout before any weight",
        "rewards": "[N] combined reward of each rollout",
        "accuracy": "[N] 1 for a right answer, 0 for a wrong one, NaN where undecided",
        "partial": "[N] the verdict's score, such as the IoU of a box, NaN where undecided",
        "groups": "[N] index of each rollout's group",
        "lengths": "[N] trained tokens of each rollout",
        "truncated": "[N] 1 where the response met the length limit",
        "tasks": "task of each rollout's sample",
        "off_policy": "[N] 1 on demonstrations, 0 on rollouts of the policy",
        "old_logp": "[N, T] log-probabilities at sampling time",
        "mask": "[N, T] 1 on trained tokens",
        "progress": "share of the stage's steps that are done, in [0, 1]",
        "memory": "dict of JSON values that this part keeps from step to step",
    },
    "resampler": {
        "advantages": "[N] advantage of each rollout",
        "groups": "[N] index of each rollout's group",
        "rewards": "[N] combined reward of each rollout",
        "scores": "[terms, N] score of each reward term, NaN where it does not apply",
        "names": "the names of the reward terms",
        "accuracy": "[N] 1 for a right answer, 0 for a wrong one, NaN where undecided",
        "lengths": "[N] trained tokens of each rollout",
        "truncated": "[N] 1 where the response met the length limit",
        "generator": "torch.Generator of this step",
        "progress": "share of the stage's steps that are done, in [0, 1]",
    },
    "correction": {
        "old_logp": "[N, T] log-probabilities at sampling time, computed anew by the trainer",
        "rollout_logp": "[N, T] log-probabilities that the sampler reported",
        "mask": "[N, T] 1 on trained tokens",
    },
    "corruption": {
        "grid": "rows and columns of the image in patches",
        "size": "height and width of the image in pixels",
        "sample": "the Sample that was asked",
        "generator": "torch.Generator of this image",
    },
    "loss": {
        "logp": "[N, T] log-probabilities under the policy",
        "old_logp": "[N, T] log-probabilities at sampling time",
        "advantages": "[N] or [N, T] advantages",
        "mask": "[N, T] 1 on trained tokens",
        "off_policy": "[N, T] 1 on the tokens of demonstrations",
        "log_mismatch": "[N, T] old_logp minus the sampler's, 0 without a correction",
        "survey": "Survey of the whole optimiser batch before the update",
    },
    "focus": {
        "logp": "[N, T] log-probabilities under the policy",
        "old_logp": "[N, T] log-probabilities at sampling time",
        "advantages": "[N] or [N, T] advantages",
        "mask": "[N, T] 1 on trained tokens",
        "survey": "Survey of the whole optimiser batch before the update",
    },
    "aggregation": {
        "values": "[N, T] per-token values",
        "mask": "[N, T] 1 on trained tokens",
        "totals": "Totals of the whole optimiser batch",
    },
    "regulariser": {
        "logp": "[N, T] log-probabilities under the policy",
        "reference_logp": "[N, T] log-probabilities under the frozen reference",
        "entropy": "[N, T] entropy of the full next-token distribution",
        "mask": "[N, T] 1 on trained tokens",
        "old_logp": "[N, T] log-probabilities at sampling time",
        "masked_logp": "[N, T] log-probabilities under the policy with the image corrupted",
        "old_masked_logp": "[N, T] the same before the step's first update, without a gradient",
    },
    "schedule": {
        "step": "updates done in this stage",
        "steps": "updates planned in this stage",
        "measured": "token mean, at the last update, of what is multiplied; None before the first",
        "rows": "rollouts of one update",
        "memory": "dict of JSON values that this part keeps from update to update",
    },
    "callback": {
        "policy": "the Policy as it is being saved",
        "questions": "(Sample, encoded prompt) of the stage's source, from its first on",
        "sampling": "the SamplingSettings of the stage",
        "generator": "torch.Generator, the same at every step",
        "step": "number of the step that is being saved",
        "curves": "what every step of the stage logged so far, this one too: name -> [steps]",
        "note": "tells a line of text to whoever watches the run",
        "memory": "dict of JSON values that this part keeps; `best` lists the steps to be kept",
    },
    "architecture": {"seed": "seed of the initial weights"},
    "benchmark": {},
}

_MODULES: dict[str, tuple[str, ...]] = {
    "source": (
        "gnomon.worlds.microworld",
        "gnomon.worlds.inscribed",
        "gnomon.worlds.jigsaw",
        "gnomon.worlds.talk",
        "gnomon.worlds.talking",
        "gnomon.worlds.world",
        "gnomon.data.sources",
        "gnomon.data.mixture",
    ),
    "format": (
        "gnomon.formats.plain",
        "gnomon.formats.tagged",
        "gnomon.formats.structured",
        "gnomon.formats.lines",
    ),
    "grader": ("gnomon.grading.grade", "gnomon.grading.released", "gnomon.grading.prompted"),
    "reward": (
        "gnomon.rewards.terms",
        "gnomon.rewards.lexicons",
        "gnomon.rewards.visual",
        "gnomon.rewards.shaping",
        "gnomon.rewards.temporal",
        "gnomon.rewards.grounding",
        "gnomon.rewards.text",
        "gnomon.rewards.typed",
        "gnomon.rewards.choices",
        "gnomon.rewards.evidence",
        "gnomon.rewards.cues",
        "gnomon.rewards.transit",
        "gnomon.rewards.stops",
        "gnomon.rewards.screens",
        "gnomon.rewards.puzzles",
        "gnomon.rewards.thinking",
        "gnomon.rewards.rendering",
        "gnomon.rewards.judges",
        "gnomon.rewards.verifiers",
        "gnomon.rewards.second_pass",
        "gnomon.rewards.foreign",
    ),
    "reader": ("gnomon.auxiliary.local", "gnomon.auxiliary.endpoint"),
    "sampler": ("gnomon.rl.backend", "gnomon.rl.vllm"),
    "combination": ("gnomon.rewards.combine",),
    "advantage": (
        "gnomon.rl.advantages",
        "gnomon.rl.estimators",
        "gnomon.rl.returns",
        "gnomon.rl.moments",
    ),
    "weight": ("gnomon.rl.weights",),
    "resampler": ("gnomon.rl.resampling", "gnomon.rl.filters"),
    "correction": ("gnomon.rl.corrections",),
    "corruption": ("gnomon.rl.corruption",),
    "loss": (
        "gnomon.rl.losses",
        "gnomon.rl.sequence_losses",
        "gnomon.rl.covariance",
        "gnomon.rl.guidance",
    ),
    "focus": ("gnomon.rl.focus",),
    "aggregation": ("gnomon.rl.aggregation",),
    "regulariser": ("gnomon.rl.regularisers", "gnomon.rl.perception"),
    "schedule": ("gnomon.rl.schedules", "gnomon.rl.controllers"),
    "callback": ("gnomon.rl.critical", "gnomon.rl.perception"),
    "architecture": (
        "gnomon.models.growth",
        "gnomon.models.micro",
        "gnomon.models.micro_audio",
    ),
    "benchmark": ("gnomon.evaluation.benchmarks",),
}


_REGISTRY: dict[str, dict[str, Part]] = {kind: {} for kind in INPUTS}


def register(kind: str, name: str | None = None) -> Callable[[Function], Function]:
    """Register a function as a part of ``kind``; the name defaults to the function's, with hyphens.

    The same function of the same file may register again, as when a file is read anew. Raises
    `PartError` for an unknown kind, an input that the kind cannot supply, a setting without a type
    hint or with a reserved name, and a name that another function has taken.
    """
    _inputs_of(kind)

    def decorate(function: Function) -> Function:
        made = make_part(kind, name or function.__name__.replace("_", "-"), function, INPUTS[kind])
        if not function.__module__.startswith("gnomon."):
            _import_kind(kind)  # so that a name of ours is taken, whoever comes first
        other = _REGISTRY[kind].get(made.name)
        if other is not None and not _same_definition(other.function, function):
            raise PartError(
                f"{kind} {made.name!r} is already defined in {_home(other.function)}: give yours "
                f"another name, such as @register({kind!r}, 'my-{made.name}')"
            )
        _REGISTRY[kind][made.name] = made
        return function

    return decorate


def part(kind: str, name: str, /, **settings: Any) -> BoundPart:
    """The registered part with its settings checked and completed.

    >>> part("reward", "length-ramp", budget=1000)(950)
    0.75
    """
    found = find(kind, name)
    return BoundPart(found, found.check(settings))


def find(kind: str, name: str) -> Part:
    """Look a part up; raises `PartError` with the nearest name when there is none."""
    known = load_kind(kind)
    if name not in known:
        raise PartError(f"there is no {kind} named {name!r}{nearest(name, known)}")
    return known[name]


def kinds() -> tuple[str, ...]:
    """All kinds of part."""
    return tuple(INPUTS)


def forget(module: str) -> None:
    """Remove the parts that ``module`` has defined, as before its file is read anew."""
    for known in _REGISTRY.values():
        for name in [name for name, made in known.items() if made.function.__module__ == module]:
            del known[name]


@functools.cache
def _import_kind(kind: str) -> None:
    for module in _MODULES.get(kind, ()):
        importlib.import_module(module)


def load_kind(kind: str) -> dict[str, Part]:
    """All parts of one kind by name, importing the modules that define the built-in ones."""
    _inputs_of(kind)
    _import_kind(kind)
    return _REGISTRY[kind]


def _inputs_of(kind: str) -> dict[str, str]:
    if not isinstance(kind, str):
        raise PartError("write the kind of the part: @register('reward'), not @register alone")
    if kind not in INPUTS:
        raise PartError(f"there is no kind of part named {kind!r}{nearest(kind, INPUTS)}")
    return INPUTS[kind]


def _same_definition(one: Callable[..., Any], other: Callable[..., Any]) -> bool:
    return (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)


def _home(function: Callable[..., Any]) -> str:
    """Where a function stands: its module, or the file of a user."""
    module = function.__module__
    return module if module.startswith("gnomon.") else inspect.getfile(function)
