"""Published files of judgments or battles, read as battles of a model against the baseline.

A judge's verdict has five grades, of which the outer two weigh three times. The style of an answer is its length and its amount of
Markdown, taken from the counts in the answer's own record if there are any.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from aha.errors import BadInput
from aha.evals.files import read_rows
from aha.lazy import lazy_pattern

WEIGHT = 3
_LABELS = (lazy_pattern(r"\[\[([AB<>=]+)\]\]"), lazy_pattern(r"\[([AB<>=]+)\]"))
_WINS: dict[str, tuple[float, ...]] = {  # the wins of A
    "A>>B": (1.0,) * WEIGHT,
    "A>B": (1.0,),
    "A=B": (0.5,),
    "B>A": (0.0,),
    "B>>A": (0.0,) * WEIGHT,
}
_WINS |= {"B<<A": _WINS["A>>B"], "B<A": _WINS["A>B"], "B=A": _WINS["A=B"], "A<B": _WINS["B>A"], "A<<B": _WINS["B>>A"]}


def verdict(judgment: str) -> str | None:
    """Return the last label in double brackets, else the last in single ones, in capitals; `None` without any: the game does not count."""
    for label in _LABELS:
        if labels := label.findall(judgment.upper()):
            return str(labels[-1]).strip()
    return None


def wins_of_a(label: str) -> tuple[float, ...] | None:
    """Return one entry per battle: 1 if A won, 1/2 for a tie, else 0. `None` for an unknown label."""
    return _WINS.get(label)


Version = Literal["v0.1", "v2.0"]
BASELINES: dict[Version, str] = {"v0.1": "gpt-4-0314", "v2.0": "o3-mini-2025-01-31"}
WRITERS = {"creative_writing": "gemini-2.0-flash-001"}  # a category's own baseline
TIES = ("tie", "tie (bothbad)")
FORMS = "question_id, model, judge, games (judgments) or question_id, model_a, model_b, winner (battles)"


@dataclass(frozen=True)
class Battle:
    """A battle of a model with the baseline. `wins`: 1 if it won, 1/2 for a tie, else 0. A verdict that weighs three is three battles."""

    question: str
    model: str
    wins: float


@dataclass(frozen=True)
class BattleSet:
    """The content of files: battles of models against the `baseline`, and counts of excluded data. `incomplete`: records without exactly
    two games; `silent`: games without a verdict, and in v2.0 the other game of their question."""

    battles: list[Battle]
    baseline: str
    incomplete: int
    silent: int


def read_battles(paths: Sequence[Path], version: Version = "v0.1", baseline: str | None = None) -> list[Battle]:
    """Return every battle of the files, as in `read_battle_set`."""
    return read_battle_set(paths, version, baseline).battles


def read_battle_set(paths: Sequence[Path], version: Version = "v0.1", baseline: str | None = None) -> BattleSet:
    """Read every battle of files of judgments or battles. BadInput for other columns, several judges or a repeated judgment."""
    battles: list[Battle] = []
    counts: Counter[tuple[str, str]] = Counter()
    judges: set[str] = set()
    incomplete, silent, base = 0, 0, baseline or BASELINES[version]
    for path in paths:
        rows = read_rows(path)
        if "games" in rows[0]:
            for where, row in _rows_with_places(path, rows):
                games = _games(where, row)
                if len(games) != 2:
                    incomplete += 1
                    continue
                counts[_question(where, row), str(row["model"])] += 1
                judges.add(str(row.get("judge")))
                games_of_row = _battles_of_games(where, row, games, version)
                silent += 2 - len(games_of_row)
                battles += [battle for game in games_of_row for battle in game]
        else:
            _check_battles(path, rows)
            base = _baseline(path, rows, base)
            battles += [_battle(_question(where, row), row, base) for where, row in _rows_with_places(path, rows)]
    if twice := [key for key, count in counts.items() if count > 1]:
        raise BadInput(f"question {twice[0][0]} of {twice[0][1]} is judged {counts[twice[0]]} times: each counts once; leave a file out")
    if len(judges) > 1:
        raise BadInput(
            f"{len(judges)} judges ({', '.join(sorted(judges))}): scores of different judges are not one score; name one's files"
        )
    if not battles:
        remark = f" ({incomplete} records have other than two games)" if incomplete else ""
        raise BadInput(f"{', '.join(map(str, paths))}: no game has a verdict{remark}")
    return BattleSet(battles, base, incomplete, silent)


def _rows_with_places(path: Path, rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, row in enumerate(rows, start=1):
        yield f"{path}, record {number}", row


def _question(where: str, row: Mapping[str, Any]) -> str:
    for name in ("question_id", "uid"):
        if name in row:
            return str(row[name])
    raise _other_columns(where, row)


def _other_columns(where: str, row: Mapping[str, Any]) -> BadInput:
    return BadInput(f"{where}: a record has {FORMS}; this one has {', '.join(row)}")


def _games(where: str, row: Mapping[str, Any]) -> list[Any]:
    games = row.get("games")
    if not isinstance(games, list) or "model" not in row:
        raise _other_columns(where, row)
    if not all(isinstance(game, dict) and "score" in game for game in games):
        raise BadInput(f"{where}: games are two, each with a score; the baseline's answer stands first in one and second in the other")
    return games


def _battles_of_games(where: str, row: Mapping[str, Any], games: Sequence[Any], version: Version) -> list[list[Battle]]:
    """Return the battles of each game that counts. The baseline is A in the first game and B in the second."""
    first, second = (_label(where, game["score"]) for game in games)
    if version == "v2.0" and (first is None or second is None):
        return []
    wins = [None if first is None else [1.0 - win for win in first], second]
    return [[Battle(_question(where, row), str(row["model"]), win) for win in game] for game in wins if game is not None]


def _label(where: str, score: object) -> tuple[float, ...] | None:
    if score is None:
        return None
    wins = wins_of_a(str(score).strip().upper())
    if wins is None:
        raise BadInput(f"{where}: the score is {str(score)[:40]!r}; it is one of A>>B, A>B, A=B, B>A, B>>A, or null")
    return wins


def _check_battles(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    for where, row in _rows_with_places(path, rows):
        if not {"model_a", "model_b", "winner"} <= row.keys():
            raise _other_columns(where, row)
        if row["winner"] not in ("model_a", "model_b", *TIES):
            raise BadInput(f"{where}: winner is {str(row['winner'])[:40]!r}; it is model_a, model_b or tie")


def _baseline(path: Path, rows: Sequence[dict[str, Any]], usual: str) -> str:
    """Return the model in every battle: the usual baseline if it is in all, else the model that is always model_a."""
    always: set[str] = set.intersection(*({str(row["model_a"]), str(row["model_b"])} for row in rows))
    first = {str(row["model_a"]) for row in rows}
    candidates = [usual, *(first if len(first) == 1 else set()), *(always if len(always) == 1 else set())]
    for candidate in candidates:
        if candidate in always:
            return candidate
    raise BadInput(f"{path}: no one model fights in every battle, so there is no baseline; name it with --baseline MODEL")


def _battle(question: str, row: Mapping[str, Any], baseline: str) -> Battle:
    won_by_a = 0.5 if row["winner"] in TIES else float(row["winner"] == "model_a")
    if row["model_a"] == baseline:
        return Battle(question, str(row["model_b"]), 1.0 - won_by_a)
    return Battle(question, str(row["model_a"]), won_by_a)


_CODE = lazy_pattern(r"```.*?(?:```|\Z)", re.DOTALL)
_HEADER = lazy_pattern(r"^#{1,6}\s", re.MULTILINE)
_LIST = lazy_pattern(r"^\s*(?:\d+\.|[-*+])\s", re.MULTILINE)
_BOLD = lazy_pattern(r"\*\*[^*\n]+\*\*|__[^_\n]+__")
_PIECE = lazy_pattern(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Style:
    """The style of an answer. `length` in tokens, or, if `counted` is false, in words and signs, for want of a token count."""

    length: float
    headers: float
    lists: float
    bold: float
    counted: bool = True


def read_styles(paths: Sequence[Path]) -> dict[tuple[str, str], Style]:
    """Return the styles by (model, question). BadInput for a record that is not an answer."""
    return {(model, question): _recorded_style(row) or style_of(_answer(where, row)) for where, model, question, row in _rows(paths)}


def read_answers(paths: Sequence[Path]) -> dict[str, dict[str, str]]:
    """Return the texts by model and question."""
    answers: dict[str, dict[str, str]] = {}
    for where, model, question, row in _rows(paths):
        answers.setdefault(model, {})[question] = _answer(where, row)
    return answers


def _rows(paths: Sequence[Path]) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    """Yield (place, model, question, record) of each answer."""
    for path in paths:
        for number, row in enumerate(read_rows(path), start=1):
            where = f"{path}, record {number}"
            question = row.get("uid", row.get("question_id"))
            if question is None or not isinstance(model := row.get("model", row.get("model_id")), str):
                raise BadInput(f"{where}: an answer has uid, model and messages; this one has {', '.join(row)}")
            yield where, model, str(question), row


def style_of(text: str) -> Style:
    """Count the style of a text here, with code blocks left out of the Markdown."""
    prose = _CODE.sub("", text)
    headers, lists, bold = (len(pattern.findall(prose)) for pattern in (_HEADER, _LIST, _BOLD))
    return Style(len(_PIECE.findall(text)), headers, lists, bold, counted=False)


def _recorded_style(row: Mapping[str, Any]) -> Style | None:
    match row.get("metadata", row.get("conv_metadata")):
        case {"token_len": int(length), "header_count": dict(headers), "list_count": dict(lists), "bold_count": dict(bold)}:
            return Style(length, sum(headers.values()), sum(lists.values()), sum(bold.values()))
    return None


def _answer(where: str, row: Mapping[str, Any]) -> str:
    match row:
        case {"messages": [*_, {"content": {"answer": str(text)}}]}:
            return text
        case {"messages": [*_, {"role": "assistant", "content": str(text)}]}:
            return text
        case {"choices": [{"turns": [{"content": str(text)}, *_]}, *_]}:
            return text
    raise BadInput(f"{where}: no answer in it: messages have to end with the assistant's")
