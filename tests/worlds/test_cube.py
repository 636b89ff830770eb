from dataclasses import replace

import numpy as np
import pytest

from gnomon.grading.grade import strict
from gnomon.grading.puzzles.cube import (
    FACES,
    FLIPPED,
    PIECES,
    SLOTS,
    VOXELS,
    assembly_problem,
    conflicts,
    oriented,
    pieces_of,
    read_places,
    write_assembly,
    write_places,
)
from gnomon.media.image import open_image
from gnomon.records import Answer
from gnomon.worlds.cube import TASKS, canonical, confirm, draw_cube, draw_faces, edges
from gnomon.worlds.world import world_task


def posed(task, level, seed=0):
    return world_task("cube", task).pose(np.random.default_rng([level, seed]), level)


def test_drawn_faces_have_no_conflicts_and_full_centres():
    for seed in range(50):
        faces = draw_faces(np.random.default_rng(seed))
        assert not conflicts(faces)
        assert all(faces[face][5 * r + c] for face in FACES for r in (1, 2, 3) for c in (1, 2, 3))
        assert sum(map(sum, faces.values())) == 6 * 9 + 36 + 8


def test_a_cube_without_flips_has_no_flipped_piece_in_its_solution():
    for seed in range(30):
        cube = draw_cube(np.random.default_rng(seed), flips=False)
        assert not any(pair in FLIPPED for _, pair in cube.places.values())


def test_cubes_are_the_same_however_their_pieces_are_named_and_turned():
    cube = draw_cube(np.random.default_rng(0), flips=True)
    names = dict(zip(PIECES, reversed(PIECES), strict=True))
    turned = {names[name]: oriented(piece, (4, 3)) for name, piece in cube.pieces.items()}
    assert replace(cube, pieces=turned).key == cube.key


def test_the_canonical_piece_is_one_of_its_orientations():
    piece = tuple(np.random.default_rng(0).integers(0, 2, 25).tolist())
    assert canonical(oriented(piece, (3, 2))) == canonical(piece)
    assert canonical(piece) <= "".join(map(str, piece))


def test_the_answer_of_another_assembly_is_accepted_too():
    """A trap of the source: comparing with the reference rejects 23 right answers."""
    question = posed("cube-easy", 5)
    places = read_places(question.answer.value["gold"])
    around = {"Front": "Right", "Right": "Back", "Back": "Left", "Left": "Front"}
    spin = {"Top": (2, 3), "Bottom": (4, 1)}
    pieces = pieces_of(question.facts["pieces"])
    turned = {}
    for name, (face, pair) in places.items():
        lies = oriented(pieces[name], pair)
        lies = oriented(lies, spin.get(face, (1, 2)))
        back = next(
            p for p in ((1, 2), (2, 3), (3, 4), (4, 1)) if oriented(pieces[name], p) == lies
        )
        turned[name] = (around.get(face, face), back)
    answer = write_assembly(write_places(turned))
    assert answer != question.answer_text
    assert strict(answer, question.answer).correct


@pytest.mark.parametrize("task", ["cube", "cube-easy"])
def test_the_prompt_says_how_the_validator_turns_the_faces(task):
    (said,) = (line for line in posed(task, 5).text.split(". ") if "meet" in line)
    assert said.startswith(
        "The bottom edge of Top and the top edge of Bottom meet Front; "
        "the top edges of the other faces meet Top"
    )
    top, bottom = slice(0, 5), slice(20, 25)
    meeting = [("Top", bottom, "Front"), ("Bottom", top, "Front")]
    meeting += [(face, top, "Top") for face in ("Front", "Back", "Left", "Right")]
    numbers = {(a, i): b for a, i, b, _ in SLOTS} | {(b, j): a for a, _, b, j in SLOTS}
    for face, edge, other in meeting:
        assert set(VOXELS[face][edge]) <= set(VOXELS[other])
        assert numbers[face, 2 if edge == top else 4] == other


def test_given_pieces_have_to_stay_where_they_are():
    question = posed("cube-easy", 2)
    gold = question.answer.value["gold"]
    names = list(question.facts["given"])
    one, other = (next(x for x in gold.splitlines() if x.startswith(n)) for n in names[:2])
    swapped = gold.replace(one, one[:3] + other[3:]).replace(other, other[:3] + one[3:])
    pieces, places = pieces_of(question.facts["pieces"]), read_places(swapped)
    given = {n: (face, (i, j)) for n, (face, i, j) in question.facts["given"].items()}
    assert "not where it was given" in assembly_problem(pieces, False, given, places)


@pytest.mark.parametrize("level, free", [(1, 1), (2, 2), (3, 3), (4, 4), (5, 6)])
def test_a_difficulty_has_its_number_of_free_pieces(level, free):
    assert len(posed("cube", level).facts["given"]) == 6 - free


def test_cube_easy_has_thirty_two_candidates():
    task = world_task("cube", "cube-easy")
    assert task.effort(posed("cube-easy", 2)) == 32


def test_the_whole_cube_has_its_search_space():
    task = world_task("cube", "cube")
    assert task.effort(posed("cube", 5)) == 188_743_680


def test_a_wrong_assembly_is_not_confirmed():
    question = posed("cube-easy", 5)
    lines = question.answer.value["gold"]
    wrong = write_assembly(lines.replace("A: (Front", "A: (Back").replace("B: (Back", "B: (Front"))
    swapped = lines.replace("Top", "x").replace("Front", "Top").replace("x", "Front")
    for text in (wrong.replace("A:", "G:"), write_assembly(swapped), "no answer"):
        assert not confirm(replace(question, answer_text=text))


def test_a_wrong_array_is_not_confirmed():
    question = posed("perception", 1)
    value = {**question.answer.value, "gold": str([[0] * 5] * 5)}
    task = world_task("cube", "perception")
    assert not task.confirm(replace(question, answer=Answer("puzzle", value)))


def test_thoughts_name_the_edges_left_top_right_bottom():
    assert (
        edges(tuple([1, 0, 0, 0, 0] + [0] * 15 + [0, 0, 0, 0, 1])) == "10000, 10000, 00001, 00001"
    )


def test_one_piece_is_one_small_picture():
    (medium,) = posed("perception", 1).show()
    assert open_image(medium).size == (56, 56)


def test_six_pieces_are_shown_in_two_rows():
    (medium,) = posed("cube", 1).show()
    assert open_image(medium).size == (168, 112)


def test_arrays_and_pictures_are_three_tasks():
    assert [task.name for task in TASKS] == ["cube", "cube-easy", "perception"]
