from __future__ import annotations

from pathlib import Path

import pytest

from gnomon.cli import run_command


def test_generate_prints_the_response_and_nothing_else(
    tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from gnomon import generate
    from gnomon.report.terminal import safe_text

    assert run_command(["generate", str(tiny_folder), "How many?", "--max-new-tokens", "4"]) == 0
    captured = capsys.readouterr()
    response = generate(str(tiny_folder), "How many?", max_new_tokens=4)
    assert captured.out == safe_text(response) + "\n"
    assert captured.err == ""


def test_generate_with_a_missing_image_says_what_to_do(
    tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["generate", str(tiny_folder), "How many?", "--image", "/none/a.png"]) == 2
    assert "there is no image at /none/a.png: check the path" in capsys.readouterr().err
