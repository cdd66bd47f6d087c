//! Time of a network with made-up weights, whole and by operation:
//!
//! ```text
//! cargo run --release -p invdet-cpu --example profile -- s 256 256 1          # a table
//! cargo run --release -p invdet-cpu --example profile -- b 512 640 2 --json   # one JSON object
//! ```

use invdet_cpu::Engine;
use invdet_cpu::inference::Network;
use invdet_net::arch::build;
use invdet_net::config::NetworkConfig;
use invdet_net::graph::Op;
use invdet_net::weights::Weights;
use std::time::Instant;

const RUNS: usize = 60;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let json = args.last().is_some_and(|a| a == "--json");
    args.truncate(4);
    let [name, height, width, threads] = args.as_slice() else {
        return Err("usage: profile NETWORK HEIGHT WIDTH THREADS [--json]".into());
    };
    let graph = build(&NetworkConfig::named(name)?)?;
    let engine = Engine::new(threads.parse()?);
    let mut network = Network::new(
        &graph,
        &Weights::neutral(&graph),
        height.parse()?,
        width.parse()?,
    );
    let mut times: Vec<f64> = (0..RUNS + 5)
        .map(|_| {
            let start = Instant::now();
            network.run(&engine);
            start.elapsed().as_secs_f64() * 1e3
        })
        .skip(5)
        .collect();
    times.sort_by(f64::total_cmp);
    let median = times[RUNS / 2];
    let gflops = 2e-6 * network.macs() as f64 / median;
    if json {
        println!(
            "{{\"network\":\"{name}\",\"size\":\"{width}x{height}\",\"threads\":{threads},\"runs\":{RUNS},\
             \"median_ms\":{median:.3},\"p99_ms\":{:.3},\"gflops\":{gflops:.1}}}",
            times[RUNS * 99 / 100]
        );
        return Ok(());
    }
    by_operation(&mut network, &engine);
    println!(
        "{median:9.3} ms the whole, median of {RUNS}; {gflops:.1} GFLOP/s on {}",
        engine.isa().name()
    );
    Ok(())
}

fn by_operation(network: &mut Network, engine: &Engine) {
    let (h, w) = network.size();
    let ops = network.graph().ops.clone();
    let macs = network.graph().macs(h, w);
    let mut best = vec![f64::INFINITY; ops.len()];
    for _ in 0..RUNS {
        network.run_timed(engine, |i, _, seconds| best[i] = best[i].min(seconds));
    }
    for (i, op) in ops.iter().enumerate() {
        let out = op.output();
        let storage = &network.graph().storages[out.storage];
        let (kind, inputs) = match op {
            Op::Conv(c) => (format!("{:?}", c.kind), c.input.channels),
            Op::Depthwise { size, .. } => (format!("Depthwise{size}"), 1),
            other => (
                format!("{other:?}")
                    .split([' ', '('])
                    .next()
                    .unwrap_or_default()
                    .to_string(),
                0,
            ),
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
}
