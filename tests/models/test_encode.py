from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.formats.plain import direct, think_boxed
from gnomon.media.frames import Video
from gnomon.media.image import png_bytes
from gnomon.media.video import open_video
from gnomon.models import encode
from gnomon.models.encode import Encoded, Encoder
from gnomon.models.percepts import feature_count, rope_positions
from gnomon.models.policy import Policy
from gnomon.records import BadRecord, Media, Message, Sample

Paint = Callable[..., Media]
Film = Callable[..., Media]
IMAGE = 5
GRIDS = st.tuples(st.just(1), st.sampled_from([2, 4, 6, 8]), st.sampled_from([2, 4, 6, 8]))
STRIPS_THOUGHTS = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% for block in message.content %}"
    "{{ block.text if loop.last and loop.length and not (message.role == 'assistant' "
    "and message != messages[-1]) else block.text.split('</think>')[-1] }}"
    "{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def chat(*turns: str, media: tuple[Media, ...] = (), **meta: str) -> Sample:
    roles = ("user", "assistant")
    messages = tuple(Message(roles[i % 2], text) for i, text in enumerate(turns))
    return Sample("s", messages, media, meta=meta)


def with_template(encoder: Encoder, template: str) -> Encoder:
    processor = copy.copy(encoder.processor)
    processor.chat_template = template
    return Encoder(processor, max_tokens=512)


def trained_text(encoder: Encoder, encoded: Encoded) -> str:
    return str(encoder.tokenizer.decode(encoded.token_ids[encoded.train]))


# Positions


def placed(grids: list[tuple[int, int, int]], texts: list[int]) -> list[int]:
    ids = [9] * texts[0]
    for grid, count in zip(grids, texts[1:], strict=True):
        ids += [IMAGE] * feature_count(grid, 2) + [9] * count
    return ids


@given(st.lists(GRIDS, max_size=3), st.data())
def test_positions_are_those_of_transformers(
    tiny_policy: Policy, grids: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    texts = [data.draw(st.integers(1, 6)) for _ in range(len(grids) + 1)]
    ids = placed(grids, texts)
    positions, following = rope_positions(ids, IMAGE, grids, 2)
    ids_1L = torch.tensor([ids])
    expected_31L, delta = tiny_policy.core.model.get_rope_index(
        ids_1L, (ids_1L == IMAGE).int(), torch.tensor(grids) if grids else None
    )
    assert positions.equal(expected_31L[:, 0])
    assert following == len(ids) + int(delta)


def test_positions_of_text_count_up_on_every_axis() -> None:
    positions, following = rope_positions([7, 8, 9], IMAGE, [], 2)
    assert positions.tolist() == [[0, 1, 2]] * 3
    assert following == 3


def test_an_image_spreads_over_height_and_width_and_text_resumes_after_its_larger_side() -> None:
    positions, following = rope_positions([9, *[IMAGE] * 6, 9], IMAGE, [(1, 4, 6)], 2)
    assert positions.tolist() == [
        [0, 1, 1, 1, 1, 1, 1, 4],
        [0, 1, 1, 1, 2, 2, 2, 4],
        [0, 1, 2, 3, 1, 2, 3, 4],
    ]
    assert following == 5


def test_two_images_that_touch_are_told_apart() -> None:
    positions, following = rope_positions([IMAGE] * 5, IMAGE, [(1, 4, 4), (1, 2, 2)], 2)
    assert positions[0].tolist() == [0, 0, 0, 0, 2]
    assert following == 3


def test_no_tokens_have_no_positions() -> None:
    positions, following = rope_positions([], IMAGE, [], 2)
    assert (positions.shape, positions.dtype, following) == ((3, 0), torch.long, 0)


def test_a_placeholder_without_an_image_is_refused() -> None:
    with pytest.raises(BadRecord, match="more image placeholders than images"):
        rope_positions([9, IMAGE], IMAGE, [], 2)


def test_an_image_without_a_placeholder_is_refused() -> None:
    with pytest.raises(BadRecord, match="more images than image placeholders"):
        rope_positions([9], IMAGE, [(1, 2, 2)], 2)


@pytest.mark.parametrize("ids", [[IMAGE, IMAGE, 9, 9], [9, IMAGE, IMAGE, IMAGE]])
def test_an_image_with_too_few_placeholders_is_refused(ids: list[int]) -> None:
    with pytest.raises(BadRecord, match="4 features has fewer placeholders"):
        rope_positions(ids, IMAGE, [(1, 4, 4)], 2)


# Placeholders


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(5, 200), st.integers(5, 200)), min_size=1, max_size=3))
def test_placeholders_equal_features_for_images_of_any_size(
    tiny_encoder: Encoder, tiny_policy: Policy, paint: Paint, sizes: list[tuple[int, int]]
) -> None:
    media = tuple(paint("red", *size) for size in sizes)
    sample = chat("<image> and " * len(media) + "what?", media=media)
    encoded = tiny_encoder.prompt(sample, direct())
    features = sum(feature_count(picture.grid, 2) for picture in encoded.percepts)
    assert int((encoded.token_ids == tiny_encoder.placeholder_id).sum()) == features
    assert encoded.positions.shape == (3, len(encoded))
    assert tiny_policy.features(encoded.percepts[:1]).shape == (
        feature_count(encoded.percepts[0].grid, 2),
        64,
    )


