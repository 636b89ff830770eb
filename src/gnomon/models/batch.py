"""Batches without padding in which every percept and every shared prompt occurs once.

A *run* is a stretch of tokens. A run may continue another one, as a response continues its prompt:
row -> prompt -> percept, a picture or a sound. Whatever several rows share is one run and is
computed once, forward and backward. Runs lie end to end, so that norms, projections and MLPs see
no padding; only attention gathers runs of like length into rectangles.

Dimension suffixes: M tokens of the batch, N rows, K trained tokens in row order, R runs of a
rectangle, T its own tokens, U what they may look at.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from gnomon.models.encode import Encoded
from gnomon.models.percepts import Percept

FILLED = 0.7
"""A rectangle takes runs down to this share of its longest; below it a new one begins (ours)."""
STRIP, STRIPS = 128, 4
"""Runs that continue others are cut into at most so many strips, of at least so many tokens (ours).
"""


@dataclass(frozen=True)
class Rectangle:
    """Runs of like length as attention sees them, padded at the ends, or a strip across them.

    ``queries_RT`` and ``keys_RU`` index the tokens of the batch. ``hidden_RTU`` is true where a
    query may not look; None is plain causal attention of runs that continue nothing, whose keys are
    their own tokens.
    """

    queries_RT: Tensor
    keys_RU: Tensor
    hidden_RTU: Tensor | None


@dataclass(frozen=True)
class Batch:
    """Rows of tokens with what they share, each once.

    ``token_ids``, ``placeholders`` are [M], ``positions`` [axes, M]. ``rows`` are the places of
    each row's tokens, those that it continues first; ``targets_K`` the places of the trained
    tokens, row by row, ``sources_K`` those whose hidden states predict them, ``counts`` how many
    each row has. ``rectangles`` cover all tokens; ``order_M`` finds each token's attention output
    in them. ``features_index`` names, for the placeholders in order, the feature that fills each,
    counting over the concatenated features of ``percepts``. Construction checks that placeholders
    and features agree, and raises ValueError when they do not.
    """

    token_ids: Tensor
    positions: Tensor
    rows: tuple[Tensor, ...]
    targets_K: Tensor
    sources_K: Tensor
    counts: tuple[int, ...]
    rectangles: tuple[Rectangle, ...]
    order_M: Tensor
    percepts: tuple[Percept, ...]
    placeholders: Tensor
    features_index: Tensor

    def __post_init__(self) -> None:
        if int(self.placeholders.sum()) != self.features_index.numel():
            raise ValueError(
                f"{int(self.placeholders.sum())} placeholders but "
                f"{self.features_index.numel()} features"
            )

    def __len__(self) -> int:
        return int(self.token_ids.numel())

    @property
    def padding(self) -> float:
        """Share of the places in attention's rectangles that hold no token."""
        return 1 - len(self) / sum(box.queries_RT.numel() for box in self.rectangles)

    def to(self, device: torch.device) -> Batch:
        """The same batch on ``device``; the percepts follow when they are encoded."""
        boxes = tuple(Rectangle(*_moved(vars(box), device).values()) for box in self.rectangles)
        return replace(self, **{**_moved(vars(self), device), "rectangles": boxes})


def _moved(values: dict[str, Any], device: torch.device) -> dict[str, Any]:
    return {k: v.to(device) if isinstance(v, Tensor) else v for k, v in values.items()}


def make_batch(rows: Sequence[Encoded], *, placeholder_id: int) -> Batch:
    """Batch of ``rows``; what several of them continue is held once.

    ``placeholder_id`` is the token that stands for a feature. The first token of a row follows
    nothing, so it is never trained. Raises ValueError when there is no row.
    """
    if not rows:
        raise ValueError("a batch needs at least one row")
    runs = unique_runs(rows)
    place = _places(runs)
    places = tuple(_row_places(row, place) for row in rows)
    # A token is predicted by the one before it, so the first of a row never is.
    trained = [torch.cat([run.train for run in row.chain()])[1:] for row in rows]
    percepts = {percept.key: percept for run in runs for percept in run.percepts}
    token_ids = torch.cat([run.token_ids for run in runs])
    rectangles, order_M = _rectangles(runs, place)
    return Batch(
        token_ids,
        torch.cat([run.positions for run in runs], dim=1),
        places,
        torch.cat([where[1:][train] for where, train in zip(places, trained, strict=True)]),
        torch.cat([where[:-1][train] for where, train in zip(places, trained, strict=True)]),
        tuple(int(train.sum()) for train in trained),
        rectangles,
        order_M,
        tuple(percepts.values()),
        token_ids == placeholder_id,
        _features_index(runs, percepts),
    )


def unique_runs(rows: Sequence[Encoded]) -> list[Encoded]:
    """Every run once, each after what it continues."""
    found: dict[int, Encoded] = {}
    for row in rows:
        for run in row.chain():
            found.setdefault(id(run), run)
    return list(found.values())


