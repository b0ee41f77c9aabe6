"""The parameters of a request, read strictly: each is honoured, or known to have no effect, or refused by its name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from aha.serving.refusal import Refusal

NO_EFFECT = (  # about the account of whoever asks, not about the reply; parallel_tool_calls stands there without tools only
    "user",
    "metadata",
    "store",
    "service_tier",
    "parallel_tool_calls",
    "safety_identifier",
    "prompt_cache_key",
)
NEUTRAL_VALUES: dict[str, tuple[Any, ...]] = {  # what is not done here, and the values with which it asks for nothing
    "add_special_tokens": (True, False),
    "best_of": (1,),
    "echo": (False,),
    "frequency_penalty": (0,),
    "function_call": ("none", "auto"),
    "functions": ([],),
    "include_stop_str_in_output": (False,),
    "length_penalty": (1,),
    "logit_bias": ({},),
    "min_p": (0,),
    "modalities": (["text"],),
    "presence_penalty": (0,),
    "repetition_penalty": (1,),
    "response_format": ({"type": "text"},),
    "skip_special_tokens": (True, False),
    "suffix": ("",),
    "tool_choice": ("none", "auto"),
    "tools": ([],),
    "top_k": (0, -1),
    "use_beam_search": (False,),
}
LARGEST = (1 << 63) - 1


class Parameters:
    """What a client sent, by name; null stands for what was left out. Every getter refuses a value that it does not understand."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = {name: value for name, value in values.items() if value is not None}
        self._names: set[str] = set()

    def get(self, name: str) -> Any:
        """The value as it came, or None."""
        self._names.add(name)
        return self._values.get(name)

    def flag(self, name: str, usual: bool = False) -> bool:
        value = self.get(name)
        if value is not None and not isinstance(value, bool):
            raise wrong(name, value, "true or false")
        return usual if value is None else value

    def number(self, name: str, usual: float, low: float, high: float) -> float:
        value = self.get(name)
        if value is None:
            return usual
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise wrong(name, value, f"a number from {low:g} to {high:g}")
        return float(value)

    def count(self, name: str, low: int, high: int = LARGEST) -> int | None:
        value = self.get(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and low <= value <= high):
            return value
        raise wrong(name, value, f"a whole number from {low} to {high}")

    def text(self, name: str) -> str | None:
        value = self.get(name)
        if value is not None and not isinstance(value, str):
            raise wrong(name, value, "a text")
        return value

    def texts(self, name: str, most: int, longest: int) -> tuple[str, ...]:
        """One text, or a list of some; an empty text alone is none."""
        value = self.get(name)
        values = [] if value in (None, "") else value if isinstance(value, list) else [value]
        if len(values) > most or not all(isinstance(word, str) and 0 < len(word) <= longest for word in values):
            raise wrong(name, value, f"a text, or a list of at most {most}, each of 1 to {longest} letters")
        return tuple(values)

    def counts(self, name: str, most: int, high: int) -> tuple[int, ...]:
        """A list of whole numbers from 0 to below `high`."""
        value = self.get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or len(value) > most or not all(type(token) is int and 0 <= token < high for token in value):
            raise wrong(name, value, f"a list of at most {most} whole numbers from 0 to {high - 1}")
        return tuple(value)

    def record(self, name: str) -> dict[str, Any]:
        """An object, empty where there is none."""
        value = self.get(name)
        if value is not None and not isinstance(value, dict):
            raise wrong(name, value, "an object")
        return value or {}

    def refuse_rest(self, effectless: Sequence[str] = NO_EFFECT) -> None:
        """Refuse the first parameter that nobody asked for and that is not known to ask for nothing."""
        for name, value in self._values.items():
            if name in self._names or name in effectless:
                continue
            if name not in NEUTRAL_VALUES:
                raise Refusal(400, f"{name[:60]} is no parameter that is known here: leave it out", name[:60], "unsupported_parameter")
            if not any(_same(value, neutral) for neutral in NEUTRAL_VALUES[name]):
                raise Refusal(400, f"{name} is not supported here: leave it out", name, "unsupported_parameter")


def wrong(name: str, value: Any, right: str) -> Refusal:
    """The refusal of a value: what it is, and what it has to be."""
    value_text = json.dumps(value, ensure_ascii=True)
    return Refusal(
        400, f"{name} is {value_text if len(value_text) <= 60 else value_text[:60] + ' …'}: it has to be {right}", name, "invalid_value"
    )


def _same(value: Any, neutral: Any) -> bool:
    return isinstance(value, bool) == isinstance(neutral, bool) and value == neutral
