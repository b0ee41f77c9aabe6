"""Right and wrong claims about golds of every kind, made by rules that begin from the exact value and know nothing of any grader."""

from aha.specimens.making import FAMILIES, Side, Specimen, forms, of_every_rule, rules, specimen, specimens

__all__ = ["FAMILIES", "Side", "Specimen", "forms", "of_every_rule", "rules", "specimen", "specimens"]
