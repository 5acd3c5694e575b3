"""Django app configuration."""

from django.apps import AppConfig


class RequirementsPipelineConfig(AppConfig):
    """Requirements and their states."""

    name = "requirements_pipeline"
    verbose_name = "Requirements"
