"""Where things are: a walk over a lattice, and cousins in a family tree."""

from __future__ import annotations

from typing import Any

import numpy as np

from gnomon.worlds.logic.family import Facts, Language, Puzzle, boxed, first_of, require
from gnomon.worlds.logic.lexicon import GOODS
from gnomon.worlds.scene import pick, shuffled
from gnomon.worlds.world import Posed

Place = tuple[int, int]
LATTICES: dict[str, dict[str, Place]] = {
    "square": {"up": (0, 1), "down": (0, -1), "left": (-1, 0), "right": (1, 0)},
    "diamond": {
        "up-left": (-1, 1),
        "up-right": (1, 1),
        "down-left": (-1, -1),
        "down-right": (1, -1),
    },
    "triangle": {
        "left": (-2, 0),
        "right": (2, 0),
        "up-left": (-1, 1),
        "up-right": (1, 1),
        "down-left": (-1, -1),
        "down-right": (1, -1),
    },
}
"""Directions of each lattice with their steps."""
_WAYS = {
    "up": "上", "down": "下", "left": "左", "right": "右",
    "up-left": "左上", "up-right": "右上", "down-left": "左下", "down-right": "右下",
}  # fmt: skip
_LATTICE_NAMES = {
    "en": {
        "square": "a grid of squares, whose nodes have neighbours up, down, left and right",
        "diamond": "a grid of diamonds, whose nodes have neighbours up-left, up-right, down-left "
        "and down-right",
        "triangle": "a grid of triangles, whose nodes have neighbours left, right, up-left, "
        "up-right, down-left and down-right",
    },
    "zh": {
        "square": "方格网（每个节点有上、下、左、右邻点）",
        "diamond": "菱形网（每个节点有左上、右上、左下、右下邻点）",
        "triangle": "三角网（每个节点有左、右、左上、右上、左下、右下邻点）",
    },
}
_WALK = {
    "en": {
        "start": "You start at a node with a {item}.",
        "step": "You go {k} steps {way}",
        "one": "You go one step {way}",
        "find": " and find a {item}.",
        "again": " and are at the {item} again.",
        "nothing": ", where you do not look around.",
        "last": ".",
    },
    "zh": {
        "start": "你从有 {item} 的节点出发。",
        "step": "你向{way}走 {k} 步",
        "one": "你向{way}走 1 步",
        "find": "，发现 {item}。",
        "again": "，又回到 {item} 处。",
        "nothing": "，在那里你没有查看。",
        "last": "。",
    },
}


def draw_space_reasoning(
    rng: np.random.Generator,
    *,
    waypoints: int,
    unknown: int,
    n: int = 8,
    jump_ratio: float = 0.5,
    lattice: str = "square",
    last: int = 3,
) -> Puzzle:
    """A walk of ``waypoints`` legs over nodes with items, ``unknown`` of them passed unseen, then
    up to ``last`` legs to a node: which item is there, if that is known?

    A leg has several steps with chance ``jump_ratio``; steps on the way are not seen. The walk
    keeps to n steps from its start.
    """
    require(1 <= waypoints <= 30, f"waypoints={waypoints}: use 1 to 30")
    require(
        0 <= unknown < waypoints, f"unknown={unknown}: use 0 to {waypoints - 1}, below the legs"
    )
    require(2 <= n <= 20, f"n={n}: use 2 to 20 steps")
    require(0 <= jump_ratio <= 1, f"jump_ratio={jump_ratio}: use a share from 0 to 1")
    require(lattice in LATTICES, f"lattice={lattice!r}: use one of {', '.join(LATTICES)}")
    goods = shuffled(rng, GOODS)
    here, seen = (0, 0), {(0, 0): goods[0]}
    blind = set(shuffled(rng, range(waypoints))[:unknown])
    told, path = [], [here]
    for leg in range(waypoints):
        way, steps, here = _leg(rng, lattice, here, n, jump_ratio)
        known = here in seen
        if leg not in blind and not known:
            seen[here] = goods[len(seen)]
        told.append([way, steps, "" if leg in blind else seen[here], known])
        path.append(here)
    # Half of the questions aim at a node of the walk, as wandering seldom comes back to one.
    wanted = pick(rng, path[:-1]) if rng.random() < 0.7 else None
    for _ in range(last):
        way, steps, here = _leg(rng, lattice, here, n, jump_ratio, wanted)
        told.append([way, steps, "?", False])
        path.append(here)
        if here == wanted:
            break
    item = seen.get(here, "unknown")
    spots = " ".join(f"{spot}: {seen.get(spot, '?')}." for spot in path)
    more = {"told": told, "start": goods[0], "lattice": lattice}
    key = f"{lattice} {goods[0]} {told}"
    work = len(told) + unknown
    return Puzzle({}, item, boxed(item), key, work, f"{spots} There: {item}.", more)


