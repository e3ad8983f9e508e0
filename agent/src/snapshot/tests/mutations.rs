//! No content of a file makes the loader panic, hang, or speak in more than a line.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::super::load;
use super::samples;

const MUTATIONS: u64 = 10_000;

/// The names of [`samples::NAMED`].
const DATABASE: &str = "orders.c9akciq32.us-east-1.rds.amazonaws.com";
const BALANCER: &str = "front-0123456789abcdef.elb.us-east-1.amazonaws.com";

#[test]
fn mutated_documents_load_or_are_named_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mutated.json");
    let mut documents: Vec<&str> = samples::ALL.iter().map(|(_, text)| *text).collect();
    documents.extend([samples::NAT, samples::VPN_CONNECTIONS]);
    let (mut loaded, mut refused) = (0, 0);
    for seed in 0..MUTATIONS {
        let mut rng = Rng::with_seed(seed);
        let mut bytes = documents[rng.usize(..documents.len())].as_bytes().to_vec();
        for _ in 0..rng.usize(1..=3) {
            mutate(&mut bytes, &documents, &mut rng);
        }
        fs::write(&path, &bytes).unwrap();
        let start = Instant::now();
        match load(std::slice::from_ref(&path)) {
            Ok(result) => {
                loaded += 1;
                for note in &result.notes {
                    assert_is_line(&note.to_string(), seed);
                }
            }
            Err(errors) => {
                refused += 1;
                assert!(!errors.is_empty(), "seed {seed}");
                for error in &errors {
                    assert_is_line(&error.to_string(), seed);
                }
            }
        }
        assert!(start.elapsed() < Duration::from_secs(5), "seed {seed} took {:?}", start.elapsed());
    }
    // Mutations that nothing survives, or that break nothing, would test nothing.
    assert!(loaded > MUTATIONS / 20 && refused > MUTATIONS / 20, "{loaded} loaded, {refused} refused");
}

