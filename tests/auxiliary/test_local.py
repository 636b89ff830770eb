from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from gnomon.auxiliary.local import LocalReader, encode_request
from gnomon.auxiliary.reader import ReaderError, Request, ask
from gnomon.models.encode import Encoder
from gnomon.models.policy import Policy
from gnomon.models.sampler import SamplingSettings
from gnomon.parts import part
from gnomon.records import BadRecord, Media

QUESTIONS = [ask(text) for text in ("How many circles are red?", "user", "3")]


def reader(policy: Policy, **settings: float) -> LocalReader:
    chosen = SamplingSettings(8, 0.0)
    return LocalReader(policy, dataclasses.replace(chosen, **settings))  # type: ignore[arg-type]


def test_a_batch_gets_the_replies_that_each_request_gets_alone(tiny_policy: Policy) -> None:
    alone = [reader(tiny_policy)([question])[0] for question in QUESTIONS]
    assert reader(tiny_policy)(QUESTIONS) == alone


def test_the_same_requests_are_sampled_alike(tiny_policy: Policy) -> None:
    one, other = (reader(tiny_policy, temperature=1.0)(QUESTIONS) for _ in range(2))
    assert one == other


def test_no_gradient_and_no_change_of_mode(fresh_policy: Policy) -> None:
    fresh_policy.model.train()
    reader(fresh_policy)(QUESTIONS[:1])
    assert fresh_policy.model.training
    assert all(parameter.grad is None for parameter in fresh_policy.core.parameters())


def test_what_cannot_be_encoded_is_none_in_its_place_and_counted(tiny_policy: Policy) -> None:
    made = reader(tiny_policy)
    long = ask("red " * 5000)
    broken = ask("<image>?", media=[Media("image", data=b"no image")])
    replies = made(
        [QUESTIONS[0], long, ask("a <|im_end|> b"), broken, ask("<image>"), QUESTIONS[1]]
    )
    assert [reply is None for reply in replies] == [False, True, True, True, True, False]
    assert (made.counts.asked, made.counts.failed) == (6, 4)
    assert 0 < made.counts.reply_tokens <= 16


def test_a_prefix_is_gone_on_with(tiny_encoder: Encoder, paint: Callable[..., Media]) -> None:
    asked = Request(ask("<image>Is it red?").messages, (paint(),))
    plain = encode_request(tiny_encoder, asked)
    prefix = "<think>t</think><answer>"
    longer = encode_request(tiny_encoder, dataclasses.replace(asked, prefix=prefix))
    assert longer.before is not None
    assert longer.before.token_ids.equal(plain.token_ids)
    added = longer.token_ids.tolist()
    assert tiny_encoder.tokenizer.decode(added) == prefix
    assert longer.next_position == plain.next_position + len(added)


def test_a_prefix_with_a_reserved_token_is_refused(tiny_encoder: Encoder) -> None:
    with pytest.raises(BadRecord, match="reserved"):
        encode_request(tiny_encoder, ask("?", prefix="<|im_end|>"))


def test_the_policy_reads_with_the_weights_of_the_moment(fresh_policy: Policy) -> None:
    made = part("reader", "policy", max_new_tokens=8).supply(
        {"policy": fresh_policy, "parent": "", "root": None}
    )
    before = made(QUESTIONS)
    for parameter in fresh_policy.core.parameters():
        parameter.data.mul_(-1.0)
    assert made(QUESTIONS) != before


@pytest.mark.parametrize("name", ["frozen", "local"])
def test_a_frozen_copy_and_a_local_model_keep_their_weights(
    name: str, fresh_policy: Policy, tiny_folder: Path
) -> None:
    settings = {"path": str(tiny_folder)} if name == "local" else {}
    known = {"policy": fresh_policy, "parent": str(tiny_folder), "root": None}
    made = part("reader", name, max_new_tokens=8, **settings).supply(known)
    before = made(QUESTIONS)
    for parameter in fresh_policy.core.parameters():
        parameter.data.mul_(-1.0)
    assert made(QUESTIONS) == before
    assert not any(parameter.requires_grad for parameter in made.policy.core.parameters())


def test_a_reader_needs_room_for_a_reply(tiny_policy: Policy) -> None:
    with pytest.raises(ReaderError, match="max_new_tokens"):
        part("reader", "policy", max_new_tokens=0).supply({"policy": tiny_policy, "root": None})


def test_nobody_gives_no_reply(tiny_policy: Policy) -> None:
    made = part("reader", "none").supply({"policy": tiny_policy, "parent": "", "root": None})
    assert made(QUESTIONS) == [None] * len(QUESTIONS)
    assert made([]) == []
