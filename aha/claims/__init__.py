"""Right and wrong claims about golds of every kind, made by rules that begin from the exact value and know nothing of any grader."""

from aha.claims.specimens import FAMILIES, Specimen, of_every_rule, rules, specimen, specimens

__all__ = ["FAMILIES", "Specimen", "of_every_rule", "rules", "specimen", "specimens"]
