//! Which memory holds which tensor.

use crate::planes::{Geometry, Map, Planes};
use invdet_net::graph::{Graph, View};

/// Memory for all storages of a graph.
pub(crate) struct Buffers {
    slots: Vec<Planes>,
    /// Slot of each storage.
    place: Vec<usize>,
}

/// First and last step at which a storage is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifetime {
    pub(crate) first: usize,
    pub(crate) last: usize,
}

impl Buffers {
    /// Each storage its own memory.
    pub(crate) fn separate(graph: &Graph, images: usize, height: usize, width: usize) -> Self {
        let slots = graph
            .storages
            .iter()
            .map(|s| {
                Planes::zeros(
                    images,
                    s.channels,
                    Geometry::new(height >> s.level, width >> s.level),
                )
            })
            .collect();
        Self {
            slots,
            place: (0..graph.storages.len()).collect(),
        }
    }

    /// Storages share memory when they are not in use at the same time; `None` is never used.
    ///
    /// Only storages of one resolution share: so the zero padding stays where it is.
    pub(crate) fn shared(
        graph: &Graph,
        lifetimes: &[Option<Lifetime>],
        images: usize,
        height: usize,
        width: usize,
    ) -> Self {
        struct Slot {
            level: u32,
            channels: usize,
            busy_until: usize,
        }
        let mut slots: Vec<Slot> = Vec::new();
        let mut place = vec![0; graph.storages.len()];
        let mut order: Vec<(usize, Lifetime)> = lifetimes
            .iter()
            .enumerate()
            .filter_map(|(i, l)| l.map(|l| (i, l)))
            .collect();
        order.sort_by_key(|(i, l)| (l.first, *i));
        for (i, life) in order {
            let storage = &graph.storages[i];
            // The free slot that must grow least, then the smallest.
            let free = slots
                .iter()
                .enumerate()
                .filter(|(_, s)| s.level == storage.level && s.busy_until < life.first)
                .min_by_key(|(_, s)| (storage.channels.saturating_sub(s.channels), s.channels));
            place[i] = match free {
                Some((k, _)) => k,
                None => {
                    slots.push(Slot {
                        level: storage.level,
                        channels: 0,
                        busy_until: 0,
                    });
                    slots.len() - 1
                }
            };
            let slot = &mut slots[place[i]];
            slot.channels = slot.channels.max(storage.channels);
            slot.busy_until = life.last;
        }
        let slots = slots
            .iter()
            .map(|s| {
                Planes::zeros(
                    images,
                    s.channels,
                    Geometry::new(height >> s.level, width >> s.level),
                )
            })
            .collect();
        Self { slots, place }
    }

    pub(crate) fn planes(&self, storage: usize) -> &Planes {
        &self.slots[self.place[storage]]
    }

    pub(crate) fn planes_mut(&mut self, storage: usize) -> &mut Planes {
        &mut self.slots[self.place[storage]]
    }

    pub(crate) fn map(&mut self, view: View) -> Map {
        self.slots[self.place[view.storage]].map(view)
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.slots
            .iter()
            .map(|s| 4 * s.images() * s.channels() * s.geometry().plane)
            .sum()
    }

    #[cfg(test)]
    pub(crate) fn padding_is_zero(&self) -> bool {
        self.slots.iter().all(Planes::padding_is_zero)
    }
}
