"""Groups, arrays, documents and attributes with defaults: what all backends have in common."""
