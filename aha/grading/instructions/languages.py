"""The language that a text is written in, by langdetect, which IFEval's reference checker uses. Here it draws from a fixed seed."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langdetect.detector_factory import DetectorFactory

SEED = 0


def is_in_language(text: str, language: str) -> bool:
    """Whether the text is in the language of this code. A code without a region means every region (`zh` is `zh-cn` and `zh-tw`). A text
    that has no letters to tell a language by is in any."""
    code, target = language_of(text), language.strip().lower()
    return code is None or target in (code, code.partition("-")[0])


def language_of(text: str) -> str | None:
    """Return the likeliest of 55 languages as its ISO 639-1 code, `unknown` where none is likely, and None for a text without features."""
    from langdetect.lang_detect_exception import LangDetectException

    detector = _detectors().create()
    detector.append(text)
    try:
        return str(detector.detect())
    except LangDetectException:
        return None


@lru_cache(maxsize=1)
def _detectors() -> DetectorFactory:
    """A factory of our own: the library's global one is everybody's, and lists languages as the disk does."""
    from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory

    factory = DetectorFactory()
    factory.load_json_profile([path.read_text(encoding="utf-8") for path in sorted(Path(PROFILES_DIRECTORY).iterdir()) if path.is_file()])
    factory.set_seed(SEED)
    return factory
