//! Who moves the encoder: the modes of reconstruction-guided training.

use crate::blobs;
use invdet_net::graph::Group;
use invdet_train::guidance::EncoderGrad;
use invdet_train::run::{Run, RunData};

#[test]
fn each_mode_moves_the_groups_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let set = blobs::write_set(folder.path(), 8, 1);
    let mut ends = Vec::new();
    for (mode, encoder_moves, reconstructs) in [
        (EncoderGrad::Frozen, false, false),
        (EncoderGrad::DetOnly, true, false),
        (EncoderGrad::Literal, true, true),
        (EncoderGrad::Dual, true, true),
        (EncoderGrad::Joint, true, true),
    ] {
        let mut config = blobs::config(&set, 2);
        config.reconstruction.encoder_grad = mode;
        let data = RunData::load(&config).unwrap();
        let mut run = Run::new(config, None, 2).unwrap();
        let start = run.state.weights.clone();
        let mut rec = 0.0;
        for _ in 0..2 {
            run.epoch(&data.train, |step| rec += step.loss.rec).unwrap();
        }
        assert_eq!(
            rec > 0.0,
            reconstructs,
            "{mode:?}: reconstruction loss {rec}"
        );
        for (i, param) in run.graph.params.iter().enumerate() {
            let moved = run.state.weights.tensors[i] != start.tensors[i];
            let wanted = param.group != Group::Invertible || encoder_moves;
            assert_eq!(moved, wanted, "{mode:?}: {}", param.name);
            let owned =
                mode != EncoderGrad::Joint && reconstructs && param.group == Group::Invertible;
            let moments = run.state.reconstruction.second[i].iter().any(|v| *v > 0.0);
            assert!(!moments || owned, "{mode:?}: moments of {}", param.name);
        }
        ends.push(run.state.weights);
    }
    for (i, a) in ends.iter().enumerate() {
        assert!(ends[..i].iter().all(|b| a != b), "two modes end alike");
    }
}

#[test]
fn an_encoder_that_is_no_bijection_in_numbers_stops_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let set = blobs::write_set(folder.path(), 8, 1);
    let mut config = blobs::config(&set, 1);
    config.reconstruction.encoder_grad = EncoderGrad::Dual;
    config.network.clamp = 4.0;
    config.network.n_block = [6, 6, 1, 1];
    let data = RunData::load(&config).unwrap();
    let mut run = Run::new(config, None, 1).unwrap();
    for (i, param) in run.graph.params.iter().enumerate() {
        if param.group == Group::Invertible {
            let wave = |k: usize| 3.0 * ((k * 37 + i * 11) as f32).sin();
            let values = run.state.weights.tensors[i].iter_mut().enumerate();
            values.for_each(|(k, w)| *w = wave(k));
        }
    }
    let message = run.epoch(&data.train, |_| ()).unwrap_err().to_string();
    assert!(
        message.contains("gives its input back") || message.contains("not finite"),
        "{message}"
    );
}
