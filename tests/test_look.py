"""What a picture of a page does not show: contrast, templates that keep to the content policy, figures as written."""

import datetime as dt
import math
import re
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.template.loader import render_to_string

from dietintel.templatetags import show

TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))
STYLES = sorted((settings.BASE_DIR / "static" / "css").glob("*.css"))
SCRIPTS = sorted((settings.BASE_DIR / "static" / "js").glob("*.js"))
TOKENS = settings.BASE_DIR / "static" / "css" / "tokens.css"
COLOUR = r"oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)"
# WCAG 2.2: 1.4.3 for text, 1.4.11 for what one must see to use a page.
TEXT, MARK = 4.5, 3.0
SURFACES = ["paper", "card", "sunk"]
TEXTS = [
    *((ink, surface) for ink in ("ink", "ink-soft", "press", "press-firm") for surface in SURFACES),
    *((ink, surface) for ink in ("loss", "doubt") for surface in ("paper", "card")),
    *((ink, soft) for ink in ("ink", "ink-soft") for soft in ("press-soft", "doubt-soft", "loss-soft")),
    ("press", "press-soft"), ("doubt", "doubt-soft"), ("loss", "loss-soft"), ("loss", "sunk"),
    ("on-press", "press"), ("on-press", "press-firm"), ("on-loss", "loss"), ("card", "ink"),
]  # fmt: skip
MARKS = [
    *(("edge", surface) for surface in SURFACES),
    *((macro, surface) for macro in ("energy", "protein", "fat", "carbohydrate") for surface in ("paper", "card")),
    ("doubt-mark", "doubt-soft"), ("press", "press-soft"), ("press", "paper"),
]  # fmt: skip


def colours(theme: str) -> dict[str, tuple[float, float, float]]:
    """The custom properties that are colours, as (lightness, chroma, hue)."""
    found = re.findall(rf"--([a-z-]+): light-dark\({COLOUR}, {COLOUR}\);", TOKENS.read_text())
    start = 1 if theme == "light" else 4
    return {line[0]: (float(line[start]), float(line[start + 1]), float(line[start + 2])) for line in found}


