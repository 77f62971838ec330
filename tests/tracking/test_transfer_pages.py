"""Your data, as pages and commands: out, in with a look first, and away without a trace."""

import io
import json
import os
import time
import zipfile
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db.models import ForeignKey
from django.test import Client
from django.utils import timezone

from dietintel.accounts.models import GivenAnswer, Token, User
from products.models import Product
from tests.factories import make_item, make_meal, make_token, make_user
from tests.pictures import encoded
from tests.tracking.confirmed import make_recogniser, taught
from tests.tracking.test_foreign import LOSE_IT, MFP
from tests.tracking.test_photos import a_meal
from tests.tracking.test_transfer import exported, make_account
from tracking import demo
from tracking.insights.weeks import last_whole_week
from tracking.models import Awaited, Insight, MealItem, Undo
from tracking.recognition.base import Candidate, Recognition
from tracking.services import diary, drafts, insights
from tracking.services.photos import Seen, store_photo
from tracking.transfer import uploads
from workflows import engine, registry

pytestmark = pytest.mark.django_db
DATA, DELETE = "/settings/data/", "/settings/delete/"
PASSWORD = "a long sentence"


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.UPLOAD_DIR = tmp_path / "uploads"


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def reader(client, user):
    client.force_login(user)
    return client


def text_of(response):
    return " ".join(response.content.decode().split())


def upload(reader, data, name="diary.csv"):
    content = data.encode() if isinstance(data, str) else data
    return reader.post(DATA, {"file": SimpleUploadedFile(name, content)})


# --- Out ----------------------------------------------------------------------------------------------------------
def test_export_is_a_download_with_everything(reader, user):
    make_item(make_meal(user))

    response = reader.get(f"{DATA}export/")

    assert response["Content-Type"] == "application/zip"
    assert response["Content-Disposition"].startswith('attachment; filename="dietintel-')
    assert "no-store" in response["Cache-Control"]
    assert b"".join(response.streaming_content) == exported(user)


@pytest.mark.parametrize("path", [DATA, f"{DATA}export/", f"{DATA}import/abc/", DELETE])
def test_signed_out_leads_to_the_login(client, path):
    assert client.get(path)["Location"].startswith("/login/")


def test_settings_lead_there(reader):
    assert DATA in text_of(reader.get("/settings/"))


# --- In -----------------------------------------------------------------------------------------------------------
def test_diary_is_shown_first_and_written_when_confirmed(reader, user):
    sent = upload(reader, LOSE_IT)
    page = text_of(reader.get(sent["Location"]))

    assert sent.status_code == 302
    for shown in ("Lose It!", "Sandwich, big", "Line 3: deleted in Lose It!", "Line 4: exercise", "Import 1 entry"):
        assert shown in page
    assert MealItem.objects.count() == 0

    response = reader.post(f"{sent['Location']}confirm/", follow=True)

    assert MealItem.objects.owned_by(user).get().figures["energy_kcal"] == 1656
    assert "1 entry imported." in text_of(response)
    assert f"/undo/{Undo.objects.get().pk}/" in text_of(response)
    assert not list((django_settings.DATA_DIR / "tmp" / "transfer").iterdir())


def test_second_press_of_confirm_adds_nothing(reader):
    address = upload(reader, MFP)["Location"]
    reader.post(f"{address}confirm/")

    response = reader.post(f"{address}confirm/", follow=True)

    assert "not waiting any more" in text_of(response)
    assert MealItem.objects.count() == 2


def test_same_file_again_says_that_it_is_here_already(reader):
    reader.post(f"{upload(reader, MFP)['Location']}confirm/")

    page = text_of(reader.get(upload(reader, MFP)["Location"]))

    assert "Here already" in page
    assert "confirm/" not in page


def test_dates_that_could_be_either_are_asked_for_and_kept_when_confirmed(reader):
    address = upload(reader, "Date,Meal,Calories\n03/04/2026,Lunch,500\n")["Location"]

    assert "month/day/year" in text_of(reader.get(address))
    page = text_of(reader.get(f"{address}?dates=dmy"))
    assert "Fri 3 Apr 2026" in page
    assert 'name="dates" value="dmy"' in page
    reader.post(f"{address}confirm/", {"dates": "dmy"})

    assert str(MealItem.objects.get().meal.day) == "2026-04-03"


