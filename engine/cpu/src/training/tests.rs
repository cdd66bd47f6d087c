use super::{Reach, Statistics, Trainer};
use crate::Engine;
use invdet_net::arch::build;
use invdet_net::config::NetworkConfig;
use invdet_net::weights::Weights;

#[test]
fn padding_stays_zero_through_forward_and_backward() {
    let graph = build(&NetworkConfig::named("s").unwrap()).unwrap();
    let engine = Engine::new(2);
    let mut weights = Weights::neutral(&graph);
    for (i, t) in weights.tensors.iter_mut().enumerate() {
        t.iter_mut()
            .enumerate()
            .for_each(|(k, w)| *w += ((k * 7 + i * 3) % 11) as f32 * 0.02 - 0.1);
    }
    // 48 pixels: three at the deepest stage, so every row has a tail.
    let mut trainer = Trainer::new(&graph, Reach::Input, 2, 48, 48);
    let values: Vec<f32> = (0..2 * 48 * 48).map(|i| (i % 13) as f32 - 6.0).collect();
    trainer.input_mut().fill_from(&values);
    trainer.forward(&engine, &mut weights, Statistics::Batch);
    let o = trainer.outputs();
    for view in [o.heat, o.mask] {
        let planes = trainer.output_gradient_mut(view);
        for c in 0..planes.channels() {
            for n in 0..2 {
                for y in 0..planes.geometry().h {
                    planes.row_mut(n, c, y).fill(0.01);
                }
            }
        }
    }
    trainer.backward(&engine, &weights, Statistics::Batch);
    assert!(trainer.padding_is_zero());
    assert!(trainer.gradients().iter().flatten().all(|g| g.is_finite()));
}
