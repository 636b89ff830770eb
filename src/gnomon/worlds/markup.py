"""Small web pages by lot: forms, lists, menus, tables and articles, as HTML without script (ours).

A page is the site ``#home`` and what its links lead to: a section for each, shown while its name is
in the address. A button or the item of a menu opens a note that says it is done. A block is as many
rows of 28 pixels high as `ROWS` says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Literal

import numpy as np

from gnomon.worlds.interface import ACCENTS, APPS, LABELS
from gnomon.worlds.scene import COLOURS, KINDS, RGB, between, pick, shuffled, split_of

BlockKind = Literal["buttons", "field", "box", "link", "menu", "table", "article"]
SIZES = ((112, 112), (140, 140), (168, 168), (196, 224), (224, 280))
"""Width and height of what is seen of a page, of difficulty 1 to 5."""
LENGTHS = (6, 8, 10, 13, 16)
"""Rows of a page of difficulty 1 to 5: more than are seen, so that there is something to scroll."""
ROWS: dict[BlockKind, tuple[int, ...]] = {
    "buttons": (1, 1, 1, 1, 1), "field": (1, 1, 1, 1, 1), "box": (1, 1, 1, 1, 1),
    "link": (1, 1, 1, 1, 1), "menu": (1, 1, 1, 1, 1), "table": (2, 2, 3, 3, 4),
    "article": (2, 2, 2, 2, 2),
}  # fmt: skip
"""Rows of a block at difficulty 1 to 5."""
MOST: dict[BlockKind, int] = {
    "buttons": 3, "field": 5, "box": 5, "link": 4, "menu": 2, "table": 1, "article": 2
}  # fmt: skip
"""Blocks of a kind on a page."""
MENUS = {
    "File": ("Import", "Export", "Rename", "Merge"), "View": ("Zoom", "Rotate", "Flip", "Dim"),
    "Tools": ("Count", "Measure", "Check", "Repair"), "Window": ("Close", "Stack", "Hide", "Float"),
}  # fmt: skip
TOPICS = {
    "Goals": ("Ann", "Bob", "Cleo", "Dan", "Eve", "Finn", "Gus", "Ida"),
    "Miles": ("Rome", "Oslo", "Bonn", "Lima", "Nice", "Cork", "Kyiv", "Bern"),
    "Eggs": ("Hen", "Duck", "Goose", "Swan", "Owl", "Wren", "Rook", "Kite"),
}
"""What a table counts, and for whom."""
DAYS = ("Mon", "Tue", "Wed", "Thu")
SAID = ("cats", "dogs", "ships", "trees", "maps", "songs", "bread", "snow", "kites", "stars")
"""What articles are about."""
_SHAPES = {
    "circle": '<circle cx="12" cy="12" r="10"/>',
    "square": '<rect x="3" y="3" width="18" height="18"/>',
    "triangle": '<path d="M12 2 22 21H2Z"/>',
    "star": '<path d="M12 1l3 8h8l-6 5 2 8-7-5-7 5 2-8-6-5h8Z"/>',
}


@dataclass(frozen=True)
class Block:
    """A stretch of a page with its labels.

    ``on`` says whether a box is ticked, ``words`` what an article speaks of, ``rows`` a table's
    numbers by label.
    """

    kind: BlockKind
    names: tuple[str, ...]
    on: bool = False
    words: tuple[str, ...] = ()
    rows: tuple[tuple[str, tuple[int, ...]], ...] = ()


@dataclass(frozen=True)
class WebPage:
    """A site, its blocks from top to bottom, and what stands behind each of its links."""

    site: str
    size: tuple[int, int]
    blocks: tuple[Block, ...]
    accent: RGB
    behind: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What makes a page the same one: its site, and its blocks with all they hold."""
        told = (f"{b.kind} {b.names} {b.on} {b.words} {b.rows}" for b in self.blocks)
        return f"{self.site}: {'; '.join(told)}"


