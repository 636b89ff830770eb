"""Grids cut into regions: norinori and star placement."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from gnomon.worlds.logic.board import Board
from gnomon.worlds.logic.family import (
    Facts,
    Language,
    Puzzle,
    fence_of,
    fenced,
    first_of,
    lines,
    require,
)
from gnomon.worlds.logic.paths import ORTHOGONAL
from gnomon.worlds.scene import LETTERS, pick, shuffled
from gnomon.worlds.world import Posed

Place = tuple[int, int]
AROUND = tuple((r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if r or c)


def beside(place: Place, n: int, steps: Sequence[Place] = ORTHOGONAL) -> list[Place]:
    """Neighbours of a cell inside an n x n grid."""
    row, column = place
    return [(row + r, column + c) for r, c in steps if 0 <= row + r < n and 0 <= column + c < n]


def all_cells(n: int) -> list[Place]:
    """The cells of an n x n grid in raster order."""
    return [(row, column) for row in range(n) for column in range(n)]


def grown(rng: np.random.Generator, n: int, seeds: Sequence[Place]) -> dict[Place, int]:
    """Every cell that can be reached with the number of the seed whose area has grown over it.

    Cells are taken one at a time, each from a random cell of the border.
    """
    owner = {seed: number for number, seed in enumerate(seeds)}
    border = list(seeds)
    chances = rng.random(8 * n * n).tolist()
    while border:
        place = int(chances.pop() * len(border)) if chances else 0
        cell = border[place]
        free = [near for near in beside(cell, n) if near not in owner]
        if not free:
            border[place] = border[-1]
            border.pop()
            continue
        taken = free[int(chances.pop() * len(free)) if chances else 0]
        owner[taken] = owner[cell]
        border.append(taken)
    return owner


def paired(
    rng: np.random.Generator, owner: dict[Place, int], count: int, n: int
) -> dict[int, int] | None:
    """Touching areas joined two and two: area to pair, or None when one is left over."""
    touching: dict[int, set[int]] = {area: set() for area in range(count)}
    for cell, area in owner.items():
        for near in beside(cell, n):
            if near in owner and owner[near] != area:
                touching[area].add(owner[near])
    pair: dict[int, int] = {}
    left = shuffled(rng, range(count))
    while left:
        # The area of fewest partners first seldom leaves one alone.
        area = min(left, key=lambda one: len(touching[one].intersection(left)))
        partners = sorted(touching[area].intersection(left))
        if not partners:
            return None
        other = pick(rng, partners)
        left = [one for one in left if one not in (area, other)]
        pair[area] = pair[other] = len(pair) // 2
    return pair


def draw_star_placement_puzzle(rng: np.random.Generator, *, n: int, k: int = 1) -> Puzzle:
    """A map of n regions grown around stars, k in each row, column and region, none touching.

    Raises ValueError for k above 2 and a grid too small for its stars (n of 4 for one, 8 for two).
    """
    require(k in (1, 2), f"k={k}: use 1 or 2 stars in a row")
    least = {1: 4, 2: 8}[k]
    require(least <= n <= 23, f"n={n}: use {least} to 23 rows for {k} in each")
    stars, labels = first_of(lambda: _sky(rng, n, k), f"map of {n} regions")
    region_grid = [[LETTERS[labels[r, c]] for c in range(n)] for r in range(n)]
    found: dict[str, list[Place]] = {}
    for row, column in sorted(stars):
        found.setdefault(region_grid[row][column], []).append((row + 1, column + 1))
    text = str(dict(sorted(found.items())))
    key = "".join(map("".join, region_grid))
    facts = {"n": n, "k": k, "region_grid": region_grid}
    return Puzzle(facts, text, fenced(text), f"{k} {key}", n * n * k)


def _sky(rng: np.random.Generator, n: int, k: int) -> tuple[list[Place], dict[Place, int]] | None:
    stars = _stars(rng, n, k)
    if stars is None:
        return None
    owner = grown(rng, n, stars)
    pair = {star: star for star in range(n)} if k == 1 else paired(rng, owner, n * k, n)
    if pair is None:
        return None
    return stars, {cell: pair[area] for cell, area in owner.items()}


def _stars(rng: np.random.Generator, n: int, k: int) -> list[Place] | None:
    """Row after row at random, those columns first that need most stars; None in a dead end."""
    need, above, stars = [k] * n, set[int](), []
    for row in range(n):
        rest = n - row
        must = [c for c in range(n) if need[c] >= (rest + 1) // 2 and need[c] and c not in above]
        can = [c for c in range(n) if need[c] and c not in above]
        chosen = _apart(rng, can, must if k == 2 and rest <= 3 else [], k)
        if chosen is None:
            return None
        for column in chosen:
            need[column] -= 1
            stars.append((row, column))
        above = {column + step for column in chosen for step in (-1, 0, 1)}
    return stars


def _apart(
    rng: np.random.Generator, can: list[int], must: list[int], k: int
) -> tuple[int, ...] | None:
    sets = [one for one in combinations(can, k) if k == 1 or one[1] - one[0] > 1]
    best = max((len(set(one).intersection(must)) for one in sets), default=0)
    sets = [one for one in sets if len(set(one).intersection(must)) == best]
    return pick(rng, sets) if sets else None


def confirm_star_placement_puzzle(posed: Posed) -> bool:
    """Counts by line and region, and no two stars in reach of a king's step."""
    facts = posed.facts
    n, k, regions = facts["n"], facts["k"], facts["region_grid"]
    found = json.loads(
        fence_of(posed.answer_text).replace("'", '"').replace("(", "[").replace(")", "]")
    )
    stars = [(row - 1, column - 1) for cells in found.values() for row, column in cells]
    counts = [sorted(line) for line in zip(*((r, c, regions[r][c]) for r, c in stars), strict=True)]
    wanted = sorted({cell for row in regions for cell in row})
    right = counts == [sorted([*range(n)] * k)] * 2 + [sorted(wanted * k)]
    return right and all(
        max(abs(a[0] - b[0]), abs(a[1] - b[1])) > 1 for a, b in combinations(stars, 2)
    )


