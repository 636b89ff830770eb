"""The parts that stand for verl give what the functions of the installed verl give.

They run where verl 0.9.1 is installed (make peers), for it brings ray and much else.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gnomon.parts import part
from gnomon.rl.aggregation import Totals
from gnomon.rl.critic import value_loss
from gnomon.rl.objective import PEERS
from gnomon.rl.returns import generalised_advantages, row_means
from peer_batches import PeerBatch, peer_batch, same_gradient

pytestmark = pytest.mark.filterwarnings("ignore")
SEEDS = range(3)


@pytest.fixture(scope="module")
def verl() -> Any:
    """verl's core algorithms."""
    return pytest.importorskip(
        "verl.trainer.ppo.core_algos",
        reason="verl 0.9.1 is not installed: make peers",
        exc_type=ImportError,
    )


@pytest.fixture(params=SEEDS)
def batch(request: pytest.FixtureRequest) -> PeerBatch:
    return peer_batch(request.param)


def uid(batch: PeerBatch) -> Any:
    return np.array([f"question {g}" for g in batch.groups.tolist()], dtype=object)


def ours(name: str, batch: PeerBatch, **settings: Any) -> Tensor:
    known = {
        "rewards": batch.rewards, "groups": batch.groups, "lengths": batch.lengths,
        "mask": batch.mask, "values": batch.values, "penalties": torch.zeros_like(batch.mask),
        "greedy": batch.advantages, "memory": {}, "scores": batch.rewards[None],
        "weights": torch.ones(1),
    }  # fmt: skip
    made: Tensor = part("advantage", name, **settings).supply(known)
    return made if made.ndim == 2 else made[:, None] * batch.mask


# -- advantages -----------------------------------------------------------------------------------

OUTCOME = {
    "grpo": ("grpo", {"single": "keep"}, {}),
    "dr-grpo": ("grpo", {"single": "keep"}, {"norm_adv_by_std_in_grpo": False}),
    "grpo-vectorised": ("grpo_vectorized", {}, {}),
    "rloo": ("rloo", {}, {}),
    "opo": ("opo", {"single": "keep"}, {}),
    "gpg": ("gpg", {"single": "keep"}, {}),
    "reinforce-plus-plus-baseline": ("reinforce_plus_plus_baseline", {"single": "keep"}, {}),
}


@pytest.mark.parametrize("name", OUTCOME)
def test_an_advantage_is_that_of_verl(name: str, verl: Any, batch: PeerBatch) -> None:
    theirs, settings, arguments = OUTCOME[name]
    make = verl.get_adv_estimator_fn(theirs)
    expected, _ = make(
        batch.token_rewards, response_mask=batch.mask, index=uid(batch), config={}, **arguments
    )
    torch.testing.assert_close(ours(name, batch, **settings), expected, rtol=1e-4, atol=1e-5)


def test_a_group_of_one_is_treated_as_by_verl(verl: Any, batch: PeerBatch) -> None:
    alone = PeerBatch(**{**vars(batch), "groups": torch.arange(len(batch.groups))})
    for name in ("grpo", "dr-grpo", "rloo", "opo", "gpg"):
        theirs, settings, arguments = OUTCOME[name]
        expected, _ = verl.get_adv_estimator_fn(theirs)(
            alone.token_rewards, response_mask=alone.mask, index=uid(alone), config={}, **arguments
        )
        torch.testing.assert_close(ours(name, alone, **settings), expected, rtol=1e-4, atol=1e-5)


def test_pass_at_k_is_that_of_verl(verl: Any, batch: PeerBatch) -> None:
    distinct = PeerBatch(**{**vars(batch), "rewards": batch.advantages})
    expected, _ = verl.compute_grpo_passk_outcome_advantage(
        distinct.token_rewards, distinct.mask, uid(distinct), config={}
    )
    torch.testing.assert_close(ours("pass-at-k", distinct), expected, rtol=1e-4, atol=1e-5)


def test_remax_is_that_of_verl(verl: Any, batch: PeerBatch) -> None:
    expected, _ = verl.compute_remax_outcome_advantage(
        batch.token_rewards, batch.advantages, batch.mask
    )
    torch.testing.assert_close(ours("remax", batch), expected * batch.mask)


@pytest.mark.parametrize("gamma", [1.0, 0.9])
def test_reinforce_plus_plus_is_that_of_verl(verl: Any, batch: PeerBatch, gamma: float) -> None:
    from verl.trainer.config import AlgoConfig

    expected, _ = verl.compute_reinforce_plus_plus_outcome_advantage(
        batch.token_rewards, batch.mask, config=AlgoConfig(gamma=gamma)
    )
    found = ours("reinforce-plus-plus", batch, gamma=gamma)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("gamma", "lam"), [(1.0, 1.0), (0.9, 0.8)])
