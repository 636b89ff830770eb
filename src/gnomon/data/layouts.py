"""Layouts: from the nested rows of published data sets to our columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gnomon.data.order import Blocks
from gnomon.data.rows import Row, Rows
from gnomon.grading.puzzles.families import FAMILIES
from gnomon.grading.structured import read_json
from gnomon.parts import nearest
from gnomon.records import BadRecord
from gnomon.worlds.choosing import printed

LayoutName = Literal["plain", "synlogic", "avqa"]
ALIASES = {"mathador": "game_of_24", "star_placement": "star_placement_puzzle"}
"""Other names of puzzle families in published rows."""


@dataclass(frozen=True)
class Layout:
    """``needs`` are the columns of the data set, ``gives`` ours; ``convert`` turns a row over.

    It raises `BadRecord` for a row that it cannot convert.
    """

    needs: tuple[str, ...]
    gives: tuple[str, ...]
    convert: Callable[[Row], Row]


@dataclass
class ConvertedRows:
    """Rows of a data set in our columns, which are ``columns``."""

    rows: Rows
    convert: Callable[[Row], Row]
    columns: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def blocks(self) -> Blocks | None:
        """The rows that are read at once."""
        return self.rows.blocks

    def place(self, index: int) -> str:
        """Where a row stands, for messages."""
        return self.rows.place(index)

    def row(self, index: int) -> Row:
        """The converted row; raises `BadRecord`."""
        return self.convert(self.rows.row(index))


def converted(rows: Rows, name: LayoutName) -> Rows:
    """The rows in our columns; raises ValueError naming a column that the layout needs.

    ``plain`` leaves them as they are.
    """
    if name == "plain":
        return rows
    layout = LAYOUTS[name]
    for column in layout.needs:
        if column not in rows.columns:
            raise ValueError(
                f"rows in the layout {name!r} have a column {column!r}"
                f"{nearest(column, rows.columns)}; use layout='plain' for other data"
            )
    return ConvertedRows(rows, layout.convert, layout.gives)


def synlogic_row(row: Row) -> Row:
    """A released SynLogic row with its puzzle as an answer of the kind ``puzzle``.

    The family is what stands behind the slash of ``data_source``. Its facts are the metadata in
    ``extra_info.game_data_str``, as far as the family's verifier reads them. The gold text is the
    answer there, else ``reward_model.ground_truth``; what is no text is written as JSON. Source:
    arXiv 2505.19641.
    """
    source, extra = str(row.get("data_source")), _mapping(row, "extra_info")
    name = source.rpartition("/")[2]
    family = ALIASES.get(name, name)
    if family not in FAMILIES:
        raise BadRecord(f"there is no puzzle family {name!r:.80}{nearest(name, FAMILIES)}")
    data = read_json(str(extra.get("game_data_str")))
    if not isinstance(data, dict) or not isinstance(data.get("metadata"), dict):
        raise BadRecord("extra_info.game_data_str is no JSON object with metadata")
    known = {
        key: data["metadata"][key] for key in FAMILIES[family].shapes if key in data["metadata"]
    }
    gold = data.get("answer")
    if gold is None:
        gold = _mapping(row, "reward_model").get("ground_truth")
    puzzle = {"family": family, "facts": known, "gold": _text(gold)}
    return {
        "messages": row.get("prompt"),
        "answer": json.dumps(puzzle, ensure_ascii=False),
        "kind": "puzzle",
        "task": family,
        "id": f"{source}/{extra['index']}" if extra.get("index") is not None else None,
        "difficulty": data.get("difficulty"),
    }


def avqa_row(row: Row) -> Row:
    """A record of AVQA as R1-AQA asks it: about the sound of a video, by the texts of its options.

    In the question every "video" becomes "audio", within words too ("videos" becomes "audios"). The
    texts of ``multi_choice`` are printed behind it, and the answer is the one that ``answer``
    counts from 0. The sound is ``audio_path``, a path or bytes. Source: arXiv 2503.11197.
    """
    question, texts, place = row.get("question_text"), row.get("multi_choice"), row.get("answer")
    if not isinstance(question, str) or not question.strip():
        raise BadRecord("question_text is no text")
    if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
        raise BadRecord("multi_choice is no list of texts")
    if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < len(texts):
        raise BadRecord(f"answer is {place!r:.80}, no number from 0 to {len(texts) - 1}")
    return {
        "problem": f"{question.replace('video', 'audio')}{printed(texts)}",
        "sounds": row.get("audio_path"),
        "answer": texts[place],
        "options": texts,
        "kind": "text",
        "task": row.get("question_type"),
        "id": row.get("id"),
    }


def _mapping(row: Row, column: str) -> Mapping[str, Any]:
    value = row.get(column)
    if not isinstance(value, Mapping):
        raise BadRecord(f"the column {column!r} holds no mapping")
    return value


def _text(gold: Any) -> str:
    if gold is None:
        return ""
    return gold if isinstance(gold, str) else json.dumps(gold, ensure_ascii=False)


LAYOUTS: dict[LayoutName, Layout] = {
    "synlogic": Layout(
        needs=("data_source", "prompt", "reward_model", "extra_info"),
        gives=("messages", "answer", "kind", "task", "id", "difficulty"),
        convert=synlogic_row,
    ),
    "avqa": Layout(
        needs=("question_text", "multi_choice", "answer", "audio_path"),
        gives=("problem", "sounds", "answer", "options", "kind", "task", "id"),
        convert=avqa_row,
    ),
}
