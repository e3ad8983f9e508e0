use std::collections::BTreeMap;
use std::thread;

use jiff::Timestamp;

use super::super::super::configuration::{self, Document, LogFormat};
use super::super::super::log::Log;
use super::super::super::stub::{Stub, Taken};
use super::super::counts::Dropped;
use super::super::deliver::deliver;
use super::super::wire::Label;
use super::*;

fn document(text: &str) -> Document {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("peerscope.yml");
    std::fs::write(&file, text).unwrap();
    configuration::read(&file).unwrap()
}

fn remote_write(stub: &Stub, rest: &str) -> RemoteWrite {
    let text = format!("remote_write: {{url: 'http://{}/api/v1/write', interval: 1s{rest}}}", stub.address);
    RemoteWrite::new(document(&text).remote_write.as_ref().unwrap()).unwrap()
}

fn deliver_all(remote_write: &RemoteWrite) {
    let log = Log::new(LogFormat::Logfmt);
    deliver(&remote_write.queue, 1, "remote_write", &log, |requests, within| {
        remote_write.send(requests, within)
    });
}

fn labels(name: &str) -> Labels {
    vec![Label { name: "__name__".to_string(), value: name.to_string() }]
}

/// What a request held: each series by its labels, with its value's bits and its time.
fn read(taken: &Taken) -> BTreeMap<String, (u64, i64)> {
    let plain = snap::raw::Decoder::new().decompress_vec(&taken.body).unwrap();
    let request = WriteRequest::decode(plain.as_slice()).unwrap();
    let one = |series: TimeSeries| {
        assert!(series.labels.is_sorted(), "{:?}", series.labels);
        assert!(series.labels.iter().all(|label| !label.value.is_empty()), "{:?}", series.labels);
        let named: Vec<String> =
            series.labels.iter().map(|label| format!("{}={}", label.name, label.value)).collect();
        (named.join(","), (series.samples[0].value.to_bits(), series.samples[0].timestamp))
    };
    request.series.into_iter().map(one).collect()
}

#[test]
fn a_request_is_as_the_specification_has_it() {
    let stub = Stub::replying(&[]);
    let remote_write = remote_write(&stub, ", basic_auth: {username: u, password: 'p:w'}");
    remote_write.put(Known::default().next(vec![(labels("a"), 1.5)], 1_000));
    remote_write.queue.close();
    deliver_all(&remote_write);
    let taken = stub.taken();
    let head = &taken[0].head;
    for line in [
        "post /api/v1/write http/1.1",
        "content-encoding: snappy",
        "content-type: application/x-protobuf",
        "x-prometheus-remote-write-version: 0.1.0",
        "user-agent: peerscope/",
        "authorization: basic dtpwonc=",
    ] {
        assert!(head.lines().any(|found| found.starts_with(line)), "{line}: {head}");
    }
    assert_eq!(read(&taken[0]), BTreeMap::from([("__name__=a".to_string(), (1.5_f64.to_bits(), 1_000))]));
    assert_eq!(remote_write.queue.counts().sent(), 1);
}

#[test]
fn a_series_that_vanishes_is_said_to_be_over_once_and_time_never_goes_back() {
    const STALE: u64 = 0x7ff0_0000_0000_0002;
    let stub = Stub::replying(&[]);
    let remote_write = remote_write(&stub, "");
    let mut known = Known::default();
    let series = |names: &[&str]| names.iter().map(|name| (labels(name), 1.0)).collect::<Vec<_>>();
    for (names, at) in [(&["a", "b"][..], 1_000), (&["a"], 900), (&["a"], 2_000), (&[], 3_000), (&[], 4_000)]
    {
        remote_write.put(known.next(series(names), at));
    }
    remote_write.queue.close();
    deliver_all(&remote_write);
    let told: Vec<Vec<(u64, i64)>> =
        stub.taken().iter().map(|taken| read(taken).into_values().collect()).collect();
    let one = 1.0_f64.to_bits();
    assert_eq!(
        told,
        [
            vec![(one, 1_000), (one, 1_000)],
            vec![(one, 1_001), (STALE, 1_001)],
            vec![(one, 2_000)],
            vec![(STALE, 3_000)]
        ]
    );
}

