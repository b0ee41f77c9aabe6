"""Twelve canaries, each where people keep a key, and everything that a run leaves, searched byte by byte (R19)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from aha.errors import BadInput
from aha.grading.sandbox import Job, open_sandbox
from aha.rundir.group_table import json_of
from aha.rundir.groups import read_groups
from aha.types import Group
from tests.endtoend.conftest import Warm
from tests.endtoend.world import write_recipe
from tests.judges import verdict
from tests.servers import Answer, Request, Server, said

PLACES = (
    "a variable",
    "the hub's variable",
    "a secret key",
    "a password",
    "a proxy's URL",
    "headers",
    ".env",
    ".netrc",
    "the hub's file",
    "a recipe",
    "a server's URL",
    "a variable of any name",
)
URL = "a server's URL"
CANARIES = {place: f"c4nary{number:02d}-Zx9{number * 7919:06d}" for number, place in enumerate(PLACES)}
IN_THE_RECIPE = {"recipes": CANARIES["a recipe"], "mirror": f"https://{CANARIES[URL]}@host/v1"}

LEAKS = '''
from pathlib import Path
from aha.protocols import ChatOptions
from aha.rewards import Rewards, RewardPart
from aha.rewards.judge import Judge
from aha.types import Judged, Problem, Reply

api_key = {recipes!r}
MIRROR = {mirror!r}
CANARIES = Path({canaries!r}).read_text().split()

class Loose:
    """Reads every text as a reply, and finds a canary at its end."""
    def prompt(self, question):
        return question
    def read(self, text, tokens, finished):
        canary = CANARIES[tokens % len(CANARIES)]
        return Reply(text + canary, text + canary, f"{{text}} {{canary}}", tokens, finished)

@dataclass(frozen=True)
class Shown:
    """Shows one canary a question."""
    def at(self, rollout, round, count, seed):
        shown = [CANARIES[(rollout * count + i) % len(CANARIES)] for i in range(count)]
        return [Problem(f"p{{rollout}}.{{i}}", "d", "Say " + canary, "en", Judged("x")) for i, canary in enumerate(shown)]

@dataclass(frozen=True)
class Breaks:
    """Is a mistake of ours, which says all that it knows."""
    def __call__(self, problem, replies):
        if problem.id == "p3.0":
            raise RuntimeError(" ".join(CANARIES) + " http://me:" + CANARIES[10] + "@host")
        return [float(sum(map(ord, reply.text)) % 2) for reply in replies]

OPTIONS = ChatOptions(key_variable={variable!r}, cache={cache!r}, pause_s=0.01)
JUDGE = Judge({server!r}, rules="never", pause_s=0.0, infra=0.99, client=OPTIONS)
RL = replace(
    RL, problems=Shown(), template=Loose(), sampling=Sampling(max_tokens=20), save_every=1,
    rewards=Rewards((RewardPart("breaks", Breaks()), RewardPart("judge", JUDGE))),
)
'''

STARTS = """
import os, runpy, sys
os.environ.update({environ!r})
os.chdir({folder!r})
sys.argv = ["aha", *{words!r}]
runpy.run_module("aha", run_name="__main__", alter_sys=True)
"""


def kept(folder: Path) -> dict[str, str]:
    """Where people keep keys: files in a folder that is home and working directory, and the environment."""
    (folder / "canaries").write_text("\n".join(CANARIES.values()))
    (folder / ".env").write_text(f"export SOME_TOKEN='{CANARIES['.env']}'\n")
    (folder / ".netrc").write_text(f"machine host login me password {CANARIES['.netrc']}\n")
    (folder / "hub").mkdir()
    (folder / "hub/token").write_text(CANARIES["the hub's file"])
    return {
        "HOME": str(folder),
        "HF_HOME": str(folder / "hub"),
        "AHA_API_KEY": CANARIES["a variable"],
        "HF_TOKEN": CANARIES["the hub's variable"],
        "AWS_SECRET_ACCESS_KEY": CANARIES["a secret key"],
        "DB_PASSWORD": CANARIES["a password"],
        "ALL_PROXY": "http://me:" + CANARIES["a proxy's URL"] + "@127.0.0.1:1",
        "OPENAI_CUSTOM_HEADERS": f"X-Other: {CANARIES['headers']}",
        "MY_SERVER": CANARIES["a variable of any name"],
    }


def found_in(files: list[Path]) -> list[str]:
    """`file: canary` for each canary that stands in one of them, spelled in any way, packed or not."""
    hits = []
    for path in files:
        data = path.read_bytes().decode("utf-8", "replace")
        text = data + "\n".join(json_of(group, Group) for group in read_groups(path)) if path.suffix == ".parquet" else data
        for place, canary in CANARIES.items():
            coded = [base64.b64encode(b" " * pad + canary.encode()).decode()[4:16] for pad in range(3)]
            hits += [f"{path}: {place}" for spelling in (canary, quote(canary), json.dumps(canary)[1:-1], *coded) if spelling in text]
    return hits


def files(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in ([folder] if folder.is_file() else folder.rglob("*")) if path.is_file()]


def command_lines() -> list[str]:
    """Of all processes of this machine that may be read."""
    return [path.read_bytes().decode("utf-8", "replace") for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]


@pytest.mark.slow
def test_no_canary_is_in_anything_that_a_run_leaves(warm: Warm, tmp_path: Path, tell: Callable[[str], None]) -> None:
    home, root, cache, seen = tmp_path / "home", tmp_path / "run", tmp_path / "cache", list[str]()
    home.mkdir()
    environ = kept(home)
    headers: set[str] = set()

    def judge(request: Request, number: int) -> Answer:
        """Says back all that it knows, as a verdict, as an error and as a refusal."""
        headers.update(request.headers.values())
        if number == 0:
            seen.extend(line for line in command_lines() if any(canary in line for canary in CANARIES.values()))
        echo = f"{request.headers.get('authorization')} {' '.join(CANARIES.values())}"
        if number % 5 == 1:
            return Answer(json.dumps({"error": {"message": f"Incorrect API key: {echo}"}}).encode(), status=400 if number % 2 else 500)
        return said(json.dumps({**json.loads(verdict(number % 2 == 0)), "analysis": echo}))

    with Server(judge) as server:
        more = LEAKS.format(
            **IN_THE_RECIPE, canaries=str(home / "canaries"), server=f"{server.url}#m", variable="MY_SERVER", cache=str(cache)
        )
        recipe = write_recipe(home / "leaks.py", warm.model, more=more)
        words = ["run", str(recipe), "--out", str(root), "--no-preflight"]
        (tmp_path / "start.py").write_text(STARTS.format(environ=environ, folder=str(home), words=words))
        command = warm.start(tmp_path / "start.py")
        assert command.code == 2, command.said
        asked = len(server.requests)
    assert "raised RuntimeError: [hidden]" in command.said and asked > 0
    everything = files(root, cache, command.base.with_suffix(".out"), command.base.with_suffix(".err"))
    assert {"manifest", "metrics"} <= {path.stem.partition("-")[0] for path in everything}
    assert list(root.glob("checkpoints/*/model.safetensors")) and list(cache.glob("*/*.json"))
    assert "[hidden]" in json_of(next(read_groups(root / "groups/000000.parquet")), Group)
    assert found_in(everything) == []
    assert seen == []
    assert f"Bearer {CANARIES['a variable of any name']}" in headers and not any(CANARIES["headers"] in value for value in headers)
    tell(f"secrets: {len(CANARIES)} canaries, {len(everything)} files, {asked} calls of a judge that says them all back: 0 found")


@pytest.mark.slow
def test_a_key_in_a_servers_address_is_refused_and_shown_nowhere(warm: Warm, tmp_path: Path) -> None:
    home, root = tmp_path / "home", tmp_path / "run"
    home.mkdir()
    environ, address = kept(home), f"http://me:{CANARIES[URL]}@127.0.0.1:1/v1#m"
    more = LEAKS.format(**IN_THE_RECIPE, canaries=str(home / "canaries"), server=address, variable="", cache=str(tmp_path / "cache"))
    recipe = write_recipe(home / "leaks.py", warm.model, more=more)
    for words in (["run", str(recipe), "--out", str(root), "--no-preflight"], ["show", str(recipe)], ["show", str(recipe), "--json"]):
        (tmp_path / "start.py").write_text(STARTS.format(environ=environ, folder=str(home), words=words))
        command = warm.start(tmp_path / "start.py")
        assert command.code == (2 if words[0] == "run" else 0), command.said
        said_here = [command.base.with_suffix(".out"), command.base.with_suffix(".err")]
        assert found_in([*files(root), *said_here]) == []
        assert "[hidden]@127.0.0.1" in "".join(path.read_text() for path in said_here)
    assert not root.exists()


LOOKS = """
import os
print(dict(os.environ))
try:
    print(open("/proc/self/environ").read())
except OSError as error:
    print(error)
"""


def test_a_program_in_the_sandbox_sees_no_canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in kept(tmp_path).items():
        if name != "HOME":
            monkeypatch.setenv(name, value)
    try:
        sandbox = open_sandbox(workers=1)
    except BadInput as error:
        pytest.skip(str(error))
    try:
        outcome = sandbox.run(Job(LOOKS))
    finally:
        sandbox.close()
    assert outcome.verdict == "OK" and b"{" in outcome.stdout
    assert [canary for canary in CANARIES.values() if canary.encode() in outcome.stdout + outcome.stderr] == []
