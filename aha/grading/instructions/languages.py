"""Which of some thirty languages a text is written in: by its script, and where several share one by their commonest words and letters.

Made for whole replies in one language. A text without letters is in any language, since nothing speaks against it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

SCRIPTS = {  # the first word of a letter's Unicode name -> the languages that use it
    "LATIN": ("en", "de", "fr", "es", "pt", "it", "nl", "pl", "fi", "sv", "vi", "sw", "tr", "id"),
    "CYRILLIC": ("ru", "uk", "bg"),
    "ARABIC": ("ar", "fa", "ur"),
    "DEVANAGARI": ("hi", "mr", "ne"),
    "BENGALI": ("bn",),
    "GURMUKHI": ("pa",),
    "GUJARATI": ("gu",),
    "TAMIL": ("ta",),
    "TELUGU": ("te",),
    "KANNADA": ("kn",),
    "MALAYALAM": ("ml",),
    "THAI": ("th",),
    "HEBREW": ("he",),
    "GREEK": ("el",),
    "HANGUL": ("ko",),
    "HIRAGANA": ("ja",),
    "KATAKANA": ("ja",),
    "CJK": ("zh",),
}
_WORDS = {
    "en": "the of and to in is that it for as with was on are be this by you not have or from at i we an can will your they he she my a "
    "what has but who which were had so if there do me his her our here how when no more",
    "de": "der die und das ist nicht ein eine zu den mit sich auf für von dem es ich sie wir auch als wie oder im werden hat bei",
    "fr": "le la les de des et est un une dans que qui pour pas sur avec ce je vous nous il elle au du en plus mais sont cette",
    "es": "el la los las de y que en un una es por con no para se del al lo como más pero su sus este está son muy también",
    "pt": "o a os as de e que em um uma é por com não para se do da no na mais mas como seu sua ao são está você também",
    "it": "il la i le di e che in un una è per con non si del della dei al da sono come più ma questo anche gli nel ho lo",
    "nl": "de het een en van in is dat op te zijn met voor niet aan er om ook als bij maar door over ik je wij naar",
    "pl": "i w na z do się nie jest to że o jak po co tak za od przez dla są ale być oraz który może jego czy też",
    "fi": "ja on ei että se hän oli en olen joka mutta kun niin ovat voi myös tai kuin sen ole minä sinä tämä mitä jos",
    "sv": "och att det i en som är på av för med den till inte om ett han har de jag var så från vi kan",
    "vi": "và là của có không một cho được trong với những các này đã người để khi tôi bạn như về ra cũng ở từ",
    "sw": "na ya wa ni kwa za katika la cha kuwa hii yake hiyo lakini pia kama au huo ambayo sana watu hivyo kila mimi",
    "tr": "ve bir bu için de da ile çok daha ne gibi olarak en var değil ama kadar sonra ben sen o olan her",
    "id": "dan yang di ini itu dengan untuk dari tidak ke dalam akan pada juga adalah saya anda ada bisa atau karena",
    "ru": "и в не на что я с он как это по но они мы из у за от для же так вы было все его к о",
    "uk": "і в не на що я з він як це по але вони ми із у за від для та так ви було його є до її або",
    "bg": "и в не на че аз с той като това по но те ние от за да се са ще съм със които бъде или при е",
    "ar": "في من على إلى أن هذا هذه التي الذي كان مع لا ما عن هو هي كل بعد قد لم أو ذلك",
    "fa": "و در به از که این را با است برای آن یک می ها هم تا بر شما من ما او بود شود کرد باشد های",
    "ur": "اور کے کی میں ہے سے کا کو یہ ہیں نے پر کہ ایک بھی اس نہیں وہ لیے کر تھا آپ جو گا",
    "hi": "और के की में है से का को यह हैं ने पर कि एक भी इस नहीं वह लिए कर था आप जो तो हम मैं",
    "mr": "आणि आहे च्या या मध्ये ते हे आहेत नाही एक साठी तुम्ही करा मी की होते असे त्या आपण पण ही तर",
    "ne": "र को मा छ यो हो लागि पनि गर्न छन् भएको एक तपाईं हामी थियो गर्ने हुन्छ ले बाट तथा म के भने छैन",
}
WORDS = {language: frozenset(words.split()) for language, words in _WORDS.items()}
MARKS = {  # letters and endings that its neighbours in a script do not have
    "uk": "і ї є ґ",
    "ru": "ы э ё",
    "bg": "ъ",
    "ur": "ٹ ڈ ڑ ں ے ہ",
    "fa": "پ چ ژ گ",
    "ar": "ة أ إ ؤ ى",
    "mr": "ळ ाच ्या ले ण्य",
    "ne": "हरू हरु नुहोस् नुहुन्छ ौं ेको ्छ।",
    "vi": "đ ơ ư ạ ả ấ ầ ế ề ể",
    "pl": "ł ą ę ś ż",
    "de": "ß ä ö ü",
    "tr": "ı ş ğ",
    "sv": "å",
    "fi": "ää yö",
    "pt": "ã õ",
    "es": "ñ ¿ ¡",
}
LONGEST = 20_000  # characters that are looked at


def is_in_language(text: str, language: str) -> bool:
    """Whether the text is in the language of this ISO 639-1 code (of a longer one such as zh-cn, its first part), or has no letters."""
    found = language_of(text)
    return found is None or found == language.strip().lower().split("-")[0]


def language_of(text: str) -> str | None:
    """The likeliest language; `None` where there are no letters, `??` where the script is none of those known."""
    text = unicodedata.normalize("NFC", text[:LONGEST]).lower()
    scripts = Counter(_script(character) for character in text if character.isalpha())
    if not scripts:
        return None
    if (
        scripts["HIRAGANA"] + scripts["KATAKANA"]
        > 0.1 * (scripts["CJK"] + scripts["HIRAGANA"] + scripts["KATAKANA"])
        > 0.03 * scripts.total()
    ):
        return "ja"
    languages = SCRIPTS.get(scripts.most_common(1)[0][0], ("??",))
    return languages[0] if len(languages) == 1 else max(languages, key=lambda each: _likeness(text, each))


def _script(character: str) -> str:
    return unicodedata.name(character, "?").split()[0].split("-")[0]


def _likeness(text: str, language: str) -> float:
    """How many of its words are common ones of the language, a mark that only this one has counting as half a word."""
    words = Counter(_words(text))
    common = sum(count for word, count in words.items() if word in WORDS[language])
    return common + 0.5 * sum(text.count(mark) for mark in MARKS.get(language, "").split())


def _words(text: str) -> list[str]:
    """Combining vowel signs of Indian scripts are no letters to `re`, so words are what stands between blanks and punctuation."""
    return [word for word in re.split(r"[\s\d.,;:!?\"“”()\[\]{}*_#<>/\\|।،؟؛…–—-]+", text) if word]
