"""A record with every column that some reward term reads."""

from __future__ import annotations

from typing import Any

OPTIONS = {"A": "a red cup", "B": "a blue cup", "C": "a dog", "D": "a hen"}
CALLS = "change_size(2,'small')"
META: dict[str, Any] = {
    "image_caption": "two red cups on a table", "possible_answers": ["red"],
    "bboxs": [[0, 0, 9, 9]],
    "width": 448, "height": 448, "type": "pos", "y_star": "red", "r_plus_boxes": [[0, 0, 9, 9]],
    "r_minus_boxes": [[90, 90, 99, 99]], "problem_type": "multiple choice", "bbox": [0, 0, 9, 9],
    "gt": {"action": "click", "coordinate": [5, 5]}, "size": [1000, 1000], "subgoal": "open it",
    "answer_type": "letter", "solution": "B", "m": 2, "n": 2, "category": "multiple choice",
    "visual_key_info": "<info1>a cup is red</info1>", "difficulty": 2.0, "objects": [],
    "shown_options": OPTIONS, "span": [20, 40], "video_length": 100.0,
}  # fmt: skip
