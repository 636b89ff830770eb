"""The families told as stories, tables and examples: settings by difficulty, and how each is asked.

Settings of SynLogic stand at levels 3 (Easy) to 5 (Hard), smaller ones before them are ours, and so
is all of arc_agi and zebra_puzzle.
"""

from __future__ import annotations

from gnomon.worlds.logic import exchange, ours, places, schedule, stories, tables
from gnomon.worlds.logic.family import Family, Wording

ARC_AGI = Family(
    "arc_agi",
    ours.draw_arc_agi,
    (
        {"size": 3, "steps": 1, "examples": 3},
        {"size": (3, 4), "steps": 1, "examples": 3},
        {"size": (4, 5), "steps": 2, "examples": 3},
        {"size": (6, 7), "steps": 2, "examples": 3},
        {"size": (8, 9), "steps": 3, "examples": 3},
    ),
    Wording(
        (
            "The digits of these grids are colours, 0 is black. One rule turns every input into "
            "its output. Find it, and give the output of the test input.",
            "Each pair of grids shows one and the same change. Apply it to the test input.",
        ),
        "Answer with the grid in a json block: ```json\n[[1, 0], [0, 1]]\n```",
        (
            "网格中的数字表示颜色，0 为黑色。同一规则把每个输入变成输出。请找出规则，"
            "并给出测试输入的输出。",
        ),
        "请在 json 代码块中给出网格：```json\n[[1, 0], [0, 1]]\n```",
    ),
    ours.tell_arc_agi,
    ours.confirm_arc_agi,
)
BUGGY_TABLES = Family(
    "buggy_tables",
    tables.draw_buggy_tables,
    (
        {"rows": (4, 6), "bug_rate": (0.1, 0.2), "filters": 1},
        {"rows": (8, 12), "bug_rate": (0.1, 0.2), "filters": 1},
        {"rows": (25, 30), "bug_rate": (0.05, 0.2), "filters": 2},
        {"rows": (32, 40), "bug_rate": (0.05, 0.2), "filters": (2, 3)},
        {"rows": (45, 65), "bug_rate": (0.25, 0.35), "filters": (2, 3)},
    ),
    Wording(
        (
            "The table was damaged in the way that is described below it. In the right table, over "
            "the rows where {filters}, what is the absolute difference of {one} and {other}?",
            "First undo the damage described below the table. Then keep the rows where {filters}, "
            "and give the absolute difference between {one} and {other}.",
        ),
        "Answer with a number with exactly two decimals, such as 12.50.",
        (
            "下表按表下所述方式受到了损坏。在正确的表中，对满足 {filters} 的行，"
            "{one}与{other}之差的绝对值是多少？",
        ),
        "请给出恰好两位小数的数，例如 12.50。",
    ),
    tables.tell_buggy_tables,
    tables.confirm_buggy_tables,
)
GOODS_EXCHANGE = Family(
    "goods_exchange",
    exchange.draw_goods_exchange,
    (
        {"people": 3, "operations": 2},
        {"people": (4, 6), "operations": (3, 5)},
        {"people": 20, "operations": (10, 15)},
        {"people": (20, 30), "operations": (30, 50)},
        {"people": 30, "operations": (80, 100)},
    ),
    Wording(
        (
            "Everybody owns one item. After all that happens in this order, who owns what?",
            "Follow the exchanges from the first to the last and tell what each person owns in the "
            "end.",
        ),
        "Answer with a tuple of (person, item) pairs in a python block: "
        "```python\n(('Ann', 'cup'), ('Bob', 'hat'))\n```",
        ("每人拥有一件物品。按顺序完成下列事件后，各人拥有什么？",),
        "请在 python 代码块中以（人, 物品）对的元组作答："
        "```python\n(('Ann', 'cup'), ('Bob', 'hat'))\n```",
    ),
    exchange.tell_goods_exchange,
    exchange.confirm_goods_exchange,
)
OBJECT_COUNTING = Family(
    "object_counting",
    stories.draw_object_counting,
    (
        {"categories": 1, "items": 2, "counts": 5, "changes": 0},
        {"categories": 2, "items": (3, 4), "counts": 10, "changes": 1},
        {"categories": 3, "items": (4, 6), "counts": 20, "changes": (2, 4)},
        {"categories": (4, 5), "items": (7, 9), "counts": 40, "changes": (5, 8)},
        {"categories": (6, 7), "items": 10, "counts": 60, "changes": (10, 14)},
    ),
    Wording(
        (
            "How many things of the category {category} do I have in the end? Things of other "
            "people do not count.",
            "Count my {category} at the end of this story; what belongs to others is not mine.",
        ),
        r"Answer with the number, such as \boxed{7}.",
        ("最后我有多少个{category}类的东西？别人的东西不算。",),
        r"请给出数目，例如 \boxed{7}。",
    ),
    stories.tell_object_counting,
    stories.confirm_object_counting,
)
OBJECT_PROPERTIES = Family(
    "object_properties",
    stories.draw_object_properties,
    (
        {"items": 2, "transformations": 1},
        {"items": (3, 5), "transformations": (1, 2)},
        {"items": (10, 12), "transformations": (2, 3)},
        {"items": (15, 20), "transformations": (3, 5)},
        {"items": (25, 30), "transformations": (5, 6)},
    ),
    Wording(
        (
            "Here is a list of items and what happens to it, in order. How many items of the list "
            "have the {property} {value} in the end?",
            "Apply the numbered changes one after the other to the list. Then count the items "
            "whose {property} is {value}.",
        ),
        r"Answer with the number, such as \boxed{4}.",
        ("下面是一个物品列表及依次发生的变化。最后列表中有多少个物品的{property}为{value}？",),
        r"请给出数目，例如 \boxed{4}。",
    ),
    stories.tell_object_properties,
    stories.confirm_object_properties,
)
SPACE_REASONING = Family(
    "space_reasoning",
    places.draw_space_reasoning,
    (
        {"waypoints": 2, "unknown": 0, "jump_ratio": 0.0, "last": 1},
        {"waypoints": 3, "unknown": 1, "jump_ratio": 0.2, "last": 1},
        {"waypoints": (3, 5), "unknown": (1, 2), "lattice": ["square", "diamond"]},
        {"waypoints": (6, 8), "unknown": (2, 4), "lattice": ["square", "diamond", "triangle"]},
        {"waypoints": (9, 10), "unknown": (4, 5), "lattice": ["square", "diamond", "triangle"]},
    ),
    Wording(
        (
            "You walk on {lattice}. What is at the node where you are in the end, if you know?",
            "Keep track of where you are on {lattice}, and name the item at the last node, if it "
            "was seen.",
        ),
        r"Answer with the item, such as \boxed{cup}, or \boxed{unknown}.",
        ("你在{lattice}上行走。最后所在的节点有什么物品（若已知）？",),
        r"请给出物品，例如 \boxed{cup}；若未知，回答 \boxed{unknown}。",
    ),
    places.tell_space_reasoning,
    places.confirm_space_reasoning,
)
SPACE_REASONING_TREE = Family(
    "space_reasoning_tree",
    places.draw_space_reasoning_tree,
    (
        {"nodes": (6, 8), "layers": 3},
        {"nodes": (12, 16), "layers": 3},
        {"nodes": (50, 60), "layers": 5},
        {"nodes": (100, 150), "layers": 5},
        {"nodes": (250, 300), "layers": 5},
    ),
    Wording(
        (
            "Everybody here has one known parent, siblings share it. Cousins share a grandparent "
            "but not a parent. Who are the cousins of {asked}?",
            "This is what is known of a family tree, where each person has one parent in it. Name "
            "all the cousins of {asked}: those with another parent but the same grandparent.",
        ),
        r"Answer with their names, such as \boxed{Ann, Bob}.",
        (
            "这里每人只有一位已知的父母，兄弟姐妹同一父母。"
            "堂表亲有相同的祖父母而父母不同。谁是 {asked} 的"
            "堂表亲？",
        ),
        r"请给出所有名字，例如 \boxed{Ann, Bob}。",
    ),
    places.tell_space_reasoning_tree,
    places.confirm_space_reasoning_tree,
)
TIME_SEQUENCE = Family(
    "time_sequence",
    schedule.draw_time_sequence,
    (
        {"people": 1, "rule_prob": 0, "days": 1},
        {"people": 2, "rule_prob": 0, "days": (1, 2)},
        {"people": 2, "rule_prob": (0, 40), "days": 5},
        {"people": (3, 4), "rule_prob": (40, 70), "days": 5},
        {"people": 5, "rule_prob": (70, 100), "days": 5},
    ),
    Wording(
        (
            "These are the appointments of {days}, 9:00 to 17:00. A meeting of all of them starts "
            "on a full or half hour and lasts a multiple of five minutes. How many minutes can it "
            "last at most, and how many starts in the week allow that length?",
            "Find a common gap in these calendars ({days}, 9:00 to 17:00). A meeting may begin "
            "only at a full or half hour, in steps of five minutes; give the longest possible one "
            "in minutes and how many starts there are for it.",
        ),
        "Answer with [minutes, number of starts], such as [45, 2].",
        (
            "以下是 {days} 9:00 到 17:00 的日程。所有人参加的会议只能在整点或半点开始，"
            "时长为五分钟的倍数。"
            "会议最长可达多少分钟？有多少个开始时间可以达到这一时长？",
        ),
        "请以 [分钟数, 开始时间个数] 作答，例如 [45, 2]。",
    ),
    schedule.tell_time_sequence,
    schedule.confirm_time_sequence,
)
ZEBRA_PUZZLE = Family(
    "zebra_puzzle",
    ours.draw_zebra_puzzle,
    (
        {"houses": 2, "attributes": 2},
        {"houses": 3, "attributes": 2},
        {"houses": 3, "attributes": 3},
        {"houses": 4, "attributes": 3},
        {"houses": 4, "attributes": 4},
    ),
    Wording(
        (
            "{n} houses stand in a row, numbered from left to right. Each has one value of each "
            "attribute, none twice. What is in which house?",
            "Work out from the clues which value of each attribute belongs to each of the {n} "
            "houses, which are numbered from the left; every value is used once.",
        ),
        'Answer in a json block: ```json\n{"House 1": {"job": "baker", "drink": "tea"}, '
        '"House 2": {"job": "pilot", "drink": "milk"}}\n```',
        (
            "{n} 座房子从左到右编号排成一行，每座房子对每个属性各有一个值，互不重复。"
            "每座房子里各是什么？",
        ),
        '请在 json 代码块中作答：```json\n{"House 1": {"job": "baker", "drink": "tea"}, '
        '"House 2": {"job": "pilot", "drink": "milk"}}\n```',
    ),
    ours.tell_zebra_puzzle,
    ours.confirm_zebra_puzzle,
)

STORY_FAMILIES: tuple[Family, ...] = (
    ARC_AGI, BUGGY_TABLES, GOODS_EXCHANGE, OBJECT_COUNTING, OBJECT_PROPERTIES, SPACE_REASONING,
    SPACE_REASONING_TREE, TIME_SEQUENCE, ZEBRA_PUZZLE,
)  # fmt: skip
