"""Commands that list the inventory: a noun, its columns, and what the service is asked for."""
