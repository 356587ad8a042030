"""Networks in anything that keeps bytes by key."""
