from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from gnomon.formats.plain import direct
from gnomon.models.cache import GridCache
from gnomon.models.encode import Encoded, Encoder
from gnomon.models.fused import fuse, rotary_table, turn, weight_of, writer
from gnomon.models.load import add_lora
from gnomon.models.logprobs import score_tokens
from gnomon.models.pointwise import rotate
from gnomon.models.policy import Policy
from gnomon.models.prefixes import prefill
from gnomon.models.sampler import SamplingSettings, sample
from gnomon.records import Media, Message, Sample

Paint = Callable[..., Media]
LORA = r".*(self_attn|mlp)\.(q|k|v|o|gate|up|down)_proj"


@pytest.fixture
def prompts(tiny_encoder: Encoder, paint: Paint) -> list[Encoded]:
    """Left-padded to one length in one batch: two image sizes, several images, text alone."""
    red, blue = paint("red", 84, 56), paint("blue", 56, 112)

    def asking(text: str, *media: Media) -> Encoded:
        message = Message("user", "<image>" * len(media) + text)
        return tiny_encoder.prompt(Sample("s", (message,), media), direct())

    return [asking("What?", red), asking("Which of the two?", blue, red), asking("How many?")]


def steps(policy: Policy, prompts: Sequence[Encoded], plain: bool) -> Tensor:
    """Logits [steps, N, V] of three tokens of two rows a prompt."""
    with torch.no_grad():
        logits_BV, prefix = prefill(policy, prompts)
        cache = GridCache(prefix, 2, 8)
        write = writer(policy, 400)
        tokens_N = logits_BV.argmax(-1).repeat_interleave(2)
        start_N = torch.tensor([p.next_position for p in prompts]).repeat_interleave(2)
        found = []
        for number in range(3):
            cache.open_step(number)
            embeds = policy.core.get_input_embeddings()(tokens_N)
            position_N = start_N + number
            if plain:
                hidden = policy.forward(
                    embeds, position_N.expand(policy.family.axes, -1), cache.attend
                )
                found.append(policy.logits(hidden))
            else:
                found.append(write(embeds, position_N, cache.attend))
            cache.close_step()
            tokens_N = (tokens_N + 7 + torch.arange(len(tokens_N))) % 100
    return torch.stack(found)


def test_fused_steps_have_the_logits_of_the_modules(
    tiny_policy: Policy, prompts: list[Encoded]
) -> None:
    assert fuse(tiny_policy.core.model.language_model.layers[0], torch.float32) is not None
    torch.testing.assert_close(
        steps(tiny_policy, prompts, plain=False), steps(tiny_policy, prompts, plain=True),
        atol=1e-4, rtol=1e-5,
    )  # fmt: skip


def test_adapters_are_added_in_and_leave_the_weights_alone(
    fresh_policy: Policy, prompts: list[Encoded]
) -> None:
    policy = add_lora(fresh_policy, rank=4, alpha=8, targets=LORA, seed=0)
    with torch.no_grad():
        for name, parameter in policy.core.named_parameters():
            if "lora_B" in name:
                parameter.normal_(generator=torch.Generator().manual_seed(len(name)))
    before = {name: value.clone() for name, value in policy.core.state_dict().items()}
    assert fuse(policy.core.model.language_model.layers[0], torch.float32) is not None
    torch.testing.assert_close(
        steps(policy, prompts, plain=False), steps(policy, prompts, plain=True),
        atol=1e-3, rtol=1e-4,
    )  # fmt: skip
    assert all(value.equal(before[name]) for name, value in policy.core.state_dict().items())


def test_adapters_in_bfloat16_are_run_beside_their_weights(fresh_policy: Policy) -> None:
    policy = add_lora(fresh_policy, rank=4, alpha=8, targets=LORA, seed=0)
    layer = policy.core.model.language_model.layers[0]
    assert weight_of(layer.self_attn.q_proj, torch.bfloat16) is None
    assert fuse(layer, torch.bfloat16) is None


def test_mixed_precision_writes_as_the_modules_do(
    fresh_policy: Policy, prompts: list[Encoded]
) -> None:
    fresh_policy.mixed_precision = True
    fused, plain = (steps(fresh_policy, prompts, plain=one) for one in (False, True))
    exact = steps_in_float32(fresh_policy, prompts)
    assert (fused - plain).abs().max() < (plain - exact).abs().max()
    assert fused.dtype == torch.float32


def steps_in_float32(policy: Policy, prompts: Sequence[Encoded]) -> Tensor:
    policy.mixed_precision = False
    try:
        return steps(policy, prompts, plain=True)
    finally:
        policy.mixed_precision = True


@pytest.mark.parametrize("place", ["self_attn.q_proj", "mlp", "input_layernorm", "mlp.act_fn"])
def test_a_module_that_a_hook_looks_into_is_called(fresh_policy: Policy, place: str) -> None:
    layer = fresh_policy.core.model.language_model.layers[1]
    layer.get_submodule(place).register_forward_hook(lambda *_: None)
    assert fuse(layer, torch.float32) is None


def test_a_hook_in_a_layer_sees_every_step(fresh_policy: Policy, prompts: list[Encoded]) -> None:
    seen: list[int] = []
    layer = fresh_policy.core.model.language_model.layers[1]
    layer.mlp.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    sample(fresh_policy, prompts, 2, SamplingSettings(3), torch.Generator().manual_seed(0))
    assert seen[1:] == [6, 6]


def test_weights_that_have_changed_are_used_in_the_next_rollout(
    fresh_policy: Policy, prompts: list[Encoded]
) -> None:
    settings = SamplingSettings(4, temperature=0)

    def write() -> tuple[float, ...]:
        ((rollout,), *_) = sample(fresh_policy, prompts, 1, settings, torch.Generator())
        row = prompts[0].extend(rollout.token_ids, rollout.train)
        with torch.no_grad():
            scored = score_tokens(fresh_policy, fresh_policy.batch([row])).logp
        assert rollout.logp == pytest.approx(scored.tolist(), abs=1e-4)
        return rollout.logp

    before = write()
    with torch.no_grad():
        fresh_policy.core.model.language_model.layers[0].mlp.down_proj.weight.mul_(2.0)
    assert write() != before


def test_the_table_turns_as_the_decoder_does(tiny_policy: Policy) -> None:
    decoder = tiny_policy.core.model.language_model
    x_NAD = torch.randn(5, 3, decoder.layers[0].self_attn.head_dim)
    positions_N = torch.tensor([0, 3, 4, 60, 99])
    cos, sin = decoder.rotary_emb(x_NAD, positions_N.expand(tiny_policy.family.axes, 1, -1))
    table = (x.index_select(0, positions_N)[:, None] for x in rotary_table(tiny_policy, 100))
    expected = rotate(x_NAD, cos[0][:, None], sin[0][:, None])
    torch.testing.assert_close(turn(x_NAD, *table), expected, atol=1e-6, rtol=1e-6)
