"""The choices between rollouts and updates, each in one or two steps of a real, tiny model."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

import rl_steps
from gnomon.models.policy import Policy
from gnomon.parts import forget, register
from gnomon.recipe import (
    Demonstrations,
    Model,
    Optimizer,
    Prefix,
    Regulariser,
    Reinforce,
    RewardKl,
    Sampling,
    Use,
)
from gnomon.records import Group
from gnomon.rl.chosen import Objective
from gnomon.rl.experience import Experience
from gnomon.rl.loop import collect
from gnomon.rl.losses import per_token
from gnomon.rl.scoring import score_rows
from gnomon.stages.context import StageContext
from gnomon.stages.drive import open_policy
from rl_steps import PROMPTS, ROLLOUTS, ROWS, Open, one_step, stage_of, steps_of

SCORES = [0.0, 1.0, 2.0, 5.0]
seen = SimpleNamespace()


def numbered(groups: Sequence[Group]) -> list[list[float]]:
    """The scores that the test chose, for as many groups as there are."""
    rows = [seen.scores.pop(0) if seen.scores else SCORES for _ in groups]
    return [list(row[: len(group.members)]) for row, group in zip(rows, groups, strict=True)]


def recorded(
    logp: Tensor, advantages: Tensor, mask: Tensor, off_policy: Tensor, log_mismatch: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """REINFORCE that notes what it was given."""
    seen.rows += list(zip(advantages.tolist(), mask.sum(1).tolist(), strict=True))
    seen.mismatch.append(log_mismatch)
    return torch.where(mask.bool(), -per_token(advantages, mask) * logp, 0.0), {}


def of_the_first(rewards: Tensor, *, factor: float = 1.0) -> Tensor:
    """``factor`` for the first rollout, 0 for all others."""
    return torch.where(torch.arange(len(rewards)) == 0, factor, 0.0)


def accuracy_noted(accuracy: Tensor) -> Tensor:
    """A weight of 1 that notes what is known of the answers."""
    seen.accuracy = accuracy
    return torch.ones_like(accuracy)


def all_but_the_first(rewards: Tensor) -> Tensor:
    return torch.arange(1, len(rewards))


def doubled(memory: dict[str, Any], rewards: Tensor, *, factor: float = 2.0) -> Tensor:
    """A factor for every rollout, and how often it was asked for."""
    memory["calls"] = memory.get("calls", 0) + 1
    return torch.full_like(rewards, factor)


def halves(old_logp: Tensor, rollout_logp: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Half the weight, and the first row rejected."""
    kept = mask.bool().clone()
    kept[0] = False
    seen.gap = float(((old_logp - rollout_logp) * mask).abs().max())
    return 0.5 * torch.ones_like(old_logp), kept


def first_token(mask: Tensor) -> Tensor:
    """Only the first token of each response."""
    return torch.zeros_like(mask).index_fill_(1, torch.tensor([0]), 1.0)


@pytest.fixture(autouse=True)
def parts_of_this_file() -> Iterator[None]:
    vars(seen).update(scores=[], rows=[], mismatch=[], gap=None)
    register("reward")(numbered)
    register("loss")(recorded)
    register("weight")(doubled)
    register("weight")(of_the_first)
    register("weight")(accuracy_noted)
    register("resampler")(all_but_the_first)
    register("correction")(halves)
    register("focus")(first_token)
    yield
    forget(__name__)


def collected(stage: Reinforce, context: StageContext) -> Experience:
    return collect(stage, Objective.of(stage, context), context, context.take(stage.prompts))


def constant(value: float) -> Use:
    return Use("constant", value=value)


# -- filters and refill ---------------------------------------------------------------------------

EQUAL = [1.0, 1.0, 1.0, 1.0]


def test_a_filtered_group_is_left_out_of_every_statistic_and_of_the_update(open_stage: Open):
    seen.scores = [EQUAL, SCORES]
    stage = stage_of(
        filters=(Use("drop-zero-variance"),),
        advantage=Use("scoped", centre="batch", scale="none"),
        loss=Use("recorded"),
    )
    values = one_step(stage, open_stage(stage))
    assert [row[0] for row in seen.rows] == pytest.approx([-2.0, -1.0, 0.0, 3.0])
    assert (values["counted"], values["kept"]) == (0.5, 0.5)
    assert values["reward"] == pytest.approx((4 + 8) / 8)


