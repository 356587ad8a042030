"""What adapters of local files share."""
