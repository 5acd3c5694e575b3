"""Addresses below /hygiene/."""

from django.urls import path

from zikra_portal import hygiene_pages, repair_pages

urlpatterns = [
    path("", hygiene_pages.hygiene, name="hygiene"),
    path("archive/", repair_pages.archive, name="hygiene-archive"),
    path("confirm/<uuid:memory_id>/", repair_pages.confirm, name="hygiene-confirm"),
    path("keep/<uuid:memory_id>/", repair_pages.merge, name="hygiene-merge"),
    path("link/<uuid:memory_id>/", repair_pages.link, name="hygiene-link"),
    path("dead/<int:link_id>/", repair_pages.mend, name="hygiene-mend"),
    path("dead/<int:link_id>/remove/", repair_pages.remove_brackets, name="hygiene-remove-brackets"),
    path("dead/<int:link_id>/make/", repair_pages.make_missing, name="hygiene-make"),
    path("repairs/<uuid:repair_id>/undo/", repair_pages.undo, name="repair-undo"),
]
