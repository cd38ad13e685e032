"""History: records, the best one, JSON."""

import json
from xml.etree import ElementTree

import pytest

from recurrent import History

CURVES = ("train", "validation", "gradient_norms", "learning_rates")
WHOLE = History([(1, 2.5), (2, 2.25)], [(2, 2.0)], [(1, 0.5), (2, 0.25)], [(1, 0.1), (2, 0.1)], "patience")


def test_the_earliest_of_equal_losses_is_the_best():
    assert History(validation=[(5, 2.0), (10, 1.5), (15, 1.5), (20, 1.75)]).best == (10, 1.5)
    assert History().best is None


def test_json():
    again = History.from_dict(json.loads(json.dumps(WHOLE.to_dict())))
    assert again == WHOLE and again.stop_reason == "patience"
    for name in CURVES:
        assert all(isinstance(point, tuple) for point in getattr(again, name))


@pytest.mark.parametrize("key", [*CURVES, "stop_reason"])
def test_a_missing_record_is_refused(key):
    data = WHOLE.to_dict()
    del data[key]
    with pytest.raises(ValueError, match=f"data lacks '{key}'; expected"):
        History.from_dict(data)
    with pytest.raises(TypeError, match="data has the wrong type; expected a dict, got list"):
        History.from_dict(list(data))


@pytest.mark.parametrize("points", [3, [3], [(1, "much")], [(1, 2, 3)], None])
@pytest.mark.parametrize("key", CURVES)
def test_malformed_records_are_refused(key, points):
    with pytest.raises((TypeError, ValueError)):
        History.from_dict({**WHOLE.to_dict(), key: points})


@pytest.mark.parametrize("key", [*CURVES, "stop_reason"])
def test_equality_compares_all(key):
    other = History.from_dict(WHOLE.to_dict())
    assert other == WHOLE
    setattr(other, key, "steps" if key == "stop_reason" else [])
    assert other != WHOLE and WHOLE.to_dict() != WHOLE
    with pytest.raises(TypeError, match="unhashable"):
        hash(other)


def test_repr():
    assert repr(WHOLE) == "<History: 2 steps, train 2.2500, validation 2.0000, stop_reason: patience>"
    assert repr(History()) == "<History: no steps, stop_reason: None>"


def curves(history):
    """The page of a history, and the points of its curves."""
    page = ElementTree.fromstring(history._repr_html_())
    lines = page.iter("{http://www.w3.org/2000/svg}polyline")
    return page, {line.get("class"): line.get("points").split() for line in lines}


def test_html():
    page, _ = curves(WHOLE)
    assert next(page.iter("p")).text == repr(WHOLE)
    # of any loss
    assert next(page.iter("{http://www.w3.org/2000/svg}title")).text == "Loss"
    assert "<svg" not in History()._repr_html_() and "no steps" in History()._repr_html_()
    train = [(step, 3.0 - step / 1000) for step in range(1, 2001)]
    page, lines = curves(History(train=train, validation=[(500, 2.0), (2000, 1.5)]))
    assert len(lines["train"]) <= 400 and len(lines["validation"]) == 2
    # losses fall from the left to the right: y grows downwards
    places = [tuple(map(float, place.split(","))) for place in lines["train"]]
    assert places == sorted(places) and all(52 <= x <= 468 and 10 <= y <= 156 for x, y in places)
    # the lowest loss is on the floor, at the last step
    assert places[-1] == (468.0, 156.0)
    labels = [text.text for text in page.iter("{http://www.w3.org/2000/svg}text")]
    assert labels == ["3", "1", "1", "2,000 steps", "train", "validation"]


@pytest.mark.parametrize(
    "losses",
    [[1.0], [2.0, 2.0], [float("nan")], [float("inf"), 1.0], [1e300, 1.0], [0.0, 0.0], [-1e308, 1e308]],
)
def test_html_of_unusual_losses(losses):
    page = History(train=list(enumerate(losses)))._repr_html_()
    ElementTree.fromstring(page)
    assert ",nan" not in page and "inf," not in page and ",inf" not in page and '"nan"' not in page
