"""Plain text is read as the tokenizer itself reads it: with the tokens that it begins with, once, whatever form the tokenizer has."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from aha.backends.hf_tokenizer import HFTokenizer
from aha.errors import BadInput
from aha.stages.lessons import after
from aha.types import Conversation, Message

BEGIN, END = "<|begin|>", "<|end|>"
LETTERS = sorted(pre_tokenizers.ByteLevel.alphabet())


def byte_level(*around: str) -> PreTrainedTokenizerFast:
    """As GPT-2, Llama 3 and Qwen: bytes, with a template of what stands around a text."""
    made = Tokenizer(models.BPE(vocab={letter: number for number, letter in enumerate(LETTERS)}, merges=[]))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    return wrapped(made, around)


def sentencepiece(*around: str) -> PreTrainedTokenizerFast:
    """As Llama 2, Gemma and Mistral: a sign stands for a blank, and one is put before a text."""
    vocabulary = {letter: number for number, letter in enumerate("▁abcdefghijklmnopqrstuvwxyz<|>.,?ABCDEFGHIJKLMNOPQRSTUVWXYZ")}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return wrapped(made, around)


def wrapped(made: Tokenizer, around: tuple[str, ...]) -> PreTrainedTokenizerFast:
    made.add_special_tokens([BEGIN, END])
    if around:
        ids = [(name, made.token_to_id(name)) for name in (BEGIN, END)]
        made.post_processor = processors.TemplateProcessing(single=" ".join(around), special_tokens=ids)
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token=BEGIN, eos_token=END)


FORMS = [(form, around) for form in (byte_level, sentencepiece) for around in ((), (BEGIN, "$A"), (BEGIN, "$A", END), ("$A", END))]


@pytest.mark.parametrize(("form", "around"), FORMS)
def test_a_prompt_begins_as_the_tokenizer_begins_a_text_and_goes_on_to_its_last_word(form: object, around: tuple[str, ...]) -> None:
    inner = form(*around)  # type: ignore[operator]
    tokenizer = HFTokenizer(inner, (inner.eos_token_id,))
    whole = inner.encode("what is it")
    assert tokenizer.prompt("what is it") == (whole[:-1] if END in around else whole)
    assert tokenizer.begin == ((inner.bos_token_id,) if BEGIN in around else ())
    assert inner.bos_token_id not in tokenizer.encode("what is it")


@pytest.mark.parametrize(("form", "around"), FORMS)
def test_a_text_that_begins_so_already_is_given_nothing_twice(form: object, around: tuple[str, ...]) -> None:
    inner = form(*around)  # type: ignore[operator]
    tokenizer = HFTokenizer(inner, (inner.eos_token_id,))
    assert tokenizer.prompt(f"{BEGIN}what").count(inner.bos_token_id) == 1


def test_a_chat_template_brings_its_own_beginning_and_is_given_no_second_one() -> None:
    inner = byte_level(BEGIN, "$A")
    inner.chat_template = "{{ bos_token }}{{ messages[0].content }}"
    tokenizer = HFTokenizer(inner, (inner.eos_token_id,))
    assert tokenizer.chat(Conversation((Message("user", "a"),))) == [inner.bos_token_id, *tokenizer.encode("a")]


@pytest.mark.parametrize(
    ("prompt", "reply", "learned"),
    [
        ("<|assistant|><think>\n", "\na\n</think>\n\nb", "a\n</think>\n\nb"),
        ("<|assistant|><think>", "\na\n</think>\n\nb", "\na\n</think>\n\nb"),
        ("<|assistant|>", "<think>\na\n</think>\n\nb", "<think>\na\n</think>\n\nb"),
        ("say <think>\n!", "\na", "\na"),
    ],
)
def test_the_new_line_of_a_template_that_opens_the_thought_is_learned_no_second_time(prompt: str, reply: str, learned: str) -> None:
    assert after(prompt, reply) == learned


def test_an_option_of_the_chat_template_is_passed_and_one_that_it_does_not_know_is_refused() -> None:
    inner = byte_level()
    inner.chat_template = "{{ messages[0].content }}{% if enable_thinking is defined and not enable_thinking %}!{% endif %}"
    tokenizer, asked = HFTokenizer(inner, (inner.eos_token_id,)), Conversation((Message("user", "a"),))
    assert tokenizer.chat(asked, {"enable_thinking": False}) == tokenizer.encode("a!")
    assert tokenizer.chat(asked, {"enable_thinking": True}) == tokenizer.chat(asked) == tokenizer.encode("a")
    with pytest.raises(BadInput, match="knows no option 'enable_thinkin'; it knows enable_thinking"):
        tokenizer.chat(asked, {"enable_thinkin": False})
