import re
from itertools import pairwise

import numpy as np
import pytest

from gnomon.worlds.interface import ROW
from gnomon.worlds.markup import (
    DAYS,
    LENGTHS,
    MENUS,
    MOST,
    ROWS,
    SAID,
    SIZES,
    TOPICS,
    Block,
    WebPage,
    columns,
    draw_page,
    html_of,
    links_of,
)
from gnomon.worlds.scene import split_of
from gnomon.worlds.world import LEVELS

every_level = pytest.mark.parametrize("level", LEVELS)


def pages(level, count=20, needs=()):
    return [draw_page(np.random.default_rng([level, i]), level, needs)[0] for i in range(count)]


@every_level
def test_a_page_has_as_many_rows_as_its_difficulty_says(level):
    for page in pages(level):
        assert 1 + sum(ROWS[block.kind][level - 1] for block in page.blocks) == LENGTHS[level - 1]


@every_level
def test_a_page_is_longer_than_what_is_seen_of_it(level):
    assert LENGTHS[level - 1] * ROW > SIZES[level - 1][1]


@every_level
def test_there_are_no_more_blocks_of_a_kind_than_labels_for_them(level):
    for page in pages(level):
        kinds = [block.kind for block in page.blocks]
        assert all(kinds.count(kind) <= MOST[kind] for kind in kinds)


@every_level
def test_labels_differ(level):
    for page in pages(level):
        labels = [name for block in page.blocks for name in block.names]
        assert len(set(labels)) == len(labels)


def test_what_is_needed_comes_in_its_order():
    needs = ("box", "link", "field", "menu")
    for seed in range(20):
        page, needed = draw_page(np.random.default_rng(seed), 3, needs)
        assert tuple(block.kind for block in needed) == needs
        places = [page.blocks.index(block) for block in needed]
        assert all(a < b for a, b in pairwise(places))


@pytest.mark.parametrize("needs", [["table"] * 2, ["article"] * 3, ["box"] * 6])
def test_more_blocks_than_fit_are_refused(needs):
    with pytest.raises(ValueError, match="do not fit on a page of 6 rows"):
        draw_page(np.random.default_rng(0), 1, needs)


@every_level
def test_what_a_link_opens_belongs_to_the_split_of_its_page(level):
    for page in pages(level):
        assert set(page.behind) == set(links_of(page))
        for link, told in page.behind.items():
            assert split_of(f"{link}: {told}") == split_of(page.key)


def test_the_key_tells_a_page_by_all_it_holds():
    page = WebPage("Mail", (112, 112), (Block("box", ("Wifi",)),), (0, 0, 0))
    ticked = WebPage("Mail", (112, 112), (Block("box", ("Wifi",), True),), (0, 0, 0))
    green = WebPage("Mail", (112, 112), (Block("box", ("Wifi",)),), (0, 255, 0))
    assert page.key != ticked.key and page.key == green.key


def test_tables_grow_with_difficulty():
    sizes = [columns(level) * (2 * ROWS["table"][level - 1] - 1) for level in LEVELS]
    assert all(a < b for a, b in pairwise(sizes))
    assert columns(5) <= len(DAYS)
    assert all(len(labels) >= 2 * ROWS["table"][-1] - 1 for labels in TOPICS.values())


def test_a_page_holds_no_script_and_asks_for_nothing():
    for page in pages(5):
        assert not re.search(r"<script|javascript:|\son\w+=|src=|https?:|url\(", html_of(page))


def test_labels_are_escaped():
    page = WebPage("A<b>", (112, 112), (Block("link", ('"<i>',)),), (0, 0, 0), {'"<i>': "x"})
    told = html_of(page)
    assert "<b>" not in told and "<i>" not in told and "A&lt;b&gt;" in told


def test_no_word_of_a_menu_is_the_label_of_something_else():
    names = [name for menu, items in MENUS.items() for name in (menu, *items)]
    assert len(set(names)) == len(names)
    taken = {name for page in pages(5) for block in page.blocks for name in block.names
             if block.kind not in ("menu", "table")}  # fmt: skip
    assert not taken & set(names)
    assert not taken & set(SAID)
