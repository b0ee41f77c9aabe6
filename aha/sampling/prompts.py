"""Prompts as tokens, and tokens as replies."""

from __future__ import annotations

from aha.errors import BadInput
from aha.protocols import Tokenizer
from aha.template import Template, prompt_after
from aha.types import Completion, Problem, Reply


def prompt_tokens(template: Template, question: str, tokenizer: Tokenizer) -> tuple[int, ...]:
    """Return the token ids of a prompt: text as the tokenizer begins it, a conversation through the model's own chat template."""
    prompt = template.prompt(question)
    return tuple(tokenizer.prompt(prompt) if isinstance(prompt, str) else tokenizer.chat(prompt))


def problem_tokens(template: Template, problem: Problem, tokenizer: Tokenizer) -> tuple[int, ...]:
    """Return the token ids with which a problem is asked, what was said before its question among them. BadInput names the problem whose
    turns the template or the model's chat template cannot write."""
    try:
        prompt = prompt_after(template, problem.turns, problem.question, problem.domain)
        return tuple(tokenizer.prompt(prompt) if isinstance(prompt, str) else tokenizer.chat(prompt))
    except BadInput as error:
        raise BadInput(f"problem {problem.id}: {error}") from None


def completion_text(completion: Completion, tokenizer: Tokenizer) -> str:
    """Return the text of a completion without its stop token."""
    return tokenizer.decode(completion.tokens[:-1] if completion.finished == "stop" else completion.tokens)


def read_reply(template: Template, completion: Completion, tokenizer: Tokenizer) -> Reply:
    """Return the reply that the template reads in a completion."""
    return template.read(completion_text(completion, tokenizer), len(completion.tokens), completion.finished)
