"""The parts that stand for TRL give what the installed TRL gives.

The loss and the advantages of TRL live inside a trainer: a real one is made around a tiny language
model, is fed log-probabilities in the place of a forward pass, and says its loss or advantages.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from gnomon.parts import part
from gnomon.records import Graded, Group, Outcome, Rollout, Sample, Verdict
from gnomon.rl.aggregation import Totals
from gnomon.rl.objective import PEERS
from gnomon.rl.survey import Survey
from peer_batches import GROUPS, MEMBERS, ROWS, WIDTH, PeerBatch, peer_batch, same_gradient

pytestmark = pytest.mark.filterwarnings("ignore")
SEEDS = range(3)


@pytest.fixture(scope="module")
def fed() -> SimpleNamespace:
    """What the trainer below is given instead of what its model and its rewards would say."""
    return SimpleNamespace(logp=None, entropy=None, scores=None, rollouts=None)


@pytest.fixture(scope="module")
def trainer(
    fed: SimpleNamespace, tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A GRPOTrainer of the installed TRL with two reward functions."""
    pytest.importorskip("trl", reason="TRL 1.16 is not installed: pip install gnomon[test]")
    from datasets import Dataset
    from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM
    from trl import GRPOConfig, GRPOTrainer

    class Fed(GRPOTrainer):  # type: ignore[misc]
        def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
            return fed.logp, fed.entropy, None

        def _generate(self, prompts: list[Any]) -> Any:
            return super()._generate(prompts) if fed.rollouts is None else fed.rollouts

    def first(completions: list[Any], **_: Any) -> list[Any]:
        return fed.scores[0]  # type: ignore[no-any-return]

    def second(completions: list[Any], **_: Any) -> list[Any]:
        return fed.scores[1]  # type: ignore[no-any-return]

    tokenizer = AutoTokenizer.from_pretrained(str(tiny_folder))
    config = Qwen2Config(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=1, num_key_value_heads=1, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    settings = GRPOConfig(
        output_dir=str(tmp_path_factory.mktemp("trl")), use_cpu=True, bf16=False,
        per_device_train_batch_size=ROWS, num_generations=MEMBERS, gradient_accumulation_steps=1,
        max_completion_length=2, beta=0.0, report_to=[], save_strategy="no",
        reward_weights=[1.0, 0.5], gradient_checkpointing=False,
    )  # fmt: skip
    made = Fed(
        model=Qwen2ForCausalLM(config), args=settings, reward_funcs=[first, second],
        train_dataset=Dataset.from_dict({"prompt": ["count"] * GROUPS}), processing_class=tokenizer,
    )  # fmt: skip
    made.current_gradient_accumulation_steps = 1
    made.model.train()
    yield made


@pytest.fixture(params=SEEDS)
def batch(request: pytest.FixtureRequest) -> PeerBatch:
    return peer_batch(request.param)


# -- losses ---------------------------------------------------------------------------------------

DEFAULTS: dict[str, Any] = {
    "loss_type": "dapo", "epsilon_low": 0.2, "epsilon_high": 0.2, "beta": 0.0,
    "importance_sampling_level": "token", "off_policy_mask_threshold": None,
    "top_entropy_quantile": 1.0, "max_completion_length": WIDTH,
}  # fmt: skip
ARGUMENTS: dict[str, Any] = {"delta": None, "use_bias_correction_kl": False}


def loss_of_trl(
    trainer: Any, fed: SimpleNamespace, batch: PeerBatch, logp: Tensor, **settings: Any
) -> Tensor:
    """The loss of TRL with its defaults but for ``settings``."""
    for name, value in {**DEFAULTS, **settings}.items():
        if name not in ARGUMENTS:
            setattr(trainer, name, value)
    for name, value in ARGUMENTS.items():
        setattr(trainer.args, name, settings.get(name, value))
    fed.logp, fed.entropy = logp, batch.entropy
    ids = torch.zeros(ROWS, WIDTH, dtype=torch.long)
    inputs = {
        "prompt_ids": ids, "prompt_mask": ids, "completion_ids": ids,
        "completion_mask": batch.mask, "advantages": batch.advantages,
        "old_per_token_logps": batch.old_logp, "ref_per_token_logps": batch.reference_logp,
        "num_items_in_batch": batch.mask.sum(),
    }  # fmt: skip
    loss: Tensor = trainer._compute_loss(trainer.model, inputs)
    return loss


LOSSES: dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    "dapo": ("ppo-clip", {"log_ratio_clamp": None}, "token-mean", {}),
    "clip-higher": (
        "ppo-clip", {"log_ratio_clamp": None, "clip_high": 0.28}, "token-mean",
        {"epsilon_high": 0.28},
    ),
    "delta": (
        "ppo-clip", {"log_ratio_clamp": None, "delta": 1.5}, "token-mean", {"delta": 1.5}
    ),
    "grpo": ("ppo-clip", {"log_ratio_clamp": None}, "seq-mean-token-mean", {"loss_type": "grpo"}),
    "dr_grpo": ("ppo-clip", {"log_ratio_clamp": None}, "trl-dr-grpo", {"loss_type": "dr_grpo"}),
    "cispo": (
        "cispo-absolute", {"bound": 1.2}, "token-mean", {"loss_type": "cispo", "epsilon_high": 1.2}
    ),
    "sapo": ("sapo", {}, "seq-mean-token-mean", {"loss_type": "sapo"}),
    "gspo": (
        "gspo", {"clip_low": 0.2, "clip_high": 0.2}, "seq-mean-token-mean",
        {"loss_type": "grpo", "importance_sampling_level": "sequence"},
    ),
    "luspo": (
        "luspo", {}, "seq-mean-token-sum",
        {"loss_type": "luspo", "importance_sampling_level": "sequence"},
    ),
    "vespo": ("vespo", {}, "token-mean", {"loss_type": "vespo"}),
}  # fmt: skip


