"""The WSGI entry point that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

from zikra_portal.agents_handler import AgentsHandler, by_address

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zikra_portal.settings")

pages = get_wsgi_application()
application = by_address(AgentsHandler(), pages)
