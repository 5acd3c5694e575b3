"""Addresses of the agents' doors."""

from django.urls import path

from api.views import WebhookView

urlpatterns = [
    path("webhook/zikra", WebhookView.as_view(), name="webhook"),
    path("webhook/zikra/", WebhookView.as_view()),
]
