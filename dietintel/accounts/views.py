"""Sign-up, login and the settings page."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.views import redirect_to_login
from django.contrib.messages.views import SuccessMessageMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from dietintel.accounts import services
from dietintel.accounts.forms import LoginForm, PreferencesForm, SignUpForm, TokenForm
from dietintel.accounts.models import Token, User
from dietintel.accounts.throttling import LoginNameThrottle, LoginThrottle, SignUpThrottle, wait_seconds
from dietintel.http import AuthenticatedRequest


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect("home")
    if not services.signup_open():
        return render(request, "accounts/signup_closed.html", status=403)
    form = SignUpForm(request.POST or None)
    wait = wait_seconds(request, SignUpThrottle) if request.method == "POST" else None
    if wait is not None:
        form.add_error(None, _("Too many tries. Wait %(wait)d seconds, then try again.") % {"wait": wait})
    elif form.is_valid():
        try:
            user = services.sign_up(
                username=form.cleaned_data["username"],
                password=form.cleaned_data["password"],
                time_zone=form.cleaned_data["time_zone"],
            )
        except services.SignupClosed:
            return render(request, "accounts/signup_closed.html", status=403)
        except services.UsernameTaken:
            form.add_error("username", _("Somebody has that name already. Choose another."))
        else:
            login(request, user)
            return redirect("home")
    status = 429 if wait is not None else 422 if form.errors else 200
    shown = {"form": form, "first": not User.objects.exists()}
    response = render(request, "accounts/signup.html", shown, status=status)
    if wait is not None:
        response["Retry-After"] = str(wait)
    return response


class LoginView(auth_views.LoginView):
    """Django's login; so many tries a minute from one address and for one name; sign-up where there is nobody yet."""

    template_name = "accounts/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if settings.SIGNUP == "first" and services.signup_open():
            return redirect("signup")
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        wait = wait_seconds(request, LoginThrottle) or wait_seconds(request, LoginNameThrottle)
        if wait is None:
            return super().post(request, *args, **kwargs)
        form = LoginForm(request, data=request.POST, wait_s=wait)
        response = self.render_to_response(self.get_context_data(form=form), status=429)
        response["Retry-After"] = str(wait)
        return response

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(signup_open=services.signup_open(), **kwargs)


@never_cache
def admin_login(request: HttpRequest) -> HttpResponse:
    """The admin's door leads to the one login. Who is signed in already and no staff would go round in a circle."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.GET.get("next") or reverse("admin:index"))
    if request.user.is_staff:
        return redirect("admin:index")
    return render(request, "accounts/staff_only.html", status=403)


class PasswordView(SuccessMessageMixin[PasswordChangeForm], auth_views.PasswordChangeView):
    template_name = "accounts/password.html"
    success_url = reverse_lazy("settings")
    success_message = gettext_lazy("Your password is changed.")

    def form_invalid(self, form: PasswordChangeForm) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)


@login_required
@require_http_methods(["GET", "POST"])
def preferences(request: AuthenticatedRequest) -> HttpResponse:
    form = PreferencesForm(request.POST or None, instance=request.user)
    if form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("settings")
    shown = {"form": form, "token_form": TokenForm(), "tokens": Token.objects.owned_by(request.user)}
    return render(request, "accounts/settings.html", shown, status=422 if form.errors else 200)


@never_cache
@login_required
@require_POST
def make_token(request: AuthenticatedRequest) -> HttpResponse:
    """Shows the secret in the answer itself, this once: it is stored nowhere and must not travel in a redirect."""
    form = TokenForm(request.POST)
    shown = {
        "form": PreferencesForm(instance=request.user),
        "token_form": form,
        "tokens": Token.objects.owned_by(request.user),
    }
    if form.is_valid():
        token, secret = Token.objects.issue(user=request.user, name=form.cleaned_data["name"])
        shown |= {"token_form": TokenForm(), "new_token": token, "secret": secret}
    return render(request, "accounts/settings.html", shown, status=422 if form.errors else 200)


@login_required
@require_POST
def delete_token(request: AuthenticatedRequest, token_id: int) -> HttpResponse:
    get_object_or_404(Token.objects.owned_by(request.user), pk=token_id).delete()
    messages.success(request, _("Token deleted. Programs that used it are signed out."))
    return redirect("settings")
