"""The extraction keeps the signature lines of a documentation dump and nothing else."""

from __future__ import annotations

from tests.spec.extract_api import Fact, extract

DUMP = """\
garden package

Submodules

garden.beds module

Where things grow (and where they do not).

class garden.beds.Bed(soil, depth=3, **kwargs)

A place for plants.

Parameters:

soil (str): what it is filled with

    print("not a signature")
classmethod dig(depth, handle=None)
static exists(name)

Must look (twice).

property area
water(*cans)
owner: Gardener
garden.beds.rake(bed, how=<function <lambda>>)
late(member)
exception garden.beds.WeedError

Module contents

class garden.Bed
"""


def test_signature_lines_become_facts_in_their_order() -> None:
    beds = [
        ("", "module", None),
        ("Bed", "class", "soil, depth=3, **kwargs"),
        ("Bed.dig", "classmethod", "depth, handle=None"),
        ("Bed.exists", "static", "name"),
        ("Bed.area", "property", None),
        ("Bed.water", "method", "*cans"),
        ("Bed.owner", "attribute", None),
        ("rake", "function", "bed, how=<function <lambda>>"),
        ("WeedError", "exception", None),
    ]
    expected = [
        Fact(module="garden.beds", name=name, kind=kind, parameters=parameters)
        for name, kind, parameters in beds
    ]
    expected += [
        Fact(module="garden", name="", kind="module", parameters=None),
        Fact(module="garden", name="Bed", kind="class", parameters=None),
    ]
    assert expected == list(extract(DUMP.splitlines()))
