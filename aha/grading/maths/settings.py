"""What a benchmark may ask of the comparison; the defaults are what training uses."""

from __future__ import annotations

from dataclasses import dataclass

from aha.answers.claims import How


@dataclass(frozen=True)
class Settings:
    """`how`: where the claim stands. `relations`: `1 < x < 2` may answer an interval. `strict`: variables keep their names and sets are no
    tuples. `precision`: decimals are compared at so many places; without it, a decimal is exact unless it has at least `places` places and
    the other side cannot be written as a decimal. `evaluated`: a bare value is needed, a calculation that comes to it is wrong; `None`: as
    the reference's kind says, which a Number needs and a formula does not."""

    how: How = "auto"
    relations: bool = True
    strict: bool = True
    precision: int | None = None
    places: int = 6
    evaluated: bool | None = None


DEFAULT = Settings()
