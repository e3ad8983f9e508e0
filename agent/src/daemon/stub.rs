//! A receiver on loopback, for tests: it keeps what it is sent, and answers as it is told.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request that came.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    /// The first line and the headers, in small letters.
    pub(super) head: String,
    /// The body.
    pub(super) body: Vec<u8>,
}

/// A receiver.
#[derive(Clone)]
pub(super) struct Stub {
    /// Its address.
    pub(super) address: String,
    taken: Arc<Mutex<Vec<Taken>>>,
    replies: Arc<Mutex<VecDeque<String>>>,
}

impl Stub {
    /// One that answers with these, each once, and from then on with 204. A reply is a status line, headers and a body.
    pub(super) fn replying(replies: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stub = Self {
            address: listener.local_addr().unwrap().to_string(),
            taken: Arc::default(),
            replies: Arc::new(Mutex::new(replies.iter().map(|reply| (*reply).to_string()).collect())),
        };
        let serving = stub.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = serving.clone();
                thread::spawn(move || serving.serve(&stream));
            }
        });
        stub
    }

    /// What came so far.
    pub(super) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        loop {
            let mut head = String::new();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    return;
                }
                if line == "\r\n" {
                    break;
                }
                head += &line;
            }
            let lower = head.to_ascii_lowercase();
            let length = lower.lines().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            reader.read_exact(&mut body).unwrap();
            self.taken.lock().unwrap().push(Taken { head: lower, body });
            let reply = self.replies.lock().unwrap().pop_front();
            let reply = reply.unwrap_or_else(|| "204 No Content\r\n\r\n".to_string());
            let (head, body) = reply.split_once("\r\n\r\n").unwrap_or((&reply, ""));
            let whole = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            if (&*stream).write_all(whole.as_bytes()).is_err() {
                return;
            }
        }
    }
}
