"""The parameters of rendered resources and of WADO-URI, well and ill formed."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicom.greys import Window
from app.dicom.rendering import Region, Rendering, Viewport
from app.errors import InvalidRequest
from app.query import rendered, wado_uri

NAMED = [("requestType", "WADO"), ("studyUID", "1.2"), ("seriesUID", "1.2.3"), ("objectUID", "1.2.3.4")]


def parsed(name: str, value: str) -> Rendering:
    return rendered.parse([(name, value)]).rendering


@pytest.mark.parametrize(
    ("value", "window"),
    [
        ("40,400,linear", Window(40, 400)),
        ("-600.5,1.5e3,LINEAR-EXACT", Window(-600.5, 1500, "LINEAR_EXACT")),
        ("0.5,.25,sigmoid", Window(0.5, 0.25, "SIGMOID")),
        (" 40 , 1 , linear ", Window(40, 1)),
    ],
)
def test_windows(value: str, window: Window) -> None:
    assert parsed("window", value).window == window


@pytest.mark.parametrize(
    ("value", "viewport", "region"),
    [
        ("256,128", Viewport(256, 128), Region()),
        ("256,128,1.5,2", Viewport(256, 128), Region(1.5, 2)),
        ("256,128,,,10,20", Viewport(256, 128), Region(0, 0, 10, 20)),
        ("256,128,1,2,-10,", Viewport(256, 128), Region(1, 2, 10, None, flip_horizontal=True)),
        ("256,128,1,2,10,-20", Viewport(256, 128), Region(1, 2, 10, 20, flip_vertical=True)),
    ],
)
def test_viewports(value: str, viewport: Viewport, region: Region) -> None:
    found = parsed("viewport", value)
    assert (found.viewport, found.region) == (viewport, region)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("window", value)
            for value in ("", "40", "40,400", "40,400,cubic", "40,0,linear", "40,0.5,linear")
        ),
        *(
            ("window", value)
            for value in ("40,0,sigmoid", "40,-1,linear-exact", "nan,1,linear", "1,inf,linear")
        ),
        *(("window", value) for value in ("a,b,linear", "1,2,linear,3", "1e999,4,linear")),
        *(
            ("viewport", value)
            for value in ("", "0,0", "1", "-1,5", "1.5,5", "99999,1", "1,2,3,4,5,6,7", "a,b")
        ),
        *(("viewport", value) for value in ("9,9,-1,0", "9,9,0,0,0,5", "9,9,0,0,5,0", "9,9,x")),
        *(("quality", value) for value in ("", "0", "101", "-1", "50.5", "high", "١٢")),
        *(("annotation", value) for value in ("", ",", "patient,")),
        *(("iccprofile", value) for value in ("", "maybe")),
    ],
)
def test_what_is_ill_formed_is_refused(name: str, value: str) -> None:
    with pytest.raises(InvalidRequest):
        parsed(name, value)


def test_the_rest() -> None:
    assert parsed("quality", "1").quality == 1
    assert parsed("annotation", "technique,patient").annotations == ("patient", "technique")
    for profile in ("no", "yes", "srgb", "adobergb", "rommrgb", "displayp3"):
        assert parsed("iccprofile", profile.upper()).profile == profile


@pytest.mark.parametrize(("name", "value"), [("annotation", "patient,x<y"), ("unheard", "of")])
def test_what_is_passed_over_is_warned_of_without_its_value(name: str, value: str) -> None:
    (warning,) = rendered.parse([(name, value)]).warnings
    assert value.partition(",")[2] not in warning or "," not in value


def test_a_parameter_twice_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        rendered.parse([("window", "1,2,linear"), ("window", "1,2,linear")])


def test_a_thumbnail_has_a_viewport_and_nothing_else() -> None:
    assert rendered.parse([], thumbnail=True).rendering.viewport == Viewport(256, 256)
    assert rendered.parse([("viewport", "64,64")], thumbnail=True).rendering.viewport == Viewport(64, 64)
    assert rendered.parse([("window", "x")], thumbnail=True).warnings
    with pytest.raises(InvalidRequest):
        rendered.parse([("viewport", "64,64,0,0,1,1")], thumbnail=True)


@given(st.sampled_from(["window", "viewport", "quality", "annotation", "iccprofile"]), st.text(max_size=30))
def test_any_text_is_understood_or_refused(name: str, value: str) -> None:
    with suppress(InvalidRequest):
        assert isinstance(parsed(name, value), Rendering)


def uri(**values: str) -> wado_uri.Requested:
    return wado_uri.parse([*NAMED, *values.items()])


def test_wado_uri_in_full() -> None:
    found = uri(
        contentType="image/png",
        rows="100",
        columns="200",
        region="0.25,0.5,0.75,1",
        windowCenter="40",
        windowWidth="400",
        imageQuality="50",
        frameNumber="3",
        annotation="patient",
    )
    assert found.frame == 3
    assert found.rendering == Rendering(
        window=Window(40, 400),
        viewport=Viewport(200, 100),
        region=Region(0.25, 0.5, 0.5, 0.5, relative=True),
        quality=50,
        annotations=("patient",),
    )
    assert not found.wants_dicom
    assert uri(contentType="Application/DICOM").wants_dicom
    assert uri(rows="5").rendering.viewport == Viewport(None, 5)
    assert uri(windowCenter="", rows="").rendering == Rendering()


@pytest.mark.parametrize("missing", [name for name, _ in NAMED])
def test_wado_uri_needs_its_four(missing: str) -> None:
    with pytest.raises(InvalidRequest, match=missing):
        wado_uri.parse([pair for pair in NAMED if pair[0] != missing])


@pytest.mark.parametrize(
    "values",
    [
        {"windowCenter": "40"},
        {"windowWidth": "40"},
        {"windowCenter": "40", "windowWidth": "0"},
        {"rows": "0"},
        {"columns": "x"},
        {"region": "0,0,1"},
        {"region": "0,0,2,1"},
        {"region": "0.5,0,0.5,1"},
        {"imageQuality": "0"},
        {"frameNumber": "0"},
        {"frameNumber": "1,2"},
        {"anonymize": "yes"},
        {"presentationUID": "1.2"},
        {"transferSyntax": "JPEG"},
        {"contentType": "application/dicom", "rows": "5"},
        {"contentType": "application/dicom", "frameNumber": "1"},
        {"annotation": ","},
    ],
)
def test_wado_uri_refuses_what_it_cannot_do(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        uri(**values)


@pytest.mark.parametrize(("name", "value"), [("requestType", "GET"), ("studyUID", "1.2/../3")])
def test_wado_uri_refuses_other_names(name: str, value: str) -> None:
    with pytest.raises(InvalidRequest):
        wado_uri.parse([(key, value if key == name else said) for key, said in NAMED])


def test_wado_uri_warns_of_what_it_does_not_know() -> None:
    assert uri(frame="2").warnings
    with pytest.raises(InvalidRequest):
        wado_uri.parse([*NAMED, ("objectUID", "1.2")])
