"""Which project a call means and whether it may name it: compared with the contract's rules written as a plain model."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from access.callers import Caller, visible_project_ids
from access.errors import Forbidden, Invalid, OutOfScope
from access.models import Project
from access.roles import ROLE_ORDER, Role
from access.scope import check_project_name, make_project, project_to_read, project_to_write

NAMES = ["app", "web", "global", "docs", "never made"]


class ScopeTest(TestCase):
    @settings(max_examples=150, deadline=None)
    @given(
        existing=st.sets(st.sampled_from(NAMES[:4])),
        scope=st.none() | st.sets(st.sampled_from(NAMES[:4])),
        role=st.sampled_from(ROLE_ORDER),
        named=st.none() | st.sampled_from([*NAMES, "", "  ", " app "]),
    )
    def test_reads_and_writes_follow_the_contract(self, existing, scope, role, named):
        held = None if scope is None else scope & existing
        for name in existing:
            Project.objects.get_or_create(name=name)
        Project.objects.exclude(name__in=existing).delete()
        ids = dict(Project.objects.values_list("name", "pk"))
        caller = Caller(
            name="x",
            role=role,
            project_ids=None if held is None else frozenset(ids[name] for name in held),
            project_names=tuple(sorted(held or ())),
        )
        self.check_read(caller, held, ids, named)
        self.check_write(caller, held, existing, named)

    def meant(self, held, named):
        if named is not None and named.strip():
            return named.strip()
        return next(iter(held)) if held is not None and len(held) == 1 else "global"

    def check_read(self, caller, held, ids, named):
        wanted = self.meant(held, named)
        if held is not None and wanted != "global" and wanted not in held:
            with pytest.raises(OutOfScope) as refused:
                project_to_read(caller, named)
            assert refused.value.fields()["project_scope"] == sorted(held)
            assert refused.value.fields()["requested_project"] == wanted
            return
        assert project_to_read(caller, named) == wanted
        seen = visible_project_ids(caller, wanted)
        if wanted == "global":
            assert seen == (None if held is None else sorted(ids[name] for name in held))
        else:
            assert seen == ([ids[wanted]] if wanted in ids else [])

    def check_write(self, caller, held, existing, named):
        wanted = self.meant(held, named)
        before = Project.objects.count()
        if held is not None and wanted not in held:
            with pytest.raises(OutOfScope):
                project_to_write(caller, named)
        elif wanted in existing:
            assert project_to_write(caller, named).name == wanted
        elif caller.role == Role.GUEST:
            with pytest.raises(Forbidden):
                project_to_write(caller, named)
        else:
            assert project_to_write(caller, named).name == wanted
            before += 1
        assert Project.objects.count() == before


@given(st.text(max_size=120))
def test_a_project_name_is_kept_trimmed_or_refused_in_words(name):
    if re.fullmatch(r"\w[\w.\-/:@+ ]*", name.strip()) and len(name.strip()) <= 100:
        assert check_project_name(name) == name.strip()
    else:
        with pytest.raises(Invalid, match="^A project name has 1 to 100 letters"):
            check_project_name(name)


@pytest.mark.django_db
def test_a_new_project_is_made_once():
    caller = Caller(name="x", role=Role.COLLABORATOR, project_ids=None)
    assert make_project(caller, "app") == make_project(caller, " app ")
    assert Project.objects.count() == 1
