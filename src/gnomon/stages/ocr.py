"""Reading, taught to the vision tower alone: what stands where in a picture, and what it is called.

One answer about a picture teaches a language model one thing about it; here every place of it is a
lesson, and no language model has to run. Tokens are told by the language model's own embeddings, so
that a feature over a word looks like that word to it, and one over a thing like its name. Each
feature tells its own row and column as well: the tower's rotary places are relative, and a language
model that finds a thing has to say where it is.
Dimension suffixes: F features, H hidden width, S slots of a feature, C characters, V tokens, K of
them that stand in the pictures, P rows and columns.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    linear,
    rms_norm,
)

from gnomon.models.load import load_policy
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
"""Key in ``meta`` of a sample: for each picture its words, as (text, x of each character, y)."""
NAMES = "names"
"""Key in ``meta`` of a sample: for each picture its things, as (name, box); it may be missing."""
PLACES = 16
"""Rows, and columns, of features that are told apart; further ones are not told (ours)."""
UNTOLD = -100
"""In place of a row or column that is not told: what PyTorch's cross-entropy leaves out."""
COVERED = 0.3
"""Share of a feature that a thing has to cover to stand there (ours)."""
Mark = tuple[str, Sequence[float], float]
Name = tuple[str, tuple[int, int, int, int]]


class Reader(nn.Module):
    """What features [F, H] tell: characters in slots, tokens, and where they are themselves.

    It begins with telling the same of every feature, however large features are.
    """

    def __init__(self, embeddings_VH: Tensor, slots: int) -> None:
        super().__init__()
        width = embeddings_VH.shape[1]
        device = embeddings_VH.device
        self.slots = _untaught(width, slots * len(CHARACTERS), FEW, device)
        self.place = _untaught(width, 2 * PLACES, 0.0, device)
        self.scale = nn.Parameter(torch.zeros(1, device=device))
        self.shift = nn.Parameter(torch.full((len(embeddings_VH),), FEW, device=device))
        self.embeddings_VH = embeddings_VH

    def forward(self, features_FH: Tensor) -> tuple[Tensor, Tensor]:
        """Log odds [F, S x C + V] of what stands there, and logits [F, 2, P] of row and column.

        Places are told from features over their root mean square, as a language model reads them.
        """
        tokens_FV = linear(features_FH, self.embeddings_VH.float()) * self.scale + self.shift
        place_F2P = self.place(rms_norm(features_FH, features_FH.shape[1:])).unflatten(1, (2, -1))
        return torch.cat([self.slots(features_FH), tokens_FV], dim=1), place_F2P


def _untaught(width: int, outputs: int, bias: float, device: torch.device) -> nn.Linear:
    """A linear map that gives ``bias`` whatever it sees."""
    made: nn.Linear = nn.utils.skip_init(  # type: ignore[no-untyped-call]
        nn.Linear, width, outputs, device=device
    )
    nn.init.zeros_(made.weight)
    nn.init.constant_(made.bias, bias)
    return made


class Letters(SideHead):
    """The `Reader` of a stage, and the tokenizer that says which tokens a word has."""

    def __init__(self, policy: Policy, stage: Ocr, planned: int) -> None:
        merge = int(policy.core.config.vision_config.spatial_merge_size)
        embeddings_VH = policy.core.get_input_embeddings().weight.detach()
        self.tokenizer = policy.processor.tokenizer
        self.slots = HALVES * merge**2
        super().__init__("letters", Reader(embeddings_VH, self.slots), stage.optimizer, planned)

    def told(self, picture: Picture, marks: Sequence[Mark], names: Sequence[Name]) -> Tensor:
        """Which outputs of the head [K, 2] should be likely: feature and output."""
        written_K2 = tokens_of(picture, marks, self.tokenizer)
        named_K2 = names_of(picture, names, self.tokenizer)
        tokens_K2 = torch.cat([written_K2, named_K2])
        tokens_K2[:, 1] += self.slots * len(CHARACTERS)
        return torch.cat([slots_of(picture, marks), tokens_K2])


def open_letters(stage: AnyStage, policy: Policy, updater: Updater) -> Letters | None:
    """The head of an `Ocr` stage, whose updates follow those of ``updater``; else None."""
    if not isinstance(stage, Ocr):
        return None
    letters = Letters(policy, stage, updater.planned)
    updater.followers.append(letters.updater)
    return letters


