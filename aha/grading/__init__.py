"""The grading of answers by their references, without knowledge of any model, template or reward."""

from __future__ import annotations

from aha.answers import gradable
from aha.grading.countdown import last_expression
from aha.grading.graders import Graders

__all__ = ["Graders", "gradable", "last_expression"]
