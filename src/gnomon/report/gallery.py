"""Which rollouts the page shows: few, and as different from each other as possible.

Training rollouts come as groups, from early, middle and late steps of each stage. Evaluated
responses come as questions, each with the answers of all stages beside each other.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from gnomon.report.inline import json_for_script
from gnomon.report.text import finite, readable
from gnomon.rollouts import read_rows
from gnomon.run import Run

MAX_ROLLOUTS = 200
MIN_EVALUATED = 80
MAX_MEMBERS = 8
MAX_STEPS = 6
MAX_EVALUATED_ROWS = 20_000
MAX_TEXT_BYTES = 2_500_000
MAX_SCORES_CHARS = 20_000

Item = TypeVar("Item")
Row = Mapping[str, Any]
_SHARED = ("task", "difficulty", "reference")
_OF_MEMBER = (
    "stage",
    "index",
    "step",
    "member",
    "response",
    "stop",
    "length",
    "prediction",
    "outcome",
    "reason",
    "reward",
    "advantage",
    "kept",
)


@dataclass(frozen=True)
class Card:
    """One group of a training step, or one evaluated question with its answers from all stages.

    ``rows`` are those shown, ``size`` and ``right`` count all.
    """

    kind: str
    rows: tuple[Row, ...]
    size: int
    right: int


@dataclass(frozen=True)
class Gallery:
    """The cards, ready for JSON, with how many rollouts they show and how many there are.

    ``images`` are the names of the images of the cards; ``problems`` name files that could not be
    read.
    """

    cards: list[dict[str, Any]]
    shown: int
    total: int
    images: list[str]
    problems: list[str] = field(default_factory=list)


def choose_rollouts(run: Run) -> Gallery:
    """At most `MAX_ROLLOUTS` rollouts of a run within `MAX_TEXT_BYTES` of JSON (ours).

    Reads at most `MAX_STEPS` files of rollouts per stage and `MAX_EVALUATED_ROWS` rows per
    evaluation. A file that cannot be read is named in ``problems`` and left out.
    """
    problems: list[str] = []
    files = _step_files(run.path)
    training = [
        _groups_of([row for path in _spread(paths, MAX_STEPS) for row in _read(path, problems)])
        for paths in files.values()
    ]
    questions = _questions_of(_evaluated_rows(run, problems))
    trainable = sum(card_size(card) for cards in training for card in cards)
    evaluated = _choose(
        questions, max(MIN_EVALUATED, MAX_ROLLOUTS - trainable), _evaluation_features
    )
    left = MAX_ROLLOUTS - sum(map(card_size, evaluated))
    groups = [
        card
        for place, cards in enumerate(training)
        for card in _choose(
            cards,
            left * (place + 1) // len(training) - left * place // len(training),
            _training_features,
        )
    ]
    cards = _within([_plain_card(card) for card in evaluated + groups], MAX_TEXT_BYTES)
    total = sum(_count(path) for paths in files.values() for path in paths)
    total += sum(_count(path) for path in (run.path / "evaluations").glob("*-*.parquet"))
    images = [name for card in cards for name in card["images"]]
    return Gallery(cards, sum(len(card["members"]) for card in cards), total, images, problems)


# -- reading --------------------------------------------------------------------------------------


def _step_files(run: Path) -> dict[str, list[Path]]:
    """Files of rollouts by stage folder, in the order of stages and steps."""
    found: dict[str, list[Path]] = {}
    paths = [path for path in (run / "rollouts").glob("*-*/*.parquet") if path.stem.isdigit()]
    for path in sorted(paths, key=lambda path: (_number_of(path.parent), int(path.stem))):
        found.setdefault(path.parent.name, []).append(path)
    return found


def _number_of(folder: Path) -> int:
    head = folder.name.partition("-")[0]
    return int(head) if head.isdigit() else 0


def _spread(items: Sequence[Path], count: int) -> list[Path]:
    """At most ``count`` items at even distances, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)]


def _read(path: Path, problems: list[str], limit: int | None = None) -> list[dict[str, Any]]:
    import pyarrow as pa

    try:
        return read_rows([path], limit)
    except (pa.ArrowException, OSError) as error:
        problems.append(f"{path.parent.name}/{path.name} could not be read: {error}")
        return []


def _count(path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError):
        return 0


def _evaluated_rows(run: Run, problems: list[str]) -> list[dict[str, Any]]:
    paths = sorted((run.path / "evaluations").glob("*-*.parquet"), key=_number_of)
    return [row for path in paths for row in _read(path, problems, MAX_EVALUATED_ROWS)]


# -- choosing -------------------------------------------------------------------------------------