def test_further_questions_are_asked_until_the_batch_is_full(open_stage: Open):
    seen.scores = [EQUAL, SCORES, EQUAL, EQUAL, SCORES, SCORES]
    stage = stage_of(filters=(Use("drop-zero-variance"),), refill=5)
    context = open_stage(stage)
    experience = collected(stage, context)
    assert len(experience.groups) == 3 * PROMPTS
    counted = experience.counted_N.reshape(-1, ROLLOUTS).all(1)
    assert counted.tolist() == [False, True, False, False, True, False]  # the last is surplus
    assert sorted(set(experience.group_N[experience.kept].tolist())) == [1, 4]
    assert context.stream.position == 3 * PROMPTS


def test_refilling_ends_at_its_limit_with_what_there_is(open_stage: Open):
    seen.scores = [EQUAL] * 6
    stage = stage_of(filters=(Use("drop-zero-variance"),), refill=2)
    experience = collected(stage, open_stage(stage))
    assert len(experience.groups) == 3 * PROMPTS
    assert not len(experience.kept)


def test_a_full_batch_asks_nothing_further(open_stage: Open):
    stage = stage_of(filters=(Use("drop-zero-variance"),), refill=5)
    assert len(collected(stage, open_stage(stage)).groups) == PROMPTS


def test_rollouts_of_the_refill_are_new(open_stage: Open):
    """With the same questions again, the draws are others."""
    seen.scores = [EQUAL] * 4
    stage = stage_of(
        filters=(Use("drop-zero-variance"),), refill=1,
        data=Use("microworld", tasks=["count"], modality="text", size=PROMPTS),
    )  # fmt: skip
    groups = collected(stage, open_stage(stage)).groups
    texts = [[member.rollout.token_ids for member in group.members] for group in groups]
    assert texts[:PROMPTS] != texts[PROMPTS:]


# -- weights and memory ---------------------------------------------------------------------------


def test_weights_multiply_the_advantages_one_after_the_other(open_stage: Open):
    plain = stage_of(loss=Use("recorded"))
    one_step(plain, open_stage(plain))
    expected = [row[0] * 6 for row in seen.rows]
    seen.rows = []
    stage = stage_of(loss=Use("recorded"), weights=(Use("doubled"), Use("doubled", factor=3.0)))
    context = open_stage(stage)
    one_step(stage, context)
    assert [row[0] for row in seen.rows] == pytest.approx(expected)
    assert context.memory["weights.0.doubled"] == {"calls": 1}


def test_weights_come_before_the_resampler(open_stage: Open):
    """PAD keeps |A| of at most .97; tenfold weights leave only advantages of at most .097."""
    stage = stage_of(
        resample=Use("pad", low=0.0, ratio=1.0), weights=(Use("doubled", factor=10.0),)
    )
    experience = collected(stage, open_stage(stage))
    assert all(experience.advantages_N[experience.kept].abs() <= 0.97)


def test_a_regulariser_has_a_weight_and_an_aggregation_of_its_own(open_stage: Open):
    def loss(**changes: Any) -> float:
        penalty = Regulariser(part=Use("nll"), coefficient=constant(1.0), **changes)
        seen.scores = [EQUAL] * PROMPTS
        stage = stage_of(regularisers=(penalty,))
        return one_step(stage, open_stage(stage))["loss"]

    plain = loss()
    assert loss(weight=Use("doubled", factor=0.0)) == pytest.approx(0.0, abs=1e-6)
    assert loss(aggregate=Use("seq-mean-token-sum")) > plain > 0


def test_a_regulariser_over_the_weighted_rollouts_is_their_mean(open_stage: Open):
    """LUFFY's imitation of demonstrations: a mean over their tokens, not over all."""

    def loss(factor: float, **coefficients: float) -> float:
        penalties = tuple(
            Regulariser(part=Use(name), coefficient=constant(value), over=over,
                        weight=Use("of-the-first", factor=factor))
            for (over, value), name in zip(
                coefficients.items(), ("nll", "sampled-entropy-bonus"), strict=False
            )
        )  # fmt: skip
        seen.scores = [EQUAL] * PROMPTS
        stage = stage_of(regularisers=penalties, aggregate=Use("seq-mean-token-mean"))
        return one_step(stage, open_stage(stage))["loss"]

    assert loss(1.0, weighted=1.0) > 0.1
    assert loss(0.0, weighted=1.0) == 0.0
    # One is minus the other; of all rollouts it is a mean of one nll and of zeros.
    assert loss(1.0, weighted=1.0, all=ROWS) == pytest.approx(0.0, abs=1e-4)


