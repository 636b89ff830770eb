from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch

from gnomon.formats.plain import direct
from gnomon.models.encode import Encoder
from gnomon.models.policy import Policy
from gnomon.parts import part
from gnomon.records import Media, Message, Sample
from gnomon.rl.masking import corrupted


def test_images_are_drawn_one_after_the_other_and_text_stays(
    tiny_policy: Policy, tiny_encoder: Encoder, paint: Callable[..., Media]
) -> None:
    samples = [
        Sample("a", (Message("user", "<image><image>?"),), media=(paint("red"), paint("blue"))),
        Sample("b", (Message("user", "?"),)),
        Sample("c", (Message("user", "<image>?"),), media=(paint("red"),)),
    ]
    prompts = [tiny_encoder.prompt(sample, direct()) for sample in samples]
    generator = torch.Generator().manual_seed(1)
    found = corrupted(
        tiny_policy, part("corruption", "random-patches"), samples, prompts, generator, None
    )
    keys = [[picture.key for picture in prompt.percepts] for prompt in found]
    assert [len(each) for each in keys] == [2, 0, 1]
    assert keys[0][0] != keys[2][0]  # one image, two draws
    assert found[1] is prompts[1] or found[1].percepts == ()
    assert all(one.token_ids is other.token_ids for one, other in zip(found, prompts, strict=True))


def test_boxes_are_hidden_at_the_size_of_the_stored_image(
    tiny_policy: Policy, tiny_encoder: Encoder, paint: Callable[..., Media]
) -> None:
    box = (0, 0, 28, 28)
    asked = Sample(
        "a", (Message("user", "<image>?"),), media=(paint("red", 56, 56),), meta={"boxes": [box]}
    )
    prompt = tiny_encoder.prompt(asked, direct())
    [hidden] = corrupted(
        tiny_policy,
        part("corruption", "semantic-blocks"),
        [asked],
        [prompt],
        torch.Generator(),
        None,
    )
    changed = (hidden.percepts[0].patches_PD != prompt.percepts[0].patches_PD).any(1)
    assert changed.float().mean() == 0.25


def test_every_frame_of_a_video_is_drawn_for_itself(
    tiny_policy: Policy, tiny_encoder: Encoder, film: Callable[..., Media]
) -> None:
    asked = Sample("a", (Message("user", "<image>?"),), media=(film(3, 56),))
    prompt = tiny_encoder.prompt(asked, direct())
    corruption = part("corruption", "semantic-blocks")
    boxed = dataclasses.replace(asked, meta={"boxes": [(0, 0, 28, 28)]})
    [hidden] = corrupted(tiny_policy, corruption, [boxed], [prompt], torch.Generator(), None)
    for before, after in zip(prompt.percepts, hidden.percepts, strict=True):
        assert (after.patches_PD != before.patches_PD).any(1).float().mean() == 0.25