def loss_of_ours(
    name: str, settings: dict[str, Any], mode: str, batch: PeerBatch, logp: Tensor, focus: str = ""
) -> Tensor:
    known: dict[str, Any] = {
        "logp": logp, "old_logp": batch.old_logp, "advantages": batch.advantages,
        "mask": batch.mask, "log_mismatch": None, "off_policy": torch.zeros_like(batch.mask),
        "survey": Survey.of(batch.logp, batch.advantages, batch.mask, batch.entropy),
    }  # fmt: skip
    values, _ = part("loss", name, **settings).supply(known)
    if focus == "top-entropy":
        values = values * part("focus", focus, share=0.3).supply(known)
    if focus == "off-policy-sequences":
        values = values * part("focus", focus, threshold=0.1).supply(known)
    width = {"length": WIDTH} if mode == "trl-dr-grpo" else {}
    total: Tensor = part("aggregation", mode, **width)(values, batch.mask, Totals.of(batch.mask))
    return total


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_that_of_trl_in_value_and_gradient(
    name: str, trainer: Any, fed: SimpleNamespace, batch: PeerBatch
) -> None:
    ours, settings, mode, theirs = LOSSES[name]
    leaf, other = batch.leaf(), batch.leaf()
    expected = loss_of_trl(trainer, fed, batch, other, **theirs)
    same_gradient((loss_of_ours(ours, settings, mode, batch, leaf), leaf), (expected, other))


Loss = tuple[Tensor, Tensor]
"""A loss and the leaf that its gradient belongs to."""


@pytest.fixture
def with_an_empty_row(
    name: str, trainer: Any, fed: SimpleNamespace, batch: PeerBatch
) -> tuple[Loss, Loss]:
    """Our loss and TRL's of the batch with nothing to train on in its second row."""
    ours, settings, mode, theirs = LOSSES[name]
    mask = batch.mask.clone()
    mask[1] = 0.0
    masked = dataclasses.replace(batch, mask=mask)
    leaf, other = masked.leaf(), masked.leaf()
    expected = loss_of_trl(trainer, fed, masked, other, **theirs)
    return (loss_of_ours(ours, settings, mode, masked, leaf), leaf), (expected, other)


@pytest.mark.parametrize("name", ["dapo", "cispo", "vespo", "dr_grpo"])
def test_a_row_that_is_fully_masked_costs_what_it_costs_in_trl(
    with_an_empty_row: tuple[Loss, Loss],
) -> None:
    same_gradient(*with_an_empty_row)


