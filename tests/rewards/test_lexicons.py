from __future__ import annotations

import re
import time
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gnomon.parts import part
from gnomon.rewards import lexicons
from gnomon.rewards.lexicons import (
    image_revisit,
    self_critique,
    sentences_of,
    without_tag_spaces,
)
from gnomon.rewards.repetition import (
    _echo_length,
    _lowered,
    _phrase_copies,
    _sentence_copies,
    repetition,
)
from gnomon.rewards.terms import length_ramp, revisual_format

RESPONSE = (
    "<think> The figure shows a triangle. I made a mistake. Let me recalculate. "
    "The correct answer is 5.</think> \\boxed{5}"
)
HOSTILE = {
    "blanks": " " * 100_000,
    "lines": "\n " * 50_000,
    "angles": "< " * 50_000,
    "but wait": " but wait" * 11_000,
    "waitwait": "wait" * 25_000,
    "sentences": "A. " * 33_000,
    "line sentences": "a.\n" * 33_000,
    "let me": "let me " * 14_000,
    "dots": "." * 100_000,
    "but image": "but the image shows " * 5_000,
    "echo": "x" * 50_000 + " but wait " + "x" * 50_000,
    "echoes": "a but wait " * 9_000,
    "so maybe": " so maybe" * 11_000,
    "so maybe but": " so maybe x but wait" * 5_000,
    "maybes": "".join(f"maybe {n}. But wait " for n in range(5_000)),
    "minuses": "- " * 50_000,
    "one word": "x" * 100_000,
    "nul": "\x00" * 100_000,
}


@pytest.mark.parametrize("name", ["self-critique", "image-revisit", "repetition"])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_every_lexicon_is_linear_on_hostile_text(name: str, hostile: str) -> None:
    start = time.process_time()
    score = part("reward", name)(HOSTILE[hostile])
    assert time.process_time() - start < 1.0
    assert 0.0 <= score <= 1.0


@pytest.mark.parametrize("name", ["self-critique", "image-revisit", "repetition"])
@given(text=st.text() | st.text("abut wIm.!? \nsoye<>/", max_size=80))
def test_every_lexicon_gives_a_score_for_any_text(name: str, text: str) -> None:
    assert 0.0 <= part("reward", name)(text) <= 1.0


def test_the_worked_example_of_the_whole_reward() -> None:
    critic, revisit = self_critique(RESPONSE), image_revisit(RESPONSE)
    repeated, accuracy = repetition(RESPONSE), 1.0
    assert revisual_format(RESPONSE) == 1.0
    assert (critic, revisit, repeated) == (0.72, 0.5, 1.0)
    multimodal = 0.8 * accuracy + 0.05 * (critic + revisit + repeated)
    assert multimodal == pytest.approx(0.911)
    assert multimodal + 0.05 * length_ramp(100, budget=8192) == pytest.approx(0.961)
    assert 0.85 * accuracy + 0.10 * repeated + 0.05 * critic == pytest.approx(0.986)


def test_whitespace_around_tags_and_slashes_is_deleted_first() -> None:
    assert without_tag_spaces("<think> a </ think >\n5 / 2  b") == "<think>a</think>5/2  b"


@given(st.text("<>/ \na", max_size=40))
def test_the_pre_step_equals_the_plain_substitution(text: str) -> None:
    assert without_tag_spaces(text) == re.sub(r"\s*([<>/])\s*", r"\1", text)


def test_sentences_split_at_any_whitespace_after_a_stop() -> None:
    assert sentences_of("a. b!\nc? d.e") == ["a.", "b!", "c?", "d.e"]


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("", 0.0),
        ("a mistake", 0.0),
        ("a mistake!", 0.12),
        ("mistakes were many", 0.0),
        ("A MISTAKE here", 0.12),
        ("mistake mistake mistake", 0.24),
        ("I was mistaken there", 0.15),
        ("I made an error here", 0.27),
        ("Let me RECALCULATE it", 0.10),
        ("re-evaluate and reassess", 0.20),
        ("we double-check this", 0.09),
        ("hold on a bit now", 0.06),
        ("wait a second, please", 0.13),
        ("I'm not sure of it", 0.05),
        ("perhaps, maybe, I think", 0.08),
        ("on  second\nthought, yes", 0.08),
        ("nothing to see here", 0.0),
    ],
)
def test_cues_are_weighted_whole_words(text: str, score: float) -> None:
    assert self_critique(text) == pytest.approx(score)


@pytest.mark.parametrize(
    "starter",
    [
        "That is wrong",
        "The result appears to be flawed",
        "We committed a miscalculation",
        "I was in error",
        "Oh, this does not look right",
        "Actually that doesn't seem correct",
        "I should verify",
        "I need to rethink",
        "Let's try again",
        "Hmm, I'm not sure",
        "However, it may not be accurate",
    ],
)
@pytest.mark.parametrize("gap", ["", "One more. ", "One more. Two more. "])
def test_a_doubt_with_a_correction_within_three_sentences_earns_a_quarter(
    starter: str, gap: str
) -> None:
    with_it = self_critique(f"{starter}. {gap}The correct value is 5.")
    without = self_critique(f"{starter}. {gap}The proper value is 5.")
    assert with_it - without == pytest.approx(0.25)


