from __future__ import annotations

import contextlib
import io
import os
import struct
import threading
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gnomon.media.files import resolve_path
from gnomon.media.image import FORMATS, open_image, png_bytes
from gnomon.records import BadRecord, Media


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def picture(width: int = 40, height: int = 30, mode: str = "RGB") -> Image.Image:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def decode(data: bytes, **options: int) -> Image.Image:
    return open_image(Media("image", data=data), **options)


def refused(data: bytes, **options: int) -> str:
    with pytest.raises(BadRecord) as caught:
        decode(data, **options)
    return str(caught.value)


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


# -- what is read -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_read_by_its_content(kind: str) -> None:
    image = decode(encoded(picture(), kind))
    assert (image.mode, image.size) == ("RGB", (40, 30))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_keep_every_pixel(kind: str) -> None:
    assert np.array_equal(np.asarray(decode(encoded(picture(), kind))), np.asarray(picture()))


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "1"])
@pytest.mark.parametrize("size", [(40, 30), (1, 1), (1, 7), (7, 1)])
def test_an_image_becomes_the_same_png_and_back(mode: str, size: tuple[int, int]) -> None:
    image = picture().resize(size).convert(mode)
    with Image.open(io.BytesIO(png_bytes(image))) as again:
        assert (again.format, again.mode, again.size) == ("PNG", mode, size)
        assert np.array_equal(np.asarray(again), np.asarray(image))


def test_a_drawn_picture_packs_about_as_well_as_by_pillow() -> None:
    image = Image.new("RGB", (112, 112), "white")
    image.paste("red", (20, 20, 60, 70))
    assert len(png_bytes(image)) < 1.5 * len(encoded(image, "PNG"))


def test_the_name_of_a_file_says_nothing_about_its_format(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(picture(), "PNG"))
    assert open_image(Media("image", path=Path("a.jpg")), root=tmp_path).size == (40, 30)


def test_a_one_pixel_image_is_read() -> None:
    assert decode(encoded(picture(1, 1))).size == (1, 1)


def test_the_widest_aspect_that_processors_take_is_read() -> None:
    assert decode(encoded(picture(200, 1))).size == (200, 1)


def test_cmyk_becomes_rgb() -> None:
    red = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    pixel = decode(encoded(red, "TIFF")).getpixel((0, 0))
    assert pixel == (255, 0, 0)


def test_a_cmyk_photo_becomes_rgb() -> None:
    assert decode(encoded(picture(mode="CMYK"), "JPEG")).mode == "RGB"


def test_16_bit_grey_is_scaled_not_clipped() -> None:
    grey = Image.fromarray(np.array([[0, 257, 32896, 65535]], dtype=np.uint16))
    assert np.asarray(decode(encoded(grey)))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_32_bit_pixels_are_refused_because_their_range_is_unknown() -> None:
    floats = Image.fromarray(np.ones((4, 4), dtype=np.float32))
    assert "32-bit" in refused(encoded(floats, "TIFF"))


def test_a_bilevel_image_becomes_black_and_white() -> None:
    assert decode(encoded(Image.new("1", (4, 4), 1))).getpixel((0, 0)) == (255, 255, 255)


def test_a_palette_image_shows_its_colours() -> None:
    image = Image.new("RGB", (4, 4), (10, 200, 30)).convert("P", palette=Image.Palette.ADAPTIVE)
    assert decode(encoded(image)).getpixel((0, 0)) == (10, 200, 30)


def test_transparent_palette_entries_become_white() -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([200, 0, 0] * 4)
    data = encoded(image, transparency=bytes([0, 255, 255, 255]))
    assert decode(data).getpixel((0, 0)) == (255, 255, 255)


def test_transparent_pixels_become_white_and_half_transparent_ones_pale() -> None:
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (0, 0, 0, 128))
    result = decode(encoded(image))
    assert result.getpixel((0, 0)) == (255, 255, 255)
    assert result.getpixel((1, 0)) == (127, 127, 127)


def test_grey_with_alpha_is_laid_on_white() -> None:
    assert decode(encoded(Image.new("LA", (2, 2), (0, 0)))).getpixel((0, 0)) == (255, 255, 255)


