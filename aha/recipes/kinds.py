"""Every kind of value that a manifest may name where a field can hold several: nothing else is ever made from one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aha.protocols import Opens, Problems
from aha.recipes.recipe import ProblemsNeeded
from aha.rewards import Accuracy, Format, Harmless, Helpful, Judge, LanguageConsistency, SoftOverlong
from aha.stages.annotate import Annotate
from aha.stages.equal import Equal
from aha.stages.evaluate import Evaluate, Measure
from aha.stages.prefer import Prefer
from aha.stages.pretrain import Pretrain
from aha.stages.reinit_unused import ReinitUnusedEmbeddings
from aha.stages.rl import Rl
from aha.stages.sample import Sample
from aha.stages.sft import Sft
from aha.stages.shrink import Shrink
from aha.tasks.chain import ChainProblems
from aha.tasks.countdown import CountdownProblems
from aha.tasks.demonstrations import Demonstrations
from aha.tasks.general import GeneralProblems
from aha.tasks.given import FileExamples
from aha.tasks.mixed import MixedProblems
from aha.tasks.program import ProgramProblems
from aha.tasks.rows import RowProblems
from aha.tasks.word_problems import WordProblems

STAGES: Mapping[str, type] = {
    kind.__name__: kind for kind in (Annotate, Equal, Evaluate, Measure, Prefer, Pretrain, ReinitUnusedEmbeddings, Rl, Sample, Sft, Shrink)
}
PROBLEMS = (ChainProblems, CountdownProblems, GeneralProblems, MixedProblems, ProblemsNeeded, ProgramProblems, RowProblems, WordProblems)
REWARDS = (Accuracy, Format, Harmless, Helpful, Judge, LanguageConsistency, SoftOverlong)
EXAMPLES = (Demonstrations, FileExamples)
ROLES: Mapping[Any, tuple[type, ...]] = {Problems: PROBLEMS, Callable: REWARDS, Opens: REWARDS, Iterable: EXAMPLES}