def test_pictures_come_in_the_order_of_their_placeholders(
    tiny_encoder: Encoder, paint: Paint
) -> None:
    media = (paint("blue", 84, 56), paint("red", 56, 112), paint("blue", 84, 56))
    encoded = tiny_encoder.prompt(chat("<image><image> or <image>?", media=media), direct())
    assert [picture.key for picture in encoded.percepts] == [medium.key for medium in media]
    assert [picture.grid for picture in encoded.percepts] == [(1, 4, 6), (1, 8, 4), (1, 4, 6)]


def test_an_encoding_equals_that_of_the_processor(tiny_encoder: Encoder, paint: Paint) -> None:
    sample = chat("<image>What is here?", media=(paint("red", 84, 56),))
    encoded = tiny_encoder.prompt(sample, direct())
    block = [{"type": "image"}, {"type": "text", "text": "What is here?"}]
    text = tiny_encoder.processor.apply_chat_template(
        [{"role": "user", "content": block}], tokenize=False, add_generation_prompt=True
    )
    from gnomon.media.image import open_image

    expected = tiny_encoder.processor(
        images=[open_image(sample.media[0])], text=[text], return_tensors="pt"
    )
    assert encoded.token_ids.equal(expected["input_ids"][0])
    assert encoded.percepts[0].patches_PD.equal(expected["pixel_values"])


def test_two_images_for_one_placeholder_are_refused(paint: Paint) -> None:
    with pytest.raises(BadRecord, match="2 media but 1 <image> placeholders"):
        chat("<image>?", media=(paint(), paint("blue")))


def test_a_template_that_drops_an_image_is_refused(tiny_encoder: Encoder, paint: Paint) -> None:
    template = "{% for m in messages %}{{ m.content[-1].text }}{% endfor %}"
    encoder = with_template(tiny_encoder, template)
    with pytest.raises(BadRecord, match="left 0 placeholders for 1 images"):
        encoder.prompt(chat("<image>?", media=(paint(),)), direct())


def test_an_image_placeholder_in_the_answer_to_render_is_refused(tiny_encoder: Encoder) -> None:
    with pytest.raises(BadRecord, match="left 1 placeholders for 0 images"):
        tiny_encoder.example(chat("x", thought="see <image>", answer_text="1"), think_boxed())


@pytest.mark.parametrize("token", ["<|image_pad|>", "<|im_end|>", "<|vision_start|>"])
def test_reserved_tokens_in_the_text_are_refused(tiny_encoder: Encoder, token: str) -> None:
    with pytest.raises(BadRecord, match="reserved token"):
        tiny_encoder.prompt(chat(f"What does {token} mean?"), direct())
    with pytest.raises(BadRecord, match="reserved token"):
        tiny_encoder.example(chat("x", f"It is {token}."), direct())


