//! A stub of Heroku's API on loopback: answers by a script, and keeps every request that it was sent.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How a path is answered.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// A status, more headers, and a body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// The headers of an answer and half of its body, then the end.
    Truncated(String),
    /// Bytes that are no HTTP.
    Garbage,
    /// Nothing, for ever.
    Silence,
    /// An answer larger than any.
    Endless,
    /// The first time the first, from then on the second.
    Then(Box<Reply>, Box<Reply>),
}

impl Reply {
    /// 200 and a document.
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self::Answer(200, Vec::new(), body.into())
    }

    /// An error in Heroku's form.
    pub(crate) fn error(status: u16, id: &str, message: &str) -> Self {
        Self::Answer(status, Vec::new(), format!(r#"{{"id": "{id}", "message": "{message}"}}"#))
    }

    /// A page of a list, after which another comes.
    pub(crate) fn page(body: &str, next: &str) -> Self {
        Self::Answer(206, vec![("Next-Range", next.to_string())], body.to_string())
    }
}

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
}

/// The stub.
pub(crate) struct Api {
    address: SocketAddr,
    scheme: &'static str,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    replies: BTreeMap<String, Reply>,
    asked: Vec<Asked>,
    /// After so many requests it says nothing more.
    stalls_after: Option<usize>,
}

impl Api {
    /// A stub that answers these paths, and 404 to all others.
    pub(crate) fn new(replies: impl IntoIterator<Item = (String, Reply)>) -> Self {
        Self::start(replies, None)
    }

    /// The same over TLS, with a server's side of it.
    pub(crate) fn encrypted(replies: impl IntoIterator<Item = (String, Reply)>, tls: ServerConfig) -> Self {
        Self::start(replies, Some(Arc::new(tls)))
    }

    fn start(replies: impl IntoIterator<Item = (String, Reply)>, tls: Option<Arc<ServerConfig>>) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
        let address = listener.local_addr().expect("the address of a listener");
        let state = State { replies: replies.into_iter().collect(), ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, tls) = (Arc::clone(&shared), tls.clone());
                thread::spawn(move || match tls.map(ServerConnection::new) {
                    Some(session) => {
                        serve(&mut StreamOwned::new(session.expect("a server's session"), stream), &shared);
                    }
                    None => serve(&mut { stream }, &shared),
                });
            }
        });
        Self { address, scheme, state }
    }

    /// The value of HEROKU_HOST for it.
    pub(crate) fn host(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Answers a path otherwise from now on.
    pub(crate) fn set(&self, path: &str, reply: Reply) {
        lock(&self.state).replies.insert(path.to_string(), reply);
    }

    /// Says nothing any more after so many requests from now.
    pub(crate) fn stall_after(&self, requests: Option<usize>) {
        let mut state = lock(&self.state);
        state.asked.clear();
        state.stalls_after = requests;
    }

    /// What it was asked.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        lock(&self.state).asked.clone()
    }

    /// The paths that it was asked for, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.path).collect()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(stream: &mut (impl Read + Write), state: &Mutex<State>) {
    let mut buffer = Vec::new();
    while let Some(asked) = read(stream, &mut buffer) {
        let reply = {
            let mut state = lock(state);
            let path = asked.path.clone();
            state.asked.push(asked);
            if state.stalls_after.is_some_and(|most| state.asked.len() > most) {
                Reply::Silence
            } else {
                let reply = state.replies.get(&path).cloned();
                match reply {
                    Some(Reply::Then(first, then)) => {
                        state.replies.insert(path, *then);
                        *first
                    }
                    Some(reply) => reply,
                    None => Reply::error(404, "not_found", "Couldn't find that."),
                }
            }
        };
        if !answer(stream, reply) {
            return;
        }
    }
}

/// The next request of a connection; nothing at its end.
fn read(stream: &mut impl Read, buffer: &mut Vec<u8>) -> Option<Asked> {
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        if let Ok(httparse::Status::Complete(length)) = request.parse(buffer) {
            let headers = request.headers.iter();
            let text = |header: &httparse::Header<'_>| String::from_utf8_lossy(header.value).into_owned();
            let asked = Asked {
                method: request.method.unwrap_or_default().to_string(),
                path: request.path.unwrap_or_default().to_string(),
                headers: headers.map(|header| (header.name.to_ascii_lowercase(), text(header))).collect(),
            };
            // GET has no body.
            buffer.drain(..length);
            return Some(asked);
        }
        let mut more = [0; 4096];
        match stream.read(&mut more) {
            Ok(0) | Err(_) => return None,
            Ok(length) => buffer.extend_from_slice(&more[..length]),
        }
    }
}

/// Answers; whether the connection goes on.
fn answer(stream: &mut impl Write, reply: Reply) -> bool {
    let head = |status: u16, length: usize| {
        format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n")
    };
    let written = match reply {
        Reply::Answer(status, headers, body) => {
            let headers: String =
                headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let text = format!("{}{headers}\r\n{body}", head(status, body.len()));
            return stream.write_all(text.as_bytes()).is_ok();
        }
        Reply::Truncated(body) => {
            let text = format!("{}\r\n{}", head(200, body.len()), &body[..body.len() / 2]);
            stream.write_all(text.as_bytes())
        }
        Reply::Garbage => stream.write_all(b"\x16\x03\x01 what is this?\r\n\r\n"),
        Reply::Silence | Reply::Then(..) => {
            thread::sleep(Duration::from_secs(120));
            Ok(())
        }
        Reply::Endless => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[\"");
            let much = vec![b'x'; 1 << 20];
            (0..64).try_for_each(|_| stream.write_all(&much))
        }
    };
    let _ = written;
    false
}