@pytest.mark.parametrize("name", ["grpo", "sapo", "gspo", "luspo"])
def test_the_sequence_means_of_trl_count_a_row_that_is_fully_masked_and_ours_do_not(
    with_an_empty_row: tuple[Loss, Loss],
) -> None:
    (found, leaf), theirs = with_an_empty_row
    same_gradient((found * (ROWS - 1) / ROWS, leaf), theirs)


@pytest.mark.parametrize(
    ("focus", "theirs"),
    [
        ("top-entropy", {"top_entropy_quantile": 0.3}),
        ("off-policy-sequences", {"off_policy_mask_threshold": 0.1}),
    ],
)
def test_a_focus_is_that_of_trl(
    focus: str, theirs: dict[str, Any], trainer: Any, fed: SimpleNamespace, batch: PeerBatch
) -> None:
    leaf, other = batch.leaf(), batch.leaf()
    expected = loss_of_trl(trainer, fed, batch, other, **theirs)
    plain = {"log_ratio_clamp": None}
    found = loss_of_ours("ppo-clip", plain, "token-mean", batch, leaf, focus)
    same_gradient((found, leaf), (expected, other))


@pytest.mark.parametrize(("name", "by_ratio"), [("kl", False), ("kl-by-ratio", True)])
def test_the_kl_in_the_loss_is_that_of_trl(
    name: str, by_ratio: bool, trainer: Any, fed: SimpleNamespace, batch: PeerBatch
) -> None:
    leaf, other = batch.leaf(), batch.leaf()
    theirs = {"beta": 0.5, "use_bias_correction_kl": by_ratio}
    expected = loss_of_trl(trainer, fed, batch, other, **theirs)
    known = {
        "logp": leaf, "reference_logp": batch.reference_logp, "old_logp": batch.old_logp,
        "mask": batch.mask,
    }  # fmt: skip
    value = part("regulariser", name, estimator="k3").supply(known)
    penalty = part("aggregation", "token-mean")(value, batch.mask, Totals.of(batch.mask))
    plain = loss_of_ours("ppo-clip", {"log_ratio_clamp": None}, "token-mean", batch, leaf)
    same_gradient((plain + 0.5 * penalty, leaf), (expected, other))


# -- advantages -----------------------------------------------------------------------------------

ADVANTAGES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "group": ("grpo", {"epsilon": 1e-4}, {"scale_rewards": "group"}),
    "batch": ("lite-ppo", {"epsilon": 1e-4}, {"scale_rewards": "batch"}),
    "none": ("dr-grpo", {}, {"scale_rewards": "none"}),
    "gdpo": ("gdpo", {"epsilon": 1e-4}, {"multi_objective_aggregation": "normalize_then_sum"}),
}
SUMMED = {"scale_rewards": "group", "multi_objective_aggregation": "sum_then_normalize"}


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("name", ADVANTAGES)
def test_advantages_are_those_of_trl(
    name: str, missing: bool, trainer: Any, fed: SimpleNamespace, batch: PeerBatch
) -> None:
    ours, settings, theirs = ADVANTAGES[name]
    for attribute, value in {**SUMMED, **theirs}.items():
        setattr(trainer, attribute, value)
    scores = [batch.rewards.tolist(), batch.advantages.tolist()]
    if missing:
        scores[0][1], scores[1][1] = None, None  # nobody scored this rollout
        scores[1][5] = None  # and this one misses one of two scores
    fed.scores = scores
    trainer.beta = 0.0
    prompts = [{"prompt": "count"} for _ in range(ROWS)]
    found = trainer._generate_and_score_completions(prompts)["advantages"]
    table = torch.tensor([[math.nan if s is None else s for s in row] for row in scores])
    weights = torch.tensor([1.0, 0.5])
    rewards = (table * weights[:, None]).nansum(0)
    rewards[table.isnan().all(0)] = math.nan
    known = {
        "rewards": rewards, "groups": batch.groups, "scores": table, "weights": weights,
        "memory": {},
    }  # fmt: skip
    expected = part("advantage", ours, **settings).supply(known)
    torch.testing.assert_close(expected, found, rtol=1e-4, atol=1e-5)


# -- correction and rewards -----------------------------------------------------------------------


