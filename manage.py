"""The portal's command line; `./zikra` calls it inside the right environment."""

import os
import sys


def main() -> None:
    """Run the command named on the command line."""
    if sys.argv[1:2] == ["up"]:
        # It starts what the settings will name, so it runs before they are read.
        from zikra_portal.management.commands.up import Command

        Command().run_from_argv(sys.argv)
        return
    # Python names modules with underscores; people type commands with hyphens.
    for position, word in enumerate(sys.argv[1:3], 1):
        if not word.startswith("-") and (position == 1 or sys.argv[1] == "help"):
            sys.argv[position] = word.replace("-", "_")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zikra_portal.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