def test_a_filtered_rollout_has_no_verdict_for_the_weights(open_stage: Open):
    """The trap of Observe-R1: the accuracy of a group is that of the rollouts that count."""
    stage = stage_of(filters=(Use("all-but-the-first"),), weights=(Use("accuracy-noted"),))
    collected(stage, open_stage(stage))
    assert seen.accuracy.isnan().tolist() == [True] + [False] * (ROWS - 1)


def test_a_regulariser_with_a_focus_sees_those_tokens_alone(open_stage: Open):
    """The entropy of the tokens with the highest entropy, over the number of all tokens."""

    def penalised(share: float | None) -> tuple[float, float]:
        focus = None if share is None else Use("top-entropy", share=share)
        penalty = Regulariser(part=Use("entropy-bonus"), coefficient=constant(1.0), focus=focus)
        seen.scores = [EQUAL] * PROMPTS
        stage = stage_of(regularisers=(penalty,), aggregate=Use("token-mean"))
        values = one_step(stage, open_stage(stage))
        return values["loss"], values["entropy"]

    for share in (None, 1.0):
        loss, entropy = penalised(share)
        assert loss == pytest.approx(-entropy, rel=1e-5)
    loss, entropy = penalised(0.2)
    assert -entropy < loss <= -entropy / 5  # the upper fifth holds more than a fifth of the sum


# -- token-level advantages and the KL in the reward ----------------------------------------------


def test_advantages_may_differ_from_token_to_token(open_stage: Open):
    stage = stage_of(advantage=Use("reinforce-plus-plus"), loss=Use("recorded"), rollouts=1,
                     prompts=4, micro_batch_rows=3)  # fmt: skip
    context = open_stage(stage)
    values = one_step(stage, context)
    assert len(seen.rows) == 4
    assert all(len(advantages) >= length for advantages, length in seen.rows)
    assert math.isfinite(values["loss"])


def charged(open_stage: Open, policy: Policy, **changes: Any) -> tuple[Experience, StageContext]:
    stage = stage_of(
        reward_kl=RewardKl(coefficient=Use("constant", value=0.5)), advantage=Use("dr-grpo"),
        **changes,
    )  # fmt: skip
    return moved_away(stage, open_stage, policy)


def moved_away(
    stage: Reinforce, open_stage: Open, policy: Policy
) -> tuple[Experience, StageContext]:
    """What is collected by a policy that has moved away from its reference."""
    context = open_stage(stage, policy)
    prepared = context.take(stage.prompts)
    other = open_policy(Model(path=context.parent), stage, context.parent, seed=0)
    with torch.no_grad():
        for parameter in policy.trainable().values():
            parameter.add_(0.05 * torch.sin(torch.arange(parameter.numel())).view_as(parameter))
    return collect(stage, Objective.of(stage, context), context, prepared, other), context


def test_a_kl_in_the_reward_is_charged_token_by_token(open_stage: Open, fresh_policy: Policy):
    """A_t = A - beta * sum of k1 from t on; the statistics of the group see the plain rewards."""
    experience, context = charged(open_stage, fresh_policy)
    plain = torch.tensor([score - 2.0 for score in SCORES] * PROMPTS)
    assert experience.advantages.shape[0] == ROWS
    torch.testing.assert_close(experience.advantages_N, plain)
    cost = plain[:, None] * experience.mask_NT - experience.advantages
    last = experience.mask_NT.sum(1).long() - 1
    assert float(cost.abs().max()) > 1e-3
    measured = context.memory["measured"]["reward_kl"]
    own = cost[:, 0].sum() / 0.5 / experience.mask_NT.sum()
    assert measured == pytest.approx(float(own), abs=1e-4)
    assert cost[torch.arange(ROWS), last].isfinite().all()


def test_an_estimator_that_takes_penalties_is_not_charged_twice(
    open_stage: Open, fresh_policy: Policy
):
    stage = stage_of(advantage=Use("reinforce-plus-plus"),
                     reward_kl=RewardKl(coefficient=constant(0.0)))  # fmt: skip
    context = open_stage(stage, fresh_policy)
    plain = stage_of(advantage=Use("reinforce-plus-plus"))
    prepared = context.take(PROMPTS)
    other = open_policy(Model(path=context.parent), stage, context.parent, seed=0)
    with_kl = collect(stage, Objective.of(stage, context), context, prepared, other)
    without = collect(plain, Objective.of(plain, context), context, prepared)
    assert with_kl.advantages.equal(without.advantages)


