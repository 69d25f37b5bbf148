import re

from mosaic_admin import codes
from mosaic_admin.errors import MosaicError, NotAllowedError
from mosaic_admin.wiring import ALL_CODES


def test_an_error_has_one_json_shape():
    error = NotAllowedError("No.", remediation="Ask an admin.", page="/x")
    assert error.as_dict() == {
        "error": {"code": "MOS-ACC-001", "message": "No.", "remediation": "Ask an admin.", "context": {"page": "/x"}}
    }
    assert error.http_status == 403
    assert error.exit_code == 77


def test_a_code_given_to_one_error_does_not_change_its_class():
    error = MosaicError("x", remediation="y", code=codes.PORT_TAKEN)
    assert error.code is codes.PORT_TAKEN
    assert MosaicError.code is codes.BUG


def test_every_code_is_well_formed_and_explained():
    for code in ALL_CODES.values():
        assert re.fullmatch(r"MOS-[A-Z]{2,3}-\d{3}", code.id)
        assert code.title
        assert code.meaning.endswith(".")
