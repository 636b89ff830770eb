"""The geometry and the validator of M-Cube, with the worked examples of MARBLE."""

import json
from collections import Counter
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.grading.puzzles.cube import (
    CORNERS,
    FACES,
    FLIPPED,
    INNER,
    PIECES,
    PLAIN,
    SLOTS,
    VOXELS,
    assembled,
    assembly_problem,
    cell_accuracy,
    conflicts,
    feedback,
    oriented,
    read_array,
    read_assembly,
    read_places,
    write_assembly,
    write_places,
)
from gnomon.grading.puzzles.families import FAMILIES, check_puzzle
from gnomon.records import Outcome
from gnomon.worlds.cube import draw_cube

COUNTING = tuple(range(25))


def priority_cube():
    """Faces claim their border voxels in the order Top, Bottom, Front, Back, Left, Right."""
    taken, faces = set(), {}
    for face in ("Top", "Bottom", "Front", "Back", "Left", "Right"):
        faces[face] = tuple(int(voxel not in taken) for voxel in VOXELS[face])
        taken |= set(VOXELS[face])
    return faces


def count_assemblies(pieces, turns):
    """Valid assemblies, by setting one face after the other; equal looks are set once.

    Turning the cube takes piece A to every face alike, so those with A in front count six times.
    """
    looks = {n: Counter(oriented(piece, pair) for pair in turns) for n, piece in pieces.items()}
    count = 0
    for order in [("A", *rest) for rest in permutations(PIECES[1:])]:
        partial = [({}, 1)]
        for face, name in zip(FACES, order, strict=True):
            partial = [
                ({**faces, face: lies}, ways * times)
                for faces, ways in partial
                for lies, times in looks[name].items()
                if _fits({**faces, face: lies}, face)
            ]
        count += sum(ways for faces, ways in partial if not conflicts(faces))
    return 6 * count


def _fits(faces, new):
    value = {face: dict(zip(VOXELS[face], piece, strict=True)) for face, piece in faces.items()}
    return all(
        value[a][voxel] + value[b][voxel] == 1
        for a, _, b, _ in SLOTS
        if new in (a, b) and a in faces and b in faces
        for voxel in INNER[next(s for s in SLOTS if (s[0], s[2]) == (a, b))]
    )


@pytest.mark.parametrize(
    "pair, row, column",
    [
        ((1, 2), (0, 1, 2, 3, 4), (0, 5, 10, 15, 20)),
        ((2, 3), (4, 9, 14, 19, 24), (4, 3, 2, 1, 0)),
        ((3, 4), (24, 23, 22, 21, 20), (24, 19, 14, 9, 4)),
        ((4, 1), (20, 15, 10, 5, 0), (20, 21, 22, 23, 24)),
        ((2, 1), (0, 5, 10, 15, 20), (0, 1, 2, 3, 4)),
        ((3, 2), (4, 3, 2, 1, 0), (4, 9, 14, 19, 24)),
        ((4, 3), (24, 19, 14, 9, 4), (24, 23, 22, 21, 20)),
        ((1, 4), (20, 21, 22, 23, 24), (20, 15, 10, 5, 0)),
    ],
)
def test_orientations_are_those_of_the_worked_example(pair, row, column):
    turned = oriented(COUNTING, pair)
    assert turned[:5] == row
    assert turned[::5] == column


@pytest.mark.parametrize("pair", [*PLAIN, *FLIPPED])
def test_the_named_edges_of_a_piece_become_left_and_top(pair):
    lines = {1: {0, 5, 10, 15, 20}, 2: set(range(5)), 3: {4, 9, 14, 19, 24}, 4: set(range(20, 25))}
    turned = oriented(COUNTING, pair)
    assert (set(turned[::5]), set(turned[:5])) == (lines[pair[0]], lines[pair[1]])


def test_slots_share_three_inner_voxels_that_lie_on_their_edges():
    """A trap of the source: the order along an edge is reversed for some pairs."""
    edge = {1: slice(0, 25, 5), 2: slice(0, 5), 3: slice(4, 25, 5), 4: slice(20, 25)}
    for slots in SLOTS:
        a, i, b, j = slots
        one, other = VOXELS[a][edge[i]], VOXELS[b][edge[j]]
        assert set(one) == set(other)
        assert set(INNER[slots]) == set(one) - set(CORNERS) and len(INNER[slots]) == 3


def test_every_edge_of_the_cube_is_one_pair_of_slots():
    assert len({frozenset(INNER[slots]) for slots in SLOTS}) == 12


def test_the_priority_cube_has_no_conflicts():
    faces = priority_cube()
    assert sum(faces["Top"]) == sum(faces["Bottom"]) == 25
    assert sum(faces["Front"]) == sum(faces["Back"]) == 15
    assert sum(faces["Left"]) == sum(faces["Right"]) == 9
    assert not conflicts(faces) and conflicts(faces).reward == 1.0


def test_a_turned_front_conflicts_in_its_four_slots():
    faces = priority_cube()
    found = conflicts({**faces, "Front": oriented(faces["Front"], (2, 3))})
    assert found.corners == ()
    assert found.edges == (
        ("Top", 4, "Front", 2), ("Bottom", 2, "Front", 4), ("Front", 1, "Left", 3),
        ("Front", 3, "Right", 1),
    )  # fmt: skip


def test_exchanged_top_and_left_give_the_dense_reward_of_the_example():
    faces = priority_cube()
    found = conflicts({**faces, "Top": faces["Left"], "Left": faces["Top"]})
    assert (len(found.edges), len(found.corners)) == (6, 4)
    assert found.reward == 0.25


def test_corners_that_no_face_fills_are_found():
    """A trap of the source: looking at edges in pairs misses them."""
    faces = priority_cube()
    found = conflicts({**faces, "Top": (0, *faces["Top"][1:])})
    assert found.edges == () and found.corners == ((0, 4, 0),)


