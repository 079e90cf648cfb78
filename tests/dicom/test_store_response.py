import json

import orjson
from hypothesis import given
from hypothesis import strategies as st

from app.dicom.resource import Resource
from app.dicom.store_response import Failed, Stored, render
from app.dicom.xml_model import to_xml

ROOT = "http://archive/dicom-web"
SC = "1.2.840.10008.5.1.4.1.1.7"
ONE = Stored(Resource("1.2", "1.3", "1.4"), SC)


def test_everything_stored():
    assert render(None, ROOT, [ONE]) == {
        "00081190": {"vr": "UR", "Value": [f"{ROOT}/studies/1.2"]},
        "00081199": {
            "vr": "SQ",
            "Value": [
                {
                    "00081150": {"vr": "UI", "Value": [SC]},
                    "00081155": {"vr": "UI", "Value": ["1.4"]},
                    "00081190": {"vr": "UR", "Value": [f"{ROOT}/studies/1.2/series/1.3/instances/1.4"]},
                }
            ],
        },
    }


def test_a_warning_has_a_reason_and_comments():
    odd = Stored(Resource("1.2", "1.3", "1.4"), SC, 0xB007, ("One thing.", "Another."))
    [item] = render(None, ROOT, [odd])["00081199"]["Value"]
    assert item["00081196"] == {"vr": "US", "Value": [0xB007]}
    assert [comment["00000902"]["Value"] for comment in item["00741048"]["Value"]] == [
        ["One thing."],
        ["Another."],
    ]


def test_nothing_stored():
    failed = Failed(0xA900, "Study Instance UID is missing.", SC, "1.4", 0x0020000D)
    assert render(f"{ROOT}/studies/1.2", ROOT, [failed]) == {
        "00081190": {"vr": "UR"},
        "00081198": {
            "vr": "SQ",
            "Value": [
                {
                    "00081150": {"vr": "UI", "Value": [SC]},
                    "00081155": {"vr": "UI", "Value": ["1.4"]},
                    "00081197": {"vr": "US", "Value": [0xA900]},
                    "00741048": {
                        "vr": "SQ",
                        "Value": [
                            {
                                "00000902": {"vr": "LO", "Value": ["Study Instance UID is missing."]},
                                "00720026": {"vr": "AT", "Value": ["0020000D"]},
                            }
                        ],
                    },
                }
            ],
        },
    }


def test_parts_without_uids_are_other_failures():
    response = render(None, ROOT, [Failed(0xC000, "Truncated."), Failed(0x0110), ONE])
    assert list(response) == ["00081190", "00081199", "0008119A"]
    first, second = response["0008119A"]["Value"]
    assert list(first) == ["00081197", "00741048"]
    assert second == {"00081197": {"vr": "US", "Value": [0x0110]}}


def test_several_studies_have_no_one_url():
    other = Stored(Resource("1.9", "1.3", "1.5"), SC)
    assert render(None, ROOT, [ONE, other])["00081190"] == {"vr": "UR"}
    assert render(f"{ROOT}/studies/1.2", ROOT, [ONE])["00081190"]["Value"] == [f"{ROOT}/studies/1.2"]


@given(st.text(min_size=1), st.text())
def test_no_uid_breaks_the_response(instance, sop_class):
    failed = Failed(0xA900, "SOP Instance UID is not a valid UID.", sop_class, instance, 0x00080018)
    response = render(None, ROOT, [failed])
    assert json.loads(orjson.dumps(response)) == response
    assert to_xml(response)
    [item] = response["00081198"]["Value"]
    assert all(len(value) <= 64 for value in item["00081155"].get("Value", []))


def test_an_invalid_uid_is_shown_to_its_sender():
    [item] = render(None, ROOT, [Failed(0xA900, "", None, "not.a.uid")])["00081198"]["Value"]
    assert item["00081155"]["Value"] == ["not.a.uid"]
    assert item["00081150"] == {"vr": "UI"}
