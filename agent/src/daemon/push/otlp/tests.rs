use std::path::PathBuf;

use super::super::super::configuration::{self, LogFormat};
use super::super::super::log::Log;
use super::super::super::stub::Stub;
use super::super::counts::Dropped;
use super::super::deliver::deliver;
use super::*;

fn document(folder: &tempfile::TempDir, address: &str, rest: &str) -> Document {
    let file: PathBuf = folder.path().join("peerscope.yml");
    let text = format!(
        "external_url: https://peerscope.example/\notlp_logs: {{url: 'http://{address}/v1/logs'{rest}}}\n"
    );
    std::fs::write(&file, text).unwrap();
    configuration::read(&file).unwrap()
}

#[test]
fn a_request_is_as_the_specification_has_it_and_what_is_not_taken_counts() {
    let stub = Stub::replying(&[
        "503 Service Unavailable\r\nretry-after: 0\r\n\r\n",
        "200 OK\r\ncontent-type: application/json\r\n\r\n{\"partialSuccess\": {\"rejectedLogRecords\": \"1\"}}",
    ]);
    let folder = tempfile::tempdir().unwrap();
    let document = document(&folder, &stub.address, ", headers: {x-key: hunter2}");
    let log = VerdictLog::new(&document);
    let collector = Collector::new(document.otlp_logs.as_ref().unwrap()).unwrap();
    let queue = log.queue().unwrap();
    let counts = queue.counts();
    for number in 0..3 {
        queue.push(Arc::new(json!({ "body": { "stringValue": number.to_string() } })), 1, number);
    }
    queue.close();
    deliver(&queue, MOST_RECORDS, "otlp_logs", &Log::new(LogFormat::Json), |records, within| {
        collector.send("worker.1", records, within)
    });
    let taken = stub.taken();
    assert_eq!(taken.len(), 2);
    assert!(
        taken[1].head.contains("x-key: hunter2") && taken[1].head.contains("content-type: application/json")
    );
    let body: Value = serde_json::from_slice(&taken[1].body).unwrap();
    let of = &body["resourceLogs"][0];
    assert_eq!(of["resource"]["attributes"][2]["value"]["stringValue"], "worker.1");
    assert_eq!(of["scopeLogs"][0]["logRecords"][2]["body"]["stringValue"], "2");
    assert_eq!((counts.sent(), counts.dropped(Dropped::Rejected), counts.failed()), (2, 1, 1));
}

#[test]
fn a_name_of_a_path_stays_one_part_of_the_link() {
    assert_eq!(encoded("orders-db"), "orders-db");
    assert_eq!(encoded("Bestellungen ü?#%"), "Bestellungen%20%C3%BC%3F%23%25");
}
