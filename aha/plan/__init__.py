"""Estimates of what a recipe takes before it runs: memory by part, seconds, and the settings with which it fits."""

from aha.plan.machines import Machine, machine
from aha.plan.memory import ModelShape, read_shape
from aha.plan.plan import SOURCE, StagePlan, fit, gib, plan_stage

__all__ = ["SOURCE", "Machine", "ModelShape", "StagePlan", "fit", "gib", "machine", "plan_stage", "read_shape"]
