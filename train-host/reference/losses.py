"""The detection loss L_det (algorithm.md 5.1).

In:  the four head outputs and the targets of a batch (`Targets`).
Out: the four parts and their weighted sum, scalars.
N counts the targets of the whole batch; a batch without targets has L_off = L_size = 0 and N = 1 in L_heat.
"""

import dataclasses

import torch
from torch.nn import functional as F

WEIGHTS = {"heat": 1.0, "off": 1.0, "size": 0.5, "mask": 1.0}


@dataclasses.dataclass
class Targets:
    """Targets of a batch; K targets over all images, cells of stride 2."""

    heat: torch.Tensor  # (B, 1, H/2, W/2), exactly 1 at centre cells
    image: torch.Tensor  # (K,) long, index into the batch
    row: torch.Tensor  # (K,) long, centre cell
    col: torch.Tensor  # (K,) long, centre cell
    off: torch.Tensor  # (K, 2) (dx, dy) in cells
    size: torch.Tensor  # (K, 2) (ln(w/2), ln(h/2))
    mask: torch.Tensor  # (B, 1, H, W), 0 or 1


def heat_loss(logits, target, count):
    """Focal loss of CenterNet with alpha 2, beta 4, over `count` targets; log-sigmoid keeps it finite."""
    p = torch.sigmoid(logits)
    positive = (1 - p) ** 2 * F.logsigmoid(logits)
    negative = (1 - target) ** 4 * p**2 * F.logsigmoid(-logits)
    return -torch.where(target == 1, positive, negative).sum() / max(count, 1)


def centre_loss(output, targets, wanted):
    """Mean over the K targets of the L1 norm at their centre cells; `output` (B, 2, H/2, W/2), `wanted` (K, 2)."""
    found = output[targets.image, :, targets.row, targets.col]
    return (found - wanted).abs().sum() / max(len(wanted), 1)


def mask_loss(logits, target):
    """1 - softIoU per image with smooth 1, averaged over images, plus the mean binary cross-entropy."""
    p = torch.sigmoid(logits)
    common = (p * target).sum(dim=(1, 2, 3))
    union = p.sum(dim=(1, 2, 3)) + target.sum(dim=(1, 2, 3)) - common
    soft_iou = (common + 1) / (union + 1)
    return (1 - soft_iou).mean() + F.binary_cross_entropy_with_logits(logits, target)


def detection_loss(outputs, targets):
    """{"heat", "off", "size", "mask", "total"} -> scalar; the parts are unweighted."""
    parts = {
        "heat": heat_loss(outputs["heat"], targets.heat, len(targets.image)),
        "off": centre_loss(outputs["off"], targets, targets.off),
        "size": centre_loss(outputs["size"], targets, targets.size),
        "mask": mask_loss(outputs["mask"], targets.mask),
    }
    parts["total"] = sum(WEIGHTS[name] * value for name, value in parts.items())
    return parts


def encode(boxes, batch, height, width, dtype=torch.float32):
    """Targets of `boxes`, rows (image, xmin, ymin, xmax, ymax) in pixels, max exclusive; the mask is the boxes.

    Heat Y = max_k exp(-(du^2/(2 sx^2) + dv^2/(2 sy^2))), s = max(0.8, size in cells / 4), from the centre cell (2.4).
    """
    boxes = torch.as_tensor(boxes, dtype=torch.float64).reshape(-1, 5)
    image = boxes[:, 0].long()
    extent = boxes[:, 3:5] - boxes[:, 1:3]
    centre = (boxes[:, 1:3] + boxes[:, 3:5]) / 4
    cell = centre.floor()
    sigma = (extent / 2 / 4).clamp_min(0.8)
    heat = torch.zeros(batch, 1, height // 2, width // 2, dtype=torch.float64)
    mask = torch.zeros(batch, 1, height, width, dtype=dtype)
    rows = torch.arange(height // 2).double()[:, None]
    cols = torch.arange(width // 2).double()[None, :]
    for k, i in enumerate(image.tolist()):
        exponent = (cols - cell[k, 0]) ** 2 / (2 * sigma[k, 0] ** 2) + (rows - cell[k, 1]) ** 2 / (2 * sigma[k, 1] ** 2)
        heat[i, 0] = torch.maximum(heat[i, 0], torch.exp(-exponent))
        x0, y0, x1, y1 = boxes[k, 1:].long().tolist()
        mask[i, 0, y0:y1, x0:x1] = 1
    return Targets(
        heat=heat.to(dtype), image=image, row=cell[:, 1].long(), col=cell[:, 0].long(),
        off=(centre - cell).to(dtype), size=torch.log(extent / 2).to(dtype), mask=mask,
    )  # fmt: skip