def _places(runs: Sequence[Encoded]) -> dict[int, int]:
    """Where each run begins, by identity."""
    places, start = {}, 0
    for run in runs:
        places[id(run)] = start
        start += len(run)
    return places


def _row_places(row: Encoded, place: dict[int, int]) -> Tensor:
    """Places of all tokens of a row, those that it continues first."""
    pieces = [torch.arange(place[id(run)], place[id(run)] + len(run)) for run in row.chain()]
    return torch.cat(pieces)


def _rectangles(
    runs: Sequence[Encoded], place: dict[int, int]
) -> tuple[tuple[Rectangle, ...], Tensor]:
    """Rectangles over all runs, and where in them each token stands."""
    boxes: list[Rectangle] = []
    order = torch.zeros(sum(map(len, runs)), dtype=torch.long)
    start = 0
    for continued in (False, True):
        for some in _alike([run for run in runs if (run.before is not None) == continued]):
            own = [torch.arange(place[id(run)], place[id(run)] + len(run)) for run in some]
            own_RT = pad_sequence(own, batch_first=True)
            length_R = torch.tensor([len(run) for run in some])
            for first, last in strips(own_RT.shape[1]) if continued else [(0, own_RT.shape[1])]:
                # The longest come first, so that those which reach the strip stand on top.
                lines = int((length_R > first).sum())
                box = Rectangle(own_RT, own_RT, None)
                if continued:
                    box = _continued(some[:lines], place, own_RT[:lines], first, last)
                real_RT = torch.arange(first, last) < length_R[:lines, None]
                where_RT = torch.arange(start, start + real_RT.numel()).view_as(real_RT)
                order[box.queries_RT[real_RT]] = where_RT[real_RT]
                start += real_RT.numel()
                boxes.append(box)
    return tuple(boxes), order


def strips(width: int) -> list[tuple[int, int]]:
    """First and last place of each strip of runs of ``width`` tokens.

    A strip looks at what it continues and at its own runs up to its end, so cutting spares most of
    what no query may see, which attention under a mask computes all the same. T tokens behind S
    shared ones then make S T + 0.625 T^2 pairs from 512 tokens on, whole rows (S + T)^2 / 2 under a
    causal kernel: fewer up to T = 2 S, and never more than 1.25 times as many, while everything but
    attention is computed once. So there is no plain form to choose instead.

    >>> strips(300)
    [(0, 150), (150, 300)]
    """
    count = max(1, min(STRIPS, width // STRIP))
    edges = [width * number // count for number in range(count + 1)]
    return list(itertools.pairwise(edges))


def _alike(runs: Sequence[Encoded]) -> Iterator[list[Encoded]]:
    """``runs`` in groups of like length, the longest first."""
    group: list[Encoded] = []
    for run in sorted((run for run in runs if len(run)), key=len, reverse=True):
        if group and len(run) < FILLED * len(group[0]):
            yield group
            group = []
        group.append(run)
    if group:
        yield group


def _continued(
    runs: Sequence[Encoded], place: dict[int, int], own_RT: Tensor, first: int, last: int
) -> Rectangle:
    """A strip of runs that see all they continue, and of themselves what comes before.

    What is continued stands in front, padded at the front, so that a run's own tokens begin in one
    column in all lines.
    """
    before = [_row_places(run.before, place) for run in runs if run.before is not None]
    room = max(map(len, before))
    front = [torch.nn.functional.pad(places, (room - len(places), 0)) for places in before]
    keys_RU = torch.cat([torch.stack(front), own_RT[:, :last]], dim=1)
    column_U = torch.arange(room + last)
    empty_R = torch.tensor([room - len(places) for places in before])
    ahead_TU = column_U > room + torch.arange(first, last)[:, None]
    hidden_RTU = ahead_TU | (column_U < empty_R[:, None, None])
    return Rectangle(own_RT[:, first:last], keys_RU, hidden_RTU)


def _features_index(runs: Sequence[Encoded], percepts: dict[str, Percept]) -> Tensor:
    places, total = {}, 0
    for key, percept in percepts.items():
        places[key] = torch.arange(total, total + percept.features)
        total += percept.features
    pieces = [places[percept.key] for run in runs for percept in run.percepts]
    return torch.cat(pieces) if pieces else torch.zeros(0, dtype=torch.long)


def in_parts(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Distribute rows over micro-batches of at most ``most`` tokens: first fit, longest first.

    Returns the indices in each. A row longer than ``most`` gets a micro-batch of its own.

    >>> in_parts([3, 5, 2, 4], 7)
    [[1, 2], [3, 0]]
    """
    parts: list[list[int]] = []
    room: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        fitting = next((r for r, free in enumerate(room) if lengths[index] <= free), None)
        if fitting is None:
            parts.append([index])
            room.append(most - lengths[index])
        else:
            parts[fitting].append(index)
            room[fitting] -= lengths[index]
    return parts
