"""What stands around every page: which projects the reader may switch to, and which one the page shows."""

from functools import cached_property

from django.http import Http404, HttpRequest, QueryDict
from django.urls import reverse

from access.models import Member, Notification, Project
from access.pages import caller_of
from runs.visibility import may_see_costs

# Pages that read `?project=`, a name; from any other page the switch leads home.
PAGES_OF_PROJECTS = frozenset(
    {
        *("home", "search", "requirements", "memories", "memory-graph", "prompts", "runs", "costs", "hygiene"),
        *("handoffs", "proposals"),
    }
)
# What belongs to one project's answer only: a page number means nothing in another project.
NOT_KEPT = frozenset({"project", "page"})


class Frame:
    """What the frame's templates ask. Nothing is read before a template asks, so that the admin's pages cost nothing."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @cached_property
    def projects(self) -> list[Project]:
        """Projects that the reader may switch to, by name; none for who is not logged in."""
        if not isinstance(getattr(self.request, "user", None), Member):
            return []
        return list(Project.objects.visible_to(caller_of(self.request)).only("pk", "name", "is_demo").order_by("name"))

    @cached_property
    def project(self) -> Project | None:
        """The one that `?project=` names, when it is in sight."""
        named = self.request.GET.get("project", "")
        return next((project for project in self.projects if project.name == named), None)

    @property
    def shows_demo(self) -> bool:
        """Whether demo data is among what the reader sees."""
        return any(project.is_demo for project in self.projects)

    @cached_property
    def shows_costs(self) -> bool:
        """Whether the reader may see costs at all."""
        return isinstance(getattr(self.request, "user", None), Member) and may_see_costs(caller_of(self.request))

    @cached_property
    def unread(self) -> int:
        """How many notifications the reader has not read yet."""
        if not isinstance(getattr(self.request, "user", None), Member):
            return 0
        return Notification.objects.of(caller_of(self.request)).unread().count()

    @property
    def section(self) -> str:
        """The name of the page's address, which the navigation marks."""
        match = self.request.resolver_match
        return (match.url_name or "") if match else ""

    @property
    def switch_address(self) -> str:
        """Where the switch leads: the page that one is on, when it is of projects."""
        return self.request.path if self.section in PAGES_OF_PROJECTS else reverse("home")

    @property
    def kept_words(self) -> list[tuple[str, str]]:
        """The address's other words, which the switch keeps."""
        if self.section not in PAGES_OF_PROJECTS:
            return []
        return [(name, value) for name, values in self.request.GET.lists() if name not in NOT_KEPT for value in values]

    @property
    def of_project(self) -> str:
        """`?project=…` for links between pages of projects; empty for all projects."""
        if self.project is None:
            return ""
        words = QueryDict(mutable=True)
        words["project"] = self.project.name
        return f"?{words.urlencode()}"


def frame_of(request: HttpRequest) -> Frame:
    """The frame of a request's page, made once."""
    kept = getattr(request, "frame", None)
    if isinstance(kept, Frame):
        return kept
    fresh = Frame(request)
    request.frame = fresh  # type: ignore[attr-defined]
    return fresh


def projects_asked(request: HttpRequest) -> list[int] | None:
    """The project that the address names, as a bound for questions; None for all. Raises Http404 out of sight."""
    if not request.GET.get("project"):
        return None
    project = frame_of(request).project
    if project is None:
        raise Http404
    return [project.pk]


def frame(request: HttpRequest) -> dict[str, Frame]:
    """The context processor: `frame` in every template."""
    return {"frame": frame_of(request)}
