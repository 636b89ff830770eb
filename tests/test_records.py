from __future__ import annotations

import hashlib
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from gnomon.records import (
    BadRecord,
    Graded,
    Group,
    Media,
    Message,
    Outcome,
    Rollout,
    Sample,
    Verdict,
)

QUESTION = (Message("user", "<image>How many circles?"),)
PICTURE = Media("image", data=b"png")


def rollout(**changes: object) -> Rollout:
    values = {"token_ids": (5, 6), "logp": (-0.1, -0.2), "text": "2", "stop": "end"}
    return Rollout(**{**values, **changes})


def graded(outcome: Outcome) -> Graded:
    return Graded(rollout(), Verdict(outcome, float(outcome is Outcome.CORRECT)))


# -- media ----------------------------------------------------------------------------------------


def test_a_medium_without_path_and_bytes_is_a_bad_record() -> None:
    with pytest.raises(BadRecord, match="either a path or bytes"):
        Media("image")


def test_a_medium_with_both_path_and_bytes_is_a_bad_record() -> None:
    with pytest.raises(BadRecord, match="either a path or bytes"):
        Media("image", path=Path("a.png"), data=b"png")


def test_equal_bytes_have_one_key_wherever_they_come_from() -> None:
    assert PICTURE.key == Media("image", data=b"png").key == hashlib.sha256(b"png").hexdigest()
    assert PICTURE.key != Media("image", data=b"other").key


def test_the_key_of_a_file_is_its_path() -> None:
    assert Media("image", path=Path("scenes/1.png")).key == "scenes/1.png"


def test_the_bytes_of_a_medium_stay_out_of_messages() -> None:
    assert "pngpng" not in repr(Media("image", data=b"png" * 1000))


# -- samples --------------------------------------------------------------------------------------


def test_a_sample_has_one_medium_for_each_placeholder() -> None:
    assert Sample("s1", QUESTION, (PICTURE,)).media == (PICTURE,)


@pytest.mark.parametrize("media", [(), (PICTURE, PICTURE)])
def test_a_sample_with_another_number_of_media_names_itself_and_both_numbers(
    media: tuple[Media, ...],
) -> None:
    message = rf"sample s1: {len(media)} media but 1 <image> placeholders"
    with pytest.raises(BadRecord, match=message):
        Sample("s1", QUESTION, media)


def test_placeholders_count_over_all_turns() -> None:
    turns = (*QUESTION, Message("assistant", "2"), Message("user", "And here? <image>"))
    assert len(Sample("s1", turns, (PICTURE, PICTURE)).media) == 2


def test_records_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Sample("s1", (Message("user", "2 + 2?"),)).id = "s2"  # type: ignore[misc]


# -- verdicts -------------------------------------------------------------------------------------


def test_only_the_outcome_correct_is_correct() -> None:
    assert [outcome for outcome in Outcome if Verdict(outcome, 1.0).correct] == [Outcome.CORRECT]


def test_failures_of_the_grader_and_of_the_reference_are_not_graded() -> None:
    ungraded = {outcome for outcome in Outcome if not Verdict(outcome, 0.0).graded}
    assert ungraded == {Outcome.TIMEOUT, Outcome.CRASH, Outcome.UNPARSEABLE_REFERENCE}


# -- rollouts and groups --------------------------------------------------------------------------


def test_every_token_of_a_rollout_trains_unless_it_says_otherwise() -> None:
    assert rollout().train == (1, 1)
    assert rollout(train=(1, 0)).train == (1, 0)


def test_an_empty_rollout_is_allowed() -> None:
    assert rollout(token_ids=(), logp=()).train == ()


@pytest.mark.parametrize("changes", [{"logp": (-0.1,)}, {"train": (1,)}, {"token_ids": (1, 2, 3)}])
def test_a_rollout_has_a_log_probability_and_a_mask_value_for_each_token(
    changes: dict[str, object],
) -> None:
    with pytest.raises(ValueError, match="one log-probability and one mask value per token"):
        rollout(**changes)


def test_the_accuracy_of_a_group_is_its_share_of_right_answers() -> None:
    outcomes = (Outcome.CORRECT, Outcome.WRONG, Outcome.NO_ANSWER, Outcome.CORRECT)
    group = Group(Sample("s1", QUESTION, (PICTURE,)), tuple(map(graded, outcomes)))
    assert group.accuracy == 0.5
