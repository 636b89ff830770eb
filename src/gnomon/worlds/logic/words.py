"""Words: sort them, check a sorting, lay them out, decipher them."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from string import ascii_lowercase, ascii_uppercase
from typing import Any

import numpy as np

from gnomon.worlds.logic.family import (
    Facts,
    Language,
    Puzzle,
    boxed,
    fenced,
    require,
)
from gnomon.worlds.logic.lexicon import LONG_WORDS, WORDS
from gnomon.worlds.scene import between, pick, shuffled
from gnomon.worlds.world import Posed

Place = tuple[int, int]


def _alphabet(rng: np.random.Generator, front_letters: int) -> str:
    require(0 <= front_letters <= 26, f"front_letters={front_letters}: use 0 to 26 letters")
    front = "".join(shuffled(rng, ascii_lowercase)[:front_letters])
    return front + "".join(letter for letter in ascii_lowercase if letter not in front)


def _several(rng: np.random.Generator, words: int, lexicon: tuple[str, ...]) -> list[str]:
    require(2 <= words <= 60, f"words={words}: use 2 to 60 words")
    return shuffled(rng, lexicon)[:words]


def draw_word_sorting(rng: np.random.Generator, *, front_letters: int, words: int) -> Puzzle:
    """Words to sort by an alphabet whose ``front_letters`` come first, up or down."""
    require(front_letters >= 1, f"front_letters={front_letters}: move 1 letter or more")
    alphabet = _alphabet(rng, front_letters)
    chosen = _several(rng, words, LONG_WORDS)
    down = rng.random() < 0.5
    rank = {letter: place for place, letter in enumerate(alphabet)}
    ordered = sorted(chosen, key=lambda word: [rank[letter] for letter in word], reverse=down)
    front = alphabet[:front_letters]
    heads = " ".join(f"{word} {rank[word[0]] + 1}" for word in chosen)
    thought = f"Places of the first letters: {heads}. In order: {' '.join(ordered)}."
    more = {"words": chosen, "front": front, "down": down}
    answer = ",".join(ordered)
    key = f"{alphabet} {sorted(chosen)} {down}"
    return Puzzle({}, answer, boxed(answer), key, words + front_letters, thought, more)


def confirm_word_sorting(posed: Posed) -> bool:
    """Every two neighbours in order, by the first letter in which they differ."""
    ordered, facts = posed.answer_text[7:-1].split(","), posed.facts
    alphabet = facts["front"] + re.sub(f"[{facts['front']}]", "", ascii_lowercase)
    if facts["down"]:
        ordered = ordered[::-1]
    for one, other in pairwise(ordered):
        for a, b in zip(one, other, strict=False):
            if a != b:
                if alphabet.index(a) > alphabet.index(b):
                    return False
                break
    return sorted(ordered) == sorted(facts["words"])


def tell_word_sorting(facts: Facts, language: Language) -> dict[str, str]:
    """The words, the letters in front and the direction."""
    names = {"en": ("increasing", "decreasing"), "zh": ("升序", "降序")}[language]
    return {
        "puzzle": ", ".join(facts["words"]),
        "front": ", ".join(facts["front"]),
        "direction": names[facts["down"]],
    }


def draw_word_sorting_mistake(
    rng: np.random.Generator, *, words: int, mistake_rate: float = 0.9, front_letters: int = 0
) -> Puzzle:
    """A radix sort told thought by thought, letters from the fourth to the first; one thought may
    be wrong.

    The thoughts after a wrong one go on from it rightly.
    """
    require(0 <= mistake_rate <= 1, f"mistake_rate={mistake_rate}: use a share from 0 to 1")
    alphabet = _alphabet(rng, front_letters)
    chosen = _several(rng, words, tuple(word for word in WORDS if len(word) == 4))
    wrong = between(rng, 1, 4) if rng.random() < mistake_rate else 0
    current, trace = chosen, []
    for thought in range(1, 5):
        current = _by_letter(current, alphabet, 4 - thought)
        if thought == wrong:
            current = _mistaken(rng, current)
        trace.append(current)
    gold, thought_text = "No", "Every thought follows from the one before."
    if wrong:
        before = trace[wrong - 2] if wrong > 1 else chosen
        right = ", ".join(_by_letter(before, alphabet, 4 - wrong))
        gold = str(wrong)
        thought_text = f"Before {wrong} all follow. Thought {wrong} had to be {right}."
    more = {"words": chosen, "alphabet": alphabet, "trace": trace}
    key = f"{alphabet} {chosen} {trace}"
    return Puzzle({}, gold, boxed(gold), key, 4 * words, thought_text, more)


def _by_letter(words: list[str], alphabet: str, letter: int) -> list[str]:
    return sorted(words, key=lambda word: alphabet.index(word[letter]))


def _mistaken(rng: np.random.Generator, words: list[str]) -> list[str]:
    """Two words swapped, or one moved to another place."""
    one, other = sorted(shuffled(rng, range(len(words)))[:2])
    wrong = list(words)
    if rng.random() < 0.5:
        wrong[one], wrong[other] = wrong[other], wrong[one]
    else:
        wrong.insert(other, wrong.pop(one))
    return wrong


def confirm_word_sorting_mistake(posed: Posed) -> bool:
    """The first thought that is not the one before it, its words by letter put together."""
    before, facts = posed.facts["words"], posed.facts
    for number, told in enumerate(facts["trace"], 1):
        bins: dict[str, list[str]] = {letter: [] for letter in facts["alphabet"]}
        for word in before:
            bins[word[4 - number]].append(word)
        if [word for letter in facts["alphabet"] for word in bins[letter]] != told:
            return posed.answer_text == boxed(str(number))
        before = told
    return posed.answer_text == boxed("No")


def tell_word_sorting_mistake(facts: Facts, language: Language) -> dict[str, str]:
    """The words, the alphabet and the thoughts."""
    said = {
        "en": "Thought {k}: by letter {letter}: {words}",
        "zh": "思考 {k}：按第 {letter} 个字母：{words}",
    }[language]
    told = [
        said.format(k=number, letter=5 - number, words=", ".join(words))
        for number, words in enumerate(facts["trace"], 1)
    ]
    return {
        "puzzle": "\n".join([", ".join(facts["words"]), *told]),
        "alphabet": facts["alphabet"],
    }


def draw_cipher(rng: np.random.Generator, *, letters: int, method: str) -> Puzzle:
    """A text to decipher by a rule that is told: ``caesar``, ``atbash``, ``rail-fence`` or ``both``
    (a rail fence over a Caesar shift). Ours, as the source keeps its own to itself.
    """
    require(method in METHODS, f"method={method!r}: use one of {', '.join(METHODS)}")
    require(2 <= letters <= 200, f"letters={letters}: use 2 to 200")
    text = ""
    while len(text) < letters:
        text += pick(rng, LONG_WORDS).upper()
    text = text[:letters]
    settings = {"shift": between(rng, 1, 25), "rails": between(rng, 2, 3)}
    stages = [text]
    for step in METHODS[method]:
        stages.append(_ENCIPHERED[step](stages[-1], **settings))
    more = {"secret": stages[-1], "method": method, **settings}
    used = [_NEEDS[step].format(**settings) for step in METHODS[method]]
    work = letters * len(METHODS[method])
    thought = _deciphered(METHODS[method], stages)
    key = f"{' '.join(used)} {stages[-1]}"
    return Puzzle({}, f"[[{text}]]", fenced(f'[["{text}"]]'), key, work, thought, more)


METHODS = {
    "caesar": ("caesar",),
    "atbash": ("atbash",),
    "rail-fence": ("rail-fence",),
    "both": ("caesar", "rail-fence"),
}
"""The steps of each way to encipher, in order."""
_NEEDS = {"caesar": "caesar {shift}", "atbash": "atbash", "rail-fence": "rails {rails}"}


def _deciphered(steps: tuple[str, ...], stages: list[str]) -> str:
    """The way back: letters put in their places, then letter by letter."""
    told = []
    for step, before, after in reversed(list(zip(steps, stages, stages[1:], strict=False))):
        pairs = " ".join(f"{a}={b}" for a, b in zip(after, before, strict=True))
        told.append(f"Off the rails: {before}." if step == "rail-fence" else f"{pairs}.")
    return " ".join(told)


def _mirrored(text: str) -> str:
    return text.translate(str.maketrans(ascii_uppercase, ascii_uppercase[::-1]))


def _shifted(text: str, shift: int) -> str:
    return "".join(ascii_uppercase[(ord(letter) - 65 + shift) % 26] for letter in text)


def _zigzag(text: str, rails: int) -> str:
    """A text in the order in which the rails are read."""
    turn = 2 * (rails - 1)
    rail = [min(place % turn, turn - place % turn) for place in range(len(text))]
    return "".join(text[k] for k in sorted(range(len(text)), key=lambda k: (rail[k], k)))


_ENCIPHERED: dict[str, Callable[..., str]] = {
    "caesar": lambda text, shift, rails: _shifted(text, shift),
    "atbash": lambda text, shift, rails: _mirrored(text),
    "rail-fence": lambda text, shift, rails: _zigzag(text, rails),
}


def confirm_cipher(posed: Posed) -> bool:
    """The answer enciphered again, its letters written on rows as the rule says, is the secret."""
    facts, text = posed.facts, posed.answer_text.split('"')[1]
    turned = ascii_uppercase[facts["shift"] :] + ascii_uppercase[: facts["shift"]]
    again: dict[str, Callable[[str], str]] = {
        "atbash": lambda plain: "".join(chr(155 - ord(letter)) for letter in plain),
        "caesar": lambda plain: plain.translate(str.maketrans(ascii_uppercase, turned)),
        "rail-fence": lambda plain: _rows_filled(plain, facts["rails"]),
    }
    for step in METHODS[facts["method"]]:
        text = again[step](text)
    return bool(text == facts["secret"])


def _rows_filled(text: str, rows: int) -> str:
    rails, rail, step = [""] * rows, 0, 1
    for letter in text:
        rails[rail] += letter
        step = 1 if rail == 0 else -1 if rail == rows - 1 else step
        rail += step
    return "".join(rails)


_CIPHERS: dict[str, dict[str, str]] = {
    "en": {
        "caesar": "Each letter was moved {shift} places on in the alphabet, from Z on to A.",
        "atbash": "Each letter was replaced by the one as far from the other end of the alphabet "
        "(A and Z change places, B and Y, and so on).",
        "rail-fence": "The letters were written down and up in a zigzag over {rails} rows, from "
        "the top row on, and the rows were then read one after the other.",
    },
    "zh": {
        "caesar": "每个字母在字母表中后移 {shift} 位，Z 之后接 A。",
        "atbash": "每个字母换成字母表中倒数同样位置的字母（A 与 Z 互换，B 与 Y 互换，依此类推）。",
        "rail-fence": "字母从第一行起按之字形写在 {rails} 行上，然后逐行读出。",
    },
}


def tell_cipher(facts: Facts, language: Language) -> dict[str, Any]:
    """The secret, and the rules by which it was made, in their order."""
    rules = [_CIPHERS[language][step].format(**facts) for step in METHODS[facts["method"]]]
    return {"puzzle": facts["secret"], "rules": " ".join(rules)}
