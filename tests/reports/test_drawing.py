from __future__ import annotations

import math
import xml.etree.ElementTree as ET

from aha.reports.charts import Chart, Series
from aha.reports.drawing import picture, svg

ONE = Chart("one", "One", "share", "", "", (Series("a", (0.0, 4.0), (0.1, 0.9)), Series("b", (0.0, 4.0), (0.2, math.nan))), level=0.1)


def test_a_drawing_is_well_formed_and_named():
    root = ET.fromstring(svg(ONE, 5, 3))
    assert root.tag == "svg"
    assert root.attrib["aria-label"] == "One"
    assert "100 %" in {element.text for element in root.iter("text")}


def test_a_drawing_brings_no_font_and_no_style_of_its_own():
    assert "font-family" not in svg(ONE, 5, 3)
    assert "<style" not in svg(ONE, 5, 3)


def test_the_same_chart_is_the_same_text():
    assert svg(ONE, 5, 3) == svg(ONE, 5, 3)


def test_a_single_point_and_a_flat_zero_are_drawn():
    flat = Chart("flat", "Flat", "number", "", "", (Series("a", (0.0,), (0.0,)),))
    assert ET.fromstring(svg(flat, 5, 3)).tag == "svg"


def test_stacked_shares_reach_to_one_hundred_per_cent():
    stacked = Chart("s", "S", "share", "", "", (Series("a", (0.0, 1.0), (0.2, 0.3)), Series("b", (0.0, 1.0), (0.1, 0.0))), stacked=True)
    assert "100 %" in {element.text for element in ET.fromstring(svg(stacked, 5, 3)).iter("text")}


def test_negative_values_have_room_below():
    below = Chart("n", "N", "number", "", "", (Series("a", (0.0, 1.0), (-2.0, 1.0)),))
    ticks = [float(element.text or "") for element in ET.fromstring(svg(below, 5, 3)).iter("text")]
    assert min(ticks) <= -1.6


def test_the_picture_is_a_png():
    assert picture([ONE, ONE]).startswith(b"\x89PNG")


def test_bars_are_drawn_in_a_row_for_each_series():
    bars = Chart("t", "T", "number", "", "", (Series("one", (0.0, 2.0), (1.0, 3.0)), Series("two", (1.0,), (2.0,))), bars=True)
    texts = {element.text for element in ET.fromstring(svg(bars, 5, 3)).iter("text")}
    assert any(text and text.endswith(" min") for text in texts) and not {"one", "two"} & texts  # the page's legend names the rows
