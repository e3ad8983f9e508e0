//! What the daemon says over HTTP. A client that is slow, or says what it should not, holds up nothing but its own
//! connection, and that not for long.

mod connections;

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use self::connections::{Connections, State};
use super::answer::{Answer, unauthorized};
use super::routes::{Daemon, Promised, answer};
use super::stop::Stop;
use crate::exit::Failure;

/// The longest head of a request, and how much of one connection is kept for its client.
const BUFFER: usize = 64 << 10;
/// How long a client may take over its request's head.
const HEAD: Duration = Duration::from_secs(10);
/// How long a connection may last.
const LONGEST: Duration = Duration::from_secs(300);

/// Listens.
///
/// # Errors
/// Where the address cannot be had.
pub(super) fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .map_err(|error| Failure::usage(format!("run: cannot listen on {address}: {error}")))
}

/// Serves until all is to end.
///
/// # Errors
/// Where the system gives no runtime.
pub(super) fn run(listener: TcpListener, daemon: Daemon, stop: &Stop) -> Result<(), Failure> {
    let daemon = Arc::new(daemon);
    let internal = |error: std::io::Error| Failure::Internal(format!("HTTP: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(internal)?;
    let served = runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).map_err(internal)?;
        let connections = Arc::new(Connections::default());
        loop {
            let (accepted, from) = loop {
                if stop.is_asked() {
                    return Ok(());
                }
                match timeout(Duration::from_millis(100), listener.accept()).await {
                    Ok(Ok((stream, from))) => break (stream, from.ip()),
                    // Descriptors may have run out; they come back.
                    Ok(Err(_)) => tokio::time::sleep(Duration::from_millis(100)).await,
                    Err(_) => {}
                }
            };
            let talk = Talk {
                daemon: Arc::clone(&daemon),
                connections: Arc::clone(&connections),
                state: Arc::default(),
            };
            let state = Arc::clone(&talk.state);
            // How it ends is the client's business.
            let task = tokio::spawn(timeout(LONGEST, talk.begin(accepted)));
            connections.hold(from, task.abort_handle(), state);
        }
    });
    // Questions that are under way are left.
    runtime.shutdown_background();
    served
}

/// One connection, from its first byte to its last.
struct Talk {
    daemon: Arc<Daemon>,
    connections: Arc<Connections>,
    state: Arc<State>,
}

impl Talk {
    async fn begin(self, stream: TcpStream) {
        match self.daemon.reload.access().tls.clone() {
            None => self.serve(stream).await,
            Some(tls) => {
                if let Ok(Ok(stream)) = timeout(HEAD, TlsAcceptor::from(tls).accept(stream)).await {
                    self.serve(stream).await;
                }
            }
        }
    }

    async fn serve<S>(self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let talk = Arc::new(self);
        let service = service_fn(move |request: Request<Incoming>| {
            let talk = Arc::clone(&talk);
            async move { Ok::<_, Infallible>(talk.answer(&request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_headers(64)
            .max_buf_size(BUFFER)
            // An answer is not copied, so that it is known when it is read.
            .writev(true)
            .serve_connection(TokioIo::new(stream), service);
        _ = connection.await;
    }

    async fn answer(&self, request: &Request<Incoming>) -> Answer {
        let access = self.daemon.reload.access();
        let is_admitted = access.admits(request.headers().get(AUTHORIZATION)).await;
        self.state.is_answering.store(is_admitted, Ordering::Relaxed);
        let mut turn = self.connections.turn().await;
        let promised =
            if is_admitted { answer(request, &self.daemon) } else { Promised::Given(unauthorized()) };
        let answer = match promised {
            Promised::Given(answer) => answer,
            Promised::Sought(answer) => {
                drop(turn);
                let answer = answer.await;
                turn = self.connections.turn().await;
                answer
            }
        };
        let (mut head, body) = answer.into_parts();
        for (name, value) in &access.headers {
            head.headers.insert(name, value.clone());
        }
        let body = self.connections.keep(&self.state, body.into_inner().unwrap_or_default()).await;
        drop(turn);
        self.state.is_answering.store(false, Ordering::Relaxed);
        Answer::from_parts(head, Full::new(body))
    }
}
