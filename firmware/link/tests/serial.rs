//! A serial port that is pulled out and put back while the program runs.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use invdet_core::{ImageSize, MonoTime};
use invdet_link::{
    CameraComponent, Command, CommandAck, ComponentConfig, Endpoint, Framer, Links, Outbox,
};
use serialport::{SerialPort as _, TTYPort};

/// The far and the near end of a new pseudo terminal; `path` becomes a link to the near one, which is to be held until
/// the program under test has opened it: without a near end the far one hangs up.
fn plug_in(path: &Path) -> (TTYPort, TTYPort) {
    let (mut far, near) = TTYPort::pair().unwrap();
    far.set_timeout(Duration::from_millis(5)).unwrap();
    let _ = std::fs::remove_file(path);
    symlink(near.name().unwrap(), path).unwrap();
    (far, near)
}

struct Payload {
    camera: CameraComponent,
    links: Links,
    out: Outbox,
    begin: Instant,
}

impl Payload {
    /// One turn of the program's loop.
    fn turn(&mut self) {
        let now = MonoTime::from_nanos(self.begin.elapsed().as_nanos() as u64);
        let unix_us = now.as_nanos() / 1000;
        self.links.poll(unix_us, |frame, _| {
            self.camera.on_message(now, frame, &mut self.out)
        });
        self.camera.tick(now, &mut self.out);
        self.links.publish(&mut self.out, unix_us);
    }

    /// Turns until the far end has heard an ACK for its command; the longest turn.
    fn until_acknowledged(&mut self, far: &mut TTYPort) -> Duration {
        let begin = Instant::now();
        let mut framer = Framer::new();
        let mut acknowledged = 0;
        let mut longest = Duration::ZERO;
        let mut buffer = [0; 512];
        let mut asked = None;
        while acknowledged == 0 {
            assert!(begin.elapsed() < Duration::from_secs(20), "no ACK came");
            // What is written before the port is opened may be flushed away: ask again.
            if asked.is_none_or(|asked: Instant| asked.elapsed() > Duration::from_millis(300)) {
                far.write_all(&request()).unwrap();
                asked = Some(Instant::now());
            }
            let turn = Instant::now();
            self.turn();
            longest = longest.max(turn.elapsed());
            if let Ok(length) = far.read(&mut buffer) {
                framer.feed(&buffer[..length], |frame| {
                    acknowledged += usize::from(
                        CommandAck::parse(&frame).is_some_and(|ack| ack.command == 999),
                    );
                });
            }
        }
        longest
    }
}

/// COMMAND_LONG 999 to 1/100.
fn request() -> Vec<u8> {
    let mut frame = vec![0xfd, 33, 0, 0, 0, 255, 190, 76, 0, 0];
    let mut payload = [0; 33];
    payload[28..30].copy_from_slice(&999_u16.to_le_bytes());
    payload[30..32].copy_from_slice(&[1, 100]);
    frame.extend_from_slice(&payload);
    let crc = mavlink::calculate_crc(&frame[1..], 152);
    frame.extend_from_slice(&crc.to_le_bytes());
    assert_eq!(
        Command::parse(&invdet_link::RawFrame::parse(&frame).unwrap())
            .unwrap()
            .command,
        999
    );
    frame
}

fn payload(path: &Path) -> Payload {
    let endpoint = Endpoint::Serial {
        path: path.into(),
        baud: 115_200,
    };
    let config = ComponentConfig::new(1, "test", ImageSize::new(640, 512));
    Payload {
        camera: CameraComponent::new(config).unwrap(),
        links: Links::open(&[endpoint]).unwrap(),
        out: Outbox::new(),
        begin: Instant::now(),
    }
}

#[test]
fn a_port_that_vanishes_is_opened_again_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ttyPayload");
    let (mut far, near) = plug_in(&path);
    let mut payload = payload(&path);
    payload.until_acknowledged(&mut far);
    drop(near);

    for round in 0..3 {
        drop(far);
        std::fs::remove_file(&path).unwrap();
        let away = Instant::now();
        let mut longest = Duration::ZERO;
        while away.elapsed() < Duration::from_millis(700) {
            let turn = Instant::now();
            payload.turn();
            longest = longest.max(turn.elapsed());
            std::thread::sleep(Duration::from_millis(5));
        }
        let (new, near) = plug_in(&path);
        far = new;
        let back = Instant::now();
        longest = longest.max(payload.until_acknowledged(&mut far));
        drop(near);
        println!(
            "round {round}: heard again after {:?}, longest turn {longest:?}",
            back.elapsed()
        );
        assert!(longest < Duration::from_millis(250), "{longest:?}");
    }
}

#[test]
fn a_port_that_nobody_reads_does_not_block() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ttyPayload");
    let (far, _near) = plug_in(&path);
    let mut payload = payload(&path);
    let mut longest = Duration::ZERO;
    // More than any pseudo terminal holds.
    let mut frame = 0;
    while payload.links.counters().next().unwrap().1.dropped < 100 {
        frame += 1;
        assert!(frame < 1_000_000);
        let start = Instant::now();
        let noise = invdet_link::RawFrame::parse;
        let request = request();
        payload.camera.on_message(
            MonoTime::from_nanos(frame),
            noise(&request).unwrap(),
            &mut payload.out,
        );
        payload.links.publish(&mut payload.out, 0);
        longest = longest.max(start.elapsed());
    }
    println!("{frame} frames, longest call {longest:?}");
    assert!(longest < Duration::from_millis(250), "{longest:?}");
    drop(far);
}

#[test]
fn a_port_that_is_not_there_at_the_start_is_an_error_with_a_remedy() {
    let endpoint: Endpoint = "serial:/dev/ttyNOPE:57600".parse().unwrap();
    let message = Links::open(&[endpoint]).err().unwrap().to_string();
    assert!(
        message.contains("/dev/ttyNOPE") && message.contains("check the cable"),
        "{message}"
    );
}
