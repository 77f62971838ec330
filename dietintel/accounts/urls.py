from django.contrib.auth import views as auth_views
from django.urls import path

from dietintel.accounts import views

urlpatterns = [
    path("signup/", views.sign_up, name="signup"),
    path("login/", views.LoginView.as_view(), name="login"),
    path("admin/login/", views.admin_login),  # before the admin's own, which counts no tries
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("settings/", views.preferences, name="settings"),
    path("settings/tokens/", views.make_token, name="token_make"),
    path("settings/tokens/<int:token_id>/delete/", views.delete_token, name="token_delete"),
    path("settings/password/", views.PasswordView.as_view(), name="password_change"),
]
