"""Sample responses: image and prompt of a group are encoded once, and ended rows stop costing.

Rows decode in a grid of B lines (prompts) with G rows each, N = B x G; a line whose rows have all
ended takes the next prompt. V is the vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gnomon.models.cache import GridCache
from gnomon.models.encode import Encoded
from gnomon.models.fused import writer
from gnomon.models.policy import Policy
from gnomon.models.prefixes import Kept, PrefixCache, prefill
from gnomon.models.threads import at_most, threads_for
from gnomon.records import Rollout, StopReason

Array = NDArray[Any]
SPARE = 4
"""Ended lines are given new prompts when they are one in so many, because each prefill costs."""
CANDIDATES = 64
"""Tokens that nucleus sampling looks at before it sorts the whole vocabulary."""
Ended = Callable[[int, int, Rollout], None]
"""Is told of each response as soon as it has ended: number of its prompt, of the response, it."""


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


@torch.no_grad()
def sample(
    policy: Policy,
    prompts: Sequence[Encoded],
    count: int,
    settings: SamplingSettings,
    generator: torch.Generator,
    on_ended: Ended | None = None,
    prefixes: PrefixCache | None = None,
) -> list[list[Rollout]]:
    """Write ``count`` responses to each prompt; ``on_ended`` is told of each while others go on.

    Log-probabilities are those of the tempered distribution in float32, before top-p and top-k cut
    it, which is what the policy ratio needs. Tokens that only a prompt may hold (image
    placeholders, turn markers) are never sampled. Every row draws from random numbers of its own,
    so the same prompts, settings, weights and generator state give the same responses, whatever
    ``chunk`` is (up to rounding of the probabilities). What ``prefixes`` holds of a prompt is not
    forwarded again, and it takes what every row holds when it ends, so that a turn that follows
    costs its own tokens and images only. The model keeps its training mode. Raises ValueError for a
    ``count`` below one.
    """
    if count < 1:
        raise ValueError(f"count={count}: each prompt needs at least one response")
    if not prompts:
        return []
    training = policy.model.training
    policy.model.eval()
    try:
        return _Writing(policy, prompts, count, settings, generator, on_ended, prefixes).run()
    finally:
        policy.model.train(training)


@torch.no_grad()
def stream(
    policy: Policy, prompt: Encoded, settings: SamplingSettings, generator: torch.Generator
) -> Iterator[tuple[int, StopReason | None]]:
    """Each token of one response as it is chosen, the last one with the reason why it ended.

    The tokens are those of `sample` with the same settings and generator state. The model is used,
    in evaluation mode, until the response has ended or the iterator is closed.
    """
    training = policy.model.training
    policy.model.eval()
    try:
        writing = _Writing(policy, [prompt], 1, settings, generator)
        for place, _ in enumerate(writing.steps()):
            done = writing.rollouts.get(0)
            yield int(writing.tokens_NT[0, place]), None if done is None else done.stop
    finally:
        policy.model.train(training)


class _Writing:
    """The grid of rows that are being written, and the prompts that wait for a line of it.

    The weights' device holds the logits and the cache, and is waited for once a token, when the
    chosen tokens come over; all that only decides who goes on is NumPy's.
    """

    def __init__(
        self,
        policy: Policy,
        prompts: Sequence[Encoded],
        count: int,
        settings: SamplingSettings,
        generator: torch.Generator,
        on_ended: Ended | None = None,
        prefixes: PrefixCache | None = None,
    ) -> None:
        self.policy, self.prompts, self.count, self.settings = policy, prompts, count, settings
        self.limit, self.on_ended = max(settings.max_new_tokens, 1), on_ended
        self.prefixes = prefixes
        self.seeds = torch.randint(2**62, (len(prompts),), generator=generator,
                                   device=generator.device).tolist()  # fmt: skip
        self.barrier_V = _barrier(policy)
        self.ends_V = np.zeros(len(self.barrier_V), dtype=np.bool_)
        self.ends_V[list(policy.end_token_ids)] = True
        self.embed = policy.core.get_input_embeddings()
        last = max(prompt.next_position for prompt in prompts) + self.limit
        self.write = writer(policy, last)
        self.rollouts: dict[int, Rollout] = {}
        # Prompts of like length are prefilled together, to pad little; the longest come last.
        self.waiting = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
        self.open(self.take(max(1, settings.chunk // count)))

    def run(self) -> list[list[Rollout]]:
        """Write until every row has ended; responses by prompt."""
        if self.settings.max_new_tokens < 1:
            empty = Rollout((), (), "", "length")
            return [[empty] * self.count for _ in self.prompts]
        for _ in self.steps():
            pass
        rows = [self.rollouts[row] for row in range(len(self.prompts) * self.count)]
        return [rows[start : start + self.count] for start in range(0, len(rows), self.count)]

    def steps(self) -> Iterator[None]:
        """Write one token of every live row at a time, until all have ended."""
        while True:
            with at_most(self.threads):
                tokens_N = self.choose()
            yield
            live_B = self.live_lines()
            idle = np.flatnonzero(~live_B).tolist()
            if live_B.any():
                if not self.waiting:
                    tokens_N = self.compact(tokens_N)
                with at_most(self.threads):
                    self.advance(tokens_N)
            elif not self.waiting:
                break
            if self.waiting and len(idle) * SPARE >= len(live_B):
                self.refill(idle)

    def take(self, most: int) -> list[int]:
        """The next prompts that wait, at most so many."""
        return [self.waiting.pop() for _ in range(min(most, len(self.waiting)))]

    def live_lines(self) -> Array:
        """Whether each line [B] has a row that has not ended."""
        live_BG = self.live_N.reshape(-1, self.cache.rows_per_line)
        return np.asarray(live_BG.any(1))

    @property
    def place_N(self) -> Array:
        """Place in its response of the token that each row writes next; ended rows stay put."""
        age_N = self.cache.age_B.repeat(self.cache.rows_per_line)
        return np.minimum(age_N, self.limit - 1)

    def open(self, prompts: list[int]) -> None:
        """Begin the grid with a line for each of ``prompts``."""
        logits_BV, prefix = prefill(self.policy, [self.prompts[i] for i in prompts], self.prefixes)
        self.cache = GridCache(prefix, self.count, self.limit)
        self.logits_NV = logits_BV.repeat_interleave(self.count, 0)
        rows = len(self.logits_NV)
        self.row_N = self.rows_of(prompts)
        self.live_N = np.ones(rows, dtype=np.bool_)
        self.start_N = self.starts_of(prompts)
        self.uniform_NT = self.uniform_of(prompts)
        self.threads = threads_for(self.policy, rows)
        self.tokens_NT = np.zeros((rows, self.limit), dtype=np.int64)
        self.logp_NT = np.zeros((rows, self.limit), dtype=np.float32)

    def rows_of(self, prompts: list[int]) -> Array:
        """Number of each row of ``prompts`` among all rows that are asked for."""
        return (np.array(prompts)[:, None] * self.count + np.arange(self.count)).reshape(-1)

    def starts_of(self, prompts: list[int]) -> Array:
        """Position of the first written token of each row."""
        return np.array([self.prompts[i].next_position for i in prompts]).repeat(self.count)

    def uniform_of(self, prompts: list[int]) -> Array:
        """Uniform numbers [N, T] that decide each token of each row of ``prompts``."""
        shape = (self.count, self.limit)
        if self.settings.temperature == 0:
            return np.zeros((len(prompts) * self.count, 1), dtype=np.float32)
        drawn = [np.random.Generator(np.random.Philox(self.seeds[i])).random(shape, np.float32)
                 for i in prompts]  # fmt: skip
        return np.concatenate(drawn)

    def choose(self) -> Tensor:
        """The next token of every row, ended ones too; notes those of rows that go on."""
        place_N, every_N = self.place_N, np.arange(len(self.live_N))
        scale = self.settings.scale
        logp_NV = (self.logits_NV if scale == 1 else self.logits_NV / scale).log_softmax(-1)
        allowed_NV = logp_NV + self.barrier_V
        if self.settings.temperature == 0:
            tokens_N = allowed_NV.argmax(-1)
        else:
            cut_NV = truncate(allowed_NV, self.settings.top_p, self.settings.top_k)
            tokens_N = draw(cut_NV, self.moved(self.uniform_NT[every_N, place_N]))
        chosen_N = logp_NV.gather(-1, tokens_N[:, None]).squeeze(-1)
        self.tokens_NT[every_N, place_N] = tokens_N.cpu().numpy()
        self.logp_NT[every_N, place_N] = chosen_N.cpu().numpy()
        self.note_ended(place_N, self.tokens_NT[every_N, place_N])
        return tokens_N

    def moved(self, values_N: Array) -> Tensor:
        """``values_N`` where the weights are, without waiting for what is being computed there."""
        return torch.from_numpy(values_N).to(self.policy.device, non_blocking=True)

    def note_ended(self, place_N: Array, tokens_N: Array) -> None:
        """Store the rows that their last token ended, and mark them."""
        ended_N = self.ends_V[tokens_N]
        done_N = ended_N | (place_N + 1 >= self.settings.max_new_tokens)
        if self.settings.stop:
            stopped = [on and self.holds_stop(slot) for slot, on in enumerate(self.live_N.tolist())]
            done_N |= np.array(stopped)
        for slot in np.flatnonzero(done_N & self.live_N).tolist():
            count = int(place_N[slot]) + 1
            reason: StopReason = "length"
            if ended_N[slot]:
                reason = "end"
            elif self.settings.stop and self.holds_stop(slot):
                reason = "stop"
            ids = tuple(self.tokens_NT[slot, :count].tolist())
            text = self.policy.processor.tokenizer.decode(ids, skip_special_tokens=True)
            logp = tuple(self.logp_NT[slot, :count].tolist())
            row, rollout = int(self.row_N[slot]), Rollout(ids, logp, text, reason)
            self.rollouts[row] = rollout
            if self.prefixes is not None:
                kept = Kept(*self.cache.held(slot))
                self.prefixes.put(self.prompts[row // self.count], ids[:-1], kept)
            if self.on_ended is not None:
                self.on_ended(row // self.count, row % self.count, rollout)
        self.live_N &= ~done_N

    def holds_stop(self, slot: int) -> bool:
        """Whether the last token of a row completed a stop string."""
        stop = self.settings.stop
        # A token is at least a byte, so a string that the last token completes starts in this tail.
        end = int(self.place_N[slot]) + 1
        start = max(0, end - max(len(word.encode()) for word in stop))
        tail = self.tokens_NT[slot, start:end].tolist()
        text = self.policy.processor.tokenizer.decode(tail, skip_special_tokens=True)
        return any(word in text for word in stop)

    def advance(self, tokens_N: Tensor) -> None:
        """Run the new tokens through the model."""
        self.cache.open_step(int(self.cache.age_B[self.live_lines()].max()))
        positions_N = self.moved(self.start_N + self.place_N)
        self.logits_NV = self.write(self.embed(tokens_N), positions_N, self.cache.attend)
        self.cache.close_step()

    def refill(self, idle: list[int]) -> None:
        """Give the lines that have ended to prompts that wait."""
        prompts = self.take(len(idle))
        lines = idle[: len(prompts)]
        logits_BV, prefix = prefill(self.policy, [self.prompts[i] for i in prompts], self.prefixes)
        self.cache.replace(lines, prefix)
        rows = (np.array(lines)[:, None] * self.count + np.arange(self.count)).reshape(-1)
        self.logits_NV[self.moved(rows)] = logits_BV.repeat_interleave(self.count, 0)
        self.row_N[rows] = self.rows_of(prompts)
        self.start_N[rows] = self.starts_of(prompts)
        self.uniform_NT[rows] = self.uniform_of(prompts)
        self.live_N[rows] = True

    def compact(self, tokens_N: Tensor) -> Tensor:
        """Once half of the grid has ended, keep what is live; the tokens of what is kept."""
        live_BG = self.live_N.reshape(-1, self.cache.rows_per_line)
        count_B = live_BG.sum(1)
        width = int(count_B.max())
        if 2 * int((count_B > 0).sum()) * width > len(tokens_N):
            return tokens_N
        kept = [(line, np.flatnonzero(live_BG[line]).tolist()) for line in np.flatnonzero(count_B)]
        # A line with fewer rows than the widest repeats its first as an ended one.
        old = self.cache.rows_per_line
        slots = [
            int(line) * old + g for line, ms in kept for g in [*ms, *ms[:1] * (width - len(ms))]
        ]
        self.cache.narrow([int(line) for line, _ in kept], slots)
        self.live_N = np.array([place < len(ms) for _, ms in kept for place in range(width)])
        self.row_N, self.start_N = self.row_N[slots], self.start_N[slots]
        self.uniform_NT = self.uniform_NT[slots]
        self.tokens_NT, self.logp_NT = self.tokens_NT[slots], self.logp_NT[slots]
        return tokens_N[self.moved(np.array(slots))]


def _barrier(policy: Policy) -> Tensor:
    """What is added to the logits [V]: minus infinity on forbidden tokens."""
    barrier_V = torch.zeros(policy.core.lm_head.out_features, device=policy.device)
    barrier_V[list(policy.forbidden_token_ids)] = -math.inf
    return barrier_V


def draw(logits_NV: Tensor, uniform_N: Tensor) -> Tensor:
    """The token [N] at which the cumulated probability first exceeds ``uniform_N``.

    Inverse transform sampling: softmax(logits) has the drawn token's mass around the number, so one
    number in [0, 1) decides one row, whatever stands in the others. A token of probability 0 is
    never drawn.
    """
    mass_NV = logits_NV.softmax(-1).cumsum(-1)
    # A number so close to 1 that its product rounds to the whole mass would pass the last token.
    mark_N1 = uniform_N[:, None].clamp(max=1 - 1e-6) * mass_NV[:, -1:]
    return torch.searchsorted(mass_NV, mark_N1, right=True).squeeze(-1)


def truncate(logits_NV: Tensor, top_p: float, top_k: int) -> Tensor:
    """Logits with all but the kept tokens at minus infinity.

    ``top_k`` keeps the k largest (0: all). ``top_p`` keeps the smallest set of most probable tokens
    whose mass reaches p (nucleus sampling, arXiv 1904.09751), at least one; it looks at what top-k
    left. Tokens equal to the last kept one are kept as well.
    """
    if 0 < top_k < logits_NV.shape[-1]:
        smallest = logits_NV.topk(top_k, dim=-1).values[:, -1:]
        logits_NV = logits_NV.masked_fill(logits_NV < smallest, -math.inf)
    if top_p < 1.0:
        logits_NV = logits_NV.masked_fill(logits_NV < _nucleus(logits_NV, top_p), -math.inf)
    return logits_NV


def _nucleus(logits_NV: Tensor, top_p: float) -> Tensor:
    """The smallest logit [N, 1] of each row's nucleus; few candidates are nearly always enough."""
    total_N1 = logits_NV.logsumexp(-1, keepdim=True)
    for size in (min(CANDIDATES, logits_NV.shape[-1]), logits_NV.shape[-1]):
        ordered = logits_NV.topk(size, dim=-1).values
        mass = (ordered - total_N1).exp()
        inside = mass.cumsum(-1) - mass < top_p
        if not bool(inside[:, -1].any()):
            break
    return ordered.masked_fill(~inside, math.inf).amin(-1, keepdim=True)
