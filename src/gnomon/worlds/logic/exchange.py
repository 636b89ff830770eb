"""Goods that change hands."""

from __future__ import annotations

import numpy as np

from gnomon.worlds.logic.family import Facts, Language, Puzzle, fenced, require
from gnomon.worlds.logic.lexicon import GOODS, PEOPLE
from gnomon.worlds.scene import pick, shuffled
from gnomon.worlds.world import Posed

_EXCHANGES = {
    "en": {
        "people": "{a} and {b} swap what they own.",
        "goods": "The owner of the {x} swaps with the owner of the {y}.",
        "mixed": "{a} swaps with the owner of the {y}.",
        "talk": "{a} and {b} talk about swapping, but keep what they own.",
        "show": "{a} shows what {a} owns to the owner of the {y}, who gives it back.",
        "owns": "{a} owns the {x}.",
    },
    "zh": {
        "people": "{a} 和 {b} 交换了各自的物品。",
        "goods": "{x} 的主人与 {y} 的主人交换了物品。",
        "mixed": "{a} 与 {y} 的主人交换了物品。",
        "talk": "{a} 和 {b} 谈论交换，但各自保留了物品。",
        "show": "{a} 把自己的物品给 {y} 的主人看，随后对方归还。",
        "owns": "{a} 拥有 {x}。",
    },
}


def draw_goods_exchange(rng: np.random.Generator, *, people: int, operations: int) -> Puzzle:
    """People with one item each, and ``operations`` exchanges told by person or by item, one in
    five of which changes nothing; who owns what in the end?

    Names of people and goods are the same in both languages, as the answer names them.
    """
    most = min(len(PEOPLE), len(GOODS))
    require(2 <= people <= most, f"people={people}: use 2 to {most}")
    require(0 <= operations <= 500, f"operations={operations}: use 0 to 500")
    names, goods = shuffled(rng, PEOPLE)[:people], shuffled(rng, GOODS)[:people]
    owns = dict(zip(names, goods, strict=True))
    before = [list(pair) for pair in owns.items()]
    told, steps = [], []
    for _ in range(operations):
        a, b = shuffled(rng, names)[:2]
        kinds = ("talk", "show") if rng.random() < 0.2 else ("people", "goods", "mixed")
        kind = pick(rng, kinds)
        told.append([kind, a, b, owns[a], owns[b]])
        if kind in ("people", "goods", "mixed"):
            owns[a], owns[b] = owns[b], owns[a]
            steps.append(f"{a} {owns[a]}, {b} {owns[b]}.")
    text = str(tuple(owns.items()))
    more = {"before": before, "told": told}
    thought = " ".join(steps) or "Nothing changes."
    key = f"{before} {told}"
    return Puzzle(
        {"owns_after": dict(owns)}, text, fenced(text), key, operations + people, thought, more
    )


def tell_goods_exchange(facts: Facts, language: Language) -> dict[str, str]:
    """Who owns what, then the exchanges by number."""
    said = _EXCHANGES[language]
    owned = [said["owns"].format(a=name, x=item) for name, item in facts["before"]]
    told = [
        f"{number}. " + said[kind].format(a=a, b=b, x=x, y=y)
        for number, (kind, a, b, x, y) in enumerate(facts["told"], 1)
    ]
    return {"puzzle": "\n".join([" ".join(owned), *told])}


def confirm_goods_exchange(posed: Posed) -> bool:
    """The items follow their owners: each exchange, as it is told, turns two places of a list."""
    names = [name for name, _ in posed.facts["before"]]
    held = [item for _, item in posed.facts["before"]]
    for kind, a, b, x, y in posed.facts["told"]:
        if kind in ("talk", "show"):
            continue
        one = held.index(x) if kind == "goods" else names.index(a)
        other = names.index(b) if kind == "people" else held.index(y)
        held[one], held[other] = held[other], held[one]
    return posed.answer_text == fenced(str(tuple(zip(names, held, strict=True))))
