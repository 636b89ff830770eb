"""Stages of a recipe as data: what they are made of, and what is refused."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, field_validator, model_validator

from gnomon.blocks import (
    Block,
    Count,
    Number,
    Use,
    UseAdvantage,
    UseAggregation,
    UseCallback,
    UseCombination,
    UseCorrection,
    UseCorruption,
    UseFocus,
    UseFormat,
    UseGrader,
    UseLoss,
    UseReader,
    UseRegulariser,
    UseResampler,
    UseReward,
    UseSampler,
    UseSchedule,
    UseSource,
    UseWeight,
    Whole,
)
from gnomon.parts import find

Strategy = Literal["random", "linear", "linear-max", "reverse-linear", "fixed"]
"""How the shares of demonstrations that are given follow the steps, see `Prefix`."""


class Optimizer(Block):
    """An optimiser with a clipped gradient norm; ``learning_rate`` is a schedule over its updates.

    ``muon`` takes the matrices of layers, `gnomon.stages.muon.Muon`, and leaves embeddings,
    convolutions and vectors to AdamW with the same rate. ``max_skipped`` updates in a row with a
    non-finite loss or gradient stop the run.
    """

    algorithm: Literal["adamw", "muon"] = "adamw"
    learning_rate: UseSchedule  # type: ignore[valid-type]
    weight_decay: Number = Field(0.01, ge=0)
    betas: tuple[Number, Number] = (0.9, 0.999)
    grad_clip: Number = Field(1.0, gt=0)
    max_skipped: Count = 5


class Sampling(Block):
    """How rollouts are sampled; ``top_k`` 0 keeps all tokens, ``chunk`` rows decode at a time."""

    max_new_tokens: Count
    temperature: Number = Field(1.0, ge=0)
    top_p: Number = Field(1.0, gt=0, le=1)
    top_k: Whole = Field(0, ge=0)
    stop: tuple[str, ...] = ()
    chunk: Count = 128


class Verification(Block):
    """How rollouts are verified: each in one of ``threads``, and within ``seconds`` by the clock.

    With ``overlap`` one is verified as soon as it has ended, while others are still being written;
    verdicts and rewards are the same without. What takes longer than its time is left out of
    training, with the outcome timeout. Symbolic comparisons have shorter limits of their own.
    """

    overlap: bool = True
    threads: Count = 4
    seconds: Number = Field(60.0, gt=0)


class Scope(Block):
    """The tokens that a term's credit goes to; the name of a section alone stands for its span.

    ``section`` is that of a tag in the stage's format, such as ``think``, ``boxed`` or
    ``everything``. ``reach``: the content of the section (``span``), or all tokens from the first
    one up to its end (``prefix``, arXiv 2506.21277).
    """

    section: str
    reach: Literal["span", "prefix"] = "span"

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, values: Any) -> Any:
        return {"section": values} if isinstance(values, str) else values


class Reward(Block):
    """One reward term: its part, its weight, and the tasks that it applies to (None: all).

    ``reader`` is the second model of a term that asks one (`gnomon parts reader`). With a ``scope``
    the term stays out of the reward: the stage's estimator turns its scores into advantages of
    their own, which go, times the weight, to the tokens of a section alone.
    """

    part: UseReward  # type: ignore[valid-type]
    weight: Number
    tasks: tuple[str, ...] | None = None
    reader: UseReader | None = None  # type: ignore[valid-type]
    scope: Scope | None = None

    @model_validator(mode="after")
    def _check_reader(self) -> Reward:
        asks = "ask" in find("reward", self.part.part).inputs
        if asks and self.reader is None:
            raise ValueError(
                f"reward {self.part.part!r} asks a second model: give the term a reader, such as "
                "reader: {part: policy}"
            )
        if self.reader is not None and not asks:
            raise ValueError(f"reward {self.part.part!r} asks nobody: leave its reader out")
        return self


class Regulariser(Block):
    """A penalty that is aggregated like the loss, times a coefficient that follows a schedule.

    ``weight`` multiplies each rollout's penalty and ``focus`` that of each token, while every token
    still counts in the mean; with ``over`` weighted only the tokens of rollouts whose weight is not
    0 do. ``aggregate`` replaces the stage's aggregation.
    """

    part: UseRegulariser  # type: ignore[valid-type]
    coefficient: UseSchedule  # type: ignore[valid-type]
    weight: UseWeight | None = None  # type: ignore[valid-type]
    focus: UseFocus | None = None  # type: ignore[valid-type]
    over: Literal["all", "weighted"] = "all"
    aggregate: UseAggregation | None = None  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _check_over(self) -> Regulariser:
        if self.over == "weighted" and self.weight is None:
            raise ValueError("over=weighted: give the regulariser a weight, such as right-only")
        return self


class RewardKl(Block):
    """A KL penalty on each token's reward: `kl` from what sampled to the reference."""

    part: UseRegulariser = Use("kl", estimator="k1")  # type: ignore[valid-type]
    coefficient: UseSchedule  # type: ignore[valid-type]