def prepare_ocr(stage: Ocr, context: StageContext) -> StepFunction:
    """The step of reading: the pictures of ``batch_size`` samples, one update over all of them.

    The loss is the binary cross-entropy of every character in every slot and of every token over a
    feature, those of names included, and the cross-entropy of its row and of its column, summed
    over a feature and averaged over features, plus ``keep`` times the squared change of the
    features of nothing since the stage began, by their squares. ``recall`` is the share of what is
    there that was told, ``precision`` the share of what was told that is there, ``placed`` the
    share of features that told their row and column (none beyond `PLACES` does), ``change`` the
    change without its weight. Raises `BadRecord` when no sample of a step says what is written in
    it.
    """
    letters = context.letters
    assert isinstance(letters, Letters)
    before = _as_begun(context) if stage.keep else None

    def step(number: int) -> StepResult:
        taken = context.take(stage.batch_size)
        pages = [page for sample, one in taken for page in _read(letters, sample, one.percepts)]
        if not any(page.says for page in pages):
            raise BadRecord(
                f"none of {len(taken)} samples says what is written in its pictures, the first is "
                f"{taken[0][0].id}: use a source that does, such as 'inscriptions'"
            )
        seen: list[Tensor] = []
        shares = _Shares(pages, stage.keep)
        losses = [
            _loss(context.policy, letters, part, shares, before, seen)
            for part in _parts(pages, stage.micro_batch_tokens)
        ]
        with context.clock.phase("update"):
            update = context.updater.step(losses, at_once=stage.at_once)
        if not update.applied:
            context.skip("gradient", f"update {number}", update.reason)
        there, thought, right, placed, change = torch.stack(seen).sum(0).tolist()
        values = {
            "loss": update.loss,
            "grad_norm": update.grad_norm,
            "lr": update.learning_rate,
            "recall": right / max(there, 1),
            "precision": right / max(thought, 1),
            "placed": placed / shares.read,
            "change": change,
        }
        return StepResult(values, sum(page.picture.features for page in pages))

    return step


def _as_begun(context: StageContext) -> Policy:
    """The model that the stage began with."""
    dtype = "bfloat16" if context.policy.mixed_precision else "float32"
    return load_policy(context.parent, dtype=dtype, device=str(context.policy.device))


@dataclass(frozen=True)
class Page:
    """A picture, and which outputs [K, 2] of the head should be likely in it.

    One that does not say what is written in it is only to be seen as before.
    """

    picture: Picture
    told_K2: Tensor
    says: bool


class _Shares:
    """What the parts of a loss are divided by: features that are read, features that are kept."""

    def __init__(self, pages: Sequence[Page], keep: float) -> None:
        self.read = max(1, sum(page.picture.features for page in pages if page.says))
        self.kept = max(1, sum(int(_blank(page).sum()) for page in pages))
        self.keep = keep


def _blank(page: Page) -> Tensor:
    """Which features [F] of a picture have nothing under them."""
    blank = torch.ones(page.picture.features, dtype=torch.bool)
    blank[page.told_K2[:, 0]] = False
    return blank


def _read(letters: Letters, sample: Sample, percepts: Sequence[Percept]) -> list[Page]:
    pictures = [one for one in percepts if isinstance(one, Picture)]
    told = sample.meta.get(INSCRIPTIONS)
    if told is None:
        return [Page(one, torch.zeros(0, 2, dtype=torch.long), False) for one in pictures]
    named = sample.meta.get(NAMES, [[]] * len(told))
    return [
        Page(one, letters.told(one, marks, names), True)
        for one, marks, names in zip(pictures, told, named, strict=True)
    ]


