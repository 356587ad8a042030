"""The columnar layout: long arrays that grow, and tables of what lies where."""
