"""Sample responses: image and prompt of a group are encoded once, and ended rows stop costing.

Dimension suffixes: B prompts, N live rows, S cached tokens, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gnomon.models.encode import ROPE_AXES, Encoded
from gnomon.models.policy import Policy
from gnomon.records import Rollout, StopReason


@dataclass(frozen=True)
class SamplingSettings:
    """How to decode. ``temperature`` 0 is greedy; ``top_p`` 1 and ``top_k`` 0 keep every token.

    ``stop`` are strings that end a response, and stay in its text. ``chunk`` is how many rows
    decode at a time; the rows of one prompt are never divided.
    """

    max_new_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    stop: tuple[str, ...] = ()
    chunk: int = 128

    @property
    def scale(self) -> float:
        """What divides the logits; greedy decoding leaves them as they are."""
        return self.temperature or 1.0


@dataclass
class _Row:
    """A response that is being written."""

    place: int
    token_ids: list[int] = field(default_factory=list)
    logp: list[float] = field(default_factory=list)
    stop: StopReason = "length"


@torch.no_grad()
def sample(
    policy: Policy,
    prompts: Sequence[Encoded],
    count: int,
    settings: SamplingSettings,
    generator: torch.Generator,
) -> list[list[Rollout]]:
    """Write ``count`` responses to each prompt.

    Log-probabilities are those of the tempered distribution in float32, before top-p and top-k cut
    it, which is what the policy ratio needs. Tokens that only a prompt may hold (image
    placeholders, turn markers) are never sampled. The same prompts, settings, weights and generator
    state give the same responses. The model keeps its training mode. Raises ValueError for a
    ``count`` below one.
    """
    if count < 1:
        raise ValueError(f"count={count}: each prompt needs at least one response")
    training = policy.model.training
    policy.model.eval()
    try:
        return _sample_in_chunks(policy, prompts, count, settings, generator)
    finally:
        policy.model.train(training)


def _sample_in_chunks(
    policy: Policy,
    prompts: Sequence[Encoded],
    count: int,
    settings: SamplingSettings,
    generator: torch.Generator,
) -> list[list[Rollout]]:
    """The responses by prompt; prompts of like length are decoded together, to pad little."""
    per_chunk = max(1, settings.chunk // count)
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    answers: dict[int, list[Rollout]] = {}
    for start in range(0, len(order), per_chunk):
        chosen = order[start : start + per_chunk]
        rows = _decode(policy, [prompts[i] for i in chosen], count, settings, generator)
        for place, index in enumerate(chosen):
            answers[index] = [
                _rollout(policy, row) for row in rows[place * count : (place + 1) * count]
            ]
    return [answers[index] for index in range(len(prompts))]


def _rollout(policy: Policy, row: _Row) -> Rollout:
    text = policy.processor.tokenizer.decode(row.token_ids, skip_special_tokens=True)
    return Rollout(tuple(row.token_ids), tuple(row.logp), text, row.stop)


def _decode(
    policy: Policy,
    prompts: Sequence[Encoded],
    count: int,
    settings: SamplingSettings,
    generator: torch.Generator,
) -> list[_Row]:
    logits_BV, cache, visible_BS = _prefill(policy, prompts)
    logits_NV = logits_BV.repeat_interleave(count, 0)
    visible_NS = visible_BS.repeat_interleave(count, 0)
    cache.batch_repeat_interleave(count)
    position_N = torch.tensor(
        [prompt.next_position for prompt in prompts], device=policy.device
    ).repeat_interleave(count)
    rows = [_Row(place) for place in range(len(prompts) * count)]
    live = list(rows)
    for step in range(settings.max_new_tokens):
        tokens_N = _choose(policy, logits_NV, live, settings, generator)
        ended = [_ended(policy, row, settings.stop) for row in live]
        if step + 1 == settings.max_new_tokens or all(ended):
            break
        if any(ended):
            keep = torch.tensor([i for i, over in enumerate(ended) if not over])
            keep = keep.to(policy.device)
            live = [row for row, over in zip(live, ended, strict=True) if not over]
            tokens_N, position_N = tokens_N[keep], position_N[keep]
            visible_NS = visible_NS[keep]
            cache.batch_select_indices(keep)
        visible_NS = torch.cat([visible_NS, visible_NS.new_ones(len(live), 1)], dim=1)
        logits_NV = _step(policy, tokens_N, position_N, visible_NS, cache)
        position_N = position_N + 1
    return rows


def _prefill(policy: Policy, prompts: Sequence[Encoded]) -> tuple[Tensor, Any, Tensor]:
    """Next-token logits [B, V], cache and visibility [B, S] of prompts padded on the left.

    The batch pads on the right; rolling each row moves its padding to the left, so that all rows
    end together and the cache grows evenly.
    """
    from transformers import DynamicCache

    batch = policy.batch([[prompt] for prompt in prompts])
    width = batch.token_ids.shape[1]
    shift = torch.tensor([width - len(prompt) for prompt in prompts], device=policy.device)
    index = (torch.arange(width, device=policy.device) - shift[:, None]) % width
    rows = torch.arange(len(prompts), device=policy.device)[:, None]
    visible = (batch.segments > 0)[rows, index]
    causal = torch.ones(width, width, dtype=torch.bool, device=policy.device).tril()
    # A padding position sees itself, because attention over nothing is not a number.
    mask = (causal & visible[:, None, :]) | torch.eye(width, dtype=torch.bool, device=policy.device)
    cache = DynamicCache(config=policy.core.config.get_text_config())
    hidden = policy.forward(
        policy.embed(batch)[rows, index],
        batch.positions[:, rows, index],
        mask[:, None] if int(shift.max()) else None,
        cache,
    )
    return policy.logits(hidden[:, -1]), cache, visible


def _step(
    policy: Policy, tokens_N: Tensor, position_N: Tensor, visible_NS: Tensor, cache: Any
) -> Tensor:
    """Logits [N, V] after one more token in each live row."""
    everything = bool(visible_NS.all())
    hidden = policy.forward(
        policy.core.get_input_embeddings()(tokens_N)[:, None],
        position_N[None, :, None].expand(ROPE_AXES, -1, 1),
        None if everything else visible_NS[:, None, None],
        cache,
    )
    return policy.logits(hidden[:, -1])


def _choose(
    policy: Policy,
    logits_NV: Tensor,
    live: Sequence[_Row],
    settings: SamplingSettings,
    generator: torch.Generator,
) -> Tensor:
    logp_NV = (logits_NV / settings.scale).log_softmax(-1)
    allowed_NV = logp_NV.clone()
    allowed_NV[:, list(policy.forbidden_token_ids)] = -math.inf
    if settings.temperature == 0:
        tokens_N = allowed_NV.argmax(-1)
    else:
        probability_NV = truncate(allowed_NV, settings.top_p, settings.top_k).softmax(-1)
        tokens_N = torch.multinomial(probability_NV, 1, generator=generator).squeeze(-1)
    chosen_N = logp_NV.gather(-1, tokens_N[:, None]).squeeze(-1)
    for row, token, logp in zip(live, tokens_N.tolist(), chosen_N.tolist(), strict=True):
        row.token_ids.append(token)
        row.logp.append(logp)
    return tokens_N


def truncate(logits_NV: Tensor, top_p: float, top_k: int) -> Tensor:
    """Logits with all but the kept tokens at minus infinity.

    ``top_k`` keeps the k largest (0: all), and those equal to the k-th. ``top_p`` keeps the
    smallest set of most probable tokens whose mass reaches p (nucleus sampling, arXiv 1904.09751),
    at least one; it looks at what top-k left.
    """
    if 0 < top_k < logits_NV.shape[-1]:
        smallest = logits_NV.topk(top_k, dim=-1).values[:, -1:]
        logits_NV = logits_NV.masked_fill(logits_NV < smallest, -math.inf)
    if top_p < 1.0:
        ordered, index = logits_NV.sort(dim=-1, descending=True)
        probability = ordered.softmax(-1)
        before = probability.cumsum(-1) - probability
        cut = torch.zeros_like(logits_NV, dtype=torch.bool).scatter(-1, index, before >= top_p)
        logits_NV = logits_NV.masked_fill(cut, -math.inf)
    return logits_NV


def _ended(policy: Policy, row: _Row, stop: tuple[str, ...]) -> bool:
    if row.token_ids[-1] in policy.end_token_ids:
        row.stop = "end"
        return True
    if stop:
        # A token is at least a byte, so a string that the last token completes starts in this tail.
        tail = row.token_ids[-max(len(word.encode()) for word in stop) :]
        text = policy.processor.tokenizer.decode(tail, skip_special_tokens=True)
        if any(word in text for word in stop):
            row.stop = "stop"
            return True
    return False
