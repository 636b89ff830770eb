from __future__ import annotations

import io
import pickle
import re
from collections import Counter
from typing import Any

import pytest
from PIL import Image

from gnomon.parts import PartError, part
from gnomon.records import Message
from gnomon.worlds.microworld import SampleSource, microworld, microworld_chat
from gnomon.worlds.questions import TASKS

ALL = list(TASKS)
TEXT = [name for name in ALL if name != "box"]


def test_the_same_index_gives_the_same_sample_and_bytes() -> None:
    one, other = microworld(tasks=ALL, seed=3), microworld(tasks=ALL, seed=3)
    assert [one[i] for i in (5, 0, 29)] == [other[i] for i in (5, 0, 29)]
    assert microworld_chat(seed=3)[4] == microworld_chat(seed=3)[4]


def test_another_seed_gives_other_samples() -> None:
    assert microworld(tasks=ALL)[0].meta != microworld(tasks=ALL, seed=1)[0].meta


def test_text_and_image_are_twins_of_one_question() -> None:
    shown, told = microworld(tasks=TEXT), microworld(tasks=TEXT, modality="text")
    for index in range(40):
        image, text = shown[index], told[index]
        assert (image.answer, image.meta) == (text.answer, text.meta)
        question = image.messages[0].text.removeprefix("<image>")
        assert text.messages[0].text == f"Scene: {image.meta['scene']}.\n{question}"
        assert not text.media


def test_tasks_come_in_turn() -> None:
    source = microworld(tasks=["count", "colour"])
    assert [source[i].task for i in range(4)] == ["count", "colour", "count", "colour"]


def test_an_image_sample_is_complete() -> None:
    sample = microworld(tasks=["count"], split="test", seed=8, difficulty=(2, 2))[6]
    assert sample.id == "microworld/test/image/count/8-6"
    assert sample.messages[0].text.startswith("<image>")
    assert set(sample.meta) == {
        "difficulty", "scene", "boxes", "thought", "answer_text", "sections", "steps"
    }  # fmt: skip
    assert sample.meta["sections"] == {"description": sample.meta["scene"]}
    assert sample.meta["thought"].startswith(f"{sample.meta['scene']}. ")
    assert (sample.meta["difficulty"], sample.meta["steps"]) == (2, "multi")
    assert sample.media[0].data is not None
    assert Image.open(io.BytesIO(sample.media[0].data)).size == (112, 112)


def test_answers_are_written_into_the_messages_as_asked() -> None:
    asked, direct, worked = (
        microworld(tasks=["colour"], answers=answers)[0] for answers in ("none", "direct", "worked")
    )
    style = part("format", "think-boxed")()
    response = style.render(asked.meta["thought"], asked.meta["answer_text"])
    question = asked.messages[0]
    assert asked.messages == (question,)
    assert direct.messages == (question, Message("assistant", asked.meta["answer_text"]))
    assert worked.messages == (
        Message("system", style.instruction),
        question,
        Message("assistant", response),
    )


def test_hundreds_of_pictures_are_drawn_in_a_row() -> None:
    source = microworld(tasks=ALL, size=300)
    pictures = {source[index].media[0].key for index in range(len(source))}
    assert len(pictures) == 300


def test_a_problem_has_no_scene() -> None:
    sample = microworld(tasks=["arithmetic", "logic"], modality="text")[1]
    assert sample.meta["scene"] == ""
    assert not sample.messages[0].text.startswith("Scene")
    assert sample.meta["steps"] == "multi"


def test_no_scene_is_in_both_splits() -> None:
    def scenes(split: Any) -> set[str]:
        source = microworld(tasks=["caption"], split=split, modality="text", difficulty=(1, 2))
        chat = microworld_chat(split=split, modality="text")
        return {part[i].meta["scene"] for part in (source, chat) for i in range(700)}

    train, test = scenes("train"), scenes("test")
    assert len(train) > 900
    assert not train & test


def test_a_source_ends_after_its_size() -> None:
    source = microworld(tasks=["colour"], size=3)
    assert len(source) == 3
    assert len(list(source)) == 3  # type: ignore[call-overload]
    with pytest.raises(IndexError, match="sample 3 of a source of 3"):
        source[3]
    with pytest.raises(IndexError):
        source[-1]


def test_a_source_travels_to_worker_processes() -> None:
    source = microworld(tasks=["colour"])
    assert pickle.loads(pickle.dumps(source))[2] == source[2]