def test_cancelling_forgets_the_file(reader):
    address = upload(reader, MFP)["Location"]

    reader.post(f"{DATA}import/cancel/")

    assert reader.get(address)["Location"] == DATA
    assert MealItem.objects.count() == 0


def test_whole_account_comes_into_an_empty_one(reader, user):
    data = exported(make_account())
    address = upload(reader, data, "dietintel.zip")["Location"]

    assert "Import everything" in text_of(reader.get(address))
    reader.post(f"{address}confirm/")

    assert exported(User.objects.get(pk=user.pk)) == data


def test_whole_account_is_not_mixed_into_another(reader, user):
    make_item(make_meal(user))
    address = upload(reader, exported(make_account()))["Location"]

    assert "confirm/" not in text_of(reader.get(address))
    response = reader.post(f"{address}confirm/")

    assert response.status_code == 422
    assert "only be imported into an empty one" in text_of(response)
    assert MealItem.objects.owned_by(user).count() == 1


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("", "This file is empty."),
        ("a,b\n1,2\n", "does not fit any of the formats"),
        (b"\x89PNG\r\n\x00", "not a text file"),
        (b"PK\x03\x04 and no more", "This ZIP is damaged"),
    ],
)
def test_what_cannot_be_read_is_a_sentence_beside_the_field(reader, data, sentence):
    response = upload(reader, data)

    assert response.status_code == 422
    assert sentence in response.context["form"].errors["file"][0]


def test_no_file_is_a_sentence_beside_the_field(reader):
    assert reader.post(DATA).context["form"].errors["file"] == ["Choose a file first."]


def test_file_that_is_too_large_is_refused(reader, settings):
    settings.MAX_UPLOAD_BYTES = 10

    assert "at most" in upload(reader, MFP).context["form"].errors["file"][0]


def test_nobody_sees_what_waits_for_somebody_else(reader):
    theirs, other = upload(reader, MFP)["Location"], Client()
    other.force_login(make_user())

    assert other.get(theirs)["Location"] == DATA
    assert other.post(f"{theirs}confirm/")["Location"] == DATA
    assert MealItem.objects.count() == 0


def test_what_nobody_came_back_for_is_forgotten_at_the_next_file(user):
    uploads.keep(user, b"old")
    (path,) = (django_settings.DATA_DIR / "tmp" / "transfer").iterdir()
    long_ago = time.time() - uploads.KEPT_FOR_S - 60
    os.utime(path, (long_ago, long_ago))

    uploads.keep(make_user(), b"new")

    assert not path.exists()


# --- Away ---------------------------------------------------------------------------------------------------------
def paths_to_user():
    """Each model that belongs to a person, with all the lookups that say whose a row is."""
    found: dict[Any, set[str]] = {User: {"pk"}}
    todo: list[Any] = [User]
    while todo:
        owner = todo.pop()
        for model in apps.get_models():
            for field in model._meta.get_fields():
                if isinstance(field, ForeignKey) and field.related_model is owner and model is not owner:
                    if model not in found:
                        todo.append(model)
                    found.setdefault(model, set()).update(f"{field.name}__{path}" for path in found[owner])
    return found


def rows_of(pk):
    """How many rows of each such model are this person's."""
    return {
        model.__name__: sum(model.objects.filter(**{path: pk}).count() for path in paths)
        for model, paths in paths_to_user().items()
    }


def everything_of(user):
    """Something in every table that can have a person's rows."""
    product, item = Product.objects.filter(owner=None)[0], MealItem.objects.owned_by(user)[0]
    Token.objects.issue(user=user, name="tablet")
    GivenAnswer.objects.create(user=user, key="k", fingerprint="f", status=201)
    Awaited.objects.create(user=user, origin="fdc/id/1", favourite_at=timezone.now())
    diary.delete([item])
    photo = store_photo(user=user, picture=encoded(a_meal()), now=timezone.now())
    assert taught(photo=photo, foods=[Seen(product=product)], now=timezone.now())
    seen = Recognition((Candidate("Soup", 0.9, "vision"),))
    drafts.keep(photo, seen, asked_at=timezone.now(), now=timezone.now())
    make_recogniser(user)
    for about in (user, product, Product.objects.owned_by(user).get()):
        kind = ContentType.objects.get_for_model(about)
        LogEntry.objects.create(user=user, content_type=kind, object_id=about.pk, object_repr="x", action_flag=CHANGE)
    insights.make(user, last_whole_week(timezone.now().date()), now=timezone.now())
    user.groups.create(name="cooks")
    user.user_permissions.add(1)
    uploads.keep(user, b"waiting")
    run = engine.start(
        registry.workflow_called("refresh_product"), input={"product_id": 1}, user=user, now=timezone.now()
    )
    assert engine.claim(run.steps.get().pk, worker="host:1:1", now=timezone.now())


