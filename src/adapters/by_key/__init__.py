"""Networks in libraries that store bytes by key."""
