use super::{InverseConfig, Modulated, build, build_with_reconstruction};
use crate::config::{Mmfb, NetworkConfig, Recursion, Subnet};
use crate::graph::Graph;

fn gmac(config: &NetworkConfig) -> f64 {
    build(config).unwrap().macs(256, 256).iter().sum::<u64>() as f64 / 1e9
}

#[test]
fn named_networks_have_the_stated_size() {
    let (s, b) = (
        NetworkConfig::named("s").unwrap(),
        NetworkConfig::named("b").unwrap(),
    );
    assert!((0.25..0.35).contains(&gmac(&s)), "{}", gmac(&s));
    assert!((1.0..1.2).contains(&gmac(&b)), "{}", gmac(&b));
    let values = build(&b).unwrap().learned_values();
    assert!((950_000..1_060_000).contains(&values), "{values}");
}

#[test]
fn every_operation_reads_what_was_written_before() {
    let base = NetworkConfig::named("s").unwrap();
    let variants = [
        base.clone(),
        NetworkConfig {
            subnet: Subnet::Dense,
            ..base.clone()
        },
        NetworkConfig {
            mmfb: Mmfb::Sum,
            decoder_recursion: Recursion::P,
            ..base.clone()
        },
        NetworkConfig {
            s_rev: 4,
            ..base.clone()
        },
        NetworkConfig {
            s_rev: 1,
            conv_channels: [0, 16, 32, 64],
            ..base
        },
    ];
    for config in variants {
        let plain = build(&config).unwrap();
        check(&plain);
        for (modulated, switch) in [(Modulated::All, false), (Modulated::Deepest, true)] {
            let inverse = InverseConfig {
                modulated,
                centered_low: switch,
                quantize: switch,
                pyramid: switch,
            };
            let graph = build_with_reconstruction(&config, inverse).unwrap();
            check(&graph);
            assert_eq!(
                graph.params, plain.params,
                "the backward path adds no weights"
            );
            assert_eq!(graph.ops[..graph.forward_ops()], plain.ops);
        }
    }
}

fn check(graph: &Graph) {
    let mut written: Vec<Vec<bool>> = graph
        .storages
        .iter()
        .map(|s| vec![false; s.channels])
        .collect();
    written[graph.input.storage].fill(true);
    for maps in graph.reconstruction.iter().flat_map(|r| &r.modulations) {
        for m in [maps.low, maps.high] {
            for map in [Some(m.keep), m.blurred].into_iter().flatten() {
                written[map.storage].fill(true);
            }
        }
    }
    for op in &graph.ops {
        for v in op.inputs() {
            assert!(
                written[v.storage][v.first..v.first + v.channels]
                    .iter()
                    .all(|w| *w),
                "{op:?}"
            );
        }
        let o = op.output();
        for w in &mut written[o.storage][o.first..o.first + o.channels] {
            assert!(!*w, "written twice: {op:?}");
            *w = true;
        }
    }
    assert!(
        written.iter().flatten().all(|w| *w),
        "a tensor is never filled"
    );
    let mut names: Vec<&str> = graph.params.iter().map(|p| p.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(
        names.len(),
        graph.params.len(),
        "two parameters share a name"
    );
}

#[test]
fn illegal_configurations_are_refused_by_key() {
    let base = NetworkConfig::named("s").unwrap();
    let cases = [
        (
            NetworkConfig {
                s_rev: 5,
                ..base.clone()
            },
            "s_rev",
        ),
        (
            NetworkConfig {
                n_block: [1, 0, 1, 1],
                ..base.clone()
            },
            "n_block",
        ),
        (
            NetworkConfig {
                clamp: f32::NAN,
                ..base.clone()
            },
            "clamp",
        ),
        (
            NetworkConfig {
                neck: [0, 1, 1, 1],
                ..base.clone()
            },
            "neck",
        ),
        (NetworkConfig { s_rev: 1, ..base }, "conv_channels"),
    ];
    for (config, key) in cases {
        let message = build(&config).unwrap_err().to_string();
        assert!(message.contains(key), "{message}");
    }
}