def test_nothing_of_a_deleted_person_is_left_in_any_table(reader, user, django_capture_on_commit_callbacks):
    gone, other = make_account(), make_user(is_staff=True)
    everything_of(gone)
    LogEntry.objects.create(
        user=other, content_type=ContentType.objects.get_for_model(User), object_id=str(gone.pk),
        object_repr=gone.username, action_flag=CHANGE,
    )  # fmt: skip
    pk, left = gone.pk, Product.objects.filter(owner=None).count()
    assert [name for name, rows in rows_of(pk).items() if not rows] == []
    client = Client()
    client.login(username=gone.username, password=PASSWORD)

    with django_capture_on_commit_callbacks(execute=True):
        response = client.post(DELETE, {"password": PASSWORD})

    assert response["Location"] == "/login/"
    assert [path for path in django_settings.UPLOAD_DIR.rglob("*") if path.is_file()] == []
    assert {name: rows for name, rows in rows_of(pk).items() if rows} == {}
    assert [s for s in Session.objects.all() if s.get_decoded().get("_auth_user_id") == str(pk)] == []
    assert not LogEntry.objects.filter(object_repr=gone.username).exists()
    assert list((django_settings.DATA_DIR / "tmp" / "transfer").iterdir()) == []
    assert Product.objects.filter(owner=None).count() == left
    assert User.objects.filter(pk__in=[user.pk, other.pk]).count() == 2


def test_other_devices_are_signed_out(reader, user):
    elsewhere, program = Client(), make_token(user)
    elsewhere.force_login(user)

    reader.post(DELETE, {"password": PASSWORD})

    assert elsewhere.get(DATA)["Location"].startswith("/login/")
    assert Client().get("/api/v1/meals", headers={"Authorization": f"Bearer {program}"}).status_code == 401


@pytest.mark.parametrize("password", ["", "not it"])
def test_account_stays_without_its_password(reader, user, password):
    response = reader.post(DELETE, {"password": password})

    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["password"]
    assert User.objects.filter(pk=user.pk).exists()


def test_passwords_cannot_be_guessed_at_an_open_device(reader, user):
    for _number in range(10):
        reader.post(DELETE, {"password": "not it"})

    response = reader.post(DELETE, {"password": PASSWORD})

    assert (response.status_code, User.objects.filter(pk=user.pk).exists()) == (429, True)
    assert int(response["Retry-After"]) > 0


def test_last_owner_may_go_and_the_next_visitor_becomes_the_owner(client, settings):
    settings.SIGNUP = "first"
    owner = make_user(is_owner=True)
    client.force_login(owner)
    assert "the next visitor can sign up" in text_of(client.get(DELETE))

    client.post(DELETE, {"password": PASSWORD})
    client.post("/signup/", {"username": "next", "password": "quite another sentence"})

    assert User.objects.get().is_owner


def test_owner_who_leaves_others_behind_is_told_so(client):
    owner, _other = make_user(is_owner=True), make_user()
    client.force_login(owner)

    assert "createsuperuser" in text_of(client.get(DELETE))


# --- Commands -----------------------------------------------------------------------------------------------------
def run(*args, **options):
    out = io.StringIO()
    call_command(*args, stdout=out, **options)
    return out.getvalue()


def test_commands_take_an_account_from_one_name_to_another(tmp_path):
    user, other = make_account(), make_user()
    path = tmp_path / "out.zip"

    said = json.loads(run("export_diary", user.username, "-o", str(path), "--json"))
    run("import_diary", other.username, str(path))

    assert (said["days"], said["items"], path.stat().st_mode & 0o077) == (2, 4, 0)
    assert exported(User.objects.get(pk=other.pk)) == path.read_bytes() == exported(user)


