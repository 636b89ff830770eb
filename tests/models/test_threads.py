from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from gnomon.formats.plain import direct
from gnomon.models.encode import Encoder
from gnomon.models.policy import Policy
from gnomon.models.sampler import SamplingSettings, stream
from gnomon.models.threads import SMALL, at_most, threads_for
from gnomon.records import Message, Sample


@pytest.fixture
def two() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two")
def test_small_steps_take_one_thread_and_large_ones_all(tiny_policy: Policy) -> None:
    layer = tiny_policy.core.model.language_model.layers[0]
    weights = sum(parameter.numel() for parameter in layer.parameters())
    most = SMALL // (2 * weights)
    assert [threads_for(tiny_policy, rows) for rows in (1, most, most + 1)] == [1, 1, 2]


@pytest.mark.usefixtures("two")
def test_the_number_of_threads_is_as_before_also_after_an_error() -> None:
    with at_most(1):
        assert torch.get_num_threads() == 1
    with pytest.raises(KeyError), at_most(1):
        raise KeyError
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two")
def test_whoever_reads_a_stream_has_all_threads_between_two_tokens(
    tiny_policy: Policy, tiny_encoder: Encoder
) -> None:
    prompt = tiny_encoder.prompt(Sample("s", (Message("user", "a"),)), direct())
    for _ in stream(tiny_policy, prompt, SamplingSettings(3), torch.Generator()):
        assert torch.get_num_threads() == 2