@pytest.mark.parametrize("bounds", [(None, 3.0), (0.8, 1.2)])
@pytest.mark.parametrize(
    "mode", ["sequence-mask", "token-mask", "sequence-truncate", "token-truncate"]
)
def test_the_mismatch_weights_are_those_of_trl(
    mode: str, bounds: tuple[float | None, float], trainer: Any, fed: SimpleNamespace,
    batch: PeerBatch, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    low, high = bounds
    theirs = {
        "use_vllm": True, "vllm_importance_sampling_correction": True, "beta": 0.0,
        "vllm_importance_sampling_mode": mode.replace("-", "_"),
        "vllm_importance_sampling_clip_min": low, "vllm_importance_sampling_clip_max": high,
    }  # fmt: skip
    for name, value in {**SUMMED, **theirs}.items():
        monkeypatch.setattr(trainer, name, value)
    width = int(batch.lengths.max())
    old, rollout, mask = (
        values[:, :width] for values in (batch.logp, batch.rollout_logp, batch.mask)
    )
    lengths = batch.lengths.tolist()
    sampled = [row[:length] for row, length in zip(rollout.tolist(), lengths, strict=True)]
    ids, texts = [[1] * length for length in lengths], [""] * ROWS
    rollouts = ([[1]] * ROWS, ids, None, texts, sampled, {}, None, None)
    for name, value in {"rollouts": rollouts, "logp": old, "entropy": batch.entropy,
                        "scores": [batch.rewards.tolist()] * 2}.items():  # fmt: skip
        monkeypatch.setattr(fed, name, value)
    made = trainer._generate_and_score_completions([{"prompt": "count"} for _ in range(ROWS)])
    expected = made["importance_sampling_ratio"].expand(ROWS, width) * mask
    correction = part("correction", "trl-mismatch", mode=mode, low=low, high=high)
    found, kept = correction(old, rollout, mask)
    torch.testing.assert_close(found, expected)
    assert kept.equal(mask.bool())


def peer_rewards() -> Any:
    return pytest.importorskip("trl.rewards", reason="TRL 1.16 is not installed")


@pytest.mark.parametrize(("limit", "buffer"), [(100, 20), (100, 100), (7, 3)])
def test_the_soft_overlong_penalty_is_that_of_trl(limit: int, buffer: int) -> None:
    lengths = range(1, limit + 5)
    theirs = peer_rewards().get_soft_overlong_punishment(limit, buffer)
    ours = part("reward", "soft-overlong", limit=limit, buffer=buffer)
    found = [ours.supply({"length": length}) for length in lengths]
    assert found == pytest.approx(theirs([[1] * length for length in lengths]))


@pytest.mark.parametrize(("n", "most"), [(3, -1.0), (2, -0.5), (1, -1.0)])
def test_the_repetition_penalty_is_that_of_trl(n: int, most: float) -> None:
    made = torch.Generator().manual_seed(n)
    responses = [
        tuple(torch.randint(0, 3, (length,), generator=made).tolist()) for length in range(1, 12)
    ]
    members = tuple(
        Graded(Rollout(ids, (0.0,) * len(ids), "", "end"), Verdict(Outcome.WRONG, 0.0))
        for ids in responses
    )
    theirs = peer_rewards().get_repetition_penalty_reward(n, most)
    ours = part("reward", "token-repetition", n=n, most=most)
    [found] = ours.supply({"groups": [Group(Sample("s", ()), members)]})
    assert found == pytest.approx(theirs([list(ids) for ids in responses]))


# -- defaults -------------------------------------------------------------------------------------


def test_the_conformance_table_has_the_defaults_of_the_installed_trl(trainer: Any) -> None:
    from trl import GRPOConfig

    known = {field.name: field.default for field in dataclasses.fields(GRPOConfig)}
    peer = PEERS["TRL"]()
    clip = peer.loss.settings
    assert (clip["clip_low"], clip["delta"]) == (known["epsilon"], known["delta"])
    assert clip["clip_high"] == known["epsilon"]
    assert known["epsilon_high"] is None
    assert peer.kl_is_on == (known["beta"] > 0)
    assert (known["loss_type"], peer.aggregate.part.name) == ("dapo", "token-mean")
    assert peer.advantage.settings["scale"] == f"{known['scale_rewards']}-std"
    [correction] = peer.corrections
    assert correction.settings["mode"].replace("-", "_") == known["vllm_importance_sampling_mode"]
    assert correction.settings["high"] == known["vllm_importance_sampling_clip_max"]
    assert correction.settings["low"] == known["vllm_importance_sampling_clip_min"]
