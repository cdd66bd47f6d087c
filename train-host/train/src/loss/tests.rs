use super::{
    Cell, DetectionLoss, LossWeights, Overlap, SoftIou, Truth, heat_target, mask_gradient,
};
use invdet_cpu::planes::Planes;
use invdet_cpu::pool::Pool;
use invdet_cpu::training::{Reach, Trainer};
use invdet_data::Target;
use invdet_net::arch::build;
use invdet_net::config::NetworkConfig;
use invdet_net::graph::View;
use invdet_net::weights::floats;
use safetensors::SafeTensors;

fn write(planes: &mut Planes, view: View, values: &[f32]) {
    let (h, w) = (planes.geometry().h, planes.geometry().w);
    for (i, row) in values.chunks_exact(w).enumerate() {
        planes
            .row_mut(
                i / (view.channels * h),
                view.first + i / h % view.channels,
                i % h,
            )
            .copy_from_slice(row);
    }
}

fn read(planes: &Planes, view: View) -> Vec<f32> {
    let mut values = Vec::new();
    for n in 0..planes.images() {
        for c in view.first..view.first + view.channels {
            (0..planes.geometry().h).for_each(|y| values.extend_from_slice(planes.row(n, c, y)));
        }
    }
    values
}

/// `tests/golden/network/losses.safetensors`: two images, one without a target, by an independent PyTorch program.
#[test]
fn loss_and_gradients_equal_pytorch() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/golden/network/losses.safetensors"
    );
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let get = |name: &str| floats(file.tensor(name).unwrap().data());
    let (height, width) = (32, 48);
    let graph = build(&NetworkConfig::named("s").unwrap()).unwrap();
    let mut trainer = Trainer::new(&graph, Reach::Encoder, 2, height, width);
    let o = trainer.outputs();
    let heads = [
        ("heat", o.heat),
        ("off", o.off),
        ("size", o.size),
        ("mask", o.mask),
    ];
    for (name, view) in heads {
        write(
            trainer.activation_mut(view),
            view,
            &get(&format!("output/{name}")),
        );
    }
    let mut truths = vec![
        Truth {
            targets: Vec::new(),
            mask: vec![0; height * width],
            ..Truth::default()
        };
        2
    ];
    let masks = get("target/mask");
    for (n, t) in truths.iter_mut().enumerate() {
        t.mask = masks[n * height * width..][..height * width]
            .iter()
            .map(|m| *m as u8)
            .collect();
    }
    for b in get("boxes").chunks_exact(5) {
        truths[b[0] as usize].targets.push(Target {
            x: (b[1] + b[3]) / 2.0,
            y: (b[2] + b[4]) / 2.0,
            w: b[3] - b[1],
            h: b[4] - b[2],
            area: 1,
        });
    }
    let heat = get("target/heat");
    for (n, t) in truths.iter().enumerate() {
        let cells: Vec<Cell> = t
            .targets
            .iter()
            .filter_map(|t| Cell::of(t, width / 2, height / 2))
            .collect();
        let mut got = Vec::new();
        heat_target(&cells, width / 2, height / 2, &mut got);
        for (g, w) in got.iter().zip(&heat[n * got.len()..]) {
            assert!((g - w).abs() < 1e-5, "heat target {g} against {w}");
        }
    }
    let parts =
        DetectionLoss::new(LossWeights::default()).run(&Pool::new(2), &mut trainer, &truths);
    for (name, got) in [
        ("heat", parts.heat),
        ("off", parts.off),
        ("size", parts.size),
        ("mask", parts.mask),
        ("total", parts.total),
    ] {
        let want = f64::from(get(&format!("loss/{name}"))[0]);
        assert!(
            (got - want).abs() < 1e-5 * want.abs().max(1.0),
            "{name}: {got} against {want}"
        );
    }
    for (name, view) in heads {
        let want = get(&format!("grad/{name}"));
        let got = read(trainer.output_gradient_mut(view), view);
        let scale = want.iter().fold(1e-3f32, |m, x| m.max(x.abs()));
        for (g, w) in got.iter().zip(&want) {
            assert!(
                (g - w).abs() < 1e-5 * scale,
                "gradient of {name}: {g} against {w}"
            );
        }
    }
}

#[test]
fn saturated_logits_give_finite_losses() {
    let graph = build(&NetworkConfig::named("s").unwrap()).unwrap();
    let mut trainer = Trainer::new(&graph, Reach::Encoder, 1, 16, 16);
    let o = trainer.outputs();
    for (view, value) in [(o.heat, 200.0), (o.mask, -200.0)] {
        let planes = trainer.activation_mut(view);
        (0..planes.geometry().h).for_each(|y| planes.row_mut(0, view.first, y).fill(value));
    }
    let mut truth = Truth {
        targets: vec![Target {
            x: 8.0,
            y: 8.0,
            w: 3.0,
            h: 3.0,
            area: 9,
        }],
        mask: vec![0; 256],
        ..Truth::default()
    };
    truth.mask[8 * 16 + 8] = 1;
    let parts = DetectionLoss::default().run(&Pool::new(1), &mut trainer, &[truth]);
    assert!(parts.total.is_finite() && parts.total > 1.0, "{parts:?}");
    let gradient = trainer.output_gradient_mut(o.heat);
    assert!((0..8).all(|y| {
        gradient
            .row(0, o.heat.first, y)
            .iter()
            .all(|g| g.is_finite())
    }));
}