def test_an_unknown_task_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ValueError, match=r"no task named 'colr'; did you mean 'colour'"):
        microworld(tasks=["colr"])


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"tasks": ["box"], "modality": "text"}, "needs pixels"),
        ({"tasks": ["logic"]}, "has no picture"),
        ({"tasks": []}, "at least one task"),
        ({"tasks": ["count"], "difficulty": (0, 3)}, "holds one object"),
        ({"tasks": ["colour"], "difficulty": (-1, 3)}, "from 0 to 5"),
        ({"tasks": ["count"], "difficulty": (4, 3)}, "low first"),
        ({"tasks": ["count"], "seed": -1}, "0 or more"),
        ({"tasks": ["count"], "rows": 2, "columns": 2}, "fit on 2 x 2 cells"),
    ],
)
def test_impossible_settings_are_refused_before_anything_is_drawn(
    settings: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        microworld(**settings)


@pytest.mark.parametrize("settings", [{"turns": 0}, {"describe": 1.1}, {"share_multi": -0.1}])
def test_impossible_conversations_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(PartError, match="shares from 0 to 1"):
        microworld_chat(**settings)


@pytest.mark.parametrize(
    ("words", "reason"), [(-1, "use 0 or more"), (8, "9 words do not fit on 4 x 4 cells")]
)
def test_words_that_no_scene_can_hold_are_refused(words: int, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        microworld_chat(words=words)


def test_words_that_are_asked_for_stand_in_every_scene() -> None:
    for number, most in ((0, 1), (4, 5), (7, 8)):
        found = {sample.meta["scene"].count(" word ") for sample in chats(words=number)}
        assert found == set(range(number, most + 1))


def test_a_conversation_needs_room_for_its_scenes() -> None:
    with pytest.raises(ValueError, match="1 words do not fit on 1 x 1 cells"):
        microworld_chat(rows=1, columns=1)
    assert max(sample.meta["scene"].count(";") for sample in chats(rows=2, columns=2)) <= 3


def test_a_conversation_asks_only_the_chosen_tasks() -> None:
    told = chats(tasks=["colour", "locate"], describe=0.0, share_multi=0.0)
    assert {task for sample in told for task in sample.meta["tasks"]} <= {
        "colour",
        "locate",
        "caption",
    }
    with pytest.raises(PartError, match="no scene to talk about"):
        microworld_chat(tasks=["logic"])


def chats(**settings: Any) -> list[Any]:
    source: SampleSource = microworld_chat(**settings)
    return [source[index] for index in range(300)]


def test_turns_alternate_and_end_with_the_assistant() -> None:
    for sample in chats(turns=4):
        roles = [message.role for message in sample.messages]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert 1 <= len(roles) // 2 <= 4
        assert len(sample.meta["tasks"]) == len(roles) // 2


def test_worked_answers_think_before_the_direct_ones_and_do_not_describe_the_scene() -> None:
    asked = {"tasks": ["count", "relation"], "describe": 0.0, "share_multi": 0.0}
    plain, worked = chats(**asked), chats(**asked, answers="worked")
    for direct, thinking in zip(plain, worked, strict=True):
        system, *turns = (message.text for message in thinking.messages)
        assert "<think>" in system
        assert turns[::2] == [message.text for message in direct.messages[::2]]
        for answer, response in zip(direct.messages[1::2], turns[1::2], strict=True):
            assert response.endswith(f"</think> \\boxed{{{answer.text}}}")
            if "caption" not in thinking.meta["tasks"]:
                assert f"<think> {direct.meta['scene']}." not in response


def test_the_picture_stands_in_the_first_turn_only() -> None:
    for sample in chats():
        assert sample.messages[0].text.startswith("<image>")
        assert not any("<image>" in message.text for message in sample.messages[1:])


def test_a_description_is_the_written_scene_and_comes_at_its_rate() -> None:
    samples = chats(describe=0.5)
    described = 0
    for sample in samples:
        texts = [message.text for message in sample.messages]
        for place, text in enumerate(texts):
            if text.endswith("Describe the scene."):
                described += 1
                assert texts[place + 1] == sample.meta["scene"]
    assert 110 < described < 190


def test_a_single_turn_of_pure_description_is_possible() -> None:
    assert {sample.meta["tasks"] for sample in chats(turns=1, describe=1.0)} == {("caption",)}


def test_the_share_of_multi_step_questions_is_kept() -> None:
    tasks = [task for sample in chats(share_multi=0.1) for task in sample.meta["tasks"]]
    asked = Counter(TASKS[task].steps for task in tasks if task != "caption")
    assert 0.05 < asked["multi"] / asked.total() < 0.2
    assert all(
        TASKS[task].steps == "single"
        for sample in chats(share_multi=0.0)
        for task in sample.meta["tasks"]
    )


def test_a_quarter_or_more_of_the_scenes_hold_one_object() -> None:
    single = sum(";" not in sample.meta["scene"] for sample in chats())
    assert 60 < single < 120


def test_no_question_is_asked_twice() -> None:
    for sample in chats():
        asked = [re.sub("^<image>", "", m.text) for m in sample.messages if m.role == "user"]
        assert len(set(asked)) == len(asked)


def test_mixed_conversations_show_seven_of_ten_as_images() -> None:
    samples = chats(modality="mixed")
    images = sum(sample.meta["modality"] == "image" for sample in samples)
    assert 180 < images < 240
    for sample in samples:
        assert len(sample.media) == (sample.meta["modality"] == "image")
        assert sample.media or "box" not in sample.meta["tasks"]
        assert sample.media or sample.messages[0].text.startswith("Scene: ")


def test_a_demonstration_stands_beside_the_question_and_not_in_its_messages() -> None:
    plain = microworld(tasks=["count"])[3]
    shown = microworld(tasks=["count"], answers="demonstrated", format="think-answer")[3]
    assert shown.messages == plain.messages
    response = shown.meta["demonstration"]
    assert response.startswith("<think>")
    assert f"<answer>{shown.meta['answer_text']}</answer>" in response.replace(" ", "")
    assert "demonstration" not in plain.meta


def test_a_sample_tells_the_boxes_of_its_objects() -> None:
    sample = microworld(tasks=["count"])[3]
    assert len(sample.meta["boxes"]) == len(sample.meta["scene"].split("; "))
    assert all(x1 < x2 and y1 < y2 for x1, y1, x2, y2 in sample.meta["boxes"])


def test_a_problem_without_a_scene_has_no_boxes() -> None:
    assert microworld(tasks=["arithmetic"], modality="text")[0].meta["boxes"] == ()