/// The same for what comes after the loader: whatever a snapshot says, the analysis ends, and its text
/// and JSON can be written.
#[test]
fn mutated_snapshots_are_analysed_to_the_end() {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/documents/orders-db");
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in [whole.clone(), whole.join("us-east-1")] {
        files.extend(
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()),
        );
    }
    files.sort();
    // The example's interface is a database's, and the database's documents are of the example's VPC.
    let read = |file: PathBuf| {
        let text = fs::read_to_string(&file).unwrap();
        (file, text.replace(r#""Description": "orders-db""#, r#""Description": "RDSNetworkInterface""#))
    };
    let documents: Vec<(PathBuf, String)> = files.into_iter().map(read).collect();
    let mut named = samples::NAMED.to_string();
    for (sample, example) in [
        ("vpc-0a11ce", "vpc-0c0ffee0c0ffee001"),
        ("subnet-0db", "subnet-0db00000000000001"),
        ("sg-0db", "sg-0db5ec0000000001"),
        ("us-east-1b", "us-east-1a"),
    ] {
        named = named.replace(sample, example);
    }
    let mut texts: Vec<&str> = documents.iter().map(|(_, text)| text.as_str()).collect();
    texts.push(&named);
    texts.extend([samples::GATEWAYS, samples::SECURITY_GROUP_RULES, samples::NAT, samples::VPN_CONNECTIONS]);
    let folder = tempfile::tempdir().unwrap();
    let place = |index: usize| folder.path().join(format!("{index}.json"));
    for (index, text) in texts.iter().enumerate() {
        fs::write(place(index), text).unwrap();
    }
    let (mut analysed, mut by_name) = (0, 0);
    for seed in 0..MUTATIONS {
        let mut rng = Rng::with_seed(seed);
        let index = rng.usize(..texts.len());
        let mut bytes = texts[index].as_bytes().to_vec();
        mutate(&mut bytes, &texts, &mut rng);
        fs::write(place(index), &bytes).unwrap();
        let start = Instant::now();
        if let Ok(loaded) = load(&[folder.path().to_path_buf()]) {
            analysed += 1;
            let from = ["space", "10.0.139.183", "10.100.1.7", "0.0.0.0/0"][rng.usize(..4)];
            let host = ["10.100.2.20", DATABASE, BALANCER][rng.usize(..3)];
            let report =
                crate::command::analyze::report_for_test(&loaded, from, &format!("tcp://{host}:5432"));
            by_name += usize::from(report.is_some() && host != "10.100.2.20");
        }
        fs::write(place(index), texts[index]).unwrap();
        assert!(start.elapsed() < Duration::from_secs(5), "seed {seed} took {:?}", start.elapsed());
    }
    assert!(analysed > MUTATIONS / 20, "{analysed} of {MUTATIONS} were analysed");
    assert!(by_name > 100, "{by_name} by name");
}

fn assert_is_line(line: &str, seed: u64) {
    assert!(!line.is_empty() && line.len() < 1000, "seed {seed}: {line}");
    assert!(!line.chars().any(char::is_control), "seed {seed}: {line:?}");
}

fn mutate(bytes: &mut Vec<u8>, documents: &[&str], rng: &mut Rng) {
    const VALUES: &[&str] = &[
        "null",
        "true",
        "0",
        "-1",
        "1e999",
        "99999999999999999999",
        "5.5",
        "\"\"",
        "\"x\"",
        "[]",
        "{}",
        "[[]]",
        "{\"\":{}}",
        "\"10.0.0.0/33\"",
        "\"10.0.0.1/16\"",
        "\"::1\"",
        "\"\\ud800\"",
        "\"\\u0000\\u001b[2J\"",
        "\"\u{202e}\"",
        "NaN",
        "'x'",
    ];
    if bytes.is_empty() {
        bytes.push(rng.u8(..));
    }
    let at = rng.usize(..bytes.len());
    let end = (at + rng.usize(1..40)).min(bytes.len());
    match rng.u8(..13) {
        0 => bytes[at] ^= 1 << rng.u8(..8),
        1 => bytes[at] = rng.u8(..),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let copy = bytes[at..end].to_vec();
            bytes.splice(end..end, copy);
        }
        4 => bytes.truncate(at),
        5 => {
            let (one, other) = (token(bytes, rng), token(bytes, rng));
            let (first, second) = if one.0 <= other.0 { (one, other) } else { (other, one) };
            if first.1 <= second.0 {
                let later = bytes[second.0..second.1].to_vec();
                let earlier = bytes.splice(first.0..first.1, later.iter().copied()).collect::<Vec<_>>();
                let shift = |offset: usize| offset + later.len() - earlier.len();
                bytes.splice(shift(second.0)..shift(second.1), earlier);
            }
        }
        6 | 7 => {
            let (start, end) = token(bytes, rng);
            bytes.splice(start..end, VALUES[rng.usize(..VALUES.len())].bytes());
        }
        8 => {
            let depth = rng.usize(1..3000);
            let (open, close) = if rng.bool() { ("[", "]") } else { ("{\"Vpcs\":", "}") };
            let closing = if rng.bool() { close.repeat(depth) } else { String::new() };
            let (start, end) = token(bytes, rng);
            bytes.splice(start..end, format!("{}1{closing}", open.repeat(depth)).into_bytes());
        }
        9 => {
            let other = documents[rng.usize(..documents.len())].as_bytes();
            bytes.splice(at..at, other.iter().copied());
        }
        10 => bytes.extend_from_slice(documents[rng.usize(..documents.len())].as_bytes()),
        11 => {
            let (start, end) = token(bytes, rng);
            drop(bytes.drain(start..end));
        }
        _ => {
            let text = String::from_utf8_lossy(bytes).into_owned();
            *bytes = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        }
    }
}

/// The ends of a string, number or word near a random place.
fn token(bytes: &[u8], rng: &mut Rng) -> (usize, usize) {
    if bytes.is_empty() {
        return (0, 0);
    }
    let is_edge = |byte: &u8| b"{}[],:\n ".contains(byte);
    let at = rng.usize(..bytes.len());
    let start = at + bytes[at..].iter().position(|byte| !is_edge(byte)).unwrap_or(0);
    let end = start + bytes[start..].iter().position(is_edge).unwrap_or(bytes.len() - start);
    (start, end)
}
