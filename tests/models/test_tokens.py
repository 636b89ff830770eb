from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.models.policy import Policy
from gnomon.models.tokens import token_runs

PIECES = st.sampled_from(
    [
        "<|im_start|>",
        "<|im_end|>",
        "<|image_pad|>",
        "user\n",
        " ",
        "a",
        "Red",
        "12",
        "é",
        "中",
        "🙂",
    ]
)
TEXTS = st.lists(st.lists(PIECES | st.text(max_size=5), max_size=8).map("".join), max_size=5)


def by_tokenizer(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    return [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]


@given(TEXTS)
def test_tokens_are_those_of_the_tokenizer(tiny_policy: Policy, texts: list[str]) -> None:
    tokenizer = tiny_policy.processor.tokenizer
    assert token_runs(tokenizer, texts) == by_tokenizer(tokenizer, texts)


def cut(tokenizer: Any) -> None:
    tokenizer(["a b c"], truncation=True, max_length=1)


def fill(tokenizer: Any) -> None:
    tokenizer(["a", "a b c"], padding=True)


def split(tokenizer: Any) -> None:
    tokenizer.split_special_tokens = True


def split_once(tokenizer: Any) -> None:
    tokenizer(["<|im_end|>"], split_special_tokens=True)


@pytest.mark.parametrize("before", [cut, fill, split, split_once])
def test_what_was_asked_before_changes_no_tokens(
    tiny_policy: Policy, before: Callable[[Any], None]
) -> None:
    mine, other = (copy.deepcopy(tiny_policy.processor.tokenizer) for _ in range(2))
    texts = ["a b c<|im_end|>", "a"]
    before(mine)
    before(other)
    assert token_runs(mine, texts) == by_tokenizer(other, texts)
    assert token_runs(mine, texts) == by_tokenizer(other, texts)


def test_a_tokenizer_that_encodes_in_its_own_way_is_asked_itself(tiny_policy: Policy) -> None:
    tokenizer = copy.deepcopy(tiny_policy.processor.tokenizer)

    class Lower(type(tokenizer)):  # type: ignore[misc]
        def _encode_plus(self, text: Any, **settings: Any) -> Any:
            return super()._encode_plus([one.lower() for one in text], **settings)

    tokenizer.__class__ = Lower
    assert token_runs(tokenizer, ["ABC", ""]) == token_runs(
        tiny_policy.processor.tokenizer, ["abc", ""]
    )
