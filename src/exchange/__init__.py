"""Networks in and out: copied into another storage, and converted."""
