"""Sources: data sets of questions and worked examples in JSON lines and parquet."""

from __future__ import annotations

import json
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from gnomon.data.layouts import LayoutName, converted
from gnomon.data.media import place_media, read_media, shown
from gnomon.data.order import Blocks
from gnomon.data.rows import JsonLines, ParquetRows, Row, Rows, data_files
from gnomon.grading.extract import read_number
from gnomon.grading.grade import validate_reference
from gnomon.grading.kinds import KINDS
from gnomon.parts import nearest, register
from gnomon.records import Answer, AnswerKind, BadRecord, Message, Sample

COLUMNS = (
    "problem",
    "messages",
    "images",
    "videos",
    "sounds",
    "answer",
    "options",
    "kind",
    "id",
    "task",
    "difficulty",
)
"""Our names of what a record holds; everything else goes into ``meta`` as it stands."""

_GRADED = ("answer", "options")
"""They stand in ``meta`` too, for reward terms that read the record's own columns."""

_ROLES = ("system", "user", "assistant")
_LETTERS = string.ascii_uppercase


@dataclass(frozen=True)
class RecordSource:
    """Samples by index; raises `BadRecord` naming file and line of an unusable record."""

    rows: Rows
    root: Path
    names: Mapping[str, str]
    answer_kind: AnswerKind

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def blocks(self) -> Blocks | None:
        """The records that are read at once."""
        return self.rows.blocks

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < len(self.rows):
            raise IndexError(f"index {index} of a source of {len(self.rows)} records")
        place = self.rows.place(index)
        try:
            return self._sample(self.rows.row(index), place)
        except BadRecord as error:
            raise BadRecord(f"{place}: {error}") from None

    def _sample(self, row: Row, place: str) -> Sample:
        known = {ours: row.get(theirs) for ours, theirs in self.names.items()}
        listed = {theirs for ours, theirs in self.names.items() if ours not in _GRADED}
        meta = {
            key: value
            for key, value in row.items()
            if key not in listed and isinstance(value, (bool, int, float, str, list, dict))
        }
        if known["difficulty"] is not None:
            meta["difficulty"] = _difficulty(known["difficulty"])
        chat = known["messages"] is not None
        videos = read_media(known["videos"], self.root, "video")
        sounds = read_media(known["sounds"], self.root, "audio")
        blocks = ("image", *(["video"] if videos else []), *(["audio"] if sounds else []))
        turns = _messages(known["messages"], blocks) if chat else _question(known["problem"])
        images = read_media(known["images"], self.root, "image")
        messages, media = place_media(turns, images, videos, sounds)
        return Sample(
            id=place.replace(", ", "/").replace(" ", "-")
            if known["id"] is None
            else str(known["id"]),
            messages=messages,
            media=media,
            answer=self._answer(known, required=not chat),
            task="" if known["task"] is None else str(known["task"]),
            meta=meta,
        )

    def _answer(self, known: Mapping[str, Any], *, required: bool) -> Answer | None:
        value = known["answer"]
        if value is None and not required:
            return None
        text = answer_text(value)
        kind = infer_kind(text, self.answer_kind) if known["kind"] is None else str(known["kind"])
        return make_answer(text, kind, option_texts(known["options"]))


@register("source")
def jsonl(
    *,
    path: Path,
    root: Path | None = None,
    columns: dict[str, str] | None = None,
    answer_kind: AnswerKind = "number",
    layout: LayoutName = "plain",
) -> RecordSource:
    """Samples from a file of JSON objects, one per line, or from all ``.jsonl`` files of a folder.

    A record is a question, ``{"problem": "<image>Find x.", "images": ["img/1.png"], "answer":
    "5"}``, or a worked example, ``{"messages": [{"role": "user", "content": ...}, ...], "images":
    [...]}``. Each ``<image>`` stands for the next image, ``<video>`` for the next of ``videos``,
    ``<audio>`` for the next of ``sounds``; videos and sounds that no text places come first. Paths
    are under ``root``, by default the folder of the file, and cannot leave it. ``columns`` maps our
    names (`COLUMNS`) to those of the file; every mapped column must be there. ``answer_kind`` is
    the kind of answers without a ``kind`` column; see `infer_kind`. ``layout`` "synlogic" and
    "avqa" read the rows of those data sets, see `gnomon.data.layouts`. A missing file or column
    raises ``ValueError`` at once, a bad record `BadRecord` when it is read. Source: the plain
    layouts are those of EasyR1 and of TRL.
    """
    rows = converted(JsonLines(data_files(path, ".jsonl")), layout)
    return _open_source(rows, path, root, columns, answer_kind)


@register("source")
def parquet(
    *,
    path: Path,
    root: Path | None = None,
    columns: dict[str, str] | None = None,
    answer_kind: AnswerKind = "number",
    layout: LayoutName = "plain",
) -> RecordSource:
    """Samples from a parquet file, or from all ``.parquet`` files of a folder.

    Row groups are read one at a time, and a stream goes through a few of them at a time, so that
    each is read once an epoch. Records and settings are those of `jsonl`; media are also bytes, or
    ``{"bytes": ..., "path": ...}`` as Hugging Face data sets store them.
    """
    rows = converted(ParquetRows(data_files(path, ".parquet")), layout)
    return _open_source(rows, path, root, columns, answer_kind)


