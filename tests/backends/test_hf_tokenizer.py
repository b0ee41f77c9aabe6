"""Plain text is read as the tokenizer itself reads it: with the tokens that it begins with, once, whatever form the tokenizer has."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import LlamaConfig, Phi3Config, Phi3ForCausalLM, PreTrainedTokenizerFast

from aha.backends.checkpoint.config import context_of
from aha.backends.checkpoint.folder import TINY, ModelFolder
from aha.backends.hf import HFTokenizer, load_tokenizer, read_tokenizer
from aha.errors import BadInput
from aha.stages.audit import template_lines
from aha.stages.tokenized_examples import after
from aha.template import Instruct
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


INSERTS = (
    "{% if messages[0].role != 'system' %}[s]You are Q.[e]{% endif %}"
    "{% for m in messages %}[{{ m.role[0] }}]{{ m.content }}[e]{% endfor %}[a]"
)


def test_an_option_goes_with_a_conversation_too() -> None:
    inner = byte_level()
    inner.chat_template = "{{ messages[0].content }}{% if enable_thinking is defined and not enable_thinking %}!{% endif %}"
    tokenizer = HFTokenizer(inner, (inner.eos_token_id,))
    assert tokenizer.decode(tokenizer.chat(Conversation((Message("user", "a"),), (("enable_thinking", False),)))) == "a!"
    with pytest.raises(BadInput, match="knows no option 'effort'; it knows enable_thinking"):
        tokenizer.chat(Conversation((Message("user", "a"),), (("effort", "high"),)))


def test_a_system_prompt_that_a_chat_template_inserts_is_seen_and_can_be_left_out() -> None:
    inner = byte_level()
    inner.chat_template = INSERTS
    tokenizer = HFTokenizer(inner, (inner.eos_token_id,))
    (line,) = template_lines(Instruct(), tokenizer)
    assert "inserts a system prompt of its own, 'You are Q.': --template.system ''" in line
    assert template_lines(Instruct(system=""), tokenizer) == []
    assert "You are Q." not in tokenizer.decode(tokenizer.chat(Instruct(system="").prompt("hi")))
    inner.chat_template = "{% for m in messages %}[{{ m.role[0] }}]{{ m.content }}[e]{% endfor %}[a]"
    assert template_lines(Instruct(), HFTokenizer(inner, (inner.eos_token_id,))) == []


TURN = "{% for m in messages %}[{{ m.role }}]{{ m.content }}[e]{% endfor %}"
GEMMA = "{% for m in messages %}<{{ 'model' if m.role == 'assistant' else m.role }}>{{ m.content }}</>{% endfor %}<model>"
MISTRAL = "{% for m in messages %}{{ '[INST] ' + m.content + ' [/INST]' if m.role == 'user' else ' ' + m.content + '</s>' }}{% endfor %}"
HARMONY = "{% for m in messages %}<{{ m.role }}{{ '|final' if m.role == 'assistant' else '' }}>{{ m.content }}<end>{% endfor %}<assistant"
ONCE = "{% if messages|length > 1 %}{{ raise_exception('one question') }}{% endif %}{{ messages[0].content }}"


@pytest.mark.parametrize(
    ("template", "header"),
    [
        (TURN, "[assistant]"),
        (f"{TURN}[assistant]", ""),
        (f"{TURN}[assistant]<think>", ""),
        (GEMMA, ""),
        (MISTRAL, ""),
        (HARMONY, ""),
        (ONCE, ""),
    ],
)
def test_a_header_that_a_chat_template_leaves_out_where_it_asks_for_a_reply_is_told(template: str, header: str) -> None:
    inner = byte_level()
    inner.chat_template = template
    lines = template_lines(Instruct(), HFTokenizer(inner, (inner.eos_token_id,)))
    assert [f"writes {header!r} before earlier replies" in line for line in lines] == [True] * bool(header)


def test_longrope_limits_a_row_to_the_length_at_which_its_factors_change() -> None:
    rope = {
        "rope_type": "longrope",
        "short_factor": [1.0] * 4,
        "long_factor": [2.0] * 4,
        "original_max_position_embeddings": 64,
        "rope_theta": 1e4,
    }
    sizes: dict[str, Any] = {
        "vocab_size": 32,
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "pad_token_id": 0,
    }
    config = Phi3Config(**sizes, max_position_embeddings=256, original_max_position_embeddings=64, rope_parameters=rope)
    assert context_of(config) == 64 and context_of(Phi3Config(**sizes, max_position_embeddings=256)) == 256
    model = Phi3ForCausalLM(config).eval()
    row, other = torch.arange(40)[None] % 32, torch.arange(64)[None] % 32
    together = torch.cat([torch.nn.functional.pad(row, (0, 24)), other])
    with torch.inference_mode():
        assert torch.allclose(model(row).logits[0], model(together).logits[0, :40], atol=1e-5)  # no neighbour changes it


ASKS = "{% for m in messages %}[{{ m.role }}]{CONTENT}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
OF_PARTS = ASKS.replace("{CONTENT}", "{% for part in m.content %}{% if part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}")
FIRST_PART = ASKS.replace("{CONTENT}", "{{ m.content[0]['text'] }}")
QUESTION = Conversation((Message("system", " Be brief. "), Message("user", "What is it?")))


@pytest.mark.parametrize("template", [OF_PARTS, FIRST_PART])
def test_a_template_that_takes_a_list_of_parts_is_given_one(template: str) -> None:
    inner = byte_level()
    inner.chat_template = template
    assert HFTokenizer(inner, (inner.eos_token_id,)).chat_text(QUESTION) == "[system] Be brief. [user]What is it?[assistant]"


@pytest.mark.parametrize(
    "content", ["{% if m.role == 'user' %}{{ m.content }}{% endif %}", "{{ m.content | upper }}", "{{ m.content[:6] }}"]
)
def test_a_template_that_leaves_words_out_or_changes_them_is_refused(content: str) -> None:
    inner = byte_level()
    inner.chat_template = ASKS.replace("{CONTENT}", content)
    with pytest.raises(BadInput, match="does not write what the (system|user) says as it stands"):
        HFTokenizer(inner, (inner.eos_token_id,)).chat_text(QUESTION)


def test_a_template_may_trim_words_and_drop_a_thought() -> None:
    inner = byte_level()
    inner.chat_template = ASKS.replace("{CONTENT}", "{{ m.content.split('</think>')[-1] | trim }}")
    thought = Conversation((*QUESTION.messages, Message("assistant", "<think>hm</think> That."), Message("user", "And?")))
    assert HFTokenizer(inner, (inner.eos_token_id,)).chat_text(thought).endswith("[assistant]That.[user]And?[assistant]")


@pytest.mark.skipif(find_spec("sentencepiece") is not None, reason="sentencepiece is installed, and reads it")
def test_a_model_of_sentencepiece_alone_says_what_reads_it(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(b"\n\x0e\n\x05<unk>")
    with pytest.raises(BadInput, match=r"tokenizer\.model: a model of sentencepiece with no tokenizer\.json beside it needs") as refused:
        read_tokenizer(ModelFolder("here", tmp_path), LlamaConfig())
    assert "tiktoken" not in str(refused.value)


SAID = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


@pytest.fixture
def loose(tmp_path: Path) -> Path:
    """The tiny model's configuration and tokenizer in a folder where each file may be changed."""
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((TINY / name).read_bytes())
    return tmp_path


def changed(folder: Path, **settings: object) -> Path:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    return folder


def test_a_template_that_a_processor_kept_is_the_models(loose: Path) -> None:
    changed(loose, chat_template=None)
    (loose / "chat_template.json").write_text(json.dumps({"chat_template": SAID}))
    assert load_tokenizer(str(loose)).chat_text(Conversation((Message("user", "hi"),))) == "hi"


def test_named_templates_without_a_default_are_named(loose: Path) -> None:
    changed(loose, chat_template=[{"name": "rag", "template": SAID}])
    with pytest.raises(BadInput, match="chat templates called rag, and none of them is the default: write it into chat_template.jinja"):
        _ = load_tokenizer(str(loose)).template


def test_a_tokenizer_that_is_code_is_never_run(loose: Path) -> None:
    changed(loose, auto_map={"AutoTokenizer": ["tokens.Tokens", None]}, tokenizer_class="Tokens")
    with pytest.raises(BadInput, match=r"tokenizer_config\.json: auto_map names code that comes with the model, which is never run"):
        load_tokenizer(str(loose))
