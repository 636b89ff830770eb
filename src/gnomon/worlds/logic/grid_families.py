"""The other families on grids: settings by difficulty, and how each is asked.

Settings of SynLogic stand at levels 3 (Easy) to 5 (Hard), smaller ones before them are ours.
"""

from __future__ import annotations

from gnomon.worlds.logic import crossword, markers, paths, regions, sums, walls
from gnomon.worlds.logic.family import Family, Wording

ARROW_MAZE = Family(
    "arrow_maze",
    paths.draw_arrow_maze,
    (
        {"size": 3, "fill_rate": 0.8},
        {"size": 4, "fill_rate": 0.8},
        {"size": 5, "fill_rate": (0.75, 0.9)},
        {"size": 5, "fill_rate": (0.5, 0.7)},
        {"size": 5, "fill_rate": (0.3, 0.45)},
    ),
    Wording(
        (
            "Each number of this {n} x {n} maze sends out straight rays of arrows (↑↓←→↖↗↘↙), and "
            "tells how many arrows are on its rays together. Every arrow is on a ray of its own "
            "direction that begins at a number. Some arrows are hidden (X in text, blank in a "
            "picture): find them.",
            "Fill the hidden cells (X in text, blank in a picture) of the {n} x {n} maze with "
            "arrows ↑↓←→↖↗↘↙. From a number, rays of equal arrows run away in their direction; "
            "the number counts the arrows of all its rays, and no arrow is on no ray.",
        ),
        "Answer with the whole grid as a list of lists of strings in a code block, such as "
        '```python\n[["→", "2"], ["1", "↑"]]\n```',
        (
            "在这个 {n} x {n} 的迷宫中，每个数字向外发出由箭头（↑↓←→↖↗↘↙）组成的直线，"
            "数字等于它发出的"
            "所有箭头的总数。每个箭头都位于从某个数字出发、与其方向一致的直线上。请填出隐藏的箭头"
            "（文字中为 X，图中为空白）。",
        ),
        '请在代码块中以字符串二维列表给出整个网格，例如 ```python\n[["→", "2"], ["1", "↑"]]\n```',
    ),
    paths.tell_arrow_maze,
    paths.confirm_arrow_maze,
    paths.board_arrow_maze,
)
CAMPSITE = Family(
    "campsite",
    markers.draw_campsite,
    (
        {"n": 3, "m": 3, "tree_density": 0.1},
        {"n": 3, "m": 3, "tree_density": 0.2},
        {"n": (3, 4), "m": 4, "tree_density": 0.2},
        {"n": (4, 5), "m": (4, 5), "tree_density": 0.2},
        {"n": 5, "m": 5, "tree_density": 0.2},
    ),
    Wording(
        (
            "Put a tent next to each tree (T) of this {n} x {m} campsite, above, below, left or "
            "right of it, one tent for one tree. No two tents touch, not even at a corner. The "
            "numbers say how many tents are in each row and column.",
            "Every tree T of the {n} x {m} grid needs a tent of its own in an orthogonally "
            "adjacent free cell. Tents must not be neighbours, diagonals included, and their "
            "counts by row and by column are given.",
        ),
        'Answer with the grid as a list of lists of "C" (tent), "T" (tree) and "X" (nothing), '
        'such as [["T", "C"], ["X", "X"]].',
        (
            "在这个 {n} x {m} 的营地中，为每棵树 T 在其上下左右的空格搭一顶帐篷，一树一帐。任意两顶"
            "帐篷不能相邻（包括对角）。已给出各行各列的帐篷数。",
        ),
        '请以二维列表作答，"C" 为帐篷，"T" 为树，"X" 为空，例如 [["T", "C"], ["X", "X"]]。',
    ),
    markers.tell_campsite,
    markers.confirm_campsite,
    markers.board_campsite,
)
KUKURASU = Family(
    "kukurasu",
    sums.draw_kukurasu,
    (
        {"n": 3, "ones": 0.5},
        {"n": (3, 4), "ones": 0.4},
        {"n": 4, "ones": (0.2, 0.3)},
        {"n": 5, "ones": (0.2, 0.3)},
        {"n": 6, "ones": (0.2, 0.3)},
    ),
    Wording(
        (
            "Choose cells of a grid of {n} x {n}. A chosen cell adds its column number (from 1) to "
            "the sum of its row, and its row number to the sum of its column. Reach all sums.",
            "In this kukurasu of side {n} a 1 in column c counts c towards its row, and a 1 in row "
            "r counts r towards its column. Find the ones that give all the sums.",
        ),
        'Answer with the grid in JSON, "1" for a chosen cell and "X" for another, such as '
        '[["1", "X"], ["X", "1"]].',
        (
            "在 {n} x {n} 的网格中选取一些格子。被选的格子把它的列号（从 1 数起）"
            "计入所在行的和，把它的"
            "行号计入所在列的和。请使所有行和与列和都符合。",
        ),
        '请以 JSON 给出网格，选中为 "1"，否则为 "X"，例如 [["1", "X"], ["X", "1"]]。',
    ),
    sums.tell_kukurasu,
    sums.confirm_kukurasu,
    sums.board_kukurasu,
)
MINESWEEPER = Family(
    "minesweeper",
    markers.draw_minesweeper,
    (
        {"n": 3, "mine_den": 0.3, "reveal": 0.5},
        {"n": 4, "mine_den": 0.3, "reveal": 0.4},
        {"n": (5, 6), "mine_den": (0.3, 0.35), "reveal": (0.35, 0.4)},
        {"n": (8, 11), "mine_den": (0.3, 0.4), "reveal": (0.3, 0.4)},
        {"n": (13, 16), "mine_den": (0.3, 0.4), "reveal": (0.3, 0.4)},
    ),
    Wording(
        (
            "A number of this {n} x {n} minefield says how many of its eight neighbours are mines; "
            "the other cells (X in text, blank in a picture) are hidden. Which of them must be "
            "mines by a single number that has exactly as many hidden neighbours as it says?",
            "Minesweeper, {n} x {n}. Hidden cells are X in text and blank in a picture. Find all "
            "mines that one step proves: where a number equals the count of hidden cells among its "
            "eight neighbours, all of those are mines.",
        ),
        "Answer with a list of (row, column) from 0, such as [(0, 1), (2, 3)].",
        (
            "在这个 {n} x {n} 的雷区中，数字表示其周围八格中的地雷数，其余格子（"
            "文字中为 X，图中为空白）"
            "未翻开。若某个数字恰好等于它周围未翻开的格数，则这些格子都是地雷。"
            "请找出所有这样一步即可"
            "确定的地雷。",
        ),
        "请给出坐标列表 (行, 列)，从 0 数起，例如 [(0, 1), (2, 3)]。",
    ),
    paths.tell_grid,
    markers.confirm_minesweeper,
    paths.board_grid,
)
NORINORI = Family(
    "norinori",
    regions.draw_norinori,
    (
        {"n": 4, "regions": 2, "shadow": 0.0},
        {"n": 4, "regions": 3, "shadow": 0.0},
        {"n": 5, "regions": 3, "shadow": 0.1},
        {"n": 5, "regions": 4, "shadow": 0.1},
        {"n": 5, "regions": 5, "shadow": 0.1},
    ),
    Wording(
        (
            "Place dominoes on the {n} x {n} grid so that each region, marked by its letter, has "
            "exactly two covered cells. Dominoes share no edge, and may cross borders of regions. "
            "Cells marked X are in no region and must all be covered.",
            "Norinori, {n} x {n}: cover exactly two cells of every lettered region and every cell "
            "marked X (no region) with dominoes of two adjacent cells, none of which overlap or "
            "touch along an edge.",
        ),
        "Answer with the dominoes as [[(1,1),(1,2)],[(3,4),(4,4)]], cells (row,column) from 1.",
        (
            "在 {n} x {n} 的网格上放置多米诺骨牌，使每个字母区域恰有两格被覆盖。"
            "骨牌之间不得共边，可以"
            "跨越区域边界。标 X 的格子不属于任何区域，必须全部被覆盖。",
        ),
        "请按 [[(1,1),(1,2)],[(3,4),(4,4)]] 的形式给出骨牌，单元格为（行,列），从 1 数起。",
    ),
    regions.tell_norinori,
    regions.confirm_norinori,
    regions.board_regions,
)
NUMBER_WALL = Family(
    "number_wall",
    walls.draw_number_wall,
    (
        {"n": 3, "number_rate": 0.25},
        {"n": (3, 4), "number_rate": 0.25},
        {"n": 4, "number_rate": (0.15, 0.25)},
        {"n": (4, 5), "number_rate": (0.15, 0.25)},
        {"n": 5, "number_rate": (0.15, 0.25)},
    ),
    Wording(
        (
            "Build walls (A) on the {n} x {n} grid. What is left are islands: each has one of the "
            "given numbers, which is its size in cells joined by edges. Islands do not touch, not "
            "even at a corner, and no 2 x 2 cells are all wall.",
            "Number wall, {n} x {n}: decide for each open cell between island (X) and wall (A), so "
            "that every island of edge-connected cells holds exactly one number, equal to its "
            "size, islands are apart even diagonally, and the wall has no 2 x 2 block.",
        ),
        'Answer with the grid as a list of lists of numbers, "X" (island) and "A" (wall), such as '
        '[[2, "A"], ["X", "A"]].',
        (
            "在 {n} x {n} 的网格中砌墙（A），剩下的是岛：每个岛恰含一个给定数字，"
            "等于其以边相连的格数。"
            "岛与岛不能接触（包括对角），墙不能占满任何 2 x 2 的格子。",
        ),
        '请以二维列表作答，由数字、"X"（岛）和 "A"（墙）组成，例如 [[2, "A"], ["X", "A"]]。',
    ),
    paths.tell_grid,
    walls.confirm_number_wall,
    paths.board_grid,
)
NUMBRIX = Family(
    "numbrix",
    paths.draw_numbrix,
    (
        {"n": 3, "fill_rate": 0.6},
        {"n": 4, "fill_rate": 0.5},
        {"n": 6, "fill_rate": 0.4},
        {"n": (7, 9), "fill_rate": (0.3, 0.4)},
        {"n": (10, 12), "fill_rate": (0.3, 0.4)},
    ),
    Wording(
        (
            "Fill the {n} x {n} grid with 1 to {last}, each once, so that numbers that follow each "
            "other are neighbours by an edge. Open cells are X in text and blank in a picture.",
            "Numbrix, {n} x {n}: complete one path from 1 to {last} that moves up, down, left or "
            "right and visits every cell; keep the numbers shown (X or a blank is an open cell).",
        ),
        "Answer with the grid as a list of lists, such as [[1, 2], [4, 3]].",
        (
            "用 1 到 {last} 填满 {n} x {n} 的网格，每个数字恰好一次，"
            "相邻的数字必须在上下左右相邻的格子里。"
            "空格在文字中为 X，图中为空白。",
        ),
        "请以二维列表作答，例如 [[1, 2], [4, 3]]。",
    ),
    paths.tell_grid,
    paths.confirm_numbrix,
    paths.board_grid,
)
STAR_PLACEMENT_PUZZLE = Family(
    "star_placement_puzzle",
    regions.draw_star_placement_puzzle,
    (
        {"n": 4, "k": 1},
        {"n": 5, "k": 1},
        {"n": 6, "k": 1},
        {"n": (7, 8), "k": 1},
        {"n": 9, "k": 2},
    ),
    Wording(
        (
            "Place stars on the {n} x {n} map so that each row, each column and each region (cells "
            "of one letter) has exactly {k}, and no two stars touch, not even at a corner.",
            "Star battle: every row, column and lettered region of the {n} x {n} grid gets exactly "
            "{k} of the stars, and stars are never neighbours, diagonals included.",
        ),
        "Answer with the cells (row, column), from 1, by region in a python block: "
        '```python\n{"A": [(1, 2)], "B": [(3, 1)]}\n```',
        (
            "在 {n} x {n} 的地图上放置星星，使每行、每列、每个区域（同一字母的格子）"
            "恰有 {k} 颗，且任意"
            "两颗星不能相邻（包括对角）。",
        ),
        "请在 python 代码块中按区域给出格子（行, 列），从 1 数起："
        '```python\n{"A": [(1, 2)], "B": [(3, 1)]}\n```',
    ),
    regions.tell_star_placement_puzzle,
    regions.confirm_star_placement_puzzle,
    regions.board_regions,
)
SURVO = Family(
    "survo",
    sums.draw_survo,
    (
        {"n": 3, "hidden": (1, 2)},
        {"n": (3, 4), "hidden": 3},
        {"n": 4, "hidden": (4, 6)},
        {"n": (5, 6), "hidden": (6, 8)},
        {"n": (7, 8), "hidden": (8, 12)},
    ),
    Wording(
        (
            "The last row and the last column of the {n} x {n} matrix are the sums of the numbers "
            "before them. Put these numbers, each once, into the hidden cells (X in text, blank in "
            "a picture): {numbers}.",
            "Survo, {n} x {n}, sums at the right and at the bottom: fill the open cells (X or "
            "blank) with exactly the numbers {numbers} so that all sums are right.",
        ),
        "Answer with the whole matrix as a list of lists, such as [[1, 2, 3], [4, 5, 9], "
        "[5, 7, 12]].",
        (
            "在这个 {n} x {n} 的矩阵中，最后一行和最后一列是前面各数之和。"
            "请把数字 {numbers} 各用一次填入"
            "隐藏的格子（文字中为 X，图中为空白）。",
        ),
        "请以二维列表给出整个矩阵，例如 [[1, 2, 3], [4, 5, 9], [5, 7, 12]]。",
    ),
    sums.tell_survo,
    sums.confirm_survo,
    sums.board_survo,
)
WORDSCAPES = Family(
    "wordscapes",
    crossword.draw_wordscapes,
    (
        {"size": 3, "words": 2, "intersections": 1},
        {"size": 4, "words": 3, "intersections": 2},
        {"size": 4, "words": 4, "intersections": 3},
        {"size": 4, "words": 5, "intersections": 3},
        {"size": 5, "words": 6, "intersections": 4},
    ),
    Wording(
        (
            "Write the words into the crossword, one letter for each cell that is X in text or "
            "white in a picture; cells of 0 or grey stay empty. Across: {across}. Down: {down}.",
            "Place these words on the layout, where X (white in a picture) takes a letter and 0 "
            "(grey) takes none. From left to right: {across}. From top to bottom: {down}.",
        ),
        'Answer with the grid as a list of lists of letters, "0" for an empty cell, such as '
        '[["c", "a", "t"], ["0", "0", "o"], ["0", "0", "e"]].',
        (
            "把单词填入纵横字谜：文字中为 X（图中为白色）的格子各填一个字母，0（灰色）的格子留空。"
            "横向：{across}。纵向：{down}。",
        ),
        '请以字母二维列表作答，空格为 "0"，'
        '例如 [["c", "a", "t"], ["0", "0", "o"], ["0", "0", "e"]]。',
    ),
    crossword.tell_wordscapes,
    crossword.confirm_wordscapes,
    crossword.board_wordscapes,
)

GRID_FAMILIES: tuple[Family, ...] = (
    ARROW_MAZE, CAMPSITE, KUKURASU, MINESWEEPER, NORINORI, NUMBER_WALL, NUMBRIX,
    STAR_PLACEMENT_PUZZLE, SURVO, WORDSCAPES,
)  # fmt: skip
