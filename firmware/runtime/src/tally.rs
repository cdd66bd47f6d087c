//! What goes over a link, counted by message.
//!
//! In: a transport. Out: the same transport, and a [`Tally`] of the frames that it took.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use invdet_link::RawFrame;
use invdet_link::transport::{Delivery, Sent, Transport};
use mavlink::Message as _;
use mavlink::dialects::common::MavMessage;

/// Frames by name of their message.
pub(crate) type Counts = BTreeMap<String, u64>;

/// Frames that a link took, by message id.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tally(Arc<Mutex<BTreeMap<u32, u64>>>);

impl Tally {
    fn add(&self, frame: &[u8]) {
        if let Ok(frame) = RawFrame::parse(frame) {
            let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *counts.entry(frame.message_id()).or_default() += 1;
        }
    }

    /// So far, by name.
    pub(crate) fn counts(&self) -> Counts {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(id, n)| (name_of(*id), *n)).collect()
    }
}

fn name_of(id: u32) -> String {
    MavMessage::default_message_from_id(id)
        .map_or_else(|| format!("message {id}"), |m| m.message_name().to_owned())
}

/// A transport with a tally.
pub(crate) struct Tallied {
    inner: Box<dyn Transport>,
    tally: Tally,
}

impl Tallied {
    /// Counts what `inner` takes.
    pub(crate) fn new(inner: Box<dyn Transport>) -> (Self, Tally) {
        let tally = Tally::default();
        let tallied = Self {
            inner,
            tally: tally.clone(),
        };
        (tallied, tally)
    }
}

impl Transport for Tallied {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn delivery(&self) -> Delivery {
        self.inner.delivery()
    }

    fn send(&mut self, frame: &[u8], at_unix_us: u64) -> Sent {
        let sent = self.inner.send(frame, at_unix_us);
        if sent == Sent::Taken {
            self.tally.add(frame);
        }
        sent
    }

    fn receive(&mut self, buffer: &mut [u8]) -> usize {
        self.inner.receive(buffer)
    }

    fn overhear(&mut self, frame: &[u8], at_unix_us: u64) {
        self.inner.overhear(frame, at_unix_us);
    }
}
