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
from gnomon.rl.guidance import demonstration_prefix
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


def shortened(demonstration: Rollout, ratio: float) -> Rollout | None:
    """The first tokens of a demonstration, which was cut, for the policy to go on from.

    None when nothing is left of it, so that the policy writes the whole response; at a ratio of 1
    the demonstration itself. See `gnomon.rl.guidance.demonstration_prefix`.
    """
    *told, end = demonstration.token_ids
    ids = tuple(demonstration_prefix(told, end, ratio))
    if len(ids) == len(demonstration.token_ids):
        return demonstration
    return Rollout(ids, (0.0,) * len(ids), "", "length", source="demonstration") if ids else None


def gone_on(
    backend: RolloutBackend,
    policy: Policy,
    prepared: Sequence[Prepared],
    shown: Sequence[Sequence[Rollout]],
    settings: SamplingSettings,
    generator: torch.Generator,
) -> list[list[Rollout]]:
    """``shown`` with every demonstration that was cut gone on from by the policy.

    All tokens of such a response count towards its limit. Only what was given has a behaviour
    probability of 1.
    """
    found = [list(rollouts) for rollouts in shown]
    places = [
        (n, m) for n, row in enumerate(found) for m, one in enumerate(row) if one.stop == "length"
    ]
    asked = []
    for n, m in places:
        sample, prompt = prepared[n]
        ids = found[n][m].token_ids
        asked.append((sample, prompt.extend(ids, [0] * len(ids))))
    made = backend.write(asked, 1, settings, generator) if asked else []
    for (n, m), [written] in zip(places, made, strict=True):
        found[n][m] = _joined(policy, found[n][m], written, settings.max_new_tokens)
    return found


def _joined(policy: Policy, given: Rollout, written: Rollout, limit: int) -> Rollout:
    ids = (*given.token_ids, *written.token_ids)[:limit]
    logp = (*given.logp, *written.logp)[:limit]
    tokenizer: Any = policy.processor.tokenizer
    text = tokenizer.decode(ids, skip_special_tokens=True)
    stop = written.stop if len(ids) == len(given.token_ids) + len(written.token_ids) else "length"
    return Rollout(ids, logp, text, stop, source="demonstration", given=len(given.token_ids))


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
