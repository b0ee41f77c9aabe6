"""What `--hardware` takes, and what it refuses in one line before anything is loaded."""

from __future__ import annotations

import pytest

from aha.commands.arguments import Hardware, read_hardware
from aha.errors import BadInput


def test_a_machine_is_named_with_its_settings() -> None:
    assert read_hardware("laptop") == Hardware()
    assert read_hardware("node").kind == "node"
    assert read_hardware(" cluster( engines=2, ranks = 3,graders=0,address=ray://a:1 ) ") == Hardware("cluster", 2, 3, 0, "ray://a:1")


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("cloud", "it is laptop"),
        ("cluster(engines=0)", "engines is '0': it is a number, 1 or more"),
        ("cluster(engines=two)", "engines is 'two'"),
        ("cluster(gpus=2)", "'gpus=2' is no setting of it"),
        ("cluster(engines)", "'engines' is no setting of it"),
        ("node(ranks=2)", "node has no settings"),
        ("cluster(engines=2", "it is laptop"),
    ],
)
def test_what_is_no_machine_is_refused(text: str, seen: str) -> None:
    with pytest.raises(BadInput, match=r"--hardware") as refusal:
        read_hardware(text)
    assert seen in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_ray_that_does_not_start_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    from aha.backends import ray_cluster

    def timed_out(**settings: object) -> None:
        raise Exception("The current node timed out during startup.\nThis could happen because ...")  # as Ray itself raises it

    monkeypatch.setattr(ray, "init", timed_out)
    with pytest.raises(BadInput) as refusal:
        ray_cluster._init("", 2)
    assert str(refusal.value).startswith("--hardware cluster: Ray does not start on this machine, which may be too busy: The current node")
    assert "\n" not in str(refusal.value)
