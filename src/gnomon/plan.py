"""Plan a run without starting it: parameters, data, steps, tokens, compute, memory, and where
constants come from.

``gnomon train RECIPE --dry-run`` prints a `Plan`. Making one needs no weights and no network.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from gnomon.media.audio import RATE
from gnomon.models.family import family_of
from gnomon.models.load import model_folder
from gnomon.models.sampler import SamplingSettings
from gnomon.problems import name_of
from gnomon.recipe import AnyStage, Freezable, Lora, Model, Recipe, Reinforce, Use, build
from gnomon.rl.returns import row_means
from gnomon.rl.trial import made_rollouts
from gnomon.scale.columns import Budget, DataCheck, Pixels, Window, check_data
from gnomon.scale.compute import Amount, Lengths, Work, stage_work
from gnomon.scale.memory import Load, MemoryEstimate, Setup, estimate_memory
from gnomon.scale.shape import (
    Parameters,
    Shape,
    Trained,
    build_on_meta,
    count_parameters,
    model_config,
    shape_of,
    trained_parameters,
)

GPU_COUNTS = (1, 8)
BUDGETS = (80, 141)
"""Memory of the GPUs that the verdict is about, in GiB: A100 or H100, and H200."""
MIN_PIXELS, MAX_PIXELS = 262_144, 4_194_304
"""The image budget that ReVisual-R1's released code sets on the processor of Qwen2.5-VL."""


@dataclass(frozen=True)
class StagePlan:
    """What one stage will do.

    ``expected`` are the lengths of a sample as the data show them (responses to be sampled at their
    limit), ``longest`` those that the stage admits; ``work`` and ``most_work`` follow from them.
    ``kept`` is the share of rollouts that the resampler leaves, 1 without one; ``trained`` counts
    the parameters that get a gradient, ``connector`` says whether its own do. ``memory`` holds one
    estimate for each combination of full training or adapters, number of GPUs, and gradient
    checkpointing.
    """

    name: str
    kind: str
    steps: int
    samples: int
    rollouts: int
    updates: int
    kept: float
    expected: Lengths
    longest: Lengths
    work: Work
    most_work: Work
    trained: int
    connector: bool
    load: Load
    memory: tuple[MemoryEstimate, ...]
    data: DataCheck

    @property
    def tokens(self) -> float:
        """Tokens that training reads, from the lengths that the data show."""
        return self.work.tokens

    @property
    def flops(self) -> float:
        """Model FLOPs, from the lengths that the data show."""
        return self.work.flops

    def estimate(self, *, lora: bool, gpus: int, checkpointing: bool) -> MemoryEstimate:
        """The memory estimate for one way of training."""
        wanted = (lora, gpus, checkpointing)
        return next(
            item
            for item in self.memory
            if (item.setup.lora, item.setup.gpus, item.setup.checkpointing) == wanted
        )


