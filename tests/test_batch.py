"""Groups and documents as tensors: which tokens are trained, and that pieces are the whole."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from aha.batch import PolicyBatch, best_fit, collate, collate_documents, micro_batches
from aha.errors import BadInput
from aha.learning import token_weights
from aha.objectives import Advantages, Aggregate
from tests.objectives.samples import group, policy_batch

MEAN = Advantages("mean_only")

SEQ_MEAN, TOKEN_MEAN = (partial(token_weights, Aggregate(mode)) for mode in ("seq-mean", "token-mean"))


def collated(*groups: object, truncation: str = "penalise") -> PolicyBatch:
    return collate(list(groups), MEAN, 1.0, truncation)  # type: ignore[arg-type]


def test_the_sampled_ids_are_the_trained_ids_and_no_prompt_token_is() -> None:
    batch = collated(group([1, 0], [3, 1], prompt=(7, 8)))
    assert batch.tokens_N.tolist() == [7, 8, 10, 11, 12, 7, 8, 10]
    assert batch.tokens_N[batch.trained_N].tolist() == [10, 11, 12, 10]


def test_the_stop_token_is_trained_when_it_was_emitted() -> None:
    stopped = group([1, 0], [3, 3])  # completions carry their stop token as the last id, here 12
    batch = collated(stopped)
    assert stopped.completions[0].finished == "stop"
    assert batch.tokens_N[batch.trained_N].tolist().count(12) == 2


def test_a_prefilled_think_token_belongs_to_the_prompt_and_is_not_trained() -> None:
    think = 99
    batch = collated(group([1, 0], [2, 2], prompt=(7, think)))
    assert think in batch.tokens_N.tolist()
    assert think not in batch.tokens_N[batch.trained_N].tolist()


def test_rows_and_columns_of_trained_tokens_point_at_them() -> None:
    batch = collated(group([1, 0], [3, 1]))
    assert batch.row_M.tolist() == [0, 0, 0, 1]
    assert batch.column_M.tolist() == [2, 3, 4, 2]
    assert batch.count_R.tolist() == [3, 1]


def test_old_is_as_sampled_and_there_is_no_reference_yet() -> None:
    batch = collated(group([1, 0], [2, 1]))
    assert batch.behaviour_M.tolist() == [-1, -2, -1]
    assert batch.old_M.tolist() == [-1, -2, -1]
    assert batch.reference_M is None


def test_each_token_of_a_reply_has_the_advantage_of_the_reply() -> None:
    assert collated(group([1, 0], [2, 3])).advantage_M.tolist() == [0.5, 0.5, -0.5, -0.5, -0.5]


def test_an_abstained_sample_is_in_neither_the_mean_nor_the_batch() -> None:
    batch = collated(group([1, None, 0], [1, 5, 1]))
    assert batch.advantage_M.tolist() == [0.5, -0.5]


def test_a_group_with_fewer_than_two_left_is_dropped() -> None:
    batch = collated(group([1, None], [4, 4]), group([1, 0], [1, 1]))
    assert (batch.R, batch.M, batch.group_R.tolist()) == (2, 2, [0, 0])


def test_truncation_mask_leaves_the_reply_out_but_its_reward_in_the_mean() -> None:
    cut = group([1, 0], [2, 3], cut=[1])
    assert collated(cut, truncation="mask").advantage_M.tolist() == [0.5, 0.5]
    assert collated(cut, truncation="penalise").M == 5


def test_a_batch_of_which_everything_is_masked_has_no_step() -> None:
    batch = collated(group([1, 0], [2, 3], cut=[0, 1]), truncation="mask")
    assert (batch.R, batch.M) == (0, 0)
    assert batch.split(4, 0, SEQ_MEAN) == []


def test_an_empty_completion_is_no_row() -> None:
    assert collated(group([1, 0], [0, 2])).length_R.tolist() == [4]


def test_an_empty_prompt_is_refused() -> None:
    with pytest.raises(BadInput, match="a prompt has no tokens"):
        collated(group([1, 0], [1, 1], prompt=()))


def test_tokens_without_their_log_probabilities_are_refused() -> None:
    good = group([1, 0], [2, 2])
    with pytest.raises(ValueError, match="1 log-probabilities for 2 sampled tokens"):
        collated(replace(good, completions=(replace(good.completions[0], logprobs=(-1.0,)), good.completions[1])))


# --- pieces -----------------------------------------------------------------------------------------------------------


def test_rows_takes_each_row_with_its_tokens_and_weights_in_the_order_asked() -> None:
    batch = replace(collated(group([1, 0, 2], [2, 1, 3])), weight_M=torch.arange(6.0))
    piece = batch.rows([2, 0])
    assert piece.tokens_N.tolist() == [1, 2, 10, 11, 12, 1, 2, 10, 11]
    assert piece.weight_M.tolist() == [3, 4, 5, 0, 1]
    assert piece.advantage_M.tolist() == [1, 1, 1, 0, 0]


def test_a_piece_knows_how_many_tokens_its_step_trains() -> None:
    step = collated(group([1, 0], [2, 3]))
    assert step.normaliser == 5
    assert step.rows([0]).normaliser == 5
    assert step.rows([1]).rows([0]).normaliser == 5


def test_split_deals_every_group_once_and_whole_in_parts_that_differ_by_at_most_one() -> None:
    parts = policy_batch([[1, 0]] * 5, [[n + 1, n + 1] for n in range(5)]).split(2, 3, SEQ_MEAN)
    assert [part.R for part in parts] == [6, 4]
    assert all(part.group_R.unique(return_counts=True)[1].tolist() == [2] * (part.R // 2) for part in parts)
    assert sorted(length for part in parts for length in part.length_R.tolist()) == [3, 3, 4, 4, 5, 5, 6, 6, 7, 7]


@pytest.mark.parametrize("seed", range(5))
def test_what_all_replies_have_in_common_is_worth_nothing_in_any_part(seed: int) -> None:
    batch = policy_batch([[1, 0, 0, 0], [1, 1, 1, 0], [3, 1, 2, 0]], [[1] * 4] * 3)  # one token each: a reply is worth its advantage
    assert [float(part.advantage_M.sum()) for part in batch.split(2, seed, TOKEN_MEAN)] == pytest.approx([0, 0], abs=1e-5)


def test_split_is_the_same_for_the_same_seed_and_random_otherwise() -> None:
    batch = policy_batch([[1, 0]] * 8, [[n + 1] * 2 for n in range(8)])
    deals = [[part.length_R.tolist() for part in batch.split(2, seed, SEQ_MEAN)] for seed in (5, 5, 6)]
    assert deals[0] == deals[1] != deals[2]


def test_each_part_is_a_step_whose_weights_sum_to_one() -> None:
    parts = policy_batch([[1, 0, 2], [2, 1]], [[1, 2, 3], [2, 2]]).split(2, 0, SEQ_MEAN)
    assert [float(part.weight_M.sum()) for part in parts] == pytest.approx([1, 1])
    assert [part.normaliser for part in parts] == [part.M for part in parts]


def test_more_parts_than_groups_gives_one_a_group() -> None:
    assert [part.R for part in policy_batch([[1, 0]] * 2, [[1, 2]] * 2).split(16, 0, SEQ_MEAN)] == [
        2,
        2,
    ]


def test_no_minibatches_is_refused() -> None:
    with pytest.raises(BadInput, match="minibatches is 0"):
        policy_batch([[1, 0]], [[1, 1]]).split(0, 0, SEQ_MEAN)


def test_to_moves_every_tensor() -> None:
    batch = policy_batch([[1, 0]], [[2, 1]]).to("meta")
    assert {batch.tokens_N.device.type, batch.weight_M.device.type, batch.old_M.device.type, batch.group_R.device.type} == {"meta"}


def test_micro_batches_take_the_longest_first_within_the_limit() -> None:
    batch = collate_documents([[0] * 2, [0] * 5, [0] * 4, [0] * 2, [0] * 2])
    assert [part.tolist() for part in micro_batches(batch, 8)] == [[1], [2, 0], [3, 4]]


def test_a_row_longer_than_the_limit_goes_alone() -> None:
    assert [part.tolist() for part in micro_batches(collate_documents([[0] * 9, [0] * 2]), 4)] == [[0], [1]]


@given(st.lists(st.integers(1, 12), max_size=20), st.integers(1, 40))
def test_micro_batches_hold_every_row_once_and_fit(lengths: list[int], limit: int) -> None:
    batch = collate_documents([[0] * length for length in lengths])
    parts = [part.tolist() for part in micro_batches(batch, limit)]
    assert sorted(row for part in parts for row in part) == list(range(len(lengths)))
    assert all(len(part) == 1 or len(part) * max(lengths[row] for row in part) <= limit for part in parts)


# --- documents --------------------------------------------------------------------------------------------------------


def test_all_tokens_of_a_document_but_the_first_are_trained_alike() -> None:
    batch = collate_documents([[5, 6, 7], [8, 9]])
    assert batch.trained_N.tolist() == [False, True, True, False, True]
    assert batch.weight_M.tolist() == pytest.approx([1 / 3] * 3)


def test_only_the_marked_tokens_of_a_conversation_are_trained_and_never_the_first() -> None:
    batch = collate_documents([[5, 6, 7], [8, 9]], loss_mask=[[False, False, True], [True, True]])
    assert batch.tokens_N[batch.trained_N].tolist() == [7, 9]
    assert batch.weight_M.tolist() == [0.5, 0.5]


def test_an_empty_document_is_refused() -> None:
    with pytest.raises(BadInput, match="a document has no tokens"):
        collate_documents([[1, 2], []])


def test_marks_that_do_not_match_the_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="1 marks for 2 tokens"):
        collate_documents([[1, 2]], loss_mask=[[True]])


# --- packing ----------------------------------------------------------------------------------------------------------


def test_a_row_is_packed_where_it_leaves_the_least_room() -> None:
    assert best_fit([3, 6, 5, 4, 2], 10) == [[1, 3], [2, 0, 4]]  # 6, 5 open bins; 4 fills the first; 3 and 2 fill the second
    assert best_fit([12, 1], 10) == [[0], [1]]  # longer than a bin: one of its own


@given(st.lists(st.integers(1, 12), max_size=30), st.integers(1, 12))
def test_packs_hold_every_row_once_within_their_room_and_no_two_would_fit_in_one(lengths: list[int], room: int) -> None:
    bins = best_fit(lengths, room)
    sums = [sum(lengths[row] for row in rows) for rows in bins]
    assert sorted(row for rows in bins for row in rows) == list(range(len(lengths)))
    assert all(total <= room or len(rows) == 1 for total, rows in zip(sums, bins, strict=True))
    assert all(one + other > room for one, other in zip(sorted(sums), sorted(sums)[1:], strict=False))


def test_a_packed_batch_is_cut_by_its_tokens_and_not_by_its_longest_row() -> None:
    rows = [[0] * length for length in (3, 6, 5, 4, 2)]
    assert [part.tolist() for part in micro_batches(collate_documents(rows, packed=True), 10)] == [[1, 3], [2, 0, 4]]
    assert [part.tolist() for part in micro_batches(collate_documents(rows), 10)] == [[1], [2, 3], [0, 4]]


# --- nothing grows with the square of the rows -------------------------------------------------------------------------


class Counting(TorchDispatchMode):
    """Counts the numbers that operations on tensors make, and calls of functions."""

    count = 0

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        result = function(*arguments, **(named or {}))
        self.count += sum(part.numel() for part in tree_leaves(result) if isinstance(part, torch.Tensor))
        return result

    def call(self, frame: Any, event: str, argument: Any) -> None:
        """A profiler's hook."""
        self.count += event in ("call", "c_call")


def work(rows: int) -> int:
    """How much is done to make a batch of rows in groups of four, to divide it into mini-batches of four groups, and to cut each of these,
    and the whole, into pieces of two or three rows."""
    groups = [group([1, 0, 1, 0], [3, 5, 2, 4]) for _ in range(rows // 4)]
    counting = Counting()
    with counting:
        sys.setprofile(counting.call)
        batch = collate(groups, MEAN, 1.0, "penalise")
        for part in [*batch.split(rows // 16, 0, SEQ_MEAN), batch]:
            for piece in micro_batches(part, 14):
                part.rows(piece)
        sys.setprofile(None)
    return counting.count


def test_twice_the_rows_are_twice_the_work() -> None:
    few, more, many = work(64), work(256), work(512)
    assert more < 4.4 * few and many < 2.2 * more


def test_twice_the_rows_are_twice_the_work_to_pack() -> None:
    def calls(rows: int) -> int:
        counting = Counting()
        lengths = [1 + (row * 7919) % 97 for row in range(rows)]
        sys.setprofile(counting.call)
        best_fit(lengths, 128)
        sys.setprofile(None)
        return counting.count

    assert calls(4_000) < 4.4 * calls(1_000)
