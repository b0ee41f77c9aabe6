from __future__ import annotations

from aha.tasks.filters import GramIndex

QUESTION = "Find the sum of all positive integers $n$ such that $n^2 + 12n - 2007$ is a perfect square."
SOLUTION = "Let the square be m squared; then (n + 6 + m)(n + 6 - m) = 2043, and 2043 is 9 times 227, so n is 1015, 335 or 112."


def seen(n: int = 10) -> GramIndex:
    found = GramIndex(n)
    found.add_row({"problem": QUESTION, "solution": SOLUTION, "answer": "1462", "level": 5, "tags": ["algebra", None]})
    return found


def test_ten_words_in_a_row_of_a_question_are_found_whatever_their_signs_and_case():
    assert seen().knows("HINT: find the sum, of all positive integers N such that n^2 is one")
    assert not seen().knows("find the sum of all positive integers below one hundred")  # 7 words


def test_nine_words_are_not_enough_and_ten_are():
    nine = "sum of all positive integers n such that n"
    assert not seen().knows(f"what is a {nine}")
    assert seen().knows(f"what is a {nine} 2")  # n^2 is two pieces


def test_solutions_are_compared_with_too():
    assert seen().knows("So we get n + 6 + m times n + 6 - m = 2043, and 2043 is 9 times 227, as before")


def test_a_short_answer_is_no_contamination():
    assert not seen().knows("1462")
    assert not seen().knows("algebra")


def test_a_question_of_fewer_words_is_known_as_a_whole():
    found = GramIndex()
    found.add_row({"question": "What is 7 * 8?", "answer": "56"})
    assert found.knows("what is 7*8 ?")
    assert not found.knows("What is 7 * 8 + 1?")
    assert not found.knows("56")


def test_chinese_is_compared_by_ten_words_of_two_characters():
    found = GramIndex()
    found.add_row({"question": "求所有正整数的和，使得它的平方加上十二倍再减去二千零七是完全平方数"})
    assert found.knows("请问：求所有正整数的和，使得它的平方加上十二倍再减去多少")  # 24 characters in a row
    assert not found.knows("请问：求所有正整数的和，是多少")  # 9 characters


def test_texts_deep_in_a_row_are_found():
    found = GramIndex()
    found.add_row({"tests": [{"input": "one two three four five six seven eight nine ten eleven"}]})
    assert found.knows("zero one two three four five six seven eight nine ten")


def test_nothing_is_known_of_nothing():
    assert not GramIndex().knows_any(["anything at all"])
    assert len(GramIndex()) == 0
