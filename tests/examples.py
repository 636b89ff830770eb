"""Usable references of every kind, with a right and some wrong answers."""

from __future__ import annotations

from typing import Any

from gnomon.records import Answer

OPTIONS = {"A": "red", "B": "blue", "C": "green"}
TRIP = {
    "from": "Ada",
    "to": "Fermat",
    "lines": {
        "North": ["Ada", "Bode", "Cantor", "Darwin"],
        "South": ["Cantor", "Euler", "Fermat"],
    },
}
ROUTE = (
    "Route Name: North\nDeparture Stop: Ada\nArrival Stop: Cantor\n--\n"
    "Route Name: South\nDeparture Stop: Cantor\nArrival Stop: Fermat"
)
DYCK = {"family": "dyck_language", "facts": {"full_sequence": "([{}])"}, "gold": "([{}])"}
CLICK = {"action": "click", "coordinate": [120, 80], "bbox": [100, 60, 140, 100]}

EXAMPLES: list[tuple[Answer, str, list[str]]] = [
    (Answer("integer", 5), "5", ["6", "five", "5 or 6", "4, 5"]),
    (Answer("count", 3), "three", ["4", "-3", "three or four", "3.5"]),
    (Answer("number", 0.5), "1/2", ["0.4", "0.5 or 0.6"]),
    (Answer("quantity", "4.9 kJ"), "4900 J", ["4.9 J", "4.9 kW", "5 kJ", "4.9 kJ or 5 kJ"]),
    (Answer("expression", "x^2+1"), "x^2 + 1", ["x^3+1 or x^2+1", "9^{9^{9}}"]),
    (Answer("choice", "A", OPTIONS), "(A)", ["B", "A or B", "A, B, C", "A. blue"]),
    (Answer("yes-no", False), "No.", ["yes", "I know", "yes and no"]),
    (Answer("text", ("two", "2")), "Two", ["three", "two three"]),
    (Answer("code", "x = 1\nprint(x)"), "```python\nx = 1\n\nprint(x)\n```", ["x = 2"]),
    (Answer("list", ("a", "1/2")), "[a, 0.5]", ["[0.5, a]", "a", "a, 0.5, b"]),
    (Answer("set", ("a", "b")), "b and a", ["a", "a, b, c", "a, a, b"]),
    (Answer("permutation", (4, 1, 2, 3)), "4 1\n2 3", ["4 2 1 3", "1 1 1 1", "4 1 2", "4 1 2 3 4"]),
    (
        Answer("operations", (("shape", "2", "sphere"), ("size", "2", "small"))),
        "size(2, 'small') shape(2,'sphere')",
        ["size(2, 'small')", "size(2,'small') size(2,'small') shape(2,'sphere')", "none"],
    ),
    (Answer("box", (0, 0, 10, 10)), "[0, 0, 10, 10]", ["[0, 0, 1000, 1000]", "[5, 5]"]),
    (
        Answer("boxes", ((0, 0, 10, 10), (20, 0, 30, 10))),
        "[[20, 0, 30, 10], [0, 0, 10, 10]]",
        ["[[0, 0, 10, 10]]", "[[0, 0, 10, 10], [20, 0, 30, 10], [50, 50, 60, 60]]", "[[]]"],
    ),
    (Answer("point", (0, 0, 10, 10)), "(10, 5)", ["(11, 5)", "(1, 1), (2, 2)"]),
    (Answer("points", ((0, 0), (50, 50))), "[[50, 51], [0, 0]]", ["[[0, 0]]", "[[0, 0], [9, 99]]"]),
    (
        Answer("mask", [[0, 1], [0, 1]]),
        '{"size": [2, 2], "counts": [2, 2]}',
        ['{"size": [2, 2], "counts": [0, 2, 2]}', '{"size": [4, 4], "counts": [8, 8]}', "[[2]]"],
    ),
    (
        Answer("polygon", ((0, 0), (4, 0), (4, 4), (0, 4))),
        "[0, 0, 4, 0, 4, 4, 0, 4]",
        ["[100, 100, 104, 100, 104, 104]", "[0, 0, 4, 0]"],
    ),
    (
        Answer("layout", (("Title", (0, 0, 9, 2)), ("Text", (0, 3, 9, 9)))),
        '[{"type": "title", "box": [0, 0, 9, 2]}, {"label": "TEXT", "bbox": [0, 3, 9, 9]}]',
        [
            '[{"label": "text", "bbox": [0, 3, 9, 9]}, {"label": "title", "bbox": [0, 0, 9, 2]}]',
            '[{"label": "title", "bbox": [0, 0, 9, 2]}]',
        ],
    ),
    (Answer("span", (3.0, 8.5)), '{"time": [3, 8.5]}', ["[8.5, 3]", "0 to 1000 s", "3 s"]),
    (Answer("spans", ((0, 2), (4, 6))), "0-2 and 4-6", ["0-2, 7-9", "0-100"]),
    (
        Answer("track", {"1": (0, 0, 4, 4), "2": (1, 0, 5, 4)}),
        '{"1": [0, 0, 4, 4], "2": [1, 0, 5, 4]}',
        ['{"1": [90, 90, 94, 94]}', '{"1": [0, 0]}'],
    ),
    (
        Answer("action", CLICK),
        "[{'action': 'click', 'coordinate': [120, 80]}]",
        ['{"action": "click", "coordinate": [500, 500]}', '{"action": "scroll"}', "click"],
    ),
    (Answer("route", TRIP), ROUTE, [ROUTE.replace("South", "East"), ROUTE.split("\n--")[0]]),
    (Answer("puzzle", DYCK), "( [ {} ] )", ["([{}])([{}])", "])", "([{}]) or ([{}]]"]),
    (
        Answer("parts", {"a": Answer("integer", 5), "b": Answer("yes-no", True)}),
        "(a) 5\n(b) yes",
        ["(a) 5", "(a) 5\n(b) no", "(a) 4\n(a) 5\n(b) yes", "5"],
    ),
]

