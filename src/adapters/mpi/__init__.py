"""The ranks of a program, through BSB's MPI services."""
