from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.problems import RecipeError
from gnomon.yaml_text import MAX_YAML_BYTES, read_yaml, read_yaml_file, write_yaml

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS
)  # fmt: skip
DATA = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)


def complaint(text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        read_yaml(text, "mine.yaml")
    return str(caught.value)


@given(DATA)
def test_what_was_written_is_read_back(data: object) -> None:
    assert read_yaml(write_yaml(data), "data") == data


@pytest.mark.parametrize(
    "text", ["a\x85b", "a\u2028b", "a\r\nb", "a\n", "1e-4", "yes", "~", "12:30"]
)
def test_text_that_looks_like_something_else_stays_text(text: str) -> None:
    assert read_yaml(write_yaml([text]), "data") == [text]


def test_infinity_is_written_and_read() -> None:
    assert read_yaml(write_yaml([math.inf, -math.inf]), "data") == [math.inf, -math.inf]


def test_one_list_in_two_places_is_written_twice() -> None:
    shared = [1, 2]
    text = write_yaml({"a": shared, "b": shared})
    assert "&" not in text
    assert read_yaml(text, "data") == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['touch {path}']",
        "!!python/object/new:os.system ['touch {path}']",
        "!!python/name:os.system",
        "!mine {{}}",
    ],
)
def test_tags_that_make_objects_are_refused_and_run_nothing(tag: str, tmp_path: Path) -> None:
    path = tmp_path / "made"
    message = complaint("name: x\nmodel: " + tag.format(path=path))
    assert message.startswith(
        "mine.yaml, line 2: cannot be read as YAML: could not determine a constructor for the tag"
    )
    assert not path.exists()


def test_a_file_that_unfolds_is_refused() -> None:
    levels = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    assert complaint("\n".join(levels)) == (
        "mine.yaml, line 2: cannot be read as YAML: write the block out, '*' is not read"
    )


def test_a_key_that_stands_twice_is_refused() -> None:
    assert complaint("steps: 1\nseed: 2\nsteps: 3") == (
        "mine.yaml, line 3: cannot be read as YAML: 'steps' stands there twice"
    )


def test_a_syntax_error_names_the_line() -> None:
    assert complaint("a: 1\nb: [1, 2").startswith("mine.yaml, line 2: cannot be read as YAML: ")


def test_characters_that_yaml_does_not_know_are_refused_in_one_line() -> None:
    message = complaint("a: \x00")
    assert message.startswith("mine.yaml: cannot be read as YAML: ")
    assert "\n" not in message


def test_a_date_that_does_not_exist_is_refused() -> None:
    assert complaint("a: 2024-13-45").startswith("mine.yaml: cannot be read: ")


def test_deep_nesting_is_refused() -> None:
    assert complaint("[" * 10_000) == "mine.yaml: too deeply nested to be a recipe"


def test_a_mapping_as_a_key_is_refused() -> None:
    assert "cannot be read as YAML" in complaint("{a: 1}: 2\n[b]: 3")


def test_a_text_that_is_too_long_is_refused() -> None:
    assert "characters are no recipe" in complaint("a" * (MAX_YAML_BYTES + 1))


# -- files ----------------------------------------------------------------------------------------


def file_complaint(path: Path) -> str:
    with pytest.raises(RecipeError) as caught:
        read_yaml_file(path)
    return str(caught.value)


def test_a_missing_file_names_the_nearest_one_beside(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("a: 1")
    path = tmp_path / "recpe.yaml"
    assert file_complaint(path) == f"there is no file {path}; did you mean 'recipe.yaml'?"


def test_a_missing_folder_is_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "no" / "recipe.yaml"
    assert file_complaint(path) == f"there is no file {path}"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert file_complaint(tmp_path) == f"{tmp_path}: Is a directory"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    assert file_complaint(path) == f"{path} is not a text file"


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    with path.open("wb") as file:
        os.truncate(file.fileno(), 2**40)
    assert file_complaint(path) == f"{path}: more than {MAX_YAML_BYTES} bytes are no recipe"


def test_a_good_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("text: ä 1e-4\nrate: 1e-4\n", encoding="utf-8")
    assert read_yaml_file(path) == {"text": "ä 1e-4", "rate": 1e-4}