def test_gae_and_its_returns_are_those_of_verl(
    verl: Any, batch: PeerBatch, gamma: float, lam: float
) -> None:
    mask = batch.mask.clone()
    mask[:, 1] = 0.0  # the words of a tool, which neither side trains
    mask[:, 0] = 1.0
    rewards = torch.where(mask.bool(), batch.token_rewards, 0.0)
    expected, returns = verl.compute_gae_advantage_return(rewards, batch.values, mask, gamma, lam)
    found, aims = generalised_advantages(rewards, batch.values, mask, gamma, lam)
    whitened = ours("gae", batch, gamma=gamma, lam=lam)
    torch.testing.assert_close(aims, returns * mask, rtol=1e-4, atol=1e-5)
    plain, _ = verl.compute_gae_advantage_return(
        batch.token_rewards, batch.values, batch.mask, gamma, lam
    )
    torch.testing.assert_close(whitened, plain * batch.mask, rtol=1e-4, atol=1e-5)
    assert expected.shape == found.shape


# -- losses ---------------------------------------------------------------------------------------

LOSSES: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "ppo-clip": ("vanilla", {"dual_clip": 3.0}, {}, "token-mean"),
    "gspo": ("gspo", {"clip_low": 0.2, "clip_high": 0.2}, {}, "seq-mean-token-mean"),
    "sapo": ("sapo", {}, {}, "seq-mean-token-mean"),
    "reinforce": ("gpg", {}, {}, "token-mean"),
    "gmpo": ("geo_mean", {}, {}, "seq-mean-token-mean"),
    "cispo": ("cispo", {}, {}, "token-mean"),
    "kl-cov": ("kl_cov", {"share": 0.2}, {"kl_cov_ratio": 0.2}, "token-mean"),
    "clip-cov": (
        "clip_cov",
        {"share": 1.0, "low": 0.05, "high": 99.0},
        {"clip_cov_ratio": 1.0, "clip_cov_lb": 0.05, "clip_cov_ub": 99.0},
        "token-mean",
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_that_of_verl_in_value_and_gradient(
    name: str, verl: Any, batch: PeerBatch
) -> None:
    from verl.workers.config import ActorConfig
    from verl.workers.config.actor import PolicyLossConfig

    theirs, settings, policy_loss, mode = LOSSES[name]
    config = ActorConfig(
        strategy="fsdp", use_dynamic_bsz=True, rollout_n=4,
        policy_loss=PolicyLossConfig(**policy_loss),
    )  # fmt: skip
    leaf, other = batch.leaf(), batch.leaf()
    expected, _ = verl.get_policy_loss_fn(theirs)(
        batch.old_logp, other, batch.wide, batch.mask, mode, config
    )
    found = loss_of(name, settings, batch, leaf, mode)
    if name == "clip-cov":
        # verl's band leaves out what the clip stopped, which has no gradient here either.
        gradients = [
            torch.autograd.grad(each, by)[0] for each, by in ((found, leaf), (expected, other))
        ]
        torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-6)
    else:
        same_gradient((found, leaf), (expected, other))


def loss_of(name: str, settings: Any, batch: PeerBatch, logp: Tensor, mode: str) -> Tensor:
    known = {
        "logp": logp, "old_logp": batch.old_logp, "advantages": batch.advantages,
        "mask": batch.mask, "survey": None, "log_mismatch": None,
    }  # fmt: skip
    values, _ = part("loss", name, **settings).supply(known)
    total: Tensor = part("aggregation", mode)(values, batch.mask, Totals.of(batch.mask))
    return total


@pytest.mark.parametrize("clip", [0.5, 0.05])
def test_the_value_loss_is_that_of_verl(verl: Any, batch: PeerBatch, clip: float) -> None:
    returns = batch.values + batch.wide
    leaf, other = batch.leaf(), batch.leaf()
    expected, share = verl.compute_value_loss(other, returns, batch.old_logp, batch.mask, clip)
    loss, held = value_loss(leaf, batch.old_logp, returns, batch.mask, clip=clip)
    found = part("aggregation", "token-mean")(loss, batch.mask, Totals.of(batch.mask))
    same_gradient((found, leaf), (expected, other))
    assert float(held.sum() / batch.mask.sum()) == pytest.approx(float(share))


MODES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("token-mean", {}, {}),
    ("seq-mean-token-mean", {}, {}),
    ("seq-mean-token-sum", {}, {}),
    ("seq-mean-token-sum-norm", {"divide": "sequences"}, {}),
    ("seq-mean-token-sum-norm", {"divide": "sequences", "length": 7}, {"loss_scale_factor": 7}),
]


@pytest.mark.parametrize(("mode", "settings", "arguments"), MODES)
def test_an_aggregation_is_that_of_verl(
    mode: str, settings: Any, arguments: Any, verl: Any, batch: PeerBatch
) -> None:
    mask = batch.mask.clone()
    mask[2] = 0.0  # a sequence that is masked whole leaves the denominators
    expected = verl.agg_loss(batch.logp, mask, mode, **arguments)
    found = part("aggregation", mode, **settings)(batch.logp, mask, Totals.of(mask))
    torch.testing.assert_close(found, expected)


# -- KL, and the engine's mismatch ----------------------------------------------------------------

