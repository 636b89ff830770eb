"""Demonstrations inside a group: responses that the policy did not write, scored like its own.

Their behaviour probability is taken as 1, so that their log-probabilities are 0, unless the record
holds those of their teacher (arXiv 2504.14945).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from gnomon.models.encode import Encoded
from gnomon.models.policy import Policy
from gnomon.models.sampler import Ended, SamplingSettings
from gnomon.records import BadRecord, Rollout, Sample
from gnomon.rl.backend import RolloutBackend
from gnomon.rl.guidance import demonstration_prefix
from gnomon.stages.context import Prepared

Ids = tuple[int, ...]
Logp = tuple[float, ...]


def demonstrations_of(policy: Policy, sample: Sample, key: str, limit: int) -> list[Rollout]:
    """The demonstrations under ``sample.meta[key]``, one text or several, each with its end token.

    An empty one, and one of more than ``limit`` tokens, is left out: a response that was cut would
    teach to stop nowhere. Log-probabilities are those of the teacher where the sample has them, as
    `check_logp` reads them, else 0. Raises BadRecord where they do not fit.
    """
    end = policy.end_token_ids[0]
    return [
        Rollout((*ids, end), logp, text, "end", source="demonstration")
        for text, ids, logp in _told(sample, key, policy.processor.tokenizer)
        if len(ids) < limit
    ]


def check_logp(sample: Sample, key: str, tokenizer: Any) -> None:
    """Raise BadRecord where the log-probabilities of a teacher do not fit its tokens.

    They stand under ``key`` with ``_logp`` behind it: for one text a list, for several a list of
    lists. A list has one finite number of at most 0 for each token of the text under ``tokenizer``,
    and one for the end token: those of a teacher that cuts texts into other tokens have no place. A
    sample without any is as it should be. Source: arXiv 2504.14945, code (``target_probs``).
    """
    if f"{key}_logp" in sample.meta:
        list(_told(sample, key, tokenizer))


def encode_checked(
    encode: Callable[[Sample], Encoded], key: str, tokenizer: Any, sample: Sample
) -> Encoded:
    """``encode`` of a sample that `check_logp` lets through; raises BadRecord as both do."""
    check_logp(sample, key, tokenizer)
    return encode(sample)


def shortened(demonstration: Rollout, ratio: float) -> Rollout | None:
    """The first tokens of a demonstration, which was cut, for the policy to go on from.

    None when nothing is left of it, so that the policy writes the whole response; at a ratio of 1
    the demonstration itself. Tokens keep their log-probabilities. See
    `gnomon.rl.guidance.demonstration_prefix`.
    """
    *told, end = demonstration.token_ids
    ids = tuple(demonstration_prefix(told, end, ratio))
    if len(ids) == len(demonstration.token_ids):
        return demonstration
    logp = demonstration.logp[: len(ids)]
    return Rollout(ids, logp, "", "length", source="demonstration") if ids else None


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
    probability of 1, or the teacher's.
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


def _told(sample: Sample, key: str, tokenizer: Any) -> Iterator[tuple[str, Ids, Logp]]:
    """Each text with its tokens, and log-probabilities of these and of the end; none if empty."""
    found = sample.meta.get(key) or ()
    texts = [found] if isinstance(found, str) else list(found)
    known = sample.meta.get(f"{key}_logp")
    lists = [known] * len(texts) if known is None or isinstance(found, str) else known
    if not isinstance(lists, list) or len(lists) != len(texts):
        raise BadRecord(f"{key}_logp is no list of one list for each of {len(texts)} texts")
    for text, values in zip(texts, lists, strict=True):
        if text:
            ids = tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
            count = len(ids) + 1
            yield text, ids, (0.0,) * count if values is None else _fitting(values, key, count)


def _fitting(values: Any, key: str, count: int) -> Logp:
    if not isinstance(values, list):
        raise BadRecord(f"{key}_logp is no list: {values!r:.80}")
    if len(values) != count:
        told = f"{len(values)} log-probabilities for {count} tokens, with the end token"
        raise BadRecord(f"{key}_logp: {told}")
    for value in values:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and math.isfinite(value) and value <= 0):
            raise BadRecord(f"{key}_logp: {value!r:.80} is no log-probability")
    return tuple(map(float, values))
