"""Commands that list the inventory: a noun, its columns, and the path of the API."""