def test_a_sample_longer_than_the_context_is_refused_and_one_that_fills_it_is_not(
    tiny_policy: Policy, tiny_encoder: Encoder
) -> None:
    sample = chat("How many circles are red?")
    length = len(tiny_encoder.prompt(sample, direct()))
    assert len(Encoder(tiny_policy.processor, max_tokens=length).prompt(sample, direct())) == length
    with pytest.raises(BadRecord, match=f"{length} tokens long and {length - 1} fit; shorten"):
        Encoder(tiny_policy.processor, max_tokens=length - 1).prompt(sample, direct())


def test_what_the_image_processor_refuses_is_a_bad_record(
    tiny_encoder: Encoder, paint: Paint
) -> None:
    encoder = with_template(tiny_encoder, tiny_encoder.processor.chat_template)
    encoder.processor.image_processor = copy.copy(encoder.processor.image_processor)
    encoder.processor.image_processor.size = {"shortest_edge": 0}
    with pytest.raises(BadRecord, match="the image processor refused"):
        encoder.prompt(chat("<image>?", media=(paint(),)), direct())


def test_an_image_that_comes_again_is_processed_once(tiny_policy: Policy, paint: Paint) -> None:
    encoder = Encoder(tiny_policy.processor, max_tokens=512)
    sample = chat("<image>What?", media=(paint(),))
    first, second = (encoder.prompt(sample, direct()) for _ in range(2))
    assert first.percepts[0] is second.percepts[0]


# Videos


def frames_by_hand(text: str, video: Media) -> Sample:
    """A question with the frames of its video as pictures, each after its time."""
    clip = open_video(video)
    stamps = "".join(f"<{time:.1f} s><image>" for time in clip.times)
    media = tuple(Media("image", data=png_bytes(frame)) for frame in clip.frames)
    return chat(text.replace("<image>", stamps), media=media)


def assert_same(one: Encoded, other: Encoded) -> None:
    assert one.token_ids.equal(other.token_ids)
    assert one.train.equal(other.train)
    assert one.positions.equal(other.positions)
    for mine, theirs in zip(one.percepts, other.percepts, strict=True):
        assert mine.patches_PD.equal(theirs.patches_PD)
        assert mine.grid == theirs.grid


