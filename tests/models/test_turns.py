from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.models.encode import Encoder
from gnomon.models.policy import Policy
from gnomon.models.turns import renders_by_turn
from gnomon.records import Message

BLOCKS = "{% for block in message.content %}{{ block.text }}{% endfor %}"
ASK = "{% if add_generation_prompt %}assistant: {% endif %}"


def loop(turn: str, before: str = "", after: str = ASK, over: str = "message in messages") -> str:
    return f"{before}{{% for {over} %}}{turn}{{% endfor %}}{after}"


BY_TURN = [
    loop(BLOCKS),
    loop("{% if message.role == 'user' %}U{% elif message['role'] == 'system' %}S{% else %}A"
         "{% endif %}" + BLOCKS),
    loop("{% for messages in message.content %}{{ messages.text }}{% endfor %}"),
]  # fmt: skip
ACROSS = [
    loop("{{ loop.index }}" + BLOCKS),
    loop("{{ messages[0].role }}" + BLOCKS),
    loop("{% for messages in messages %}{{ messages.role }}{% endfor %}"),
    loop(BLOCKS + "{% if not loop.last %}|{% endif %}"),
    loop(BLOCKS + "{% set seen.count = seen.count + 1 %}{{ seen.count }}",
         "{% set seen = namespace(count=0) %}"),
    loop(BLOCKS, "Start. "),
    loop(BLOCKS, after=ASK + "."),
    loop(BLOCKS, after="{% if add_generation_prompt %}{{ messages | length }}{% endif %}"),
    loop(BLOCKS, after="{% if not add_generation_prompt %}end{% endif %}"),
    loop(BLOCKS + "{{ add_generation_prompt }}"),
    loop(BLOCKS, over="message in messages[1:]"),
    loop(BLOCKS, over="message in messages if message.role == 'user'"),
    loop("{{ cycler(1, 2).next() }}" + BLOCKS),
    loop("{% for block in messages[-1].content %}{{ block.text }}{% endfor %}"),
]  # fmt: skip
TALK = st.lists(
    st.tuples(st.sampled_from(["system", "user", "assistant"]), st.text("ab<> \n", max_size=4)),
    min_size=1, max_size=6,
)  # fmt: skip


def with_template(policy: Policy, template: Any) -> Any:
    processor = copy.copy(policy.processor)
    processor.chat_template = template
    return processor


@given(st.sampled_from(["", *BY_TURN, *ACROSS]), TALK)
def test_beginnings_are_what_the_template_makes_of_them(
    tiny_policy: Policy, template: str, talk: list[tuple[Any, str]]
) -> None:
    template = template or tiny_policy.processor.chat_template
    encoder = Encoder(with_template(tiny_policy, template), max_tokens=512)
    messages = [Message("user", "a"), *(Message(*turn) for turn in talk)]
    ends = range(1, len(messages))
    asked, upto = encoder._beginnings(messages, ends)
    for end, before, after in zip(ends, asked, upto, strict=True):
        assert before == encoder._render(messages[:end], generate=True)
        assert after == encoder._render(messages[: end + 1], generate=False).rstrip("\n")


def test_the_template_of_the_small_model_renders_by_turn(tiny_policy: Policy) -> None:
    assert renders_by_turn(tiny_policy.processor)


@pytest.mark.parametrize("template", BY_TURN)
def test_a_template_that_sees_one_message_at_a_time_renders_by_turn(
    tiny_policy: Policy, template: str
) -> None:
    assert renders_by_turn(with_template(tiny_policy, template))


@pytest.mark.parametrize("template", [*ACROSS, BLOCKS, "{% for", None, {"default": BY_TURN[0]}])
def test_a_template_of_which_that_cannot_be_seen_does_not(
    tiny_policy: Policy, template: Any
) -> None:
    assert not renders_by_turn(with_template(tiny_policy, template))


def test_a_processor_with_a_rendering_of_its_own_does_not(tiny_policy: Policy) -> None:
    processor = copy.copy(tiny_policy.processor)

    class Own(type(processor)):  # type: ignore[misc]
        def apply_chat_template(self, *_: Any, **__: Any) -> str:
            return ""

    processor.__class__ = Own
    assert not renders_by_turn(processor)