def _leg(
    rng: np.random.Generator,
    lattice: str,
    here: Place,
    n: int,
    jump_ratio: float,
    wanted: Place | None = None,
) -> tuple[str, int, Place]:
    """A leg that stays within reach; towards a wanted node when one straight leg comes there."""
    legs = []
    for way, (x, y) in LATTICES[lattice].items():
        for steps in range(1, 5):
            there = (here[0] + steps * x, here[1] + steps * y)
            if there == wanted:
                return way, steps, there
            if abs(there[0]) <= n and abs(there[1]) <= n:
                legs.append((way, steps, there))
    long = rng.random() < jump_ratio
    fitting = [leg for leg in legs if (leg[1] > 1) == long] or legs
    return pick(rng, fitting)


def tell_space_reasoning(facts: Facts, language: Language) -> dict[str, str]:
    """The walk, sentence by sentence."""
    said = _WALK[language]
    told = [said["start"].format(item=facts["start"])]
    for way, steps, item, known in facts["told"]:
        end = "last" if item == "?" else "nothing" if not item else "again" if known else "find"
        leg = said["one" if steps == 1 else "step"]
        direction = way if language == "en" else _WAYS[way]
        told.append(leg.format(k=steps, way=direction) + said[end].format(item=item))
    return {"puzzle": " ".join(told), "lattice": _LATTICE_NAMES[language][facts["lattice"]]}


def confirm_space_reasoning(posed: Posed) -> bool:
    """Back from the end: the displacement to each earlier node, until one is none."""
    steps = [LATTICES[posed.facts["lattice"]][leg[0]] for leg in posed.facts["told"]]
    x = y = 0
    found = "unknown"
    for (right, up), (_, count, _, _), place in reversed(
        list(zip(steps, posed.facts["told"], range(len(steps)), strict=True))
    ):
        x, y = x + right * count, y + up * count
        before = posed.facts["told"][place - 1][2] if place else posed.facts["start"]
        if (x, y) == (0, 0) and before not in ("", "?"):
            found = before
    return posed.answer_text == boxed(found)


_HEADS = ("Al", "Be", "Ca", "Do", "El", "Fa", "Gi", "Ha", "Io", "Ka", "Le", "Ma", "Ni", "Or", "Pe",
          "Ra", "So", "Ti", "Ul", "Va")  # fmt: skip
_TAILS = ("bert", "cia", "dan", "fina", "gor", "lia", "mon", "na", "phus", "ra", "sia", "ton",
          "vin", "wyn", "xa", "yra", "zo", "ric")  # fmt: skip
NAMES = tuple(head + tail for head in _HEADS for tail in _TAILS)
_FAMILY = {
    "en": {"child": "{a} is a child of {b}.", "sibling": "{a} and {b} are siblings."},
    "zh": {"child": "{a} 是 {b} 的孩子。", "sibling": "{a} 和 {b} 是兄弟姐妹。"},
}