def test_a_video_is_its_frames_each_after_its_time(tiny_encoder: Encoder, film: Film) -> None:
    prompt = tiny_encoder.prompt(chat("<image>What?", media=(film(2),)), direct())
    assert tiny_encoder.tokenizer.decode(prompt.token_ids) == (
        "<|im_start|>user\n<0.0 s><|vision_start|><|image_pad|><|vision_end|>"
        "<0.5 s><|vision_start|><|image_pad|><|vision_end|>What?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert [picture.grid for picture in prompt.percepts] == [(1, 2, 2)] * 2


def test_a_prompt_with_a_video_equals_the_one_with_its_frames(
    tiny_encoder: Encoder, film: Film
) -> None:
    video = film(3, 56)
    prompt = tiny_encoder.prompt(chat("<image>What?", media=(video,)), direct())
    assert_same(prompt, tiny_encoder.prompt(frames_by_hand("<image>What?", video), direct()))


def test_an_example_with_a_video_equals_the_one_with_its_frames(
    tiny_encoder: Encoder, film: Film
) -> None:
    video = film(3)
    shown = frames_by_hand("<image>What?", video)
    turns = (*shown.messages, Message("assistant", "Blue."))
    example = tiny_encoder.example(chat("<image>What?", "Blue.", media=(video,)), direct())
    assert_same(example, tiny_encoder.example(Sample("s", turns, shown.media), direct()))
    assert trained_text(tiny_encoder, example) == "Blue.<|im_end|>"


def test_images_and_videos_stand_in_the_order_of_their_places(
    tiny_encoder: Encoder, paint: Paint, film: Film
) -> None:
    media = (paint("red", 84, 56), film(2), paint("blue", 56, 112))
    prompt = tiny_encoder.prompt(chat("<image>, <image> or <image>?", media=media), direct())
    grids = [(1, 4, 6), (1, 2, 2), (1, 2, 2), (1, 8, 4)]
    assert [picture.grid for picture in prompt.percepts] == grids


def test_as_many_frames_are_shown_as_is_asked_for(tiny_policy: Policy, film: Film) -> None:
    encoder = Encoder(tiny_policy.processor, max_tokens=512, video=Video(frames=2))
    prompt = encoder.prompt(chat("<image>What?", media=(film(8),)), direct())
    assert len(prompt.percepts) == 2
    assert "<2.0 s>" in encoder.tokenizer.decode(prompt.token_ids)


def test_frames_of_a_video_that_comes_again_are_processed_once(
    tiny_encoder: Encoder, film: Film
) -> None:
    sample = chat("<image>What?", media=(film(3),))
    first, second = (tiny_encoder.prompt(sample, direct()) for _ in range(2))
    for one, other in zip(first.percepts, second.percepts, strict=True):
        assert one is other


def test_a_broken_video_is_a_bad_record_with_its_name(
    tiny_encoder: Encoder, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    with pytest.raises(BadRecord, match=r"broken\.mp4.*no video of a known format"):
        tiny_encoder.prompt(chat("<image>?", media=(Media("video", path=broken),)), direct())


def test_other_media_than_images_and_videos_are_refused(tiny_encoder: Encoder) -> None:
    with pytest.raises(BadRecord, match="the record holds audio"):
        tiny_encoder.prompt(chat("<image>?", media=(Media("audio", data=b"x"),)), direct())


def test_processed_images_are_kept_within_a_limit(
    tiny_policy: Policy, paint: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode, "MOST_BYTES", 3 * 4 * 4 * 1176 * 4)
    encoder = Encoder(tiny_policy.processor, max_tokens=512)
    for side in range(40, 56):
        encoder.prompt(chat("<image>?", media=(paint("red", side, side),)), direct())
    assert 0 < encoder._percepts.bytes <= encode.MOST_BYTES


# Instruction, prompt and trained tokens


def test_the_instruction_comes_first_as_system_turn(tiny_encoder: Encoder) -> None:
    style = think_boxed(instruction="Think.")
    text = tiny_encoder.tokenizer.decode(tiny_encoder.prompt(chat("What?"), style).token_ids)
    assert text == (
        "<|im_start|>system\nThink.<|im_end|>\n<|im_start|>user\nWhat?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_nothing_of_a_prompt_is_trained(tiny_encoder: Encoder) -> None:
    assert not tiny_encoder.prompt(chat("a", "b", "c"), direct()).train.any()


def test_exactly_the_tokens_of_the_assistants_turns_are_trained(
    tiny_encoder: Encoder, paint: Paint
) -> None:
    sample = chat("<image>How many?", "There is one.", "Sure?", "Yes.", media=(paint(),))
    encoded = tiny_encoder.example(sample, direct())
    assert trained_text(tiny_encoder, encoded) == "There is one.<|im_end|>Yes.<|im_end|>"
    text = tiny_encoder.tokenizer.decode(encoded.token_ids[~encoded.train])
    assert text.endswith("user\nSure?<|im_end|>\n<|im_start|>assistant\n")


def test_an_example_ends_with_its_end_token(tiny_encoder: Encoder) -> None:
    encoded = tiny_encoder.example(chat("What?", "Blue."), direct())
    assert encoded.token_ids[-1] == tiny_encoder.tokenizer.eos_token_id
    assert encoded.train[-1]


def test_an_example_that_the_assistant_opens_is_refused(tiny_encoder: Encoder) -> None:
    messages = (Message("assistant", "Hello."), Message("user", "Hi."), Message("assistant", "So?"))
    with pytest.raises(BadRecord, match="a user's turn comes first"):
        tiny_encoder.example(Sample("s", messages), direct())


def test_the_answer_is_rendered_when_the_user_has_the_last_word(tiny_encoder: Encoder) -> None:
    sample = chat("How many?", thought="One and two.", answer_text="3")
    encoded = tiny_encoder.example(sample, think_boxed())
    expected = think_boxed().render("One and two.", "3")
    assert trained_text(tiny_encoder, encoded) == f"{expected}<|im_end|>"


@pytest.mark.parametrize("meta", [{}, {"thought": "One."}])
def test_an_example_without_an_answer_is_refused(
    tiny_encoder: Encoder, meta: dict[str, str]
) -> None:
    with pytest.raises(BadRecord, match="neither an assistant turn nor"):
        tiny_encoder.example(chat("How many?", **meta), direct())


@settings(max_examples=60)
@given(st.text(st.sampled_from("aZ1 .\n\té中🙂\u0301"), max_size=12))
def test_the_tokens_before_a_response_are_those_of_its_prompt(
    tiny_encoder: Encoder, response: str
) -> None:
    encoded = tiny_encoder.example(chat("How many?", response), direct())
    prompt = tiny_encoder.prompt(chat("How many?"), direct())
    assert encoded.token_ids[: len(prompt)].equal(prompt.token_ids)
    assert encoded.train.tolist() == [False] * len(prompt) + [True] * (len(encoded) - len(prompt))
    assert trained_text(tiny_encoder, encoded) == f"{response}<|im_end|>"


def test_a_template_that_rewrites_earlier_turns_is_refused(tiny_encoder: Encoder) -> None:
    encoder = with_template(tiny_encoder, STRIPS_THOUGHTS)
    one_turn = chat("a", "<think>b</think>c")
    assert trained_text(encoder, encoder.example(one_turn, direct())) == (
        "<think>b</think>c<|im_end|>"
    )
    with pytest.raises(BadRecord, match="rewrites earlier turns"):
        encoder.example(chat("a", "<think>b</think>c", "d", "<think>e</think>f"), direct())


def test_a_template_whose_prompt_is_no_start_of_the_example_is_refused(
    tiny_encoder: Encoder,
) -> None:
    template = tiny_encoder.processor.chat_template.replace("assistant\n{% endif", "bot\n{% endif")
    with pytest.raises(BadRecord, match="rewrites earlier turns"):
        with_template(tiny_encoder, template).example(chat("a", "b"), direct())


def test_sampled_tokens_continue_positions_and_marks(tiny_encoder: Encoder, paint: Paint) -> None:
    sample = chat("<image>What?", media=(paint("red", 140, 56),))
    prompt = tiny_encoder.prompt(sample, direct())
    longer = prompt.extend([11, 12, 13], [1, 0, 1])
    assert longer.chain() == (prompt, longer)
    assert longer.token_ids.tolist() == [11, 12, 13]
    assert longer.train.tolist() == [True, False, True]
    ids = torch.cat([prompt.token_ids, longer.token_ids]).tolist()
    grids = [picture.grid for picture in prompt.percepts]
    positions, following = rope_positions(ids, tiny_encoder.placeholder_id, grids, 2)
    assert torch.cat([prompt.positions, longer.positions], dim=1).equal(positions)
    assert longer.next_position == following


def test_no_sampled_tokens_are_a_continuation_of_nothing_more(tiny_encoder: Encoder) -> None:
    prompt = tiny_encoder.prompt(chat("What?"), direct())
    none = prompt.extend([], [])
    assert (len(none), none.token_ids.dtype) == (0, torch.long)
    assert (none.train.dtype, none.positions.shape) == (torch.bool, (3, 0))
    assert none.next_position == prompt.next_position


def test_an_encoding_is_the_same_in_another_process(tiny_encoder: Encoder, paint: Paint) -> None:
    sample = chat("<image>How many?", "Two.", media=(paint("red", 84, 56),))
    encoded = tiny_encoder.example(sample, direct())
    other = pickle.loads(pickle.dumps(encoded))
    for name in ("token_ids", "train", "positions"):
        assert getattr(other, name).equal(getattr(encoded, name))
        assert getattr(other, name).dtype == getattr(encoded, name).dtype
    assert other.next_position == encoded.next_position
    (one,), (two,) = encoded.percepts, other.percepts
    assert (one.key, one.grid) == (two.key, two.grid)
    assert one.patches_PD.equal(two.patches_PD)
    two.patches_PD[0, 0] = 0  # the copy can be written to


@settings(max_examples=40)
@given(st.lists(st.sampled_from(["Red.", "", "\n", "A dog?", "é🙂"]), min_size=2, max_size=6))
def test_what_was_encoded_before_changes_nothing(tiny_encoder: Encoder, turns: list[str]) -> None:
    sample = chat(*turns[: len(turns) // 2 * 2])
    new = Encoder(tiny_encoder.processor, max_tokens=512)
    once, again = (new.example(sample, direct()) for _ in range(2))
    assert_same(tiny_encoder.example(sample, direct()), once)
    assert_same(once, again)
