import torch

from applications.inspectors.compact.network import Maps, pooled_evidence
from applications.training.compact.losses import compute_loss


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
    right = compute_loss(maps(1), labels())
    assert right < 0.05
    assert compute_loss(maps(-1), labels()) > 5
    assert compute_loss(maps(1, tool=2), labels()) > right + 0.5


def test_clean_crops_alone_have_a_finite_loss_and_gradient():
    logits = torch.zeros(2, 16, 16, requires_grad=True)
    found = Maps(logits, torch.zeros(2, 4, 16, 16), torch.zeros(2, 4, 4))
    loss = compute_loss(found, torch.zeros(2, 64, 64, dtype=torch.uint8))
    loss.backward()
    assert torch.isfinite(loss) and logits.grad is not None and torch.isfinite(logits.grad).all()


def test_a_flawed_crop_must_score_above_every_clean_one():
    even = Maps(torch.zeros(2, 16, 16), torch.zeros(2, 4, 16, 16), torch.zeros(2, 4, 4))
    ahead = Maps(even.mask, even.tools, torch.stack([torch.zeros(4, 4), torch.ones(4, 4)]))
    behind = Maps(even.mask, even.tools, torch.stack([torch.ones(4, 4), torch.zeros(4, 4)]))
    found = [float(compute_loss(each, labels())) for each in (ahead, even, behind)]
    assert found == sorted(found) and found[0] < found[2] - 0.5


def test_evidence_is_the_mean_of_the_highest_cells():
    evidence = torch.tensor([[[1.0, 2.0], [3.0, 6.0]]])
    assert pooled_evidence(evidence, 2).tolist() == [4.5]