def test_an_adaptive_coefficient_follows_what_the_last_update_measured(open_stage: Open):
    controller = Use("adaptive-kl", initial=0.1, target=1e-9, horizon=ROWS)
    stage = stage_of(regularisers=(Regulariser(part=Use("kl"), coefficient=controller),))
    context = open_stage(stage)
    first, second = (result.values for result in steps_of(stage, context, 2))
    # The KL of the first update is 0, below any target: the coefficient falls by a fifth.
    assert first["coefficient/kl"] == pytest.approx(0.1)
    assert second["coefficient/kl"] == pytest.approx(0.08)
    assert context.memory["measured"]["regularisers.0.kl"] == pytest.approx(second["penalty/kl"])
    assert context.memory == json.loads(json.dumps(context.memory))


# -- corrections, focus, survey -------------------------------------------------------------------


def test_a_correction_weighs_the_loss_and_takes_tokens_out_of_the_batch(open_stage: Open):
    stage = stage_of(loss=Use("recorded"), corrections=(Use("halves"),))
    values = one_step(stage, open_stage(stage))
    lengths = [row[1] for row in seen.rows]
    assert lengths[0] == 0
    assert all(length > 0 for length in lengths[1:])
    assert seen.gap < 1e-4  # one engine: trainer and sampler agree
    assert float(seen.mismatch[0].abs().max()) == pytest.approx(seen.gap)
    assert values["correction"] == 1.0


def test_half_the_weight_is_half_the_gradient(open_stage: Open, tiny_folder: Path):
    def found(**changes: Any) -> dict[str, Tensor]:
        return gradient(stage_of(**changes), open_stage, tiny_folder)

    half = (Use("halves"),)
    one, both = found(corrections=half), found(corrections=(*half, *half))
    for name, value in one.items():
        torch.testing.assert_close(both[name], 0.5 * value, rtol=1e-4, atol=1e-7)


def test_a_focus_leaves_the_denominators_alone(open_stage: Open):
    """REINFORCE with A = 1 on every token: the loss of the first tokens over all tokens."""
    seen.scores = [[1.0] * ROLLOUTS] * PROMPTS
    settings = {"advantage": Use("scoped", centre="none", scale="none"), "loss": Use("reinforce")}
    whole = stage_of(**settings)
    context = open_stage(whole)
    context.step = 1
    experience = collected(whole, context)
    first = sum(float(row[0]) for row in experience.old_logp)
    tokens = sum(len(row) for row in experience.old_logp)
    seen.scores = [[1.0] * ROLLOUTS] * PROMPTS
    stage = stage_of(**settings, focus=(Use("first-token"),))
    assert one_step(stage, open_stage(stage))["loss"] == pytest.approx(-first / tokens, abs=1e-4)


def gradient(stage: Reinforce, open_stage: Open, folder: Path) -> dict[str, Tensor]:
    def make(stage: Reinforce) -> StageContext:
        return open_stage(stage, open_policy(Model(path=str(folder)), stage, str(folder), seed=0))

    return rl_steps.gradient(stage, make)


IMAGES = {
    "data": Use("microworld", tasks=["count"], modality="image"),
    "corruption": Use("random-patches"),
}
GLOBAL = {
    "clip-cov": {"loss": Use("clip-cov", share=0.2, low=0.01, high=99.0)},
    "kl-cov": {"loss": Use("kl-cov", share=0.2)},
    "top-entropy": {"focus": (Use("top-entropy", share=0.3),)},
    "gspo": {"loss": Use("gspo", clip_low=0.2, clip_high=0.2)},
    "vespo": {"loss": Use("vespo")},
    "ema-grpo": {"advantage": Use("ema-grpo", guard=None)},
    "reinforce-plus-plus": {"advantage": Use("reinforce-plus-plus")},
    "weights": {"weights": (Use("difficulty-curve"), Use("clamp-advantage", limit=0.2))},
    "corrected": {"corrections": (Use("truncate"), Use("reject"))},
    "perception": {
        **IMAGES,
        "regularisers": (
            Regulariser(part=Use("perception-kl-live"), coefficient=constant(0.02)),
            Regulariser(part=Use("masked-nll-live"), coefficient=constant(0.05)),
        ),
    },
}


