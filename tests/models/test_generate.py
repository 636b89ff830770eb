from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gnomon.formats.plain import direct
from gnomon.media.image import png_bytes
from gnomon.models.encode import Encoder
from gnomon.models.generate import context_length, generate, make_request, respond
from gnomon.models.load import ModelError
from gnomon.models.policy import Policy
from gnomon.models.sampler import SamplingSettings
from gnomon.parts import PartError
from gnomon.records import BadRecord, Media


@pytest.fixture(scope="module")
def picture() -> bytes:
    return png_bytes(Image.new("RGB", (56, 56), "red"))


def test_a_text_question_gets_a_response_of_at_most_the_asked_length(tiny_folder: Path) -> None:
    response = generate(tiny_folder, "How many?", max_new_tokens=5)
    assert isinstance(response, str)
    assert "<|im_end|>" not in response


def test_an_image_can_be_given_as_a_file_or_as_bytes(
    tiny_folder: Path, picture: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "picture.png"
    file.write_bytes(picture)
    from_file = generate(str(tiny_folder), "How many?", file, max_new_tokens=5, format="direct")
    from_bytes = generate(str(tiny_folder), "How many?", picture, max_new_tokens=5, format="direct")
    assert from_file == from_bytes


def test_the_same_seed_gives_the_same_sampled_response(tiny_policy: Policy) -> None:
    settings = SamplingSettings(12, temperature=1.0)
    request = make_request("How many?")
    first, again, other = (respond(tiny_policy, request, settings, seed=s) for s in (0, 0, 1))
    assert first == again != other


def test_the_format_reaches_the_model(tiny_policy: Policy) -> None:
    encoder = Encoder(tiny_policy.processor, max_tokens=context_length(tiny_policy))
    shortest = len(encoder.prompt(make_request("7"), direct()))
    settings = SamplingSettings(2)
    longest = make_request("7" * (context_length(tiny_policy) - shortest - 1))
    respond(tiny_policy, longest, settings, format="direct")
    with pytest.raises(BadRecord, match="shorten it"):  # the instruction no longer fits
        respond(tiny_policy, longest, settings, format="think-boxed")


def test_the_image_comes_first_unless_the_question_places_it(picture: bytes) -> None:
    assert make_request("How many?", picture).messages[0].text == "<image>How many?"
    assert make_request("In <image>, how many?", picture).messages[0].text.startswith("In <image>")


def test_a_path_is_kept_as_a_path(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"")
    assert make_request("x", str(file)).media == (Media("image", path=file),)


def test_an_image_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "scan.png").write_bytes(b"")
    with pytest.raises(BadRecord, match=r"no image at .*skan.png: check the path; .*scan.png"):
        make_request("x", tmp_path / "skan.png")


def test_an_image_in_a_folder_that_is_not_there_says_check_the_path(tmp_path: Path) -> None:
    with pytest.raises(BadRecord, match=r"check the path$"):
        make_request("x", tmp_path / "none" / "a.png")


def test_a_folder_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(BadRecord, match="is a folder: name one"):
        make_request("x", tmp_path)


def test_a_place_without_an_image_says_how_to_give_one() -> None:
    with pytest.raises(BadRecord, match="--image"):
        make_request("What is in <image>?")


def test_two_places_for_one_image_are_refused(picture: bytes) -> None:
    with pytest.raises(BadRecord, match="write <image> once"):
        make_request("<image> or <image>?", picture)


def test_an_empty_question_is_refused() -> None:
    with pytest.raises(BadRecord, match="the question is empty"):
        make_request("  \n")


def test_a_damaged_image_is_refused(tiny_policy: Policy, picture: bytes) -> None:
    with pytest.raises(BadRecord, match="truncated"):
        respond(tiny_policy, make_request("x", picture[:60]), SamplingSettings(2))


def test_a_question_longer_than_the_context_is_refused(tiny_policy: Policy) -> None:
    with pytest.raises(BadRecord, match="shorten it"):
        respond(tiny_policy, make_request("7 " * 5000), SamplingSettings(2))


def test_a_response_that_cannot_fit_is_refused(tiny_policy: Policy) -> None:
    with pytest.raises(ModelError, match="ask for fewer"):
        respond(tiny_policy, make_request("x"), SamplingSettings(context_length(tiny_policy)))


@pytest.mark.parametrize("settings", [{"max_new_tokens": 0}, {"temperature": -1.0}])
def test_senseless_settings_are_refused_before_loading(settings: dict[str, float]) -> None:
    with pytest.raises(ModelError, match=next(iter(settings))):
        generate("/nowhere", "x", **settings)  # type: ignore[arg-type]


def test_an_unknown_format_is_refused_before_loading() -> None:
    with pytest.raises(PartError, match="did you mean 'think-boxed'"):
        generate("/nowhere", "x", format="think-boxd")


def test_a_model_that_is_not_there_says_what_to_give() -> None:
    with pytest.raises(ModelError, match=r"give a folder with config.json"):
        generate("./nowhere", "x")


def test_a_sound_can_be_asked_about(
    tiny_hearing_folder: Path, play: Callable[..., Media], tmp_path: Path
) -> None:
    wav = play().data
    assert wav is not None
    (tmp_path / "a.wav").write_bytes(wav)
    asked: dict[str, Any] = {"max_new_tokens": 5, "format": "direct"}
    from_file = generate(tiny_hearing_folder, "How many?", audio=tmp_path / "a.wav", **asked)
    assert from_file == generate(tiny_hearing_folder, "How many?", audio=wav, **asked)
    request = make_request("In <image>, how many?", audio=wav)
    assert [medium.kind for medium in request.media] == ["audio"]


def test_a_sound_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "bell.wav").write_bytes(b"")
    with pytest.raises(BadRecord, match=r"no audio at .*bel.wav: check the path; .*bell.wav"):
        make_request("x", audio=tmp_path / "bel.wav")


def test_an_image_and_a_sound_at_once_are_refused(picture: bytes) -> None:
    with pytest.raises(BadRecord, match="give the one that the model takes"):
        make_request("x", picture, picture)
