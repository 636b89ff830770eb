"""Sample responses: image and prompt of a group are encoded once, and ended rows stop costing.

Rows decode in a grid of B lines (prompts) with G rows each, N = B x G; a line whose rows have all
ended takes the next prompt. V is the vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from gnomon.models.attention import attend_within, gather
from gnomon.models.cache import GridCache, Prefix
from gnomon.models.encode import ROPE_AXES, Encoded
from gnomon.models.policy import Policy
from gnomon.records import Rollout, StopReason

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
) -> list[list[Rollout]]:
    """Write ``count`` responses to each prompt; ``on_ended`` is told of each while others go on.

    Log-probabilities are those of the tempered distribution in float32, before top-p and top-k cut
    it, which is what the policy ratio needs. Tokens that only a prompt may hold (image
    placeholders, turn markers) are never sampled. Every row draws from random numbers of its own,
    so the same prompts, settings, weights and generator state give the same responses, whatever
    ``chunk`` is (up to rounding of the probabilities). The model keeps its training mode. Raises
    ValueError for a ``count`` below one.
    """
    if count < 1:
        raise ValueError(f"count={count}: each prompt needs at least one response")
    if not prompts:
        return []
    training = policy.model.training
    policy.model.eval()
    try:
        return _Writing(policy, prompts, count, settings, generator, on_ended).run()
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
    """The grid of rows that are being written, and the prompts that wait for a line of it."""

    def __init__(
        self,
        policy: Policy,
        prompts: Sequence[Encoded],
        count: int,
        settings: SamplingSettings,
        generator: torch.Generator,
        on_ended: Ended | None = None,
    ) -> None:
        self.policy, self.prompts, self.count, self.settings = policy, prompts, count, settings
        self.on_ended = on_ended
        self.seeds = torch.randint(2**62, (len(prompts),), generator=generator,
                                   device=generator.device).tolist()  # fmt: skip
        self.barrier_V = _barrier(policy)
        self.ends = torch.tensor(policy.end_token_ids, device=policy.device)
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
            tokens_N = self.choose()
            yield
            live = self.live_lines()
            idle = [line for line, goes_on in enumerate(live) if not goes_on]
            if any(live):
                if not self.waiting:
                    tokens_N = self.compact(tokens_N)
                self.advance(tokens_N, max(compress(self.age, self.live_lines())))
            elif not self.waiting:
                break
            if self.waiting and len(idle) * SPARE >= len(live):
                self.refill(idle)

    def take(self, most: int) -> list[int]:
        """The next prompts that wait, at most so many."""
        return [self.waiting.pop() for _ in range(min(most, len(self.waiting)))]

    @property
    def lines(self) -> int:
        """Number of lines of the grid."""
        return len(self.row_N) // self.cache.rows_per_line

    def live_lines(self) -> list[bool]:
        """Whether each line has a row that has not ended."""
        live: list[bool] = self.live_N.view(self.lines, -1).any(1).tolist()
        return live

    def open(self, prompts: list[int]) -> None:
        """Begin the grid with a line for each of ``prompts``."""
        limit = max(self.settings.max_new_tokens, 1)
        logits_BV, prefix = prefill(self.policy, [self.prompts[i] for i in prompts])
        self.cache = GridCache(prefix, self.count, limit)
        self.logits_NV = logits_BV.repeat_interleave(self.count, 0)
        rows = len(self.logits_NV)
        device = self.policy.device
        self.row_N = self.rows_of(prompts)
        self.live_N = torch.ones(rows, dtype=torch.bool, device=device)
        self.slot_N = torch.arange(rows, device=device)
        self.start_N = self.starts_of(prompts)
        self.uniform_NT = self.uniform_of(prompts)
        self.tokens_NT = torch.zeros(rows, limit, dtype=torch.long, device=device)
        self.logp_NT = torch.zeros(rows, limit, device=device)
        self.age = [0] * len(prompts)

    def rows_of(self, prompts: list[int]) -> list[int]:
        """Number of each row of ``prompts`` among all rows that are asked for."""
        return [i * self.count + member for i in prompts for member in range(self.count)]

    def starts_of(self, prompts: list[int]) -> Tensor:
        """Position of the first written token of each row."""
        starts = [self.prompts[i].next_position for i in prompts for _ in range(self.count)]
        return torch.tensor(starts, device=self.policy.device)

    def uniform_of(self, prompts: list[int]) -> Tensor:
        """Uniform numbers [N, T] that decide each token of each row of ``prompts``."""
        shape = (self.count, max(self.settings.max_new_tokens, 1))
        if self.settings.temperature == 0:
            return torch.zeros(len(prompts) * self.count, 1, device=self.policy.device)
        drawn = [np.random.Generator(np.random.Philox(self.seeds[i])).random(shape, np.float32)
                 for i in prompts]  # fmt: skip
        return torch.from_numpy(np.concatenate(drawn)).to(self.policy.device)

    def choose(self) -> Tensor:
        """The next token of every row, ended ones too; notes those of rows that go on."""
        place_N = self.cache.length_N
        logp_NV = (self.logits_NV / self.settings.scale).log_softmax(-1)
        allowed_NV = logp_NV + self.barrier_V
        if self.settings.temperature == 0:
            tokens_N = allowed_NV.argmax(-1)
        else:
            cut_NV = truncate(allowed_NV, self.settings.top_p, self.settings.top_k)
            tokens_N = draw(cut_NV, self.uniform_NT[self.slot_N, place_N])
        live, slots = self.live_N, self.slot_N[self.live_N]
        self.tokens_NT[slots, place_N[live]] = tokens_N[live]
        chosen_N = logp_NV.gather(-1, tokens_N[:, None]).squeeze(-1)
        self.logp_NT[slots, place_N[live]] = chosen_N[live]
        self.note_ended(tokens_N)
        return tokens_N

    def note_ended(self, tokens_N: Tensor) -> None:
        """Store the rows that their last token ended, and mark them."""
        ended_N = torch.isin(tokens_N, self.ends)
        over_N = self.cache.length_N + 1 >= self.settings.max_new_tokens
        done_N = ended_N | over_N | self.stopped()
        for slot in (done_N & self.live_N).nonzero().squeeze(1).tolist():
            count = int(self.cache.length_N[slot]) + 1
            reason: StopReason = "length"
            if bool(ended_N[slot]):
                reason = "end"
            elif self.holds_stop(slot):
                reason = "stop"
            ids = tuple(self.tokens_NT[slot, :count].tolist())
            text = self.policy.processor.tokenizer.decode(ids, skip_special_tokens=True)
            logp = tuple(self.logp_NT[slot, :count].tolist())
            row, rollout = self.row_N[slot], Rollout(ids, logp, text, reason)
            self.rollouts[row] = rollout
            if self.on_ended is not None:
                self.on_ended(row // self.count, row % self.count, rollout)
        self.live_N = self.live_N & ~done_N

    def stopped(self) -> Tensor:
        """Which rows have just completed a stop string."""
        if not self.settings.stop:
            return torch.zeros_like(self.live_N)
        found = [live and self.holds_stop(slot) for slot, live in enumerate(self.live_N.tolist())]
        return torch.tensor(found, device=self.policy.device)

    def holds_stop(self, slot: int) -> bool:
        """Whether the last token of a row completed a stop string."""
        stop = self.settings.stop
        if not stop:
            return False
        # A token is at least a byte, so a string that the last token completes starts in this tail.
        end = int(self.cache.length_N[slot]) + 1
        start = max(0, end - max(len(word.encode()) for word in stop))
        tail = self.tokens_NT[slot, start:end].tolist()
        text = self.policy.processor.tokenizer.decode(tail, skip_special_tokens=True)
        return any(word in text for word in stop)

    def advance(self, tokens_N: Tensor, longest: int) -> None:
        """Run the new tokens through the model; live rows have at most ``longest`` before them."""
        self.cache.open_step(longest)
        position_N = self.start_N + self.cache.length_N
        embeds = self.policy.core.get_input_embeddings()(tokens_N)
        positions = position_N.expand(ROPE_AXES, -1)
        hidden = self.policy.forward(embeds, positions, self.cache.attend)
        self.logits_NV = self.policy.logits(hidden)
        self.cache.length_N += self.live_N
        self.age = [age + 1 for age in self.age]

    def refill(self, idle: list[int]) -> None:
        """Give the lines that have ended to prompts that wait."""
        prompts = self.take(len(idle))
        lines = torch.tensor(idle[: len(prompts)], device=self.policy.device)
        logits_BV, prefix = prefill(self.policy, [self.prompts[i] for i in prompts])
        rows = (
            lines[:, None] * self.count + torch.arange(self.count, device=lines.device)
        ).flatten()
        self.cache.replace(lines, rows, prefix)
        self.logits_NV[rows] = logits_BV.repeat_interleave(self.count, 0)
        for slot, row in zip(rows.tolist(), self.rows_of(prompts), strict=True):
            self.row_N[slot] = row
        self.start_N[rows] = self.starts_of(prompts)
        self.uniform_NT[rows] = self.uniform_of(prompts)
        self.live_N[rows] = True
        for line in idle[: len(prompts)]:
            self.age[line] = 0

    def compact(self, tokens_N: Tensor) -> Tensor:
        """Once half of the grid has ended, keep what is live; the tokens of what is kept."""
        live_BG = self.live_N.view(self.lines, -1)
        count_B = live_BG.sum(1)
        # Asked every step, so no line is looked at in Python before it is sure.
        lines, width = torch.stack([(count_B > 0).sum(), count_B.max()]).tolist()
        if 2 * lines * width > len(tokens_N):
            return tokens_N
        kept = [(line, [g for g, on in enumerate(row) if on])
                for line, row in enumerate(live_BG.tolist()) if any(row)]  # fmt: skip
        # A line with fewer rows than the widest repeats its first as an ended one.
        old = self.cache.rows_per_line
        slots = [line * old + g for line, ms in kept for g in [*ms, *ms[:1] * (width - len(ms))]]
        live_N = [place < len(ms) for _, ms in kept for place in range(width)]
        rows = torch.tensor(slots, device=self.policy.device)
        self.cache.narrow(torch.tensor([line for line, _ in kept], device=rows.device), rows)
        self.age = [self.age[line] for line, _ in kept]
        self.row_N = [self.row_N[slot] for slot in slots]
        self.live_N = torch.tensor(live_N, device=rows.device)
        self.slot_N = self.slot_N[: len(rows)]
        self.start_N, self.uniform_NT = self.start_N[rows], self.uniform_NT[rows]
        self.tokens_NT, self.logp_NT = self.tokens_NT[rows], self.logp_NT[rows]
        return tokens_N[rows]


def prefill(policy: Policy, prompts: Sequence[Encoded]) -> tuple[Tensor, Prefix]:
    """Next-token logits [B, V] of prompts, and their keys and values."""
    batch = policy.batch(prompts)
    index_BS = pad_sequence(list(batch.rows), batch_first=True).to(policy.device)
    length_B = torch.tensor([len(places) for places in batch.rows], device=policy.device)
    within = attend_within(batch, policy.kernel)
    keys, values = [], []

    def attend(layer: int, q_MAD: Tensor, k_MKD: Tensor, v_MKD: Tensor) -> Tensor:
        keys.append(gather(k_MKD, index_BS))
        values.append(gather(v_MKD, index_BS))
        return within(layer, q_MAD, k_MKD, v_MKD)

    hidden_MH = policy.forward(policy.embed(batch), batch.positions, attend)
    last_B = index_BS.gather(1, length_B[:, None] - 1).squeeze(1)
    return policy.logits(hidden_MH[last_B]), Prefix(keys, values, length_B)


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
    mark_N = uniform_N.clamp(max=1 - 1e-6) * mass_NV[:, -1]
    return (mass_NV <= mark_N[:, None]).sum(-1)


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
