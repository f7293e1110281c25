import torch

from applications.inspectors.compact.network import Maps, pooled_evidence
from applications.training.compact.losses import compute_loss

GROUP = torch.tensor([0, 0])


def labels():
    """A clean crop and one with a flaw of the second tool."""
    found = torch.zeros(2, 64, 64, dtype=torch.uint8)
    found[1, 16:48, 16:48] = 2
    return found


def maps(sign, tool=1):
    """Confident logits: right for sign 1, wrong for -1."""
    mask = torch.full((2, 16, 16), -6.0 * sign)
    mask[1, 4:12, 4:12] = 6.0 * sign
    evidence = torch.full((2, 4, 4), -6.0 * sign)
    evidence[1, 1:3, 1:3] = 6.0 * sign
    tools = torch.zeros(2, 4, 16, 16)
    tools[:, tool] = 6.0
    return Maps(mask, tools, evidence)


def test_right_answers_cost_little_and_wrong_ones_much():
    right = compute_loss(maps(1), labels(), GROUP)
    assert right < 0.05
    assert compute_loss(maps(-1), labels(), GROUP) > 5
    assert compute_loss(maps(1, tool=2), labels(), GROUP) > right + 0.5


def test_clean_crops_alone_have_a_finite_loss_and_gradient():
    logits = torch.zeros(2, 16, 16, requires_grad=True)
    found = Maps(logits, torch.zeros(2, 4, 16, 16), torch.zeros(2, 4, 4))
    loss = compute_loss(found, torch.zeros(2, 64, 64, dtype=torch.uint8), GROUP)
    loss.backward()
    assert torch.isfinite(loss) and logits.grad is not None and torch.isfinite(logits.grad).all()


def test_the_order_counts_within_a_triplet_only():
    even = Maps(torch.zeros(2, 16, 16), torch.zeros(2, 4, 16, 16), torch.zeros(2, 4, 4))
    together = compute_loss(even, labels(), GROUP)
    apart = compute_loss(even, labels(), torch.tensor([0, 1]))
    assert together > apart


def test_evidence_is_the_mean_of_the_highest_cells():
    evidence = torch.tensor([[[1.0, 2.0], [3.0, 6.0]]])
    assert pooled_evidence(evidence, 2).tolist() == [4.5]
