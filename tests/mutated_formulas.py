"""Changes of the formulas of an objective, each of which some test must notice.

Each stands as: formula, what is flipped, what stands once in the module, what is put in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "gnomon"
TESTS = {
    "advantages": ("advantages",), "estimators": ("estimators",), "moments": ("moments",),
    "returns": ("returns",), "critic": ("critic",), "losses": ("losses",),
    "sequence_losses": ("sequence_losses",), "covariance": ("covariance",),
    "guidance": ("guidance",), "regularisers": ("regularisers",),
    "corrections": ("corrections",), "resampling": ("resampling",), "filters": ("filters",),
    "weights": ("weights",), "aggregation": ("aggregation",), "schedules": ("schedules",),
    "controllers": ("controllers",), "perception": ("perception",), "focus": ("focus",),
    "corruption": ("corruption",), "critical": ("critical",),
}  # fmt: skip
"""The test files under tests/rl of each module under gnomon.rl."""


@dataclass(frozen=True)
class Mutation:
    """One change of one formula: what stands once in the module, and what is put in its place."""

    module: str
    formula: str
    kind: str
    old: str
    new: str

    @property
    def path(self) -> Path:
        """The module, relative to the package."""
        return Path("rl") / f"{self.module}.py"

    @property
    def tests(self) -> tuple[Path, ...]:
        """The test files that must fail."""
        return tuple(ROOT / "tests" / "rl" / f"test_{name}.py" for name in TESTS[self.module])


def _of(module: str, *rows: tuple[str, str, str, str]) -> Iterator[Mutation]:
    return (Mutation(module, *row) for row in rows)


MUTATIONS: tuple[Mutation, ...] = (
    *_of(
        "advantages",
        ("grpo", "sign", "self.rewards_JG - self.mean_J1", "self.rewards_JG + self.mean_J1"),
        ("grpo", "epsilon", "spread > 0, spread + epsilon, 1.0", "spread > 0, spread, 1.0"),
        ("grpo", "bias", '(1 if bias == "unbiased" else 0)', "0"),
        ("grpo", "denominator", "/ freedom_J1.clamp(min=1)).sqrt()", "/ freedom_J1.clamp(min=1))"),
        ("grpo", "scope", "GroupedRewards.of(rewards, torch.zeros_like(groups)).spread_J1(bias)",
         "grouped.spread_J1(bias)"),
        ("grpo", "single", "torch.where(count_J1 == 1, grouped.rewards_JG", "torch.where(count_J1 < 0, grouped.rewards_JG"),
        ("dr-grpo", "denominator", 'return grpo(rewards, groups, scale="none", single=single)',
         "return grpo(rewards, groups, single=single)"),
        ("rloo", "denominator", "centred_JG * count_J1 / (count_J1 - 1).clamp(min=1)", "centred_JG"),
        ("rloo", "denominator", 'baseline="leave-one-out", scale="none"', 'baseline="leave-one-out"'),
    ),
    *_of(
        "estimators",
        ("lite-ppo", "denominator", 'scale="batch-std", bias=bias', 'scale="group-std", bias=bias'),
        ("lite-ppo", "bias", "bias=bias, epsilon=epsilon)", "epsilon=epsilon)"),
        ("lite-ppo", "epsilon", "bias=bias, epsilon=epsilon)", "bias=bias)"),
        ("grpo-vectorised", "epsilon", ".clamp(min=epsilon).sqrt()", ".sqrt()"),
        ("grpo-vectorised", "epsilon", "spread_J1, 1.0) + epsilon", "spread_J1, 1.0)"),
        ("grpo-vectorised", "bias", 'grouped.spread_J1("unbiased").square()',
         'grouped.spread_J1("population").square()'),
        ("remax", "sign", "(rewards - greedy)", "(rewards + greedy)"),
        ("opo", "sign", "grouped.rewards_JG - baseline_J1", "grouped.rewards_JG + baseline_J1"),
        ("opo", "denominator", "(weight_JG * present_JG).nansum(1, keepdim=True)",
         "present_JG.sum(1, keepdim=True)"),
        ("gpg", "denominator", "(int(present.sum()) / max(paid, 1))", "1.0"),
        ("gpg", "denominator", "(rewards[present] != 0).sum()", "(rewards[present] > 1).sum()"),
        ("pass-at-k", "sign", "ranked_JG[:, :1] - ranked_JG[:, 1:2]", "ranked_JG[:, :1] + ranked_JG[:, 1:2]"),
        ("pass-at-k", "epsilon", '(grouped.spread_J1("unbiased") + epsilon)', '(grouped.spread_J1("unbiased") + 0.1)'),
        ("pass-at-k", "bias", 'lead_J1 / (grouped.spread_J1("unbiased")', 'lead_J1 / (grouped.spread_J1("population")'),
        ("gdpo", "denominator", "torch.stack(parts).mul(weights.to(rewards.dtype)[:, None]).sum(0)",
         "torch.stack(parts).sum(0)"),
        ("gdpo", "epsilon", "[grpo(term_N, groups, epsilon=epsilon) for", "[grpo(term_N, groups) for"),
        ("gdpo", "epsilon", "whole, epsilon=epsilon)", "whole)"),
        ("gdpo", "scope", "summed_N, math.nan), whole", "summed_N, math.nan), groups"),
        ("on-policy-baseline", "sign", "rewards - mean_J1[own.row_N, 0]", "rewards + mean_J1[own.row_N, 0]"),
        ("on-policy-baseline", "scope", "torch.where(off_policy.bool(), math.nan, rewards.float())",
         "rewards.float()"),
        ("on-policy-baseline", "bias", 'own.spread_J1("unbiased")', 'own.spread_J1("population")'),
        ("on-policy-baseline", "epsilon", "spread_J1 > 0, spread_J1 + epsilon, 1.0",
         "spread_J1 > 0, spread_J1 + 0.1, 1.0"),
    ),
    *_of(
        "moments",
        ("scoped", "sign", '"running": lambda: rewards - mean,', '"running": lambda: rewards + mean,'),
        ("scoped", "epsilon", "spread_N > 0, spread_N + epsilon, 1.0", "spread_N > 0, spread_N, 1.0"),
        ("scoped", "bias", "batch.spread_J1(bias)[batch.row_N, 0]", 'batch.spread_J1("population")[batch.row_N, 0]'),
        ("scoped", "denominator", "math.sqrt(squares / (count - 1))", "math.sqrt(squares / count)"),
        ("scoped", "denominator", "count * new / total\n", "count * new\n"),
        ("ema-grpo", "sign", "second - first * first", "second + first * first"),
        ("ema-grpo", "epsilon", "centred_N / (deviation_N + epsilon)", "centred_N / (deviation_N + 0.01)"),
        ("ema-grpo", "epsilon", "max(second - first * first, least * least)", "max(second - first * first, least)"),
        ("ema-grpo", "bias", 'group.spread_J1("population") + epsilon', 'group.spread_J1("unbiased") + epsilon'),
        ("ema-grpo", "denominator", "beta * old + (1 - beta) * new", "beta * new + (1 - beta) * old"),
        ("ema-grpo", "order", 'memory[task] if order == "update-first" else before', "before"),
        ("ema-grpo", "bound", "table.rewards_JG.abs() > guard", "table.rewards_JG.abs() > 2 * guard"),
    ),
    *_of(
        "returns",
        ("reinforce-plus-plus", "sign", "place_rewards(rewards, mask) - penalties\n    trained_NT = _with_reward(mask, rewards)\n    return whiten",
         "place_rewards(rewards, mask) + penalties\n    trained_NT = _with_reward(mask, rewards)\n    return whiten"),
        ("reinforce-plus-plus", "denominator", "returns(token_rewards_NT, trained_NT, gamma), trained_NT", "returns(token_rewards_NT, trained_NT), trained_NT"),
        ("reinforce-plus-plus", "bias", "chosen.var() + WHITENING_EPSILON", "chosen.var(correction=0) + WHITENING_EPSILON"),
        ("reinforce-plus-plus", "epsilon", "WHITENING_EPSILON = 1e-8", "WHITENING_EPSILON = 1e-2"),
        ("reinforce-plus-plus", "sign", "values - chosen.mean()", "values + chosen.mean()"),
        ("reinforce-plus-plus-baseline", "denominator", "return whiten(centred_N[:, None] * trained_NT, trained_NT)",
         "return centred_N[:, None] * trained_NT"),
        ("gae", "sign", "gamma * following_N - values[:, t]", "gamma * following_N + values[:, t]"),
        ("gae", "sign", "place_rewards(rewards, mask) - penalties\n    trained_NT = _with_reward(mask, rewards)\n    advantages_NT, _",
         "place_rewards(rewards, mask) + penalties\n    trained_NT = _with_reward(mask, rewards)\n    advantages_NT, _"),
        ("gae", "denominator", "delta_N + gamma * lam * advantage_N", "delta_N + lam * advantage_N"),
        ("gae", "denominator", "token_rewards[:, t] + gamma * following_N", "token_rewards[:, t] + following_N"),
        ("gae", "sign", "advantages_NT + values, 0.0", "advantages_NT - values, 0.0"),
        ("gae", "mask", "following_N = torch.where(trained_N, values[:, t], following_N)", "following_N = values[:, t]"),
    ),
    *_of(
        "critic",
        ("value-loss", "sign", "(values - returns).square()", "(values + returns).square()"),
        ("value-loss", "denominator", "0.5 * torch.maximum(free_NT, held_NT)", "torch.maximum(free_NT, held_NT)"),
        ("value-loss", "bound", "torch.maximum(free_NT, held_NT)", "torch.minimum(free_NT, held_NT)"),
        ("value-loss", "bound", "old_values - clip, old_values + clip", "-clip, clip"),
        ("explained-variance", "sign", "return 1.0 - float(missed", "return 1.0 + float(missed"),
        ("explained-variance", "denominator", "missed.var(correction=0)) / spread", "missed.var(correction=0))"),
        ("explained-variance", "epsilon", "LEAST_SPREAD = 1e-10", "LEAST_SPREAD = 0.0"),
        ("critic", "mask", "if spread > LEAST_SPREAD else math.nan", "if spread > LEAST_SPREAD else 0.0"),
    ),
    *_of(
        "losses",
        ("ppo-clip", "sign", "free_NT = -advantages * capped_NT", "free_NT = advantages * capped_NT"),
        ("ppo-clip", "bound", "ratio_NT.clamp(1 - bounds[0], 1 + bounds[1])", "ratio_NT.clamp(1 + bounds[0], 1 + bounds[1])"),
        ("ppo-clip", "bound", "torch.maximum(free_NT, bounded_NT), stats", "torch.minimum(free_NT, bounded_NT), stats"),
        ("ppo-clip", "bound", "torch.where(advantage_NT < 0, -ceiling * advantage_NT, math.inf)", "-ceiling * advantage_NT.abs()"),
        ("ppo-clip", "bound", "ratio_NT.clamp(max=delta)", "ratio_NT"),
        ("ppo-clip", "bound", "log_ratio_NT if clamp is None else log_ratio_NT.clamp(*clamp)", "log_ratio_NT"),
        ("reinforce", "sign", "return -per_token(advantages, mask)", "return per_token(advantages, mask)"),
        ("cispo", "sign", "return -held_NT * advantage_NT", "return held_NT * advantage_NT"),
        ("cispo", "bound", "(1 - clip_low, 1 + clip_high)", "(1 - clip_low, clip_high)"),
        ("cispo-absolute", "bound", "mask, (0.0, bound))", "mask, (0.0, 1 + bound))"),
        ("sapo", "sign", "return -gate_NT * advantage_NT", "return gate_NT * advantage_NT"),
        ("sapo", "denominator", "* 4 / tau_NT", "* 4"),
        ("sapo", "bias", "(log_ratio_NT.exp() - 1)", "log_ratio_NT.exp()"),
        ("sapo", "bound", "advantage_NT > 0, tau_positive, tau_negative", "advantage_NT > 0, tau_negative, tau_positive"),
    ),
    *_of(
        "sequence_losses",
        ("gspo", "denominator", "sequence_N1 = row_means(log_ratio_NT, mask)[:, None]", "sequence_N1 = log_ratio_NT.sum(1)[:, None]"),
        ("gspo", "sign", "+ own_NT - own_NT.detach()", "- own_NT + own_NT.detach()"),
        ("gspo", "bound", ".clamp(max=log_ceiling)", ""),
        ("luspo", "bound", "log_ceiling=CLAMP[1],", "log_ceiling=0.0,"),
        ("gmpo", "sign", "-advantage_N1 * ratio_N1", "advantage_N1 * ratio_N1"),
        ("gmpo", "denominator", "ratio_N1 = row_means(held_NT, mask)[:, None].exp()", "ratio_N1 = held_NT.sum(1)[:, None].exp()"),
        ("gmpo", "bound", "log_ratio_NT.clamp(min=-clip_low)", "log_ratio_NT.clamp(min=clip_low)"),
        ("vespo", "sign", "return -phi_NT * advantage_NT", "return phi_NT * advantage_NT"),
        ("vespo", "sign", "lam + k * log_w - lam", "lam - k * log_w - lam"),
        ("vespo", "bias", "torch.exp(lam + k * log_w - lam * log_w.exp())", "torch.exp(k * log_w - lam * log_w.exp())"),
        ("vespo", "bound", "summed_N.clamp(math.log(1e-8), CLAMP[1])", "summed_N"),
        ("vespo", "bound", "advantage_NT >= 0, k_positive, k_negative", "advantage_NT > 0, k_positive, k_negative"),
    ),
    *_of(
        "covariance",
        ("clip-cov", "sign", "(advantages - advantages[trained_NT].mean())", "(advantages + advantages[trained_NT].mean())"),
        ("clip-cov", "bound", "(cov_BW > low) & (cov_BW < high)", "(cov_BW > low)"),
        ("clip-cov", "denominator", "max(1, int(share * int(survey.mask.bool().sum())))", "max(1, int(share * survey.mask.numel()))"),
        ("kl-cov", "sign", "loss_NT = -per_token(advantages, mask)", "loss_NT = per_token(advantages, mask)"),
        ("kl-cov", "sign", "coefficient * log_ratio_NT.abs()", "coefficient * log_ratio_NT"),
        ("kl-cov", "denominator", "(logp - logp[trained_NT].mean())", "logp"),
    ),
    *_of(
        "guidance",
        ("luffy", "denominator", '"ratio": lambda x, q, c: x / (x + c)', '"ratio": lambda x, q, c: x / c'),
        ("luffy", "epsilon", "lambda x, q, c: x / (q + 1e-6)", "lambda x, q, c: x / (q + 1e-2)"),
        ("luffy", "sign", "torch.where(other_NT, -advantage_NT * shaped_NT, own_loss_NT)",
         "torch.where(other_NT, advantage_NT * shaped_NT, own_loss_NT)"),
        ("luffy", "bound", "shaped_NT if cap is None else shaped_NT.clamp(*cap)", "shaped_NT"),
        ("luffy", "bound", "bounds = clip or (math.inf, math.inf)", "bounds = (0.2, 0.2)"),
        ("shaped-ratio", "sign", "return -per_token(advantages, mask) * ratio_NT", "return per_token(advantages, mask) * ratio_NT"),
        ("shaped-ratio", "denominator", " / shape(old_NT, old_NT, constant)", ""),
    ),
    *_of(
        "regularisers",
        ("kl", "sign", "x_NT = logp - reference_logp.detach()", "x_NT = reference_logp.detach() - logp"),
        ("kl", "denominator", "0.5 * x.square()", "x.square()"),
        ("kl", "bias", "torch.expm1(-x) + x", "torch.exp(-x) + x"),
        ("kl", "sign", '"abs": lambda x: x.abs()', '"abs": lambda x: x'),
        ("kl", "bound", ".clamp(-after, after)", ""),
        ("kl", "bound", "x_NT.clamp(-before, before)", "x_NT"),
        ("kl", "gradient", 'through_NT = _ESTIMATORS["k2"](x_NT)', 'through_NT = _ESTIMATORS["k3"](x_NT)'),
        ("kl-by-ratio", "sign", "masked_log_ratio(logp, old_logp, mask, CLAMP).exp()", "(-masked_log_ratio(logp, old_logp, mask, CLAMP)).exp()"),
        ("nll", "sign", "torch.where(mask.bool(), -logp, 0.0)", "torch.where(mask.bool(), logp, 0.0)"),
        ("entropy-bonus", "sign", "return -entropy", "return entropy"),
        ("sampled-entropy-bonus", "sign", "    return logp\n", "    return -logp\n"),
    ),
    *_of(
        "corrections",
        ("truncate", "bound", ".exp().clamp(max=cap)", ".exp()"),
        ("truncate", "denominator", "weight_NT / every.mean() if len(every) else weight_NT", "weight_NT"),
        ("truncate", "denominator", "else _once(weight_NT, trained_NT)", "else weight_NT[trained_NT]"),
        ("truncate", "scope", "log_ratio_NT.sum(1, keepdim=True).expand_as(log_ratio_NT)", "log_ratio_NT.mean(1, keepdim=True).expand_as(log_ratio_NT)"),
        ("trl-mismatch", "bound", "(weight_NT > high) | (weight_NT < least)", "weight_NT > high"),
        ("trl-mismatch", "bound", "weight_NT.clamp(least, high)", "weight_NT.clamp(max=high)"),
        ("trl-mismatch", "bound", "(weight_NT < least), 0.0, weight_NT)", "(weight_NT < least), high, weight_NT)"),
        ("reject", "sign", '"k1": lambda lr: -lr', '"k1": lambda lr: lr'),
        ("reject", "denominator", '"k2": lambda lr: 0.5 * lr.square()', '"k2": lambda lr: lr.square()'),
        ("reject", "bias", "torch.expm1(lr) - lr", "torch.exp(lr) - lr"),
        ("reject", "denominator", "value_NT.sum(1, keepdim=True) / counts_N1", "value_NT.mean(1, keepdim=True)"),
        ("reject", "bound", "(found >= low) & (found <= high)", "(found <= high)"),
        ("effective-share", "denominator", "float(chosen.square().sum()) * len(chosen)", "float(chosen.square().sum())"),
    ),
    *_of(
        "resampling",
        ("pad", "bound", "(magnitude_N >= least) & (magnitude_N <= most)", "(magnitude_N > least) & (magnitude_N < most)"),
        ("pad", "bound", "(magnitude_N > least) & (magnitude_N < most)", "(magnitude_N >= least) & (magnitude_N <= most)"),
        ("pad", "denominator", "magnitude_N / (0.3 if temperature is None else temperature)", "magnitude_N"),
        ("pad", "epsilon", "(magnitude_N + 1e-8).log()", "(magnitude_N + 0.1).log()"),
        ("pad", "denominator", "(1.5 if alpha is None else alpha)", "1.0"),
        ("pad", "sign", "((0.3 if end is None else end) - start) * progress", "((0.3 if end is None else end) + start) * progress"),
        ("pad", "bias", "(size_N - 1) / size_N.sqrt()", "size_N / size_N.sqrt()"),
        ("pad", "epsilon", "1 + 1e-5)", "1 - 1e-3)"),
        ("drop-zero-variance", "bound", 'if single == "keep":\n        kept_J1', 'if single == "drop":\n        kept_J1'),
        ("drop-zero-variance", "sign", "kept_J1 = grouped.differ_J1", "kept_J1 = ~grouped.differ_J1"),
    ),
    *_of(
        "filters",
        ("accuracy-band", "bound", "(a_N > low) & (a_N < high)", "(a_N >= low) & (a_N < high)"),
        ("accuracy-band", "bound", "(size_J[row_N] == 1) & ~a_N.isnan()", "(size_J[row_N] == 1) & a_N.isnan()"),
        ("drop-truncated", "sign", "(~truncated.bool()).nonzero()", "truncated.bool().nonzero()"),
    ),
    *_of(
        "weights",
        ("difficulty-curve", "sign", "torch.cos((a - 0.5) * math.pi)", "torch.cos((a + 0.5) * math.pi)"),
        ("difficulty-curve", "bound", '"easy": lambda a: torch.where(a <= 0.5, _soft(a), 1.0)', '"easy": lambda a: torch.where(a >= 0.5, _soft(a), 1.0)'),
        ("difficulty-curve", "bias", '0.25 if curve == "hard" else 0.0', "0.0"),
        ("uncertainty", "sign", "d_N * (1 - d_N)", "d_N * (1 + d_N)"),
        ("uncertainty", "denominator", "4 * sigma * d_N", "sigma * d_N"),
        ("mean-score", "sign", "torch.exp(1 - m_N)", "torch.exp(1 + m_N)"),
        ("mean-score", "bias", "(1.05 - m_N)", "(1.0 - m_N)"),
        ("mean-score", "epsilon", "-torch.log(0.02 + m_N)", "-torch.log(0.2 + m_N)"),
        ("excess-length", "sign", "torch.pow(torch.tensor(base, dtype=torch.float64), -excess_N)", "torch.pow(torch.tensor(base, dtype=torch.float64), excess_N)"),
        ("excess-length", "bias", "weight_N = 2 - torch.pow", "weight_N = 1 - torch.pow"),
        ("excess-length", "bound", "torch.where(accuracy == 0, weight_N, 1.0)", "torch.where(accuracy == 1, weight_N, 1.0)"),
        ("difficulty-divergence", "sign", "torch.exp(-math.e * (1 - d_N))", "torch.exp(math.e * (1 - d_N))"),
        ("difficulty-divergence", "bias", "1 - torch.exp(-math.e", "2 - torch.exp(-math.e"),
        ("difficulty-divergence", "bound", "(d_N == 0) | (d_N == 1)", "d_N == 0"),
        ("difficulty-divergence", "sign", "torch.where(advantages > 0, shaped_N, 1.0)", "torch.where(advantages < 0, shaped_N, 1.0)"),
        ("band", "bound", "(a_N > low) & (a_N < high)", "(a_N >= low) & (a_N < high)"),
        ("not-truncated", "sign", "(~truncated.bool()).float()", "truncated.bool().float()"),
        ("overlong-by-reward", "bound", "lengths < limit", "lengths <= limit"),
        ("clamp-advantage", "denominator", "limit / advantages.abs()", "limit * advantages.abs()"),
        ("clamp-advantage", "bound", ".clamp(max=1.0)", ""),
        ("right-only", "sign", "return (accuracy == 1).to(accuracy.dtype)", "return (accuracy == 0).to(accuracy.dtype)"),
        ("demonstrations-only", "sign", "return off_policy.float()", "return 1 - off_policy.float()"),
    ),
    *_of(
        "aggregation",
        ("token-mean", "denominator", "masked(values, mask).sum() / max(totals.tokens, 1)", "masked(values, mask).sum() / max(int(mask.sum()), 1)"),
        ("seq-mean-token-mean", "denominator", "(masked(values, mask).sum(1) / trained_N).sum()", "masked(values, mask).sum()"),
        ("seq-mean-token-mean", "denominator", ".sum() / max(totals.sequences, 1)\n\n\n@register(\"aggregation\")\ndef seq_mean_token_sum(", ".sum() / max(totals.all_rows, 1)\n\n\n@register(\"aggregation\")\ndef seq_mean_token_sum("),
        ("seq-mean-token-sum", "denominator", "return masked(values, mask).sum() / max(totals.sequences, 1)", "return masked(values, mask).sum() / max(totals.tokens, 1)"),
        ("seq-mean-token-sum-norm", "denominator", "totals.width if length is None else length", "totals.width"),
        ("seq-mean-token-sum-norm", "denominator", 'summed / max(totals.sequences, 1) if divide == "sequences" else summed', "summed"),
        ("trl-dr-grpo", "denominator", "summed / max(totals.all_rows, 1)", "summed / max(totals.sequences, 1)"),
    ),
    *_of(
        "schedules",
        ("constant", "sign", "    return value\n", "    return -value\n"),
        ("cosine", "sign", "(1 + math.cos(math.pi * done))", "(1 - math.cos(math.pi * done))"),
        ("cosine", "denominator", "* 0.5 * (1 + math.cos", "* (1 + math.cos"),
        ("cosine", "bias", "(step + 1) / (updates + 1)", "step / (updates + 1)"),
        ("linear", "sign", "peak + (floor - peak) * done", "peak - (floor - peak) * done"),
        ("delayed-decay", "bias", "decay ** (step - warmup)", "decay ** step"),
        ("delayed-decay", "bound", "0.0 if step < warmup else initial * decay", "0.0 if step <= warmup else initial * decay"),
        ("delayed-linear", "sign", "max(initial - (initial - minimum)", "max(initial + (initial - minimum)"),
        ("delayed-linear", "denominator", "(initial - minimum) / updates * (step - warmup)", "(initial - minimum) * (step - warmup)"),
        ("linear-ramp", "sign", "start + (end - start) * min(step / updates, 1.0)", "start - (end - start) * min(step / updates, 1.0)"),
        ("linear-ramp", "denominator", "math.floor(round(share * steps, 9))", "steps"),
    ),
    *_of(
        "controllers",
        ("adaptive-kl", "sign", "measured / target - 1", "1 - measured / target"),
        ("adaptive-kl", "denominator", "error * rows / horizon", "error / horizon"),
        ("adaptive-kl", "bound", "LARGEST_ERROR = 0.2", "LARGEST_ERROR = 2.0"),
        ("adaptive-entropy", "sign", "low = -measured <= target", "low = measured <= target"),
        ("adaptive-entropy", "sign", "change if low else -change", "-change if low else change"),
        ("adaptive-entropy", "bound", "return coefficient if low else 0.0", "return coefficient"),
    ),
    *_of(
        "perception",
        ("perception-kl", "sign", "return -_held(divergence_NT, mask, share, ceiling)", "return _held(divergence_NT, mask, share, ceiling)"),
        ("perception-kl", "sign", "masked_logp - logp, 0.0", "logp - masked_logp, 0.0"),
        ("perception-kl", "bias", "torch.expm1(x_NT) - x_NT", "torch.exp(x_NT) - x_NT"),
        ("perception-kl", "bound", ".clamp(max=CLAMP_AFTER)", ""),
        ("perception-kl", "bound", "quantile(row_T[trained_T], 1 - share)", "quantile(row_T[trained_T], share)"),
        ("perception-kl", "bound", "divergence_NT.clamp(0.0, ceiling)", "divergence_NT"),
        ("perception-kl-live", "sign", "return -_held(divergence(logp, masked_logp, mask, direction)", "return _held(divergence(logp, masked_logp, mask, direction)"),
        ("masked-nll", "sign", "-old_masked_logp.detach(), 0.0", "old_masked_logp.detach(), 0.0"),
        ("masked-nll-live", "sign", "torch.where(mask.bool(), -masked_logp, 0.0)", "torch.where(mask.bool(), masked_logp, 0.0)"),
        ("collapse-signs", "bound", "late > factor * early", "late > early"),
    ),
    *_of(
        "focus",
        ("top-entropy", "bound", "quantile(survey.entropy[trained_BW], 1 - share)", "quantile(survey.entropy[trained_BW], share)"),
        ("top-entropy", "bound", "survey.entropy >= threshold", "survey.entropy > threshold"),
        ("top-entropy", "denominator", "share * (len(ordered) - 1)", "share * len(ordered)"),
        ("off-policy-sequences", "sign", "gap_N = -row_means", "gap_N = row_means"),
        ("off-policy-sequences", "bound", "per_token(advantages, mask) < 0", "per_token(advantages, mask) > 0"),
    ),
    *_of(
        "corruption",
        ("random-patches", "bound", "return draws < probability", "return draws <= probability"),
        ("semantic-blocks", "sign", "x1 - wide, x2 + wide", "x1 + wide, x2 - wide"),
        ("random-block", "denominator", "math.sqrt(share) * count", "share * count"),
    ),
    *_of(
        "critical",
        ("critical-entropy", "denominator", "math.fsum(chosen) / len(chosen) if", "math.fsum(chosen) / count if"),
        ("critical-entropy", "bound", "entropy > HIGH for", "entropy >= HIGH for"),
        ("critical-entropy", "sign", "key=lambda step: (known[step], step)", "key=lambda step: (-known[step], step)"),
    ),
)  # fmt: skip