@pytest.mark.parametrize("name", GLOBAL)
def test_micro_batches_of_any_size_give_the_same_gradient(
    name: str, open_stage: Open, tiny_folder: Path
):
    """Each entry to 1e-6 or one part in ten thousand."""
    found = [
        gradient(
            stage_of(micro_batch_rows=rows, updates=2, **GLOBAL[name]), open_stage, tiny_folder
        )
        for rows in (2, 64)
    ]
    largest = max(float(value.abs().max()) for value in found[0].values())
    assert largest > 1e-4
    for key, value in found[0].items():
        torch.testing.assert_close(value, found[1][key], rtol=1e-4, atol=1e-6)


# -- greedy baseline and images -------------------------------------------------------------------


def test_the_greedy_response_is_the_baseline_of_remax(open_stage: Open):
    seen.scores = [SCORES, SCORES, [1.5], [0.5]]
    stage = stage_of(advantage=Use("remax"))
    experience = collected(stage, open_stage(stage))
    expected = [score - 1.5 for score in SCORES] + [score - 0.5 for score in SCORES]
    assert experience.advantages_N.tolist() == pytest.approx(expected)


def perceptive(**changes: Any) -> Reinforce:
    terms = tuple(
        Regulariser(part=Use(name), coefficient=Use("linear-ramp", start=0.02, share=1.0))
        for name in ("perception-kl", "masked-nll")
    )
    return stage_of(**{**IMAGES, "regularisers": terms, **changes})


def test_the_rollouts_of_a_group_share_their_corrupted_image(open_stage: Open):
    stage = perceptive()
    experience = collected(stage, open_stage(stage))
    keys = [row.before.percepts[0].key for row in experience.masked_rows]
    assert len(set(keys)) == PROMPTS
    assert keys[:ROLLOUTS] == [keys[0]] * ROLLOUTS
    clear = [row.before.percepts[0].key for row in experience.rows]
    assert not set(keys) & set(clear)
    assert experience.old_masked_logp.shape == experience.mask_NT.shape


def test_the_divergence_from_the_masked_image_is_measured(open_stage: Open):
    stage = perceptive()
    first, second = (result.values for result in steps_of(stage, open_stage(stage), 2))
    assert first["penalty/perception-kl"] < 0
    assert first["penalty/masked-nll"] > 0
    assert first["coefficient/perception-kl"] == pytest.approx(0.02)
    assert second["coefficient/perception-kl"] == pytest.approx(0.01)


def test_nothing_hidden_is_no_divergence(open_stage: Open):
    stage = perceptive(corruption=Use("random-patches", probability=0.0))
    values = one_step(stage, open_stage(stage))
    assert values["penalty/perception-kl"] == pytest.approx(0.0, abs=1e-6)


def test_without_images_there_is_no_divergence(open_stage: Open):
    stage = perceptive(data=Use("microworld", tasks=["count"], modality="text"))
    assert one_step(stage, open_stage(stage))["penalty/perception-kl"] == pytest.approx(0, abs=1e-6)


def test_raising_the_divergence_alone_raises_it(open_stage: Open):
    term = Regulariser(part=Use("perception-kl-live"), coefficient=constant(5.0))

    def divergence(rate: float) -> float:
        seen.scores = [EQUAL] * PROMPTS
        optimizer = Optimizer(learning_rate=constant(rate), weight_decay=0.0)
        stage = perceptive(regularisers=(term,), optimizer=optimizer, epochs=4)
        return -one_step(stage, open_stage(stage))["penalty/perception-kl-live"]

    still = divergence(0.0)  # which leaves the weights for the second
    assert divergence(1e-3) > 1.01 * still > 0


# -- demonstrations -------------------------------------------------------------------------------


def shown(tmp_path: Path, *texts: Any, **changes: Any) -> Reinforce:
    path = tmp_path / "shown.jsonl"
    records = [{"problem": f"{n} + 1?", "answer": "4", "demonstration": text}
               for n, text in enumerate(texts)]  # fmt: skip
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    settings = {
        "data": Use("jsonl", path=str(path)), "demonstrations": Demonstrations(),
        "loss": Use("luffy"), "advantage": Use("dr-grpo"),
        "aggregate": Use("seq-mean-token-sum-norm", length=6),
    }  # fmt: skip
    return stage_of(**{**settings, **changes})