def _groups_of(rows: Sequence[Row]) -> list[Card]:
    found: dict[Any, list[Row]] = {}
    for row in rows:
        found.setdefault((row.get("index"), row.get("step"), row.get("group")), []).append(row)
    return [_card("training", members) for members in found.values()]


def _questions_of(rows: Sequence[Row]) -> list[Card]:
    found: dict[Any, list[Row]] = {}
    for row in rows:
        found.setdefault((row.get("task"), row.get("sample_id")), []).append(row)
    return [_card("evaluation", answers) for answers in found.values()]


def _card(kind: str, rows: Sequence[Row]) -> Card:
    right = sum(map(_is_right, rows))
    chosen = pick_varied(range(len(rows)), MAX_MEMBERS, lambda i: _member_features(rows[i]))
    return Card(kind, tuple(rows[i] for i in sorted(chosen)), len(rows), right)


def card_size(card: Card) -> int:
    """Number of rollouts that a card shows."""
    return len(card.rows)


def _is_right(row: Row) -> bool:
    return row.get("outcome") == "correct"


def _member_features(row: Row) -> tuple[Hashable, ...]:
    return (row.get("index"), (row.get("index"), row.get("outcome")), row.get("reward"))


def _training_features(card: Card) -> tuple[Hashable, ...]:
    first = card.rows[0]
    share = "all" if card.right == card.size else "some" if card.right else "none"
    outcomes = frozenset(row.get("outcome") for row in card.rows)
    return (first.get("step"), share, (first.get("step"), share), first.get("task"), outcomes)


def _evaluation_features(card: Card) -> tuple[Hashable, ...]:
    pattern = tuple((row.get("index"), _is_right(row)) for row in card.rows)
    outcomes = frozenset(row.get("outcome") for row in card.rows)
    return (pattern, card.rows[0].get("task"), outcomes, card.rows[0].get("difficulty"))


def pick_varied(
    items: Sequence[Item], count: int, features: Callable[[Item], tuple[Hashable, ...]]
) -> list[Item]:
    """At most ``count`` items, each time the one whose features were picked least often so far.

    Of several, the first.

    >>> pick_varied("aaabbc", 3, lambda letter: (letter,))
    ['a', 'b', 'c']
    """
    seen: Counter[Hashable] = Counter()
    left = [(item, features(item)) for item in items]
    picked: list[Item] = []
    while left and len(picked) < count:
        best = min(range(len(left)), key=lambda i: sum(seen[each] for each in left[i][1]))
        item, has = left.pop(best)
        seen.update(has)
        picked.append(item)
    return picked


def _choose(
    cards: Sequence[Card], rollouts: int, features: Callable[[Card], tuple[Hashable, ...]]
) -> list[Card]:
    """Varied cards with at most ``rollouts`` rollouts together, in the order of ``cards``."""
    chosen: list[int] = []
    for place in pick_varied(range(len(cards)), rollouts, lambda i: features(cards[i])):
        if card_size(cards[place]) <= rollouts:
            rollouts -= card_size(cards[place])
            chosen.append(place)
    return [cards[place] for place in sorted(chosen)]


def _within(cards: Sequence[dict[str, Any]], max_bytes: int) -> list[dict[str, Any]]:
    """Those of the cards that fit when they are taken one after the other."""
    fitting = []
    for card in cards:
        size = len(json_for_script(card).encode())
        if size <= max_bytes:
            max_bytes -= size
            fitting.append(card)
    return fitting


# -- plain values ---------------------------------------------------------------------------------


def _plain_card(card: Card) -> dict[str, Any]:
    first = card.rows[0]
    prompt = Counter(row.get("prompt") for row in card.rows).most_common(1)[0][0]
    values = {
        "kind": card.kind,
        "id": first.get("sample_id"),
        "group": first.get("group"),
        "size": card.size,
        "right": card.right,
        "prompt": prompt,
        "images": list(first.get("images") or ()),
        "members": [_plain_member(row, prompt) for row in card.rows],
        **{name: first.get(name) for name in _SHARED},
    }
    plain: dict[str, Any] = readable(values)
    return plain


def _plain_member(row: Row, prompt: Any) -> dict[str, Any]:
    member = {name: row.get(name) for name in _OF_MEMBER}
    if row.get("prompt") != prompt:
        member["prompt"] = row.get("prompt")
    return {**member, "scores": read_scores(row.get("scores"))}


def read_scores(text: Any) -> dict[str, float | None]:
    """Reward terms from the JSON object in a row; empty for anything else.

    Texts over `MAX_SCORES_CHARS` are not read. A value that is no finite number is None, as is the
    score of a term that does not apply.
    """
    if not isinstance(text, str) or len(text) > MAX_SCORES_CHARS:
        return {}
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(values, dict):
        return {}
    return {name: finite(value) for name, value in values.items()}
