"""Photos: what is made of an upload, what is refused, and that files and rows come and go together."""

import datetime as dt
import io
import os
import subprocess
import sys
import uuid
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from products.pictures import UnreadablePicture
from tests.factories import make_user
from tests.pictures import encoded
from tests.tracking.confirmed import taught
from tracking import photos
from tracking.errors import Refused
from tracking.models import Example, Photo
from tracking.services.photos import NoRoom, Seen, delete_photo, store_photo, stray_files
from workflows import cleaning

NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
ORIENTATION, DATE_TIME_ORIGINAL, EXIF_IFD, GPS_IFD = 0x0112, 0x9003, 0x8769, 0x8825


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.UPLOAD_DIR = tmp_path
    return tmp_path


def a_meal(width=900, height=600, mode="RGB"):
    """Red at the left, blue at the right, so that it can be seen which way it lies."""
    image = Image.new("RGB", (width, height), (200, 30, 30))
    ImageDraw.Draw(image).rectangle((width // 2, 0, width, height), fill=(30, 30, 200))
    return image.convert(mode)


def files_in(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def store(picture, user=None, **changes):
    return store_photo(user=user or make_user(), picture=picture, **{"now": NOW, **changes})


def opened(photo, size="large"):
    with Image.open(photos.path_of(photo.uuid, size)) as image:
        image.load()
        return image


# --- What is kept -------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_picture_of_every_form_is_kept_as_two_jpegs(folder, form):
    photo = store(encoded(a_meal(3000, 1500), form))

    assert (photo.width, photo.height) == (2048, 1024)
    assert (opened(photo).format, opened(photo).size) == ("JPEG", (2048, 1024))
    assert (opened(photo, "small").format, opened(photo, "small").size) == ("JPEG", (512, 256))
    assert photo.bytes == sum(path.stat().st_size for path in files_in(folder))


@pytest.mark.django_db
def test_small_picture_is_not_enlarged():
    photo = store(encoded(a_meal(300, 200)))

    assert opened(photo).size == opened(photo, "small").size == (300, 200)


@pytest.mark.django_db
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_photo_that_lies_on_its_side_by_its_own_account_is_turned(form):
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # turn 90° clockwise to show

    photo = store(encoded(a_meal(), form, exif=exif))

    image = opened(photo)
    assert image.size == (600, 900)
    red, _green, blue = image.getpixel((300, 50))
    assert red > 150 > 80 > blue  # what was at the left is at the top


@pytest.mark.django_db
def test_place_camera_and_comments_are_not_kept(folder):
    exif = Image.Exif()
    exif[0x010F] = "SECRETCAM"
    exif.get_ifd(GPS_IFD)[2] = (48.0, 8.0, 0.0)
    picture = encoded(a_meal(), exif=exif, comment=b"SECRETNOTE", icc_profile=b"SECRETPROFILE", xmp=b"SECRETXMP")
    assert picture.getvalue().count(b"SECRET") == 4

    photo = store(picture)

    for size in photos.SIZES:
        kept = photos.path_of(photo.uuid, size).read_bytes()
        assert b"SECRET" not in kept
        assert b"Exif" not in kept
    assert dict(opened(photo).getexif()) == {}


@pytest.mark.django_db
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_programs_behind_or_inside_the_picture_are_not_kept(form):
    picture = encoded(a_meal(), form)
    picture.seek(0, io.SEEK_END)
    picture.write(b"<script>alert(1)</script><?php evil(); ?>PK\x03\x04")
    picture.seek(0)

    photo = store(picture)

    assert b"script" not in photos.path_of(photo.uuid, "large").read_bytes()
    assert b"evil" not in photos.path_of(photo.uuid, "small").read_bytes()


@pytest.mark.django_db
def test_name_that_claims_another_form_changes_nothing():
    picture = encoded(a_meal(), "PNG")
    picture.name = "../../evil.jpg.exe"

    photo = store(picture)

    assert opened(photo).format == "JPEG"
    assert photos.path_of(photo.uuid, "large").name == f"{photo.uuid.hex}.large.jpg"


@pytest.mark.django_db
@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_of_a_moving_picture_the_first_frame_is_kept(form):
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue", "green")]

    photo = store(encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=50))

    red, _green, blue = opened(photo).getpixel((32, 32))
    assert red > 200 > 50 > blue


@pytest.mark.django_db
@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1"])
def test_every_kind_of_colour_becomes_rgb(mode):
    assert opened(store(encoded(a_meal(mode=mode), "PNG"))).mode == "RGB"


@pytest.mark.django_db
def test_transparent_parts_become_white():
    photo = store(encoded(Image.new("RGBA", (64, 64), (0, 0, 0, 0)), "PNG"))

    assert opened(photo).getpixel((32, 32)) == (255, 255, 255)


@pytest.mark.django_db
def test_sixteen_bits_of_grey_keep_their_shades():
    middle = Image.new("I;16", (64, 64), 0x8000)

    shade = opened(store(encoded(middle, "PNG"))).getpixel((32, 32))[0]

    assert 120 < shade < 136


@pytest.mark.django_db
def test_second_picture_that_telephones_add_is_left_out():
    both = io.BytesIO()
    a_meal(6000, 5000).save(both, "MPO", save_all=True, append_images=[Image.new("RGB", (64, 64), "green")])
    both.seek(0)

    photo = store(both)  # 30 megapixels, which only a JPEG may have

    assert (photo.width, photo.height) == (2048, 1707)


# --- When it was taken ----------------------------------------------------------------------------------------------
def with_clock(text):
    exif = Image.Exif()
    exif.get_ifd(EXIF_IFD)[DATE_TIME_ORIGINAL] = text
    return encoded(a_meal(), exif=exif)


@pytest.mark.django_db
def test_camera_that_says_when_gives_the_day_and_time():
    photo = store(with_clock("2026:03:01 19:30:05"))

    assert (photo.day, photo.time) == (dt.date(2026, 3, 1), dt.time(19, 30, 5))


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["2026:03:04 08:00:00", "1980:01:01 00:00:00", "0000:00:00 00:00:00", "soon", ""])
def test_camera_whose_clock_cannot_be_right_is_not_believed(text):
    photo = store(with_clock(text))

    assert (photo.day, photo.time) == (None, None)


@pytest.mark.django_db
def test_day_that_the_person_gives_counts_more_than_the_cameras():
    photo = store(with_clock("2026:03:01 19:30:05"), day=dt.date(2026, 2, 28))

    assert (photo.day, photo.time) == (dt.date(2026, 2, 28), None)


@pytest.mark.django_db
def test_time_without_a_day_is_refused(folder):
    with pytest.raises(Refused):
        store(encoded(a_meal()), time=dt.time(8))

    assert files_in(folder) == []


# --- What is refused, and leaves nothing behind ---------------------------------------------------------------------
def png_that_claims(width, height):
    def chunk(kind, data):
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    head = chunk(b"IHDR", width.to_bytes(4) + height.to_bytes(4) + b"\x08\x02\0\0\0")
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 10**6)) + chunk(b"IEND", b"")


