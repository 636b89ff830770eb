from __future__ import annotations

import pytest

from gnomon.models.load import load_policy, quiet_transformers
from gnomon.models.micro import make_model, make_processor, save_micro, train_tokenizer


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """A random Qwen2.5-VL of one layer, as an ordinary folder."""
    tokenizer = train_tokenizer(["What is the answer? yes no 1 2 3"] * 2, vocabulary=300)
    text = {
        "hidden_size": 64,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
    }
    model = make_model(tokenizer, seed=0, text=text, vision={"hidden_size": 32, "depth": 1})
    folder = tmp_path_factory.mktemp("tiny")
    with quiet_transformers():
        save_micro(folder, model, make_processor(tokenizer))
    return folder


@pytest.fixture(scope="session")
def tiny_policy(tiny_folder):
    return load_policy(str(tiny_folder))
