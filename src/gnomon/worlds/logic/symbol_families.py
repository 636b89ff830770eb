"""The families of numbers, brackets, words and truths: their settings, and how each is asked.

Settings of SynLogic stand at levels 3 (Easy) to 5 (Hard), smaller ones before them are ours.
"""

from __future__ import annotations

from gnomon.worlds.logic import arithmetic, brackets, operation, truths, words
from gnomon.worlds.logic.family import Family, Wording

BOOLEAN_EXPRESSIONS = Family(
    "boolean_expressions",
    truths.draw_boolean_expressions,
    (
        {"depth": 1, "options": 2},
        {"depth": 1, "options": 3},
        {"depth": 2, "options": 4},
        {"depth": 3, "options": 5},
        {"depth": 4, "options": 6},
    ),
    Wording(
        (
            "Which of these options are true? There may be several.",
            "Evaluate each option and name all of those that hold.",
        ),
        r"Answer with their letters, such as \boxed{A,C}.",
        ("下列选项中哪些为真？可能有多个。",),
        r"请给出所有为真的选项字母，例如 \boxed{A,C}。",
    ),
    truths.tell_boolean_expressions,
    truths.confirm_boolean_expressions,
)
CIPHER = Family(
    "cipher",
    words.draw_cipher,
    (
        {"letters": (3, 4), "method": ["caesar", "atbash"]},
        {"letters": (5, 8), "method": ["caesar", "atbash"]},
        {"letters": (9, 12), "method": ["caesar", "atbash", "rail-fence"]},
        {"letters": (13, 20), "method": ["caesar", "atbash", "rail-fence"]},
        {"letters": (16, 24), "method": "both"},
    ),
    Wording(
        (
            "Decipher this text. It was made from the plain text like this: {rules}",
            "Find the plain text behind the secret one below. Rule of the cipher: {rules}",
        ),
        'Answer with the plain text in a python block: ```python\n[["TEXT"]]\n```',
        ("请破译下面的密文。加密规则：{rules}",),
        '请在 python 代码块中给出明文：```python\n[["TEXT"]]\n```',
    ),
    words.tell_cipher,
    words.confirm_cipher,
)
CRYPTARITHM = Family(
    "cryptarithm",
    arithmetic.draw_cryptarithm,
    (
        {"num_letter": 3, "operator_num": 1, "level": 1},
        {"num_letter": 3, "operator_num": 1, "level": 2},
        {"num_letter": (3, 4), "operator_num": 1, "level": 2},
        {"num_letter": 4, "operator_num": 1, "level": 2},
        {"num_letter": 4, "operator_num": 2, "level": 3},
    ),
    Wording(
        (
            "Each letter stands for one digit, different letters for different digits, and no "
            "number begins with 0. Which equation is it?",
            "Replace the letters by digits, one to one and without leading zeros, so that the "
            "equation is true.",
        ),
        "Answer with the equation in digits, such as 12 + 9 = 21.",
        ("每个字母代表一个数字，不同字母代表不同数字，任何数的首位都不为 0。请还原这个等式。",),
        "请用数字写出等式，例如 12 + 9 = 21。",
    ),
    arithmetic.tell_cryptarithm,
    arithmetic.confirm_cryptarithm,
)
DYCK_LANGUAGE = Family(
    "dyck_language",
    brackets.draw_dyck_language,
    (
        {"n_types": (1, 2), "total_length": 4, "to_fill": 1},
        {"n_types": 2, "total_length": 8, "to_fill": 1},
        {"n_types": (2, 3), "total_length": 10, "to_fill": 1},
        {"n_types": (3, 4), "total_length": 15, "to_fill": 3},
        {"n_types": 4, "total_length": 20, "to_fill": 5},
    ),
    Wording(
        (
            "Complete the sequence of brackets so that every one is closed in the right order. "
            "Missing at its end: {missing}.",
            "The last {missing} of the brackets of this well-formed sequence were cut off. Write "
            "the whole of it.",
        ),
        "Answer with the full sequence without spaces, such as ([]{}).",
        ("请补全这个括号序列，使所有括号按正确顺序闭合。末尾缺 {missing} 个。",),
        "请给出不含空格的完整序列，例如 ([]{})。",
    ),
    brackets.tell_dyck_language,
    brackets.confirm_dyck_language,
)
DYCK_LANGUAGE_ERRORS = Family(
    "dyck_language_errors",
    brackets.draw_dyck_language_errors,
    (
        {"n_types": 2, "total_length": 4},
        {"n_types": (2, 3), "total_length": 6},
        {"n_types": 3, "total_length": 10},
        {"n_types": (3, 4), "total_length": (16, 22)},
        {"n_types": 4, "total_length": (26, 30)},
    ),
    Wording(
        (
            "Is this sequence of brackets well-formed? If not, give the position (from 1) of the "
            "first bracket that cannot stand there, or the length plus 1 if brackets are only left "
            "open.",
            "Find the first error in these brackets: its position from 1; one more than the length "
            "if the only error is that some stay open.",
        ),
        "Answer with one integer, -1 if the sequence is valid.",
        (
            "这个括号序列是否合法？若不合法，给出第一个出错括号的位置（从 1 数起）；"
            "若只是有括号未闭合，"
            "给出长度加 1。",
        ),
        "请只回答一个整数；若序列合法，回答 -1。",
    ),
    brackets.tell_sequence,
    brackets.confirm_dyck_language_errors,
)
DYCK_LANGUAGE_REASONING_ERRORS = Family(
    "dyck_language_reasoning_errors",
    brackets.draw_dyck_language_reasoning_errors,
    (
        {"n_types": 2, "total_length": 4, "n_errors": 1},
        {"n_types": 2, "total_length": 6, "n_errors": 1},
        {"n_types": (2, 3), "total_length": 10, "n_errors": 1},
        {"n_types": 3, "total_length": (12, 15), "n_errors": (1, 2)},
        {"n_types": 4, "total_length": 15, "n_errors": 2},
    ),
    Wording(
        (
            "The lines tell the stack of open brackets after each bracket of the sequence, its top "
            "at the right. Some lines tell a wrong stack; a line is wrong if it is not the true "
            "stack after its bracket. Which are they?",
            "Check this trace: behind each bracket of the sequence is the stack of the brackets "
            "that are still open, bottom first. Find every line whose stack is not the true one.",
        ),
        "Answer with the numbers of the wrong lines by commas, such as 3, 7.",
        (
            "下面各行给出读完序列中每个括号后未闭合括号的栈（栈顶在右）。"
            "有些行给出的栈是错的，即不是该"
            "括号之后真正的栈。是哪些行？",
        ),
        "请用逗号给出错误的行号，例如 3, 7。",
    ),
    brackets.tell_trace,
    brackets.confirm_dyck_language_reasoning_errors,
)
GAME_OF_24 = Family(
    "game_of_24",
    arithmetic.draw_game_of_24,
    (
        {"numbers": 2, "result": (2, 18), "most": 40},
        {"numbers": 3, "result": (1, 36), "most": 400},
        {"numbers": 4, "result": 24, "most": 700},
        {"numbers": 4, "result": 24, "least": 701, "most": 1600},
        {"numbers": 4, "result": 24, "least": 1601},
    ),
    Wording(
        (
            "Make {result} from these numbers, each used exactly once, with +, -, *, / and "
            "brackets.",
            "Write an expression of value {result} with every one of the numbers below once, the "
            "operators + - * / and brackets.",
        ),
        "Answer with the expression in a python block: ```python\n(1 + 2) * 8\n```",
        ("用下面的数字（每个恰好一次）和 +、-、*、/ 及括号得到 {result}。",),
        "请在 python 代码块中给出算式：```python\n(1 + 2) * 8\n```",
    ),
    arithmetic.tell_game_of_24,
    arithmetic.confirm_game_of_24,
)
MATH_PATH = Family(
    "math_path",
    arithmetic.draw_math_path,
    (
        {"n": 1, "x_prob": (30, 50)},
        {"n": 4, "x_prob": 50},
        {"n": 10, "x_prob": (50, 60)},
        {"n": 10, "x_prob": (70, 80)},
        {"n": 10, "x_prob": 100},
    ),
    Wording(
        (
            "Each ? hides one digit. Put digits for all of them so that the equation is true; * / "
            "and % come before + and -, / is exact, % is the remainder, and no number of several "
            "digits begins with 0.",
            "Complete the equation: every ? is one digit (no leading zeros). % is the remainder, / "
            "the exact quotient, and products, quotients and remainders go first, from left to "
            "right.",
        ),
        "Answer with the whole equation in double brackets, such as [[ 3 + 5 = 8 ]].",
        (
            "每个 ? 隐藏一个数字。请填上数字使等式成立：先算 *、/、%，再算 + 和 -；"
            "/ 为精确除法，% 为取余，"
            "多位数不能以 0 开头。",
        ),
        "请在双方括号中给出完整等式，例如 [[ 3 + 5 = 8 ]]。",
    ),
    arithmetic.tell_math_path,
    arithmetic.confirm_math_path,
)
OPERATION = Family(
    "operation",
    operation.draw_operation,
    (
        {"symbols": 1, "terms": 1, "length": 1, "condition_rate": 0.0, "bracket_rate": 0.0,
         "abs_rate": 0.0},
        {"symbols": 1, "terms": 2, "length": 2, "condition_rate": 0.3},
        {"symbols": (1, 2), "terms": 3, "length": 3},
        {"symbols": (2, 3), "terms": 4, "length": (4, 5)},
        {"symbols": (3, 4), "terms": 5, "length": (6, 7)},
    ),
    Wording(
        (
            "New operators are defined below. Of two operators the one of the higher precedence "
            "goes first, equal ones from left to right, brackets before all; + and - have "
            "precedence 1, * has 2. |x| is the absolute value. Calculate the last line.",
            "Work out the last line with these new operators. Higher precedence binds tighter (+ "
            "and - 1, * 2), equal precedence goes left to right, brackets come first, |x| is the "
            "size of x.",
        ),
        "Answer with the number.",
        (
            "下面定义了新的运算符。优先级高的先算，相同的从左到右，括号最先；"
            "+ 和 - 的优先级为 1，* 为 2。"
            "|x| 为绝对值。请计算最后一行。",
        ),
        "请只回答一个数。",
    ),
    operation.tell_operation,
    operation.confirm_operation,
)  # fmt: skip
WEB_OF_LIES = Family(
    "web_of_lies",
    truths.draw_web_of_lies,
    (
        {"people": 3, "difficulty": 1, "statement_type": 0},
        {"people": 5, "difficulty": 1, "statement_type": 0},
        {"people": 10, "difficulty": (1, 2), "statement_type": [0, 1]},
        {"people": (12, 15), "difficulty": (2, 4), "statement_type": [0, 1]},
        {"people": (16, 18), "difficulty": 5, "statement_type": 1},
    ),
    Wording(
        (
            "Everybody either always tells the truth or always lies. Who tells the truth? Asked "
            "are, in this order: {asked}.",
            "Each of these people is a liar, who only says false things, or a truth-teller. Say "
            "for {asked}, in this order, whether they tell the truth.",
        ),
        "Answer with yes or no for each: The answer is **yes, no**",
        ("每个人要么总说真话，要么总说谎。请依次判断以下各人是否讲真话：{asked}。",),
        "请逐个回答 yes 或 no：The answer is **yes, no**",
    ),
    truths.tell_web_of_lies,
    truths.confirm_web_of_lies,
)
WORD_SORTING = Family(
    "word_sorting",
    words.draw_word_sorting,
    (
        {"front_letters": 1, "words": 2},
        {"front_letters": 1, "words": (3, 4)},
        {"front_letters": 2, "words": (5, 6)},
        {"front_letters": 3, "words": (8, 11)},
        {"front_letters": 4, "words": (13, 15)},
    ),
    Wording(
        (
            "The alphabet begins with these letters in this order: {front}; the others follow as "
            "usual. Sort the words in {direction} order.",
            "Take {front} out of the alphabet and put them in front, in that order. Bring the "
            "words into {direction} order by it.",
        ),
        r"Answer with the words by commas, such as \boxed{pear,apple}.",
        (
            "字母表以下列字母按此顺序开头：{front}，其余字母按通常顺序排列。"
            "请按{direction}排列单词。",
        ),
        r"请用逗号分隔给出单词，例如 \boxed{pear,apple}。",
    ),
    words.tell_word_sorting,
    words.confirm_word_sorting,
)
WORD_SORTING_MISTAKE = Family(
    "word_sorting_mistake",
    words.draw_word_sorting_mistake,
    (
        {"words": 2},
        {"words": (3, 4)},
        {"words": (5, 8)},
        {"words": (12, 18), "front_letters": 2},
        {"words": (25, 30), "front_letters": 4},
    ),
    Wording(
        (
            "Four-letter words are sorted by radix sort with the alphabet {alphabet}: each thought "
            "sorts the list of the thought before by one letter, from the fourth to the first, and "
            "keeps the order of words that are equal there. Which thought is the first wrong one?",
            "Below is a radix sort of words of four letters, last letter first, each step stable, "
            "by the alphabet {alphabet}. Find the first thought whose list does not follow from "
            "the list before it.",
        ),
        r"Answer with its number as \boxed{2}, or \boxed{No} if all are right.",
        (
            "用基数排序按字母表 {alphabet} 排列四字母单词："
            "每个思考把上一个列表按一个字母排序（从第四个到"
            "第一个），该字母相同的单词保持原有次序。第一个错误的思考是哪个？",
        ),
        r"请以 \boxed{2} 的形式给出编号；若全部正确，回答 \boxed{No}。",
    ),
    words.tell_word_sorting_mistake,
    words.confirm_word_sorting_mistake,
)

SYMBOL_FAMILIES: tuple[Family, ...] = (
    BOOLEAN_EXPRESSIONS, CIPHER, CRYPTARITHM, DYCK_LANGUAGE, DYCK_LANGUAGE_ERRORS,
    DYCK_LANGUAGE_REASONING_ERRORS, GAME_OF_24, MATH_PATH, OPERATION, WEB_OF_LIES, WORD_SORTING,
    WORD_SORTING_MISTAKE,
)  # fmt: skip
