"""What a reply says to its reader: without its thoughts, within its answer tags, up to the end of its turn."""

from __future__ import annotations

import re

_THOUGHT = re.compile(
    r"(?i)<\s*(?P<ends>/?)\s*(?:think|thinking|thought|thoughts|reasoning|reflection|scratchpad)\s*>|\[(?P<ended>/?)THINK\]|◁(?P<over>/?)think▷"
    r"|<\|(?P<shut>begin|end)_of_thought\|>"
)
_TAG = re.compile(r"<(?:[|｜/]|\s*[a-zA-Z])")
_BARE_ANALYSIS = re.compile(r"\s*analysis(?=[A-Z]|\s*\n|\s+[A-Z]|:|$)")
_TURN = re.compile(
    r"<\|(?:im_start|im_end|im_sep|endoftext|end_of_text|begin_of_text|eot_id|eom_id|end|return|user|assistant|system|start)\|>"
    r"|</s>|<eos>|<pad>|<end_of_turn>|<start_of_turn>|\[/?INST\]|<｜(?:end▁of▁sentence|User|Assistant)｜>"
)
_TAGGED = re.compile(r"<answer>(.*?)</answer>", re.S)
FINAL, BARE_FINAL, CHANNEL = "<|channel|>final<|message|>", "assistantfinal", "<|channel|>"


def answer_part(text: str) -> str:
    """What follows the thinking, within the last `<answer>` tags where there are some, without the turns after it; nothing where the
    thinking never ends."""
    if (
        ("<" in text and _TAG.search(text))
        or "THINK]" in text
        or "INST]" in text
        or "◁" in text
        or text[:40].lstrip().startswith("analysis")
    ):
        text = _turn(_spoken(text))
        if "<answer>" in text and (tagged := _TAGGED.findall(text)):
            text = tagged[-1]
    return text


def _spoken(text: str) -> str:
    """The text after the last thought."""
    if CHANNEL in text:
        _, final, text = text.rpartition(FINAL)
        return text if final else ""
    if _BARE_ANALYSIS.match(text):
        return text.rpartition(BARE_FINAL)[2] if BARE_FINAL in text else ""
    open_since, closed_at = False, 0
    for mark in _THOUGHT.finditer(text):
        opens = not (mark["ends"] or mark["ended"] or mark["over"] or mark["shut"] == "end")
        open_since, closed_at = opens, closed_at if opens else mark.end()
    return "" if open_since else text[closed_at:]


def _turn(text: str) -> str:
    """Up to the sign that ends the turn; one before the first word ends nothing."""
    end = _TURN.search(text, len(text) - len(text.lstrip()) + 1)
    return text[: end.start()] if end else text
