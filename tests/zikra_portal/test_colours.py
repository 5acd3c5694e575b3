"""The colours of charts: told apart by everybody, and seen on their ground."""

import itertools
import re
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[2] / "static" / "portal.css").read_text()
# Machado, Oliveira and Fernandes 2009, "A Physiologically-based Model for Simulation of Color Vision Deficiency",
# severity 1.0: linear RGB as people with each deficiency see it.
VISIONS = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
# CIE76: about 2 is just seen side by side, 10 at a glance; small patches apart from each other need more.
LEAST_DIFFERENCE = 25
LEAST_CONTRAST = 2.2
WHITE_POINT = (0.95047, 1.0, 1.08883)


def linear(colour):
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]


def luminance(colour):
    red, green, blue = linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def lab(colour, vision):
    """CIE L*a*b* of a colour as somebody sees it."""
    rgb = linear(colour)
    red, green, blue = (min(1.0, max(0.0, sum(a * b for a, b in zip(row, rgb, strict=True)))) for row in vision)
    xyz = (
        0.4124 * red + 0.3576 * green + 0.1805 * blue,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        0.0193 * red + 0.1192 * green + 0.9505 * blue,
    )
    scaled = [value / white for value, white in zip(xyz, WHITE_POINT, strict=True)]
    x, y, z = (share ** (1 / 3) if share > 0.008856 else 7.787 * share + 16 / 116 for share in scaled)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def sets():
    """The sets of eight in the order of the file: light, dark, dark again for readers without JavaScript."""
    found = re.findall(r"--series-([1-8]): (#[0-9a-f]{6});", CSS)
    assert [int(number) for number, _ in found] == [*range(1, 9)] * 3
    colours = [colour for _, colour in found]
    return [colours[:8], colours[8:16], colours[16:]]


def test_both_ways_into_the_dark_lead_to_the_same_colours():
    _, dark, dark_without_javascript = sets()
    assert dark == dark_without_javascript


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("number", [0, 1], ids=["light", "dark"])
def test_eight_colours_are_told_apart_by_everybody(number, vision):
    seen = [lab(colour, VISIONS[vision]) for colour in sets()[number]]
    differences = [
        sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5
        for one, other in itertools.combinations(seen, 2)
    ]
    assert min(differences) >= LEAST_DIFFERENCE


@pytest.mark.parametrize(("number", "ground"), [(0, "#ffffff"), (1, "#191e22")], ids=["light", "dark"])
def test_every_colour_is_seen_on_its_ground(number, ground):
    for colour in sets()[number]:
        low, high = sorted((luminance(colour), luminance(ground)))
        assert (high + 0.05) / (low + 0.05) >= LEAST_CONTRAST
