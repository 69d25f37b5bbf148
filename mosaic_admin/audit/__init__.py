"""Who did what, when and from where: `audit.services.record` writes an event, and nothing ever changes one."""
