//! A daemon, and what it says.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// A daemon that runs, and ends with this.
pub(super) struct Daemon {
    child: Child,
    pub(super) address: SocketAddr,
}

/// A port of this machine that nobody has.
pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What a server answered: its status, and the rest.
pub(super) type Answer = (u16, String);

impl Daemon {
    /// Starts one on a port, with the rest of its configuration, in a folder; its log goes into a file there.
    pub(super) fn start(folder: &Path, port: u16, configuration: &str) -> Self {
        let file = folder.join("peerscope.yml");
        fs::write(&file, format!("listen: 127.0.0.1:{port}\n{configuration}")).unwrap();
        let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_peerscope"))
            .args(["run", "--config"])
            .arg(&file)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let daemon = Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)) };
        daemon.until("it listens", || daemon.try_to_get("/-/healthy").is_ok_and(|(status, _)| status == 200));
        daemon
    }

    /// Waits until something holds.
    pub(super) fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < Duration::from_secs(30), "waited in vain until {what}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub(super) fn try_to_get(&self, path: &str) -> io::Result<Answer> {
        ask(self.address, "GET", path)
    }

    /// What it says of a path, as JSON.
    pub(super) fn get(&self, path: &str) -> Value {
        let (status, body) = self.try_to_get(path).unwrap();
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The value of a series, as /metrics writes it.
    pub(super) fn series(&self, series: &str) -> Option<String> {
        let (_, page) = self.try_to_get("/metrics").unwrap();
        page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ').map(str::to_string))
    }

    /// Kills it so that it can do nothing more.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and waits; how long it took.
    pub(super) fn terminate(mut self) -> Duration {
        let begun = Instant::now();
        let id = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
        begun.elapsed()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Asks a server over a connection of its own.
pub(super) fn ask(address: SocketAddr, method: &str, path: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    // An answer that was cut short was not given.
    if length.is_some_and(|length| length != body.len()) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((status.ok_or(io::ErrorKind::InvalidData)?, body.to_string()))
}
