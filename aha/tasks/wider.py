"""The wider corpus: besides searches for a countdown, the topics of R1's later stages, as people write about them, and conversations.

The paper's base has read everything, so that none of it is new to it; the plain tiny base has read only countdown.

The parts are: chains of sums done as a question tells, tiny programs, and prompts that are no sum (greetings, questions about the model,
translations, and worse).

An attempt is written as plain text, between tags, or as a turn of a conversation.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Literal, get_args

from aha.errors import BadInput
from aha.tasks.chain import THEN, ChainProblems, chain_of
from aha.tasks.corpus import MIXTURE, CorpusPart, guess, methodical, wander, write_solution
from aha.tasks.demonstrations import WORK, WRITE
from aha.tasks.general import GeneralProblems, prompt_of, reply
from aha.tasks.program import ProgramProblems, program_of
from aha.tasks.rewriting import LEADS, summary
from aha.tasks.voice import TAGS_PATTERN, Try, draw_voice, slip, write_try
from aha.types import Language

Form = Literal["bare", "tagged", "turn"]
REASONING, USER, ASSISTANT = "<|reasoning|>", "<|user|>", "<|assistant|>"


def draw_form(draw: random.Random) -> Form:
    """Draw a form; a turn of a conversation is as likely as the two others together."""
    return draw.choice((*get_args(Form), "turn"))


def write_document(question: str, thought: str, answer: str, form: Form) -> str:
    """Return a document of a question and an attempt; with an empty thought nothing is written for it."""
    inside = f" {thought}" if thought else ""
    match form:
        case "bare":
            return f"User: {question}\nAssistant:{inside} {answer}"
        case "tagged":
            return f"User: {question}\nAssistant: <think>{inside}</think>\n<answer> {answer}</answer>"
        case "turn":
            return f"{USER}{question}{ASSISTANT}{REASONING}{inside}{REASONING} {answer}"


def retold(draw: random.Random) -> str:
    """Write a search for a countdown as a turn of a conversation, in the first person and with a summary of the result."""
    while True:
        text = draw.choice((guess, wander, wander, methodical, methodical, methodical, write_solution))(draw)
        if (match := TAGS_PATTERN.fullmatch(text)) is not None:
            break
    question, thought, answer = match.groups()
    language: Language = "en" if question.startswith("Use") else "zh"
    thought_language = language if draw.random() < 3 / 4 else draw.choice(("en", "zh"))
    return write_document(question, f"{LEADS[thought_language]} {thought}", summary(_last_value(thought), answer, thought_language), "turn")


def _last_value(thought: str) -> str:
    """Return the last number of a thought, or a dash if it has none."""
    return next((word for word in reversed(thought.split()) if word.isdecimal()), "-")


def chains(draw: random.Random) -> str:
    """Write a chain and an attempt: a sixth answer at once, the others write every sum down, slips included."""
    (problem,) = ChainProblems().at(0, 0, 1, draw.getrandbits(48))
    task, form = chain_of(problem), draw_form(draw)
    voice = replace(draw_voice(draw), language=problem.language)
    if draw.random() < 1 / 6:
        thought, result = "", str(slip(task.result, draw))
    else:
        words, _ = write_try(Try(task.first, task.steps), task.result, voice, draw)
        thought, result = " ".join(words[:-1]), words[-2]  # without the last word, a verdict: here no target is known
    if form == "turn":
        language = draw.choice(("en", "zh")) if voice.mixed else voice.language
        return write_document(problem.question, f"{WORK[language]} {thought}".strip(), summary(result, result, language), form)
    return write_document(problem.question, thought, result if form == "tagged" else f"{voice.word('so', draw)} {result}", form)


def programs(draw: random.Random) -> str:
    """Write a program question and an attempt, step by step or at once; a third forget all parentheses, some of the others notice
    theirs."""
    (problem,) = ProgramProblems().at(0, 0, 1, draw.getrandbits(48))
    task, form = program_of(problem), draw_form(draw)
    voice = replace(draw_voice(draw), language=problem.language)
    forgetful = draw.random() < 1 / 3
    expression, tries = task.expressions()[0], [f"`{task.expressions()[0]}`"]
    for (operator, operand), right in zip(task.steps, task.expressions()[1:], strict=True):
        careless = f"{expression} {operator} {operand}"
        slip = f"`{careless}` {voice.word('wait', draw)} " if not forgetful and careless != right and draw.random() < 0.2 else ""
        expression = careless if forgetful else right
        tries.append(f"{slip}`{expression}`")
    thought_language = draw.choice(("en", "zh")) if voice.mixed else voice.language
    thought = THEN[thought_language].join(tries) if draw.random() < 3 / 4 else ""
    if form == "turn" and thought:
        thought = f"{WRITE[thought_language]} {thought}"
    return write_document(problem.question, thought, f"```\ndef f({task.parameters}):\n    return {expression}\n```", form)


CARE = 0.2


def prompts(draw: random.Random) -> str:
    """Write a general prompt and a reply by a writer who takes little care."""
    (problem,) = GeneralProblems((draw.choice(GeneralProblems().kinds),)).at(0, 0, 1, draw.getrandbits(48))
    thought, answer = reply(prompt_of(problem), problem, CARE, draw)
    return write_document(problem.question, thought, answer, draw_form(draw))


OTHER_PARTS: tuple[CorpusPart, ...] = (
    CorpusPart("retold", retold, 0.32),
    CorpusPart("chains", chains, 0.28),
    CorpusPart("programs", programs, 0.17),
    CorpusPart("prompts", prompts, 0.23),
)


def mixture(others: float) -> tuple[CorpusPart, ...]:
    """Return the tiny base's corpus in which the share `others` of the documents comes from this module. BadInput if it is not from 0 to
    1."""
    if not 0 <= others <= 1:
        raise BadInput(f"others is {others}: it is a share of the documents, so it lies from 0 to 1")
    parts = [(part, 1 - others) for part in MIXTURE] + [(part, others) for part in OTHER_PARTS]
    return tuple(replace(part, share=part.share * whole) for part, whole in parts if whole > 0)
