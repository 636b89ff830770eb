"""One puzzle of every family, with answers that are right, wrong and unreadable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gnomon.records import Answer


@dataclass(frozen=True)
class Case:
    """A puzzle: ``right`` are answers in the shape that is asked for, ``other`` right ones that
    differ from the gold text, ``wrong`` and ``unread`` what strict mode finds so; ``cheats`` hold
    the right answer among others and are not right either.
    """

    family: str
    facts: dict[str, Any]
    gold: str
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    unread: tuple[str, ...]
    cheats: tuple[str, ...]
    other: tuple[str, ...] = ()

    @property
    def answer(self) -> Answer:
        """The reference."""
        value = {"family": self.family, "facts": self.facts, "gold": self.gold}
        return Answer("puzzle", value)


def block(text: str, language: str = "python") -> str:
    """The text in a fence."""
    return f"```{language}\n{text}\n```"


def boxed(text: str) -> str:
    """The text in a box."""
    return rf"so \boxed{{{text}}}"


SOLVED = [[(3 * (r % 3) + r // 3 + c) % 9 + 1 for c in range(9)] for r in range(9)]
OPEN = [["X"] * 9 for _ in range(7)] + [[0] * 9, SOLVED[8]]
SWAPPED = [SOLVED[1], SOLVED[0], *SOLVED[2:]]
TORN = [*SOLVED[:7], SOLVED[8], SOLVED[7]]
CAGES = [
    {"cells": ["(1,1)", "(2,1)"], "operator": "-", "target": 1},
    {"cells": ["(1,2)", "(2,2)"], "operator": "÷", "target": 2},
]
QUARTERS = [list("AABB"), list("AABB"), list("CCDD"), list("CCDD")]
STARS = '{"A": [(1, 2)], "B": [(2, 4)], "C": [(3, 1)], "D": [(4, 3)]}'
MIRRORED = '{"A": [(2, 1)], "B": [(1, 3)], "C": [(4, 2)], "D": [(3, 4)]}'
CAMP = [list("XTX"), list("XXX"), list("XTX")]
TENTS = '[["C","T","X"],["X","X","X"],["X","T","C"]]'
TURNED = '[["X","T","C"],["X","X","X"],["C","T","X"]]'
TREES = '[["X","T","X"],["X","X","X"],["X","T","X"]]'
WALL = '[[2,"A","A"],["X","A","X"],["A","A",2]]'
SKY = "[[1, 2, 3, 4], [2, 1, 4, 3], [3, 4, 1, 2], [4, 3, 2, 1]]"
SKYLINE = "[[1, 2, 3, 4], [2, 4, 1, 3], [3, 1, 4, 2], [4, 3, 2, 1]]"
FLAT = "[[1, 2, 3, 4], [2, 3, 4, 1], [3, 4, 1, 2], [4, 1, 2, 3]]"
SUMS = [[0, 0, 5], [0, 0, 5], [5, 5, 10]]
OWNED = "(('Ann','Red Cup'),('Bob','Hat'))"
FULL, BAND, CORE = [[1] * 5] * 5, [[0] * 5, *[[1] * 5] * 3, [0] * 5], [
    [0] * 5, *[[0, 1, 1, 1, 0]] * 3, [0] * 5
]  # fmt: skip
CUBE = {"A": BAND, "B": CORE, "C": BAND, "D": CORE, "E": FULL, "F": FULL}
CUBE_FACES = ("Front", "Right", "Back", "Left", "Top", "Bottom")
CUBE_LINES = "\n".join(f"{n}: ({f}, 1, 2)" for n, f in zip("ABCDEF", CUBE_FACES, strict=True))
PIECE_ROWS = [[0, 1, 1, 0, 0], *[[0, 1, 1, 1, 0]] * 3, [0, 0, 0, 0, 1]]


def assembly(lines: str) -> str:
    """The lines as the answer to a cube."""
    return f"The final solution is:\n```\n{lines}\n```"


CASES: list[Case] = [
    Case(
        "arc_agi", {}, "[[0, 1], [2, 0]]",
        right=(block("[[0,1],[2,0]]", "json"), "[[0, 1], [2, 0]]"),
        wrong=(block("[[0,1],[2,1]]", "json"), block("[[0,1,2,0]]", "json")),
        unread=("no", block("[[0,1],[2]]", "json"), block("[[f(0)]]", "json")),
        cheats=(block("[[0,1],[2,0]]", "json") + block("[[9,9],[9,9]]", "json"),),
    ),
    Case(
        "arrow_maze", {"maze": [["2", "X", "X"], ["X", "X", "2"]]},
        '[["2", "→", "→"], ["←", "←", "2"]]',
        right=(block('[["2", "→", "→"], ["←", "←", "2"]]'), "[['2', '→', '→'], ['←', '←', '2']]"),
        other=('so [["2","→","↑"],["↓","←","2"]]',),
        wrong=('[["2","→","→"],["←","X","2"]]', '[["2","→","↑"],["↓","↓","2"]]', '[["2","→","→"]]'),
        unread=("", "[[2]]", '[["2","→","→"],["←","←"]]', "[[→]]"),
        cheats=('[["2","→","→"],["←","←","2"]] or [["2","→","→"],["←","↑","2"]]',),
    ),
    Case(
        "boolean_expressions", {}, "A,C",
        right=(boxed("A,C"), boxed("c，a"), "A, C"),
        wrong=(boxed("A"), boxed("A,B,C"), boxed("AC"), "A and C"),
        unread=(r"\boxed{A,C", r"\boxed{}"),
        cheats=(boxed("A,C") + boxed("A,B,C,D"), boxed("A,C") + r"\boxed{"),
    ),
    Case(
        "buggy_tables", {}, "12.50",
        right=("12.50", "about 3.25, so 12.50."),
        wrong=("12.5", "12.500", "112.50", "-12.50", "one", ""),
        unread=(),
        cheats=("12.50 or 13.00",),
    ),
    Case(
        "calcudoko", {"grid_size": 2, "regions": CAGES}, "[[1 2,2 1]]",
        right=("[[1 2,2 1]]", "the grid is [[1 2，2 1]]"),
        other=("[[2 1,1 2]]",),
        wrong=("[[1 2,1 2]]", "[[1 2]]", "[[1 2,2]]", "[[1 2,2 1,1 2]]"),
        unread=("1 2,2 1", "[[1,2],[2,1]]", "[[1 2,2 x]]", "[[1 2,2 1"),
        cheats=("[[1 1,1 1]] [[1 2,2 1]]",),
    ),
    Case(
        "campsite",
        {"grid": CAMP, "row_constraints": [1, 0, 1], "col_constraints": [1, 0, 1], "n": 3, "m": 3},
        TENTS,
        right=(TENTS, f"Answer: {TENTS.replace(chr(34), chr(39))}"),
        other=(TURNED,),
        wrong=(TREES, "[['C','T','X']]", TENTS.replace("T", "X")),
        unread=("C T X", TENTS.replace("C", "tent"), "[[C]]"),
        cheats=(TREES + TENTS,),
    ),
    Case(
        "cipher", {}, "[[HELLO WORLD]]",
        right=(block('[["HELLO WORLD"]]'), "[['HELLO WORLD']]", '[["HELLO WORLD"]]'),
        wrong=(block('[["hello world"]]'), block('[["HELLO","WORLD"]]'), '["HELLO WORLD"]'),
        unread=("HELLO WORLD", "[[HELLO WORLD]]", block("[['HELLO' + 'WORLD']]")),
        cheats=(block('[["HELLO WORLD"]]') + block('[["BYE"]]'),),
    ),
    Case(
        "cryptarithm", {}, "12 + 9 = 21",
        right=("so 12+9=21", "12 + 9=21", "1+1=2, so 12 + 9 = 21."),
        wrong=("9+12=21", "12+9=21 and 1+1=2", "12+9=22", "12-9=3", "12 + 9 = 21 = 20 + 1 = 21"),
        unread=("21", "12+9", "12+9 is 21", "A+B=C"),
        cheats=("12+9=21 or 9+12=21",),
    ),
    Case(
        "dyck_language", {"full_sequence": "([{}])"}, "([{}])",
        right=("([{}])", ' "( [ {} ] )" '),
        wrong=("])", "([{}]", "the answer is ([{}])", "([{}])([{}])", ""),
        unread=(),
        cheats=("([{}]) ([{}]]",),
    ),
    Case(
        "dyck_language_errors", {"is_valid": False, "first_error_pos": 5}, "5",
        right=("5", " +5\n"),
        wrong=("4", "-1", "valid", "it is correct"),
        unread=("position 5", "5.0", "incorrect", "not valid", "5, 6", ""),
        cheats=("5 or 6", "5\n5"),
    ),
    Case(
        "dyck_language_reasoning_errors", {"error_indices": [5, 12]}, "5,12",
        right=("12, 5", "5 and 12", "5，12", "lines 5, 12 and 5"),
        wrong=("5", "5,12,13", "512", "no errors"),
        unread=("five", "-"),
        cheats=("1,2,3,4,5,6,7,8,9,10,11,12",),
    ),
    Case(
        "futoshiki",
        {"grid_size": 3, "prefilled_coords": [[0, 0]], "constraints": [[[0, 1], [0, 2], "<"]]},
        "[[1 2 3,2 3 1,3 1 2]]",
        right=("[[1 2 3,2 3 1,3 1 2]]", "[[1 2 3， 2 3 1，\n3 1 2]]"),
        other=("[[1 2 3,3 1 2,2 3 1]]",),
        wrong=("[[2 1 3,1 3 2,3 2 1]]", "[[1 3 2,3 2 1,2 1 3]]", "[[1 2 3,1 2 3,1 2 3]]",
               "[[1 2,2 1]]"),
        unread=("1 2 3", "[[1,2,3],[2,3,1],[3,1,2]]", "[[a b c]]"),
        cheats=("[[1 2 3,2 3 1,3 1 2]] [[1 2 3,2 3 1,3 1 3]]",),
    ),
    Case(
        "game_of_24",
        {"numbers": [1, 2, 3, 4], "operators": ["+", "-", "*", "/"], "result": 24}, "1*2*3*4",
        right=(block("1*2*3*4"), "1 * 2 * 3 * 4", block(" (4) * 3 * 2 / 1 ")),
        other=(block("(1+2+3)*4"), block("4*3*2/1")),
        wrong=(block("1+2+3+4"), block("12*(4-3)*2"), block("4*6"), block("1*2*3*4*1"),
               block("2*3*4"), block("1*2*3*4=24"), block("4!*(3-2)*1")),
        unread=("", block(""), block("1*2*3*4)"), block("1 2 3 4"),
                block("4**2+3**1"), block("3/(1-2)//4")),
        cheats=(block("1*2*3*4") + block("1+2+3+4"), block("1*2*3*4 + 0*(1+2)")),
    ),
    Case(
        "goods_exchange", {"owns_after": OWNED}, OWNED,
        right=(block(OWNED), block("((\"bob\", 'HAT'), [\"ann\", ' red cup '])"), OWNED),
        wrong=(block("(('Ann','Hat'),('Bob','Red Cup'))"), block("(('Ann','Red Cup'),)"),
               block("(('Ann','Red Cup'),('Bob','Hat'),('Cid','Pen'))")),
        unread=("Ann: Red Cup", block("((Ann, Red Cup), (Bob, Hat))"), block("{}"), block("()")),
        cheats=(block(OWNED) + block("(('Ann','Hat'),('Bob','Hat'))"),
                block("(('Ann','Hat'),('Ann','Red Cup'),('Bob','Hat'))")),
    ),
    Case(
        "kukurasu", {"row_sums": [3, 3, 3], "col_sums": [3, 3, 3], "n": 3, "m": 3},
        '[["X","X","1"],["X","X","1"],["1","1","X"]]',
        right=('[["X","X","1"],["X","X","1"],["1","1","X"]]', 'see [[]]: [ ["X","X","1"],\n'
               '["X","X","1"], ["1","1","X"] ]'),
        other=('[["1","1","X"],["1","1","X"],["X","X","1"]]',),
        wrong=('[["1","X","X"],["X","X","1"],["1","1","X"]]', '[["X","X","1"]]'),
        unread=("[['X','X','1'],['X','X','1'],['1','1','X']]", "[[0,0,1],[0,0,1],[1,1,0]]", "X"),
        cheats=('[["1"]] [["X","X","1"],["X","X","1"],["1","1","X"]]',),
    ),
    Case(
        "m_cube", {"pieces": CUBE, "flips": False, "given": {"A": ["Front", 1, 2]}}, CUBE_LINES,
        right=(assembly(CUBE_LINES), "so " + assembly(CUBE_LINES.replace("Top", "TOP"))),
        other=(assembly(CUBE_LINES.replace("E: (Top, 1, 2)", "E: (Top, 3, 4)")),),
        wrong=(assembly(CUBE_LINES.replace("A: (Front, 1, 2)", "A: (Front, 2, 3)")),
               assembly(CUBE_LINES.replace("B: (Right, 1, 2)", "B: (Right, 2, 1)"))),
        unread=("", CUBE_LINES, block(CUBE_LINES, ""), "The final solution is: " + CUBE_LINES),
        cheats=(assembly(CUBE_LINES) + assembly("A: (Front, 1, 2)"),),
    ),
    Case(
        "m_cube_piece", {}, str(PIECE_ROWS),
        right=(f"Here is the converted 2D array: {PIECE_ROWS}", f"{PIECE_ROWS}"),
        wrong=(str(PIECE_ROWS[::-1]),), unread=("", "[[0, 1]]", "[[0]]" * 5),
        cheats=(f"{PIECE_ROWS} or {PIECE_ROWS[::-1]}",),
    ),
    Case(
        "math_path", {"ref_expr": "1 + 5 = 6", "query_expr": "? + 5 = ?"}, "1 + 5 = 6",
        right=("[[ 1 + 5 = 6 ]]",),
        other=("[[ 3 + 5 = 8 ]]", "[[3+5=8]]"),
        wrong=("[[ 3 + 5 = 9 ]]", "[[ 3 + 6 = 9 ]]", "[[ 3 - 5 = 8 ]]", "[[13 + 5 = 18]]",
               "[[ ? + 5 = ? ]]", "[[5 + 3 = 8]]", "[[ 3 + 5 == 8 ]]", "[[]]"),
        unread=("3 + 5 = 8", "[3 + 5 = 8]", ""),
        cheats=("[[3 + 5 = 8]] or [[3 + 5 = 7]]",),
    ),
    Case(
        "minesweeper", {"current_mines": [[0, 1], [2, 3]]}, "[(0, 1), (2, 3)]",
        right=("[(0, 1), (2, 3)]", "[[2,3],[0,1]]", "(0，1) and (2, 3)", "[(0,1),(2,3),(0,1)]"),
        wrong=("[(0,1)]", "[(1,0),(2,3)]", "[(0,1),(2,3),(3,3)]", "[[0,1,2,3],[2,3]]"),
        unread=("none", "0 1 2 3", "[]"),
        cheats=("[(0,0),(0,1),(1,2),(2,3)]",),
    ),
    Case(
        "norinori", {"region_grid": [list("XXA"), list("AAA"), list("AAA")]},
        "[[(1,1),(1,2)],[(2,3),(3,3)]]",
        right=("[[(1,1),(1,2)],[(2,3),(3,3)]]", "[(3, 3), (2, 3)] and [(1, 1), (1, 2)]"),
        other=("[[(1,1),(1,2)],[(3,1),(3,2)]]",),
        wrong=("[[(2,3),(3,3)]]", "[[(1,1),(1,2)]]", "[[(1,1),(1,2)],[(1,3),(2,3)]]",
               "[[(1,1),(1,2)],[(2,3),(3,2)]]", "[[(1,1),(1,2)],[(2,4),(3,4)]]",
               "[[(1,1),(1,2)],[(2,3),(3,3)],[(2,3),(3,3)]]"),
        unread=("(1,1) (1,2)", "[[1,1],[1,2]]", ""),
        cheats=("[(1,1),(1,2)] [(2,3),(3,3)] [(3,1),(3,2)]",),
    ),
    Case(
        "number_wall", {"grid": [[2, "X", "X"], ["X", "X", "X"], ["X", "X", 2]], "n": 3}, WALL,
        right=(WALL, WALL.replace("2", '"2"'), WALL.replace('"', "'")),
        other=('[[2,"X","A"],["A","A","A"],["A","X",2]]',),
        wrong=('[["X","A","A"],[2,"A","X"],["A","A",2]]', '[[2,"A"],["X","A"]]',
               '[[2,"A","A"],["X","A","A"],["A","X",2]]', '[[2,"X","A"],["A","X","A"],["A","A",2]]',
               '[[2,"A","A"],["A","X","A"],["A","A",2]]'),
        unread=("walls", WALL.replace("A", "B"), "[[2.0]]"),
        cheats=(WALL + '[[2,"A","A"],["A","A","A"],["A","A",2]]',),
    ),
    Case(
        "numbrix", {"grid": [["X", "X"], ["X", 2]]}, "[[4, 3], [1, 2]]",
        right=("[[4, 3], [1, 2]]", "[[9]] no, [ [4,3],\n[1,2] ]"),
        other=("[[4, 1], [3, 2]]",),
        wrong=("[[1, 3], [4, 2]]", "[[4, 3], [2, 1]]", "[[4, 3], [2, 2]]", "[[4, 3, 2, 1]]"),
        unread=("4 3 1 2", "[[a, 3], [1, 2]]", "[['4', '3'], ['1', '2']]", ""),
        cheats=("[[4, 3], [1, 2]] or [[4, 3], [2, 1]]",),
    ),
    Case(
        "object_counting", {}, "17",
        right=(boxed("17"), "17", boxed("3") + boxed("17")),
        wrong=(boxed("18"), boxed("-17")),
        unread=(boxed("17 or 18"), "no", r"\boxed{17", boxed("16, 17")),
        cheats=(boxed("17") + boxed("18"),),
    ),
    Case(
        "object_properties", {}, "0",
        right=(boxed("0"), "0"), wrong=(boxed("1"),), unread=(boxed("none"), ""),
        cheats=(boxed("0") + boxed("5"),),
    ),
    Case(
        "operation", {}, "37/2",
        right=("18.5", "37/2", r"\frac{37}{2}", boxed("18.5")),
        wrong=("18", boxed("37")),
        unread=("I think 18.5", "18.5 or 19", "", r"\boxed{18.5"),
        cheats=(boxed("18.5") + boxed("19"), "18.5 = 19"),
    ),
    Case(
        "skyscraper_puzzle",
        {"n": 4, "top": [4, 2, 2, 1], "bottom": [1, 2, 2, 4],
         "left": [4, 2, 2, 1], "right": [1, 2, 2, 4]},
        SKY,
        right=(block(SKY), SKY), other=(block(SKYLINE),),
        wrong=(block(FLAT), block("[[1, 2], [2, 1]]"), block(SKY.replace("4", "5"))),
        unread=(block("sky = " + SKY), "tall", block("[[1, 2], [2]]")),
        cheats=(block(FLAT) + block(SKY),),
    ),
    Case(
        "space_reasoning", {}, "Red Book",
        right=(boxed("red book"), "Red Book"), wrong=(boxed("unknown"), boxed("book")),
        unread=(r"\boxed{", r"\boxed{}"), cheats=(boxed("Red Book") + boxed("lamp"),
                                                  boxed("Red Book, lamp")),
    ),
    Case(
        "space_reasoning_tree", {}, "Ann, Bob",
        right=(boxed("Bob,Ann"), boxed("Ann， Bob"), "Ann, Bob"),
        wrong=(boxed("Ann"), boxed("ann, bob"), boxed("Ann, Bob, Cid")),
        unread=(r"\boxed{Ann, Bob", r"\boxed{}"),
        cheats=(boxed("Ann, Bob") + boxed("Ann, Bob, Cid"),),
    ),
    Case(
        "star_placement_puzzle", {"n": 4, "k": 1, "region_grid": QUARTERS}, STARS,
        right=(block(STARS), STARS, block("stars = " + STARS),
               block('{"all": [(1,2), (2,4), [3,1], (4,3), (4,3)]}')),
        other=(block(MIRRORED),),
        wrong=(block('{"A": [(1, 2)]}'), block(STARS.replace("(2, 4)", "(2, 3)")),
               block('{"A": [(1,1)], "B": [(2,3)], "C": [(3,2)], "D": [(4,4)]}'),
               block(STARS.replace("(1, 2)", "(0, 2)"))),
        unread=("(1, 2)", block("{}"), block('{"A": (1, 2)}'), block('{"A": [f(1)]}'), block("{")),
        cheats=(block('{"A": [(1,1)]}') + block(STARS),
                block(STARS.replace("[(1, 2)]", "[(1, 2), (1, 1)]"))),
    ),
    Case(
        "sudoku", {"original_sudoku": OPEN}, str(SOLVED),
        right=(block(str(SOLVED)), str(tuple(map(tuple, SOLVED)))),
        other=(block(str(SWAPPED)),),
        wrong=(block(str(TORN)), block(str([*SOLVED[1:], SOLVED[0]])), block("[[1, 2], [2, 1]]"),
               block(str([[c % 9 + 1 for c in range(r, r + 9)] for r in range(9)]))),
        unread=("123456789", block("solve(sudoku)"), block(str(SOLVED)[:-1])),
        cheats=(block(str(SOLVED)) + block(str(TORN)),),
    ),
    Case(
        "survo", {"original_matrix": SUMS, "candidate_numbers": [2, 3, 2, 3], "n": 3},
        "[[2, 3, 5], [3, 2, 5], [5, 5, 10]]",
        right=(block("[[2,3,5],[3,2,5],[5,5,10]]"), "[[2, 3, 5], [3, 2, 5], [5, 5, 10]]"),
        other=(block("[[3,2,5],[2,3,5],[5,5,10]]", ""),),
        wrong=("[[1,4,5],[4,1,5],[5,5,10]]", "[[2,3,5],[2,3,5],[5,5,10]]", "[[2,3],[3,2]]",
               "[[2,3,5],[3,2,5],[5,5,11]]"),
        unread=("2 3 3 2", "[[2.0,3,5],[3,2,5],[5,5,10]]", "[[?]]"),
        cheats=("[[2,3,5],[3,2,5],[5,5,10]] [[2,3,5],[2,3,5],[5,5,10]]",),
    ),
    Case(
        "time_sequence", {"records": {"answers": {"answer_maxLen": 60, "answer_nums": 3}}},
        "[60, 3]",
        right=("[60, 3]", "it is [60， 3]", "[[60, 3]]", "[30, 1] no, [60, 3, 9]"),
        wrong=("[60, 4]", "[3, 60]", "[60, '3']", "[true, 3]"),
        unread=("60, 3", "[60]", "[sixty, 3]", "[60, 3"),
        cheats=("[60, 3] or [60, 4]",),
    ),
    Case(
        "web_of_lies", {}, "yes, no",
        right=("The answer is **yes, no**", "So:\n**Truth, lie**.", "yes, no", "**是，否**"),
        wrong=("**no, no**", "**yes**", "**yes, no, no**", "**yes, unknown**",
               "The answer is **no**"),
        unread=("**maybe, no**", "yes, know", "", "**yes** or\nno", "**I know: yes, no**"),
        cheats=("**no, no** **yes, no**", "The answer is **yes, no**. The answer is **no, yes**"),
    ),
    Case(
        "word_sorting", {}, "apple,pear,fig",
        right=(boxed("apple, pear, fig"), "apple，pear，fig"),
        wrong=(boxed("pear, apple, fig"), boxed("Apple, pear, fig"), boxed("apple,pear")),
        unread=(r"\boxed{}", r"\boxed{apple"),
        cheats=(boxed("apple,pear,fig") + boxed("fig"), boxed("apple,pear,fig,apple,pear,fig")),
    ),
    Case(
        "word_sorting_mistake", {}, "7",
        right=(boxed("7"), "7"), wrong=(boxed("No"), boxed("8"), boxed("7 or 8")),
        unread=(r"\boxed{", r"\boxed{}"), cheats=(boxed("7") + boxed("No"), boxed("7, 8")),
    ),
    Case(
        "wordscapes",
        {"grid": [["X", "X", "X"], ["X", "0", "0"]], "across_words": ["CA"], "down_words": ["CO"]},
        '[["C","A","T"],["O"," ","0"]]',
        right=('[["C","A","T"],["O"," ","0"]]', "[['c','a','t'],['o','',0]]"),
        other=('[["C","A","N"],["O"," "," "]]',),
        wrong=('[["C","A","T"],["O","N","0"]]', '[["A","C","T"],["O"," "," "]]', '[["C","A"]]',
               '[["C","A"," "],["O"," "," "]]', '[["C","A","T"],["B"," "," "]]',
               '[["CA","A","T"],["CO"," "," "]]'),
        unread=("CAT", "[[C,A,T],[O,0,0]]", ""),
        cheats=('[["X","X","X"],["X","0","0"]] [["C","A","T"],["O"," ","0"]]',),
    ),
    Case(
        "zebra_puzzle", {}, '{"house 1": {"age": 1, "pet": ["cat"]}}',
        right=(block('{"house 1": {"pet": ["cat"], "age": 1}}', "json"),
               '{"house 1": {"age": 1, "pet": ["cat"]}}'),
        wrong=(block('{"house 1": {"age": "1", "pet": ["cat"]}}', "json"), "{}",
               block('{"house 1": {"age": 1.0, "pet": ["cat"]}}', "json"),
               block('{"house 1": {"age": true, "pet": ["cat"]}}', "json"),
               block('{"House 1": {"age": 1, "pet": ["cat"]}}', "json")),
        unread=("cat", block("{'a': f()}", "json"), block('{"a": 1, "a": 2}', "json")),
        cheats=(block('{"house 1": {"age": 1, "pet": ["cat"]}}', "json") + block("{}", "json"),),
    ),
]  # fmt: skip