@pytest.mark.parametrize(
    "follow_up",
    [
        "A correct approach should be this",
        "I should have used x",
        "In fact, we must add",
        "Upon checking, I see it",
        "So the right answer comes",
        "The flaw was that x",
        "We overlooked x",
        "This leads to a better x",
    ],
)
def test_every_correction_answers_a_doubt(follow_up: str) -> None:
    with_it = self_critique(f"Let me check. {follow_up}.")
    assert with_it >= 0.25


def test_a_correction_four_sentences_later_is_too_late() -> None:
    assert self_critique("Let me check. A. B. C. The correct value is 5.") == 0.0


def test_at_most_three_corrections_count() -> None:
    assert self_critique("Let me check. The correct value is 5. " * 3) == pytest.approx(0.75)
    assert self_critique("Let me check. The correct value is 5. " * 4) == pytest.approx(0.75)


def test_cues_in_the_second_half_of_four_sentences_earn_a_tenth() -> None:
    assert self_critique("It is 4. It is 5. But no. It is 6.") == pytest.approx(0.14)
    assert self_critique("But no. It is 5. It is 4. It is 6.") == pytest.approx(0.04)
    assert self_critique("It is 4. But no. It is 6.") == pytest.approx(0.04)


def test_the_critic_score_is_clipped() -> None:
    assert self_critique("mistake error incorrect flaw invalid wrong " * 5) == 1.0


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("", 0.0),
        ("In the image there is a cat.", 0.2),
        ("As shown in the image and from the image.", 0.4),
        ("The Diagram", 0.2),
        ("upon closer inspection", 0.3),
        ("Wait, that image", 0.3),
        ("Wait, that\nimage", 0.0),
        ("wait" + "x" * 30 + "image", 0.3),
        ("wait" + "x" * 31 + "image", 0.0),
        ("waitimage", 0.0),
        ("taking another look. I see that it is red.", 0.6),
        ("taking another look. It is red. I see that.", 0.3),
        ("Taking another look. Now it becomes clear. In the image, as shown.", 1.0),
        ("Looking back at the image again.", 0.3),
        ("distribution of figures", 0.3),
        ("the figures", 0.2),
        ("No, the figure", 0.5),
    ],
)
def test_looking_at_the_image_again_is_counted(text: str, score: float) -> None:
    assert image_revisit(text) == pytest.approx(score)


def naive_repetition(text: str) -> float:
    """The counts by back-references, for short texts."""
    text = re.sub(r"\s*([<>/])\s*", r"\1", text)
    sentences = re.split(r"(?<=[.!?])\s+", text)
    words = text.split()
    runs = [tuple(words[n : n + 5]) for n in range(len(words) - 4)]

    def count(pattern: str) -> int:
        return sum(1 for _ in re.finditer(pattern, text, re.IGNORECASE))

    circles = count(r"(.*?)\s+but\s+(?:wait|actually|maybe|perhaps).*?\1")
    circles += count(r"(.*?)\s+so\s+maybe\s+.*?\s+but\s+(?:wait|actually).*?\1")
    image = "but the image (?:displays|illustrates|shows|depicts)"
    for opener in (image, "so maybe", "wait, but", "wait, maybe"):
        circles += count(f"{opener}.*?{opener}")
    maybe = count(r"maybe\s+(.*?)\.\s+but\s+(?:wait|actually).*?maybe\s+\1")
    penalty = min(0.5, 0.1 * (len(sentences) - len(set(sentences))))
    penalty += min(0.3, 0.05 * (len(runs) - len(set(runs))))
    return max(0.0, 1.0 - penalty - min(0.2, 0.1 * circles + 0.2 * maybe))


pieces = st.sampled_from(
    ["So maybe", "But wait", "but actually", "wait, but", "Wait, maybe", "maybe", "a", "b.", "4.",
     "But the image shows", "no", "a b", "But perhaps", "So", "x" * 3]
)  # fmt: skip


@given(st.lists(st.tuples(pieces, st.sampled_from([" ", " ", " ", "\n", "  "])), max_size=14))
@example([("So maybe", "\n"), ("So maybe", " "), ("But wait", " ")])
@settings(deadline=None)
def test_repetition_equals_the_counts_by_back_references(items: list[tuple[str, str]]) -> None:
    text = "".join(piece + gap for piece, gap in items)
    assert repetition(text) == pytest.approx(naive_repetition(text)), repr(text)


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("", 1.0),
        ("It is 4. But wait, no.", 0.9),
        ("It is 4.\nBut wait, no.", 0.9),
        ("But wait, no.", 1.0),
        ("A is 4. A is 4.", 0.9),
        ("A is 4. a is 4.", 1.0),
        ("A is 4. " * 7, 0.2),
        ("one two three four five one two three four five", 0.95),
        ("x wait, but y wait, but z", 0.9),
        ("x wait, but y\nwait, but z", 1.0),
        ("It is maybe 4. But wait, it is maybe 4", 0.8),
    ],
)
def test_repetition_is_penalised(text: str, score: float) -> None:
    assert repetition(text) == pytest.approx(score)


