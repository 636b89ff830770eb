from __future__ import annotations

import re

import pytest

from gnomon.parts import PartError, part
from gnomon.records import Answer, Sample
from gnomon.worlds.choosing import in_words
from gnomon.worlds.listening import Heard, listen
from gnomon.worlds.scene import split_of
from gnomon.worlds.score import NAMES

PLACES = ("first", "second", "third", "fourth", "fifth", "sixth")


def samples(count: int = 60, **settings: object) -> list[Sample]:
    source = part("source", "sound-chat", **settings)()
    return [source[index] for index in range(count)]


def talks(sample: Sample) -> list[tuple[str, str]]:
    texts = [message.text.removeprefix("<image>") for message in sample.messages]
    return list(zip(texts[::2], texts[1::2], strict=True))


def is_right(question: str, answer: str, heard: tuple[Heard, ...]) -> bool:
    """Whether a listener who hears samples only would answer so."""
    kinds = [one.timbre for one in heard]
    lettered = dict(re.findall(r"\n([A-D])\. (.*)", question))
    said = lettered.get(answer, answer)
    if question.startswith("Name"):
        return answer == ", ".join(kinds)
    if question.startswith("Give the pitch"):
        told = [text.removesuffix(" Hz") for text in answer.split(", ")]
        return all(
            kind in ("rise", "fall") or ((text == "none") == (kind == "hiss")
            and (text == "none" or abs(float(text) - one.pitch) < 12))
            for text, kind, one in zip(told, kinds, heard, strict=True)
        )  # fmt: skip
    if question.startswith("Give the length"):
        told = [float(text.removesuffix(" s")) for text in answer.split(", ")]
        return all(abs(x - one.length) < 0.03 for x, one in zip(told, heard, strict=True))
    if question.startswith("Give the loudness"):
        told = [-float(text.removesuffix(" dB")) for text in answer.split(", ")]
        return all(abs(x - one.level) < 1.5 for x, one in zip(told, heard, strict=True))
    if question.startswith("How many"):
        return answer == str(kinds.count("beep"))
    if question.startswith("What is"):
        return said == NAMES[kinds[PLACES.index(question.split()[3])]]
    best = {
        "loudest": min(range(len(heard)), key=lambda place: heard[place].level),
        "longest": max(range(len(heard)), key=lambda place: heard[place].length),
    }
    for word, place in best.items():
        if word in question:
            return said == f"the {PLACES[place]}"
    one, other = (each.pitch for each in heard if each.timbre == "beep")
    return answer == PLACES[int(other > one)]


def test_a_listener_confirms_every_answer() -> None:
    wrong = 0
    for sample in samples(100):
        heard = listen(sample.media[0])
        wrong += sum(not is_right(*talk, heard) for talk in talks(sample))
    assert wrong <= 4  # a whistle of a tenth of a second can be heard as a buzz


def test_the_same_settings_give_the_same_conversations() -> None:
    assert samples(5) == samples(5)
    assert samples(5) != samples(5, seed=1)


def test_every_kind_of_question_is_asked() -> None:
    asked = {question for sample in samples(200) for question, _ in talks(sample)}
    starts = ("Name", "Give the pitch", "Give the length", "Give the loudness", "How many",
              "What is", "Which sound is the loudest", "Which sound lasts", "Which of")  # fmt: skip
    assert all(any(question.startswith(start) for question in asked) for start in starts)


def test_no_question_comes_twice_and_turns_are_at_most_what_is_asked() -> None:
    for sample in samples(40, turns=3):
        questions = [question for question, _ in talks(sample)]
        assert 1 <= len(set(questions)) == len(questions) <= 3


@pytest.mark.parametrize("sounds", [(1, 1), (2, 3), (6, 6)])
def test_as_many_sounds_as_asked_for_are_heard(sounds: tuple[int, int]) -> None:
    numbers = {len(listen(sample.media[0])) for sample in samples(20, sounds=sounds)}
    assert numbers <= set(range(sounds[0], sounds[1] + 1))


def test_no_sound_is_in_both_splits() -> None:
    for split in ("train", "test"):
        assert {split_of(sample.meta["score"]) for sample in samples(20, split=split)} == {split}


@pytest.mark.parametrize(
    "settings", [{"sounds": (0, 2)}, {"sounds": (3, 2)}, {"sounds": (1, 7)}, {"turns": 0}]
)
def test_impossible_settings_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(PartError, match="use two numbers from 1 to 6"):
        part("source", "sound-chat", **settings)()


# Options as texts


def test_a_question_by_letter_becomes_one_by_text() -> None:
    options = {"A": "a hiss", "B": "a buzz"}
    asked = "What is it?\nA. a hiss\nB. a buzz"
    text, answer, thought = in_words(asked, Answer("choice", "B", options), "2. buzz: a buzz, B.")
    assert text == "What is it? One of: a hiss; a buzz."
    assert answer == Answer("choice", "a buzz")
    assert thought == "2. buzz: a buzz."


def test_a_question_without_letters_stays_as_it_is() -> None:
    asked = ("Which is higher, the first or the second?", Answer("choice", "first"), "first: A.")
    assert in_words(*asked) == asked


def test_a_world_asks_for_texts_where_it_is_told_to() -> None:
    settings = {"world": "sound", "tasks": ["what", "rhythm", "count"], "answers": "worked"}
    source = part("source", "world", **settings, options="texts")()
    letters = part("source", "world", **settings)()
    for index in range(9):
        sample, other = source[index], letters[index]
        assert sample.media == other.media
        if sample.task == "count":
            assert sample.messages == other.messages
            continue
        assert sample.answer is not None and sample.answer.value == sample.meta["option"]
        assert sample.meta["answer_text"] == sample.meta["option"]
        assert "\nA. " not in sample.messages[-2].text
        assert "; ".join(sample.meta["multi_choice"]) in sample.messages[-2].text
