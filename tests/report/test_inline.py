from __future__ import annotations

import base64
import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gnomon.report.inline import MAX_SIDE, inline_images, json_for_script

NAME = "a" * 64 + ".png"


@given(st.text())
def test_json_for_a_script_reads_back_and_holds_no_markup(text: str) -> None:
    written = json_for_script({text: [text]})
    assert json.loads(written) == {text: [text]}
    assert not set("<>&\u2028\u2029") & set(written)


def test_json_for_a_script_refuses_what_json_lacks() -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_for_script(float("nan"))


def test_a_small_image_is_inlined_byte_for_byte(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"data")
    assert inline_images(tmp_path, [NAME, NAME], 1000) == (
        {NAME: "data:image/png;base64,ZGF0YQ=="},
        [],
    )


def test_a_large_image_is_scaled_down(tmp_path: Path) -> None:
    picture = Image.frombytes("RGB", (1500, 300), os.urandom(1500 * 300 * 3))
    picture.save(tmp_path / NAME)
    uris, problems = inline_images(tmp_path, [NAME], 1_000_000)
    head, _, data = uris[NAME].partition(",")
    assert (head, problems) == ("data:image/jpeg;base64", [])
    with Image.open(io.BytesIO(base64.b64decode(data))) as small:
        assert small.size == (MAX_SIDE, 128)


def test_a_large_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"x" * 200_000)
    uris, problems = inline_images(tmp_path, [NAME], 1000)
    assert not uris and NAME in problems[0]


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "a.png", "b" * 64 + ".svg", ""])
def test_only_names_of_stored_images_are_opened(tmp_path: Path, name: str) -> None:
    uris, problems = inline_images(tmp_path / "images", [name], 1000)
    assert not uris and "not the name of an image" in problems[0]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / NAME).symlink_to(tmp_path / "secret")
    assert not inline_images(tmp_path, [NAME], 1000)[0]


def test_images_beyond_the_limit_are_left_out_and_named(tmp_path: Path) -> None:
    names = [f"{i:064x}.jpg" for i in range(3)]
    for name in names:
        (tmp_path / name).write_bytes(b"x" * 300)
    uris, problems = inline_images(tmp_path, names, 900)
    assert list(uris) == names[:2]
    assert problems == [f"image {names[2]}: left out, the page is full"]
