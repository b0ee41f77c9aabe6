from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.errors import BadInput
from aha.tasks.mixture import Mix, Share, chosen

PAPER = Mix((Share("reasoning", 600), Share("general", 200)))


def test_the_scarcest_domain_decides_how_many_rows_there_are():
    assert PAPER.quotas({"reasoning": 300, "general": 200}) == {"reasoning": 300, "general": 100}
    assert PAPER.quotas({"reasoning": 900, "general": 100}) == {"reasoning": 300, "general": 100}


def test_without_shares_every_row_stays_up_to_the_most():
    assert Mix().quotas({"a": 3, "b": 1}) == {"a": 3, "b": 1}
    assert Mix(rows=2).quotas({"a": 3, "b": 1}) == {"a": 2, "b": 0} or Mix(rows=2).quotas({"a": 3, "b": 1}) == {"a": 1, "b": 1}
    assert sum(Mix(rows=7).quotas({"a": 10, "b": 10, "c": 1}).values()) == 7


def test_at_most_so_many_rows_keep_the_shares():
    assert Mix(PAPER.shares, rows=80).quotas({"reasoning": 300, "general": 200}) == {"reasoning": 60, "general": 20}


def test_a_share_of_nothing_leaves_a_domain_out():
    assert Mix((Share("a", 1), Share("b", 0))).quotas({"a": 3, "b": 9}) == {"a": 3}


def test_a_domain_that_is_wanted_and_not_there_is_named():
    with pytest.raises(BadInput, match="needs 25% of general, and no such row was kept: 10 reasoning"):
        PAPER.quotas({"reasoning": 10})


def test_a_domain_that_the_mix_forgets_is_named():
    with pytest.raises(BadInput, match="does not name code"):
        PAPER.quotas({"reasoning": 10, "general": 5, "code": 1})


@given(st.dictionaries(st.sampled_from("abcd"), st.tuples(st.integers(1, 500), st.floats(0.01, 10)), min_size=1))
def test_shares_are_exact_up_to_one_row(domains):
    mix = Mix(tuple(Share(name, share) for name, (_, share) in domains.items()))
    quotas = mix.quotas({name: there for name, (there, _) in domains.items()})
    total = sum(share for _, share in domains.values())
    size = min(there * total / share for there, share in domains.values())
    for name, (there, share) in domains.items():
        assert 1 <= quotas[name] <= there
        assert abs(quotas[name] - max(1, size * share / total)) < 1 + 1e-6


def test_which_rows_are_chosen_depends_on_the_seed_and_not_on_their_order():
    ids = [(f"{domain}{number}", domain) for domain in "ab" for number in range(50)]
    first = chosen(ids, {"a": 5, "b": 2}, 0)
    assert first == chosen(ids[::-1], {"a": 5, "b": 2}, 0)
    assert first != chosen(ids, {"a": 5, "b": 2}, 1)
    assert sorted(name[0] for name in first) == list("aaaaabb")


def test_two_shares_of_one_domain_are_refused():
    with pytest.raises(BadInput, match="each domain once"):
        Mix((Share("a", 1), Share("a", 2)))
