//! MMFB (one node per stage over its neighbours) and the decoder that climbs back to half resolution.

use super::{Builder, Layer};
use crate::config::{Mmfb, NetworkConfig, Recursion, STAGES};
use crate::graph::{ConvKind, Group, Op, View};

const GROUP: Group = Group::Neck;

/// `P_1 .. P_4` from `Y_1 .. Y_4`.
pub(super) fn fuse(
    b: &mut Builder,
    config: &NetworkConfig,
    stages: &[View; STAGES],
) -> [View; STAGES] {
    std::array::from_fn(|i| {
        let name = format!("neck.node{}", i + 1);
        let (level, d) = (b.level(stages[i]), config.neck[i]);
        let above = i.checked_sub(1).map(|i| stages[i]);
        let below = stages.get(i + 1).copied();
        let m = match config.mmfb {
            Mmfb::Node => {
                let parts = 1 + usize::from(above.is_some()) + usize::from(below.is_some());
                let joined = b.tensor(&format!("{name}.joined"), parts * d, level);
                let mut filled = 0;
                let mut next = || {
                    filled += d;
                    joined.slice(filled - d, d)
                };
                if let Some(y) = above {
                    b.conv(
                        &format!("{name}.above"),
                        GROUP,
                        Layer::plain(ConvKind::Fold2),
                        y,
                        next(),
                    );
                }
                b.conv(
                    &format!("{name}.same"),
                    GROUP,
                    Layer::plain(ConvKind::Pointwise),
                    stages[i],
                    next(),
                );
                if let Some(y) = below {
                    from_below(b, &name, y, next());
                }
                let merged = b.tensor(&format!("{name}.merge"), d, level);
                b.conv(
                    &format!("{name}.merge"),
                    GROUP,
                    Layer::plain(ConvKind::Pointwise),
                    joined,
                    merged,
                );
                merged
            }
            Mmfb::Sum => {
                let mut sum = None;
                if let Some(y) = below {
                    let up = b.tensor(&format!("{name}.up"), d, level);
                    from_below(b, &name, y, up);
                    sum = Some(up);
                }
                let with = b.tensor(&format!("{name}.same"), d, level);
                let layer = Layer {
                    residual: sum,
                    ..Layer::plain(ConvKind::Pointwise)
                };
                b.conv(&format!("{name}.same"), GROUP, layer, stages[i], with);
                if let Some(y) = above {
                    let all = b.tensor(&format!("{name}.above"), d, level);
                    let layer = Layer {
                        residual: Some(with),
                        ..Layer::plain(ConvKind::Fold2)
                    };
                    b.conv(&format!("{name}.above"), GROUP, layer, y, all);
                    all
                } else {
                    with
                }
            }
        };
        let m = b.norm(&format!("{name}.merge_bn"), GROUP, m, None);
        let scales = b.tensor(&format!("{name}.scales"), 2 * d, level);
        for (k, size) in [3, 5].into_iter().enumerate() {
            let shape = vec![d, 1, size, size];
            let weight = b.param(
                format!("{name}.dw{size}.weight"),
                shape,
                crate::graph::Role::Weight,
                GROUP,
            );
            b.ops.push(Op::Depthwise {
                input: m,
                output: scales.slice(k * d, d),
                weight,
                size,
            });
        }
        let projected = b.tensor(&format!("{name}.project"), d, level);
        b.conv(
            &format!("{name}.project"),
            GROUP,
            Layer::plain(ConvKind::Pointwise),
            scales,
            projected,
        );
        b.norm(&format!("{name}.project_bn"), GROUP, projected, Some(m))
    })
}

/// 1x1 convolution of the deeper stage, then nearest up-sampling.
fn from_below(b: &mut Builder, name: &str, y: View, output: View) {
    let small = b.tensor(&format!("{name}.below"), output.channels, b.level(y));
    b.conv(
        &format!("{name}.below"),
        GROUP,
        Layer::plain(ConvKind::Pointwise),
        y,
        small,
    );
    b.ops.push(Op::Upsample {
        input: small,
        output,
    });
}

/// `F_s = ReLU(BN(Conv3x3(P_s + ConvT2x2(F_{s+1}))))`, `F_4 = P_4`; writes `F_1` into `f1`.
pub(super) fn decode(b: &mut Builder, config: &NetworkConfig, fused: &[View; STAGES], f1: View) {
    let first = match config.decoder_recursion {
        Recursion::F => STAGES - 1,
        // Only P_1 and P_2 reach F_1.
        Recursion::P => 1,
    };
    let mut f = fused[first];
    for i in (0..first).rev() {
        let name = format!("decoder.stage{}", i + 1);
        let (level, d) = (b.level(fused[i]), config.neck[i]);
        let sum = b.tensor(&format!("{name}.sum"), d, level);
        let up = Layer {
            residual: Some(fused[i]),
            ..Layer::plain(ConvKind::Unfold2)
        };
        b.conv(&format!("{name}.up"), GROUP, up, f, sum);
        let conv = b.tensor(&format!("{name}.conv"), d, level);
        b.conv(
            &format!("{name}.conv"),
            GROUP,
            Layer::plain(ConvKind::Same3),
            sum,
            conv,
        );
        let bn = format!("{name}.bn");
        f = if i == 0 {
            b.norm_into(&bn, GROUP, conv, f1, None);
            f1
        } else {
            b.norm(&bn, GROUP, conv, None)
        };
    }
}
