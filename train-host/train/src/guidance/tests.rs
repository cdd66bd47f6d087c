use super::tarm::{LatentMaps, LpGain, TarmConfig};
use super::*;
use crate::optim::initial_weights;
use invdet_cpu::Engine;
use invdet_cpu::training::{Reach, Statistics, Trainer};
use invdet_data::Target;
use invdet_net::arch::{build, build_with_reconstruction};
use invdet_net::config::NetworkConfig;
use invdet_net::graph::{Group, Role};
use invdet_net::weights::Weights;
use pairing::{Matching, predictions};

fn target(x: f32, y: f32, w: f32, h: f32) -> Target {
    Target {
        x,
        y,
        w,
        h,
        area: (w * h) as u32,
    }
}

fn close(got: f32, want: f64) {
    assert!(
        (f64::from(got) - want).abs() < 1e-5 * want.abs().max(1.0),
        "{got} against {want}"
    );
}

#[test]
fn the_ramp_is_a_cosine_between_its_ends() {
    let t = TarmConfig::default();
    for (progress, want) in [
        (0.0, 0.0),
        (0.05, 0.0),
        (0.10, 0.5 * (1.0 - (std::f64::consts::PI * 0.25).cos())),
        (0.15, 0.5),
        (0.25, 1.0),
        (1.0, 1.0),
    ] {
        close(t.ramp(progress), want);
    }
    let step = TarmConfig { de: 0.0, ..t };
    assert_eq!((step.ramp(0.04), step.ramp(0.05)), (0.0, 1.0));
}

/// W = 1/4 at r = 1/2: gain 0.2 / 2 * 1/2, gate (1/4)^(1/2), boost 0.1 / 4.
#[test]
fn modulation_maps_by_hand() {
    let t = TarmConfig::default();
    let mut maps = LatentMaps::default();
    maps.fill(&t, 0.5, &[0.25]);
    close(maps.low[0][0], 1.05);
    close(maps.low[1][0], 0.0);
    close(maps.high[0][0], 0.525);
    close(maps.high[1][0], 0.025);
    let other = TarmConfig {
        lp_gain: LpGain::Centered,
        hb_ramp: true,
        theta: 2.0,
        hb_k: 3.0,
        ..t
    };
    maps.fill(&other, 0.5, &[0.25]);
    close(maps.low[0][0], 1.05);
    close(maps.low[1][0], 0.05);
    close(maps.high[0][0], 0.25 + 0.0375);
    close(maps.high[1][0], 0.0375);
}

#[test]
fn maps_are_neutral_before_the_ramp_and_finite_for_any_weight() {
    let still = TarmConfig {
        delta: 0.0,
        ..TarmConfig::default()
    };
    let weights = [0.0, 1e-9, 0.02, 1.0, 7.0, -1.0, f32::NAN, f32::INFINITY];
    let mut maps = LatentMaps::default();
    maps.fill(&still, 0.0, &weights);
    assert_eq!(maps.low, [vec![1.0; 8], vec![0.0; 8]]);
    assert_eq!(maps.high, [vec![1.0; 8], vec![0.0; 8]]);
    maps.fill(&TarmConfig::default(), 1.0, &weights);
    for map in maps.low.iter().chain(&maps.high).flatten() {
        assert!((0.0..=1.3).contains(map), "{map}");
    }
    // Background at full strength.
    close(maps.high[0][2], 0.02 + 0.1 * 0.02);
    close(maps.low[0][2], 1.0 + 0.2 * 0.02f64.sqrt());
}

#[test]
fn the_tolerance_map_peaks_at_targets_and_pooling_keeps_the_peaks() {
    let config = GctmConfig::default();
    let mut map = Tolerance::default();
    let targets = [target(8.5, 4.5, 1.0, 1.0), target(24.0, 8.0, 8.0, 4.0)];
    map.draw(&config, [32, 16], &targets, &[0.9, 0.1], 0.5);
    let at = |x: usize, y: usize| map.full()[y * 32 + x];
    close(at(8, 4), 0.9);
    // One pixel off at a deviation of 1.
    close(at(9, 4), 0.9 * (-0.5f64).exp());
    // The floor holds the bad score up: half a pixel off, deviations 4 and 2.
    close(
        at(24, 8),
        0.5 * (-0.5f64 * (0.25 / 16.0 + 0.25 / 4.0)).exp(),
    );
    close(at(0, 15), 0.02);
    let pooled = map.pooled(2);
    assert_eq!(pooled.len(), 8 * 4);
    close(pooled[8 + 2], 0.9);
    close(pooled[3 * 8], 0.02);

    map.draw(&config, [32, 16], &[], &[], 0.5);
    assert!(map.full().iter().all(|w| *w == 0.02));
    let wild = [target(-3.0, 900.0, 500.0, 0.0), target(0.0, 0.0, 1.0, 1.0)];
    map.draw(&config, [32, 16], &wild, &[f32::NAN, 2.0], 0.0);
    assert!(map.full().iter().all(|w| (0.0..=1.0).contains(w)));
    let inverse = GctmConfig {
        weight: gctm::Weight::Inverse,
        ..config
    };
    map.draw(&inverse, [32, 16], &targets[..1], &[0.9], 0.0);
    close(map.full()[4 * 32 + 8], 0.1);
}

