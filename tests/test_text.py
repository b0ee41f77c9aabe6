from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.tasks.voice import WORDS
from aha.text import (
    Words,
    count_words,
    language_share,
    mixes_languages,
    ngrams,
    pieces,
    prose,
    reflection_count,
    reflections,
    reflects,
    repeated_share,
)
from aha.types import Language


@pytest.mark.parametrize("word", ["wait", "Mistake", "HOWEVER", "but", "retry", "error", "verify", "wrong", "evaluate", "check"])
def test_each_of_the_papers_ten_words_reflects(word):
    assert reflects(f"8 + 6 = 14 {word}, 13")


@pytest.mark.parametrize("word", ["等等", "检查", "验证", "错误", "再试", "但是", "重试", "评估"])
def test_their_chinese_counterparts_reflect_with_no_space_around_them(word):
    assert reflects(f"我们{word}一下")


@pytest.mark.parametrize("text", ["waiter butter checkers", "8 + 6 = 14 no", "8 + 6 = 14 不对", "\\check{x}", "`check(x)`", ""])
def test_other_words_code_and_formulas_do_not_reflect(text):
    assert not reflects(text)


def test_a_word_between_chinese_characters_is_a_whole_word():
    assert reflects("我wait一下")


def test_reflection_words_are_counted_one_by_one():
    assert reflection_count("wait 8 + 6 = 14 wait, check: 14 等等") == 4


def test_reflection_words_are_found_where_they_stand_behind_code_too():
    text = "`check` 13 Wait 不对 等等"
    assert [text[start:end] for start, end in reflections(text)] == ["Wait", "等等"]


def test_a_thought_of_the_tiny_world_in_english():
    assert count_words("8 + 6 = 14 - 10 = 4 no 8 * 6 = 48 + 10 = 58 yes") == Words(en=2, zh=0, rest=0)


def test_a_thought_of_the_tiny_world_in_chinese():
    assert count_words("8 + 6 = 14 - 10 = 4 不对 8 * 6 = 48 + 10 = 58 对") == Words(en=0, zh=2, rest=0)


@pytest.mark.parametrize("word", WORDS)
def test_every_word_of_the_tiny_world_is_one_word_in_both_languages(word):
    assert count_words(WORDS[word]["en"]) == Words(1, 0, 0)
    assert count_words(WORDS[word]["zh"]) == Words(0, 1, 0)


def test_chinese_without_spaces_is_cut_at_listed_words_and_else_every_two_characters():
    assert count_words("不对所以检查对").zh == 4  # 不对 所以 检查 对
    assert count_words("我检查").zh == 2  # 我 检查
    assert count_words("天地玄黄宇").zh == 3  # 天地 玄黄 宇


def test_a_chinese_sentence_weighs_about_as_much_as_its_translation():
    english = count_words("Wait, this result is wrong, so we need to check the calculation again.").en
    chinese = count_words("等等，这个结果是错误的，所以我们需要再检查一下计算。").zh
    assert 0.7 < chinese / english < 1.3


def test_numbers_variables_and_punctuation_are_no_words():
    assert count_words("x = 3.5y + n, k (12) → 7!") == Words(0, 0, 0)


def test_contractions_and_hyphens_are_one_word():
    assert count_words("don't re-check it’s") == Words(3, 0, 0)


@pytest.mark.parametrize(
    "hidden",
    ["```python\nprint(total)\n```", "```\nnever closed", "`sorted`", "$a \\text{and} b$", "$$\\frac{one}{two}$$", "\\[ max(x) \\]"],
)
def test_code_and_formulas_are_left_out(hidden):
    assert count_words(f"所以 {hidden}") == Words(0, 1, 0)


def test_money_is_no_formula():
    assert prose("It costs $5 but wait, $6 is more") == "It costs $5 but wait, $6 is more"


def test_tags_and_special_tokens_are_no_words():
    assert count_words("<think> 对</think>\n<answer> 8</answer><|end|>") == Words(0, 1, 0)


def test_language_share_is_the_share_of_words():
    assert language_share("no 不对 no yes", "en") == 0.75
    assert language_share("no 不对 no yes", "zh") == 0.25


def test_a_text_without_words_has_no_foreign_word():
    assert language_share("8 + 6 = 14", "en") == language_share("", "zh") == 1.0


def test_other_scripts_count_as_foreign_to_both():
    assert language_share("да нет yes 对", "en") == 0.25
    assert not mixes_languages("да yes")


def test_mixing_needs_a_word_of_each_language():
    assert mixes_languages("no 8 + 6 = 14 不对")
    assert not mixes_languages("no 8 + 6 = 14 wait")
    assert not mixes_languages("不对 8x + 6y = 14 等等")


@given(st.lists(st.sampled_from(sorted(WORDS)), min_size=1, max_size=30), st.integers(0, 10**6))
def test_the_share_equals_the_share_that_was_written(names, seed):
    draw = random.Random(seed)
    languages: list[Language] = [draw.choice(("en", "zh")) for _ in names]
    text = " ".join(f"{draw.randint(0, 199)} {WORDS[name][language]}" for name, language in zip(names, languages, strict=True))
    assert language_share(text, "zh") == pytest.approx(languages.count("zh") / len(names))
    assert mixes_languages(text) == (len(set(languages)) == 2)


@given(st.text(max_size=200))
def test_any_text_has_shares_that_sum_to_at_most_one(text):
    words = count_words(text)
    assert words.total == 0 or language_share(text, "en") + language_share(text, "zh") <= 1.0 + 1e-12
    assert reflects(text) == (reflection_count(text) > 0)


@pytest.mark.parametrize("quoted", ["“hello there”", "「hello there」", "『hello there』", "«hello there»", '"hello there"', '说"hello"了'])
def test_what_is_quoted_is_in_nobodys_language(quoted):
    assert count_words(f"所以 {quoted}").en == 0
    assert not mixes_languages(f"所以 {quoted}")


@pytest.mark.parametrize("kept", ['5" wide and 6" high', "it’s the dog’s", 'a " b and " c', "“open and never closed", '"one\ntwo"'])
def test_inches_apostrophes_and_marks_that_close_nothing_quote_nothing(kept):
    assert count_words(kept) == count_words(kept.replace('"', " ").replace("“", " "))


def test_a_quote_counts_where_there_is_nothing_else():
    assert count_words("“所以” 12") == Words(0, 1, 0)


def test_pieces_are_words_numbers_signs_and_single_characters():
    assert pieces("Ｆind x_1 + 12！你好") == ["find", "x", "_", "1", "+", "12", "!", "你", "好"]
    assert pieces("Find x_1 + 12! 你好", symbols=False) == ["find", "x", "1", "12", "你", "好"]


def test_two_chinese_characters_are_one_word_of_a_run():
    assert list(ngrams(["a", "b", "你", "好", "c"], 2)) == [("a", "b"), ("b", "你", "好"), ("你", "好", "c")]
    assert list(ngrams(["a"], 2)) == []


def test_the_share_of_runs_that_stood_there_before():
    assert repeated_share("a b c a b c a b c", 3) == pytest.approx(4 / 7)  # abc bca cab abc bca cab abc
    assert repeated_share("a b", 3) == 0.0
