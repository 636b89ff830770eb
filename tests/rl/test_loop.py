"""The reinforcement loop on a real, tiny model: each test makes one or two of its steps."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

import rl_steps
from gnomon.parts import forget, register
from gnomon.recipe import (
    Lora,
    Model,
    Optimizer,
    Regulariser,
    Reinforce,
    Reward,
    Sampling,
    Use,
    Verification,
)
from gnomon.records import Answer, Group, Outcome, Verdict
from gnomon.rl.loop import Objective, collect
from gnomon.rl.losses import per_token
from gnomon.stages.context import StageContext
from gnomon.stages.drive import open_policy
from gnomon.stages.updates import Diverged
from rl_steps import (
    PROMPTS,
    ROLLOUTS,
    ROWS,
    Open,
    one_step,
    stage_of,
    steps_of,
    weights,
)

SCORES = [[0.0, 1.0, 2.0, 5.0], [1.0, 1.0, 1.0, 9.0]]
seen = SimpleNamespace()
"""What the parts below were given, and what they are to do; new for each test."""


def numbered(groups: Sequence[Group]) -> list[list[float | None]]:
    """The scores that the test chose, whatever was written."""
    return seen.scores


def chosen(rewards: Tensor) -> Tensor:
    """The rollouts that the test chose."""
    return torch.tensor(seen.kept, dtype=torch.long)


def recorded(
    logp: Tensor, advantages: Tensor, mask: Tensor, *, factor: float = 1.0
) -> tuple[Tensor, dict[str, Tensor]]:
    """REINFORCE that notes what it was given."""
    lengths = mask.sum(1).tolist()
    seen.rows += list(zip(advantages.tolist(), lengths, logp.detach().tolist(), strict=True))
    weighted = per_token(advantages, mask) * factor
    return torch.where(mask.bool(), -weighted * logp, 0.0), {}


def hesitant(prediction: str | None, reference: Answer) -> Verdict:
    """Runs out of time on the first response, and finds the others right and wrong in turn."""
    seen.graded += 1
    if seen.graded == 1:
        return Verdict(Outcome.TIMEOUT, 0.0, prediction, reason="the grader ran out of time")
    right = seen.graded % 2 == 0
    return Verdict(Outcome.CORRECT if right else Outcome.WRONG, float(right), prediction)


@pytest.fixture(autouse=True)
def parts_of_this_file() -> Iterator[None]:
    vars(seen).update(scores=SCORES, kept=list(range(ROWS)), rows=[], graded=0)
    register("reward")(numbered)
    register("resampler")(chosen)
    register("loss")(recorded)
    register("grader")(hesitant)
    yield
    forget(__name__)


def advantages_by_hand(scores: Sequence[Sequence[float]]) -> list[float]:
    """(R - mean) / (unbiased std + 1e-6) within each group."""
    found = []
    for group in scores:
        rewards = torch.tensor(group)
        found += ((rewards - rewards.mean()) / (rewards.std() + 1e-6)).tolist()
    return found


# -- readers --------------------------------------------------------------------------------------


def test_the_policy_reads_what_it_wrote_and_its_counts_are_logged(open_stage: Open) -> None:
    terms = (
        Reward(part=Use("numbered"), weight=1.0),
        Reward(part=Use("caption-success"), weight=0.1, reader=Use("policy", max_new_tokens=4)),
    )
    stage = stage_of(rewards=terms)
    values = one_step(stage, open_stage(stage))
    assert 1 <= values["reader/caption-success/asked"] <= ROWS
    assert values["reader/caption-success/failed"] == 0
    assert 0.0 <= values["reward/caption-success"] <= 1.0


# -- from samples to advantages -------------------------------------------------------------------


def test_every_row_is_its_prompt_and_its_own_rollout(open_stage: Open) -> None:
    stage = stage_of()
    context = open_stage(stage)
    prepared = context.take(PROMPTS)
    experience = collect(stage, Objective.of(stage, context), context, prepared)
    members = [(g, member) for g, group in enumerate(experience.groups) for member in group.members]
    for row, old_logp, (g, member) in zip(
        experience.rows, experience.old_logp, members, strict=True
    ):
        assert row.before is prepared[g][1]
        assert tuple(row.token_ids.tolist()) == member.rollout.token_ids
        assert row.train.all() and not row.before.train.any()
        assert old_logp.tolist() == pytest.approx(member.rollout.logp)


def test_advantages_of_each_group_reach_the_rows_of_its_rollouts(open_stage: Open) -> None:
    stage = stage_of(loss=Use("recorded"), micro_batch_rows=3, log_rollouts_every=1)
    context = open_stage(stage)
    one_step(stage, context)
    expected = advantages_by_hand(SCORES)
    assert [row[0] for row in seen.rows] == pytest.approx(expected, abs=1e-6)
    stored = context.run.rollouts()
    assert [row["reward"] for row in stored] == [*SCORES[0], *SCORES[1]]
    assert [row["advantage"] for row in stored] == pytest.approx(expected, abs=1e-6)
    assert [row[1] for row in seen.rows] == [row["length"] for row in stored]


def test_the_trainer_finds_the_log_probabilities_of_the_sampler(open_stage: Open) -> None:
    stage = stage_of(sampling=Sampling(max_new_tokens=6, temperature=0.7, top_p=0.8))
    assert one_step(stage, open_stage(stage))["mismatch"] < 1e-4


def test_equal_rewards_move_nothing(open_stage: Open) -> None:
    seen.scores = [[1.0] * ROLLOUTS] * PROMPTS
    stage = stage_of(
        optimizer=Optimizer(learning_rate=Use("constant", value=1e-3), weight_decay=0.0)
    )
    context = open_stage(stage)
    before = weights(context.policy)
    values = one_step(stage, context)
    assert (values["zero_variance"], values["grad_norm"]) == (1.0, 0.0)
    assert all(value.equal(before[name]) for name, value in weights(context.policy).items())


# -- resampling -----------------------------------------------------------------------------------


def test_a_repeated_rollout_counts_as_often_as_it_was_drawn(open_stage: Open) -> None:
    seen.kept = [5, 0, 0, 7, 0]
    stage = stage_of(resample=Use("chosen"), loss=Use("recorded"), log_rollouts_every=1)
    context = open_stage(stage)
    values = one_step(stage, context)
    expected = advantages_by_hand(SCORES)
    assert [row[0] for row in seen.rows] == pytest.approx([expected[i] for i in (0, 0, 0, 5, 7)])
    assert seen.rows[0] == seen.rows[1] == seen.rows[2]
    assert [row["kept"] for row in context.run.rollouts()] == [3, 0, 0, 0, 0, 1, 0, 1]
    assert values["kept"] == 5 / ROWS


def test_repeating_a_rollout_is_adding_it_twice(open_stage: Open, tiny_folder: Path) -> None:
    """The gradient of rollouts (0, 0, 3) by one forward pass of each is that of three passes."""
    stage = stage_of(resample=Use("chosen"), micro_batch_rows=64)
    seen.kept = [0, 0, 3]
    together = gradient(stage, open_stage, tiny_folder)
    alone = gradient(
        stage.model_copy(update={"micro_batch_rows": 1}), open_stage, tiny_folder
    )  # each repetition then has a pass of its own
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-6)


def test_no_kept_rollout_leaves_the_weights_untouched(open_stage: Open) -> None:
    seen.kept = []
    stage = stage_of(resample=Use("chosen"), log_rollouts_every=1)
    context = open_stage(stage)
    before = weights(context.policy)
    first, second = (result.values for result in steps_of(stage, context, 2))
    assert first["kept"] == second["kept"] == 0.0
    assert all(value.equal(before[name]) for name, value in weights(context.policy).items())
    assert {row["kept"] for row in context.run.rollouts()} == {0}


def test_an_update_without_a_rollout_is_a_step_of_the_schedules(open_stage: Open) -> None:
    """Learning rate and coefficients go on as planned, whatever was filtered out on the way."""
    rate = Use("linear", peak=1e-3)
    stage = stage_of(
        resample=Use("chosen"), regularisers=(ENTROPY,), optimizer=Optimizer(learning_rate=rate)
    )
    context = open_stage(stage)
    seen.kept = []
    first = one_step(stage, context)
    assert "lr" not in first
    assert context.updater.done == 1
    seen.kept = [0, 1]
    second = one_step(stage, context)
    assert second["lr"] == pytest.approx(5e-4)
    assert second["coefficient/entropy-bonus"] == 0.02


def test_fewer_rollouts_than_updates_still_make_every_update_count(open_stage: Open) -> None:
    seen.kept = [3]
    stage = stage_of(resample=Use("chosen"), updates=3, epochs=2)
    context = open_stage(stage)
    one_step(stage, context)
    assert context.updater.done == 6


# -- updates --------------------------------------------------------------------------------------


def gradient(stage: Reinforce, open_stage: Open, folder: Path) -> dict[str, Tensor]:
    """The gradient of one step, from the same weights each time."""

    def make(stage: Reinforce) -> StageContext:
        return open_stage(stage, open_policy(Model(path=str(folder)), stage, str(folder), seed=0))

    return rl_steps.gradient(stage, make)


@pytest.mark.parametrize(("updates", "epochs"), [(1, 1), (2, 1), (2, 2)])
def test_micro_batches_of_any_size_give_the_same_updates(
    updates: int, epochs: int, open_stage: Open, tiny_folder: Path
) -> None:
    stage = stage_of(updates=updates, epochs=epochs)
    found = [
        gradient(stage.model_copy(update={"micro_batch_rows": rows}), open_stage, tiny_folder)
        for rows in (2, 64)
    ]
    assert any(value.abs().max() > 1e-3 for value in found[0].values())
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-6)


def test_every_rollout_is_in_one_update_of_each_epoch(open_stage: Open) -> None:
    seen.scores = [[0.0, 1.0, 3.0, 6.0], [1.0, 2.0, 5.0, 9.0]]
    stage = stage_of(updates=3, epochs=2, loss=Use("recorded"))
    context = open_stage(stage)
    one_step(stage, context)
    expected = sorted(advantages_by_hand(seen.scores))
    for epoch in (seen.rows[:ROWS], seen.rows[ROWS:]):
        assert sorted(row[0] for row in epoch) == pytest.approx(expected, abs=1e-6)
    assert context.updater.done == 6


# -- what is left out -----------------------------------------------------------------------------


def test_a_rollout_without_a_reward_is_left_out(open_stage: Open) -> None:
    seen.scores = [[0.0, None, 2.0, 5.0], [None] * ROLLOUTS]
    stage = stage_of(loss=Use("recorded"), log_rollouts_every=1)
    context = open_stage(stage)
    values = one_step(stage, context)
    expected = advantages_by_hand([[0.0, 2.0, 5.0]])
    assert [row[0] for row in seen.rows] == pytest.approx(expected, abs=1e-6)
    assert values["reward"] == pytest.approx(7 / 3)
    stored = context.run.rollouts()
    assert [row["kept"] for row in stored] == [1, 0, 1, 1, 0, 0, 0, 0]
    assert stored[1]["reward"] is None or math.isnan(stored[1]["reward"])


def test_a_resampler_cannot_bring_a_rollout_without_a_reward_back(open_stage: Open) -> None:
    seen.scores, seen.kept = [[None] * ROLLOUTS, SCORES[1]], [0, 1, 4, 4]
    stage = stage_of(resample=Use("chosen"), loss=Use("recorded"))
    context = open_stage(stage)
    values = one_step(stage, context)
    assert len(seen.rows) == 2
    assert values["kept"] == 2 / ROWS


def test_a_step_without_any_reward_changes_nothing(open_stage: Open) -> None:
    seen.scores = [[None] * ROLLOUTS] * PROMPTS
    stage = stage_of()
    context = open_stage(stage)
    before = weights(context.policy)
    values = one_step(stage, context)
    assert math.isnan(values["reward"])
    assert all(value.equal(before[name]) for name, value in weights(context.policy).items())


def test_a_timeout_of_the_grader_is_never_a_zero(open_stage: Open) -> None:
    """Not in the reward, though another term scored the rollout; nor in the accuracy."""
    stage = stage_of(
        grader=Use("hesitant"),
        verification=Verification(overlap=False, threads=1),  # one rollout after the other
        rewards=(
            Reward(part=Use("accuracy"), weight=0.9),
            Reward(part=Use("length-ramp", budget=4), weight=0.1),
        ),
        loss=Use("recorded"),
        log_rollouts_every=1,
    )
    context = open_stage(stage)
    values = one_step(stage, context)
    assert len(seen.rows) == ROWS - 1
    assert values["accuracy"] == values["reward/accuracy"] == pytest.approx(4 / 7)
    first, *others = context.run.rollouts()
    assert (first["outcome"], first["kept"]) == ("timeout", 0)
    assert first["reward"] is None or math.isnan(first["reward"])
    assert all(row["kept"] == 1 for row in others)
    [skip] = context.run.skipped()
    assert (skip["place"], skip["id"]) == ("rollout", first["sample_id"])
    assert skip["reason"] == "the grader ran out of time"


def test_without_a_reference_the_terms_that_need_none_train(
    open_stage: Open, tmp_path: Path
) -> None:
    """There is nothing to grade, which is no failure of the grader."""
    path = tmp_path / "chats.jsonl"
    turns = [{"role": "user", "content": "Count."}]
    path.write_text(f"{json.dumps({'messages': turns})}\n" * 3)
    stage = stage_of(data=Use("jsonl", path=path), loss=Use("recorded"))
    context = open_stage(stage)
    values = one_step(stage, context)
    assert len(seen.rows) == ROWS
    assert math.isnan(values["accuracy"])
    assert context.run.skipped() == []


def test_a_non_finite_loss_skips_the_update_and_is_named(open_stage: Open) -> None:
    stage = stage_of(loss=Use("recorded", factor=math.inf))
    context = open_stage(stage)
    before = weights(context.policy)
    values = one_step(stage, context)
    assert not math.isfinite(values["loss"])
    assert all(value.equal(before[name]) for name, value in weights(context.policy).items())
    [skip] = context.run.skipped()
    assert (skip["place"], skip["step"]) == ("gradient", 1)
    assert "the loss is" in skip["reason"]


def test_non_finite_losses_stop_the_stage_at_the_limit(open_stage: Open) -> None:
    rate = Use("constant", value=1e-3)
    stage = stage_of(
        loss=Use("recorded", factor=math.inf),
        optimizer=Optimizer(learning_rate=rate, max_skipped=2),
        updates=2,
    )
    with pytest.raises(Diverged, match=r"2 updates in a row were skipped.*lower the learning rate"):
        one_step(stage, open_stage(stage))


# -- regularisers ---------------------------------------------------------------------------------

KL = Regulariser(part=Use("kl"), coefficient=Use("constant", value=0.1))
ENTROPY = Regulariser(
    part=Use("entropy-bonus"), coefficient=Use("delayed-decay", warmup=1, initial=0.02)
)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_kl_to_the_reference_starts_at_zero_and_leaves_it(
    attention: str, open_stage: Open, tiny_folder: Path
) -> None:
    stage = stage_of(regularisers=(KL,))
    model = Model(path=str(tiny_folder), attention=attention)
    context = open_stage(stage, open_policy(model, stage, str(tiny_folder), seed=0))
    first, second = (result.values for result in steps_of(stage, context, 2))
    assert first["kl"] == 0.0
    assert second["kl"] > 0.0


def test_the_coefficient_of_the_entropy_follows_its_schedule(open_stage: Open) -> None:
    stage = stage_of(regularisers=(ENTROPY,))
    first, second = (result.values for result in steps_of(stage, open_stage(stage), 2))
    assert first["coefficient/entropy-bonus"] == 0.0
    assert second["coefficient/entropy-bonus"] == 0.02


def test_an_entropy_bonus_alone_raises_the_entropy(open_stage: Open) -> None:
    seen.scores = [[1.0] * ROLLOUTS] * PROMPTS
    bonus = Regulariser(part=Use("entropy-bonus"), coefficient=Use("constant", value=1.0))

    def mean_entropy(epochs: int) -> float:
        stage = stage_of(regularisers=(bonus,), epochs=epochs)
        context = open_stage(stage)
        return one_step(stage, context)["entropy"]

    # The weights are those of before in the first epoch, and the second mean includes the first.
    first = mean_entropy(1)
    assert mean_entropy(2) > first


# -- what is written ------------------------------------------------------------------------------


def test_a_step_has_the_metrics_of_the_run_folder(open_stage: Open) -> None:
    stage = stage_of(
        regularisers=(KL, ENTROPY),
        rewards=(
            Reward(part=Use("accuracy"), weight=0.9),
            Reward(part=Use("format-match"), weight=0.1),
        ),
    )
    values = one_step(stage, open_stage(stage))
    assert set(values) >= {
        "reward", "accuracy", "length", "entropy", "clip_high", "clip_low", "dual_clip", "kl",
        "grad_norm", "lr", "loss", "zero_variance", "kept", "truncated", "mismatch",
        "reward/accuracy", "reward_std/accuracy", "reward/format-match", "reward_std/format-match",
        "coefficient/kl", "coefficient/entropy-bonus",
    }  # fmt: skip
    assert all(isinstance(value, float) and math.isfinite(value) for value in values.values())
    assert 0 < values["entropy"] < math.log(400)
    assert values["lr"] == 1e-3


def test_rollouts_are_stored_with_their_image_once(open_stage: Open) -> None:
    stage = stage_of(
        data=Use("microworld", tasks=["count"], modality="image"), log_rollouts_every=1
    )
    context = open_stage(stage)
    one_step(stage, context)
    rows = context.run.rollouts(1, "rl")
    assert [(row["group"], row["member"]) for row in rows] == [
        (g, m) for g in range(PROMPTS) for m in range(ROLLOUTS)
    ]
    for row in rows:
        [image] = row["images"]
        assert (context.run.path / "rollouts" / "images" / image).stat().st_size > 0
        assert "<image>" in row["prompt"]
    assert len({row["images"][0] for row in rows}) == PROMPTS
    assert len(list((context.run.path / "rollouts" / "images").iterdir())) == PROMPTS


def test_rollouts_are_stored_at_the_first_and_the_last_step_and_in_between(
    open_stage: Open,
) -> None:
    stage = stage_of(steps=4, log_rollouts_every=2, sampling=Sampling(max_new_tokens=1))
    context = open_stage(stage)
    steps_of(stage, context, 4)
    found = sorted(context.run.path.glob("rollouts/1-rl/*.parquet"))
    assert [path.stem for path in found] == ["000001", "000002", "000004"]


def test_the_same_seed_makes_the_same_step(open_stage: Open, tiny_folder: Path) -> None:
    stage = stage_of(resample=Use("pad", low=0.0, high=9.0), updates=2)
    found = []
    for _ in range(2):
        policy = open_policy(Model(path=str(tiny_folder)), stage, str(tiny_folder), seed=0)
        context = open_stage(stage, policy)
        values = one_step(stage, context)
        found.append((values, weights(policy)))
    assert found[0][0] == found[1][0]
    assert all(value.equal(found[1][1][name]) for name, value in found[0][1].items())


def test_adapters_in_bfloat16_with_checkpointed_activations_train(
    open_stage: Open, tiny_folder: Path
) -> None:
    model = Model(
        path=str(tiny_folder), dtype="bfloat16", gradient_checkpointing=True, lora=Lora(rank=2)
    )
    stage = stage_of(
        data=Use("microworld", tasks=["count"], modality="image"), regularisers=(KL, ENTROPY)
    )
    policy = open_policy(model, stage, str(tiny_folder), seed=0)
    context = open_stage(stage, policy)
    before = {name: value.detach().clone() for name, value in policy.model.named_parameters()}
    first, second = (result.values for result in steps_of(stage, context, 2))
    assert all(math.isfinite(value) for value in (*first.values(), *second.values()))
    assert first["kl"] == 0.0
    changed = {
        name for name, value in policy.model.named_parameters() if not value.equal(before[name])
    }
    assert changed
    assert all("lora_" in name for name in changed)
    assert all(value.dtype == torch.float32 for value in policy.model.parameters())
