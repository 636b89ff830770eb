from __future__ import annotations

from typing import Any

import pytest


def make_tiny_config(**text: Any) -> Any:
    from transformers import Qwen2_5_VLConfig

    sizes = {
        "vocab_size": 512,
        "hidden_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "intermediate_size": 160,
        "max_position_embeddings": 2048,
        "bos_token_id": None,
        "eos_token_id": 1,
        "pad_token_id": 0,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10_000.0,
            "mrope_section": [2, 3, 3],
        },
    }
    return Qwen2_5_VLConfig(
        text_config=sizes | text,
        vision_config={
            "depth": 3,
            "hidden_size": 64,
            "num_heads": 2,
            "intermediate_size": 96,
            "out_hidden_size": 96,
            "fullatt_block_indexes": [0, 1, 2],
        },
        image_token_id=5,
        video_token_id=6,
        vision_start_token_id=7,
        vision_end_token_id=8,
        tie_word_embeddings=True,
    )


@pytest.fixture(scope="session")
def tiny_config() -> Any:
    return make_tiny_config()


@pytest.fixture
def tiny_model(tiny_config: Any) -> Any:
    import torch
    from transformers import Qwen2_5_VLForConditionalGeneration

    torch.manual_seed(0)
    return Qwen2_5_VLForConditionalGeneration(tiny_config)


@pytest.fixture(scope="session")
def hearing_config() -> Any:
    from transformers import Qwen2AudioConfig

    text = {
        "model_type": "qwen2", "vocab_size": 512, "hidden_size": 96, "num_hidden_layers": 3,
        "num_attention_heads": 6, "num_key_value_heads": 2, "intermediate_size": 160,
        "max_position_embeddings": 2048, "bos_token_id": None, "eos_token_id": 1, "pad_token_id": 0,
    }  # fmt: skip
    audio = {
        "model_type": "qwen2_audio_encoder", "num_mel_bins": 32, "d_model": 64,
        "encoder_layers": 3, "encoder_attention_heads": 2, "encoder_ffn_dim": 160,
        "max_source_positions": 400,
    }  # fmt: skip
    return Qwen2AudioConfig(text_config=text, audio_config=audio, audio_token_index=5)


@pytest.fixture
def hearing_model(hearing_config: Any) -> Any:
    import torch
    from transformers import Qwen2AudioForConditionalGeneration

    torch.manual_seed(0)
    return Qwen2AudioForConditionalGeneration(hearing_config)
