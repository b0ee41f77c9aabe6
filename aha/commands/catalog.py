"""Every command by its name. A new one is a file with a `Command`, and a line here."""

from __future__ import annotations

from aha.commands import (
    bench_reward,
    chat,
    code,
    completion,
    evaluate,
    export,
    grade,
    lineage,
    pages,
    plan,
    records,
    regrade,
    reproduce,
    sandbox,
    scale,
    serve,
    track,
    train,
)
from aha.commands.terminal import Command

COMMANDS: dict[str, Command] = {
    "run": train.RUN,
    "show": train.SHOW,
    "diff": train.DIFF,
    "plan": plan.COMMAND,
    "doctor": train.DOCTOR,
    "pretrain": train.PRETRAIN,
    "reproduce": reproduce.COMMAND,
    "eval": evaluate.COMMAND,
    "regrade": regrade.COMMAND,
    "score": grade.SCORE,
    "scale": scale.COMMAND,
    "compare": pages.COMPARE,
    "grade": grade.GRADE,
    "bench-reward": bench_reward.COMMAND,
    "code": code.COMMAND,
    "review": pages.REVIEW,
    "serve": serve.COMMAND,
    "chat": chat.COMMAND,
    "sandbox": sandbox.COMMAND,
    "report": pages.REPORT,
    "groups": records.GROUPS,
    "lineage": lineage.COMMAND,
    "export": export.COMMAND,
    "track": track.COMMAND,
    "check": records.CHECK,
    "completion": completion.COMMAND,
}
