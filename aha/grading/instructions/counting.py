"""Words, sentences and capitals as IFEval's reference checker counts them: by NLTK, with Punkt's English parameters."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nltk.tokenize.punkt import PunktSentenceTokenizer


def count_words(text: str) -> int:
    """Return the number of runs of letters, digits and underscores, as far as NLTK's release takes marks above letters for letters."""
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
    """NLTK's own algorithm. Its parameters come from a package that carries them: NLTK would download them."""
    from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer
    from punkt import load_model

    model, parameters = load_model("english"), PunktParameters()
    parameters.abbrev_types = set(model.abbrev_types)
    parameters.collocations = set(model.collocations)
    parameters.sent_starters = set(model.sent_starters)
    parameters.ortho_context.update({word: int(flags) for word, flags in model.ortho_context.items()})
    return PunktSentenceTokenizer(parameters)
