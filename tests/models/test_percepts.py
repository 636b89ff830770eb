from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnomon.formats.plain import direct
from gnomon.media.audio import RATE, open_audio, write_wav
from gnomon.models.encode import Encoder
from gnomon.models.family import FAMILIES, family_of_processor
from gnomon.models.percepts import Picture, Sound, line_positions, read_picture, read_sound
from gnomon.models.policy import Policy
from gnomon.parts import part
from gnomon.records import BadRecord, Media, Message, Sample
from gnomon.rl.backend import BackendError
from gnomon.rl.masking import corrupted
from gnomon.rl.vllm import request

Play = Callable[..., Media]
Paint = Callable[..., Media]
WINDOW = 4 * RATE
"""Samples that the tiny model hears."""


def ask(*media: Media) -> Sample:
    return Sample("s", (Message("user", "<image>" * len(media) + "What?"),), media)


def noise(samples: int) -> Media:
    wave_T = np.random.default_rng(samples).uniform(-0.3, 0.3, samples)
    return Media("audio", data=write_wav(wave_T))


# Sounds


@given(samples=st.integers(641, WINDOW))
def test_a_sound_has_as_many_placeholders_as_transformers_counts(
    tiny_hearing: Policy, samples: int
) -> None:
    sound = read_sound(tiny_hearing.processor, noise(samples), None)
    tower = tiny_hearing.core.model.audio_tower
    places, features = tower._get_feat_extract_output_lengths(sound.heard)
    assert (sound.places, sound.features) == (places, features)
    assert features >= 1


