"""Charts and pages: what they show is what they were given, and they need nothing from outside."""

import json
import re
from typing import Any

import pytest

from convprior.report import bars, chart, heatmap
from convprior.report.page import document, film, pictures

CURVES = {"a": [(1.0, 0.25), (10.0, 0.5)], "b": [(1.0, 0.125), (10.0, 0.75)]}
INTERVAL = {"mean": 0.5, "low": 0.25, "high": 0.75}


def specifications(html: str) -> list[dict[str, Any]]:
    return [
        json.loads(text)
        for text in re.findall(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)
    ]


def test_curves_keep_their_points_bands_levels_and_stops() -> None:
    html = chart.lines(
        CURVES, "step", "loss", bands={"b": [(0.0, 0.2), (0.7, 0.8)]}, levels={"chance": 0.1},
        stops={"a": (10.0, 0.5)},
    )  # fmt: skip
    (found,) = specifications(html)
    assert found["data"]["values"] == [
        {"name": "a", "x": 1, "y": 0.25, "low": None, "high": None},
        {"name": "a", "x": 10, "y": 0.5, "low": None, "high": None},
        {"name": "b", "x": 1, "y": 0.125, "low": 0.0, "high": 0.2},
        {"name": "b", "x": 10, "y": 0.75, "low": 0.7, "high": 0.8},
    ]
    marked = [layer["data"]["values"] for layer in found["layer"] if "data" in layer]
    peaks = [{"name": "a", "x": 10, "y": 0.5}, {"name": "b", "x": 10, "y": 0.75}]
    assert marked == [peaks, peaks[:1], [{"name": "chance"}]]
    assert found["width"] == "container"
    for text in ("step", "loss", "chance", ">a<", ">b<"):  # without a script they stand there too
        assert text in html


def test_dashed_curves_take_the_colours_from_the_first_again() -> None:
    (found,) = specifications(chart.lines(CURVES, "x", "y", dashed="b"))
    encoding = found["layer"][0]["encoding"]
    first, second = encoding["color"]["scale"]["range"]
    assert first == second
    assert encoding["strokeDash"]["scale"]["range"][0] == [1, 0]
    assert encoding["strokeDash"]["scale"]["range"][1] != [1, 0]


def test_bars_and_maps_keep_their_numbers() -> None:
    (found,) = specifications(
        bars.with_intervals({"one, two": {"a": INTERVAL}}, "accuracy", level=0.5)
    )
    assert found["data"]["values"] == [{"group": "one, two", "name": "a"} | INTERVAL]
    maps = specifications(heatmap.maps({"m": [[0.1, 0.2]], "n": [[0.3, 0.4]]}, ticks=[0, 2]))
    assert [found["title"] for found in maps] == ["m", "n"]
    assert maps[1]["data"]["values"] == [
        {"down": 0, "across": 0, "value": 0.3},
        {"down": 0, "across": 2, "value": 0.4},
    ]


@pytest.mark.parametrize("names", [["a" * 30, "b"], ["a", "b", "c", "d"]])
def test_a_legend_is_no_wider_than_a_phone(names: list[str]) -> None:
    (found,) = specifications(chart.lines(dict.fromkeys(names, CURVES["a"]), "x", "y"))
    columns = found["layer"][0]["encoding"]["color"]["legend"]["columns"]
    assert columns * max(map(len, names)) <= 44
    assert columns == (1 if len(names[0]) > 1 else 8)


def test_a_name_cannot_end_the_script_that_it_stands_in() -> None:
    html = chart.lines({"</script><b>": CURVES["a"]}, "x", "y")
    (found,) = specifications(html)
    assert found["data"]["values"][0]["name"] == "</script><b>"
    assert "<b>" not in html


def test_a_film_has_every_frame_and_a_first_one() -> None:
    html = film({"clean": "data:c"}, {"net": [("step 1", "data:1"), ("step 2", "data:2")]}, 1)
    assert 'data-first="1"' in html
    assert re.findall(r'<img src="([^"]*)" alt="([^"]*)"', html) == [
        ("data:c", "clean"),
        ("data:1", "net, step 1"),
        ("data:2", "net, step 2"),
    ]


def test_pictures_have_their_names_as_text() -> None:
    html = pictures({'<i> "n"': "data:x"})
    assert "<i>" not in html
    assert 'alt="&lt;i&gt; &quot;n&quot;"' in html


def test_a_page_needs_nothing_from_outside_and_is_the_same_again() -> None:
    body = chart.lines(CURVES, "x", "y")
    page = document("a title", body)
    assert page == document("a title", body)
    assert "vegaEmbed=" in page
    assert page.count("</script>") == 3
    outside = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"""(src|href)=["']?https?:|url\((?!#)|@import""", outside)
    assert not re.search(r"""<(script|link|img)[^>]* (src|href)=["']?https?:""", page)
