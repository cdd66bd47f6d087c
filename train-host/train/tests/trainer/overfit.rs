//! The trainer can learn: four images by heart.

use crate::blobs;
use invdet_data::Augment;
use invdet_metrics::Criterion;
use invdet_train::optim::OptimizerConfig;
use invdet_train::run::{Run, RunData};
use invdet_train::validation::ValidationPass;

#[test]
fn four_images_are_learned_by_heart_and_their_targets_found_within_a_pixel() {
    let folder = tempfile::tempdir().unwrap();
    let set = blobs::write_set(folder.path(), 4, 1);
    let epochs = 300;
    let mut config = blobs::config(&set, epochs);
    config.augment = Augment::plain(blobs::SIDE);
    config.optimizer = OptimizerConfig {
        lr: 1e-2,
        warmup_epochs: 10.0,
        ema: 0.98,
        ..config.optimizer
    };
    config.freeze_norm = 0.1;
    let data = RunData::load(&config).unwrap();
    assert_eq!(data.train.len(), 4);
    let mut run = Run::new(config, None, 1).unwrap();
    let mut losses = Vec::new();
    for _ in 0..epochs {
        run.epoch(&data.train, |step| losses.push(step.loss.total))
            .unwrap();
    }
    let last = losses.iter().rev().take(10).sum::<f64>() / 10.0;
    eprintln!(
        "loss {:.3} to {last:.4} in {} steps",
        losses[0],
        losses.len()
    );
    assert!(
        last < losses[0] / 10.0,
        "loss {} fell to {last} only",
        losses[0]
    );

    // On the images it has learned, through the detector of the runtime.
    let model = run.model("blobs", 0.5);
    let pass = ValidationPass::run(&model, &data.train, 1, epochs).unwrap();
    for (sample, prediction) in data.train.iter().zip(&pass.predictions) {
        for target in &sample.targets {
            let nearest = prediction
                .detections
                .iter()
                .filter(|d| d.score >= pass.scores.threshold)
                .map(|d| (d.x - target.x).hypot(d.y - target.y))
                .fold(f32::INFINITY, f32::min);
            assert!(
                nearest < 1.0,
                "{}: target {target:?} is {nearest} px off",
                sample.name
            );
        }
    }
    let counts = pass.curve(Criterion::Center3Px).at(pass.scores.threshold);
    assert_eq!((counts.tp, counts.fp, counts.fn_), (8, 0, 0));
    assert!(pass.scores.iou > 80.0, "mask IoU {}", pass.scores.iou);
}
