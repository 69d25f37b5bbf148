import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.test import RequestFactory

from mosaic_admin.access import OPERATORS, READERS, AccessMiddleware, Role, allow, public
from mosaic_admin.people.models import User


def view(request):
    return HttpResponse("ok")


def enter(decorated, method="get", role=None):
    request = getattr(RequestFactory(), method)("/page?x=1")
    request.user = User(username="u", role=role) if role else AnonymousUser()
    return AccessMiddleware(lambda _: HttpResponse()).process_view(request, decorated, [], {})


def test_a_view_that_declares_nothing_is_refused():
    with pytest.raises(RuntimeError, match="declares no access"):
        enter(lambda request: HttpResponse())


def test_a_public_view_lets_everybody_in():
    assert enter(public(lambda request: HttpResponse())) is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "role", "is_let_in"),
    [
        ("get", Role.SUPPORT, True),
        ("post", Role.SUPPORT, False),
        ("post", Role.OPERATOR, True),
        ("delete", Role.SUPPORT, False),
        ("post", Role.ADMIN, True),
    ],
)
def test_reading_and_writing_are_held_apart(method, role, is_let_in):
    refused = enter(allow(READERS, OPERATORS)(lambda request: HttpResponse()), method, role)
    if is_let_in:
        assert refused is None
    else:
        assert refused.status_code == 403
        assert "Your role does not allow this" in refused.content.decode()