def infer_kind(answer: str, default: AnswerKind) -> AnswerKind:
    r"""The kind of an answer that has none: ``default``, except where a number is missing.

    With ``default`` ``number`` or ``integer``, a single letter from A to H is a choice. With
    ``number``, an expression that is no plain number is text. Source: ours.

    >>> infer_kind("B", "number"), infer_kind(r"2\sqrt{13}", "number"), infer_kind("B", "text")
    ('choice', 'text', 'text')
    """
    if default in ("number", "integer") and answer.strip() in tuple("ABCDEFGH"):
        return "choice"
    if default == "number" and read_number(answer) is None:
        return "text"
    return default


def make_answer(text: str, kind: str, options: Mapping[str, str] | None = None) -> Answer:
    """A reference answer from its text; raises `BadRecord` when it is not of its kind.

    ``options`` maps the labels of a choice to their texts.

    >>> make_answer("1,000", "integer").value
    1000
    """
    if kind not in KINDS:
        raise BadRecord(f"there is no kind of answer {kind!r}{nearest(str(kind), KINDS)}")
    value = KINDS[kind].load(text)
    if value is None:
        raise BadRecord(f"the answer {text[:80]!r} is no {kind}; correct it or set its kind")
    answer = Answer(cast(AnswerKind, kind), value, options or {})
    problem = validate_reference(answer)
    if problem is not None:
        raise BadRecord(f"the answer {text[:80]!r} cannot be used: {problem}")
    return answer


def _open_source(
    rows: Rows,
    path: Path,
    root: Path | None,
    columns: Mapping[str, str] | None,
    answer_kind: AnswerKind,
) -> RecordSource:
    if not len(rows):
        raise ValueError(f"{path} holds no records; check that it was fetched whole")
    names = {name: name for name in COLUMNS} | dict(columns or {})
    for ours in columns or {}:
        if ours not in COLUMNS:
            raise ValueError(f"columns: there is no {ours!r}{nearest(ours, COLUMNS)}")
    chat = names["messages"] in rows.columns
    needed = [] if chat else ["problem", "answer"]
    for ours in dict.fromkeys([*(columns or {}), *needed]):
        if names[ours] not in rows.columns:
            raise ValueError(
                f"{path} has no column {names[ours]!r} for {ours!r}"
                f"{nearest(names[ours], rows.columns)}; set columns={{{ours!r}: its name}}"
            )
    folder = path if path.is_dir() else path.parent
    return RecordSource(rows, folder if root is None else root, names, answer_kind)


def answer_text(value: Any) -> str:
    """A reference of a record as text, JSON where it is none; `BadRecord` when it is empty."""
    if value is None or isinstance(value, (str, bool, int, float, list)):
        text = value if isinstance(value, str) else json.dumps(value, default=repr)
        if value is not None and text.strip():
            return _writable(text.strip())
        raise BadRecord("the answer is empty; drop the record or give an answer")
    raise BadRecord(f"the answer is {shown(value)}; a text, a number or a list is needed")


def _writable(text: str) -> str:
    """``text`` unless it holds half a character, which neither tokenizers nor files can take."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadRecord(f"the text {shown(text)} is no valid Unicode; repair it") from None
    return text


def _question(problem: Any) -> tuple[Message, ...]:
    if not isinstance(problem, str) or not problem.strip():
        raise BadRecord(f"the problem is {shown(problem)}; a text is needed")
    return (Message("user", _writable(problem)),)


def _messages(messages: Any, blocks: tuple[str, ...]) -> tuple[Message, ...]:
    if not isinstance(messages, list) or not messages:
        raise BadRecord(f"messages are {shown(messages)}; a list of turns is needed")
    return tuple(_message(message, blocks) for message in messages)


def _message(message: Any, blocks: tuple[str, ...]) -> Message:
    if not isinstance(message, Mapping) or message.get("role") not in _ROLES:
        raise BadRecord(f"a turn is {shown(message)}; it needs a role of {', '.join(_ROLES)}")
    return Message(message["role"], _content(message.get("content"), blocks))


def _content(content: Any, blocks: tuple[str, ...]) -> str:
    """Text of a turn; blocks such as ``{"type": "image"}`` become placeholders."""
    if isinstance(content, str):
        return _writable(content)
    if isinstance(content, list):
        return "".join(_block(block, blocks) for block in content)
    raise BadRecord(f"the content of a turn is {shown(content)}; a text or blocks are needed")


def _block(block: Any, blocks: tuple[str, ...]) -> str:
    if isinstance(block, Mapping) and block.get("type") in blocks:
        return f"<{block['type']}>"
    if isinstance(block, Mapping) and isinstance(block.get("text"), str):
        return _writable(block["text"])
    known = ", ".join(("text", *blocks))
    raise BadRecord(f"a block of a turn is {shown(block)}; here it can be one of {known}")


def option_texts(options: Any) -> dict[str, str] | None:
    """Labels and texts of the options of a record, A, B, C ... for a list; None without any."""
    if options is None:
        return None
    if isinstance(options, list) and len(options) <= len(_LETTERS):
        options = dict(zip(_LETTERS, options, strict=False))
    if not isinstance(options, Mapping):
        raise BadRecord(f"options are {shown(options)}; a list or a mapping of texts is needed")
    return {str(label): str(text) for label, text in options.items() if text is not None}


def _difficulty(value: Any) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not -1e9 < value < 1e9:
        raise BadRecord(f"the difficulty is {shown(value)}; a finite number is needed")
    return float(value)
