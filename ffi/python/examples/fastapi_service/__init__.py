"""A FastAPI service that asks Highwater about every request."""