#[test]
fn what_may_pass_is_sent_again_and_what_will_not_be_had_is_dropped() {
    let stub = Stub::replying(&[
        "503 Service Unavailable\r\nretry-after: 1\r\n\r\n",
        "500 Internal Server Error\r\n\r\n",
        "200 OK\r\n\r\n",
        "400 Bad Request\r\n\r\nout of order sample",
        "429 Too Many Requests\r\nretry-after: 0\r\n\r\n",
    ]);
    let remote_write = Arc::new(remote_write(&stub, ", bearer_token: not-to-be-shown"));
    for name in ["a", "b", "c"] {
        remote_write.put(Known::default().next(vec![(labels(name), 1.0)], 1_000));
    }
    let delivering = Arc::clone(&remote_write);
    let begun = Instant::now();
    let thread = thread::spawn(move || deliver_all(&delivering));
    let counts = remote_write.queue.counts();
    while counts.pending() > 0 {
        thread::sleep(Duration::from_millis(10));
        assert!(begun.elapsed() < Duration::from_secs(10), "{counts:?}");
    }
    assert!(begun.elapsed() > Duration::from_millis(1300), "it did not wait as it was asked to");
    remote_write.queue.close();
    thread.join().unwrap();
    let names: Vec<String> = stub.taken().iter().flat_map(|taken| read(taken).into_keys()).collect();
    assert_eq!(names, ["a", "a", "a", "b", "c", "c"].map(|name| format!("__name__={name}")));
    assert_eq!((counts.sent(), counts.dropped(Dropped::Rejected), counts.failed()), (2, 1, 3));
}

#[test]
fn a_receiver_that_is_gone_costs_bounded_memory_and_the_oldest() {
    // It is asked only once all has come.
    let receiver = Stub::replying(&[]);
    let remote_write = remote_write(&receiver, ", queue: {samples: 10000}");
    let mut known = Known::default();
    let names: Vec<String> = (0..2_500).map(|number| format!("peerscope_series_{number}")).collect();
    for turn in 1..=20 {
        remote_write.put(known.next(names.iter().map(|name| (labels(name), 1.0)).collect(), turn * 15_000));
    }
    let counts = remote_write.queue.counts();
    assert_eq!(counts.pending() + counts.dropped(Dropped::Overflow), 50_000);
    assert!((8_000..=10_000).contains(&counts.pending()), "{counts:?}");
    let waiting = remote_write.queue.oldest(100).unwrap();
    assert!(waiting.iter().map(|item| item.content.len()).sum::<usize>() < 1 << 20);
    remote_write.queue.close();
    deliver_all(&remote_write);
    let times: Vec<i64> =
        receiver.taken().iter().flat_map(|taken| read(taken).into_values()).map(|(_, at)| at).collect();
    assert!(times.is_sorted() && times.last() == Some(&300_000), "{:?}", (times.first(), times.last()));
    assert_eq!(counts.newest(), Timestamp::from_millisecond(300_000).ok());
}

#[test]
fn a_secret_in_a_file_is_read_for_every_request_and_shown_by_no_error() {
    let stub =
        Stub::replying(&["401 Unauthorized\r\n\r\nyour token hunter2 is no good", "204 No Content\r\n\r\n"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let remote_write = remote_write(&stub, &format!(", bearer_token_file: '{}'", file.display()));
    remote_write.put(Known::default().next(vec![(labels("a"), 1.0)], 1_000));
    let items = remote_write.queue.oldest(1).unwrap();
    let within = Duration::from_secs(5);
    assert!(
        matches!(remote_write.send(&items, within), Err(Failed::Again(why, None)) if why.contains("token"))
    );
    std::fs::write(&file, "hunter2\n").unwrap();
    let refused = remote_write.send(&items, within);
    assert!(
        matches!(&refused, Err(Failed::Rejected(why)) if why.contains("401") && !why.contains("hunter2")),
        "{refused:?}"
    );
    std::fs::write(&file, "another\n").unwrap();
    assert_eq!(remote_write.send(&items, within), Ok(0));
    let heads: Vec<String> = stub.taken().iter().map(|taken| taken.head.clone()).collect();
    assert!(
        heads[0].contains("authorization: bearer hunter2")
            && heads[1].contains("authorization: bearer another")
    );
}
