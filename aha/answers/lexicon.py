"""Closed classes of words that say a number, an operation, a comparison or a denial: what no noun after a number may be."""

from __future__ import annotations

import re

SCALES = {
    "hundred": 100,
    "thousand": 1000,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "dozen": 12,
    "score": 20,
    "lakh": 10**5,
    "crore": 10**7,
}
PARTS = {
    "half": 2,
    "third": 3,
    "fourth": 4,
    "fifth": 5,
    "sixth": 6,
    "seventh": 7,
    "eighth": 8,
    "ninth": 9,
    "tenth": 10,
    "twelfth": 12,
    "hundredth": 100,
    "thousandth": 1000,
    "millionth": 10**6,
}
SCALE = "|".join(
    (
        *(f"{name}s?" for name in SCALES),
        *(f"{name}s?" for name in PARTS if name not in ("half", "third", "fourth")),
        "halves",
        "thirds",
        "fourths",
    )
)

SUSPECT = frozenset(
    (
        "least most more less fewer greater larger smaller higher lower above below over under than except unless "
        "without almost nearly not never "
        "cannot neither nor none wrong incorrect false between through till until versus vs either otherwise maybe "
        "perhaps possibly probably plus "
        "oder squared cubed factorial choose divided multiplied twice double triple thrice modulo "
        "doubt disagree deny no nicht kein keine pas não half thirds millionen milliarden millones milliards mille "
        "promille zillion if january february march april june july august september october november december "
        "mindestens höchstens fast beinahe ungefähr etwa circa weniger mehr kaum moins environ presque menos "
        "casi más mais quase almeno quasi "
        "milioni juta ribu ratus puluh triệu nghìn ngàn elfu laki bin milyon tysięcy tysiące milionów mil millón mila milhões "
        "duizend miljoen tausend tusen milj salah sai salado sbagliato falso faux falsch yanlış błędna źle mal zaidi "
        "minstens hoogstens bijna тысяч тысячи тыс миллион миллионов млн млрд не менее более почти около"
    ).split()
)
SAYS_MORE = re.compile(
    rf"(?i)\b(?:{'|'.join(sorted(SUSPECT))}|to|or|times (?:one|two|three|ten|[0-9])|(?:any|every)thing but|and (?:above"
    rf"|up|below|an? (?:half|third|quarter)))\b|n['’]t\b|"
    rf"[-–—]{{2}}|[不非‰]|아니|아닙|❌|✗|✘|नहीं|ไม่|కాదు|নয়|নয়|ليس|không|değil|이상|이하|미만|초과|ではありません|ではない|じゃない|大于|小于|多于|少于|未満|至少|至多|以上|以下|超过"
)
