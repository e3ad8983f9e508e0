//! A connection of which everything has to happen before one deadline, plain or by TLS.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use peerscope_probes::{certificate_facts, system_roots};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, ProtocolVersion, RootCertStore, SignatureScheme,
    StreamOwned,
};
use socket2::{Domain, SockAddr, Socket, Type};

use super::super::configuration::modules::{TlsModule, TlsVersion};
use super::page::Page;
use super::reach::Entrance;

/// How long the other side may take to end a connection once this one has.
const ENDING: Duration = Duration::from_millis(100);
/// The most that is read meanwhile.
const MOST_AT_THE_END: usize = 64 << 10;

/// A TCP connection whose reads and writes end at a deadline.
#[derive(Debug)]
pub(super) struct Timed {
    stream: TcpStream,
    deadline: Instant,
}

impl Timed {
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

fn in_time(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(buffer).map_err(in_time)
    }
}

impl Write for Timed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(buffer).map_err(in_time)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection.
#[derive(Debug)]
pub(super) enum Wire {
    /// As it is.
    Plain(Timed),
    /// By TLS.
    Secured(Box<StreamOwned<ClientConnection, Timed>>),
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(wire) => wire.read(buffer),
            Self::Secured(wire) => match wire.read(buffer) {
                // Many close without a word; what came is whole or not by other means.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                read => read,
            },
        }
    }
}

impl Write for Wire {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(wire) => wire.write(buffer),
            Self::Secured(wire) => wire.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(wire) => wire.flush(),
            Self::Secured(wire) => wire.flush(),
        }
    }
}

impl Wire {
    /// Connects to what may be connected to.
    ///
    /// # Errors
    /// Where that fails, or takes too long.
    pub(super) fn connect(
        to: Entrance,
        from: Option<std::net::IpAddr>,
        deadline: Instant,
    ) -> io::Result<Self> {
        let to = to.at();
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
        if let Some(from) = from {
            socket.bind(&SockAddr::from(SocketAddr::new(from, 0)))?;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        socket.connect_timeout(&to.into(), left.max(Duration::from_millis(1)))?;
        let stream: TcpStream = socket.into();
        stream.set_nodelay(true)?;
        Ok(Self::Plain(Timed { stream, deadline }))
    }

    /// Begins TLS, and notes what it shows.
    ///
    /// # Errors
    /// Where the handshake fails.
    pub(super) fn secure(self, host: &str, module: &TlsModule, page: &mut Page) -> io::Result<Self> {
        let Self::Plain(mut wire) = self else { return Ok(self) };
        let name = module.server_name.as_deref().unwrap_or(host).to_string();
        let name =
            ServerName::try_from(name).map_err(|_| other("expected a name that a certificate can have"))?;
        let mut connection = ClientConnection::new(configuration(module)?, name).map_err(other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut wire)?;
        }
        if let Some(version) = connection.protocol_version() {
            let version = if version == ProtocolVersion::TLSv1_3 { "TLS 1.3" } else { "TLS 1.2" };
            page.with(
                "probe_tls_version_info",
                "1, with the version of TLS.",
                vec![("version", version.to_string())],
                1.0,
            );
        }
        let chain = connection.peer_certificates().into_iter().flatten();
        let earliest = chain.filter_map(|one| certificate_facts(one)).map(|facts| facts.not_after).min();
        if let Some(earliest) = earliest {
            #[expect(clippy::cast_precision_loss, reason = "seconds of any era are exact")]
            let seconds = earliest as f64;
            page.put(
                "probe_ssl_earliest_cert_expiry",
                "When the first certificate of the chain ends to be valid.",
                seconds,
            );
        }
        Ok(Self::Secured(Box::new(StreamOwned::new(connection, wire))))
    }

    /// Ends the connection as a good client does: with FIN, and after what the other side still says.
    pub(super) fn end(self) {
        let mut timed = match self {
            Self::Plain(timed) => timed,
            Self::Secured(mut wire) => {
                wire.conn.send_close_notify();
                _ = wire.conn.write_tls(&mut wire.sock);
                wire.sock
            }
        };
        if timed.stream.shutdown(Shutdown::Write).is_err() {
            return;
        }
        timed.deadline = Instant::now() + ENDING;
        let (mut buffer, mut read) = ([0; 4096], 0);
        while read < MOST_AT_THE_END {
            match timed.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(more) => read += more,
            }
        }
    }
}

fn other(error: impl ToString) -> io::Error {
    io::Error::other(error.to_string())
}

fn configuration(module: &TlsModule) -> io::Result<Arc<ClientConfig>> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = if module.min_version == Some(TlsVersion::Tls13) {
        builder.with_protocol_versions(&[&TLS13])
    } else {
        builder.with_safe_default_protocol_versions()
    };
    let builder = builder.map_err(other)?;
    let builder = if module.insecure_skip_verify {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Any(provider)))
    } else {
        let roots = module.ca_file.as_deref().map_or_else(|| Ok(system_roots()), roots)?;
        builder.with_root_certificates(roots)
    };
    let configuration = match (&module.cert_file, &module.key_file) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| named(key, &error))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| named(certificate, &error))?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(Arc::new(configuration))
}

fn named(file: &Path, error: &dyn ToString) -> io::Error {
    other(format!("{}: {}", file.display(), error.to_string()))
}

fn certificates(file: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    read.map_err(|error| named(file, &error))
}

fn roots(file: &Path) -> io::Result<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| named(file, &error))?;
    }
    Ok(Arc::new(roots))
}

/// Takes any certificate, where the module says so.
#[derive(Debug)]
struct Any(Arc<CryptoProvider>);

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