class Prefix(Block):
    """How much of a demonstration is given, in [0, 1], for the policy to go on from.

    The share of each is that of `gnomon.rl.guidance.prefix_ratios`: drawn within ``bounds``
    (random), evenly spaced over them in each group (fixed), or at most ``most``, by the step of
    ``steps`` that it is (linear, linear-max, reverse-linear).
    """

    strategy: Strategy = "random"
    bounds: tuple[Number, Number] = (1.0, 1.0)
    steps: Count = 300
    most: Number = Field(0.8, ge=0, le=1)

    @field_validator("bounds")
    @classmethod
    def _check_bounds(cls, bounds: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= bounds[0] <= bounds[1] <= 1:
            raise ValueError("use two shares from 0 to 1, the lower one first")
        return bounds


class Demonstrations(Block):
    """Responses in every group that the policy did not write: up to ``count``, from the samples.

    They are texts under ``key`` among what else a record holds; a sample without one gets ordinary
    rollouts. With a ``prefix`` their first tokens alone are given, and the policy goes on.

    ``verified`` leaves out those whose verdict by the stage's grader is not correct, as of a sample
    without a reference; each is named as skipped, and a rollout of the policy takes its place.
    Under ``key`` with ``_logp`` behind it a record may hold the teacher's log-probabilities, one
    for each token of the text under the policy's tokenizer and one for the end token, which the
    loss `luffy` with ``shaping`` importance reads; those that do not fit make a bad record. Source:
    arXiv 2504.14945, whose data are filtered so.
    """

    count: Count = 1
    key: str = "demonstration"
    verified: bool = False
    prefix: Prefix | None = None


class Value(Block):
    """A critic, for advantages that need ``values``: a head on the policy's last hidden states.

    ``kind`` head is a linear layer that starts at 0, with an optimiser of its own. Its loss is
    1/2 (V - G)^2, clipped to stay within ``clip`` of the value before the update (None: not
    clipped), and averaged over tokens. The target G is the advantage of GAE with ``gamma`` and
    ``lam``, plus the value; ``lam`` 1 makes it the plain return, also where the advantage has
    another one (VC-PPO, arXiv 2503.01491). ``trunk`` is the share of the loss that reaches the
    policy's own weights: 0 leaves them alone, TRL's ``vf_coef`` is .1.
    """

    kind: Literal["head"] = "head"
    optimizer: Optimizer
    clip: Number | None = Field(0.5, gt=0)
    gamma: Number = Field(1.0, gt=0, le=1)
    lam: Number = Field(1.0, ge=0, le=1)
    trunk: Number = Field(0.0, ge=0)


Freezable = Literal["vision", "audio", "tower", "connector", "language", "embeddings", "head"]


class Stage(Block):
    """What every stage has: samples of ``data`` in a ``format``, for so many ``steps``.

    ``modality`` image demands that every sample brings a picture, text that none does. What is
    named in ``freeze`` is not trained; vision, or audio in a model that hears, is the tower with
    the connector. A sample of more than ``max_tokens``, pictures included, is skipped and named. A
    checkpoint is written every ``save_every`` steps and after the last one, and with ``evaluate``
    the final model is measured.

    Without ``shuffle`` the samples come in the order of their source, in every epoch: a curriculum
    where that is sorted. ``workers`` processes prepare samples ahead; 0 prepares them in the run's
    own process. ``wise_ft`` is how far the final model goes, weight by weight, from that which the
    stage began with to that which it trained (the mixing coefficient of WiSE-FT, arXiv 2109.01903):
    less than 1 keeps much of what training made it forget. Checkpoints before the last hold the
    trained model.
    """

    name: str
    data: UseSource  # type: ignore[valid-type]
    modality: Literal["image", "text", "any"] = "any"
    format: UseFormat  # type: ignore[valid-type]
    steps: Count
    optimizer: Optimizer
    freeze: tuple[Freezable, ...] = ()
    max_tokens: Count = 2048
    save_every: Count = 50
    workers: Whole = Field(0, ge=0)
    shuffle: bool = True
    wise_ft: Number = Field(1.0, gt=0, le=1)
    evaluate: bool = True

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if name == "base" or not re.fullmatch("[a-z0-9][a-z0-9-]*", name):
            raise ValueError("use small letters, digits and hyphens, and not 'base'")
        return name


class Supervised(Stage):
    """What the supervised stages have: a step is an update on ``batch_size`` examples.

    They are computed ``micro_batch_tokens`` at a time, and ``at_once`` micro-batches side by side,
    each on one thread: on a CPU and with small models that is sooner done than one after the other
    on several threads.
    """

    batch_size: Count
    micro_batch_tokens: Count = 4096
    at_once: Count = 1


class Sft(Supervised):
    """Supervised fine-tuning on the assistant's tokens."""

    kind: Literal["sft"] = "sft"


class Ocr(Supervised):
    """The vision tower learns to tell what is written where in a picture, and what is called how.

    Each of its features also tells in which row and column it is itself. A head on the tower's
    features is trained with it and dropped in the end; the language model is not run. Samples say
    what is written in their pictures and may name what is shown (sources ``inscriptions``,
    ``microworld-chat``); pictures of others, and all places where nothing is, are to be seen as
    before, with the weight ``keep``.
    """

    kind: Literal["ocr"] = "ocr"
    keep: Number = Field(1.0, ge=0)


class Reinforce(Stage):
    """Reinforcement learning with verifiable rewards.

    A step samples ``rollouts`` responses to each of ``prompts`` questions and makes ``updates``
    optimiser steps over them, ``epochs`` times. One formula serves all objectives:
    A = centre / scale x weights, then an optional resampler, then
    loss = aggregate(bound(ratio) x A) + regularisers.

    ``sampler`` writes the rollouts, ``grader`` gives each its verdict, and ``combine`` makes one
    reward of the terms in ``rewards``. ``reward_kl`` charges every token, ``regularisers`` are
    added to the loss, and ``aggregate`` says how tokens become one number.

    ``demonstrations`` take the place of some of the rollouts. ``filters`` say which rollouts count
    before any advantage is made; where they drop whole groups, up to ``refill`` further batches of
    questions are asked until ``prompts`` groups count. ``focus`` says which tokens the policy loss
    looks at, ``corrections`` make up for an engine that samples with other probabilities,
    ``corruption`` hides parts of images for regularisers that take masked log-probabilities.
    ``value`` trains a critic for advantages that need one. ``callbacks`` look at the policy
    whenever the stage saves, and may rank its checkpoints, of which the best is kept.

    ``micro_batch_rows`` rollouts are computed at a time, which changes no result. Every
    ``log_rollouts_every`` steps, at the first and at the last all rollouts of the step are written
    into the run's folder.
    """

    kind: Literal["reinforce"] = "reinforce"
    prompts: Count
    rollouts: Count
    sampling: Sampling
    sampler: UseSampler = Use("own")  # type: ignore[valid-type]
    grader: UseGrader = Use("strict")  # type: ignore[valid-type]
    verification: Verification = Field(default_factory=lambda: Verification())
    rewards: tuple[Reward, ...]
    combine: UseCombination = Use("sum")  # type: ignore[valid-type]
    demonstrations: Demonstrations | None = None
    filters: tuple[UseResampler, ...] = ()  # type: ignore[valid-type]
    refill: Whole = Field(0, ge=0)
    reward_kl: RewardKl | None = None
    advantage: UseAdvantage = Use("grpo")  # type: ignore[valid-type]
    weights: tuple[UseWeight, ...] = ()  # type: ignore[valid-type]
    resample: UseResampler | None = None  # type: ignore[valid-type]
    loss: UseLoss = Use("ppo-clip")  # type: ignore[valid-type]
    focus: tuple[UseFocus, ...] = ()  # type: ignore[valid-type]
    corrections: tuple[UseCorrection, ...] = ()  # type: ignore[valid-type]
    aggregate: UseAggregation = Use("token-mean")  # type: ignore[valid-type]
    regularisers: tuple[Regulariser, ...] = ()
    corruption: UseCorruption | None = None  # type: ignore[valid-type]
    value: Value | None = None
    callbacks: tuple[UseCallback, ...] = ()  # type: ignore[valid-type]
    updates: Count = 1
    epochs: Count = 1
    micro_batch_rows: Count = 64
    log_rollouts_every: Count = 5

    @field_validator("rewards")
    @classmethod
    def _check_terms(cls, rewards: tuple[Reward, ...]) -> tuple[Reward, ...]:
        names = [reward.part.part for reward in rewards]
        if not names:
            raise ValueError("at least one reward term is needed")
        if len(set(names)) < len(names):
            raise ValueError(
                f"two reward terms have one name, keep one of them: {', '.join(names)}"
            )
        return rewards

    @model_validator(mode="after")
    def _check_updates(self) -> Reinforce:
        if self.updates > self.prompts * self.rollouts:
            raise ValueError(
                f"updates={self.updates} needs at least as many rollouts, there are "
                f"{self.prompts} x {self.rollouts}"
            )
        return self


AnyStage = Annotated[Sft | Ocr | Reinforce, Discriminator("kind")]