def tell_star_placement_puzzle(facts: Facts, language: Language) -> dict[str, str]:
    """The map by letters."""
    return {"puzzle": lines(facts["region_grid"]), "n": str(facts["n"]), "k": str(facts["k"])}


def board_regions(facts: Facts) -> Board:
    """The map: letters small in each region's first cell, borders between regions."""
    grid = tuple(tuple(row) for row in facts["region_grid"])
    n = len(grid)
    shaded = frozenset(cell for cell in all_cells(n) if grid[cell[0]][cell[1]] == "X")
    corners: dict[Place, str] = {}
    for cell in all_cells(n):
        if cell not in shaded and grid[cell[0]][cell[1]] not in corners.values():
            corners[cell] = grid[cell[0]][cell[1]]
    return Board((("",) * n,) * n, grid, corners, shaded)


def draw_norinori(
    rng: np.random.Generator, *, n: int = 5, regions: int, shadow: float = 0.1
) -> Puzzle:
    """Dominoes that share no edge, on a map where each region has two covered cells.

    About a share ``shadow`` of all cells, always covered ones, is marked X and in no region; the
    regions, of two cells at least, take all others, so with few regions they are larger than the 2
    to 4 cells of the source. Raises ValueError when the dominoes do not fit.
    """
    require(3 <= n <= 12, f"n={n}: use a grid of side 3 to 12")
    require(0 <= shadow < 0.5, f"shadow={shadow}: use a share from 0 to below 0.5")
    # X is no name of a region.
    most = min(n * n // 5, LETTERS.index("X"))
    require(1 <= regions <= most, f"regions={regions}: a grid of side {n} takes 1 to {most}")
    # An even number of shadows leaves whole regions of two covered cells.
    dark = 2 * round(shadow * n * n / 2)
    dominoes, labels = first_of(
        lambda: _covered(rng, n, regions + dark // 2, dark), f"map of {regions} regions"
    )
    names = {cell: LETTERS[area] for cell, area in labels.items()}
    region_grid = [[names.get((r, c), "X") for c in range(n)] for r in range(n)]
    told = [[(r + 1, c + 1) for r, c in domino] for domino in sorted(dominoes)]
    facts = {"region_grid": region_grid}
    key = "".join(map("".join, region_grid))
    return Puzzle(facts, str(told), str(told), key, n * n + 10 * len(told))


def _covered(
    rng: np.random.Generator, n: int, count: int, dark: int
) -> tuple[list[list[Place]], dict[Place, int]] | None:
    dominoes = _dominoes(rng, n, count)
    if dominoes is None:
        return None
    covered = shuffled(rng, [cell for domino in dominoes for cell in domino])
    shadows, seeds = set(covered[:dark]), covered[dark:]
    owner = _grown_around(rng, n, seeds, shadows)
    if len(owner) + dark < n * n:
        return None
    pair = paired(rng, owner, len(seeds), n)
    return None if pair is None else (dominoes, {c: pair[area] for c, area in owner.items()})


def _grown_around(
    rng: np.random.Generator, n: int, seeds: Sequence[Place], shadows: set[Place]
) -> dict[Place, int]:
    owner = grown(rng, n, [*seeds, *sorted(shadows)])
    # What a shadow has grown over goes to a neighbour, as a shadow stands alone.
    lost = [cell for cell in owner if owner[cell] >= len(seeds) and cell not in shadows]
    kept = {cell: area for cell, area in owner.items() if area < len(seeds)}
    for _ in range(n):
        for cell in lost:
            near = [kept[other] for other in beside(cell, n) if other in kept]
            if cell not in kept and near:
                kept[cell] = pick(rng, near)
    return kept


def _dominoes(rng: np.random.Generator, n: int, count: int) -> list[list[Place]] | None:
    pairs = [[(r, c), (r, c + 1)] for r in range(n) for c in range(n - 1)]
    pairs += [[(r, c), (r + 1, c)] for r in range(n - 1) for c in range(n)]
    taken: set[Place] = set()
    chosen: list[list[Place]] = []
    for pair in shuffled(rng, pairs):
        if len(chosen) < count and not taken.intersection(pair):
            chosen.append(pair)
            taken.update(pair, *(beside(cell, n) for cell in pair))
    return chosen if len(chosen) == count else None


def confirm_norinori(posed: Posed) -> bool:
    """Dominoes, no edge shared, two covered cells for each region, every shadow covered."""
    grid = posed.facts["region_grid"]
    n = len(grid)
    pairs = json.loads(posed.answer_text.replace("(", "[").replace(")", "]"))
    dominoes = [[(r - 1, c - 1) for r, c in pair] for pair in pairs]
    whose = {cell: number for number, pair in enumerate(dominoes) for cell in pair}
    if len(whose) != 2 * len(dominoes):
        return False
    # Each covered cell touches its own half and no other.
    alone = all(
        [whose[near] for near in beside(cell, n) if near in whose] == [number]
        for cell, number in whose.items()
    )
    inside = [grid[r][c] for r, c in whose]
    counts = {name: inside.count(name) for row in grid for name in row}
    dark = sum(row.count("X") for row in grid)
    return alone and all(count == (dark if name == "X" else 2) for name, count in counts.items())


def tell_norinori(facts: Facts, language: Language) -> dict[str, str]:
    """The map by letters."""
    grid = facts["region_grid"]
    return {"puzzle": lines(grid), "n": str(len(grid))}
