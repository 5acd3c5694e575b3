"""Template tags for prompts."""

import json
import shlex

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from memories.models import Memory
from runs.prompt_sums import PromptSums

register = template.Library()


@register.filter
def success(sums: PromptSums) -> SafeString:
    """The share of ended runs that told of success, in per cent, with the counts on hover; "–" without any."""
    if sums.succeeded is None:
        return format_html('<span class="quiet" title="{}">–</span>', "No run has ended")
    well = round(sums.succeeded * sums.ended)
    return format_html(
        '<span class="figures nowrap" title="{}">{} %</span>',
        f"{well:,} of {sums.ended:,} ended runs",
        # One that is not whole must not read 100 %.
        int(sums.succeeded * 100),
    )


@register.simple_tag
def fetch_line(portal_url: str, prompt: Memory) -> str:
    """The line of a shell that fetches a prompt by its name, whatever the name holds."""
    asked = {"command": "get_prompt", "project": prompt.project.name, "prompt_name": prompt.title}
    return (
        f"curl -s {portal_url}/webhook/zikra \\\n"
        '  -H "Authorization: Bearer $ZIKRA_TOKEN" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d {shlex.quote(json.dumps(asked))}"
    )
