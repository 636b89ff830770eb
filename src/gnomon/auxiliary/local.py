"""Readers that run here: the policy itself, a frozen copy of it, another local model, nobody."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from gnomon.auxiliary.reader import Counts, Reader, ReaderError, Replies, Request
from gnomon.formats.plain import direct
from gnomon.models.encode import Encoded, Encoder
from gnomon.models.generate import context_length
from gnomon.models.load import load_policy
from gnomon.models.policy import Policy
from gnomon.models.sampler import SamplingSettings, sample
from gnomon.parts import register
from gnomon.records import BadRecord, Sample


@dataclass
class LocalReader:
    """A reader that samples one reply to each request from a policy, all in one batch.

    The same requests and weights give the same replies: the generator is seeded with what is asked.
    A request that cannot be encoded (too long for the context, a reserved token, an image that
    cannot be decoded) gives None and is counted.
    """

    policy: Policy
    settings: SamplingSettings
    root: Path | None = None
    counts: Counts = field(default_factory=Counts)

    def __call__(self, requests: Sequence[Request]) -> Replies:
        """Replies by index."""
        prompts = [self._encode(request) for request in requests]
        chosen = [index for index, prompt in enumerate(prompts) if prompt is not None]
        replies: Replies = [None] * len(requests)
        ready = [prompt for prompt in prompts if prompt is not None]
        if ready:
            generator = torch.Generator(device=self.policy.device).manual_seed(_seed(requests))
            written = sample(self.policy, ready, 1, self.settings, generator)
            for index, [rollout] in zip(chosen, written, strict=True):
                replies[index] = rollout.text
                self.counts.add(reply_tokens=len(rollout.token_ids))
        self.counts.add(
            asked=len(requests),
            failed=len(requests) - len(ready),
            prompt_tokens=sum(prompt.total for prompt in ready),
        )
        return replies

    def _encode(self, request: Request) -> Encoded | None:
        room = context_length(self.policy) - self.settings.max_new_tokens
        encoder = self.policy.encoder(max_tokens=max(1, room), root=self.root)
        try:
            return encode_request(encoder, request)
        except BadRecord:
            return None


def encode_request(encoder: Encoder, request: Request) -> Encoded:
    """The prompt of a request, its prefix behind the start of the assistant's turn.

    Raises `BadRecord` when it cannot be encoded or is longer than the encoder allows.
    """
    asked = Sample("request", request.messages, request.media)
    prompt = encoder.prompt(asked, direct())
    if not request.prefix:
        return prompt
    if any(token in request.prefix for token in encoder.reserved):
        raise BadRecord("the prefix holds a reserved token")
    ids = encoder.tokenizer(request.prefix, add_special_tokens=False)["input_ids"]
    if prompt.total + len(ids) > encoder.max_tokens:
        raise BadRecord(f"prompt and prefix are longer than {encoder.max_tokens} tokens")
    return prompt.extend(ids, [0] * len(ids))


def _seed(requests: Sequence[Request]) -> int:
    digest = hashlib.sha256("".join(request.key for request in requests).encode()).digest()
    return int.from_bytes(digest[:7], "big")


def _settings(
    max_new_tokens: int, temperature: float, top_p: float, top_k: int, stop: tuple[str, ...]
) -> SamplingSettings:
    if max_new_tokens < 1 or temperature < 0:
        raise ReaderError("a reader needs max_new_tokens >= 1 and temperature >= 0")
    return SamplingSettings(max_new_tokens, temperature, top_p, top_k, stop)


@register("reader", "policy")
def policy_reader(
    policy: Policy,
    root: Path | None,
    *,
    max_new_tokens: int = 64,
    temperature: float = 0.0,
    top_p: float = 1.0,
    top_k: int = 0,
    stop: tuple[str, ...] = (),
) -> LocalReader:
    """The policy itself, with the weights of the moment, without gradient.

    Source: the caption reader of Visionary-R1, arXiv 2505.14677, and the second pass of ACRE, arXiv
    2510.10104.
    """
    settings = _settings(max_new_tokens, temperature, top_p, top_k, stop)
    return LocalReader(policy, settings, root)


@register("reader", "frozen")
def frozen_reader(
    policy: Policy,
    parent: Path,
    root: Path | None,
    *,
    max_new_tokens: int = 64,
    temperature: float = 0.0,
    top_p: float = 1.0,
    top_k: int = 0,
    stop: tuple[str, ...] = (),
) -> LocalReader:
    """The model that the stage started from; its weights never change.

    Source: the frozen judge of VisRL, arXiv 2503.07523.
    """
    settings = _settings(max_new_tokens, temperature, top_p, top_k, stop)
    return LocalReader(_still(str(parent), policy), settings, root)


@register("reader", "local")
def local_reader(
    policy: Policy,
    root: Path | None,
    *,
    path: str,
    max_new_tokens: int = 512,
    temperature: float = 0.0,
    top_p: float = 1.0,
    top_k: int = 0,
    stop: tuple[str, ...] = (),
) -> LocalReader:
    """Another model on the policy's device: a folder, a hub id or 'gnomon-micro'.

    Source: the frozen reasoner of RACRO, arXiv 2506.04559.
    """
    settings = _settings(max_new_tokens, temperature, top_p, top_k, stop)
    return LocalReader(_still(path, policy), settings, root)


@register("reader", "none")
def no_reader() -> Reader:
    """Nobody: no request gets a reply, so that a term decides by its rules alone.

    For judged terms where there is no judge; each says what it scores without a reply. Source:
    ours.
    """
    return _silent


def _silent(requests: Sequence[Request]) -> Replies:
    return [None] * len(requests)


def _still(path: str, like: Policy) -> Policy:
    loaded = load_policy(path, device=str(like.device))
    loaded.core.requires_grad_(False)
    loaded.model.eval()
    loaded.video = like.video
    return dataclasses.replace(loaded, mixed_precision=like.mixed_precision)