const SIDE: usize = 64;

/// Weights as after some training: no layer at zero.
fn weights(graph: &invdet_net::graph::Graph) -> Weights {
    let mut weights = initial_weights(graph, 5);
    for (i, (param, values)) in graph.params.iter().zip(&mut weights.tensors).enumerate() {
        if param.role == Role::ZeroWeight {
            let wave = |k: usize| 0.05 * ((k * 37 + i * 11) as f32).sin();
            values
                .iter_mut()
                .enumerate()
                .for_each(|(k, w)| *w = wave(k));
        }
    }
    weights
}

fn batch(trainer: &mut Trainer) -> Vec<Truth> {
    let pixel = |i: usize| {
        let (x, y) = (i % SIDE, i / SIDE % SIDE);
        let bright = (30..34).contains(&x) && (20..23).contains(&y) && i < SIDE * SIDE;
        0.3 * ((x * 3 + y * 5) as f32).sin() + if bright { 4.0 } else { 0.0 }
    };
    let values: Vec<f32> = (0..2 * SIDE * SIDE).map(pixel).collect();
    trainer.input_mut().fill_from(&values);
    let mut truths = vec![
        Truth {
            targets: Vec::new(),
            mask: vec![0; SIDE * SIDE],
            grey: [10.0, 100.0],
        };
        2
    ];
    truths[0].targets.push(target(32.0, 21.5, 4.0, 3.0));
    truths
}

#[test]
fn pairing_takes_the_highest_cell_nearby_and_gives_a_shared_one_to_the_nearer() {
    let graph = build(&NetworkConfig::named("s").unwrap()).unwrap();
    let mut trainer = Trainer::new(&graph, Reach::Encoder, 1, SIDE, SIDE);
    let o = trainer.outputs();
    let heat = trainer.activation_mut(o.heat);
    for y in 0..SIDE / 2 {
        heat.row_mut(0, o.heat.first, y).fill(-9.0);
    }
    heat.row_mut(0, o.heat.first, 10)[15] = 2.0;
    heat.row_mut(0, o.heat.first, 28)[28] = 9.0;
    let targets = [
        target(32.5, 21.5, 2.0, 2.0),
        target(33.5, 22.5, 2.0, 2.0),
        target(5.0, 5.0, 2.0, 2.0),
    ];
    let found = predictions(HeadPlanes::of(&trainer), 0, &targets, Matching::LocalPeak);
    let first = found[0].unwrap();
    assert_eq!((first.x, first.y), (30.0, 20.0));
    assert_eq!(found[1], None, "the cell belongs to the nearer target");
    assert!(found[2].is_some(), "there is always a highest cell");
    let found = predictions(HeadPlanes::of(&trainer), 0, &targets, Matching::Hungarian);
    assert_eq!(
        found.iter().flatten().count(),
        1,
        "one peak is near a target"
    );
    assert_eq!(found[2], None);
    assert!(predictions(HeadPlanes::of(&trainer), 0, &[], Matching::Hungarian).is_empty());
}

#[test]
fn the_reconstruction_loss_is_the_weighted_mean_and_has_its_gradient() {
    let config = ReconstructionConfig {
        encoder_grad: EncoderGrad::Dual,
        ..ReconstructionConfig::default()
    };
    let tarm = TarmConfig::default();
    let network = NetworkConfig::named("s").unwrap();
    let graph = build_with_reconstruction(&network, inverse_config(&config, &tarm)).unwrap();
    let mut trainer = Trainer::new(&graph, Reach::Encoder, 2, SIDE, SIDE);
    let truths = batch(&mut trainer);
    let engine = Engine::new(2);
    let mut weights = weights(&graph);
    let mut guidance = Guidance::new(&config, tarm, GctmConfig::default());
    trainer.forward(&engine, &mut weights, Statistics::Frozen);
    guidance.prepare(engine.pool(), &mut trainer, &truths, 1.0);
    trainer.reconstruct(&engine, &weights);
    let report = guidance.loss(engine.pool(), &mut trainer, &truths);
    assert!((0.0..=1.0).contains(&report.score));

    let path = graph.reconstruction.clone().unwrap();
    let (rec, input) = (
        trainer.activation(path.output).to_dense(),
        trainer.activation(graph.input).to_dense(),
    );
    let image = guidance.images[0].get_mut().unwrap();
    let om: Vec<f64> = image
        .weight
        .full()
        .iter()
        .map(|w| 0.05 + 0.95 * f64::from(*w))
        .collect();
    let error = |i: usize| f64::from(rec[i] - input[i]).abs();
    let sum: f64 = (0..SIDE * SIDE).map(|i| om[i] * error(i)).sum();
    let want = sum / om.iter().sum::<f64>();
    assert!(want > 0.01, "modulation leaves an error: {want}");
    assert!(
        (report.loss - want).abs() < 1e-6,
        "{report:?} against {want}"
    );
    let total: f64 = om.iter().sum();
    let gradient = trainer.reconstruction_gradient_mut().unwrap().to_dense();
    for i in 0..SIDE * SIDE {
        let want = om[i] / total * f64::from((rec[i] - input[i]).signum());
        assert!((f64::from(gradient[i]) - want).abs() < 1e-8);
    }
    assert!(
        gradient[SIDE * SIDE..].iter().all(|g| *g == 0.0),
        "an image without target has no reconstruction loss"
    );

    trainer.backward_reconstruction(&engine, &weights);
    for (param, g) in graph.params.iter().zip(trainer.reconstruction_gradients()) {
        let moved = g.iter().any(|g| *g != 0.0);
        assert_eq!(moved, param.group == Group::Invertible, "{}", param.name);
    }
}