def columns(level: int) -> int:
    """Columns of numbers of a table."""
    return min(len(DAYS), 1 + level // 2)


def draw_page(
    rng: np.random.Generator, level: int, needs: Sequence[BlockKind] = ()
) -> tuple[WebPage, tuple[Block, ...]]:
    """A page of a difficulty with a block of each kind of ``needs``, in this order, and those.

    Labels differ. Raises ValueError when the page is too short for them.
    """
    rows = {kind: ROWS[kind][level - 1] for kind in ROWS}
    left = LENGTHS[level - 1] - 1 - sum(rows[kind] for kind in needs)
    over = [kind for kind in needs if needs.count(kind) > MOST[kind]]
    if left < 0 or over:
        raise ValueError(
            f"{len(needs)} blocks ({', '.join(needs)}) do not fit on a page of {LENGTHS[level - 1]}"
            " rows, or are too many of a kind: ask for fewer, or for a higher difficulty"
        )
    more: list[BlockKind] = []
    while left > 0:
        wanted = [k for k in ROWS if rows[k] <= left and [*needs, *more].count(k) < MOST[k]]
        more.append(pick(rng, wanted))
        left -= rows[more[-1]]
    pools = _pools(rng)
    needed = tuple(_DRAWN[kind](rng, pools, level) for kind in needs)
    others = iter([_DRAWN[kind](rng, pools, level) for kind in more])
    ordered, count = iter(needed), len(needs) + len(more)
    places = set(shuffled(rng, range(count))[: len(needs)])
    blocks = tuple(next(ordered if place in places else others) for place in range(count))
    page = WebPage(pick(rng, APPS), SIZES[level - 1], blocks, pick(rng, ACCENTS))
    return WebPage(**{**vars(page), "behind": _behind(rng, page)}), needed


Pools = dict[str, list[str]]


def _pools(rng: np.random.Generator) -> Pools:
    pools: Pools = {
        "buttons": shuffled(rng, LABELS["button"]), "field": shuffled(rng, LABELS["field"]),
        "box": shuffled(rng, LABELS["box"]), "link": shuffled(rng, LABELS["entry"]),
        "menu": shuffled(rng, tuple(MENUS)),
    }  # fmt: skip
    pools["picture"] = shuffled(rng, [f"{colour} {kind}" for colour in COLOURS for kind in KINDS])
    return pools


def _one(kind: BlockKind) -> Callable[[np.random.Generator, Pools, int], Block]:
    def draw(rng: np.random.Generator, pools: Pools, level: int) -> Block:
        return Block(kind, (pools[kind].pop(),), kind == "box" and rng.random() < 0.5)

    return draw


def _buttons(rng: np.random.Generator, pools: Pools, level: int) -> Block:
    count = between(rng, 1, min(3, SIZES[level - 1][0] // 56))
    return Block("buttons", tuple(pools["buttons"].pop() for _ in range(count)))


def _menu(rng: np.random.Generator, pools: Pools, level: int) -> Block:
    name = pools["menu"].pop()
    return Block("menu", (name, *shuffled(rng, MENUS[name])[: between(rng, 2, 3)]))


def _table(rng: np.random.Generator, pools: Pools, level: int) -> Block:
    topic = pick(rng, tuple(TOPICS))
    labels = shuffled(rng, TOPICS[topic])[: 2 * ROWS["table"][level - 1] - 1]
    rows = tuple(
        (label, tuple(between(rng, 1, 99) for _ in range(columns(level)))) for label in labels
    )
    return Block("table", (topic,), rows=rows)


def _article(rng: np.random.Generator, pools: Pools, level: int) -> Block:
    names = (pools["picture"].pop(), pools["link"].pop())
    return Block("article", names, words=tuple(shuffled(rng, SAID)[:2]))


_DRAWN: dict[BlockKind, Callable[[np.random.Generator, Pools, int], Block]] = {
    "buttons": _buttons, "field": _one("field"), "box": _one("box"), "link": _one("link"),
    "menu": _menu, "table": _table, "article": _article,
}  # fmt: skip


def links_of(page: WebPage) -> list[str]:
    """Labels of the links, from top to bottom."""
    return [block.names[-1] for block in page.blocks if block.kind in ("link", "article")]


def _behind(rng: np.random.Generator, page: WebPage) -> dict[str, str]:
    """What a link opens; it belongs to the split of the page that it is opened from."""
    return {link: _belonging(rng, link, split_of(page.key)) for link in links_of(page)}


def _belonging(rng: np.random.Generator, link: str, split: str) -> str:
    while True:
        told = " ".join(shuffled(rng, SAID)[:3])
        if split_of(f"{link}: {told}") == split:
            return told


# -- HTML -----------------------------------------------------------------------------------------


def html_of(page: WebPage) -> str:
    """The body of a page, every label escaped."""
    blocks = "".join(_HTML[block.kind](block) for block in page.blocks)
    home = _section("home", page.site, blocks + "".join(_notes(page)))
    behind = [_section(link, link, f"<p>{told}</p>") for link, told in page.behind.items()]
    others = [_section(f"app-{site}", site, "") for site in APPS if site != page.site]
    accent = ",".join(map(str, page.accent))
    return f'<main style="--accent:rgb({accent})">{home}{"".join(behind + others)}</main>'


def _section(place: str, head: str, body: str) -> str:
    return f'<section id="{escape(place)}"><h1>{escape(head)}</h1>{body}</section>'


def _notes(page: WebPage) -> list[str]:
    names = [n for block in page.blocks if block.kind == "buttons" for n in block.names]
    names += [n for block in page.blocks if block.kind == "menu" for n in block.names[1:]]
    return [f'<div popover id="done-{escape(n)}">{escape(n)}: done</div>' for n in names]


def _pressed(name: str, more: str = "") -> str:
    return f'<button {more} popovertarget="done-{escape(name)}">{escape(name)}</button>'


def _linked(name: str) -> str:
    return f'<a href="#{escape(name)}">{escape(name)}</a>'


def _drawn(name: str) -> str:
    colour, kind = name.split()
    ink = ",".join(map(str, COLOURS[colour]))  # type: ignore[index]
    return (
        f'<svg role="img" aria-label="{name}" width="24" height="24" fill="rgb({ink})">'
        f"{_SHAPES[kind]}</svg>"
    )


def _ticked(block: Block) -> str:
    state = "checked" if block.on else ""
    return f"<label><input type=checkbox {state}>{escape(block.names[0])}</label>"


def _opened(block: Block) -> str:
    head, *items = block.names
    inside = "".join(_pressed(item, "role=menuitem") for item in items)
    return f"<details><summary>{escape(head)}</summary><div role=menu>{inside}</div></details>"


def _counted(block: Block) -> str:
    days = DAYS[: len(block.rows[0][1])]
    lines = [("th", block.names[0], days), *(("td", *row) for row in block.rows)]
    rows = [
        "".join(f"<{tag}>{escape(str(cell))}</{tag}>" for cell in (label, *cells))
        for tag, label, cells in lines
    ]
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _told(block: Block) -> str:
    image, link = block.names
    one, other = block.words
    return f"<article>{_drawn(image)}<p>{_linked(link)} is about {one} and {other}.</p></article>"


def _row(inside: str) -> str:
    return f"<div class=row>{inside}</div>"


_HTML: dict[BlockKind, Callable[[Block], str]] = {
    "buttons": lambda block: _row("".join(map(_pressed, block.names))),
    "field": lambda block: _row(
        f"<label class=field>{escape(block.names[0])}<input type=text></label>"
    ),
    "box": lambda block: _row(_ticked(block)),
    "link": lambda block: _row(_linked(block.names[0])),
    "menu": _opened,
    "table": _counted,
    "article": _told,
}
"""What writes a block."""