@given(st.text("<>/ \n\tab", max_size=12))
def test_whitespace_next_to_marks_is_deleted_and_other_whitespace_stays(text: str) -> None:
    runs = re.sub(r"(?<=[<>/])\s+", "", text)
    expected = re.sub(r"\s+(?=[<>/])", "", runs)
    assert without_tag_spaces(text) == expected


# -- fast paths -----------------------------------------------------------------------------------

FRAGMENTS = (
    "I was mistaken", "that's not right", "Wait, ", "but ", "Maybe", "so maybe ", "the image shows",
    "The figure ", "let me check", "This is incorrect", "the correct answer is ", "actually, the ",
    "we must", "I missed that", "Now it is clear", "looking at the image again", "double-check",
    "upon closer inspection", "wait. The image", "the error was that ", " ", "  ", "\n", "\t", ". ",
    "! ", "..", "<think>", "</think>", " / ", "A", "_", "\u0130", "\u0131", "\u017f", "\u212a",
    "\u03a3", "\0", "\u00e9", "\u65e5", "\u00a0", "\x1c", "hmm, I'm not sure", "I notice that ",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(FRAGMENTS), max_size=10).map("".join)
PHRASES = (
    *lexicons._STARTERS, *lexicons._FOLLOW_UPS, *lexicons._REFERENCES, *lexicons._RELOOKS,
    *lexicons._INSIGHTS,
)  # fmt: skip


@given(TEXTS)
def test_a_phrase_is_found_where_its_pattern_is_in_any_case(text: str) -> None:
    folded = lexicons.fold(text)
    for phrase in PHRASES:
        wanted = [match.span() for match in re.finditer(phrase.pattern, text, re.IGNORECASE)]
        assert [match.span() for match in phrase.matches(folded)] == wanted
        assert phrase.count(folded) == len(wanted)


@given(TEXTS, st.sampled_from(["but", "maybe", "i was mistaken", "let me check"]))
def test_a_cue_is_a_whole_word_as_for_a_pattern_with_borders(text: str, cue: str) -> None:
    wanted = [match.start() for match in re.finditer(rf"\b{cue}\b", text.lower())]
    assert list(lexicons._whole_words(cue, text.lower())) == wanted


@given(TEXTS)
def test_texts_are_cleaned_and_cut_as_by_the_released_patterns(text: str) -> None:
    spaces = r"(?<=[<>/])\s++|(?<!\s)\s++(?=[<>/])"
    assert lexicons.without_tag_spaces(text) == re.sub(spaces, "", text)
    assert lexicons.sentences_of(text) == re.split(r"(?<=[.!?])\s+", text)
    if text:
        blanks = re.sub(r"\.{2,}", ".", re.sub(r"\s+", " ", text))
        assert lexicons._one_blank(text) == blanks
    low = [letter.lower() if len(letter.lower()) == 1 else letter for letter in text]
    assert _lowered(text) == "".join(low)


@given(st.text("a.!? \n\t\x1c\u2003\u3000\0", max_size=30))
def test_sentences_are_those_of_the_pattern_whatever_the_whitespace(text: str) -> None:
    assert sentences_of(text) == re.split(r"(?<=[.!?])\s+", text)


def test_every_whitespace_ends_a_sentence() -> None:
    every = "".join(map(chr, range(0x110000)))
    assert set(lexicons._SPACES) == set(re.findall(r"\s", every))


WORDS = st.lists(st.sampled_from("abcd"), max_size=120)
SENTENCES = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=9).map(
    lambda words: " ".join(words) + "."
)


@given(WORDS, st.lists(SENTENCES, max_size=4), st.integers(1, 3), st.integers(0, 300))
def test_copies_of_phrases_are_counted_up_to_the_full_penalty(
    head: list[str], sentences: list[str], times: int, other: int
) -> None:
    text = " ".join([*head, "!", *(sentences * times), *map(str, range(other)), *head[:9]])
    words = text.split()
    runs = Counter(zip(*(words[start:] for start in range(5)), strict=False))
    wanted = min(6, sum(runs.values()) - len(runs))
    assert min(6, _phrase_copies(text, _sentence_copies(sentences_of(text)))) == wanted
    assert min(6, _phrase_copies(text, [])) == wanted


@given(st.lists(SENTENCES, max_size=6), st.sampled_from([" ", "\n", " \t"]), st.integers(1, 8))
@settings(deadline=None)
def test_repetition_of_whole_sentences_equals_the_naive_count(
    sentences: list[str], gap: str, times: int
) -> None:
    text = gap.join(sentences * times)[:200]
    assert repetition(text) == pytest.approx(naive_repetition(text))


@given(st.text("abc", max_size=40), st.text("abc", max_size=40))
def test_an_echo_is_the_longest_ending_that_comes_again(before: str, after: str) -> None:
    endings = (before[start:] for start in range(len(before) + 1))
    longest = next(ending for ending in endings if ending in after)
    assert _echo_length(before, after) == after.find(longest) + len(longest)