/// Without modulation the image comes back and there is nothing to learn.
#[test]
fn before_the_ramp_there_is_no_reconstruction_error() {
    let config = ReconstructionConfig::default();
    let tarm = TarmConfig {
        delta: 0.0,
        ..TarmConfig::default()
    };
    let network = NetworkConfig::named("s").unwrap();
    let graph = build_with_reconstruction(&network, inverse_config(&config, &tarm)).unwrap();
    let mut trainer = Trainer::new(&graph, Reach::Encoder, 2, SIDE, SIDE);
    let truths = batch(&mut trainer);
    let engine = Engine::new(1);
    let mut weights = weights(&graph);
    let mut guidance = Guidance::new(&config, tarm, GctmConfig::default());
    trainer.forward(&engine, &mut weights, Statistics::Frozen);
    guidance.prepare(engine.pool(), &mut trainer, &truths, 0.0);
    trainer.reconstruct(&engine, &weights);
    let loss = guidance.loss(engine.pool(), &mut trainer, &truths).loss;
    assert!(loss < 1e-5, "{loss}");
    neutral_maps(&mut trainer);
    trainer.reconstruct(&engine, &weights);
    assert!(round_trip_error(&trainer) < 1e-4);
}

/// The plain Haar pyramid under the same modulation is what identity blocks reconstruct.
#[test]
fn the_pyramid_target_costs_identity_blocks_nothing() {
    let config = ReconstructionConfig {
        target: RecTarget::HaarTarm,
        ..ReconstructionConfig::default()
    };
    let tarm = TarmConfig {
        lp_gain: LpGain::Centered,
        ..TarmConfig::default()
    };
    let network = NetworkConfig::named("s").unwrap();
    let graph = build_with_reconstruction(&network, inverse_config(&config, &tarm)).unwrap();
    let mut trainer = Trainer::new(&graph, Reach::Encoder, 2, SIDE, SIDE);
    let truths = batch(&mut trainer);
    let engine = Engine::new(1);
    let mut guidance = Guidance::new(&config, tarm, GctmConfig::default());
    for (start, low, high) in [
        (initial_weights(&graph, 5), 0.0, 1e-6),
        (weights(&graph), 1e-4, 10.0),
    ] {
        let mut start = start;
        trainer.forward(&engine, &mut start, Statistics::Frozen);
        guidance.prepare(engine.pool(), &mut trainer, &truths, 1.0);
        trainer.reconstruct(&engine, &start);
        let loss = guidance.loss(engine.pool(), &mut trainer, &truths).loss;
        assert!((low..high).contains(&loss), "{loss}");
    }
}

/// `literal`: the detection loss leaves the encoder alone, exactly; with or without backward path the forward bits agree.
#[test]
fn gradients_are_isolated_and_the_forward_pass_is_untouched() {
    let config = ReconstructionConfig::default();
    let tarm = TarmConfig::default();
    let network = NetworkConfig::named("s").unwrap();
    let plain = build(&network).unwrap();
    let graph = build_with_reconstruction(&network, inverse_config(&config, &tarm)).unwrap();
    let engine = Engine::new(2);
    let weights = weights(&plain);
    let mut outputs = Vec::new();
    for (graph, reach) in [
        (&plain, Reach::Encoder),
        (&graph, Reach::Encoder),
        (&graph, Reach::Latents),
    ] {
        let mut trainer = Trainer::new(graph, reach, 2, SIDE, SIDE);
        let truths = batch(&mut trainer);
        let mut w = weights.clone();
        trainer.forward(&engine, &mut w, Statistics::Batch);
        let mut loss = crate::loss::DetectionLoss::default();
        loss.run(engine.pool(), &mut trainer, &truths);
        trainer.backward(&engine, &w, Statistics::Batch);
        for (param, g) in graph.params.iter().zip(trainer.gradients()) {
            let moved = g.iter().any(|g| *g != 0.0);
            let wanted = param.role.is_learned()
                && (reach == Reach::Encoder || param.group != Group::Invertible);
            assert_eq!(moved, wanted, "{} at {reach:?}", param.name);
        }
        let o = trainer.outputs();
        let bits = |v| -> Vec<u32> {
            let values = trainer.activation(v).to_dense();
            values.iter().map(|x| x.to_bits()).collect()
        };
        outputs.push([o.heat, o.mask].map(bits));
    }
    assert!(outputs.windows(2).all(|w| w[0] == w[1]));
}