def test_detailed_feedback_names_the_slots_of_faces():
    faces = priority_cube()
    text = conflicts({**faces, "Front": oriented(faces["Front"], (2, 3))}).detailed
    assert text.splitlines()[:2] == ["Edge conflicts (4):", "Top edge 4 - Front edge 2"]
    assert text.splitlines()[-1] == "Corner conflicts (0):"


def test_a_cube_without_flips_has_twenty_four_assemblies():
    cube = draw_cube(np.random.default_rng(1), flips=False)
    assert count_assemblies(cube.pieces, PLAIN) == 24


def test_a_cube_with_flips_has_their_mirror_images_too():
    cube = draw_cube(np.random.default_rng(1), flips=True)
    assert count_assemblies(cube.pieces, (*PLAIN, *FLIPPED)) == 48


def test_symmetric_pieces_give_more_assemblies():
    faces = priority_cube()
    pieces = dict(zip(PIECES, (faces[face] for face in FACES), strict=True))
    assert count_assemblies(pieces, (*PLAIN, *FLIPPED)) == 3_145_728


def test_feedback_is_one_word_or_the_list_and_nothing_for_a_valid_cube():
    faces = priority_cube()
    wrong = conflicts({**faces, "Front": oriented(faces["Front"], (2, 3))})
    assert feedback(wrong, "binary") == "incorrect"
    assert feedback(wrong, "detailed") == wrong.detailed
    assert feedback(conflicts(faces), "detailed") == feedback(conflicts(faces), "binary") == ""


def test_flips_are_refused_where_they_are_not_allowed():
    """A trap of the source: mirrored assemblies count only when flips are allowed."""
    faces = priority_cube()
    pieces = dict(zip(PIECES, (faces[face] for face in FACES), strict=True))
    places = {n: (f, (3, 2)) for n, f in zip(PIECES, FACES, strict=True)}
    assert not conflicts(assembled(pieces, places))
    assert assembly_problem(pieces, True, {}, places) == ""
    assert "flipped" in assembly_problem(pieces, False, {}, places)


LINES = "\n".join(f"{n}: ({f}, 1, 2)" for n, f in zip(PIECES, FACES, strict=True))


def test_an_assembly_is_the_last_block_after_the_last_phrase():
    other = LINES.replace("A: (Front, 1, 2)", "A: (Front, 2, 3)")
    text = f"{write_assembly(other)} No. {write_assembly(other)[:-3]}```\n{write_assembly(LINES)}"
    assert read_assembly(text) == read_places(LINES)
    assert write_places(read_places(LINES.upper().replace("FRONT", "fRONT"))) == LINES


@pytest.mark.parametrize(
    "text",
    [
        f"```\n{LINES}\n```",
        f"The final solution is: {LINES}",
        f"The final solution is:\n```\n{LINES}",
        write_assembly(LINES.replace("F:", "E:")),
        write_assembly(LINES.replace("Top", "Front")),
        write_assembly(LINES.replace("(Back, 1, 2)", "(Back, 1, 3)")),
        write_assembly(LINES.replace("Back", "Behind")),
        write_assembly(LINES + "\nA: (Front, 1, 2)"),
        "",
    ],
)
def test_a_malformed_assembly_is_none(text):
    assert read_assembly(text) is None


@given(st.sampled_from(PIECES), st.sampled_from([*PLAIN, *FLIPPED]))
def test_lines_are_read_as_they_are_written(name, pair):
    places = {n: (f, pair if n == name else (1, 2)) for n, f in zip(PIECES, FACES, strict=True)}
    assert read_places(write_places(places)) == places


def test_an_array_is_the_first_after_the_phrase_else_the_last_of_the_text():
    one, other = ([[value] * 5] * 5 for value in (0, 1))
    assert read_array(f"Here is the converted 2D array: {one} or {other}") == (0,) * 25
    assert read_array(f"{one} or {other}") == (1,) * 25


@pytest.mark.parametrize("rows", [[[0] * 5] * 4, [[0] * 4] * 5, [[2] * 5] * 5, [[True] * 5] * 5])
def test_a_misshapen_array_scores_nothing(rows):
    assert read_array(json.dumps(rows)) is None
    assert cell_accuracy(json.dumps(rows), (0,) * 25) == 0.0


def test_cell_accuracy_is_the_share_of_equal_cells():
    assert cell_accuracy(str([[0] * 5] * 4 + [[1] * 5]), (0,) * 25) == 0.8


@pytest.mark.parametrize(
    "changed, reason",
    [
        ({"flips": 1}, "true or false"),
        ({"given": {"A": ["Front", 1, 3]}}, "given"),
        ({"given": {"A": ["Front", [], 3]}}, "given"),
        ({"given": {"A": [[], 1, 2]}}, "given"),
        ({"pieces": {"A": []}}, "pieces"),
    ],
)
def test_facts_that_are_none_are_refused(changed, reason):
    faces = priority_cube()
    rows = {n: np.reshape(faces[f], (5, 5)).tolist() for n, f in zip(PIECES, FACES, strict=True)}
    facts = {"pieces": rows, "flips": False, "given": {}}
    assert FAMILIES["m_cube"].problem(facts, LINES) == ""
    assert reason in FAMILIES["m_cube"].problem({**facts, **changed}, LINES)
    value = {"family": "m_cube", "facts": facts, "gold": LINES}
    assert check_puzzle(write_assembly(LINES), value)[0] is Outcome.CORRECT


def test_all_voxels_of_the_surface_are_cells():
    surface = {v for v in product(range(5), repeat=3) if 0 in v or 4 in v}
    assert {v for voxels in VOXELS.values() for v in voxels} == surface
