import re
import threading

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import connection, connections
from django.test import Client

from dietintel.accounts import services
from dietintel.accounts.models import Token, User, digest
from tests.factories import make_token, make_user

pytestmark = pytest.mark.django_db
NEW = {"username": "ada", "password": "correct horse battery", "time_zone": "Europe/Berlin"}


# --- Signing up -------------------------------------------------------------------------------------------------
def test_first_visitor_becomes_the_owner_and_is_signed_in(client):
    response = client.post("/signup/", NEW)

    user = User.objects.get()
    assert (response.status_code, response["Location"]) == (302, "/")
    assert (user.is_owner, user.is_staff, user.is_superuser, user.time_zone) == (True, True, True, "Europe/Berlin")
    assert client.get("/settings/").status_code == 200


def test_login_page_sends_the_first_visitor_to_sign_up(client):
    assert client.get("/login/")["Location"] == "/signup/"
    make_user()
    assert client.get("/login/").status_code == 200


def test_second_visitor_is_told_that_sign_up_is_closed(client):
    make_user()

    assert client.get("/signup/").status_code == 403
    assert client.post("/signup/", NEW).status_code == 403
    assert User.objects.count() == 1


@pytest.mark.parametrize(("mode", "status"), [("open", 302), ("closed", 403)])
def test_setting_opens_or_closes_sign_up(client, settings, mode, status):
    settings.SIGNUP = mode
    make_user()

    assert client.post("/signup/", NEW).status_code == status


def test_later_accounts_are_no_owners(client, settings):
    settings.SIGNUP = "open"
    client.post("/signup/", NEW)
    Client().post("/signup/", {**NEW, "username": "bob"})

    assert User.objects.filter(is_owner=True).count() == 1
    assert User.objects.get(username="bob").is_staff is False


@pytest.mark.django_db(transaction=True)
def test_of_two_first_visitors_at_the_same_moment_one_becomes_the_owner():
    barrier, outcomes = threading.Barrier(4), []

    def visit(number):
        barrier.wait()
        try:
            services.sign_up(username=f"person{number}", password="x", time_zone="UTC")
            outcomes.append("owner")
        except services.SignupClosed:
            outcomes.append("closed")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["closed", "closed", "closed", "owner"]
    assert User.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("mode", "outcome"), [("first", "closed"), ("open", "normal account")])
def test_visitor_who_is_overtaken_after_asking_whether_anybody_is_there_is_no_owner(settings, mode, outcome):
    settings.SIGNUP = mode
    another = threading.Thread(target=sign_up_on_its_own_connection)

    def overtaken(execute, sql, params, many, context):
        """The other visitor signs up between the first answer of the database and what is made of it."""
        answer = execute(sql, params, many, context)
        if not another.ident:
            another.start()
            another.join()
        return answer

    with connection.execute_wrapper(overtaken):
        try:
            services.sign_up(username="slow", password="x", time_zone="UTC")
            became = "normal account"
        except services.SignupClosed:
            became = "closed"

    owner = User.objects.get(is_owner=True)
    assert (became, owner.username, owner.is_superuser) == (outcome, "quick", True)
    assert User.objects.filter(is_superuser=False).count() == (mode == "open")


def sign_up_on_its_own_connection():
    services.sign_up(username="quick", password="x", time_zone="UTC")
    connections.close_all()


def test_sign_up_says_when_to_try_again(client):
    for _ in range(10):
        client.post("/signup/", {})

    response = client.post("/signup/", NEW)

    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 3600


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"password": "short"}, "password"), ({"password": "12345678"}, "password"), ({"username": ""}, "username"),
     ({"username": "a b"}, "username"), ({"password": ""}, "password"), ({"username": "x" * 151}, "username")],
)  # fmt: skip
def test_bad_sign_up_says_why_beside_the_field_and_makes_nothing(client, wrong, field):
    response = client.post("/signup/", {**NEW, **wrong})

    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {field}
    assert User.objects.count() == 0


