"""Reading, taught to the vision tower alone: which characters stand where in a picture.

One answer about a picture teaches a language model one thing about it; here every place of it is a
lesson, and no language model has to run. Dimension suffixes: F features, H hidden width, S slots of
a feature, C characters, K characters that stand in the pictures.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from gnomon.models.percepts import Percept, Picture
from gnomon.models.policy import Policy
from gnomon.recipe import AnyStage, Ocr
from gnomon.records import BadRecord, Sample
from gnomon.stages.context import StageContext, StepFunction, StepResult
from gnomon.stages.heads import SideHead
from gnomon.stages.updates import MicroLoss, Updater

CHARACTERS = string.digits + string.ascii_letters
"""What is told apart; other characters are nothing."""
HALVES = 2
"""Slots of a patch, side by side: each is about as wide as a character (ours)."""
FEW = -5.0
"""Log odds of a character in a slot before anything is learnt: most slots are empty."""
INSCRIPTIONS = "inscriptions"
"""Key in ``meta`` of a sample: for each picture its characters, as [character, x, y] in pixels."""


class Letters(SideHead):
    """A linear head that tells the characters of each slot from the feature over it."""

    def __init__(self, policy: Policy, stage: Ocr, planned: int) -> None:
        width = policy.core.config.get_text_config().hidden_size
        slots = HALVES * policy.core.config.vision_config.spatial_merge_size**2
        head: nn.Linear = nn.utils.skip_init(  # type: ignore[no-untyped-call]
            nn.Linear, width, slots * len(CHARACTERS), device=policy.device
        )
        nn.init.zeros_(head.weight)
        nn.init.constant_(head.bias, FEW)
        super().__init__("letters", head, stage.optimizer, planned)


def open_letters(stage: AnyStage, policy: Policy, updater: Updater) -> Letters | None:
    """The head of an `Ocr` stage, whose updates follow those of ``updater``; else None."""
    if not isinstance(stage, Ocr):
        return None
    letters = Letters(policy, stage, updater.planned)
    updater.followers.append(letters.updater)
    return letters


def prepare_ocr(stage: Ocr, context: StageContext) -> StepFunction:
    """The step of reading: the pictures of ``batch_size`` samples, one update over all of them.

    The loss is the binary cross-entropy of every character in every slot, summed over a feature and
    averaged over features. ``recall`` is the share of the characters that were thought to be there,
    ``precision`` the share of those that are, among what was thought to be there.
    """
    letters = context.letters
    assert letters is not None

    def step(number: int) -> StepResult:
        found = [
            _read(sample, encoded.percepts) for sample, encoded in context.take(stage.batch_size)
        ]
        pages = [page for pages in found for page in pages]
        parts = _parts(pages, stage.micro_batch_tokens)
        total = sum(picture.features for picture, _ in pages)
        seen: list[Tensor] = []
        with context.clock.phase("update"):
            losses = [_loss(context.policy, letters, part, total, seen) for part in parts]
            update = context.updater.step(losses, at_once=stage.at_once)
        if not update.applied:
            context.skip("gradient", f"update {number}", update.reason)
        there, thought, right = torch.stack(seen).sum(0).tolist()
        values = {
            "loss": update.loss,
            "grad_norm": update.grad_norm,
            "lr": update.learning_rate,
            "recall": right / max(there, 1),
            "precision": right / max(thought, 1),
        }
        return StepResult(values, total)

    return step


Page = tuple[Picture, Tensor]
"""A picture, and the places [K, 2] of its characters: feature, and slot x character."""


def _read(sample: Sample, percepts: Sequence[Percept]) -> list[Page]:
    pictures = [one for one in percepts if isinstance(one, Picture)]
    told = sample.meta.get(INSCRIPTIONS)
    if told is None or len(told) != len(pictures):
        raise BadRecord(
            f"sample {sample.id} does not say what is written in its {len(pictures)} pictures: use "
            "a source that does, such as 'inscriptions'"
        )
    return [(one, slots(one, marks)) for one, marks in zip(pictures, told, strict=True)]


def slots(picture: Picture, marks: Iterable[tuple[str, float, float]], patch: int = 14) -> Tensor:
    """The places [K, 2] of characters at (x, y) pixels: number of the feature, and S x C index.

    A feature covers ``merge_size`` x ``merge_size`` patches, each of two slots side by side. What
    lies outside the picture, or is none of `CHARACTERS`, is left out.

    >>> slots(Picture("key", torch.zeros(16, 1), (1, 4, 4)), [("1", 30, 3), ("b", 13, 20)]).tolist()
    [[1, 1], [0, 321]]
    """
    _, rows, columns = picture.grid
    merge, known = picture.merge_size, len(CHARACTERS)
    found = []
    for character, x, y in marks:
        row, half = int(y // patch), int(x // (patch / HALVES))
        column = half // HALVES
        if character not in CHARACTERS or not (0 <= row < rows and 0 <= column < columns):
            continue
        feature = row // merge * (columns // merge) + column // merge
        slot = (row % merge * merge + column % merge) * HALVES + half % HALVES
        found.append((feature, slot * known + CHARACTERS.index(character)))
    return torch.tensor(found, dtype=torch.long).view(-1, 2)


def _parts(pages: Sequence[Page], tokens: int) -> list[list[Page]]:
    """Pages in the given order, in parts of at most ``tokens`` features, or of one page."""
    parts: list[list[Page]] = []
    held = tokens + 1
    for page in pages:
        held += page[0].features
        if held > tokens:
            parts.append([])
            held = page[0].features
        parts[-1].append(page)
    return parts


def _loss(
    policy: Policy, letters: Letters, pages: Sequence[Page], total: int, seen: list[Tensor]
) -> MicroLoss:
    def compute() -> Tensor:
        pictures, places = zip(*pages, strict=True)
        features_FH = policy.features(pictures).float()
        logits = letters.head(features_FH)
        wanted = torch.zeros_like(logits)
        start = 0
        for picture, place_K2 in zip(pictures, places, strict=True):
            wanted[start + place_K2[:, 0].to(wanted.device), place_K2[:, 1].to(wanted.device)] = 1
            start += picture.features
        seen.append(_counts(logits.detach(), wanted))
        return binary_cross_entropy_with_logits(logits, wanted, reduction="sum") / total

    return compute


def _counts(logits: Tensor, wanted: Tensor) -> Tensor:
    """How many characters are there, how many are thought to be, how many of these are right."""
    thought, there = logits > 0, wanted > 0
    return torch.stack([there.sum(), thought.sum(), (there & thought).sum()]).cpu()
