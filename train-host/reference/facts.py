"""Facts of the specification that the oracle itself must meet: `python facts.py` (unittest).

Expected values come from algorithm.md or from a closed form, never from the code under test.
"""

import dataclasses
import math
import unittest

import torch
from torch.nn import functional as F

from architecture import PROFILES, Architecture
from encoder import InvBlock, haar_analysis
from golden_cases import SMALL, random_parameters
from losses import Targets, centre_loss, detection_loss, encode, heat_loss, mask_loss
from mac_count import count_macs
from network import Network, start_training_weights


def tensor(*values):
    """Float64 tensor."""
    return torch.tensor(values, dtype=torch.float64)


class Encoder(unittest.TestCase):
    def test_haar_of_1_2_3_4_is_5_minus1_minus2_0(self):
        bands = haar_analysis(tensor([1, 2], [3, 4])[None, None], "orthonormal")
        self.assertEqual(bands.flatten().tolist(), [5, -1, -2, 0])
        self.assertEqual(
            haar_analysis(tensor([1, 2], [3, 4])[None, None], "irn").flatten().tolist(), [2.5, -0.5, -1, 0]
        )

    def test_haar_bands_are_the_slow_channel_index(self):
        x = torch.stack((tensor([1, 2], [3, 4]), tensor([10, 20], [30, 40])))[None]
        self.assertEqual(haar_analysis(x, "orthonormal").flatten().tolist(), [5, 50, -1, -10, -2, -20, 0, 0])

    def test_untrained_encoder_is_the_plain_haar_pyramid(self):
        network = Network(Architecture(**SMALL | {"s_rev": 4}))
        start_training_weights(network)
        x = torch.randn(1, 1, 32, 48)
        with torch.no_grad():
            outputs = network.encoder(x)
        for y in outputs:
            x = haar_analysis(x, "orthonormal")
            torch.testing.assert_close(y, x, rtol=0, atol=0)

    def test_coupling_is_undone_by_the_published_inverse(self):
        for keys in (SMALL, SMALL | {"split": "irn", "clamp": 0.5}, SMALL | {"subnet": "dense"}):
            block = InvBlock(Architecture(**keys), 2).double()
            random_parameters(block, torch.Generator().manual_seed(0))
            block = block.double()
            x = torch.randn(1, 16, 8, 8, dtype=torch.float64)
            with torch.no_grad():
                y = block(x)
                low, high = y[:, : block.low], y[:, block.low :]
                psi = block.clamp * (2 * torch.sigmoid(block.eta(low)) - 1)
                high = (high - block.rho(low)) * torch.exp(-psi)
                low = low - block.phi(high)
            torch.testing.assert_close(torch.cat((low, high), 1), x, rtol=0, atol=1e-10)


class Shapes(unittest.TestCase):
    def test_profile_b_with_the_plain_mask_head_has_the_published_size(self):
        network = Network(dataclasses.replace(PROFILES["b"], mask_head="plain"))
        self.assertAlmostEqual(sum(p.numel() for p in network.parameters()) / 1e6, 1.01, delta=0.005)
        self.assertAlmostEqual(count_macs(network, 256, 256)["total"] / 1e9, 1.09, delta=0.005)
        self.assertAlmostEqual(count_macs(network, 512, 512)["total"] / 1e9, 4.35, delta=0.006)

    def test_above_weight_is_conv1x1_of_space_to_depth(self):
        above = Network(Architecture(**SMALL)).neck.node2.above
        y = torch.randn(1, 4, 8, 12)
        # pixel_unshuffle orders channels as (c, dy, dx), the order of the weight's last three axes.
        flat = F.conv2d(F.pixel_unshuffle(y, 2), above.weight.flatten(1)[:, :, None, None])
        torch.testing.assert_close(above(y), flat)

    def test_outputs_are_at_half_and_full_resolution(self):
        outputs = Network(PROFILES["s"]).eval()(torch.zeros(1, 1, 32, 48))
        shapes = {name: tuple(value.shape[1:]) for name, value in outputs.items()}
        self.assertEqual(shapes, {"heat": (1, 16, 24), "off": (2, 16, 24), "size": (2, 16, 24), "mask": (1, 32, 48)})

    def test_size_not_in_multiples_of_16_is_refused(self):
        with self.assertRaises(ValueError):
            Network(PROFILES["s"])(torch.zeros(1, 1, 32, 40))


class Losses(unittest.TestCase):
    def test_heat_loss_of_even_odds_has_closed_form(self):
        target = tensor([1.0, 0.5])
        wanted = -(0.25 * math.log(0.5) + 0.5**4 * 0.25 * math.log(0.5)) / 2
        self.assertAlmostEqual(heat_loss(tensor([0.0, 0.0]), target, 2).item(), wanted, places=12)

    def test_batch_without_targets_has_finite_loss_and_zero_centre_terms(self):
        targets = encode([], 2, 32, 48, torch.float64)
        network = Network(Architecture(**SMALL)).double().eval()
        parts = detection_loss(network(torch.randn(2, 1, 32, 48).double()), targets)
        self.assertEqual((parts["off"].item(), parts["size"].item()), (0, 0))
        self.assertTrue(math.isfinite(parts["total"].item()))

    def test_centre_loss_is_the_mean_over_targets_of_the_l1_norm(self):
        targets = Targets(None, torch.tensor([0, 0]), torch.tensor([0, 1]), torch.tensor([1, 0]), None, None, None)
        output = tensor([[[0, 1], [2, 0]], [[0, 3], [5, 0]]])
        self.assertEqual(centre_loss(output, targets, tensor([0, 0], [0, 0])).item(), (1 + 3 + 2 + 5) / 2)

    def test_mask_loss_of_even_odds_has_closed_form(self):
        target = torch.zeros(2, 1, 2, 2, dtype=torch.float64)
        target[0, 0, 0, 0] = 1
        soft_iou = ((0.5 + 1) / (2 + 1 - 0.5 + 1) + (0 + 1) / (2 + 0 + 1)) / 2
        wanted = 1 - soft_iou + math.log(2)
        self.assertAlmostEqual(mask_loss(torch.zeros_like(target), target).item(), wanted, places=12)

    def test_target_of_a_2x3_box_sits_in_its_centre_cell(self):
        targets = encode([(0, 5, 4, 7, 7)], 1, 16, 16, torch.float64)
        # Centre (6, 5.5) px = (3, 2.75) cells.
        self.assertEqual((targets.col.item(), targets.row.item()), (3, 2))
        self.assertEqual(targets.off.tolist(), [[0.0, 0.75]])
        self.assertEqual(targets.heat[0, 0, 2, 3].item(), 1)
        self.assertAlmostEqual(targets.heat[0, 0, 2, 4].item(), math.exp(-1 / (2 * 0.8**2)), places=12)
        self.assertEqual(targets.size[0].tolist(), [0.0, math.log(1.5)])


if __name__ == "__main__":
    unittest.main()