def jpeg_that_claims(width, height, form=b"\xff\xc0"):
    whole = encoded(Image.new("RGB", (64, 64))).getvalue()
    place = whole.index(b"\xff\xc0") + 5
    return whole[:place] + height.to_bytes(2) + width.to_bytes(2) + whole[place + 4 :]


def scans_without_end():
    whole = encoded(Image.new("L", (64, 64)), progressive=True).getvalue()
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * 500 + b"\xff\xd9"


HALF = len(encoded(a_meal(), "PNG").getvalue()) // 2
WRONG = {
    "empty": (lambda: b"", "not a JPEG"),
    "text": (lambda: b"hello" * 100, "not a JPEG"),
    "svg": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a JPEG"),
    "gif": (lambda: encoded(a_meal(), "GIF").getvalue(), "not a JPEG"),
    "tiff": (lambda: encoded(a_meal(), "TIFF").getvalue(), "not a JPEG"),
    "postscript": (lambda: encoded(a_meal(), "EPS").getvalue(), "not a JPEG"),
    "truncated PNG": (lambda: encoded(a_meal(), "PNG").getvalue()[:HALF], "damaged"),
    "truncated JPEG": (lambda: encoded(a_meal()).getvalue()[:2000], "damaged"),
    "truncated WebP": (lambda: encoded(a_meal(), "WEBP").getvalue()[:200], r"damaged|not a JPEG"),
    "bomb": (lambda: png_that_claims(30_000, 30_000), "60 megapixels"),
    "large PNG": (lambda: png_that_claims(6000, 4200), "24 megapixels"),
    "100 megapixels": (lambda: jpeg_that_claims(12_000, 8400), "60 megapixels"),
    "claims more than it has": (lambda: png_that_claims(4000, 4000), "damaged"),
    "scans without end": (scans_without_end, "damaged"),
    "too small": (lambda: encoded(a_meal(20, 400)).getvalue(), "too small"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_photo_is_refused_with_a_sentence_and_leaves_nothing(folder, kind):
    make, sentence = WRONG[kind]

    with pytest.raises(UnreadablePicture, match=sentence) as refused:
        store(io.BytesIO(make()))

    assert str(refused.value).endswith(".")
    assert files_in(folder) == []
    assert not Photo.objects.exists()


@pytest.mark.django_db
def test_large_file_is_refused_without_being_looked_at(settings, folder):
    settings.MAX_UPLOAD_BYTES = 1_000_000

    with pytest.raises(UnreadablePicture, match="1 MB"):
        store(io.BytesIO(encoded(a_meal()).getvalue().ljust(1_000_001, b"\0")))

    assert files_in(folder) == []


@given(
    place=st.integers(0, 10_000), change=st.binary(min_size=1, max_size=12), cut=st.booleans(), form=st.integers(0, 2)
)
def test_damaged_picture_is_read_or_refused_and_nothing_else(place, change, cut, form):
    whole = DAMAGEABLE[form]
    place %= len(whole)

    with suppress(UnreadablePicture):
        photos.prepare(io.BytesIO(whole[:place] + change + (b"" if cut else whole[place + len(change) :])))


DAMAGEABLE = [encoded(a_meal(120, 80), form).getvalue() for form in ("JPEG", "PNG", "WEBP")]


@given(width=st.integers(32, 3000), height=st.integers(32, 3000))
def test_both_copies_keep_the_shape_within_their_bounds(width, height):
    prepared = photos.prepare(encoded(Image.new("L", (width, height)), "PNG", compress_level=1))

    for size, most in photos.SIZES.items():
        image = Image.open(io.BytesIO(prepared.copies[size]))
        assert max(image.size) == min(most, max(width, height))
        scale = max(image.size) / max(width, height)
        assert abs(min(image.size) - min(width, height) * scale) <= 1


MEASURE = """
import io, re, sys
import django
from django.conf import settings
settings.configure(MAX_UPLOAD_BYTES=12_000_000, MAX_UPLOAD_PIXELS=60_000_000, USE_I18N=False)
from tracking import photos
import products.pictures
from products.pictures import UnreadablePicture
picture = sys.stdin.buffer.read()
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024
before = peak()
try:
    photos.prepare(io.BytesIO(picture))
except UnreadablePicture:
    pass
print(peak() - before)
"""
HEAVY = {
    "60 megapixels, JPEG": lambda: encoded(Image.new("RGB", (9000, 6600), "red"), quality=10).getvalue(),
    "24 megapixels, progressive": lambda: encoded(
        Image.new("RGB", (6000, 4000), "red"), progressive=True, subsampling=0, quality=10
    ).getvalue(),
    "24 megapixels, PNG": lambda: encoded(Image.new("RGBA", (6000, 4000), "red"), "PNG", compress_level=1).getvalue(),
    "24 megapixels, WebP": lambda: encoded(Image.new("RGBA", (6000, 4000), "red"), "WEBP", method=0).getvalue(),
    "bomb": lambda: png_that_claims(30_000, 30_000),
}
MOST_MB = {"24 megapixels, WebP": 450}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.long) if kind.startswith("24") else kind for kind in HEAVY]
)
def test_memory_stays_within_bounds_whatever_is_sent(kind):
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], input=HEAVY[kind](), capture_output=True, check=False, timeout=120
    )

    assert done.returncode == 0, done.stderr.decode()
    assert int(done.stdout) < MOST_MB.get(kind, 260)


