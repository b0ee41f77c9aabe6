"""Closed classes of words that say a number, an operation, a comparison or a denial: what no noun after a number may be."""

from __future__ import annotations

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
