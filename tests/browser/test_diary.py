"""The diary as people keep it: by text, by search, by barcode, with one tap; changed, copied, undone."""

import datetime as dt
import re
from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from dietintel.accounts.models import User
from tests.browser.conftest import SIZES, fits, no_sideways_scroll, sign_in
from tests.factories import BARCODE, make_item, make_meal, make_product, off_product
from tracking.models import Favourite, MealItem

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def today():
    return User.objects.get().wall_clock(timezone.now()).date()


def yesterday():
    return today() - dt.timedelta(days=1)


def box(screen):
    return screen.get_by_label("What did you eat?")


def meal(screen, name):
    return screen.get_by_role("region", name=name, exact=True)


def logged():
    return list(MealItem.objects.order_by("pk").values_list("meal__day", "meal__name", "name", "amount"))


@pytest.fixture
def diary(screen):
    """Somebody's empty day, with two foods to eat."""
    make_product()
    make_product(name="Egg", brand="", barcode="22007377", servings=[{"label": "1 egg", "amount": "50"}])
    sign_in(screen, "/today/")
    yield screen
    expect(screen.locator(".htmx-request")).to_have_count(0)  # nothing is on its way when the page goes


@SIZES
def test_a_text_is_confirmed_and_logged(diary, viewport):
    diary.set_viewport_size(viewport)
    diary.keyboard.press("/")
    diary.keyboard.type("2 eggs, 30 g nut spread, 1 xyzzy")
    expect(diary.get_by_text("No food was found for this.")).to_be_visible()
    diary.get_by_label("Meal", exact=True).select_option("Lunch")
    expect(diary.get_by_label("Food for “2 eggs”")).to_be_visible()

    diary.get_by_role("button", name="Log all").click()

    expect(meal(diary, "Lunch")).to_contain_text("Nut spread")
    expect(box(diary)).to_have_value("")
    assert logged() == [(today(), "lunch", "Egg", 100), (today(), "lunch", "Nut spread", 30)]
    assert no_sideways_scroll(diary)


@SIZES
def test_a_food_is_found_by_name_and_added_with_one_tap(diary, viewport):
    diary.set_viewport_size(viewport)
    box(diary).fill("nut")

    diary.get_by_role("button", name="Add 1 spoon (15 g) of Nut spread").click()

    expect(diary.get_by_role("status").get_by_text("Nut spread is in your diary.")).to_be_visible()
    expect(box(diary)).to_be_focused()
    assert [amount for *_rest, amount in logged()] == [15]


def test_a_barcode_is_looked_up_on_enter_and_logged_with_an_amount(diary, provider):
    provider.knows("5449000000996", off_product(code="5449000000996", product_name="Cola"))
    box(diary).fill("5449000000996")
    expect(diary.get_by_text("Look up barcode")).to_be_visible()
    assert provider.hits() == 0

    box(diary).press("Enter")
    amount = diary.get_by_label("Amount")
    expect(amount).to_be_focused()
    diary.get_by_label("Unit").select_option("g")
    amount.fill("12,5")
    amount.press("Enter")

    expect(diary.get_by_text("Cola is in your diary.")).to_be_visible()
    assert [(name, amount) for *_rest, name, amount in logged()] == [("Cola", Decimal("12.5"))]


@SIZES
def test_what_was_eaten_before_is_logged_again_with_one_action(diary, viewport):
    make_item(make_meal(User.objects.get(), day=yesterday(), name="dinner"))
    diary.set_viewport_size(viewport)
    diary.goto("/today/")

    diary.get_by_role("list", name="Eaten before").get_by_role("button", name=re.compile("Nut spread")).click()

    expect(diary.get_by_text("Nut spread is logged")).to_be_visible()
    assert [day for day, *_rest in logged()] == [yesterday(), today()]


@pytest.mark.parametrize(("text", "amount"), [("2 eggs", 100), ("egg", 50)])
def test_enter_finds_and_enter_again_logs(diary, text, amount):
    box(diary).fill(text)
    box(diary).press("Enter")
    expect(diary.locator("#found button:focus")).to_be_visible()

    diary.keyboard.press("Enter")

    expect(diary.get_by_role("button", name="Undo")).to_be_visible()
    expect(box(diary)).to_be_focused()
    assert logged() == [(today(), MealItem.objects.get().meal.name, "Egg", amount)]


def test_what_another_tab_deleted_is_told_to_be_gone(page):
    item = make_item(make_meal(sign_in(page), day=today()))
    page.goto("/today/")
    page.get_by_role("link", name=re.compile("Nut spread")).click()
    expect(page.get_by_label("Amount")).to_be_focused()
    item.delete()

    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("alert")).to_contain_text("This is not there any more")


