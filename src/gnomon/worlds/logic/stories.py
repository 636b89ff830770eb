"""Stories of change: things that are counted, things with properties."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnomon.worlds.logic.family import Facts, Language, Puzzle, boxed, require
from gnomon.worlds.logic.lexicon import CATEGORIES, PEOPLE
from gnomon.worlds.scene import between, pick, shuffled
from gnomon.worlds.world import Posed

Item = list[int]
"""One value for each of the `PROPERTIES`, as indices, and the noun."""
Turn = Mapping[str, Any]
"""A transformation: its kind, and the settings that the kinds draw from."""
Table = NDArray[Any]

_COUNTING = {
    "en": {
        "have": "I have {n} {thing}.",
        "buy": "Then I buy {n} more {thing}.",
        "give": "Then I give away {n} {thing}.",
        "friend": "My friend {who} has {n} {thing}.",
        "swap": "Then I exchange {n} {thing} for {m} {other}.",
    },
    "zh": {
        "have": "我有 {n} 个{thing}。",
        "buy": "然后我又买了 {n} 个{thing}。",
        "give": "然后我送出了 {n} 个{thing}。",
        "friend": "我的朋友 {who} 有 {n} 个{thing}。",
        "swap": "然后我用 {n} 个{thing}换来 {m} 个{other}。",
    },
}


def draw_object_counting(
    rng: np.random.Generator, *, categories: int, items: int, counts: int, changes: int
) -> Puzzle:
    """Things of several categories, up to ``counts`` of each, bought, given and exchanged; how many
    of one category are left?

    A friend's things, one in three of the stories of change, do not count. Raises ValueError when
    there are not as many categories or things.
    """
    require(1 <= categories <= 7, f"categories={categories}: use 1 to 7")
    most = 6 * categories
    require(1 <= items <= most, f"items={items}: {categories} categories have 1 to {most} things")
    require(1 <= counts <= 100, f"counts={counts}: use 1 to 100")
    require(changes >= 0, f"changes={changes}: use 0 or more")
    chosen = shuffled(rng, range(7))[:categories]
    things = shuffled(rng, [[c, k] for c in chosen for k in range(6)])[:items]
    mine = [between(rng, min(5, counts), counts) for _ in things]
    told: list[list[Any]] = [["have", *t, n] for t, n in zip(things, mine, strict=True)]
    told += [_change(rng, things, mine) for _ in range(changes)]
    asked = pick(rng, things)[0]
    kept = {k: n for (c, k), n in zip(things, mine, strict=True) if c == asked}
    answer = str(sum(kept.values()))
    sums = " + ".join(map(str, kept.values()))
    thought = f"{_ledger(told, asked, kept)} {sums} = {answer}."
    more = {"told": told, "asked": asked}
    return Puzzle({}, answer, boxed(answer), f"{told} {asked}", len(told), thought, more)


def _ledger(told: list[list[Any]], asked: int, kept: Mapping[int, int]) -> str:
    """The sums of the asked category, thing by thing."""
    sums = dict.fromkeys(kept, "")
    for kind, c, k, n, *rest in told:
        if c == asked and kind != "friend":
            sign = {"have": "", "buy": " + "}.get(kind, " - ")
            sums[k] += f"{sign}{n}"
        if kind == "swap" and rest[0] == asked:
            sums[rest[1]] += f" + {rest[2]}"
    names = list(CATEGORIES["en"].values())[asked]
    return " ".join(f"{names[k]} {sums[k]} = {n}." for k, n in kept.items())


def _change(rng: np.random.Generator, things: list[list[int]], mine: list[int]) -> list[Any]:
    place = between(rng, 0, len(things) - 1)
    kind = pick(rng, ("buy", "give", "friend", "swap"))
    if kind == "friend":
        return ["friend", *things[place], between(rng, 1, 20), pick(rng, PEOPLE)]
    if kind == "buy" or mine[place] == 0:
        number = between(rng, 1, 10)
        mine[place] += number
        return ["buy", *things[place], number]
    number = between(rng, 1, mine[place])
    mine[place] -= number
    other = between(rng, 0, len(things) - 1)
    if kind == "give" or other == place:
        return ["give", *things[place], number]
    gained = between(rng, 1, 10)
    mine[other] += gained
    return ["swap", *things[place], number, *things[other], gained]


def tell_object_counting(facts: Facts, language: Language) -> dict[str, str]:
    """The story, sentence by sentence, and the category that is asked for."""
    names = list(CATEGORIES[language].values())
    told = []
    for kind, c, k, n, *rest in facts["told"]:
        other = names[rest[0]][rest[1]] if kind == "swap" else ""
        words = {"who": rest[0] if kind == "friend" else "", "m": rest[-1] if rest else 0}
        told.append(_COUNTING[language][kind].format(n=n, thing=names[c][k], other=other, **words))
    return {"puzzle": " ".join(told), "category": list(CATEGORIES[language])[facts["asked"]]}


def confirm_object_counting(posed: Posed) -> bool:
    """Gains less losses of the asked category, summed over the story without keeping counts."""
    signs = {"have": 1, "buy": 1, "give": -1, "swap": -1, "friend": 0}
    asked, total = posed.facts["asked"], 0
    for kind, c, _, n, *rest in posed.facts["told"]:
        total += signs[kind] * n * (c == asked)
        if kind == "swap":
            total += rest[2] * (rest[0] == asked)
    return posed.answer_text == boxed(str(total))


PROPERTIES: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "size": ("tiny", "small", "large", "huge"),
        "colour": ("red", "green", "blue", "black", "white"),
        "origin": ("Peru", "Kenya", "Japan", "Norway"),
        "material": ("glass", "wooden", "steel", "paper"),
        "smell": ("mint", "rose", "smoke", "lemon"),
        "noun": ("cup", "box", "ring", "bowl", "fan", "chair"),
    },
    "zh": {
        "尺寸": ("微小", "小", "大", "巨大"),
        "颜色": ("红色", "绿色", "蓝色", "黑色", "白色"),
        "产地": ("秘鲁", "肯尼亚", "日本", "挪威"),
        "材质": ("玻璃", "木", "钢", "纸"),
        "气味": ("薄荷", "玫瑰", "烟", "柠檬"),
        "名称": ("杯子", "盒子", "戒指", "碗", "扇子", "椅子"),
    },
}
_ITEM = {
    "en": "a {0} {1} {3} {5} from {2} that smells of {4}",
    "zh": "一个{0}的{1}{3}{5}，产自{2}，有{4}味",
}
_TURNS = {
    "en": {
        "change": "Every item whose {p} is {v} gets the {p} {w}.",
        "lose": "Every item whose {p} is {v} is thrown away.",
        "lose-both": "Every item whose {p} is {v} and whose {q} is {u} is thrown away.",
        "add": "At the end of the list is added {item}.",
        "exchange": "The {p} {v} and the {p} {w} are exchanged on all items.",
        "first": "The first {k} items of the list are taken away.",
        "last": "The last item of the list gets the {p} {v}.",
        "double": "A copy of every item whose {p} is {v} is added at the end of the list, with the "
        "{q} {u}.",
        "second": "Every second item of the list (the 2nd, the 4th, ...) gets the {p} {v}.",
        "follow": "Every item whose {p} is {v} gets the {q} {u}.",
    },
    "zh": {
        "change": "所有{p}为{v}的物品，其{p}变为{w}。",
        "lose": "所有{p}为{v}的物品都被扔掉。",
        "lose-both": "所有{p}为{v}且{q}为{u}的物品都被扔掉。",
        "add": "列表末尾加入：{item}。",
        "exchange": "所有物品中，{p}的{v}与{w}互换。",
        "first": "列表的前 {k} 个物品被拿走。",
        "last": "列表的最后一个物品，其{p}变为{v}。",
        "double": "把每个{p}为{v}的物品的一个复制品（{q}改为{u}）加到列表末尾。",
        "second": "列表中每隔一个的物品（第 2、第 4……个），其{p}变为{v}。",
        "follow": "所有{p}为{v}的物品，其{q}变为{u}。",
    },
}
"""The ten kinds of transformations."""


def _item(rng: np.random.Generator) -> Item:
    return [between(rng, 0, len(values) - 1) for values in PROPERTIES["en"].values()]


def draw_object_properties(rng: np.random.Generator, *, items: int, transformations: int) -> Puzzle:
    """A list of items that goes through transformations; how many have a property in the end?"""
    require(1 <= items <= 60, f"items={items}: use 1 to 60")
    require(0 <= transformations <= 20, f"transformations={transformations}: use 0 to 20")
    first = [_item(rng) for _ in range(items)]
    current = [list(item) for item in first]
    turns, sizes = [], [len(first)]
    for _ in range(transformations):
        turn = _turn(rng, current or first)
        current = _APPLIED[turn["kind"]](current, turn)
        turns.append(turn)
        sizes.append(len(current))
    p = between(rng, 0, 4)
    asked = [p, pick(rng, current)[p] if current else 0]
    answer = str(sum(item[p] == asked[1] for item in current))
    names, values = list(PROPERTIES["en"]), list(PROPERTIES["en"].values())
    steps = " ".join(f"After {k}: {size} items." for k, size in enumerate(sizes[1:], 1))
    listed = ", ".join(values[p][item[p]] for item in current)
    thought = f"{steps} The {names[p]} of each: {listed}. {answer} are {values[p][asked[1]]}."
    work = sum(sizes)
    more = {"items": first, "turns": turns, "asked": asked}
    # The transformations as told, as each kind leaves some of its settings unused.
    key = f"{tell_object_properties(more, 'en')['puzzle']} {asked}"
    return Puzzle({}, answer, boxed(answer), key, work, thought.strip(), more)


def _turn(rng: np.random.Generator, items: list[Item]) -> Turn:
    """A transformation that meets an item of the list, if any does."""
    p, q = shuffled(rng, range(5))[:2]
    one = pick(rng, items)
    sizes = [len(values) for values in PROPERTIES["en"].values()]
    # Those that throw away come seldom, so that something is left to count.
    kinds = (*_TURNS["en"], "change", "exchange", "follow", "double")
    return {
        "kind": pick(rng, kinds),
        "p": p,
        "v": one[p],
        "w": (one[p] + between(rng, 1, sizes[p] - 1)) % sizes[p],
        "q": q,
        "u": between(rng, 0, sizes[q] - 1),
        "k": between(rng, 1, 2),
        "item": _item(rng),
    }


def _with(item: Item, place: int, value: int) -> Item:
    return [*item[:place], value, *item[place + 1 :]]


def _met(item: Item, turn: Turn) -> bool:
    return bool(item[turn["p"]] == turn["v"])


def _exchanged(items: list[Item], turn: Turn) -> list[Item]:
    p, swap = turn["p"], {turn["v"]: turn["w"], turn["w"]: turn["v"]}
    return [_with(item, p, swap.get(item[p], item[p])) for item in items]


_APPLIED: dict[str, Callable[[list[Item], Turn], list[Item]]] = {
    "change": lambda items, t: [_with(i, t["p"], t["w"]) if _met(i, t) else i for i in items],
    "lose": lambda items, t: [i for i in items if not _met(i, t)],
    "lose-both": lambda items, t: [i for i in items if not (_met(i, t) and i[t["q"]] == t["u"])],
    "add": lambda items, t: [*items, list(t["item"])],
    "exchange": _exchanged,
    "first": lambda items, t: items[t["k"] :],
    "last": lambda items, t: items[:-1] + [_with(i, t["p"], t["v"]) for i in items[-1:]],
    "double": lambda items, t: items + [_with(i, t["q"], t["u"]) for i in items if _met(i, t)],
    "second": lambda items, t: [
        _with(i, t["p"], t["v"]) if place % 2 else i for place, i in enumerate(items)
    ],
    "follow": lambda items, t: [_with(i, t["q"], t["u"]) if _met(i, t) else i for i in items],
}
"""What each kind of transformation does to the list."""


def tell_object_properties(facts: Facts, language: Language) -> dict[str, str]:
    """The list, the transformations by number, and the property that is asked for."""
    names, values = list(PROPERTIES[language]), list(PROPERTIES[language].values())

    def said(item: Item) -> str:
        words = [values[place][value] for place, value in enumerate(item)]
        return _ITEM[language].format(*words)

    told = [f"{k}. {said(item)}" for k, item in enumerate(facts["items"], 1)]
    turns = []
    for k, turn in enumerate(facts["turns"], 1):
        p, q = turn["p"], turn["q"]
        words = {"p": names[p], "v": values[p][turn["v"]], "w": values[p][turn["w"]],
                 "q": names[q], "u": values[q][turn["u"]]}  # fmt: skip
        text = _TURNS[language][turn["kind"]].format(**words, k=turn["k"], item=said(turn["item"]))
        turns.append(f"({k}) {text}")
    p, v = facts["asked"]
    return {"puzzle": "\n".join([*told, *turns]), "property": names[p], "value": values[p][v]}


def confirm_object_properties(posed: Posed) -> bool:
    """The same on a table of columns with masks."""
    table = np.array(posed.facts["items"])
    for turn in posed.facts["turns"]:
        table = _MASKED[turn["kind"]](table, turn)
    p, v = posed.facts["asked"]
    return posed.answer_text == boxed(str(int((table[:, p] == v).sum())))


def _set(table: Table, rows: Table, column: int, value: int) -> Table:
    changed = table.copy()
    changed[rows, column] = value
    return changed


def _marks(table: Table, turn: Turn) -> Table:
    marks: Table = table[:, turn["p"]] == turn["v"]
    return marks


_MASKED: dict[str, Callable[[Table, Turn], Table]] = {
    "change": lambda a, t: _set(a, _marks(a, t), t["p"], t["w"]),
    "lose": lambda a, t: a[~_marks(a, t)],
    "lose-both": lambda a, t: a[~(_marks(a, t) & (a[:, t["q"]] == t["u"]))],
    "add": lambda a, t: np.vstack([a, np.array([t["item"]])]),
    "exchange": lambda a, t: _set(
        _set(a, _marks(a, t), t["p"], t["w"]), a[:, t["p"]] == t["w"], t["p"], t["v"]
    ),
    "first": lambda a, t: a[t["k"] :],
    "last": lambda a, t: _set(a, np.arange(len(a)) == len(a) - 1, t["p"], t["v"]),
    "double": lambda a, t: np.vstack(
        [a, _set(a, np.ones(len(a), bool), t["q"], t["u"])[_marks(a, t)]]
    ),
    "second": lambda a, t: _set(a, np.arange(len(a)) % 2 == 1, t["p"], t["v"]),
    "follow": lambda a, t: _set(a, _marks(a, t), t["q"], t["u"]),
}
"""The same on a table of properties, [items][6]."""
