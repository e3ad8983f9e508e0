//! What answers at the far end, and what its firewall counts there.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use crate::world::{feed, within};

/// Waits for the other side to finish, as most servers do.
pub(crate) const PATIENT: u16 = 2001;
/// Greets as MySQL does.
pub(crate) const GREETING: u16 = 2002;
/// Resets what it accepted.
pub(crate) const RESETTING: u16 = 2003;
/// Speaks half a second late.
pub(crate) const LATE: u16 = 2004;
/// Waits as well; what it gets is not counted.
pub(crate) const UNCOUNTED: u16 = 2008;
/// Sends datagrams back.
pub(crate) const ECHOING: u16 = 2006;
/// Takes datagrams and says nothing.
pub(crate) const MUTE: u16 = 2007;
/// Nothing listens.
pub(crate) const CLOSED: u16 = 2005;

/// Opens every port, for IPv4 and IPv6.
pub(crate) fn start() {
    within("server", || {
        for port in [1010, 1011, 1012, 1013, 1014, 1015, 1016, 1017, 1018, PATIENT, UNCOUNTED] {
            listen(port, |_| {});
        }
        listen(GREETING, |mut stream| drop(stream.write_all(b"\x4a\0\0\0\x0a8.4.3\0 and so on")));
        listen(RESETTING, |stream| {
            thread::sleep(Duration::from_millis(100));
            SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
        });
        listen(LATE, |mut stream| {
            thread::sleep(Duration::from_millis(500));
            drop(stream.write_all(b"hello"));
        });
        for port in [ECHOING, 1010, 1013, 1014] {
            return_datagrams(port);
        }
        let mute = UdpSocket::bind(("::", MUTE)).unwrap();
        std::mem::forget(mute);
        let counted: String = [PATIENT, GREETING, LATE].map(counters).concat();
        feed(Command::new("nft").args(["-f", "-"]), &counted);
    });
}

fn return_datagrams(port: u16) {
    let socket = UdpSocket::bind(("::", port)).unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            drop(socket.send_to(&buffer[..length], from));
        }
    });
}

fn listen(port: u16, serve: fn(&TcpStream)) {
    let listener = TcpListener::bind(("::", port)).unwrap();
    // Started from a thread inside the namespace, it lives there as well.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            thread::spawn(move || {
                serve(&stream);
                if port != RESETTING {
                    drop((&stream).read_to_end(&mut Vec::new()));
                }
            });
        }
    });
}

fn counters(port: u16) -> String {
    format!(
        "
table inet port{port} {{
  counter total {{}}
  counter syn {{}}
  counter fin {{}}
  counter rst {{}}
  chain input {{
    type filter hook input priority 0; policy accept;
    tcp dport {port} counter name total
    tcp dport {port} tcp flags & syn == syn counter name syn
    tcp dport {port} tcp flags & fin == fin counter name fin
    tcp dport {port} tcp flags & rst == rst counter name rst
  }}
}}
"
    )
}

/// How many packets to `port` the server's firewall counted under that name.
pub(crate) fn counted(port: u16, name: &str) -> u64 {
    let table = format!("port{port}");
    let text =
        within("server", || feed(Command::new("nft").args(["list", "counter", "inet", &table, name]), ""));
    let mut words = text.split_ascii_whitespace().skip_while(|word| *word != "packets");
    words.nth(1).and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no count in {text}"))
}
