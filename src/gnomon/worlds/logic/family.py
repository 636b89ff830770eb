"""What the families of puzzles share: settings by difficulty, wordings, and the way to a question.

Families, parameters and answer shapes are those of SynLogic (arXiv 2505.19641), the generators are
ours. Difficulty 3 is about SynLogic's Easy set, 5 about its Hard set, 1 and 2 are smaller (ours).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeVar

import numpy as np

from gnomon.media.image import png_bytes
from gnomon.records import Answer, Media
from gnomon.worlds.logic.board import Board, draw_board
from gnomon.worlds.scene import REDRAWS, between, pick
from gnomon.worlds.world import LEVELS, Posed, WorldTask

Language = Literal["en", "zh"]
Facts = Mapping[str, Any]
Settings = Mapping[str, Any]
Drawn = TypeVar("Drawn")
CHINESE_SHARE = 0.1
"""Share of questions in Chinese (ours; SynLogic asks half of them in Chinese)."""


@dataclass(frozen=True)
class Wording:
    """How a family is asked: rules, then the puzzle, then the shape of the answer.

    ``english`` and ``chinese`` are paraphrases of the rules, with names of told fields in braces;
    the shapes stand as they are.
    """

    english: tuple[str, ...]
    shape: str
    chinese: tuple[str, ...]
    chinese_shape: str

    def ask(self, rng: np.random.Generator, language: Language, told: Mapping[str, str]) -> str:
        """A prompt of one paraphrase; ``told`` has the ``puzzle`` and the fields of the rules."""
        rules = pick(rng, self.chinese if language == "zh" else self.english)
        shape = self.chinese_shape if language == "zh" else self.shape
        return f"{rules.format_map(told)}\n\n{told['puzzle']}\n\n{shape}"


@dataclass(frozen=True)
class Puzzle:
    """A drawn puzzle.

    ``facts`` has exactly SynLogic's metadata, which the answer carries; ``more`` what else the
    question is told and confirmed by. ``gold`` is the reference as SynLogic stores it, ``answer``
    a right answer in the shape that is asked for, ``work`` the steps of a simple solver.
    """

    facts: Facts
    gold: str
    answer: str
    key: str
    work: float
    thought: str = ""
    more: Facts = field(default_factory=dict)


@dataclass(frozen=True)
class Family:
    """A kind of puzzle.

    ``draw(rng, **settings)`` makes one; ``ladder`` has its settings at each of `LEVELS`, where a
    pair of numbers is drawn from, both ends included, and a list is picked from. ``tell`` gives the
    fields of the wording. ``confirm`` is the rule check or the second way to the answer, ``board``
    the picture of the puzzle.
    """

    name: str
    draw: Callable[..., Puzzle]
    ladder: tuple[Settings, ...]
    wording: Wording
    tell: Callable[[Facts, Language], Mapping[str, str]]
    confirm: Callable[[Posed], bool]
    board: Callable[[Facts], Board] | None = None

    def task(self) -> WorldTask:
        """The task that writes its puzzles out."""
        pose = partial(pose_family, self, False)
        return WorldTask(self.name, "multi", "text", pose, self.confirm, work_of)

    def pictured(self) -> WorldTask:
        """The task that shows the same puzzles as pictures."""
        pose = partial(pose_family, self, True)
        return WorldTask(self.name, "multi", "image", pose, self.confirm, work_of)


def work_of(posed: Posed) -> float:
    """Steps of a simple solver, as the family counts them."""
    return float(posed.facts["work"])


def pose_family(family: Family, picture: bool, rng: np.random.Generator, level: int) -> Posed:
    """A question of a family at a level; with ``picture`` an image stands for its puzzle."""
    puzzle = family.draw(rng, **drawn_settings(rng, family.ladder[level - LEVELS[0]]))
    language: Language = "zh" if rng.random() < CHINESE_SHARE else "en"
    facts = {**puzzle.facts, **puzzle.more, "work": puzzle.work, "language": language}
    told = dict(family.tell(facts, language))
    show: Callable[[], tuple[Media, ...]] = tuple
    if picture and family.board is not None:
        told["puzzle"] = "<image>"
        show = partial(_picture, family.board, facts)
    value = {"family": family.name, "facts": dict(puzzle.facts), "gold": puzzle.gold}
    return Posed(
        family.wording.ask(rng, language, told),
        Answer("puzzle", value),
        puzzle.answer,
        f"{family.name} {puzzle.key}",
        puzzle.thought,
        show,
        facts,
    )


def _picture(board: Callable[[Facts], Board], facts: Facts) -> tuple[Media, ...]:
    return (Media("image", data=png_bytes(draw_board(board(facts)))),)


def drawn_settings(rng: np.random.Generator, settings: Settings) -> dict[str, Any]:
    """The settings of a level with each range drawn from and each list picked from."""
    return {name: _drawn(rng, value) for name, value in settings.items()}


def _drawn(rng: np.random.Generator, value: Any) -> Any:
    if isinstance(value, list):
        return pick(rng, value)
    if not isinstance(value, tuple):
        return value
    low, high = value
    if isinstance(low, int):
        return between(rng, low, high)
    return low + rng.random() * (high - low)


def require(holds: bool, told: str) -> None:
    """Raise ValueError with what to do unless a setting can be used."""
    if not holds:
        raise ValueError(told)


def first_of(draw: Callable[[], Drawn | None], what: str, tries: int = REDRAWS) -> Drawn:
    """The first draw that is not None; raises ValueError after ``tries`` of them."""
    for _ in range(tries):
        found = draw()
        if found is not None:
            return found
    raise ValueError(f"no {what} in {tries} draws; use settings that leave more room")


def boxed(text: str) -> str:
    r"""``\boxed{text}``."""
    return rf"\boxed{{{text}}}"


def fenced(text: str, language: str = "python") -> str:
    """The text in a Markdown fence."""
    return f"```{language}\n{text}\n```"


def spaced(grid: Sequence[Sequence[Any]]) -> str:
    """A grid with rows by commas and cells by spaces.

    >>> spaced([[1, 2], [2, 1]])
    '[[1 2,2 1]]'
    """
    return "[[" + ",".join(" ".join(map(str, row)) for row in grid) + "]]"


def listed(grid: Sequence[Sequence[Any]]) -> str:
    """A grid as JSON in one line.

    >>> listed([[1, "X"]])
    '[[1, "X"]]'
    """
    return json.dumps([list(row) for row in grid], ensure_ascii=False)


def lines(grid: Sequence[Sequence[Any]]) -> str:
    """A grid with one line for each row, cells by spaces."""
    return "\n".join(" ".join(map(str, row)) for row in grid)


def fence_of(text: str) -> str:
    """What stands in the last fence of our own answer."""
    return text.split("```")[-2].split("\n", 1)[1].strip()