def test_many_favourites_scroll_in_their_own_row_and_not_the_page(diary):
    user = User.objects.get()
    dinner = make_meal(user, day=yesterday(), name="dinner")
    for number in range(6):
        product = make_product(name=f"Favourite dinner {number}", barcode=f"2200{number}")
        make_item(dinner, product=product, name=product.name)
        Favourite.objects.create(user=user, product=product)

    diary.goto("/today/")

    expect(diary.get_by_role("list", name="Eaten before").get_by_role("button")).to_have_count(6)
    assert no_sideways_scroll(diary)


def test_an_amount_is_changed_in_its_row_and_undone(diary):
    item = make_item(make_meal(User.objects.get(), day=today()))
    diary.goto("/today/")
    diary.get_by_role("link", name=re.compile("Nut spread")).click()
    expect(diary.get_by_label("Amount")).to_be_focused()
    diary.get_by_role("button", name="More", exact=True).click()
    expect(diary.get_by_label("Amount")).to_have_value("40")
    diary.get_by_role("button", name="Save").click()
    expect(meal(diary, "Breakfast")).to_contain_text("40")

    diary.get_by_role("button", name="Undo").click()

    expect(meal(diary, "Breakfast")).to_contain_text("30")
    item.refresh_from_db()
    assert item.amount == 30


def test_a_wrong_amount_is_told_in_the_row_and_stays_as_typed(diary):
    make_item(make_meal(User.objects.get(), day=today()))
    diary.goto("/today/")
    diary.get_by_role("link", name=re.compile("Nut spread")).click()

    diary.get_by_label("Amount").fill("a lot")
    diary.get_by_label("Amount").press("Enter")

    expect(diary.get_by_text("Enter an amount between 0.01 and 99,999.")).to_be_visible()
    expect(diary.get_by_label("Amount")).to_have_value("a lot")
    diary.get_by_label("Amount").press("Escape")
    expect(diary.get_by_label("Amount")).to_have_count(0)


def test_a_deleted_item_comes_back(diary):
    make_item(make_meal(User.objects.get(), day=today()))
    diary.goto("/today/")
    diary.get_by_role("link", name=re.compile("Nut spread")).click()

    diary.get_by_role("button", name="Delete", exact=True).click()
    expect(meal(diary, "Breakfast")).not_to_contain_text("Nut spread")
    expect(diary.get_by_role("button", name="Undo")).to_be_focused()
    diary.keyboard.press("Enter")

    expect(meal(diary, "Breakfast")).to_contain_text("Nut spread")


@SIZES
def test_a_day_is_copied_and_yesterday_s_breakfast_repeated(diary, viewport):
    user = User.objects.get()
    make_item(make_meal(user, day=yesterday(), name="breakfast"))
    make_item(make_meal(user, day=yesterday(), name="dinner"), name="Soup")
    diary.set_viewport_size(viewport)
    diary.goto("/today/")

    meal(diary, "Breakfast").get_by_role("button", name="Repeat yesterday’s").click()
    expect(meal(diary, "Breakfast")).to_contain_text("162")
    diary.get_by_role("link", name="Copy this day").click()
    diary.get_by_label("To which day?").fill("2026-03-09")
    diary.get_by_role("button", name="Copy").click()

    expect(diary.get_by_role("heading", name=re.compile("Mon 9 Mar"))).to_be_visible()
    assert [(day, name) for day, _meal, name, _amount in logged()][2:] == [
        (today(), "Nut spread"),
        (dt.date(2026, 3, 9), "Nut spread"),
    ]


def test_arrow_keys_lead_from_day_to_day_but_not_while_typing(diary):
    diary.goto("/today/")
    diary.keyboard.press("ArrowLeft")
    expect(diary.get_by_role("heading", name=re.compile("^Yesterday"))).to_be_visible()

    box(diary).fill("nut")
    box(diary).press("ArrowLeft")

    expect(box(diary)).to_have_value("nut")
    expect(diary.get_by_role("heading", name=re.compile("^Yesterday"))).to_be_visible()


def test_quick_add_with_nothing_in_it_says_so_and_keeps_the_name(diary):
    diary.get_by_role("link", name="Quick add").click()
    diary.get_by_label("What was it?").fill("Canteen")
    diary.get_by_role("button", name="Log it").click()
    expect(diary.get_by_text("Enter at least one figure.")).to_be_visible()

    diary.get_by_role("textbox", name="Energy").fill("640")
    diary.get_by_role("button", name="Log it").click()

    expect(diary.get_by_text("Canteen is in your diary.")).to_be_visible()


