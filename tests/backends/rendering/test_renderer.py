"""A chat template may do anything: it is rendered as transformers renders it, or ends in one line, soon, with little memory."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from aha.backends.hf import load_tokenizer
from aha.backends.rendering import Renderer
from aha.errors import BadInput
from tests.backends.checkpoint.damage import sound

TURNS = [{"role": "system", "content": "be kind"}, {"role": "user", "content": "日本 <x> & 'y'\n"}]
ORDINARY = {
    "chatml": "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}",
    "json": "{{ messages | tojson }}{{ messages | tojson(indent=2) }}",
    "blocks that trim": "  {% if add_generation_prompt %}\n   a\n  {% endif %}\n b",
    "loop controls": "{% for m in messages %}{% if loop.index > 1 %}{% break %}{% endif %}{{ m.role | upper }}{% endfor %}",
    "a namespace": "{% set n = namespace(seen=false) %}{% for m in messages %}{% set n.seen = true %}{% endfor %}{{ n.seen }}",
    "generation": "{% for m in messages %}{% generation %}{{ m.content | trim }}{% endgeneration %}{% endfor %}",
    "a macro": "{% macro say(m) -%} {{ m.content }} {%- endmacro %}{{ say(messages[1]) }}",
    "tokens and options": "{{ bos_token }}{{ enable_thinking is defined and enable_thinking is false }}",
}
HOSTILE = {
    "loops": ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "it took more than 0.5 s"),
    "loops in C": ("{{ ('a' * 40000) | replace('', 'b' * 90) | wordwrap(1) | length }}", ""),
    "counts in C": ("{{ (9 ** (9 ** 9)) % 7 }}", "it took more than 0.5 s"),
    "takes memory": ("{{ ('x' * 10 ** 9) | length }}", "it takes more memory than it may"),
    # it takes more memory than it may or, on a loaded machine, it took more than 0.5 s
    "takes memory slowly": ("{% set n = namespace(x=['x']) %}{% for i in range(40) %}{% set n.x = n.x + n.x %}{% endfor %}", "it t"),
    "writes too much": ("{% for i in range(99999) %}{{ 'some more words' }}{% endfor %}", "it writes more than 1,000,000 letters"),
    "refuses": ("{{ raise_exception('no system\\nhere') }}", "(no system here)"),
    "divides": ("{{ 1 // 0 }}", "ZeroDivisionError"),
    "has no end": ("{% if messages %}", "end of template"),
    "recurses": ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "RecursionError"),
    "nests": ("{{ " + "(" * 9000 + ")" * 9000 + " }}", ""),
    "reads Python": ("{{ ''.__class__.__base__.__subclasses__() }}", "unsafe"),
    "reads Python by name": ("{{ messages | map(attribute='__class__') | list }}", ""),
    "writes Python": ("{% set n = namespace(__class__=messages) %}", "a namespace holds no '__class__'"),
    "reads a file": ("{% include '/etc/passwd' %}", ""),
    "changes its input": ("{{ messages.append(1) }}", "unsafe"),
    "misses": ("{{ messages[9].content }}", "no element 9"),
}


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    renderer = Renderer(seconds=0.5)
    yield renderer
    renderer.close()


@pytest.mark.parametrize("name", ORDINARY)
def test_what_is_rendered_is_what_transformers_renders(name: str, renderer: Renderer, tmp_path: Path) -> None:
    inner: PreTrainedTokenizerFast = load_tokenizer(str(sound(tmp_path / "model"))).inner
    inner.chat_template = ORDINARY[name]
    for prompt in (True, False):
        theirs = inner.apply_chat_template(TURNS, add_generation_prompt=prompt, tokenize=False, enable_thinking=False)
        values = {"messages": TURNS, "tools": None, "documents": None, "add_generation_prompt": prompt, "enable_thinking": False}
        assert renderer.render(ORDINARY[name], {**inner.special_tokens_map, **values}) == theirs


@pytest.mark.parametrize("name", HOSTILE)
def test_a_template_that_does_anything_else_is_one_line(name: str, renderer: Renderer) -> None:
    template, why = HOSTILE[name]
    try:
        renderer.render(template, {"messages": TURNS})
    except BadInput as refused:
        assert str(refused).startswith("the chat template takes no such conversation (") and "\n" not in str(refused)
        assert why in str(refused)
    else:
        assert why == ""
    assert renderer.render("{{ messages[0].content }}", {"messages": TURNS}) == "be kind"


def test_the_process_has_no_file_to_open_and_little_memory(renderer: Renderer) -> None:
    renderer.render("", {})
    assert renderer._process is not None
    limits = Path(f"/proc/{renderer._process.pid}/limits")
    if not limits.exists():
        pytest.skip("the limits of a process are read from Linux's /proc")
    table = {line[:26].strip(): line[26:].split()[:2] for line in limits.read_text().splitlines()[1:]}
    assert table["Max open files"] == ["3", "3"] and table["Max file size"] == ["0", "0"]
    assert table["Max address space"] == [str(256 << 20)] * 2
    assert not Path(f"/proc/{renderer._process.pid}/environ").read_bytes()


def test_a_process_that_was_killed_is_replaced(renderer: Renderer) -> None:
    renderer.render("", {})
    assert renderer._process is not None
    first = renderer._process.pid
    os.kill(first, signal.SIGKILL)
    renderer._process.wait(timeout=5)
    assert renderer.render("a", {}) == "a" and renderer._process.pid != first


def test_the_day_is_always_the_same(renderer: Renderer) -> None:
    assert renderer.render("{{ strftime_now('%d %b %Y') }}", {}) == "26 Jul 2024"


def test_a_renderings_cost_is_far_below_that_of_a_prompt(renderer: Renderer) -> None:
    """8,192 prompts of a rollout: this process and the renderer's take under four seconds of a processor together."""
    children, ours = os.times().children_user, time.process_time()
    other = Renderer()
    for _ in range(1024):
        other.render(ORDINARY["chatml"], {"messages": [{"role": "user", "content": "What is 2 + 2? " * 40}]})
    other.close()
    taken = time.process_time() - ours + os.times().children_user - children
    print(f"{taken / 1024 * 1e3:.2f} ms of processor time a rendering")
    assert taken < 0.5 + 0.5  # with the start of the process


def test_the_variables_of_a_template_are_known_without_rendering_it(renderer: Renderer) -> None:
    assert renderer.names("{% set a = b %}{{ a }}{% for m in messages %}{{ enable_thinking }}{% endfor %}") == {
        "b", "messages", "enable_thinking"
    }  # fmt: skip
    with pytest.raises(BadInput, match="the chat template is not a valid template"):
        renderer.names("{% for %}")