KLS: dict[str, dict[str, Any]] = {
    "k1": {"estimator": "k1"},
    "abs": {"estimator": "abs"},
    "k2": {"estimator": "k2"},
    "k3": {"estimator": "k3", "clamp": (20.0, 10.0)},
    "k3+": {"estimator": "k3", "clamp": (20.0, 10.0), "gradient": "k2"},
    "k1+": {"estimator": "k1", "gradient": "k2"},
}


@pytest.mark.parametrize("theirs", KLS)
def test_a_kl_is_that_of_verl_in_value_and_gradient(
    theirs: str, verl: Any, batch: PeerBatch
) -> None:
    leaf, other = batch.leaf(), batch.leaf()
    reference = batch.reference_logp.clone()
    reference[0, 0] = leaf[0, 0].item() + 15.0  # beyond the clamp of the result
    expected = verl.kl_penalty(other, reference, theirs).sum()
    found = part("regulariser", "kl", **KLS[theirs])(leaf, reference).sum()
    same_gradient((found, leaf), (expected, other))


def test_the_adaptive_coefficient_is_that_of_verl(verl: Any) -> None:
    theirs, memory = verl.AdaptiveKLController(0.001, 0.1, 100), {}
    make = part("schedule", "adaptive-kl", initial=0.001, target=0.1, horizon=100)
    make(None, 8, memory)
    for measured in (0.3, 0.11, 0.02, 0.1, 5.0):
        theirs.update(measured, 8)
        assert make(measured, 8, memory) == pytest.approx(theirs.value)


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("level", ["token", "sequence"])
def test_truncation_is_that_of_verl(
    level: Any, normalised: bool, verl: Any, batch: PeerBatch
) -> None:
    from verl.trainer.ppo.rollout_corr_helper import compute_rollout_correction_weights

    expected, _ = compute_rollout_correction_weights(
        batch.old_logp - batch.rollout_logp, batch.mask, level, 2.0, normalised
    )
    make = part("correction", "truncate", level=level, cap=2.0, normalised=normalised)
    found, _ = make(batch.old_logp, batch.rollout_logp, batch.mask)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("option", "threshold", "bounds"),
    [
        ("token_k1", "0.7_1.5", (0.7, 1.5)), ("seq_mean_k1", "0.7_1.5", (0.7, 1.5)),
        ("seq_sum_k1", "0.5_2.0", (0.5, 2.0)), ("token_k2", "0.05", 0.05),
        ("seq_mean_k2", "0.1", 0.1), ("seq_max_k2", "0.2", 0.2), ("token_k3", "0.05", 0.05),
        ("seq_sum_k3", "0.3", 0.3), ("seq_max_k3", "0.2", 0.2),
    ],
)  # fmt: skip
def test_rejection_is_that_of_verl(
    option: str, threshold: str, bounds: Any, verl: Any, batch: PeerBatch
) -> None:
    from verl.trainer.ppo.rollout_corr_helper import compute_rollout_rejection_mask

    expected, _ = compute_rollout_rejection_mask(
        batch.old_logp - batch.rollout_logp, batch.mask, option, threshold
    )
    level, _, divergence = option.rpartition("_")
    make = part(
        "correction", "reject", level=level.replace("_", "-"), divergence=divergence, bounds=bounds
    )
    _, kept = make(batch.old_logp, batch.rollout_logp, batch.mask)
    assert kept.float().equal(expected.float())


def test_row_means_are_the_masked_means_of_verl(verl: Any, batch: PeerBatch) -> None:
    import verl.utils.torch_functional as theirs

    expected = theirs.masked_mean(batch.logp, batch.mask, axis=-1)
    torch.testing.assert_close(row_means(batch.logp, batch.mask), expected)


def test_the_conformance_table_has_the_defaults_of_the_installed_verl(verl: Any) -> None:
    """The correction is that of verl's own class; its command line leaves it off."""
    from verl.trainer.config.algorithm import AlgoConfig, RolloutCorrectionConfig
    from verl.workers.config import ActorConfig

    def defaults(made: Any) -> dict[str, Any]:
        return {field.name: field.default for field in dataclasses.fields(made)}

    actor, peer = defaults(ActorConfig), PEERS["verl"]()
    clip = peer.loss.settings
    assert (clip["clip_low"], clip["clip_high"]) == (
        actor["clip_ratio_low"],
        actor["clip_ratio_high"],
    )
    assert clip["dual_clip"] == actor["clip_ratio_c"]
    assert peer.aggregate.part.name == actor["loss_agg_mode"]
    assert peer.kl_is_on == actor["use_kl_loss"]
    assert peer.kl is not None
    assert (peer.kl.settings["estimator"], actor["kl_loss_type"]) == ("k3", "low_var_kl")
    assert defaults(AlgoConfig)["norm_adv_by_std_in_grpo"]
    rollout = defaults(RolloutCorrectionConfig)
    [correction] = peer.corrections
    assert correction.settings["level"] == rollout["rollout_is"]
    assert correction.settings["cap"] == rollout["rollout_is_threshold"]
    assert correction.settings["normalised"] == rollout["rollout_is_batch_normalize"]
