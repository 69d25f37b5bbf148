"""The one-command demo: every server and process of an install on this machine, looked after until Ctrl-C."""
