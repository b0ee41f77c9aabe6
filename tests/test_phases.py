"""Clocks of phases, here and in other processes."""

from __future__ import annotations

from aha.phases import PhaseClock, RemoteClock, phase_seconds


class Part:
    def __init__(self, clock: PhaseClock) -> None:
        self.phases = clock


def test_phases_of_parts_here_and_elsewhere_are_added_up_and_taken_once() -> None:
    near, readings = PhaseClock(), [{"decode_s": 2.0, "draw_s": 0.5}, {}]
    near.add({"gradient_s": 1.0})
    near.add({"gradient_s": 0.25})
    far = RemoteClock(lambda: readings.pop(0))
    assert phase_seconds(Part(near), Part(far), object()) == {"gradient_s": 1.25, "decode_s": 2.0, "draw_s": 0.5}
    assert phase_seconds(Part(near), Part(far)) == {}
