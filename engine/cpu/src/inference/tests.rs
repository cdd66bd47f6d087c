use super::Network;
use crate::Engine;
use invdet_net::arch::build;
use invdet_net::config::NetworkConfig;
use invdet_net::weights::Weights;

#[test]
fn images_that_are_no_multiple_of_sixteen_are_padded_and_resizing_is_clean() {
    let graph = build(&NetworkConfig::named("s").unwrap()).unwrap();
    let engine = Engine::new(2);
    let mut network = Network::new(&graph, &Weights::neutral(&graph), 17, 1);
    assert_eq!(network.size(), (32, 16));
    network.run(&engine);
    network.resize(100, 100);
    assert_eq!(network.size(), (112, 112));
    network.run(&engine);
    assert!(network.heads().heat.row(0).iter().all(|x| x.is_finite()));
    assert!(network.buffers.padding_is_zero());
}
