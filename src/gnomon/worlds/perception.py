"""Questions of one step: read, name, find one object, or describe them all."""

from __future__ import annotations

from functools import partial

import numpy as np

from gnomon.records import Answer
from gnomon.worlds.asking import (
    Question,
    Task,
    digits_of,
    mixture,
    reply,
    shapes_of,
    unique_items,
)
from gnomon.worlds.render import box_of
from gnomon.worlds.scene import Scene, Word, pick


def read_digit(scene: Scene, rng: np.random.Generator, difficulty: int) -> Question | None:
    """Which digit is at a cell. None without digits."""
    found = digits_of(scene)
    if not found:
        return None
    item, digit = pick(rng, found)
    texts = [f"Which digit is at {item.cell}?", f"Read the digit at {item.cell}."]
    if len(found) == 1:
        texts.append("Which digit is shown?")
    answer = Answer("integer", digit.value)
    why = f"{item.cell} digit {digit.value}."
    return reply(scene, "read-digit", pick(rng, texts), answer, why, difficulty)


def read_word(scene: Scene, rng: np.random.Generator, difficulty: int) -> Question | None:
    """Which word is at a cell. None without words."""
    found = [(item, item.thing.text) for item in scene.objects if isinstance(item.thing, Word)]
    if not found:
        return None
    item, text = pick(rng, found)
    texts = [f"Which word is at {item.cell}?", f"Read the word at {item.cell}."]
    if len(found) == 1:
        texts.append("Which word is shown?")
    why = f"{item.cell} word {text}."
    return reply(scene, "read-word", pick(rng, texts), Answer("text", text), why, difficulty)


def colour(scene: Scene, rng: np.random.Generator, difficulty: int) -> Question | None:
    """The colour of the shape at a cell, or of the only shape of its kind. None without shapes."""
    found = shapes_of(scene)
    if not found:
        return None
    item, shape = pick(rng, found)
    texts = [f"What colour is the shape at {item.cell}?", f"Which colour is at {item.cell}?"]
    if sum(other.kind == shape.kind for _, other in found) == 1:
        texts = [*texts, f"What colour is the {shape.kind}?", f"Which colour is the {shape.kind}?"]
    why = f"{item.cell} {shape.written}."
    answer = Answer("choice", shape.colour)
    return reply(scene, "colour", pick(rng, texts), answer, why, difficulty)


def shape(scene: Scene, rng: np.random.Generator, difficulty: int) -> Question | None:
    """The kind of the shape at a cell. None without shapes."""
    found = shapes_of(scene)
    if not found:
        return None
    item, thing = pick(rng, found)
    text = pick(rng, [f"What shape is at {item.cell}?", f"Which shape is at {item.cell}?"])
    why = f"{item.cell} {thing.written}."
    return reply(scene, "shape", text, Answer("choice", thing.kind), why, difficulty)


def size(scene: Scene, rng: np.random.Generator, difficulty: int) -> Question | None:
    """Whether the shape at a cell is small or large. None without shapes."""
    found = shapes_of(scene)
    if not found:
        return None
    item, thing = pick(rng, found)
    texts = [f"Is the {name} at {item.cell} small or large?" for name in (thing.kind, "shape")]
    why = f"{item.cell} {thing.written}."
    return reply(scene, "size", pick(rng, texts), Answer("choice", thing.size), why, difficulty)


def locate(scene: Scene, rng: np.random.Generator, difficulty: int) -> Question | None:
    """The cell of an object that its name picks out alone. None when no object has such a name."""
    found = unique_items(scene)
    if not found:
        return None
    item, name = pick(rng, found)
    text = pick(rng, [f"Where is the {name}?", f"In which cell is the {name}?"])
    answer = Answer("text", item.cell)
    # The name first: it stands in the question, and what follows it is then found by its words.
    return reply(scene, "locate", text, answer, f"{name} {item.cell}.", difficulty)


def box(scene: Scene, rng: np.random.Generator, difficulty: int) -> Question | None:
    """The pixel box of an object that its name picks out alone.

    None when no object has such a name.
    """
    found = unique_items(scene)
    if not found:
        return None
    item, name = pick(rng, found)
    text = pick(rng, [f"Give the box of the {name}.", f"What is the box of the {name}?"])
    corners = box_of(item)
    plain = "[" + ",".join(map(str, corners)) + "]"
    why = f"{name} {item.cell}. box {plain}."
    return reply(scene, "box", text, Answer("box", corners), why, difficulty, plain)


def caption(scene: Scene, rng: np.random.Generator, difficulty: int) -> Question:
    """The whole scene, written down."""
    answer = Answer("text", scene.written)
    return reply(scene, "caption", "Describe the scene.", answer, "", difficulty)


PERCEPTION: dict[str, Task] = {
    task.name: task
    for task in (
        Task("read-digit", "single", partial(mixture, digits=1), read_digit),
        Task("read-word", "single", partial(mixture, words=1), read_word),
        Task("colour", "single", partial(mixture, shapes=1), colour),
        Task("shape", "single", partial(mixture, shapes=1), shape),
        Task("size", "single", partial(mixture, shapes=1), size),
        Task("locate", "single", mixture, locate),
        Task("box", "single", mixture, box, needs_image=True),
        Task("caption", "single", mixture, caption),
    )
}
