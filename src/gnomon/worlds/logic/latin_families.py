"""The families on Latin squares: settings by difficulty, and how each is asked.

Settings of SynLogic stand at levels 3 (Easy) to 5 (Hard); smaller ones before them, and the sides
of skyscrapers above 4, are ours.
"""

from __future__ import annotations

from gnomon.worlds.logic import latin
from gnomon.worlds.logic.family import Family, Wording

CALCUDOKO = Family(
    "calcudoko",
    latin.draw_calcudoko,
    (
        {"grid": 3, "largest": 2},
        {"grid": (3, 4), "largest": 3},
        {"grid": 4, "largest": 4},
        {"grid": 5, "largest": 4},
        {"grid": 6, "largest": 4},
    ),
    Wording(
        (
            "Fill the {n} x {n} grid with 1 to {n}, each once in every row and column. The digits "
            "of a region are different and come to its target with its operator: for - the larger "
            "less the smaller, for ÷ the larger by the smaller. Cells are (row,column) from 1.",
            "This is a calcudoku of side {n}: a Latin square of 1 to {n} whose regions (cells as "
            "(row,column), from 1) hold different digits that give the target by the operator "
            "behind it; - and ÷ are meant in either order.",
        ),
        "Answer as [[1 2,2 1]]: cells by spaces, rows by commas.",
        (
            "用 1 到 {n} 填满 {n} x {n} 的网格，每行每列各数字恰好出现一次。"
            "每个区域内的数字互不相同，"
            "并按其运算符得到目标值（- 与 ÷ 不分先后）。单元格写作（行,列），从 1 数起。",
        ),
        "请按 [[1 2,2 1]] 的形式作答：单元格用空格隔开，行用逗号隔开。",
    ),
    latin.tell_calcudoko,
    latin.confirm_calcudoko,
    latin.board_calcudoko,
)
FUTOSHIKI = Family(
    "futoshiki",
    latin.draw_futoshiki,
    (
        {"n": 3, "inequalities": 2, "given": 4},
        {"n": 4, "inequalities": 2, "given": 6},
        {"n": 4, "inequalities": (2, 4), "given": (2, 3)},
        {"n": 5, "inequalities": 7, "given": 4},
        {"n": 5, "inequalities": 10, "given": 5},
    ),
    Wording(
        (
            "Fill the {n} x {n} grid with 1 to {n}, each once in every row and column, keeping the "
            "given digits and the signs < and > between cells, which are (row,column) from 1.",
            "Solve this futoshiki of side {n}: a Latin square of 1 to {n} with the digits shown "
            "in which all relations between neighbouring cells, named (row,column) from 1, hold.",
        ),
        "Answer as [[1 2,2 1]]: cells by spaces, rows by commas.",
        (
            "用 1 到 {n} 填满 {n} x {n} 的网格，每行每列各数字恰好出现一次，"
            "保留已给数字，并满足单元格"
            "之间的 < 与 > 关系。单元格写作（行,列），从 1 数起。",
        ),
        "请按 [[1 2,2 1]] 的形式作答：单元格用空格隔开，行用逗号隔开。",
    ),
    latin.tell_futoshiki,
    latin.confirm_futoshiki,
    latin.board_futoshiki,
)
SKYSCRAPER_PUZZLE = Family(
    "skyscraper_puzzle",
    latin.draw_skyscraper,
    ({"n": 3}, {"n": (3, 4)}, {"n": 4}, {"n": (4, 5)}, {"n": 5}),
    Wording(
        (
            "Fill the {n} x {n} grid with buildings of height 1 to {n}, each once in every row and "
            "column. A number outside says how many buildings are seen from there along the line: "
            "a higher one hides those behind it. Top and bottom are told from left to right, left "
            "and right from top to bottom.",
            "Skyscrapers, {n} x {n}: find the Latin square of heights 1 to {n} in which the counts "
            "of visible buildings from all four sides are as given (columns from left to right, "
            "rows from top to bottom).",
        ),
        "Answer with the grid in a python block: ```python\n[[1, 2], [2, 1]]\n```",
        (
            "用高度 1 到 {n} 的楼填满 {n} x {n} 的网格，每行每列各高度恰好一次。"
            "外侧数字表示从该处沿线能"
            "看到的楼数，高楼会挡住后面较矮的楼。上下从左到右给出，左右从上到下给出。",
        ),
        "请在 python 代码块中给出网格：```python\n[[1, 2], [2, 1]]\n```",
    ),
    latin.tell_skyscraper,
    latin.confirm_skyscraper,
    latin.board_skyscraper,
)
SUDOKU = Family(
    "sudoku",
    latin.draw_sudoku,
    (
        {"kept": (70, 80)},
        {"kept": (56, 69)},
        {"kept": (46, 55)},
        {"kept": (36, 45)},
        {"kept": (25, 35)},
    ),
    Wording(
        (
            "Solve the sudoku: every row, column and 3 x 3 box has 1 to 9 once. Open cells are X "
            "in text and blank in a picture.",
            "Fill in this 9 x 9 sudoku (X or a blank is an open cell) so that no digit repeats in "
            "a row, a column or a 3 x 3 box.",
        ),
        "Answer with a tuple of nine tuples in a python block: "
        "```python\n((5, 3, ...), (6, 7, ...), ...)\n```",
        ("解这个数独：每行、每列、每个 3 x 3 宫都恰好包含 1 到 9。空格在文字中为 X，图中为空白。",),
        "请在 python 代码块中以九个元组组成的元组作答："
        "```python\n((5, 3, ...), (6, 7, ...), ...)\n```",
    ),
    latin.tell_sudoku,
    latin.confirm_sudoku,
    latin.board_sudoku,
)

LATIN_FAMILIES: tuple[Family, ...] = (CALCUDOKO, FUTOSHIKI, SKYSCRAPER_PUZZLE, SUDOKU)