def test_a_server_that_does_not_answer_leaves_what_was_typed(page):
    make_product()
    sign_in(page, "/today/")
    box(page).fill("2 nut spread")
    expect(page.get_by_role("button", name="Log it")).to_be_visible()
    page.route("**/lines/", lambda route: route.abort())

    page.get_by_role("button", name="Log it").click()

    expect(page.get_by_role("alert")).to_contain_text("What you typed is still here")
    expect(box(page)).to_have_value("2 nut spread")
    assert logged() == []


def test_the_energy_of_a_line_follows_what_is_typed(diary):
    box(diary).fill("2 eggs, 30 g nut spread")
    line = diary.locator("#line-1-energy")
    expect(line).to_contain_text("162")

    diary.get_by_role("textbox", name="Amount").nth(1).fill("60")
    diary.get_by_role("textbox", name="Amount").nth(1).press("Tab")

    expect(line).to_contain_text("323")
    expect(diary.get_by_label("Unit").nth(1)).to_be_focused()


def test_another_meal_keeps_the_amounts_that_were_typed(diary):
    box(diary).fill("2 eggs")
    diary.get_by_role("textbox", name="Amount").fill("3")
    diary.get_by_role("textbox", name="Amount").press("Tab")
    expect(diary.locator("#line-0-energy")).to_contain_text("809")

    diary.get_by_label("Meal", exact=True).select_option("Snacks")
    diary.get_by_role("button", name="Log it").click()

    expect(meal(diary, "Snacks")).to_contain_text("Egg")
    assert logged() == [(today(), "snacks", "Egg", 150)]


def test_the_diary_is_kept_without_javascript(browser, browser_context_args):
    context = browser.new_context(**browser_context_args, java_script_enabled=False)
    screen = context.new_page()
    make_product()
    sign_in(screen, "/today/")

    box(screen).fill("30 g nut spread")
    box(screen).press("Enter")
    screen.get_by_role("button", name="Log it").click()
    expect(screen.get_by_text("1 item is in your diary.")).to_be_visible()
    screen.locator("main").get_by_role("link", name=re.compile("Nut spread.*162", re.DOTALL)).click()
    screen.get_by_label("Amount").fill("60")
    screen.get_by_role("button", name="Save").click()
    expect(screen.get_by_role("heading", name="Today")).to_be_visible()
    assert [amount for *_rest, amount in logged()] == [60]
    screen.get_by_role("button", name="Undo").click()
    expect(screen.get_by_text("Taken back.")).to_be_visible()
    assert [amount for *_rest, amount in logged()] == [30]
    box(screen).fill("nut")
    box(screen).press("Enter")
    screen.get_by_role("button", name="Add 30 g of Nut spread").click()
    expect(screen.get_by_text("Nut spread is in your diary.")).to_be_visible()
    screen.get_by_role("list", name="Eaten before").get_by_role("button", name=re.compile("Nut spread")).click()
    expect(screen.get_by_text("Nut spread is logged")).to_be_visible()
    assert [amount for *_rest, amount in logged()] == [30, 30, 30]
    context.close()


def test_a_food_is_logged_from_its_own_page(diary):
    diary.goto(f"/foods/{BARCODE}/")

    diary.get_by_label("Unit").select_option("g")
    diary.get_by_label("Amount").fill("25")
    diary.get_by_role("button", name="Log it").click()

    expect(diary.get_by_role("heading", name="Today")).to_be_visible()
    assert [amount for *_rest, amount in logged()] == [25]


def test_no_page_of_the_diary_scrolls_sideways(diary):
    breakfast = make_meal(User.objects.get(), day=today(), name="Second breakfast of a very long name")
    item = make_item(breakfast, name="Donaudampfschifffahrtselektrizitätenhauptbetriebswerk" * 2, brand="Brand, " * 20)

    for path in (
        "/today/",
        "/today/?q=nut",
        "/today/?q=2+eggs,+30+g+xyzzy",
        f"/today/?q={BARCODE}",
        f"/items/{item.pk}/",
        f"/day/{today()}/quick/",
        f"/day/{today()}/copy/",
        f"/day/{today()}/nutrients/",
        "/calendar/",
        "/more/",
    ):
        assert fits(diary, path), path


@SIZES
def test_everything_to_press_is_large_enough_for_a_thumb(diary, viewport):
    make_item(make_meal(User.objects.get(), day=today()))
    diary.set_viewport_size(viewport)
    diary.goto("/today/?q=nut")

    small = diary.locator("main :is(a, button, select, input:not([type=hidden]), summary):visible").evaluate_all(
        "all => all.filter(each => each.getBoundingClientRect().height < 44).map(each => each.outerHTML)"
    )

    assert small == []
