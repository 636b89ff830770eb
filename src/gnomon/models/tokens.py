"""Token ids of texts, past the checks of transformers' tokenizers where these change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

ENCODING = ("__call__", "_encode_plus")
"""What a class of tokenizers changes when it encodes in a way of its own."""


def token_runs(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """The token ids of each text as ``tokenizer`` gives them, without special tokens around it.

    A tokenizer that is its Rust backend and no more is asked there, text by text: a batch would
    wake threads, which takes longer than a few short texts do.
    """
    if _is_its_backend(tokenizer):
        encode = tokenizer.backend_tokenizer.encode
        return [encode(text, add_special_tokens=False).ids for text in texts]
    coded = tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False)
    runs: list[list[int]] = coded["input_ids"]
    return runs


def _is_its_backend(tokenizer: Any) -> bool:
    if not _encodes_by_backend(tokenizer):
        return False
    backend = tokenizer.backend_tokenizer
    # What an earlier call has left in the backend, which the tokenizer sets anew in each call.
    return (
        backend.padding is None
        and backend.truncation is None
        and backend.encode_special_tokens == tokenizer.split_special_tokens
    )


def _encodes_by_backend(tokenizer: Any) -> bool:
    from transformers import PreTrainedTokenizerFast

    return isinstance(tokenizer, PreTrainedTokenizerFast) and all(
        getattr(type(tokenizer), name) is getattr(PreTrainedTokenizerFast, name, None)
        for name in ENCODING
    )