@given(samples=st.sampled_from([641, 961, 12_000, 12_001, WINDOW - 321, WINDOW - 320, WINDOW]))
def test_the_spectrogram_is_that_of_the_whole_window(tiny_hearing: Policy, samples: int) -> None:
    medium = noise(samples)
    sound = read_sound(tiny_hearing.processor, medium, None)
    extractor = tiny_hearing.processor.feature_extractor
    whole = extractor(
        open_audio(medium), sampling_rate=RATE, return_attention_mask=True, return_tensors="pt"
    )
    assert sound.heard == int(whole["attention_mask"].sum())
    expected_BT = whole["input_features"][0]
    assert sound.frames_BT.shape[1] == min(2 * sound.places + 1, expected_BT.shape[1])
    torch.testing.assert_close(
        sound.frames_BT, expected_BT[:, : sound.frames_BT.shape[1]], atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("samples", [1921, 4000, WINDOW - 1, WINDOW])
def test_a_sound_of_any_length_has_the_features_of_transformers(
    tiny_hearing: Policy, samples: int
) -> None:
    # A sound of one placeholder goes another way in transformers, which takes it for one that its
    # processor has not expanded.
    medium, processor = noise(samples), tiny_hearing.processor
    batch = processor(
        text=["<|AUDIO|>"], audio=[open_audio(medium)], return_tensors="pt", sampling_rate=RATE
    )
    with torch.no_grad():
        ours = tiny_hearing.features([read_sound(processor, medium, None)])
        mask = batch["feature_attention_mask"]
        states = tiny_hearing.core.model(**batch, output_hidden_states=True).hidden_states[0][0]
    assert len(ours) == int((batch["input_ids"] == tiny_hearing.placeholder_id).sum())
    assert int(mask.sum()) == -(-samples // 320)
    torch.testing.assert_close(ours, states[: len(ours)], atol=1e-5, rtol=1e-4)


def test_a_second_of_sound_of_a_real_model_has_25_tokens() -> None:
    assert Sound("", torch.zeros(0), 100).features == 25
    assert Sound("", torch.zeros(0), 3000).features == 750


@pytest.mark.parametrize(
    ("samples", "reason"),
    [(WINDOW + 1, r"lasts 4\.0 s and the model hears 4 s; cut it"),
     (640, r"lasts 40 ms and the model hears nothing of less than 40 ms; drop it")],
)  # fmt: skip
def test_a_sound_that_does_not_fit_is_a_bad_record(
    tiny_hearing: Policy, samples: int, reason: str
) -> None:
    with pytest.raises(BadRecord, match=reason):
        read_sound(tiny_hearing.processor, noise(samples), None)


def test_a_damaged_sound_is_a_bad_record(tiny_hearing: Policy) -> None:
    encoder = Encoder(tiny_hearing.processor, max_tokens=99)
    with pytest.raises(BadRecord, match="no sound of a known format"):
        encoder.prompt(ask(Media("audio", data=b"RIFFnothing")), direct())


def test_positions_of_sounds_and_text_are_one_line() -> None:
    sound = Sound("", torch.zeros(0), 11)
    positions, following = line_positions([5, 9, 9, 9, 6], 9, [sound])
    assert positions.tolist() == [[0, 1, 2, 3, 4]]
    assert following == 5


@pytest.mark.parametrize("ids", [[9, 9], [9] * 4, []])
def test_placeholders_that_are_not_features_are_refused(ids: list[int]) -> None:
    with pytest.raises(BadRecord, match=rf"3 features have {len(ids)} placeholders"):
        line_positions(ids, 9, [Sound("", torch.zeros(0), 11)])


# Travel


@pytest.mark.parametrize(
    "percept",
    [
        Picture("p", torch.ones(8, 3), (1, 4, 2), 2),
        Sound("s", torch.arange(12.0).view(3, 4), 4),
    ],
)
def test_a_percept_travels_between_processes_whole(percept: Picture | Sound) -> None:
    other = pickle.loads(pickle.dumps(percept))
    assert (other.identity, other.features, other.size) == (
        percept.identity, percept.features, percept.size,
    )  # fmt: skip


# What a model does not take


def test_a_model_that_sees_refuses_a_sound(tiny_encoder: Encoder, play: Play) -> None:
    with pytest.raises(
        BadRecord, match="this model reads images and videos, the record holds audio"
    ):
        tiny_encoder.prompt(ask(play()), direct())


def test_a_model_that_hears_refuses_an_image(tiny_hearing: Policy, paint: Paint) -> None:
    encoder = Encoder(tiny_hearing.processor, max_tokens=99)
    with pytest.raises(BadRecord, match="this model reads sounds, the record holds image"):
        encoder.prompt(ask(paint()), direct())


def test_corruptions_are_of_images(tiny_hearing: Policy) -> None:
    with pytest.raises(ValueError, match="hide patches of images, and this model takes audio"):
        corrupted(
            tiny_hearing, part("corruption", "random-patches"), [], [], torch.Generator(), None
        )


def test_vllm_is_given_images_alone(tiny_hearing: Policy, play: Play) -> None:
    prompt = Encoder(tiny_hearing.processor, max_tokens=99).prompt(ask(play()), direct())
    with pytest.raises(BackendError, match="given images here, and this model takes audio"):
        request(tiny_hearing, ask(play()), prompt)


def test_a_path_of_a_sound_cannot_leave_the_root(tiny_hearing: Policy, tmp_path: Path) -> None:
    encoder = Encoder(tiny_hearing.processor, max_tokens=99, root=tmp_path)
    with pytest.raises(BadRecord):
        encoder.prompt(ask(Media("audio", path=tmp_path / ".." / "a.wav")), direct())


# Families


def test_a_processor_tells_what_its_model_takes(tiny_policy: Policy, tiny_hearing: Policy) -> None:
    assert family_of_processor(tiny_policy.processor) is tiny_policy.family
    assert family_of_processor(tiny_hearing.processor) is tiny_hearing.family
    assert (tiny_policy.family.medium, tiny_hearing.family.medium) == ("image", "audio")


def test_a_processor_of_text_alone_is_refused(tiny_policy: Policy) -> None:
    with pytest.raises(ValueError, match="has no image_processor or feature_extractor"):
        family_of_processor(tiny_policy.processor.tokenizer)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_parts_of_a_family_hold_every_parameter(
    name: str, tiny_policy: Policy, tiny_hearing: Policy
) -> None:
    [policy] = [p for p in (tiny_policy, tiny_hearing) if p.core.config.model_type == name]
    prefixes = tuple(p for each in FAMILIES[name].parts.values() for p in each)
    assert all(key.startswith(prefixes) for key, _ in policy.core.named_parameters())
    assert len(policy.tower) == len(FAMILIES[name].tower)


def test_a_picture_knows_how_many_patches_are_a_feature(tiny_policy: Policy, paint: Paint) -> None:
    picture = read_picture(tiny_policy.processor, paint("red", 84, 56), None)
    assert (picture.features, picture.size, picture.merge_size) == (6, 24, 2)