def test_a_demonstration_takes_the_last_place_of_its_group(open_stage: Open, tmp_path: Path):
    stage = shown(tmp_path, "3.", "3.")
    experience = collected(stage, open_stage(stage))
    for group in experience.groups:
        assert [member.rollout.source for member in group.members] == (
            ["policy"] * (ROLLOUTS - 1) + ["demonstration"]
        )
        teacher = group.members[-1].rollout
        assert (teacher.text, teacher.stop, set(teacher.logp)) == ("3.", "end", {0.0})
    assert (experience.given_N > 0).tolist() == [False, False, False, True] * PROMPTS
    # One baseline for all: rewards 0 1 2 5 give -2 -1 0 3, the teacher's included.
    assert experience.advantages_N.tolist() == pytest.approx([-2.0, -1.0, 0.0, 3.0] * PROMPTS)


def test_a_missing_or_overlong_demonstration_makes_an_ordinary_rollout(
    open_stage: Open, tmp_path: Path
):
    stage = shown(tmp_path, "", "3.\n\n" * 9)
    experience = collected(stage, open_stage(stage))
    assert not experience.given_N.any()
    assert all(len(group.members) == ROLLOUTS for group in experience.groups)


def prefixed(tmp_path: Path, ratio: float, *texts: str, **changes: Any) -> Reinforce:
    how = Prefix(bounds=(ratio, ratio))
    return shown(tmp_path, *texts, demonstrations=Demonstrations(prefix=how), **changes)


def test_the_policy_goes_on_from_the_beginning_of_a_demonstration(open_stage: Open, tmp_path: Path):
    text = "1 2 3"
    whole = collected(stage := shown(tmp_path, text, text), open_stage(stage))
    begun = collected(stage := prefixed(tmp_path, 0.5, text, text), open_stage(stage))
    for one, other, row in zip(
        whole.groups, begun.groups, begun.rows[ROLLOUTS - 1 :: ROLLOUTS], strict=True
    ):
        full, cut = one.members[-1].rollout, other.members[-1].rollout
        given = len(full.token_ids) // 2
        assert cut.given == given < len(cut.token_ids) <= stage.sampling.max_new_tokens
        assert cut.token_ids[:given] == full.token_ids[:given]
        assert set(cut.logp[:given]) == {0.0} and all(logp < 0 for logp in cut.logp[given:])
        assert row.token_ids.tolist() == list(cut.token_ids)
        assert cut.text.startswith("1")


def test_only_what_was_given_counts_as_a_demonstration(open_stage: Open, tmp_path: Path):
    stage = prefixed(tmp_path, 0.5, "1 2 3", "1 2 3")
    experience = collected(stage, open_stage(stage))
    places = list(range(len(experience.rows)))
    marks = experience.off_policy_of(places, int(experience.mask_NT.shape[1]))
    assert marks.sum(1).tolist() == experience.given_N.tolist()
    assert 0 < experience.given_N[ROLLOUTS - 1] < len(experience.rows[ROLLOUTS - 1])
    assert one_step(stage, open_stage(stage))["mismatch"] < 1e-4


def test_a_prefix_of_nothing_makes_an_ordinary_rollout(open_stage: Open, tmp_path: Path):
    stage = prefixed(tmp_path, 0.0, "3.", "3.")
    assert not collected(stage, open_stage(stage)).given_N.any()


def test_a_whole_prefix_is_the_demonstration_and_nothing_is_written_behind_it(
    open_stage: Open, tmp_path: Path
):
    """The trap: what follows the end token of a whole prefix must not be trained on."""
    stage = prefixed(tmp_path, 1.0, "3.", "3.")
    for group in collected(stage, open_stage(stage)).groups:
        teacher = group.members[-1].rollout
        assert (teacher.text, teacher.stop, teacher.given) == ("3.", "end", len(teacher.token_ids))


def test_only_the_shaped_loss_reaches_a_demonstration(open_stage: Open, tmp_path: Path):
    seen.scores = [[0.0, 0.0, 0.0, 1.0]] * PROMPTS
    stage = shown(tmp_path, "3.", "3.")
    values = one_step(stage, open_stage(stage))
    assert 0 < values["off_policy"] < 1
    assert values["off_ratio"] > 0
    assert values["mismatch"] < 1e-4  # which a demonstration has none of
    assert values["reward"] == 0.0  # of the policy's own rollouts


