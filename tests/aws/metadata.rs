//! Who is asked and who is not: the metadata service of an instance, and an AWS that nobody reaches.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::folder::files;
use crate::stub::{
    ACCOUNT, REGION, Room, SECRET, collect, endpoint, manifest, peerscope, run, shows_no_secret,
};

/// A listener that counts its connections.
struct Counted {
    address: String,
    connections: Arc<AtomicUsize>,
}

impl Counted {
    /// One that does with each connection what it is told.
    fn start(answer: impl Fn(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        thread::spawn(move || {
            for connection in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                answer(connection.unwrap());
            }
        });
        Self { address, connections }
    }

    /// One that takes connections, and never says anything.
    fn silent() -> Self {
        Self::start(std::mem::forget)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// An address where nobody listens.
fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// The command with a metadata service.
fn with_metadata(mut command: Command, metadata: &str) -> Command {
    command.env_remove("AWS_EC2_METADATA_DISABLED").env("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata);
    command
}

/// `why` of a port of this host at which nobody listens.
fn why(endpoint: &str) -> Command {
    let target = closed().replace("http://", "tcp://");
    let mut command = peerscope(endpoint);
    command.args(["why", &target, "--format", "json"]);
    command
}

#[test]
fn nobody_is_asked_unless_it_is_said() {
    let (room, folder) = (Room::rich(), tempfile::tempdir().unwrap());
    let target = folder.path().join("snapshot");
    run(&mut room.collect(&target)).good();
    let asked = room.asked().len();
    let (aws, metadata) = (Counted::silent(), Counted::silent());
    let snapshot = |command: &mut Command| {
        command.arg("--snapshot").arg(&target);
    };
    let commands: [(&[&str], bool); 6] = [
        (&["why", "tcp://127.0.0.1:9", "--deadline", "3"], false),
        (&["why", "tcp://10.0.1.20:5432", "--from", "10.1.2.30", "--no-probe"], true),
        (&["analyze", "--to", "tcp://10.0.1.20:5432", "--from", "10.1.2.30"], true),
        (&["check"], true),
        (&["matrix"], true),
        (&["collect", "--iam-policy"], false),
    ];
    for with_credentials in [false, true] {
        for (arguments, reads) in commands {
            let mut command = with_metadata(peerscope(&aws.address), &metadata.address);
            if with_credentials {
                command.env("AWS_ACCESS_KEY_ID", room.key(ACCOUNT)).env("AWS_SECRET_ACCESS_KEY", SECRET);
                command.env("AWS_REGION", REGION);
            }
            command.args(arguments);
            if reads {
                snapshot(&mut command);
            }
            let said = run(&mut command);
            assert!(
                said.status.is_some_and(|status| status < 4 && !said.out.is_empty()),
                "{arguments:?}: {said:?}"
            );
            assert_eq!((metadata.connections(), aws.connections()), (0, 0), "{arguments:?}");
        }
    }
    assert_eq!(room.asked().len(), asked);
}

/// Where it is said, an instance's metadata service is asked, and waited for no longer than it ever takes.
#[test]
fn a_silent_metadata_service_is_soon_given_up() {
    let folder = tempfile::tempdir().unwrap();
    for region in [None, Some(REGION)] {
        let metadata = Counted::silent();
        let mut command = with_metadata(peerscope(&endpoint()), &metadata.address);
        command.envs(region.map(|region| ("AWS_REGION", region)));
        let said = run(&mut collect(command, &folder.path().join("snapshot")));
        assert_eq!(said.status, Some(2), "{}", said.error);
        assert!(said.error.contains("no credentials of AWS were found"), "{}", said.error);
        // Once for the Region, where none is named, and once for credentials.
        assert_eq!(metadata.connections(), if region.is_none() { 2 } else { 1 });
        assert!(said.took < Duration::from_secs(2), "{:?}", said.took);
    }
}

/// An instance's role reads with the credentials and in the Region that its metadata service tells.
#[test]
fn an_instance_reads_with_its_role() {
    let (room, folder) = (Room::rich(), tempfile::tempdir().unwrap());
    let key = room.key(ACCOUNT).replace("AKIA", "ASIA");
    let token = format!("token-of-{ACCOUNT}");
    let credentials = json!({"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-11-01T00:00:00Z",
        "AccessKeyId": key, "SecretAccessKey": SECRET, "Token": token, "Expiration": "2099-01-01T00:00:00Z"})
    .to_string();
    let metadata = Counted::start(move |connection| {
        let credentials = credentials.clone();
        thread::spawn(move || tell(connection, &credentials));
    });
    let target = folder.path().join("snapshot");
    let said = run(&mut collect(with_metadata(peerscope(&endpoint()), &metadata.address), &target)).good();
    assert!(
        said.error.contains("in us-east-1 as arn:aws:sts::111122223333:assumed-role/reads/peerscope"),
        "{}",
        said.error
    );
    assert_eq!(manifest(&target).gaps, []);
    for (_, text) in files(&target) {
        shows_no_secret(&text);
    }
}

/// Answers requests as the metadata service of an instance with a role does.
fn tell(mut connection: TcpStream, credentials: &str) {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    while let Ok(length) = connection.read(&mut part) {
        if length == 0 {
            return;
        }
        request.extend_from_slice(&part[..length]);
        let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(request.drain(..end + 4).collect()).unwrap();
        let path = head.split(' ').nth(1).unwrap_or_default().to_string();
        let (status, body) = match path.as_str() {
            "/latest/api/token" => ("200 OK", "token-of-metadata"),
            "/latest/meta-data/placement/region" => ("200 OK", REGION),
            "/latest/meta-data/iam/security-credentials/" => ("200 OK", "reads"),
            "/latest/meta-data/iam/security-credentials/reads" => ("200 OK", credentials),
            _ => ("404 Not Found", ""),
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nx-aws-ec2-metadata-token-ttl-seconds: 600\r\n\r\n{body}"
        );
        if connection.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// With no network, and with no credentials, probes still tell, and in time.
#[test]
fn probes_tell_where_nobody_answers_for_the_accounts() {
    let deadline = 4;
    let silent = Counted::silent();
    let key = |command: &mut Command| {
        command.env("AWS_ACCESS_KEY_ID", format!("AKIA{ACCOUNT}")).env("AWS_SECRET_ACCESS_KEY", SECRET);
        command.env("AWS_REGION", REGION);
    };
    let cases: [(&str, String, bool, Option<&str>, &str); 5] = [
        ("no credentials", closed(), false, None, "no credentials of AWS were found"),
        (
            "no credentials, and a silent metadata service",
            closed(),
            false,
            Some(&silent.address),
            "no credentials of AWS were found",
        ),
        ("nobody listens", closed(), true, None, "Connection refused"),
        (
            "a network that swallows",
            silent.address.clone(),
            true,
            None,
            "no answer came in the time that --deadline leaves",
        ),
        ("a proxy that swallows", closed(), true, None, "no answer came in the time that --deadline leaves"),
    ];
    for (name, endpoint, with_key, metadata, reason) in cases {
        let mut command = why(&endpoint);
        command.args(["--live", "--deadline", &deadline.to_string()]);
        if with_key {
            key(&mut command);
        }
        if let Some(metadata) = metadata {
            command = with_metadata(command, metadata);
        }
        if name.starts_with("a proxy") {
            command.env("AWS_ENDPOINT_URL", "http://aws.invalid").env("HTTP_PROXY", &silent.address);
        }
        let said = run(&mut command);
        assert!(said.took < Duration::from_secs(deadline + 1), "{name}: {:?}", said.took);
        let report = said.json();
        assert_eq!(
            (said.status, &report["causes"][0]["code"]),
            (Some(1), &"PORT_CLOSED".into()),
            "{name}: {report}"
        );
        let gaps = report["gaps"].as_array().unwrap();
        let of_aws =
            gaps.iter().find(|gap| gap["what"].as_str().is_some_and(|what| what.starts_with("AWS's side")));
        let gap = of_aws.unwrap_or_else(|| panic!("{name}: {gaps:?}"));
        assert!(gap["reason"].as_str().unwrap().contains(reason), "{name}: {gap}");
    }
}

/// Where the network swallows or refuses, a collection ends in time and leaves nothing.
#[test]
fn nothing_is_left_of_a_collection_from_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let target: &Path = &folder.path().join("snapshot");
    let silent = Counted::silent();
    for endpoint in [silent.address.as_str(), &closed()] {
        let mut command = collect(peerscope(endpoint), target);
        command.env("AWS_ACCESS_KEY_ID", format!("AKIA{ACCOUNT}")).env("AWS_SECRET_ACCESS_KEY", SECRET);
        let said = run(command.env("AWS_REGION", REGION).args(["--deadline", "3"]));
        assert_eq!(said.status, Some(2), "{}", said.error);
        assert!(said.took < Duration::from_secs(4), "{:?}", said.took);
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
    }
}