def test_time_zone_that_does_not_exist_becomes_utc(client):
    client.post("/signup/", {**NEW, "time_zone": "Moon/Base"})

    assert User.objects.get().time_zone == "UTC"


# --- Signing in -------------------------------------------------------------------------------------------------
def test_login_and_logout(client):
    make_user(username="ada")

    assert client.post("/login/", {"username": "ada", "password": "a long sentence"})["Location"] == "/"
    assert client.post("/logout/")["Location"] == "/login/"
    assert client.get("/settings/").status_code == 302


def test_eleventh_try_within_a_minute_is_429_even_with_the_right_password(client):
    make_user(username="ada")
    for _ in range(10):
        client.post("/login/", {"username": "ada", "password": "wrong"})

    response = client.post("/login/", {"username": "ada", "password": "a long sentence"})

    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 60


def test_throttled_try_does_not_tell_whether_the_password_was_right(client):
    make_user(username="ada")
    for _ in range(10):
        client.post("/login/", {"username": "ada", "password": "wrong"})

    for password in ("wrong", "a long sentence"):
        (said,) = client.post("/login/", {"username": "ada", "password": password}).context["form"].non_field_errors()
        assert said.startswith("Too many tries.")


def test_forged_forwarding_headers_are_one_address(client):
    statuses = [
        client.post("/login/", {"username": f"p{n}", "password": "x"}, headers={"X-Forwarded-For": f"10.0.0.{n}"})
        for n in range(11)
    ]

    assert [response.status_code for response in statuses] == [422] * 10 + [429]


def test_behind_a_proxy_the_address_is_the_one_that_the_proxy_wrote(client, settings):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}

    def try_from(address, forged):
        headers = {"X-Forwarded-For": f"{forged}, {address}"}
        return client.post("/login/", {"username": forged, "password": "x"}, headers=headers).status_code

    assert [try_from("192.0.2.1", f"10.0.0.{n}") for n in range(11)] == [422] * 10 + [429]
    assert try_from("192.0.2.2", "10.0.0.1") == 422


def test_wrong_password_and_a_new_one_that_will_not_do_are_refused_beside_their_fields(client):
    user = make_user(username="ada")

    assert client.post("/login/", {"username": "ada", "password": "wrong"}).status_code == 422
    client.force_login(user)
    refused = client.post("/settings/password/", {"old_password": "no", "new_password1": "a", "new_password2": "b"})

    assert (refused.status_code, sorted(refused.context["form"].errors)) == (422, ["new_password2", "old_password"])


def test_many_addresses_have_twenty_tries_a_minute_for_one_name_however_it_is_written():
    make_user(username="ada")
    spellings = ["ada", " ADA", "\uff41da", "Ada "]

    def try_from(number):
        tried = {"username": spellings[number % 4], "password": "wrong"}
        return Client(REMOTE_ADDR=f"192.0.2.{number}").post("/login/", tried).status_code

    assert [try_from(number) for number in range(21)] == [422] * 20 + [429]
    assert Client(REMOTE_ADDR="192.0.2.99").post("/login/", {"username": "b", "password": "x"}).status_code == 422


def test_admin_has_no_login_of_its_own(client):
    make_user(username="ada", is_staff=True, is_superuser=True)

    tried = client.post("/admin/login/?next=/admin/", {"username": "ada", "password": "a long sentence"})
    page = client.get("/admin/", follow=True)
    response = client.post(page.redirect_chain[-1][0], {"username": "ada", "password": "a long sentence"})

    assert tried["Location"] == page.redirect_chain[-1][0] == "/login/?next=/admin/"
    assert response["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/login/?next=https://evil.example/")["Location"] == "/admin/"


def test_signed_in_person_without_the_right_is_told_so_in_the_admin(client):
    client.force_login(make_user(username="bob"))

    response = client.get("/admin/", follow=True)

    assert response.status_code == 403
    assert b"signed in as bob" in response.content
    assert client.get("/login/?next=/admin/", follow=True).status_code == 403


def test_login_does_not_send_people_to_other_sites(client):
    make_user(username="ada")

    response = client.post("/login/?next=https://evil.example/", {"username": "ada", "password": "a long sentence"})

    assert response["Location"] == "/"


