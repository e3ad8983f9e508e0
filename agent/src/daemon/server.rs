//! What the daemon says over HTTP. A client that is slow, or says what it should not, holds up nothing but its own
//! connection, and that not for long.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::answer::unauthorized;
use super::routes::{Daemon, answer};
use super::stop::Stop;
use crate::exit::Failure;

/// How many connections are held at a time; others wait to be taken.
const CONNECTIONS: usize = 256;
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
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
            let accepted = loop {
                if stop.is_asked() {
                    return Ok(());
                }
                match timeout(Duration::from_millis(100), listener.accept()).await {
                    Ok(Ok((stream, _))) => break stream,
                    // Descriptors may have run out; they come back.
                    Ok(Err(_)) => tokio::time::sleep(Duration::from_millis(100)).await,
                    Err(_) => {}
                }
            };
            let daemon = Arc::clone(&daemon);
            tokio::spawn(async move {
                // How it ended is the client's business.
                _ = timeout(LONGEST, connection(accepted, daemon)).await;
                drop(place);
            });
        }
    });
    // Questions that are under way are left.
    runtime.shutdown_background();
    served
}

/// One connection, from its first byte to its last.
async fn connection(stream: TcpStream, daemon: Arc<Daemon>) {
    match daemon.reload.access().tls.clone() {
        None => talk(stream, daemon).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = timeout(HEAD, TlsAcceptor::from(tls).accept(stream)).await {
                talk(stream, daemon).await;
            }
        }
    }
}

async fn talk<S>(stream: S, daemon: Arc<Daemon>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let daemon = Arc::clone(&daemon);
        async move {
            let access = daemon.reload.access();
            let mut answer = match access.admits(request.headers().get(AUTHORIZATION)).await {
                true => answer(&request, &daemon).await,
                false => unauthorized(),
            };
            for (name, value) in &access.headers {
                answer.headers_mut().insert(name, value.clone());
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_headers(64)
        .serve_connection(TokioIo::new(stream), service);
    _ = connection.await;
}