def costs(experience: Experience) -> Tensor:
    """What the KL in the reward takes off the advantage of each token, [N, T]."""
    plain = experience.advantages_N[:, None] * experience.mask_NT
    return plain - experience.advantages


def test_a_demonstration_pays_nothing_for_the_kl_in_the_reward(
    open_stage: Open, fresh_policy: Policy, tmp_path: Path
):
    """The trap: its log-probability of 0 is no policy's, so that 0 - log pi_ref is no KL."""
    stage = shown(tmp_path, "3.", "3.", reward_kl=RewardKl(coefficient=constant(0.5)))
    experience, _ = moved_away(stage, open_stage, fresh_policy)
    cost, teachers = costs(experience), experience.given_N > 0
    assert not cost[teachers].any()
    assert cost[~teachers].any(1).all()


def test_a_coefficient_measures_the_kl_in_the_reward_on_own_tokens_alone(
    open_stage: Open, fresh_policy: Policy, tmp_path: Path
):
    stage = shown(tmp_path, "3.", "3.", reward_kl=RewardKl(coefficient=constant(0.5)))
    experience, context = moved_away(stage, open_stage, fresh_policy)
    own = experience.mask_NT[experience.given_N == 0].sum()
    expected = float(costs(experience)[:, 0].sum() / 0.5 / own)
    assert context.memory["measured"]["reward_kl"] == pytest.approx(expected, abs=1e-4)


def test_the_given_tokens_of_a_response_pay_only_for_those_that_follow(
    open_stage: Open, fresh_policy: Policy, tmp_path: Path
):
    charge = RewardKl(coefficient=constant(0.5))
    stage = prefixed(tmp_path, 0.5, "1 2 3", "1 2 3", reward_kl=charge)
    experience, _ = moved_away(stage, open_stage, fresh_policy)
    cost, given = costs(experience)[ROLLOUTS - 1], int(experience.given_N[ROLLOUTS - 1])
    assert cost[: given + 1].tolist() == pytest.approx([float(cost[given])] * (given + 1), abs=1e-5)
    assert abs(float(cost[given])) > 1e-4


def test_demonstrations_that_the_grader_refuses_are_left_out_when_asked_and_named(
    open_stage: Open, tmp_path: Path
):
    """The trap: such a trace would be punished like a bad rollout."""
    block = Demonstrations(verified=True)
    stage = shown(tmp_path, "\\boxed{4}", "\\boxed{5}", demonstrations=block,
                  sampling=Sampling(max_new_tokens=12), format=Use("boxed"))  # fmt: skip
    context = open_stage(stage)
    experience = collected(stage, context)
    for group in experience.groups:
        right = group.sample.meta["demonstration"] == "\\boxed{4}"
        sources = [member.rollout.source for member in group.members]
        assert len(sources) == ROLLOUTS
        assert sources.count("demonstration") == int(right)
    [skip] = context.run.skipped()
    assert (skip["place"], skip["reason"]) == ("demonstration", "its verdict is wrong: read 5.0")


def test_a_wrong_demonstration_makes_room_for_a_right_one_of_the_same_question(
    open_stage: Open, tmp_path: Path
):
    both = ["\\boxed{5}", "\\boxed{4}"]
    stage = shown(tmp_path, both, both, demonstrations=Demonstrations(verified=True),
                  sampling=Sampling(max_new_tokens=12), format=Use("boxed"))  # fmt: skip
    for group in collected(stage, open_stage(stage)).groups:
        assert group.members[-1].rollout.text == "\\boxed{4}"


# -- true probabilities of the teacher ------------------------------------------------------------


def token_count(context: StageContext, text: str) -> int:
    """Tokens of a demonstration with its end token."""
    return len(context.encoder.tokenizer(text, add_special_tokens=False)["input_ids"]) + 1


def with_logp(tmp_path: Path, text: Any, *logp: Any, **changes: Any) -> Reinforce:
    """Two records of one demonstration, with the log-probabilities that each has of it."""
    stage = shown(tmp_path, text, text, loss=Use("luffy", shaping="importance"), **changes)
    path = tmp_path / "shown.jsonl"
    records = map(json.loads, path.read_text().splitlines())
    lines = [json.dumps({**record, "demonstration_logp": each}) + "\n"
             for record, each in zip(records, logp, strict=True)]  # fmt: skip
    path.write_text("".join(lines))
    return stage


def lasting(count: int) -> list[float]:
    return [-0.25 * (n + 1) for n in range(count)]


