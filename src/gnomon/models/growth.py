"""A larger model that computes what a smaller one does, to go on training from there.

Net2Net (arXiv 1511.05641) and bert2BERT (arXiv 2110.07143), for Qwen2.5-VL: new decoder layers add
nothing yet, key and value heads are repeated, new channels of the vision tower hold nothing yet,
and new tokens begin as the mean of the old ones that they replace.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gnomon.models.load import load_policy
from gnomon.models.micro import make_model, make_processor, train_tokenizer, worlds_text
from gnomon.parts import register

SILENT = ("self_attn.o_proj.weight", "mlp.down_proj.weight")
"""What a decoder layer writes into the residual stream with: zero, and it adds nothing."""
WRITING = ("patch_embed.proj.", ".attn.proj.", ".mlp.down_proj.", "merger.mlp.2.")
"""What a vision tower writes with: zero where it is new. All else that is new only reads."""
PARTS = {".attn.qkv.": (3, 1), "merger.mlp.0.weight": (1, 4)}
"""Equal parts that the rows and columns of a weight consist of: queries, keys and values; the four
patches of a feature."""


@register("architecture")
def grown(
    seed: int,
    *,
    base: str,
    vocabulary: int = 1024,
    texts: int = 12000,
    layers: int = 6,
    key_value_heads: int = 6,
    vision_hidden: int = 192,
) -> tuple[Any, Any]:
    """The model in the folder ``base``, larger and with the words of all worlds, and its processor.

    The tokenizer is trained anew on ``texts`` samples of the worlds' training text, for at most
    ``vocabulary`` tokens. Text whose tokens are the same under both tokenizers gives the same
    logits as before. ``seed`` draws what new channels of the vision tower are read with; with the
    old number of them nothing is drawn.
    Source: ours, after arXiv 1511.05641.

    Raises ValueError when there are fewer layers than before, or when the heads cannot be repeated
    evenly.
    """
    old = load_policy(base)
    tokenizer = train_tokenizer(worlds_text(texts), vocabulary=vocabulary)
    model = grow(
        old.core,
        layers=layers,
        key_value_heads=key_value_heads,
        vision_hidden=vision_hidden,
        tokenizer=tokenizer,
        seed=seed,
    )
    pieces = old_pieces(old.processor.tokenizer, tokenizer)
    rows = old.core.get_input_embeddings().weight.detach()
    with torch.no_grad():
        model.get_input_embeddings().weight.copy_(torch.stack([rows[p].mean(0) for p in pieces]))
    return model, make_processor(tokenizer)


def old_pieces(old: Any, new: Any) -> list[list[int]]:
    """For each token of the tokenizer ``new``, the tokens of ``old`` that write the same text.

    Bytes that are no text alone, and special tokens, go by their names.
    """
    known = old.get_vocab()
    pieces = []
    for number in range(len(new)):
        name = new.convert_ids_to_tokens(number)
        if name in known:
            pieces.append([known[name]])
        else:
            # The names of byte-level tokens are their bytes, one character each.
            pieces.append(old.convert_tokens_to_ids(_merged(old, name)))
    return pieces


def _merged(tokenizer: Any, name: str) -> list[str]:
    """The token names that the merges of a tokenizer leave of the bytes in ``name``."""
    return [token.value for token in tokenizer.backend_tokenizer.model.tokenize(name)]


def grow(
    model: Any, *, layers: int, key_value_heads: int, vision_hidden: int, tokenizer: Any, seed: int
) -> Any:
    """A Qwen2.5-VL of ``layers`` decoder layers that computes what ``model`` does.

    New layers follow the old ones evenly and are copies of them that write nothing. Each key and
    value head is repeated for the query heads that it served. The vision tower is ``vision_hidden``
    wide, see `widen`. The embeddings of the new ``tokenizer`` are random.
    """
    text, vision = model.config.get_text_config(), model.config.vision_config
    if layers < text.num_hidden_layers:
        raise ValueError(f"layers={layers}: the model has {text.num_hidden_layers}; use more")
    if key_value_heads % text.num_key_value_heads or text.num_attention_heads % key_value_heads:
        raise ValueError(
            f"key_value_heads={key_value_heads}: use a multiple of {text.num_key_value_heads} that "
            f"divides the {text.num_attention_heads} query heads"
        )
    if vision_hidden < vision.hidden_size:
        raise ValueError(
            f"vision_hidden={vision_hidden}: the tower is {vision.hidden_size} wide; use no less"
        )
    made = make_model(
        tokenizer,
        seed=seed,
        text={
            "hidden_size": text.hidden_size,
            "num_hidden_layers": layers,
            "num_attention_heads": text.num_attention_heads,
            "num_key_value_heads": key_value_heads,
            "intermediate_size": text.intermediate_size,
        },
        vision={"hidden_size": vision_hidden, "depth": vision.depth},
    )
    widen(model.model.visual, made.model.visual, torch.Generator().manual_seed(seed))
    old, new = model.model.language_model, made.model.language_model
    new.norm.load_state_dict(old.norm.state_dict())
    repeats = key_value_heads // text.num_key_value_heads
    places = [number * text.num_hidden_layers // layers for number in range(layers)]
    for number, place in enumerate(places):
        repeated = number > 0 and places[number - 1] == place
        state = _layer(old.layers[place], repeats, text.num_key_value_heads)
        if repeated:
            state |= {name: torch.zeros_like(state[name]) for name in SILENT}
        new.layers[number].load_state_dict(state)
    return made


def widen(old: Any, new: Any, generator: torch.Generator) -> None:
    """Make ``new``, a wider vision tower, compute what ``old`` does.

    New channels of the residual stream hold nothing: what writes into them is zero, so that they
    begin to hold something with the first update, because what reads them is drawn at random
    (variance 1 / inputs). Norms divide by the mean over all channels, which empty ones lower:
    their weights make up for it. New heads and hidden units write nothing yet.
    """
    known = old.state_dict()
    share = old.merger.ln_q.weight.numel() / new.merger.ln_q.weight.numel()
    with torch.no_grad():
        for name, target in new.named_parameters():
            value = known[name]
            if target.shape == value.shape:
                target.copy_(value)
                continue
            if ".norm" in name or "ln_q" in name:
                target[: len(value)] = value * share**0.5
                continue
            if name.endswith("bias") or any(part in name for part in WRITING):
                target.zero_()
            else:
                spread = (target.numel() / len(target)) ** -0.5
                target.normal_(0, spread, generator=generator)
            _corner(target, value, *_parts(name))


def _parts(name: str) -> tuple[int, int]:
    """Into how many equal parts the rows and the columns of a weight fall."""
    return next((parts for key, parts in PARTS.items() if key in name), (1, 1))


def _corner(target: Tensor, value: Tensor, rows: int, columns: int) -> None:
    """Put ``value`` at the beginning of each part of ``target``."""
    wide = target.view(rows, len(target) // rows, columns, -1)
    narrow = value.reshape(rows, len(value) // rows, columns, -1)
    wide[:, : narrow.shape[1], :, : narrow.shape[3]] = narrow


def _layer(layer: nn.Module, repeats: int, heads: int) -> dict[str, Tensor]:
    """The state of a decoder layer whose key and value heads are repeated ``repeats`` times."""
    state: Mapping[str, Tensor] = layer.state_dict()
    return {
        name: _repeated(value, repeats, heads)
        if ".k_proj." in name or ".v_proj." in name
        else value
        for name, value in state.items()
    }


def _repeated(value: Tensor, repeats: int, heads: int) -> Tensor:
    by_head = value.reshape(heads, -1, *value.shape[1:])
    return by_head.repeat_interleave(repeats, dim=0).reshape(-1, *value.shape[1:])
