from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "dietintel.accounts"
    label = "accounts"
    verbose_name = "Accounts"
