"""Demonstrations inside a group: responses that the policy did not write, scored like its own.

Their behaviour probability is taken as 1, so that their log-probabilities are 0 (arXiv 2504.14945).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from gnomon.models.policy import Policy
from gnomon.models.sampler import Ended, SamplingSettings
from gnomon.records import Rollout, Sample
from gnomon.rl.backend import RolloutBackend
from gnomon.stages.context import Prepared


def demonstrations_of(policy: Policy, sample: Sample, key: str, limit: int) -> list[Rollout]:
    """The demonstrations under ``sample.meta[key]``, one text or several, each with its end token.

    An empty one, and one of more than ``limit`` tokens, is left out: a response that was cut would
    teach to stop nowhere.
    """
    found = sample.meta.get(key) or ()
    texts = [found] if isinstance(found, str) else list(found)
    encoded = [(text, _token_ids(policy, text)) for text in texts if text]
    return [
        Rollout(ids, (0.0,) * len(ids), text, "end", source="demonstration")
        for text, ids in encoded
        if len(ids) <= limit
    ]


def write_groups(
    backend: RolloutBackend,
    prepared: Sequence[Prepared],
    shown: Sequence[Sequence[Rollout]],
    count: int,
    settings: SamplingSettings,
    generator: torch.Generator,
    on_ended: Ended,
) -> list[list[Rollout]]:
    """``count`` responses to each question: its own demonstrations, and before them the policy's.

    A question without a demonstration gets ``count`` responses of the policy. ``on_ended`` is told
    of each of these as it ends, with its places among the questions and in the group.
    """
    written: list[list[Rollout]] = [[] for _ in prepared]
    for own in sorted({count - len(rollouts) for rollouts in shown} - {0}, reverse=True):
        places = [place for place, rollouts in enumerate(shown) if count - len(rollouts) == own]

        def tell(number: int, member: int, rollout: Rollout, places: list[int] = places) -> None:
            on_ended(places[number], member, rollout)

        asked = [prepared[place] for place in places]
        made = backend.write(asked, own, settings, generator, tell)
        for place, rollouts in zip(places, made, strict=True):
            written[place] = list(rollouts)
    return [[*own, *rest] for own, rest in zip(written, shown, strict=True)]


def _token_ids(policy: Policy, text: str) -> tuple[int, ...]:
    tokenizer: Any = policy.processor.tokenizer
    return (*tokenizer(text, add_special_tokens=False)["input_ids"], policy.end_token_ids[0])
