//! The checkpoint's format: what was written comes back, and nothing else is taken for it.

use crate::common::plain;
use fmnist::model::ModelKind;
use fmnist::ops::adamw;
use fmnist::run::checkpoint::{Checkpoint, RunIdentity};
use fmnist::train::history::EpochRecord;
use fmnist::train::{Position, State};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

fn record(epoch: usize) -> EpochRecord {
    EpochRecord {
        model: "cnn".into(),
        epoch,
        train_loss: 0.1 + 0.2,
        train_accuracy: 1.0 / 3.0,
        validation_loss: 1e-300,
        validation_accuracy: 0.9,
        seconds: 2.5,
    }
}

fn checkpoint(lengths: &[usize], epochs: usize, time: usize, averaging: bool) -> Checkpoint {
    let values = |start: f32| -> Vec<Vec<f32>> {
        let vectors = lengths.iter();
        vectors
            .map(|&len| (0..len).map(|i| start + i as f32 / 7.0).collect())
            .collect()
    };
    Checkpoint {
        run: RunIdentity {
            model: ModelKind::Cnn,
            settings: plain(&ModelKind::ALL, 17, u64::MAX),
            images: "0123".into(),
        },
        history: (1..=epochs).map(record).collect(),
        state: State {
            position: Position {
                epochs,
                steps: 5,
                sums: [0.1, 85.0, 5.0],
                images: 85,
                seconds: 0.1,
                busy_seconds: 1.0 / 3.0,
            },
            weights: values(-1.0),
            optimizer: adamw::State {
                time,
                moments: adamw::Moments {
                    moments_1: if time > 0 { values(2.0) } else { Vec::new() },
                    moments_2: if time > 0 { values(3.0) } else { Vec::new() },
                    averages: averaging.then(|| values(4.0)),
                },
            },
        },
    }
}

fn bytes(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut bytes = Vec::new();
    checkpoint.write(&mut bytes).expect("it has a form");
    bytes
}

/// The file with a right checksum, whatever is in it.
fn sealed(body: &[u8]) -> Vec<u8> {
    let mut bytes = body.to_vec();
    bytes.extend(Sha256::digest(body));
    bytes
}

fn message(bytes: &[u8]) -> String {
    format!("{:#}", Checkpoint::decode(bytes).expect_err("it is wrong"))
}

proptest! {
    #[test]
    fn what_was_written_comes_back_to_the_last_bit(
        lengths in prop::collection::vec(0usize..50, 0..20),
        epochs in 0usize..5,
        time in 0usize..3,
        averaging: bool,
    ) {
        let written = checkpoint(&lengths, epochs, time, averaging && time > 0);
        let read = Checkpoint::decode(&bytes(&written)).expect("it is whole");
        prop_assert_eq!(read, written);
    }
}

#[test]
fn a_file_cut_at_any_byte_is_refused() {
    let whole = bytes(&checkpoint(&[3, 1], 2, 4, true));
    Checkpoint::decode(&whole).expect("it is whole");
    for len in 0..whole.len() {
        let error = message(&whole[..len]);
        assert!(error.contains("cut off"), "{len}: {error}");
    }
    let longer = [&whole[..], &[0]].concat();
    assert!(message(&longer).contains("damaged"));
}

#[test]
fn any_flipped_bit_is_noticed() {
    let mut file = bytes(&checkpoint(&[3, 1], 1, 4, true));
    for at in 0..8 * file.len() {
        let flip = 1 << (at % 8);
        file[at / 8] ^= flip;
        let error = message(&file);
        let expected = match at / 8 {
            0..8 => "no checkpoint",
            8..12 => "version",
            _ => "damaged",
        };
        assert!(error.contains(expected), "bit {at}: {error}");
        file[at / 8] ^= flip;
    }
}

#[test]
fn what_does_not_fit_together_is_refused_even_if_the_checksum_is_right() {
    let whole = bytes(&checkpoint(&[3, 1], 2, 4, true));
    let body = &whole[..whole.len() - 32];
    assert_eq!(sealed(body), whole);
    let header = |from: &str, to: &str| {
        let len = u32::from_le_bytes(body[12..16].try_into().unwrap()) as usize;
        let text = std::str::from_utf8(&body[16..][..len]).expect("JSON");
        assert!(text.contains(from), "{text}");
        let text = text.replacen(from, to, 1);
        let len = u32::try_from(text.len()).unwrap().to_le_bytes();
        sealed(
            &[
                &body[..12],
                &len,
                text.as_bytes(),
                &body[16..][text_end(body)..],
            ]
            .concat(),
        )
    };
    let with = |at: usize, byte: u8| {
        let mut body = body.to_vec();
        body[at] = byte;
        sealed(&body)
    };
    let longest = "9".repeat(20);
    let many = format!("\"lengths\":[{}", "0,".repeat(200));
    for (file, part) in [
        (
            with(8, 2),
            "version 2 of the format, but this program reads version 1",
        ),
        (with(14, 255), "header is longer than the file"),
        (with(15, 255), "header is longer than any is"),
        (with(16, b'!'), "header is unreadable"),
        (
            sealed(&body[..body.len() - 4]),
            "not as many as its header says",
        ),
        (
            sealed(&[body, &[0; 4]].concat()),
            "not as many as its header says",
        ),
        (header("\"lengths\":[3", "\"lengths\":[4"), "not as many"),
        (
            header("\"lengths\":[3", &format!("\"lengths\":[{}", u64::MAX)),
            "not as many",
        ),
        (
            header("\"lengths\":[3", &format!("\"lengths\":[{longest}")),
            "unreadable",
        ),
        (header("\"lengths\":[", &many), "more than any model has"),
        (header("\"time\":4", "\"time\":0"), "not as many"),
        (
            header("\"averages\":true", "\"averages\":false"),
            "not as many",
        ),
        (
            header("\"epochs\":2,\"steps\"", "\"epochs\":3,\"steps\""),
            "not that of the 3 epochs",
        ),
        (
            header(
                "\"epochs\":2,\"steps\"",
                &format!("\"epochs\":{},\"steps\"", u64::MAX),
            ),
            "its history",
        ),
        (header("\"epoch\":2", "\"epoch\":7"), "its history"),
        (
            header(
                "\"model\":\"cnn\",\"settings",
                "\"model\":\"dense\",\"settings",
            ),
            "its history",
        ),
        (
            header(
                "\"model\":\"cnn\",\"settings",
                "\"model\":\"vit\",\"settings",
            ),
            "unreadable",
        ),
    ] {
        let error = message(&file);
        assert!(error.contains(part), "{part}: {error}");
    }
}

/// Where the header ends, counted from its start.
fn text_end(body: &[u8]) -> usize {
    u32::from_le_bytes(body[12..16].try_into().unwrap()) as usize
}