@dataclass(frozen=True)
class Plan:
    """A run on paper. ``problems`` would stop or spoil it; ``notes`` say what was assumed.

    ``constants`` are (place, value, origin) for every constant whose origin the recipe states.
    """

    recipe: str
    scale: str
    model: str
    settings: Model
    parameters: Parameters
    shape: Shape
    media: Budget
    stages: tuple[StagePlan, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    constants: tuple[tuple[str, Any, str], ...]


def plan(recipe: Recipe) -> Plan:
    """Check and measure ``recipe`` without weights and without network.

    Raises `gnomon.models.load.ModelError` when the model's configuration is not at hand; everything
    else that is wrong becomes one of the plan's ``problems``.
    """
    config = _config(recipe.model, recipe.seed)
    shape = shape_of(config)
    parameters = count_parameters(build_on_meta(config))
    budget = BUDGET_OF[family_of(config).medium](recipe.model, config)
    planner = _Planner(recipe, config, shape, parameters, budget)
    stages = tuple(planner.stage(stage) for stage in recipe.stages)
    return Plan(
        recipe=recipe.name,
        scale=recipe.scale,
        model=recipe.model.path,
        settings=recipe.model,
        parameters=parameters,
        shape=shape,
        media=budget,
        stages=stages,
        problems=tuple(_problems(recipe, shape, stages)),
        notes=tuple(_notes(recipe, stages)),
        constants=tuple(constants(recipe)),
    )


def pixel_budget(model: Model, config: Any) -> Pixels:
    """The image processor's budget: the recipe's, else that of a model folder, else 262,144 to
    4,194,304."""
    factor = config.vision_config.patch_size * config.vision_config.spatial_merge_size
    if model.image_pixels is not None:
        return Pixels(*model.image_pixels, factor)
    folder = Path(model_folder(model.path))
    names = ("preprocessor_config.json", "processor_config.json")
    if not any((folder / name).is_file() for name in names):
        return Pixels(MIN_PIXELS, MAX_PIXELS, factor)
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    size = Qwen2VLImageProcessorPil.from_pretrained(str(folder)).size
    return Pixels(int(size["shortest_edge"]), int(size["longest_edge"]), factor)


def window(model: Model, config: Any) -> Window:
    """What the model hears: that of a model folder, else that of Qwen2-Audio's own frames."""
    folder = Path(model_folder(model.path))
    hop = 160
    if (folder / "processor_config.json").is_file():
        from transformers import WhisperFeatureExtractor

        hop = int(WhisperFeatureExtractor.from_pretrained(str(folder)).hop_length)
    # A convolution of stride 2 lies between frames and positions.
    return Window(2 * config.audio_config.max_source_positions * hop / RATE, hop)


BUDGET_OF: dict[str, Callable[[Model, Any], Budget]] = {"image": pixel_budget, "audio": window}
"""How the budget is found, by what a model takes."""


def constants(recipe: Recipe) -> Iterator[tuple[str, Any, str]]:
    """Place, value and origin ('paper', 'code', 'ours' or 'user') of every constant that says where
    it is from.

    A place is written as ``--set`` takes it: ``stages.cold-start.steps``.
    """
    yield from _marked(recipe.model_dump(mode="json"), ())


def _marked(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any, str]]:
    if isinstance(value, Mapping):
        for name, origin in (value.get("origins") or {}).items():
            yield ".".join((*path, name)), value.get(name), origin
        for name, item in value.items():
            if name != "origins":
                yield from _marked(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _marked(item, (*path, name_of(item, index)))


def _config(model: Model, seed: int) -> Any:
    if model.architecture is None:
        return model_config(model.path)
    return build("architecture", model.architecture)(seed)[0].config


@dataclass(frozen=True)
class _Planner:
    """What all stages of a plan share."""

    recipe: Recipe
    config: Any
    shape: Shape
    parameters: Parameters
    budget: Budget

    def stage(self, stage: AnyStage) -> StagePlan:
        """Plan one stage."""
        data = check_data(self.recipe, stage, self.budget)
        trained = self._trained(stage, data, self.recipe.model.lora)
        amount = _amount(stage)
        expected, longest = self._lengths(stage, data)
        work = functools.partial(stage_work, self.shape, self.parameters, trained)
        load = self._load(stage, data, gpus=1)
        return StagePlan(
            name=stage.name,
            kind=stage.kind,
            steps=stage.steps,
            samples=amount.samples,
            rollouts=amount.rollouts,
            updates=stage.updates * stage.epochs if isinstance(stage, Reinforce) else 1,
            kept=_kept_share(stage),
            expected=expected,
            longest=longest,
            work=work(expected, amount),
            most_work=work(longest, amount),
            trained=trained.parameters,
            connector=trained.connector,
            load=load,
            memory=tuple(self._memory(stage, data)),
            data=data,
        )

    def _trained(self, stage: AnyStage, data: DataCheck, lora: Lora | None) -> Trained:
        """What gets a gradient: without anything to see or hear the tower does not."""
        blind: tuple[Freezable, ...] = () if data.media else ("tower", "connector")
        return trained_parameters(self.config, (*stage.freeze, *blind), lora)

    def _lengths(self, stage: AnyStage, data: DataCheck) -> tuple[Lengths, Lengths]:
        media = float(min(data.media * self.budget.most_tokens, stage.max_tokens))
        if not isinstance(stage, Reinforce):
            return data.lengths, Lengths(0, media, stage.max_tokens - media)
        response = float(stage.sampling.max_new_tokens)
        expected = Lengths(data.lengths.text, data.lengths.media, response)
        return expected, Lengths(stage.max_tokens - media, media, response)

    def _memory(self, stage: AnyStage, data: DataCheck) -> Iterator[MemoryEstimate]:
        for lora in (None, self.recipe.model.lora or Lora()):
            trained = self._trained(stage, data, lora)
            for gpus in GPU_COUNTS:
                load = self._load(stage, data, gpus)
                for checkpointing in (False, True):
                    setup = Setup(
                        bfloat16=self.recipe.model.dtype == "bfloat16",
                        checkpointing=checkpointing,
                        lora=lora is not None,
                        reference=needs_reference(stage),
                        gpus=gpus,
                    )
                    yield estimate_memory(self.shape, self.parameters, trained, load, setup)

    def _load(self, stage: AnyStage, data: DataCheck, gpus: int) -> Load:
        if isinstance(stage, Reinforce):
            return self._reinforce_load(stage, data, gpus)
        most = max(stage.micro_batch_tokens, stage.max_tokens)
        rows = max(1, min(most // stage.max_tokens, _share(stage.batch_size, gpus)))
        tokens = rows * stage.max_tokens
        return Load(
            rows=rows,
            tokens=stage.max_tokens,
            patches=self._patches(tokens, rows * data.media),
            scored=tokens,
        )

    def _reinforce_load(self, stage: Reinforce, data: DataCheck, gpus: int) -> Load:
        made = stage.prompts * stage.rollouts
        rows = min(stage.micro_batch_rows, _share(made, stage.updates * gpus))
        response = stage.sampling.max_new_tokens
        chunk = SamplingSettings(**stage.sampling.model_dump(exclude={"origins"})).chunk
        prompts = min(max(1, chunk // stage.rollouts), _share(stage.prompts, gpus))
        shown = -(-rows // stage.rollouts)
        return Load(
            rows=rows,
            tokens=response,
            shared=stage.max_tokens,
            members=stage.rollouts,
            patches=self._patches(shown * stage.max_tokens, shown * data.media),
            scored=rows * response,
            entropy=_takes(stage, "entropy"),
            decoding=prompts * stage.rollouts,
            prompts=prompts,
            prompt=stage.max_tokens,
            response=response,
        )

    def _patches(self, tokens: int, media: int) -> int:
        """The most places of the tower that ``media`` can have in so many tokens."""
        return min(tokens, media * self.budget.most_tokens) * self.shape.places


def needs_reference(stage: AnyStage) -> bool:
    """Whether a frozen reference model is held in memory: some regulariser, or the KL in the
    reward, takes its log-probabilities.
    """
    charged = isinstance(stage, Reinforce) and stage.reward_kl is not None
    return charged or _takes(stage, "reference_logp")


def _takes(stage: AnyStage, name: str) -> bool:
    if not isinstance(stage, Reinforce):
        return False
    return any(name in build("regulariser", item.part).part.inputs for item in stage.regularisers)


def _amount(stage: AnyStage) -> Amount:
    if not isinstance(stage, Reinforce):
        return Amount(stage.steps * stage.batch_size, 0, 1.0, reference=False)
    passes = stage.epochs * _kept_share(stage)
    return Amount(
        stage.steps * stage.prompts, stage.rollouts, passes, reference=needs_reference(stage)
    )


def _kept_share(stage: AnyStage) -> float:
    """Share of rollouts that are trained on, tried on one step of right-or-wrong rewards.

    Each question's chance of a right response is drawn evenly from 0 to 1.
    """
    if not isinstance(stage, Reinforce) or stage.resample is None:
        return 1.0
    generator = torch.Generator().manual_seed(0)
    groups_N = torch.arange(stage.prompts).repeat_interleave(stage.rollouts)
    chance_N = torch.rand(stage.prompts, generator=generator)[groups_N]
    rewards_N = torch.bernoulli(chance_N, generator=generator)
    names = [reward.part.part for reward in stage.rewards if reward.scope is None]
    known = made_rollouts(rewards_N, groups_N, torch.ones(len(groups_N), 1), names) | {
        "generator": generator,
        "progress": 0.0,
        "memory": {},
    }
    made = build("advantage", stage.advantage).supply(known)
    known["advantages"] = row_means(made, known["mask"])
    return len(build("resampler", stage.resample).supply(known)) / len(groups_N)


def _share(count: int, gpus: int) -> int:
    return max(1, -(-count // gpus))


def _problems(recipe: Recipe, shape: Shape, stages: tuple[StagePlan, ...]) -> Iterator[str]:
    for stage, made in zip(recipe.stages, stages, strict=True):
        place = f"stages.{stage.name}"
        yield from made.data.problems
        row = made.load.shared + made.load.tokens
        if row > shape.context:
            yield (
                f"{place}: rows of up to {row:,} tokens, the model's context is "
                f"{shape.context:,}; lower max_tokens"
            )
        if not made.trained:
            yield f"{place}.freeze: nothing is left to train"


def _notes(recipe: Recipe, stages: tuple[StagePlan, ...]) -> Iterator[str]:
    yield (
        "Text tokens are estimated as characters / 4: a dry run has no tokenizer of "
        f"{recipe.model.path}."
    )
    for stage in stages:
        if stage.data.fixture:
            yield (
                f"{stage.name}: a ten-row fixture stood in, so its lengths are not the "
                f"data's; put the real file at {stage.data.expected}."
            )
    yield from _missing_benchmarks(recipe)
    yield from _frozen_connectors(stages)
    yield (
        "Memory is the worst case that the recipe admits: the longest rows, the largest images and "
        "sounds. On several GPUs, weights, gradients, optimiser and reference are taken as "
        "split evenly, as FSDP does."
    )
    if any(stage.rollouts for stage in stages):
        yield "Compute counts every response at its length limit; shorter ones cost less."
    if any(stage.kept != 1 for stage in stages):
        yield "The share trained on was tried with right-or-wrong rewards of mixed difficulty."


def _frozen_connectors(stages: tuple[StagePlan, ...]) -> Iterator[str]:
    """A stage can mean to freeze it, as published ones do, so it is told and not refused."""
    for stage in stages:
        if stage.rollouts and stage.data.media and not stage.connector:
            yield (
                f"Warning: {stage.name}: the connector is not trained, although the stage "
                "reinforces answers about images or sounds; frozen in RL, reward and reasoning "
                "collapsed (arXiv 2507.06167). Leave connector out of freeze, and vision or "
                "audio, which hold it; with adapters, let model.lora.targets match it."
            )


def _missing_benchmarks(recipe: Recipe) -> Iterator[str]:
    for benchmark in recipe.evaluation.benchmarks:
        use = cast(Use, benchmark)
        path = use.settings.get("path")
        if path is not None and not Path(path).exists():
            yield f"evaluation: {use.part} reads {path}; that file is missing, put it there."
