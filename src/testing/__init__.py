"""What tests of networks and of backends need: shipped, so that others test theirs too."""
