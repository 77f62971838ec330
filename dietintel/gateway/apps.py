from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "dietintel.gateway"
    label = "gateway"
    verbose_name = "Gateway"