BAD: list[tuple[Any, Any]] = [
    ("count", -1),
    ("count", 2.0),
    ("quantity", "4.9"[:0]),
    ("quantity", "4.9 blorbs"),
    ("expression", " "),
    ("expression", "9^9^9"),
    ("text", ()),
    ("text", ("a", "?!")),
    ("code", ""),
    ("list", ()),
    ("set", [None]),
    ("permutation", (1, 1)),
    ("permutation", (0, 1)),
    ("operations", (("a", "b"),)),
    ("operations", (("a b", "1", "c"),)),
    ("boxes", ()),
    ("boxes", ((4, 0, 0, 4),)),
    ("point", (1,)),
    ("points", ((1, float("nan")),)),
    ("mask", [[0, 2]]),
    ("mask", {"size": [2, 2], "counts": [3]}),
    ("polygon", ((0, 0), (1, 1))),
    ("layout", (("", (0, 0, 1, 1)),)),
    ("span", (3, 3)),
    ("spans", ((3, 1),)),
    ("track", {}),
    ("track", {"1": (0, 0, 0, 0)}),
    ("action", {"coordinate": [1, 2]}),
    ("action", {"action": "click"}),
    ("action", {"action": "type"}),
    ("route", {"from": "a", "to": "b", "lines": {"1": ["a"], "2": ["b"]}}),
    ("route", {"from": "a"}),
    ("puzzle", "([{}])"),
    ("puzzle", {**DYCK, "family": "dyck"}),
    ("puzzle", {**DYCK, "facts": {}}),
    ("puzzle", {**DYCK, "facts": {"full_sequence": 5}}),
    ("puzzle", {**DYCK, "gold": "([{}]]"}),
    ("parts", {}),
    ("parts", {"a": 5}),
    ("parts", {"a": Answer("integer", "x")}),
    ("parts", {"a": Answer("parts", {"b": Answer("integer", 5)})}),
]