def test_a_transparent_colour_key_becomes_white() -> None:
    data = encoded(Image.new("RGB", (2, 2), (1, 2, 3)), transparency=(1, 2, 3))
    assert decode(data).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_of_an_animation_the_first_frame_is_read(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    red, _, blue = decode(data).getpixel((8, 8))
    assert red > 200 and blue < 50


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG", "WEBP"])
def test_a_rotation_in_the_exif_data_is_applied_once(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(picture(40, 30), kind, exif=exif)
    result = decode(data)
    assert result.size == (30, 40)
    assert decode(encoded(result)).size == (30, 40)


def test_nothing_of_the_file_is_left_for_a_later_reader_to_apply_again() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert not decode(encoded(picture(), "JPEG", exif=exif)).info


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0XXXXXXXX", b"Exif\0\0II*\0"])
def test_damaged_exif_data_does_not_cost_the_image(kind: str, exif: bytes) -> None:
    assert decode(encoded(picture(), kind, exif=exif)).size == (40, 30)


# -- what is refused --------------------------------------------------------------------------


def test_a_30000_by_30000_header_is_refused_at_once() -> None:
    start = time.perf_counter()
    text = refused(png_header(30_000, 30_000))
    assert "pixels" in text and time.perf_counter() - start < 1


def test_an_image_over_the_limit_is_refused_with_size_limit_and_remedy() -> None:
    text = refused(png_header(9_000, 9_000))
    assert "9000 x 9000" in text and "64000000" in text and "max_pixels" in text


def test_the_pixel_limit_can_be_set_and_is_exact() -> None:
    data = encoded(picture(40, 30))
    assert decode(data, max_pixels=1200).size == (40, 30)
    assert "limit is 1199" in refused(data, max_pixels=1199)


def test_a_gif_whose_frame_exceeds_its_screen_cannot_pass_the_limit() -> None:
    data = bytearray(encoded(Image.new("P", (4, 4)), "GIF"))
    frame = data.index(b"\x2c", 13 + 3 * 2 ** ((data[10] & 7) + 1))
    data[frame + 5 : frame + 9] = struct.pack("<HH", 60_000, 60_000)
    assert "pixels" in refused(bytes(data))


@pytest.mark.parametrize("size", [(1, 20_000), (20_000, 1), (4000, 4)])
def test_extreme_shapes_are_refused_with_the_reason(size: tuple[int, int]) -> None:
    text = refused(encoded(Image.new("RGB", size)))
    assert "over 200 times" in text and "crop or pad" in text


@pytest.mark.parametrize("kind", FORMATS)
def test_a_truncated_file_is_refused(kind: str) -> None:
    data = encoded(picture(200, 200), kind)
    refused(data[: len(data) // 3])


def test_a_truncated_photo_is_called_so() -> None:
    data = encoded(picture(200, 200), "JPEG")
    text = refused(data[: len(data) // 2])
    assert "truncated" in text and "replace the file" in text


def test_an_empty_file_is_called_so() -> None:
    assert "empty" in refused(b"")


def test_an_svg_drawing_is_named_and_refused() -> None:
    assert "SVG" in refused(b'<?xml version="1.0"?>\n<svg width="10" height="10"></svg>')


def test_a_git_lfs_pointer_is_named_with_its_remedy() -> None:
    assert "git lfs pull" in refused(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n")


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.4 " * 10,
        b"PK\x03\x04" * 20,
        b"<html>not found</html>",
        b"\x89PNG",
        bytes(range(64)),
    ],
)
def test_files_with_another_magic_number_are_refused(data: bytes) -> None:
    refused(data)


def test_a_format_outside_the_list_is_refused() -> None:
    assert "convert it to" in refused(encoded(picture(), "PPM"))


def test_a_polyglot_is_read_as_the_image_that_it_starts_with() -> None:
    assert decode(encoded(picture()) + b"PK\x03\x04<script>").size == (40, 30)


def test_more_bytes_than_allowed_are_refused(tmp_path: Path) -> None:
    data = encoded(picture())
    (tmp_path / "a.png").write_bytes(data)
    assert "max_bytes" in refused(data, max_bytes=len(data) - 1)
    with pytest.raises(BadRecord, match="max_bytes"):
        open_image(Media("image", path=tmp_path / "a.png"), max_bytes=len(data) - 1)


def test_a_medium_of_another_kind_is_refused() -> None:
    with pytest.raises(BadRecord, match="not video"):
        open_image(Media("video", data=b"x"))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(FORMATS), st.data())
def test_a_changed_byte_gives_an_image_or_a_bad_record(kind: str, data: st.DataObject) -> None:
    content = bytearray(encoded(picture(12, 10), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadRecord):
        assert decode(bytes(content), max_pixels=1_000_000).mode == "RGB"


# -- paths ------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret.png").write_bytes(encoded(picture()))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.png").write_bytes(encoded(picture()))
    return tmp_path / "data"


def at(path: str | Path, root: Path | None) -> Image.Image:
    return open_image(Media("image", path=Path(path)), root=root)


def test_a_path_under_the_root_is_read(root: Path) -> None:
    assert at("a.png", root).size == at(root / "a.png", root).size == (40, 30)


def test_a_path_is_read_as_it_is_without_a_root(root: Path) -> None:
    assert at(root / "a.png", None).size == (40, 30)


@pytest.mark.parametrize("path", ["../secret.png", "x/../../secret.png", "/etc/hosts", "/dev/zero"])
def test_a_path_that_leaves_the_root_is_refused(root: Path, path: str) -> None:
    with pytest.raises(BadRecord, match="outside the data folder"):
        at(path, root)


def test_a_link_that_leaves_the_root_is_refused(root: Path) -> None:
    (root / "link.png").symlink_to(root.parent / "secret.png")
    (root / "folder").symlink_to(root.parent)
    for path in ("link.png", "folder/secret.png"):
        with pytest.raises(BadRecord, match="outside the data folder"):
            at(path, root)


def test_a_folder_that_begins_like_the_root_is_outside_of_it(root: Path) -> None:
    (root.parent / "data2").mkdir()
    with pytest.raises(BadRecord, match="outside"):
        resolve_path(Path("../data2/a.png"), root)


def test_a_link_within_the_root_is_followed(root: Path) -> None:
    (root / "link.png").symlink_to(root / "a.png")
    assert at("link.png", root).size == (40, 30)


def test_a_circle_of_links_is_refused(root: Path) -> None:
    (root / "one").symlink_to(root / "two")
    (root / "two").symlink_to(root / "one")
    with pytest.raises(BadRecord):
        at("one", root)


def test_a_missing_file_is_named_with_its_root(root: Path) -> None:
    with pytest.raises(BadRecord, match=r"'b\.png': no such file under .*data"):
        at("b.png", root)


@pytest.mark.parametrize("path", ["a\x00.png", "x" * 5000])
def test_an_impossible_path_is_refused(root: Path, path: str) -> None:
    for place in (root, None):
        with pytest.raises(BadRecord):
            at(path, place)


def test_a_folder_is_no_image(root: Path) -> None:
    with pytest.raises(BadRecord, match="no such file"):
        at(".", root)


def test_a_pipe_is_refused_without_waiting(root: Path) -> None:
    os.mkfifo(root / "pipe.png")
    with pytest.raises(BadRecord, match="no such file"):
        at("pipe.png", root)


def test_an_unreadable_file_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("not allowed")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(BadRecord, match="cannot be read"):
        at("a.png", root)


def test_an_address_is_refused_with_the_remedy(root: Path) -> None:
    for place in (root, None):
        with pytest.raises(BadRecord, match="download it"):
            at("https://example.org/a.png", place)


# -- the process ------------------------------------------------------------------------------


def test_the_settings_and_warnings_of_the_process_stay_as_they_are() -> None:
    limit, filters = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    refused(png_header(10_000, 10_000), max_pixels=10**9)
    decode(encoded(picture()))
    assert (limit, filters) == (Image.MAX_IMAGE_PIXELS, list(warnings.filters))


def test_many_threads_leave_the_warnings_of_the_process_as_they_are() -> None:
    filters, data = list(warnings.filters), encoded(picture())
    threads = [threading.Thread(target=lambda: [decode(data) for _ in range(20)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert filters == list(warnings.filters)
