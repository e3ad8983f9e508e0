//! Whoever is asked: servers on loopback that note who came.

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record, RecordType};

/// A server of HTTP. `/ok` is well, `/chunked` too, `/to?URL` redirects, and everything else is not there.
pub(crate) struct Http {
    pub(crate) address: SocketAddr,
    came: Arc<Mutex<Vec<(Instant, String)>>>,
}

impl Http {
    /// One at an address of loopback; port 0 is any.
    pub(crate) fn at(address: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let server = Self { address: listener.local_addr().unwrap(), came: Arc::default() };
        let came = Arc::clone(&server.came);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let came = Arc::clone(&came);
                let at = Instant::now();
                thread::spawn(move || serve(&stream, &came, at));
            }
        });
        server
    }

    /// When somebody connected, and what they asked for.
    pub(crate) fn came(&self) -> Vec<(Instant, String)> {
        self.came.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, came: &Mutex<Vec<(Instant, String)>>, at: Instant) {
    let mut reader = BufReader::new(stream);
    let (mut first, mut line) = (String::new(), String::new());
    while reader.read_line(&mut line).is_ok_and(|read| read > 0) && line != "\r\n" {
        if first.is_empty() {
            first.clone_from(&line);
        }
        line.clear();
    }
    came.lock().unwrap().push((at, first.clone()));
    let path = first.split(' ').nth(1).unwrap_or_default();
    let answer = match path.split_once('?') {
        Some(("/to", url)) => format!("302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n"),
        _ if path == "/ok" => {
            "200 OK\r\nX-Role: primary\r\nContent-Length: 11\r\n\r\nhello world".to_string()
        }
        _ if path == "/chunked" => {
            "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n".to_string()
        }
        _ => "404 Not Found\r\nContent-Length: 0\r\n\r\n".to_string(),
    };
    _ = (&*stream).write_all(format!("HTTP/1.1 {answer}").as_bytes());
}

/// A server that greets, and answers a line.
pub(crate) fn greeter() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                _ = (&stream).write_all(b"welcome\r\n220 mail.example ESMTP\r\n");
                let mut line = String::new();
                _ = BufReader::new(&stream).read_line(&mut line);
                _ = (&stream).write_all(format!("you said {line}").as_bytes());
            });
        }
    });
    address
}

/// A DNS server that says of every name each of these addresses in turn, and then the last.
pub(crate) struct Liar {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<usize>>,
    says: Arc<Mutex<Vec<Ipv4Addr>>>,
}

impl Liar {
    /// One at an address, where that may be listened on.
    pub(crate) fn at(address: &str) -> Option<Self> {
        let socket = UdpSocket::bind(address).ok()?;
        let liar =
            Self { address: socket.local_addr().unwrap(), asked: Arc::default(), says: Arc::default() };
        let (asked, says) = (Arc::clone(&liar.asked), Arc::clone(&liar.says));
        thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
                let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
                answer.metadata.recursion_available = true;
                let Some(query) = question.queries.first().cloned() else { continue };
                answer.add_query(query.clone());
                if query.query_type() == RecordType::A {
                    let (mut asked, says) = (asked.lock().unwrap(), says.lock().unwrap());
                    match says.get(*asked).or(says.last()) {
                        Some(address) => {
                            let data = RData::A(A(*address));
                            answer.add_answers([Record::from_rdata(query.name().clone(), 0, data)]);
                        }
                        None => answer.metadata.response_code = ResponseCode::NXDomain,
                    }
                    *asked += 1;
                }
                _ = socket.send_to(&answer.to_vec().unwrap(), from);
            }
        });
        Some(liar)
    }

    /// What it says from now on.
    pub(crate) fn say(&self, addresses: &[&str]) {
        *self.asked.lock().unwrap() = 0;
        *self.says.lock().unwrap() = addresses.iter().map(|address| address.parse().unwrap()).collect();
    }

    /// How often it was asked for an IPv4 address.
    pub(crate) fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }

    pub(crate) fn ip(&self) -> IpAddr {
        self.address.ip()
    }
}
