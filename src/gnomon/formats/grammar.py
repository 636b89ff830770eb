"""The grammar of output formats: from one description follow instruction, response, parser, score.

A `Grammar` says which blocks a response has, in which order, and what may stand around them.
`Grammar.instruction`, `Grammar.write`, `Grammar.read` and `Grammar.problem` all read that one
description, so that what is asked for, what is shown as perfect and what is paid for cannot differ.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gnomon.grading.extract import last_boxed

Gap = Literal["none", "one", "newline", "space", "line", "text"]
"""What may stand between two blocks, or around all: nothing, one whitespace character, one newline,
any whitespace, the whitespace up to the end of a line (and then anything), any text."""

_GAPS: dict[str, Callable[[str], bool]] = {
    "none": lambda text: not text,
    "one": lambda text: len(text) == 1 and text.isspace(),
    "newline": lambda text: text == "\n",
    "space": lambda text: not text.strip(),
    "line": lambda text: not text.partition("\n")[0].strip(),
    "text": lambda text: True,
}
_BETWEEN = {"none": "", "one": r"\s", "newline": r"\n", "space": r"\s*"}
_TAILS = {"none": r"\Z", "newline": r"\n\Z", "space": r"\s*\Z", "line": r"[^\S\n]*$", "text": ""}
FOREIGN = ("tool_response", "observation", "information", "environment")
"""Tags of what an environment writes into a trajectory; no answer is ever read inside them."""
_FOREIGN = re.compile(rf"<(/?)(?:{'|'.join(FOREIGN)})>")


@dataclass(frozen=True)
class Parsed:
    """A response taken apart: thought and answer (None where absent), and whether it fits.

    ``reason`` says in words why a response is not well formed; it is empty otherwise. ``sections``
    holds the text of every block that was found, by name.
    """

    thought: str | None
    answer: str | None
    well_formed: bool
    reason: str = ""
    sections: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Format:
    """An output format.

    ``instruction`` is the system text put before the question, "" for none. ``render(thought,
    answer)`` gives a perfect response, ``write`` one of sections by name where there are further
    ones. ``parse`` never raises and takes linear time on any text. ``version`` grows whenever a
    change lets a text be read differently; it is stored with results.
    """

    name: str
    instruction: str
    render: Callable[[str, str], str]
    parse: Callable[[str], Parsed]
    version: int = 1
    write: Callable[[Mapping[str, str]], str] | None = None
    seen: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """Name and version, as results store it."""
        return f"{self.name}/{self.version}"

    def worked(self, meta: Mapping[str, Any]) -> str:
        """The perfect response that a sample's ``meta`` tells: ``thought`` and ``answer_text``.

        ``sections``, where there are any, hold the text of further blocks by name, in which
        `render` shows an example. Their ``description`` tells what is seen: it goes to the blocks
        for it (`Block.seen`), and the thought does not begin with it again. Raises KeyError without
        thought or answer.
        """
        thought, answer, further = meta["thought"], meta["answer_text"], meta.get("sections")
        if self.write is None or not isinstance(further, Mapping):
            return self.render(thought, answer)
        description = further.get("description")
        if description and self.seen:
            further = {**further, **dict.fromkeys(self.seen, description)}
            thought = thought.removeprefix(f"{description}. ")
        return self.write({**further, "think": thought, "answer": answer})

    def fits(self, text: str) -> bool:
        """Whether the text is well formed: what `parse` finds, without reading the sections."""
        grammar = getattr(self.parse, "__self__", None)
        if isinstance(grammar, Grammar):
            return not grammar.problem(text)
        return self.parse(text).well_formed

    def score(self, text: str) -> float:
        """The format score: 1 for a well formed text, else 0."""
        return float(self.fits(text))


@dataclass(frozen=True)
class Body:
    """What a block holds when it is not free text.

    ``shape`` says it in words, for the instruction. ``read`` gives the value of the stripped text,
    None when it is malformed, and never raises. ``example`` is a perfect body. ``edges`` are what
    the stripped text starts and ends with, which is all that a loose grammar checks. ``write``
    makes a body of the text of an answer, and leaves a body as it is.
    """

    shape: str
    read: Callable[[str], Any]
    example: str
    edges: tuple[str, str] = ("", "")
    write: Callable[[str], str] = str


@dataclass(frozen=True)
class Block:
    r"""One part of a response, between two marks.

    ``asks`` says what to write in it, as a verb. The marks default to the tags of ``name``; with
    ``close="}"`` braces are matched. ``gap``: what may stand before it, by default what the grammar
    says. ``take``: which of several blocks of this name is read, the first, the last, or, with
    ``only``, their one content (none when they differ). ``repeated``: one or more may stand in a
    row. ``inside``: a grammar that the content has to follow. ``example``: a perfect content.
    ``seen``: the block is for what is seen, before any thought about it.
    """

    name: str
    asks: str
    open: str = ""
    close: str = ""
    gap: Gap | None = None
    take: Literal["first", "last", "only"] = "first"
    repeated: bool = False
    optional: bool = False
    blank: bool = False
    body: Body | None = None
    inside: Grammar | None = None
    example: str = ""
    seen: bool = False

    @property
    def marks(self) -> tuple[str, str]:
        """Opening and closing mark."""
        return self.open or f"<{self.name}>", self.close or f"</{self.name}>"

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"{self.open}}}" if self.close == "}" else f"{self.name} block"


@dataclass(frozen=True, eq=False)
class Grammar:
    """Ordered blocks, and what may stand between and around them. Each is equal to itself alone.

    ``anchor``: whether the blocks are the whole response (``full``), its start (``start``) or may
    stand in the middle of it (``anywhere``); ``outer`` is what may stand at an anchored end.
    ``loose``: blocks may hold anything, marks included, and may be blank, as in the regular
    expressions of released code. Otherwise every mark stands exactly as often as its block, from
    the end of the block before on, and a block is not blank unless it may be.
    """

    blocks: tuple[Block, ...]
    anchor: Literal["full", "start", "anywhere"] = "full"
    between: Gap = "space"
    outer: Gap = "space"
    loose: bool = False

    @property
    def instruction(self) -> str:
        """What to tell a model, one sentence."""
        asked = [_asked(block) for block in self.blocks]
        text = ", ".join([*asked[:-1], f"then {asked[-1]}"] if len(asked) > 1 else asked)
        return f"{text[:1].upper()}{text[1:]}."

    def write(self, sections: Mapping[str, str]) -> str:
        """A perfect response; a block without a section shows its example, or its name."""
        pieces = []
        for index, block in enumerate(self.blocks):
            gap = "none" if index == 0 else self.gap(index)
            pieces.append("" if gap == "none" else "\n" if gap == "newline" else " ")
            pieces.append(_written(block, sections))
        return "".join(pieces).strip(" ")

    def read(self, text: str) -> dict[str, str]:
        """The stripped content of every block that is found, by name; blank ones are left out.

        Text within the tags of `FOREIGN` is not read. A block is sought behind the first block
        before it that is closed; the last block of the grammar, when it is not there, anywhere.
        """
        own = without_foreign(text)
        sections: dict[str, str] = {}
        rest = own
        for index, block in enumerate(self.blocks):
            found, end = _take(block, rest)
            if found is None and end < 0 and index == len(self.blocks) - 1:
                found, _ = _take(block, own)
            content = (found or "").strip()
            if content:
                sections[block.name] = content
                if block.inside is not None:
                    sections.update(block.inside.read(content))
            rest = rest[end:] if end >= 0 else rest
        return sections

    def problem(self, text: str) -> str:
        """Why the text does not follow the grammar, in words; "" when it does."""
        return _problem(self, text)

    def parse(self, text: str) -> Parsed:
        """`read` and `problem` together: the section ``think`` is the thought, ``answer`` the
        answer."""
        sections, reason = self.read(text), self.problem(text)
        return Parsed(sections.get("think"), sections.get("answer"), not reason, reason, sections)

    def gap(self, index: int) -> Gap:
        """What may stand before a block."""
        outer: Gap = "space" if self.outer == "line" else self.outer
        head: Gap = "text" if self.anchor == "anywhere" else outer
        return self.blocks[index].gap or (self.between if index else head)

    def format(self, name: str, instruction: str | None = None, version: int = 1) -> Format:
        """The format of this grammar; ``instruction`` replaces the one that follows from it."""
        told = self.instruction if instruction is None else instruction

        def render(thought: str, answer: str) -> str:
            return self.write({"think": thought, "answer": answer})

        seen = tuple(block.name for block in self.blocks if block.seen)
        return Format(name, told, render, self.parse, version, self.write, seen)


@functools.lru_cache(maxsize=64)
def _problem(grammar: Grammar, text: str) -> str:
    # The format score asks about the texts that were just read for their answers.
    if grammar.loose:
        return _loose_problem(grammar, text)
    rest = text
    for index in range(len(grammar.blocks)):
        reason, end = _block_problem(grammar, index, rest)
        if reason:
            return reason
        rest = rest[end:]
    tail: Gap = grammar.outer if grammar.anchor == "full" else "text"
    return "" if _GAPS[tail](rest) else f"there is text around the {grammar.blocks[-1].label}"


def without_foreign(text: str) -> str:
    """The text without what an environment wrote into it, tags of `FOREIGN` included.

    What stands behind a tag that never closes is dropped; a closing tag alone drops itself. Linear.

    >>> without_foreign("a<observation>b<observation>c</observation>d</observation>e")
    'ae'
    """
    if "<" not in text:
        return text
    kept, depth, start = [], 0, 0
    for tag in _FOREIGN.finditer(text):
        if depth == 0:
            kept.append(text[start : tag.start()])
        depth = max(0, depth - 1) if tag.group(1) else depth + 1
        start = tag.end()
    if depth == 0:
        kept.append(text[start:])
    return "".join(kept)


def without_tag_spaces(text: str) -> str:
    """The text without whitespace around ``<``, ``>``, ``/``, as several released scores read it.

    >>> without_tag_spaces("<think> 1 / 2 < / think >")
    '<think>1/2</think>'
    """
    return _without_tag_spaces(text)


@functools.lru_cache(maxsize=64)
def _without_tag_spaces(text: str) -> str:
    # All terms of a mix ask for the same few texts at a time.
    for mark in "<>/":
        first, *rest = text.split(mark)
        if rest:
            inner = [piece.strip() for piece in rest[:-1]]
            text = mark.join([first.rstrip(), *inner, rest[-1].lstrip()])
    return text


def _asked(block: Block) -> str:
    opening, closing = (mark.strip() for mark in block.marks)
    text = f"{block.asks} in {opening}{closing}"
    if block.body is not None:
        text += f" as {block.body.shape}"
    if block.inside is not None:
        text += f", where you {' and '.join(map(_asked, block.inside.blocks))}"
    return text


def _written(block: Block, sections: Mapping[str, str]) -> str:
    opening, closing = block.marks
    if block.inside is not None:
        content = _inside(block.inside, block, sections)
    else:
        example = block.example if block.body is None else block.body.example
        content = sections.get(block.name, example or block.name)
        content = content if block.body is None else block.body.write(content)
    tight = block.close == "}" or opening.endswith("\n")
    return f"{opening}{content}{closing}" if tight else f"{opening} {content} {closing}"


def _inside(grammar: Grammar, block: Block, sections: Mapping[str, str]) -> str:
    written, own = grammar.write(sections), sections.get(block.name, block.example)
    return f"{written} {own}" if own and grammar.anchor != "full" else written


def _occurrences(block: Block, text: str) -> Iterator[tuple[int, int]]:
    """Start and end of the content of the closed blocks, one after another. Linear for tags."""
    opening, closing = block.marks
    position = 0
    while True:
        start = text.find(opening, position)
        end = text.find(closing, start + len(opening)) if start >= 0 else -1
        if end < 0:
            return
        yield start + len(opening), end
        position = end + len(closing)


def _take(block: Block, text: str) -> tuple[str | None, int]:
    """Content that counts, and the end of the first block of this name; -1 when there is none."""
    opening, closing = block.marks
    if block.close == "}":
        return (last_boxed(text), len(text)) if opening in text else (None, -1)
    first = next(_occurrences(block, text), None)
    if first is None:
        return None, -1
    end = first[1] + len(closing)
    if block.take == "last":
        last = text.rfind(closing)
        return text[text.rfind(opening, 0, last) + len(opening) : last], end
    content = text[first[0] : first[1]]
    if block.take == "only" and any(
        text[start:stop].strip() != content.strip() for start, stop in _occurrences(block, text)
    ):
        return None, end
    return content, end


def _block_problem(grammar: Grammar, index: int, rest: str) -> tuple[str, int]:
    """Reason why the next block does not fit, or "", and where it ends."""
    block = grammar.blocks[index]
    opening, closing = block.marks
    count = rest.count(opening)
    if block.optional and count == 0:
        return "", 0
    start = rest.find(opening)
    end = _closing(block, rest, start + len(opening)) if start >= 0 else -1
    reason = _count_problem(grammar, index, count, end)
    if not reason and not _GAPS[grammar.gap(index)](rest[:start]):
        reason = (
            f"there is text around the {block.label}"
            if index
            else f"the response does not start with the {block.label}"
        )
    if not reason and not block.repeated:
        several = count > 1 or (block.close != "}" and rest.count(closing) > 1)
        reason = f"there is more than one {block.name} tag" if several else ""
    if not reason:
        reason = _content_problem(block, None if end < 0 else rest[start + len(opening) : end])
    if reason or not block.repeated:
        return reason, end + len(closing)
    return _repeated_problem(grammar, block, rest, end + len(closing))


def _count_problem(grammar: Grammar, index: int, count: int, end: int) -> str:
    block = grammar.blocks[index]
    if index == 0:
        return "" if end >= 0 else f"there is no closed {block.label}"
    if count == 0 or (count > 1 and not block.repeated):
        number = "no" if count == 0 else str(count)
        before = grammar.blocks[index - 1].label
        return (
            f"{number} {block.label} behind the {before}, where exactly one {block.label} belongs"
        )
    return ""


def _repeated_problem(grammar: Grammar, block: Block, rest: str, end: int) -> tuple[str, int]:
    opening, closing = block.marks
    while (start := rest.find(opening, end)) >= 0:
        stop = rest.find(closing, start + len(opening))
        if not _GAPS[grammar.between](rest[end:start]):
            return f"there is text around the {block.label}", end
        reason = _content_problem(block, None if stop < 0 else rest[start + len(opening) : stop])
        if reason:
            return reason, end
        end = stop + len(closing)
    return "", end


def _closing(block: Block, text: str, start: int) -> int:
    if block.close != "}":
        return text.find(block.marks[1], start)
    depth = 1
    for brace in re.compile("[{}]").finditer(text, start):
        depth += 1 if brace.group() == "{" else -1
        if depth == 0:
            return brace.start()
    return -1


def _content_problem(block: Block, content: str | None) -> str:
    if content is None:
        return f"the {block.label} is blank or does not close"
    stripped = content.strip()
    if not stripped:
        state = "blank or does not close" if block.close == "}" else "empty"
        return "" if block.blank else f"the {block.label} is {state}"
    if block.body is not None and block.body.read(stripped) is None:
        return f"the {block.label} is not {block.body.shape}"
    inner = "" if block.inside is None else block.inside.problem(content)
    return f"in the {block.label}: {inner}" if inner else ""


def _loose_problem(grammar: Grammar, text: str) -> str:
    # Greedy search is exact here: what stands between two patterns may be anything.
    position = 0
    for pattern, least in _loose_patterns(grammar):
        match = pattern.search(text, position + least)
        if match is None:
            return f"the layout lacks {pattern.pattern!r} in its place"
        position = match.end()
    return ""


@functools.cache
def _loose_patterns(grammar: Grammar) -> tuple[tuple[re.Pattern[str], int], ...]:
    """The fixed pieces of a loose grammar in their order, each with the least text before it."""
    gap = grammar.gap(0)
    current, least = "" if gap == "text" else rf"\A{_BETWEEN[gap]}", 0
    pieces: list[tuple[str, int]] = []
    for index, block in enumerate(grammar.blocks):
        opening, closing = map(re.escape, block.marks)
        first, last = map(re.escape, block.body.edges if block.body is not None else ("", ""))
        pieces.append((rf"{current}{opening}\s*{first}" if first else current + opening, least))
        least = 0 if block.blank else 1
        for inner in () if block.inside is None else block.inside.blocks:
            pieces += [(re.escape(inner.marks[0]), least), (re.escape(inner.marks[1]), 1)]
        current = rf"{last}\s*{closing}" if last else closing
        following = grammar.gap(index + 1) if index + 1 < len(grammar.blocks) else None
        if following == "text":
            pieces.append((current, least))
            current, least = "", 0
        elif following is not None:
            current += _BETWEEN[following]
    pieces.append((current + _TAILS[grammar.outer if grammar.anchor == "full" else "text"], least))
    return tuple((re.compile(piece, re.MULTILINE), minimum) for piece, minimum in pieces)
