"""What runs on a developer's machine: agents' hooks, their spool and its sender, the installer and the status line.

Standard library only, Python 3.9 or newer, and no word of the portal's own code: these files are served as one.
"""

VERSION = "0.3.7"
