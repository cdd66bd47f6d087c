use super::record::{crc32c, frame, masked};
use super::*;
use std::time::Duration;

fn at(seconds: f64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs_f64(seconds)
}

/// Appendix B.4 of RFC 3720, and the check value of the CRC catalogue.
#[test]
fn checksums_are_the_published_ones() {
    let rising: Vec<u8> = (0..32).collect();
    let falling: Vec<u8> = (0..32).rev().collect();
    for (data, crc) in [
        (&[0; 32][..], 0x8a91_36aa),
        (&[0xff; 32], 0x62a8_ab43),
        (&rising, 0x46dd_794e),
        (&falling, 0x113f_db5c),
        (b"123456789", 0xe306_9283),
        (b"", 0),
    ] {
        assert_eq!(crc32c(data), crc, "{data:?}");
    }
}

#[test]
fn a_record_is_framed_byte_by_byte_as_documented() {
    // Worked out from the formula with bit-wise CRCs, not with the table.
    let slow = |data: &[u8]| {
        let mut crc = u32::MAX;
        for byte in data {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 {
                    crc >> 1 ^ 0x82f6_3b78
                } else {
                    crc >> 1
                };
            }
        }
        let crc = !crc;
        crc.rotate_left(17).wrapping_add(0xa282_ead8)
    };
    let length = [3, 0, 0, 0, 0, 0, 0, 0];
    let want = [
        &length[..],
        &slow(&length).to_le_bytes(),
        b"abc",
        &slow(b"abc").to_le_bytes(),
    ]
    .concat();
    assert_eq!(frame(b"abc"), want);
    assert_eq!(masked(crc32c(b"abc")), slow(b"abc"));
}

/// What a second, separate reader makes of an event.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    time: f64,
    step: u64,
    version: String,
    session: Option<u64>,
    values: Vec<(String, f32)>,
}

/// Splits a message into `(field, wire kind, number, bytes)`.
fn fields(mut bytes: &[u8]) -> Vec<(u64, u64, u64, Vec<u8>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let (first, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                break;
            }
        }
        value
    }
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let (mut number, mut content) = (0, Vec::new());
        let length = match key & 7 {
            0 => {
                number = varint(&mut bytes);
                0
            }
            1 => 8,
            2 => varint(&mut bytes) as usize,
            5 => 4,
            other => panic!("wire kind {other}"),
        };
        content.extend(&bytes[..length]);
        bytes = &bytes[length..];
        all.push((key >> 3, key & 7, number, content));
    }
    all
}

fn parse(path: &Path) -> Vec<Seen> {
    let bytes = std::fs::read(path).unwrap();
    let mut rest = bytes.as_slice();
    let mut all = Vec::new();
    while !rest.is_empty() {
        let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        assert_eq!(word(8), masked(crc32c(&rest[..8])));
        let data = &rest[12..12 + length];
        assert_eq!(word(12 + length), masked(crc32c(data)));
        let mut seen = Seen::default();
        for (number, _, value, content) in fields(data) {
            match number {
                1 => seen.time = f64::from_le_bytes(content.try_into().unwrap()),
                2 => seen.step = value,
                3 => seen.version = String::from_utf8(content).unwrap(),
                5 => {
                    for (_, _, _, value) in fields(&content) {
                        let parts = fields(&value);
                        let tag = String::from_utf8(parts[0].3.clone()).unwrap();
                        let number = f32::from_le_bytes(parts[1].3.clone().try_into().unwrap());
                        seen.values.push((tag, number));
                    }
                }
                7 => seen.session = Some(fields(&content)[0].2),
                other => panic!("field {other}"),
            }
        }
        all.push(seen);
        rest = &rest[16 + length..];
    }
    all
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    files.sort();
    files
}

#[test]
fn sessions_come_back_as_written_each_in_its_file() {
    let run = tempfile::tempdir().unwrap();
    let folder = run.path().join("tensorboard");
    let mut first = EventWriter::new(&folder, 1);
    assert!(!folder.exists() && first.path().is_none());
    first
        .scalars(1, at(1.7e9), &[("loss/total", 9.5), ("lr", 1e-3)])
        .unwrap();
    // Before the next epoch, as a reader of a live run sees it.
    assert_eq!(parse(&files(&folder)[0]).len(), 3);
    first
        .scalars(300, at(1.7e9 + 0.5), &[("loss/total", f64::NAN)])
        .unwrap();
    let mut second = EventWriter::new(&folder, 300);
    second
        .scalars(300, at(1.7e9 + 60.0), &[("loss/total", 8.25)])
        .unwrap();
    let files = files(&folder);
    assert_eq!(files.len(), 2);
    assert_eq!(
        [first.path(), second.path()],
        [Some(&*files[0]), Some(&*files[1])]
    );
    let head = |step, time| {
        let version = Seen {
            time,
            version: "brain.Event:2".into(),
            ..Seen::default()
        };
        let start = Seen {
            time,
            step,
            session: Some(1),
            ..Seen::default()
        };
        [version, start]
    };
    let seen = parse(&files[0]);
    assert_eq!(seen[..2], head(1, 1.7e9));
    assert_eq!((seen[2].step, seen[2].time), (1, 1.7e9));
    assert_eq!(
        seen[2].values,
        [("loss/total".into(), 9.5), ("lr".into(), 1e-3)]
    );
    assert_eq!((seen[3].step, seen[3].time), (300, 1.7e9 + 0.5));
    assert!(seen[3].values[0].1.is_nan());
    let seen = parse(&files[1]);
    assert_eq!(seen[..2], head(300, 1.7e9 + 60.0));
    assert_eq!(seen[2].values, [("loss/total".into(), 8.25)]);
}

#[test]
fn sessions_of_one_second_do_not_meet() {
    let run = tempfile::tempdir().unwrap();
    for i in 0..3 {
        let now = at(1.7e9 + f64::from(i) * 0.25);
        EventWriter::new(run.path(), 1)
            .scalars(1, now, &[("a", 1.0)])
            .unwrap();
    }
    assert_eq!(files(run.path()).len(), 3);
}

#[test]
fn a_folder_in_the_way_is_named() {
    let run = tempfile::tempdir().unwrap();
    let path = run.path().join("tensorboard");
    std::fs::write(&path, "in the way").unwrap();
    let error = EventWriter::new(&path, 1)
        .scalars(1, at(1.7e9), &[("a", 1.0)])
        .unwrap_err();
    assert!(error.to_string().contains("tensorboard"), "{error}");
}

#[test]
fn an_epoch_names_every_part_with_its_own_value() {
    let loss = crate::loss::LossParts {
        heat: 1.0,
        off: 2.0,
        size: 3.0,
        mask: 4.0,
        total: 5.0,
        rec: 0.25,
    };
    let row = EpochRow {
        epoch: 7,
        loss,
        lr: 6.0,
        seconds: 100.0,
        validation: None,
    };
    assert_eq!(
        of_epoch(&row, 7.0, 8.0),
        [
            ("loss/total", 5.0),
            ("loss/heat", 1.0),
            ("loss/offset", 2.0),
            ("loss/size", 3.0),
            ("loss/mask", 4.0),
            ("loss/reconstruction", 0.25),
            ("optimizer/learning_rate", 6.0),
            ("optimizer/gradient_norm", 7.0),
            ("time/seconds_per_epoch", 8.0)
        ]
    );
}
