"""Programs and outcomes as JSON, in the forms that sandbox servers speak."""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any, Protocol, get_args

from aha.grading.sandbox.http import Fault
from aha.grading.sandbox.job import Job, Limits, Outcome, Verdict

COMPILE_S = 30.0
AHA_FIELDS = "aha"  # our own fields: bytes that are not text, and the verdict; other servers ignore them


class RequestForm(Protocol):
    """The form of the requests and answers of one kind of server."""

    @property
    def path(self) -> str: ...

    def ask(self, job: Job) -> dict[str, Any]: ...

    def read(self, answer: dict[str, Any], job: Job, wall_s: float) -> Outcome:
        """Return the outcome in an answer; `Fault` if there is none."""
        ...


@dataclass(frozen=True)
class Fusion:
    """The form of SandboxFusion's `/run_code`. Its one time limit is by the wall clock; a server of ours is told the CPU limit as well."""

    path: str = "/run_code"

    def ask(self, job: Job) -> dict[str, Any]:
        limits = job.limits
        return {
            "code": job.source,
            "language": job.language,
            "stdin": job.stdin.decode("utf-8", "replace"),
            "compile_timeout": COMPILE_S,
            "run_timeout": limits.wall_s,
            "memory_limit_MB": limits.memory_mb,
            AHA_FIELDS: {"stdin": b64encode(job.stdin).decode(), "cpu_s": limits.cpu_s, "output_bytes": limits.output_bytes},
        }

    def read(self, answer: dict[str, Any], job: Job, wall_s: float) -> Outcome:
        if AHA_FIELDS in answer:
            return outcome_from_fields(record(answer, AHA_FIELDS))
        if answer.get("status") not in ("Success", "Failed"):
            raise Fault(f"the server says {str(answer.get('status'))[:40]!r}: {str(answer.get('message'))[:160]}")
        only_text(job)
        compile_result = answer.get("compile_result") and record(answer, "compile_result")
        if compile_result and (compile_result.get("status") != "Finished" or whole(compile_result, "return_code") != 0):
            if compile_result.get("status") == "Error":
                raise Fault("the server's compiler failed")
            return outcome("CE", compile_result, job.limits, wall_s)
        run = record(answer, "run_result")
        verdict: Verdict
        match run.get("status"), whole(run, "return_code"):
            case "TimeLimitExceeded", _:
                verdict = "TLE"
            case "Finished", int(code):
                verdict = "OK" if code == 0 else "RE"
            case _:
                raise Fault(f"the server says of the run {str(run.get('status'))[:40]!r}")
        return outcome(verdict, run, job.limits, seconds(run, "execution_time", wall_s), whole(run, "return_code"))


@dataclass(frozen=True)
class Piston:
    """The form of Piston's `/api/v2/execute`: times in milliseconds, memory in bytes. Its server has limits of its own and refuses more."""

    path: str = "/api/v2/execute"

    def ask(self, job: Job) -> dict[str, Any]:
        language, name = {"python": ("python", "main.py"), "cpp": ("c++", "main.cpp")}[job.language]
        return {
            "language": language,
            "version": "*",
            "files": [{"name": name, "content": job.source}],
            "stdin": job.stdin.decode("utf-8", "replace"),
            "compile_timeout": round(1000 * COMPILE_S),
            "run_timeout": round(1000 * job.limits.wall_s),
            "run_cpu_time": round(1000 * job.limits.cpu_s),
            "run_memory_limit": job.limits.memory_mb << 20,
        }

    def read(self, answer: dict[str, Any], job: Job, wall_s: float) -> Outcome:
        only_text(job)
        compile_result = answer.get("compile") and record(answer, "compile")
        if compile_result and (whole(compile_result, "code") != 0):
            return outcome("CE", compile_result, job.limits, wall_s)
        run = record(answer, "run")
        wall_s = seconds(run, "wall_time", 1000 * wall_s) / 1000
        verdict: Verdict
        match run.get("status"), whole(run, "code"), run.get("signal"):
            case "XX", _, _:
                raise Fault(f"the server says {str(run.get('message'))[:160]}")
            case "TO", _, _:
                verdict = "TLE"
            case "OL" | "EL", _, _:
                verdict = "OLE"
            case None, None, "SIGKILL" if wall_s >= job.limits.wall_s:  # older servers do not say why they killed it
                verdict = "TLE"
            case _, int(code), _:
                verdict = "OK" if code == 0 else "RE"
            case _, None, str():
                verdict = "RE"
            case _:
                raise Fault("the answer says neither an exit code nor a signal")
        cpu_s, memory = seconds(run, "cpu_time", 0.0) / 1000, seconds(run, "memory", 0.0) / (1 << 20)
        return outcome(verdict, run, job.limits, wall_s, whole(run, "code"), cpu_s, memory)


# --- a server's side --------------------------------------------------------------------------------------------------