def linear_rgb(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    """OKLCH in linear sRGB, by the matrices of https://bottosson.github.io/posts/oklab/."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def luminance(colour: tuple[float, float, float]) -> float:
    red, green, blue = (min(1.0, max(0.0, part)) for part in linear_rgb(*colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


# --- Colour -----------------------------------------------------------------------------------------------------


def test_contrast_is_computed_as_wcag_does():
    black, white = (0.0, 0.0, 0.0), (1.0, 0.0, 0.0)

    assert contrast(black, white) == pytest.approx(21, abs=0.01)
    assert contrast((0.5999, 0, 0), white) == pytest.approx(3.95, abs=0.05)  # #808080


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "surface"), TEXTS)
def test_text_can_be_read(theme, ink, surface):
    palette = colours(theme)

    assert contrast(palette[ink], palette[surface]) >= TEXT


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("mark", "surface"), MARKS)
def test_marks_can_be_seen(theme, mark, surface):
    palette = colours(theme)

    assert contrast(palette[mark], palette[surface]) >= MARK


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_colour_is_one_that_a_screen_has(theme):
    for name, colour in colours(theme).items():
        assert all(-0.005 <= part <= 1.005 for part in linear_rgb(*colour)), name


def test_every_colour_is_a_token():
    """So that both themes have it, and the tests above see it."""
    for style in STYLES:
        text = style.read_text()
        assert not re.search(r"#[0-9a-f]{3,8}\b|\b(rgb|hsl)a?\(", text), style.name
        if style != TOKENS:
            assert set(re.findall(r"var\(--([\w-]+)", text)) <= set(re.findall(r"--([\w-]+):", TOKENS.read_text())), (
                style.name
            )


# --- Templates and scripts --------------------------------------------------------------------------------------


def name_of(path: Path) -> str:
    return path.relative_to(settings.BASE_DIR).as_posix()


@pytest.mark.parametrize("template", TEMPLATES, ids=name_of)
def test_template_begins_with_what_it_is(template):
    assert re.match(r"\{# [A-Z].+ [Nn]eeds:? .+\. #\}\n", template.read_text())


@pytest.mark.parametrize("template", TEMPLATES, ids=name_of)
def test_template_keeps_to_the_content_policy(template):
    text = template.read_text()

    assert not re.search(r"\sstyle\s*=|<style|javascript:", text)
    assert not re.search(r"\son[a-z]+\s*=|hx-on|hx-vals=.js:", text)
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)


@pytest.mark.parametrize("template", [each for each in TEMPLATES if each.name.startswith("_")], ids=name_of)
def test_part_has_one_root(template):
    """htmx puts a part in the place of its root."""
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", template.read_text())
    depth, roots = 0, 0
    for closing, tag, ends in re.findall(r"<(/?)([a-z0-9]+)[^>]*?(/?)>", text):
        if tag in {"input", "br", "use", "meta", "link", "img"} or ends:
            continue
        roots += depth == 0 and not closing
        depth += -1 if closing else 1

    assert (roots, depth) == (1, 0)


@pytest.mark.parametrize("template", TEMPLATES, ids=name_of)
def test_words_of_templates_can_be_translated(template):
    text = re.sub(r"\{% block (page_class|theme) %\}.*?\{% endblock %\}", "", template.read_text())
    text = re.sub(r"\{%\s*blocktranslate.*?endblocktranslate\s*%\}", "", text, flags=re.DOTALL)
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", text, flags=re.DOTALL)
    text = re.sub(r"<[^>]*>", " ", text)

    assert set(re.findall(r"[A-Za-z]{2,}", text)) <= {"DietIntel", "Nutri", "Score"}


def test_scripts_are_small():
    for script in SCRIPTS:
        assert len(script.read_text().splitlines()) < 200, script.name
        assert "innerHTML" not in script.read_text(), script.name


def test_error_page_needs_neither_user_nor_request():
    page = render_to_string("error.html", {"status": 500, "sentence": "It broke.", "request_id": "abc-1"})

    assert "It broke." in page
    assert "abc-1" in page


# --- Figures, times, barcodes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "unit", "key", "shown"),
    [
        ("538.7", "kcal", "energy_kcal", "539"),
        ("1240", "kcal", "energy_kcal", "1,240"),
        ("0.3", "kcal", "energy_kcal", "<\u00a01"),
        ("6.25", "g", "protein_g", "6.3"),
        ("9.94", "g", "fat_g", "9.9"),
        ("9.96", "g", "fat_g", "10"),
        ("30.9", "g", "fat_g", "31"),
        ("5", "g", "fat_g", "5.0"),
        ("0", "g", "fat_g", "0"),
        ("0.0000", "g", "salt_g", "0"),
        ("0.04", "g", "fat_g", "<\u00a00.1"),
        ("0.107", "g", "salt_g", "0.11"),
        ("1.2", "g", "salt_g", "1.20"),
        ("0.004", "g", "salt_g", "<\u00a00.01"),
        ("0.38", "µg", "vitamin_b12_ug", "0.38"),
        ("120", "mg", "calcium_mg", "120"),
        ("12.5", "% vol", "alcohol_vol", "12.5"),
        ("71.25", "kg", "weight", "71.3"),
    ],
)
def test_figures_are_rounded_as_they_are_read(value, unit, key, shown):
    assert show.figure_text(Decimal(value), unit, key=key) == shown


@pytest.mark.parametrize("nothing", [None, ""])
def test_what_is_not_declared_is_a_dash_and_never_0(nothing):
    shown = show.figure(nothing, "g")

    assert "–" in shown
    assert 'title="not declared"' in shown
    assert "0" not in shown


@pytest.mark.parametrize(
    ("past", "shown"),
    [
        (dt.timedelta(seconds=-3), "just now"),
        (dt.timedelta(seconds=59), "just now"),
        (dt.timedelta(minutes=12, seconds=40), "12 min ago"),
        (dt.timedelta(hours=23, minutes=59), "23 h ago"),
        (dt.timedelta(days=1), "1 day ago"),
        (dt.timedelta(days=44), "44 days ago"),
        (dt.timedelta(days=90), "3 months ago"),
        (dt.timedelta(days=900), "2 years ago"),
    ],
)
def test_age_in_the_unit_that_matters(past, shown):
    assert show.age(past) == shown


@pytest.mark.parametrize(
    ("digits", "printed"),
    [
        ("3017620422003", "3 017620 422003"),
        ("0737628064502", "7 37628 06450 2"),
        ("22007377", "2200 7377"),
        ("15400141288763", "1 54 00141 28876 3"),
        ("12345", "1234 5"),
        ("1234", "1234"),
    ],
)
def test_barcode_is_grouped_as_under_the_bars(digits, printed):
    assert show.grouped(digits) == printed.replace(" ", "\u00a0")


@pytest.mark.parametrize(
    ("tag", "words"), [("en:milk", "Milk"), ("en:sulphur-dioxide-and-sulphites", "Sulphur dioxide and sulphites")]
)
def test_tags_are_shown_as_words(tag, words):
    assert show.plain_name(tag) == words


@pytest.mark.parametrize(
    ("label", "amount", "shown"),
    [
        ("15g", "15", "15g"),
        ("1 slice (30 g)", "30.00", "1 slice (30 g)"),
        ("1 tablespoon", "12.5", "1 tablespoon (12.5\u00a0g)"),
    ],
)
def test_serving_says_its_amount_once(label, amount, shown):
    assert show.serving_name(SimpleNamespace(label=label, amount=Decimal(amount)), "g") == shown
