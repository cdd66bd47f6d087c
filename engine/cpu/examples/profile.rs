//! Time of each operation of a network: `cargo run --release -p invdet-cpu --example profile -- s 256 256 1`.

use invdet_cpu::Engine;
use invdet_cpu::inference::Network;
use invdet_net::arch::build;
use invdet_net::config::NetworkConfig;
use invdet_net::graph::Op;
use invdet_net::weights::Weights;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, height, width, threads] = args.as_slice() else {
        return Err("usage: profile NETWORK HEIGHT WIDTH THREADS".into());
    };
    let graph = build(&NetworkConfig::named(name)?)?;
    let engine = Engine::new(threads.parse()?);
    let mut network = Network::new(&graph, &Weights::neutral(&graph), height.parse()?, width.parse()?);
    let (h, w) = network.size();
    let ops = network.graph().ops.clone();
    let macs = network.graph().macs(h, w);
    let mut best = vec![f64::INFINITY; ops.len()];
    for _ in 0..50 {
        network.run_timed(&engine, |i, _, seconds| best[i] = best[i].min(seconds));
    }
    for (i, op) in ops.iter().enumerate() {
        let out = op.output();
        let storage = &network.graph().storages[out.storage];
        let (kind, inputs) = match op {
            Op::Conv(c) => (format!("{:?}", c.kind), c.input.channels),
            Op::Depthwise { size, .. } => (format!("Depthwise{size}"), 1),
            other => (format!("{other:?}").split([' ', '(']).next().unwrap_or_default().to_string(), 0),
        };
        println!(
            "{:9.1} us {:6.1} GFLOP/s  {kind:10} {inputs:3} -> {:3} level {} {}",
            best[i] * 1e6,
            2e-9 * macs[i] as f64 / best[i],
            out.channels,
            storage.level,
            storage.name
        );
    }
    let total: f64 = best.iter().sum();
    let flop = 2e-9 * macs.iter().sum::<u64>() as f64;
    println!("{:9.1} us {:6.1} GFLOP/s on {} {}", total * 1e6, flop / total, engine.isa().name(), threads);
    Ok(())
}
