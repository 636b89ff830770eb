from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.models.growth import grow, grown, old_pieces
from gnomon.models.load import load_policy, quiet_transformers
from gnomon.models.micro import save_micro
from gnomon.models.percepts import Picture
from gnomon.models.policy import Policy
from gnomon.models.tower import see
from gnomon.parts import find, part


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a new model of four layers; few texts, because only the tokenizer reads them."""
    folder = tmp_path_factory.mktemp("base")
    model, processor = part("architecture", "gnomon-micro", texts=300)(0)
    with quiet_transformers():
        save_micro(folder, model, processor)
    return str(folder)


@pytest.fixture(scope="module")
def old(base: str) -> Policy:
    return load_policy(base)


@pytest.fixture(scope="module")
def made(base: str) -> tuple[Any, Any]:
    return grown(0, base=base, vocabulary=700, texts=300)


def settings_of(policy: Policy) -> dict[str, Any]:
    """The model as it is."""
    return {
        "layers": 4, "key_value_heads": 2, "vision_hidden": 96, "seed": 0,
        "tokenizer": policy.processor.tokenizer,
    }  # fmt: skip


def ids_of(tokenizer: Any, text: str) -> torch.Tensor:
    return torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]])


@pytest.mark.parametrize(("layers", "heads"), [(4, 2), (4, 6), (6, 2), (7, 6)])
def test_a_grown_model_computes_what_the_small_one_does(
    old: Policy, layers: int, heads: int
) -> None:
    tokenizer = old.processor.tokenizer
    model = grow(
        old.core,
        layers=layers,
        key_value_heads=heads,
        vision_hidden=96,
        tokenizer=tokenizer,
        seed=0,
    )
    model.get_input_embeddings().load_state_dict(old.core.get_input_embeddings().state_dict())
    ids = ids_of(tokenizer, "Where is the red circle? It is at b3.")
    with torch.no_grad():
        torch.testing.assert_close(model(input_ids=ids).logits, old.core(input_ids=ids).logits)


@pytest.mark.parametrize("width", [96, 128, 192])
def test_a_wider_tower_sees_what_the_narrow_one_does(old: Policy, width: int) -> None:
    model = grow(old.core, **settings_of(old) | {"vision_hidden": width})
    pictures = [
        Picture(str(grid), torch.randn(grid[1] * grid[2], 1176), grid)
        for grid in ((1, 8, 8), (1, 10, 12))
    ]
    with torch.no_grad():
        one = see(old.core.model.visual, pictures, old.device)
        other = see(model.model.visual, pictures, old.device)
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_new_channels_of_a_tower_learn_from_the_first_update_on(made: tuple[Any, Any]) -> None:
    tower = made[0].model.visual
    picture = Picture("one", torch.randn(64, 1176), (1, 8, 8))
    see(tower, [picture], torch.device("cpu")).square().mean().backward()
    new = tower.patch_embed.proj.weight[96:]
    assert new.eq(0).all() and tower.patch_embed.proj.weight.grad[96:].ne(0).any(dim=1).all()


def test_text_that_is_cut_as_before_gives_the_same_logits(
    old: Policy, made: tuple[Any, Any]
) -> None:
    model, processor = made
    text = "Where is the red circle?"
    before, after = old.processor.tokenizer, processor.tokenizer
    assert before.tokenize(text) == after.tokenize(text)
    shared = [name for name in after.get_vocab() if name in before.get_vocab()]
    with torch.no_grad():
        one = old.core(input_ids=ids_of(before, text)).logits[
            ..., before.convert_tokens_to_ids(shared)
        ]
        other = model(input_ids=ids_of(after, text)).logits[
            ..., after.convert_tokens_to_ids(shared)
        ]
    torch.testing.assert_close(one, other)


def test_a_grown_model_goes_on_learning_in_its_new_layers(made: tuple[Any, Any]) -> None:
    model, processor = made
    model.zero_grad()
    ids = ids_of(processor.tokenizer, "Where is the red circle?")
    model(input_ids=ids, labels=ids).loss.backward()
    new = model.model.language_model.layers[1]
    assert new.self_attn.o_proj.weight.eq(0).all() and new.mlp.down_proj.weight.eq(0).all()
    assert new.self_attn.o_proj.weight.grad.any() and new.mlp.down_proj.weight.grad.any()


def test_the_same_settings_give_the_same_weights(base: str, made: tuple[Any, Any]) -> None:
    again, _ = grown(0, base=base, vocabulary=700, texts=300)
    assert all(
        value.equal(made[0].state_dict()[name]) for name, value in again.state_dict().items()
    )


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_new_token_begins_as_old_ones_that_write_the_same(
    old: Policy, made: tuple[Any, Any], data: st.DataObject
) -> None:
    before, after = old.processor.tokenizer, made[1].tokenizer
    number = data.draw(st.integers(0, len(after) - 1))
    pieces = old_pieces(before, after)[number]
    assert "".join(before.convert_ids_to_tokens(pieces)) == after.convert_ids_to_tokens(number)
    rows = old.core.get_input_embeddings().weight.detach()
    torch.testing.assert_close(
        made[0].get_input_embeddings().weight[number].detach(), rows[pieces].mean(0)
    )


def test_growth_that_would_shrink_or_split_heads_is_refused(old: Policy) -> None:
    with pytest.raises(ValueError, match="layers=3: the model has 4; use more"):
        grow(old.core, **settings_of(old) | {"layers": 3})
    with pytest.raises(ValueError, match="key_value_heads=4: use a multiple of 2"):
        grow(old.core, **settings_of(old) | {"key_value_heads": 4})
    with pytest.raises(ValueError, match="vision_hidden=64: the tower is 96 wide; use no less"):
        grow(old.core, **settings_of(old) | {"vision_hidden": 64})


def test_growth_is_an_architecture_by_name() -> None:
    assert find("architecture", "grown").function is grown
