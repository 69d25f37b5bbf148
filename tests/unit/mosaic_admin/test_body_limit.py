"""A body that no form of ours sends is refused before anything of it is read."""

from __future__ import annotations

import io

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.test import Client, RequestFactory

from mosaic_admin.settings import DATA_UPLOAD_MAX_MEMORY_SIZE
from mosaic_admin.wsgi import application

HEAD = b'--X\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'


class Watched(io.BytesIO):
    """Counts what is read of it."""

    count = 0

    def read(self, *args: int) -> bytes:
        found = super().read(*args)
        self.count += len(found)
        return found


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/sign-in/", "/join/none/", "/api/v1/doctor", "/nothing/"])
def test_nothing_of_a_large_body_is_read(address: str) -> None:
    body = Watched(HEAD + b"\0" * DATA_UPLOAD_MAX_MEMORY_SIZE)
    environ = RequestFactory().generic("POST", address).environ | {
        "CONTENT_TYPE": "multipart/form-data; boundary=X",
        "CONTENT_LENGTH": str(len(body.getvalue())),
        "HTTP_COOKIE": f"mosaic_csrf={'a' * 32}",
        "HTTP_HOST": "localhost",
        "wsgi.input": body,
    }
    assert application.get_response(WSGIRequest(environ)).status_code == 413
    assert body.count == 0


@pytest.mark.django_db
@pytest.mark.parametrize("length", ["-1", "many", "9" * 400])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    assert Client().post("/sign-in/", CONTENT_LENGTH=length).status_code == 413