def draw_space_reasoning_tree(rng: np.random.Generator, *, nodes: int, layers: int = 5) -> Puzzle:
    """A tree of ``nodes`` people in ``layers`` generations, told in part by children and siblings;
    who are the cousins (same grandparent, another parent) of one of them?

    Raises ValueError for fewer than 5 people or 3 generations, and more than there are names.
    """
    require(5 <= nodes <= len(NAMES), f"nodes={nodes}: use 5 to {len(NAMES)} people")
    require(3 <= layers <= nodes, f"layers={layers}: use 3 to {nodes} generations")
    parents, person, cousins = first_of(lambda: _tree(rng, nodes, layers), "tree with cousins")
    names = shuffled(rng, NAMES)[:nodes]
    told = []
    children: dict[int, list[int]] = {}
    for child in range(1, nodes):
        siblings = children.setdefault(parents[child], [])
        if siblings and rng.random() < 0.5:
            told.append(["sibling", names[child], names[pick(rng, siblings)]])
        else:
            told.append(["child", names[child], names[parents[child]]])
        siblings.append(child)
    told = shuffled(rng, told)
    answer = ", ".join(sorted(names[cousin] for cousin in cousins))
    parent = parents[person]
    aunts = ", ".join(names[k] for k in children[parents[parent]] if k != parent)
    thought = (
        f"Parent of {names[person]}: {names[parent]}. Siblings of {names[parent]}: {aunts}. "
        f"Their children: {answer}."
    )
    more = {"told": told, "asked": names[person]}
    return Puzzle({}, answer, boxed(answer), f"{told} {names[person]}", nodes, thought, more)


def _tree(
    rng: np.random.Generator, nodes: int, layers: int
) -> tuple[list[int], int, list[int]] | None:
    """Parents by person, someone with cousins, and those."""
    cuts = sorted(shuffled(rng, range(2, nodes))[: layers - 2])
    starts = [0, 1, *cuts, nodes]
    parents = [-1]
    for layer in range(1, layers):
        above = range(starts[layer - 1], starts[layer])
        parents += [pick(rng, above) for _ in range(starts[layer], starts[layer + 1])]
    grandchildren: dict[int, list[int]] = {}
    for person in range(1, nodes):
        if parents[person] > 0:
            grandchildren.setdefault(parents[parents[person]], []).append(person)
    for person in shuffled(rng, range(1, nodes)):
        near = grandchildren.get(parents[parents[person]], []) if parents[person] > 0 else []
        cousins = [one for one in near if parents[one] != parents[person]]
        if 1 <= len(cousins) <= 12:
            return parents, person, cousins
    return None


def tell_space_reasoning_tree(facts: Facts, language: Language) -> dict[str, str]:
    """What is known, in any order, and who is asked about."""
    told = [_FAMILY[language][kind].format(a=a, b=b) for kind, a, b in facts["told"]]
    return {"puzzle": " ".join(told), "asked": facts["asked"]}


def confirm_space_reasoning_tree(posed: Posed) -> bool:
    """Siblings joined to sets, sets tied to a parent; cousins are found from sets to sets."""
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader.setdefault(name, name) != name:
            name = leader[name]
        return name

    for kind, a, b in posed.facts["told"]:
        if kind == "sibling":
            leader[find(a)] = find(b)
    first_of_parent: dict[str, str] = {}
    for kind, a, b in posed.facts["told"]:
        if kind == "child":
            leader[find(a)] = find(first_of_parent.setdefault(b, a))
    parent = {find(child): name for name, child in first_of_parent.items()}
    own = find(posed.facts["asked"])
    above = find(parent[own])
    everyone = {name: find(name) for name in list(leader)}
    cousins: list[Any] = [
        name
        for name, group in everyone.items()
        if group in parent and group != own and everyone.get(parent[group]) == above
    ]
    return posed.answer_text == boxed(", ".join(sorted(cousins)))
