"""Addresses of the agents' doors."""

urlpatterns: list = []
