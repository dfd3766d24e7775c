"""Bodies of /api/v1, as the OpenAPI document shows them."""
