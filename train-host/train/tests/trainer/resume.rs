//! A run that was interrupted ends bit for bit as one that was not.

use crate::blobs;
use invdet_train::checkpoint::State;
use invdet_train::config::RunConfig;
use invdet_train::guidance::EncoderGrad;
use invdet_train::run::{Run, RunData};
use std::path::Path;

const EPOCHS: u32 = 4;

fn train(run: &mut Run, data: &RunData, epochs: u32) {
    for _ in 0..epochs {
        run.epoch(&data.train, |step| assert!(step.loss.total.is_finite()))
            .unwrap();
    }
}

/// The run of every test; with the backward path its ramp lasts from the first epoch to the last, so that the cut falls
/// into the middle of it.
fn config(set: &Path, mode: EncoderGrad) -> RunConfig {
    let mut config = blobs::config(set, EPOCHS);
    config.reconstruction.encoder_grad = mode;
    (config.tarm.e0, config.tarm.de) = (0.0, 1.0);
    config
}

/// Four epochs in one go.
fn uncut(set: &Path, mode: EncoderGrad, threads: usize) -> State {
    let config = config(set, mode);
    let data = RunData::load(&config).unwrap();
    let mut run = Run::new(config, None, threads).unwrap();
    train(&mut run, &data, EPOCHS);
    run.state
}

/// Two epochs, then two more by another process's worth of fresh objects, through the checkpoint file.
fn cut(set: &Path, mode: EncoderGrad, threads: usize) -> State {
    let checkpoint = set.join("checkpoint.safetensors");
    let config = config(set, mode);
    let data = RunData::load(&config).unwrap();
    let mut run = Run::new(config.clone(), None, threads).unwrap();
    train(&mut run, &data, EPOCHS / 2);
    run.state.save(&run.graph, &checkpoint).unwrap();
    drop((run, data));

    let data = RunData::load(&config).unwrap();
    let graph = invdet_net::arch::build(&config.network).unwrap();
    let state = State::load(&graph, &checkpoint).unwrap();
    assert_eq!(state.progress.epoch, EPOCHS / 2);
    let mut run = Run::new(config, Some(state), threads).unwrap();
    train(&mut run, &data, EPOCHS - EPOCHS / 2);
    run.state
}

fn bits(tensors: &[Vec<f32>]) -> Vec<Vec<u32>> {
    tensors
        .iter()
        .map(|t| t.iter().map(|v| v.to_bits()).collect())
        .collect()
}

#[test]
fn resumed_run_ends_bit_for_bit_as_an_uncut_one_on_any_number_of_threads() {
    for mode in [EncoderGrad::DetOnly, EncoderGrad::Dual] {
        ends_alike(mode);
    }
}

fn ends_alike(mode: EncoderGrad) {
    let folder = tempfile::tempdir().unwrap();
    let set = blobs::write_set(folder.path(), 8, 1);
    let expected = uncut(&set, mode, 1);
    assert_eq!(expected.progress.step, 8, "two steps an epoch");
    assert_ne!(expected.weights, expected.average);
    for (name, got) in [
        ("uncut, 2 threads", uncut(&set, mode, 2)),
        ("cut, 1 thread", cut(&set, mode, 1)),
        ("cut, 2 threads", cut(&set, mode, 2)),
    ] {
        // Bits, so that two NaNs or a -0 for a 0 do not pass.
        for (kind, a, b) in [
            ("weights", &got.weights.tensors, &expected.weights.tensors),
            ("average", &got.average.tensors, &expected.average.tensors),
            (
                "first moments",
                &got.optimizer.first,
                &expected.optimizer.first,
            ),
            (
                "second moments",
                &got.optimizer.second,
                &expected.optimizer.second,
            ),
            (
                "second moments of the reconstruction",
                &got.reconstruction.second,
                &expected.reconstruction.second,
            ),
        ] {
            assert!(bits(a) == bits(b), "{name}: {kind} differ");
        }
        let (a, b) = (got.progress, expected.progress);
        assert_eq!(
            (a.epoch, a.step, a.best),
            (b.epoch, b.step, b.best),
            "{name}"
        );
    }
}

#[test]
fn another_seed_ends_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let set = blobs::write_set(folder.path(), 4, 1);
    let after_one_epoch = |seed| {
        let mut config = blobs::config(&set, 1);
        config.seed = seed;
        let data = RunData::load(&config).unwrap();
        let mut run = Run::new(config, None, 1).unwrap();
        train(&mut run, &data, 1);
        run.state.weights
    };
    assert_ne!(after_one_epoch(1), after_one_epoch(2));
}