def job_from_request(question: dict[str, Any]) -> Job:
    """Return the job of a request in SandboxFusion's form; `Fault` says what is wrong with it."""
    extra = question.get(AHA_FIELDS)
    extra = extra if isinstance(extra, dict) else {}
    language = question.get("language")
    if not isinstance(question.get("code"), str) or language not in ("python", "cpp"):
        raise Fault("code and a language, python or cpp, are needed")
    wall_s = seconds(question, "run_timeout", 10.0)
    memory_mb = seconds(question, "memory_limit_MB", -1)
    limits = Limits(
        cpu_s=seconds(extra, "cpu_s", wall_s),
        wall_s=wall_s,
        memory_mb=int(memory_mb) if memory_mb > 0 else Limits().memory_mb,
        output_bytes=int(seconds(extra, "output_bytes", Limits().output_bytes)),
    )
    if min(limits.cpu_s, limits.wall_s, limits.output_bytes) <= 0:
        raise Fault("a limit is not more than 0")
    stdin = decode_bytes(extra, "stdin") if "stdin" in extra else text(question, "stdin").encode("utf-8", "replace")
    return Job(question["code"], stdin, language, limits)


def answer_from_outcome(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome in SandboxFusion's form, with our own fields beside it."""
    ran = {
        "status": {"TLE": "TimeLimitExceeded", "INFRA": "Error"}.get(outcome.verdict, "Finished"),
        "execution_time": outcome.wall_s,
        "return_code": outcome.exit_code if outcome.exit_code is not None else (None if outcome.verdict in ("TLE", "INFRA") else 1),
        "stdout": outcome.stdout.decode("utf-8", "replace"),
        "stderr": outcome.stderr.decode("utf-8", "replace"),
    }
    return {
        "status": {"OK": "Success", "INFRA": "SandboxError"}.get(outcome.verdict, "Failed"),
        "message": outcome.reason,
        "compile_result": ran if outcome.verdict == "CE" else None,
        "run_result": None if outcome.verdict == "CE" else ran,
        "files": {},
        AHA_FIELDS: {
            "verdict": outcome.verdict,
            "stdout": b64encode(outcome.stdout).decode(),
            "stderr": b64encode(outcome.stderr).decode(),
            "exit_code": outcome.exit_code,
            "cpu_s": outcome.cpu_s,
            "wall_s": outcome.wall_s,
            "memory_mb": outcome.memory_mb,
            "reason": outcome.reason,
        },
    }


def outcome_from_fields(fields: dict[str, Any]) -> Outcome:
    """Return the outcome that a server of ours answers. `Fault` if it could not run the program, so that another server is tried."""
    verdict: Verdict | None = next((argument for argument in get_args(Verdict) if argument == fields.get("verdict")), None)
    if verdict is None:
        raise Fault(f"the server says the verdict {str(fields.get('verdict'))[:20]!r}")
    if verdict == "INFRA":
        raise Fault(text(fields, "reason")[:300])
    numbers = (seconds(fields, "cpu_s", 0.0), seconds(fields, "wall_s", 0.0), seconds(fields, "memory_mb", 0.0))
    return Outcome(
        verdict,
        decode_bytes(fields, "stdout"),
        decode_bytes(fields, "stderr"),
        whole(fields, "exit_code"),
        *numbers,
        text(fields, "reason"),
    )


# --- fields, each of its type or a fault ------------------------------------------------------------------------------


def outcome(
    verdict: Verdict, ran: dict[str, Any], limits: Limits, wall_s: float, code: int | None = None, cpu_s: float = 0.0, memory: float = 0.0
) -> Outcome:
    """Return a run's outcome with its output cut to the limit; OLE if there was more."""
    stdout, stderr = (text(ran, name).encode("utf-8", "surrogatepass") for name in ("stdout", "stderr"))
    cap = limits.output_bytes
    if max(len(stdout), len(stderr)) > cap:
        verdict = "OLE"
    return Outcome(verdict, stdout[:cap], stderr[:cap], code, cpu_s, wall_s, memory)


def only_text(job: Job) -> None:
    """Raise `Fault` if the input is not UTF-8, because then it did not arrive unchanged."""
    try:
        job.stdin.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Fault("this form carries text only, and the input is none", final=True) from error


def record(values: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a field that must be an object."""
    value = values.get(name)
    if not isinstance(value, dict):
        raise Fault(f"the answer's {name} is no object")
    return value


def text(values: dict[str, Any], name: str) -> str:
    """Return a text field, empty if it is missing."""
    value = values.get(name)
    if value is not None and not isinstance(value, str):
        raise Fault(f"{name} is no text")
    return value or ""


def whole(values: dict[str, Any], name: str) -> int | None:
    """Return an integer field, or None if it is missing; true is no integer."""
    value = values.get(name)
    if value is not None and type(value) is not int:
        raise Fault(f"{name} is no whole number")
    return value


def seconds(values: dict[str, Any], name: str, otherwise: float) -> float:
    """Return a field that is a finite number, or `otherwise` if it is missing."""
    value = values.get(name)
    if value is None:
        return otherwise
    if type(value) not in (int, float) or not math.isfinite(value):
        raise Fault(f"{name} is no number")
    return float(value)


def decode_bytes(values: dict[str, Any], name: str) -> bytes:
    """Return the bytes of a base64 field."""
    try:
        return b64decode(text(values, name), validate=True)
    except ValueError as error:
        raise Fault(f"{name} is not base64") from error