def test_import_command_says_what_it_left_out(user, tmp_path):
    path = tmp_path / "food.csv"
    path.write_text(LOSE_IT)

    tried = json.loads(run("import_diary", user.username, str(path), "--dry-run", "--json"))
    assert MealItem.objects.count() == 0
    done = run("import_diary", user.username, str(path))

    assert (tried["items"], [each["line"] for each in tried["left_out"]]) == (1, [3, 4])
    assert "1 entries" in done
    assert "Line 3 was left out: deleted in Lose It!" in done


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["import_diary", "nobody", "x.zip"], "nobody called nobody"),
        (["export_diary", "nobody"], "nobody called nobody"),
        (["import_diary", "person", "/does/not/exist.zip"], "cannot be read"),
        (["export_diary", "person", "-o", "/does/not/exist.zip"], "cannot be written"),
        (["import_diary", "person", "{full}"], "Nothing was imported. There is something"),
        (["import_diary", "person", "{dates}"], "Nothing was imported. Its dates"),
    ],
)
def test_commands_refuse_in_a_sentence(tmp_path, args, sentence):
    make_item(make_meal(make_user(username="person")))
    (tmp_path / "full.zip").write_bytes(exported(make_user()))
    (tmp_path / "dates.csv").write_text("Date,Meal,Calories\n03/04/2026,Lunch,500\n")
    places = {"full": tmp_path / "full.zip", "dates": tmp_path / "dates.csv"}

    with pytest.raises(CommandError, match=sentence):
        run(*[arg.format(**places) for arg in args])


# --- Demo ---------------------------------------------------------------------------------------------------------
def test_demo_is_a_whole_believable_account_that_can_sign_in(client):
    login = json.loads(run("demo", "--json", "--without-photos"))

    assert client.login(username=login["username"], password=login["password"])
    document = json.loads(zipfile.ZipFile(io.BytesIO(exported(User.objects.get()))).read("account.json"))
    assert len({meal["day"] for meal in document["meals"]}) == demo.DAYS
    assert {meal["name"] for meal in document["meals"]} == {"breakfast", "lunch", "dinner", "snacks", demo.OWN_MEAL}
    assert Insight.objects.count() == demo.LOOKED_BACK
    for kind in ("recipes", "own_foods", "favourites", "weights", "measurement_kinds", "targets"):
        assert document[kind]
    for path in (
        "/today/",
        "/calendar/",
        "/weight/",
        "/charts/",
        "/recipes/",
        "/targets/",
        "/measurements/",
        "/insights/",
    ):
        assert client.get(path).status_code == 200


def test_demo_made_twice_is_made_once():
    first = run("demo", "--json", "--without-photos")
    before = exported(User.objects.get())

    second = run("demo", "--json", "--without-photos")

    assert json.loads(second) == {**json.loads(first), "made": False}
    assert exported(User.objects.get()) == before


def test_demo_is_the_same_for_the_same_moment():
    now = timezone.now()
    first = demo.make(now=now)
    said = _without_moments(exported(first.user))
    first.user.delete()

    assert _without_moments(exported(demo.make(now=now).user)) == said


def _without_moments(data):
    """What is eaten and weighed; when the rows were made differs."""
    document = json.loads(zipfile.ZipFile(io.BytesIO(data)).read("account.json"))
    return document["meals"], [(each["day"], each["weight_kg"]) for each in document["weights"]]


def test_demo_beside_people_does_not_run_the_server():
    make_user(is_owner=True)

    assert not demo.make(now=timezone.now()).user.is_staff


def test_demo_eats_what_a_person_eats():
    user = demo.make(now=timezone.now()).user

    days: dict[Any, Decimal] = {}
    for item in MealItem.objects.owned_by(user).select_related("meal"):
        energy = item.totals.get("energy_kcal") or Decimal(0)
        days[item.meal.day] = days.get(item.meal.day, Decimal(0)) + energy
    full = sorted(days.values())[10:-1]
    assert full[0] > 900
    assert full[-1] < 3200