def slots_of(picture: Picture, marks: Iterable[Mark], patch: int = 14) -> Tensor:
    """The characters of words as [K, 2]: number of the feature, and S x C index.

    A feature covers ``merge_size`` x ``merge_size`` patches, each of two slots side by side. What
    lies outside the picture, or is none of `CHARACTERS`, is left out.

    >>> slots_of(Picture("", torch.zeros(16, 1), (1, 4, 4)), [("1b", (30, 36), 3)]).tolist()
    [[1, 1], [1, 73]]
    """
    _, rows, columns = picture.grid
    merge, known = picture.merge_size, len(CHARACTERS)
    found = []
    for text, centres, y in marks:
        row = int(y // patch)
        for character, x in zip(text, centres, strict=True):
            half = int(x // (patch / HALVES))
            column = half // HALVES
            if character not in CHARACTERS or not (0 <= row < rows and 0 <= column < columns):
                continue
            feature = row // merge * (columns // merge) + column // merge
            slot = (row % merge * merge + column % merge) * HALVES + half % HALVES
            found.append((feature, slot * known + CHARACTERS.index(character)))
    return torch.tensor(found, dtype=torch.long).view(-1, 2)


def tokens_of(picture: Picture, marks: Iterable[Mark], tokenizer: Any, patch: int = 14) -> Tensor:
    """The tokens of words as [K, 2]: number of the feature over their middle, and token id."""
    _, rows, columns = picture.grid
    side = patch * picture.merge_size
    wide, high = columns // picture.merge_size, rows // picture.merge_size
    found = []
    for text, centres, y in marks:
        for token, start, end in _cut(text, tokenizer):
            over = centres[start:end]
            row, column = int(y // side), int(sum(over) / len(over) // side)
            if 0 <= row < high and 0 <= column < wide:
                found.append((row * wide + column, token))
    return torch.tensor(found, dtype=torch.long).view(-1, 2)


def names_of(picture: Picture, names: Iterable[Name], tokenizer: Any, patch: int = 14) -> Tensor:
    """The tokens of names as [K, 2]: number of the feature on which a thing stands, and token id.

    A thing stands on each feature of which it covers `COVERED`, or on the one that it covers most;
    one outside the picture stands nowhere.
    """
    found = set()
    for text, box in names:
        covered = _covered(picture, box, patch)
        if not covered:
            continue
        enough = min(COVERED * (patch * picture.merge_size) ** 2, max(covered.values()))
        stood = [feature for feature, area in covered.items() if area >= enough]
        found |= {(feature, token) for token, _, _ in _cut(text, tokenizer) for feature in stood}
    return torch.tensor(sorted(found), dtype=torch.long).view(-1, 2)


def _cut(text: str, tokenizer: Any) -> Iterator[tuple[int, int, int]]:
    """The tokens of a text as behind a blank, each with its first character and the one after it.

    A token of nothing but blanks is left out.
    """
    coded = tokenizer.backend_tokenizer.encode(f" {text}", add_special_tokens=False)
    for token, (start, end) in zip(coded.ids, coded.offsets, strict=True):
        if f" {text}"[start:end].strip():
            yield token, max(0, start - 1), end - 1


def places_of(picture: Picture) -> Tensor:
    """The row and the column of each feature [F, 2]; `UNTOLD` from `PLACES` on.

    >>> places_of(Picture("", torch.zeros(8, 1), (1, 2, 4))).tolist()
    [[0, 0], [0, 1]]
    """
    _, rows, columns = picture.grid
    high, wide = rows // picture.merge_size, columns // picture.merge_size
    places_F2 = torch.cartesian_prod(torch.arange(high), torch.arange(wide))
    return places_F2.masked_fill(places_F2 >= PLACES, UNTOLD)


def _covered(picture: Picture, box: tuple[int, int, int, int], patch: int) -> dict[int, int]:
    """The features that a box touches, each with how many of its pixels are inside."""
    _, rows, columns = picture.grid
    side, wide = patch * picture.merge_size, columns // picture.merge_size
    left, top, right, bottom = box
    return {
        row * wide + column: across * down
        for row in range(rows // picture.merge_size)
        for column in range(wide)
        if (across := min(right, side * (column + 1)) - max(left, side * column)) > 0
        and (down := min(bottom, side * (row + 1)) - max(top, side * row)) > 0
    }


def _parts(pages: Sequence[Page], tokens: int) -> list[list[Page]]:
    """Pages in the given order, in parts of at most ``tokens`` features, or of one page."""
    parts: list[list[Page]] = []
    held = tokens + 1
    for page in pages:
        held += page.picture.features
        if held > tokens:
            parts.append([])
            held = page.picture.features
        parts[-1].append(page)
    return parts


def _loss(
    policy: Policy,
    letters: Letters,
    pages: Sequence[Page],
    shares: _Shares,
    before: Policy | None,
    seen: list[Tensor],
) -> MicroLoss:
    def compute() -> Tensor:
        features_FH = policy.features([page.picture for page in pages]).float()
        says = torch.cat([torch.full((p.picture.features,), p.says) for p in pages])
        logits, place_F2P = letters.head(features_FH[says])
        wanted, stood_F2 = _wanted(pages, logits), _stood(pages).to(logits.device)
        loss = binary_cross_entropy_with_logits(logits, wanted, reduction="sum")
        loss = loss + cross_entropy(place_F2P.mT, stood_F2, reduction="sum")
        change = torch.zeros((), device=loss.device)
        if before is not None:
            change = _changed(pages, features_FH, before).sum() / shares.kept
        placed = (place_F2P.argmax(-1) == stood_F2).all(1).sum()
        counts = [*_counts(logits.detach(), wanted), placed, change.detach()]
        seen.append(torch.stack([each.cpu().float() for each in counts]))
        return loss / shares.read + shares.keep * change

    return compute


def _changed(pages: Sequence[Page], features_FH: Tensor, before: Policy) -> Tensor:
    """The squared change of each feature of nothing, by its square before."""
    blank = torch.cat([_blank(page) for page in pages]).to(features_FH.device)
    with torch.no_grad():
        old_FH = before.features([page.picture for page in pages]).float()[blank]
    return (features_FH[blank] - old_FH).square().sum(-1) / old_FH.square().sum(-1)


def _stood(pages: Sequence[Page]) -> Tensor:
    """The places [F, 2] of the features of pages that say what is written in them."""
    found = [places_of(page.picture) for page in pages if page.says]
    return torch.cat([torch.zeros(0, 2, dtype=torch.long), *found])


def _wanted(pages: Sequence[Page], like: Tensor) -> Tensor:
    """Ones where an output should be likely, for the pages that say what is written in them."""
    wanted, start = torch.zeros_like(like), 0
    for page in pages:
        if page.says:
            feature, output = page.told_K2.to(like.device).unbind(1)
            wanted[start + feature, output] = 1
            start += page.picture.features
    return wanted


def _counts(logits: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """How many outputs are wanted, how many are thought to be, how many of these are right."""
    thought, there = logits > 0, wanted > 0
    return there.sum(), thought.sum(), (there & thought).sum()
