"""
Engines: what BSB discovers, each in a plain module.

BSB takes the first class it finds of each of its interfaces in such a module, so a module
names the classes of its engine and no others.
"""