# --- Files and rows go together -------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_files_are_their_owners_alone_and_have_random_names(folder):
    first, second = store(encoded(a_meal())), store(encoded(a_meal()))

    assert first.uuid.version == second.uuid.version == 4
    assert {path.stat().st_mode & 0o777 for path in files_in(folder)} == {0o600}
    assert {path.parent.stat().st_mode & 0o777 for path in files_in(folder)} == {0o700}


@pytest.mark.django_db
def test_disk_that_takes_no_file_is_told_and_leaves_nothing(settings, tmp_path):
    settings.UPLOAD_DIR = tmp_path / "a file"
    settings.UPLOAD_DIR.write_text("where the folder should be")

    with pytest.raises(NoRoom, match="no room"):
        store(encoded(a_meal()))

    assert not Photo.objects.exists()


@pytest.mark.django_db
def test_nearly_full_disk_takes_no_photo_so_that_meals_can_be_kept(settings, folder):
    settings.HEALTH_DISK_UNHEALTHY_PERCENT, settings.HEALTH_DISK_UNHEALTHY_MB = 100, 10**12

    with pytest.raises(NoRoom, match="no room"):
        store(encoded(a_meal()))

    assert (Photo.objects.exists(), files_in(folder)) == (False, [])


def test_disk_that_fills_up_with_the_second_copy_leaves_no_first_one(folder):
    photo_id = uuid.uuid4()
    (folder / photo_id.hex[:2]).mkdir()
    (folder / photo_id.hex[:2] / f"{photo_id.hex}.small.jpg").mkdir()  # nothing can be renamed to this

    with pytest.raises(OSError, match=r"small\.jpg"):
        photos.write(photo_id, {"large": b"one", "small": b"two"})

    assert files_in(folder) == []


