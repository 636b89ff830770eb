"""Answers are derived again from scene and text, by a reader that shares no code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gnomon.parts import PartError
from gnomon.worlds.asking import CONDITIONS, OBJECTS, Condition, Task
from gnomon.worlds.questions import (
    TASKS,
    check_task,
    draw_question,
    multi_step_tasks,
    single_step_tasks,
    steps_of,
)
from gnomon.worlds.render import boxes
from gnomon.worlds.scene import Scene, Wish, draw_scene

Row = dict[str, Any]
PER_TASK = 120


def parse(written: str) -> list[Row]:
    rows: list[Row] = []
    for part in written.split("; ") if written != "empty" else []:
        cell, *words = part.split()
        row: Row = {"cell": cell, "x": ord(cell[0]), "y": int(cell[1:]), "name": " ".join(words)}
        if words[0] in ("digit", "word"):
            row |= {"sort": words[0], "value": words[1]}
        else:
            row |= dict(zip(("size", "colour", "kind"), words, strict=True)) | {"sort": "shape"}
            row["name"] = f"{words[1]} {words[2]}"
        rows.append(row)
    return rows


def at(rows: list[Row], text: str) -> Row:
    (cell,) = re.findall(r"\b[a-d][1-4]\b", text)
    (row,) = [row for row in rows if row["cell"] == cell]
    return row


def named(rows: list[Row], name: str) -> Row:
    (row,) = [row for row in rows if row["name"] == name]
    return row


def count_of(rows: list[Row], phrase: str) -> int:
    body, _, tail = phrase.partition(" that are not ")
    words = [word for word in body.split() if word != "or"]
    kind = words.pop().rstrip("s")
    found = [row for row in rows if row["sort"] == "shape"]
    if kind != "shape":
        found = [row for row in found if row["kind"] == kind]
    if words and words[0] in ("small", "large"):
        size = words.pop(0)
        found = [row for row in found if row["size"] == size]
    if words:
        found = [row for row in found if row["colour"] in words]
    return len([row for row in found if not tail or row["kind"] != tail.rstrip("s")])


def digits(rows: list[Row]) -> list[int]:
    return [int(row["value"]) for row in rows if row["sort"] == "digit"]


def one_or_at(rows: list[Row], text: str, sort: str) -> Row:
    if " at " in text:
        return at(rows, text)
    kind = text.rstrip("?").split()[-1]
    (row,) = [row for row in rows if row["sort"] == sort and (kind in ("shown", row.get("kind")))]
    return row


def count_truth(rows: list[Row], text: str) -> int:
    match = re.fullmatch(
        r"(?:How many (.+) are there\?|Count the (.+)\.|What is the number of (.+)\?)", text
    )
    assert match
    return count_of(rows, next(group for group in match.groups() if group))


def place_truth(rows: list[Row], text: str) -> int:
    match = re.search(r"the number of (.+)[.?]$", text)
    assert match
    return int(at(rows, text)["value"]) + count_of(rows, match.group(1))


def compare_truth(rows: list[Row], text: str) -> str:
    match = re.fullmatch(r"Are there more (.+) than (.+)\?|Do the (.+) outnumber the (.+)\?", text)
    assert match
    one, other = [group for group in match.groups() if group]
    return "yes" if count_of(rows, one) > count_of(rows, other) else "no"


def relation_truth(rows: list[Row], text: str) -> str:
    match = re.search(
        r"[Tt]he (\w+ \w+) (?:is )?(left of|right of|above|below) the (\w+ \w+)", text
    )
    assert match
    one, other = named(rows, match.group(1)), named(rows, match.group(3))
    truth = {
        "left of": one["x"] < other["x"],
        "right of": one["x"] > other["x"],
        "above": one["y"] < other["y"],
        "below": one["y"] > other["y"],
    }
    axis = "x" if match.group(2) in ("left of", "right of") else "y"
    assert one[axis] != other[axis]
    return "yes" if truth[match.group(2)] else "no"


def extreme_truth(rows: list[Row], text: str) -> str:
    match = re.fullmatch(r"\w+ (\w+) is the (\w+)most (\w+)(?: shape)?\?", text)
    assert match
    wanted, side, key = match.groups()
    field = "kind" if wanted == "colour" else "colour"
    axis, sign = {"left": ("x", 1), "right": ("x", -1), "top": ("y", 1), "bottom": ("y", -1)}[side]
    group = [row for row in rows if row.get(field) == key]
    group.sort(key=lambda row: sign * row[axis])
    assert group[0][axis] != group[1][axis]
    return str(group[0]["colour" if wanted == "colour" else "kind"])


def locate_truth(rows: list[Row], text: str) -> str:
    match = re.search(r"the (\w+ \w+)[?.]$", text)
    assert match
    return str(named(rows, match.group(1))["cell"])


TRUTH: dict[str, Callable[[list[Row], str], Any]] = {
    "read-digit": lambda rows, text: one_or_at(rows, text, "digit")["value"],
    "read-word": lambda rows, text: one_or_at(rows, text, "word")["value"],
    "colour": lambda rows, text: one_or_at(rows, text, "shape")["colour"],
    "shape": lambda rows, text: at(rows, text)["kind"],
    "size": lambda rows, text: at(rows, text)["size"],
    "locate": locate_truth,
    "count": count_truth,
    "digit-sum": lambda rows, _: sum(digits(rows)),
    "digit-difference": lambda rows, _: max(digits(rows)) - min(digits(rows)),
    "digit-place": place_truth,
    "compare": compare_truth,
    "relation": relation_truth,
    "extreme": extreme_truth,
}


def drawn(task: str, count: int = PER_TASK) -> list[tuple[Scene, Any]]:
    return [
        draw_question(task, np.random.default_rng([77, seed]), seed % 5 + 1)
        for seed in range(count)
    ]


@pytest.mark.parametrize("task", TRUTH)
def test_the_answer_follows_from_the_written_scene(task: str) -> None:
    for scene, question in drawn(task):
        truth = TRUTH[task](parse(scene.written), question.text)
        assert question.answer_text == str(truth), (scene.written, question.text)


@pytest.mark.parametrize("task", TASKS)
def test_the_typed_answer_and_its_text_agree(task: str) -> None:
    for _, question in drawn(task, 40):
        value = question.answer.value
        plain = {
            "yes-no": lambda value: "yes" if value else "no",
            "box": lambda value: str(list(value)).replace(" ", ""),
        }.get(question.answer.kind, str)(value)
        assert question.answer_text == plain


@pytest.mark.parametrize("task", TASKS)
def test_a_thought_begins_with_the_written_scene(task: str) -> None:
    for scene, question in drawn(task, 40):
        assert question.thought.startswith(scene.written + ".")
        assert question.task == task


@pytest.mark.parametrize("task", sorted(set(TRUTH) - {"compare", "relation", "locate"}))
def test_a_thought_concludes_with_the_answer(task: str) -> None:
    for _, question in drawn(task):
        conclusion = re.split(r"[ =.]+", question.thought.rstrip("."))
        assert question.answer_text in conclusion[-3:]


@pytest.mark.parametrize("task", sorted(TASKS))
def test_every_sum_in_a_thought_is_right(task: str) -> None:
    for _, question in drawn(task):
        for one, sign, other, result in re.findall(r"(\d+)([+-])(\d+)=(\d+)", question.thought):
            assert int(one) + (int(other) if sign == "+" else -int(other)) == int(result)


@pytest.mark.parametrize("task", ["count", "compare", "digit-place"])
def test_a_thought_counts_one_by_one_over_the_right_cells(task: str) -> None:
    for scene, question in drawn(task):
        reasoning = question.thought.removeprefix(scene.written)
        tallies = re.findall(r"([a-z ]+): ([^.]*)\. total (\d+)\.", reasoning)
        assert tallies
        for label, steps, total in tallies:
            label = label.strip()
            kind = label.split()[-1]
            body, _, excluded = label.partition("not ")
            tail = f"shapes that are not {excluded}s" if excluded else ""
            plural = (
                f"{label}s" if kind in "circle square triangle star shape" else f"{label} shapes"
            )
            assert count_of(parse(scene.written), body + tail if excluded else plural) == int(total)
            numbers = (
                [int(step.split()[1]) for step in steps.split(", ")] if steps != "none" else []
            )
            assert numbers == list(range(1, int(total) + 1))


def test_a_comparison_thought_compares_its_totals() -> None:
    for _, question in drawn("compare"):
        one, sign, other = question.thought.rstrip(".").split(". ")[-1].split()
        assert {"<": int(one) < int(other), "=": one == other, ">": int(one) > int(other)}[sign]
        assert (sign == ">") == question.answer.value


def test_a_relation_thought_states_what_is_true() -> None:
    order = {"left of": -1, "above": -1, "right of": 1, "below": 1}
    for _, question in drawn("relation"):
        match = re.search(r"(\w) is (left of|right of|above|below) (\w)\.$", question.thought)
        assert match
        one, word, other = match.groups()
        assert (one > other) - (one < other) == order[word]
        assert (f" {word} " in question.text) == question.answer.value


def test_the_box_is_the_box_of_the_object_named() -> None:
    for scene, question in drawn("box"):
        cell = locate_truth(parse(scene.written), question.text)
        (box,) = [b for b, o in zip(boxes(scene), scene.objects, strict=True) if o.cell == cell]
        assert question.answer.value == box


def test_a_caption_is_the_written_scene() -> None:
    for scene, question in drawn("caption", 20):
        assert question.answer_text == scene.written


@pytest.mark.parametrize("task", ["compare", "relation"])
def test_yes_and_no_are_about_equally_common(task: str) -> None:
    counts = Counter(question.answer_text for _, question in drawn(task, 1000))
    assert 430 < counts["yes"] < 570


def test_zero_occurs_but_rarely_and_no_count_dominates() -> None:
    counts = Counter(question.answer.value for _, question in drawn("count", 1000))
    assert 20 < counts[0] < 150
    assert max(counts.values()) < 500
    assert len(counts) >= 6


@pytest.mark.parametrize("task", TASKS)
def test_difficulty_raises_the_number_of_objects(task: str) -> None:
    def mean(level: int) -> float:
        totals = [
            TASKS[task].wish(np.random.default_rng([level, seed]), level).total
            for seed in range(20)
        ]
        return sum(totals) / len(totals)

    means = [mean(level) for level in range(1, 6)]
    assert means == sorted(means)
    assert means == list(OBJECTS[1:])


def test_conditions_of_every_difficulty_have_phrases_of_their_own() -> None:
    phrases = [condition.plural for level in CONDITIONS for condition in level]
    labels = [condition.label for level in CONDITIONS for condition in level]
    assert len(set(phrases)) == len(phrases)
    assert len(set(labels)) == len(labels)


def test_a_condition_reads_as_english() -> None:
    condition = Condition(colours=("red", "blue"), size="large", excluded="circle")
    assert condition.plural == "large red or blue shapes that are not circles"
    assert condition.label == "large red or blue not circle"


@pytest.mark.parametrize("task", sorted(set(TASKS) - {"caption", "count"}))
def test_an_empty_scene_admits_no_question(task: str) -> None:
    assert TASKS[task].ask(Scene(4, 4, ()), np.random.default_rng(0), 1) is None


def test_an_empty_scene_counts_to_zero() -> None:
    question = TASKS["count"].ask(Scene(4, 4, ()), np.random.default_rng(0), 1)
    assert question is not None
    assert question.answer_text == "0"
    assert question.thought.startswith("empty. ")


def test_a_question_that_no_scene_admits_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    never = Task("never", "single", TASKS["shape"].wish, lambda *_: None)
    monkeypatch.setitem(TASKS, "never", never)
    with pytest.raises(ValueError, match="no 4 x 4 scene of difficulty 1 admits 'never'"):
        draw_question("never", np.random.default_rng(0), 1)


def test_with_two_words_the_question_names_the_cell() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        question = TASKS["read-word"].ask(draw_scene(rng, Wish(words=2)), rng, 1)
        assert question is not None
        assert " at " in question.text


def test_every_task_is_single_or_multi_step() -> None:
    assert sorted(single_step_tasks() + multi_step_tasks()) == sorted(TASKS)
    assert steps_of("count") == "multi"
    assert steps_of("colour") == "single"
    assert steps_of("logic") == "multi"


def test_a_misspelled_task_gets_the_nearest_name() -> None:
    with pytest.raises(PartError, match="did you mean 'digit-sum'"):
        check_task("digits-sum")