/// Two pixels, logits 0 and ln 3, one target: p = 0.5 and 0.75, common 0.75, union 1.5.
#[test]
fn mask_loss_by_hand() {
    let (mut logits, mask) = ([0.0, 3.0f32.ln()], [0, 1]);
    let overlap = Overlap::of(&logits, &mask);
    assert!((overlap.soft_iou() - 1.75 / 2.5).abs() < 1e-7);
    assert!((overlap.entropy - 2.0f64.ln() + 0.75f64.ln()).abs() < 1e-6);
    mask_gradient(&mut logits, &mask, 2.0, &overlap, [0.25, 0.25]);
    let outside = 2.0 * 0.25 * (1.75 / 6.25 * 0.25 + 0.5 * 0.5);
    let inside = 2.0 * 0.25 * (-1.0 / 2.5 * 0.1875 - 0.5 * 0.25);
    for (got, want) in logits.into_iter().zip([outside, inside]) {
        assert!((f64::from(got) - want).abs() < 1e-7, "{got} against {want}");
    }
    let mut twice = overlap;
    twice.add(&overlap);
    assert!(
        (twice.soft_iou() - 2.5 / 4.0).abs() < 1e-7,
        "sums come before the quotient"
    );
}

/// Over a batch, the gradient is that of the loss: central differences on the logits of two images.
#[test]
fn soft_iou_of_the_batch_has_its_gradient() {
    let graph = build(&NetworkConfig::named("s").unwrap()).unwrap();
    let mut trainer = Trainer::new(&graph, Reach::Encoder, 2, 16, 16);
    let o = trainer.outputs();
    let logits: Vec<f32> = (0..512)
        .map(|i| ((i * 7 % 23) as f32 - 11.0) * 0.2)
        .collect();
    let truths: Vec<Truth> = [20, 3]
        .map(|targets| Truth {
            mask: (0..256)
                .map(|i| u8::from(i % 11 == 5 && i < 11 * targets))
                .collect(),
            ..Truth::default()
        })
        .into();
    let mut loss = DetectionLoss::new(LossWeights {
        soft_iou: SoftIou::Batch,
        ..LossWeights::default()
    });
    let mut at = |trainer: &mut Trainer, logits: &[f32]| {
        write(trainer.activation_mut(o.mask), o.mask, logits);
        loss.run(&Pool::new(2), trainer, &truths).mask
    };
    at(&mut trainer, &logits);
    let gradient = read(trainer.output_gradient_mut(o.mask), o.mask);
    for i in [5, 6, 16, 200, 261, 300] {
        let mut moved = |step: f32| {
            let mut moved = logits.clone();
            moved[i] += step;
            at(&mut trainer, &moved)
        };
        let difference = (moved(0.05) - moved(-0.05)) / 0.1;
        let got = f64::from(gradient[i]);
        assert!(
            (difference - got).abs() < 2e-3 * got.abs() + 1e-7,
            "{difference} against {got}"
        );
    }
}

#[test]
fn image_labelled_with_boxes_has_no_mask_loss_and_takes_none_from_the_others() {
    let graph = build(&NetworkConfig::named("s").unwrap()).unwrap();
    let run = |truths: &[Truth]| {
        let mut trainer = Trainer::new(&graph, Reach::Encoder, truths.len(), 16, 16);
        let o = trainer.outputs();
        for n in 0..truths.len() {
            let planes = trainer.activation_mut(o.mask);
            (0..16).for_each(|y| planes.row_mut(n, o.mask.first, y).fill(0.5));
        }
        let parts = DetectionLoss::default().run(&Pool::new(1), &mut trainer, truths);
        let gradient = trainer.output_gradient_mut(o.mask);
        let all_zero =
            |n| (0..16).all(|y| gradient.row(n, o.mask.first, y).iter().all(|g| *g == 0.0));
        (
            parts.mask,
            (0..truths.len()).map(all_zero).collect::<Vec<_>>(),
        )
    };
    let masked = Truth {
        mask: vec![0; 256],
        ..Truth::default()
    };
    let boxed = Truth::default();
    let (alone, _) = run(std::slice::from_ref(&masked));
    assert_eq!(run(&[masked, boxed.clone()]), (alone, vec![false, true]));
    assert_eq!(run(&[boxed]), (0.0, vec![true]));
}