@pytest.mark.django_db
def test_row_that_cannot_be_written_leaves_no_files(folder):
    nobody = make_user()
    nobody.pk = None

    with pytest.raises(ValueError, match="unsaved|NOT NULL"):
        store(encoded(a_meal()), user=nobody)

    assert files_in(folder) == []


@pytest.mark.django_db(transaction=True)
def test_deleted_photo_takes_its_files_and_what_it_taught_along(folder):
    photo = store(encoded(a_meal()))
    taught(photo=photo, foods=[Seen(name="Soup")], now=NOW)

    delete_photo(photo)

    assert files_in(folder) == []
    assert not Example.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_deleted_account_takes_its_files_along_and_leaves_those_of_others(folder):
    leaving, staying = make_user(), make_user()
    store(encoded(a_meal()), user=leaving)
    kept = store(encoded(a_meal()), user=staying)

    leaving.delete()

    assert {path.name.split(".")[0] for path in files_in(folder)} == {kept.uuid.hex}


@pytest.mark.django_db(transaction=True)
def test_photo_past_its_time_goes_with_its_files_and_what_it_taught_stays(settings, folder):
    settings.PHOTO_RETENTION_DAYS = 30
    rule = next(rule for rule in cleaning.rules() if rule.name == "photos past their time")
    old = store(encoded(a_meal()))
    taught(photo=old, foods=[Seen(name="Soup")], now=NOW)
    store(encoded(a_meal()), now=NOW + dt.timedelta(days=1))

    assert cleaning.clean(rule, now=NOW + dt.timedelta(days=30)) == 0
    assert cleaning.clean(rule, now=NOW + dt.timedelta(days=30, hours=1)) == 1
    assert not photos.path_of(old.uuid, "large").exists()
    assert len(files_in(folder)) == 2
    assert Example.objects.get().photo is None

    settings.PHOTO_RETENTION_DAYS = 0
    assert cleaning.clean(rule, now=NOW + dt.timedelta(days=9999)) == 0


@pytest.mark.django_db
def test_files_without_a_row_are_swept_and_all_others_are_not(folder):
    kept = store(encoded(a_meal()))
    killed, young = uuid.uuid4(), uuid.uuid4()
    photos.write(killed, {"large": b"left by a killed process", "small": b"left"})
    half = photos.path_of(uuid.uuid4(), "large")
    half.parent.mkdir(exist_ok=True)
    half.with_name(f".{half.name}").write_bytes(b"half written")
    foreign = folder / "ab" / "holiday.jpg"
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_bytes(b"somebody else's")
    two_hours_ago = (NOW - dt.timedelta(hours=2)).timestamp()
    for path in files_in(folder):
        os.utime(path, (two_hours_ago, two_hours_ago))
    photos.write(young, {"large": b"its row comes in a moment", "small": b""})
    os.utime(photos.path_of(young, "large"), (NOW.timestamp(), NOW.timestamp()))

    assert stray_files(NOW) == 2

    left = set(files_in(folder))
    assert left == {
        foreign,
        *(photos.path_of(each, size) for each in (kept.uuid, young) for size in photos.SIZES),
    }
    assert stray_files(NOW) == 0
