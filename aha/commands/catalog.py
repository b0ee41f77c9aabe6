"""Every command by its name. A new one is a file with a `Command`, and a line here."""

from __future__ import annotations

from aha.commands import (
    bench_reward,
    chat,
    check,
    code,
    compare,
    completion,
    evaluate,
    grade,
    lineage,
    regrade,
    report,
    reproduce,
    review,
    sandbox,
    scale,
    score,
    serve,
    train,
)
from aha.commands.command import Command

COMMANDS: dict[str, Command] = {
    "run": train.RUN,
    "show": train.SHOW,
    "diff": train.DIFF,
    "doctor": train.DOCTOR,
    "pretrain": train.PRETRAIN,
    "reproduce": reproduce.COMMAND,
    "eval": evaluate.COMMAND,
    "regrade": regrade.COMMAND,
    "score": score.COMMAND,
    "scale": scale.COMMAND,
    "compare": compare.COMMAND,
    "grade": grade.COMMAND,
    "bench-reward": bench_reward.COMMAND,
    "code": code.COMMAND,
    "review": review.COMMAND,
    "serve": serve.COMMAND,
    "chat": chat.COMMAND,
    "sandbox": sandbox.COMMAND,
    "report": report.COMMAND,
    "lineage": lineage.COMMAND,
    "check": check.COMMAND,
    "completion": completion.COMMAND,
}
