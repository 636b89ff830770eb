"""Completions of a loaded policy, whole or piece by piece.

A stream samples a few tokens at a time and goes on from them, so that it needs nothing of the
sampler but its public door; a whole answer is one batch.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from gnomon.auxiliary.local import encode_request
from gnomon.auxiliary.reader import Request
from gnomon.models.encode import Encoded, Encoder
from gnomon.models.generate import context_length
from gnomon.models.policy import Policy
from gnomon.models.sampler import sample
from gnomon.records import BadRecord, Rollout
from gnomon.serving.chat import Chat, Refused, refuse_too_long

PIECE = 8
"""Tokens between two pieces of a stream."""
BROKEN = "\ufffd"
"""What decoding gives for a character whose last bytes have not been written yet."""


@dataclass(frozen=True)
class Piece:
    """A piece of one choice; ``finish`` is None until the last: 'stop' or 'length'."""

    text: str
    finish: str | None
    tokens: int


class Engine:
    """Answers chats with one policy, one at a time; safe to call from several threads."""

    def __init__(self, policy: Policy, name: str) -> None:
        self.policy = policy
        self.name = name
        self._lock = threading.Lock()

    def encode(self, chat: Chat) -> Encoded:
        """The prompt of a chat; `Refused` when it cannot be encoded or leaves no room."""
        room = context_length(self.policy) - chat.settings.max_new_tokens
        if room < 1:
            raise Refused(
                f"max_tokens={chat.settings.max_new_tokens} leaves no room in a context of "
                f"{context_length(self.policy)} tokens; ask for fewer",
                "max_tokens",
            )
        encoder = Encoder(self.policy.processor, max_tokens=room)
        try:
            request = Request(chat.sample.messages, chat.sample.media, chat.prefix)
            return encode_request(encoder, request)
        except BadRecord as error:
            raise refuse_too_long(error) from None

    def complete(self, chat: Chat, prompt: Encoded) -> list[Piece]:
        """All choices of a chat, each whole."""
        with self._lock:
            generator = self._generator(chat)
            [rollouts] = sample(self.policy, [prompt], chat.count, chat.settings, generator)
        words = chat.settings.stop
        return [Piece(until(r.text, words), finish_of(r), len(r.token_ids)) for r in rollouts]

    def stream(self, chat: Chat, prompt: Encoded) -> Iterator[Piece]:
        """The one choice of a chat in pieces whose texts add up to the whole answer."""
        generator, words = self._generator(chat), chat.settings.stop
        ids: list[int] = []
        sent = 0
        over = False
        while not over:
            left = chat.settings.max_new_tokens - len(ids)
            settings = replace(chat.settings, max_new_tokens=min(PIECE, left))
            with self._lock:
                so_far = prompt.extend(ids, [1] * len(ids)) if ids else prompt
                [[rollout]] = sample(self.policy, [so_far], 1, settings, generator)
            ids += rollout.token_ids
            text = self.policy.processor.tokenizer.decode(ids, skip_special_tokens=True)
            # A stop string can begin in one piece and end in the next.
            ended = rollout.stop != "length" or any(word in text for word in words)
            over = ended or len(rollout.token_ids) == left
            ready = until(text, words) if over else certain(text, words)
            finish = ("stop" if ended else "length") if over else None
            yield Piece(ready[sent:], finish, len(rollout.token_ids))
            sent = max(sent, len(ready))

    def _generator(self, chat: Chat) -> torch.Generator:
        return torch.Generator(device=self.policy.device).manual_seed(chat.seed)


def finish_of(rollout: Rollout) -> str:
    """Why a response ended, as OpenAI names it."""
    return "length" if rollout.stop == "length" else "stop"


def until(text: str, stop: tuple[str, ...]) -> str:
    """The text before the first stop string in it.

    >>> until("5</answer> so", ("</answer>",))
    '5'
    """
    return text[: min((text.find(word) for word in stop if word in text), default=len(text))]


def certain(text: str, stop: tuple[str, ...]) -> str:
    """The text without what further tokens may change: half a character, half a stop string.

    >>> certain("5</ans", ("</answer>",))
    '5'
    """
    text = text.rstrip(BROKEN)
    held = (size for word in stop for size in range(1, len(word)) if text.endswith(word[:size]))
    return text[: len(text) - max(held, default=0)]
