"""The columnar layout: long arrays that grow, and a small table of what lies where."""
