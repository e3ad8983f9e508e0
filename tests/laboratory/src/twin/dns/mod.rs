//! A DNS server on a twin's host, honest or not.
//!
//! Half of what people take for a network's fault is a name's: it does not resolve, resolves to a public
//! address, or to what a broken server made up. A tool that asks such servers must come to a plain
//! sentence whatever they say, so this one says all of it.

mod message;

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::serving::{Service, Serving};
use super::socket::{bind_when_free, stop_listening};
use super::{Host, Twin};
use crate::error::LaboratoryError;
use message::{Query, Transport, answer};

/// How a server answers what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsBehaviour {
    /// By its records; no such name (NXDOMAIN) where it has none. A name may have several addresses, and
    /// public ones.
    Honest,
    /// No such name, whatever it is asked (NXDOMAIN).
    NoSuchName,
    /// It failed (SERVFAIL).
    Fails,
    /// It will not (REFUSED).
    Refuses,
    /// Not at all.
    Mute,
    /// With thousands of addresses beside the records', in one datagram of 56 kB by UDP as well.
    Huge,
    /// By UDP with nothing but the sign that the answer is longer (TC), by TCP honestly.
    OnlyByTcp,
    /// With a message that ends inside a record, by TCP before the length that it was said to have.
    CutShort,
    /// With an alias of an alias of the first one.
    LoopingAlias,
    /// With names that are compressed into themselves.
    LoopingPointer,
    /// Honestly, to a question that nobody asked: another id.
    OtherId,
    /// With bytes that mean nothing, after the right id.
    Garbage,
    /// That the name exists and has no address, whatever it is asked (NODATA).
    NoAddress,
    /// Honestly, to a question that nobody asked: the right id, another name.
    OtherQuestion,
    /// Honestly, but from another port.
    FromElsewhere,
    /// By UDP with nothing but the sign that the answer is longer (TC); by TCP it takes the question and says
    /// nothing.
    MuteByTcp,
    /// The same by UDP; the connection ends at once.
    ClosesTcp,
}

/// A server that answers. It ends when this is dropped.
#[derive(Debug)]
pub struct DnsServer {
    address: IpAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _serving: Serving,
}

/// The longest that one client by TCP may hold the others up.
const PATIENCE: Duration = Duration::from_millis(500);

/// DNS's port.
const PORT: u16 = 53;

impl Twin<'_> {
    /// Answers DNS queries on every address of `host`, by UDP and TCP. `records` are names with an
    /// address each; a name may come several times. Upper and lower case are the same.
    ///
    /// # Errors
    /// [`LaboratoryError`] where the host does not exist or the port is taken.
    pub fn dns(
        &self,
        host: &Host,
        records: &[(&str, IpAddr)],
        behaviour: DnsBehaviour,
    ) -> Result<DnsServer, LaboratoryError> {
        let address = self.planned(host)?.addresses.first().copied();
        let address = address.ok_or_else(|| LaboratoryError::NoSuchHost(host.to_string()))?;
        let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT));
        let system = |source| LaboratoryError::system("answer DNS queries", source);
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let (datagrams, elsewhere, listener) = self.namespace_of(host)?.within(|| {
            Ok((
                bind_when_free(|| UdpSocket::bind(everywhere)).map_err(system)?,
                UdpSocket::bind(nowhere).map_err(system)?,
                bind_when_free(|| TcpListener::bind(everywhere)).map_err(system)?,
            ))
        })?;
        datagrams.set_nonblocking(true).map_err(system)?;
        listener.set_nonblocking(true).map_err(system)?;
        let asked = Arc::new(Mutex::new(Vec::new()));
        let records = records.iter().map(|(name, address)| (name.to_ascii_lowercase(), *address)).collect();
        let (held, asking) = (Vec::new(), Arc::clone(&asked));
        let server = Answering { datagrams, elsewhere, held, listener, records, behaviour, asked: asking };
        let serving = Serving::start("answer DNS queries", server)?;
        Ok(DnsServer { address, asked, _serving: serving })
    }
}

impl DnsServer {
    /// Where it is asked.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// What it was asked so far: `A orders-db.internal`.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Answering {
    datagrams: UdpSocket,
    /// The same host, another port.
    elsewhere: UdpSocket,
    held: Vec<TcpStream>,
    listener: TcpListener,
    records: Vec<(String, IpAddr)>,
    behaviour: DnsBehaviour,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Service for Answering {
    fn sockets(&self) -> Vec<BorrowedFd<'_>> {
        vec![self.datagrams.as_fd(), self.listener.as_fd()]
    }

    fn serve(&mut self, _ready: &[bool]) {
        let mut buffer = [0; 4096];
        while let Ok((length, client)) = self.datagrams.recv_from(&mut buffer) {
            if let Some(reply) = self.reply(&buffer[..length], Transport::Udp) {
                let sender = match self.behaviour {
                    DnsBehaviour::FromElsewhere => &self.elsewhere,
                    _ => &self.datagrams,
                };
                // Who asked may be gone.
                let _ = sender.send_to(&reply, client);
            }
        }
        while let Ok((stream, _)) = self.listener.accept() {
            // A client that says nothing, or goes, is none of the others' business.
            let _ = self.converse(stream);
        }
    }

    fn end(&self) {
        stop_listening(&self.listener);
    }
}

impl Answering {
    /// One query by TCP: each message follows its length.
    fn converse(&mut self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut query)?;
        let Some(reply) = self.reply(&query, Transport::Tcp) else {
            if self.behaviour == DnsBehaviour::MuteByTcp {
                // It stays open until this server ends, or the client goes.
                self.held.push(stream);
            }
            return Ok(());
        };
        let mut said = u16::try_from(reply.len()).map_err(io::Error::other)?;
        if self.behaviour == DnsBehaviour::CutShort {
            said = said.saturating_mul(2);
        }
        stream.write_all(&[&said.to_be_bytes()[..], &reply].concat())
    }

    fn reply(&mut self, bytes: &[u8], transport: Transport) -> Option<Vec<u8>> {
        let query = Query::read(bytes)?;
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(query.to_string());
        answer(&query, &self.records, self.behaviour, transport)
    }
}