def test_known_probabilities_of_a_teacher_are_the_old_ones_of_its_tokens(
    open_stage: Open, tmp_path: Path
):
    count = token_count(open_stage(stage_of()), "1 2")
    stage = with_logp(tmp_path, "1 2", lasting(count), lasting(count))
    experience = collected(stage, open_stage(stage))
    for row in experience.old_logp[ROLLOUTS - 1 :: ROLLOUTS]:
        assert row.tolist() == pytest.approx(lasting(count))


def test_the_ratio_of_a_teachers_token_is_to_its_known_probability(
    open_stage: Open, tmp_path: Path, fresh_policy: Policy
):
    """With q = pi / 2 for all tokens every ratio is 2, up to the 1e-6 in the denominator."""
    settings = {"optimizer": Optimizer(learning_rate=constant(0.0), weight_decay=0.0)}
    context = open_stage(stage := shown(tmp_path, "3.", "3.", **settings), fresh_policy)
    experience = collected(stage, context)
    rows = experience.rows[ROLLOUTS - 1 :: ROLLOUTS]
    logp = score_rows(fresh_policy, rows, temperature=1.0, at_once=9)[0]
    asked = [group.sample.id for group in experience.groups]
    told = dict(zip(asked, (logp - math.log(2)).tolist(), strict=True))
    stage = with_logp(tmp_path, "3.", *(told[name] for name in sorted(told)), **settings)
    values = one_step(stage, open_stage(stage, fresh_policy))
    assert values["off_ratio"] == pytest.approx(2.0, rel=0.05)


def test_the_beginning_of_a_demonstration_keeps_its_known_probabilities(
    open_stage: Open, tmp_path: Path
):
    count = token_count(open_stage(stage_of()), "1 2 3")
    block = Demonstrations(prefix=Prefix(bounds=(0.5, 0.5)))
    stage = with_logp(tmp_path, "1 2 3", lasting(count), lasting(count), demonstrations=block)
    experience = collected(stage, open_stage(stage))
    given, row = int(experience.given_N[ROLLOUTS - 1]), experience.old_logp[ROLLOUTS - 1]
    assert row[:given].tolist() == pytest.approx(lasting(count)[:given])


def test_each_of_several_demonstrations_has_its_own_probabilities(open_stage: Open, tmp_path: Path):
    texts = ["3.", "1 2"]
    context = open_stage(stage_of())
    told = [lasting(token_count(context, text)) for text in texts]
    stage = with_logp(tmp_path, texts, told, told, demonstrations=Demonstrations(count=2))
    experience = collected(stage, open_stage(stage))
    found = [row.tolist() for row in experience.old_logp[ROLLOUTS - 2 : ROLLOUTS]]
    assert found == [pytest.approx(each) for each in told]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda logp: logp[:-1], r"\d+ log-probabilities for \d+ tokens"),
        (lambda logp: [*logp[:-1], 0.5], "is no log-probability"),
        (lambda logp: [*logp[:-1], "x"], "is no log-probability"),
        (lambda logp: [logp, logp], r"\d+ log-probabilities for \d+ tokens"),
        (lambda logp: 0.5, "no list"),
    ],
)
def test_probabilities_that_do_not_fit_the_tokens_make_a_bad_record(
    change: Callable[[list[float]], Any], reason: str, open_stage: Open, tmp_path: Path
):
    right = lasting(token_count(open_stage(stage_of()), "1 2 3"))
    stage = with_logp(tmp_path, "1 2 3", right, change(right))
    context, told = open_stage(stage), []
    context.stream.on_skip = lambda id, reason: told.append((id, reason))
    ids = {sample.id for sample, _ in context.take(3)}
    assert len(ids) == 1
    assert {id for id, _ in told} == {"1"}
    assert re.search(reason, told[0][1])


def test_a_correction_leaves_demonstrations_alone(open_stage: Open, tmp_path: Path):
    stage = shown(tmp_path, "3.", "3.", corrections=(Use("truncate"),))
    experience = collected(stage, open_stage(stage))
    assert experience.importance_NT is not None
    teachers = experience.given_N > 0
    kept = experience.mask_NT[teachers].bool()
    assert experience.importance_NT[teachers][kept].tolist() == [1.0] * int(kept.sum())
    assert not torch.cat([experience.old_logp[i] for i in teachers.nonzero()[:, 0]]).any()