def test_password_is_changed_with_the_old_one(client):
    client.force_login(make_user(username="ada"))

    response = client.post(
        "/settings/password/",
        {"old_password": "a long sentence", "new_password1": "another sentence", "new_password2": "another sentence"},
    )

    assert response.status_code == 302
    assert User.objects.get().check_password("another sentence")


# --- Settings and tokens ----------------------------------------------------------------------------------------
def test_preferences_are_saved_and_seen_on_the_page(client):
    user = make_user()
    client.force_login(user)

    client.post("/settings/", {"time_zone": "Asia/Tokyo", "theme": "dark"})

    assert b'data-theme="dark"' in client.get("/settings/").content
    user.refresh_from_db()
    assert user.time_zone == "Asia/Tokyo"


@pytest.mark.parametrize("lost", ["Moon/Base", "Europe", "../etc/passwd", ""])
def test_saved_time_zone_that_no_longer_exists_is_utc(client, lost):
    user = make_user()
    client.force_login(user)
    User.objects.update(time_zone=lost)

    assert client.get("/settings/").status_code == 200
    client.post("/settings/", {"time_zone": "Asia/Tokyo", "theme": "dark"})
    user.refresh_from_db()
    assert user.time_zone == "Asia/Tokyo"


def test_bad_preference_is_refused(client):
    client.force_login(make_user())

    assert client.post("/settings/", {"time_zone": "Nowhere", "theme": "pink"}).status_code == 422


def test_token_is_shown_once_stored_hashed_and_lets_a_program_in(client):
    user = make_user()
    client.force_login(user)

    response = client.post("/settings/tokens/", {"name": "Tablet"})
    page = response.content.decode()

    assert "no-store" in response["Cache-Control"]
    (secret,) = set(re.findall(r"di_[\w-]{43}", page))
    token = Token.objects.get()
    assert (token.name, token.digest, token.hint) == ("Tablet", digest(secret), secret[-4:])
    assert secret not in client.get("/settings/").content.decode()
    assert Client(headers={"Authorization": f"Bearer {secret}"}).get("/api/v1/products").status_code == 200


def test_deleted_token_lets_nobody_in(client):
    user = make_user()
    secret = make_token(user)
    client.force_login(user)

    client.post(f"/settings/tokens/{Token.objects.get().pk}/delete/")

    assert Client(headers={"Authorization": f"Bearer {secret}"}).get("/api/v1/products").status_code == 401


def test_token_of_an_account_that_was_switched_off_lets_nobody_in():
    user = make_user()
    secret = make_token(user)
    User.objects.update(is_active=False)

    assert Client(headers={"Authorization": f"Bearer {secret}"}).get("/api/v1/products").status_code == 401


def test_somebody_else_s_token_is_not_there(client):
    make_token(make_user())
    client.force_login(make_user())

    assert client.post(f"/settings/tokens/{Token.objects.get().pk}/delete/").status_code == 404
    assert Token.objects.count() == 1


def test_token_without_a_name_is_refused(client):
    client.force_login(make_user())

    assert client.post("/settings/tokens/", {"name": "  "}).status_code == 422
    assert Token.objects.count() == 0


@pytest.mark.parametrize("path", ["/", "/settings/", "/scan/", "/foods/", "/foods/new/", "/foods/3017624010701/"])
def test_every_page_asks_for_a_login(client, path):
    make_user()

    response = client.get(path)

    assert (response.status_code, response["Location"]) == (
        302,
        f"{django_settings.LOGIN_URL and '/login/'}?next={path}",
    )


@pytest.mark.parametrize("garbage", [5, [], "x", [1], {}])
def test_whatever_stands_under_a_session_s_key_in_the_cache_logs_nobody_out(client, garbage):
    client.force_login(make_user())
    key = client.session.cache_key
    assert cache.get(key)
    cache.set(key, garbage)

    assert client.get("/settings/").status_code == 200
    assert client.get("/settings/").status_code == 200
